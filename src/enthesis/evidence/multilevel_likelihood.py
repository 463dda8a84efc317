"""Restricted and full likelihood of a linear mixed model with its derivatives, in one pass.

With P = M⁻¹ − M⁻¹X (X'M⁻¹X)⁻¹ X'M⁻¹ and D_j = ∂M/∂θ_j, the REML score is
½ (y'P D_j P y − tr P D_j) and the expected information ½ tr(P D_j P D_l); the observed one is
y'P D_j P D_l P y − ½ tr(P D_j P D_l), plus terms in ∂²M where M is not linear in θ
(Searle, Casella & McCulloch 1992, chapter 6). ML has M⁻¹ for P in the traces. All follow from
M⁻¹ and D_j applied to a few vectors, and from the derivatives of log|M|.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from enthesis.evidence.likelihood import LOG_2PI

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


class WorkingCovariance(Protocol):
    """M at one set of parameters; vectors are rows of an (m, k) array."""

    @property
    def log_determinant(self) -> float:
        """log|M|."""
        ...

    def solve(self, vectors: Floats) -> Floats:
        """M⁻¹ applied to each vector."""
        ...

    def derivative_times(self, component: int, vectors: Floats) -> Floats:
        """∂M/∂θ_j applied to each vector."""
        ...

    def logdet_derivatives(self) -> tuple[Floats, Floats]:
        """The vector tr(M⁻¹ D_j) and the matrix tr(M⁻¹ D_j M⁻¹ D_l)."""
        ...

    def curvature(self, py: Floats, ux: Floats, inverse: Floats | None) -> Floats:
        """½ [tr(P ∂²M) − y'P ∂²M P y] for each pair of parameters."""
        ...

    def level_precisions(self, component: int, codes: Ints) -> Floats:
        """1'M⁻¹1 over the rows of each level of a random intercept."""
        ...

    def inverse_trace(self) -> float:
        """Trace of M⁻¹."""
        ...

    def diagonal(self) -> Floats:
        """Diagonal of M."""
        ...

    def block(self, rows: Ints) -> Floats:
        """M[rows][:, rows]."""
        ...


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The likelihood at one point: value, score, expected and observed information."""

    value: float
    score: Floats
    expected: Floats
    observed: Floats


@dataclass(frozen=True, slots=True)
class GeneralisedLeastSquares:
    """Coefficients and what the likelihood needs, at one covariance."""

    coefficients: Floats
    covariance: Floats
    ux: Floats
    py: Floats
    value: float


def least_squares(
    covariance: WorkingCovariance,
    design: Floats,
    effects: Floats,
    *,
    gram_logdet: float | None,
) -> GeneralisedLeastSquares:
    """Generalised least squares and the log-likelihood.

    Parameters
    ----------
    covariance : M
    design : (p, k), transposed
    effects : (k,)
    gram_logdet : log|X'X| for REML, whose value metafor raises by half of it; None for ML
    """
    p, k = design.shape
    solved = covariance.solve(np.vstack([design, effects]))
    ux = solved[:p]
    precision = design @ ux.T
    root = np.linalg.cholesky(precision)
    inverse: Floats = np.linalg.inv(precision).astype(float, copy=False)
    coefficients = inverse @ (ux @ effects)
    py = solved[p] - coefficients @ ux
    rss = float(effects @ py)
    value = -0.5 * (covariance.log_determinant + rss)
    if gram_logdet is None:
        value -= 0.5 * k * LOG_2PI
    else:
        logdet = 2.0 * float(np.log(np.diag(root)).sum())
        value += 0.5 * (gram_logdet - logdet - (k - p) * LOG_2PI)
    return GeneralisedLeastSquares(coefficients, inverse, ux, py, value)


def evaluate(
    covariance: WorkingCovariance,
    design: Floats,
    effects: Floats,
    *,
    gram_logdet: float | None,
) -> Evaluation:
    """The log-likelihood, score and information at one covariance; arguments as above."""
    gls = least_squares(covariance, design, effects, gram_logdet=gram_logdet)
    ux, py, inverse = gls.ux, gls.py, gls.covariance
    p = design.shape[0]
    trace, trace_pairs = covariance.logdet_derivatives()
    n = trace.size
    stacked = np.vstack([ux, py])
    turned = np.stack([covariance.derivative_times(j, stacked) for j in range(n)])
    solved = covariance.solve(turned.reshape(n * (p + 1), -1)).reshape(turned.shape)
    flat, flat_solved = turned[:, p], solved[:, p]
    # y'P D_j P D_l P y, where P v = M⁻¹v − U B U'v
    along = flat @ ux.T
    quadratic = flat @ flat_solved.T - along @ inverse @ along.T
    if gram_logdet is not None:
        leaned = inverse @ (turned[:, :p] @ ux.T)
        trace = trace - np.einsum("jaa->j", leaned)
        mixed = (inverse @ turned[:, :p]).reshape(n, -1) @ solved[:, :p].reshape(n, -1).T
        trace_pairs = trace_pairs - 2.0 * mixed + np.einsum("jab,lba->jl", leaned, leaned)
    score = 0.5 * (flat @ py - trace)
    expected = 0.25 * (trace_pairs + trace_pairs.T)
    observed = quadratic - expected
    observed += covariance.curvature(py, ux, None if gram_logdet is None else inverse)
    return Evaluation(gls.value, score, expected, 0.5 * (observed + observed.T))
