"""``enthesis compare``: the groups of one cohort, compared, reported and added to the studies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter
from rich.markup import escape

from enthesis.cli.printing import console, print_json, print_saved, print_table, progress
from enthesis.errors import InputError
from enthesis.pipeline.compare import compare_files
from enthesis.pipeline.compare_page import compare_tables

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]


def compare(
    table: Path,
    /,
    *,
    output: Annotated[Path | None, Parameter(alias="-o")] = None,
    append_to: Path | None = None,
    study: str = "",
    muscle: str = "",
    measure: str = "SMD",
    group: str = "group",
    stages: Names = (),
    outcomes: Names = (),
    covariates: Names = (),
    subject: str = "subject",
    subjects: Path | None = None,
    sides: Literal["apart", "mean"] = "apart",
    level: float = 0.95,
    json: bool = False,
) -> None:
    """Compare the groups of a cohort, and add it to a table of studies.

    Parameters
    ----------
    table
        CSV or TSV: a row per subject with a column of groups and columns of measurements, or the
        long table (subject, quantity, value) that measure writes, with a column of groups.
    output
        Folder for comparisons.csv, groups.csv, effects.csv, compare.json, figures and report.html.
    append_to
        Table of studies that the cohort joins, for pool; made if it is not there. An effect that is
        there already is refused.
    study
        Name of the cohort there; the column study of the table if it has one.
    muscle
        Muscle of measurements whose table does not say it.
    measure
        Effect size of the rows that are added: SMD (Hedges' g), MD, ROM and many more.
    group
        Column of the groups.
    stages
        Groups from healthy to ill, as label=name: 0=Control 1=OPN 2=OP. The usual words for
        control, osteopenia and osteoporosis need none.
    outcomes
        Columns, or quantities of a long table, to compare; all if not given.
    covariates
        Columns to adjust the means for, such as age and sex.
    subject
        Column of the subjects.
    subjects
        Beside a long table: CSV or TSV with a row per subject, its group and covariates.
    sides
        Left and right of a long table apart, or the mean of both as one value.
    level
        Confidence level.
    json
        Print one JSON document instead of tables.
    """
    with progress() as announce:
        result = compare_files(
            table,
            output=output,
            append_to=append_to,
            study=study,
            muscle=muscle,
            measure=measure,
            group=group,
            stages=_stages(stages),
            outcomes=outcomes,
            covariates=covariates,
            subject=subject,
            subjects=subjects,
            sides=sides,
            level=level,
            announce=announce,
        )
    if json:
        print_json(result.to_dict())
        return
    for one in compare_tables(result.study):
        print_table(one)
    out = console()
    for outcome in result.study.outcomes:
        for note in outcome.notes:
            out.print(f"[bold]Note:[/bold] {escape(f'{outcome.outcome.label}: {note}')}")
    for note in result.study.notes:
        out.print(f"[bold]Note:[/bold] {escape(note)}")
    for name, why in result.study.skipped.items():
        out.print(f"[bold]Not compared:[/bold] {escape(f'{name}: {why}')}")
    if append_to is not None:
        out.print(
            f"Added {len(result.effects)} effects; the table of studies has {result.n_total} now"
        )
    if output is not None:
        print_saved(output)


def _stages(given: tuple[str, ...]) -> dict[str, str] | None:
    """Label → stage, from words such as 0=Control."""
    if not given:
        return None
    stages: dict[str, str] = {}
    for word in given:
        label, equals, name = word.partition("=")
        if not label or (equals and not name) or label in stages:
            raise InputError(
                f"stages are given once each as label or label=name, from healthy to ill, e.g. "
                f"0=Control 1=OPN 2=OP, got {word!r}"
            )
        stages[label] = name or label
    return stages
