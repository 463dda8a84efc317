"""Risk of bias drawn: a light for every study and item, and how the answers share out by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from matplotlib.patches import Circle, Rectangle

from enthesis.report.figures import INK, MUTED, new_figure
from enthesis.report.rows import HINTING, SMALL_POINTS, TEXT_POINTS, text_width, wrap

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.review.appraisal import Appraisal

LIGHTS: Mapping[str, tuple[str, str]] = {
    "low": ("#009e73", "+"),
    "some": ("#e8c52b", "\N{MINUS SIGN}"),
    "high": ("#d55e00", "×"),
    "critical": ("#6b1f00", "!"),
    "unclear": ("#b0bfcf", "?"),
    "none": ("#e6e8eb", ""),
    "": ("#ffffff", ""),
}
"""Colour and sign of each light: Okabe and Ito's green and vermillion stay apart in every kind of
colour blindness, and the sign says the same without colour."""

DARK = frozenset({"low", "high", "critical"})
"""Lights on which the sign is white."""

CELL_POINTS = 21.0
RADIUS_POINTS = 7.6
GAP_POINTS = 10.0
LINE_POINTS = 11.0
MARGIN_POINTS = 9.0
BAR_POINTS = 300.0
BAR_HEIGHT = 0.62

NOT_SETTLED = "not settled"


def traffic_lights(appraisal: Appraisal, *, ax: Axes | None = None) -> Axes:
    """A light for every study and item, and one for the whole where it is judged.

    Parameters
    ----------
    appraisal : of any instrument; cells that raters have not settled stay empty
    ax : axes to draw on, at least as large as those of a new figure; a new figure if not given

    Returns
    -------
    Axes in points.
    """
    studies = [str(name) for name in appraisal.answers.index]
    keys = [str(name) for name in appraisal.answers.columns]
    headers = [*keys, *(["Overall"] if appraisal.overall else [])]
    left = MARGIN_POINTS + HINTING * max(text_width(name) for name in ["Study", *studies])
    left += GAP_POINTS
    cells_right = left + CELL_POINTS * len(keys)
    overall = cells_right + GAP_POINTS + text_width("Overall", bold=True) / 2
    right = overall + text_width("Overall", bold=True) / 2 if appraisal.overall else cells_right
    legend = _legend_entries(appraisal)
    width = max(right + MARGIN_POINTS, 300.0)
    notes = _notes(appraisal, width - 2 * MARGIN_POINTS)
    top = MARGIN_POINTS + LINE_POINTS * 1.6
    grid = top + CELL_POINTS * len(studies)
    legend_rows = _legend_rows(legend, width)
    height = grid + GAP_POINTS + 14 * legend_rows + LINE_POINTS * len(notes) + MARGIN_POINTS + 4
    ax = _points_axes(ax, width, height)
    _write(ax, MARGIN_POINTS, top - LINE_POINTS, "Study", bold=True)
    centres = [left + CELL_POINTS * (i + 0.5) for i in range(len(keys))]
    centres += [overall] if appraisal.overall else []
    for x, header in zip(centres, headers, strict=True):
        _write(ax, x, top - LINE_POINTS, header, align="center", bold=True)
    for i, study in enumerate(studies):
        y = top + CELL_POINTS * (i + 0.5)
        _write(ax, MARGIN_POINTS, y, study)
        lights = [str(appraisal.lights.loc[study, key]) for key in keys]
        if appraisal.overall:
            lights.append(_overall_light(appraisal, study))
        for x, light in zip(centres, lights, strict=True):
            _light(ax, x, y, light)
    for i in range(len(studies) + 1):
        y = top + CELL_POINTS * i
        ax.plot([MARGIN_POINTS, right], [y, y], color="#d5dae0", linewidth=0.5, zorder=0)
    _legend(ax, legend, grid + GAP_POINTS + 4, width)
    for i, line in enumerate(notes):
        y = grid + GAP_POINTS + 14 * legend_rows + LINE_POINTS * (i + 0.5) + 2
        _write(ax, MARGIN_POINTS, y, line, points=SMALL_POINTS, color=MUTED)
    return ax


def bias_summary(appraisal: Appraisal, *, ax: Axes | None = None) -> Axes:
    """How the studies' answers share out, one bar per item.

    Parameters
    ----------
    appraisal : of any instrument; every study counts alike
    ax : axes to draw on, whose figure must leave room on the left and below; a new figure if not
        given

    Returns
    -------
    Axes in points, with a bar of percent for each item and for the whole where it is judged.
    """
    tool = appraisal.instrument
    names = [f"{item.key}  {item.topic}" for item in tool.items]
    columns = [[str(x) for x in appraisal.lights[item.key]] for item in tool.items]
    if appraisal.overall:
        names.append("Overall")
        columns.append([_overall_light(appraisal, str(s)) for s in appraisal.answers.index])
    left = MARGIN_POINTS + HINTING * max(map(text_width, names)) + GAP_POINTS
    width = left + BAR_POINTS + 2 * MARGIN_POINTS
    legend = _legend_entries(appraisal)
    legend_rows = _legend_rows(legend, width)
    top, step = MARGIN_POINTS, 19.0
    axis = top + step * len(names)
    notes = wrap(f"{tool.name}: {_counted(appraisal)}.", width - 2 * MARGIN_POINTS)
    height = axis + 40 + 14 * legend_rows + LINE_POINTS * len(notes) + MARGIN_POINTS
    ax = _points_axes(ax, width, height)
    for i, (name, lights) in enumerate(zip(names, columns, strict=True)):
        y = top + step * (i + 0.5)
        _write(ax, MARGIN_POINTS, y, name, bold=name == "Overall")
        _bar(ax, left, y, step, lights, [light for light, _ in legend])
    for percent in (0, 25, 50, 75, 100):
        x = left + BAR_POINTS * percent / 100
        ax.plot([x, x], [axis, axis + 3], color=INK, linewidth=0.7)
        _write(ax, x, axis + 10, f"{percent}", align="center", points=SMALL_POINTS)
    ax.plot([left, left + BAR_POINTS], [axis, axis], color=INK, linewidth=0.7)
    _write(ax, left + BAR_POINTS / 2, axis + 22, "Studies, %", align="center")
    _legend(ax, legend, axis + 42, width)
    for i, line in enumerate(notes):
        y = axis + 40 + 14 * legend_rows + LINE_POINTS * (i + 0.5)
        _write(ax, MARGIN_POINTS, y, line, points=SMALL_POINTS, color=MUTED)
    return ax


def _bar(
    ax: Axes, left: float, y: float, step: float, lights: Sequence[str], order: Sequence[str]
) -> None:
    start = left
    for light in order:
        share = lights.count(light) / len(lights)
        if not share:
            continue
        color, _ = LIGHTS[light]
        patch = Rectangle(
            (start, y - BAR_HEIGHT * step / 2),
            BAR_POINTS * share,
            BAR_HEIGHT * step,
            facecolor=color,
            edgecolor="white" if light else MUTED,
            linewidth=0.6,
        )
        patch.set_gid("share")
        ax.add_patch(patch)
        n = str(lights.count(light))
        if text_width(n, points=SMALL_POINTS) + 4 < BAR_POINTS * share:
            ink = "white" if light in DARK else INK
            x = start + BAR_POINTS * share / 2
            _write(ax, x, y, n, align="center", points=SMALL_POINTS, color=ink)
        start += BAR_POINTS * share


def _overall_light(appraisal: Appraisal, study: str) -> str:
    judged = appraisal.overall.get(study, "")
    jbi = {"low": "low", "moderate": "some", "high": "high"}
    known = jbi if appraisal.instrument.key.startswith("jbi") else appraisal.instrument.answers
    return str(known.get(judged, ""))


def _legend_entries(appraisal: Appraisal) -> list[tuple[str, str]]:
    """Each light that occurs, with what it is called here, from good to bad."""
    shown = {str(x) for x in appraisal.lights.to_numpy().ravel()}
    shown |= {_overall_light(appraisal, study) for study in appraisal.overall}
    names = {str(light): answer for answer, light in appraisal.instrument.answers.items()}
    if appraisal.instrument.key.startswith("jbi") and appraisal.overall:
        names |= {"low": "yes; low risk", "some": "moderate risk", "high": "no; high risk"}
    names[""] = NOT_SETTLED
    return [(light, names.get(light, light).capitalize()) for light in LIGHTS if light in shown]


def _notes(appraisal: Appraisal, points: float) -> list[str]:
    topics = "; ".join(f"{item.key} {item.topic}" for item in appraisal.instrument.items)
    lines = wrap(f"{appraisal.instrument.name}. {topics}.", points)
    return [*lines, *wrap(f"{_counted(appraisal)}.", points)]


def _counted(appraisal: Appraisal) -> str:
    n = len(appraisal.answers)
    text = f"{n} {'study' if n == 1 else 'studies'}"
    if appraisal.agreement is not None:
        found = appraisal.agreement
        text += f", two raters; they agreed on {100 * found.observed:.0f}% of {found.n} items"
        if found.kappa == found.kappa:
            text += (
                f" (Cohen's κ = {found.kappa:.2f}, {100 * found.level:g}% CI {found.ci_lower:.2f} "
                f"to {found.ci_upper:.2f})"
            ).replace("-", "\N{MINUS SIGN}")
    return text


def _legend_width(name: str) -> float:
    return 2 * 5.5 + 5 + HINTING * text_width(name) + 14


def _legend_rows(legend: Sequence[tuple[str, str]], width: float) -> int:
    return 1 + sum(start == MARGIN_POINTS for start in _legend_starts(legend, width)[1:])


def _legend_starts(legend: Sequence[tuple[str, str]], width: float) -> list[float]:
    starts, x = [], MARGIN_POINTS
    for _, name in legend:
        if x > MARGIN_POINTS and x + _legend_width(name) - 14 > width - MARGIN_POINTS:
            x = MARGIN_POINTS
        starts.append(x)
        x += _legend_width(name)
    return starts


def _legend(ax: Axes, legend: Sequence[tuple[str, str]], y: float, width: float) -> None:
    row = -1
    for (light, name), x in zip(legend, _legend_starts(legend, width), strict=True):
        row += x == MARGIN_POINTS
        _light(ax, x + 5.5, y + 14 * row, light, radius=5.5)
        _write(ax, x + 16, y + 14 * row, name)


def _light(ax: Axes, x: float, y: float, light: str, *, radius: float = RADIUS_POINTS) -> None:
    color, sign = LIGHTS[light]
    patch = Circle(
        (x, y), radius, facecolor=color, edgecolor=MUTED if light in {"", "none"} else "none",
        linewidth=0.6, linestyle="-" if light else (0, (2, 2)),
    )  # fmt: skip
    patch.set_gid(f"light-{light or 'open'}")
    ax.add_patch(patch)
    if sign:
        ax.text(
            x,
            y,
            sign,
            ha="center",
            va="center_baseline",
            size=radius * 1.3,
            weight="bold",
            color="white" if light in DARK else INK,
        )


def _write(
    ax: Axes,
    x: float,
    y: float,
    text: str,
    *,
    align: str = "left",
    bold: bool = False,
    points: float = TEXT_POINTS,
    color: str = INK,
) -> None:
    ax.text(
        x,
        y,
        text,
        ha=align,
        va="center_baseline",
        size=points,
        weight="bold" if bold else "normal",
        color=color,
        parse_math=False,
    )


def _points_axes(ax: Axes | None, width: float, height: float) -> Axes:
    if ax is None:
        ax = new_figure(width / 72, height / 72).add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    return ax
