"""Water, fat, decay and field of each voxel by least squares, from a field that is nearly right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

N_STEPS = 5
"""Gauss-Newton steps; on the cases tried, fat fractions stop changing after four."""

R2_STAR_START = 40.0
"""Where the decay's search begins, 1/s: muscle and liver at 1.5 to 3 T."""

R2_STAR_BOUNDS = (0.0, 500.0)
"""Decay believed, 1/s; beyond it nothing is left at the second echo."""

FRACTION_BOUNDS = (-50.0, 150.0)
"""Fat fractions end here, %: farther out is a misfit, not noise."""

LARGEST_STEP_HZ = 20.0
"""Farthest that one step may move the field: not across to the swapped minimum."""

LARGEST_STEP_R2_STAR = 60.0
"""Farthest that one step may move the decay, 1/s."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SignalFit:
    """The model of each voxel of a chunk.

    Parameters
    ----------
    water, fat : (N,), complex, at time zero
    field : (N,), Hz
    r2_star : (N,), 1/s
    residual : (E, N), demodulated signal less the model's
    model : (E, N), demodulated
    """

    water: NDArray[np.complex64]
    fat: NDArray[np.complex64]
    field: NDArray[np.float32]
    r2_star: NDArray[np.float32]
    residual: NDArray[np.complex64]
    model: NDArray[np.complex64]


def fit_signal(
    signal: NDArray[np.complex64],
    echo_times: NDArray[np.float64],
    phasor: NDArray[np.complex128],
    field: NDArray[np.float32],
) -> SignalFit:
    """Fit of (water + fat phasor) exp((i 2 pi field - R2*) t) to each column.

    Parameters
    ----------
    signal : (E, N), three echoes or more
    echo_times : (E,), s
    phasor : (E,), signal of a unit of fat
    field : (N,), Hz, in the right minimum

    Notes
    -----
    Water and fat are complex and drop out (variable projection). Field and decay are the two parts
    of one complex rate, by which the model can be differentiated, so a step is a single division.

    References
    ----------
    Yu H et al. Magn Reson Med 2008;60:1122-1134. doi:10.1002/mrm.21737
    """
    times = echo_times.astype(np.float32)
    unit = phasor.astype(np.complex64)
    r2_star = np.full(field.shape, R2_STAR_START, dtype=np.float32)
    field = field.copy()
    tiny = np.finfo(np.float32).tiny
    for step in range(N_STEPS + 1):
        bases = Bases.at(times, unit, r2_star)
        turned = signal * _turning(np.multiply.outer(times, field))
        water, fat = bases.solve(turned)
        model = bases.model(water, fat)
        residual = turned - model
        if step == N_STEPS:
            break
        slope = bases.reject(times[:, None] * model)
        rate = _inner(slope, residual) / np.maximum(_inner(slope, slope).real, tiny)
        field += np.clip(rate.imag / (2 * np.pi), -LARGEST_STEP_HZ, LARGEST_STEP_HZ)
        change = np.clip(rate.real, -LARGEST_STEP_R2_STAR, LARGEST_STEP_R2_STAR)
        r2_star = np.clip(r2_star - change, *R2_STAR_BOUNDS)
    return SignalFit(
        water=water, fat=fat, field=field, r2_star=r2_star, residual=residual, model=model
    )


def fat_fraction(water: NDArray[np.complex64], fat: NDArray[np.complex64]) -> NDArray[np.float32]:
    """Fat over fat and water, %, by magnitude discrimination.

    Parameters
    ----------
    water, fat : (N,), complex

    Returns
    -------
    (N,). The smaller of the two is never taken as a magnitude, since noise has one too and would
    lift every low fat fraction and lower every high one.

    References
    ----------
    Liu CY et al. Magn Reson Med 2007;58:354-364. doi:10.1002/mrm.21301
    """
    both = np.maximum(np.abs(water + fat), 1e-3 * (np.abs(water) + np.abs(fat)) + 1e-30)
    share = np.where(np.abs(fat) > np.abs(water), np.abs(fat) / both, 1 - np.abs(water) / both)
    percent: NDArray[np.float32] = np.clip(100 * share, *FRACTION_BOUNDS).astype(np.float32)
    return percent


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bases:
    """Water's and fat's echo trains for the decay of each voxel, and their normal equations.

    Parameters
    ----------
    decay : (E, N)
    phasor : (E, 1)
    gram : water by water, water by fat, fat by fat, each (N,)
    """

    decay: NDArray[np.float32]
    phasor: NDArray[np.complex64]
    gram: tuple[NDArray[np.float32], NDArray[np.complex64], NDArray[np.float32]]

    @classmethod
    def at(
        cls,
        times: NDArray[np.float32],
        phasor: NDArray[np.complex64],
        r2_star: NDArray[np.float32],
    ) -> Bases:
        """The two echo trains at these decays."""
        decay = np.exp(-np.multiply.outer(times, r2_star))
        squared = decay**2
        gram = (
            squared.sum(axis=0),
            (phasor @ squared).astype(np.complex64),
            (np.abs(phasor) ** 2) @ squared,
        )
        return cls(decay=decay, phasor=phasor[:, None], gram=gram)

    def solve(
        self, values: NDArray[np.complex64]
    ) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
        """Water and fat (N,) nearest to values (E, N)."""
        decayed = self.decay * values
        on_water = decayed.sum(axis=0)
        on_fat = self.phasor[:, 0].conj() @ decayed
        ww, wf, ff = self.gram
        determinant = ww * ff - (wf.real**2 + wf.imag**2)
        water: NDArray[np.complex64] = (ff * on_water - wf * on_fat) / determinant
        fat = (ww * on_fat - wf.conj() * on_water) / determinant
        return water, fat

    def model(
        self, water: NDArray[np.complex64], fat: NDArray[np.complex64]
    ) -> NDArray[np.complex64]:
        """Echo trains (E, N) of water and fat (N,)."""
        train = self.decay * (water + self.phasor * fat)
        return train.astype(np.complex64, copy=False)

    def reject(self, values: NDArray[np.complex64]) -> NDArray[np.complex64]:
        """Values (E, N) less what water and fat explain of them."""
        water, fat = self.solve(values)
        rest: NDArray[np.complex64] = values - self.model(water, fat)
        return rest


def _turning(turns: NDArray[np.float32]) -> NDArray[np.complex64]:
    """exp(-i 2 pi turns); sine and cosine of single precision are many times faster than exp."""
    angle = np.float32(2 * np.pi) * turns
    unit = np.empty(turns.shape, dtype=np.complex64)
    np.cos(angle, out=unit.real)
    np.sin(-angle, out=unit.imag)
    return unit


def _inner(first: NDArray[np.complex64], second: NDArray[np.complex64]) -> NDArray[np.complex64]:
    product: NDArray[np.complex64] = (first.conj() * second).sum(axis=0)
    return product
