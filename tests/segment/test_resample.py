"""Other spacings along the same axes."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.segment.resample import resampled, resampling, size_at


def test_three_thin_slices_become_their_mean():
    assert resampling(6, 1.0, 2, 3.0).toarray() @ [0, 3, 6, 9, 9, 9] == pytest.approx([3, 9])


def test_twice_as_fine_lies_a_quarter_of_the_way_between_neighbours():
    fine = resampling(3, 2.0, 6, 1.0).toarray() @ [0, 4, 8]
    assert fine == pytest.approx([0, 1, 3, 5, 7, 8])


@pytest.mark.parametrize(("from_mm", "to_mm"), [(0.7, 3.0), (5.0, 3.0), (3.0, 0.8), (3.0, 3.0)])
def test_a_constant_stays_constant(from_mm: float, to_mm: float):
    shape = tuple(size_at(n, from_mm, to_mm) for n in (9, 8, 7))
    found = resampled(np.full((9, 8, 7), 4.0), (from_mm,) * 3, (to_mm,) * 3, shape)
    assert found == pytest.approx(np.full(shape, 4.0))


def test_a_slope_keeps_its_place_and_steepness_between_the_ends():
    slope = np.arange(60.0)[:, None, None] * np.ones((1, 4, 4))
    n = size_at(60, 1.0, 3.0)
    found = resampled(slope, (1.0, 1.0, 1.0), (3.0, 1.0, 1.0), (n, 4, 4))
    assert found[:, 0, 0] == pytest.approx(1 + 3 * np.arange(20.0))


def test_what_is_no_number_is_taken_as_nothing():
    found = resampled(np.full((3, 3, 3), np.nan), (1.0,) * 3, (1.0,) * 3, (3, 3, 3))
    assert (found == 0).all()
