"""The output of a batch: one run at a time, and its many small results as one table."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis._optional import optional
from enthesis.errors import InputError
from enthesis.pipeline.batch_task import CASES, Outcome, Task, case_folder, is_full
from enthesis.records import LONG_COLUMNS

CASES_A_PART = 1000
"""Scans in one file of the Parquet dataset."""

MADE = (
    *("measurements", "measurements.csv", "cases.csv", "subjects.csv"),
    *("distributions.csv", "outliers.csv", "agreement.csv", "findings.csv"),
    *("provenance.json", "scans", "index.html"),
)
"""All that gathering may write, the page last."""

FREE_SOME = "free some and run the same command again: what was measured is kept"

PURPOSE = "gathering the results of a batch"


@contextmanager
def alone(output: Path, name: str) -> Iterator[None]:
    """Hold the output for one run of this name; the hold ends with the process, however it ends.

    Raises
    ------
    InputError : another run holds it.
    """
    filelock = optional(
        "filelock", extra="batch", purpose="guarding the output against a second run"
    )
    try:
        output.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(output / f".{name}.lock", blocking=False)
        with lock:
            yield
    except filelock.Timeout:
        raise InputError(
            f"another run ({name}) is writing to {output}; wait for it or name another folder"
        ) from None


def gather(outcomes: Sequence[Outcome], folder: Path, *, output: Path) -> None:
    """Write ``measurements/`` (Parquet) and ``measurements.csv`` of all that was measured.

    Rows stand in the order of the dataset, whoever was done first; `scan` is the number of the
    case. One part is in memory at a time.

    Parameters
    ----------
    outcomes : of the cases
    folder : to write to
    output : of the batch, where the cases are
    """
    arrow = optional("pyarrow", extra="batch", purpose=PURPOSE)
    csv = optional("pyarrow.csv", extra="batch", purpose=PURPOSE)
    parquet = optional("pyarrow.parquet", extra="batch", purpose=PURPOSE)
    types = {name: arrow.string() for name in LONG_COLUMNS} | {"value": arrow.float64()}
    schema = arrow.schema([*types.items(), ("scan", arrow.int32())])
    reading = csv.ConvertOptions(
        column_types=types, strings_can_be_null=False, include_columns=list(LONG_COLUMNS)
    )
    firsts: dict[str, Outcome] = {}
    for one in sorted(outcomes, key=_number):
        if one.done:
            # Two cases with the very same inputs are one: its numbers are there once.
            firsts.setdefault(one.key, one)
    done = list(firsts.values())
    parts = folder / "measurements"
    parts.mkdir()
    with csv.CSVWriter(folder / "measurements.csv", schema) as whole:
        for part, first in enumerate(range(0, max(len(done), 1), CASES_A_PART)):
            tables = [schema.empty_table()]
            for one in done[first : first + CASES_A_PART]:
                path = case_folder(output, one.key) / "measurements.csv"
                table = csv.read_csv(path, convert_options=reading)
                numbers = arrow.repeat(arrow.scalar(one.number, arrow.int32()), len(table))
                tables.append(table.append_column("scan", numbers))
            table = arrow.concat_tables(tables)
            parquet.write_table(table, parts / f"part-{part:05d}.parquet")
            whole.write_table(table)


@contextmanager
def made_whole(output: Path) -> Iterator[Path]:
    """Yield a folder for tables and pages; in the end they take the places of the old ones.

    Raises
    ------
    InputError : the disk is full; what stood there stays.
    """
    staging = Path(tempfile.mkdtemp(prefix=".gather.", dir=output))
    try:
        yield staging
        _replace(staging, output)
    except OSError as error:
        if not is_full(error):
            raise
        raise InputError(f"no space is left to gather the results; {FREE_SOME}") from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def tidy(output: Path, *, older_than_s: float) -> None:
    """Remove what runs that were killed have left half-written.

    Parameters
    ----------
    output : of the batch
    older_than_s : a younger folder may belong to a shard that is running now
    """
    limit = time.time() - older_than_s
    for path in (*output.glob(".gather.*"), *(output / CASES).glob(".*")):
        if path.stat().st_mtime < limit:
            shutil.rmtree(path, ignore_errors=True)


def _replace(staging: Path, output: Path) -> None:
    aside = Path(tempfile.mkdtemp(prefix=".gather.", dir=output))
    try:
        for name in MADE:
            # A folder cannot be renamed over another; and what this run has not made is of an
            # earlier one, and would be taken for this one's.
            if (output / name).exists() and not (staging / name).is_file():
                (output / name).rename(aside / name)
            if (staging / name).exists():
                (staging / name).rename(output / name)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def cases_table(tasks: Sequence[Task], outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """A row per case: number, subject, session, status, reason, seconds, memory and folder."""
    by_number = {task.case.number: task.case for task in tasks}
    rows: list[dict[str, Any]] = []
    for one in sorted(outcomes, key=_number):
        case = by_number[one.number]
        rows.append(
            {
                "scan": one.number,
                "subject": case.subject.id or one.key,
                "session": case.session,
                "status": one.status,
                "reason": one.reason,
                "measurements": one.n_measurements,
                "seconds": round(one.seconds, 3),
                "peak_mb": round(one.peak_mb, 1),
                "folder": f"cases/{one.key}" if one.key else "",
            }
        )
    return pd.DataFrame(rows)


def _number(outcome: Outcome) -> int:
    return outcome.number
