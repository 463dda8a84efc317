"""Slices turned and moved so that the canal is in the middle and the front of the body above it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.segment.distances import FAR_MM
from enthesis.segment.geometry_canal import Canal

RIGHT_MM, FRONT_MM = (-96.0, 96.0), (-96.0, 80.0)
"""Reach of the turned slices to the right and in front of the canal, mm."""

PIXEL_MM = 2.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TurnedSlices:
    """The slices of the working grid, turned and moved so that the canal looks up the page.

    Parameters
    ----------
    hu : (n, to the right, in front), every `PIXEL_MM`
    rows : (n,) slice of the working grid of each
    middle, forwards : (n, 2) of the canal, see `Canal`
    """

    hu: NDArray[np.float32]
    rows: NDArray[np.intp]
    middle: NDArray[np.float64]
    forwards: NDArray[np.float64]

    def turned(
        self, volume: NDArray[np.float32], step_mm: float, *, outside: float
    ) -> NDArray[np.float32]:
        """A volume of the working grid on the turned slices."""
        right, front = axes_mm()
        sheets = np.empty((self.rows.size, right.size, front.size), np.float32)
        for n, (k, (cx, cy), (fx, fy)) in enumerate(
            zip(self.rows, self.middle, self.forwards, strict=True)
        ):
            x = cx + right[:, None] * fy + front[None] * fx
            y = cy - right[:, None] * fx + front[None] * fy
            sheets[n] = ndimage.map_coordinates(
                volume[:, :, k], [x / step_mm, y / step_mm], order=1, cval=outside
            )
        return sheets

    def back(
        self, depth: NDArray[np.float32], shape: tuple[int, int, int], step_mm: float
    ) -> NDArray[np.float32]:
        """Depths on the turned slices, brought to the working grid."""
        found = np.full(shape, -FAR_MM, np.float32)
        x, y = (np.arange(n) * step_mm for n in shape[:2])
        for sheet, k, (cx, cy), (fx, fy) in zip(
            depth, self.rows, self.middle, self.forwards, strict=True
        ):
            dx, dy = (x - cx)[:, None], (y - cy)[None]
            right, front = dx * fy - dy * fx, dx * fx + dy * fy
            found[:, :, k] = ndimage.map_coordinates(
                sheet,
                [(right - RIGHT_MM[0]) / PIXEL_MM, (front - FRONT_MM[0]) / PIXEL_MM],
                order=1,
                cval=-FAR_MM,
            )
        return found


def turned_slices(hu: NDArray[np.float32], canal: Canal, step_mm: float) -> TurnedSlices:
    """The slices on which the canal was seen, with the canal in the middle and the front upwards.

    Parameters
    ----------
    hu : (I, J, K) of the working grid
    """
    rows = np.flatnonzero(canal.seen)
    empty = TurnedSlices(
        hu=np.empty((0, 0, 0), np.float32),
        rows=rows,
        middle=canal.middle[rows],
        forwards=canal.forwards[rows],
    )
    return replace(empty, hu=empty.turned(hu, step_mm, outside=-1000.0))


def axes_mm() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Places to the right and in front of the canal of the turned slices' pixels, mm."""
    return (
        np.arange(RIGHT_MM[0], RIGHT_MM[1] + 1, PIXEL_MM),
        np.arange(FRONT_MM[0], FRONT_MM[1] + 1, PIXEL_MM),
    )
