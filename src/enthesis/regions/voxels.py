"""The labelled voxels of a scan, gathered in one pass, and what every region has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import Region, region
from enthesis.image import Image, LabelMap, check_same_grid, slice_pixel_area, voxel_volume
from enthesis.records import Measurement

EDGE_FLAG = "reaches the edge of the scan: the region may be cut off"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelVoxels:
    """The labelled voxels of a scan, by region.

    Parameters
    ----------
    regions : label number → region, in order of the numbers, only those present
    quantity : what the values are, a key of `quantities`
    pixel_area : area of one voxel's cut by a slice across K, mm2
    voxel_volume : mm3
    n_slices : K
    cut : numbers of labels with a voxel on the first or last slice, row or column
    """

    regions: Mapping[int, Region]
    quantity: str
    pixel_area: float
    voxel_volume: float
    n_slices: int
    cut: frozenset[int]
    _values: NDArray[Any]
    _slices: NDArray[np.intp]
    _bounds: Mapping[int, tuple[int, int]]

    def values(self, label: int) -> NDArray[Any]:
        """Image values of one label's voxels, (n,), slice by slice."""
        start, stop = self._bounds[label]
        return self._values[start:stop]

    def slices(self, label: int) -> NDArray[np.intp]:
        """Index along K of one label's voxels, (n,), ascending."""
        start, stop = self._bounds[label]
        return self._slices[start:stop]

    def between(self, label: int, first: int, last: int) -> NDArray[Any]:
        """Image values of one label's voxels on slices first..last, both included."""
        start, stop = np.searchsorted(self.slices(label), [first, last + 1])
        return self.values(label)[start:stop]

    def kind(self, kind: str) -> dict[int, Region]:
        """Label number → region, of one kind of tissue."""
        return {label: r for label, r in self.regions.items() if r.kind == kind}


def labelled_voxels(image: Image, labels: LabelMap) -> LabelVoxels:
    """Gather image values and slice numbers of every labelled voxel, sorted by label.

    One pass over the volume: every measure of every region reads this result, not the volume.

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    """
    check_same_grid(image, labels)
    gathered_labels, gathered_values, counts = [], [], []
    for k in range(image.shape[2]):
        # Transposed, because readers deliver the first index as the fastest one in memory.
        on_slice = labels.array[:, :, k].T
        inside = on_slice != 0
        gathered_labels.append(on_slice[inside])
        gathered_values.append(image.array[:, :, k].T[inside])
        counts.append(gathered_labels[-1].size)
    by_voxel = np.concatenate(gathered_labels)
    # Stable, so that each label's voxels stay in slice order.
    order = np.argsort(by_voxel, kind="stable")
    present, starts = np.unique(by_voxel[order], return_index=True)
    stops = [*starts[1:], by_voxel.size]
    return LabelVoxels(
        regions={int(n): region(labels.names[int(n)]) for n in present},
        quantity=image.quantity,
        pixel_area=slice_pixel_area(image.affine),
        voxel_volume=voxel_volume(image.affine),
        n_slices=image.shape[2],
        cut=_labels_at_the_edge(labels.array),
        _values=np.concatenate(gathered_values)[order],
        _slices=np.repeat(np.arange(len(counts)), counts)[order],
        _bounds={int(n): (int(a), int(b)) for n, a, b in zip(present, starts, stops, strict=True)},
    )


def describe(voxels: LabelVoxels) -> list[Measurement]:
    """Volume of every region, and mean, SD and median attenuation where the image holds HU.

    Returns
    -------
    Measurements of whole regions, all slices; the level is the region's own, "" for most.
    """
    found = []
    for label, where in voxels.regions.items():
        values = voxels.values(label)
        numbers = {"volume": values.size * voxels.voxel_volume}
        if voxels.quantity == "hounsfield":
            numbers["attenuation_mean"] = float(values.mean(dtype=np.float64))
            numbers["attenuation_sd"] = float(values.std(dtype=np.float64))
            numbers["attenuation_median"] = float(np.median(values))
        found += [
            Measurement(
                quantity=name,
                value=value,
                region=where.structure,
                side=where.side,
                level=where.level,
                method="whole region",
                flags=(EDGE_FLAG,) if label in voxels.cut else (),
            )
            for name, value in numbers.items()
        ]
    return found


def _labels_at_the_edge(array: NDArray[Any]) -> frozenset[int]:
    faces = [
        np.unique(np.take(array, end, axis=axis))
        for axis in range(3)
        # A volume of one slice has no neighbours there, so being on it says nothing.
        if array.shape[axis] > 1
        for end in (0, -1)
    ]
    return (
        frozenset(int(n) for n in np.unique(np.concatenate(faces)) if n) if faces else frozenset()
    )
