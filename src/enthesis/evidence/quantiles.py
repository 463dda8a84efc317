"""Mean, SD and symmetry of a sample from the quantiles that a study prints."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import ndtri

from enthesis.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.two_groups import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class SkewnessTest:
    """Whether printed quantiles are too lopsided for a mean and SD to be read from them.

    Parameters
    ----------
    statistic, critical : Shi's T and its 5 % critical value
    skewed : statistic >= critical
    """

    statistic: Floats
    critical: Floats
    skewed: NDArray[np.bool_]


def mean_from_quantiles(
    n: ArrayLike,
    *,
    median: ArrayLike,
    minimum: ArrayLike = np.nan,
    q1: ArrayLike = np.nan,
    q3: ArrayLike = np.nan,
    maximum: ArrayLike = np.nan,
    method: Literal["luo", "wan"] = "luo",
) -> Floats:
    """Mean from the median with range, quartiles, or both (whatever is not missing).

    Parameters
    ----------
    n : size of the sample
    minimum, q1, median, q3, maximum : in the units of the data
    method : "luo" weighs by sample size, "wan" does not

    References
    ----------
    Luo et al. 2018, https://doi.org/10.1177/0962280216669183;
    Wan et al. 2014, https://doi.org/10.1186/1471-2288-14-135
    """
    size, a, first, m, third, b = as_floats(n, minimum, q1, median, q3, maximum)
    ends, box = (a + b) / 2, (first + third) / 2
    if method == "wan":
        five = (a + 2 * first + 2 * m + 2 * third + b) / 8
        quartiles, span = (first + m + third) / 3, (a + 2 * m + b) / 4
    elif method == "luo":
        w1, w2 = 2.2 / (2.2 + size**0.75), 0.7 - 0.72 / size**0.55
        five = w1 * ends + w2 * box + (1 - w1 - w2) * m
        quartiles = (0.7 + 0.39 / size) * box + (0.3 - 0.39 / size) * m
        w = 4 / (4 + size**0.75)
        span = w * ends + (1 - w) * m
    else:
        raise InputError(f"method is 'luo' or 'wan', not {method!r}")
    return _fullest(five, quartiles, span)


def sd_from_quantiles(
    n: ArrayLike,
    *,
    median: ArrayLike = np.nan,  # noqa: ARG001 so that one summary serves mean and SD
    minimum: ArrayLike = np.nan,
    q1: ArrayLike = np.nan,
    q3: ArrayLike = np.nan,
    maximum: ArrayLike = np.nan,
    method: Literal["shi", "wan"] = "shi",
) -> Floats:
    """SD from range, quartiles, or both (whatever is not missing).

    Parameters
    ----------
    n : size of the sample
    minimum, q1, q3, maximum : in the units of the data; the median tells nothing of the SD
    method : how range and quartiles are weighed when both are there

    References
    ----------
    Wan et al. 2014, https://doi.org/10.1186/1471-2288-14-135;
    Shi et al. 2020, https://doi.org/10.1002/jrsm.1429
    """
    size, a, first, third, b = as_floats(n, minimum, q1, q3, maximum)
    end_z = ndtri((size - 0.375) / (size + 0.25))
    box_z = ndtri((0.75 * size - 0.125) / (size + 0.25))
    span, quartiles = (b - a) / (2 * end_z), (third - first) / (2 * box_z)
    if method == "wan":
        five = (span + quartiles) / 2
    elif method == "shi":
        weight = 0.07 * size**0.6
        five = (b - a) / ((2 + 2 * weight) * end_z) + (third - first) / ((2 + 2 / weight) * box_z)
    else:
        raise InputError(f"method is 'shi' or 'wan', not {method!r}")
    return _fullest(five, quartiles, span)


def skewness_test(
    n: ArrayLike,
    *,
    median: ArrayLike,
    minimum: ArrayLike = np.nan,
    q1: ArrayLike = np.nan,
    q3: ArrayLike = np.nan,
    maximum: ArrayLike = np.nan,
) -> SkewnessTest:
    """Shi's test of symmetry from the printed quantiles, at the 5 % level.

    Parameters
    ----------
    n : size of the sample
    minimum, q1, median, q3, maximum : in the units of the data

    References
    ----------
    Shi et al. 2023, https://doi.org/10.1177/09622802231172043 (the preprint of 2020
    has other constants)
    """
    size, a, first, m, third, b = as_floats(n, minimum, q1, median, q3, maximum)
    with np.errstate(divide="ignore", invalid="ignore"):
        span = np.abs(a + b - 2 * m) / (b - a)
        quartiles = np.abs(first + third - 2 * m) / (third - first)
    five = np.maximum(2.65 * np.log(0.6 * size) / np.sqrt(size) * span, quartiles)
    statistic = _fullest(five, quartiles, span)
    five_critical = 3 / np.sqrt(size) - 40 / size**3
    box_critical = 2.65 / np.sqrt(size) - 6 / size**2
    end_critical = 1 / np.log(size + 9) + 2.5 / (size + 1)
    critical = np.where(
        np.isfinite(five),
        five_critical,
        np.where(np.isfinite(quartiles), box_critical, end_critical),
    )
    critical = np.where(np.isfinite(statistic), critical, np.nan)
    return SkewnessTest(statistic=statistic, critical=critical, skewed=statistic >= critical)


def as_floats(*values: ArrayLike) -> tuple[Floats, ...]:
    """Each value as a float array."""
    return tuple(np.asarray(value, dtype=float) for value in values)


def _fullest(*estimates: Floats) -> Floats:
    """The first that is known, row by row."""
    result = np.asarray(estimates[0], dtype=float)
    for estimate in estimates[1:]:
        result = np.where(np.isfinite(result), result, estimate)
    return result
