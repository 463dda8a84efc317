import json

import numpy as np
import pytest
from data import real

from enthesis import cli, read
from enthesis.image import Image


@pytest.fixture
def bars(tmp_path):
    """A cube of plates, 6 of every 20 voxels, of which the file's own spacing is wrong."""
    values = np.zeros((40, 30, 30), dtype=np.int16)
    values[(np.arange(40) - 7) % 20 < 6] = 1
    path = tmp_path / "bars.nii.gz"
    read.write_nifti(Image(array=values, affine=np.eye(4), quantity="signal"), path)
    return path


def test_microarchitecture_writes_four_files_and_prints_the_numbers(bars, tmp_path, capsys):
    output = tmp_path / "out"
    call = ["microarchitecture", str(bars), "-o", str(output), "--threshold", "0.5"]
    assert cli.run([*call, "--voxel-mm", "0.06", "--region", "radius", "--json"]) == 0
    printed = {m["quantity"]: m for m in json.loads(capsys.readouterr().out)["measurements"]}
    assert printed["trabecular_thickness"]["value"] == pytest.approx(0.36)
    assert printed["trabecular_thickness"]["region"] == "radius"
    assert sorted(path.name for path in output.iterdir()) == [
        "measurements.csv",
        "measurements.json",
        "provenance.json",
        "report.html",
    ]
    page = (output / "report.html").read_text()
    assert "Tb.Th, direct" in page
    assert "bars" not in page


def test_a_volume_without_density_wants_a_threshold(bars, tmp_path, capsys):
    assert cli.run(["microarchitecture", str(bars), "-o", str(tmp_path / "out")]) == 2
    assert "no usual threshold of bone; give one" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_pqct_wants_slope_and_intercept_together(tmp_path, capsys):
    scan = real("pqct_stratec_fiji/I0025851.m01")
    call = ["pqct", str(scan), "-o", str(tmp_path / "out")]
    assert cli.run([*call, "--slope", "1495"]) == 2
    assert "belong together" in capsys.readouterr().err
    assert cli.run(call) == 2
    assert "give its slope and intercept" in capsys.readouterr().err
    assert cli.run([*call, "--slope", "1495", "--intercept", "-341"]) == 0
    assert "Polar SSI" in capsys.readouterr().out


def test_pqct_measures_muscle_where_the_scale_is_named(tmp_path, capsys):
    scan = real("pqct_stratec_fiji/I0025851.m01")
    call = ["pqct", str(scan), "-o", str(tmp_path / "out"), "--slope", "1495", "--json"]
    assert cli.run([*call, "--intercept", "-341", "--muscle-scale", "Stratec XCT 3000"]) == 0
    found = {
        m["quantity"]: m
        for m in json.loads(capsys.readouterr().out)["measurements"]
        if m["region"] == "skeletal_muscle"
    }
    assert set(found) == {"area", "muscle_density", "limb_fat"}
    assert "on Stratec XCT 3000" in found["area"]["method"]
