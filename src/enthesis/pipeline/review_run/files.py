"""A plan carried out into a folder: tables, figures, methods, report and provenance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from enthesis.pipeline.outputs import (
    Announce,
    file_name,
    json_text,
    output_folder,
    provenance,
    silently,
)
from enthesis.pipeline.review_files import PRINT_DPI
from enthesis.pipeline.review_run.analyses import run_plan
from enthesis.pipeline.review_run.answers import (
    ANSWERS_FILE,
    EFFECTS_FILE,
    Changes,
    answers,
    changes,
)
from enthesis.pipeline.review_run.findings import findings, findings_table
from enthesis.pipeline.review_run.methods import methods_text
from enthesis.pipeline.review_run.page import plan_page
from enthesis.pipeline.review_run.parts import Place
from enthesis.pipeline.review_run.pictures import result_pictures
from enthesis.pipeline.review_run.plan import Plan, SelectionPlan
from enthesis.pipeline.review_run.plan_file import default_plan_text, read_plan
from enthesis.pipeline.review_run.results import PlanResult
from enthesis.pipeline.review_run.tables import result_tables
from enthesis.report import page
from enthesis.report.figures import png, svg
from enthesis.report.page import Picture
from enthesis.report.table_files import table_csv, table_html, table_latex
from enthesis.report.tables import Table

FINDINGS_FILE = "summary_of_findings.csv"

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ReviewRun:
    """A plan carried out and written.

    Parameters
    ----------
    result : everything that the plan gave
    answers : a row per answer
    changes : since an earlier run; None without one
    methods : paragraphs
    """

    result: PlanResult
    answers: pd.DataFrame
    changes: Changes | None
    methods: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        document: dict[str, Any] = {
            "title": self.result.plan.title,
            "simulated": self.result.effects.simulated,
            "n_effects": len(self.result.effects.table),
            "n_studies": int(self.result.effects.table[self.result.effects.study].nunique()),
            "answers": self.answers.to_dict("records"),
            "failed": dict(self.result.failed),
            "skipped": dict(self.result.sensitivity.skipped),
            "notes": list(self.result.notes),
            "methods": list(self.methods),
        }
        if self.changes is not None:
            document["changes"] = {
                "effects_added": len(self.changes.added),
                "effects_removed": len(self.changes.removed),
                "effects_altered": len(self.changes.altered),
                "moved": self.changes.moved.to_dict("records"),
            }
        return document


def run_files(
    path: Path | None = None,
    *,
    output: Path,
    previous: Path | None = None,
    announce: Announce = silently,
) -> ReviewRun:
    """Carry out a plan and write everything that it gives.

    Parameters
    ----------
    path : the plan; the one that ships with the package, on simulated studies, if not given
    output : folder; its files appear only when all of them are made
    previous : folder of an earlier run, which may be the same, to tell what changed
    announce : told what is being done

    Raises
    ------
    InputError : the plan, its table or the earlier run cannot be used; nothing is written.
    """
    plan = read_plan(path)
    result = run_plan(plan, announce=announce)
    since = None if previous is None else changes(result, previous)
    done = ReviewRun(
        result=result, answers=answers(result), changes=since, methods=methods_text(result)
    )
    facts = findings(result)
    record = provenance(
        "review run", inputs=_inputs(path, plan), options={"plan": "own" if path else "default"}
    )
    announce("Drawing")
    tables, pictures = result_tables(result), result_pictures(result)
    with output_folder(output) as folder:
        result.effects.table.to_csv(folder / EFFECTS_FILE, index=False)
        done.answers.to_csv(folder / ANSWERS_FILE, index=False)
        facts.to_csv(folder / FINDINGS_FILE, index=False)
        if since is not None:
            since.answers.to_csv(folder / "changes.csv", index=False)
        _write(folder / "methods.txt", "\n\n".join(done.methods) + "\n")
        _write(folder / "results.json", json_text(done.to_dict()))
        _write(folder / "provenance.json", json_text(record))
        text = default_plan_text() if path is None else path.read_text(encoding="utf-8-sig")
        _write(folder / "plan.toml", text)
        summary = {("", "summary_of_findings"): findings_table(facts)}
        _write_tables({**tables, **summary}, folder)
        announce("Writing the figures")
        _write_pictures(pictures, folder)
        report = plan_page(
            result,
            tables=tables,
            pictures=pictures,
            methods=done.methods,
            findings=facts,
            changes=since,
            provenance=record,
        )
        page.write(report, folder / "report.html")
    return done


def _inputs(path: Path | None, plan: Plan) -> dict[str, Path]:
    named = {
        "plan": path,
        "table": plan.data.table,
        "sheet": plan.data.extraction.sheet if plan.data.extraction else None,
        "judgments": plan.judgments,
        "ratings": plan.appraisal.ratings if plan.appraisal else None,
        "library": plan.flow.library if isinstance(plan.flow, SelectionPlan) else None,
        "screening": plan.flow.screening if isinstance(plan.flow, SelectionPlan) else None,
    }
    return {role: file for role, file in named.items() if file is not None}


def _write_tables(tables: Mapping[Place, Table], folder: Path) -> None:
    for stem, table in _named("table", tables):
        _write(folder / f"{stem}.csv", table_csv(table))
        _write(folder / f"{stem}.html", table_html(table))
        _write(folder / f"{stem}.tex", table_latex(table))


def _write_pictures(pictures: Mapping[Place, Picture], folder: Path) -> None:
    for stem, picture in _named("figure", pictures):
        (folder / f"{stem}.svg").write_bytes(svg(picture.figure))
        (folder / f"{stem}.png").write_bytes(png(picture.figure, dpi=PRINT_DPI))


def _named(kind: str, placed: Mapping[Place, T]) -> Iterator[tuple[str, T]]:
    """File names without ending; names that differ only in signs do not overwrite each other."""
    taken: set[str] = set()
    for (_, name), one in placed.items():
        stem = f"{kind}_{file_name(name)}"
        while stem in taken:
            stem += "_"
        taken.add(stem)
        yield stem, one


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8", newline="\n")
