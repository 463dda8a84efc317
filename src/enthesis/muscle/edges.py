"""Voxels at the edge of a muscle, which hold a part of what lies outside."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.muscle.fat import FAT_MAP
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

AROUND = (3, 3, 1)
"""Voxels about one, of which those without the label say what lies outside, along I, J, K."""

MARGIN = 2
"""Voxels about a muscle that are looked at: its neighbours, and the faces of these."""

MOST_LOST = 0.5
"""Largest part of a voxel that can lie outside an even surface which has its middle inside."""

HIDING = frozenset({"muscle", "bone"})
"""Kinds of region between which and a muscle there is something thinner than a voxel, unlike what
either holds further in: fat along a fascia, the cortex of a bone."""

HIDING_FROM_PROTONS = frozenset({"muscle"})
"""The same on a map of the fat fraction, where cortex gives no signal and so has no share."""

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
    A labelled voxel at the edge is muscle by p and something else by 1 - p, see `share_inside`.
    What lies outside, o, is told by the neighbours on the slice without the label, less the part of
    them that is muscle. The muscle's mean m solves sum(v) = sum(p m + (1 - p) o(m)), and each value
    becomes v + (1 - p) (m - o): as if the voxel had been filled up with muscle, so that medians and
    thresholds can be taken of the values too. A voxel that touches another muscle or a bone holds
    fascia or cortex that no neighbour shows: it takes the mean of its neighbours within the muscle.

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


def share_inside(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Part of each voxel, 0..1, that is expected within an outline of which labels are all we know.

    Parameters
    ----------
    inside : (I, J, K), whether the middle of a voxel lies within

    Notes
    -----
    An even surface, equally likely at any depth, takes from the voxels whose middles lie within it,
    per voxel's face of its area, half the mean distance of a voxel's points from the plane through
    its middle: an eighth where it lies along the voxels, 0.12 aslant. Faces between voxels inside
    and outside overstate the surface by the inverse of its normal's component across them; the
    normal is told by how many faces of each direction lie around. What one side loses the other
    gains.
    """
    faces = np.stack([_faces(inside, axis) for axis in range(3)])
    # Where the scan ends, the region is taken to go on as it is.
    around = np.stack([ndimage.uniform_filter(one, 3, mode="nearest") for one in faces])
    length = np.sqrt((around**2).sum(axis=0))
    normal = np.divide(around, length, out=around, where=length > LEAST_NUMBER)
    *lesser, steepest = np.sort(normal, axis=0)
    # Exact where the largest component is no less than the others' sum, else 3% too much at most.
    distance = np.divide(
        lesser[0] ** 2 + lesser[1] ** 2,
        12 * steepest,
        out=np.zeros_like(steepest),
        where=steepest > LEAST_NUMBER,
    )
    distance += steepest / 4
    lost = np.minimum(distance / 2 * (faces * normal).sum(axis=0), np.float32(MOST_LOST))
    share: NDArray[np.float32] = np.where(inside, 1 - lost, lost)
    return share


def _faces(inside: NDArray[np.bool_], axis: int) -> NDArray[np.float32]:
    """How many faces of each voxel across an axis part inside from outside: 0, 1 or 2."""
    parted = np.moveaxis(inside[...], axis, 0)
    parted = parted[1:] != parted[:-1]
    count = np.zeros(inside.shape, dtype=np.float32)
    along = np.moveaxis(count, axis, 0)
    along[1:] += parted
    along[:-1] += parted
    return count


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
    box = _around(voxels, one)
    numbers = voxels.labels(box)
    inside = numbers == one.labels[0]
    image = voxels.image(box).astype(np.float32)
    known = np.isfinite(image)
    share = share_inside(inside)
    beside = ~inside & known
    total, held, rest = (
        ndimage.uniform_filter(np.where(beside, part, np.float32(0)), AROUND, mode="constant")
        for part in (image, share, 1 - share)
    )
    inside[:, :, : one.first - box[2].start] = False
    inside[:, :, one.last + 1 - box[2].start :] = False
    plain = inside & known & ~_touching(voxels, numbers, one.labels[0])
    if np.count_nonzero(plain) < LEAST_PIXELS * (one.last - one.first + 1):
        plain = inside & known
    # Without a neighbour outside on the slice a voxel is left as it is. What lies outside is a
    # straight line in the muscle's mean: apart - mean * own.
    lost = np.where(rest > LEAST_NUMBER, 1 - share, np.float32(0))
    number = np.where(rest > LEAST_NUMBER, rest, np.float32(1))
    apart, own = lost * total / number, lost * held / number
    summed = float((image - apart)[plain].sum(dtype=np.float64))
    counted = float((1 - lost - own)[plain].sum(dtype=np.float64))
    mean = summed / counted if counted > LEAST_NUMBER else 0.0
    filled = image - apart + np.float32(mean) * (lost + own)
    replaced = inside & known & ~plain
    filled[replaced] = _from_within(filled, plain, mean)[replaced]
    values: NDArray[np.float64] = filled.T[inside.T].astype(np.float64)
    return values


def _from_within(
    filled: NDArray[np.float32], plain: NDArray[np.bool_], mean: float
) -> NDArray[np.float32]:
    """Mean of the plain voxels around each; that of the muscle where there are none."""
    number, total = (
        ndimage.uniform_filter(np.where(plain, part, np.float32(0)), AROUND, mode="constant")
        for part in (np.ones_like(filled), filled)
    )
    start = np.full_like(filled, mean)
    found: NDArray[np.float32] = np.divide(total, number, out=start, where=number > LEAST_NUMBER)
    return found


def _touching(voxels: LabelVoxels, numbers: NDArray[np.integer], label: int) -> NDArray[np.bool_]:
    """Voxels with a neighbour on their slice that belongs to a region that hides the edge."""
    kinds = HIDING_FROM_PROTONS if voxels.quantity == FAT_MAP else HIDING
    hiding = [
        number
        for number, where in voxels.regions.items()
        if where.kind in kinds and number != label
    ]
    touched: NDArray[np.bool_] = ndimage.binary_dilation(
        np.isin(numbers, hiding), structure=IN_PLANE
    )
    return touched


def _around(voxels: LabelVoxels, one: Stretch) -> Box:
    """The part of the grid that holds the stretch and `MARGIN` voxels about it."""
    mask, box = voxels.mask(one.labels[0], one.first, one.last)
    (found,) = ndimage.find_objects(mask.astype(np.uint8))
    around = [
        slice(max(part.start + held.start - MARGIN, 0), min(part.start + held.stop + MARGIN, n))
        for part, held, n in zip(box[:2], found[:2], voxels.shape[:2], strict=True)
    ]
    k = slice(max(one.first - MARGIN, 0), min(one.last + 1 + MARGIN, voxels.shape[2]))
    return around[0], around[1], k
