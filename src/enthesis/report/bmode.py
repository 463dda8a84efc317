"""An ultrasound picture with the lines that were traced or found on it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from enthesis.image import Image
from enthesis.muscle.architecture import Architecture, Landmarks
from enthesis.muscle.ultrasound import picture
from enthesis.report import lettering, rows
from enthesis.report.figures import INK, new_figure
from enthesis.report.rows import number

WIDTH_IN = 5.2
TICKS_IN = 0.5
BELOW_IN = 0.62
"""Width of the picture; room for depths at its left; room for widths and the legend below it."""

APONEUROSIS = "#56b4e9"
FASCICLE = "#f0e442"
"""Sky blue and yellow of Okabe and Ito's palette: light on black, and apart for everybody."""


def bmode(
    image: Image, landmarks: Landmarks, result: Architecture, *, ax: Axes | None = None
) -> Axes:
    """The picture in mm with aponeuroses, fascicles and what they gave.

    Parameters
    ----------
    image : `echo_intensity`, one slice
    landmarks : traced or found on it
    result : from these landmarks
    ax : axes to draw on; a new figure if not given

    Returns
    -------
    Axes; the artists' gids are "superficial", "deep" and "fascicle-1" and so on. Fascicles are
    drawn as far as they are seen.
    """
    grey = picture(image)
    across, down = image.spacing[:2]
    left, top, right, bottom = _shown(grey, landmarks, across, down)
    if ax is None:
        high = WIDTH_IN * (bottom - top) / (right - left)
        width, height = WIDTH_IN + TICKS_IN, high + BELOW_IN + 0.08
        ax = new_figure(width, height).add_axes(
            (TICKS_IN / width, BELOW_IN / height, WIDTH_IN / width - 0.01, high / height)
        )
    ax.imshow(
        grey,
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(
            -across / 2,
            (grey.shape[1] - 0.5) * across,
            (grey.shape[0] - 0.5) * down,
            -down / 2,
        ),
        aspect="equal",
        interpolation="bilinear",
    )
    ax.set_xlim(left, right)
    ax.set_ylim(bottom, top)
    for name in ("superficial", "deep"):
        _draw(ax, getattr(landmarks, name), APONEUROSIS, name)
    for i, one in enumerate(landmarks.fascicles, start=1):
        _draw(ax, one, FASCICLE, f"fascicle-{i}")
    ax.tick_params(labelsize=rows.SMALL_POINTS, colors=INK, length=3)
    ax.set_xlabel("Along the probe, mm", size=rows.SMALL_POINTS, color=INK, labelpad=1)
    ax.set_ylabel("Depth, mm", size=rows.SMALL_POINTS, color=INK, labelpad=1)
    lettering.corner(ax, _text(result), size=8, top=True)
    ax.legend(
        handles=[
            Line2D([], [], color=APONEUROSIS, lw=1.6, label="aponeurosis"),
            Line2D([], [], color=FASCICLE, lw=1.6, label=f"fascicle, {landmarks.origin}"),
        ],
        loc="upper center",
        bbox_to_anchor=(0.5, -0.30 / max(ax.get_position().height * _inches(ax), 0.1)),
        ncols=2,
        frameon=True,
        facecolor="#444444",
        labelcolor="white",
        fontsize=rows.SMALL_POINTS,
    )
    return ax


def _shown(
    grey: NDArray[np.uint8], landmarks: Landmarks, across: float, down: float
) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what is shown, mm: the tissue that was searched."""
    lines = [landmarks.superficial, landmarks.deep, *landmarks.fascicles]
    points = np.concatenate(lines)
    width, height = grey.shape[1] * across, grey.shape[0] * down
    left, right = float(points[:, 0].min()), float(points[:, 0].max())
    below = float(points[:, 1].max()) + 0.3 * (right - left)
    return max(left - 1, 0), 0.0, min(right + 1, width), min(below, height)


def _draw(ax: Axes, line: NDArray[np.float64], color: str, gid: str) -> None:
    (drawn,) = ax.plot(*line.T, color=color, linewidth=1.4, solid_capstyle="round", zorder=3)
    drawn.set_path_effects(lettering.LINE_HALO)
    drawn.set_gid(gid)


def _text(result: Architecture) -> str:
    return (
        f"thickness {number(result.thickness_mm, 1)} mm\n"
        f"pennation {number(result.pennation_deg, 1)}°\n"
        f"fascicle {number(result.fascicle_length_mm, 0)} mm"
    )


def _inches(ax: Axes) -> float:
    figure = ax.get_figure(root=True)
    return 1.0 if figure is None else float(figure.get_size_inches()[1])
