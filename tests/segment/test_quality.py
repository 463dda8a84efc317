"""What makes a region worth a look."""

from __future__ import annotations

from typing import Any

import numpy as np
from segment.shapes import depth_in_ball, whole

from enthesis.segment.fusion import Agreement
from enthesis.segment.quality import RegionQuality, region_quality

SHAPE = (60, 60, 40)


def pair(left: float, right: float) -> dict[str, np.ndarray]:
    """Two balls of these radii, beside each other."""
    return {
        "psoas_major_left": depth_in_ball(SHAPE, (15, 30, 20), left),
        "psoas_major_right": depth_in_ball(SHAPE, (45, 30, 20), right),
    }


def agreed(dice: float) -> Agreement:
    return Agreement(dice=dice, by_slice=np.full(SHAPE[2], dice))


def judged(depths: dict[str, np.ndarray], **known: dict[str, Any]) -> dict[str, RegionQuality]:
    return region_quality(whole(depths), depths, **known)


def test_regions_on_which_the_readers_agree_need_no_look():
    found = judged(
        pair(10, 10),
        agreement={"psoas_major_left": agreed(0.93)},
        steadiness={"psoas_major_left": 0.9},
    )
    assert found["psoas_major_left"].score == 0.9
    assert not found["psoas_major_left"].review


def test_readers_that_disagree_ask_for_a_look():
    found = judged(pair(10, 10), agreement={"psoas_major_left": agreed(0.6)}, steadiness={})
    assert found["psoas_major_left"].reasons == ("the two readers agree by only 0.60",)
    assert found["psoas_major_left"].review


def test_unlike_sides_are_remarked_on_both_sides():
    found = judged(pair(10, 7), agreement={}, steadiness={})
    assert all("left and right differ" in found[name].reasons[0] for name in found)


def test_a_region_at_the_side_of_the_field_may_be_cut():
    depths = {"psoas_major_left": depth_in_ball(SHAPE, (3, 30, 20), 9)}
    found = judged(depths, agreement={}, steadiness={})
    assert "side of the field" in found["psoas_major_left"].reasons[-1]


def test_a_scrap_is_remarked_on():
    depths = {"sacrum": depth_in_ball(SHAPE, (30, 30, 20), 2)}
    found = judged(depths, agreement={}, steadiness={})
    assert "mL" in found["sacrum"].reasons[0]
