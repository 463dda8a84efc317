"""The weighted regression behind every two-level model, by sums over the effects.

Everything rests on P = W − WX(X'WX)⁻¹X'W, which is diagonal plus rank p and is never formed:
traces and quadratic forms cost O(k p²). The design enters through an orthonormal basis of its
columns, so that moderators in awkward units (years, millimetres) lose no digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

BLOCK = 8192
"""Effects handled at once: some rows of so many floats fit a core's own cache."""


class Projection:
    """The weighted regression of the effects on an orthonormal basis, and its P matrix.

    Parameters
    ----------
    y : (k,)
    basis : (p, k), orthonormal rows
    weights : (k,)
    """

    def __init__(self, y: Floats, basis: Floats, weights: Floats) -> None:
        self.basis = basis
        self.weights = weights
        weighted = basis * weights
        self.inverse = np.linalg.inv(weighted @ basis.T)
        self.coefficients = self.inverse @ (weighted @ y)
        self.residuals = y - np.dot(self.coefficients, basis)

    def cross(self, diagonal: Floats) -> Floats:
        """Q' diag Q, (p, p)."""
        product: Floats = (self.basis * diagonal) @ self.basis.T
        return product

    @cached_property
    def q(self) -> float:
        """y'Py, the weighted residual sum of squares."""
        return float((self.weights * self.residuals) @ self.residuals)

    @cached_property
    def trace(self) -> float:
        """Trace of P."""
        return float(self.weights.sum() - np.sum(self.inverse * self.cross(self.weights**2)))

    def trace_with(self, s: Floats) -> float:
        """Trace of P diag(s)."""
        return float(self.weights @ s - np.sum(self.inverse * self.cross(self.weights**2 * s)))

    def trace_squared(self, s: Floats | float = 1.0) -> float:
        """Trace of (P diag(s))²; for s = 1 the sum of the squares of P."""
        ws = self.weights * s
        middle = self.inverse @ self.cross(self.weights * ws)
        outer = self.inverse @ self.cross(self.weights * ws**2)
        return float(ws @ ws - 2.0 * np.trace(outer) + np.sum(middle * middle.T))


class Moments:
    """What Q and the likelihood ask of the weights 1 / (v + tau2), by sums over the effects.

    With rows the basis and the equal-effects residuals e, G[j] = Σ wʲ⁺¹ rows rows'. As P annuls
    the basis, y may be replaced by e, which keeps the quadratic forms free of cancellation. Blocks
    of effects stay in the processor's cache, so that a million cost little more than they must.

    Parameters
    ----------
    rows : (p + 1, k)
    v : (k,)
    tau2 : variance added to v

    Attributes
    ----------
    q : y'Py; `q_slope` and `q_curvature` are its derivatives in tau2
    trace, trace_squared : tr P, tr P²
    weight, weight_squares : Σw, Σw²
    shift : coefficients of e in the basis
    inverse : (Q'WQ)⁻¹, Q the basis
    """

    def __init__(self, rows: Floats, v: Floats, tau2: float) -> None:
        p = len(rows) - 1
        G = np.zeros((3, p + 1, p + 1))
        self.weight = self.weight_squares = 0.0
        for piece in _blocks(len(v)):
            block = rows[:, piece]
            w = 1.0 / (v[piece] + tau2)
            self.weight += float(w.sum())
            self.weight_squares += float(w @ w)
            weighted = block
            for j in range(3):
                weighted = weighted * w
                G[j] += weighted @ block.T
        self.inverse = np.linalg.inv(G[0, :p, :p])
        self.shift = self.inverse @ G[0, :p, p]
        line = np.append(-self.shift, 1.0)
        once, twice = self.inverse @ G[1, :p, :p], self.inverse @ G[2, :p, :p]
        projected = G[1, :p] @ line
        self.q = float(line @ G[0] @ line)
        self.q_slope = -float(line @ G[1] @ line)
        self.q_curvature = 2.0 * float(line @ G[2] @ line - projected @ self.inverse @ projected)
        self.trace = self.weight - float(np.trace(once))
        self.trace_squared = self.weight_squares - float(
            2.0 * np.trace(twice) - np.sum(once * once.T)
        )


@dataclass(frozen=True, slots=True)
class Problem:
    """Effects, their variances and the design as an orthonormal basis.

    Parameters
    ----------
    y, v : (k,)
    triangle : (p, p), design = basis' triangle
    rows : (p + 1, k), the basis, and the residuals of the equal-effects regression; a row is what
        NumPy multiplies fastest by weights
    coefficients : (p,) of the equal-effects regression in the basis
    at_zero : its moments, on which every test of heterogeneity rests
    """

    y: Floats
    v: Floats
    triangle: Floats
    rows: Floats
    coefficients: Floats
    at_zero: Moments

    @property
    def basis(self) -> Floats:
        """Orthonormal rows that span the design, (p, k)."""
        basis: Floats = self.rows[:-1]
        return basis

    @property
    def residuals(self) -> Floats:
        """Residuals of the equal-effects regression, (k,)."""
        residuals: Floats = self.rows[-1]
        return residuals

    @property
    def df(self) -> int:
        """Residual degrees of freedom, k − p."""
        return len(self.y) - len(self.coefficients)

    def moments(self, tau2: float) -> Moments:
        """Q, traces and their derivatives with weights 1 / (v + tau2)."""
        return self.at_zero if tau2 == 0.0 else Moments(self.rows, self.v, tau2)

    def log_weights(self, tau2: float) -> float:
        """Σ log w, which is −log|M|."""
        logs = (float(np.log(self.v[piece] + tau2).sum()) for piece in _blocks(len(self.v)))
        return -float(sum(logs))

    def intercept_only(self) -> Problem:
        """The same effects without moderators."""
        return problem(self.y, self.v, np.ones((len(self.y), 1)))


def problem(y: Floats, v: Floats, design: Floats) -> Problem:
    """Orthonormalise the design once; every estimator then works in that basis."""
    k, p = design.shape
    rows = np.empty((p + 1, k))
    if p == 1:
        triangle = np.array([[np.linalg.norm(design)]])
        np.divide(design[:, 0], triangle[0, 0], out=rows[0])
    else:
        columns, triangle = np.linalg.qr(design)
        rows[:p] = columns.T
    information, right = np.zeros((p, p)), np.zeros(p)
    for piece in _blocks(k):
        weighted = rows[:p, piece] / v[piece]
        information += weighted @ rows[:p, piece].T
        right += weighted @ y[piece]
    coefficients: Floats = np.asarray(np.linalg.solve(information, right), dtype=float)
    # For a single row np.dot is several times as fast as the operator.
    np.subtract(y, np.dot(coefficients, rows[:p]), out=rows[p])
    return Problem(y, v, triangle, rows, coefficients, Moments(rows, v, 0.0))


def _blocks(k: int) -> Iterator[slice]:
    return (slice(start, start + BLOCK) for start in range(0, k, BLOCK))
