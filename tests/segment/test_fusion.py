"""Two readers together: the surface between theirs, and how far they agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
from segment.shapes import ball, depth_in_ball, whole

from enthesis.errors import GridError
from enthesis.segment.fusion import fused

SHAPE = (41, 41, 41)


def test_where_the_readers_agree_the_surface_lies_midway():
    small, large = (depth_in_ball(SHAPE, (20, 20, 20), radius) for radius in (10, 12))
    both = fused(whole({"sacrum": small}), whole({"sacrum": large}))
    # Their middle discs share 2 * 100 / (100 + 144) of themselves: 0.82, four fifths of the way.
    radius = 10 + 2 * (0.82 - 0.7) / (0.85 - 0.7) / 2
    middle = both.distances.mask("sacrum")[:, :, 20]
    assert middle.sum() == pytest.approx(math.pi * radius**2, rel=0.03)
    nearer = depth_in_ball(SHAPE, (20, 20, 20), 11)
    both = fused(whole({"sacrum": small}), whole({"sacrum": nearer}))
    assert np.array_equal(
        both.distances.mask("sacrum")[:, :, 20], ball(SHAPE, (20, 20, 20), 10.5)[:, :, 20]
    )


def test_where_one_reader_is_lost_the_first_is_believed():
    one = whole({"sacrum": depth_in_ball(SHAPE, (14, 20, 20), 7)})
    two = whole({"sacrum": depth_in_ball(SHAPE, (26, 20, 20), 7)})
    assert np.array_equal(fused(one, two).distances.mask("sacrum"), one.mask("sacrum"))
    assert np.array_equal(fused(two, one).distances.mask("sacrum"), two.mask("sacrum"))


def test_of_a_region_that_the_second_knows_better_the_mean_lies_nearer_to_it():
    small, large = (depth_in_ball(SHAPE, (20, 20, 20), radius) for radius in (6, 10))
    both = fused(whole({"sacrum": small}), whole({"sacrum": large}), mostly_second=["sacrum"])
    assert np.array_equal(both.distances.mask("sacrum"), ball(SHAPE, (20, 20, 20), 9))


def test_agreement_is_the_dice_of_the_two_masks():
    first, second = np.full(SHAPE, -5.0, np.float32), np.full(SHAPE, -5.0, np.float32)
    first[10:20, 10, 10] = 1
    second[15:20, 10, 10] = 1
    both = fused(whole({"sacrum": first}), whole({"sacrum": second}))
    assert both.agreement["sacrum"].dice == pytest.approx(2 * 5 / 15)
    assert both.agreement["sacrum"].by_slice[10] == pytest.approx(2 * 5 / 15)
    assert math.isnan(both.agreement["sacrum"].by_slice[11])


def test_a_reader_fused_with_itself_is_itself_and_agrees():
    one = whole({"sacrum": depth_in_ball(SHAPE, (18, 20, 20), 7)})
    both = fused(one, one)
    assert np.array_equal(both.distances.mask("sacrum"), one.mask("sacrum"))
    assert both.agreement["sacrum"].dice == 1


def test_a_region_that_one_reader_alone_found_is_as_it_found_it_without_agreement():
    one = whole({"sacrum": depth_in_ball(SHAPE, (18, 20, 20), 7)})
    two = whole({"spinal_canal": depth_in_ball(SHAPE, (18, 30, 20), 4)}, reader="reader 2")
    both = fused(one, two)
    assert np.array_equal(both.distances.mask("sacrum"), one.mask("sacrum"))
    assert not both.agreement
    assert both.distances.reader == "mean of reader 1 and reader 2"


def test_readers_of_unlike_grids_are_refused():
    one = whole({"sacrum": np.zeros(SHAPE, np.float32)})
    with pytest.raises(GridError, match="let both read the same scan"):
        fused(one, whole({"sacrum": np.zeros((4, 4, 4), np.float32)}))
