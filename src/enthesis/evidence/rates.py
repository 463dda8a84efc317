"""Effect sizes from events and person-time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from enthesis.evidence.two_groups import Effect, Floats


def log_rate_ratio(x1: Floats, t1: Floats, x2: Floats, t2: Floats) -> Effect:
    """Log incidence rate ratio."""
    return np.log((x1 / t1) / (x2 / t2)), 1 / x1 + 1 / x2


def rate_difference(x1: Floats, t1: Floats, x2: Floats, t2: Floats) -> Effect:
    """Incidence rate difference."""
    return x1 / t1 - x2 / t2, x1 / t1**2 + x2 / t2**2


def root_rate_difference(x1: Floats, t1: Floats, x2: Floats, t2: Floats) -> Effect:
    """Difference of square-root incidence rates."""
    return np.sqrt(x1 / t1) - np.sqrt(x2 / t2), 1 / (4 * t1) + 1 / (4 * t2)


def rate(x: Floats, t: Floats) -> Effect:
    """Incidence rate."""
    return x / t, x / t**2


def log_rate(x: Floats, t: Floats) -> Effect:
    """Log incidence rate."""
    return np.log(x / t), 1 / x


def root_rate(x: Floats, t: Floats) -> Effect:
    """Square-root incidence rate."""
    return np.sqrt(x / t), 1 / (4 * t)


def freeman_tukey_rate(x: Floats, t: Floats) -> Effect:
    """Freeman-Tukey incidence rate (1950)."""
    return (np.sqrt(x / t) + np.sqrt((x + 1) / t)) / 2, 1 / (4 * t)
