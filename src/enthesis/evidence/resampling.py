"""Tests and intervals that lean on resampling instead of normality: permutation and bootstrap."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from math import comb, prod
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.batch import CHUNK, fit_stack
from enthesis.evidence.formulas import INTERCEPT
from enthesis.evidence.multilevel import MultilevelFit
from enthesis.evidence.refit import on_clusters
from enthesis.evidence.subsets import groups_of, require_two_level

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from enthesis.evidence.batch import StackFit
    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

EXACT_UP_TO = 20_000
"""Rearrangements that "auto" still goes through one by one."""

SAME = np.sqrt(np.finfo(float).eps)
"""Statistics closer than this are equal: rearrangements that repeat the data differ by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PermutationTest:
    """P-values from rearranging the data.

    Parameters
    ----------
    names : p coefficient names
    statistics : (p,) observed
    p_values : (p,) two-sided: share of rearrangements at least as extreme
    qm, qm_p : omnibus statistic of the moderators and its p-value; NaN without moderators
    exact : all distinct rearrangements were used
    n : number of them, the data as observed included
    distribution : (n, p) statistics under rearrangement
    """

    names: tuple[str, ...]
    statistics: Floats
    p_values: Floats
    qm: float
    qm_p: float
    exact: bool
    n: int
    distribution: Floats = field(repr=False)

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient."""
        return pd.DataFrame(
            {"statistic": self.statistics, "p_value": self.p_values},
            index=pd.Index(self.names, name="coefficient"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Bootstrap:
    """Estimates from data sets drawn with replacement.

    Parameters
    ----------
    names : p coefficient names
    coefficients : (n, p); NaN where the drawn data could not carry the model
    tau2 : (n,)
    std_errors : (p,) standard deviation of the draws
    ci_lower, ci_upper : (p,) percentile interval
    tau2_lower, tau2_upper : percentile interval
    level : of the intervals
    failed : draws that could not carry the model
    """

    names: tuple[str, ...]
    coefficients: Floats = field(repr=False)
    tau2: Floats = field(repr=False)
    std_errors: Floats
    ci_lower: Floats
    ci_upper: Floats
    tau2_lower: float
    tau2_upper: float
    level: float
    failed: int

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient, and tau² last."""
        return pd.DataFrame(
            {
                "std_error": [*self.std_errors, np.nanstd(self.tau2, ddof=1)],
                "ci_lower": [*self.ci_lower, self.tau2_lower],
                "ci_upper": [*self.ci_upper, self.tau2_upper],
            },
            index=pd.Index([*self.names, "tau2"], name="parameter"),
        )


def permutation_test(
    fit: Fit,
    *,
    n: int = 1000,
    exact: bool | Literal["auto"] = "auto",
    rng: np.random.Generator | None = None,
) -> PermutationTest:
    """Permutation tests of the coefficients; tau² is estimated anew each time.

    Without moderators the signs of the effects are flipped; with moderators their rows are dealt
    out to the effects anew.

    Parameters
    ----------
    fit : a two-level model
    n : rearrangements to draw, the observed one being the first of them
    exact : True goes through all distinct rearrangements, False draws; "auto" goes through them if
        there are no more than 20,000
    rng : source of the draw; needed only when rearrangements are drawn

    Raises
    ------
    InputError : a multilevel model, an exact test of too many rearrangements, no `rng` to draw.

    References
    ----------
    Higgins and Thompson (2004), 10.1002/sim.1752; Follmann and Proschan (1999),
    10.1111/j.0006-341X.1999.00732.x.
    """
    require_two_level(fit)
    flips = fit.names == (INTERCEPT,)
    total = 2**fit.k if flips else _distinct_permutations(fit.design)
    all_of_them = total <= EXACT_UP_TO if exact == "auto" else bool(exact)
    if all_of_them and total > 100 * EXACT_UP_TO:
        raise InputError(f"{total} rearrangements are too many for an exact test; use exact=False")
    if not all_of_them and rng is None:
        raise InputError(
            f"there are {total:.3g} rearrangements, so {n} are drawn: give "
            "rng=np.random.default_rng(seed)"
        )
    if not all_of_them and n < 2:
        raise InputError(f"a permutation test needs at least 2 rearrangements, got n = {n}")
    observed, qm = _statistics(fit, _refit(fit, fit.effects[None], np.arange(fit.k)[None]))
    arrangements = _flips(fit, n, rng, all_of_them) if flips else _deals(fit, n, rng, all_of_them)
    drawn = [_statistics(fit, _refit(fit, y, order)) for y, order in arrangements]
    statistics = np.concatenate([part[0] for part in drawn])
    omnibus = np.concatenate([part[1] for part in drawn])
    extreme = np.abs(statistics) >= np.abs(observed) - SAME
    return PermutationTest(
        names=fit.names,
        statistics=observed[0],
        p_values=extreme.mean(axis=0),
        qm=float(qm[0]),
        qm_p=float("nan") if flips else float(np.mean(omnibus >= qm - SAME)),
        exact=all_of_them,
        n=len(statistics),
        distribution=statistics,
    )


def bootstrap(
    fit: Fit,
    *,
    rng: np.random.Generator,
    cluster: str | None = None,
    n: int = 1000,
    level: float | None = None,
) -> Bootstrap:
    """Nonparametric bootstrap: effects, or whole clusters, drawn with replacement.

    Parameters
    ----------
    fit : a two-level or multilevel model; the latter needs a cluster
    rng : source of the draw
    cluster : column of the clusters to draw; single effects by default
    n : data sets to draw
    level : of the percentile intervals; the fit's own by default

    Raises
    ------
    InputError : a multilevel model without a cluster, unknown column, fewer than two draws.

    References
    ----------
    Van den Noortgate and Onghena (2005), 10.3758/BF03206394.
    """
    if n < 2:
        raise InputError(f"a bootstrap needs at least 2 draws, got n = {n}")
    if isinstance(fit, MultilevelFit):
        if cluster is None:
            raise InputError(
                "effects of a multilevel model depend on one another: name the cluster to draw"
            )
    else:
        require_two_level(fit)
    level = fit.level if level is None else level
    codes, labels = groups_of(fit, cluster)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
    draws = rng.integers(len(labels), size=(n, len(labels)))
    if isinstance(fit, MultilevelFit):
        coefficients, tau2 = _multilevel_draws(fit, members, draws)
    else:
        coefficients, tau2 = _two_level_draws(fit, members, draws)
    failed = int(np.isnan(coefficients[:, 0]).sum())
    if failed > n - 2:
        raise InputError("hardly any drawn data set can carry the model; it has too few clusters")
    tails = [(1 - level) / 2, (1 + level) / 2]
    lower, upper = np.nanquantile(coefficients, tails, axis=0)
    tau2_lower, tau2_upper = np.nanquantile(tau2, tails)
    return Bootstrap(
        names=fit.names,
        coefficients=coefficients,
        tau2=tau2,
        std_errors=np.nanstd(coefficients, axis=0, ddof=1),
        ci_lower=lower,
        ci_upper=upper,
        tau2_lower=float(tau2_lower),
        tau2_upper=float(tau2_upper),
        level=level,
        failed=failed,
    )


def _refit(fit: Fit, y: Floats, order: Ints) -> StackFit:
    """The model with effects y, and variances in the order of the rows dealt to the design."""
    known = next((c.value for c in fit.components if c.fixed), None)
    return fit_stack(
        y,
        fit.variances[order],
        fit.design,
        method=fit.method,
        test=fit.test,
        weights=None if fit.weights is None else fit.weights[order],
        tau2=known,
    )


def _statistics(fit: Fit, stack: StackFit) -> tuple[Floats, Floats]:
    """Coefficients over standard errors, and the omnibus statistic of the moderators."""
    z = stack.coefficients / np.sqrt(np.diagonal(stack.covariance, axis1=1, axis2=2))
    tested = [j for j, name in enumerate(fit.names) if name != INTERCEPT]
    if not tested:
        return z, np.full(len(z), np.nan)
    b = stack.coefficients[:, tested]
    within = stack.covariance[:, tested][:, :, tested]
    qm = np.einsum("si,si->s", b, np.linalg.solve(within, b[..., None])[..., 0])
    return z, qm if fit.test == "z" else qm / len(tested)


def _flips(
    fit: Fit, n: int, rng: np.random.Generator | None, exact: bool
) -> Iterator[tuple[Floats, Ints]]:
    """Effects with signs flipped, a piece of the stack at a time."""
    k = fit.k
    rows = max(1, CHUNK // k)
    count = 2**k if exact or rng is None else n
    for start in range(0, count, rows):
        size = min(rows, count - start)
        if exact or rng is None:
            bits = np.arange(start, start + size)[:, None] >> np.arange(k) & 1
        else:
            bits = rng.integers(2, size=(size, k))
        if start == 0:
            bits[0] = 0
        yield fit.effects * (1 - 2 * bits), np.broadcast_to(np.arange(k), (size, k))


def _deals(
    fit: Fit, n: int, rng: np.random.Generator | None, exact: bool
) -> Iterator[tuple[Floats, Ints]]:
    """Effects with their variances dealt out to the rows of the design anew."""
    k = fit.k
    rows = max(1, CHUNK // k)
    if exact or rng is None:
        orders = _all_orders(fit.design)
    else:
        orders = rng.permuted(np.broadcast_to(np.arange(k), (n, k)), axis=1)
        orders[0] = np.arange(k)
    for start in range(0, len(orders), rows):
        part = orders[start : start + rows]
        yield fit.effects[part], part


def _distinct_permutations(design: Floats) -> int:
    _, sizes = np.unique(design, axis=0, return_counts=True)
    left = np.cumsum(sizes[::-1])[::-1]
    return prod(comb(int(a), int(b)) for a, b in zip(left, sizes, strict=True))


def _all_orders(design: Floats) -> Ints:
    """Every way of dealing effects to rows of the design that are not the same."""
    k = len(design)
    _, kind = np.unique(design, axis=0, return_inverse=True)
    kind = kind.ravel()
    orders = np.empty((1, k), dtype=np.intp)
    left = np.arange(k, dtype=np.intp)[None]
    for group in range(kind.max() + 1):
        seats = np.flatnonzero(kind == group)
        chosen = np.array(list(combinations(range(left.shape[1]), len(seats))))
        rest = np.array([np.setdiff1d(np.arange(left.shape[1]), c) for c in chosen], dtype=np.intp)
        orders = np.repeat(orders, len(chosen), axis=0)
        orders[:, seats] = left[:, chosen].reshape(-1, len(seats))
        left = left[:, rest].reshape(len(orders), -1)
    return orders


def _two_level_draws(fit: Fit, members: list[Ints], draws: Ints) -> tuple[Floats, Floats]:
    """All draws as one stack; those with fewer effects are padded with absent ones."""
    parts = []
    rows = max(1, CHUNK // fit.k)
    known = next((c.value for c in fit.components if c.fixed), None)
    for start in range(0, len(draws), rows):
        taken = [np.concatenate([members[c] for c in d]) for d in draws[start : start + rows]]
        width = max(map(len, taken))
        filled = np.array([len(t) for t in taken])[:, None] > np.arange(width)
        order = np.zeros(filled.shape, dtype=np.intp)
        order[filled] = np.concatenate(taken)
        parts.append(
            fit_stack(
                fit.effects[order],
                np.where(filled, fit.variances[order], np.inf),
                fit.design[order],
                method=fit.method,
                weights=None if fit.weights is None else fit.weights[order],
                tau2=known,
            )
        )
    return (
        np.concatenate([part.coefficients for part in parts]),
        np.concatenate([part.tau2 for part in parts]),
    )


def _multilevel_draws(
    fit: MultilevelFit, members: list[Ints], draws: Ints
) -> tuple[Floats, Floats]:
    coefficients = np.full((len(draws), fit.p), np.nan)
    tau2 = np.full(len(draws), np.nan)
    for i, draw in enumerate(draws):
        try:
            again = on_clusters(fit, [members[c] for c in draw])
        except (InputError, ConvergenceError):
            continue  # counted as failed: these clusters cannot carry the model
        if again.names == fit.names:
            coefficients[i], tau2[i] = again.coefficients, again.tau2
    return coefficients, tau2
