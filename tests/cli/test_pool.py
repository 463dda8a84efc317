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
    assert table.loc["Sweden", "reason"] == "2 effects, fewer than min_effects = 3"
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
