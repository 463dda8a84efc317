"""What a multilevel model answers once its variances are known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from enthesis.evidence.fit import VarianceComponent
from enthesis.evidence.tails import chi2_p, f_p

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.multilevel_likelihood import WorkingCovariance
    from enthesis.evidence.multilevel_model import MultilevelModel

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Marginal:
    """M in the order of the table, for whoever works with a fit."""

    working: WorkingCovariance
    order: Ints
    place: Ints

    def solve(self, rhs: Floats) -> Floats:
        """M⁻¹ rhs; rhs is (k,) or (k, m)."""
        vectors = np.atleast_2d(rhs.T)[:, self.order]
        solved = self.working.solve(np.ascontiguousarray(vectors))[:, self.place]
        return solved[0] if rhs.ndim == 1 else solved.T

    def logdet(self) -> float:
        """Log-determinant of M."""
        return self.working.log_determinant

    def diagonal(self) -> Floats:
        """Marginal variance of each effect, (k,)."""
        return self.working.diagonal()[self.place]

    def dense(self, rows: Ints) -> Floats:
        """The sub-matrix M[rows][:, rows], (n, n)."""
        return self.working.block(self.place[rows])


def marginal(model: MultilevelModel, parameters: Floats) -> Marginal | None:
    """M at these parameters, in the order of the table; None where not positive definite."""
    working = model.covariance(parameters)
    if working is None:
        return None
    place = np.empty_like(model.order)
    place[model.order] = np.arange(model.order.size)
    return Marginal(working, model.order, place)


def components(
    model: MultilevelModel, at: Floats, information: Floats
) -> tuple[VarianceComponent, ...]:
    """Every variance and correlation, with its standard error from the expected information."""
    names, values, correlations, slopes = model.natural(at)
    errors = np.full(values.size, np.nan)
    free = model.estimated
    if free.any() and np.isfinite(slopes).all():
        inner = slopes[np.ix_(free, free)]
        try:
            covariance = inner @ np.linalg.inv(information[np.ix_(free, free)]) @ inner.T
            variances = np.diag(covariance)
            errors[free] = np.sqrt(np.where(variances > 0.0, variances, np.nan))
        except np.linalg.LinAlgError:
            pass  # parameters that the data do not identify have no standard error
    levels = [term.n_levels for term in model.intercepts]
    for part in model.correlated:
        levels += [len(part.term.outer_labels)] * (part.at.stop - part.at.start)
    return tuple(
        VarianceComponent(
            name=name,
            value=float(value),
            n_levels=n,
            std_error=float(error),
            fixed=not is_free,
            kind="correlation" if correlation else "variance",
        )
        for name, value, n, error, is_free, correlation in zip(
            names, values, levels, errors, free, correlations, strict=True
        )
    )


def contained_df(model: MultilevelModel) -> Floats:
    """Levels of the coarsest factor that contains each column, minus p, and at least 1."""
    k, p = model.design.shape
    df = np.full(p, float(k))
    factors = [(t.codes, t.n_levels) for t in model.intercepts]
    for t in model.inner_outer:
        cells = np.unique(t.outer * len(t.labels) + t.inner, return_inverse=True)[1]
        factors += [(t.outer, len(t.outer_labels)), (cells, int(cells.max()) + 1)]
    for codes, n in factors:
        order = np.argsort(codes, kind="stable")
        starts = np.flatnonzero(np.diff(codes[order], prepend=-1))
        columns = model.design[order]
        least = np.minimum.reduceat(columns, starts, axis=0)
        most = np.maximum.reduceat(columns, starts, axis=0)
        contained = (least == most).all(axis=0)
        df[contained] = np.minimum(df[contained], n)
    freedom: Floats = np.maximum(df - p, 1.0)
    return freedom


def omnibus(
    intercept: int | None, coefficients: Floats, covariance: Floats, df: Floats
) -> tuple[float, tuple[float, float], float]:
    """Wald test of all coefficients but the intercept; of the intercept where it is alone."""
    tested = [j for j in range(coefficients.size) if j != intercept] or [0]
    b = coefficients[tested]
    qm = float(b @ np.linalg.solve(covariance[np.ix_(tested, tested)], b))
    m, least = len(tested), float(df[tested].min())
    if np.isinf(least):
        return qm, (float(m), np.inf), chi2_p(qm, m)
    return qm / m, (float(m), least), f_p(qm / m, m, least)


def q_and_typical_variance(model: MultilevelModel, sampling: Marginal) -> tuple[float, float]:
    """Cochran's Q with W = V⁻¹, and (k − p) / tr P."""
    x, y = model.design, model.effects
    k, p = x.shape
    solved = sampling.solve(np.column_stack([x, y]))
    ux, uy = solved[:, :p], solved[:, p]
    inverse = np.linalg.inv(x.T @ ux)
    q = float(y @ uy - (ux.T @ y) @ inverse @ (ux.T @ y))
    residuals = y - x @ (inverse @ (ux.T @ y))
    q = float(residuals @ sampling.solve(residuals))
    trace = sampling.working.inverse_trace() - float(np.sum(inverse * (ux.T @ ux)))
    return q, (k - p) / trace


def heterogeneity(model: MultilevelModel, at: Floats) -> tuple[float, bool]:
    """Sum of the variances that every effect has; NaN where it differs between inner levels."""
    total = float(at[: len(model.intercepts)].sum())
    unequal = False
    for part in model.correlated:
        _, values, kinds = part.structure.reported(at[part.at])
        variances = [v for v, correlation in zip(values, kinds, strict=True) if not correlation]
        unequal |= len(variances) > 1
        total += variances[0]
    return (float("nan") if unequal else total), unequal
