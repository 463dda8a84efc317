"""Tables of numbers and words, each row known by its place in the file."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.read.files import existing

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+")

MISSING = frozenset({"", "NA", "N/A", "NaN", "nan", "."})
"""Cells that hold nothing, as R, spreadsheets and SAS write them."""


def table(path: str | Path) -> pd.DataFrame:
    """Table of a .csv or .tsv file.

    A column is numeric when all its filled cells are numbers without leading zeros, else text.

    Parameters
    ----------
    path : UTF-8 text, commas, semicolons or tabs between cells, decimal points, names in row 1

    Returns
    -------
    DataFrame whose index `row` counts as a spreadsheet does: the names are row 1, data begin in
    row 2; empty rows are left out.

    Raises
    ------
    InputError : not such a table; the message has the row, and the column where there is one.
    """
    path = existing(path)
    return table_of_rows(_rows(_text(path), path), path)


def table_of_rows(rows: list[tuple[int, list[str]]], path: Path) -> pd.DataFrame:
    """Table of cells that were read as words, whatever kind of file they stood in.

    Parameters
    ----------
    rows : each filled row's number and its cells without surrounding spaces
    path : the file, named in messages

    Raises
    ------
    InputError : as for `table`.
    """
    header = _header(rows, path)
    cells: dict[int, list[str]] = {}
    for number, row in rows[1:]:
        if len(row) < len(header) or any(row[len(header) :]):
            raise InputError(
                f"{path.name!r}, row {number} has {len(row)} cells where the names in row 1 have "
                f"{len(header)}; fill or quote its cells"
            )
        cells[number] = row[: len(header)]
    if not cells:
        raise InputError(f"{path.name!r} has names but no data below them")
    columns = {
        name: _column([row[place] for row in cells.values()], list(cells), name, path)
        for place, name in enumerate(header)
    }
    return pd.DataFrame(columns, index=pd.Index(list(cells), name="row"))


def _text(path: Path) -> str:
    if path.is_dir():
        raise InputError(f"{path.name!r} is a folder; name a .csv or .tsv file")
    content = path.read_bytes()
    if content.startswith(b"PK"):
        raise InputError(f"{path.name!r} is a workbook, not text; save its sheet as CSV UTF-8")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path.name!r}, row {row} is not UTF-8 text (byte {content[error.start]:#04x}); "
            "save the table as CSV UTF-8"
        ) from error
    if "\0" in text:
        raise InputError(f"{path.name!r} is not text; save the table as CSV UTF-8")
    return text


def _rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    first = text.partition("\n")[0]
    tabbed = path.suffix.lower() in {".tsv", ".tab"}
    # Spreadsheets set to a decimal comma part their cells with semicolons.
    delimiter = "\t" if tabbed else max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = []
    try:
        for number, row in enumerate(reader, start=1):
            stripped = [cell.strip() for cell in row]
            if any(stripped):
                rows.append((number, stripped))
    except csv.Error as error:
        raise InputError(f"{path.name!r}, line {reader.line_num}: {error}") from error
    if not rows:
        raise InputError(f"{path.name!r} is empty; its first row is to name the columns")
    return rows


def _header(rows: list[tuple[int, list[str]]], path: Path) -> list[str]:
    number, header = rows[0]
    if number != 1:
        raise InputError(f"{path.name!r}: row 1 is empty; it is to name the columns")
    while not header[-1] and not any(any(row[len(header) - 1 :]) for _, row in rows):
        header = header[:-1]
    for place, name in enumerate(header, start=1):
        if not name:
            raise InputError(f"{path.name!r}: column {place} has no name in row 1")
    doubled = [name for name in dict.fromkeys(header) if header.count(name) > 1]
    if doubled:
        raise InputError(
            f"{path.name!r}: the column {doubled[0]!r} occurs {header.count(doubled[0])} times; "
            "give each its own name"
        )
    return header


def _column(
    cells: list[str], rows: list[int], name: str, path: Path
) -> pd.Series[int] | pd.Series[float] | pd.Series[str]:
    # U+2212 is the minus that word processors set.
    plain = [cell.replace("\u2212", "-") for cell in cells]
    filled = [cell for cell in plain if cell not in MISSING]
    for row, cell in zip(rows, plain, strict=True):
        if DECIMAL_COMMA.fullmatch(cell):
            raise InputError(
                f"{path.name!r}, row {row}, column {name!r} reads {cell!r}: decimal commas are "
                "not understood; save the table with decimal points"
            )
    coded = any(re.match(r"[+-]?0\d", cell) for cell in filled)
    if coded or not all(NUMBER.fullmatch(cell) for cell in filled):
        text = [None if cell in MISSING else cell for cell in cells]
        return pd.Series(text, index=rows, dtype="str")
    if filled == plain and all(re.fullmatch(r"[+-]?\d{1,18}", cell) for cell in filled):
        return pd.Series([int(cell) for cell in plain], index=rows, dtype="int64")
    numbers = [np.nan if cell in MISSING else float(cell) for cell in plain]
    return pd.Series(numbers, index=rows, dtype="float64")
