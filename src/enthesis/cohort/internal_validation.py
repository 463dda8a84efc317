"""What a risk model would be worth in new subjects, judged by those at hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis.cohort.penalised import Penalty, grouped_folds
from enthesis.cohort.prediction import Performance, RiskModel, performance, risk_model
from enthesis.errors import ConvergenceError, InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Optimism:
    """How much a model flatters itself, by the bootstrap.

    Parameters
    ----------
    table : index measure; columns apparent, optimism, corrected
    n_boot : resamples used
    n_failed : resamples in which the model could not be fitted
    notes : what is doubtful
    """

    table: pd.DataFrame
    n_boot: int
    n_failed: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CrossValidation:
    """Risks of subjects that the model had not seen.

    Parameters
    ----------
    rows : (n,) index of the rows in the table
    events, risks : (n,) what happened, and what was predicted, averaged over repeats
    performance : of these risks
    folds : a row per repeat and fold: its size, events, strength of penalty, mean log-likelihood
    notes : what is doubtful
    """

    rows: pd.Index[Any]
    events: NDArray[np.bool_]
    risks: Floats
    performance: Performance
    folds: pd.DataFrame
    notes: tuple[str, ...]


def bootstrap_optimism(
    table: pd.DataFrame,
    *,
    outcome: str,
    predictors: Sequence[str],
    rng: np.random.Generator,
    penalty: Penalty = "none",
    subject: str = "subject",
    n_boot: int = 200,
) -> Optimism:
    """Performance corrected for optimism: every step of the modelling repeated in resamples.

    Parameters
    ----------
    table, outcome, predictors, penalty, subject : as in `risk_model`
    rng : draws the resamples
    n_boot : resamples of subjects; Harrell uses 200 or more

    Raises
    ------
    InputError : as in `risk_model`, or more than half of the resamples cannot be fitted.

    Notes
    -----
    Optimism is the mean, over resamples, of the resample model's performance in the resample minus
    in the subjects at hand.

    References
    ----------
    Harrell FE, Lee KL, Mark DB. Stat Med 1996;15:361-387.
    doi:10.1002/(SICI)1097-0258(19960229)15:4<361::AID-SIM168>3.0.CO;2-4
    """
    model = risk_model(
        table, outcome=outcome, predictors=predictors, penalty=penalty, subject=subject
    )
    used = table.loc[model.rows]
    # A subject drawn twice is still one: the folds that choose a penalty must not part its copies.
    owners = _codes(used, subject)
    used = used.assign(**{subject: owners})
    apparent = performance(model.events, model.risks).to_dict()
    places = _places(owners)
    gaps = []
    for _ in range(n_boot):
        drawn = rng.integers(len(places), size=len(places))
        rows = np.concatenate([places[i] for i in drawn])
        resample = used.iloc[rows]
        try:
            again = risk_model(
                resample, outcome=outcome, predictors=predictors, penalty=penalty, subject=subject
            )
            own = performance(again.events, again.risks).to_dict()
            there = performance(model.events, again.predict(used)).to_dict()
        except (InputError, ConvergenceError):
            continue
        gaps.append({name: own[name] - there[name] for name in own})
    n_failed = n_boot - len(gaps)
    if len(gaps) <= n_boot / 2:
        raise InputError(
            f"the model could not be fitted in {n_failed} of {n_boot} resamples; use fewer "
            "predictors or penalty='ridge'"
        )
    optimism = pd.DataFrame(gaps).mean()
    start = pd.Series(apparent)
    notes = (
        (f"{n_failed} of {n_boot} resamples could not be fitted and were left out",)
        if n_failed
        else ()
    )
    return Optimism(
        table=pd.DataFrame(
            {"apparent": start, "optimism": optimism, "corrected": start - optimism}
        ).rename_axis("measure"),
        n_boot=len(gaps),
        n_failed=n_failed,
        notes=notes,
    )


def nested_cross_validation(
    table: pd.DataFrame,
    *,
    outcome: str,
    predictors: Sequence[str],
    rng: np.random.Generator,
    penalty: Penalty = "ridge",
    subject: str = "subject",
    folds: int = 5,
    inner_folds: int = 5,
    repeats: int = 1,
) -> CrossValidation:
    """Risks of subjects that were seen neither by the model nor by the choice of its penalty.

    Parameters
    ----------
    table, outcome, predictors, penalty, subject : as in `risk_model`; all rows of a subject stay
        together
    rng : shuffles the folds
    folds : outer, that judge
    inner_folds : inner, that choose the strength of the penalty
    repeats : of the whole, with other folds

    Raises
    ------
    InputError : as in `risk_model`, or too few subjects for the folds.

    References
    ----------
    Varma S, Simon R. BMC Bioinformatics 2006;7:91. doi:10.1186/1471-2105-7-91
    """
    if repeats < 1:
        raise InputError(f"one repeat or more is wanted, got {repeats}")
    first = risk_model(
        table, outcome=outcome, predictors=predictors, penalty=penalty, subject=subject
    )
    used = table.loc[first.rows]
    owners = _codes(used, subject)
    total = np.zeros(len(used))
    judged = []
    for repeat in range(repeats):
        risks = np.full(len(used), np.nan)
        for train, test in grouped_folds(first.events, owners, folds=folds, rng=rng):
            model = risk_model(
                used.iloc[train],
                outcome=outcome,
                predictors=predictors,
                penalty=penalty,
                subject=subject,
                folds=inner_folds,
                rng=rng,
            )
            risks[test] = model.predict(used.iloc[test])
            judged.append(
                {
                    "repeat": repeat + 1,
                    "n": test.size,
                    "n_events": int(first.events[test].sum()),
                    "strength": model.strength,
                    "log_likelihood": _log_likelihood(first, test, risks),
                }
            )
        total += risks
    risks = total / repeats
    notes = list(first.notes)
    notes.append(
        "the interval of the area takes the risks as given; it leaves out that the folds' models "
        "differ"
    )
    return CrossValidation(
        rows=first.rows,
        events=first.events,
        risks=risks,
        performance=performance(first.events, risks),
        folds=pd.DataFrame(judged),
        notes=tuple(notes),
    )


def _log_likelihood(model: RiskModel, test: NDArray[np.intp], risks: Floats) -> float:
    right = np.where(model.events[test], risks[test], 1 - risks[test])
    return float(np.log(np.maximum(right, np.finfo(float).tiny)).mean())


def _codes(table: pd.DataFrame, subject: str) -> NDArray[np.intp]:
    if subject not in table.columns:
        return np.arange(len(table))
    codes: NDArray[np.intp] = pd.factorize(table[subject])[0]
    return codes


def _places(owners: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Positions of the rows of each subject."""
    order = np.argsort(owners, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(owners[order])) + 1)
