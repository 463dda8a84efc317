"""Fat infiltration on T1- and T2-weighted images, each estimate anchored in the scan."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.muscle.anchors import Anchors
from enthesis.muscle.levels import Stretch
from enthesis.muscle.mixture import fit_mixture
from enthesis.records import Measurement
from enthesis.regions import finite

SIGNAL_METHODS = {
    "reference": "mean signal",
    "otsu": "Otsu's threshold",
    "gmm2": "mixture of two",
    "gmm3": "mixture of three",
}
"""Methods by name, and their words."""

TWO_TISSUES = 0.5
"""Least distance between the means of two classes that is believed, as a share of the anchors'.

A single bell split in two gives means 1.6 standard deviations apart, so noise below a third of the
distance from muscle to fat never passes for a second tissue.
"""

OTSU_BINS = 256

FEWEST = 20
"""Voxels below which no threshold is looked for."""

ONE_TISSUE_FLAG = "one tissue only: no threshold divides it, its mean was placed instead"


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueShares:
    """What a compartment is made of; the three shares have the sum 1.

    Parameters
    ----------
    muscle, mixed, fat : shares, 0..1; mixed only of three classes and of one tissue
    infiltration : fat in the compartment, 0..1: the class of fat, and of the mixed one the part at
        which its mean lies between the anchors
    one_tissue : whether no second tissue was found
    """

    muscle: float
    mixed: float
    fat: float
    infiltration: float
    one_tissue: bool


def tissue_shares(values: NDArray[Any], anchors: Anchors, *, method: str) -> TissueShares:
    """Shares of muscle and fat among the voxels of one compartment.

    Parameters
    ----------
    values : (n,) signal, finite
    anchors : signal of lean muscle and of fat; fat may be the brighter or the darker
    method : a key of `SIGNAL_METHODS`: "reference" places the mean between the anchors, "otsu"
        divides at Otsu's threshold, "gmm2" and "gmm3" fit normal distributions

    Raises
    ------
    InputError : unknown method, or no voxel.

    Notes
    -----
    Classes count only if they are two tissues: their means at least half as far apart as the
    anchors, that of the fatty one nearer to fat. Otherwise the compartment is one tissue, and its
    mean is placed between the anchors. There is no randomness: mixtures begin at the anchors.

    References
    ----------
    Otsu N. IEEE Trans Syst Man Cybern 1979;9:62-66. doi:10.1109/TSMC.1979.4310076
    """
    if method not in SIGNAL_METHODS:
        known = ", ".join(SIGNAL_METHODS)
        raise InputError(f"no fat method named {method!r}; known are: {known}")
    if not values.size:
        raise InputError("there is no voxel to divide into tissues")
    # On this scale muscle is 0 and fat 1, whichever is brighter.
    x = (values.astype(np.float64) - anchors.muscle) / (anchors.fat - anchors.muscle)
    if method == "reference" or x.size < FEWEST:
        return _one_tissue(x, one_tissue=False)
    if method == "otsu":
        threshold = otsu(x)
        above = x >= threshold
        share = float(above.mean())
        if not 0 < share < 1 or not _two(float(x[~above].mean()), float(x[above].mean())):
            return _one_tissue(x)
        return TissueShares(
            muscle=1 - share, mixed=0.0, fat=share, infiltration=share, one_tissue=False
        )
    begin = (0.0, 1.0) if method == "gmm2" else (0.0, 0.5, 1.0)
    fit = fit_mixture(np.round(x, 4), begin)
    order = np.argsort(fit.means)
    shares, means = fit.shares[order], fit.means[order]
    if not _two(float(means[0]), float(means[-1])):
        return _one_tissue(x)
    mixed = float(shares[1]) if method == "gmm3" else 0.0
    fat = float(shares[-1])
    within = float(np.clip(means[1], 0, 1)) if method == "gmm3" else 0.0
    return TissueShares(
        muscle=1 - mixed - fat,
        mixed=mixed,
        fat=fat,
        infiltration=fat + mixed * within,
        one_tissue=False,
    )


def signal_fat_infiltrations(
    stretches: Iterable[Stretch],
    anchors: Anchors,
    *,
    methods: Sequence[str] = ("reference",),
) -> list[Measurement]:
    """Fat infiltration of each muscle on a conventional MR image, %, by each method.

    Parameters
    ----------
    stretches : muscles on slices of an image that holds "signal"
    anchors : signal of lean muscle and of fat
    methods : keys of `SIGNAL_METHODS`

    Raises
    ------
    InputError : the image is a CT, whose attenuation needs no clustering, or a quantitative map.
    """
    found = []
    for s in stretches:
        if s.quantity != "signal":
            raise InputError(
                f"clusters and references of signal are for T1- and T2-weighted images, not for "
                f"{s.quantity!r}; on CT use windows of HU, on a fat-fraction map its mean"
            )
        values, missing = finite(s.values)
        for method in methods:
            value, flags = math.nan, (*missing, *anchors.flags)
            if values.size:
                shares = tissue_shares(values, anchors, method=method)
                value = 100 * shares.infiltration
                flags = (*flags, ONE_TISSUE_FLAG) if shares.one_tissue else flags
            found.append(
                s.measurement(
                    "fat_infiltration",
                    value,
                    f"{SIGNAL_METHODS[method]} between {anchors.words()}",
                    flags,
                )
            )
    return found


def muscle_fat_indices(stretches: Iterable[Stretch], anchors: Anchors) -> list[Measurement]:
    """Mean signal of each muscle over that of the reference fat.

    No share of fat: lean muscle has an index of its own on every sequence, and coil and receiver
    shading enter it. Raises nothing; empty unless the image holds "signal".
    """
    found = []
    for s in stretches:
        if s.quantity != "signal":
            continue
        values, missing = finite(s.values)
        mean = float(values.mean(dtype=np.float64)) if values.size else math.nan
        found.append(
            s.measurement(
                "muscle_fat_index",
                mean / anchors.fat,
                f"mean over {anchors.fat:.0f} of fat ({anchors.fat_from})",
                missing,
            )
        )
    return found


def otsu(values: NDArray[np.float64]) -> float:
    """Threshold that divides values into the two classes with the greatest variance between.

    Parameters
    ----------
    values : (n,), at least two different ones; otherwise the value itself

    Returns
    -------
    The threshold; the upper class lies at or above it.
    """
    counts, edges = np.histogram(values, bins=OTSU_BINS)
    middle = (edges[:-1] + edges[1:]) / 2
    below = counts.cumsum()[:-1].astype(np.float64)
    above = counts.sum() - below
    sums = (counts * middle).cumsum()
    low, high = below > 0, above > 0
    split = low & high
    if not split.any():
        return float(edges[0])
    means_below = sums[:-1] / np.maximum(below, 1)
    means_above = (sums[-1] - sums[:-1]) / np.maximum(above, 1)
    between = np.where(split, below * above * (means_above - means_below) ** 2, -1.0)
    best = np.flatnonzero(between == between.max())
    # A gap between two classes holds the maximum all along; its middle divides it.
    return float(edges[1 + round((best[0] + best[-1]) / 2)])


def _two(lower: float, upper: float) -> bool:
    return upper - lower >= TWO_TISSUES and lower < 0.5 < upper


def _one_tissue(x: NDArray[np.float64], *, one_tissue: bool = True) -> TissueShares:
    place = float(np.clip(x.mean(), 0, 1))
    return TissueShares(
        muscle=1 - place, mixed=0.0, fat=place, infiltration=place, one_tissue=one_tissue
    )
