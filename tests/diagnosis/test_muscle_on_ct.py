import pytest

from enthesis.diagnosis import muscle_attenuation, muscle_attenuation_review
from enthesis.errors import InputError
from enthesis.records import Measurement, Subject


def muscle(value, *, quantity="muscle_attenuation", region="skeletal_muscle", level="L3", side=""):
    return Measurement(
        quantity=quantity,
        value=value,
        region=region,
        level=level,
        side=side,
        method="axial slice through mid-body",
    )


@pytest.mark.parametrize(
    ("cutoffs", "person", "hounsfield", "low"),
    [
        # Martin 2013: < 41 HU below BMI 25, < 33 HU from 25; 1.70 m, 72.25 kg is BMI 25.
        ("martin2013", {"height_m": 1.7, "weight_kg": 72.0}, 40.9, True),
        ("martin2013", {"height_m": 1.7, "weight_kg": 72.0}, 41, False),
        ("martin2013", {"height_m": 1.7, "weight_kg": 72.25}, 36, False),
        ("martin2013", {"height_m": 1.7, "weight_kg": 72.25}, 32.9, True),
        # Derstine 2018: < 38.5 HU men, < 34.3 HU women.
        ("derstine2018", {"sex": "male"}, 38.4, True),
        ("derstine2018", {"sex": "male"}, 38.5, False),
        ("derstine2018", {"sex": "female"}, 34.2, True),
        ("derstine2018", {"sex": "female"}, 34.3, False),
        # van der Werf 2018: 5th percentiles 29.3 and 22.0 HU.
        ("vanderwerf2018", {"sex": "male"}, 29.2, True),
        ("vanderwerf2018", {"sex": "female"}, 22.0, False),
    ],
)
def test_cutoffs_are_exclusive_and_by_population(cutoffs, person, hounsfield, low):
    found = muscle_attenuation(
        Subject(**person, measurements=(muscle(hounsfield),)), cutoffs=cutoffs
    )
    assert found.category == ("low muscle attenuation" if low else "muscle attenuation not low")
    assert "not a diagnosis" in found.statement


def test_a_single_muscle_is_never_judged_by_cutoffs_for_all_muscle():
    alone = Subject(sex="male", measurements=(muscle(10, region="psoas_major", side="left"),))
    found = muscle_attenuation(alone)
    assert found.category == "cannot tell"
    assert "attenuation of all skeletal muscle at L3" in found.missing[0]
    assert "below 38.5 HU: low muscle attenuation" in found.missing[0]


def test_another_level_is_not_judged():
    found = muscle_attenuation(Subject(sex="male", measurements=(muscle(10, level="L4"),)))
    assert found.category == "cannot tell"


def test_everything_missing_is_named():
    missing = " ".join(muscle_attenuation(Subject(), cutoffs="martin2013").missing)
    assert "attenuation of all skeletal muscle at L3" in missing
    assert "body mass index" in missing


def test_unknown_cutoffs_are_refused():
    with pytest.raises(InputError, match="no attenuation cut-offs named 'prado'"):
        muscle_attenuation(Subject(), cutoffs="prado")


@pytest.mark.parametrize(
    ("hounsfield", "category"),
    [
        (100.1, "outside the ranges that the review names"),
        (100, "normal range"),
        (40, "normal range"),
        (35, "outside the ranges that the review names"),
        (30, "range of fatty infiltration"),
        (0, "range of fatty infiltration"),
        (-0.1, "outside the ranges that the review names"),
    ],
)
def test_the_reviews_ranges_leave_gaps_and_say_so(hounsfield, category):
    measured = muscle(hounsfield, quantity="attenuation_mean", region="psoas_major", side="left")
    (found,) = muscle_attenuation_review(Subject(measurements=(measured,)))
    assert found.category == category
    assert found.criterion.endswith("left psoas major")


def test_no_muscle_at_the_level_cannot_tell():
    (found,) = muscle_attenuation_review(Subject())
    assert found.category == "cannot tell"
