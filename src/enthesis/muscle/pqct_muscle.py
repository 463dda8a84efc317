"""Muscle of a limb on a slice of peripheral QCT: area, density, and the limb's fat."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image, slice_pixel_area
from enthesis.records import Measurement

MUSCLE_MG = (40.0, 200.0)
"""Density of muscle, mg/cm3, on a scale on which fat is 0 (Rantalainen 2011)."""

FAT_MG = (-40.0, 40.0)
"""Density of fat, mg/cm3, on the same scale (Rantalainen 2011)."""

SKIN_MM = 2.0
"""Depth of skin, which is as dense as muscle and encloses the limb, mm."""

FILTER_VOXELS = 3
"""Edge of the median filter before tissues are told apart: single voxels are noise, as on all
peripheral CT; densities are then read from the slice as it was scanned."""

WATER_MG = 1000.0
"""Added to a density for a mass per volume of soft tissue, mg/cm3."""


def pqct_muscle(
    image: Image,
    *,
    calibration: str,
    site: str = "",
    side: str = "",
    muscle: tuple[float, float] = MUSCLE_MG,
    fat: tuple[float, float] = FAT_MG,
) -> list[Measurement]:
    """Area and density of muscle, and percent fat, on one slice of a limb.

    Parameters
    ----------
    image : density, "bmd_ct", one slice (K = 1)
    calibration : whose scale the densities are on, as a methods section names it: "Stratec XCT
        3000, fat 0"; densities of two scales are not comparable
    site : where the slice lies, e.g. "66% tibia"
    side : "left", "right" or ""
    muscle, fat : densities of each tissue, mg/cm3, lower bound included; for a scale on which fat
        is not 0 give that scale's own

    Returns
    -------
    ``area`` of skeletal muscle, its ``muscle_density``, and the ``limb_fat`` beside it: mass of fat
    over that of fat and muscle. NaN with a flag where there is no muscle.

    Raises
    ------
    InputError : not density, several slices, no calibration named, or no limb in the picture.

    Notes
    -----
    The limb is the largest part denser than the lower bound of fat. Bone, its marrow within, and a
    rim of skin are taken off; what is left is told apart by its density after a median filter.

    References
    ----------
    Rantalainen T, et al. J Musculoskelet Neuronal Interact 2011;11:283-289 (its open program's
    defaults: muscle 40 to 200, fat -40 to 40 mg/cm3)
    """
    if image.quantity != "bmd_ct":
        raise InputError(
            f"muscle on pQCT is measured in density, got {image.quantity!r}; put the device file "
            "(.TYP) beside the scan"
        )
    if image.shape[2] != 1:
        raise InputError(f"one slice is wanted, got {image.shape[2]}; choose one")
    if not calibration.strip():
        raise InputError("name the calibration: densities of two scales are not comparable")
    density = np.asarray(image.array[:, :, 0], dtype=np.float64)
    smooth = ndimage.median_filter(density, size=FILTER_VOXELS)
    limb = _limb(smooth, fat[0])
    flags = list(image.source.flags)
    if limb[[0, -1]].any() or limb[:, [0, -1]].any():
        flags.append("the limb reaches the edge of the picture: only a part is measured")
    depth = ndimage.distance_transform_edt(np.pad(limb, 1), sampling=image.spacing[:2])
    inside = (depth[1:-1, 1:-1] > SKIN_MM) & ~_bone(smooth, limb, muscle[1])
    is_muscle = inside & (smooth >= muscle[0]) & (smooth < muscle[1])
    is_fat = inside & (smooth >= fat[0]) & (smooth < fat[1])
    if not is_muscle.any():
        flags.append(f"no voxel lies from {muscle[0]:g} to {muscle[1]:g} mg/cm3")
    area = int(np.count_nonzero(is_muscle)) * slice_pixel_area(image.affine)
    share = _mass(density, is_fat) / (_mass(density, is_fat | is_muscle) or math.nan)
    mean = float(density[is_muscle].mean()) if is_muscle.any() else math.nan
    method = ", ".join(
        filter(None, ("pQCT", site, f"{muscle[0]:g}..{muscle[1]:g} mg/cm3 on {calibration}"))
    )
    return [
        Measurement(
            quantity=quantity,
            value=value,
            region="skeletal_muscle",
            side=side,
            method=method,
            flags=tuple(flags),
        )
        for quantity, value in (("area", area), ("muscle_density", mean), ("limb_fat", 100 * share))
    ]


def _limb(smooth: NDArray[np.float64], lowest: float) -> NDArray[np.bool_]:
    """The largest part of the picture that is no air, with what it encloses."""
    parts, n_parts = ndimage.label(smooth >= lowest)
    if not n_parts:
        raise InputError(
            f"no limb: nothing is denser than {lowest:g} mg/cm3; is the calibration applied?"
        )
    largest = 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(parts == largest))


def _bone(smooth: NDArray[np.float64], limb: NDArray[np.bool_], lowest: float) -> NDArray[Any]:
    """Bones with their marrow."""
    return np.asarray(ndimage.binary_fill_holes(limb & (smooth >= lowest)))


def _mass(density: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    """Mass of soft tissue over the area of a voxel and the thickness of the slice."""
    return float((density[where] + WATER_MG).sum())
