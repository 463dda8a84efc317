"""Closed outlines around a point: the radius in every direction, found by dynamic programming."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

N_DIRECTIONS = 64

RADIUS_MM = 1.0
"""Distance between the radii that are tried, mm."""

STEPS = (-3, -2, -1, 0, 1, 2, 3)
"""By how many radii an outline changes from one direction to the next one."""


def directions() -> NDArray[np.float64]:
    """Angles from the first axis towards the second one, radians."""
    return 2 * np.pi * np.arange(N_DIRECTIONS) / N_DIRECTIONS


def around(
    planes: NDArray[np.float32],
    centers: NDArray[np.float64],
    radii: NDArray[np.float64],
    step_mm: float,
) -> NDArray[np.float32]:
    """Values on rays around a point of each plane, (n, directions, radii).

    Parameters
    ----------
    planes : (n, X, Y)
    centers : (n, 2) mm from the first pixel
    radii : (radii,) mm
    step_mm : distance between pixels
    """
    angles = directions()
    x = radii * np.cos(angles)[:, None]
    y = radii * np.sin(angles)[:, None]
    found = np.empty((len(planes), *x.shape), np.float32)
    for n, (plane, (cx, cy)) in enumerate(zip(planes, centers, strict=True)):
        found[n] = ndimage.map_coordinates(
            plane, [(cx + x) / step_mm, (cy + y) / step_mm], order=1, mode="nearest"
        )
    return found


def closed_outlines(gain: NDArray[np.floating], *, bend_cost: float) -> NDArray[np.float64]:
    """The radius in each direction whose gains are greatest and whose changes are least.

    Parameters
    ----------
    gain : (n, directions, radii) what each radius is worth
    bend_cost : price of a change by one radius between neighbouring directions, growing with its
        square

    Returns
    -------
    (n, directions) indices of the radii, between them too

    Notes
    -----
    Dynamic programming over two turns, of which the half turn at either end is thrown away: there
    the outline has forgotten where it began, so that it meets itself.
    """
    n, n_directions, n_radii = gain.shape
    lead = n_directions // 2
    order = np.arange(-lead, n_directions + lead) % n_directions
    total = gain[:, order[0]].astype(np.float64)
    came_from = np.zeros((order.size, n, n_radii), np.int8)
    reach = max(STEPS)
    for row, direction in enumerate(order[1:], start=1):
        padded = np.pad(total, ((0, 0), (reach, reach)), constant_values=-np.inf)
        offers = np.stack(
            [
                padded[:, reach + step : reach + step + n_radii] - bend_cost * step**2
                for step in STEPS
            ]
        )
        best = offers.argmax(axis=0)
        came_from[row] = best
        total = np.take_along_axis(offers, best[None], axis=0)[0] + gain[:, direction]
    rows = np.arange(n)
    at = total.argmax(axis=1)
    chosen = np.empty((n, order.size), np.intp)
    chosen[:, -1] = at
    for row in range(order.size - 1, 0, -1):
        at = at + np.array(STEPS)[came_from[row, rows, at]]
        chosen[:, row - 1] = at
    middle = chosen[:, lead : lead + n_directions]
    return np.asarray(ndimage.gaussian_filter1d(middle.astype(float), 0.7, axis=1, mode="wrap"))


def drop_outwards(rays: NDArray[np.floating], inner: int, outer: int) -> NDArray[np.float64]:
    """Mean of the values just within each radius less that of those just outside it.

    Parameters
    ----------
    rays : (..., radii)
    inner, outer : how many radii are just within and just outside

    Returns
    -------
    (..., radii); zero at the last one, which has no outside
    """
    total = np.concatenate([np.zeros_like(rays[..., :1]), rays.cumsum(axis=-1)], axis=-1)
    n = rays.shape[-1]
    at = np.arange(n)
    low, high = np.maximum(at - inner + 1, 0), np.minimum(at + 1 + outer, n)
    within = (total[..., at + 1] - total[..., low]) / (at + 1 - low)
    outside = (total[..., high] - total[..., at + 1]) / np.maximum(high - at - 1, 1)
    found = np.asarray(within - outside, np.float64)
    found[..., -1] = 0
    return found


def outline_depth(
    radii_mm: NDArray[np.float64],
    centers: NDArray[np.floating],
    x: NDArray[np.floating],
    y: NDArray[np.floating],
) -> NDArray[np.float32]:
    """About how deep points lie inside an outline, mm: along the ray, made smaller by its slant.

    Parameters
    ----------
    radii_mm : (n, directions)
    centers : (n, 2) mm
    x, y : (X,), (Y,) places of the points, mm

    Returns
    -------
    (n, X, Y)
    """
    found = np.empty((len(radii_mm), x.size, y.size), np.float32)
    wide = np.concatenate([radii_mm, radii_mm[:, :1]], axis=1)
    slope = (np.roll(radii_mm, -1, axis=1) - np.roll(radii_mm, 1, axis=1)) / (
        4 * np.pi / N_DIRECTIONS
    )
    slant = radii_mm / np.hypot(radii_mm, slope)
    slants = np.concatenate([slant, slant[:, :1]], axis=1)
    lines = np.arange(N_DIRECTIONS + 1)
    for n, (cx, cy) in enumerate(centers):
        dx, dy = (x - cx)[:, None], (y - cy)[None]
        turn = (np.arctan2(dy, dx) / (2 * np.pi) * N_DIRECTIONS) % N_DIRECTIONS
        radius = np.interp(turn, lines, wide[n])
        found[n] = (radius - np.hypot(dx, dy)) * np.interp(turn, lines, slants[n])
    return found
