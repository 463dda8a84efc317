"""Tables of any of the files that devices and offices export: text, workbooks and Parquet."""

from __future__ import annotations

import datetime as dt
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis._optional import optional
from enthesis.errors import InputError
from enthesis.read.files import existing
from enthesis.read.tables import table, table_of_rows

MAX_WORKBOOK_BYTES = 1 << 29
"""Largest unpacked workbook that is opened, 512 MB: a full sheet of numbers has less."""


def spreadsheet(path: str | Path, *, sheet: str = "") -> pd.DataFrame:
    """Table of a .csv, .tsv, .xlsx or .parquet file.

    Parameters
    ----------
    path : names in row 1; for text see `tables.table`
    sheet : of a workbook; may be left out where only one sheet holds anything

    Returns
    -------
    DataFrame whose index `row` counts as a spreadsheet does: the names are row 1, data begin in
    row 2. A Parquet file's rows are counted alike.

    Raises
    ------
    InputError : not such a file, several sheets and none named, or a package that is missing.
    """
    path = existing(path)
    suffix = path.suffix.lower()
    if suffix == ".xlsx":
        return table_of_rows(_cells(path, sheet), path)
    if sheet:
        raise InputError(f"{path.name!r} is no workbook, so it has no sheet {sheet!r}")
    if suffix in {".parquet", ".pq"}:
        return _parquet(path)
    if suffix == ".xls":
        raise InputError(f"{path.name!r} is an old workbook (.xls); save it as .xlsx or CSV UTF-8")
    return table(path)


def _cells(path: Path, wanted: str) -> list[tuple[int, list[str]]]:
    openpyxl = optional("openpyxl", extra="tables", purpose="reading workbooks")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(part.file_size for part in archive.infolist())
        if unpacked > MAX_WORKBOOK_BYTES:
            raise InputError(
                f"{path.name!r} unpacks to {unpacked / 1e6:.0f} MB, more than a sheet of numbers "
                "needs; save the one sheet as CSV UTF-8"
            )
        book = openpyxl.load_workbook(path, data_only=True)
    except InputError:
        raise
    except Exception as error:
        # openpyxl raises its own and zipfile's exceptions for files that are no workbook.
        raise InputError(f"{path.name!r} is no .xlsx workbook: {error}") from error
    page = _page(book, wanted, path)
    if page.merged_cells.ranges:
        first = next(iter(page.merged_cells.ranges)).coord
        raise InputError(
            f"{path.name!r}: cells {first} are merged; unmerge them and fill in every one"
        )
    rows = [
        (number, [_text(value) for value in row])
        for number, row in enumerate(page.iter_rows(values_only=True), start=1)
    ]
    filled = [(number, row) for number, row in rows if any(row)]
    if not filled:
        raise InputError(f"{path.name!r} is empty; its first row is to name the columns")
    return filled


def _page(book: Any, wanted: str, path: Path) -> Any:
    names = ", ".join(map(repr, book.sheetnames))
    if wanted:
        if wanted not in book.sheetnames:
            raise InputError(f"{path.name!r} has no sheet {wanted!r}; it has: {names}")
        return book[wanted]
    # A sheet without cells has one empty row.
    filled = [
        page
        for page in book.worksheets
        if page.max_row > 1 or page.max_column > 1 or page["A1"].value is not None
    ]
    if len(filled) > 1:
        raise InputError(f"{path.name!r} has several sheets; name one of: {names}")
    return filled[0] if filled else book.worksheets[0]


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    # A whole number that a spreadsheet keeps as 71.0 was typed as 71.
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value).strip()


def _parquet(path: Path) -> pd.DataFrame:
    optional("pyarrow", extra="tables", purpose="reading Parquet files")
    try:
        frame = pd.read_parquet(path)
    except Exception as error:
        # pyarrow raises its own exceptions for files that are no Parquet.
        raise InputError(f"{path.name!r} cannot be read as Parquet: {error}") from error
    if frame.empty:
        raise InputError(f"{path.name!r} has no data")
    frame.columns = frame.columns.map(str)
    frame.index = pd.RangeIndex(2, len(frame) + 2, name="row")
    return frame
