"""CT slices, single or in one enhanced file, to one volume in HU."""

from __future__ import annotations

from collections import Counter
from typing import Any

from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.dicom_choice import series_hash
from enthesis.read.dicom_geometry import Stack, stack
from enthesis.read.dicom_headers import Header
from enthesis.read.dicom_pixels import decode
from enthesis.read.dicom_volumes import chosen_volume, volumes
from enthesis.read.volume import content_hash, narrow

UNSPECIFIED = "US"
"""Rescale type of values whose unit the file does not say."""

HOUNSFIELD_UNITS = frozenset({"", "hnsf'U", "[hnsf'U]", "HU"})
"""How a file's real-world mapping calls HU (UCUM), or says nothing."""


def read_ct(slices: list[Header], flags: list[str], *, volume: int | None) -> Image:
    """Image in HU of the slices of one CT series.

    Raises
    ------
    InputError : not attenuation, several volumes, or slices that do not make one.
    """
    for header in slices:
        _check(header)
    chosen = list(chosen_volume(volumes(slices), volume).headers)
    ordered = stack(chosen)
    array, affine = decode(ordered, _hounsfield)
    uid = chosen[0].series_uid
    return Image(
        array=array,
        affine=affine,
        quantity="hounsfield",
        source=Source(
            modality="CT",
            series=series_hash(uid) if uid else content_hash(array, affine),
            facts=_facts(ordered),
            flags=(*flags, *ordered.flags, *_doubts(chosen)),
        ),
    )


def _check(header: Header) -> None:
    pixels = header.pixels
    if not pixels.kind:
        raise InputError(f"{header.title} has no pixel data; export the series again")
    if pixels.photometric != "MONOCHROME2" or pixels.samples != 1:
        raise InputError(
            f"{header.title} is {pixels.photometric or 'of unstated colour'}, not "
            "MONOCHROME2, so it is a picture and no measurement; choose the original series"
        )
    if header.slope is None or header.intercept is None or header.slope == 0:
        raise InputError(
            f"{header.title} has no rescale slope and intercept, so its HU are unknown; "
            "export the series again"
        )
    if header.rescale_type not in {"", "HU", UNSPECIFIED} or header.unit not in HOUNSFIELD_UNITS:
        unit = header.rescale_type if header.unit in HOUNSFIELD_UNITS else header.unit
        raise InputError(f"{header.title} is in {unit!r}, not HU; choose the series in HU")


def _hounsfield(header: Header, stored: NDArray[Any]) -> NDArray[Any]:
    slope, intercept = header.slope, header.intercept
    if slope is None or intercept is None:
        raise InputError(f"{header.title} has no rescale slope and intercept; its HU are unknown")
    return narrow(stored, slope, intercept)


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
        "compression": first.pixels.compression,
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
    if any(header.pixels.lossy for header in slices):
        doubts.append("the pixels were compressed with loss: attenuation is not exact")
    return doubts
