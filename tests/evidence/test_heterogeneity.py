"""Intervals of the heterogeneity, and its split by level."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import heterogeneity, multilevel, pool, tau2_interval
from enthesis.evidence.projection import problem as regression

KINDS = {"QP": "Q-profile", "PL": "profile-likelihood"}


def effects(spread=0.2, k=15, seed=4):
    rng = np.random.default_rng(seed)
    v = rng.uniform(0.02, 0.3, k)
    return pd.DataFrame({"yi": rng.normal(0.3, np.sqrt(v + spread)), "vi": v})


@pytest.mark.parametrize("case", cases("confint.tau2"))
def test_bounds_of_tau2_agree_with_metafor(case):
    kind = case["options"]["type"]
    fit = pool(table(case), method=case["options"]["method"], test="z")
    found = tau2_interval(fit, method=KINDS[kind])
    frame = found.to_frame()
    got = {"tau2": frame.loc["tau2"].tolist()}
    if kind == "QP":
        names = {"tau": "tau", "I2": "i2", "H2": "h2"}
        got |= {key: frame.loc[name].tolist() for key, name in names.items()}
        got["null_set"] = found.null_set
    check(case, got)


def test_with_equal_variances_the_q_profile_bounds_have_a_closed_form():
    # Q(t) = RSS / (v + t), so t = RSS / chi2 - v; chi2(9) quantiles 2.700389 and 19.022768.
    y = np.arange(10.0)
    fit = pool(pd.DataFrame({"yi": y, "vi": 0.5}), method="REML")
    found = tau2_interval(fit)
    assert found.tau2.lower == pytest.approx(82.5 / 19.022768 - 0.5, rel=1e-7)
    assert found.tau2.upper == pytest.approx(82.5 / 2.700389 - 0.5, rel=1e-6)


@pytest.mark.parametrize("method", ["Q-profile", "profile-likelihood"])
def test_bounds_scale_with_the_square_of_the_unit(method):
    data = effects()
    scaled = data.assign(yi=10 * data["yi"], vi=100 * data["vi"])
    one, other = (tau2_interval(pool(d), method=method) for d in (data, scaled))
    assert other.tau2.lower == pytest.approx(100 * one.tau2.lower, rel=1e-8)
    assert other.tau2.upper == pytest.approx(100 * one.tau2.upper, rel=1e-8)
    assert other.i2.upper == pytest.approx(one.i2.upper, rel=1e-9)


def test_the_bounds_are_roots_of_the_generalised_q():
    data = effects()
    fit = pool(data)
    found = tau2_interval(fit, level=0.9)
    problem = regression(fit.effects, fit.variances, fit.design)
    # Quantiles of chi-squared with 14 df: 5 % at 6.570631, 95 % at 23.684791.
    assert problem.moments(found.tau2.lower).q == pytest.approx(23.684791, rel=1e-7)
    assert problem.moments(found.tau2.upper).q == pytest.approx(6.570631, rel=1e-7)


def test_effects_that_vary_too_little_have_no_compatible_tau2():
    data = pd.DataFrame({"yi": np.linspace(0.1, 0.1001, 12), "vi": 1.0})
    found = tau2_interval(pool(data, test="z"))
    assert found.null_set
    assert (found.tau2.lower, found.tau2.upper) == (0.0, 0.0)
    assert "less than sampling error alone" in found.notes[0]


def test_an_estimate_outside_its_interval_is_noted():
    v = np.array([40.5, 2.1, 15.3, 190.8, 20.6, 2.0, 0.95, 20.7, 2.0])
    y = np.array([-20.0, -2, -55, -71, -4, 1, 11, -10, -7])
    found = tau2_interval(pool(pd.DataFrame({"yi": y, "vi": v}), method="DL"))
    assert found.tau2.estimate < found.tau2.lower
    assert "outside" in found.notes[0]


def test_i2_of_a_two_level_model_is_that_of_the_fit():
    fit = pool(effects())
    found = heterogeneity(fit)
    assert found.i2_total == pytest.approx(fit.i2)
    assert found.i2 == (pytest.approx(fit.i2),)
    assert found.to_frame()["i2"].sum() == pytest.approx(100)


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("DL", {"method": "profile-likelihood"}, "by ML or REML; this one is by DL"),
        ("REML", {"method": "Wald"}, "no interval named 'Wald'"),
        ("REML", {"level": 95}, "between 0 and 1"),
        ("EE", {}, "has none"),
    ],
)
def test_an_interval_that_cannot_be_had_is_refused(method, options, message):
    with pytest.raises(InputError, match=message):
        tau2_interval(pool(effects(), method=method), **options)


def test_an_equal_effects_model_has_no_heterogeneity_to_split():
    with pytest.raises(InputError, match="no heterogeneity to split"):
        heterogeneity(pool(effects(), method="EE"))


def test_the_summary_prints_bounds_as_metafor_does():
    text = tau2_interval(pool(effects())).summary()
    assert text.startswith("95% interval by Q-profile")
    assert "I^2 (%)" in text


@pytest.mark.parametrize(
    "case", cases("rma.mv", "^mv_(konst_3l|konst_3l_ML|paper_3l|paper_3l_mods|kalaian_3l_hrs)$")
)
def test_i2_by_level_agrees_with_metafor(case):
    options = case["options"]
    random = options["random"].removeprefix("~1|")
    fit = multilevel(table(case), options["mods"], random=random, method=options["method"])
    found = heterogeneity(fit)
    check(
        case,
        {
            "I2_total": found.i2_total,
            "I2_by_level": found.i2,
            "I2_sampling": found.i2_sampling,
            "I2_typical_variance": found.typical_variance,
        },
    )
