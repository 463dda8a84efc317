import json

import numpy as np
import pandas as pd
import pytest

RATERS = ("reader A", "reader B")


@pytest.fixture
def long_file(tmp_path):
    """Two quantities of ten subjects by two readers, long."""
    rng = np.random.default_rng(1)
    rows = []
    for quantity, unit, mean, sd in (("area", "mm2", 900, 150), ("attenuation_mean", "HU", 40, 9)):
        for subject in range(10):
            true = rng.normal(mean, sd)
            for rater in RATERS:
                value = round(true + rng.normal(0, sd / 8), 2)
                rows.append((f"s{subject}", rater, quantity, value, unit, "psoas_major", "left"))
    path = tmp_path / "ratings.csv"
    columns = ["subject", "rater", "quantity", "value", "unit", "region", "side"]
    pd.DataFrame(rows, columns=columns).to_csv(path, index=False)
    return path


@pytest.fixture
def wide_file(tmp_path):
    path = tmp_path / "grades.tsv"
    frame = pd.DataFrame({"id": range(8), "A": [0, 1, 2, 3, 3, 1, 0, 2]})
    frame.assign(B=[0, 1, 2, 3, 2, 1, 1, 2]).to_csv(path, sep="\t", index=False)
    return path


def test_agree_writes_tables_plots_report_and_provenance(enthesis, long_file, tmp_path):
    output = tmp_path / "out"
    code, out, err = enthesis("agree", long_file, "-o", output)
    assert (code, err) == (0, "")
    assert "ICC(2,1)" in out and "both raters" in out and "Report:" in out
    assert sorted(path.name for path in output.iterdir()) == [
        "agreement.csv",
        "agreement.json",
        "bland_altman_area_psoas_major_left_reader_a_against_reader_b.svg",
        "bland_altman_attenuation_mean_psoas_major_left_reader_a_against_reader_b.svg",
        "provenance.json",
        "report.html",
    ]
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "Reliability and agreement" in page and page.count("Bland-Altman plot of") == 2
    record = json.loads((output / "provenance.json").read_text())
    assert record["command"] == "agree" and record["options"]["forms"] == ["ICC(2,1)", "ICC(3,1)"]
    assert "ratings.csv" not in json.dumps(record)


def test_agree_prints_one_json_document_that_is_the_file(enthesis, long_file, tmp_path):
    output = tmp_path / "out"
    code, out, _ = enthesis("agree", long_file, "-o", output, "--json", "--forms", "ICC(1,1)")
    printed = json.loads(out)
    assert code == 0
    assert printed == json.loads((output / "agreement.json").read_text())
    assert [one["key"]["quantity"] for one in printed["quantities"]] == ["area", "attenuation_mean"]
    assert printed["quantities"][0]["statistics"][0]["form"] == "ICC(1,1)"


def test_by_joins_what_is_not_named(enthesis, long_file, tmp_path):
    code, out, _ = enthesis(
        "agree", long_file, "-o", tmp_path / "out", "--by", "quantity", "--json"
    )
    assert code == 0
    assert [one["key"] for one in json.loads(out)["quantities"]] == [
        {"quantity": "area"},
        {"quantity": "attenuation_mean"},
    ]


def test_a_wide_table_of_grades_has_kappas_and_the_same_alpha_every_time(
    enthesis, wide_file, tmp_path
):
    call = ("agree", wide_file, "--subject", "id", "--raters", "A", "B", "--kind", "ordinal")
    runs = [enthesis(*call, "-o", tmp_path / name, "--json") for name in ("one", "two")]
    assert runs[0][0] == 0 and runs[0][1] == runs[1][1]
    table = pd.read_csv(tmp_path / "one" / "agreement.csv").set_index("statistic")
    assert table.loc["Cohen kappa, quadratic weights", "estimate"] > 0.8
    assert np.isfinite(table.loc["Krippendorff alpha", "ci_lower"])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t[t["rater"] == RATERS[0]], "two or more raters or sessions are needed"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "occurs 2 times"),
        (lambda t: t.assign(value=["x"] * len(t)), "reads 'x', not a number"),
        (lambda t: t.drop(columns="rater"), "no column 'rater' or 'session'"),
    ],
)
def test_an_unusable_table_ends_with_2_and_leaves_nothing(
    enthesis, long_file, tmp_path, change, said
):
    change(pd.read_csv(long_file)).to_csv(long_file, index=False)
    output = tmp_path / "out"
    code, out, err = enthesis("agree", long_file, "-o", output)
    assert (code, out) == (2, "")
    assert said in err and err.startswith("enthesis: ")
    assert not output.exists()


def test_a_quantity_that_cannot_be_judged_is_named_with_its_reason(enthesis, long_file, tmp_path):
    table = pd.read_csv(long_file)
    table.loc[table["quantity"] == "area", "value"] = 7.0
    table.to_csv(long_file, index=False)
    code, out, _ = enthesis("agree", long_file, "-o", tmp_path / "out")
    assert code == 0
    assert "not computed: every rating is 7" in out
    rows = pd.read_csv(tmp_path / "out" / "agreement.csv")
    reason = rows[(rows["quantity"] == "area") & (rows["statistic"] == "ICC(2,1)")]["reason"].item()
    assert reason.startswith("every rating is 7")
