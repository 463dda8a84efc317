"""Rows grouped into blocks of equal size, so that dense block algebra needs no loop over blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Batch:
    """All the blocks of one size.

    Parameters
    ----------
    rows : (B, n) which rows each block holds
    matrices : (B, n, n)
    """

    rows: Ints
    matrices: Floats


def rows_by_size(codes: Ints) -> tuple[Ints, ...]:
    """Rows of each group, groups of one size together: arrays (B, n), in increasing n."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    starts = np.cumsum(sizes) - sizes
    return tuple(
        order[starts[sizes == n][:, None] + np.arange(n)] for n in np.unique(sizes[sizes > 0])
    )


def connected(*groupings: Ints) -> Ints:
    """The finest grouping in which rows that share a group in any of these share one, (k,)."""
    codes = groupings[0]
    for other in groupings[1:]:
        codes = _merge(codes, other)
    return codes


def _merge(first: Ints, second: Ints) -> Ints:
    """Connected components of the graph of two groupings, by spreading the least label."""
    label = np.arange(int(first.max()) + 1)
    while True:
        least = np.full(int(second.max()) + 1, label.size)
        np.minimum.at(least, second, label[first])
        spread = label.copy()
        np.minimum.at(spread, first, least[second])
        spread = spread[spread]
        if np.array_equal(spread, label):
            return np.unique(label[first], return_inverse=True)[1].astype(np.intp)
        label = spread


def same_cluster(codes: Ints, rows: Ints) -> Floats:
    """1 where two rows of a block have the same code, else 0; (B, n, n).

    Parameters
    ----------
    codes : (k,) cluster of each row
    rows : (B, n) rows of each block
    """
    return np.asarray(codes[rows][:, :, None] == codes[rows][:, None, :], dtype=float)
