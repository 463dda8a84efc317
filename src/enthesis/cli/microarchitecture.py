"""``enthesis microarchitecture``: HR-pQCT and micro-CT volumes, measured and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enthesis.cli.pqct import show
from enthesis.cli.printing import progress
from enthesis.pipeline.limb import microarchitecture_file


def microarchitecture(
    scan: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    threshold: float | None = None,
    voxel_mm: float | None = None,
    holds: str = "signal",
    cortex: bool = False,
    region: str = "",
    side: str = "",
    subject: str = "",
    json: bool = False,
) -> None:
    """Measure the microarchitecture of bone on HR-pQCT or micro-CT.

    Parameters
    ----------
    scan
        A volume of cubic voxels: ISQ, AIM, NRRD, MHA or NIfTI.
    output
        Folder for measurements.csv, measurements.json, report.html and provenance.json.
    threshold
        Voxels from it on are bone; 320 mg/cm3 where the file holds density.
    voxel_mm
        Edge of a voxel, mm, where the file states a wrong one.
    holds
        What an NRRD, MHA or NIfTI file holds: signal, or bmd_ct for density.
    cortex
        Find the cortex first and measure both compartments; wants density.
    region
        Which bone it is, e.g. radius or tibia.
    side
        left or right.
    subject
        The study's own code for the person; never a name.
    json
        Print one JSON document instead of a table.
    """
    with progress() as announce:
        result = microarchitecture_file(
            scan,
            output=output,
            threshold=threshold,
            voxel_mm=voxel_mm,
            holds=holds,
            cortex=cortex,
            region=region,
            side=side,
            subject=subject,
            announce=announce,
        )
    show(result, output, json=json)
