import numpy as np
import pytest
from diagnosis.people import category, person

from enthesis.diagnosis.osteoporosis import ISCD_2023, NBHA_2014, ROUNDING_FLAG, WHO_1994
from enthesis.records import Measurement, Subject

WOMAN = {"sex": "female", "age": 70, "postmenopausal": 1}
YOUNG_WOMAN = {"sex": "female", "age": 30, "postmenopausal": 0}


@pytest.mark.parametrize(
    ("t", "expected"),
    [
        (np.nextafter(-2.5, -9), "osteoporosis"),
        (-2.5, "osteoporosis"),
        (np.nextafter(-2.5, 9), "low bone mass"),
        (-2.49, "low bone mass"),
        (np.nextafter(-1.0, -9), "low bone mass"),
        (-1.0, "normal"),
        (np.nextafter(-1.0, 9), "normal"),
    ],
)
@pytest.mark.parametrize("criterion", [WHO_1994, ISCD_2023], ids=lambda c: c.name)
@pytest.mark.parametrize("site", ["lumbar_spine", "total_hip", "femoral_neck"])
def test_the_borders_belong_to_osteoporosis_and_to_normal(criterion, site, t, expected):
    assert category(criterion, **WOMAN, **{f"t_score_{site}": t}) == expected


def test_the_lowest_site_decides():
    # Worked example: spine -1.9, hip -2.1, neck -2.6.
    scores = {"t_score_lumbar_spine": -1.9, "t_score_total_hip": -2.1, "t_score_femoral_neck": -2.6}
    found = WHO_1994.find(person(WHO_1994, **WOMAN, fragility_fracture=0, **scores))
    assert found.category == "osteoporosis"
    assert found.used["lowest T-score"] == "-2.60"
    assert found.is_diagnosis
    assert found.missing == ()


def test_osteoporosis_with_a_fragility_fracture_is_severe():
    low = {**WOMAN, "t_score_total_hip": -2.5}
    assert category(WHO_1994, **low, fragility_fracture=1) == "severe osteoporosis"
    assert category(WHO_1994, **low, fragility_fracture=0) == "osteoporosis"
    assert category(WHO_1994, **WOMAN, t_score_total_hip=-2.4, fragility_fracture=1) == (
        "low bone mass"
    )
    untold = WHO_1994.find(person(WHO_1994, **low))
    assert untold.category == "osteoporosis"
    assert untold.missing == ("fragility fracture (yes: severe osteoporosis)",)


def test_a_site_that_was_not_measured_is_named_where_it_could_decide():
    found = WHO_1994.find(person(WHO_1994, **WOMAN, t_score_total_hip=-1.5))
    assert "T-score of the femoral neck (at or below -2.5: osteoporosis)" in found.missing
    assert not any("33% radius" in missing for missing in found.missing)


def test_the_radius_counts_only_where_it_may():
    radius = {**WOMAN, "t_score_radius_33": -3.0}
    both = {**radius, "t_score_total_hip": -1.5}
    assert category(ISCD_2023, **radius) == "osteoporosis"
    assert category(ISCD_2023, **both) == "low bone mass"
    assert category(ISCD_2023, **both, hyperparathyroidism=1) == "osteoporosis"
    assert category(ISCD_2023, **both, over_table_limit=1) == "osteoporosis"
    assert category(ISCD_2023, **both, hyperparathyroidism=0) == "low bone mass"
    found = ISCD_2023.find(person(ISCD_2023, **both))
    assert "hyperparathyroidism (yes: osteoporosis)" in found.missing


@pytest.mark.parametrize(
    ("z", "expected"),
    [
        (np.nextafter(-2.0, -9), "below the expected range for age"),
        (-2.0, "below the expected range for age"),
        (np.nextafter(-2.0, 9), "within the expected range for age"),
    ],
)
@pytest.mark.parametrize("who", [YOUNG_WOMAN, {"sex": "male", "age": 49.9}])
def test_z_scores_hold_before_menopause_and_for_men_under_50(who, z, expected):
    scores = {"t_score_total_hip": -2.7, "z_score_total_hip": z}
    assert category(ISCD_2023, **who, **scores) == expected
    assert category(WHO_1994, **who, t_score_total_hip=-2.7) == "does not apply"


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (np.nextafter(50, 0), "within the expected range for age"),
        (50, "osteoporosis"),
        (np.nextafter(50, 99), "osteoporosis"),
    ],
)
def test_men_change_to_t_scores_at_50(age, expected):
    scores = {"t_score_total_hip": -2.7, "z_score_total_hip": -1.0}
    assert category(ISCD_2023, sex="male", age=age, **scores) == expected


@pytest.mark.parametrize(
    ("age", "expected"), [(19.99, "does not apply"), (20, "within the expected range for age")]
)
def test_children_are_left_to_their_own_positions(age, expected):
    assert category(ISCD_2023, sex="male", age=age, z_score_lumbar_spine=-1.0) == expected


@pytest.mark.parametrize(("age", "expected"), [(59.99, "cannot tell"), (60, "low bone mass")])
def test_menopause_is_taken_for_granted_from_60_and_flagged(age, expected):
    woman = {"sex": "female", "age": age, "t_score_total_hip": -2.0}
    assert category(ISCD_2023, **woman) == expected
    found = ISCD_2023.find(person(ISCD_2023, **woman))
    if expected == "cannot tell":
        assert "postmenopausal (yes: low bone mass)" in found.missing
    else:
        assert any("taken as postmenopausal" in flag for flag in found.flags)


def test_a_t_score_alone_is_classified_by_who_with_a_flag_and_not_by_iscd():
    bare = {"t_score_total_hip": -2.6}
    found = WHO_1994.find(person(WHO_1994, **bare))
    assert found.category == "osteoporosis"
    assert any("age, sex or menopausal status not given" in flag for flag in found.flags)
    assert category(ISCD_2023, **bare) == "cannot tell"


@pytest.mark.parametrize(
    ("t", "flagged"), [(-2.46, True), (-2.44, False), (-2.5, False), (-0.96, False), (-1.04, True)]
)
def test_a_score_that_rounding_moves_across_a_border_is_flagged(t, flagged):
    found = WHO_1994.find(person(WHO_1994, **WOMAN, t_score_total_hip=t))
    assert (ROUNDING_FLAG in found.flags) == flagged


def test_ward_triangle_trochanter_and_single_vertebrae_are_not_read():
    regions = ("ward_triangle", "trochanter", "vertebra")
    subject = Subject(
        sex="male",
        age=70,
        measurements=tuple(
            Measurement(quantity="t_score", value=-4.0, region=region, level="")
            for region in regions
        ),
    )
    assert WHO_1994.find(subject).category == "cannot tell"


NO_FRACTURE = {
    "hip_fracture": 0,
    "vertebral_fracture": 0,
    "humerus_or_pelvis_fracture": 0,
    "wrist_fracture": 0,
}
LOW_RISK = {"frax_major": 5, "frax_hip": 1}


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "no osteoporosis by these criteria"),
        ({"t_score_total_hip": -2.5}, "osteoporosis"),
        ({"t_score_total_hip": np.nextafter(-2.5, 9)}, "no osteoporosis by these criteria"),
        ({"hip_fracture": 1, "t_score_total_hip": 0.5}, "osteoporosis"),
        ({"vertebral_fracture": 1}, "osteoporosis"),
        ({"vertebral_fracture": 1, "t_score_total_hip": -1.0}, "no osteoporosis by these criteria"),
        ({"vertebral_fracture": 1, "t_score_total_hip": -1.01}, "osteoporosis"),
        ({"humerus_or_pelvis_fracture": 1}, "osteoporosis"),
        ({"wrist_fracture": 1}, "osteoporosis"),
        ({"frax_major": 20}, "osteoporosis"),
        ({"frax_major": 19.99}, "no osteoporosis by these criteria"),
        ({"frax_hip": 3}, "osteoporosis"),
        ({"frax_hip": 2.99}, "no osteoporosis by these criteria"),
        ({"age": 49, "sex": "male", "hip_fracture": 1}, "does not apply"),
    ],
)
def test_clinical_diagnosis_by_density_fracture_or_risk(changed, expected):
    given = {**WOMAN, "t_score_total_hip": -1.8, **NO_FRACTURE, **LOW_RISK, **changed}
    assert category(NBHA_2014, **given) == expected


def test_a_wrist_fracture_counts_by_judgement():
    given = {**WOMAN, "t_score_total_hip": -1.8, **NO_FRACTURE, **LOW_RISK, "wrist_fracture": 1}
    found = NBHA_2014.find(person(NBHA_2014, **given))
    assert any("by judgement" in flag for flag in found.flags)


def test_a_hip_fracture_alone_is_enough_without_any_density():
    assert category(NBHA_2014, **WOMAN, hip_fracture=1) == "osteoporosis"
    assert category(NBHA_2014, **WOMAN, t_score_total_hip=-1.8) == "cannot tell"
