"""Tail probabilities and critical values, with infinite degrees of freedom meaning the normal."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import special

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]


def two_sided_p(statistic: ArrayLike, df: ArrayLike = np.inf) -> Floats:
    """P(|T| >= |statistic|) for Student's t with `df` degrees of freedom."""
    value, freedom = np.broadcast_arrays(
        np.asarray(statistic, dtype=float), np.asarray(df, dtype=float)
    )
    normal = np.isinf(freedom)
    student = special.stdtr(np.where(normal, 1.0, freedom), -np.abs(value))
    p: Floats = 2.0 * np.where(normal, special.ndtr(-np.abs(value)), student)
    return p


def critical_value(level: float, df: ArrayLike = np.inf) -> Floats:
    """The quantile that leaves (1 - level) / 2 in each tail of Student's t."""
    freedom = np.asarray(df, dtype=float)
    normal = np.isinf(freedom)
    upper = 1.0 - (1.0 - level) / 2.0
    student = special.stdtrit(np.where(normal, 1.0, freedom), upper)
    quantile: Floats = np.where(normal, special.ndtri(upper), student)
    return quantile


def chi2_p(statistic: float, df: float) -> float:
    """P(X >= statistic) for chi-squared; 1 where there are no degrees of freedom."""
    return float(special.chdtrc(df, max(statistic, 0.0))) if df > 0 else 1.0


def chi2_quantile(probability: float, df: float) -> float:
    """The value below which chi-squared falls with this probability."""
    return float(2.0 * special.gammaincinv(df / 2.0, probability))


def f_p(statistic: float, df1: float, df2: float) -> float:
    """P(F >= statistic); an infinite second df means chi-squared over df1."""
    if np.isinf(df2):
        return chi2_p(statistic * df1, df1)
    return float(special.fdtrc(df1, df2, max(statistic, 0.0)))
