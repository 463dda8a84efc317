"""Numbers that devices export: understood by their headers, converted, doubted by row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.read.device_columns import YES_OR_NO, Column, column
from enthesis.read.device_regions import by_visit
from enthesis.read.device_units import LIMITS, other_unit
from enthesis.read.device_words import SEXES, YES_NO
from enthesis.read.spreadsheets import spreadsheet
from enthesis.records import LONG_COLUMNS, Measurement, Subject

AS_GIVEN = "as the device gave it"
"""Method of a value that was read from a table."""

PERSON = ("sex", "age", "height_m", "weight_kg", "bmi", "date", "years", "device")
"""Fields that stand beside each row of the long table, where the file has them."""

SHOWN_DOUBTS = 12
"""Cells that a summary names; a column in another unit would fill pages. `doubts` has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """One cell that cannot be what its column says.

    Parameters
    ----------
    row : of the file, the names being row 1
    visit : row of `DeviceValues.table`; another one only where the file has a row per region
    subject : the study's own code, "" without one
    column : the header
    value : the cell as it stands
    reason : what is wrong, and in which unit it would not be
    """

    row: int
    visit: int
    subject: str
    column: str
    value: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, column {self.column!r}: {self.reason}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DeviceValues:
    """A table of device values, and what was understood of it.

    Parameters
    ----------
    table : a row per row of the file (index `row`); columns by our names in our units, NaN where a
        cell is missing or impossible; unknown columns as they were, under their own headers
    columns : what each column of the file holds
    doubts : cells that cannot be, row by row
    """

    table: pd.DataFrame
    columns: tuple[Column, ...]
    doubts: tuple[Doubt, ...]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Headers that were not understood."""
        return tuple(one.header for one in self.columns if one.kind == "unknown")

    def checked(self) -> DeviceValues:
        """Itself, where every cell can be.

        Raises
        ------
        InputError : a cell that cannot be, or a column of ours in a unit that is not convertible.
        """
        for one in self.columns:
            if one.kind == "unknown" and one.unit:
                raise InputError(f"column {one.header!r} {one.remark}; convert it")
        if self.doubts:
            more = len(self.doubts) - 1
            rest = f" ({more} more cells cannot be either)" if more else ""
            raise InputError(f"{self.doubts[0]}{rest}")
        return self

    def dictionary(self) -> pd.DataFrame:
        """The data dictionary: a row per column of the file, with what it was taken for."""
        counted = {one.header: 0 for one in self.columns}
        for doubt in self.doubts:
            counted[doubt.column] += 1
        return pd.DataFrame(
            [
                {
                    "column": one.header,
                    "kind": one.kind,
                    "name": one.name if one.kind in {"field", "quantity"} else "",
                    "unit": one.unit,
                    "factor": one.factor,
                    "stored_unit": one.wanted_unit,
                    "impossible": counted[one.header],
                    "remark": one.remark,
                }
                for one in self.columns
            ]
        )

    def long_table(self) -> pd.DataFrame:
        """The measurements as a long table, in the order of the file.

        Returns
        -------
        DataFrame of `records.LONG_COLUMNS` and, behind them, what the file says of the person. An
        impossible value is NaN and its flag says why; missing cells have no row.
        """
        why = {(doubt.visit, doubt.column): doubt.reason for doubt in self.doubts}
        parts = [
            part
            for order, one in enumerate(self.columns)
            if one.kind == "quantity" and len(part := self._rows_of(one, order, why))
        ]
        person = [name for name in PERSON if name in self.table]
        if not parts:
            return pd.DataFrame(columns=[*LONG_COLUMNS, *person])
        rows = pd.concat(parts).sort_values(["row", "order"], kind="stable")
        for name in ("subject", "session"):
            rows[name] = rows["row"].map(self._words(name))
        for name in person:
            rows[name] = rows["row"].map(self.table[name])
        return rows[[*LONG_COLUMNS, *person]].reset_index(drop=True)

    def subjects(self) -> list[Subject]:
        """Each row as a subject with its measurements, ready for criteria.

        Raises
        ------
        InputError : a subject with more than one row: choose a visit first.
        """
        codes = self._words("subject")
        doubled = codes[codes.duplicated() & (codes != "")]
        if len(doubled):
            raise InputError(
                f"subject {doubled.iloc[0]!r} has more than one row (row {doubled.index[0]}); "
                "keep one visit of each"
            )
        why = {(doubt.visit, doubt.column): doubt.reason for doubt in self.doubts}
        found = [one for one in self.columns if one.kind == "quantity"]
        rows: list[dict[str, Any]] = self.table.to_dict("records")  # type: ignore[assignment]
        return [
            Subject(
                id=codes[row],
                measurements=tuple(
                    Measurement(
                        quantity=one.quantity,
                        value=float(cells[one.name]),
                        region=one.region,
                        side=one.side,
                        level=one.level,
                        method=_method(one),
                        flags=tuple(filter(None, (one.remark, why.get((row, one.header), "")))),
                    )
                    for one in found
                    if not pd.isna(cells[one.name]) or (row, one.header) in why
                ),
                **_person(cells),
            )
            for row, cells in zip(self.table.index, rows, strict=True)
        ]

    def summary(self) -> str:
        """What was understood, assumed, unknown and impossible, in a few lines."""
        measured = [one for one in self.columns if one.kind == "quantity"]
        lines = [
            f"{len(self.table)} rows, {len(self.columns)} columns, {len(measured)} of measurements",
        ]
        lines += [
            f"{one.header!r}: {one.name} {f'({one.remark})' if one.remark else ''}".rstrip()
            for one in measured
            if one.remark or one.factor != 1
        ]
        lines += [
            f"{one.header!r} left out: {one.remark}"
            for one in self.columns
            if one.kind in {"unknown", "identifying"}
        ]
        lines += map(str, self.doubts[:SHOWN_DOUBTS])
        if len(self.doubts) > SHOWN_DOUBTS:
            lines.append(f"and {len(self.doubts) - SHOWN_DOUBTS} more cells that cannot be")
        return "\n".join(lines)

    def _words(self, name: str) -> pd.Series[str]:
        if name not in self.table:
            return pd.Series("", index=self.table.index)
        return self.table[name].map(_word)

    def _rows_of(self, one: Column, order: int, why: Mapping[tuple[int, str], str]) -> pd.DataFrame:
        values = self.table[one.name]
        doubted = {row: reason for (row, header), reason in why.items() if header == one.header}
        kept = values[values.notna() | values.index.isin(list(doubted))].astype("float64")
        flags = ["; ".join(filter(None, (one.remark, doubted.get(row, "")))) for row in kept.index]
        return pd.DataFrame(
            {
                "row": kept.index,
                "order": order,
                "quantity": one.quantity,
                "value": kept.to_numpy(),
                "unit": one.wanted_unit,
                "region": one.region,
                "side": one.side,
                "level": one.level,
                "method": _method(one),
                "flags": flags,
            }
        )


def values(
    source: str | Path | pd.DataFrame,
    *,
    names: Mapping[str, str] | None = None,
    sheet: str = "",
) -> DeviceValues:
    """Device values of a table: DXA, QUS, grip, gait, body composition, whatever has a quantity.

    Parameters
    ----------
    source : .csv, .tsv, .xlsx or .parquet file, a row per subject or visit, or per region of a scan
        where a column is headed "region" or "site"; or such a table
    names : header → one of our names, with the unit in brackets where it is another:
        ``{"X7": "areal_bmd_total_hip (mg/cm2)"}``
    sheet : of a workbook with several

    Returns
    -------
    DeviceValues; columns that are not understood and cells that cannot be are named there, and
    columns that say who somebody is are left out.

    Raises
    ------
    InputError : no such table, a name given for a column that is not there or that is not ours, or
        two columns of one quantity, site and side.
    """
    if not isinstance(source, pd.DataFrame) and Path(source).suffix.lower() == ".dcm":
        raise InputError(f"{Path(source).name!r} is DICOM; `read.sr` reads measurement reports")
    frame = source if isinstance(source, pd.DataFrame) else spreadsheet(source, sheet=sheet)
    if not (frame.index.is_unique and pd.api.types.is_integer_dtype(frame.index)):
        frame = frame.reset_index(drop=True)
    frame, origins = by_visit(frame)
    named = names or {}
    for header in named:
        if header not in frame.columns:
            raise InputError(f"the table has no column {header!r} to name {named[header]!r}")
    found = _own_first([_column(str(header), named) for header in frame.columns])
    _refuse_doubled(found)
    subjects = next((one.header for one in found if one.name == "subject"), None)
    table: dict[str, Any] = {}
    doubts: list[Doubt] = []
    for one, header in zip(found, frame.columns, strict=True):
        if one.kind == "identifying":
            continue
        cells = frame[header]
        if one.name in {"subject", "session", "date", "device"} or one.kind == "unknown":
            table[one.name] = cells
            continue
        table[one.name], wrong = _converted(one, cells)
        doubts += [
            Doubt(
                row=origins.get((one.header, row), row),
                visit=row,
                subject=_word(frame.loc[row, subjects]) if subjects else "",
                column=one.header,
                value=_word(cells[row]),
                reason=reason,
            )
            for row, reason in wrong.items()
        ]
    return DeviceValues(
        table=pd.DataFrame(table, index=frame.index),
        columns=found,
        doubts=tuple(sorted(doubts, key=lambda doubt: doubt.row)),
    )


def _column(header: str, named: Mapping[str, str]) -> Column:
    if header not in named:
        return column(header)
    found = column(named[header])
    if found.kind not in {"field", "quantity"}:
        raise InputError(
            f"column {header!r} is named {named[header]!r}, which is none of our names"
            f" ({found.remark})"
        )
    return replace(found, header=header)


def _own_first(columns: list[Column]) -> tuple[Column, ...]:
    """The columns, of several for one field those under other words left out for our own name."""
    own = {one.name for one in columns if one.kind == "field" and one.header == one.name}
    return tuple(
        Column(
            header=one.header,
            name=one.header,
            kind="unknown",
            remark=f"the column {one.name!r} stands beside it",
        )
        if one.kind == "field" and one.name in own and one.header != one.name
        else one
        for one in columns
    )


def _refuse_doubled(columns: tuple[Column, ...]) -> None:
    seen: dict[str, str] = {}
    for one in columns:
        if one.name in seen:
            raise InputError(
                f"two columns hold {one.name!r}: {seen[one.name]!r} and {one.header!r}; keep one "
                "of them"
            )
        seen[one.name] = one.header


def _converted(one: Column, cells: pd.Series[Any]) -> tuple[pd.Series[Any], dict[int, str]]:
    """The cells as numbers in our unit, NaN where impossible, and why, by row."""
    if one.name == "sex":
        return _by_words(cells, SEXES, "neither female nor male; write the words")
    if one.wanted_unit == YES_OR_NO:
        return _facts(cells)
    numbers = pd.to_numeric(cells, errors="coerce").replace([np.inf, -np.inf], np.nan)
    wrong = {
        int(row): f"{_word(cells[row])!r} is not a number"
        for row in cells.index[cells.notna() & numbers.isna()]
    }
    if one.factor != 1:
        numbers = numbers * one.factor
    of = one.quantity or one.name
    if of in LIMITS:
        low, high = LIMITS[of]
        outside = numbers.index[(numbers < low) | (numbers > high)]
        wrong |= {int(row): _impossible(float(numbers[row]), one, of) for row in outside}
        if len(outside):
            numbers = numbers.astype("float64").mask(numbers.index.isin(outside))
    return numbers, wrong


def _impossible(value: float, one: Column, of: str) -> str:
    low, high = LIMITS[of]
    hint = other_unit(value, of, one.unit, one.wanted_unit)
    return (
        f"{f'{value / one.factor:g} {one.unit}'.strip()} is not between "
        f"{f'{low:g} and {high:g} {one.wanted_unit}'.strip()}"
        + (f", as it would be in {hint}" if hint else "")
        + "; check its unit"
    )


def _facts(cells: pd.Series[Any]) -> tuple[pd.Series[Any], dict[int, str]]:
    # 1 and 0 as numbers or as words, or yes and no.
    words = {"1": 1.0, "0": 0.0, "1.0": 1.0, "0.0": 0.0} | YES_NO
    return _by_words(cells, words, "neither 1 (yes) nor 0 (no)")


def _by_words(
    cells: pd.Series[Any], meanings: Mapping[str, Any], wanted: str
) -> tuple[pd.Series[Any], dict[int, str]]:
    words = cells.map(lambda cell: cell if pd.isna(cell) else _word(cell).lower())
    found = words.map(meanings)
    wrong = cells.index[cells.notna() & found.isna()]
    return found, {int(row): f"{_word(cells[row])!r} is {wanted}" for row in wrong}


def _method(one: Column) -> str:
    return f"{one.method}, {AS_GIVEN}" if one.method else AS_GIVEN


def _word(cell: Any) -> str:
    return "" if pd.isna(cell) else str(cell).strip()


def _person(cells: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: None if pd.isna(cells[name]) else cells[name]
        for name in ("sex", "age", "height_m", "weight_kg")
        if name in cells
    }
