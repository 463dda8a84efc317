"""Every compressed transfer syntax, written by GDCM or pydicom and read back."""

from __future__ import annotations

import io
import struct
import tracemalloc

import gdcm
import numpy as np
import pytest
from dicom_series import axial_series, compress, save, stored_pixels
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from enthesis import read
from enthesis.errors import InputError
from enthesis.read.codestreams import Claims, stream_claims

LOSSLESS = (
    "JPEG2000Lossless",
    "JPEGLSLossless",
    "JPEGLosslessProcess14",
    "JPEGLosslessProcess14_1",
    "RLELossless",
)


def smooth_series(count=3):
    rng = np.random.default_rng(4)
    steps = rng.integers(-20, 21, (count, 24, 20)).cumsum(1).cumsum(2)
    return axial_series((steps % 3000).astype(np.uint16))


@pytest.mark.parametrize("name", LOSSLESS)
def test_what_was_compressed_without_loss_comes_back_exactly(name, tmp_path):
    plain = read.image(save(tmp_path / "plain", smooth_series()))
    for path in save(tmp_path / "packed", smooth_series()).iterdir():
        compress(path, getattr(gdcm.TransferSyntax, name))
    packed = read.image(tmp_path / "packed")
    np.testing.assert_array_equal(packed.array, plain.array)
    np.testing.assert_array_equal(packed.affine, plain.affine)
    assert packed.source.facts["compression"] != "none"


def test_what_was_compressed_with_loss_is_flagged(tmp_path):
    for path in save(tmp_path, smooth_series()).iterdir():
        compress(path, gdcm.TransferSyntax.JPEGLSNearLossless)
    assert "compressed with loss" in read.image(tmp_path).source.flags[-1]


def test_a_baseline_jpeg_of_eight_bits_is_read(tmp_path):
    ramp = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (16, 1))
    stream = io.BytesIO()
    Image.fromarray(ramp).save(stream, "JPEG", quality=100)
    (dataset,) = axial_series(ramp[None].astype(np.uint16), RescaleIntercept=0)
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = encapsulate([stream.getvalue()])
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    image = read.image(save(tmp_path, [dataset]))
    # Baseline JPEG rounds in its transform, at quality 100 by a grey level or two.
    np.testing.assert_allclose(image.array[::-1, ::-1, 0].T, ramp, atol=2)
    assert "compressed with loss" in image.source.flags[-1]


def jpeg_2000(rows, columns, *, bits=16):
    """Header of a stream of one component."""
    sizes = (columns, rows, 0, 0, columns, rows, 0, 0)
    return (
        b"\xff\x4f\xff\x51" + struct.pack(">HH8IH3B", 41, 0, *sizes, 1, bits - 1, 1, 1) + bytes(9)
    )


def jpeg(rows, columns, *, frame=0xC3, samples=1, before=b"", scan=b"\xda\0\x08\1\1\0\1\0\0"):
    """Header of a stream up to its scan."""
    table = b"\xff\xdb" + struct.pack(">H", 4) + b"\0\0"
    length = 8 + 3 * samples
    size = struct.pack(">BBHBHHB", 0xFF, frame, length, 16, rows, columns, samples)
    return b"\xff\xd8" + before + table + size + bytes(3 * samples) + b"\xff" + scan


def jfif(version):
    return b"\xff\xe0" + struct.pack(">H", 9) + b"JFIF\0" + bytes([version, 1])


def test_what_a_stream_claims_is_read_from_its_header():
    whole = Claims(rows=480, columns=640, samples=1, bits=16)
    assert stream_claims(jpeg_2000(480, 640)) == whole
    assert stream_claims(jpeg(480, 640)) == whole
    assert stream_claims(jpeg(480, 640, frame=0xF7)) == whole
    assert stream_claims(jpeg(480, 640, before=jfif(1))) == whole


@pytest.mark.parametrize(
    "stream",
    [
        bytes(64),
        b"\xff\xd8",
        jpeg_2000(4, 5)[:30],
        jpeg(4, 5)[:-10],
        jpeg(4, 5, scan=b"\xd9"),
        jpeg(4, 5, frame=0xC4),
        # An unknown version of the segments that programs add ends GDCM and the program with it.
        jpeg(4, 5, before=jfif(0xBE)),
        jpeg(4, 5, before=b"\xff\xee" + struct.pack(">H", 14) + b"Adobe" + bytes(6) + b"\x07"),
        # A marker without its first byte does so too.
        jpeg(4, 5, before=b"\xdf" + jfif(1)[1:]),
    ],
)
def test_a_damaged_header_claims_nothing_and_reaches_no_decoder(stream, tmp_path):
    assert stream_claims(stream) is None
    (dataset,) = axial_series(stored_pixels(1))
    dataset.file_meta.TransferSyntaxUID = JPEGLosslessSV1
    dataset.PixelData = encapsulate([stream])
    with pytest.raises(InputError, match="the stream's header is damaged"):
        read.image(save(tmp_path, [dataset]))


@pytest.mark.parametrize(
    ("syntax", "stream"),
    [
        (JPEG2000Lossless, jpeg_2000(65535, 65535)),
        (JPEGLSLossless, jpeg(65535, 65535, frame=0xF7)),
    ],
)
def test_a_stream_larger_than_its_header_says_is_refused_before_it_is_decoded(
    syntax, stream, tmp_path
):
    (dataset,) = axial_series(stored_pixels(1))
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.PixelData = encapsulate([stream])
    with pytest.raises(InputError, match="are 65535 x 65535 where its header has 4 rows of 5"):
        read.image(save(tmp_path, [dataset]))


@pytest.mark.parametrize("packed", [False, True])
def test_claims_of_a_header_take_no_memory(packed, tmp_path):
    (dataset,) = axial_series(stored_pixels(1))
    if packed:
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(60)])
    path = save(tmp_path, [dataset]) / "IM000"
    for rows, columns, frames in ((65535, 65535, 1000), (8192, 8192, 1000), (512, 512, 10**9)):
        dataset.Rows, dataset.Columns, dataset.NumberOfFrames = rows, columns, frames
        dataset.save_as(path, enforce_file_format=True)
        tracemalloc.start()
        with pytest.raises(InputError):
            read.image(path)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert most < 20e6


def test_a_damaged_compressed_file_is_refused_and_never_crashes(tmp_path):
    rng = np.random.default_rng(0)
    for name in LOSSLESS:
        path = save(tmp_path, smooth_series(1)) / "IM000"
        compress(path, getattr(gdcm.TransferSyntax, name))
        whole = path.read_bytes()
        for _ in range(20):
            broken = bytearray(whole)
            start = len(whole) - 300
            broken[start + int(rng.integers(0, 250))] ^= 1 << int(rng.integers(0, 8))
            path.write_bytes(broken[: int(rng.integers(start, len(whole)))])
            try:
                image = read.image(path)
            except InputError:
                continue
            # A decoder may patch what is lost; then it is still a picture of the right size.
            assert image.shape == (20, 24, 1)
