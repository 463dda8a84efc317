"""What a forest plot draws in its panel: squares, intervals, diamonds and their axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.collections import PolyCollection
from numpy.typing import NDArray

from enthesis.report import rows
from enthesis.report.figures import BLUE, INK, VERMILLION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Floats = NDArray[np.float64]

LARGEST_SQUARE_PT = 8.5
SMALLEST_SQUARE_PT = 2.0
"""Side of the square of the heaviest effect, and the least that is still seen, points."""

DIAMOND_ROWS = 0.32
"""Half the height of a diamond, rows."""

FAR_OFF = 3.0
"""Intervals are cut, with an arrow, beyond this many widths of the middle half of all bounds."""

AXIS_POINTS = 24.0
NAME_POINTS = 13.0
DIRECTION_POINTS = 12.0
"""Room below the panel for the axis' numbers, its name, and the directions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """Values with intervals.

    Parameters
    ----------
    row : (n,) where each is drawn, from the top
    middle, lower, upper : (n,)
    """

    row: NDArray[np.intp]
    middle: Floats
    lower: Floats
    upper: Floats


def limits(bars: Bars, always: Sequence[float]) -> tuple[float, float]:
    """Ends of the axis that hold the bulk of the intervals and everything in `always`."""
    bounds = np.concatenate([bars.lower, bars.upper, np.asarray(always, dtype=float)])
    bounds = bounds[np.isfinite(bounds)]
    low, quarter, three_quarters, high = np.percentile(bounds, (0, 25, 75, 100))
    width = three_quarters - quarter
    low = min(max(low, quarter - FAR_OFF * width), *always)
    high = max(min(high, three_quarters + FAR_OFF * width), *always)
    edge = 0.04 * (high - low) or 1.0
    return float(low - edge), float(high + edge)


def axis(
    ax: Axes,
    ends: tuple[float, float],
    *,
    xlabel: str,
    null: float,
    directions: tuple[str, str] | None,
) -> None:
    """Numbers and name of the axis, the line of no difference, and what its two sides mean."""
    ax.set_xlim(ends)
    ax.locator_params(axis="x", nbins=6)
    ax.axvline(null, color=INK, linewidth=0.8, zorder=1).set_gid("null")
    below = [(xlabel, 0.5, "center", rows.TEXT_POINTS, AXIS_POINTS - 4)]
    if directions:
        at = float(np.clip((null - ends[0]) / (ends[1] - ends[0]), 0, 1))
        lower = AXIS_POINTS + NAME_POINTS - 4
        below += [
            (f"← {directions[0]}", at - 0.02, "right", rows.SMALL_POINTS, lower),
            (f"{directions[1]} →", at + 0.02, "left", rows.SMALL_POINTS, lower),
        ]
    for text, x, align, size, points in below:
        ax.annotate(
            text,
            (x, 0),
            xycoords="axes fraction",
            xytext=(0, -points),
            textcoords="offset points",
            ha=align,
            va="top",
            size=size,
            color=INK,
            annotation_clip=False,
            parse_math=False,
        )


def room_below(directions: tuple[str, str] | None) -> float:
    """Points that the axis' numbers, name and directions take."""
    return AXIS_POINTS + NAME_POINTS + (DIRECTION_POINTS if directions else 0)


def intervals(
    ax: Axes, bars: Bars, *, color: str = INK, linewidth: float = 1.0, gid: str = "intervals"
) -> None:
    """A line for each interval; an arrow where it goes on beyond the axis."""
    low, high = ax.get_xlim()
    crosses = (bars.upper >= low) & (bars.lower <= high)
    lines = ax.hlines(
        bars.row[crosses],
        np.clip(bars.lower, low, high)[crosses],
        np.clip(bars.upper, low, high)[crosses],
        colors=color,
        linewidth=linewidth,
        zorder=2,
    )
    lines.set_gid(gid)
    for end, beyond, arrow in ((low, bars.lower < low, "<"), (high, bars.upper > high, ">")):
        ax.plot(
            np.full(int(beyond.sum()), end),
            bars.row[beyond],
            arrow,
            color=color,
            markersize=4,
            clip_on=False,
            zorder=4,
        )


def squares(ax: Axes, bars: Bars, weights: Floats) -> None:
    """A square for each effect, its area in proportion to the weight."""
    low, high = ax.get_xlim()
    shown = (bars.middle >= low) & (bars.middle <= high)
    side = np.sqrt(weights / weights.max()) * LARGEST_SQUARE_PT
    drawn = ax.scatter(
        bars.middle[shown],
        bars.row[shown],
        s=np.maximum(side[shown], SMALLEST_SQUARE_PT) ** 2,
        marker="s",
        color=BLUE,
        linewidths=0,
        zorder=3,
    )
    drawn.set_gid("effects")


def diamonds(ax: Axes, bars: Bars) -> None:
    """A diamond for each pooled effect, as wide as its interval."""
    corners = [
        [(low, y), (middle, y - DIAMOND_ROWS), (high, y), (middle, y + DIAMOND_ROWS)]
        for y, low, middle, high in zip(bars.row, bars.lower, bars.middle, bars.upper, strict=True)
    ]
    # The rim shows an interval too narrow for the axis, which would else vanish.
    drawn = PolyCollection(
        corners, facecolors=VERMILLION, edgecolors=VERMILLION, linewidths=0.5, zorder=3
    )
    drawn.set_gid("pooled")
    ax.add_collection(drawn, autolim=False)
