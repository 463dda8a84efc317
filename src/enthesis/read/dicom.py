"""CT series of DICOM files: one chosen, its slices put in order, decoded into one volume."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.dicom_geometry import Stack, stack
from enthesis.read.dicom_headers import ENHANCED_CT, Header, read_header, read_headers
from enthesis.read.dicom_pixels import decode
from enthesis.read.files import files_below, is_nifti
from enthesis.read.volume import content_hash

HASH_SHOWN = 8
"""Characters of a series' hash that are printed; enough to tell the series of any folder."""

UNSPECIFIED = "US"
"""Rescale type of values whose unit the file does not say."""


def read_ct(path: Path, *, series: str | None = None) -> Image:
    """Image in HU of a CT DICOM file, or of one series in a folder.

    Parameters
    ----------
    path : a file; or a folder, folders in it included
    series : the first characters of a series' hash, where there are several

    Raises
    ------
    InputError : no CT, several series, or slices that do not make a volume.
    """
    flags: list[str] = []
    found = _headers(path, flags)
    slices = _slices(_chosen(found, series, flags), flags)
    _check_ct(slices)
    ordered = stack(slices)
    array, affine = decode(ordered)
    uid = slices[0].series_uid
    return Image(
        array=array,
        affine=affine,
        quantity="hounsfield",
        source=Source(
            modality="CT",
            series=_hash(uid) if uid else content_hash(array, affine),
            facts=_facts(ordered),
            flags=(*flags, *ordered.flags, *_doubts(slices)),
        ),
    )


def _headers(path: Path, flags: list[str]) -> list[Header]:
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


def _chosen(found: list[Header], series: str | None, flags: list[str]) -> list[Header]:
    groups: dict[tuple[str, str], list[Header]] = {}
    for header in found:
        groups.setdefault((header.series_uid, header.modality), []).append(header)
    if series is not None:
        fits = [key for key in groups if series and _hash(key[0]).startswith(series.lower())]
        if len(fits) != 1:
            raise InputError(
                f"{len(fits)} series have a hash that begins with {series!r}; there are: "
                f"{_listing(groups)}"
            )
        return groups[fits[0]]
    # Reports and presentation states have no picture, and a scout is no volume: neither can be
    # meant, so one series of slices beside them is no choice by luck.
    volumes = {
        key: headers
        for key, headers in groups.items()
        if any(header.is_picture and not header.is_scout for header in headers)
    }
    if not volumes:
        if any(header.is_scout for header in found):
            raise InputError("there are only localizer (scout) images; name the series of slices")
        kinds = ", ".join(sorted({header.modality or "unknown" for header in found}))
        raise InputError(f"the DICOM holds no pixel data (modality {kinds}); name a CT series")
    if len(volumes) > 1:
        example = _hash(next(iter(volumes))[0])[:HASH_SHOWN]
        raise InputError(
            f"there are {len(volumes)} series: {_listing(volumes)}; choose one by its hash, e.g. "
            f"series={example!r}"
        )
    (key,) = volumes
    if len(groups) > 1:
        aside = sum(len(headers) for other, headers in groups.items() if other != key)
        flags.append(f"{aside} DICOM files without slices (reports, scouts): left out")
    return volumes[key]


def _listing(groups: dict[tuple[str, str], list[Header]]) -> str:
    return ", ".join(
        f"{_hash(uid)[:HASH_SHOWN]} ({modality or 'no modality'}, {len(headers)} "
        f"{'images' if any(h.is_picture for h in headers) else 'files without image'})"
        for (uid, modality), headers in sorted(
            groups.items(), key=lambda item: (-len(item[1]), _hash(item[0][0]))
        )
    )


def _slices(headers: list[Header], flags: list[str]) -> list[Header]:
    slices = [header for header in headers if header.is_picture and not header.is_scout]
    if not slices:
        raise InputError("the series has no slices: only reports or localizer (scout) images")
    if len(slices) < len(headers):
        flags.append(
            f"{len(headers) - len(slices)} localizers or files without image in the series: left "
            "out"
        )
    return slices


def _check_ct(slices: list[Header]) -> None:
    modality = slices[0].modality
    if modality != "CT":
        raise InputError(
            f"the DICOM is {modality or 'of no stated modality'}, not CT; only CT DICOM is read"
        )
    for header in slices:
        if header.sop_class in ENHANCED_CT or header.frames > 1:
            raise InputError(
                "the file is enhanced multi-frame CT, which is not read yet; convert it to "
                "single-frame CT or to NIfTI"
            )
        if not header.has_pixels:
            raise InputError(f"{header.title} has no pixel data; export the series again")
        if header.photometric != "MONOCHROME2" or header.samples != 1:
            raise InputError(
                f"{header.title} is {header.photometric or 'of unstated colour'}, not "
                "MONOCHROME2, so it is a picture and no measurement; choose the original series"
            )
        if header.slope is None or header.intercept is None or header.slope == 0:
            raise InputError(
                f"{header.title} has no rescale slope and intercept, so its HU are unknown; "
                "export the series again"
            )
        if header.rescale_type not in {"", "HU", UNSPECIFIED}:
            raise InputError(
                f"{header.title} is in {header.rescale_type!r}, not HU; choose the series in HU"
            )


def _facts(ordered: Stack) -> dict[str, object]:
    first = ordered.headers[0]
    return {
        "kvp": first.kvp,
        "slice_thickness_mm": first.thickness,
        "slice_spacing_mm": ordered.spacing,
        "contrast": first.contrast,
        "kernel": first.kernel,
        "manufacturer": first.manufacturer,
        "model": first.model,
        "compression": first.compression,
    }


def _doubts(slices: list[Header]) -> list[str]:
    doubts = []
    for name, values in (
        ("tube voltage", [header.kvp for header in slices]),
        ("kernel", [header.kernel for header in slices]),
        ("slice thickness", [header.thickness for header in slices]),
    ):
        counts = Counter(values)
        if len(counts) > 1:
            kinds = ", ".join(f"{value} ({n} slices)" for value, n in counts.most_common())
            doubts.append(f"the {name} is not the same in all slices: {kinds}")
    if any(header.rescale_type == UNSPECIFIED for header in slices):
        doubts.append("the header leaves the unit of its values unspecified: HU was assumed")
    if any(header.lossy for header in slices):
        doubts.append("the pixels were compressed with loss: attenuation is not exact")
    return doubts


def _hash(uid: str) -> str:
    return hashlib.sha256(uid.encode()).hexdigest()
