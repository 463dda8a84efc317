"""Measures of a muscle on an ultrasound picture other than its architecture."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle.architecture import Landmarks, fit, points
from enthesis.records import Measurement

YOUNG_2015 = 40.5278
"""Echo intensity lost per cm of subcutaneous fat (Young 2015, as cited by others; not seen there).

Mueller 2021 found the loss to depend on the focus and this slope too steep: it is never applied
unless asked for.
"""

MM_PER_CM = 10.0

FASCIA_MM = 1.2
"""Left free at either aponeurosis when brightness is read, mm: fascia is not muscle."""


def cross_section(outline: ArrayLike, *, region: str, side: str = "") -> Measurement:
    """Area within a traced outline, mm2.

    Parameters
    ----------
    outline : (n, 2) corners in mm, in order, not closed
    region : a muscle of `anatomy`
    side : "left", "right" or ""

    Raises
    ------
    InputError : fewer than three corners.
    """
    corners = points(outline, "the outline", least=3)
    return Measurement(
        quantity="area", value=_area(corners), region=region, side=side, method="traced outline"
    )


def echo_intensity(
    image: Image,
    outline: ArrayLike,
    *,
    region: str,
    side: str = "",
    fat_mm: float | None = None,
    fat_slope: float | None = None,
) -> list[Measurement]:
    """Mean brightness within an outline, 0 to 255.

    Parameters
    ----------
    image : `echo_intensity`, one slice
    outline : (n, 2) corners in mm, (x, depth), inside the muscle's fascia
    region : a muscle of `anatomy`
    side : "left", "right" or ""
    fat_mm : subcutaneous fat above the muscle, mm
    fat_slope : echo intensity lost per cm of it, e.g. `YOUNG_2015`; no correction if not given

    Returns
    -------
    The mean of the pixels whose middle lies inside; with a slope, also the corrected one.

    Raises
    ------
    InputError : not a picture of `echo_intensity`, no pixel inside, or a slope without thickness.

    References
    ----------
    Young HJ, et al. Measurement of intramuscular fat by muscle echo intensity. Muscle Nerve
    2015;52:963-971. doi:10.1002/mus.24656
    """
    grey = picture(image)
    across, down = image.spacing[:2]
    corners = points(outline, "the outline", least=3)
    inside = _inside(grey.shape, corners / (across, down))
    if not inside.any():
        raise InputError("no pixel lies inside the outline; its corners are (x, depth) in mm")
    mean = float(grey[inside].mean(dtype=np.float64))
    flags = ("echo intensity depends on device, gain, focus and depth: compare like with like",)
    where = f"mean of {int(inside.sum())} pixels inside the fascia"
    found = [
        Measurement(
            quantity="echo_intensity",
            value=mean,
            region=region,
            side=side,
            method=where,
            flags=flags,
        )
    ]
    if fat_slope is None:
        return found
    if fat_mm is None or not fat_mm >= 0:
        raise InputError(f"correcting for fat needs its thickness in mm, got {fat_mm!r}")
    return [
        *found,
        Measurement(
            quantity="echo_intensity_corrected",
            value=mean + fat_slope * fat_mm / MM_PER_CM,
            region=region,
            side=side,
            method=f"{where}, plus {fat_slope:g} per cm of {fat_mm:.1f} mm subcutaneous fat",
            flags=(*flags, "the slope of the correction is of another device and focus"),
        ),
    ]


def inside_fascia(landmarks: Landmarks) -> NDArray[np.float64]:
    """Outline of the muscle between its aponeuroses, `FASCIA_MM` inside them: (4, 2) mm.

    Raises
    ------
    InputError : the muscle is too thin to leave anything.
    """
    lines = landmarks.superficial, landmarks.deep
    left, right = max(line[:, 0].min() for line in lines), min(line[:, 0].max() for line in lines)
    upper, lower = (fit(line) for line in lines)
    corners = [
        (left, upper.at(left) + FASCIA_MM),
        (right, upper.at(right) + FASCIA_MM),
        (right, lower.at(right) - FASCIA_MM),
        (left, lower.at(left) - FASCIA_MM),
    ]
    if left >= right or corners[0][1] >= corners[3][1] or corners[1][1] >= corners[2][1]:
        raise InputError("the aponeuroses leave no muscle between them; trace an outline instead")
    return np.array(corners)


def thickness_indices(
    thickness_mm: float,
    *,
    region: str,
    side: str = "",
    height_m: float | None = None,
    weight_kg: float | None = None,
    covering_mm: float | None = None,
) -> list[Measurement]:
    """Muscle thickness relative to height, body mass index and what covers the muscle.

    Parameters
    ----------
    thickness_mm : mm
    region : a muscle of `anatomy`
    side : "left", "right" or ""
    height_m, weight_kg : of the subject, as known
    covering_mm : skin and subcutis above the muscle, mm

    Returns
    -------
    Those indices whose inputs are given. No cut-off is applied: those in print are of single
    muscles, sites and populations.

    Raises
    ------
    InputError : a length, height or weight that is not above zero.

    References
    ----------
    Kara M, et al. Diagnosing sarcopenia: functional perspectives and a new algorithm from the
    ISarcoPRM. J Rehabil Med 2021;53:jrm00209. doi:10.2340/16501977-2851
    Kuyumcu ME, et al. Ultrasonographic evaluation of the calf muscle mass and architecture in
    elderly patients with and without sarcopenia. Arch Gerontol Geriatr 2016;65:218-224.
    doi:10.1016/j.archger.2016.04.004
    """
    for name, value in (
        ("thickness_mm", thickness_mm),
        ("height_m", height_m),
        ("weight_kg", weight_kg),
    ):
        if value is not None and not (math.isfinite(value) and value > 0):
            raise InputError(f"{name} must be above zero, got {value!r}")
    found: list[tuple[str, float, str]] = []
    if height_m is not None:
        found.append(("muscle_thickness_by_height", thickness_mm / height_m, "by height"))
    if height_m is not None and weight_kg is not None:
        bmi = weight_kg / height_m**2
        found.append(("muscle_thickness_by_bmi", thickness_mm / bmi, f"by a BMI of {bmi:.1f}"))
    if covering_mm is not None:
        if not covering_mm >= 0:
            raise InputError(f"covering_mm must not be negative, got {covering_mm!r}")
        share = 100 * thickness_mm / (thickness_mm + covering_mm)
        found.append(("muscle_thickness_share", share, f"with {covering_mm:.1f} mm of covering"))
    return [
        Measurement(quantity=name, value=value, region=region, side=side, method=method)
        for name, value, method in found
    ]


def physiological_cross_section(
    volume_cm3: float,
    *,
    pennation_deg: float,
    fascicle_length_mm: float,
    region: str,
    side: str = "",
) -> Measurement:
    """Cross-section of all fibres at right angles to them, cm2.

    Parameters
    ----------
    volume_cm3 : of the muscle, cm3
    pennation_deg : degrees
    fascicle_length_mm : mm
    region : a muscle of `anatomy`
    side : "left", "right" or ""

    Raises
    ------
    InputError : a volume or length that is not above zero, or an angle outside 0 to 90 degrees.

    Notes
    -----
    Volume times the cosine of pennation over fascicle length; Lieber's term for the length of
    sarcomeres is left out.

    References
    ----------
    Lieber RL, Friden J. Functional and clinical significance of skeletal muscle architecture.
    Muscle Nerve 2000;23:1647-1666. doi:10.1002/1097-4598(200011)23:11<1647::AID-MUS1>3.0.CO;2-M
    """
    if not volume_cm3 > 0 or not fascicle_length_mm > 0 or not 0 <= pennation_deg < 90:
        raise InputError(
            "volume and fascicle length must be above zero and pennation from 0 to 90 degrees; got "
            f"{volume_cm3!r} cm3, {fascicle_length_mm!r} mm, {pennation_deg!r} degrees"
        )
    length_cm = fascicle_length_mm / MM_PER_CM
    return Measurement(
        quantity="physiological_cross_section",
        value=volume_cm3 * math.cos(math.radians(pennation_deg)) / length_cm,
        region=region,
        side=side,
        method=f"volume × cos {pennation_deg:.1f}° / {fascicle_length_mm:.1f} mm",
    )


def picture(image: Image) -> NDArray[Any]:
    """Rows and columns of an ultrasound picture as a screen shows it.

    Raises
    ------
    InputError : no `echo_intensity`, or more than one slice.
    """
    if image.quantity != "echo_intensity" or image.shape[2] != 1:
        raise InputError(
            "an ultrasound picture is one slice of echo_intensity; this image holds "
            f"{image.quantity} on {image.shape[2]} slices"
        )
    return image.array[::-1, ::-1, 0].T


def _area(corners: NDArray[np.float64]) -> float:
    x, y = (corners - corners.mean(axis=0)).T
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2)


def _inside(shape: tuple[int, ...], corners: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pixels whose middle lies inside a polygon, by crossings along each row (even-odd rule)."""
    rows, columns = np.arange(shape[0]), np.arange(shape[1])
    inside = np.zeros((shape[0], shape[1]), dtype=bool)
    for (x1, y1), (x2, y2) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        crossed = (y1 > rows) != (y2 > rows)
        if crossed.any():
            at = x1 + (rows[crossed] - y1) * (x2 - x1) / (y2 - y1)
            inside[crossed] ^= columns[None] < at[:, None]
    return inside
