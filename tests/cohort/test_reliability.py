"""Intraclass correlations, measurement error and precision."""

from __future__ import annotations

import numpy as np
import pytest
from cohort.reliability_pins import BMD_PAIRS, PINS, SHROUT_FLEISS
from hypothesis import given
from hypothesis import strategies as st

from enthesis.cohort import (
    icc,
    koo_li,
    koo_li_interval,
    measurement_error,
    precision_error,
    within_subject_cv,
)
from enthesis.cohort.reliability import ICC_FORMS
from enthesis.errors import InputError

EXACT = 1e-9
"""Both sides compute in double precision and print all digits."""


@pytest.mark.parametrize(
    ("form", "printed"),
    [
        ("ICC(1,1)", 0.17),
        ("ICC(2,1)", 0.29),
        ("ICC(3,1)", 0.71),
        ("ICC(1,k)", 0.44),
        ("ICC(2,k)", 0.62),
        ("ICC(3,k)", 0.91),
    ],
)
def test_icc_matches_shrout_fleiss_1979_table_4(form, printed):
    assert icc(SHROUT_FLEISS, form=form).estimate == pytest.approx(printed, abs=0.005)


@pytest.mark.parametrize("case", PINS["icc"], ids=["Shrout-Fleiss", "areas", "noise"])
def test_six_forms_with_intervals_and_tests_match_psych(case):
    for place, form in enumerate(case["forms"]):
        found = icc(case["ratings"], form=form)
        for name in ("estimate", "ci_lower", "ci_upper", "f", "df1", "df2", "p_value"):
            assert getattr(found, name) == pytest.approx(case[name][place], rel=EXACT, abs=EXACT)


def test_icc_of_four_numbers_by_hand():
    # Means 1.5 and 5.5: MSR = 16, MSC = 1, MSE = 0; MSW = (1 + 0) / 2.
    ratings = [[1, 2], [5, 6]]
    assert icc(ratings, form="ICC(1,1)").estimate == pytest.approx((16 - 0.5) / (16 + 0.5))
    assert icc(ratings, form="ICC(2,1)").estimate == pytest.approx(16 / (16 + 2 * 1 / 2))
    assert icc(ratings, form="ICC(3,1)").estimate == 1


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e3))
def test_icc_does_not_change_with_zero_point_and_unit(shift, unit):
    for form in ICC_FORMS:
        moved = icc(shift + unit * SHROUT_FLEISS, form=form)
        # A shift of 1e9 units costs nine digits of the differences.
        assert moved.estimate == pytest.approx(icc(SHROUT_FLEISS, form=form).estimate, abs=1e-5)


def test_a_shift_between_raters_of_subjects_who_do_not_differ_is_refused():
    shifted = [[100, 104], [100, 104], [100, 104]]
    with pytest.raises(InputError, match="do not differ"):
        icc(shifted, form="ICC(3,1)")
    # For agreement all that varies is the raters' difference.
    assert icc(shifted, form="ICC(2,1)").estimate == 0


def test_a_constant_shift_between_raters_lowers_agreement_but_not_consistency():
    shifted = SHROUT_FLEISS + np.array([0, 20, 0, 0])
    assert icc(shifted, form="ICC(3,1)").estimate == pytest.approx(0.7148, abs=5e-5)
    assert icc(shifted, form="ICC(2,1)").estimate < 0.1


def test_perfect_agreement_gives_one_and_says_that_the_interval_has_no_width():
    same = np.outer([1.1, 2.3, 3.7, 9.9], [1, 1, 1])
    for form in ICC_FORMS:
        found = icc(same, form=form)
        assert (found.estimate, found.ci_lower, found.ci_upper) == (1, 1, 1)
        assert found.p_value == 0
        assert "no width" in " ".join(found.notes)


def test_a_negative_icc_is_reported_not_clipped():
    found = icc([[1, 9], [9, 1], [2, 8.5]], form="ICC(1,1)")
    assert found.estimate < -0.9
    assert "negative" in " ".join(found.notes)


def test_subjects_without_a_rating_are_left_out_and_counted():
    gap = SHROUT_FLEISS.astype(float)
    gap[2, 1] = np.nan
    found = icc(gap, form="ICC(2,1)")
    assert found.n_subjects == 5
    assert "1 of 6 subjects lacks a rating and was left out" in found.notes
    whole = icc(np.delete(SHROUT_FLEISS, 2, axis=0), form="ICC(2,1)")
    assert found.estimate == whole.estimate


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (-0.2, "poor"),
        (0.4999, "poor"),
        (0.5, "moderate"),
        (0.7499, "moderate"),
        (0.75, "good"),
        (0.8999, "good"),
        (0.9, "excellent"),
        (1.0, "excellent"),
    ],
)
def test_koo_li_bands_at_and_just_below_their_borders(value, word):
    assert koo_li(value) == word


def test_koo_li_judges_the_interval():
    assert koo_li_interval(0.72, 0.93) == "moderate to excellent"
    found = icc(SHROUT_FLEISS, form="ICC(3,1)")
    assert (found.band, found.band_of_estimate) == ("poor to excellent", "moderate")


@pytest.mark.parametrize(
    ("ratings", "said"),
    [
        ([[1.0], [2.0], [3.0]], "two or more raters or sessions are needed .* got 1"),
        ([[3, 3], [3, 3], [3, 3]], "every rating is 3"),
        ([[1, np.nan], [2, 3], [np.nan, 4]], r"got 1 \(of 3 rows\)"),
        ([[1, np.inf], [2, 3]], "row 0, rater column 1 .* holds inf"),
        ([["a", "b"], ["c", "d"]], "cannot be read"),
        ([1, 2, 3], "got 1 axes"),
    ],
)
def test_unusable_ratings_are_refused_in_a_sentence(ratings, said):
    with pytest.raises(InputError, match=said):
        icc(ratings, form="ICC(2,1)")


def test_unknown_form_kind_and_level_are_refused():
    with pytest.raises(InputError, match="no ICC form named 'ICC'"):
        icc(SHROUT_FLEISS, form="ICC")
    with pytest.raises(InputError, match=r"kind of error is .* got 'sem'"):
        measurement_error(SHROUT_FLEISS, kind="sem")
    with pytest.raises(InputError, match=r"between 0 and 1 .* got 95"):
        icc(SHROUT_FLEISS, form="ICC(2,1)", level=95)


def test_measurement_error_of_shrout_fleiss_worked_through():
    # MSE 1.01944, MSC 32.48611, n = 6: 1.01944 + 31.46667 / 6 = 6.26389.
    consistency = measurement_error(SHROUT_FLEISS, kind="consistency")
    agreement = measurement_error(SHROUT_FLEISS)
    assert consistency.sem == pytest.approx(np.sqrt(1.0194444), rel=1e-7)
    assert consistency.df == 15
    assert agreement.sem == pytest.approx(2.5027762, rel=1e-7)
    assert agreement.sdc == pytest.approx(6.9372, abs=5e-5)
    assert agreement.sdc_of_mean == pytest.approx(agreement.sdc / np.sqrt(6))


def test_error_of_agreement_is_that_of_one_way_with_fewer_degrees_of_freedom():
    one_way = measurement_error(SHROUT_FLEISS, kind="one-way")
    agreement = measurement_error(SHROUT_FLEISS)
    assert one_way.sem == pytest.approx(agreement.sem)
    assert agreement.df < one_way.df == 18


def test_precision_error_of_duplicates_by_hand():
    # Half the mean squared difference: (144 + 25 + 196 + 4 + 121) / 10 = 49 millionths.
    found = precision_error(BMD_PAIRS)
    assert found.rms_sd == pytest.approx(0.007)
    assert found.rms_cv == pytest.approx(0.737726, abs=5e-7)
    assert found.lsc == pytest.approx(1.959964 * np.sqrt(2) * 0.007, rel=1e-6)
    assert (found.df, found.n_subjects, found.n_measurements) == (5, 5, 10)
    assert "imprecise" in found.notes[0]


def test_thirty_degrees_of_freedom_have_the_upper_factor_of_gluer_1995():
    repeats = np.random.default_rng(1).normal(1, 0.01, (15, 3))
    found = precision_error(repeats, level=0.90)
    assert found.df == 30
    # Upper end of the two-sided 90% interval: sqrt(30 / 18.4927).
    assert found.rms_sd_upper / found.rms_sd == pytest.approx(1.274, abs=5e-4)
    assert found.notes == ()


def test_precision_weighs_subjects_by_their_degrees_of_freedom():
    repeats = np.array([[1.0, 3.0, np.nan], [4.0, 4.0, 7.0], [9.0, np.nan, np.nan]])
    # Variances 2 (1 df) and 3 (2 df): (2 + 6) / 3; the third subject has one measurement.
    found = precision_error(repeats)
    assert found.rms_sd == pytest.approx(np.sqrt(8 / 3))
    assert found.df == 3
    assert "1 of 3 subjects have fewer than two measurements" in found.notes


def test_hounsfield_units_have_no_coefficient_of_variation():
    found = precision_error([[-10, -12], [30, 33]])
    assert np.isnan(found.rms_cv) and np.isnan(found.lsc_percent)
    assert np.isfinite(found.lsc)
    with pytest.raises(InputError, match=r"true zero; Hounsfield .* got -12"):
        within_subject_cv([[-10, -12], [30, 33]])


def test_precision_does_not_change_when_subjects_shift_but_their_cv_does():
    shifted = precision_error(BMD_PAIRS + np.arange(5)[:, None])
    assert shifted.rms_sd == pytest.approx(0.007)
    assert shifted.rms_cv < precision_error(BMD_PAIRS).rms_cv


def test_three_ways_of_a_within_subject_cv_by_hand():
    repeats = np.array([[9.0, 11.0], [18.0, 22.0]])
    # SDs sqrt(2) and sqrt(8) of means 10 and 20: both 14.14%.
    assert within_subject_cv(repeats).estimate == pytest.approx(100 * np.sqrt(0.02))
    log_sd = np.log(11 / 9) / np.sqrt(2)
    log = within_subject_cv(repeats, method="log")
    assert log.estimate == pytest.approx(100 * np.expm1(log_sd))
    assert log.ci_lower < log.estimate < log.ci_upper
    mean = within_subject_cv(repeats, method="mean")
    assert mean.estimate == pytest.approx(100 * np.sqrt(5) / 15)
    with pytest.raises(InputError, match="got 'median'"):
        within_subject_cv(repeats, method="median")


def test_precision_without_repeats_is_refused():
    with pytest.raises(InputError, match="none of the 2 subjects has two measurements"):
        precision_error([[1, np.nan], [np.nan, 2]])


def test_intervals_of_the_precision_error_cover_as_they_say():
    rng = np.random.default_rng(7)
    inside = 0
    for _ in range(400):
        found = precision_error(rng.normal(0, 2, (15, 3)) + 100)
        inside += found.rms_sd_lower <= 2 <= found.rms_sd_upper
    # 400 draws of 0.95: standard error 1.1 points; four of them.
    assert inside / 400 == pytest.approx(0.95, abs=0.044)
