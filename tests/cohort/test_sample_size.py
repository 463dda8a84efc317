"""Sample sizes against published tables and other programs."""

from __future__ import annotations

import math

import pytest
from cohort.group_pins import PINS

from enthesis import cohort
from enthesis.cohort.sample_size import hanley_mcneil_se
from enthesis.errors import InputError


@pytest.mark.parametrize(
    ("smd", "power", "n"),
    [(0.2, 0.8, 394), (0.5, 0.8, 64), (0.8, 0.8, 26), (0.5, 0.95, 105), (0.8, 0.95, 42)],
)
def test_two_groups_are_the_sizes_of_g_power(smd, power, n):
    # Faul et al. 2007's program; 64 per group for d = 0.5 is its manual's (and Cohen's) example.
    found = cohort.size_for_difference(smd, power=power)
    assert (found.first, found.second) == (n, n)
    assert found.reached >= power


@pytest.mark.parametrize("case", PINS["sizes"]["difference"])
def test_two_groups_are_the_sizes_of_pwr(case):
    smd, power, alpha, n = case
    assert cohort.size_for_difference(smd, power=power, alpha=alpha).first == math.ceil(n)


def test_unequal_groups_reach_the_power_of_pwr():
    found = cohort.size_for_difference(0.5, ratio=2)
    assert (found.first, found.second) == (48, 96)
    assert found.reached == pytest.approx(PINS["sizes"]["power_of_48_and_96"], rel=1e-9)


def test_the_sign_of_a_difference_does_not_matter():
    assert cohort.size_for_difference(-0.5).total == cohort.size_for_difference(0.5).total


def test_drop_out_is_recruited_for():
    # 128 / 0.8 = 160.
    assert cohort.size_for_difference(0.5, dropout=0.2).recruit == 160
    assert cohort.size_for_difference(0.5).recruit == 128


@pytest.mark.parametrize(
    ("least", "icc", "raters", "n"), [(0, 0.2, 2, 152), (0.6, 0.8, 2, 39), (0.6, 0.8, 3, 27)]
)
def test_the_test_of_an_icc_by_hand_from_walter_s_formula(least, icc, raters, n):
    c = (1 + raters * least / (1 - least)) / (1 + raters * icc / (1 - icc))
    z = 1.6448536 + 0.8416212
    by_hand = 1 + 2 * z**2 * raters / (math.log(c) ** 2 * (raters - 1))
    found = cohort.size_for_icc_test(icc, least=least, raters=raters)
    assert found.first == math.ceil(by_hand) == n
    assert found.reached >= 0.8


def test_the_width_of_an_icc_is_bonett_s_example():
    # Bonett 2002: an ICC of 0.8, two raters, width 0.2: 51, and 5 * 0.8 more make 55.
    assert cohort.size_for_icc_width(0.8, width=0.2, raters=2).first == 55
    # The R package ICC's Nest gives 101 for an ICC of 0.7, before 5 * 0.7 are added.
    assert cohort.size_for_icc_width(0.7, width=0.2, raters=2).first == 101 + 4


@pytest.mark.parametrize("case", PINS["sizes"]["auc"])
def test_the_test_of_an_area_is_that_of_proc(case):
    auc, power, ratio, n = case
    assert cohort.size_for_auc_test(auc, power=power, ratio=ratio).first == math.ceil(n)


def test_the_error_of_an_area_by_hand_from_hanley_and_mcneil_s_formula():
    # An area of 0.8: Q1 = 0.8 / 1.2, Q2 = 1.28 / 1.8; 3 events and 5 others.
    by_hand = (0.16 + 2 * (0.8 / 1.2 - 0.64) + 4 * (1.28 / 1.8 - 0.64)) / 15
    assert hanley_mcneil_se(0.8, 3, 5) == pytest.approx(math.sqrt(by_hand))


def test_the_width_of_an_area_is_reached_by_no_fewer():
    found = cohort.size_for_auc_width(0.8, width=0.1)
    assert found.reached <= 0.1
    fewer = 2 * 1.959963984540054 * hanley_mcneil_se(0.8, found.first - 1, found.second - 1)
    assert fewer > 0.1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cohort.size_for_difference(0), "difference of 0 SD cannot be found"),
        (lambda: cohort.size_for_difference(1e-5), "more than 10,000,000 subjects"),
        (lambda: cohort.size_for_difference(0.5, power=80), "power lies between 0 and 1, got 80"),
        (lambda: cohort.size_for_difference(0.5, ratio=0), "ratio is above 0, got 0"),
        (lambda: cohort.size_for_difference(0.5, dropout=1), "dropout is a share"),
        (lambda: cohort.size_for_icc_test(0.6, least=0.6, raters=2), "got 0.6 and 0.6"),
        (lambda: cohort.size_for_icc_width(0.6, width=0.2, raters=1), "two or more raters"),
        (lambda: cohort.size_for_auc_test(0.5), "got 0.5 and 0.5"),
        (lambda: cohort.size_for_auc_width(1.0, width=0.1), "auc lies between 0 and 1, got 1"),
    ],
)
def test_a_study_that_cannot_be_planned_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call()
