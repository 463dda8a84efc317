"""The spinal canal of a CT: a path with bone at both ends of every diameter, and its direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

N_RAYS = 16
"""Directions in which a wall of bone is looked for around each point of a slice."""

WALL_MM = (7.0, 9.0, 11.0, 13.0, 15.0)
"""Distances at which the wall of a canal may lie, mm; half the width of a body is more."""

BONE_HU = 150.0
"""Middle of the gradual passage from soft tissue to bone, HU: a wall of 2 mm is half blurred."""

BONE_WIDTH_HU = 45.0

DENSE_SHARE, DENSE_SHIFT_HU = 0.37, (-30.0, 60.0)
"""The border of bone is taken at this share of what the densest tenth of a scan's bone begins with,
and moves by this much at most, HU: thin and fatty bone is darker."""

MOVE_MM = 6.0
"""Farthest that the canal moves within a slice from one slice to the next one, mm."""

MOVE_COST = 0.012
"""Price of moving by 1 mm squared from slice to slice, beside a score of 0 to 1."""

OFF_MIDLINE_MM, OFF_MIDLINE_COST = 60.0, 0.3
"""Price of lying this far from the middle of the trunk; a femur is a better ring than a canal."""

SEEN_SCORE = 0.30
"""Score along the path, evened out, from which it is a canal and not a bridge between two."""

STEADY_MM = 7.0
"""The path is evened out over this length, SD, mm."""

SYMMETRY_MM = (6.0, 62.0)
"""Distance from the canal at which the two halves of the body are compared, mm."""

N_ANGLES = 144

SYMMETRY_HU = (-150.0, 300.0)
"""Attenuation is clipped at this for the comparison, so that neither air nor metal rules it, HU."""

TURN_MM = 22.0
"""The direction is evened out over this length, SD, mm."""

HEADER_TRUST = 0.25
"""How much the front that the header states counts beside the likeness of the halves, 0 to 1."""

LARGEST_TWIST_DEG = 25.0
"""The direction at one height differs from that of the whole spine by less than this, degrees."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Canal:
    """The spinal canal, slice by slice of the working grid.

    Parameters
    ----------
    middle : (K, 2) mm from the first voxel to the right and to the front
    forwards : (K, 2) unit vector in the slice from the canal towards the bodies
    score : (K,) share of diameters with bone at both ends, evened out
    seen : (K,) whether a canal was seen on the slice; outside it goes on straight
    """

    middle: NDArray[np.float64]
    forwards: NDArray[np.float64]
    score: NDArray[np.float64]
    seen: NDArray[np.bool_]

    @property
    def turn_deg(self) -> float:
        """By how much the patient is turned about the long axis, degrees; 0 faces the front."""
        x, y = self.forwards[self.seen].mean(axis=0)
        return float(np.degrees(np.arctan2(-x, y)))


def canal(hu: NDArray[np.float32], step_mm: float) -> Canal | None:
    """The canal of a CT on a grid of equal spacing; None where there is none.

    Parameters
    ----------
    hu : (I, J, K), HU
    step_mm : distance between voxels along all axes, mm
    """
    every = max(round(4.0 / step_mm), 1)
    thick = np.stack(
        [hu[:, :, k : k + every].mean(axis=2) for k in range(0, hu.shape[2], every)], axis=0
    )
    dense = thick[thick > BONE_HU / 2]
    border = DENSE_SHARE * float(np.percentile(dense, 90)) if dense.size else BONE_HU
    shift = float(np.clip(BONE_HU - border, *DENSE_SHIFT_HU))
    scores = np.stack([_enclosed(plane, step_mm, shift) for plane in thick])
    pixels = _cheapest_path(1 - scores + _off_midline(thick, step_mm), step_mm)
    along = scores[np.arange(len(pixels)), pixels[:, 0], pixels[:, 1]]
    path = _between_pixels(pixels, scores)
    score = ndimage.gaussian_filter1d(along, 3.0)
    seen = _longest_run(score > SEEN_SCORE)
    if seen.sum() * every * step_mm < 40:
        return None
    heights = np.arange(hu.shape[2])
    coarse = np.arange(len(path)) * every + (every - 1) / 2
    rows = np.flatnonzero(seen)
    middle = np.stack(
        [
            ndimage.gaussian_filter1d(
                np.interp(heights, coarse[rows], path[rows, axis]),
                STEADY_MM / step_mm,
            )
            * step_mm
            for axis in (0, 1)
        ],
        axis=1,
    )
    is_seen = np.interp(heights, coarse, seen.astype(float)) > 0.5
    forwards = _forwards(hu, middle, is_seen, step_mm, every)
    return Canal(
        middle=middle, forwards=forwards, score=np.interp(heights, coarse, score), seen=is_seen
    )


def soft_bone(hu: NDArray[np.floating]) -> NDArray[np.float32]:
    """How much of a voxel is bone, 0 to 1, without a sharp border."""
    return np.asarray(1 / (1 + np.exp((BONE_HU - hu) / BONE_WIDTH_HU)), np.float32)


def _enclosed(plane: NDArray[np.float32], step_mm: float, shift_hu: float) -> NDArray[np.float32]:
    """Share of diameters with bone at both ends, of each pixel that is not bone itself."""
    bone = soft_bone(np.clip(plane, -200, 600) + shift_hu)
    reach = int(np.ceil(WALL_MM[-1] / step_mm)) + 1
    wide = np.pad(bone, reach)
    n_i, n_j = plane.shape
    walls = []
    for ray in range(N_RAYS):
        angle = 2 * np.pi * ray / N_RAYS
        best = np.zeros_like(bone)
        for radius in WALL_MM:
            i = reach + round(radius * np.cos(angle) / step_mm)
            j = reach + round(radius * np.sin(angle) / step_mm)
            np.maximum(best, wide[i : i + n_i, j : j + n_j], out=best)
        walls.append(best)
    half = N_RAYS // 2
    both = sum(np.minimum(walls[ray], walls[ray + half]) for ray in range(half)) / half
    inside = ndimage.uniform_filter(bone, round(7 / step_mm))
    soft = ndimage.gaussian_filter(np.clip(plane, -300, 300), 4 / step_mm)
    # What fills a canal is as dense as water or muscle, neither gas nor pure fat.
    return np.asarray(both * np.clip(1 - 1.5 * inside, 0, 1) * (soft > -60), np.float32)


def _off_midline(slices: NDArray[np.float32], step_mm: float) -> NDArray[np.float32]:
    """Price of each column, (K, I, 1), by its distance from the middle of the trunk."""
    inside = (slices > -300).sum(axis=2)
    columns = np.arange(slices.shape[1])
    middle = (inside @ columns) / np.maximum(inside.sum(axis=1), 1)
    away = (columns[None] - middle[:, None]) * step_mm / OFF_MIDLINE_MM
    return np.asarray(OFF_MIDLINE_COST * np.minimum(away**2, 1), np.float32)[:, :, None]


def _between_pixels(
    path: NDArray[np.intp], scores: NDArray[np.float32], reach: int = 3
) -> NDArray[np.float64]:
    """The path at the middle of the high scores around each of its pixels."""
    found = path.astype(float)
    for k, (i, j) in enumerate(path):
        low = max(i - reach, 0), max(j - reach, 0)
        near = scores[k, low[0] : i + reach + 1, low[1] : j + reach + 1]
        weight = np.clip(near - 0.7 * scores[k, i, j], 0, None)
        if weight.sum() > 0:
            found[k] = np.add(low, ndimage.center_of_mass(weight))
    return found


def _cheapest_path(cost: NDArray[np.float32], step_mm: float) -> NDArray[np.intp]:
    """Place on each slice, (K, 2), of the path whose costs and moves are least."""
    reach = round(MOVE_MM / step_mm)
    offsets = np.arange(-reach, reach + 1)
    price = MOVE_COST * step_mm**2 * (offsets[:, None] ** 2 + offsets[None] ** 2)
    totals = [cost[0]]
    for plane in cost[1:]:
        totals.append(plane + _least_nearby(totals[-1], price))
    path = [_least_at(totals[-1])]
    for total in totals[-2::-1]:
        i, j = path[-1]
        low = max(i - reach, 0), max(j - reach, 0)
        near = total[low[0] : i + reach + 1, low[1] : j + reach + 1]
        first = low[0] - i + reach, low[1] - j + reach
        paid = (
            near + price[first[0] : first[0] + near.shape[0], first[1] : first[1] + near.shape[1]]
        )
        di, dj = _least_at(paid)
        path.append((low[0] + di, low[1] + dj))
    return np.array(path[::-1])


def _least_at(values: NDArray[np.floating]) -> tuple[int, int]:
    i, j = divmod(int(values.argmin()), values.shape[1])
    return i, j


def _least_nearby(total: NDArray[np.float32], price: NDArray[np.floating]) -> NDArray[np.float32]:
    """For each pixel the least of its surroundings, the price of coming from there included.

    The price is a sum over the two axes, so the minimum is taken along one and then the other.
    """
    reach = price.shape[0] // 2
    line = price[reach]
    for axis in (0, 1):
        padded = np.pad(
            total,
            [(reach, reach) if a == axis else (0, 0) for a in (0, 1)],
            constant_values=np.inf,
        )
        best = np.full(total.shape, np.inf, np.float32)
        for shift, cost in enumerate(line):
            part = [slice(None), slice(None)]
            part[axis] = slice(shift, shift + total.shape[axis])
            np.minimum(best, padded[part[0], part[1]] + np.float32(cost), out=best)
        total = best
    return total


def _longest_run(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    runs, n_runs = ndimage.label(mask)
    if n_runs < 2:
        return mask
    sizes = np.bincount(runs)
    sizes[0] = 0
    return np.asarray(runs == sizes.argmax())


def _forwards(
    hu: NDArray[np.float32],
    middle: NDArray[np.float64],
    seen: NDArray[np.bool_],
    step_mm: float,
    every: int,
) -> NDArray[np.float64]:
    """The axis about which a slice is its own mirror image, pointing to the side with the body.

    Mirrored about an axis, the attenuation at an angle meets that at the mirrored angle: for all
    axes at once this is the circular convolution of each circle around the canal with itself.
    """
    radii = np.arange(SYMMETRY_MM[0], SYMMETRY_MM[1], 3.0)
    angles = 2 * np.pi * np.arange(N_ANGLES) / N_ANGLES
    x = radii[:, None] * np.cos(angles)
    y = radii[:, None] * np.sin(angles)
    rows = np.flatnonzero(seen)[::every]
    likeness = np.empty((rows.size, N_ANGLES))
    bone_there = np.empty((rows.size, N_ANGLES))
    near = (radii >= 12) & (radii <= 40)
    for n, k in enumerate(rows):
        places = (middle[k, 0] + x) / step_mm, (middle[k, 1] + y) / step_mm
        values = ndimage.map_coordinates(
            np.clip(hu[:, :, k], *SYMMETRY_HU), places, order=1, mode="nearest"
        )
        bone_there[n] = (soft_bone(values)[near] * radii[near, None]).sum(axis=0)
        values = values - values.mean(axis=1, keepdims=True)
        power = np.fft.fft(values, axis=1) ** 2
        folded = np.fft.ifft(power, axis=1).real / (values**2).sum(axis=1, keepdims=True).clip(1)
        likeness[n] = (folded * radii[:, None]).sum(axis=0) / radii.sum()
    # An axis at angle t maps t + d to t - d: their angles add up to 2t, which is two axes.
    axes = (2 * np.arange(N_ANGLES)) % N_ANGLES
    mirrored = likeness[:, axes]
    width = N_ANGLES // 3
    bone_side = ndimage.uniform_filter1d(bone_there, width, axis=1, mode="wrap")
    opposite = np.roll(bone_side, N_ANGLES // 2, axis=1)
    whole = mirrored.mean(axis=0) + 0.15 * (bone_side - opposite).mean(axis=0) / bone_side.mean()
    # The header says where the front is; only a clear sight of bodies elsewhere overrules it.
    whole += HEADER_TRUST * np.sin(angles)
    main = int(np.argmax(whole))
    reach = int(LARGEST_TWIST_DEG / 360 * N_ANGLES)
    window = (main + np.arange(-reach, reach + 1)) % N_ANGLES
    local = ndimage.gaussian_filter1d(
        mirrored[:, window], TURN_MM / (step_mm * every), axis=0, mode="nearest"
    )
    offset = _peak(local) - reach
    turned = angles[main] + np.interp(np.arange(len(middle)), rows, offset) * 2 * np.pi / N_ANGLES
    return np.stack([np.cos(turned), np.sin(turned)], axis=1)


def _peak(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each row is highest, between its entries too."""
    at = values.argmax(axis=1)
    inner = np.clip(at, 1, values.shape[1] - 2)
    rows = np.arange(len(values))
    before, here, after = (values[rows, inner + d] for d in (-1, 0, 1))
    bend = before - 2 * here + after
    shift = np.where(bend < 0, 0.5 * (before - after) / np.where(bend < 0, bend, -1), 0.0)
    return np.asarray(np.where(at == inner, inner + np.clip(shift, -0.5, 0.5), at))
