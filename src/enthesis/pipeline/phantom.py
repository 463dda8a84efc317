"""Digital reference bodies to files: scans, labels and truth, of one body or a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from enthesis import phantom, read
from enthesis.errors import InputError
from enthesis.phantom import LumbarBody
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.pipeline.phantom_body import body_file
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
    body: Path | None = None,
    drawn: bool = False,
    seed: int = 7,
    announce: Announce = silently,
) -> PhantomFiles:
    """Make one digital body or a cohort of them, scan them, and write all with the truth.

    Parameters
    ----------
    output : folder for the scans (NIfTI, and a folder of DICOM each), labels (NIfTI), truth.csv, of
        a cohort subjects.csv and, of its CTs, scans.csv, a dataset of `enthesis batch`
    modalities : of `MODALITIES`; none of a cohort writes its table alone
    n_subjects : size of the cohort; None for one body
    spacing_mm : of every scan, to the right, to the front and up; by default `SPACING_MM`
    body : TOML file of the body and of how it is scanned, see `body_file`
    drawn : bodies with every parameter drawn at random, without groups, by `random_body`
    seed : the same seed gives the same bodies, in every modality
    announce : told what is being done

    Raises
    ------
    InputError : an unknown modality, no scan of a single body, a cohort of less than three, or a
        body of one's own where bodies are drawn.
    """
    chosen = [_modality(name) for name in modalities]
    told = None if body is None else body_file(body)
    if told and told.body and (drawn or n_subjects is not None):
        raise InputError(
            f"bodies are drawn, so {body.name if body else ''} can only say how they are scanned "
            "([ct], [dixon], [t1], [t2]); leave its other keys out, or make one body"
        )
    for name in told.scans if told else ():
        if name not in chosen:
            raise InputError(f"the file has a table [{name}], and no such scan is made")
    if not chosen and (drawn or n_subjects is None):
        raise InputError(f"no modality given; choose from {', '.join(MODALITIES)}")
    options = {
        "modalities": chosen,
        "subjects": n_subjects,
        "spacing_mm": spacing_mm,
        "body": dict(told.said) if told else None,
        "random": drawn,
        "seed": seed,
    }
    subjects = None
    bodies: dict[str, LumbarBody]
    if drawn:
        bodies = _drawn(n_subjects, seed)
    elif n_subjects is None:
        bodies = {"phantom": (told.body if told else None) or LumbarBody()}
    else:
        made = phantom.simulate_subjects(n_subjects, rng=np.random.default_rng(seed))
        subjects = phantom.subjects_table(made)
        bodies = {one.id: one.body for one in made}
    scans: list[str] = []
    truths: list[pd.DataFrame] = []
    with output_folder(output) as folder:
        for number, (name, one) in enumerate(bodies.items()):
            for i, modality in enumerate(chosen):
                announce(f"Scanning {name}: {modality}")
                # One body in all its scans; each subject's streaks are its own.
                rng = np.random.default_rng([seed, number] if n_subjects else seed)
                spacing = spacing_mm or SPACING_MM[modality]
                asked = told.scans.get(modality, {}) if told else {}
                stem = f"{name}_{modality}"
                truth = _scan(folder, stem, modality, one, spacing, asked, rng)
                scans.append(stem)
                if i == 0:
                    truths.append(long_table(truth, subject=name))
        table = pd.concat(truths) if truths else pd.DataFrame(columns=list(LONG_COLUMNS))
        if chosen:
            table.to_csv(folder / "truth.csv", index=False)
        if subjects is not None:
            subjects.to_csv(folder / "subjects.csv", index=False)
            if "ct" in chosen:
                _ct_scans(subjects).to_csv(folder / "scans.csv", index=False)
        record = provenance("phantom", inputs={}, options=options)
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
    return PhantomFiles(truth=table, subjects=subjects, scans=tuple(scans))


def _ct_scans(subjects: pd.DataFrame) -> pd.DataFrame:
    """The CTs of a cohort as a dataset of `enthesis batch`."""
    stems = subjects["subject"] + "_ct"
    return pd.DataFrame(
        {
            "image": stems + ".nii.gz",
            "labels": stems + "_labels.nii.gz",
            "subject": subjects["subject"],
            "sex": subjects["sex"],
            "age": subjects["age"],
        }
    )


def _drawn(n_subjects: int | None, seed: int) -> dict[str, LumbarBody]:
    """Bodies that have nothing in common, each of a seed of its own."""
    if n_subjects is None:
        return {"phantom": phantom.random_body(rng=np.random.default_rng(seed))}
    if n_subjects < 1:
        raise InputError(f"at least one body is drawn, got {n_subjects}")
    return {
        f"R{i + 1:03d}": phantom.random_body(rng=np.random.default_rng([seed, i]))
        for i in range(n_subjects)
    }


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
    asked: Mapping[str, Any],
    rng: np.random.Generator,
) -> Iterable[Measurement]:
    """Write one scan of one body, twice, with its labels; what is true of the body."""
    scan, series = folder / f"{stem}.nii.gz", folder / f"{stem}_dicom"
    if modality == "dixon":
        echoes = phantom.lumbar_dixon(body, spacing_mm=spacing_mm, rng=rng, **asked)
        read.write_echoes(echoes.echoes, scan)
        read.write_series(echoes.echoes, series)
        read.write_nifti(echoes.fat_fraction, folder / f"{stem}_true_fat_fraction.nii.gz")
        read.write_nifti(echoes.labels, folder / f"{stem}_labels.nii.gz")
        return echoes.truth
    if modality == "ct":
        made = phantom.lumbar_ct(body, spacing_mm=spacing_mm, rng=rng, **asked)
    else:
        made = phantom.lumbar_mr(
            body,
            weighting="T1" if modality == "t1" else "T2",
            spacing_mm=spacing_mm,
            rng=rng,
            **asked,
        )
    read.write_nifti(made.image, scan)
    read.write_series(made.image, series)
    read.write_nifti(made.labels, folder / f"{stem}_labels.nii.gz")
    return made.truth
