"""Whether predicted risks are as high as what happens: calibration and Brier score."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.special import logit

from enthesis.cohort.binary import check_probabilities, events_and, left_out
from enthesis.cohort.logistic import fit_logistic
from enthesis.cohort.ratings import check_level
from enthesis.errors import ConvergenceError

Floats = NDArray[np.float64]

EDGE = 1e-12
"""Risks are kept this far from 0 and 1, whose log odds are infinite."""

SPAN = 2 / 3
"""Share of the subjects that each point of the smooth curve looks at: Cleveland's default."""

STEP = 0.01
"""The curve is computed at points this share of the range apart and is straight between them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Predicted risks against what happened.

    Parameters
    ----------
    intercept, intercept_lower, intercept_upper : calibration in the large: log odds that are
        missing from the predictions on average; 0 is ideal, above 0 risks are too low
    slope, slope_lower, slope_upper : 1 is ideal, below 1 risks are too extreme; NaN where it cannot
        be estimated
    observed, expected : share of events, and mean predicted risk
    ici, e50, e90, e_max : mean, median, 90th percentile and maximum of |smooth curve - predicted|
    eci : mean of the square of it, times 100
    predicted, smooth : (n,) the curve, by rising predicted risk
    brier : mean squared error of the risks
    brier_scaled : 1 - brier / that of predicting the share of events for everyone
    n, n_events : subjects
    level : confidence level, 0 to 1
    notes : what is doubtful
    """

    intercept: float
    intercept_lower: float
    intercept_upper: float
    slope: float
    slope_lower: float
    slope_upper: float
    observed: float
    expected: float
    ici: float
    e50: float
    e90: float
    e_max: float
    eci: float
    predicted: Floats
    smooth: Floats
    brier: float
    brier_scaled: float
    n: int
    n_events: int
    level: float
    notes: tuple[str, ...]

    def summary(self) -> str:
        """One line, as a paper prints it."""
        return (
            f"Calibration intercept {self.intercept:.2f} ({self.intercept_lower:.2f} to "
            f"{self.intercept_upper:.2f}), slope {self.slope:.2f} ({self.slope_lower:.2f} to "
            f"{self.slope_upper:.2f}), ICI {self.ici:.3f}, Brier {self.brier:.3f}"
        )


def calibration(outcome: ArrayLike, predicted: ArrayLike, *, level: float = 0.95) -> Calibration:
    """Calibration in the large, slope, smooth curve and its distance from the diagonal.

    Parameters
    ----------
    outcome : (n,) 1 for an event, 0 for none
    predicted : (n,) risks, 0 to 1; pairs with a NaN are left out
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : a risk outside 0 to 1, or only one outcome.

    Notes
    -----
    The curve is Cleveland's lowess without robustness steps. In the subjects that a model was
    fitted to, intercept and slope are 0 and 1 by construction and say nothing.

    References
    ----------
    Van Calster B et al. J Clin Epidemiol 2016;74:167-176. doi:10.1016/j.jclinepi.2015.12.005
    Austin PC, Steyerberg EW. Stat Med 2019;38:4051-4065. doi:10.1002/sim.8281
    Van Hoorde K et al. J Biomed Inform 2015;54:283-293. doi:10.1016/j.jbi.2014.12.016
    Steyerberg EW et al. Epidemiology 2010;21:128-138. doi:10.1097/EDE.0b013e3181c30fb2
    """
    check_level(level)
    events, (risks,), n_missing = events_and(outcome, predicted)
    check_probabilities(risks)
    notes = left_out(n_missing)
    at_edge = int(((risks < EDGE) | (risks > 1 - EDGE)).sum())
    if at_edge:
        notes += (f"{at_edge} risks are 0 or 1, which no intercept or slope can mend",)
    log_odds = logit(np.clip(risks, EDGE, 1 - EDGE))
    large = fit_logistic(np.ones((events.size, 1)), events, names=["intercept"], offset=log_odds)
    z = float(stats.norm.ppf((1 + level) / 2))
    reach = z * float(np.sqrt(large.covariance[0, 0]))
    intercept = float(large.coefficients[0])
    slope, slope_reach, why = _slope(log_odds, events, z)
    order = np.argsort(risks, kind="stable")
    smooth = smooth_curve(events[order].astype(np.float64), risks[order])
    gaps = np.abs(smooth - risks[order])
    brier = float(np.mean((events - risks) ** 2))
    share = float(events.mean())
    return Calibration(
        intercept=intercept,
        intercept_lower=intercept - reach,
        intercept_upper=intercept + reach,
        slope=slope,
        slope_lower=slope - slope_reach,
        slope_upper=slope + slope_reach,
        observed=share,
        expected=float(risks.mean()),
        ici=float(gaps.mean()),
        e50=float(np.median(gaps)),
        e90=float(np.quantile(gaps, 0.9)),
        e_max=float(gaps.max()),
        eci=100 * float(np.mean(gaps**2)),
        predicted=risks[order],
        smooth=smooth,
        brier=brier,
        brier_scaled=1 - brier / (share * (1 - share)),
        n=events.size,
        n_events=int(events.sum()),
        level=level,
        notes=notes + why,
    )


def smooth_curve(outcome: Floats, risks: Floats) -> Floats:
    """Share of events at each risk, (n,), by local lines.

    Parameters
    ----------
    outcome : (n,) 0 or 1
    risks : (n,) in rising order

    References
    ----------
    Cleveland WS. J Am Stat Assoc 1979;74:829-836. doi:10.1080/01621459.1979.10481038
    """
    window = min(max(int(SPAN * risks.size + 1e-7), 2), risks.size)
    step = STEP * float(risks[-1] - risks[0])
    places, fitted = [], []
    place = 0
    while place < risks.size:
        places.append(risks[place])
        fitted.append(_local_line(outcome, risks, float(risks[place]), window))
        # On to the last subject within a step, and past all who share this risk.
        within = int(np.searchsorted(risks, risks[place] + step, "right")) - 1
        beyond = int(np.searchsorted(risks, risks[place], "right"))
        place = max(beyond, within)
    curve: Floats = np.interp(risks, places, fitted)
    return curve


def _local_line(outcome: Floats, risks: Floats, at: float, window: int) -> float:
    """Line through the nearest subjects, weighted by their distance, at one risk."""
    distances = np.abs(risks - at)
    reach = float(np.partition(distances, window - 1)[window - 1])
    if reach == 0:
        return float(outcome[distances == 0].mean())
    weights = np.clip(1 - (distances / reach) ** 3, 0, None) ** 3
    weights = weights / weights.sum()
    centre = float(weights @ risks)
    spread = float(weights @ (risks - centre) ** 2)
    mean = float(weights @ outcome)
    # Nearly all weight on one risk gives no slope.
    if np.sqrt(spread) <= 0.001 * float(risks[-1] - risks[0]):
        return mean
    slope = float(weights @ ((risks - centre) * outcome)) / spread
    return mean + slope * (at - centre)


def _slope(
    log_odds: Floats, events: NDArray[np.bool_], z: float
) -> tuple[float, float, tuple[str, ...]]:
    if np.ptp(log_odds) == 0:
        return np.nan, np.nan, ("every subject has the same risk: there is no slope",)
    design = np.column_stack([np.ones(events.size), log_odds])
    try:
        fit = fit_logistic(design, events, names=["intercept", "slope"])
    except ConvergenceError:
        return np.nan, np.nan, ("the risks separate events completely: the slope is infinite",)
    return float(fit.coefficients[1]), z * float(np.sqrt(fit.covariance[1, 1])), ()
