"""The subjects of each group as points, with the groups' means."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.report.figures import BLUE, VERMILLION
from enthesis.report.panels import panel
from enthesis.report.rows import TEXT_POINTS, number, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.cohort.group_results import OutcomeGroups

GROUP_IN = 1.1
HEIGHT_IN = 2.8
"""Room across for each group, and height of the panel."""

SPREAD = 0.24
"""Points stand at most this far from the middle of their group."""

GOLDEN = (5**0.5 - 1) / 2
"""Multiples of it, without their whole part, fill an interval evenly and in no visible order."""

MANY_POINTS = 2000
"""More subjects than this are drawn as pixels, small and faint."""


def groups(result: OutcomeGroups, *, ylabel: str, ax: Axes | None = None) -> Axes:
    """Every subject's value by group, and each group's (adjusted) mean with its interval.

    Parameters
    ----------
    result : one outcome in the groups
    ylabel : name and unit of the outcome
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes with group i at x = i; the artists' gids are "subjects" and "means".
    """
    width = GROUP_IN * len(result.groups)
    ax = panel(width, HEIGHT_IN, xlabel="", ylabel=ylabel, caption=_caption(result), ax=ax)
    table = result.outcome.subjects
    places = {group.name: i for i, group in enumerate(result.groups)}
    shown = table[table["value"].notna()]
    shift = (np.arange(1, len(shown) + 1) * GOLDEN) % 1 - 0.5
    many = len(shown) > MANY_POINTS
    ax.scatter(
        shown["group"].map(places).to_numpy(dtype=float) + 2 * SPREAD * shift,
        shown["value"],
        s=4 if many else 12,
        color=BLUE,
        alpha=0.2 if many else 0.55,
        linewidths=0,
        rasterized=many,
        gid="subjects",
    )
    means = result.means
    reach = np.vstack([means.means - means.ci_lower, means.ci_upper - means.means])
    drawn = ax.errorbar(
        [places[name] for name in means.groups],
        means.means,
        yerr=reach,
        fmt="D",
        markersize=5,
        color=VERMILLION,
        capsize=5,
        linewidth=1.6,
        zorder=4,
    )
    drawn.lines[0].set_gid("means")
    ax.set_xlim(-0.5, len(places) - 0.5)
    ax.set_xticks(
        list(places.values()),
        [f"{group.name}\nn = {group.n}" for group in result.groups],
        size=TEXT_POINTS,
    )
    ax.tick_params(axis="x", length=0)
    return ax


def _caption(result: OutcomeGroups) -> str:
    means = result.means
    at = "; ".join(f"{name} {number(value)}" for name, value in means.covariates.items())
    digits = int(np.clip(2 - np.floor(np.log10(means.sd)), 0, 6))
    adjusted = f" adjusted to {at}" if at else ""
    between = means.between
    test = f"F({between.df1}, {between.df2}) = {number(between.f)}, p {p_value(between.p_value)}"
    lines = [
        f"Points: subjects; diamonds: means{adjusted} with {100 * means.level:g}% CI.",
        f"All groups alike: {test}.",
    ]
    if result.linear is not None:
        linear = result.linear
        lines.append(
            f"Change per stage: {number(linear.estimate, digits)} "
            f"({number(linear.ci_lower, digits)} to {number(linear.ci_upper, digits)}), "
            f"p {p_value(linear.p_value)}."
        )
    return " ".join(lines)
