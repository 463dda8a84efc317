"""Whether a label map can be right: left on the left, levels in order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

from enthesis.regions.vertebrae import VertebralBody
from enthesis.regions.voxels import LabelVoxels


def label_doubts(voxels: LabelVoxels, bodies: Mapping[str, VertebralBody]) -> tuple[str, ...]:
    """What cannot be right about a label map, one sentence each; empty when nothing is odd.

    Parameters
    ----------
    voxels : labelled voxels of the map; indices along I grow to the patient's right
    bodies : the map's vertebral bodies, from head to feet
    """
    doubts = []
    swapped = _swapped(voxels)
    if swapped:
        doubts.append(
            f"left and right look exchanged: the left {', '.join(swapped)} lies to the right of "
            "the right one; check the orientation of the labels"
        )
    found = list(bodies.values())
    doubts += [
        f"levels are out of order: {upper.level} lies below {lower.level}; check the labels"
        for upper, lower in itertools.pairwise(found)
        if upper.middle < lower.middle
    ]
    return tuple(doubts)


def _swapped(voxels: LabelVoxels) -> list[str]:
    middle = {
        (where.structure, where.side): voxels.boxes[label][0].start + voxels.boxes[label][0].stop
        for label, where in voxels.regions.items()
    }
    structures = dict.fromkeys(structure for structure, _ in middle)
    return [
        structure.replace("_", " ")
        for structure in structures
        if middle.get((structure, "left"), 0) > middle.get((structure, "right"), math.inf)
    ]
