"""The values of a cohort level by level, left and right apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.anatomy import LEVELS
from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION
from enthesis.report.panels import panel
from enthesis.report.rows import SMALL_POINTS, TEXT_POINTS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.cohort.spread import Distribution, Place

WIDTH_IN, HEIGHT_IN = 3.9, 2.1
"""Two such panels stand side by side on A4."""

SIDE_SHIFT = 0.2
SPREAD = 0.13
"""Left and right stand this far from the middle of their level, and points this far from them."""

BOX = 0.15
"""Half the width of the box of the middle half, in levels."""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole part, fill an interval evenly and in no visible order."""

MANY_POINTS = 600
"""More points than this are drawn as pixels."""

MARKS = {
    "left": ("o", BLUE, -SIDE_SHIFT),
    "right": ("^", VERMILLION, SIDE_SHIFT),
    "": ("o", BLUE, 0.0),
}
"""Shape, colour and shift of a side; shapes tell them apart without colours."""


def distribution(result: Distribution, *, ylabel: str, ax: Axes | None = None) -> Axes:
    """Points, medians and middle halves at every level and side.

    Parameters
    ----------
    result : one quantity of one region
    ylabel : name and unit of the quantity
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes with level i, from head to feet, at x = i; the artists' gids are "points" and "medians".
    """
    levels = sorted({place.level for place in result.places}, key=level_rank)
    at = {level: i for i, level in enumerate(levels)}
    ax = panel(WIDTH_IN, HEIGHT_IN, xlabel="", ylabel=ylabel, caption=_caption(result), ax=ax)
    many = sum(len(place.shown) for place in result.places) > MANY_POINTS
    for place in result.places:
        shape, colour, shift = MARKS.get(place.side, MARKS[""])
        x = at[place.level] + shift
        off = (np.arange(1, len(place.shown) + 1) * GOLDEN) % 1 - 0.5
        ax.scatter(
            x + 2 * SPREAD * off,
            place.shown,
            s=5,
            marker=shape,
            color=colour,
            alpha=0.6,
            linewidths=0,
            rasterized=many,
            gid="points",
        )
        _box(ax, place, x)
    ax.set_xlim(-0.6, len(levels) - 0.4)
    names = [level.replace("_", "–") or "whole" for level in levels]
    ax.set_xticks(range(len(levels)), names, size=TEXT_POINTS)
    ax.tick_params(axis="x", length=0)
    ax.grid(axis="y", color=MUTED, alpha=0.2, linewidth=0.5)
    ax.set_axisbelow(True)
    _legend(ax, {place.side for place in result.places})
    return ax


def level_rank(level: str) -> float:
    """Height of a level from the head, discs between their two bodies; "" before all."""
    if not level:
        return -1.0
    first, _, second = level.partition("_")
    return LEVELS.index(first) + (0.5 if second else 0.0)


def _box(ax: Axes, place: Place, x: float) -> None:
    ax.plot(
        [x - BOX, x + BOX],
        [place.median, place.median],
        color=INK,
        linewidth=1.6,
        solid_capstyle="butt",
        zorder=4,
        gid="medians",
    )
    ends = [place.lower, place.upper, place.upper, place.lower, place.lower]
    sides = [x - BOX, x - BOX, x + BOX, x + BOX, x - BOX]
    ax.plot(sides, ends, color=INK, linewidth=0.7, zorder=4)


def _legend(ax: Axes, sides: set[str]) -> None:
    for side in ("left", "right"):
        if side in sides:
            shape, colour, _ = MARKS[side]
            ax.plot([], [], shape, color=colour, markersize=4, linestyle="none", label=side)
    if sides & {"left", "right"}:
        ax.legend(
            loc="lower right",
            bbox_to_anchor=(1, 1),
            ncols=2,
            frameon=False,
            fontsize=SMALL_POINTS,
            handletextpad=0.2,
            borderpad=0,
            borderaxespad=0.1,
        )


def _caption(result: Distribution) -> str:
    fewest, most = min(place.n for place in result.places), result.n
    n = f"{most}" if fewest == most else f"{fewest} to {most}"
    kept = max(len(place.shown) for place in result.places)
    points = f"{kept} scans evenly spaced by rank" if kept < most else "scans"
    return f"Points: {points}; line: median; box: middle half. n = {n}. Method: {result.method}."
