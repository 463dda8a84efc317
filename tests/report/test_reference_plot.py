"""The picture of a subject among a population by age."""

import numpy as np
import pandas as pd
import pytest

from enthesis.diagnosis import Population, reference_curve
from enthesis.errors import InputError
from enthesis.report.figures import svg
from enthesis.report.reference_plot import reference_plot

POPULATION = Population(
    name="made up",
    quantity="trabecular_attenuation",
    region="vertebral_body",
    level="L1",
    unit="HU",
    device="CT",
    sex="female",
    source="Made up 2020",
)


def curve(skewness=1.0):
    table = {"age": [40.0, 60.0], "l": skewness, "m": [160.0, 140.0], "s": 0.1}
    return reference_curve(pd.DataFrame(table), POPULATION)


def drawn(**options):
    return reference_plot(curve(), age=50, value=120, ylabel="Attenuation, HU", **options)


def artist(ax, gid):
    return next(one for one in (*ax.lines, *ax.collections) if one.get_gid() == gid)


def test_the_bands_stand_one_and_two_sd_from_the_median_and_the_point_at_the_subject():
    ax = drawn()
    ages, median = artist(ax, "median").get_data()
    assert median[[0, -1]].tolist() == pytest.approx([160, 140])
    assert artist(ax, "subject").get_xydata().tolist() == [[50, 120]]
    for gid, reach in (("+-1 SD", 1), ("+-2 SD", 2)):
        points = artist(ax, gid).get_paths()[0].vertices
        at_forty = points[points[:, 0] == ages[0], 1]
        # L = 1 is the normal distribution: an SD of M S = 16.
        assert at_forty.min() == pytest.approx(160 - 16 * reach)
        assert at_forty.max() == pytest.approx(160 + 16 * reach)


def test_a_population_of_one_age_is_seen_too():
    rows = pd.DataFrame({"age": [50.0], "mean": [150.0], "sd": [15.0]})
    one = reference_curve(rows, POPULATION)
    ax = reference_plot(one, age=50, value=120, ylabel="Attenuation, HU")
    assert artist(ax, "median").get_xydata().tolist() == [[49.75, 150], [50.25, 150]]


def test_the_caption_says_whom_how_many_and_from_where():
    words = " ".join(text.get_text() for text in drawn(n="400").texts)
    assert "female, 40 to 60 years; n = 400; CT. Source: Made up 2020." in words
    assert "n not given" in " ".join(text.get_text() for text in drawn().texts)


def test_the_same_figure_is_the_same_file():
    first, again = (svg(drawn().get_figure(root=True)) for _ in range(2))
    assert first == again


def test_a_skewed_population_has_the_values_of_cole_and_green():
    # M (1 + L S z)^(1 / L) with L = 0.5, S = 0.1 and z = 2: 160 * 1.1^2.
    assert curve(0.5).value(2, 40) == pytest.approx(193.6)
    assert np.isnan(curve(0.5).value(2, 61))


def test_a_subject_without_an_age_is_refused():
    with pytest.raises(InputError, match="a point needs an age and a value"):
        reference_plot(curve(), age=np.nan, value=120, ylabel="")
