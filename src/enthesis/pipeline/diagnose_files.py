"""From the file of a table of subjects to the file of its findings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from enthesis.errors import InputError
from enthesis.pipeline.diagnose import FIELDS, Diagnoses, catalogue, diagnose
from enthesis.pipeline.diagnose_page import subject_page
from enthesis.pipeline.diagnose_scores import Scores, nhanes_iii, user_scores
from enthesis.pipeline.outputs import Announce, silently
from enthesis.read.spreadsheets import spreadsheet
from enthesis.report import page


def diagnose_files(
    subjects: Path,
    *,
    output: Path,
    people: Path | None = None,
    criteria: Sequence[str] | None = None,
    page_of: str | None = None,
    scanner: str | None = None,
    reference: Path | None = None,
    announce: Announce = silently,
) -> Diagnoses:
    """Judge a table of subjects and write the findings.

    Parameters
    ----------
    subjects : CSV, TSV, XLSX or Parquet, wide or long
    output : .csv, or .parquet where pyarrow is installed; appears only when it is whole. Beside it
        ``<name>_criteria.csv`` says what each criterion is and where it is from
    people : subject, sex, age, height_m and weight_kg, joined by subject
    criteria : names; every verified criterion if not given
    page_of : a subject, whose page ``<name>_<subject>.html`` shows every definition side by side
    scanner : maker of the densitometer; T-scores of the hip are then those of BMD by NHANES III
    reference : table of the user's own, as for `user_scores`, in its place
    announce : told what is being done

    Raises
    ------
    InputError : an unreadable or unusable table; nothing is written.
    """
    if output.suffix not in {".csv", ".parquet"}:
        raise InputError(f"findings go to a .csv or .parquet file, not {output.name!r}")
    if not output.parent.is_dir():
        raise InputError(f"there is no folder {output.parent}; make it first")
    announce("Reading the subjects")
    table = spreadsheet(subjects)
    if people is not None:
        table = _joined(table, spreadsheet(people))
    scores = _scores(scanner, reference)
    announce("Judging")
    result = diagnose(table, criteria=criteria, scores=scores)
    subject = None if page_of is None else subject_page(result, page_of)
    announce("Writing the findings")
    partial = output.with_name(f".{output.name}.partial")
    try:
        if output.suffix == ".csv":
            result.write_csv(partial)
        else:
            result.to_frame().to_parquet(partial, index=False)
        partial.replace(output)
        sources = catalogue(one.criterion for one in result.judged)
        sources.to_csv(output.with_name(f"{output.stem}_criteria.csv"), index=False)
        if subject is not None:
            page.write(subject, output.with_name(f"{output.stem}_{page_of}.html"))
    except ImportError:
        raise InputError("Parquet needs pyarrow; install it, or write a .csv") from None
    finally:
        partial.unlink(missing_ok=True)
    return result


def _scores(scanner: str | None, reference: Path | None) -> Scores | None:
    if scanner is not None and reference is not None:
        raise InputError(
            "a reference of one's own is on the scale of one's own scanner: give --reference alone"
        )
    if reference is not None:
        return user_scores(spreadsheet(reference), name=reference.stem)
    return None if scanner is None else nhanes_iii(scanner)


def _joined(table: pd.DataFrame, people: pd.DataFrame) -> pd.DataFrame:
    for name, frame in (("subjects", table), ("people", people)):
        if "subject" not in frame:
            raise InputError(f"the table of {name} has no column 'subject' to join by")
    doubled = people["subject"][people["subject"].duplicated()]
    if len(doubled):
        raise InputError(f"subject {doubled.iloc[0]!r} has more than one row among the people")
    wanted = ["subject", *(name for name in FIELDS if name in people and name not in table)]
    keyed = people[wanted].assign(subject=people["subject"].astype(str))
    joined = table.assign(subject=table["subject"].fillna("").astype(str)).merge(
        keyed, on="subject", how="left"
    )
    joined.index = table.index
    return joined
