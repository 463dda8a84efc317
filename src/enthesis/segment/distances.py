"""Regions as signed distances to their surfaces: what the readers of a scan answer and share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.anatomy import region
from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, Image, spacing
from enthesis.segment.resample import resampling

FAR_MM = 12.0
"""Distances are kept up to this far from a surface, mm; beyond it they are all this."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """The signed distance to one region's surface, kept near the region.

    Parameters
    ----------
    box : the part of the grid where it is kept; elsewhere it is -`FAR_MM`
    depth : (i, j, k) of the box, mm, positive inside, at most `FAR_MM` either way
    """

    box: Box
    depth: NDArray[Any]

    def within(self, box: Box) -> NDArray[np.float32]:
        """The distances in any other box of the grid."""
        found = np.full([part.stop - part.start for part in box], -FAR_MM, np.float32)
        shared = [
            slice(max(a.start, b.start), min(a.stop, b.stop))
            for a, b in zip(box, self.box, strict=True)
        ]
        if all(part.stop > part.start for part in shared):
            here = tuple(
                slice(s.start - b.start, s.stop - b.start) for s, b in zip(shared, box, strict=True)
            )
            there = tuple(
                slice(s.start - b.start, s.stop - b.start)
                for s, b in zip(shared, self.box, strict=True)
            )
            found[here] = self.depth[there]
        return found


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignedDistances:
    """What one reader of a scan found, on the scan's own grid.

    Parameters
    ----------
    shape : voxels along I, J, K
    affine : (4, 4), voxel index → mm
    surfaces : region name of `anatomy` → its surface; a region that was not found is not there
    reader : who found them: method and version
    notes : what the reader says about its answer, one sentence each
    """

    shape: tuple[int, int, int]
    affine: NDArray[np.float64]
    surfaces: Mapping[str, Surface]
    reader: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.surfaces:
            region(name)

    def mask(self, name: str) -> NDArray[np.bool_]:
        """Voxels of one region, (I, J, K).

        Raises
        ------
        InputError : the reader found no such region.
        """
        if name not in self.surfaces:
            known = ", ".join(self.surfaces) or "nothing"
            raise InputError(f"{self.reader} found no {name!r}; it found: {known}")
        inside = np.zeros(self.shape, bool)
        surface = self.surfaces[name]
        inside[surface.box] = surface.depth > 0
        return inside


def surface_of(
    mask: NDArray[np.bool_], affine: NDArray[np.float64], *, box: Box | None = None
) -> Surface | None:
    """The surface of a region given as voxels; None if there are none.

    Parameters
    ----------
    mask : (I, J, K), or the part of it in `box`
    affine : (4, 4), for the distances between voxels
    box : where the mask lies in the grid; None where it is the whole grid
    """
    if not mask.any():
        return None
    step = spacing(affine)
    start = [0, 0, 0] if box is None else [part.start for part in box]
    around = ndimage.find_objects(mask.astype(np.uint8))[0]
    reach = [int(np.ceil(FAR_MM / d)) for d in step]
    crop = tuple(
        slice(max(part.start - r, 0), min(part.stop + r, n))
        for part, r, n in zip(around, reach, mask.shape, strict=True)
    )
    depth = signed_distance(mask[crop], step)
    placed = tuple(slice(p.start + s, p.stop + s) for p, s in zip(crop, start, strict=True))
    return Surface(box=(placed[0], placed[1], placed[2]), depth=depth)


def surface_on_scan(
    depth: NDArray[np.floating[Any]],
    box: Box,
    shape: tuple[int, int, int],
    step_mm: float,
    image: Image,
    *,
    whole_mm: bool = False,
) -> Surface:
    """Distances on a box of another grid with the same middle, brought to the scan's grid.

    Parameters
    ----------
    depth : (i, j, k) of the box, mm
    box, shape, step_mm : where the box lies in the other grid, its size and spacing
    image : the scan
    whole_mm : whether to keep whole millimetres, rounded away from the surface, which leaves it
        where it is: for regions as large as the scan, whose distances would fill the memory
    """
    weights, placed = [], []
    for part, n, n_scan, step_scan in zip(box, shape, image.shape, image.spacing, strict=True):
        columns = resampling(n, step_mm, n_scan, step_scan)[:, part]
        rows = np.flatnonzero(np.asarray(columns.sum(axis=1)).ravel() > 0.999)
        weights.append(columns[rows[0] : rows[-1] + 1])
        placed.append(slice(int(rows[0]), int(rows[-1]) + 1))
    i, j, k = weights
    mixed = (k @ depth.reshape(-1, depth.shape[2]).T).reshape(k.shape[0], *depth.shape[:2])
    # Slice by slice in memory too, as they are written.
    found = np.empty((k.shape[0], j.shape[0], i.shape[0]), np.int8 if whole_mm else np.float16)
    for index, plane in enumerate(mixed):
        fresh = j @ (i @ plane).T
        found[index] = np.copysign(np.ceil(np.abs(fresh)), fresh) if whole_mm else fresh
    return Surface(box=(placed[0], placed[1], placed[2]), depth=found.transpose(2, 1, 0))


def signed_distance(
    mask: NDArray[np.bool_], step: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Distance to the surface between the voxels inside and outside, mm, positive inside.

    Parameters
    ----------
    mask : (I, J, K) with voxels inside; the border of the array is no surface
    step : distance between voxels, mm
    """
    if mask.all():
        return np.full(mask.shape, FAR_MM, np.float32)
    # The surface lies half a step from the centres on either side of it.
    half = min(step) / 2
    inside = ndimage.distance_transform_edt(mask, sampling=step)
    outside = ndimage.distance_transform_edt(~mask, sampling=step)
    depth = np.where(mask, inside - half, half - outside)
    return np.asarray(np.clip(depth, -FAR_MM, FAR_MM), np.float32)


def check_same_distances_grid(first: SignedDistances, second: SignedDistances) -> None:
    """Pass if two readers answered on one grid.

    Raises
    ------
    GridError : other shapes or other affines.
    """
    if first.shape != second.shape:
        raise GridError(
            f"{first.reader} answers on {first.shape} voxels, {second.reader} on {second.shape}; "
            "let both read the same scan"
        )
    gap = float(np.abs(first.affine - second.affine).max()) * max(first.shape)
    if gap > GRID_TOLERANCE_MM:
        raise GridError(
            f"the grids of {first.reader} and {second.reader} lie up to {gap:.3g} mm apart; "
            "let both read the same scan"
        )
