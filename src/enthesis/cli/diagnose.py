"""``enthesis diagnose``: a table of subjects, judged by every criterion that it allows."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from enthesis.cli.printing import console, print_json, print_table, progress
from enthesis.diagnosis import OSTEOSARCOPENIA_CRITERIA
from enthesis.errors import InputError
from enthesis.pipeline.diagnose import catalogue
from enthesis.pipeline.diagnose_files import diagnose_files
from enthesis.report.tables import Table

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]


def diagnose(
    subjects: Path | None = None,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    people: Path | None = None,
    criteria: Names = (),
    page: str | None = None,
    scanner: str | None = None,
    reference: Path | None = None,
    list_criteria: Annotated[bool, Parameter(name="--list")] = False,
    json: bool = False,
) -> None:
    """Judge a table of subjects by every criterion that its columns allow.

    Parameters
    ----------
    subjects
        CSV, TSV, XLSX or Parquet: a row per subject with columns such as sex, age, height (cm),
        t_score_total_hip or "Femoral neck T-score", grip_strength; or the measurements.csv of
        enthesis measure.
    output
        CSV or Parquet file for the findings: a row per subject and criterion.
    people
        CSV with subject, sex, age, height_m and weight_kg, for a table that has measurements only.
    criteria
        Names of criteria; every verified one if not given.
    page
        A subject, for whom one HTML page shows every definition side by side.
    scanner
        Maker of the densitometer: hologic, lunar or norland. T-scores of femoral neck and total hip
        that the table lacks are then worked out of BMD by NHANES III, on its scale.
    reference
        A reference table of your own in its place: CSV with region, mean and sd (or l, m and s),
        and sex and age where they matter; rows without an age give T-scores, others Z-scores.
    list_criteria
        Print every criterion with its inputs, cut-offs and source.
    json
        Print one JSON document instead of tables.
    """
    if list_criteria:
        frame = catalogue()
        if json:
            print_json(frame.to_dict("records"))
        else:
            shown = frame[["criterion", "status", "cutoffs", "source"]]
            print_table(Table(frame=shown, caption="Criteria"))
        return
    if subjects is None or output is None:
        raise InputError("name a table of subjects and, by -o, the file for its findings")
    with progress() as announce:
        result = diagnose_files(
            subjects,
            output=output,
            people=people,
            criteria=criteria or None,
            page_of=page,
            scanner=scanner,
            reference=reference,
            announce=announce,
        )
    if json:
        findings = result.to_frame().to_dict("records")
        print_json({"findings": findings, "unused": list(result.unused)})
        return
    counts = result.counts()
    # Two definitions make a pairing: dozens of lines that the file and the page have.
    paired = counts["criterion"].isin([one.name for one in OSTEOSARCOPENIA_CRITERIA])
    if criteria or paired.all():
        paired[:] = False
    print_table(Table(frame=counts[~paired], caption="Subjects by criterion and category"))
    if paired.any():
        console().print(
            f"And {paired.sum()} pairings for osteosarcopenia, among the findings; by --page, for "
            "one subject, side by side."
        )
    if result.unused:
        columns = escape(", ".join(result.unused))
        console().print(f"[bold]Note:[/bold] columns that no criterion asked for: {columns}")
    console().print(f"Findings: {output}")
