"""One plan from records, screening, ratings and extraction sheet to the report."""

import csv

import numpy as np
import pandas as pd
import pytest

from enthesis import review
from enthesis.errors import InputError
from enthesis.pipeline.review_files import deduplicate_library, import_search, unique_records
from enthesis.pipeline.review_run.analyses import run_plan
from enthesis.pipeline.review_run.methods import methods_text
from enthesis.pipeline.review_run.plan_file import default_plan_text, read_plan
from enthesis.review.extraction_columns import COLUMNS

STUDIES = ("Jones 2020", "Lee 2021", "Ng 2022", "Li 2023")

PLAN = """
[data]
extraction = { sheet = "sheet.csv", side_correlation = 0.9, reconstruct = ["OP&OPN"] }
[effect]
reverse = { outcome = ["CSA"] }
[[models]]
name = "Comparison"
moderators = ["comparison"]
[flow]
library = "library"
screening = "screening.sqlite"
pooled = 4
[appraisal]
ratings = "ratings.xlsx"
instrument = "jbi_cross_sectional"
bands = [70, 50]
"""


def extraction_rows():
    rng = np.random.default_rng(6)
    for study in STUDIES:
        for group, mean in (("OP", 7.0), ("OPN", 7.6), ("Control", 8.0)):
            for side in ("left", "right"):
                yield {
                    "study": study,
                    "sample": "all",
                    "study_n": 90,
                    "outcome": "CSA",
                    "measurement": "raw area",
                    "muscle": "psoas major",
                    "side": side,
                    "level": "L4",
                    "group": group,
                    "n": 30,
                    "mean": round(mean + rng.normal(0, 0.3), 2),
                    "sd": 1.2,
                    "unit": "cm2",
                }


@pytest.fixture
def chain(tmp_path):
    """A review of six records, all its files, and the path of its plan."""
    lines = [
        f"TY  - JOUR\nTI  - {words} muscle and bone\nDO  - 10.1234/{i}\nPY  - 2020\nER  - \n"
        for i, words in enumerate(("Wide", "Thin", "Fatty", "Strong", "Rat", "Knee"))
    ]
    for name, text in (("A", lines), ("B", lines[:2])):
        (tmp_path / f"{name}.ris").write_text("\n".join(text), encoding="utf-8")
        import_search(
            tmp_path / f"{name}.ris",
            library=tmp_path / "library",
            database=name,
            date="2026-01-25",
            query="muscle AND bone",
        )
    deduplicate_library(tmp_path / "library")
    screening = review.Screening(
        tmp_path / "screening.sqlite", records=unique_records(tmp_path / "library")
    )
    for place, record in enumerate(screening.records()["record"]):
        for person in ("Ana", "Bo"):
            decision = "include" if place < 5 else "exclude"
            screening.decide(record, decision, stage="title_abstract", reviewer=person)
        for person in ("Ana", "Bo") if place < 5 else ():
            full = ("include", "") if place < 4 else ("exclude", "wrong population")
            screening.decide(record, full[0], stage="full_text", reviewer=person, reason=full[1])
    with (tmp_path / "sheet.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(extraction_rows())
    forms = [review.rating_form(STUDIES, "jbi_cross_sectional", rater=name) for name in "AB"]
    ratings = pd.concat(forms).assign(answer="yes")
    ratings.loc[(ratings["study"] == "Ng 2022") & (ratings["item"] != "Q1"), "answer"] = "no"
    ratings.to_excel(tmp_path / "ratings.xlsx", index=False)
    (tmp_path / "plan.toml").write_text(PLAN, encoding="utf-8")
    return tmp_path / "plan.toml"


def test_a_plan_counts_its_flow_reads_its_sheet_and_bands_its_ratings(chain):
    result = run_plan(read_plan(chain))
    assert (result.flow.identified, result.flow.duplicates, result.flow.screened) == (8, 2, 6)
    assert dict(result.flow.excluded_reports) == {"wrong population": 1}
    assert result.appraisal.overall == {
        "Jones 2020": "low",
        "Lee 2021": "low",
        "Ng 2022": "high",
        "Li 2023": "low",
    }
    # OP vs Control, OPN vs Control, OP vs OPN and the group made of both, of four studies.
    assert len(result.effects.table) == 16
    assert (result.effects.turned["yi"] == -result.effects.table["yi"]).all()
    assert not result.notes


def test_the_methods_tell_of_the_search_the_ratings_and_the_sheet(chain):
    found, effects, *_ = methods_text(run_plan(read_plan(chain)))
    assert found.startswith("8 records were identified (A (6), B (2)); 2 were removed before")
    assert "5 reports read in full; 4 studies were included" in found
    assert "2 people independently (Cohen's kappa 1.00 over 32 items)" in found
    assert '70% of "yes"' in found
    assert "correlated by r = 0.9" in effects
    assert "OP&OPN were reconstructed" in effects


def test_a_sheet_beside_a_table_is_refused(chain):
    text = chain.read_text(encoding="utf-8").replace("[data]", '[data]\ntable = "effects.csv"')
    chain.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"data\.extraction stands beside data\.table"):
        read_plan(chain)


def test_bands_the_wrong_way_round_are_refused(chain):
    text = chain.read_text(encoding="utf-8").replace("[70, 50]", "[50, 70]")
    chain.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"appraisal\.bands wants the percent of"):
        read_plan(chain)


def test_a_library_that_is_not_there_is_named(chain):
    text = chain.read_text(encoding="utf-8").replace('"library"', '"elsewhere"')
    chain.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=r"flow\.library 'elsewhere' is no folder"):
        run_plan(read_plan(chain))


def test_measurements_of_a_scan_join_the_papers_plan_under_its_words(tmp_path):
    table = pd.DataFrame(
        [
            {
                "study": f"Study {i}",
                "sample": "all",
                "outcome": outcome,
                "muscle": muscle,
                "comparison": comparison,
                "yi": 0.1 * i,
                "vi": 0.05,
                **dict.fromkeys(("age", "female_percent", "bmi"), 60.0 + i),
                "level": "L4",
            }
            for i in range(4)
            for outcome in ("CSA", "FI", "area", "fat_infiltration")
            for muscle in ("psoas_major", "erector spinae")
            for comparison in ("OP vs OPN", "OP vs Control")
            if (outcome in {"CSA", "FI"}) == (i < 2)
        ]
    )
    table.to_excel(tmp_path / "effects.xlsx", index=False)
    text = default_plan_text().replace('# table = "effects.csv"', 'table = "effects.xlsx"')
    (tmp_path / "plan.toml").write_text(text, encoding="utf-8")
    result = run_plan(read_plan(tmp_path / "plan.toml"))
    assert set(result.effects.table["outcome"].astype(str)) == {"CSA", "FI"}
    assert set(result.effects.table["muscle"].astype(str)) == {"psoas major", "erector spinae"}
