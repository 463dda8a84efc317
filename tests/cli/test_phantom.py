import json

import numpy as np
import pandas as pd
import pytest

from enthesis import cli, read

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
