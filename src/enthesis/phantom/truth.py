"""What is true of a body: counted on its shapes themselves, not on an image of it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.phantom.body import MUSCLES, LumbarBody
from enthesis.phantom.geometry import axial_plane
from enthesis.phantom.muscles import SIDES
from enthesis.phantom.scene import BONE_BOUNDS_MM, MUSCLE_BOUNDS_MM, NUMBERS, REGIONS, Scene
from enthesis.phantom.spine import SPINE_LEVELS, body_depth
from enthesis.phantom.tissues import fat_fraction
from enthesis.records import Measurement

PIXEL_MM = 0.5
"""Distance between counted points in a plane, mm: an area of 500 mm2 is right to about 0.2%."""

PLANES_PER_BODY = 16
"""Planes counted over a body's height, some 1.6 mm apart; muscles change slowly along it."""

BODY_CUT_MM = 0.25
"""Distance between the planes on which a body's own volume is counted, mm."""

BEND_MM = 30.0
"""Reach of the lordosis and of the slope of its lowest planes behind the middle of L3, mm."""

BODY_HEIGHT_SHARE = 0.5
"""A body's height is where a plane cuts at least this share of its largest cut.

Leaves out the lips of a tilted body, so that a few millimetres of its rim do not count as height.
"""

MID_BODY = "true, axial slice through mid-body"
BODY_HEIGHT = "true, mean of axial slices over the body's height"


def true_measurements(settled: Scene) -> tuple[Measurement, ...]:
    """Areas, fat, attenuation and volumes of the body from L1 to L5.

    Returns
    -------
    For each muscle, side and level that it reaches, at the plane through the middle of the
    vertebral body and as the mean over its height: ``area`` (mm2), ``fat_infiltration`` (% of the
    compartment), ``attenuation_mean`` (HU, fat included), ``fat_fraction`` (% of protons). For
    each body ``volume`` (mm3), ``trabecular_attenuation`` (HU) and its marrow's ``fat_fraction``.

    Notes
    -----
    The middle of a body is the centroid of its volume. The nearest slice of a scan lies up to half
    a slice away from it, and areas change with height: by 1 to 2.5% per millimetre, and by up to
    4.5% where a muscle begins or ends (psoas major at L1, quadratus lumborum at L4, erector spinae
    at L5).
    """
    found: list[Measurement] = []
    for level in LUMBAR_LEVELS:
        z, cut = _body_cuts(settled, level)
        middle = float(np.average(z, weights=cut))
        height = z[cut >= BODY_HEIGHT_SHARE * cut.max()]
        parts = (np.arange(PLANES_PER_BODY) + 0.5) / PLANES_PER_BODY
        over_height = height[0] - BODY_CUT_MM / 2 + parts * (np.ptp(height) + BODY_CUT_MM)
        found += _muscles(settled, np.array([middle]), level, MID_BODY)
        found += _muscles(settled, over_height, level, BODY_HEIGHT)
        found += [
            Measurement(
                quantity="volume",
                value=float(cut.sum()) * BODY_CUT_MM,
                region="vertebral_body",
                level=level,
                method="true",
            ),
            *_marrow(settled.body, level),
        ]
    return tuple(found)


def _marrow(body: LumbarBody, level: str) -> Iterator[Measurement]:
    i = LUMBAR_LEVELS.index(level)
    for name, value in (
        ("trabecular_attenuation", float(body.trabecular_hu[i])),
        ("fat_fraction", 100 * fat_fraction("marrow", body.marrow_fat_percent[i] / 100)),
    ):
        yield Measurement(
            quantity=name,
            value=value,
            region="vertebral_body",
            level=level,
            method="true, inside the shell",
        )


def _muscles(
    settled: Scene, heights: NDArray[np.float64], level: str, method: str
) -> Iterator[Measurement]:
    body = settled.body
    counted = [_count(settled, float(z)) for z in heights]
    points, fat = (np.sum(part, axis=0) for part in zip(*counted, strict=True))
    for muscle in MUSCLES:
        for side in SIDES:
            number = NUMBERS[f"{muscle}_{side}"]
            if points[number] == 0:
                continue
            share = float(fat[number] / points[number])
            for name, value in (
                ("area", float(points[number]) / heights.size * PIXEL_MM**2),
                ("fat_infiltration", 100 * share),
                ("attenuation_mean", body.lean_hu + share * (body.fat_hu - body.lean_hu)),
                ("fat_fraction", 100 * fat_fraction("muscle", share)),
            ):
                yield Measurement(
                    quantity=name, value=value, region=muscle, side=side, level=level, method=method
                )


def _count(settled: Scene, z: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Number of points of every region at height z, and the sum of their shares of fat."""
    (left, right), (back, front) = MUSCLE_BOUNDS_MM
    # Rows reach further back than the compartments do, because the spine is bent.
    x = np.arange(left, right, PIXEL_MM) + PIXEL_MM / 2
    y = np.arange(back - BEND_MM, front, PIXEL_MM) + PIXEL_MM / 2
    plane = axial_plane(settled.curve, x, y, z)
    owner = np.zeros((x.size, y.size), dtype=np.uint8)
    share = np.zeros(owner.shape, dtype=np.float32)
    for piece in settled.paraspinal(plane):
        inside = np.broadcast_to(piece.depth > 0, owner[piece.box].shape)
        owner[piece.box][inside] = NUMBERS[piece.region]
        if piece.fat is not None:
            share[piece.box][inside] = piece.fat[inside]
    n = len(REGIONS) + 1
    points = np.bincount(owner.ravel(), minlength=n).astype(np.float64)
    fat = np.bincount(owner.ravel(), weights=share.ravel(), minlength=n).astype(np.float64)
    return points, fat


def _body_cuts(settled: Scene, level: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Heights of planes through a body, mm, and the area of its cut on each, mm2."""
    low, high = settled.span(level)
    heights = np.arange(low, high, BODY_CUT_MM)
    (left, right), (back, front) = BONE_BOUNDS_MM
    x = np.arange(left, right, PIXEL_MM) + PIXEL_MM / 2
    y = np.arange(back, front, PIXEL_MM) + PIXEL_MM / 2
    i = SPINE_LEVELS.index(level)
    areas = np.array(
        [
            np.count_nonzero(
                body_depth(axial_plane(settled.curve, x, y, float(z)), settled.curve, i) > 0
            )
            for z in heights
        ]
    )
    return heights, areas * PIXEL_MM**2
