"""What criteria ask for, and how it is read from a subject or from a table's columns."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from enthesis.diagnosis.cutoffs import with_unit
from enthesis.diagnosis.truth import FEMALE, MALE
from enthesis.errors import InputError
from enthesis.quantities import quantity
from enthesis.records import Measurement, Sex, Subject

FloatArray: TypeAlias = NDArray[np.float64]
Columns: TypeAlias = Mapping[str, FloatArray]
Sides = Literal["lowest", "highest", "mean", "sum"]

YES_NO_UNIT = "0/1"
"""Unit of a quantity that is a fact: 1 yes, 0 no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One thing that a criterion asks for.

    Parameters
    ----------
    name : its column
    label : as a sentence names it
    kind : a number, a fact that is 1 or 0, or the sex
    quantity : of the measurement that holds it; empty for a field of `Subject`
    region, level : of that measurement
    sides : which value counts where left and right (or several) are given; a sum needs both
        sides, or the value of the whole
    unit, decimals : for printing
    sex : whom it is asked of, None for everyone
    """

    name: str
    label: str
    kind: Literal["number", "yes_no", "sex"] = "number"
    quantity: str = ""
    region: str = ""
    level: str = ""
    sides: Sides = "lowest"
    unit: str = ""
    decimals: int = 1
    sex: Sex | None = None

    def words(self, value: float) -> str:
        """The value with its unit, as a sentence prints it."""
        if self.kind == "sex":
            return "male" if value == MALE else "female"
        if self.kind == "yes_no":
            return "yes" if value else "no"
        return with_unit(f"{value:.{self.decimals}f}", self.unit)


SEX = Input(name="sex", label="sex", kind="sex")
AGE = Input(name="age", label="age", unit="years")
HEIGHT = Input(name="height_m", label="height", unit="m", decimals=2)
WEIGHT = Input(name="weight_kg", label="weight", unit="kg")
BMI = Input(name="bmi", label="body mass index", unit="kg/m2")


def measured(
    of: str,
    region: str = "",
    level: str = "",
    *,
    label: str = "",
    sides: Sides = "lowest",
    sex: Sex | None = None,
) -> Input:
    """The input that is one measured quantity; its column joins quantity, region, level by "_".

    Raises
    ------
    InputError : unknown quantity.
    """
    known = quantity(of)
    fact = known.unit == YES_NO_UNIT
    place = " ".join(part for part in (region.replace("_", " "), level) if part)
    return Input(
        name="_".join(part for part in (of, region, level) if part),
        label=label or (f"{known.label} of the {place}" if place else known.label),
        kind="yes_no" if fact else "number",
        quantity=of,
        region=region,
        level=level,
        sides=sides,
        unit="" if fact else known.unit,
        decimals=known.decimals,
        sex=sex,
    )


def columns_of(
    table: Mapping[str, ArrayLike] | pd.DataFrame, inputs: Iterable[Input]
) -> dict[str, FloatArray]:
    """The inputs' columns as floats, NaN where missing; sides combined, BMI worked out.

    Raises
    ------
    InputError : a column that is not of numbers, a sex or a yes/no that is neither.
    """
    n = len(table) if isinstance(table, pd.DataFrame) else _length(table)
    columns: dict[str, FloatArray] = {}
    for asked in inputs:
        found = [
            (side, _floats(asked, table[name]))
            for side in ("", "left", "right")
            if (name := f"{asked.name}_{side}".removesuffix("_")) in table
        ]
        columns[asked.name] = _combined(asked, found) if found else np.full(n, np.nan)
        if asked.name == BMI.name and HEIGHT.name in table and WEIGHT.name in table:
            worked = _floats(WEIGHT, table[WEIGHT.name]) / _floats(HEIGHT, table[HEIGHT.name]) ** 2
            given = columns[asked.name]
            columns[asked.name] = np.where(np.isnan(given), worked, given)
    return columns


def value_of(asked: Input, subject: Subject) -> float:
    """The input's value of one subject, sides combined; NaN where it is missing.

    Raises
    ------
    InputError : a yes/no that is neither 1 nor 0.
    """
    if not asked.quantity:
        value = getattr(subject, asked.name)
        if asked.kind == "sex":
            return {"female": FEMALE, "male": MALE}.get(value, math.nan)
        return math.nan if value is None else float(value)
    found = [(m.side, _floats(asked, [m.value])) for m in measurements_of(asked, subject)]
    return float(_combined(asked, found)[0]) if found else math.nan


def measurements_of(asked: Input, subject: Subject) -> list[Measurement]:
    """The subject's finite measurements of this input, of every side."""
    return [
        m
        for m in subject.measurements
        if (m.quantity, m.region, m.level) == (asked.quantity, asked.region, asked.level)
        and math.isfinite(m.value)
    ]


def lowest(*columns: FloatArray) -> FloatArray:
    """The lowest known value of each row; NaN where none is known."""
    least: FloatArray = np.fmin.reduce(columns)
    return least


def highest(*columns: FloatArray) -> FloatArray:
    """The highest known value of each row; NaN where none is known."""
    most: FloatArray = np.fmax.reduce(columns)
    return most


def _combined(asked: Input, found: list[tuple[str, FloatArray]]) -> FloatArray:
    columns = [column for _, column in found]
    if asked.sides == "lowest":
        return lowest(*columns)
    if asked.sides == "highest":
        return highest(*columns)
    if asked.sides == "mean":
        return _mean(columns)
    whole, left, right = (
        _mean([column for of, column in found if of == side]) for side in ("", "left", "right")
    )
    return np.where(np.isnan(whole), left + right, whole)


def _mean(columns: list[FloatArray]) -> FloatArray:
    """The mean of each row's known values; NaN where none is known."""
    known = np.sum([~np.isnan(column) for column in columns], axis=0)
    total = np.nansum(columns, axis=0)
    return np.where(known > 0, total / np.maximum(known, 1), np.nan)


def _floats(asked: Input, column: ArrayLike) -> FloatArray:
    if asked.kind == "sex":
        return _sexes(column)
    try:
        floats = pd.Series(column).astype("Float64").to_numpy(float, na_value=np.nan)
    except (TypeError, ValueError) as error:
        raise InputError(f"column {asked.name!r} must hold numbers: {error}") from None
    if asked.kind == "yes_no":
        wrong = np.flatnonzero(~np.isnan(floats) & ~np.isin(floats, (0.0, 1.0)))
        if wrong.size:
            raise InputError(
                f"{asked.name} is 1 (yes) or 0 (no), got {floats[wrong[0]]:g} in row {wrong[0] + 1}"
            )
    return np.where(np.isfinite(floats), floats, np.nan)


def _sexes(column: ArrayLike) -> FloatArray:
    words = pd.Series(column, dtype=object)
    codes = words.map({"female": FEMALE, "male": MALE, FEMALE: FEMALE, MALE: MALE})
    wrong = np.flatnonzero((words.notna() & codes.isna()).to_numpy())
    if wrong.size:
        raise InputError(
            f"sex is 'female' or 'male', got {words.iloc[wrong[0]]!r} in row {wrong[0] + 1}"
        )
    return np.array(codes, dtype=np.float64)


def _length(table: Mapping[str, ArrayLike]) -> int:
    lengths = {len(np.atleast_1d(np.asarray(column))) for column in table.values()}
    if len(lengths) > 1:
        raise InputError(f"columns must have one length, got {sorted(lengths)}")
    return lengths.pop() if lengths else 1
