"""Fascicles found between two aponeuroses."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.muscle.architecture import Line
from enthesis.muscle.ultrasound_search import PIXEL_MM, responses

FASCICLE_MM = (0.30, 3.0)
"""SD across and along of the fascicles looked for, mm."""

PENNATION_DEG = (5.0, 55.0)
"""Angles to the deep aponeurosis between which fascicles are looked for, degrees.

Shallower lines cannot be told from the aponeurosis' own; the calf reaches 10 to 20 degrees at rest
and 50 in contraction.
"""

MARGIN_MM = 1.2
"""Left free below and above the aponeuroses, which are bright lines too, mm."""

MOST_FASCICLES = 10
WEAKEST_FASCICLE = 0.35
FASCICLE_ENDS = 0.3
FASCICLE_GAP_MM = 1.2
SAME_DIRECTION_DEG = 8.0
"""Fascicles kept: how many; how bright beside the clearest one; where along it one ends, as a share
of its own brightest place; least distance between two; greatest angle to the main direction."""

SHORTEST_MM = 3.0
"""Shorter bright pieces are speckle, mm."""

FEWEST_FASCICLES = 3
"""With fewer, the direction rests on chance and is flagged."""

DIRECTIONS_DEG = np.arange(-70.0, 71.0, 2.0)
"""Directions tried, degrees; alike to both sides, so that each has its mirror image among them."""


def fascicles_between(
    values: NDArray[np.float64], superficial: Line, deep: Line
) -> tuple[list[NDArray[np.float64]], list[str]]:
    """The clearest fascicles, each by its two ends in mm from the first pixel, and doubts.

    Parameters
    ----------
    values : (rows, columns) of a searched picture
    superficial, deep : aponeuroses, in mm from its first pixel
    """
    rows, columns = np.arange(values.shape[0])[:, None], np.arange(values.shape[1])[None]
    depth = rows * PIXEL_MM
    upper, lower = (line.depth_mm + line.slope * columns * PIXEL_MM for line in (superficial, deep))
    margin = max(MARGIN_MM, 0.08 * float((lower - upper).mean()))
    inside = (depth > upper + margin) & (depth < lower - margin)
    if not inside.any():
        return [], ["nothing lies between the aponeuroses: no fascicle was looked for"]
    main, flags = _direction(values, inside, deep.angle_deg)
    angles = main + np.arange(-SAME_DIRECTION_DEG, SAME_DIRECTION_DEG + 0.5)
    maps = np.clip(np.stack(list(responses(values, FASCICLE_MM, angles))), 0, None) * inside
    pieces = _pieces(maps, angles)
    if len(pieces) < FEWEST_FASCICLES:
        flags.append(f"only {len(pieces)} fascicles were seen clearly: check them on the picture")
    return pieces, flags


def _direction(
    values: NDArray[np.float64], inside: NDArray[np.bool_], deep_deg: float
) -> tuple[float, list[str]]:
    """The direction with most energy beyond that of its mirror image.

    Speckle is drawn out along the probe alike to both sides, so the difference is free of it.
    """
    top = float(np.percentile(np.abs(values[inside]), 99))
    energy = [
        float((np.clip(response, 0, 4 * top)[inside] ** 2).sum())
        for response in responses(values, FASCICLE_MM, DIRECTIONS_DEG)
    ]
    beyond = ndimage.gaussian_filter1d(np.array(energy) - energy[::-1], 1.0)
    pennation = np.abs(DIRECTIONS_DEG - deep_deg)
    low, high = PENNATION_DEG
    beyond[(pennation < low) | (pennation > high)] = -np.inf
    best = int(beyond.argmax())
    main = _peak_angle(beyond, DIRECTIONS_DEG, best)
    if not np.isfinite(beyond[max(best - 1, 0) : best + 2]).all():
        doubt = (
            f"the fascicles' main direction lies at the edge of the {low:g} to {high:g} degrees "
            "searched: check it on the picture"
        )
        return main, [doubt]
    return main, []


def _pieces(maps: NDArray[np.float64], angles: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """The clearest separate pieces, each by its two ends, mm."""
    best, clear = maps.argmax(axis=0), maps.max(axis=0)
    brightest = float(clear.max())
    left = clear.copy()
    rows, columns = np.indices(clear.shape)
    found: list[NDArray[np.float64]] = []
    tries = 0
    while len(found) < MOST_FASCICLES and tries < 4 * MOST_FASCICLES:
        tries += 1
        row, column = divmod(int(left.argmax()), left.shape[1])
        peak = float(left[row, column])
        if peak < WEAKEST_FASCICLE * brightest or peak <= 0:
            break
        angle = _peak_angle(maps[:, row, column], angles, int(best[row, column]))
        dx, dy = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        ends = [_end(left, row, column, sign * dy, sign * dx, peak) for sign in (-1, 1)]
        piece = np.array([[x, y] for y, x in ends]) * PIXEL_MM
        along = (columns - column) * dx + (rows - row) * dy
        across = (rows - row) * dx - (columns - column) * dy
        start, stop = ((x - column) * dx + (y - row) * dy for y, x in ends)
        taken = (
            (np.abs(across) < FASCICLE_GAP_MM / PIXEL_MM)
            & (along >= start - 1)
            & (along <= stop + 1)
        )
        left[taken] = 0
        left[row, column] = 0
        if float(np.linalg.norm(piece[1] - piece[0])) >= SHORTEST_MM:
            found.append(piece)
    return found


def _peak_angle(heights: NDArray[Any], angles: NDArray[np.float64], best: int) -> float:
    """The angle of the highest response, between steps by a parabola."""
    if not 0 < best < angles.size - 1 or not np.isfinite(heights[best - 1 : best + 2]).all():
        return float(angles[best])
    low, top, high = heights[best - 1 : best + 2].tolist()
    bend = low - 2 * top + high
    shift = 0.0 if bend >= 0 else 0.5 * (low - high) / bend
    return float(angles[best] + shift * (angles[1] - angles[0]))


def _end(
    left: NDArray[np.float64], row: int, column: int, dy: float, dx: float, peak: float
) -> tuple[float, float]:
    """Row and column where a piece stops being seen."""
    n = 0
    while True:
        y, x = row + (n + 1) * dy, column + (n + 1) * dx
        i, j = round(y), round(x)
        inside = 0 <= i < left.shape[0] and 0 <= j < left.shape[1]
        if not inside or left[i, j] < FASCICLE_ENDS * peak:
            break
        n += 1
    return row + n * dy, column + n * dx
