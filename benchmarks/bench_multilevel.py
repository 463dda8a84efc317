"""Three-level meta-analysis with two moderators, beside metafor on the same data.

Usage: python benchmarks/bench_multilevel.py [largest k that R gets, default 5000]

REML, random intercepts of studies and of effects within them; V diagonal, or correlated at 0.7
within studies (CHE). CPU seconds: best of three here, once in R (rma.mv: dense matrices, its
default, up to k = 1,000; sparse ones, its faster way, from there on). Both fits are compared before
a ratio is printed.
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
from typing import Any

import numpy as np
import pandas as pd

from enthesis.evidence.multilevel import MultilevelFit, multilevel
from enthesis.evidence.sampling_covariance import sampling_covariance

JOBS = (
    (125, 14),
    (1_000, 200),
    (5_000, 500),
    (20_000, 2_000),
    (200_000, 20_000),
    (1_000_000, 100_000),
)
"""Effects and studies."""

DENSE_TO, SPARSE_FROM = 1_000, 1_000
"""R's default is dense; beyond this size it takes minutes."""

R_SCRIPT = """
suppressMessages({library(metafor); library(clubSandwich); library(jsonlite)})
arg <- commandArgs(trailingOnly = TRUE)
d <- read.csv(arg[1])
sparse <- arg[2] == "sparse"
seconds <- function(expr) { t <- system.time(expr); sum(t[1:2]) }
plain <- seconds(m <- rma.mv(yi, vi, mods = ~ x1 + x2, random = ~ 1 | study / effect, data = d,
                             sparse = sparse))
V <- impute_covariance_matrix(d$vi, d$study, r = 0.7, return_list = FALSE)
che <- seconds(n <- rma.mv(yi, V, mods = ~ x1 + x2, random = ~ 1 | study / effect, data = d,
                           sparse = sparse))
cat(toJSON(list(plain = plain, che = che, b = as.numeric(m$b), che_b = as.numeric(n$b)),
           digits = NA, auto_unbox = TRUE))
"""

SAME = 1e-4
"""metafor stops at a relative change of 1e-8 in the likelihood, some 1e-4 in the answer."""


def simulated(k: int, studies: int) -> pd.DataFrame:
    """Unbalanced studies, one moderator within and one between them."""
    rng = np.random.default_rng(k)
    study = np.sort(np.r_[np.arange(studies), rng.integers(0, studies, k - studies)])
    frame = pd.DataFrame(
        {
            "study": study,
            "effect": np.arange(1, k + 1),
            "vi": rng.uniform(0.02, 0.2, k),
            "x1": rng.normal(size=k),
            "x2": rng.normal(size=studies)[study],
        }
    )
    effect = rng.normal(0, 0.3, studies)[study] + rng.normal(0, 0.2, k)
    error = rng.normal(size=k) * np.sqrt(frame["vi"])
    frame["yi"] = 0.3 + 0.1 * frame["x1"] + effect + error
    return frame


def ours(frame: pd.DataFrame, *, correlated: bool) -> tuple[float, MultilevelFit]:
    """Best CPU time of three, building V included, and the fit."""
    best = np.inf
    for _ in range(3):
        start = time.process_time()
        V = sampling_covariance(frame, cluster="study", rho=0.7) if correlated else None
        fit = multilevel(frame, "~ x1 + x2", random="study/effect", V=V, test="z")
        best = min(best, time.process_time() - start)
    return best, fit


def in_r(frame: pd.DataFrame, way: str) -> dict[str, Any]:
    """CPU times and coefficients of metafor with dense or sparse matrices."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.csv", Path(folder) / "job.R"
        frame.to_csv(data, index=False)
        script.write_text(R_SCRIPT)
        run = subprocess.run(
            ["Rscript", str(script), str(data), way], capture_output=True, text=True, check=True
        )
    answer: dict[str, Any] = json.loads(run.stdout)
    return answer


def main() -> None:
    """Print a line per job."""
    largest = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    has_r = shutil.which("Rscript") is not None
    multilevel(simulated(50, 10), "~ x1 + x2", random="study/effect")  # loads the formula reader
    print(f"{'effects':>9} {'studies':>8} {'V':>5} {'ours, s':>9}  R, s (ratio)")
    for k, studies in JOBS:
        frame = simulated(k, studies)
        ways = [
            way
            for way, fits in (("dense", k <= DENSE_TO), ("sparse", k >= SPARSE_FROM))
            if fits and has_r and k <= largest
        ]
        theirs = {way: in_r(frame, way) for way in ways}
        for name, correlated in (("diag", False), ("CHE", True)):
            seconds, fit = ours(frame, correlated=correlated)
            row = f"{k:>9,} {studies:>8,} {name:>5} {seconds:>9.4f}"
            for way, answer in theirs.items():
                other = answer["che" if correlated else "plain"]
                b = answer["che_b" if correlated else "b"]
                np.testing.assert_allclose(fit.coefficients, b, rtol=SAME, atol=SAME * 0.01)
                row += f"  {way} {other:.2f} ({other / seconds:,.0f}x)"
            print(row, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
