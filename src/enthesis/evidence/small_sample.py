"""Reference distributions for robust tests with few clusters: degrees of freedom and tail areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from enthesis.evidence.sandwich import Moments

    Floats = NDArray[np.float64]


VANISHING = 1e-10
"""Share of a cluster's own variance below which what residuals leave of it is rounding."""


CANCELLING = 1e-2
"""The same share below which sums over pairs of clusters lose digits when taken from totals, as the
own variance of one cluster outweighs all that is left; the pairs are then summed one by one."""

MOST_PAIRED = 3_000
"""Clusters up to which pairs are summed one by one: some hundred MB for one contrast."""


def satterthwaite(moments: Moments) -> Floats:
    """Degrees of freedom of each contrast's robust variance, (tr P)² / tr(P P).

    NaN where the variance is zero whatever the effects: one cluster alone fixes the contrast.

    References
    ----------
    Bell & McCaffrey (2002); Pustejovsky & Tipton (2018) doi:10.1080/07350015.2016.1247004.
    """
    own = np.einsum("jqq->jq", moments.own)
    z, kernel = moments.loading, moments.kernel
    shared = np.einsum("jqm,mn,jqn->jq", z, kernel, z, optimize=True)
    crossed = kernel @ np.einsum("jqm,jqn->qmn", z, z, optimize=True)
    square = (own**2 + 2 * own * shared).sum(axis=0) + np.einsum("qmn,qnm->q", crossed, crossed)
    trace = (own + shared).sum(axis=0)
    vanishing = trace <= VANISHING * own.sum(axis=0)
    if len(own) <= MOST_PAIRED:
        for q in np.flatnonzero(~vanishing & (trace < CANCELLING * own.sum(axis=0))):
            pairs = z[:, q] @ kernel @ z[:, q].T
            np.fill_diagonal(pairs, np.diag(pairs) + own[:, q])
            trace[q], square[q] = np.trace(pairs), np.sum(pairs**2)
    return np.where(vanishing, np.nan, trace**2 / np.where(vanishing, 1.0, square))


def total_covariance(moments: Moments) -> Floats:
    """Expectation of the robust covariance under the working model, (q, q)."""
    z = moments.loading
    shared = np.einsum("jqm,mn,jrn->qr", z, moments.kernel, z, optimize=True)
    total: Floats = moments.own.sum(axis=0) + shared
    return total


def covariance_of_entries(moments: Moments) -> Floats:
    """Cov(V_st, V_uv) of the entries of a robust covariance, (q, q, q, q).

    By normality it is R[s,u,t,v] + R[s,v,t,u] with R[s,u,t,v] = Σ_jl P_jl(s,u) P_jl(t,v).
    """
    own, z, kernel = moments.own, moments.loading, moments.kernel
    shared = z @ kernel @ z.mT
    mixed = _sum_of_products(own, shared)
    crossed = np.einsum("jsm,jtn->stmn", z, z, optimize=True)
    turned = np.einsum("mn,wr,uvnr->uvmw", kernel, kernel, crossed, optimize=True)
    r = (
        _sum_of_products(own, own)
        + mixed
        + mixed.transpose(2, 3, 0, 1)
        + np.einsum("stmw,uvmw->sutv", crossed, turned, optimize=True)
    )
    return np.asarray(r.transpose(0, 2, 1, 3) + r.transpose(0, 2, 3, 1))


def _sum_of_products(a: Floats, b: Floats) -> Floats:
    """Σ_j a_j[s, u] b_j[t, v] as (s, u, t, v)."""
    n, q, _ = a.shape
    return np.asarray((a.reshape(n, -1).T @ b.reshape(n, -1)).reshape(q, q, q, q))


def saddlepoint(moments: Moments, statistics: Floats) -> tuple[Floats, Floats]:
    """Two-sided p-value of each contrast's t statistic, and the saddlepoint where it was found.

    The squared statistic exceeds t² when Z² - t² Σ λ_i Z_i² is positive, λ the eigenvalues of P
    over their sum; Lugannani and Rice's formula gives that tail from the cumulants. The roots are
    exact; clubSandwich's search for them stops at about 1e-5.

    References
    ----------
    McCaffrey & Bell (2006) doi:10.1002/sim.2502; Lugannani & Rice (1980) doi:10.2307/1426607.
    """
    answers = [
        spectrum.p_value(float(t) ** 2) if spectrum else (np.nan, np.nan)
        for spectrum, t in zip(_Spectrum.all_of(moments), statistics, strict=True)
    ]
    return np.array([p for p, _ in answers]), np.array([s for _, s in answers])


def saddlepoint_critical_value(moments: Moments, level: float) -> Floats:
    """The |t| of each contrast whose saddlepoint p-value is 1 - level."""
    return np.array(
        [
            spectrum.critical_value(1 - level) if spectrum else np.nan
            for spectrum in _Spectrum.all_of(moments)
        ]
    )


NEAR_THE_MEAN = 0.01
"""Saddlepoints closer to 0 use the limit of the formula, where 1/r - 1/w cancels."""


@dataclass(frozen=True, slots=True)
class _Spectrum:
    """One contrast's P / tr P = diag(own) + z kernel z', spoken of only through its eigenvalues.

    Determinants and traces of I + u P come from the m × m determinant lemma: O(J m²) each.
    """

    own: Floats
    z: Floats
    kernel: Floats

    @classmethod
    def all_of(cls, moments: Moments) -> list[_Spectrum | None]:
        """One for each contrast; None where its variance vanishes."""
        totals = np.diag(total_covariance(moments))
        return [
            None
            if np.isnan(df)
            else cls(
                moments.own[:, q, q] / totals[q],
                moments.loading[:, q],
                moments.kernel / totals[q],
            )
            for q, df in enumerate(satterthwaite(moments))
        ]

    def resolvent(self, u: float) -> tuple[float, float, float]:
        """Log-determinant of I + uP, tr R and tr RR with R = (I + uP)⁻¹P."""
        d = 1 + u * self.own
        y1, y2, y3 = (
            (self.z * (self.own**power / d ** (power + 1))[:, None]).T @ self.z
            for power in (0, 1, 2)
        )
        small = np.eye(len(self.kernel)) + u * self.kernel @ y1
        first = np.linalg.solve(small, self.kernel @ (y1 - u * y2))
        second = np.linalg.solve(small, self.kernel @ (2 * u * y3 - 2 * y2))
        ratio = self.own / d
        logdet = np.log(np.abs(d)).sum() + np.linalg.slogdet(small)[1]
        trace = ratio.sum() + np.trace(first)
        square = (ratio**2).sum() - np.trace(second) + np.einsum("mn,nm->", first, first)
        return float(logdet), float(trace), float(square)

    def squared_statistic(self, u: float) -> float:
        """The t² whose saddlepoint is s = u / (2 t²)."""
        return u + 1 / self.resolvent(u)[1]

    def p_value(self, t2: float) -> tuple[float, float]:
        if not np.isfinite(t2):
            return (0.0 if t2 > 0 else float("nan")), float("nan")
        u = _bisect(lambda v: self.squared_statistic(v) - t2, _ALMOST_SINGULAR, t2)
        return self.tail(u, t2), u / (2 * t2) if t2 > 0 else -np.inf

    def critical_value(self, alpha: float) -> float:
        def excess(u: float) -> float:
            t2 = self.squared_statistic(u)
            return alpha - (self.tail(u, t2) if t2 > 0 else 1.0)

        high = 1.0
        while excess(high) < 0 and high < _FARTHEST:
            high *= 4
        return float(np.sqrt(self.squared_statistic(_bisect(excess, _ALMOST_SINGULAR, high))))

    def tail(self, u: float, t2: float) -> float:
        """Lugannani and Rice's P(T² > t2)."""
        if t2 == 0:
            return 1.0
        s = u / (2 * t2)
        logdet, _, square = self.resolvent(u)
        if abs(s) < NEAR_THE_MEAN:
            second, third = self.central_cumulants(t2)
            return float(0.5 - third / (6 * np.sqrt(2 * np.pi) * second**1.5))
        r = np.copysign(np.sqrt(np.log1p(-2 * s) + logdet), s)
        w = s * np.sqrt(2 / (1 - 2 * s) ** 2 + 2 * t2**2 * square)
        return float(ndtr(-r) - np.exp(-(r**2) / 2) / np.sqrt(2 * np.pi) * (1 / r - 1 / w))

    def central_cumulants(self, t2: float) -> tuple[float, float]:
        """Second and third cumulant of Z² - t² Σ λ Z²."""
        weighted = [self.kernel @ ((self.z * self.own[:, None] ** i).T @ self.z) for i in range(3)]
        k0, k1, k2 = weighted
        squares = (self.own**2).sum() + 2 * np.trace(k1) + np.trace(k0 @ k0)
        cubes = (
            (self.own**3).sum() + 3 * np.trace(k2) + 3 * np.trace(k1 @ k0) + np.trace(k0 @ k0 @ k0)
        )
        return float(2 + 2 * t2**2 * squares), float(8 - 8 * t2**3 * cubes)


_ALMOST_SINGULAR = -1 + 1e-12
"""I + uP is positive definite from here on, since the eigenvalues of P are at most 1."""

_FARTHEST = 1e12
"""Where the search for a critical value ends: |t| of about a million."""


def _bisect(f: Callable[[float], float], low: float, high: float) -> float:
    """Root of an increasing function, to the last digit."""
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return middle
        if f(middle) < 0:
            low = middle
        else:
            high = middle
