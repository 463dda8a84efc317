"""Heterogeneity that depends on moderators."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence import location_scale, pool


def effects(k=60):
    rng = np.random.default_rng(6)
    v, group = rng.uniform(0.02, 0.1, k), np.arange(k) % 2
    y = rng.normal(0.2, np.sqrt(v + np.where(group, 0.4, 0.1)))
    return pd.DataFrame({"yi": y, "vi": v, "group": group, "arm": np.array(["a", "b"])[group]})


@pytest.mark.parametrize("case", cases("rma.ls"))
def test_location_and_scale_agree_with_metafor(case):
    data = table(case)
    if "ni" in data:
        data["ni"] = data["ni"] / 100
    found = location_scale(data, case["options"]["mods"], scale=case["options"]["scale"])
    check(
        case,
        {
            "b": found.coefficients,
            "se": np.sqrt(np.diag(found.covariance)),
            "alpha": found.scale_coefficients,
            "ll_REML": found.log_likelihood,
            "QM": found.qm,
        },
    )
    # metafor's scale information comes from a numerical Hessian of the likelihood.
    errors = np.sqrt(np.diag(found.scale_covariance))
    check(case, {"se_alpha": errors, "QS": found.qs}, rtol=1e-2)


def test_with_an_intercept_alone_the_scale_is_the_log_of_tau2():
    data = effects()
    for method in ("REML", "ML"):
        found = location_scale(data, scale="~ 1", method=method)
        fit = pool(data, method=method, test="z")
        assert np.exp(found.scale_coefficients[0]) == pytest.approx(fit.tau2, rel=1e-7)
        assert found.log_likelihood == pytest.approx(fit.log_likelihood, rel=1e-12)


def test_groups_that_share_nothing_are_fitted_as_if_alone():
    data = effects()
    found = location_scale(data, "~ 0 + arm", scale="~ 0 + arm", method="ML")
    for j, arm in enumerate("ab"):
        alone = pool(data[data["arm"] == arm], method="ML", test="z")
        assert np.exp(found.scale_coefficients[j]) == pytest.approx(alone.tau2, rel=1e-7)
        assert found.coefficients[j] == pytest.approx(alone.coefficients[0], rel=1e-8)


def test_the_unit_of_a_scale_moderator_does_not_matter():
    data = effects().assign(large=lambda d: 1e4 * d["group"])
    one, other = (location_scale(data, scale=f"~ {name}") for name in ("group", "large"))
    assert 1e4 * other.scale_coefficients[1] == pytest.approx(one.scale_coefficients[1], rel=1e-6)
    assert other.qs == pytest.approx(one.qs, rel=1e-6)


def test_a_heterogeneity_of_zero_in_one_group_has_no_finite_scale():
    data = effects()
    data.loc[data["arm"] == "a", "yi"] = 0.2
    with pytest.raises(ConvergenceError, match="tau2 may be zero") as caught:
        location_scale(data, scale="~ arm")
    assert caught.value.trace


def test_another_estimator_is_refused():
    with pytest.raises(InputError, match="'REML' or 'ML'; got 'DL'"):
        location_scale(effects(), scale="~ arm", method="DL")
