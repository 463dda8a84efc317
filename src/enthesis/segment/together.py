"""What the readers of a scan found, put together: one label map, its tissues, and its quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import region
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.segment.distances import SignedDistances, Surface
from enthesis.segment.fusion import Agreement, fused
from enthesis.segment.geometry import GeometryReading
from enthesis.segment.midpoint import Midpoint, fat_muscle_midpoint, within_epimuscular_fat
from enthesis.segment.network_reader import NetworkReading
from enthesis.segment.quality import RegionQuality, judged_again, region_quality
from enthesis.segment.spine import Spine
from enthesis.segment.tissues import numbers_in, tissue_map

Outline = Literal["fascia", "muscle"]
"""How a muscle is drawn: along its fascia, the fat under it included, or along its own border."""

SIDES = ("left", "right")

LABELLED = (
    "vertebral_body",
    "intervertebral_disc",
    "vertebra_posterior",
    "sacrum",
    "spinal_canal",
    *(f"{name}_{side}" for name in ("deep_back_muscle", "psoas_major") for side in SIDES),
    *(f"quadratus_lumborum_{side}" for side in SIDES),
)
"""Regions that share the voxels among them, each voxel to the one in which it lies deepest."""

NO_LEVELS = "levels are unknown: name them before anything is measured by level"

MUSCLES = (
    "deep_back_muscle",
    "erector_spinae",
    "multifidus",
    "quadratus_lumborum",
    "psoas_major",
)

GEOMETRY_DRAWS = ("vertebral_body", "intervertebral_disc")
"""Regions of a CT that geometry draws alone, the network agreeing or not: on a real scan the
network counts the blurred endplates to the discs: those of its simulated bodies are brighter."""

SPLIT_NOTE = (
    "the border between multifidus and erector spinae is experimental: no reference has proven it; "
    "use the two together"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segmentation:
    """A scan's regions with their quality.

    Parameters
    ----------
    labels : bones, discs, canal and paraspinal muscles; vertebrae with their levels where these
        could be told, else all in one
    tissues : muscle and fat of the whole trunk; None where they could not be told apart
    quality : of each region of `labels`, by name, and of ``deep_back_muscle``, which is erector
        spinae and multifidus together
    midpoint : between fat and muscle of this scan
    notes : what to know before the regions are used, one sentence each
    spine : where each vertebra lies and what it is called; None where geometry saw none
    """

    labels: LabelMap
    tissues: LabelMap | None
    quality: Mapping[str, RegionQuality]
    midpoint: Midpoint
    notes: tuple[str, ...]
    spine: Spine | None = None

    @property
    def to_review(self) -> tuple[str, ...]:
        """Names of the regions that a person should look at."""
        return tuple(name for name, quality in self.quality.items() if quality.review)


def together(
    image: Image,
    *,
    network: NetworkReading | None,
    geometry: GeometryReading | None,
    outline: Outline = "fascia",
) -> Segmentation:
    """One answer from the network, the geometry, or both.

    Parameters
    ----------
    image : what they read
    network, geometry : what they found; None where one could not read
    outline : "fascia" holds the fat between a muscle and its fascia, "muscle" leaves it out; the
        two differ by 14 % in erector spinae area

    Raises
    ------
    InputError : no reader, or an outline of another name.
    GridError : a reader's grid is not the image's.
    """
    if outline not in ("fascia", "muscle"):
        raise InputError(f"outline is 'fascia' or 'muscle', got {outline!r}")
    distances, agreement = _common(network, geometry)
    midpoint = _midpoint(image, distances)
    origin = f"automatic:{distances.reader}, outline along the {outline}"
    array, names = _labels(distances)
    if outline == "muscle":
        for number, name in names.items():
            if name.rpartition("_")[0] in MUSCLES:
                inside = array == number
                array[inside & ~within_epimuscular_fat(inside, image, midpoint)] = 0
    asked = {*names.values(), *(f"deep_back_muscle_{side}" for side in SIDES)}
    quality = region_quality(
        distances,
        [name for name in distances.surfaces if name in asked],
        agreement=agreement,
        steadiness=network.steadiness if network else {},
    )
    labels = LabelMap(
        array=array, affine=image.affine, names=names, origin=origin, source=image.source
    )
    notes = list(distances.notes)
    if geometry and geometry.spine:
        labels = geometry.spine.levelled(labels)
        quality |= _of_levels(labels, quality, agreement)
        notes.append(f"levels: {geometry.spine.levels.reason}")
    else:
        notes.append(NO_LEVELS)
    if any(name.startswith("multifidus") for name in names.values()):
        notes.append(SPLIT_NOTE)
    plane = network.plane if network else None
    return Segmentation(
        labels=labels,
        tissues=tissue_map(image, distances, plane, midpoint, origin=origin) if plane else None,
        quality=quality,
        midpoint=midpoint,
        notes=tuple(notes),
    )


def _common(
    network: NetworkReading | None, geometry: GeometryReading | None
) -> tuple[SignedDistances, Mapping[str, Agreement]]:
    if network and geometry and network.distances.surfaces and geometry.distances.surfaces:
        both = fused(network.distances, geometry.distances)
        drawn = {
            name: geometry.distances.surfaces[name]
            for name in GEOMETRY_DRAWS
            if name in geometry.distances.surfaces
        }
        surfaces = {**both.distances.surfaces, **drawn}
        return replace(both.distances, surfaces=surfaces), both.agreement
    for one in (network, geometry):
        if one and one.distances.surfaces:
            return one.distances, {}
    if network or geometry:
        raise InputError(
            "no spine was seen in this scan: it must show a lumbar spine in axial slices; "
            "segment it by a model backend or by hand"
        )
    raise InputError("no reader could read this scan; segment it by a backend or by hand")


def _of_levels(
    labels: LabelMap,
    quality: Mapping[str, RegionQuality],
    agreement: Mapping[str, Agreement],
) -> dict[str, RegionQuality]:
    """Quality of each vertebra and disc: its structure's, with the agreement on its own slices."""
    found = {}
    for number, name in labels.names.items():
        whole = region(name).structure
        if not region(name).level or whole not in quality:
            continue
        judged = quality[whole]
        if whole in agreement:
            slices = np.flatnonzero((labels.array == number).any(axis=(0, 1)))
            here = float(np.nanmean(agreement[whole].by_slice[slices]))
            judged = judged_again(name, judged, agreement=here)
        found[name] = judged
    return found


def _midpoint(image: Image, distances: SignedDistances) -> Midpoint:
    names = [f"{name}_{side}" for name in ("deep_back_muscle", "psoas_major") for side in SIDES]
    muscles = [distances.surfaces[name] for name in names if name in distances.surfaces]
    return fat_muscle_midpoint(image, muscles, distances.surfaces.get("subcutaneous_fat"))


def _labels(distances: SignedDistances) -> tuple[NDArray[np.uint8], dict[int, str]]:
    """Labels and their names; the posterior compartment is parted at its cleft if that is known."""
    array = np.zeros(distances.shape, np.uint8)
    deepest = np.zeros(distances.shape, np.float16)
    names: dict[int, str] = {}
    for name in LABELLED:
        surface = distances.surfaces.get(name)
        if surface is None:
            continue
        number = len(names) + 1
        wins = surface.depth > deepest[surface.box]
        if not wins.any():
            continue
        names[number] = name
        array[surface.box][wins] = number
        deepest[surface.box][wins] = surface.depth[wins]
        if name.startswith("deep_back_muscle"):
            _part(array, names, number, surface, distances)
    present = numbers_in(array)
    return array, {number: name for number, name in names.items() if number in present}


def _part(
    array: NDArray[np.uint8],
    names: dict[int, str],
    number: int,
    surface: Surface,
    distances: SignedDistances,
) -> None:
    """Part the voxels of the posterior compartment between its two muscles."""
    side = names[number].rpartition("_")[2]
    inner = distances.surfaces.get(f"multifidus_{side}")
    outer = distances.surfaces.get(f"erector_spinae_{side}")
    if inner is None or outer is None:
        return
    box = surface.box
    names[number] = f"erector_spinae_{side}"
    names[number + 1] = f"multifidus_{side}"
    medial = inner.within(box) > outer.within(box)
    array[box][(array[box] == number) & medial] = number + 1
