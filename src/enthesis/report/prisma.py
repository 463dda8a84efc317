"""The PRISMA 2020 flow diagram of one review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from matplotlib.patches import FancyArrowPatch, Rectangle

from enthesis.report.figures import INK, MUTED, new_figure
from enthesis.report.rows import number, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.review.flow import Flow

TEXT_POINTS = 8.0
LINE_POINTS = 11.0
PADDING_POINTS = 7.0
BOX_POINTS = 188.0
SIDE_POINTS = 196.0
GAP_POINTS = 20.0
BETWEEN_POINTS = 30.0
PHASE_POINTS = 17.0
MARGIN_POINTS = 9.0
"""Letters, lines, boxes and the room between them, points."""

PHASE_FILL = "#dbe7f3"
BOX_EDGE = "#5b6673"

SEVERAL = "Screening"
"""Phase that has several levels of boxes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """A box: its lines, the first of which names it."""

    lines: tuple[str, ...]
    width: float = BOX_POINTS

    @property
    def wrapped(self) -> tuple[str, ...]:
        inside = self.width - 2 * PADDING_POINTS
        return tuple(part for line in self.lines for part in _wrap(line, inside))

    @property
    def height(self) -> float:
        return LINE_POINTS * len(self.wrapped) + 2 * PADDING_POINTS


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """Boxes at one height: in the middle, and beside it what is left out there."""

    phase: str
    main: _Box
    out: _Box | None = None
    other: _Box | None = None
    other_out: _Box | None = None

    @property
    def height(self) -> float:
        boxes = (self.main, self.out, self.other, self.other_out)
        # Only screening has several levels: the other phases' names must fit beside one.
        name = text_width(self.phase, bold=True, points=TEXT_POINTS) + PADDING_POINTS
        room = 0.0 if self.phase == SEVERAL else name
        return max(room, *(box.height for box in boxes if box is not None))


def prisma_diagram(flow: Flow, *, ax: Axes | None = None) -> Axes:
    """The flow from records identified to studies included.

    Parameters
    ----------
    flow : counts, which add up
    ax : axes to draw on, at least as large as those of a new figure; a new figure if not given

    Returns
    -------
    Axes in points; boxes that a review does not report (reports sought, registers) are left out.

    References
    ----------
    Page et al. 2021, https://doi.org/10.1136/bmj.n71
    """
    levels = _levels(flow)
    other = any(level.other for level in levels)
    columns = [MARGIN_POINTS + PHASE_POINTS + GAP_POINTS / 2]
    columns.append(columns[0] + BOX_POINTS + BETWEEN_POINTS)
    columns.append(columns[1] + SIDE_POINTS + BETWEEN_POINTS)
    columns.append(columns[2] + BOX_POINTS + BETWEEN_POINTS)
    width = columns[3] + SIDE_POINTS if other else columns[1] + SIDE_POINTS
    width += MARGIN_POINTS
    title = LINE_POINTS + 2 * PADDING_POINTS + GAP_POINTS / 2
    height = sum(level.height + GAP_POINTS for level in levels) + title + MARGIN_POINTS
    if ax is None:
        figure = new_figure(width / 72, height / 72)
        ax = figure.add_axes((0, 0, 1, 1))
    ax.set_xlim(0, width)
    ax.set_ylim(height, 0)
    ax.set_axis_off()
    _titles(ax, columns, other)
    tops = _tops(levels, title)
    for level, top in zip(levels, tops, strict=True):
        _draw_level(ax, level, top, columns)
    _arrows_down(ax, levels, tops, columns)
    _phases(ax, levels, tops)
    return ax


def _levels(flow: Flow) -> list[_Level]:
    first = _Level(
        phase="Identification",
        main=_Box(
            lines=(
                "Records identified from:",
                *_sources("Databases", flow.databases),
                *_sources("Registers", flow.registers),
            )
        ),
        out=_Box(lines=("Records removed before screening:", *_removed(flow)), width=SIDE_POINTS),
        other=_other(("Records identified from:", *_named(flow.other_sources)), flow),
    )
    levels = [
        first,
        _Level(
            phase=SEVERAL,
            main=_one("Records screened", flow.screened),
            out=_one("Records excluded", flow.excluded, width=SIDE_POINTS),
        ),
    ]
    if flow.sought is not None or flow.other_sources:
        sought = flow.screened - flow.excluded if flow.sought is None else flow.sought
        levels.append(
            _Level(
                phase=SEVERAL,
                main=_one("Reports sought for retrieval", sought),
                out=_one("Reports not retrieved", flow.not_retrieved or 0, width=SIDE_POINTS),
                other=_other((f"Reports sought for retrieval {_n(flow.other_sought)}",), flow),
                other_out=_other(
                    (f"Reports not retrieved {_n(flow.other_not_retrieved)}",), flow, SIDE_POINTS
                ),
            )
        )
    levels.append(
        _Level(
            phase=SEVERAL,
            main=_one("Reports assessed for eligibility", flow.assessed),
            out=_reasons(flow.excluded_reports),
            other=_other((f"Reports assessed for eligibility {_n(flow.other_assessed)}",), flow),
            other_out=_reasons(flow.other_excluded) if flow.other_sources else None,
        )
    )
    levels.append(_Level(phase="Included", main=_Box(lines=_included(flow))))
    return levels


def _included(flow: Flow) -> tuple[str, ...]:
    lines = []
    if flow.previous_studies:
        lines.append(f"Studies of the earlier version {_n(flow.previous_studies)}")
    lines.append(f"Studies included in review {_n(flow.studies)}")
    if flow.reports is not None:
        lines.append(f"Reports of included studies {_n(flow.reports)}")
    if flow.pooled is not None:
        lines.append(f"Studies in the meta-analysis {_n(flow.pooled)}")
    return tuple(lines)


def _removed(flow: Flow) -> list[str]:
    lines = [f"Duplicate records {_n(flow.duplicates)}"]
    if flow.automation:
        lines.append(f"Marked as ineligible by automation tools {_n(flow.automation)}")
    if flow.removed_otherwise:
        lines.append(f"For other reasons {_n(flow.removed_otherwise)}")
    return lines


def _sources(kind: str, counts: Mapping[str, int]) -> list[str]:
    if not counts:
        return []
    total = f"{kind} {_n(sum(counts.values()))}"
    names = list(counts) if len(counts) == 1 else _named(counts)
    return [f"{total}:", *(f"   {name}" for name in names)]


def _named(counts: Mapping[str, int]) -> list[str]:
    return [f"{name} {_n(n)}" for name, n in counts.items()]


def _reasons(counts: Mapping[str, int]) -> _Box:
    total = sum(counts.values())
    head = f"Reports excluded {_n(total)}"
    if not counts or set(counts) == {"not specified"}:
        return _Box(lines=(head,), width=SIDE_POINTS)
    ordered = dict(sorted(counts.items(), key=lambda pair: -pair[1]))
    return _Box(
        lines=(
            f"{head}:",
            *(f"   {name[:1].upper()}{name[1:]} {_n(n)}" for name, n in ordered.items()),
        ),
        width=SIDE_POINTS,
    )


def _one(name: str, n: int, *, width: float = BOX_POINTS) -> _Box:
    return _Box(lines=(f"{name} {_n(n)}",), width=width)


def _other(lines: tuple[str, ...], flow: Flow, width: float = BOX_POINTS) -> _Box | None:
    return _Box(lines=lines, width=width) if flow.other_sources else None


def _n(n: int) -> str:
    # From 1 000 on, thousands stand apart, as in the forests' captions from 10 000 on.
    text = number(float(n), 0) if n < 1000 else f"{n:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return f"(n\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}{text})"


def _wrap(line: str, points: float) -> list[str]:
    indent = line[: len(line) - len(line.lstrip(" "))]
    lines = [""]
    for word in line.strip(" ").split(" "):
        longer = f"{lines[-1]} {word}".strip(" ")
        if lines[-1] and text_width(indent + longer, points=TEXT_POINTS) * 1.05 > points:
            lines.append(word)
        else:
            lines[-1] = longer
    return [indent + one for one in lines]


def _titles(ax: Axes, columns: Sequence[float], other: bool) -> None:
    spans = [(columns[0], columns[1] + SIDE_POINTS, "via databases and registers")]
    if other:
        spans.append((columns[2], columns[3] + SIDE_POINTS, "via other methods"))
    for left, right, how in spans:
        top, tall = MARGIN_POINTS, LINE_POINTS + 2 * PADDING_POINTS - 4
        ax.add_patch(
            Rectangle((left, top), right - left, tall, facecolor="#f6e3c5", edgecolor="none")
        )
        ax.text(
            (left + right) / 2,
            top + tall / 2,
            f"Identification of studies {how}",
            ha="center",
            va="center",
            size=TEXT_POINTS,
            weight="bold",
            color=INK,
        )


def _tops(levels: Sequence[_Level], start: float) -> list[float]:
    tops, at = [], start + MARGIN_POINTS
    for level in levels:
        tops.append(at)
        at += level.height + GAP_POINTS
    return tops


def _draw_level(ax: Axes, level: _Level, top: float, columns: Sequence[float]) -> None:
    boxes = (level.main, level.out, level.other, level.other_out)
    middle = top + level.height / 2
    for box, left in zip(boxes, columns, strict=True):
        if box is None:
            continue
        y = middle - box.height / 2
        patch = Rectangle(
            (left, y), box.width, box.height, facecolor="white", edgecolor=BOX_EDGE, linewidth=0.9
        )
        patch.set_gid("box")
        ax.add_patch(patch)
        for i, line in enumerate(box.wrapped):
            ax.text(
                left + PADDING_POINTS,
                y + PADDING_POINTS + (i + 0.5) * LINE_POINTS,
                line,
                ha="left",
                va="center",
                size=TEXT_POINTS,
                color=INK,
                parse_math=False,
            )
    for pair, left in ((boxes[:2], columns[0]), (boxes[2:], columns[2])):
        if pair[0] is not None and pair[1] is not None:
            right = left + pair[0].width
            _arrow(ax, (right, middle), (right + BETWEEN_POINTS, middle))


def _arrows_down(
    ax: Axes, levels: Sequence[_Level], tops: Sequence[float], columns: Sequence[float]
) -> None:
    places = [(level, top + level.height / 2) for level, top in zip(levels, tops, strict=True)]
    x = columns[0] + BOX_POINTS / 2
    for (level, y), (below, y_below) in pairwise(places):
        _arrow(ax, (x, y + level.main.height / 2), (x, y_below - below.main.height / 2))
    others = [(level.other, y) for level, y in places if level.other is not None]
    if not others:
        return
    x_other = columns[2] + BOX_POINTS / 2
    for (box, y), (below_box, y_below) in pairwise(others):
        _arrow(ax, (x_other, y + box.height / 2), (x_other, y_below - below_box.height / 2))
    last, y = others[-1]
    _, y_included = places[-1]
    ax.plot(
        [x_other, x_other], [y + last.height / 2, y_included], color=INK, linewidth=0.9, zorder=1
    )
    _arrow(ax, (x_other, y_included), (columns[0] + BOX_POINTS, y_included))


def _arrow(ax: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    ax.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=8,
            color=INK,
            linewidth=0.9,
            shrinkA=0,
            shrinkB=0,
        )
    )


def _phases(ax: Axes, levels: Sequence[_Level], tops: Sequence[float]) -> None:
    for phase in dict.fromkeys(level.phase for level in levels):
        own = [
            (top, top + level.height)
            for level, top in zip(levels, tops, strict=True)
            if level.phase == phase
        ]
        top, bottom = own[0][0], own[-1][1]
        ax.add_patch(
            Rectangle(
                (MARGIN_POINTS, top),
                PHASE_POINTS,
                bottom - top,
                facecolor=PHASE_FILL,
                edgecolor="none",
            )
        )
        ax.text(
            MARGIN_POINTS + PHASE_POINTS / 2,
            (top + bottom) / 2,
            phase,
            rotation=90,
            ha="center",
            va="center",
            size=TEXT_POINTS,
            weight="bold",
            color=MUTED,
        )
