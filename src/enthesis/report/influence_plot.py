"""Case statistics side by side: a row per study, a panel per statistic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError
from enthesis.report import rows
from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from enthesis.evidence.influence import Influence

STATISTICS = {
    "rstudent": ("Studentised residual", 0.0),
    "dffits": ("DFFITS", 0.0),
    "cook_d": ("Cook's distance", None),
    "cov_ratio": ("Covariance ratio", 1.0),
    "tau2_deleted": ("τ² without", None),
    "q_deleted": ("Q without", None),
    "hat": ("Hat value", None),
    "weight": ("Weight, %", None),
}
"""Column of the statistics: what it is called, and the value of an unremarkable study."""

PANEL_IN, GAP_IN, ROW_IN = 0.92, 0.14, 0.19
"""Width of a panel, room between panels and height of a row, inches."""


def influence_plot(influence: Influence, *, names: Sequence[str], what: str = "study") -> Figure:
    """What each case does to the model, statistic by statistic.

    Parameters
    ----------
    influence : from `evidence.influence`
    names : of its cases
    what : a case is one of these, for the caption

    Returns
    -------
    Figure with one axes per statistic, in the order of `STATISTICS`; a case that is influential by
    Viechtbauer and Cheung's rules is drawn in another colour and its name is bold.

    Raises
    ------
    InputError : not a name for every case.

    References
    ----------
    Viechtbauer W, Cheung MWL 2010, doi:10.1002/jrsm.11
    """
    table = influence.statistics
    if len(names) != len(table):
        raise InputError(f"{len(table)} cases need {len(table)} names, got {len(names)}")
    marked = table["influential"].to_numpy(dtype=bool)
    name_in = (
        max(rows.text_width(n, bold=bool(m)) for n, m in zip(names, marked, strict=True))
        * rows.HINTING
        / 72
        + 0.12
    )
    margin, above, axis_in = 0.12, 0.36, 0.22
    width = name_in + len(STATISTICS) * (PANEL_IN + GAP_IN) + 2 * margin
    caption = rows.wrap(
        f"{len(table)} cases, each {what} left out in turn; dashed: an unremarkable value, or the "
        f"mean. {int(marked.sum())} influential (DFFITS, Cook's distance, hat value or DFBETAS "
        "beyond the limits of Viechtbauer and Cheung, 2010), in another colour.",
        (width - 2 * margin) * 72,
    )
    below = axis_in + margin + rows.CAPTION_POINTS * len(caption) / 72 + 0.06
    height = above + below + ROW_IN * len(table)
    figure = new_figure(width, height)
    row = np.arange(len(table))
    colours = [VERMILLION if one else BLUE for one in marked]
    for i, (column, (title, usual)) in enumerate(STATISTICS.items()):
        left = (margin + name_in + i * (PANEL_IN + GAP_IN)) / width
        ax = figure.add_axes((left, below / height, PANEL_IN / width, ROW_IN * len(table) / height))
        values = table[column].to_numpy(dtype=float)
        line = float(np.nanmean(values)) if usual is None else usual
        ax.axvline(line, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
        ax.hlines(row, line, values, colors=colours, linewidth=1.0, zorder=2)
        ax.scatter(values, row, s=16, c=colours, linewidths=0, zorder=3).set_gid(column)
        ax.set_ylim(len(table) - 0.5, -0.5)
        ax.set_yticks([])
        ax.margins(x=0.12)
        ax.locator_params(axis="x", nbins=3)
        ax.tick_params(axis="x", labelsize=6, colors=INK, length=2)
        for side in ("left", "right", "top"):
            ax.spines[side].set_visible(False)
        ax.set_title(title, size=6.6, weight="bold", color=INK, pad=5)
    first = figure.axes[0]
    for i, name in enumerate(names):
        first.annotate(
            name,
            (0, i),
            xycoords=first.get_yaxis_transform(),
            xytext=(-name_in * 72, 0),
            textcoords="offset points",
            va="center",
            size=rows.TEXT_POINTS,
            weight="bold" if marked[i] else "normal",
            color=INK,
            annotation_clip=False,
            parse_math=False,
        )
    for i, text in enumerate(caption):
        figure.text(
            margin / width,
            (below - axis_in - margin - i * rows.CAPTION_POINTS / 72) / height,
            text,
            va="top",
            size=rows.SMALL_POINTS,
            color=MUTED,
            parse_math=False,
        )
    return figure
