"""Which random effects the blocks of a covariance hold, and which cross them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.evidence.block_covariance import BlockModel, Correlated
from enthesis.evidence.blocks import Batch, connected, rows_by_size, same_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from enthesis.evidence.random_terms import Intercepts
    from enthesis.evidence.sampling_blocks import SamplingCovariance

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


def block_model(
    sampling: SamplingCovariance | Floats,
    intercepts: Sequence[tuple[int, Intercepts]],
    correlated: Sequence[Correlated],
    n_components: int,
) -> BlockModel:
    """Blocks that hold what fits in them at least cost; the rest crosses.

    Parameters
    ----------
    sampling : V by blocks, or its diagonal
    intercepts : each with its position among the parameters
    correlated : inner | outer terms
    n_components : working parameters in all
    """
    codes = np.arange(sampling.size) if isinstance(sampling, np.ndarray) else sampling.clusters
    codes = connected(codes, *(part.term.outer for part in correlated))
    inside: list[tuple[int, Ints]] = []
    crossing: list[tuple[int, Intercepts]] = []
    finest_first = sorted(intercepts, key=lambda pair: -pair[1].n_levels)
    for at, term in finest_first:
        merged = connected(codes, term.codes)
        crossing_levels = sum(t.n_levels for _, t in crossing) + term.n_levels
        if _cubes(merged) <= _cubes(codes) + float(crossing_levels) ** 3:
            codes = merged
            inside.append((at, term.codes))
        else:
            crossing.append((at, term))
    batches = []
    for rows in rows_by_size(codes):
        if isinstance(sampling, np.ndarray):
            matrices = sampling[rows][:, :, None] * np.eye(rows.shape[1])
        else:
            matrices = _gathered(sampling, rows)
        batches.append(Batch(rows, matrices))
    levels = np.cumsum([0, *(term.n_levels for _, term in crossing)])
    rows_in_all = codes.size
    crossing_codes = np.array(
        [first + term.codes for first, (_, term) in zip(levels, crossing, strict=False)],
        dtype=np.intp,
    ).reshape(len(crossing), rows_in_all)
    return BlockModel(
        batches=tuple(batches),
        inside=tuple(inside),
        correlated=tuple(correlated),
        crossing=crossing_codes,
        crossing_at=tuple(at for at, _ in crossing),
        levels=levels,
        n_components=n_components,
    )


def _cubes(codes: Ints) -> float:
    return float((np.bincount(codes).astype(float) ** 3).sum())


def _gathered(sampling: SamplingCovariance, rows: Ints) -> Floats:
    """V over blocks that may each hold several of its clusters, (B, n, n)."""
    n = rows.shape[1]
    if sampling.correlation is not None:
        same = same_cluster(sampling.clusters, rows)
        root = np.sqrt(sampling.variances[rows])
        matrices = sampling.correlation * same * root[:, :, None] * root[:, None, :]
        matrices[:, np.arange(n), np.arange(n)] = sampling.variances[rows]
        return matrices
    home = np.full(sampling.variances.size, -1, dtype=np.intp)
    home[rows] = np.arange(rows.size).reshape(rows.shape)
    matrices = np.zeros((*rows.shape, n))
    for batch in sampling.batches:
        seat = home[batch.rows]
        seat, values = seat[seat[:, 0] >= 0], batch.matrices[seat[:, 0] >= 0]
        block, member = np.divmod(seat, n)
        matrices[block[:, :, None], member[:, :, None], member[:, None, :]] = values
    return matrices
