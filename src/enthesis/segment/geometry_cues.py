"""What tells the sacrum from the lumbar vertebrae on CT: its wings, and the iliac crests."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.segment.geometry_canal import soft_bone
from enthesis.segment.geometry_frame import FRONT_MM as STRAIGHT_FRONT_MM
from enthesis.segment.geometry_frame import RIGHT_MM as STRAIGHT_RIGHT_MM
from enthesis.segment.geometry_frame import STRAIGHT_MM
from enthesis.segment.geometry_turned import PIXEL_MM, TurnedSlices, axes_mm
from enthesis.segment.levels import ALA_DEPTH_MM, ALA_FRONT_MM, ALA_SIDE_MM

CREST_SIDE_MM, CREST_FRONT_MM = (46.0, 94.0), (-60.0, 40.0)
"""To the side and in front of the canal, mm: where iliac wings are, and ribs are thinner."""

CREST_MM2 = 220.0
"""Least area of an iliac wing on one slice, of one side, mm2; a rib has less than half of it."""


def ala_shares(straight: NDArray[np.float32], discs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the width beside the body below each disc that bone spans; of the emptier side.

    Parameters
    ----------
    straight : straightened image, HU
    discs : (n,) index along the spine of each disc
    """
    right = np.arange(straight.shape[0]) * STRAIGHT_MM + STRAIGHT_RIGHT_MM[0]
    front = np.arange(straight.shape[1]) * STRAIGHT_MM + STRAIGHT_FRONT_MM[0]
    rows = (front >= ALA_FRONT_MM[0]) & (front <= ALA_FRONT_MM[1])
    shares = []
    for along in discs:
        high, low = (int(max(along - mm / STRAIGHT_MM, 0)) for mm in ALA_DEPTH_MM)
        sides = []
        for sign in (-1, 1):
            beside = (sign * right >= ALA_SIDE_MM[0]) & (sign * right <= ALA_SIDE_MM[1])
            near = straight[beside][:, rows, low : high + 1]
            bone = soft_bone(near - 20).max(axis=(1, 2)) if near.size else np.zeros(1)
            sides.append(float(bone.mean()))
        shares.append(min(sides))
    return np.array(shares)


def crest_height(slices: TurnedSlices) -> float | None:
    """The slice of the working grid up to which both iliac wings reach; None if there are none."""
    right, front = axes_mm()
    rows = (front > CREST_FRONT_MM[0]) & (front < CREST_FRONT_MM[1])
    areas = []
    for sign in (-1, 1):
        beside = (sign * right > CREST_SIDE_MM[0]) & (sign * right < CREST_SIDE_MM[1])
        bone = soft_bone(slices.hu[:, beside][:, :, rows] - 50)
        filled = ndimage.grey_closing(bone, size=(1, 5, 5))
        areas.append(filled.sum(axis=(1, 2)) * PIXEL_MM**2)
    both = np.minimum(*areas) > CREST_MM2
    runs, n_runs = ndimage.label(both)
    if n_runs == 0 or runs[: len(runs) // 2].max(initial=0) == 0:
        return None
    # Ribs are higher up: the wings are the lowest thing that is large on both sides.
    lowest = int(runs[np.flatnonzero(runs)[0]])
    top = int(np.flatnonzero(runs == lowest)[-1])
    return float(slices.rows[top]) if top < len(runs) - 1 else None
