"""What acting on a predicted risk would gain: decision curve and reclassification."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from enthesis.cohort.binary import check_probabilities, events_and, left_out
from enthesis.errors import InputError

Floats = NDArray[np.float64]

THRESHOLDS = tuple(float(x) for x in np.round(np.arange(0.01, 1.0, 0.01), 2))
"""Risks at which one might act."""

NRI_CAVEAT = (
    "net reclassification can rise for a useless or badly calibrated predictor; report it only "
    "beside the difference in AUC, calibration and net benefit, and its two parts apart "
    "(Hilden & Gerds 2014, doi:10.1002/sim.5804; Pepe et al. 2015, doi:10.1007/s12561-014-9118-0)"
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DecisionCurve:
    """Net benefit of acting at each threshold.

    Parameters
    ----------
    thresholds : (t,) risk at or above which one acts
    model, treat_all : (t,) net benefit, events per subject; that of acting on nobody is 0
    n, n_events : subjects
    notes : what is doubtful
    """

    thresholds: Floats
    model: Floats
    treat_all: Floats
    n: int
    n_events: int
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row per threshold."""
        return pd.DataFrame(
            {
                "threshold": self.thresholds,
                "model": self.model,
                "treat_all": self.treat_all,
                "treat_none": 0.0,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Reclassification:
    """Net reclassification by a new risk.

    Parameters
    ----------
    events, others : share of those with the event that move up less that move down, and of those
        without it that move down less that move up
    total : their sum, which is no share of anything
    std_error : of the sum
    cutoffs : borders of the classes; empty if any change counts
    notes : the caveat, and what is doubtful
    """

    events: float
    others: float
    total: float
    std_error: float
    cutoffs: tuple[float, ...]
    notes: tuple[str, ...]


def decision_curve(
    outcome: ArrayLike, predicted: ArrayLike, *, thresholds: Sequence[float] = THRESHOLDS
) -> DecisionCurve:
    """Net benefit of acting on a risk, at each risk that might call for action.

    Parameters
    ----------
    outcome : (n,) 1 for an event, 0 for none
    predicted : (n,) risks, 0 to 1; pairs with a NaN are left out
    thresholds : between 0 and 1

    Raises
    ------
    InputError : a threshold or risk outside its range, or only one outcome.

    References
    ----------
    Vickers AJ, Elkin EB. Med Decis Making 2006;26:565-574. doi:10.1177/0272989X06295361
    """
    events, (risks,), n_missing = events_and(outcome, predicted)
    check_probabilities(risks)
    at = np.asarray(thresholds, dtype=np.float64)
    wrong = at[~((at > 0) & (at < 1))]
    if wrong.size:
        raise InputError(f"a threshold lies between 0 and 1, got {wrong[0]:g}")
    odds = at / (1 - at)
    acted = risks[None] >= at[:, None]
    true = (acted & events).sum(axis=1) / events.size
    false = (acted & ~events).sum(axis=1) / events.size
    share = float(events.mean())
    return DecisionCurve(
        thresholds=at,
        model=true - false * odds,
        treat_all=share - (1 - share) * odds,
        n=events.size,
        n_events=int(events.sum()),
        notes=left_out(n_missing),
    )


def reclassification(
    outcome: ArrayLike, old: ArrayLike, new: ArrayLike, *, cutoffs: Sequence[float] = ()
) -> Reclassification:
    """Net reclassification improvement, with its caveat.

    Parameters
    ----------
    outcome : (n,) 1 for an event, 0 for none
    old, new : (n,) risks, 0 to 1; subjects with a NaN are left out
    cutoffs : rising borders of the classes, the upper class at or above; if empty any change counts

    Raises
    ------
    InputError : a risk outside 0 to 1, cutoffs that do not rise, or only one outcome.

    References
    ----------
    Pencina MJ et al. Stat Med 2008;27:157-172. doi:10.1002/sim.2929
    Pencina MJ et al. Stat Med 2011;30:11-21. doi:10.1002/sim.4085
    """
    events, (before, after), n_missing = events_and(outcome, old, new)
    check_probabilities(before)
    check_probabilities(after)
    borders = np.asarray(cutoffs, dtype=np.float64)
    if borders.size and not ((np.diff(borders) > 0).all() and borders[0] > 0 and borders[-1] < 1):
        raise InputError(
            f"cutoffs rise from above 0 to below 1, got {', '.join(f'{x:g}' for x in borders)}"
        )
    classes = [np.searchsorted(borders, x, "right") if borders.size else x for x in (before, after)]
    up, down = classes[1] > classes[0], classes[1] < classes[0]
    parts, variance = [], 0.0
    for who, good, bad in ((events, up, down), (~events, down, up)):
        n = int(who.sum())
        gained, lost = float(good[who].mean()), float(bad[who].mean())
        parts.append(gained - lost)
        variance += (gained + lost - (gained - lost) ** 2) / n
    return Reclassification(
        events=parts[0],
        others=parts[1],
        total=sum(parts),
        std_error=float(np.sqrt(variance)),
        cutoffs=tuple(float(x) for x in borders),
        notes=(NRI_CAVEAT, *left_out(n_missing)),
    )
