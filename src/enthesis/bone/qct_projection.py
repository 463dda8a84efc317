"""Projections of a map of bone density: areal density of the hip or of any other bone on CT."""

from __future__ import annotations

import numpy as np

from enthesis.errors import InputError
from enthesis.image import Image, LabelMap, Source, check_same_grid
from enthesis.records import Measurement

NOT_DXA = (
    "projected from CT and equivalent to the calibration's salt: neither DXA nor a vendor's CTXA, "
    "and no T-score of either holds for it"
)


def projected_density(bmd: Image, labels: LabelMap, name: str) -> Image:
    """Areal density of one labelled bone, projected from front to back.

    Parameters
    ----------
    bmd : calibrated, "bmd_ct"
    labels : on its grid
    name : a label of this map, e.g. "femur_left"

    Returns
    -------
    Image (I, K, 1) of ``areal_bmd`` in g/cm2, NaN beside the bone: `array[::-1, ::-1, 0].T` is the
    picture as a radiologist sees it. Fat in the marrow counts as the negative density that it has.

    Raises
    ------
    GridError : not on one grid.
    InputError : not a map of density, or no such label.

    References
    ----------
    Khoo BCC et al. Bone 2009;45:1138-1145 (what is done with such projections)
    """
    if bmd.quantity != "bmd_ct":
        raise InputError(
            f"a map of density is wanted, got {bmd.quantity!r}; calibrate the HU first"
        )
    check_same_grid(bmd, labels)
    number = labels.label(name)
    inside = labels.array == number
    if not inside.any():
        raise InputError(f"no voxel is labelled {name!r}; nothing can be projected")
    along_cm = bmd.spacing[1] / 10
    values = np.where(inside, bmd.array, 0).sum(axis=1, dtype=np.float64) * along_cm / 1000
    values[~inside.any(axis=1)] = np.nan
    affine = np.eye(4)
    # The front-to-back axis has become the one along which the picture has a single slice.
    affine[:3, :3] = bmd.affine[:3, [0, 2, 1]]
    affine[:3, 3] = (bmd.affine @ [0, (bmd.shape[1] - 1) / 2, 0, 1])[:3]
    return Image(
        array=values[:, :, None].astype(np.float32),
        affine=affine,
        quantity="areal_bmd",
        source=Source(
            modality=bmd.source.modality,
            series=bmd.source.series,
            facts=dict(bmd.source.facts),
            flags=(*bmd.source.flags, NOT_DXA),
        ),
    )


def areal_density(projection: Image, *, region: str, side: str = "") -> list[Measurement]:
    """Areal density and mineral content of a projection or a part of one.

    Parameters
    ----------
    projection : of `projected_density`; NaN is left out, so a part is had by setting the rest NaN
    region, side : what it is of, e.g. "femur", "left"

    Raises
    ------
    InputError : not areal density, or no pixel.
    """
    if projection.quantity != "areal_bmd":
        raise InputError(f"a projected density is wanted, got {projection.quantity!r}")
    values = projection.array[np.isfinite(projection.array)].astype(np.float64)
    if not values.size:
        raise InputError("the projection has no pixel of bone")
    area_cm2 = float(np.prod(projection.spacing[:2])) / 100
    return [
        Measurement(
            quantity=quantity,
            value=value,
            region=region,
            side=side,
            method="projected from CT, front to back",
            flags=projection.source.flags,
        )
        for quantity, value in (
            ("areal_bmd", float(values.mean())),
            ("bone_mineral_content", float(values.sum()) * area_cm2),
        )
    ]
