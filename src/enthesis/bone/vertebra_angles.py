"""Angles between endplates: kyphosis, lordosis and the sideways curve of the spine."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import LEVELS
from enthesis.bone.vertebra_heights import VertebralHeights
from enthesis.errors import InputError
from enthesis.records import Measurement

KYPHOSIS = ("T4", "T12")
LORDOSIS = ("L1", "L5")
"""Levels between whose outer endplates the usual angles are taken.

Lordosis is often read to the upper endplate of S1, which label maps of vertebrae rarely hold; the
disc of L5 and S1 adds some 15 degrees to what is read here.
"""


def sagittal_angle(
    spine: Mapping[str, VertebralHeights], upper: str, lower: str
) -> tuple[float, float]:
    """Angle between the upper endplate of one level and the lower endplate of another.

    Parameters
    ----------
    spine : heights by level
    upper, lower : levels, the upper one nearer to the head

    Returns
    -------
    angle in the sagittal plane, degrees, positive where the spine is hollow to the front
    (kyphosis), and its standard deviation from the voxels or points.

    Raises
    ------
    InputError : a level that was not measured, or the two in the wrong order.
    """
    first, last = _ends(spine, upper, lower)
    side = np.cross(first.front, first.up) + np.cross(last.front, last.up)
    return (
        _turn(first.upper, last.lower, side / np.linalg.norm(side)),
        math.hypot(first.angle_sd, last.angle_sd),
    )


def coronal_angle(
    spine: Mapping[str, VertebralHeights], upper: str, lower: str
) -> tuple[float, float]:
    """As `sagittal_angle` in the coronal plane; positive where the spine is hollow to the right."""
    first, last = _ends(spine, upper, lower)
    front = first.front + last.front
    return (
        _turn(first.upper, last.lower, -front / np.linalg.norm(front)),
        math.hypot(first.angle_sd, last.angle_sd),
    )


def spinal_angles(spine: Mapping[str, VertebralHeights]) -> list[Measurement]:
    """Thoracic kyphosis, lumbar lordosis and the greatest sideways angle, where levels allow.

    Parameters
    ----------
    spine : heights by level

    Returns
    -------
    ``kyphosis_angle`` (T4 to T12), ``lordosis_angle`` (L1 to L5), ``scoliosis_angle`` (the pair of
    levels between which it is greatest) in degrees, each with ``angle_sd``.

    Raises
    ------
    InputError : fewer than two levels.

    References
    ----------
    Cobb JR. Outline for the study of scoliosis. Instr Course Lect 1948;5:261-275.
    """
    levels = [level for level in LEVELS if level in spine]
    if len(levels) < 2:
        raise InputError(f"an angle wants two levels, got {', '.join(levels) or 'none'}")
    found: list[Measurement] = []
    for quantity, (upper, lower), sign in (
        ("kyphosis_angle", KYPHOSIS, 1.0),
        ("lordosis_angle", LORDOSIS, -1.0),
    ):
        if upper in spine and lower in spine:
            angle, sd = sagittal_angle(spine, upper, lower)
            found += _measurements(quantity, sign * angle, sd, upper, lower)
    sideways = {
        pair: coronal_angle(spine, *pair)
        for pair in itertools.combinations(levels, 2)
        if "six points" not in {spine[pair[0]].method, spine[pair[1]].method}
    }
    if sideways:
        pair = max(sideways, key=lambda pair: abs(sideways[pair][0]))
        found += _measurements("scoliosis_angle", abs(sideways[pair][0]), sideways[pair][1], *pair)
    return found


def _ends(
    spine: Mapping[str, VertebralHeights], upper: str, lower: str
) -> tuple[VertebralHeights, VertebralHeights]:
    missing = [level for level in (upper, lower) if level not in spine]
    if missing:
        raise InputError(f"{' and '.join(missing)} not measured; there are: {', '.join(spine)}")
    if LEVELS.index(upper) >= LEVELS.index(lower):
        raise InputError(f"{upper} does not lie above {lower}; name the upper level first")
    return spine[upper], spine[lower]


def _turn(
    first: NDArray[np.float64], last: NDArray[np.float64], axis: NDArray[np.float64]
) -> float:
    """Turn from the first to the last direction about an axis, degrees."""
    first, last = (n - axis * float(n @ axis) for n in (first, last))
    return math.degrees(math.atan2(float(np.cross(first, last) @ axis), float(first @ last)))


def _measurements(
    quantity: str, angle: float, sd: float, upper: str, lower: str
) -> list[Measurement]:
    return [
        Measurement(
            quantity=name,
            value=value,
            region="spine",
            level=f"{upper}_{lower}",
            method=f"Cobb, upper endplate of {upper} to lower endplate of {lower}",
        )
        for name, value in ((quantity, angle), ("angle_sd", sd))
    ]
