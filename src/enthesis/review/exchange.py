"""Decisions to and from the tables of ASReview and Rayyan."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.decisions import Decision, Stage
from enthesis.review.records import tidy_doi, tidy_pmid
from enthesis.review.screening import DECIDED_COLUMNS, Screening
from enthesis.review.similarity import plain

ASREVIEW_LABELS = ("asreview_label", "included", "label_included", "final_included", "label")
"""Columns in which versions of ASReview keep the decision: 1 relevant, 0 irrelevant, else none."""

RAYYAN_WORDS: Mapping[str, Decision] = {
    "included": "include",
    "excluded": "exclude",
    "maybe": "maybe",
}

RAYYAN_COLUMNS = (
    "key",
    "title",
    "year",
    "month",
    "day",
    "journal",
    "issn",
    "volume",
    "issue",
    "pages",
    "authors",
    "url",
    "language",
    "publisher",
    "location",
    "abstract",
    "notes",
    "doi",
    "pubmed_id",
)
"""Columns of Rayyan's CSV."""


def asreview_table(screening: Screening, stage: Stage = "title_abstract") -> pd.DataFrame:
    """The records with the outcome of a stage as ASReview reads it.

    Returns
    -------
    record_id (ours), title, authors, year, doi, abstract, keywords, url and included: 1, 0, or
    missing where two reviewers have not settled it yet.
    """
    records = screening.records()
    outcome = screening.status(stage).set_index("record")["outcome"]
    label = records["record"].map(outcome).map({"included": 1, "excluded": 0})
    return pd.DataFrame(
        {
            "record_id": records["record"],
            **{
                name: records[name]
                for name in ("title", "authors", "year", "doi", "abstract", "keywords")
            },
            "url": _links(records),
            "included": label.astype("Int64"),
        }
    )


def rayyan_table(screening: Screening, stage: Stage = "title_abstract") -> pd.DataFrame:
    """The records with every reviewer's decision as Rayyan writes it into its notes.

    Returns
    -------
    RAYYAN_COLUMNS; `key` is our identifier.
    """
    records = screening.records()
    history = screening.history()
    mine = history[(history["stage"] == stage) & (history["role"] == "reviewer")]
    latest = mine.drop_duplicates(["record", "person"], keep="last")
    notes = {str(name): _rayyan_notes(rows) for name, rows in latest.groupby("record")}
    table = pd.DataFrame("", index=records.index, columns=list(RAYYAN_COLUMNS), dtype="object")
    for name in RAYYAN_COLUMNS:
        if name in records.columns:
            table[name] = records[name]
    table["key"] = records["record"]
    table["pubmed_id"] = records["pmid"]
    table["url"] = _links(records)
    table["notes"] = [notes.get(name, "") for name in records["record"]]
    return table


def import_asreview(
    path: str | Path, screening: Screening, *, reviewer: str, stage: Stage = "title_abstract"
) -> int:
    """Add the decisions of an ASReview export.

    Parameters
    ----------
    path : CSV; records are found by record_id, DOI, PMID or title
    screening : file that the decisions are added to
    reviewer : whose they are; ASReview does not say
    stage : at which

    Returns
    -------
    Decisions added.

    Raises
    ------
    InputError : no label column, a label that is none, or a record that is not in the file (the row
        is named); nothing is added then.
    """
    rows = _rows(Path(path))
    label = next((name for name in ASREVIEW_LABELS if rows and name in rows[0]), None)
    if label is None:
        raise InputError(
            f"{Path(path).name!r} has none of the columns {', '.join(ASREVIEW_LABELS)}"
        )
    words: Mapping[str, Decision | None] = {"1": "include", "0": "exclude", "": None, "-1": None}
    decisions: list[tuple[str, ...]] = []
    find = _Finder(screening, Path(path).name)
    for number, row in enumerate(rows, start=2):
        text = row[label].strip().removesuffix(".0")
        if text not in words:
            raise InputError(f"row {number}: {label} is 1, 0 or empty, not {row[label]!r}")
        decision = words[text]
        if decision is not None:
            note = row.get("asreview_note") or row.get("exported_notes_1") or ""
            decisions.append((find(row, number, "record_id"), reviewer, decision, "", note))
    return _add(screening, stage, decisions)


def import_rayyan(
    path: str | Path, screening: Screening, *, stage: Stage = "title_abstract"
) -> int:
    """Add the decisions of a Rayyan export, each under its reviewer's name.

    Parameters
    ----------
    path : Rayyan's articles.csv; records are found by key, DOI, PMID or title
    screening : file that the decisions are added to
    stage : at which

    Returns
    -------
    Decisions added.

    Raises
    ------
    InputError : no notes column, an unknown decision, or a record that is not in the file (the row
        is named); nothing is added then.
    """
    rows = _rows(Path(path))
    if not rows or "notes" not in rows[0]:
        raise InputError(f"{Path(path).name!r} has no column 'notes', where Rayyan keeps decisions")
    find = _Finder(screening, Path(path).name)
    decisions: list[tuple[str, ...]] = []
    for number, row in enumerate(rows, start=2):
        inclusion = re.search(r"RAYYAN-INCLUSION:\s*\{(.*?)\}", row["notes"])
        if inclusion is None:
            continue
        reasons = re.search(r"RAYYAN-EXCLUSION-REASONS:\s*([^|]*)", row["notes"])
        reason = reasons.group(1).strip() if reasons else ""
        for person, word in re.findall(r'"([^"]+)"\s*=>\s*"([^"]+)"', inclusion.group(1)):
            decision = RAYYAN_WORDS.get(word.lower())
            if decision is None:
                raise InputError(
                    f"row {number}: {person} decided {word!r}; Rayyan knows "
                    f"{', '.join(RAYYAN_WORDS)}"
                )
            why = reason if decision == "exclude" else ""
            decisions.append((find(row, number, "key"), person, decision, why, ""))
    return _add(screening, stage, decisions)


def _add(screening: Screening, stage: Stage, decisions: list[tuple[str, ...]]) -> int:
    """Add those that do not stand already: an export brought back changes nothing."""
    history = screening.history()
    mine = history[(history["stage"] == stage) & (history["role"] == "reviewer")]
    latest = mine.drop_duplicates(["record", "person"], keep="last")
    standing = set(zip(latest["record"], latest["person"], latest["decision"], strict=True))
    new = [one for one in decisions if (one[0], one[1].strip(), one[2]) not in standing]
    screening.decide_all(pd.DataFrame(new, columns=list(DECIDED_COLUMNS)), stage=stage)
    return len(new)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise InputError(f"there is no file {path.name!r}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name!r} is not UTF-8 text; export it again") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    return [{str(name).strip().lower(): value for name, value in row.items()} for row in reader]


def _links(records: pd.DataFrame) -> pd.Series[str]:
    return ("https://doi.org/" + records["doi"]).where(records["doi"] != "", "")


def _rayyan_notes(rows: pd.DataFrame) -> str:
    words = {decision: word.capitalize() for word, decision in RAYYAN_WORDS.items()}
    decided = ", ".join(
        f'"{person}"=>"{words[decision]}"'
        for person, decision in zip(rows["person"], rows["decision"], strict=True)
    )
    reasons = ",".join(dict.fromkeys(reason for reason in rows["reason"] if reason))
    return f"RAYYAN-INCLUSION: {{{decided}}}" + (
        f" | RAYYAN-EXCLUSION-REASONS: {reasons}" if reasons else ""
    )


class _Finder:
    """Our record for a row of another program's table."""

    def __init__(self, screening: Screening, file: str) -> None:
        records = screening.records()
        self.file = file
        self.names = set(records["record"])
        self.by: dict[str, dict[str, str]] = {"doi": {}, "pmid": {}, "title": {}}
        for row in records.to_dict("records"):
            for key, value in (
                ("doi", str(row["doi"])),
                ("pmid", str(row["pmid"])),
                ("title", plain(str(row["title"]))),
            ):
                if value:
                    self.by[key].setdefault(value, str(row["record"]))

    def __call__(self, row: Mapping[str, str], number: int, key: str) -> str:
        if row.get(key, "") in self.names:
            return row[key]
        for name, value in (
            ("doi", tidy_doi(row.get("doi", ""))),
            ("pmid", tidy_pmid(row.get("pubmed_id", "") or row.get("pmid", ""))),
            ("title", plain(row.get("title", ""))),
        ):
            if value in self.by[name]:
                return self.by[name][value]
        raise InputError(
            f"{self.file!r}, row {number}: {row.get('title', '')[:60]!r} is no record of this "
            "screening; add it to the library first"
        )
