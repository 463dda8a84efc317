from __future__ import annotations

import struct

import numpy as np
import pytest
from data import real

from enthesis import read
from enthesis.errors import InputError

SHAPE = (5, 4, 3)
"""Voxels along x, y, z."""


def voxels():
    return np.arange(60, dtype="<i2").reshape(SHAPE[::-1]) * 100


def isq(*, kind=3, mu_scaling=8192, calibration=True, unit=b"mg HA/ccm"):
    blocks = 5 if calibration else 0
    header = bytearray((blocks + 1) * 512)
    header[:16] = b"CTDATA-HEADER_V1"
    struct.pack_into("<i", header, 16, kind)
    struct.pack_into("<3i", header, 44, *SHAPE)
    struct.pack_into("<3i", header, 56, *(61 * n for n in SHAPE))
    struct.pack_into("<i", header, 88, mu_scaling)
    header[128:140] = b"DOE JANE    "
    struct.pack_into("<2i", header, 168, 68000, 1470)
    struct.pack_into("<i", header, 508, blocks)
    if calibration:
        header[520:536] = b"MultiHeader     "
        header[1032:1048] = b"Calibration     "
        struct.pack_into("<i", header, 1048, 3)
        # The part named first lies behind the table's own block.
        part = 3 * 512
        header[part + 648 : part + 648 + len(unit)] = unit
        struct.pack_into("<2d", header, part + 664, 1600.0, -390.0)
    return bytes(header) + voxels().tobytes()


def vax(value):
    low, high = struct.unpack("<2H", struct.pack("<f", value * 4))
    return struct.pack("<2H", high, low)


def aim(*, kind=0x00020002, body=None, log=None, wide=False):
    number = "<q" if wide else "<i"
    text = (log or LOG).encode()
    body = voxels().tobytes() if body is None else body
    place = [2, 3, 4, *SHAPE, *[0] * 15]
    structure = bytes(20) + struct.pack("<i", kind)
    structure += b"".join(struct.pack(number, n) for n in place)
    structure += vax(0.061) * 3
    structure += bytes((140 - len(structure)) if not wide else 0)
    sizes = [20 if not wide else 40, len(structure), len(text), len(body), 0]
    before = b"".join(struct.pack(number, n) for n in sizes)
    return (b"AIMDATA_V030   \0" if wide else b"") + before + structure + text + body


LOG = """! Processing Log
Patient Name                  DOE JANE
Energy [V]                                      68000
Mu_Scaling                                       8192
Density: unit                 mg HA/ccm
Density: slope                         1600.00000
Density: intercept                     -390.00000
"""


@pytest.mark.parametrize(
    ("name", "content"), [("a.isq", isq()), ("a.AIM", aim()), ("b.aim", aim(wide=True))]
)
def test_native_values_become_density_by_the_scanners_own_calibration(name, content, tmp_path):
    (tmp_path / name).write_bytes(content)
    image = read.image(tmp_path / name)
    assert image.quantity == "bmd_ct"
    # density = slope x native / mu scaling + intercept.
    expected = voxels() / 8192 * 1600 - 390
    np.testing.assert_allclose(image.array[::-1, ::-1].T, expected, rtol=1e-6)  # float32
    assert image.spacing == pytest.approx((0.061,) * 3, rel=1e-6)  # VAX single precision
    assert image.source.facts["kvp"] == 68
    assert "DOE" not in repr(image.source)


def test_without_a_calibration_values_are_attenuation_or_as_stored(tmp_path):
    path = tmp_path / "a.isq"
    for content, quantity, factor in (
        (isq(calibration=False), "linear_attenuation", 1 / 8192),
        (isq(unit=b"HU"), "linear_attenuation", 1 / 8192),
        (isq(calibration=False, mu_scaling=1), "signal", 1),
    ):
        path.write_bytes(content)
        image = read.image(path)
        assert image.quantity == quantity
        np.testing.assert_allclose(image.array[::-1, ::-1].T, voxels() * factor, rtol=1e-6)
        assert "values are no BMD" in image.source.flags[-1]


def test_an_aim_file_keeps_its_place_in_the_scan_that_it_was_cut_from(tmp_path):
    (tmp_path / "a.aim").write_bytes(aim())
    # Offsets of 2, 3, 4 voxels, towards the left, the back and the head; RAS+ counts the last
    # voxel along x and y as the first.
    corner = read.image(tmp_path / "a.aim").affine[:3, 3]
    assert corner == pytest.approx([-(2 + 4) * 0.061, -(3 + 3) * 0.061, 4 * 0.061], rel=1e-6)


def test_run_lengths_of_two_values_and_of_bytes_are_unrolled(tmp_path):
    path = tmp_path / "a.aim"
    log = "Mu_Scaling  1\n"
    # 20 voxels of 0, 25 of 127, 15 of 0.
    runs = bytes([0, 127, 20, 25, 15])
    path.write_bytes(aim(kind=0x00150001, body=struct.pack("<i", len(runs) + 4) + runs, log=log))
    mask = read.image(path).array[::-1, ::-1].T.ravel()
    assert mask.tolist() == [0] * 20 + [127] * 25 + [0] * 15
    pairs = bytes([20, 3, 40, 5])
    path.write_bytes(aim(kind=0x00080002, body=struct.pack("<i", len(pairs) + 4) + pairs, log=log))
    assert read.image(path).array[::-1, ::-1].T.ravel().tolist() == [3] * 20 + [5] * 40


def test_a_run_of_255_goes_on_with_the_same_value():
    from enthesis.read.scanco import _binary

    found = _binary(np.array([0, 1, 255, 10, 6], dtype=np.uint8))
    assert found.tolist() == [0] * 264 + [1] * 6


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (isq()[:-1], "is cut short"),
        (isq()[:100], "is cut short"),
        (isq(kind=9), "projections and no volume"),
        (aim()[:-1], "is cut short"),
        (aim(kind=0x00120003), "in a way that is not read"),
        (bytes(4096), "neither ISQ nor AIM"),
        (aim(kind=0x00150001, body=struct.pack("<i", 7) + b"\0\1\5"), "is cut short"),
    ],
)
def test_other_and_damaged_files_are_refused(content, message, tmp_path):
    (tmp_path / "a.aim").write_bytes(content)
    with pytest.raises(InputError, match=message):
        read.image(tmp_path / "a.aim")


def test_real_files_hold_what_the_other_formats_of_the_same_scan_hold():
    scan = read.image(real("ormir_xct/test_nii.nii"))
    for name in ("test_isq.ISQ", "test_aim.AIM"):
        image = read.image(real(f"ormir_xct/{name}"))
        np.testing.assert_array_equal(image.array, scan.array)
        # The other formats round the voxel of 60.68 um to 60.7 um.
        np.testing.assert_allclose(image.spacing, 0.06068, rtol=1e-5)
        assert image.quantity == "signal"
