"""The calibration curve: share of events over predicted risk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.report.figures import BLUE, INK, MUTED
from enthesis.report.panels import panel
from enthesis.report.rows import SMALL_POINTS, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.cohort.calibration import Calibration

SIDE_IN = 3.0

BINS = 40
"""Bars of the histogram of risks below the curve."""

BAR_SHARE = 0.08
"""Height of its highest bar as a share of the panel's."""


def calibration(result: Calibration, *, ax: Axes | None = None) -> Axes:
    """Smooth calibration curve, the ideal diagonal, and how the predicted risks spread.

    Parameters
    ----------
    result : calibration of predicted risks
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "curve", "ideal" and "risks".
    """
    intercept = (result.intercept, result.intercept_lower, result.intercept_upper)
    slope = (result.slope, result.slope_lower, result.slope_upper)
    ax = panel(
        SIDE_IN,
        SIDE_IN,
        xlabel="Predicted risk",
        ylabel="Share with the event",
        caption=(
            f"{result.n} subjects, {result.n_events} events; bars: their predicted risks. "
            f"Intercept {_three(intercept)}, slope {_three(slope)}. "
            f"ICI {number(result.ici, 3)}, Brier score {number(result.brier, 3)}."
        ),
        ax=ax,
    )
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, label="ideal", gid="ideal")
    ax.plot(
        result.predicted,
        np.clip(result.smooth, 0, 1),
        color=BLUE,
        linewidth=1.8,
        label="smooth curve (lowess)",
        gid="curve",
    )
    heights, edges = np.histogram(result.predicted, bins=BINS, range=(0, 1))
    ax.vlines(
        (edges[:-1] + edges[1:]) / 2,
        -2 * BAR_SHARE,
        -2 * BAR_SHARE + BAR_SHARE * heights / heights.max(),
        color=INK,
        linewidth=1.2,
        gid="risks",
    )
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-2 * BAR_SHARE - 0.02, 1.02)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.legend(loc="upper left", fontsize=SMALL_POINTS, frameon=False)
    return ax


def _three(numbers: tuple[float, float, float]) -> str:
    middle, low, high = (number(x) for x in numbers)
    return f"{middle} ({low} to {high})"
