import numpy as np
import pytest
from diagnosis.people import category, person

from enthesis.diagnosis.qct import QCT_2020, QCT_REVIEW_2019

WOMAN = {"sex": "female", "age": 70, "postmenopausal": 1}


def just_below(x):
    return np.nextafter(x, 0)


def just_above(x):
    return np.nextafter(x, 999)


@pytest.mark.parametrize(
    ("bmd", "expected"),
    [
        (just_below(80), "osteoporosis"),
        (80, "low bone mass"),
        (just_above(80), "low bone mass"),
        (just_below(120), "low bone mass"),
        (120, "low bone mass"),
        (just_above(120), "normal"),
        # The review's figure 3, which it calls moderate risk.
        (62.4, "osteoporosis"),
    ],
)
def test_density_classes(bmd, expected):
    given = {**WOMAN, "trabecular_bmd_lumbar_spine": bmd, "fragility_fracture": 0}
    assert category(QCT_2020, **given) == expected


def test_osteoporosis_with_a_fracture_is_severe_and_density_alone_names_what_is_missing():
    low = {**WOMAN, "trabecular_bmd_lumbar_spine": 79.9}
    assert category(QCT_2020, **low, fragility_fracture=1) == "severe osteoporosis"
    found = QCT_2020.find(person(QCT_2020, **low))
    assert found.category == "osteoporosis"
    assert found.missing == ("fragility fracture (yes: severe osteoporosis)",)


def test_the_classes_do_not_apply_to_the_young():
    young = {"sex": "male", "age": 30, "trabecular_bmd_lumbar_spine": 70}
    assert category(QCT_2020, **young) == "does not apply"


@pytest.mark.parametrize(
    ("bmd", "expected"),
    [
        (just_below(50), "severe fracture risk"),
        (50, "moderate fracture risk"),
        (just_above(50), "moderate fracture risk"),
        (62.4, "moderate fracture risk"),
        (just_below(80), "moderate fracture risk"),
        (80, "mild fracture risk"),
        (just_above(80), "mild fracture risk"),
        (just_below(110), "mild fracture risk"),
        (110, "mild fracture risk"),
        (just_above(110), "no raised risk stated"),
    ],
)
def test_risk_bands_of_the_review_stay_apart(bmd, expected):
    assert category(QCT_REVIEW_2019, trabecular_bmd_lumbar_spine=bmd) == expected
    assert QCT_REVIEW_2019.status == "partial"
    found = QCT_REVIEW_2019.find(person(QCT_REVIEW_2019, trabecular_bmd_lumbar_spine=bmd))
    assert "not all numbers of this criterion were seen in its source" in found.flags
    assert not found.is_diagnosis
