import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.review import (
    EMPTY,
    RECORD_COLUMNS,
    add_search,
    read_library,
    read_records,
    tidy_records,
    write_library,
)

RIS = """TY  - JOUR
AU  - Müller, Jörg
AU  - Doe, Anna
TI  - Psoas area in osteoporosis
PY  - 2020/03/01/
JO  - Spine
VL  - 45
IS  - 3
SP  - 101
EP  - 109
DO  - https://doi.org/10.1234/ABC.5
AB  - First line
      and the second.
KW  - psoas
KW  - bone
ER  -

"""
NBIB = """PMID- 31234567
TI  - Psoas area in
      osteoporosis.
FAU - Muller, Jorg
AU  - Muller J
DP  - 2020 Mar 1
JT  - Spine
VI  - 45
IP  - 3
PG  - 101-109
AID - S123 [pii]
AID - 10.1234/abc.5 [doi]
LA  - eng
PT  - Journal Article

PMID- 31234568
TI  - Another title
FAU - Doe, Anna
DP  - 2019
"""
BIB = r"""@article{a1, author = {M{\"u}ller, J{\"o}rg and Doe, Anna},
 title = {{Psoas} area in osteoporosis}, journal = {Spine}, year = 2020, volume = 45,
 number = 3, pages = {101--109}, doi = {10.1234/abc.5}}
@article{a1, author = {Roe, B}, title = {Second with the same key}, year = {2021}}
"""
ENDNOTE = """<?xml version="1.0" encoding="UTF-8"?><xml><records><record>
<ref-type name="Journal Article">17</ref-type>
<contributors><authors><author><style face="normal">Müller, Jörg</style></author></authors>
</contributors>
<titles><title><style>Psoas area </style><style face="italic">in osteoporosis</style></title>
<secondary-title>Spine</secondary-title></titles><pages>101-109</pages><volume>45</volume>
<number>3</number><dates><year><style>2020</style></year></dates>
<electronic-resource-num>10.1234/abc.5</electronic-resource-num></record></records></xml>"""
ASREVIEW = """record_id,title,authors,year,doi,abstract,asreview_label,asreview_ranking
0,Psoas area in osteoporosis,"Müller, Jörg; Doe, Anna",2020.0,10.1234/abc.5,,1,1
"""
SCOPUS = """Authors;Title;Year;Source title;Volume;Issue;Page start;Page end;DOI
"Müller J.; Doe A.";Psoas area in osteoporosis;2020;Spine;45;3;101;109;10.1234/abc.5
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.ris", RIS),
        ("a.nbib", NBIB),
        ("a.bib", BIB),
        ("a.xml", ENDNOTE),
        ("a.csv", ASREVIEW),
        ("b.csv", SCOPUS),
    ],
)
def test_every_format_gives_the_same_record(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    records = read_records(path, database="Any")
    assert tuple(records.columns) == RECORD_COLUMNS
    first = records.iloc[0]
    assert first["title"].rstrip(".") == "Psoas area in osteoporosis"
    assert first["authors"].startswith(("Müller", "Muller"))
    assert first["year"] == 2020
    assert first["doi"] == "10.1234/abc.5"
    if name not in {"a.csv"}:
        assert (first["journal"], first["volume"], first["pages"]) == ("Spine", "45", "101-109")


def test_lines_that_go_on_are_joined(tmp_path):
    path = tmp_path / "a.ris"
    path.write_text(RIS, encoding="utf-8")
    first = read_records(path, database="Embase").iloc[0]
    assert first["abstract"] == "First line and the second."
    assert first["keywords"] == "psoas; bone"


def test_bibtex_entries_under_one_key_are_both_kept(tmp_path):
    path = tmp_path / "a.bib"
    path.write_text(BIB, encoding="utf-8")
    assert read_records(path, database="Any")["authors"].tolist() == [
        "Müller, Jörg; Doe, Anna",
        "Roe, B",
    ]


def test_pubmed_numbers_are_kept(tmp_path):
    path = tmp_path / "pubmed.txt"
    path.write_text(NBIB, encoding="utf-8")
    records = read_records(path, database="PubMed")
    assert records["pmid"].tolist() == ["31234567", "31234568"]


def test_windows_line_ends_and_utf16_change_nothing(tmp_path):
    plain, other = tmp_path / "a.ris", tmp_path / "b.ris"
    plain.write_text(RIS, encoding="utf-8")
    other.write_bytes(RIS.replace("\n", "\r\n").encode("utf-16"))
    pd.testing.assert_frame_equal(
        read_records(plain, database="X"), read_records(other, database="X")
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RIS.replace("ER  -", ""), "begins in line 1 has no end"),
        (RIS.replace("ER  -", "") + RIS, "begins in line 1 has no end"),
        ("@article{a, title = {open", "line 1 cannot be read"),
        ("<xml><record></xml>", "broken XML"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><xml/>', "entities"),
        ("<xml/>", "no records"),
        ("a,b\n1,2\n", "no known format"),
        ("title,year\nA,2020,5\n", "record 1 has 3 cells"),
        ("", "no known format"),
    ],
)
def test_a_broken_export_is_refused_with_its_place(tmp_path, text, message):
    path = tmp_path / "a.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_records(path, database="X")


def test_text_that_is_not_utf8_is_refused(tmp_path):
    path = tmp_path / "a.ris"
    path.write_bytes(RIS.encode("latin-1"))
    with pytest.raises(InputError, match="line 2 is not UTF-8"):
        read_records(path, database="X")


def test_an_identifier_is_the_same_at_every_import_and_twins_are_told_apart():
    entry = {"title": "A title", "year": "2020"}
    once, twice = tidy_records([entry], database="X"), tidy_records([entry, entry], database="X")
    assert twice["record"].tolist() == [once["record"][0], once["record"][0] + "-2"]


def test_a_record_without_anything_to_screen_is_refused():
    with pytest.raises(InputError, match="record 2 of X has neither title"):
        tidy_records([{"title": "A"}, {"year": "2020"}], database="X")


def test_markup_and_resolvers_are_taken_off():
    row = tidy_records(
        [{"title": "Fat &amp; <i>muscle</i>", "doi": "doi: 10.1000/X.", "pmid": "PMID: 012"}],
        database="X",
    ).iloc[0]
    assert (row["title"], row["doi"], row["pmid"]) == ("Fat & muscle", "10.1000/x", "12")


def test_searches_are_kept_with_their_counts(tmp_path):
    pubmed = tidy_records([{"title": "A"}, {"title": "B"}], database="PubMed")
    embase = tidy_records([{"title": "A"}], database="Embase")
    library = add_search(EMPTY, pubmed, date="2025-01-25", query="psoas AND bone", hits=3)
    library = add_search(library, embase, date="2025-01-25", query="'psoas'/exp", limits="English")
    assert library.counts == {"PubMed": 2, "Embase": 1}
    assert library.notes == ("PubMed, 2025-01-25: 2 records imported of 3 announced",)
    write_library(library, tmp_path / "library")
    again = read_library(tmp_path / "library")
    assert again.searches == library.searches
    pd.testing.assert_frame_equal(again.records, library.records)


def test_an_export_is_imported_only_once():
    records = tidy_records([{"title": "A"}], database="PubMed")
    library = add_search(EMPTY, records, date="2025-01-25", query="q")
    with pytest.raises(InputError, match="imported before"):
        add_search(library, records, date="2025-02-01", query="q")


def test_a_date_of_another_form_is_refused():
    with pytest.raises(InputError, match="YYYY-MM-DD"):
        add_search(EMPTY, tidy_records([{"title": "A"}], database="P"), date="25.1.2025", query="q")
