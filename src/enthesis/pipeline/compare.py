"""From the file of one cohort to a comparison of its groups and a place in the literature."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis import read
from enthesis.cohort import GroupStudy, compare_groups
from enthesis.cohort.cohort_table import Sides
from enthesis.errors import InputError
from enthesis.pipeline.compare_page import compare_page, compare_pictures
from enthesis.pipeline.effects_file import effect_rows, joined, write_table
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.report import page
from enthesis.report.figures import svg

NO_STUDY = "this cohort"
"""Name of the study in effects.csv when none was given and nothing is appended."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CompareResult:
    """A cohort's groups compared.

    Parameters
    ----------
    study : what the groups differ by
    effects : a row per outcome and comparison with `yi` and `vi`
    measure : their effect size
    n_total : rows of the table of studies after appending; 0 if nothing was appended
    """

    study: GroupStudy
    effects: pd.DataFrame
    measure: str
    n_total: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return self.study.to_dict() | {
            "measure": self.measure,
            "effects": self.effects.to_dict("records"),
            "appended": len(self.effects) if self.n_total else 0,
        }


def compare_files(
    table: Path,
    *,
    output: Path | None = None,
    append_to: Path | None = None,
    study: str = "",
    muscle: str = "",
    measure: str = "SMD",
    group: str = "group",
    stages: Mapping[str, str] | None = None,
    outcomes: Sequence[str] = (),
    covariates: Sequence[str] = (),
    subject: str = "subject",
    subjects: Path | None = None,
    sides: Sides = "apart",
    level: float = 0.95,
    announce: Announce = silently,
) -> CompareResult:
    """Compare the groups of one cohort; write tables, figures, report and provenance.

    Parameters
    ----------
    table : CSV or TSV file, long or wide
    output : folder; its files appear only when all of them are made; none if not given
    append_to : table of studies that the cohort joins, made if it is not there
    study : name of the cohort there; the table's column "study" if it has one
    muscle : of outcomes that do not say their region
    measure : effect size of `yi` and `vi`
    group, stages, outcomes, covariates, subject, sides, level : as in `cohort.compare_groups`
    subjects : file of a table with a row per subject, beside a long table
    announce : told what is being done

    Raises
    ------
    InputError : an unreadable or unusable table, or an effect that is there already; nothing is
        written.
    """
    announce("Comparing the groups")
    given = read.table(table)
    found = compare_groups(
        given,
        group=group,
        stages=stages,
        outcomes=outcomes,
        covariates=covariates,
        subject=subject,
        subjects=None if subjects is None else read.table(subjects),
        sides=sides,
        level=level,
    )
    named = study or _study_of(given)
    if append_to is not None and not named:
        raise InputError(
            "a cohort needs a name to join a table of studies; name it with --study, e.g. "
            "--study 'Smith 2026'"
        )
    rows = [
        row
        for one in found.outcomes
        for row in one.to_effect_rows(study=named or NO_STUDY, muscle=muscle)
    ]
    effects = effect_rows(rows, measure=measure)
    whole = None if append_to is None else joined(append_to, effects, measure=measure)
    result = CompareResult(
        study=found,
        effects=effects,
        measure=measure,
        n_total=0 if whole is None else len(whole),
    )
    options = {
        "study": named,
        "muscle": muscle,
        "measure": measure,
        "group": group,
        "stages": None if stages is None else dict(stages),
        "outcomes": list(outcomes),
        "covariates": list(covariates),
        "subject": subject,
        "sides": sides,
        "level": level,
        "append": append_to is not None,
    }
    if output is not None:
        inputs = {"table": table} | ({} if subjects is None else {"subjects": subjects})
        _write(result, output, provenance("compare", inputs=inputs, options=options), announce)
    if append_to is not None and whole is not None:
        write_table(whole, append_to)
    return result


def _write(result: CompareResult, output: Path, record: dict[str, Any], announce: Announce) -> None:
    announce("Drawing the groups")
    found = result.study
    pictures = compare_pictures(found)
    with output_folder(output) as folder:
        found.to_frame().to_csv(folder / "comparisons.csv", index=False)
        found.groups_frame().to_csv(folder / "groups.csv", index=False)
        result.effects.to_csv(folder / "effects.csv", index=False)
        (folder / "compare.json").write_text(json_text(result.to_dict()), encoding="utf-8")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        for name, picture in pictures.items():
            file = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
            (folder / f"groups_{file}.svg").write_bytes(svg(picture.figure))
        page.write(compare_page(found, pictures, provenance=record), folder / "report.html")


def _study_of(table: pd.DataFrame) -> str:
    """The one study that the table names, or ""."""
    if "study" not in table.columns:
        return ""
    names = table["study"].dropna().astype(str).drop_duplicates()
    if len(names) > 1:
        raise InputError(
            f"the table names the studies {', '.join(names)}; compare one cohort at a time"
        )
    return str(names.iloc[0]) if len(names) else ""
