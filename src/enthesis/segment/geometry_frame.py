"""Coordinates along a spine: to the right of the canal, in front of it, and along it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.segment.geometry_canal import Canal

STRAIGHT_MM = 2.0
"""Distance between the points of the straightened image along all three axes, mm."""

RIGHT_MM = (-48.0, 48.0)
"""Reach of the straightened image to the right of the canal, mm."""

FRONT_MM = (-20.0, 70.0)
"""Reach of the straightened image in front of the canal, mm."""

STEPS = 8
"""Rounds in which the height of a point along the spine is found."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpineFrame:
    """The middle line of the canal and the directions across it, every `STRAIGHT_MM`.

    Parameters
    ----------
    middle : (S, 3) mm from the first voxel of the working grid, from feet to head
    right, front, up : (S, 3) unit vectors
    """

    middle: NDArray[np.float64]
    right: NDArray[np.float64]
    front: NDArray[np.float64]
    up: NDArray[np.float64]

    def straightened(self, hu: NDArray[np.float32], step_mm: float) -> NDArray[np.float32]:
        """The scan along the spine, (to the right, in front, along), every `STRAIGHT_MM`."""
        r, f = _axis(RIGHT_MM), _axis(FRONT_MM)
        points = (
            self.middle[None, None]
            + r[:, None, None, None] * self.right[None, None]
            + f[None, :, None, None] * self.front[None, None]
        )
        return np.asarray(
            ndimage.map_coordinates(
                hu, np.moveaxis(points, -1, 0) / step_mm, order=1, mode="nearest"
            )
        )

    def places(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points lie along the spine, (3, n): mm to the right, in front, and index along.

        Parameters
        ----------
        points : (n, 3) mm from the first voxel of the working grid
        """
        lines = np.arange(len(self.middle), dtype=float)
        along = np.interp(points[:, 2], self.middle[:, 2], lines)
        for _ in range(STEPS):
            here, up = self.at(self.middle, along), self.at(self.up, along)
            # Half of the way: planes fan out in front, where a whole step would swing.
            along = along + 0.6 * ((points - here) * up).sum(axis=1) / STRAIGHT_MM
            along = np.clip(along, 0, lines[-1])
        away = points - self.at(self.middle, along)
        to_right = (away * self.at(self.right, along)).sum(axis=1)
        in_front = (away * self.at(self.front, along)).sum(axis=1)
        beyond = (away * self.at(self.up, along)).sum(axis=1) / STRAIGHT_MM
        return np.stack([to_right, in_front, along + np.where(np.abs(beyond) > 0.5, beyond, 0)])

    def along(self, row: float | None, step_mm: float) -> float | None:
        """Index along the spine at which the canal crosses a slice of the working grid."""
        if row is None:
            return None
        lines = np.arange(len(self.middle))
        return float(np.interp(row * step_mm, self.middle[:, 2], lines))

    def point(self, to_right: float, in_front: float, along: float) -> NDArray[np.float64]:
        """The point at a place along the spine, (3,) mm from the first voxel."""
        at = np.array([along])
        return np.asarray(
            self.at(self.middle, at)[0]
            + to_right * self.at(self.right, at)[0]
            + in_front * self.at(self.front, at)[0]
        )

    def at(self, rows: NDArray[np.float64], along: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points or directions of the frame at any index along it, (n, 3)."""
        lines = np.arange(len(rows))
        return np.stack([np.interp(along, lines, column) for column in rows.T], axis=1)


def spine_frame(canal: Canal, step_mm: float) -> SpineFrame:
    """The frame along a canal, as far as it was seen."""
    rows = np.flatnonzero(canal.seen)
    line = np.column_stack([canal.middle[rows], rows * step_mm])
    length = np.concatenate([[0], np.linalg.norm(np.diff(line, axis=0), axis=1).cumsum()])
    at = np.arange(0, length[-1], STRAIGHT_MM)
    middle = np.stack([np.interp(at, length, column) for column in line.T], axis=1)
    front = np.stack([np.interp(at, length, column) for column in canal.forwards[rows].T], axis=1)
    up = _unit(ndimage.gaussian_filter1d(np.gradient(middle, axis=0), 3.0, axis=0))
    front = np.column_stack([front, np.zeros(len(front))])
    front = _unit(front - (front * up).sum(axis=1, keepdims=True) * up)
    return SpineFrame(middle=middle, right=np.cross(front, up), front=front, up=up)


def straight_index(mm: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.float64]:
    """Index along an axis of the straightened image."""
    return (mm - span[0]) / STRAIGHT_MM


def _axis(span: tuple[float, float]) -> NDArray[np.float64]:
    return np.arange(span[0], span[1] + STRAIGHT_MM / 2, STRAIGHT_MM)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))
