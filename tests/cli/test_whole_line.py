"""The whole line: scans to measurements, findings, agreement, effects and pooled evidence.

The commands are those of docs/tutorial.md, with fewer bodies.
"""

import json
import re
import shlex
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from enthesis import cli

pytest.importorskip("pyarrow")
pytest.importorskip("duckdb")

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"

BLOCK = re.compile(r"```(bash|python)\n(.*?)```", re.DOTALL)

SMALLER = {
    "--subjects 60": "--subjects 6",  # two of each group: the least that has a spread
    "--spacing 2 2 3": "--spacing 2 2 5",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder in which everything of the tutorial was done."""
    folder = tmp_path_factory.mktemp("tutorial")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for language, text in BLOCK.findall(TUTORIAL.read_text(encoding="utf-8")):
            if language == "python":
                exec(compile(text, "tutorial.md", "exec"), {})
                continue
            for full, small in SMALLER.items():
                text = text.replace(full, small)
            for line in text.strip().splitlines():
                program, *arguments = shlex.split(line)
                if program == "enthesis":
                    assert cli.run(arguments) == 0, line
    return folder


def table(path):
    return pd.read_csv(path, keep_default_na=False)


def test_every_scan_of_the_cohort_is_measured(place):
    cases = table(place / "out" / "cases.csv")
    assert set(cases["status"]) == {"measured"}
    assert len(cases) == 6


def test_measured_areas_are_the_true_ones(place):
    found = json.loads((place / "agreement" / "agreement.json").read_text())
    assert {one["key"]["region"] for one in found["quantities"]} == {
        "multifidus", "erector_spinae", "psoas_major",
    }  # fmt: skip
    frame = table(place / "agreement" / "agreement.csv")
    icc = frame.loc[frame["statistic"] == "ICC(2,1)", "estimate"].astype(float)
    # Pixels of 2 mm on areas of a few hundred mm2.
    assert (icc > 0.9).all()


def test_findings_go_with_the_subjects_of_the_batch(place):
    findings = table(place / "findings.csv")
    own = table(place / "out" / "findings.csv")
    assert set(findings["subject"]) == set(own["subject"]) == {f"S{i:03d}" for i in range(1, 7)}
    both = findings.merge(own, on=["subject", "criterion"])
    # The batch judges scan by scan what diagnose judges of its table.
    assert len(both) == len(findings) > 0
    assert (both["category_x"] == both["category_y"]).all()
    # The sex is known from the table of scans, so criteria that ask for it can tell.
    by_sex = findings[findings["used"].str.contains("sex")]
    assert len(by_sex) and not (by_sex["category"] == "cannot tell").any()


def test_the_cohort_joins_the_literature_and_is_pooled(place):
    studies = table(place / "studies.csv")
    new = studies[studies["study"] == "Phantom 2026"]
    assert set(new["outcome"]) == {"CSA", "FI"}
    assert set(new["muscle"]) == {"multifidus", "erector spinae", "psoas major"}
    pooled = table(place / "pooled" / "effects.csv")
    assert (pooled["study"] == "Phantom 2026").sum() == len(new) > 0


def test_the_page_leads_to_every_scan_and_says_how_it_was_made(place):
    html = (place / "out" / "index.html").read_text()
    for folder in table(place / "out" / "cases.csv")["folder"]:
        assert f'href="{folder}/report.html"' in html
        assert (place / "out" / folder / "report.html").is_file()
    assert "Provenance" in html
    record = json.loads((place / "out" / "provenance.json").read_text())
    assert record["command"] == "batch" and record["options"]["scans"] == 6


def test_the_queries_of_the_page_on_batches_run(place, monkeypatch):
    monkeypatch.chdir(place)
    queries = BLOCK.findall((TUTORIAL.parent / "batch.md").read_text(encoding="utf-8"))
    (text,) = [text for language, text in queries if language == "python"]
    names = {}
    exec(
        compile(
            text.replace("OUT/", "out/").replace("duckdb.sql(", "found = duckdb.sql("),
            "batch.md",
            "exec",
        ),
        names,
    )
    assert names["found"].fetchall() == []


def test_sessions_of_a_batch_are_raters_without_edits(place, enthesis, tmp_path):
    scans = table(place / "bodies" / "scans.csv").head(3)
    rng = np.random.default_rng(3)
    again = []
    for row in scans.to_dict("records"):
        image = nib.load(place / "bodies" / row["image"])
        noisy = np.asarray(image.dataobj) + rng.normal(0, 25, image.shape)
        path = tmp_path / row["image"]
        nib.save(nib.Nifti1Image(noisy.astype(np.int16), image.affine), path)
        again.append(row | {"image": path, "session": "second"})
    first = scans.assign(session="first", image=[place / "bodies" / i for i in scans["image"]])
    dataset = pd.concat([first, pd.DataFrame(again)])
    dataset["labels"] = [place / "bodies" / name for name in dataset["labels"]]
    dataset.to_csv(tmp_path / "scans.csv", index=False)
    few = 'name = "few"\nmuscles = ["multifidus"]\nlevels = ["L3"]\nslices = ["mid-body"]\n'
    (tmp_path / "few.toml").write_text(few)
    output = tmp_path / "out"
    line = ("batch", tmp_path / "scans.csv", "-o", output, "--protocol", tmp_path / "few.toml")
    assert enthesis(*line)[0] == 0
    code, _, err = enthesis("agree", output / "measurements.csv", "-o", tmp_path / "agreed")
    assert (code, err) == (0, "")
    # The page of the batch has it too.
    assert "Agreement of sessions" in (output / "index.html").read_text()
    own = table(output / "agreement.csv")
    assert set(own["raters"]) >= {"first / second"}


def test_groups_of_a_batch_are_compared_without_edits(place, enthesis, tmp_path):
    code, _, err = enthesis(
        "compare", place / "out" / "measurements.csv",
        "--subjects", place / "bodies" / "subjects.csv",
        "--outcomes", "trabecular_attenuation", "-o", tmp_path / "compared",
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert len(table(tmp_path / "compared" / "comparisons.csv"))
