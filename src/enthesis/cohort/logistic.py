"""Logistic regression by maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from enthesis.cohort.binary import Events
from enthesis.errors import ConvergenceError, InputError

Floats = NDArray[np.float64]

MAX_STEPS = 50
"""Newton's method takes 5 to 8 steps; many more only if the estimate runs off to infinity."""

SETTLED = 1e-13
"""Gain in log-likelihood per subject below which the maximum is reached."""

STILL_MOVING = 0.1
"""Change of some subject's log odds in one step that no settled estimate makes."""

SEPARATED = (
    "the predictors ({names}) tell events from others completely, so their odds ratios have no "
    "finite estimate; leave out the one that does, or use penalty='ridge'"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LogisticFit:
    """Coefficients of a logistic regression.

    Parameters
    ----------
    coefficients : (p,) log odds
    covariance : (p, p), from the expected information
    log_likelihood : at the maximum
    """

    coefficients: Floats
    covariance: Floats
    log_likelihood: float


def fit_logistic(
    design: Floats, events: Events, *, names: Sequence[str], offset: Floats | float = 0.0
) -> LogisticFit:
    """Maximum likelihood by Newton's method with step halving.

    Parameters
    ----------
    design : (n, p), with a column of ones for an intercept
    events : (n,)
    names : (p,) of the columns, for messages
    offset : (n,) log odds that are already known

    Raises
    ------
    InputError : columns that determine one another.
    ConvergenceError : events and others are separated.
    """
    # Columns of equal length, so that one tolerance fits all of them.
    lengths = np.linalg.norm(design, axis=0)
    if not lengths.all() or np.linalg.matrix_rank(design / lengths, tol=1e-9) < design.shape[1]:
        raise InputError(
            f"the predictors {', '.join(names)} are constant or determine one another; leave one "
            "out"
        )
    x = design / lengths
    b = np.zeros(x.shape[1])
    trace = [_log_likelihood(x @ b + offset, events)]
    for _ in range(MAX_STEPS):
        p = expit(x @ b + offset)
        gradient = x.T @ (events - p)
        information = (x * (p * (1 - p))[:, None]).T @ x
        step = np.linalg.lstsq(information, gradient, rcond=None)[0]
        if float(gradient @ step) < SETTLED * events.size:
            # Where events are separated each step adds about 1 to the log odds and gains nothing.
            if np.abs(x @ step).max() > STILL_MOVING:
                break
            return _finished(x, b + step, events, offset, lengths)
        while _log_likelihood(x @ (b + step) + offset, events) < trace[-1]:
            step = step / 2
        b = b + step
        trace.append(_log_likelihood(x @ b + offset, events))
    raise ConvergenceError(SEPARATED.format(names=", ".join(names)), trace=trace)


def _finished(
    x: Floats, b: Floats, events: Events, offset: Floats | float, lengths: Floats
) -> LogisticFit:
    log_odds = x @ b + offset
    p = expit(log_odds)
    information = (x * (p * (1 - p))[:, None]).T @ x
    return LogisticFit(
        coefficients=b / lengths,
        covariance=np.linalg.inv(information) / np.outer(lengths, lengths),
        log_likelihood=_log_likelihood(log_odds, events),
    )


def _log_likelihood(log_odds: Floats, events: Events) -> float:
    return float(log_expit(np.where(events, log_odds, -log_odds)).sum())
