"""Measuring a 512 x 512 x 300 CT with 20 labels, beside the time to read its two files alone.

Run ``python benchmarks/bench_measure.py``; prints seconds and the ratio.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np

from enthesis.pipeline.measure import measure, read_scan

SHAPE = (512, 512, 300)
SPACING = (0.8, 0.8, 1.0)
REPEATS = 3
MUSCLES = ("psoas_major", "erector_spinae", "multifidus", "quadratus_lumborum")


def write_scan(folder: Path) -> tuple[Path, Path, Path]:
    """A body of noise with 8 muscles, 5 vertebral bodies, 4 discs, aorta, fat and canal."""
    rng = np.random.default_rng(1)
    i, j = np.indices(SHAPE[:2], dtype=np.float32)
    body = ((i - 256) / 210) ** 2 + ((j - 256) / 160) ** 2 <= 1
    values = np.full(SHAPE, -1000, dtype=np.int16)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    names: dict[str, int] = {}

    def disc(centre: tuple[float, float], radius: float) -> np.ndarray:
        return (i - centre[0]) ** 2 + (j - centre[1]) ** 2 <= radius**2

    regions = {
        f"{muscle}_{side}": disc((256 + sign * (40 + 25 * n), 150 + 20 * n), 22)
        for n, muscle in enumerate(MUSCLES)
        for side, sign in (("left", -1), ("right", 1))
    }
    for name in [*regions, *(f"vertebral_body_L{n}" for n in range(1, 6))]:
        names[name] = len(names) + 1
    for name in [f"intervertebral_disc_L{n}_L{n + 1}" for n in range(1, 5)]:
        names[name] = len(names) + 1
    for name in ("aorta", "spinal_canal", "subcutaneous_fat"):
        names[name] = len(names) + 1
    spine = disc((256, 230), 30)
    for k in range(SHAPE[2]):
        noise = rng.normal(0, 20, SHAPE[:2])
        values[:, :, k][body] = (40 + noise[body]).astype(np.int16)
        on_slice = labels[:, :, k]
        on_slice[body & ~disc((256, 256), 150)] = names["subcutaneous_fat"]
        for name, mask in regions.items():
            on_slice[mask] = names[name]
        level, within = 5 - k // 60, k % 60
        if within < 48:
            on_slice[spine] = names[f"vertebral_body_L{level}"]
        elif level > 1:
            on_slice[spine] = names[f"intervertebral_disc_L{level - 1}_L{level}"]
        on_slice[disc((256, 190), 10)] = names["spinal_canal"]
        on_slice[disc((270, 290), 12)] = names["aorta"]
    affine = np.diag([*SPACING, 1.0])
    paths = folder / "ct.nii.gz", folder / "labels.nii.gz", folder / "labels.csv"
    nib.save(nib.Nifti1Image(values, affine), paths[0])
    nib.save(nib.Nifti1Image(labels, affine), paths[1])
    rows = [f"{number},{name}" for name, number in names.items()]
    paths[2].write_text("\n".join(["label,name", *rows]) + "\n")
    return paths


def seconds(job: Callable[[], object]) -> float:
    """Best of a few runs, CPU and waiting together."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        job()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        image, labels, scheme = write_scan(Path(folder))

        def read_alone() -> None:
            for path in (image, labels):
                np.asanyarray(nib.load(path).dataobj)

        def whole() -> None:
            scan, regions = read_scan(image, labels, scheme=scheme)
            measure(scan, regions)

        alone = seconds(read_alone)
        together = seconds(whole)
        scan, regions = read_scan(image, labels, scheme=scheme)
        measuring = seconds(lambda: measure(scan, regions))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak_mb = peak / (1024 if sys.platform != "darwin" else 1024**2)
    print(f"reading the two files alone (nibabel)   {alone:6.2f} s")
    print(f"reading and measuring                   {together:6.2f} s")
    print(f"measuring alone                         {measuring:6.2f} s")
    print(f"ratio, reading and measuring / reading  {together / alone:6.2f}")
    print(f"peak memory                             {peak_mb:6.0f} MB")


if __name__ == "__main__":
    main()
