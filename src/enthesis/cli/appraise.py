"""``enthesis review appraise``: risk of bias rated by two people, their agreement and figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import cyclopts
from cyclopts import Parameter

from enthesis.cli.printing import console, print_counts, print_table
from enthesis.pipeline import review_files
from enthesis.report.rows import number
from enthesis.report.tables import Table

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]
Output = Annotated[Path, Parameter(alias="-o")]

appraise = cyclopts.App(name="appraise", help="Rate the risk of bias of included studies.")


@appraise.command
def form(output: Path, /, *, instrument: str, by: str, studies: Names) -> None:
    """Write an empty form for one rater.

    Parameters
    ----------
    output
        CSV file.
    instrument
        jbi_cross_sectional, jbi_case_control, jbi_cohort, rob2, robins_i or quadas2.
    by
        Name or initials of the rater; "consensus" settles what two raters see differently.
    studies
        Their names, as the table of effects has them.
    """
    made = review_files.write_rating_form(output, studies=studies, instrument=instrument, rater=by)
    console().print(f"Items to rate: {len(made)}")


@appraise.command
def show(
    *ratings: Path, instrument: str, output: Output, bands: tuple[float, float] | None = None
) -> None:
    """Bring the ratings together: figures, agreement, and what is still to be settled.

    Parameters
    ----------
    ratings
        Forms that the raters filled in, CSV or XLSX.
    instrument
        The one that they were made with.
    output
        Folder for the figures (SVG, PNG), settled.csv, disagreements.csv and agreement.csv.
    bands
        JBI only, and only if the protocol names them: percent of "yes" from which the risk is low,
        and moderate.
    """
    found = review_files.write_appraisal(ratings, output, instrument=instrument, bands=bands)
    counts = {
        "Studies": len(found.answers),
        "Raters": len(found.raters),
        "Items to settle": len(found.disagreements),
    }
    print_counts(counts, found.instrument.name, of="Risk of bias")
    if len(found.disagreements):
        print_table(Table(frame=found.disagreements, caption="To settle"))
    if found.agreement is not None:
        one = found.agreement
        kappa, low, high = map(number, (one.kappa, one.ci_lower, one.ci_upper))
        console().print(
            f"Cohen's kappa {kappa} ({100 * one.level:g}% CI {low} to {high}), {one.n} items"
        )
    console().print(f"Figures: {output / 'risk_of_bias.png'}")
