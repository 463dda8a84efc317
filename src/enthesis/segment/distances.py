"""Regions as signed distances to their surfaces: what the readers of a scan answer and share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import region
from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, Image
from enthesis.segment.resample import resampling

FAR_MM = 12.0
"""Distances are kept up to this far from a surface, mm; beyond it they are all this."""

SLICES_AT_ONCE = 16
"""Slices of a scan worked on at a time."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Surface:
    """The signed distance to one region's surface, near the region.

    Distances are kept on their reader's own grid and brought to the scan's when they are read:
    there, those of all regions at once would fill the memory.

    Parameters
    ----------
    box : the part of the scan's grid where they are known; elsewhere they are -`FAR_MM`
    read : a part of that box → the distances in it, (i, j, k), mm, positive inside, at most
        `FAR_MM` either way
    """

    box: Box
    read: Callable[[Box], NDArray[np.float32]]

    def deeper_than(self, mm: float) -> NDArray[np.bool_]:
        """Which voxels of the box lie deeper inside than this, (i, j, k)."""
        found = np.empty([part.stop - part.start for part in self.box], bool, order="F")
        for slab in slabs(self.box):
            found[inside_box(slab, self.box)] = self.read(slab) > mm
        return found

    def within(self, box: Box) -> NDArray[np.float32]:
        """The distances in any box of the grid."""
        here = shared_box(self.box, box)
        if here == box:
            return self.read(box)
        found = np.full([part.stop - part.start for part in box], -FAR_MM, np.float32)
        if here is not None:
            found[inside_box(here, box)] = self.read(here)
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
        inside = np.zeros(self.shape, bool, order="F")
        surface = self.surfaces[name]
        inside[surface.box] = surface.deeper_than(0)
        return inside


def surface_on_scan(
    depth: NDArray[np.floating[Any]],
    box: Box,
    shape: tuple[int, int, int],
    step_mm: float,
    image: Image,
) -> Surface:
    """Distances on a box of another grid with the same middle, read on the scan's grid.

    Parameters
    ----------
    depth : (i, j, k) of the box, mm
    box, shape, step_mm : where the box lies in the other grid, its size and spacing
    image : the scan
    """
    weights, placed = [], []
    for part, n, n_scan, step_scan in zip(box, shape, image.shape, image.spacing, strict=True):
        columns = resampling(n, step_mm, n_scan, step_scan)[:, part]
        rows = np.flatnonzero(np.asarray(columns.sum(axis=1)).ravel() > 0.999)
        weights.append(columns[rows[0] : rows[-1] + 1])
        placed.append(slice(int(rows[0]), int(rows[-1]) + 1))
    whole = placed[0], placed[1], placed[2]
    slices = np.ascontiguousarray(depth.transpose(2, 0, 1), np.float32)

    def read(part: Box) -> NDArray[np.float32]:
        i, j, k = (w[at] for w, at in zip(weights, inside_box(part, whole), strict=True))
        mixed = (k @ slices.reshape(slices.shape[0], -1)).reshape(-1, *slices.shape[1:])
        # Slice by slice in memory too, as they are written.
        found = np.empty((k.shape[0], j.shape[0], i.shape[0]), np.float32)
        for index, plane in enumerate(mixed):
            found[index] = j @ (i @ plane).T
        return found.transpose(2, 1, 0)

    return Surface(box=whole, read=read)


def signed_distance(mask: NDArray[np.bool_], step_mm: float) -> NDArray[np.float32]:
    """Distance to the surface between the voxels inside and outside, mm, positive inside.

    Parameters
    ----------
    mask : (I, J, K) with voxels inside; the border of the array is no surface
    step_mm : distance between voxels along all axes
    """
    reach = int(np.ceil(FAR_MM / step_mm)) + 1
    # The surface lies half a step from the centres on either side of it.
    mm = (np.sqrt(np.arange(reach**2 + 1)) - 0.5) * step_mm
    mm = np.clip(mm, 0, FAR_MM).astype(np.float32)
    return np.asarray(mm[_squared(mask, reach)] - mm[_squared(~mask, reach)])


def _squared(mask: NDArray[np.bool_], reach: int) -> NDArray[np.unsignedinteger]:
    """Squared distance to the nearest voxel outside of a mask, voxels; `reach` squared if farther.

    Notes
    -----
    Axis after axis, as squares add up: no farther than is asked, it takes a fraction of the time
    and memory of a transform of the whole.

    References
    ----------
    Saito T, Toriwaki JI. Pattern Recognit 1994;27(11):1551-65. doi:10.1016/0031-3203(94)90133-3
    """
    number = np.min_scalar_type(2 * reach**2).type
    found: NDArray[np.unsignedinteger] = mask * number(reach**2)
    for axis in range(3):
        before = found.swapaxes(0, axis)
        after = before.copy()
        for n in range(1, min(reach, len(after))):
            np.minimum(after[n:], before[:-n] + number(n * n), out=after[n:])
            np.minimum(after[:-n], before[n:] + number(n * n), out=after[:-n])
        found = after.swapaxes(0, axis)
    return found


def shared_box(first: Box, second: Box) -> Box | None:
    """The part of the grid in both boxes; None if there is none."""
    i, j, k = (
        slice(max(a.start, b.start), min(a.stop, b.stop))
        for a, b in zip(first, second, strict=True)
    )
    return (i, j, k) if all(part.stop > part.start for part in (i, j, k)) else None


def inside_box(part: Box, box: Box) -> Box:
    """Where a part of a box lies in the array that holds the box."""
    i, j, k = (slice(a.start - b.start, a.stop - b.start) for a, b in zip(part, box, strict=True))
    return i, j, k


def whole_box(shape: tuple[int, int, int]) -> Box:
    """The whole of a grid."""
    i, j, k = (slice(0, n) for n in shape)
    return i, j, k


def slabs(box: Box) -> Iterator[Box]:
    """A box in slabs of a few slices, so that little memory is taken at a time."""
    i, j, k = box
    for start in range(k.start, k.stop, SLICES_AT_ONCE):
        yield i, j, slice(start, min(start + SLICES_AT_ONCE, k.stop))


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
