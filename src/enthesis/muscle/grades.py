"""Grades of fat in a muscle, from its percentage."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace

from enthesis.records import Measurement

STREAKS_PERCENT = 1.0
FEW_STREAKS_PERCENT = 10.0
EQUAL_PERCENT = (45.0, 55.0)
"""Percent equivalents of the Goutallier grades. The grades are words: 0 normal, 1 some streaks, 2
less fat than muscle, 3 as much, 4 more. That 1 ends at 10% is a later custom; where "none" ends
and how near to a half is "as much" nobody has set, and these numbers are ours."""

EQUIVALENT_FLAG = "a percent equivalent: the grade was made to be given by eye"


def goutallier(percent: float) -> float:
    """Goutallier grade that a share of fat is equivalent to, 0 to 4; NaN for NaN.

    Parameters
    ----------
    percent : fat infiltration, %

    References
    ----------
    Goutallier D, et al. Clin Orthop Relat Res 1994;304:78-83. Battaglia PJ, et al. J Manipulative
    Physiol Ther 2014;37:190-197. doi:10.1016/j.jmpt.2013.12.010 (multifidus on MRI)
    """
    if math.isnan(percent):
        return math.nan
    low, high = EQUAL_PERCENT
    if percent < STREAKS_PERCENT:
        return 0.0
    if percent < FEW_STREAKS_PERCENT:
        return 1.0
    if percent < low:
        return 2.0
    return 3.0 if percent <= high else 4.0


def kjaer(percent: float) -> float:
    """Kjaer's grade: 0 up to 10%, 1 above 10 up to 50%, 2 above 50%; NaN for NaN.

    Parameters
    ----------
    percent : fat infiltration, %

    References
    ----------
    Kjaer P, et al. BMC Med 2007;5:2. doi:10.1186/1741-7015-5-2
    """
    if math.isnan(percent):
        return math.nan
    return float((percent > 10) + (percent > 50))


GRADES: dict[str, Callable[[float], float]] = {"goutallier": goutallier, "kjaer": kjaer}
"""Grades by name; the quantity is named ``<name>_grade``."""


def grades(measurements: Iterable[Measurement], *, names: Iterable[str]) -> list[Measurement]:
    """Grades of each fat infiltration, with its method and doubts.

    Parameters
    ----------
    measurements : those of ``fat_infiltration`` are graded
    names : keys of `GRADES`
    """
    wanted = list(names)
    return [
        replace(
            m,
            quantity=f"{name}_grade",
            value=GRADES[name](m.value),
            flags=(*m.flags, EQUIVALENT_FLAG) if name == "goutallier" else m.flags,
        )
        for m in measurements
        if m.quantity == "fat_infiltration"
        for name in wanted
    ]
