"""Meta-regression of dependent effects with approximate weights: the CORR and HIER models."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence import printing
from enthesis.evidence.clusters import Clusters, cluster_codes
from enthesis.evidence.design import build
from enthesis.evidence.robust import RobustFit, inference
from enthesis.evidence.sandwich import sandwich

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

RHO_GRID = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Correlations that a sensitivity analysis goes through; robumeta's grid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DependentEffectsFit(RobustFit):
    """Robust meta-regression with its moment estimates of heterogeneity.

    Parameters
    ----------
    tau2 : variance of the true effects between studies
    omega2 : variance of the true effects within a study; NaN in the correlated-effects model
    rho : assumed correlation of sampling errors within a study; NaN in the hierarchical model
    i2 : percent of the variability that is heterogeneity; NaN in the hierarchical model
    weights : (k,) weight of each effect
    """

    tau2: float
    omega2: float
    rho: float
    i2: float
    weights: Floats

    def _sizes(self) -> str:
        parts = [f"tau^2 = {printing.number(self.tau2)}"]
        if np.isfinite(self.rho):
            parts += [f"I^2 = {printing.number(self.i2, 2)}%", f"rho = {self.rho:g}"]
        else:
            parts += [f"omega^2 = {printing.number(self.omega2)}"]
        return f"{RobustFit._sizes(self)}\n{', '.join(parts)}"


def correlated_effects(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    study: str | ArrayLike | pd.Series,
    rho: float = 0.8,
    small: bool = True,
    level: float = 0.95,
    yi: str = "yi",
    vi: str = "vi",
) -> DependentEffectsFit:
    """Meta-regression of effects whose sampling errors correlate within studies (robumeta CORR).

    Parameters
    ----------
    effects : a row per effect
    mods : formula of the moderators, such as "~ outcome + mean_age"
    study : the studies: a column name, or one value per row
    rho : assumed common correlation of sampling errors within a study; it enters only the moment
        estimate of tau²
    small : CR2 adjustment with Satterthwaite degrees of freedom; without it the large-sample
        J/(J - p) factor and J - p degrees of freedom
    level : confidence level
    yi, vi : columns of effects and sampling variances

    Raises
    ------
    InputError : rho outside 0..1, unusable effects, or a single study.

    Notes
    -----
    Each effect of study j weighs 1 / (k_j (v̄_j + tau²)), so that a study does not gain by
    reporting more effects.

    References
    ----------
    Hedges, Tipton & Johnson (2010) doi:10.1002/jrsm.5; Tipton (2015) doi:10.1037/met0000011.
    """
    data = _Data.read(effects, mods, study, yi, vi)
    tau2, i2 = _correlated_moments(data, rho)
    weights = 1 / (data.clusters.sizes * (data.mean_variance + tau2))[data.clusters.codes]
    return _fit(
        data,
        weights,
        model="Correlated-effects model",
        small=small,
        level=level,
        tau2=tau2,
        omega2=float("nan"),
        rho=rho,
        i2=i2,
    )


def hierarchical_effects(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    study: str | ArrayLike | pd.Series,
    small: bool = True,
    level: float = 0.95,
    yi: str = "yi",
    vi: str = "vi",
) -> DependentEffectsFit:
    """Meta-regression of independent effects whose true values cluster (robumeta HIER).

    Parameters
    ----------
    effects, mods, study, small, level, yi, vi : as in `correlated_effects`; `study` may be a
        laboratory or any other cluster of independent samples

    Notes
    -----
    An effect weighs 1 / (v + tau² + omega²). A negative moment estimate of omega² is set to 0
    before tau² is solved for.

    References
    ----------
    Hedges, Tipton & Johnson (2010) doi:10.1002/jrsm.5.
    """
    data = _Data.read(effects, mods, study, yi, vi)
    tau2, omega2 = _hierarchical_moments(data)
    return _fit(
        data,
        1 / (data.v + tau2 + omega2),
        model="Hierarchical-effects model",
        small=small,
        level=level,
        tau2=tau2,
        omega2=omega2,
        rho=float("nan"),
        i2=float("nan"),
    )


def rho_sensitivity(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    study: str | ArrayLike | pd.Series,
    rhos: Sequence[float] = RHO_GRID,
    small: bool = True,
    level: float = 0.95,
    yi: str = "yi",
    vi: str = "vi",
) -> pd.DataFrame:
    """How the correlated-effects model changes with the assumed correlation.

    Returns
    -------
    A row per rho and coefficient: tau2, i2, and the columns of `RobustFit.to_frame`.

    References
    ----------
    Fisher & Tipton (2015) arXiv:1503.02220.
    """
    tables = {}
    for rho in rhos:
        fit = correlated_effects(
            effects, mods, study=study, rho=rho, small=small, level=level, yi=yi, vi=vi
        )
        table = fit.to_frame()
        table.insert(0, "i2", fit.i2)
        table.insert(0, "tau2", fit.tau2)
        tables[float(rho)] = table
    return pd.concat(tables, names=["rho"])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Data:
    """Design, effects and studies, all rows usable."""

    names: tuple[str, ...]
    X: Floats
    y: Floats
    v: Floats
    clusters: Clusters
    study: str
    notes: tuple[str, ...]

    @classmethod
    def read(
        cls,
        effects: pd.DataFrame,
        mods: str | None,
        study: str | ArrayLike | pd.Series,
        yi: str,
        vi: str,
    ) -> _Data:
        needed = (study,) if isinstance(study, str) else ()
        design = build(effects, mods, yi=yi, vi=vi, needed=needed)
        if not isinstance(study, str | pd.Series) and np.shape(study) == (len(effects),):
            study = np.asarray(study)[design.rows]
        codes, label = cluster_codes(design.data, study)
        return cls(
            names=design.names,
            X=design.matrix,
            y=design.effects,
            v=design.variances,
            clusters=Clusters(codes),
            study=label,
            notes=design.notes,
        )

    @property
    def mean_variance(self) -> Floats:
        """Mean sampling variance of each study, (J,)."""
        return self.by_study(self.v[:, None])[:, 0] / self.clusters.sizes

    def by_study(self, columns: Floats) -> Floats:
        """Sum of each column over the effects of each study, (J, m)."""
        codes, n = self.clusters.codes, self.clusters.n
        return np.stack([np.bincount(codes, column, n) for column in columns.T], axis=1)

    def weighted(self, weights: Floats) -> tuple[Floats, Floats]:
        """(X'WX)⁻¹ and the residuals of the weighted fit."""
        bread = np.asarray(np.linalg.inv(self.X.T @ (weights[:, None] * self.X)), dtype=float)
        return bread, self.y - self.X @ (bread @ (self.X.T @ (weights * self.y)))


def _correlated_moments(data: _Data, rho: float) -> tuple[float, float]:
    """Tau² and I² from Q_E of the fit with weights 1 / (k_j v̄_j).

    Under the model E Q_E = J - (1 - rho) tr A - rho tr B + c tau².
    """
    if not 0 <= rho <= 1:
        raise InputError(f"rho is a correlation from 0 to 1, not {rho}; robumeta's default is 0.8")
    sizes, codes = data.clusters.sizes, data.clusters.codes
    w = 1 / (sizes * data.mean_variance)
    bread, residuals = data.weighted(w[codes])
    sums = data.by_study(data.X)
    within = np.einsum("ab,ka,kb,k->", bread, data.X, data.X, (w / sizes)[codes], optimize=True)
    between = np.einsum("ab,ja,jb,j->", bread, sums, sums, w / sizes, optimize=True)
    slope = (w * sizes).sum() - np.einsum("ab,ja,jb,j->", bread, sums, sums, w**2, optimize=True)
    q = float((w[codes] * residuals**2).sum())
    expected = float(data.clusters.n - (1 - rho) * within - rho * between)
    i2 = 100 * max(0.0, (q - expected) / q) if q > 0 else 0.0
    return max(0.0, (q - expected) / float(slope)), i2


def _hierarchical_moments(data: _Data) -> tuple[float, float]:
    """Tau² and omega² from Q_E and from Q_1 = Σ_j (sum of residuals of study j)².

    Both are linear in the two variances, with coefficients that are traces; written with S the
    sums of X by study, T those of WX, and M = (X'WX)⁻¹.
    """
    X, v, sizes = data.X, data.v, data.clusters.sizes
    k, p = X.shape
    w = 1 / v
    M, residuals = data.weighted(w)
    S, T = data.by_study(X), data.by_study(w[:, None] * X)
    squared = X.T @ (w[:, None] ** 2 * X)
    q_e = float((w * residuals**2).sum()) - (k - p)
    tau_e = float(w.sum() - np.trace(M @ T.T @ T))
    omega_e = float(w.sum() - np.trace(M @ squared))
    q_1 = float(
        np.square(data.by_study(residuals[:, None])).sum() - v.sum() + np.trace(M @ S.T @ S)
    )
    turned = M @ (S.T @ S) @ M
    tau_1 = float(
        (sizes.astype(float) ** 2).sum()
        - 2 * np.trace(M @ T.T @ (sizes[:, None] * S))
        + np.trace(turned @ T.T @ T)
    )
    omega_1 = float(k - 2 * np.trace(M @ T.T @ S) + np.trace(turned @ squared))
    determinant = omega_1 * tau_e - omega_e * tau_1
    omega2 = max(0.0, (q_1 * tau_e - q_e * tau_1) / determinant)
    return max(0.0, (q_e - omega_e * omega2) / tau_e), omega2


def _fit(
    data: _Data,
    weights: Floats,
    *,
    model: str,
    small: bool,
    level: float,
    tau2: float,
    omega2: float,
    rho: float,
    i2: float,
) -> DependentEffectsFit:
    bread, residuals = data.weighted(weights)
    kind = "CR2" if small else "CR1p"

    def blocks(rows: Rows) -> Floats:
        return (1 / weights[rows])[..., None] * np.eye(rows.shape[-1])

    result = sandwich(
        data.X, weights[:, None] * data.X, residuals, data.clusters, blocks, kind=kind
    )
    fit = inference(
        names=data.names,
        coefficients=bread @ (data.X.T @ (weights * data.y)),
        result=result,
        clusters=data.clusters,
        cluster=data.study,
        kind=kind,
        test="Satterthwaite" if small else "naive-tp",
        level=level,
        model=model,
        notes=data.notes,
    )
    shared = {f.name: getattr(fit, f.name) for f in fields(fit)}
    return DependentEffectsFit(**shared, tau2=tau2, omega2=omega2, rho=rho, i2=i2, weights=weights)
