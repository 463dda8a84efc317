"""``enthesis segment``: one scan to a label map with its quality."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape

from enthesis.cli.printing import console, print_json, print_table, progress
from enthesis.pipeline.segment_files import quality_table, segment_files


def segment(
    scan: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    using: Annotated[str, Parameter(name="--with")] = "automatic",
    contours: tuple[Path, ...] = (),
    scheme: str | None = None,
    level: tuple[str, ...] = (),
    outline: Literal["fascia", "muscle"] = "fascia",
    series: str | None = None,
    holds: str | None = None,
    dicom_seg: bool = False,
    json: bool = False,
) -> None:
    """Find the vertebrae, discs and muscles of a lumbar CT or MR scan: a start, for review.

    Parameters
    ----------
    scan
        The scan: a NIfTI file (.nii, .nii.gz), a DICOM file or a folder with a CT or MR series.
    output
        File for the labels (.nii or .nii.gz). Beside it appear what the numbers mean, the quality
        of each region, a page with pictures at every level, and how it was made.
    using
        Who finds the regions: automatic (built in, nothing to install), totalsegmentator,
        totalsegmentator-mr, musclemap, spineps, or the folder of an nnU-Net or ONNX model.
    contours
        What you drew on a few slices, to be filled in between: a label file, a Slicer segmentation
        (.seg.nrrd) or closed curves (.mrk.json, one muscle a file). May be repeated. Nothing else
        is looked for then.
    scheme
        What the numbers of a label file of contours mean: totalsegmentator, musclemap, or a table
        of numbers and names (.csv, .json); not needed for files that Enthesis wrote.
    level
        A level that you know, as L4=<height in mm>; the others are counted from it. May be
        repeated.
    outline
        fascia draws muscles along their fascia, the fat under it included; muscle along their own
        border.
    series
        Which DICOM series, by the short code that the error lists when a folder holds several.
    holds
        What the voxels of a NIfTI file hold: hounsfield, or signal for MR.
    dicom_seg
        Write a DICOM SEG too; the scan must be a folder of DICOM files.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        found = segment_files(
            scan,
            output,
            using=using,
            contours=contours,
            scheme=scheme,
            levels=level,
            outline=outline,
            series=series,
            holds=holds,
            dicom_seg=dicom_seg,
            announce=announce,
        )
    if json:
        print_json(
            {
                "origin": found.labels.origin,
                "labels": {str(number): name for number, name in found.labels.names.items()},
                "quality": found.quality.to_dict(orient="records"),
                "notes": list(found.notes),
            }
        )
        return
    print_table(quality_table(found))
    for note in found.notes:
        console().print(f"[bold]Note:[/bold] {escape(note)}")
    stem = output.name.removesuffix(".gz").removesuffix(".nii")
    console().print(f"Labels: {output}", markup=False)
    console().print(f"Report: {output.with_name(f'{stem}_report.html')}", markup=False)
