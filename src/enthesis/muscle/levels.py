"""The slices on which a muscle is measured at a vertebral level."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from enthesis.anatomy import Region
from enthesis.regions import LabelVoxels, VertebralBody

MID_BODY = "axial slice through mid-body"
BODY_HEIGHT = "axial slices over the body's height"

BODY_CUT_FLAG = "the vertebral body reaches the edge of the scan: its middle is uncertain"
ABSENT_FLAG = "the muscle is not labelled on these slices"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """One muscle on the slices of one level.

    Parameters
    ----------
    label : the muscle's number
    muscle : its region
    level : vertebral level
    first, last : slices along K, both included
    slices : in words, for the method
    flags : doubts that every measure of this stretch shares
    """

    label: int
    muscle: Region
    level: str
    first: int
    last: int
    slices: str
    flags: tuple[str, ...]


def stretches(voxels: LabelVoxels, bodies: Mapping[str, VertebralBody]) -> Iterator[Stretch]:
    """Each muscle at each level that it reaches: at mid-body, then over the body's height.

    Levels come from head to feet. A muscle that has no voxel within the body's height is passed
    over there.
    """
    for body in bodies.values():
        flags = (BODY_CUT_FLAG,) if body.cut else ()
        for label, muscle in voxels.kind("muscle").items():
            if voxels.between(label, body.first, body.last).size == 0:
                continue
            for first, last, slices in (
                (body.middle, body.middle, MID_BODY),
                (body.first, body.last, BODY_HEIGHT),
            ):
                absent = voxels.between(label, first, last).size == 0
                yield Stretch(
                    label=label,
                    muscle=muscle,
                    level=body.level,
                    first=first,
                    last=last,
                    slices=slices,
                    flags=(*flags, ABSENT_FLAG) if absent else flags,
                )
