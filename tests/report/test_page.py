"""The page: whole in itself, safe against what it prints, the same every time."""

from __future__ import annotations

import base64
import hashlib
import itertools
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.records import Finding, Measurement, long_table
from enthesis.report import Page, Picture, Section, Table, measurement_tables, render, write
from enthesis.report.figures import new_figure, svg
from enthesis.report.tables import printed

HOSTILE = "<script>alert('x')</script> \"><img src=http://evil.example/x onerror=1> & {{ 7*7 }}"


def small_figure():
    figure = new_figure(3, 2)
    ax = figure.add_subplot()
    ax.plot([0, 1], [0, 1])
    ax.set_xlabel("mm")
    return figure


def finding(**changed):
    fields = {
        "criterion": "L1 attenuation, a cohort",
        "category": "cannot tell",
        "statement": "No L1 was measured.",
        "used": {"attenuation of L1": "-12 HU"},
        "missing": ("age",),
        "source": "A source 2013. doi:10.1/1",
    }
    return Finding(**(fields | changed))


def page(word="plain"):
    frame = pd.DataFrame({"name": [word, "b"], "value": [-1.25, np.nan], "flags": [word, ""]})
    return Page(
        title=word,
        subtitle=word,
        banner=f"Simulated data {word}",
        facts={word: word},
        sections=(
            Section(
                title=word,
                text=(word,),
                findings=(finding(criterion=word, used={word: word}, flags=(word,)),),
                pictures=(Picture(figure=small_figure(), alt=word, caption=word),),
                tables=(Table(frame=frame, caption=word, flags="flags", notes=(word,)),),
            ),
        ),
        provenance={"version": "0.1.0", "inputs": {"image": word}},
    )


class Elements(HTMLParser):
    """Every start tag with its attributes, and whether tags close in order."""

    VOID = ("meta", "img", "br", "link", "hr", "input")

    def __init__(self):
        super().__init__()
        self.found, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def elements(html):
    parser = Elements()
    parser.feed(html)
    assert not parser.open
    return parser.found


def test_the_page_asks_nothing_of_the_network():
    html = render(page())
    for tag, attributes in elements(html):
        assert tag not in {"link", "iframe", "object", "embed"}
        for name in ("src", "href", "srcset", "action", "data"):
            assert not re.match(r"\s*(https?:)?//", attributes.get(name) or "")
    assert not re.search(r"url\(|@import", html)
    assert "default-src 'none'" in html


def test_what_others_wrote_is_escaped_everywhere():
    html = render(page(HOSTILE))
    tags = [tag for tag, _ in elements(html)]
    # Ours, which sorts tables, and no other.
    assert tags.count("script") == 1
    assert tags.count("img") == 1
    assert not any("onerror" in attributes for _, attributes in elements(html))
    assert "{{ 7*7 }}" in html
    assert "&lt;script&gt;" in html


def test_the_page_can_be_read_without_eyes():
    found = elements(render(page("a word")))
    assert dict(found)["html"]["lang"] == "en"
    assert [a["alt"] for tag, a in found if tag == "img"] == ["a word"]
    headings = [int(tag[1]) for tag, _ in found if re.fullmatch("h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(headings))
    assert {a["scope"] for tag, a in found if tag == "th"} == {"col", "row"}
    assert "caption" in dict(found)
    ids = [a["id"] for _, a in found if "id" in a]
    assert len(ids) == len(set(ids))


def test_the_banner_findings_and_provenance_are_printed():
    html = render(page())
    assert "Simulated data plain" in html
    assert "Not a diagnosis" in html
    assert "<dt>Missing</dt><dd>age</dd>" in html
    assert "doi:10.1/1" in html
    assert ">0.1.0<" in html
    diagnosed = Page(
        title="t", sections=(Section(title="s", findings=(finding(is_diagnosis=True),)),)
    )
    assert "Not a diagnosis" not in render(diagnosed)


def test_the_same_page_gives_the_same_bytes(tmp_path):
    write(page(), tmp_path / "one.html")
    write(page(), tmp_path / "two.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["one.html", "two.html"]


def test_a_page_that_cannot_be_finished_leaves_the_old_one(tmp_path):
    target = tmp_path / "report.html"
    write(page(), target)
    before = target.read_bytes()
    broken = Picture(figure=None, alt="")
    with pytest.raises(AttributeError):
        write(Page(title="t", sections=(Section(title="s", pictures=(broken,)),)), target)
    assert target.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_a_figure_is_valid_svg_without_a_date():
    text = svg(small_figure()).decode()
    assert ET.fromstring(text).tag.endswith("svg")
    assert "dc:date" not in text


def test_a_picture_is_taken_of_the_figure_that_axes_stand_on():
    ax = small_figure().axes[0]
    assert Picture.of(ax, alt="a line").figure is ax.figure
    ax.remove()
    with pytest.raises(InputError, match="belong to no figure"):
        Picture.of(ax, alt="a line")


def test_numbers_stand_to_the_right_with_as_many_decimals_as_their_size_asks():
    frame = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "n": [3, 10, 7],
            "g": [-0.512, 0.2, np.nan],
            "area": [1234.56, 987.6, 1100.0],
            "p_value": [0.0001, 0.0312, 0.5],
        }
    )
    text = printed(Table(frame=frame, caption="c", headers={"area": "Area, mm²"}))
    assert text.headers == ("name", "n", "g", "Area, mm²", "p_value")
    assert text.numeric == (False, True, True, True, True)
    assert text.rows == (
        ("a", "3", "−0.51", "1235", "< 0.001"),
        ("b", "10", "0.20", "988", "0.031"),
        ("c", "7", "–", "1100", "0.500"),
    )
    fixed = printed(Table(frame=frame[["g"]], caption="c", decimals={"g": 1}))
    assert fixed.rows[0] == ("−0.5",)


def test_doubts_become_numbered_footnotes_each_once():
    frame = pd.DataFrame(
        {"name": list("abc"), "flags": ["cut off; few voxels; cut off", "", "few voxels"]}
    )
    text = printed(Table(frame=frame, caption="c", flags="flags"))
    assert text.headers == ("name",)
    assert text.footnotes == ("cut off", "few voxels")
    assert text.marks == ((1, 2), (), (2,))


def test_the_long_table_is_turned_into_tables_without_empty_columns():
    def one(quantity, value, region, *, side="", level="", method="whole region", flags=()):
        return Measurement(
            quantity=quantity,
            value=value,
            region=region,
            side=side,
            level=level,
            method=method,
            flags=flags,
        )

    long = long_table(
        [
            one("area", 812.4, "psoas_major", side="left", level="L4", method="mid-body"),
            one("area", 640.0, "psoas_major", side="right", level="L3", method="mid-body"),
            one("area", 655.0, "psoas_major", side="left", level="L3", method="mid-body"),
            one("volume", 30210.0, "vertebral_body", level="L3", flags=("cut off by the scan",)),
            one("attenuation_mean", -4.26, "vertebral_body", level="L3"),
        ]
    )
    areas, bodies = measurement_tables(long, caption="Measured")
    assert areas.caption == "Measured: cross-sectional area"
    assert printed(areas).headers == ("Region", "Side", "Level", "Cross-sectional area, mm²")
    assert printed(areas).rows == (
        ("Psoas major", "left", "L3", "655"),
        ("Psoas major", "right", "L3", "640"),
        ("Psoas major", "left", "L4", "812"),
    )
    assert printed(bodies).rows == (
        ("Vertebral body", "L3", "30\N{NARROW NO-BREAK SPACE}210", "−4.3"),
    )
    assert printed(bodies).footnotes == ("cut off by the scan",)
    assert bodies.notes == ("Method: whole region",)


def test_a_table_that_names_an_unknown_column_is_refused():
    with pytest.raises(InputError, match="has no column 'areas'"):
        Table(frame=pd.DataFrame({"area": [1]}), caption="c", headers={"areas": "Area"})
    with pytest.raises(InputError, match="has no column 'where'"):
        Table(frame=pd.DataFrame({"area": [1]}), caption="c", links="where")


def test_the_first_cell_of_a_row_leads_where_the_row_says():
    frame = pd.DataFrame({"scan": [1, 2], "value": [3.5, 4.5], "page": ["a/report.html", ""]})
    table = Table(frame=frame, caption="Scans", links="page")
    assert printed(table).headers == ("scan", "value")
    html = render(Page(title="t", sections=(Section(title="s", tables=(table,)),)))
    links = [a["href"] for tag, a in elements(html) if tag == "a" and a["href"][0] != "#"]
    assert links == ["a/report.html"]


def test_only_our_script_may_run_and_none_is_there_without_a_table():
    html = render(page())
    script = re.search(r"<script>(.*)</script>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "<script" not in render(Page(title="t"))
