"""Distributions and outliers of a cohort."""

import numpy as np
import pandas as pd
import pytest

from enthesis.cohort.spread import FEWEST, MOST_SHOWN, spread
from enthesis.errors import InputError


def long(values, **place):
    named = {"quantity": "area", "region": "psoas_major", "side": "left", "level": "L3"} | place
    return pd.DataFrame({"value": values, "unit": "mm2", "method": "mid-body"}).assign(
        subject=[f"P{i}" for i in range(len(values))], **named
    )


def test_median_quartiles_and_mad_by_hand():
    (one,) = spread(long([1.0, 2.0, 3.0, 4.0, 100.0])).distributions
    (place,) = one.places
    # Deviations from 3: 2, 1, 0, 1, 97; their median is 1.
    assert (place.n, place.median, place.lower, place.upper, place.mad) == (5, 3, 2, 4, 1)
    assert place.shown.tolist() == [1, 2, 3, 4, 100]
    assert (one.quantity, one.unit, one.region, one.method) == (
        *("area", "mm2", "psoas_major", "mid-body"),
    )


def test_a_value_beyond_three_and_a_half_robust_z_is_outlying():
    # Of 1 to 11 and x the median is 6.5 and the MAD 3: x is outlying from 6.5 + 10.5 / 0.6745.
    near, far = [*range(1, 12), 22.0], [*range(1, 12), 22.1]
    assert spread(long([float(x) for x in near])).outliers.empty
    found = spread(long([float(x) for x in far])).outliers
    assert found["subject"].tolist() == ["P11"]
    assert found["median"].tolist() == [6.5]
    assert found["robust_z"].iloc[0] == pytest.approx(0.6745 * 15.6 / 3)


def test_outliers_do_not_change_with_unit_or_order():
    rng = np.random.default_rng(5)
    table = long(np.append(rng.normal(100, 10, 60), [220.0, 10.0]))
    whole = spread(table).outliers
    scaled = spread(table.assign(value=table["value"] * 0.01 + 3)).outliers
    mixed = spread(table.sample(frac=1, random_state=1)).outliers
    assert set(whole["subject"]) >= {"P60", "P61"}
    assert scaled["subject"].tolist() == mixed["subject"].tolist() == whole["subject"].tolist()
    assert scaled["robust_z"].to_numpy() == pytest.approx(whole["robust_z"].to_numpy())


def test_few_values_and_values_all_alike_have_no_outliers():
    assert spread(long([1.0] * (FEWEST - 2) + [99.0])).outliers.empty
    assert spread(long([1.0] * 50 + [99.0])).outliers.empty


def test_sides_levels_and_methods_are_apart_and_gaps_are_left_out():
    table = pd.concat(
        [
            long([1.0, 2.0]),
            long([3.0, np.nan], side="right"),
            long([5.0, 6.0], level="L4"),
            long([7.0, 8.0], method="mean of slices"),
        ]
    )
    found = spread(table).distributions
    assert [(d.method, [(p.side, p.level, p.n) for p in d.places]) for d in found] == [
        ("mid-body", [("left", "L3", 2), ("right", "L3", 1), ("left", "L4", 2)]),
        ("mean of slices", [("left", "L3", 2)]),
    ]
    frame = spread(table).to_frame()
    assert frame["median"].tolist() == [1.5, 3.0, 5.5, 7.5]


def test_a_region_without_side_or_level_is_not_lost():
    table = long([1.0, 2.0, 3.0], side=None, level=None)
    (one,) = spread(table).distributions
    assert [(p.side, p.level, p.n) for p in one.places] == [("", "", 3)]


def test_of_many_values_evenly_spaced_ranks_are_shown_with_both_ends():
    rng = np.random.default_rng(2)
    values = rng.permutation(10_000).astype(float)
    (place,) = spread(long(values)).distributions[0].places
    assert len(place.shown) == MOST_SHOWN
    assert (place.shown[0], place.shown[-1]) == (0, 9999)
    assert np.diff(place.shown).max() - np.diff(place.shown).min() <= 1


def test_a_table_without_measurements_is_refused():
    with pytest.raises(InputError, match="no measurement"):
        spread(long([np.nan]))
    with pytest.raises(InputError, match="'method'"):
        spread(long([1.0]).drop(columns="method"))
