"""Structure of the hip from a projected density image: axes, mass profiles and what they resist.

Points are (x, y) in mm: x to the right from the middle of the picture's first column, y down from
the middle of its first row.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.bone.hip_landmarks import (
    BONE_G_CM2,
    HipLandmarks,
    Picture,
    Point,
    axes_crossing,
    density_picture,
    run,
    unit,
)
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.records import Measurement

TISSUE_G_CM3 = 1.05
"""Mineral in fully mineralised bone tissue, g/cm3 (Beck)."""

Place = Literal["narrow neck", "intertrochanter", "shaft"]

CORTICAL_SHARE: Mapping[str, float] = MappingProxyType(
    {"narrow neck": 0.60, "intertrochanter": 0.70, "shaft": 1.00}
)
"""Share of a cut's mineral that the model puts into the cortex (Beck 2001)."""

BAND_MM = 5.0
"""Length along the axis over which cuts are averaged, mm."""

SHAFT_BELOW_NECK_WIDTHS = 1.5
"""Where the shaft is cut: so many widths of the narrow neck below the crossing of the axes."""

STEP_MM = 0.1
"""Distance between points of a mass profile, mm."""

REACH_MM = 90.0
"""Farthest that an edge is looked for from the axes, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossSection:
    """What the mass profile of a cut says, in the plane of the picture.

    Parameters
    ----------
    width_mm : outer width
    areal_bmd : mean over the width, g/cm2
    area_cm2 : mineral over the density of bone tissue
    moment_cm4 : second moment of that area about its centre
    modulus_cm3 : moment over the distance from the centre to the farther edge
    cortex_mm : wall of the round tube of this width with the model's share of the area; NaN where
        the area does not fit into a tube
    buckling_ratio : distance from the centre to the farther edge over that wall
    flags : what is doubtful, one sentence each
    """

    width_mm: float
    areal_bmd: float
    area_cm2: float
    moment_cm4: float
    modulus_cm3: float
    cortex_mm: float
    buckling_ratio: float
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HipStructure:
    """Geometry of one hip.

    Parameters
    ----------
    landmarks : that it rests on
    neck_shaft_deg : between the neck's axis towards the head and the shaft's towards the knee
    neck_axis_length_mm : from the lateral trochanter to the head's far edge along the neck's axis
    hip_axis_length_mm : to the inner pelvic brim instead; NaN unless the brim is marked
    sections : narrow neck, intertrochanter and shaft, as far as the picture shows them
    cuts : the ends of each one's middle cut
    axis : the ends of the neck's axis, at the lateral trochanter and at the head's far edge
    flags : what is doubtful, one sentence each
    """

    landmarks: HipLandmarks
    neck_shaft_deg: float
    neck_axis_length_mm: float
    hip_axis_length_mm: float
    sections: Mapping[str, CrossSection]
    cuts: Mapping[str, tuple[Point, Point]]
    axis: tuple[Point, Point]
    flags: tuple[str, ...] = ()

    def measurements(self, *, side: str = "") -> list[Measurement]:
        """As rows of the long table; the method names the place.

        Parameters
        ----------
        side : "left", "right" or ""
        """
        how = f"projected, landmarks {self.landmarks.origin}"
        lengths = [
            ("neck_shaft_angle", self.neck_shaft_deg),
            ("neck_axis_length", self.neck_axis_length_mm),
        ]
        if not math.isnan(self.hip_axis_length_mm):
            lengths.append(("hip_axis_length", self.hip_axis_length_mm))
        found = [(name, value, how, self.flags) for name, value in lengths]
        for place, one in self.sections.items():
            share = f"{CORTICAL_SHARE[place]:.0%} of mineral in a round cortex"
            flags = (*self.flags, *one.flags)
            found += [
                ("bone_width", one.width_mm, f"{place}, {how}", flags),
                ("areal_bmd", one.areal_bmd, f"{place}, mean of the cut, {how}", flags),
                ("bone_cross_section", one.area_cm2, f"{place}, {how}", flags),
                ("cross_section_moment", one.moment_cm4, f"{place}, {how}", flags),
                ("section_modulus", one.modulus_cm3, f"{place}, {how}", flags),
                ("cortical_thickness_modelled", one.cortex_mm, f"{place}, {share}, {how}", flags),
                ("buckling_ratio", one.buckling_ratio, f"{place}, {share}, {how}", flags),
            ]
        return [
            Measurement(
                quantity=name, value=value, region="femur", side=side, method=method, flags=doubts
            )
            for name, value, method, doubts in found
        ]


def cross_section(
    profile: ArrayLike, *, step_mm: float, cortical_share: float, threshold: float = 0.0
) -> CrossSection:
    """Area, moment, modulus, modelled cortex and buckling ratio from a mass profile.

    Parameters
    ----------
    profile : (n,) g/cm2 across the bone, soft tissue at both ends
    step_mm : between points
    cortical_share : of the mineral, 0 to 1, in the model's cortex
    threshold : g/cm2 above which it is bone

    Raises
    ------
    InputError : no bone, or a share or step that is not above zero.

    Notes
    -----
    CSA = sum of m dx / 1.05 g/cm3; CSMI about the centre of mass; Z = CSMI / d, d the distance to
    the farther edge; cortex = r - sqrt(r² - f CSA / pi) with r half the width; buckling ratio d
    over the cortex (others divide r by it).

    References
    ----------
    Beck TJ, et al. Predicting femoral neck strength from bone mineral data. Invest Radiol
    1990;25:6-18. doi:10.1097/00004424-199001000-00004
    Khoo BCC, et al. In vivo short-term precision of hip structure analysis variables in comparison
    with bone mineral density using paired dual-energy X-ray absorptiometry scans from multi-center
    clinical trials. Bone 2005;37:112-121. doi:10.1016/j.bone.2005.03.007
    """
    mass = np.asarray(profile, dtype=np.float64)
    if not 0 < step_mm < math.inf or not 0 < cortical_share <= 1:
        raise InputError(
            f"step_mm must be above zero and cortical_share in 0 to 1, got {step_mm!r} and "
            f"{cortical_share!r}"
        )
    bone = np.flatnonzero(mass > threshold)
    if mass.ndim != 1 or not bone.size:
        raise InputError(f"the profile holds no bone above {threshold:g} g/cm2")
    first, last = run(mass, int(bone[mass[bone].argmax()]), threshold)
    inside = slice(math.ceil(first), math.floor(last) + 1)
    m = mass[inside]
    x = np.arange(inside.start, inside.stop) * step_mm / 10
    dx = step_mm / 10
    total = float(m.sum() * dx)
    middle = float((m * x).sum() * dx / total)
    area = total / TISSUE_G_CM3
    moment = float((m * (x - middle) ** 2).sum() * dx / TISSUE_G_CM3)
    low, high = first * dx, last * dx
    far = max(middle - low, high - middle)
    radius = (high - low) / 2
    left = radius**2 - cortical_share * area / math.pi
    flags = []
    if left >= 0:
        cortex = radius - math.sqrt(left)
    else:
        cortex = math.nan
        flags.append("there is more mineral than a round tube of this width holds: no cortex")
    return CrossSection(
        width_mm=10 * (high - low),
        areal_bmd=total / (high - low),
        area_cm2=area,
        moment_cm4=moment,
        modulus_cm3=moment / far,
        cortex_mm=10 * cortex,
        buckling_ratio=far / cortex if cortex > 0 else math.nan,
        flags=tuple(flags),
    )


def hip_structure(
    image: Image, landmarks: HipLandmarks, *, threshold: float = BONE_G_CM2
) -> HipStructure:
    """Axes, lengths and the three cuts of a proximal femur.

    Parameters
    ----------
    image : `areal_bmd`, one slice; where the pelvis overlaps the head, only the head's far edge is
        doubtful, for every cut ends where the bone under the axis does
    landmarks : found by `find_hip_landmarks`, corrected or traced
    threshold : g/cm2 above which it is bone

    Raises
    ------
    InputError : another quantity, or axes that do not cross within the picture.

    Notes
    -----
    The narrow neck is cut across the neck's axis at its landmark, the intertrochanter along the
    bisector of the axes through their crossing, the shaft across its axis 1.5 widths of the narrow
    neck below the crossing; each is the mean of parallel cuts over 5 mm. ISCD (2015) advises that
    of these only hip axis length be used for risk, in postmenopausal women.

    References
    ----------
    Faulkner KG, et al. Simple measurement of femoral geometry predicts hip fracture: the study of
    osteoporotic fractures. J Bone Miner Res 1993;8:1211-1217. doi:10.1002/jbmr.5650081008
    Beck TJ, et al. Structural trends in the aging femoral neck and proximal shaft: analysis of the
    NHANES III DXA data. J Bone Miner Res 2000;15:2297-2304. doi:10.1359/jbmr.2000.15.12.2297
    """
    picture = density_picture(image)
    head, neck = np.array(landmarks.head), np.array(landmarks.neck)
    to_head = unit(head - neck)
    down = unit(np.array(landmarks.shaft_lower) - np.array(landmarks.shaft_upper))
    crossing = axes_crossing(landmarks)
    angle = math.degrees(math.acos(float(np.clip(to_head @ down, -1, 1))))
    flags = list(landmarks.flags)
    lateral = _edge(picture, crossing, -to_head, threshold)
    apex = _edge(picture, head, to_head, threshold)
    to_lateral = float((neck - lateral) @ to_head)
    brim = math.nan
    if landmarks.pelvic_brim is not None:
        brim = float((np.array(landmarks.pelvic_brim) - neck) @ to_head) + to_lateral
    narrow, ends = _band(picture, neck, to_head, "narrow neck", threshold)
    sections, cuts = {"narrow neck": narrow}, {"narrow neck": ends}
    places = (
        ("intertrochanter", crossing, _across(unit(to_head + down))),
        ("shaft", crossing + SHAFT_BELOW_NECK_WIDTHS * narrow.width_mm * down, down),
    )
    for place, middle, axis in places:
        if picture.holds(middle - BAND_MM / 2 * axis) and picture.holds(
            middle + BAND_MM / 2 * axis
        ):
            sections[place], cuts[place] = _band(picture, middle, axis, place, threshold)
        else:
            flags.append(f"the {place} lies outside the picture: it was not measured")
    return HipStructure(
        landmarks=landmarks,
        neck_shaft_deg=angle,
        neck_axis_length_mm=float((apex - neck) @ to_head) + to_lateral,
        hip_axis_length_mm=brim,
        sections=MappingProxyType(sections),
        cuts=MappingProxyType(cuts),
        axis=(_point(lateral), _point(apex)),
        flags=tuple(flags),
    )


def _band(
    picture: Picture,
    middle: NDArray[np.float64],
    axis: NDArray[np.float64],
    place: str,
    bone: float,
) -> tuple[CrossSection, tuple[Point, Point]]:
    """Mean of the cuts across an axis over `BAND_MM` along it, and the ends of the middle one."""
    across = _across(axis)
    t = np.arange(-REACH_MM, REACH_MM + STEP_MM / 2, STEP_MM)
    cuts, ends = [], []
    for shift in np.arange(-BAND_MM / 2, BAND_MM / 2 + 0.01, 0.5):
        points = middle + shift * axis + t[:, None] * across
        profile = picture.at(points)
        centre = t.size // 2
        if profile[centre] <= bone:
            raise InputError(
                f"the {place} has no bone above {bone:g} g/cm2 at {middle.round(1).tolist()} mm; "
                "move the landmarks"
            )
        first, last = run(profile, centre, bone)
        ends.append(tuple(_point(points[0] + at * STEP_MM * across) for at in (first, last)))
        kept = slice(max(math.floor(first), 0), math.ceil(last) + 1)
        cuts.append(
            cross_section(
                profile[kept],
                step_mm=STEP_MM,
                cortical_share=CORTICAL_SHARE[place],
                threshold=bone,
            )
        )
    start, stop = ends[len(ends) // 2]
    return _mean(cuts), (start, stop)


def _mean(cuts: Sequence[CrossSection]) -> CrossSection:
    def mean(name: str) -> float:
        return float(np.mean([getattr(one, name) for one in cuts]))

    return CrossSection(
        width_mm=mean("width_mm"),
        areal_bmd=mean("areal_bmd"),
        area_cm2=mean("area_cm2"),
        moment_cm4=mean("moment_cm4"),
        modulus_cm3=mean("modulus_cm3"),
        cortex_mm=mean("cortex_mm"),
        buckling_ratio=mean("buckling_ratio"),
        flags=tuple(dict.fromkeys(flag for one in cuts for flag in one.flags)),
    )


def _edge(
    picture: Picture, start: NDArray[np.float64], direction: NDArray[np.float64], bone: float
) -> NDArray[np.float64]:
    """Where bone ends along a ray."""
    t = np.arange(0, REACH_MM, STEP_MM)
    profile = picture.at(start + t[:, None] * direction)
    below = np.flatnonzero(profile <= bone)
    length = REACH_MM if not below.size else max(int(below[0]) - 0.5, 0) * STEP_MM
    return np.asarray(start + length * direction)


def _point(point: NDArray[np.float64]) -> Point:
    return float(point[0]), float(point[1])


def _across(axis: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([-axis[1], axis[0]])
