"""Cortical bone on plain radiographs: radiogrammetry, and what readers record."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.records import Measurement

SMOOTHING_MM = 0.15
"""SD of the Gaussian under which slopes of a profile are taken, mm: about a detector's own blur."""

STEP_MM = 0.05
"""Distance between points of a profile that is read off a radiograph, mm."""

SOFT_TISSUE_SHARE = 0.4
"""Share of a profile's range below which its ends must lie to be soft tissue beside a bone."""

SINGH_GRADES = (1, 2, 3, 4, 5, 6)
DORR_TYPES = ("A", "B", "C")

DorrType = Literal["A", "B", "C"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cortex:
    """The edges of a long bone along a line across it.

    Parameters
    ----------
    outer_mm : positions of the two outer edges, mm from the profile's first point
    inner_mm : positions of the two edges of the marrow cavity between them
    flags : what is doubtful, one sentence each
    """

    outer_mm: tuple[float, float]
    inner_mm: tuple[float, float]
    flags: tuple[str, ...] = ()

    @property
    def outer_width_mm(self) -> float:
        """Width of the bone."""
        return self.outer_mm[1] - self.outer_mm[0]

    @property
    def inner_width_mm(self) -> float:
        """Width of its marrow cavity."""
        return self.inner_mm[1] - self.inner_mm[0]


def grey_profile(image: Image, start: ArrayLike, end: ArrayLike) -> NDArray[np.float64]:
    """Grey values along a line on a picture, every `STEP_MM`.

    Parameters
    ----------
    image : a picture, one slice, brighter where denser
    start, end : (x, y) in mm, x to the right from the middle of the picture's first column, y down
        from the middle of its first row

    Raises
    ------
    InputError : several slices, a point outside the picture, or both in one place.
    """
    if image.shape[2] != 1:
        raise InputError(f"a radiograph has one slice, this image has {image.shape[2]}")
    grey = image.array[::-1, ::-1, 0].T.astype(np.float64)
    ends = np.array([start, end], dtype=np.float64)
    limits = np.array(image.spacing[:2]) * (np.array(image.shape[:2]) - 1)
    if ends.shape != (2, 2) or (ends < 0).any() or (ends > limits).any():
        raise InputError(
            f"both ends must lie on the picture of {limits[0]:.1f} x {limits[1]:.1f} mm, got "
            f"{ends.tolist()}"
        )
    length = float(np.linalg.norm(ends[1] - ends[0]))
    if length < 4 * STEP_MM:
        raise InputError(f"the line across the bone is {length:.2f} mm long; draw it across")
    along = np.arange(0, length, STEP_MM)[:, None] / length
    at = (ends[0] + along * (ends[1] - ends[0])) / image.spacing[:2]
    return np.asarray(ndimage.map_coordinates(grey, at.T[::-1], order=1))


def cortex(values: ArrayLike, *, spacing_mm: float = STEP_MM) -> Cortex:
    """Outer and inner edges of a shaft from the grey values along a line across it.

    Parameters
    ----------
    values : (n,) brighter where denser, beginning and ending in soft tissue beside the bone
    spacing_mm : between them

    Raises
    ------
    InputError : too short, not above zero, or no two cortices.

    Notes
    -----
    Outer edges are where the profile rises most steeply towards each cortex; inner ones where it
    falls most steeply from the cortex's peak towards the cavity; both are read between points by a
    parabola. On the projection of a tube these are its outer and inner radius but for blur, of
    which an SD of b moves every edge 0.76 b towards the bone's middle.

    References
    ----------
    Rosholm A, et al. Estimation of bone mineral density by digital X-ray radiogrammetry:
    theoretical background and clinical testing. Osteoporos Int 2001;12:961-969.
    doi:10.1007/s001980170026
    """
    grey = np.asarray(values, dtype=np.float64)
    if not 0 < spacing_mm < math.inf:
        raise InputError(f"spacing_mm must be above zero, got {spacing_mm!r}")
    if grey.ndim != 1 or grey.size < 9 or not np.isfinite(grey).all():
        raise InputError("a profile is nine or more grey values in a row, all of them numbers")
    sd = SMOOTHING_MM / spacing_mm
    smooth = ndimage.gaussian_filter1d(grey, sd, mode="nearest")
    slope = ndimage.gaussian_filter1d(grey, sd, order=1, mode="nearest")
    floor = (smooth[0] + smooth[-1]) / 2
    bone = smooth > floor + (smooth.max() - floor) / 2
    low, high = float(smooth.min()), float(smooth.max())
    if not low < high or max(smooth[0], smooth[-1]) > low + SOFT_TISSUE_SHARE * (high - low):
        raise InputError(
            "the profile must begin and end in soft tissue, darker than the bone between; draw the "
            "line farther across"
        )
    first, last = np.flatnonzero(bone)[[0, -1]]
    half = (first + last) // 2
    left = int(first + smooth[first : half + 1].argmax())
    right = int(half + smooth[half : last + 1].argmax())
    middle = int(left + smooth[left : right + 1].argmin())
    if not left < middle < right:
        raise InputError("no marrow cavity was seen between two cortices; trace the edges instead")
    outer = _steepest(slope, 0, left + 1), _steepest(-slope, right, grey.size)
    inner = _steepest(-slope, left, middle + 1), _steepest(slope, middle, right + 1)
    flags = []
    peaks = min(smooth[left], smooth[right])
    if smooth[middle] > floor + 0.9 * (peaks - floor):
        flags.append("the marrow cavity is hardly darker than the cortex: its edges are uncertain")
    return Cortex(
        outer_mm=(outer[0] * spacing_mm, outer[1] * spacing_mm),
        inner_mm=(inner[0] * spacing_mm, inner[1] * spacing_mm),
        flags=tuple(flags),
    )


def cortical_indices(
    outer_mm: float,
    inner_mm: float,
    *,
    region: str,
    side: str = "",
    method: str = "traced",
    flags: tuple[str, ...] = (),
) -> list[Measurement]:
    """Combined cortical thickness, cortical index and percent cortical area of a shaft.

    Parameters
    ----------
    outer_mm, inner_mm : widths of the bone and of its marrow cavity
    region : a bone of `anatomy`: "metacarpal" (Barnett and Nordin's hand score is 100 times the
        index of the second, at mid-shaft), "femur" (their femoral score), "radius" …
    side : "left", "right" or ""
    method : where and how the widths were read
    flags : of the reading

    Returns
    -------
    No class is given: cut-offs in print are of one site, one age and one way of reading.

    Raises
    ------
    InputError : widths that are not 0 <= inner < outer.

    References
    ----------
    Barnett E, Nordin BEC. The radiological diagnosis of osteoporosis: a new approach. Clin Radiol
    1960;11:166-174. doi:10.1016/s0009-9260(60)80012-8
    Garn SM. The earlier gain and the later loss of cortical bone. Springfield: Thomas; 1970.
    """
    if not 0 <= inner_mm < outer_mm < math.inf:
        raise InputError(
            "the marrow cavity must be narrower than the bone and not negative, got inner "
            f"{inner_mm!r} mm, outer {outer_mm!r} mm"
        )
    ratio = inner_mm / outer_mm
    rows = (
        ("cortical_thickness_combined", outer_mm - inner_mm),
        ("cortical_index", 1 - ratio),
        ("cortical_area_share", 100 * (1 - ratio**2)),
    )
    return [
        Measurement(
            quantity=name, value=value, region=region, side=side, method=method, flags=flags
        )
        for name, value in rows
    ]


def canal_to_calcar_ratio(canal_mm: float, calcar_mm: float, *, side: str = "") -> Measurement:
    """Width of the femur's canal below the lesser trochanter over that at it.

    Parameters
    ----------
    canal_mm : inner width 10 cm below the middle of the lesser trochanter
    calcar_mm : inner width at the middle of the lesser trochanter
    side : "left", "right" or ""

    Raises
    ------
    InputError : a width that is not above zero.

    References
    ----------
    Dorr LD, et al. Structural and cellular assessment of bone quality of proximal femur. Bone
    1993;14:231-242. doi:10.1016/8756-3282(93)90146-2
    """
    if not (0 < canal_mm < math.inf and 0 < calcar_mm < math.inf):
        raise InputError(f"both widths must be above zero, got {canal_mm!r} and {calcar_mm!r} mm")
    return Measurement(
        quantity="canal_to_calcar_ratio",
        value=canal_mm / calcar_mm,
        region="femur",
        side=side,
        method="inner widths 10 cm below and at the lesser trochanter",
    )


def singh_grade(grade: int, *, side: str = "") -> Measurement:
    """A reader's Singh index, recorded.

    Parameters
    ----------
    grade : 6 (all trabecular groups seen) to 1
    side : "left", "right" or ""

    Raises
    ------
    InputError : no such grade.

    References
    ----------
    Singh M, Nagrath AR, Maini PS. Changes in trabecular pattern of the upper end of the femur as
    an index of osteoporosis. J Bone Joint Surg Am 1970;52:457-467.
    """
    if grade not in SINGH_GRADES:
        raise InputError(f"a Singh index is a whole number from 6 to 1, got {grade!r}")
    return _read("singh_grade", grade, side, "readers agree poorly on this index")


def dorr_type(letter: DorrType, *, side: str = "") -> Measurement:
    """A reader's Dorr type of the proximal femur, recorded as 1, 2 or 3 for A, B or C.

    Parameters
    ----------
    letter : "A" (narrow canal, thick cortex), "B" or "C" (wide canal, thin cortex)
    side : "left", "right" or ""

    Raises
    ------
    InputError : no such type.
    """
    if letter not in DORR_TYPES:
        raise InputError(f"a Dorr type is 'A', 'B' or 'C', got {letter!r}")
    return _read("dorr_type", DORR_TYPES.index(letter) + 1, side, "")


def _read(name: str, value: float, side: str, doubt: str) -> Measurement:
    return Measurement(
        quantity=name,
        value=float(value),
        region="femur",
        side=side,
        method="read by eye",
        flags=(doubt,) if doubt else (),
    )


def _steepest(slope: NDArray[np.float64], start: int, stop: int) -> float:
    """Index of the greatest slope within start..stop, between points by a parabola."""
    best = start + int(slope[start:stop].argmax())
    if not 0 < best < slope.size - 1:
        return float(best)
    low, top, high = slope[best - 1 : best + 2].tolist()
    bend = low - 2 * top + high
    return best + (0.5 * (low - high) / bend if bend < 0 else 0.0)
