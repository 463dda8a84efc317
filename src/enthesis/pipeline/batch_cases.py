"""The scans of a dataset: a table of paths, a BIDS dataset, or a tree of folders."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.measure import ANYBODY
from enthesis.read.writing import table_beside
from enthesis.records import Subject

NIFTI = (".nii", ".nii.gz")
LABEL_ENDINGS = ("_dseg", "_seg", "_labels")
"""How the name of a scan's label map goes on; the first is BIDS's."""

PATHS = ("image", "labels", "scheme")
WORDS = ("subject", "session", "series", "holds", "sex")
NUMBERS = ("age", "height_m", "weight_kg")
KNOWN = (*PATHS, *WORDS, *NUMBERS)
SEXES = {"f": "female", "m": "male"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scan to measure: paths, never arrays, so that it can go to any machine.

    Parameters
    ----------
    number : from 1, its place in the dataset; the only name that outputs give it
    image : file or folder of the scan
    labels : file or folder of its labels; empty where none was found
    scheme : what the label numbers mean, a name or a file; empty for the run's own
    session : of a subject who was scanned more than once
    series : which series, where a folder holds several
    holds : what the voxels of a NIfTI file hold; empty for what the protocol or the scheme says
    subject : code, sex, age, height and weight as known
    """

    number: int
    image: str
    labels: str = ""
    scheme: str = ""
    session: str = ""
    series: str = ""
    holds: str = ""
    subject: Subject = ANYBODY


def cases(dataset: Path) -> list[Case]:
    """Every scan of a dataset, in an order that is the same on every machine.

    Parameters
    ----------
    dataset : CSV or TSV with a row per scan (`image`, and as known `labels`, `scheme`, `subject`,
        `session`, `series`, `holds`, `sex`, `age`, `height_m`, `weight_kg`; paths are relative to
        the table); a BIDS dataset (scans under ``sub-*``, labels ``*_dseg.nii.gz`` in its
        derivatives or beside the scan, ``participants.tsv``); or any tree of folders, where a NIfTI
        file is a scan, with its labels beside it as ``*_seg.nii.gz``, and so is a folder of DICOM
        files

    Raises
    ------
    InputError : nothing there, no scan in it, or a row that cannot be used.
    """
    if dataset.is_file():
        found = list(_of_table(dataset))
    elif (dataset / "dataset_description.json").is_file():
        found = list(_of_bids(dataset))
    elif dataset.is_dir():
        found = list(_of_tree(dataset))
    else:
        raise InputError(
            f"there is no {dataset}; name a table of paths, a BIDS dataset or a folder of scans"
        )
    if not found:
        raise InputError(
            f"{dataset} holds no scan: no NIfTI file and no folder of DICOM files was found"
        )
    return [
        replace(
            case, number=number, scheme=case.scheme or str(table_beside(Path(case.labels)) or "")
        )
        for number, case in enumerate(found, start=1)
    ]


def _of_table(path: Path) -> Iterator[Case]:
    table = read.table(path)
    if "image" not in table.columns:
        raise InputError(
            f"{path.name} has no column 'image' with the path of each scan; it has "
            f"{', '.join(map(repr, table.columns))}"
        )
    unknown = [name for name in table.columns if name not in KNOWN]
    if unknown:
        raise InputError(
            f"{path.name} has columns that mean nothing here: {', '.join(map(repr, unknown))}; "
            f"known are {', '.join(KNOWN)}"
        )
    for row, record in zip(table.index, table.to_dict("records"), strict=True):
        yield _of_row(record, int(row), path)


def _of_row(record: Mapping[Any, Any], row: int, path: Path) -> Case:
    said = {name: value for name, value in record.items() if not pd.isna(value)}
    if "image" not in said:
        raise InputError(f"row {row} of {path.name} names no image")
    found: dict[str, str] = {}
    for name in PATHS:
        text = str(said.get(name, ""))
        beside = path.parent / text
        # A scheme may be a name; a path that is not there is that scan's failure, not the table's.
        found[name] = str(beside) if text and (name != "scheme" or beside.is_file()) else text
    return Case(
        number=row,
        **found,
        session=_code(said.get("session", "")),
        series=_code(said.get("series", "")),
        holds=_code(said.get("holds", "")),
        subject=_subject(said, f"row {row} of {path.name}"),
    )


def _subject(said: Mapping[Any, Any], where: str) -> Subject:
    numbers: dict[str, float] = {}
    for name in NUMBERS:
        if name in said:
            try:
                numbers[name] = float(said[name])
            except (TypeError, ValueError):
                raise InputError(f"{where}: {name} is no number but {said[name]!r}") from None
    sex = str(said.get("sex", "")).strip().lower()
    sex = SEXES.get(sex, sex)
    try:
        # Subject refuses any other word for sex.
        return Subject(id=_code(said.get("subject", "")), sex=sex or None, **numbers)  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{where}: {error}") from None


def _code(value: object) -> str:
    """A code as it was typed: pandas reads 7 beside a gap as 7.0."""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _of_bids(root: Path) -> Iterator[Case]:
    people = _participants(root)
    labels = {
        _entities(path): path
        for path in sorted((root / "derivatives").rglob("sub-*"))
        if _is_nifti(path) and _stem(path).endswith("_dseg")
    }
    for path in _files(root):
        place = path.relative_to(root).parts
        if not place[0].startswith("sub-") or not _is_nifti(path) or _is_labels(path):
            continue
        code = place[0].removeprefix("sub-")
        sessions = [part.removeprefix("ses-") for part in place if part.startswith("ses-")]
        given = _beside(path) or labels.get(_entities(path))
        yield Case(
            number=0,
            image=str(path),
            labels=str(given or ""),
            session=sessions[0] if sessions else "",
            subject=people.get(code, Subject(id=code)),
        )


def _participants(root: Path) -> dict[str, Subject]:
    path = root / "participants.tsv"
    if not path.is_file():
        return {}
    people = {}
    table = read.table(path)
    for row, record in zip(table.index, table.to_dict("records"), strict=True):
        said = {name: value for name, value in record.items() if not pd.isna(value)}
        said = {name: value for name, value in said.items() if value != "n/a"}
        code = _code(said.get("participant_id", "")).removeprefix("sub-")
        people[code] = _subject(said | {"subject": code}, f"row {row} of participants.tsv")
    return people


def _of_tree(root: Path) -> Iterator[Case]:
    for folder, names in _folders(root):
        scans = [folder / name for name in names if _is_nifti(folder / name)]
        for path in scans:
            if not _is_labels(path):
                yield Case(number=0, image=str(path), labels=str(_beside(path) or ""))
        if not scans and any(_may_be_dicom(folder / name) for name in names):
            yield Case(number=0, image=str(folder))


def _folders(root: Path) -> Iterator[tuple[Path, list[str]]]:
    for folder, inside, names in os.walk(root):
        inside[:] = sorted(name for name in inside if not name.startswith("."))
        yield Path(folder), sorted(name for name in names if not name.startswith("."))


def _files(root: Path) -> Iterator[Path]:
    for folder, names in _folders(root):
        yield from (folder / name for name in names)


def _may_be_dicom(path: Path) -> bool:
    # Many archives name slices without an ending.
    return path.suffix.lower() in {".dcm", ".ima", ""} or path.suffix[1:].isdigit()


def _is_nifti(path: Path) -> bool:
    return path.name.lower().endswith(NIFTI)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _is_labels(path: Path) -> bool:
    return _stem(path).endswith(LABEL_ENDINGS)


def _entities(path: Path) -> str:
    """A BIDS name without its suffix and without a `desc`, which only derivatives have."""
    parts = _stem(path).split("_")[:-1]
    return "_".join(part for part in parts if not part.startswith("desc-"))


def _beside(path: Path) -> Path | None:
    for ending in LABEL_ENDINGS:
        for suffix in NIFTI:
            labels = path.with_name(_stem(path) + ending + suffix)
            if labels.is_file():
                return labels
    return None
