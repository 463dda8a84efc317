"""``enthesis measure``: one scan with its labels, measured and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape
from rich.table import Table

from enthesis.cli.printing import console, print_json, print_saved, print_table, progress
from enthesis.pipeline.measure import ScanResult
from enthesis.pipeline.measure_files import measure_files
from enthesis.pipeline.scan_page import scan_tables
from enthesis.records import Sex, Subject


def measure(
    image: Path,
    labels: Path,
    /,
    *,
    scheme: str = "totalsegmentator",
    output: Annotated[Path, Parameter(alias="-o")],
    series: str | None = None,
    subject: str = "",
    sex: Sex | None = None,
    age: float | None = None,
    height_m: float | None = None,
    weight_kg: float | None = None,
    json: bool = False,
) -> None:
    """Measure the muscles and vertebrae of a CT scan.

    Parameters
    ----------
    image
        The scan: a NIfTI file (.nii, .nii.gz), a DICOM file or a folder with a CT series.
    labels
        The label map: a NIfTI file on the scan's grid, or a folder of one mask a region.
    scheme
        What the label numbers mean: totalsegmentator, totalsegmentator-mr, musclemap, or a CSV or
        JSON file of numbers and region names.
    output
        Folder for measurements.csv, measurements.json, report.html and provenance.json.
    series
        Which DICOM series, by the short code that the error lists when a folder holds several.
    subject
        The study's own code for the person; never a name.
    sex
        female or male; some cut-offs need it.
    age
        Years.
    height_m
        Height, m.
    weight_kg
        Weight, kg.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        result = measure_files(
            image,
            labels,
            scheme=scheme,
            series=series,
            output=output,
            subject=Subject(id=subject, sex=sex, age=age, height_m=height_m, weight_kg=weight_kg),
            announce=announce,
        )
    if json:
        print_json(result.to_dict())
        return
    _print(result)
    print_saved(output)


def _print(result: ScanResult) -> None:
    for table in scan_tables(result):
        print_table(table)
    out = console()
    findings = Table(title="Findings", title_justify="left", show_lines=True)
    for column in ("Criterion", "Category", "Statement"):
        findings.add_column(column)
    for finding in result.findings:
        findings.add_row(*map(escape, (finding.criterion, finding.category, finding.statement)))
    if result.findings:
        out.print(findings)
    for flag in result.flags:
        out.print(f"[bold]Note:[/bold] {escape(flag)}")
