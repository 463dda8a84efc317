"""Discs, vertebral bodies and canal of a straightened spine, as depths inside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.segment.distances import FAR_MM
from enthesis.segment.geometry_frame import FRONT_MM, RIGHT_MM, STRAIGHT_MM, straight_index
from enthesis.segment.geometry_star import (
    N_DIRECTIONS,
    RADIUS_MM,
    around,
    closed_outlines,
    directions,
    drop_outwards,
    outline_depth,
)

DISC_SPAN = ((-14.0, 14.0), (10.0, 38.0))
"""Right and front of the canal, mm, over which a disc is looked for: within every lumbar body."""

TILTS_DEG = tuple(range(-24, 25, 4))
"""Inclinations of a disc against the plane across the canal, degrees."""

ENDPLATE_MM = (2.0, 9.0)
"""Distance of the endplates from the middle of a disc, mm."""

GAP_MM, GAP_SD_MM = 34.0, 12.0
"""Usual distance between neighbouring discs and how much it varies, mm."""

GAPS_MM = (18.0, 54.0)
"""Least and greatest distance between neighbouring discs, mm."""

GAP_WEIGHT = 0.25

DISC_THRESHOLD = 0.30
"""A disc must be worth this share of a clear one to be added at either end."""

CLIP_HU = (-100.0, 450.0)
"""Attenuation is clipped at this, so that metal does not rule, HU."""

BODY_RADII = np.arange(8.0, 38.0, RADIUS_MM)
CANAL_RADII = np.arange(4.0, 17.0, RADIUS_MM)

BEHIND_WALL = 0.5
"""Price of each mm by which a body's outline lies behind the canal's front wall."""

BODY_FRONT_MM = 24.0
"""Where the middle of a body lies in front of the canal at first, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DiscPlane:
    """A disc of a straightened spine.

    Parameters
    ----------
    along : its middle, index along the spine
    tilt_deg : by how much its front is higher than its back, against the plane across the canal
    worth : contrast to its endplates, as a share of that of a clear disc of the same spine
    """

    along: float
    tilt_deg: float
    worth: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpineColumn:
    """Bodies and discs of a straightened spine.

    Parameters
    ----------
    discs : from feet to head
    bodies : depth inside each body, mm, on the straightened grid: the first one lies below the
        first disc, the last one above the last disc
    between : depth inside each disc, in order of `discs`
    canal : depth inside the canal
    """

    discs: tuple[DiscPlane, ...]
    bodies: NDArray[np.float32]
    between: NDArray[np.float32]
    canal: NDArray[np.float32]


def spine_column(straight: NDArray[np.float32]) -> SpineColumn | None:
    """Bodies and discs; None where fewer than two discs are seen.

    Parameters
    ----------
    straight : (to the right, in front, along), HU, every `STRAIGHT_MM`
    """
    clipped = np.clip(straight, *CLIP_HU)
    discs = find_discs(clipped)
    if len(discs) < 2:
        return None
    canal, wall = _canal(clipped)
    ring = _body_ring(clipped, discs, wall)
    lower, upper = _endplates(clipped, discs)
    lines = np.arange(straight.shape[2])
    sheets = []
    for n in range(len(discs) + 1):
        floor = upper[n - 1] if n else np.full(ring.shape[:2], -np.inf)
        roof = lower[n] if n < len(discs) else np.full(ring.shape[:2], np.inf)
        depth = np.minimum(lines - floor[..., None], roof[..., None] - lines) * STRAIGHT_MM
        sheets.append(np.minimum(ring, depth))
    between = [
        np.minimum(ring, np.minimum(lines - low[..., None], high[..., None] - lines) * STRAIGHT_MM)
        for low, high in zip(lower, upper, strict=True)
    ]
    return SpineColumn(
        discs=discs,
        bodies=_limited(np.stack(sheets)),
        between=_limited(np.stack(between)),
        canal=_limited(canal),
    )


def find_discs(straight: NDArray[np.float32]) -> tuple[DiscPlane, ...]:
    """Dark lines between two bright ones, at the distances that discs have, from feet to head."""
    right, front = (
        slice(*np.round(straight_index(np.array(span), limits)).astype(int) + np.array([0, 1]))
        for span, limits in zip(DISC_SPAN, (RIGHT_MM, FRONT_MM), strict=True)
    )
    sheet = straight[right, front].mean(axis=0)
    profiles = np.stack([_sheared(sheet, tilt) for tilt in TILTS_DEG])
    profiles = ndimage.gaussian_filter1d(profiles, 0.7, axis=1)
    near, far = (round(mm / STRAIGHT_MM) for mm in ENDPLATE_MM)
    above, below = _ridges(profiles, near, far), _ridges(profiles[:, ::-1], near, far)[:, ::-1]
    contrast = np.minimum(above, below) - profiles
    tilt = contrast.argmax(axis=0)
    best = contrast.max(axis=0)
    peaks = best[(best == ndimage.maximum_filter1d(best, 9)) & (best > 0)]
    clear = float(np.percentile(peaks, 75)) if peaks.size else 0.0
    if clear < 15:
        return ()
    worth = np.clip(best / clear, -0.5, 1.0)
    return tuple(
        DiscPlane(along=float(at), tilt_deg=float(TILTS_DEG[tilt[at]]), worth=float(worth[at]))
        for at in _chain(worth)
    )


def _ridges(profiles: NDArray[np.float64], near: int, far: int) -> NDArray[np.float64]:
    """The brightest line within reach above each place; where it still rises beyond, less.

    The middle of a body lies between two bright lines too, but farther from them than a disc does.
    """
    n = profiles.shape[1]
    padded = np.pad(profiles, ((0, 0), (0, far + 2)), mode="edge")
    lines = []
    for d in range(near, far + 1):
        here = padded[:, d : d + n]
        beyond = np.maximum(padded[:, d + 1 : d + 1 + n], padded[:, d + 2 : d + 2 + n])
        lines.append(here - np.clip(beyond - here, 0, None))
    return np.asarray(np.max(lines, axis=0))


def _sheared(sheet: NDArray[np.float32], tilt_deg: float) -> NDArray[np.float64]:
    """Mean along the lines of one inclination through a sagittal sheet (front, along)."""
    n_front, n = sheet.shape
    shift = (np.arange(n_front) - (n_front - 1) / 2) * np.tan(np.deg2rad(tilt_deg))
    lines = np.arange(n)
    return np.asarray(
        np.mean([np.interp(lines + s, lines, row) for s, row in zip(shift, sheet, strict=True)], 0)
    )


def _chain(worth: NDArray[np.float64]) -> list[int]:
    """The places whose worth and distances together are best; a faint disc is bridged."""
    low, high = (round(mm / STRAIGHT_MM) for mm in GAPS_MM)
    gain = worth - DISC_THRESHOLD
    total, before = gain.copy(), np.full(worth.size, -1)
    for at in range(low, worth.size):
        gaps = np.arange(low, min(high, at) + 1)
        price = GAP_WEIGHT * ((gaps * STRAIGHT_MM - GAP_MM) / GAP_SD_MM) ** 2
        offers = total[at - gaps] - price
        best = int(offers.argmax())
        if offers[best] > 0:
            total[at] = gain[at] + offers[best]
            before[at] = at - gaps[best]
    chain = [int(total.argmax())]
    while before[chain[-1]] >= 0:
        chain.append(int(before[chain[-1]]))
    return chain[::-1]


def _body_ring(
    straight: NDArray[np.float32], discs: tuple[DiscPlane, ...], wall: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Depth inside the column of bodies and discs, which lies in front of the canal's wall."""
    planes = np.ascontiguousarray(np.moveaxis(straight, 2, 0))
    weight = _away_from_discs(len(planes), discs)
    centers = np.tile([-RIGHT_MM[0], BODY_FRONT_MM - FRONT_MM[0]], (len(planes), 1))
    radii = np.empty((len(planes), N_DIRECTIONS))
    for _ in range(2):
        rays = around(planes, centers, BODY_RADII, STRAIGHT_MM)
        gain = drop_outwards(rays, 3, 4)
        # A cortical wall is bright itself: what lies within it is no better than what lies out.
        gain = np.clip(gain, -40, 160) / 100
        gain = _weighted(gain, weight, sigma=1.5)
        y = centers[:, 1, None, None] + np.sin(directions())[:, None] * BODY_RADII
        gain -= BEHIND_WALL * np.clip(wall[:, None, None] - y, 0, None)
        radii = BODY_RADII[0] + RADIUS_MM * closed_outlines(gain, bend_cost=0.12)
        radii = _weighted(radii, weight, sigma=1.0)
        angles = directions()
        shift = np.stack(
            [(radii * np.cos(angles)).mean(axis=1), (radii * np.sin(angles)).mean(axis=1)], axis=1
        )
        moved = ndimage.gaussian_filter1d(centers + shift, 4.0, axis=0)
        last, centers = centers, moved
    x = np.arange(straight.shape[0]) * STRAIGHT_MM
    y = np.arange(straight.shape[1]) * STRAIGHT_MM
    return np.moveaxis(outline_depth(radii, last, x, y), 0, 2)


def _away_from_discs(n: int, discs: tuple[DiscPlane, ...]) -> NDArray[np.float64]:
    """How much the outline of each cut is believed: beside a disc there is little contrast."""
    away = np.min([np.abs(np.arange(n) - disc.along) for disc in discs], axis=0) * STRAIGHT_MM
    return np.asarray(0.05 + 0.95 / (1 + np.exp((5.0 - away) / 1.5)))


def _weighted(
    values: NDArray[np.floating], weight: NDArray[np.float64], *, sigma: float
) -> NDArray[np.float64]:
    """Values evened out along the first axis, the believed ones more."""
    wide = weight.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(
        ndimage.gaussian_filter1d(values * wide, sigma, axis=0)
        / ndimage.gaussian_filter1d(wide, sigma, axis=0)
    )


def _endplates(
    straight: NDArray[np.float32], discs: tuple[DiscPlane, ...]
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """Lower and upper surface of each disc, (to the right, in front), index along the spine."""
    smooth = ndimage.gaussian_filter(straight, (1.0, 1.0, 0.4))
    front = np.arange(straight.shape[1])
    middle = straight_index(np.array([sum(DISC_SPAN[1]) / 2]), FRONT_MM)[0]
    lower: list[NDArray[np.float64]] = []
    upper: list[NDArray[np.float64]] = []
    # Steps of a quarter sample from the middle of the disc to beyond the endplate.
    reach = np.arange(0.5, (ENDPLATE_MM[1] + 1) / STRAIGHT_MM, 0.25)
    for disc in discs:
        height = disc.along + (front - middle) * np.tan(np.deg2rad(disc.tilt_deg))
        for sign, found in ((-1, lower), (1, upper)):
            places = height[None, :, None] + sign * reach
            i, j, _ = np.meshgrid(
                np.arange(straight.shape[0]), front, reach, indexing="ij", sparse=True
            )
            values = ndimage.map_coordinates(
                smooth,
                np.broadcast_arrays(i, j, np.broadcast_to(places, (len(i), *places.shape[1:]))),
                order=1,
                mode="nearest",
            )
            rise = np.gradient(values, axis=2)
            at = _even(reach[rise.argmax(axis=2)])
            found.append(height[None] + sign * at)
    return lower, upper


def _even(surface: NDArray[np.float64]) -> NDArray[np.float64]:
    """A surface without single steps; only its part within bodies matters."""
    calm = ndimage.median_filter(surface, 7, mode="nearest")
    return np.asarray(ndimage.gaussian_filter(calm, 1.0, mode="nearest"))


def _canal(straight: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Depth inside the canal, and where its front wall is on each plane, mm from the first row."""
    planes = np.ascontiguousarray(np.moveaxis(straight, 2, 0))
    centers = np.tile([-RIGHT_MM[0], -FRONT_MM[0]], (len(planes), 1))
    rays = around(planes, centers, CANAL_RADII, STRAIGHT_MM)
    rise = np.clip(-drop_outwards(rays, 3, 3), -40, 200) / 100
    gain = ndimage.gaussian_filter1d(rise, 1.5, axis=0) - 0.04 * np.abs(CANAL_RADII - 9.0)
    radii = CANAL_RADII[0] + RADIUS_MM * closed_outlines(gain, bend_cost=0.15)
    x = np.arange(straight.shape[0]) * STRAIGHT_MM
    y = np.arange(straight.shape[1]) * STRAIGHT_MM
    ahead = np.abs(directions() - np.pi / 2) < np.pi / 5
    front = (radii[:, ahead] * np.sin(directions()[ahead])).mean(axis=1)
    wall = -FRONT_MM[0] + ndimage.gaussian_filter1d(ndimage.median_filter(front, 9), 2.0)
    return np.moveaxis(outline_depth(radii, centers, x, y), 0, 2), wall


def _limited(depth: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(np.clip(depth, -FAR_MM, FAR_MM), np.float32)
