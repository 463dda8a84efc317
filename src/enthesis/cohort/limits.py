"""Limits of agreement with their intervals, and the trend of differences over means."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from enthesis.cohort.ratings import Floats, negligible
from enthesis.errors import InputError

EXACT = "one pair per subject; exact intervals of the limits by the noncentral t (Carkeet 2015)"
REPEATED = (
    "several pairs per subject, true value varying (Bland and Altman 2007); intervals of the "
    "limits by variance estimates recovery (Zou 2013)"
)
REPLICATES = (
    "means of each subject's readings, limits for single ones, true value constant (Bland and "
    "Altman 2007); intervals of the limits by variance estimates recovery (Zou 2013)"
)

NO_BETWEEN = (
    "differences vary no more between subjects than within them: the variance between is taken "
    "as zero"
)

_Interval = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A straight line with the interval and test of its slope.

    Parameters
    ----------
    slope, slope_lower, slope_upper : change of the difference for one more of the mean
    intercept : difference where the mean is zero
    p_value : t test that the slope is zero
    """

    slope: float
    slope_lower: float
    slope_upper: float
    intercept: float
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of agreement on the scale of the differences.

    Parameters
    ----------
    bias, lower, upper : estimate, and lower and upper end of its interval
    sd : of a single difference
    n_subjects : that were used
    method : in words
    notes : what is doubtful
    """

    bias: _Interval
    lower: _Interval
    upper: _Interval
    sd: float
    n_subjects: int
    method: str
    notes: tuple[str, ...] = ()


def limits(differences: Floats, *, coverage: float, level: float) -> Limits:
    """Limits of independent differences, with exact intervals."""
    n = len(differences)
    bias, sd = float(differences.mean()), float(differences.std(ddof=1))
    z = float(stats.norm.ppf((1 + coverage) / 2))
    tail = (1 - level) / 2
    reach = float(stats.t.isf(tail, n - 1)) * sd / np.sqrt(n)
    # (percentile - mean) / sd times sqrt(n) is noncentral t: both ends follow from its quantiles.
    inner, outer = stats.nct.ppf([tail, 1 - tail], n - 1, z * np.sqrt(n)) / np.sqrt(n)
    return Limits(
        bias=(bias, bias - reach, bias + reach),
        lower=(bias - z * sd, bias - outer * sd, bias - inner * sd),
        upper=(bias + z * sd, bias + inner * sd, bias + outer * sd),
        sd=sd,
        n_subjects=n,
        method=EXACT,
    )


def repeated_limits(
    differences: Floats, owner: NDArray[np.intp], *, coverage: float, level: float
) -> Limits:
    """Limits of differences that come several from a subject.

    Parameters
    ----------
    differences : (N,)
    owner : (N,) subject of each, 0..n-1
    coverage, level : 0 to 1
    """
    pairs = np.bincount(owner).astype(np.float64)
    n, total = len(pairs), len(differences)
    if n < 3:
        raise InputError(f"three or more subjects are needed for limits of agreement, got {n}")
    if total == n:
        raise InputError("no subject has two pairs of measurements; use bland_altman")
    means = np.bincount(owner, weights=differences) / pairs
    bias = float(differences.mean())
    between = float(pairs @ (means - bias) ** 2) / (n - 1)
    within = float(((differences - means[owner]) ** 2).sum()) / (total - n)
    # m0 of one-way analysis of variance: the number of pairs a subject would have if all had one.
    m0 = (total - float(pairs @ pairs) / total) / (n - 1)
    component = (between - within) / m0
    if component > 0:
        parts = [(between / m0, n - 1), (within * (1 - 1 / m0), total - n)]
        notes: tuple[str, ...] = ()
    else:
        component, parts, notes = 0.0, [(within, total - n)], (NO_BETWEEN,)
    std_error = np.sqrt(component * float(pairs @ pairs) + within * total) / total
    return _joined(
        bias, std_error, parts, n, coverage=coverage, level=level, method=REPEATED, notes=notes
    )


def replicate_limits(
    values: tuple[Floats, Floats],
    owners: tuple[NDArray[np.intp], NDArray[np.intp]],
    *,
    coverage: float,
    level: float,
) -> tuple[Limits, Floats, Floats]:
    """Limits of single readings where each method has its own replicates of one true value.

    Parameters
    ----------
    values : the two methods' readings, (N1,) and (N2,)
    owners : subject of each, 0..n-1; every subject has a reading of both methods
    coverage, level : 0 to 1

    Returns
    -------
    The limits, and each method's means of the subjects, (n,).
    """
    means, within = [], []
    for x, owner in zip(values, owners, strict=True):
        sizes = np.bincount(owner).astype(np.float64)
        mean = np.bincount(owner, weights=x) / sizes
        df = len(x) - len(sizes)
        if df:
            # A single reading has all of the variance within, of which a mean keeps but 1 / m.
            part = float(((x - mean[owner]) ** 2).sum()) / df
            within.append((part * (1 - float((1 / sizes).mean())), df))
        means.append(mean)
    n = len(means[0])
    if n < 3:
        raise InputError(f"three or more subjects are needed for limits of agreement, got {n}")
    if not within:
        raise InputError("no subject has two readings of a method; use bland_altman")
    differences = means[0] - means[1]
    between = float(differences.var(ddof=1))
    found = _joined(
        float(differences.mean()),
        float(np.sqrt(between / n)),
        [(between, n - 1), *within],
        n,
        coverage=coverage,
        level=level,
        method=REPLICATES,
        notes=(),
    )
    return found, means[0], means[1]


def _joined(
    bias: float,
    std_error: float,
    parts: list[tuple[float, int]],
    n: int,
    *,
    coverage: float,
    level: float,
    method: str,
    notes: tuple[str, ...],
) -> Limits:
    """Limits from a bias and the parts of the variance, with Zou's intervals."""
    z = float(stats.norm.ppf((1 + coverage) / 2))
    tail = (1 - level) / 2
    reach = float(stats.t.isf(tail, n - 1) * std_error)
    sd, sd_lower, sd_upper = _sd_of_sum(parts, tail)
    inner = float(np.hypot(reach, z * (sd - sd_lower)))
    outer = float(np.hypot(reach, z * (sd_upper - sd)))
    low, high = bias - z * sd, bias + z * sd
    return Limits(
        bias=(bias, bias - reach, bias + reach),
        lower=(low, low - outer, low + inner),
        upper=(high, high - inner, high + outer),
        sd=sd,
        n_subjects=n,
        method=method,
        notes=notes,
    )


def trend(x: Floats, y: Floats, *, level: float) -> Trend:
    """Least-squares line of y on x; NaN where x does not vary or nothing is left to judge by."""
    centred = x - x.mean()
    sxx, df = float(centred @ centred), len(x) - 2
    if df < 1 or negligible(sxx, x) or negligible(float(((y - y.mean()) ** 2).sum()), y):
        return Trend(
            slope=np.nan, slope_lower=np.nan, slope_upper=np.nan, intercept=np.nan, p_value=np.nan
        )
    slope = float(centred @ y) / sxx
    residual = y - y.mean() - slope * centred
    std_error = float(np.sqrt(residual @ residual / df / sxx))
    reach = float(stats.t.isf((1 - level) / 2, df)) * std_error
    return Trend(
        slope=slope,
        slope_lower=slope - reach,
        slope_upper=slope + reach,
        intercept=float(y.mean() - slope * x.mean()),
        p_value=float(2 * stats.t.sf(abs(slope) / std_error, df)) if std_error else 0.0,
    )


def _sd_of_sum(parts: list[tuple[float, int]], tail: float) -> _Interval:
    """Root of a sum of scaled mean squares with its interval."""
    variance = sum(part for part, _ in parts)
    down = up = 0.0
    for part, df in parts:
        upper, lower = df / stats.chi2.ppf([tail, 1 - tail], df)
        down += (part * (1 - lower)) ** 2
        up += (part * (upper - 1)) ** 2
    lowest = max(variance - np.sqrt(down), 0.0)
    return float(np.sqrt(variance)), float(np.sqrt(lowest)), float(np.sqrt(variance + np.sqrt(up)))
