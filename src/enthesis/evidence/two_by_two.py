"""Effect sizes from 2x2 tables: two groups (rows) by outcome (columns), or paired data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtri

from enthesis.evidence.one_group import proportion
from enthesis.evidence.two_groups import COX_SNELL, LOGISTIC_SD

if TYPE_CHECKING:
    from enthesis.evidence.two_groups import Effect, Floats


def log_risk_ratio(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Log risk ratio."""
    n1, n2 = ai + bi, ci + di
    return np.log((ai / n1) / (ci / n2)), 1 / ai - 1 / n1 + 1 / ci - 1 / n2


def log_odds_ratio(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Log odds ratio."""
    return np.log(ai * di / (bi * ci)), 1 / ai + 1 / bi + 1 / ci + 1 / di


def risk_difference(ai: Floats, bi: Floats, ci: Floats, di: Floats, *, vtype: str) -> Effect:
    """Risk difference."""
    p1, spread1 = proportion(ai, bi, vtype=vtype)
    p2, spread2 = proportion(ci, di, vtype=vtype)
    return p1 - p2, spread1 + spread2


def arcsine_difference(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Difference of arcsine square-root risks: half of Cohen's h."""
    n1, n2 = ai + bi, ci + di
    difference = np.arcsin(np.sqrt(ai / n1)) - np.arcsin(np.sqrt(ci / n2))
    return difference, 1 / (4 * n1) + 1 / (4 * n2)


def peto_log_odds_ratio(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Log odds ratio by Peto's one-step method: (observed - expected) / hypergeometric variance."""
    n1, n2, events, rest = ai + bi, ci + di, ai + ci, bi + di
    total = n1 + n2
    information = n1 * n2 * events * rest / (total**2 * (total - 1))
    return (ai - n1 * events / total) / information, 1 / information


def phi(ai: Floats, bi: Floats, ci: Floats, di: Floats, *, vtype: str) -> Effect:
    """Phi coefficient; ST: row totals fixed by design, CS: only the grand total is fixed."""
    n1, n2, events, rest = ai + bi, ci + di, ai + ci, bi + di
    total = n1 + n2
    r = (ai * di - bi * ci) / np.sqrt(n1 * n2 * events * rest)
    if vtype == "CS":
        row, column = n1 / total, events / total
        q_row, q_column = 1 - row, 1 - column
        skew = (row - q_row) * (column - q_column) / np.sqrt(row * q_row * column * q_column)
        spread = (row - q_row) ** 2 / (row * q_row) + (column - q_column) ** 2 / (column * q_column)
        return r, (1 - r**2 + r * (1 + r**2 / 2) * skew - 0.75 * r**2 * spread) / total
    return r, _phi_variance_stratified(ai, bi, ci, di)


def _phi_variance_stratified(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Floats:
    """Delta method on two independent binomial risks, row totals fixed."""
    n1, n2 = ai + bi, ci + di
    share1, share2 = n1 / (n1 + n2), n2 / (n1 + n2)
    p1, p2 = ai / n1, ci / n2
    p = share1 * p1 + share2 * p2
    spread = p * (1 - p)
    scale = np.sqrt(share1 * share2 / spread)
    tilt = (p1 - p2) * (1 - 2 * p) / (2 * spread)
    slope1, slope2 = scale * (1 - tilt * share1), scale * (-1 - tilt * share2)
    return slope1**2 * p1 * (1 - p1) / n1 + slope2**2 * p2 * (1 - p2) / n2


def yule_q(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Yule's Q, (OR - 1) / (OR + 1)."""
    log_ratio, variance = log_odds_ratio(ai, bi, ci, di)
    q = np.tanh(log_ratio / 2)
    return q, (1 - q**2) ** 2 / 4 * variance


def yule_y(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Yule's Y, (sqrt OR - 1) / (sqrt OR + 1)."""
    log_ratio, variance = log_odds_ratio(ai, bi, ci, di)
    y = np.tanh(log_ratio / 4)
    return y, (1 - y**2) ** 2 / 16 * variance


def probit_difference(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Difference of probit risks, an estimate of d for a dichotomised normal variable."""
    n1, n2 = ai + bi, ci + di
    z1, z2 = ndtri(ai / n1), ndtri(ci / n2)
    spread1 = 2 * np.pi * ai * bi / n1**3 * np.exp(z1**2)
    spread2 = 2 * np.pi * ci * di / n2**3 * np.exp(z2**2)
    return z1 - z2, spread1 + spread2


def difference_from_odds_normal(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Standardised mean difference that the odds ratio implies, normal groups."""
    log_ratio, variance = log_odds_ratio(ai, bi, ci, di)
    return log_ratio / COX_SNELL, variance / COX_SNELL**2


def difference_from_odds_logistic(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Standardised mean difference that the odds ratio implies, logistic groups."""
    log_ratio, variance = log_odds_ratio(ai, bi, ci, di)
    return log_ratio / LOGISTIC_SD, variance / LOGISTIC_SD**2


def paired_risk_difference(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Marginal risk difference of a paired table."""
    total = ai + bi + ci + di
    return (bi - ci) / total, (bi + ci - (bi - ci) ** 2 / total) / total**2


def paired_log_risk_ratio(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:  # noqa: ARG001
    """Marginal log risk ratio of a paired table; the concordant failures do not enter."""
    return np.log((ai + bi) / (ai + ci)), (bi + ci) / ((ai + bi) * (ai + ci))


def paired_log_odds_ratio(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:
    """Marginal log odds ratio of a paired table."""
    total = ai + bi + ci + di
    yes1, no1, yes2, no2 = ai + bi, ci + di, ai + ci, bi + di
    shared = total * (ai * di - bi * ci) / (yes1 * no1 * yes2 * no2)
    variance = 1 / yes1 + 1 / no1 + 1 / yes2 + 1 / no2 - 2 * shared
    return np.log(yes1 * no2 / (no1 * yes2)), variance


def paired_log_odds_ratio_from_margins(
    ai: Floats, bi: Floats, ci: Floats, di: Floats, ri: Floats
) -> Effect:
    """Marginal log odds ratio when only the two margins and the pairs' phi are known."""
    log_ratio, variance = log_odds_ratio(ai, bi, ci, di)
    pairs = (ai + bi + ci + di) / 2
    return log_ratio, variance - 2 * ri * pairs / np.sqrt(ai * bi * ci * di)


def conditional_log_odds_ratio(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:  # noqa: ARG001
    """Conditional log odds ratio of a paired table, from the discordant pairs alone."""
    return np.log(bi / ci), 1 / bi + 1 / ci


def conditional_peto(ai: Floats, bi: Floats, ci: Floats, di: Floats) -> Effect:  # noqa: ARG001
    """Conditional log odds ratio of a paired table by Peto's method."""
    return 2 * (bi - ci) / (bi + ci), 4 / (bi + ci)


def relative_excess_heterozygosity(ai: Floats, bi: Floats, ci: Floats) -> Effect:
    """Log relative excess heterozygosity of three genotype counts (Ziegler et al. 2011)."""
    return np.log(bi / (2 * np.sqrt(ai * ci))), 1 / (4 * ai) + 1 / bi + 1 / (4 * ci)
