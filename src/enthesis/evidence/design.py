"""From a table of effects to numbers: effects, variances, design matrix, and what was left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.formulas import (
    INTERCEPT,
    coded_columns,
    coefficient_name,
    first_line,
    read_formula,
    variables_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]

LARGEST = 1e50
"""Bound on effects, variances and their inverses: third powers of weights must stay finite."""

COLLINEAR = 1e-7
"""A column is a combination of earlier ones if less than this share of it is new (R's `lm`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FormulaSpec:
    """A formula as it was coded in a fit, to code new rows alike.

    Parameters
    ----------
    formula : as the user wrote it
    names : p coefficient names
    terms : columns of each term, by the term's name
    variables : the columns that the formula needs
    coding : formulaic's own record; None for the intercept alone
    """

    formula: str | None
    names: tuple[str, ...]
    terms: dict[str, tuple[int, ...]]
    variables: tuple[str, ...] = ()
    coding: Any = None

    def matrix(self, data: pd.DataFrame) -> Floats:
        """The design matrix of new rows, coded as in the fit, (n, p)."""
        if self.coding is None:
            return np.ones((len(data), 1))
        _require(data, self.variables, what="the new data")
        try:
            rows = np.asarray(coded_columns(self.coding, data), dtype=float)
        except Exception as problem:
            raise InputError(
                f"the new data cannot be coded as {self.formula!r} was: {first_line(problem)}"
            ) from problem
        if not np.isfinite(rows).all():
            row, column = np.argwhere(~np.isfinite(rows))[0]
            raise InputError(
                f"row {data.index[row]!r} of the new data has no usable value of "
                f"{self.names[column]!r}; give a number, or a level that the fit has seen"
            )
        return rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """Everything numerical that a model needs from the table.

    Parameters
    ----------
    effects, variances : (k,)
    matrix : (k, p)
    names : p coefficient names
    spec : how the moderators were coded
    rows : positions in the table that was given, (k,)
    data : those rows
    notes : what was left out
    """

    effects: Floats
    variances: Floats
    matrix: Floats
    names: tuple[str, ...]
    spec: FormulaSpec
    rows: NDArray[np.intp]
    data: pd.DataFrame
    notes: tuple[str, ...]

    @property
    def intercept(self) -> int | None:
        """Position of the intercept, None without one."""
        return self.names.index(INTERCEPT) if INTERCEPT in self.names else None


def build(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    yi: str = "yi",
    vi: str = "vi",
    needed: Sequence[str] = (),
    positive: bool = True,
) -> Design:
    """Effects, variances and design matrix of the rows that have all of them.

    Parameters
    ----------
    effects : a row per effect
    mods : formula of the moderators, such as "~ age + modality"; `factor()` or `C()` around a
        number makes it a factor, `I(age - mean(age))` centres it. Text columns are factors; their
        reference is the first level in code point order, or a Categorical's first category
    yi, vi : columns of the effects and their sampling variances
    needed : further columns whose missing rows are dropped: weights, study, random effects
    positive : refuse variances that are zero or negative

    Returns
    -------
    Rows with a missing effect, variance, moderator or needed column are dropped with a note.

    Raises
    ------
    InputError : a column that is not there, a value that is not a finite number, a variance that
        is not positive, no row left, or moderators that are constant or collinear.
    """
    if not isinstance(effects, pd.DataFrame):
        raise InputError(
            "effects must be a pandas DataFrame with a row per effect; "
            f"got {type(effects).__name__}"
        )
    formula = read_formula(mods)
    variables = variables_of(formula, effects) if formula is not None else ()
    wanted = list(dict.fromkeys([yi, vi, *variables, *needed]))
    _require(effects, wanted, what="the effects table")
    complete = ~np.isnan(column_of_numbers(effects, yi))
    complete &= ~np.isnan(column_of_numbers(effects, vi))
    for name in wanted[2:]:
        complete &= effects[name].notna().to_numpy()
    if not complete.any():
        raise InputError(
            f"none of the {len(effects)} rows has all of {wanted}; fill them in or drop a column"
        )
    data = effects.copy() if complete.all() else effects.loc[complete].copy()
    y, v = column_of_numbers(data, yi), column_of_numbers(data, vi)
    refuse_unusable(y, data.index, yi)
    refuse_unusable(v, data.index, vi, positive=positive)
    _refuse_unit(y, v, data.index, (yi, vi))
    matrix, spec = _matrix(formula, mods, data)
    _refuse_collinear(matrix, spec.names)
    dropped = len(effects) - len(data)
    notes = (f"{dropped} of {len(effects)} rows with missing values left out",) if dropped else ()
    return Design(
        effects=y,
        variances=v,
        matrix=matrix,
        names=spec.names,
        spec=spec,
        rows=np.flatnonzero(complete),
        data=data,
        notes=notes,
    )


def column_of_numbers(data: pd.DataFrame, name: str) -> Floats:
    """A column as floats, missing as NaN; refuses text and names its row."""
    column = data[name]
    if column.dtype == np.float64:
        return column.to_numpy()
    numeric = pd.to_numeric(column, errors="coerce")
    wrong = (numeric.isna() & column.notna()).to_numpy()
    if wrong.any():
        where = int(np.argmax(wrong))
        raise InputError(
            f"column {name!r} must hold numbers; row {data.index[where]!r} "
            f"has {column.iloc[where]!r}"
        )
    return numeric.to_numpy(dtype=float, na_value=np.nan)


def refuse_unusable(
    values: Floats, index: pd.Index[Any], name: str, *, positive: bool = False
) -> None:
    """Refuse infinite values and, where asked, those that are not above zero."""
    if not np.isfinite(values).all():
        where = int(np.argmin(np.isfinite(values)))
        raise InputError(
            f"column {name!r} must be finite; row {index[where]!r} has {values[where]}: "
            "correct it or leave it empty"
        )
    if positive and values.min() <= 0.0:
        where = int(np.argmax(values <= 0.0))
        raise InputError(
            f"sampling variances must be above zero; row {index[where]!r} has "
            f"{name} = {values[where]:g}: recompute it, or leave it empty to drop the row"
        )


def _refuse_unit(y: Floats, v: Floats, index: pd.Index[Any], names: tuple[str, str]) -> None:
    """Refuse numbers whose squares and weights leave the range of floats."""
    for name, values, smallest in ((names[0], y, 0.0), (names[1], v, 1.0 / LARGEST)):
        highest, lowest = values.max(), values.min()
        if max(highest, -lowest) <= LARGEST and not 0.0 < lowest < smallest:
            continue
        where = int(np.argmax(np.abs(values)) if not 0.0 < lowest < smallest else values.argmin())
        raise InputError(
            f"column {name!r} has {values[where]:g} in row {index[where]!r}, too large or too "
            "small to compute with; express the effects in another unit"
        )


def column_or_values(values: str | ArrayLike, design: Design, n_given: int, what: str) -> Floats:
    """One number per used row, from a column's name or from one value per row of the table."""
    if isinstance(values, str):
        numbers = column_of_numbers(design.data, values)
    else:
        given = np.asarray(values, dtype=float)
        if given.shape != (n_given,):
            raise InputError(
                f"{what} must be a column name or one number for each of the {n_given} rows; "
                f"got shape {given.shape}"
            )
        numbers = given[design.rows]
    refuse_unusable(numbers, design.data.index, what)
    return numbers


def _require(data: pd.DataFrame, wanted: Sequence[str], *, what: str) -> None:
    absent = [name for name in wanted if name not in data.columns]
    if absent:
        raise InputError(f"{what} has no column {absent[0]!r}; it has {list(data.columns)}")


def _matrix(formula: Any, mods: str | None, data: pd.DataFrame) -> tuple[Floats, FormulaSpec]:
    if formula is None:
        spec = FormulaSpec(formula=None, names=(INTERCEPT,), terms={INTERCEPT: (0,)})
        return np.ones((len(data), 1)), spec
    variables = variables_of(formula, data)
    used = data[list(variables)].copy()
    for name in used.columns:
        if isinstance(used[name].dtype, pd.CategoricalDtype):
            # A level that no remaining row has would be a column of zeros.
            used[name] = used[name].cat.remove_unused_categories()
        _refuse_one_level(used[name])
    try:
        coded = coded_columns(formula, used)
    except Exception as problem:
        raise InputError(
            f"the formula {mods!r} does not fit the table: {first_line(problem)}"
        ) from problem
    coding = coded.model_spec
    names = tuple(coefficient_name(name, str(mods)) for name in coded.columns)
    matrix = np.asarray(coded, dtype=float)
    if not np.isfinite(matrix).all():
        row, column = np.argwhere(~np.isfinite(matrix))[0]
        raise InputError(
            f"moderator {names[column]!r} is not a finite number in row {data.index[row]!r}"
        )
    terms = {
        INTERCEPT if str(term) == "1" else str(term): tuple(columns)
        for term, columns in coding.term_indices.items()
    }
    spec = FormulaSpec(formula=mods, names=names, terms=terms, variables=variables, coding=coding)
    return matrix, spec


def _refuse_one_level(column: pd.Series[Any]) -> None:
    values = column.to_numpy()
    if (values[0] == values).all():
        raise InputError(
            f"moderator {column.name!r} is constant ({column.iloc[0]} in every row used); "
            "leave it out of the formula"
        )


def _refuse_collinear(matrix: Floats, names: tuple[str, ...]) -> None:
    """Name the first column that earlier ones already hold, and which those are."""
    if matrix.shape[1] == 1 and np.any(matrix):
        return
    if matrix.shape[0] < matrix.shape[1]:
        raise InputError(
            f"{matrix.shape[1]} coefficients ({', '.join(names)}) cannot be estimated from "
            f"{matrix.shape[0]} effects; use fewer moderators"
        )
    size = np.linalg.norm(matrix, axis=0)
    scaled = matrix / np.where(size > 0.0, size, 1.0)
    triangle: Floats = np.asarray(np.linalg.qr(scaled, mode="r"))
    for j, name in enumerate(names):
        if abs(triangle[j, j]) > COLLINEAR:
            continue
        share = np.linalg.lstsq(triangle[:, :j], triangle[:, j], rcond=None)[0]
        others = [names[i] for i, value in enumerate(share) if abs(value) > COLLINEAR]
        reason = f"is a combination of {', '.join(others)}" if others else "is zero in every row"
        raise InputError(f"moderators are collinear: {name!r} {reason}; leave one of them out")
