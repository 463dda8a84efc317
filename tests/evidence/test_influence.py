"""What single effects and clusters do to a fit: deletion, accumulation, subsets, residuals."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import (
    baujat,
    blup,
    cluster_influence,
    cumulative,
    gosh,
    influence,
    leave_one_out,
    multilevel,
    pool,
    radial,
    random_effects,
    standardized_residuals,
)


def effects(k=12, seed=4):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.3, k)
    return pd.DataFrame(
        {
            "yi": rng.normal(0.3, np.sqrt(v + 0.08)),
            "vi": v,
            "age": rng.uniform(50, 80, k),
            "year": rng.integers(2000, 2020, k),
            "study": np.arange(k) // 3,
        },
        index=[f"effect {i}" for i in range(k)],
    )


def fit_of(case):
    options = case["options"]
    return pool(table(case), options.get("formula"), method=options["method"], test="z")


def many(fits):
    table = fits.to_frame()
    names = {"estimate": "estimate", "std_error": "se", "statistic": "stat", "p_value": "pval"}
    names |= {"ci_lower": "ci_lb", "ci_upper": "ci_ub", "q": "Q", "q_p": "Qp", "tau2": "tau2"}
    names |= {"i2": "I2", "h2": "H2"}
    return {theirs: table[ours] for ours, theirs in names.items()}


@pytest.mark.parametrize("case", cases("influence"))
def test_case_statistics_agree_with_metafor(case):
    result = influence(fit_of(case))
    names = {"cov_ratio": "cov_r", "tau2_deleted": "tau2_del", "q_deleted": "QE_del"}
    got = {names.get(n, n): list(c) for n, c in result.statistics.items() if n != "influential"}
    got["dfbetas"] = {name: list(column) for name, column in result.dfbetas.items()}
    check(case, got | {"is_infl": list(result.statistics["influential"])})


@pytest.mark.parametrize("case", cases("residuals"))
def test_residuals_and_predictions_agree_with_metafor(case):
    fit = fit_of(case)
    names = {"estimate": "pred", "std_error": "se", "pi_lower": "pi_lb", "pi_upper": "pi_ub"}
    deviations = random_effects(fit)[["estimate", "std_error"]]
    check(
        case,
        {
            "rstandard": dict(standardized_residuals(fit, "internal")),
            "rstudent": dict(standardized_residuals(fit)),
            "blup": dict(blup(fit).rename(columns=names)),
            "ranef": dict(deviations.rename(columns=names)),
        },
    )


@pytest.mark.parametrize("case", cases("leave1out"))
def test_leaving_one_out_agrees_with_metafor(case):
    check(case, many(leave_one_out(fit_of(case))))


@pytest.mark.parametrize("case", cases("cumul"))
def test_accumulating_agrees_with_metafor(case):
    got = many(cumulative(fit_of(case), case["options"].get("order")))
    check(case, {name: values for name, values in got.items() if name in case["expected"]})


@pytest.mark.parametrize("case", cases("baujat"))
def test_baujat_coordinates_agree_with_metafor(case):
    check(case, dict(baujat(fit_of(case))))


@pytest.mark.parametrize("case", cases("radial"))
def test_radial_coordinates_agree_with_metafor(case):
    check(case, dict(radial(fit_of(case))))


@pytest.mark.parametrize("case", cases("gosh"))
def test_all_subsets_agree_with_metafor(case):
    drawn = gosh(fit_of(case))
    frame = drawn.to_frame()
    got = {"mask": list(frame.index), "estimate": frame["estimate"], "QE": frame["q"]}
    check(case, got | {"I2": frame["i2"], "tau2": frame["tau2"]})
    assert drawn.exact


def test_two_equal_effects_by_hand():
    # Equal weights: hat 1/2 each; without one, the other alone remains.
    fit = pool(pd.DataFrame({"yi": [0.0, 2.0], "vi": [1.0, 1.0]}), method="EE", test="z")
    statistics = influence(fit).statistics
    assert list(statistics["hat"]) == [0.5, 0.5]
    assert list(statistics["rstudent"]) == pytest.approx([-(2**0.5), 2**0.5])
    assert list(statistics["cook_d"]) == pytest.approx([2.0, 2.0])
    assert list(statistics["cov_ratio"]) == pytest.approx([2.0, 2.0])
    assert list(statistics["weight"]) == [50.0, 50.0]
    assert list(leave_one_out(fit).coefficients[:, 0]) == pytest.approx([2.0, 0.0])


def test_influence_under_knapp_hartung_agrees_with_metafor_3_8_1():
    # influence(rma(yi, vi, mods = ~ ablat, method = "DL", test = "knha")) of dat.bcg's log RR.
    table = bcg()
    result = influence(pool(table, "~ ablat", method="DL", test="knha"))
    first = result.to_frame().iloc[0]
    expected = {
        "rstudent": 0.1847377257,
        "dffits": 0.0466248156,
        "cook_d": 0.0024874421,
        "cov_ratio": 1.3133716216,
        "tau2_deleted": 0.0673831583,
        "hat": 0.0450313553,
        "weight": 2.5746690953,
        "dfbetas_intrcpt": -0.0016946922,
        "dfbetas_ablat": 0.0218114283,
    }
    # Ten digits printed.
    assert first[list(expected)].to_dict() == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_influence_under_user_weights_agrees_with_metafor_3_8_1():
    # The same with weights = 1:13, test = "z".
    fit = pool(bcg(), "~ ablat", method="DL", test="z", weights=np.arange(1.0, 14.0))
    seventh = influence(fit).to_frame().iloc[6]
    assert seventh["rstudent"] == pytest.approx(-2.9435901543, rel=1e-8)
    assert seventh["dffits"] == pytest.approx(-1.5736979506, rel=1e-8)
    assert seventh["cook_d"] == pytest.approx(2.4499187031, rel=1e-8)
    assert seventh["dfbetas_ablat"] == pytest.approx(1.3249320939, rel=1e-8)
    assert seventh["influential"]


def bcg():
    """dat.bcg (metadat 1.2-0): tuberculosis in the vaccinated and the others, and the latitude."""
    tpos = np.array([4, 6, 3, 62, 33, 180, 8, 505, 29, 17, 186, 5, 27.0])
    tneg = np.array(
        [119, 300, 228, 13536, 5036, 1361, 2537, 87886, 7470, 1699, 50448, 2493, 16886.0]
    )
    cpos = np.array([11, 29, 11, 248, 47, 372, 10, 499, 45, 65, 141, 3, 29.0])
    cneg = np.array([128, 274, 209, 12619, 5761, 1079, 619, 87892, 7232, 1600, 27197, 2338, 17825])
    latitude = [44, 55, 42, 52, 13, 44, 19, 13, 27, 42, 18, 33, 33]
    treated, control = tpos + tneg, cpos + cneg
    return pd.DataFrame(
        {
            "yi": np.log(tpos / treated / (cpos / control)),
            "vi": 1 / tpos - 1 / treated + 1 / cpos - 1 / control,
            "ablat": latitude,
        }
    )


@pytest.mark.parametrize("method", ["DL", "REML"])
def test_leaving_out_a_cluster_is_pooling_the_others(method):
    data = effects()
    fit = pool(data, "~ age", method=method)
    fits = leave_one_out(fit, "study")
    others = pool(data[data["study"] != 2], "~ age", method=method)
    row = list(fits.index).index(2)
    np.testing.assert_allclose(fits.coefficients[row], others.coefficients, rtol=1e-8)
    np.testing.assert_allclose(fits.p_values[row], others.p_values, rtol=1e-7)


def test_influence_does_not_depend_on_the_order_of_rows():
    data = effects()
    turned = influence(pool(data.iloc[::-1])).statistics.loc[data.index]
    pd.testing.assert_frame_equal(influence(pool(data)).statistics, turned, rtol=1e-7)


def test_standardised_statistics_do_not_depend_on_the_unit():
    data = effects()
    scaled = data.assign(yi=data["yi"] * 100, vi=data["vi"] * 1e4)
    ours, theirs = influence(pool(data)).statistics, influence(pool(scaled)).statistics
    for name in ("rstudent", "dffits", "cook_d", "cov_ratio", "hat"):
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)


def test_a_multilevel_model_without_each_study_is_its_refit():
    data = effects()
    fit = multilevel(data, "~ age")
    fits = leave_one_out(fit, "study")
    again = multilevel(data[data["study"] != 1], "~ age")
    np.testing.assert_allclose(fits.coefficients[1], again.coefficients, rtol=1e-6)
    np.testing.assert_allclose(
        fits.coefficients, cluster_influence(fit, "study").coefficients, rtol=1e-5
    )


def test_a_deletion_that_empties_a_moderator_is_nan_and_the_rest_stands():
    data = effects().assign(rare=[1.0] + [0.0] * 11)
    result = influence(pool(data, "~ rare"))
    assert result.statistics["cook_d"].isna().tolist() == [True] + [False] * 11


def test_a_known_tau2_stays_known_in_every_refit():
    fits = leave_one_out(pool(effects(), tau2=0.05))
    assert (fits.tau2 == 0.05).all()


def test_the_first_step_of_an_accumulation_is_its_first_effect():
    data = effects()
    fits = cumulative(pool(data, test="z"), "year")
    first = data.sort_values("year", kind="stable").iloc[0]
    assert fits.coefficients[0, 0] == pytest.approx(first["yi"])
    assert fits.tau2[0] == 0
    last = pool(data, test="z")
    assert fits.coefficients[-1, 0] == pytest.approx(last.coefficients[0], rel=1e-8)


def test_drawn_subsets_are_pooled_like_the_effects_they_hold():
    data = effects(30)
    drawn = gosh(pool(data), subsets=200, rng=np.random.default_rng(0))
    assert not drawn.exact
    some = drawn.included[17]
    alone = pool(data[some])
    assert drawn.fits.coefficients[17, 0] == pytest.approx(alone.coefficients[0], rel=1e-7)
    assert drawn.to_frame().index[17] == sum(1 << i for i in np.flatnonzero(some))


def test_predicted_study_effects_lie_between_the_study_and_the_mean():
    fit = pool(effects())
    between = (blup(fit)["estimate"] - fit.effects) * (blup(fit)["estimate"] - fit.fitted)
    assert (between <= 0).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: influence(multilevel(effects())), "cluster_influence"),
        (lambda: leave_one_out(pool(effects()), "site"), "no column 'site'"),
        (lambda: cumulative(pool(effects()), "month"), "no column 'month'"),
        (lambda: gosh(pool(effects(30))), "default_rng"),
        (lambda: gosh(pool(effects()), subsets=0), "at least one subset"),
        (lambda: standardized_residuals(pool(effects()), "raw"), "'internal' or 'external'"),
        (lambda: influence(pool(effects(), method="SJIT")), "no batched form"),
    ],
)
def test_what_cannot_be_done_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()


@pytest.mark.parametrize("test", ["t", "knha"])
def test_one_effect_alone_is_tested_as_normal(test):
    data = pd.DataFrame({"yi": [0.2, 0.5, 0.4], "vi": [0.04, 0.1, 0.2]})
    first = cumulative(pool(data, test=test)).to_frame().iloc[0]
    assert first["std_error"] == pytest.approx(0.2)
    assert first["p_value"] == pytest.approx(0.3173105)  # two-sided, z = 1


def test_heterogeneity_is_not_estimated_from_as_many_effects_as_coefficients():
    data = pd.DataFrame({"yi": [0.2, 0.5, 0.4], "vi": [0.04, 0.1, 0.2], "x": [1.0, 2.0, 4.0]})
    assert leave_one_out(pool(data, "~ x", test="z")).to_frame()["tau2"].isna().all()
    fixed = leave_one_out(pool(data, "~ x", method="EE")).to_frame()
    assert fixed["estimate_x"].notna().all()
