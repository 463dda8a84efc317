"""The cluster-robust sandwich: adjusted residuals cluster by cluster, and the result's moments.

Every matrix here is p × p or n_j × n_j. Clusters of one size are stacked and worked on together.

Notation, as in Pustejovsky and Tipton (2018): X the design, U = W X the weighted design,
b = (U'X)⁻¹ U'y, Φ_j the working covariance of cluster j. Under the working model the residuals of
clusters j and l have covariance δ_jl Φ_j + B_j K B_l', with a basis B of at most 2p columns and one
small kernel K: that is why nothing of size N × N is ever needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from enthesis.evidence.clusters import Clusters

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]
    Blocks = Callable[[Rows], Floats]

KINDS = ("CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3")
"""Adjustments of the residuals; Pustejovsky & Tipton (2018), sections 2 and 3."""

NULL_EIGENVALUE = 1e-12
"""Eigenvalues of an adjustment below this share of the block's own scale are directions that the
coefficients absorb; their inverse root is 0 (Moore–Penrose). clubSandwich compares with 1e-12
itself, so there the answer depends on the unit of yi; here it does not."""

SAME_WEIGHTING = 1e-7
"""Largest relative gap between Φ U and X for weights to count as the inverse working covariance."""

LARGEST_CONDITION = 1e12
"""Condition number beyond which the fit without one cluster counts as impossible (CR3)."""


@dataclass(frozen=True, slots=True)
class Moments:
    """Covariance of the clusters' contributions g_j to b under the working model.

    Cov(g_j, g_l) = δ_jl own_j + loading_j kernel loading_l', which is all that the degrees of
    freedom of any contrast ask.

    Parameters
    ----------
    own : (J, p, p)
    loading : (J, p, m)
    kernel : (m, m)
    """

    own: Floats
    loading: Floats
    kernel: Floats

    def of(self, contrast: Floats) -> Moments:
        """Moments of the contributions to `contrast` b, contrast (q, p)."""
        return Moments(
            contrast @ self.own @ contrast.T,
            contrast @ self.loading,
            self.kernel,
        )


@dataclass(frozen=True, slots=True)
class Sandwich:
    """A cluster-robust covariance and what its sampling distribution depends on.

    Parameters
    ----------
    covariance : (p, p)
    moments : of the clusters' contributions
    inverse_variance : the weights are the inverse of the working covariance, cluster by cluster
    n_deficient : clusters in which some direction is absorbed by the coefficients (CR2)
    """

    covariance: Floats
    moments: Moments
    inverse_variance: bool
    n_deficient: int


def sandwich(
    X: Floats, U: Floats, residuals: Floats, clusters: Clusters, blocks: Blocks, *, kind: str
) -> Sandwich:
    """Cluster-robust covariance of b = (U'X)⁻¹ U'y.

    Parameters
    ----------
    X : (k, p) design
    U : (k, p) weighted design W X
    residuals : (k,) y - X b
    clusters : the rows of each cluster
    blocks : gives the working covariance (m, n, n) of rows (m, n)
    kind : one of `KINDS`

    Raises
    ------
    InputError : a working covariance that is not positive definite, or (CR3) a coefficient that
        cannot be estimated without one of the clusters.

    References
    ----------
    Pustejovsky & Tipton (2018) doi:10.1080/07350015.2016.1247004;
    Bell & McCaffrey (2002) Survey Methodology 28, 169–181.
    """
    k, p = X.shape
    bread = np.linalg.inv(U.T @ X).astype(np.float64, copy=False)
    basis, kernel, inverse_variance = _residual_covariance(X, U, bread, clusters, blocks)
    scores = np.empty((clusters.n, p))
    own = np.empty((clusters.n, p, p))
    loading = np.empty((clusters.n, p, basis.shape[1]))
    n_deficient = 0
    for some, rows in clusters.stacks():
        stack = blocks(rows)
        influence, deficient = _influence(X, U, bread, basis, kernel, stack, rows, kind)
        scores[some] = np.einsum("jnp,jn->jp", influence, residuals[rows])
        own[some] = influence.mT @ (stack @ influence)
        loading[some] = influence.mT @ basis[rows]
        n_deficient += deficient
    covariance = scores.T @ scores * _multiplier(kind, k, p, clusters.n)
    moments = Moments(own, loading, kernel)
    return Sandwich(covariance, moments, inverse_variance, n_deficient)


def _residual_covariance(
    X: Floats, U: Floats, bread: Floats, clusters: Clusters, blocks: Blocks
) -> tuple[Floats, Floats, bool]:
    """Basis B and kernel K of Cov(e_j, e_l) = δ_jl Φ_j + B_j K B_l'."""
    F = np.empty_like(U)
    for _, rows in clusters.stacks():
        F[rows] = blocks(rows) @ U[rows]
    if np.all(np.abs(F - X) <= SAME_WEIGHTING * np.abs(X).max(axis=0)):
        return X, -bread, True
    spread = bread @ (U.T @ F) @ bread.T
    kernel = np.block([[spread, -bread], [-bread.T, np.zeros_like(bread)]])
    return np.concatenate([X, F], axis=1), (kernel + kernel.T) / 2, False


def _influence(
    X: Floats,
    U: Floats,
    bread: Floats,
    basis: Floats,
    kernel: Floats,
    stack: Floats,
    rows: Rows,
    kind: str,
) -> tuple[Floats, int]:
    """(A_j' U_j) bread' of each cluster, (m, n, p): what a residual of the cluster adds to b."""
    if kind == "CR2":
        adjusted, deficient = _bias_reduced(U[rows], basis[rows], kernel, stack)
        return adjusted @ bread.T, deficient
    if kind == "CR3":
        return U[rows] @ _without_cluster(X, U, rows).mT, 0
    return U[rows] @ bread.T, 0


def _bias_reduced(U: Floats, basis: Floats, kernel: Floats, stack: Floats) -> tuple[Floats, int]:
    """A_j U_j with A_j = L (L' Var(e_j) L)^(-1/2) L' and Φ_j = L L', so that A Var(e) A' = Φ."""
    try:
        L = np.linalg.cholesky(stack)
    except np.linalg.LinAlgError:
        raise InputError(
            "the working covariance must be positive definite in every cluster, but a block of "
            f"{stack.shape[1]} effects is not; check the correlations that it was built from"
        ) from None
    gram = L.mT @ L
    rotated = L.mT @ basis
    G = gram @ gram + rotated @ kernel @ rotated.mT
    values, vectors = np.linalg.eigh((G + G.mT) / 2)
    scale = np.einsum("jab,jab->j", gram, gram) / gram.shape[1]
    kept = values > NULL_EIGENVALUE * scale[:, None]
    roots = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    inner = vectors.mT @ (L.mT @ U)
    deficient = int(np.count_nonzero(~kept.all(axis=1)))
    return L @ (vectors @ (roots[:, :, None] * inner)), deficient


def _without_cluster(X: Floats, U: Floats, rows: Rows) -> Floats:
    """(U'X - U_j'X_j)⁻¹ for each cluster, since (I - H_jj)⁻¹ is a jackknife over clusters."""
    total = U.T @ X
    scale = 1 / np.sqrt(np.abs(np.diag(total)))
    unit = np.outer(scale, scale)
    rest = (total - U[rows].mT @ X[rows]) * unit
    try:
        inverse = np.linalg.inv(rest)
        condition = np.linalg.norm(rest, axis=(1, 2)) * np.linalg.norm(inverse, axis=(1, 2))
    except np.linalg.LinAlgError:
        condition = np.array([np.inf])
    if not np.all(condition < LARGEST_CONDITION):
        raise InputError(
            "CR3 leaves out one cluster at a time, and without one of them a coefficient cannot "
            "be estimated (it lives in that cluster alone); drop that moderator or use CR2"
        )
    return np.asarray(inverse * unit)


def _multiplier(kind: str, k: int, p: int, n: int) -> float:
    if kind == "CR1":
        return n / (n - 1)
    if kind == "CR1p" and n <= p:
        raise InputError(
            f"{kind} divides by the number of clusters minus coefficients, but there are {n} "
            f"clusters and {p} coefficients; use CR2"
        )
    if kind == "CR1p":
        return n / (n - p)
    if kind == "CR1S":
        return n * (k - 1) / ((n - 1) * (k - p))
    return 1.0
