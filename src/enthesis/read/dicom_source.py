"""The series that a derived DICOM object refers to, with nothing that names a patient."""

from __future__ import annotations

from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from enthesis.errors import InputError
from enthesis.read.dicom_choice import chosen_series, dicom_headers, pictures
from enthesis.read.dicom_geometry import Stack, stack
from enthesis.read.files import existing

KEPT = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
    "Modality",
    "ImageType",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)
"""All of the source that a derived object may copy: references and geometry, nobody's name."""

EMPTY = (
    "PatientName",
    "PatientID",
    "PatientBirthDate",
    "PatientSex",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "AccessionNumber",
    "ReferringPhysicianName",
    "PositionReferenceIndicator",
)
"""Elements that DICOM wants to be there but allows to be empty."""

WANTED = (
    "SOPClassUID",
    "SOPInstanceUID",
    "StudyInstanceUID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
)
"""Without these nothing could say which images it was made from."""


def source_series(
    path: str | Path, *, series: str | None = None
) -> tuple[Stack, tuple[Dataset, ...]]:
    """A series in the order of its slices, and of each slice what a derived object may copy.

    Raises
    ------
    InputError : no single series of single-frame slices on a regular grid, or a slice without the
        identifiers that a reference needs.
    """
    headers = pictures(chosen_series(dicom_headers(existing(path), []), series, []), [])
    if any(header.frames > 1 for header in headers):
        raise InputError(
            "the source holds several frames a file; export it as one file a slice, since "
            "segments refer to slices"
        )
    ordered = stack(headers)
    return ordered, tuple(_kept(header.path, header.title) for header in ordered.headers)


def _kept(path: Path, title: str) -> Dataset:
    whole = dcmread(path, stop_before_pixels=True, force=True)
    kept = Dataset()
    for keyword in KEPT:
        if keyword in whole:
            kept[keyword] = whole[keyword]
    for keyword in EMPTY:
        setattr(kept, keyword, "")
    # Some anonymisers empty the data set and leave the same identity in the file's own header.
    for keyword in ("SOPClassUID", "SOPInstanceUID"):
        spare = whole.file_meta.get(f"MediaStorage{keyword}")
        if not kept.get(keyword) and spare:
            setattr(kept, keyword, spare)
    missing = [keyword for keyword in WANTED if not kept.get(keyword)]
    if missing:
        raise InputError(
            f"{title} has no {', '.join(missing)}, so nothing can refer to it; export the series "
            "again with its identifiers, or new ones in their place"
        )
    return kept
