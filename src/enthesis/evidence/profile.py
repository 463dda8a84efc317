"""Profile likelihood of variance components, and the confidence intervals read from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.tails import chi2_quantile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from enthesis.evidence.multilevel import MultilevelFit
    from enthesis.evidence.multilevel_model import MultilevelModel

    Floats = NDArray[np.float64]

REACH = 3.0
"""How far the default curve goes, in standard errors to each side."""

FARTHEST = 1e8
"""A bound beyond this many times the residual variance counts as infinite."""

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
    """The constrained maxima along one parameter; each begins where the last one ended.

    `squared` says that the working parameter is the standard deviation of what is reported.
    """

    model: MultilevelModel
    position: int
    squared: bool
    lowest: float
    highest: float
    last: Floats

    def at(self, value: float) -> tuple[float, float]:
        """Profile log-likelihood and its slope in the reported parameter."""
        working = float(np.sqrt(value)) if self.squared else value
        start = self.last.copy()
        start[self.position] = working
        if self.model.covariance(start) is None:
            return -np.inf, np.nan
        optimum = self.model.maximise(start=start, held=np.array([self.position]))
        self.last = optimum.point
        slope = float(optimum.evaluation.score[self.position])
        if self.squared:
            slope = slope / (2.0 * working) if working > 0.0 else 0.0
        return optimum.evaluation.value, slope


def _path(fit: MultilevelFit, component: str) -> _Path:
    names = [c.name for c in fit.components]
    if component not in names:
        raise InputError(f"no component {component!r} to profile; this fit has {names}")
    position = names.index(component)
    if fit.components[position].fixed:
        raise InputError(f"{component!r} was fixed, so there is nothing to profile")
    model = fit.multilevel_model
    squared, lowest, highest = False, model.lower[position], model.upper[position]
    for part in model.correlated:
        if part.at.start <= position < part.at.stop:
            slopes = part.structure.jacobian(fit.parameters[part.at])
            own = position - part.at.start
            if part.structure.coupled:
                raise InputError(
                    f"{component!r} belongs to an unstructured matrix of more than two levels, "
                    "whose elements cannot be moved one by one; profile HCS, or two levels"
                )
            squared = bool(fit.components[position].kind == "variance" and slopes[own, own] != 1.0)
    return _Path(model, position, squared, float(lowest), float(highest), fit.parameters.copy())


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
    path.last[path.position] = np.sqrt(estimate) if path.squared else estimate
    inner = estimate
    if np.isfinite(edge):
        outer = edge
        if 2.0 * (highest - path.at(outer)[0]) <= target:
            return edge
    else:
        unit = float(path.model.scale[path.position])
        unit = unit**2 if path.squared else unit
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
