"""``enthesis phantom``: digital bodies with known truth, scanned."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enthesis.cli.printing import console, print_counts, print_json, progress
from enthesis.pipeline.phantom import phantom_files


def phantom(
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    modality: str | None = None,
    subjects: int | None = None,
    spacing: tuple[float, float, float] | None = None,
    body: Path | None = None,
    random: bool = False,
    seed: int = 7,
    json: bool = False,
) -> None:
    """Make a digital body, or a cohort of them, with known truth, and scan it.

    Parameters
    ----------
    output
        Folder for the scans (NIfTI, and a folder of DICOM each), labels (NIfTI) and truth.csv; of a
        cohort subjects.csv too, and scans.csv, a dataset for enthesis batch.
    modality
        Scans to make, by commas: ct, dixon, t1, t2. By default a CT of one body, none of a cohort.
    subjects
        Size of a cohort in three groups: osteoporosis, osteopenia, control; with --random, of
        bodies without groups.
    spacing
        Distance between voxels to the right, to the front and up, mm.
    body
        TOML file of a body of your own (size, areas, fat, density, scoliosis, fractures, implants,
        rods) and of how it is scanned (kVp, kernel, tilt, noise).
    random
        Draw every parameter of the bodies at random.
    seed
        The same seed gives the same bodies.
    json
        Print one JSON document instead of tables.
    """
    if modality is None:
        modality = "ct" if subjects is None or random else ""
    with progress() as announce:
        made = phantom_files(
            output,
            modalities=[name for name in modality.split(",") if name],
            n_subjects=subjects,
            spacing_mm=spacing,
            body=body,
            drawn=random,
            seed=seed,
            announce=announce,
        )
    if json:
        print_json(made.to_dict())
        return
    console().print("[bold]Simulated: nothing here is of a patient.[/bold]")
    if made.subjects is not None:
        groups = made.subjects["group"].value_counts(sort=False)
        counts = {str(group): int(n) for group, n in groups.items()}
        print_counts(counts, "Simulated subjects", of="Group")
    for scan in made.scans:
        console().print(f"Scan: {scan}", markup=False)
    table = "truth.csv" if made.scans else "subjects.csv"
    console().print(f"Truth: {output / table}", markup=False)
