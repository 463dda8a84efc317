"""A cohort's table, long or wide, as one table of subjects for each thing that was measured."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError

Sides = Literal["apart", "mean"]

PLACE = ("region", "side", "level", "method")
"""Columns of the long table that, with the quantity, say what a value is of."""

LONG = frozenset({"subject", "quantity", "value"})
"""Columns by which a long table is known."""

ATTRIBUTES = ("session", "age", "sex", "height_m", "weight_kg", "bmi")
"""Columns of a wide table that describe subjects; never taken for an outcome unless asked for."""

BOTH = "mean of both"
"""Side of the mean of left and right."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """One thing that was measured in the subjects of a cohort.

    Parameters
    ----------
    name : quantity of the long table, or column of the wide one
    unit : as the table says, "" if it does not
    region, side, level, method : as in the long table, "" if not known
    subjects : a row per subject: "value", "group", and the covariates under their own names
    """

    name: str
    unit: str
    region: str
    side: str
    level: str
    method: str
    subjects: pd.DataFrame

    @property
    def label(self) -> str:
        """What was measured, in one line."""
        parts = (self.name, self.region, self.side, self.level, self.method)
        return " · ".join(part for part in parts if part)


def cohort_outcomes(
    table: pd.DataFrame,
    *,
    group: str = "group",
    outcomes: Sequence[str] = (),
    covariates: Sequence[str] = (),
    subject: str = "subject",
    subjects: pd.DataFrame | None = None,
    sides: Sides = "apart",
) -> Iterator[Outcome]:
    """Each outcome with its subjects, in the order of the table.

    Parameters
    ----------
    table : long (`records.LONG_COLUMNS`) or wide, a row per subject; in a long table group and
        covariates may stand in every row
    group : column of the groups
    outcomes : quantities of a long table or columns of a wide one; all if not given, of a wide
        table all columns of numbers but `ATTRIBUTES`
    covariates : columns to adjust for
    subject : column of the subjects; a wide table without it has a subject per row
    subjects : of a long table, a row per subject with group and covariates, if not in the table
    sides : "mean" replaces left and right by their mean where both are there

    Raises
    ------
    InputError : a column is missing or holds text, a subject occurs twice for one thing, or its
        group or covariates contradict one another: named by subject or row.
    """
    if sides not in {"apart", "mean"}:
        raise InputError(f"sides is 'apart' or 'mean', got {sides!r}")
    if len(set(covariates)) < len(covariates) or group in covariates:
        raise InputError(
            f"the covariates {', '.join(covariates)} name a column twice, or the column of groups"
        )
    if (LONG - {"subject"}) | {subject} <= set(table.columns):
        yield from _long(table, group, outcomes, covariates, subject, subjects, sides)
        return
    if subjects is not None:
        raise InputError(
            "a second table of subjects goes with a long table (subject, quantity, value); this "
            f"one has {_names(table)}; put its columns into the one table"
        )
    yield from _wide(table, group, outcomes, covariates, subject)


def _wide(
    table: pd.DataFrame,
    group: str,
    outcomes: Sequence[str],
    covariates: Sequence[str],
    subject: str,
) -> Iterator[Outcome]:
    _need(table, [group, *covariates, *outcomes])
    if subject in table.columns:
        _refuse_unnamed(table, subject)
        doubled = table[subject].duplicated(keep=False)
        if doubled.any():
            name = table.loc[doubled, subject].iloc[0]
            rows = ", ".join(str(_row(table, i)) for i in np.flatnonzero(table[subject] == name))
            raise InputError(
                f"the subject {str(name)!r} occurs in rows {rows}; keep one row per subject, for "
                "rows of one subject do not count as two"
            )
    beside = {group, subject, *covariates, *ATTRIBUTES}
    chosen = list(outcomes) or [
        str(name)
        for name in table.columns
        if name not in beside and pd.api.types.is_numeric_dtype(table[name])
    ]
    if not chosen:
        raise InputError(
            "there is no column of numbers to compare the groups by; "
            f"name outcomes out of: {_names(table)}"
        )
    known = table[[group, *covariates]].rename(columns={group: "group"})
    for name in chosen:
        if name in (group, subject):
            raise InputError(f"{name!r} is the column of groups or subjects, not an outcome")
        yield Outcome(
            name=name,
            unit="",
            region="",
            side="",
            level="",
            method="",
            subjects=known.assign(value=_numbers(table, name)),
        )


def _long(
    table: pd.DataFrame,
    group: str,
    outcomes: Sequence[str],
    covariates: Sequence[str],
    subject: str,
    subjects: pd.DataFrame | None,
    sides: Sides,
) -> Iterator[Outcome]:
    _refuse_unnamed(table, subject)
    source = table if subjects is None else subjects
    _need(source, [subject, group, *covariates])
    attributes = _attributes(source, [group, *covariates], subject)
    attributes = attributes.rename(columns={group: "group"})
    keys = ["quantity", *(name for name in PLACE if name in table.columns)]
    rows = table.assign(
        value=_numbers(table, "value"),
        **{name: table[name].astype(object).fillna("").astype(str) for name in keys},
    )
    unknown = [one for one in outcomes if one not in set(rows["quantity"])]
    if unknown:
        raise InputError(
            f"no row measures {unknown[0]!r}; the table has: "
            f"{', '.join(rows['quantity'].drop_duplicates())}"
        )
    if outcomes:
        rows = rows[rows["quantity"].isin(list(outcomes))]
    _refuse_doubled(rows, keys, subject)
    if sides == "mean" and "side" in keys:
        rows = _sides_joined(rows, keys, subject)
    for names, group_rows in rows.groupby(keys, sort=False):
        key: dict[str, Any] = dict(zip(keys, names, strict=True))
        values = group_rows.set_index(subject)["value"].reindex(attributes.index)
        yield Outcome(
            name=key["quantity"],
            unit=_unit(group_rows),
            region=key.get("region", ""),
            side=key.get("side", ""),
            level=key.get("level", ""),
            method=key.get("method", ""),
            subjects=attributes.assign(value=values),
        )


def _attributes(source: pd.DataFrame, columns: list[str], subject: str) -> pd.DataFrame:
    """A row per subject; empty cells give way to filled ones, unlike filled ones are refused."""
    for name in columns:
        filled = source[[subject, name]].dropna()
        kinds = filled.groupby(subject, sort=False)[name].nunique()
        if (kinds > 1).any():
            who = kinds.index[kinds > 1][0]
            found = filled.loc[filled[subject] == who, name].drop_duplicates()
            raise InputError(
                f"the subject {str(who)!r} has more than one {name!r}: "
                f"{', '.join(map(str, found))}; keep one"
            )
    return source.groupby(subject, sort=False)[columns].first()


def _sides_joined(rows: pd.DataFrame, keys: list[str], subject: str) -> pd.DataFrame:
    """Left and right replaced by their mean; a side without its other has none."""
    sided = rows["side"].isin(["left", "right"])
    rest = [name for name in keys if name != "side"]
    pairs = rows[sided].groupby([*rest, subject], sort=False)
    columns = ["unit"] if "unit" in rows.columns else []
    means = pairs[columns].first()
    # A missing side makes the pair's mean missing: one side is no measure of both.
    means["value"] = pairs["value"].mean().where(pairs["value"].count() == 2)
    joined = means.reset_index().assign(side=BOTH)
    return pd.concat([rows[~sided], joined]) if (~sided).any() else joined


def _refuse_doubled(rows: pd.DataFrame, keys: list[str], subject: str) -> None:
    doubled = rows.duplicated([*keys, subject], keep=False).to_numpy(dtype=bool)
    if doubled.any():
        first = rows[doubled].iloc[0]
        what = " ".join(str(first[name]) for name in keys if first[name])
        same = (rows[[*keys, subject]] == first[[*keys, subject]]).all(axis=1).to_numpy()
        places = ", ".join(str(_row(rows, i)) for i in np.flatnonzero(same))
        raise InputError(
            f"the subject {str(first[subject])!r} has {int(same.sum())} values of {what} (rows "
            f"{places}); keep one session, or one value, per subject"
        )


def _refuse_unnamed(table: pd.DataFrame, subject: str) -> None:
    unnamed = np.flatnonzero(table[subject].isna())
    if unnamed.size:
        raise InputError(
            f"row {_row(table, unnamed[0])} names no subject in the column {subject!r}; fill it in"
        )


def _need(table: pd.DataFrame, columns: list[str]) -> None:
    for name in columns:
        if name not in table.columns:
            raise InputError(f"there is no column {name!r}; the table has: {_names(table)}")


def _numbers(table: pd.DataFrame, name: str) -> pd.Series[float]:
    numbers = pd.to_numeric(table[name], errors="coerce").astype(np.float64)
    unread = np.flatnonzero(~np.isfinite(numbers) & table[name].notna())
    if unread.size:
        raise InputError(
            f"row {_row(table, unread[0])}, column {name!r}: "
            f"{str(table[name].iloc[unread[0]])!r} is not a number; leave the cell empty where the "
            "value is missing"
        )
    return numbers


def _unit(rows: pd.DataFrame) -> str:
    if "unit" not in rows.columns:
        return ""
    units = rows["unit"].dropna().drop_duplicates()
    if len(units) > 1:
        raise InputError(
            f"{rows['quantity'].iloc[0]} is given in {' and in '.join(map(str, units))}; bring it "
            "to one unit"
        )
    return str(units.iloc[0]) if len(units) else ""


def _row(table: pd.DataFrame, position: np.intp) -> Any:
    """Number of a row in its file where the index says so, else counted from 1."""
    return table.index[int(position)] if table.index.name == "row" else int(position) + 1


def _names(table: pd.DataFrame) -> str:
    return ", ".join(map(str, table.columns))
