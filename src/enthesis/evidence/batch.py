"""A stack of small random-effects models, estimated all at once.

S data sets of up to k effects lie in (S, k) arrays; an absent effect has an infinite variance,
hence weight zero in every sum. Nothing loops over data sets: each iteration is one pass over the
stack, and data sets that have settled leave it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError
from enthesis.evidence.batch_tau2 import (
    Sets,
    at_zero,
    estimate_tau2,
    generalised_q,
    logdet,
    row_sum,
    times,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

METHODS = ("EE", "FE", "DL", "HE", "HS", "HSk", "SJ", "ML", "REML", "EB", "PM", "PMM", "GENQ")
"""Estimators of tau² known to a stack; EE and FE fix it at zero, GENQ needs weights."""

CHUNK = 100_000
"""Effects worked on together: a dozen arrays of this length stay within a cache of some MB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StackFit:
    """Estimates of S models; a data set that cannot carry the model is NaN throughout.

    Parameters
    ----------
    k : (S,) effects present
    coefficients : (S, p)
    covariance : (S, p, p), as the test asks (scaled for "knha" and "adhoc")
    scale : (S,) what the test multiplied the covariance by, 1 for "z" and "t"
    tau2 : (S,)
    q : (S,) Cochran's residual Q, weights 1 / vi
    typical_variance : (S,) (k - p) / tr P at tau² = 0
    log_likelihood : (S,) restricted for REML, full for ML, NaN for the other estimators
    converged : (S,)
    """

    k: NDArray[np.intp]
    coefficients: Floats
    covariance: Floats
    scale: Floats
    tau2: Floats
    q: Floats
    typical_variance: Floats
    log_likelihood: Floats
    converged: Bools


def fit_stack(
    yi: Floats,
    vi: Floats,
    design: Floats | None = None,
    *,
    method: str,
    test: str = "z",
    weights: Floats | None = None,
    tau2: float | None = None,
) -> StackFit:
    """Estimates of S models at once.

    Parameters
    ----------
    yi : (S, k) or, shared by all, (k,); any finite value where absent
    vi : (S, k) positive; infinite where the effect is absent
    design : (k, p) shared, or (S, k, p); an intercept alone by default
    method : one of `METHODS`
    test : "z" and "t" leave the covariance as it is; "knha" and "adhoc" scale it
    weights : (k,) or (S, k), the analyst's own weights for the coefficients
    tau2 : known beforehand, so not estimated

    Raises
    ------
    InputError : unknown method.
    """
    if method not in METHODS:
        raise InputError(f"no batched estimator {method!r}; choose one of {', '.join(METHODS)}")
    if method == "GENQ" and weights is None:
        raise InputError("method 'GENQ' estimates tau² with the analyst's weights; give weights")
    model = _Model(method, test, tau2)
    n_sets, width = vi.shape
    yi = np.broadcast_to(yi, vi.shape)
    design = np.ones((width, 1)) if design is None else design
    if weights is not None:
        weights = np.broadcast_to(weights, vi.shape)
    rows = max(1, CHUNK // max(width, 1))
    parts = []
    with np.errstate(divide="ignore", invalid="ignore"):
        for start in range(0, n_sets, rows):
            part = slice(start, start + rows)
            X = design if design.ndim == 2 else design[part]
            A = None if weights is None else weights[part]
            parts.append(_fit_usable(yi[part], vi[part], X, model, A))
    return joined(parts)


@dataclass(frozen=True, slots=True)
class _Model:
    method: str
    test: str
    tau2: float | None


def joined(parts: list[StackFit]) -> StackFit:
    """Pieces of one stack, end to end."""
    if len(parts) == 1:
        return parts[0]
    return StackFit(
        **{
            name: np.concatenate([getattr(part, name) for part in parts])
            for name in StackFit.__slots__
        }
    )


def _fit_usable(
    yi: Floats, vi: Floats, design: Floats, model: _Model, weights: Floats | None
) -> StackFit:
    """Fit the data sets whose design has full rank; the others stay NaN."""
    present = np.isfinite(vi)
    k = present.sum(axis=1)
    p = design.shape[-1]
    basis, back = _orthonormal(design, present)
    sets = Sets.of(np.where(present, yi, 0.0), vi, basis)
    estimated = model.tau2 is None and model.method not in ("EE", "FE")
    # One effect has no heterogeneity to estimate and is taken as it is; so does metafor.
    usable = (k > p) | (k == 1) & (p == 1) if estimated else k >= p
    if not present.all():
        usable &= _full_rank(sets.moment(present.astype(float)))
    if usable.all():
        fit = _fit(sets, k, model, weights)
    else:
        some = None if weights is None else weights[usable]
        fit = _scattered(_fit(sets.take(usable), k[usable], model, some), usable, k)
    if back is None:
        return fit
    return StackFit(
        k=fit.k,
        coefficients=np.matmul(back, fit.coefficients[..., None])[..., 0],
        covariance=back @ fit.covariance @ np.swapaxes(back, -1, -2),
        scale=fit.scale,
        tau2=fit.tau2,
        q=fit.q,
        typical_variance=fit.typical_variance,
        log_likelihood=fit.log_likelihood,
        converged=fit.converged,
    )


def _scattered(fit: StackFit, usable: Bools, k: NDArray[np.intp]) -> StackFit:
    def spread(values: Floats) -> Floats:
        out = np.full((len(usable), *values.shape[1:]), np.nan)
        out[usable] = values
        return out

    converged = np.zeros(len(usable), dtype=bool)
    converged[usable] = fit.converged
    return StackFit(
        k=k,
        coefficients=spread(fit.coefficients),
        covariance=spread(fit.covariance),
        scale=spread(fit.scale),
        tau2=spread(fit.tau2),
        q=spread(fit.q),
        typical_variance=spread(fit.typical_variance),
        log_likelihood=spread(fit.log_likelihood),
        converged=converged,
    )


def _orthonormal(design: Floats, present: Bools) -> tuple[Floats, Floats | None]:
    """A basis of the design with orthonormal columns, and the way back to its own coefficients.

    Normal equations square the condition number; in this basis it is one (year of publication
    beside an intercept would otherwise cost six digits).
    """
    if design.shape[-1] == 1:
        return design, None
    if design.ndim == 3:
        design = np.where(present[..., None], design, 0.0)
    basis, upper = np.linalg.qr(design)
    pivots = np.abs(np.diagonal(upper, axis1=-2, axis2=-1))
    singular = pivots.min(axis=-1) <= 1e-10 * pivots.max(axis=-1)
    safe = np.where(singular[..., None, None], np.eye(design.shape[-1]), upper)
    back = np.where(singular[..., None, None], np.nan, np.linalg.inv(safe))
    return basis, back


def _full_rank(gram: Floats) -> Bools:
    if gram.shape[-1] == 1:
        return np.asarray(gram[:, 0, 0] > 0)
    eigenvalues = np.linalg.eigvalsh(gram)
    return np.asarray(eigenvalues[:, 0] > 1e-10 * eigenvalues[:, -1])


def _fit(sets: Sets, k: NDArray[np.intp], model: _Model, weights: Floats | None) -> StackFit:
    df = k - sets.X.shape[-1]
    zero = at_zero(sets)
    converged = np.ones(len(k), dtype=bool)
    if model.tau2 is not None:
        tau2 = np.full(len(k), model.tau2)
    elif model.method in ("EE", "FE"):
        tau2 = np.zeros(len(k))
    elif model.method == "GENQ" and weights is not None:
        tau2 = generalised_q(sets, weights, df)
    else:
        tau2, converged = estimate_tau2(sets, k, model.method, zero)
    w = 1.0 / (sets.v + tau2[:, None])
    covariance, b, r = sets.solve(w)
    rss = row_sum(w * r, r)
    likelihood = np.full(len(k), np.nan)
    if model.method in ("ML", "REML"):
        restricted = model.method == "REML"
        likelihood = _log_likelihood(sets, k, tau2, covariance, rss, restricted=restricted)
    if weights is not None:
        covariance, b = _own_weights(sets, weights, tau2)
    scale = np.where((k == 1) & (df == 0), 1.0, _scale(model.test, rss / df))
    return StackFit(
        k=k,
        coefficients=b,
        covariance=covariance * scale[:, None, None],
        scale=scale,
        tau2=tau2,
        q=zero.q,
        typical_variance=df / zero.trace_p,
        log_likelihood=likelihood,
        converged=converged,
    )


def _scale(test: str, dispersion: Floats) -> Floats:
    """Knapp and Hartung's factor; the ad hoc form never shrinks the covariance."""
    if test == "knha":
        return dispersion
    return np.maximum(dispersion, 1.0) if test == "adhoc" else np.ones(len(dispersion))


def _own_weights(sets: Sets, weights: Floats, tau2: Floats) -> tuple[Floats, Floats]:
    """Coefficients and their covariance when the analyst gives the weights."""
    present = np.isfinite(sets.v)
    a = np.where(present, weights, 0.0)
    bread, b, _ = sets.solve(a)
    marginal = np.where(present, sets.v, 0.0) + tau2[:, None]
    meat = sets.moment(a * a * marginal)
    return times(times(bread, meat), bread), b


def _log_likelihood(
    sets: Sets,
    k: NDArray[np.intp],
    tau2: Floats,
    bread: Floats,
    rss: Floats,
    *,
    restricted: bool,
) -> Floats:
    present = np.isfinite(sets.v)
    log_m = np.log(np.where(present, sets.v + tau2[:, None], 1.0)).sum(axis=1)
    if not restricted:
        return np.asarray(-0.5 * (k * np.log(2 * np.pi) + log_m + rss))
    gram = sets.moment(present.astype(float))
    # |X'X| and |X'WX| change alike with the basis, so the basis may be any.
    logdets = logdet(gram) + logdet(bread)
    df = k - sets.X.shape[-1]
    return np.asarray(-0.5 * (df * np.log(2 * np.pi) + log_m + rss - logdets))
