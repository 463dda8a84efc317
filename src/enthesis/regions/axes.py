"""Which way the spine and a muscle run, and what a plane across them cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.regions.vertebrae import VertebralBody
from enthesis.regions.voxels import LabelVoxels

REACH_MM = 15.0
"""Half the length over which a muscle's direction is taken, mm: about a vertebra's height."""

MOST_OF_A_BODY = 0.6
"""Share of the height of the highest whole body that a cut one must have to show where the spine
is; of a sliver the centroid may lie anywhere."""

AT_AN_END = 5
"""Bodies whose centroids show the spine's curve at the first and last of them."""

MIN_SLICES = 3
"""Fewest slices that show a direction."""

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cut:
    """What a plane cuts of a region.

    Parameters
    ----------
    area : mm2
    tilt : angle between the plane and the slices of the scan, degrees
    whole : whether the plane stays within the scan where the region is
    """

    area: float
    tilt: float
    whole: bool


def slice_normal(affine: NDArray[np.float64]) -> Vector:
    """Unit vector across the slices, mm, towards the head."""
    normal = np.cross(affine[:3, 0], affine[:3, 1])
    normal = normal / np.linalg.norm(normal)
    return normal if normal @ affine[:3, 2] > 0 else -normal


def body_centre(body: VertebralBody, affine: NDArray[np.float64]) -> Vector:
    """Centroid of a vertebral body, (3,) mm."""
    corner = np.array([part.start for part in body.box])
    index = np.array([where.mean() for where in np.nonzero(body.mask)]) + corner
    centre: Vector = affine[:3, :3] @ index + affine[:3, 3]
    return centre


def spine_axes(
    bodies: Mapping[str, VertebralBody], affine: NDArray[np.float64]
) -> dict[str, Vector]:
    """Unit vector along the spine at each level, towards the head, (3,) in mm.

    The tangent of the parabola through the centroids of the body and its two neighbours. At the
    first and last body, where both lie to one side and a parabola cannot follow a bend that grows
    along the spine, as lordosis does, of the cubic closest to the five nearest; with fewer than
    five labelled of the parabola there too, with two of the straight line.
    Centroids hold their place within a fraction of a voxel, where endplates come in steps of a
    slice. A body that the scan cuts off counts if most of it is there: its centroid still lies on
    the line. The sacrum has no part in it: it bends away at once.
    """
    bodies = {level: body for level, body in bodies.items() if not level.startswith("S")}
    heights = {level: body.top - body.bottom for level, body in bodies.items()}
    whole = [height for level, height in heights.items() if not bodies[level].cut]
    least = MOST_OF_A_BODY * max(whole, default=np.inf)
    levels = [level for level in bodies if not bodies[level].cut or heights[level] >= least]
    if len(levels) < 2:
        return {}
    centres = np.array([body_centre(bodies[level], affine) for level in levels])
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    # From head to feet; the sign makes it point to the head.
    along = -np.concatenate([[0.0], steps.cumsum()])
    found = {}
    for n, level in enumerate(levels):
        at_an_end = n in {0, len(levels) - 1} and len(levels) >= AT_AN_END
        number, degree = (AT_AN_END, 3) if at_an_end else (3, min(2, len(levels) - 1))
        start = int(np.clip(n - number // 2, 0, max(len(levels) - number, 0)))
        some = slice(start, start + number)
        # Of each coordinate as a function of the length along the spine, its derivative here.
        slope = np.polyfit(along[some] - along[n], centres[some], degree)[degree - 1]
        found[level] = slope / np.linalg.norm(slope)
    return found


def muscle_axis(voxels: LabelVoxels, label: int, middle: int) -> tuple[Vector, Vector] | None:
    """Where a muscle's middle lies on a slice, mm, and the unit vector along it towards the head.

    The straight line through the centroids of its cuts over `REACH_MM` to either side, each
    weighted by its area; None where fewer than `MIN_SLICES` slices show it.
    """
    rise = voxels.affine[:3, 2]
    reach = max(1, round(REACH_MM / float(np.linalg.norm(rise))))
    mask, box = voxels.mask(label, middle - reach, middle + reach)
    weight = np.count_nonzero(mask, axis=(0, 1))
    shown = np.flatnonzero(weight)
    if shown.size < MIN_SLICES:
        return None
    weight = weight[shown]
    i = mask[:, :, shown].sum(axis=1).T @ np.arange(mask.shape[0]) / weight + box[0].start
    j = mask[:, :, shown].sum(axis=0).T @ np.arange(mask.shape[1]) / weight + box[1].start
    k = shown + box[2].start - middle
    fit = np.polyfit(k, np.column_stack([i, j]), 1, w=np.sqrt(weight))
    axis = voxels.affine[:3, :3] @ [*fit[0], 1.0]
    point = voxels.affine[:3, :3] @ [*fit[1], float(middle)] + voxels.affine[:3, 3]
    return point, axis / np.linalg.norm(axis)


def cut(
    voxels: LabelVoxels, label: int, *, point: Vector, normal: Vector, thickness: float = 0.0
) -> Cut:
    """What the plane through a point, at right angles to `normal`, cuts of one region.

    Parameters
    ----------
    point : (3,) mm
    normal : (3,) unit vector
    thickness : mm; the area is the mean over this length along `normal`, half to either side

    Notes
    -----
    Each column of voxels across the slices counts by its two voxels nearest to the plane, in a
    straight line between them, and covers its base over the cosine of the tilt. On a plane that is
    a slice of the scan this is the plain count of its pixels. With a thickness each voxel counts by
    the part of its height that lies between the two ends.
    """
    across = normal @ voxels.affine[:3, :3]
    width = float(abs(across[2]))
    i, j, k = voxels.boxes[label]
    offset = float(normal @ (voxels.affine[:3, 3] - point))
    ij = (
        offset
        + across[0] * np.arange(i.start, i.stop, dtype=np.float32)[:, None]
        + across[1] * np.arange(j.start, j.stop, dtype=np.float32)[None, :]
    ).astype(np.float32)
    reach = thickness / 2
    heights = -np.array([ij.min() - reach, ij.max() + reach]) / across[2]
    first, last = int(np.floor(heights.min())) - 1, int(np.ceil(heights.max())) + 1
    mask, box = voxels.mask(label, first, last)
    far = ij[:, :, None] + np.float32(across[2]) * np.arange(
        box[2].start, box[2].stop, dtype=np.float32
    )
    if thickness:
        apart = (np.abs(far) - np.float32(reach)) / np.float32(width)
        share = np.clip(np.float32(0.5) - apart, 0, min(1.0, thickness / width))
        length = thickness
    else:
        share, length = np.clip(1 - np.abs(far) / np.float32(width), 0, 1), width
    tilt = np.arccos(np.clip(abs(normal @ slice_normal(voxels.affine)), 0, 1))
    # Where the region ends at the scan's first or last slice while the plane goes on, it is cut.
    top = voxels.shape[2] - 1
    lost = (k.start == 0 and heights.min() < 0) or (k.stop == top + 1 and heights.max() > top)
    return Cut(
        area=float(share[mask].sum(dtype=np.float64)) * voxels.voxel_volume / length,
        tilt=float(np.degrees(tilt)),
        whole=not lost,
    )
