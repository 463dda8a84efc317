"""Models that users install: found, run, translated, and named when they are missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from segment.models import BRIGHT_PROGRAM, nnunet_folder, onnx_folder, program

from enthesis.errors import EnthesisError, InputError
from enthesis.image import Image
from enthesis.read import SCHEMES
from enthesis.segment import ArrayBackend, FileBackend, backend, backend_names
from enthesis.segment.backends import TOOLS


def bright_box(spacing: tuple[float, float, float] = (1.0, 1.0, 2.0)) -> Image:
    values = np.full((40, 40, 20), -100, np.int16)
    values[10:30, 12:28, 4:16] = 100
    return Image(array=values, affine=np.diag([*spacing, 1.0]), quantity="hounsfield")


def test_the_tools_that_users_have_are_known_by_name():
    assert {"totalsegmentator", "totalsegmentator-mr", "musclemap", "spineps"} <= set(
        backend_names()
    )
    for tool in TOOLS.values():
        assert not isinstance(tool.scheme, str) or tool.scheme in SCHEMES
        assert tool.licence and tool.install


def test_a_missing_tool_says_in_one_sentence_how_to_get_it(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", "")
    said = backend("totalsegmentator").missing()
    assert "pip install TotalSegmentator" in said
    assert "Apache-2.0" in said


def test_a_tool_runs_as_its_own_process_and_tells_its_progress(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    pytest.importorskip("nibabel")
    from enthesis.read import write_nifti

    program(
        tmp_path / "bin", "TotalSegmentator", BRIGHT_PROGRAM.replace("{number}", "88"), monkeypatch
    )
    tool = backend("totalsegmentator")
    assert isinstance(tool, FileBackend)
    assert tool.missing() == ""
    scan, output, said = tmp_path / "scan.nii.gz", tmp_path / "out", []
    output.mkdir()
    write_nifti(bright_box(), scan)
    made = tool.run(scan, output, quantity="hounsfield", announce=said.append)
    assert made.path.is_file()
    assert made.scheme == "totalsegmentator"
    assert said == ["totalsegmentator: Predicting 50%", "totalsegmentator: done"]


def test_what_a_tool_last_said_is_told_when_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    source = "import sys\nprint('out of GPU memory')\nsys.exit(3)\n"
    program(tmp_path / "bin", "TotalSegmentator", source, monkeypatch)
    tool = backend("totalsegmentator")
    assert isinstance(tool, FileBackend)
    with pytest.raises(EnthesisError, match="failed with code 3; it last said: out of GPU memory"):
        tool.run(tmp_path / "x", tmp_path, quantity="hounsfield", announce=print)


def test_a_tool_of_ct_refuses_mr(tmp_path: Path):
    tool = backend("totalsegmentator")
    assert isinstance(tool, FileBackend)
    with pytest.raises(InputError, match="reads hounsfield, got 'signal'"):
        tool.run(tmp_path / "x", tmp_path, quantity="signal", announce=print)


def test_an_onnx_folder_answers_on_the_grid_of_the_scan(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    model = backend(onnx_folder(tmp_path / "model"))
    assert isinstance(model, ArrayBackend)
    for spacing in ((2.0, 2.0, 2.0), (1.0, 1.0, 2.0)):
        image = bright_box(spacing)
        found = model.labels(image)
        assert found.shape == image.shape
        assert found.names == {1: "psoas_major_left"}
        assert found.origin == "model:bright 1.2"
        wanted = image.array > 0
        overlap = (
            2 * ((found.array == 1) & wanted).sum() / ((found.array == 1).sum() + wanted.sum())
        )
        # At twice the scan's spacing an edge lies up to half a voxel off.
        assert overlap > 0.93


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"licence": None}, "does not state licence"),
        ({"onnx": "other.onnx"}, "names 'other.onnx', which is not there"),
        ({"labels": {"1": "PM"}}, "translate its names in enthesis.json"),
        ({"spacing_mm": [2.0, 2.0]}, "three spacings above 0 mm"),
        ({"input": "cube"}, "'volume' or 'slices'"),
    ],
)
def test_a_manifest_that_is_not_whole_is_refused(
    tmp_path: Path, changes: dict[str, object], message: str
):
    with pytest.raises(InputError, match=message):
        backend(onnx_folder(tmp_path / "model", **changes))


def test_a_model_of_other_inputs_than_stated_is_refused(tmp_path: Path):
    pytest.importorskip("onnxruntime")
    model = backend(onnx_folder(tmp_path / "model", input="slices"))
    assert isinstance(model, ArrayBackend)
    with pytest.raises(InputError, match=r"takes 5 axes, but model\.json says it reads slices"):
        model.labels(bright_box())


def test_an_nnunet_folder_is_run_by_nnunet_and_its_names_are_translated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    from enthesis.read import write_nifti

    name = "nnUNetv2_predict_from_modelfolder"
    program(tmp_path / "bin", name, BRIGHT_PROGRAM.replace("{number}", "1"), monkeypatch)
    model = backend(nnunet_folder(tmp_path / "model", PM_l="psoas_major_left"))
    assert isinstance(model, FileBackend)
    assert model.missing() == ""
    scan = tmp_path / "in" / model.input_name
    scan.parent.mkdir()
    (tmp_path / "out").mkdir()
    write_nifti(bright_box(), scan)
    made = model.run(scan, tmp_path / "out", quantity="hounsfield", announce=lambda _: None)
    assert made.scheme == {1: "psoas_major_left"}
    assert '"1": "psoas_major_left"' in made.scheme_json()
    assert model.origin().startswith("model:Dataset777_Back")


def test_an_nnunet_of_mr_refuses_ct(tmp_path: Path):
    model = backend(nnunet_folder(tmp_path / "m", channel="T2", PM_l="psoas_major_left"))
    assert isinstance(model, FileBackend)
    with pytest.raises(InputError, match="was trained on MR, got 'hounsfield'"):
        model.run(tmp_path / "x", tmp_path, quantity="hounsfield", announce=print)


def test_labels_of_an_nnunet_that_are_no_regions_of_ours_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"'PM_l' is not a known structure.*enthesis\.json"):
        backend(nnunet_folder(tmp_path / "model"))


def test_an_unknown_name_and_a_folder_without_a_model_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="no segmenter named 'magic': name automatic, total"):
        backend("magic")
    with pytest.raises(InputError, match="holds no model"):
        backend(tmp_path)
