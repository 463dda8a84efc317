"""Magnitudes and phases, or real and imaginary parts, joined echo by echo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, Source

Floats = NDArray[np.float64]

Read = Callable[[str, float], tuple[NDArray[Any], Floats]]


@dataclass(slots=True, kw_only=True)
class Parts:
    """The parts of a multi-echo scan, not read yet.

    Parameters
    ----------
    components : of "magnitude", "phase", "real", "imaginary" and "complex", those that are there
    echo_times : s, increasing
    read : gives one part of one echo, (I, J, K) and (4, 4); phases in radians
    field_strength : T, where it is stated
    source : of the echoes
    affine : of the first part read
    """

    components: tuple[str, ...]
    echo_times: tuple[float, ...]
    read: Read
    field_strength: float | None
    source: Source
    affine: Floats = field(default_factory=lambda: np.eye(4))


def joined(parts: Parts) -> NDArray[Any]:
    """All echoes, (I, J, K, E); sets the affine of the parts.

    Real and imaginary parts are taken before magnitude and phase, which were made of them.

    Raises
    ------
    InputError : parts that do not make a whole.
    GridError : parts on different grids.
    """
    if len(parts.echo_times) < 2:
        raise InputError(
            f"there is {len(parts.echo_times)} echo time; at least two are wanted, so read this as "
            "an image"
        )
    present = set(parts.components)
    grid = _Grid(parts)
    if "complex" in present:
        return grid.filled(lambda echo: grid.part("complex", echo), np.complex64)
    if {"real", "imaginary"} <= present:
        return grid.filled(
            lambda echo: grid.part("real", echo) + 1j * grid.part("imaginary", echo), np.complex64
        )
    if {"magnitude", "phase"} <= present:
        return grid.filled(
            lambda echo: grid.part("magnitude", echo) * np.exp(1j * grid.part("phase", echo)),
            np.complex64,
        )
    if "magnitude" in present:
        return grid.filled(lambda echo: grid.part("magnitude", echo), np.float32)
    raise InputError(
        f"there is only the {' and '.join(parts.components)} of the echoes; give magnitude, "
        "magnitude and phase, or real and imaginary images"
    )


class _Grid:
    """The one grid on which all parts lie: that of the part read first."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._shape: tuple[int, ...] | None = None

    def part(self, component: str, echo: float) -> NDArray[Any]:
        array, affine = self._parts.read(component, echo)
        if self._shape is None:
            self._shape, self._parts.affine = array.shape, affine
        reach = np.array([*array.shape, 1.0])
        gap = float(np.abs((affine - self._parts.affine) * reach).sum(axis=1).max())
        if array.shape != self._shape or gap > GRID_TOLERANCE_MM:
            raise GridError(
                f"the {component} image at {1000 * echo:g} ms does not lie on the grid of the "
                "others; give the parts of one scan"
            )
        return array

    def filled(self, one: Callable[[float], NDArray[Any]], dtype: Any) -> NDArray[Any]:
        whole: NDArray[Any] | None = None
        for number, echo in enumerate(self._parts.echo_times):
            volume = one(echo)
            if whole is None:
                whole = np.empty((*volume.shape, len(self._parts.echo_times)), dtype, order="F")
            whole[..., number] = volume
        if whole is None:
            raise InputError("the scan has no echo")
        return whole
