"""Which vertebra is which."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.segment.levels import LIKELY, SURE, proposed_levels, told_levels

DISCS = np.array([20.0, 37.0, 54.0, 71.0, 88.0])
WINGS_BELOW_THE_FIRST = np.array([0.8, 0.1, 0.1, 0.1, 0.05])


def test_vertebrae_are_counted_upwards_from_the_wings_of_the_sacrum():
    found = proposed_levels(WINGS_BELOW_THE_FIRST, DISCS, crest=40.0)
    assert found.names == ("S1", "L5", "L4", "L3", "L2", "L1")
    assert found.confidence == SURE


def test_without_the_crests_in_view_levels_are_less_sure():
    assert proposed_levels(WINGS_BELOW_THE_FIRST, DISCS, crest=None).confidence == LIKELY


def test_crests_that_end_elsewhere_make_levels_unknown():
    found = proposed_levels(WINGS_BELOW_THE_FIRST, DISCS, crest=86.0)
    assert not found.known
    assert "iliac crests" in found.reason


def test_the_sacrum_may_hold_two_discs():
    wings = np.array([0.9, 0.85, 0.1, 0.1, 0.1])
    names = proposed_levels(wings, DISCS, crest=None).names
    assert names == ("", "S1", "L5", "L4", "L3", "L2")


@pytest.mark.parametrize(
    ("wings", "reason"),
    [
        ([0.1, 0.1, 0.1, 0.1, 0.05], "the sacrum was not seen"),
        ([0.9, 0.5, 0.1, 0.1, 0.1], "could not be told apart"),
    ],
)
def test_a_level_that_cannot_be_known_is_unknown(wings: list[float], reason: str):
    found = proposed_levels(np.array(wings), DISCS, crest=None)
    assert found.names == ("",) * 6
    assert found.confidence == 0
    assert reason in found.reason


def test_one_level_told_names_all():
    heights = np.array([0.0, 35.0, 70.0, 105.0])
    assert told_levels(heights, {"L3": 68.0}).names == ("L5", "L4", "L3", "L2")


def test_two_levels_that_contradict_are_refused():
    heights = np.array([0.0, 35.0, 70.0, 105.0])
    with pytest.raises(InputError, match="L1 at 0 mm contradicts"):
        told_levels(heights, {"L3": 70.0, "L1": 0.0})


def test_a_level_of_no_spine_is_refused():
    with pytest.raises(InputError, match="no vertebral level is called 'L9'"):
        told_levels(np.array([0.0]), {"L9": 0.0})
