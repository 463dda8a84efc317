"""The orchard plot: every effect of each category, its mean, and where a new one would fall."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.report import marks, rows
from enthesis.report.figures import BLUE, INK, VERMILLION
from enthesis.report.marks import Bars
from enthesis.report.rows import Column, interval, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

SPREAD_ROWS = 0.30
"""Effects of a category lie at most so far off its row."""

GOLDEN = 0.6180339887498949
"""Multiples of it, without their whole part, spread evenly however many there are."""

LARGEST_PT2, SMALLEST_PT2 = 46.0, 4.0
"""Area of the most precise effect's disc, and the least that is still seen, points squared."""

ROWS_HIGH = 3
"""Rows of text that a category takes."""


def orchard(
    fit: Fit,
    by: str,
    *,
    xlabel: str,
    names: Mapping[str, str] | None = None,
    header: str = "",
    study: str = "study",
    null: float = 0.0,
    directions: tuple[str, str] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Means of a model's categories with confidence and prediction intervals, over the effects.

    Parameters
    ----------
    fit : a model with the factor `by`; its other moderators are held at their average
    by : the factor
    xlabel : name and unit of the effect
    names : category → its printed name
    header : what the categories are
    study : column by which studies are counted if it is there
    null, directions : as in `forest`
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "effects", "intervals", "prediction" and "means".

    Raises
    ------
    InputError : the model has no such factor.

    References
    ----------
    Nakagawa S et al. 2021, doi:10.1002/jrsm.1424
    """
    terms = fit.spec.terms if fit.spec is not None else {}
    if by not in terms or by in fit.names:
        known = [name for name in terms if name not in fit.names]
        raise InputError(
            f"no factor {by!r} in this model; it has {', '.join(known) or 'no factors'}"
        )
    values = fit.data[by].to_numpy(dtype=str)
    levels = list(dict.fromkeys(sorted(values)))
    if hasattr(fit.data[by], "cat"):
        levels = [str(one) for one in fit.data[by].cat.categories if str(one) in levels]
    means = fit.predict(_settings(fit, by, values, levels))
    counts = [int((values == level).sum()) for level in levels]
    columns = [
        Column(
            header=header,
            cells=_middle([(names or {}).get(level, level) for level in levels]),
            align="left",
            side="left",
        ),
        Column(header="k", cells=_middle([str(n) for n in counts]), side="left"),
        Column(
            header=f"Mean [{100 * fit.level:g}% CI]",
            cells=_middle([interval(*row[:3]) for row in _numbers(means)]),
        ),
        Column(
            header="Prediction interval",
            cells=_middle([f"[{number(row[3])}, {number(row[4])}]" for row in _numbers(means)]),
        ),
    ]
    if study in fit.data.columns:
        studies = [fit.data[study][values == level].nunique() for level in levels]
        columns.insert(
            2, Column(header="Studies", cells=_middle([str(n) for n in studies]), side="left")
        )
    bars, ends = _ends(fit, means, null)
    caption = rows.wrap(_caption(fit, by, ends), rows.points_across(columns, frozenset()))
    ax = rows.row_axes(
        columns,
        bold=frozenset(),
        caption=caption,
        below_points=marks.room_below(directions),
        ax=ax,
    )
    marks.axis(ax, ends, xlabel=xlabel, null=null, directions=directions)
    _draw(ax, fit, values, levels, bars, _numbers(means))
    return ax


def _settings(fit: Fit, by: str, values: NDArray[np.str_], levels: list[str]) -> Floats:
    """A design row per category: its own columns of the factor, the average of all others."""
    own = list(fit.spec.terms[by]) if fit.spec is not None else []
    design = np.tile(fit.design.mean(axis=0), (len(levels), 1))
    for i, level in enumerate(levels):
        design[i, own] = fit.design[int(np.argmax(values == level)), own]
    return design


def _numbers(means: pd.DataFrame) -> Floats:
    columns = ["estimate", "ci_lower", "ci_upper", "pi_lower", "pi_upper"]
    return np.asarray(means[columns], dtype=float)


def _middle(cells: list[str]) -> list[str]:
    """Each text in the middle of the rows that its category takes."""
    out = []
    for cell in cells:
        out += ["", cell, ""]
    return out


def _ends(fit: Fit, means: pd.DataFrame, null: float) -> tuple[Bars, tuple[float, float]]:
    """The means with their confidence intervals, a row each, and the ends of the axis."""
    table = _numbers(means)
    centre = np.arange(len(table)) * ROWS_HIGH + 1
    bars = Bars(row=centre, middle=table[:, 0], lower=table[:, 1], upper=table[:, 2])
    reach = [np.concatenate([fit.effects, table[:, place]]) for place in (0, 3, 4)]
    every = Bars(
        row=np.zeros(len(reach[0]), dtype=np.intp), middle=reach[0], lower=reach[1], upper=reach[2]
    )
    return bars, marks.limits(every, [null, *table[:, 1], *table[:, 2]])


def _draw(
    ax: Axes,
    fit: Fit,
    values: NDArray[np.str_],
    levels: list[str],
    bars: Bars,
    table: Floats,
) -> None:
    twigs = Bars(row=bars.row, middle=table[:, 0], lower=table[:, 3], upper=table[:, 4])
    place = np.zeros(fit.k)
    for i, level in enumerate(levels):
        inside = np.flatnonzero(values == level)
        step = (np.arange(1, len(inside) + 1) * GOLDEN) % 1.0 - 0.5
        place[inside] = bars.row[i] + 2 * SPREAD_ROWS * ROWS_HIGH * step
    low, high = ax.get_xlim()
    shown = (fit.effects >= low) & (fit.effects <= high)
    weights = 1 / fit.variances
    ax.scatter(
        fit.effects[shown],
        place[shown],
        s=np.maximum(LARGEST_PT2 * weights / weights.max(), SMALLEST_PT2)[shown],
        color=BLUE,
        edgecolors="white",
        linewidths=0.4,
        alpha=0.45,
        zorder=2,
    ).set_gid("effects")
    if np.isfinite(table[:, 3]).all():
        marks.intervals(ax, twigs, color=INK, linewidth=1.0, gid="prediction")
    marks.intervals(ax, bars, color=INK, linewidth=3.2)
    ax.scatter(
        bars.middle, bars.row, s=44, color=VERMILLION, edgecolors="white", linewidths=0.8, zorder=5
    ).set_gid("means")


def _caption(fit: Fit, by: str, ends: tuple[float, float]) -> str:
    n_terms = len(fit.spec.terms) if fit.spec is not None else 0
    rest = " Other moderators at their average." if n_terms > 2 else ""
    outside = int(((fit.effects < ends[0]) | (fit.effects > ends[1])).sum())
    beyond = f" Beyond the axis: {outside} of the effects." if outside else ""
    return (
        f"{fit.model}, {fit.method}, moderator {by}; {fit.k} effects. Disc: mean; thick line: "
        f"{100 * fit.level:g}% CI; thin line: prediction interval; circles: effects, area in "
        f"proportion to precision.{rest}{beyond}"
    )
