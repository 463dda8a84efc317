"""Images and label maps: arrays that know where they are in the patient."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import region
from enthesis.errors import GridError, InputError
from enthesis.quantities import quantity

GRID_TOLERANCE_MM = 0.01
"""Farthest that two grids may lie apart at any corner and still count as one, mm.

Headers keep positions as decimal text or float32, which moves a corner by some micrometres; a real
misplacement is a good part of a voxel.
"""

LONGEST_ECHO_S = 0.5
"""Latest echo time believed, s; a later one is in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where an image came from, without anything that names a patient.

    Parameters
    ----------
    modality : "CT", "MR", … or "" when the file does not say
    series : hash of the series' identity or of the file's content
    facts : acquisition facts such as kvp, slice_thickness_mm, contrast
    flags : what is doubtful about the input, one sentence each
    """

    modality: str = ""
    series: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Image:
    """Voxels of one quantity on one grid.

    Parameters
    ----------
    array : (I, J, K), read-only; indices grow towards the right, the front and the head (RAS+);
        2-D data have K = 1
    affine : (4, 4), voxel index → mm; each axis is the one closest to the patient's, obliquity kept
    quantity : a key of `quantities`
    source : where it came from

    Raises
    ------
    InputError : not three-dimensional, an unusable affine, or an unknown quantity.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    quantity: str
    source: Source = Source()

    def __post_init__(self) -> None:
        quantity(self.quantity)
        _freeze_grid(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along I, J, K."""
        i, j, k = self.array.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along I, J, K, mm."""
        return spacing(self.affine)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Echoes:
    """The same voxels at several echo times of one gradient-echo scan.

    Parameters
    ----------
    array : (I, J, K, E), complex, or real where only magnitudes were kept; read-only. The sign of
        the phase is such that a higher field makes it grow with time, and fat lags behind water
    affine : (4, 4), as in `Image`
    echo_times : (E,), s, increasing
    field_strength : T
    readout : "unipolar", or "bipolar" where every other echo is read in the opposite direction
    source : where they came from

    Raises
    ------
    InputError : not four-dimensional, fewer than two echoes, times that do not fit or increase, a
        field strength or readout that does not exist.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    echo_times: NDArray[np.float64]
    field_strength: float
    readout: str = "unipolar"
    source: Source = Source()

    def __post_init__(self) -> None:
        times = np.array(self.echo_times, dtype=np.float64)
        _freeze_grid(self, axes="four axes (I, J, K, E)")
        if times.shape != self.array.shape[3:]:
            raise InputError(
                f"one echo time per echo is wanted: {self.array.shape[3]} echoes, "
                f"times of shape {times.shape}"
            )
        if times.size < 2:
            raise InputError("at least two echoes are wanted, got one; read the others too")
        if not np.isfinite(times).all() or times[0] < 0 or (np.diff(times) <= 0).any():
            raise InputError(f"echo times must increase from zero or later, got {times.tolist()} s")
        if times[-1] > LONGEST_ECHO_S:
            raise InputError(
                f"an echo at {times[-1]:g} s is no gradient echo; echo times are in seconds, "
                "divide milliseconds by 1000"
            )
        if not 0 < self.field_strength < np.inf:
            raise InputError(f"the field strength must be above 0 T, got {self.field_strength!r}")
        if self.readout not in {"unipolar", "bipolar"}:
            raise InputError(f"readout is 'unipolar' or 'bipolar', got {self.readout!r}")
        times.flags.writeable = False
        object.__setattr__(self, "echo_times", times)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along I, J, K."""
        i, j, k, _ = self.array.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along I, J, K, mm."""
        return spacing(self.affine)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LabelMap:
    """Voxels that carry the number of a named region, zero for none.

    Parameters
    ----------
    array : (I, J, K) unsigned integers, read-only
    affine : (4, 4), as in `Image`
    names : label number → region name of `anatomy`; every number present is named
    origin : "given", "automatic:<method> <version>", "model:<name> <version>" or "edited"
    source : where it came from

    Raises
    ------
    InputError : not integers, a number without a name, or a name that `anatomy` does not know.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    names: Mapping[int, str]
    origin: str = "given"
    source: Source = Source()

    def __post_init__(self) -> None:
        if not np.issubdtype(self.array.dtype, np.unsignedinteger):
            raise InputError(
                f"a label map holds unsigned integers, got {self.array.dtype}; convert it first"
            )
        if 0 in self.names:
            raise InputError(f"label 0 is background and cannot be named {self.names[0]!r}")
        doubled = sorted({n for n in self.names.values() if list(self.names.values()).count(n) > 1})
        if doubled:
            raise InputError(f"region {doubled[0]!r} has more than one label number; merge them")
        for name in self.names.values():
            region(name)
        object.__setattr__(self, "names", MappingProxyType(dict(self.names)))
        _freeze_grid(self)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Voxels along I, J, K."""
        i, j, k = self.array.shape
        return i, j, k

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance between neighbouring voxel centres along I, J, K, mm."""
        return spacing(self.affine)

    def label(self, name: str) -> int:
        """The label number of a region.

        Raises
        ------
        InputError : this map has no such region.
        """
        for number, known in self.names.items():
            if known == name:
                return number
        raise InputError(f"no label named {name!r}; this map has: {', '.join(self.names.values())}")


def spacing(affine: NDArray[np.float64]) -> tuple[float, float, float]:
    """Lengths of the affine's three axes, mm."""
    i, j, k = np.linalg.norm(affine[:3, :3], axis=0)
    return float(i), float(j), float(k)


def voxel_volume(affine: NDArray[np.float64]) -> float:
    """Volume of one voxel, mm3."""
    i, j, k = affine[:3, :3].T
    # The triple product is exact where the axes are, unlike a general determinant.
    return float(abs(np.dot(np.cross(i, j), k)))


def slice_pixel_area(affine: NDArray[np.float64]) -> float:
    """Area of one pixel of a slice across K, mm2."""
    return float(np.linalg.norm(np.cross(affine[:3, 0], affine[:3, 1])))


def check_same_grid(image: Image, labels: LabelMap) -> None:
    """Pass if the two lie on one grid.

    Raises
    ------
    GridError : other shapes, or corners farther apart than `GRID_TOLERANCE_MM`.
    """
    if image.shape != labels.shape:
        raise GridError(
            f"the labels have {_times(labels.shape)} voxels, the image {_times(image.shape)}; "
            "resample the labels to the image's grid (nearest neighbour) first"
        )
    corners = np.array(
        [[i, j, k, 1] for i in (0, 1) for j in (0, 1) for k in (0, 1)], dtype=np.float64
    ) * [*(n - 1 for n in image.shape), 1]
    apart = corners @ (image.affine - labels.affine).T
    gap = float(np.linalg.norm(apart[:, :3], axis=1).max())
    if gap > GRID_TOLERANCE_MM:
        raise GridError(
            f"labels and image lie up to {gap:.3g} mm apart (allowed {GRID_TOLERANCE_MM:g} mm); "
            "they are not of the same scan, or one of them lost its position"
        )


def _freeze_grid(volume: Image | LabelMap | Echoes, *, axes: str = "three axes (I, J, K)") -> None:
    array, affine = volume.array, np.array(volume.affine, dtype=np.float64)
    if array.ndim != axes.count(",") + 1:
        raise InputError(f"{axes} were wanted, got shape {array.shape}")
    if 0 in array.shape:
        raise InputError(f"the volume is empty: shape {array.shape}")
    if affine.shape != (4, 4) or not np.isfinite(affine).all():
        raise InputError("the affine must be a finite 4 x 4 matrix in mm")
    if voxel_volume(affine) == 0:
        raise InputError("the affine is singular: at least one axis has no length")
    frozen = array.view()
    frozen.flags.writeable = False
    affine.flags.writeable = False
    object.__setattr__(volume, "array", frozen)
    object.__setattr__(volume, "affine", affine)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(str(n) for n in shape)
