"""What series a folder of DICOM holds, and which of them can be read."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from enthesis.errors import InputError
from enthesis.read.dicom import RADIOGRAPHS, framed
from enthesis.read.dicom_choice import HASH_SHOWN, by_series, dicom_headers, series_hash
from enthesis.read.dicom_geometry import stack
from enthesis.read.dicom_headers import Header
from enthesis.read.dicom_volumes import Volume, orientation_name, volumes
from enthesis.read.files import existing
from enthesis.read.redaction import redacted

SLICES = frozenset({"CT", "MR"})
"""Modalities whose images are slices of a volume."""

PICTURES = frozenset({"US", *RADIOGRAPHS})
"""Modalities whose images are pictures in two dimensions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One series of a folder.

    Parameters
    ----------
    code : the first characters of the hash of its identity; what `series=` takes
    modality : "CT", "MR", …; empty when the files do not say
    description : the words of imaging in its description; any other word is "…", since a name
        could be among them
    images : slices, frames or pictures; 0 for reports
    size : columns and rows of a picture
    spacing : length of a voxel across, down and between slices, mm; NaN where not known
    orientation : "axial", "coronal", "sagittal", "axial oblique", …; empty for pictures
    components : of MR: "magnitude", "phase", "water", …
    echo_times : ms, increasing
    volumes : how many the series holds; `volume=` takes their number
    problem : why it cannot be read as it is; empty when it can
    """

    code: str
    modality: str
    description: str
    images: int
    size: tuple[int, int]
    spacing: tuple[float, float, float]
    orientation: str
    components: tuple[str, ...]
    echo_times: tuple[float, ...]
    volumes: int
    problem: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def series(folder: str | Path) -> list[Series]:
    """Series of a DICOM folder (folders in it included), those with most images first.

    Raises
    ------
    InputError : nothing there, or no DICOM.
    """
    groups = by_series(dicom_headers(existing(folder), []))
    found = [_series(uid, modality, headers) for (uid, modality), headers in groups.items()]
    return sorted(found, key=lambda each: (-each.images, each.code))


def _series(uid: str, modality: str, headers: list[Header]) -> Series:
    pictures = [header for header in headers if header.is_picture]
    framed_pictures: list[Header] = pictures
    parts: list[Volume] = []
    try:
        if modality in SLICES | PICTURES:
            framed_pictures = framed(pictures)
        parts = volumes(framed_pictures) if modality in SLICES and pictures else []
        problem = _problem(modality, framed_pictures, parts)
    except InputError as error:
        problem = str(error)
    first = framed_pictures[0] if framed_pictures else None
    is_mr = modality == "MR"
    echo_times = {header.echo_time for header in framed_pictures if header.echo_time is not None}
    return Series(
        code=series_hash(uid)[:HASH_SHOWN],
        modality=modality,
        description=redacted(headers[0].description),
        images=len(framed_pictures),
        size=(first.columns, first.rows) if first else (0, 0),
        spacing=_spacing(first, parts),
        orientation=orientation_name(first.orientation) if first and modality in SLICES else "",
        components=tuple(dict.fromkeys(h.component for h in framed_pictures)) if is_mr else (),
        echo_times=tuple(sorted(echo_times)) if is_mr else (),
        volumes=max(len(parts), 1) if framed_pictures else 0,
        problem=problem,
    )


def _problem(modality: str, pictures: Sequence[Header], parts: Sequence[Volume]) -> str:
    if not pictures:
        return "no images"
    if all(header.is_scout for header in pictures):
        return "localizers only"
    if modality in PICTURES and any(math.isnan(side) for side in _spacing(pictures[0], ())[:2]):
        return "no length of a pixel is stated: pixel_spacing= is needed"
    if modality not in SLICES | PICTURES:
        return "no scan"
    for part in parts:
        if any("MOSAIC" in header.image_type for header in part.headers):
            return "Siemens mosaics"
        stack(part.headers)
    return ""


def _spacing(first: Header | None, parts: Sequence[Volume]) -> tuple[float, float, float]:
    unknown = float("nan")
    if first is None:
        return unknown, unknown, unknown
    between = unknown
    if parts:
        try:
            between = stack(parts[0].headers).spacing
        except InputError:
            between = first.thickness or unknown
    sides = first.pixel_spacing or first.imager_spacing or (unknown, unknown)
    if first.regions and not first.pixel_spacing:
        steps = [region.step for region in first.regions if min(region.step) > 0]
        sides = tuple(10 * np.array(steps[0][::-1])) if steps else sides
    return float(sides[1]), float(sides[0]), between
