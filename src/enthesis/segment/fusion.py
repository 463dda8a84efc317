"""Two readers of one scan together: a mean of their surfaces, and how far they agree."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.segment.distances import (
    Box,
    SignedDistances,
    Surface,
    check_same_distances_grid,
    slabs,
)

HEARD_FROM = (0.7, 0.85)
"""Dice on a slice from which the second reader is heard, and from which it counts as much as the
first: chosen on a real CT, its changed versions, and simulated bodies."""

MOSTLY = 0.75
"""Weight of the second reader where it is the better one."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """How far two readers agree on one region.

    Parameters
    ----------
    dice : over the slices on which their regions meet; 0 where they never do
    by_slice : (K,) on each slice; not a number where neither sees the region
    """

    dice: float
    by_slice: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fused:
    """The common answer of two readers.

    Parameters
    ----------
    distances : weighted mean of the two signed distances; a region that one alone found is as it
        found it
    agreement : of the regions that both found
    """

    distances: SignedDistances
    agreement: Mapping[str, Agreement]


def fused(
    first: SignedDistances, second: SignedDistances, *, mostly_second: Collection[str] = ()
) -> Fused:
    """The mean of two readers' surfaces.

    Where one is sure, far inside or outside, it outweighs the other's doubt; where both draw a
    boundary, the mean lies between them: midway on slices on which they agree, at the first one's
    on slices on which they do not, for there one of them is lost and the mean is nowhere.

    Parameters
    ----------
    first, second : on one grid; they may differ in the regions that they know
    mostly_second : regions of which the second reader is the better one, on every slice

    Raises
    ------
    GridError : the two did not read the same grid.

    Notes
    -----
    Errors of readers that work in unlike ways are nearly independent, so that their mean is better
    than either; their agreement says how good it is likely to be.
    """
    check_same_distances_grid(first, second)
    surfaces, agreement = {}, {}
    for name in dict.fromkeys((*first.surfaces, *second.surfaces)):
        one, other = first.surfaces.get(name), second.surfaces.get(name)
        if one is None or other is None:
            known = one if other is None else other
            if known is not None:
                surfaces[name] = known
            continue
        agreement[name] = _agreement(one, other, first.shape[2])
        if name in mostly_second:
            weight = np.full(first.shape[2], MOSTLY)
        else:
            start, stop = HEARD_FROM
            agreed = np.nan_to_num(agreement[name].by_slice)
            weight = np.clip((agreed - start) / (stop - start), 0, 1) / 2
        surfaces[name] = _mean(one, other, weight.astype(np.float32))
    return Fused(
        distances=SignedDistances(
            shape=first.shape,
            affine=first.affine,
            surfaces=surfaces,
            reader=f"mean of {first.reader} and {second.reader}",
            notes=(*first.notes, *second.notes),
        ),
        agreement=agreement,
    )


def _mean(first: Surface, second: Surface, weight: NDArray[np.float32]) -> Surface:
    """Both surfaces, the second with its weight on each slice."""

    def read(box: Box) -> NDArray[np.float32]:
        one = first.within(box)
        return np.asarray(one + weight[box[2]] * (second.within(box) - one))

    return Surface(box=_around(first, second), read=read)


def _around(first: Surface, second: Surface) -> Box:
    i, j, k = (
        slice(min(a.start, b.start), max(a.stop, b.stop))
        for a, b in zip(first.box, second.box, strict=True)
    )
    return i, j, k


def _agreement(first: Surface, second: Surface, n_slices: int) -> Agreement:
    shared, either = np.zeros(n_slices), np.zeros(n_slices)
    for slab in slabs(_around(first, second)):
        one, other = first.within(slab) > 0, second.within(slab) > 0
        shared[slab[2]] = 2 * (one & other).sum(axis=(0, 1))
        either[slab[2]] = one.sum(axis=(0, 1)) + other.sum(axis=(0, 1))
    by_slice = np.divide(shared, either, out=np.full(n_slices, np.nan), where=either > 0)
    # Beyond the end of what one of them draws at all, there is nothing to agree on.
    both = shared > 0
    total = float(either[both].sum())
    return Agreement(dice=float(shared.sum()) / total if total else 0.0, by_slice=by_slice)
