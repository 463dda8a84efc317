"""Begg and Mazumdar's rank test for funnel asymmetry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

from enthesis.errors import InputError
from enthesis.evidence.design import build
from enthesis.evidence.printing import number, p_phrase

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXACT_RANKS = 500
"""Most untied effects for which Kendall's distribution is counted out, in a tenth of a second;
metafor counts it out for any number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RankTest:
    """Kendall's correlation of standardised effects with their variances.

    Parameters
    ----------
    tau : rank correlation; zero is a symmetric funnel
    p_value : exact where `exact`, else that of the normal approximation
    p_value_normal : of the normal approximation, without continuity correction
    exact : the distribution was counted out: no ties, and no more than 500 effects
    """

    tau: float
    p_value: float
    p_value_normal: float
    exact: bool

    def summary(self) -> str:
        """The test in words."""
        how = "exact" if self.exact else "normal approximation"
        return (
            f"Rank correlation test for funnel asymmetry\nKendall's tau {number(self.tau)}, "
            f"{p_phrase(self.p_value)} ({how})"
        )


def rank_test(effects: pd.DataFrame, *, yi: str = "yi", vi: str = "vi") -> RankTest:
    """Begg and Mazumdar's rank correlation test for funnel asymmetry.

    Parameters
    ----------
    effects : a row per effect
    yi, vi : columns of effects and sampling variances

    Raises
    ------
    InputError : fewer than three effects.

    References
    ----------
    Begg and Mazumdar (1994), 10.2307/2533446.
    """
    table = build(effects, yi=yi, vi=vi)
    y, v = table.effects, table.variances
    k = len(y)
    if k < 3:
        raise InputError(f"a rank correlation needs at least three effects, got {k}")
    w = 1 / v
    deviate = (y - np.sum(w * y) / np.sum(w)) / np.sqrt(v - 1 / np.sum(w))
    concordance = _concordance(deviate, v)
    ties = [np.unique(column, return_counts=True)[1] for column in (deviate, v)]
    pairs = k * (k - 1) / 2
    untied = [pairs - float(np.sum(t * (t - 1))) / 2 for t in ties]
    if min(untied) <= 0:
        raise InputError("all variances are equal, so they have no ranks to correlate")
    z = concordance / np.sqrt(_concordance_variance(k, *ties))
    normal = float(2 * ndtr(-abs(z)))
    exact = k <= EXACT_RANKS and min(untied) == pairs
    return RankTest(
        tau=float(concordance / np.sqrt(untied[0] * untied[1])),
        p_value=_exact_p(k, concordance) if exact else normal,
        p_value_normal=normal,
        exact=exact,
    )


def _concordance(a: Floats, b: Floats) -> float:
    """Kendall's S: concordant minus discordant pairs, counted a slice of rows at a time."""
    total = 0.0
    for start in range(0, len(a), 256):
        part = slice(start, start + 256)
        signs = np.sign(a[part, None] - a) * np.sign(b[part, None] - b)
        total += float(signs.sum())
    return total / 2


def _concordance_variance(k: int, t: NDArray[np.intp], u: NDArray[np.intp]) -> float:
    """Variance of S under independence, with ties; Kendall (1970), equation 4.4."""

    def single(n: NDArray[np.intp]) -> float:
        return float(np.sum(n * (n - 1) * (2 * n + 5)))

    def double(n: NDArray[np.intp]) -> float:
        return float(np.sum(n * (n - 1)))

    def triple(n: NDArray[np.intp]) -> float:
        return float(np.sum(n * (n - 1) * (n - 2)))

    untied = k * (k - 1) * (2 * k + 5)
    return (
        (untied - single(t) - single(u)) / 18
        + double(t) * double(u) / (2 * k * (k - 1))
        + triple(t) * triple(u) / (9 * k * (k - 1) * (k - 2))
    )


def _exact_p(k: int, concordance: float) -> float:
    """Two-sided p from the number of permutations with each count of concordant pairs."""
    pairs = k * (k - 1) // 2
    # The distribution is symmetric; its lower tail is a sum of small numbers, so keeps its digits.
    concordant = round((pairs - abs(concordance)) / 2)
    counts = np.zeros(concordant + 1)
    counts[0] = 1.0
    for n in range(2, k + 1):
        running = np.cumsum(counts) / n
        counts = running.copy()
        counts[n:] -= running[:-n]
    return min(1.0, 2.0 * float(counts.sum()))
