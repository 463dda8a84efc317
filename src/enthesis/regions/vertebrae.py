"""Where each vertebral level lies: the bodies of the vertebrae and their slices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.anatomy import LEVELS, region
from enthesis.image import LabelMap
from enthesis.regions.voxels import Box, label_boxes

BODY_OPENING = 0.5
"""Radius of the ball that finds a body within a whole vertebra, as a share of the largest one.

The largest ball inside a lumbar vertebra lies in the body (radius 12–15 mm); pedicles, laminae and
processes are at most some 10 mm thick, so half of the largest ball does not fit into them.
"""

BODY_HEIGHT_SHARE = 0.5
"""A slice belongs to the body's height when it cuts at least this share of its largest cut.

Leaves out the lips of a tilted or concave body, where a slice grazes the endplate.
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VertebralBody:
    """One vertebral body in the grid of its label map.

    Parameters
    ----------
    level : e.g. "L3"
    mask : the body within `box`
    box : the part of the grid that holds it
    middle : index along K of the slice nearest to the body's centre
    first, last : slices of the body's height, along K, both included
    bottom, top : where its height begins and ends, along K in slices, between them too; a slice
        reaches half a step to either side of its index
    method : how the body was found
    cut : whether it reaches the first or last slice of the scan
    """

    level: str
    mask: NDArray[np.bool_]
    box: Box
    middle: int
    first: int
    last: int
    bottom: float
    top: float
    method: str
    cut: bool


def vertebral_bodies(
    labels: LabelMap, boxes: Mapping[int, Box] | None = None
) -> dict[str, VertebralBody]:
    """The vertebral bodies of a label map, by level, from head to feet.

    A region ``vertebral_body_<level>`` is taken as it is. Where only the whole ``vertebra_<level>``
    is labelled, its body is what a ball of half the radius of the largest inscribed ball can sweep
    (a morphological opening), which leaves out the arch and the processes.

    Parameters
    ----------
    labels : label map
    boxes : of this map, where they are known already; found anew otherwise
    """
    boxes = label_boxes(labels) if boxes is None else boxes
    found: dict[str, VertebralBody] = {}
    for number, name in labels.names.items():
        where = region(name)
        if not where.level or where.structure not in {"vertebra", "vertebral_body"}:
            continue
        box = boxes.get(number)
        if box is None or (where.structure == "vertebra" and where.level in found):
            continue
        mask = labels.array[box] == number
        method = "labelled body"
        if where.structure == "vertebra":
            mask = _body_of_vertebra(mask, labels.spacing)
            method = "body by opening of the whole vertebra"
        found[where.level] = _locate(where.level, mask, box, labels.shape[2], method)
    return {level: found[level] for level in LEVELS if level in found}


def _body_of_vertebra(
    vertebra: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> NDArray[np.bool_]:
    # The pad makes the crop's border count as outside.
    inside = np.pad(vertebra, 1)
    depth = ndimage.distance_transform_edt(inside, sampling=spacing)
    radius = BODY_OPENING * depth.max()
    parts, n_parts = ndimage.label(depth > radius)
    if n_parts > 1:
        sizes = np.bincount(parts.ravel())[1:]
        core = parts == 1 + int(sizes.argmax())
    else:
        core = parts > 0
    reach = ndimage.distance_transform_edt(~core, sampling=spacing)
    body: NDArray[np.bool_] = (inside & (reach <= radius))[1:-1, 1:-1, 1:-1]
    return body


def _locate(
    level: str,
    mask: NDArray[np.bool_],
    box: Box,
    n_slices: int,
    method: str,
) -> VertebralBody:
    per_slice: NDArray[Any] = np.count_nonzero(mask, axis=(0, 1))
    start = box[2].start
    wanted = BODY_HEIGHT_SHARE * per_slice.max()
    in_height = np.flatnonzero(per_slice >= wanted)
    centre = float(np.average(np.arange(per_slice.size), weights=per_slice))
    occupied = np.flatnonzero(per_slice)
    return VertebralBody(
        level=level,
        mask=mask,
        box=box,
        middle=start + int(np.floor(centre + 0.5)),
        first=start + int(in_height[0]),
        last=start + int(in_height[-1]),
        bottom=start + _crossing(per_slice, int(in_height[0]), -1, wanted),
        top=start + _crossing(per_slice, int(in_height[-1]), 1, wanted),
        method=method,
        cut=bool(start + occupied[0] == 0 or start + occupied[-1] == n_slices - 1),
    )


def _crossing(per_slice: NDArray[Any], end: int, step: int, wanted: float) -> float:
    """Where the cut falls below `wanted` past the last slice that reaches it."""
    beyond = end + step
    outside = float(per_slice[beyond]) if 0 <= beyond < per_slice.size else 0.0
    inside = float(per_slice[end])
    return end + step * (inside - wanted) / (inside - outside)
