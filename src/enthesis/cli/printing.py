"""Tables for people and JSON for programs, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from enthesis.pipeline.outputs import Announce, json_text
from enthesis.report import tables as report

FILE_WIDTH = 100
"""Columns of a table that goes to a file or a pipe, which has no width of its own."""

RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")

FEW_LETTERS = 8
"""Narrowest column of words that is still read with ease."""


@contextmanager
def progress() -> Iterator[Announce]:
    """What is being done right now, on standard error; silent when that is no terminal."""
    with Console(stderr=True).status("Starting") as status:
        yield lambda step: status.update(step)


def console() -> Console:
    """Standard output, as wide as the terminal."""
    return Console(width=None if sys.stdout.isatty() else FILE_WIDTH, highlight=False)


def print_table(table: report.Table) -> None:
    """A report's table as text, with its footnotes."""
    text, out = report.printed(table), console()
    shown = Table(
        title=escape(table.caption),
        title_justify="left",
        # One space between columns, no lines: a wide table still fits 100 columns.
        box=box.SIMPLE_HEAD,
        padding=0,
        pad_edge=False,
    )
    # Headers may wrap after a hyphen too.
    headers = [header.replace("-", "-\n") for header in text.headers]
    # As on the page, footnotes are marked on the first cell.
    rows = [
        (row[0] + ",".join(map(str, marks)).translate(RAISED), *row[1:])
        for row, marks in zip(text.rows, text.marks, strict=True)
    ]
    widths = _widths(rows, headers, text.numeric, out.width)
    for header, numeric, width in zip(headers, text.numeric, widths, strict=True):
        shown.add_column(
            escape(header),
            justify="right" if numeric else "left",
            width=width,
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*map(escape, row))
    out.print(shown)
    for number, footnote in enumerate(text.footnotes, start=1):
        out.print(f"  {str(number).translate(RAISED)} {escape(footnote)}")
    for note in table.notes:
        out.print(f"  {note}", markup=False)


def _widths(
    rows: Sequence[tuple[str, ...]], headers: list[str], numeric: tuple[bool, ...], width: int
) -> list[int] | list[None]:
    """Widths of the columns that break no number and no word; none where there is no room."""
    least, natural = [], []
    for header, is_number, cells in zip(
        headers, numeric, zip(*rows, strict=True) if rows else [()] * len(headers), strict=True
    ):
        words = [*header.split(), *(cells if is_number else " ".join(cells).split())]
        least.append(max(map(cell_len, words)))
        natural.append(max(map(cell_len, [*words, *cells])))
    spare = width - len(least) - 1 - sum(least)
    # Where there is no room for whole words, the longest ones are folded first.
    for i in sorted(range(len(least)), key=lambda i: -least[i]):
        if spare < 0 and not numeric[i]:
            cut = min(-spare, max(least[i] - FEW_LETTERS, 0))
            least[i], spare = least[i] - cut, spare + cut
    if spare < 0:
        return [None] * len(least)
    for i, wanted in enumerate(natural):
        more = min(spare, wanted - least[i])
        least[i], spare = least[i] + more, spare - more
    return least


def print_counts(counts: Mapping[str, int], caption: str, *, of: str) -> None:
    """Counts as a table; `of` heads the column of what is counted."""
    frame = pd.DataFrame({of: list(counts), "n": list(counts.values())})
    print_table(report.Table(frame=frame, caption=caption))


def print_json(document: Any) -> None:
    """One JSON document."""
    sys.stdout.write(json_text(document) + "\n")


def print_saved(output: Path) -> None:
    """Where to look now."""
    console().print(f"Report: {output / 'report.html'}")
