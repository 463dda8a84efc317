"""Fitted models against the numbers that validation/metafor/models.R printed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from enthesis.evidence.bias import egger
from enthesis.evidence.multilevel import multilevel
from enthesis.evidence.pool import pool
from enthesis.evidence.robust import robust
from enthesis.evidence.trim_and_fill import trim_and_fill
from enthesis.evidence.wald import wald_test

PINS = json.loads(
    (Path(__file__).parents[1] / "pinned" / "models.json").read_text(encoding="utf-8")
)
DATA = {name: pd.DataFrame(columns) for name, columns in PINS["datasets"].items()}

CONVERGED = 1e-7
"""Two-level estimates are converged to about 1e-12 on both sides."""

OPTIMISED = 5e-6
"""metafor's multilevel optimisers agree with each other to about 1e-6 in the components."""


def pinned(job: str) -> list[Any]:
    return [
        pytest.param(case, id=" ".join([case["data"], *map(str, case["options"].values())]))
        for case in PINS["cases"]
        if case["job"] == job
    ]


def agree(got: dict[str, Any], case: dict[str, Any], *, rtol: float) -> None:
    for name, value in got.items():
        if case["expected"].get(name) is not None:
            np.testing.assert_allclose(
                value, case["expected"][name], rtol=rtol, atol=1e-10, err_msg=name
            )


@pytest.mark.parametrize("case", pinned("pool"))
def test_pool_matches_rma(case):
    fit = pool(DATA[case["data"]], **case["options"])
    agree(
        {
            "coefficients": fit.coefficients,
            "std_errors": fit.std_errors,
            "p_values": fit.p_values,
            "ci_lower": fit.ci_lower,
            "ci_upper": fit.ci_upper,
            "tau2": fit.tau2,
            "q": fit.q,
            "q_p": fit.q_p,
            "i2": fit.i2,
            "h2": fit.h2,
            "log_likelihood": fit.log_likelihood,
        },
        case,
        rtol=CONVERGED,
    )


@pytest.mark.parametrize("case", pinned("multilevel"))
def test_multilevel_matches_rma_mv(case):
    fit = multilevel(DATA[case["data"]], **case["options"])
    agree(
        {
            "coefficients": fit.coefficients,
            "std_errors": fit.std_errors,
            "components": [component.value for component in fit.components],
            "q": fit.q,
            "log_likelihood": fit.log_likelihood,
        },
        case,
        rtol=OPTIMISED,
    )


@pytest.mark.parametrize("case", pinned("robust"))
def test_cr2_and_htz_match_clubsandwich(case):
    options = dict(case["options"])
    cluster = options.pop("cluster")
    fit = robust(multilevel(DATA[case["data"]], **options), cluster)
    both = wald_test(fit, [0, 1], test="HTZ")
    agree(
        {
            "std_errors": np.sqrt(np.diag(fit.covariance)),
            "df": fit.df,
            "p_values": fit.p_values,
            "htz_statistic": both.statistic,
            "htz_df": both.df_denom,
            "htz_p": both.p_value,
        },
        case,
        rtol=OPTIMISED,
    )


@pytest.mark.parametrize("case", pinned("trim_and_fill"))
def test_trim_and_fill_matches_trimfill(case):
    got = trim_and_fill(pool(DATA[case["data"]], method="DL", test="z"), **case["options"])
    assert got.k0 == case["expected"]["k0"]
    assert got.side == case["expected"]["side"]
    agree(
        {
            "estimate": got.fit.coefficients[0],
            "std_error": got.fit.std_errors[0],
            "tau2": got.fit.tau2,
        },
        case,
        rtol=CONVERGED,
    )


@pytest.mark.parametrize("case", pinned("egger"))
def test_egger_matches_regtest(case):
    got = egger(pool(DATA[case["data"]], test="z"), **case["options"])
    agree({"statistic": got.statistic, "p": got.p_value}, case, rtol=CONVERGED)
