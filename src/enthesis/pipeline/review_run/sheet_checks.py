"""What is wrong with a table of effects, row by row, before anything is computed from it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import pandas as pd

from enthesis.errors import InputError
from enthesis.pipeline.review_run.plan import Plan

SUMMARIES = ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i", "yi", "vi", "sei", "ni", "ri")
"""Columns that hold numbers and say nothing about which effect a row is."""

SPREADS = ("sd1i", "sd2i", "vi", "sei")
"""Those that are above 0."""

SIZES = (("n1i", "n2i"), "study_n")
"""Sizes of two groups, and the column of the study's size that holds them both."""

REMARKS = ("flags", "notes", "note", "comment", "comments", "arm1", "arm2", "yi_as_extracted")
"""Columns in which two rows of the same effect may differ."""

SHOWN = 20
"""Problems that a message lists; more are counted."""

_Problem = tuple[object, str]
"""A row and what is wrong there."""


def check_sheet(table: pd.DataFrame, plan: Plan) -> None:
    """Refuse a table with rows that cannot be true.

    Parameters
    ----------
    table : as read, its index the rows of the file
    plan : which columns mean what, and which values they may have

    Raises
    ------
    InputError : every problem with its row: no study, text in place of a number, a spread of 0, a
        group larger than its study, a value that the plan does not know, the same effect twice.
    """
    names = {name: plan.effect.columns.get(name, name) for name in SUMMARIES}
    problems = [
        *_empty(table, plan),
        *_unknown(table, plan),
        *_numbers(table, names),
        *_too_large(table, names),
        *_doubled(table, list(names.values())),
    ]
    if not problems:
        return
    order = {row: place for place, row in enumerate(table.index)}
    problems.sort(key=lambda one: order[one[0]])
    lines = [f"row {row}: {text}" for row, text in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"and {len(problems) - SHOWN} more")
    count = f"{len(problems)} {'problem' if len(problems) == 1 else 'problems'}"
    raise InputError(f"the table of effects has {count}: {'; '.join(lines)}")


def _empty(table: pd.DataFrame, plan: Plan) -> Iterator[_Problem]:
    """Cells that a merged cell leaves empty below its first row."""
    columns = [plan.data.study]
    for one in plan.subgroups:
        columns += [name for name in one.cells if name in table.columns]
    for name in dict.fromkeys(columns):
        for row in table.index[table[name].isna()]:
            yield row, f"no {name}; where cells were merged, repeat the value in every row"


def _unknown(table: pd.DataFrame, plan: Plan) -> Iterator[_Problem]:
    for name, values in plan.levels.items():
        if name not in table.columns:
            continue
        for row, value in table[name].dropna().items():
            if str(value) in values:
                continue
            near = difflib.get_close_matches(str(value).lower(), [v.lower() for v in values], n=1)
            meant = next((v for v in values if near and v.lower() == near[0]), None)
            advice = f"{meant!r}?" if meant else f"the plan knows {', '.join(map(repr, values))}"
            yield row, f"unknown {name} {value!r}; {advice}"


def _numbers(table: pd.DataFrame, names: dict[str, str]) -> Iterator[_Problem]:
    for meaning, name in names.items():
        if name not in table.columns:
            continue
        values = pd.to_numeric(table[name], errors="coerce")
        for row in table.index[values.isna() & table[name].notna()]:
            yield row, f"{name} is {table[name][row]!r}, not a number"
        if meaning in SPREADS:
            for row in table.index[values <= 0]:
                yield row, f"{name} is {values[row]:g}; a spread is above 0"
        if meaning in SIZES[0]:
            for row in table.index[(values < 2) | (values % 1 > 0)]:
                yield (
                    row,
                    f"{name} is {values[row]:g}; a group has a whole number of 2 people or more",
                )


def _too_large(table: pd.DataFrame, names: dict[str, str]) -> Iterator[_Problem]:
    groups, whole = [names[name] for name in SIZES[0]], SIZES[1]
    if whole not in table.columns or not set(groups) <= set(table.columns):
        return
    sizes = table[[*groups, whole]].apply(pd.to_numeric, errors="coerce")
    together = sizes[groups].sum(axis=1)
    for row in table.index[together > sizes[whole]]:
        yield (
            row,
            (
                f"{groups[0]} and {groups[1]} are {together[row]:g} people together, more than the "
                f"{sizes[whole][row]:g} of the study"
            ),
        )


def _doubled(table: pd.DataFrame, summaries: list[str]) -> Iterator[_Problem]:
    """Rows alike in everything that says which effect they are."""
    identity = [name for name in table.columns if name not in {*summaries, *REMARKS}]
    first: dict[tuple[object, ...], object] = {}
    for row, values in zip(
        table.index,
        table[identity].astype("string").fillna("").itertuples(index=False),
        strict=True,
    ):
        key = tuple(values)
        if key in first:
            yield (
                row,
                f"the same effect as row {first[key]}; remove one, or tell them apart by a column",
            )
        first.setdefault(key, row)
