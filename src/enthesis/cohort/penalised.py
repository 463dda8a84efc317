"""Logistic regression that shrinks its coefficients, by as much as cross-validation asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit

from enthesis._optional import optional
from enthesis.cohort.binary import Events
from enthesis.errors import InputError

Floats = NDArray[np.float64]
Penalty = Literal["none", "ridge", "lasso", "elastic_net"]

L1_SHARE: dict[str, float] = {"ridge": 0.0, "lasso": 1.0, "elastic_net": 0.5}
"""Share of the absolute in the penalty, the rest being squares."""

STRENGTHS = np.logspace(-3, 3, 13)
"""Inverse strengths C tried: predictors are standardised, so that this spans none to all."""

MAX_ITERATIONS = 20_000
TOLERANCE = 1e-6


def check_penalty(penalty: str) -> None:
    """Pass if this is a penalty.

    Raises
    ------
    InputError : it is not.
    """
    if penalty not in get_args(Penalty):
        raise InputError(f"penalty is one of {', '.join(get_args(Penalty))}, got {penalty!r}")


def fit_penalised(
    x: Floats,
    events: Events,
    owners: NDArray[np.intp],
    *,
    names: Sequence[str],
    penalty: Penalty,
    folds: int,
    rng: np.random.Generator,
) -> tuple[Floats, float]:
    """Coefficients with the strength of penalty that predicts best, and that strength.

    Parameters
    ----------
    x : (n, p) without the intercept
    events : (n,)
    owners : (n,) whose rows stay in one fold
    names : (p + 1,) for messages
    penalty : not "none"
    folds : of the cross-validation
    rng : shuffles the folds

    Returns
    -------
    (p + 1,) log odds per unit, the intercept first, not shrunken; and C.

    Raises
    ------
    InputError : too few subjects for the folds, or a predictor that never varies.
    """
    if not x.std(axis=0).all():
        flat = names[1 + int(np.flatnonzero(x.std(axis=0) == 0)[0])]
        raise InputError(f"the predictor {flat!r} never varies; leave it out")
    scores = np.zeros(STRENGTHS.size)
    for train, test in grouped_folds(events, owners, folds=folds, rng=rng):
        for i, strength in enumerate(STRENGTHS):
            b = _fit(x[train], events[train], penalty, float(strength))
            log_odds = b[0] + x[test] @ b[1:]
            scores[i] += log_expit(np.where(events[test], log_odds, -log_odds)).sum()
    best = float(STRENGTHS[int(np.argmax(scores))])
    return _fit(x, events, penalty, best), best


def grouped_folds(
    events: Events, owners: NDArray[np.intp], *, folds: int, rng: np.random.Generator
) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    """Rows to fit and rows to judge by, with a like share of events and no subject in both.

    Parameters
    ----------
    events : (n,)
    owners : (n,) whose each row is
    folds : 2 or more
    rng : shuffles the subjects

    Raises
    ------
    InputError : fewer subjects with or without the event than folds.
    """
    fewest = min(np.unique(owners[events]).size, np.unique(owners[~events]).size)
    if not 2 <= folds <= fewest:
        raise InputError(
            f"{folds} folds need 2 to {fewest} of them here, one for each subject of the rarer "
            "outcome at most; choose fewer folds"
        )
    selection = optional("sklearn.model_selection", extra="stats", purpose="cross-validation")
    splitter = selection.StratifiedGroupKFold(
        n_splits=folds, shuffle=True, random_state=int(rng.integers(2**31))
    )
    return list(splitter.split(events, events, owners))


def _fit(x: Floats, events: Events, penalty: str, strength: float) -> Floats:
    linear = optional("sklearn.linear_model", extra="stats", purpose="a penalised model")
    mean, sd = x.mean(axis=0), x.std(axis=0)
    # A level that a fold lacks carries no information there and stays at zero.
    used = np.where(sd > 0, sd, 1.0)
    share = L1_SHARE[penalty]
    model: Any = linear.LogisticRegression(
        C=strength,
        l1_ratio=share,
        solver="saga" if share else "newton-cholesky",
        max_iter=MAX_ITERATIONS,
        tol=TOLERANCE,
        random_state=0,
    )
    model.fit((x - mean) / used, events)
    slopes = model.coef_[0] / used
    coefficients: Floats = np.concatenate([model.intercept_ - slopes @ mean, slopes])
    return coefficients
