"""What each effect, or each cluster, does to a fitted two-level model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import chdtr

from enthesis.evidence.batch import CHUNK
from enthesis.evidence.subsets import require_two_level, without_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.batch import StackFit
    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

DFFITS_LIMIT = 3.0
"""Times sqrt(p / (k - p)); above it an effect is flagged."""

HAT_LIMIT = 3.0
"""Times p / k."""

COOK_LIMIT = 0.5
"""Lower tail of chi-squared with p degrees of freedom cut off by Cook's distance."""

DFBETAS_LIMIT = 1.0
"""Absolute value for any coefficient; all four from Viechtbauer and Cheung (2010)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Influence:
    """Case-deletion statistics; both tables have a row per effect.

    Parameters
    ----------
    statistics : rstudent, dffits, cook_d, cov_ratio, tau2_deleted, q_deleted, hat, weight
        (percent) and influential
    dfbetas : a column per coefficient, in standard errors
    """

    statistics: pd.DataFrame
    dfbetas: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """Both tables side by side."""
        return self.statistics.join(self.dfbetas.add_prefix("dfbetas_"))


def influence(fit: Fit) -> Influence:
    """Case statistics of a two-level model from refits without each effect.

    Parameters
    ----------
    fit : a two-level model, with or without moderators and user weights

    Returns
    -------
    Influence, NaN for an effect without which the model cannot be fitted.

    Raises
    ------
    InputError : a multilevel model; see `cluster_influence`.

    Notes
    -----
    Cook's distance is not divided by p. DFFITS and DFBETAS are scaled with the tau² of the
    deleted fit, and under Knapp–Hartung with its dispersion.

    References
    ----------
    Viechtbauer and Cheung (2010), 10.1002/jrsm.11.
    """
    require_two_level(fit)
    gone = without_each(fit, np.arange(fit.k), fit.k)
    X, p = fit.design, fit.p
    shift = fit.coefficients - gone.coefficients
    cook = np.einsum("si,ij,sj->s", shift, np.linalg.inv(fit.covariance), shift)
    hat = leverage(fit)
    covariances = _covariances_at(fit, gone.tau2)
    if fit.weights is None:
        spread = hat * (gone.tau2 + fit.variances)
    else:  # there the hat value times the marginal variance is not that of the fitted value
        spread = np.einsum("si,sij,sj->s", X, covariances, X)
    dffits = _row_dot(X, shift) / np.sqrt(gone.scale * spread)
    variances = np.diagonal(covariances, axis1=1, axis2=2)
    dfbetas = shift / np.sqrt(gone.scale[:, None] * variances)
    weight = 1.0 / fit.marginal.diagonal() if fit.weights is None else fit.weights
    with np.errstate(invalid="ignore"):  # an effect that cannot be left out is NaN
        cov_ratio = np.linalg.det(gone.covariance) / np.linalg.det(fit.covariance)
        flags = (
            (np.abs(dffits) > DFFITS_LIMIT * np.sqrt(p / (fit.k - p)))
            | (chdtr(p, cook) > COOK_LIMIT)
            | (hat > HAT_LIMIT * p / fit.k)
            | (np.abs(dfbetas) > DFBETAS_LIMIT).any(axis=1)
        )
    statistics = pd.DataFrame(
        {
            "rstudent": deleted_residuals(fit, gone)["z"].to_numpy(),
            "dffits": dffits,
            "cook_d": cook,
            "cov_ratio": cov_ratio,
            "tau2_deleted": gone.tau2,
            "q_deleted": gone.q,
            "hat": hat,
            "weight": 100 * weight / weight.sum(),
            "influential": flags,
        },
        index=fit.data.index,
    )
    betas = pd.DataFrame(dfbetas, index=fit.data.index, columns=list(fit.names))
    return Influence(statistics=statistics, dfbetas=betas)


def baujat(fit: Fit) -> pd.DataFrame:
    """Each effect's share of the heterogeneity (x) against its pull on the result (y).

    Parameters
    ----------
    fit : a two-level model

    Returns
    -------
    A row per effect: `x` the squared Pearson residual, `y` the squared change of the effect's
    fitted value when it is left out, over the variance of the latter.

    References
    ----------
    Baujat et al. (2002), 10.1002/sim.1221.
    """
    require_two_level(fit)
    gone = without_each(fit, np.arange(fit.k), fit.k)
    change = _row_dot(fit.design, gone.coefficients) - fit.fitted
    spread = np.einsum("si,sij,sj->s", fit.design, gone.covariance, fit.design)
    return pd.DataFrame(
        {"x": fit.residuals**2 / fit.marginal.diagonal(), "y": change**2 / spread},
        index=fit.data.index,
    )


def leverage(fit: Fit) -> Floats:
    """Diagonal of the hat matrix, (k,)."""
    a = 1.0 / fit.marginal.diagonal() if fit.weights is None else fit.weights
    bread = np.linalg.inv(fit.design.T @ (a[:, None] * fit.design))
    return np.asarray(np.einsum("ki,ij,kj->k", fit.design, bread, fit.design) * a)


def deleted_residuals(fit: Fit, gone: StackFit | None = None) -> pd.DataFrame:
    """Each effect minus its prediction from all others: resid, se and z, a row per effect.

    Parameters
    ----------
    fit : a two-level model
    gone : its refits without each effect, where they exist already
    """
    require_two_level(fit)
    gone = without_each(fit, np.arange(fit.k), fit.k) if gone is None else gone
    resid = fit.effects - _row_dot(fit.design, gone.coefficients)
    spread = np.einsum("si,sij,sj->s", fit.design, gone.covariance, fit.design)
    se = np.sqrt(gone.scale * (fit.variances + gone.tau2) + spread)
    return pd.DataFrame({"resid": resid, "se": se, "z": resid / se}, index=fit.data.index)


def _row_dot(a: Floats, b: Floats) -> Floats:
    return np.asarray(np.einsum("ki,ki->k", a, b))


def _covariances_at(fit: Fit, tau2: Floats) -> Floats:
    """Covariance of the coefficients on all k effects, at the tau² of each deleted fit, (k, p, p).

    A model that could not be refitted has no tau²; its block is NaN.
    """
    X, p = fit.design, fit.p
    XX = (X[:, :, None] * X[:, None, :]).reshape(fit.k, p * p)
    out = np.full((fit.k, p, p), np.nan)
    known = np.flatnonzero(np.isfinite(tau2))
    rows = max(1, CHUNK // fit.k)
    for start in range(0, len(known), rows):
        part = known[start : start + rows]
        marginal = fit.variances + tau2[part, None]
        if fit.weights is None:
            out[part] = np.linalg.inv(((1.0 / marginal) @ XX).reshape(-1, p, p))
        else:
            bread = np.linalg.inv(X.T @ (fit.weights[:, None] * X))
            out[part] = bread @ ((fit.weights**2 * marginal) @ XX).reshape(-1, p, p) @ bread
    return out
