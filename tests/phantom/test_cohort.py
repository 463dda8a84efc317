import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.phantom import simulate_subjects, subjects_table
from enthesis.phantom.cohort import PER_DECADE, REFERENCE_AGE, SD, SHIFT_IN_SD


@pytest.fixture(scope="module")
def table():
    return subjects_table(simulate_subjects(3000, rng=np.random.default_rng(7)))


def test_groups_are_of_one_size_and_alike_in_age_and_sex(table):
    assert (table["group"].value_counts() == 1000).all()
    means = table.groupby("group")["age"].mean()
    # SD 8 of 1000 each: a standard error of 0.25 years.
    assert np.ptp(means) < 1.2
    assert table["sex"].eq("female").mean() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("group", ["osteoporosis", "osteopenia"])
def test_the_effects_that_were_put_in_are_found_again(table, group):
    decades = (table["age"] - REFERENCE_AGE) / 10
    of_age = table["trabecular_attenuation"] - PER_DECADE["trabecular_hu"] * decades
    by_group = of_age.groupby(table["group"])
    shift = (by_group.mean()[group] - by_group.mean()["control"]) / SD["trabecular_hu"]
    # Standard error of a difference of two means of 1000: 0.045 SD.
    assert shift == pytest.approx(SHIFT_IN_SD[group]["trabecular_hu"], abs=0.15)
    fat = np.log(table["multifidus_fat_infiltration"]) - PER_DECADE["fat"] * decades
    found = fat.groupby(table["group"]).mean()
    shift = (found[group] - found["control"]) / SD["fat"]
    # Very fatty muscles are cut off at what a body can hold.
    assert shift == pytest.approx(SHIFT_IN_SD[group]["fat"], abs=0.15)


def test_one_seed_is_one_cohort():
    first, again = (simulate_subjects(6, rng=np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert [one.id for one in first] == ["S001", "S002", "S003", "S004", "S005", "S006"]


def test_a_cohort_too_small_for_its_groups_is_refused():
    with pytest.raises(InputError, match="at least 3 subjects, one a group, got 2"):
        simulate_subjects(2, rng=np.random.default_rng(3))
