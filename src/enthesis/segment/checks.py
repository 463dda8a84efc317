"""A given label map: looked through before it is trusted, and mended where that is safe."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis import regions
from enthesis.anatomy import LEVELS, Region, level_below
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.regions import LabelVoxels, VertebralBody
from enthesis.segment.spine import Spine

ISLAND_SHARE = 0.01
"""A loose part smaller than this share of a region's largest part is an island, and taken out."""

LARGEST_HOLE_SHARE = 0.02
"""Holes that together are smaller than this share of a region are filled; larger ones are meant."""

MENDED_KINDS = frozenset({"muscle", "bone", "disc"})

FAT_HU, BONE_HU, AIR_HU = -30.0, 200.0, -250.0
"""Below, above and below which a voxel of a muscle on CT is fat, bone and air, HU."""

MOST_FAT, MOST_BONE, MOST_AIR = 0.85, 0.15, 0.05
"""Shares of fat, bone and air that no muscle has; more of it, and the outline is elsewhere."""

FAT_FRACTION_PERCENT = (-5.0, 95.0)
"""Where the median fat fraction of a muscle can lie, percent."""

TALL = 1.7
"""A body that is this many times as tall as the median one is two in one."""

SURE_LEVELS = 0.8
"""Confidence from which levels found in the scan speak against those of the map."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedLabels:
    """A label map with what is doubtful about it.

    Parameters
    ----------
    labels : mended where that was safe
    doubts : region → what is doubtful about it, one sentence each; only those that have some
    notes : what is doubtful about the map as a whole, and what was mended, one sentence each
    mended : names of the regions whose voxels were changed
    """

    labels: LabelMap
    doubts: Mapping[str, tuple[str, ...]]
    notes: tuple[str, ...]
    mended: tuple[str, ...]

    @property
    def doubtful(self) -> bool:
        """Whether anything speaks against the map as it was given."""
        return bool(self.doubts or self.notes)


def given(labels: LabelMap, image: Image, *, spine: Spine | None = None) -> CheckedLabels:
    """A given label map, checked against the scan and mended where that is safe.

    Islands of voxels far from their region are taken out and small holes are filled. Everything
    else is said and left: sides that look exchanged, levels that are doubled, skipped or out of
    order, slices that a region leaves out, regions that the border of the scan cuts, muscles whose
    values no muscle has.

    Parameters
    ----------
    labels : on the scan's grid
    image : the scan
    spine : what geometry found in the scan, to hold the map's levels against

    Raises
    ------
    GridError : labels and image do not lie on one grid.
    InputError : no voxel is labelled.
    """
    mended, changes = _mended(labels, image)
    voxels = regions.labelled_voxels(image, mended)
    if not voxels.regions:
        raise InputError("no voxel of the label map is labelled; is it the map of this scan?")
    bodies = regions.vertebral_bodies(mended)
    doubts = {}
    for number, where in voxels.regions.items():
        found = [*_shape_doubts(voxels, number), *_value_doubts(voxels, number, where)]
        if found:
            doubts[where.name] = tuple(found)
    notes = [
        *regions.label_doubts(voxels, bodies),
        *_level_doubts(bodies),
        *(_against(spine, bodies, image) if spine is not None else ()),
        *(f"{name}: {what}" for name, what in changes.items()),
    ]
    return CheckedLabels(labels=mended, doubts=doubts, notes=tuple(notes), mended=tuple(changes))


def _mended(labels: LabelMap, image: Image) -> tuple[LabelMap, dict[str, str]]:
    """The map without islands and small holes, and what was done to which region."""
    before = regions.labelled_voxels(image, labels)
    array = labels.array.copy()
    changes = {}
    for number, where in before.regions.items():
        if where.kind not in MENDED_KINDS:
            continue
        box = before.boxes[number]
        inside = array[box] == number
        kept, n_islands, voxels_out = _without_islands(inside)
        filled = _filled(kept, array[box] == 0)
        said = []
        if n_islands:
            said.append(f"{n_islands} island{'s' * (n_islands > 1)} of {voxels_out} voxels out")
        if added := int(filled.sum() - kept.sum()):
            said.append(f"holes of {added} voxels filled")
        if said:
            part = array[box]
            part[inside & ~kept] = 0
            part[filled] = number
            changes[where.name] = " and ".join(said)
    if not changes:
        return labels, {}
    return replace(labels, array=array, origin=f"{labels.origin}, mended"), changes


def _without_islands(inside: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], int, int]:
    parts, n_parts = ndimage.label(inside, structure=np.ones((3, 3, 3)))
    if n_parts < 2:
        return inside, 0, 0
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    small = (sizes > 0) & (sizes < ISLAND_SHARE * sizes.max())
    return inside & ~small[parts], int(small.sum()), int(sizes[small].sum())


def _filled(inside: NDArray[np.bool_], free: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The region with its small holes of free voxels filled, slice by slice."""
    filled = np.stack([ndimage.binary_fill_holes(inside[:, :, k]) for k in range(inside.shape[2])])
    holes = np.moveaxis(filled, 0, 2) & ~inside & free
    if not holes.any() or holes.sum() > LARGEST_HOLE_SHARE * inside.sum():
        return inside
    return inside | holes


def _shape_doubts(voxels: LabelVoxels, number: int) -> list[str]:
    doubts = []
    box = voxels.boxes[number]
    counts = voxels.counts(number)
    gaps = np.flatnonzero(counts[box[2]] == 0) + box[2].start
    if gaps.size:
        shown = ", ".join(str(k + 1) for k in gaps[:5]) + (" …" if gaps.size > 5 else "")
        doubts.append(f"it leaves out {gaps.size} slices between its ends (slice {shown})")
    sides = [
        name
        for axis, names in ((0, ("left", "right")), (1, ("back", "front")))
        for name, touches in zip(
            names,
            (box[axis].start == 0, box[axis].stop == voxels.shape[axis]),
            strict=True,
        )
        if touches and voxels.shape[axis] > 1
    ]
    if sides:
        doubts.append(
            f"the {' and '.join(sides)} border of the scan cuts it: its area is too small"
        )
    return doubts


def _value_doubts(voxels: LabelVoxels, number: int, where: Region) -> list[str]:
    if where.kind != "muscle":
        return []
    values, _ = regions.finite(voxels.values(number))
    if not values.size:
        return ["none of its voxels holds a number"]
    if voxels.quantity == "fat_fraction":
        low, high = FAT_FRACTION_PERCENT
        median = float(np.median(values))
        if not low <= median <= high:
            return [f"its median fat fraction is {median:.0f}%, which no muscle has"]
        return []
    if voxels.quantity != "hounsfield":
        return []
    shares = (
        ("fat", _share(values < FAT_HU), MOST_FAT),
        ("bone", _share(values > BONE_HU), MOST_BONE),
        ("air", _share(values < AIR_HU), MOST_AIR),
    )
    return [
        f"{share:.0%} of it is as dark or bright as {what}: does it lie on the muscle?"
        for what, share, most in shares
        if share > most
    ]


def _share(mask: NDArray[Any]) -> float:
    return float(np.count_nonzero(mask)) / mask.size


def _level_doubts(bodies: Mapping[str, VertebralBody]) -> list[str]:
    """Levels that are skipped, and bodies that are two in one or in two parts."""
    doubts = []
    for upper, lower in itertools.pairwise(bodies):
        between = _between(upper, lower)
        if between:
            doubts.append(
                f"{' and '.join(between)} is not labelled between {upper} and {lower}: skipped, or "
                "a vertebra fewer than usual?"
            )
    heights = {level: body.top - body.bottom for level, body in bodies.items() if not body.cut}
    usual = float(np.median(list(heights.values()))) if len(heights) > 2 else np.inf
    for level, body in bodies.items():
        if heights.get(level, 0.0) > TALL * usual:
            doubts.append(
                f"{level} is {heights[level] / usual:.1f} times as tall as its neighbours"
            )
        parts, n_parts = ndimage.label(body.mask)
        if n_parts > 1:
            sizes = np.sort(np.bincount(parts.ravel())[1:])
            if sizes[-2] > 0.2 * sizes[-1]:
                doubts.append(f"{level} lies in two places: are two vertebrae given one name?")
    return doubts


def _between(upper: str, lower: str) -> list[str]:
    """Levels of the usual spine between two."""
    if LEVELS.index(lower) <= LEVELS.index(upper) or {"T13", "L6"} & {upper, lower}:
        return []
    found: list[str] = []
    level = level_below(upper)
    while level != lower and len(found) < len(LEVELS):
        found.append(level)
        level = level_below(level)
    return found


def _against(spine: Spine, bodies: Mapping[str, VertebralBody], image: Image) -> list[str]:
    """Where the levels found in the scan are others than those of the map."""
    if spine.levels.confidence < SURE_LEVELS:
        return []
    planes = {plane.name: plane.slice_index for plane in spine.body_planes(image)}
    shared = [level for level in planes if level in bodies]
    near = {
        level: min(planes, key=lambda name: abs(planes[name] - bodies[level].middle))
        for level in shared
        if not bodies[level].cut
    }
    wrong = {level: name for level, name in near.items() if name != level}
    if not wrong:
        return []
    said = ", ".join(f"{level} lies where {name} was found" for level, name in wrong.items())
    return [
        f"its levels are not those counted from the sacrum: {said}; look at the sagittal picture"
    ]
