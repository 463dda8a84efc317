"""How far two groups of subjects stand apart: in their unit and in SDs, with intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import brentq
from scipy.special import poch

from enthesis.cohort.ratings import check_level, negligible
from enthesis.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """The subjects of one group, and what was measured in them.

    Parameters
    ----------
    name : as printed
    n : subjects with a value
    n_missing : subjects of the group without one
    mean, sd : divisor n - 1; NaN where there are too few
    median, q1, q3 : quartiles
    """

    name: str
    n: int
    n_missing: int
    mean: float
    sd: float
    median: float
    q1: float
    q3: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """First group minus second.

    Parameters
    ----------
    measure : "mean difference", "Hedges' g" or "Glass' delta"
    estimate, ci_lower, ci_upper : in the unit of the values, or in SDs
    std_error : NaN where the interval does not come from one
    t, df, p_value : test that the means are equal
    level : confidence level, 0 to 1
    """

    measure: str
    estimate: float
    ci_lower: float
    ci_upper: float
    std_error: float
    t: float
    df: float
    p_value: float
    level: float


def describe(values: ArrayLike, *, name: str) -> Group:
    """Size, mean, SD and quartiles of one group.

    Parameters
    ----------
    values : (n,), NaN where missing
    name : as printed

    Raises
    ------
    InputError : not a list of numbers, or an infinite one.
    """
    given = np.asarray(values, dtype=np.float64)
    if given.ndim != 1:
        raise InputError(
            f"the values of {name!r} are to be one list, got {given.ndim} axes; "
            "give one value per subject"
        )
    if np.isinf(given).any():
        raise InputError(f"{name!r} holds an infinite value; leave it empty where it is missing")
    known = given[~np.isnan(given)]
    low, middle, high = np.percentile(known, [25, 50, 75]).tolist() if known.size else [np.nan] * 3
    return Group(
        name=name,
        n=known.size,
        n_missing=given.size - known.size,
        mean=float(known.mean()) if known.size else np.nan,
        sd=_sd(known),
        median=middle,
        q1=low,
        q3=high,
    )


def mean_difference(first: Group, second: Group, *, level: float = 0.95) -> Difference:
    """Difference of two means with Welch's test, which lets the variances differ.

    Parameters
    ----------
    first, second : groups with two subjects or more
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : a group has fewer than two values, or nothing varies.

    References
    ----------
    Welch BL. Biometrika 1947;34:28-35. doi:10.1093/biomet/34.1-2.28
    """
    _check(first, second, level)
    parts = first.sd**2 / first.n, second.sd**2 / second.n
    std_error = float(np.sqrt(sum(parts)))
    df = sum(parts) ** 2 / (parts[0] ** 2 / (first.n - 1) + parts[1] ** 2 / (second.n - 1))
    estimate = first.mean - second.mean
    t = estimate / std_error
    reach = float(stats.t.ppf((1 + level) / 2, df)) * std_error
    return Difference(
        measure="mean difference",
        estimate=estimate,
        ci_lower=estimate - reach,
        ci_upper=estimate + reach,
        std_error=std_error,
        t=t,
        df=df,
        p_value=float(2 * stats.t.sf(abs(t), df)),
        level=level,
    )


def hedges_g(first: Group, second: Group, *, level: float = 0.95) -> Difference:
    """Standardised mean difference over the pooled SD, unbiased, with its exact interval.

    Parameters
    ----------
    first, second : groups with two subjects or more
    level : confidence level, 0 to 1

    Returns
    -------
    Hedges' g. The interval is that of the population's difference in SDs, from the noncentral t
    distribution: exact for normal values of equal variance, and not symmetric about g. Student's t
    and its p-value go with it.

    Raises
    ------
    InputError : a group has fewer than two values, or nothing varies.

    References
    ----------
    Hedges LV. J Educ Stat 1981;6:107-128. doi:10.3102/10769986006002107
    Steiger JH, Fouladi RT. In: What if there were no significance tests? 1997:221-257.
    """
    _check(first, second, level)
    df = first.n + second.n - 2
    pooled = np.sqrt(((first.n - 1) * first.sd**2 + (second.n - 1) * second.sd**2) / df)
    d = (first.mean - second.mean) / float(pooled)
    scale = float(np.sqrt(1 / first.n + 1 / second.n))
    return _standardised("Hedges' g", d, scale=scale, df=df, level=level)


def glass_delta(first: Group, second: Group, *, level: float = 0.95) -> Difference:
    """Mean difference in SDs of the second group alone, unbiased, with its interval.

    Parameters
    ----------
    first, second : groups with two subjects or more; the second one gives the yardstick
    level : confidence level, 0 to 1

    Returns
    -------
    Glass' delta. The interval is from the noncentral t distribution with the second group's df and
    the ratio of variances that was seen; it is exact as n of the first group grows.

    Raises
    ------
    InputError : a group has fewer than two values, or the second does not vary.

    References
    ----------
    Glass GV. Educ Res 1976;5(10):3-8. doi:10.3102/0013189X005010003
    Hedges LV. J Educ Stat 1981;6:107-128. doi:10.3102/10769986006002107
    """
    _check(first, second, level)
    if not second.sd:
        raise InputError(
            f"every value of {second.name!r} is {second.mean:g}: Glass' delta, which is measured "
            "in its SD, cannot be computed"
        )
    delta = (first.mean - second.mean) / second.sd
    ratio = (first.sd / second.sd) ** 2
    scale = float(np.sqrt(ratio / first.n + 1 / second.n))
    return _standardised("Glass' delta", delta, scale=scale, df=second.n - 1, level=level)


def noncentrality(t: float, df: float, *, level: float) -> tuple[float, float]:
    """Interval of the noncentrality of a t statistic, by inversion of its distribution.

    Parameters
    ----------
    t, df : statistic and its degrees of freedom
    level : confidence level, 0 to 1
    """
    tail = (1 - level) / 2

    def solve(probability: float) -> float:
        def gap(ncp: float) -> float:
            below = float(stats.nct.cdf(t, df, ncp))
            # scipy gives none in tails below 1e-15, where only the side matters.
            return (float(ncp < t) if np.isnan(below) else below) - probability

        # The estimate of ncp scatters by about sqrt(1 + t²/2df), and more with few df.
        step = 4 * float(np.sqrt(1 + t**2 / (2 * df)))
        low, high = t - step, t + step
        while gap(low) < 0:
            low -= step
        while gap(high) > 0:
            high += step
        return float(brentq(gap, low, high, xtol=1e-12, rtol=1e-12))

    return solve(1 - tail), solve(tail)


def _standardised(measure: str, d: float, *, scale: float, df: float, level: float) -> Difference:
    """The corrected difference; `scale` turns a difference in SDs into 1 / t."""
    # With one df the correction would be zero: the estimate has no mean.
    correction = float(poch((df - 1) / 2, 0.5) / np.sqrt(df / 2)) if df > 1 else np.nan
    t = d / scale
    low, high = noncentrality(t, df, level=level)
    return Difference(
        measure=measure,
        estimate=correction * d,
        ci_lower=low * scale,
        ci_upper=high * scale,
        std_error=np.nan,
        t=t,
        df=df,
        p_value=float(2 * stats.t.sf(abs(t), df)),
        level=level,
    )


def _sd(known: Floats) -> float:
    if known.size < 2:
        return np.nan
    centred = known - known.mean()
    # What rounding leaves of a constant is no spread.
    return 0.0 if negligible(float(centred @ centred), known) else float(known.std(ddof=1))


def _check(first: Group, second: Group, level: float) -> None:
    check_level(level)
    for group in (first, second):
        if group.n < 2:
            raise InputError(
                f"{group.name!r} has {group.n} subjects with a value; two or more are needed"
            )
    if not (first.sd or second.sd):
        raise InputError(
            f"every value of {first.name!r} is {first.mean:g} and of {second.name!r} "
            f"{second.mean:g}: without any spread the groups cannot be compared"
        )
