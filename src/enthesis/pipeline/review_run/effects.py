"""From the plan's table to effects: sizes, units, allowed values, row names, one direction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from enthesis import evidence, phantom, read, review
from enthesis.errors import InputError
from enthesis.pipeline.extraction import extracted_effects
from enthesis.pipeline.review_run.plan import DataPlan, Plan, RecodePlan, Values
from enthesis.pipeline.review_run.sheet_checks import check_sheet

LABEL = "row_label"
"""Column that names an effect in forest plots."""

GROUP_SIZES = ("n1i", "n2i")
"""Columns by which participants are counted."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effects:
    """The effects of a review.

    Parameters
    ----------
    table : as extracted, with yi, vi and the names of rows; in the plan's order
    turned : the same with the signs of the plan's rows turned; models take this one
    study : column of the studies
    measure : the effect size; "GEN" where the table has effects already
    simulated : no row was observed
    notes : what a careful reader should know
    """

    table: pd.DataFrame
    turned: pd.DataFrame
    study: str
    measure: str
    simulated: bool
    notes: tuple[str, ...]


def prepare(plan: Plan) -> Effects:
    """The plan's table, read, checked and turned into effects.

    Raises
    ------
    InputError : a file, a column or a value that the plan names is not there, or the table has a
        value that the plan does not allow; the key of the plan is named.
    """
    raw, simulated = _raw(plan.data)
    _require(raw, plan.data.study, "data.study")
    for name in plan.data.label:
        if not simulated or name in raw.columns:
            _require(raw, name, "data.label")
    for name, recode in plan.recode.items():
        _require(raw, recode.column, f"recode.{name}.column")
        raw = raw.assign(**{name: _recoded(raw[recode.column], recode)})
    check_sheet(raw, plan)
    # An extraction sheet's effects are turned already; the plan says itself which are to be.
    if {"yi", "yi_as_extracted"} <= set(raw.columns):
        raw = raw.assign(yi=raw["yi_as_extracted"]).drop(columns=["yi_as_extracted", "reversed"])
    given = {"yi", "vi"} <= set(raw.columns) and not plan.effect.columns
    measure = "GEN" if given else plan.effect.measure
    for key, name in plan.effect.columns.items():
        _require(raw, name, f"effect.columns.{key}")
    try:
        table = evidence.effect_sizes(raw, measure, **plan.effect.columns)  # type: ignore[arg-type]
    except TypeError as error:
        raise InputError(
            f"the plan's effect.columns names a column that no effect size has: {error}"
        ) from error
    for name, (column, per) in plan.rescale.items():
        _require(table, column, f"rescale.{name}.column")
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise InputError(f"the plan's rescale.{name}.column {column!r} does not hold numbers")
        table[name] = table[column] / per
    for name, values in plan.levels.items():
        if name in table.columns:
            table[name] = pd.Categorical(table[name], categories=list(values))
    table[LABEL] = _labels(table, plan)
    if plan.data.order:
        _require(table, plan.data.order, "data.order")
        table = table.sort_values(plan.data.order, kind="stable")
    notes = []
    if unusable := int(table[["yi", "vi"]].isna().any(axis=1).sum()):
        notes.append(f"{unusable} of {len(table)} rows have no effect, for want of a number")
        table = table[table[["yi", "vi"]].notna().all(axis=1)]
    if table.empty:
        raise InputError("no row of the table has an effect; give means, SDs and sizes, or yi, vi")
    reverse = _any_of(table, plan.effect.reverse, "effect.reverse")
    turned = evidence.harmonise_direction(table, reverse=reverse.tolist())
    return Effects(
        table=table,
        turned=turned,
        study=plan.data.study,
        measure=measure,
        simulated=simulated or _says_simulated(raw),
        notes=tuple(notes),
    )


def _raw(data: DataPlan) -> tuple[pd.DataFrame, bool]:
    """The plan's table, as it stands or made from a sheet; and whether it is the simulated one."""
    if data.extraction is not None:
        sheet = data.extraction
        effects = extracted_effects(
            review.read_extraction(sheet.sheet),
            side_correlation=sheet.side_correlation,
            reconstruct=sheet.reconstruct,
        )
        # The plan says itself which measure it takes and which effects it turns.
        return effects.drop(columns=["yi", "vi", "yi_as_extracted", "reversed"]), False
    if data.table is not None:
        return read.spreadsheet(data.table), False
    return phantom.simulated_studies(), True


def chosen(table: pd.DataFrame, where: Values, key: str) -> pd.DataFrame:
    """Rows whose values are among those listed, for every column listed.

    Raises
    ------
    InputError : no such column, or no such row; the key of the plan is named.
    """
    kept = np.ones(len(table), dtype=bool)
    for name, values in where.items():
        _require(table, name, f"{key}.{name}")
        kept &= table[name].astype("string").isin(values).to_numpy()
    if not kept.any():
        wanted = "; ".join(f"{name}: {', '.join(values)}" for name, values in where.items())
        raise InputError(f"the plan's {key} leaves no rows ({wanted})")
    return table[kept]


def participants(table: pd.DataFrame, study: str) -> int | None:
    """People behind some effects, each study's largest group sizes counted once; None if unknown.

    Samples of one study (a column `sample`) are other people and are added.
    """
    if not set(GROUP_SIZES) <= set(table.columns):
        return None
    by = [study, *(["sample"] if "sample" in table.columns else [])]
    total = table[list(GROUP_SIZES)].sum(axis=1, skipna=False)
    return int(total.groupby([table[name] for name in by], sort=False).max().sum())


def _recoded(column: pd.Series[Any], recode: RecodePlan) -> pd.Series[Any]:
    """Each value by what stands for it, else by the word for all others, else by itself."""
    stands = {value: name for name, many in recode.stands_for.items() for value in many}
    words = column.astype("string")
    return words.map(lambda word: stands.get(word, recode.others or word), na_action="ignore")


def _any_of(table: pd.DataFrame, values: Values, key: str) -> pd.Series[bool]:
    found = pd.Series(data=False, index=table.index)
    for name, listed in values.items():
        _require(table, name, f"{key}.{name}")
        found |= table[name].astype("string").isin(listed)
    return found


def _labels(table: pd.DataFrame, plan: Plan) -> list[str]:
    """The study, and in brackets what tells its samples apart where it has several."""
    first, *others = [name for name in plan.data.label if name in table.columns]
    names = table[first].astype(str)
    for other in others:
        several = table.groupby(plan.data.study)[other].transform("nunique") > 1
        names = names.where(~several, names + " (" + table[other].astype(str) + ")")
    return names.tolist()


def _require(table: pd.DataFrame, name: str, key: str) -> None:
    if name not in table.columns:
        raise InputError(
            f"the plan's {key} names {name!r}, but the table has no such column; it has "
            f"{', '.join(map(str, table.columns))}"
        )


def _says_simulated(table: pd.DataFrame) -> bool:
    return "data" in table.columns and bool((table["data"] == "simulated").any())
