"""Fat-water separation of 256 x 256 x 40 voxels, six complex echoes, and of a quarter of them.

Run ``python benchmarks/bench_fat_water.py``; prints seconds, peak memory and the largest error.
"""

from __future__ import annotations

import resource
import time

import numpy as np

from enthesis.image import Echoes
from enthesis.maps import LIVER, fat_phasor, fat_water

SHAPE = (256, 256, 40)
SPACING = (1.6, 1.6, 4.0)
FIELD_STRENGTH = 3.0
ECHO_TIMES = 0.0012 + 0.001 * np.arange(6)
SNR = 30
"""Signal of one voxel over the noise of its real part."""


def body(n_slices: int) -> tuple[Echoes, np.ndarray]:
    """An elliptic body of muscle with fat around it and in it, and its true fat fraction."""
    rng = np.random.default_rng(1)
    shape = (*SHAPE[:2], n_slices)
    i, j, k = (np.linspace(-1, 1, n, dtype=np.float32) for n in shape)
    i, j, k = i[:, None, None], j[None, :, None], k[None, None, :]
    radius = (i / 0.92) ** 2 + (j / 0.75) ** 2 + 0 * k
    streaks = 0.5 + 0.5 * np.sin(9 * i) * np.sin(11 * j + 2 * k)
    share = np.where(radius > 0.8, 0.95, 0.6 * streaks**3).astype(np.float32)
    inside = radius < 1
    field = 250 * i * j + 150 * (i**2 - j**2) + 60 * k
    rate = 30 + 20 * share
    phasor = fat_phasor(LIVER, ECHO_TIMES, field_strength=FIELD_STRENGTH).astype(np.complex64)
    array = np.empty((*shape, ECHO_TIMES.size), dtype=np.complex64)
    for n, at in enumerate(ECHO_TIMES):
        turn = np.exp((2j * np.pi * field - rate) * np.float32(at)).astype(np.complex64)
        array[..., n] = inside * (1 + share * (phasor[n] - 1)) * turn
        array[..., n] += _noise(rng, shape)
    echoes = Echoes(
        array=array,
        affine=np.diag([*SPACING, 1.0]),
        echo_times=ECHO_TIMES,
        field_strength=FIELD_STRENGTH,
    )
    return echoes, np.where(inside, 100 * share, np.nan)


def _noise(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    pairs = rng.standard_normal((*shape, 2), dtype=np.float32) / SNR
    return pairs.view(np.complex64)[..., 0]


def main() -> None:
    """Time a quarter of the slices, then all."""
    for n_slices in (SHAPE[2] // 4, SHAPE[2]):
        echoes, truth = body(n_slices)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        start, busy = time.perf_counter(), time.process_time()
        result = fat_water(echoes)
        elapsed, busy = time.perf_counter() - start, time.process_time() - busy
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        error = (result.fat_fraction.array - truth)[np.isfinite(truth)]
        print(
            f"{n_slices:3d} slices: {elapsed:6.2f} s ({busy:.1f} s of CPU), peak {peak:.0f} MB "
            f"({before:.0f} MB before), error {np.nanmean(error):+.2f} points, "
            f"swaps {100 * np.mean(np.abs(error) > 30):.3f} % of voxels"
        )


if __name__ == "__main__":
    main()
