"""Effect sizes that describe one group: proportions, means, spreads, reliability."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.evidence.two_groups import relative_variance, weighted_mean

if TYPE_CHECKING:
    from enthesis.evidence.two_groups import Effect, Floats


def proportion(x: Floats, rest: Floats, *, vtype: str) -> Effect:
    """Raw proportion."""
    n = x + rest
    p = x / n
    match vtype:
        case "UB":
            return p, p * (1 - p) / (n - 1)
        case "AV":
            average = weighted_mean(p, n)
            return p, average * (1 - average) / n
        case _:
            return p, p * (1 - p) / n


def log_proportion(x: Floats, rest: Floats, *, vtype: str) -> Effect:
    """Log proportion."""
    n = x + rest
    p = x / n
    if vtype == "AV":
        average = weighted_mean(p, n)
        return np.log(p), (1 - average) / (average * n)
    return np.log(p), 1 / x - 1 / n


def logit_proportion(x: Floats, rest: Floats, *, vtype: str) -> Effect:
    """Log odds."""
    n = x + rest
    if vtype == "AV":
        average = weighted_mean(x / n, n)
        return np.log(x / rest), 1 / (n * average * (1 - average))
    return np.log(x / rest), 1 / x + 1 / rest


def arcsine_proportion(x: Floats, rest: Floats) -> Effect:
    """Arcsine square-root proportion."""
    n = x + rest
    return np.arcsin(np.sqrt(x / n)), 1 / (4 * n)


def freeman_tukey_proportion(x: Floats, rest: Floats) -> Effect:
    """Freeman-Tukey double arcsine proportion (1950)."""
    n = x + rest
    double = np.arcsin(np.sqrt(x / (n + 1))) + np.arcsin(np.sqrt((x + 1) / (n + 1)))
    return double / 2, 1 / (4 * n + 2)


def mean(m: Floats, sd: Floats, n: Floats) -> Effect:
    """Raw mean."""
    return m, sd**2 / n


def log_mean(m: Floats, sd: Floats, n: Floats) -> Effect:
    """Log mean."""
    return np.log(m), relative_variance(m, sd, n)


def log_sd(sd: Floats, n: Floats) -> Effect:
    """Log SD, corrected for its bias (Nakagawa et al. 2015)."""
    spread = 1 / (2 * (n - 1))
    return np.log(sd) + spread, spread


def log_cv(m: Floats, sd: Floats, n: Floats) -> Effect:
    """Log coefficient of variation, corrected for the bias of the SD."""
    spread, variance = log_sd(sd, n)
    return spread - np.log(m), variance + relative_variance(m, sd, n)


def alpha(a: Floats, items: Floats, n: Floats) -> Effect:
    """Cronbach's alpha."""
    return a, 2 * items * (1 - a) ** 2 / ((items - 1) * (n - 2))


def alpha_hakstian_whalen(a: Floats, items: Floats, n: Floats) -> Effect:
    """Alpha as 1 - (1 - alpha)^(1/3) (Hakstian & Whalen 1976)."""
    spread = 18 * items * (n - 1) * (1 - a) ** (2 / 3) / ((items - 1) * (9 * n - 11) ** 2)
    return 1 - np.cbrt(1 - a), spread


def alpha_bonett(a: Floats, items: Floats, n: Floats) -> Effect:
    """Alpha as -log(1 - alpha) (Bonett 2002)."""
    return -np.log(1 - a), 2 * items / ((items - 1) * (n - 2))
