"""Between-study variance of a stack of data sets, by every estimator that has a batched form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import chdtri

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

ITERATIONS = 100
"""More than a bracketed Newton step ever needs; reaching it marks the data set as not converged."""

SCORING = 3
"""First steps that follow the expected information unless the likelihood is clearly concave."""

ZERO_ADVANTAGE = 1.2e-4
"""Log-likelihood by which tau² = 0 must beat the mode found, metafor's ``ll0check``."""


@dataclass(slots=True)
class Sets:
    """The data of the sets still being worked on, and the sums every estimator asks for."""

    y: Floats
    v: Floats
    X: Floats
    XX: Floats

    @classmethod
    def of(cls, y: Floats, v: Floats, X: Floats) -> Sets:
        """The sets with the products of their design's columns."""
        p = X.shape[-1]
        XX = (X[..., :, None] * X[..., None, :]).reshape(*X.shape[:-1], p * p)
        return cls(y, v, X, XX)

    def take(self, rows: Bools) -> Sets:
        """Some of the data sets."""
        shared = self.X.ndim == 2
        return Sets(
            self.y[rows],
            self.v[rows],
            self.X if shared else self.X[rows],
            self.XX if shared else self.XX[rows],
        )

    def moment(self, w: Floats) -> Floats:
        """X'diag(w)X, (S, p, p)."""
        p = self.X.shape[-1]
        flat = w @ self.XX if self.XX.ndim == 2 else np.matmul(w[:, None, :], self.XX)[:, 0]
        return np.asarray(flat.reshape(len(w), p, p))

    def cross(self, u: Floats) -> Floats:
        """X'u, (S, p)."""
        return u @ self.X if self.X.ndim == 2 else np.matmul(u[:, None, :], self.X)[:, 0]

    def fitted(self, b: Floats) -> Floats:
        """Xb, (S, k)."""
        return b @ self.X.T if self.X.ndim == 2 else np.matmul(self.X, b[..., None])[..., 0]

    def solve(self, w: Floats) -> tuple[Floats, Floats, Floats]:
        """(X'WX)⁻¹, the weighted least squares coefficients and their residuals."""
        bread = _inverse(self.moment(w))
        b = _apply(bread, self.cross(w * self.y))
        return bread, b, self.y - self.fitted(b)


def _inverse(A: Floats) -> Floats:
    return np.asarray(1.0 / A if A.shape[-1] == 1 else np.linalg.inv(A))


def _apply(A: Floats, b: Floats) -> Floats:
    return A[:, 0] * b if A.shape[-1] == 1 else np.matmul(A, b[..., None])[..., 0]


def times(A: Floats, B: Floats) -> Floats:
    """Products of two stacks of matrices."""
    return A * B if A.shape[-1] == 1 else A @ B


def _trace_of_product(A: Floats, B: Floats) -> Floats:
    return np.asarray(np.einsum("sij,sji->s", A, B))


def row_sum(a: Floats, b: Floats) -> Floats:
    """Sum of products along each row."""
    return np.asarray(np.einsum("sk,sk->s", a, b))


def logdet(A: Floats) -> Floats:
    """Log-determinants of a stack of matrices."""
    return np.log(A[:, 0, 0]) if A.shape[-1] == 1 else np.asarray(np.linalg.slogdet(A)[1])


@dataclass(slots=True)
class AtZero:
    """What tau² = 0 tells: the sum of weights, Q, tr P and y'PPy, all (S,)."""

    sum_w: Floats
    q: Floats
    trace_p: Floats
    y_pp_y: Floats


def at_zero(sets: Sets) -> AtZero:
    """The sums at tau² = 0."""
    w = 1.0 / sets.v
    bread, _, r = sets.solve(w)
    wr = w * r
    sum_w = w.sum(axis=1)
    trace_p = sum_w - _trace_of_product(bread, sets.moment(w * w))
    return AtZero(sum_w, row_sum(wr, r), trace_p, row_sum(wr, wr))


def estimate_tau2(
    sets: Sets, k: NDArray[np.intp], method: str, zero: AtZero
) -> tuple[Floats, Bools]:
    """The named estimator, truncated at zero; zero as well where no degree of freedom is left."""
    df = k - sets.X.shape[-1]
    if method in ("ML", "REML"):
        start = _truncated(_hedges(sets, df), df)
        tau2, converged = _by_likelihood(sets, start, zero, df, restricted=method == "REML")
        return tau2, converged
    if method in ("PM", "EB", "PMM"):
        # The empirical Bayes and Paule-Mandel equations have the same root.
        target = chdtri(df, 0.5) if method == "PMM" else df.astype(float)
        return _by_q(sets, target, zero, df)
    closed: dict[str, Callable[[], Floats]] = {
        "DL": lambda: (zero.q - df) / zero.trace_p,
        "HE": lambda: _hedges(sets, df),
        "HS": lambda: (zero.q - k) / zero.sum_w,
        "HSk": lambda: (k / df * zero.q - k) / zero.sum_w,
        "SJ": lambda: _sidik_jonkman(sets, k, df),
    }
    return _truncated(closed[method](), df), np.ones(len(k), dtype=bool)


def _truncated(tau2: Floats, df: NDArray[np.intp]) -> Floats:
    return np.where(df > 0, np.maximum(tau2, 0.0), 0.0)


def _hedges(sets: Sets, df: NDArray[np.intp]) -> Floats:
    present = np.isfinite(sets.v)
    bread, _, r = sets.solve(present.astype(float))
    v = np.where(present, sets.v, 0.0)
    trace = v.sum(axis=1) - _trace_of_product(bread, sets.moment(v))
    return np.asarray((np.where(present, r * r, 0.0).sum(axis=1) - trace) / df)


def _sidik_jonkman(sets: Sets, k: NDArray[np.intp], df: NDArray[np.intp]) -> Floats:
    """Crude variance around the plain mean, even with moderators, improved once."""
    present = np.isfinite(sets.v)
    mean = sets.y.sum(axis=1) / k
    crude = np.where(present, (sets.y - mean[:, None]) ** 2, 0.0).sum(axis=1) / k
    w = 1.0 / (sets.v + crude[:, None])
    _, _, r = sets.solve(w)
    return np.asarray(crude * row_sum(w * r, r) / df)


def generalised_q(sets: Sets, weights: Floats, df: NDArray[np.intp]) -> Floats:
    """Moment estimator of tau² with the analyst's weights, truncated at zero."""
    present = np.isfinite(sets.v)
    a = np.where(present, weights, 0.0)
    bread, _, r = sets.solve(a)
    v = np.where(present, sets.v, 0.0)
    expected = row_sum(a, v) - _trace_of_product(bread, sets.moment(a * a * v))
    trace = a.sum(axis=1) - _trace_of_product(bread, sets.moment(a * a))
    return _truncated((row_sum(a * r, r) - expected) / trace, df)


def _by_q(sets: Sets, target: Floats, zero: AtZero, df: NDArray[np.intp]) -> tuple[Floats, Bools]:
    """Solve Q(tau²) = target; Q is convex and falls, so Newton's steps from the left only rise."""
    tau2 = np.zeros(len(target))
    todo = (zero.q > target) & (df > 0)
    converged = ~todo
    rows = np.flatnonzero(todo)
    left, goal = sets.take(todo), target[todo]
    scale = (df / zero.trace_p)[todo]
    t = np.maximum((zero.q - df) / zero.trace_p, 0.0)[todo]
    for _ in range(ITERATIONS):
        if not len(rows):
            break
        w = 1.0 / (left.v + t[:, None])
        _, _, r = left.solve(w)
        wr = w * r
        new = np.maximum(t + (row_sum(wr, r) - goal) / row_sum(wr, wr), 0.0)
        tau2[rows] = new
        done = np.abs(new - t) <= 1e-9 * (new + scale)
        converged[rows[done]] = True
        keep = ~done
        rows, t, goal, scale = rows[keep], new[keep], goal[keep], scale[keep]
        left = left.take(keep)
    return tau2, converged


def _by_likelihood(
    sets: Sets, start: Floats, zero: AtZero, df: NDArray[np.intp], *, restricted: bool
) -> tuple[Floats, Bools]:
    """Maximum (restricted) likelihood by scoring that turns into Newton's method near the mode.

    A step below zero is halved until it is not: clamping it instead can end on the other mode of
    a bimodal likelihood. The score's sign changes met on the way bracket the root, so no step is
    lost; and tau² = 0 is taken where its likelihood is the higher one.
    """
    trace = zero.trace_p if restricted else zero.sum_w
    falls_at_zero = zero.y_pp_y <= trace
    tau2 = start.copy()
    todo = (df > 0) & ~((start == 0) & falls_at_zero)
    converged = ~todo
    tau2[converged] = 0.0
    rows = np.flatnonzero(todo)
    left, t = sets.take(todo), start[todo]
    scale = (df / zero.trace_p)[todo]
    nothing = np.where(falls_at_zero[todo], 1e-3 * scale, 0.0)
    low, high = np.zeros(len(rows)), np.full(len(rows), np.inf)
    for iteration in range(ITERATIONS):
        if not len(rows):
            break
        score, fisher, observed = _derivatives(left, t, restricted=restricted)
        newton = observed > (0.5 * fisher if iteration < SCORING else 0.0)
        step = score / np.where(newton, observed, fisher)
        low, high = np.where(score > 0, t, low), np.where(score > 0, high, t)
        new = _inside(t, step, low, high)
        vanishing = (new < nothing) & (score < 0)
        new = np.where(vanishing, 0.0, new)
        done = vanishing | (np.abs(new - t) <= np.where(newton, 1e-9, 1e-13) * (new + scale))
        tau2[rows] = new
        converged[rows[done]] = True
        t = new
        if done.any():
            keep = ~done
            rows, t, scale, nothing = rows[keep], t[keep], scale[keep], nothing[keep]
            low, high = low[keep], high[keep]
            left = left.take(keep)
    doubtful = falls_at_zero & (tau2 > 0) & todo
    if doubtful.any():
        beaten = _gain_over_zero(sets.take(doubtful), tau2[doubtful], restricted=restricted)
        tau2[np.flatnonzero(doubtful)[beaten < -ZERO_ADVANTAGE]] = 0.0
    return tau2, converged


def _inside(t: Floats, step: Floats, low: Floats, high: Floats) -> Floats:
    """The next tau²: within the bracket, and never below zero."""
    new = t + step
    halvings = np.ceil(np.log2(np.maximum(-step, t) / np.where(t > 0, t, 1.0)))
    new = np.where(new < 0, t + step * 0.5**halvings, new)
    new = np.where((new <= low) & (low > 0), 0.5 * (low + t), new)
    return np.where(new >= high, 0.5 * (t + high), new)


def _derivatives(sets: Sets, t: Floats, *, restricted: bool) -> tuple[Floats, Floats, Floats]:
    """Twice the score, the expected and the observed information of tau²."""
    w = 1.0 / (sets.v + t[:, None])
    bread, _, r = sets.solve(w)
    wr = w * r
    w2 = w * w
    y_pp_y = row_sum(wr, wr)
    w2r = w * wr
    half = sets.cross(w2r)
    y_ppp_y = row_sum(w2r, wr) - row_sum(_apply(bread, half), half)
    sum_w2 = row_sum(w, w)
    if not restricted:
        return y_pp_y - w.sum(axis=1), sum_w2, 2 * y_ppp_y - sum_w2
    hat = times(bread, sets.moment(w2))
    cubed = _trace_of_product(bread, sets.moment(w2 * w))
    trace_p = w.sum(axis=1) - np.trace(hat, axis1=1, axis2=2)
    trace_pp = sum_w2 - 2 * cubed + _trace_of_product(hat, hat)
    return y_pp_y - trace_p, trace_pp, 2 * y_ppp_y - trace_pp


def _gain_over_zero(sets: Sets, tau2: Floats, *, restricted: bool) -> Floats:
    """Log-likelihood at tau² minus that at zero."""
    at_zero, _, r0 = sets.solve(1.0 / sets.v)
    w = 1.0 / (sets.v + tau2[:, None])
    bread, _, r = sets.solve(w)
    gain = -np.log1p(tau2[:, None] / sets.v).sum(axis=1)
    gain += row_sum(r0 / sets.v, r0) - row_sum(w * r, r)
    if restricted:
        gain += logdet(bread) - logdet(at_zero)
    return np.asarray(0.5 * gain)
