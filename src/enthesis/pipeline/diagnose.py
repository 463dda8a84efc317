"""A table of subjects through every criterion that its columns allow."""

from __future__ import annotations

import csv
import io
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis.diagnosis import CRITERIA
from enthesis.diagnosis.criteria import CANNOT_TELL, DOES_NOT_APPLY, Criterion, Verdict, chosen
from enthesis.diagnosis.inputs import Columns, Input, columns_of
from enthesis.errors import InputError
from enthesis.pipeline.diagnose_masses import with_limb_mass
from enthesis.pipeline.diagnose_scores import Scores, with_scores
from enthesis.read.device_values import values

LONG = ("subject", "quantity", "value", "region", "side", "level")
"""Columns that tell a long table, as `enthesis measure` writes it, from a wide one."""

FIELDS = ("sex", "age", "height_m", "weight_kg", "bmi")
"""What a criterion may ask of the person rather than of a measurement."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Judged:
    """One criterion's answers on every subject, each different answer kept once.

    Parameters
    ----------
    criterion : the criterion
    answers : category, is_diagnosis, used, missing, flags; a row per different answer
    which : (n,) row of `answers` for each subject
    """

    criterion: Criterion
    answers: pd.DataFrame
    which: NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Diagnoses:
    """What the criteria say of a table of subjects.

    Parameters
    ----------
    subjects : (n,) codes, in the order of the table
    judged : one for each criterion that the columns allowed
    unused : columns of the table that no criterion asked for
    """

    subjects: NDArray[np.object_]
    judged: tuple[Judged, ...]
    unused: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row per criterion and subject: subject, criterion, category and so on."""
        frames = []
        for one in self.judged:
            frame = one.answers.iloc[one.which].reset_index(drop=True)
            frame.insert(0, "criterion", one.criterion.name)
            frame.insert(0, "subject", self.subjects)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True)

    def write_csv(self, path: Path) -> None:
        """The frame as CSV; each different answer is formatted once, however many have it."""
        with path.open("w", encoding="utf-8", newline="") as stream:
            stream.write(",".join(["subject", "criterion", *self.judged[0].answers.columns]) + "\n")
            quoted = [_csv_line([subject]) for subject in self.subjects]
            for one in self.judged:
                rows = one.answers.itertuples(index=False)
                tails = [f",{_csv_line([one.criterion.name, *row])}\n" for row in rows]
                stream.writelines(
                    subject + tails[row]
                    for subject, row in zip(quoted, one.which.tolist(), strict=True)
                )

    def counts(self) -> pd.DataFrame:
        """A row per criterion: how many subjects have each answer, the most frequent first."""
        rows = []
        for one in self.judged:
            found = one.answers["category"].iloc[one.which].value_counts()
            answers = "; ".join(f"{category} {n}" for category, n in found.items())
            rows.append({"criterion": one.criterion.name, "subjects": answers})
        return pd.DataFrame(rows)


def diagnose(
    table: pd.DataFrame, *, criteria: Sequence[str] | None = None, scores: Scores | None = None
) -> Diagnoses:
    """Judge every subject of a table by every criterion that its columns allow.

    Parameters
    ----------
    table : a row per subject, with the inputs of criteria as columns, under our names or as devices
        head them ("Femoral neck T-score", "height (cm)"; see `read.values`), or the long table of
        `enthesis measure` with sex, age, height_m and weight_kg as further columns. Where it is not
        given, appendicular lean mass is worked out of the limbs of a DXA scan
    criteria : names; every verified criterion if not given
    scores : by what areal BMD becomes T- and Z-scores, of sites without any; not worked out if not
        given, since that takes the scanner's scale

    Returns
    -------
    Answers in the order of the subjects. A criterion is allowed when it can tell of one subject at
    least; "cannot tell" of the others is an answer.

    Raises
    ------
    InputError : an unknown criterion, none that the columns allow, a value that cannot be, or two
        rows of one subject.
    """
    wanted = chosen(CRITERIA, criteria)
    long = set(LONG) <= set(table.columns)
    found = values(_widened(table) if long else table).checked()
    wide, parts = with_limb_mass(found.table, found.columns)
    made: dict[str, str] = {}
    if scores is not None:
        wide, made = with_scores(wide, found.columns, scores)
    subjects = _subjects(wide)
    inputs = tuple(dict.fromkeys(one for criterion in wanted for one in criterion.inputs))
    columns = columns_of(wide, inputs)
    judged = tuple(
        one for criterion in wanted if (one := _judged(criterion, columns, made)) is not None
    )
    if not judged:
        asked = sorted({one.name for one in inputs if one.name not in FIELDS})
        raise InputError(
            "no criterion can tell of any subject from these columns; criteria ask, among others, "
            f"for {', '.join(asked[:8])}; 'enthesis diagnose --list' prints all"
        )
    asked_for = {"subject", *FIELDS, *parts, *(one.name for one in inputs)}
    asked_for |= {
        name.replace("t_score", "areal_bmd").replace("z_score", "areal_bmd") for name in made
    }
    asked_for |= {f"{name}_{side}" for name in asked_for for side in ("left", "right")}
    return Diagnoses(
        subjects=subjects,
        judged=judged,
        # A long table holds all that was measured; nobody meant each number for a criterion.
        unused=() if long else tuple(name for name in wide.columns if name not in asked_for),
    )


def catalogue(criteria: Iterable[Criterion] = CRITERIA) -> pd.DataFrame:
    """Every criterion with what it asks for, its cut-offs, its source and its status."""
    return pd.DataFrame(
        [
            {
                "criterion": one.name,
                "title": one.title,
                "inputs": ", ".join(asked.name for asked in one.inputs),
                "cutoffs": "; ".join(
                    f"{cutoff}{f' ({cutoff.sex})' if cutoff.sex else ''}" for cutoff in one.cutoffs
                ),
                "categories": ", ".join(category.name for category in one.categories),
                "status": one.status,
                "source": one.source,
            }
            for one in criteria
        ]
    )


def _widened(table: pd.DataFrame) -> pd.DataFrame:
    """The long table with a row per subject; of several methods, mid-body before the others."""
    where = table[["quantity", "region", "level", "side"]].fillna("").astype(str)
    places = ["_".join(filter(None, row)) for row in where.itertuples(index=False)]
    subject = table["subject"].fillna("").astype(str)
    method = table["method"].fillna("") if "method" in table else pd.Series("", table.index)
    keyed = pd.DataFrame(
        {
            "subject": subject,
            "place": places,
            "value": table["value"],
            "later": ~method.str.contains("mid-body"),
        }
    ).sort_values("later", kind="stable")
    wide = keyed.pivot_table(index="subject", columns="place", values="value", aggfunc="first")
    wide = wide.reindex(list(dict.fromkeys(subject)))
    for field in FIELDS:
        if field in table:
            wide[field] = table.groupby(subject)[field].first()
    return wide.reset_index()


def _subjects(wide: pd.DataFrame) -> NDArray[np.object_]:
    if "subject" not in wide:
        return np.arange(1, len(wide) + 1).astype(str).astype(object)
    subjects = wide["subject"].astype(str)
    doubled = subjects[subjects.duplicated()]
    if len(doubled):
        raise InputError(
            f"subject {doubled.iloc[0]!r} has more than one row (row {doubled.index[0]}); keep one"
        )
    return subjects.to_numpy(dtype=object)


def _judged(criterion: Criterion, columns: Columns, made: Mapping[str, str]) -> Judged | None:
    verdict = criterion.rule(columns)
    if not (verdict.codes >= 0).any():
        return None
    given = [~np.isnan(columns[one.name]) for one in criterion.inputs]
    said = _said(criterion, verdict)
    for one in criterion.inputs:
        if one.name in made:
            said[made[one.name]] = (verdict.codes >= 0) & ~np.isnan(columns[one.name])
    # Each subject's answer as one number, so that different ones are found by one sort.
    key = verdict.codes - min(CANNOT_TELL, DOES_NOT_APPLY)
    for bit in (*given, *said.values()):
        key = 2 * key + bit
    _, first, which = np.unique(key, return_index=True, return_inverse=True)
    codes = verdict.codes[first]
    there = [[bool(bit[row]) for bit in given] for row in first]
    flagged = [[bool(bit[row]) for bit in said.values()] for row in first]
    answers = pd.DataFrame(
        {
            "category": criterion.named(codes),
            "is_diagnosis": criterion.is_diagnosis & (codes >= 0),
            "used": [_named(criterion.inputs, row) for row in there],
            "missing": [_named(criterion.inputs, [not one for one in row]) for row in there],
            "flags": ["; ".join(itertools.compress(said, row)) for row in flagged],
        }
    )
    return Judged(criterion=criterion, answers=answers, which=which)


def _named(inputs: Sequence[Input], chosen_ones: Sequence[bool]) -> str:
    return "; ".join(one.name for one in itertools.compress(inputs, chosen_ones))


def _said(criterion: Criterion, verdict: Verdict) -> dict[str, NDArray[np.bool_]]:
    """Flag → the rows of which it is said; only answers have flags."""
    answered = verdict.codes >= 0
    return {
        **{text: where & answered for text, where in verdict.flags.items()},
        **dict.fromkeys(criterion.caveats, answered),
    }


def _csv_line(cells: Sequence[object]) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="").writerow(cells)
    return line.getvalue()
