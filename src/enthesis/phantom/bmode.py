"""An ultrasound picture of a pennate muscle whose architecture is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image, Source

PULSE_MM = (0.12, 0.30)
"""SD of the pulse down and across, mm: about a 10 MHz linear probe's at its focus."""

DYNAMIC_RANGE_DB = 60.0
"""Range of echoes shown from black to white."""

LOSS_DB_PER_MM = 0.25
"""Echo lost with depth after the machine's own correction, dB per mm."""

FASCICLE_GAP_MM = 2.2
"""Mean distance of neighbouring fascicle borders, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BModePhantom:
    """A simulated picture with its truth.

    Parameters
    ----------
    image : `echo_intensity`, one slice without thickness
    superficial, deep : (2, 2) ends of the aponeuroses' middle lines, (x, depth) mm
    thickness_mm : across the muscle at the middle of the picture, midway between both directions
    pennation_deg : of the fascicles to the deep aponeurosis
    fascicle_angle_deg : to the picture's upper edge, positive where it runs deeper to the right
    fascicle_length_mm : of the straight fascicle through the middle of the muscle
    """

    image: Image
    superficial: NDArray[np.float64]
    deep: NDArray[np.float64]
    thickness_mm: float
    pennation_deg: float
    fascicle_angle_deg: float
    fascicle_length_mm: float


def muscle_bmode(
    *,
    thickness_mm: float = 20.0,
    pennation_deg: float = 18.0,
    superficial_deg: float = 2.0,
    deep_deg: float = -3.0,
    covering_mm: float = 6.0,
    size_mm: tuple[float, float] = (45.0, 40.0),
    spacing_mm: float = 0.1,
    rng: np.random.Generator,
) -> BModePhantom:
    """A picture of a pennate muscle between two straight aponeuroses.

    Parameters
    ----------
    thickness_mm : between the aponeuroses, straight down at the middle of the picture
    pennation_deg : between fascicles and deep aponeurosis; fascicles rise to the right
    superficial_deg, deep_deg : aponeuroses, positive where they run deeper to the right
    covering_mm : depth of the superficial aponeurosis at the middle
    size_mm : width and depth of the picture
    spacing_mm : of its pixels
    rng : of the speckle and of where fascicles lie and break off

    Raises
    ------
    InputError : the muscle does not fit into the picture.

    Notes
    -----
    Random scatterers under a Gaussian pulse (fully developed speckle), brighter along fascicle
    borders and aponeuroses, with log compression. Below the muscle lies another one whose
    fascicles run the other way.
    """
    width, height = size_mm
    if not 0 < covering_mm < covering_mm + thickness_mm < height - 2:
        raise InputError(
            f"a muscle of {thickness_mm:g} mm below {covering_mm:g} mm does not fit into "
            f"{height:g} mm of depth"
        )
    x = np.arange(round(width / spacing_mm)) * spacing_mm
    depth = np.arange(round(height / spacing_mm))[:, None] * spacing_mm
    middle = float(x[-1]) / 2
    upper = covering_mm + math.tan(math.radians(superficial_deg)) * (x - middle)
    lower = covering_mm + thickness_mm + math.tan(math.radians(deep_deg)) * (x - middle)
    angle = deep_deg - pennation_deg
    echo = _tissue(x, depth, upper, lower, (angle, deep_deg + pennation_deg), rng)
    picture = _speckled(echo, depth, spacing_mm, rng)
    ends = [0, -1]
    length = _crossing(middle, covering_mm + thickness_mm / 2, angle, (upper, lower), x)
    return BModePhantom(
        image=Image(
            array=np.asfortranarray(picture[::-1, ::-1].T[:, :, None]),
            affine=np.diag([spacing_mm, spacing_mm, 1.0, 1.0]),
            quantity="echo_intensity",
            source=Source(modality="US", facts={"simulated": True, "slice_thickness_mm": None}),
        ),
        superficial=np.column_stack([x[ends], upper[ends]]),
        deep=np.column_stack([x[ends], lower[ends]]),
        thickness_mm=_thickness(thickness_mm, superficial_deg, deep_deg),
        pennation_deg=pennation_deg,
        fascicle_angle_deg=angle,
        fascicle_length_mm=length,
    )


def _tissue(
    x: NDArray[Any],
    depth: NDArray[Any],
    upper: NDArray[Any],
    lower: NDArray[Any],
    angles: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Amplitude of the echoes by place."""
    covering = 0.25 + _lines(x, depth, 1.5, rng, bright=1.0)
    muscle = 0.10 + _lines(x, depth, angles[0], rng, bright=0.9)
    below = 0.10 + _lines(x, depth, angles[1], rng, bright=0.5)
    echo = np.where(depth < upper, covering, np.where(depth < lower, muscle, below))
    for line, thick in ((upper, 0.35), (lower, 0.45)):
        echo = echo + 4.0 * np.exp(-(((depth - line) / thick) ** 2) / 2)
    return np.asarray(echo)


def _lines(
    x: NDArray[Any], depth: NDArray[Any], angle: float, rng: np.random.Generator, *, bright: float
) -> NDArray[np.float64]:
    """Broken bright lines in one direction."""
    c, s = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    along, across = c * x + s * depth, -s * x + c * depth
    low, high = float(across.min()), float(across.max())
    places = np.cumsum(rng.uniform(0.5, 1.5, size=int((high - low) / FASCICLE_GAP_MM * 1.5) + 4))
    places = low + (places - 1) * FASCICLE_GAP_MM
    nearest = np.clip(np.searchsorted((places[1:] + places[:-1]) / 2, across), 0, places.size - 1)
    line = np.exp(-(((across - places[nearest]) / 0.22) ** 2) / 2)
    # Each line is seen only here and there, as fascicle borders leave the plane of the picture.
    steps = ndimage.gaussian_filter1d(rng.standard_normal((places.size, 400)), 9, axis=1)
    at = np.clip(((along - along.min()) / (np.ptp(along) + 1e-9) * 399), 0, 399).astype(int)
    seen = steps[nearest, at] / steps.std()
    return np.asarray(bright * line * np.clip(seen + 0.3, 0, 1.5))


def _speckled(
    echo: NDArray[np.float64], depth: NDArray[Any], spacing: float, rng: np.random.Generator
) -> NDArray[np.uint8]:
    noise = rng.standard_normal((2, *echo.shape)) * echo
    sd = [length / spacing for length in PULSE_MM]
    real, imaginary = (ndimage.gaussian_filter(part, sd) for part in noise)
    envelope = np.hypot(real, imaginary)
    decibels = 20 * np.log10(envelope / envelope.max() + 1e-9) - LOSS_DB_PER_MM * depth
    return np.asarray(np.clip(255 * (1 + decibels / DYNAMIC_RANGE_DB), 0, 255).astype(np.uint8))


def _thickness(straight_down: float, superficial: float, deep: float) -> float:
    """Along the normal of the midway direction, by the law of sines on either side."""
    midway = math.radians((superficial + deep) / 2)
    half = straight_down / 2
    return sum(
        half * math.cos(math.radians(one)) / math.cos(math.radians(one) - midway)
        for one in (superficial, deep)
    )


def _crossing(
    x0: float,
    depth0: float,
    angle: float,
    edges: tuple[NDArray[Any], NDArray[Any]],
    x: NDArray[Any],
) -> float:
    """Length between the two edges of the straight line through (x0, depth0)."""
    slope = math.tan(math.radians(angle))
    found = []
    for edge in edges:
        steep = float((edge[-1] - edge[0]) / (x[-1] - x[0]))
        found.append((float(edge[0]) + steep * x0 - depth0) / (slope - steep))
    return abs(found[1] - found[0]) / math.cos(math.radians(angle))
