"""What the readers of a scan found, put together: one label map, its tissues, and its quality."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from enthesis.anatomy import region
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.segment.distances import SignedDistances, inside_box, shared_box, slabs, whole_box
from enthesis.segment.fusion import Agreement, fused
from enthesis.segment.geometry import GeometryReading
from enthesis.segment.midpoint import Midpoint, fat_muscle_midpoint, within_epimuscular_fat
from enthesis.segment.network_reader import NetworkReading
from enthesis.segment.quality import RegionQuality, judged_again, region_quality
from enthesis.segment.spine import Spine
from enthesis.segment.tissues import names_in, tissue_map

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

BONES_OF_GEOMETRY = ("vertebral_body", "intervertebral_disc")
"""Regions of a CT of which geometry is the better reader: on a real scan the network counts the
blurred endplates to the discs, those of its simulated bodies being brighter."""

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
    labels = _labels(image, distances, origin)
    if outline == "muscle":
        labels = _without_epimuscular_fat(labels, image, midpoint)
    asked = {*labels.names.values(), *(f"deep_back_muscle_{side}" for side in SIDES)}
    quality = region_quality(
        distances,
        [name for name in distances.surfaces if name in asked],
        agreement=agreement,
        steadiness=network.steadiness if network else {},
    )
    notes = list(distances.notes)
    if geometry and geometry.spine:
        labels = geometry.spine.levelled(labels)
        quality |= _of_levels(labels, quality, agreement)
        reason = geometry.spine.levels.reason
        notes.append(reason if reason.startswith("levels") else f"levels: {reason}")
    else:
        notes.append(NO_LEVELS)
    if any(name.startswith("multifidus") for name in labels.names.values()):
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
        both = fused(network.distances, geometry.distances, mostly_second=BONES_OF_GEOMETRY)
        return both.distances, both.agreement
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


def _labels(image: Image, distances: SignedDistances, origin: str) -> LabelMap:
    """Each voxel's region; the posterior compartment is parted at its cleft if that is known."""
    surfaces = distances.surfaces
    known = [name for name in LABELLED if name in surfaces]
    names = dict(enumerate((part for name in known for part in _parts(name, distances)), start=1))
    numbers = {name: number for number, name in names.items()}
    array = np.zeros(distances.shape, np.uint8, order="F")
    for slab in slabs(whole_box(distances.shape)):
        deepest = np.zeros(array[slab].shape, np.float32)
        for name in known:
            if (box := shared_box(surfaces[name].box, slab)) is None:
                continue
            depth, most = surfaces[name].read(box), deepest[inside_box(box, slab)]
            wins = depth > most
            most[wins] = depth[wins]
            first, *others = _parts(name, distances)
            array[box][wins] = numbers[first]
            for other in others:
                medial = surfaces[other].within(box) > surfaces[first].within(box)
                array[box][wins & medial] = numbers[other]
    return LabelMap(
        array=array,
        affine=image.affine,
        names=names_in(array, names),
        origin=origin,
        source=image.source,
    )


def _without_epimuscular_fat(labels: LabelMap, image: Image, midpoint: Midpoint) -> LabelMap:
    array = labels.array.copy(order="K")
    muscles = [n for n, name in labels.names.items() if name.rpartition("_")[0] in MUSCLES]
    # Fat is looked for within each slice: slabs change nothing.
    for slab in slabs(whole_box(labels.shape)):
        labelled, seen = array[slab], replace(image, array=image.array[slab])
        for number in muscles:
            inside = labelled == number
            labelled[inside & ~within_epimuscular_fat(inside, seen, midpoint)] = 0
    return replace(labels, array=array)


def _parts(name: str, distances: SignedDistances) -> tuple[str, ...]:
    """The regions that a region is labelled as: the two muscles of a posterior compartment."""
    muscle, _, side = name.rpartition("_")
    parts = f"erector_spinae_{side}", f"multifidus_{side}"
    if muscle == "deep_back_muscle" and set(parts) <= set(distances.surfaces):
        return parts
    return (name,)
