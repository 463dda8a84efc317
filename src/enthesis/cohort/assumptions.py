"""What a comparison of means takes for granted, tested, with what to do where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from enthesis.cohort.ancova import Ancova

Floats = NDArray[np.float64]

DOUBTFUL_P = 0.05
"""Below this p-value an assumption is called doubtful."""

SHAPIRO_MOST = 5000
"""Royston's approximation (1995) is for up to so many values; beyond, skewness and kurtosis."""

NORMALITY_ADVICE = (
    "look at the plot: with many subjects means are little affected; where the values are skewed, "
    "compare their logarithms or trust the rank test"
)
VARIANCE_ADVICE = (
    "the mean difference with Welch's interval and Glass' delta hold; Hedges' g and adjusted means "
    "assume one variance"
)
SLOPES_ADVICE = (
    "the difference between groups depends on the covariate: report it at several values of the "
    "covariate instead of one adjusted mean"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One assumption.

    Parameters
    ----------
    assumption : what is assumed
    test : by which test it was judged
    statistic, p_value : NaN where it could not be tested
    doubtful : p below `DOUBTFUL_P`
    advice : what to do if it is doubtful, else ""
    """

    assumption: str
    test: str
    statistic: float
    p_value: float
    doubtful: bool
    advice: str


def check_assumptions(groups: Sequence[Floats], fit: Ancova) -> tuple[Check, ...]:
    """Normality, equal variances and, with covariates, equal slopes.

    Parameters
    ----------
    groups : values of each group, without missing ones
    fit : analysis of (co)variance of these values

    References
    ----------
    Royston P. Appl Stat 1995;44:547-551. doi:10.2307/2986146
    Brown MB, Forsythe AB. J Am Stat Assoc 1974;69:364-367. doi:10.1080/01621459.1974.10482955
    """
    checks = [_normality(fit.residuals), _equal_variances(groups)]
    if fit.covariates:
        slopes = fit.slopes
        test = f"F({slopes.df1}, {slopes.df2}) of group by covariate"
        checks.append(
            _check("equal slopes of the covariates", test, slopes.f, slopes.p_value, SLOPES_ADVICE)
        )
    return tuple(checks)


def _normality(residuals: Floats) -> Check:
    if residuals.size < 3:
        return _check("normal residuals", "Shapiro-Wilk", np.nan, np.nan, "")
    if residuals.size <= SHAPIRO_MOST:
        name, found = "Shapiro-Wilk", stats.shapiro(residuals)
    else:
        name, found = "D'Agostino-Pearson", stats.normaltest(residuals)
    return _check(
        "normal residuals", name, float(found.statistic), float(found.pvalue), NORMALITY_ADVICE
    )


def _equal_variances(groups: Sequence[Floats]) -> Check:
    used = [values for values in groups if values.size > 1]
    spread = [np.abs(values - np.median(values)) for values in used]
    if len(used) < 2 or not any(np.ptp(one) > 0 for one in spread):
        return _check("equal variances", "Brown-Forsythe", np.nan, np.nan, "")
    found = stats.levene(*used, center="median")
    return _check(
        "equal variances",
        "Brown-Forsythe",
        float(found.statistic),
        float(found.pvalue),
        VARIANCE_ADVICE,
    )


def _check(assumption: str, test: str, statistic: float, p_value: float, advice: str) -> Check:
    doubtful = p_value < DOUBTFUL_P
    return Check(
        assumption=assumption,
        test=test,
        statistic=statistic,
        p_value=p_value,
        doubtful=doubtful,
        advice=advice if doubtful else "",
    )
