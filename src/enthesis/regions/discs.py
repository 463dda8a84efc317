"""Where each disc lies: as labelled, or midway between the bodies above and below."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from enthesis.anatomy import DISC_STRUCTURES, level_below, region
from enthesis.errors import InputError
from enthesis.image import LabelMap
from enthesis.regions.vertebrae import VertebralBody
from enthesis.regions.voxels import Box, label_boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Disc:
    """One intervertebral disc in the grid of its label map.

    Parameters
    ----------
    level : of both its neighbours, e.g. "L4_L5"
    middle : index along K of the slice through its middle
    label : its number, None where it is not labelled
    method : how its middle was found
    """

    level: str
    middle: int
    label: int | None
    method: str


def discs(
    labels: LabelMap,
    bodies: Mapping[str, VertebralBody],
    boxes: Mapping[int, Box] | None = None,
) -> dict[str, Disc]:
    """The discs of a label map, by the levels above and below, from head to feet.

    Parameters
    ----------
    labels : label map
    bodies : its vertebral bodies, from head to feet
    boxes : of this map, where they are known already; found anew otherwise
    """
    boxes = label_boxes(labels) if boxes is None else boxes
    found: dict[str, Disc] = {}
    for number, name in labels.names.items():
        where = region(name)
        if where.structure in DISC_STRUCTURES and where.level and number in boxes:
            box = boxes[number]
            per_slice = np.count_nonzero(labels.array[box] == number, axis=(0, 1))
            centre = np.average(np.arange(per_slice.size), weights=per_slice)
            middle = box[2].start + int(np.floor(centre + 0.5))
            found[where.level] = Disc(
                level=where.level, middle=middle, label=number, method="labelled disc"
            )
    for upper, lower in itertools.pairwise(bodies.values()):
        level = f"{upper.level}_{lower.level}"
        if level in found or not _neighbours(upper.level, lower.level):
            continue
        found[level] = Disc(
            level=level,
            middle=round((upper.first + lower.last) / 2),
            label=None,
            method="midway between the bodies",
        )
    return dict(sorted(found.items(), key=lambda item: -item[1].middle))


def _neighbours(upper: str, lower: str) -> bool:
    if {"T13", "L6"} & {upper, lower}:
        return True
    try:
        return level_below(upper) == lower
    except InputError:
        return False
