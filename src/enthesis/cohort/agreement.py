"""Agreement of two measurements of one thing: Bland and Altman's bias and limits."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from enthesis.cohort.limits import Limits, Trend, limits, repeated_limits, replicate_limits, trend
from enthesis.cohort.ratings import Floats, check_level, left_out, negligible, numbers, paired
from enthesis.errors import InputError

Scale = Literal["difference", "percent", "log"]

DOUBTFUL_P = 0.05
"""Below this p-value an assumption of the limits is called doubtful."""

SHAPIRO_MOST = 5000
"""Differences up to which Royston's p-values of Shapiro and Wilk's test hold."""

PROPORTIONAL = (
    "the difference changes with the size of the measurement (p {p}): one bias does not describe "
    "small and large values alike"
)
SPREADING = (
    "the differences spread {how} with the size of the measurement (p {p}): one pair of limits "
    "misdescribes both ends"
)
OTHER_SCALE = ", and the scale 'log' or 'percent' may describe them better"
NOT_NORMAL = "the differences do not look normal (Shapiro-Wilk p {p}), on which the limits rest"
NO_SPREAD = "every difference is the same: the limits have no width"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BlandAltman:
    """Bias and limits of agreement of the first measurement against the second.

    Parameters
    ----------
    scale : "difference" (first - second, in the unit of the measurement), "percent" (of the pair's
        mean) or "log" (ratio first / second, back from logarithms)
    bias, bias_lower, bias_upper : mean difference with its interval; geometric mean ratio if "log"
    sd : standard deviation of the differences; of log ratios if "log"
    lower_limit, lower_limit_lower, lower_limit_upper : lower limit of agreement with its interval
    upper_limit, upper_limit_lower, upper_limit_upper : upper limit of agreement with its interval
    coverage : share of differences that the limits are to hold, 0 to 1
    level : confidence level of the intervals, 0 to 1
    proportional : the difference on the mean of the pair; NaN where it cannot be estimated
    spread : the absolute residual of that on the mean
    normality_p : Shapiro and Wilk's p-value of the differences; NaN where it cannot be computed
    means, differences : (n_pairs,) as plotted; geometric means and ratios if "log"
    n_pairs, n_subjects : that were used; fewer subjects than pairs with repeated measurements
    method : how the limits and their intervals were computed
    notes : what is doubtful
    """

    scale: Scale
    bias: float
    bias_lower: float
    bias_upper: float
    sd: float
    lower_limit: float
    lower_limit_lower: float
    lower_limit_upper: float
    upper_limit: float
    upper_limit_lower: float
    upper_limit_upper: float
    coverage: float
    level: float
    proportional: Trend
    spread: Trend
    normality_p: float
    means: Floats
    differences: Floats
    n_pairs: int
    n_subjects: int
    method: str
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line, as a paper prints it."""
        return (
            f"Bias {self.bias:.4g} ({100 * self.level:g}% CI {self.bias_lower:.4g} to "
            f"{self.bias_upper:.4g}), {100 * self.coverage:g}% limits of agreement "
            f"{self.lower_limit:.4g} to {self.upper_limit:.4g}, {self.n_pairs} pairs of "
            f"{self.n_subjects} subjects"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values without the points of the plot, ready for JSON."""
        plain = asdict(self)
        return {name: plain[name] for name in plain if name not in {"means", "differences"}}


def bland_altman(
    first: ArrayLike,
    second: ArrayLike,
    *,
    scale: Scale = "difference",
    coverage: float = 0.95,
    level: float = 0.95,
) -> BlandAltman:
    """Bias and limits of agreement, one pair of measurements per subject.

    Parameters
    ----------
    first, second : (n,) in one order; pairs with a NaN are left out
    scale : "difference", or where the error grows with the value "percent" or "log"
    coverage : share of differences that the limits are to hold, 0 to 1
    level : confidence level, 0 to 1

    Returns
    -------
    BlandAltman; first - second, so a positive bias means that the first reads higher.

    Raises
    ------
    InputError : other lengths, fewer than three pairs, or values at or below zero where the scale
        has none.

    Notes
    -----
    Limits are bias ± z sd. Their intervals are exact for normal differences, by the noncentral t
    distribution, and so not symmetric about them; Bland and Altman's, ± t sd sqrt(3 / n), are
    too short on the outer side in small samples. A difference that depends on the mean can also
    come from two measurements of unlike SD.

    References
    ----------
    Bland JM, Altman DG. Lancet 1986;327:307-310. doi:10.1016/S0140-6736(86)90837-8
    Bland JM, Altman DG. Stat Methods Med Res 1999;8:135-160. doi:10.1177/096228029900800204
    Carkeet A. Optom Vis Sci 2015;92:e71-e80. doi:10.1097/OPX.0000000000000513
    """
    check_level(level)
    check_level(coverage, name="coverage")
    a, b, notes = paired(first, second)
    means, differences = _scaled(a, b, scale)
    return _result(
        scale,
        means,
        differences,
        limits(differences, coverage=coverage, level=level),
        trends=_trends(means, differences, level),
        coverage=coverage,
        level=level,
        notes=notes,
    )


def bland_altman_repeated(
    first: ArrayLike,
    second: ArrayLike,
    subjects: ArrayLike,
    *,
    true_value: Literal["varies", "constant"] = "varies",
    scale: Scale = "difference",
    coverage: float = 0.95,
    level: float = 0.95,
) -> BlandAltman:
    """Bias and limits of agreement, several measurements per subject.

    Parameters
    ----------
    first, second : (n,) measurements; where the true value varies, those of a row were taken
        together, and a pair with a NaN is left out; where it is constant, rows mean nothing but
        the subject, and NaN fills up where one method has fewer readings
    subjects : (n,) whom each row is from
    true_value : whether the truth "varies" from one pair of a subject to the next, or is
        "constant" while its replicates are taken
    scale, coverage, level : as in `bland_altman`; "percent" only where the true value varies

    Returns
    -------
    BlandAltman with limits for single measurements of a new subject. Trends and normality, which
    need independent pairs, are judged on the subjects' means; these are also the points where the
    true value is constant.

    Raises
    ------
    InputError : as in `bland_altman`; or fewer than three subjects, or nobody with two readings.

    Notes
    -----
    Where the truth varies, components of variance between and within subjects come from one-way
    analysis of variance of the differences; where it is constant, the variance of the subjects'
    mean differences is raised by what averaging took from each method's own. The intervals of the
    limits join those of the parts and of the bias (Zou's variance estimates recovery), exact in no
    sample but close in all.

    References
    ----------
    Bland JM, Altman DG. J Biopharm Stat 2007;17:571-582. doi:10.1080/10543400701329422
    Zou GY. Stat Methods Med Res 2013;22:630-642. doi:10.1177/0962280211402548
    """
    check_level(level)
    check_level(coverage, name="coverage")
    owners = np.asarray(subjects)
    if owners.shape != np.shape(first):
        raise InputError(
            f"each of the {np.size(first)} pairs needs its subject, got {owners.size} subjects"
        )
    if true_value == "constant":
        return _replicates(first, second, owners, scale, coverage=coverage, level=level)
    if true_value != "varies":
        raise InputError(f"the true value 'varies' or is 'constant', got {true_value!r}")
    a, b, notes = paired(first, second)
    there = ~(np.isnan(np.asarray(first, float)) | np.isnan(np.asarray(second, float)))
    means, differences = _scaled(a, b, scale)
    _, owner = np.unique(owners[there], return_inverse=True)
    found = repeated_limits(differences, owner, coverage=coverage, level=level)
    pairs = np.bincount(owner)
    x, y = (np.bincount(owner, weights=values) / pairs for values in (means, differences))
    return _result(
        scale,
        means,
        differences,
        found,
        trends=_trends(x, y, level),
        coverage=coverage,
        level=level,
        notes=notes,
    )


def _replicates(
    first: ArrayLike,
    second: ArrayLike,
    owners: NDArray[Any],
    scale: Scale,
    *,
    coverage: float,
    level: float,
) -> BlandAltman:
    """Limits where each method has its own replicates of a constant true value."""
    if scale == "percent":
        raise InputError(
            "replicates of a constant true value have no percent differences; use scale='log'"
        )
    readings = numbers(np.column_stack([np.asarray(first), np.asarray(second)]))
    known = ~np.isnan(readings)
    # Only subjects whom both methods measured.
    both = np.intersect1d(owners[known[:, 0]], owners[known[:, 1]])
    known &= np.isin(owners, both)[:, None]
    lost = len(np.unique(owners)) - len(both)
    if scale == "log":
        smallest = float(readings[known].min())
        if smallest <= 0:
            raise InputError(f"the scale 'log' needs values above zero, got {smallest:g}")
        readings = np.log(readings)
    values = readings[known[:, 0], 0], readings[known[:, 1], 1]
    places = [np.searchsorted(both, owners[known[:, i]]) for i in (0, 1)]
    found, x, y = replicate_limits(values, (places[0], places[1]), coverage=coverage, level=level)
    means, differences = (x + y) / 2, x - y
    return _result(
        scale,
        means,
        differences,
        found,
        trends=_trends(means, differences, level),
        coverage=coverage,
        level=level,
        notes=left_out(lost, lost + len(both)),
    )


def _scaled(a: Floats, b: Floats, scale: str) -> tuple[Floats, Floats]:
    """What stands on the two axes, logarithms where that is the scale."""
    if len(a) < 3:
        raise InputError(f"three or more pairs are needed for limits of agreement, got {len(a)}")
    if scale == "difference":
        return (a + b) / 2, a - b
    if scale not in {"percent", "log"}:
        raise InputError(f"scale is 'difference', 'percent' or 'log', got {scale!r}")
    smallest = float(min(a.min(), b.min()))
    if smallest <= 0:
        raise InputError(
            f"the scale {scale!r} needs values above zero, got {smallest:g}; use 'difference'"
        )
    if scale == "percent":
        return (a + b) / 2, 200 * (a - b) / (a + b)
    return (np.log(a) + np.log(b)) / 2, np.log(a) - np.log(b)


def _trends(means: Floats, differences: Floats, level: float) -> tuple[Trend, Trend, float]:
    """Difference on mean, absolute residual on mean, and normality."""
    proportional = trend(means, differences, level=level)
    if np.isnan(proportional.slope):
        return proportional, proportional, np.nan
    fitted = proportional.intercept + proportional.slope * means
    spread = trend(means, np.abs(differences - fitted), level=level)
    if len(differences) > SHAPIRO_MOST:
        return proportional, spread, np.nan
    return proportional, spread, float(stats.shapiro(differences).pvalue)


def _result(
    scale: Scale,
    means: Floats,
    differences: Floats,
    found: Limits,
    *,
    trends: tuple[Trend, Trend, float],
    coverage: float,
    level: float,
    notes: tuple[str, ...],
) -> BlandAltman:
    proportional, spread, normality_p = trends
    # Log ratios become ratios again; all else stands as it is.
    back = np.exp if scale == "log" else np.asarray
    bias, lower, upper = (
        tuple(float(x) for x in back(of)) for of in (found.bias, found.lower, found.upper)
    )
    return BlandAltman(
        scale=scale,
        bias=bias[0],
        bias_lower=bias[1],
        bias_upper=bias[2],
        sd=found.sd,
        lower_limit=lower[0],
        lower_limit_lower=lower[1],
        lower_limit_upper=lower[2],
        upper_limit=upper[0],
        upper_limit_lower=upper[1],
        upper_limit_upper=upper[2],
        coverage=coverage,
        level=level,
        proportional=proportional,
        spread=spread,
        normality_p=normality_p,
        means=back(means),
        differences=back(differences),
        n_pairs=len(differences),
        n_subjects=found.n_subjects,
        method=found.method,
        notes=notes + found.notes + _doubts(differences, trends, scale),
    )


def _doubts(
    differences: Floats, trends: tuple[Trend, Trend, float], scale: Scale
) -> tuple[str, ...]:
    proportional, spread, normality_p = trends
    centred = differences - differences.mean()
    if negligible(float(centred @ centred), differences):
        return (NO_SPREAD,)
    doubts = []
    if proportional.p_value < DOUBTFUL_P:
        doubts.append(PROPORTIONAL.format(p=_p(proportional.p_value)))
    if spread.p_value < DOUBTFUL_P:
        how = "wider" if spread.slope > 0 else "less"
        remedy = OTHER_SCALE if scale == "difference" and spread.slope > 0 else ""
        doubts.append(SPREADING.format(how=how, p=_p(spread.p_value)) + remedy)
    if normality_p < DOUBTFUL_P:
        doubts.append(NOT_NORMAL.format(p=_p(normality_p)))
    return tuple(doubts)


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"
