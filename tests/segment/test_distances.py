"""Signed distances: where a surface lies, and how little of the grid is kept."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage
from segment.shapes import ball, depth_in_ball, whole

from enthesis.errors import GridError, InputError
from enthesis.image import Image
from enthesis.segment.distances import (
    FAR_MM,
    Box,
    SignedDistances,
    Surface,
    check_same_distances_grid,
    signed_distance,
    surface_on_scan,
)


def test_a_slab_of_four_voxels_is_two_voxels_deep_at_its_surface_counted_from_the_centres():
    mask = np.zeros((10, 3, 3), bool)
    mask[3:7] = True
    depth = signed_distance(mask, 2.0)
    # Surfaces lie half a voxel beyond the outer centres: -1, 1, 3, 3, 1, -1 mm.
    assert depth[2:8, 1, 1] == pytest.approx([-1, 1, 3, 3, 1, -1])


def test_a_ball_has_its_radius_as_depth_in_the_middle():
    depth = signed_distance(ball((31, 31, 31), (15, 15, 15), 9), 1.0)
    # A voxel model of a ball is right to about half a voxel.
    assert depth[15, 15, 15] == pytest.approx(9, abs=0.6)
    assert depth.min() == -FAR_MM


def test_distances_are_those_of_a_transform_of_the_whole():
    mask = ball((40, 30, 20), (22, 12, 9), 8) ^ ball((40, 30, 20), (9, 20, 12), 7)
    inside, outside = (ndimage.distance_transform_edt(part, sampling=1.5) for part in (mask, ~mask))
    wanted = np.clip(np.where(mask, inside - 0.75, 0.75 - outside), -FAR_MM, FAR_MM)
    assert np.array_equal(signed_distance(mask, 1.5), wanted.astype(np.float32))


def test_without_a_surface_all_is_far_inside_or_outside():
    assert (signed_distance(np.ones((4, 4, 4), bool), 3.0) == FAR_MM).all()
    assert (signed_distance(np.zeros((4, 4, 4), bool), 3.0) == -FAR_MM).all()


def on_scan(box: Box) -> Surface:
    """Depth in a ball of radius 8 mm on a grid of 2 mm, for a scan of 40 voxels of 1 mm."""
    scan = Image(array=np.zeros((40, 40, 40)), affine=np.eye(4), quantity="hounsfield")
    depth = 2 * depth_in_ball((20, 20, 20), (9.5, 9.5, 9.5), 4)
    return surface_on_scan(depth[box], box, (20, 20, 20), 2.0, scan)


def test_a_surface_of_a_coarser_grid_keeps_its_place_and_size_on_the_scan():
    found = on_scan((slice(0, 20), slice(0, 20), slice(0, 20)))
    wanted = depth_in_ball((40, 40, 40), (19.5, 19.5, 19.5), 8)
    near = np.abs(wanted) < 3
    # Lines between points 2 mm apart cut the curve short: by 2 ** 2 / 8 / 5 = 0.1 mm an axis.
    assert found.within(found.box)[near] == pytest.approx(wanted[near], abs=0.3)


def test_a_surface_is_the_same_in_whatever_parts_it_is_read():
    found = on_scan((slice(2, 18), slice(2, 18), slice(0, 20)))
    part = slice(10, 25), slice(6, 30), slice(15, 18)
    around = slice(0, 40), slice(0, 40), slice(0, 40)
    assert np.array_equal(found.within(part), found.within(around)[part])
    assert np.array_equal(found.deeper_than(2), found.within(found.box) > 2)


def test_beyond_its_box_a_surface_is_far_away():
    found = on_scan((slice(2, 18), slice(2, 18), slice(2, 18)))
    assert found.box == (slice(5, 35),) * 3
    assert (found.within((slice(36, 40), slice(0, 40), slice(0, 40))) == -FAR_MM).all()


def test_a_mask_is_where_the_distance_is_positive():
    answer = whole({"psoas_major_left": depth_in_ball((21, 21, 21), (10, 10, 10), 6)})
    assert np.array_equal(answer.mask("psoas_major_left"), ball((21, 21, 21), (10, 10, 10), 6))


def test_a_region_that_was_not_found_is_refused():
    answer = whole({"sacrum": depth_in_ball((9, 9, 9), (4, 4, 4), 3)})
    with pytest.raises(InputError, match="found no 'psoas_major_left'; it found: sacrum"):
        answer.mask("psoas_major_left")


def test_a_region_that_anatomy_does_not_know_is_refused():
    with pytest.raises(InputError, match="not a known structure"):
        whole({"psoaz": np.zeros((3, 3, 3), np.float32)})


def test_readers_of_two_grids_are_told_apart():
    first = whole({"sacrum": np.zeros((4, 4, 4), np.float32)})
    second = SignedDistances(
        shape=(4, 4, 4), affine=np.diag([2.0, 1, 1, 1]), surfaces={}, reader="other"
    )
    with pytest.raises(GridError, match="apart"):
        check_same_distances_grid(first, second)
    with pytest.raises(GridError, match="voxels"):
        check_same_distances_grid(first, whole({"sacrum": np.zeros((4, 4, 5), np.float32)}))
