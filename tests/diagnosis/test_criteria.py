import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from diagnosis.people import person
from hypothesis import given, settings
from hypothesis import strategies as st

from enthesis.diagnosis import BONE_CRITERIA
from enthesis.diagnosis.criteria import CANNOT_TELL, Category, Criterion, chosen, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import BMI, columns_of, measured
from enthesis.diagnosis.truth import both, by_sex, either, invert
from enthesis.errors import InputError
from enthesis.records import Measurement, Subject

HIP = measured("t_score", "total_hip")
FRACTURE = measured("fragility_fracture")
LOW = Cutoff(value=-2.5, relation="<=", inputs=(HIP.name,))


def rule(columns):
    return decide(
        (0, both(LOW.holds(columns[HIP.name]), columns[FRACTURE.name])),
        (1, LOW.holds(columns[HIP.name])),
        otherwise=2,
    )


LOW_HIP = Criterion(
    name="low_hip_2020",
    title="Low hip, 2020",
    inputs=(HIP, FRACTURE),
    cutoffs=(LOW,),
    categories=(Category("severe"), Category("low", "at or below -2.5"), Category("not low")),
    rule=rule,
    closing="A toy.",
    source="a test",
    is_diagnosis=True,
)

NAN = math.nan


def test_an_unknown_does_not_hide_what_is_certain():
    true, false, unknown = np.array([1.0]), np.array([0.0]), np.array([NAN])
    assert both(false, unknown) == [0]
    assert np.isnan(both(true, unknown))
    assert either(true, unknown) == [1]
    assert np.isnan(either(false, unknown))
    assert np.isnan(invert(unknown))


def test_without_a_sex_only_what_holds_for_both_is_told():
    sex, true, false = np.array([0, 1, NAN, NAN]), np.ones(4), np.zeros(4)
    told = by_sex(sex, female=true, male=np.array([0, 0, 0, 1.0]))
    assert told.tolist()[:2] == [1, 0]
    assert np.isnan(told[2])
    assert told[3] == 1
    assert by_sex(sex, female=false, male=false).tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("relation", "below", "at", "above"),
    [("<", 1, 0, 0), ("<=", 1, 1, 0), (">", 0, 0, 1), (">=", 0, 1, 1)],
)
def test_each_relation_at_just_below_and_just_above_its_border(relation, below, at, above):
    cutoff = Cutoff(value=-2.5, relation=relation)
    column = np.array([np.nextafter(-2.5, -9), -2.5, np.nextafter(-2.5, 9), NAN])
    held = cutoff.holds(column)
    assert held[:3].tolist() == [below, at, above]
    assert np.isnan(held[3])
    assert cutoff.opposite().holds(column)[:3].tolist() == [1 - below, 1 - at, 1 - above]
    assert cutoff.holds(np.array([cutoff.nearest])) == [1]


def test_a_finding_names_what_it_used_and_what_the_missing_would_decide():
    found = LOW_HIP.find(person(LOW_HIP, t_score_total_hip=-1.0))
    assert found.category == "not low"
    assert dict(found.used) == {"T-score of the total hip": "-1.00"}
    assert found.missing == ()  # a fracture would change nothing here
    assert found.statement == "T-score of the total hip -1.00: not low. A toy."
    assert found.is_diagnosis


def test_cannot_tell_names_the_value_that_would_decide():
    found = LOW_HIP.find(person(LOW_HIP, t_score_total_hip=-3.0))
    assert found.category == "cannot tell"
    assert found.missing == ("fragility fracture (yes: severe; no: low)",)
    assert found.statement == "Cannot tell between severe and low; missing: fragility fracture."
    assert not found.is_diagnosis
    nothing = LOW_HIP.find(person(LOW_HIP, fragility_fracture=1))
    assert nothing.missing == (
        "T-score of the total hip (at or below -2.5: severe; above -2.5: not low)",
    )


def test_the_lower_side_counts_and_its_flags_travel():
    subject = Subject(
        measurements=(
            Measurement(quantity="t_score", value=-1.0, region="total_hip", side="left"),
            Measurement(
                quantity="t_score", value=-2.6, region="total_hip", side="right", flags=("rotated",)
            ),
            Measurement(quantity="t_score", value=NAN, region="total_hip"),
            Measurement(quantity="fragility_fracture", value=0, region=""),
        )
    )
    found = LOW_HIP.find(subject)
    assert found.category == "low"
    assert found.flags == ("rotated",)


def test_sides_combine_in_a_table_too():
    table = pd.DataFrame({"t_score_total_hip_left": [-1.0, NAN], "t_score_total_hip_right": -2.6})
    assert columns_of(table, [HIP])[HIP.name].tolist() == [-2.6, -2.6]
    mean = measured("t_score", "total_hip", sides="mean")
    assert columns_of(table, [mean])[HIP.name] == pytest.approx([-1.8, -2.6])


def test_body_mass_index_is_worked_out_where_it_is_not_given():
    table = pd.DataFrame({"bmi": [NAN, 30.0], "height_m": [2.0, 2.0], "weight_kg": [80.0, 80.0]})
    assert columns_of(table, [BMI])["bmi"].tolist() == [20.0, 30.0]


def test_integers_missing_values_of_pandas_and_infinities_are_read():
    table = pd.DataFrame({HIP.name: pd.array([-3, None], dtype="Int64")})
    assert np.array_equal(columns_of(table, [HIP])[HIP.name], [-3.0, NAN], equal_nan=True)
    assert np.isnan(columns_of({HIP.name: [-math.inf]}, [HIP])[HIP.name])[0]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"t_score_total_hip": ["low"]}, "column 't_score_total_hip' must hold numbers"),
        ({"fragility_fracture": [0, 2]}, r"1 \(yes\) or 0 \(no\), got 2 in row 2"),
        ({"t_score_total_hip": [1.0], "fragility_fracture": [0, 1]}, "one length"),
    ],
)
def test_columns_that_cannot_be_read_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        LOW_HIP.judge(table)


def test_a_sex_that_is_neither_is_refused():
    with pytest.raises(InputError, match="'female' or 'male', got 'F' in row 2"):
        BONE_CRITERIA[0].judge({"sex": ["female", "F"]})


def test_every_name_and_title_is_its_own_and_carries_no_hidden_default():
    assert (
        len({c.name for c in BONE_CRITERIA})
        == len(BONE_CRITERIA)
        == len({c.title for c in BONE_CRITERIA})
    )
    for criterion in BONE_CRITERIA:
        assert criterion.source
        known = {asked.name for asked in criterion.inputs}
        assert all(known.issuperset(cutoff.inputs) for cutoff in criterion.cutoffs) or any(
            known & set(cutoff.inputs) for cutoff in criterion.cutoffs
        )


@pytest.mark.parametrize("criterion", BONE_CRITERIA, ids=lambda c: c.name)
def test_with_nothing_known_nothing_is_told(criterion):
    found = criterion.find(Subject())
    assert found.category == "cannot tell"
    assert not found.is_diagnosis
    assert found.missing
    assert criterion.judge({}).codes.tolist() == [CANNOT_TELL]


def test_only_verified_criteria_are_used_unless_named():
    unasked = {criterion.name for criterion in chosen(BONE_CRITERIA)}
    assert "who_1994" in unasked
    assert not unasked & {"mores_2007", "osiris_2002", "qct_review_2019", "tbs_mccloskey_2016"}
    (asked,) = chosen(BONE_CRITERIA, ["mores_2007"])
    assert asked.name == "mores_2007"
    with pytest.raises(InputError, match="no criterion named 'who'; known are: who_1994"):
        chosen(BONE_CRITERIA, ["who"])


def test_the_page_of_criteria_lists_every_one_with_its_status():
    page = Path(__file__).parents[2] / "docs" / "criteria.md"
    rows = page.read_text(encoding="utf-8").splitlines()
    for criterion in BONE_CRITERIA:
        own = [row for row in rows if row.startswith(f"| `{criterion.name}` ")]
        assert own, criterion.name
        assert all(row.endswith(f"| {criterion.status} |") for row in own), criterion.name


def _values(asked, criterion):
    if asked.kind == "sex":
        return st.sampled_from(["female", "male", None])
    if asked.kind == "yes_no":
        return st.sampled_from([0.0, 1.0, None])
    borders = [c.value for c in criterion.cutoffs if asked.name in c.inputs] or [20.0, 60.0, 90.0]
    near = [x for b in borders for x in (b, np.nextafter(b, -999), np.nextafter(b, 999), b - 1)]
    low = 1.0 if asked.name in {"age", "weight_kg", "height_m", "bmi"} else -9.0
    return st.one_of(
        st.none(), st.sampled_from([x for x in map(float, near) if x >= low]), st.floats(low, 120.0)
    )


@pytest.mark.parametrize("criterion", BONE_CRITERIA, ids=lambda c: c.name)
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_one_subject_and_a_table_get_the_same_answer(criterion, data):
    inputs = [asked for asked in criterion.inputs if asked is not BMI]
    rows = data.draw(
        st.lists(
            st.fixed_dictionaries({a.name: _values(a, criterion) for a in inputs}),
            min_size=1,
            max_size=4,
        )
    )
    judged = criterion.named(criterion.judge(pd.DataFrame(rows)).codes)
    for row, expected in zip(rows, judged, strict=True):
        known = {name: value for name, value in row.items() if value is not None}
        assert criterion.find(person(criterion, **known)).category == expected
