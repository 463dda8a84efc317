"""Line between two methods that both err: Deming's regression, by which scanners are calibrated."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from enthesis.cohort.ratings import Floats, check_level, negligible, paired
from enthesis.errors import InputError

FEW_PAIRS = 30
"""ISCD asks for 30 patients on both scanners to calibrate one against the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemingLine:
    """What the second method reads, given the first: intercept + slope x first.

    Parameters
    ----------
    slope, slope_lower, slope_upper : with its interval
    intercept, intercept_lower, intercept_upper : in the unit of the second
    variance_ratio : error variance of the second over that of the first
    residual_sd : SD of the second about the line, in its unit: the errors of both methods together
    lsc : least significant change between one reading by each method, once the first is put on the
        second's scale, at `level`
    level : of the intervals and of `lsc`, 0 to 1
    n_pairs : that were used
    notes : what is doubtful
    """

    slope: float
    slope_lower: float
    slope_upper: float
    intercept: float
    intercept_lower: float
    intercept_upper: float
    variance_ratio: float
    residual_sd: float
    lsc: float
    level: float
    n_pairs: int
    notes: tuple[str, ...] = ()

    def on_second(self, first: ArrayLike) -> Floats:
        """Values of the first method on the scale of the second."""
        values: Floats = self.intercept + self.slope * np.asarray(first, dtype=np.float64)
        return values

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def deming(
    first: ArrayLike, second: ArrayLike, *, variance_ratio: float = 1.0, level: float = 0.95
) -> DemingLine:
    """Deming regression of one method on another, both with errors.

    Parameters
    ----------
    first, second : (n,) the same subjects by each method, in one order; for means of repeats, the
        means; pairs with a NaN are left out
    variance_ratio : error variance of the second over the first, from repeats of each; 1 where both
        err alike, as two scanners of one kind do
    level : of intervals and of the least significant change, 0 to 1

    Returns
    -------
    DemingLine.

    Raises
    ------
    InputError : fewer than three pairs, a ratio that is not above zero, or a method that is
        constant or uncorrelated, through which no line runs.

    Notes
    -----
    Least squares of the second on the first would flatten the line by the errors of the first.
    Intervals are by the jackknife with n - 2 degrees of freedom (Linnet). A change from one reading
    by the first to one by the second carries one residual, hence z x residual_sd and not the
    z x sqrt(2) of two readings by one method.

    References
    ----------
    Linnet K. Clin Chem 1993;39:424-432. doi:10.1093/clinchem/39.3.424
    """
    check_level(level)
    if not (np.isfinite(variance_ratio) and variance_ratio > 0):
        raise InputError(f"the variance ratio is above zero, got {variance_ratio:g}")
    x, y, notes = paired(first, second)
    n = len(x)
    if n < 3:
        raise InputError(f"three or more pairs are needed for a line, got {n}")
    for which, values in (("first", x), ("second", y)):
        if negligible(float(((values - values.mean()) ** 2).sum()), values):
            raise InputError(f"every value of the {which} method is {values[0]:g}: no line")
    intercept, slope = _line(x, y, variance_ratio)
    if not np.isfinite(slope):
        raise InputError("the two methods do not vary together, so no line runs through them")
    left_out = np.array([_line(np.delete(x, i), np.delete(y, i), variance_ratio) for i in range(n)])
    pseudo = n * np.array([intercept, slope]) - (n - 1) * left_out
    errors = pseudo.std(axis=0, ddof=1) / np.sqrt(n)
    half = stats.t.ppf((1 + level) / 2, n - 2) * errors
    residual = y - intercept - slope * x
    residual_sd = float(np.sqrt(residual @ residual / (n - 2)))
    if n < FEW_PAIRS:
        notes += (f"{n} pairs; ISCD asks for {FEW_PAIRS} to calibrate two scanners",)
    return DemingLine(
        slope=slope,
        slope_lower=float(slope - half[1]),
        slope_upper=float(slope + half[1]),
        intercept=intercept,
        intercept_lower=float(intercept - half[0]),
        intercept_upper=float(intercept + half[0]),
        variance_ratio=float(variance_ratio),
        residual_sd=residual_sd,
        lsc=float(stats.norm.ppf((1 + level) / 2) * residual_sd),
        level=level,
        n_pairs=n,
        notes=notes,
    )


def _line(x: Floats, y: Floats, ratio: float) -> tuple[float, float]:
    """Intercept and slope; NaN where the two do not vary together."""
    dx, dy = x - x.mean(), y - y.mean()
    sxx, syy, sxy = float(dx @ dx), float(dy @ dy), float(dx @ dy)
    gap = syy - ratio * sxx
    slope = (gap + np.hypot(gap, 2 * np.sqrt(ratio) * sxy)) / (2 * sxy) if sxy else np.nan
    return float(y.mean() - slope * x.mean()), float(slope)
