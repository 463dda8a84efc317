"""One table of studies through the house: effect sizes, pooled by subgroup."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import pandas as pd

from enthesis import evidence
from enthesis.errors import InputError
from enthesis.evidence import Fit, Subgroups

METHODS = ("REML", "DL")
"""Estimators of the heterogeneity that are reported; the first one is drawn."""

EVERYTHING = "all effects"
"""Name of the row that pools the whole table."""

SUMMARY = "summary"
"""Name of the forest plot of all subgroups."""

STUDY = "study"
"""Column that names the study unless another is named; a table may lack it."""

ROW_COLUMNS = (
    "method",
    "k",
    "n_studies",
    "estimate",
    "std_error",
    "ci_lower",
    "ci_upper",
    "p_value",
    "pi_lower",
    "pi_upper",
    "tau2",
    "i2",
    "q",
    "q_df",
    "q_p",
    "reason",
)
"""Columns of the pooled table after those of the subgroups."""

NAMED_ROWS = 5
"""Rows without an effect that a note names; more say no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolResult:
    """What a table of studies gave.

    Parameters
    ----------
    effects : the table with `yi` and `vi`
    measure : the effect size, e.g. "SMD"
    study : the column that names the study
    by : columns that define the subgroups; empty for none
    overall : method → every effect pooled
    cells : method → the subgroups pooled; empty without subgroups
    notes : what a careful reader should know
    """

    effects: pd.DataFrame
    measure: str
    study: str
    by: tuple[str, ...]
    overall: Mapping[str, Fit]
    cells: Mapping[str, Subgroups]
    notes: tuple[str, ...]

    def fits(self, method: str) -> Iterator[tuple[str, Fit]]:
        """Name and fit of every pooled subgroup, then of the whole table."""
        if method in self.cells:
            for key, fit in self.cells[method].fits.items():
                yield cell_name(key), fit
        yield EVERYTHING, self.overall[method]

    def to_frame(self) -> pd.DataFrame:
        """A row per method and subgroup, the whole table last; NaN and a reason where too thin."""
        rows = []
        for method, fit in self.overall.items():
            if method in self.cells:
                cells = self.cells[method]
                for key, size in cells.sizes.items():
                    names = dict(zip(self.by, _levels(key), strict=True))
                    if key in cells.fits:
                        rows.append(names | fit_row(cells.fits[key], method, self.study))
                    else:
                        rows.append(
                            names | {"method": method, "k": size, "reason": cells.skipped[key]}
                        )
            rows.append(dict.fromkeys(self.by, EVERYTHING) | fit_row(fit, method, self.study))
        return pd.DataFrame(rows)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        between = {
            method: {
                "q": cells.q_between,
                "df": cells.q_between_df,
                "p": cells.q_between_p,
            }
            for method, cells in self.cells.items()
        }
        return {
            "measure": self.measure,
            "by": list(self.by),
            "notes": list(self.notes),
            "between_subgroups": between,
            "pooled": self.to_frame().to_dict("records"),
        }


def pool(
    table: pd.DataFrame,
    *,
    measure: str = "SMD",
    by: Sequence[str] = (),
    methods: Sequence[str] = METHODS,
    test: str = "knha",
    min_effects: int = 2,
    study: str = STUDY,
    level: float = 0.95,
) -> PoolResult:
    """Effect sizes of a table and what they amount to, by subgroup and together.

    Parameters
    ----------
    table : a row per comparison with means, SDs and sizes of two groups (m1i, sd1i, n1i, m2i, sd2i,
        n2i), or other columns that `measure` needs, or effects already computed (yi, vi)
    measure : effect size, see `evidence.effect_sizes`; not used where the table has yi and vi
    by : columns that define the subgroups; every combination is pooled on its own
    methods : estimators of the between-study variance
    test : "knha" as the Cochrane Handbook advises, or "z", which is metafor's default
    min_effects : subgroups with fewer effects are named with the reason, not pooled
    study : column that names the study
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : a column is missing, or a value cannot be (named by row and column).
    """
    by = tuple(dict.fromkeys(by))
    _check_columns(table, by, study)
    given = {"yi", "vi"} <= set(table.columns)
    effects = evidence.effect_sizes(table, "GEN" if given else measure)
    return PoolResult(
        effects=effects,
        measure="effect as given" if given else measure,
        study=study,
        by=by,
        overall=MappingProxyType(
            {name: evidence.pool(effects, method=name, test=test, level=level) for name in methods}
        ),
        cells=MappingProxyType(
            {
                name: evidence.subgroups(
                    effects, by, method=name, test=test, min_effects=min_effects, level=level
                )
                for name in methods
            }
            if by
            else {}
        ),
        notes=_notes(effects, by, study),
    )


def cell_name(key: Hashable) -> str:
    """A subgroup's levels in one line."""
    return " · ".join(map(str, _levels(key)))


def _levels(key: Hashable) -> tuple[Hashable, ...]:
    return key if isinstance(key, tuple) else (key,)


def fit_row(fit: Fit, method: str, study: str) -> dict[str, Any]:
    """What a table of pooled effects says of one fit, by the names of `ROW_COLUMNS`."""
    prediction = fit.predict().iloc[0]
    return {
        "method": method,
        "k": fit.k,
        "n_studies": fit.data[study].nunique() if study in fit.data else fit.k,
        "estimate": float(fit.coefficients[0]),
        "std_error": float(fit.std_errors[0]),
        "ci_lower": float(fit.ci_lower[0]),
        "ci_upper": float(fit.ci_upper[0]),
        "p_value": float(fit.p_values[0]),
        "pi_lower": float(prediction["pi_lower"]),
        "pi_upper": float(prediction["pi_upper"]),
        "tau2": fit.tau2,
        "i2": fit.i2,
        "q": fit.q,
        "q_df": fit.q_df,
        "q_p": fit.q_p,
        "reason": "",
    }


def _check_columns(table: pd.DataFrame, by: Sequence[str], study: str) -> None:
    has = f"the table has: {', '.join(map(str, table.columns))}"
    for name in by:
        if name not in table.columns:
            raise InputError(f"there is no column {name!r} to form subgroups by; {has}")
        if name in ROW_COLUMNS:
            raise InputError(
                f"subgroups cannot be formed by a column named {name!r}, for the results have one "
                "of that name; rename it"
            )
        for taken in (EVERYTHING, SUMMARY):
            if (table[name].astype(str) == taken).any():
                raise InputError(
                    f"column {name!r} has a subgroup named {taken!r}, which the results use for "
                    "all of them; rename it"
                )
    if study != STUDY and study not in table.columns:
        raise InputError(f"there is no column {study!r} that names the study; {has}")


def _notes(effects: pd.DataFrame, by: Sequence[str], study: str) -> tuple[str, ...]:
    notes = []
    unusable = effects[["yi", "vi"]].isna().any(axis=1)
    if unusable.any():
        notes.append(
            f"{int(unusable.sum())} of {len(effects)} rows give no effect and were left out, for "
            "want of a number or of spread (an SD of 0): "
            f"row {', '.join(map(str, effects.index[unusable][:NAMED_ROWS]))}"
            f"{' and others' if unusable.sum() > NAMED_ROWS else ''}"
        )
    if by and (nowhere := int(effects[list(by)].isna().any(axis=1).sum())):
        notes.append(
            f"{nowhere} of {len(effects)} rows belong to no subgroup, for {' or '.join(by)} is "
            "missing; they count among all effects only"
        )
    if study in effects and (k := len(effects)) > (n := effects[study].nunique()):
        notes.append(
            f"{k} effects come from {n} studies, but each is pooled as if independent: intervals "
            "are too narrow where a study gives several; evidence.multilevel and evidence.robust "
            "take the dependence into account"
        )
    return tuple(notes)
