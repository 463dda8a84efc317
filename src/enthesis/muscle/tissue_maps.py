"""Relaxation, diffusion and other maps averaged over muscles."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from enthesis.muscle.levels import Stretch
from enthesis.records import Measurement
from enthesis.regions import finite

MAPS = frozenset(
    {
        "t1",
        "t2",
        "t2_star",
        "r2_star",
        "fractional_anisotropy",
        "mean_diffusivity",
        "axial_diffusivity",
        "radial_diffusivity",
        "enhancement_maximum",
        "enhancement_slope",
        "k_trans",
        "v_e",
        "v_p",
    }
)
"""Quantities of an image whose mean over a muscle is a measure of the muscle."""


def map_means(stretches: Iterable[Stretch]) -> list[Measurement]:
    """Mean of each muscle on a quantitative map, in the map's own unit; empty on other images.

    All voxels count, those of fat too: fat lengthens T2 and lowers diffusivity, so a map of the
    fat fraction belongs beside these numbers.
    """
    found = []
    for s in stretches:
        if s.quantity not in MAPS:
            continue
        values, missing = finite(s.values)
        mean = float(values.mean(dtype=np.float64)) if values.size else math.nan
        found.append(s.measurement(s.quantity, mean, "mean of all voxels", missing))
    return found
