"""How many subjects a study needs: a difference of two groups, an ICC, an area under the curve."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from scipy import stats

from enthesis.errors import InputError

MOST = 10_000_000
"""No study is planned with more subjects: beyond it the effect asked for is next to none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleSize:
    """How many to recruit.

    Parameters
    ----------
    first, second : subjects of the two groups; of events and others for an area; `second` is 0
        where there is one group
    total : of both
    recruit : total to recruit so that `total` remain after drop-out
    reached : power or width of interval with these numbers
    method : the formula, as a methods section prints it
    """

    first: int
    second: int
    total: int
    recruit: int
    reached: float
    method: str


def size_for_difference(
    smd: float,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    dropout: float = 0.0,
) -> SampleSize:
    """Subjects of two groups, to find a standardised mean difference with a t-test.

    Parameters
    ----------
    smd : difference in SDs, not zero
    power : chance of finding it, 0 to 1
    alpha : two-sided
    ratio : subjects of the second group per subject of the first
    dropout : share of recruited subjects that will be lost, 0 to 1

    Raises
    ------
    InputError : a value outside its range.

    Notes
    -----
    Exact power of Student's t-test from the noncentral t distribution.

    References
    ----------
    Cohen J. Statistical power analysis for the behavioral sciences. 2nd ed. 1988, chapter 2.
    """
    _between("power", power)
    _between("alpha", alpha)
    _positive("ratio", ratio)
    if not (math.isfinite(smd) and smd):
        raise InputError(f"a difference of {smd:g} SD cannot be found; give one that is not zero")

    def reached(first: int) -> float:
        second = math.ceil(first * ratio)
        df = first + second - 2
        shift = abs(smd) / math.sqrt(1 / first + 1 / second)
        critical = float(stats.t.isf(alpha / 2, df))
        missed = stats.nct.cdf(critical, df, shift) - stats.nct.cdf(-critical, df, shift)
        return 1 - float(missed)

    first = _smallest(lambda n: reached(n) >= power, start=2)
    return _size(
        first,
        math.ceil(first * ratio),
        dropout=dropout,
        reached=reached(first),
        method=f"two-sided t-test, SMD {smd:g}, power {power:g}, alpha {alpha:g}",
    )


def size_for_icc_test(
    icc: float,
    *,
    least: float,
    raters: int,
    power: float = 0.8,
    alpha: float = 0.05,
    dropout: float = 0.0,
) -> SampleSize:
    """Subjects to show that an intraclass correlation is above the least acceptable one.

    Parameters
    ----------
    icc : expected, above `least`
    least : ICC of the null hypothesis
    raters : per subject, 2 or more
    power : chance of showing it, 0 to 1
    alpha : one-sided, as in the paper
    dropout : share of recruited subjects that will be lost, 0 to 1

    Raises
    ------
    InputError : a value outside its range.

    References
    ----------
    Walter SD, Eliasziw M, Donner A. Stat Med 1998;17:101-110.
    doi:10.1002/(SICI)1097-0258(19980115)17:1<101::AID-SIM727>3.0.CO;2-E
    """
    _between("power", power)
    _between("alpha", alpha)
    _check_raters(raters)
    if not 0 <= least < icc < 1:
        raise InputError(
            f"an expected ICC between the least acceptable one and 1 is wanted, got {icc:g} and "
            f"{least:g}"
        )
    ratio = (1 + raters * least / (1 - least)) / (1 + raters * icc / (1 - icc))
    # Each further subject tells log(ratio) the same amount.
    per_subject = math.log(ratio) ** 2 * (raters - 1) / (2 * raters)
    z_alpha = float(stats.norm.isf(alpha))
    needed = (z_alpha + float(stats.norm.ppf(power))) ** 2 / per_subject
    first = math.ceil(1 + needed)
    reached = float(stats.norm.cdf(math.sqrt((first - 1) * per_subject) - z_alpha))
    return _size(
        first,
        0,
        dropout=dropout,
        reached=reached,
        method=(
            f"one-sided test of ICC {least:g} against {icc:g}, {raters} raters, power {power:g}, "
            f"alpha {alpha:g} (Walter 1998)"
        ),
    )


def size_for_icc_width(
    icc: float, *, width: float, raters: int, level: float = 0.95, dropout: float = 0.0
) -> SampleSize:
    """Subjects to estimate an intraclass correlation with an interval of a given width.

    Parameters
    ----------
    icc : expected, 0 to 1
    width : of the whole interval
    raters : per subject, 2 or more
    level : confidence level, 0 to 1
    dropout : share of recruited subjects that will be lost, 0 to 1

    Raises
    ------
    InputError : a value outside its range.

    Notes
    -----
    With two raters and an ICC of 0.7 or more the formula falls short, and 5 ICC are added, as the
    paper advises.

    References
    ----------
    Bonett DG. Stat Med 2002;21:1331-1335. doi:10.1002/sim.1108
    """
    _between("icc", icc)
    _between("width", width)
    _between("level", level)
    _check_raters(raters)
    z = float(stats.norm.ppf((1 + level) / 2))
    spread = 8 * z**2 * (1 - icc) ** 2 * (1 + (raters - 1) * icc) ** 2 / (raters * (raters - 1))
    short = 5 * icc if raters == 2 and icc >= 0.7 else 0.0
    first = math.ceil(math.ceil(1 + spread / width**2) + short)
    return _size(
        first,
        0,
        dropout=dropout,
        reached=math.sqrt(spread / (first - 1 - short)),
        method=(
            f"{100 * level:g}% interval of width {width:g} of an ICC of {icc:g}, {raters} raters "
            "(Bonett 2002)"
        ),
    )


def size_for_auc_test(
    auc: float,
    *,
    null: float = 0.5,
    power: float = 0.8,
    alpha: float = 0.05,
    ratio: float = 1.0,
    dropout: float = 0.0,
) -> SampleSize:
    """Subjects with and without an event, to show that an area differs from another value.

    Parameters
    ----------
    auc : expected, above 0.5 and unlike `null`
    null : area of the null hypothesis, 0.5 or more
    power : chance of showing it, 0 to 1
    alpha : two-sided
    ratio : subjects without the event per subject with it
    dropout : share of recruited subjects that will be lost, 0 to 1

    Raises
    ------
    InputError : a value outside its range.

    Notes
    -----
    Variance of the area when the number is normal in both groups, as Obuchowski gives it.

    References
    ----------
    Obuchowski NA, McClish DK. Stat Med 1997;16:1529-1542.
    doi:10.1002/(SICI)1097-0258(19970715)16:13<1529::AID-SIM565>3.0.CO;2-H
    """
    _between("power", power)
    _between("alpha", alpha)
    _positive("ratio", ratio)
    if not (0.5 < auc < 1 and 0.5 <= null < 1 and auc != null):
        raise InputError(
            f"an expected area above 0.5 and below 1, unlike that of the null hypothesis, is "
            f"wanted, got {auc:g} and {null:g}"
        )
    z_alpha, z_power = float(stats.norm.isf(alpha / 2)), float(stats.norm.ppf(power))
    under_null, expected = (math.sqrt(_binormal_variance(x, ratio)) for x in (null, auc))
    first = math.ceil(((z_alpha * under_null + z_power * expected) / (auc - null)) ** 2)
    reached = (math.sqrt(first) * abs(auc - null) - z_alpha * under_null) / expected
    return _size(
        first,
        math.ceil(first * ratio),
        dropout=dropout,
        reached=float(stats.norm.cdf(reached)),
        method=(
            f"two-sided test of AUC {null:g} against {auc:g}, power {power:g}, alpha {alpha:g} "
            "(Obuchowski and McClish 1997)"
        ),
    )


def size_for_auc_width(
    auc: float, *, width: float, level: float = 0.95, ratio: float = 1.0, dropout: float = 0.0
) -> SampleSize:
    """Subjects with and without an event, to estimate an area with an interval of a given width.

    Parameters
    ----------
    auc : expected, 0 to 1
    width : of the whole interval
    level : confidence level, 0 to 1
    ratio : subjects without the event per subject with it
    dropout : share of recruited subjects that will be lost, 0 to 1

    Raises
    ------
    InputError : a value outside its range.

    References
    ----------
    Hanley JA, McNeil BJ. Radiology 1982;143:29-36. doi:10.1148/radiology.143.1.7063747
    """
    _between("auc", auc)
    _between("width", width)
    _between("level", level)
    _positive("ratio", ratio)
    z = float(stats.norm.ppf((1 + level) / 2))

    def reached(first: int) -> float:
        return 2 * z * hanley_mcneil_se(auc, first, math.ceil(first * ratio))

    first = _smallest(lambda n: reached(n) <= width, start=2)
    return _size(
        first,
        math.ceil(first * ratio),
        dropout=dropout,
        reached=reached(first),
        method=f"{100 * level:g}% interval of width {width:g} of an AUC of {auc:g} (Hanley 1982)",
    )


def hanley_mcneil_se(auc: float, n_events: int, n_others: int) -> float:
    """Standard error of an area, for a number that is exponential in both groups.

    Parameters
    ----------
    auc : area, 0 to 1
    n_events, n_others : subjects with and without the event
    """
    two_events, two_others = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (n_events - 1) * (two_events - auc**2)
        + (n_others - 1) * (two_others - auc**2)
    )
    return math.sqrt(variance / (n_events * n_others))


def _binormal_variance(auc: float, ratio: float) -> float:
    """Variance of the area times the number of events."""
    a = 1.414 * float(stats.norm.ppf(auc))
    return 0.0099 * math.exp(-(a**2) / 2) * ((5 * a**2 + 8) + (a**2 + 8) / ratio)


def _smallest(enough: Callable[[int], bool], *, start: int) -> int:
    """The smallest number that is enough, by doubling and halving."""
    high = start
    while not enough(high):
        high *= 2
        if high > MOST:
            raise InputError(
                f"more than {MOST:,} subjects per group would be needed; ask for a larger effect "
                "or less precision"
            )
    low = start if high == start else high // 2
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return high


def _size(first: int, second: int, *, dropout: float, reached: float, method: str) -> SampleSize:
    if not 0 <= dropout < 1:
        raise InputError(f"dropout is a share from 0 to below 1, got {dropout:g}")
    total = first + second
    return SampleSize(
        first=first,
        second=second,
        total=total,
        # 100 / (1 - 0.2) comes out a hair above 125.
        recruit=math.ceil(total / (1 - dropout) - 1e-9),
        reached=reached,
        method=method,
    )


def _between(name: str, value: float) -> None:
    if not 0 < value < 1:
        raise InputError(f"{name} lies between 0 and 1, got {value:g}")


def _positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"{name} is above 0, got {value:g}")


def _check_raters(raters: int) -> None:
    if raters < 2:
        raise InputError(f"two or more raters per subject are needed, got {raters}")
