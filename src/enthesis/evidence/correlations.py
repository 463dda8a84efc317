"""Effect sizes that are correlations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.special import hyp2f1

from enthesis.evidence.two_groups import OLD_CONVENTION, weighted_mean

if TYPE_CHECKING:
    from enthesis.evidence.two_groups import Effect, Floats


def correlation(r: Floats, n: Floats, *, vtype: str) -> Effect:
    """Raw correlation."""
    return r, _correlation_variance(r, r, n, vtype=vtype)


def unbiased_correlation(r: Floats, n: Floats, *, vtype: str) -> Effect:
    """Correlation corrected for its bias (Olkin & Pratt 1958, eq. 2.3); needs n > 4."""
    n = np.where(n > 4, n, np.nan)
    corrected = r * hyp2f1(0.5, 0.5, (n - 2) / 2, 1 - r**2)
    return corrected, _correlation_variance(corrected, r, n, vtype=vtype)


def _correlation_variance(used: Floats, r: Floats, n: Floats, *, vtype: str) -> Floats:
    """Variance of the correlation used; UB, its square less Olkin and Pratt's rho², for UCOR."""
    match vtype:
        case "UB":
            rho2 = 1 - (n - 3) / (n - 2) * (1 - r**2) * hyp2f1(1, 1, n / 2, 1 - r**2)
            return np.asarray(used**2 - rho2)
        case "AV":
            return (1 - weighted_mean(used, n) ** 2) ** 2 / (n - 1)
        case _:
            return (1 - used**2) ** 2 / (n - 1)


def fisher_z(r: Floats, n: Floats) -> Effect:
    """Fisher's z."""
    return np.arctanh(r), np.where(n > 3, 1 / (n - 3), np.nan)


def partial_correlation(t: Floats, n: Floats, predictors: Floats, *, vtype: str) -> Effect:
    """Partial correlation from a regression coefficient's t (Aloe & Becker 2012)."""
    df = n - predictors - 1
    r = t / np.sqrt(t**2 + df)
    plugged = weighted_mean(r, n) if vtype == "AV" else r
    return r, (1 - plugged**2) ** 2 / df


def partial_fisher_z(t: Floats, n: Floats, predictors: Floats, *, convention: str) -> Effect:
    """Fisher's z of a partial correlation."""
    r, _ = partial_correlation(t, n, predictors, vtype="LS")
    lost = 1 if convention == OLD_CONVENTION else 3
    return np.arctanh(r), 1 / (n - predictors - lost)


def semi_partial_correlation(t: Floats, n: Floats, predictors: Floats, r2: Floats) -> Effect:
    """Semi-partial correlation from t and the model's R² (Aloe & Becker 2012)."""
    r = t * np.sqrt((1 - r2) / (n - predictors - 1))
    without = r2 - r**2
    variance = r2**2 - 2 * r2 + without + 1 - without**2
    return r, variance / n
