import numpy as np
import pytest
from diagnosis.people import category, person

from enthesis.diagnosis.screening import (
    ABONE_2000,
    KG_PER_POUND,
    MORES_2007,
    ORAI_2000,
    OSIRIS_2002,
    OST_BANDS_2004,
    OST_MEN_2003,
    OST_WOMEN_2004,
    OSTA_2001,
    SCORE_1998,
    SCREENING_CRITERIA,
)

WOMAN = {"sex": "female", "postmenopausal": 1}
MAN = {"sex": "male"}
ADVISED, NOT_ADVISED = "DXA advised", "DXA not advised by this score"


def score(criterion, **given):
    verdict = criterion.judge({column: [value] for column, value in given.items()})
    (points,) = verdict.numbers.values()
    return points[0]


def test_worked_examples():
    # Reference rows: 55 kg at 72 is OST -3; 72 y, 58 kg, no estrogen is ORAI 20; 72 y, 130 lb, one
    # wrist fracture, never estrogen, not black is SCORE 18; 76 y, 68 kg is MORES 10; 55 kg, 72 y,
    # no therapy, a fracture is OSIRIS -5.
    assert score(OST_WOMEN_2004, **WOMAN, age=72, weight_kg=55) == -3
    assert score(ORAI_2000, **WOMAN | {"age": 72, "weight_kg": 58, "estrogen_now": 0}) == 20
    facts = {"black": 0, "rheumatoid_arthritis": 0, "fractures_after_45": 1, "estrogen_ever": 0}
    pounds_130 = np.nextafter(130 * KG_PER_POUND, 99)
    assert score(SCORE_1998, **WOMAN, **facts, age=72, weight_kg=pounds_130) == 18
    assert score(MORES_2007, **MAN, age=76, weight_kg=68, copd=0) == 10
    given = {"age": 72, "weight_kg": 55, "estrogen_now": 0, "fragility_fracture": 1}
    assert score(OSIRIS_2002, **WOMAN, **given) == -5


@pytest.mark.parametrize(
    ("weight", "index", "women", "men"),
    [
        # At 60 years; the index is cut towards zero.
        (69.99, 1, ADVISED, ADVISED),
        (70, 2, NOT_ADVISED, ADVISED),
        (70.01, 2, NOT_ADVISED, ADVISED),
        (79.99, 3, NOT_ADVISED, ADVISED),
        (80, 4, NOT_ADVISED, NOT_ADVISED),
        (80.01, 4, NOT_ADVISED, NOT_ADVISED),
        (56, 0, ADVISED, ADVISED),
    ],
)
def test_ost_advises_below_2_in_women_and_below_4_in_men(weight, index, women, men):
    assert score(OST_WOMEN_2004, **WOMAN, age=60, weight_kg=weight) == index
    assert category(OST_WOMEN_2004, **WOMAN, age=60, weight_kg=weight) == women
    assert category(OST_MEN_2003, **MAN, age=60, weight_kg=weight) == men


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (55.01, "low risk"),  # (55.01 - 60) / 5 is cut to 0
        (55, "medium risk"),
        (54.99, "medium risk"),
        (40, "medium risk"),
        (35.01, "medium risk"),
        (35, "high risk"),
        (34.99, "high risk"),
    ],
)
def test_osta_bands_of_koh_2001(weight, expected):
    assert category(OSTA_2001, **WOMAN, age=60, weight_kg=weight) == expected


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (40, "high risk"),
        (40.01, "medium risk"),  # -3.998 is cut to -3
        (45, "medium risk"),
        (65, "medium risk"),
        (69.99, "medium risk"),
        (70, "low risk"),
        (70.01, "low risk"),
    ],
)
def test_ost_in_three_bands(weight, expected):
    assert category(OST_BANDS_2004, **WOMAN, age=60, weight_kg=weight) == expected


@pytest.mark.parametrize(
    ("age", "points"), [(45, 0), (54.99, 0), (55, 5), (64.99, 5), (65, 9), (74.99, 9), (75, 15)]
)
def test_orai_points_by_age_in_completed_years(age, points):
    given = {"sex": "female", "age": age, "weight_kg": 80, "estrogen_now": 1}
    assert score(ORAI_2000, **given) == points


@pytest.mark.parametrize(
    ("weight", "points"), [(59.99, 9), (60, 3), (69.99, 3), (70, 0), (70.01, 0)]
)
def test_orai_points_by_weight(weight, points):
    given = {"sex": "female", "age": 50, "weight_kg": weight, "estrogen_now": 1}
    assert score(ORAI_2000, **given) == points


def test_orai_advises_from_9_points():
    base = {"sex": "female", "age": 55}
    assert category(ORAI_2000, **base, weight_kg=60, estrogen_now=1) == NOT_ADVISED  # 8
    assert category(ORAI_2000, **base | {"age": 65}, weight_kg=80, estrogen_now=1) == ADVISED  # 9
    assert category(ORAI_2000, **base, weight_kg=60, estrogen_now=0) == ADVISED  # 10


@pytest.mark.parametrize(("age", "applies"), [(44.99, False), (45, True), (45.01, True)])
def test_orai_is_for_women_from_45(age, applies):
    given = {"sex": "female", "age": age, "weight_kg": 80, "estrogen_now": 1}
    assert (category(ORAI_2000, **given) != "does not apply") == applies


def test_a_fact_that_is_missing_matters_only_where_it_decides():
    base = {"sex": "female", "weight_kg": 80}
    assert category(ORAI_2000, **base, age=75) == ADVISED
    assert category(ORAI_2000, **base, age=50) == NOT_ADVISED
    between = {"sex": "female", "age": 55, "weight_kg": 65}
    assert category(ORAI_2000, **between) == "cannot tell"
    found = ORAI_2000.find(person(ORAI_2000, **between))
    assert found.missing == (
        "taking estrogen (yes: DXA not advised by this score; no: DXA advised)",
    )


def test_score_advises_from_6_points_and_counts_tens_of_years():
    facts = {"black": 1, "rheumatoid_arthritis": 0, "fractures_after_45": 0, "estrogen_ever": 1}
    at = {**WOMAN, **facts, "weight_kg": 69}  # 152 lb: -15
    assert score(SCORE_1998, **at, age=70) == 6
    assert category(SCORE_1998, **at, age=70) == ADVISED
    assert category(SCORE_1998, **at, age=69.99) == NOT_ADVISED  # 3
    assert category(SCORE_1998, **at | {"estrogen_ever": 0}, age=70) == ADVISED  # 7
    assert score(SCORE_1998, **at | {"weight_kg": 73}, age=70) == 5  # 160.9 lb: -16
    assert score(SCORE_1998, **at, age=100) == 15
    assert score(SCORE_1998, **at | {"fractures_after_45": 5}, age=70) == 18


@pytest.mark.parametrize(
    ("age", "weight", "ever", "points"),
    [
        (65, 63.5, 1, 0),
        (65.01, 63.5, 1, 1),
        (65, 63.49, 1, 1),
        (64.99, 63.51, 0, 1),
        (66, 60, 1, 2),
        (66, 60, 0, 3),
    ],
)
def test_abone_points_and_its_threshold_of_2(age, weight, ever, points):
    given = {**WOMAN, "age": age, "weight_kg": weight, "estrogen_ever": ever}
    assert score(ABONE_2000, **given) == points
    assert category(ABONE_2000, **given) == (ADVISED if points >= 2 else NOT_ADVISED)


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (40, "high risk"),  # 8 - 12 = -4
        (45, "intermediate risk"),  # -3
        (50, "intermediate risk"),
        (65, "intermediate risk"),  # +1
        (69.99, "intermediate risk"),
        (70, "low risk"),  # +2
    ],
)
def test_osiris_borders_of_the_abstract(weight, expected):
    given = {"age": 60, "weight_kg": weight, "estrogen_now": 0, "fragility_fracture": 0}
    assert category(OSIRIS_2002, **WOMAN, **given) == expected


@pytest.mark.parametrize(
    ("age", "weight", "copd", "points"),
    [
        (50, 80.01, 0, 0),
        (55.99, 80, 0, 4),
        (56, 70.01, 0, 7),
        (74.99, 70, 0, 9),
        (75, 69.99, 0, 10),
        (75, 90, 1, 7),
        (56, 90, 1, 6),
        (55, 70, 0, 6),
        (56, 90, 0, 3),
    ],
)
def test_mores_points_and_its_threshold_of_6(age, weight, copd, points):
    given = {**MAN, "age": age, "weight_kg": weight, "copd": copd}
    assert score(MORES_2007, **given) == points
    assert category(MORES_2007, **given) == (ADVISED if points >= 6 else NOT_ADVISED)


def test_scores_whose_points_were_not_seen_are_not_used_by_default():
    unseen = {criterion.name for criterion in SCREENING_CRITERIA if criterion.status != "verified"}
    assert unseen == {"osiris_2002", "mores_2007"}


@pytest.mark.parametrize("criterion", SCREENING_CRITERIA, ids=lambda c: c.name)
def test_each_score_is_for_one_sex_and_diagnoses_nobody(criterion):
    men = criterion in (OST_MEN_2003, MORES_2007)
    other = {"sex": "female" if men else "male", "age": 70, "weight_kg": 60}
    assert category(criterion, **other) == "does not apply"
    assert not criterion.is_diagnosis
    assert "diagnoses nobody" in criterion.closing
