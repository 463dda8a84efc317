"""A multilevel model apart from its answer: data, covariance, parameters, and their estimation."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.block_choice import block_model
from enthesis.evidence.block_covariance import Correlated
from enthesis.evidence.multilevel_likelihood import (
    Evaluation,
    GeneralisedLeastSquares,
    WorkingCovariance,
    evaluate,
    least_squares,
)
from enthesis.evidence.nested_covariance import NestedModel, nested_model
from enthesis.evidence.random_terms import InnerOuter, Intercepts
from enthesis.evidence.sampling_blocks import SamplingCovariance, indefinite
from enthesis.evidence.scoring import Optimum, maximise
from enthesis.evidence.structures import structure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from enthesis.evidence.block_covariance import BlockModel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]
    Mask = NDArray[np.bool_]

START_SHARES = {1: (0.0, 0.03, 0.3, 1.0, 3.0), 2: (0.0, 0.1, 0.8), 3: (0.0, 0.3, 1.0)}
"""Starting variances, as shares of the raw heterogeneity, tried in every combination: the highest
wins, so that of two modes the higher one is found. With more components, equal shares or none."""

START_CORRELATIONS, START_SIZES = (0.5, -0.3, 0.95), (0.1, 0.5, 1.5)
"""Likelihoods of correlations have several modes: each start is climbed, the highest kept."""

UNIMODAL = 10_000
"""With more effects than this the likelihood is as good as quadratic and any start will do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MultilevelModel:
    """Everything that fixes the likelihood.

    Parameters
    ----------
    effects : (k,)
    design : (k, p)
    sampling : V, by blocks or as its diagonal
    intercepts : random intercepts
    inner_outer, structs : correlated random effects and the structure of each
    fixed : variances of intercepts that are given, by name
    absorbed : intercepts whose levels the coefficients tell apart already
    restricted : REML rather than ML
    engine : what computes with M
    x, y : design transposed (p, k) and effects (k,), in the engine's order
    gram_logdet : log|X'X| for REML, None for ML
    correlated : the correlated effects and where their parameters sit
    lower, upper, scale : of every working parameter; variances of intercepts come first
    estimated : which are estimated
    """

    effects: Floats
    design: Floats
    sampling: SamplingCovariance | Floats
    intercepts: tuple[Intercepts, ...]
    inner_outer: tuple[InnerOuter, ...]
    structs: tuple[str, ...]
    fixed: dict[str, float]
    absorbed: tuple[str, ...]
    restricted: bool
    engine: NestedModel | BlockModel
    x: Floats
    y: Floats
    gram_logdet: float | None
    correlated: tuple[Correlated, ...]
    lower: Floats
    upper: Floats
    scale: Floats
    estimated: Mask

    @property
    def order(self) -> Ints:
        """Rows as the engine keeps them, (k,)."""
        if isinstance(self.engine, NestedModel):
            return self.engine.order
        return np.arange(self.effects.size)

    def covariance(self, parameters: Floats) -> WorkingCovariance | None:
        """M, rows in the engine's order; None where it is not positive definite."""
        return self.engine.at(parameters)

    def least_squares(self, parameters: Floats) -> GeneralisedLeastSquares | None:
        """Coefficients and log-likelihood, None where M is not positive definite."""
        working = self.engine.at(parameters)
        if working is None:
            return None
        return least_squares(working, self.x, self.y, gram_logdet=self.gram_logdet)

    def evaluate(self, parameters: Floats) -> Evaluation | None:
        """Log-likelihood with derivatives, None where M is not positive definite."""
        working = self.engine.at(parameters)
        if working is None:
            return None
        return evaluate(working, self.x, self.y, gram_logdet=self.gram_logdet)

    def maximise(
        self,
        *,
        start: Floats | None = None,
        held: Ints | None = None,
        tie: Floats | None = None,
    ) -> Optimum:
        """The maximum of the likelihood.

        Parameters
        ----------
        start : working parameters to begin from; by default the best of a coarse grid, and with
            correlated effects the best for each of several correlations
        held : parameters to keep at their start besides those that are fixed
        tie : matrix that turns the point that moves into working parameters, where some of these
            depend on others
        """
        free = self.estimated.copy()
        if held is not None:
            free[held] = False
        optima: list[Optimum] = []
        failures: list[ConvergenceError] = []
        for begin in self.starts() if start is None else [start]:
            try:
                found = maximise(
                    self.evaluate if tie is None else partial(self._evaluate_tied, tie),
                    begin,
                    lower=self.lower,
                    upper=self.upper,
                    scale=self.scale,
                    free=free,
                    n_effects=self.y.size,
                )
            except ConvergenceError as failure:
                failures.append(failure)
            else:
                optima.append(found)
        best = max(optima, key=lambda optimum: optimum.evaluation.value, default=None)
        for missed in failures:
            if best is None or missed.trace[-1] > best.evaluation.value:
                raise missed
        assert best is not None
        return best

    def with_inner_outer(self, terms: tuple[InnerOuter, ...]) -> MultilevelModel:
        """The same model with its inner | outer terms written in another way."""
        return multilevel_model(
            effects=self.effects,
            design=self.design,
            sampling=self.sampling,
            intercepts=self.intercepts,
            inner_outer=terms,
            structs=self.structs,
            fixed=self.fixed,
            restricted=self.restricted,
        )

    def _evaluate_tied(self, tie: Floats, point: Floats) -> Evaluation | None:
        at = self.evaluate(tie @ point)
        if at is None:
            return None
        return Evaluation(
            at.value, tie.T @ at.score, tie.T @ at.expected @ tie, tie.T @ at.observed @ tie
        )

    def starts(self) -> list[Floats]:
        """The best of a coarse grid of variances, for each starting correlation."""
        free = np.flatnonzero(self.estimated[: len(self.intercepts)])
        grid = [(1.0 / max(free.size, 1),) * free.size]
        if self.effects.size <= UNIMODAL:
            grid += product(START_SHARES.get(free.size, (0.0,)), repeat=free.size)
        heterogeneity = _heterogeneity(self)
        found = []
        for correlation in START_CORRELATIONS if self.correlated else (0.0,):
            best, highest = None, -np.inf
            for share in grid:
                for size in START_SIZES if self.correlated else (0.0,):
                    candidate = self.start_fixed()
                    candidate[free] = np.array(share) * heterogeneity
                    for part in self.correlated:
                        candidate[part.at] = part.structure.start(size * heterogeneity, correlation)
                    at = self.least_squares(candidate)
                    if at is not None and at.value > highest:
                        best, highest = candidate, at.value
            if best is not None:
                found.append(best)
        if not found:
            raise ConvergenceError(
                "no starting variance gives a positive definite covariance; check V"
            )
        return found if self.effects.size <= UNIMODAL else found[:1]

    def start_fixed(self) -> Floats:
        """Fixed variances at their place, zeros elsewhere."""
        base = np.zeros_like(self.scale)
        base[: len(self.intercepts)] = [self.fixed.get(t.name, 0.0) for t in self.intercepts]
        return base

    def natural(self, parameters: Floats) -> tuple[list[str], Floats, list[bool], Floats]:
        """Names, values, which are correlations, and the derivative in the working parameters."""
        n = len(self.intercepts)
        names = [term.name for term in self.intercepts]
        values, correlations = [parameters[:n]], [False] * n
        slopes = np.eye(parameters.size)
        several = len(self.correlated) > 1
        for part in self.correlated:
            mine = parameters[part.at]
            own, value, kinds = part.structure.reported(mine)
            names += [f"{name} ({part.term.name})" if several else name for name in own]
            values.append(value)
            correlations += kinds
            slopes[part.at, part.at] = part.structure.jacobian(mine)
        return names, np.concatenate(values), correlations, slopes

    def take(self, rows: Ints) -> MultilevelModel:
        """The same model of some of the rows."""
        return multilevel_model(
            effects=self.effects[rows],
            design=self.design[rows],
            sampling=self.sampling[rows]
            if isinstance(self.sampling, np.ndarray)
            else self.sampling.take(rows),
            intercepts=tuple(term.take(rows) for term in self.intercepts),
            inner_outer=tuple(term.take(rows) for term in self.inner_outer),
            structs=self.structs,
            fixed=self.fixed,
            restricted=self.restricted,
        )


def multilevel_model(
    *,
    effects: Floats,
    design: Floats,
    sampling: SamplingCovariance | Floats,
    intercepts: tuple[Intercepts, ...],
    inner_outer: tuple[InnerOuter, ...],
    structs: Sequence[str],
    fixed: dict[str, float],
    restricted: bool,
) -> MultilevelModel:
    """The model of these data; parameters as in `MultilevelModel`.

    Raises
    ------
    InputError : V is not positive definite.
    """
    if isinstance(sampling, SamplingCovariance) and (bad := indefinite(sampling)):
        raise InputError(
            f"V is not positive definite in {len(bad)} block(s), first {bad[0]!r}: lower the "
            "correlations, or ask sampling_covariance for the nearest matrix that is"
        )
    absorbed = tuple(
        term.name
        for term in intercepts
        if term.n_levels == 1 or (restricted and _absorbed(term, design))
    )
    fixed = dict.fromkeys(absorbed, 0.0) | fixed
    n = len(intercepts)
    correlated, at = [], n
    for term, kind in zip(inner_outer, structs, strict=True):
        shape = structure(term, kind)
        correlated.append(Correlated(term, shape, slice(at, at + shape.lower.size)))
        at += shape.lower.size
    engine: NestedModel | BlockModel | None = None
    if not correlated:
        engine = _nested(sampling, intercepts)
    if engine is None:
        engine = block_model(sampling, list(enumerate(intercepts)), correlated, at)
    order = engine.order if isinstance(engine, NestedModel) else None
    spread = _spread(effects, design)
    scale = [np.full(n, spread), *(part.structure.scale(spread) for part in correlated)]
    lower = [np.zeros(n), *(part.structure.lower for part in correlated)]
    upper = [np.full(n, np.inf), *(part.structure.upper for part in correlated)]
    estimated = np.ones(at, dtype=bool)
    estimated[:n] = [term.name not in fixed for term in intercepts]
    return MultilevelModel(
        effects=effects,
        design=design,
        sampling=sampling,
        intercepts=intercepts,
        inner_outer=inner_outer,
        structs=tuple(structs),
        fixed=fixed,
        absorbed=absorbed,
        restricted=restricted,
        engine=engine,
        x=np.ascontiguousarray(design.T if order is None else design.T[:, order]),
        y=effects if order is None else effects[order],
        gram_logdet=float(np.linalg.slogdet(design.T @ design)[1]) if restricted else None,
        correlated=tuple(correlated),
        lower=np.concatenate(lower),
        upper=np.concatenate(upper),
        scale=np.concatenate(scale),
        estimated=estimated,
    )


def _nested(
    sampling: SamplingCovariance | Floats, intercepts: Sequence[Intercepts]
) -> NestedModel | None:
    """The closed form, where V is diagonal or constantly correlated and all levels are nested."""
    terms: list[tuple[Ints, Floats | None, int | None, float]] = [
        (term.codes, None, at, 0.0) for at, term in enumerate(intercepts)
    ]
    if isinstance(sampling, np.ndarray):
        return nested_model(sampling, terms)
    rho = sampling.correlation
    if rho is None:
        return None
    if rho == 0.0:
        return nested_model(sampling.variances, terms)
    loading = np.sqrt(sampling.variances)
    terms.append((sampling.clusters, loading, None, rho))
    return nested_model((1.0 - rho) * sampling.variances, terms)


def _absorbed(term: Intercepts, design: Floats) -> bool:
    """Every level of a random intercept is a combination of the coefficients' columns.

    Such as of a factor that is a moderator as well: the restricted likelihood is then the same at
    every variance.
    """
    if term.n_levels > design.shape[1]:
        return False
    basis = np.linalg.qr(design)[0]
    sums = np.stack([np.bincount(term.codes, weights=column) for column in basis.T])
    within = np.sum(sums**2, axis=0)
    return bool(np.allclose(within, np.bincount(term.codes), rtol=1e-9, atol=0.0))


def _spread(effects: Floats, design: Floats) -> float:
    """Residual variance of ordinary least squares; the effects' own size where that is zero."""
    k, p = design.shape
    residuals = effects - design @ np.linalg.lstsq(design, effects, rcond=None)[0]
    spread = float(residuals @ residuals) / max(k - p, 1)
    return spread if spread > 0.0 else max(float(np.mean(effects**2)), 1e-300)


def _heterogeneity(model: MultilevelModel) -> float:
    """Residual variance beyond sampling error, and never less than a hundredth of it."""
    sampling = model.sampling
    variances = sampling if isinstance(sampling, np.ndarray) else sampling.variances
    typical = 1.0 / float(np.mean(1.0 / variances))
    spread = _spread(model.effects, model.design)
    return max(spread - typical, 0.01 * spread)
