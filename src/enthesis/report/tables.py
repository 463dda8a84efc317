"""Tables as people read them: units in the header, sensible decimals, doubts as footnotes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import pandas as pd

from enthesis.anatomy import LEVELS
from enthesis.errors import InputError
from enthesis.quantities import quantity
from enthesis.report.rows import number, p_cell

P_COLUMNS = ("p", "p_value", "q_p", "qm_p")
"""Columns that hold p-values, printed with three decimals or as < 0.001."""

NOT_AVAILABLE = "–"

_ONE = r"(?:[-−]?[\d.,\u202f]+(?:e[-+−]?\d+)?|–|−?∞)"
NUMBER = re.compile(rf"(?:< )?{_ONE}|(?:{_ONE} )?\[{_ONE}, {_ONE}\]")
"""Text that stands to the right in a table: a number, an interval, or both."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Table:
    """A table for the page.

    Parameters
    ----------
    frame : columns in the order printed; the index is not printed
    caption : what the table shows
    headers : column → header, with its unit; the column's name if not given
    decimals : column → digits after the point; by the size of the column's numbers if not given
    flags : column of doubts, one text or several joined by "; ", printed as footnotes
    links : column of addresses relative to the page, "" for none; a row's first cell leads there
    notes : sentences below the table

    Raises
    ------
    InputError : `headers`, `decimals`, `flags` or `links` name a column that the frame does not
        have.
    """

    frame: pd.DataFrame
    caption: str
    headers: Mapping[str, str] = field(default_factory=dict)
    decimals: Mapping[str, int] = field(default_factory=dict)
    flags: str | None = None
    links: str | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        named = [*self.headers, *self.decimals, *filter(None, (self.flags, self.links))]
        for name in named:
            if name not in self.frame.columns:
                raise InputError(f"the table {self.caption!r} has no column {name!r}")
        object.__setattr__(self, "headers", MappingProxyType(dict(self.headers)))
        object.__setattr__(self, "decimals", MappingProxyType(dict(self.decimals)))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedTable:
    """A table as text.

    Parameters
    ----------
    headers : one for each column
    numeric : whether the column holds numbers and stands to the right
    rows : texts of each row
    marks : footnote numbers of each row
    links : address of each row, "" for none; empty where the table has no links
    footnotes : in order of their numbers, from 1
    """

    headers: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    marks: tuple[tuple[int, ...], ...]
    links: tuple[str, ...]
    footnotes: tuple[str, ...]


def printed(table: Table) -> PrintedTable:
    """The table's numbers and doubts as text."""
    frame = table.frame.drop(columns=[name for name in (table.flags, table.links) if name])
    columns = [str(name) for name in frame.columns]
    numeric = tuple(_is_numeric(frame.iloc[:, i]) for i in range(len(columns)))
    texts = [
        _texts(name, frame.iloc[:, i], table.decimals.get(name)) for i, name in enumerate(columns)
    ]
    footnotes: list[str] = []
    marks: list[tuple[int, ...]] = []
    doubts = [""] * len(frame) if table.flags is None else table.frame[table.flags].tolist()
    for doubt in doubts:
        parts = doubt.split("; ") if isinstance(doubt, str) else []
        own = list(dict.fromkeys(part for part in parts if part))
        footnotes += [part for part in own if part not in footnotes]
        marks.append(tuple(sorted({footnotes.index(part) + 1 for part in own})))
    return PrintedTable(
        headers=tuple(table.headers.get(name, name) for name in columns),
        numeric=numeric,
        rows=tuple(zip(*texts, strict=True)) if columns else (),
        marks=tuple(marks),
        links=() if table.links is None else tuple(table.frame[table.links].astype(str)),
        footnotes=tuple(footnotes),
    )


def measurement_tables(long: pd.DataFrame, *, caption: str) -> tuple[Table, ...]:
    """The long table turned for reading: a row per region, side and level, a column per quantity.

    Parameters
    ----------
    long : with the columns of `records.LONG_COLUMNS`, of one subject and session
    caption : what was measured; the quantities are added to it

    Returns
    -------
    A Table for each set of regions that were measured alike, in the order met, so that no table has
    empty columns. A quantity measured in two ways has two columns; letters refer to the methods
    below the table.
    """
    places: dict[_Place, dict[_Way, Mapping[Any, Any]]] = {}
    for one in long.to_dict("records"):
        place = (str(one["region"]), str(one["side"]), str(one["level"]))
        places.setdefault(place, {})[str(one["quantity"]), str(one["method"])] = one
    alike: dict[tuple[_Way, ...], list[_Place]] = {}
    for place, measured in places.items():
        alike.setdefault(tuple(measured), []).append(place)
    return tuple(
        _turned({place: places[place] for place in _in_reading_order(some)}, ways, caption)
        for ways, some in alike.items()
    )


_Place = tuple[str, str, str]
_Way = tuple[str, str]


def _turned(
    places: Mapping[_Place, Mapping[_Way, Mapping[Any, Any]]], ways: tuple[_Way, ...], caption: str
) -> Table:
    """One table: rows are places, columns are quantities measured in certain ways."""
    methods = [method for method in dict.fromkeys(method for _, method in ways) if method]
    letters = {method: chr(ord("a") + i) for i, method in enumerate(methods)}
    headers = {"region": "Region", "side": "Side", "level": "Level"}
    for name, method in ways:
        unit = superscript(quantity(name).unit)
        letter = f" [{letters[method]}]" if len(methods) > 1 and method else ""
        headers[f"{name}, {method}"] = (
            signed(quantity(name).label) + (f", {unit}" if unit else "") + letter
        )
    rows = []
    for (region, side, level), measured in places.items():
        doubts = [str(one["flags"]) for one in measured.values() if one["flags"]]
        values = {
            f"{name}, {method}": number(float(one["value"]), quantity(name).decimals)
            for (name, method), one in measured.items()
        }
        rows.append(
            {
                "region": region.replace("_", " ").capitalize(),
                "side": side,
                "level": level.replace("_", "–"),
                **values,
                "flags": "; ".join(dict.fromkeys(doubts)),
            }
        )
    frame = pd.DataFrame(rows)
    for name in ("side", "level"):
        if not frame[name].any():
            frame = frame.drop(columns=name)
            del headers[name]
    what = ", ".join(dict.fromkeys(inside(quantity(name).label) for name, _ in ways))
    if len(methods) > 1:
        notes = tuple(f"[{letter}] {signed(method)}" for method, letter in letters.items())
    else:
        notes = tuple(f"Method: {signed(method)}" for method in methods)
    return Table(
        frame=frame,
        caption=f"{caption}: {signed(what)}",
        headers=headers,
        flags="flags",
        notes=notes,
    )


def _in_reading_order(places: list[_Place]) -> list[_Place]:
    """Regions as met, each from head to feet, left before right."""
    regions = list(dict.fromkeys(region for region, _, _ in places))

    def rank(place: _Place) -> tuple[int, int, str]:
        region, side, level = place
        height = LEVELS.index(level.split("_")[0]) if level else -1
        return regions.index(region), height, side

    return sorted(places, key=rank)


def superscript(unit: str) -> str:
    """A unit with its powers raised: mm2 as mm²."""
    return re.sub(r"(?<=m)[23]\b", lambda power: {"2": "²", "3": "³"}[power[0]], unit)


def signed(text: str) -> str:
    """Text whose negative numbers have a true minus sign; hyphens of words stay."""
    return re.sub(r"(?<![\w-])-(?=\d)", "\N{MINUS SIGN}", text)


def inside(label: str) -> str:
    """A label as it stands within a sentence: abbreviations such as SD keep their capitals."""
    return label if label[:2].isupper() else label[:1].lower() + label[1:]


def _is_numeric(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers, or texts that all read as numbers."""
    if pd.api.types.is_bool_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    texts = [str(value) for value in column if value is not None and str(value)]
    return bool(texts) and all(NUMBER.fullmatch(text) for text in texts)


def _texts(name: str, column: pd.Series[Any], decimals: int | None) -> list[str]:
    if pd.api.types.is_bool_dtype(column):
        return ["yes" if value else "no" for value in column]
    if not pd.api.types.is_numeric_dtype(column):
        return [NOT_AVAILABLE if _is_none(value) else str(value) for value in column]
    values = [float(value) for value in column.to_numpy(dtype=float, na_value=math.nan)]
    if name in P_COLUMNS and decimals is None:
        return [p_cell(value) for value in values]
    digits = _decimals(values) if decimals is None else decimals
    return [number(value, digits) for value in values]


def _is_none(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _decimals(values: list[float]) -> int:
    """Digits that keep about three significant ones of the column's usual size."""
    finite = [abs(value) for value in values if math.isfinite(value)]
    if all(value.is_integer() for value in finite):
        return 0
    usual = sorted(finite)[len(finite) // 2]
    return 3 if usual < 0.1 else 2 if usual < 10 else 1 if usual < 1000 else 0
