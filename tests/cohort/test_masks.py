"""Agreement of two label maps."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.cohort import mask_agreement, mask_table
from enthesis.errors import GridError, InputError
from enthesis.image import LabelMap

SHAPE = (24, 20, 12)
NAMES = {1: "psoas_major_left", 2: "psoas_major_right"}


def label_map(*boxes, spacing=(1, 1, 1), names=NAMES, shape=SHAPE, affine=None):
    """Boxes of labels 1, 2, …; a box is three ranges of indices, None for no voxel."""
    array = np.zeros(shape, dtype=np.uint8)
    for number, box in enumerate(boxes, start=1):
        if box is not None:
            array[tuple(slice(*ends) for ends in box)] = number
    affine = np.diag([*spacing, 1.0]) if affine is None else affine
    return LabelMap(array=array, affine=affine, names=names)


def one(first, second):
    """Agreement on the left psoas."""
    return mask_agreement(first, second, regions=["psoas_major_left"])[0]


def test_overlap_and_volumes_of_two_boxes_by_hand():
    # 4 x 5 x 5 = 100 and 80 voxels of 2 x 1 x 3 mm3, of which 60 in common.
    spacing = (2, 1, 3)
    first = label_map(((2, 6), (2, 7), (2, 7)), spacing=spacing)
    second = label_map(((3, 7), (2, 6), (2, 7)), spacing=spacing)
    found = one(first, second)
    assert found.dice == pytest.approx(2 * 60 / 180)
    assert found.jaccard == pytest.approx(60 / 120)
    assert found.jaccard == pytest.approx(found.dice / (2 - found.dice))
    assert (found.volume_first, found.volume_second) == (600, 480)
    assert found.volume_difference == 120
    assert found.volume_difference_percent == pytest.approx(100 * 120 / 540)
    assert found.volume_similarity == pytest.approx(1 - 20 / 180)


def test_distances_of_points_by_hand():
    # Points 0 and 1 against 0 and 3 along I, 1 mm apart: farthest is 3 from 1.
    first = label_map(((0, 2), (5, 6), (5, 6)))
    array = np.zeros(SHAPE, dtype=np.uint8)
    array[[0, 3], 5, 5] = 1
    second = LabelMap(array=array, affine=np.eye(4), names=NAMES)
    found = one(first, second)
    assert found.hausdorff == 2
    # Distances 0, 1 there and 0, 2 back.
    assert found.assd == pytest.approx(3 / 4)
    assert found.hd95 == pytest.approx(1.9)


@pytest.mark.parametrize(("axis", "mm"), [(0, 0.8), (1, 1.5), (2, 5.0)])
def test_a_box_moved_by_one_voxel_is_one_spacing_away(axis, mm):
    box = [[4, 10], [4, 10], [3, 8]]
    moved = [[lo + (i == axis), hi + (i == axis)] for i, (lo, hi) in enumerate(box)]
    spacing = (0.8, 1.5, 5.0)
    found = one(label_map(box, spacing=spacing), label_map(moved, spacing=spacing))
    assert found.hausdorff == pytest.approx(mm)


def test_agreement_does_not_change_when_the_patient_lies_obliquely():
    angle = np.deg2rad(25)
    turn = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    oblique = np.eye(4)
    oblique[:3, :3] = turn * [0.8, 1.5, 5.0]
    boxes = ((4, 10), (4, 10), (3, 8)), ((5, 11), (3, 9), (3, 9))
    straight = one(*(label_map(box, spacing=(0.8, 1.5, 5.0)) for box in boxes))
    turned = one(*(label_map(box, affine=oblique) for box in boxes))
    for name in ("dice", "hausdorff", "hd95", "assd", "volume_difference"):
        assert getattr(turned, name) == pytest.approx(getattr(straight, name))


def test_swapping_the_maps_keeps_distances_and_turns_the_volume_difference():
    first = label_map(((2, 9), (2, 7), (2, 7)))
    second = label_map(((3, 7), (2, 12), (2, 7)))
    there, back = one(first, second), one(second, first)
    assert (there.hausdorff, there.hd95, there.assd) == (back.hausdorff, back.hd95, back.assd)
    assert there.volume_difference == -back.volume_difference


def test_hd95_forgives_a_stray_voxel_that_hausdorff_counts():
    first = label_map(((2, 12), (2, 12), (2, 10)))
    array = first.array.copy()
    array[20, 6, 6] = 1
    stray = LabelMap(array=array, affine=np.eye(4), names=NAMES)
    found = one(first, stray)
    assert found.hausdorff == 9
    assert found.hd95 == 0


def test_the_same_map_agrees_perfectly():
    found = one(*[label_map(((2, 9), (2, 7), (2, 7)))] * 2)
    assert (found.dice, found.jaccard, found.volume_similarity) == (1, 1, 1)
    assert (found.hausdorff, found.hd95, found.assd, found.volume_difference) == (0, 0, 0, 0)


def test_one_slice_has_an_outline_that_does_not_fill_it():
    shape = (24, 20, 1)
    first = label_map(((2, 12), (2, 12), (0, 1)), shape=shape)
    second = label_map(((2, 12), (2, 13), (0, 1)), shape=shape)
    # 36 and 38 outline points; the row that was the edge is one pixel from the new edge.
    found = one(first, second)
    assert found.hausdorff == 1
    assert found.assd == pytest.approx((8 + 10) / (36 + 38))


def test_a_region_at_the_edge_of_the_scan_is_measured_like_any_other():
    inside = one(label_map(((5, 9), (4, 8), (4, 8))), label_map(((6, 10), (4, 8), (4, 8))))
    corner = one(label_map(((0, 4), (0, 4), (0, 4))), label_map(((1, 5), (0, 4), (0, 4))))
    assert (corner.dice, corner.hausdorff, corner.assd) == (
        inside.dice,
        inside.hausdorff,
        inside.assd,
    )


def test_a_region_that_one_map_alone_has_is_infinitely_far_and_says_so():
    box = ((2, 9), (2, 7), (2, 7))
    found = one(label_map(box), label_map(None))
    assert (found.dice, found.jaccard, found.volume_similarity) == (0, 0, 0)
    assert found.hausdorff == found.hd95 == found.assd == np.inf
    assert found.flags == ("only the first map has voxels of this region: no distance is finite",)
    assert found.volume_difference_percent == 200


def test_a_region_that_neither_map_shows_has_no_score():
    found = one(label_map(None), label_map(None))
    assert np.isnan([found.dice, found.hausdorff, found.volume_similarity]).all()
    assert found.volume_difference == 0
    assert "nothing to compare" in found.flags[0]


def test_regions_go_by_name_and_those_of_either_map_are_listed():
    left, right = ((2, 6), (2, 7), (2, 7)), ((12, 16), (2, 7), (2, 7))
    first = label_map(left, right)
    second = label_map(right, left, names={1: "psoas_major_right", 2: "multifidus_left"})
    table = mask_table(mask_agreement(first, second)).set_index("region")
    assert list(table.index) == ["psoas_major_left", "psoas_major_right", "multifidus_left"]
    assert table["dice"].tolist() == [0, 1, 0]
    assert table.loc["multifidus_left", "flags"].startswith("only the second map")


def test_maps_of_other_grids_and_unknown_regions_are_refused():
    first = label_map(((2, 6), (2, 7), (2, 7)))
    with pytest.raises(GridError, match=r"have \(24, 20, 12\) and \(24, 20, 10\) voxels"):
        mask_agreement(first, label_map(None, shape=(24, 20, 10)))
    with pytest.raises(GridError, match=r"up to 2\.3 mm apart"):
        mask_agreement(first, label_map(None, spacing=(1.1, 1, 1)))
    with pytest.raises(InputError, match="neither map has a region 'multifidus_left'"):
        mask_agreement(first, first, regions=["multifidus_left"])
