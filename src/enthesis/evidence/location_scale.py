"""Meta-regression of the mean and of the heterogeneity: log τ²ᵢ is linear in moderators too.

References
----------
Viechtbauer W, López-López JA 2022, doi:10.1002/jrsm.1562
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.design import Design, build
from enthesis.evidence.likelihood import likelihood
from enthesis.evidence.marginal import Diagonal
from enthesis.evidence.printing import plain
from enthesis.evidence.projection import Projection, problem
from enthesis.evidence.tails import chi2_p, critical_value, two_sided_p
from enthesis.evidence.tau2 import estimate

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

MAX_ITERATIONS = 100
SETTLED = 1e-9
"""Largest change of log τ² at any effect that counts as converged."""

DIFFERENCE = 1e-4
"""Step of the central difference of the analytic score; its error is of the order of 1e-8."""

TALLEST_STEP = 3.0
"""A step may change log τ² by this much at most; the likelihood is flat far from its mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationScale:
    """A location-scale model.

    Parameters
    ----------
    names, coefficients, covariance : of the mean, (p,) and (p, p)
    scale_names, scale_coefficients, scale_covariance : of log τ², (q,) and (q, q)
    tau2 : (k,) of every effect
    qm, qm_df, qm_p : omnibus test of the moderators of the mean
    qs, qs_df, qs_p : omnibus test of the moderators of log τ²; NaN with an intercept alone
    log_likelihood, aic, bic, aicc, n_parameters : under `method`
    method, level, k : as asked
    notes : what a careful reader should know
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    scale_names: tuple[str, ...]
    scale_coefficients: Floats
    scale_covariance: Floats
    tau2: Floats
    qm: float
    qm_df: int
    qm_p: float
    qs: float
    qs_df: int
    qs_p: float
    log_likelihood: float
    aic: float
    bic: float
    aicc: float
    n_parameters: int
    method: str
    level: float
    k: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient, those of the mean first."""
        parts = (
            ("location", self.names, self.coefficients, self.covariance),
            ("scale", self.scale_names, self.scale_coefficients, self.scale_covariance),
        )
        tables = []
        for part, names, estimates, covariance in parts:
            errors = np.sqrt(np.diag(covariance))
            reach = float(critical_value(self.level)) * errors
            table = pd.DataFrame({"part": part, "coefficient": names, "estimate": estimates})
            table["std_error"] = errors
            table["statistic"] = estimates / errors
            table["p_value"] = two_sided_p(estimates / errors)
            table["ci_lower"], table["ci_upper"] = estimates - reach, estimates + reach
            tables.append(table)
        return pd.concat(tables).set_index(["part", "coefficient"])

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON."""
        names = ("qm", "qm_df", "qm_p", "qs", "qs_df", "qs_p", "log_likelihood", "aic", "bic")
        answer: dict[str, Any] = {name: getattr(self, name) for name in names}
        answer["table"] = self.to_frame().reset_index().to_dict(orient="records")
        answer |= {"method": self.method, "level": self.level, "k": self.k}
        plain_answer: dict[str, Any] = plain({**answer, "notes": self.notes})
        return plain_answer


def location_scale(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    scale: str,
    method: Literal["REML", "ML"] = "REML",
    level: float = 0.95,
    yi: str = "yi",
    vi: str = "vi",
) -> LocationScale:
    """Meta-regression in which the heterogeneity depends on moderators as well.

    Parameters
    ----------
    effects : a row per independent effect
    mods : formula of the mean
    scale : formula of log τ², "~ modality"
    method : "REML" or "ML"
    level : confidence level, 0 to 1
    yi, vi : columns of the effects and of their sampling variances

    Returns
    -------
    z tests of both parts; the scale's covariance is the inverse of the observed information.

    Raises
    ------
    InputError : unusable data or formulas, see `pool`.
    ConvergenceError : no interior maximum, as where τ² is zero for some value of the moderators.
    """
    if method not in ("REML", "ML"):
        raise InputError(f"a location-scale model is fitted by 'REML' or 'ML'; got {method!r}")
    line = build(effects, mods, yi=yi, vi=vi)
    spread = build(line.data, scale, yi=yi, vi=vi)
    if len(spread.data) < len(line.data):
        line = build(spread.data, mods, yi=yi, vi=vi)
    basis, triangle = np.linalg.qr(spread.matrix)
    model = _Model(line, np.asarray(basis, dtype=float), method)
    gamma, hessian = _maximum(model)
    back = np.linalg.inv(triangle)
    alpha, spread_covariance = back @ gamma, back @ np.linalg.inv(-hessian) @ back.T
    tau2 = model.tau2(gamma)
    at = Projection(line.effects, model.columns, 1.0 / (line.variances + tau2))
    to_units = np.linalg.inv(model.triangle)
    coefficients, covariance = to_units @ at.coefficients, to_units @ at.inverse @ to_units.T
    found = likelihood(
        line.effects,
        line.matrix,
        Diagonal(line.variances + tau2),
        Diagonal(line.variances),
        n_parameters=len(coefficients) + len(alpha),
        kind=method,
    )
    qm, qm_df = _wald(coefficients, covariance, line.intercept)
    qs, qs_df = _wald(alpha, spread_covariance, spread.intercept)
    dropped = len(effects) - len(line.data)
    return LocationScale(
        names=line.names,
        coefficients=coefficients,
        covariance=covariance,
        scale_names=spread.names,
        scale_coefficients=alpha,
        scale_covariance=spread_covariance,
        tau2=tau2,
        qm=qm,
        qm_df=qm_df,
        qm_p=chi2_p(qm, qm_df),
        qs=qs if len(alpha) > 1 else float("nan"),
        qs_df=qs_df if len(alpha) > 1 else 0,
        qs_p=chi2_p(qs, qs_df) if len(alpha) > 1 else float("nan"),
        log_likelihood=found.log_likelihood,
        aic=found.aic,
        bic=found.bic,
        aicc=found.aicc,
        n_parameters=found.n_parameters,
        method=method,
        level=level,
        k=len(line.effects),
        notes=(f"{dropped} of {len(effects)} rows with missing values left out",)
        if dropped
        else (),
    )


class _Model:
    """The likelihood in the coefficients of an orthonormal basis of the scale's design."""

    def __init__(self, line: Design, basis: Floats, method: str) -> None:
        data = problem(line.effects, line.variances, line.matrix)
        self.y, self.v = line.effects, line.variances
        self.columns, self.triangle = data.basis, data.triangle
        self.basis = basis
        self.method = method
        typical = data.df / data.at_zero.trace if data.df else float(np.median(self.v))
        start = max(estimate(data, "REML").value, 0.05 * typical)
        self.start = basis.T @ np.full(len(self.y), np.log(start))

    def tau2(self, gamma: Floats) -> Floats:
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(self.basis @ gamma))

    def height(self, gamma: Floats) -> float:
        at = Projection(self.y, self.columns, 1.0 / (self.v + self.tau2(gamma)))
        value = float(np.log(at.weights).sum()) - at.q
        if self.method == "REML":
            value += float(np.linalg.slogdet(at.inverse)[1])
        return 0.5 * value

    def score(self, gamma: Floats) -> Floats:
        """Σ ½ (u² − Pᵢᵢ) τ²ᵢ zᵢ, with u = w r."""
        tau2 = self.tau2(gamma)
        at = Projection(self.y, self.columns, 1.0 / (self.v + tau2))
        diagonal = at.weights
        if self.method == "REML":
            hat = np.einsum("pk,pq,qk->k", self.columns, at.inverse, self.columns)
            diagonal = at.weights - at.weights**2 * hat
        slopes: Floats = 0.5 * ((at.weights * at.residuals) ** 2 - diagonal) * tau2
        return self.basis.T @ slopes

    def hessian(self, gamma: Floats) -> Floats:
        steps = DIFFERENCE * np.eye(len(gamma))
        rows = [(self.score(gamma + s) - self.score(gamma - s)) / (2.0 * DIFFERENCE) for s in steps]
        hessian = np.array(rows)
        return 0.5 * (hessian + hessian.T)


def _maximum(model: _Model) -> tuple[Floats, Floats]:
    """Newton's method with halved steps; where the surface is not concave, along its slope."""
    gamma, height = model.start, model.height(model.start)
    trace = [height]
    for _ in range(MAX_ITERATIONS):
        slope, hessian = model.score(gamma), model.hessian(gamma)
        values, vectors = np.linalg.eigh(-hessian)
        # Curvatures of the wrong sign count by their size: uphill stays uphill.
        step = vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), 1e-6))
        reach = float(np.abs(model.basis @ step).max())
        step *= min(1.0, TALLEST_STEP / reach) if reach > 0.0 else 1.0
        while reach > SETTLED and model.height(gamma + step) < height - 1e-12:
            step, reach = 0.5 * step, 0.5 * reach
        gamma = gamma + step
        height = model.height(gamma)
        trace.append(height)
        if reach <= SETTLED and values.min() > 0.0:
            return gamma, model.hessian(gamma)
    raise ConvergenceError(
        f"the location-scale model did not settle in {MAX_ITERATIONS} steps; tau2 may be zero for "
        "some value of the scale moderators, so use fewer of them",
        trace=trace,
    )


def _wald(estimates: Floats, covariance: Floats, intercept: int | None) -> tuple[float, int]:
    alone = len(estimates) == 1
    tested = [j for j in range(len(estimates)) if alone or j != intercept]
    b, block = estimates[tested], covariance[np.ix_(tested, tested)]
    return float(b @ np.linalg.solve(block, b)), len(tested)
