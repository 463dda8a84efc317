"""A plan carried out: numbers, robustness, changes since an earlier run, and files."""

import json
import re

import numpy as np
import pandas as pd
import pytest

from enthesis import evidence, phantom
from enthesis.errors import InputError
from enthesis.pipeline.review_files import write_effects
from enthesis.pipeline.review_run import files
from enthesis.pipeline.review_run.analyses import run_plan
from enthesis.pipeline.review_run.answers import answers, changes
from enthesis.pipeline.review_run.files import run_files
from enthesis.pipeline.review_run.findings import JUDGMENTS, findings
from enthesis.pipeline.review_run.methods import methods_text
from enthesis.pipeline.review_run.model_tables import model_table, robust_table
from enthesis.pipeline.review_run.pictures import result_pictures
from enthesis.pipeline.review_run.plan_file import default_plan_text, parse_plan, read_plan
from enthesis.pipeline.review_run.tables import result_tables

SMALL = """
title = "Small"
[data]
table = "effects.csv"
[effect]
measure = "SMD"
[[subgroups]]
name = "Site"
cells = { site = [] }
min_effects = 2
[[models]]
name = "Age"
moderators = ["age"]
[living]
"""


@pytest.fixture(scope="module")
def paper():
    return run_plan(read_plan())


def small_table(n_studies=8, seed=2):
    rng = np.random.default_rng(seed)
    rows = [
        {
            "study": f"Study {i}",
            "site": "ab"[j],
            "m1i": 10 + rng.normal(0.5, 0.3),
            "sd1i": 1.0,
            "n1i": 30 + i,
            "m2i": 10.0,
            "sd2i": 1.0,
            "n2i": 30,
            "age": 50.0 + 2 * i,
        }
        for i in range(n_studies)
        for j in range(2)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def small(tmp_path):
    """Write a table and a plan; the path of the plan."""

    def write(table, text=SMALL):
        table.to_csv(tmp_path / "effects.csv", index=False)
        (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
        return tmp_path / "plan.toml"

    return write


@pytest.fixture(autouse=True)
def coarse(monkeypatch):
    """Figures of few pixels, to save time."""
    monkeypatch.setattr(files, "PRINT_DPI", 30)


def left_behind(plan, folder):
    """What a run leaves for the next one, without its figures."""
    folder.mkdir()
    result = run_plan(read_plan(plan))
    result.effects.table.to_csv(folder / "effects.csv", index=False)
    answers(result).to_csv(folder / "answers.csv", index=False)


def test_cells_are_what_pooling_each_alone_gives(paper):
    studies = evidence.effect_sizes(phantom.simulated_studies(), "SMD")
    mine = studies[
        (studies["outcome"] == "FI")
        & (studies["muscle"] == "multifidus")
        & (studies["comparison"] == "OP vs Control")
    ]
    alone = evidence.pool(mine, method="DL", test="z")
    fi = paper.cells[1].table
    row = fi[(fi["muscle"] == "multifidus") & (fi["comparison"] == "OP vs Control")].iloc[0]
    assert row["estimate"] == pytest.approx(float(alone.coefficients[0]))
    assert row["i2"] == pytest.approx(alone.i2)


def test_models_land_near_the_published_ones(paper):
    # Published: Tables 1 and 2 and the text of the review. The data are simulated: near is within
    # one published standard error, or ten points of percent; studies vary less among themselves.
    one, two = paper.models
    assert one.fit.to_frame()["estimate"]["outcomeFI"] == pytest.approx(0.36, abs=0.09)
    assert one.fit.to_frame()["estimate"]["age"] == pytest.approx(-0.03, abs=0.02)
    assert one.spread.i2_total == pytest.approx(88.9, abs=10)
    assert one.spread.i2[0] == pytest.approx(43.4, abs=16)
    assert one.spread.i2[1] == pytest.approx(45.4, abs=10)
    assert one.ratio.p_value == pytest.approx(0.004, abs=0.003)
    robust = two.robust.to_frame()["estimate"]
    assert robust["comparisonOP vs Control"] == pytest.approx(0.50, abs=0.10)
    assert (one.vif["vif"] < 2).all()
    assert paper.bias.plain.slope == pytest.approx(1.90, abs=0.99)
    assert paper.bias.plain.p_value > 0.05
    assert paper.bias.trimmed.k0 == 0


def test_subgroups_lead_to_the_published_conclusions(paper):
    area, fat = (one.table.set_index(["muscle", "comparison"]) for one in paper.cells)
    for muscle in ("multifidus", "erector spinae"):
        assert (fat.loc[muscle, "ci_lower"] > 0).all()
    assert (fat.loc["psoas major", "p_value"] > 0.05).all()
    assert area.loc[("psoas major", "OPN vs Control"), "ci_upper"] < 0
    assert area.loc[("multiple muscles", "OP vs Control"), "ci_upper"] < 0


def test_a_table_prints_factors_under_their_name_with_the_reference(paper):
    frame = model_table(paper.models[0], paper.plan).frame
    names = frame["Moderator"].tolist()
    at = names.index("Muscles (Ref. Erector spinae)")
    assert [name.strip() for name in names[at + 1 :]] == [
        "Multifidus",
        "Psoas major",
        "Multiple muscles",
    ]
    assert frame.iloc[at, 1] == ""
    assert "Outcome type (FI)" in names


def test_few_degrees_of_freedom_are_marked(paper):
    table = robust_table(paper.models[1], paper.plan)
    df = table.frame["SE (df)"].str.extract(r"\((.*)\)")[0].astype(float)
    marked = table.frame["doubts"].str.startswith("fewer than 4")
    assert (df.dropna() < 4).equals(marked[df.notna()])


def test_the_methods_say_what_was_done(paper):
    text = " ".join(methods_text(paper))
    for part in (
        "simulated",
        "125 effects from 14 studies",
        "DerSimonian",
        "restricted maximum likelihood",
        "CR2",
        "ρ = 0.7",
        "Satterthwaite",
        "trim and fill (L0)",
        "Enthesis ",
    ):
        assert part in text


def test_judgments_of_certainty_are_left_to_people(paper):
    table = findings(paper)
    assert (table[list(JUDGMENTS)] == "").all().all()
    assert len(table) == sum(one.table["estimate"].notna().sum() for one in paper.cells) + 1


def test_judgments_that_people_made_are_printed(small, tmp_path):
    plan = small(small_table(), SMALL + '[findings]\njudgments = "judged.csv"\n')
    unjudged = findings(run_plan(parse_plan(SMALL, folder=tmp_path)))
    unjudged.loc[0, "certainty"] = "low"
    unjudged.to_csv(tmp_path / "judged.csv", index=False)
    assert findings(run_plan(read_plan(plan))).loc[0, "certainty"] == "low"


def test_judgments_of_something_else_are_refused(small, tmp_path):
    plan = small(small_table(), SMALL + '[findings]\njudgments = "judged.csv"\n')
    table = findings(run_plan(parse_plan(SMALL, folder=tmp_path)))
    table.loc[0, ["answer", "certainty"]] = ["Z", "low"]
    table.to_csv(tmp_path / "judged.csv", index=False)
    with pytest.raises(InputError, match="row 2 judges Site, Z, which"):
        findings(run_plan(read_plan(plan)))


def test_missing_moderators_leave_effects_out_of_that_model_only(small):
    table = small_table()
    table.loc[:3, "age"] = np.nan
    result = run_plan(read_plan(small(table)))
    assert result.models[0].fit.k == len(table) - 4
    assert result.overall.fit.k == len(table)
    assert any("Age uses 12 of 16 effects" in note for note in result.notes)


def test_a_moderator_without_variation_is_reported_not_fatal(small):
    result = run_plan(read_plan(small(small_table().assign(age=60.0))))
    assert result.failed["Age"] == "the moderator 'age' is 60 in all 16 effects; leave it out"


def test_a_factor_that_too_few_studies_can_test_keeps_its_model(small):
    table = pd.concat([small_table(3).assign(arm=f"arm {i}") for i in range(5)])
    text = SMALL.replace('moderators = ["age"]', 'moderators = ["arm"]')
    result = run_plan(read_plan(small(table, text)))
    (model,) = result.models
    assert "3 clusters" in model.untested["arm"]
    assert not model.tests
    notes = " ".join(robust_table(model, result.plan).notes)
    assert "Arm, all levels at once: not tested, for" in notes


def test_a_moderator_that_is_no_column_is_refused_by_its_key(small):
    with pytest.raises(InputError, match=r"models\[1\].moderators names 'age'"):
        run_plan(read_plan(small(small_table().drop(columns="age"))))


def test_subgroups_of_one_study_are_named_not_pooled(small):
    table = small_table()
    table.loc[0, "site"] = "lonely"
    cells = run_plan(read_plan(small(table))).cells[0].table
    lonely = cells[cells["site"] == "lonely"].iloc[0]
    assert np.isnan(lonely["estimate"])
    assert "1 effect" in lonely["reason"]


def test_two_studies_give_no_bias_tests_but_an_answer(small):
    result = run_plan(read_plan(small(small_table(n_studies=2))))
    assert result.growth is None
    assert any("fewer than three studies" in note for note in result.notes)
    assert result_pictures(result)


@pytest.mark.parametrize("shift", [50.0, 1e-7])
def test_huge_and_tiny_effects_are_drawn(small, shift):
    table = small_table()
    table.loc[5, "m1i"] = table.loc[5, "m2i"] + shift
    result = run_plan(read_plan(small(table)))
    assert ("Site", "forest_site") in result_pictures(result)


def test_forty_studies_in_eight_subgroups_have_a_row_each(small):
    table = small_table(n_studies=40)
    table["site"] = [f"a site whose name is rather long, number {i % 8}" for i in range(len(table))]
    result = run_plan(read_plan(small(table)))
    figure = result_pictures(result)["Site", "forest_site"].figure
    texts = {text.get_text().strip() for text in figure.axes[0].texts}
    assert {f"Study {i}" for i in range(40)} <= texts
    assert len(result.cells[0].table) == 8


def test_the_order_of_rows_does_not_change_the_models(small, tmp_path):
    first = answers(run_plan(read_plan(small(small_table()))))
    other = answers(run_plan(read_plan(small(small_table().sample(frac=1, random_state=1)))))
    columns = ["analysis", "answer", "estimate"]
    one, two = (x[columns].sort_values(columns[:2]).reset_index(drop=True) for x in (first, other))
    # Optimisers stop within 1e-6.
    pd.testing.assert_frame_equal(one, two, atol=1e-5)


def test_an_extraction_sheet_goes_through_the_papers_plan(tmp_path):
    rng = np.random.default_rng(0)
    arm = {"sample": "all", "study_n": 200, "side": "both", "criterion": "T-score"}
    arm |= {"source": "", "comment": ""}
    rows = [
        arm
        | {"study": f"S{i}", "outcome": outcome, "measurement": measurement, "muscle": muscle}
        | {"level": "L4/5" if i % 2 else "multiple", "group": group, "n": 40 + i, "unit": unit}
        | {"mean": round(mean * (1 + sign * worse * 0.15 + rng.normal(0, 0.03)), 2)}
        | {"sd": round(0.15 * mean, 2), "age": 60 + i, "female_percent": [60, 100, 75, 90, 70][i]}
        | {"bmi": [23.1, 25.2, 22.9, 24.8, 23.6][i], "icc": ["full", "partial", "none"][i % 3]}
        for i in range(5)
        for outcome, unit, measurement, mean, sign in (
            ("CSA", "cm2", "raw area", 9.0, -1),
            ("FI", "%", "MRI FI", 20.0, 1),
        )
        for muscle in ("multifidus", "psoas major")
        for group, worse in (("Control", 0.0), ("OPN", 0.3), ("OP", 0.7))
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "sheet.csv", index=False)
    write_effects(tmp_path / "sheet.csv", tmp_path / "effects.csv")
    text = default_plan_text().replace("# table =", "table =")
    result = run_plan(parse_plan(text, folder=tmp_path))
    assert not result.effects.simulated
    assert set(result.effects.table["level"]) == {"multiple", "single"}
    # As extracted: less area, more fat; in models both are worse.
    area, fat = (one.table.dropna(subset="estimate") for one in result.cells)
    worst = [one[one["comparison"] == "OP vs Control"]["estimate"] for one in (area, fat)]
    assert (worst[0] < 0).all()
    assert (worst[1] > 0).all()
    assert result.overall.fit.coefficients[0] > 0


def test_a_flow_that_does_not_add_up_is_refused_with_its_box(small):
    flow = (
        "[flow]\ndatabases = { all = 3636 }\nduplicates = 98\nscreened = 3537\nexcluded = 3512\n"
        "assessed = 25\nexcluded_reports = { other = 11 }\nstudies = 14\n"
    )
    with pytest.raises(InputError, match="screened"):
        run_plan(read_plan(small(small_table(), SMALL + flow)))


def test_a_flow_that_ends_elsewhere_is_noted_and_drawn(small):
    flow = (
        "[flow]\ndatabases = { all = 3636 }\nduplicates = 99\nscreened = 3537\nexcluded = 3512\n"
        "assessed = 25\nexcluded_reports = { other = 11 }\nstudies = 14\n"
    )
    result = run_plan(read_plan(small(small_table(), SMALL + flow)))
    assert "the flow ends with 14 studies, but effects of 8 are pooled" in result.notes
    assert ("Selection of studies", "prisma") in result_pictures(result)


def test_a_study_added_since_the_last_run_is_reported(small, tmp_path):
    table = small_table()
    plan = small(table.iloc[:-2])
    left_behind(plan, tmp_path / "old")
    table.loc[0, "m1i"] += 1
    small(table)
    found = changes(run_plan(read_plan(plan)), tmp_path / "old")
    assert found.added["study"].tolist() == ["Study 7", "Study 7"]
    assert len(found.removed) == 0
    assert found.altered["study"].tolist() == ["Study 0"]
    assert "2 effects were added, 0 removed and 1 altered" in found.summary()


def test_a_conclusion_that_moves_is_named(small, tmp_path):
    table = small_table()
    plan = small(table)
    left_behind(plan, tmp_path / "old")
    small(table.assign(m1i=20 - table["m1i"]))
    found = changes(run_plan(read_plan(plan)), tmp_path / "old")
    moved = found.moved[found.moved["answer"] == "pooled effect"]
    assert (moved["conclusion"] == "below 0").all()
    assert (moved["conclusion_before"] == "above 0").all()
    assert "from above 0 to below 0" in found.summary()


def test_a_folder_without_a_run_is_refused(small, tmp_path):
    plan = small(small_table())
    with pytest.raises(InputError, match="holds no earlier run"):
        run_files(plan, output=tmp_path / "out", previous=tmp_path)
    assert not (tmp_path / "out").exists()


def test_files_are_complete_and_the_same_every_time(small, tmp_path):
    plan = small(small_table())
    run_files(plan, output=tmp_path / "one")
    again = run_files(plan, output=tmp_path / "two", previous=tmp_path / "one").changes
    assert again.moved.empty
    assert (again.answers["shift"].abs().dropna() < 1e-9).all()
    made = sorted(path.name for path in (tmp_path / "one").iterdir())
    for stem in ("figure_forest_site", "figure_cumulative", "figure_baujat", "figure_influence"):
        assert {f"{stem}.svg", f"{stem}.png"} <= set(made)
    for stem in ("table_age", "table_age_robust", "table_summary_of_findings"):
        assert {f"{stem}.csv", f"{stem}.html", f"{stem}.tex"} <= set(made)
    # The second run also tells what changed.
    for name in set(made) - {"report.html", "results.json"}:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    record = json.loads((tmp_path / "one" / "provenance.json").read_text())
    assert set(record["inputs"]) == {"plan", "table"}
    page = (tmp_path / "one" / "report.html").read_text(encoding="utf-8")
    assert "In short" in page
    assert not re.search(r"(src|href)=\"https?:", page)


def test_every_table_of_the_paper_is_made(paper):
    names = {name for _, name in result_tables(paper)}
    assert {
        "subgroups_CSA",
        "subgroups_FI",
        "Model 1",
        "Model 1_robust",
        "Model 2",
        "Model 2_robust",
        "Measurement approach_robust",
        "ICC reporting_robust",
        "variance",
        "selection",
        "vif",
        "rho",
        "small_study_effects",
        "sequential",
    } <= names
