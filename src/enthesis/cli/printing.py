"""Tables for people and JSON for programs, on standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from enthesis.pipeline.outputs import Announce, json_text
from enthesis.report import tables as report

FILE_WIDTH = 160
"""Columns of a table that goes to a file or a pipe, which has no width of its own."""


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
    text = report.printed(table)
    shown = Table(title=escape(table.caption), title_justify="left", caption_justify="left")
    for header, numeric in zip(text.headers, text.numeric, strict=True):
        shown.add_column(escape(header), justify="right" if numeric else "left", overflow="fold")
    if any(text.marks):
        shown.add_column("Note")
    for row, marks in zip(text.rows, text.marks, strict=True):
        noted = [",".join(map(str, marks))] if any(text.marks) else []
        shown.add_row(*map(escape, row), *noted)
    out = console()
    out.print(shown)
    for number, footnote in enumerate(text.footnotes, start=1):
        out.print(f"  {number}  {escape(footnote)}")
    for note in table.notes:
        out.print(f"  {note}", markup=False)


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
