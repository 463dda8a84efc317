"""``enthesis review run`` and ``plan``: a whole analysis from one file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from rich.markup import escape

from enthesis.cli.printing import console, print_json, print_saved, print_table, progress
from enthesis.pipeline.review_run.files import run_files
from enthesis.pipeline.review_run.model_tables import robust_table, spread_table
from enthesis.pipeline.review_run.plan_file import default_plan_text
from enthesis.pipeline.review_run.tables import cells_table


def run(
    plan: Path | None = None,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    previous: Path | None = None,
    json: bool = False,
) -> None:
    """Carry out a plan: pool, model, test, draw and report.

    Parameters
    ----------
    plan
        TOML file, see enthesis review plan. Without it, a published meta-analysis of paraspinal
        muscles is repeated on simulated studies.
    output
        Folder for tables (CSV, HTML, LaTeX), figures (SVG, PNG), methods.txt, results.json,
        provenance.json and report.html.
    previous
        Output folder of an earlier run, also this one, to report what changed.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        done = run_files(plan, output=output, previous=previous, announce=announce)
    if json:
        print_json(done.to_dict())
        return
    result, out = done.result, console()
    if result.effects.simulated:
        out.print("[bold]Simulated data: no person was observed.[/bold]")
    for cells in result.cells:
        print_table(cells_table(cells, result.plan))
    print_table(spread_table(result))
    for model in result.models:
        print_table(robust_table(model, result.plan))
    if done.changes is not None:
        out.print(escape(done.changes.summary()))
    for note in result.notes:
        out.print(f"[bold]Note:[/bold] {escape(note)}")
    for name, reason in {**result.failed, **result.sensitivity.skipped}.items():
        out.print(f"[bold]Not done:[/bold] {escape(name)}: {escape(reason)}")
    print_saved(output)


def plan() -> None:
    """Print a plan to start from: enthesis review plan > plan.toml."""
    sys.stdout.write(default_plan_text())
