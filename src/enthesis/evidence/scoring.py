"""Maximum of a likelihood inside a box: Newton where it is safe, Fisher scoring elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import ConvergenceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from enthesis.evidence.multilevel_likelihood import Evaluation

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

MAX_STEPS = 200
"""Newton takes 4 to 8 steps; a problem that needs 200 has no maximum to find."""

STEP_TOLERANCE = 1e-9
"""Largest last step, relative to the parameter: Newton's error after it is its square."""

SLACK = 1e-13
"""Rounding in a log-likelihood, relative to its size plus the number of effects."""

NEWTON_GAIN, FISHER_GAIN = 1e-4, 1e-2
"""A step that promises less than this share of the rounding is the last one."""

FLAT = 1e-9
"""A log-likelihood that cannot rise by more than this counts as at its top."""

SINGULAR = 1e-6
"""Least pivot of the scaled information's Cholesky factor: the root of `NEGLIGIBLE`."""

NEGLIGIBLE = 1e-12
"""Eigenvalues of the scaled information below this share of the largest carry no information."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where the likelihood is highest, what it is there, and the way to it."""

    point: Floats
    evaluation: Evaluation
    trace: tuple[float, ...]


def maximise(
    evaluate: Callable[[Floats], Evaluation | None],
    start: Floats,
    *,
    lower: Floats,
    upper: Floats,
    scale: Floats,
    free: Mask,
    n_effects: int,
) -> Optimum:
    """The maximum that is uphill from `start`, with parameters at a bound exactly there.

    Parameters
    ----------
    evaluate : log-likelihood with derivatives; None where the covariance is not positive definite
    start : where to begin; must be feasible
    lower, upper : bounds of each parameter
    scale : what counts as a large value of each parameter
    free : parameters to estimate; the others stay at `start`
    n_effects : number of effects, for the rounding to expect

    Raises
    ------
    ConvergenceError : with the log-likelihood after each step.
    """
    here = evaluate(start)
    if here is None:
        raise ConvergenceError(
            "the covariance is not positive definite where the estimation starts; "
            "check V and the fixed variances"
        )
    box = _Box(lower, upper, free)
    point, trace = start.copy(), [here.value]
    for _ in range(MAX_STEPS):
        rounding = SLACK * (abs(here.value) + n_effects)
        held = _held(here.score, point, box)
        for hessian in _hessians(here, ~held):
            step = _step(hessian, here.score, point, held, box)
            gain = 0.5 * float(here.score @ step)
            # Where a step promises less than the likelihood's rounding, the score knows better.
            slack = rounding if gain > rounding else FLAT
            moved = _line_search(evaluate, here, point, step, box, slack)
            if moved is not None:
                break
        newton = hessian is here.observed
        size = np.abs(step) / np.maximum(np.abs(point), 1e-4 * scale)
        done = (
            float(size.max(initial=0.0)) < STEP_TOLERANCE
            or gain < (NEWTON_GAIN if newton else FISHER_GAIN) * rounding
            or (moved is None and gain < FLAT)
        )
        if moved is not None:
            point, here = moved
            trace.append(here.value)
        if done:
            higher = _escape(evaluate, here, point, box, scale)
            if higher is None:
                return Optimum(point, here, tuple(trace))
            point, here = higher
        elif moved is None:
            break
    raise ConvergenceError(
        f"the variance components did not settle within {len(trace) - 1} steps (last "
        f"log-likelihood {trace[-1]:.6g}); fix one of them or drop a random term",
        trace=trace,
    )


@dataclass(frozen=True, slots=True)
class _Box:
    lower: Floats
    upper: Floats
    free: Mask


def _held(score: Floats, point: Floats, box: _Box) -> Mask:
    """Parameters that stay: fixed, or at a bound from which the likelihood falls inwards."""
    below, above = point <= box.lower, point >= box.upper
    return below & (score <= 0.0) | above & (score >= 0.0) | ~box.free


def _hessians(here: Evaluation, moving: Mask) -> Iterator[Floats]:
    """Curvatures to try in turn: Newton's where concave, Fisher's, and Newton's made concave."""
    if _concave(here.observed[np.ix_(moving, moving)]):
        yield here.observed
    yield here.expected
    values, vectors = np.linalg.eigh(here.observed)
    size = np.maximum(np.abs(values), 1e-6 * np.abs(values).max(initial=0.0))
    yield (vectors * size) @ vectors.T


def _concave(hessian: Floats) -> bool:
    diagonal = np.diag(hessian)
    if not (diagonal > 0.0).all():
        return False
    unit = 1.0 / np.sqrt(diagonal)
    scaled = unit[:, None] * hessian * unit
    try:
        root = np.diag(np.linalg.cholesky(scaled))
    except np.linalg.LinAlgError:
        return False
    return bool((root > SINGULAR).all())


def _step(hessian: Floats, score: Floats, point: Floats, held: Mask, box: _Box) -> Floats:
    """The step to the maximum of the local quadratic within the box."""
    held, lower, upper = held.copy(), box.lower, box.upper
    step, straight = np.zeros_like(point), np.zeros_like(point)
    for _ in range(point.size + 1):
        at = np.flatnonzero(~held)
        if at.size == 0:
            break
        if at.size == point.size:
            step = _solve(hessian, score)
        else:
            rest = score[at] - hessian[np.ix_(at, np.flatnonzero(held))] @ step[held]
            step[at] = _solve(hessian[np.ix_(at, at)], rest)
        landed = point + step
        outside = ~held & ((landed < lower) | (landed > upper))
        if not step[held].any() and not (outside & (_room(point, step, box) == 0.0)).any():
            straight = step.copy()
        if not outside.any():
            break
        step[outside] = np.clip(landed, lower, upper)[outside] - point[outside]
        held |= outside
    if score @ step <= 0.0 and straight.any():
        # bending the step at the bounds turned it downhill: go straight to the first of them
        step = straight * min(1.0, float(_room(point, straight, box).min()))
    return step


def _room(point: Floats, step: Floats, box: _Box) -> Floats:
    """Which multiple of the step reaches the bound, for each parameter."""
    gap = np.where(step < 0.0, box.lower, box.upper) - point
    return np.divide(gap, step, out=np.full_like(step, np.inf), where=step != 0.0)


def _escape(
    evaluate: Callable[[Floats], Evaluation | None],
    here: Evaluation,
    point: Floats,
    box: _Box,
    scale: Floats,
) -> tuple[Floats, Evaluation] | None:
    """A higher point beside a standard deviation that sits, without any slope, in a valley at 0."""
    valley = box.free & (np.diag(here.observed) < 0.0) & (np.abs(here.score) * scale < FLAT)
    for j in np.flatnonzero(valley):
        for share in (0.3, 0.03):
            candidate = point.copy()
            candidate[j] = min(point[j] + share * scale[j], box.upper[j])
            there = evaluate(candidate)
            if there is not None and there.value > here.value + FLAT:
                return candidate, there
    return None


def _solve(hessian: Floats, score: Floats) -> Floats:
    """The solution of least length, directions without information left out."""
    if _concave(hessian):
        return np.asarray(np.linalg.solve(hessian, score), dtype=float)
    diagonal = np.diag(hessian)
    unit = 1.0 / np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    values, vectors = np.linalg.eigh(hessian * np.outer(unit, unit))
    keep = values > NEGLIGIBLE * max(values[-1], 0.0)
    turned = vectors[:, keep]
    step: Floats = unit * (turned @ ((turned.T @ (unit * score)) / values[keep]))
    return step


def _line_search(
    evaluate: Callable[[Floats], Evaluation | None],
    here: Evaluation,
    point: Floats,
    step: Floats,
    box: _Box,
    slack: float,
) -> tuple[Floats, Evaluation] | None:
    """The first of the halved steps that does not go downhill; None if none of them does."""
    if not step.any():
        return None
    share = 1.0
    for _ in range(30):
        candidate = np.clip(point + share * step, box.lower, box.upper)
        there = evaluate(candidate)
        if there is not None and there.value >= here.value - slack:
            return candidate, there
        share *= 0.5
    return None
