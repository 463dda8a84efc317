"""Permutation tests and the bootstrap."""

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import bootstrap, multilevel, permutation_test, pool


def effects(k=9, seed=6):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.3, k)
    return pd.DataFrame(
        {
            "yi": rng.normal(0.3, np.sqrt(v + 0.05)),
            "vi": v,
            "arm": np.arange(k) % 2,
            "age": rng.uniform(50, 80, k),
            "study": np.arange(k) // 3,
        }
    )


@pytest.mark.parametrize("case", cases("permutest"))
def test_exact_permutation_tests_agree_with_metafor(case):
    mods = "~ ablat" if "ablat" in case["id"] else None
    fit = pool(table(case), mods, method=case["options"]["method"], test="z")
    result = permutation_test(fit, exact=True)
    got = {"pval": result.p_values, "exact_iter": result.n}
    check(case, got | ({"QMp": result.qm_p} if mods else {}))


def test_three_effects_of_one_sign_by_hand():
    # Of eight sign patterns only all plus and all minus reach the observed |z|.
    fit = pool(pd.DataFrame({"yi": [1.0, 1.1, 0.9], "vi": [1.0] * 3}), method="EE", test="z")
    result = permutation_test(fit)
    assert (result.n, result.exact) == (8, True)
    assert result.p_values[0] == pytest.approx(2 / 8)


@pytest.mark.parametrize("test", ["z", "knha"])
def test_each_dealing_is_the_refit_with_its_moderators_dealt(test):
    data = effects(5)
    fit = pool(data, "~ age", method="DL", test=test)
    result = permutation_test(fit, exact=True)
    slopes = sorted(
        pool(
            data.assign(age=data["age"].to_numpy()[list(p)]), "~ age", method="DL", test=test
        ).statistics[1]
        for p in permutations(range(5))
    )
    np.testing.assert_allclose(np.sort(result.distribution[:, 1]), slopes, rtol=1e-8)


def test_equal_rows_of_the_design_are_not_dealt_twice():
    result = permutation_test(pool(effects(6), "~ arm", method="DL"), exact=True)
    assert result.n == 20
    assert result.p_values[1] == pytest.approx(result.qm_p)


def test_a_draw_approaches_the_exact_test():
    fit = pool(effects(), "~ age", method="DL")
    exact = permutation_test(fit, exact=True)
    drawn = permutation_test(fit, n=4000, exact=False, rng=np.random.default_rng(1))
    # Four standard errors of a share from 4000 draws.
    np.testing.assert_allclose(drawn.p_values, exact.p_values, atol=4 * 0.5 / np.sqrt(4000))
    assert (drawn.p_values >= 1 / 4000).all()


def test_permutation_does_not_depend_on_the_unit():
    data = effects()
    scaled = data.assign(yi=data["yi"] * 50, vi=data["vi"] * 2500)
    ours, theirs = (permutation_test(pool(d)).p_values for d in (data, scaled))
    np.testing.assert_allclose(ours, theirs)


def test_the_bootstrap_of_independent_effects_finds_their_standard_error():
    data = effects(200)
    fit = pool(data, test="z")
    result = bootstrap(fit, rng=np.random.default_rng(0))
    # A standard deviation from 1000 draws is good to 2 %, the sandwich differs by a few more.
    assert result.std_errors[0] == pytest.approx(fit.std_errors[0], rel=0.2)
    assert result.ci_lower[0] < fit.coefficients[0] < result.ci_upper[0]
    assert result.to_frame().index.tolist() == ["intrcpt", "tau2"]


def test_a_draw_of_clusters_is_the_refit_of_their_rows():
    data = effects(12)
    fit = pool(data, "~ age", method="DL")
    result = bootstrap(fit, rng=np.random.default_rng(3), cluster="study", n=5)
    draw = np.random.default_rng(3).integers(4, size=(5, 4))[2]
    rows = np.concatenate([np.flatnonzero(data["study"] == c) for c in draw])
    again = pool(data.iloc[rows], "~ age", method="DL")
    np.testing.assert_allclose(result.coefficients[2], again.coefficients, rtol=1e-8)


def test_a_study_drawn_twice_by_a_multilevel_bootstrap_is_two_studies():
    data = effects(12)
    fit = multilevel(data)
    result = bootstrap(fit, rng=np.random.default_rng(3), cluster="study", n=5)
    draw = np.random.default_rng(3).integers(4, size=(5, 4))[2]
    drawn = [data[data["study"] == c].assign(study=i) for i, c in enumerate(draw)]
    again = multilevel(pd.concat(drawn, ignore_index=True))
    assert result.coefficients[2, 0] == pytest.approx(again.coefficients[0], rel=1e-6)
    assert result.tau2[2] == pytest.approx(again.tau2, rel=1e-5, abs=1e-8)


def test_draws_without_the_moderators_variation_are_counted():
    data = effects(6).assign(rare=[1.0, 0, 0, 0, 0, 0])
    result = bootstrap(pool(data, "~ rare", method="DL"), rng=np.random.default_rng(0), n=200)
    # (5/6)^6 = 33 % of the draws miss the one row.
    assert 40 < result.failed < 95
    assert np.isnan(result.coefficients[:, 1]).sum() == result.failed


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: permutation_test(multilevel(d)), "two-level fit"),
        (lambda d: permutation_test(pool(effects(40))), "default_rng"),
        (lambda d: permutation_test(pool(effects(40)), exact=True), "too many"),
        (
            lambda d: permutation_test(
                pool(effects(40)), n=1, exact=False, rng=np.random.default_rng(0)
            ),
            "at least 2",
        ),
        (lambda d: bootstrap(multilevel(d), rng=np.random.default_rng(0)), "name the cluster"),
        (lambda d: bootstrap(pool(d), rng=np.random.default_rng(0), n=1), "at least 2 draws"),
        (
            lambda d: bootstrap(pool(d), rng=np.random.default_rng(0), cluster="lab"),
            "no column 'lab'",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(effects())
