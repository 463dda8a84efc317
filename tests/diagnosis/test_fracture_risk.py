import numpy as np
import pandas as pd
import pytest
from diagnosis.people import category, person

from enthesis.diagnosis.fracture_risk import (
    BHOF_2022,
    TBS_MCCLOSKEY_2016,
    TBS_SILVA_2014,
    age_thresholds,
)
from enthesis.errors import InputError

WOMAN = {
    "sex": "female",
    "age": 70,
    "postmenopausal": 1,
    "hip_fracture": 0,
    "vertebral_fracture": 0,
}

# Made up for these tests: no guideline's numbers.
TABLE = pd.DataFrame({"age": [50, 60, 70], "major": [10.0, 20.0, 30.0], "hip": [1.0, 2.0, 5.0]})


def thresholds(table=TABLE, **options):
    return age_thresholds(table, name="mine_2020", title="Mine, 2020", source="made up", **options)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"t_score_total_hip": -1.8, "frax_major": 20, "frax_hip": 1}, "risk"),
        ({"t_score_total_hip": -1.8, "frax_major": np.nextafter(20, 0), "frax_hip": 1}, None),
        ({"t_score_total_hip": -1.8, "frax_major": np.nextafter(20, 99), "frax_hip": 1}, "risk"),
        ({"t_score_total_hip": -1.8, "frax_major": 1, "frax_hip": 3}, "risk"),
        ({"t_score_total_hip": -1.8, "frax_major": 1, "frax_hip": np.nextafter(3, 0)}, None),
        ({"t_score_total_hip": -1.8, "frax_major": 1, "frax_hip": np.nextafter(3, 9)}, "risk"),
        ({"t_score_total_hip": -1.0, "frax_major": 30, "frax_hip": 9}, None),
        ({"t_score_total_hip": np.nextafter(-1, -9), "frax_major": 30, "frax_hip": 9}, "risk"),
        ({"t_score_total_hip": -2.5, "frax_major": 1, "frax_hip": 1}, "density"),
        ({"t_score_total_hip": np.nextafter(-2.5, 0), "frax_major": 1, "frax_hip": 1}, None),
        ({"t_score_total_hip": 0.0, "hip_fracture": 1}, "fracture"),
        ({"vertebral_fracture": 1}, "fracture"),
    ],
)
def test_united_states_thresholds(given, expected):
    wanted = f"consider treatment: {expected}" if expected else "below the intervention thresholds"
    assert category(BHOF_2022, **WOMAN | given) == wanted


def test_the_thresholds_do_not_apply_before_menopause():
    given = WOMAN | {"age": 40, "postmenopausal": 0, "t_score_total_hip": -3.0}
    assert category(BHOF_2022, **given) == "does not apply"


def test_a_missing_probability_is_named_with_the_value_that_decides():
    given = WOMAN | {"t_score_total_hip": -1.8, "frax_major": 9.0}
    found = BHOF_2022.find(person(BHOF_2022, **given))
    assert found.category == "cannot tell"
    assert (
        "FRAX, hip fracture (at or above 3%: consider treatment: risk; "
        "below 3%: below the intervention thresholds)"
    ) in found.missing


@pytest.mark.parametrize(
    ("tbs", "expected"),
    [
        (np.nextafter(1.2, 0), "degraded"),
        (1.2, "degraded"),
        (np.nextafter(1.2, 9), "partially degraded"),
        (np.nextafter(1.35, 0), "partially degraded"),
        (1.35, "normal"),
        (np.nextafter(1.35, 9), "normal"),
    ],
)
def test_tbs_bands_of_silva_2014(tbs, expected):
    given = {"trabecular_bone_score_lumbar_spine": tbs, "height_m": 1.6, "weight_kg": 60}
    found = TBS_SILVA_2014.find(person(TBS_SILVA_2014, **given))
    assert found.category == f"{expected} microarchitecture"
    judged = TBS_SILVA_2014.judge({k: [v] for k, v in given.items()})
    assert TBS_SILVA_2014.named(judged.codes)[0] == found.category
    assert not any("body mass index" in flag for flag in found.flags)


@pytest.mark.parametrize(
    ("tbs", "expected"),
    [
        (np.nextafter(1.23, 0), "degraded"),
        (1.23, "partially degraded"),
        (np.nextafter(1.23, 9), "partially degraded"),
        (np.nextafter(1.31, 0), "partially degraded"),
        (1.31, "partially degraded"),
        (np.nextafter(1.31, 9), "normal"),
    ],
)
def test_tbs_bands_of_mccloskey_2016_say_that_they_were_not_seen(tbs, expected):
    found = TBS_MCCLOSKEY_2016.find(
        person(TBS_MCCLOSKEY_2016, trabecular_bone_score_lumbar_spine=tbs)
    )
    assert found.category == f"{expected} microarchitecture"
    assert TBS_MCCLOSKEY_2016.status == "memory"
    assert "not all numbers of this criterion were seen in its source" in found.flags


def test_tbs_bands_of_women_do_not_apply_to_men():
    given = {"trabecular_bone_score_lumbar_spine": 1.1}
    assert category(TBS_SILVA_2014, sex="male", **given) == "does not apply"
    assert category(TBS_SILVA_2014, sex="female", **given) == "degraded microarchitecture"
    assert category(TBS_MCCLOSKEY_2016, sex="male", **given) == "degraded microarchitecture"


@pytest.mark.parametrize(
    ("bmi", "flagged"), [(14.99, True), (15, False), (37, False), (37.01, True)]
)
def test_tbs_is_flagged_outside_the_range_of_body_mass_it_is_cleared_for(bmi, flagged):
    verdict = TBS_SILVA_2014.judge({"trabecular_bone_score_lumbar_spine": [1.3], "bmi": [bmi]})
    (outside,) = (where for flag, where in verdict.flags.items() if "outside" in flag)
    assert outside[0] == flagged


@pytest.mark.parametrize(
    ("age", "major", "between", "reached"),
    [
        (60, 20, "linear", True),
        (60, np.nextafter(20, 0), "linear", False),
        (65, 25, "linear", True),
        (65, 24.9, "linear", False),
        (65, 20, "step", True),
        (65, 19.9, "step", False),
        (69.9, 20, "step", True),
        (70, 29.9, "step", False),
    ],
)
def test_thresholds_by_age_from_a_table(age, major, between, reached):
    criterion = thresholds(TABLE[["age", "major"]], between=between)
    wanted = f"{'at or above' if reached else 'below'} the intervention threshold"
    assert category(criterion, age=age, frax_major=major) == wanted


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (49.99, "does not apply"),
        (50, "at or above the intervention threshold"),
        (70, "at or above the intervention threshold"),
        (70.01, "does not apply"),
    ],
)
def test_thresholds_are_never_extrapolated(age, expected):
    assert category(thresholds(), age=age, frax_major=50, frax_hip=1) == expected


def test_either_probability_can_reach_its_threshold_and_both_thresholds_are_told():
    criterion = thresholds()
    assert category(criterion, age=60, frax_major=5, frax_hip=2).startswith("at or above")
    assert category(criterion, age=60, frax_major=5, frax_hip=1.9).startswith("below")
    assert category(criterion, age=60, frax_major=5) == "cannot tell"
    found = criterion.find(person(criterion, age=65, frax_major=5, frax_hip=1))
    assert found.used["threshold of FRAX, hip fracture"] == "3.5%"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (TABLE[["age"]], "needs age and major, got age"),
        (TABLE[::-1], "ages must rise"),
        (TABLE.assign(hip=[1, 2, 101]), "between 0 and 100%, got 101 at age 70"),
        (TABLE.assign(major=[1, np.nan, 3]), "got nan at age 60"),
    ],
)
def test_tables_that_cannot_be_thresholds_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        thresholds(table)


def test_an_unknown_rule_between_the_rows_is_refused():
    with pytest.raises(InputError, match="'linear' or 'step', got 'cubic'"):
        thresholds(between="cubic")
