"""The labelled voxels of a scan, label by label, and what every region has."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.anatomy import Region, region
from enthesis.image import Image, LabelMap, check_same_grid, slice_pixel_area, voxel_volume
from enthesis.records import Measurement

EDGE_FLAG = "reaches the edge of the scan: the region may be cut off"

FLAT_FLAG = "the picture has no thickness: its area can be measured, its volume cannot"

AT_ONCE = 1 << 20
"""Voxels of a label's box that are looked at in one step: what stays in a processor's cache, so
that a label as large as the scan needs no more memory than a small one."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelVoxels:
    """The labelled voxels of a scan, by region; values are gathered when asked for.

    Parameters
    ----------
    regions : label number → region, in order of the numbers, only those present
    boxes : label number → the part of the grid that holds it
    quantity : what the values are, a key of `quantities`
    affine : (4, 4), voxel index → mm
    pixel_area : area of one voxel's cut by a slice across K, mm2
    voxel_volume : mm3; NaN of a picture without thickness
    cut : numbers of labels with a voxel on the first or last slice, row or column
    shape : voxels along I, J, K
    """

    regions: Mapping[int, Region]
    boxes: Mapping[int, Box]
    quantity: str
    affine: NDArray[np.float64]
    pixel_area: float
    voxel_volume: float
    cut: frozenset[int]
    shape: tuple[int, int, int]
    _image: NDArray[Any]
    _labels: NDArray[Any]

    def values(self, label: int) -> NDArray[Any]:
        """Image values of one label's voxels, (n,), slice by slice."""
        return self.between(label, 0, self.shape[2] - 1)

    def between(self, label: int, first: int, last: int) -> NDArray[Any]:
        """Image values of one label's voxels on slices first..last, both included."""
        parts = list(self.parts(label, first, last))
        return np.concatenate(parts) if parts else np.empty(0, dtype=self._image.dtype)

    def parts(self, label: int, first: int, last: int) -> Iterator[NDArray[Any]]:
        """The same values, some slices at a time."""
        for part, inside in self._steps(label, first, last):
            yield self._image.T[part][inside]

    def counts(self, label: int) -> NDArray[np.int64]:
        """Voxels of one label on each slice of the scan, (K,)."""
        found = np.zeros(self.shape[2], dtype=np.int64)
        for part, inside in self._steps(label, 0, self.shape[2] - 1):
            found[part[0]] = np.count_nonzero(inside, axis=(1, 2))
        return found

    def mask(self, label: int, first: int, last: int) -> tuple[NDArray[np.bool_], Box]:
        """One label's voxels on slices first..last, and the part of the grid that they lie in."""
        i, j, k = self.boxes[label]
        k = slice(max(k.start, first), max(min(k.stop, last + 1), k.start, first))
        return (self._labels.T[k, j, i] == label).T, (i, j, k)

    def image(self, box: Box) -> NDArray[Any]:
        """Image values of a part of the grid."""
        return self._image[box]

    def labels(self, box: Box) -> NDArray[Any]:
        """Label numbers of a part of the grid."""
        return self._labels[box]

    def kind(self, kind: str) -> dict[int, Region]:
        """Label number → region, of one kind of tissue."""
        return {label: r for label, r in self.regions.items() if r.kind == kind}

    def numbers(self, structure: str) -> dict[str, int]:
        """Side → label number, of one structure without levels."""
        return {r.side: label for label, r in self.regions.items() if r.structure == structure}

    def _steps(self, label: int, first: int, last: int) -> Iterator[tuple[Box, NDArray[np.bool_]]]:
        # Transposed, because readers deliver the first index as the fastest one in memory.
        i, j, k = self.boxes[label]
        stop = min(k.stop, last + 1)
        step = max(1, AT_ONCE // ((i.stop - i.start) * (j.stop - j.start)))
        for start in range(max(k.start, first), stop, step):
            part = (slice(start, min(start + step, stop)), j, i)
            yield part, self._labels.T[part] == label


def label_boxes(labels: LabelMap) -> dict[int, Box]:
    """The smallest part of the grid that holds each label present, by number."""
    # Transposed, because readers deliver the first index as the fastest one in memory.
    found = ndimage.find_objects(labels.array.T, max_label=max(labels.names, default=0))
    return {number: (box[2], box[1], box[0]) for number, box in enumerate(found, start=1) if box}


def labelled_voxels(image: Image, labels: LabelMap) -> LabelVoxels:
    """Find where each label lies; every measure of every region reads this result.

    The cost is one pass over the label map; later each measure passes over a label's own box.

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    """
    check_same_grid(image, labels)
    boxes = label_boxes(labels)
    return LabelVoxels(
        regions={number: region(labels.names[number]) for number in boxes},
        boxes=boxes,
        quantity=image.quantity,
        affine=image.affine,
        pixel_area=slice_pixel_area(image.affine),
        voxel_volume=voxel_volume(image.affine) if _has_thickness(image) else math.nan,
        cut=frozenset(number for number, box in boxes.items() if _at_the_edge(box, image.shape)),
        shape=image.shape,
        _image=image.array,
        _labels=labels.array,
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
        flat = (FLAT_FLAG,) if math.isnan(voxels.voxel_volume) else ()
        missing: tuple[str, ...] = ()
        statistics: dict[str, float] = {}
        if voxels.quantity != "hounsfield":
            size = int(voxels.counts(label).sum())
        elif voxels._image.dtype == np.int16:
            size, statistics = _of_counts(_value_counts(voxels, label))
        else:
            gathered = voxels.values(label)
            values, missing = finite(gathered)
            size, statistics = gathered.size, _statistics(values)
        numbers = {"volume": size * voxels.voxel_volume, **statistics}
        found += [
            Measurement(
                quantity=name,
                value=value,
                region=where.structure,
                side=where.side,
                level=where.level,
                method="whole region",
                flags=(*cut, *(flat if name == "volume" else missing)),
            )
            for name, value in numbers.items()
        ]
    return found


def _has_thickness(image: Image) -> bool:
    """Whether slices have a thickness: several always have their distance, one may state none."""
    return image.shape[2] > 1 or image.source.facts.get("slice_thickness_mm", "") is not None


def _value_counts(voxels: LabelVoxels, label: int) -> NDArray[np.int64]:
    """How often each value from -32768 to 32767 occurs among a label's voxels."""
    counts = np.zeros(1 << 16, dtype=np.int64)
    for part in voxels.parts(label, 0, voxels.shape[2] - 1):
        if part.size:
            low = int(part.min())
            found = np.bincount(part.astype(np.int32) - low)
            counts[low + (1 << 15) : low + (1 << 15) + found.size] += found
    return counts


def _of_counts(counts: NDArray[np.int64]) -> tuple[int, dict[str, float]]:
    values = np.flatnonzero(counts)
    times = counts[values]
    hu = values.astype(np.float64) - (1 << 15)
    n = int(times.sum())
    mean = float(hu @ times) / n
    below = times.cumsum()
    # The middle value, or the mean of the two in the middle.
    middle = [hu[np.searchsorted(below, rank, side="right")] for rank in ((n - 1) // 2, n // 2)]
    return n, {
        "attenuation_mean": mean,
        "attenuation_sd": math.sqrt(float((hu - mean) ** 2 @ times) / n),
        "attenuation_median": float(sum(middle)) / 2,
    }


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
