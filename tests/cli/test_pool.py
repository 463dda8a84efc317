import json

import pandas as pd
import pytest

COLUMNS = "study,setting,m1i,sd1i,n1i,m2i,sd2i,n2i\n"

# Length of stay of stroke patients under specialist and routine care, Normand 1999, table 1.
STAYS = COLUMNS + (
    "Edinburgh,UK,55,47,155,75,64,156\n"
    "Orpington-Mild,UK,27,7,31,29,4,32\n"
    "Orpington-Moderate,UK,64,17,75,119,29,71\n"
    "Orpington-Severe,UK,66,20,18,137,48,18\n"
    "Montreal-Home,Canada,14,8,8,18,11,13\n"
    "Montreal-Transfer,Canada,19,7,57,18,4,52\n"
    "Newcastle,UK,52,45,34,41,34,33\n"
    "Umea,Sweden,21,16,110,31,27,183\n"
    "Uppsala,Sweden,30,27,60,23,20,52\n"
)


@pytest.fixture
def stays(tmp_path):
    path = tmp_path / "stays.csv"
    path.write_text(STAYS)
    return path


def test_pooled_stays_are_those_of_metafor(enthesis, stays, tmp_path):
    code, out, err = enthesis("pool", stays, "-o", tmp_path / "out", "--test", "z", "--json")
    assert (code, err) == (0, "")
    reml, dl = json.loads(out)["pooled"]
    # metafor 3.8-1: rma(measure="SMD", ..., data=dat.normand1999, method=...), REML converged with
    # control=list(threshold=1e-12); REML is compared to what its scoring reaches.
    wanted = {
        "REML": (-0.53710825843, 0.30866149028, 0.79084291375, 123.72927435972, 95.49493707342),
        "DL": (-0.53073731062, 0.25921860568, 0.53971437482, 123.72927435972, 93.53427065551),
    }
    for row in (reml, dl):
        found = (row["estimate"], row["std_error"], row["tau2"], row["q"], row["i2"])
        assert found == pytest.approx(wanted[row["method"]], rel=1e-7)


def test_every_subgroup_has_a_forest_and_the_thin_ones_a_reason(enthesis, stays, tmp_path):
    output = tmp_path / "out"
    code, out, _ = enthesis(
        "pool", stays, "--by", "setting", "--min-effects", "3", "--methods", "DL", "-o", output
    )
    assert code == 0
    assert "Sweden" in out
    table = pd.read_csv(output / "pooled.csv").set_index("setting")
    assert table.loc["UK", "k"] == 5
    assert table.loc["Sweden", "reason"] == "2 effects, fewer than the 3 asked for"
    assert sorted(path.name for path in output.iterdir()) == [
        "effects.csv",
        "forest_all_effects.svg",
        "forest_summary.svg",
        "forest_uk.svg",
        "pooled.csv",
        "pooled.json",
        "provenance.json",
        "report.html",
    ]


def test_effects_already_computed_are_pooled_as_they_are(enthesis, tmp_path):
    path = tmp_path / "effects.csv"
    path.write_text("study,yi,vi\nA,0.1,0.01\nB,0.3,0.01\nC,0.5,0.01\n")
    code, out, _ = enthesis("pool", path, "-o", tmp_path / "out", "--methods", "EE", "--json")
    (row,) = json.loads(out)["pooled"]
    assert code == 0
    assert row["estimate"] == pytest.approx(0.3)
    # Q = sum of (y - 0.3)^2 / 0.01.
    assert row["q"] == pytest.approx(8.0)


def test_several_effects_of_one_study_are_pointed_out(enthesis, tmp_path):
    path = tmp_path / "effects.csv"
    path.write_text("study,yi,vi\nA,0.1,0.01\nA,0.3,0.01\nC,0.5,0.01\n")
    _, out, _ = enthesis("pool", path, "-o", tmp_path / "out")
    assert "3 effects come from 2 studies" in " ".join(out.split())


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("Bad,UK,55,-47,155,75,64,156", "row 2 (Bad), column 'sd1i': -47"),
        ("Bad,UK,55,47,1,75,64,156", "row 2 (Bad), column 'n1i': 1"),
        ("Bad,UK,55,many,155,75,64,156", "row 2 (Bad), column 'sd1i': 'many'"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_row_and_column(enthesis, tmp_path, row, message):
    path = tmp_path / "bad.csv"
    path.write_text(COLUMNS + row + "\n" + STAYS.split("\n", 1)[1])
    output = tmp_path / "out"
    code, out, err = enthesis("pool", path, "-o", output)
    assert code == 2
    assert out == ""
    assert message in err
    assert not output.exists()


def test_a_missing_column_is_named_with_what_is_wanted(enthesis, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("study,m1i,n1i,m2i,sd2i,n2i\nA,1,20,2,1,20\n")
    code, _, err = enthesis("pool", path, "-o", tmp_path / "out")
    assert code == 2
    assert "sd1i" in err


def test_an_unknown_subgroup_column_is_answered_with_those_there_are(enthesis, stays, tmp_path):
    code, _, err = enthesis("pool", stays, "--by", "country", "-o", tmp_path / "out")
    assert code == 2
    assert "no column 'country'" in err and "setting" in err


def test_an_unknown_method_is_unusable(enthesis, stays, tmp_path):
    code, _, err = enthesis("pool", stays, "--methods", "BEST", "-o", tmp_path / "out")
    assert code == 2
    assert "BEST" in err


def test_a_study_column_that_is_not_there_is_refused(enthesis, stays, tmp_path):
    code, _, err = enthesis("pool", stays, "--study", "author", "-o", tmp_path / "out")
    assert code == 2
    assert "no column 'author' that names the study" in err


@pytest.mark.parametrize(
    ("column", "group", "message"),
    [
        ("method", "a", "subgroups cannot be formed by a column named 'method'"),
        ("part", "all effects", "has a subgroup named 'all effects'"),
        ("part", "summary", "has a subgroup named 'summary'"),
    ],
)
def test_subgroups_that_the_results_could_not_tell_apart_are_refused(
    enthesis, tmp_path, column, group, message
):
    path = tmp_path / "effects.csv"
    path.write_text(f"study,yi,vi,{column}\nA,0.1,0.01,{group}\nB,0.3,0.01,{group}\n")
    code, _, err = enthesis("pool", path, "--by", column, "-o", tmp_path / "out")
    assert code == 2
    assert message in err


def test_subgroups_whose_names_differ_in_signs_only_have_a_forest_each(enthesis, tmp_path):
    path, output = tmp_path / "effects.csv", tmp_path / "out"
    rows = [f"{s},{y},0.01,{g}" for g in ("L1-L2", "L1 L2", "ü") for s, y in (("A", 0), ("B", 1))]
    path.write_text("\n".join(["study,yi,vi,level", *rows]) + "\n")
    assert enthesis("pool", path, "--by", "level", "-o", output)[0] == 0
    assert {path.name for path in output.glob("forest_*")} == {
        "forest_all_effects.svg",
        "forest_l1_l2.svg",
        "forest_l1_l2_.svg",
        "forest_summary.svg",
        "forest_ü.svg",
    }


def test_rows_left_out_are_counted_and_named(enthesis, tmp_path):
    path = tmp_path / "effects.csv"
    rows = "A,0.1,0.01,x\nB,0.3,0.01,x\nC,,0.01,x\nD,0.2,0.01,\nE,0.2,0.02,y\nF,0.4,0.01,y\n"
    path.write_text("study,yi,vi,g\n" + rows)
    _, out, _ = enthesis("pool", path, "--by", "g", "-o", tmp_path / "out")
    said = " ".join(out.split())
    assert "1 of 6 rows give no effect and were left out" in said
    assert "row 4" in said
    assert "1 of 6 rows belong to no subgroup" in said


def test_small_units_keep_their_digits(enthesis, tmp_path):
    path = tmp_path / "effects.csv"
    path.write_text("study,yi,vi\nA,0.031,0.0001\nB,0.046,0.0001\nC,0.037,0.0001\n")
    _, out, _ = enthesis("pool", path, "-o", tmp_path / "out", "--methods", "EE", "--test", "z")
    # Mean 0.038, SE sqrt(0.0001 / 3), 1.96 SE = 0.0113.
    assert "0.038 [0.027, 0.049]" in out


def test_tables_fit_a_hundred_columns_with_every_number_whole(enthesis, stays, tmp_path):
    _, out, _ = enthesis("pool", stays, "--by", "setting", "--methods", "DL", "-o", tmp_path / "o")
    table = out.split("Report:")[0]
    assert max(map(len, table.splitlines())) <= 100
    shown = pd.read_csv(tmp_path / "o" / "pooled.csv").iloc[-1]
    interval = f"{shown.estimate:.2f} [{shown.ci_lower:.2f}, {shown.ci_upper:.2f}]"
    assert interval.replace("-", "\N{MINUS SIGN}") in out
