import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table
from evidence.robust_pins import PINS, data

from enthesis.errors import InputError
from enthesis.evidence.correlated_effects import (
    correlated_effects,
    hierarchical_effects,
    rho_sensitivity,
)
from enthesis.evidence.pool import pool
from enthesis.evidence.robust import contrast, robust
from enthesis.evidence.wald import wald_test


@pytest.mark.parametrize("case", cases("robumeta"))
def test_robumeta_reference(case):
    options = case["options"]
    columns = {"study": "study"}
    if case["data"] == "corrdat":
        columns = {"study": "studyid", "yi": "effectsize", "vi": "var"}
    mods = "~" + options["formula"].split("~")[1]
    small = options["small"]
    if options["weights"] == "CORR":
        fit = correlated_effects(table(case), mods, rho=options["rho"], small=small, **columns)
        check(case, {"I2": fit.i2})
    else:
        fit = hierarchical_effects(table(case), mods, small=small, **columns)
        check(case, {"omega2": fit.omega2})
    got = {
        "b": fit.coefficients,
        "se": fit.std_errors,
        "t": fit.statistics,
        "df": fit.df,
        "pval": fit.p_values,
        "ci_lb": fit.ci_lower,
        "ci_ub": fit.ci_upper,
        "tau2": fit.tau2,
        "N": fit.n_clusters,
        "M": fit.k,
    }
    check(case, got)


@pytest.mark.parametrize("model", ["correlated", "hierarchical"])
def test_simulated_studies_agree_with_robumeta(model):
    if model == "correlated":
        fit = correlated_effects(data(), "~ age + male", study="study", rho=0.6)
    else:
        fit = hierarchical_effects(data(), "~ age", study="study", yi="calm")
    pin = PINS[model]
    np.testing.assert_allclose(fit.coefficients, pin["b"], rtol=1e-9)
    np.testing.assert_allclose(fit.std_errors, pin["se"], rtol=1e-9)
    np.testing.assert_allclose(fit.df, pin["df"], rtol=1e-8)
    assert fit.tau2 == pytest.approx(pin["tau2"], rel=1e-9)
    if model == "correlated":
        assert fit.i2 == pytest.approx(pin["i2"], rel=1e-9)
    else:
        assert fit.omega2 == pin["omega2"] == 0


def test_one_effect_per_study_is_dersimonian_laird():
    # With k_j = 1 the weights are 1 / v and the moment equation is that of DL.
    one = data().drop_duplicates("study")
    fit = correlated_effects(one, study="study")
    other = robust(pool(one, method="DL"), "study")
    assert fit.tau2 == pytest.approx(pool(one, method="DL").tau2)
    np.testing.assert_allclose(fit.std_errors, other.std_errors, rtol=1e-9)
    np.testing.assert_allclose(fit.df, other.df, rtol=1e-9)


def test_two_equal_studies_by_hand():
    effects = pd.DataFrame({"study": [1, 1, 2, 2], "yi": [0.0, 2.0, 4.0, 6.0], "vi": 0.5})
    fit = correlated_effects(effects, study="study", rho=0.0)
    # Weights 1: Q = 9 + 1 + 1 + 9 = 20 over k_j v̄ = 1, its mean 2 - 1/2 at rho 0, slope 4 - 2.
    assert fit.coefficients[0] == pytest.approx(3.0)
    assert fit.tau2 == pytest.approx((20 - 1.5) / 2)
    assert fit.i2 == pytest.approx(100 * 18.5 / 20)
    # Study means 1 and 5: variance 8 over two studies, one degree of freedom.
    assert fit.std_errors[0] == pytest.approx(2.0)
    assert fit.df[0] == pytest.approx(1.0)


def test_row_order_does_not_matter_and_units_only_scale():
    shuffled = data().sample(frac=1, random_state=3)
    scaled = shuffled.assign(yi=shuffled["yi"] * 10, vi=shuffled["vi"] * 100)
    for model in (correlated_effects, hierarchical_effects):
        a, b = model(data(), "~ age", study="study"), model(scaled, "~ age", study="study")
        assert b.tau2 == pytest.approx(100 * a.tau2)
        np.testing.assert_allclose(b.std_errors, 10 * a.std_errors, rtol=1e-8)
        np.testing.assert_allclose(b.df, a.df, rtol=1e-8)


def test_sensitivity_has_a_row_per_rho_and_coefficient_and_tau2_linear_in_rho():
    got = rho_sensitivity(data(), "~ male", study="study", rhos=(0.0, 0.5, 1.0))
    tau2 = got["tau2"].unstack("coefficient")["male"]
    assert got.shape == (6, 9)
    assert tau2.iloc[1] == pytest.approx((tau2.iloc[0] + tau2.iloc[2]) / 2)


def test_wald_tests_and_contrasts_apply():
    fit = correlated_effects(data(), "~ age + male", study="study")
    assert wald_test(fit, ["age", "male"]).df_num == 2
    at_fifty = contrast(fit, [1, 50, 0])
    assert at_fifty.names == ("intrcpt + 50·age",)
    assert "rho = 0.8" in fit.summary()
    assert "omega^2" in hierarchical_effects(data(), study="study").summary()


def test_studies_may_be_given_as_an_array_beside_rows_that_are_left_out():
    effects = data()
    effects.loc[3, "yi"] = np.nan
    by_array = correlated_effects(effects, study=effects["study"].to_numpy())
    assert by_array.k == len(effects) - 1
    assert by_array.std_errors == pytest.approx(
        correlated_effects(effects, study="study").std_errors
    )


def test_a_correlation_beyond_one_is_refused():
    with pytest.raises(InputError, match=r"from 0 to 1, not 1\.5"):
        correlated_effects(data(), study="study", rho=1.5)
