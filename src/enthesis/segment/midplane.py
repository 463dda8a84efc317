"""The plane that parts left from right, slice by slice, from the canal and the bodies before it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

STEADY_MM = 15.0
"""Length over which position and direction are evened out along the spine, SD, mm."""

SMALLEST_CUT_MM2 = 60.0
"""A cut of canal or body smaller than this says nothing about the midline, mm2."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Midplane:
    """Where the middle of the back is on each slice.

    Parameters
    ----------
    canal : (K, 2) middle of the canal, mm from the middle of the grid to the right and to the front
    forwards : (K, 2) unit vector from the canal towards the bodies
    seen : (K,) whether canal and body were seen on the slice, or are continued from its neighbours
    """

    canal: NDArray[np.float64]
    forwards: NDArray[np.float64]
    seen: NDArray[np.bool_]

    def turn_deg(self) -> float:
        """By how much the patient is turned about the long axis, degrees; 0 faces the front."""
        x, y = self.forwards[self.seen].mean(axis=0)
        return float(np.degrees(np.arctan2(-x, y)))

    def to_the_right(
        self, x: NDArray[np.floating], y: NDArray[np.floating], share: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Distance of points to the right of the plane, mm, (I, J, K).

        Parameters
        ----------
        x : (I,) to the right of the middle of the grid, mm
        y : (J,) in front of the middle of the grid, mm
        share : (K,) heights, in slices of the grid on which the plane was found
        """
        cx, cy, fx, fy = self._at(share)
        across = (x[:, None, None] - cx) * fy - (y[None, :, None] - cy) * fx
        return np.asarray(across)

    def in_front(
        self, x: NDArray[np.floating], y: NDArray[np.floating], share: NDArray[np.floating]
    ) -> NDArray[np.float64]:
        """Distance of points in front of the canal's middle, mm, (I, J, K); as `to_the_right`."""
        cx, cy, fx, fy = self._at(share)
        ahead = (x[:, None, None] - cx) * fx + (y[None, :, None] - cy) * fy
        return np.asarray(ahead)

    def _at(self, share: NDArray[np.floating]) -> list[NDArray[np.float64]]:
        lines = np.arange(self.canal.shape[0])
        return [np.interp(share, lines, row) for row in (*self.canal.T, *self.forwards.T)]


def midplane(
    canal: NDArray[np.bool_], bodies: NDArray[np.bool_], step: tuple[float, float, float]
) -> Midplane | None:
    """The midplane of a spine; None where canal and bodies are not seen together.

    Parameters
    ----------
    canal : (I, J, K) voxels of the spinal canal
    bodies : (I, J, K) voxels of vertebral bodies, discs and sacrum
    step : distance between voxels, mm
    """
    least = SMALLEST_CUT_MM2 / (step[0] * step[1])
    n_canal, middle_canal = _middles(canal, step)
    n_bodies, middle_bodies = _middles(bodies, step)
    seen = (n_canal >= least) & (n_bodies >= 3 * least)
    if not seen.any():
        return None
    direction = np.where(seen[:, None], middle_bodies - middle_canal, 0.0)
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    direction = np.divide(direction, length, out=np.zeros_like(direction), where=length > 0)
    has_canal = n_canal >= least
    forwards = _steady(direction, seen, step[2])
    forwards /= np.maximum(np.linalg.norm(forwards, axis=1, keepdims=True), 1e-9)
    return Midplane(
        canal=_steady(np.where(has_canal[:, None], middle_canal, 0.0), has_canal, step[2]),
        forwards=forwards,
        seen=seen,
    )


def _middles(
    mask: NDArray[np.bool_], step: tuple[float, float, float]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Voxels on each slice, and their middle in mm from the middle of the grid."""
    per_column, per_row = mask.sum(axis=1), mask.sum(axis=0)
    counts = per_row.sum(axis=0)
    x = (np.arange(mask.shape[0]) - (mask.shape[0] - 1) / 2) * step[0]
    y = (np.arange(mask.shape[1]) - (mask.shape[1] - 1) / 2) * step[1]
    some = np.maximum(counts, 1)
    return counts, np.stack([x @ per_column / some, y @ per_row / some], axis=1)


def _steady(
    values: NDArray[np.float64], known: NDArray[np.bool_], step_mm: float
) -> NDArray[np.float64]:
    """Values evened out along the slices; unknown ones take those of the nearest known slices."""
    sigma = STEADY_MM / step_mm
    weight = ndimage.gaussian_filter1d(known.astype(float), sigma, mode="constant")
    smooth = ndimage.gaussian_filter1d(values * known[:, None], sigma, axis=0, mode="constant")
    reached = np.flatnonzero(weight > 1e-3)
    lines = np.arange(values.shape[0])
    return np.stack(
        [
            np.interp(lines, reached, smooth[reached, axis] / weight[reached])
            for axis in range(values.shape[1])
        ],
        axis=1,
    )
