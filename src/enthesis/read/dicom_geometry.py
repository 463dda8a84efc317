"""Slices in the order of the body: a regular grid, or a refusal that names the slices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.read.dicom_headers import Header

Floats = NDArray[np.float64]

COSINE_TOLERANCE = 1e-3
"""How far direction cosines may be from unit length, a right angle or each other.

Headers print four digits or more; 1e-3 moves the far edge of a 500 mm image by half a millimetre.
"""

PIXEL_SPACING_TOLERANCE = 1e-4
"""Share by which pixel spacings may differ between slices: 0.05 mm over a 500 mm image."""

SAME_PLACE_MM = 0.001
"""Slices no farther apart than this are one place twice; micro-CT slices lie 0.01 mm apart."""

SHIFT_SHARE = 0.5
"""Share of a pixel by which a slice may lie beside the stack's axis before that is a tilt.

The affine keeps what is let pass, so that no area or volume is off by it.
"""

UNEVEN_SHARE = 0.1
"""Share of a step by which a slice may be off an even grid; positions rounded to 0.1 mm need it."""

SAID_SHARE = 0.01
"""Share of a step from which unevenness that is let pass is said."""

NAMED = 3
"""Places that one message names, at most; more say no more."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Stack:
    """Slices on a regular grid.

    Parameters
    ----------
    headers : in order along the normal of the slices
    affine : (4, 4), (column, row, slice) → mm in RAS+
    spacing : distance between slices, mm; for a lone slice its thickness
    flags : what is doubtful about the grid
    """

    headers: tuple[Header, ...]
    affine: Floats
    spacing: float
    flags: tuple[str, ...]


def stack(headers: Sequence[Header]) -> Stack:
    """Order slices by position and place them in the patient.

    Raises
    ------
    InputError : a slice without place, slices that differ in size, spacing or direction, gantry
        tilt, missing, repeated or unevenly spaced slices, or a lone slice of unknown thickness.
    """
    _check_placed(headers)
    _check_alike(headers)
    row, column = _directions(headers[0])
    normal = np.cross(row, column)
    places = np.array([header.position for header in headers], dtype=np.float64)
    order = np.argsort(places @ normal, kind="stable")
    ordered = tuple(headers[i] for i in order)
    places = places[order]
    flags: list[str] = []
    if len(ordered) == 1:
        step = normal * _lone_thickness(ordered[0])
    else:
        _check_grid(ordered, places, normal)
        step = (places[-1] - places[0]) / (len(ordered) - 1)
        flags = _grid_doubts(ordered, places @ normal)
    down, across = _spacing(ordered[0])
    affine = np.eye(4)
    affine[:3] = np.column_stack([row * across, column * down, step, places[0]])
    # DICOM counts towards the left and the back.
    affine[:2] *= -1
    return Stack(
        headers=ordered,
        affine=affine,
        spacing=round(float(np.linalg.norm(step)), 6),
        flags=tuple(flags),
    )


def _check_placed(headers: Sequence[Header]) -> None:
    for header in headers:
        for name, value in (
            ("position", header.position),
            ("orientation", header.orientation),
            ("pixel spacing", header.pixel_spacing),
        ):
            if value is None:
                raise InputError(
                    f"{header.title} has no usable {name}, so it has no place in the patient; "
                    "export the series again"
                )
        if min(_spacing(header)) <= 0:
            raise InputError(f"{header.title} has a pixel spacing of {min(_spacing(header)):g} mm")
        row, column = _directions(header)
        products = np.array([row @ row, column @ column, row @ column])
        if np.abs(products - [1, 1, 0]).max() > 2 * COSINE_TOLERANCE:
            raise InputError(
                f"{header.title} has an orientation of which the two directions are not of unit "
                "length at a right angle; export the series again"
            )


def _check_alike(headers: Sequence[Header]) -> None:
    first = headers[0]

    def turned(header: Header) -> bool:
        apart = np.subtract(_directions(header), _directions(first))
        return float(np.abs(apart).max()) > COSINE_TOLERANCE

    def stretched(header: Header) -> bool:
        return not np.allclose(
            _spacing(header), _spacing(first), rtol=PIXEL_SPACING_TOLERANCE, atol=0
        )

    def resized(header: Header) -> bool:
        return (header.rows, header.columns) != (first.rows, first.columns)

    checks: tuple[tuple[str, Callable[[Header], bool]], ...] = (
        ("number of rows and columns", resized),
        ("orientation", turned),
        ("pixel spacing", stretched),
    )
    for name, differs in checks:
        others = [header for header in headers if differs(header)]
        if others:
            raise InputError(
                f"{len(others)} of {len(headers)} slices have another {name} than {first.title}, "
                f"the first of them {others[0].title}; keep one kind in the folder"
            )


def _lone_thickness(header: Header) -> float:
    if header.thickness is None or header.thickness <= 0:
        raise InputError(
            f"{header.title} stands alone and states no thickness, so it has no volume; give the "
            "whole series"
        )
    return header.thickness


def _check_grid(headers: Sequence[Header], places: Floats, normal: Floats) -> None:
    distances = places @ normal
    problems = [
        *_tilt(headers, places, normal),
        *_repeats(headers, distances),
        *_gaps(headers, distances),
    ]
    if problems:
        raise InputError(
            f"the {len(headers)} slices do not make a volume: {'; '.join(problems)}; export the "
            "series complete, or resample it to a regular grid first"
        )


def _tilt(headers: Sequence[Header], places: Floats, normal: Floats) -> list[str]:
    from_first = places - places[0]
    along = from_first @ normal
    beside = np.linalg.norm(from_first - np.outer(along, normal), axis=1)
    allowed = SHIFT_SHARE * min(_spacing(headers[0]))
    if beside.max() <= allowed:
        return []
    last = int(beside.argmax())
    angle = math.degrees(math.atan2(beside[last], along[last]))
    moved = f"they move {beside[last]:.3g} mm within their own plane"
    ends = f"from {headers[0].title} to {headers[last].title}"
    return [f"gantry tilt of {angle:.1f} degrees, for {ends} {moved}"]


def _repeats(headers: Sequence[Header], distances: Floats) -> list[str]:
    twice = np.flatnonzero(np.diff(distances) <= SAME_PLACE_MM)
    if not twice.size:
        return []
    pairs = [f"{headers[i].title} and {headers[i + 1].title}" for i in twice[:NAMED]]
    return [f"{twice.size} places occur twice, {', '.join(pairs)}{_more(twice.size)}"]


def _gaps(headers: Sequence[Header], distances: Floats) -> list[str]:
    kept = np.flatnonzero(np.diff(distances, prepend=-np.inf) > SAME_PLACE_MM)
    steps = np.diff(distances[kept])
    if not steps.size:
        return []
    usual = float(np.median(steps))
    odd = np.flatnonzero(np.abs(steps - usual) > UNEVEN_SHARE * usual)
    if not odd.size:
        drift = _off_grid(distances[kept])
        if drift <= UNEVEN_SHARE * usual:
            return []
        drifts = f"the distance between slices drifts from {steps[0]:.4g} to {steps[-1]:.4g} mm"
        return [f"{drifts}, up to {drift:.3g} mm off an even grid"]
    told = []
    for i in odd[:NAMED]:
        ratio = steps[i] / usual
        missing = round(ratio) - 1
        between = f"between {headers[kept[i]].title} and {headers[kept[i + 1]].title}"
        if missing >= 1 and abs(ratio - round(ratio)) <= UNEVEN_SHARE:
            told.append(f"{missing} slice{'s' if missing > 1 else ''} missing {between}")
        else:
            told.append(f"{steps[i]:.4g} mm {between} where most lie {usual:.4g} mm apart")
    return [f"{', '.join(told)}{_more(odd.size)}"]


def _grid_doubts(headers: Sequence[Header], distances: Floats) -> list[str]:
    step = float(distances[-1] - distances[0]) / (len(distances) - 1)
    doubts = []
    off = _off_grid(distances)
    if off > SAID_SHARE * step:
        doubts.append(f"slices lie up to {off:.3g} mm off an even grid of {step:.4g} mm")
    thickness = headers[0].thickness
    if thickness is not None and 0 < thickness < (1 - SAID_SHARE) * step:
        doubts.append(
            f"slices of {thickness:g} mm lie {step:.4g} mm apart: what is between was not scanned"
        )
    return doubts


def _off_grid(distances: Floats) -> float:
    even = np.linspace(distances[0], distances[-1], len(distances))
    return float(np.abs(distances - even).max())


def _more(count: int) -> str:
    return f" and {count - NAMED} more" if count > NAMED else ""


def _directions(header: Header) -> tuple[Floats, Floats]:
    cosines = np.array(header.orientation, dtype=np.float64)
    return cosines[:3], cosines[3:]


def _spacing(header: Header) -> tuple[float, float]:
    down, across = header.pixel_spacing or (0.0, 0.0)
    return down, across
