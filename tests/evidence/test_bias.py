"""Small-study effects, fail-safe numbers and excess significance."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table
from scipy.special import ndtr

from enthesis.errors import InputError
from enthesis.evidence import (
    egger,
    excess_significance,
    fail_safe_n,
    multilevel,
    pet_peese,
    pool,
    rank_test,
    robust,
)


def effects(k=15, seed=2):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.4, k)
    return pd.DataFrame(
        {
            "yi": rng.normal(0.2 + np.sqrt(v), np.sqrt(v + 0.05)),
            "vi": v,
            "ni": rng.integers(20, 300, k),
            "age": rng.uniform(50, 80, k),
            "study": np.arange(k) // 3,
        }
    )


@pytest.mark.parametrize("case", cases("regtest"))
def test_egger_agrees_with_metafor(case):
    options = case["options"]
    fit = pool(table(case), method=options.get("method", "REML"), test="z")
    model = "lm" if options["model"] == "lm" else "mixed"
    result = egger(fit, predictor=options["predictor"], model=model)
    got = {
        "stat": result.statistic,
        "pval": result.p_value,
        "slope": result.slope,
        "slope_se": result.std_error,
        "intercept": result.intercept,
        "intercept_ci": [result.intercept_lower, result.intercept_upper],
        "df": result.df,
        "tau2": None if result.fit is None else result.fit.tau2,
    }
    check(case, {name: got[name] for name in case["expected"]})


@pytest.mark.parametrize("case", cases("ranktest"))
def test_the_rank_test_agrees_with_metafor(case):
    result = rank_test(table(case))
    check(case, {"tau": result.tau, "pval": result.p_value, "pval_normal": result.p_value_normal})


@pytest.mark.parametrize("case", cases("pet_peese"))
def test_pet_and_peese_agree_with_lm(case):
    both = pet_peese(table(case))
    line = both.pet if case["id"].startswith("pet_") else both.peese
    check(
        case,
        {
            "intercept": line.intercept,
            "intercept_se": line.intercept_std_error,
            "intercept_p": line.intercept_p,
            "intercept_ci": [line.intercept_lower, line.intercept_upper],
            "slope": line.slope,
            "slope_se": line.slope_std_error,
            "slope_p": line.slope_p,
        },
    )


@pytest.mark.parametrize("case", cases("fsn"))
def test_fail_safe_numbers_agree_with_metafor(case):
    result = fail_safe_n(table(case), kind=case["options"]["type"])
    check(
        case,
        {
            "fsnum": result.n,
            "pval": result.p_value,
            "mean_es": result.mean_effect,
            "target": result.target,
        },
    )


@pytest.mark.parametrize("case", cases("tes"))
def test_excess_significance_agrees_with_metafor(case):
    result = excess_significance(pool(table(case), test="z"))
    check(
        case,
        {
            "observed": result.observed,
            "expected": result.expected,
            "X2": result.statistic,
            "pval": result.p_value,
        },
    )


def test_the_classical_line_by_hand():
    # Effects exactly on 1 + 2 se: slope 2, intercept 1, no residual but in the last.
    table = pd.DataFrame({"yi": [3.0, 5.0, 7.0, 9.5], "vi": [1.0, 4.0, 9.0, 16.0]})
    line = pet_peese(table).pet
    se, root = np.array([1.0, 2, 3, 4]), 1 / np.array([1.0, 2, 3, 4])
    X = np.c_[np.ones(4), se] * root[:, None]
    b, rss, *_ = np.linalg.lstsq(X, table["yi"].to_numpy() * root, rcond=None)
    assert [line.intercept, line.slope] == pytest.approx(list(b))
    spread = np.sqrt(np.diag(np.linalg.inv(X.T @ X)) * rss[0] / 2)
    assert [line.intercept_std_error, line.slope_std_error] == pytest.approx(list(spread))


def test_kendalls_exact_distribution_counts_permutations():
    table = pd.DataFrame({"yi": [0.1, 0.5, 0.3, 0.9, 0.6], "vi": [0.1, 0.2, 0.3, 0.4, 0.5]})
    result = rank_test(table)
    v = table["vi"].to_numpy()
    w = 1 / v
    deviate = (table["yi"] - w @ table["yi"] / w.sum()) / np.sqrt(v - 1 / w.sum())
    order = np.argsort(np.argsort(deviate))

    def score(a):
        return sum(np.sign(a[j] - a[i]) for i in range(5) for j in range(i + 1, 5))

    scores = np.array([score(p) for p in permutations(range(5))])
    observed = score(order)
    assert result.tau == pytest.approx(observed / 10)
    tail = np.mean(scores >= observed) if observed > 0 else np.mean(scores <= observed)
    assert result.p_value == pytest.approx(min(1, 2 * tail))
    assert result.exact


def test_tied_variances_use_the_normal_approximation():
    table = effects().assign(vi=[0.1, 0.2, 0.3] * 5)
    result = rank_test(table)
    assert not result.exact
    assert result.p_value == result.p_value_normal


def test_egger_in_a_multilevel_model_is_the_model_with_its_standard_error():
    data = effects()
    fit = multilevel(data, "~ age", method="ML", test="z")
    result = egger(fit)
    by_hand = multilevel(data.assign(sei=np.sqrt(data["vi"])), "~ age + sei", method="ML", test="z")
    assert result.model == "multilevel"
    assert result.slope == pytest.approx(by_hand.coefficients[-1], rel=1e-9)
    assert result.p_value == pytest.approx(by_hand.p_values[-1], rel=1e-9)
    assert not result.intercept_is_limit
    sandwich = egger(fit, cluster="study")
    want = robust(by_hand, "study").to_frame().loc["sei"]
    assert sandwich.std_error == pytest.approx(want["std_error"], rel=1e-8)
    assert sandwich.df == pytest.approx(want["df"], rel=1e-8)
    assert sandwich.p_value == pytest.approx(want["p_value"], rel=1e-8)


def test_the_fit_keeps_its_test_and_moderators_under_egger():
    data = effects()
    result = egger(pool(data, "~ age", method="DL", test="knha"), predictor="ninv")
    by_hand = pool(data.assign(ninv=1 / data["ni"]), "~ age + ninv", method="DL", test="knha")
    assert result.p_value == pytest.approx(by_hand.p_values[-1], rel=1e-12)
    assert result.df == 12


def test_the_sign_of_the_effects_only_turns_the_sign_of_the_slope():
    data = effects()
    there, back = egger(pool(data)), egger(pool(data.assign(yi=-data["yi"])))
    assert back.slope == pytest.approx(-there.slope)
    assert back.p_value == pytest.approx(there.p_value)
    assert rank_test(data).p_value == pytest.approx(rank_test(data.assign(yi=-data["yi"])).p_value)


def test_rosenthals_number_by_hand():
    # Four studies with z = 2: Stouffer's z = 4; n with 8 / sqrt(4 + n) = 1.645 is 19.65.
    table = pd.DataFrame({"yi": [2.0] * 4, "vi": [1.0] * 4})
    result = fail_safe_n(table)
    assert result.n == 20
    assert result.p_value == pytest.approx(ndtr(-4.0))


def test_orwins_number_by_hand():
    # Mean 0.6 of 5 studies falls to 0.2 with 10 null studies.
    table = pd.DataFrame({"yi": [0.4, 0.5, 0.6, 0.7, 0.8], "vi": [1.0] * 5})
    assert fail_safe_n(table, kind="Orwin", target=0.2).n == 10


def test_without_heterogeneity_power_is_that_of_a_plain_z_test():
    fit = pool(effects(), method="EE", test="z")
    result = excess_significance(fit)
    shift = fit.coefficients[0] / np.sqrt(fit.variances)
    critical = 1.959963984540054
    np.testing.assert_allclose(result.power, ndtr(shift - critical) + ndtr(-shift - critical))
    assert result.expected == pytest.approx(result.power.sum())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: egger(pool(d), predictor="se"), "unknown predictor 'se'"),
        (lambda d: egger(pool(d), model="rma"), "'mixed' or 'lm'"),
        (lambda d: egger(pool(d), model="lm", cluster="study"), "no clusters"),
        (lambda d: egger(pool(d), predictor="ni", ni="total"), "no column 'total'"),
        (lambda d: egger(pool(d.assign(ni=0)), predictor="ninv"), "must be positive"),
        (lambda d: egger(pool(d.assign(vi=0.1)), model="lm"), "does not vary"),
        (lambda d: egger(pool(d.assign(vi=0.1))), "constant"),
        (lambda d: rank_test(d.assign(vi=0.1)), "all variances are equal"),
        (lambda d: rank_test(d.iloc[:2]), "at least three"),
        (lambda d: pet_peese(d.iloc[:2]), "more than 2 effects"),
        (lambda d: fail_safe_n(d, kind="Fisher"), "Rosenthal, Orwin or Rosenberg"),
        (lambda d: fail_safe_n(d, target=0.1), "belongs to Orwin"),
        (lambda d: fail_safe_n(d, kind="Orwin", target=-1.0), "between zero and the mean"),
        (lambda d: fail_safe_n(d, alpha=5), "between 0 and 1"),
        (lambda d: excess_significance(pool(d, "~ age")), "one true mean"),
    ],
)
def test_what_cannot_be_done_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(effects())


def test_summaries_read_as_sentences():
    data = effects()
    assert "limit as the predictor vanishes" in egger(pool(data)).summary()
    assert "cluster-robust" in egger(multilevel(data), cluster="study").summary()
    assert "Kendall's tau" in rank_test(data).summary()
    assert "* preferred" in pet_peese(data).summary()


def test_the_predictor_is_read_off_also_beside_an_interaction():
    # Interactions are sorted behind main effects, so the predictor is not the last coefficient.
    data = effects(16).assign(age=np.arange(16) % 7, site=["a", "b"] * 8)
    result = egger(pool(data, "~ age * site"))
    row = result.fit.to_frame().loc["sei"]
    assert (result.slope, result.p_value) == (row["estimate"], row["p_value"])
    assert result.fit.names[-1] != "sei"


def test_ranks_of_eighty_effects_are_counted_out():
    # One discordant pair of three: 3 of the 6 orders have as few, so twice the tail is all.
    few = pd.DataFrame({"yi": [0.0, 2.0, 1.0], "vi": [0.1, 0.2, 0.3]})
    assert rank_test(few).p_value == 1.0
    rng = np.random.default_rng(5)
    many = pd.DataFrame({"yi": rng.normal(size=80), "vi": rng.uniform(0.1, 1, 80)})
    result = rank_test(many)
    assert result.exact
    assert result.p_value == pytest.approx(result.p_value_normal, rel=0.02)
    assert result.p_value != result.p_value_normal
