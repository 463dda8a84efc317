"""``enthesis review``: records, screening, flow, extraction and analysis of a review."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter
from rich.markup import escape

from enthesis import review as room
from enthesis.cli.appraise import appraise
from enthesis.cli.extract import extract
from enthesis.cli.printing import console, print_counts, print_table
from enthesis.cli.review_run import plan, run
from enthesis.cli.screen import screen
from enthesis.errors import InputError
from enthesis.pipeline import review_files
from enthesis.report.tables import Table

Output = Annotated[Path, Parameter(alias="-o")]

review = cyclopts.App(
    name="review",
    help="Do a systematic review: from records to included studies, their effects and the report.",
    help_format="plaintext",
    default_parameter=Parameter(negative=()),
)
review.command(screen)
review.command(appraise)
review.command(extract)
review.command(run)
review.command(plan)


@review.command(name="import")
def import_search(
    file: Path,
    /,
    *,
    library: Path,
    database: str,
    date: str,
    query: str,
    limits: str = "",
    hits: int | None = None,
) -> None:
    """Add a database's export to the library.

    Parameters
    ----------
    file
        RIS, PubMed (.nbib), BibTeX, EndNote XML, or CSV.
    library
        Folder of the review's records and searches.
    database
        Where the records were found.
    date
        When the search was run, YYYY-MM-DD.
    query
        The whole search strategy.
    limits
        Filters, such as languages.
    hits
        Records that the database announced, to be compared with the file.
    """
    whole = review_files.import_search(
        file,
        library=library,
        database=database,
        date=date,
        query=query,
        limits=limits,
        hits=hits,
    )
    words = {"n_records": "records", "hits": "announced"}
    shown = whole.searches_frame().rename(columns=words).rename(columns=str.capitalize)
    print_table(Table(frame=shown, caption="Searches"))
    for note in whole.notes:
        console().print(f"[bold]Note:[/bold] {escape(note)}")


@review.command
def deduplicate(library: Path, /) -> None:
    """Count each publication of the library once.

    Parameters
    ----------
    library
        Folder of the library; unique.csv, pairs.csv and removed.csv are written there. Decide on
        the pairs to review in pairs.csv, column decision, and run again.
    """
    found = review_files.deduplicate_library(library)
    counts = {
        "Records": len(found.records) + len(found.removed),
        "Duplicates removed": len(found.removed),
        "Records to screen": len(found.records),
        "Pairs for a person": len(found.to_review),
    }
    print_counts(counts, "Deduplication", of="Found")


@review.command
def flow(
    *,
    output: Output,
    library: Path | None = None,
    screening: Path | None = None,
    counts: Path | None = None,
    studies: int | None = None,
    pooled: int | None = None,
) -> None:
    """Draw the PRISMA 2020 flow, once its counts add up.

    Parameters
    ----------
    output
        Folder for prisma.svg, .png and .csv and an empty checklist.csv.
    library
        Folder of the library, with the screening file.
    screening
        Screening file, finished.
    counts
        TOML file with the counts instead: databases, duplicates, screened, excluded, ...
    studies
        Studies that the included reports describe.
    pooled
        Studies in the meta-analysis.
    """
    if counts is not None:
        found = review_files.read_flow(counts)
        inputs = {"counts": counts}
    elif library is not None and screening is not None:
        found = room.flow_of(
            room.read_library(library), room.Screening(screening), studies=studies, pooled=pooled
        )
        inputs = {"library": library, "screening": screening}
    else:
        raise InputError("give --counts, or --library and --screening")
    review_files.write_flow(found, output, inputs=inputs)
    print_table(Table(frame=found.to_frame(), caption="PRISMA 2020 flow"))
