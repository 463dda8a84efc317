"""Rods of a calibration phantom: discs of one size in a row, found in the mean of all slices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image

LEVELS_HU = tuple(range(-200, 1500, 20))
"""Thresholds tried. A rod stands out at some level between itself and what surrounds it."""

SMOOTHING_MM = 1.0
"""SD of the smoothing before thresholds, mm: below a rod's radius, above the grain of noise."""

ROUNDNESS = 0.9
"""Share of a region that must lie in the disc of its own area about its centre."""

EVENNESS_HU = 100.0
"""Largest SD inside a rod of the mean slice, HU; marrow within its cortex exceeds it."""

INNER_SHARE = 0.65
"""Share of the radius that is measured: the rim holds part of the surroundings."""

EDGE = (0.85, 1.15)
"""Radii, as shares of the rod's, between which its edge lies."""

N_ANGLES = 48
"""Directions in which the edge is looked for."""

EDGE_PERCENTILE = 30
"""The step that 70% of the directions reach. The mean would be drawn to the phantom's own border,
where a part of the directions ends in air."""

CONTRAST_HU = 30.0
"""Least step from surroundings to rod that is seen, HU; the grain of a sharp kernel stays below."""

ALIKE = 0.2
"""Radii and distances within this share of each other count as one phantom's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rod:
    """One rod of a phantom.

    Parameters
    ----------
    centre_mm : patient's right, front and head, mm, in the middle slice
    radius_mm : mm
    hounsfield : mean of the inner part over all slices, HU
    sd : of the same voxels, HU
    n_voxels : how many
    inferred : placed by the row of the others, because it does not stand out
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float
    hounsfield: float
    sd: float
    n_voxels: int
    inferred: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Disc:
    i: float
    j: float
    radius: float
    mean: float


def find_rods(
    image: Image, *, n_rods: int, diameters_mm: tuple[float, float] = (8, 30)
) -> tuple[Rod, ...]:
    """The rods of a phantom under the body, from the lowest HU to the highest.

    Parameters
    ----------
    image : in HU, the rods along K
    n_rods : how many the phantom has, at least three
    diameters_mm : smallest and largest that a rod may have, mm

    Returns
    -------
    n_rods rods. One rod whose HU are those of the phantom's body cannot be seen; if one is missing
    at an end of the row it is placed by continuing the row, and marked `inferred`.

    Raises
    ------
    InputError : not in HU, or no row of as many rods.

    Notes
    -----
    Round regions of even attenuation are collected over many thresholds; the longest row with one
    radius, one distance between neighbours and HU in order is the phantom. Centres are where
    the edge at that radius is clearest all around, and faint rods are looked for where
    the row goes on. Rods of different sizes, in a circle, or not in order of density must be given
    to `measure_rods`.
    """
    if image.quantity != "hounsfield":
        raise InputError(f"rods are found in HU, got an image of {image.quantity!r}")
    if n_rods < 3:
        raise InputError(f"a row is told from chance by three rods or more, got n_rods={n_rods}")
    flat = image.array.mean(axis=2, dtype=np.float64)
    seen = _longest_row(_discs(flat, image.spacing, diameters_mm), n_rods)
    if len(seen) < 3:
        raise InputError(
            f"a row of {n_rods} rods was wanted, the longest found has {len(seen)}; "
            "give the centres to measure_rods"
        )
    radius = float(np.median([disc.radius for disc in seen]))
    smooth = _smoothed(flat, image.spacing)
    places = [_settled(smooth, disc.i, disc.j, radius, image.spacing)[:2] for disc in seen]
    inferred = False
    while len(places) < n_rods and not inferred:
        i, j = (3 * a - 3 * b + c for a, b, c in zip(*places[:3], strict=True))
        if not _within(flat.shape, i, j, radius, image.spacing):
            break
        at_i, at_j, height = _settled(smooth, i, j, radius, image.spacing)
        inferred = height < CONTRAST_HU
        places.insert(0, (i, j) if inferred else (at_i, at_j))
    rods = tuple(
        _measured(image, i, j, radius, inferred=inferred and n == 0)
        for n, (i, j) in enumerate(places)
    )
    ordered = all(one.hounsfield < other.hounsfield for one, other in pairwise(rods))
    if len(rods) != n_rods or not ordered or rods[0].hounsfield < LEVELS_HU[0]:
        raise InputError(
            f"a row of {n_rods} rods in order of HU was wanted, found "
            f"{[round(rod.hounsfield) for rod in rods]} HU; give the centres to measure_rods"
        )
    return rods


def measure_rods(
    image: Image, centres_mm: Sequence[tuple[float, float, float]], *, radius_mm: float
) -> tuple[Rod, ...]:
    """Rods at given places, in the order given.

    Parameters
    ----------
    image : in HU, the rods along K
    centres_mm : (right, front, head) of any point on each rod's axis, mm
    radius_mm : of a rod, mm; the inner part is measured

    Raises
    ------
    InputError : not in HU, or a rod that reaches outside the image.
    """
    if image.quantity != "hounsfield":
        raise InputError(f"rods are measured in HU, got an image of {image.quantity!r}")
    into = np.linalg.inv(image.affine)
    places = [(into @ [*centre, 1.0])[:2] for centre in centres_mm]
    return tuple(_measured(image, float(i), float(j), radius_mm) for i, j in places)


def _distances(
    shape: tuple[int, ...], i: float, j: float, spacing: tuple[float, float, float]
) -> NDArray[np.float64]:
    along = (np.arange(shape[0]) - i) * spacing[0]
    across = (np.arange(shape[1]) - j) * spacing[1]
    apart: NDArray[np.float64] = np.hypot(along[:, None], across[None, :])
    return apart


def _measured(image: Image, i: float, j: float, radius: float, *, inferred: bool = False) -> Rod:
    inner = _distances(image.shape[:2], i, j, image.spacing) <= INNER_SHARE * radius
    if not _within(image.shape[:2], i, j, INNER_SHARE * radius, image.spacing) or not inner.any():
        raise InputError(f"the rod about voxel ({i:.0f}, {j:.0f}) is not wholly inside the image")
    values = image.array[inner].astype(np.float64)
    x, y, z, _ = image.affine @ [i, j, (image.shape[2] - 1) / 2, 1.0]
    return Rod(
        centre_mm=(float(x), float(y), float(z)),
        radius_mm=radius,
        hounsfield=float(values.mean()),
        sd=float(values.std()),
        n_voxels=values.size,
        inferred=inferred,
    )


def _smoothed(
    flat: NDArray[np.float64], spacing: tuple[float, float, float]
) -> NDArray[np.float64]:
    smooth: NDArray[np.float64] = ndimage.gaussian_filter(
        flat, [SMOOTHING_MM / s for s in spacing[:2]]
    )
    return smooth


def _discs(
    flat: NDArray[np.float64],
    spacing: tuple[float, float, float],
    diameters: tuple[float, float],
) -> list[_Disc]:
    """Round even regions, each once: at the threshold nearest to half its height."""
    smooth = _smoothed(flat, spacing)
    pixel = spacing[0] * spacing[1]
    smallest, largest = (np.pi * (d / 2) ** 2 / pixel for d in diameters)
    found: list[tuple[float, _Disc]] = []
    for level in LEVELS_HU:
        labels, n = ndimage.label(smooth > level)
        if n == 0:
            break
        sizes = np.bincount(labels.ravel())
        boxes = ndimage.find_objects(labels)
        for number in np.flatnonzero((sizes >= smallest) & (sizes <= largest)):
            if number == 0:
                continue
            region = labels[boxes[number - 1]] == number
            rows, columns = np.nonzero(region)
            origin = [part.start for part in boxes[number - 1]]
            i, j = rows.mean() + origin[0], columns.mean() + origin[1]
            radius = float(np.sqrt(region.sum() * pixel / np.pi))
            away = np.hypot(
                (rows + origin[0] - i) * spacing[0], (columns + origin[1] - j) * spacing[1]
            )
            if (away <= radius).mean() < ROUNDNESS:
                continue
            distance = _distances(flat.shape, i, j, spacing)
            inner = flat[distance <= INNER_SHARE * radius]
            around = flat[(distance > 1.2 * radius) & (distance <= 1.5 * radius)]
            # A blot inside a rod, at a level of the rod's own HU, has no step around it.
            step = inner.mean() - np.median(around)
            if inner.std() > EVENNESS_HU or step < CONTRAST_HU:
                continue
            half = inner.mean() - step / 2
            disc = _Disc(i=float(i), j=float(j), radius=radius, mean=float(inner.mean()))
            found.append((abs(level - half), disc))
    kept: list[_Disc] = []
    for _, disc in sorted(found, key=lambda pair: pair[0]):
        if all(_gap(disc, other, spacing) > other.radius for other in kept):
            kept.append(disc)
    return kept


def _gap(first: _Disc, second: _Disc, spacing: tuple[float, float, float]) -> float:
    return float(np.hypot((first.i - second.i) * spacing[0], (first.j - second.j) * spacing[1]))


def _longest_row(discs: list[_Disc], n_rods: int) -> list[_Disc]:
    """The longest even row of at most n_rods discs, in order of HU.

    Spacing is judged in voxels, since ratios of distances along one row need no millimetres where
    voxels are square, as those of CT are.
    """
    best: list[_Disc] = []
    ordered = sorted(discs, key=lambda disc: disc.mean)
    for start, first in enumerate(ordered):
        for second in ordered[start + 1 :]:
            if not _alike(first.radius, second.radius):
                continue
            row = [first, second]
            while len(row) < n_rods:
                following = _next(row, ordered)
                if following is None:
                    break
                row.append(following)
            if len(row) > len(best):
                best = row
    return best


def _next(row: list[_Disc], discs: list[_Disc]) -> _Disc | None:
    """The disc that continues a row: one more step, its direction turned by little."""
    last, before = row[-1], row[-2]
    i, j = 2 * last.i - before.i, 2 * last.j - before.j
    step = np.hypot(last.i - before.i, last.j - before.j)
    for disc in discs:
        near = np.hypot(disc.i - i, disc.j - j) <= ALIKE * step
        if near and disc.mean > last.mean and _alike(disc.radius, row[0].radius):
            return disc
    return None


def _settled(
    smooth: NDArray[np.float64],
    i: float,
    j: float,
    radius: float,
    spacing: tuple[float, float, float],
) -> tuple[float, float, float]:
    """Where within half a radius a rod's edge is clearest all around, and its step in HU."""
    reach = [int(radius / 2 / s) for s in spacing[:2]]
    offsets = np.mgrid[-reach[0] : reach[0] + 1, -reach[1] : reach[1] + 1].reshape(2, -1)
    centres = offsets + np.array([[i], [j]])
    angles = np.arange(N_ANGLES) * 2 * np.pi / N_ANGLES
    unit = np.stack([np.cos(angles) / spacing[0], np.sin(angles) / spacing[1]])
    inside, outside = (
        ndimage.map_coordinates(
            smooth, centres[:, :, None] + share * radius * unit[:, None], order=1, mode="nearest"
        )
        for share in EDGE
    )
    steps = np.percentile(inside - outside, EDGE_PERCENTILE, axis=1)
    best = float(steps.max())
    # The middle of the top, since the edge is clear from every place within its two radii.
    weights = np.maximum(steps - 0.9 * best, 0) if best > 0 else np.ones_like(steps)
    at_i, at_j = (centres * weights).sum(axis=1) / weights.sum()
    return float(at_i), float(at_j), best


def _within(
    shape: tuple[int, ...], i: float, j: float, radius: float, spacing: tuple[float, float, float]
) -> bool:
    return all(
        radius / s <= at <= n - 1 - radius / s
        for at, n, s in zip((i, j), shape, spacing, strict=False)
    )


def _alike(first: float, second: float) -> bool:
    return abs(first - second) <= ALIKE * max(first, second)
