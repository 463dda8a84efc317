"""Mixtures of normal distributions, begun where the tissues are and free of chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

MAX_ROUNDS = 300
TOLERANCE = 1e-7
"""Change of a share at which the rounds end."""

START_SD = 1 / 6
"""First standard deviation, as a share of the distance between the outermost means."""

LEAST_SD = 1e-3
"""Smallest standard deviation, as that share: a component cannot shrink onto one value."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Mixture:
    """Components of a mixture, in the order in which they were begun.

    Parameters
    ----------
    shares : (c,), of sum 1
    means, sds : (c,)
    """

    shares: NDArray[np.float64]
    means: NDArray[np.float64]
    sds: NDArray[np.float64]


def fit_mixture(values: NDArray[Any], means: ArrayLike) -> Mixture:
    """The mixture of normal distributions of greatest likelihood near a beginning.

    Parameters
    ----------
    values : (n,)
    means : (c,) where each component begins; equal shares. Nothing is drawn at random, so the same
        values give the same fit

    References
    ----------
    Dempster AP, Laird NM, Rubin DB. J R Stat Soc B 1977;39:1-38.
    doi:10.1111/j.2517-6161.1977.tb01600.x
    """
    middle = np.asarray(means, dtype=np.float64)
    reach = float(np.ptp(middle))
    shares = np.full(middle.size, 1 / middle.size)
    sds = np.full(middle.size, START_SD * reach)
    # Each value once, with how often it occurs: scans hold few different ones.
    x, times = np.unique(np.asarray(values, dtype=np.float64), return_counts=True)
    for _ in range(MAX_ROUNDS):
        z = (x[:, None] - middle) / sds
        log = np.log(np.maximum(shares, 1e-300)) - np.log(sds) - 0.5 * z * z
        log -= log.max(axis=1, keepdims=True)
        belongs = np.exp(log)
        belongs *= (times / belongs.sum(axis=1))[:, None]
        total = np.maximum(belongs.sum(axis=0), 1e-12)
        before, shares = shares, total / total.sum()
        middle = belongs.T @ x / total
        square = np.einsum("nc,nc->c", belongs, (x[:, None] - middle) ** 2)
        sds = np.sqrt(np.maximum(square / total, (LEAST_SD * reach) ** 2))
        if np.abs(shares - before).max() < TOLERANCE:
            break
    return Mixture(shares=shares, means=middle, sds=sds)
