import json

import numpy as np
import pandas as pd
import pytest

STUDIES = "study,outcome,muscle,comparison,m1i,sd1i,n1i,m2i,sd2i,n2i\n"
OLD = "Lee 2019,CSA,multifidus,OP vs Control,500.0,90,30,560,80,28\n"


@pytest.fixture
def cohort_file(tmp_path):
    """Three stages of twelve, wide."""
    rng = np.random.default_rng(6)
    stage = np.repeat(["normal", "osteopenia", "osteoporosis"], 12)
    table = pd.DataFrame(
        {
            "subject": [f"p{i:02d}" for i in range(36)],
            "group": stage,
            "age": rng.normal(66, 7, 36).round(1),
            "csa": (rng.normal(560, 60, 36) - 30 * np.repeat([0, 1, 2], 12)).round(1),
        }
    )
    path = tmp_path / "cohort.csv"
    table.to_csv(path, index=False)
    return path


@pytest.fixture
def studies(tmp_path):
    path = tmp_path / "effects.csv"
    path.write_text(STUDIES + OLD)
    return path


def test_compare_writes_tables_figures_report_and_provenance(enthesis, cohort_file, tmp_path):
    output = tmp_path / "out"
    code, out, err = enthesis("compare", cohort_file, "--covariates", "age", "-o", output)
    assert (code, err) == (0, "")
    assert "OP&OPN vs" in out and "Adjusted" in out and "Report:" in out
    assert sorted(path.name for path in output.iterdir()) == [
        "compare.json",
        "comparisons.csv",
        "effects.csv",
        "groups.csv",
        "groups_csa.svg",
        "provenance.json",
        "report.html",
    ]
    comparisons = pd.read_csv(output / "comparisons.csv")
    assert len(comparisons) == 5
    record = json.loads((output / "provenance.json").read_text())
    assert record["options"]["covariates"] == ["age"]
    assert str(tmp_path) not in (output / "report.html").read_text() + json.dumps(record)


def test_a_cohort_joins_the_literature_and_is_pooled_with_it(
    enthesis, cohort_file, studies, tmp_path
):
    code, out, _ = enthesis(
        "compare", cohort_file, "--append-to", studies, "--study", "Smith 2026",
        "--muscle", "multifidus",
    )  # fmt: skip
    assert code == 0
    assert "Added 5 effects; the table of studies has 6 now" in out
    lines = studies.read_text().splitlines()
    # What was there stays letter by letter, and the outcome takes the spelling of the table.
    assert lines[0] + "\n" == STUDIES and lines[1] + "\n" == OLD
    assert lines[2].startswith("Smith 2026,CSA,multifidus,OP vs Control,")
    code, out, _ = enthesis("pool", studies, "--by", "comparison", "-o", tmp_path / "p", "--json")
    both = next(x for x in json.loads(out)["pooled"] if x["comparison"] == "OP vs Control")
    assert (code, both["k"], both["n_studies"]) == (0, 2, 2)


def test_a_table_with_effects_gets_effects(enthesis, cohort_file, tmp_path):
    path = tmp_path / "effects.tsv"
    path.write_text("study\toutcome\tcomparison\tyi\tvi\nA\tfat\tOP vs Control\t0.2\t0.04\n")
    code, _, _ = enthesis("compare", cohort_file, "--append-to", path, "--study", "B")
    table = pd.read_csv(path, sep="\t")
    assert code == 0
    assert table["yi"].notna().all() and (table["vi"] > 0).all()
    assert np.isnan(table["m1i"][0]) and table["n1i"][1] == 12


def test_a_new_table_of_studies_is_begun(enthesis, cohort_file, tmp_path):
    path = tmp_path / "new.csv"
    code, _, _ = enthesis("compare", cohort_file, "--append-to", path, "--study", "B")
    assert code == 0
    assert pd.read_csv(path)["study"].tolist() == ["B"] * 5


def test_an_effect_that_is_there_already_is_refused_and_nothing_is_written(
    enthesis, cohort_file, studies, tmp_path
):
    line = ("compare", cohort_file, "--append-to", studies, "--study", "Smith 2026")
    assert enthesis(*line)[0] == 0
    before = studies.read_bytes()
    output = tmp_path / "out"
    code, out, err = enthesis(*line, "-o", output)
    assert (code, out) == (2, "")
    assert "has Smith 2026 · csa · OP vs Control already, in row 3; remove that row" in err
    assert studies.read_bytes() == before
    assert not output.exists()


def test_another_muscle_of_the_same_study_is_another_effect(enthesis, cohort_file, studies):
    line = ("compare", cohort_file, "--append-to", studies, "--study", "Lee 2019", "--muscle")
    code, _, err = enthesis(*line, "multifidus")
    assert code == 2
    assert "has Lee 2019 · csa · OP vs Control · multifidus already" in err
    assert enthesis(*line, "psoas")[0] == 0


def test_quantities_of_ours_take_the_words_of_the_literature(enthesis, cohort_file, tmp_path):
    renamed = tmp_path / "cohort.csv"
    renamed.write_text(cohort_file.read_text().replace("csa", "area", 1))
    path = tmp_path / "studies.csv"
    path.write_text(STUDIES + OLD)
    line = ("compare", renamed, "--append-to", path, "--study", "B", "--muscle", "erector_spinae")
    assert enthesis(*line, "--outcomes", "area")[0] == 0
    assert set(pd.read_csv(path)["outcome"]) == {"CSA"}
    # And so what is there already is known under either word.
    code, _, err = enthesis(*line, "--outcomes", "area")
    assert code == 2 and "already" in err


def test_effects_of_another_measure_are_refused(enthesis, cohort_file, tmp_path):
    path = tmp_path / "md.csv"
    # A mean difference of -60 where Hedges' g would be -0.69.
    path.write_text(STUDIES.strip() + ",yi,vi\n" + OLD.strip() + ",-60,498\n")
    line = ("compare", cohort_file, "--append-to", path, "--study", "B")
    code, _, err = enthesis(*line)
    assert code == 2
    assert "are not SMD: row 2 has yi = -60 where its means give -0.69" in err
    assert enthesis(*line, "--measure", "MD")[0] == 0
    assert pd.read_csv(path)["yi"].abs().min() > 5


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("study,yi,vi\nA,0.1,0.2\n", "no column 'outcome'"),
        ("study,outcome,comparison\nA,b,c\n", "neither effects (yi, vi) nor means"),
    ],
)
def test_a_table_that_cannot_take_a_cohort_is_refused(
    enthesis, cohort_file, tmp_path, content, message
):
    path = tmp_path / "odd.csv"
    path.write_text(content)
    code, _, err = enthesis("compare", cohort_file, "--append-to", path, "--study", "B")
    assert code == 2
    assert message in err
    assert path.read_text() == content


def test_a_cohort_without_a_name_cannot_join(enthesis, cohort_file, studies):
    code, _, err = enthesis("compare", cohort_file, "--append-to", studies)
    assert code == 2
    assert "name it with --study" in err


def test_the_table_s_own_study_column_names_it(enthesis, cohort_file, studies):
    pd.read_csv(cohort_file).assign(study="Own 2025").to_csv(cohort_file, index=False)
    assert enthesis("compare", cohort_file, "--append-to", studies)[0] == 0
    assert "Own 2025,CSA," in studies.read_text()


def test_numbered_stages_are_named_on_the_line(enthesis, cohort_file):
    table = pd.read_csv(cohort_file)
    codes = {"normal": 0, "osteopenia": 1, "osteoporosis": 2}
    table.assign(group=table["group"].map(codes)).to_csv(cohort_file, index=False)
    stages = ("--stages", "0=Control", "1=OPN", "2=OP")
    code, out, _ = enthesis("compare", cohort_file, *stages, "--json")
    assert code == 0
    assert json.loads(out)["stages"] == ["Control", "OPN", "OP"]
    code, _, err = enthesis("compare", cohort_file)
    assert code == 2
    assert "the group '0' is none of 'Control', 'OPN', 'OP'; name the stages" in err


def test_json_has_trend_checks_and_effects(enthesis, cohort_file):
    code, out, _ = enthesis("compare", cohort_file, "--json")
    found = json.loads(out)
    assert code == 0
    assert len(found["effects"]) == len(found["comparisons"]) == 5
    (outcome,) = found["outcomes"]
    assert outcome["linear_trend"]["p_value"] < 0.05
    assert outcome["jonckheere_terpstra"]["superiority"] < 0.5
    assert found["effects"][0]["yi"] == pytest.approx(found["comparisons"][0]["g"])


def test_a_subject_twice_is_named_by_its_rows_in_the_file(enthesis, cohort_file):
    with cohort_file.open("a") as stream:
        stream.write("p03,normal,60,500\n")
    code, _, err = enthesis("compare", cohort_file)
    assert code == 2
    assert "the subject 'p03' occurs in rows 5, 38" in err


def test_a_missing_group_column_is_answered_with_those_there_are(enthesis, cohort_file):
    code, _, err = enthesis("compare", cohort_file, "--group", "stage")
    assert code == 2
    assert "no column 'stage'; the table has: subject, group, age, csa" in err
