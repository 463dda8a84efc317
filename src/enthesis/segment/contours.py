"""From contours on a few slices to a whole muscle, and where one more contour helps most."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.interpolate import PchipInterpolator

from enthesis._optional import optional
from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, Image, LabelMap

MARGIN_MM = 15.0
"""The distances are kept this far around the contours, mm."""

FLOW_MM = 40.0
"""Around the contour, so much of the slice is looked at to follow it, mm."""

FLOW_PIXEL_MM = 1.0
"""Pixels finer than this are averaged before the contour is followed, mm."""

FLOW_RADIUS = 4
"""Half width of the window in which neighbouring slices are matched, pixels."""

FLOW_HU = (-150.0, 200.0)
"""Attenuation is clipped at this, so that bone and gas do not rule the matching, HU."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Interpolated:
    """Whole muscles made from contours.

    Parameters
    ----------
    labels : every slice from the first to the last contour of each region
    drawn : region → slices that were drawn by hand
    next_slice : region → the slice where one more contour would change it most; those that are
        drawn on every slice are not there
    areas_mm2 : region → (K,) area on each slice
    """

    labels: LabelMap
    drawn: Mapping[str, tuple[int, ...]]
    next_slice: Mapping[str, int]
    areas_mm2: Mapping[str, NDArray[np.float64]]


def interactive(contours: LabelMap, image: Image | None = None) -> Interpolated:
    """Muscles drawn on a few slices, filled in between.

    Parameters
    ----------
    contours : label map with voxels on the drawn slices only, of one or more regions
    image : the scan; a region that is drawn on one slice alone is followed through it to the ends
        of the scan, and needs it

    Raises
    ------
    InputError : nothing is drawn, or on one slice alone and no image was given.
    GridError : contours and image do not lie on one grid.

    Notes
    -----
    The signed distance to each contour, moved so that their centres meet, is interpolated between
    the slices by monotone cubics, and so are the centres. Tried against random walks, active
    contours and seeds, it was better than all of them: an outline drawn by hand is a better shape
    than what the picture pulls it to.
    """
    numbers = sorted(set(np.unique(contours.array).tolist()) - {0})
    if not numbers:
        raise InputError("no voxel is drawn; draw a region on at least one slice")
    if image is not None:
        _check_grid(contours, image)
    array = np.zeros(contours.shape, contours.array.dtype)
    depth_so_far = np.full(contours.shape, -np.inf, np.float32)
    drawn, areas = {}, {}
    following: dict[str, int] = {}
    pixel = contours.spacing[0] * contours.spacing[1]
    for number in numbers:
        name = contours.names[number]
        mask = contours.array == number
        slices = np.flatnonzero(mask.any(axis=(0, 1)))
        if slices.size == 1:
            if image is None:
                raise InputError(
                    f"{name} is drawn on one slice alone: give the scan to follow it through, or "
                    "draw it on one more"
                )
            inside = propagated(mask, image)
            depth = _plane_depths(inside, contours.spacing)
        else:
            depth = _interpolated(mask, slices, contours.spacing)
            inside = depth > 0
        # Where two regions meet, a voxel belongs to the one in which it lies deeper.
        wins = inside & (depth > depth_so_far)
        array[wins] = number
        depth_so_far[wins] = depth[wins]
        drawn[name] = tuple(slices.tolist())
        areas[name] = inside.sum(axis=(0, 1)) * pixel
        following |= _next_slice(name, mask, slices, inside, contours.spacing)
    labels = LabelMap(
        array=array,
        affine=contours.affine,
        names={number: contours.names[number] for number in numbers},
        origin="edited",
        source=contours.source,
    )
    return Interpolated(labels=labels, drawn=drawn, next_slice=following, areas_mm2=areas)


def next_contour(found: Interpolated) -> tuple[str, int] | None:
    """The region and slice where one more contour helps most; None if all are drawn."""
    if not found.next_slice:
        return None
    widest = {
        name: max(np.diff(found.drawn[name]), default=found.areas_mm2[name].size)
        for name in found.next_slice
    }
    name = max(widest, key=lambda region: widest[region])
    return name, found.next_slice[name]


def propagated(mask: NDArray[np.bool_], image: Image) -> NDArray[np.bool_]:
    """A region drawn on one slice, followed from slice to slice through the scan.

    Parameters
    ----------
    mask : (I, J, K), drawn on one slice
    image : on the same grid

    Raises
    ------
    InputError : drawn on no slice or on more than one; scikit-image is not installed.

    Notes
    -----
    The outline moves along the optical flow between neighbouring slices (Lucas–Kanade, iterative).
    A start to be corrected: area errors grow to a fifth within some vertebrae.
    """
    slices = np.flatnonzero(mask.any(axis=(0, 1)))
    if slices.size != 1:
        raise InputError(f"a region to be followed is drawn on one slice, got {slices.size}")
    flow = optional("skimage.registration", extra="segment", purpose="Following a contour")
    step = image.spacing
    around = ndimage.find_objects(mask[:, :, slices[0]].astype(np.uint8))[0]
    reach = [int(np.ceil(FLOW_MM / d)) for d in step[:2]]
    box = tuple(
        slice(max(part.start - r, 0), min(part.stop + r, n))
        for part, r, n in zip(around, reach, mask.shape, strict=False)
    )
    zoom = tuple(min(d / FLOW_PIXEL_MM, 1.0) for d in step[:2])
    scan = image.array[box[0], box[1]].astype(np.float32)
    planes = _shown(scan, image.quantity)
    start = _plane_depth(mask[box[0], box[1], slices[0]], step)
    found = np.zeros(mask.shape, bool)
    found[:, :, slices[0]] = mask[:, :, slices[0]]
    for direction in (1, -1):
        depth = ndimage.zoom(start, zoom, order=1)
        here = ndimage.zoom(planes[:, :, slices[0]], zoom, order=1)
        k = int(slices[0]) + direction
        while 0 <= k < mask.shape[2] and (depth > 0).any():
            there = ndimage.zoom(planes[:, :, k], zoom, order=1)
            v, u = flow.optical_flow_ilk(there, here, radius=FLOW_RADIUS)
            i, j = np.indices(there.shape)
            depth = ndimage.map_coordinates(depth, [i + v, j + u], order=1, mode="nearest")
            fine = ndimage.zoom(
                depth, [n / m for n, m in zip(start.shape, depth.shape, strict=True)], order=1
            )
            found[box[0], box[1], k] = fine[: start.shape[0], : start.shape[1]] > 0
            here = there
            k += direction
    return found


def _shown(scan: NDArray[np.float32], quantity: str) -> NDArray[np.float32]:
    """Values from 0 to 1 in which soft tissue has most of the range."""
    low, high = FLOW_HU if quantity == "hounsfield" else np.percentile(scan, (1, 99.5))
    return np.asarray(np.clip((scan - low) / max(high - low, 1e-6), 0, 1), np.float32)


def _interpolated(
    mask: NDArray[np.bool_], slices: NDArray[np.intp], step: tuple[float, float, float]
) -> NDArray[np.float32]:
    """Signed distance within each slice, (I, J, K), between the first and the last contour."""
    box = _field(mask, step)
    planes = [mask[box[0], box[1], k] for k in slices]
    centers = np.array([ndimage.center_of_mass(plane) for plane in planes])
    middle = (np.array(planes[0].shape) - 1) / 2
    moved = []
    for plane, center in zip(planes, centers, strict=True):
        depth = _plane_depth(plane, step)
        moved.append(ndimage.shift(depth, middle - center, order=1, mode="nearest"))
    lines = np.arange(slices[0], slices[-1] + 1)
    depths = PchipInterpolator(slices, np.array(moved), axis=0)(lines)
    places = PchipInterpolator(slices, centers, axis=0)(lines)
    found = np.full(mask.shape, -np.inf, np.float32)
    for k, depth, place in zip(lines, depths, places, strict=True):
        found[box[0], box[1], k] = ndimage.shift(depth, place - middle, order=1, mode="nearest")
    for k, plane in zip(slices, planes, strict=True):
        # What was drawn stays as it was drawn.
        found[box[0], box[1], k] = _plane_depth(plane, step)
    return found


def _field(mask: NDArray[np.bool_], step: tuple[float, float, float]) -> tuple[slice, slice]:
    """The part of the slices in which all contours lie, with a margin."""
    around = ndimage.find_objects(mask.any(axis=2).astype(np.uint8))[0]
    i, j = (
        slice(
            max(part.start - int(np.ceil(MARGIN_MM / d)), 0),
            min(part.stop + int(np.ceil(MARGIN_MM / d)), n),
        )
        for part, d, n in zip(around, step, mask.shape, strict=False)
    )
    return i, j


def _plane_depth(plane: NDArray[np.bool_], step: tuple[float, float, float]) -> NDArray[np.float32]:
    """Signed distance of one slice, positive inside, mm."""
    inside = ndimage.distance_transform_edt(plane, sampling=step[:2])
    outside = ndimage.distance_transform_edt(~plane, sampling=step[:2])
    return np.asarray(inside - outside, np.float32)


def _plane_depths(
    inside: NDArray[np.bool_], step: tuple[float, float, float]
) -> NDArray[np.float32]:
    found = np.full(inside.shape, -np.inf, np.float32)
    for k in np.flatnonzero(inside.any(axis=(0, 1))):
        found[:, :, k] = _plane_depth(inside[:, :, k], step)
    return found


def _next_slice(
    name: str,
    mask: NDArray[np.bool_],
    slices: NDArray[np.intp],
    inside: NDArray[np.bool_],
    step: tuple[float, float, float],
) -> dict[str, int]:
    """The undrawn slice that is worst known: each contour is left out and the loss is seen.

    The loss of area when a contour is left out tells how wrong a gap of that width is there; a gap
    between two contours is as doubtful as its width times the mean loss at its ends.
    """
    if slices.size == 1:
        rows = np.flatnonzero(inside.any(axis=(0, 1)))
        farthest = rows[np.abs(rows - slices[0]).argmax()]
        return {} if farthest == slices[0] else {name: int(farthest)}
    gaps = np.diff(slices)
    if gaps.max() < 2:
        return {}
    loss = np.full(slices.size, 0.0)
    for n in range(1, slices.size - 1):
        others = np.delete(slices, n)
        less = mask.copy()
        less[:, :, slices[n]] = False
        guessed = _interpolated(less, others, step)[:, :, slices[n]] > 0
        true = mask[:, :, slices[n]]
        wrong = float((guessed ^ true).sum()) / max(int(true.sum()), 1)
        loss[n] = wrong / max(slices[n + 1] - slices[n - 1], 1)
    if slices.size > 2:
        loss[[0, -1]] = loss[1:-1].mean()
    doubt = (gaps - 1) * (loss[:-1] + loss[1:] + 1e-6)
    at = int(doubt.argmax())
    return {name: int((slices[at] + slices[at + 1]) // 2)}


def _check_grid(contours: LabelMap, image: Image) -> None:
    gap = float(np.abs(contours.affine - image.affine).max()) * max(image.shape)
    if contours.shape != image.shape or gap > GRID_TOLERANCE_MM:
        raise GridError("contours and image do not lie on one grid; draw them on this scan")
