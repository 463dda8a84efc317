"""From the network's odds to regions with sides, as signed distances on the scan's own grid."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.image import Image
from enthesis.segment.distances import (
    FAR_MM,
    SignedDistances,
    Surface,
    signed_distance,
    surface_on_scan,
)
from enthesis.segment.midplane import Midplane, midplane
from enthesis.segment.network import WEIGHTS, Odds, network_odds
from enthesis.segment.network_frame import CLASSES
from enthesis.segment.resample import resampled

SIDED = ("erector_spinae", "multifidus", "quadratus_lumborum", "psoas_major")

WIDE = ("subcutaneous_fat", "skeletal_muscle")
"""Classes all around the trunk: found at the network's spacing, the others at half of it."""

POSTERIOR = ("erector_spinae", "multifidus")
"""Read as one compartment too: its outline is surer than the cleft between its two muscles."""

KEPT_PARTS = 0.2
"""Parts of a region smaller than this share of its largest one are islands, and left out."""

KEPT_PARTS_OF_MANY = 0.04
"""The same for bodies, discs and arches, which are many parts of unlike size."""

MANY = ("vertebral_body", "intervertebral_disc", "vertebra_posterior")

ISLAND_GAP = 2
"""Voxels of the network around a kept part that are no island."""

SURE, UNSURE = 1.0, -1.0
"""Margins at which an outline is drawn tighter and wider, to see how much the doubt matters."""

NO_SPINE = "the network saw no spinal canal behind vertebral bodies: no region was told apart"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NetworkReading:
    """What the network finds in a scan.

    Parameters
    ----------
    distances : bodies, discs, posterior elements, sacrum, canal, subcutaneous fat, the muscles of
        each side, ``deep_back_muscle`` (erector spinae and multifidus together) of each side, and
        ``skeletal_muscle``, which is all muscle of the trunk. Vertebrae and discs have no level yet
    steadiness : Dice of each region drawn tighter with the same drawn wider by doubt
    plane : what parts left from right; None where no spine was seen, and nothing else then
    """

    distances: SignedDistances
    steadiness: Mapping[str, float]
    plane: Midplane | None


def network_reading(image: Image, *, path: Path = WEIGHTS) -> NetworkReading:
    """What the network finds in a scan.

    Parameters
    ----------
    image : a CT in HU, or an MR of any weighting
    path : ONNX file

    Raises
    ------
    InputError : a field too small to be read, or no weights at this path.
    """
    odds = network_odds(image, path=path)
    canal = largest_parts(odds.of("spinal_canal") > 0, share=KEPT_PARTS)
    plane = _midplane(canal, odds)
    surfaces, steadiness = {}, {}
    if plane is not None:
        for name in (*CLASSES[1:], "deep_back_muscle"):
            for part, margin in _parts(name, odds, plane).items():
                if (found := _region(part, margin, canal, odds, image)) is not None:
                    surfaces[part], steadiness[part] = found
    distances = SignedDistances(
        shape=image.shape,
        affine=image.affine,
        surfaces=surfaces,
        reader=odds.network,
        notes=() if plane else (NO_SPINE,),
    )
    return NetworkReading(distances=distances, steadiness=steadiness, plane=plane)


def _midplane(canal: NDArray[np.bool_], odds: Odds) -> Midplane | None:
    bodies = (odds.of("vertebral_body") > 0) | (odds.of("intervertebral_disc") > 0)
    bodies |= odds.of("sacrum") > 0
    return midplane(canal, bodies, odds.spacing_mm)


def _parts(name: str, odds: Odds, plane: Midplane) -> dict[str, NDArray[np.float32]]:
    """Margins of one class, of each side where it has sides: region name → (I, J, K)."""
    margin = _margin(name, odds)
    if name not in (*SIDED, "deep_back_muscle"):
        return {name: margin}
    x, y, _ = (
        (np.arange(n) - (n - 1) / 2) * d for n, d in zip(margin.shape, odds.spacing_mm, strict=True)
    )
    right = plane.to_the_right(x, y, np.arange(float(margin.shape[2]))).astype(np.float32)
    return {
        f"{name}_left": np.minimum(margin, -right),
        f"{name}_right": np.minimum(margin, right),
    }


def _region(
    name: str,
    margin: NDArray[np.float32],
    canal: NDArray[np.bool_],
    odds: Odds,
    image: Image,
) -> tuple[Surface, float] | None:
    """Surface and steadiness of one region; None if there is nothing of it."""
    wide = name in WIDE
    share = KEPT_PARTS_OF_MANY if name in MANY else KEPT_PARTS
    coarse = margin > 0
    if not wide:
        coarse = largest_parts(beside_canal(coarse, canal), share=share)
    found = ndimage.find_objects(coarse.astype(np.uint8))
    if not found:
        return None
    reach = int(np.ceil(FAR_MM / odds.spacing_mm[0]))
    i, j, k = (
        slice(max(part.start - reach, 0), min(part.stop + reach, n))
        for part, n in zip(found[0], margin.shape, strict=True)
    )
    box, near = (i, j, k), margin[i, j, k]
    if not wide:
        # Islands are left out before the finer grid is made.
        kept = ndimage.binary_dilation(coarse[box], iterations=ISLAND_GAP)
        near = np.where(kept, near, np.minimum(near, 2 * UNSURE))
    steadiness = _steadiness(near)
    fine = 1 if wide else 2
    step = odds.spacing_mm[0] / fine
    if fine > 1:
        size = fine * near.shape[0], fine * near.shape[1], fine * near.shape[2]
        # Between voxels the excess of probability runs straight, not the odds: these have no bound,
        # and the surer side would push the surface away.
        near = resampled(np.tanh(near / 2), odds.spacing_mm, (step, step, step), size)
    depth = signed_distance(near >= _threshold(near, fine**3 * int(np.count_nonzero(coarse))), step)
    i, j, k = (slice(part.start * fine, part.stop * fine) for part in box)
    shape = fine * margin.shape[0], fine * margin.shape[1], fine * margin.shape[2]
    return surface_on_scan(depth, (i, j, k), shape, step, image), steadiness


def _threshold(values: NDArray[np.float32], n_inside: int) -> float:
    """The value that so many reach: smoothing must not make a region smaller."""
    return float(np.partition(values, values.size - n_inside, axis=None)[values.size - n_inside])


def _steadiness(margin: NDArray[np.float32]) -> float:
    tight, wide = float((margin > SURE).sum()), float((margin > UNSURE).sum())
    return 2 * tight / (tight + wide) if wide else 0.0


def _margin(name: str, odds: Odds) -> NDArray[np.float32]:
    # Where the best of several classes wins, their union does; elsewhere it loses by as much.
    if name == "deep_back_muscle":
        return np.asarray(np.maximum(*(odds.of(muscle) for muscle in POSTERIOR)))
    if name == "skeletal_muscle":
        return np.asarray(
            np.maximum.reduce([odds.of(muscle) for muscle in (*SIDED, "skeletal_muscle")])
        )
    return odds.of(name)


def beside_canal(mask: NDArray[np.bool_], canal: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The connected parts of a region that reach a height at which the spinal canal is seen.

    The bodies that the network learnt from end at S1: in a pelvis it takes buttocks for back
    muscles and the bladder for the sacrum.
    """
    (seen,) = np.nonzero(canal.any(axis=(0, 1)))
    parts, _ = ndimage.label(mask)
    beside = np.zeros(parts.max() + 1, bool)
    beside[parts[:, :, seen.min() : seen.max() + 1]] = True
    return np.asarray(beside[parts] & mask)


def largest_parts(mask: NDArray[np.bool_], *, share: float) -> NDArray[np.bool_]:
    """The connected parts of a region that have at least this share of the largest one's voxels."""
    parts, n_parts = ndimage.label(mask)
    if n_parts < 2:
        return mask
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    return np.asarray((sizes >= share * sizes.max())[parts] & mask)
