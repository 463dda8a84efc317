import json

import numpy as np
import pytest

from enthesis import read
from enthesis.errors import InputError
from enthesis.image import Echoes


def echoes(*, magnitudes=False):
    rng = np.random.default_rng(7)
    parts = rng.standard_normal((2, 3, 4, 5, 3)).astype(np.float32)
    array = parts[0] + 1j * parts[1]
    return Echoes(
        array=np.abs(array) if magnitudes else array,
        affine=np.diag([1.5, 2.0, 4.0, 1.0]),
        echo_times=np.array([0.0012, 0.0023, 0.0034]),
        field_strength=1.5,
    )


def test_echoes_written_and_read_are_the_same(tmp_path):
    wanted = echoes()
    files = read.write_echoes(wanted, tmp_path / "spine.nii.gz")
    found = read.echoes(files)
    # Magnitude and phase of float32.
    np.testing.assert_allclose(found.array, wanted.array, atol=1e-5)
    np.testing.assert_allclose(found.affine, wanted.affine, atol=1e-5)
    assert found.echo_times == pytest.approx(wanted.echo_times)
    assert found.field_strength == 1.5
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "spine_part-mag.json",
        "spine_part-mag.nii.gz",
        "spine_part-phase.json",
        "spine_part-phase.nii.gz",
    ]


def test_magnitudes_are_written_without_a_phase(tmp_path):
    files = read.write_echoes(echoes(magnitudes=True), tmp_path / "spine.nii")
    assert [file.name for file in files] == ["spine_part-mag.nii"]
    said = json.loads((tmp_path / "spine_part-mag.json").read_text())
    assert said["EchoTime"] == [0.0012, 0.0023, 0.0034]


def test_another_ending_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"'spine.dcm' is to end in .nii"):
        read.write_echoes(echoes(), tmp_path / "spine.dcm")
