"""Radiographs (DX, CR) and the pictures that bone densitometers export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.read.dicom_headers import Header
from enthesis.read.dicom_pixels import stored
from enthesis.read.pictures import given_spacing, one_picture, picture
from enthesis.read.redaction import redacted
from enthesis.read.volume import narrow

DENSITOMETERS = ("LUNAR", "PRODIGY", "IDXA", "HOLOGIC", "DISCOVERY", "HORIZON", "DELPHI", "QDR")
"""Words in the model or maker's name of bone densitometers."""

SAME_SPACING = 1e-3
"""Share by which the spacings of detector and picture may differ and still be one."""

GREY = frozenset({"MONOCHROME1", "MONOCHROME2"})


def read_radiograph(
    pictures: list[Header],
    flags: list[str],
    *,
    volume: int | None,
    pixel_spacing: float | Sequence[float] | None,
    quantity: str,
) -> Image:
    """Image of one radiograph; brighter is denser, whichever way the file counts.

    Raises
    ------
    InputError : several pictures and none chosen, colours, or no length of a pixel.
    """
    header = one_picture(pictures, volume, kind="pictures")
    if header.pixels.photometric not in GREY or header.pixels.samples != 1:
        raise InputError(
            f"the picture is {header.pixels.photometric or 'of unstated colour'}, so it is a "
            "screenshot and no measurement; export the image itself"
        )
    spacing, way, doubts = _spacing(header, pixel_spacing)
    (plane,) = stored([header])
    facts: dict[str, Any] = {
        "scale": way,
        "kvp": header.kvp,
        "protocol": redacted(header.description),
        "exposed_area_mm": header.exposed_area,
        "rows_run_to": "/".join(header.patient_orientation) or None,
        "inverted": header.pixels.photometric == "MONOCHROME1",
    }
    if is_densitometer(header):
        doubts.append("a densitometer's picture: its grey values are no bone density")
    return picture(
        _grey(header, plane),
        spacing,
        quantity=quantity,
        header=header,
        facts=facts,
        flags=(*flags, *doubts),
    )


def is_densitometer(header: Header) -> bool:
    """Whether a bone densitometer made the picture."""
    name = f"{header.manufacturer} {header.model}".upper()
    return header.modality == "BMD" or any(word in name for word in DENSITOMETERS)


def _grey(header: Header, plane: NDArray[Any]) -> NDArray[Any]:
    slope = header.slope or 1.0
    intercept = header.intercept or 0.0
    if header.pixels.photometric == "MONOCHROME1" and plane.dtype.kind in "iu":
        low = -(1 << (header.pixels.stored - 1)) if header.pixels.signed else 0
        high = low + (1 << header.pixels.stored) - 1
        plane = (low + high) - plane.astype(np.int64)
    return narrow(plane, slope, intercept)


def _spacing(
    header: Header, pixel_spacing: float | Sequence[float] | None
) -> tuple[tuple[float, float], str, list[str]]:
    if pixel_spacing is not None:
        return given_spacing(pixel_spacing), "given", []
    plane, detector = _usable(header.pixel_spacing), _usable(header.imager_spacing)
    at_detector = "lengths are those at the detector: in the body they are a few percent shorter"
    if plane and (header.spacing_calibrated or not detector):
        way = f"pixel spacing ({header.spacing_calibrated.lower() or 'calibration not stated'})"
        return plane, way, []
    if plane and detector and not np.allclose(plane, detector, rtol=SAME_SPACING, atol=0):
        return plane, "pixel spacing (calibrated)", []
    if detector and header.magnification:
        down, across = (side / header.magnification for side in detector)
        said = f"lengths were corrected for the file's magnification of {header.magnification:g}"
        return (down, across), "imager pixel spacing over magnification", [said]
    if detector:
        return detector, "imager pixel spacing", [at_detector]
    if scanned := _usable(header.scanned_spacing):
        return scanned, "nominal scanned pixel spacing", ["a scanned film: " + at_detector]
    raise InputError(
        "the picture states no length of a pixel, so nothing on it could be measured in mm; give "
        f"pixel_spacing=(down, across) in mm{_hint(header)}"
    )


def _usable(spacing: Sequence[float] | None) -> tuple[float, float] | None:
    return (spacing[0], spacing[1]) if spacing and min(spacing) > 0 else None


def _hint(header: Header) -> str:
    if header.exposed_area is None or min(header.exposed_area) <= 0:
        return ""
    width, height = header.exposed_area
    return (
        f" (its exposed area of {width:g} x {height:g} mm over its pixels would be "
        f"{height / header.rows:.4g}, {width / header.columns:.4g})"
    )
