"""``enthesis agree``: one table of ratings, judged and reported."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from enthesis.cli.printing import print_json, print_saved, print_table
from enthesis.cohort.reliability import IccForm
from enthesis.cohort.study import FORMS
from enthesis.pipeline.agree import agree_files
from enthesis.pipeline.agree_page import agree_tables

Names = Annotated[tuple[str, ...], Parameter(consume_multiple=True)]


def agree(
    table: Path,
    /,
    *,
    output: Annotated[Path, Parameter(alias="-o")],
    by: Names | None = None,
    subject: str = "subject",
    rater: str | None = None,
    raters: Names = (),
    value: str = "value",
    kind: Literal["continuous", "ordinal", "nominal"] = "continuous",
    forms: Annotated[tuple[IccForm, ...], Parameter(consume_multiple=True)] = FORMS,
    scale: Literal["difference", "percent", "log"] = "difference",
    level: float = 0.95,
    seed: int = 1,
    json: bool = False,
) -> None:
    """Tell how well raters, sessions or methods agree.

    Parameters
    ----------
    table
        CSV or TSV: a row per rating with the columns subject, rater (or session) and value, or a
        row per subject with a column per rater, named by --raters.
    output
        Folder for agreement.csv, agreement.json, Bland-Altman plots and report.html.
    by
        Columns that tell quantities apart; quantity, region, side, level and method where they
        are there, if not given.
    subject
        Column of the subjects.
    rater
        Column that tells a subject's ratings apart: readers, sessions or methods.
    raters
        Columns of a table that has a column per rater.
    value
        Column of the ratings.
    kind
        continuous (ICC, SEM, Bland-Altman), ordinal (weighted kappa) or nominal (kappa).
    forms
        Intraclass correlations by Shrout and Fleiss's names, e.g. "ICC(2,1)".
    scale
        Of the differences in Bland-Altman plots.
    level
        Confidence level.
    seed
        Of the bootstrap interval of Krippendorff's alpha.
    json
        Print one JSON document instead of tables.
    """
    study = agree_files(
        table,
        output=output,
        by=by,
        subject=subject,
        rater=rater,
        raters=raters,
        value=value,
        kind=kind,
        forms=forms,
        scale=scale,
        level=level,
        seed=seed,
    )
    if json:
        print_json(study.to_dict())
        return
    for one in agree_tables(study):
        print_table(one)
    print_saved(output)
