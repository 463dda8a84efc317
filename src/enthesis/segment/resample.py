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
    at, half = at[:, None], max(to_mm / from_mm, 1.0) / 2
    if half > 0.5:
        near = np.floor(at - half + 0.5) + np.arange(np.ceil(2 * half) + 1)
        share = np.minimum(near + 0.5, at + half) - np.maximum(near - 0.5, at - half)
    else:
        near = np.floor(at) + np.arange(2)
        share = 1 - np.abs(near - at)
    weights = np.maximum(share, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    columns = np.clip(near, 0, n_from - 1).astype(np.intp)
    rows = np.repeat(np.arange(n_to), near.shape[1])
    entries = weights.ravel(), (rows, columns.ravel())
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
