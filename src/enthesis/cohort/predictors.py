"""Columns of a table as numbers that a model can use, learned once and applied to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis.errors import InputError

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Predictors:
    """What a model asks of a table.

    Parameters
    ----------
    columns : in order
    levels : column of text → its levels, the first one being the reference
    names : of the numbers that come out, one per column of numbers, one per further level of text
    """

    columns: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]
    names: tuple[str, ...]


def learn_predictors(
    table: pd.DataFrame, columns: Sequence[str], *, outcome: str = ""
) -> Predictors:
    """How these columns become numbers.

    Parameters
    ----------
    table : the subjects that a model is fitted to
    columns : of numbers, or of texts whose levels become indicators, the commonest the reference
    outcome : must not be among them

    Raises
    ------
    InputError : a column is missing, named twice or is the outcome, or never varies.
    """
    if not columns:
        raise InputError("a model needs one predictor or more; name their columns")
    if len(set(columns)) < len(columns) or outcome in columns:
        raise InputError(
            f"the predictors {', '.join(columns)} name a column twice, or the outcome itself"
        )
    levels: dict[str, tuple[str, ...]] = {}
    names: list[str] = []
    for name in columns:
        if name not in table.columns:
            raise InputError(
                f"there is no column {name!r}; the table has: {', '.join(map(str, table.columns))}"
            )
        known = table[name].dropna()
        if known.nunique() < 2:
            raise InputError(
                f"the predictor {name!r} never varies (it is always "
                f"{known.iloc[0] if len(known) else 'missing'}); leave it out"
            )
        if pd.api.types.is_numeric_dtype(table[name]):
            names.append(name)
        else:
            counted = known.astype(str).value_counts(sort=False).sort_index()
            order = counted.sort_values(ascending=False, kind="stable").index
            levels[name] = tuple(order)
            names += [f"{name} {level}" for level in order[1:]]
    return Predictors(columns=tuple(columns), levels=levels, names=tuple(names))


def design_columns(table: pd.DataFrame, predictors: Predictors) -> Floats:
    """The predictors as numbers, (n, p), NaN where missing.

    Parameters
    ----------
    table : with the columns that were learned
    predictors : as learned

    Raises
    ------
    InputError : a column is missing, a number is infinite, or a level was never met.
    """
    columns: list[Floats] = []
    for name in predictors.columns:
        if name not in table.columns:
            raise InputError(f"there is no column {name!r}, which the model asks for")
        if name not in predictors.levels:
            try:
                numbers = table[name].to_numpy(dtype=np.float64, na_value=np.nan)
            except (TypeError, ValueError) as error:
                raise InputError(f"the column {name!r} is to hold numbers: {error}") from error
            if np.isinf(numbers).any():
                raise InputError(f"the column {name!r} holds an infinite value; leave it empty")
            columns.append(numbers)
            continue
        levels = predictors.levels[name]
        texts = table[name].astype(object).map(str, na_action="ignore")
        strange = texts[texts.notna() & ~texts.isin(levels)]
        if len(strange):
            raise InputError(
                f"the column {name!r} holds {strange.iloc[0]!r}, which the model has not met; it "
                f"knows {', '.join(levels)}"
            )
        missing = texts.isna().to_numpy()
        columns += [
            np.where(missing, np.nan, (texts == level).to_numpy(dtype=np.float64))
            for level in levels[1:]
        ]
    return np.column_stack(columns)


def read_events(table: pd.DataFrame, outcome: str) -> Floats:
    """The outcome as 1, 0 and NaN, (n,).

    Parameters
    ----------
    table : with the outcome's column
    outcome : column of 1 and 0, or of True and False

    Raises
    ------
    InputError : no such column, or other values.
    """
    if outcome not in table.columns:
        raise InputError(
            f"there is no column {outcome!r}; the table has: {', '.join(map(str, table.columns))}"
        )
    given = table[outcome]
    numbers = pd.to_numeric(given, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    bad = np.flatnonzero(given.notna().to_numpy(dtype=bool) & (numbers != 0) & (numbers != 1))
    if bad.size:
        place = table.index[bad[0]] if table.index.name == "row" else int(bad[0]) + 1
        raise InputError(
            f"row {place}, column {outcome!r}: {str(given.iloc[bad[0]])!r} is not 1 (event) or 0 "
            "(none)"
        )
    return numbers
