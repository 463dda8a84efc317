import pytest
from diagnosis.people import category, person

from enthesis.diagnosis.vertebral_fracture import GENANT_1993, LEVELS

NORMAL = {f"genant_grade_vertebra_{level}": 0 for level in LEVELS}


@pytest.mark.parametrize(
    ("grade", "expected"),
    [
        (0, "no vertebral fracture"),
        (0.5, "no vertebral fracture"),
        (1, "mild vertebral fracture"),
        (2, "moderate vertebral fracture"),
        (3, "severe vertebral fracture"),
    ],
)
@pytest.mark.parametrize("level", ["T4", "T12", "L4"])
def test_one_vertebra_is_enough(level, grade, expected):
    assert category(GENANT_1993, **NORMAL | {f"genant_grade_vertebra_{level}": grade}) == expected


def test_thirteen_levels_are_read():
    assert len(LEVELS) == 13
    assert (LEVELS[0], LEVELS[-1]) == ("T4", "L4")


def test_the_worst_grade_names_the_fracture_and_the_count_is_given():
    grades = {"T8": 1, "T12": 3, "L1": 2}
    given = NORMAL | {f"genant_grade_vertebra_{level}": g for level, g in grades.items()}
    found = GENANT_1993.find(person(GENANT_1993, **given))
    assert found.category == "severe vertebral fracture"
    assert found.used["fractured vertebrae"] == "3"
    assert found.missing == ()


def without(*levels):
    return {
        column: grade
        for column, grade in NORMAL.items()
        if column.removeprefix("genant_grade_vertebra_") not in levels
    }


def test_one_unread_level_of_t7_to_l4_is_allowed_and_flagged():
    # NHANES 2013-2014: normal with at most one unevaluable vertebra from T7 to L4.
    assert category(GENANT_1993, **without("T4", "T5", "T6", "T9")) == "no vertebral fracture"
    found = GENANT_1993.find(person(GENANT_1993, **without("T9")))
    assert found.flags == ("a level that could not be read is taken as not fractured",)
    assert len(found.missing) == 1


def test_two_unread_levels_leave_the_question_open():
    assert category(GENANT_1993, **without("T9", "L1")) == "cannot tell"


def test_a_fracture_counts_however_much_is_unread():
    assert category(GENANT_1993, genant_grade_vertebra_L1=1) == "mild vertebral fracture"
