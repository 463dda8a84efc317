"""Grey-level texture of a projected spine: how fast a picture's values part with distance.

This is the plain variogram of the literature on its own scale. It is not any vendor's score, shares
no calibration with one, and no threshold made for one may be read from it. A vendor's printed score
has a quantity of its own, `trabecular_bone_score`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.records import Measurement

Direction = Literal["all", "rows", "columns"]

FEWEST_PAIRS = 100
"""Pairs of pixels below which a variogram's value at one distance is chance."""

FEWEST_LAGS = 3
"""Distances that a slope needs; two would leave nothing to judge the line by."""

NOISE_SHARE = 0.5
"""Share of a variogram's first value above which noise, taken out or not, decides the slope."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Variogram:
    """Mean squared difference of grey values by distance.

    Parameters
    ----------
    direction : along which pairs lie: "rows", "columns", or "all" for both together
    lags_mm : (n,) distances
    values : (n,) mean squared differences, noise taken out where it was given
    pairs : (n,) how many pairs of pixels each rests on
    slope : of log value over log distance, by least squares over all lags
    r_squared : of that line
    noise_sd : that was taken out, 0 for none
    flags : what is doubtful, one sentence each
    """

    direction: Direction
    lags_mm: NDArray[np.float64]
    values: NDArray[np.float64]
    pairs: NDArray[np.int64]
    slope: float
    r_squared: float
    noise_sd: float
    flags: tuple[str, ...] = ()


def variogram(
    image: Image,
    *,
    lags_mm: tuple[float, float],
    direction: Direction = "all",
    mask: NDArray[np.bool_] | None = None,
    noise_sd: float = 0.0,
) -> Variogram:
    """Variogram of a picture and its slope in log-log.

    Parameters
    ----------
    image : one slice: a projected spine of any quantity
    lags_mm : least and greatest distance used; whole numbers of pixels between them are taken. It
        decides the slope, so it is to be stated and kept through a study
    direction : "rows" for pairs side by side, "columns" for pairs one above another, "all" for both
    mask : (I, J) pixels used, e.g. L1 to L4 without the processes; both of a pair must lie inside
    noise_sd : SD of the picture's white noise, whose 2 SD² is taken off every value; see
        `noise_of_repeat`

    Raises
    ------
    InputError : several slices, a mask of another shape, too few pairs or lags, a picture without
        texture, or noise above what the picture has.

    Notes
    -----
    Pothuaud's experimental variogram with a line through the lags; of a fractional Brownian surface
    with exponent H the slope is 2 H.

    References
    ----------
    Pothuaud L, Carceller P, Hans D. Correlations between grey-level variations in 2D projection
    images (TBS) and 3D microarchitecture. Bone 2008;42:775-787. doi:10.1016/j.bone.2007.11.018
    """
    grey, inside = _picture(image, mask)
    if not 0 <= noise_sd < math.inf:
        raise InputError(f"noise_sd must not be negative, got {noise_sd!r}")
    axes = {"rows": (0,), "columns": (1,), "all": (0, 1)}
    if direction not in axes:
        raise InputError(f"direction is 'rows', 'columns' or 'all', got {direction!r}")
    lags, values, pairs = [], [], []
    for lag, steps in _lags(image, lags_mm, axes[direction]):
        squares, n = 0.0, 0
        for axis, step in steps:
            ahead, behind = _shifted(grey, axis, step)
            both = np.logical_and(*_shifted(inside, axis, step))
            squares += float(((ahead - behind)[both] ** 2).sum())
            n += int(both.sum())
        if n >= FEWEST_PAIRS:
            lags.append(lag)
            values.append(squares / n)
            pairs.append(n)
    if len(lags) < FEWEST_LAGS:
        raise InputError(
            f"a slope needs {FEWEST_LAGS} distances between {lags_mm[0]:g} and {lags_mm[1]:g} mm "
            f"with {FEWEST_PAIRS} pairs of pixels each, got {len(lags)}; widen them or the mask"
        )
    raw = np.array(values)
    noise = 2 * noise_sd**2
    if not (raw > noise).all():
        raise InputError(
            f"noise of SD {noise_sd:g} leaves nothing of a variogram that begins at {raw[0]:.4g}; "
            "the picture has no texture beyond it"
        )
    flags = []
    if noise > NOISE_SHARE * raw[0]:
        flags.append(f"noise is {noise / raw[0]:.0%} of the variogram at the least distance")
    slope, r_squared = _line(np.log(lags), np.log(raw - noise))
    return Variogram(
        direction=direction,
        lags_mm=np.array(lags),
        values=raw - noise,
        pairs=np.array(pairs),
        slope=slope,
        r_squared=r_squared,
        noise_sd=noise_sd,
        flags=tuple(flags),
    )


def variogram_slopes(
    image: Image,
    *,
    lags_mm: tuple[float, float],
    mask: NDArray[np.bool_] | None = None,
    noise_sd: float = 0.0,
    region: str = "vertebra",
    level: str = "",
) -> list[Measurement]:
    """Variogram slope of a picture in both directions, along rows and along columns.

    Parameters
    ----------
    image, lags_mm, mask, noise_sd : as in `variogram`
    region, level : where

    Returns
    -------
    Three slopes and the anisotropy, that along rows over that along columns.
    """
    noise = f", noise of SD {noise_sd:g} taken out" if noise_sd else ""
    method = f"log-log slope from {lags_mm[0]:g} to {lags_mm[1]:g} mm{noise}"
    found = [
        variogram(image, lags_mm=lags_mm, direction=one, mask=mask, noise_sd=noise_sd)
        for one in ("all", "rows", "columns")
    ]
    flags = tuple(dict.fromkeys(flag for one in found for flag in one.flags))
    rows = [
        ("variogram_slope", one.slope, f"{method}, {words}")
        for one, words in zip(
            found, ("rows and columns", "along rows", "along columns"), strict=True
        )
    ]
    _, across, along = (one.slope for one in found)
    rows.append(("variogram_anisotropy", across / along if along else math.nan, method))
    return [
        Measurement(
            quantity=name, value=value, region=region, level=level, method=text, flags=flags
        )
        for name, value, text in rows
    ]


def noise_of_repeat(first: Image, second: Image, *, mask: NDArray[np.bool_] | None = None) -> float:
    """SD of a picture's noise from two pictures of one thing, e.g. a phantom scanned twice.

    Parameters
    ----------
    first, second : one slice each, of one shape and place
    mask : (I, J) pixels used

    Raises
    ------
    InputError : other shapes.
    """
    one, inside = _picture(first, mask)
    two, _ = _picture(second, mask)
    if one.shape != two.shape:
        raise InputError(f"two pictures of one shape are wanted, got {one.shape} and {two.shape}")
    # What the pictures share falls out of the difference, whose variance is twice the noise's.
    return float((one - two)[inside].std(ddof=1) / math.sqrt(2))


def _picture(
    image: Image, mask: NDArray[np.bool_] | None
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    if image.shape[2] != 1:
        raise InputError(f"a projection has one slice, this image has {image.shape[2]}")
    grey = image.array[:, :, 0].astype(np.float64)
    inside = np.isfinite(grey)
    if mask is not None:
        if mask.shape != grey.shape or mask.dtype != np.bool_:
            raise InputError(
                f"the mask must be true or false for each of {grey.shape[0]} x {grey.shape[1]} "
                f"pixels, got {mask.dtype} of shape {mask.shape}"
            )
        inside &= mask
    return np.where(inside, grey, 0.0), inside


def _lags(
    image: Image, lags_mm: tuple[float, float], axes: tuple[int, ...]
) -> list[tuple[float, list[tuple[int, int]]]]:
    """Distances in mm, each with the shifts that have it: axis and pixels."""
    low, high = lags_mm
    if not 0 < low < high:
        raise InputError(f"lags_mm are (least, greatest) above zero, got {lags_mm}")
    found: dict[float, list[tuple[int, int]]] = {}
    for axis in axes:
        step = image.spacing[axis]
        for n in range(1, image.shape[axis]):
            if low <= n * step * (1 + 1e-9) and n * step <= high * (1 + 1e-9):
                found.setdefault(round(n * step, 6), []).append((axis, n))
    return sorted(found.items())


def _shifted(array: NDArray[Any], axis: int, step: int) -> tuple[NDArray[Any], NDArray[Any]]:
    moved = np.moveaxis(array, axis, 0)
    return moved[step:], moved[:-step]


def _line(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[float, float]:
    slope, start = np.polyfit(x, y, 1)
    spread = float(((y - y.mean()) ** 2).sum())
    left = float(((y - slope * x - start) ** 2).sum())
    return float(slope), 1 - left / spread if spread else 1.0
