"""The field offset of every block of voxels, chosen for the whole image at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enthesis.maps.tree_reweighted import agree, grid_edges

N_CANDIDATES = 3
"""Offsets kept per block, best first: right, swapped, and one for aliased or noisy series."""

SMOOTHNESS = 1.0
"""Cost of a step between neighbours as large as fat's shift, as a share of their energy.

Chosen on three real cases: from 1 to 2 they keep their score, at 0.6 a swapped corner is left, from
3 on an organ swaps.
"""


def candidates(
    cost: NDArray[np.float32], grid: NDArray[np.float32], *, period: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Lowest local minima of each column of a cost.

    Parameters
    ----------
    cost : (G, N)
    grid : (G,), evenly spaced offsets, Hz
    period : after how many Hz the cost repeats; infinity when it does not

    Returns
    -------
    cost and offset in Hz, each (`N_CANDIDATES`, N), best first; a column with fewer minima repeats
    its best offset at infinite cost.
    """
    before, after = np.roll(cost, 1, axis=0), np.roll(cost, -1, axis=0)
    if not np.isfinite(period):
        before[0], after[-1] = np.inf, np.inf
    pits = np.where((cost <= before) & (cost < after), cost, np.inf)
    columns = np.arange(cost.shape[1])
    step = grid[1] - grid[0]
    costs: list[NDArray[np.float32]] = []
    offsets: list[NDArray[np.float32]] = []
    for _ in range(N_CANDIDATES):
        lowest = pits.argmin(axis=0)
        low = pits[lowest, columns]
        left, right = before[lowest, columns], after[lowest, columns]
        bend = left + right - 2 * low
        usable = np.isfinite(bend) & (bend > 0)
        slope = np.subtract(left, right, out=np.zeros_like(low), where=usable)
        offset = grid[lowest] + step * np.clip(0.5 * slope / np.where(usable, bend, 1), -0.5, 0.5)
        if costs:
            offset = np.where(np.isfinite(low), offset, offsets[0])
        costs.append(low)
        offsets.append(offset)
        pits[lowest, columns] = np.inf
    return np.stack(costs), np.stack(offsets).astype(np.float32)


def choose(
    costs: NDArray[np.float32],
    offsets: NDArray[np.float32],
    energy: NDArray[np.float32],
    inside: NDArray[np.bool_],
    *,
    period: float,
    fat_shift: float,
    spacing: tuple[float, float, float],
) -> NDArray[np.intp]:
    """Candidate of each block, so that the map is smooth and each block is explained.

    Parameters
    ----------
    costs, offsets : (C, N), candidates of the blocks inside, in C order of the grid
    energy : (N,), sum of squares of each block
    inside : (I, J, K), blocks with signal
    period : after how many Hz offsets repeat
    fat_shift : distance of fat's main peak, Hz
    spacing : distance between blocks, mm

    Returns
    -------
    (N,) candidate numbers.

    Notes
    -----
    A step costs its square times the weaker neighbour's energy to the power 1.5, so that a jump
    of the field runs along dark seams (air, cortex, lung) rather than through tissue. It is the
    gradient that counts: thick slices are held together less.
    """
    edges = grid_edges(inside)
    rank = np.empty(inside.size, dtype=np.intp)
    rank[np.flatnonzero(inside)] = np.arange(energy.size)
    order = rank[edges.order]
    scale = 1 / float(energy.mean())
    weight = (energy * scale)[order]
    unary = np.where(np.isfinite(costs), costs * scale, 1e6)[:, order].astype(np.float32)
    field = offsets[:, order]
    pairwise = field[:, None, edges.tail] - field[None, :, edges.head]
    pairwise = (wrapped(pairwise, period) / np.float32(fat_shift)) ** 2
    nearness = ((min(spacing) / np.asarray(spacing)) ** 2)[edges.axis]
    weaker = np.minimum(weight[edges.tail], weight[edges.head])
    pairwise *= (SMOOTHNESS * nearness * weaker**1.5).astype(np.float32)
    out = np.empty(energy.size, dtype=np.intp)
    out[order] = agree(unary, pairwise, edges)
    return out


def wrapped(difference: NDArray[np.float32], period: float) -> NDArray[np.float32]:
    """The difference of two offsets, the short way round."""
    if not np.isfinite(period):
        return difference
    short: NDArray[np.float32] = difference - np.float32(period) * np.rint(
        difference / np.float32(period)
    )
    return short
