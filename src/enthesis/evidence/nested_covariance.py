"""Nested random intercepts in closed form: rank-one terms on a ladder of ever coarser groups.

The covariance is M = D + Σ c_l A_l A_l', D diagonal and A_l one loading per row and group. With
the groups nested, adding one rung at a time is a rank-one change inside each group, so that

    M⁻¹ u = u/d − Σ_l b_l f_l (b_l'u),   log|M| = Σ log d + Σ_l log(1 + c_l s_l),
    b_l = M_{l-1}⁻¹ a_l,   s_l = a_l'b_l,   f_l = c_l / (1 + c_l s_l),

where every product b_l'u is a segment sum over sorted rows. A sampling covariance with constant
correlation within clusters is one more rung, with loadings √v and c = ρ. Time and memory are linear
in the number of effects. Arrays of several vectors are kept (m, k), each vector contiguous.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Rung:
    """One grouping of the ladder.

    Parameters
    ----------
    starts, counts : first row and size of each group, rows in sorted order
    loading : (k,) loadings, None for ones
    component : position of the variance that multiplies this rung; None where `fixed` does
    fixed : the multiplier of a rung that is not estimated
    """

    starts: Ints
    counts: Ints
    loading: Floats | None = None
    component: int | None = None
    fixed: float = 0.0

    def total(self, values: Floats) -> Floats:
        """Sum over the rows of each group, (..., k) to (..., groups)."""
        return np.add.reduceat(values, self.starts, axis=-1)

    def spread(self, values: Floats) -> Floats:
        """Each group's value at its rows, (..., groups) to (..., k)."""
        return np.repeat(values, self.counts, axis=-1)


@dataclass(frozen=True, slots=True)
class NestedModel:
    """What does not change while variances are estimated.

    Parameters
    ----------
    order : (k,) rows sorted so that every group of every rung is contiguous
    base : (k,) diagonal of M that is not estimated, in sorted order
    row_components : positions of the variances with one level per row
    rungs : finest first
    n_components : how many variances there are
    """

    order: Ints
    base: Floats
    row_components: tuple[int, ...]
    rungs: tuple[Rung, ...]
    n_components: int

    def at(self, variances: Floats) -> NestedCovariance | None:
        """The covariance at these variances; None where it is not positive definite."""
        diagonal = self.base + variances[list(self.row_components)].sum()
        if not diagonal.min() > 0.0:
            return None
        inverse = 1.0 / diagonal
        logdet = float(np.log(diagonal).sum())
        multipliers: list[float] = []
        vectors: list[Floats] = []
        weights: list[Floats] = []
        sums: list[Floats] = []
        for rung in self.rungs:
            loading = np.ones_like(inverse) if rung.loading is None else rung.loading
            b = loading * inverse
            for finer, vector, weight in zip(self.rungs, vectors, weights, strict=False):
                b -= vector * finer.spread(weight * finer.total(vector * loading))
            s = rung.total(b if rung.loading is None else b * loading)
            c = rung.fixed if rung.component is None else float(variances[rung.component])
            grown = 1.0 + c * s
            if not grown.min() > 0.0:
                return None
            logdet += float(np.log(grown).sum())
            multipliers.append(c)
            vectors.append(b)
            weights.append(c / grown)
            sums.append(s)
        return NestedCovariance(
            self, diagonal, inverse, multipliers, vectors, weights, sums, logdet
        )


@dataclass(frozen=True, slots=True)
class NestedCovariance:
    """M at one set of variances. Rows are sorted; vectors are (m, k)."""

    model: NestedModel
    base_diagonal: Floats
    inverse: Floats
    multipliers: Sequence[float]
    vectors: Sequence[Floats]
    weights: Sequence[Floats]
    sums: Sequence[Floats]
    log_determinant: float

    def solve(self, vectors: Floats) -> Floats:
        """M⁻¹ applied to each of the (m, k) vectors."""
        return self._solve(vectors, len(self.model.rungs))

    def derivative_times(self, component: int, vectors: Floats) -> Floats:
        """∂M/∂σ² applied to each of the (m, k) vectors."""
        if component in self.model.row_components:
            return vectors
        rung = next(r for r in self.model.rungs if r.component == component)
        return rung.spread(rung.total(vectors))

    def logdet_derivatives(self) -> tuple[Floats, Floats]:
        """Gradient of log|M| and its negative Hessian, tr(M⁻¹ ∂M) and tr(M⁻¹ ∂M M⁻¹ ∂M)."""
        n = self.model.n_components
        gradient, hessian = np.zeros(n), np.zeros((n, n))
        rows = list(self.model.row_components)
        gradient[rows] = self.inverse.sum()
        hessian[np.ix_(rows, rows)] = self.inverse @ self.inverse
        for depth, rung in enumerate(self.model.rungs):
            b, f, s = self.vectors[depth], self.weights[depth], self.sums[depth]
            finer = self._finer_terms(depth)
            if finer:
                spread = np.stack([b if r is None else r.spread(r.total(b)) for _, r in finer])
                slopes = rung.total(spread * b)
                curved = (spread * rung.spread(f)) @ self._solve(spread, depth).T
                at = [component for component, _ in finer]
                gradient[at] -= slopes @ f
                hessian[np.ix_(at, at)] += (slopes * f**2) @ slopes.T - 2.0 * curved
            if rung.component is not None:
                grown = 1.0 + self.multipliers[depth] * s
                gradient[rung.component] += (s / grown).sum()
                hessian[rung.component, rung.component] += ((s / grown) ** 2).sum()
                if finer:
                    cross = slopes @ grown**-2.0
                    hessian[at, rung.component] += cross
                    hessian[rung.component, at] += cross
        return gradient, hessian

    def curvature(self, *_: Floats | None) -> Floats:
        """What second derivatives of M add to the Hessian: nothing, M is linear in variances."""
        return np.zeros((self.model.n_components, self.model.n_components))

    def inverse_trace(self) -> float:
        """Trace of M⁻¹."""
        return float(self.inverse.sum()) - sum(
            float(f @ rung.total(b * b))
            for rung, b, f in zip(self.model.rungs, self.vectors, self.weights, strict=True)
        )

    def level_precisions(self, component: int, codes: Ints) -> Floats:
        """1'M⁻¹1 over the rows of each level of a random intercept, (levels,).

        `codes` are the levels of the sorted rows.
        """
        n = int(codes.max()) + 1
        found = np.bincount(codes, self.inverse, minlength=n).astype(float)
        mine = next((r for r in self.model.rungs if r.component == component), None)
        for rung, b, f in zip(self.model.rungs, self.vectors, self.weights, strict=True):
            # of two nested groupings the finer one is where they meet
            if mine is None:
                found -= np.bincount(codes, rung.spread(f) * b**2, minlength=n)
                continue
            finer = rung if rung.starts.size > mine.starts.size else mine
            shared = rung.spread(f)[finer.starts] * finer.total(b) ** 2
            found -= np.bincount(codes[finer.starts], shared, minlength=n)
        return found

    def diagonal(self) -> Floats:
        """Marginal variances in sorted order, (k,)."""
        total = self.base_diagonal.copy()
        for rung, c in zip(self.model.rungs, self.multipliers, strict=True):
            total += c if rung.loading is None else c * rung.loading**2
        return total

    def block(self, rows: Ints) -> Floats:
        """M[rows][:, rows], rows counted in sorted order; a stack (m, n) gives (m, n, n)."""
        own = rows[..., :, None] == rows[..., None, :]
        matrix = np.where(own, self.base_diagonal[rows][..., None], 0.0)
        for rung, c in zip(self.model.rungs, self.multipliers, strict=True):
            group = np.searchsorted(rung.starts, rows, side="right")
            loading = np.ones(rows.shape) if rung.loading is None else rung.loading[rows]
            product = c * loading[..., :, None] * loading[..., None, :]
            matrix += np.where(group[..., :, None] == group[..., None, :], product, 0.0)
        return matrix

    def _solve(self, vectors: Floats, depth: int) -> Floats:
        solved = vectors * self.inverse
        scratch = np.empty_like(solved)
        for rung, b, f in zip(
            self.model.rungs[:depth], self.vectors[:depth], self.weights[:depth], strict=True
        ):
            np.multiply(vectors, b, out=scratch)
            np.multiply(rung.spread(f * rung.total(scratch)), b, out=scratch)
            solved -= scratch
        return solved

    def _finer_terms(self, depth: int) -> list[tuple[int, Rung | None]]:
        rows: list[tuple[int, Rung | None]] = [(c, None) for c in self.model.row_components]
        return rows + [
            (r.component, r) for r in self.model.rungs[:depth] if r.component is not None
        ]


def nested_model(
    base: Floats,
    terms: Sequence[tuple[Ints, Floats | None, int | None, float]],
) -> NestedModel | None:
    """The ladder of these terms, or None where they are not nested in one another.

    Parameters
    ----------
    base : (k,) diagonal that is not estimated
    terms : each with its (k,) group codes 0..G-1, loadings (None for ones), component (None where
        fixed) and fixed multiplier
    """
    k = base.size
    rows = tuple(c for codes, a, c, _ in terms if a is None and c is not None and _singles(codes))
    grouped = [t for t in terms if not (t[1] is None and t[2] is not None and _singles(t[0]))]
    grouped.sort(key=lambda term: int(term[0].max()))
    for (coarse, *_), (fine, *_) in pairwise(grouped):
        parent = np.zeros(int(fine.max()) + 1, dtype=np.intp)
        parent[fine] = coarse
        if not np.array_equal(parent[fine], coarse):
            return None
    keys = [term[0] for term in reversed(grouped)]
    order = np.lexsort(keys) if keys else np.arange(k)
    rungs = []
    for codes, loading, component, fixed in reversed(grouped):
        sorted_codes = codes[order]
        starts = np.flatnonzero(np.r_[True, sorted_codes[1:] != sorted_codes[:-1]])
        counts = np.diff(np.r_[starts, k])
        a = None if loading is None else loading[order]
        rungs.append(Rung(starts, counts, a, component, fixed))
    estimated = [c for _, _, c, _ in terms if c is not None]
    return NestedModel(order, base[order], rows, tuple(rungs), len(estimated))


def _singles(codes: Ints) -> bool:
    return int(codes.max()) + 1 == codes.size
