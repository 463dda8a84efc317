"""Long and wide tables as subjects by raters, one table for each thing that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from enthesis.errors import InputError

WHAT = ("quantity", "region", "side", "level", "method")
"""Columns of the long table that say what a value is of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ratings:
    """The ratings of one thing.

    Parameters
    ----------
    key : column → value, what was rated
    unit : as the table says, "" if it does not
    table : a row per subject, a column per rater
    """

    key: dict[str, Any]
    unit: str
    table: pd.DataFrame


def ratings_of(
    table: pd.DataFrame,
    *,
    subject: str = "subject",
    rater: str | None = None,
    raters: Sequence[str] = (),
    value: str = "value",
    by: Sequence[str] | None = None,
) -> Iterator[Ratings]:
    """Each thing's ratings, in the order of the table.

    Parameters
    ----------
    table : long, with a column of values and one of raters, or wide, with a column per rater
    subject : column of the subjects
    rater : column of a long table that tells the ratings of a subject apart; "rater" or else
        "session" if not given
    raters : columns of a wide table; given, the table is wide
    value : column of a long table
    by : columns that tell things apart; those of `WHAT` that the table has if not given

    Raises
    ------
    InputError : a column is missing, a rating occurs twice, or a subject is not named.
    """
    keys = _keys(table, by, rater)
    wide = bool(raters)
    if not wide:
        rater = _rater_column(table, rater, value)
    _check_columns(table, [subject, *keys, *(raters if wide else [str(rater), value])])
    # Empty cells of a key are one group of their own, not rows to lose.
    filled = table.assign(**{name: table[name].astype(object).fillna("") for name in keys})
    _check_named(filled, subject if wide else [subject, str(rater)])
    groups = filled.groupby(keys, sort=False) if keys else [((), filled)]
    for names, group in groups:
        key = dict(zip(keys, names, strict=True))
        if wide:
            _check_once(group, [subject], key)
            values = group.set_index(subject)[list(raters)]
        else:
            _check_once(group, [subject, str(rater)], key)
            values = group.pivot(index=subject, columns=str(rater), values=value)  # noqa: PD010
            values = values.reindex(group[subject].drop_duplicates())
        yield Ratings(key=key, unit=_unit(group, key), table=values)


def _keys(table: pd.DataFrame, by: Sequence[str] | None, rater: str | None) -> list[str]:
    if by is not None:
        return list(by)
    return [name for name in WHAT if name in table.columns and name != rater]


def _rater_column(table: pd.DataFrame, rater: str | None, value: str) -> str:
    if value not in table.columns:
        raise InputError(
            f"there is no column {value!r}; for a table with a column per rater name these "
            f"columns as raters, out of: {_list(table)}"
        )
    if rater is not None:
        return rater
    for usual in ("rater", "session"):
        if usual in table.columns:
            return usual
    raise InputError(
        "there is no column 'rater' or 'session' to tell the ratings of a subject apart; name "
        f"the column that does, out of: {_list(table)}"
    )


def _check_columns(table: pd.DataFrame, wanted: Sequence[str]) -> None:
    for name in wanted:
        if name not in table.columns:
            raise InputError(f"there is no column {name!r}; the table has: {_list(table)}")


def _check_named(table: pd.DataFrame, columns: str | Sequence[str]) -> None:
    for name in [columns] if isinstance(columns, str) else columns:
        unnamed = table.index[table[name].isna()]
        if len(unnamed):
            raise InputError(f"row {unnamed[0]} has no {name!r}; fill it in or leave the row out")


def _check_once(group: pd.DataFrame, columns: list[str], key: dict[str, Any]) -> None:
    twice = group[group.duplicated(columns, keep=False)]
    if twice.empty:
        return
    one = twice.iloc[0]
    same = twice[(twice[columns] == one[columns]).all(axis=1)]
    who = ", ".join(f"{name} {one[name]}" for name in columns)
    what = ", ".join(str(part) for part in key.values() if part != "")
    raise InputError(
        f"{who} occurs {len(same)} times{f' for {what}' if what else ''} (rows "
        f"{', '.join(map(str, same.index))}): keep one, or name the column that tells the rows "
        "apart in by"
    )


def _unit(group: pd.DataFrame, key: dict[str, Any]) -> str:
    if "unit" not in group.columns or "unit" in key:
        return ""
    units = [str(one) for one in group["unit"].dropna().unique()]
    if len(units) > 1:
        raise InputError(
            f"the values of {', '.join(map(str, key.values()))} have the units "
            f"{' and '.join(units)}; bring them to one"
        )
    return units[0] if units else ""


def _list(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))
