"""Where fat ends and muscle begins, and what lies under the fascia."""

from __future__ import annotations

import numpy as np
import pytest
from segment.shapes import ball, depth_in_ball

from enthesis.image import Image
from enthesis.segment.distances import Surface
from enthesis.segment.midpoint import Midpoint, fat_muscle_midpoint, within_epimuscular_fat

SHAPE = (41, 41, 9)


def scan(values: np.ndarray, quantity: str = "hounsfield") -> Image:
    return Image(array=values, affine=np.eye(4), quantity=quantity)


def column(radius: float) -> np.ndarray:
    """Depth inside a column along K."""
    return np.repeat(depth_in_ball((41, 41, 1), (20, 20, 0), radius), SHAPE[2], axis=2)


def kept(depth: np.ndarray) -> Surface:
    i, j, k = depth.shape
    return Surface(box=(slice(0, i), slice(0, j), slice(0, k)), read=depth.__getitem__)


def test_the_midpoint_lies_half_way_between_fat_and_lean_muscle():
    muscle, fat = column(8), -column(14)
    values = np.where(muscle > 0, 60.0, -100.0)
    found = fat_muscle_midpoint(scan(values), [kept(muscle)], kept(fat))
    assert (found.fat, found.lean, found.value) == pytest.approx((-100, 60, -20))


def test_a_third_of_fat_among_the_fibres_moves_it_little():
    rng = np.random.default_rng(1)
    muscle, fat = column(10), -column(14)
    share = rng.random(SHAPE) < 1 / 3
    values = np.where(muscle > 0, np.where(share, -100.0, 60.0), -100.0)
    found = fat_muscle_midpoint(scan(values), [kept(muscle)], kept(fat))
    assert found.value == pytest.approx(-20)


def test_without_muscle_the_usual_midpoint_is_taken():
    found = fat_muscle_midpoint(scan(np.zeros(SHAPE)), [], None)
    assert found.value == -25
    assert found.fat == -105


def test_in_a_weighting_in_which_fat_is_bright_what_is_above_is_fat():
    found = fat_muscle_midpoint(
        scan(np.where(column(8) > 0, 200.0, 900.0), "signal"), [kept(column(8))], kept(-column(14))
    )
    assert found.value == pytest.approx(550)
    assert list(found.is_fat(np.array([300.0, 800.0]))) == [False, True]


def test_fat_under_the_fascia_is_left_out_and_fat_within_the_muscle_kept():
    fascia, muscle = column(12) > 0, column(9) > 0
    streak = column(3) > 0
    values = np.where(muscle & ~streak, 60.0, -100.0)
    midpoint = Midpoint(fat=-100, lean=60, value=-20)
    border = within_epimuscular_fat(fascia, scan(values), midpoint)
    assert np.array_equal(border, muscle)


def test_a_muscle_without_fat_under_its_fascia_stays_as_it_is():
    inside = ball((21, 21, 21), (10, 10, 10), 7)
    midpoint = Midpoint(fat=-100, lean=60, value=-20)
    border = within_epimuscular_fat(inside, scan(np.full(inside.shape, 50.0)), midpoint)
    assert np.array_equal(border, inside)


def test_a_narrow_cleft_that_opens_to_the_fascia_stays_in_the_muscle():
    fascia, muscle = column(16) > 0, column(13) > 0
    cleft = np.zeros(SHAPE, bool)
    cleft[18:23, 28:] = True
    values = np.where(muscle & ~cleft, 60.0, -100.0)
    border = within_epimuscular_fat(fascia, scan(values), Midpoint(fat=-100, lean=60, value=-20))
    # But for where its mouth is rounded.
    assert border[18:23, 28:31].all()
    assert not border[~muscle].any()
