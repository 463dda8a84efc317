"""Ribs of a CT: thin bone that runs out- and downwards, farther than transverse processes reach."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.segment.geometry_frame import STRAIGHT_MM, SpineFrame

SIDE_MM = (34.0, 76.0)
"""To the side of the canal, mm: a rib reaches the second and is followed inwards to the first."""

GATE_MM = 64.0
"""From the end to this distance from the canal, mm, a rib keeps its whole contrast. Transverse
processes end at 35 to 55 mm."""

JOINED_MM = 60.0
"""Bone that ends farther out than this, mm, is no rib of the low back, or its vertebra not told."""

FRONT_MM = (-56.0, -4.0)
"""In front of the canal, mm: where ribs leave the spine. Kidneys and bowel lie farther in front."""

CLIP_HU = (0.0, 500.0)
"""Attenuation is clipped at this: gas and fat are no less than muscle, and metal does not rule."""

OUTSIDE_HU = -30000.0
"""What lies beyond the scan, HU."""

THICK_MM = 30.0
"""What is taller than this is no rib but an iliac wing, a kidney with contrast or bowel, mm."""

RIB_HU = 60.0
"""Least contrast of a rib, all along, to what lies above and below it, HU."""

INWARD_SHARE = 0.35
"""A rib is followed inwards as long as it keeps this share of its contrast at the gate."""

RISE_LINES, FALL_LINES = 2, 1
"""Steps by which a rib may rise or fall with each step towards the spine."""

LOWER_LINES = 2.0
"""A rib meets the spine higher than at the gate, or at most so many steps lower: ribs fall
outwards, and iliac wings rise."""

EDGE_LINES = 3.0
"""A rib followed to this near the upper end of the field, in steps, meets the spine above it."""

RISE = 0.12
"""How much a rib still rises, mm per mm, over the way to the spine on which it was not seen."""


def rib_heights(
    hu: NDArray[np.float32], frame: SpineFrame, step_mm: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Index along the spine at which each rib of the left and of the right side meets it.

    Parameters
    ----------
    hu : (I, J, K) of the working grid, HU
    frame : of the spine
    step_mm : distance between the voxels of the working grid
    """
    left, right = (
        np.array(_ribs(*_thin_bone(_beside(hu, frame, step_mm, side)))) for side in (-1.0, 1.0)
    )
    return left, right


def _beside(
    hu: NDArray[np.float32], frame: SpineFrame, step_mm: float, side: float
) -> NDArray[np.float32]:
    """The scan beside the spine, (outwards, in front, along), every `STRAIGHT_MM`."""
    outwards, front = _axis(SIDE_MM)[:, None, None, None], _axis(FRONT_MM)[:, None, None]
    points = frame.middle + side * outwards * frame.right + front * frame.front
    places = np.moveaxis(points, -1, 0) / step_mm
    return np.asarray(ndimage.map_coordinates(hu, places, order=1, cval=OUTSIDE_HU))


def _thin_bone(
    beside: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """How much brighter each place is than what lies above and below it, HU; where the field ends.

    The upper end, an index along the spine, is that at each step outwards.
    """
    calm = ndimage.gaussian_filter(np.clip(beside, *CLIP_HU), 1.0)
    thin = calm - ndimage.grey_opening(calm, (1, 1, round(THICK_MM / STRAIGHT_MM)))
    inside = np.median(beside, axis=1) > OUTSIDE_HU / 2
    top = (inside * np.arange(beside.shape[2])).max(axis=1)
    return np.asarray(thin), np.asarray(top)


def _ribs(bone: NDArray[np.float32], top: NDArray[np.intp]) -> list[float]:
    """Where the ribs of one side meet the spine."""
    gate = int((GATE_MM - SIDE_MM[0]) / STRAIGHT_MM)
    best = bone[-1]
    for sheet in bone[-2:gate:-1]:
        best = _followed(best, sheet)
    best = _followed(best, bone[gate])
    contrast = best.max(axis=0)
    peaks = (contrast >= RIB_HU) & (contrast == ndimage.maximum_filter1d(contrast, 13))
    runs, n_runs = ndimage.label(peaks)
    lines = np.arange(contrast.size)
    found = []
    for run in range(1, n_runs + 1):
        peak = lines[runs == run].mean()
        start = best * (np.abs(lines - peak) <= 4)
        height = _met(start, bone[:gate], top)
        if height is not None and height >= peak - LOWER_LINES:
            found.append(height)
    return found


def _met(
    start: NDArray[np.float32], bone: NDArray[np.float32], top: NDArray[np.intp]
) -> float | None:
    """Height at which the rib that crosses the gate meets the spine; None if it ends before."""
    least = INWARD_SHARE * start.max()
    lines = np.arange(start.shape[1])
    best, out, height = start, len(bone), 0.0
    for n, sheet in reversed(list(enumerate(bone))):
        best = _followed(best, sheet)
        contrast = best.max(axis=0)
        if contrast.max() < least:
            break
        weight = np.clip(contrast - least, 1e-6, None) * (contrast >= least)
        out, height = n, float(np.average(lines, weights=weight))
    way = out * STRAIGHT_MM
    if SIDE_MM[0] + way > JOINED_MM or height > top[out] - EDGE_LINES:
        return None
    return height + RISE * way / STRAIGHT_MM


def _followed(best: NDArray[np.floating], sheet: NDArray[np.float32]) -> NDArray[np.float32]:
    """The least contrast along the best way to each place, one step farther inwards."""
    reach = max(RISE_LINES, FALL_LINES)
    from_below = np.zeros((3, 2 * reach + 1), bool)
    from_below[:, reach - RISE_LINES : reach + FALL_LINES + 1] = True
    before = ndimage.maximum_filter(best, footprint=from_below, mode="constant")
    return np.asarray(np.minimum(sheet, before), np.float32)


def _axis(span: tuple[float, float]) -> NDArray[np.float64]:
    return np.arange(span[0], span[1] + STRAIGHT_MM / 2, STRAIGHT_MM)
