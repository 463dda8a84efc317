from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.evidence.arms import (
    arms_from_summaries,
    sd_from_interval,
    sd_from_p,
    sd_from_se,
    sd_from_t,
)
from enthesis.evidence.combining import (
    average_sides,
    combine_groups,
    harmonise_direction,
    split_shared_group,
    to_log_scale,
)
from enthesis.evidence.quantiles import mean_from_quantiles, sd_from_quantiles, skewness_test

RANGE = {"minimum": 10, "median": 25, "maximum": 60}
BOX = {"q1": 20, "median": 25, "q3": 32}
FIVE = RANGE | BOX


# worked numbers: n = 50; range 10, 25, 60; quartiles 20, 25, 32 (five printed digits)


@pytest.mark.parametrize(
    ("summary", "luo", "wan"),
    [(RANGE, 26.754, 30.0), (BOX, 25.708, 25.667), (FIVE, 26.664, 28.0)],
    ids=["range", "quartiles", "both"],
)
def test_mean_from_quantiles_of_luo_2018_and_wan_2014(summary, luo, wan):
    assert mean_from_quantiles(50, **summary) == pytest.approx(luo, abs=5e-4)
    assert mean_from_quantiles(50, method="wan", **summary) == pytest.approx(wan, abs=5e-4)


@pytest.mark.parametrize(
    ("summary", "method", "sd"),
    [(RANGE, "wan", 11.144), (BOX, "wan", 9.160), (FIVE, "wan", 10.152), (FIVE, "shi", 10.305)],
)
def test_sd_from_quantiles_of_wan_2014_and_shi_2020(summary, method, sd):
    assert sd_from_quantiles(50, method=method, **summary) == pytest.approx(sd, abs=5e-4)


@pytest.mark.parametrize(
    ("summary", "statistic", "critical", "skewed"),
    [(RANGE, 0.400, 0.294, True), (BOX, 0.167, 0.372, False), (FIVE, 0.510, 0.424, True)],
)
def test_skewness_of_shi_2023(summary, statistic, critical, skewed):
    got = skewness_test(50, **summary)
    assert got.statistic == pytest.approx(statistic, abs=5e-4)
    assert got.critical == pytest.approx(critical, abs=5e-4)
    assert got.skewed == skewed


def test_quartiles_of_a_large_normal_sample_give_its_moments():
    assert mean_from_quantiles(1e9, q1=-0.6744898, median=0, q3=0.6744898) == 0
    # 0.6744898 has seven digits
    assert sd_from_quantiles(1e9, q1=-0.6744898, q3=0.6744898) == pytest.approx(1, abs=1e-7)


def test_sd_from_se_and_from_a_confidence_interval():
    assert sd_from_se(3, 25) == 15
    assert sd_from_interval(8, 12, 25) == pytest.approx(4.845, abs=5e-4)
    assert sd_from_interval(8, 12, 25, distribution="z") == pytest.approx(5.102, abs=5e-4)


def test_sd_from_p_and_from_t_of_a_difference():
    # t = 2.3824 on 68 df is p = 0.02
    assert sd_from_p(3, 0.02, 30, 40) == pytest.approx(5.214, abs=5e-4)
    assert sd_from_t(3, -2.3824458, 30, 40) == pytest.approx(sd_from_p(3, 0.02, 30, 40), rel=1e-7)


def test_combining_20_10_2_and_30_12_3_gives_the_cochrane_numbers():
    groups = pd.DataFrame({"study": "a", "n": [20, 30], "mean": [10, 12], "sd": [2, 3]})
    arm = combine_groups(groups, "study").iloc[0]
    assert arm.n == 50
    assert arm["mean"] == pytest.approx(11.2)
    assert arm.sd == pytest.approx(2.803, abs=5e-4)


@pytest.mark.parametrize(("correlation", "sd"), [(0.8, 58.82), (1, 62.0), (0, 43.86)])
def test_sd_of_a_left_right_average_depends_on_their_correlation(correlation, sd):
    got = average_sides(400, 60, 440, 64, correlation=correlation)
    assert got.mean == 420
    assert got.sd == pytest.approx(sd, abs=5e-3)


def test_log_scale_of_20_and_5():
    got = to_log_scale(20, 5)
    assert got.mean == pytest.approx(2.9654, abs=5e-5)
    assert got.sd == pytest.approx(0.2462, abs=5e-5)


# invariances


def test_combining_is_the_same_as_pooling_the_people():
    rng = np.random.default_rng(1)
    people = pd.DataFrame({"group": np.repeat([1, 2, 3], [5, 9, 4]), "x": rng.normal(size=18)})
    groups = people.groupby("group").x.agg(n="size", mean="mean", sd="std").assign(study=7)
    arm = combine_groups(groups, "study").iloc[0]
    assert arm["mean"] == pytest.approx(people.x.mean())
    assert arm.sd == pytest.approx(people.x.std())


def test_average_of_sides_is_the_average_over_people():
    rng = np.random.default_rng(2)
    left = rng.normal(10, 2, 30)
    right = left + rng.normal(0, 1, 30)
    got = average_sides(
        left.mean(),
        left.std(ddof=1),
        right.mean(),
        right.std(ddof=1),
        correlation=np.corrcoef(left, right)[0, 1],
    )
    assert got.sd == pytest.approx(((left + right) / 2).std(ddof=1))


def test_quantiles_follow_a_change_of_unit():
    scaled = {name: 32 + 1.8 * value for name, value in FIVE.items()}
    moved = 32 + 1.8 * mean_from_quantiles(50, **FIVE)
    assert mean_from_quantiles(50, **scaled) == pytest.approx(moved)
    assert sd_from_quantiles(50, **scaled) == pytest.approx(1.8 * sd_from_quantiles(50, **FIVE))
    assert skewness_test(50, **scaled).statistic == pytest.approx(
        skewness_test(50, **FIVE).statistic
    )


# the table


def test_each_arm_gets_its_mean_and_sd_from_the_best_summary_of_its_row():
    arms = pd.DataFrame(
        {
            "n": [25, 25, 25, 50, 50, 25],
            "mean": [1.0, 10.0, None, None, None, None],
            "sd": [2.0, None, None, None, None, None],
            "se": [9.0, 3.0, None, None, None, None],
            "ci_lower": [None, None, 8, None, None, None],
            "ci_upper": [None, None, 12, None, None, None],
            "min": [None, None, None, 10, None, None],
            "q1": [None, None, None, None, 20, None],
            "median": [None, None, None, 25, 25, None],
            "q3": [None, None, None, None, 32, None],
            "max": [None, None, None, 60, None, None],
        }
    )
    got = arms_from_summaries(arms)
    np.testing.assert_allclose(got["mean"], [1, 10, 10, 26.754, 25.708, np.nan], rtol=0, atol=5e-4)
    np.testing.assert_allclose(got["sd"], [2, 15, 4.845, 11.144, 9.160, np.nan], rtol=0, atol=5e-4)
    assert got.sd_source.tolist() == [
        "given",
        "SE",
        "CI, t",
        "quantiles, shi",
        "quantiles, shi",
        "cannot tell",
    ]
    assert got.mean_skewed.tolist() == [False, False, False, True, False, False]


def test_sd_of_a_mean_change_comes_from_its_t_or_its_p():
    # t = 2.0639 on 24 df is p = 0.05
    changes = pd.DataFrame(
        {"n": [25, 25], "mean": [-3.0, 3.0], "t": [-1.5, None], "p": [None, 0.05]}
    )
    got = arms_from_summaries(changes, t="t", p="p")
    assert got["sd"].tolist() == pytest.approx([10, 5 * 3 / 2.0638986], rel=1e-7)
    assert got.sd_source.tolist() == ["t", "p"]
    # unnamed, they may be those of a comparison between groups
    assert arms_from_summaries(changes).sd_source.tolist() == ["cannot tell"] * 2
    with pytest.raises(InputError, match=r"row 1, column 'p': '<0\.001' is not a p above 0"):
        arms_from_summaries(changes.assign(p="<0.001"), p="p")


def test_two_arms_of_a_wide_table_are_filled_one_after_the_other():
    wide = pd.DataFrame({"n1i": [50], "med1": [25], "lo1": [20], "hi1": [32], "m2i": [9.0]})
    got = arms_from_summaries(
        wide, n="n1i", median="med1", q1="lo1", q3="hi1", into=("m1i", "sd1i")
    )
    assert got.m1i[0] == pytest.approx(25.708, abs=5e-4)
    assert got.sd1i[0] == pytest.approx(9.160, abs=5e-4)
    assert "m1i" not in wide.columns


def test_direction_is_turned_once_and_the_extracted_effect_is_kept():
    effects = pd.DataFrame({"yi": [-0.49, 1.31], "vi": [0.1, 0.2], "outcome": ["CSA", "FI"]})
    got = harmonise_direction(effects, reverse=effects.outcome == "CSA")
    assert got.yi.tolist() == [0.49, 1.31]
    assert got.yi_as_extracted.tolist() == [-0.49, 1.31]
    assert got.vi.tolist() == [0.1, 0.2]
    with pytest.raises(InputError, match="turned before"):
        harmonise_direction(got, reverse=[True, False])


def test_a_shared_control_group_is_split_and_nobody_is_lost():
    data = pd.DataFrame({"study": ["a", "a", "a", "b"], "n2i": [40, 40, 40, 25]})
    assert split_shared_group(data, "study").n2i.tolist() == [14, 13, 13, 25]


# refusals


def test_quantiles_out_of_order_are_named():
    arms = pd.DataFrame({"n": [20, 20], "q1": [1, 9], "median": [2, 5], "q3": [3, 11]})
    with pytest.raises(InputError, match="row 2, column 'median': 5 is below 'q1', 9"):
        arms_from_summaries(arms)


def test_an_interval_upside_down_is_named():
    arms = pd.DataFrame({"n": [20], "ci_lower": [3], "ci_upper": [2]})
    with pytest.raises(InputError, match="row 1, column 'ci_upper': 2 is below 'ci_lower', 3"):
        arms_from_summaries(arms)


def test_arms_without_size_are_refused():
    with pytest.raises(InputError, match="no column 'n'"):
        arms_from_summaries(pd.DataFrame({"mean": [1]}))


def test_impossible_arguments_are_refused():
    with pytest.raises(InputError, match=r"correlation is between -1 and 1, not 1\.4"):
        average_sides(1, 1, 1, 1, correlation=1.4)
    with pytest.raises(InputError, match="p is between 0 and 1"):
        sd_from_p(1, 0, 5, 5)
    with pytest.raises(InputError, match="means above 0, not -2"):
        to_log_scale(-2, 1)
    with pytest.raises(InputError, match="level is a share"):
        sd_from_interval(1, 2, 10, level=95)
    with pytest.raises(InputError, match="distribution is 't' or 'z'"):
        sd_from_interval(1, 2, 10, distribution="normal")
    with pytest.raises(InputError, match="method is 'luo' or 'wan'"):
        mean_from_quantiles(10, median=1, method="hozo")
    with pytest.raises(InputError, match="method is 'shi' or 'wan'"):
        sd_from_quantiles(10, q1=1, q3=2, method="hozo")
    with pytest.raises(InputError, match="one True or False for each of the 2 effects"):
        harmonise_direction(pd.DataFrame({"yi": [1, 2]}), reverse=[True])
    with pytest.raises(InputError, match="differs, so the group is not shared"):
        split_shared_group(pd.DataFrame({"study": [1, 1], "n2i": [3, 4]}), "study")
    with pytest.raises(InputError, match="no column 'arm'; this table has: n, mean, sd"):
        combine_groups(pd.DataFrame({"n": [2], "mean": [1], "sd": [1]}), "arm")
