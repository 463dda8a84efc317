"""Trabecular microarchitecture of HR-pQCT and micro-CT, direct and derived, and of MR in plane."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.bone.compartments import largest_piece
from enthesis.bone.intrinsic_volumes import IntrinsicVolumes, intrinsic_volumes
from enthesis.bone.thickness import (
    covering_radius,
    cubic_edge,
    local_thickness,
    squared_distance,
)
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.records import Measurement

TRABECULAR_MG = 320.0
"""Density from which a voxel is trabecular bone on second-generation HR-pQCT, mg HA/cm3.

As the scanner's guideline has it (Whittier 2020); on other scanners another threshold holds.
"""

COMPACT_MG = 1200.0
"""Density taken for bone without a pore, mg HA/cm3, where its share is derived (Laib 1998)."""

FEWEST_VOXELS = 3.0
"""Structures thinner than this many voxels are flagged: their thickness comes in steps."""

DENSITY_METHOD = "derived from density (first-generation HR-pQCT)"


def microarchitecture(
    image: Image,
    *,
    threshold: float,
    within: NDArray[np.bool_] | None = None,
    region: str = "",
    side: str = "",
) -> list[Measurement]:
    """Microarchitecture of trabecular bone in three dimensions.

    Parameters
    ----------
    image : of cubic voxels: density, or a mask with any threshold between its two values
    threshold : voxels from it on are bone; `TRABECULAR_MG` for second-generation HR-pQCT
    within : (I, J, K), the trabecular compartment; the whole volume if left out
    region, side : what it is of, e.g. "radius", "left"

    Returns
    -------
    BV/TV; Tb.Th, Tb.Sp and Tb.N direct, by balls, with their SDs over the voxels; the same
    derived from surface and volume by the plate model; BS/TV, SMI and Conn.D. Direct and derived
    ones differ by nature and are not to be exchanged.

    Raises
    ------
    InputError : voxels that are no cubes, or a volume without bone or without marrow.

    Notes
    -----
    Tb.N is the inverse of the mean distance between the middles of the trabeculae: the thickness of
    the space that these leave. SMI is 12 volume x integral of mean curvature / surface squared;
    0 for plates, 3 for rods, 4 for balls, below 0 where marrow lies in bone as holes do. Conn.D is
    (1 - Euler number) / volume of the largest piece of bone, with its closed holes filled.

    References
    ----------
    Hildebrand T et al. J Bone Miner Res 1999;14:1167-1174. doi:10.1359/jbmr.1999.14.7.1167
    Ohser J, Redenbach C, Schladitz K. Image Anal Stereol 2009;28:179-185.
    doi:10.5566/ias.v28.p179-185 (SMI without a mesh)
    Parfitt AM et al. J Clin Invest 1983;72:1396-1409. doi:10.1172/JCI111096 (plate model)
    """
    edge = cubic_edge(image.spacing)
    bone, window = _separated(image, threshold, within)
    marrow = ~bone if within is None else window & ~bone
    squared = squared_distance(bone)
    radius = covering_radius(squared)
    thickness = radius[bone] * np.float32(2 * edge)
    spaces = local_thickness(marrow, image.spacing)[marrow]
    between = _between_middles(squared, radius, edge, within)
    counted = intrinsic_volumes(bone, edge_mm=edge, window=within)
    flags = list(image.source.flags)
    mean_thickness = float(thickness.mean(dtype=np.float64))
    if mean_thickness < FEWEST_VOXELS * edge:
        flags.append(
            f"trabeculae are {mean_thickness / edge:.1f} voxels thick: direct thickness comes in "
            "steps of a voxel"
        )
    direct, derived = "direct, by balls", "derived by the plate model"
    rows: list[tuple[str, float, str]] = [
        ("bone_volume_fraction", 100 * counted.volume, "voxels counted"),
        ("trabecular_thickness", mean_thickness, direct),
        ("trabecular_thickness_sd", float(thickness.std(dtype=np.float64)), direct),
        ("trabecular_separation", float(spaces.mean(dtype=np.float64)), direct),
        ("trabecular_separation_sd", float(spaces.std(dtype=np.float64)), direct),
        ("trabecular_number", 1 / between, direct),
        *((name, value, derived) for name, value in _plates(counted)),
        ("bone_surface_density", counted.surface, "Crofton, 13 directions"),
        ("structure_model_index", _smi(counted), "intrinsic volumes"),
        ("connectivity_density", _connectivity(bone, edge, within), "Euler number"),
    ]
    where = "whole volume" if within is None else "trabecular compartment"
    return _measurements(rows, where, region, side, flags)


def microarchitecture_by_density(
    trabecular_bmd: float, trabecular_number: float, *, region: str = "", side: str = ""
) -> list[Measurement]:
    """BV/TV, Tb.Th and Tb.Sp from density and a direct number, as first-generation HR-pQCT does.

    Parameters
    ----------
    trabecular_bmd : mg HA/cm3
    trabecular_number : counted on the mid-axes, 1/mm
    region, side : what it is of

    Raises
    ------
    InputError : a density outside 0 to 1200 mg/cm3, or a number that is not above zero.

    References
    ----------
    Laib A, Häuselmann HJ, Rüegsegger P. Technol Health Care 1998;6:329-337.
    doi:10.3233/THC-1998-65-606
    """
    if not 0 < trabecular_bmd < COMPACT_MG or not trabecular_number > 0:
        raise InputError(
            f"a density between 0 and {COMPACT_MG:g} mg/cm3 and a number above 0 are wanted, got "
            f"{trabecular_bmd:g} and {trabecular_number:g}"
        )
    share = trabecular_bmd / COMPACT_MG
    rows = [
        ("bone_volume_fraction", 100 * share, DENSITY_METHOD),
        ("trabecular_thickness_derived", share / trabecular_number, DENSITY_METHOD),
        ("trabecular_separation_derived", (1 - share) / trabecular_number, DENSITY_METHOD),
    ]
    return _measurements(rows, "", region, side, [])


def apparent_microarchitecture(
    bone_share: NDArray[np.floating[Any]],
    spacing: tuple[float, float, float],
    *,
    within: NDArray[np.bool_],
    region: str = "",
    side: str = "",
) -> list[Measurement]:
    """Apparent microarchitecture of high-resolution MR, in the plane of its slices.

    Parameters
    ----------
    bone_share : (I, J, K), share of bone in each voxel, 0 to 1: 1 less the marrow's signal over
        that of pure marrow
    spacing : mm; slices along K are thicker than their pixels
    within : (I, J, K), the trabecular compartment
    region, side : what it is of, e.g. "calcaneus"

    Returns
    -------
    app.BV/TV, the mean share; app.Tb.N, how often lines along I, J and both diagonals enter
    bone, from a share of one half on, per length; app.Tb.Th and app.Tb.Sp by the plate model.

    Raises
    ------
    InputError : shares outside 0 to 1, an empty compartment, or no entry into bone.

    Notes
    -----
    Voxels as large as trabeculae blur them: the numbers are "apparent", follow the voxel's size and
    compare only within one protocol.

    References
    ----------
    Majumdar S et al. J Bone Miner Res 1997;12:111-118. doi:10.1359/jbmr.1997.12.1.111
    """
    if bone_share.shape != within.shape or not within.any():
        raise InputError(
            "a compartment on the grid of the shares, with a voxel at least, is wanted"
        )
    values = bone_share[within]
    if not (np.isfinite(values).all() and values.min() >= 0 and values.max() <= 1):
        raise InputError(
            f"shares of bone lie between 0 and 1, got {np.nanmin(values):g} to "
            f"{np.nanmax(values):g}; divide the signal by that of pure marrow"
        )
    bone = (bone_share >= 0.5) & within
    number = float(np.mean(list(_entries_per_mm(bone, within, spacing))))
    if number == 0:
        raise InputError("no line enters bone: the shares lie all on one side of one half")
    share = float(values.mean(dtype=np.float64))
    method = "apparent, by lines in the plane of the slices"
    rows = [
        ("bone_volume_fraction", 100 * share, "apparent, mean share of bone"),
        ("trabecular_number_derived", number, method),
        ("trabecular_thickness_derived", share / number, method),
        ("trabecular_separation_derived", (1 - share) / number, method),
    ]
    size = " x ".join(f"{part:.2g}" for part in spacing)
    return _measurements(rows, "", region, side, [f"apparent at voxels of {size} mm"])


def _separated(
    image: Image, threshold: float, within: NDArray[np.bool_] | None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    if within is not None and within.shape != image.shape:
        raise InputError(f"the compartment has shape {within.shape}, the image {image.shape}")
    bone = np.asarray(image.array >= threshold)
    window = np.ones(image.shape, dtype=np.bool_) if within is None else within
    if within is not None:
        bone = bone & within
    n_bone, n_window = np.count_nonzero(bone), np.count_nonzero(window)
    if n_bone in {0, n_window}:
        raise InputError(
            f"{'no' if n_bone == 0 else 'every'} voxel lies at or above {threshold:g}; the image "
            f"runs from {np.nanmin(image.array):g} to {np.nanmax(image.array):g}, choose between"
        )
    return bone, window


def _between_middles(
    squared: NDArray[np.int32],
    radius: NDArray[np.float32],
    edge: float,
    within: NDArray[np.bool_] | None,
) -> float:
    """Mean thickness of the space between the middles of the trabeculae, mm."""
    # Where a voxel's own ball is as thick as the structure around it, to within a voxel.
    middles = (squared > 0) & (np.sqrt(squared, dtype=np.float32) > radius - np.float32(0.5))
    space = ~middles if within is None else within & ~middles
    found = local_thickness(space, (edge, edge, edge))[space]
    return float(found.mean(dtype=np.float64))


def _plates(counted: IntrinsicVolumes) -> Iterable[tuple[str, float]]:
    number = counted.surface / 2
    yield "trabecular_thickness_derived", counted.volume / number
    yield "trabecular_separation_derived", (1 - counted.volume) / number
    yield "trabecular_number_derived", number


def _smi(counted: IntrinsicVolumes) -> float:
    return 12 * counted.volume * counted.mean_curvature / counted.surface**2


def _connectivity(bone: NDArray[np.bool_], edge: float, within: NDArray[np.bool_] | None) -> float:
    """(1 - Euler number) per volume of one connected piece of bone without closed holes, 1/mm3."""
    largest = largest_piece(bone, joined=np.ones((3, 3, 3), dtype=np.bool_))
    outside = ~largest
    # A hole that reaches the border of the array may go on beyond it.
    marrow, _ = ndimage.label(outside)
    open_marrow = np.unique(
        np.concatenate([face.ravel() for axis in range(3) for face in _faces(marrow, axis)])
    )
    closed = outside & ~np.isin(marrow, open_marrow)
    counted = intrinsic_volumes(largest | closed, edge_mm=edge, window=within)
    n_voxels = bone.size if within is None else np.count_nonzero(within)
    return 1 / (n_voxels * edge**3) - counted.euler


def _faces(array: NDArray[Any], axis: int) -> tuple[NDArray[Any], NDArray[Any]]:
    return np.take(array, 0, axis), np.take(array, -1, axis)


def _entries_per_mm(
    bone: NDArray[np.bool_], within: NDArray[np.bool_], spacing: tuple[float, float, float]
) -> Iterable[float]:
    for i, j in ((1, 0), (0, 1), (1, 1), (1, -1)):
        step = math.hypot(i * spacing[0], j * spacing[1])
        one = (slice(None, bone.shape[0] - i), slice(max(-j, 0), bone.shape[1] - max(j, 0)))
        other = (slice(i, None), slice(max(j, 0), bone.shape[1] - max(-j, 0)))
        pairs = within[one] & within[other]
        n_pairs = np.count_nonzero(pairs)
        if n_pairs:
            # A change from marrow to bone or back is half an entry.
            yield np.count_nonzero((bone[one] ^ bone[other]) & pairs) / 2 / n_pairs / step


def _measurements(
    rows: Iterable[tuple[str, float, str]], where: str, region: str, side: str, flags: list[str]
) -> list[Measurement]:
    return [
        Measurement(
            quantity=name,
            value=float(value),
            region=region,
            side=side,
            method=", ".join(filter(None, (method, where))),
            flags=tuple(flags),
        )
        for name, value, method in rows
    ]
