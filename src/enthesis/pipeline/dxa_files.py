"""From the files of densitometry visits and of repeats to the file of changes."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.dxa import DxaChanges, dxa_changes
from enthesis.read.device_values import DeviceValues
from enthesis.read.measurement_report import Report
from enthesis.records import long_table


def dxa_files(
    visits: Path, *, output: Path, repeats: Path | None = None, level: float = 0.95
) -> DxaChanges:
    """Changes between visits, written as CSV, with the precision that they were judged by.

    Parameters
    ----------
    visits : CSV, TSV, XLSX or Parquet, as for `dxa_changes`
    output : .csv; beside it ``<name>_precision.csv``, where repeats are given
    repeats : of the centre's own precision study
    level : of confidence of the least significant change

    Raises
    ------
    InputError : an unreadable or unusable table; nothing is written.
    """
    _refuse(output)
    study = None if repeats is None else read.values(repeats)
    result = dxa_changes(read.values(visits), repeats=study, level=level)
    _write({output: result.changes})
    if result.precision:
        _write({output.with_name(f"{output.stem}_precision.csv"): result.precision_frame()})
    return result


def values_files(source: Path, *, output: Path, sheet: str = "") -> DeviceValues:
    """A table of device values as a long table, with what was understood of its columns.

    Parameters
    ----------
    source : CSV, TSV, XLSX or Parquet
    output : .csv for the long table; beside it ``<name>_columns.csv`` says what each column was
        taken for and ``<name>_doubts.csv`` names the cells that cannot be
    sheet : of a workbook with several

    Raises
    ------
    InputError : an unreadable table, or one in which no column is a measurement; nothing is
        written.
    """
    _refuse(output)
    found = read.values(source, sheet=sheet)
    if not any(one.kind == "quantity" for one in found.columns):
        raise InputError(
            f"no column of {source.name!r} is a measurement; its columns are: "
            + ", ".join(repr(one.header) for one in found.columns[:12])
        )
    doubts = pd.DataFrame(
        [(one.row, one.subject, one.column, one.value, one.reason) for one in found.doubts],
        columns=["row", "subject", "column", "value", "reason"],
    )
    _write(
        {
            output: found.long_table(),
            output.with_name(f"{output.stem}_columns.csv"): found.dictionary(),
            output.with_name(f"{output.stem}_doubts.csv"): doubts,
        }
    )
    return found


def report_files(source: Path, *, output: Path) -> Report:
    """The numbers of a DICOM SR as a long table.

    Parameters
    ----------
    source : .dcm, a measurement report by template TID 1500
    output : .csv

    Raises
    ------
    InputError : no such report, or none of its numbers is known; nothing is written.
    """
    _refuse(output)
    found = read.sr(source)
    _write({output: long_table(found.measurements)})
    return found


def _refuse(output: Path) -> None:
    if output.suffix != ".csv":
        raise InputError(f"the output is a .csv file, not {output.name!r}")
    if not output.parent.is_dir():
        raise InputError(f"there is no folder {output.parent}; make it first")


def _write(frames: dict[Path, pd.DataFrame]) -> None:
    """All of them beside, then renamed: never half a file."""
    partials = {path: path.with_name(f".{path.name}.partial") for path in frames}
    try:
        for path, frame in frames.items():
            frame.to_csv(partials[path], index=False)
        for path, partial in partials.items():
            partial.replace(path)
    finally:
        for partial in partials.values():
            partial.unlink(missing_ok=True)
