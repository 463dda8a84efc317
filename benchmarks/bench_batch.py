"""A batch of digital bodies: how busy it is, what a task costs, how its gathering grows.

Run ``python benchmarks/bench_batch.py [SCANS]``. The baseline is the very same measurement called
in one loop, in a process that does nothing else. Costs are seconds of a core (CPU time), which
other work on the machine changes less than it changes the clock. Linux only.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from enthesis.pipeline.batch_store import gather
from enthesis.pipeline.batch_task import Outcome
from enthesis.records import LONG_COLUMNS

SCANS = 200
ALONE = 8
ROWS = (10_000, 100_000, 1_000_000)
ROWS_A_CASE = 1_250
"""What one lumbar CT gives."""

BECOME_SUBREAPER = 36
"""Of Linux's prctl: who was started by those that we started counts as ours."""

LOOP = """
import sys, tempfile, time
from pathlib import Path
from enthesis.pipeline.batch import dataset_tasks
from enthesis.pipeline.batch_task import process
with tempfile.TemporaryDirectory() as out:
    tasks = dataset_tasks(Path(sys.argv[1]), output=Path(out), scheme="totalsegmentator",
                          protocol="", limit=int(sys.argv[2]) + 1)
    process(tasks[0])
    start = time.process_time()
    outcomes = [process(task) for task in tasks[1:]]
    assert all(one.status == "measured" for one in outcomes), outcomes
    print((time.process_time() - start) / (len(tasks) - 1))
"""


def write_dataset(folder: Path, n: int) -> Path:
    """Scans of three bodies, each under many codes: a task does not care."""
    command = [sys.executable, "-m", "enthesis", "phantom", "-o", folder / "bodies"]
    options = ["--modality", "ct", "--subjects", "3", "--spacing", "2", "2", "3"]
    subprocess.run([*command, *options], check=True, stdout=subprocess.DEVNULL)
    scans = pd.read_csv(folder / "bodies" / "scans.csv")
    many = scans.iloc[np.arange(n) % len(scans)].assign(subject=[f"P{i:04d}" for i in range(n)])
    many.to_csv(folder / "bodies" / "many.csv", index=False)
    return folder / "bodies" / "many.csv"


def run(command: list[object]) -> tuple[float, float]:
    """Seconds by the clock and of cores that a command and all that it starts take."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    subprocess.run(list(map(str, command)), check=True, stdout=subprocess.DEVNULL)
    wall = time.perf_counter() - start
    # The server of processes outlives the command by moments.
    while True:
        try:
            os.wait()
        except ChildProcessError:
            break
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, used


def main() -> None:
    """Print the shares and the growth."""
    n = int(sys.argv[1]) if len(sys.argv) > 1 else SCANS
    ctypes.CDLL(None).prctl(BECOME_SUBREAPER, 1, 0, 0, 0)
    cores = len(os.sched_getaffinity(0))
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dataset = write_dataset(folder, n)
        loop = [sys.executable, "-c", LOOP, dataset, str(min(n - 1, ALONE))]
        alone = float(subprocess.run(loop, check=True, capture_output=True, text=True).stdout)
        output = folder / "out"
        batch = [sys.executable, "-m", "enthesis", "batch", dataset, "--jobs", cores, "-o"]
        # What starts and ends every run, with one scan at each place.
        few_wall, few_used = run([*batch, folder / "few", "--limit", cores])
        wall, used = run([*batch, output])
        records = [json.loads(path.read_text()) for path in output.glob("cases/*/case.json")]
        inner = sum(record["seconds"] for record in records) * (n - cores) / n
        each = (used - few_used) / (n - cores)
        print(f"{n} scans, {cores} at once: {wall:.1f} s; with {cores} scans {few_wall:.1f} s")
        print(f"places full: {100 * inner / (cores * (wall - few_wall)):.1f}% of the time between")
        print(f"one scan alone {alone:.3f} s of a core, in the batch {each:.3f} s")
        print(f"overhead of a task {1000 * (each - alone):.0f} ms of a core")
        print(f"a run with {cores} scans: {few_used:.1f} s of a core")
    for rows in ROWS:
        print(f"gathering {rows:>9,} rows: {gathering(rows):.2f} s of a core")


def gathering(rows: int) -> float:
    """Seconds of a core to gather so many rows of a batch that is done."""
    n = rows // ROWS_A_CASE
    frame = pd.DataFrame({name: ["x" * 10] * ROWS_A_CASE for name in LONG_COLUMNS})
    frame["value"] = np.linspace(0, 1, ROWS_A_CASE)
    text = frame.to_csv(index=False)
    with tempfile.TemporaryDirectory() as name:
        output = Path(name)
        for i in range(n):
            (output / "cases" / f"{i:016x}").mkdir(parents=True)
            (output / "cases" / f"{i:016x}" / "measurements.csv").write_text(text)
        outcomes = [Outcome(number=i + 1, key=f"{i:016x}", status="measured") for i in range(n)]
        (output / "made").mkdir()
        start = time.process_time()
        gather(outcomes, output / "made", output=output)
        return time.process_time() - start


if __name__ == "__main__":
    main()
