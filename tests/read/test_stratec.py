from __future__ import annotations

import struct

import numpy as np
import pytest
from data import real

from enthesis import read
from enthesis.errors import InputError

DEVICE = "[DeviceType XCT3000.TYP]\nXSlope   =  1495.0\nXInter  =  -341\nVoxelSize_A = 0.6885\n"


def stored():
    return np.arange(20, dtype="<i2").reshape(4, 5) * 50 - 20


def slice_file(*, voxel=0.4, device=b"XCT3000.TYP", matrix=(5, 4)):
    header = bytearray(1609)
    struct.pack_into("<d", header, 12, voxel)
    struct.pack_into("<d", header, 318, 350.0)
    header[1050] = len(device)
    header[1051 : 1051 + len(device)] = device
    header[1099:1108] = b"\x08DOE JANE"
    struct.pack_into("<2h", header, 1529, *matrix)
    return bytes(header) + stored().tobytes()


def test_density_comes_from_the_device_file_beside_the_scan(tmp_path):
    (tmp_path / "I0000001.M01").write_bytes(slice_file())
    (tmp_path / "xct3000.typ").write_text(DEVICE)
    image = read.image(tmp_path / "I0000001.M01")
    assert image.quantity == "bmd_ct"
    # mg/cm3 = -341 + 1495 x attenuation, of which one stored step is 0.001 per cm.
    np.testing.assert_allclose(
        image.array[::-1, ::-1, 0].T, -341 + 1.495 * stored(), rtol=1e-6, atol=1e-4
    )  # float32
    assert image.spacing[:2] == (0.4, 0.4)
    assert image.source.facts["object_length_mm"] == 350
    assert "volumes cannot" in image.source.flags[0]
    assert "DOE" not in repr(image.source)


def test_without_the_device_file_values_are_attenuation(tmp_path):
    (tmp_path / "I0000001.m01").write_bytes(slice_file())
    image = read.image(tmp_path / "I0000001.m01")
    assert image.quantity == "linear_attenuation"
    np.testing.assert_allclose(image.array[::-1, ::-1, 0].T, 0.001 * stored(), atol=1e-6)
    assert "XCT3000.TYP does not lie beside the scan" in image.source.flags[-1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (slice_file()[:-1], "is cut short"),
        (slice_file()[:1000], "too short or too long"),
        (slice_file(matrix=(32767, 32767)), "is cut short"),
        (slice_file(matrix=(0, 4)), "no reconstructed Stratec slice"),
        (slice_file(voxel=2e-311), "no reconstructed Stratec slice"),
        (slice_file(device=b"DOE JANE"), "names no Stratec device"),
    ],
)
def test_other_and_damaged_files_are_refused(content, message, tmp_path):
    (tmp_path / "I0000001.m01").write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        read.image(tmp_path / "I0000001.m01")
    assert "DOE" not in str(caught.value)


def test_a_real_scan_of_a_phantom_is_read_and_its_scout_and_raw_scan_refused():
    image = read.image(real("pqct_stratec_fiji/I0025851.m01"))
    # Size and voxel as Fiji's plugin shows them for this file.
    assert image.shape == (655, 655, 1)
    assert image.spacing[:2] == (0.4, 0.4)
    # The phantom's body is like water, some 0.22 per cm at these scanners' energy; air is 0.
    inside = image.array[np.abs(image.array) > 0.1]
    assert 0.2 < np.median(inside) < 0.3
    for name in ("C0025851.m01", "S0025851.m01"):
        with pytest.raises(InputError, match="name the file that begins with I"):
            read.image(real(f"pqct_stratec_fiji/{name}"))
