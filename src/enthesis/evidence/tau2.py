"""Estimators of the between-study variance, from moments and from likelihoods.

References
----------
Viechtbauer W 2005, doi:10.3102/10769986030003261 (DL, HE, HS, SJ, ML, REML)
DerSimonian R, Kacker R 2007, doi:10.1016/j.cct.2006.04.004 (DL, PM and the general form)
Jackson D et al. 2014, doi:10.1002/jrsm.1108 (moderators, GENQ)
Brannick MT et al. 2019, doi:10.1002/jrsm.1356 (HSk)
Viechtbauer W 2021, doi:10.1007/978-3-030-61394-5 (PMM: Q at its median)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.projection import Projection
from enthesis.evidence.tails import chi2_quantile

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from enthesis.evidence.projection import Moments, Problem

    Floats = NDArray[np.float64]

MAX_ITERATIONS = 200
CONVERGED = 1e-10
"""Relative step below which a quadratically convergent search has nothing left to gain."""

SCAN_WORK = 40_000
"""Effects times trial values that a search for a second mode may cost. With k effects the
log-likelihood curves as k does, so it is only in small data sets that it can have two modes."""

ESTIMATORS = (
    "EE", "FE", "DL", "DLIT", "HE", "HS", "HSk", "SJ", "SJIT",
    "ML", "REML", "EB", "PM", "PMM", "GENQ",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau2:
    """An estimate of the between-study variance.

    Parameters
    ----------
    value : truncated at zero
    std_error : asymptotic
    trace : successive values, for the iterative estimators
    notes : what a careful reader should know
    """

    value: float
    std_error: float
    trace: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()


def estimate(data: Problem, method: str, *, weights: Floats | None = None) -> Tau2:
    """Between-study variance by the named estimator, with its asymptotic standard error.

    Raises
    ------
    InputError : an unknown estimator, GENQ without weights, or no residual degrees of freedom.
    ConvergenceError : an iteration that did not settle; it carries the trace.
    """
    if method not in ESTIMATORS:
        raise InputError(f"no estimator named {method!r}; choose from {', '.join(ESTIMATORS)}")
    if method in ("EE", "FE"):
        return Tau2(value=0.0, std_error=float("nan"))
    if data.df < 1:
        p, k = data.basis.shape
        raise InputError(
            f"{k} effect{'s' * (k > 1)} and {p} coefficient{'s' * (p > 1)} leave nothing to "
            "estimate heterogeneity from; use method='EE', or give more effects"
        )
    if method in ("ML", "REML"):
        return _by_likelihood(data, "ML" if method == "ML" else "REML")
    if method == "GENQ" and weights is None:
        raise InputError("method='GENQ' is defined by its weights; pass weights=")
    return _BY_MOMENTS[method](data, weights)


def std_error(data: Problem, method: str, tau2: float, weights: Floats | None = None) -> float:
    """Standard error that an estimator's formula gives at `tau2`, estimated by it or known."""
    if method == "HE" or (method == "GENQ" and weights is not None):
        a = np.ones_like(data.v) if weights is None or method == "HE" else weights
        return _quadratic_error(data, Projection(data.y, data.basis, a), tau2)
    if method == "SJ":
        start = float(np.var(data.y))
        at_start = Projection(data.y, data.basis, 1.0 / (data.v + start))
        return start * at_start.trace / data.df * _quadratic_error(data, at_start, tau2)
    if method in ("DL", "HS", "HSk"):
        factor = data.at_zero.trace / data.at_zero.weight if method != "DL" else 1.0
        factor *= len(data.y) / data.df if method == "HSk" else 1.0
        return factor * _dl_error(data.at_zero, tau2, data.df)
    at = data.moments(tau2)
    if method == "DLIT":
        return _dl_error(at, tau2, data.df)
    if method == "REML":
        return float(np.sqrt(2.0 / at.trace_squared))
    if method == "ML":
        return float(np.sqrt(2.0 / at.weight_squares))
    return float(np.sqrt(2.0 * len(data.v) ** 2 / data.df) / at.weight)


def solve_q(data: Problem, target: float) -> tuple[float, tuple[float, ...]]:
    """The tau2 at which Q(tau2) = y'P(tau2)y falls to `target`; 0 if it starts below.

    Notes
    -----
    Q is a sum of terms c/(tau2 + λ), so 1/Q is concave and increasing: Newton's method on 1/Q
    climbs to the root from the left without a bracket, in a handful of steps.
    """
    t, trace = 0.0, [0.0]
    for _ in range(MAX_ITERATIONS):
        at = data.moments(t)
        if at.q <= target:
            return t, tuple(trace)
        step = at.q * (at.q / target - 1.0) / -at.q_slope
        t += step
        trace.append(t)
        if step <= CONVERGED * t:
            return t, tuple(trace)
    raise ConvergenceError(
        f"Q(tau2) = {target:.6g} was not solved in {MAX_ITERATIONS} steps; look for sampling "
        "variances that differ by many orders of magnitude",
        trace=trace,
    )


def root_between(
    function: Callable[[float], tuple[float, float]],
    low: float,
    high: float,
    *,
    start: float | None = None,
    max_iterations: int = MAX_ITERATIONS,
    what: str = "tau2",
) -> tuple[float, tuple[float, ...]]:
    """The root of a function that is positive at `low` and not at `high`.

    `function` gives value and slope. Newton's steps are taken while they stay inside the bracket
    and shrink; the bracket is halved otherwise.
    """
    t = 0.5 * (low + high) if start is None or not low < start < high else start
    trace = [t]
    last = high - low
    for _ in range(max_iterations):
        value, slope = function(t)
        if value == 0.0:
            return t, tuple(trace)
        low, high = (t, high) if value > 0.0 else (low, t)
        step = -value / slope if slope < 0.0 else np.inf
        inside = low < t + step < high
        if not inside or abs(step) > 0.5 * abs(last):
            # A last Newton step below the spacing of floats may fall on the bracket itself.
            if np.isfinite(step) and abs(step) <= CONVERGED * abs(t):
                return t, tuple(trace)
            step = 0.5 * (low + high) - t
        t += step
        last = step
        trace.append(t)
        if abs(step) <= CONVERGED * abs(t) or high - low <= 4.0 * np.spacing(high):
            return t, tuple(trace)
    raise ConvergenceError(
        f"{what} did not settle in {max_iterations} steps (last value {t:.6g}); look for effects "
        "or variances on very different scales",
        trace=trace,
    )


def log_likelihood(data: Problem, tau2: float, kind: Literal["ML", "REML"]) -> float:
    """Log-likelihood profiled over the coefficients, up to what does not depend on tau2."""
    at = data.moments(tau2)
    value = data.log_weights(tau2) - at.q
    if kind == "REML":
        value += np.linalg.slogdet(at.inverse)[1]
    return 0.5 * float(value)


def score(data: Problem, tau2: float, kind: Literal["ML", "REML"]) -> tuple[float, float]:
    """First and second derivative of the log-likelihood in tau2."""
    at = data.moments(tau2)
    if kind == "ML":
        return -0.5 * (at.q_slope + at.weight), 0.5 * (at.weight_squares - at.q_curvature)
    return -0.5 * (at.q_slope + at.trace), 0.5 * (at.trace_squared - at.q_curvature)


def _by_likelihood(data: Problem, kind: Literal["ML", "REML"]) -> Tau2:
    """The global maximum of the (restricted) likelihood over tau2 >= 0, fully converged."""
    highest = _upper_bound(data, kind)
    modes: list[tuple[float, tuple[float, ...]]] = []
    if highest > 0.0:
        grid = _grid(data, highest)
        slopes = _scores(data, grid, kind)
        if slopes[0] <= 0.0:
            modes.append((0.0, (0.0,)))
        # The bound itself is past every mode; rounding must not say otherwise.
        slopes[-1] = min(slopes[-1], 0.0)
        start = _dersimonian_laird(data, None).value
        modes += [
            root_between(
                lambda t: score(data, t, kind),
                float(grid[i]),
                float(grid[i + 1]),
                start=start,
                what=f"the {kind} estimate of tau2",
            )
            for i in np.flatnonzero((slopes[:-1] > 0.0) & (slopes[1:] <= 0.0))
        ]
    if not modes:
        modes.append((0.0, (0.0,)))
    heights = [log_likelihood(data, t, kind) for t, _ in modes] if len(modes) > 1 else [0.0]
    best = int(np.argmax(heights))
    value, trace = modes[best]
    notes = tuple(
        f"the likelihood has a second, lower mode at tau2 = {t:.4g} "
        f"(log-likelihood lower by {heights[best] - height:.3g})"
        for i, ((t, _), height) in enumerate(zip(modes, heights, strict=True))
        if i != best
    )
    return Tau2(value=value, std_error=std_error(data, kind, value), trace=trace, notes=notes)


def _upper_bound(data: Problem, kind: Literal["ML", "REML"]) -> float:
    """A tau2 beyond which the log-likelihood only falls.

    The score is positive only if y'PPy > tr P. With vmin, vmax the extreme variances and RSS that
    of ordinary least squares, y'PPy <= RSS/(t + vmin)² and tr P >= df/(t + vmax).
    """
    e = data.residuals
    df = len(data.y) if kind == "ML" else data.df
    # Of effects that lie exactly on the model, rounding may leave less than nothing.
    s2 = max(0.0, float(e @ e) - float(np.sum((data.basis @ e) ** 2))) / df
    low, high = float(data.v.min()), float(data.v.max())
    return 0.5 * (s2 + float(np.sqrt(s2**2 + 4.0 * s2 * (high - low)))) - low


def _grid(data: Problem, highest: float) -> Floats:
    """0, then values evenly spaced in log from far below the least variance to the bound."""
    points = min(64, SCAN_WORK // len(data.y))
    if points < 8:
        return np.array([0.0, highest])
    floor = min(1e-3 * float(data.v.min()), 1e-3 * highest)
    return np.concatenate([[0.0], np.geomspace(floor, highest, points)])


def _scores(data: Problem, grid: Floats, kind: Literal["ML", "REML"]) -> Floats:
    """The score at every grid value at once, (n,)."""
    if len(grid) == 2:
        return np.array([score(data, t, kind)[0] for t in grid])
    p, k = data.basis.shape
    w = 1.0 / (data.v + grid[:, None])
    outer = (data.basis[:, None, :] * data.basis[None, :, :]).reshape(p * p, k).T
    inverse = np.linalg.inv((w @ outer).reshape(-1, p, p))
    right = w @ (data.basis * data.y).T
    coefficients = np.einsum("npq,nq->np", inverse, right)
    u = w * (data.y - coefficients @ data.basis)
    trace = w.sum(axis=1)
    if kind == "REML":
        squared = (w**2 @ outer).reshape(-1, p, p)
        trace -= np.einsum("npq,npq->n", inverse, squared)
    slopes: Floats = 0.5 * (np.einsum("nk,nk->n", u, u) - trace)
    return slopes


def _quadratic(data: Problem, a: Floats) -> Tau2:
    """The moment estimator of y'P_a y for any weights a, and its exact standard error.

    E y'Py = tr(PV) + tau2 tr P and Var y'Py = 2 tr(PMPM), with M = diag(v + tau2).
    """
    at = Projection(data.y, data.basis, a)
    value = max(0.0, (at.q - at.trace_with(data.v)) / at.trace)
    return Tau2(value=value, std_error=_quadratic_error(data, at, value))


def _quadratic_error(data: Problem, at: Projection, tau2: float) -> float:
    return float(np.sqrt(2.0 * at.trace_squared(data.v + tau2))) / at.trace


def _dersimonian_laird(data: Problem, _: Floats | None) -> Tau2:
    at = data.at_zero
    value = max(0.0, (at.q - data.df) / at.trace)
    return Tau2(value=value, std_error=std_error(data, "DL", value))


def _dl_error(at: Moments, value: float, df: int) -> float:
    spread = 2.0 * df + 4.0 * value * at.trace + 2.0 * value**2 * at.trace_squared
    return float(np.sqrt(spread)) / at.trace


def _dersimonian_laird_iterated(data: Problem, _: Floats | None) -> Tau2:
    """DL's formula with the weights of its own answer, until they agree."""

    def gap(t: float) -> tuple[float, float]:
        at = data.moments(t)
        slope = at.q_slope - at.trace + t * at.trace_squared
        return at.q - data.df - t * at.trace, slope

    if gap(0.0)[0] <= 0.0:
        return Tau2(value=0.0, std_error=_dl_error(data.at_zero, 0.0, data.df))
    # Where Q alone has fallen to its degrees of freedom the gap is negative already.
    value, trace = root_between(gap, 0.0, solve_q(data, data.df)[0], what="tau2 by DLIT")
    return Tau2(value=value, std_error=_dl_error(data.moments(value), value, data.df), trace=trace)


def _hedges(data: Problem, _: Floats | None) -> Tau2:
    return _quadratic(data, np.ones_like(data.v))


def _generalised_q(data: Problem, weights: Floats | None) -> Tau2:
    if weights is None:
        raise InputError("method='GENQ' is defined by its weights; pass weights=")
    return _quadratic(data, weights)


def _hunter_schmidt(data: Problem, _: Floats | None) -> Tau2:
    at = data.at_zero
    value = max(0.0, (at.q - len(data.y)) / at.weight)
    return Tau2(value=value, std_error=std_error(data, "HS", value))


def _hunter_schmidt_k(data: Problem, _: Floats | None) -> Tau2:
    at = data.at_zero
    value = max(0.0, (len(data.y) / data.df * at.q - len(data.y)) / at.weight)
    return Tau2(value=value, std_error=std_error(data, "HSk", value))


def _sidik_jonkman(data: Problem, _: Floats | None) -> Tau2:
    # The start is the variance around the mean, also with moderators.
    start = float(np.var(data.y))
    if start == 0.0:
        return Tau2(value=0.0, std_error=float("nan"), notes=("all effects are equal",))
    at = Projection(data.y, data.basis, 1.0 / (data.v + start))
    value = start * at.q / data.df
    return Tau2(value=value, std_error=std_error(data, "SJ", value))


def _by_q_at_df(data: Problem, _: Floats | None) -> Tau2:
    """PM, EB and the iterated SJ have one fixed point: Q(tau2) = k − p."""
    return _solved(data, float(data.df))


def _by_q_at_median(data: Problem, _: Floats | None) -> Tau2:
    return _solved(data, chi2_quantile(0.5, data.df))


def _solved(data: Problem, target: float) -> Tau2:
    value, trace = solve_q(data, target)
    return Tau2(value=value, std_error=std_error(data, "PM", value), trace=trace)


_BY_MOMENTS: dict[str, Callable[[Problem, Floats | None], Tau2]] = {
    "DL": _dersimonian_laird,
    "DLIT": _dersimonian_laird_iterated,
    "HE": _hedges,
    "HS": _hunter_schmidt,
    "HSk": _hunter_schmidt_k,
    "SJ": _sidik_jonkman,
    "SJIT": _by_q_at_df,
    "EB": _by_q_at_df,
    "PM": _by_q_at_df,
    "PMM": _by_q_at_median,
    "GENQ": _generalised_q,
}
