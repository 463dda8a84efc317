"""Ultrasound pictures and cine loops, with the scale that the machine writes beside them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.read.dicom_headers import Header, Region
from enthesis.read.dicom_pixels import brightness
from enthesis.read.pictures import given_spacing, one_picture, picture

TISSUE, CENTIMETRES = 1, 3
"""DICOM PS3.3 C.8.5.5.1: a region's format of a 2-D picture, and its unit cm."""

MM_PER_CM = 10.0

SAME_SCALE = 1e-4
"""Share by which the scales of two regions may differ and still be one: 0.05 mm over 500 mm."""

Spacing = float | Sequence[float] | None


def read_ultrasound(
    pictures: list[Header],
    flags: list[str],
    *,
    volume: int | None,
    region: int | None,
    pixel_spacing: Spacing,
) -> Image:
    """Image of one ultrasound picture, 0 black to 255 white.

    Raises
    ------
    InputError : several pictures and none chosen, or no scale.
    """
    header = one_picture(pictures, volume, kind="pictures (single ones or frames of a loop)")
    (image,) = ultrasound_frames([header], flags, region=region, pixel_spacing=pixel_spacing)
    return image


def ultrasound_frames(
    headers: list[Header], flags: list[str], *, region: int | None, pixel_spacing: Spacing
) -> Iterator[Image]:
    """Yield frames as images, one at a time.

    Raises
    ------
    InputError : no scale, or pixels that cannot be decoded.
    """
    first = headers[0]
    spacing, facts, doubts = _scale(first, region, pixel_spacing)
    facts["frames"] = first.frames
    facts["frame_time_s"] = None if first.frame_time is None else first.frame_time / 1000
    for header, plane in zip(headers, brightness(headers), strict=True):
        yield picture(
            plane,
            spacing,
            quantity="echo_intensity",
            header=header,
            facts={**facts, "frame": header.frame},
            flags=(*flags, *doubts),
        )


def _scale(
    header: Header, region: int | None, pixel_spacing: Spacing
) -> tuple[tuple[float, float], dict[str, object], list[str]]:
    if pixel_spacing is not None:
        return given_spacing(pixel_spacing), {"scale": "given"}, []
    tissue = [part for part in header.regions if _has_scale(part)]
    if not tissue and header.pixel_spacing and min(header.pixel_spacing) > 0:
        down, across = header.pixel_spacing
        return (down, across), {"scale": "pixel spacing"}, []
    if not tissue:
        raise InputError(
            "the ultrasound file states no scale (no calibrated 2-D region), so nothing on it "
            "could be measured in mm; read it off the depth marks and give pixel_spacing="
        )
    chosen = _chosen_region(tissue, region)
    across, down = (step * MM_PER_CM for step in chosen.step)
    doubts = []
    if len(tissue) > 1:
        doubts.append(f"{len(tissue)} pictures side by side are in one: measure within one of them")
    facts: dict[str, object] = {"scale": "region", "region": chosen.box}
    return (down, across), facts, doubts


def _chosen_region(tissue: list[Region], region: int | None) -> Region:
    if region is not None:
        if not 0 <= region < len(tissue):
            raise InputError(
                f"there is no region {region}; the file has {len(tissue)} 2-D regions, from 0"
            )
        return tissue[region]
    first = tissue[0].step
    if any(
        abs(a - b) > SAME_SCALE * b
        for part in tissue
        for a, b in zip(part.step, first, strict=True)
    ):
        listed = ", ".join(
            f"{n}: {part.step[0] * MM_PER_CM:.4g} mm at {part.box}" for n, part in enumerate(tissue)
        )
        raise InputError(
            f"the picture has {len(tissue)} regions of different scale ({listed}); choose one, "
            "e.g. region=0"
        )
    return tissue[0]


def _has_scale(region: Region) -> bool:
    return (
        region.format == TISSUE
        and set(region.units) == {CENTIMETRES}
        and min(region.step, default=0) > 0
    )
