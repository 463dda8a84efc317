"""A projected hip with the axes and cuts that its structure was measured on."""

from __future__ import annotations

from matplotlib.axes import Axes

from enthesis.bone.hip import HipStructure
from enthesis.image import Image
from enthesis.report import lettering, rows
from enthesis.report.figures import INK, new_figure
from enthesis.report.rows import number

HEIGHT_IN = 5.0
ROOM_IN = 0.5
"""Height of the picture, and room for the scale at its left and below."""

NAME_MM = 30.0
"""Room that the longest name of a cut takes at this size, mm of a usual hip."""

AXIS, CUT = "#56b4e9", "#e69f00"
"""Sky blue and orange of Okabe and Ito's palette: light on black, and apart for everybody."""


def hip(image: Image, result: HipStructure, *, ax: Axes | None = None) -> Axes:
    """The density image in mm, axes in blue, cuts in orange with their names.

    Parameters
    ----------
    image : `areal_bmd`, one slice
    result : measured on it
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "neck-axis", "shaft-axis" and "cut-" with each cut's name.
    """
    density = image.array[::-1, ::-1, 0].T
    across, down = image.spacing[:2]
    width, height = density.shape[1] * across, density.shape[0] * down
    if ax is None:
        wide = HEIGHT_IN * width / height
        total = wide + ROOM_IN + 0.1, HEIGHT_IN + ROOM_IN + 0.1
        ax = new_figure(*total).add_axes(
            (ROOM_IN / total[0], ROOM_IN / total[1], wide / total[0], HEIGHT_IN / total[1])
        )
    ax.imshow(
        density,
        cmap="gray",
        vmin=0,
        extent=(-across / 2, width - across / 2, height - down / 2, -down / 2),
        aspect="equal",
        interpolation="bilinear",
    )
    marks = result.landmarks
    for name, line, color in (
        ("neck-axis", result.axis, AXIS),
        ("shaft-axis", (marks.shaft_upper, marks.shaft_lower), AXIS),
        *((f"cut-{place}", ends, CUT) for place, ends in result.cuts.items()),
    ):
        (drawn,) = ax.plot(*zip(*line, strict=True), color=color, linewidth=1.6, zorder=3)
        drawn.set_path_effects(lettering.LINE_HALO)
        drawn.set_gid(name)
    for place, ends in result.cuts.items():
        # To the right of the cut, unless its name would leave the picture there.
        at_right = max(ends)[0] + NAME_MM < width
        ax.annotate(
            place,
            max(ends) if at_right else min(ends),
            xytext=(4 if at_right else -4, 0),
            textcoords="offset points",
            ha="left" if at_right else "right",
            va="center",
            size=rows.SMALL_POINTS,
            color=CUT,
            path_effects=lettering.LETTER_HALO,
            zorder=4,
        )
    ax.set_xlim(-across / 2, width - across / 2)
    ax.set_ylim(height - down / 2, -down / 2)
    ax.tick_params(labelsize=rows.SMALL_POINTS, colors=INK, length=3)
    ax.set_xlabel("mm", size=rows.SMALL_POINTS, color=INK, labelpad=1)
    ax.set_ylabel("mm", size=rows.SMALL_POINTS, color=INK, labelpad=1)
    text = (
        f"neck-shaft angle {number(result.neck_shaft_deg, 1)}°\n"
        f"neck axis {number(result.neck_axis_length_mm, 1)} mm"
    )
    ax.text(
        0.97,
        0.98,
        text,
        transform=ax.transAxes,
        ha="right",
        va="top",
        size=8,
        weight="bold",
        linespacing=1.3,
        color="white",
        path_effects=lettering.LETTER_HALO,
        zorder=6,
    )
    return ax
