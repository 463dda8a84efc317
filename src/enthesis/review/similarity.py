"""How alike two records are, on what survives the ways in which databases write the same thing."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

WEIGHTS: Mapping[str, float] = {"title": 0.6, "author": 0.2, "year": 0.1, "place": 0.1}
"""Shares of title, first author, year, and volume with first page in the score.

Chosen here, and measured on simulated exports by ``benchmarks/bench_review.py``. A field that one
record lacks is left out, and the others carry its share.
"""

NUMERALS = re.compile(r"\d+|[ivx]+")

NOTICES = frozenset(
    {
        "comment",
        "commentary",
        "correction",
        "corrigendum",
        "erratum",
        "letter",
        "reply",
        "response",
        "retracted",
        "retraction",
    }
)
"""Words by which a notice differs from the article whose title it repeats."""


CONTRASTS = frozenset({
    "men", "women", "male", "female", "males", "females", "boys", "girls", "children",
    "adolescents", "adults", "premenopausal", "postmenopausal", "left", "right", "upper",
    "lower", "cervical", "thoracic", "lumbar", "acute", "chronic", "baseline", "followup",
    "before", "after", "with", "without", "ct", "mri", "dxa", "hip", "spine",
})  # fmt: skip
"""Words of which one may be all that tells two papers of one group apart."""


@dataclass(frozen=True, slots=True)
class Features:
    """What is compared of one record.

    Parameters
    ----------
    title : lower case, letters and digits only
    trigrams : runs of three characters of the title
    author : family name of the first author
    year : or None
    volume, page : volume and first page, digits only
    numerals : numbers in the title, Roman ones included
    notices, contrasts : which of `NOTICES` and `CONTRASTS` the title has
    doi, pmid : as in the record
    """

    title: str
    trigrams: frozenset[str]
    author: str
    year: int | None
    volume: str
    page: str
    numerals: frozenset[str]
    notices: frozenset[str]
    contrasts: frozenset[str]
    doi: str
    pmid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Likeness:
    """Agreement of two records, each part from 0 (nothing) to 1 (the same), or None if unknown."""

    score: float
    title: float
    author: float | None
    year: float | None
    place: float | None


def features(record: Mapping[Any, Any]) -> Features:
    """What is compared of a record of the schema."""
    title = plain(str(record["title"]))
    words = title.split()
    year = record["year"]
    return Features(
        title=title,
        trigrams=frozenset(title[i : i + 3] for i in range(max(len(title) - 2, 1))),
        author=first_author(str(record["authors"])),
        year=int(year) if year == year and year is not None else None,
        volume=re.sub(r"\D", "", str(record["volume"])),
        page=_first_page(str(record["pages"])),
        numerals=frozenset(word for word in words if NUMERALS.fullmatch(word)),
        notices=NOTICES.intersection(words),
        contrasts=CONTRASTS.intersection(words),
        doi=str(record["doi"]),
        pmid=str(record["pmid"]),
    )


def likeness(a: Features, b: Features) -> Likeness:
    """Weighted agreement of the fields that both records have."""
    title = title_likeness(a, b)
    author = float(a.author == b.author) if a.author and b.author else None
    year = None
    if a.year is not None and b.year is not None:
        # Online first and in print may lie a year apart.
        year = {0: 1.0, 1: 0.7}.get(abs(a.year - b.year), 0.0)
    place = None
    if a.page and b.page:
        place = float(a.page == b.page and (a.volume == b.volume or not (a.volume and b.volume)))
    parts = {"title": title, "author": author, "year": year, "place": place}
    known = {name: value for name, value in parts.items() if value is not None}
    total = sum(WEIGHTS[name] for name in known)
    score = sum(WEIGHTS[name] * value for name, value in known.items()) / total
    return Likeness(score=score, title=title, author=author, year=year, place=place)


def title_likeness(a: Features, b: Features) -> float:
    """Dice's coefficient of the titles' trigrams, from 0 to 1."""
    return 2 * len(a.trigrams & b.trigrams) / (len(a.trigrams) + len(b.trigrams))


def plain(text: str) -> str:
    """Letters and digits of a text in lower case, without accents, single spaces between."""
    bare = "".join(
        c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c)
    )
    return re.sub(r"[\W_]+", " ", bare).strip()


def first_author(authors: str) -> str:
    """Family name of the first author, whichever way the names are written."""
    first = authors.split(";")[0]
    if "," in first:
        # "Family, Given", or "Family AB, Family CD" of PubMed's short form.
        first = first.split(",")[0]
        first = re.sub(r"\s+[A-Z]{1,3}$", "", first.strip())
    else:
        initials = re.fullmatch(r"(.+?)\s+(?:[A-Z]\.?[\s-]?){1,3}", first.strip())
        first = initials.group(1) if initials else (first.split() or [""])[-1]
    return plain(first)


def _first_page(pages: str) -> str:
    found = re.search(r"\d+", pages)
    return found.group().lstrip("0") if found else ""
