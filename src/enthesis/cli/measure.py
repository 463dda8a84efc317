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
from enthesis.pipeline.reference_section import reference_tables
from enthesis.pipeline.scan_page import brief_tables
from enthesis.records import Sex, Subject


def measure(
    image: Path,
    labels: Path | None = None,
    /,
    *,
    scheme: str | None = None,
    output: Annotated[Path, Parameter(alias="-o")],
    series: str | None = None,
    protocol: str | None = None,
    holds: str | None = None,
    echoes: bool = False,
    calibrate: Path | None = None,
    reference: Path | None = None,
    sr: bool = False,
    level: tuple[str, ...] = (),
    subject: str = "",
    sex: Sex | None = None,
    age: float | None = None,
    height_m: float | None = None,
    weight_kg: float | None = None,
    json: bool = False,
) -> None:
    """Measure the muscles and vertebrae of a CT or MR scan.

    Parameters
    ----------
    image
        The scan: a NIfTI file (.nii, .nii.gz), a DICOM file or a folder with a CT or MR series.
    labels
        The label map: a NIfTI file on the scan's grid, a folder of one mask a region, or a DICOM
        SEG or RTSTRUCT file. Without it the regions are found (a start, for review; see `segment`).
    scheme
        What the label numbers mean: totalsegmentator, totalsegmentator-mr, musclemap, or a CSV or
        JSON file of numbers and region names. Without it, as the table says that Enthesis wrote
        beside its own labels; as totalsegmentator for others.
    output
        Folder for measurements.csv, measurements.json, report.html and provenance.json.
    series
        Which DICOM series, by the short code that the error lists when a folder holds several.
    protocol
        How muscles are measured: paraspinal-ct, paraspinal-dixon, paper-paraspinal, or a TOML file.
        Its name and hash go with every number, its text into provenance.json.
    holds
        What the voxels of a NIfTI file hold: hounsfield, fat_fraction (percent), signal (T1 or T2
        weighted), t2, fractional_anisotropy, mean_diffusivity and others.
    echoes
        The scan is a multi-echo (Dixon) scan: its fat fraction is made and measured.
    calibrate
        Certificate of the calibration phantom under the body: a TOML file with material = "CaHA" or
        "K2HPO4" and densities = [0, 50, 100, 150, 200], mg/cm3 from the lowest HU to the highest.
        Its rods are found in the scan, and bone density of the vertebrae is measured too.
    reference
        Reference values of your own: a CSV or XLSX table with quantity, region, side, level, mean
        and sd (or l, m and s), by sex and age as known, and device, n and source. The page then
        shows scores, percentiles and a figure of each number that the table has.
    sr
        Write measurements.dcm too: a DICOM report (SR, TID 1500) that refers to the slices of a
        DICOM scan. Needs the extra dicom.
    level
        Without labels: a level that you know, as L4=<height in mm>. May be repeated.
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
            protocol=protocol,
            holds=holds,
            echoes=echoes,
            calibrate=calibrate,
            reference=reference,
            sr=sr,
            levels=level,
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
    for table in brief_tables(result):
        print_table(table)
    if result.against:
        for table in reference_tables(result.against):
            print_table(table)
    out = console()
    findings = Table(title="Findings", title_justify="left", show_lines=True)
    for column in ("Criterion", "Category", "Statement"):
        findings.add_column(column)
    for finding in result.findings:
        findings.add_row(*map(escape, (finding.criterion, finding.category, finding.statement)))
    if result.findings:
        out.print(findings)
    if result.calibrated:
        out.print(f"Calibration: {result.calibrated.calibration.summary()}", markup=False)
    for flag in result.flags:
        out.print(f"[bold]Note:[/bold] {escape(flag)}")
