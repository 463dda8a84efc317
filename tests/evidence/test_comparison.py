"""Contrasts, nested models, information criteria and collinearity."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import (
    contrast_test,
    information_criteria,
    likelihood_ratio,
    multilevel,
    pool,
    vif,
)

BCG = "~ factor(alloc) + ablat + year"


def effects(k=24, seed=2):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.2, k)
    age = rng.uniform(50, 80, k)
    return pd.DataFrame(
        {
            "yi": rng.normal(0.02 * (age - 65), np.sqrt(v + 0.05)),
            "vi": v,
            "age": age,
            "site": np.array(["hip", "spine", "radius"])[np.arange(k) % 3],
        }
    )


@pytest.mark.parametrize("case", cases("anova.wald", "btt"))
def test_a_term_is_tested_as_in_metafor(case):
    found = contrast_test(pool(table(case), BCG, test="z"), ["factor(alloc)"])
    df, p = found.statistic_df[0], found.p_value
    check(case, {"QM": found.statistic, "QM_df": df, "QMp": p})


@pytest.mark.parametrize("case", cases("anova.wald", "contrasts"))
def test_contrasts_are_tested_as_in_metafor(case):
    found = contrast_test(pool(table(case), BCG, test="z"), [[0, 1, -1, 0, 0], [0, 0, 0, 1, 0]])
    check(
        case,
        {
            "est": found.estimates,
            "se": found.std_errors,
            "stat": found.statistics,
            "pval": found.p_values,
            "QM": found.statistic,
            "QM_df": found.statistic_df[0],
            "QMp": found.p_value,
        },
    )


@pytest.mark.parametrize("case", cases("anova.lrt", "bcg"))
def test_nested_models_are_compared_as_in_metafor(case):
    data, method = table(case), case["options"]["method"]
    if "ablat" in case["id"]:
        full, reduced = pool(data, "~ ablat", method=method), pool(data, method=method)
    else:
        full, reduced = pool(data, "~ ablat"), pool(data, "~ ablat", method="EE")
    found = likelihood_ratio(full, reduced)
    got = {
        "LRT": found.statistic,
        "pval": found.p_value,
        "ll_full": found.log_likelihood,
        "ll_reduced": found.log_likelihood_reduced,
    }
    if "R2" in case["expected"]:
        got["R2"] = found.r2
    check(case, got)


@pytest.mark.parametrize("case", cases("vif", "^vif_"))
def test_inflation_agrees_with_metafor(case):
    found = vif(pool(table(case), case["options"]["formula"], test="z"))
    check(case, {"names": list(found.index), "vif": found["vif"], "sif": found["sif"]})


@pytest.mark.parametrize("case", cases("vif", "gvif"))
def test_generalised_inflation_agrees_with_metafor(case):
    fit = pool(table(case), BCG, test="z")
    single, grouped = vif(fit), vif(fit, by="term").loc["factor(alloc)"]
    check(
        case,
        {
            "gvif": grouped["vif"],
            "gsif": grouped["sif"],
            "single_names": list(single.index),
            "single": single["vif"],
        },
    )


RANDOM = {
    "konst": "district/school",
    "paper": "study/es",
    "kalaian": "study/id",
}
MODERATORS = {
    "mv_vif_paper_3l_mods": "~ outcome + muscle + mean_age",
    "mv_vif_paper_3l_studymods": "~ outcome + comparison + modality + mean_age + female_pct",
    "mv_vif_kalaian_3l_hrs": "~ outcome + hrs",
}


def random_of(case):
    return next(term for name, term in RANDOM.items() if name in case["id"])


@pytest.mark.parametrize("case", cases("vif", "mv_vif"))
def test_inflation_in_multilevel_models_agrees_with_metafor(case):
    fit = multilevel(table(case), MODERATORS[case["id"]], random=random_of(case))
    found = vif(fit)
    check(case, {"names": list(found.index), "vif": found["vif"]})


@pytest.mark.parametrize("case", cases("anova.lrt", "_drop_"))
def test_dropping_a_variance_component_is_tested_as_in_metafor(case):
    data, random = table(case), random_of(case)
    data["row"] = np.arange(len(data))
    kept = random.partition("/")[0] if "within" in case["id"] else "row"
    full, reduced = (multilevel(data, random=term) for term in (random, kept))
    found = likelihood_ratio(full, reduced)
    check(
        case,
        {
            "LRT": found.statistic,
            "df": found.df,
            "pval": found.p_value,
            "ll_full": found.log_likelihood,
            "ll_reduced": found.log_likelihood_reduced,
        },
    )


def test_one_coefficient_tested_alone_is_its_own_row_of_the_table():
    fit = pool(effects(), "~ age + site")
    found = contrast_test(fit, ["age"])
    assert found.p_value == pytest.approx(fit.p_values[1], rel=1e-10)
    assert found.statistic == pytest.approx(fit.statistics[1] ** 2)
    assert found.statistic_df == (1, 20.0)


def test_the_omnibus_test_is_the_contrast_of_all_moderators():
    fit = pool(effects(), "~ age + site")
    found = contrast_test(fit, ["age", "site"])
    assert (found.statistic, found.statistic_df) == (pytest.approx(fit.qm), fit.qm_df)


def test_a_contrast_that_repeats_others_counts_once():
    fit = pool(effects(), "~ 0 + site", test="z")
    pairs = [[1, -1, 0], [1, 0, -1], [0, 1, -1]]
    found = contrast_test(fit, pairs)
    assert found.statistic_df == (2, np.inf)
    assert found.statistic == pytest.approx(contrast_test(fit, pairs[:2]).statistic)
    assert found.names[0] == "sitehip - siteradius"


def test_a_hypothesis_other_than_zero_moves_the_statistic_only():
    fit = pool(effects(), test="z")
    found = contrast_test(fit, ["intrcpt"], rhs=fit.coefficients[0])
    assert found.statistic == pytest.approx(0.0)
    assert found.ci_lower[0] == pytest.approx(fit.ci_lower[0])


def test_a_larger_model_is_never_less_likely():
    for seed in range(10):
        data = effects(seed=seed)
        full, reduced = (pool(data, mods, method="ML") for mods in ("~ age + site", "~ age"))
        found = likelihood_ratio(full, reduced)
        assert found.statistic >= 0
        assert found.df == 2


def test_a_variance_on_the_boundary_is_noted():
    data = effects()
    found = likelihood_ratio(pool(data), pool(data, method="EE"))
    assert "boundary" in found.notes[0]
    assert np.isnan(found.r2)


def test_criteria_of_several_models_stand_in_one_table():
    data = effects()
    fits = [pool(data, mods, method="ML") for mods in (None, "~ age", "~ site")]
    found = information_criteria(*fits)
    assert list(found["aic"]) == [fit.aic for fit in fits]
    assert found["delta_aicc"].min() == 0.0
    assert found["model"][1] == "Mixed-Effects Model, ~ age"


def test_uncorrelated_moderators_do_not_inflate_each_other():
    data = pd.DataFrame(
        {"yi": [0.1, 0.4, 0.2, 0.9, 0.3, 0.5, 0.2, 0.7], "vi": 0.1, "a": [0, 0, 1, 1] * 2}
    ).assign(b=[0, 1] * 4)
    np.testing.assert_allclose(vif(pool(data, "~ a + b"))["vif"], 1.0)


def test_models_that_cannot_be_compared_are_refused():
    data = effects()
    null, age = pool(data), pool(data, "~ age")
    with pytest.raises(InputError, match="refit both with method='ML'"):
        likelihood_ratio(age, null)
    with pytest.raises(InputError, match="refit all with method='ML'"):
        information_criteria(age, null)
    with pytest.raises(InputError, match="same effects; got 24 and 20"):
        likelihood_ratio(null, pool(data.head(20)))
    with pytest.raises(InputError, match="both by REML; got DL and DL"):
        likelihood_ratio(pool(data, "~ age", method="DL"), pool(data, method="DL"))
    with pytest.raises(InputError, match="more parameters than the second"):
        likelihood_ratio(null, null)
    with pytest.raises(InputError, match="got none"):
        information_criteria()


def test_unknown_terms_are_refused():
    fit = pool(effects(), "~ age")
    with pytest.raises(InputError, match="no coefficient or term named 'sex'"):
        contrast_test(fit, ["sex"])
    with pytest.raises(InputError, match="rows of 2 numbers"):
        contrast_test(fit, [[1, 0, 0]])
    with pytest.raises(InputError, match="without moderators"):
        vif(pool(effects()))
    with pytest.raises(InputError, match="'coefficient' or 'term'"):
        vif(fit, by="factor")
