"""Whether a label map can be right: left on the left, levels in order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from scipy import ndimage

from enthesis.anatomy import region
from enthesis.image import LabelMap
from enthesis.regions.vertebrae import VertebralBody


def label_doubts(labels: LabelMap, bodies: Mapping[str, VertebralBody]) -> tuple[str, ...]:
    """What cannot be right about a label map, one sentence each; empty when nothing is odd.

    Parameters
    ----------
    labels : indices along I grow to the patient's right
    bodies : the map's vertebral bodies, from head to feet
    """
    doubts = []
    swapped = _swapped(labels)
    if swapped:
        doubts.append(
            f"left and right look exchanged: the left {', '.join(swapped)} lies to the right of "
            "the right one; check the orientation of the labels"
        )
    found = list(bodies.values())
    doubts += [
        f"levels are out of order: {upper.level} does not lie above {lower.level}; check the labels"
        for upper, lower in itertools.pairwise(found)
        if upper.middle <= lower.middle
    ]
    return tuple(doubts)


def _swapped(labels: LabelMap) -> list[str]:
    boxes = ndimage.find_objects(labels.array, max_label=max(labels.names, default=0))
    middle: dict[tuple[str, str], float] = {}
    for number, name in labels.names.items():
        box, where = boxes[number - 1], region(name)
        if box is not None and where.side:
            middle[where.structure, where.side] = (box[0].start + box[0].stop) / 2
    structures = dict.fromkeys(structure for structure, _ in middle)
    return [
        structure.replace("_", " ")
        for structure in structures
        if middle.get((structure, "left"), 0) > middle.get((structure, "right"), float("inf"))
    ]
