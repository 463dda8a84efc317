"""Plots of a review: every mark stands where its number is, and bad calls are refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from enthesis import evidence
from enthesis.errors import InputError
from enthesis.evidence import monitor
from enthesis.report.baujat import baujat
from enthesis.report.bubble import bubble
from enthesis.report.cumulative import refit_forest, sequential_plot
from enthesis.report.figures import svg
from enthesis.report.funnel import funnel
from enthesis.report.grouped_forest import Group, grouped_forest
from enthesis.report.influence_plot import STATISTICS, influence_plot
from enthesis.report.orchard import orchard
from enthesis.report.panels import panel
from enthesis.report.table_files import table_csv, table_html, table_latex
from enthesis.report.tables import Table

N = 8


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(4)
    return pd.DataFrame(
        {
            "yi": rng.normal(0.4, 0.3, N),
            "vi": rng.uniform(0.01, 0.1, N),
            "study": [f"Study {i}" for i in range(N)],
            "age": np.linspace(50, 80, N),
            "site": ["lumbar", "thoracic"] * (N // 2),
        }
    )


@pytest.fixture(scope="module")
def pooled(table):
    return evidence.pool(table, method="REML", test="z")


def drawn(ax, gid):
    """The artist of this name."""
    return next(one for one in ax.findobj() if one.get_gid() == gid)


def group(table, title="Lumbar", **more):
    return Group(
        title=title,
        labels=table["study"].tolist(),
        effects=table["yi"].to_numpy(),
        variances=table["vi"].to_numpy(),
        **more,
    )


def test_baujat_points_stand_at_their_numbers(pooled, table):
    shares = evidence.baujat(pooled)
    ax = baujat(shares, names=table["study"].tolist())
    np.testing.assert_allclose(drawn(ax, "points").get_offsets(), shares[["x", "y"]])


def test_baujat_wants_a_name_for_every_point(pooled):
    with pytest.raises(InputError, match="8 points need 8 names, got 1"):
        baujat(evidence.baujat(pooled), names=["one"])


def test_bubbles_stand_at_the_moderator_and_the_line_follows_the_model(table):
    fit = evidence.pool(table, "~ age", method="REML", test="z")
    ax = bubble(fit, "age", xlabel="Age (year)", ylabel="SMD")
    np.testing.assert_allclose(drawn(ax, "effects").get_offsets(), table[["age", "yi"]].to_numpy())
    x, y = drawn(ax, "line").get_data()
    np.testing.assert_allclose(y, fit.coefficients[0] + fit.coefficients[1] * x)


def test_a_bubble_plot_of_a_category_is_refused(table):
    fit = evidence.pool(table, "~ site", method="REML")
    with pytest.raises(InputError, match="no numeric moderator 'site'"):
        bubble(fit, "site", xlabel="", ylabel="")


def test_orchard_means_are_the_models(table):
    fit = evidence.multilevel(table, "~ site", random="study")
    ax = orchard(fit, "site", xlabel="SMD")
    means = drawn(ax, "means").get_offsets()[:, 0]
    np.testing.assert_allclose(means, [fit.coefficients[0], fit.coefficients.sum()])


def test_effects_beyond_an_orchards_axis_are_counted(table):
    far = table.copy()
    far.loc[0, "yi"] = 60.0
    far = pd.concat([far] * 4, ignore_index=True).assign(study=range(4 * N))
    ax = orchard(evidence.multilevel(far, "~ site", random="study"), "site", xlabel="SMD")
    shown = len(drawn(ax, "effects").get_offsets())
    texts = " ".join(text.get_text() for text in ax.texts)
    assert shown == 4 * N or f"Beyond the axis: {4 * N - shown}" in texts


def test_an_orchard_plot_of_a_number_is_refused(table):
    fit = evidence.multilevel(table, "~ age", random="study")
    with pytest.raises(InputError, match="no factor 'age'"):
        orchard(fit, "age", xlabel="SMD")


def test_funnel_points_are_effects_over_standard_errors(pooled, table):
    ax = funnel(evidence.funnel_data(pooled), xlabel="SMD", names=table["study"].tolist())
    points = drawn(ax, "points").get_offsets()
    np.testing.assert_allclose(points[:, 0], table["yi"])
    np.testing.assert_allclose(points[:, 1], np.sqrt(table["vi"]))
    low, high = ax.get_ylim()
    assert low > high == 0


def test_imputed_effects_are_drawn_hollow(pooled):
    imputed = pd.DataFrame({"yi": [-1.0], "vi": [0.09]})
    ax = funnel(evidence.funnel_data(pooled), xlabel="SMD", filled=imputed)
    np.testing.assert_allclose(drawn(ax, "filled").get_offsets(), [[-1.0, 0.3]])


def test_every_group_has_its_heading_its_studies_and_its_diamond(pooled, table):
    ax = grouped_forest(
        [
            group(table, fit=pooled),
            group(table.iloc[:1], "Thoracic", fit=None, reason="1 effect"),
        ],
        xlabel="SMD",
    )
    texts = [text.get_text().strip() for text in ax.texts]
    assert {"Lumbar", "Thoracic", "Not pooled: 1 effect"} <= set(texts)
    assert texts.count("Study 0") == 2
    assert len(drawn(ax, "pooled").get_paths()) == 1
    left, *_ = drawn(ax, "pooled").get_paths()[0].vertices
    assert left[0] == pytest.approx(float(pooled.ci_lower[0]))


def test_the_largest_square_of_every_group_is_alike(pooled, table):
    single = group(table.iloc[:1], "Thoracic", fit=None)
    ax = grouped_forest([group(table, fit=pooled), single], xlabel="SMD")
    sizes = drawn(ax, "effects").get_sizes()
    assert sizes[:N].max() == pytest.approx(sizes[N])


def test_a_grouped_forest_without_effects_is_refused(table):
    with pytest.raises(InputError, match="at least one group with effects"):
        grouped_forest([group(table.iloc[:0], fit=None)], xlabel="SMD")


def test_refits_stand_at_their_estimates_and_the_whole_in_the_last_row(pooled, table):
    fits = evidence.cumulative(pooled)
    ax = refit_forest(
        fits, kind="cumulative", names=table["study"].tolist(), xlabel="SMD", whole=pooled
    )
    np.testing.assert_allclose(drawn(ax, "estimates").get_offsets()[:, 0], fits.coefficients[:, 0])
    assert drawn(ax, "pooled").get_paths()[0].vertices[1][0] == pytest.approx(
        float(pooled.coefficients[0])
    )
    with pytest.raises(InputError, match="8 refits need 8 names, got 0"):
        refit_forest(fits, kind="cumulative", names=[], xlabel="SMD")


def test_a_sequential_plot_says_that_it_is_exploratory(pooled, table):
    looks = monitor(pooled, delta=0.4)
    ax = sequential_plot(looks, names=table["study"].tolist())
    np.testing.assert_allclose(drawn(ax, "z").get_ydata(), looks.looks["z"])
    assert any(text.get_text().startswith("Exploratory") for text in ax.texts)


def test_influence_has_a_panel_per_statistic_with_a_mark_per_study(pooled, table):
    influence = evidence.influence(pooled)
    figure = influence_plot(influence, names=table["study"].tolist())
    assert len(figure.axes) == len(STATISTICS)
    for ax, name in zip(figure.axes, STATISTICS, strict=True):
        marks = drawn(ax, name).get_offsets()
        np.testing.assert_allclose(marks[:, 0], influence.statistics[name])
    with pytest.raises(InputError, match="8 cases need 8 names"):
        influence_plot(influence, names=["one"])


def test_long_names_of_axes_are_broken_into_lines():
    ax = panel(2.0, 1.5, xlabel="a word " * 20, ylabel="a word " * 20)
    assert "\n" in ax.get_xlabel()
    assert "\n" in ax.get_ylabel()
    figure = ax.get_figure()
    figure.canvas.draw()
    box = ax.yaxis.label.get_window_extent()
    assert box.x0 >= 0
    assert box.height <= ax.get_window_extent().height * 1.1


def test_the_same_plot_gives_the_same_file(pooled, table):
    shares = evidence.baujat(pooled)
    one, two = (svg(baujat(shares, names=table["study"].tolist()).get_figure()) for _ in range(2))
    assert one == two


@pytest.fixture
def printed_table():
    frame = pd.DataFrame(
        {
            "Moderator": ["Age & sex", "\N{NO-BREAK SPACE}5% < x"],
            "Estimate (95% CI)": ["\N{MINUS SIGN}0.03 (\N{MINUS SIGN}0.06; 0.00)", ""],
            "doubts": ["", "few df"],
        }
    )
    return Table(frame=frame, caption="τ² & all_of it", flags="doubts", notes=("A note.",))


def test_csv_has_plain_minus_signs_and_the_footnotes(printed_table):
    lines = table_csv(printed_table).splitlines()
    assert lines[0] == "Moderator,Estimate (95% CI),note"
    assert lines[1] == "Age & sex,-0.03 (-0.06; 0.00),"
    assert lines[2].endswith(",few df")


def test_latex_escapes_what_it_would_read_otherwise(printed_table):
    text = table_latex(printed_table)
    assert r"\caption{$\tau$\textsuperscript{2} \& all\_of it}" in text
    assert r"Age \& sex & $-$0.03 ($-$0.06; 0.00) \\" in text
    assert r"~5\% $<$ x\textsuperscript{1} &  \\" in text
    assert text.count("{") == text.count("}")


def test_html_escapes_and_marks_footnotes(printed_table):
    text = table_html(printed_table)
    assert "<td>Age &amp; sex</td>" in text
    assert "5% &lt; x<sup>1</sup>" in text
    assert "<p><sup>1</sup> few df</p>" in text


def test_a_long_name_beside_a_point_keeps_its_year():
    long = "van den Berghe-Müller, O'Connor & Papadopoulos et al. {}, Lancet Diabetes Endocrinol"
    shares = pd.DataFrame({"x": [3.0, 1.0], "y": [2.0, 0.5]})
    ax = baujat(shares, names=[long.format(2020), long.format(2023)])
    written = {text.get_text() for text in ax.texts}
    assert {"van den Berghe-Müller,… 2020", "van den Berghe-Müller,… 2023"} <= written
