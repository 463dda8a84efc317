"""A review's records and searches on disk: two plain tables in one folder."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.records import EMPTY, RECORD_COLUMNS, Library, Search

RECORDS_FILE = "records.csv"
SEARCHES_FILE = "searches.csv"


def read_library(folder: str | Path) -> Library:
    """The library in a folder; an empty one where there is none yet.

    Raises
    ------
    InputError : one of the two tables is missing, or lacks a column.
    """
    folder = Path(folder)
    paths = folder / RECORDS_FILE, folder / SEARCHES_FILE
    if not any(path.exists() for path in paths):
        return EMPTY
    frames = []
    for path, columns in zip(
        paths,
        (RECORD_COLUMNS, ("database", "date", "query", "limits", "n_records", "hits")),
        strict=True,
    ):
        if not path.exists():
            raise InputError(f"the library lacks {path.name!r}; both its tables belong together")
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        missing = [name for name in columns if name not in frame.columns]
        if missing:
            raise InputError(f"{path.name!r} has no column {missing[0]!r}")
        frames.append(frame[list(columns)])
    records, searches = frames
    records["year"] = pd.to_numeric(records["year"]).astype("Int64")
    records = records.astype({name: "object" for name in RECORD_COLUMNS if name != "year"})
    return Library(
        records=records,
        searches=tuple(
            Search(
                database=row["database"],
                date=row["date"],
                query=row["query"],
                limits=row["limits"],
                n_records=int(row["n_records"]),
                hits=int(row["hits"]) if row["hits"] else None,
            )
            for row in searches.to_dict("records")
        ),
    )


def write_library(library: Library, folder: str | Path) -> None:
    """Write both tables, each whole or not at all."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    searches = library.searches_frame()
    searches["hits"] = searches["hits"].astype("Int64")
    for name, frame in ((RECORDS_FILE, library.records), (SEARCHES_FILE, searches)):
        partial = folder / f".{name}.{os.getpid()}.partial"
        try:
            frame.to_csv(partial, index=False)
            partial.replace(folder / name)
        finally:
            partial.unlink(missing_ok=True)
