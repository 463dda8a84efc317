"""Many models at once: this package beside a bare NumPy loop-free DL, PyMARE and metafor.

Usage: python benchmarks/bench_many.py [python with PyMARE 0.0.13] [--without-r]

CPU seconds: best of three here and for PyMARE, once in R (four minutes altogether). Both sides
get the same data, and their answers are compared before a ratio is printed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.evidence import gosh, influence, permutation_test, pool, pool_many, trim_and_fill

if TYPE_CHECKING:
    from collections.abc import Callable

SETS, SIZE = 100_000, 30

AGREE = 1e-4
"""Relative; metafor and PyMARE stop their iterations at about 1e-5."""

R_SCRIPT = """
suppressMessages({library(metafor); library(jsonlite)})
folder <- commandArgs(trailingOnly = TRUE)[1]
seconds <- function(x) sum(system.time(x)[1:2])
data <- function(name) read.csv(file.path(folder, paste0(name, ".csv")))
set.seed(1)
d <- data("trimfill"); m <- rma(yi, vi, data = d)
s1 <- seconds(r1 <- trimfill(m))
d <- data("permutest"); m <- rma(yi, vi, mods = ~ x, data = d)
s2 <- seconds(r2 <- permutest(m, iter = 1000, progbar = FALSE))
d <- data("gosh"); m <- rma(yi, vi, data = d)
s3 <- seconds(r3 <- gosh(m, subsets = 10000, progbar = FALSE))
d <- data("influence"); m <- rma(yi, vi, data = d)
s4 <- seconds(r4 <- influence(m))
cat(toJSON(list(
  trimfill = list(s1, as.numeric(r1$beta)), permutest = list(s2, r2$pval[2]),
  gosh = list(s3, median(r3$res$estimate, na.rm = TRUE)),
  influence = list(s4, max(r4$inf$cook.d))
), digits = NA, auto_unbox = TRUE))
"""

PYMARE_SCRIPT = """
import sys, time, warnings
warnings.simplefilter("ignore")
import numpy as np
from pymare import estimators
y, v = (np.load(f"{sys.argv[1]}/{n}.npy").T for n in "yv")
X = np.ones((len(y), 1))
for name in ("DerSimonianLaird", "REML"):
    best = np.inf
    for _ in range(3 if name == "DerSimonianLaird" else 1):
        if name == "REML":
            fitter = estimators.VarianceBasedLikelihoodEstimator(method="REML")
        else:
            fitter = estimators.DerSimonianLaird()
        start = time.process_time()
        fitter.fit(y, v, X)
        best = min(best, time.process_time() - start)
    print(name, best, float(np.mean(fitter.params_["tau2"])))
"""


def simulate(k: int, seed: int) -> pd.DataFrame:
    """Independent effects with tau2 = 0.05 and a moderator that explains nothing."""
    rng = np.random.default_rng(seed)
    vi = rng.uniform(0.01, 0.3, k)
    yi = rng.normal(0.3, np.sqrt(vi + 0.05))
    return pd.DataFrame({"yi": yi, "vi": vi, "x": rng.normal(size=k)}).round(6)


def bare_dl(y: np.ndarray, v: np.ndarray) -> np.ndarray:
    """DerSimonian and Laird's tau2 of every row and the pooled mean; nothing checked or kept."""
    w = 1 / v
    total = w.sum(1)
    q = (w * (y - ((w * y).sum(1) / total)[:, None]) ** 2).sum(1)
    tau2 = np.maximum(0, (q - (y.shape[1] - 1)) / (total - (w**2).sum(1) / total))
    w = 1 / (v + tau2[:, None])
    _mean, _se = (w * y).sum(1) / w.sum(1), w.sum(1) ** -0.5
    return tau2


def best(job: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds, best of three, and the answer."""
    seconds = np.inf
    for _ in range(3):
        start = time.process_time()
        answer = job()
        seconds = min(seconds, time.process_time() - start)
    return seconds, answer


def row(job: str, ours: float, other: str, theirs: float) -> None:
    """One line of the table."""
    print(f"| {job} | {ours:.4f} | {other} | {theirs:.3f} | {theirs / ours:,.1f} |", flush=True)


def agree(ours: float, theirs: float, what: str, tolerance: float = AGREE) -> None:
    """Stop where the answers differ: a ratio of different jobs means nothing."""
    if abs(ours - theirs) > tolerance * max(abs(theirs), 1e-3):
        raise SystemExit(f"{what}: {ours} here, {theirs} there")


def stacks(python: str | None) -> None:
    """100,000 meta-analyses of 30 studies."""
    rng = np.random.default_rng(1)
    v = rng.uniform(0.01, 0.2, (SETS, SIZE))
    y = 0.3 + rng.normal(size=v.shape) * np.sqrt(v + 0.05)
    ours = {m: best(lambda m=m: pool_many(y, v, method=m, test="z")) for m in ("DL", "REML")}
    seconds, tau2 = best(lambda: bare_dl(y, v))
    agree(float(ours["DL"][1].tau2.mean()), float(tau2.mean()), "bare DL")
    row(f"{SETS:,} × {SIZE}, DL", ours["DL"][0], "bare NumPy", seconds)
    if python is None:
        return
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "y.npy", y)
        np.save(Path(folder) / "v.npy", v)
        done = subprocess.run(
            [python, "-c", PYMARE_SCRIPT, folder], capture_output=True, text=True, check=False
        )
    if done.returncode:
        print("PyMARE:", done.stderr.strip().splitlines()[-1])
    for line in done.stdout.splitlines():
        name, seconds, mean = line.split()
        method = "REML" if name == "REML" else "DL"
        mine = ours[method]
        # PyMARE's REML stops at 1e-4 or so of tau2 and clips; means of 100,000 agree to 1 %.
        agree(float(mine[1].tau2.mean()), float(mean), f"PyMARE {method}", 0.01)
        row(f"{SETS:,} × {SIZE}, {method}", mine[0], "PyMARE 0.0.13", float(seconds))


def diagnostics(*, with_r: bool) -> None:
    """What metafor does by refitting one model after another."""
    data = {
        "trimfill": simulate(1000, 2),
        "permutest": simulate(50, 3),
        "gosh": simulate(50, 4),
        "influence": simulate(200, 5),
    }
    fits = {
        name: pool(table, "~ x" if name == "permutest" else None, test="z")
        for name, table in data.items()
    }
    rng = np.random.default_rng(0)
    jobs: dict[str, tuple[str, Callable[[], float], float]] = {
        "trimfill": (
            "trim-and-fill, REML, k = 1,000",
            lambda: trim_and_fill(fits["trimfill"]).fit.coefficients[0],
            AGREE,
        ),
        "permutest": (
            "permutation test, 1,000 draws, k = 50, REML, 1 moderator",
            lambda: permutation_test(fits["permutest"], n=1000, rng=rng).p_values[1],
            0.15,  # two different draws of 1,000
        ),
        "gosh": (
            "GOSH, 10,000 subsets of k = 50, REML",
            lambda: float(np.median(gosh(fits["gosh"], subsets=10_000, rng=rng).fits.coefficients)),
            0.01,  # medians of two different draws
        ),
        "influence": (
            "influence, k = 200, REML",
            lambda: influence(fits["influence"]).statistics["cook_d"].max(),
            AGREE,
        ),
    }
    ours = {name: best(job) for name, (_, job, _) in jobs.items()}
    theirs = metafor(data) if with_r else {}
    for name, (title, _, tolerance) in jobs.items():
        if name in theirs:
            seconds, answer = theirs[name]
            agree(ours[name][1], answer, title, tolerance)
            row(title, ours[name][0], "metafor", seconds)
        else:
            print(f"| {title} | {ours[name][0]:.4f} | | | |")


def metafor(data: dict[str, pd.DataFrame]) -> dict[str, tuple[float, float]]:
    """The same jobs in R, on the same tables."""
    with tempfile.TemporaryDirectory() as folder:
        for name, table in data.items():
            table.to_csv(Path(folder) / f"{name}.csv", index=False)
        script = Path(folder) / "bench.R"
        script.write_text(R_SCRIPT)
        done = subprocess.run(
            ["Rscript", str(script), folder], capture_output=True, text=True, check=True
        )
    answers: dict[str, tuple[float, float]] = json.loads(done.stdout)
    return answers


def main() -> None:
    """Print the table."""
    options = [a for a in sys.argv[1:] if not a.startswith("--")]
    print("| job | here, CPU s | other | its CPU s | ratio |\n|---|---|---|---|---|")
    stacks(options[0] if options else None)
    diagnostics(with_r="--without-r" not in sys.argv and shutil.which("Rscript") is not None)


if __name__ == "__main__":
    main()
