"""ROC curves of one number or several."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from enthesis.errors import InputError
from enthesis.report.figures import BLUE, INK, MUTED, VERMILLION
from enthesis.report.panels import panel
from enthesis.report.rows import SMALL_POINTS, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.cohort.roc import Roc

SIDE_IN = 3.0

LOOKS = ((BLUE, "-"), (VERMILLION, (0, (5, 2))), (INK, (0, (1, 1.5))), (MUTED, (0, (5, 1, 1, 1))))
"""Colour and dashes of each curve, so that neither alone has to tell them apart."""


def roc(curves: Mapping[str, Roc], *, ax: Axes | None = None) -> Axes:
    """Sensitivity over 1 - specificity, a curve for each name.

    Parameters
    ----------
    curves : name → ROC curve, up to four
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are the names, and "chance".

    Raises
    ------
    InputError : no curve, or more than four.
    """
    if not 1 <= len(curves) <= len(LOOKS):
        raise InputError(f"one to {len(LOOKS)} ROC curves can be told apart, got {len(curves)}")
    first = next(iter(curves.values()))
    ax = panel(
        SIDE_IN,
        SIDE_IN,
        xlabel="1 \N{MINUS SIGN} specificity",
        ylabel="Sensitivity",
        caption=(
            f"{first.n_events} subjects with the event, {first.n_others} without. "
            f"Area under the curve with DeLong's {100 * first.level:g}% CI."
        ),
        ax=ax,
    )
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=0.6, gid="chance")
    for (name, one), (color, dashes) in zip(curves.items(), LOOKS, strict=False):
        area = f"{number(one.auc)} ({number(one.ci_lower)} to {number(one.ci_upper)})"
        ax.plot(
            1 - one.specificity,
            one.sensitivity,
            color=color,
            linestyle=dashes,
            linewidth=1.6,
            label=f"{name}: {area}",
            gid=name,
        )
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(-0.02, 1.02)
    ax.set_aspect("equal")
    ax.legend(loc="lower right", fontsize=SMALL_POINTS, frameon=False)
    return ax
