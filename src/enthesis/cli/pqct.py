"""``enthesis pqct``: one bone on a pQCT slice, measured and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enthesis.bone.pqct import CONTOUR_MG, CORTICAL_AREA_MG, CORTICAL_DENSITY_MG
from enthesis.cli.printing import console, print_json, print_saved, print_table
from enthesis.pipeline.limb import LimbResult, pqct_file


def pqct(
    scan: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    slope: float | None = None,
    intercept: float | None = None,
    contour: float = CONTOUR_MG,
    cortical_area: float = CORTICAL_AREA_MG,
    cortical_density: float = CORTICAL_DENSITY_MG,
    bone: int = 0,
    muscle_scale: str = "",
    region: str = "",
    side: str = "",
    subject: str = "",
    json: bool = False,
) -> None:
    """Measure a bone, and the limb's muscle, on a pQCT slice.

    Parameters
    ----------
    scan
        A Stratec slice (I*.M*), best with the device file (.TYP) that it names beside it.
    output
        Folder for measurements.csv, measurements.json, report.html and provenance.json.
    slope
        Density per attenuation, mg/cm3 per 1/cm, where the device file is missing.
    intercept
        Density at no attenuation, mg/cm3.
    contour
        Density of the bone's outer contour, mg/cm3.
    cortical_area
        Density from which a voxel counts to the cortical area, mg/cm3.
    cortical_density
        Density from which a voxel counts to the cortical density, mg/cm3.
    bone
        Which bone by area: 0 the largest, 1 the next.
    muscle_scale
        Whose scale the densities are on, e.g. "Stratec XCT 3000, fat 0": muscle and fat of the limb
        are measured too, on a scale on which fat is 0.
    region
        Which bone it is, e.g. radius or tibia.
    side
        left or right.
    subject
        The study's own code for the person; never a name.
    json
        Print one JSON document instead of a table.
    """
    result = pqct_file(
        scan,
        output=output,
        slope=slope,
        intercept=intercept,
        contour=contour,
        cortical_area=cortical_area,
        cortical_density=cortical_density,
        which=bone,
        muscle_scale=muscle_scale,
        region=region,
        side=side,
        subject=subject,
    )
    show(result, output, json=json)


def show(result: LimbResult, output: Path, *, json: bool) -> None:
    """Print what one bone gave."""
    if json:
        print_json(result.to_dict())
        return
    print_table(result.table())
    for flag in result.flags:
        console().print(f"Note: {flag}", markup=False)
    print_saved(output)
