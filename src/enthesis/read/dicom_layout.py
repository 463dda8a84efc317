"""How the pixels of a DICOM file are stored, and whether it can be unfolded safely."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO

from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from enthesis.errors import InputError
from enthesis.read.dicom_elements import text, whole

LOSSY_SYNTAXES = frozenset(
    {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
)
"""JPEG baseline and extended, near-lossless JPEG-LS."""

PIXELS = {
    b"\xe0\x7f\x10\x00": "integer",
    b"\xe0\x7f\x08\x00": "float",
    b"\xe0\x7f\x09\x00": "double",
}
"""First bytes of the element that holds pixels, little endian, and their kind."""

DEFLATED = b"1.2.840.10008.1.2.1.99"
"""Transfer syntax of files that are compressed as a whole."""

INFLATED_RATIO, INFLATED_BYTES = 50, 1 << 26
"""How many times its size, and how many bytes, such a file may unfold to; slices reach 10 times."""

BEGINNING, BLOCK = 1024, 1 << 20
"""Bytes in which the transfer syntax stands, and bytes unfolded at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pixels:
    """How the pixels of a file are stored.

    Parameters
    ----------
    kind : "integer", "float", "double", or "" where there are none
    offset : of the first pixel's byte in the file, where they lie there as they are; else None
    bits, stored, high, signed : bits allocated and stored, the highest bit, two's complement
    samples, photometric : 1 and MONOCHROME2 for numbers; 3 for colours
    little_endian : order of the bytes
    compression : name of the transfer syntax, "none" for one that does not compress
    deflated : whether the whole file is compressed, and not its pixels
    lossy : whether the pixels were ever compressed with loss
    """

    kind: str
    offset: int | None
    bits: int
    stored: int
    high: int
    signed: bool
    samples: int
    photometric: str
    little_endian: bool
    compression: str
    deflated: bool
    lossy: bool


def check_inflated(file: IO[bytes], start: bytes) -> None:
    """Pass if a file that is compressed as a whole does not unfold to more than is believable."""
    # The first element says how long the part is that is not compressed.
    file.seek(144 + struct.unpack_from("<I", start, 140)[0])
    inflater, total = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while not inflater.eof and (content := inflater.unconsumed_tail or file.read(BLOCK)):
        total += len(inflater.decompress(content, BLOCK))
        if total > max(INFLATED_RATIO * file.tell(), INFLATED_BYTES):
            raise InputError(
                f"a deflated DICOM file of {file.tell()} bytes unfolds to more than {total}; it is "
                "damaged"
            )


def pixel_layout(dataset: Dataset, file: IO[bytes]) -> Pixels:
    """How the pixels are stored.

    Parameters
    ----------
    dataset : the header
    file : where reading the header stopped: the pixels begin there, or it ends if there are none
    """
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    deflated = syntax == DeflatedExplicitVRLittleEndian
    little = not syntax or syntax.is_little_endian
    start = file.tell()
    beginning = file.read(12)
    key = beginning[:4] if little else beginning[1::-1] + beginning[3:1:-1]
    kind = "integer" if deflated else PIXELS.get(key, "")
    offset = None
    if not deflated and not syntax.is_encapsulated:
        offset = start + (8 if syntax.is_implicit_VR else 12)
    bits = whole(dataset, "BitsAllocated") or 16
    stored = whole(dataset, "BitsStored") or bits
    high = whole(dataset, "HighBit")
    return Pixels(
        kind=kind,
        offset=offset,
        bits=bits,
        stored=stored,
        high=stored - 1 if high is None else high,
        signed=whole(dataset, "PixelRepresentation") == 1,
        samples=whole(dataset, "SamplesPerPixel") or 1,
        photometric=text(dataset, "PhotometricInterpretation"),
        little_endian=little,
        compression=syntax.name if syntax.is_compressed else "none",
        deflated=deflated,
        lossy=syntax in LOSSY_SYNTAXES or text(dataset, "LossyImageCompression") == "01",
    )
