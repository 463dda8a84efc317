"""Two readers of one scan together: the mean of their surfaces, and how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.segment.distances import (
    Box,
    SignedDistances,
    Surface,
    check_same_distances_grid,
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Agreement:
    """How far two readers agree on one region.

    Parameters
    ----------
    dice : over the whole region
    by_slice : (K,) on each slice; not a number where neither sees the region
    """

    dice: float
    by_slice: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fused:
    """The common answer of two readers.

    Parameters
    ----------
    distances : mean of the two signed distances; a region that one alone found is as it found it
    agreement : of the regions that both found
    """

    distances: SignedDistances
    agreement: Mapping[str, Agreement]


def fused(first: SignedDistances, second: SignedDistances) -> Fused:
    """The mean of two readers' surfaces.

    Where one is sure, far inside or outside, it outweighs the other's doubt; where both draw a
    boundary, the mean lies midway between them.

    Parameters
    ----------
    first, second : on one grid; they may differ in the regions that they know

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
        box = _around(one.box, other.box)
        depths = one.within(box), other.within(box)
        surfaces[name] = Surface(box=box, depth=(depths[0] + depths[1]) / 2)
        agreement[name] = _agreement(depths[0] > 0, depths[1] > 0, box, first.shape[2])
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


def _around(first: Box, second: Box) -> Box:
    i, j, k = (
        slice(min(a.start, b.start), max(a.stop, b.stop))
        for a, b in zip(first, second, strict=True)
    )
    return i, j, k


def _agreement(
    first: NDArray[np.bool_], second: NDArray[np.bool_], box: Box, n_slices: int
) -> Agreement:
    shared = 2.0 * (first & second).sum(axis=(0, 1))
    either = (first.sum(axis=(0, 1)) + second.sum(axis=(0, 1))).astype(float)
    by_slice = np.full(n_slices, np.nan)
    by_slice[box[2]] = np.divide(
        shared, either, out=np.full(shared.shape, np.nan), where=either > 0
    )
    total = float(either.sum())
    return Agreement(dice=float(shared.sum()) / total if total else float("nan"), by_slice=by_slice)
