"""Digital reference bodies to files: scans, labels and truth, of one body or a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from enthesis import phantom, read
from enthesis.errors import InputError
from enthesis.phantom import LumbarBody
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.records import LONG_COLUMNS, Measurement, long_table

Modality = Literal["ct", "dixon", "t1", "t2"]

MODALITIES: tuple[Modality, ...] = ("ct", "dixon", "t1", "t2")

Spacing = tuple[float, float, float]

SPACING_MM: dict[Modality, Spacing] = {
    "ct": (1.0, 1.0, 3.0),
    "dixon": (1.5, 1.5, 4.0),
    "t1": (1.0, 1.0, 4.0),
    "t2": (1.0, 1.0, 4.0),
}
"""Voxels of each scan to the right, to the front and up where nothing else is asked for, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhantomFiles:
    """What was made.

    Parameters
    ----------
    truth : long table of what is true of the rendered bodies; empty if none was rendered
    subjects : a row per subject of a cohort; None of a single body
    scans : names of the scans, without ending
    """

    truth: pd.DataFrame
    subjects: pd.DataFrame | None
    scans: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "simulated": True,
            "scans": list(self.scans),
            "truth": self.truth.to_dict("records"),
            "subjects": None if self.subjects is None else self.subjects.to_dict("records"),
        }


def phantom_files(
    output: Path,
    *,
    modalities: Sequence[str] = ("ct",),
    n_subjects: int | None = None,
    spacing_mm: Spacing | None = None,
    seed: int = 7,
    announce: Announce = silently,
) -> PhantomFiles:
    """Make one digital body or a cohort of them, scan them, and write all with the truth.

    Parameters
    ----------
    output : folder for the scans (NIfTI, and a folder of DICOM each), labels (NIfTI), truth.csv, of
        a cohort subjects.csv
    modalities : of `MODALITIES`; none of a cohort writes its table alone
    n_subjects : size of the cohort; None for one body
    spacing_mm : of every scan, to the right, to the front and up; by default `SPACING_MM`
    seed : the same seed gives the same bodies, in every modality
    announce : told what is being done

    Raises
    ------
    InputError : an unknown modality, no scan of a single body, or a cohort of less than three.
    """
    chosen = [_modality(name) for name in modalities]
    options = {
        "modalities": chosen,
        "subjects": n_subjects,
        "spacing_mm": spacing_mm,
        "seed": seed,
    }
    subjects = None
    bodies: dict[str, LumbarBody]
    if n_subjects is None:
        if not chosen:
            raise InputError(f"no modality given; choose from {', '.join(MODALITIES)}")
        bodies = {"phantom": LumbarBody()}
    else:
        made = phantom.simulate_subjects(n_subjects, rng=np.random.default_rng(seed))
        subjects = phantom.subjects_table(made)
        bodies = {one.id: one.body for one in made}
    scans: list[str] = []
    truths: list[pd.DataFrame] = []
    with output_folder(output) as folder:
        for number, (name, body) in enumerate(bodies.items()):
            for i, modality in enumerate(chosen):
                announce(f"Scanning {name}: {modality}")
                # One body in all its scans; each subject's streaks are its own.
                rng = np.random.default_rng([seed, number] if n_subjects else seed)
                spacing = spacing_mm or SPACING_MM[modality]
                truth = _scan(folder, f"{name}_{modality}", modality, body, spacing, rng)
                scans.append(f"{name}_{modality}")
                if i == 0:
                    truths.append(long_table(truth, subject=name))
        table = pd.concat(truths) if truths else pd.DataFrame(columns=list(LONG_COLUMNS))
        if chosen:
            table.to_csv(folder / "truth.csv", index=False)
        if subjects is not None:
            subjects.to_csv(folder / "subjects.csv", index=False)
        record = provenance("phantom", inputs={}, options=options)
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
    return PhantomFiles(truth=table, subjects=subjects, scans=tuple(scans))


def _modality(name: str) -> Modality:
    for known in MODALITIES:
        if name.strip().lower() == known:
            return known
    raise InputError(f"no modality {name!r}; choose from {', '.join(MODALITIES)}")


def _scan(
    folder: Path,
    stem: str,
    modality: Modality,
    body: LumbarBody,
    spacing_mm: Spacing,
    rng: np.random.Generator,
) -> Iterable[Measurement]:
    """Write one scan of one body, twice, with its labels; what is true of the body."""
    scan, series = folder / f"{stem}.nii.gz", folder / f"{stem}_dicom"
    if modality == "dixon":
        echoes = phantom.lumbar_dixon(body, spacing_mm=spacing_mm, rng=rng)
        read.write_echoes(echoes.echoes, scan)
        read.write_series(echoes.echoes, series)
        read.write_nifti(echoes.fat_fraction, folder / f"{stem}_true_fat_fraction.nii.gz")
        read.write_nifti(echoes.labels, folder / f"{stem}_labels.nii.gz")
        return echoes.truth
    if modality == "ct":
        made = phantom.lumbar_ct(body, spacing_mm=spacing_mm, rng=rng)
    else:
        made = phantom.lumbar_mr(
            body, weighting="T1" if modality == "t1" else "T2", spacing_mm=spacing_mm, rng=rng
        )
    read.write_nifti(made.image, scan)
    read.write_series(made.image, series)
    read.write_nifti(made.labels, folder / f"{stem}_labels.nii.gz")
    return made.truth
