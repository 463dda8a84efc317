"""Separation of three or more complex echoes, a slab at a time on every core."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from enthesis.maps.field_cost import FieldCost, field_cost
from enthesis.maps.field_map import SMOOTHNESS, candidates, choose, wrapped
from enthesis.maps.signal_model import SignalFit, fat_fraction, fit_signal

SEARCH_R2_STAR = (30.0, 60.0, 150.0)
"""Decays tried while looking for the field, 1/s. None lies below 30: fat without decay imitates
water that decays, its peaks running apart, and the swapped field would then fit as well."""

BLOCK = 2
"""Voxels along I and J that share one candidate while the field is chosen; K is left alone."""

SLAB_VOXELS = 60_000
"""Voxels fitted at once per thread, bounding memory to about 100 MB each."""

N_THREADS = 4
"""Threads at most, since each holds a slab."""

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Problem:
    """What the echoes are to be explained by.

    Parameters
    ----------
    array : (I, J, K, E), complex
    inside : (I, J, K), voxels with signal
    echo_times : (E,), s
    phasor : (E,), signal of a unit of fat
    fat_shift : distance of fat's main peak, Hz
    reach : largest field offset looked for where unevenly spaced echoes tell all apart, Hz
    spacing : mm
    turn : (I, J, K) error of phase to be taken off, rad, or None
    pattern : (E,), how many times over each echo has that error
    """

    array: NDArray[np.complexfloating]
    inside: NDArray[np.bool_]
    echo_times: NDArray[np.float64]
    phasor: NDArray[np.complex128]
    fat_shift: float
    reach: float
    spacing: tuple[float, float, float]
    turn: NDArray[np.float32] | None = None
    pattern: tuple[int, ...] = ()

    def signal(self, slab: slice) -> NDArray[np.complex64]:
        """Voxels inside a slab along I, (E, N)."""
        inside = self.inside[slab]
        signal = np.ascontiguousarray(self.array[slab][inside].T, dtype=np.complex64)
        if self.turn is not None:
            correction = np.exp(np.complex64(-1j) * self.turn[slab][inside])
            for echo, times in zip(signal, self.pattern, strict=True):
                if times:
                    echo *= correction if times > 0 else correction.conj()
        return signal

    def least(self, probed: NDArray[np.bool_], *, mirrored: bool) -> float:
        """Sum of squares left when each probed voxel has its own best field offset."""
        signal = replace(self, inside=probed).signal(slice(0, probed.shape[0]))
        cost = _cost(signal.conj() if mirrored else signal, self.series())
        return float(cost.min(axis=0).sum())

    def series(self) -> tuple[FieldCost, ...]:
        """One cost series per decay tried."""
        return tuple(
            field_cost(self.echo_times, self.phasor, r2_star=rate, reach=self.reach)
            for rate in SEARCH_R2_STAR
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Separated:
    """Maps of a separation, each (I, J, K), not a number where there is no signal.

    Parameters
    ----------
    fat_fraction : %
    r2_star : 1/s
    water, fat : magnitudes at time zero
    field : Hz; none of magnitudes
    residual : %
    swap_margin : %
    """

    fat_fraction: NDArray[np.float32]
    r2_star: NDArray[np.float32]
    water: NDArray[np.float32]
    fat: NDArray[np.float32]
    field: NDArray[np.float32] | None
    residual: NDArray[np.float32]
    swap_margin: NDArray[np.float32]


def coarse_field(problem: Problem) -> NDArray[np.float32]:
    """Field offset of each block (I / 2, J / 2, K), Hz, zero where there is no signal."""
    series = problem.series()
    grid, period = series[0].grid, series[0].period
    shape = problem.inside.shape
    blocks = (-(-shape[0] // BLOCK), -(-shape[1] // BLOCK), shape[2])
    energy = np.zeros(blocks, dtype=np.float32)

    def look(slab: slice) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        inside = problem.inside[slab]
        signal = problem.signal(slab)
        rows = slice(slab.start // BLOCK, -(-slab.stop // BLOCK))
        where = np.stack(np.nonzero(inside))
        where[:2] //= BLOCK
        size = energy[rows].shape
        sorter, starts, filled = _groups(np.ravel_multi_index(tuple(where), size))
        cost = _cost(signal[:, sorter], series)
        squares = (np.abs(signal[:, sorter]) ** 2).sum(axis=0)
        energy[rows].ravel()[filled] = np.add.reduceat(squares, starts)
        summed = np.add.reduceat(cost, starts, axis=1)
        return candidates(summed, grid, period=period)

    found = list(_over_slabs(problem, look))
    costs = np.concatenate([part[0] for part in found], axis=1)
    offsets = np.concatenate([part[1] for part in found], axis=1)
    filled = energy > 0
    chosen = choose(
        costs,
        offsets,
        energy[filled],
        filled,
        period=period,
        fat_shift=problem.fat_shift,
        spacing=(problem.spacing[0] * BLOCK, problem.spacing[1] * BLOCK, problem.spacing[2]),
    )
    field = np.zeros(blocks, dtype=np.float32)
    field[filled] = offsets[chosen, np.arange(chosen.size)]
    return field


def separate(problem: Problem, coarse: NDArray[np.float32]) -> Separated:
    """Maps of every voxel, each looking for its field near that of its block."""
    series = problem.series()
    period = series[0].period
    names = Separated.__dataclass_fields__
    maps = {name: np.full(problem.inside.shape, np.nan, dtype=np.float32) for name in names}

    def fill(slab: slice) -> None:
        inside = problem.inside[slab]
        signal = problem.signal(slab)
        i, j, k = np.nonzero(inside)
        guide = coarse[(i + slab.start) // BLOCK, j // BLOCK, k]
        energy = (np.abs(signal) ** 2).sum(axis=0)
        start, margin = _nearest_minimum(signal, series, guide, energy, problem.fat_shift)
        fit = fit_signal(signal, problem.echo_times, problem.phasor, start)
        for name, values in _voxel_maps(fit, energy, margin, period).items():
            maps[name][slab][inside] = values

    for _ in _over_slabs(problem, fill):
        pass
    return Separated(**maps)


def fits(problem: Problem, coarse: NDArray[np.float32]) -> Iterator[tuple[slice, SignalFit]]:
    """The fit of each slab along I, for those who ask what the model leaves."""
    series = problem.series()

    def one(slab: slice) -> tuple[slice, SignalFit]:
        signal = problem.signal(slab)
        i, j, k = np.nonzero(problem.inside[slab])
        guide = coarse[(i + slab.start) // BLOCK, j // BLOCK, k]
        energy = (np.abs(signal) ** 2).sum(axis=0)
        start, _ = _nearest_minimum(signal, series, guide, energy, problem.fat_shift)
        return slab, fit_signal(signal, problem.echo_times, problem.phasor, start)

    yield from _over_slabs(problem, one)


def _nearest_minimum(
    signal: NDArray[np.complex64],
    series: tuple[FieldCost, ...],
    guide: NDArray[np.float32],
    energy: NDArray[np.float32],
    fat_shift: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Grid offset of each voxel near its guide, and how much worse the best rival fits, %."""
    grid = series[0].grid
    cost = _cost(signal, series)
    apart = wrapped(grid[:, None] - guide[None, :], series[0].period) / np.float32(fat_shift)
    np.abs(apart, out=apart)
    rival = np.where(apart > 1 / 3, cost, np.inf).min(axis=0)
    held = cost + (np.float32(SMOOTHNESS) * energy) * apart**2
    held[apart > 1 / 2] = np.inf
    best = held.argmin(axis=0)
    kept = cost[best, np.arange(best.size)]
    margin = np.where(np.isfinite(rival), 100 * (rival - kept) / energy, 100)
    return grid[best], margin.astype(np.float32)


def _cost(signal: NDArray[np.complex64], series: tuple[FieldCost, ...]) -> NDArray[np.float32]:
    cost = series[0].on_grid(series[0].terms(signal))
    for other in series[1:]:
        np.minimum(cost, other.on_grid(other.terms(signal)), out=cost)
    return cost


def _voxel_maps(
    fit: SignalFit,
    energy: NDArray[np.float32],
    margin: NDArray[np.float32],
    period: float,
) -> dict[str, NDArray[np.float32]]:
    left = (np.abs(fit.residual) ** 2).sum(axis=0)
    return {
        "fat_fraction": fat_fraction(fit.water, fit.fat),
        "r2_star": fit.r2_star,
        "water": np.abs(fit.water),
        "fat": np.abs(fit.fat),
        "field": wrapped(fit.field, period),
        "residual": 100 * np.sqrt(left / energy),
        "swap_margin": margin,
    }


def _groups(
    keys: NDArray[np.intp],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Order that brings equal keys together, where each group begins, and its key."""
    sorter = np.argsort(keys, kind="stable")
    ordered = keys[sorter]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    return sorter, starts, ordered[starts]


def _over_slabs(problem: Problem, job: Callable[[slice], _Answer]) -> Iterator[_Answer]:
    """The job's answers for slabs along I, in order; numpy lets go of the lock, so threads help."""
    _, second, third = problem.inside.shape
    n_rows = BLOCK * max(1, SLAB_VOXELS // (BLOCK * second * third))
    n_all = problem.inside.shape[0]
    slabs = [slice(start, min(start + n_rows, n_all)) for start in range(0, n_all, n_rows)]
    busy = [slab for slab in slabs if problem.inside[slab].any()]
    with ThreadPoolExecutor(max_workers=min(os.cpu_count() or 1, N_THREADS)) as pool:
        yield from pool.map(job, busy)
