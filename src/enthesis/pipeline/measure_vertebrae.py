"""What a protocol asks of vertebral bodies: heights, fractures, angles, density and marrow."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from enthesis import bone
from enthesis.bone.marrow import MARROW_MAPS
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.records import Measurement
from enthesis.regions import VertebralBody

VERTEBRAL = ("heights", "fractures", "angles", "density", "marrow")
"""What can be asked for. Density wants a calibrated map, marrow a map of `MARROW_MAPS`."""


def measure_vertebrae(
    image: Image,
    labels: LabelMap,
    bodies: Mapping[str, VertebralBody],
    wanted: Collection[str] = VERTEBRAL,
) -> list[Measurement]:
    """The measures of vertebral bodies that were asked for and that the image allows.

    Parameters
    ----------
    image : of any quantity; heights and angles read the labels alone
    labels : on its grid
    bodies : of these labels
    wanted : of `VERTEBRAL`

    Returns
    -------
    Measurements. A body that the scan cuts off has heights, with a flag, but no grade and no angle,
    and is no neighbour of another. The deformity index wants all of T4 to L4. The lumbar mean of
    density leaves out vertebrae of grade 1 and more.

    Raises
    ------
    InputError : something else is wanted.
    """
    unknown = [name for name in wanted if name not in VERTEBRAL]
    if unknown:
        raise InputError(
            f"nothing named {unknown[0]!r} is measured of vertebrae; known are: "
            f"{', '.join(VERTEBRAL)}"
        )
    if not bodies:
        return []
    heights = bone.vertebral_heights(labels, bodies=bodies)
    whole = {level: heights[level] for level, body in bodies.items() if not body.cut}
    deformed = bone.deformities(whole)
    found: list[Measurement] = []
    if "heights" in wanted:
        found += bone.height_measurements(heights.values())
    if "fractures" in wanted:
        graded = bone.deformity_measurements(deformed.values())
        found += graded
        index = bone.spinal_deformity_index(
            {m.level: m.value for m in graded if m.quantity == "genant_grade"}
        )
        # A scan of the abdomen never has all of T4 to L4: no index, and nothing to doubt.
        found += [index] if math.isfinite(index.value) else []
    if "angles" in wanted and len(whole) > 1:
        found += bone.spinal_angles(whole)
    if "density" in wanted and image.quantity == "bmd_ct":
        densities = bone.vertebral_densities(image, labels, bodies=bodies)
        broken = [level for level, d in deformed.items() if d.grade >= 1]
        found += bone.density_measurements(densities)
        found += bone.lumbar_density(densities, fractured=broken)
    if "marrow" in wanted and image.quantity in MARROW_MAPS:
        found += bone.marrow_means(image, labels, bodies=bodies)
    return found
