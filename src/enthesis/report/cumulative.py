"""The same model again and again: as studies are added, and without each of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from enthesis.errors import InputError
from enthesis.report import marks, rows
from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION
from enthesis.report.marks import Bars
from enthesis.report.panels import panel
from enthesis.report.rows import Column, interval, number, p_cell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.evidence.fit import Fit
    from enthesis.evidence.many import ManyFits
    from enthesis.evidence.sequential import Sequential

KINDS = {"cumulative": ("Adding", "+ "), "leave-one-out": ("Without", "− ")}
"""What the refits are: header of the names, and what stands before each."""


def refit_forest(
    fits: ManyFits,
    *,
    kind: Literal["cumulative", "leave-one-out"],
    names: Sequence[str],
    xlabel: str,
    whole: Fit | None = None,
    directions: tuple[str, str] | None = None,
    null: float = 0.0,
    ax: Axes | None = None,
) -> Axes:
    """A row per refit: the pooled effect with its interval, and the heterogeneity.

    Parameters
    ----------
    fits : of one pooled effect, from `evidence.cumulative` or `evidence.leave_one_out`
    kind : which of the two
    names : of what was added, or left out
    xlabel : name and unit of the effect
    whole : the model on everything, whose estimate is drawn as a line and a last row
    directions, null, ax : as in `forest`

    Returns
    -------
    Axes; the artists' gids are "intervals" and "estimates", and "pooled" for the last row.

    Raises
    ------
    InputError : moderators, or not a name for every refit.
    """
    if len(fits.names) != 1:
        raise InputError(f"refits of one pooled effect are drawn, these have {len(fits.names)}")
    if len(names) != len(fits.k):
        raise InputError(f"{len(fits.k)} refits need {len(fits.k)} names, got {len(names)}")
    table = fits.to_frame()
    header, sign = KINDS[kind]
    middle, lower, upper = (
        table[name].to_numpy(dtype=float) for name in ("estimate", "ci_lower", "ci_upper")
    )
    last = [] if whole is None else [len(names)]
    all_names = [f"{sign}{name}" for name in names]
    effects = [interval(*one) for one in zip(middle, lower, upper, strict=True)]
    ks, p = [str(k) for k in fits.k], table["p_value"].to_numpy(dtype=float)
    ps = [p_cell(float(one)) for one in p]
    tau2 = [number(float(one)) for one in fits.tau2]
    if whole is not None:
        pooled = whole.predict().iloc[0]
        all_names.append("All")
        effects.append(interval(*pooled[["estimate", "ci_lower", "ci_upper"]]))
        ks.append(str(whole.k))
        ps.append(p_cell(float(whole.p_values[0])))
        tau2.append(number(whole.tau2))
    bold = frozenset(last)
    columns = [
        Column(header=header, cells=all_names, align="left", side="left"),
        Column(header="k", cells=ks, side="left"),
        Column(header=f"Effect [{100 * fits.level:g}% CI]", cells=effects),
        Column(header="p", cells=ps),
        Column(header="τ²", cells=tau2),
    ]
    how = "added one at a time" if kind == "cumulative" else "left out one at a time"
    model = f"{whole.model}, " if whole is not None else ""
    caption = rows.wrap(
        f"{model}{fits.method} ({fits.test} test); {how}. k: effects pooled; lines: "
        f"{100 * fits.level:g}% CI.",
        rows.points_across(columns, bold),
    )
    below = marks.room_below(directions)
    ax = rows.row_axes(columns, bold=bold, caption=caption, below_points=below, ax=ax)
    bars = Bars(row=np.arange(len(names)), middle=middle, lower=lower, upper=upper)
    ends = marks.limits(bars, [null, *(middle[np.isfinite(middle)])])
    marks.axis(ax, ends, xlabel=xlabel, null=null, directions=directions)
    marks.intervals(ax, bars)
    ax.scatter(middle, bars.row, s=22, color=BLUE, linewidths=0, zorder=3).set_gid("estimates")
    if whole is not None:
        summary = Bars(
            row=np.array(last),
            middle=np.array([float(pooled["estimate"])]),
            lower=np.array([float(pooled["ci_lower"])]),
            upper=np.array([float(pooled["ci_upper"])]),
        )
        marks.diamonds(ax, summary)
        ax.axvline(summary.middle[0], color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    return ax


def sequential_plot(monitored: Sequential, *, names: Sequence[str], ax: Axes | None = None) -> Axes:
    """The growing z against the sequential boundaries, by share of the required information.

    Parameters
    ----------
    monitored : from `evidence.sequential.monitor`
    names : of the looks
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "z" and "boundary".
    """
    looks = monitored.looks
    x, z = looks["fraction"].to_numpy(), looks["z"].to_numpy()
    bound = looks["boundary"].to_numpy()
    tall = 1.15 * max(float(np.abs(z).max()), 4.0)
    finite = np.isfinite(bound)
    ax = panel(
        4.6,
        2.9,
        xlabel="Share of the required information",
        ylabel="z",
        caption=(
            f"Exploratory. Dots: z of the pooled effect as each of {len(z)} studies is added, with "
            "the variance between studies of all of them. Solid: O'Brien-Fleming-type boundaries, "
            f"two-sided error {monitored.alpha:g}, for an effect of {number(monitored.delta)} with "
            f"power {monitored.power:g}. Dotted: ±1.96 of a single look."
        ),
        ax=ax,
    )
    for sign in (-1, 1):
        ax.plot(
            x[finite],
            sign * bound[finite],
            color=VERMILLION,
            linewidth=1.3,
            marker="_",
            markersize=6,
            zorder=2,
        )[0].set_gid("boundary")
        ax.axhline(sign * 1.959964, color=MUTED, linewidth=0.7, linestyle=(0, (1, 2)), zorder=1)
    ax.axhline(0, color=INK, linewidth=0.6, zorder=1)
    ax.axvline(1, color=MUTED, linewidth=0.8, linestyle=(0, (4, 3)), zorder=1)
    ax.plot(x, z, color=BLUE, linewidth=1.2, marker="o", markersize=3.6, zorder=3)[0].set_gid("z")
    ax.set_ylim(-tall, tall)
    ax.set_xlim(0, max(1.05, 1.04 * float(x.max())))
    where = monitored.first_crossed
    if where is not None:
        ax.annotate(
            f"crossed: {names[where]}",
            (x[where], z[where]),
            # Between the boundaries and the single look's, where neither line runs.
            xytext=(0.98, 0.5 + 0.12 * float(np.sign(z[where]))),
            textcoords="axes fraction",
            ha="right",
            va="center",
            size=rows.SMALL_POINTS,
            color=INK,
            arrowprops={"arrowstyle": "-", "color": MUTED, "lw": 0.6, "shrinkB": 3},
            parse_math=False,
        )
    return ax
