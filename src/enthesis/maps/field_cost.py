"""How badly each field offset explains the echoes, as a short cosine series per voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LAG_TOLERANCE_S = 1e-7
"""Echo distances closer than this are one distance, s: 0.1 us turns fat by 0.016 degrees at 3 T."""

STEPS_PER_PERIOD = 12
"""Points of the field grid per period of the fastest term; a minimum is wider than two of them."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FieldCost:
    """The series' frequencies and the grid of field offsets that it is looked up on.

    With the water and fat signals fitted for every field offset (variable projection), the sum of
    squares that is left is a sum of cosines whose frequencies are the distances between echoes.
    The terms can therefore be added over a block of voxels that share one offset.

    Parameters
    ----------
    lags : (L,), distances between echoes, s, the first one zero
    pairs : (E, E), which lag a later and an earlier echo have
    projection : (E, E), onto the water and fat signals
    grid : (G,), field offsets, Hz
    period : after how many Hz the series repeats; infinity when it does not
    table : (2 L - 1, G), cosines and sines of the grid
    """

    lags: NDArray[np.float64]
    pairs: NDArray[np.intp]
    projection: NDArray[np.complex64]
    grid: NDArray[np.float32]
    period: float
    table: NDArray[np.float32]

    def terms(self, signal: NDArray[np.complex64]) -> NDArray[np.float32]:
        """Series of each voxel, constant first: (2 L - 1, N) from (E, N)."""
        n_lags = self.lags.size
        out = np.zeros((2 * n_lags - 1, signal.shape[1]), dtype=np.float32)
        for later in range(signal.shape[0]):
            out[0] += (1 - self.projection[later, later].real) * _squared(signal[later])
            for earlier in range(later):
                lag = self.pairs[later, earlier]
                product = signal[later].conj() * signal[earlier]
                product *= -2 * self.projection[later, earlier]
                out[lag] += product.real
                out[n_lags - 1 + lag] -= product.imag
        return out

    def on_grid(self, terms: NDArray[np.float32]) -> NDArray[np.float32]:
        """Sum of squares left at each grid offset: (G, N)."""
        return self.table.T @ terms


def field_cost(
    echo_times: NDArray[np.float64],
    phasor: NDArray[np.complex128],
    *,
    r2_star: float,
    reach: float,
) -> FieldCost:
    """The series for one set of echoes.

    Parameters
    ----------
    echo_times : (E,), s, increasing
    phasor : (E,), signal of a unit of fat
    r2_star : decay assumed while looking for the field, 1/s
    reach : largest field offset looked for where the series does not repeat, Hz

    Returns
    -------
    the series over one period, or over +-reach.
    """
    decay = np.exp(-r2_star * echo_times)
    basis, _ = np.linalg.qr(np.column_stack([decay, decay * phasor]))
    distances = np.subtract.outer(echo_times, echo_times)
    lags = [0.0]
    pairs = np.zeros(distances.shape, dtype=np.intp)
    for later in range(echo_times.size):
        for earlier in range(later):
            distance = distances[later, earlier]
            near = [n for n, lag in enumerate(lags) if abs(lag - distance) < LAG_TOLERANCE_S]
            if not near:
                lags.append(distance)
            pairs[later, earlier] = near[0] if near else len(lags) - 1
    shortest = min(lags[1:])
    repeats = all(abs(lag / shortest - round(lag / shortest)) < 0.01 for lag in lags)
    half = 0.5 / shortest if repeats else reach
    n_steps = int(np.ceil(2 * half * max(lags) * STEPS_PER_PERIOD))
    grid = np.linspace(-half, half, n_steps, endpoint=not repeats)
    turns = 2 * np.pi * np.multiply.outer(np.array(lags), grid)
    return FieldCost(
        lags=np.array(lags),
        pairs=pairs,
        projection=(basis @ basis.conj().T).astype(np.complex64),
        grid=grid.astype(np.float32),
        period=2 * half if repeats else np.inf,
        table=np.vstack([np.cos(turns), np.sin(turns[1:])]).astype(np.float32),
    )


def _squared(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    squares: NDArray[np.float32] = values.real**2 + values.imag**2
    return squares
