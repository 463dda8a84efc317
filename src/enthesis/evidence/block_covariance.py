"""Any random effects and block-diagonal V: dense blocks by size, low rank for what crosses them.

M = S + Z C Z'. S is block-diagonal: sampling covariance, correlated random effects, and intercepts
whose levels stay inside a block. Z holds the intercepts that cross blocks, C their variances, and
M⁻¹ = S⁻¹ − S⁻¹ Z R Z'S⁻¹ with R = C^½ (I + C^½ N C^½)⁻¹ C^½ and N = Z'S⁻¹Z. One evaluation costs
Σ n_b³ for blocks of n_b rows, plus L³ for L crossing levels; memory Σ n_b² + L².
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from enthesis.evidence.blocks import Batch, same_cluster

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from enthesis.evidence.random_terms import InnerOuter
    from enthesis.evidence.structures import Structure

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Correlated:
    """An inner | outer term and where its working parameters sit."""

    term: InnerOuter
    structure: Structure
    at: slice


@dataclass(frozen=True, slots=True)
class BlockModel:
    """What does not change while variances and correlations are estimated.

    Parameters
    ----------
    batches : rows of the blocks and their sampling covariance
    inside : intercepts within blocks, and their positions
    correlated : inner | outer terms
    crossing : (terms, k) level of each row in the intercepts that cross blocks, levels of
        different terms numbered on
    crossing_at : position of each of those
    levels : (terms + 1) first level of each, and the total
    n_components : working parameters in all
    """

    batches: tuple[Batch, ...]
    inside: tuple[tuple[int, Ints], ...]
    correlated: tuple[Correlated, ...]
    crossing: Ints
    crossing_at: tuple[int, ...]
    levels: Ints
    n_components: int

    def at(self, parameters: Floats) -> BlockCovariance | None:
        """The covariance at these parameters; None where it is not positive definite."""
        inverses, slopes, logdet = [], [], 0.0
        for batch in self.batches:
            matrices = self.block(batch.rows, batch.matrices, parameters)
            try:
                roots = np.linalg.cholesky(matrices)
            except np.linalg.LinAlgError:
                return None
            logdet += 2.0 * float(np.log(np.diagonal(roots, axis1=1, axis2=2)).sum())
            inverse = np.linalg.inv(matrices)
            inverses.append(0.5 * (inverse + inverse.transpose(0, 2, 1)))
            slopes.append(self.derivatives(batch.rows, parameters))
        total = int(self.levels[-1])
        low_rank = np.zeros((total, total))
        if total:
            spread = np.concatenate(
                [
                    np.full(after - first, max(parameters[at], 0.0))
                    for at, (first, after) in zip(
                        self.crossing_at, pairwise(self.levels), strict=True
                    )
                ]
            )
            root = np.sqrt(spread)
            inner = np.eye(total) + root[:, None] * self.scatter(inverses) * root
            logdet += float(np.linalg.slogdet(inner)[1])
            low_rank = root[:, None] * np.linalg.inv(inner) * root
        return BlockCovariance(self, parameters.copy(), inverses, slopes, low_rank, logdet)

    def block(self, rows: Ints, sampling: Floats, parameters: Floats) -> Floats:
        """The block-diagonal part of M, without the crossing intercepts, (B, n, n)."""
        matrices = sampling.copy()
        for at, codes in self.inside:
            matrices += parameters[at] * same_cluster(codes, rows)
        for part in self.correlated:
            a, b, together = _pairs(part.term, rows)
            matrices += together * part.structure.covariance(parameters[part.at], a, b)
        return matrices

    def derivatives(self, rows: Ints, parameters: Floats) -> dict[int, Floats]:
        """∂S in each parameter of the blocks, (B, n, n) each."""
        found = {at: same_cluster(codes, rows) for at, codes in self.inside}
        for part in self.correlated:
            a, b, together = _pairs(part.term, rows)
            slopes = part.structure.gradient(parameters[part.at], a, b)
            found |= {part.at.start + i: together * slope for i, slope in enumerate(slopes)}
        return found

    def scatter(self, matrices: Sequence[Floats]) -> Floats:
        """Z' B Z for a block-diagonal B given batch by batch, (L, L)."""
        total = int(self.levels[-1])
        result = np.zeros(total * total)
        for batch, values in zip(self.batches, matrices, strict=True):
            for a in self.crossing[:, batch.rows]:
                for b in self.crossing[:, batch.rows]:
                    at = a[:, :, None] * total + b[:, None, :]
                    result += np.bincount(at.ravel(), values.ravel(), minlength=total * total)
        return result.reshape(total, total)


@dataclass(frozen=True, slots=True)
class BlockCovariance:
    """M at one set of working parameters. Vectors are (m, k)."""

    model: BlockModel
    parameters: Floats
    inverses: Sequence[Floats]
    slopes: Sequence[dict[int, Floats]]
    low_rank: Floats
    log_determinant: float

    def solve(self, vectors: Floats) -> Floats:
        """M⁻¹ applied to each of the (m, k) vectors."""
        solved = self._solve_blocks(vectors)
        if self.low_rank.size:
            solved -= self._solve_blocks(self._spread(self._total(solved) @ self.low_rank))
        return solved

    def derivative_times(self, component: int, vectors: Floats) -> Floats:
        """∂M/∂θ applied to each of the (m, k) vectors."""
        model = self.model
        if component in model.crossing_at:
            codes = model.crossing[model.crossing_at.index(component)]
            return _group_sums(codes, vectors)[:, codes]
        for at, codes in model.inside:
            if at == component:
                return _group_sums(codes, vectors)[:, codes]
        result = np.zeros_like(vectors)
        for batch, slopes in zip(model.batches, self.slopes, strict=True):
            seen = vectors[:, batch.rows].transpose(1, 2, 0)
            result[:, batch.rows] = (slopes[component] @ seen).transpose(2, 0, 1)
        return result

    def logdet_derivatives(self) -> tuple[Floats, Floats]:
        """The vector tr(M⁻¹ D_j) and the matrix tr(M⁻¹ D_j M⁻¹ D_l)."""
        n = self.model.n_components
        gradient, pairs = np.zeros(n), np.zeros((n, n))
        crossed = bool(self.low_rank.size)
        turned: dict[int, list[Floats]] = {}
        for slopes, inverse in zip(self.slopes, self.inverses, strict=True):
            for at, slope in slopes.items():
                turned.setdefault(at, []).append(inverse @ slope)
        for j, mine in turned.items():
            gradient[j] = sum(float(np.trace(m, axis1=1, axis2=2).sum()) for m in mine)
            for i, theirs in turned.items():
                pairs[i, j] = sum(
                    float(np.sum(a * b.transpose(0, 2, 1)))
                    for a, b in zip(theirs, mine, strict=True)
                )
        if crossed:
            self._add_crossing(gradient, pairs, turned)
        return gradient, pairs

    def curvature(self, py: Floats, ux: Floats, inverse: Floats | None) -> Floats:
        """½ [tr(P ∂²M) − y'P ∂²M P y]; M⁻¹ for P in the trace where `inverse` is None."""
        model, n = self.model, self.model.n_components
        total = np.zeros((n, n))
        if not model.correlated:
            return total
        for batch, block_inverse in zip(model.batches, self.inverses, strict=True):
            rows = batch.rows
            weight = block_inverse - self._low_rank_block(rows, block_inverse)
            if inverse is not None:
                near = ux[:, rows]
                weight -= np.einsum("pbi,pq,qbj->bij", near, inverse, near)
            weight -= py[rows][:, :, None] * py[rows][:, None, :]
            for part in model.correlated:
                a, b, together = _pairs(part.term, rows)
                bent = part.structure.curvature(self.parameters[part.at], a, b)
                first = part.at.start
                for (i, j), values in bent.items():
                    amount = 0.5 * float(np.sum(weight * together * values))
                    total[first + i, first + j] += amount
                    if i != j:
                        total[first + j, first + i] += amount
        return total

    def inverse_trace(self) -> float:
        """Trace of M⁻¹."""
        trace = sum(float(np.trace(i, axis1=1, axis2=2).sum()) for i in self.inverses)
        if self.low_rank.size:
            squared = self.model.scatter([i @ i for i in self.inverses])
            trace -= float(np.sum(self.low_rank * squared))
        return trace

    def level_precisions(self, component: int, codes: Ints) -> Floats:
        """1'M⁻¹1 over the rows of each level of a random intercept, (levels,)."""
        model = self.model
        if component in model.crossing_at:
            at = model.crossing_at.index(component)
            span = slice(model.levels[at], model.levels[at + 1])
            N = model.scatter(self.inverses)
            return np.diag(N - N @ self.low_rank @ N)[span].copy()
        found = np.zeros(int(codes.max()) + 1)
        for batch, inverse in zip(model.batches, self.inverses, strict=True):
            marginal = inverse - self._low_rank_block(batch.rows, inverse)
            sums = (marginal * same_cluster(codes, batch.rows)).sum(axis=2)
            found += np.bincount(codes[batch.rows].ravel(), sums.ravel(), minlength=found.size)
        return found

    def correlated_effects(self, at: slice, py: Floats, ux: Floats, inverse: Floats) -> Floats:
        """Prediction and its error variance for the rows' effects of an inner | outer term, (2, k).

        Parameters
        ----------
        at : where the term's working parameters sit
        py, ux, inverse : P y, M⁻¹X transposed, and the covariance of the coefficients
        """
        part = next(p for p in self.model.correlated if p.at == at)
        found = np.empty((2, py.size))
        for batch, block_inverse in zip(self.model.batches, self.inverses, strict=True):
            rows = batch.rows
            a, b, together = _pairs(part.term, rows)
            K = together * part.structure.covariance(self.parameters[at], a, b)
            P = block_inverse - self._low_rank_block(rows, block_inverse)
            near = ux[:, rows]
            P -= np.einsum("pbi,pq,qbj->bij", near, inverse, near)
            found[0][rows] = (K @ py[rows][:, :, None])[:, :, 0]
            spared = np.diagonal(K - K @ P @ K, axis1=1, axis2=2)
            found[1][rows] = spared
        return found

    def diagonal(self) -> Floats:
        """Marginal variances, (k,)."""
        result = np.empty(sum(batch.rows.size for batch in self.model.batches))
        for batch in self.model.batches:
            matrices = self.model.block(batch.rows, batch.matrices, self.parameters)
            result[batch.rows] = np.diagonal(matrices, axis1=1, axis2=2)
        result += sum(self.parameters[at] for at in self.model.crossing_at)
        return result

    def block(self, rows: Ints) -> Floats:
        """M[rows][:, rows]; a stack (m, n) of rows gives (m, n, n)."""
        model = self.model
        matrix = np.zeros((*rows.shape, rows.shape[-1]))
        for batch in model.batches:
            seat = np.full(int(rows.max()) + 1, -1, dtype=np.intp)
            inside = batch.rows <= rows.max()
            flat = np.arange(batch.rows.size).reshape(batch.rows.shape)
            seat[batch.rows[inside]] = flat[inside]
            seated = seat[rows] >= 0
            if not seated.any():
                continue
            place, member = np.divmod(seat[rows], batch.rows.shape[1])
            used, home = np.unique(np.where(seated, place, place.max()), return_inverse=True)
            home = home.reshape(rows.shape)
            matrices = model.block(batch.rows[used], batch.matrices[used], self.parameters)
            values = matrices[home[..., :, None], member[..., :, None], member[..., None, :]]
            both = seated[..., :, None] & (place[..., :, None] == place[..., None, :])
            matrix = np.where(both, values, matrix)
        for codes, component in zip(model.crossing, model.crossing_at, strict=True):
            level = codes[rows]
            same = level[..., :, None] == level[..., None, :]
            matrix += self.parameters[component] * same
        return matrix

    def _add_crossing(
        self, gradient: Floats, pairs: Floats, turned: dict[int, list[Floats]]
    ) -> None:
        """What R adds to the traces, and the traces of the crossing intercepts themselves."""
        model, R = self.model, self.low_rank
        N = model.scatter(self.inverses)
        H = N - N @ R @ N
        kept = np.eye(R.shape[0]) - R @ N
        inner = {
            j: model.scatter([m @ s for m, s in zip(mine, self.inverses, strict=True)])
            for j, mine in turned.items()
        }
        for j, mine in turned.items():
            gradient[j] -= float(np.sum(R * inner[j]))
            for i, theirs in turned.items():
                between = model.scatter(
                    [a @ b @ s for a, b, s in zip(theirs, mine, self.inverses, strict=True)]
                )
                pairs[i, j] += float(
                    np.sum((R @ inner[i]) * (R @ inner[j]).T) - 2.0 * np.sum(R * between.T)
                )
        spans = [slice(first, after) for first, after in pairwise(model.levels)]
        for at, span in zip(model.crossing_at, spans, strict=True):
            gradient[at] = float(np.trace(H[span, span]))
            for other, other_span in zip(model.crossing_at, spans, strict=True):
                pairs[at, other] = float(np.sum(H[span, other_span] ** 2))
            for j in turned:
                across = kept[:, span].T @ inner[j] @ kept[:, span]
                pairs[at, j] = pairs[j, at] = float(np.trace(across))

    def _solve_blocks(self, vectors: Floats) -> Floats:
        solved = np.empty_like(vectors)
        for batch, inverse in zip(self.model.batches, self.inverses, strict=True):
            seen = vectors[:, batch.rows].transpose(1, 2, 0)
            solved[:, batch.rows] = (inverse @ seen).transpose(2, 0, 1)
        return solved

    def _low_rank_block(self, rows: Ints, inverse: Floats) -> Floats:
        """S⁻¹ Z R Z'S⁻¹ within each block, (B, n, n)."""
        if not self.low_rank.size:
            return np.zeros_like(inverse)
        shared = np.zeros_like(inverse)
        for a in self.model.crossing[:, rows]:
            for b in self.model.crossing[:, rows]:
                shared += self.low_rank[a[:, :, None], b[:, None, :]]
        return inverse @ shared @ inverse

    def _total(self, vectors: Floats) -> Floats:
        """Z' times each vector, (m, L)."""
        total = int(self.model.levels[-1])
        result = np.zeros((vectors.shape[0], total))
        for codes in self.model.crossing:
            for m, vector in enumerate(vectors):
                result[m] += np.bincount(codes, vector, minlength=total)
        return result

    def _spread(self, values: Floats) -> Floats:
        """Z times each vector, (m, k)."""
        spread: Floats = values[:, self.model.crossing].sum(axis=1)
        return spread


def _pairs(term: InnerOuter, rows: Ints) -> tuple[Ints, Ints, Floats]:
    inner = term.inner[rows]
    return inner[:, :, None], inner[:, None, :], same_cluster(term.outer, rows)


def _group_sums(codes: Ints, vectors: Floats) -> Floats:
    n = int(codes.max()) + 1
    return np.stack([np.bincount(codes, vector, minlength=n) for vector in vectors])
