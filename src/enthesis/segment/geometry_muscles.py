"""Posterior compartment and psoas of a CT: outlines of muscle around a point on each slice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.segment.distances import FAR_MM
from enthesis.segment.geometry_canal import soft_bone
from enthesis.segment.geometry_star import (
    RADIUS_MM,
    around,
    closed_outlines,
    directions,
    drop_outwards,
    outline_depth,
)
from enthesis.segment.geometry_turned import FRONT_MM, PIXEL_MM, RIGHT_MM, TurnedSlices, axes_mm

SIDES = {"left": -1, "right": 1}

FAT_RANGE_HU = (-160.0, -60.0)
LEAN_RANGE_HU = (0.0, 110.0)
"""Attenuation among which fat's and lean muscle's most frequent value is looked for, HU."""

LEAN_SHARE = 0.56
"""Where the border lies between fat (0) and lean muscle (1)."""

WIDTH_HU = 14.0
"""Half width of the passage from fat to muscle around their midpoint, HU."""

AIR_HU = -400.0

STREAK_MM = 7.0
"""Streaks of fat up to this wide lie within the posterior compartment, mm."""

POSTERIOR_RADII = np.arange(4.0, 60.0, RADIUS_MM)
PSOAS_RADII = np.arange(3.0, 32.0, RADIUS_MM)

BESIDE_MM = 30.0
"""Where the posterior compartment's middle lies to the side of the canal, mm."""

POSTERIOR_AXES_MM = {
    -0.5: (20.0, 19.0),
    0.5: (25.0, 21.0),
    1.0: (31.0, 23.0),
    2.0: (37.0, 26.0),
    3.0: (40.0, 25.0),
    4.0: (52.0, 22.0),
    5.0: (56.0, 19.0),
}
"""Discs above the lumbosacral one → half width and half depth, mm, of the ellipse that the
posterior compartment is drawn towards."""

SKIN_MM = 5.0
"""Thickness of what lies under the surface of the body and is no muscle, mm."""

NO_STREAK_MM = 16.0
"""Fat this near to the surface of the body lies under the skin and is no streak, mm."""

BONE_PRICE = 0.8
"""A mm of bone within a compartment counts so much worse than one of fat."""

PROCESS_BAND = ((22.0, 42.0), (-16.0, 18.0))
"""To the side and in front of the canal, mm: where transverse processes are looked for."""

SHEET_BEND = (0.10, 0.006)
"""How the sheet through the transverse processes falls backwards to the side: per mm, per mm2."""

SHEET_START_MM = 12.0

OVER_SHEET_MM = 4.0
"""The psoas ends this far before the sheet through the middle of the transverse processes, mm."""

BEHIND_SHEET_MM = {0.0: 8.0, 0.7: 6.0, 1.2: 2.0}
"""Discs above the lumbosacral one → how far behind that sheet the posterior compartment ends, mm:
over the sacrum and L5 it lies on the facets."""

FILLED_GAIN, EDGE_GAIN, SHEET_PRICE, MIDLINE_PRICE = 0.10, 1.0, 0.25, 0.25
"""Per mm: muscle within an outline; per unit: its edge; per mm over the sheet or the midline."""

SHAPE_PRICE = 0.004
"""Per mm squared away from the ellipse."""

PSOAS_PLACES = {
    -0.5: (50.0, 36.0),
    0.0: (43.0, 32.0),
    1.0: (38.0, 25.0),
    2.0: (34.0, 19.0),
    3.0: (32.0, 19.0),
    4.0: (28.0, 16.0),
    5.0: (24.0, 9.0),
}
"""Discs above the lumbosacral one → usual middle of the psoas to the side and in front, mm."""

POSTERIOR_SPAN, PSOAS_SPAN = (-0.8, np.inf), (-0.9, 4.6)
"""Discs above the lumbosacral one between which each muscle is drawn."""

PSOAS_REACH_MM = 14.0
"""Farthest from its usual place that the psoas is looked for, mm."""

PSOAS_RADIUS_MM = {-0.5: 20.0, 0.0: 19.0, 1.0: 18.0, 2.0: 15.0, 3.0: 11.0, 4.0: 8.0, 5.0: 6.0}
"""Discs above the lumbosacral one → usual radius of the psoas, mm."""


def posterior_compartments(
    slices: TurnedSlices, midpoint: float, *, discs_above: NDArray[np.float64]
) -> dict[str, NDArray[np.float32]]:
    """Depth inside the erector spinae and multifidus together, of each side, on turned slices.

    Parameters
    ----------
    slices : of the scan
    midpoint : between fat and muscle, HU
    discs_above : (n,) how many discs each slice is above the lumbosacral one, as far as is known
    """
    bone = _filled_bone(slices.hu)
    muscle = muscle_share(slices.hu, midpoint)
    size = round(STREAK_MM / PIXEL_MM) // 2 * 2 + 1
    closed = ndimage.grey_closing(muscle, size=(1, size, size))
    deep = _depth_under_skin(slices.hu)
    closed = np.where(deep > NO_STREAK_MM, closed, muscle * (deep > SKIN_MM))
    closed = closed * (1 - bone) - BONE_PRICE * bone
    sheet = _process_sheet(slices.hu)
    sheet -= np.interp(discs_above, [*BEHIND_SHEET_MM], [*BEHIND_SHEET_MM.values()])
    known = np.array(sorted(POSTERIOR_AXES_MM))
    axes = np.array([POSTERIOR_AXES_MM[at] for at in known])
    wide, deep_axis = (np.interp(discs_above, known, column)[:, None, None] for column in axes.T)
    found = {}
    for side, sign in SIDES.items():
        centers = _posterior_centers(muscle, sheet, sign)
        rays = around(closed, centers - [RIGHT_MM[0], FRONT_MM[0]], POSTERIOR_RADII, PIXEL_MM)
        gain = _muscle_gain(rays)
        angles = directions()[None, :, None]
        right = centers[:, :1, None] + POSTERIOR_RADII * np.cos(angles)
        front = centers[:, 1:, None] + POSTERIOR_RADII * np.sin(angles)
        gain -= MIDLINE_PRICE * np.clip(2.0 - sign * right, 0, None)
        over = front - _sheet_at(sheet[:, None, None], np.abs(right))
        gain -= SHEET_PRICE * np.clip(over, 0, None)
        usual = 1 / np.hypot(np.cos(angles) / wide, np.sin(angles) / deep_axis)
        gain -= SHAPE_PRICE * (POSTERIOR_RADII - usual) ** 2 / 4
        found[side] = _drawn(gain, centers, POSTERIOR_RADII, _within(discs_above, POSTERIOR_SPAN))
    return found


def psoas(
    slices: TurnedSlices,
    midpoint: float,
    *,
    column: NDArray[np.float32],
    discs_above: NDArray[np.float64],
) -> dict[str, NDArray[np.float32]]:
    """Depth inside the psoas of each side, on turned slices.

    Parameters
    ----------
    slices : of the scan
    midpoint : between fat and muscle, HU
    column : depth inside bodies and discs, on the turned slices
    discs_above : (n,) how many discs each slice is above the lumbosacral one, as far as is known
    """
    wall = np.maximum(_filled_bone(slices.hu), 1 / (1 + np.exp(-(column + 0.5) / 0.7)))
    muscle = muscle_share(slices.hu, midpoint)
    lean = muscle * (1 - wall)
    sheet = _process_sheet(slices.hu)
    known = np.array(sorted(PSOAS_PLACES))
    usual = np.array([PSOAS_PLACES[at] for at in known])
    size = np.interp(discs_above, known, [PSOAS_RADIUS_MM[at] for at in known])
    # The lower psoas, round and free on all sides, needs less guidance than the flat upper one.
    price = SHAPE_PRICE * np.interp(discs_above, [0.5, 1.5], [1 / 3, 1.0])[:, None, None]
    found = {}
    for side, sign in SIDES.items():
        expected = np.stack(
            [
                sign * np.interp(discs_above, known, usual[:, 0]),
                np.interp(discs_above, known, usual[:, 1]),
            ],
            axis=1,
        )
        centers = _tracked(lean, expected, size)
        rays = around(lean, centers - [RIGHT_MM[0], FRONT_MM[0]], PSOAS_RADII, PIXEL_MM)
        gain = _muscle_gain(rays)
        angles = directions()[None, :, None]
        right = centers[:, :1, None] + PSOAS_RADII * np.cos(angles)
        front = centers[:, 1:, None] + PSOAS_RADII * np.sin(angles)
        behind = _sheet_at(sheet[:, None, None], np.abs(right)) + OVER_SHEET_MM - front
        gain -= SHEET_PRICE * np.clip(behind, 0, None)
        gain -= price * (PSOAS_RADII - size[:, None, None]) ** 2
        found[side] = _drawn(gain, centers, PSOAS_RADII, _within(discs_above, PSOAS_SPAN))
    return found


def muscle_share(hu: NDArray[np.float32], midpoint: float) -> NDArray[np.float32]:
    """How much of each pixel is muscle or denser, 0 to 1."""
    return np.asarray(1 / (1 + np.exp((midpoint - hu) / WIDTH_HU)), np.float32)


def slice_midpoint(hu: NDArray[np.float32]) -> float:
    """The border between the most frequent attenuations of fat and of muscle beside the spine, HU.

    Fat that is spread through a muscle drags its partial volumes down; the most frequent value
    of lean tissue stays.
    """
    right, front = axes_mm()
    beside = (np.abs(right)[:, None] < 75) & (front[None] < 30) & (front[None] > -80)
    values = hu[:, beside]
    fat = _most_frequent(values, FAT_RANGE_HU, -105.0)
    lean = _most_frequent(values, LEAN_RANGE_HU, 55.0)
    return fat + LEAN_SHARE * (lean - fat)


def _most_frequent(values: NDArray[np.float32], span: tuple[float, float], usual: float) -> float:
    counts, edges = np.histogram(values, bins=np.arange(span[0], span[1] + 1, 4.0))
    if counts.sum() < 500:
        return usual
    calm = ndimage.gaussian_filter1d(counts.astype(float), 2.0)
    at = int(calm.argmax())
    # A maximum at the end of the range is the flank of something else.
    return usual if at in (0, calm.size - 1) else float(edges[at] + 2)


def _filled_bone(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Bone with its marrow, which is as dark as muscle."""
    return np.asarray(ndimage.grey_closing(soft_bone(hu - 20), size=(1, 5, 5)))


def _depth_under_skin(hu: NDArray[np.float32]) -> NDArray[np.float32]:
    """Distance from the air behind and beside the body, mm."""
    air = ndimage.binary_opening(hu < AIR_HU, np.ones((1, 3, 3), bool))
    deep = [ndimage.distance_transform_edt(~sheet) for sheet in air]
    return np.asarray(np.stack(deep) * PIXEL_MM, np.float32)


def _muscle_gain(rays: NDArray[np.float32]) -> NDArray[np.float64]:
    """What each radius is worth: the muscle within it, and the edge at it."""
    filled = FILLED_GAIN * (rays - 0.55).cumsum(axis=2)
    gain = filled + EDGE_GAIN * drop_outwards(rays, 3, 3)
    return np.asarray(ndimage.gaussian_filter1d(gain, 1.0, axis=0))


def _within(discs_above: NDArray[np.float64], span: tuple[float, float]) -> NDArray[np.bool_]:
    return np.asarray((discs_above >= span[0]) & (discs_above <= span[1]))


def _drawn(
    gain: NDArray[np.float64],
    centers: NDArray[np.float64],
    radii: NDArray[np.float64],
    drawn: NDArray[np.bool_],
) -> NDArray[np.float32]:
    """Depth inside the best outlines; outside everywhere on slices that are not to be drawn."""
    outlines = radii[0] + RADIUS_MM * closed_outlines(gain, bend_cost=0.06)
    outlines = ndimage.median_filter(outlines, size=(3, 1), mode="nearest")
    depth = outline_depth(outlines, centers, *axes_mm())
    depth[~drawn] = -FAR_MM
    return np.asarray(np.clip(depth, -FAR_MM, FAR_MM), np.float32)


def _process_sheet(hu: NDArray[np.float32]) -> NDArray[np.float64]:
    """How far in front of the canal the transverse processes lie on each slice, mm, (n,)."""
    right, front = axes_mm()
    (low, high), (back, ahead) = PROCESS_BAND
    beside = (np.abs(right) > low) & (np.abs(right) < high)
    rows = (front > back) & (front < ahead)
    bone = soft_bone(hu[:, beside][:, :, rows] - 30).sum(axis=1)
    # Each process stands for the slices between it and the next one.
    mass = ndimage.gaussian_filter1d(bone, 12.0 / PIXEL_MM, axis=0) + 1e-3
    place = (mass * front[rows]).sum(axis=1) / mass.sum(axis=1)
    return np.asarray(ndimage.gaussian_filter1d(np.clip(place, -8, 6), 8.0 / PIXEL_MM))


def _sheet_at(sheet: NDArray[np.float64], beside: NDArray[np.float64]) -> NDArray[np.float64]:
    """The front limit of the posterior compartment at a distance from the midline, mm."""
    away = np.clip(beside - SHEET_START_MM, 0, None)
    return np.asarray(sheet - SHEET_BEND[0] * away - SHEET_BEND[1] * away**2)


def _posterior_centers(
    muscle: NDArray[np.float32], sheet: NDArray[np.float64], sign: int
) -> NDArray[np.float64]:
    """The middle of the compartment on each slice, half way from the sheet to the fat behind."""
    right, front = axes_mm()
    band = np.abs(right - sign * BESIDE_MM) < 6
    column = muscle[:, band].mean(axis=1)
    start = np.searchsorted(front, -18)
    # The first fat behind the muscle that is no streak.
    calm = ndimage.uniform_filter1d(column, 3, axis=1)
    behind = calm[:, :start][:, ::-1] < 0.4
    depth = np.where(behind.any(axis=1), behind.argmax(axis=1), 20) * PIXEL_MM
    back = ndimage.gaussian_filter1d(ndimage.median_filter(-18.0 - depth, 9), 3.0)
    ahead = _sheet_at(sheet, np.full(len(sheet), BESIDE_MM))
    centers = np.stack([np.full(len(sheet), sign * BESIDE_MM), (back + ahead) / 2], axis=1)
    return np.asarray(centers)


def _tracked(
    lean: NDArray[np.float32], expected: NDArray[np.float64], size: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The middle of a blob of muscle near its usual place, from slice to slice, (n, 2) mm."""
    offsets = np.arange(-PSOAS_REACH_MM, PSOAS_REACH_MM + 1, PIXEL_MM)
    grid = np.stack(np.meshgrid(offsets, offsets, indexing="ij"), axis=-1)
    scores = []
    for sheet, place, radius in zip(lean, expected, size, strict=True):
        calm = ndimage.gaussian_filter(sheet, 0.6 * radius / PIXEL_MM)
        points = (grid + place - [RIGHT_MM[0], FRONT_MM[0]]) / PIXEL_MM
        scores.append(ndimage.map_coordinates(calm, np.moveaxis(points, -1, 0), order=1))
    away = (grid**2).sum(axis=-1) / PSOAS_REACH_MM**2
    cost = ndimage.gaussian_filter1d(-np.array(scores), 2.0, axis=0) + 0.12 * away
    best = cost.reshape(len(cost), -1).argmin(axis=1)
    moved = grid.reshape(-1, 2)[best]
    calm = ndimage.gaussian_filter1d(ndimage.median_filter(moved, (7, 1)), 3.0, axis=0)
    return np.asarray(expected + calm)
