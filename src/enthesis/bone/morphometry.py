"""Vertebral fracture from heights: Genant's grades, their sum over the spine, and change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from enthesis.anatomy import LEVELS
from enthesis.bone.vertebra_heights import VertebralHeights
from enthesis.errors import InputError
from enthesis.records import Measurement

MILD, MODERATE, SEVERE = 0.20, 0.25, 0.40
"""Shares of a height that are lost from which a grade is 1 and 2, and above which it is 3.

Genant 1993 leaves the shared borders open; here 20% is grade 1, 25% and 40% are grade 2.
"""

INCIDENT_SHARE, INCIDENT_MM = 0.20, 4.0
"""A height that lost this share and this much, both included, is an incident fracture (EPOS)."""

TWO_SIDED = 1.96
"""Standard deviations within which 95% of errors lie."""

ROUNDING = 1e-9
"""A height of 20 mm in place of 25 has lost 20% only up to rounding: 1 - 20/25 is a little less."""

ASSESSED = (*(f"T{i}" for i in range(4, 13)), *(f"L{i}" for i in range(1, 5)))
"""Levels that the spinal deformity index sums: T4 to L4."""

NOT_A_READING = (
    "graded by heights alone: Scheuermann's disease, short vertebrae and scoliosis must be told "
    "apart by eye"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deformity:
    """How far one vertebral body has lost height.

    Parameters
    ----------
    level : e.g. "L1"
    type : "none", "wedge", "biconcave" or "crush"
    loss : greatest share of a height that is lost, against the posterior height or, in a crush,
        against the neighbour's; 0.2 is 20%. Below zero where no height is less
    loss_sd : its standard deviation from the size of the voxels or points
    grade : 0, 1, 2 or 3; 0.5 is a reader's suspicion and never computed
    lowest, highest : grades at the ends of the 95% interval of the loss
    wedge, biconcavity, crush : Ha/Hp, Hm/Hp and Hp over the higher neighbour's; NaN without one
    flags : what is doubtful, one sentence each
    """

    level: str
    type: str
    loss: float
    loss_sd: float
    grade: int
    lowest: int
    highest: int
    wedge: float
    biconcavity: float
    crush: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightChange:
    """Change of one height between two scans.

    Parameters
    ----------
    level, height : which one, e.g. "L1", "anterior"
    before, after : mm
    change : after less before, mm
    change_sd : standard deviation from the voxels or points of both scans, mm
    resolved : whether the change exceeds what the voxels leave open, 1.96 standard deviations
    incident_fracture : a loss of at least 20% and at least 4 mm
    flags : what is doubtful, one sentence each
    """

    level: str
    height: str
    before: float
    after: float
    change: float
    change_sd: float
    resolved: bool
    incident_fracture: bool
    flags: tuple[str, ...] = ()


def genant_grade(loss: float) -> int:
    """Grade of a share of height lost: 0 below 20%, 1 below 25%, 2 up to 40%, else 3.

    References
    ----------
    Genant HK et al. J Bone Miner Res 1993;8:1137-1148. doi:10.1002/jbmr.5650080915
    """
    if loss < MILD - ROUNDING:
        return 0
    if loss < MODERATE - ROUNDING:
        return 1
    return 2 if loss <= SEVERE + ROUNDING else 3


def deformities(spine: Mapping[str, VertebralHeights]) -> dict[str, Deformity]:
    """Type and grade of every vertebra that was measured, from head to feet.

    Parameters
    ----------
    spine : heights by level

    Notes
    -----
    Anterior and middle height are held against the posterior height of the same vertebra, the
    posterior one against the higher of the neighbours'. Where the posterior height has lost 20%,
    the neighbour's stands for it throughout. A posterior height below the anterior one is no loss:
    L4 and L5 are so by nature. Numbers do not make Genant's reading, which a reader does by eye.

    Raises
    ------
    InputError : a height that is missing.

    References
    ----------
    Genant HK et al. J Bone Miner Res 1993;8:1137-1148. doi:10.1002/jbmr.5650080915
    """
    ordered = {level: spine[level] for level in LEVELS if level in spine}
    for level, body in ordered.items():
        if not all(height > 0 for height in body.heights.values()):
            raise InputError(f"the heights of {level} are {body.heights}; leave the level out")
    return {level: _deformity(body, _neighbours(level, spine)) for level, body in ordered.items()}


def deformity_measurements(found: Iterable[Deformity]) -> list[Measurement]:
    """Grade and greatest loss of height of each vertebra, as measurements.

    A fracture that the heights' error could make out of an intact vertebra has no grade: NaN, with
    the grades that are possible in its flags.
    """
    return [
        Measurement(
            quantity=quantity,
            value=value,
            region="vertebra",
            level=d.level,
            method=f"Genant 1993 by heights, {d.type}" if d.grade else "Genant 1993 by heights",
            flags=(*d.flags, NOT_A_READING) if d.grade else d.flags,
        )
        for d in found
        for quantity, value in (
            ("genant_grade", float(d.grade) if d.lowest or not d.grade else math.nan),
            ("height_loss", 100 * d.loss),
        )
    ]


def spinal_deformity_index(grades: Mapping[str, float]) -> Measurement:
    """Sum of Genant's grades over T4 to L4, 0 to 39.

    Parameters
    ----------
    grades : Genant grade by level; a level that could not be read is left out or NaN

    Returns
    -------
    Measurement; NaN where one of the 13 levels was not read, for which no grade is put in. The
    flag then holds the sum over those that were.

    Raises
    ------
    InputError : a grade that is none of Genant's.

    References
    ----------
    Crans GG, Genant HK, Krege JH. Bone 2005;37:175-179. doi:10.1016/j.bone.2005.04.003. Minne's
    index of 1988, which bears the same name, sums heights.
    """
    read = {level: float(grades[level]) for level in ASSESSED if level in grades}
    read = {level: grade for level, grade in read.items() if not math.isnan(grade)}
    for level, grade in read.items():
        if grade not in {0, 0.5, 1, 2, 3}:
            raise InputError(f"a Genant grade is 0, 0.5, 1, 2 or 3, got {grade:g} at {level}")
    total = sum(read.values())
    missing = [level for level in ASSESSED if level not in read]
    doubt = (
        f"not read: {', '.join(missing)}; the sum over the {len(read)} levels read is {total:g}, "
        "the index over all 13 is unknown"
    )
    return Measurement(
        quantity="spinal_deformity_index",
        value=math.nan if missing else total,
        region="spine",
        level="T4_L4",
        method="sum of Genant grades",
        flags=(doubt,) if missing else (),
    )


def progression(
    before: Mapping[str, VertebralHeights], after: Mapping[str, VertebralHeights]
) -> list[HeightChange]:
    """Change of every height that two scans of one person share.

    Parameters
    ----------
    before, after : heights by level, found in the same way

    Raises
    ------
    InputError : no level in common, or one found from voxels and the other from points.

    References
    ----------
    European Prospective Osteoporosis Study Group. J Bone Miner Res 2002;17:716-724.
    doi:10.1359/jbmr.2002.17.4.716 (20% and 4 mm; it asked for a prevalent deformity at the end too)
    """
    common = [level for level in LEVELS if level in before and level in after]
    if not common:
        raise InputError("the two scans have no level in common; check the labels")
    return [
        _change(before[level], after[level], height)
        for level in common
        for height in before[level].heights
    ]


def _neighbours(level: str, spine: Mapping[str, VertebralHeights]) -> list[VertebralHeights]:
    """Those right above and below; T13 and L6 are passed over where the spine has none."""
    order = [name for name in LEVELS if name in spine or name not in {"T13", "L6"}]
    at = order.index(level)
    return [
        spine[name]
        for name in (*order[max(at - 1, 0) : at], *order[at + 1 : at + 2])
        if name in spine
    ]


def _deformity(body: VertebralHeights, neighbours: list[VertebralHeights]) -> Deformity:
    beside = max((n.posterior for n in neighbours), default=math.nan)
    wedge, biconcavity = body.anterior / body.posterior, body.middle / body.posterior
    crush = body.posterior / beside
    crushed = crush <= 1 - MILD + ROUNDING
    reference = beside if crushed else body.posterior
    ratios = {"wedge": body.anterior / reference, "biconcave": body.middle / reference}
    if crushed:
        ratios["crush"] = crush
    flags = list(body.flags)
    least = min(ratios, key=lambda kind: ratios[kind])
    loss = 1 - ratios[least]
    # Both heights of a ratio err alike and apart from each other.
    sd = body.sd / reference * math.hypot(1, ratios[least])
    grade = genant_grade(loss)
    doubt = 0.0 if math.isnan(sd) else TWO_SIDED * sd
    lowest, highest = genant_grade(loss - doubt), genant_grade(loss + doubt)
    if lowest != highest:
        seen = "below what the voxels resolve" if loss <= doubt else "near the border of a grade"
        flags.append(
            f"a loss of height of {loss:.0%}, give or take {doubt:.0%}, is {seen}: the grade may "
            f"be {lowest} to {highest}"
        )
    if not neighbours:
        flags.append("no neighbour was measured: a crush of the whole body would be missed")
    return Deformity(
        level=body.level,
        type=("crush" if crushed else least) if grade else "none",
        loss=loss,
        loss_sd=sd,
        grade=grade,
        lowest=lowest,
        highest=highest,
        wedge=wedge,
        biconcavity=biconcavity,
        crush=crush,
        flags=tuple(flags),
    )


def _change(before: VertebralHeights, after: VertebralHeights, height: str) -> HeightChange:
    if (before.method == "six points") != (after.method == "six points"):
        raise InputError(
            f"{before.level} was measured by {before.method} first and by {after.method} then; "
            "measure both scans in one way"
        )
    first, last = before.heights[height], after.heights[height]
    change, sd = last - first, math.hypot(before.sd, after.sd)
    resolved = math.isfinite(sd) and abs(change) > TWO_SIDED * sd
    lost = -change + ROUNDING
    flags = [*dict.fromkeys((*before.flags, *after.flags))]
    if not math.isfinite(sd):
        flags.append("the points' standard deviation is unknown: so is what change is real")
    elif not resolved:
        flags.append(
            f"a change of {change:+.1f} mm is below the {TWO_SIDED * sd:.1f} mm that the two scans "
            "resolve"
        )
    return HeightChange(
        level=before.level,
        height=height,
        before=first,
        after=last,
        change=change,
        change_sd=sd,
        resolved=resolved,
        incident_fracture=lost >= INCIDENT_MM and lost >= INCIDENT_SHARE * first,
        flags=tuple(flags),
    )
