import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scans import grid, scan

from enthesis.image import Image
from enthesis.muscle import areas, attenuations, fat_infiltrations, stretches
from enthesis.muscle.windows import FAT_HU, MUSCLE_HU, in_window
from enthesis.regions import labelled_voxels, vertebral_bodies

MUSCLE = (slice(1, 5), slice(1, 6), slice(2, 9))
BODY = (slice(7, 12), slice(1, 6), slice(3, 8))


def one_muscle(spacing=(1.0, 1.0, 1.0), fat=0.0):
    """A 4 x 5 muscle beside a body on slices 3..7; a share of the muscle's rows is fat."""
    image, labels = scan(
        (14, 8, 12),
        {"psoas_major_left": (MUSCLE, 50), "vertebral_body_L3": (BODY, 150)},
        spacing=spacing,
    )
    values = np.array(image.array)
    values[1:5, 1 : 1 + round(5 * fat), 2:9] = -100
    return Image(array=values, affine=image.affine, quantity="hounsfield"), labels


def on_slices(image, labels):
    return stretches(labelled_voxels(image, labels), vertebral_bodies(labels))


def measured(measure, image, labels):
    found = measure(on_slices(image, labels))
    return {(m.quantity, m.method.split(", ")[-1]): m.value for m in found}


def test_area_is_pixels_times_the_area_of_one():
    found = measured(areas, *one_muscle((0.5, 2.0, 3.0)))
    assert found == {
        ("area", "axial slice through mid-body"): 20.0,
        ("area", "mean of axial slices over the body's height"): 20.0,
    }


def test_mean_area_counts_slices_without_the_muscle_as_zero():
    image, labels = scan(
        (14, 8, 12),
        {
            "psoas_major_left": ((slice(1, 5), slice(1, 6), slice(6, 8)), 50),
            "vertebral_body_L3": (BODY, 150),
        },
    )
    found = areas(on_slices(image, labels))
    assert [m.value for m in found] == [0.0, 20 * 2 / 5]
    assert found[0].flags == ("the muscle is not labelled on these slices",)


def test_a_level_that_the_muscle_does_not_reach_is_passed_over():
    image, labels = scan(
        (14, 8, 12),
        {
            "psoas_major_left": ((slice(1, 5), slice(1, 6), slice(9, 11)), 50),
            "vertebral_body_L3": (BODY, 150),
        },
    )
    assert areas(on_slices(image, labels)) == []


def test_fat_infiltration_is_the_share_of_fat_voxels():
    found = measured(fat_infiltrations, *one_muscle(fat=0.2))
    assert found["fat_infiltration", "axial slice through mid-body"] == pytest.approx(20)


@pytest.mark.parametrize(("fat", "expected"), [(0.0, 0.0), (1.0, 100.0)])
def test_one_tissue_only_gives_nought_or_a_hundred(fat, expected):
    found = measured(fat_infiltrations, *one_muscle(fat=fat))
    assert set(found.values()) == {expected}


def test_a_compartment_of_neither_fat_nor_muscle_has_no_fat_infiltration():
    image, labels = one_muscle()
    calcified = Image(
        array=np.full(image.shape, 400, np.int16), affine=image.affine, quantity="hounsfield"
    )
    found = fat_infiltrations(on_slices(calcified, labels))
    assert all(np.isnan(m.value) for m in found)
    assert found[0].flags == ("100% of its voxels are neither fat nor muscle",)


def test_attenuation_with_and_without_fat():
    found = measured(attenuations, *one_muscle(fat=0.2))
    assert found["attenuation_mean", "axial slice through mid-body"] == pytest.approx(20)
    assert found["muscle_attenuation", "axial slice through mid-body"] == pytest.approx(50)


@pytest.mark.parametrize(
    ("hounsfield", "window"),
    [(-191, None), (-190, "fat"), (-30, "fat"), (-29, "muscle"), (150, "muscle"), (151, None)],
)
def test_windows_include_their_bounds(hounsfield, window):
    # Aubrey 2014: fat -190 to -30 HU, muscle -29 to 150 HU.
    values = np.array([hounsfield], np.int16)
    assert bool(in_window(values, FAT_HU)[0]) == (window == "fat")
    assert bool(in_window(values, MUSCLE_HU)[0]) == (window == "muscle")


@given(st.floats(-190.4, 150.4))
def test_no_value_falls_between_fat_and_muscle(value):
    values = np.array([value])
    assert int(in_window(values, FAT_HU)[0]) + int(in_window(values, MUSCLE_HU)[0]) == 1


def test_measures_do_not_change_with_translation():
    image, labels = one_muscle(fat=0.4)
    moved = grid()
    moved[:3, 3] = (100, -50, 7)
    there = (
        Image(array=image.array, affine=moved, quantity="hounsfield"),
        type(labels)(array=labels.array, affine=moved, names=labels.names),
    )
    for measure in (areas, attenuations, fat_infiltrations):
        assert measured(measure, image, labels) == measured(measure, *there)


def test_an_image_that_is_not_ct_has_areas_only():
    image, labels = one_muscle()
    signal = Image(array=image.array, affine=image.affine, quantity="signal")
    found = on_slices(signal, labels)
    assert len(areas(found)) == 2
    assert attenuations(found) == []
    assert fat_infiltrations(found) == []
