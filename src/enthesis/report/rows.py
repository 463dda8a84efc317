"""Columns of text beside one panel of marks, row by row: the frame of every forest plot."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import TextToPath
from matplotlib.transforms import offset_copy

from enthesis.report.figures import INK, MUTED, new_figure

TEXT_POINTS = 8.0
SMALL_POINTS = 7.0
ROW_IN = 0.205
PANEL_IN = 2.7
GAP_POINTS = 12.0
"""Letters, height of a row, width of the panel, and room between columns."""

HINTING = 1.05
"""Drawn letters are up to this much wider than measured ones, for they sit on whole pixels."""

CAPTION_POINTS = 11.0
"""From one line of the caption to the next."""

LONGEST = 1e9
"""Numbers from here on are written as powers of ten."""

TRUE_MINUS = str.maketrans("-", "\N{MINUS SIGN}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column of text.

    Parameters
    ----------
    header : printed above it
    cells : a text for each row; empty where the row has none
    align : "left" for words, "right" for numbers
    side : on which side of the panel it stands
    """

    header: str
    cells: Sequence[str]
    align: Literal["left", "right"] = "right"
    side: Literal["left", "right"] = "right"

    def width(self, bold: frozenset[int]) -> float:
        """Points that its widest text takes."""
        texts = [text_width(text, bold=i in bold) for i, text in enumerate(self.cells)]
        return max([text_width(self.header, bold=True), *texts])


def text_width(text: str, *, bold: bool = False, points: float = TEXT_POINTS) -> float:
    """Width of one line of text in points."""
    font = FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal", size=points)
    width, _, _ = TextToPath().get_text_width_height_descent(text, font, ismath=False)
    return float(width)


def row_axes(
    columns: Sequence[Column],
    *,
    bold: frozenset[int],
    caption: Sequence[str],
    below_points: float,
    ax: Axes | None,
) -> Axes:
    """Axes whose row i is at y = i, with the columns written beside it and a caption below.

    Parameters
    ----------
    columns : those left of the panel and those right of it, each in reading order
    bold : rows printed bold
    caption : lines below everything
    below_points : room between the panel and the caption for the axis' numbers and names
    ax : axes to use, whose figure must leave room on all sides; a new figure if not given
    """
    n_rows = len(columns[0].cells)
    left = [column for column in columns if column.side == "left"]
    right = [column for column in columns if column.side == "right"]
    left_points = sum(c.width(bold) + GAP_POINTS for c in left)
    right_points = sum(c.width(bold) + GAP_POINTS for c in right)
    if ax is None:
        ax = _placed_axes(n_rows, left_points, right_points, below_points, caption)
    ax.set_ylim(n_rows - 0.5, -0.5)
    ax.set_yticks([])
    for name in ("left", "right", "top"):
        ax.spines[name].set_visible(False)
    ax.spines["bottom"].set_color(INK)
    ax.tick_params(axis="x", labelsize=SMALL_POINTS, colors=INK, length=3)
    start = -left_points
    for column in left:
        start = _write(ax, column, 0.0, start, bold)
    start = GAP_POINTS
    for column in right:
        start = _write(ax, column, 1.0, start, bold)
    for i, line in enumerate(caption):
        ax.annotate(
            line,
            (0, 0),
            xycoords="axes fraction",
            xytext=(-left_points, -below_points - i * CAPTION_POINTS),
            textcoords="offset points",
            ha="left",
            va="top",
            size=SMALL_POINTS,
            color=MUTED,
            annotation_clip=False,
            parse_math=False,
        )
    return ax


def wrap(text: str, width_points: float) -> list[str]:
    """A caption's sentences broken into lines of at most this width, at spaces."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and HINTING * text_width(longer, points=SMALL_POINTS) > width_points:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def points_across(columns: Sequence[Column], bold: frozenset[int]) -> float:
    """Width of columns and panel together, points."""
    return sum(c.width(bold) + GAP_POINTS for c in columns) + PANEL_IN * 72


def number(value: float, decimals: int = 2) -> str:
    """A number as a table prints it: a true minus sign, a dash for none, no minus zero.

    From 10 000 on, thousands stand apart; what has no readable digits is written as a power.
    """
    if not np.isfinite(value):
        return "–" if np.isnan(value) else ("∞" if value > 0 else "\N{MINUS SIGN}∞")
    if abs(value) >= LONGEST:
        return f"{value:.2e}".translate(TRUE_MINUS)
    text = f"{value:,.{decimals}f}" if abs(value) >= 10_000 else f"{value:.{decimals}f}"
    if not float(text.replace(",", "")):
        text = text.lstrip("-")
    return text.replace(",", "\N{NARROW NO-BREAK SPACE}").translate(TRUE_MINUS)


def decimals_for(widths: Iterable[float]) -> int:
    """Digits after the point that show two figures of the usual interval's width; 2 to 6.

    Differences of areal bone density are some 0.01 g/cm2, where two decimals would say nothing.
    """
    finite = [width for width in widths if np.isfinite(width) and width > 0]
    if not finite:
        return 2
    return int(np.clip(1 - np.floor(np.log10(np.median(finite))), 2, 6))


def digits_by_row(widths: Iterable[float]) -> list[int]:
    """Digits of each interval: those of the usual one, and more where it would print as nothing.

    Parameters
    ----------
    widths : of the intervals of one column
    """
    all_widths = list(widths)
    usual = decimals_for(all_widths)
    return [
        max(usual, decimals_for([width])) if 0 < width < 10.0**-usual else usual
        for width in all_widths
    ]


def interval(estimate: float, lower: float, upper: float, decimals: int = 2) -> str:
    """An estimate with its interval: 0.51 [0.20, 0.82]."""
    low, middle, high = (number(x, decimals) for x in (lower, estimate, upper))
    return f"{middle} [{low}, {high}]"


def p_value(p: float) -> str:
    """A p-value with its sign: "= 0.013", or "< 0.001" where three decimals would print zero."""
    if np.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"= {p:.3f}"


def p_cell(p: float) -> str:
    """A p-value as a column of them prints it: "0.013" or "< 0.001"."""
    return p_value(p).removeprefix("= ")


def _placed_axes(
    n_rows: int,
    left_points: float,
    right_points: float,
    below_points: float,
    caption: Sequence[str],
) -> Axes:
    """Axes of a new figure that is exactly as large as its texts ask for."""
    margin = 0.12
    above = ROW_IN + margin
    below = (below_points + CAPTION_POINTS * len(caption)) / 72 + margin
    width = (left_points + right_points) / 72 + PANEL_IN + 2 * margin
    height = n_rows * ROW_IN + above + below
    figure = new_figure(width, height)
    return figure.add_axes(
        (
            (left_points / 72 + margin) / width,
            below / height,
            PANEL_IN / width,
            n_rows * ROW_IN / height,
        )
    )


def _write(ax: Axes, column: Column, anchor: float, start: float, bold: frozenset[int]) -> float:
    """Write a column from `start` points off the panel's edge; where the next one starts."""
    width = column.width(bold)
    x = start if column.align == "left" else start + width
    place = offset_copy(
        ax.get_yaxis_transform(), fig=ax.get_figure(root=True), x=x, y=0, units="points"
    )
    for i, text in [(-1, column.header), *enumerate(column.cells)]:
        if text:
            ax.text(
                anchor,
                i,
                text,
                transform=place,
                ha=column.align,
                va="center_baseline",
                size=TEXT_POINTS,
                weight="bold" if i in bold or i == -1 else "normal",
                color=INK,
                # Names of studies may hold a dollar sign, which is no formula.
                parse_math=False,
            )
    return start + width + GAP_POINTS
