"""One self-contained HTML page: it opens offline, prints to A4 and asks nothing of the network."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from jinja2 import Environment, StrictUndefined
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from enthesis import __version__
from enthesis.errors import InputError
from enthesis.records import Finding
from enthesis.report.figures import svg
from enthesis.report.tables import Table, printed, signed

CSS_PIXELS_PER_INCH = 96
"""By definition of CSS."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Picture:
    """A figure for the page.

    Parameters
    ----------
    figure : drawn and finished
    alt : what it shows, for those who cannot see it
    caption : printed below
    """

    figure: Figure
    alt: str
    caption: str = ""

    @classmethod
    def of(cls, ax: Axes, *, alt: str, caption: str = "") -> Picture:
        """The picture that these axes were drawn on."""
        figure = ax.get_figure(root=True)
        if figure is None:
            raise InputError("these axes belong to no figure; draw them on one first")
        return cls(figure=figure, alt=alt, caption=caption)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Section:
    """A part of the page under its own heading.

    Parameters
    ----------
    title : heading
    text : paragraphs
    findings, pictures, tables : printed in this order
    """

    title: str
    text: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Page:
    """What a report says.

    Parameters
    ----------
    title, subtitle : as printed
    banner : a warning across the top that nobody can miss, e.g. that the data are simulated
    facts : name → value, what the report is about; never a person's name
    sections : in order
    provenance : name → value: version, command, hashes of the inputs, options
    """

    title: str
    subtitle: str = ""
    banner: str = ""
    facts: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Drawn:
    """A picture as the page holds it: data URI, and its size in CSS pixels."""

    uri: str
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sorting:
    """The script that sorts tables, and the hash by which the browser lets it alone run."""

    script: str
    hash: str


def render(page: Page) -> str:
    """The page as HTML; the same page gives the same text every time."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.filters |= {
        "drawn": _drawn,
        "plain": _plain,
        "printed": printed,
        "sentence": _sentence,
        "signed": signed,
    }
    template = environment.from_string(_source("page.html.jinja"))
    sorting = _sorting() if any(section.tables for section in page.sections) else None
    return template.render(page=page, version=__version__, sorting=sorting)


def write(page: Page, path: str | os.PathLike[str]) -> None:
    """Write the page to a file, whole or not at all.

    Raises
    ------
    OSError : the folder is not there or not writable; a file that stood there stays as it was.
    """
    path = Path(path)
    text = render(page)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8", newline="\n")
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _source(name: str) -> str:
    return resources.files("enthesis.report").joinpath(name).read_text(encoding="utf-8")


def _sorting() -> _Sorting:
    script = _source("sort.js")
    digest = hashlib.sha256(script.encode()).digest()
    return _Sorting(script=script, hash=base64.b64encode(digest).decode("ascii"))


def _drawn(picture: Picture) -> _Drawn:
    # An image of its own instead of inline SVG: no picture's ids meet another's.
    encoded = base64.b64encode(svg(picture.figure)).decode("ascii")
    width, height = picture.figure.get_size_inches() * CSS_PIXELS_PER_INCH
    return _Drawn(
        uri=f"data:image/svg+xml;base64,{encoded}", width=round(width), height=round(height)
    )


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=1, default=str)


def _sentence(text: str) -> str:
    """Text with a capital first letter and the rest untouched: a T-score stays one."""
    return text[:1].upper() + text[1:]
