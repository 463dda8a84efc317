"""``enthesis dxa``: densitometry visits to changes beside the least significant change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enthesis.cli.printing import console, print_json, print_table
from enthesis.pipeline.dxa_files import dxa_files
from enthesis.report.tables import Table

SHOWN = ["subject", "site", "from_visit", "years", "first", "last", "percent", "lsc", "significant"]
"""Columns that are printed; the file has all."""

DECIMALS = {"years": 2, "first": 3, "last": 3, "percent": 2, "lsc": 3}


def dxa(
    visits: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    repeats: Path | None = None,
    level: float = 0.95,
    json: bool = False,
) -> None:
    """Tell which changes of bone density between visits are more than error.

    Parameters
    ----------
    visits
        CSV, TSV, XLSX or Parquet: a row per visit with subject, date (or years, or age) and areal
        BMD by site, as "Total hip BMD (g/cm2)"; or mineral content and area of L1 to L4, with their
        T-scores, of which the vertebrae that count at every visit are taken.
    output
        CSV file for the changes; the precision of each site is written beside it.
    repeats
        The same columns from the centre's own precision study: a row per scan, two or more of each
        subject. Without it no change can be told from error.
    level
        Confidence of the least significant change.
    json
        Print one JSON document instead of tables.
    """
    result = dxa_files(visits, output=output, repeats=repeats, level=level)
    if json:
        print_json(
            {
                "changes": result.changes.to_dict("records"),
                "precision": result.precision_frame().to_dict("records"),
                "notes": list(result.notes),
            }
        )
        return
    print_table(
        Table(
            frame=result.changes[SHOWN],
            caption="Change of areal BMD (g/cm2) from the first or the previous visit",
            decimals=DECIMALS,
            notes=result.notes,
        )
    )
    console().print(f"Changes: {output}", markup=False)
