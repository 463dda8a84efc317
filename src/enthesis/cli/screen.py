"""``enthesis review screen``: decisions of reviewers and adjudicators, and where they stand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import cyclopts
from cyclopts import Parameter

from enthesis import review as room
from enthesis.cli.printing import console, print_counts, print_json, print_table
from enthesis.errors import InputError
from enthesis.pipeline import review_files
from enthesis.report.tables import Table

Output = Annotated[Path, Parameter(alias="-o")]
Stage = Literal["title_abstract", "full_text"]

screen = cyclopts.App(name="screen", help="Screen by title and abstract, then in full.")


@screen.command
def begin(file: Path, /, *, library: Path) -> None:
    """Begin a screening file with a deduplicated library, or add its new records.

    Parameters
    ----------
    file
        SQLite file that all reviewers use.
    library
        Folder of the library.
    """
    screening = room.Screening(file, records=review_files.unique_records(library))
    _print_status(screening, "title_abstract", json=False)


@screen.command
def decide(
    file: Path,
    record: str,
    decision: Literal["include", "exclude", "maybe"],
    /,
    *,
    by: str,
    stage: Stage = "title_abstract",
    reason: str = "",
    note: str = "",
) -> None:
    """Add one reviewer's decision on one record.

    Parameters
    ----------
    file
        Screening file.
    record
        Identifier.
    decision
        What was decided.
    by
        Name or initials.
    stage
        By title and abstract, or in full.
    reason
        Why it is excluded; needed in full. "full text not retrieved" has its own box in the flow.
    note
        Anything.
    """
    room.Screening(file).decide(
        record, decision, stage=stage, reviewer=by, reason=reason, note=note
    )


@screen.command
def adjudicate(
    file: Path,
    record: str,
    decision: Literal["include", "exclude"],
    /,
    *,
    by: str,
    stage: Stage = "title_abstract",
    reason: str = "",
    note: str = "",
) -> None:
    """Settle a record on which two reviewers differ.

    Parameters
    ----------
    file
        Screening file.
    record
        Identifier.
    decision
        What holds.
    by
        A third person.
    stage
        By title and abstract, or in full.
    reason
        Why it is excluded; needed in full.
    note
        Anything.
    """
    room.Screening(file).adjudicate(
        record, decision, stage=stage, adjudicator=by, reason=reason, note=note
    )


@screen.command
def status(file: Path, /, *, stage: Stage = "title_abstract", json: bool = False) -> None:
    """Show how far the screening is, and how well the reviewers agree.

    Parameters
    ----------
    file
        Screening file.
    stage
        By title and abstract, or in full.
    json
        Print one JSON document instead of tables.
    """
    _print_status(room.Screening(file), stage, json=json)


@screen.command(name="next")
def next_records(file: Path, /, *, n: int = 20) -> None:
    """Show the unscreened records that a learner finds most likely relevant.

    Parameters
    ----------
    file
        Screening file with decisions of both kinds.
    n
        How many.
    """
    ranked = review_files.ranked_records(room.Screening(file)).head(n)
    note = "An order of reading, nothing more: it excludes nothing and does not say when to stop."
    print_table(Table(frame=ranked, caption="To read next", notes=(note,)))


@screen.command
def export(
    file: Path,
    /,
    *,
    to: Literal["asreview", "rayyan"],
    output: Output,
    stage: Stage = "title_abstract",
) -> None:
    """Write the screening as another program reads it.

    Parameters
    ----------
    file
        Screening file.
    to
        Program.
    output
        CSV file.
    stage
        By title and abstract, or in full.
    """
    review_files.export_screening(room.Screening(file), output, program=to, stage=stage)


@screen.command
def take(
    file: Path,
    table: Path,
    /,
    *,
    source: Annotated[Literal["asreview", "rayyan"], Parameter(name="--from")],
    by: str = "",
    stage: Stage = "title_abstract",
) -> None:
    """Add the decisions of another program's export.

    Parameters
    ----------
    file
        Screening file.
    table
        CSV file of the other program.
    source
        Which program.
    by
        Whose decisions they are; Rayyan says so itself.
    stage
        By title and abstract, or in full.
    """
    screening = room.Screening(file)
    if source == "asreview":
        added = room.import_asreview(table, screening, reviewer=by, stage=stage)
    else:
        added = room.import_rayyan(table, screening, stage=stage)
    console().print(f"Decisions added: {added}")


def _print_status(screening: room.Screening, stage: Stage, *, json: bool) -> None:
    found = screening.status(stage)["outcome"].value_counts()
    counts = {str(name): int(n) for name, n in found.items()}
    reasons = screening.reasons(stage)
    try:
        agreement = screening.agreement(stage)
    except InputError:
        # Nobody has screened a second time yet: the counts alone are the answer.
        agreement = None
    if json:
        kappa = None if agreement is None else agreement.kappa
        print_json({"stage": stage, "outcomes": counts, "reasons": reasons, "kappa": kappa})
        return
    title = {"title_abstract": "By title and abstract", "full_text": "By full text"}[stage]
    print_counts(counts, "Screening", of=title)
    if reasons:
        named = {name or "no reason given": n for name, n in reasons.items()}
        print_counts(named, "Excluded", of="Reason")
    if agreement is not None and agreement.kappa == agreement.kappa:
        console().print(
            f"Cohen's kappa {agreement.kappa:.2f} ({100 * agreement.level:g}% CI "
            f"{agreement.ci_lower:.2f} to {agreement.ci_upper:.2f}), {agreement.n} records"
        )
