import json

import pandas as pd
import pytest

from enthesis import cli, read


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The folder of one demonstration."""
    output = tmp_path_factory.mktemp("demo") / "out"
    assert cli.run(["demo", "-o", str(output)]) == 0
    return output


def test_measured_lies_beside_true(shown):
    table = pd.read_csv(shown / "measured_beside_true.csv")
    area = table[(table["quantity"] == "area") & (table["true"] > 400)]
    assert len(area) > 40
    # The slice nearest to mid-body lies up to 1.5 mm off it; areas change 1 to 2.5% per mm, and up
    # to 4.5% where a muscle begins or ends.
    assert abs(area["difference_percent"].mean()) < 0.5
    assert area["difference_percent"].abs().mean() < 1.5
    assert area["difference_percent"].abs().max() < 5
    trabecular = table[table["quantity"] == "trabecular_attenuation"]
    # Texture of 25 HU averaged over some 1,500 independent voxels, and beam noise.
    assert trabecular["difference"].abs().max() < 3
    fat = table[table["quantity"] == "fat_infiltration"]
    # Windows count a voxel as fat or muscle, where the truth counts its share.
    assert fat["difference"].abs().max() < 4


def test_left_is_larger_than_right_as_the_body_was_made(shown):
    table = pd.read_csv(shown / "measured_beside_true.csv")
    table = table[(table["quantity"] == "area") & (table["slices"] == "mid-body")]
    sides = table.pivot_table(index=["region", "level"], columns="side", values="measured")
    assert (sides["left"] > sides["right"]).all()


def test_the_scan_it_writes_is_the_scan_it_measured(enthesis, shown, tmp_path):
    code, _, _ = enthesis(
        "measure",
        shown / "phantom_ct.nii.gz",
        shown / "phantom_labels.nii.gz",
        "--scheme",
        shown / "phantom_labels_labels.json",
        "-o",
        tmp_path / "again",
    )
    assert code == 0
    first = pd.read_csv(shown / "measurements.csv").drop(columns=["subject"])
    again = pd.read_csv(tmp_path / "again" / "measurements.csv").drop(columns=["subject"])
    # The affine is stored as float32.
    pd.testing.assert_frame_equal(first, again, rtol=1e-5)


def test_fourteen_studies_and_a_hundred_and_twenty_five_effects_are_pooled(shown):
    effects = pd.concat(pd.read_csv(shown / f"{name}_effects.csv") for name in ("csa", "fi"))
    assert (len(effects), effects["study"].nunique()) == (125, 14)
    assert set(effects["data"]) == {"simulated"}
    pooled = json.loads((shown / "fi_pooled.json").read_text())
    reml = {
        (row["muscle"], row["comparison"]): row["estimate"]
        for row in pooled["pooled"]
        if row["method"] == "DL"
    }
    # Shaped by the published 1.31 (0.86 to 1.76).
    assert reml["multifidus", "OP vs Control"] == pytest.approx(1.31, abs=0.2)


def test_the_report_says_that_it_is_simulated_and_stands_alone(shown):
    text = (shown / "report.html").read_text()
    assert "Simulated: a digital body and simulated studies" in text
    assert 'src="http' not in text and 'href="http' not in text


def test_the_labels_carry_every_compartment(shown):
    labels = read.labels(shown / "phantom_labels.nii.gz", shown / "phantom_labels_labels.json")
    wanted = {
        f"{muscle}_{side}"
        for muscle in ("multifidus", "erector_spinae", "psoas_major", "quadratus_lumborum")
        for side in ("left", "right")
    } | {f"vertebral_body_L{n}" for n in range(1, 6)}
    assert wanted <= set(labels.names.values())
