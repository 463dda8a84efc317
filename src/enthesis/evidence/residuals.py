"""Residuals, best linear unbiased predictions and radial coordinates of a two-level model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.influence import deleted_residuals, leverage
from enthesis.evidence.level_effects import level_effects
from enthesis.evidence.multilevel import MultilevelFit
from enthesis.evidence.subsets import require_two_level
from enthesis.evidence.tails import critical_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]


def standardized_residuals(
    fit: Fit, kind: Literal["internal", "external"] = "external"
) -> pd.DataFrame:
    """Residuals over their standard errors, a row per effect.

    Parameters
    ----------
    fit : a two-level model, or with "internal" a multilevel one
    kind : "internal" from the one fit (metafor's rstandard); "external" from the fit without the
        effect (rstudent), which is the one that shows an outlier

    Returns
    -------
    Columns resid, se and z.
    """
    if isinstance(fit, MultilevelFit) and kind == "internal":
        return _multilevel_residuals(fit)
    require_two_level(fit)
    if kind == "external":
        return deleted_residuals(fit)
    if kind != "internal":
        raise InputError(f"residuals are 'internal' or 'external', got {kind!r}")
    marginal = fit.marginal.diagonal()
    # Diagonal of (I - H) M (I - H)'.
    variance = marginal * (1 - 2 * leverage(fit)) + _fitted_variance(fit)
    se = np.sqrt(np.where(variance > 1e-12 * marginal, variance, np.nan))
    resid = fit.residuals
    return pd.DataFrame({"resid": resid, "se": se, "z": resid / se}, index=fit.data.index)


def blup(fit: Fit, *, level: float | None = None) -> pd.DataFrame:
    """Best linear unbiased prediction of each study's own true effect.

    Parameters
    ----------
    fit : a two-level model
    level : of the intervals; the fit's own by default

    Returns
    -------
    A row per effect: estimate, std_error, pi_lower and pi_upper.

    References
    ----------
    Raudenbush and Bryk (1985), 10.3102/10769986010002075.
    """
    require_two_level(fit)
    share = fit.tau2 / (fit.tau2 + fit.variances)
    pred = share * fit.effects + (1 - share) * fit.fitted
    variance = share * fit.variances + (1 - share) ** 2 * _scaled_fitted_variance(fit)
    return _with_interval(fit, pred, variance, level)


def random_effects(fit: Fit, *, level: float | None = None) -> pd.DataFrame:
    """Predicted deviation of each study's true effect from its fitted value.

    Parameters
    ----------
    fit : any model with random effects
    level : of the intervals; the fit's own by default

    Returns
    -------
    A row per effect: estimate, std_error, pi_lower and pi_upper. For a multilevel model a row per
    level of every random term, with columns component and level.
    """
    if isinstance(fit, MultilevelFit):
        return level_effects(fit, level=level)
    require_two_level(fit)
    share = fit.tau2 / (fit.tau2 + fit.variances)
    variance = share * fit.variances + share**2 * _scaled_fitted_variance(fit)
    return _with_interval(fit, share * fit.residuals, variance, level)


def radial(fit: Fit) -> pd.DataFrame:
    """Galbraith's coordinates: x the precision, y the standardised effect, a row per effect.

    References
    ----------
    Galbraith (1988), 10.1002/sim.4780070807.
    """
    require_two_level(fit)
    se = np.sqrt(fit.marginal.diagonal())
    return pd.DataFrame({"x": 1 / se, "y": fit.effects / se}, index=fit.data.index)


def _multilevel_residuals(fit: MultilevelFit) -> pd.DataFrame:
    """Generalised least squares: the residuals' covariance is M - X cov X'."""
    marginal = fit.marginal.diagonal()
    variance = marginal - _scaled_fitted_variance(fit)
    se = np.sqrt(np.where(variance > 1e-12 * marginal, variance, np.nan))
    resid = fit.residuals
    return pd.DataFrame({"resid": resid, "se": se, "z": resid / se}, index=fit.data.index)


def _fitted_variance(fit: Fit) -> Floats:
    """Variance of the fitted values as the model implies it, whatever the test's scale."""
    marginal = fit.marginal.diagonal()
    a = 1.0 / marginal if fit.weights is None else fit.weights
    X = fit.design
    bread = np.linalg.inv(X.T @ (a[:, None] * X))
    cov = bread @ (X.T @ ((a**2 * marginal)[:, None] * X)) @ bread
    return np.asarray(np.einsum("ki,ij,kj->k", X, cov, X))


def _scaled_fitted_variance(fit: Fit) -> Floats:
    return np.asarray(np.einsum("ki,ij,kj->k", fit.design, fit.covariance, fit.design))


def _with_interval(fit: Fit, pred: Floats, variance: Floats, level: float | None) -> pd.DataFrame:
    se = np.sqrt(variance)
    half = critical_value(fit.level if level is None else level, fit.df[0]) * se
    return pd.DataFrame(
        {"estimate": pred, "std_error": se, "pi_lower": pred - half, "pi_upper": pred + half},
        index=fit.data.index,
    )
