"""What the gathered table of a batch says of the cohort: spread, gaps, agreement, findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enthesis._optional import optional
from enthesis.cohort import ReliabilityStudy, agree
from enthesis.cohort.spread import Distribution, Spread, coded, spread
from enthesis.diagnosis import CRITERIA
from enthesis.errors import InputError
from enthesis.pipeline.batch_task import Task
from enthesis.pipeline.diagnose import Diagnoses, diagnose

PEOPLE = ("sex", "age", "height_m", "weight_kg")

MOST_DRAWN = 24
"""Distributions on the page: more would be searched, not looked at. The table has all."""

FIRST = (
    "area",
    "fat_infiltration",
    "fat_fraction",
    "muscle_attenuation",
    "trabecular_attenuation",
    "functional_area",
    "attenuation_mean",
    "volume",
)
"""Quantities that are drawn before all others."""

MOST_SESSIONS = 4
"""Names of sessions that can be columns; more are dates, and each pair would hold few subjects."""

WORDS = ("subject", "session", "quantity", "unit", "region", "side", "level", "method")
"""Columns of few different words: held as numbers, a tenth of the memory."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cohort:
    """What a batch says of its subjects.

    Parameters
    ----------
    spread : distributions and outliers; None where nothing was measured
    drawn : the distributions that a page shows
    missing : region, side, level and the percentage of measured scans with a value there
    agreement : of subjects with several sessions; None where there are none
    findings : by scan; None where no criterion can tell anything
    notes : why a part is not there
    """

    spread: Spread | None = None
    drawn: tuple[Distribution, ...] = ()
    missing: pd.DataFrame
    agreement: ReliabilityStudy | None = None
    findings: Diagnoses | None = None
    notes: tuple[str, ...] = ()


def cohort(parts: Path, tasks: Sequence[Task]) -> Cohort:
    """Sum up the Parquet dataset of a batch.

    Parameters
    ----------
    parts : folder of the dataset
    tasks : that the batch was made of, which know sex, age, height and weight
    """
    table = _read(parts)
    if not np.isfinite(table["value"]).any():
        return Cohort(missing=_missing(table), notes=("no scan was measured",))
    found = spread(table)
    drawn = _drawn(found.distributions)
    notes = []
    agreement: ReliabilityStudy | None = None
    findings: Diagnoses | None = None
    try:
        agreement = _agreement(table, drawn)
    except InputError as error:
        notes.append(f"agreement of sessions was not computed: {error}")
    try:
        findings = _findings(table, tasks)
    except InputError as error:
        notes.append(f"no criterion was applied: {error}")
    return Cohort(
        spread=found,
        drawn=drawn,
        missing=_missing(table),
        agreement=agreement,
        findings=findings,
        notes=tuple(notes),
    )


def subjects_table(tasks: Sequence[Task]) -> pd.DataFrame:
    """A row per subject with a code of its own: sex, age, height, weight as first given."""
    rows: dict[str, dict[str, Any]] = {}
    for task in tasks:
        one = task.case.subject
        if one.id:
            row = rows.setdefault(one.id, {"subject": one.id} | dict.fromkeys(PEOPLE))
            for name in PEOPLE:
                row[name] = getattr(one, name) if row[name] is None else row[name]
    return pd.DataFrame(list(rows.values()), columns=["subject", *PEOPLE])


def findings_table(findings: Diagnoses, cases: pd.DataFrame) -> pd.DataFrame:
    """The findings with the scan, subject and session that each is of."""
    frame = findings.to_frame()
    scans = frame.pop("subject").astype(int).to_numpy()
    who = cases.set_index("scan").loc[scans, ["subject", "session"]].reset_index()
    return pd.concat([who, frame.reset_index(drop=True)], axis=1)


def _read(parts: Path) -> pd.DataFrame:
    datasets = optional("pyarrow.dataset", extra="batch", purpose="summing up a batch")
    parquet = datasets.ParquetFileFormat(dictionary_columns=list(WORDS))
    found = datasets.dataset(parts, format=parquet)
    table = found.to_table(columns=["scan", *WORDS, "value"]).unify_dictionaries()
    frame: pd.DataFrame = table.to_pandas()
    return pd.DataFrame(frame.astype(dict.fromkeys(WORDS, "category")))


def _drawn(distributions: tuple[Distribution, ...]) -> tuple[Distribution, ...]:
    """Of each quantity and region the first way it was measured; the usual quantities first."""
    first: dict[tuple[str, str], Distribution] = {}
    for one in distributions:
        first.setdefault((one.quantity, one.region), one)

    def rank(one: Distribution) -> int:
        return FIRST.index(one.quantity) if one.quantity in FIRST else len(FIRST)

    return tuple(sorted(first.values(), key=rank)[:MOST_DRAWN])


def _missing(table: pd.DataFrame) -> pd.DataFrame:
    """Share of the scans with any value, by region, side and level."""
    places = coded(table, ["region", "side", "level"])
    scans = coded(table, ["scan"])
    n_scans = int(scans.max(initial=0)) + 1
    present = np.isfinite(table["value"].to_numpy())
    # Each scan once at each place.
    at = np.unique(places[present] * n_scans + scans[present]) // n_scans
    _, first = np.unique(places, return_index=True)
    counts = np.bincount(at, minlength=len(first))
    named = table[["region", "side", "level"]].iloc[first].astype(str).reset_index(drop=True)
    return named.assign(scans=counts, percent=100 * counts / n_scans)


def _agreement(table: pd.DataFrame, drawn: tuple[Distribution, ...]) -> ReliabilityStudy | None:
    """How well sessions agree on what the page draws; None without repeats."""
    sessions = table[["subject", "session"]].drop_duplicates()
    again = sessions["subject"].value_counts()
    repeated = set(again.index[again > 1])
    if not repeated:
        return None
    names = sessions.loc[sessions["subject"].isin(repeated), "session"].nunique()
    if names > MOST_SESSIONS:
        raise InputError(
            f"the sessions have {names} names; name at most {MOST_SESSIONS}, such as first and "
            "second, or use enthesis agree on the table"
        )
    rows = table[table["subject"].isin(repeated)]
    wanted = pd.MultiIndex.from_tuples([(d.quantity, d.region, d.method) for d in drawn])
    keys = pd.MultiIndex.from_frame(rows[["quantity", "region", "method"]].astype(str))
    rows = rows[keys.isin(wanted)].drop(columns="scan")
    return agree(rows.astype(dict.fromkeys(WORDS, str)), rater="session")


def _findings(table: pd.DataFrame, tasks: Sequence[Task]) -> Diagnoses:
    """Every scan judged on its own; a subject's sessions are not mixed."""
    asked = {one.quantity for criterion in CRITERIA for one in criterion.inputs} - {""}
    rows = table[table["quantity"].isin(asked)].drop(columns=["subject", "session"])
    rows = rows.astype({name: str for name in WORDS if name in rows})
    people = pd.DataFrame(
        [
            {"scan": task.case.number} | {name: getattr(task.case.subject, name) for name in PEOPLE}
            for task in tasks
        ]
    )
    joined = rows.merge(people.dropna(axis=1, how="all"), on="scan", how="left")
    return diagnose(joined.rename(columns={"scan": "subject"}).astype({"subject": str}))
