"""Time and memory of reading a CT series from DICOM, beside SimpleITK in the same run.

    python benchmarks/bench_read.py [slices]

The series is made in a temporary folder: uncompressed slices of 512 x 512 in 16 bits. Each reading
is a fresh process, and the two take turns; the least of several times is printed, since anything
above it is what else the machine did. Memory is the largest that the process ever held, less what
it held once its imports were done (Linux only).
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

REPEATS = 5

SIZE = 512

READINGS = {
    "enthesis": "from enthesis import read\nread.image",
    "SimpleITK": "import SimpleITK",
}

READ = {
    "enthesis": "array = read.image(sys.argv[1]).array",
    "SimpleITK": (
        "names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(sys.argv[1])\n"
        "image = SimpleITK.ReadImage(names)\narray = SimpleITK.GetArrayViewFromImage(image)"
    ),
}

PROGRAM = """
import sys, time
from pathlib import Path
{imports}
def most():
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line.split()[1] for line in lines if line.startswith("VmHWM")))
before = most()
start = time.perf_counter()
{read}
seconds = time.perf_counter() - start
held = most() - before
print(seconds, held / array.nbytes, int(array.sum(dtype="int64")))
"""


def main() -> None:
    """Make the series, read it by both in turns, print the table."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    with tempfile.TemporaryDirectory() as folder:
        _write(Path(folder), count)
        found: dict[str, list[tuple[float, float, int]]] = {name: [] for name in READ}
        for _ in range(REPEATS):
            for name in READ:
                found[name].append(_run(name, folder))
    sums = {total for readings in found.values() for *_, total in readings}
    if len(sums) != 1:
        raise SystemExit(f"the two read different values: {sums}")
    print(f"{count} slices of {SIZE} x {SIZE}")
    for name, readings in found.items():
        seconds = min(reading[0] for reading in readings)
        memory = max(reading[1] for reading in readings)
        print(f"{name:10} {seconds:6.2f} s   {memory:4.2f} x the array")


def _write(folder: Path, count: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from dicom_series import axial_series, save

    rng = np.random.default_rng(0)
    for first in range(0, count, 100):
        pixels = rng.integers(0, 3000, (min(100, count - first), SIZE, SIZE), dtype=np.uint16)
        slices = axial_series(pixels, step=1.0)
        for k, dataset in enumerate(slices):
            dataset.ImagePositionPatient = [-10, -20, first + k]
            dataset.InstanceNumber = first + k + 1
        save(folder, slices, prefix=f"IM{first:04d}_")


def _run(name: str, folder: str) -> tuple[float, float, int]:
    program = PROGRAM.format(imports=READINGS[name], read=READ[name])
    done = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=True
    )
    seconds, memory, total = done.stdout.split()
    return float(seconds), float(memory), int(total)


if __name__ == "__main__":
    main()
