"""Pixels of slices and pictures: read where they lie as they are, decoded where compressed."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_color_lut
from pydicom.pixels.utils import iter_pixels
from pydicom.uid import RLELossless

from enthesis.errors import InputError
from enthesis.read.codestreams import stream_claims
from enthesis.read.dicom_geometry import Stack
from enthesis.read.dicom_headers import Header
from enthesis.read.volume import fill_ras

MAX_SLICE_PIXELS = 1 << 26
"""Pixels that one slice can have (8192 x 8192); a header that claims more is damaged."""

MAX_RATIO = 1000
"""Most that pixels are believed to have been compressed; real ones reach 100."""

SMALL_BYTES = 1 << 24
"""Pixels of no more than this are decoded whatever their ratio: a blank slice shrinks to little."""

LUMA = np.array([0.299, 0.587, 0.114])
"""Weights of red, green and blue in brightness (ITU-R BT.601, 2.5.1); greys stay as they are."""

Values = Callable[[Header, NDArray[Any]], NDArray[Any]]


def decode(stack: Stack, values: Values) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Volume of a stack, and its affine.

    Parameters
    ----------
    stack : slices in order
    values : makes values of a slice's stored pixels (rows, columns)

    Returns
    -------
    (I, J, K) in RAS+ order, of the narrowest type that `values` gives; and (4, 4) in mm.

    Raises
    ------
    InputError : pixel data that are missing, cut short or cannot be decoded; the slice is named.
    """
    shape = (stack.headers[0].columns, stack.headers[0].rows, len(stack.headers))
    pairs = zip(stack.headers, stored(stack.headers), strict=True)
    planes = (values(header, plane).T for header, plane in pairs)
    return fill_ras(planes, shape, stack.affine)


def stored(headers: Sequence[Header]) -> Iterator[NDArray[Any]]:
    """Yield the stored pixels of these slices, (rows, columns) each, in this order.

    Frames of one file that follow each other are read with the file opened once.

    Raises
    ------
    InputError : missing, cut short, or not to be decoded.
    """
    for path, group in itertools.groupby(headers, key=lambda header: header.path):
        same = list(group)
        for header in same:
            check_size(header)
        if _lies_as_it_is(same[0]):
            with path.open("rb") as file:
                for header in same:
                    yield _native(file, header)
        else:
            yield from _decoded(same, raw=True)


def brightness(headers: Sequence[Header]) -> Iterator[NDArray[np.float32]]:
    """Yield pictures from black (0) to white (255), (rows, columns) each.

    Colours become their luma (BT.601), so that grey drawn in colours keeps its value.

    Raises
    ------
    InputError : missing, cut short, or not to be decoded.
    """
    first = headers[0]
    check_size(first)
    kind = first.pixels.photometric
    if kind in {"MONOCHROME1", "MONOCHROME2"}:
        low = -(1 << (first.pixels.stored - 1)) if first.pixels.signed else 0
        for plane in stored(headers):
            grey = (plane.astype(np.float32) - low) * (255 / ((1 << first.pixels.stored) - 1))
            yield 255 - grey if kind == "MONOCHROME1" else grey
    elif kind == "PALETTE COLOR":
        palette = _palette(first)
        for plane in stored(headers):
            colours = _looked_up(plane, palette, first)
            yield _luma(colours, 255 / np.iinfo(colours.dtype).max)
    else:
        for header in headers:
            check_size(header)
        for colours in _decoded(list(headers), raw=False):
            yield _luma(colours, 255 / ((1 << first.pixels.stored) - 1))


def check_size(header: Header) -> None:
    """Pass if the file can hold the pixels that its header claims.

    Raises
    ------
    InputError : no pixels, or fewer than claimed; before anything is allocated.
    """
    pixels = header.pixels
    if not pixels.kind:
        raise InputError(f"{header.title} has no pixel data; export the series again")
    if not 1 <= pixels.stored <= pixels.bits or not pixels.stored <= pixels.high + 1 <= pixels.bits:
        raise InputError(
            f"{header.title} claims {pixels.stored} bits up to bit {pixels.high} in pixels of "
            f"{pixels.bits}; the file is damaged"
        )
    if header.rows * header.columns > MAX_SLICE_PIXELS:
        raise InputError(
            f"{header.title} claims {header.rows} x {header.columns} pixels, more than any "
            "scanner gives; the file is damaged"
        )
    # Frames of single bits follow each other without a gap.
    wanted = -(-_frame_bits(header) * header.frames // 8)
    size = header.path.stat().st_size
    if pixels.offset is not None:
        enough = pixels.offset + wanted <= size
    else:
        enough = wanted <= max(MAX_RATIO * size, SMALL_BYTES) and header.frames <= size
    if not enough:
        raise _cut_short(header, f"{wanted} bytes in {size}")


def _lies_as_it_is(header: Header) -> bool:
    pixels = header.pixels
    # Big-endian files store bytes in swapped pairs; pydicom knows how.
    sizes = {8, 16, 32, 64} if pixels.little_endian else {16, 32, 64}
    return pixels.offset is not None and pixels.samples == 1 and pixels.bits in sizes


def _native(file: IO[bytes], header: Header) -> NDArray[Any]:
    pixels = header.pixels
    wanted = _frame_bits(header) // 8
    file.seek((pixels.offset or 0) + header.frame * wanted)
    content = file.read(wanted)
    if len(content) < wanted:
        raise _cut_short(header, "the file ends")
    kind = ("i" if pixels.signed else "u") if pixels.kind == "integer" else "f"
    order = "<" if pixels.little_endian else ">"
    plane = np.frombuffer(content, f"{order}{kind}{pixels.bits // 8}")
    plane = plane.reshape(header.rows, header.columns)
    if kind == "f" or (pixels.stored == pixels.bits and pixels.high == pixels.bits - 1):
        return plane.astype(plane.dtype.newbyteorder("="), copy=False)
    # Bits beside the stored ones can hold an overlay; shifting them out extends the sign too.
    native = plane.astype(plane.dtype.newbyteorder("="))
    return (native << (pixels.bits - 1 - pixels.high)) >> (pixels.bits - pixels.stored)


def _decoded(headers: list[Header], *, raw: bool) -> Iterator[NDArray[Any]]:
    first = headers[0]
    try:
        with warnings.catch_warnings():
            # pydicom warns of every odd value, and of padding after the pixels.
            warnings.simplefilter("ignore")
            if first.pixels.compression != "none" and not first.pixels.deflated:
                for header in headers:
                    _check_stream(header)
            # pydicom decodes straight from the file, except from one that is deflated as a whole.
            source: Any = dcmread(first.path) if first.pixels.deflated else first.path
            indices = [header.frame for header in headers]
            decoded = iter_pixels(source, raw=raw, indices=indices)
            for header, plane in zip(headers, decoded, strict=True):
                if plane.shape[:2] != (header.rows, header.columns):
                    raise InputError(
                        f"{header.title} holds pixels of shape {plane.shape} where its header has "
                        f"{header.rows} rows of {header.columns}; export the series again"
                    )
                yield plane
    except InputError:
        raise
    except Exception as error:
        # A broken stream can raise anything from any depth of the decoders.
        raise _cut_short(first, type(error).__name__) from error


def _check_stream(header: Header) -> None:
    with header.path.open("rb") as file:
        dcmread(file, stop_before_pixels=True, specific_tags=[])
        # Past the tag, the representation and the undefined length of the pixels' element.
        file.seek(12, 1)
        stream = get_frame(file, header.frame, number_of_frames=header.frames)
    if header.pixels.compression == RLELossless.name:
        # It has no header of its own, and pydicom decodes it.
        return
    claims = stream_claims(stream)
    pixels = header.pixels
    if claims is None or claims.samples != pixels.samples or not 1 <= claims.bits <= pixels.bits:
        raise _cut_short(header, "the stream's header is damaged")
    if (claims.rows, claims.columns) != (header.rows, header.columns):
        raise InputError(
            f"the pixels of {header.title} (compression: {pixels.compression}) are "
            f"{claims.rows} x {claims.columns} where its header has {header.rows} rows of "
            f"{header.columns}; export the series again"
        )


def _palette(header: Header) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return dcmread(header.path, stop_before_pixels=True)


def _looked_up(plane: NDArray[Any], palette: Any, header: Header) -> NDArray[Any]:
    try:
        return apply_color_lut(plane, palette)
    except Exception as error:
        # A broken table can raise anything from the code that unfolds it.
        raise InputError(
            f"the colours of {header.title} cannot be looked up ({type(error).__name__}); export "
            "the picture again"
        ) from error


def _luma(colours: NDArray[Any], gain: float) -> NDArray[np.float32]:
    return (colours @ (LUMA * gain)).astype(np.float32)


def _frame_bits(header: Header) -> int:
    return header.rows * header.columns * header.pixels.samples * header.pixels.bits


def _cut_short(header: Header, reason: str) -> InputError:
    return InputError(
        f"the pixels of {header.title} are cut short or cannot be decoded "
        f"(compression: {header.pixels.compression}; {reason}); export the series again"
    )
