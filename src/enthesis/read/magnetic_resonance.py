"""MR slices, single or in one enhanced file: one volume of them, or all of its echoes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.dicom_choice import series_hash
from enthesis.read.dicom_geometry import Stack, stack
from enthesis.read.dicom_headers import Header
from enthesis.read.dicom_pixels import decode
from enthesis.read.dicom_volumes import chosen_volume, orientation_name, volumes
from enthesis.read.volume import content_hash, narrow

SIGNALS = frozenset({"magnitude", "real", "imaginary", "water", "fat", "in phase", "opposed phase"})
"""Components that are signal; others are maps of a unit of their own."""


def read_mr(slices: list[Header], flags: list[str], *, volume: int | None, quantity: str) -> Image:
    """Image of the slices of one MR series.

    Raises
    ------
    InputError : a mosaic, several volumes, or slices that do not make one.
    """
    check_mr(slices)
    chosen = list(chosen_volume(volumes(slices), volume).headers)
    ordered = stack(chosen)
    array, affine = decode(ordered, signal)
    uid = chosen[0].series_uid
    return Image(
        array=array,
        affine=affine,
        quantity=quantity,
        source=Source(
            modality="MR",
            series=series_hash(uid) if uid else content_hash(array, affine),
            facts=mr_facts(ordered),
            flags=(*flags, *ordered.flags, *_doubts(ordered, quantity)),
        ),
    )


def check_mr(slices: list[Header]) -> None:
    """Pass if these are pixels of one number each, one slice a picture.

    Raises
    ------
    InputError : they are not.
    """
    for header in slices:
        if "MOSAIC" in header.image_type:
            raise InputError(
                f"{header.title} is a Siemens mosaic, many slices drawn side by side in one "
                "picture; export the series as enhanced multi-frame DICOM, or convert it to NIfTI "
                "with dcm2niix"
            )
        if not header.pixels.kind:
            raise InputError(f"{header.title} has no pixel data; export the series again")
        if header.pixels.photometric != "MONOCHROME2" or header.pixels.samples != 1:
            raise InputError(
                f"{header.title} is {header.pixels.photometric or 'of unstated colour'}, not "
                "MONOCHROME2, so it is a picture and no measurement; choose the original series"
            )
        if header.slope == 0:
            raise InputError(f"{header.title} has a rescale slope of 0; export the series again")


def signal(header: Header, stored: NDArray[Any]) -> NDArray[Any]:
    """Signal of a slice's stored pixels (rows, columns).

    Philips writes each slice with a slope that suits its display; dividing by slope x scale gives
    signals that can be compared between slices and echoes (Chenevert et al. 2014,
    doi:10.1593/tlo.13811).
    """
    slope = 1.0 if header.slope is None else header.slope
    intercept = 0.0 if header.intercept is None else header.intercept
    if header.scale is not None and header.component in SIGNALS:
        unit = slope * header.scale
        return narrow(stored, 1 / header.scale, intercept / unit)
    return narrow(stored, slope, intercept)


def phase(header: Header, stored: NDArray[Any]) -> NDArray[np.float32]:
    """Phase in radians of a slice's stored pixels (rows, columns).

    Raises
    ------
    InputError : the header does not tell the unit.
    """
    slope = 1.0 if header.slope is None else header.slope
    intercept = 0.0 if header.intercept is None else header.intercept
    pixels = header.pixels
    low = -(1 << (pixels.stored - 1)) if pixels.signed else 0
    ends = [slope * end + intercept for end in (low, low + (1 << pixels.stored) - 1)]
    values = stored * slope + intercept
    # The range that can be written tells the unit: each vendor lets it span one turn.
    if _spans(ends, -4096, 4096):
        values *= np.pi / 4096
    elif header.slope is None and _spans(ends, 0, 4096):
        values = (values - 2048) * (np.pi / 2048)
    elif _spans(ends, -3142, 3142) or (
        header.slope is None and pixels.signed and np.abs(values).max() <= 3142
    ):
        values /= 1000
    elif not _spans(ends, -np.pi, np.pi):
        raise InputError(
            f"{header.title} is a phase image with values from {ends[0]:g} to {ends[1]:g}, which "
            "is neither one turn in radians or milliradians nor in 4096 steps either way; export "
            "real and imaginary images instead"
        )
    return values.astype(np.float32)


def mr_facts(ordered: Stack) -> dict[str, object]:
    """What the header says of the acquisition."""
    first = ordered.headers[0]
    return {
        "component": first.component,
        "echo_time_ms": first.echo_time,
        "repetition_time_ms": first.repetition_time,
        "inversion_time_ms": first.inversion_time,
        "flip_angle_deg": first.flip_angle,
        "b_value_s_mm2": first.b_value,
        "field_strength_t": first.field_strength,
        "slice_thickness_mm": first.thickness,
        "slice_spacing_mm": ordered.spacing,
        "orientation": orientation_name(first.orientation),
        "contrast": first.contrast,
        "manufacturer": first.manufacturer,
        "model": first.model,
        "compression": first.pixels.compression,
    }


def _doubts(ordered: Stack, quantity: str) -> list[str]:
    doubts = []
    component = ordered.headers[0].component
    if quantity == "signal" and component.endswith(("map", "fraction")):
        doubts.append(
            f"the scanner calls this a {component}: name its quantity, and check its unit"
        )
    if component in {"phase", "real", "imaginary"}:
        doubts.append(f"this is the {component} image alone; `read.echoes` joins the parts")
    if any(header.pixels.lossy for header in ordered.headers):
        doubts.append("the pixels were compressed with loss: signals are not exact")
    return doubts


def _spans(ends: list[float], low: float, high: float) -> bool:
    # A hundredth: the last step of a range is often not written.
    allowed = 0.01 * (high - low)
    return abs(ends[0] - low) <= allowed and abs(ends[1] - high) <= allowed
