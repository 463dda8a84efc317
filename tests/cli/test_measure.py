import gzip
import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from dicom_series import axial_series, save, stored_pixels

from enthesis import phantom, read
from enthesis.phantom import LumbarBody
from enthesis.records import LONG_COLUMNS


def test_measure_writes_tables_report_and_provenance(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    output = tmp_path / "out"
    code, out, err = enthesis("measure", image, labels, "--scheme", scheme, "-o", output)
    assert (code, err) == (0, "")
    assert "Psoas major" in out and "osteoporosis possible" in out.lower()
    assert sorted(path.name for path in output.iterdir()) == [
        "measurements.csv",
        "measurements.json",
        "provenance.json",
        "report.html",
    ]
    table = pd.read_csv(output / "measurements.csv")
    assert tuple(table.columns) == LONG_COLUMNS
    trabecular = table[table["quantity"] == "trabecular_attenuation"]
    assert trabecular["value"].tolist() == [140]


def test_json_on_standard_output_is_one_document(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    code, out, _ = enthesis(
        "measure", image, labels, "--scheme", scheme, "-o", tmp_path / "out", "--json"
    )
    document = json.loads(out)
    assert code == 0
    assert document == json.loads((tmp_path / "out" / "measurements.json").read_text())
    assert {m["unit"] for m in document["measurements"]} == {"mm2", "mm3", "mm", "HU", "%", ""}


def test_names_of_files_and_folders_stay_out_of_every_output(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    named = image.with_name("Jane_Doe_1950.nii.gz")
    image.rename(named)
    output = tmp_path / "out"
    enthesis("measure", named, labels, "--scheme", scheme, "-o", output)
    for path in output.iterdir():
        text = path.read_text()
        assert "Jane_Doe" not in text
        assert str(tmp_path) not in text


def test_running_again_replaces_the_results(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    output = tmp_path / "out"
    for subject in ("one", "two"):
        enthesis("measure", image, labels, "--scheme", scheme, "-o", output, "--subject", subject)
    assert set(pd.read_csv(output / "measurements.csv")["subject"]) == {"two"}
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_the_report_opens_offline_and_marks_left_and_right(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    enthesis("measure", image, labels, "--scheme", scheme, "-o", tmp_path / "out")
    text = (tmp_path / "out" / "report.html").read_text()
    assert 'src="data:' in text
    assert 'src="http' not in text and 'href="http' not in text
    assert "the patient&#39;s left is on the right" in text


def text_named_nifti(tmp_path, image, labels):
    path = tmp_path / "text.nii.gz"
    path.write_text("this is no scan")
    return path, labels


def truncated_gzip(tmp_path, image, labels):
    path = tmp_path / "cut.nii.gz"
    path.write_bytes(image.read_bytes()[: image.stat().st_size // 2])
    return path, labels


def no_such_file(tmp_path, image, labels):
    return tmp_path / "missing.nii.gz", labels


def empty_folder(tmp_path, image, labels):
    path = tmp_path / "empty"
    path.mkdir()
    return path, labels


def labels_on_another_grid(tmp_path, image, labels):
    stored = nib.load(labels)
    path = tmp_path / "moved.nii.gz"
    nib.save(nib.Nifti1Image(np.asanyarray(stored.dataobj)[1:], stored.affine), path)
    return image, path


def labels_moved(tmp_path, image, labels):
    stored = nib.load(labels)
    affine = stored.affine.copy()
    affine[0, 3] += 2
    path = tmp_path / "moved.nii.gz"
    nib.save(nib.Nifti1Image(np.asanyarray(stored.dataobj), affine), path)
    return image, path


def unknown_label(tmp_path, image, labels):
    stored = nib.load(labels)
    array = np.asanyarray(stored.dataobj).copy()
    array[0, 0, 0] = 77
    path = tmp_path / "unknown.nii.gz"
    nib.save(nib.Nifti1Image(array, stored.affine), path)
    return image, path


def two_series(tmp_path, image, labels):
    folder = tmp_path / "two"
    folder.mkdir()
    save(folder, axial_series(stored_pixels(4)), prefix="A")
    save(folder, axial_series(stored_pixels(4), series="1.2.3.99"), prefix="B")
    return folder, labels


def dicom_without_pixels(tmp_path, image, labels):
    folder = tmp_path / "report"
    folder.mkdir()
    slices = axial_series(stored_pixels(4))
    for one in slices:
        del one.PixelData
    save(folder, slices)
    return folder, labels


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (text_named_nifti, "text.nii.gz"),
        (truncated_gzip, "cut.nii.gz"),
        (no_such_file, "missing.nii.gz"),
        (empty_folder, "empty"),
        (labels_on_another_grid, "59 x 40 x 40 voxels, the image 60 x 40 x 40"),
        (labels_moved, "mm apart"),
        (unknown_label, "77"),
        (two_series, "series"),
        (dicom_without_pixels, "pixel data"),
    ],
)
def test_bad_input_is_answered_by_one_sentence_and_nothing_is_written(
    enthesis, scan_files, tmp_path, spoil, message
):
    image, labels, scheme = scan_files
    image, labels = spoil(tmp_path, image, labels)
    output = tmp_path / "out"
    code, out, err = enthesis("measure", image, labels, "--scheme", scheme, "-o", output)
    assert code == 2
    assert out == ""
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert "Traceback" not in err
    assert not output.exists()


def test_an_output_that_is_a_file_is_refused(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    taken = tmp_path / "taken"
    taken.write_text("mine")
    code, _, err = enthesis("measure", image, labels, "--scheme", scheme, "-o", taken)
    assert code == 2
    assert "is a file; name a folder instead" in err
    assert taken.read_text() == "mine"


def test_an_output_file_that_cannot_be_replaced_leaves_the_older_results(
    enthesis, scan_files, tmp_path
):
    image, labels, scheme = scan_files
    output = tmp_path / "out"
    (output / "report.html").mkdir(parents=True)
    (output / "measurements.csv").write_text("older")
    code, _, err = enthesis("measure", image, labels, "--scheme", scheme, "-o", output)
    assert code == 2
    assert "is a folder; name another output" in err
    assert (output / "measurements.csv").read_text() == "older"
    assert sorted(path.name for path in tmp_path.iterdir() if path.name.startswith(".")) == []


def test_an_impossible_height_is_refused(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    code, _, err = enthesis(
        "measure", image, labels, "--scheme", scheme, "-o", tmp_path / "out", "--height-m", 170
    )
    assert code == 2
    assert "height_m is in m and between 0.3 and 2.8, got 170" in err


def test_a_call_without_output_is_unusable(enthesis, scan_files):
    image, labels, scheme = scan_files
    code, _, err = enthesis("measure", image, labels, "--scheme", scheme)
    assert code == 2
    assert "output" in err.lower()


def test_uncompressed_and_compressed_nifti_measure_the_same(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    plain = tmp_path / "ct.nii"
    plain.write_bytes(gzip.decompress(image.read_bytes()))
    for path, output in ((image, "a"), (plain, "b")):
        enthesis("measure", path, labels, "--scheme", scheme, "-o", tmp_path / output)
    tables = [pd.read_csv(tmp_path / name / "measurements.csv") for name in ("a", "b")]
    pd.testing.assert_frame_equal(*tables)


def test_a_scan_with_rods_is_calibrated_and_shows_them(enthesis, tmp_path):
    made = phantom.lumbar_ct(
        LumbarBody(rods="CaHA"), spacing_mm=(2.0, 2.0, 5.0), rng=np.random.default_rng(3)
    )
    read.write_nifti(made.image, tmp_path / "ct.nii.gz")
    labels = nib.Nifti1Image(np.asarray(made.labels.array), made.labels.affine)
    nib.save(labels, tmp_path / "labels.nii.gz")
    scheme = tmp_path / "scheme.csv"
    names = made.labels.names.items()
    scheme.write_text("label,name\n" + "".join(f"{n},{name}\n" for n, name in names))
    rods = tmp_path / "rods.toml"
    rods.write_text('material = "CaHA"\ndensities = [0, 50, 100, 150, 200]\n')
    code, out, _ = enthesis(
        *("measure", tmp_path / "ct.nii.gz", tmp_path / "labels.nii.gz", "--scheme", scheme),
        *("-o", tmp_path / "out", "--calibrate", rods),
    )
    assert code == 0
    assert "5 solid rods" in out
    document = json.loads((tmp_path / "out" / "measurements.json").read_text())
    assert [rod["density"] for rod in document["calibration"]["rods"]] == [0, 50, 100, 150, 200]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Check that every circle lies on its rod" in page
    assert str(tmp_path) not in (tmp_path / "out" / "provenance.json").read_text()
