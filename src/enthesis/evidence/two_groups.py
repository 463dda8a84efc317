"""Effect sizes from means and SDs of two independent groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri, poch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Effect = tuple[Floats, Floats]

LOGISTIC_SD = np.pi / np.sqrt(3)
"""SD of the standard logistic distribution: log odds ratio = 1.814 d (Hasselblad & Hedges 1995)."""

OLD_CONVENTION = "metafor 3.8"
"""Variances of SMDH, SMD1H, SMCRH as metafor printed them until 4.4."""

COX_SNELL = 1.65
"""Log odds ratio = 1.65 d when both groups are normal (Cox & Snell 1989)."""


def hedges_j(df: Floats) -> Floats:
    """Exact small-sample factor J that makes Cohen's d unbiased; NaN for df <= 1.

    References
    ----------
    Hedges 1981, eq. 6e, https://doi.org/10.3102/10769986006002107
    """
    df = np.where(np.asarray(df, dtype=float) > 1, df, np.nan)
    # poch is the ratio of the two gammas: each overflows from df = 344, and the difference of their
    # logarithms loses digits from df = 10,000
    return np.asarray(poch((df - 1) / 2, 0.5) / np.sqrt(df / 2))


def pooled_sd(sd1: Floats, n1: Floats, sd2: Floats, n2: Floats) -> Floats:
    """SD within groups, pooled with n - 1 weights."""
    return np.sqrt(((n1 - 1) * sd1**2 + (n2 - 1) * sd2**2) / (n1 + n2 - 2))


def weighted_mean(values: Floats, sizes: Floats) -> float:
    """Mean over the studies that have both, weighted by sample size."""
    known = np.isfinite(values) & np.isfinite(sizes)
    return float(np.sum(values[known] * sizes[known]) / np.sum(sizes[known]))


def mean_difference(
    m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats, *, vtype: str
) -> Effect:
    """Raw mean difference; HO pools the two variances (Borenstein 2009, eq. 12.3)."""
    if vtype == "HO":
        return m1 - m2, pooled_sd(sd1, n1, sd2, n2) ** 2 * (1 / n1 + 1 / n2)
    return m1 - m2, sd1**2 / n1 + sd2**2 / n2


def standardized_mean_difference(
    m1: Floats,
    sd1: Floats,
    n1: Floats,
    m2: Floats,
    sd2: Floats,
    n2: Floats,
    *,
    vtype: str,
    correct: bool,
) -> Effect:
    """Hedges' g (Cohen's d when not corrected), over the pooled SD."""
    df = n1 + n2 - 2
    d = (m1 - m2) / pooled_sd(sd1, n1, sd2, n2)
    return _standardized(d, n1, n2, df=df, scale_n=n1 + n2, vtype=vtype, correct=correct)


def glass_difference(
    m1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats, *, vtype: str, correct: bool
) -> Effect:
    """Glass' delta: over the SD of the second group."""
    d = (m1 - m2) / sd2
    return _standardized(d, n1, n2, df=n2 - 1, scale_n=n2, vtype=vtype, correct=correct)


def heteroscedastic_difference(
    m1: Floats,
    sd1: Floats,
    n1: Floats,
    m2: Floats,
    sd2: Floats,
    n2: Floats,
    *,
    correct: bool,
    convention: str,
) -> Effect:
    """Mean difference over the root of the average variance (Bonett 2008, 2009)."""
    average = (sd1**2 + sd2**2) / 2
    j = hedges_j(n1 + n2 - 2) if correct else np.ones_like(m1)
    g = j * (m1 - m2) / np.sqrt(average)
    variance = g**2 * (sd1**4 / (n1 - 1) + sd2**4 / (n2 - 1)) / (8 * average**2)
    variance += (sd1**2 / (n1 - 1) + sd2**2 / (n2 - 1)) / average
    return g, variance * j**2 if convention == OLD_CONVENTION else variance


def heteroscedastic_glass_difference(
    m1: Floats,
    sd1: Floats,
    n1: Floats,
    m2: Floats,
    sd2: Floats,
    n2: Floats,
    *,
    correct: bool,
    convention: str,
) -> Effect:
    """Glass' delta when the groups' variances differ (Bonett 2008)."""
    j = hedges_j(n2 - 1) if correct else np.ones_like(m1)
    g = j * (m1 - m2) / sd2
    lost = 0 if convention == OLD_CONVENTION else 1
    variance = (sd1 / sd2) ** 2 / (n1 - lost) + 1 / (n2 - lost) + g**2 / (2 * (n2 - lost))
    return g, variance


def log_ratio_of_means(
    m1: Floats,
    sd1: Floats,
    n1: Floats,
    m2: Floats,
    sd2: Floats,
    n2: Floats,
    *,
    vtype: str,
    correct: bool,
) -> Effect:
    """Log response ratio, with the second-order correction of Lajeunesse 2015."""
    relative1, relative2 = relative_variance(m1, sd1, n1), relative_variance(m2, sd2, n2)
    log_ratio = np.log(m1 / m2)
    if correct:
        log_ratio = log_ratio + (relative1 - relative2) / 2
    match vtype:
        case "HO":
            variance = pooled_sd(sd1, n1, sd2, n2) ** 2 * (1 / (n1 * m1**2) + 1 / (n2 * m2**2))
        case "AV":
            variance = weighted_mean(sd1 / m1, n1) ** 2 / n1 + weighted_mean(sd2 / m2, n2) ** 2 / n2
        case "AVHO":
            cv = weighted_mean(np.concatenate([sd1 / m1, sd2 / m2]), np.concatenate([n1, n2]))
            variance = cv**2 * (1 / n1 + 1 / n2)
        case _:
            variance = relative1 + relative2
    return log_ratio, variance


def relative_variance(m: Floats, sd: Floats, n: Floats) -> Floats:
    """Sampling variance of a log mean, sd² / (n m²)."""
    return sd**2 / (n * m**2)


def log_variability_ratio(sd1: Floats, n1: Floats, sd2: Floats, n2: Floats) -> Effect:
    """Log ratio of SDs (Nakagawa et al. 2015)."""
    spread1, spread2 = 1 / (2 * (n1 - 1)), 1 / (2 * (n2 - 1))
    return np.log(sd1 / sd2) + spread1 - spread2, spread1 + spread2


def log_cv_ratio(
    m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats, *, correct: bool
) -> Effect:
    """Log ratio of coefficients of variation; the correction is Senior et al. 2020."""
    ratio, variance = log_variability_ratio(sd1, n1, sd2, n2)
    relative1, relative2 = relative_variance(m1, sd1, n1), relative_variance(m2, sd2, n2)
    log_ratio = ratio - np.log(m1 / m2)
    if correct:
        log_ratio = log_ratio - (relative1 - relative2) / 2
    return log_ratio, variance + relative1 + relative2


def cohens_d(m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats) -> Effect:
    """Cohen's d with its large-sample variance: what the transformations below start from."""
    d = (m1 - m2) / pooled_sd(sd1, n1, sd2, n2)
    return d, 1 / n1 + 1 / n2 + d**2 / (2 * (n1 + n2))


def log_odds_ratio_normal(
    m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats
) -> Effect:
    """Log odds ratio that d implies when both groups are normal."""
    d, variance = cohens_d(m1, sd1, n1, m2, sd2, n2)
    return COX_SNELL * d, COX_SNELL**2 * variance


def log_odds_ratio_logistic(
    m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats
) -> Effect:
    """Log odds ratio that d implies when both groups are logistic."""
    d, variance = cohens_d(m1, sd1, n1, m2, sd2, n2)
    return LOGISTIC_SD * d, LOGISTIC_SD**2 * variance


def point_biserial(
    m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats, *, vtype: str
) -> Effect:
    """Correlation of group with value; ST: group sizes fixed by design, CS: cross-sectional."""
    total = n1 + n2
    d, variance = cohens_d(m1, sd1, n1, m2, sd2, n2)
    h = (total - 2) / n1 + (total - 2) / n2
    r = d / np.sqrt(d**2 + h)
    if vtype == "CS":
        p = n1 / total
        spread = 1 - 1.5 * r**2 + r**2 / (4 * p * (1 - p))
        return r, (1 - r**2) ** 2 * spread / total
    return r, h**2 / (h + d**2) ** 3 * variance


def biserial(m1: Floats, sd1: Floats, n1: Floats, m2: Floats, sd2: Floats, n2: Floats) -> Effect:
    """Biserial correlation with Soper's variance (Jacobs & Viechtbauer 2017)."""
    total = n1 + n2
    r_pb, _ = point_biserial(m1, sd1, n1, m2, sd2, n2, vtype="ST")
    p = n1 / total
    z = ndtri(p)
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    r = np.sqrt(p * (1 - p)) / density * r_pb
    slope = 1.5 + (1 - (1 - p) * z / density) * (1 + p * z / density)
    variance = (p * (1 - p) / density**2 - slope * r**2 + r**4) / (total - 1)
    return r, variance


def _standardized(
    d: Floats, n1: Floats, n2: Floats, *, df: Floats, scale_n: Floats, vtype: str, correct: bool
) -> Effect:
    """Correct d and give its variance; `scale_n` counts the people behind the standardiser."""
    j = hedges_j(df)
    used = j if correct else np.ones_like(d)
    g = used * d
    sampling = 1 / n1 + 1 / n2
    match vtype:
        case "LS2":
            variance = used**2 * (sampling + d**2 / (2 * scale_n))
        case "UB":
            # unbiased for g (Hedges 1983, eq. 9); d varies 1 / J² as much
            variance = (sampling + (1 - (df - 2) / (df * j**2)) * (j * d) ** 2) * (used / j) ** 2
        case "AV":
            variance = sampling + weighted_mean(g, n1 + n2) ** 2 / (2 * scale_n)
        case "H0":
            variance = used**2 * sampling * df / (df - 2)
        case _:
            variance = sampling + g**2 / (2 * scale_n)
    return g, np.where(np.isfinite(g), variance, np.nan)
