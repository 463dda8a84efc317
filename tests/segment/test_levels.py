"""Which vertebra is which."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.segment.levels import (
    CERTAIN,
    GUESSED,
    LIKELY,
    SURE,
    LevelProposal,
    held_against,
    proposed_levels,
    told_levels,
)

DISCS = np.array([20.0, 37.0, 54.0, 71.0, 88.0])
WINGS_BELOW_THE_FIRST = np.array([0.8, 0.1, 0.1, 0.1, 0.05])
NO_RIB = (np.array([]), np.array([]))

LONGER = np.arange(20.0, 174.0, 17.0)
"""Ten discs, 17 apart: the bodies' middles lie at 11.5, 28.5, 45.5, ..."""

NO_WINGS = np.full(10, 0.1)


def wings_below(disc: int) -> np.ndarray:
    """The sacrum below one of the longer spine's discs."""
    return np.where(np.arange(10) <= disc, 0.8, 0.1)


def ribs_at(*bodies: float) -> tuple[np.ndarray, np.ndarray]:
    """Ribs on both sides at bodies of the longer spine, counted from 0."""
    heights = 11.5 + 17 * np.array(bodies)
    return heights, heights + 1


def test_vertebrae_are_counted_upwards_from_the_wings_of_the_sacrum():
    found = proposed_levels(WINGS_BELOW_THE_FIRST, DISCS, crest=40.0, ribs=NO_RIB)
    assert found.names == ("S1", "L5", "L4", "L3", "L2", "L1")
    assert found.confidence == SURE


def test_without_the_crests_in_view_levels_are_less_sure():
    assert (
        proposed_levels(WINGS_BELOW_THE_FIRST, DISCS, crest=None, ribs=NO_RIB).confidence == LIKELY
    )


def test_crests_that_end_elsewhere_make_levels_unknown():
    found = proposed_levels(WINGS_BELOW_THE_FIRST, DISCS, crest=86.0, ribs=NO_RIB)
    assert not found.known
    assert "iliac crests" in found.reason


def test_the_sacrum_may_hold_two_discs():
    wings = np.array([0.9, 0.85, 0.1, 0.1, 0.1])
    names = proposed_levels(wings, DISCS, crest=None, ribs=NO_RIB).names
    assert names == ("", "S1", "L5", "L4", "L3", "L2")


@pytest.mark.parametrize(
    ("wings", "reason"),
    [
        ([0.1, 0.1, 0.1, 0.1, 0.05], "the sacrum was not seen"),
        ([0.9, 0.5, 0.1, 0.1, 0.1], "could not be told apart"),
    ],
)
def test_a_level_that_cannot_be_known_is_unknown(wings: list[float], reason: str):
    found = proposed_levels(np.array(wings), DISCS, crest=None, ribs=NO_RIB)
    assert found.names == ("",) * 6
    assert found.confidence == 0
    assert reason in found.reason


def test_one_level_told_names_all():
    heights = np.array([0.0, 35.0, 70.0, 105.0])
    assert told_levels(heights, {"L3": 68.0}).names == ("L5", "L4", "L3", "L2")


def test_a_level_told_against_the_count_says_so():
    counted = LevelProposal(names=("S1", "L5", "L4", ""), confidence=SURE, reason="counted")
    told = LevelProposal(names=("L5", "L4", "L3", "L2"), confidence=1.0, reason="set by the user")
    held = held_against(told, counted, asked={"L4"})
    assert held.names == told.names
    assert "what is called L4 was counted as L5" in held.reason


def test_a_level_told_as_counted_or_where_nothing_was_needs_no_word():
    told = LevelProposal(names=("S1", "L5"), confidence=1.0, reason="set by the user")
    for names in (("S1", "L5"), ("", "")):
        counted = LevelProposal(names=names, confidence=SURE, reason="counted")
        assert held_against(told, counted, asked={"L5"}) == told


def test_two_levels_that_contradict_are_refused():
    heights = np.array([0.0, 35.0, 70.0, 105.0])
    with pytest.raises(InputError, match="L3 at 70 mm and L1 at 0 mm contradict each other"):
        told_levels(heights, {"L3": 70.0, "L1": 0.0})


def test_a_sixth_lumbar_vertebra_can_be_told():
    heights = np.arange(4) * 35.0
    assert told_levels(heights, {"L6": 35.0}).names == ("S1", "L6", "L5", "L4")


def test_four_lumbar_vertebrae_are_told_by_the_neighbours_of_the_missing_one():
    heights = np.arange(4) * 35.0
    found = told_levels(heights, {"S1": 0.0, "L4": 35.0})
    assert found.names == ("S1", "L4", "L3", "L2")
    assert found.sacrum == 0


def test_a_level_above_which_nothing_is_in_view_is_refused():
    with pytest.raises(InputError, match="no vertebra above S1 would be in view with S1 at 70 mm"):
        told_levels(np.array([0.0, 35.0, 70.0]), {"S1": 70.0})


def test_a_level_of_no_spine_is_refused():
    with pytest.raises(InputError, match="no vertebral level is called 'L9'"):
        told_levels(np.array([0.0]), {"L9": 0.0})


def test_ribs_on_the_sixth_body_above_the_sacrum_make_the_count_surer():
    found = proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs_at(6, 7, 8, 9, 10))
    assert found.names[:8] == ("S1", "L5", "L4", "L3", "L2", "L1", "T12", "T11")
    assert found.confidence == CERTAIN
    assert "in agreement with the iliac crests and the lowest ribs" in found.reason


def test_ribs_may_stand_in_for_the_crests():
    found = proposed_levels(wings_below(0), LONGER, crest=None, ribs=ribs_at(6, 7, 8, 9, 10))
    assert found.confidence == SURE
    found = proposed_levels(wings_below(0), LONGER, crest=86.0, ribs=ribs_at(6, 7, 8, 9, 10))
    assert found.confidence == LIKELY
    assert "though the iliac crests end elsewhere" in found.reason


@pytest.mark.parametrize(("lowest", "between"), [(5, 4), (7, 6)])
def test_four_or_six_vertebrae_between_sacrum_and_ribs_make_levels_unknown(
    lowest: int, between: int
):
    bearing = range(lowest, 11)
    found = proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs_at(*bearing))
    assert not found.known
    assert f"{between} vertebrae without ribs lie between" in found.reason
    assert found.sacrum == 0


def test_a_rib_on_one_side_is_enough_to_contradict():
    left, right = ribs_at(6, 7, 8, 9, 10)
    left = np.append(left, ribs_at(5)[0])
    assert not proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=(left, right)).known


def test_what_lies_alone_below_the_ribs_is_none():
    found = proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs_at(3.9, 6, 7, 8, 9, 10))
    assert found.confidence == CERTAIN


def test_what_lies_at_the_iliac_wings_is_no_rib():
    ribs = ribs_at(1, 2, 3, 6, 7, 8, 9, 10)
    assert proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs).confidence == CERTAIN
    without_sacrum = proposed_levels(NO_WINGS, LONGER, crest=40.0, ribs=ribs)
    assert without_sacrum.names[6] == "T12"


def test_a_rib_that_was_missed_higher_up_changes_nothing():
    found = proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs_at(6, 7, 10))
    assert found.confidence == CERTAIN


def test_a_rib_far_below_the_top_of_the_spine_in_view_and_alone_is_none():
    found = proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs_at(5))
    assert found.confidence == SURE
    assert "the lowest ribs were not seen" in found.reason


def test_a_rib_between_two_vertebrae_is_given_to_neither():
    found = proposed_levels(wings_below(0), LONGER, crest=40.0, ribs=ribs_at(6.45, 8, 9, 10))
    assert found.confidence == SURE


def test_a_rib_on_the_body_above_the_highest_disc_in_view_is_counted():
    wings = np.array([0.8, 0.1, 0.1, 0.1, 0.1])
    heights = np.array([11.5 + 17 * 6])
    found = proposed_levels(wings, DISCS, crest=40.0, ribs=(heights, heights))
    assert found.names == ("S1", "L5", "L4", "L3", "L2", "L1")
    assert found.confidence == CERTAIN


def test_without_the_sacrum_levels_are_counted_downwards_from_the_ribs():
    found = proposed_levels(NO_WINGS, LONGER, crest=None, ribs=ribs_at(5, 6, 7, 8, 9, 10))
    # The lowest body would be L5, and may be sacrum: it has no name.
    assert found.names[:6] == ("", "L4", "L3", "L2", "L1", "T12")
    assert found.confidence == GUESSED
    assert "downwards from the lowest ribs" in found.reason


def test_crests_at_their_place_make_the_count_from_the_ribs_likely():
    ribs = ribs_at(5, 6, 7, 8, 9, 10)
    assert proposed_levels(NO_WINGS, LONGER, crest=28.5, ribs=ribs).confidence == LIKELY
    assert not proposed_levels(NO_WINGS, LONGER, crest=90.0, ribs=ribs).known


def test_a_faint_sacrum_at_the_place_that_the_ribs_give_it_is_believed():
    faint = np.where(np.arange(10) == 0, 0.3, 0.1)
    found = proposed_levels(faint, LONGER, crest=None, ribs=ribs_at(6, 7, 8, 9, 10))
    assert found.names[:3] == ("S1", "L5", "L4")
    assert not proposed_levels(faint, LONGER, crest=None, ribs=ribs_at(7, 8, 9, 10)).known


def test_ribs_of_one_side_alone_name_nothing():
    left, _ = ribs_at(5, 6, 7, 8, 9, 10)
    assert not proposed_levels(NO_WINGS, LONGER, crest=None, ribs=(left, np.array([]))).known


def test_nothing_is_counted_from_the_ribs_over_a_gap_in_which_a_disc_may_be_missing():
    discs = np.delete(LONGER, 2)
    ribs = ribs_at(5, 6, 7, 8, 9, 10)
    assert not proposed_levels(NO_WINGS[1:], discs, crest=None, ribs=ribs).known
