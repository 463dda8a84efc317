"""The slices on which a muscle is measured at a vertebral level."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import Region, region
from enthesis.errors import InputError
from enthesis.records import Measurement
from enthesis.regions import Disc, LabelVoxels, VertebralBody

MID_BODY = "axial slice through mid-body"
BODY_HEIGHT = "axial slices over the body's height"
SUPERIOR_ENDPLATE = "axial slice at the superior endplate"
INFERIOR_ENDPLATE = "axial slice at the inferior endplate"
MID_DISC = "axial slice through mid-disc"

SLICES = {
    "mid-body": MID_BODY,
    "body height": BODY_HEIGHT,
    "superior endplate": SUPERIOR_ENDPLATE,
    "inferior endplate": INFERIOR_ENDPLATE,
    "mid-disc": MID_DISC,
}
"""Rules by which slices are chosen, and their words in a method."""

USUAL_SLICES = ("mid-body", "body height")

BODY_CUT_FLAG = "the vertebral body reaches the edge of the scan: its middle is uncertain"
ABSENT_FLAG = "the muscle is not labelled on these slices"
CLIPPED_FLAG = "the muscle reaches the side of the scan on these slices: it may be cut off"
UNLABELLED_DISC_FLAG = "the disc is not labelled: its middle is taken midway between the bodies"
ONE_PART_FLAG = "of {all} only {some} is labelled on these slices"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stretch:
    """One muscle on the slices of one level.

    Parameters
    ----------
    muscle : its region
    labels : its label numbers; several where muscles are taken together
    level : vertebral level, or the two of a disc
    first, last : slices along K, both included
    slices : in words, for the method
    area : of its cut, or the mean over the slices, mm2
    values : of the image on its voxels, (n,)
    quantity : what the values are
    edges : what was done with the values at the edge, for the method; "" for nothing
    flags : doubts that every measure of this stretch shares
    """

    muscle: Region
    labels: tuple[int, ...]
    level: str
    first: int
    last: int
    slices: str
    area: float
    values: NDArray[Any]
    quantity: str
    flags: tuple[str, ...]
    edges: str = ""

    def measurement(
        self, quantity: str, value: float, how: str = "", flags: Sequence[str] = ()
    ) -> Measurement:
        """A number of this muscle on these slices; `how` goes before them in the method.

        Without `how` it is a number of the labels, to which the image's values are nothing.
        """
        how = f"{how}{self.edges}" if how else ""
        return Measurement(
            quantity=quantity,
            value=value,
            region=self.muscle.structure,
            side=self.muscle.side,
            level=self.level,
            method=f"{how}, {self.slices}" if how else self.slices,
            flags=tuple(dict.fromkeys((*self.flags, *flags))),
        )


def stretches(
    voxels: LabelVoxels,
    bodies: Mapping[str, VertebralBody],
    discs: Mapping[str, Disc] | None = None,
    *,
    slices: Sequence[str] = USUAL_SLICES,
    kind: str = "muscle",
    structures: Collection[str] = (),
    levels: Collection[str] = (),
) -> list[Stretch]:
    """Each muscle at each level that it reaches, on the slices that are asked for.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    bodies : vertebral bodies of the same label map, by level from head to feet
    discs : its discs, for "mid-disc"
    slices : keys of `SLICES`
    kind : of tissue
    structures : of that kind; all if empty
    levels : vertebral levels; all if empty. A disc is measured if the level above it is

    Returns
    -------
    Stretches from head to feet. A muscle that has no voxel within the body's height is passed over
    there.

    Raises
    ------
    InputError : unknown slices.
    """
    unknown = [name for name in slices if name not in SLICES]
    if unknown:
        raise InputError(f"no slices named {unknown[0]!r}; known are: {', '.join(SLICES)}")
    found: list[Stretch] = []
    for level, places, flags in _places(bodies, discs or {}, slices, levels):
        low, high = min(p[1] for p in places), max(p[2] for p in places)
        for label, muscle in voxels.kind(kind).items():
            if structures and muscle.structure not in structures:
                continue
            if voxels.between(label, low, high).size == 0:
                continue
            for name, first, last, bottom, top in places:
                found.append(
                    _stretch(voxels, label, level, name, (first, last), (bottom, top), flags)
                )
    return found


def together(found: Iterable[Stretch], groups: Mapping[str, Collection[str]]) -> list[Stretch]:
    """Muscles of a group taken as one: areas summed, voxels joined.

    Parameters
    ----------
    found : stretches
    groups : name of the whole in `anatomy` → structures that make it up

    Returns
    -------
    A stretch for each group, side, level and set of slices.
    """
    joined: dict[tuple[str, str, str, str], list[Stretch]] = {}
    for one in found:
        for whole, parts in groups.items():
            if one.muscle.structure in parts:
                joined.setdefault((whole, one.muscle.side, one.level, one.slices), []).append(one)
    return [
        replace(
            some[0],
            muscle=region(f"{whole}_{side}" if side else whole),
            labels=tuple(label for one in some for label in one.labels),
            area=sum(one.area for one in some),
            values=np.concatenate([one.values for one in some]),
            flags=_joined_flags(some, groups[whole]),
        )
        for (whole, side, _, _), some in joined.items()
    ]


def clipped(voxels: LabelVoxels, label: int, first: int, last: int) -> bool:
    """Whether a region reaches the side of the scan on slices first..last, both included."""
    i, j, _ = voxels.boxes[label]
    at_side = [
        (axis, edge)
        for axis, part in enumerate((i, j))
        for edge, there in ((0, part.start == 0), (-1, part.stop == voxels.shape[axis]))
        if there and voxels.shape[axis] > 1
    ]
    if not at_side:
        return False
    mask, _ = voxels.mask(label, first, last)
    return any(mask.take(edge, axis=axis).any() for axis, edge in at_side)


_Place = tuple[str, int, int, float, float]


def _places(
    bodies: Mapping[str, VertebralBody],
    discs: Mapping[str, Disc],
    slices: Sequence[str],
    levels: Collection[str],
) -> Iterator[tuple[str, list[_Place], tuple[str, ...]]]:
    """Level, its sets of slices (name, first, last, bottom, top along K), and doubts about it."""
    for body in bodies.values():
        if levels and body.level not in levels:
            continue
        of_body = {
            "mid-body": (body.middle, body.middle),
            "body height": (body.first, body.last),
            "superior endplate": (body.last, body.last),
            "inferior endplate": (body.first, body.first),
        }
        places = [
            (SLICES[name], first, last, first - 0.5, last + 0.5)
            if name != "body height"
            else (SLICES[name], first, last, body.bottom, body.top)
            for name, (first, last) in of_body.items()
            if name in slices
        ]
        if places:
            # A muscle belongs to a level that it reaches anywhere within the body's height.
            yield body.level, places, (BODY_CUT_FLAG,) if body.cut else ()
        for disc in discs.values():
            if "mid-disc" in slices and disc.level.split("_")[0] == body.level:
                middle = disc.middle
                doubt = () if disc.label is not None else (UNLABELLED_DISC_FLAG,)
                yield disc.level, [(MID_DISC, middle, middle, middle - 0.5, middle + 0.5)], doubt


def _stretch(
    voxels: LabelVoxels,
    label: int,
    level: str,
    name: str,
    slices: tuple[int, int],
    ends: tuple[float, float],
    flags: tuple[str, ...],
) -> Stretch:
    first, last = slices
    values = voxels.between(label, first, last)
    doubts = [*flags]
    if not values.size:
        doubts.append(ABSENT_FLAG)
    if clipped(voxels, label, first, last):
        doubts.append(CLIPPED_FLAG)
    return Stretch(
        muscle=voxels.regions[label],
        labels=(label,),
        level=level,
        first=first,
        last=last,
        slices=name,
        area=_mean_area(voxels, label, ends),
        values=values,
        quantity=voxels.quantity,
        flags=tuple(doubts),
    )


def _mean_area(voxels: LabelVoxels, label: int, ends: tuple[float, float]) -> float:
    """Mean area between two heights along K; slices at the ends count by their share."""
    bottom, top = ends
    first, last = math.floor(bottom + 0.5), math.ceil(top - 0.5)
    mask, box = voxels.mask(label, first, last)
    counts = np.count_nonzero(mask, axis=(0, 1))
    k = np.arange(box[2].start, box[2].start + counts.size)
    share = np.clip(np.minimum(k + 0.5, top) - np.maximum(k - 0.5, bottom), 0, 1)
    return float(counts @ share) / (top - bottom) * voxels.pixel_area


def _joined_flags(some: list[Stretch], parts: Collection[str]) -> tuple[str, ...]:
    flags = dict.fromkeys(flag for one in some for flag in one.flags if flag != ABSENT_FLAG)
    shown = [one.muscle.structure for one in some if one.values.size]
    if 0 < len(shown) < len(parts):
        words = " and ".join(name.replace("_", " ") for name in parts)
        flags[ONE_PART_FLAG.format(all=words, some=shown[0].replace("_", " "))] = None
    if not shown:
        flags[ABSENT_FLAG] = None
    return tuple(flags)
