"""Models of the risk of an event, such as osteoporosis or a fracture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import expit, log_expit

from enthesis.cohort.binary import Events, left_out
from enthesis.cohort.calibration import Calibration, calibration
from enthesis.cohort.logistic import fit_logistic
from enthesis.cohort.penalised import Penalty, check_penalty, fit_penalised
from enthesis.cohort.predictors import Predictors, design_columns, learn_predictors, read_events
from enthesis.cohort.ratings import check_level
from enthesis.cohort.roc import Roc, roc
from enthesis.errors import InputError

Floats = NDArray[np.float64]

EVENTS_PER_COEFFICIENT = 10
"""Fewer events than this for each coefficient, and an unpenalised model is too optimistic
(Peduzzi et al. 1996, doi:10.1016/S0895-4356(96)00236-3)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RiskModel:
    """A logistic model of a risk.

    Parameters
    ----------
    outcome : column of the event
    predictors : how columns become numbers
    names : (p,) of the coefficients, the intercept first
    coefficients : (p,) log odds per unit of each predictor
    std_errors, ci_lower, ci_upper, p_values : (p,), Wald; NaN with a penalty, which makes
        coefficients biased on purpose
    log_likelihood : in these subjects
    penalty : "none", "ridge", "lasso" or "elastic_net"
    strength : inverse strength C of the penalty, infinite for none
    events : (n,) what happened
    risks : (n,) predicted for these subjects, apparent
    rows : (n,) index of the subjects in the table
    n_missing : rows left out because a value is missing
    level : confidence level, 0 to 1
    notes : what is doubtful
    """

    outcome: str
    predictors: Predictors
    names: tuple[str, ...]
    coefficients: Floats
    std_errors: Floats
    ci_lower: Floats
    ci_upper: Floats
    p_values: Floats
    log_likelihood: float
    penalty: Penalty
    strength: float
    events: Events
    risks: Floats
    rows: pd.Index[Any]
    n_missing: int
    level: float
    notes: tuple[str, ...]

    def predict(self, table: pd.DataFrame) -> Floats:
        """Risks of other subjects, (n,); NaN where a predictor is missing.

        Parameters
        ----------
        table : with the columns of the predictors

        Raises
        ------
        InputError : a column is missing, or holds a text that the model has not met.
        """
        columns = design_columns(table, self.predictors)
        risks: Floats = expit(self.coefficients[0] + columns @ self.coefficients[1:])
        return risks

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient: log odds, odds ratio with interval, p-value."""
        return pd.DataFrame(
            {
                "term": self.names,
                "coefficient": self.coefficients,
                "std_error": self.std_errors,
                "odds_ratio": np.exp(self.coefficients),
                "ci_lower": np.exp(self.ci_lower),
                "ci_upper": np.exp(self.ci_upper),
                "p_value": self.p_values,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Performance:
    """How good predicted risks are.

    Parameters
    ----------
    roc : discrimination
    calibration : calibration and Brier score
    """

    roc: Roc
    calibration: Calibration

    def to_dict(self) -> dict[str, float]:
        """Measure → value."""
        return {
            "auc": self.roc.auc,
            "brier": self.calibration.brier,
            "brier_scaled": self.calibration.brier_scaled,
            "calibration_intercept": self.calibration.intercept,
            "calibration_slope": self.calibration.slope,
            "ici": self.calibration.ici,
        }


def risk_model(
    table: pd.DataFrame,
    *,
    outcome: str,
    predictors: Sequence[str],
    penalty: Penalty = "none",
    subject: str = "subject",
    folds: int = 5,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> RiskModel:
    """Logistic model of an event.

    Parameters
    ----------
    table : a row per subject; rows with a missing value are left out and counted
    outcome : column of 1 (event) and 0 (none)
    predictors : columns of numbers or texts; texts become indicators of their levels
    penalty : "none" for maximum likelihood; "ridge", "lasso" or "elastic_net" (half of each) shrink
        the coefficients of standardised predictors by as much as cross-validation asks for
    subject : column of the subjects, whose rows stay together in cross-validation, if it is there
    folds : of the cross-validation that chooses the strength of the penalty
    level : confidence level, 0 to 1
    rng : for the folds; a fixed one if not given, so that the same data give the same model

    Raises
    ------
    InputError : a column is missing or never varies, or only one outcome is there.
    ConvergenceError : without penalty, predictors that separate events from others.

    Notes
    -----
    How good the model is in the subjects it was fitted to flatters it: see `bootstrap_optimism` and
    `nested_cross_validation`.

    References
    ----------
    Steyerberg EW. Clinical prediction models. 2nd ed. 2019. doi:10.1007/978-3-030-16399-0
    """
    check_level(level)
    check_penalty(penalty)
    events = read_events(table, outcome)
    learned = learn_predictors(table, predictors, outcome=outcome)
    columns = design_columns(table, learned)
    whole = ~(np.isnan(events) | np.isnan(columns).any(axis=1))
    y = events[whole] == 1
    _check_both(y, int((~whole).sum()))
    # Learned again, for a level may occur only where another value is missing.
    learned = learn_predictors(table[whole], predictors, outcome=outcome)
    x = design_columns(table[whole], learned)
    owners = _owners(table, subject)[whole]
    names = ("intercept", *learned.names)
    chance = np.random.default_rng(0) if rng is None else rng
    coefficients, covariance, strength = _fitted(x, y, owners, names, penalty, folds, chance)
    log_odds = coefficients[0] + x @ coefficients[1:]
    std_errors = np.sqrt(np.diag(covariance))
    reach = float(stats.norm.ppf((1 + level) / 2)) * std_errors
    return RiskModel(
        outcome=outcome,
        predictors=learned,
        names=names,
        coefficients=coefficients,
        std_errors=std_errors,
        ci_lower=coefficients - reach,
        ci_upper=coefficients + reach,
        p_values=2 * stats.norm.sf(np.abs(coefficients) / std_errors),
        log_likelihood=float(log_expit(np.where(y, log_odds, -log_odds)).sum()),
        penalty=penalty,
        strength=strength,
        events=y,
        risks=expit(log_odds),
        rows=table.index[whole],
        n_missing=int((~whole).sum()),
        level=level,
        notes=_notes(y, len(names) - 1, penalty, owners, int((~whole).sum())),
    )


def performance(outcome: ArrayLike, risks: ArrayLike, *, level: float = 0.95) -> Performance:
    """Discrimination, calibration and Brier score of predicted risks.

    Parameters
    ----------
    outcome : (n,) 1 for an event, 0 for none
    risks : (n,) 0 to 1; pairs with a NaN are left out
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : a risk outside 0 to 1, or only one outcome.
    """
    return Performance(
        roc=roc(outcome, risks, level=level),
        calibration=calibration(outcome, risks, level=level),
    )


def _fitted(
    x: Floats,
    y: Events,
    owners: NDArray[np.intp],
    names: Sequence[str],
    penalty: Penalty,
    folds: int,
    rng: np.random.Generator,
) -> tuple[Floats, Floats, float]:
    """Coefficients, their covariance (NaN with a penalty) and the penalty's inverse strength."""
    if penalty == "none":
        fit = fit_logistic(np.column_stack([np.ones(y.size), x]), y, names=names)
        return fit.coefficients, fit.covariance, np.inf
    coefficients, strength = fit_penalised(
        x, y, owners, names=names, penalty=penalty, folds=folds, rng=rng
    )
    return coefficients, np.full((len(names), len(names)), np.nan), strength


def _owners(table: pd.DataFrame, subject: str) -> NDArray[np.intp]:
    """Whose each row is, as a number; a row's own if the table does not say."""
    if subject not in table.columns:
        return np.arange(len(table))
    codes, _ = pd.factorize(table[subject])
    if (codes < 0).any():
        raise InputError(
            f"row {int(np.flatnonzero(codes < 0)[0]) + 1} names no subject in the column "
            f"{subject!r}; fill it in"
        )
    return codes


def _check_both(y: Events, n_missing: int) -> None:
    n_events = int(y.sum())
    if not 0 < n_events < y.size:
        lost = f" ({n_missing} rows lack a value)" if n_missing else ""
        raise InputError(
            f"subjects with and without the event are needed, got {n_events} events in {y.size} "
            f"complete rows{lost}"
        )


def _notes(
    y: Events, n_slopes: int, penalty: str, owners: NDArray[np.intp], n_missing: int
) -> tuple[str, ...]:
    notes = list(left_out(n_missing))
    rarer = min(int(y.sum()), int((~y).sum()))
    if penalty == "none" and rarer < EVENTS_PER_COEFFICIENT * n_slopes:
        notes.append(
            f"{rarer} events (or subjects without) for {n_slopes} coefficients are fewer than "
            f"{EVENTS_PER_COEFFICIENT} each: expect optimism; fewer predictors or penalty='ridge'"
        )
    n_subjects = np.unique(owners).size
    if n_subjects < y.size:
        notes.append(
            f"{y.size} rows come from {n_subjects} subjects but count as independent: intervals "
            "are too narrow"
        )
    return tuple(notes)
