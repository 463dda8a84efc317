"""How good each region is likely to be, and which ones a person should look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.anatomy import region
from enthesis.image import voxel_volume
from enthesis.segment.distances import SignedDistances, Surface
from enthesis.segment.fusion import Agreement

AGREED_BELOW: Mapping[str, float] = {
    "vertebral_body": 0.80,
    "intervertebral_disc": 0.85,
    "spinal_canal": 0.78,
    "deep_back_muscle": 0.65,
    "psoas_major": 0.825,
}
"""Agreement of the two readers below which a region is to be looked at. Where they part, the back
muscles are drawn as the network sees them, which holds; discs as geometry does, which need not."""

STEADY_BELOW: Mapping[str, float] = {
    "vertebral_body": 0.80,
    "intervertebral_disc": 0.82,
    "vertebra_posterior": 0.80,
    "sacrum": 0.75,
    "spinal_canal": 0.88,
    "deep_back_muscle": 0.815,
    "erector_spinae": 0.81,
    "multifidus": 0.80,
    "quadratus_lumborum": 0.895,
    "psoas_major": 0.825,
}
"""Agreement of the network with itself below which a region is to be looked at. All bars were set
on one real CT and its changed versions, one real MR, and simulated bodies, so that regions with a
Dice under 0.8 fall below: expect them to miss more on other scans."""

SMOOTH_BELOW = 0.55
"""Least Dice of a slice's cut with the next one's, median along the region."""

UNLIKE_SIDES = 0.35
"""Left and right may differ in volume by this share of their mean before it is remarked on."""

FEWEST_ML = 0.3
"""A region smaller than this is a scrap, mL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegionQuality:
    """What speaks for and against one region.

    Parameters
    ----------
    score : 0 to 1: the least of the agreements that are known
    agreement : Dice of the two readers; None where only one knows the region
    steadiness : Dice of the region drawn tighter with the region drawn wider by doubt; None where
        its reader does not say how sure it is
    reasons : why it should be looked at, one sentence each; empty if nothing speaks against it
    """

    score: float
    agreement: float | None
    steadiness: float | None
    reasons: tuple[str, ...]

    @property
    def review(self) -> bool:
        """Whether a person should look at this region before it is used."""
        return bool(self.reasons)


def region_quality(
    distances: SignedDistances,
    names: Iterable[str],
    *,
    agreement: Mapping[str, Agreement],
    steadiness: Mapping[str, float],
) -> dict[str, RegionQuality]:
    """The quality of regions that were found.

    Parameters
    ----------
    distances : the answer
    names : regions asked about
    agreement : of the two readers, by region
    steadiness : of the network with itself, by region
    """
    millilitres = voxel_volume(distances.affine) / 1000
    surfaces = {name: distances.surfaces[name] for name in names}
    volumes = {
        name: np.count_nonzero(surface.deeper_than(0)) * millilitres
        for name, surface in surfaces.items()
    }
    found = {}
    for name, surface in surfaces.items():
        agreed = agreement[name].dice if name in agreement else None
        steady = steadiness.get(name)
        known = [value for value in (agreed, steady) if value is not None]
        reasons = _disagreement(name, agreed)
        if steady is not None and steady < STEADY_BELOW.get(region(name).structure, 0.0):
            reasons.append(f"the network is unsure of its outline ({steady:.2f})")
        reasons += _shape_doubts(name, surface, volumes, distances.shape)
        found[name] = RegionQuality(
            score=float(min(known, default=0.0)),
            agreement=agreed,
            steadiness=steady,
            reasons=tuple(reasons),
        )
    return found


def judged_again(name: str, quality: RegionQuality, *, agreement: float) -> RegionQuality:
    """The quality of a part of a region, on which the readers agree otherwise than on the whole.

    Parameters
    ----------
    name : of the part
    quality : of the whole
    agreement : of the two readers on the part
    """
    known = [agreement] if quality.steadiness is None else [agreement, quality.steadiness]
    before = _disagreement(name, quality.agreement)
    others = tuple(reason for reason in quality.reasons if reason not in before)
    return replace(
        quality,
        score=min(known),
        agreement=agreement,
        reasons=(*_disagreement(name, agreement), *others),
    )


def _disagreement(name: str, agreed: float | None) -> list[str]:
    if agreed is None or agreed >= AGREED_BELOW.get(region(name).structure, 0.0):
        return []
    return [f"the two readers agree by only {agreed:.2f}"]


def _shape_doubts(
    name: str, surface: Surface, volumes: Mapping[str, float], shape: tuple[int, int, int]
) -> list[str]:
    inside = surface.deeper_than(0)
    doubts = []
    if volumes[name] < FEWEST_ML:
        doubts.append(f"it holds only {volumes[name]:.2g} mL")
    other = _other_side(name)
    if other in volumes:
        mean = (volumes[name] + volumes[other]) / 2
        if mean > 0 and abs(volumes[name] - volumes[other]) / mean > UNLIKE_SIDES:
            doubts.append(f"left and right differ by {abs(1 - volumes[other] / mean) * 2:.0%}")
    if name.endswith(("_left", "_right")) and (smooth := _smoothness(inside)) < SMOOTH_BELOW:
        doubts.append(f"its cuts change from slice to slice (overlap {smooth:.2f})")
    if _cut_at_the_side(inside, surface, shape):
        doubts.append("it reaches the side of the field and may be cut off")
    return doubts


def _other_side(name: str) -> str:
    if name.endswith("_left"):
        return name.removesuffix("_left") + "_right"
    return name.removesuffix("_right") + "_left" if name.endswith("_right") else ""


def _smoothness(inside: NDArray[np.bool_]) -> float:
    """Median Dice of each cut with the one above it, among those that are not at an end."""
    sizes = inside.sum(axis=(0, 1))
    shared = (inside[:, :, 1:] & inside[:, :, :-1]).sum(axis=(0, 1))
    both = np.minimum(sizes[1:], sizes[:-1]) > 0.2 * max(int(sizes.max()), 1)
    if not both.any():
        return 1.0
    return float(np.median(2 * shared[both] / (sizes[1:] + sizes[:-1])[both]))


def _cut_at_the_side(
    inside: NDArray[np.bool_], surface: Surface, shape: tuple[int, int, int]
) -> bool:
    """Whether a region lies on the first or last column or row of the scan."""
    around = ndimage.find_objects(inside.astype(np.uint8))
    if not around:
        return False
    for axis in (0, 1):
        start = surface.box[axis].start + around[0][axis].start
        stop = surface.box[axis].start + around[0][axis].stop
        if start <= 0 or stop >= shape[axis]:
            return True
    return False
