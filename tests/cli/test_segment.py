"""``enthesis segment`` and what measures without labels."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from data import real
from segment.models import onnx_folder, program

from enthesis.phantom import lumbar_ct
from enthesis.read import image, labels, write_nifti


@pytest.fixture(scope="module")
def body(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("scan") / "ct.nii.gz"
    made = lumbar_ct(spacing_mm=(3.0, 3.0, 3.0), rng=np.random.default_rng(8))
    write_nifti(made.image, path)
    return path


@pytest.fixture
def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Geometry alone, which is quick."""
    import enthesis.segment.unaided as unaided

    monkeypatch.setattr(unaided, "network_at_hand", lambda: False)


def test_segment_writes_labels_their_names_quality_and_a_page(
    enthesis, body, without_network, tmp_path
):
    output = tmp_path / "labels.nii.gz"
    code, out, _ = enthesis("segment", body, "-o", output)
    assert code == 0
    found = labels(output)
    assert {"vertebral_body_L3", "psoas_major_left"} <= set(found.names.values())
    assert found.origin.startswith("automatic:geometry")
    quality = pd.read_csv(tmp_path / "labels_quality.csv")
    assert set(quality["region"]) <= set(found.names.values())
    page = (tmp_path / "labels_report.html").read_text(encoding="utf-8")
    assert "L3, slice" in page and "Not validated" in page
    record = json.loads((tmp_path / "labels_provenance.json").read_text(encoding="utf-8"))
    assert record["command"] == "segment"
    assert "labels_report.html" in out.replace("\n", "")


def test_a_level_that_is_told_names_all(enthesis, body, without_network, tmp_path):
    scan = image(body)
    code, out, _ = enthesis(
        "segment", body, "-o", tmp_path / "a.nii.gz", "--level", "L2=0", "--json"
    )
    assert code == 0
    document = json.loads(out)
    assert "vertebral_body_L2" in document["labels"].values()
    found = labels(tmp_path / "a.nii.gz")
    rows = np.flatnonzero((found.array == found.label("vertebral_body_L2")).any(axis=(0, 1)))
    heights = scan.affine[2, 3] + rows * scan.spacing[2]
    # The simulated body has its L3 there.
    assert heights.min() < 0 < heights.max()


@pytest.mark.parametrize("said", ["L4", "L4=high", "=3"])
def test_a_level_that_is_no_name_and_height_is_refused(enthesis, body, tmp_path, said):
    code, _, err = enthesis("segment", body, "-o", tmp_path / "a.nii.gz", "--level", said)
    assert code == 2
    assert not list(tmp_path.iterdir()), err


def test_another_file_type_is_refused_before_anything_is_read(enthesis, tmp_path):
    code, _, err = enthesis("segment", tmp_path / "none.nii", "-o", tmp_path / "labels.png")
    assert code == 2
    assert "the output is a .nii or .nii.gz file, got 'labels.png'" in err


@pytest.fixture(scope="module")
def drawn(body: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The true left psoas of the body on six slices."""
    made = lumbar_ct(spacing_mm=(3.0, 3.0, 3.0), rng=np.random.default_rng(8))
    psoas = made.labels.array == made.labels.label("psoas_major_left")
    rows = np.flatnonzero(psoas.any(axis=(0, 1)))
    few = np.zeros(psoas.shape, np.uint8)
    kept = rows[np.linspace(0, rows.size - 1, 6).astype(int)]
    few[:, :, kept] = psoas[:, :, kept]
    path = tmp_path_factory.mktemp("drawn") / "psoas.nii.gz"
    write_nifti(replace(made.labels, array=few, names={1: "psoas_major_left"}), path)
    return path


def test_contours_on_a_few_slices_become_the_whole_muscle(enthesis, body, drawn, tmp_path):
    code, out, _ = enthesis("segment", body, "-o", tmp_path / "a.nii.gz", "--contours", drawn)
    assert code == 0
    made = lumbar_ct(spacing_mm=(3.0, 3.0, 3.0), rng=np.random.default_rng(8))
    wanted = made.labels.array == made.labels.label("psoas_major_left")
    got = labels(tmp_path / "a.nii.gz")
    assert list(got.names.values()) == ["psoas_major_left"]
    shared = 2 * ((got.array > 0) & wanted).sum() / ((got.array > 0).sum() + wanted.sum())
    # Six slices over 160 mm; a real psoas reached 0.94 between them.
    assert shared > 0.93
    flat = " ".join(out.split())
    assert "one more contour helps most for psoas major left" in flat


@pytest.mark.parametrize("beside", [("--with", "totalsegmentator"), ("--level", "L4=3")])
def test_contours_are_filled_in_by_themselves(enthesis, body, drawn, tmp_path, beside):
    code, _, err = enthesis(
        "segment", body, "-o", tmp_path / "a.nii.gz", "--contours", drawn, *beside
    )
    assert code == 2
    assert "leave out --with and --level" in err
    assert not list(tmp_path.iterdir())


def test_a_model_folder_reads_the_scan(enthesis, body, tmp_path):
    pytest.importorskip("onnxruntime")
    model = onnx_folder(tmp_path / "model", spacing_mm=[3.0, 3.0, 3.0], window=[-1000, 1000])
    code, out, _ = enthesis("segment", body, "-o", tmp_path / "a.nii.gz", "--with", model, "--json")
    assert code == 0
    assert json.loads(out)["origin"].startswith("model:bright 1.2")


def test_a_missing_backend_says_how_to_get_it(enthesis, body, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    code, _, err = enthesis(
        "segment", body, "-o", tmp_path / "a.nii.gz", "--with", "totalsegmentator"
    )
    assert code == 2
    assert "pip install TotalSegmentator" in err


def test_measure_without_labels_finds_the_regions(enthesis, body, without_network, tmp_path):
    code, out, _ = enthesis("measure", body, "-o", tmp_path / "out", "--json")
    assert code == 0
    document = json.loads(out)
    assert any("starting contour for review" in flag for flag in document["flags"])
    measured = {(m["region"], m["level"]) for m in document["measurements"]}
    assert ("psoas_major", "L3") in measured
    record = json.loads((tmp_path / "out" / "provenance.json").read_text(encoding="utf-8"))
    assert record["options"]["labels"].startswith("automatic:geometry")
    assert set(record["inputs"]) == {"image"}


def test_a_page_of_regions_that_nobody_drew_has_their_quality(
    enthesis, body, without_network, tmp_path
):
    enthesis("measure", body, "-o", tmp_path / "out")
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "Quality of each region" in page and "confirmed by nobody" in page
    assert "Regions not validated" in page and "labels as given" not in page
    # One reader alone: every region is sent to review, and each of its numbers says so.
    flags = pd.read_csv(tmp_path / "out" / "measurements.csv")["flags"]
    assert flags.str.contains("sent to review: one reader alone found it", regex=False).all()


def test_labels_that_segment_wrote_are_measured_by_the_names_beside_them(
    enthesis, body, without_network, tmp_path
):
    enthesis("segment", body, "-o", tmp_path / "labels.nii.gz")
    code, out, _ = enthesis(
        "measure", body, tmp_path / "labels.nii.gz", "-o", tmp_path / "out", "--json"
    )
    assert code == 0
    measured = {m["region"] for m in json.loads(out)["measurements"]}
    assert {"psoas_major", "vertebral_body"} <= measured and "spleen" not in measured
    # What was to be looked at there is said here too.
    flags = pd.read_csv(tmp_path / "out" / "measurements.csv")["flags"]
    assert flags.str.contains("sent to review", regex=False).all()
    assert "not validated" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_table_of_quality_that_is_none_is_refused(enthesis, body, without_network, tmp_path):
    enthesis("segment", body, "-o", tmp_path / "labels.nii.gz")
    (tmp_path / "labels_quality.csv").write_text("notes\nlooks fine\n", encoding="utf-8")
    code, _, err = enthesis("measure", body, tmp_path / "labels.nii.gz", "-o", tmp_path / "out")
    assert code == 2
    assert "labels_quality.csv is not the table of quality" in err


def test_levels_beside_given_labels_are_refused(enthesis, scan_files, tmp_path):
    scan, given, scheme = scan_files
    code, _, err = enthesis(
        "measure", scan, given, "--scheme", scheme, "-o", tmp_path, "--level", "L4=3"
    )
    assert code == 2
    assert "the given ones name theirs" in err


def test_recorded_output_of_a_tool_becomes_our_regions(enthesis, tmp_path, monkeypatch):
    scan = real("totalsegmentator/example_ct.nii.gz")
    recorded = real("totalsegmentator/example_seg_fast_force_split.nii.gz")
    target = "sys.argv[sys.argv.index('-o') + 1]"
    copying = f"import shutil, sys\nshutil.copy({str(recorded)!r}, {target})\n"
    program(tmp_path / "bin", "TotalSegmentator", copying, monkeypatch)
    output = tmp_path / "labels.nii.gz"
    code, out, _ = enthesis("segment", scan, "-o", output, "--with", "totalsegmentator", "--json")
    assert code == 0
    document = json.loads(out)
    assert document["origin"].startswith("model:totalsegmentator")
    assert {"vertebra_L3", "deep_back_muscle_left"} <= set(document["labels"].values())
    # Its levels are those that our geometry counts.
    assert not any("not those counted" in note for note in document["notes"])
