"""The summary forest plot: one row per pooled subgroup, under headings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.report import marks, rows
from enthesis.report.figures import MUTED, VERMILLION
from enthesis.report.marks import Bars
from enthesis.report.rows import Column, digits_by_row, interval, number, p_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ("k", "estimate", "ci_lower", "ci_upper")
"""What the table of subgroups cannot do without."""


NUMBERS = {"i2": ("I², %", 0), "tau2": ("τ²", 2)}
"""Columns printed where the table has them: header and decimals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """One line of the plot: a heading, or a cell of the table with its values."""

    text: str
    cell: dict[str, Any] | None = None

    @property
    def pooled(self) -> bool:
        return self.cell is not None and bool(np.isfinite(self.cell["estimate"]))


def summary_forest(
    table: pd.DataFrame,
    *,
    xlabel: str,
    label: str = "label",
    heading: str | None = None,
    label_header: str = "",
    method: str = "",
    level: float = 0.95,
    directions: tuple[str, str] | None = None,
    null: float = 0.0,
    xlim: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One row per pooled subgroup, under headings, with its heterogeneity.

    Parameters
    ----------
    table : a row per cell with k, estimate, ci_lower, ci_upper, and where known n_studies, i2
        (percent), tau2, q, q_df, q_p; an estimate of NaN is a cell too thin to pool, whose
        `reason` is printed in its place. `Subgroups.to_frame()` is such a table
    xlabel : name and unit of the effect
    label : column, or level of the index, that names the rows
    heading : the same, whose values group the rows in order of first appearance
    label_header : what the labels are
    method : estimator, for the caption
    level : confidence level of the table's bounds
    directions, null, xlim, ax : as in `forest`

    Returns
    -------
    Axes; the artists' gids are "intervals" and "pooled".

    Raises
    ------
    InputError : a column is missing or the table is empty.
    """
    if table.index.names != [None]:
        table = table.reset_index()
    wanted = [label, *COLUMNS, *([heading] if heading else [])]
    missing = [name for name in wanted if name not in table.columns]
    if missing:
        raise InputError(f"the summary table has no column {missing[0]!r}; it needs {wanted}")
    if table.empty:
        raise InputError("the summary table has no rows; pool at least one subgroup")
    lines = _lines(table, label, heading)
    columns, bold = _columns(lines, list(table.columns), label_header, level)
    caption = rows.wrap(_caption(lines, method, level), rows.points_across(columns, bold))
    below = marks.room_below(directions)
    ax = rows.row_axes(columns, bold=bold, caption=caption, below_points=below, ax=ax)
    pooled = [(y, line.cell) for y, line in enumerate(lines) if line.cell and line.pooled]
    bars = Bars(
        row=np.array([y for y, _ in pooled], dtype=np.intp),
        middle=np.array([float(cell["estimate"]) for _, cell in pooled]),
        lower=np.array([float(cell["ci_lower"]) for _, cell in pooled]),
        upper=np.array([float(cell["ci_upper"]) for _, cell in pooled]),
    )
    ends = xlim or marks.limits(bars, [null])
    marks.axis(ax, ends, xlabel=xlabel, null=null, directions=directions)
    marks.intervals(ax, bars, color=VERMILLION)
    marks.diamonds(ax, bars)
    room = rows.points_across([c for c in columns if c.side == "right"], bold)
    _write_reasons(ax, lines, room)
    return ax


def _lines(table: pd.DataFrame, label: str, heading: str | None) -> list[_Line]:
    cells = [
        {str(name): value for name, value in cell.items()} for cell in table.to_dict("records")
    ]
    if heading is None:
        return [_Line(text=str(cell[label]), cell=cell) for cell in cells]
    lines = []
    for name in dict.fromkeys(str(cell[heading]) for cell in cells):
        lines.append(_Line(text=name))
        lines += [
            _Line(text=f"   {cell[label]}", cell=cell)
            for cell in cells
            if str(cell[heading]) == name
        ]
    return lines


def _columns(
    lines: list[_Line], known: list[str], label_header: str, level: float
) -> tuple[list[Column], frozenset[int]]:
    """The columns of text, and which lines are printed bold."""
    cells = [line.cell or {} for line in lines]
    pooled = [cell if line.pooled else {} for line, cell in zip(lines, cells, strict=True)]

    def counts(name: str) -> list[str]:
        return [number(cell[name], 0) if cell else "" for cell in cells]

    widths = [cell["ci_upper"] - cell["ci_lower"] if cell else np.nan for cell in pooled]
    effects = [
        interval(cell["estimate"], cell["ci_lower"], cell["ci_upper"], digits) if cell else ""
        for cell, digits in zip(pooled, digits_by_row(widths), strict=True)
    ]
    columns = [
        Column(header=label_header, cells=[x.text for x in lines], align="left", side="left"),
        Column(header="k", cells=counts("k"), side="left"),
        Column(header=f"Effect [{100 * level:g}% CI]", cells=effects),
    ]
    if "n_studies" in known:
        columns.insert(2, Column(header="Studies", cells=counts("n_studies"), side="left"))
    for name, (header, decimals) in NUMBERS.items():
        if name in known:
            texts = [number(cell[name], decimals) if cell else "" for cell in pooled]
            columns.append(Column(header=header, cells=texts))
    if {"q", "q_df"} <= set(known):
        texts = [f"{number(cell['q'])} ({cell['q_df']:.0f})" if cell else "" for cell in pooled]
        columns.append(Column(header="Q (df)", cells=texts))
    if "q_p" in known:
        texts = [p_cell(cell["q_p"]) if cell else "" for cell in pooled]
        columns.append(Column(header="p (Q)", cells=texts))
    return columns, frozenset(y for y, line in enumerate(lines) if line.cell is None)


def _caption(lines: list[_Line], method: str, level: float) -> str:
    cells = [line.cell for line in lines if line.cell]
    pooled = [line.cell for line in lines if line.cell and line.pooled]
    how = f" ({method})" if method else ""
    text = (
        f"Diamonds: pooled effects{how} with {100 * level:g}% CI; "
        f"{sum(int(cell['k']) for cell in pooled)} effects in {len(pooled)} "
        f"{'subgroup' if len(pooled) == 1 else 'subgroups'}"
    )
    if thin := len(cells) - len(pooled):
        text += f"; {thin} not pooled"
    text += ". k: number of effects"
    return text + ("; p (Q): test of heterogeneity." if "q_p" in cells[0] else ".")


def _write_reasons(ax: Axes, lines: list[_Line], room_points: float) -> None:
    """Why a cell was not pooled, in the place of its diamond and its numbers."""
    for y, line in enumerate(lines):
        if line.cell is None or line.pooled:
            continue
        reason = line.cell.get("reason")
        text = f"not pooled: {reason}" if isinstance(reason, str) and reason else "not pooled"
        shown, *rest = rows.wrap(text, room_points)
        if rest:
            shown += " …"
        ax.annotate(
            shown,
            (0, y),
            xycoords=ax.get_yaxis_transform(),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            size=rows.SMALL_POINTS,
            style="italic",
            color=MUTED,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
            annotation_clip=False,
            parse_math=False,
        )
