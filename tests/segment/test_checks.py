"""Given label maps: what is doubtful is said, what is safe is mended."""

from __future__ import annotations

import numpy as np
import pytest
from scans import grid, scan

from enthesis.errors import GridError
from enthesis.image import Image, LabelMap
from enthesis.phantom import lumbar_ct
from enthesis.segment import found_spine, given

SHAPE = (40, 40, 12)


def muscle(**changes: object) -> tuple[Image, LabelMap]:
    """A psoas on each side, 55 HU."""
    return scan(
        SHAPE,
        {
            "psoas_major_left": (np.s_[5:15, 10:20, 1:11], 55),
            "psoas_major_right": (np.s_[25:35, 10:20, 1:11], 55),
        },
    )


def with_labels(labels: LabelMap, array: np.ndarray) -> LabelMap:
    return LabelMap(array=array, affine=labels.affine, names=labels.names)


def test_a_sound_map_comes_back_as_it_was():
    image, labels = muscle()
    found = given(labels, image)
    assert not found.doubtful
    assert np.array_equal(found.labels.array, labels.array)
    assert found.labels.origin == "given"


def test_islands_are_taken_out_and_small_holes_filled():
    image, labels = muscle()
    array = labels.array.copy()
    array[1, 1, 1] = 1
    array[10, 15, 5] = 0
    found = given(with_labels(labels, array), image)
    assert np.array_equal(found.labels.array, labels.array)
    assert found.mended == ("psoas_major_left",)
    assert "1 island of 1 voxels out and holes of 1 voxels filled" in found.notes[0]


def test_a_large_hole_is_meant_and_stays():
    image, labels = muscle()
    array = labels.array.copy()
    array[7:13, 12:18, 3:9] = 0
    found = given(with_labels(labels, array), image)
    assert np.array_equal(found.labels.array, array)


def test_exchanged_sides_are_found_by_position_and_left():
    image, labels = muscle()
    swapped = LabelMap(
        array=labels.array,
        affine=labels.affine,
        names={1: "psoas_major_right", 2: "psoas_major_left"},
    )
    found = given(swapped, image)
    assert "left and right look exchanged" in found.notes[0]
    assert found.labels.names == swapped.names


def test_left_out_slices_and_the_border_of_the_scan_are_flagged_and_never_zeroed():
    image, labels = muscle()
    array = labels.array.copy()
    array[:, :, 5:7][array[:, :, 5:7] == 1] = 0
    array[35:40, 10:20, 1:11] = 2
    found = given(with_labels(labels, array), image)
    assert (
        "leaves out 2 slices between its ends (slice 6, 7)" in found.doubts["psoas_major_left"][0]
    )
    assert "right border of the scan cuts it" in found.doubts["psoas_major_right"][0]
    assert np.array_equal(found.labels.array == 2, array == 2)


@pytest.mark.parametrize(("hu", "what"), [(-100, "fat"), (400, "bone"), (-900, "air")])
def test_a_muscle_with_values_that_no_muscle_has_is_doubted(hu: float, what: str):
    image, labels = scan(SHAPE, {"psoas_major_left": (np.s_[5:15, 10:20, 1:11], hu)})
    said = " ".join(given(labels, image).doubts["psoas_major_left"])
    assert f"as dark or bright as {what}" in said


def test_a_fat_fraction_that_no_muscle_has_is_doubted():
    image, labels = scan(SHAPE, {"multifidus_left": (np.s_[5:15, 10:20, 1:11], 99)})
    share = Image(array=image.array, affine=image.affine, quantity="fat_fraction")
    assert "median fat fraction is 99%" in given(labels, share).doubts["multifidus_left"][0]


def bodies(*names: str, tall: str = "") -> tuple[Image, LabelMap]:
    """A body every 10 slices from the head down, all 8 slices high but a tall one."""
    regions = {}
    top = 60
    for name in names:
        height = 17 if name == tall else 8
        regions[f"vertebral_body_{name}"] = (np.s_[10:25, 10:25, top - height : top], 150)
        top -= height + 2
    return scan((35, 35, 65), regions, spacing=(1.0, 1.0, 3.0))


def test_a_skipped_level_is_named():
    image, labels = bodies("L1", "L2", "L4")
    assert any(
        "L3 is not labelled between L2 and L4" in note for note in given(labels, image).notes
    )


def test_levels_out_of_order_are_named():
    image, labels = bodies("L1", "L3", "L2")
    assert any("levels are out of order" in note for note in given(labels, image).notes)


def test_two_vertebrae_under_one_name_are_named():
    image, labels = bodies("L1", "L2", "L3", "L4", tall="L3")
    assert any("L3 is 2.1 times as tall" in note for note in given(labels, image).notes)


def test_a_map_of_another_grid_is_refused():
    _, labels = muscle()
    other = Image(array=np.zeros(SHAPE), affine=grid((1.0, 1.0, 2.0)), quantity="hounsfield")
    with pytest.raises(GridError):
        given(labels, other)


def test_levels_that_are_not_those_counted_from_the_sacrum_are_named():
    body = lumbar_ct(spacing_mm=(2.0, 2.0, 3.0), rng=np.random.default_rng(8))
    spine = found_spine(body.image)
    assert spine is not None
    assert not any("counted" in note for note in given(body.labels, body.image, spine=spine).notes)
    one_up = {"L5": "L4", "L4": "L3", "L3": "L2", "L2": "L1", "L1": "T12", "T12": "T11"}
    names = {
        number: "_".join(one_up.get(part, part) for part in name.split("_"))
        for number, name in body.labels.names.items()
    }
    shifted = LabelMap(array=body.labels.array, affine=body.labels.affine, names=names)
    notes = given(shifted, body.image, spine=spine).notes
    assert any("L3 lies where L4 was found" in note for note in notes)
