"""A slice across a limb's bone with the outlines of its parts."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from enthesis.image import Image
from enthesis.report.figures import new_figure

COLORS = ("#D55E00", "#56B4E9", "#F0E442", "#CC79A7")
"""Okabe and Ito's, of different lightness, in the order of the parts."""

AROUND_MM = 5.0
"""Shown around the bone, mm."""


def limb_slice(
    image: Image,
    parts: Mapping[str, NDArray[np.bool_]],
    *,
    slice_index: int = 0,
    ax: Axes | None = None,
) -> Axes:
    """One slice in shades of grey with its parts outlined.

    Parameters
    ----------
    image : density or attenuation
    parts : name → mask of the slice, (I, J), the largest first
    slice_index : 0..K-1
    ax : to draw into; a new figure if left out
    """
    if ax is None:
        ax = new_figure(5.5, 5.2).add_subplot()
    edge_i, edge_j = image.spacing[:2]
    plane = image.array[:, :, slice_index]
    low, high = np.nanquantile(plane, [0.01, 0.999])
    extent = (0.0, plane.shape[0] * edge_i, 0.0, plane.shape[1] * edge_j)
    ax.imshow(plane.T, origin="lower", cmap="gray", vmin=low, vmax=high, extent=extent)
    handles = []
    for color, (name, mask) in zip(COLORS, parts.items(), strict=False):
        if mask.any():
            ax.contour(
                (np.arange(mask.shape[0]) + 0.5) * edge_i,
                (np.arange(mask.shape[1]) + 0.5) * edge_j,
                mask.T.astype(float),
                levels=[0.5],
                colors=color,
                linewidths=1.2,
            )
            handles.append(Line2D([], [], color=color, label=name))
    whole = np.argwhere(np.any(list(parts.values()), axis=0))
    if whole.size:
        low_corner = whole.min(axis=0) * [edge_i, edge_j] - AROUND_MM
        high_corner = (whole.max(axis=0) + 1) * [edge_i, edge_j] + AROUND_MM
        ax.set_xlim(max(low_corner[0], 0), min(high_corner[0], extent[1]))
        ax.set_ylim(max(low_corner[1], 0), min(high_corner[1], extent[3]))
    ax.set_xlabel("mm")
    ax.set_ylabel("mm")
    ax.legend(handles=handles, loc="upper right", fontsize="small", framealpha=0.85)
    return ax
