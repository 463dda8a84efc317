"""Profile likelihood of variance components, and the confidence intervals read from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.structures import Unstructured
from enthesis.evidence.tails import chi2_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from enthesis.evidence.multilevel import MultilevelFit
    from enthesis.evidence.multilevel_model import MultilevelModel
    from enthesis.evidence.scoring import Optimum

    Floats = NDArray[np.float64]

REACH = 3.0
"""How far the default curve goes, in standard errors to each side."""

FARTHEST = 1e8
"""A bound beyond this many times the residual variance counts as infinite."""

ALMOST_ONE = 1.0 - 1e-9
"""The ends of a correlation in an unstructured matrix, whose factor is singular at one itself."""

ROOT_TOLERANCE = 1e-10
"""Relative width at which a bound counts as found."""


def profile(
    fit: MultilevelFit,
    component: str,
    *,
    values: Sequence[float] | None = None,
    points: int = 21,
) -> pd.DataFrame:
    """The likelihood as one variance (or correlation) moves and all others follow.

    Parameters
    ----------
    fit : a multilevel model
    component : name of a component that was estimated
    values : where to evaluate; by default `points` values around the estimate
    points : how many of them

    Returns
    -------
    Columns value, log_likelihood (ML or REML, as fitted) and deviance, twice the drop from the
    maximum. A flat curve means that the data do not identify the component.

    Raises
    ------
    InputError : not an estimated component, or a value outside its range.

    References
    ----------
    Venzon DJ, Moolgavkar SH 1988, doi:10.2307/2347496
    """
    path = _path(fit, component)
    if values is None:
        grid = _default_values(fit, component, path, points)
    else:
        grid = np.asarray(values, dtype=float)
        outside = (grid < path.lowest) | (grid > path.highest) | ~np.isfinite(grid)
        if outside.any():
            raise InputError(
                f"{component!r} lies between {path.lowest:g} and {path.highest:g}; "
                f"cannot profile it at {grid[outside][0]!r}"
            )
    heights = np.array([path.at(value)[0] for value in grid])
    return pd.DataFrame(
        {
            "value": grid,
            "log_likelihood": heights,
            "deviance": 2.0 * (fit.log_likelihood - heights),
        }
    )


def variance_intervals(fit: MultilevelFit, *, level: float | None = None) -> pd.DataFrame:
    """Profile-likelihood confidence interval of every estimated component.

    Parameters
    ----------
    fit : a multilevel model
    level : confidence level; the fit's own by default

    Returns
    -------
    A row per component: estimate, ci_lower, ci_upper. The bounds are where twice the drop in
    log-likelihood is the chi-squared quantile with 1 df; where it never drops that far, the bound
    is that of the parameter: 0 below a variance, infinity above it.

    References
    ----------
    Venzon DJ, Moolgavkar SH 1988, doi:10.2307/2347496
    """
    target = chi2_quantile(fit.level if level is None else level, 1.0)
    rows = []
    for component in fit.components:
        if component.fixed:
            rows.append((component.name, component.value, np.nan, np.nan))
            continue
        path = _path(fit, component.name)
        lower = _bound(path, component.value, path.lowest, fit.log_likelihood, target)
        upper = _bound(path, component.value, path.highest, fit.log_likelihood, target)
        rows.append((component.name, component.value, lower, upper))
    table = pd.DataFrame(rows, columns=["component", "estimate", "ci_lower", "ci_upper"])
    return table.set_index("component")


@dataclass(slots=True)
class _Path:
    """The constrained maxima along one reported parameter.

    Each is climbed from where the last one ended and from the estimate, and the higher one kept.

    `power` 2 says that the working parameter is the standard deviation of what is reported. With
    `tied`, a correlation r of the first two levels of a Cholesky factor is moved instead: the
    element before the diagonal follows the diagonal, L₂₁ = r / √(1 − r²) L₂₂.
    """

    model: MultilevelModel
    position: int
    power: int
    lowest: float
    highest: float
    origin: Floats
    tied: bool = False
    last: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.last = self.origin

    def at(self, value: float) -> tuple[float, float]:
        """Profile log-likelihood and its slope in the reported parameter."""
        if self.tied:
            return self._at_correlation(value)
        working = value ** (1.0 / self.power)
        optimum = self._climb(working, None)
        if optimum is None:
            return -np.inf, np.nan
        slope = float(optimum.evaluation.score[self.position])
        if self.power == 2:
            slope = slope / (2.0 * working) if working > 0.0 else 0.0
        return optimum.evaluation.value, slope

    def _at_correlation(self, value: float) -> tuple[float, float]:
        diagonal = self.position + 1
        rest = 1.0 - value**2
        tie = np.eye(self.last.size)
        tie[self.position, diagonal] = value / np.sqrt(rest)
        optimum = self._climb(0.0, tie)
        if optimum is None:
            return -np.inf, np.nan
        # the held element does not move, so its score is the untied one
        slope = float(optimum.evaluation.score[self.position]) * optimum.point[diagonal]
        return optimum.evaluation.value, slope * rest**-1.5

    def _climb(self, held: float, tie: Floats | None) -> Optimum | None:
        best: Optimum | None = None
        for begin in (self.last, self.origin):
            start = begin.copy()
            start[self.position] = held
            if self.model.covariance(start if tie is None else tie @ start) is None:
                continue
            found = self.model.maximise(start=start, held=np.array([self.position]), tie=tie)
            if best is None or found.evaluation.value > best.evaluation.value:
                best = found
            if not self.model.correlated:
                break  # variances alone have one such maximum
        if best is not None:
            self.last = best.point
        return best


def _path(fit: MultilevelFit, component: str) -> _Path:
    names = [c.name for c in fit.components]
    if component not in names:
        raise InputError(f"no component {component!r} to profile; this fit has {names}")
    position = names.index(component)
    if fit.components[position].fixed:
        raise InputError(f"{component!r} was fixed, so there is nothing to profile")
    model = fit.multilevel_model
    for index, part in enumerate(model.correlated):
        if not part.at.start <= position < part.at.stop:
            continue
        if isinstance(part.structure, Unstructured):
            return _unstructured_path(fit, index, position - part.at.start)
        slopes = part.structure.jacobian(np.ones(part.at.stop - part.at.start))
        own = position - part.at.start
        if slopes[own, own] != 1.0:
            return _Path(model, position, 2, 0.0, np.inf, fit.parameters.copy())
    return _Path(
        model,
        position,
        1,
        float(model.lower[position]),
        float(model.upper[position]),
        fit.parameters.copy(),
    )


def _unstructured_path(fit: MultilevelFit, index: int, own: int) -> _Path:
    """The model with the levels in question first, where one element of the factor moves them."""
    model = fit.multilevel_model
    part = model.correlated[index]
    assert isinstance(part.structure, Unstructured)
    m = len(part.term.labels)
    pairs = list(combinations(range(m), 2))
    first = (own,) if own < m else pairs[own - m]
    order = [*first, *(i for i in range(m) if i not in first)]
    terms = list(model.inner_outer)
    terms[index] = terms[index].reordered(order)
    turned = model.with_inner_outer(tuple(terms))
    last = fit.parameters.copy()
    matrix = part.structure.matrix(fit.parameters[part.at])[np.ix_(order, order)]
    last[part.at] = part.structure.factored(matrix)
    if own < m:
        return _Path(turned, part.at.start, 2, 0.0, np.inf, last)
    return _Path(turned, part.at.start + 1, 1, -ALMOST_ONE, ALMOST_ONE, last, tied=True)


def _default_values(fit: MultilevelFit, component: str, path: _Path, points: int) -> Floats:
    found = next(c for c in fit.components if c.name == component)
    error = found.std_error if np.isfinite(found.std_error) else abs(found.value) + 0.1
    low = max(found.value - REACH * error, path.lowest)
    high = min(found.value + REACH * error, path.highest)
    return np.linspace(low, high, points)


def _bound(path: _Path, estimate: float, edge: float, highest: float, target: float) -> float:
    """Where the deviance reaches the target on the way from the estimate to the edge."""
    below = edge <= estimate
    if estimate == edge:
        return edge
    path.last = path.origin
    inner = estimate
    if np.isfinite(edge):
        outer = edge
        if 2.0 * (highest - path.at(outer)[0]) <= target:
            return edge
    else:
        unit = float(path.model.scale[path.position])
        unit = unit**path.power
        outer = max(2.0 * estimate, 0.5 * unit)
        while 2.0 * (highest - path.at(outer)[0]) <= target:
            inner, outer = outer, 4.0 * outer
            if outer > FARTHEST * unit:
                return np.inf
    return _root(path, inner, outer, highest, target, below=below)


def _root(
    path: _Path, inner: float, outer: float, highest: float, target: float, *, below: bool
) -> float:
    """Newton's steps on the root of the deviance, kept inside the bracket."""
    here = 0.5 * (inner + outer)
    trace = [here]
    for _ in range(200):
        height, slope = path.at(here)
        deviance = 2.0 * (highest - height)
        if deviance > target:
            outer = here
        else:
            inner = here
        # the square root of the deviance is nearly linear in the parameter
        step = np.nan
        if deviance > 0.0 and slope != 0.0:
            root = np.sqrt(deviance)
            step = (np.sqrt(target) - root) * root / -slope
        there = here + step
        low, high = (outer, inner) if below else (inner, outer)
        if not low < there < high:
            there = 0.5 * (inner + outer)
        trace.append(there)
        if abs(there - here) <= ROOT_TOLERANCE * max(abs(there), 1e-6 * abs(outer - inner)):
            return float(there)
        if abs(outer - inner) <= ROOT_TOLERANCE * max(abs(inner), abs(outer)):
            return float(there)
        here = there
    raise ConvergenceError("the profile likelihood bound did not settle", trace=trace)
