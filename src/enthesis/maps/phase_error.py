"""Phase that eddy currents leave: on the first echo, or between odd and even ones."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.maps.separation import Problem, coarse_field, fits
from enthesis.maps.signal_model import Bases

DEGREE = 2
"""Degree of the polynomial in space: eddy currents and the readout's delay give a plane, bends of
the gradient the rest."""

N_STEPS = 5
"""Gauss-Newton steps at most; two or three settle it."""

SETTLED_RAD = 0.01
"""A step below this ends the search, rad: it moves a fat fraction by some tenths of a point."""

N_SLICES = 5
"""Slices that the error is fitted on, evenly taken: it is smooth, and a fit of all is no better."""

MIN_ECHOES = 5
"""Echoes from which the first one's error is looked for; fewer say little beyond the model."""

MIN_VOXELS = 1000
"""Voxels from which the first one's error is looked for; noise could bend fewer."""

UNEVEN = 0.02
"""Echo distances may differ by this share of their mean and still count as even."""


def bipolar_corrected(problem: Problem) -> Problem:
    """The problem with the phase taken off by which even echoes run ahead of odd ones.

    Parameters
    ----------
    problem : four or more evenly spaced echoes

    Returns
    -------
    the same echoes; half that phase is smooth in space.

    Raises
    ------
    InputError : fewer than four echoes, or unevenly spaced ones.

    Notes
    -----
    Every second difference of phase over three echoes holds four times the error with alternating
    sign, and no field. Their plane is found from the phase between neighbouring voxels, without
    unwrapping; then a polynomial takes what alternates out of the fitted model's residual. A
    quarter turn more or less is a field offset of half a period and changes no fat fraction.

    References
    ----------
    Peterson P, Mansson S. Magn Reson Med 2014;71:219-229. doi:10.1002/mrm.24657
    """
    times = problem.echo_times
    if times.size < 4:
        raise InputError(
            f"a bipolar readout needs four echoes or more to be corrected, got {times.size}; "
            "keep every other echo, or fit magnitudes"
        )
    gaps = np.diff(times)
    if np.ptp(gaps) > UNEVEN * gaps.mean():
        raise InputError(
            f"a bipolar readout is corrected on evenly spaced echoes, got {times.tolist()} s; "
            "fit magnitudes instead"
        )
    pattern = tuple(-1 if n % 2 else 1 for n in range(times.size))
    return _settled(replace(problem, turn=_plane(problem), pattern=pattern))


def first_echo_corrected(problem: Problem) -> Problem:
    """The problem with the phase taken off by which the first echo stands apart.

    Parameters
    ----------
    problem : any number of echoes; fewer than `MIN_ECHOES` or `MIN_VOXELS` are left as they are

    Returns
    -------
    the same echoes; the phase is a polynomial in space.

    Notes
    -----
    Eddy currents have not died down when the first echo is read. Left alone, a third of a radian
    moves low fat fractions by a point.

    References
    ----------
    Yu H et al. Magn Reson Med 2011;66:199-206. doi:10.1002/mrm.22840
    """
    n_echoes = problem.echo_times.size
    if n_echoes < MIN_ECHOES or problem.inside.sum() < MIN_VOXELS:
        return problem
    none = np.zeros(problem.inside.shape, dtype=np.float32)
    return _settled(replace(problem, turn=none, pattern=(1,) + (0,) * (n_echoes - 1)))


def _settled(problem: Problem) -> Problem:
    """Gauss-Newton steps from the error that the problem brings, until it stays."""
    n_slices = problem.inside.shape[2]
    taken = np.zeros(n_slices, dtype=bool)
    taken[np.unique(np.linspace(0, n_slices - 1, N_SLICES + 2).round().astype(int)[1:-1])] = True
    few = replace(problem, inside=problem.inside & taken)
    if not few.inside.any():
        few = problem
    turn = problem.turn
    for _ in range(N_STEPS):
        step = _remainder(few, coarse_field(few))
        turn = step if turn is None else turn + step
        few = replace(few, turn=turn)
        if np.abs(step[few.inside]).max() < SETTLED_RAD:
            break
    return replace(problem, turn=turn)


def _plane(problem: Problem) -> NDArray[np.float32]:
    shape = problem.inside.shape
    second = np.zeros(shape, dtype=np.complex64)
    for n in range(problem.echo_times.size - 2):
        first, middle, last = (problem.array[..., n + m] for m in range(3))
        bend = middle**2 * (first * last).conj()
        second += bend if n % 2 == 0 else bend.conj()
    size = np.abs(second)
    usable = problem.inside & (size > 0)
    second = np.divide(second, size, out=np.zeros_like(second), where=usable)
    phase = np.zeros(shape)
    for axis, length in enumerate(shape):
        along, inside = np.moveaxis(second, axis, 0), np.moveaxis(usable, axis, 0)
        pairs = inside[1:] & inside[:-1]
        # Where fat borders on water the difference bends too; the median passes over these.
        steps = np.angle(along[1:][pairs] * along[:-1][pairs].conj())
        ramp = (np.median(steps) if steps.size else 0.0) * np.arange(length)
        phase += ramp.reshape([-1 if a == axis else 1 for a in range(3)])
    phase += np.angle((second * np.exp(-1j * phase)).sum())
    return (-phase / 4).astype(np.float32)


def _remainder(problem: Problem, coarse: NDArray[np.float32]) -> NDArray[np.float32]:
    """One Gauss-Newton step for the coefficients of a polynomial, everything else refitted."""
    times = problem.echo_times.astype(np.float32)
    phasor = problem.phasor.astype(np.complex64)
    pattern = np.array(problem.pattern, dtype=np.complex64)[:, None]
    shape = problem.inside.shape
    n_terms = len(_powers(shape))
    normal, right = np.zeros((n_terms, n_terms)), np.zeros(n_terms)
    for slab, fit in fits(problem, coarse):
        bases = Bases.at(times, phasor, fit.r2_star)
        rate = bases.reject(times[:, None] * fit.model)
        change = bases.reject(1j * pattern * fit.model)
        share = (rate.conj() * change).sum(axis=0) / np.maximum(
            (np.abs(rate) ** 2).sum(axis=0), np.finfo(np.float32).tiny
        )
        change -= share * rate
        i, j, k = np.nonzero(problem.inside[slab])
        terms = _polynomial((i + slab.start, j, k), shape)
        normal += (terms * (np.abs(change) ** 2).sum(axis=0)) @ terms.T
        right += terms @ (change.conj() * fit.residual).sum(axis=0).real
    coefficients = np.linalg.lstsq(normal, right, rcond=1e-6)[0]
    smooth = np.zeros(shape, dtype=np.float32)
    for coefficient, powers in zip(coefficients, _powers(shape), strict=True):
        x, y, z = (at**power for at, power in zip(_scaled(shape), powers, strict=True))
        smooth += np.float32(coefficient) * x[:, None, None] * y[:, None] * z
    return smooth


def _powers(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Powers of the monomials along I, J and K; none along axes of `DEGREE` voxels or fewer."""
    return [
        powers
        for powers in product(range(DEGREE + 1), repeat=3)
        if sum(powers) <= DEGREE
        and all(n > DEGREE or not power for n, power in zip(shape, powers, strict=True))
    ]


def _scaled(shape: tuple[int, ...]) -> list[NDArray[np.float32]]:
    """Positions along each axis, from -1 to 1."""
    return [np.linspace(-1, 1, n, dtype=np.float32) for n in shape]


def _polynomial(where: tuple[NDArray[np.intp], ...], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Monomials (M, N) at these voxels."""
    i, j, k = (at[index] for at, index in zip(_scaled(shape), where, strict=True))
    return np.stack([i**a * j**b * k**c for a, b, c in _powers(shape)])
