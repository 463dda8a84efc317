"""One slice of a scan in millimetres: which regions it shows, and how much of it is body."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.anatomy import SPINE_STRUCTURES, Region, region
from enthesis.errors import InputError
from enthesis.image import LabelMap

AIR_HU = -300.0
"""Attenuation below which a voxel is air, HU; only used to crop a picture to the body."""

MARGIN_MM = 8.0
"""Left free around the body, mm."""

SPINE_MARGIN_MM = 30.0
"""Shown above and below the labelled spine in a sagittal view, mm."""

OUTLINED_KINDS = frozenset({"muscle", "bone", "disc"})
"""Kinds that an axial overlay outlines unless told which structures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plane:
    """One slice in mm: columns run along x, rows along y, both from the first voxel's centre.

    Parameters
    ----------
    values, numbers : (nx, ny) image and label numbers
    step : distance between voxel centres along x and y, mm
    """

    values: NDArray[Any]
    numbers: NDArray[Any]
    step: tuple[float, float]

    @property
    def extent(self) -> tuple[float, float, float, float]:
        """Outer edges of the first and the last voxel along x, then y, mm."""
        (nx, ny), (dx, dy) = self.values.shape, self.step
        return -dx / 2, (nx - 0.5) * dx, -dy / 2, (ny - 0.5) * dy


def shown_regions(
    plane: Plane, labels: LabelMap, structures: Iterable[str] | None
) -> list[tuple[int, Region]]:
    """Label numbers and regions on this plane, the wanted ones, in order of number."""
    present = set(np.unique(plane.numbers).tolist())
    # A structure that anatomy does not know is a slip of the caller's, not an empty picture.
    wanted = None if structures is None else {region(name).structure for name in structures}
    found = []
    for number, name in sorted(labels.names.items()):
        one = region(name)
        chosen = one.kind in OUTLINED_KINDS if wanted is None else one.structure in wanted
        if number in present and chosen:
            found.append((number, one))
    return found


def bodies_column(labels: LabelMap) -> int:
    """Index along I through the vertebral bodies' centroids."""
    for structure in ("vertebral_body", "vertebra"):
        wanted = np.zeros(np.iinfo(labels.array.dtype).max + 1, dtype=bool)
        wanted[[n for n, name in labels.names.items() if region(name).structure == structure]] = (
            True
        )
        # Plane by plane, so that no second volume has to be held.
        columns = np.array([np.count_nonzero(wanted[plane]) for plane in labels.array])
        if columns.any():
            return round(float(np.average(np.arange(columns.size), weights=columns)))
    raise InputError(
        "the label map has no vertebra to choose the sagittal slice by; give position, "
        f"0 to {labels.shape[0] - 1} from the patient's left"
    )


def body_box(plane: Plane, of: str) -> tuple[float, float, float, float]:
    """Left, right, low, high of the body and everything labelled, with a margin, mm."""
    threshold = AIR_HU if of == "hounsfield" else float(np.percentile(plane.values, 99)) / 10
    # Opening cuts the table's thin shell off the body before the largest part is taken.
    parts, n_parts = ndimage.label(ndimage.binary_opening(plane.values > threshold, iterations=2))
    body = plane.numbers > 0
    if n_parts:
        body = body | (parts == np.bincount(parts.ravel())[1:].argmax() + 1)
    if not body.any():
        return plane.extent
    (dx, dy), bounds = plane.step, plane.extent
    columns, rows = np.flatnonzero(body.any(axis=1)), np.flatnonzero(body.any(axis=0))
    return (
        max(columns[0] * dx - MARGIN_MM, bounds[0]),
        min(columns[-1] * dx + MARGIN_MM, bounds[1]),
        max(rows[0] * dy - MARGIN_MM, bounds[2]),
        min(rows[-1] * dy + MARGIN_MM, bounds[3]),
    )


def spine_box(
    plane: Plane, of: str, labels: LabelMap, slice_levels: Mapping[str, int]
) -> tuple[float, float, float, float]:
    """Body from back to front; from below to above the labelled spine and the measured slices."""
    back, front, low, high = body_box(plane, of)
    spinal = [n for n, name in labels.names.items() if region(name).structure in SPINE_STRUCTURES]
    rows = np.flatnonzero(np.isin(plane.numbers, spinal).any(axis=0))
    heights = [*rows[:1].tolist(), *rows[-1:].tolist(), *slice_levels.values()]
    if not heights:
        return back, front, low, high
    dz, bounds = plane.step[1], plane.extent
    return (
        back,
        front,
        max(min(heights) * dz - SPINE_MARGIN_MM, bounds[2]),
        min(max(heights) * dz + SPINE_MARGIN_MM, bounds[3]),
    )


def roomiest_point(plane: Plane, number: int) -> tuple[float, float, float]:
    """Where the largest disc fits inside a region, and its radius, mm."""
    inside = np.pad(plane.numbers == number, 1)
    depth = ndimage.distance_transform_edt(inside, sampling=plane.step)[1:-1, 1:-1]
    i, j = np.unravel_index(int(depth.argmax()), depth.shape)
    return float(i * plane.step[0]), float(j * plane.step[1]), float(depth[i, j])
