import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enthesis.diagnosis import CRITERIA
from enthesis.errors import InputError
from enthesis.pipeline.diagnose import diagnose
from enthesis.records import Measurement, Subject

BY_NAME = {criterion.name: criterion for criterion in CRITERIA}

PEOPLE = (
    "subject,sex,age,height (cm),weight_kg,t_score_total_hip,grip_strength (kg),"
    "appendicular_lean_mass,gait_speed,shoe_size\n"
    "S1,female,71,160,60,-2.6,14,13.0,0.7,38\n"
    "S2,male,68,175,80,-1.5,40,26,1.2,43\n"
    "S3,F,66,165,70,,20,,,39\n"
)


@pytest.fixture
def people(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text(PEOPLE)
    return path


def categories(path):
    frame = pd.read_csv(path, dtype={"subject": str})
    return frame.set_index(["subject", "criterion"])["category"]


def test_every_allowed_criterion_judges_every_subject(enthesis, people, tmp_path):
    output = tmp_path / "findings.csv"
    code, out, err = enthesis("diagnose", people, "-o", output)
    assert (code, err) == (0, "")
    found = categories(output)
    assert found["S1", "who_1994"] == "osteoporosis"
    assert found["S2", "who_1994"] == "low bone mass"
    assert found["S3", "who_1994"] == "cannot tell"
    # 13.0 / 1.60^2 = 5.08 < 5.5, grip 14 < 16, gait 0.7 <= 0.8.
    assert found["S1", "ewgsop2_2019"] == "severe sarcopenia"
    assert found["S2", "ewgsop2_2019"] == "no sarcopenia"
    assert found["S1", "osteosarcopenia_who_1994_osteoporosis_and_ewgsop2_2019"] == (
        "severe osteosarcopenia"
    )
    assert "shoe_size" in out
    assert "qct_spine_2020" not in set(found.index.get_level_values("criterion"))


def test_the_sources_are_written_beside(enthesis, people, tmp_path):
    enthesis("diagnose", people, "-o", tmp_path / "findings.csv")
    sources = pd.read_csv(tmp_path / "findings_criteria.csv").set_index("criterion")
    assert "10.1093/ageing/afy169" in sources.loc["ewgsop2_2019", "source"]


def test_csv_and_frame_say_the_same(people, tmp_path):
    result = diagnose(pd.read_csv(people))
    result.write_csv(tmp_path / "x.csv")
    written = pd.read_csv(tmp_path / "x.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(written, result.to_frame(), check_dtype=False)


def test_json_is_one_document(enthesis, people, tmp_path):
    code, out, _ = enthesis("diagnose", people, "-o", tmp_path / "f.csv", "--json")
    document = json.loads(out)
    assert code == 0
    assert {row["subject"] for row in document["findings"]} == {"S1", "S2", "S3"}


def test_one_subject_has_every_definition_on_one_page(enthesis, people, tmp_path):
    code, _, _ = enthesis("diagnose", people, "-o", tmp_path / "f.csv", "--page", "S1")
    text = (tmp_path / "f_S1.html").read_text()
    assert code == 0
    assert "Sarcopenia, EWGSOP2 2019" in text
    assert "osteosarcopenia" in text
    code, _, err = enthesis("diagnose", people, "-o", tmp_path / "g.csv", "--page", "S9")
    assert code == 2
    assert "no subject 'S9'" in err


def test_named_criteria_may_be_those_that_are_off(enthesis, people, tmp_path):
    output = tmp_path / "f.csv"
    enthesis("diagnose", people, "-o", output, "--criteria", "awgs_2025")
    assert set(categories(output).index.get_level_values("criterion")) == {"awgs_2025"}


def test_what_measure_wrote_drops_in(enthesis, scan_files, tmp_path):
    image, labels, scheme = scan_files
    enthesis("measure", image, labels, "--scheme", scheme, "-o", tmp_path / "m", "--subject", "S1")
    who = tmp_path / "who.csv"
    who.write_text("subject,sex,age,height_m,weight_kg\nS1,female,70,1.6,60\n")
    output = tmp_path / "f.csv"
    code, _, _ = enthesis(
        "diagnose", tmp_path / "m" / "measurements.csv", "--people", who, "-o", output
    )
    assert code == 0
    assert categories(output)["S1", "l1_attenuation_pickhardt_2013"] == "osteoporosis possible"


def test_the_list_names_every_criterion(enthesis):
    code, out, _ = enthesis("diagnose", "--list", "--json")
    assert code == 0
    assert {row["criterion"] for row in json.loads(out)} == set(BY_NAME)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (PEOPLE.replace("S2", "S1"), "subject 'S1' has more than one row"),
        (PEOPLE.replace("S2,male", "S2,boy"), "row 3, column 'sex': 'boy'"),
        (PEOPLE.replace(",175,", ",1.75,"), "is not between 0.3 and 2.8"),
        (PEOPLE.replace("grip_strength (kg)", "grip_strength (N)"), "is in 'N'"),
        ("subject,sex\nS1,male\n", "no criterion can tell of any subject"),
        (PEOPLE.replace(",40,", ",strong,"), "grip_strength"),
    ],
)
def test_an_unusable_table_is_answered_by_a_sentence(enthesis, tmp_path, text, message):
    path = tmp_path / "people.csv"
    path.write_text(text)
    output = tmp_path / "f.csv"
    code, _, err = enthesis("diagnose", path, "-o", output)
    assert code == 2
    assert message in err
    assert not output.exists()


def values(low, high):
    """A number to one decimal, or none; wide enough to lie on every side of the borders."""
    return st.one_of(st.none(), st.floats(low, high).map(lambda value: round(value, 1)))


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "sex": st.sampled_from([None, "female", "male"]),
                "age": st.one_of(st.none(), st.integers(20, 95)),
                "t_score_total_hip": values(-4, 3),
                "grip_strength": values(0, 45),
                "gait_speed": values(0, 3),
                "appendicular_lean_mass_index": values(3, 12),
                "trabecular_attenuation_vertebral_body_L1": values(0, 300),
            }
        ),
        min_size=1,
        max_size=5,
    ).filter(
        lambda rows: any(
            row["trabecular_attenuation_vertebral_body_L1"] is not None for row in rows
        )
    )
)
def test_the_table_says_what_each_subject_alone_is_told(rows):
    table = pd.DataFrame(rows).assign(subject=[f"S{i}" for i in range(len(rows))])
    result = diagnose(table).to_frame().set_index(["criterion", "subject"])["category"]
    for i, row in enumerate(rows):
        for name in result.index.get_level_values(0).unique():
            criterion = BY_NAME[name]
            alone = Subject(
                sex=row["sex"],
                age=row["age"],
                measurements=tuple(
                    Measurement(
                        quantity=asked.quantity,
                        region=asked.region,
                        level=asked.level,
                        value=float(row[asked.name]),
                    )
                    for asked in criterion.inputs
                    if row.get(asked.name) is not None and asked.quantity
                ),
            )
            assert criterion.find(alone).category == result[name, f"S{i}"]


def test_no_value_is_lost_between_numpy_and_words():
    table = pd.DataFrame(
        {"subject": ["a", "b"], "t_score_total_hip": [-2.5, np.nan], "sex": "male", "age": 70}
    )
    found = diagnose(table, criteria=["who_1994"]).counts()
    assert found.set_index("criterion")["subjects"]["who_1994"] == "osteoporosis 1; cannot tell 1"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("grip_strength", -5),
        ("gait_speed", 120),
        ("sarc_f_score", 11),
        ("sppb_score", 13),
        ("appendicular_lean_mass", 18200),
    ],
)
def test_what_no_living_person_has_is_refused_with_its_row(column, value):
    table = pd.DataFrame({"subject": ["A", "B"], "sex": "female", column: [1.0, value]})
    with pytest.raises(InputError, match=f"row 1, column '{column}': .* check its unit"):
        diagnose(table)


@pytest.mark.parametrize("column", ["grip_strength", "t_score_total_hip"])
def test_half_of_a_pairing_is_no_finding_of_neither(column):
    table = pd.DataFrame(
        {"subject": ["A"], "sex": "male", "age": 70, column: [45.0 if column[0] == "g" else 0.0]}
    )
    judged = diagnose(table).to_frame()
    assert not judged["category"].eq("neither").any()


def test_bmd_alone_is_scored_where_the_scanner_is_named(enthesis, tmp_path):
    table, output = tmp_path / "bmd.csv", tmp_path / "findings.csv"
    table.write_text("subject,sex,age,Femoral neck BMD (g/cm2)\nS1,F,71,0.550\nS2,F,68,0.700\n")
    code, _, _ = enthesis("diagnose", table, "-o", output, "--scanner", "hologic")
    assert code == 0
    found = pd.read_csv(output)
    who = found[found["criterion"] == "who_1994"].set_index("subject")
    assert who["category"].to_dict() == {"S1": "osteoporosis", "S2": "low bone mass"}
    assert who["flags"].str.contains("NHANES III").all()
    reference = tmp_path / "ours.csv"
    reference.write_text("region,mean,sd\nfemoral_neck,0.75,0.1\n")
    code, _, _ = enthesis("diagnose", table, "-o", output, "--reference", reference)
    who = pd.read_csv(output).query("criterion == 'who_1994'").set_index("subject")
    assert code == 0
    assert who["category"].to_dict() == {"S1": "low bone mass", "S2": "normal"}
    code, _, err = enthesis(
        "diagnose", table, "-o", output, "--reference", reference, "--scanner", "lunar"
    )
    assert code == 2
    assert "give --reference alone" in " ".join(err.split())
