"""The surface of a vertebral body between the voxels' steps, and the heights that it gives."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.image import LabelMap
from enthesis.regions import VertebralBody

EDGE_INSET = 0.10
"""Anterior and posterior heights are read this share of the body's depth inside its edges.

The corners themselves are rounded off in every label map, and osteophytes stand on them.
"""

MIDLINE_SHARE = 0.30
"""Endplates are fitted this share of the body's width to either side of its middle."""

RIM_SHARE = 0.05
"""Endplates are fitted up to this share of the depth from the edges."""

BENDING = 3
"""Degree along the depth of the surface that is fitted to an endplate.

A cubic follows a hollow that lies off the middle; a quartic begins to follow the voxels' steps.
"""

SMOOTHING_VOXELS = 0.7
"""SD of the Gaussian that turns a mask into a surface between its voxels.

Narrower leaves the voxels' steps; wider rounds the edge of the endplate.
"""

N_ACROSS = 11
"""Profiles over that part of the width."""


class Surface:
    """A body's mask as a smooth function of place in mm; its surface is where it is one half."""

    def __init__(self, body: VertebralBody, labels: LabelMap) -> None:
        self.flat = labels.shape[2] == 1
        pad = 4
        mask = np.pad(body.mask, pad).astype(np.float32)
        if self.flat:
            mask = mask[:, :, pad : pad + 1]
        smooth = [SMOOTHING_VOXELS, SMOOTHING_VOXELS, 0.0 if self.flat else SMOOTHING_VOXELS]
        # A picture has no inside across its slice; repeated it can be read at any place there.
        self.field = ndimage.gaussian_filter(mask, smooth)
        start = np.array([s.start - pad for s in body.box], dtype=np.float64)
        if self.flat:
            start[2] = 0
        self.to_voxel = np.linalg.inv(labels.affine)
        self.start = start
        inside = np.argwhere(mask > 0) + start
        self.points = inside @ labels.affine[:3, :3].T + labels.affine[:3, 3]

    def __call__(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at places (..., 3) in mm."""
        voxels = at @ self.to_voxel[:3, :3].T + self.to_voxel[:3, 3] - self.start
        if self.flat:
            voxels[..., 2] = 0
        found: NDArray[np.float64] = ndimage.map_coordinates(
            self.field, np.moveaxis(voxels, -1, 0), order=1, output=np.float64
        )
        return found


class Frame:
    """Axes of a body and its endplates as heights over a grid of places across the axis."""

    def __init__(
        self,
        surface: Surface,
        centre: NDArray[np.float64],
        up: NDArray[np.float64],
        front: NDArray[np.float64],
        affine: NDArray[np.float64],
    ) -> None:
        self.up = unit(up)
        self.front = unit(front - self.up * float(front @ self.up))
        self.side = np.cross(self.front, self.up)
        self.surface, self.centre = surface, centre
        edges = np.linalg.norm(affine[:3, :3], axis=0)
        step = float(min(edges[:2] if surface.flat else edges)) / 2
        # Voxels' centres end half a voxel inside the surface, and smoothing reaches beyond it.
        beyond, above = (1.5 * voxel_along(axis, affine) for axis in (self.front, self.up))
        away = surface.points - centre
        sideways = away @ self.side
        self.half_width = float(np.ptp(sideways)) / 2
        self.middle = 0.0 if surface.flat else float(sideways.min()) + self.half_width
        reach = 2 * self.half_width * MIDLINE_SHARE
        self.across = self.middle + (
            np.zeros(1) if surface.flat else reach * np.linspace(-1, 1, N_ACROSS)
        )
        near = np.abs(sideways - self.middle) <= max(reach, 2 * step)
        lowest, highest = np.quantile((away @ self.front)[near | surface.flat], [0, 1])
        self.along = np.arange(lowest - beyond, highest + beyond, step)
        levels = away @ self.up
        self.heights = np.arange(levels.min() - above, levels.max() + above, step)
        self.back, self.depth = self._depth()
        self.top, self.bottom = self._plates()

    def _values(
        self, across: NDArray[Any], along: NDArray[Any], height: NDArray[Any]
    ) -> NDArray[np.float64]:
        at = (
            self.centre
            + across[:, None, None, None] * self.side
            + along[None, :, None, None] * self.front
            + height[None, None, :, None] * self.up
        )
        return self.surface(at)

    def _depth(self) -> tuple[float, float]:
        """Place of the posterior edge at mid-height on the midline, and the depth from there."""
        middle = self.heights[[0, -1]].mean() + np.ptp(self.heights) * np.linspace(-0.1, 0.1, 5)
        values = self._values(self.across, self.along, middle)
        edges = [
            _crossings(values[i, :, k], self.along)
            for i in range(values.shape[0])
            for k in range(values.shape[2])
        ]
        found = np.array([edge for edge in edges if edge is not None])
        if not found.size:
            return 0.0, math.nan
        back, front = np.median(found, axis=0)
        return float(back), float(front - back)

    def _plates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Upper and lower surface over the grid (across, along), mm; NaN beside the body."""
        values = self._values(self.across, self.along, self.heights)
        top = np.full(values.shape[:2], np.nan)
        bottom = top.copy()
        for i, j in np.ndindex(*top.shape):
            found = _crossings(values[i, j], self.heights)
            if found is not None:
                bottom[i, j], top[i, j] = found
        return top, bottom

    def normal(self, which: int) -> NDArray[np.float64]:
        """Normal of the plane through the upper (+1) or lower (-1) surface within the insets."""
        plate = self.top if which > 0 else self.bottom
        share = (self.along - self.back) / self.depth
        inside = (share >= EDGE_INSET) & (share <= 1 - EDGE_INSET)
        across, along = np.broadcast_arrays(self.across[:, None], self.along[None])
        used = np.isfinite(plate) & inside[None]
        if np.count_nonzero(used) < 3:
            return self.up
        design = np.column_stack([np.ones(used.sum()), along[used], across[used]])
        if self.surface.flat:
            design = design[:, :2]
        slopes = np.linalg.lstsq(design, plate[used], rcond=None)[0][1:]
        normal = self.up - slopes[0] * self.front
        if not self.surface.flat:
            normal = normal - slopes[1] * self.side
        return unit(normal)

    def height(self, where: float) -> float:
        """Height in the midline at a share of the depth, counted from the back, mm."""
        upper, lower = (self._fitted(plate, where) for plate in (self.top, self.bottom))
        return upper - lower

    def _fitted(self, plate: NDArray[np.float64], where: float) -> float:
        share = (self.along - self.back) / self.depth
        across, along = np.broadcast_arrays(self.across[:, None] - self.middle, share[None])
        used = np.isfinite(plate) & ((share >= RIM_SHARE) & (share <= 1 - RIM_SHARE))[None]
        design = self._terms(across[used], along[used])
        if len(design) < 2 * design.shape[1]:
            return math.nan
        terms = np.linalg.lstsq(design, plate[used], rcond=None)[0]
        return float((self._terms(np.zeros(1), np.array([where])) @ terms)[0])

    def _terms(self, across: NDArray[Any], along: NDArray[Any]) -> NDArray[np.float64]:
        powers = [along**degree for degree in range(BENDING + 1)]
        if not self.surface.flat:
            sideways = across / self.half_width
            powers += [sideways, *(sideways**2 * along**degree for degree in range(3))]
        return np.column_stack(powers)


def _crossings(
    values: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Where a profile first rises through one half and last falls through it."""
    inside = np.flatnonzero(values >= 0.5)
    if not inside.size or inside[0] == 0 or inside[-1] == values.size - 1:
        return None
    first, last = int(inside[0]), int(inside[-1])
    return (
        _between(values[first - 1 : first + 1], places[first - 1 : first + 1]),
        _between(values[last : last + 2], places[last : last + 2]),
    )


def _between(values: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    share = (0.5 - values[0]) / (values[1] - values[0])
    return float(places[0] + share * (places[1] - places[0]))


def voxel_along(direction: NDArray[np.float64], affine: NDArray[np.float64]) -> float:
    """Extent of a voxel along a direction, mm."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.sqrt((((affine[:3, :3] / lengths).T @ direction * lengths) ** 2).sum()))


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The direction of a vector."""
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)
