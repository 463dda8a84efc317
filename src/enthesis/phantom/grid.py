"""Voxels laid through the body, and what each of them holds of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import LabelMap, Source
from enthesis.phantom.geometry import Reals, axial_plane
from enthesis.phantom.scene import NUMBERS, Scene
from enthesis.phantom.spine import Piece
from enthesis.phantom.trunk import extent

FINEST_MM = 1.0
"""Samples lie at most this far apart, mm, and each is softened over its own size."""

SPACING_MM = (0.5, 8.0)
"""Smallest and largest distance between voxels that is rendered, mm."""

Paint = Callable[[Piece], tuple[ArrayLike, ...]]
"""What a piece holds per volume, one number or (i, j) per channel."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Grid:
    """Voxels of an axial scan.

    Parameters
    ----------
    x, y, z : centres of the columns, rows and slices, mm
    spacing_mm : distance between them, mm
    """

    x: Reals
    y: Reals
    z: Reals
    spacing_mm: tuple[float, float, float]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        return self.x.size, self.y.size, self.z.size

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index → mm."""
        affine = np.diag([*self.spacing_mm, 1.0])
        affine[:3, 3] = self.x[0], self.y[0], self.z[0]
        return affine


def grid_around(settled: Scene, spacing_mm: tuple[float, float, float]) -> Grid:
    """The whole trunk from T12 to S1.

    Raises
    ------
    InputError : a spacing outside `SPACING_MM`.
    """
    x, y, z = (
        low + step * (np.arange(math.ceil((high - low) / step)) + 0.5)
        for (low, high), step in zip(extent(settled.curve, settled.body), spacing_mm, strict=True)
    )
    return Grid(x=x, y=y, z=z, spacing_mm=spacing_mm)


def check_spacing(spacing_mm: tuple[float, float, float]) -> None:
    """Pass if a body can be rendered with voxels of this size."""
    for value in spacing_mm:
        if not SPACING_MM[0] <= value <= SPACING_MM[1]:
            raise InputError(
                f"voxel spacing is in mm and between {SPACING_MM[0]:g} and {SPACING_MM[1]:g}, "
                f"got {value:g}"
            )


def slices(
    settled: Scene, grid: Grid, paint: Paint, *, empty: tuple[float, ...]
) -> Iterator[NDArray[np.float32]]:
    """Means over the voxels of each slice, (C, I, J), from the feet up.

    Each slice is the mean of thin cuts. On each cut every shape is laid over those before it with
    the share of the sample that it covers, so edges show partial volume.

    Parameters
    ----------
    settled : the body
    grid : its voxels
    paint : what a piece holds
    empty : what a place without any piece holds
    """
    splits = [math.ceil(step / FINEST_MM - 1e-9) for step in grid.spacing_mm]
    x, y = (
        _split(axis, step, n)
        for axis, step, n in zip((grid.x, grid.y), grid.spacing_mm[:2], splits[:2], strict=True)
    )
    size = np.float32((grid.spacing_mm[0] / splits[0] + grid.spacing_mm[1] / splits[1]) / 2)
    start = np.asarray(empty, dtype=np.float32)[:, None, None]
    for z in grid.z:
        slab = np.zeros((len(empty), grid.x.size, grid.y.size), dtype=np.float32)
        for cut in _split(np.array([z]), grid.spacing_mm[2], splits[2]):
            plane = axial_plane(settled.curve, x, y, float(cut))
            values = np.repeat(np.repeat(start, x.size, axis=1), y.size, axis=2)
            for piece in settled.pieces(plane):
                covered = np.clip(piece.depth / size + np.float32(0.5), 0, 1)
                for channel, value in zip(values, paint(piece), strict=True):
                    under = channel[piece.box]
                    under += covered * (np.asarray(value, dtype=np.float32) - under)
            parts = values.reshape(len(empty), grid.x.size, splits[0], grid.y.size, splits[1])
            slab += parts.mean(axis=(2, 4))
        yield slab / np.float32(splits[2])


def label_map(settled: Scene, grid: Grid, source: Source) -> LabelMap:
    """The regions; a voxel has the label of the shape at its centre."""
    # In memory the first index runs fastest, as it does in files.
    labels = np.zeros(grid.shape, dtype=np.uint8, order="F")
    for k, z in enumerate(grid.z):
        plane = axial_plane(settled.curve, grid.x, grid.y, float(z))
        for piece in settled.pieces(plane):
            under = labels[:, :, k][piece.box]
            under[np.broadcast_to(piece.depth > 0, under.shape)] = NUMBERS[piece.region]
    return LabelMap(
        array=labels,
        affine=grid.affine,
        names={number: name for name, number in NUMBERS.items() if name},
        origin="given",
        source=source,
    )


def _split(axis: Reals, step: float, n: int) -> Reals:
    """Centres of n equal parts of each voxel."""
    parts = (np.arange(n) + 0.5) / n - 0.5
    return np.asarray((axis[:, None] + step * parts).ravel())
