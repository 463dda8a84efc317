"""Monitoring a growing meta-analysis: how much error each look may spend, and where it stops.

Exploratory unless the looks were planned before the first of them. The variance between studies is
estimated from the same studies, which the theory of the boundaries does not allow for.

References
----------
Lan KKG, DeMets DL 1983, doi:10.1093/biomet/70.3.659 (spending, O'Brien-Fleming type)
Armitage P, McPherson CK, Rowe BC 1969, doi:10.2307/2343787 (the recursion)
Wetterslev J et al. 2008, doi:10.1016/j.jclinepi.2007.03.013 (its use in meta-analysis)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.special import ndtr, ndtri

from enthesis.errors import InputError
from enthesis.evidence.subsets import require_two_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

NODES = 160
"""Gauss-Legendre nodes across the region of going on; boundaries are then exact to 1e-6."""

LARGEST_Z = 8.0
"""Boundaries beyond are infinite: the tails there hold 1e-15."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequential:
    """A growing meta-analysis held against its boundaries.

    Parameters
    ----------
    looks : a row per study added, indexed by it: k, estimate, z, information, fraction of the
        required one, spent (two-sided error up to here), boundary (of |z|, infinite where next to
        nothing may be spent, NaN where nothing is left) and crossed
    required_information : for `delta` at `alpha` and `power`
    first_crossed : position of the first look that crosses; None if none does
    alpha, power, delta : as asked
    """

    looks: pd.DataFrame
    required_information: float
    first_crossed: int | None
    alpha: float
    power: float
    delta: float


def spent_error(fractions: Floats, *, alpha: float) -> Floats:
    """Two-sided error that may be spent up to each fraction of the information, (n,).

    Parameters
    ----------
    fractions : 0..; from 1 on all of `alpha` is spent
    alpha : two-sided, half of it on each side: 2 (2 - 2 Φ(z / √t)), z the upper α/4 point
    """
    t = np.clip(np.asarray(fractions, dtype=float), 1e-12, 1.0)
    spent: Floats = 4.0 * ndtr(-ndtri(1.0 - alpha / 4.0) / np.sqrt(t))
    return spent


def boundaries(fractions: Sequence[float], *, alpha: float = 0.05) -> Floats:
    """Boundaries of |z| by O'Brien-Fleming-type spending, one for each look.

    Parameters
    ----------
    fractions : information of each look over the required one, growing
    alpha : two-sided error over all looks

    Returns
    -------
    (n,), infinite where next to nothing may be spent, NaN after the look that reaches 1.

    Raises
    ------
    InputError : fractions that do not grow from above 0.
    """
    t = np.asarray(fractions, dtype=float)
    if t.ndim != 1 or not (t > 0).all() or not (np.diff(t) > 0).all():
        raise InputError(f"information fractions grow from above 0, got {list(fractions)}")
    bounds = np.full(len(t), np.nan)
    spent = spent_error(t, alpha=alpha)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    # Density of the process at the nodes of the last look, among the paths that have gone on.
    place, density = np.zeros(1), np.ones(1)
    before = 0.0
    for i, now in enumerate(t):
        step = np.sqrt(now - (t[i - 1] if i else 0.0))
        room = spent[i] - (spent[i - 1] if i else 0.0)
        bounds[i] = _boundary(place, density, step, np.sqrt(now), room)
        if before >= 1.0 or now >= 1.0:
            break
        before = now
        reach = min(bounds[i], LARGEST_Z) * np.sqrt(now)
        nxt = reach * nodes
        kernel = np.exp(-0.5 * ((nxt[:, None] - place) / step) ** 2) / (step * np.sqrt(2 * np.pi))
        place, density = nxt, (kernel @ density) * weights * reach
    return bounds


def monitor(
    fit: Fit,
    order: str | None = None,
    *,
    delta: float,
    alpha: float = 0.05,
    power: float = 0.9,
) -> Sequential:
    """A random-effects mean as studies are added, beside its sequential boundaries.

    Parameters
    ----------
    fit : one pooled effect of independent effects, such as one mean per study
    order : column to sort by, ties keep the order of the rows; the rows' own order by default
    delta : the effect that is worth finding, in the units of the effects
    alpha, power : two-sided error and power of the required information

    Raises
    ------
    InputError : a fit with moderators, of dependent effects or with weights of its own; an unknown
        column; a `delta` of 0.

    Notes
    -----
    Every look weighs by 1 / (v + tau²) with the tau² of all studies: with that of the first one
    or two, which is often 0, early looks would count far too much information.
    """
    require_two_level(fit)
    if fit.p != 1 or fit.weights is not None:
        raise InputError(
            f"monitoring wants one pooled effect with inverse-variance weights, got {fit.p} "
            f"coefficients{'' if fit.weights is None else ' and weights of its own'}"
        )
    if not delta:
        raise InputError("delta is the effect worth finding; 0 needs infinitely much information")
    if order is not None and order not in fit.data.columns:
        raise InputError(
            f"no column {order!r} to sort by; there are {', '.join(map(str, fit.data.columns))}"
        )
    rows = (
        np.arange(fit.k) if order is None else np.argsort(fit.data[order].to_numpy(), kind="stable")
    )
    weights = (1.0 / fit.marginal.diagonal())[rows]
    information = np.cumsum(weights)
    summed = np.cumsum(weights * fit.effects[rows])
    required = float(((ndtri(1 - alpha / 2) + ndtri(power)) / delta) ** 2)
    fraction = information / required
    bound = boundaries(fraction.tolist(), alpha=alpha)
    z = summed / np.sqrt(information)
    crossed = np.abs(z) >= np.where(np.isnan(bound), np.inf, bound)
    looks = pd.DataFrame(
        {
            "k": np.arange(1, fit.k + 1),
            "estimate": summed / information,
            "z": z,
            "information": information,
            "fraction": fraction,
            "spent": spent_error(fraction, alpha=alpha),
            "boundary": bound,
            "crossed": crossed,
        },
        index=fit.data.index[rows],
    )
    return Sequential(
        looks=looks,
        required_information=required,
        first_crossed=int(np.argmax(crossed)) if crossed.any() else None,
        alpha=alpha,
        power=power,
        delta=delta,
    )


def _boundary(place: Floats, density: Floats, step: float, root: float, room: float) -> float:
    """Where |z| is crossed with probability `room` from here, among the paths that went on."""

    def crossing(bound: float) -> float:
        tails = ndtr((place - bound * root) / step) + ndtr((-bound * root - place) / step)
        return float(tails @ density)

    if crossing(LARGEST_Z) >= room:
        return float("inf")
    return float(brentq(lambda bound: crossing(bound) - room, 0.0, LARGEST_Z, xtol=1e-10))
