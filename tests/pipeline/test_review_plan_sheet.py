"""Bad tables of effects: every row that cannot be true is named."""

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.pipeline.review_run.effects import prepare
from enthesis.pipeline.review_run.plan_file import parse_plan

PLAN = """
[data]
table = "effects.csv"
label = ["study", "sample"]
[effect]
reverse = { outcome = ["CSA"] }
[levels]
muscle = ["multifidus", "psoas major"]
[[subgroups]]
name = "all"
cells = { muscle = ["multifidus", "psoas major"] }
"""


def good(n=4):
    return pd.DataFrame(
        {
            "study": [f"S{i // 2}" for i in range(n)],
            "sample": "all",
            "outcome": "CSA",
            "muscle": ["multifidus", "psoas major"] * (n // 2),
            "m1i": 10.0 + np.arange(n),
            "sd1i": 2.5,
            "n1i": 20,
            "m2i": 12.0,
            "sd2i": 2.5,
            "n2i": 30,
            "study_n": 60,
        }
    )


@pytest.fixture
def prepared(tmp_path):
    plan = parse_plan(PLAN, folder=tmp_path)

    def run(table, *, sep=","):
        text = table if isinstance(table, str) else table.to_csv(index=False, sep=sep)
        (tmp_path / "effects.csv").write_text(text, encoding="utf-8")
        return prepare(plan)

    return run


def test_a_good_table_is_taken_and_turned(prepared):
    effects = prepared(good())
    np.testing.assert_allclose(effects.turned["yi"], -effects.table["yi"])
    assert effects.table["row_label"].tolist() == ["S0", "S0", "S1", "S1"]
    assert not effects.simulated


def test_samples_are_named_where_a_study_has_several(prepared):
    table = good()
    table["sample"] = ["women", "men", "all", "all"]
    assert prepared(table).table["row_label"].tolist() == ["S0 (women)", "S0 (men)", "S1", "S1"]


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("sd1i", 0.0, r"row 3: sd1i is 0; a spread is above 0"),
        ("sd2i", -1.0, r"row 3: sd2i is -1"),
        ("n1i", 45, r"row 3: n1i and n2i are 75 people together, more than the 60 of the study"),
        ("n1i", 1, r"row 3: n1i is 1; a group has"),
        ("muscle", "multifudus", r"row 3: unknown muscle 'multifudus'; 'multifidus'\?"),
        ("muscle", "trapezius", r"row 3: unknown muscle 'trapezius'; the plan knows"),
        ("study", None, r"row 3: no study; where cells were merged"),
        ("muscle", None, r"row 3: no muscle; where cells were merged"),
        ("m1i", "ten", r"row 3: m1i is 'ten', not a number"),
        ("m1i", "10,5", r"row 3, column 'm1i' reads '10,5': decimal commas"),
    ],
)
def test_a_bad_cell_is_named_by_its_row(prepared, column, value, message):
    table = good().astype(object)
    table.loc[1, column] = value
    with pytest.raises(InputError, match=message):
        prepared(table)


def test_decimal_commas_of_a_spreadsheet_are_named(prepared):
    with pytest.raises(InputError, match="row 2, column 'm1i' reads '10,5'"):
        prepared("study;sample;outcome;muscle;m1i\nS;all;CSA;multifidus;10,5\n")


def test_an_effect_given_twice_is_named_with_its_twin(prepared):
    table = pd.concat([good(), good().iloc[[1]].assign(m1i=9.0)])
    with pytest.raises(InputError, match="row 6: the same effect as row 3"):
        prepared(table)


def test_all_problems_are_listed_in_the_order_of_the_rows(prepared):
    table = good()
    table.loc[2, "muscle"] = "neck"
    table.loc[0, "sd1i"] = 0
    with pytest.raises(InputError, match=r"2 problems: row 2: sd1i.*; row 4: unknown muscle"):
        prepared(table)


def test_a_missing_number_leaves_the_row_out_and_is_noted(prepared):
    table = good()
    table.loc[0, "m1i"] = np.nan
    effects = prepared(table)
    assert len(effects.table) == 3
    assert "1 of 4 rows have no effect" in effects.notes[0]


def test_effects_of_an_extraction_sheet_are_not_turned_twice(prepared):
    table = good().assign(yi=0.5, vi=0.1, yi_as_extracted=-0.5, reversed=True)
    effects = prepared(table)
    assert (effects.table["yi"] == -0.5).all()
    assert (effects.turned["yi"] == 0.5).all()


def test_values_are_recoded_before_they_are_checked(tmp_path):
    text = (
        PLAN.replace('["multifidus", "psoas major"]\n[[', '["back", "hip"]\n[[')
        .replace('{ muscle = ["multifidus", "psoas major"] }', '{ muscle = ["back", "hip"] }')
        .replace("[levels]", "[recode.muscle]\ncolumn = 'muscle'\nothers = 'hip'\n"
                 "values = { back = ['multifidus'] }\n[levels]")
    )  # fmt: skip
    good().to_csv(tmp_path / "effects.csv", index=False)
    effects = prepare(parse_plan(text, folder=tmp_path))
    assert effects.table["muscle"].astype(str).tolist() == ["back", "hip", "back", "hip"]


def test_a_column_that_the_plan_needs_is_named_with_its_key(prepared):
    with pytest.raises(InputError, match=r"effect\.reverse\.outcome names 'outcome'"):
        prepared(good().drop(columns="outcome"))
