"""A proximal femur of simple solids, projected as a densitometer does, with its truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image, Source

CORTICAL_G_CM3 = 1.05
"""Mineral in compact bone, g/cm3: fully mineralised, so that a pure tube's CSA is its own."""

TRABECULAR_G_CM3 = 0.15
"""Mineral in the marrow cavity's trabecular bone, g/cm3."""

DEPTH_STEP_MM = 0.5
"""Distance between the planes that are summed, mm."""

FLARE = (0.30, 10.0)
"""The shaft widens towards its top by this share, which falls by e over each so many mm; 45 mm
below the crossing of the axes it is a round tube to within half a percent."""

THIN_WALL_MM = 1.2
"""Cortex of head and trochanter, and of the shaft at its top; the shaft's grows to its own by 35 mm
below the crossing."""

MARGIN_MM = 12.0
"""Soft tissue around the bone, mm."""

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FemurPhantom:
    """A projected femur with its truth; points are (x, y), mm right and down from the first pixel.

    Parameters
    ----------
    image : `areal_bmd`, g/cm2, one slice
    neck_shaft_deg : between the axes
    neck_width_mm, shaft_width_mm : outer diameters where both are round tubes
    neck_axis_length_mm : from the lateral trochanter to the head's far edge along the neck's axis
    head, crossing : centre of the head, and where the axes cross
    wall_mm : thickness of the cortex of neck and shaft
    """

    image: Image
    neck_shaft_deg: float
    neck_width_mm: float
    shaft_width_mm: float
    neck_axis_length_mm: float
    head: Point
    crossing: Point
    wall_mm: tuple[float, float]


def projected_femur(
    *,
    neck_shaft_deg: float = 128.0,
    neck_mm: tuple[float, float] = (32.0, 1.6),
    shaft_mm: tuple[float, float] = (31.0, 5.0),
    head_mm: float = 46.0,
    neck_length_mm: float = 52.0,
    medial_is_left: bool = True,
    spacing_mm: float = 0.5,
    trabecular: float = TRABECULAR_G_CM3,
    blur_mm: float = 0.0,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> FemurPhantom:
    """A femur's areal density seen from the front, its axes in the plane of the picture.

    Parameters
    ----------
    neck_shaft_deg : between neck and shaft
    neck_mm, shaft_mm : outer diameter and thickness of the wall of the two tubes
    head_mm : diameter of the head
    neck_length_mm : from the crossing of the axes to the head's centre
    medial_is_left : whether the head lies to the left of the picture
    spacing_mm : of the pixels
    trabecular : mineral inside the walls, g/cm3
    blur_mm : SD of the densitometer's blur
    noise : SD of white noise, g/cm2; needs `rng`
    rng : of the noise

    Raises
    ------
    InputError : an angle outside 100 to 160 degrees, a wall thicker than its tube, or noise without
        `rng`.

    Notes
    -----
    Tube of the shaft, tube of the neck, a ball for the head and an ellipsoid for the greater
    trochanter, their inside shared; planes parallel to the picture are summed.
    """
    if not 100 <= neck_shaft_deg <= 160:
        raise InputError(f"neck_shaft_deg is 100 to 160 degrees, got {neck_shaft_deg:g}")
    for name, (width, wall) in (("neck_mm", neck_mm), ("shaft_mm", shaft_mm)):
        if not 0 < wall <= width / 2:
            raise InputError(
                f"{name} is (diameter, wall) in mm, the wall within it; got {(width, wall)}"
            )
    if noise and rng is None:
        raise InputError("noise needs rng, e.g. numpy.random.default_rng(1)")
    tilt = math.radians(180 - neck_shaft_deg)
    sign = -1.0 if medial_is_left else 1.0
    toward_head = np.array([sign * math.sin(tilt), -math.cos(tilt)])
    head = toward_head * neck_length_mm
    trochanter = np.array([-sign * 0.38 * shaft_mm[0], -10.0])
    half_width = np.array([0.42 * shaft_mm[0], 22.0, 0.42 * shaft_mm[0]])
    low = np.minimum.reduce(
        [head - head_mm / 2, trochanter - half_width[:2], [-shaft_mm[0] / 2, 0]]
    )
    high = np.maximum.reduce(
        [head + head_mm / 2, trochanter + half_width[:2], [shaft_mm[0] / 2, 105.0]]
    )
    origin = low - MARGIN_MM
    n = np.ceil((high - low + 2 * MARGIN_MM) / spacing_mm).astype(int)
    # The shaft leaves the picture below, as on a scan.
    n[1] -= round(MARGIN_MM / spacing_mm)
    x = origin[0] + np.arange(n[0]) * spacing_mm
    y = origin[1] + np.arange(n[1])[:, None] * spacing_mm
    along = toward_head[0] * x + toward_head[1] * y
    across = toward_head[0] * y - toward_head[1] * x
    reach = max(head_mm, neck_mm[0], shaft_mm[0]) / 2
    planes = np.arange(DEPTH_STEP_MM / 2, reach, DEPTH_STEP_MM)
    mass = np.zeros((n[1], n[0]))
    for z in planes:
        depth, shell = _depths(
            x, y, z, along, across, head, head_mm, neck_length_mm, neck_mm, shaft_mm,
            (trochanter, half_width),
        )  # fmt: skip
        covered = np.clip(depth / spacing_mm + 0.5, 0, 1)
        inner = np.clip((depth - shell) / spacing_mm + 0.5, 0, 1)
        mass += CORTICAL_G_CM3 * (covered - inner) + trabecular * inner
    # Both halves, front and back; mm to cm.
    areal = 2 * mass * DEPTH_STEP_MM / 10
    if blur_mm:
        areal = ndimage.gaussian_filter(areal, blur_mm / spacing_mm)
    if noise and rng is not None:
        areal = areal + rng.normal(0, noise, areal.shape)
    lateral = _lateral(trochanter, half_width, shaft_mm[0], toward_head)
    return FemurPhantom(
        image=Image(
            array=np.asfortranarray(areal[::-1, ::-1].T[:, :, None]),
            affine=np.diag([spacing_mm, spacing_mm, 1.0, 1.0]),
            quantity="areal_bmd",
            source=Source(modality="BMD", facts={"simulated": True, "slice_thickness_mm": None}),
        ),
        neck_shaft_deg=neck_shaft_deg,
        neck_width_mm=neck_mm[0],
        shaft_width_mm=shaft_mm[0],
        neck_axis_length_mm=neck_length_mm + head_mm / 2 + lateral,
        head=_point(head - origin),
        crossing=_point(-origin),
        wall_mm=(neck_mm[1], shaft_mm[1]),
    )


def _depths(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    z: float,
    along: NDArray[np.float64],
    across: NDArray[np.float64],
    head: NDArray[np.float64],
    head_mm: float,
    neck_length: float,
    neck_mm: tuple[float, float],
    shaft_mm: tuple[float, float],
    trochanter: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Depth below the nearest surface of the union, and the wall's thickness there, mm."""
    middle, half = trochanter
    ball = head_mm / 2 - np.sqrt((x - head[0]) ** 2 + (y - head[1]) ** 2 + z**2)
    neck = neck_mm[0] / 2 - np.hypot(across, z)
    neck = np.minimum(neck, np.minimum(along + 1.0, neck_length - along))
    flare = shaft_mm[0] / 2 * (1 + FLARE[0] * np.exp(-np.clip(y, 0, None) / FLARE[1]))
    # A round top, for a flat one would lie as a sheet of cortex in the picture's plane.
    shaft = flare - np.sqrt(x**2 + z**2 + np.clip(-y, 0, None) ** 2)
    scaled = np.sqrt(
        ((x - middle[0]) / half[0]) ** 2 + ((y - middle[1]) / half[1]) ** 2 + (z / half[2]) ** 2
    )
    lump = (1 - scaled) * half[0]
    depth = np.maximum.reduce([ball, neck, shaft, lump])
    grown = np.interp(y, [0.0, 35.0], [THIN_WALL_MM, shaft_mm[1]]) + np.zeros_like(depth)
    wall = np.where(depth == shaft, grown, np.where(depth == neck, neck_mm[1], THIN_WALL_MM))
    return depth, wall


def _lateral(
    middle: NDArray[np.float64],
    half: NDArray[np.float64],
    shaft: float,
    toward_head: NDArray[np.float64],
) -> float:
    """From the crossing of the axes outwards along the neck's axis to the bone's edge, mm."""
    t = np.arange(0, 80, 0.01)[:, None]
    points = -t * toward_head
    below = np.clip(points[:, 1], 0, None)
    radius = shaft / 2 * (1 + FLARE[0] * np.exp(-below / FLARE[1]))
    in_shaft = np.hypot(points[:, 0], np.clip(-points[:, 1], 0, None)) <= radius
    in_lump = (((points - middle) / half[:2]) ** 2).sum(axis=1) <= 1
    return float(t[in_shaft | in_lump].max())


def _point(point: NDArray[np.float64]) -> Point:
    return float(point[0]), float(point[1])
