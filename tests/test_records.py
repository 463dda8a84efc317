import math

import pytest

from enthesis.errors import InputError
from enthesis.records import LONG_COLUMNS, Finding, Measurement, Subject, find, long_table


def area(value=100.0, side="left", level="L3"):
    return Measurement(quantity="area", value=value, region="psoas_major", side=side, level=level)


def test_the_unit_comes_from_the_quantity():
    assert area().unit == "mm2"
    with pytest.raises(InputError, match="no quantity named 'size'"):
        Measurement(quantity="size", value=1, region="psoas_major")


def test_the_long_table_has_its_columns_even_when_empty():
    assert tuple(long_table([]).columns) == LONG_COLUMNS
    assert long_table([])["value"].dtype == float


def test_a_row_of_the_long_table():
    flagged = Measurement(
        quantity="area", value=1.5, region="psoas_major", method="m", flags=("a", "b")
    )
    row = long_table([flagged], subject="S1", session="2").iloc[0].to_dict()
    assert row == {
        "subject": "S1",
        "session": "2",
        "quantity": "area",
        "value": 1.5,
        "unit": "mm2",
        "region": "psoas_major",
        "side": "",
        "level": "",
        "method": "m",
        "flags": "a; b",
    }


def test_only_finite_measurements_are_found():
    measurements = [area(math.nan), area(2.0), area(3.0, side="right")]
    assert [
        m.value for m in find(measurements, "area", region="psoas_major", level="L3", side="left")
    ] == [2.0]


def test_body_mass_index_needs_height_and_weight():
    assert Subject(height_m=1.7, weight_kg=72.25).bmi == pytest.approx(25)
    assert Subject(height_m=1.7).bmi is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"height_m": 170}, "height_m is in m and between 0.3 and 2.8, got 170"),
        ({"weight_kg": 72000}, "weight_kg is in kg"),
        ({"age": -1}, "age is in years"),
        ({"age": math.nan}, "age is in years"),
        ({"sex": "F"}, "sex is 'female' or 'male', got 'F'"),
    ],
)
def test_an_impossible_subject_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        Subject(**fields)


def test_a_finding_becomes_plain_values():
    made = Finding(
        criterion="c", category="cannot tell", statement="s", missing=("sex",), source="x"
    )
    assert made.to_dict()["missing"] == ["sex"]
    assert made.to_dict()["is_diagnosis"] is False
