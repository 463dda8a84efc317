"""``enthesis ultrasound``: one picture or loop of a muscle, measured and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from enthesis.anatomy import Side
from enthesis.cli.printing import console, print_json, print_saved, print_table, progress
from enthesis.pipeline.ultrasound import ultrasound_files
from enthesis.pipeline.ultrasound_page import ultrasound_tables
from enthesis.records import Subject


def ultrasound(
    picture: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    muscle: str,
    side: Side | None = None,
    landmarks: Path | None = None,
    depths_mm: tuple[float, float] | None = None,
    fat_slope: float | None = None,
    series: str | None = None,
    region: int | None = None,
    pixel_spacing: float | None = None,
    subject: str = "",
    height_m: float | None = None,
    weight_kg: float | None = None,
    json: bool = False,
) -> None:
    """Measure thickness, pennation and fascicle length on an ultrasound picture or loop.

    Parameters
    ----------
    picture
        B-mode along the fascicles: a DICOM file or folder, or a NIfTI, NRRD or MHA file.
    output
        Folder for measurements.csv, frames.csv, landmarks.csv, measurements.json, report.html and
        provenance.json.
    muscle
        Which muscle, e.g. vastus_lateralis or medial_gastrocnemius.
    side
        left or right.
    landmarks
        CSV of traced points (line, x_mm, depth_mm), e.g. a corrected landmarks.csv; found on the
        picture if not given.
    depths_mm
        About how deep the superficial and the deep aponeurosis lie, mm, where several muscles show.
    fat_slope
        Echo intensity lost per cm of subcutaneous fat, e.g. 40.53 (Young 2015); no correction if
        not given.
    series
        Which DICOM series, by the short code that the error lists when a folder holds several.
    region
        Which of several pictures in one, where their scales differ, from 0.
    pixel_spacing
        Length of a pixel in mm where the file does not state it.
    subject
        The study's own code for the person; never a name.
    height_m
        Height, m, for indices.
    weight_kg
        Weight, kg, for indices.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        result = ultrasound_files(
            picture,
            output=output,
            region=muscle,
            side=side or "",
            landmarks=landmarks,
            depths_mm=depths_mm,
            fat_slope=fat_slope,
            series=series,
            part=region,
            pixel_spacing=pixel_spacing,
            subject=Subject(id=subject, height_m=height_m, weight_kg=weight_kg),
            announce=announce,
        )
    if json:
        print_json(result.to_dict())
        return
    for table in ultrasound_tables(result.to_frame()):
        print_table(table)
    for flag in result.flags:
        console().print(f"[bold]Note:[/bold] {escape(flag)}")
    print_saved(output)
