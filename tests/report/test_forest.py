"""Forest plots: every mark stands where its number is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.evidence.fit import Fit, VarianceComponent
from enthesis.evidence.subgroups import subgroups
from enthesis.report.figures import svg
from enthesis.report.forest import forest
from enthesis.report.rows import digits_by_row
from enthesis.report.summary import summary_forest

NORMAL_95 = 1.959963984540054


class Independent:
    """Marginal covariance of effects that share nothing."""

    def __init__(self, variances):
        self.variances = variances

    def solve(self, rhs):
        return (np.asarray(rhs).T / self.variances).T

    def logdet(self):
        return float(np.log(self.variances).sum())

    def diagonal(self):
        return self.variances

    def dense(self, rows):
        return np.diag(self.variances[rows])


def pooled(yi, vi, *, tau2=0.04, studies=None, components=True, names=("intrcpt",)):
    """A random-effects fit by hand: weights 1 / (vi + tau2), normal test."""
    yi, vi = np.asarray(yi, dtype=float), np.asarray(vi, dtype=float)
    weights = 1 / (vi + tau2)
    unknown = float("nan")
    p = len(names)
    return Fit(
        names=names,
        coefficients=np.full(p, (weights * yi).sum() / weights.sum()),
        covariance=np.eye(p) / weights.sum(),
        test="z",
        df=np.full(p, np.inf),
        level=0.95,
        model="Random-effects model",
        method="REML",
        components=(VarianceComponent(name="tau2", value=tau2, n_levels=len(yi)),)
        if components
        else (),
        tau2=tau2,
        k=len(yi),
        p=p,
        q=12.3,
        q_df=len(yi) - 1,
        q_p=0.0004,
        qm=unknown,
        qm_df=(1, np.inf),
        qm_p=unknown,
        i2=61.4,
        h2=2.6,
        typical_variance=unknown,
        log_likelihood=unknown,
        n_parameters=2,
        deviance=unknown,
        aic=unknown,
        bic=unknown,
        aicc=unknown,
        effects=yi,
        variances=vi,
        design=np.ones((len(yi), p)),
        marginal=Independent(vi + tau2),
        sampling=Independent(vi),
        data=pd.DataFrame({"study": studies or [f"Study {i}" for i in range(len(yi))]}),
    )


YI = (-0.8, -0.1, 0.3, -0.5)
VI = (0.04, 0.09, 0.01, 0.16)


def drawn(ax, gid):
    """The one artist of this gid."""
    (artist,) = [one for one in ax.get_children() if one.get_gid() == gid]
    return artist


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_squares_and_intervals_stand_at_the_effects_of_the_fit():
    ax = forest(pooled(YI, VI), labels="study", xlabel="g")
    squares = np.asarray(drawn(ax, "effects").get_offsets())
    assert squares == pytest.approx(np.column_stack([YI, range(4)]))
    reach = NORMAL_95 * np.sqrt(VI)
    segments = np.array(drawn(ax, "intervals").get_segments())
    assert segments[:, 0, 0] == pytest.approx(YI - reach)
    assert segments[:, 1, 0] == pytest.approx(YI + reach)


def test_the_diamond_is_the_pooled_effect_and_the_bar_the_prediction_interval():
    fit = pooled(YI, VI)
    ax = forest(fit, labels="study", xlabel="g")
    (diamond,) = drawn(ax, "pooled").get_paths()
    x, y = diamond.vertices[:4].T
    assert x == pytest.approx(
        [fit.ci_lower[0], fit.coefficients[0], fit.ci_upper[0], fit.coefficients[0]]
    )
    assert y[[0, 2]] == pytest.approx(5)
    predicted = fit.predict().iloc[0]
    (bar,) = drawn(ax, "prediction").get_segments()
    low, high = ax.get_xlim()
    assert bar[:, 0] == pytest.approx(
        np.clip(predicted[["pi_lower", "pi_upper"]].astype(float), low, high)
    )


def test_squares_cover_areas_in_proportion_to_weights_that_sum_to_100():
    weights = 1 / (np.array(VI) + 0.04)
    ax = forest(pooled(YI, VI), labels="study", xlabel="g")
    areas = drawn(ax, "effects").get_sizes()
    assert areas / areas.sum() == pytest.approx(weights / weights.sum())
    assert f"{100 * weights[2] / weights.sum():.1f}" in texts(ax)


def test_rows_sorted_by_effect_keep_their_names_and_numbers():
    ax = forest(pooled(YI, VI), labels=list("abcd"), xlabel="SMD", sort="effect")
    squares = np.asarray(drawn(ax, "effects").get_offsets())
    assert squares[:, 0] == pytest.approx(sorted(YI))
    rows = {
        text.get_text(): text.get_position()[1] for text in ax.texts if len(text.get_text()) == 1
    }
    assert rows == {"a": 0, "d": 1, "b": 2, "c": 3}


def test_numbers_are_printed_with_true_minus_signs_and_the_caption_names_n_and_method():
    fit = pooled(YI, VI, studies=["A", "A", "B", "C"])
    written = texts(forest(fit, labels="study", xlabel="g", directions=("less", "more")))
    assert "−0.80 [−1.19, −0.41]" in written
    caption = " ".join(written)
    assert "Q(3) = 12.30, p < 0.001; I² = 61.4%; τ² = 0.040" in caption
    assert "4 effects from 3 studies" in caption
    assert "REML" in caption
    assert {"← less", "more →"} <= set(written)


def test_an_interval_beyond_the_axis_ends_in_an_arrow():
    fit = pooled((*YI, 0.1), (*VI, 400.0))
    ax = forest(fit, labels="study", xlabel="g")
    low, high = ax.get_xlim()
    segment = drawn(ax, "intervals").get_segments()[4]
    assert segment[:, 0] == pytest.approx([low, high])
    arrows = {
        line.get_marker(): line.get_xydata() for line in ax.lines if len(line.get_xydata()) == 1
    }
    assert arrows["<"] == pytest.approx(np.array([[low, 4]]))
    assert arrows[">"] == pytest.approx(np.array([[high, 4]]))


@pytest.mark.parametrize("k", [1, 12, 60])
def test_a_figure_grows_with_its_rows(k):
    rng = np.random.default_rng(k)
    fit = pooled(rng.normal(size=k), rng.uniform(0.01, 0.3, k))
    figure = forest(fit, labels="study", xlabel="g").figure
    assert figure.get_size_inches()[1] == pytest.approx(0.205 * k + 2.3, abs=0.35)
    assert svg(figure) == svg(forest(fit, labels="study", xlabel="g").figure)


def test_an_equal_effects_fit_has_no_prediction_interval():
    ax = forest(pooled(YI, VI, components=False, tau2=0.0), labels="study", xlabel="g")
    assert not [one for one in ax.get_children() if one.get_gid() == "prediction"]
    assert "τ²" not in " ".join(texts(ax))


def test_a_dollar_sign_in_a_name_is_no_formula():
    ax = forest(pooled(YI, VI, studies=["$\\frac{", "b", "c", "<d>"]), labels="study", xlabel="g")
    assert svg(ax.figure)


def test_a_fit_with_moderators_or_the_wrong_labels_is_refused():
    with pytest.raises(InputError, match="this fit has 2 coefficients"):
        forest(pooled(YI, VI, names=("intrcpt", "age")), labels="study", xlabel="g")
    with pytest.raises(InputError, match="4 effects need 4 labels, got 2"):
        forest(pooled(YI, VI), labels=["a", "b"], xlabel="g")
    with pytest.raises(InputError, match="no column 'author'"):
        forest(pooled(YI, VI), labels="author", xlabel="g")
    with pytest.raises(InputError, match="sorted by"):
        forest(pooled(YI, VI), labels="study", xlabel="g", sort="year")


def cells():
    """Two muscles, three comparisons; one cell is too thin."""
    return pd.DataFrame(
        {
            "muscle": ["Multifidus", "Psoas major", "Multifidus"],
            "label": ["OP vs control", "OP vs control", "OP vs OPN"],
            "k": [6, 8, 1],
            "estimate": [-0.5, -0.2, np.nan],
            "ci_lower": [-0.9, -0.4, np.nan],
            "ci_upper": [-0.1, 0.0, np.nan],
            "i2": [71.2, 0.0, np.nan],
            "tau2": [0.12, 0.0, np.nan],
            "q_p": [0.0002, 0.41, np.nan],
            "reason": ["", "", "1 effect, at least 2 are wanted"],
        }
    )


def test_a_summary_forest_has_a_diamond_for_each_pooled_cell_under_its_heading():
    ax = summary_forest(cells(), xlabel="g", heading="muscle")
    corners = [path.vertices[:4] for path in drawn(ax, "pooled").get_paths()]
    assert np.array(corners)[:, :3, 0] == pytest.approx(
        np.array([[-0.9, -0.5, -0.1], [-0.4, -0.2, 0.0]])
    )
    # Heading, two cells, heading, one cell.
    assert [corner[0, 1] for corner in corners] == [1, 4]
    written = texts(ax)
    assert written.count("Multifidus") == 1
    assert {"71", "0.12", "< 0.001", "0.410"} <= set(written)
    assert "14 effects in 2 subgroups; 1 not pooled" in " ".join(written)


def test_the_subgroups_of_a_stratified_analysis_fit_in_as_they_are():
    effects = pd.DataFrame(
        {
            "muscle": ["Psoas major"] * 4 + ["Multifidus"] * 3,
            "comparison": ["OP vs control"] * 3 + ["OP vs OPN"] + ["OP vs control"] * 3,
            "yi": [-0.4, -0.2, -0.6, -0.1, 0.9, 1.4, 1.1],
            "vi": [0.05, 0.08, 0.06, 0.04, 0.1, 0.09, 0.2],
        }
    )
    groups = subgroups(effects, ["muscle", "comparison"])
    ax = summary_forest(groups.to_frame(), xlabel="g", heading="muscle", label="comparison")
    middles = [path.vertices[1, 0] for path in drawn(ax, "pooled").get_paths()]
    assert middles == pytest.approx([fit.coefficients[0] for fit in groups.fits.values()])
    assert any("not pooled: 1 effect" in text for text in texts(ax))


def test_a_cell_too_thin_to_pool_is_printed_with_its_reason():
    assert "not pooled: 1 effect, at least 2 are wanted" in texts(
        summary_forest(cells(), xlabel="g", heading="muscle")
    )


def test_a_summary_without_heading_or_pooled_cell_is_still_a_plot():
    ax = summary_forest(cells().iloc[2:], xlabel="g")
    assert len(drawn(ax, "pooled").get_paths()) == 0
    assert svg(ax.figure)


def test_a_summary_table_without_its_columns_is_refused():
    with pytest.raises(InputError, match="no column 'ci_lower'"):
        summary_forest(cells().drop(columns="ci_lower"), xlabel="g")
    with pytest.raises(InputError, match="has no rows"):
        summary_forest(cells().iloc[:0], xlabel="g")


def test_a_small_interval_among_large_ones_shows_its_own_digits():
    assert digits_by_row([1.0, 2.0, 0.0004, float("nan")]) == [2, 2, 5, 2]
