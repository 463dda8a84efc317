import json

import numpy as np
import pandas as pd
import pytest
from evidence.robust_pins import PINS, data

from enthesis.errors import InputError
from enthesis.evidence.clusters import Clusters
from enthesis.evidence.multilevel import multilevel
from enthesis.evidence.pool import pool
from enthesis.evidence.robust import contrast, robust
from enthesis.evidence.sampling_covariance import sampling_covariance
from enthesis.evidence.sandwich import Moments, sandwich
from enthesis.evidence.small_sample import saddlepoint, satterthwaite, total_covariance
from enthesis.evidence.tails import two_sided_p

CLOSED_FORM = 1e-9
"""R prints 15 digits and both solve the same p × p and n_j × n_j systems."""

ROUNDING = 1e-10
"""Two orders of the same sums."""

SIZES = (1, 2, 5, 3, 3, 1, 4)


def example(seed=3, p=3):
    """Design, working covariance (compound symmetric by cluster), inverse weights and clusters."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(SIZES)), SIZES)
    k = codes.size
    X = np.column_stack([np.ones(k), rng.normal(size=(k, p - 1))])
    root = np.sqrt(rng.uniform(0.05, 0.3, k))
    same = codes[:, None] == codes
    working = np.where(same, 0.6 * np.outer(root, root) + 0.1, 0.0)
    working[np.diag_indices(k)] = root**2 + 0.15
    return X, working, codes


def taken_from(matrix):
    return lambda rows: matrix[rows[..., :, None], rows[..., None, :]]


def run(X, weights, working, codes, residuals, kind="CR2"):
    clusters = Clusters(codes)
    return sandwich(X, weights @ X, residuals, clusters, taken_from(working), kind=kind)


def residual_root(X, weights, working):
    """R with R R' = covariance of the residuals under the working model, all k × k."""
    k = len(X)
    hat = X @ np.linalg.inv(X.T @ weights @ X) @ X.T @ weights
    return (np.eye(k) - hat) @ np.linalg.cholesky(working)


def studies(seed=5, n=8, size=3):
    rng = np.random.default_rng(seed)
    study = np.repeat([f"s{j}" for j in range(n)], size)
    vi = rng.uniform(0.05, 0.3, n * size)
    yi = 0.4 + np.repeat(rng.normal(0, 0.3, n), size) + rng.normal(0, np.sqrt(vi))
    return pd.DataFrame({"study": study, "yi": yi, "vi": vi, "age": rng.normal(50, 8, n * size)})


# --- by hand ---


def test_equal_clusters_of_equal_effects_give_the_t_test_of_cluster_means():
    yi = [1.0, 2.0, 4.0, 6.0, 5.0, 9.0]
    table = pd.DataFrame({"study": list("aabbcc"), "yi": yi, "vi": 0.5})
    fit = robust(pool(table, method="EE"), "study")
    # Means 1.5, 5, 7: variance 7.75, over three clusters.
    assert fit.coefficients[0] == pytest.approx(4.5)
    assert fit.covariance[0, 0] == pytest.approx(7.75 / 3)
    assert fit.df[0] == pytest.approx(2.0)


# --- theorems ---


@pytest.mark.parametrize("weighting", ["inverse", "ones", "uneven"])
def test_cr2_is_exactly_unbiased_under_the_working_model(weighting):
    X, working, codes = example()
    k = len(X)
    weights = {
        "inverse": np.linalg.inv(working),
        "ones": np.eye(k),
        "uneven": np.diag(np.linspace(1, 3, k)),
    }[weighting]
    # The sandwich is quadratic in the residuals: its mean is the sum over a root's columns.
    roots = residual_root(X, weights, working).T
    mean = sum(run(X, weights, working, codes, column).covariance for column in roots)
    bread = np.linalg.inv(X.T @ weights @ X)
    truth = bread @ X.T @ weights @ working @ weights @ X @ bread
    np.testing.assert_allclose(mean, truth, rtol=ROUNDING, atol=1e-14)
    moments = run(X, weights, working, codes, np.zeros(k)).moments
    np.testing.assert_allclose(total_covariance(moments), truth, rtol=ROUNDING, atol=1e-14)


@pytest.mark.parametrize("kind", ["CR0", "CR2", "CR3"])
def test_satterthwaite_df_equal_those_of_the_whole_n_by_n_quadratic_form(kind):
    X, working, codes = example()
    weights = np.diag(np.linspace(1, 2, len(X)))
    root = residual_root(X, weights, working)
    forms = [run(X, weights, working, codes, column, kind).covariance for column in root.T]
    got = satterthwaite(run(X, weights, working, codes, root[:, 0], kind).moments)
    trace = np.sum([np.diag(form) for form in forms], axis=0)
    # tr(QQ) of the quadratic form by polarisation: V(a + b) - V(a) - V(b) = 2 a'Qb.
    square = np.zeros(X.shape[1])
    for i, a in enumerate(root.T):
        for j, b in enumerate(root.T):
            both = run(X, weights, working, codes, a + b, kind).covariance
            square += np.diag(both - forms[i] - forms[j]) ** 2 / 4
    np.testing.assert_allclose(got, trace**2 / square, rtol=1e-8)


def test_a_cluster_per_effect_is_hc0_hc2_and_hc3():
    table = studies()
    fit = pool(table, "~ age", method="EE")
    w = 1 / table["vi"].to_numpy()
    bread = np.linalg.inv(fit.design.T @ (w[:, None] * fit.design))
    leverage = np.einsum("ka,ab,kb->k", fit.design, bread, fit.design) * w
    for kind, power in (("CR0", 0), ("CR2", 1), ("CR3", 2)):
        meat = (w * fit.residuals) ** 2 / (1 - leverage) ** power
        expected = bread @ (fit.design.T @ (meat[:, None] * fit.design)) @ bread
        got = robust(fit, np.arange(fit.k), kind=kind).covariance
        np.testing.assert_allclose(got, expected, rtol=ROUNDING)


def test_cr3_is_the_jackknife_over_clusters_around_the_full_estimate():
    table = studies()
    fit = pool(table, "~ age", method="EE")
    left_out = [
        pool(table[table["study"] != s], "~ age", method="EE").coefficients
        for s in table["study"].unique()
    ]
    moved = np.array(left_out) - fit.coefficients
    got = robust(fit, "study", kind="CR3").covariance
    np.testing.assert_allclose(got, moved.T @ moved, rtol=1e-8)


def test_for_a_mean_cr0_is_below_cr2_and_cr2_below_cr3():
    fit = pool(studies())
    cr0, cr2, cr3 = (robust(fit, "study", kind=kind).std_errors for kind in ("CR0", "CR2", "CR3"))
    assert cr0 < cr2 < cr3


def test_row_order_and_cluster_labels_do_not_matter():
    table = studies(n=9)
    shuffled = table.sample(frac=1, random_state=1)
    shuffled["study"] = shuffled["study"].map({f"s{j}": 100 - j for j in range(9)})
    a = robust(pool(table, "~ age", method="DL"), "study")
    b = robust(pool(shuffled, "~ age", method="DL"), "study")
    np.testing.assert_allclose(b.covariance, a.covariance, rtol=ROUNDING)
    np.testing.assert_allclose(b.df, a.df, rtol=ROUNDING)


@pytest.mark.parametrize("unit", [1e-4, 1e4])
def test_the_unit_of_the_effects_scales_standard_errors_and_leaves_df(unit):
    table = studies()
    scaled = table.assign(yi=table["yi"] * unit, vi=table["vi"] * unit**2)
    a = robust(pool(table, "~ age", method="DL"), "study")
    b = robust(pool(scaled, "~ age", method="DL"), "study")
    np.testing.assert_allclose(b.std_errors, unit * a.std_errors, rtol=1e-8)
    np.testing.assert_allclose(b.df, a.df, rtol=1e-8)


def test_coefficients_that_absorb_whole_clusters_leave_the_others_estimable():
    table = studies()
    fit = pool(table, "~ study + age - 1", method="EE")
    result = robust(fit, "study")
    # Within-study centring is the same regression with the dummies projected out.
    w = 1 / table["vi"]
    centred = table[["yi", "age"]].sub(
        table[["yi", "age"]]
        .mul(w, axis=0)
        .groupby(table["study"])
        .transform("sum")
        .div(w.groupby(table["study"]).transform("sum"), axis=0)
    )
    within = pool(table.assign(**centred), "~ age - 1", method="EE")
    other = robust(within, "study", kind="CR0")
    plain = robust(fit, "study", kind="CR0")
    assert plain.std_errors[-1] == pytest.approx(other.std_errors[-1])
    assert np.isfinite(result.std_errors[-1])
    assert any("absorbed" in note for note in result.notes)


def test_clusters_taken_in_many_stacks_give_the_same_answer(monkeypatch):
    fit = pool(studies(n=30), "~ age")
    whole = robust(fit, "study")
    monkeypatch.setattr("enthesis.evidence.clusters.BLOCK_ENTRIES", 20)
    pieces = robust(fit, "study")
    np.testing.assert_allclose(pieces.covariance, whole.covariance, rtol=ROUNDING)
    np.testing.assert_allclose(pieces.df, whole.df, rtol=ROUNDING)


@pytest.mark.parametrize("t", [0.3, 0.97, 1.5, 4.0])
def test_with_equal_contributions_the_saddlepoint_is_close_to_student_t(t):
    n = 10
    moments = Moments(np.full((n, 1, 1), 1 / n), np.zeros((n, 1, 1)), np.zeros((1, 1)))
    p, _ = saddlepoint(moments, np.array([t]))
    # Lugannani and Rice's formula is an approximation; 7 % is what it gives up in this tail.
    assert p[0] == pytest.approx(two_sided_p(t, n), rel=0.08)


# --- other programs ---


@pytest.mark.parametrize("model", ["pool_dl", "pool_user_weights", "equal_effects"])
@pytest.mark.parametrize("kind", ["CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3"])
def test_models_of_independent_effects_agree_with_clubsandwich(model, kind):
    table = data()
    fit = {
        "pool_dl": lambda: pool(table, "~ age + male", method="DL"),
        "pool_user_weights": lambda: pool(table, "~ age + male", method="DL", weights="weight"),
        "equal_effects": lambda: pool(table, "~ age + male", method="EE"),
    }[model]()
    pin, got = PINS["models"][model][kind], robust(fit, "study", kind=kind)
    np.testing.assert_allclose(got.coefficients, pin["beta"], rtol=CLOSED_FORM)
    np.testing.assert_allclose(got.std_errors, pin["se"], rtol=CLOSED_FORM)
    np.testing.assert_allclose(got.df, pin["df"], rtol=1e-8)
    np.testing.assert_allclose(got.p_values, pin["p"], rtol=1e-8)


def test_contrasts_agree_with_clubsandwich_and_take_names():
    fit = robust(pool(data(), "~ age + male", method="DL"), "study")
    rows = pd.DataFrame(
        {"intrcpt": [1, 1], "age": [50, 60], "male": [0, 0.5]}, index=["at 50", "at 60"]
    )
    got = contrast(fit, rows)
    assert got.names == ("at 50", "at 60")
    for name, pin in zip(
        ("estimate", "std_error", "df", "ci_lower", "ci_upper", "p_value"),
        ("Est", "SE", "df", "CI_L", "CI_U", "p_val"),
        strict=True,
    ):
        expected = [row[pin] for row in PINS["contrasts"]]
        np.testing.assert_allclose(got.to_frame()[name], expected, rtol=1e-8, err_msg=name)
    np.testing.assert_allclose(contrast(fit, rows.to_numpy()).df, got.df)


def test_metafors_robust_is_cr1p_with_clusters_minus_coefficients_df():
    fit = pool(data(), "~ age + male", method="DL")
    got = robust(fit, "study", kind="CR1p", test="naive-tp")
    pin = PINS["metafor_robust"]
    np.testing.assert_allclose(got.std_errors, pin["se"], rtol=CLOSED_FORM)
    np.testing.assert_allclose(got.p_values, pin["p"], rtol=CLOSED_FORM)
    assert set(got.df) == {pin["df"]}


def test_three_levels_with_correlated_sampling_errors_agree_with_clubsandwich():
    table = data()
    V = sampling_covariance(table, cluster="study", rho=0.7)
    fixed = {"study": 0.05, "study/effect": 0.02}
    fit = multilevel(table, "~ age + male", random="study/effect", V=V, sigma2=fixed)
    got = robust(fit, "study")
    np.testing.assert_allclose(got.coefficients, PINS["che"]["beta"], rtol=CLOSED_FORM)
    np.testing.assert_allclose(got.std_errors, PINS["che"]["se"], rtol=CLOSED_FORM)
    np.testing.assert_allclose(got.df, PINS["che"]["df"], rtol=1e-8)


def test_random_effects_that_cross_clusters_keep_their_weights_and_are_noted():
    fit = multilevel(
        data(), "~ male", random=["lab", "study"], sigma2={"lab": 0.1, "study": 0.2}, test="z"
    )
    got = robust(fit, "study", kind="CR0")
    np.testing.assert_allclose(got.coefficients, PINS["crossed"]["b"], rtol=1e-9)
    np.testing.assert_allclose(got.std_errors, PINS["crossed"]["se"], rtol=1e-9)
    assert any("correlates effects of different clusters" in note for note in got.notes)
    assert np.isfinite(robust(fit, "study").df).all()


# --- what a caller sees ---


def test_clusters_come_by_name_by_array_or_by_a_series_with_an_index():
    table = studies()
    fit = pool(table)
    by_name = robust(fit, "study")
    series = table["study"].sample(frac=1, random_state=2)
    for cluster in (table["study"].to_numpy(), series):
        assert robust(fit, cluster).std_errors == pytest.approx(by_name.std_errors)
    assert by_name.cluster == "study"


def test_a_working_covariance_may_be_given_in_three_ways():
    table = studies()
    fit = pool(table, "~ age", method="EE", weights=np.ones(len(table)))
    as_model = robust(fit, "study")
    for working in (fit.variances, np.diag(fit.variances), fit.marginal):
        got = robust(fit, "study", working=working)
        np.testing.assert_allclose(got.covariance, as_model.covariance, rtol=ROUNDING)


@pytest.mark.parametrize("test", ["z", "naive-t", "naive-tp", "Satterthwaite", "saddlepoint"])
def test_an_interval_excludes_zero_exactly_when_p_is_below_its_level(test):
    fit = pool(studies(), "~ age")
    first = robust(fit, "study", test=test)
    for name, p in zip(first.names, first.p_values, strict=True):
        at_p = robust(fit, "study", test=test, level=1 - p)
        row = at_p.to_frame().loc[name]
        edge = row["ci_lower"] if row["estimate"] > 0 else row["ci_upper"]
        assert edge == pytest.approx(0, abs=1e-8)


def test_results_are_told_in_text_tables_html_and_plain_values():
    result = robust(pool(studies(), "~ age"), "study")
    assert "8 clusters (study)" in result.summary()
    assert "CR2, Satterthwaite" in result.summary()
    assert list(result.to_frame().index) == ["intrcpt", "age"]
    assert json.loads(json.dumps(result.to_dict()))["n_clusters"] == 8
    assert result._repr_html_().startswith("<div>")


def test_few_degrees_of_freedom_are_said_aloud():
    result = robust(pool(data(), "~ age + male", method="DL"), "study")
    assert any("degrees of freedom for intrcpt, age" in note for note in result.notes)


@pytest.mark.parametrize("test", ["Satterthwaite", "saddlepoint"])
def test_a_coefficient_that_one_cluster_fixes_has_no_p_and_says_so(test):
    fit = pool(studies(), "~ study - 1", method="EE")
    result = robust(fit, "study", kind="CR0", test=test)
    assert np.isnan(result.p_values).all()
    assert any("one cluster alone fixes" in note for note in result.notes)


# --- refusals ---


def test_an_unknown_cluster_column_is_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"no column named 'lab'.*study, yi, vi"):
        robust(pool(studies()), "lab")


def test_a_missing_cluster_is_refused_with_its_row():
    table = studies()
    table.loc[4, "study"] = None
    with pytest.raises(InputError, match="row 4 has none"):
        robust(pool(table), "study")


def test_a_single_cluster_is_refused():
    with pytest.raises(InputError, match="at least 2 clusters"):
        robust(pool(studies()), np.zeros(24))


def test_a_cluster_whose_covariance_would_not_fit_in_memory_is_refused(monkeypatch):
    monkeypatch.setattr("enthesis.evidence.clusters.LARGEST_CLUSTER", 2)
    with pytest.raises(InputError, match="cluster 's0' has 3 effects"):
        robust(pool(studies()), "study")


def test_clusters_of_another_length_are_refused():
    with pytest.raises(InputError, match=r"24 effects.*\(23,\)"):
        robust(pool(studies()), np.arange(23))


def test_cr3_is_refused_where_a_coefficient_lives_in_one_cluster():
    table = studies()
    table["first"] = (table["study"] == "s0").astype(float)
    with pytest.raises(InputError, match="CR3 leaves out one cluster"):
        robust(pool(table, "~ first"), "study", kind="CR3")


def test_cr1p_is_refused_with_as_many_coefficients_as_clusters():
    with pytest.raises(InputError, match="CR1p divides by"):
        robust(pool(studies(n=2), "~ age"), "study", kind="CR1p")


def test_a_working_covariance_that_is_not_positive_is_refused():
    fit = pool(studies())
    with pytest.raises(InputError, match="row 2 has -1"):
        robust(fit, "study", working=np.where(np.arange(24) == 2, -1.0, 1.0))
    with pytest.raises(InputError, match="positive definite"):
        robust(fit, "study", working=np.ones((24, 24)))


@pytest.mark.parametrize(
    ("option", "match"),
    [({"kind": "HC2"}, "CR0"), ({"test": "t"}, "naive-t"), ({"level": 95}, "0.95")],
)
def test_unknown_options_are_refused_with_the_known_ones(option, match):
    with pytest.raises(InputError, match=match):
        robust(pool(studies()), "study", **option)


def test_df_keep_their_digits_where_one_cluster_almost_fixes_a_coefficient():
    """The quadratic form is written out, N × N, in extended precision."""
    rng = np.random.default_rng(4)
    data = pd.DataFrame({"vi": rng.uniform(0.05, 0.3, 18), "study": np.repeat(np.arange(6), 3)})
    # `site` marks the first study, and a thousandth of it the second.
    data["site"] = np.where(data["study"] == 0, 1.0, 0.0) + 1e-3 * (data["study"] == 1)
    data["yi"] = rng.normal(0.3, 0.5, 18)
    fit = pool(data, "~ site", method="EE")
    X, v = fit.design.astype(np.longdouble), fit.variances.astype(np.longdouble)
    A = X.T @ (X / v[:, None])
    bread = np.array([[A[1, 1], -A[0, 1]], [-A[1, 0], A[0, 0]]]) / (
        A[0, 0] * A[1, 1] - A[0, 1] ** 2
    )
    pull = bread @ (X / v[:, None]).T
    left = np.eye(18) - X @ pull
    rows = [data["study"].to_numpy() == study for study in range(6)]
    G = np.stack([pull[1, row] @ left[row] * np.sqrt(v) for row in rows])
    P = G @ G.T
    expected = float(np.trace(P) ** 2 / np.sum(P**2))
    assert robust(fit, "study", kind="CR0").df[1] == pytest.approx(expected, rel=1e-7)
