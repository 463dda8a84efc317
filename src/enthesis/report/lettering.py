"""What is written on a slice: codes, levels, directions, scale bar and legend."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patheffects import AbstractPathEffect, withStroke

from enthesis.anatomy import DISC_STRUCTURES, LEVELS, SPINE_STRUCTURES, Region
from enthesis.quantities import quantity
from enthesis.report.figures import INK
from enthesis.report.plane import Plane, roomiest_point

LETTERING_MM = 6.0
"""Radius of the disc that must fit inside a region for its code to be written there, mm."""

CODES = {
    "psoas_major": "PM",
    "iliopsoas": "IP",
    "erector_spinae": "ES",
    "multifidus": "MF",
    "quadratus_lumborum": "QL",
    "deep_back_muscle": "DB",
    "intervertebral_disc": "disc",
}
"""What the field writes onto the muscles; other structures get their initials."""

LEGEND_COLUMNS = 3
LEGEND_ROW_IN = 0.155
LEGEND_WIDTH_IN = 4.6
"""A legend of three columns below the picture: height of a row and width of all, inches."""

DASHES = (0, (5, 4))
HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.0, foreground="black")]
LINE_HALO: list[AbstractPathEffect] = [withStroke(linewidth=1.6, foreground="black")]
LETTER_HALO: list[AbstractPathEffect] = [withStroke(linewidth=2.4, foreground="black")]
"""Black rims: what is drawn on the scan stays readable on bone and on fat."""


def write_codes(ax: Axes, plane: Plane, shown: list[tuple[int, Region]]) -> None:
    """Each structure's code once, on the patient's left where it has sides."""
    codes = _codes(shown)
    once: dict[tuple[str, str], tuple[int, Region]] = {}
    for number, one in sorted(shown, key=lambda pair: pair[1].side == "right"):
        once.setdefault((one.structure, one.level), (number, one))
    for number, one in once.values():
        x, y, radius = roomiest_point(plane, number)
        inside = radius >= LETTERING_MM
        # Away from the midline of the picture, where the neighbours are.
        middle = sum(ax.get_xlim()) / 2
        aside = 16 if x < middle else -16
        ax.annotate(
            one.level or codes[one.structure],
            (x, y),
            xytext=(0, 0) if inside else (aside, 0),
            textcoords="offset points",
            ha="center",
            va="center",
            size=7,
            weight="bold",
            color=one.color,
            path_effects=LETTER_HALO,
            arrowprops=None if inside else {"arrowstyle": "-", "color": one.color, "lw": 0.6},
            zorder=5,
        )


def write_levels(ax: Axes, plane: Plane, shown: list[tuple[int, Region]]) -> None:
    """Each vertebra's level in front of its body."""
    done = set()
    ranks = {"vertebral_body": 0, "vertebra": 1}
    for number, one in sorted(shown, key=lambda pair: ranks.get(pair[1].structure, 2)):
        if one.structure not in ranks or one.level in done:
            continue
        done.add(one.level)
        columns, rows = np.nonzero(plane.numbers == number)
        front = columns.max()
        height = float(np.median(rows[columns >= front - (front - columns.min()) / 3]))
        ax.annotate(
            one.level,
            (front * plane.step[0], height * plane.step[1]),
            xytext=(-5, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            size=8,
            weight="bold",
            color="white",
            path_effects=LETTER_HALO,
            clip_on=True,
            zorder=6,
        )


def mark_slices(ax: Axes, plane: Plane, slice_levels: Mapping[str, int]) -> None:
    """A dashed line at each measured axial slice."""
    for level, index in slice_levels.items():
        height = index * plane.step[1]
        line = ax.axhline(height, color="white", linewidth=0.8, linestyle=DASHES, zorder=4)
        line.set_gid(f"slice-{level}")
        line.set_path_effects(LINE_HALO)
        ax.annotate(
            f"{level}: slice {index + 1}",
            (1, height),
            xycoords=("axes fraction", "data"),
            xytext=(-20, 2),
            textcoords="offset points",
            ha="right",
            va="bottom",
            size=6.5,
            color="white",
            path_effects=LETTER_HALO,
            zorder=6,
        )


def mark_directions(
    ax: Axes, *, left: str, right: str, top: str, bottom: str, middle: float = 0.5
) -> None:
    """Letters at the picture's edges; the upper and lower ones at `middle` of its width."""
    for text, x, y in (
        (left, 0.02, 0.5),
        (right, 0.98, 0.5),
        (top, middle, 0.98),
        (bottom, middle, 0.02),
    ):
        ax.text(
            x,
            y,
            text,
            transform=ax.transAxes,
            ha={0.02: "left", 0.98: "right"}.get(x, "center"),
            va={0.02: "bottom", 0.98: "top"}.get(y, "center"),
            size=10,
            weight="bold",
            color="white",
            path_effects=LETTER_HALO,
            zorder=6,
        )


def scale_bar(ax: Axes) -> None:
    """A bar of a round length, about a fifth of the picture's width."""
    start, stop = ax.get_xlim()
    width = abs(stop - start)
    length = min((1, 2, 5, 10, 20, 50, 100, 200), key=lambda mm: abs(np.log(mm * 5 / width)))
    text = f"{length // 10} cm" if length >= 10 else f"{length} mm"
    low, high = ax.get_ylim()
    y = low + 0.035 * (high - low)
    # x falls from the viewer's left to right in both views.
    x = start - 0.04 * width
    bar = ax.plot(
        [x, x - length],
        [y, y],
        color="white",
        linewidth=2.2,
        zorder=6,
        solid_capstyle="butt",
        path_effects=[withStroke(linewidth=3.6, foreground="black")],
    )
    bar[0].set_gid("scale-bar")
    ax.annotate(
        text,
        (x - length / 2, y),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        va="bottom",
        size=7,
        color="white",
        path_effects=LETTER_HALO,
        zorder=6,
    )


def corner(ax: Axes, text: str, *, size: float, top: bool) -> None:
    """Text in the upper left or the lower right corner."""
    ax.text(
        0.02 if top else 0.98,
        0.98 if top else 0.02,
        text,
        transform=ax.transAxes,
        ha="left" if top else "right",
        va="top" if top else "bottom",
        size=size,
        weight="bold" if top else "normal",
        linespacing=1.3,
        color="white",
        path_effects=LETTER_HALO,
        zorder=6,
    )


def window_text(limits: tuple[float, float], of: str) -> str:
    """What is shown from black to white."""
    unit = quantity(of).unit
    return f"{limits[0]:.4g} to {limits[1]:.4g} {unit}".replace("-", "\N{MINUS SIGN}").strip()


def legend_entries(shown: list[tuple[int, Region]], *, measured: bool = False) -> list[Line2D]:
    """A line and a name for every outlined structure."""
    codes, entries = _codes(shown), []
    for structure in dict.fromkeys(one.structure for _, one in shown):
        levels = sorted(
            {one.level for _, one in shown if one.structure == structure and one.level},
            key=lambda level: LEVELS.index(level.split("_")[0]),
        )
        name, code = _words(structure), codes[structure]
        if structure in SPINE_STRUCTURES:
            name = f"{'–'.join(dict.fromkeys((levels[0], levels[-1])))}  {name}" if levels else name
        elif structure not in DISC_STRUCTURES and code != name:
            name = f"{code}  {name}"
        color = next(one.color for _, one in shown if one.structure == structure)
        entries.append(Line2D([], [], color=color, linewidth=1.6, label=name, path_effects=HALO))
    if measured:
        entries.append(
            Line2D([], [], color=INK, linewidth=0.9, linestyle=DASHES, label="Measured slice")
        )
    return entries


def legend(ax: Axes, entries: list[Line2D]) -> None:
    """The entries in columns below the picture."""
    if not entries:
        return
    ax.legend(
        handles=entries,
        loc="upper center",
        bbox_to_anchor=(0.5, 0),
        ncols=min(LEGEND_COLUMNS, len(entries)),
        fontsize=7,
        frameon=False,
        labelcolor=INK,
        handlelength=1.6,
        columnspacing=1.4,
        borderaxespad=0.3,
        borderpad=0.2,
    )


def _codes(shown: list[tuple[int, Region]]) -> dict[str, str]:
    """Structure → the few letters written on it; the whole name where two would be the same."""
    structures = {one.structure for _, one in shown}
    short = {s: CODES.get(s) or _initials(s) for s in structures}
    often = Counter(short.values())
    return {s: code if often[code] == 1 else _words(s) for s, code in short.items()}


def _initials(structure: str) -> str:
    words = structure.split("_")
    if len(words) == 1:
        return structure[:2].title()
    return "".join(word if word.isdigit() else word[0].upper() for word in words)


def _words(structure: str) -> str:
    return structure.replace("_", " ").capitalize()
