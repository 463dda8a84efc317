"""Fat infiltration of muscles on CT and on maps of the fat fraction."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from enthesis.muscle.anchors import Anchors
from enthesis.muscle.levels import Stretch
from enthesis.muscle.windows import FAT_HU, MUSCLE_HU, Window, in_window, words
from enthesis.records import Measurement
from enthesis.regions import finite

NEITHER_SHARE = 0.05
"""Share of voxels outside both windows above which a compartment is flagged.

Noise of 30 HU puts well under 1% of muscle there; more means bone, calcium, air or contrast in it.
"""

FAT_MAP = "fat_fraction"

PLAUSIBLE_FRACTION = (-20.0, 120.0)
"""Fat fractions in percent that noise can give; beyond, or all within 0 to 1, the scale is another
one."""


def fat_infiltrations(
    stretches: Iterable[Stretch],
    *,
    muscle_hu: Window = MUSCLE_HU,
    fat_hu: Window = FAT_HU,
) -> list[Measurement]:
    """Fat infiltration of each muscle by HU windows, %; empty unless the image holds HU.

    The share of fat voxels (-190 to -30 HU) among fat and muscle voxels (-29 to 150 HU) of the
    compartment. Bounds are included and HU are rounded to whole numbers first, so no value falls
    between -30 and -29.

    References
    ----------
    Aubrey J, et al. Measurement of skeletal muscle radiation attenuation and basis of its
    biological variation. Acta Physiol 2014;210:489-497. doi:10.1111/apha.12224
    Mitsiopoulos N, et al. Cadaver validation of skeletal muscle measurement by magnetic resonance
    imaging and computerized tomography. J Appl Physiol 1998;85:115-122.
    doi:10.1152/jappl.1998.85.1.115
    """
    found = []
    for s in stretches:
        if s.quantity != "hounsfield":
            continue
        values, missing = finite(s.values)
        fat = int(np.count_nonzero(in_window(values, fat_hu)))
        lean = int(np.count_nonzero(in_window(values, muscle_hu)))
        neither = values.size - fat - lean
        flags = missing
        if neither > NEITHER_SHARE * values.size:
            flags = (
                *flags,
                f"{neither / values.size:.0%} of its voxels are neither fat nor muscle",
            )
        together = (min(fat_hu[0], muscle_hu[0]), max(fat_hu[1], muscle_hu[1]))
        found.append(
            s.measurement(
                "fat_infiltration",
                100 * fat / (fat + lean) if fat + lean else math.nan,
                f"HU {words(fat_hu)} of {words(together)}",
                flags,
            )
        )
    return found


def fat_by_attenuation(stretches: Iterable[Stretch], anchors: Anchors) -> list[Measurement]:
    """Fat infiltration of each muscle by where its mean lies between lean muscle and fat, %.

    Attenuation mixes in proportion to volume, so a voxel that is half fat counts by half, where a
    window calls it one or the other: streaks thinner than a voxel are not lost. Empty unless the
    image holds HU.

    Parameters
    ----------
    stretches : muscles on slices
    anchors : attenuation of lean muscle and of fat, HU

    References
    ----------
    Goodpaster BH, Kelley DE, Thaete FL, He J, Ross R. Skeletal muscle attenuation determined by
    computed tomography is associated with skeletal muscle lipid content. J Appl Physiol
    2000;89:104-110. doi:10.1152/jappl.2000.89.1.104
    """
    found = []
    for s in stretches:
        if s.quantity != "hounsfield":
            continue
        values, missing = finite(s.values)
        mean = float(values.mean(dtype=np.float64)) if values.size else math.nan
        found.append(
            s.measurement(
                "fat_infiltration",
                100 * anchors.place(mean),
                f"mean HU between {anchors.words('HU')}",
                (*missing, *anchors.flags),
            )
        )
    return found


def fat_fractions(stretches: Iterable[Stretch]) -> list[Measurement]:
    """Mean, median and SD of the fat fraction of each muscle, %; empty unless a map of it.

    Returns
    -------
    ``fat_fraction``, ``fat_fraction_median`` and ``fat_fraction_sd``, and the mean once more as
    ``fat_infiltration``, whose method names the map. The mean stays unbiased where noise carries
    voxels below 0; the median of a muscle with little fat lies below it. Whether a map is a proton
    density fat fraction the map's source says; one of two echoes never is.
    """
    found = []
    for s in stretches:
        if s.quantity != FAT_MAP:
            continue
        values, missing = finite(s.values)
        numbers = dict.fromkeys(("mean", "median", "sd"), math.nan)
        flags = missing
        if values.size:
            numbers = {
                "mean": float(values.mean(dtype=np.float64)),
                "median": float(np.median(values)),
                "sd": float(values.std(dtype=np.float64)),
            }
            flags = (*flags, *_scale_doubts(numbers["mean"]))
        for name, value, how in (
            ("fat_fraction", numbers["mean"], "mean of all voxels"),
            ("fat_fraction_median", numbers["median"], "all voxels"),
            ("fat_fraction_sd", numbers["sd"], "all voxels"),
        ):
            found.append(s.measurement(name, value, how, flags))
        found.append(s.measurement("fat_infiltration", numbers["mean"], "mean fat fraction", flags))
    return found


def _scale_doubts(mean: float) -> tuple[str, ...]:
    low, high = PLAUSIBLE_FRACTION
    if low <= mean <= high:
        return ()
    return (f"a mean of {mean:.0f} is no fat fraction in percent: check the map's scale",)
