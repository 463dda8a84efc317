from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import chdtrc, stdtr, stdtrit

from enthesis.errors import InputError
from enthesis.evidence.audit import audit

FOLDER = os.environ.get("ENTHESIS_TEST_DATA")


def checks(**columns: list[object]) -> dict[str, bool]:
    found = audit(pd.DataFrame(columns)).checks
    return dict(zip(found.check, found.consistent, strict=True))


# by hand


def test_i2_printed_as_4_4_and_as_0_for_q_2_09_on_2_df_agrees_once():
    paper = pd.DataFrame({"q": ["2.09", "2.09"], "q_df": [2, 2], "i2": ["4.4%", "0%"]})
    got = audit(paper)
    assert got.checks.consistent.tolist() == [True, False]
    # 100 (1 - 2 / 2.085) and 100 (1 - 2 / 2.095)
    assert got.inconsistent.iloc[0].implied_lower == pytest.approx(4.0767, abs=5e-5)
    assert got.inconsistent.iloc[0].implied_upper == pytest.approx(4.5346, abs=5e-5)
    assert "row 2: I² from Q: printed 0%" in got.summary()


def test_a_whole_row_of_a_regression_table():
    # Satterthwaite t: 0.36 / 0.15 = 2.40 on 10.0 df, p = 0.037, CI 0.36 ± 2.228 × 0.15
    found = checks(
        estimate=["0.36"], se=["0.15"], statistic=["2.40"], df=["10.0"], p=["0.037"],
        ci_lower=["0.03"], ci_upper=["0.69"],
    )  # fmt: skip
    assert len(found) == 6
    assert all(found.values())


def test_the_same_row_with_a_normal_p_is_found():
    found = checks(statistic=["2.40"], df=["10.0"], p=["0.016"])
    assert found == {"p from statistic": False}


@pytest.mark.parametrize(
    ("p", "consistent"),
    [("0.046", True), ("0.05", True), ("<0.05", True), (".046", True), ("<0.01", False),
     ("<0.001", False), (">0.05", False), ("≥ 0.1", False), ("4.6e-2", True)],
)  # fmt: skip
def test_a_printed_p_is_an_interval_or_an_inequality(p, consistent):
    assert checks(statistic=["-1.99"], p=[p]) == {"p from statistic": consistent}


def test_an_inequality_is_taken_exactly():
    # p is 0.001 at z = 3.2905, which rounds to 3.29 but not to 3.280
    assert checks(statistic=["3.29"], p=["<0.001"])["p from statistic"]
    assert not checks(statistic=["3.280"], p=["<0.001"])["p from statistic"]


def test_an_interval_off_its_estimate_is_found_and_so_is_its_se():
    found = checks(estimate=["0.50"], se=["0.10"], ci_lower=["0.30"], ci_upper=["0.90"])
    assert found == {"interval symmetric about estimate": False, "SE from interval": False}


def test_ratios_are_symmetric_on_the_log_scale():
    odds = pd.DataFrame(
        {"estimate": ["2.00"], "ci_lower": ["1.00"], "ci_upper": ["4.00"], "p": ["0.050"]}
    )
    assert not audit(odds).checks.consistent.all()
    assert audit(odds, ratio=True).checks.consistent.all()


def test_an_interval_with_zero_contradicts_a_small_p():
    found = checks(ci_lower=["-0.10"], ci_upper=["0.90"], p=["0.01"])
    assert found == {"interval excludes no effect if p < 0.05": False}


def test_p_of_q_and_of_a_likelihood_ratio():
    assert checks(q=["8.15"], q_df=[1], q_p=["0.004"]) == {"p from Q": True}
    assert checks(q=["2.09"], k=[3], q_p=["0.352"]) == {"p from Q": True}
    assert checks(q=["2.09"], k=[3], q_p=["0.034"]) == {"p from Q": False}


def test_i2_and_its_p_agree_for_some_number_of_effects_or_for_none():
    # I² 71 % on 5 df is Q = 17.2, p = 0.004; no df brings I² 71 % to p = 0.9
    assert checks(i2=["71%"], q_p=["0.004"]) == {"p from I²": True}
    assert checks(i2=["71%"], q_p=["0.9"]) == {"p from I²": False}
    assert checks(i2=["71%"], q_p=["0.004"], k=[3]) == {"p from I²": False}


def test_shares_of_i2_add_up_within_their_rounding():
    assert checks(i2=["88.9"], i2_between=["43.4"], i2_within=["45.4"]) == {
        "shares add up to I²": True
    }
    assert checks(i2=["89.2"], i2_between=["43.4"], i2_within=["45.4"]) == {
        "shares add up to I²": False
    }


def test_df_is_one_less_than_the_number_of_effects():
    assert checks(k=[4], q_df=[4], q=["3.0"], q_p=["0.56"])["df from number of effects"] is False


# invariance


def test_numbers_rounded_from_the_truth_are_never_called_inconsistent():
    rng = np.random.default_rng(3)
    k = 2000
    estimate, se, df = rng.normal(0, 1, k), rng.uniform(0.02, 2, k), rng.integers(2, 60, k)
    t = estimate / se
    p = 2 * stdtr(df, -np.abs(t))
    half = se * np.array([-1, 1])[:, None] * stdtrit(df, 0.975)
    q_df = rng.integers(1, 30, k)
    q = rng.chisquare(q_df) * 1.5
    digits = rng.integers(1, 4, k)
    printed = pd.DataFrame(
        {
            "estimate": _rounded(estimate, digits),
            "se": _rounded(se, digits),
            "statistic": _rounded(t, digits),
            "df": df.astype(str),
            "p": [f"{x:.3f}" if x >= 0.001 else "<0.001" for x in p],
            "ci_lower": _rounded(estimate + half[0], digits),
            "ci_upper": _rounded(estimate + half[1], digits),
            "q": _rounded(q, digits),
            "q_df": q_df,
            "q_p": _rounded(chdtrc(q_df, q), digits),
            "i2": [f"{x:.1f}%" for x in 100 * np.maximum(0, 1 - q_df / q)],
        }
    )
    got = audit(printed)
    assert got.n_checks == 8 * k
    assert got.n_inconsistent == 0


def _rounded(values, digits):
    return [f"{value:.{places}f}" for value, places in zip(values, digits, strict=True)]


# the paper


@pytest.mark.skipif(FOLDER is None, reason="ENTHESIS_TEST_DATA is not set")
def test_the_paraspinal_meta_analysis_has_one_slip():
    path = Path(FOLDER or "").parent / "reference" / "published_values.json"
    published = json.loads(path.read_text(encoding="utf-8"))
    rows = []
    for model in (
        "three_level_model_1",
        "model_2_cluster_robust",
        "model_3_cluster_robust_measurement",
    ):
        rows += [
            {
                "label": c["moderator"], "estimate": c["estimate"], "se": c["se"], "df": c["df"],
                "ci_lower": c["ci_lower"], "ci_upper": c["ci_upper"], "statistic": c["stat"],
                "p": c["p"],
            }
            for c in published[model]["coefficients"]
        ]  # fmt: skip
    rows += [
        {
            "label": f"{s['outcome']} {s['muscle']} {s['comparison']}", "estimate": s["smd"],
            "ci_lower": s.get("ci", [None, None])[0], "ci_upper": s.get("ci", [None, None])[1],
            "i2": f"{s['I2_percent']:g}%", "q_p": s.get("Q_test_p"),
        }
        for s in published["subgroups"]
    ]  # fmt: skip
    rows += [
        {"label": c["moderator"], "estimate": c["estimate"], "p": c["p"],
         "ci_lower": c["ci"][0], "ci_upper": c["ci"][1]}
        for c in published["text_coefficients"]
    ]  # fmt: skip
    rows += [
        {"label": f"{t['comparison']}: {where}", "q": t["Q"], "q_df": t["df"], "k": t["k"],
         "q_p": t["p_reported"], "i2": f"{i2['value']:g}%"}
        for t in published["q_tests"]
        for where, i2 in t["I2_reported"].items()
    ]  # fmt: skip
    model = published["three_level_model_1"]
    shares = model["variance_decomposition"]
    rows += [
        {"label": "likelihood ratio", "q": model["lrt"]["chi2"], "q_df": model["lrt"]["df"],
         "q_p": model["lrt"]["p_reported"]},
        {"label": "shares", "i2": shares["total_heterogeneity_pct"],
         "i2_between": shares["between_study_pct"], "i2_within": shares["within_study_pct"]},
    ]  # fmt: skip
    two = ("estimate", "se", "ci_lower", "ci_upper", "statistic", "df", "q")
    got = audit(pd.DataFrame(rows), decimals=dict.fromkeys(two, 2))
    assert got.n_checks > 200
    assert got.n_inconsistent == 1
    slip = got.inconsistent.iloc[0]
    assert slip.check == "I² from Q"
    assert slip.printed == "0%"
    assert slip.label.startswith("OPN vs Control, CSA, Multiple Muscles")


# refusals and reports


def test_a_cell_that_is_no_number_is_named():
    with pytest.raises(InputError, match=r"row 2, column 'p': 'n\.s\.' is not a printed number"):
        audit(pd.DataFrame({"statistic": ["2.0", "1.0"], "p": ["0.05", "n.s."]}))


def test_a_table_with_nothing_to_check_is_refused():
    with pytest.raises(InputError, match=r"nothing to check: .* this table has: SMD, p"):
        audit(pd.DataFrame({"SMD": ["0.2"], "p": ["0.05"]}))


def test_impossible_options_are_refused():
    table = pd.DataFrame({"q": ["2.09"], "q_df": [2], "i2": ["4.4"]})
    with pytest.raises(InputError, match="level is a share"):
        audit(table, level=95)
    with pytest.raises(InputError, match="decimals names 'smd'"):
        audit(table, decimals={"smd": 2})
    with pytest.raises(InputError, match=r"row 1, column 'OR': a ratio is above 0, not '-2\.0'"):
        audit(
            pd.DataFrame({"OR": ["-2.0"], "ci_lower": ["1"], "ci_upper": ["3"]}),
            estimate="OR",
            ratio=True,
        )


def test_blanks_unicode_minus_and_thousands_are_read():
    found = checks(statistic=["−2.40", "", "—"], df=["1,000", None, "3"], p=["0.017", "0.2", "NA"])
    assert found == {"p from statistic": True}


def test_an_audit_is_ready_for_json():
    got = audit(pd.DataFrame({"estimate": [0.2], "se": [0.0], "statistic": [2.1]}))
    assert json.loads(json.dumps(got.to_dict()))["n_checks"] == 1
    assert got.to_frame().equals(got.checks)
