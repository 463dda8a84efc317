"""A pooled effect for every cell of a stratified analysis, and whether the cells differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import EnthesisError, InputError
from enthesis.evidence.design import build
from enthesis.evidence.pool import pool
from enthesis.evidence.printing import columns, number, p_phrase, p_text
from enthesis.evidence.tails import chi2_p

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

    from enthesis.evidence.fit import Fit

SHOWN = ("estimate", "ci_lower", "ci_upper", "p_value", "tau2", "i2", "q", "q_p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgroups:
    """Pooled effects by cell.

    Parameters
    ----------
    by : the columns that define the cells
    fits : one model per cell that could be pooled; the key is the level, or a tuple of levels
    skipped : the other cells, with the reason
    sizes : usable effects of every cell, in sorted order
    q_between, q_between_df, q_between_p : heterogeneity of the cells' estimates, each cell with
        its own tau²; NaN with fewer than two cells
    method, test, level : as asked
    notes : what a careful reader should know
    """

    by: tuple[str, ...]
    fits: Mapping[Hashable, Fit]
    skipped: Mapping[Hashable, str]
    sizes: Mapping[Hashable, int]
    q_between: float
    q_between_df: int
    q_between_p: float
    method: str
    test: str
    level: float
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row per cell in sorted order; cells too thin to pool have NaN and a reason."""
        rows = [self._row(key) for key in self.sizes]
        table = pd.DataFrame(rows)
        return table.set_index(list(self.by))

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON."""
        return {
            "by": list(self.by),
            "cells": [
                {**dict(zip(self.by, _levels(key), strict=True)), **self.fits[key].to_dict()}
                for key in self.fits
            ],
            "skipped": [
                {**dict(zip(self.by, _levels(key), strict=True)), "reason": reason}
                for key, reason in self.skipped.items()
            ],
            "q_between": self.q_between if np.isfinite(self.q_between) else None,
            "q_between_df": self.q_between_df,
            "q_between_p": self.q_between_p if np.isfinite(self.q_between_p) else None,
            "method": self.method,
            "test": self.test,
            "level": self.level,
            "notes": list(self.notes),
        }

    def summary(self) -> str:
        """The table as text, with the test between cells and the cells left out."""
        rows = []
        for key, fit in self.fits.items():
            values = self._row(key)
            cells = [number(values[name]) for name in SHOWN]
            cells[SHOWN.index("p_value")] = p_text(values["p_value"])
            cells[SHOWN.index("i2")] = f"{number(values['i2'], 1)}%"
            cells[SHOWN.index("q_p")] = p_text(values["q_p"])
            rows.append((_label(key), str(fit.k), *cells))
        header = ("", "k", "estimate", "ci.lb", "ci.ub", "pval", "tau^2", "I^2", "Q", "Q pval")
        blocks = [f"Subgroups by {' × '.join(self.by)} ({self.method})", columns(header, rows)]
        if np.isfinite(self.q_between):
            blocks.append(
                "Test for Subgroup Differences:\n"
                f"Q(df = {self.q_between_df}) = {number(self.q_between)}, "
                f"{p_phrase(self.q_between_p)}"
            )
        if self.skipped:
            lines = [f"{_label(key)}: {reason}" for key, reason in self.skipped.items()]
            blocks.append("Not pooled:\n" + "\n".join(lines))
        blocks += [f"Note: {note}" for note in self.notes]
        return "\n\n".join(blocks)

    def _row(self, key: Hashable) -> dict[str, Any]:
        row: dict[str, Any] = dict(zip(self.by, _levels(key), strict=True))
        row["k"] = self.sizes[key]
        fit = self.fits.get(key)
        if fit is None:
            return {**row, "reason": self.skipped[key]}
        return {
            **row,
            "estimate": float(fit.coefficients[0]),
            "std_error": float(fit.std_errors[0]),
            "ci_lower": float(fit.ci_lower[0]),
            "ci_upper": float(fit.ci_upper[0]),
            "p_value": float(fit.p_values[0]),
            "tau2": fit.tau2,
            "i2": fit.i2,
            "q": fit.q,
            "q_df": fit.q_df,
            "q_p": fit.q_p,
            "reason": "",
        }


def subgroups(
    effects: pd.DataFrame,
    by: str | Sequence[str],
    *,
    method: str = "DL",
    min_effects: int = 2,
    test: str = "z",
    level: float = 0.95,
    yi: str = "yi",
    vi: str = "vi",
) -> Subgroups:
    """Pool each cell on its own and compare the cells.

    Parameters
    ----------
    effects : a row per effect
    by : column or columns; a cell for every combination that occurs
    method : estimator of each cell's own tau²; DerSimonian and Laird's is the one most stratified
        analyses report
    min_effects : cells with fewer usable effects are named, not pooled; at least 2
    test : "z" by default, for on two or three effects Knapp and Hartung's t has hardly any power;
        any test of `pool`
    level : confidence level, 0 to 1
    yi, vi : columns of the effects and of their sampling variances

    Raises
    ------
    InputError : an unknown column, no cell large enough, or an unusable table.

    References
    ----------
    Borenstein M, Higgins JPT 2013, doi:10.1007/s11121-013-0377-7
    """
    names = (by,) if isinstance(by, str) else tuple(by)
    if not names:
        raise InputError("by must name the column or columns that define the cells; got none")
    for name in (*names, yi, vi):
        if name not in effects.columns:
            raise InputError(f"the table has no column {name!r}; it has {list(effects.columns)}")
    if min_effects < 2:
        raise InputError(f"min_effects must be 2 or more, to pool anything; got {min_effects}")
    # A number that no cell could use stops the table, its row named; what one cell alone cannot
    # answer is that cell's.
    build(effects, None, yi=yi, vi=vi)
    fits: dict[Hashable, Fit] = {}
    skipped: dict[Hashable, str] = {}
    sizes: dict[Hashable, int] = {}
    refusal: EnthesisError | None = None
    for levels, cell in effects.groupby(list(names), sort=True, observed=True):
        key: Hashable = levels if len(names) > 1 else levels[0]
        usable = cell.loc[cell[[yi, vi]].notna().all(axis=1)]
        sizes[key] = len(usable)
        if len(usable) < min_effects:
            plural = "effect" if len(usable) == 1 else "effects"
            skipped[key] = f"{len(usable)} {plural}, fewer than the {min_effects} asked for"
            continue
        try:
            fits[key] = pool(usable, method=method, test=test, level=level, yi=yi, vi=vi)
        except EnthesisError as error:
            refusal = error
            skipped[key] = str(error)
    if not fits:
        if refusal is not None:
            raise refusal
        largest = max(sizes.values(), default=0)
        raise InputError(
            f"no cell of {' × '.join(names)} has {min_effects} usable effects (the largest has "
            f"{largest}); define fewer cells or lower min_effects"
        )
    q, df = _between(list(fits.values()))
    return Subgroups(
        by=names,
        fits=fits,
        skipped=skipped,
        sizes=sizes,
        q_between=q,
        q_between_df=df,
        q_between_p=chi2_p(q, df) if df else float("nan"),
        method=method,
        test=test,
        level=level,
        notes=_notes(effects, names, yi, vi),
    )


def _between(fits: Sequence[Fit]) -> tuple[float, int]:
    """Cochran's Q of the cells' estimates around their inverse-variance mean."""
    if len(fits) < 2:
        return float("nan"), 0
    estimates = np.array([fit.coefficients[0] for fit in fits])
    weights = np.array([1.0 / fit.covariance[0, 0] for fit in fits])
    mean = weights @ estimates / weights.sum()
    return float(weights @ (estimates - mean) ** 2), len(fits) - 1


def _notes(effects: pd.DataFrame, names: tuple[str, ...], yi: str, vi: str) -> tuple[str, ...]:
    nowhere = int(effects[list(names)].isna().any(axis=1).sum())
    unusable = int(effects[[yi, vi]].isna().any(axis=1).sum())
    notes = []
    if nowhere:
        notes.append(f"{nowhere} of {len(effects)} rows belong to no cell: {names} is missing")
    if unusable:
        notes.append(f"{unusable} of {len(effects)} rows have no {yi} or {vi}")
    return tuple(notes)


def _levels(key: Hashable) -> tuple[Any, ...]:
    return key if isinstance(key, tuple) else (key,)


def _label(key: Hashable) -> str:
    return " × ".join(str(level) for level in _levels(key))
