"""Fat infiltration of muscles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.muscle.levels import stretches
from enthesis.records import Measurement
from enthesis.regions import LabelVoxels, VertebralBody, finite

MUSCLE_HU = (-29, 150)
"""Attenuation counted as muscle, HU, both bounds included (Aubrey 2014)."""

FAT_HU = (-190, -30)
"""Attenuation counted as fat, HU, both bounds included (Aubrey 2014)."""

NEITHER_SHARE = 0.05
"""Share of voxels outside both windows above which a compartment is flagged.

Noise of 30 HU puts well under 1% of muscle there; more means bone, calcium, air or contrast in it.
"""


def fat_infiltrations(
    voxels: LabelVoxels, bodies: Mapping[str, VertebralBody]
) -> list[Measurement]:
    """Fat infiltration of each muscle at each level by HU windows, %; empty unless HU.

    The share of fat voxels (-190 to -30 HU) among fat and muscle voxels (-29 to 150 HU) of the
    compartment, on the slice through mid-body and over the body's height. Bounds are included and
    HU are rounded to whole numbers first, so no value falls between -30 and -29.

    References
    ----------
    Aubrey J, et al. Measurement of skeletal muscle radiation attenuation and basis of its
    biological variation. Acta Physiol 2014;210:489-497. doi:10.1111/apha.12224
    Mitsiopoulos N, et al. Cadaver validation of skeletal muscle measurement by magnetic resonance
    imaging and computerized tomography. J Appl Physiol 1998;85:115-122.
    doi:10.1152/jappl.1998.85.1.115
    """
    if voxels.quantity != "hounsfield":
        return []
    found = []
    for s in stretches(voxels, bodies):
        values, missing = finite(voxels.between(s.label, s.first, s.last))
        fat = int(np.count_nonzero(in_window(values, FAT_HU)))
        lean = int(np.count_nonzero(in_window(values, MUSCLE_HU)))
        neither = values.size - fat - lean
        flags = (*s.flags, *missing)
        if neither > NEITHER_SHARE * values.size:
            flags = (
                *flags,
                f"{neither / values.size:.0%} of its voxels are neither fat nor muscle",
            )
        found.append(
            Measurement(
                quantity="fat_infiltration",
                value=100 * fat / (fat + lean) if fat + lean else math.nan,
                region=s.muscle.structure,
                side=s.muscle.side,
                level=s.level,
                method=f"HU -190..-30 of -190..150, {s.slices}",
                flags=flags,
            )
        )
    return found


def in_window(values: NDArray[Any], window: tuple[int, int]) -> NDArray[np.bool_]:
    """Which values, rounded to whole HU, lie within the window, both bounds included."""
    low, high = window
    # Half a unit beyond whole bounds is what rounding to whole HU admits, without a copy.
    inside: NDArray[np.bool_] = (values >= low - 0.5) & (values < high + 0.5)
    return inside
