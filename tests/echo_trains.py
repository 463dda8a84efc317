"""Multi-echo scans of which everything is known."""

from __future__ import annotations

import numpy as np

from enthesis.image import Echoes
from enthesis.maps import LIVER, FatSpectrum, fat_phasor

SIX_ECHOES = 0.0012 + 0.001 * np.arange(6)
"""Echo times of a usual six-echo scan at 3 T, s."""


def echo_train(
    share: np.ndarray,
    *,
    echo_times: np.ndarray = SIX_ECHOES,
    field: np.ndarray | float = 0.0,
    r2_star: np.ndarray | float = 40.0,
    signal: np.ndarray | float = 1.0,
    phase: np.ndarray | float = 0.6,
    bipolar: np.ndarray | float = 0.0,
    snr: float = np.inf,
    field_strength: float = 3.0,
    spectrum: FatSpectrum = LIVER,
    spacing: tuple[float, float, float] = (1.5, 1.5, 4.0),
    readout: str = "unipolar",
) -> Echoes:
    """Echoes of voxels with this share of fat (I, J, K), 0 to 1.

    `field` is in Hz, `r2_star` in 1/s, `phase` in rad; `bipolar` is half the phase by which even
    echoes run ahead, rad; `snr` is a unit of signal over the noise of its real part.
    """
    phasor = fat_phasor(spectrum, echo_times, field_strength=field_strength)
    rng = np.random.default_rng(20)
    array = np.empty((*share.shape, echo_times.size), dtype=np.complex128)
    for n, at in enumerate(echo_times):
        turn = phase + 2 * np.pi * field * at + bipolar * (1 - 2 * (n % 2))
        array[..., n] = signal * (1 + share * (phasor[n] - 1)) * np.exp(1j * turn - r2_star * at)
        array[..., n] += (rng.normal(size=share.shape) + 1j * rng.normal(size=share.shape)) / snr
    return Echoes(
        array=array.astype(np.complex64),
        affine=np.diag([*spacing, 1.0]),
        echo_times=echo_times,
        field_strength=field_strength,
        readout=readout,
    )


def tubes(shares: np.ndarray, *, side: int = 8, n_slices: int = 4) -> np.ndarray:
    """Square tubes of these shares of fat side by side, (side, side x number, slices)."""
    row = np.repeat(shares, side)
    return np.broadcast_to(row[None, :, None], (side, row.size, n_slices)).copy()


def hill(shape: tuple[int, ...], *, top: float) -> np.ndarray:
    """A smooth field from -top to +top, Hz."""
    i, j, k = (np.linspace(-1, 1, n) if n > 1 else np.zeros(1) for n in shape)
    bend = (
        np.sin(1.3 * i[:, None, None] + 0.5)
        + j[None, :, None] * np.abs(j[None, :, None])
        + 0.3 * k[None, None, :]
    )
    middle = (bend.max() + bend.min()) / 2
    return top * (bend - middle) / (bend.max() - middle)
