"""DICOM files to one image, each modality by its own rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.read.computed_tomography import read_ct
from enthesis.read.dicom_choice import chosen_series, dicom_headers, pictures
from enthesis.read.dicom_headers import Header
from enthesis.read.magnetic_resonance import read_mr
from enthesis.read.multiframe import frames
from enthesis.read.radiograph import read_radiograph
from enthesis.read.ultrasound import read_ultrasound, ultrasound_frames

RADIOGRAPHS = frozenset({"CR", "DX", "RG", "BMD", "OT"})
"""Modalities read as pictures: computed and digital radiographs, densitometry, screen captures."""

ENHANCED = frozenset(
    f"1.2.840.10008.5.1.4.1.1.{ending}" for ending in ("2.1", "2.2", "4.1", "4.4", "30")
)
"""Enhanced CT and MR, their legacy conversions, parametric maps: frames described one by one."""

PARAMETRIC_MAP = "1.2.840.10008.5.1.4.1.1.30"

ELSEWHERE = {
    "SEG": "a segmentation, which `read.labels` reads",
    "RTSTRUCT": "contours, which `read.labels` reads",
    "SR": "a report, which `read.sr` reads",
}


def read_dicom(
    path: Path,
    *,
    quantity: str | None = None,
    series: str | None = None,
    volume: int | None = None,
    region: int | None = None,
    pixel_spacing: float | Sequence[float] | None = None,
) -> Image:
    """Image of a DICOM file, or of one series in a folder; options as in `image`.

    Raises
    ------
    InputError : nothing to read, several to choose from, or no measurement.
    """
    flags: list[str] = []
    slices = _slices(path, series, flags)
    if any(header.overlay for header in slices):
        flags.append("the file has an overlay (what was drawn or written on it): left out")
    first = slices[0]
    modality = first.modality
    if modality == "CT":
        if quantity not in {None, "hounsfield"}:
            raise InputError(
                f"CT DICOM holds Hounsfield units, not {quantity!r}; leave the quantity out"
            )
        return read_ct(slices, flags, volume=volume)
    if quantity == "hounsfield":
        raise InputError(f"the DICOM is {modality or 'of no stated modality'}, not CT: no HU")
    if modality == "MR" or first.sop_class == PARAMETRIC_MAP:
        if modality != "MR" and quantity is None:
            raise InputError("a parametric map's values can be anything; name its quantity")
        return read_mr(slices, flags, volume=volume, quantity=quantity or "signal")
    if modality == "US":
        return read_ultrasound(
            slices, flags, volume=volume, region=region, pixel_spacing=pixel_spacing
        )
    if modality in RADIOGRAPHS:
        return read_radiograph(
            slices,
            flags,
            volume=volume,
            pixel_spacing=pixel_spacing,
            quantity=quantity or "signal",
        )
    kind = ELSEWHERE.get(modality, modality or "of no stated modality")
    raise InputError(f"the DICOM is {kind}, and not CT, MR, US, DX or CR")


def frames_of(
    path: Path,
    *,
    series: str | None,
    region: int | None,
    pixel_spacing: float | Sequence[float] | None,
) -> Iterator[Image]:
    """Yield the frames of an ultrasound loop; options as in `frames`."""
    flags: list[str] = []
    slices = _slices(path, series, flags)
    if slices[0].modality != "US":
        raise InputError(
            f"the DICOM is {slices[0].modality or 'of no stated modality'}, and only ultrasound "
            "has frames; read it as an image"
        )
    if len({header.path for header in slices}) > 1:
        raise InputError("the series holds several pictures or loops; name one file")
    return ultrasound_frames(slices, flags, region=region, pixel_spacing=pixel_spacing)


def framed(headers: list[Header]) -> list[Header]:
    """One header a frame, of files that hold several or describe their one as if they did.

    Raises
    ------
    InputError : a file that is smaller than its frames, or describes another number of them.
    """
    return [
        frame
        for header in headers
        for frame in (
            frames(header) if header.frames > 1 or header.sop_class in ENHANCED else [header]
        )
    ]


def _slices(path: Path, series: str | None, flags: list[str]) -> list[Header]:
    headers = dicom_headers(path, flags)
    _check_no_other_door({header.modality for header in headers})
    chosen = chosen_series(headers, series, flags)
    _check_no_other_door({chosen[0].modality})
    return framed(pictures(chosen, flags))


def _check_no_other_door(modalities: set[str]) -> None:
    if len(modalities) == 1 and modalities <= ELSEWHERE.keys():
        raise InputError(f"the DICOM is {ELSEWHERE[modalities.pop()]}")
