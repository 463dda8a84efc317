"""Bodies, discs, canal and muscles of a CT by geometry alone: no network, no training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis import __version__
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.segment.distances import FAR_MM, Box, SignedDistances, surface_on_scan
from enthesis.segment.geometry_bodies import SpineColumn, spine_column
from enthesis.segment.geometry_canal import canal
from enthesis.segment.geometry_cues import ala_shares, crest_height
from enthesis.segment.geometry_frame import (
    FRONT_MM,
    RIGHT_MM,
    STRAIGHT_MM,
    spine_frame,
    straight_index,
)
from enthesis.segment.geometry_muscles import posterior_compartments, psoas, slice_midpoint
from enthesis.segment.geometry_ribs import rib_heights
from enthesis.segment.geometry_turned import TurnedSlices, turned_slices
from enthesis.segment.levels import held_against, proposed_levels, told_levels
from enthesis.segment.resample import resampled, size_at
from enthesis.segment.spine import Spine, spine_of

WORKING_MM = 2.0
"""Distance between the voxels of the working grid along all axes, mm."""

END_BODY_MM = 32.0
"""A body that only one disc bounds reaches this far from it, mm."""

NO_SPINE = "geometry found no spinal canal between vertebrae: it read nothing in this scan"

READER = f"geometry {__version__}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeometryReading:
    """What geometry finds in a CT.

    Parameters
    ----------
    distances : bodies, discs, canal, and of each side the posterior compartment
        (``deep_back_muscle``) and the psoas; bodies and discs all in one, see `spine`
    spine : where each vertebra lies and what it is called; None where no spine was seen, and
        nothing else then
    """

    distances: SignedDistances
    spine: Spine | None


def geometry_reading(image: Image, *, levels: Mapping[str, float] | None = None) -> GeometryReading:
    """Regions of a lumbar CT by its geometry.

    Parameters
    ----------
    image : CT in HU with slices of 5 mm or thinner
    levels : level → height in the scan of a point of that body, mm; found if not given

    Raises
    ------
    InputError : not a CT, or a level where no body is.

    Notes
    -----
    The canal is the path with bone at both ends of every diameter; the midplane that about which
    the body mirrors itself. Along both the spine is made straight, where discs are dark lines
    between bright ones, and bodies and muscles closed outlines around their middle.
    """
    seen = _seen(image, levels)
    if seen is None:
        nothing = SignedDistances(
            shape=image.shape, affine=image.affine, surfaces={}, reader=READER, notes=(NO_SPINE,)
        )
        return GeometryReading(distances=nothing, spine=None)
    spine, shape = seen.spine, seen.spine.shape
    depths = _column_depths(seen.column, spine)
    surfaces = {
        name: surface_on_scan(depth, spine.box, shape, WORKING_MM, image)
        for name, depth in depths.items()
        if (depth > 0).any()
    }
    for name, depth in _muscle_depths(seen, depths).items():
        back = seen.slices.back(depth, shape, WORKING_MM)
        if (back > 0).any():
            box = _around(back)
            surfaces[name] = surface_on_scan(back[box], box, shape, WORKING_MM, image)
    return GeometryReading(
        distances=SignedDistances(
            shape=image.shape, affine=image.affine, surfaces=surfaces, reader=READER
        ),
        spine=spine,
    )


def found_spine(image: Image, *, levels: Mapping[str, float] | None = None) -> Spine | None:
    """Where each vertebra of a CT lies and what it is called; None where no spine is seen.

    Parameters
    ----------
    image, levels : see `geometry_reading`

    Raises
    ------
    InputError : not a CT, or a level where no body is.
    """
    seen = _seen(image, levels)
    return None if seen is None else seen.spine


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Seen:
    """The spine of a scan, on the working grid."""

    spine: Spine
    column: SpineColumn
    slices: TurnedSlices


def _seen(image: Image, levels: Mapping[str, float] | None) -> _Seen | None:
    if image.quantity != "hounsfield":
        raise InputError(
            f"geometry reads CT in HU, got {image.quantity!r}; use the network or contours"
        )
    hu = _working(image)
    path = canal(hu, WORKING_MM)
    if path is None:
        return None
    frame = spine_frame(path, WORKING_MM)
    straight = frame.straightened(hu, WORKING_MM)
    column = spine_column(straight)
    if column is None:
        return None
    slices = turned_slices(hu, path, WORKING_MM)
    discs = np.array([disc.along for disc in column.discs])
    crest = frame.along(crest_height(slices), WORKING_MM)
    ribs = rib_heights(hu, frame, WORKING_MM)
    proposal = proposed_levels(ala_shares(straight, discs), discs, crest, ribs)
    spine = spine_of(image, frame, column.discs, proposal, hu.shape, WORKING_MM)
    if levels:
        told = told_levels(spine.centers_mm[:, 2], levels)
        spine = replace(spine, levels=held_against(told, proposal, asked=levels))
    return _Seen(spine=spine, column=column, slices=slices)


def _muscle_depths(
    seen: _Seen, depths: Mapping[str, NDArray[np.float32]]
) -> dict[str, NDArray[np.float32]]:
    """Depth inside each muscle on the turned slices."""
    slices, spine = seen.slices, seen.spine
    midpoint = slice_midpoint(slices.hu)
    solid = np.full(spine.shape, -FAR_MM, np.float32)
    solid[spine.box] = np.maximum(depths["vertebral_body"], depths["intervertebral_disc"])
    above = _discs_above(spine, slices.rows)
    backs = posterior_compartments(slices, midpoint, discs_above=above)
    fronts = psoas(
        slices,
        midpoint,
        column=slices.turned(solid, WORKING_MM, outside=-FAR_MM),
        discs_above=above,
    )
    return {
        **{f"deep_back_muscle_{side}": depth for side, depth in backs.items()},
        **{f"psoas_major_{side}": depth for side, depth in fronts.items()},
    }


def _working(image: Image) -> NDArray[np.float32]:
    i, j, k = (size_at(n, d, WORKING_MM) for n, d in zip(image.shape, image.spacing, strict=True))
    step = (WORKING_MM, WORKING_MM, WORKING_MM)
    return resampled(image.array, image.spacing, step, (i, j, k))


def _column_depths(column: SpineColumn, spine: Spine) -> dict[str, NDArray[np.float32]]:
    """Depth inside bodies, discs and canal on the spine's box of the working grid."""
    lines = np.arange(column.bodies.shape[3])
    reach = END_BODY_MM / STRAIGHT_MM
    # Where no level is known the lowest body in view may be the sacrum.
    sacral = 0 if spine.levels.sacrum is None else spine.levels.sacrum
    kept = []
    for n, body in enumerate(column.bodies):
        if n <= sacral:
            continue
        low = column.discs[n - 1].along if n else column.discs[0].along - reach
        high = column.discs[n].along if n < len(column.discs) else low + reach
        within = (lines >= low - 5) & (lines <= high + 5)
        if n in (0, len(column.bodies) - 1):
            within &= (lines >= low) if n else (lines <= high)
            within &= (lines >= high - reach) if n == 0 else (lines <= low + reach)
        kept.append(np.where(within, body, -FAR_MM))
    found = {
        "vertebral_body": np.max(kept, axis=0),
        "intervertebral_disc": column.between[max(sacral, 0) :].max(axis=0),
        "spinal_canal": column.canal,
    }
    return {name: _sampled(depth, spine) for name, depth in found.items()}


def _sampled(depth: NDArray[np.float32], spine: Spine) -> NDArray[np.float32]:
    """Depths on the straightened grid at each voxel of the spine's box."""
    right, front, along = spine.places
    sampled = ndimage.map_coordinates(
        depth,
        [straight_index(right, RIGHT_MM), straight_index(front, FRONT_MM), along],
        order=1,
        mode="nearest",
    )
    n = depth.shape[2]
    beyond = (along < -1.5) | (along > n + 0.5)
    beyond |= (right < RIGHT_MM[0]) | (right > RIGHT_MM[1])
    beyond |= (front < FRONT_MM[0]) | (front > FRONT_MM[1])
    return np.asarray(np.where(beyond, -FAR_MM, sampled), np.float32)


def _discs_above(spine: Spine, rows: NDArray[np.intp]) -> NDArray[np.float64]:
    """How many discs above the lumbosacral one each slice lies, as far as levels are known."""
    middle, sacrum = spine.frame.middle, spine.levels.sacrum
    discs = np.array([disc.along for disc in spine.discs])
    along = np.interp(rows * WORKING_MM, middle[:, 2], np.arange(len(middle)))
    # Where no level is known the lowest disc in view is taken for the one above L5.
    lowest = -1 if sacrum is None else sacrum
    gap = float(np.median(np.diff(discs)))
    places = np.concatenate([[discs[0] - gap], discs, [discs[-1] + gap]])
    return np.asarray(np.interp(along, places, np.arange(-1, len(discs) + 1)) - lowest)


def _around(depth: NDArray[np.float32]) -> Box:
    """The part of the grid where a region is or is near."""
    i, j, k = ndimage.find_objects((depth > -FAR_MM).astype(np.uint8))[0]
    return i, j, k
