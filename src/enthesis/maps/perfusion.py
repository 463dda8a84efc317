"""Perfusion from a series after contrast: what the curve shows, and Tofts' model of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import cumulative_trapezoid

from enthesis.errors import InputError
from enthesis.image import Image, Source

RISE = (0.1, 0.9)
"""Shares of the maximum between which the slope is taken; outside, noise of a flat curve rules."""

CHUNK = 50_000
"""Voxels fitted at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Enhancement:
    """Maps of a signal's course after contrast; not a number where there is no baseline.

    Parameters
    ----------
    maximum : % of the baseline
    slope : %/s, the steepest
    time_to_peak : s, from the last frame before contrast
    area : % s, from the last frame before contrast
    method : what was measured
    """

    maximum: Image
    slope: Image
    time_to_peak: Image
    area: Image
    method: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Tofts:
    """Maps of Tofts' model; not a number where it could not be fitted.

    Parameters
    ----------
    k_trans, k_ep : 1/min
    v_e : volume share, Ktrans over kep
    v_p : volume share of plasma; none of the model without it
    method : what was fitted
    flags : what is doubtful, one sentence each
    """

    k_trans: Image
    k_ep: Image
    v_e: Image
    v_p: Image | None
    method: str
    flags: tuple[str, ...] = ()


def enhancement(
    signal: NDArray[np.generic],
    affine: NDArray[np.float64],
    *,
    times: ArrayLike,
    n_baseline: int,
    source: Source | None = None,
) -> Enhancement:
    """Maximum enhancement, slope, time to peak and area.

    Parameters
    ----------
    signal : (I, J, K, T)
    affine : (4, 4) of `signal`, mm
    times : (T,), s, increasing
    n_baseline : frames before contrast; their mean is the baseline
    source : where the signal came from

    Raises
    ------
    InputError : times that do not fit or increase, or no frame before or after contrast.

    Notes
    -----
    The slope is the steepest rise from one frame to the next that lies in the part from 10 to 90%
    of the maximum (a step that crosses the part counts). T1 makes enhancement less than
    proportional to concentration.

    References
    ----------
    Griffith JF et al. Radiology 2005;236:945-951. doi:10.1148/radiol.2363041425
    """
    at = _times(times, signal)
    if not 1 <= n_baseline < at.size - 1:
        raise InputError(
            f"one baseline frame or more, and two after, are wanted; got n_baseline={n_baseline} "
            f"of {at.size} frames"
        )
    flat = signal.reshape(-1, at.size).astype(np.float64)
    base = flat[:, :n_baseline].mean(axis=1)
    usable = np.isfinite(flat).all(axis=1) & (base > 0)
    curve = 100 * (flat[usable] / base[usable, None] - 1)
    # From the last frame before contrast on, which counts as zero.
    after = np.concatenate([np.zeros((curve.shape[0], 1)), curve[:, n_baseline:]], axis=1)
    since = at[n_baseline - 1 :] - at[n_baseline - 1]
    peak = after.argmax(axis=1)
    maximum = after.max(axis=1)
    rise = np.diff(after, axis=1) / np.diff(since)
    low, high = (share * maximum[:, None] for share in RISE)
    counted = (after[:, :-1] < high) & (after[:, 1:] > low)
    counted &= np.arange(rise.shape[1]) < peak[:, None]
    slope = np.where(counted, rise, 0).max(axis=1)
    values = (maximum, slope, since[peak], np.trapezoid(after, since, axis=1))
    names = ("enhancement_maximum", "enhancement_slope", "time_to_peak", "enhancement_area")
    images = [
        _image(column, usable, signal.shape[:3], affine, name, source)
        for column, name in zip(values, names, strict=True)
    ]
    return Enhancement(
        maximum=images[0],
        slope=images[1],
        time_to_peak=images[2],
        area=images[3],
        method=f"enhancement over the mean of {n_baseline} frames",
    )


def tofts(
    concentration: NDArray[np.generic],
    affine: NDArray[np.float64],
    *,
    times: ArrayLike,
    plasma: ArrayLike,
    extended: bool = False,
    source: Source | None = None,
) -> Tofts:
    """Ktrans, kep and ve, with vp in the extended model.

    Parameters
    ----------
    concentration : (I, J, K, T), of the agent in tissue, mmol/l
    affine : (4, 4) of `concentration`, mm
    times : (T,), s, increasing, from before the agent arrives
    plasma : (T,), concentration in plasma, mmol/l: that of blood over 1 less the haematocrit
    extended : count the plasma in the voxel too
    source : where it came from

    Raises
    ------
    InputError : times or plasma that do not fit, or plasma without the agent.

    Notes
    -----
    C(t) = (Ktrans + kep vp) int Cp - kep int C + vp Cp (vp = 0 if not extended): linear in its
    coefficients, so least squares have one minimum and need no start. The integrals are
    trapezoids: frames should be no farther apart than some seconds.

    References
    ----------
    Tofts PS et al. J Magn Reson Imaging 1999;10:223-232.
    doi:10.1002/(SICI)1522-2586(199909)10:3<223::AID-JMRI2>3.0.CO;2-S
    Murase K. Magn Reson Med 2004;51:858-862. doi:10.1002/mrm.20022
    """
    at = _times(times, concentration)
    given = np.asarray(plasma, dtype=np.float64)
    if given.shape != at.shape or not np.isfinite(given).all():
        raise InputError(
            f"plasma needs a finite value at each of {at.size} times, got shape {given.shape}"
        )
    if given.max() <= 0:
        raise InputError("the agent never reaches the plasma: all values are zero or less")
    if at.size < 5:
        raise InputError(f"at least five frames are wanted for Tofts' model, got {at.size}")
    minutes = at / 60
    supplied = cumulative_trapezoid(given, minutes, initial=0)
    flat = concentration.reshape(-1, at.size).astype(np.float64)
    usable = np.isfinite(flat).all(axis=1) & (np.abs(flat).max(axis=1) > 0)
    some = flat[usable]
    coefficients = np.full((some.shape[0], 3 if extended else 2), np.nan)
    for start in range(0, some.shape[0], CHUNK):
        part = some[start : start + CHUNK]
        columns = [
            np.broadcast_to(supplied, part.shape),
            -cumulative_trapezoid(part, minutes, axis=1, initial=0),
        ]
        if extended:
            columns.append(np.broadcast_to(given, part.shape))
        coefficients[start : start + CHUNK] = _least_squares(np.stack(columns, axis=2), part)
    k_ep = coefficients[:, 1]
    v_p = coefficients[:, 2] if extended else np.zeros_like(k_ep)
    k_trans = coefficients[:, 0] - k_ep * v_p
    v_e = np.where(k_ep > 0, k_trans / np.where(k_ep > 0, k_ep, 1), np.nan)
    odd = int(((k_trans < 0) | ~(k_ep > 0) | (v_e > 1)).sum())
    flags = (f"{odd} voxels have a negative rate or a ve above 1",) if odd else ()

    def image(values: NDArray[np.float64], name: str) -> Image:
        return _image(values, usable, concentration.shape[:3], affine, name, source)

    return Tofts(
        k_trans=image(k_trans, "k_trans"),
        k_ep=image(k_ep, "k_ep"),
        v_e=image(v_e, "v_e"),
        v_p=image(v_p, "v_p") if extended else None,
        method=f"{'extended ' if extended else ''}Tofts, linear least squares, {at.size} frames",
        flags=flags,
    )


def _least_squares(design: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients (V, P) of values (V, T) on design (V, T, P); not a number where undetermined."""
    size = np.linalg.norm(design, axis=1)
    scaled = design / np.where(size == 0, 1, size)[:, None, :]
    normal = np.swapaxes(scaled, 1, 2) @ scaled
    right = np.swapaxes(scaled, 1, 2) @ values[..., None]
    settled = np.linalg.cond(normal) < 1e12
    solved = np.full((values.shape[0], design.shape[2]), np.nan)
    solved[settled] = np.linalg.solve(normal[settled], right[settled])[..., 0] / size[settled]
    return solved


def _times(times: ArrayLike, signal: NDArray[np.generic]) -> NDArray[np.float64]:
    at = np.asarray(times, dtype=np.float64)
    if at.ndim != 1 or signal.ndim != 4 or signal.shape[3] != at.size:
        raise InputError(
            f"an array (I, J, K, {at.size}) was wanted, one volume per time, got {signal.shape}"
        )
    if not np.isfinite(at).all() or (np.diff(at) <= 0).any():
        raise InputError("times must be finite and increase, in seconds")
    return at


def _image(
    values: NDArray[np.float64],
    usable: NDArray[np.bool_],
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    quantity: str,
    source: Source | None,
) -> Image:
    full = np.full(usable.size, np.nan, dtype=np.float32)
    full[usable] = values
    return Image(
        array=full.reshape(shape),
        affine=affine,
        quantity=quantity,
        source=source or Source(modality="MR"),
    )
