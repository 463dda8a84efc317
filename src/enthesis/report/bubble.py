"""The bubble plot: effects against a moderator, and the line of a model through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError
from enthesis.report.figures import BLUE, INK, VERMILLION
from enthesis.report.panels import panel
from enthesis.report.rows import interval, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.evidence.fit import Fit

LARGEST_PT2 = 90.0
SMALLEST_PT2 = 6.0
"""Area of the heaviest bubble, and the least that is still seen, points squared."""

STEPS = 60
"""Points along the line."""


def bubble(
    fit: Fit,
    moderator: str,
    *,
    xlabel: str,
    ylabel: str,
    study: str = "study",
    ax: Axes | None = None,
) -> Axes:
    """Effects against one numeric moderator of a model, with the model's line and its interval.

    Parameters
    ----------
    fit : a model with this moderator; its other moderators are held at their average
    moderator : a coefficient that is a column of numbers
    xlabel, ylabel : names and units
    study : column by which studies are counted if it is there
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "effects", "line" and "interval".

    Raises
    ------
    InputError : no such coefficient, or one of a category.

    Notes
    -----
    Areas are in proportion to the inverse of each effect's variance under the model.
    """
    if moderator not in fit.names or moderator not in fit.data.columns:
        raise InputError(
            f"no numeric moderator {moderator!r} in this model; it has {', '.join(fit.names)}"
        )
    place = fit.names.index(moderator)
    x = fit.design[:, place]
    slope, lower, upper, p = (
        float(fit.to_frame()[column][moderator])
        for column in ("estimate", "ci_lower", "ci_upper", "p_value")
    )
    percent = f"{100 * fit.level:g}%"
    rest = "; other moderators at their average" if fit.p > 2 else ""
    counted = f"{fit.k} effects"
    if study in fit.data.columns:
        counted += f" from {fit.data[study].nunique()} studies"
    caption = (
        f"Slope {interval(slope, lower, upper, 3)}, p {p_value(p)}. Line: {fit.model}, "
        f"{fit.method}, with {percent} CI{rest}. {counted}; area in proportion to weight."
    )
    ax = panel(3.9, 2.8, xlabel=xlabel, ylabel=ylabel, caption=caption, ax=ax)
    grid = np.linspace(x.min(), x.max(), STEPS)
    design = np.tile(fit.design.mean(axis=0), (STEPS, 1))
    design[:, place] = grid
    line = fit.predict(design)
    weights = 1 / fit.marginal.diagonal()
    ax.axhline(0, color=INK, linewidth=0.6, zorder=1)
    ax.fill_between(
        grid, line["ci_lower"], line["ci_upper"], color=VERMILLION, alpha=0.16, lw=0, zorder=2
    ).set_gid("interval")
    ax.plot(grid, line["estimate"], color=VERMILLION, linewidth=1.4, zorder=4)[0].set_gid("line")
    ax.scatter(
        x,
        fit.effects,
        s=np.maximum(LARGEST_PT2 * weights / weights.max(), SMALLEST_PT2),
        facecolors=BLUE,
        edgecolors="white",
        linewidths=0.5,
        alpha=0.55,
        zorder=3,
    ).set_gid("effects")
    return ax
