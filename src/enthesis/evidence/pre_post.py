"""Effect sizes from two measurements of the same people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.evidence.two_groups import OLD_CONVENTION, hedges_j, relative_variance

if TYPE_CHECKING:
    from enthesis.evidence.two_groups import Effect, Floats


def change_variance(sd1: Floats, sd2: Floats, r: Floats) -> Floats:
    """Variance of the change when the two measurements correlate r."""
    return sd1**2 + sd2**2 - 2 * r * sd1 * sd2


def mean_change(m1: Floats, m2: Floats, sd1: Floats, sd2: Floats, n: Floats, r: Floats) -> Effect:
    """Raw mean change."""
    return m1 - m2, change_variance(sd1, sd2, r) / n


def standardized_change(
    m1: Floats,
    m2: Floats,
    sd1: Floats,
    sd2: Floats,
    n: Floats,
    r: Floats,
    *,
    vtype: str,
    correct: bool,
) -> Effect:
    """Mean change over the SD of the changes (Gibbons et al. 1993)."""
    d = (m1 - m2) / np.sqrt(change_variance(sd1, sd2, r))
    j = hedges_j(n - 1) if correct else np.ones_like(d)
    if vtype == "LS2":
        return j * d, j**2 * (1 / n + d**2 / (2 * n))
    return j * d, 1 / n + (j * d) ** 2 / (2 * n)


def raw_standardized_change(
    m1: Floats, m2: Floats, sd1: Floats, n: Floats, r: Floats, *, vtype: str, correct: bool
) -> Effect:
    """Mean change over the SD at the first measurement (Becker 1988)."""
    d = (m1 - m2) / sd1
    j = hedges_j(n - 1) if correct else np.ones_like(d)
    if vtype == "LS2":
        return j * d, j**2 * (2 * (1 - r) / n + d**2 / (2 * n))
    return j * d, 2 * (1 - r) / n + (j * d) ** 2 / (2 * n)


def heteroscedastic_raw_change(
    m1: Floats,
    m2: Floats,
    sd1: Floats,
    sd2: Floats,
    n: Floats,
    r: Floats,
    *,
    correct: bool,
    convention: str,
) -> Effect:
    """As above, for population variances that differ between occasions (Bonett 2008)."""
    d = (m1 - m2) / sd1
    j = hedges_j(n - 1) if correct else np.ones_like(d)
    variance = (change_variance(sd1, sd2, r) / sd1**2 + (j * d) ** 2 / 2) / (n - 1)
    return j * d, variance * j**2 if convention == OLD_CONVENTION else variance


def log_ratio_of_means(
    m1: Floats, m2: Floats, sd1: Floats, sd2: Floats, n: Floats, r: Floats, *, correct: bool
) -> Effect:
    """Log ratio of means of two occasions (Lajeunesse 2011, corrected as in 2015)."""
    relative1, relative2 = relative_variance(m1, sd1, n), relative_variance(m2, sd2, n)
    log_ratio = np.log(m1 / m2)
    if correct:
        log_ratio = log_ratio + (relative1 - relative2) / 2
    return log_ratio, relative1 + relative2 - 2 * r * sd1 * sd2 / (m1 * m2 * n)


def log_variability_ratio(sd1: Floats, sd2: Floats, n: Floats, r: Floats) -> Effect:
    """Log ratio of SDs of two occasions; the bias corrections cancel."""
    return np.log(sd1 / sd2), (1 - r**2) / (n - 1)


def log_cv_ratio(
    m1: Floats, m2: Floats, sd1: Floats, sd2: Floats, n: Floats, r: Floats, *, correct: bool
) -> Effect:
    """Log ratio of coefficients of variation of two occasions."""
    spread, spread_variance = log_variability_ratio(sd1, sd2, n, r)
    mean_ratio, mean_variance = log_ratio_of_means(m1, m2, sd1, sd2, n, r, correct=correct)
    return spread - mean_ratio, spread_variance + mean_variance
