"""Likelihood of effects reported with a chance that depends on p, with its exact derivatives.

An effect y ~ N(Xb, v + tau²) is reported with chance w(p). Its density is then w(p(y)) times the
normal over A, the integral of that product. Score and information follow from the moments of the
weighted normal: with g the gradient of log w + log normal, the score is g(y) - E g and the
Hessian h(y) - E h - Cov g. The integrals are Gauss-Legendre sums over panels of z = t / sqrt(v);
no panel crosses a step of w.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import expit, log_ndtr, logsumexp, ndtr, ndtri

from enthesis.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

KINDS = ("step", "beta", "halfnorm", "negexp", "logistic", "power")

P_RANGE = (1e-5, 1 - 1e-5)
"""Beta and power weights are infinite or zero at p = 0 or 1; p stops here, as in metafor."""

REACH = 9.0
"""Standard deviations of the marginal normal that the panels cover; 1e-19 lies beyond."""

PANEL = 1.0
"""Width of a panel in z, where the marginal normal's standard deviation is at least one."""

FARTHEST = 1000.0
"""Standard errors from zero beyond which a variance must be wrong, and panels too many."""

NODES = 10
"""Gauss-Legendre nodes in each panel."""


@dataclass(frozen=True, slots=True)
class Selection:
    """One selection model for given data; theta = (b, log tau², log delta).

    Parameters
    ----------
    y, v : (k,) effects, small p being positive, and variances
    X : (k, p)
    kind : one of `KINDS`, or "none"
    cuts : z values between which w of "step" is constant, descending
    two_sided : p counts both tails
    z : (k,) y over its standard error
    interval : (k,) step interval of each effect
    """

    y: Floats
    v: Floats
    X: Floats
    kind: str
    cuts: Floats
    two_sided: bool
    z: Floats
    interval: NDArray[np.intp]

    @classmethod
    def of(
        cls,
        y: Floats,
        v: Floats,
        X: Floats,
        kind: str,
        steps: tuple[float, ...],
        two_sided: bool,
    ) -> Selection:
        """The model of these data."""
        z = y / np.sqrt(v)
        if np.abs(z).max() > FARTHEST:
            row = int(np.argmax(np.abs(z)))
            raise InputError(
                f"effect {row + 1} of the fit lies {abs(z[row]):.3g} standard errors from zero; "
                "its p-value says nothing about selection: check its variance"
            )
        tails = 2.0 if two_sided else 1.0
        cuts = -ndtri(np.array(steps, dtype=float) / tails)
        interval = _interval(z, cuts, two_sided)
        return cls(y, v, X, kind, cuts, two_sided, z, interval)

    @property
    def n_delta(self) -> int:
        """Free parameters of the selection function."""
        return {"none": 0, "step": len(self.cuts), "beta": 2}.get(self.kind, 1)

    @property
    def highest_log_tau2(self) -> float:
        """Beyond it the effects could not have come out as close together as they did."""
        return float(np.log(100 * (np.var(self.y) + self.v.max())))

    def derivatives(self, theta: Floats) -> tuple[float, Floats, Floats]:
        """Log-likelihood, gradient and Hessian in theta."""
        value, gradient, hessian = self._natural(theta)
        p = self.X.shape[1]
        chain = np.concatenate([np.ones(p), np.exp(theta[p:])])
        scaled = chain * gradient
        curved = chain[:, None] * hessian * chain
        logs = np.arange(len(theta)) >= p
        return value, scaled, curved + np.diag(np.where(logs, scaled, 0.0))

    def natural_hessian(self, theta: Floats) -> Floats:
        """Hessian in (b, tau², delta) themselves."""
        return self._natural(theta)[2]

    def _natural(self, theta: Floats) -> tuple[float, Floats, Floats]:
        p = self.X.shape[1]
        mean, tau2, delta = self.X @ theta[:p], np.exp(theta[p]), np.exp(theta[p + 1 :])
        s2 = self.v + tau2
        nodes, log_rule = self._quadrature(mean, s2)
        log_w, slope, bend = self._weight(nodes, _interval(nodes, self.cuts, self.two_sided), delta)
        own_w, own_slope, own_bend = self._weight(self.z, self.interval, delta)
        t = np.sqrt(self.v)[:, None] * nodes
        away = t - mean[:, None]
        log_density = log_w + log_rule - 0.5 * away**2 / s2[:, None]
        log_total = logsumexp(log_density, axis=1)
        # The normal's constant, and the one from t to z.
        log_a = log_total + 0.5 * np.log(self.v / (2 * np.pi * s2))
        share = np.exp(log_density - log_total[:, None])
        residual = self.y - mean
        value = own_w - 0.5 * np.log(2 * np.pi * s2) - 0.5 * residual**2 / s2 - log_a
        scaled = away / s2[:, None]
        g = np.stack([scaled, 0.5 * scaled**2, *(np.broadcast_to(d, t.shape) for d in slope)])
        own = np.stack([residual / s2, 0.5 * (residual / s2) ** 2, *own_slope])
        expected = np.einsum("qkn,kn->qk", g, share)
        covariance = np.einsum("qkn,rkn,kn->qrk", g, g, share, optimize=True)
        covariance -= expected[:, None] * expected[None, :]
        score = own - expected
        curve = -covariance
        # Second derivatives of the normal's logarithm; its expectation cancels all but these.
        curve[0, 1] -= score[0] / s2
        curve[1, 0] -= score[0] / s2
        curve[1, 1] -= 2 * score[1] / s2
        if len(delta):
            curve[2:, 2:] += own_bend - np.einsum("abn,kn->abk", bend, share)
        return float(value.sum()), *self._gathered(score, curve)

    def _gathered(self, score: Floats, curve: Floats) -> tuple[Floats, Floats]:
        """From each effect's (mean, variance, delta) to (b, tau², delta)."""
        k, p = self.X.shape
        ones = np.ones((k, 1))
        gradient = np.concatenate([self.X.T @ score[0], score[1:].sum(axis=1)])
        n = len(gradient)
        hessian = np.empty((n, n))
        hessian[:p, :p] = self.X.T @ (curve[0, 0][:, None] * self.X)
        hessian[:p, p:] = self.X.T @ curve[0, 1:].T
        hessian[p:, :p] = hessian[:p, p:].T
        hessian[p:, p:] = (curve[1:, 1:] @ ones)[..., 0]
        return gradient, hessian

    def _quadrature(self, mean: Floats, s2: Floats) -> tuple[Floats, Floats]:
        """Nodes of z shared by all effects, and the logarithms of their weights."""
        centre, spread = mean / np.sqrt(self.v), np.sqrt(s2 / self.v)
        low = float((centre - REACH * spread).min())
        high = float((centre + REACH * spread).max())
        breaks = self._breaks()
        edges = [low, *breaks[(breaks > low) & (breaks < high)], high]
        sides = [
            np.linspace(a, b, 1 + max(1, int(np.ceil((b - a) / PANEL))))[:-1]
            for a, b in pairwise(edges)
        ]
        left = np.concatenate([*sides, [high]])
        x, w = np.polynomial.legendre.leggauss(NODES)
        half = 0.5 * np.diff(left)
        nodes = (left[:-1] + half)[:, None] + half[:, None] * x
        return nodes.ravel(), np.log(half[:, None] * w).ravel()

    def _breaks(self) -> Floats:
        """Where w is not smooth in z, ascending."""
        breaks = self.cuts
        if self.kind in ("beta", "power"):
            tails = 2.0 if self.two_sided else 1.0
            breaks = -ndtri(np.array(P_RANGE) / tails)
        if self.two_sided:
            breaks = np.concatenate([breaks, -breaks, [0.0]])
        return np.unique(breaks)

    def _weight(
        self, z: Floats, interval: NDArray[np.intp], delta: Floats
    ) -> tuple[Floats, Floats, Floats]:
        """Logarithm of w, its first (d, n) and second (d, d, n) derivatives in delta."""
        n = len(delta)
        bend = np.zeros((n, n, len(z)))
        if self.kind == "none":
            return np.zeros(len(z)), np.zeros((0, len(z))), bend
        if self.kind == "step":
            log_w = np.concatenate([[0.0], np.log(delta)])[interval]
            within = interval == np.arange(1, n + 1)[:, None]
            slope = within / delta[:, None]
            bend[np.arange(n), np.arange(n)] = -slope / delta[:, None]
            return log_w, slope, bend
        p, log_p, log_q = _p_values(z, self.two_sided)
        bounds = np.log(P_RANGE[0]), np.log1p(-P_RANGE[0])
        if self.kind == "beta":
            slope = np.stack([np.clip(log_p, *bounds), np.clip(log_q, *bounds)])
            return (delta - 1) @ slope, slope, bend
        if self.kind == "logistic":
            fade = expit(-delta[0] * p)
            log_w = np.log(2.0) + np.log(fade)
            bend[0, 0] = -(p**2) * fade * (1 - fade)
            return log_w, -p[None] * (1 - fade), bend
        powers = {"halfnorm": -(p**2), "negexp": -p, "power": np.clip(log_q, *bounds)}
        slope = powers[self.kind]
        return delta[0] * slope, slope[None], bend


def _interval(z: Floats, cuts: Floats, two_sided: bool) -> NDArray[np.intp]:
    """Number of the step interval: 0 for the smallest p."""
    size = np.abs(z) if two_sided else z
    return np.asarray((size[:, None] < cuts).sum(axis=1))


def _p_values(z: Floats, two_sided: bool) -> tuple[Floats, Floats, Floats]:
    """P, its logarithm and that of 1 - p, accurate in both tails."""
    if not two_sided:
        return ndtr(-z), log_ndtr(-z), log_ndtr(z)
    p = 2 * ndtr(-np.abs(z))
    with np.errstate(divide="ignore"):
        return p, np.log(2.0) + log_ndtr(-np.abs(z)), np.log1p(-np.minimum(p, 1 - 1e-16))
