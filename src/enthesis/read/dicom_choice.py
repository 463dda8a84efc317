"""Which DICOM files are meant: those of a path, by series, one series chosen by rule or by name."""

from __future__ import annotations

import hashlib
from pathlib import Path

from enthesis.errors import InputError
from enthesis.read.dicom_headers import Header, read_header, read_headers
from enthesis.read.files import files_below, is_nifti

HASH_SHOWN = 8
"""Characters of a series' hash that are printed; enough to tell the series of any folder."""

Groups = dict[tuple[str, str], list[Header]]


def dicom_headers(path: Path, flags: list[str]) -> list[Header]:
    """Headers of a DICOM file, or of all in a folder and the folders in it.

    Raises
    ------
    InputError : no DICOM there.
    """
    if path.is_file():
        header = read_header(path)
        if header is None:
            raise InputError(
                f"{path.name!r} is neither NIfTI nor DICOM; name a .nii.gz file, a DICOM file or "
                "a folder of DICOM files"
            )
        return [header]
    files = files_below(path)
    found = read_headers(files)
    if not found:
        niftis = sum(map(is_nifti, files))
        hint = "; name one of its NIfTI files" if niftis else "; name a folder of a CT series"
        raise InputError(f"none of the {len(files)} files in {path.name!r} is DICOM{hint}")
    if len(found) < len(files):
        flags.append(f"{len(files) - len(found)} files in the folder are not DICOM: left out")
    return found


def by_series(found: list[Header]) -> Groups:
    """Headers by series identity and modality."""
    groups: Groups = {}
    for header in found:
        groups.setdefault((header.series_uid, header.modality), []).append(header)
    return groups


def chosen_series(found: list[Header], series: str | None, flags: list[str]) -> list[Header]:
    """The one series that is meant.

    Raises
    ------
    InputError : several could be meant, or none.
    """
    groups = by_series(found)
    if series is not None:
        return named_series(groups, series)
    # Reports and presentation states have no picture, and a scout is no volume: neither can be
    # meant, so one series of slices beside them is no choice by luck.
    volumes = with_slices(groups)
    if not volumes:
        if any(header.is_scout for header in found):
            raise InputError("there are only localizer (scout) images; name the series of slices")
        kinds = ", ".join(sorted({header.modality or "unknown" for header in found}))
        raise InputError(f"the DICOM holds no pixel data (modality {kinds}); name a CT series")
    if len(volumes) > 1:
        example = series_hash(next(iter(volumes))[0])[:HASH_SHOWN]
        raise InputError(
            f"there are {len(volumes)} series: {listing(volumes)}; choose one by its hash, e.g. "
            f"series={example!r}"
        )
    (key,) = volumes
    if len(groups) > 1:
        aside = sum(len(headers) for other, headers in groups.items() if other != key)
        flags.append(f"{aside} DICOM files without slices (reports, scouts): left out")
    return volumes[key]


def named_series(groups: Groups, series: str) -> list[Header]:
    """The series whose hash begins so.

    Raises
    ------
    InputError : none, or several.
    """
    fits = [key for key in groups if series and series_hash(key[0]).startswith(series.lower())]
    if len(fits) != 1:
        raise InputError(
            f"{len(fits)} series have a hash that begins with {series!r}; there are: "
            f"{listing(groups)}"
        )
    return groups[fits[0]]


def with_slices(groups: Groups) -> Groups:
    """Series of which at least one file is a slice or picture, and no localizer."""
    return {
        key: headers
        for key, headers in groups.items()
        if any(header.is_picture and not header.is_scout for header in headers)
    }


def listing(groups: Groups) -> str:
    """Series as a message lists them: the beginning of the hash, modality and number of images."""
    return ", ".join(
        f"{series_hash(uid)[:HASH_SHOWN]} ({modality or 'no modality'}, {len(headers)} "
        f"{'images' if any(h.is_picture for h in headers) else 'files without image'})"
        for (uid, modality), headers in sorted(
            groups.items(), key=lambda item: (-len(item[1]), series_hash(item[0][0]))
        )
    )


def pictures(headers: list[Header], flags: list[str]) -> list[Header]:
    """Those that are slices or pictures.

    Raises
    ------
    InputError : none.
    """
    slices = [header for header in headers if header.is_picture and not header.is_scout]
    if not slices:
        raise InputError("the series has no slices: only reports or localizer (scout) images")
    if len(slices) < len(headers):
        flags.append(
            f"{len(headers) - len(slices)} localizers or files without image in the series: left "
            "out"
        )
    return slices


def series_hash(uid: str) -> str:
    """What stands for a series' identity: its hash, from which the identity cannot be read."""
    return hashlib.sha256(uid.encode()).hexdigest()
