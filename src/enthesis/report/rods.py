"""The rods of a calibration phantom as they were found, and the line through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.patches import Circle

from enthesis.maps.rods import INNER_SHARE
from enthesis.report.figures import BLUE, INK, VERMILLION, new_figure
from enthesis.report.panels import panel
from enthesis.report.rows import number

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.image import Image
    from enthesis.maps.calibration import Calibration
    from enthesis.maps.rods import Rod

WINDOW_HU = (-200.0, 500.0)
"""Shown from black to white: water and the densest rods in one picture."""

AROUND_MM = 25.0
"""Shown around the rods, mm."""

WIDTH_IN = 5.2


def rods_found(
    image: Image, rods: Sequence[Rod], densities: Sequence[float], *, ax: Axes | None = None
) -> Axes:
    """The rods on the middle slice, seen from the feet, with their densities.

    Circles are what was measured, without the rods' rims; an inferred rod has another colour.

    Parameters
    ----------
    image : in HU
    rods : in the order of the densities
    densities : of the certificate, mg/cm3
    ax : axes to draw on; a new figure if not given
    """
    centres = np.array([rod.centre_mm for rod in rods])
    radius = max(rod.radius_mm for rod in rods)
    edge_i, edge_j, _ = image.spacing
    # Places in mm from the first voxel's centre, as the picture is drawn.
    into = np.linalg.inv(image.affine)
    places = (centres @ into[:3, :3].T + into[:3, 3])[:, :2] * [edge_i, edge_j]
    low = np.maximum(places.min(axis=0) - radius - AROUND_MM, 0)
    ends = (np.array(image.shape[:2]) - 1) * [edge_i, edge_j]
    high = np.minimum(places.max(axis=0) + radius + AROUND_MM, ends)
    if ax is None:
        height = WIDTH_IN * float((high - low)[1] / (high - low)[0])
        ax = new_figure(WIDTH_IN, height).add_axes((0.0, 0.0, 1.0, 1.0))
    ax.imshow(
        image.array[:, :, image.shape[2] // 2].T,
        origin="lower",
        cmap="gray",
        vmin=WINDOW_HU[0],
        vmax=WINDOW_HU[1],
        extent=(-edge_i / 2, ends[0] + edge_i / 2, -edge_j / 2, ends[1] + edge_j / 2),
    )
    for rod, density, (x, y) in zip(rods, densities, places, strict=True):
        color = VERMILLION if rod.inferred else BLUE
        outline = Circle(
            (x, y), rod.radius_mm * INNER_SHARE, fill=False, edgecolor=color, linewidth=1.4
        )
        outline.set_gid("rod")
        ax.add_patch(outline)
        ax.annotate(
            number(density, 0),
            (x, y + rod.radius_mm),
            xytext=(0, 3),
            textcoords="offset points",
            ha="center",
            size=8,
            color="white",
        )
    # Low x is the patient's left, which radiology shows on the viewer's right.
    ax.set_xlim(high[0], low[0])
    ax.set_ylim(low[1], high[1])
    ax.set_axis_off()
    for x, side, where in ((0.01, "R", "left"), (0.99, "L", "right")):
        ax.text(x, 0.04, side, transform=ax.transAxes, ha=where, color="white", weight="bold")
    return ax


def rods_line(
    calibration: Calibration,
    rods: Sequence[Rod],
    densities: Sequence[float],
    *,
    ax: Axes | None = None,
) -> Axes:
    """Density over HU of the rods, and the line that turns one into the other.

    Parameters
    ----------
    calibration : the line
    rods, densities : as in `rods_found`
    ax : axes to draw on; a new figure if not given
    """
    ax = panel(
        WIDTH_IN - 1.0,
        2.6,
        xlabel="Attenuation, HU",
        ylabel=f"Density, mg/cm³ {calibration.material}",
        caption=f"{calibration.summary()}.",
        ax=ax,
    )
    hounsfield = np.array([rod.hounsfield for rod in rods])
    ends = np.array([hounsfield.min(), hounsfield.max()])
    ax.plot(ends, calibration.density(ends), color=INK, linewidth=1.2, gid="line")
    ax.scatter(hounsfield, densities, color=BLUE, s=26, zorder=3, gid="rods")
    return ax
