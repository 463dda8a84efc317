"""Files that databases and reference managers export, read into the one schema of records."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pandas as pd

from enthesis._optional import optional
from enthesis.errors import InputError
from enthesis.review.records import tidy_records

Entry = dict[str, object]

CSV_NAMES: Mapping[str, tuple[str, ...]] = {
    "title": ("title", "article title", "primary title", "document title"),
    "authors": ("authors", "author", "author names", "authors, primary"),
    "year": ("year", "publication year", "publication_year", "py", "date"),
    "journal": ("journal", "journal/book", "source title", "publication title", "source"),
    "volume": ("volume",),
    "issue": ("issue", "number"),
    "pages": ("pages", "page range"),
    "doi": ("doi", "doi link", "digital object identifier"),
    "pmid": ("pmid", "pubmed id", "pubmed_id", "medline pmid"),
    "abstract": ("abstract", "abstract note", "notes_abstract"),
    "keywords": ("keywords", "author keywords", "manual tags"),
    "language": ("language", "language of original document"),
    "kind": ("kind", "publication type", "document type", "item type", "type"),
}
"""Headers in exports of PubMed, Embase, Scopus, Web of Science, Zotero, Rayyan and ASReview."""


def read_records(path: str | Path, *, database: str) -> pd.DataFrame:
    """Records of an exported file.

    Parameters
    ----------
    path : .ris, .nbib or PubMed .txt, .bib, EndNote .xml, .csv or .tsv (ASReview and Rayyan exports
        among them); UTF-8, or UTF-16 with its mark. The content decides, not the name.
    database : where they were found

    Returns
    -------
    RECORD_COLUMNS, in the file's order.

    Raises
    ------
    InputError : unreadable, of no known format, broken (the line is named) or empty.
    """
    path = Path(path)
    text = _text(path)
    entries = _reader(text, path)(text, path)
    if not entries:
        raise InputError(f"{path.name!r} holds no records")
    return tidy_records(entries, database=database)


def _text(path: Path) -> str:
    if not path.is_file():
        raise InputError(f"there is no file {path.name!r} to read records from")
    content = path.read_bytes()
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"{path.name!r}, line {line} is not UTF-8 text; export it again as UTF-8"
        ) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _reader(text: str, path: Path) -> Callable[[str, Path], list[Entry]]:
    start = text.lstrip()
    if re.search(r"^TY  -", text, re.MULTILINE):
        return _ris
    if re.search(r"^PMID- ", text, re.MULTILINE):
        return _nbib
    if start.startswith("<"):
        return _endnote
    if re.search(r"^\s*@\w+\s*[{(]", text, re.MULTILINE):
        return _bibtex
    first = start.partition("\n")[0].lower()
    if re.search(r"\b(title|doi|pmid)\b", first) and re.search(r"[,;\t]", first):
        return _csv
    raise InputError(
        f"{path.name!r} is of no known format; export RIS, PubMed (.nbib), BibTeX, EndNote XML or "
        "a CSV whose first row names a title column"
    )


def _ris(text: str, path: Path) -> list[Entry]:
    rispy = optional("rispy", extra="review", purpose="reading RIS files")
    _all_closed(text, path)
    entries = []
    for one in rispy.loads(text):
        first, last = str(one.get("start_page", "")), str(one.get("end_page", ""))
        notes = " ".join(map(str, one.get("notes", [])))
        accession = str(one.get("accession_number", ""))
        medline = "pubmed" in str(one.get("name_of_database", "")).lower()
        entries.append(
            {
                "title": _first(one, "title", "primary_title"),
                "authors": "; ".join(_first_list(one, "authors", "first_authors")),
                "year": _first(one, "year", "publication_year", "date"),
                "journal": _first(
                    one, "alternate_title3", "journal_name", "secondary_title", "alternate_title2"
                ),
                "volume": one.get("volume"),
                "issue": one.get("number"),
                "pages": f"{first}-{last}" if first and last else first,
                "doi": _first(one, "doi") or _doi_in(one.get("urls", []), notes),
                "pmid": accession if medline else _pmid_in(notes),
                "abstract": _first(one, "abstract", "notes_abstract"),
                "keywords": "; ".join(map(str, one.get("keywords", []))),
                "language": one.get("language"),
                "kind": _first(one, "type_of_work", "type_of_reference"),
            }
        )
    return entries


def _all_closed(text: str, path: Path) -> None:
    """A record without its end would be joined to the next one, or be lost."""
    opened = 0
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(r"TY  -", line):
            if opened:
                break
            opened = number
        elif re.match(r"ER  -", line):
            opened = 0
    if opened:
        raise InputError(
            f"{path.name!r}: the record that begins in line {opened} has no end (ER  -); is the "
            "file cut off?"
        )


def _nbib(text: str, path: Path) -> list[Entry]:
    del path
    entries: list[Entry] = []
    for block in re.split(r"\n\s*\n(?=PMID- )", text.strip()):
        fields: dict[str, list[str]] = {}
        tag = ""
        for line in block.split("\n"):
            found = re.match(r"([A-Z]{2,4}) *- ?(.*)", line)
            if found:
                tag = found.group(1)
                fields.setdefault(tag, []).append(found.group(2))
            elif tag and line.strip():
                fields[tag][-1] += f" {line.strip()}"
        identifiers = [*fields.get("LID", []), *fields.get("AID", [])]
        doi = next((one for one in identifiers if one.endswith("[doi]")), "")
        one = {name: values[0] for name, values in fields.items()}
        entries.append(
            {
                "title": one.get("TI") or one.get("BTI"),
                "authors": "; ".join(fields.get("FAU") or fields.get("AU") or []),
                "year": one.get("DP"),
                "journal": one.get("JT") or one.get("TA"),
                "volume": one.get("VI"),
                "issue": one.get("IP"),
                "pages": one.get("PG"),
                "doi": doi.removesuffix("[doi]"),
                "pmid": one.get("PMID"),
                "abstract": one.get("AB"),
                "keywords": "; ".join([*fields.get("OT", []), *fields.get("MH", [])]),
                "language": one.get("LA"),
                "kind": "; ".join(fields.get("PT", [])),
            }
        )
    return entries


def _bibtex(text: str, path: Path) -> list[Entry]:
    bibtexparser = optional("bibtexparser", extra="review", purpose="reading BibTeX files")
    latex = optional(
        "bibtexparser.middlewares.latex_encoding", extra="review", purpose="reading BibTeX files"
    )
    library = bibtexparser.parse_string(
        _distinct_keys(text),
        append_middleware=[latex.LatexDecodingMiddleware(allow_inplace_modification=True)],
    )
    for block in library.failed_blocks:
        raise InputError(
            f"{path.name!r}: the BibTeX entry that begins in line {block.start_line + 1} cannot be "
            f"read: {block.error}"
        )
    return [_bibtex_entry(entry) for entry in library.entries]


def _distinct_keys(text: str) -> str:
    """The file with repeated keys numbered: joined exports repeat them, and are sound."""
    seen = Counter[str]()

    def numbered(found: re.Match[str]) -> str:
        key = found.group(2)
        seen[key] += 1
        return f"{found.group(1)}{key}{f'-{seen[key]}' if seen[key] > 1 else ''},"

    return re.sub(r"(^[ \t]*@\w+\s*\{\s*)([^\s,{}]+)\s*,", numbered, text, flags=re.MULTILINE)


def _bibtex_entry(entry: Any) -> Entry:
    fields = {key.lower(): one.value for key, one in entry.fields_dict.items()}
    authors = re.split(r"\s+and\s+", str(fields.get("author", "")).strip())
    return {
        "title": str(fields.get("title", "")).replace("{", "").replace("}", ""),
        "authors": "; ".join(filter(None, authors)),
        "year": fields.get("year") or fields.get("date"),
        "journal": fields.get("journal") or fields.get("journaltitle") or fields.get("booktitle"),
        "volume": fields.get("volume"),
        "issue": fields.get("number") or fields.get("issue"),
        "pages": str(fields.get("pages", "")).replace("--", "-").replace("–", "-"),
        "doi": fields.get("doi") or _doi_in([fields.get("url", "")], ""),
        "pmid": fields.get("pmid"),
        "abstract": fields.get("abstract"),
        "keywords": fields.get("keywords"),
        "language": fields.get("language") or fields.get("langid"),
        "kind": entry.entry_type,
    }


def _endnote(text: str, path: Path) -> list[Entry]:
    if re.search(r"<!(DOCTYPE|ENTITY)", text[:10_000]):
        # Declared entities can swell a small file to any size.
        raise InputError(f"{path.name!r} declares entities, which no EndNote export does")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise InputError(f"{path.name!r} is broken XML: {error}") from error
    return [_endnote_entry(one) for one in root.iter("record")]


def _endnote_entry(one: ET.Element) -> Entry:
    def inside(where: str) -> list[str]:
        # EndNote wraps every text in <style>.
        return ["".join(found.itertext()).strip() for found in one.findall(where)]

    def first(*places: str) -> str:
        return next((text for place in places for text in inside(place) if text), "")

    kind = one.find("ref-type")
    return {
        "title": first("titles/title"),
        "authors": "; ".join(inside("contributors/authors/author")),
        "year": first("dates/year"),
        "journal": first("periodical/full-title", "titles/secondary-title"),
        "volume": first("volume"),
        "issue": first("number"),
        "pages": first("pages"),
        "doi": first("electronic-resource-num"),
        "pmid": first("accession-num"),
        "abstract": first("abstract"),
        "keywords": "; ".join(inside("keywords/keyword")),
        "language": first("language"),
        "kind": "" if kind is None else kind.get("name", ""),
    }


def _csv(text: str, path: Path) -> list[Entry]:
    first = text.lstrip("\n").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(
        io.StringIO(text.lstrip("\n"), newline=""), delimiter=delimiter, strict=True
    )
    try:
        header, *rows = [row for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"{path.name!r}, line {reader.line_num}: {error}") from error
    places = {name.strip().lower(): i for i, name in reversed([*enumerate(header)])}
    columns = {
        field: next((places[name] for name in names if name in places), None)
        for field, names in CSV_NAMES.items()
    }
    if columns["title"] is None:
        raise InputError(f"{path.name!r} has no column 'title'; it has {', '.join(header)}")
    entries = []
    for number, row in enumerate(rows, start=1):
        if len(row) != len(header):
            raise InputError(
                f"{path.name!r}: record {number} has {len(row)} cells where the first row has "
                f"{len(header)}; quote the cells that hold a {delimiter!r}"
            )
        entry: Entry = {field: row[i] for field, i in columns.items() if i is not None}
        start, end = (places.get(name) for name in ("page start", "page end"))
        if start is not None and end is not None and not entry.get("pages"):
            entry["pages"] = "-".join(filter(None, (row[start], row[end])))
        entries.append(entry)
    return entries


def _first(entry: Mapping[str, object], *names: str) -> object:
    return next((entry[name] for name in names if entry.get(name)), "")


def _first_list(entry: Mapping[str, object], *names: str) -> list[str]:
    found = _first(entry, *names)
    return [str(one) for one in found] if isinstance(found, list) else []


def _doi_in(urls: object, notes: str) -> str:
    links = [str(url) for url in urls] if isinstance(urls, list) else []
    resolver = next((link for link in links if "doi.org/" in link), "")
    labelled = re.search(r"doi:\s*(10\.\S+)", notes, re.IGNORECASE)
    return resolver or (labelled.group(1) if labelled else "")


def _pmid_in(notes: str) -> str:
    found = re.search(r"PMID:\s*(\d+)", notes)
    return found.group(1) if found else ""
