"""Every measure's numbers as rows: name, estimate, interval and unit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from enthesis.cohort.agreement import BlandAltman
from enthesis.cohort.concordance import Concordance
from enthesis.cohort.kappa import Kappa, PercentAgreement
from enthesis.cohort.krippendorff import Alpha
from enthesis.cohort.precision import PrecisionError
from enthesis.cohort.reliability import ICC, MeasurementError

Statistic = ICC | MeasurementError | PrecisionError | PercentAgreement | Kappa | Alpha
PairStatistic = BlandAltman | Concordance | Kappa


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One number of a result.

    Parameters
    ----------
    name : as a table prints it
    value, lower, upper : estimate with its interval; NaN where there is none
    unit : "" for a pure number
    band : Koo and Li's words for an intraclass correlation's interval, "" for all else
    """

    name: str
    value: float
    lower: float = np.nan
    upper: float = np.nan
    unit: str = ""
    band: str = ""


def estimates(result: Statistic | PairStatistic, unit: str) -> tuple[Estimate, ...]:
    """The numbers of a result, in reading order.

    Parameters
    ----------
    result : any of this room's
    unit : of the ratings
    """
    if isinstance(result, ICC):
        return (
            Estimate(
                name=result.form,
                value=result.estimate,
                lower=result.ci_lower,
                upper=result.ci_upper,
                band=result.band,
            ),
        )
    if isinstance(result, MeasurementError):
        sem = _with_interval(
            f"SEM, {result.kind}", (result.sem, result.sem_lower, result.sem_upper), unit
        )
        name = f"SDC{100 * result.level:g}, {result.kind}"
        return sem, Estimate(name=name, value=result.sdc, unit=unit)
    if isinstance(result, PrecisionError):
        return _precision(result, unit)
    if isinstance(result, BlandAltman):
        return _agreement(result, unit)
    if isinstance(result, PercentAgreement):
        return (
            _with_interval(
                "Percent agreement", (result.estimate, result.ci_lower, result.ci_upper), "%"
            ),
        )
    name = {
        Concordance: "Concordance (Lin)",
        Alpha: "Krippendorff alpha",
    }.get(type(result), "")
    if isinstance(result, Kappa):
        weighted = "" if result.weights == "none" else f", {result.weights} weights"
        name = f"{result.kind} kappa{weighted}"
    return (_with_interval(name, (result.estimate, result.ci_lower, result.ci_upper), ""),)


def _precision(result: PrecisionError, unit: str) -> tuple[Estimate, ...]:
    percent = f"{100 * result.level:g}"
    rows = [
        _with_interval("RMS-SD", (result.rms_sd, result.rms_sd_lower, result.rms_sd_upper), unit),
        Estimate(name=f"LSC{percent}", value=result.lsc, unit=unit),
    ]
    if np.isfinite(result.rms_cv):
        rows += [
            _with_interval(
                "RMS-CV", (result.rms_cv, result.rms_cv_lower, result.rms_cv_upper), "%"
            ),
            Estimate(name=f"LSC{percent}, relative", value=result.lsc_percent, unit="%"),
        ]
    return tuple(rows)


def _agreement(result: BlandAltman, unit: str) -> tuple[Estimate, ...]:
    unit = {"difference": unit, "percent": "%", "log": "ratio"}[result.scale]
    slope = result.proportional
    rows = [
        _with_interval("Bias", (result.bias, result.bias_lower, result.bias_upper), unit),
        _with_interval(
            "Lower limit of agreement",
            (result.lower_limit, result.lower_limit_lower, result.lower_limit_upper),
            unit,
        ),
        _with_interval(
            "Upper limit of agreement",
            (result.upper_limit, result.upper_limit_lower, result.upper_limit_upper),
            unit,
        ),
    ]
    if np.isfinite(slope.slope):
        rows.append(
            _with_interval(
                "Slope of difference on mean",
                (slope.slope, slope.slope_lower, slope.slope_upper),
                "",
            )
        )
    return tuple(rows)


def _with_interval(name: str, numbers: tuple[float, float, float], unit: str) -> Estimate:
    value, lower, upper = numbers
    return Estimate(name=name, value=value, lower=lower, upper=upper, unit=unit)
