"""Two-level pooling: this package, a bare NumPy transcription of the formulas, and metafor.

Usage: python benchmarks/bench_pool.py [largest k that R gets, default 2000]

CPU seconds, median of several here and once in R, which forms k × k matrices and so is asked for
small k only. The estimates of all three are compared before a ratio is printed.
"""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.evidence import pool

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (500, 2_000, 5_000, 100_000, 1_000_000)
METHODS = ("DL", "REML")
AGREE = {"DL": 1e-9, "REML": 1e-4}
"""Largest relative difference of tau2; metafor stops its iteration at 1e-5."""

R_SCRIPT = """
suppressMessages({library(metafor); library(jsonlite)})
arg <- commandArgs(trailingOnly = TRUE)
d <- read.csv(arg[1])
time <- system.time(m <- rma(yi, vi, data = d, method = arg[2]))
cat(toJSON(list(seconds = sum(time[1:2]), tau2 = m$tau2), digits = NA, auto_unbox = TRUE))
"""


def simulate(k: int) -> pd.DataFrame:
    """Independent effects with tau2 = 0.1."""
    rng = np.random.default_rng(7)
    vi = rng.uniform(0.02, 0.4, k)
    return pd.DataFrame({"yi": rng.normal(0.3, np.sqrt(vi + 0.1)), "vi": vi}).round(6)


def bare_dl(y: np.ndarray, v: np.ndarray) -> float:
    """DerSimonian and Laird's tau2, then the pooled mean; nothing checked, nothing kept."""
    w = 1.0 / v
    total = w.sum()
    q = w @ (y - (w @ y) / total) ** 2
    tau2 = max(0.0, (q - (len(y) - 1)) / (total - (w @ w) / total))
    w = 1.0 / (v + tau2)
    _mean, _variance = (w @ y) / w.sum(), 1.0 / w.sum()
    return tau2


def bare_reml(y: np.ndarray, v: np.ndarray) -> float:
    """Fisher scoring from the variance of the effects, as most scripts have it."""
    tau2 = max(0.0, y.var() - v.mean())
    for _ in range(100):
        w = 1.0 / (v + tau2)
        total, w2 = w.sum(), w * w
        residuals = y - (w @ y) / total
        trace = total - w2.sum() / total
        squares = w2.sum() - 2.0 * (w2 @ w) / total + (w2.sum() / total) ** 2
        step = (w2 @ residuals**2 - trace) / squares
        tau2 = max(0.0, tau2 + step)
        if abs(step) < 1e-8:
            break
    return tau2


def timed(job: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    """Median CPU seconds and the answer."""
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        answer = job()
        seconds.append(time.process_time() - start)
    return float(np.median(seconds)), answer


def in_r(table: pd.DataFrame, method: str) -> dict[str, float]:
    """Seconds and tau2 of metafor."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "d.csv", Path(folder) / "job.R"
        table.to_csv(data, index=False)
        script.write_text(R_SCRIPT)
        run = subprocess.run(
            ["Rscript", str(script), str(data), method], capture_output=True, text=True, check=True
        )
    answer: dict[str, float] = json.loads(run.stdout)
    return answer


def main() -> None:
    """Print a row per size and method."""
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    bare = {"DL": bare_dl, "REML": bare_reml}
    header = ("k", "method", "ours ms", "bare ms", "ratio", "R s", "R / ours")
    print(" ".join(name.rjust(9) for name in header))
    for k in SIZES:
        table = simulate(k)
        y, v = table["yi"].to_numpy(), table["vi"].to_numpy()
        repeats = 15 if k <= 100_000 else 3
        for method in METHODS:
            seconds, fit = timed(lambda m=method, t=table: pool(t, method=m), repeats)
            prototype, tau2 = timed(lambda m=method, y=y, v=v: bare[m](y, v), repeats)
            _same(fit.tau2, tau2, method)
            row = f"{k:>9} {method:>9} {seconds * 1e3:>9.2f} {prototype * 1e3:>9.2f} "
            row += f"{seconds / prototype:>9.1f}"
            if k <= largest and shutil.which("Rscript"):
                answer = in_r(table, method)
                _same(fit.tau2, answer["tau2"], method)
                row += f" {answer['seconds']:>9.2f} {answer['seconds'] / seconds:>9.0f}"
            print(row, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:.0f} MB")


def _same(one: float, other: float, method: str) -> None:
    if not np.isclose(one, other, rtol=AGREE[method], atol=1e-9):
        raise SystemExit(f"{method}: tau2 differs, {one!r} and {other!r}")


if __name__ == "__main__":
    main()
