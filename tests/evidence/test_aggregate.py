"""From several effects of a study to one, and the funnel."""

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.evidence import aggregate_effects, funnel_data, pool, sampling_covariance


def effects():
    return pd.DataFrame(
        {
            "study": ["b", "b", "a", "a", "a"],
            "yi": [0.2, 0.4, 1.0, 2.0, 3.0],
            "vi": [0.1, 0.1, 0.2, 0.3, 0.4],
            "age": [60.0, 70.0, 50.0, 50.0, 53.0],
            "country": ["CN", "CN", "DE", "DE", "FR"],
        }
    )


def test_two_equal_variances_by_hand():
    # Mean of two effects with variance v and correlation rho: v (1 + rho) / 2.
    table = aggregate_effects(effects(), "study", rho=0.6)
    assert table.loc["b", "yi"] == pytest.approx(0.3)
    assert table.loc["b", "vi"] == pytest.approx(0.1 * 1.6 / 2)
    assert list(table.index) == ["b", "a"]
    assert list(table["n_effects"]) == [2, 3]


def test_the_weighted_mean_is_generalised_least_squares():
    table = aggregate_effects(effects(), "study", rho=0.5)
    v = np.array([0.2, 0.3, 0.4])
    V = 0.5 * np.sqrt(np.outer(v, v)) + 0.5 * np.diag(v)
    w = np.linalg.solve(V, np.ones(3))
    assert table.loc["a", "yi"] == pytest.approx(w @ [1.0, 2.0, 3.0] / w.sum())
    assert table.loc["a", "vi"] == pytest.approx(1 / w.sum())


def test_metafor_3_8_1_aggregates_konstantopoulos_alike():
    # aggregate(dat.konstantopoulos2011, cluster = district, struct = "CS", rho = 0.6), district 11,
    # and the same with weighted = FALSE.
    district = pd.DataFrame(
        {"district": 11, "yi": [-0.18, -0.22, 0.23, -0.30], "vi": [0.118, 0.118, 0.144, 0.144]}
    )
    weighted = aggregate_effects(district, "district", rho=0.6).iloc[0]
    plain = aggregate_effects(district, "district", rho=0.6, weighted=False).iloc[0]
    assert weighted["yi"] == pytest.approx(-0.14977022079328, rel=1e-12)
    assert weighted["vi"] == pytest.approx(0.08947200797287, rel=1e-11)
    assert plain["yi"] == pytest.approx(-0.1175, rel=1e-12)
    assert plain["vi"] == pytest.approx(0.09150600976832, rel=1e-11)


@pytest.mark.parametrize("weighted", [True, False])
def test_a_covariance_of_constant_correlation_is_rho(weighted):
    table = effects()
    V = sampling_covariance(table, cluster="study", rho=0.4)
    by_V = aggregate_effects(table, "study", V=V, weighted=weighted)
    by_matrix = aggregate_effects(table, "study", V=V.to_array(), weighted=weighted)
    by_rho = aggregate_effects(table, "study", rho=0.4, weighted=weighted)
    pd.testing.assert_frame_equal(by_V, by_rho)
    pd.testing.assert_frame_equal(by_matrix, by_rho)


def test_other_columns_are_averaged_or_kept_where_constant():
    table = aggregate_effects(effects(), "study", rho=0.5)
    assert list(table["age"]) == [65.0, 51.0]
    assert table.loc["b", "country"] == "CN"
    assert pd.isna(table.loc["a", "country"])


def test_rows_may_come_in_any_order_and_missing_ones_drop_out():
    table = effects()
    table.loc[5] = ["a", np.nan, 0.2, 55.0, "DE"]
    turned = aggregate_effects(table.iloc[::-1], "study", rho=0.5)
    straight = aggregate_effects(effects(), "study", rho=0.5)
    np.testing.assert_allclose(turned.loc[["b", "a"], ["yi", "vi"]], straight[["yi", "vi"]])


def test_independent_effects_pool_to_the_same_mean_at_either_level():
    table = effects()
    studies = aggregate_effects(table, "study", rho=0.0)
    one, two = pool(table, method="EE", test="z"), pool(studies, method="EE", test="z")
    assert two.coefficients[0] == pytest.approx(one.coefficients[0])
    assert two.std_errors[0] == pytest.approx(one.std_errors[0])


def test_the_funnel_is_centred_and_its_95_percent_region_is_1_96_wide():
    fit = pool(effects())
    funnel = funnel_data(fit)
    assert funnel.centre == fit.coefficients[0]
    region = funnel.regions.query("level == 0.95")
    assert list(region["std_error"]) == [0, pytest.approx(0.4**0.5)]
    assert region["upper"].iloc[1] - funnel.centre == pytest.approx(1.959964 * 0.4**0.5)
    inside = funnel.points["statistic"].abs() < 1.959964
    assert inside.equals((fit.effects - funnel.centre) ** 2 < 3.841459 * fit.data["vi"])


def test_the_funnel_of_studies_has_a_point_for_each():
    funnel = funnel_data(pool(effects()), cluster="study", rho=0.5)
    want = aggregate_effects(effects(), "study", rho=0.5)
    assert list(funnel.points.index) == ["b", "a"]
    np.testing.assert_allclose(funnel.points["effect"], want["yi"])
    np.testing.assert_allclose(funnel.points["std_error"] ** 2, want["vi"])


def test_the_funnel_of_a_regression_shows_residuals_around_zero():
    fit = pool(effects(), "~ age")
    funnel = funnel_data(fit)
    assert (funnel.centre, funnel.residuals) == (0.0, True)
    np.testing.assert_allclose(funnel.points["effect"], fit.residuals)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "as rho, or V"),
        ({"rho": 0.5, "V": np.eye(5)}, "not both"),
        ({"rho": 1.0}, "below 1"),
        ({"rho": -0.1}, "at least 0"),
    ],
)
def test_an_unusable_correlation_is_refused(options, message):
    with pytest.raises(InputError, match=message):
        aggregate_effects(effects(), "study", **options)


def test_an_unknown_cluster_is_refused():
    with pytest.raises(InputError, match="no column 'lab'"):
        funnel_data(pool(effects()), cluster="lab", rho=0.5)
