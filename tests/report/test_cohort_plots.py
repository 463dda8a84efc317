"""Groups, ROC and calibration: every mark stands where its number is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from enthesis import cohort
from enthesis.errors import InputError
from enthesis.report.calibration import calibration
from enthesis.report.figures import svg
from enthesis.report.groups import groups
from enthesis.report.roc import roc

RNG = np.random.default_rng(1)
RISKS = RNG.uniform(0.05, 0.95, 80)
EVENTS = (RNG.random(80) < RISKS).astype(int)


def compared():
    table = pd.DataFrame(
        {"group": np.repeat(["OP", "OPN", "control"], 8), "csa": RNG.normal(50, 5, 24)}
    )
    return cohort.compare_groups(table).outcomes[0]


def by_gid(ax, gid):
    return next(artist for artist in ax.get_children() if artist.get_gid() == gid)


def test_subjects_stand_at_their_value_near_their_group_and_means_at_theirs():
    one = compared()
    ax = groups(one, ylabel="CSA, mm²")
    x, y = by_gid(ax, "subjects").get_offsets().T
    subjects = one.outcome.subjects
    assert y.tolist() == subjects["value"].tolist()
    places = subjects["group"].map({"Control": 0, "OPN": 1, "OP": 2})
    assert np.abs(x - places).max() <= 0.24
    assert by_gid(ax, "means").get_ydata() == pytest.approx(one.means.means)
    assert ax.get_xticklabels()[0].get_text() == "Control\nn = 8"
    assert ax.get_ylabel() == "CSA, mm²"


def test_a_roc_curve_goes_from_corner_to_corner_and_names_its_area():
    found = cohort.roc(EVENTS, RISKS)
    ax = roc({"model": found})
    x, y = by_gid(ax, "model").get_data()
    assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
    assert np.trapezoid(y, x) == pytest.approx(found.auc)
    assert ax.get_legend().get_texts()[0].get_text().startswith(f"model: {found.auc:.2f} (")


def test_five_roc_curves_cannot_be_told_apart():
    found = cohort.roc(EVENTS, RISKS)
    with pytest.raises(InputError, match="one to 4 ROC curves can be told apart, got 5"):
        roc({str(i): found for i in range(5)})


def test_the_calibration_curve_is_the_smooth_one():
    found = cohort.calibration(EVENTS, RISKS)
    x, y = by_gid(calibration(found), "curve").get_data()
    assert x.tolist() == found.predicted.tolist()
    assert y == pytest.approx(np.clip(found.smooth, 0, 1))


def test_the_same_result_gives_the_same_file():
    one = compared()
    found = cohort.calibration(EVENTS, RISKS)
    for draw in (lambda: groups(one, ylabel="CSA"), lambda: calibration(found)):
        assert svg(draw().get_figure()) == svg(draw().get_figure())
