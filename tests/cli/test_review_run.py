import json

import pandas as pd
import pytest

from enthesis.pipeline.review_run import files
from enthesis.pipeline.review_run.plan_file import default_plan_text

PLAN = """
title = "Door"
[data]
table = "effects.csv"
[effect]
name = "Effect"
[[subgroups]]
name = "Site"
cells = { site = [] }
"""


@pytest.fixture
def plan(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "PRINT_DPI", 30)
    table = pd.DataFrame(
        {
            "study": ["A", "A", "B", "C", "D"],
            "site": ["neck", "back", "neck", "neck", "back"],
            "yi": [0.2, 0.3, 0.4, 0.5, 0.1],
            "vi": [0.02, 0.03, 0.02, 0.04, 0.03],
        }
    )
    table.to_csv(tmp_path / "effects.csv", index=False)
    (tmp_path / "plan.toml").write_text(PLAN)
    return tmp_path / "plan.toml"


def test_a_plan_is_carried_out_and_compared_with_the_run_before(enthesis, plan, tmp_path):
    code, out, _ = enthesis("review", "run", plan, "-o", tmp_path / "out")
    assert code == 0
    assert "pooled effects (Effect)" in out
    assert (tmp_path / "out" / "report.html").exists()
    code, out, _ = enthesis(
        "review", "run", plan, "-o", tmp_path / "out", "--previous", tmp_path / "out", "--json"
    )
    document = json.loads(out)
    assert document["changes"]["effects_added"] == 0
    assert document["n_effects"] == 5
    assert {"Site", "Overall"} <= {one["analysis"] for one in document["answers"]}


def test_the_plan_to_start_from_is_printed(enthesis):
    code, out, _ = enthesis("review", "plan")
    assert (code, out) == (0, default_plan_text())


def test_a_bad_row_is_named_and_nothing_is_written(enthesis, plan, tmp_path):
    text = (tmp_path / "effects.csv").read_text()
    (tmp_path / "effects.csv").write_text(text + "B,neck,0.4,0.02\n")
    code, _, err = enthesis("review", "run", plan, "-o", tmp_path / "out")
    assert code != 0
    assert "row 7: the same effect as row 4" in " ".join(err.split())
    assert not (tmp_path / "out").exists()
