"""Bland and Altman's limits and Lin's concordance."""

from __future__ import annotations

import numpy as np
import pytest
from cohort.reliability_pins import EJECTION, LARGE_METER, MINI_METER, PINS

from enthesis.cohort import bland_altman, bland_altman_repeated, concordance
from enthesis.cohort.limits import limits
from enthesis.errors import InputError

EXACT = 1e-9
"""Both sides compute in double precision and print all digits."""

REPEATED = PINS["repeated"]


def test_bias_and_sd_match_bland_altman_1986():
    # Lancet 1986, p. 308: mean difference -2.1, SD 38.8 l/min; interval of the bias -22.0 to 17.8.
    found = bland_altman(LARGE_METER, MINI_METER)
    assert found.bias == pytest.approx(-2.1, abs=0.05)
    assert found.sd == pytest.approx(38.8, abs=0.05)
    assert (found.bias_lower, found.bias_upper) == pytest.approx((-22.0, 17.8), abs=0.05)
    # They took 2 SD; with 1.96 the limits lie 1.6 l/min nearer than their -79.7 and 75.5.
    assert found.lower_limit == pytest.approx(-79.7 + 0.04 * 38.8, abs=0.1)
    assert found.upper_limit == pytest.approx(75.5 - 0.04 * 38.8, abs=0.1)


def test_bias_trend_and_normality_match_r():
    found, pin = bland_altman(LARGE_METER, MINI_METER), PINS["agreement"]
    assert found.bias == pytest.approx(pin["bias"], rel=EXACT)
    assert found.sd == pytest.approx(pin["sd"], rel=EXACT)
    assert (found.bias_lower, found.bias_upper) == pytest.approx(tuple(pin["bias_ci"]), rel=EXACT)
    assert found.proportional.slope == pytest.approx(pin["slope"], rel=EXACT)
    assert found.proportional.p_value == pytest.approx(pin["slope_p"], rel=EXACT)
    # Two implementations of Royston's approximation.
    assert found.normality_p == pytest.approx(pin["shapiro_p"], rel=1e-4)


def test_exact_intervals_of_the_limits_match_the_noncentral_t_of_r():
    pin = PINS["limit_factors"]
    for n, inner, outer in zip(pin["n"], pin["inner"], pin["outer"], strict=True):
        scores = np.arange(n, dtype=float)
        scores = (scores - scores.mean()) / scores.std(ddof=1)
        found = limits(scores, coverage=0.95, level=0.95)
        # R says itself that its noncentral t may lack full precision.
        assert found.upper[1:] == pytest.approx((inner, outer), rel=1e-6)
        assert found.lower[1:] == pytest.approx((-outer, -inner), rel=1e-6)


def test_limits_of_four_differences_by_hand():
    found = bland_altman([1, 3, 2, 6], [0, 1, 1, 6])
    # Differences 1, 2, 1, 0: mean 1, variance 2 / 3.
    assert found.bias == 1
    assert found.sd == pytest.approx(np.sqrt(2 / 3))
    assert found.upper_limit == pytest.approx(1 + 1.959964 * np.sqrt(2 / 3), rel=1e-6)


def test_exact_intervals_of_a_limit_cover_as_they_say():
    rng = np.random.default_rng(3)
    inside = 0
    for _ in range(1000):
        found = limits(rng.normal(0, 1, 12), coverage=0.95, level=0.95)
        inside += found.upper[1] <= 1.959964 <= found.upper[2]
    # 1000 draws of 0.95: standard error 0.7 points; four of them.
    assert inside / 1000 == pytest.approx(0.95, abs=0.028)


def test_swapping_the_two_measurements_turns_the_limits_round():
    found = bland_altman(LARGE_METER, MINI_METER)
    turned = bland_altman(MINI_METER, LARGE_METER)
    assert turned.bias == pytest.approx(-found.bias)
    assert turned.lower_limit == pytest.approx(-found.upper_limit)
    assert turned.lower_limit_lower == pytest.approx(-found.upper_limit_upper)
    assert turned.proportional.slope == pytest.approx(-found.proportional.slope)


def test_a_proportional_bias_is_seen_and_the_log_scale_takes_it():
    true = np.linspace(20, 200, 40)
    wobble = np.exp(np.random.default_rng(2).normal(0, 0.05, 40))
    plain = bland_altman(1.2 * true * wobble, true)
    assert plain.proportional.slope > 0.1
    assert any("changes with the size" in note for note in plain.notes)
    assert any("spread wider" in note and "'log'" in note for note in plain.notes)
    ratio = bland_altman(1.2 * true * wobble, true, scale="log")
    assert ratio.bias == pytest.approx(1.2, abs=0.03)
    assert ratio.proportional.p_value > 0.05
    assert ratio.lower_limit < 1.2 < ratio.upper_limit


def test_percent_differences_do_not_depend_on_the_unit():
    metres = bland_altman(LARGE_METER, MINI_METER, scale="percent")
    feet = bland_altman(3.28 * LARGE_METER, 3.28 * MINI_METER, scale="percent")
    assert feet.bias == pytest.approx(metres.bias)
    # 200 (494 - 512) / (494 + 512)
    assert metres.differences[0] == pytest.approx(-3600 / 1006)


def test_equal_differences_have_limits_without_width_and_say_so():
    found = bland_altman([1.5, 2.5, 4.5], [1, 2, 4])
    assert (found.lower_limit, found.bias, found.upper_limit) == (0.5, 0.5, 0.5)
    assert np.isnan(found.proportional.slope) and np.isnan(found.normality_p)
    assert "no width" in found.notes[0]


def test_pairs_without_a_value_are_left_out_and_counted():
    found = bland_altman([1, 2, np.nan, 4, 6], [1, 3, 3, 5, 5])
    assert found.n_pairs == 4
    assert found.notes[0] == "1 of 5 subjects lacks a rating and was left out"


def test_several_pairs_a_subject_match_the_analysis_of_variance_of_r():
    found = bland_altman_repeated(REPEATED["first"], REPEATED["second"], REPEATED["subjects"])
    assert found.bias == pytest.approx(REPEATED["bias"], rel=EXACT)
    assert found.sd == pytest.approx(REPEATED["sd"], rel=EXACT)
    assert (found.n_pairs, found.n_subjects) == (60, 12)


def test_several_pairs_a_subject_match_bland_altman_2007():
    # J Biopharm Stat 2007;17:571-582: bias 0.6021667, SD 0.99062408, limits -1.3394565, 2.5437899.
    subjects, first, second = EJECTION.T
    found = bland_altman_repeated(first, second, subjects)
    assert found.bias == pytest.approx(0.6021667, abs=5e-8)
    # Their SD follows from components that they had rounded.
    assert found.sd == pytest.approx(0.99062408, abs=1e-7)
    # They took 1.96 for 1.959964.
    assert found.lower_limit == pytest.approx(-1.3394565, abs=4e-5)
    assert found.upper_limit == pytest.approx(2.5437899, abs=4e-5)


def test_replicates_of_a_constant_value_match_bland_altman_1999_and_2007():
    # Mean difference 0.7092361, SD 1.0518506 (2007); limits -1.3521 and 2.7705 (1999, p. 156).
    subjects, first, second = EJECTION.T
    found = bland_altman_repeated(first, second, subjects, true_value="constant")
    assert found.bias == pytest.approx(0.7092361, abs=5e-8)
    assert found.sd == pytest.approx(1.0518506, abs=5e-8)
    # The 1999 paper printed SD 1.0517.
    assert (found.lower_limit, found.upper_limit) == pytest.approx((-1.3521, 2.7705), abs=5e-4)
    assert len(found.means) == found.n_subjects == 12


def test_replicates_of_one_method_need_not_stand_beside_those_of_the_other():
    subjects, first, second = EJECTION.T
    expected = bland_altman_repeated(first, second, subjects, true_value="constant", scale="log")
    gap = np.full(60, np.nan)
    apart = bland_altman_repeated(
        np.r_[first, gap],
        np.r_[gap, second[::-1]],
        np.r_[subjects, subjects[::-1]],
        true_value="constant",
        scale="log",
    )
    assert apart.bias == pytest.approx(expected.bias)
    assert apart.upper_limit_upper == pytest.approx(expected.upper_limit_upper)
    lost = bland_altman_repeated(
        np.where(subjects == 1, np.nan, first), second, subjects, true_value="constant"
    )
    assert lost.n_subjects == 11
    assert "1 of 12 subjects lacks a rating and was left out" in lost.notes


def test_intervals_of_limits_from_replicates_cover_about_as_they_say():
    rng = np.random.default_rng(6)
    owner = np.repeat(np.arange(15), 3)
    limit = 1.959964 * np.sqrt(1 + 0.6**2 + 0.4**2)
    inside = 0
    for _ in range(400):
        first = rng.normal(0, 1, 15)[owner] + rng.normal(0, 0.6, 45)
        second = rng.normal(0, 0.4, 45)
        found = bland_altman_repeated(first, second, owner, true_value="constant")
        inside += found.upper_limit_lower <= limit <= found.upper_limit_upper
    # 400 draws of 0.95: standard error 1.1 points; four of them.
    assert inside / 400 == pytest.approx(0.95, abs=0.044)


def test_several_pairs_a_subject_by_hand():
    # Subject means of the differences 1, 3, 5; MSB = 2 * 4 = 8; MSW = 6 * 1 / 3 = 2; m0 = 2.
    differences = np.array([0, 2, 2, 4, 4, 6.0])
    found = bland_altman_repeated(differences, np.zeros(6), [1, 1, 2, 2, 3, 3])
    assert found.bias == 3
    assert found.sd == pytest.approx(np.sqrt((8 - 2) / 2 + 2))
    # Balanced: the bias has the standard error of three subject means.
    assert found.bias_upper - 3 == pytest.approx(4.302653 * 2 / np.sqrt(3), rel=1e-6)


def test_taking_repeats_for_subjects_makes_the_interval_of_the_bias_too_short():
    repeated = bland_altman_repeated(REPEATED["first"], REPEATED["second"], REPEATED["subjects"])
    naive = bland_altman(REPEATED["first"], REPEATED["second"])
    assert repeated.bias == pytest.approx(naive.bias)
    assert repeated.bias_lower < naive.bias_lower


def test_intervals_of_repeated_limits_cover_about_as_they_say():
    rng = np.random.default_rng(5)
    owner = np.repeat(np.arange(15), 3)
    limit = 1.959964 * np.sqrt(1 + 0.5**2)
    inside = 0
    for _ in range(400):
        first = rng.normal(0, 1, 15)[owner] + rng.normal(0, 0.5, 45)
        found = bland_altman_repeated(first, np.zeros(45), owner)
        inside += found.upper_limit_lower <= limit <= found.upper_limit_upper
    # 400 draws of 0.95: standard error 1.1 points; four of them.
    assert inside / 400 == pytest.approx(0.95, abs=0.044)


def test_no_variance_between_subjects_is_taken_as_zero_and_said():
    rng = np.random.default_rng(0)
    owner = np.repeat([0, 1, 2], 4)
    noise = rng.normal(0, 1, 12)
    noise -= (np.bincount(owner, weights=noise) / 4)[owner]
    found = bland_altman_repeated(noise, np.zeros(12), owner)
    assert found.sd == pytest.approx(np.sqrt((noise**2).sum() / 9))
    assert any("taken as zero" in note for note in found.notes)


@pytest.mark.parametrize(
    ("first", "second", "options", "said"),
    [
        ([1, 2], [1, 2, 3], {}, "got 2 and 3"),
        ([1, 2], [2, 1], {}, "three or more pairs .* got 2"),
        ([1, 2, -3], [2, 1, 3], {"scale": "log"}, "'log' needs values above zero, got -3"),
        ([1, 2, 3], [2, 1, 3], {"scale": "ratio"}, "got 'ratio'"),
        ([1, 2, 3], [2, 1, 3], {"coverage": 95}, "coverage lies between 0 and 1"),
    ],
)
def test_unusable_pairs_are_refused_in_a_sentence(first, second, options, said):
    with pytest.raises(InputError, match=said):
        bland_altman(first, second, **options)


def test_repeated_pairs_without_repeats_or_with_too_few_subjects_are_refused():
    with pytest.raises(InputError, match="no subject has two pairs"):
        bland_altman_repeated([1, 2, 3], [1, 1, 1], ["a", "b", "c"])
    with pytest.raises(InputError, match=r"three or more subjects .* got 1"):
        bland_altman_repeated([1, 2, 3], [1, 1, 1], ["a", "a", "a"])
    with pytest.raises(InputError, match="no subject has two readings of a method"):
        bland_altman_repeated([1, 2, 3], [1, 1, 1], ["a", "b", "c"], true_value="constant")
    with pytest.raises(InputError, match="have no percent differences"):
        bland_altman_repeated([1], [1], ["a"], true_value="constant", scale="percent")
    with pytest.raises(InputError, match="got 'fixed'"):
        bland_altman_repeated([1], [1], ["a"], true_value="fixed")
    with pytest.raises(InputError, match="needs its subject, got 2"):
        bland_altman_repeated([1, 2, 3], [1, 1, 1], ["a", "b"])


@pytest.mark.parametrize("pin", PINS["ccc"], ids=["peak flow", "areas"])
def test_concordance_matches_epir(pin):
    found = concordance(pin["first"], pin["second"])
    for name in ("estimate", "ci_lower", "ci_upper", "accuracy"):
        assert getattr(found, name) == pytest.approx(pin[name], rel=EXACT)


def test_concordance_of_a_shifted_copy_by_hand():
    # Variance 2 (divisor n) and a shift of 1: 2 * 2 / (2 + 2 + 1).
    values = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    found = concordance(values, values + 1)
    assert found.precision == pytest.approx(1)
    assert found.estimate == pytest.approx(0.8)
    assert found.location_shift == pytest.approx(-1 / np.sqrt(2))


def test_concordance_does_not_change_with_zero_point_and_unit():
    moved = concordance(3 * LARGE_METER - 500, 3 * MINI_METER - 500)
    found = concordance(LARGE_METER, MINI_METER)
    assert (moved.ci_lower, moved.ci_upper) == pytest.approx((found.ci_lower, found.ci_upper))


def test_concordance_of_a_copy_is_one_and_of_unrelated_values_has_an_interval():
    same = concordance([1, 2, 3, 5], [1, 2, 3, 5])
    assert (same.estimate, same.ci_lower, same.ci_upper) == (1, 1, 1)
    unrelated = concordance([1, 2, 3, 4], [1, -1, -1, 1])
    assert unrelated.estimate == pytest.approx(0, abs=1e-12)
    assert unrelated.ci_lower < 0 < unrelated.ci_upper


def test_concordance_of_a_mirrored_copy_is_minus_one():
    mirrored = concordance([1, 2, 3, 4], [4, 3, 2, 1])
    assert (mirrored.estimate, mirrored.ci_lower) == (-1, -1)


def test_concordance_with_a_constant_is_refused():
    with pytest.raises(InputError, match="every value of the second measurement is 7"):
        concordance([1, 2, 3, 4], [7, 7, 7, 7])
    with pytest.raises(InputError, match="four or more pairs"):
        concordance([1, 2, 3], [1, 2, 4])


def test_many_pairs_have_no_test_of_normality():
    values = np.random.default_rng(0).normal(50, 5, (5001, 2))
    found = bland_altman(values[:, 0], values[:, 1])
    assert np.isnan(found.normality_p)
    assert found.n_pairs == 5001
