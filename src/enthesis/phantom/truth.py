"""What is true of a body: counted on its shapes themselves, not on an image of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from enthesis.phantom.beam import USUAL_KVP, bone_gain, fat_gain, hu_per_density
from enthesis.phantom.body import MUSCLES, SIDES, LumbarBody
from enthesis.phantom.geometry import axial_plane
from enthesis.phantom.scene import MUSCLE_BOUNDS_MM, NUMBERS, REGIONS, Scene
from enthesis.phantom.spine import body_depth, body_heights
from enthesis.phantom.tissues import fat_fraction
from enthesis.records import Measurement

Counts = dict[tuple[str, str], tuple[float, float]]
"""Area, mm2, and share of fat of each (muscle, side)."""

PIXEL_MM = 0.5
"""Distance between counted points in a plane, mm: an area of 500 mm2 is right to about 0.2%."""

COARSE_MM = 1.25
"""The same where several planes are averaged."""

PLANES_PER_BODY = 9
"""Planes counted over a body's height, some 3 mm apart; muscles change slowly along it."""

BODY_PIXEL_MM = 0.75
BODY_CUT_MM = 0.5
"""Distance between the points and the planes on which a body's own volume is counted, mm."""

BEND_MM = 30.0
"""Reach of the lordosis and of the slope of its lowest planes behind the middle of L3, mm."""

TURN_MM = 25.0
"""Reach of a turned compartment past its bounds to the side, mm."""

BODY_HEIGHT_SHARE = 0.5
"""A body's height is where a plane cuts at least this share of its largest cut.

Leaves out the lips of a tilted body, so that a few millimetres of its rim do not count as height.
"""

MID_BODY = "true, axial slice through mid-body"
BODY_HEIGHT = "true, mean of axial slices over the body's height"
IN_BODY_HEIGHT = "true, within the body's height"


def true_measurements(settled: Scene, *, kvp: float = USUAL_KVP) -> tuple[Measurement, ...]:
    """Areas, volumes, fat, attenuation, density and heights of the body from L1 downwards.

    Parameters
    ----------
    settled : the body
    kvp : tube voltage at which attenuation is told, kV

    Returns
    -------
    For each muscle, side and level that it reaches, at the plane through the middle of the
    vertebral body and as the mean over its height: ``area`` (mm2), ``fat_infiltration`` (% of the
    compartment), ``attenuation_mean`` (HU, fat included), ``fat_fraction`` (% of protons); and the
    ``volume`` (mm3) within the body's height. For each body ``volume`` (mm3),
    ``trabecular_attenuation`` (HU), ``trabecular_bmd`` (mg/cm3 of CaHA, or of the rods' salt, that
    attenuates alike), its marrow's ``fat_fraction``, and in its midline ``height_anterior``,
    ``height_middle`` and ``height_posterior`` (mm).

    Notes
    -----
    The middle of a body is the centroid of its volume. The nearest slice of a scan lies up to half
    a slice away from it, and areas change with height: by 1 to 2.5% per millimetre, and by up to
    4.5% where a muscle begins or ends (psoas major at L1, quadratus lumborum at L4, erector spinae
    at L5). Implants are left out: what they replace counts as it was.
    """
    found: list[Measurement] = []
    for level in settled.body.lumbar_levels:
        z, cut = _body_cuts(settled, level)
        middle = float(np.average(z, weights=cut))
        height = z[cut >= BODY_HEIGHT_SHARE * cut.max()]
        tall = float(np.ptp(height) + BODY_CUT_MM)
        parts = (np.arange(PLANES_PER_BODY) + 0.5) / PLANES_PER_BODY
        over_height = height[0] - BODY_CUT_MM / 2 + parts * tall
        at_middle = _counts(settled, np.array([middle]), PIXEL_MM)
        over = _counts(settled, over_height, COARSE_MM)
        found += _muscles(settled.body, at_middle, level, MID_BODY, kvp)
        found += _muscles(settled.body, over, level, BODY_HEIGHT, kvp)
        found += [
            Measurement(
                quantity="volume",
                value=area * tall,
                region=muscle,
                side=side,
                level=level,
                method=IN_BODY_HEIGHT,
            )
            for (muscle, side), (area, _) in over.items()
        ]
        found += _vertebra(settled, level, float(cut.sum()) * BODY_CUT_MM, kvp)
    return tuple(found)


def _vertebra(settled: Scene, level: str, volume: float, kvp: float) -> Iterator[Measurement]:
    body = settled.body
    i = body.lumbar_levels.index(level)
    salt = body.rods or "CaHA"
    hounsfield = body.at_levels(body.trabecular_hu)[i]
    hounsfield *= bone_gain(kvp) if hounsfield > 0 else 1
    fat = body.at_levels(body.marrow_fat_percent)[i] / 100
    inside = "true, inside the shell"
    heights = body_heights(settled.curve, i + 1, body)
    for name, value, method in (
        ("volume", volume, "true"),
        ("trabecular_attenuation", hounsfield, inside),
        ("trabecular_bmd", hounsfield / hu_per_density(salt, kvp), f"{inside}, {salt} equivalent"),
        ("fat_fraction", 100 * fat_fraction("marrow", fat), inside),
        *((f"height_{place}", mm, "true, in the midline") for place, mm in heights.items()),
    ):
        yield Measurement(
            quantity=name,
            value=float(value),
            region="vertebral_body",
            level=level,
            method=method,
        )


def _muscles(
    body: LumbarBody, counts: Counts, level: str, method: str, kvp: float
) -> Iterator[Measurement]:
    fat_hu = body.fat_hu * fat_gain(kvp)
    for (muscle, side), (area, share) in counts.items():
        for name, value in (
            ("area", area),
            ("fat_infiltration", 100 * share),
            # Fat of the scanner's energy takes the place of lean muscle's.
            ("attenuation_mean", body.lean_hu + share * (fat_hu - body.lean_hu)),
            ("fat_fraction", 100 * fat_fraction("muscle", share)),
        ):
            yield Measurement(
                quantity=name, value=value, region=muscle, side=side, level=level, method=method
            )


def _counts(settled: Scene, heights: NDArray[np.float64], pixel: float) -> Counts:
    """Mean area, mm2, and share of fat of the compartments that these planes cut."""
    counted = [_count(settled, float(z), pixel) for z in heights]
    points, fat = (np.sum(part, axis=0) for part in zip(*counted, strict=True))
    found = {}
    for muscle in MUSCLES:
        for side in SIDES:
            number = NUMBERS[f"{muscle}_{side}"]
            if points[number]:
                area = float(points[number]) / heights.size * pixel**2
                found[muscle, side] = area, float(fat[number] / points[number])
    return found


def _count(
    settled: Scene, z: float, pixel: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of points of every region at height z, and the sum of their shares of fat."""
    size = settled.curve.size
    (left, right), (back, front) = ((low * size, high * size) for low, high in MUSCLE_BOUNDS_MM)
    if settled.curve.sideways:
        aside = float(np.abs(settled.curve.lateral).max()) + TURN_MM
        left, right, front = left - aside, right + aside, front + TURN_MM
    # Rows reach further back than the compartments do, because the spine is bent.
    x = np.arange(left, right, pixel) + pixel / 2
    y = np.arange(back - BEND_MM, front, pixel) + pixel / 2
    plane = axial_plane(settled.curve, x, y, z)
    owner = np.zeros((x.size, y.size), dtype=np.uint8)
    share = np.zeros(owner.shape, dtype=np.float32)
    for piece in settled.paraspinal(plane):
        if piece.region is None:
            continue
        inside = np.broadcast_to(piece.depth > 0, owner[piece.box].shape)
        owner[piece.box][inside] = NUMBERS[piece.region]
        if piece.fat is not None:
            share[piece.box][inside] = np.broadcast_to(piece.fat, inside.shape)[inside]
    n = len(REGIONS) + 1
    points = np.bincount(owner.ravel(), minlength=n).astype(np.float64)
    fat = np.bincount(owner.ravel(), weights=share.ravel(), minlength=n).astype(np.float64)
    return points, fat


def _body_cuts(settled: Scene, level: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights of planes through a body, mm, and the area of its cut on each, mm2."""
    curve = settled.curve
    i = settled.body.levels.index(level)
    half = float(curve.heights[i]) / 2
    corners = np.array(list(itertools.product((-34.0, 34.0), (-18.0, 26.0), (-half, half))))
    x, y, z = (
        np.arange(row.min() - step, row.max() + 2 * step, step)
        for row, step in zip(
            curve.place(corners[:, 0], corners[:, 1], curve.middles[i] + corners[:, 2]),
            (BODY_PIXEL_MM, BODY_PIXEL_MM, BODY_CUT_MM),
            strict=True,
        )
    )
    areas = []
    for height in z:
        plane = axial_plane(curve, x, y, float(height))
        depth = body_depth(plane, curve, i, settled.body, settled.rough(plane))
        areas.append(np.count_nonzero(depth > 0) * BODY_PIXEL_MM**2)
    return z, np.array(areas)
