"""Scan slices with their regions outlined, as a radiologist reads them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
from matplotlib.axes import Axes
from scipy import ndimage

from enthesis.anatomy import DISC_STRUCTURES, SPINE_STRUCTURES, Region
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap, check_same_grid
from enthesis.report import lettering
from enthesis.report.figures import new_figure
from enthesis.report.lettering import HALO, LEGEND_COLUMNS, LEGEND_ROW_IN, LEGEND_WIDTH_IN
from enthesis.report.plane import Plane, bodies_column, body_box, shown_regions, spine_box

SOFT_TISSUE_WINDOW = (-160.0, 240.0)
"""Attenuation shown from black to white, HU: the abdominal soft-tissue window, 400 wide at 40."""

SMOOTHING_VOXELS = 0.8
"""Width of the Gaussian that turns a staircase of voxels into an outline, voxels."""

RIM = 4
"""Voxels around a region's mask while it is smoothed: past the reach of the Gaussian."""

PICTURE_WIDTH_IN = 5.2
PICTURE_HEIGHT_IN = 6.4
"""Largest size of a picture that makes its own figure, inches."""


def axial_overlay(
    image: Image,
    labels: LabelMap,
    *,
    slice_index: int,
    level: str = "",
    structures: Iterable[str] | None = None,
    window: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """One axial slice in radiological display with its regions outlined.

    The patient's left is on the viewer's right, anterior is up; x and y are mm from the first
    voxel's centre towards the patient's right and front.

    Parameters
    ----------
    image, labels : (I, J, K) on one grid
    slice_index : 0..K-1, counted from the feet
    level : vertebral level to print on the picture
    structures : structures of `anatomy` to outline; all muscles, bones and discs if not given
    window : values shown black and white, in the image's unit; if not given soft tissue for CT,
        the 1st to 99.5th percentile for other images
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes

    Raises
    ------
    InputError : slice outside the image, unknown structure, or a window that is not increasing.
    GridError : labels on another grid than the image.

    Notes
    -----
    An outline is the contour of the slightly smoothed mask at the height where it encloses as many
    voxels as the mask, so that smoothing does not shrink what is shown.
    """
    check_same_grid(image, labels)
    _check_index(slice_index, image.shape[2], "slice_index", "slices")
    plane = Plane(
        values=image.array[:, :, slice_index],
        numbers=labels.array[:, :, slice_index],
        step=image.spacing[:2],
    )
    shown = shown_regions(plane, labels, structures)
    left, right, low, high = body_box(plane, image.quantity)
    entries = lettering.legend_entries(shown)
    ax = _axes(ax, right - left, high - low, len(entries))
    limits = _draw_scan(ax, plane, image.quantity, window)
    # Low x is the patient's left, which radiology shows on the viewer's right.
    ax.set_xlim(right, left)
    ax.set_ylim(low, high)
    for number, one in shown:
        _outline(ax, plane, number, one)
    lettering.write_codes(ax, plane, shown)
    lettering.legend(ax, entries)
    lettering.mark_directions(ax, left="R", right="L", top="A", bottom="P")
    lettering.scale_bar(ax)
    where = f"slice {slice_index + 1} of {image.shape[2]}"
    lettering.corner(ax, f"{level}\n{where}" if level else where, size=9, top=True)
    lettering.corner(ax, lettering.window_text(limits, image.quantity), size=6.5, top=False)
    return ax


def sagittal_overlay(
    image: Image,
    labels: LabelMap,
    *,
    slice_levels: Mapping[str, int],
    position: int | None = None,
    window: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """A sagittal slice through the vertebral bodies with the measured axial slices marked.

    Anterior is on the viewer's left, superior is up; x and y are mm from the first voxel's centre
    towards the patient's front and head.

    Parameters
    ----------
    image, labels : (I, J, K) on one grid
    slice_levels : vertebral level → index along K of the slice measured there
    position : index along I of the view; through the bodies' centroids if not given
    window : as in `axial_overlay`
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes

    Raises
    ------
    InputError : position or a slice outside the image, or no vertebra to choose the position by.
    GridError : labels on another grid than the image.
    """
    check_same_grid(image, labels)
    for level, index in slice_levels.items():
        _check_index(index, image.shape[2], f"the slice of {level}", "slices")
    if position is None:
        position = bodies_column(labels)
    _check_index(position, image.shape[0], "position", "sagittal slices")
    plane = Plane(
        values=image.array[position], numbers=labels.array[position], step=image.spacing[1:]
    )
    spine = SPINE_STRUCTURES | DISC_STRUCTURES | {"sacrum"}
    shown = shown_regions(plane, labels, spine)
    back, front, low, high = spine_box(plane, image.quantity, labels, slice_levels)
    entries = lettering.legend_entries(shown, measured=bool(slice_levels))
    ax = _axes(ax, front - back, high - low, len(entries))
    limits = _draw_scan(ax, plane, image.quantity, window)
    ax.set_xlim(front, back)
    ax.set_ylim(low, high)
    for number, one in shown:
        _outline(ax, plane, number, one)
    lettering.write_levels(ax, plane, shown)
    lettering.mark_slices(ax, plane, slice_levels)
    lettering.legend(ax, entries)
    lettering.mark_directions(ax, left="A", right="P", top="S", bottom="I", middle=0.36)
    lettering.scale_bar(ax)
    lettering.corner(ax, lettering.window_text(limits, image.quantity), size=6.5, top=False)
    return ax


def _check_index(index: int, n: int, name: str, what: str) -> None:
    if not 0 <= index < n:
        raise InputError(f"{name} is {index}, but the image has {what} 0 to {n - 1}; choose one")


def _axes(ax: Axes | None, width_mm: float, height_mm: float, n_entries: int) -> Axes:
    if ax is None:
        scale = min(PICTURE_WIDTH_IN / width_mm, PICTURE_HEIGHT_IN / height_mm)
        width, height = width_mm * scale, height_mm * scale
        wide = max(width, LEGEND_WIDTH_IN)
        below = LEGEND_ROW_IN * math.ceil(n_entries / LEGEND_COLUMNS) + 0.08
        figure = new_figure(wide, height + below)
        ax = figure.add_axes(
            (
                (wide - width) / 2 / wide,
                below / (height + below),
                width / wide,
                height / (height + below),
            )
        )
    ax.set_facecolor("black")
    ax.set_xticks([])
    ax.set_yticks([])
    for spine in ax.spines.values():
        spine.set_visible(False)
    return ax


def _draw_scan(
    ax: Axes, plane: Plane, of: str, window: tuple[float, float] | None
) -> tuple[float, float]:
    if window is None and of == "hounsfield":
        window = SOFT_TISSUE_WINDOW
    elif window is None:
        # A map holds no number where there was no signal.
        shown = plane.values[np.isfinite(plane.values)]
        low, high = np.percentile(shown, (1, 99.5)).tolist() if shown.size else (0.0, 1.0)
        window = (low, max(high, low + 1e-6))
    if not window[0] < window[1]:
        raise InputError(f"a window is (black, white) with black below white, got {window}")
    ax.imshow(
        plane.values.T,
        cmap="gray",
        vmin=window[0],
        vmax=window[1],
        origin="lower",
        extent=plane.extent,
        aspect="equal",
        interpolation="bilinear",
    )
    return window


def _outline(ax: Axes, plane: Plane, number: int, one: Region) -> None:
    mask = plane.numbers == number
    columns, rows = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    box = mask[columns[0] : columns[-1] + 1, rows[0] : rows[-1] + 1]
    # A rim of zeros closes the outlines of regions that touch the picture's edge.
    smooth = ndimage.gaussian_filter(np.pad(box.astype(np.float64), RIM), SMOOTHING_VOXELS)
    n = int(np.count_nonzero(box))
    ranked = np.sort(smooth, axis=None)[::-1]
    height = float(ranked[n - 1] + ranked[n]) / 2
    (dx, dy), (nx, ny) = plane.step, smooth.shape
    contour = ax.contour(
        (np.arange(nx) + columns[0] - RIM) * dx,
        (np.arange(ny) + rows[0] - RIM) * dy,
        smooth.T,
        levels=[height],
        colors=[one.color],
        linewidths=1.1,
        zorder=3,
    )
    contour.set_path_effects(HALO)
    contour.set_gid(f"outline-{one.name}")
