"""Between grids of other spacing along the same axes: means when coarser, lines when finer."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse


def resampling(n_from: int, from_mm: float, n_to: int, to_mm: float) -> sparse.csr_array:
    """Weights (n_to, n_from) that take values along one axis to another spacing.

    Both grids have the same middle. A coarser voxel is the mean of what it covers; a finer one lies
    on the line between its neighbours; beyond the ends the last value goes on.
    """
    at = (np.arange(n_to) - (n_to - 1) / 2) * to_mm / from_mm + (n_from - 1) / 2
    half = max(to_mm / from_mm, 1.0) / 2
    rows, columns, weights = [], [], []
    for row, place in enumerate(at):
        if half > 0.5:
            first, last = int(np.floor(place - half + 0.5)), int(np.ceil(place + half - 0.5))
            near = np.arange(first, last + 1)
            share = np.minimum(near + 0.5, place + half) - np.maximum(near - 0.5, place - half)
        else:
            near = np.array([np.floor(place), np.floor(place) + 1])
            share = 1 - np.abs(near - place)
        share = np.maximum(share, 0)
        columns.append(np.clip(near, 0, n_from - 1).astype(np.intp))
        rows.append(np.full(near.size, row))
        weights.append(share / share.sum())
    entries = (np.concatenate(weights), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.coo_array(entries, shape=(n_to, n_from)).tocsr().astype(np.float32)


def size_at(n: int, from_mm: float, to_mm: float) -> int:
    """How many voxels of another spacing cover an axis."""
    return max(int(np.ceil(n * from_mm / to_mm - 1e-6)), 1)


def resampled(
    array: NDArray[Any],
    from_mm: tuple[float, float, float],
    to_mm: tuple[float, float, float],
    shape: tuple[int, int, int],
) -> NDArray[np.float32]:
    """The volume on a grid of another spacing, slice by slice so that little memory is taken."""
    i, j, k = (
        resampling(n, a, m, b)
        for n, a, m, b in zip(array.shape, from_mm, shape, to_mm, strict=True)
    )
    thin = np.empty((array.shape[2], shape[0], shape[1]), np.float32)
    for index in range(array.shape[2]):
        plane = np.nan_to_num(array[:, :, index].astype(np.float32))
        thin[index] = (j @ (i @ plane).T).T
    mixed = k @ thin.reshape(array.shape[2], -1)
    return np.ascontiguousarray(mixed.reshape(shape[2], shape[0], shape[1]).transpose(1, 2, 0))
