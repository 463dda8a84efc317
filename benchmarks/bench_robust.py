"""Cluster-robust inference after a three-level model with correlated errors, beside clubSandwich.

Usage: python benchmarks/bench_robust.py [largest k that R gets, default 5000]

Each job is the same in both programs: sampling errors correlated at 0.7 within studies (CHE),
random effects of studies and of effects by REML, two moderators, then CR2 with Satterthwaite
degrees of freedom. CPU seconds, best of three here and once in R (metafor with sparse matrices, its
faster way); the numbers of both are compared before a ratio is printed.
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

from enthesis.evidence.multilevel import multilevel
from enthesis.evidence.robust import robust
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

R_SCRIPT = """
suppressMessages({library(metafor); library(clubSandwich); library(jsonlite)})
arg <- commandArgs(trailingOnly = TRUE)
d <- read.csv(arg[1])
V <- impute_covariance_matrix(d$vi, d$study, r = 0.7, return_list = FALSE)
fit <- system.time(
  m <- rma.mv(yi, V, mods = ~ x1 + x2, random = ~ 1 | study / effect, data = d, sparse = TRUE)
)
cr2 <- system.time(r <- coef_test(m, vcov = "CR2", cluster = d$study))
cat(toJSON(list(fit = sum(fit[1:2]), robust = sum(cr2[1:2]), se = r$SE, df = r[["df_Satt"]]),
           digits = NA, auto_unbox = TRUE))
"""


def simulate(k: int, n_studies: int) -> pd.DataFrame:
    """Effects spread at random over studies; as many decimals as a CSV file keeps."""
    rng = np.random.default_rng(20)
    study = np.sort(
        np.concatenate([np.arange(n_studies), rng.integers(0, n_studies, k - n_studies)])
    )
    vi = rng.uniform(0.02, 0.3, k)
    yi = 0.3 + rng.normal(0, 0.2, n_studies)[study] + rng.normal(0, np.sqrt(vi + 0.1))
    table = pd.DataFrame(
        {"study": study, "effect": np.arange(k), "yi": yi, "vi": vi}
        | {"x1": rng.normal(size=k), "x2": rng.normal(size=n_studies)[study]}
    )
    return table.round(6)


def ours(table: pd.DataFrame, repeats: int) -> dict[str, Any]:
    """CPU seconds of both steps, standard errors and degrees of freedom."""
    V = sampling_covariance(table, cluster="study", rho=0.7)
    steps = []
    for _ in range(repeats):
        start = time.process_time()
        fit = multilevel(table, "~ x1 + x2", random="study/effect", V=V)
        fitted = time.process_time()
        result = robust(fit, "study")
        steps.append((fitted - start, time.process_time() - fitted))
    fit_time, robust_time = np.min(steps, axis=0)
    return {"fit": fit_time, "robust": robust_time, "se": result.std_errors, "df": result.df}


def theirs(table: pd.DataFrame) -> dict[str, Any]:
    """The same from metafor and clubSandwich."""
    with tempfile.TemporaryDirectory() as folder:
        data, script = Path(folder) / "data.csv", Path(folder) / "run.R"
        table.to_csv(data, index=False)
        script.write_text(R_SCRIPT)
        command = ["Rscript", str(script), str(data)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answer: dict[str, Any] = json.loads(printed)
    return answer


def main() -> None:
    """Print one line per job."""
    largest_in_r = int(sys.argv[1]) if len(sys.argv) > 1 else 5_000
    with_r = shutil.which("Rscript") is not None
    print("CPU seconds         |     enthesis      |         R         |       ratio")
    print("        k   studies |      fit      CR2 |      fit      CR2 |    CR2    both")
    for k, n_studies in JOBS:
        table = simulate(k, n_studies)
        mine = ours(table, repeats=3 if k < 500_000 else 1)
        line = f"{k:>9} {n_studies:>9} | {mine['fit']:>8.4f} {mine['robust']:>8.4f} |"
        if with_r and k <= largest_in_r:
            r = theirs(table)
            # metafor stops its search for the variances at a relative change of about 1e-8 in the
            # likelihood, which leaves four to five digits of them.
            np.testing.assert_allclose(mine["se"], r["se"], rtol=1e-4)
            np.testing.assert_allclose(mine["df"], r["df"], rtol=1e-3)
            cr2 = r["robust"] / mine["robust"]
            both = (r["fit"] + r["robust"]) / (mine["fit"] + mine["robust"])
            line += f" {r['fit']:>8.2f} {r['robust']:>8.2f} | {cr2:>5.0f}×  {both:>5.0f}×"
        print(line, flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"peak memory, tables and models included: {peak:.2f} GiB")


if __name__ == "__main__":
    main()
