"""Relaxation times: T2 and T2* from echo trains, T1 from several flip angles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source

N_ITERATIONS = 30
"""Gauss-Newton steps; from the logarithmic start the fit settles within ten."""

FLOOR_ECHOES = 4
"""Fewest echoes from which a floor is fitted: three unknowns and one to spare."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relaxation:
    """A relaxation time and the signal before it; not a number where none could be fitted.

    Parameters
    ----------
    time : ms; quantity "t1", "t2" or "t2_star"
    signal_at_zero : as scanned
    method : what was fitted
    flags : what is doubtful, one sentence each
    """

    time: Image
    signal_at_zero: Image
    method: str
    flags: tuple[str, ...] = ()


def decay_time(
    signal: NDArray[np.generic],
    affine: NDArray[np.float64],
    *,
    echo_times: ArrayLike,
    quantity: str,
    noise_floor: bool = False,
    source: Source | None = None,
) -> Relaxation:
    """T2 or T2* of one exponential per voxel.

    Parameters
    ----------
    signal : (I, J, K, E), magnitudes
    affine : (4, 4) of `signal`, mm
    echo_times : (E,), s, increasing
    quantity : "t2" of spin echoes, "t2_star" of gradient echoes
    noise_floor : fit a constant too, S0 exp(-TE/T) + C, where late echoes reach the noise
    source : where the signal came from

    Raises
    ------
    InputError : times that do not fit or increase, or too few echoes.

    Notes
    -----
    Least squares on the signal itself, begun from the weighted logarithm. Voxels that do not decay
    are not a number. Fat and water beat against each other in gradient echoes: use `fat_water`
    where there is fat. The first of a train of spin echoes is low when refocusing is imperfect.

    References
    ----------
    Milford D et al. PLoS One 2015;10:e0145255. doi:10.1371/journal.pone.0145255
    """
    times = np.asarray(echo_times, dtype=np.float64)
    if quantity not in {"t2", "t2_star"}:
        raise InputError(f"the quantity is 't2' or 't2_star', got {quantity!r}")
    needed = FLOOR_ECHOES if noise_floor else 2
    if times.ndim != 1 or signal.ndim != 4 or signal.shape[3] != times.size:
        raise InputError(
            f"signal (I, J, K, {times.size}) was wanted, one volume per echo, got {signal.shape}"
        )
    if times.size < needed:
        raise InputError(f"at least {needed} echoes are wanted, got {times.size}")
    if times[0] < 0 or (np.diff(times) <= 0).any() or times[-1] > 2:
        raise InputError(f"echo times must increase and be in seconds, got {times.tolist()}")
    flat = signal.reshape(-1, times.size).astype(np.float64)
    usable = (np.isfinite(flat) & (flat > 0)).all(axis=1)
    rate, start = _exponential(flat[usable], times, noise_floor=noise_floor)
    good = (rate > 0) & (start > 0)
    full = np.full((2, flat.shape[0]), np.nan)
    full[0, usable] = np.where(good, 1000 / np.where(good, rate, 1), np.nan)
    full[1, usable] = np.where(good, start, np.nan)
    floor = " and a floor" if noise_floor else ""
    return _result(
        full,
        signal.shape[:3],
        affine,
        quantity,
        source,
        method=f"one exponential{floor}, {times.size} echoes, least squares",
        undone=int((~good).sum()),
    )


def t1_variable_flip_angle(
    signal: NDArray[np.generic],
    affine: NDArray[np.float64],
    *,
    flip_angles: ArrayLike,
    repetition_time: float,
    b1: NDArray[np.floating] | None = None,
    source: Source | None = None,
) -> Relaxation:
    """T1 of spoiled gradient echoes at several flip angles.

    Parameters
    ----------
    signal : (I, J, K, F), magnitudes
    affine : (4, 4) of `signal`, mm
    flip_angles : (F,), degrees
    repetition_time : s, one for all
    b1 : (I, J, K), achieved over nominal flip angle; without it the nominal is believed
    source : where the signal came from

    Raises
    ------
    InputError : shapes that do not fit, fewer than two angles that differ, or times not in seconds.

    Notes
    -----
    S/sin a = E1 S/tan a + M0 (1 - E1), fitted by least squares, then once more weighted by
    (sin a / (1 - E1 cos a))^2, which undoes most of the bias that the plain line has in noise.

    References
    ----------
    Deoni SCL, Rutt BK, Peters TM. Magn Reson Med 2003;49:515-526. doi:10.1002/mrm.10407
    Chang LC et al. Magn Reson Med 2008;60:496-501. doi:10.1002/mrm.21669
    """
    angles = np.asarray(flip_angles, dtype=np.float64)
    if angles.ndim != 1 or signal.ndim != 4 or signal.shape[3] != angles.size:
        raise InputError(
            f"signal (I, J, K, {angles.size}) was wanted, one volume per flip angle, "
            f"got {signal.shape}"
        )
    if np.unique(angles).size < 2 or (angles <= 0).any() or (angles >= 180).any():
        raise InputError(
            f"two flip angles or more that differ, in degrees, are wanted, got {angles.tolist()}"
        )
    if not 0 < repetition_time < 1:
        raise InputError(f"the repetition time is in seconds, got {repetition_time:g}")
    flat = signal.reshape(-1, angles.size).astype(np.float64)
    turns = np.broadcast_to(np.deg2rad(angles), flat.shape)
    if b1 is not None:
        if b1.shape != signal.shape[:3]:
            raise InputError(f"b1 must be {signal.shape[:3]} as the signal, got {b1.shape}")
        turns = turns * b1.reshape(-1, 1)
    usable = (np.isfinite(flat) & (flat > 0)).all(axis=1) & np.isfinite(turns).all(axis=1)
    turns, some = turns[usable], flat[usable]
    y, x = some / np.sin(turns), some / np.tan(turns)
    slope, start = _weighted_line(x, y, np.ones_like(x))
    kept = np.clip(slope, 1e-6, 1 - 1e-9)[:, None]
    slope, start = _weighted_line(x, y, (np.sin(turns) / (1 - kept * np.cos(turns))) ** 2)
    good = (slope > 0) & (slope < 1)
    safe = np.where(good, slope, 0.5)
    full = np.full((2, flat.shape[0]), np.nan)
    full[0, usable] = np.where(good, -1000 * repetition_time / np.log(safe), np.nan)
    full[1, usable] = np.where(good, start / (1 - safe), np.nan)
    flags = () if b1 is not None else ("nominal flip angles were believed: B1 may bias T1",)
    return _result(
        full,
        signal.shape[:3],
        affine,
        "t1",
        source,
        method=f"{angles.size} flip angles, weighted line",
        undone=int((~good).sum()),
        flags=flags,
    )


def _exponential(
    signal: NDArray[np.float64], times: NDArray[np.float64], *, noise_floor: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rate and start of each row (V, E), by Gauss-Newton on the rate alone.

    The linear unknowns are solved for at each rate (variable projection), so a step has one
    unknown per voxel.
    """
    floor = 0.9 * signal.min(axis=1, keepdims=True) if noise_floor else 0.0
    above = signal - floor
    slope, _ = _weighted_line(np.broadcast_to(times, signal.shape), np.log(above), above**2)
    # A rate below zero or so fast that only the first echo is left cannot be stepped from.
    rate = np.clip(-slope, 1e-3 / times[-1], 5 / max(times[0], np.diff(times).min()))
    for _ in range(N_ITERATIONS):
        start, base = _linear(signal, np.exp(-rate[:, None] * times), noise_floor=noise_floor)
        shape = np.exp(-rate[:, None] * times)
        left = signal - start[:, None] * shape - base[:, None]
        toward = -start[:, None] * times * shape
        inner, offset = _linear(toward, shape, noise_floor=noise_floor)
        toward = toward - inner[:, None] * shape - offset[:, None]
        size = (toward**2).sum(axis=1)
        step = (left * toward).sum(axis=1) / np.where(size == 0, 1, size)
        rate = rate + np.clip(step, -0.5 * np.abs(rate), np.maximum(np.abs(rate), 1e-6))
    start, _ = _linear(signal, np.exp(-rate[:, None] * times), noise_floor=noise_floor)
    # Rates that shrank to nothing are voxels that do not decay over the echoes at all.
    return np.where(rate * times[-1] < 1e-3, 0, rate), start


def _linear(
    values: NDArray[np.float64], shape: NDArray[np.float64], *, noise_floor: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multiple of `shape` and constant nearest to each row."""
    if noise_floor:
        return _weighted_line(shape, values, np.ones_like(values))
    multiple = (shape * values).sum(axis=1) / (shape**2).sum(axis=1)
    return multiple, np.zeros_like(multiple)


def _weighted_line(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Slope and intercept of each row."""
    total = weights.sum(axis=1, keepdims=True)
    x0 = (weights * x).sum(axis=1, keepdims=True) / total
    y0 = (weights * y).sum(axis=1, keepdims=True) / total
    spread = (weights * (x - x0) ** 2).sum(axis=1)
    slope = (weights * (x - x0) * (y - y0)).sum(axis=1) / np.where(spread == 0, 1, spread)
    return slope, y0[:, 0] - slope * x0[:, 0]


def _result(
    full: NDArray[np.float64],
    shape: tuple[int, ...],
    affine: NDArray[np.float64],
    quantity: str,
    source: Source | None,
    *,
    method: str,
    undone: int,
    flags: tuple[str, ...] = (),
) -> Relaxation:
    source = source or Source(modality="MR")
    if undone:
        flags = (*flags, f"{undone} voxels with signal do not follow the model: not a number")
    images = [
        Image(
            array=values.reshape(shape).astype(np.float32),
            affine=affine,
            quantity=name,
            source=source,
        )
        for values, name in zip(full, (quantity, "signal_at_zero"), strict=True)
    ]
    return Relaxation(time=images[0], signal_at_zero=images[1], method=method, flags=flags)
