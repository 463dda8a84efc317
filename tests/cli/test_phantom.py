import json

import numpy as np
import pandas as pd
import pydicom
import pytest

from enthesis import cli, read
from enthesis.errors import InputError

COARSE = ["--spacing", "6", "6", "8"]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    output = tmp_path_factory.mktemp("phantom") / "out"
    assert cli.run(["phantom", "--modality", "dixon,t2", *COARSE, "-o", str(output)]) == 0
    return output


def test_truth_lies_beside_the_scans(made):
    truth = pd.read_csv(made / "truth.csv")
    assert {"area", "fat_fraction", "trabecular_attenuation", "volume"} <= set(truth["quantity"])
    assert (truth["subject"] == "phantom").all()
    assert json.loads((made / "provenance.json").read_text())["options"]["seed"] == 7


def test_echoes_are_read_back_with_times_field_and_phase(made):
    files = [made / f"phantom_dixon_part-{part}.nii.gz" for part in ("mag", "phase")]
    echoes = read.echoes(files)
    assert np.iscomplexobj(echoes.array)
    assert echoes.field_strength == 3
    assert echoes.echo_times == pytest.approx(0.0012 + 0.001 * np.arange(6))
    labels = read.labels(
        made / "phantom_dixon_labels.nii.gz", made / "phantom_dixon_labels_labels.json"
    )
    assert labels.shape == echoes.shape
    assert labels.affine == pytest.approx(echoes.affine)


def test_every_scan_lies_there_as_dicom_too_and_is_the_same(made):
    t2 = read.image(made / "phantom_t2.nii.gz", quantity="signal")
    back = read.image(made / "phantom_t2_dicom")
    half_a_step = 0.501 * np.ptp(t2.array) / 65535
    assert np.abs(back.array - t2.array).max() <= half_a_step
    assert back.affine == pytest.approx(t2.affine)
    files = [made / f"phantom_dixon_part-{part}.nii.gz" for part in ("mag", "phase")]
    nifti, dicom = read.echoes(files), read.echoes(made / "phantom_dixon_dicom")
    # Sixteen bits of each part on one side, magnitude and phase as float32 on the other.
    assert np.abs(nifti.array - dicom.array).max() <= 1e-4 * np.abs(nifti.array).max()
    assert dicom.echo_times == pytest.approx(nifti.echo_times)
    assert {each.modality for each in read.series(made)} == {"MR"}


def test_every_scan_has_its_labels(made):
    for name in ("phantom_dixon", "phantom_t2"):
        assert (made / f"{name}_labels.nii.gz").is_file()
    assert (made / "phantom_t2.nii.gz").is_file()


def test_a_cohort_is_a_table_unless_scans_are_asked_for(enthesis, tmp_path):
    code, out, _ = enthesis("phantom", "--subjects", 9, "-o", tmp_path / "out")
    assert code == 0
    assert "Simulated: nothing here is of a patient." in out
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "provenance.json",
        "subjects.csv",
    ]
    table = pd.read_csv(tmp_path / "out" / "subjects.csv")
    assert table["group"].value_counts().to_dict() == {
        "osteoporosis": 3,
        "osteopenia": 3,
        "control": 3,
    }


def test_a_body_of_ones_own_is_made_and_scanned_as_its_file_says(enthesis, tmp_path):
    told = tmp_path / "body.toml"
    told.write_text(
        """
rods = "CaHA"
contrast_hu = 150
trabecular_hu = [90, 85, 80, 75, 70]
cortical_mm = [1, 1, 1.1, 1.2, 1.3]

[multifidus]
area_mm2 = [250, 330, 470, 700, 880]
fat_percent = 40
pattern = "lamellar"

[[fractures]]
level = "L2"
shape = "wedge"
loss_percent = 30

[ct]
kvp = 100
tilt_deg = 10
slice_thickness_mm = 5
"""
    )
    out = tmp_path / "out"
    code, _, err = enthesis("phantom", "--body", told, *COARSE, "-o", out)
    assert (code, err) == (0, "")
    header = pydicom.dcmread(out / "phantom_ct_dicom" / "IM00001.dcm")
    assert (header.KVP, header.SliceThickness) == (100, 5)
    assert header.ContrastBolusAgent
    truth = pd.read_csv(out / "truth.csv")
    ahead = truth[truth["quantity"] == "height_anterior"].set_index("level")["value"]
    assert ahead["L2"] < 0.8 * ahead["L1"]
    code, _, err = enthesis("series", out / "phantom_ct_dicom")
    assert code == 0
    with pytest.raises(InputError, match=r"gantry tilt of 10\.0 degrees"):
        read.image(out / "phantom_ct_dicom")
    record = json.loads((out / "provenance.json").read_text())
    assert record["options"]["body"]["ct"]["kvp"] == 100


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sizes = 1", "unknown key 'sizes'; known are: multifidus"),
        ("size = 'big'", "body.toml: size is a number, got 'big'"),
        ("size = 3", "size is in shares of the usual and between 0.8 and 1.25, got 3"),
        ("n_lumbar = 5.5", "n_lumbar is a whole number, got 5.5"),
        ("trabecular_hu = [100]", "wants five values, L1 to L5, got 1"),
        ("screws = 'L4'", "screws is a list, got 'L4'"),
        ("multifidus = 3", "multifidus is a table, got 3"),
        ("[multifidus]\nfat_percent = 9", "incomplete; missing is one of: area_mm2"),
        ("[ct]\nrng = 3", "[ct]: unknown key 'rng'; known are: slice_thickness_mm, kvp"),
        ("[dixon]\nsnr = 30", "has a table [dixon], and no such scan is made"),
        ("size 3", "body.toml is no TOML"),
    ],
)
def test_a_file_that_says_something_else_is_refused_by_its_key(enthesis, tmp_path, text, message):
    told = tmp_path / "body.toml"
    told.write_text(text)
    code, _, err = enthesis("phantom", "--body", told, "-o", tmp_path / "out")
    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()


def test_random_bodies_are_drawn_by_the_seed_each_unlike_the_others(enthesis, tmp_path):
    told = tmp_path / "scan.toml"
    told.write_text("[ct]\nkernel = 'soft'\n")
    call = ["phantom", "--random", "--subjects", 2, *COARSE, "--body", told]
    for name in ("one", "two"):
        assert enthesis(*call, "-o", tmp_path / name)[0] == 0
    truths = [(tmp_path / name / "truth.csv").read_bytes() for name in ("one", "two")]
    assert truths[0] == truths[1]
    assert not (tmp_path / "one" / "subjects.csv").exists()
    table = pd.read_csv(tmp_path / "one" / "truth.csv")
    first, second = (part["value"].to_numpy()[:8] for _, part in table.groupby("subject"))
    assert set(table["subject"]) == {"R001", "R002"}
    assert (first != second).all()
    told.write_text("size = 1.1")
    code, _, err = enthesis(*call, "-o", tmp_path / "three")
    assert code == 2
    assert "bodies are drawn, so scan.toml can only say how they are scanned" in err


def test_json_is_one_document(enthesis, tmp_path):
    code, out, _ = enthesis("phantom", "--subjects", 3, "--json", "-o", tmp_path / "out")
    assert code == 0
    assert [row["subject"] for row in json.loads(out)["subjects"]] == ["S001", "S002", "S003"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--modality", "pet"], "no modality 'pet'; choose from ct, dixon, t1, t2"),
        (["--modality", ""], "no modality given"),
        (["--subjects", "2"], "at least 3 subjects"),
    ],
)
def test_unusable_calls_end_with_2_and_leave_nothing(enthesis, tmp_path, arguments, message):
    code, _, err = enthesis("phantom", *arguments, "-o", tmp_path / "out")
    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()
