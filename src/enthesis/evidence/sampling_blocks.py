"""The sampling covariance of a multilevel model, kept block by block."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError
from enthesis.evidence.blocks import Batch, rows_by_size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

SMALLEST_EIGENVALUE = 1e-10
"""A correlation matrix counts as positive definite above this, about k times rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingCovariance:
    """The matrix V of a multilevel model, block-diagonal by cluster and never formed whole.

    Parameters
    ----------
    variances : (k,) the diagonal
    clusters : (k,) block of each row, 0..n-1
    labels : one per block
    correlation : the one correlation within blocks, None where they hold their own matrices
    batches : rows and matrices of the blocks, by size; empty with one correlation
    notes : what was changed or is doubtful
    """

    variances: Floats
    clusters: Ints
    labels: tuple[str, ...]
    correlation: float | None
    batches: tuple[Batch, ...] = ()
    notes: tuple[str, ...] = ()

    def diagonal(self) -> Floats:
        """Sampling variance of each effect, (k,)."""
        return self.variances

    def dense(self, rows: Ints) -> Floats:
        """The sub-matrix V[rows][:, rows], (n, n); a stack (m, n) of rows gives (m, n, n)."""
        own = rows[..., :, None] == rows[..., None, :]
        matrix = np.where(own, self.variances[rows][..., None], 0.0)
        if self.correlation is not None:
            codes, root = self.clusters[rows], np.sqrt(self.variances[rows])
            shared = (codes[..., :, None] == codes[..., None, :]) & ~own
            product = self.correlation * root[..., :, None] * root[..., None, :]
            return np.where(shared, product, matrix)
        place = np.empty(self.variances.size, dtype=np.intp)
        for batch in self.batches:
            place[:] = -1
            place[batch.rows] = np.arange(batch.rows.size).reshape(batch.rows.shape)
            seated = place[rows] >= 0
            block, inside = np.divmod(place[rows], batch.rows.shape[1])
            both = seated[..., :, None] & (block[..., :, None] == block[..., None, :])
            values = batch.matrices[block[..., :, None], inside[..., :, None], inside[..., None, :]]
            matrix = np.where(both, values, matrix)
        return matrix

    def to_array(self) -> Floats:
        """The whole k × k matrix; quadratic in memory, for looking at."""
        return self.dense(np.arange(self.variances.size))

    def take(self, rows: Ints) -> SamplingCovariance:
        """The covariance of some of the rows, in the order given."""
        clusters = self.clusters[rows]
        kept, codes = np.unique(clusters, return_inverse=True)
        smaller = replace(
            self,
            variances=self.variances[rows],
            clusters=codes.astype(np.intp),
            labels=tuple(self.labels[c] for c in kept),
        )
        if self.correlation is not None:
            return smaller
        by_cluster: dict[int, tuple[Ints, Floats]] = {}
        for batch in self.batches:
            names = self.clusters[batch.rows[:, 0]]
            by_cluster |= {
                int(c): (r, m) for c, r, m in zip(names, batch.rows, batch.matrices, strict=True)
            }
        batches = []
        for members in rows_by_size(smaller.clusters):
            matrices = np.empty((*members.shape, members.shape[1]))
            for i, block in enumerate(members):
                old, matrix = by_cluster[int(clusters[block[0]])]
                seat = np.argsort(old)[np.searchsorted(np.sort(old), rows[block])]
                matrices[i] = matrix[np.ix_(seat, seat)]
            batches.append(Batch(members, matrices))
        return replace(smaller, batches=tuple(batches))


def as_sampling_covariance(V: ArrayLike | Sequence[ArrayLike], k: int) -> SamplingCovariance:
    """A matrix (k, k) or a sequence of square blocks in row order, as blocks.

    Raises
    ------
    InputError : not square, not symmetric, or not covering k rows.
    """
    blocks = _block_list(V)
    sizes = [block.shape[0] for block in blocks]
    if sum(sizes) != k:
        raise InputError(
            f"V covers {sum(sizes)} rows, but there are {k} effects; give one variance per row "
            "or blocks that add up to the rows of the table"
        )
    starts = np.cumsum([0, *sizes])
    codes = np.empty(k, dtype=np.intp)
    count = 0
    for start, block in zip(starts, blocks, strict=False):
        gap = np.abs(block - block.T)
        if np.nanmax(gap, initial=0.0) > 1e-8 * np.nanmax(np.abs(block), initial=1e-300):
            a, b = np.unravel_index(int(np.nanargmax(gap)), gap.shape)
            raise InputError(
                f"V must be symmetric; entries ({a}, {b}) and ({b}, {a}) are {block[a, b]:.6g} "
                f"and {block[b, a]:.6g}"
            )
        inside = _components(block)
        codes[start : start + block.shape[0]] = inside + count
        count += int(inside.max()) + 1
    variances = np.concatenate([np.diag(block) for block in blocks])
    batches = []
    home = np.repeat(np.arange(len(blocks)), sizes)
    for rows in rows_by_size(codes):
        matrices = np.empty((*rows.shape, rows.shape[1]))
        for i, members in enumerate(rows):
            seat = members - starts[home[members[0]]]
            matrix = blocks[home[members[0]]][np.ix_(seat, seat)]
            matrices[i] = 0.5 * (matrix + matrix.T)
        batches.append(Batch(rows, matrices))
    return SamplingCovariance(
        variances=variances,
        clusters=codes,
        labels=tuple(map(str, range(1, count + 1))),
        correlation=None,
        batches=tuple(batches),
    )


def indefinite(covariance: SamplingCovariance) -> list[str]:
    """Labels of the blocks that are not positive definite."""
    rho, clusters = covariance.correlation, covariance.clusters
    if rho is not None:
        # eigenvalues of a constant correlation matrix: 1 - rho, and 1 + (n - 1) rho
        sizes = np.bincount(clusters)
        least = np.where(sizes > 1, np.minimum(1.0 - rho, 1.0 + (sizes - 1) * rho), 1.0)
        return [covariance.labels[i] for i in np.flatnonzero(least < SMALLEST_EIGENVALUE)]
    found: list[str] = []
    for batch in covariance.batches:
        known = np.isfinite(batch.matrices).all((1, 2))
        known &= (np.diagonal(batch.matrices, axis1=1, axis2=2) > 0.0).all(1)
        least = np.linalg.eigvalsh(_standardised(batch.matrices[known]))[:, 0]
        rows = batch.rows[known][least < SMALLEST_EIGENVALUE]
        found += [covariance.labels[clusters[r[0]]] for r in rows]
    return found


def _standardised(matrices: Floats) -> Floats:
    root = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    correlations: Floats = matrices / (root[:, :, None] * root[:, None, :])
    return correlations


def _block_list(V: ArrayLike | Sequence[ArrayLike]) -> list[Floats]:
    if isinstance(V, list | tuple) and np.ndim(V[0]) == 2:
        blocks = [np.asarray(block, dtype=float) for block in V]
    else:
        blocks = [np.asarray(V, dtype=float)]
    for block in blocks:
        if block.ndim != 2 or block.shape[0] != block.shape[1]:
            raise InputError(f"V must be square or a list of square blocks; got {block.shape}")
    return blocks


def _components(block: Floats) -> Ints:
    """Connected components of the non-zero pattern of a symmetric matrix."""
    label = np.arange(block.shape[0])
    linked = (block != 0.0) | np.eye(block.shape[0], dtype=bool)
    while True:
        least = np.where(linked, label, block.shape[0]).min(axis=1)
        least = least[least]
        if np.array_equal(least, label):
            return np.unique(label, return_inverse=True)[1].astype(np.intp)
        label = least
