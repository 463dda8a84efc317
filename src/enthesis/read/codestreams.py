"""What a compressed picture claims for itself, read from its first bytes before any decoder does.

Decoders make room for what a stream claims before they find that it is not there, and some end the
whole program over a header that makes no sense.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

JPEG_START, JPEG_2000_START, JP2_BOX = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\x00\x00\x00\x0cjP  "

START_OF_SCAN = 0xDA

JPEG_LS_FRAME = 0xF7

NOT_FRAMES = frozenset({0xC4, 0xC8, 0xCC})
"""Markers among those of JPEG frames that are tables and no frame."""

JFIF, ADOBE = b"\xe0JFIF\0", b"\xeeAdobe"
"""Marker and beginning of the segments that programs add."""

SEGMENTS = frozenset({*range(0xC0, 0xD0), *range(0xDB, 0xF0), 0xF7, 0xF8, 0xFE})
"""Markers that can stand before the scan, each with its length behind it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """What a stream's header says.

    Parameters
    ----------
    rows, columns : of the picture
    samples : numbers a pixel
    bits : of a number
    """

    rows: int
    columns: int
    samples: int
    bits: int


def stream_claims(stream: bytes) -> Claims | None:
    """The claims of a stream's header.

    Parameters
    ----------
    stream : JPEG, JPEG-LS or JPEG 2000

    Returns
    -------
    None where the header is damaged, or of another kind.
    """
    if stream.startswith(JP2_BOX):
        stream = stream[max(stream.find(JPEG_2000_START), 0) :]
    try:
        if stream.startswith(JPEG_2000_START):
            return _jpeg_2000(stream)
        if stream.startswith(JPEG_START):
            return _jpeg(stream)
    except struct.error:
        return None
    return None


def _jpeg_2000(stream: bytes) -> Claims | None:
    right, bottom, left, top, _, _, tile_left, tile_top = struct.unpack_from(">8I", stream, 8)
    (samples,) = struct.unpack_from(">H", stream, 40)
    (depth, *steps) = struct.unpack_from(">3B", stream, 42)
    if tile_left > left or tile_top > top or steps != [1, 1]:
        return None
    bits = (depth & 0x7F) + 1
    return Claims(rows=bottom - top, columns=right - left, samples=samples, bits=bits)


def _jpeg(stream: bytes) -> Claims | None:
    found: Claims | None = None
    place = 2
    while True:
        start, marker, length = struct.unpack_from(">BBH", stream, place)
        if marker == 0xFF:
            # Any number of these may fill the space before a marker.
            place += 1
            continue
        if start != 0xFF or length < 2:
            return None
        if marker == START_OF_SCAN:
            (parts,) = struct.unpack_from(">B", stream, place + 4)
            fits = found is not None and 1 <= parts <= found.samples and length == 6 + 2 * parts
            return found if fits else None
        if marker not in SEGMENTS or _odd_application(stream, place):
            return None
        if marker == JPEG_LS_FRAME or (0xC0 <= marker <= 0xCF and marker not in NOT_FRAMES):
            bits, rows, columns, samples = struct.unpack_from(">BHHB", stream, place + 4)
            if found is not None or length != 8 + 3 * samples:
                return None
            found = Claims(rows=rows, columns=columns, samples=samples, bits=bits)
        place += 2 + length


def _odd_application(stream: bytes, place: int) -> bool:
    """Whether a segment is one over which GDCM ends the program: an unknown version of it."""
    name = stream[place + 1 : place + 2] + stream[place + 4 : place + 9]
    if name == JFIF:
        return stream[place + 9 : place + 10] != b"\1"
    if name == ADOBE:
        return stream[place + 15 : place + 16] not in {b"\0", b"\1", b"\2"}
    return False
