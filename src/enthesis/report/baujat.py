"""The Baujat plot: who makes the heterogeneity, and who moves the result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.report.figures import BLUE
from enthesis.report.panels import POINT_PT, name_points, panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def baujat(
    shares: pd.DataFrame, *, names: Sequence[str], what: str = "effects", ax: Axes | None = None
) -> Axes:
    """Each effect's share of the heterogeneity against its pull on the pooled effect.

    Parameters
    ----------
    shares : from `evidence.baujat`, with columns x and y
    names : of its rows; those farthest out are written first, and as many as find room
    what : a point is one of these, for the caption
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the points' gid is "points".

    Raises
    ------
    InputError : not a name for every row.

    References
    ----------
    Baujat B et al. 2002, doi:10.1002/sim.1221
    """
    if len(names) != len(shares):
        raise InputError(f"{len(shares)} points need {len(shares)} names, got {len(names)}")
    usable = shares[["x", "y"]].notna().all(axis=1).to_numpy()
    x, y = (shares[name].to_numpy()[usable] for name in ("x", "y"))
    kept = [name for name, there in zip(names, usable, strict=True) if there]
    ax = panel(
        3.9,
        2.9,
        xlabel="Squared Pearson residual (share of the heterogeneity)",
        ylabel="Squared change of the pooled effect",
        caption=(
            f"{len(x)} {what}. To the right: they disagree with the rest; above: the pooled "
            "effect depends on them."
        ),
        ax=ax,
    )
    points = ax.scatter(x, y, s=POINT_PT, color=BLUE, edgecolors="white", linewidths=0.5, zorder=3)
    points.set_gid("points")
    points.set_clip_on(False)
    ax.set_xlim(0, 1.18 * float(x.max()) or 1.0)
    ax.set_ylim(0, 1.08 * float(y.max()) or 1.0)
    far = np.hypot(x / (x.max() or 1.0), y / (y.max() or 1.0))
    order = np.argsort(-far, kind="stable")
    name_points(ax, x[order], y[order], [kept[i] for i in order])
    return ax
