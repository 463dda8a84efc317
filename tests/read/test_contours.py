"""Contours that were drawn in a viewer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from enthesis.errors import GridError, InputError
from enthesis.image import Image, LabelMap
from enthesis.read import drawn_contours, write_nifti

AFFINE = np.array([[2.0, 0, 0, -30], [0, 2, 0, -50], [0, 0, 3, 100], [0, 0, 0, 1]])
SHAPE = (30, 40, 10)
SQUARE = [(5, 10), (15, 10), (15, 20), (5, 20)]


def scan() -> Image:
    return Image(array=np.zeros(SHAPE, np.int16), affine=AFFINE, quantity="hounsfield")


def curve(corners: list[tuple[float, float]], k: float, system: str) -> dict[str, object]:
    """A closed curve through voxels of one slice."""
    signs = np.array([-1, -1, 1]) if system == "LPS" else np.ones(3)
    points = [(AFFINE[:3, :3] @ [i, j, k] + AFFINE[:3, 3]) * signs for i, j in corners]
    return {
        "type": "ClosedCurve",
        "coordinateSystem": system,
        "controlPoints": [{"position": point.tolist()} for point in points],
    }


def markups(path: Path, *curves: dict[str, object]) -> Path:
    path.write_text(json.dumps({"markups": list(curves)}), encoding="utf-8")
    return path


@pytest.mark.parametrize("system", ["LPS", "RAS"])
def test_closed_curves_become_the_voxels_within_them(tmp_path: Path, system: str):
    pytest.importorskip("skimage")
    path = markups(
        tmp_path / "psoas_major_left.mrk.json",
        curve(SQUARE, 3, system),
        curve(SQUARE, 7, system),
    )
    found = drawn_contours(path, like=scan())
    assert found.names == {1: "psoas_major_left"}
    inside = found.array == 1
    assert np.flatnonzero(inside.any(axis=(0, 1))).tolist() == [3, 7]
    # 10 by 10 voxels, give or take those whose centre is on the line.
    assert 81 <= inside[:, :, 3].sum() <= 121
    assert inside[6:15, 11:20, 3].all()


def test_a_curve_between_slices_is_refused(tmp_path: Path):
    pytest.importorskip("skimage")
    slanted = curve(SQUARE, 3, "LPS")
    slanted["controlPoints"][0]["position"][2] += 9
    path = markups(tmp_path / "psoas_major_left.mrk.json", slanted)
    with pytest.raises(InputError, match="lies on no axial slice of this scan"):
        drawn_contours(path, like=scan())


def test_a_name_that_is_no_region_is_refused_or_translated(tmp_path: Path):
    pytest.importorskip("skimage")
    path = markups(tmp_path / "PM_l.mrk.json", curve(SQUARE, 3, "LPS"))
    with pytest.raises(InputError, match="translate it in `names`"):
        drawn_contours(path, like=scan())
    found = drawn_contours(path, like=scan(), names={"PM_l": "psoas_major_left"})
    assert found.names == {1: "psoas_major_left"}


def segmentation(path: Path, *, shift: float = 0.0) -> Path:
    """A box of 4 x 5 x 2 voxels that starts at voxel 6, 11, 3 of the scan."""
    itk = pytest.importorskip("SimpleITK")
    image = itk.GetImageFromArray(np.full((2, 5, 4), 7, np.uint8))
    start = AFFINE[:3, :3] @ [6 + shift, 11, 3] + AFFINE[:3, 3]
    image.SetOrigin((-start[0], -start[1], start[2]))
    image.SetSpacing((2.0, 2.0, 3.0))
    image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    image.SetMetaData("Segment0_Name", "multifidus_left")
    image.SetMetaData("Segment0_LabelValue", "7")
    itk.WriteImage(image, str(path))
    return path


def test_a_slicer_segmentation_lands_on_the_scan_though_it_keeps_only_its_box(tmp_path: Path):
    found = drawn_contours(segmentation(tmp_path / "a.seg.nrrd"), like=scan())
    assert found.names == {1: "multifidus_left"}
    wanted = np.zeros(SHAPE, bool)
    wanted[6:10, 11:16, 3:5] = True
    assert np.array_equal(found.array == 1, wanted)


def test_a_segmentation_of_another_grid_is_refused(tmp_path: Path):
    with pytest.raises(GridError, match="does not lie on the grid of this scan"):
        drawn_contours(segmentation(tmp_path / "a.seg.nrrd", shift=0.4), like=scan())


def test_files_of_several_kinds_are_put_together(tmp_path: Path):
    array = np.zeros(SHAPE, np.uint8)
    array[20:25, 20:25, 5] = 1
    drawn = LabelMap(array=array, affine=AFFINE, names={1: "psoas_major_right"})
    write_nifti(drawn, tmp_path / "right.nii.gz")
    files = [segmentation(tmp_path / "a.seg.nrrd"), tmp_path / "right.nii.gz"]
    found = drawn_contours(files, like=scan())
    assert set(found.names.values()) == {"multifidus_left", "psoas_major_right"}
    assert (found.array == found.label("psoas_major_right")).sum() == 25


def test_a_file_without_a_closed_curve_is_refused(tmp_path: Path):
    pytest.importorskip("skimage")
    with pytest.raises(InputError, match="holds no closed curve"):
        drawn_contours(markups(tmp_path / "psoas_major_left.mrk.json"), like=scan())
