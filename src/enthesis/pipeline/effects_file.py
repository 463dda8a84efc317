"""A new cohort joins a table of studies: whole and once, or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd

from enthesis import evidence, read
from enthesis.errors import InputError

ALWAYS = ("study", "outcome", "comparison")
"""Two rows that agree in these are of one effect, unless they are told apart by the others."""

APART = ("muscle", "side", "level")
"""Columns that tell rows apart where both rows fill them."""

SAME_AS = {
    "csa": "area",
    "cross-sectional area": "area",
    "fi": "fat infiltration",
    "fatty infiltration": "fat infiltration",
}
"""What the literature calls quantities of ours."""

MEANS = ("m1i", "sd1i", "n1i", "m2i", "sd2i", "n2i")

NEAR = 0.05
"""Printed effects are within this, absolute and relative, of those computed from their means."""


def effect_rows(rows: list[dict[str, object]], *, measure: str) -> pd.DataFrame:
    """Rows of a cohort with their effect sizes `yi` and variances `vi`.

    Parameters
    ----------
    rows : of `OutcomeGroups.to_effect_rows`
    measure : effect size, see `evidence.effect_sizes`
    """
    return evidence.effect_sizes(pd.DataFrame(rows), measure)


def joined(path: Path, rows: pd.DataFrame, *, measure: str) -> pd.DataFrame:
    """The table of studies with these rows below its own, every cell as text.

    Parameters
    ----------
    path : CSV or TSV file; a new table if nothing is there
    rows : of `effect_rows`
    measure : their effect size

    Raises
    ------
    InputError : the table cannot take the rows: no study column, effects of another measure, or an
        effect that is there already (named).
    """
    _refuse_own_doubles(rows)
    new = rows.map(_text)
    if not path.exists():
        return new
    table = read.table(path)
    missing = [name for name in ALWAYS if name not in table.columns]
    if missing:
        raise InputError(
            f"{path.name!r} has no column {missing[0]!r}, so a study that is there already could "
            f"not be told; it needs {', '.join(ALWAYS)}"
        )
    has_effects = {"yi", "vi"} <= set(table.columns)
    has_means = set(MEANS) <= set(table.columns)
    if not (has_effects or has_means):
        raise InputError(
            f"{path.name!r} has neither effects (yi, vi) nor means ({', '.join(MEANS)}); name a "
            "table of studies"
        )
    if has_effects and has_means:
        _refuse_other_measure(path, table, measure)
    _refuse_doubles(path, table, rows)
    new = _spelt_alike(new, table)
    # Effects in some rows only would look like missing ones; group names repeat the comparison.
    spare = [name for name in ("group1", "group2") if name not in table.columns]
    kept = new.drop(columns=spare if has_effects else [*spare, "yi", "vi"])
    old = pd.read_csv(
        path, sep=_delimiter(path), dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    old.columns = old.columns.str.strip()
    return pd.concat([old, kept]).fillna("")


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table of studies, whole or not at all.

    Parameters
    ----------
    table : of `joined`
    path : CSV or TSV file, in its own way of parting cells if it is there

    Raises
    ------
    InputError : it cannot be written; what stood there stays.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        table.to_csv(partial, sep=_delimiter(path), index=False, lineterminator="\n")
        partial.replace(path)
    except OSError as error:
        raise InputError(
            f"cannot write {path.name!r}: {error.strerror}; choose another place"
        ) from error
    finally:
        partial.unlink(missing_ok=True)


def _refuse_own_doubles(rows: pd.DataFrame) -> None:
    keys = [name for name in (*ALWAYS, *APART) if name in rows.columns]
    doubled = rows[rows.duplicated(keys)]
    if len(doubled):
        first = doubled.iloc[0]
        raise InputError(
            f"{first['outcome']} gives {first['comparison']} more than once, by different "
            "methods or for different muscles; choose outcomes, or one method, to append"
        )


def _refuse_doubles(path: Path, table: pd.DataFrame, rows: pd.DataFrame) -> None:
    old = {name: _plain(table[name]) for name in (*ALWAYS, *APART) if name in table.columns}
    for _, row in rows.iterrows():
        same = np.ones(len(table), dtype=bool)
        for name in old:
            wanted = _folded(row.get(name, ""))
            alike = old[name] == wanted
            if name in APART:
                alike |= (old[name] == "") | (wanted == "")
            same &= alike
        if same.any():
            what = " · ".join(str(row[name]) for name in (*ALWAYS, "muscle") if row[name])
            raise InputError(
                f"{path.name!r} has {what} already, in row {table.index[same][0]}; remove that row "
                "to replace it, or name the study otherwise"
            )


def _refuse_other_measure(path: Path, table: pd.DataFrame, measure: str) -> None:
    """Refuse a table whose effects are mostly not what its means give by this measure."""
    own = evidence.effect_sizes(table[list(MEANS)], measure)["yi"].to_numpy(dtype=float)
    there = pd.to_numeric(table["yi"], errors="coerce").to_numpy(dtype=float)
    both = np.isfinite(own) & np.isfinite(there)
    off = np.abs(own - there)[both] > NEAR * (1 + np.abs(own[both]))
    if off.mean() > 0.5 if both.any() else False:
        place = int(np.flatnonzero(both)[np.argmax(off)])
        raise InputError(
            f"the effects of {path.name!r} are not {measure}: row {table.index[place]} has yi = "
            f"{there[place]:g} where its means give {own[place]:.3g}; choose the table's --measure"
        )


def _spelt_alike(new: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """New names as the table spells them, for area and CSA would be pooled as two things."""
    spelt = new.copy()
    for name in ("outcome", "muscle", "comparison"):
        if name in table.columns:
            known = {_folded(cell): _text(cell) for cell in table[name]}
            spelt[name] = [known.get(_folded(cell), cell) for cell in spelt[name]]
    return spelt


def _delimiter(path: Path) -> str:
    if path.suffix.lower() in {".tsv", ".tab"}:
        return "\t"
    if not path.exists():
        return ","
    with path.open(encoding="utf-8-sig") as stream:
        return max(",;\t", key=stream.readline().count)


def _plain(column: pd.Series[str]) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return column.map(_folded).to_numpy(dtype=object)


def _folded(cell: object) -> str:
    """A name by which the same thing is known, however it is written."""
    words = _text(cell).strip().casefold().replace("_", " ")
    return SAME_AS.get(words, words)


def _text(cell: object) -> str:
    if cell is None or (isinstance(cell, float) and np.isnan(cell)):
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return str(cell)
