"""Which effects belong together, and how to work on all clusters of one size at once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    Rows = NDArray[np.intp]

BLOCK_ENTRIES = 1 << 21
"""Entries of one stack of blocks (16 MB each): clusters beyond it are taken in several stacks."""

LARGEST_CLUSTER = 20_000
"""Effects in one cluster; the matrix of one this size takes 3.2 GB."""


@dataclass(frozen=True, slots=True)
class Clusters:
    """Rows of each cluster, ready to be taken in stacks of equal size.

    Parameters
    ----------
    codes : (k,) cluster of each row, 0..n-1
    """

    codes: Rows
    sizes: Rows = field(init=False)
    order: Rows = field(init=False)
    starts: Rows = field(init=False)

    def __post_init__(self) -> None:
        sizes = np.bincount(self.codes)
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "order", np.argsort(self.codes, kind="stable"))
        object.__setattr__(self, "starts", np.concatenate([[0], np.cumsum(sizes)[:-1]]))

    @property
    def n(self) -> int:
        """Number of clusters."""
        return len(self.sizes)

    def stacks(self) -> Iterator[tuple[Rows, Rows]]:
        """Yield (clusters (m,), rows (m, n)) so that a stack of n × n blocks stays small."""
        for size in np.unique(self.sizes):
            members = np.flatnonzero(self.sizes == size)
            step = max(1, BLOCK_ENTRIES // int(size) ** 2)
            for first in range(0, len(members), step):
                some = members[first : first + step]
                yield some, self.order[self.starts[some][:, None] + np.arange(size)]


def cluster_codes(data: pd.DataFrame, cluster: str | ArrayLike | pd.Series) -> tuple[Rows, str]:
    """Cluster number 0..J-1 of each row of the data, and what to call the clusters."""
    if isinstance(cluster, str):
        if cluster not in data.columns:
            raise InputError(
                f"no column named {cluster!r} to cluster by; the data have: "
                f"{', '.join(map(str, data.columns))}"
            )
        values, label = data[cluster].to_numpy(), cluster
    elif isinstance(cluster, pd.Series):
        if not (cluster.index.is_unique and data.index.isin(cluster.index).all()):
            raise InputError(
                "the clusters are matched to the effects by index, but some rows of the data have "
                "none or several; give a column name or an array in the order of the fit"
            )
        values, label = cluster.loc[data.index].to_numpy(), str(cluster.name or "given clusters")
    else:
        values, label = np.asarray(cluster), "given clusters"
    if values.shape != (len(data),):
        raise InputError(
            f"the fit used {len(data)} effects, but there are clusters of shape {values.shape}; "
            "give one cluster per effect used, or the name of a column"
        )
    codes, levels = pd.factorize(values)
    if (codes < 0).any():
        row = data.index[int(np.argmax(codes < 0))]
        raise InputError(f"every effect needs a cluster, but row {row!r} has none; fill or drop it")
    if len(levels) < 2:
        raise InputError(
            "robust inference needs at least 2 clusters, but all effects are in one; "
            "cluster by a finer unit or use the model's own standard errors"
        )
    sizes = np.bincount(codes)
    if sizes.max() > LARGEST_CLUSTER:
        raise InputError(
            f"cluster {levels[int(sizes.argmax())]!r} has {sizes.max()} effects, but its "
            f"covariance is a full matrix that may have {LARGEST_CLUSTER} at most; "
            "cluster by a finer unit"
        )
    return codes.astype(np.intp), label
