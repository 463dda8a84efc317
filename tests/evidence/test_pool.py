"""Equal- and random-effects models and meta-regression."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence import pool
from enthesis.evidence import tau2 as between
from enthesis.evidence.likelihood import likelihood
from enthesis.evidence.projection import problem as regression

RANDOM = ("DL", "DLIT", "HE", "HS", "HSk", "SJ", "SJIT", "ML", "REML", "EB", "PM", "PMM")


def effects(k=20, seed=1):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.3, k)
    age = rng.uniform(50, 80, k)
    site = np.array(["hip", "spine", "radius", "hip"])[np.arange(k) % 4]
    y = 0.3 + 0.02 * (age - 65) + rng.normal(0, np.sqrt(v + 0.1))
    return pd.DataFrame({"yi": y, "vi": v, "age": age, "site": site, "n": rng.integers(9, 99, k)})


def three():
    """Hand-made: weights 1, 1/2, 1/4; Q = 1 + 2 + 0 around the mean 2."""
    return pd.DataFrame({"yi": [1.0, 4.0, 2.0], "vi": [1.0, 2.0, 4.0]})


def as_reference(fit):
    """The fit under the names that the reference uses."""
    component = fit.components[0].std_error if fit.components else None
    got = {
        "coef_names": list(fit.names),
        "b": fit.coefficients,
        "se": fit.std_errors,
        "stat": fit.statistics,
        "pval": fit.p_values,
        "ci_lb": fit.ci_lower,
        "ci_ub": fit.ci_upper,
        "vb": fit.covariance,
        "tau2": fit.tau2,
        "se_tau2": component,
        "I2": fit.i2,
        "H2": fit.h2,
        "QE": fit.q,
        "QE_df": fit.q_df,
        "QEp": fit.q_p,
        "QM": fit.qm,
        "QM_df1": fit.qm_df[0],
        "QM_df2": fit.qm_df[1],
        "QMp": fit.qm_p,
        "k": fit.k,
        "p": fit.p,
        "nparms": fit.n_parameters,
        "vt": fit.typical_variance,
    }
    for kind in ("ML", "REML"):
        found = likelihood(
            fit.effects,
            fit.design,
            fit.marginal,
            fit.sampling,
            n_parameters=fit.n_parameters,
            kind=kind,
            coefficients=fit.coefficients,
        )
        got[kind] = {
            "ll": found.log_likelihood,
            "dev": found.deviance,
            "AIC": found.aic,
            "BIC": found.bic,
            "AICc": found.aicc,
        }
    return got


def fitted(case):
    options, data = case["options"], table(case)
    weights = np.ones(len(data)) if options.get("weighted") is False else options.get("weights")
    return pool(
        data,
        options.get("formula"),
        method=options.get("method", "REML"),
        test=options.get("test", "z"),
        level=options.get("level", 95) / 100,
        weights=weights,
        tau2=options.get("tau2"),
    )


@pytest.mark.parametrize("case", cases("rma.uni"))
def test_a_pooled_effect_agrees_with_metafor(case):
    fit = fitted(case)
    got = as_reference(fit)
    got["R2"] = fit.r2
    if "s2w" in case["expected"]:
        got["s2w"] = fit.dispersion
    wanted = case["expected"].get("predict", {})
    for interval, prefix in ((_like_ci(fit), "pi"), ("riley", "pi_riley")):
        row = fit.predict(interval=interval).iloc[0]
        if f"{prefix}_lb" in wanted:
            bounds = {f"{prefix}_lb": row["pi_lower"], f"{prefix}_ub": row["pi_upper"]}
            got["predict"] = {**got.get("predict", {}), **bounds}
    check(case, got)


def _like_ci(fit):
    """metafor's default prediction interval has the distribution of the confidence interval."""
    return "normal" if fit.test == "z" else "t"


@pytest.mark.parametrize("case", cases("rma.uni.mods"))
def test_a_meta_regression_agrees_with_metafor(case):
    fit = fitted(case)
    got = as_reference(fit)
    if "intrcpt" in fit.names:
        # Without an intercept metafor 3.8 gives no R2; from 5.0 it does, and so do we.
        got["R2"] = fit.r2
    if "s2w" in case["expected"]:
        got["s2w"] = fit.dispersion
    check(case, got)


@pytest.mark.parametrize("case", cases("predict", "ablat"))
def test_predictions_agree_with_metafor(case):
    fit = pool(table(case), "~ ablat", method=case["options"]["method"], test="z")
    new = pd.DataFrame({"ablat": case["options"]["newmods"]})
    normal, riley = (fit.predict(new, interval=name) for name in ("normal", "riley"))
    check(
        case,
        {
            "pred": normal["estimate"],
            "se": normal["std_error"],
            "ci_lb": normal["ci_lower"],
            "ci_ub": normal["ci_upper"],
            "pi_lb": normal["pi_lower"],
            "pi_ub": normal["pi_upper"],
            "pi_riley_lb": riley["pi_lower"],
            "pi_riley_ub": riley["pi_upper"],
        },
    )


def test_of_two_modes_the_higher_is_taken():
    """The first six of metadat's dat.bangertdrowns2004: ll(0) = -2.1908 > ll(0.0145) = -2.1987."""
    data = pd.DataFrame(
        {
            "yi": [0.65, -0.75, -0.21, -0.04, 0.23, 0.03],
            "vi": [0.07, 0.126, 0.042, 0.019, 0.022, 0.009],
        }
    )
    fit = pool(data, method="ML", test="z")
    assert fit.tau2 == 0.0
    assert fit.log_likelihood == pytest.approx(-2.1908, abs=5e-5)  # printed digits
    assert any("second, lower mode at tau2 = 0.014" in note for note in fit.notes)


def test_the_equal_effects_mean_of_three_studies_by_hand():
    fit = pool(three(), method="EE")
    assert fit.coefficients[0] == pytest.approx((1 + 2 + 0.5) / 1.75)
    assert fit.std_errors[0] == pytest.approx(1.75**-0.5)
    assert fit.q == pytest.approx(3.0)


def test_dersimonian_and_laird_of_three_studies_by_hand():
    # Q = 3, tr P = 1.75 - 1.3125/1.75 = 1, so tau2 = (3 - 2)/1.
    fit = pool(three(), method="DL", test="z")
    assert fit.tau2 == pytest.approx(1.0)
    w = 1 / np.array([2.0, 3.0, 5.0])
    assert fit.coefficients[0] == pytest.approx((w @ [1, 4, 2]) / w.sum())
    assert fit.typical_variance == pytest.approx(2.0)
    assert fit.i2 == pytest.approx(100 / 3)


@pytest.mark.parametrize("method", RANDOM)
def test_the_order_of_rows_does_not_matter(method):
    data = effects()
    one = pool(data, "~ age", method=method)
    other = pool(data.sample(frac=1, random_state=3), "~ age", method=method)
    np.testing.assert_allclose(other.coefficients, one.coefficients, rtol=1e-9)
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-9, abs=1e-14)


@pytest.mark.parametrize("method", RANDOM)
def test_effects_in_other_units_give_the_same_answer_in_those_units(method):
    data = effects()
    scaled = data.assign(yi=1000 * data["yi"], vi=1e6 * data["vi"])
    one, other = pool(data, method=method), pool(scaled, method=method)
    np.testing.assert_allclose(other.coefficients, 1000 * one.coefficients, rtol=1e-9)
    assert other.tau2 == pytest.approx(1e6 * one.tau2, rel=1e-8, abs=1e-9)
    np.testing.assert_allclose(other.p_values, one.p_values, rtol=1e-7)


@pytest.mark.parametrize("method", RANDOM)
def test_adding_a_constant_to_all_effects_only_moves_the_mean(method):
    data = effects()
    one, other = pool(data, method=method), pool(data.assign(yi=data["yi"] + 50), method=method)
    assert other.tau2 == pytest.approx(one.tau2, rel=1e-9, abs=1e-13)
    np.testing.assert_allclose(other.coefficients, one.coefficients + 50, rtol=1e-12)


@pytest.mark.parametrize("method", ["REML", "ML", "DL", "PM"])
def test_the_coding_of_a_factor_changes_neither_heterogeneity_nor_fitted_values(method):
    data = effects()
    treatment = pool(data, "~ site", method=method)
    cells = pool(data, "~ 0 + site", method=method)
    other = data.assign(site=pd.Categorical(data["site"], ["spine", "hip", "radius"]))
    releveled = pool(other, "~ site", method=method)
    for fit in (cells, releveled):
        assert fit.tau2 == pytest.approx(treatment.tau2, rel=1e-9)
        np.testing.assert_allclose(fit.fitted, treatment.fitted, rtol=1e-9)
    assert releveled.log_likelihood == pytest.approx(treatment.log_likelihood, rel=1e-9)
    assert releveled.names == ("intrcpt", "sitehip", "siteradius")
    assert treatment.names == ("intrcpt", "siteradius", "sitespine")


def test_without_excess_variation_dersimonian_and_laird_is_the_equal_effects_model():
    data = pd.DataFrame({"yi": [0.1, 0.12, 0.09, 0.11], "vi": [0.1, 0.2, 0.1, 0.3]})
    random, equal = pool(data, method="DL", test="z"), pool(data, method="EE", test="z")
    assert equal.q <= equal.q_df
    assert random.tau2 == 0.0
    np.testing.assert_array_equal(random.coefficients, equal.coefficients)


def test_with_equal_variances_reml_and_paule_mandel_have_a_closed_form():
    data = effects().assign(vi=0.05)
    expected = np.var(data["yi"], ddof=1) - 0.05
    for method in ("REML", "PM", "DL", "HE", "EB"):
        assert pool(data, method=method).tau2 == pytest.approx(expected, rel=1e-9)
    assert pool(data, method="ML").tau2 == pytest.approx(np.var(data["yi"]) - 0.05, rel=1e-9)


@pytest.mark.parametrize("method", ["REML", "ML"])
@pytest.mark.parametrize("seed", range(12))
def test_the_likelihood_is_nowhere_higher_than_at_the_estimate(method, seed):
    rng = np.random.default_rng(seed)
    v = np.exp(rng.normal(-3, 2, 7))
    data = pd.DataFrame({"yi": rng.normal(0, np.sqrt(v + 0.01)), "vi": v})
    fit = pool(data, method=method, test="z")
    problem = regression(fit.effects, fit.variances, fit.design)
    height = between.log_likelihood(problem, fit.tau2, method)
    for t in np.concatenate([[0.0], np.geomspace(1e-7, 100, 500)]):
        assert between.log_likelihood(problem, t, method) <= height + 1e-12
    if fit.tau2 > 0:
        slope, curvature = between.score(problem, fit.tau2, method)
        assert abs(slope / curvature) < 1e-7 * fit.tau2


def test_awkward_units_of_a_moderator_lose_no_digits():
    data = effects()
    data["year"] = 1990.0 + np.arange(len(data))
    data["seconds"] = data["year"] * 31_557_600.0
    years, seconds = pool(data, "~ year"), pool(data, "~ seconds")
    assert seconds.tau2 == pytest.approx(years.tau2, rel=1e-9)
    assert seconds.coefficients[1] * 31_557_600 == pytest.approx(years.coefficients[1], rel=1e-9)


def test_metafors_knapp_hartung_scale_ignores_user_weights():
    """R 4.2.2, metafor 3.8-1: rma(yi, vi, weights=w, data=d, test="knha"), d as below."""
    data = pd.DataFrame({"yi": [0.1, 0.6, 0.3, 0.9, -0.2], "vi": [0.02, 0.05, 0.04, 0.1, 0.03]})
    fit = pool(data, weights=[1.0, 2.0, 3.0, 4.0, 5.0], test="knha")
    assert fit.coefficients[0] == pytest.approx(0.32, rel=1e-12)
    assert fit.std_errors[0] == pytest.approx(0.208734444624442, rel=1e-9)
    assert fit.dispersion == pytest.approx(1.061649377363726, rel=1e-9)


def test_rows_with_missing_values_are_left_out_and_counted():
    data = effects()
    data.loc[3, "yi"] = np.nan
    data.loc[5, "age"] = np.nan
    fit = pool(data, "~ age")
    assert fit.k == len(data) - 2
    assert list(fit.data.index) == [i for i in data.index if i not in (3, 5)]
    assert "2 of 20 rows with missing values left out" in fit.notes


def test_the_table_given_is_not_changed():
    data = effects()
    before = data.copy()
    pool(data, "~ site")
    pd.testing.assert_frame_equal(data, before)


def test_sixty_thousand_effects_recover_the_heterogeneity_they_were_drawn_with():
    rng = np.random.default_rng(5)
    v = rng.uniform(0.05, 0.4, 60_000)
    data = pd.DataFrame({"yi": rng.normal(0.2, np.sqrt(v + 0.1)), "vi": v})
    # Seven standard errors around the truth.
    fit = pool(data)
    assert abs(fit.tau2 - 0.1) < 7 * fit.components[0].std_error


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        ({"yi": "0.3 (0.1)"}, {}, r"'yi' must hold numbers; row 2 has '0.3 \(0.1\)'"),
        ({"yi": np.inf}, {}, "'yi' must be finite; row 2 has inf"),
        ({"vi": np.inf}, {}, "'vi' must be finite; row 2"),
        ({"vi": 0.0}, {}, "above zero; row 2 has vi = 0"),
        ({"vi": -0.1}, {}, "above zero; row 2 has vi = -0.1"),
        ({}, {"mods": "~ weight"}, "no column 'weight'"),
        ({}, {"mods": "~ age +* site"}, "cannot be read"),
        ({}, {"mods": "~ log(age - 65)"}, "not a finite number in row"),
        ({}, {"method": "reml"}, "no estimator named 'reml'"),
        ({}, {"test": "hksj"}, "no test named 'hksj'"),
        ({}, {"level": 95}, "between 0 and 1, such as 0.95; got 95"),
        ({}, {"method": "GENQ"}, "defined by its weights"),
        ({}, {"weights": [1, 2]}, r"one number for each of the 20 rows; got shape \(2,\)"),
        ({}, {"weights": -np.ones(20)}, "at least 0"),
        ({}, {"tau2": -1.0}, "at least 0; got -1"),
        ({}, {"tau2": 0.1, "method": "EE"}, "no tau2 to set"),
        ({}, {"vi": "variance"}, "no column 'variance'"),
    ],
)
def test_unusable_input_is_refused_in_one_sentence(change, options, message):
    data = effects()
    for name, value in change.items():
        data[name] = data[name].astype(object)
        data.loc[2, name] = value
    with pytest.raises(InputError, match=message):
        pool(data, **options)


def test_a_constant_moderator_is_named():
    with pytest.raises(InputError, match=r"'site' is constant \(hip in every row"):
        pool(effects().assign(site="hip"), "~ age + site")


def test_collinear_moderators_are_named():
    data = effects()
    data["decades"] = data["age"] / 10 - 3
    with pytest.raises(InputError, match="'decades' is a combination of intrcpt, age"):
        pool(data, "~ age + decades")


def test_more_coefficients_than_effects_are_refused():
    with pytest.raises(InputError, match="fewer moderators"):
        pool(effects(k=3), "~ age + n + site")


def test_one_effect_has_no_heterogeneity():
    with pytest.raises(InputError, match="use method='EE'"):
        pool(effects(k=1))
    fit = pool(effects(k=1), method="EE")
    assert (fit.k, fit.q, fit.q_df) == (1, 0.0, 0)


def test_effects_exactly_on_the_line_have_no_knapp_hartung_error():
    with pytest.raises(InputError, match="standard error is 0"):
        pool(effects().assign(yi=0.25))


def test_an_empty_table_is_refused():
    with pytest.raises(InputError, match="none of the 0 rows"):
        pool(effects().head(0))


def test_something_that_is_no_table_is_refused():
    with pytest.raises(InputError, match="pandas DataFrame with a row per effect; got list"):
        pool([0.1, 0.2])


def test_an_iteration_that_does_not_settle_carries_its_trace():
    with pytest.raises(ConvergenceError, match="did not settle in 3 steps") as caught:
        between.root_between(lambda t: (0.3 - t, 0.0), 0.0, 1.0, max_iterations=3)
    assert len(caught.value.trace) == 4


def test_very_unequal_variances_are_noted():
    data = effects()
    data.loc[0, "vi"] = 1e8
    assert any("may be unstable" in note for note in pool(data).notes)


def test_a_knapp_hartung_interval_that_is_too_narrow_is_noted():
    data = pd.DataFrame({"yi": [0.1, 0.12, 0.09, 0.11], "vi": [0.1, 0.2, 0.1, 0.3]})
    fit = pool(data)
    assert fit.dispersion < 1
    assert any("narrower" in note for note in fit.notes)
    assert pool(data, test="adhoc").dispersion == 1.0


def test_a_centred_moderator_is_centred_alike_in_predictions():
    data = effects()
    fit = pool(data, "~ I(age - mean(age)) + sqrt(vi)")
    mean = data["age"].mean()
    by_hand = pool(data.assign(a=data["age"] - mean, s=np.sqrt(data["vi"])), "~ a + s")
    np.testing.assert_allclose(fit.coefficients, by_hand.coefficients, rtol=1e-9)
    new = pd.DataFrame({"age": [60.0, 60.0, 70.0], "vi": [0.1, 0.2, 0.1]})
    shifted = pd.DataFrame({"a": new["age"] - mean, "s": np.sqrt(new["vi"])})
    np.testing.assert_allclose(fit.predict(new), by_hand.predict(shifted), rtol=1e-9)


def test_numbers_become_a_factor_on_request():
    data = effects().assign(grade=[1, 2, 3, 2] * 5)
    assert pool(data, "~ factor(grade)").names == ("intrcpt", "factor(grade)2", "factor(grade)3")
    assert pool(data, "~ grade").names == ("intrcpt", "grade")


def test_columns_with_a_dot_in_their_name_are_found():
    data = effects().rename(columns={"age": "mean.age"})
    assert pool(data, "~ `mean.age`").names == ("intrcpt", "mean.age")


def test_a_power_is_a_power_also_of_whole_numbers():
    # Python's ^ on integers is the exclusive or of bits: 3^2 would be 1.
    data = effects().assign(dose=np.arange(20) % 5)
    data["squared"] = data["dose"] ** 2
    fit = pool(data, "~ dose + I(dose^2)")
    assert fit.names == ("intrcpt", "dose", "I(dose^2)")
    np.testing.assert_allclose(fit.coefficients, pool(data, "~ dose + squared").coefficients)


@pytest.mark.parametrize(
    "written, plain",
    [
        ("~ scale(age)", "~ I((age - mean(age)) / sd(age))"),
        ("~ center(age)", "~ I(age - mean(age))"),
        ("~ scale(age, scale=FALSE)", "~ I(age - mean(age))"),
        ("~ as.factor(site)", "~ site"),
        ("~ relevel(site, ref='spine')", "~ C(site, contr.treatment(base='spine'))"),
        ("~ poly(age, 2)", "~ age + I(age^2)"),
    ],
)
def test_words_of_r_formulas_are_understood(written, plain):
    data = effects()
    one, other = pool(data, written), pool(data, plain)
    np.testing.assert_allclose(one.fitted, other.fitted, rtol=1e-9)
    new = data.iloc[[3, 5]]
    np.testing.assert_allclose(one.predict(new), other.predict(new), rtol=1e-8)


@pytest.mark.parametrize("mods", ["yi ~ age", "~ age | site"])
def test_a_formula_with_more_than_moderators_is_refused(mods):
    with pytest.raises(InputError, match="mods names the moderators alone"):
        pool(effects(), mods)


def test_moderators_in_a_list_are_refused():
    with pytest.raises(InputError, match=r"mods must be a formula such as .* got list"):
        pool(effects(), ["age"])


@pytest.mark.parametrize("column, factor", [("yi", 1e150), ("vi", 1e-300), ("vi", 1e200)])
def test_numbers_beyond_the_range_of_floats_are_refused_with_their_row(column, factor):
    data = effects()
    data.loc[4, column] *= factor
    with pytest.raises(InputError, match=rf"column '{column}' has .* in row 4, too large or too"):
        pool(data)


def test_equal_effects_on_the_model_need_no_root_of_a_negative_number():
    data = effects().assign(yi=0.3)
    assert pool(data, "~ age", test="z").tau2 == 0.0


def test_r2_of_equal_effects_with_weights_is_that_of_the_weighted_line():
    data = effects()
    fit = pool(data, "~ age", method="EE", weights="n")
    w, y = data["n"], data["yi"]
    rss = np.sum(
        w * (y - np.polyval(np.polyfit(data["age"], y, 1, w=np.sqrt(w)), data["age"])) ** 2
    )
    total = np.sum(w * (y - np.average(y, weights=w)) ** 2)
    assert fit.r2 == pytest.approx(100 * (1 - (rss / 18) / (total / 19)))


@pytest.mark.parametrize("method", ["DL", "HE", "HS", "HSk", "SJ", "PM", "REML", "GENQ"])
def test_the_error_of_a_known_tau2_is_that_of_its_estimator(method):
    data = effects()
    weights = "n" if method == "GENQ" else None
    estimated = pool(data, method=method, weights=weights)
    known = pool(data, method=method, weights=weights, tau2=estimated.tau2)
    assert known.components[0].std_error == pytest.approx(estimated.components[0].std_error)
