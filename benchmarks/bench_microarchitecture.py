"""Local thickness of bone and marrow in a 300^3 volume, beside porespy where it is installed.

Run: python benchmarks/bench_microarchitecture.py [voxels along an edge]
"""

from __future__ import annotations

import importlib.util
import resource
import sys
import time

import numpy as np
from scipy import ndimage

from enthesis.bone import local_thickness

EDGE_MM = 0.0607
SHARE = 0.15


def bone(n: int) -> np.ndarray:
    """A random network with 15% bone, trabeculae 4 and spaces 14 voxels thick."""
    rng = np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.standard_normal((n, n, n), dtype=np.float32), 2.6)
    return field > np.quantile(field[::4, ::4, ::4], 1 - SHARE)


def main() -> None:
    """Time both phases."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    mask = bone(n)
    total, cpu = time.perf_counter(), time.process_time()
    for name, phase in (("Tb.Th", mask), ("Tb.Sp", ~mask)):
        start = time.perf_counter()
        found = local_thickness(phase, (EDGE_MM,) * 3)
        mean = found[phase].mean(dtype=float)
        print(f"{name} {mean:.3f} mm in {time.perf_counter() - start:.1f} s")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    wall, cpu = time.perf_counter() - total, time.process_time() - cpu
    print(f"{n}^3: {wall:.1f} s, {cpu:.1f} s of CPU, {peak:.2f} GB at most")
    if importlib.util.find_spec("porespy"):
        import porespy

        start = time.perf_counter()
        theirs = porespy.filters.local_thickness(mask, sizes=25)
        spent = time.perf_counter() - start
        print(f"porespy Tb.Th {2 * theirs[mask].mean() * EDGE_MM:.3f} mm in {spent:.1f} s")


if __name__ == "__main__":
    main()
