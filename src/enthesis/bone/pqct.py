"""Peripheral QCT: density, area, geometry and strength of a bone on one slice."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image, Source, slice_pixel_area
from enthesis.quantities import quantity
from enthesis.records import Measurement

CONTOUR_MG = 169.0
"""Density of the bone's outer contour, mg/cm3; common at the distal radius and tibia."""

CORTICAL_AREA_MG = 550.0
"""Density from which a voxel counts to the cortical area, mg/cm3 (Rantalainen 2011)."""

CORTICAL_DENSITY_MG = 690.0
"""Density from which a voxel counts to the cortical density, mg/cm3 (Rantalainen 2011).

Above that of the area, because voxels on the border are half marrow.
"""

TRABECULAR_SHARE = 0.45
"""Share of the total area, from its middle, that is trabecular (Stratec's peeling)."""

COMPACT_MG = 1200.0
"""Density of compact bone that the strength-strain index is relative to, mg/cm3."""

FEWEST_CORTICAL_VOXELS = 2.0
"""Cortices thinner than this many voxels are flagged: their density is blurred down."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Slice:
    """Parts of one bone on one slice.

    Parameters
    ----------
    total, trabecular, cortical : (I, J) masks
    density : (I, J), mg/cm3
    edges : along I and J, mm
    flags : what is doubtful, one sentence each
    """

    total: NDArray[np.bool_]
    trabecular: NDArray[np.bool_]
    cortical: NDArray[np.bool_]
    density: NDArray[np.floating[Any]]
    edges: tuple[float, float]
    flags: tuple[str, ...] = ()


def density_of_attenuation(image: Image, *, slope: float, intercept: float) -> Image:
    """Density by a device's own line, where its device file was not beside the scan.

    Parameters
    ----------
    image : "linear_attenuation", 1/cm
    slope : mg/cm3 per 1/cm
    intercept : mg/cm3 at none

    Raises
    ------
    InputError : not attenuation, or a slope that is not above zero.
    """
    if image.quantity != "linear_attenuation":
        raise InputError(f"attenuation in 1/cm is wanted, got {quantity(image.quantity).label}")
    if not slope > 0:
        raise InputError(
            f"density rises with attenuation; the slope must be above 0, got {slope:g}"
        )
    kept = [flag for flag in image.source.flags if "attenuation, not density" not in flag]
    return Image(
        array=(intercept + slope * image.array).astype(np.float32),
        affine=image.affine,
        quantity="bmd_ct",
        source=Source(
            modality=image.source.modality,
            series=image.source.series,
            facts={**image.source.facts, "density_slope": slope, "density_intercept": intercept},
            flags=(*kept, "calibrated by a line that was typed, not by the scanner's device file"),
        ),
    )


def bone_slice(
    image: Image,
    *,
    contour: float = CONTOUR_MG,
    cortical: float = CORTICAL_AREA_MG,
    trabecular_share: float = TRABECULAR_SHARE,
    bone: int = 0,
) -> Slice:
    """The total, trabecular and cortical part of one bone.

    Parameters
    ----------
    image : density, "bmd_ct", one slice (K = 1)
    contour : density of the outer contour, mg/cm3
    cortical : density from which a voxel is cortical, mg/cm3
    trabecular_share : share of the total area that is trabecular, peeled from outside
    bone : which bone by area, 0 the largest: the tibia before the fibula

    Raises
    ------
    InputError : not density, several slices, or no such bone.
    """
    if image.quantity != "bmd_ct":
        raise InputError(
            f"pQCT is measured in density, got {image.quantity!r}; put the device file (.TYP) "
            "beside the scan, or give its slope and intercept"
        )
    if image.shape[2] != 1:
        raise InputError(f"one slice is wanted, got {image.shape[2]}; choose one")
    density = image.array[:, :, 0]
    parts, n_parts = ndimage.label(density >= contour)
    sizes = np.bincount(parts.ravel())[1:]
    if not 0 <= bone < n_parts:
        raise InputError(
            f"bone {bone} of {n_parts} at {contour:g} mg/cm3; the image runs from "
            f"{float(density.min()):g} to {float(density.max()):g}"
        )
    label = 1 + int(np.argsort(-sizes, kind="stable")[bone])
    total = np.asarray(ndimage.binary_fill_holes(parts == label))
    flags = list(image.source.flags)
    if total[[0, -1]].any() or total[:, [0, -1]].any():
        flags.append("the bone reaches the edge of the picture: only a part is measured")
    edges = image.spacing[:2]
    return Slice(
        total=total,
        trabecular=_peeled(total, edges, trabecular_share),
        cortical=total & (density >= cortical),
        density=density,
        edges=edges,
        flags=tuple(flags),
    )


def pqct(
    image: Image,
    *,
    contour: float = CONTOUR_MG,
    cortical_area: float = CORTICAL_AREA_MG,
    cortical_density: float = CORTICAL_DENSITY_MG,
    trabecular_share: float = TRABECULAR_SHARE,
    bone: int = 0,
    region: str = "",
    side: str = "",
) -> list[Measurement]:
    """Density, area, geometry and strength of one bone on one slice.

    Parameters
    ----------
    image : density, "bmd_ct", one slice
    contour, trabecular_share, bone : as in `bone_slice`
    cortical_area, cortical_density : densities from which a voxel counts to the cortical area and
        to the cortical density, mg/cm3
    region, side : what it is of, e.g. "radius", "left"

    Returns
    -------
    Density and area of the whole bone, its trabecular and its cortical part; content per length;
    cortical thickness of the round ring with these areas; moments of area of the cortex; the polar
    strength-strain index; the compressive bone strength index.

    Raises
    ------
    InputError : as `bone_slice`.

    Notes
    -----
    SSI is the sum over cortical voxels of r^2 a rho / 1200, over the largest r, with r from the
    centroid of the cortex; BSI is total density squared x total area. Moments include what each
    voxel adds about its own centre.

    References
    ----------
    Rantalainen T, Nikander R, Heinonen A, Daly RM, Sievänen H. J Musculoskelet Neuronal Interact
    2011;11:340-345.
    Schiessl H, Ferretti JL, Tysarczyk-Niemeyer G, Willnecker J. Paediatric Osteology 1996;53-64.
    Kontulainen SA et al. J Musculoskelet Neuronal Interact 2008;8:401-409.
    """
    parts = bone_slice(
        image,
        contour=contour,
        cortical=cortical_area,
        trabecular_share=trabecular_share,
        bone=bone,
    )
    pixel = slice_pixel_area(image.affine)
    total_area = np.count_nonzero(parts.total) * pixel
    total_density = _mean(parts.density[parts.total])
    dense = parts.total & (parts.density >= cortical_density)
    cortex_area = np.count_nonzero(parts.cortical) * pixel
    flags = list(parts.flags)
    ring = _ring_thickness(total_area, cortex_area)
    if 0 < ring < FEWEST_CORTICAL_VOXELS * max(parts.edges):
        flags.append(
            f"the cortex is {ring / max(parts.edges):.1f} voxels thick: its density is blurred down"
        )
    if not cortex_area:
        flags.append(f"no voxel of the bone reaches {cortical_area:g} mg/cm3: no cortex was found")
    contour_at = f"contour at {contour:g} mg/cm3"
    rows = [
        ("integral_bmd", total_density, contour_at),
        ("trabecular_bmd", _mean(parts.density[parts.trabecular]), f"inner {trabecular_share:.0%}"),
        ("cortical_bmd", _mean(parts.density[dense]), f"from {cortical_density:g} mg/cm3"),
        ("bone_area", total_area, contour_at),
        (
            "trabecular_area",
            np.count_nonzero(parts.trabecular) * pixel,
            f"inner {trabecular_share:.0%}",
        ),
        ("cortical_area", cortex_area, f"from {cortical_area:g} mg/cm3"),
        ("bone_mineral_per_length", total_density * total_area / 1000, contour_at),
        ("cortical_thickness_derived", ring, "round ring of total and cortical area"),
        *_geometry(parts, pixel),
        # mg/cm3 squared and mm2 in g2/cm4.
        ("bone_strength_index", total_density**2 * total_area / 1e8, "total density squared, area"),
    ]
    return [
        Measurement(
            quantity=name,
            value=float(value),
            region=region,
            side=side,
            method=method,
            flags=tuple(flags),
        )
        for name, value, method in rows
    ]


def _geometry(parts: Slice, pixel: float) -> list[tuple[str, float, str]]:
    """Moments of area and the strength-strain index of the cortex."""
    names = ("moment_polar", "moment_largest", "moment_smallest", "strength_strain_index")
    at = np.argwhere(parts.cortical) * parts.edges
    if not len(at):
        return [(name, math.nan, "no cortex") for name in names]
    x, y = (at - at.mean(axis=0)).T
    n, (edge_x, edge_y) = len(at), parts.edges
    # A voxel's area lies around its centre, which adds its own moment.
    i_x = pixel * float((y * y).sum() + n * edge_y**2 / 12)
    i_y = pixel * float((x * x).sum() + n * edge_x**2 / 12)
    i_xy = pixel * float((x * y).sum())
    middle, half = (i_x + i_y) / 2, math.hypot((i_x - i_y) / 2, i_xy)
    squared = x * x + y * y
    own = (edge_x**2 + edge_y**2) / 12
    density = parts.density[parts.cortical].astype(np.float64)
    farthest = math.sqrt(float(squared.max()))
    ssi = (
        pixel * float(((squared + own) * density).sum()) / COMPACT_MG / farthest
        if farthest
        else math.nan
    )
    values = (i_x + i_y, middle + half, middle - half, ssi)
    methods = (*("cortex, about its centroid",) * 3, "cortex, relative to 1200 mg/cm3")
    return list(zip(names, values, methods, strict=True))


def _ring_thickness(total_area: float, cortical_area: float) -> float:
    """Wall of the round ring with these areas, mm."""
    outer = math.sqrt(total_area / math.pi)
    return outer - math.sqrt(max(total_area - cortical_area, 0) / math.pi)


def _peeled(
    total: NDArray[np.bool_], edges: tuple[float, float], share: float
) -> NDArray[np.bool_]:
    """The share of a mask's pixels that lie deepest in it."""
    if not 0 < share <= 1:
        raise InputError(f"the trabecular share lies above 0 and up to 1, got {share:g}")
    depth = ndimage.distance_transform_edt(np.pad(total, 1), sampling=edges)[1:-1, 1:-1]
    wanted = round(share * np.count_nonzero(total))
    order = np.argsort(-depth, axis=None, kind="stable")[:wanted]
    inside = np.zeros(total.size, dtype=np.bool_)
    inside[order] = True
    return inside.reshape(total.shape)


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else math.nan
