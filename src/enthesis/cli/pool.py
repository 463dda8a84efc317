"""``enthesis pool``: one table of studies, pooled and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape

from enthesis.cli.printing import console, print_json, print_saved, print_table, progress
from enthesis.pipeline.pool import METHODS
from enthesis.pipeline.pool_files import pool_files
from enthesis.pipeline.pool_page import pool_tables

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]


def pool(
    table: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    measure: str = "SMD",
    by: Names = (),
    methods: Names = METHODS,
    test: Literal["knha", "adhoc", "t", "z"] = "knha",
    min_effects: int = 2,
    study: str = "study",
    level: float = 0.95,
    json: bool = False,
) -> None:
    """Pool a table of studies.

    Parameters
    ----------
    table
        CSV or TSV: a row per comparison with group means, SDs and sizes (m1i, sd1i, n1i, m2i,
        sd2i, n2i), or with effects and their variances (yi, vi).
    output
        Folder for effects.csv, pooled.csv, pooled.json, forest plots and report.html.
    measure
        Effect size: SMD (Hedges' g), MD, ROM and many more; not used if the table has yi and vi.
    by
        Columns that define the subgroups.
    methods
        Estimators of the between-study variance: REML, DL, PM, EB, ML, SJ, HE, HS, EE.
    test
        knha (Knapp-Hartung, the Cochrane Handbook's advice) or z (metafor's default).
    min_effects
        Subgroups with fewer effects are listed, not pooled.
    study
        Column that names the study.
    level
        Confidence level.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        result = pool_files(
            table,
            output=output,
            measure=measure,
            by=by,
            methods=methods,
            test=test,
            min_effects=min_effects,
            study=study,
            level=level,
            announce=announce,
        )
    if json:
        print_json(result.to_dict())
        return
    for one in pool_tables(result):
        print_table(one)
    for note in result.notes:
        console().print(f"[bold]Note:[/bold] {escape(note)}")
    print_saved(output)
