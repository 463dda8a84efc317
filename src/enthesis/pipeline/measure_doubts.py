"""What is doubtful about a scan and its regions, one sentence each."""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

import numpy as np

from enthesis.anatomy import STRUCTURES, region
from enthesis.image import Image
from enthesis.records import Measurement

PLAUSIBLE_MUSCLE_HU = (-150, 200)
"""Where the median of a muscle on CT can lie, HU, from all fat to strongly enhanced; else no HU."""

REFERENCE_KVP = 120
"""Tube voltage at which the cut-offs of attenuation were made, kVp."""

LARGEST_SHARE = 2.0
"""A fat-fraction map of percent has fat under the skin, far above this."""

LARGEST_PERCENT = 300.0
"""Noise in air may carry a voxel past 100%, or below 0, not this far."""

OF_BODIES = ("vertebra", "lumbar_spine", "spine")
"""Regions that are measured on the labels of vertebral bodies."""

TILT_DEGREES = 10.0
"""Tilt of the slices against the axial plane from which it is said, degrees.

An upright muscle is cut 1 / cos(tilt) times larger: by 1.5% at 10 degrees.
"""

SKEW_DEGREES = 1.0
"""How far two voxel axes may be from a right angle, degrees; rounded headers stay far below."""

VOXEL_EDGE_MM = (0.001, 30.0)
"""Edges of a voxel that are believed, mm: synchrotron micro-CT to thrice the thickest CT slice."""


def grid_doubts(image: Image) -> list[str]:
    """Doubts about where the voxels lie and how large they are."""
    doubts = []
    axes = image.affine[:3, :3] / np.array(image.spacing)
    # The normal of the slices, which for a skewed grid is not the direction of K.
    normal = np.cross(axes[:, 0], axes[:, 1])
    tilt = math.degrees(math.acos(min(1.0, abs(float(normal[2])) / float(np.linalg.norm(normal)))))
    if tilt >= TILT_DEGREES:
        doubts.append(
            f"the slices are tilted by {tilt:.0f} degrees from the axial plane: areas are in their "
            "plane and not comparable with axial ones"
        )
    skew = max(
        abs(90 - math.degrees(math.acos(float(np.clip(one @ other, -1, 1)))))
        for one, other in itertools.combinations(axes.T, 2)
    )
    if skew > SKEW_DEGREES:
        doubts.append(
            f"the voxel axes are {skew:.1f} degrees off a right angle: volumes and areas hold, "
            "depths below the surface of bone do not; resample the scan and its labels"
        )
    low, high = VOXEL_EDGE_MM
    if not low <= min(image.spacing) <= max(image.spacing) <= high:
        size = " x ".join(f"{edge:.3g}" for edge in image.spacing)
        doubts.append(f"a voxel of {size} mm is no scanner's: does the header hold mm?")
    return doubts


def doubted(
    measured: Iterable[Measurement],
    doubts: Mapping[str, str],
    together: Mapping[str, Collection[str]],
) -> list[Measurement]:
    """The measurements, those of doubtful regions with the doubt among their flags.

    Parameters
    ----------
    measured : of one scan
    doubts : region's name → what is doubtful about it
    together : structure → those measured as this one; what is doubtful about one of them is so
        about the whole, and what is about a side or a level is so about all of them together. A
        body's doubt is said of all that is measured on its slices
    """
    within = {**together, **dict.fromkeys(OF_BODIES, ("vertebral_body",))}
    doubtful = [(region(name), doubt) for name, doubt in doubts.items()]
    # Other regions are measured on the slices that the body of a level tells.
    slices = {
        where.level: f"measured on the slices of a doubtful body: {doubt}"
        for where, doubt in doubtful
        if where.structure == "vertebral_body" and where.level
    }
    found = []
    for m in measured:
        flags = [
            doubt
            for where, doubt in doubtful
            if where.structure in {m.region, *within.get(m.region, ())}
            and (m.side == where.side or m.side not in {"left", "right"})
            # A curve of the spine is measured at both its ends, such as L1_L5.
            and (where.level in {m.level, *m.level.split("_")} or not m.level or not where.level)
        ]
        if m.level in slices and m.region not in {"vertebral_body", *OF_BODIES}:
            flags.append(slices[m.level])
        found.append(replace(m, flags=tuple(dict.fromkeys((*m.flags, *flags)))) if flags else m)
    return found


def attenuation_doubts(image: Image, whole: Iterable[Measurement]) -> list[str]:
    """Doubts about the values themselves, which every finding on attenuation shares.

    Parameters
    ----------
    image : a CT
    whole : what every region of it has, see `regions.describe`
    """
    doubts = []
    low, high = PLAUSIBLE_MUSCLE_HU
    for m in whole:
        if m.quantity == "attenuation_median" and STRUCTURES.get(m.region) == "muscle":
            if low <= m.value <= high or math.isnan(m.value):
                continue
            name = " ".join(filter(None, (m.side, m.region.replace("_", " "))))
            doubts.append(
                f"the median of the {name} is {m.value:.0f}, which no muscle has on CT: are these "
                "Hounsfield units?"
            )
    facts = image.source.facts
    if facts.get("contrast"):
        doubts.append(
            "a contrast agent was given: it raises the attenuation of muscle and bone, and "
            "cut-offs made on unenhanced scans do not hold"
        )
    kvp = facts.get("kvp")
    if kvp is not None and kvp != REFERENCE_KVP:
        doubts.append(
            f"the tube voltage was {kvp:g} kVp: attenuation of bone differs from that at "
            f"{REFERENCE_KVP} kVp, for which cut-offs were made"
        )
    return doubts


def fat_map_doubts(image: Image) -> list[str]:
    """Doubts about the scale of a fat-fraction map, which files do not state."""
    top, bottom = float(np.nanmax(image.array)), float(np.nanmin(image.array))
    doubts = []
    if bottom < -LARGEST_PERCENT:
        doubts.append(
            f"a voxel holds {bottom:.4g}, which is no percentage: are these Hounsfield units?"
        )
        return doubts
    if top <= LARGEST_SHARE:
        doubts.append(
            f"no voxel exceeds {top:.3g}: the map seems to hold shares from 0 to 1 where percent "
            "is wanted; multiply it by 100"
        )
    if top > LARGEST_PERCENT:
        doubts.append(
            f"a voxel holds {top:.4g}, which is no percentage: the map may be in tenths of a "
            "percent, or hold the signal of fat"
        )
    return doubts


def protocol_gaps(image: Image) -> list[str]:
    """What the file does not say about how the scan was made, and cut-offs depend on."""
    wanted = {"contrast": "contrast agent", "kvp": "tube voltage"}
    unstated = [words for name, words in wanted.items() if image.source.facts.get(name) is None]
    cutoffs = f"cut-offs of attenuation hold for unenhanced scans at {REFERENCE_KVP} kVp"
    return [f"not stated in the file: {' and '.join(unstated)}; {cutoffs}"] if unstated else []
