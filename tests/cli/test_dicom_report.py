"""Measurements of a DICOM scan as a DICOM report, and the report as a table again."""

import json

import pandas as pd
import pytest

from enthesis import cli

pytest.importorskip("highdicom")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    where = ["--spacing", "4", "4", "8", "-o", str(folder / "body")]
    assert cli.run(["phantom", *where]) == 0
    return folder


def measured(folder, scan, *more):
    labels = folder / "body" / "phantom_ct_labels.nii.gz"
    scheme = folder / "body" / "phantom_ct_labels_labels.json"
    return ["measure", folder / "body" / scan, labels, "--scheme", scheme, *more]


def test_the_report_holds_every_measurement_and_reads_back_as_the_same_table(enthesis, made):
    out = made / "out"
    code, _, err = enthesis(*measured(made, "phantom_ct_dicom", "--sr", "-o", out))
    assert (code, err) == (0, "")
    assert json.loads((out / "provenance.json").read_text())["options"]["sr"] is True
    code, said, err = enthesis("values", out / "measurements.dcm", "-o", made / "again.csv")
    assert (code, err) == (0, "")
    own, again = pd.read_csv(out / "measurements.csv"), pd.read_csv(made / "again.csv")
    assert f"{len(own)} measurements read" in said
    where = ["quantity", "region", "side", "level", "method"]
    # A report has a group a region: other order, same rows.
    own, again = (
        table.assign(**{name: table[name].astype(str) for name in where})
        .sort_values(where, kind="stable")
        .reset_index(drop=True)
        for table in (own, again)
    )
    pd.testing.assert_frame_equal(
        own[[*where, "value", "unit"]], again[[*where, "value", "unit"]], check_exact=True
    )


def test_a_report_of_a_nifti_scan_is_refused_before_anything_is_measured(enthesis, made):
    out = made / "none"
    code, _, err = enthesis(*measured(made, "phantom_ct.nii.gz", "--sr", "-o", out))
    assert code == 2
    assert "'phantom_ct.nii.gz' is NIfTI" in err
    assert not out.exists()


def test_a_dicom_file_without_measurements_leaves_no_table(enthesis, made):
    slice_ = next((made / "body" / "phantom_ct_dicom").iterdir())
    code, _, err = enthesis("values", slice_, "-o", made / "slice.csv")
    assert code == 2
    assert "is DICOM of modality 'CT', not SR" in err
    assert not (made / "slice.csv").exists()
