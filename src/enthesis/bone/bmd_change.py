"""Change of a density between two visits, beside the least change that is more than error."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from scipy import special

from enthesis.errors import InputError
from enthesis.records import Measurement

ROUNDING = 1e-9
"""Two densities of three digits differ by a multiple of 0.001 only up to rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BmdChange:
    """How a density changed from one visit to a later one.

    Parameters
    ----------
    quantity, region, side, level : what was measured
    first, last : values, in the quantity's unit
    years : between the visits
    change, percent : last less first, and over the first
    per_year, percent_per_year : the same over the years
    lsc : least significant change, in the quantity's unit; None when it is not known
    significant : whether the change is at least as large; None without a least significant change
    flags : what is doubtful
    """

    quantity: str
    region: str
    side: str = ""
    level: str = ""
    first: float
    last: float
    years: float
    change: float
    percent: float
    per_year: float
    percent_per_year: float
    lsc: float | None
    significant: bool | None
    flags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def least_significant_change(
    precision_error: float, *, n_first: int = 1, n_last: int = 1, level: float = 0.95
) -> float:
    """Least change between two visits that is more than error of measurement.

    Parameters
    ----------
    precision_error : RMS-SD of the centre's own repeats, see `cohort.precision_error`
    n_first, n_last : scans that each visit's value is the mean of
    level : of confidence, 0 to 1; 0.95 by ISCD

    Returns
    -------
    In the unit of the precision error: z x error x sqrt(1/n_first + 1/n_last), for single scans at
    0.95 the error times 2.77.

    Raises
    ------
    InputError : an error that is not above zero, no scan, or an impossible level.

    References
    ----------
    Glüer CC, et al. Osteoporos Int 1995;5:262-270. doi:10.1007/BF01774016
    Baim S, et al. J Clin Densitom 2005;8:371-378. doi:10.1385/JCD:8:4:371
    """
    if not precision_error > 0:
        raise InputError(f"a precision error is above zero, got {precision_error:g}")
    if min(n_first, n_last) < 1:
        raise InputError(f"each visit has one scan or more, got {min(n_first, n_last)}")
    if not 0 < level < 1:
        raise InputError(f"level lies between 0 and 1, got {level:g}")
    z = float(special.ndtri((1 + level) / 2))
    return z * precision_error * math.sqrt(1 / n_first + 1 / n_last)


def bmd_change(
    first: Measurement, last: Measurement, *, years: float, lsc: float | None = None
) -> BmdChange:
    """Change of a density between two visits.

    Parameters
    ----------
    first, last : the same quantity of the same place by the same method; for the spine that is the
        same vertebrae
    years : between the visits
    lsc : least significant change of the centre for this site, in the unit of the quantity

    Returns
    -------
    BmdChange. A change equal to the least significant one is significant (ISCD); percents are for
    print and decide nothing, because precision in percent falls with density.

    Raises
    ------
    InputError : two different things, no time between them, or a first value not above zero.

    References
    ----------
    ISCD Adult Official Positions 2019 and 2023.
    """
    for what in ("quantity", "region", "side", "level", "method"):
        was, now = getattr(first, what), getattr(last, what)
        if was != now:
            raise InputError(
                f"a change needs one {what} at both visits, got {was or 'none'!r} and "
                f"{now or 'none'!r}"
            )
    if not years > 0:
        raise InputError(f"the later visit comes after the first, got {years:g} years between them")
    if not first.value > 0 or not math.isfinite(last.value):
        raise InputError(
            f"a change needs two values above zero, got {first.value:g} and {last.value:g}"
        )
    change = last.value - first.value
    percent = 100 * change / first.value
    flags = dict.fromkeys((*first.flags, *last.flags))
    if lsc is None:
        flags["without the centre's least significant change nobody can tell it from error"] = None
    return BmdChange(
        quantity=first.quantity,
        region=first.region,
        side=first.side,
        level=first.level,
        first=first.value,
        last=last.value,
        years=years,
        change=change,
        percent=percent,
        per_year=change / years,
        percent_per_year=percent / years,
        lsc=lsc,
        significant=None if lsc is None else abs(change) >= lsc - ROUNDING,
        flags=tuple(flags),
    )
