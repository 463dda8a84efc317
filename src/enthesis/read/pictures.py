"""Pictures in two dimensions: one slice without thickness, lying as a screen shows it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.dicom_choice import series_hash
from enthesis.read.dicom_headers import Header
from enthesis.read.redaction import redacted
from enthesis.read.volume import content_hash

LISTED = 12
"""Pictures that one message lists, at most."""

NO_THICKNESS = "a picture has no thickness: areas can be measured on it, volumes cannot"


def picture(
    plane: NDArray[Any],
    spacing: Sequence[float],
    *,
    quantity: str,
    header: Header,
    facts: Mapping[str, Any],
    flags: Sequence[str],
) -> Image:
    """Image of one picture.

    Parameters
    ----------
    plane : (rows, columns) as stored, row 0 at the top
    spacing : length of a pixel down and across, mm
    quantity : a key of `quantities`
    header : of the file
    facts, flags : for the source

    Returns
    -------
    Image (columns, rows, 1) that a radiological display shows as the file has it: the picture's
    right side at low I, its top at high J, so `array[::-1, ::-1, 0].T` is the picture as stored.
    The step along K is 1 mm for want of a thickness, and the flags say that there is none.
    """
    down, across = spacing
    array = np.asfortranarray(plane[::-1, ::-1].T[:, :, np.newaxis])
    affine = np.diag([across, down, 1.0, 1.0])
    uid = header.series_uid
    return Image(
        array=array,
        affine=affine,
        quantity=quantity,
        source=Source(
            modality=header.modality,
            series=series_hash(uid) if uid else content_hash(array, affine),
            facts={
                **facts,
                "slice_thickness_mm": None,
                "manufacturer": header.manufacturer,
                "model": header.model,
                "compression": header.pixels.compression,
            },
            flags=(*flags, NO_THICKNESS, *_doubts(header)),
        ),
    )


def given_spacing(pixel_spacing: float | Sequence[float]) -> tuple[float, float]:
    """Length of a pixel down and across, mm, as a user gives it.

    Raises
    ------
    InputError : not one or two lengths.
    """
    sides = np.atleast_1d(np.asarray(pixel_spacing, dtype=np.float64))
    if sides.shape not in {(1,), (2,)} or not (np.isfinite(sides) & (sides > 0)).all():
        raise InputError(
            f"pixel_spacing is the length of a pixel in mm, or (down, across); got {pixel_spacing}"
        )
    return float(sides[0]), float(sides[-1])


def one_picture(headers: list[Header], volume: int | None, *, kind: str) -> Header:
    """The picture that is meant among those of a file or series.

    Raises
    ------
    InputError : several and none named; or no such number.
    """
    # By number, not by the names of files, which are whatever an export made of them.
    ordered = sorted(headers, key=lambda header: (header.instance or 0, header.frame))
    if volume is None and len(ordered) == 1:
        return ordered[0]
    if volume is not None and 0 <= volume < len(ordered):
        return ordered[volume]
    listed = ", ".join(
        f"{number}: {header.columns} x {header.rows} {redacted(header.description)}".strip()
        for number, header in enumerate(ordered[:LISTED])
        if header.frames == 1
    )
    wanted = "choose one" if volume is None else f"there is no {volume}; choose one"
    raise InputError(
        f"there are {len(ordered)} {kind}{f' ({listed})' if listed else ''}; {wanted} from 0 to "
        f"{len(ordered) - 1}, e.g. volume=0"
    )


def _doubts(header: Header) -> list[str]:
    if header.pixels.lossy:
        return ["the pixels were compressed with loss: grey values are not exact"]
    return []
