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

FINEST_MM = 1.5
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
    x, y : centres of the columns and rows, mm; of a tilted scan y is level, not along the slice
    z : of the slices where y is 0, mm
    spacing_mm : distance between neighbouring voxels to the right, along the slice, and up, mm
    thickness_mm : of the slices, upwards, mm
    rise : of a slice per mm to the front; 0 without tilt
    """

    x: Reals
    y: Reals
    z: Reals
    spacing_mm: tuple[float, float, float]
    thickness_mm: float
    rise: float = 0.0

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows, slices."""
        return self.x.size, self.y.size, self.z.size

    @property
    def affine(self) -> NDArray[np.float64]:
        """Voxel index → mm."""
        affine = np.diag([self.spacing_mm[0], self.level_step, self.spacing_mm[2], 1.0])
        affine[2, 1] = self.rise * self.level_step
        affine[:3, 3] = self.x[0], self.y[0], self.z[0] + self.rise * self.y[0]
        return affine

    @property
    def level_step(self) -> float:
        """Distance between rows as seen from above, mm."""
        return self.spacing_mm[1] / math.sqrt(1 + self.rise**2)


def grid_around(
    settled: Scene,
    spacing_mm: tuple[float, float, float],
    *,
    thickness_mm: float | None = None,
    tilt_deg: float = 0.0,
) -> Grid:
    """The whole trunk from T12 to S1.

    Parameters
    ----------
    settled : the body
    spacing_mm : distance between voxels
    thickness_mm : of the slices; None for their distance
    tilt_deg : of the gantry; positive raises the front
    """
    rise = math.tan(math.radians(tilt_deg))
    steps = spacing_mm[0], spacing_mm[1] * math.cos(math.radians(tilt_deg)), spacing_mm[2]
    x, y, z = (
        low + step * (np.arange(math.ceil((high - low) / step)) + 0.5)
        for (low, high), step in zip(extent(settled.curve, settled.body), steps, strict=True)
    )
    thickness = spacing_mm[2] if thickness_mm is None else thickness_mm
    return Grid(x=x, y=y, z=z, spacing_mm=spacing_mm, thickness_mm=thickness, rise=rise)


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
) -> Iterator[tuple[NDArray[np.float32], NDArray[np.uint8]]]:
    """Means over the voxels of each slice, (C, I, J), and its labels, (I, J), from the feet up.

    Each slice is the mean of thin cuts. On each cut every shape is laid over those before it with
    the share of the sample that it covers, so edges show partial volume. A voxel has the label of
    the shape at its centre.

    Parameters
    ----------
    settled : the body
    grid : its voxels
    paint : what a piece holds
    empty : what a place without any piece holds
    """
    steps = grid.spacing_mm[0], grid.level_step, grid.thickness_mm
    splits = [math.ceil(step / FINEST_MM - 1e-9) for step in steps]
    x, y = (
        _split(axis, step, n)
        for axis, step, n in zip((grid.x, grid.y), steps[:2], splits[:2], strict=True)
    )
    size = np.float32((steps[0] / splits[0] + steps[1] / splits[1]) / 2)
    start = np.asarray(empty, dtype=np.float32)[:, None, None]
    # Where a sample lies in the middle of each voxel it tells the label too.
    centred = all(n % 2 for n in splits)
    middle = tuple(slice(n // 2, None, n) for n in splits[:2])
    for z in grid.z:
        slab = np.zeros((len(empty), grid.x.size, grid.y.size), dtype=np.float32)
        labels = np.empty((0, 0), dtype=np.uint8) if centred else _labels(settled, grid, float(z))
        for number, cut in enumerate(_split(np.array([z]), grid.thickness_mm, splits[2])):
            plane = axial_plane(settled.curve, x, y, float(cut), rise=grid.rise)
            values = np.repeat(np.repeat(start, x.size, axis=1), y.size, axis=2)
            named = centred and number == splits[2] // 2
            owner = np.zeros((x.size, y.size), dtype=np.uint8) if named else None
            for piece in settled.pieces(plane):
                covered = np.clip(piece.depth / size + np.float32(0.5), 0, 1)
                for channel, value in zip(values, paint(piece), strict=True):
                    under = channel[piece.box]
                    under += covered * (np.asarray(value, dtype=np.float32) - under)
                if owner is not None and piece.region is not None:
                    owner[piece.box][covered > np.float32(0.5)] = NUMBERS[piece.region]
            if owner is not None:
                labels = owner[middle]
            parts = values.reshape(len(empty), grid.x.size, splits[0], grid.y.size, splits[1])
            slab += parts.mean(axis=(2, 4))
        yield slab / np.float32(splits[2]), labels


def label_map(settled: Scene, grid: Grid, labels: NDArray[np.uint8], source: Source) -> LabelMap:
    """The regions of a body as a label map."""
    return LabelMap(
        array=labels,
        affine=grid.affine,
        names=settled.names(),
        origin="given",
        source=source,
    )


def _labels(settled: Scene, grid: Grid, z: float) -> NDArray[np.uint8]:
    owner = np.zeros((grid.x.size, grid.y.size), dtype=np.uint8)
    plane = axial_plane(settled.curve, grid.x, grid.y, z, rise=grid.rise)
    for piece in settled.pieces(plane):
        if piece.region is not None:
            under = owner[piece.box]
            under[np.broadcast_to(piece.depth > 0, under.shape)] = NUMBERS[piece.region]
    return owner


def _split(axis: Reals, step: float, n: int) -> Reals:
    """Centres of n equal parts of each voxel."""
    parts = (np.arange(n) + 0.5) / n - 0.5
    return np.asarray((axis[:, None] + step * parts).ravel())
