"""Two label maps of one scan made one: levels from the first, muscles from the second."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import DISC_STRUCTURES, SPINE_STRUCTURES, region
from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, LabelMap

FROM_LEVELS = SPINE_STRUCTURES | DISC_STRUCTURES | {"sacrum", "spinal_canal", "spinal_cord"}
"""Structures that are taken from the map that names the levels."""


def merge(*, levels_from: LabelMap, muscles_from: LabelMap) -> LabelMap:
    """Vertebrae, discs and canal of one map with everything else of another.

    Where both have a voxel, the spine keeps it: bone is the surer of the two.

    Parameters
    ----------
    levels_from, muscles_from : on one grid

    Raises
    ------
    GridError : other grids.
    InputError : the first map has no spine, or the second nothing else.
    """
    gap = np.abs(levels_from.affine - muscles_from.affine).max() * max(levels_from.shape)
    if levels_from.shape != muscles_from.shape or gap > GRID_TOLERANCE_MM:
        raise GridError("the two label maps do not lie on one grid; resample one to the other")
    spine = {n: name for n, name in levels_from.names.items() if _of_spine(name)}
    others = {n: name for n, name in muscles_from.names.items() if not _of_spine(name)}
    if not spine:
        raise InputError(
            f"no vertebra, disc or canal in the map of levels ({levels_from.origin}); "
            "did you mean it the other way round?"
        )
    if not others:
        raise InputError(f"nothing but the spine in the map of muscles ({muscles_from.origin})")
    names = dict(enumerate([*spine.values(), *others.values()], start=1))
    numbers = {name: number for number, name in names.items()}
    array = _renumbered(muscles_from, {n: numbers[name] for n, name in others.items()})
    bones = _renumbered(levels_from, {n: numbers[name] for n, name in spine.items()})
    return LabelMap(
        array=np.where(bones > 0, bones, array),
        affine=levels_from.affine,
        names=names,
        origin=f"edited: spine of {levels_from.origin}, the rest of {muscles_from.origin}",
        source=levels_from.source,
    )


def _of_spine(name: str) -> bool:
    return region(name).structure in FROM_LEVELS


def _renumbered(labels: LabelMap, numbers: dict[int, int]) -> NDArray[np.uint16]:
    table = np.zeros(max(int(labels.array.max()), *labels.names) + 1, np.uint16)
    for number, fresh in numbers.items():
        table[number] = fresh
    return np.asarray(table[labels.array])
