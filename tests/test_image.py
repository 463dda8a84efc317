import numpy as np
import pytest
from scans import grid

from enthesis.errors import GridError, InputError
from enthesis.image import (
    Image,
    LabelMap,
    Source,
    check_same_grid,
    slice_pixel_area,
    spacing,
    voxel_volume,
)


def image(shape=(2, 3, 4), affine=None):
    return Image(
        array=np.zeros(shape, np.int16),
        affine=grid() if affine is None else affine,
        quantity="hounsfield",
    )


def labels(shape=(2, 3, 4), affine=None):
    return LabelMap(
        array=np.zeros(shape, np.uint8),
        affine=grid() if affine is None else affine,
        names={1: "psoas_major_left"},
    )


def test_arrays_cannot_be_changed_after_the_fact():
    made = image()
    with pytest.raises(ValueError, match="read-only"):
        made.array[0, 0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        made.affine[0, 0] = 2


def test_the_callers_own_array_stays_writable():
    array = np.zeros((2, 2, 2), np.int16)
    Image(array=array, affine=grid(), quantity="hounsfield")
    array[0, 0, 0] = 1


def test_spacing_volume_and_pixel_area_of_an_oblique_grid():
    angle = np.radians(30)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag([0.7, 0.8, 3.0])
    assert spacing(affine) == pytest.approx((0.7, 0.8, 3.0))
    assert voxel_volume(affine) == pytest.approx(0.7 * 0.8 * 3.0)
    assert slice_pixel_area(affine) == pytest.approx(0.7 * 0.8)


@pytest.mark.parametrize(
    ("array", "affine", "message"),
    [
        (np.zeros((2, 2)), np.eye(4), r"three axes \(I, J, K\) were wanted, got shape \(2, 2\)"),
        (np.zeros((2, 0, 2)), np.eye(4), "the volume is empty"),
        (np.zeros((2, 2, 2)), np.eye(3), "finite 4 x 4 matrix"),
        (np.zeros((2, 2, 2)), np.diag([1, np.nan, 1, 1]), "finite 4 x 4 matrix"),
        (np.zeros((2, 2, 2)), np.diag([1, 0, 1, 1]), "singular"),
    ],
)
def test_an_unusable_grid_is_refused(array, affine, message):
    with pytest.raises(InputError, match=message):
        Image(array=array, affine=affine, quantity="hounsfield")


def test_an_unknown_quantity_is_refused():
    with pytest.raises(InputError, match="no quantity named 'brightness'"):
        Image(array=np.zeros((1, 1, 1)), affine=grid(), quantity="brightness")


def test_labels_are_unsigned_and_named_once():
    with pytest.raises(InputError, match="unsigned integers, got float64"):
        LabelMap(array=np.zeros((1, 1, 1)), affine=grid(), names={})
    with pytest.raises(InputError, match="label 0 is background"):
        LabelMap(array=np.zeros((1, 1, 1), np.uint8), affine=grid(), names={0: "aorta"})
    with pytest.raises(InputError, match="'aorta' has more than one label number"):
        LabelMap(array=np.zeros((1, 1, 1), np.uint8), affine=grid(), names={1: "aorta", 2: "aorta"})


def test_a_label_is_found_by_name_or_refused_with_what_there_is():
    assert labels().label("psoas_major_left") == 1
    with pytest.raises(InputError, match="no label named 'aorta'; this map has: psoas_major_left"):
        labels().label("aorta")


def test_one_grid_passes_within_rounding_of_headers():
    moved = grid()
    moved[0, 3] = 0.005
    check_same_grid(image(), labels(affine=moved))


def test_other_grids_are_refused_with_how_far_they_lie_apart():
    with pytest.raises(GridError, match="labels have 2 x 3 x 5 voxels, the image 2 x 3 x 4"):
        check_same_grid(image(), labels(shape=(2, 3, 5)))
    moved = grid()
    moved[2, 3] = 1.5
    with pytest.raises(GridError, match=r"up to 1.5 mm apart \(allowed 0.01 mm\)"):
        check_same_grid(image(), labels(affine=moved))


def test_grids_that_agree_at_the_origin_only_are_refused():
    with pytest.raises(GridError, match="mm apart"):
        check_same_grid(image(), labels(affine=grid((1, 1, 1.1))))


def test_facts_of_a_source_cannot_be_changed():
    with pytest.raises(TypeError):
        Source(facts={"kvp": 120}).facts["kvp"] = 80
