"""One panel with its axes, a caption below and names that do not cover one another."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.transforms import Bbox
from numpy.typing import ArrayLike

from enthesis.report import rows
from enthesis.report.figures import INK, MUTED, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MARGIN_POINTS = 9.0
AXIS_POINTS = 36.0
LEFT_POINTS = 46.0
"""Room around a panel: at its edges, for the horizontal axis and for the vertical one."""

LINE_POINTS = 10.0
"""Room for each further line of an axis' name."""

LONGEST_NAME = 28
"""Letters of a name beside a point."""

POINT_PT = 26.0
"""Area of a mark in a scatter plot, points squared."""


def panel(
    width_in: float,
    height_in: float,
    *,
    xlabel: str,
    ylabel: str,
    caption: str = "",
    right_points: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """Axes of this size with names, in a figure as large as they and the caption ask for.

    Parameters
    ----------
    width_in, height_in : of the panel itself, inches
    xlabel, ylabel : names and units; long ones are broken into lines
    caption : sentences, wrapped below the panel; empty for none
    right_points : room to the right, for a legend
    ax : axes to use, whose figure must leave room; a new figure if not given
    """
    x_lines, y_lines = (_label_lines(*one) for one in ((xlabel, width_in), (ylabel, height_in)))
    axis = AXIS_POINTS + LINE_POINTS * (len(x_lines) - 1)
    beside = LEFT_POINTS + LINE_POINTS * (len(y_lines) - 1)
    across = beside + width_in * 72 + right_points
    lines = rows.wrap(caption, across) if caption else []
    if ax is None:
        width = (across + 2 * MARGIN_POINTS) / 72
        below = (axis + rows.CAPTION_POINTS * len(lines) + MARGIN_POINTS) / 72
        height = below + height_in + MARGIN_POINTS / 72
        figure = new_figure(width, height)
        left = (MARGIN_POINTS + beside) / 72
        ax = figure.add_axes((left / width, below / height, width_in / width, height_in / height))
    for name in ("right", "top"):
        ax.spines[name].set_visible(False)
    for name in ("left", "bottom"):
        ax.spines[name].set_color(INK)
    ax.tick_params(labelsize=rows.SMALL_POINTS, colors=INK, length=3)
    ax.set_xlabel("\n".join(x_lines), size=rows.TEXT_POINTS, color=INK, parse_math=False)
    ax.set_ylabel("\n".join(y_lines), size=rows.TEXT_POINTS, color=INK, parse_math=False)
    for i, line in enumerate(lines):
        ax.annotate(
            line,
            (0, 0),
            xycoords="axes fraction",
            xytext=(-beside, -axis - i * rows.CAPTION_POINTS),
            textcoords="offset points",
            ha="left",
            va="top",
            size=rows.SMALL_POINTS,
            color=MUTED,
            annotation_clip=False,
            parse_math=False,
        )
    return ax


def _label_lines(label: str, room_in: float) -> list[str]:
    """An axis' name in lines no longer than the axis."""
    return rows.wrap(label, room_in * 72 * rows.SMALL_POINTS / rows.TEXT_POINTS)


def name_points(ax: Axes, x: ArrayLike, y: ArrayLike, names: Sequence[str]) -> None:
    """Names beside points, the first of them first; one that finds no free place is left out.

    Long ones are cut, so that the point that matters most is not the one without a name.
    """
    names = [_shortened(name) for name in names]
    figure = ax.get_figure(root=True)
    scale = 72.0 / (figure.dpi if figure is not None else 72.0)
    at = ax.transData.transform(np.column_stack([np.asarray(x, float), np.asarray(y, float)]))
    points = at * scale
    inside = ax.get_window_extent()
    frame = Bbox(np.asarray(inside.get_points()) * scale)
    high = rows.SMALL_POINTS
    taken = [Bbox.from_bounds(px - 3, py - 3, 6, 6) for px, py in points]
    for i, name in enumerate(names):
        wide = rows.HINTING * rows.text_width(name, points=rows.SMALL_POINTS)
        for ha, va, dx, dy in (
            ("left", "center", 5, 0),
            ("right", "center", -5, 0),
            ("center", "bottom", 0, 5),
            ("center", "top", 0, -5),
            ("left", "bottom", 4, 4),
            ("right", "bottom", -4, 4),
            ("left", "top", 4, -4),
            ("right", "top", -4, -4),
        ):
            left = points[i, 0] + dx - {"left": 0, "center": wide / 2, "right": wide}[ha]
            low = points[i, 1] + dy - {"bottom": 0, "center": high / 2, "top": high}[va]
            box = Bbox.from_bounds(left, low, wide, high)
            others = (one for j, one in enumerate(taken) if j != i)
            fits = frame.x0 <= box.x0 and box.x1 <= frame.x1 + 8 and frame.y0 <= box.y0
            if fits and box.y1 <= frame.y1 + 4 and not any(box.overlaps(one) for one in others):
                ax.annotate(
                    name,
                    (float(np.asarray(x)[i]), float(np.asarray(y)[i])),
                    xytext=(dx, dy),
                    textcoords="offset points",
                    ha=ha,
                    va=va,
                    size=rows.SMALL_POINTS,
                    color=INK,
                    parse_math=False,
                    annotation_clip=False,
                )
                taken.append(box)
                break


def _shortened(name: str) -> str:
    """A name that leaves room for others; its year stays, to tell an author's studies apart."""
    if len(name) <= LONGEST_NAME:
        return name
    years = re.findall(r"\b(?:19|20)\d\d[a-z]?\b", name)
    tail = f" {years[-1]}" if years else ""
    return f"{name[: LONGEST_NAME - 1 - len(tail)].rstrip()}…{tail}"
