"""The picture of a cohort's values by level."""

import numpy as np
import pytest

from enthesis.cohort.spread import Distribution, Place
from enthesis.report.distribution import distribution, level_rank
from enthesis.report.figures import svg


def place(side, level, values):
    values = np.sort(np.asarray(values, dtype=float))
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
    return Place(
        side=side,
        level=level,
        n=len(values),
        median=median,
        lower=lower,
        upper=upper,
        mad=1.0,
        shown=values,
    )


def shown(*places):
    result = Distribution(
        quantity="area", unit="mm2", region="psoas_major", method="mid-body", places=places
    )
    return distribution(result, ylabel="Area, mm²")


def test_levels_stand_from_head_to_feet_and_left_before_right():
    ax = shown(
        place("right", "L4", [5, 6, 7]),
        place("left", "L4", [4, 5, 6]),
        place("left", "T12", [1, 2, 3]),
    )
    assert [label.get_text() for label in ax.get_xticklabels()] == ["T12", "L4"]
    medians = [line for line in ax.lines if line.get_gid() == "medians"]
    middles = sorted((float(np.mean(m.get_xdata())), float(m.get_ydata()[0])) for m in medians)
    assert middles == [(pytest.approx(-0.2), 2), (pytest.approx(0.8), 5), (pytest.approx(1.2), 6)]
    assert {text.get_text() for text in ax.get_legend().get_texts()} == {"left", "right"}


def test_every_kept_value_is_drawn_at_its_height_beside_its_level():
    values = [3.0, 1.0, 2.0, 8.0]
    ax = shown(place("", "L3", values))
    (points,) = [one for one in ax.collections if one.get_gid() == "points"]
    at = np.asarray(points.get_offsets())
    assert sorted(at[:, 1]) == sorted(values)
    assert np.abs(at[:, 0]).max() <= 0.13
    assert ax.get_legend() is None


def test_discs_stand_between_their_bodies_and_whole_regions_first():
    order = sorted(["L4", "", "L3_L4", "T12", "L3"], key=level_rank)
    assert order == ["", "T12", "L3", "L3_L4", "L4"]


def test_many_points_are_pixels_so_that_the_page_stays_small():
    rng = np.random.default_rng(1)
    levels = [f"L{i}" for i in range(1, 6)]
    ax = shown(*(place(s, v, rng.normal(size=200)) for v in levels for s in ("left", "right")))
    assert len(svg(ax.get_figure())) < 150_000
