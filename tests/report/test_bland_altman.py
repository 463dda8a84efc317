"""The Bland-Altman plot: every mark stands where its number is."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from enthesis.cohort import bland_altman as agreement
from enthesis.cohort import bland_altman_repeated
from enthesis.report.bland_altman import bland_altman
from enthesis.report.figures import svg

FIRST = np.array([494.0, 395, 516, 434, 476, 557, 413, 442, 650, 433, 417, 656, 267])
SECOND = np.array([512.0, 430, 520, 428, 500, 600, 364, 380, 658, 445, 432, 626, 260])


def by_gid(ax, gid):
    return next(artist for artist in ax.get_children() if artist.get_gid() == gid)


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_points_lines_and_bands_stand_where_the_result_says():
    result = agreement(FIRST, SECOND)
    ax = bland_altman(result, names=("large", "mini"), unit="l/min")
    points = by_gid(ax, "points").get_offsets()
    assert np.allclose(points, np.column_stack([(FIRST + SECOND) / 2, FIRST - SECOND]))
    for name in ("bias", "lower_limit", "upper_limit"):
        assert by_gid(ax, name).get_ydata()[0] == getattr(result, name)
        band = by_gid(ax, f"{name}_ci")
        assert band.get_y() == getattr(result, f"{name}_lower")
        assert band.get_y() + band.get_height() == pytest.approx(getattr(result, f"{name}_upper"))


def test_axes_name_the_measurements_with_their_unit():
    ax = bland_altman(agreement(FIRST, SECOND), names=("large", "mini"), unit="l/min")
    assert ax.get_xlabel() == "Mean of large and mini, l/min"
    assert ax.get_ylabel() == "large − mini, l/min"
    percent = bland_altman(agreement(FIRST, SECOND, scale="percent"), names=("a", "b"), unit="mm²")
    assert percent.get_ylabel() == "(a − b) / mean, %"
    ratio = bland_altman(agreement(FIRST, SECOND, scale="log"), names=("a", "b"), unit="mm²")
    assert (ratio.get_xlabel(), ratio.get_ylabel()) == ("Geometric mean of a and b, mm²", "a / b")
    assert "Ratio" in texts(ratio)


def test_the_caption_says_how_many_pairs_of_whom_and_how():
    one = "".join(texts(bland_altman(agreement(FIRST, SECOND), names=("a", "b"))))
    assert "13 pairs; one pair per subject" in one and "Carkeet" in one
    repeated = bland_altman_repeated(FIRST, SECOND, np.arange(13) // 3)
    assert "13 pairs of 5 subjects" in "".join(texts(bland_altman(repeated, names=("a", "b"))))


def test_a_trend_is_drawn_only_where_there_is_one():
    flat = bland_altman(agreement(FIRST, SECOND), names=("a", "b"))
    assert not any(artist.get_gid() == "trend" for artist in flat.get_children())
    steep = agreement(1.3 * SECOND + FIRST % 7, SECOND)
    line = by_gid(bland_altman(steep, names=("a", "b")), "trend")
    x, y = line.get_data()
    assert np.allclose(y, steep.proportional.intercept + steep.proportional.slope * np.array(x))


def test_names_of_lines_that_meet_stay_apart():
    result = agreement([1.0, 2, 3, 900], [1.0, 2, 3, 900.001])
    ax = bland_altman(result, names=("a", "b"))
    named = [text for text in ax.texts if text.get_weight() == "bold"]
    renderer = ax.get_figure().canvas.get_renderer()
    boxes = sorted((text.get_window_extent(renderer) for text in named), key=lambda box: box.y0)
    assert all(low.y1 <= high.y0 for low, high in itertools.pairwise(boxes))


def test_limits_without_width_are_drawn():
    svg(bland_altman(agreement([1, 2, 3], [1, 2, 3]), names=("a", "b")).get_figure())


def test_the_same_result_gives_the_same_file():
    files = {
        svg(bland_altman(agreement(FIRST, SECOND), names=("a", "b")).get_figure()) for _ in range(2)
    }
    assert len(files) == 1
