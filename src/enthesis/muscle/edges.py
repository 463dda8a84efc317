"""Voxels at the edge of a muscle, which hold a part of what lies outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.muscle.levels import Stretch
from enthesis.regions import LabelVoxels
from enthesis.regions.voxels import Box

EDGES = {"as labelled": "", "trimmed": ", rim left out", "unmixed": ", rim unmixed"}
"""What can be done with the voxels at the edge of a muscle, and its words in a method."""

LEAST_PIXELS = 10
"""Pixels a slice below which a cut stays as labelled: it is all rim."""

TOO_SMALL_FLAG = "too small to treat its rim apart, which shares voxels with what is around it"

IN_PLANE = ndimage.generate_binary_structure(2, 1)[:, :, None]
"""A pixel and its four neighbours on the slice."""

OCCUPANCY = (1 / 8, 6 / 8, 1 / 8)
"""Weights of a voxel and its two neighbours along an axis, whose sum over the labelled ones is the
part of the voxel that is muscle. An edge that lies anywhere between the middles of two voxels with
equal chance takes half of the labelled one at most, nothing half of the time: 1/8 in the mean."""

AROUND = (3, 3, 1)
"""Voxels about one, of which those without the label say what lies outside, along I, J, K."""

LEAST_NUMBER = 1e-6
"""Mean of running sums that is more than their rounding."""


def treat_edges(voxels: LabelVoxels, stretches: Iterable[Stretch], *, how: str) -> list[Stretch]:
    """The stretches with the values at their edges left out, or without what lies outside.

    Parameters
    ----------
    voxels : labelled voxels of the scan
    stretches : of single muscles; areas stay as they are
    how : a key of `EDGES`. "trimmed" leaves out the voxels with a neighbour of another label on
        their slice. "unmixed" keeps them and replaces the part of each that lies outside

    Raises
    ------
    InputError : unknown `how`.

    Notes
    -----
    A labelled voxel at the edge is muscle by p and something else by 1 - p. The label map does not
    say p; on average a neighbour without the label takes an eighth. What lies outside is taken to
    be the mean o of the neighbours on the slice without the label. The mean of the muscle is then
    m = sum(v - (1 - p) o) / sum(p), and each value becomes v + (1 - p) (m - o): as if the voxel
    had been filled up with muscle, so that medians and thresholds can be taken of the values too.

    References
    ----------
    Rousset OG, Ma Y, Evans AC. Correction for partial volume effects in PET: principle and
    validation. J Nucl Med 1998;39:904-911 (the same linear model, with regions for neighbours).
    """
    if how not in EDGES:
        raise InputError(f"edges are not {how!r}; known are: {', '.join(EDGES)}")
    if how == "as labelled":
        return list(stretches)
    return [_treated(voxels, one, how) for one in stretches]


def _treated(voxels: LabelVoxels, one: Stretch, how: str) -> Stretch:
    if one.values.size < LEAST_PIXELS * (one.last - one.first + 1):
        return replace(one, flags=(*one.flags, TOO_SMALL_FLAG)) if one.values.size else one
    if how == "unmixed":
        return replace(one, values=_unmixed(voxels, one), edges=EDGES[how])
    mask, box = voxels.mask(one.labels[0], one.first, one.last)
    inner = ndimage.binary_erosion(mask, structure=IN_PLANE)
    if np.count_nonzero(inner) < LEAST_PIXELS * (one.last - one.first + 1):
        return replace(one, flags=(*one.flags, TOO_SMALL_FLAG))
    return replace(one, values=voxels.image(box)[inner], edges=EDGES[how])


def _unmixed(voxels: LabelVoxels, one: Stretch) -> NDArray[np.float64]:
    """The values in the order in which the stretch has them."""
    box = _one_around(voxels, one)
    inside = voxels.labels(box) == one.labels[0]
    # Where the scan ends, the muscle is taken to go on as it is.
    share = inside.astype(np.float32)
    for axis in range(3):
        share = ndimage.correlate1d(share, OCCUPANCY, axis=axis, mode="nearest")
    image = voxels.image(box)
    beside = ~inside & np.isfinite(image)
    number, total = (
        ndimage.uniform_filter(part.astype(np.float64), AROUND, mode="constant")
        for part in (beside, np.where(beside, image, 0))
    )
    inside[:, :, : one.first - box[2].start] = False
    inside[:, :, one.last + 1 - box[2].start :] = False
    p, n, summed = (part.T[inside.T] for part in (share, number, total))
    values = image.T[inside.T].astype(np.float64)
    # Without a neighbour outside on the slice a voxel is left as it is.
    has_neighbour = n > LEAST_NUMBER
    outside = np.divide(summed, n, out=np.zeros_like(summed), where=has_neighbour)
    rest = np.where(has_neighbour, 1 - p, 0.0)
    known = np.isfinite(values)
    mean = (values - rest * outside)[known].sum() / (1 - rest)[known].sum() if known.any() else 0.0
    filled: NDArray[np.float64] = values + rest * (mean - outside)
    return filled


def _one_around(voxels: LabelVoxels, one: Stretch) -> Box:
    """The part of the grid that holds the stretch and one voxel about it."""
    i, j, _ = voxels.boxes[one.labels[0]]
    ends = ((i.start, i.stop), (j.start, j.stop), (one.first, one.last + 1))
    around = [
        slice(max(start - 1, 0), min(stop + 1, n))
        for (start, stop), n in zip(ends, voxels.shape, strict=True)
    ]
    return around[0], around[1], around[2]
