"""Cortical and trabecular compartment of a limb's bone, and what HR-pQCT measures of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.bone.intrinsic_volumes import intrinsic_volumes
from enthesis.bone.thickness import cubic_edge, local_thickness
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.records import Measurement

CORTICAL_MG = 450.0
"""Density from which a voxel is cortical bone on second-generation HR-pQCT, mg HA/cm3."""

SMOOTHING_VOXELS = 0.8
"""SD of the Gaussian before the threshold: single voxels of noise make no pores."""

OUTER_CLOSING_MM = 0.9
"""Gaps of the cortex up to twice as wide are bridged by the outer contour, mm."""

MARROW_OPENING_MM = 0.15
"""Marrow is where a ball of this radius fits; pores of the cortex are narrower, mm."""

INNER_CLOSING_MM = 0.6
"""Trabeculae up to twice as thick between marrow and marrow belong to the marrow's side, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Compartments:
    """Parts of one bone on its grid.

    Parameters
    ----------
    cortical : (I, J, K), the cortex with its pores
    trabecular : what lies inside it
    pores : voids within the cortex
    """

    cortical: NDArray[np.bool_]
    trabecular: NDArray[np.bool_]
    pores: NDArray[np.bool_]

    @property
    def total(self) -> NDArray[np.bool_]:
        """The whole bone."""
        return self.cortical | self.trabecular


def compartments(image: Image, *, threshold: float = CORTICAL_MG) -> Compartments:
    """Cortex, its pores and the trabecular compartment of the largest bone of a stack.

    Parameters
    ----------
    image : density of cubic voxels, slices across the bone along K
    threshold : of cortical bone

    Raises
    ------
    InputError : voxels that are no cubes, no bone, or no marrow within it.

    Notes
    -----
    As in the dual-threshold way of contouring: the outer contour closes the cortex and fills it
    slice by slice; marrow is where a ball of 0.15 mm fits, in one piece; closing it over 0.6 mm
    takes the trabeculae in, and what is left is cortex. Voids in that which no such ball enters are
    its pores. A cortex that is nowhere closed within a slice is not found.

    References
    ----------
    Buie HR, Campbell GM, Klinck RJ, MacNeil JA, Boyd SK. Bone 2007;41:505-515.
    doi:10.1016/j.bone.2007.07.007
    Burghardt AJ, Buie HR, Laib A, Majumdar S, Boyd SK. Bone 2010;47:519-528.
    doi:10.1016/j.bone.2010.05.034
    """
    edge = cubic_edge(image.spacing)
    smooth = ndimage.gaussian_filter(image.array.astype(np.float32), SMOOTHING_VOXELS)
    bone = largest_piece(smooth >= threshold)
    if not bone.any():
        raise InputError(
            f"no voxel lies at or above {threshold:g}; the image runs to {float(smooth.max()):g}"
        )
    total = _closed(bone, OUTER_CLOSING_MM / edge)
    for k in range(total.shape[2]):
        total[:, :, k] = ndimage.binary_fill_holes(total[:, :, k])
    void = total & ~bone
    marrow = largest_piece(_opened(void, MARROW_OPENING_MM / edge))
    if not marrow.any():
        raise InputError(
            "no marrow was found inside the bone: its cortex is not closed in any slice, or the "
            "threshold is too low"
        )
    trabecular = _closed(marrow, INNER_CLOSING_MM / edge) & total
    cortical = total & ~trabecular
    return Compartments(cortical=cortical, trabecular=trabecular, pores=cortical & void)


def cortical_microarchitecture(
    image: Image, parts: Compartments, *, region: str = "", side: str = ""
) -> list[Measurement]:
    """Densities, thickness and porosity of the compartments.

    Parameters
    ----------
    image : density, "bmd_ct", that the compartments were found in
    parts : of `compartments`
    region, side : what it is of, e.g. "radius", "left"

    Returns
    -------
    Total, trabecular and cortical density (``integral_bmd``, ``trabecular_bmd``, ``cortical_bmd``),
    their mean areas, Ct.Th by balls and as volume over outer surface, and Ct.Po.

    Raises
    ------
    InputError : not density, or other compartments.
    """
    if image.quantity != "bmd_ct":
        raise InputError(f"densities are read in a calibrated map, got {image.quantity!r}")
    if parts.cortical.shape != image.shape:
        raise InputError(f"compartments of {parts.cortical.shape}, image of {image.shape}")
    edge = cubic_edge(image.spacing)
    total = parts.total
    n_cortical = int(np.count_nonzero(parts.cortical))
    thickness = local_thickness(parts.cortical, image.spacing)[parts.cortical]
    slice_area = edge**2 / image.shape[2]
    outer = _outer_surface(total, edge)
    contour = "dual threshold contours"
    rows = [
        ("integral_bmd", _mean(image.array[total]), contour),
        ("trabecular_bmd", _mean(image.array[parts.trabecular]), contour),
        ("cortical_bmd", _mean(image.array[parts.cortical]), f"{contour}, pores included"),
        ("bone_area", np.count_nonzero(total) * slice_area, "mean of the slices"),
        ("trabecular_area", np.count_nonzero(parts.trabecular) * slice_area, "mean of the slices"),
        ("cortical_area", n_cortical * slice_area, "mean of the slices"),
        ("cortical_thickness", float(thickness.mean(dtype=np.float64)), "direct, by balls"),
        (
            "cortical_thickness_derived",
            n_cortical * edge**3 / outer,
            "cortical volume over outer surface",
        ),
        (
            "cortical_porosity",
            100 * np.count_nonzero(parts.pores) / n_cortical,
            "voids over cortex with its voids",
        ),
    ]
    return [
        Measurement(
            quantity=name,
            value=float(value),
            region=region,
            side=side,
            method=method,
            flags=image.source.flags,
        )
        for name, value, method in rows
    ]


def largest_piece(
    mask: NDArray[np.bool_], *, joined: NDArray[np.bool_] | None = None
) -> NDArray[np.bool_]:
    """The piece with the most voxels.

    Parameters
    ----------
    mask : (I, J, K) or (I, J)
    joined : which neighbours join, as `scipy.ndimage.label` takes it; those across faces by default
    """
    parts, n_parts = ndimage.label(mask, joined)
    if n_parts <= 1:
        return mask
    return np.asarray(parts == 1 + int(np.bincount(parts.ravel())[1:].argmax()))


def _outer_surface(total: NDArray[np.bool_], edge: float) -> float:
    """Surface of the bone but for the two ends of the stack, mm2."""
    # Empty columns around it keep the contour off the window's border.
    padded = np.pad(total, ((1, 1), (1, 1), (0, 0)))
    if padded.shape[2] < 2:
        padded = np.repeat(padded, 2, axis=2)
    density = intrinsic_volumes(padded, edge_mm=edge).surface
    cells = np.prod([n - 1 for n in padded.shape[:2]]) * total.shape[2]
    return float(density * cells * edge**3)


def _closed(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    """Closing by a ball, radius in voxels; the stack goes on beyond its two ends."""
    pad = int(np.ceil(radius)) + 1
    wide = _stacked(np.pad(mask, ((pad, pad), (pad, pad), (0, 0))), pad)
    grown = ndimage.distance_transform_edt(~wide) <= radius
    kept = ndimage.distance_transform_edt(grown) > radius
    return np.asarray(kept[pad:-pad, pad:-pad, pad:-pad])


def _opened(mask: NDArray[np.bool_], radius: float) -> NDArray[np.bool_]:
    pad = int(np.ceil(radius)) + 1
    wide = _stacked(mask, pad)
    left = ndimage.distance_transform_edt(wide) > radius
    if not left.any():
        return np.zeros_like(mask)
    kept = ndimage.distance_transform_edt(~left) <= radius
    return np.asarray(kept[:, :, pad:-pad]) & mask


def _stacked(mask: NDArray[np.bool_], pad: int) -> NDArray[np.bool_]:
    return np.asarray(np.pad(mask, ((0, 0), (0, 0), (pad, pad)), mode="edge"))


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else float("nan")
