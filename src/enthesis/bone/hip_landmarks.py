"""Landmarks of a projected proximal femur: head, narrow neck and shaft."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image

Point = tuple[float, float]

BONE_G_CM2 = 0.2
"""Areal density above which a pixel is bone, g/cm2: past a densitometer's noise in soft tissue, and
well below a thin trochanter."""

SHAFT_SHARE = 0.3
"""Lowest part of the bone's height, within which it is shaft alone."""

LEAST_SHAFT_ROWS = 10
NECK_SHAFT_DEG = (95.0, 165.0)
"""Angles between which the neck's axis is looked for, degrees."""

NECK_STEP_DEG = 1.0
CUT_STEP_MM = 0.25
NARROWEST_SHARE = 1.01
"""Cuts within this of the narrowest one are as narrow: their middle is the narrow neck."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HipLandmarks:
    """Points of one hip; change one with `dataclasses.replace`.

    Parameters
    ----------
    head : centre of the head
    neck : middle of the narrowest cut of the neck; its axis runs from here to the head's centre
    shaft_upper, shaft_lower : two points of the shaft's axis
    pelvic_brim : inner pelvic brim on the neck's axis, None where it is not marked
    origin : "traced" or "automatic"
    flags : what is doubtful, one sentence each
    """

    head: Point
    neck: Point
    shaft_upper: Point
    shaft_lower: Point
    pelvic_brim: Point | None = None
    origin: str = "traced"
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ("head", "neck", "shaft_upper", "shaft_lower", "pelvic_brim"):
            point = getattr(self, name)
            if point is None and name == "pelvic_brim":
                continue
            if len(point) != 2 or not np.isfinite(point).all():
                raise InputError(f"{name} is a point (x, y) in mm, got {point!r}")
        if self.head == self.neck or self.shaft_upper == self.shaft_lower:
            raise InputError("an axis needs two points apart: head and neck, shaft upper and lower")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A density image as a screen shows it.

    Parameters
    ----------
    density : (rows, columns) g/cm2
    across, down : length of a pixel, mm
    """

    density: NDArray[np.float64]
    across: float
    down: float

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Density at points (n, 2) mm; zero outside."""
        coordinates = (points / (self.across, self.down)).T[::-1]
        return np.asarray(ndimage.map_coordinates(self.density, coordinates, order=1))

    def holds(self, point: NDArray[np.float64]) -> bool:
        """Whether a point lies on the picture."""
        rows, columns = self.density.shape
        x, y = point[0] / self.across, point[1] / self.down
        return bool(0 <= x <= columns - 1 and 0 <= y <= rows - 1)


def density_picture(image: Image) -> Picture:
    """The picture of a projected density.

    Raises
    ------
    InputError : another quantity, or several slices.
    """
    if image.quantity != "areal_bmd" or image.shape[2] != 1:
        raise InputError(
            "hip structure needs one slice of areal_bmd in g/cm2; this image holds "
            f"{image.quantity} on {image.shape[2]} slices (a densitometer's exported picture is "
            "grey values, not density)"
        )
    across, down = image.spacing[:2]
    density = np.nan_to_num(image.array[::-1, ::-1, 0].T.astype(np.float64))
    return Picture(density=density, across=across, down=down)


def find_hip_landmarks(image: Image, *, threshold: float = BONE_G_CM2) -> HipLandmarks:
    """Head, narrow neck and shaft of a femur that stands upright on its own.

    Parameters
    ----------
    image : `areal_bmd`, one slice, the femur's shaft towards the lower edge and the pelvis masked
        out; either side
    threshold : g/cm2 above which it is bone

    Raises
    ------
    InputError : another quantity, or no bone with shaft, neck and head.

    Notes
    -----
    The shaft's axis is fitted through the middles of the lowest rows. The head's centre is that of
    the largest disc within the bone beside the shaft. The narrow neck is the narrowest cut between
    head and shaft over all directions through the head's centre.
    """
    picture = density_picture(image)
    bone = picture.density > threshold
    parts, n = ndimage.label(bone)
    if not n:
        raise InputError(f"the picture has no bone above {threshold:g} g/cm2")
    bone = ndimage.binary_fill_holes(parts == np.bincount(parts.ravel())[1:].argmax() + 1)
    upper, lower, half_width = _shaft(bone, picture)
    head, radius = _head(bone, picture, upper, unit(lower - upper), half_width)
    neck = _neck(picture, head, radius, upper, unit(lower - upper), threshold)
    return HipLandmarks(
        head=_point(head),
        neck=_point(neck),
        shaft_upper=_point(upper),
        shaft_lower=_point(lower),
        origin="automatic",
    )


def axes_crossing(landmarks: HipLandmarks) -> NDArray[np.float64]:
    """Where the axes of neck and shaft cross.

    Raises
    ------
    InputError : they run side by side.
    """
    neck, upper = np.array(landmarks.neck), np.array(landmarks.shaft_upper)
    along = np.array(landmarks.head) - neck
    down = np.array(landmarks.shaft_lower) - upper
    turn = along[0] * down[1] - along[1] * down[0]
    if abs(turn) < 0.1 * np.linalg.norm(along) * np.linalg.norm(down):
        raise InputError("the axes of neck and shaft run side by side; move the landmarks")
    gap = upper - neck
    return np.asarray(neck + along * (gap[0] * down[1] - gap[1] * down[0]) / turn)


def run(profile: NDArray[np.float64], start: int, threshold: float) -> tuple[float, float]:
    """First and last place around `start` where a profile stays above a threshold.

    Between points by straight lines; the profile's ends count where it never falls.
    """
    below = np.flatnonzero(profile <= threshold)
    before, after = below[below < start], below[below > start]
    first, last = 0.0, float(profile.size - 1)
    if before.size:
        i = int(before[-1])
        first = i + (threshold - profile[i]) / (profile[i + 1] - profile[i])
    if after.size:
        i = int(after[0])
        last = i - (threshold - profile[i]) / (profile[i - 1] - profile[i])
    return float(first), float(last)


def unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    """The vector at length one."""
    return np.asarray(vector / np.linalg.norm(vector))


def _shaft(
    bone: NDArray[np.bool_], picture: Picture
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Two points of the shaft's axis, at its top and its end, and half its width, mm."""
    rows = np.flatnonzero(bone.any(axis=1))
    first = round(rows[-1] - SHAFT_SHARE * (rows[-1] - rows[0]))
    chosen = np.arange(first, rows[-1] + 1)
    if chosen.size < LEAST_SHAFT_ROWS:
        raise InputError("the bone is too small for a femur; check the scale and the threshold")
    columns = np.arange(bone.shape[1])
    counts = bone[chosen].sum(axis=1)
    middles = (bone[chosen] * columns).sum(axis=1) / counts * picture.across
    y = chosen * picture.down
    slope, start = np.polyfit(y, middles, 1)
    ends = [np.array([start + slope * at, at]) for at in (y[0], y[-1])]
    # A slanted shaft is cut wider by its rows than across.
    half = float(np.median(counts)) * picture.across / 2 / math.hypot(1, slope)
    return ends[0], ends[1], half


def _head(
    bone: NDArray[np.bool_],
    picture: Picture,
    upper: NDArray[np.float64],
    down: NDArray[np.float64],
    half_width: float,
) -> tuple[NDArray[np.float64], float]:
    """Centre and radius of the largest disc beside the shaft, on the side that reaches farther."""
    y, x = np.indices(bone.shape)
    x, y = x * picture.across - upper[0], y * picture.down - upper[1]
    aside = x * down[1] - y * down[0]
    side = 1.0 if aside[bone].max() > -aside[bone].min() else -1.0
    beside = side * aside > 1.2 * half_width
    depth = ndimage.distance_transform_edt(
        np.pad(bone, 1), sampling=(picture.down, picture.across)
    )[1:-1, 1:-1]
    depth = np.where(beside, depth, 0.0)
    radius = float(depth.max())
    if radius < 0.5 * half_width:
        raise InputError("no head was seen beside the shaft; mark the landmarks by hand")
    near = depth > 0.96 * radius
    weights = depth[near] - 0.96 * radius
    centre = np.array([np.average(x[near], weights=weights), np.average(y[near], weights=weights)])
    return centre + upper, radius


def _neck(
    picture: Picture,
    head: NDArray[np.float64],
    radius: float,
    upper: NDArray[np.float64],
    down: NDArray[np.float64],
    threshold: float,
) -> NDArray[np.float64]:
    """Middle of the narrowest cut between head and shaft."""
    aside = float((head - upper) @ (down[1], -down[0]))
    lateral = -math.copysign(1.0, aside) * np.array([down[1], -down[0]])
    t = np.arange(-2.5 * radius, 2.5 * radius, CUT_STEP_MM)
    found: list[tuple[float, float, float, NDArray[np.float64]]] = []
    for angle in np.arange(NECK_SHAFT_DEG[0], NECK_SHAFT_DEG[1] + 0.1, NECK_STEP_DEG):
        # From the head outwards and down, at this angle to the shaft.
        tilt = math.radians(180 - angle)
        axis = math.sin(tilt) * lateral + math.cos(tilt) * down
        to_shaft = abs(aside) / max(math.sin(tilt), 0.1)
        across = np.array([-axis[1], axis[0]])
        for at in np.arange(0.7 * radius, to_shaft, 1.0):
            profile = picture.at(head + at * axis + t[:, None] * across)
            if profile[t.size // 2] <= threshold:
                continue
            first, last = run(profile, t.size // 2, threshold)
            middle = (first + last) / 2 * CUT_STEP_MM + t[0]
            width = (last - first) * CUT_STEP_MM
            # A cut that is not centred on the axis is not at right angles to the neck.
            found.append((width + 2 * abs(middle), angle, at, head + at * axis + middle * across))
    if not found:
        raise InputError("no neck was seen between head and shaft; mark the landmarks by hand")
    least = min(found, key=lambda cut: cut[0])
    same = [cut for cut in found if cut[0] <= NARROWEST_SHARE * least[0] and cut[1] == least[1]]
    return np.asarray(np.mean([cut[3] for cut in same], axis=0))


def _point(point: NDArray[np.float64]) -> Point:
    return float(point[0]), float(point[1])
