"""Attenuation of muscles on CT."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from enthesis.muscle.fat import MUSCLE_HU, in_window
from enthesis.muscle.levels import stretches
from enthesis.records import Measurement
from enthesis.regions import LabelVoxels, VertebralBody, finite


def attenuations(voxels: LabelVoxels, bodies: Mapping[str, VertebralBody]) -> list[Measurement]:
    """Mean attenuation of each muscle at each level, HU; empty unless the image holds HU.

    Returns
    -------
    Four measurements a muscle and level, on the slice through mid-body and over the body's height:
    ``attenuation_mean`` of the whole compartment, fat included, and ``muscle_attenuation`` of its
    voxels from -29 to 150 HU only. The two are not comparable: the second is bounded below and
    stays higher as fat replaces muscle.

    References
    ----------
    Aubrey J, et al. Measurement of skeletal muscle radiation attenuation and basis of its
    biological variation. Acta Physiol 2014;210:489-497. doi:10.1111/apha.12224
    """
    if voxels.quantity != "hounsfield":
        return []
    found = []
    for s in stretches(voxels, bodies):
        values, missing = finite(voxels.between(s.label, s.first, s.last))
        lean = values[in_window(values, MUSCLE_HU)]
        for name, counted, window in (
            ("attenuation_mean", values, "all voxels"),
            ("muscle_attenuation", lean, "-29 to 150 HU"),
        ):
            found.append(
                Measurement(
                    quantity=name,
                    value=float(counted.mean(dtype=np.float64)) if counted.size else math.nan,
                    region=s.muscle.structure,
                    side=s.muscle.side,
                    level=s.level,
                    method=f"{window}, {s.slices}",
                    flags=(*s.flags, *missing),
                )
            )
    return found
