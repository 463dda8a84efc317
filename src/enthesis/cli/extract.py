"""``enthesis review extract``: checked sheets, their differences and their effects."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from enthesis import review as room
from enthesis.cli.printing import console, print_table
from enthesis.pipeline import review_files
from enthesis.report.tables import Table

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
Output = Annotated[Path, Parameter(alias="-o")]

extract = cyclopts.App(name="extract", help="Extract data with checked sheets.")


@extract.command
def template(output: Path, /) -> None:
    """Write an empty extraction sheet.

    Parameters
    ----------
    output
        .xlsx, which checks what is typed, or .csv.
    """
    room.write_template(output)


@extract.command
def check(sheet: Path, /) -> None:
    """Name everything that is wrong with an extraction sheet, by row.

    Parameters
    ----------
    sheet
        .xlsx or .csv.
    """
    table = room.read_extraction(sheet)
    flagged = table[table["flags"] != ""].reset_index()[["row", "study", "muscle", "flags"]]
    console().print(f"{len(table)} rows of {table['study'].nunique()} studies, no problem.")
    if len(flagged):
        print_table(Table(frame=flagged, caption="Worth a second look"))


@extract.command
def compare(first: Path, second: Path, /, *, output: Output) -> None:
    """List where two extractors differ, for a third to decide.

    Parameters
    ----------
    first
        One extractor's sheet.
    second
        The other's.
    output
        CSV file with an empty column decided.
    """
    found = review_files.write_differences(first, second, output)
    console().print(f"Differences: {len(found)}")


@extract.command
def effects(
    sheet: Path,
    /,
    *,
    output: Output,
    measure: str = "SMD",
    side_correlation: float | None = None,
    reconstruct: Names = (),
) -> None:
    """Turn an extraction sheet into a table of effects, higher meaning worse everywhere.

    Parameters
    ----------
    sheet
        .xlsx or .csv.
    output
        CSV file for enthesis pool.
    measure
        Effect size.
    side_correlation
        Correlation of left and right over people, where a study reports them apart.
    reconstruct
        Merged groups to make from their parts: Non-OP, OP&OPN.
    """
    made = review_files.write_effects(
        sheet,
        output,
        measure=measure,
        side_correlation=side_correlation,
        reconstruct=reconstruct,
    )
    console().print(f"{len(made)} effects of {made['study'].nunique()} studies: {output}")
