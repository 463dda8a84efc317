"""Water, fat and decay of each voxel from magnitudes alone, both minima tried."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enthesis.maps.signal_model import FRACTION_BOUNDS, LARGEST_STEP_R2_STAR, R2_STAR_BOUNDS

START_SHARES = np.linspace(0, 1, 21)
"""Shares of fat looked up before the fit."""

START_R2_STAR = np.array([10.0, 25.0, 45.0, 75.0, 120.0, 200.0])
"""Decays looked up before the fit, 1/s."""

SAME_MINIMUM = 5.0
"""Fits whose fat fractions differ by less, in points, ended in one minimum."""

N_STEPS = 8
"""Gauss-Newton steps from a point of that table; four suffice at SNR 20."""


def fit_magnitudes(
    magnitudes: NDArray[np.float32],
    echo_times: NDArray[np.float64],
    phasor: NDArray[np.complex128],
) -> tuple[dict[str, NDArray[np.float32]], NDArray[np.float32]]:
    """Best fit of each column, and by how much of its energy the other minimum is worse.

    Parameters
    ----------
    magnitudes : (E, N), three echoes or more
    echo_times : (E,), s
    phasor : (E,), signal of a unit of fat

    Returns
    -------
    fat_fraction, water, fat, r2_star and residual, each (N,); and the margin in %.

    Notes
    -----
    Without phase, water with a little fat and fat with a little water look alike but for fat's
    smaller peaks. The table is searched on either side and both fits are finished before one is
    taken. Noise is taken as Gaussian, which holds from a signal-to-noise ratio of about 3.

    References
    ----------
    Triay Bagur A, Hutton C, Irving B, Gyngell ML, Robson MD, Brady M. Magn Reson Med
    2019;82:460-475. doi:10.1002/mrm.27728
    """
    energy = (magnitudes**2).sum(axis=0)
    ends = [
        _descend(magnitudes, echo_times, phasor, *_look_up(magnitudes, echo_times, phasor, side))
        for side in (START_SHARES < 0.5, START_SHARES >= 0.5)
    ]
    (low, low_left), (high, high_left) = ends
    best = np.where(low_left <= high_left, low, high)
    left = np.minimum(low_left, high_left)
    same = np.abs(_share(low) - _share(high)) < SAME_MINIMUM
    margin = np.where(same, 100, 100 * np.abs(low_left - high_left) / energy)
    fitted = {
        "fat_fraction": _share(best),
        "water": best[0],
        "fat": best[1],
        "r2_star": best[2],
        "residual": 100 * np.sqrt(left / energy),
    }
    return fitted, margin.astype(np.float32)


def _share(point: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fat fraction, %, of water, fat and decay (3, N)."""
    water, fat, _ = point
    whole = np.maximum(water + fat, 1e-3 * (np.abs(water) + np.abs(fat)) + 1e-30)
    percent: NDArray[np.float32] = np.clip(100 * fat / whole, *FRACTION_BOUNDS)
    return percent


def _look_up(
    magnitudes: NDArray[np.float32],
    echo_times: NDArray[np.float64],
    phasor: NDArray[np.complex128],
    side: NDArray[np.bool_],
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    share, rate = (part.ravel() for part in np.meshgrid(START_SHARES[side], START_R2_STAR))
    trains = np.abs(1 + np.multiply.outer(phasor - 1, share))
    trains = trains * np.exp(-np.multiply.outer(echo_times, rate))
    lengths = np.sqrt((trains**2).sum(axis=0))
    overlap = (trains / lengths).T.astype(np.float32) @ magnitudes
    best = overlap.argmax(axis=0)
    size = overlap[best, np.arange(best.size)] / lengths[best]
    fat = size * share[best]
    return (
        (size - fat).astype(np.float32),
        fat.astype(np.float32),
        rate[best].astype(np.float32),
    )


def _descend(
    magnitudes: NDArray[np.float32],
    echo_times: NDArray[np.float64],
    phasor: NDArray[np.complex128],
    water: NDArray[np.float32],
    fat: NDArray[np.float32],
    r2_star: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Water, fat and decay (3, N) at the end of the descent, and the sum of squares left (N,)."""
    times = echo_times[:, None]
    real, square = phasor.real[:, None], np.abs(phasor[:, None]) ** 2
    now = np.stack([water, fat, r2_star]).astype(np.float64)
    damping = np.full(water.shape, 1e-3)

    def at(point: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        w, f, rate = point
        size = np.sqrt(np.maximum(w**2 + 2 * w * f * real + f**2 * square, 1e-12))
        return size, np.exp(-times * rate)

    size, decay = at(now)
    left = ((magnitudes - size * decay) ** 2).sum(axis=0)
    for _ in range(N_STEPS):
        w, f, _rate = now
        slopes = np.stack(
            [
                decay * (w + f * real) / size,
                decay * (f * square + w * real) / size,
                -times * decay * size,
            ]
        )
        normal = np.einsum("aen,ben->nab", slopes, slopes)
        right = np.einsum("aen,en->na", slopes, magnitudes - size * decay)
        scale = np.einsum("naa->na", normal) * (1 + damping[:, None]) + 1e-12
        normal[:, range(3), range(3)] = scale
        step = np.linalg.solve(normal, right[..., None])[..., 0].T
        step[2] = np.clip(step[2], -LARGEST_STEP_R2_STAR, LARGEST_STEP_R2_STAR)
        trial = now + step
        trial[2] = np.clip(trial[2], *R2_STAR_BOUNDS)
        trial_size, trial_decay = at(trial)
        trial_left = ((magnitudes - trial_size * trial_decay) ** 2).sum(axis=0)
        better = trial_left < left
        now = np.where(better, trial, now)
        size, decay = np.where(better, trial_size, size), np.where(better, trial_decay, decay)
        left = np.where(better, trial_left, left)
        damping = np.where(better, damping / 5, damping * 10)
    return now.astype(np.float32), left.astype(np.float32)
