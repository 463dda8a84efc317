"""The extraction sheet checked row by row and brought to one unit, and two sheets compared."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.extraction_columns import (
    ARM,
    CELL,
    COLUMNS,
    DATASET,
    MERGED_GROUPS,
    SHEET,
    UNITS,
    WORSE,
    SheetColumn,
)
from enthesis.review.sheets import read_cells

SHOWN_PROBLEMS = 20
"""Problems that an error prints; `problems` has all."""

SMALLEST_AREA_MM2 = 30.0
"""A mean area below it, said to be in mm2, is rather one in cm2."""

SMALLEST_CV = 0.03
"""An SD below this share of its mean is rather a standard error."""

ADDED = ("worse", "unit_as_extracted", "sides", "flags")
"""Columns that the validated table has beside the sheet's."""

DIFFERENCE_COLUMNS = (*CELL, "column", "first", "second", "row_first", "row_second", "decided")

ABSENT = "(no such row)"

_Problem = tuple[int, str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CheckedSheet:
    """A sheet with everything that is wrong with it.

    Parameters
    ----------
    name : file
    table : COLUMNS and ADDED, indexed by the sheet's row number; values converted to the units of
        `UNITS`; empty if there are problems
    problems : row, column, problem; in the order of the rows
    """

    name: str
    table: pd.DataFrame
    problems: pd.DataFrame


def check_sheet(path: str | Path) -> CheckedSheet:
    """A sheet's values, or all its problems, each with its row.

    Parameters
    ----------
    path : .csv or .xlsx in the template's form

    Raises
    ------
    InputError : the file cannot be read at all; see `read_cells`.

    Notes
    -----
    Problems are: cells that are empty, no number, out of bounds or not among the choices (muscles
    with the nearest name), decimal commas, merged cells, dates made by the spreadsheet, SD of 0 or
    less, a group or the sum of the groups larger than the study, the same effect twice, both sides
    and their average, unequal n of left and right, units of one measurement that cannot be
    converted into each other, and sample data that differ between rows of the sample. Areas that
    look like cm2, SDs that look like standard errors and single sides are only flagged.
    """
    cells = read_cells(path)
    problems = list(cells.problems)
    values = {row: _values(row, texts, problems) for row, texts in cells.rows.items()}
    if not values:
        raise InputError(f"{cells.name!r} has no rows below its header")
    broken = {row for row, _, _ in problems}
    sound = {row: value for row, value in values.items() if row not in broken}
    if sound:
        problems += _across(sound)
    table = pd.DataFrame(columns=[*COLUMNS, *ADDED]) if problems else _table(values)
    listed = pd.DataFrame(sorted(set(problems)), columns=["row", "column", "problem"])
    return CheckedSheet(name=cells.name, table=table, problems=listed)


def read_extraction(path: str | Path) -> pd.DataFrame:
    """The validated table of a sheet: COLUMNS and ADDED.

    Raises
    ------
    InputError : the sheet has problems; each is named by row.
    """
    checked = check_sheet(path)
    if len(checked.problems):
        raise InputError(problems_text(checked))
    return checked.table


def problems_text(checked: CheckedSheet) -> str:
    """All problems of a sheet, one a line, the first `SHOWN_PROBLEMS` in full."""
    n = len(checked.problems)
    lines = [
        f"row {row}{f', {column}' if column else ''}: {problem}"
        for row, column, problem in checked.problems.head(SHOWN_PROBLEMS).itertuples(index=False)
    ]
    more = [f"and {n - SHOWN_PROBLEMS} more"] if n > SHOWN_PROBLEMS else []
    return "\n  ".join([f"{checked.name!r} has {n} problem{'s' * (n > 1)}:", *lines, *more])


def differences(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Where two extractors differ, for a third to decide.

    Parameters
    ----------
    first, second : validated tables of the same studies

    Returns
    -------
    DIFFERENCE_COLUMNS, one row per differing value or per row that only one has ("(no such row)");
    values in common units, so that 8.9 cm2 and 890 mm2 agree. `decided` is empty.
    """
    compared = [c for c in COLUMNS if c not in {*CELL, "source", "comment"}]
    mine, other = (_by_cell(table) for table in (first, second))
    rows = []
    for key in dict.fromkeys([*mine, *other]):
        a, b = mine.get(key), other.get(key)
        if a is None or b is None:
            here = [ABSENT if one is None else "present" for one in (a, b)]
            rows.append((*key, "", *here, _row(a), _row(b), ""))
            continue
        rows += [
            (*key, name, _shown(a[name]), _shown(b[name]), _row(a), _row(b), "")
            for name in compared
            if not _same(a[name], b[name])
        ]
    frame = pd.DataFrame(rows, columns=list(DIFFERENCE_COLUMNS))
    return frame.astype({"row_first": "Int64", "row_second": "Int64"})


def settle(first: pd.DataFrame, second: pd.DataFrame, decided: pd.DataFrame) -> pd.DataFrame:
    """One table from two, after a third person's decisions.

    Parameters
    ----------
    first, second : validated tables
    decided : `differences` of both with `decided` filled in: "first" or "second"; for a row that
        only one of them has, the one that is right, so that "second" drops a row of the first

    Raises
    ------
    InputError : a difference that is not decided, or decided otherwise.
    """
    choices = {
        (*(str(row[name]) for name in CELL), str(row["column"])): str(row["decided"]).strip()
        for row in decided.to_dict("records")
    }
    result, other = _by_cell(first), _by_cell(second)
    for row in differences(first, second).to_dict("records"):
        key = tuple(str(row[name]) for name in CELL)
        choice = choices.get((*key, str(row["column"])), "")
        if choice not in {"first", "second"}:
            raise InputError(
                f"{', '.join(key)}: {row['column'] or 'the row'} is {row['first']!r} and "
                f"{row['second']!r}; decide 'first' or 'second', not {choice!r}"
            )
        if choice == "first":
            continue
        if row["column"]:
            result[key][str(row["column"])] = other[key][str(row["column"])]
        elif key in other:
            result[key] = other[key]
        else:
            del result[key]
    rows = [{name: row[name] for name in row if name != "_row"} for row in result.values()]
    return pd.DataFrame(rows, columns=[*COLUMNS, *ADDED])


def _values(row: int, texts: dict[str, str], problems: list[_Problem]) -> dict[str, object]:
    result: dict[str, object] = {}
    for column in SHEET:
        try:
            result[column.name] = _value(column, texts.get(column.name, ""))
        except InputError as error:
            problems.append((row, column.name, str(error)))
    sd, outcome, unit = (result.get(name) for name in ("sd", "outcome", "unit"))
    if isinstance(sd, float) and sd <= 0:
        problems.append((row, "sd", f"an SD is above 0, not {sd:g}; is it missing in the paper?"))
    if outcome in UNITS and unit is not None and unit not in UNITS[str(outcome)]:
        problems.append((row, "unit", f"{outcome} is not measured in {unit}"))
    mean = result.get("mean")
    if isinstance(mean, float) and outcome == "CSA" and mean <= 0:
        problems.append((row, "mean", f"an area is above 0, not {mean:g}"))
    n, study_n = result.get("n"), result.get("study_n")
    if isinstance(n, int) and isinstance(study_n, int) and n > study_n:
        problems.append((row, "n", f"the group has {n} people, the whole sample only {study_n}"))
    return result


def _value(column: SheetColumn, text: str) -> object:
    plain = text.replace("\N{MINUS SIGN}", "-").replace("²", "2").replace("^2", "2").strip()
    if not plain:
        if column.required:
            raise InputError(f"is empty; {column.about}")
        return None if column.kind in {"integer", "number"} else ""
    if column.kind == "text":
        return " ".join(text.split())
    if column.kind == "choice":
        return _choice(column, plain)
    if re.fullmatch(r"[+-]?\d+,\d+", plain):
        raise InputError(f"{text!r} has a decimal comma; write {plain.replace(',', '.')}")
    try:
        number = float(plain)
    except ValueError:
        raise InputError(f"{text!r} is no number") from None
    if not math.isfinite(number):
        raise InputError(f"{text!r} is no number")
    low = -math.inf if column.low is None else column.low
    high = math.inf if column.high is None else column.high
    if not low <= number <= high:
        bounds = f"{low:g} or more" if high == math.inf else f"between {low:g} and {high:g}"
        raise InputError(f"{text!r} is not {bounds}")
    if column.kind == "number":
        return number
    if not number.is_integer():
        raise InputError(f"{text!r} is no whole number")
    return int(number)


def _choice(column: SheetColumn, text: str) -> str:
    folded = {choice.lower(): choice for choice in column.choices}
    wanted = " ".join(text.lower().replace("_", " ").split())
    if wanted in folded:
        return folded[wanted]
    near = difflib.get_close_matches(wanted, folded, n=1)
    hint = f"; do you mean {folded[near[0]]!r}?" if near else ""
    known = ", ".join(column.choices) if len(column.choices) < 10 else "see the template"
    raise InputError(f"unknown {column.name} {text!r}{hint or f'; known: {known}'}")


def _across(values: dict[int, dict[str, object]]) -> Iterator[_Problem]:
    """What is wrong between rows that are sound one by one."""
    frame = pd.DataFrame.from_dict(values, orient="index")
    yield from _doubled(frame)
    for (study, sample), rows in frame.groupby(["study", "sample"], sort=False):
        for column in SHEET:
            if not column.whole:
                continue
            filled = rows[column.name].replace("", None).dropna()
            for row in filled.index[filled != filled.iloc[0]] if len(filled) else ():
                said = (
                    f"{filled[row]} differs from row {filled.index[0]} ({filled.iloc[0]}) of the "
                    f"same sample ({study}, {sample})"
                )
                yield int(row), column.name, said
    for _, rows in frame.groupby(list(DATASET), sort=False):
        yield from _within_dataset(rows)


def _doubled(frame: pd.DataFrame) -> Iterator[_Problem]:
    for _, rows in frame.groupby(list(CELL), sort=False):
        for row in rows.index[1:]:
            yield int(row), "", f"the same effect stands in row {rows.index[0]}"
    for _, rows in frame.groupby(list(ARM), sort=False):
        sides = dict(zip(rows["side"], rows.index, strict=True))
        if "both" in sides and len(sides) > 1:
            single = next(side for side in sides if side != "both")
            yield (
                int(sides["both"]),
                "side",
                f"both sides together here, the {single} one in row {sides[single]}; keep one form",
            )
        counts = dict(zip(rows["side"], rows["n"], strict=True))
        if {"left", "right"} <= set(counts) and counts["left"] != counts["right"]:
            said = (
                f"right has {counts['right']} people, left (row {sides['left']}) "
                f"{counts['left']}; sides of the same people are averaged"
            )
            yield int(sides["right"]), "n", said


def _within_dataset(rows: pd.DataFrame) -> Iterator[_Problem]:
    kinds = [UNITS[str(o)][str(u)][0] for o, u in zip(rows["outcome"], rows["unit"], strict=True)]
    for row, unit, kind in zip(rows.index, rows["unit"], kinds, strict=True):
        if kind != kinds[0]:
            yield (
                int(row),
                "unit",
                f"{unit} cannot be compared with {rows['unit'].iloc[0]} of row {rows.index[0]}",
            )
    sizes = rows.groupby("group")["n"].max()
    parts = sizes[[name for name in sizes.index if name not in MERGED_GROUPS]]
    whole = int(rows["study_n"].iloc[0])
    if parts.sum() > whole:
        counted = " + ".join(f"{n} {name}" for name, n in parts.items())
        yield (
            int(rows.index[0]),
            "n",
            f"the groups have {parts.sum()} people ({counted}), the whole sample only {whole}",
        )


def _table(values: dict[int, dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(values, orient="index").rename_axis("row")
    pairs = list(zip(frame["outcome"], frame["unit"], strict=True))
    targets = [UNITS[str(outcome)][str(unit)] for outcome, unit in pairs]
    factors = pd.Series([factor for _, factor in targets], index=frame.index)
    frame["unit_as_extracted"] = frame["unit"]
    frame["unit"] = [unit for unit, _ in targets]
    frame["mean"] = frame["mean"] * factors
    frame["sd"] = frame["sd"] * factors
    frame["worse"] = [
        WORSE[str(o), str(u)] for o, u in zip(frame["outcome"], frame["unit"], strict=True)
    ]
    n_sides = frame.groupby(list(ARM), sort=False)["side"].transform("size")
    frame["sides"] = [
        "as printed" if side == "both" else "to average" if n == 2 else "one side"
        for side, n in zip(frame["side"], n_sides, strict=True)
    ]
    frame["flags"] = [_flags(row) for row in frame.to_dict("records")]
    for column in SHEET:
        if column.kind == "number":
            frame[column.name] = frame[column.name].astype("float64")
    return frame[[*COLUMNS, *ADDED]]


def _flags(row: dict[object, object]) -> str:
    mean, sd = float(str(row["mean"])), float(str(row["sd"]))
    found = []
    if row["unit"] == "mm2" and mean < SMALLEST_AREA_MM2:
        found.append(f"an area of {mean:g} mm2 is small for a muscle: is it in cm2?")
    if sd < SMALLEST_CV * abs(mean):
        found.append(f"the SD is {100 * sd / abs(mean):.1f}% of the mean: is it a standard error?")
    if row["unit"] == "%" and row["outcome"] == "FI" and not 0 <= mean <= 100:
        found.append(f"a fat share of {mean:g}% is none")
    if row["sides"] == "one side":
        found.append(f"only the {row['side']} side")
    return "; ".join(found)


def _by_cell(table: pd.DataFrame) -> dict[tuple[str, ...], dict[str, object]]:
    return {
        tuple(str(row[name]) for name in CELL): {str(name): row[name] for name in row}
        | {"_row": number}
        for number, row in zip(table.index, table.to_dict("records"), strict=True)
    }


def _row(row: dict[str, object] | None) -> object:
    return pd.NA if row is None else row["_row"]


def _shown(value: object) -> str:
    if value is None or value != value:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _same(a: object, b: object) -> bool:
    return _shown(a) == _shown(b)
