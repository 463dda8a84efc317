"""Decisions of two reviewers and an adjudicator on every record, in one file that all can use."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.agreement import Agreement, cohen_kappa
from enthesis.review.decisions import (
    DECISIONS,
    HISTORY_COLUMNS,
    STAGES,
    Decision,
    Stage,
    outcome_of,
    standing,
)
from enthesis.review.records import RECORD_COLUMNS

WAIT_S = 60.0
"""How long one person's decision waits while another's is written, seconds."""

NOT_RETRIEVED = "full text not retrieved"
"""Reason that PRISMA 2020 counts in a box of its own, before eligibility."""

SCHEMA = f"""
CREATE TABLE IF NOT EXISTS records (
    place INTEGER PRIMARY KEY, {", ".join(f'"{c}" TEXT NOT NULL' for c in RECORD_COLUMNS)},
    UNIQUE (record)
);
CREATE TABLE IF NOT EXISTS decisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    record TEXT NOT NULL REFERENCES records (record),
    stage TEXT NOT NULL CHECK (stage IN {STAGES}),
    role TEXT NOT NULL CHECK (role IN ('reviewer', 'adjudicator')),
    person TEXT NOT NULL CHECK (person <> ''),
    decision TEXT NOT NULL CHECK (decision IN {DECISIONS}),
    reason TEXT NOT NULL DEFAULT '',
    note TEXT NOT NULL DEFAULT '',
    time TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS by_record ON decisions (record, stage);
CREATE TRIGGER IF NOT EXISTS kept BEFORE UPDATE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are never changed; add a new one'); END;
CREATE TRIGGER IF NOT EXISTS never_lost BEFORE DELETE ON decisions
    BEGIN SELECT RAISE(ABORT, 'decisions are never deleted; add a new one'); END;
"""
"""Decisions are only ever added; the last of each person on a record and stage holds."""

DECIDED_COLUMNS = ("record", "person", "decision", "reason", "note")
"""One decision, as it is handed in."""


class Screening:
    """One screening file.

    Many people and processes may use the file at once. Every decision is one transaction that
    waits for its turn, and is on the disk when the call returns.

    Parameters
    ----------
    path : SQLite file; made if it is not there and `records` are given
    records : RECORD_COLUMNS, deduplicated; records that are not in the file yet are added

    Raises
    ------
    InputError : no such file and no records to begin with, or a file that is no screening file.

    Notes
    -----
    The rollback journal is used instead of the write-ahead log: the log needs memory shared by all
    users, which the shared drive of a department does not offer, and leaves a second file beside
    the first (https://www.sqlite.org/wal.html). Decisions are small and rare enough to take turns.
    The drive's file locks must work, as SQLite asks of any.
    """

    def __init__(self, path: str | Path, *, records: pd.DataFrame | None = None) -> None:
        self.path = Path(path)
        if records is None and not self.path.is_file():
            raise InputError(
                f"there is no screening file {self.path.name!r}; begin one with the records"
            )
        with self._connection() as connection:
            connection.executescript(f"BEGIN IMMEDIATE; {SCHEMA} COMMIT;")
        if records is not None:
            self._add(records)

    def decide(
        self,
        record: str,
        decision: Decision,
        *,
        stage: Stage,
        reviewer: str,
        reason: str = "",
        note: str = "",
    ) -> None:
        """Add a reviewer's decision; a second one by the same person replaces the first.

        Parameters
        ----------
        record : identifier
        decision : "include", "exclude" or "maybe"; maybe goes on as include does
        stage : "title_abstract" or "full_text"
        reviewer : name or initials
        reason : why excluded; PRISMA asks for one at full text
        note : anything

        Raises
        ------
        InputError : unknown record or value, a third reviewer, no reason at full text, a record
            that did not pass titles and abstracts, or one that is adjudicated.
        """
        row = (record, reviewer, decision, reason, note)
        self.decide_all(pd.DataFrame([row], columns=list(DECIDED_COLUMNS)), stage=stage)

    def decide_all(self, decided: pd.DataFrame, *, stage: Stage) -> None:
        """Add many decisions of reviewers: all of them, or none if one is refused.

        Parameters
        ----------
        decided : DECIDED_COLUMNS, values as in `decide`
        stage : at which

        Raises
        ------
        InputError : as in `decide`.
        """
        with self._transaction() as connection:
            for row in decided[list(DECIDED_COLUMNS)].to_dict("records"):
                self._decide(connection, stage, **{str(name): str(row[name]) for name in row})

    def adjudicate(
        self,
        record: str,
        decision: Decision,
        *,
        stage: Stage,
        adjudicator: str,
        reason: str = "",
        note: str = "",
    ) -> None:
        """Settle what two reviewers see differently.

        Raises
        ------
        InputError : there is no conflict, the adjudicator is one of the two, or the decision is
            "maybe"; otherwise as in `decide`.
        """
        self._check(decision, stage, adjudicator, reason)
        if decision == "maybe":
            raise InputError("an adjudicator includes or excludes; 'maybe' settles nothing")
        with self._transaction() as connection:
            self._check_record(connection, record, stage)
            rows = [r for r in _latest(connection, record, stage) if r["role"] == "reviewer"]
            if outcome_of([str(r["decision"]) for r in rows], None) != "conflict":
                raise InputError(f"there is no conflict on {record} at {stage} to adjudicate")
            if adjudicator.strip() in {r["person"] for r in rows}:
                raise InputError(
                    f"{adjudicator} is one of the two reviewers of {record}; a third person "
                    "adjudicates, or one of the two changes the own decision"
                )
            _insert(connection, record, stage, "adjudicator", adjudicator, decision, reason, note)

    def records(self) -> pd.DataFrame:
        """RECORD_COLUMNS, in the order they were added."""
        with self._connection() as connection:
            columns = ", ".join(f'"{name}"' for name in RECORD_COLUMNS)
            frame = pd.read_sql_query(
                f"SELECT {columns} FROM records ORDER BY place",
                connection,
                dtype="object",
            )
        frame["year"] = pd.to_numeric(frame["year"], errors="coerce").astype("Int64")
        return frame

    def history(self) -> pd.DataFrame:
        """HISTORY_COLUMNS of every decision ever made, in order."""
        with self._connection() as connection:
            return pd.read_sql_query(
                f"SELECT {', '.join(HISTORY_COLUMNS)} FROM decisions ORDER BY id",
                connection,
            )

    def status(self, stage: Stage) -> pd.DataFrame:
        """Where every record of a stage stands.

        Returns
        -------
        record, first, second, adjudicated (decisions or ""), outcome ("unscreened", "awaiting
        second", "conflict", "included", "excluded"), reason; at full text only records that passed
        titles and abstracts.
        """
        _known_stage(stage)
        names = self.records()["record"].tolist()
        if stage == "full_text":
            passed = self.status("title_abstract")
            names = passed["record"][passed["outcome"] == "included"].tolist()
        history = self.history()
        history = history[history["stage"] == stage]
        latest = history.drop_duplicates(["record", "role", "person"], keep="last")
        by_record = {str(name): rows for name, rows in latest.groupby("record", sort=False)}
        return pd.DataFrame(
            [{"record": name, **standing(by_record.get(name))} for name in names],
            columns=["record", "first", "second", "adjudicated", "outcome", "reason"],
        )

    def agreement(self, stage: Stage, *, level: float = 0.95) -> Agreement:
        """Cohen's kappa of the two reviewers' own first decisions, before any talk.

        Raises
        ------
        InputError : no record has been screened by two people yet.

        Notes
        -----
        "maybe" counts as "include", for it has the same consequence. Where more than two people
        share the work, the two of a record are taken in the order of their names.
        """
        _known_stage(stage)
        history = self.history()
        mine = history[(history["stage"] == stage) & (history["role"] == "reviewer")]
        initial = mine.drop_duplicates(["record", "person"], keep="first")
        initial = initial.assign(decision=initial["decision"].replace("maybe", "include"))
        # The same person is the same rater throughout where only two took part.
        initial = initial.sort_values(["record", "person"], kind="stable")
        pairs = [list(rows) for _, rows in initial.groupby("record")["decision"] if len(rows) == 2]
        if not pairs:
            raise InputError(f"no record has two decisions at {stage} yet")
        first, second = zip(*pairs, strict=True)
        return cohen_kappa(first, second, level=level)

    def reasons(self, stage: Stage) -> dict[str, int]:
        """Reason → records excluded for it, most frequent first; "" where none was given."""
        status = self.status(stage)
        counted = status["reason"][status["outcome"] == "excluded"].value_counts()
        return {str(reason): int(n) for reason, n in counted.items()}

    def _decide(
        self,
        connection: sqlite3.Connection,
        stage: str,
        *,
        record: str,
        person: str,
        decision: str,
        reason: str,
        note: str,
    ) -> None:
        self._check(decision, stage, person, reason)
        self._check_record(connection, record, stage)
        rows = _latest(connection, record, stage)
        others = [r for r in rows if r["role"] == "reviewer" and r["person"] != person.strip()]
        if len(others) > 1:
            names = " and ".join(str(r["person"]) for r in others)
            raise InputError(
                f"{names} have screened {record} already; {person} can adjudicate if they disagree"
            )
        if any(r["role"] == "adjudicator" for r in rows):
            raise InputError(f"{record} is adjudicated at {stage}; it is not screened again")
        _insert(connection, record, stage, "reviewer", person, decision, reason, note)

    def _add(self, records: pd.DataFrame) -> None:
        missing = [name for name in RECORD_COLUMNS if name not in records.columns]
        if missing:
            raise InputError(f"the table of records has no column {missing[0]!r}")
        texts = records[list(RECORD_COLUMNS)].astype("object")
        rows = texts.where(texts.notna(), "").astype(str).to_numpy().tolist()
        marks = ", ".join("?" * len(RECORD_COLUMNS))
        names = ", ".join(f'"{name}"' for name in RECORD_COLUMNS)
        with self._transaction() as connection:
            connection.executemany(
                f"INSERT OR IGNORE INTO records ({names}) VALUES ({marks})",
                rows,
            )

    def _check(self, decision: str, stage: str, person: str, reason: str) -> None:
        _known_stage(stage)
        if decision not in DECISIONS:
            raise InputError(f"a decision is one of {', '.join(DECISIONS)}, not {decision!r}")
        if not person.strip():
            raise InputError("say who decided: name or initials")
        if stage == "full_text" and decision == "exclude" and not reason.strip():
            raise InputError("an exclusion at full text needs its reason (PRISMA 2020, item 16b)")

    def _check_record(self, connection: sqlite3.Connection, record: str, stage: str) -> None:
        found = connection.execute("SELECT 1 FROM records WHERE record = ?", (record,)).fetchone()
        if found is None:
            raise InputError(f"there is no record {record!r} in {self.path.name!r}")
        if stage == "full_text":
            rows = _latest(connection, record, "title_abstract")
            settled = [str(r["decision"]) for r in rows if r["role"] == "adjudicator"]
            own = [str(r["decision"]) for r in rows if r["role"] == "reviewer"]
            outcome = outcome_of(own, settled[-1] if settled else None)
            if outcome != "included":
                raise InputError(
                    f"{record} is {outcome} by title and abstract; only included records are read "
                    "in full"
                )

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        connection = sqlite3.connect(self.path, timeout=WAIT_S, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("PRAGMA foreign_keys = ON")
            connection.execute("PRAGMA synchronous = FULL")
            yield connection
        except sqlite3.DatabaseError as error:
            if "not a database" in str(error):
                raise InputError(f"{self.path.name!r} is no screening file") from error
            if "locked" in str(error):
                raise InputError(
                    f"{self.path.name!r} was in use by others for {WAIT_S:g} s; try again"
                ) from error
            raise
        finally:
            connection.close()

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """Read and write as one step: nobody else writes between the checks and the decision."""
        with self._connection() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
            except BaseException:
                connection.execute("ROLLBACK")
                raise
            connection.execute("COMMIT")


def _known_stage(stage: str) -> None:
    if stage not in STAGES:
        raise InputError(f"a stage is {' or '.join(STAGES)}, not {stage!r}")


def _latest(connection: sqlite3.Connection, record: str, stage: str) -> list[sqlite3.Row]:
    """Each person's last decision on a record, in the order of their first."""
    return connection.execute(
        "SELECT d.* FROM decisions d JOIN (SELECT max(id) AS last, min(id) AS first FROM decisions "
        "WHERE record = ? AND stage = ? GROUP BY role, person) l ON d.id = l.last ORDER BY l.first",
        (record, stage),
    ).fetchall()


def _insert(
    connection: sqlite3.Connection,
    record: str,
    stage: str,
    role: str,
    person: str,
    decision: str,
    reason: str,
    note: str,
) -> None:
    time = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    connection.execute(
        "INSERT INTO decisions (record, stage, role, person, decision, reason, note, time) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (record, stage, role, person.strip(), decision, reason.strip(), note.strip(), time),
    )
