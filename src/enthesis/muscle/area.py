"""Cross-sectional area of muscles: in the plane of the slices and at right angles to an axis."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.muscle.levels import (
    ABSENT_FLAG,
    BODY_CUT_FLAG,
    BODY_HEIGHT,
    CLIPPED_FLAG,
    Stretch,
    clipped,
)
from enthesis.records import Measurement
from enthesis.regions import (
    EDGE_FLAG,
    LabelVoxels,
    VertebralBody,
    body_centre,
    cut,
    muscle_axis,
    slice_normal,
    spine_axes,
)

PLANES = {
    "slices": "axial plane through mid-body, between its two nearest slices",
    "vertebra": "plane through mid-body, across the spine",
    "vertebra height": "planes over the body's height, across the spine",
    "muscle": "plane through the muscle at mid-body, across its own axis",
}
"""Planes that need not be a slice of the scan, and their words in a method."""

ACROSS_SPINE = frozenset({"vertebra", "vertebra height"})
"""Planes at right angles to the spine's axis."""

STEEP_DEG = 30.0
"""Angle between an axis and the scan's own from which it is flagged, degrees.

There the outline of a compartment turns more than its fibres do: the erector spinae ends at L5 by
becoming thinner from behind, and its line of centroids leans forwards.
"""

FEW_PIXELS = 44
"""Pixels below which the grid alone gives the area of even a round outline a standard deviation of
more than 3%: sqrt(0.0724 * 3.54 * sqrt(n)) / n (Gundersen and Jensen 1987,
doi:10.1111/j.1365-2818.1987.tb02837.x)."""

FEW_PIXELS_FLAG = f"fewer than {FEW_PIXELS} pixels: their grid alone moves the area by over 3% (SD)"

LEFT_SCAN_FLAG = "the plane leaves the scan within the muscle: its area there cannot be measured"


def areas(stretches: Iterable[Stretch]) -> list[Measurement]:
    """Axial cross-sectional area of each muscle, mm2.

    Returns
    -------
    A measurement for each stretch: of one slice, or the mean over several. Areas are of the whole
    compartment as labelled, fat included, in the plane of the slice: a muscle that runs obliquely
    to it is cut larger than at right angles, see `areas_across`. Slices at the ends of a body's
    height count by the share of them that lies within it.
    """
    return [
        replace(
            s.measurement("area", s.area, flags=_few_pixels(s)),
            method=f"mean of {s.slices}" if s.slices == BODY_HEIGHT else s.slices,
        )
        for s in stretches
    ]


def areas_across(
    voxels: LabelVoxels,
    bodies: Mapping[str, VertebralBody],
    *,
    planes: Sequence[str] = ("vertebra", "muscle"),
    structures: Collection[str] = (),
    levels: Collection[str] = (),
) -> list[Measurement]:
    """Area of each muscle on planes that need not be slices: across the spine, or the muscle.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    bodies : vertebral bodies of the same label map, by level
    planes : keys of `PLANES`: "vertebra" and "muscle" correct for obliquity; "vertebra height" is
        the mean of the planes parallel to "vertebra" over the height of the body, the surer number
        where voxels are coarse; "slices" stays axial and goes through the body's centroid even
        where that lies between two slices
    structures, levels : all if empty

    Returns
    -------
    ``area_perpendicular`` and ``obliquity`` of each plane that is not axial, ``area`` of the one
    that is; one ``obliquity`` for both that lie across the spine. A level whose spine has no
    direction, for want of neighbours, is left out, as is a muscle on fewer than three slices.

    Raises
    ------
    InputError : unknown planes.

    Notes
    -----
    Axial slices inflate the cut of what runs obliquely to them by the inverse of the cosine of the
    angle between, 6% at 20 degrees. An area is not a number where the plane leaves the scan
    within the muscle.
    """
    unknown = [name for name in planes if name not in PLANES]
    if unknown:
        raise InputError(f"no plane named {unknown[0]!r}; known are: {', '.join(PLANES)}")
    found: list[Measurement] = []
    axes = spine_axes(bodies, voxels.affine) if ACROSS_SPINE & set(planes) else {}
    for body in bodies.values():
        if levels and body.level not in levels:
            continue
        centre = body_centre(body, voxels.affine)
        for label, muscle in voxels.kind("muscle").items():
            if structures and muscle.structure not in structures:
                continue
            if not voxels.between(label, body.first, body.last).size:
                continue
            tilted = False
            for name in planes:
                if name == "muscle":
                    line = muscle_axis(voxels, label, body.middle)
                elif name == "slices":
                    line = centre, slice_normal(voxels.affine)
                else:
                    line = (centre, axes[body.level]) if body.level in axes else None
                if line is None:
                    continue
                measured = _across(voxels, label, body, name, line)
                if name in ACROSS_SPINE:
                    measured, tilted = measured[:1] if tilted else measured, True
                found += measured
    return found


def largest_areas(voxels: LabelVoxels, *, structures: Collection[str] = ()) -> list[Measurement]:
    """Largest axial area of each muscle on any slice of the scan, mm2; it belongs to no level."""
    return [
        Measurement(
            quantity="area",
            value=float(voxels.counts(label).max()) * voxels.pixel_area,
            region=muscle.structure,
            side=muscle.side,
            method="largest axial slice of the scan",
            flags=(EDGE_FLAG,) if label in voxels.cut else (),
        )
        for label, muscle in voxels.kind("muscle").items()
        if not structures or muscle.structure in structures
    ]


def volumes_between(
    voxels: LabelVoxels,
    bodies: Mapping[str, VertebralBody],
    *,
    structures: Collection[str] = (),
    levels: Collection[str] = (),
) -> list[Measurement]:
    """Volume of each muscle beside whole vertebrae, and that volume over their height.

    From the lower end of the lowest to the upper end of the highest of the levels that are labelled
    and not cut off by the scan, along the scan's own axis. The quotient is the mean area between,
    which people of different height share more closely than a volume.

    Returns
    -------
    ``volume`` (mm3) and ``volume_per_height`` (mm2), without a level; none without such vertebrae.
    """
    whole = [
        body for body in bodies.values() if not body.cut and (not levels or body.level in levels)
    ]
    if not whole:
        return []
    top, bottom = max(b.top for b in whole), min(b.bottom for b in whole)
    height = (top - bottom) * voxels.voxel_volume / voxels.pixel_area
    names = [body.level for body in whole]
    where = f"from {names[0]} to {names[-1]}" if len(names) > 1 else f"beside {names[0]}"
    k = np.arange(voxels.shape[2])
    share = np.clip(np.minimum(k + 0.5, top) - np.maximum(k - 0.5, bottom), 0, 1)
    found = []
    for label, muscle in voxels.kind("muscle").items():
        if structures and muscle.structure not in structures:
            continue
        volume = float(voxels.counts(label) @ share) * voxels.voxel_volume
        flags = () if volume else (ABSENT_FLAG,)
        if clipped(voxels, label, math.floor(bottom), math.ceil(top)):
            flags = (CLIPPED_FLAG,)
        for quantity, value in (("volume", volume), ("volume_per_height", volume / height)):
            found.append(
                Measurement(
                    quantity=quantity,
                    value=value,
                    region=muscle.structure,
                    side=muscle.side,
                    method=f"{where}, lower to upper end of the bodies",
                    flags=flags,
                )
            )
    return found


def _few_pixels(stretch: Stretch) -> tuple[str, ...]:
    single = stretch.first == stretch.last
    return (FEW_PIXELS_FLAG,) if single and 0 < stretch.values.size < FEW_PIXELS else ()


def _across(
    voxels: LabelVoxels,
    label: int,
    body: VertebralBody,
    plane: str,
    line: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> list[Measurement]:
    point, normal = line
    height = 0.0
    if plane == "vertebra height":
        # The end of a leaning body passes half of its largest axial cut at height times the cosine.
        up = slice_normal(voxels.affine)
        height = (body.top - body.bottom) * float(up @ voxels.affine[:3, 2] / abs(up @ normal))
    seen = cut(voxels, label, point=point, normal=normal, thickness=height)
    flags = [BODY_CUT_FLAG] if body.cut else []
    if seen.tilt > STEEP_DEG:
        flags.append(f"the axis leans by {seen.tilt:.0f} degrees: check that it is the muscle's")
    if not seen.whole:
        flags.append(LEFT_SCAN_FLAG)
    elif not seen.area:
        flags.append(ABSENT_FLAG)
    elif not height and seen.area < FEW_PIXELS * voxels.pixel_area:
        flags.append(FEW_PIXELS_FLAG)
    if clipped(voxels, label, body.first, body.last):
        flags.append(CLIPPED_FLAG)
    area = seen.area if seen.whole else math.nan
    numbers = {"area": area}
    if plane != "slices":
        numbers = {"area_perpendicular": area, "obliquity": seen.tilt}
    muscle = voxels.regions[label]
    return [
        Measurement(
            quantity=name,
            value=value,
            region=muscle.structure,
            side=muscle.side,
            level=body.level,
            method=PLANES[plane],
            flags=tuple(flags),
        )
        for name, value in numbers.items()
    ]
