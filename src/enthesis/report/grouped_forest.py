"""The forest plot with subgroups: every study under its group, a diamond for each group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from enthesis.errors import InputError
from enthesis.report import marks, rows
from enthesis.report.figures import MUTED
from enthesis.report.marks import Bars
from enthesis.report.rows import Column, digits_by_row, interval, number, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """The studies of one subgroup.

    Parameters
    ----------
    title : its heading
    labels : k row names
    effects, variances : (k,)
    fit : what they amount to; None where they are too few to pool
    reason : why they are not pooled
    """

    title: str
    labels: Sequence[str]
    effects: Floats
    variances: Floats
    fit: Fit | None
    reason: str = ""


@dataclass(slots=True, kw_only=True)
class _Lines:
    """The plot row by row as it is laid out."""

    names: list[str]
    texts: list[str]
    weights: list[str]
    bold: set[int]
    small: dict[int, str]
    own: list[tuple[int, float, float, float]]
    pooled: list[tuple[int, float, float, float]]

    def add(self, name: str, text: str = "", weight: str = "", *, bold: bool = False) -> int:
        row = len(self.names)
        self.names.append(name)
        self.texts.append(text)
        self.weights.append(weight)
        if bold:
            self.bold.add(row)
        return row


def grouped_forest(
    groups: Sequence[Group],
    *,
    xlabel: str,
    level: float = 0.95,
    directions: tuple[str, str] | None = None,
    null: float = 0.0,
    xlim: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Every effect under the heading of its group, each group with its own pooled effect.

    Parameters
    ----------
    groups : in order; a group without effects is left out
    xlabel : name and unit of the effect
    level : confidence level of single effects
    directions, null, xlim, ax : as in `forest`

    Returns
    -------
    Axes; the artists' gids are "intervals", "effects" and "pooled".

    Raises
    ------
    InputError : no group has an effect.

    Notes
    -----
    Weights are percent within a group; squares cover areas in proportion to them, the largest of
    every group alike.
    """
    filled = [group for group in groups if len(group.effects)]
    if not filled:
        raise InputError("a forest plot wants at least one group with effects; these have none")
    lines = _laid_out(filled, level)
    columns = [
        Column(header="Study", cells=lines.names, align="left", side="left"),
        Column(header=f"Effect [{100 * level:g}% CI]", cells=lines.texts),
        Column(header="Weight, %", cells=lines.weights),
    ]
    bold = frozenset(lines.bold)
    caption = rows.wrap(_caption(filled, level), rows.points_across(columns, bold))
    below = marks.room_below(directions)
    ax = rows.row_axes(columns, bold=bold, caption=caption, below_points=below, ax=ax)
    own, pooled = (_bars(found) for found in (lines.own, lines.pooled))
    ends = xlim or marks.limits(own, [null, *pooled.lower, *pooled.upper])
    marks.axis(ax, ends, xlabel=xlabel, null=null, directions=directions)
    marks.intervals(ax, own)
    shares = [_shares(group) for group in filled]
    marks.squares(ax, own, np.concatenate([one / one.max() for one in shares]))
    marks.diamonds(ax, pooled)
    left = columns[0].width(bold) + rows.GAP_POINTS
    for row, text in lines.small.items():
        ax.annotate(
            text,
            (0, row),
            xycoords=ax.get_yaxis_transform(),
            xytext=(-left + 8, 0),
            textcoords="offset points",
            va="center",
            size=rows.SMALL_POINTS,
            color=MUTED,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
            annotation_clip=False,
            parse_math=False,
            zorder=6,
        )
    return ax


def _laid_out(groups: Sequence[Group], level: float) -> _Lines:
    lines = _Lines(names=[], texts=[], weights=[], bold=set(), small={}, own=[], pooled=[])
    reach = float(ndtri((1 + level) / 2))
    for i, group in enumerate(groups):
        if i:
            lines.add("")
        lines.add(group.title, bold=True)
        half = reach * np.sqrt(group.variances)
        shares = _shares(group)
        digits = digits_by_row(2 * half)
        for j, name in enumerate(group.labels):
            effect = float(group.effects[j])
            bounds = (effect, effect - float(half[j]), effect + float(half[j]))
            weight = "" if group.fit is None else number(float(shares[j]), 1)
            lines.own.append(
                (lines.add(f"   {name}", interval(*bounds, digits[j]), weight), *bounds)
            )
        if group.fit is None:
            lines.small[lines.add("")] = (
                f"Not pooled: {group.reason}" if group.reason else ("Not pooled")
            )
            continue
        pooled: pd.Series[Any] = group.fit.predict().iloc[0]
        middle, low, high = (float(pooled[x]) for x in ("estimate", "ci_lower", "ci_upper"))
        title = f"   {group.fit.model} ({group.fit.method})"
        row = lines.add(title, interval(middle, low, high, max(digits)), "100.0", bold=True)
        lines.pooled.append((row, middle, low, high))
        lines.small[lines.add("")] = _heterogeneity(group.fit)
    return lines


def _heterogeneity(fit: Fit) -> str:
    parts = [f"Q({fit.q_df}) = {number(fit.q)}, p {p_value(fit.q_p)}"] if fit.q_df else []
    if np.isfinite(fit.i2):
        parts.append(f"I² = {number(fit.i2, 0)}%")
    if fit.components:
        parts.append(f"τ² = {number(fit.tau2)}")
    parts.append(f"effect: p {p_value(float(fit.p_values[0]))}")
    return "; ".join(parts)


def _shares(group: Group) -> Floats:
    """Each effect's weight within its group, percent; by its own variance if it is not pooled."""
    weights = 1 / group.variances
    if group.fit is not None:
        weights = (
            group.fit.marginal.solve(np.ones(group.fit.k))
            if group.fit.weights is None
            else group.fit.weights
        )
    shares: Floats = 100 * weights / weights.sum()
    return shares


def _bars(found: list[tuple[int, float, float, float]]) -> Bars:
    table = np.array(found, dtype=float).reshape(-1, 4)
    return Bars(
        row=table[:, 0].astype(np.intp), middle=table[:, 1], lower=table[:, 2], upper=table[:, 3]
    )


def _caption(groups: Sequence[Group], level: float) -> str:
    pooled = sum(group.fit is not None for group in groups)
    effects = sum(len(group.effects) for group in groups)
    return (
        f"{effects} {'effect' if effects == 1 else 'effects'} in {len(groups)} "
        f"{'group' if len(groups) == 1 else 'groups'}, {pooled} pooled. Squares: area in "
        f"proportion to the weight within the group; lines: {100 * level:g}% CI; "
        f"diamonds: pooled effects with {100 * level:g}% CI."
    )
