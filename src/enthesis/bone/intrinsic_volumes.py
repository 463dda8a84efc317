"""Volume, surface, curvature and Euler number of a structure, counted on its voxels."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError

Offset = tuple[int, int, int]

Voxels = NDArray[np.bool_]

HERE: Offset = (0, 0, 0)
UNITS: tuple[Offset, ...] = ((1, 0, 0), (0, 1, 0), (0, 0, 1))

WEIGHTS = {1: 0.0915564, 2: 0.0739612, 3: 0.0703914}
"""Share of all directions that lie nearest to one axis, one face and one space diagonal.

By how many of the three steps of the direction are not zero; the 13 weights sum to 1.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrinsicVolumes:
    """Densities of a structure within its window, per volume.

    Parameters
    ----------
    volume : share of the window, 0 to 1
    surface : mm2 per mm3
    mean_curvature : integral of the mean curvature over the surface, 1/mm2
    euler : Euler number, 1/mm3; bone joined across faces, edges and corners of voxels
    """

    volume: float
    surface: float
    mean_curvature: float
    euler: float


def intrinsic_volumes(
    inside: Voxels, *, edge_mm: float, window: Voxels | None = None
) -> IntrinsicVolumes:
    """Densities of volume, surface, mean curvature and Euler number.

    Parameters
    ----------
    inside : (I, J, K), the structure
    edge_mm : edge of the cubic voxels, mm
    window : where the structure is known, (I, J, K); the whole array if left out

    Raises
    ------
    InputError : fewer than two voxels along an axis, or an empty window.

    Notes
    -----
    Crofton's formulas in 13 directions: surface from how often lines enter the structure, mean
    curvature from the Euler numbers of its sections by lattice planes. Only pairs, triangles and
    cubes of voxels that lie in the window count, each against how many there are, so the window's
    own border adds nothing. No mesh is made.

    References
    ----------
    Ohser J, Mücklich F. Statistical Analysis of Microstructures in Materials Science. Wiley 2000.
    Legland D, Kiêu K, Devaux MF. Image Anal Stereol 2007;26:83-92. doi:10.5566/ias.v26.p83-92
    Odgaard A, Gundersen HJG. Bone 1993;14:173-182. doi:10.1016/8756-3282(93)90245-6 (connectivity)
    """
    if inside.ndim != 3 or min(inside.shape) < 2:
        raise InputError(f"at least two voxels along each of three axes are wanted, {inside.shape}")
    if window is not None and not window.any():
        raise InputError("the window is empty: nothing can be counted")
    structure = inside if window is None else inside & window
    counted = _Counter(structure, window)
    n_voxels = inside.size if window is None else np.count_nonzero(window)
    return IntrinsicVolumes(
        volume=np.count_nonzero(structure) / n_voxels,
        surface=_surface(counted) / edge_mm,
        mean_curvature=_mean_curvature(counted) / edge_mm**2,
        euler=_euler(counted) / edge_mm**3,
    )


class _Counter:
    """Counts figures of the lattice at every place where a whole block of voxels is known."""

    def __init__(self, inside: Voxels, known: Voxels | None) -> None:
        self.inside, self.known = inside, known

    def block(self, corners: Sequence[Offset]) -> tuple[list[Voxels], Callable[[Voxels], float]]:
        """Whether each corner is inside, at every place; and the share of known places."""
        views = _views(self.inside, corners)
        if self.known is None:
            return views, lambda found: np.count_nonzero(found) / found.size
        known = np.logical_and.reduce(_views(self.known, corners))
        n_known = max(int(np.count_nonzero(known)), 1)
        return views, lambda found: np.count_nonzero(found & known) / n_known


def _views(array: Voxels, corners: Sequence[Offset]) -> list[Voxels]:
    lows, highs = np.min(corners, axis=0), np.max(corners, axis=0)
    return [
        array[
            tuple(
                slice(c - low, n - (high - c))
                for c, low, high, n in zip(corner, lows, highs, array.shape, strict=True)
            )
        ]
        for corner in corners
    ]


def _surface(counted: _Counter) -> float:
    """4 x mean over directions of the entries of lines into the structure, per voxel."""
    total = 0.0
    for i, j, k in itertools.product((-1, 0, 1), repeat=3):
        d = (i, j, k)
        # One of each pair of opposite directions: the first step that is not zero goes forwards.
        if next((step for step in d if step), 0) <= 0:
            continue
        steps = sum(map(abs, d))
        (one, other), share = counted.block((HERE, d))
        # One end inside is an entry or an exit; half of them are entries.
        total += WEIGHTS[steps] * share(one ^ other) / 2 / math.sqrt(steps)
    return 4 * total


def _mean_curvature(counted: _Counter) -> float:
    """2 pi x mean over normals of the Euler numbers of sections by planes, per voxel."""
    total = 0.0
    for axis, (one, other) in enumerate(((1, 2), (2, 0), (0, 1))):
        total += WEIGHTS[1] * _plane_euler(counted, UNITS[one], UNITS[other])
        for sign in (-1, 1):
            diagonal = _plus(UNITS[one], UNITS[other], sign)
            total += WEIGHTS[2] * _plane_euler(counted, UNITS[axis], diagonal) / math.sqrt(2)
    for i, j in itertools.product((-1, 1), repeat=2):
        # Normal (1, i, j): all sides of the plane's triangles are face diagonals.
        first, second = (-i, 1, 0), (0, -1, i * j)
        total += WEIGHTS[3] * _plane_euler(counted, first, second) / math.sqrt(3)
    return 2 * math.pi * total


def _plus(one: Offset, other: Offset, sign: int = 1) -> Offset:
    return one[0] + sign * other[0], one[1] + sign * other[1], one[2] + sign * other[2]


def _plane_euler(counted: _Counter, first: Offset, second: Offset) -> float:
    """Euler number per point of sections: points less edges plus triangles."""
    (o, u, v, w), share = counted.block((HERE, first, second, _plus(first, second)))
    edges = share(o) - share(o & u) - share(o & v)
    one_way = edges - share(o & w) + share(o & u & w) + share(o & v & w)
    if sum(map(abs, first)) == 2 and sum(map(abs, second)) == 2:
        return one_way
    # A rectangle can be cut into triangles in two ways, neither of them better.
    other_way = edges - share(u & v) + share(o & u & v) + share(u & v & w)
    return (one_way + other_way) / 2


def _euler(counted: _Counter) -> float:
    """Euler number per voxel: corners less edges plus faces less cubes of the union of voxels."""
    corners = [(i, j, k) for i in (0, 1) for j in (0, 1) for k in (0, 1)]
    views, share = counted.block(corners)
    total = 0.0
    for thick in itertools.product((False, True), repeat=3):
        # Along an axis where it has no extent, a cell lies between two voxels.
        touching = [
            view
            for view, corner in zip(views, corners, strict=True)
            if not any(step and whole for step, whole in zip(corner, thick, strict=True))
        ]
        total += (-1) ** sum(thick) * share(np.logical_or.reduce(touching))
    return total
