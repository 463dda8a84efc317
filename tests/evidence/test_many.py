"""Thousands of meta-analyses at once."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import pool, pool_many
from enthesis.evidence.batch import METHODS, fit_stack

BATCHED = [m for m in METHODS if m not in ("FE", "GENQ")]


def stack(n_sets=40, k=8, seed=0, tau2=0.1):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.4, (n_sets, k))
    return 0.3 + rng.normal(size=(n_sets, k)) * np.sqrt(v + tau2), v


def test_dersimonian_laird_of_three_effects_by_hand():
    # Weights 1, 1, 1/2; mean 1.2, Q = 2.7, C = 2.5 - 2.25/2.5 = 1.6, tau2 = 0.7 / 1.6.
    fits = pool_many([[0.0, 2.0, 2.0]], [[1.0, 1.0, 2.0]], method="DL", test="z")
    q = 1.2**2 + 0.8**2 + 0.5 * 0.8**2
    tau2 = (q - 2) / 1.6
    assert fits.q[0] == pytest.approx(q)
    assert fits.tau2[0] == pytest.approx(tau2)
    w = 1 / (np.array([1.0, 1.0, 2.0]) + tau2)
    assert fits.coefficients[0, 0] == pytest.approx(w @ [0.0, 2.0, 2.0] / w.sum())
    assert fits.std_errors[0, 0] == pytest.approx(w.sum() ** -0.5)


@pytest.mark.parametrize("method", BATCHED)
@pytest.mark.parametrize("test", ["z", "knha", "adhoc"])
def test_each_data_set_is_pooled_as_pool_would(method, test):
    y, v = stack(12)
    fits = pool_many(y, v, method=method, test=test).to_frame()
    for row, (yi, vi) in enumerate(zip(y, v, strict=True)):
        one = pool(pd.DataFrame({"yi": yi, "vi": vi}), method=method, test=test)
        got = fits.loc[row, ["estimate", "std_error", "p_value", "ci_lower", "tau2", "i2", "h2"]]
        want = [one.coefficients[0], one.std_errors[0], one.p_values[0], one.ci_lower[0]]
        want += [one.tau2, one.i2, one.h2]
        # Two iterations of the same equation, each stopped near machine precision.
        np.testing.assert_allclose(got.to_numpy(float), want, rtol=1e-7, atol=1e-9)
        if method in ("ML", "REML"):
            fit = pool_many(yi[None], vi[None], method=method)
            assert fit.log_likelihood[0] == pytest.approx(one.log_likelihood, rel=1e-9)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_the_shared_moderators_give_the_regression_of_each_set(method):
    y, v = stack(6, 12)
    year = np.arange(2001.0, 2013.0)
    design = pd.DataFrame({"intrcpt": 1.0, "year": year})
    fits = pool_many(y, v, design=design, method=method, test="z")
    assert fits.names == ("intrcpt", "year")
    for row in range(6):
        data = pd.DataFrame({"yi": y[row], "vi": v[row], "year": year})
        one = pool(data, "~ year", method=method, test="z")
        # The intercept lies two thousand years off: nine digits are left of sixteen.
        np.testing.assert_allclose(fits.coefficients[row], one.coefficients, rtol=1e-6)
        np.testing.assert_allclose(fits.std_errors[row], one.std_errors, rtol=1e-6)


def batched(parameter):
    """Whether a case's estimator has a batched form; a model with its own weights has none."""
    (case,) = parameter.values
    if case is None:
        return True
    options = case["options"]
    return options.get("method") in BATCHED and not {"weights", "weighted"} & set(options)


@pytest.mark.parametrize("case", [one for one in cases("rma.uni") if batched(one)])
def test_the_stack_reproduces_metafors_two_level_models(case):
    options = case["options"]
    data = table(case)
    fits = pool_many(
        data[["yi"]].T, data[["vi"]].T, method=options["method"], test=options.get("test", "z")
    )
    got = {"b": fits.coefficients[0], "tau2": fits.tau2[0], "se": fits.std_errors[0]}
    check(case, got | {"QE": fits.q[0], "I2": fits.i2[0], "H2": fits.h2[0], "k": fits.k[0]})


def test_a_set_does_not_change_with_its_neighbours_or_with_padding():
    y, v = stack(30)
    alone = pool_many(y[:1], v[:1])
    padded = pool_many(np.c_[y, np.full((30, 3), np.nan)], np.c_[v, np.full((30, 3), np.nan)])
    assert padded.tau2[0] == pytest.approx(alone.tau2[0], rel=1e-12)
    assert padded.k[0] == 8


def test_the_long_form_equals_the_rectangle_in_any_order():
    rng = np.random.default_rng(5)
    sizes = rng.integers(2, 40, 50)
    label = np.repeat([f"region {i:02d}" for i in range(50)], sizes)
    v = rng.uniform(0.01, 0.2, len(label))
    y = rng.normal(0.2, np.sqrt(v + 0.05))
    shuffled = rng.permutation(len(label))
    fits = pool_many(y[shuffled], v[shuffled], by=label[shuffled]).to_frame()
    one = pool(pd.DataFrame({"yi": y, "vi": v})[label == "region 07"])
    assert fits.loc["region 07", "tau2"] == pytest.approx(one.tau2, rel=1e-7, abs=1e-10)
    assert list(fits["k"]) == list(sizes)


def test_reml_is_equivariant_to_the_scale():
    y, v = stack()
    fits, scaled = pool_many(y, v), pool_many(10 * y, 100 * v)
    np.testing.assert_allclose(scaled.tau2, 100 * fits.tau2, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(scaled.p_values, fits.p_values, rtol=1e-7)


@pytest.mark.parametrize("method", ["ML", "REML"])
def test_no_tau2_nearby_has_a_higher_likelihood(method):
    y, v = stack(300, 5, seed=3, tau2=0.02)
    best = fit_stack(y, v, method=method)
    assert best.converged.all()
    for factor in (0.0, 0.9, 1.1):
        for row in np.flatnonzero(best.tau2 > 0)[:40]:
            held = fit_stack(
                y[row : row + 1], v[row : row + 1], method=method, tau2=factor * best.tau2[row]
            )
            # metafor's rule keeps an interior mode unless zero is better by 1.2e-4.
            assert best.log_likelihood[row] >= held.log_likelihood[0] - 1.3e-4


def test_one_effect_has_no_heterogeneity_and_no_effect_no_result():
    nan = np.nan
    fits = pool_many([[0.5, nan], [nan, nan]], [[0.04, 1.0], [1.0, 1.0]], test="z")
    assert fits.coefficients[0, 0] == 0.5
    assert (fits.tau2[0], fits.i2[0], fits.h2[0], fits.q_p[0]) == (0, 0, 1, 1)
    assert np.isnan(fits.coefficients[1, 0])
    assert not fits.converged[1]


def test_a_set_without_the_moderators_variation_is_nan():
    y, v = stack(2, 6)
    x = np.array([0, 0, 0, 0, 1, 1.0])
    y[1, 4:] = np.nan
    fits = pool_many(y, v, design=np.c_[np.ones(6), x])
    assert np.isfinite(fits.coefficients[0]).all()
    assert np.isnan(fits.coefficients[1]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"vi": [[1.0, 0.0]]}, r"variances positive; at \(0, 1\)"),
        ({"yi": [[np.inf, 0.0]]}, "must be finite"),
        ({"vi": [[1.0]]}, "one shape"),
        ({"method": "MAGIC"}, "choose one of EE"),
        ({"method": "GENQ"}, "give weights"),
        ({"test": "magic"}, "choose one of z"),
        ({"level": 95}, "between 0 and 1"),
        ({"design": np.ones((2, 2))}, "collinear"),
        ({"design": np.ones((3, 1))}, "a row per effect"),
        ({"yi": [1.0, 2.0], "vi": [1.0, 1.0]}, "together with `by`"),
        ({"yi": [1.0, 2.0], "vi": [1.0, 1.0], "by": ["a", None]}, "row 1 has none"),
    ],
)
def test_unusable_input_is_refused(arguments, message):
    given = {"yi": [[0.1, 0.2]], "vi": [[1.0, 1.0]]} | arguments
    with pytest.raises(InputError, match=message):
        pool_many(given.pop("yi"), given.pop("vi"), **given)
