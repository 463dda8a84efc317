"""Body composition on slices of a CT: muscle, and fat under the skin, among organs, in muscle."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

import numpy as np

from enthesis.muscle.levels import Stretch, stretches
from enthesis.muscle.windows import (
    FAT_HU,
    MUSCLE_HU,
    VISCERAL_FAT_HU,
    in_window,
    share_within,
    words,
)
from enthesis.records import Measurement
from enthesis.regions import LabelVoxels, VertebralBody, finite

WHOLE_MUSCLE = "skeletal_muscle"
"""The region of all skeletal muscle of a slice."""

FAT_WINDOWS = {
    "subcutaneous_fat": FAT_HU,
    "intermuscular_fat": FAT_HU,
    "visceral_fat": VISCERAL_FAT_HU,
    "torso_fat": VISCERAL_FAT_HU,
}
"""Window of each region of fat."""

INDEX_LEVEL = "L3"
"""The level at which cut-offs of the index and of the attenuation were made."""


def body_composition(
    voxels: LabelVoxels,
    bodies: Mapping[str, VertebralBody],
    *,
    levels: Collection[str] = (),
    height_m: float | None = None,
) -> list[Measurement]:
    """Areas of muscle and fat on the slice through mid-body of each level; empty unless HU.

    Parameters
    ----------
    voxels : labelled voxels of a CT; regions are those of `anatomy` of kind fat, and
        ``skeletal_muscle``
    bodies : vertebral bodies, by level
    levels : all if empty
    height_m : m; without it there are no indices

    Returns
    -------
    Of each region of fat ``area`` as labelled and ``adipose_area``, its part from -190 to -30 HU
    (-150 to -50 among organs); of ``skeletal_muscle`` ``functional_area``, its part from -29 to
    150 HU. At L3 with height ``skeletal_muscle_index`` (SMI) from that part, and
    ``skeletal_muscle_gauge``, the index times its mean attenuation (SMD).

    References
    ----------
    Mourtzakis M, et al. Appl Physiol Nutr Metab 2008;33:997-1006. doi:10.1139/H08-075
    Aubrey J, et al. Acta Physiol 2014;210:489-497. doi:10.1111/apha.12224
    """
    if voxels.quantity != "hounsfield":
        return []
    found = []
    for s in stretches(voxels, bodies, slices=("mid-body",), kind="fat", levels=levels):
        values, missing = finite(s.values)
        window = FAT_WINDOWS[s.muscle.structure]
        found += [
            s.measurement("area", s.area, flags=missing),
            s.measurement(
                "adipose_area",
                share_within(values, window) * s.area,
                f"HU {words(window)}",
                missing,
            ),
        ]
    for s in stretches(
        voxels, bodies, slices=("mid-body",), structures={WHOLE_MUSCLE}, levels=levels
    ):
        if height_m is not None and s.level == INDEX_LEVEL:
            found += _indices(s, height_m)
    return found


def _indices(s: Stretch, height_m: float) -> list[Measurement]:
    values, missing = finite(s.values)
    lean = values[in_window(values, MUSCLE_HU)]
    index = share_within(values, MUSCLE_HU) * s.area / 100 / height_m**2
    density = float(lean.mean(dtype=np.float64)) if lean.size else math.nan
    how = f"HU {words(MUSCLE_HU)}"
    return [
        s.measurement("skeletal_muscle_index", index, how, missing),
        s.measurement("skeletal_muscle_gauge", index * density, how, missing),
    ]
