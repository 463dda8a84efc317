"""DICOM files that are no images, opened whole: segmentations, contours, reports."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset

from enthesis.errors import InputError
from enthesis.read.dicom_headers import read_header
from enthesis.read.files import existing


def dicom_object(path: str | Path, modality: str) -> Dataset:
    """Data set of a DICOM file of this modality.

    Raises
    ------
    InputError : nothing there, no DICOM, damaged, or of another modality.
    """
    path = existing(path)
    header = None if path.is_dir() else read_header(path)
    if header is None:
        raise InputError(f"{path.name!r} is not a DICOM file; name a DICOM {modality}")
    if header.modality != modality:
        raise InputError(
            f"{path.name!r} is DICOM of modality {header.modality or 'unknown'!r}, not {modality}"
        )
    with understanding(path):
        return dcmread(path)


@contextmanager
def understanding(path: str | Path) -> Iterator[None]:
    """While elements of a data set are looked up, which are parsed only then.

    Raises
    ------
    InputError : the file is damaged there.
    """
    try:
        with warnings.catch_warnings():
            # pydicom warns of every odd value; those that matter are checked where they are used.
            warnings.simplefilter("ignore")
            yield
    except InputError:
        raise
    except Exception as error:  # a broken file can raise anything from any depth of the parser
        raise InputError(
            f"{Path(path).name!r} is damaged ({type(error).__name__}: {error}); export it again"
        ) from error
