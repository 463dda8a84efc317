"""``enthesis values``: a table of device numbers, understood, converted and doubted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enthesis.cli.printing import console, print_json, print_table
from enthesis.pipeline.dxa_files import report_files, values_files
from enthesis.report.tables import Table

SHOWN = ["column", "kind", "name", "unit", "impossible", "remark"]
"""Columns of the data dictionary that are printed; the file has all."""


def values(
    source: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    sheet: str = "",
    json: bool = False,
) -> None:
    """Read device numbers (DXA, QUS, grip, gait, composition): units converted, doubts named.

    Parameters
    ----------
    source
        CSV, TSV, XLSX or Parquet: a row per subject or visit, units in the header, as
        "BMD L1 (g/cm2)" or grip_strength_kg. Or a DICOM measurement report (.dcm).
    output
        CSV file for the long table; what each column was taken for, and the cells that cannot be,
        are written beside it; of a report the table alone.
    sheet
        Of a workbook with several.
    json
        Print one JSON document instead of tables.
    """
    if source.suffix.lower() == ".dcm":
        _report(source, output, as_json=json)
        return
    found = values_files(source, output=output, sheet=sheet)
    columns = found.dictionary()
    if json:
        print_json(
            {
                "columns": columns.to_dict("records"),
                "doubts": [str(doubt) for doubt in found.doubts],
            }
        )
        return
    print_table(Table(frame=columns[SHOWN], caption="What each column was taken for"))
    for doubt in found.doubts:
        console().print(f"Left out: {doubt}", markup=False)
    console().print(f"Long table: {output}", markup=False)


def _report(source: Path, output: Path, *, as_json: bool) -> None:
    found = report_files(source, output=output)
    if as_json:
        print_json({"measurements": len(found.measurements), "left_out": list(found.left_out)})
        return
    console().print(f"{len(found.measurements)} measurements read")
    for sentence in found.left_out:
        console().print(f"Left out: {sentence}", markup=False)
    console().print(f"Long table: {output}", markup=False)
