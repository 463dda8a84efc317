"""Local thickness: the largest ball that fits inside and covers a voxel."""

from __future__ import annotations

import itertools

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError

CUBIC = 0.01
"""Edges of a voxel may differ by this share and still count as a cube."""

FURTHER = ((2, 16), (3, 100))
"""How far a ball that holds another is looked for, voxels, for squared radii from which on.

The larger a ball, the dearer it is to paint and the more it pays to look further.
"""

POINTS_AT_ONCE = 1 << 20
"""Ends of runs that are written in one step; bounds memory at some ten MB."""


def local_thickness(
    inside: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Diameter of the largest ball within a structure that covers each of its voxels, mm.

    Parameters
    ----------
    inside : (I, J, K), the structure
    spacing : mm, of cubic voxels

    Returns
    -------
    (I, J, K) in mm, zero outside.

    Raises
    ------
    InputError : voxels that are no cubes, or nothing inside.

    Notes
    -----
    A ball's radius is the distance from its centre to the nearest voxel outside; the edge of the
    array is not outside. The result is exact on the voxels. A plate lying along the voxels is read
    one voxel too thick where it is an odd number of voxels thick, and right where it is even.

    References
    ----------
    Hildebrand T, Rüegsegger P. J Microsc 1997;185:67-75. doi:10.1046/j.1365-2818.1997.1340694.x
    Dougherty R, Kunzelmann KH. Microsc Microanal 2007;13(S02):1678-1679 (the distance ridge)
    """
    edge = cubic_edge(spacing)
    if inside.ndim != 3 or not inside.any():
        raise InputError("a structure in three dimensions with at least one voxel is wanted")
    if inside.all():
        raise InputError("the structure fills the whole array: no ball has an end")
    return covering_radius(squared_distance(inside)) * np.float32(2 * edge)


def cubic_edge(spacing: tuple[float, float, float]) -> float:
    """Edge of cubic voxels, mm.

    Raises
    ------
    InputError : the voxels are no cubes.
    """
    edge = float(np.mean(spacing))
    if max(spacing) - min(spacing) > CUBIC * edge:
        size = " x ".join(f"{part:g}" for part in spacing)
        raise InputError(
            f"balls want cubic voxels, got {size} mm; resample the image to cubes before "
            "separating bone from marrow"
        )
    return edge


def squared_distance(inside: NDArray[np.bool_]) -> NDArray[np.int32]:
    """Squared distance to the nearest voxel outside, in voxels; whole numbers, zero outside."""
    nearest = ndimage.distance_transform_edt(inside, return_distances=False, return_indices=True)
    total = np.zeros(inside.shape, dtype=np.int32)
    for axis, found in enumerate(nearest):
        shape = [1, 1, 1]
        shape[axis] = -1
        found -= np.arange(inside.shape[axis], dtype=np.int32).reshape(shape)
        found *= found
        total += found
    return total


def covering_radius(squared: NDArray[np.int32]) -> NDArray[np.float32]:
    """Radius of the largest ball that covers each voxel, in voxels.

    Parameters
    ----------
    squared : `squared_distance` of the structure

    Returns
    -------
    (I, J, K), zero outside.

    Notes
    -----
    Balls that the ball of a voxel nearby holds are passed over. The others are cut into runs of
    voxels along K, and a run into two overlapping pieces whose length is a power of two. Only the
    first voxel of a piece is marked, with its ball's rank; each length then hands its marks on to
    the half of it. A ball costs as many marks as its silhouette has voxels, not its volume.
    """
    centres = _ridge(squared)
    own = squared.ravel()[centres]
    order = np.argsort(own, kind="stable")
    sizes, starts = np.unique(own[order], return_index=True)
    ranks = _Balls(squared.shape, centres[order], sizes, starts).ranks()
    radii = np.sqrt(np.concatenate(([0], sizes)), dtype=np.float32)
    return np.where(squared > 0, radii[ranks], np.float32(0))


def _ridge(squared: NDArray[np.int32]) -> NDArray[np.intp]:
    """Flat indices of voxels whose ball no ball nearby holds."""
    largest = int(squared.max())
    kept = squared > 0
    for steps in (1, 2, 3):
        needed = _holding(largest, (1,) * steps + (0,) * (3 - steps))[squared]
        for offset in _offsets(1):
            if np.abs(offset).sum() == steps:
                here, there = _pair(offset)
                kept[here] &= squared[there] < needed[here]
    centres = np.flatnonzero(kept)
    for reach, least in FURTHER:
        if largest >= least:
            centres = _not_held(squared, centres, reach, least)
    return centres


def _not_held(
    squared: NDArray[np.int32], centres: NDArray[np.intp], reach: int, least: int
) -> NDArray[np.intp]:
    """Centres less those whose ball, of a squared radius from `least` on, another ball holds."""
    large = squared.ravel()[centres] >= least
    small, centres = centres[~large], centres[large]
    padded = np.pad(squared, reach)
    strides = np.array(padded.strides) // padded.itemsize
    flat = padded.ravel()
    where = np.unravel_index(centres, squared.shape)
    places = np.ravel_multi_index(tuple(axis + reach for axis in where), padded.shape)
    largest = int(squared.max())
    tables: dict[tuple[int, ...], NDArray[np.int32]] = {}
    for offset in _offsets(reach):
        kind = tuple(sorted(map(abs, offset), reverse=True))
        if kind not in tables:
            tables[kind] = _holding(largest, kind)
        kept = flat[places + int(np.dot(offset, strides))] < tables[kind][flat[places]]
        centres, places = centres[kept], places[kept]
    return np.concatenate((small, centres))


def _offsets(reach: int) -> list[tuple[int, int, int]]:
    """Offsets to the surface of a cube around a voxel."""
    line = range(-reach, reach + 1)
    return [
        (i, j, k)
        for i, j, k in itertools.product(line, repeat=3)
        if max(abs(i), abs(j), abs(k)) == reach
    ]


def _pair(offset: tuple[int, int, int]) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Slices of the voxels that have a neighbour at an offset, and of these neighbours."""
    here = tuple(slice(max(-step, 0), -step if step > 0 else None) for step in offset)
    there = tuple(slice(max(step, 0), step if step < 0 else None) for step in offset)
    return here, there


def _holding(largest: int, offset: tuple[int, ...]) -> NDArray[np.int32]:
    """Least squared radius of a ball at an offset that holds a ball of each squared radius.

    Parameters
    ----------
    largest : squared radius up to which the table runs
    offset : between the two centres, voxels, none below zero
    """
    reach = int(np.ceil(np.sqrt(largest)))
    # Voxels on the side away from the other ball are the farthest from it.
    line = np.arange(reach + 1)
    own = line[:, None, None] ** 2 + line[None, :, None] ** 2 + line[None, None, :] ** 2
    moved = [(line + step) ** 2 for step in offset]
    far = moved[0][:, None, None] + moved[1][None, :, None] + moved[2][None, None, :]
    inside = own < largest
    farthest = np.zeros(largest + 1, dtype=np.int64)
    np.maximum.at(farthest, own[inside] + 1, far[inside])
    # A ball of squared radius r holds the voxels nearer than that; one more holds them all.
    table: NDArray[np.int32] = (np.maximum.accumulate(farthest) + 1).astype(np.int32)
    return table


class _Balls:
    """Balls laid out to be painted: sorted by size, on a grid with room around it.

    Parameters
    ----------
    shape : of the volume
    centres : flat indices in it, from small balls to large
    sizes : squared radii that occur, ascending
    starts : where each of `sizes` begins in `centres`
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        centres: NDArray[np.intp],
        sizes: NDArray[np.int32],
        starts: NDArray[np.intp],
    ) -> None:
        self.shape = shape
        self.sizes = sizes
        self.bounds = [*starts.tolist(), centres.size]
        self.reach = reach = int(np.ceil(np.sqrt(sizes[-1])))
        # Rows share the room between them: what leaves one on the left is right of the one before.
        self.padded = (shape[0] + 2 * reach, shape[1] + reach, shape[2] + reach)
        i, j, k = np.unravel_index(centres, shape)
        self.places = np.ravel_multi_index((i + reach, j, k), self.padded)
        line = np.arange(1 - reach, reach)
        aside = (line[:, None] ** 2 + line**2).ravel()
        flat = ((line[:, None] * self.padded[1] + line) * self.padded[2]).ravel()
        order = np.argsort(aside, kind="stable")
        self.aside, self.rows = aside[order], flat[order]

    def ranks(self) -> NDArray[np.unsignedinteger]:
        """Place in `sizes`, from 1, of the largest ball that covers each voxel; 0 if none does."""
        level = self.reach.bit_length()
        covered = self._marks(level)
        while level:
            level -= 1
            marks = self._marks(level)
            piece = 1 << level
            np.maximum(marks, covered, out=marks)
            np.maximum(marks[piece:], covered[:-piece], out=marks[piece:])
            covered = marks
        reach = self.reach
        within = (slice(reach, -reach), slice(self.shape[1]), slice(self.shape[2]))
        return covered.reshape(self.padded)[within]

    def _marks(self, level: int) -> NDArray[np.unsignedinteger]:
        """Ranks at the first voxels of all pieces that are 2 to the power of `level` long."""
        marks = np.zeros(int(np.prod(self.padded)), dtype=np.min_scalar_type(self.sizes.size))
        # Small balls first, so that what is written last is the largest.
        for rank, size in enumerate(self.sizes.tolist(), start=1):
            within = self._pieces(size, level)
            if within.size:
                first, stop = self.bounds[rank - 1], self.bounds[rank]
                part = max(POINTS_AT_ONCE // within.size, 1)
                for at in range(first, stop, part):
                    marks[self.places[at : min(at + part, stop), None] + within] = rank
        return marks

    def _pieces(self, size: int, level: int) -> NDArray[np.intp]:
        """Flat offsets from a ball's centre to its pieces that are 2 to the power of `level` long.

        A run of 2 h + 1 voxels is cut into the longest pieces that it holds.
        """
        least, most = ((1 << level) >> 1), (1 << level) - 1
        begin, end = np.searchsorted(
            self.aside, (size - 1 - (most + 1) ** 2, size - 1 - least**2), side="right"
        )
        half = np.sqrt(size - 1 - self.aside[begin:end]).astype(np.intp)
        rows = self.rows[begin:end]
        # In the order of memory, which is what the writing takes its time for.
        return np.unique(np.concatenate((rows - half, rows + half + 1 - (1 << level))))
