"""Scores against a population: T, Z and percentile by LMS, refused where device or site differ.

A `ReferenceCurve` is a table of L, M and S by age for one sex, quantity, site and device. A mean
and a standard deviation are the case L = 1, S = SD / mean, for which the LMS score is the plain
(value - mean) / SD. A `YoungReference` is one row: what T-scores are measured from.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from enthesis.errors import InputError
from enthesis.records import Measurement, Sex

Between = Literal["nearest", "linear"]

ROWS: tuple[tuple[str, str, str], ...] = (("l", "m", "s"), ("lambda", "mu", "sigma"))
"""Names under which a table may hold L, M and S."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """Whom a reference describes, and by what.

    Parameters
    ----------
    name : as printed, with the year
    quantity, region, level : of the measurement, as in `records.Measurement`
    unit : of the values
    device : scanner or calibration of the values, e.g. "Hologic"
    sex : "female", "male" or None where both share it
    source : citation with DOI
    """

    name: str
    quantity: str
    region: str = ""
    level: str = ""
    unit: str
    device: str
    sex: Sex | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class YoungReference:
    """One mean of young adults, from which T-scores are measured.

    Parameters
    ----------
    population : whom it describes
    skewness, median, variation : L, M in the population's unit, and S
    also_for_men : whether men's T-scores are measured from it too, though it is women's (ISCD)
    """

    population: Population
    skewness: float
    median: float
    variation: float
    also_for_men: bool = False

    def score(self, values: ArrayLike) -> NDArray[np.float64]:
        """T-scores of the values; NaN where a value is missing or not above zero."""
        return lms_score(
            values, skewness=self.skewness, median=self.median, variation=self.variation
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceCurve:
    """L, M and S by age.

    Parameters
    ----------
    population : whom it describes
    ages : (n,) years, rising
    skewness, median, variation : (n,) L, M in the population's unit, and S
    between : how ages between the rows are read: the "nearest" row (of two equally near the
        younger), or L, M and S "linear" in age; scores are never interpolated
    """

    population: Population
    ages: NDArray[np.float64] = field(repr=False)
    skewness: NDArray[np.float64] = field(repr=False)
    median: NDArray[np.float64] = field(repr=False)
    variation: NDArray[np.float64] = field(repr=False)
    between: Between = "linear"

    def at(self, age: ArrayLike) -> tuple[NDArray[np.float64], ...]:
        """L, M and S at these ages; NaN outside the ages of the curve, never extrapolated."""
        age = np.asarray(age, dtype=float)
        inside = (age >= self.ages[0]) & (age <= self.ages[-1])
        if self.between == "linear":
            found = [
                np.interp(age, self.ages, row)
                for row in (self.skewness, self.median, self.variation)
            ]
        else:
            middles = (self.ages[1:] + self.ages[:-1]) / 2
            nearest = np.searchsorted(middles, age, side="left")
            found = [row[nearest] for row in (self.skewness, self.median, self.variation)]
        return tuple(np.where(inside, row, np.nan) for row in found)

    def score(self, values: ArrayLike, ages: ArrayLike) -> NDArray[np.float64]:
        """Z-scores; NaN where value or age is missing, not above zero, or outside the curve."""
        skewness, median, variation = self.at(ages)
        return lms_score(values, skewness=skewness, median=median, variation=variation)

    def value(self, scores: ArrayLike, ages: ArrayLike) -> NDArray[np.float64]:
        """Values at these scores, e.g. the median at 0; NaN outside the curve or where none is."""
        skewness, median, variation = self.at(ages)
        return lms_value(scores, skewness=skewness, median=median, variation=variation)

    def young(self, *, age: float, also_for_men: bool = False) -> YoungReference:
        """The curve's row at a young age, for T-scores.

        Raises
        ------
        InputError : the age lies outside the curve.
        """
        skewness, median, variation = (float(row) for row in self.at(age))
        if math.isnan(median):
            raise InputError(self._outside(age))
        return YoungReference(
            population=self.population,
            skewness=skewness,
            median=median,
            variation=variation,
            also_for_men=also_for_men,
        )

    def _outside(self, age: float) -> str:
        return (
            f"{self.population.name} runs from {self.ages[0]:g} to {self.ages[-1]:g} years, got "
            f"age {age:g}; it is not extrapolated"
        )


def reference_curve(
    table: pd.DataFrame, population: Population, *, between: Between = "linear"
) -> ReferenceCurve:
    """A reference curve from a table.

    Parameters
    ----------
    table : rising `age` in years, with `l`, `m`, `s` (or `lambda`, `mu`, `sigma`), or with `mean`
        and `sd` in the population's unit; further columns are ignored
    population : whom it describes
    between : how ages between the rows are read, see `ReferenceCurve`

    Raises
    ------
    InputError : columns missing, ages that do not rise, a value that is no number, M or S not
        above zero, or an unknown `between`.

    References
    ----------
    Cole TJ, Green PJ. Stat Med 1992;11:1305-1319. doi:10.1002/sim.4780111005
    """
    if between not in {"nearest", "linear"}:
        raise InputError(f"between is 'nearest' or 'linear', got {between!r}")
    given = {str(name).lower(): name for name in table.columns}
    wanted = next((names for names in (*ROWS, ("mean", "sd")) if given.keys() >= {*names}), None)
    if wanted is None or "age" not in given:
        raise InputError(
            "a reference table needs age and either l, m, s or mean, sd; this one has: "
            + ", ".join(map(str, table.columns))
        )
    try:
        ages, *rows = (
            table[given[name]].to_numpy(dtype=float, na_value=np.nan) for name in ("age", *wanted)
        )
    except (TypeError, ValueError) as error:
        raise InputError(f"a reference table holds numbers only: {error}") from None
    if len(rows) == 2:
        mean, sd = rows
        rows = [np.ones_like(mean), mean, sd / mean]
    skewness, median, variation = rows
    _check(ages, skewness, median, variation)
    return ReferenceCurve(
        population=population,
        ages=ages,
        skewness=skewness,
        median=median,
        variation=variation,
        between=between,
    )


def lms_score(
    values: ArrayLike,
    *,
    skewness: ArrayLike,
    median: ArrayLike,
    variation: ArrayLike,
) -> NDArray[np.float64]:
    """Scores by Cole's LMS method, ((value / M)^L - 1) / (L S), or ln(value / M) / S for L = 0.

    Parameters
    ----------
    values : (n,) in the unit of M
    skewness, median, variation : L, M and S; (n,) or one number each

    Returns
    -------
    (n,) in SD; NaN where a value is missing or not above zero.

    References
    ----------
    Cole TJ, Green PJ. Stat Med 1992;11:1305-1319. doi:10.1002/sim.4780111005
    """
    values, skewness, median, variation = (
        np.asarray(given, dtype=float) for given in (values, skewness, median, variation)
    )
    ratio = np.asarray(values / median)
    log = np.log(ratio, out=np.full(ratio.shape, np.nan), where=ratio > 0)
    # exprel(x) = (e^x - 1) / x is exact as L goes to 0, where the two formulas meet.
    score: NDArray[np.float64] = log * special.exprel(skewness * log) / variation
    return score


def lms_value(
    score: ArrayLike,
    *,
    skewness: ArrayLike,
    median: ArrayLike,
    variation: ArrayLike,
) -> NDArray[np.float64]:
    """The value at a score: M (1 + L S z)^(1/L), or M exp(S z) for L = 0; NaN where none exists."""
    score, skewness, median, variation = (
        np.asarray(given, dtype=float) for given in (score, skewness, median, variation)
    )
    grown = np.asarray(skewness * variation * score)
    reachable = grown > -1
    # log1p(x) / x is 1 at 0, where the two formulas meet.
    slope = np.divide(
        np.log1p(grown, where=reachable, out=np.full(grown.shape, np.nan)),
        grown,
        out=np.where(reachable, 1.0, np.nan),
        where=reachable & (grown != 0),
    )
    value: NDArray[np.float64] = median * np.exp(slope * variation * score)
    return value


def percentile(scores: ArrayLike) -> NDArray[np.float64]:
    """Percent of the population below each score."""
    below: NDArray[np.float64] = 100 * special.ndtr(np.asarray(scores, dtype=float))
    return below


def t_score(
    measurement: Measurement, reference: YoungReference, *, sex: Sex, device: str
) -> Measurement:
    """The T-score of one measurement.

    Parameters
    ----------
    measurement : of the reference's quantity, region and level
    reference : young adults
    sex : of the subject
    device : scanner or calibration that made the measurement

    Returns
    -------
    Measurement of `t_score` at the same region, side and level, with the measurement's flags; of
    `young_score` where it is not areal BMD, so that no WHO class is read from it.

    Raises
    ------
    InputError : quantity, region, level, device or sex differ from the reference's, or the value
        is missing or not above zero.
    """
    _refuse_mismatch(measurement, reference.population, device)
    _refuse_sex(reference.population, sex, also_for_men=reference.also_for_men)
    value = float(reference.score(measurement.value))
    name = "t_score" if measurement.quantity == "areal_bmd" else "young_score"
    return _scored(measurement, name, value, f"T-score from {reference.population.name}")


def z_score(
    measurement: Measurement, curve: ReferenceCurve, *, age: float, sex: Sex, device: str
) -> Measurement:
    """The Z-score of one measurement.

    Parameters
    ----------
    measurement : of the curve's quantity, region and level
    curve : a population by age
    age : of the subject, years
    sex : of the subject
    device : scanner or calibration that made the measurement

    Returns
    -------
    Measurement of `z_score` at the same region, side and level, with the measurement's flags.

    Raises
    ------
    InputError : quantity, region, level, device or sex differ from the curve's, the age lies
        outside it, or the value is missing or not above zero.
    """
    _refuse_mismatch(measurement, curve.population, device)
    _refuse_sex(curve.population, sex, also_for_men=False)
    if not curve.ages[0] <= age <= curve.ages[-1]:
        raise InputError(curve._outside(age))
    value = float(curve.score(measurement.value, age))
    return _scored(
        measurement,
        "z_score",
        value,
        f"Z-score from {curve.population.name}, ages between rows: {curve.between}",
    )


def _scored(measurement: Measurement, name: str, value: float, method: str) -> Measurement:
    if math.isnan(value):
        raise InputError(f"a score needs a value above zero, got {measurement.value:g}")
    return Measurement(
        quantity=name,
        value=value,
        region=measurement.region,
        side=measurement.side,
        level=measurement.level,
        method=f"{method}; {measurement.method}" if measurement.method else method,
        flags=measurement.flags,
    )


def _refuse_mismatch(measurement: Measurement, population: Population, device: str) -> None:
    for what, got, wanted in (
        ("quantity", measurement.quantity, population.quantity),
        ("region", measurement.region, population.region),
        ("level", measurement.level, population.level),
        ("device", device, population.device),
    ):
        if got != wanted:
            raise InputError(
                f"{population.name} is of {what} {wanted or 'none'!r}, the measurement of "
                f"{got or 'none'!r}: convert it first, or give a reference of its own"
            )


def _refuse_sex(population: Population, sex: Sex, *, also_for_men: bool) -> None:
    if population.sex in {None, sex} or (also_for_men and sex == "male"):
        return
    raise InputError(f"{population.name} is of {population.sex} subjects, this one is {sex}")


def _check(ages: NDArray[np.float64], *rows: NDArray[np.float64]) -> None:
    wrong = ~np.isfinite(np.column_stack([ages, *rows])).all(axis=1)
    if wrong.any():
        raise InputError(f"row {np.flatnonzero(wrong)[0] + 1} of the reference is not all numbers")
    falls = np.flatnonzero(np.diff(ages) <= 0)
    if falls.size:
        raise InputError(f"ages must rise; row {falls[0] + 2} has {ages[falls[0] + 1]:g}")
    _, median, variation = rows
    low = np.flatnonzero((median <= 0) | (variation <= 0))
    if low.size:
        raise InputError(f"median and SD must be above zero; row {low[0] + 1} is not")
