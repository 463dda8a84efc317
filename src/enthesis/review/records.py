"""Bibliographic records of any database in one schema, and the searches that found them."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

import pandas as pd

from enthesis.errors import InputError

FIELDS = (
    "title",
    "authors",
    "year",
    "journal",
    "volume",
    "issue",
    "pages",
    "doi",
    "pmid",
    "abstract",
    "keywords",
    "language",
    "kind",
)
"""What is kept of a record: text, empty where unknown; `year` is an integer or missing.

Authors and keywords are separated by "; ", an author is "Family, Given".
"""

RECORD_COLUMNS = ("record", "database", *FIELDS)
"""The schema of every table of records."""

IDENTIFYING = ("doi", "pmid", "title", "authors", "year", "journal", "volume", "pages")
"""Fields from which a record's identifier follows, so that a second import gives the same one."""

DOI = re.compile(r"10\.\d{4,9}/\S+")
"""Form of a DOI, https://www.doi.org/doi-handbook"""

TAG = re.compile(r"</?[a-zA-Z][^<>]*>")

YEARS = (1800, 2100)
"""A number outside is no year of publication."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """One search of one database, as it must be printed (PRISMA 2020, items 6 and 7).

    Parameters
    ----------
    database : name
    date : when it was run, YYYY-MM-DD
    query : the whole strategy, as typed
    limits : filters, e.g. languages; empty if none
    n_records : records imported from it
    hits : records that the database announced; None if not noted
    """

    database: str
    date: str
    query: str
    limits: str = ""
    n_records: int
    hits: int | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", self.date):
            raise InputError(f"the date of a search is YYYY-MM-DD, not {self.date!r}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Library:
    """All records of a review and the searches that found them.

    Parameters
    ----------
    records : RECORD_COLUMNS, one row per record, duplicates included
    searches : in the order they were added
    """

    records: pd.DataFrame
    searches: tuple[Search, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Database → records."""
        return {
            str(k): int(n) for k, n in self.records.groupby("database", sort=False).size().items()
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """Searches whose import is not as large as the database announced."""
        return tuple(
            f"{one.database}, {one.date}: {one.n_records} records imported of {one.hits} announced"
            for one in self.searches
            if one.hits is not None and one.hits != one.n_records
        )

    def searches_frame(self) -> pd.DataFrame:
        """One row per search."""
        columns = ["database", "date", "query", "limits", "n_records", "hits"]
        return pd.DataFrame([asdict(one) for one in self.searches], columns=columns)


EMPTY = Library(records=pd.DataFrame(columns=list(RECORD_COLUMNS)), searches=())
"""A review before its first search."""


def tidy_records(entries: Iterable[Mapping[str, object]], *, database: str) -> pd.DataFrame:
    """Entries in the one schema.

    Parameters
    ----------
    entries : FIELDS → text, as a file has them; absent fields are unknown
    database : where they were found

    Returns
    -------
    RECORD_COLUMNS. `record` is the same at every import of the same entry; entries of one database
    that do not differ at all are told apart by "-2", "-3".

    Raises
    ------
    InputError : an entry has neither title, DOI nor PMID: there is nothing to screen.
    """
    if not database.strip():
        raise InputError("name the database that the records come from")
    rows, seen = [], Counter[str]()
    for place, entry in enumerate(entries, start=1):
        row = {name: _TIDY.get(name, tidy_text)(entry.get(name)) for name in FIELDS}
        if not (row["title"] or row["doi"] or row["pmid"]):
            raise InputError(
                f"record {place} of {database} has neither title, DOI nor PMID; complete it in the "
                "database's export or take it out"
            )
        content = "\x1f".join([database, *(str(row[name]) for name in IDENTIFYING)])
        identifier = hashlib.sha256(content.encode()).hexdigest()[:12]
        seen[identifier] += 1
        twin = f"-{seen[identifier]}" if seen[identifier] > 1 else ""
        rows.append({"record": identifier + twin, "database": database, **row})
    frame = pd.DataFrame(rows, columns=list(RECORD_COLUMNS))
    return frame.astype(dict.fromkeys(RECORD_COLUMNS, "object") | {"year": "Int64"})


def add_search(
    library: Library,
    records: pd.DataFrame,
    *,
    date: str,
    query: str,
    limits: str = "",
    hits: int | None = None,
) -> Library:
    """The library with one search more.

    Parameters
    ----------
    library : so far; `EMPTY` at the start
    records : from one database, as `read_records` gives them
    date, query, limits, hits : as in `Search`

    Raises
    ------
    InputError : no records, records of several databases, or records that are there already.
    """
    databases = list(dict.fromkeys(records["database"]))
    if len(databases) != 1:
        raise InputError(f"a search is of one database, these records are of {databases}")
    known = set(library.records["record"])
    again = [record for record in records["record"] if record in known]
    if again:
        raise InputError(
            f"{len(again)} records of {databases[0]} were imported before, the first is "
            f"{again[0]}; import each export once"
        )
    search = Search(
        database=str(databases[0]),
        date=date,
        query=query,
        limits=limits,
        n_records=len(records),
        hits=hits,
    )
    parts = [part for part in (library.records, records) if len(part)]
    return Library(
        records=pd.concat(parts, ignore_index=True), searches=(*library.searches, search)
    )


def tidy_text(value: object) -> str:
    """Text without markup, entities and line breaks, composed as Unicode NFC."""
    if value is None or value is pd.NA or (isinstance(value, float) and value != value):
        return ""
    plain = TAG.sub("", html.unescape(str(value)))
    return " ".join(unicodedata.normalize("NFC", plain).split())


def tidy_doi(value: object) -> str:
    """A DOI in lower case without its resolver, or nothing where the text holds none."""
    found = DOI.search(tidy_text(value).lower())
    return found.group().rstrip(".,;)]") if found else ""


def tidy_pmid(value: object) -> str:
    """The digits of a PubMed identifier, or nothing."""
    found = re.fullmatch(r"(?:pmid:?\s*)?0*(\d{1,9})(?:\.0)?", tidy_text(value).lower())
    return found.group(1) if found else ""


def tidy_year(value: object) -> int | None:
    """The first year of publication in a text, e.g. "2019 Mar 4"."""
    for found in re.findall(r"(?<!\d)\d{4}(?!\d)", tidy_text(value)):
        if YEARS[0] <= int(found) <= YEARS[1]:
            return int(found)
    return None


_TIDY = {"doi": tidy_doi, "pmid": tidy_pmid, "year": tidy_year}
