"""Whether values rise or fall from stage to stage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from enthesis.cohort.ancova import Ancova, Contrast, contrast
from enthesis.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class JonckheereTerpstra:
    """Test of ordered groups by ranks.

    Parameters
    ----------
    statistic : pairs of subjects of different groups in which the later group is higher, ties half
    expected, sd : of the statistic if the groups do not differ
    superiority : share of the pairs in which the later group is higher, ties half; 0.5 for none
    z, p_value : two-sided, normal approximation corrected for ties
    """

    statistic: float
    expected: float
    sd: float
    superiority: float
    z: float
    p_value: float


def linear_trend(fit: Ancova) -> Contrast:
    """Average change of the (adjusted) mean from one stage to the next.

    Parameters
    ----------
    fit : its groups are the stages in order, taken as equally far apart

    Notes
    -----
    The slope of the stages' means, each counted once: a linear contrast, so that a large group does
    not bend the trend.
    """
    scores = np.arange(len(fit.groups)) - (len(fit.groups) - 1) / 2
    return contrast(fit, scores / (scores @ scores))


def jonckheere_terpstra(groups: Sequence[ArrayLike]) -> JonckheereTerpstra:
    """Test that values rise (or fall) over ordered groups, by ranks.

    Parameters
    ----------
    groups : values of each group, in the order of the stages; NaN are left out

    Raises
    ------
    InputError : fewer than two groups with values, fewer than three values, or all are equal.

    Notes
    -----
    Kendall's S between value and stage with its variance under ties on both sides; two groups give
    the test of Mann and Whitney.

    References
    ----------
    Jonckheere AR. Biometrika 1954;41:133-145. doi:10.1093/biomet/41.1-2.133
    Kendall MG. Rank correlation methods. 4th ed. 1970, section 4.4.
    """
    given = [np.asarray(values, dtype=np.float64) for values in groups]
    known = [np.sort(values[~np.isnan(values)]) for values in given]
    known = [values for values in known if values.size]
    n = sum(values.size for values in known)
    if len(known) < 2 or n < 3:
        raise InputError(
            f"two or more stages with three or more values are needed for a trend, got "
            f"{len(known)} stages with {n} values"
        )
    pooled = np.concatenate(known)
    if np.ptp(pooled) == 0:
        raise InputError(f"every value is {pooled[0]:g}: there is no trend to test")
    later = sum(
        # Half of those at or below, half of those strictly below: ties count half.
        (np.searchsorted(low, high, "left") + np.searchsorted(low, high, "right")).sum() / 2
        for i, low in enumerate(known)
        for high in known[i + 1 :]
    )
    sizes = np.array([values.size for values in known], dtype=np.float64)
    pairs = (n**2 - float(sizes @ sizes)) / 2
    _, repeats = np.unique(pooled, return_counts=True)
    # The statistic is (S + pairs) / 2, so its SD is half that of S.
    sd = float(np.sqrt(_variance_of_s(n, sizes, repeats.astype(np.float64)))) / 2
    z = (float(later) - pairs / 2) / sd
    return JonckheereTerpstra(
        statistic=float(later),
        expected=pairs / 2,
        sd=sd,
        superiority=float(later) / pairs,
        z=z,
        p_value=float(2 * stats.norm.sf(abs(z))),
    )


def _variance_of_s(n: int, sizes: Floats, repeats: Floats) -> float:
    """Variance of Kendall's S with groups of `sizes` and values that occur `repeats` times."""

    def sums(t: Floats) -> tuple[float, float, float]:
        pairs = t * (t - 1)
        return (
            float(np.sum(pairs)),
            float(np.sum(pairs * (t - 2))),
            float(np.sum(pairs * (2 * t + 5))),
        )

    a, b = sums(sizes), sums(repeats)
    return (
        (n * (n - 1) * (2 * n + 5) - a[2] - b[2]) / 18
        + a[1] * b[1] / (9 * n * (n - 1) * (n - 2))
        + a[0] * b[0] / (2 * n * (n - 1))
    )
