"""The contour-enhanced funnel plot: effects against their precision, and where p-values lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from scipy.special import ndtri

from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION
from enthesis.report.panels import POINT_PT, name_points, panel
from enthesis.report.rows import SMALL_POINTS, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.evidence.aggregate import Funnel

CONTOURS = ((0.01, 0.05, "#e2e6eb"), (0.05, 0.10, "#c6ccd4"))
"""Two-sided p from, to, and colour of each band; Peters et al. 2008,
doi:10.1016/j.jclinepi.2007.11.010."""

SIGNIFICANT = "#f4f5f7"
"""Beyond the outermost band."""

NAMED = 8
"""At most so many points outside the funnel are named."""


def funnel(
    data: Funnel,
    *,
    xlabel: str,
    names: Sequence[str] = (),
    filled: pd.DataFrame | None = None,
    what: str = "effects",
    null: float = 0.0,
    level: float = 0.95,
    ax: Axes | None = None,
) -> Axes:
    """Effects against their standard errors, over bands of significance.

    Parameters
    ----------
    data : from `evidence.funnel_data`
    xlabel : name and unit of the effect
    names : of the points; those outside the pseudo confidence region are written, if they are few
    filled : imputed effects, with columns yi and vi, drawn hollow
    what : a point is one of these, for the caption
    null : effect that means no difference, from which p-values are counted
    level : of the pseudo confidence region; one of those in `data`
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "points", "filled", "region" and "centre".
    """
    x, se = data.points["effect"].to_numpy(), data.points["std_error"].to_numpy()
    caption = (
        f"{len(x)} {what}. Dashed: pooled effect {number(data.centre)} and its pseudo "
        f"{100 * level:g}% confidence region. Shades: two-sided p of a single point against "
        f"{number(null, 0)}."
    )
    if filled is not None and len(filled):
        caption += f" Hollow: {len(filled)} imputed by trim and fill."
    ax = panel(
        3.9, 3.1, xlabel=xlabel, ylabel="Standard error", caption=caption, right_points=86, ax=ax
    )
    others = np.sqrt(filled["vi"].to_numpy()) if filled is not None else np.array([])
    deepest = 1.06 * float(np.concatenate([se, others]).max())
    region = data.regions[np.isclose(data.regions["level"], level)]
    shown = [x, region["lower"], region["upper"], [null, data.centre]]
    if filled is not None:
        shown.append(filled["yi"])
    values = np.concatenate([np.asarray(one, dtype=float) for one in shown])
    edge = 0.05 * (values.max() - values.min())
    ax.set_xlim(values.min() - edge, values.max() + edge)
    ax.set_ylim(deepest, 0)
    _bands(ax, null, deepest)
    ax.axvline(null, color=INK, linewidth=0.8, zorder=2)
    ax.axvline(
        data.centre, color=VERMILLION, linewidth=1.0, linestyle=(0, (4, 3)), zorder=2
    ).set_gid("centre")
    for side in ("lower", "upper"):
        ax.plot(
            region[side],
            region["std_error"],
            color=VERMILLION,
            linewidth=1.0,
            linestyle=(0, (4, 3)),
            zorder=2,
        )[0].set_gid("region")
    ax.scatter(
        x, se, s=POINT_PT, color=BLUE, edgecolors="white", linewidths=0.5, alpha=0.9, zorder=4
    ).set_gid("points")
    if filled is not None and len(filled):
        ax.scatter(
            filled["yi"], others, s=POINT_PT, facecolors="white", edgecolors=BLUE, zorder=4
        ).set_gid("filled")
    reach = float(ndtri(0.5 + level / 2))
    outside = np.flatnonzero(np.abs(x - data.centre) > reach * se)
    if names and len(outside) <= NAMED:
        name_points(ax, x[outside], se[outside], [names[int(i)] for i in outside])
    _legend(ax)
    return ax


def _bands(ax: Axes, null: float, deepest: float) -> None:
    """Each band of p-values: between two pairs of lines through the null effect."""
    ax.set_facecolor(SIGNIFICANT)
    depth = np.array([0.0, deepest])
    for low, high, colour in CONTOURS:
        outer, inner = (float(-ndtri(p / 2)) * depth for p in (low, high))
        for sign in (-1, 1):
            ax.fill_betweenx(
                depth, null + sign * inner, null + sign * outer, color=colour, lw=0, zorder=0
            )
    inner = float(-ndtri(CONTOURS[-1][1] / 2)) * depth
    ax.fill_betweenx(depth, null - inner, null + inner, color="white", lw=0, zorder=0)


def _legend(ax: Axes) -> None:
    entries = [
        Patch(facecolor="white", edgecolor=MUTED, linewidth=0.5, label="p ≥ 0.10"),
        *(
            Patch(facecolor=colour, edgecolor="none", label=f"{low:.2f} ≤ p < {high:.2f}")
            for low, high, colour in reversed(CONTOURS)
        ),
        Patch(facecolor=SIGNIFICANT, edgecolor=MUTED, linewidth=0.5, label="p < 0.01"),
        Line2D([], [], color=VERMILLION, linestyle=(0, (4, 3)), linewidth=1, label="pooled"),
    ]
    ax.legend(
        handles=entries,
        loc="upper left",
        bbox_to_anchor=(1.01, 1.0),
        fontsize=SMALL_POINTS,
        frameon=False,
        labelcolor=INK,
        handlelength=1.4,
        borderaxespad=0,
    )
