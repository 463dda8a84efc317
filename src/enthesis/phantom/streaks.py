"""Streaks that metal throws over a CT: dark between two implants, a star about each of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

METAL_SHARE = 0.25
"""Voxels with at least this share of metal belong to an implant."""

DARK_HU = 260.0
"""Depth of the band between two implants of 50 mm2 each, HU."""

STAR_HU = 150.0
"""Height of the star about an implant of 50 mm2 at its edge, HU."""

STAR_REACH_MM = 28.0
"""Distance over which a star fades, mm."""

USUAL_AREA_MM2 = 50.0

RAYS = (2, 5, 9, 14)
"""Rays of the star: its broad arms and the finer ones between them."""


def metal_streaks(
    metal: NDArray[np.float32], *, spacing: tuple[float, float], rng: np.random.Generator
) -> NDArray[np.float32]:
    """What the metal of one slice adds to the rest of it, (I, J) HU.

    Notes
    -----
    Beam hardening and missing photons are drawn, not computed from projections: dark bands along
    the lines that join implants, and rays whose place changes from slice to slice.
    """
    streaks = np.zeros(metal.shape, dtype=np.float32)
    parts, n = ndimage.label(metal > METAL_SHARE)
    if n == 0:
        return streaks
    numbers = np.arange(1, n + 1)
    pixel = spacing[0] * spacing[1]
    areas = np.bincount(parts.ravel())[1:] * pixel
    middles = np.array(ndimage.center_of_mass(metal, parts, numbers)) * spacing
    x = (np.arange(metal.shape[0]) * spacing[0])[:, None]
    y = (np.arange(metal.shape[1]) * spacing[1])[None]
    strength = np.sqrt(areas / USUAL_AREA_MM2)
    for middle, height in zip(middles, strength, strict=True):
        dx, dy = x - middle[0], y - middle[1]
        away, angle = np.hypot(dx, dy), np.arctan2(dy, dx)
        star = sum(np.cos(k * angle + rng.uniform(0, 2 * np.pi)) / np.sqrt(k) for k in RAYS)
        streaks += (STAR_HU * height * star * np.exp(-away / STAR_REACH_MM) / 2).astype(np.float32)
    for i in range(n):
        for j in range(i + 1, n):
            streaks -= _band(x, y, middles[i], middles[j]) * np.float32(
                DARK_HU * min(strength[i], strength[j])
            )
    # Metal itself stays as it is.
    return np.where(metal > METAL_SHARE, np.float32(0), streaks)


def _band(
    x: NDArray[np.floating],
    y: NDArray[np.floating],
    start: NDArray[np.float64],
    end: NDArray[np.float64],
) -> NDArray[np.float32]:
    """Share of the full depth on the line between two points, and a little beyond them."""
    along = end - start
    length = float(np.hypot(*along))
    unit = along / length
    t = (x - start[0]) * unit[0] + (y - start[1]) * unit[1]
    off = (x - start[0]) * unit[1] - (y - start[1]) * unit[0]
    beyond = np.maximum(np.maximum(-t, t - length), 0)
    return np.asarray(
        np.exp(-((off / 4.0) ** 2) - beyond / 15.0) * min(1.0, 40.0 / length), dtype=np.float32
    )
