"""Attenuation of muscles on CT: means, and the parts of a cut by tissue."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from enthesis.muscle.levels import Stretch
from enthesis.muscle.windows import (
    FAT_HU,
    LOW_HU,
    MUSCLE_HU,
    NORMAL_HU,
    Window,
    in_window,
    share_within,
    words,
)
from enthesis.records import Measurement
from enthesis.regions import finite


def attenuations(stretches: Iterable[Stretch]) -> list[Measurement]:
    """Mean attenuation of each muscle, HU; empty unless the image holds HU.

    Returns
    -------
    Two measurements a stretch: ``attenuation_mean`` of the whole compartment, fat included, and
    ``muscle_attenuation`` of its voxels from -29 to 150 HU only. The two are not comparable: the
    second is bounded below and stays higher as fat replaces muscle. Its window is fixed, because
    cut-offs were made with it.

    References
    ----------
    Aubrey J, et al. Measurement of skeletal muscle radiation attenuation and basis of its
    biological variation. Acta Physiol 2014;210:489-497. doi:10.1111/apha.12224
    """
    found = []
    for s in stretches:
        if s.quantity != "hounsfield":
            continue
        values, missing = finite(s.values)
        lean = values[in_window(values, MUSCLE_HU)]
        for name, counted, window in (
            ("attenuation_mean", values, "all voxels"),
            ("muscle_attenuation", lean, f"{MUSCLE_HU[0]} to {MUSCLE_HU[1]} HU"),
        ):
            mean = float(counted.mean(dtype=np.float64)) if counted.size else math.nan
            found.append(s.measurement(name, mean, window, missing))
    return found


def attenuation_medians(stretches: Iterable[Stretch]) -> list[Measurement]:
    """Median and SD of the attenuation of each muscle, HU; empty unless the image holds HU."""
    found = []
    for s in stretches:
        if s.quantity != "hounsfield":
            continue
        values, missing = finite(s.values)
        median, sd = math.nan, math.nan
        if values.size:
            median, sd = float(np.median(values)), float(values.std(dtype=np.float64))
        found += [
            s.measurement("attenuation_median", median, "all voxels", missing),
            s.measurement("attenuation_sd", sd, "all voxels", missing),
        ]
    return found


def tissue_areas(
    stretches: Iterable[Stretch],
    *,
    muscle_hu: Window = MUSCLE_HU,
    low_hu: Window = LOW_HU,
    normal_hu: Window = NORMAL_HU,
    fat_hu: Window = FAT_HU,
) -> list[Measurement]:
    """Parts of each muscle's cut by attenuation, mm2; empty unless the image holds HU.

    Returns
    -------
    ``functional_area`` in the window of muscle and its two parts, ``low_attenuation_area`` and
    ``normal_attenuation_area``; ``intramuscular_fat_area`` in that of fat; ``noncontractile_area``,
    all that is not functional.

    References
    ----------
    Aubrey J, et al. Acta Physiol 2014;210:489-497. doi:10.1111/apha.12224
    """
    found = []
    for s in stretches:
        if s.quantity != "hounsfield":
            continue
        values, missing = finite(s.values)
        parts = {
            "functional_area": muscle_hu,
            "low_attenuation_area": low_hu,
            "normal_attenuation_area": normal_hu,
            "intramuscular_fat_area": fat_hu,
        }
        shares = {name: share_within(values, window) for name, window in parts.items()}
        found += [
            s.measurement(name, shares[name] * s.area, f"HU {words(window)}", missing)
            for name, window in parts.items()
        ]
        rest = (1 - shares["functional_area"]) * s.area
        found.append(
            s.measurement("noncontractile_area", rest, f"all but HU {words(muscle_hu)}", missing)
        )
    return found


def lean_areas(
    infiltrations: Iterable[Measurement], areas: Iterable[Measurement]
) -> list[Measurement]:
    """Area without fat of each muscle, from its fat infiltration and its area, mm2.

    Parameters
    ----------
    infiltrations : ``fat_infiltration`` by any method
    areas : ``area`` of the same muscles, levels and slices

    Returns
    -------
    ``functional_area`` and ``noncontractile_area``, with the method of the infiltration.
    """
    by_place = {
        (m.region, m.side, m.level, m.method.removeprefix("mean of ")): m
        for m in areas
        if m.quantity == "area"
    }
    found = []
    for m in infiltrations:
        how, _, slices = m.method.rpartition(", ")
        area = by_place.get((m.region, m.side, m.level, slices))
        if m.quantity != "fat_infiltration" or area is None:
            continue
        for name, share in (
            ("functional_area", 1 - m.value / 100),
            ("noncontractile_area", m.value / 100),
        ):
            found.append(
                Measurement(
                    quantity=name,
                    value=share * area.value,
                    region=m.region,
                    side=m.side,
                    level=m.level,
                    method=f"{how}, {slices}",
                    flags=m.flags,
                )
            )
    return found
