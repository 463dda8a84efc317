"""``enthesis series``: what a folder of DICOM holds, before anything of it is read."""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from enthesis import read
from enthesis.cli.printing import print_json, print_table, progress
from enthesis.report.tables import Table

MM_DIGITS = 3
"""Significant digits of a voxel's length in the list."""

ABSENT = "–"


def series(folder: Path, /, *, json: bool = False) -> None:
    """List the DICOM series of a folder.

    Descriptions keep words of imaging only, since a name could be among the others.

    Parameters
    ----------
    folder
        The folder (folders in it included), or one DICOM file.
    json
        Print one JSON document instead of a table.
    """
    with progress() as announce:
        announce("Reading the headers")
        found = read.series(folder)
    if json:
        print_json([each.to_dict() for each in found])
        return
    frame = pd.DataFrame([_row(each) for each in found])
    print_table(
        Table(
            frame=frame.loc[:, [name for name in frame if (frame[name] != ABSENT).any()]],
            caption=f"{len(found)} series: give the code as --series",
            flags="problem",
        )
    )


def _row(each: read.Series) -> dict[str, str | int]:
    return {
        "Code": each.code,
        "Modality": each.modality or ABSENT,
        "Description": each.description or ABSENT,
        "Images": each.images,
        "Volumes": each.volumes,
        "Size": " x ".join(map(str, each.size)) if each.images else ABSENT,
        "Spacing, mm": " x ".join(map(_length, each.spacing)) if each.images else ABSENT,
        "Orientation": each.orientation or ABSENT,
        "Parts": ", ".join(each.components) or ABSENT,
        "Echo times, ms": ", ".join(f"{time:g}" for time in each.echo_times) or ABSENT,
        # A footnote a series: "; " parts footnotes.
        "problem": each.problem.replace("; ", ", "),
    }


def _length(side: float) -> str:
    return f"{side:.{MM_DIGITS}g}" if math.isfinite(side) else "?"
