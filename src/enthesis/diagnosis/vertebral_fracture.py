"""Vertebral fracture from semiquantitative grades of T4 to L4."""

from __future__ import annotations

import numpy as np

from enthesis.diagnosis.criteria import CANNOT_TELL, Category, Criterion, Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import Columns, highest, measured

LEVELS = (*(f"T{i}" for i in range(4, 13)), *(f"L{i}" for i in range(1, 5)))
"""Levels that an assessment of vertebral fracture reads."""

MUST_BE_READABLE = LEVELS[LEVELS.index("T7") :]
"""Levels of which at most `UNREADABLE_ALLOWED` may be missing where no fracture is found."""

UNREADABLE_ALLOWED = 1

GRADES = tuple(measured("genant_grade", "vertebra", level) for level in LEVELS)
HIGHEST_GRADE = measured("genant_grade", "highest", label="highest Genant grade")
N_FRACTURED = measured("fractured_vertebrae", label="fractured vertebrae")

_COLUMNS = tuple(grade.name for grade in GRADES)
FRACTURED = Cutoff(value=1, relation=">=", inputs=_COLUMNS)
MODERATE = Cutoff(value=2, relation=">=", inputs=_COLUMNS)
SEVERE = Cutoff(value=3, relation=">=", inputs=_COLUMNS)

SOURCE = (
    "Genant HK et al. J Bone Miner Res 1993;8:1137-1148. doi:10.1002/jbmr.5650080915; levels as in "
    "the vertebral fracture assessment of NHANES 2013-2014"
)


def _rule(columns: Columns) -> Verdict:
    grades = {level: columns[grade.name] for level, grade in zip(LEVELS, GRADES, strict=True)}
    unreadable = np.sum([np.isnan(grades[level]) for level in MUST_BE_READABLE], axis=0)
    unread = (unreadable > UNREADABLE_ALLOWED).astype(float)
    worst = highest(*grades.values())
    found = worst >= FRACTURED.value
    # A level that was not read could only be worse: the worst one seen gives the class.
    return decide(
        (0, (worst >= SEVERE.value).astype(float)),
        (1, (worst >= MODERATE.value).astype(float)),
        (2, found.astype(float)),
        (CANNOT_TELL, np.where(found, 0.0, unread)),
        otherwise=3,
        numbers={
            HIGHEST_GRADE.name: worst,
            N_FRACTURED.name: np.sum([g >= FRACTURED.value for g in grades.values()], axis=0)
            * np.where(np.isnan(worst), np.nan, 1.0),
        },
        flags={"a level that could not be read is taken as not fractured": unreadable > 0},
    )


GENANT_1993 = Criterion(
    name="vertebral_fracture_genant_1993",
    title="Vertebral fracture, Genant 1993, T4 to L4",
    inputs=GRADES,
    cutoffs=(SEVERE, MODERATE, FRACTURED),
    categories=(
        Category("severe vertebral fracture", "grade 3: a height lost by more than 40%"),
        Category("moderate vertebral fracture", "grade 2: a height lost by 25 to 40%"),
        Category("mild vertebral fracture", "grade 1: a height lost by 20 to 25%"),
        Category("no vertebral fracture", "grades 0 and 0.5, at most one level of T7 to L4 unread"),
    ),
    rule=_rule,
    derived=(HIGHEST_GRADE, N_FRACTURED),
    closing="Scheuermann's disease, short vertebrae and scoliosis must be told apart by eye.",
    source=SOURCE,
)

VERTEBRAL_FRACTURE_CRITERIA = (GENANT_1993,)
"""Vertebral fracture."""
