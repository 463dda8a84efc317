"""Thickness, separation and number of a 300^3 volume, and its projection, beside porespy.

Run: python benchmarks/bench_microarchitecture.py [voxels along an edge] [python with porespy]
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy import ndimage

from enthesis.bone import local_thickness, microarchitecture, projected_density
from enthesis.image import Image, LabelMap

EDGE_MM = 0.0607
SHARE = 0.15
COMPACT_MG = 1200.0

PORESPY = """
import resource, sys, time
import numpy as np, porespy
mask = np.load(sys.argv[1])
# Compiled, and not timed, on a small cube.
porespy.filters.local_thickness(mask[:40, :40, :40], sizes=10)
for phase in (mask, ~mask):
    start, cpu = time.perf_counter(), time.process_time()
    radius = porespy.filters.local_thickness(phase, sizes=25)
    print(2 * radius[phase].mean(), time.perf_counter() - start, time.process_time() - cpu)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6, 0, 0)
"""


def bone(n: int) -> np.ndarray:
    """A random network with 15% bone, trabeculae 4 and spaces 14 voxels thick."""
    rng = np.random.default_rng(0)
    field = ndimage.gaussian_filter(rng.standard_normal((n, n, n), dtype=np.float32), 2.6)
    return field > np.quantile(field[::4, ::4, ::4], 1 - SHARE)


def timed(name: str, job: Callable[[], object]) -> object:
    """What a job gives; its times are printed."""
    start, cpu = time.perf_counter(), time.process_time()
    found = job()
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(f"{name}: {wall:.1f} s, {cpu:.1f} s of CPU", flush=True)
    return found


def main() -> None:
    """Time each job, then all of them, then porespy."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300
    mask = bone(n)
    affine = np.diag([EDGE_MM] * 3 + [1])
    density = np.where(mask, np.float32(COMPACT_MG), np.float32(0))
    image = Image(array=density, affine=affine, quantity="bmd_ct")
    labels = LabelMap(array=mask.astype(np.uint8), affine=affine, names={1: "tibia"})
    timed("projection", lambda: projected_density(image, labels, "tibia"))
    for name, phase in (("Tb.Th", mask), ("Tb.Sp", ~mask)):
        found = timed(name, lambda phase=phase: local_thickness(phase, (EDGE_MM,) * 3))
        print(f"  {found[phase].mean(dtype=float):.4f} mm")
    for m in timed("all", lambda: microarchitecture(image, threshold=COMPACT_MG / 2)):
        print(f"  {m.quantity} {m.value:.4f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{n}^3: {peak:.2f} GB at most")
    if len(sys.argv) > 2:
        with tempfile.TemporaryDirectory() as folder:
            saved = Path(folder) / "mask.npy"
            np.save(saved, mask)
            said = subprocess.run(
                [sys.argv[2], "-c", PORESPY, str(saved)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
        *phases, (peak, _, _) = (map(float, line.split()) for line in said.splitlines())
        for name, (mean, wall, cpu) in zip(("Tb.Th", "Tb.Sp"), phases, strict=True):
            print(f"porespy {name} {mean * EDGE_MM:.4f} mm: {wall:.1f} s, {cpu:.1f} s of CPU")
        print(f"porespy: {peak:.2f} GB at most")


if __name__ == "__main__":
    main()
