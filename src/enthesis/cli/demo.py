"""``enthesis demo``: the whole house on simulated input."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from enthesis.cli.printing import console, print_json, print_saved, print_table, progress
from enthesis.pipeline import demo as pipeline
from enthesis.records import Finding


def demo(
    *,
    output: Annotated[Path, Parameter(alias="-o")] = Path("enthesis_demo"),
    json: bool = False,
) -> None:
    """Measure a digital body beside its truth and pool simulated studies.

    Parameters
    ----------
    output
        Folder for the scan, its labels, the tables and report.html.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        result = pipeline.demo(output, announce=announce)
    if json:
        print_json(result.to_dict())
        return
    console().print(f"[bold]{pipeline.BANNER}[/bold]")
    for table in pipeline.demo_tables(result):
        print_table(table)
    for finding in result.scan.findings:
        _print(finding)
    print_saved(output)


def _print(finding: Finding) -> None:
    console().print(f"{finding.criterion}: {finding.category}. {finding.statement}", markup=False)
