"""The Gaussian log-likelihood of a fitted model and the criteria that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.marginal import MarginalCovariance

    Floats = NDArray[np.float64]

LOG_2PI = float(np.log(2.0 * np.pi))


@dataclass(frozen=True, slots=True, kw_only=True)
class Likelihood:
    """Log-likelihood, deviance and information criteria under ML or REML."""

    kind: Literal["ML", "REML"]
    log_likelihood: float
    deviance: float
    aic: float
    bic: float
    aicc: float
    n_parameters: int


def likelihood(
    effects: Floats,
    design: Floats,
    marginal: MarginalCovariance,
    sampling: MarginalCovariance,
    *,
    n_parameters: int,
    kind: Literal["ML", "REML"],
    coefficients: Floats | None = None,
) -> Likelihood:
    """Log-likelihood at the given covariance, and its information criteria.

    Parameters
    ----------
    effects : (k,)
    design : (k, p)
    marginal : covariance of the effects under the model
    sampling : covariance of the sampling errors alone; the saturated model of the ML deviance
    n_parameters : coefficients plus estimated variances and correlations
    kind : "REML" includes ½ log|X'X|, so that values are comparable with metafor's
    coefficients : (p,), where they are not the generalised least squares estimate

    Notes
    -----
    BIC and AICc count k observations under ML and k − p under REML; the deviance is relative to
    the saturated model under ML and −2 log-likelihood under REML.
    """
    k, p = design.shape
    solved = marginal.solve(np.column_stack([design, effects]))
    information = design.T @ solved[:, :p]
    line = np.linalg.solve(information, design.T @ solved[:, p])
    if coefficients is not None:
        line = coefficients
    return criteria(
        kind,
        (k, p),
        rss=float((effects - design @ line) @ (solved[:, p] - solved[:, :p] @ line)),
        logdet=marginal.logdet(),
        logdet_sampling=sampling.logdet() if kind == "ML" else 0.0,
        logdet_gram=float(np.linalg.slogdet(design.T @ design)[1]),
        logdet_information=float(np.linalg.slogdet(information)[1]),
        n_parameters=n_parameters,
    )


def criteria(
    kind: Literal["ML", "REML"],
    shape: tuple[int, ...],
    *,
    rss: float,
    logdet: float,
    logdet_sampling: float,
    logdet_gram: float,
    logdet_information: float,
    n_parameters: int,
) -> Likelihood:
    """Log-likelihood and criteria from their parts.

    Parameters
    ----------
    kind : "ML" or "REML"
    shape : (k, p) of the design
    rss : weighted residual sum of squares
    logdet, logdet_sampling : log|M|, log|V|
    logdet_gram, logdet_information : log|X'X|, log|X'M⁻¹X|
    n_parameters : coefficients plus estimated variances and correlations
    """
    k, p = shape
    if kind == "ML":
        value = -0.5 * (k * LOG_2PI + logdet + rss)
        saturated = -0.5 * (k * LOG_2PI + logdet_sampling)
        deviance, n = 2.0 * (saturated - value), k
    else:
        value = -0.5 * ((k - p) * LOG_2PI - logdet_gram + logdet + logdet_information + rss)
        deviance, n = -2.0 * value, k - p
    return Likelihood(
        kind=kind,
        log_likelihood=float(value),
        deviance=float(deviance),
        aic=float(-2.0 * value + 2.0 * n_parameters),
        bic=float(-2.0 * value + n_parameters * np.log(n)) if n > 0 else float("nan"),
        aicc=float(-2.0 * value + 2.0 * n_parameters * small_sample_factor(n, n_parameters)),
        n_parameters=n_parameters,
    )


def small_sample_factor(n: int, n_parameters: int) -> float:
    """Hurvich and Tsai's AICc factor n / (n − q − 1), with n kept at q + 2 or more."""
    held = max(n, n_parameters + 2)
    return held / (held - n_parameters - 1)
