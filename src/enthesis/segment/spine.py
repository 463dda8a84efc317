"""Where each vertebra of a scan lies, and what it is called."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.image import Image, LabelMap
from enthesis.segment.distances import Box, slabs, whole_box
from enthesis.segment.geometry_bodies import DiscPlane
from enthesis.segment.geometry_frame import FRONT_MM, RIGHT_MM, STRAIGHT_MM, SpineFrame
from enthesis.segment.levels import LevelProposal, body_middles
from enthesis.segment.tissues import names_in

BODY_FRONT_MM = 24.0
"""How far in front of the canal the middle of a lumbar body lies, mm."""

LEVELLED = ("vertebral_body", "vertebra_posterior", "vertebra", "intervertebral_disc")

ARCH_DROP = 0.45
"""By how much an arch lies lower than its body, mm per mm behind the canal; at most `LOWEST_MM`."""

LOWEST_MM = 16.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OrientedPlane:
    """A plane through a vertebra or disc, across the spine.

    Parameters
    ----------
    name : level of the body, or both levels of the disc, e.g. "L4_L5"
    center : (3,) mm in the patient
    normal : (3,) unit vector along the spine towards the head
    slice_index : slice of the scan nearest to the center
    """

    name: str
    center: NDArray[np.float64]
    normal: NDArray[np.float64]
    slice_index: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spine:
    """The vertebrae that geometry found in a scan.

    Parameters
    ----------
    frame : directions along the canal
    discs : from feet to head
    levels : what the bodies are called; body n lies below disc n
    centers_mm : (n + 1, 3) middle of each body, mm in the patient
    box : part of the working grid around the spine
    places : (3, i, j, k) of the box: mm to the right, mm in front, index along the spine
    shape : voxels of the working grid
    step_mm : its spacing; its middle is the scan's
    """

    frame: SpineFrame
    discs: tuple[DiscPlane, ...]
    levels: LevelProposal
    centers_mm: NDArray[np.float64]
    box: Box
    places: NDArray[np.float32]
    shape: tuple[int, int, int]
    step_mm: float

    def body_planes(self, image: Image) -> tuple[OrientedPlane, ...]:
        """The plane across the spine through the middle of each named body, from head to feet."""
        middles = _body_middles(self.discs, len(self.frame.middle))
        return tuple(
            self._plane(name, along, 0.0, image)
            for name, along in list(zip(self.levels.names, middles, strict=True))[::-1]
            if name
        )

    def disc_planes(self, image: Image) -> tuple[OrientedPlane, ...]:
        """The plane of each disc between named bodies, from head to feet."""
        names = self.levels.names
        return tuple(
            self._plane(f"{names[n + 1]}_{names[n]}", disc.along, disc.tilt_deg, image)
            for n, disc in reversed(list(enumerate(self.discs)))
            if names[n] and names[n + 1]
        )

    def levelled(self, labels: LabelMap) -> LabelMap:
        """The label map with bodies, arches and discs named by level; as it is if none is known.

        Parameters
        ----------
        labels : on the scan's grid, with ``vertebral_body``, ``intervertebral_disc`` or
            ``vertebra_posterior`` of no level; sacral ones and those without a name are left so
        """
        if not self.levels.known:
            return labels
        array, names = labels.array.copy(order="K"), dict(labels.names)
        for number, name in labels.names.items():
            if name not in LEVELLED:
                continue
            by_place = self._level_names(name)
            fresh = dict(enumerate(sorted(set(by_place) - {""}), start=max(names) + 1))
            names |= fresh
            numbers = {level: n for n, level in fresh.items()}
            table = np.array([numbers.get(level, number) for level in by_place], array.dtype)
            for slab in slabs(whole_box(labels.shape)):
                k, j, i = np.nonzero((labels.array[slab] == number).T)
                voxels = i, j, k + slab[2].start
                array[voxels] = table[self._place(name, *self._index(voxels, labels))]
        return _renumbered(array, names, labels)

    def _index(
        self, voxels: tuple[NDArray[np.intp], ...], labels: LabelMap
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mm in front of the canal and index along the spine of voxels of the scan."""
        working = [
            (at - (n - 1) / 2) * d / self.step_mm + (m - 1) / 2 - part.start
            for at, n, d, m, part in zip(
                voxels, labels.shape, labels.spacing, self.shape, self.box, strict=True
            )
        ]
        front, along = (
            ndimage.map_coordinates(values, working, order=1, mode="nearest")
            for values in self.places[1:]
        )
        return front, along

    def _level_names(self, name: str) -> list[str]:
        """Names of a structure at each disc or body from feet to head; empty where unknown."""
        names = self.levels.names
        if name == "intervertebral_disc":
            return [
                f"{name}_{upper}_{lower}" if upper and lower else ""
                for lower, upper in itertools.pairwise(names)
            ]
        return [f"{name}_{level}" if level and level != "S1" else "" for level in names]

    def _place(
        self, name: str, front: NDArray[np.float64], along: NDArray[np.float64]
    ) -> NDArray[np.intp]:
        """At which disc or body points lie, counted from the feet."""
        tilts = np.tan(np.deg2rad([disc.tilt_deg for disc in self.discs]))
        heights = np.array([disc.along for disc in self.discs])
        if name == "intervertebral_disc":
            rise = (front - BODY_FRONT_MM)[None] / STRAIGHT_MM * tilts[:, None]
            return np.asarray(np.abs(heights[:, None] + rise - along).argmin(axis=0))
        drop = np.clip(-front * ARCH_DROP, 0, LOWEST_MM) / STRAIGHT_MM
        rise = np.clip(front - BODY_FRONT_MM, -BODY_FRONT_MM, None)[None] / STRAIGHT_MM
        return np.asarray((along + drop > heights[:, None] + rise * tilts[:, None]).sum(axis=0))

    def _plane(self, name: str, along: float, tilt_deg: float, image: Image) -> OrientedPlane:
        at = np.array([along])
        up, front = (self.frame.at(rows, at)[0] for rows in (self.frame.up, self.frame.front))
        tilt = np.deg2rad(tilt_deg)
        normal = image.affine[:3, :3] @ (
            (np.cos(tilt) * up - np.sin(tilt) * front) / np.array(image.spacing)
        )
        index = _scan_index(self.frame.point(0, BODY_FRONT_MM, along), image, self)
        return OrientedPlane(
            name=name,
            center=image.affine[:3, :3] @ index + image.affine[:3, 3],
            normal=normal / np.linalg.norm(normal),
            slice_index=int(np.clip(round(index[2]), 0, image.shape[2] - 1)),
        )


def spine_of(
    image: Image,
    frame: SpineFrame,
    discs: tuple[DiscPlane, ...],
    levels: LevelProposal,
    shape: tuple[int, ...],
    step_mm: float,
) -> Spine:
    """The vertebrae along a frame.

    Parameters
    ----------
    image : the scan
    frame, discs, levels : as found
    shape, step_mm : of the working grid
    """
    reach = np.hypot(RIGHT_MM[1], FRONT_MM[1])
    low = np.floor((frame.middle.min(axis=0) - [reach, -FRONT_MM[0] + 20, 30]) / step_mm)
    high = np.ceil((frame.middle.max(axis=0) + np.array([reach, reach, 30])) / step_mm)
    i, j, k = (
        slice(int(max(a, 0)), int(min(b, n))) for a, b, n in zip(low, high, shape, strict=True)
    )
    grid = np.meshgrid(
        *(np.arange(part.start, part.stop) * step_mm for part in (i, j, k)), indexing="ij"
    )
    points = np.stack([axis.ravel() for axis in grid], axis=1)
    places = frame.places(points).reshape(3, *grid[0].shape).astype(np.float32)
    found = Spine(
        frame=frame,
        discs=discs,
        levels=levels,
        centers_mm=np.zeros((0, 3)),
        box=(i, j, k),
        places=places,
        shape=(shape[0], shape[1], shape[2]),
        step_mm=step_mm,
    )
    middles = [
        _scan_index(frame.point(0, BODY_FRONT_MM, along), image, found)
        for along in _body_middles(discs, len(frame.middle))
    ]
    centers = np.array(middles) @ image.affine[:3, :3].T + image.affine[:3, 3]
    object.__setattr__(found, "centers_mm", centers)
    return found


def _body_middles(discs: tuple[DiscPlane, ...], n_lines: int) -> NDArray[np.float64]:
    """Index along the spine of the middle of each body."""
    middles = body_middles(np.array([disc.along for disc in discs]))
    return np.asarray(np.clip(middles, 0, n_lines - 1))


def _scan_index(point: NDArray[np.float64], image: Image, spine: Spine) -> NDArray[np.float64]:
    """Voxel index in the scan of a point given in mm from the working grid's first voxel."""
    return np.array(
        [
            (mm - (m - 1) / 2 * spine.step_mm) / d + (n - 1) / 2
            for mm, m, n, d in zip(point, spine.shape, image.shape, image.spacing, strict=True)
        ]
    )


def _renumbered(array: NDArray[Any], names: Mapping[int, str], like: LabelMap) -> LabelMap:
    """The map with the numbers that occur, from 1 on; the array is written to."""
    kept = names_in(array, names)
    table = np.zeros(max(kept, default=0) + 1, array.dtype)
    table[list(kept)] = np.arange(1, len(kept) + 1)
    for slab in slabs(whole_box(like.shape)):
        array[slab] = table[array[slab]]
    return LabelMap(
        array=array,
        affine=like.affine,
        names=dict(enumerate(kept.values(), start=1)),
        origin=like.origin,
        source=like.source,
    )
