"""Signed distances: where a surface lies, and how little of the grid is kept."""

from __future__ import annotations

import numpy as np
import pytest
from segment.shapes import ball, depth_in_ball, whole

from enthesis.errors import GridError, InputError
from enthesis.segment.distances import (
    FAR_MM,
    SignedDistances,
    check_same_distances_grid,
    signed_distance,
    surface_of,
)


def test_a_slab_of_four_voxels_is_two_voxels_deep_at_its_surface_counted_from_the_centres():
    mask = np.zeros((10, 3, 3), bool)
    mask[3:7] = True
    depth = signed_distance(mask, (2.0, 2.0, 2.0))
    # Surfaces lie half a voxel beyond the outer centres: -1, 1, 3, 3, 1, -1 mm.
    assert depth[2:8, 1, 1] == pytest.approx([-1, 1, 3, 3, 1, -1])


def test_a_ball_has_its_radius_as_depth_in_the_middle():
    depth = signed_distance(ball((31, 31, 31), (15, 15, 15), 9), (1.0, 1.0, 1.0))
    # A voxel model of a ball is right to about half a voxel.
    assert depth[15, 15, 15] == pytest.approx(9, abs=0.6)
    assert depth.min() == -FAR_MM


def test_a_surface_is_the_same_wherever_its_box_lies():
    mask = ball((40, 40, 40), (20, 20, 20), 5)
    affine = np.eye(4)
    found = surface_of(mask, affine)
    part = (slice(10, 32), slice(9, 33), slice(8, 34))
    again = surface_of(mask[part], affine, box=part)
    around = (slice(0, 40), slice(0, 40), slice(0, 40))
    assert found is not None
    assert again is not None
    inside = found.within(around) > -5
    assert again.within(around)[inside] == pytest.approx(found.within(around)[inside])


def test_beyond_its_box_a_surface_is_far_away():
    found = surface_of(ball((60, 60, 60), (20, 20, 20), 5), np.eye(4))
    assert found is not None
    assert (found.within((slice(50, 60), slice(50, 60), slice(50, 60))) == -FAR_MM).all()


def test_no_voxels_have_no_surface():
    assert surface_of(np.zeros((5, 5, 5), bool), np.eye(4)) is None


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
