"""Measuring a 512 x 512 x 600 CT with 60 labels, beside the time to read its two files alone.

Run ``python benchmarks/bench_measure.py``; prints seconds, their ratio and the peak memory. Each
job runs in a process of its own, so that the peak is its own.
"""

from __future__ import annotations

import itertools
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nibabel as nib
import numpy as np

from enthesis.pipeline.measure import measure, read_scan

SHAPE = (512, 512, 600)
SPACING = (0.8, 0.8, 1.0)
REPEATS = 3
MUSCLES = (
    *("psoas_major", "erector_spinae", "multifidus", "quadratus_lumborum", "iliacus"),
    *("latissimus_dorsi", "trapezius", "rhomboid", "gluteus_maximus", "gluteus_medius"),
    *("gluteus_minimus", "piriformis", "deltoid", "subscapularis", "infraspinatus", "iliopsoas"),
)
LEVELS = (*(f"T{n}" for n in range(6, 13)), *(f"L{n}" for n in range(1, 6)))
OTHERS = ("aorta", "inferior_vena_cava", "spinal_canal", "sacrum", "subcutaneous_fat")


def region_names() -> dict[str, int]:
    """The 60 regions: 32 muscles, 12 vertebral bodies, 11 discs, 5 others."""
    names = [
        *(f"{muscle}_{side}" for muscle in MUSCLES for side in ("left", "right")),
        *(f"vertebral_body_{level}" for level in LEVELS),
        *(f"intervertebral_disc_{upper}_{lower}" for upper, lower in itertools.pairwise(LEVELS)),
        *OTHERS,
    ]
    return {name: number for number, name in enumerate(names, start=1)}


def write_scan(folder: Path) -> tuple[Path, Path, Path]:
    """A body of noise; every muscle runs the whole length, so that no label's box is small."""
    rng = np.random.default_rng(1)
    names = region_names()
    i, j = np.indices(SHAPE[:2], dtype=np.float32)
    values = np.full(SHAPE, -1000, dtype=np.int16, order="F")
    labels = np.zeros(SHAPE, dtype=np.uint8, order="F")

    def disc(centre: tuple[float, float], radius: float) -> np.ndarray:
        return (i - centre[0]) ** 2 + (j - centre[1]) ** 2 <= radius**2

    body = ((i - 256) / 230) ** 2 + ((j - 256) / 180) ** 2 <= 1
    inner = ((i - 256) / 210) ** 2 + ((j - 256) / 160) ** 2 <= 1
    muscles = {
        f"{muscle}_{side}": disc((256 + sign * (45 + 33 * (n % 4)), 120 + 45 * (n // 4)), 15)
        for n, muscle in enumerate(MUSCLES)
        for side, sign in (("left", -1), ("right", 1))
    }
    spine = disc((256, 215), 28)
    for k in range(SHAPE[2]):
        noise = rng.normal(0, 20, SHAPE[:2])
        values[:, :, k][body] = (40 + noise[body]).astype(np.int16)
        on_slice = labels[:, :, k]
        on_slice[body & ~inner] = names["subcutaneous_fat"]
        for name, mask in muscles.items():
            on_slice[mask] = names[name]
        level, within = divmod(SHAPE[2] - 1 - k, 50)
        if within < 38:
            on_slice[spine] = names[f"vertebral_body_{LEVELS[level]}"]
        elif level + 1 < len(LEVELS):
            on_slice[spine] = names[f"intervertebral_disc_{LEVELS[level]}_{LEVELS[level + 1]}"]
        else:
            on_slice[spine] = names["sacrum"]
        on_slice[disc((256, 175), 9)] = names["spinal_canal"]
        on_slice[disc((268, 262), 11)] = names["aorta"]
        on_slice[disc((240, 262), 10)] = names["inferior_vena_cava"]
    affine = np.diag([*SPACING, 1.0])
    paths = folder / "ct.nii.gz", folder / "labels.nii.gz", folder / "labels.csv"
    nib.save(nib.Nifti1Image(values, affine), paths[0])
    nib.save(nib.Nifti1Image(labels, affine), paths[1])
    rows = [f"{number},{name}" for name, number in names.items()]
    paths[2].write_text("\n".join(["label,name", *rows]) + "\n")
    return paths


def job(which: str, image: Path, labels: Path, scheme: Path) -> None:
    """Run one job in this process and print its seconds and the peak memory, MB."""
    times = []
    scan = read_scan(image, labels, scheme=scheme) if which == "measure" else None
    for _ in range(REPEATS):
        start = time.process_time()
        if scan is not None:
            measure(*scan)
        elif which == "both":
            measure(*read_scan(image, labels, scheme=scheme))
        else:
            for path in (image, labels):
                np.asanyarray(nib.load(path).dataobj)
        times.append(time.process_time() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(min(times), peak / (1024 if sys.platform != "darwin" else 1024**2))


def main() -> None:
    """Measure, print."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_scan(Path(folder))
        found = {}
        for which in ("read", "both", "measure"):
            call = [sys.executable, __file__, which, *map(str, paths)]
            out = subprocess.run(call, check=True, capture_output=True, text=True).stdout
            found[which] = [float(word) for word in out.split()]
    seconds = {which: numbers[0] for which, numbers in found.items()}
    image_mb = np.prod(SHAPE) * 2 / 1024**2
    print(f"reading the two files alone (nibabel)    {seconds['read']:6.2f} s of CPU")
    print(f"all measures                             {seconds['measure']:6.2f} s")
    print(f"ratio, measures / reading                {seconds['measure'] / seconds['read']:6.2f}")
    print(f"reading and measuring                    {seconds['both']:6.2f} s")
    print(f"ratio, both / reading                    {seconds['both'] / seconds['read']:6.2f}")
    print(f"peak memory while reading and measuring  {found['both'][1]:6.0f} MB")
    print(f"ratio, peak / image of {image_mb:.0f} MB            {found['both'][1] / image_mb:6.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        job(sys.argv[1], *map(Path, sys.argv[2:]))
    else:
        main()
