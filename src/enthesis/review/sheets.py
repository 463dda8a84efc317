"""An extraction sheet's cells as they stand in a CSV file or a workbook, and an empty one."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from enthesis._optional import optional
from enthesis.errors import InputError
from enthesis.review.extraction_columns import COLUMNS, SHEET, SheetColumn

TAB = "extraction"
"""Name of the sheet in a workbook."""

TEMPLATE_ROWS = 1000
"""Rows of the template in which a workbook checks what is typed."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cells:
    """Cells as text, by the row numbers that the spreadsheet shows.

    Parameters
    ----------
    name : file
    rows : row number → column → text, "" where empty
    problems : (row, column, what is wrong) seen while reading
    """

    name: str
    rows: dict[int, dict[str, str]]
    problems: tuple[tuple[int, str, str], ...]


def read_cells(path: str | Path) -> Cells:
    """The cells of an extraction sheet.

    Parameters
    ----------
    path : .csv with names in row 1, or .xlsx, whose sheet "extraction" is read, or its first one

    Raises
    ------
    InputError : unreadable, or columns are missing, unknown or doubled.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no extraction sheet {path.name!r}")
    if path.suffix.lower() == ".xlsx":
        return _workbook(path)
    return _csv(path)


def write_template(path: str | Path) -> None:
    """An empty extraction sheet to fill in.

    Parameters
    ----------
    path : .csv, or .xlsx whose cells refuse what the columns do not allow and explain themselves
    """
    path = Path(path)
    if path.suffix.lower() != ".xlsx":
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerow(COLUMNS)
        return
    openpyxl = optional("openpyxl", extra="review", purpose="writing workbooks")
    styles = optional("openpyxl.styles", extra="review", purpose="writing workbooks")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = TAB
    lists = book.create_sheet("choices")
    about = book.create_sheet("columns")
    about.append(["column", "required", "what to fill in"])
    for place, column in enumerate(SHEET, start=1):
        cell = sheet.cell(row=1, column=place, value=column.name)
        cell.font = styles.Font(bold=True)
        cell.fill = styles.PatternFill("solid", fgColor="DCE6F1" if column.required else "F2F2F2")
        letter = cell.column_letter
        sheet.column_dimensions[letter].width = max(10, len(column.name) + 3)
        about.append([column.name, "yes" if column.required else "no", column.about])
        for row, choice in enumerate(column.choices, start=1):
            lists.cell(row=row, column=place, value=choice)
        rule = _rule(column, letter)
        if rule is not None:
            sheet.add_data_validation(rule)
            rule.add(f"{letter}2:{letter}{TEMPLATE_ROWS}")
    about.column_dimensions["A"].width, about.column_dimensions["C"].width = 18, 90
    lists.sheet_state = "hidden"
    sheet.freeze_panes = "A2"
    book.save(path)


def _rule(column: SheetColumn, letter: str) -> Any:
    """What a workbook lets nobody type into a column."""
    validation = optional(
        "openpyxl.worksheet.datavalidation", extra="review", purpose="writing workbooks"
    )
    if column.kind == "choice":
        # A list on another sheet: a list in the rule itself ends at 255 characters.
        source = f"choices!${letter}$1:${letter}${len(column.choices)}"
        rule = validation.DataValidation(type="list", formula1=f"={source}")
    elif column.kind in {"integer", "number"}:
        low = -1e9 if column.low is None else column.low
        high = 1e9 if column.high is None else column.high
        rule = validation.DataValidation(
            type="whole" if column.kind == "integer" else "decimal",
            operator="between",
            formula1=f"{low:g}",
            formula2=f"{high:g}",
        )
    else:
        return None
    rule.allow_blank = not column.required
    rule.promptTitle, rule.prompt = column.name, column.about[:255]
    rule.errorTitle, rule.error = column.name, column.about[:225]
    rule.showErrorMessage = rule.showInputMessage = True
    return rule


def _csv(path: Path) -> Cells:
    content = path.read_bytes()
    if content.startswith(b"PK"):
        raise InputError(f"{path.name!r} is a workbook; give it the ending .xlsx")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name!r} is not UTF-8 text; save it as CSV UTF-8") from error
    first = text.partition("\n")[0]
    # Spreadsheets set to a decimal comma part their cells with semicolons.
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True
    )
    try:
        rows = list(enumerate(reader, start=1))
    except csv.Error as error:
        raise InputError(f"{path.name!r}, line {reader.line_num}: {error}") from error
    problems = []
    header = _header([cell.strip() for cell in rows[0][1]] if rows else [], path)
    cells: dict[int, dict[str, str]] = {}
    for number, row in rows[1:]:
        stripped = [cell.strip() for cell in row]
        if not any(stripped):
            continue
        if len(stripped) > len(header) and any(stripped[len(header) :]):
            said = (
                f"{len(stripped)} cells where the header has {len(header)}: does one hold a comma?"
            )
            problems.append((number, "", said))
        stripped += [""] * (len(header) - len(stripped))
        cells[number] = {name: stripped[i] for i, name in enumerate(header) if name}
    return Cells(name=path.name, rows=cells, problems=tuple(problems))


def _workbook(path: Path) -> Cells:
    openpyxl = optional("openpyxl", extra="review", purpose="reading workbooks")
    try:
        book = openpyxl.load_workbook(path, data_only=True)
    except (OSError, KeyError, ValueError) as error:
        raise InputError(f"{path.name!r} cannot be read as a workbook: {error}") from error
    except Exception as error:
        # openpyxl raises its own and zipfile's exceptions for files that are no workbook.
        raise InputError(f"{path.name!r} is no .xlsx workbook: {error}") from error
    sheet = book[TAB] if TAB in book.sheetnames else book.worksheets[0]
    problems = [
        (
            area.min_row,
            header_of(sheet, area.min_col),
            f"cells {area.coord} are merged; unmerge them and fill in every one",
        )
        for area in sheet.merged_cells.ranges
    ]
    header = _header([_text(cell.value) for cell in next(sheet.iter_rows())], path)
    cells: dict[int, dict[str, str]] = {}
    for number, row in enumerate(sheet.iter_rows(min_row=2), start=2):
        texts = {
            name: _text(row[i].value) for i, name in enumerate(header) if name and i < len(row)
        }
        if not any(texts.values()):
            continue
        cells[number] = texts
        problems += [
            (number, name, "the spreadsheet has turned the entry into a date; format as text")
            for i, name in enumerate(header)
            if i < len(row) and isinstance(row[i].value, dt.date | dt.time)
        ]
    return Cells(name=path.name, rows=cells, problems=tuple(problems))


def header_of(sheet: Any, column: int) -> str:
    """Name that a workbook's first row gives a column."""
    return _text(sheet.cell(row=1, column=column).value)


def _header(names: list[str], path: Path) -> list[str]:
    if not any(names):
        raise InputError(f"{path.name!r} has no header in row 1; begin with the template")
    header = [name.lower() for name in names]
    missing = [c.name for c in SHEET if c.required and c.name not in header]
    if missing:
        raise InputError(f"{path.name!r} has no column {missing[0]!r}; begin with the template")
    unknown = [name for name in header if name and name not in COLUMNS]
    if unknown:
        raise InputError(
            f"{path.name!r}: the template has no column {unknown[0]!r}; put notes under 'comment'"
        )
    twice = [name for name in header if name and header.count(name) > 1]
    if twice:
        raise InputError(f"{path.name!r} has the column {twice[0]!r} twice")
    return header


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()
