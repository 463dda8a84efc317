"""The Bland-Altman plot: differences of two measurements over their means, with the limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.report import rows
from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION, new_figure
from enthesis.report.rows import CAPTION_POINTS, SMALL_POINTS, TEXT_POINTS, number, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.cohort.agreement import BlandAltman

PANEL_IN = (4.6, 3.2)
LEFT_IN, BELOW_IN, MARGIN_IN = 0.75, 0.5, 0.14
LABELS_IN = 1.75
"""Size of the panel, room for its axes' names, the page's edge, and room for the lines' names."""

LABEL_LINE_POINTS = 10.0
"""From a line's name to its number below."""

CLEAR_POINTS = 26.0
"""Names of two lines stand at least this far apart, so that they can be read where lines meet."""

TREND_P = 0.05
"""The line of differences on means is drawn where its p-value is below this."""

MANY_POINTS = 3000
"""More points than this are drawn as pixels, small and faint."""


def bland_altman(
    result: BlandAltman,
    *,
    names: tuple[str, str],
    unit: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Every difference over the mean of its pair, with bias, limits and their intervals.

    Parameters
    ----------
    result : bias and limits of agreement
    names : of the first and the second measurement
    unit : of the measurements, "" for none
    ax : axes to draw on, whose figure must leave room on the right; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "points", "bias", "lower_limit", "upper_limit", the intervals'
    "bias_ci" and so on, and "trend" where the difference changes with the mean.
    """
    width = 72 * (LEFT_IN + PANEL_IN[0] + LABELS_IN)
    caption = [line for part in _caption(result) for line in rows.wrap(part, width)]
    if ax is None:
        ax = _new_axes(len(caption))
    _points(ax, result)
    _lines(ax, result)
    _axis_names(ax, result, names, unit)
    for i, line in enumerate(caption):
        ax.annotate(
            line,
            (0, 0),
            xycoords="axes fraction",
            xytext=(-72 * LEFT_IN, -72 * BELOW_IN - i * CAPTION_POINTS),
            textcoords="offset points",
            ha="left",
            va="top",
            size=SMALL_POINTS,
            color=MUTED,
            annotation_clip=False,
            parse_math=False,
        )
    return ax


def _new_axes(n_lines: int) -> Axes:
    below = BELOW_IN + n_lines * CAPTION_POINTS / 72 + MARGIN_IN
    width = MARGIN_IN + LEFT_IN + PANEL_IN[0] + LABELS_IN + MARGIN_IN
    height = below + PANEL_IN[1] + MARGIN_IN
    figure = new_figure(width, height)
    return figure.add_axes(
        (
            (MARGIN_IN + LEFT_IN) / width,
            below / height,
            PANEL_IN[0] / width,
            PANEL_IN[1] / height,
        )
    )


def _points(ax: Axes, result: BlandAltman) -> None:
    many = result.n_pairs > MANY_POINTS
    ax.scatter(
        result.means,
        result.differences,
        s=6 if many else 18,
        color=BLUE,
        alpha=0.15 if many else 0.7,
        linewidths=0,
        rasterized=many,
        zorder=3,
        gid="points",
    )
    ax.axhline(1 if result.scale == "log" else 0, color=MUTED, linewidth=0.6, zorder=1)
    trend = result.proportional
    if trend.p_value < TREND_P:
        ends = np.array([result.means.min(), result.means.max()])
        if result.scale == "log":
            line = np.exp(trend.intercept + trend.slope * np.log(ends))
        else:
            line = trend.intercept + trend.slope * ends
        ax.plot(ends, line, color=INK, linewidth=1, linestyle=(0, (1, 2)), zorder=4, gid="trend")


def _lines(ax: Axes, result: BlandAltman) -> None:
    """Bias and limits with bands for their intervals and their names on the right."""
    percent = f"{100 * result.coverage:g}%"
    drawn = [
        ("upper_limit", f"Upper {percent} limit", VERMILLION, (0, (5, 3))),
        ("bias", "Ratio" if result.scale == "log" else "Bias", INK, "-"),
        ("lower_limit", f"Lower {percent} limit", VERMILLION, (0, (5, 3))),
    ]
    for name, _, color, dashes in drawn:
        at, low, high = (getattr(result, f"{name}{end}") for end in ("", "_lower", "_upper"))
        ax.axhspan(low, high, color=color, alpha=0.1, linewidth=0, zorder=0, gid=f"{name}_ci")
        ax.axhline(at, color=color, linewidth=1.2, linestyle=dashes, zorder=2, gid=name)
    ax.margins(0.04, 0.06)
    decimals = _decimals(result)
    ax.autoscale_view()
    for (name, text, color, _), shift in zip(drawn, _shifts(ax, result), strict=True):
        at, low, high = (getattr(result, f"{name}{end}") for end in ("", "_lower", "_upper"))
        numbers = rows.interval(at, low, high, decimals)
        for line, weight, drop in ((text, "bold", 0.0), (numbers, "normal", LABEL_LINE_POINTS)):
            ax.annotate(
                line,
                (1, at),
                xycoords=ax.get_yaxis_transform(),
                xytext=(6, LABEL_LINE_POINTS / 2 - drop + shift),
                textcoords="offset points",
                va="center",
                size=TEXT_POINTS,
                weight=weight,
                color=color,
                annotation_clip=False,
            )


def _shifts(ax: Axes, result: BlandAltman) -> tuple[float, float, float]:
    """Points that the names of upper limit, bias and lower limit move to stay apart."""
    low, high = ax.get_ylim()
    scale = PANEL_IN[1] * 72 / (high - low)
    up = scale * (result.upper_limit - result.bias)
    down = scale * (result.bias - result.lower_limit)
    return max(CLEAR_POINTS - up, 0.0), 0.0, -max(CLEAR_POINTS - down, 0.0)


def _decimals(result: BlandAltman) -> int:
    """Digits that tell the limits apart: about three of their distance."""
    apart = abs(result.upper_limit - result.lower_limit)
    return int(np.clip(2 - np.floor(np.log10(apart)), 0, 6)) if apart > 0 else 3


def _axis_names(ax: Axes, result: BlandAltman, names: tuple[str, str], unit: str) -> None:
    first, second = names
    in_unit = f", {unit}" if unit else ""
    mean = "Geometric mean" if result.scale == "log" else "Mean"
    ax.set_xlabel(f"{mean} of {first} and {second}{in_unit}", size=TEXT_POINTS, parse_math=False)
    difference = {
        "difference": f"{first} \N{MINUS SIGN} {second}{in_unit}",
        "percent": f"({first} \N{MINUS SIGN} {second}) / mean, %",
        "log": f"{first} / {second}",
    }[result.scale]
    ax.set_ylabel(difference, size=TEXT_POINTS, parse_math=False)
    ax.tick_params(labelsize=SMALL_POINTS, colors=INK, length=3)
    for name in ("top", "right"):
        ax.spines[name].set_visible(False)


def _caption(result: BlandAltman) -> list[str]:
    pairs = f"{result.n_pairs} pairs"
    if result.n_subjects != result.n_pairs:
        pairs += f" of {result.n_subjects} subjects"
    text = [
        f"{pairs}; {result.method}. Bands: {100 * result.level:g}% CI. Thin line: no difference."
    ]
    slope = result.proportional
    if np.isfinite(slope.slope):
        change = "Log ratio on log mean" if result.scale == "log" else "Difference on mean"
        dotted = " (dotted line)" if slope.p_value < TREND_P else ""
        text.append(
            f"{change}{dotted}: slope {number(slope.slope, 3)} "
            f"[{number(slope.slope_lower, 3)}, {number(slope.slope_upper, 3)}], "
            f"p {p_value(slope.p_value)}."
        )
    return text
