"""Agreement of two label maps, region by region: overlap, distances of surfaces, volumes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import KDTree

from enthesis.cohort.ratings import Floats
from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, LabelMap, voxel_volume
from enthesis.regions.voxels import Box, label_boxes

HD_PERCENTILE = 95
"""Percentile of the robust Hausdorff distance, which one stray voxel does not decide."""

BOTH_EMPTY = "neither map has a voxel of this region: there is nothing to compare"
ONE_EMPTY = "only the {which} map has voxels of this region: no distance is finite"

FACES = ndimage.generate_binary_structure(3, 1)
"""A voxel and its six neighbours across faces."""

IN_PLANE = FACES & (np.arange(3) == 1)
"""The four neighbours on one slice: a map of one slice has outlines, not surfaces."""

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskAgreement:
    """How well two outlines of one region agree.

    Parameters
    ----------
    region : name
    dice, jaccard : overlap, 0 to 1; NaN where neither map has the region
    hausdorff, hd95, assd : largest, 95th percentile and mean distance of the surfaces, mm; infinite
        where one map alone has the region, NaN where neither has
    volume_first, volume_second : mm3
    volume_difference : first - second, mm3
    volume_difference_percent : of the mean of the two
    volume_similarity : 1 - |difference| / sum, 0 to 1; says nothing of the place
    flags : what is doubtful
    """

    region: str
    dice: float
    jaccard: float
    hausdorff: float
    hd95: float
    assd: float
    volume_first: float
    volume_second: float
    volume_difference: float
    volume_difference_percent: float
    volume_similarity: float
    flags: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def mask_agreement(
    first: LabelMap, second: LabelMap, *, regions: Iterable[str] | None = None
) -> tuple[MaskAgreement, ...]:
    """Overlap, surface distances and volumes of every region of two label maps.

    Parameters
    ----------
    first, second : label maps on one grid; their numbers may differ, regions go by name
    regions : names to compare; all that either map names if not given

    Returns
    -------
    A MaskAgreement a region, in the order of the first map's names, then of the second's.

    Raises
    ------
    GridError : the maps do not lie on one grid.
    InputError : a region that neither map names.

    Notes
    -----
    Surfaces are the centres of the voxels that have a face outside their region, in mm and in the
    patient's space, so slice spacing and oblique axes are respected. HD95 is the larger of the two
    directions' percentiles, ASSD the mean over both surfaces together. Other surface definitions,
    e.g. meshes, change these by up to about a voxel.

    References
    ----------
    Dice LR. Ecology 1945;26:297-302. doi:10.2307/1932409
    Taha AA, Hanbury A. BMC Med Imaging 2015;15:29. doi:10.1186/s12880-015-0068-x
    """
    _check_one_grid(first, second)
    named = dict.fromkeys([*first.names.values(), *second.names.values()])
    wanted = list(named if regions is None else regions)
    for name in wanted:
        if name not in named:
            raise InputError(f"neither map has a region {name!r}; they have: {', '.join(named)}")
    boxes = label_boxes(first), label_boxes(second)
    return tuple(_compare(name, first, second, boxes) for name in wanted)


def mask_table(agreements: Iterable[MaskAgreement]) -> pd.DataFrame:
    """A row per region; flags are joined by "; "."""
    return pd.DataFrame([one.to_dict() | {"flags": "; ".join(one.flags)} for one in agreements])


def _compare(
    name: str,
    first: LabelMap,
    second: LabelMap,
    boxes: tuple[dict[int, Box], dict[int, Box]],
) -> MaskAgreement:
    numbers = [_number(labels, name) for labels in (first, second)]
    found = [by[n] for by, n in zip(boxes, numbers, strict=True) if n in by]
    volume = voxel_volume(first.affine)
    if not found:
        return _agreement(name, (0, 0, 0), volume, (np.nan, np.nan, np.nan), (BOTH_EMPTY,))
    # One voxel of margin, so that a region's surface does not depend on where its box ends.
    box = tuple(
        slice(max(min(b[axis].start for b in found) - 1, 0), max(b[axis].stop for b in found) + 1)
        for axis in range(3)
    )
    masks = [
        labels.array[box] == n if n is not None else np.zeros_like(labels.array[box], dtype=bool)
        for labels, n in zip((first, second), numbers, strict=True)
    ]
    a, b = masks
    sizes = int(np.count_nonzero(a)), int(np.count_nonzero(b)), int(np.count_nonzero(a & b))
    if 0 in sizes[:2]:
        flag = ONE_EMPTY.format(which="first" if sizes[0] else "second")
        return _agreement(name, sizes, volume, (np.inf, np.inf, np.inf), (flag,))
    surfaces = (_surface(mask, first.affine, first.shape) for mask in masks)
    return _agreement(name, sizes, volume, _distances(*surfaces), ())


def _agreement(
    name: str,
    sizes: tuple[int, int, int],
    volume: float,
    distances: tuple[float, float, float],
    flags: tuple[str, ...],
) -> MaskAgreement:
    """The result from voxel counts of first, second and both, and the three distances."""
    n_first, n_second, n_both = sizes
    total = n_first + n_second
    # NaN instead of one for two empty masks: a perfect score would be for finding nothing.
    dice = 2 * n_both / total if total else np.nan
    apart = n_first - n_second
    return MaskAgreement(
        region=name,
        dice=dice,
        jaccard=n_both / (total - n_both) if total else np.nan,
        hausdorff=distances[0],
        hd95=distances[1],
        assd=distances[2],
        volume_first=n_first * volume,
        volume_second=n_second * volume,
        volume_difference=apart * volume,
        volume_difference_percent=200 * apart / total if total else np.nan,
        volume_similarity=1 - abs(apart) / total if total else np.nan,
        flags=flags,
    )


def _number(labels: LabelMap, name: str) -> int | None:
    return next((number for number, known in labels.names.items() if known == name), None)


def _surface(mask: Mask, affine: NDArray[np.float64], shape: tuple[int, ...]) -> Floats:
    """Centres of a mask's surface voxels, (n, 3), mm up to a shift."""
    faces = IN_PLANE if shape[2] == 1 else FACES
    rim = mask & ~ndimage.binary_erosion(mask, structure=faces)
    points: Floats = np.argwhere(rim) @ affine[:3, :3].T
    return points


def _distances(first: Floats, second: Floats) -> tuple[float, float, float]:
    """Hausdorff distance, its 95th percentile, and mean distance of two surfaces, mm."""
    there = KDTree(second).query(first)[0]
    back = KDTree(first).query(second)[0]
    hausdorff = float(max(there.max(), back.max()))
    hd95 = float(max(np.percentile(there, HD_PERCENTILE), np.percentile(back, HD_PERCENTILE)))
    assd = float((there.sum() + back.sum()) / (there.size + back.size))
    return hausdorff, hd95, assd


def _check_one_grid(first: LabelMap, second: LabelMap) -> None:
    if first.shape != second.shape:
        raise GridError(
            f"the label maps have {first.shape} and {second.shape} voxels; resample one to the "
            "other's grid (nearest neighbour) first"
        )
    ends = np.array([[0, n - 1] for n in first.shape])
    corners = np.array([[i, j, k, 1] for i in ends[0] for j in ends[1] for k in ends[2]])
    apart = corners @ (first.affine - second.affine).T
    gap = float(np.linalg.norm(apart[:, :3], axis=1).max())
    if gap > GRID_TOLERANCE_MM:
        raise GridError(
            f"the label maps lie up to {gap:.3g} mm apart (allowed {GRID_TOLERANCE_MM:g} mm); "
            "they are not of one scan, or one of them lost its position"
        )
