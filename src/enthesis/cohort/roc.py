"""How well a number tells those with an event from those without: ROC curve and its area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from enthesis.cohort.binary import Events, events_and, left_out
from enthesis.cohort.ratings import check_level
from enthesis.errors import InputError

Floats = NDArray[np.float64]

BACKWARDS = (
    "the area is below 0.5: lower values go with the event; give the negative of the number if "
    "that is what is expected"
)
PERFECT = "the number separates the two groups completely: DeLong's interval has no width"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roc:
    """ROC curve of one number.

    Parameters
    ----------
    auc, ci_lower, ci_upper : area with DeLong's interval, cut at 0 and 1
    std_error : DeLong's
    thresholds : (k,) falling; at or above them the number counts as positive
    sensitivity, specificity : (k,)
    n_events, n_others : subjects with and without the event
    level : confidence level, 0 to 1
    notes : what is doubtful
    """

    auc: float
    ci_lower: float
    ci_upper: float
    std_error: float
    thresholds: Floats
    sensitivity: Floats
    specificity: Floats
    n_events: int
    n_others: int
    level: float
    notes: tuple[str, ...]

    def summary(self) -> str:
        """One line, as a paper prints it."""
        return (
            f"AUC {self.auc:.3f} ({100 * self.level:g}% CI {self.ci_lower:.3f} to "
            f"{self.ci_upper:.3f}), {self.n_events} events, {self.n_others} without"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AucDifference:
    """Areas of two numbers in the same subjects.

    Parameters
    ----------
    first, second : the areas
    estimate, ci_lower, ci_upper : first - second
    std_error : DeLong's, with the two areas' covariance
    z, p_value : two-sided; NaN where the difference does not vary
    n_events, n_others : subjects with and without the event that have both numbers
    notes : what is doubtful
    """

    first: float
    second: float
    estimate: float
    ci_lower: float
    ci_upper: float
    std_error: float
    z: float
    p_value: float
    n_events: int
    n_others: int
    notes: tuple[str, ...]


def roc(outcome: ArrayLike, number: ArrayLike, *, level: float = 0.95) -> Roc:
    """ROC curve and area with DeLong's interval.

    Parameters
    ----------
    outcome : (n,) 1 for an event, 0 for none
    number : (n,) higher where the event is likelier; pairs with a NaN are left out
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : outcomes other than 0 and 1, or only one of them.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    Sun X, Xu W. IEEE Signal Process Lett 2014;21:1389-1393. doi:10.1109/LSP.2014.2337313
    """
    check_level(level)
    events, (values,), n_missing = events_and(outcome, number)
    (auc,), covariance = delong(events, values[None])
    std_error = float(np.sqrt(covariance[0, 0]))
    reach = float(stats.norm.ppf((1 + level) / 2)) * std_error
    thresholds, positives = np.unique(values, return_inverse=True)
    hits = np.bincount(positives, weights=events)[::-1].cumsum()
    alarms = np.bincount(positives, weights=~events)[::-1].cumsum()
    notes = left_out(n_missing)
    if auc < 0.5:
        notes += (BACKWARDS,)
    if auc in (0.0, 1.0):
        notes += (PERFECT,)
    return Roc(
        auc=float(auc),
        ci_lower=max(0.0, float(auc) - reach),
        ci_upper=min(1.0, float(auc) + reach),
        std_error=std_error,
        thresholds=np.concatenate([[np.inf], thresholds[::-1]]),
        sensitivity=np.concatenate([[0.0], hits / hits[-1]]),
        specificity=np.concatenate([[1.0], 1 - alarms / alarms[-1]]),
        n_events=int(events.sum()),
        n_others=int((~events).sum()),
        level=level,
        notes=notes,
    )


def compare_roc(
    outcome: ArrayLike, first: ArrayLike, second: ArrayLike, *, level: float = 0.95
) -> AucDifference:
    """Difference of two areas in the same subjects, with DeLong's paired test.

    Parameters
    ----------
    outcome : (n,) 1 for an event, 0 for none
    first, second : (n,) higher where the event is likelier; subjects with a NaN are left out
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : outcomes other than 0 and 1, or only one of them.

    Notes
    -----
    A model against one that it contains, both fitted to these subjects, breaks the test's theory
    (Demler 2012): compare them by likelihood, or on other subjects.

    References
    ----------
    DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845. doi:10.2307/2531595
    Demler OV, Pencina MJ, D'Agostino RB. Stat Med 2012;31:2577-2587. doi:10.1002/sim.5328
    """
    check_level(level)
    events, numbers, n_missing = events_and(outcome, first, second)
    aucs, covariance = delong(events, np.array(numbers))
    estimate = float(aucs[0] - aucs[1])
    # Two numbers of one order have no variance of difference; rounding may leave it below zero.
    variance = float(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    std_error = float(np.sqrt(variance)) if variance > 1e-14 else 0.0
    notes = left_out(n_missing)
    if std_error:
        z = estimate / std_error
        p_value = float(2 * stats.norm.sf(abs(z)))
    else:
        z = p_value = np.nan
        notes += ("the two numbers put the subjects in the same order: nothing to test",)
    reach = float(stats.norm.ppf((1 + level) / 2)) * std_error
    return AucDifference(
        first=float(aucs[0]),
        second=float(aucs[1]),
        estimate=estimate,
        ci_lower=estimate - reach,
        ci_upper=estimate + reach,
        std_error=std_error,
        z=z,
        p_value=p_value,
        n_events=int(events.sum()),
        n_others=int((~events).sum()),
        notes=notes,
    )


def delong(events: Events, numbers: Floats) -> tuple[Floats, Floats]:
    """Areas of several numbers in the same subjects, and their covariance.

    Parameters
    ----------
    events : (n,)
    numbers : (r, n), higher where the event is likelier

    Returns
    -------
    Areas (r,) and covariance (r, r), by midranks in n log n; ties count half.

    Raises
    ------
    InputError : fewer than two subjects with or without the event, for whom nothing varies.
    """
    m, n = int(events.sum()), int((~events).sum())
    if min(m, n) < 2:
        raise InputError(
            f"DeLong's variance needs two subjects or more with and without the event, got {m} "
            f"and {n}"
        )
    ranks = stats.rankdata(numbers, axis=1)
    own = stats.rankdata(numbers[:, events], axis=1)
    others = stats.rankdata(numbers[:, ~events], axis=1)
    # Share of those without the event that each event exceeds, and the other way round.
    above = (ranks[:, events] - own) / n
    below = 1 - (ranks[:, ~events] - others) / m
    covariance = np.atleast_2d(np.cov(above)) / m + np.atleast_2d(np.cov(below)) / n
    return above.mean(axis=1), covariance
