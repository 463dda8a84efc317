"""The labelled voxels of a scan, gathered once, and what every region has."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.anatomy import Region, region
from enthesis.image import Image, LabelMap, check_same_grid, slice_pixel_area, voxel_volume
from enthesis.records import Measurement

EDGE_FLAG = "reaches the edge of the scan: the region may be cut off"


Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelVoxels:
    """The labelled voxels of a scan, by region.

    Parameters
    ----------
    regions : label number → region, in order of the numbers, only those present
    boxes : label number → the part of the grid that holds it
    quantity : what the values are, a key of `quantities`
    pixel_area : area of one voxel's cut by a slice across K, mm2
    voxel_volume : mm3
    cut : numbers of labels with a voxel on the first or last slice, row or column
    """

    regions: Mapping[int, Region]
    boxes: Mapping[int, Box]
    quantity: str
    pixel_area: float
    voxel_volume: float
    cut: frozenset[int]
    _values: Mapping[int, NDArray[Any]]
    _starts: Mapping[int, NDArray[np.intp]]

    def values(self, label: int) -> NDArray[Any]:
        """Image values of one label's voxels, (n,), slice by slice."""
        return self._values[label]

    def between(self, label: int, first: int, last: int) -> NDArray[Any]:
        """Image values of one label's voxels on slices first..last, both included."""
        slices = self.boxes[label][2]
        # Where each slice of the box starts among the values, and where the last one ends.
        starts = self._starts[label]
        begin, end = np.clip([first - slices.start, last + 1 - slices.start], 0, starts.size - 1)
        return self._values[label][starts[begin] : starts[end]]

    def kind(self, kind: str) -> dict[int, Region]:
        """Label number → region, of one kind of tissue."""
        return {label: r for label, r in self.regions.items() if r.kind == kind}


def label_boxes(labels: LabelMap) -> dict[int, Box]:
    """The smallest part of the grid that holds each label present, by number."""
    # Transposed, because readers deliver the first index as the fastest one in memory.
    found = ndimage.find_objects(labels.array.T, max_label=max(labels.names, default=0))
    return {number: (box[2], box[1], box[0]) for number, box in enumerate(found, start=1) if box}


def labelled_voxels(image: Image, labels: LabelMap) -> LabelVoxels:
    """Gather the image values of every labelled voxel, by label and slice.

    Every measure of every region reads this result, not the volume. The cost is one pass over the
    label map, then one over each label's own box.

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    """
    check_same_grid(image, labels)
    boxes = label_boxes(labels)
    values, starts = {}, {}
    for number, (i, j, k) in boxes.items():
        inside = labels.array.T[k, j, i] == number
        values[number] = image.array.T[k, j, i][inside]
        starts[number] = np.concatenate([[0], np.count_nonzero(inside, axis=(1, 2)).cumsum()])
    return LabelVoxels(
        regions={number: region(labels.names[number]) for number in boxes},
        boxes=boxes,
        quantity=image.quantity,
        pixel_area=slice_pixel_area(image.affine),
        voxel_volume=voxel_volume(image.affine),
        cut=frozenset(number for number, box in boxes.items() if _at_the_edge(box, image.shape)),
        _values=values,
        _starts=starts,
    )


def finite(values: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """The values that are numbers, and a flag if some are not: scans resampled or cut may hold NaN.

    Parameters
    ----------
    values : (n,)
    """
    if values.dtype.kind != "f" or (kept := np.isfinite(values)).all():
        return values, ()
    missing = values.size - int(np.count_nonzero(kept))
    return values[kept], (f"{missing} of its {values.size} voxels hold no number: left out",)


def describe(voxels: LabelVoxels) -> list[Measurement]:
    """Volume of every region, and mean, SD and median attenuation where the image holds HU.

    Returns
    -------
    Measurements of whole regions, all slices; the level is the region's own, "" for most.
    """
    found = []
    for label, where in voxels.regions.items():
        cut = (EDGE_FLAG,) if label in voxels.cut else ()
        numbers = {"volume": voxels.values(label).size * voxels.voxel_volume}
        missing: tuple[str, ...] = ()
        if voxels.quantity == "hounsfield":
            values, missing = finite(voxels.values(label))
            numbers |= _statistics(values)
        found += [
            Measurement(
                quantity=name,
                value=value,
                region=where.structure,
                side=where.side,
                level=where.level,
                method="whole region",
                flags=cut if name == "volume" else (*cut, *missing),
            )
            for name, value in numbers.items()
        ]
    return found


def _statistics(values: NDArray[Any]) -> dict[str, float]:
    if not values.size:
        return dict.fromkeys(("attenuation_mean", "attenuation_sd", "attenuation_median"), math.nan)
    return {
        "attenuation_mean": float(values.mean(dtype=np.float64)),
        "attenuation_sd": float(values.std(dtype=np.float64)),
        "attenuation_median": float(np.median(values)),
    }


def _at_the_edge(box: Box, shape: tuple[int, int, int]) -> bool:
    # A volume of one slice has no neighbours there, so being on it says nothing.
    return any(
        n > 1 and (part.start == 0 or part.stop == n) for part, n in zip(box, shape, strict=True)
    )
