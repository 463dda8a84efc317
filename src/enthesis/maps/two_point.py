"""Water and fat from two echoes: two ways to split each voxel, told apart by a smooth field."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enthesis.maps.field_map import choose

SHIM_WEIGHT = 0.01
"""Cost of an offset as large as the period, as a share of the voxel's energy. In and opposed phase
fit the swapped image as well, half a period away; a shimmed magnet is nearer zero."""


def fractions(
    first: NDArray[np.floating], second: NDArray[np.floating], phasor: NDArray[np.complex128]
) -> NDArray[np.float32]:
    """Both shares of fat that give two magnitudes their ratio.

    Parameters
    ----------
    first, second : (N,), magnitudes
    phasor : (2,), signal of a unit of fat

    Returns
    -------
    (2, N), from 0 to 1, the lower first; where noise leaves none, the nearest share twice.

    References
    ----------
    Berglund J, Johansson L, Ahlstrom H, Kullberg J. Magn Reson Med 2010;63:1659-1668.
    doi:10.1002/mrm.22385
    """
    # Squared magnitude of a unit of signal with share q of fat: 1 + b q + a q^2.
    a = np.abs(phasor - 1) ** 2
    b = 2 * (phasor.real - 1)
    one, two = first.astype(np.float64) ** 2, second.astype(np.float64) ** 2
    square, linear, constant = two * a[0] - one * a[1], two * b[0] - one * b[1], two - one
    curved = np.abs(square) > 1e-9 * (one + two)
    safe = np.where(curved, square, 1)
    root = np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0))
    straight = -constant / np.where(linear == 0, 1, linear)
    roots = np.stack(
        [np.where(curved, (-linear + s * root) / (2 * safe), straight) for s in (-1, 1)]
    )
    possible = (roots >= -0.05) & (roots <= 1.05)
    roots = np.clip(roots, 0, 1)
    alone = possible.sum(axis=0) == 1
    only = np.where(possible[0], roots[0], roots[1])
    roots = np.where(alone, only, roots)
    return np.sort(roots, axis=0).astype(np.float32)


def split(
    signal: NDArray[np.complex64],
    echo_times: NDArray[np.float64],
    phasor: NDArray[np.complex128],
    inside: NDArray[np.bool_],
    *,
    fat_shift: float,
    spacing: tuple[float, float, float],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Share of fat and field offset in Hz, both (N,), of two complex echoes (2, N)."""
    share = fractions(np.abs(signal[0]), np.abs(signal[1]), phasor)
    first, second = (1 + share * (unit - 1) for unit in phasor)
    turn = np.angle(signal[1] * signal[0].conj() * (second * first.conj()).conj())
    period = 1 / float(echo_times[1] - echo_times[0])
    offsets = (turn / (2 * np.pi) * period).astype(np.float32)
    energy = (np.abs(signal) ** 2).sum(axis=0)
    costs = (SHIM_WEIGHT * energy * (offsets / period) ** 2).astype(np.float32)
    chosen = choose(
        costs,
        offsets,
        energy,
        inside,
        period=period,
        fat_shift=fat_shift,
        spacing=spacing,
    )
    columns = np.arange(chosen.size)
    return share[chosen, columns], offsets[chosen, columns]


def amplitude(
    first: NDArray[np.floating],
    second: NDArray[np.floating],
    share: NDArray[np.float32],
    phasor: NDArray[np.complex128],
) -> NDArray[np.float32]:
    """Water and fat together (N,), given the share of fat."""
    model = np.abs(1 - share + phasor[:, None] * share)
    size = (model[0] * first + model[1] * second) / np.maximum((model**2).sum(axis=0), 1e-12)
    out: NDArray[np.float32] = size.astype(np.float32)
    return out
