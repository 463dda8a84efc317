"""What a fit can say about itself."""

import json

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.evidence import pool


def effects(k=18):
    rng = np.random.default_rng(11)
    v = rng.uniform(0.02, 0.2, k)
    age = rng.uniform(50, 80, k)
    site = np.array(["hip", "spine"])[np.arange(k) % 2]
    y = rng.normal(0.02 * (age - 65), np.sqrt(v + 0.05))
    return pd.DataFrame({"yi": y, "vi": v, "age": age, "site": site})


def test_the_summary_reads_like_metafors():
    text = pool(effects(), "~ age + site").summary()
    for line in (
        "Mixed-Effects Model (k = 18; heterogeneity estimator: REML)",
        "tau^2 (estimated residual heterogeneity):",
        "Test for Residual Heterogeneity:\nQ(df = 15) = ",
        "Test of Moderators:\nF(df1 = 2, df2 = 15) = ",
        "Signif. codes:",
    ):
        assert line in text
    assert all(len(line) < 100 for line in text.splitlines())


def test_an_equal_effects_summary_has_no_tau2():
    text = pool(effects(), method="EE").summary()
    assert text.startswith("Equal-Effects Model (k = 18)")
    assert "tau^2" not in text


def test_the_answer_goes_through_json_unharmed():
    fit = pool(effects(), test="z")
    back = json.loads(json.dumps(fit.to_dict(), allow_nan=False))
    assert back["tau2"] == fit.tau2
    assert back["r2"] is None
    assert back["table"][0]["estimate"] == fit.coefficients[0]


def test_the_html_carries_the_table_and_escapes_names():
    fit = pool(effects().assign(site=["<b>", "c"] * 9), "~ site")
    html = fit._repr_html_()
    assert "<table" in html
    assert "<b>Mixed-Effects" in html


def test_a_fit_cannot_be_changed():
    with pytest.raises(AttributeError):
        pool(effects()).tau2 = 0.0


def test_predictions_without_new_data_are_the_pooled_effect_or_the_fitted_values():
    one = pool(effects()).predict()
    assert one.shape == (1, 6)
    fit = pool(effects(), "~ age")
    np.testing.assert_allclose(fit.predict()["estimate"], fit.fitted)


def test_predictions_by_formula_and_by_matrix_agree():
    fit = pool(effects(), "~ age * site")
    new = pd.DataFrame({"age": [60.0, 70.0], "site": ["spine", "hip"]})
    rows = [[1, 60, 1, 60], [1, 70, 0, 0]]
    assert fit.names == ("intrcpt", "age", "sitespine", "age:sitespine")
    order = [fit.names.index(n) for n in ("intrcpt", "age", "sitespine", "age:sitespine")]
    by_matrix = fit.predict(np.array(rows, float)[:, order])
    np.testing.assert_allclose(fit.predict(new), by_matrix, rtol=1e-10)


def test_prediction_intervals_widen_from_normal_to_t_to_riley():
    fit = pool(effects())
    widths = [
        fit.predict(interval=name).eval("pi_upper - pi_lower").iloc[0]
        for name in ("normal", "t", "riley")
    ]
    assert widths == sorted(widths)


def test_equal_effects_have_no_prediction_interval():
    assert np.isnan(pool(effects(), method="EE").predict()["pi_lower"].iloc[0])


@pytest.mark.parametrize(
    ("new", "options", "message"),
    [
        (pd.DataFrame({"age": [60.0]}), {}, "no column 'site'"),
        (pd.DataFrame({"age": [60.0], "site": ["wrist"]}), {}, "cannot be coded"),
        (pd.DataFrame({"age": [np.nan], "site": ["hip"]}), {}, "no usable value of 'age'"),
        ([[1.0, 2.0]], {}, "wants 3 columns"),
        (None, {"interval": "bayes"}, "no prediction interval named 'bayes'"),
        (None, {"level": 95}, "between 0 and 1"),
    ],
)
def test_predictions_that_cannot_be_made_are_refused(new, options, message):
    with pytest.raises(InputError, match=message):
        pool(effects(), "~ age + site").predict(new, **options)
