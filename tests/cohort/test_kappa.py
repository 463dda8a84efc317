"""Agreement on categories: percent, kappa of Cohen and Fleiss, Krippendorff's alpha."""

from __future__ import annotations

import numpy as np
import pytest
from cohort.reliability_pins import FLEISS_COUNTS, KRIPPENDORFF, PINS, fleiss_ratings

from enthesis.cohort import (
    cohen_kappa,
    fleiss_kappa,
    krippendorff_alpha,
    landis_koch,
    percent_agreement,
)
from enthesis.errors import InputError

EXACT = 1e-9
"""Both sides compute in double precision and print all digits."""

PIN = PINS["kappa"]


def two_by_two():
    """Cohen's 20, 5, 10, 15: chance gives half, 0.7 agree."""
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    return first, second


def test_cohen_kappa_of_a_fourfold_table_by_hand():
    found = cohen_kappa(*two_by_two())
    assert (found.observed, found.expected) == pytest.approx((0.7, 0.5))
    assert found.estimate == pytest.approx(0.4)


def test_cohen_kappa_with_its_interval_matches_psych():
    found = cohen_kappa(PIN["first"], PIN["second"])
    assert found.estimate == pytest.approx(PIN["none"], rel=EXACT)
    assert (found.ci_lower, found.ci_upper) == pytest.approx(tuple(PIN["none_ci"]), rel=EXACT)


@pytest.mark.parametrize("weights", ["linear", "quadratic"])
def test_weighted_kappa_matches_psych(weights):
    found = cohen_kappa(PIN["first"], PIN["second"], weights=weights)
    assert found.estimate == pytest.approx(PIN[weights], rel=EXACT)


@pytest.mark.parametrize("weights", ["none", "linear", "quadratic"])
def test_standard_error_of_kappa_is_that_of_its_influence_function(weights):
    first, second = np.array(PIN["first"]), np.array(PIN["second"])
    found = cohen_kappa(first, second, weights=weights)
    n, step = len(first), 1e-6
    apart = np.abs(np.arange(4)[:, None] - np.arange(4)) / 3
    w = {"none": np.eye(4), "linear": 1 - apart, "quadratic": 1 - apart**2}[weights]
    table = np.zeros((4, 4))
    np.add.at(table, (first, second), 1 / n)

    def kappa(t):
        chance = np.outer(t.sum(axis=1), t.sum(axis=0))
        return ((w * t).sum() - (w * chance).sum()) / (1 - (w * chance).sum())

    influence = []
    for i, j in zip(first, second, strict=True):
        one = np.zeros((4, 4))
        one[i, j] = 1
        up, down = ((1 - h) * table + h * one for h in (step, -step))
        influence.append((kappa(up) - kappa(down)) / (2 * step))
    expected = np.sqrt(np.mean(np.square(influence)) / n)
    # Central differences of a step of 1e-6.
    assert (found.ci_upper - found.estimate) / 1.959964 == pytest.approx(expected, rel=1e-5)


def test_weighted_kappa_counts_grades_that_nobody_gave():
    # Grades 0 and 4 are four steps apart also when no one gave 1 to 3 between them.
    first, second = [0, 0, 4, 4, 3, 0], [0, 3, 4, 4, 3, 0]
    by_value = cohen_kappa(first, second, weights="linear")
    all_grades = cohen_kappa(first, second, weights="linear", categories=range(5))
    assert by_value.estimate == pytest.approx(all_grades.estimate)


def test_quadratic_kappa_of_a_fourfold_table_is_the_plain_one():
    first, second = ([0 if x == "no" else 1 for x in half] for half in two_by_two())
    assert cohen_kappa(first, second, weights="quadratic").estimate == pytest.approx(0.4)


def test_kappa_does_not_change_when_categories_are_renamed():
    renamed = cohen_kappa(*([{"yes": "A", "no": "B"}[x] for x in half] for half in two_by_two()))
    assert renamed.estimate == pytest.approx(0.4)


def test_words_are_weighted_only_in_a_given_order():
    first, second = ["mild", "none", "severe", "mild"], ["none", "none", "severe", "severe"]
    with pytest.raises(InputError, match="needs the order of the categories 'mild', 'none'"):
        cohen_kappa(first, second, weights="linear")
    ordered = cohen_kappa(first, second, weights="linear", categories=["none", "mild", "severe"])
    graded = cohen_kappa([1, 0, 2, 1], [0, 0, 2, 2], weights="linear")
    assert ordered.estimate == pytest.approx(graded.estimate)


def test_fleiss_kappa_matches_fleiss_1971():
    # Psychol Bull 1971;76:378-382: overall 0.430; categories as Fleiss's equation for each gives.
    found = fleiss_kappa(fleiss_ratings())
    assert found.estimate == pytest.approx(0.430, abs=5e-4)
    assert list(found.by_category.values()) == pytest.approx(
        [0.245, 0.245, 0.520, 0.471, 0.566], abs=5e-4
    )
    assert FLEISS_COUNTS.sum(axis=0).tolist() == [26, 26, 30, 55, 43]


def test_interval_of_fleiss_kappa_matches_irrcac():
    # irrCAC (Python), CAC(ratings).fleiss(): 0.43024 (0.3194, 0.54109), five digits printed.
    found = fleiss_kappa(fleiss_ratings())
    assert (found.ci_lower, found.ci_upper) == pytest.approx((0.3194, 0.54109), abs=5e-5)


def test_fleiss_kappa_does_not_depend_on_the_order_of_raters():
    ratings = fleiss_ratings()
    shuffled = np.random.default_rng(0).permuted(ratings, axis=1)
    assert fleiss_kappa(shuffled).estimate == fleiss_kappa(ratings).estimate


def test_fleiss_kappa_of_three_subjects_by_hand():
    # Agreement 1, 1, 0 of two raters: 2/3 observed; shares 1/2 and 1/2: 1/2 expected.
    assert fleiss_kappa([[0, 0], [1, 1], [0, 1]]).estimate == pytest.approx(1 / 3)


def test_percent_agreement_by_hand():
    found = percent_agreement([["a", "a", "a"], ["a", "b", "a"], ["b", "b", None]])
    assert found.estimate == 50
    # Pairs: 3 of 3 and 1 of 3.
    assert found.pairwise == pytest.approx(100 * 4 / 6)
    assert found.notes == ("1 of 3 subjects lacks a rating and was left out",)
    # Wilson's interval of 1 in 2.
    assert (found.ci_lower, found.ci_upper) == pytest.approx((9.4531, 90.5469), abs=1e-4)


@pytest.mark.parametrize(
    ("metric", "printed"),
    [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849), ("ratio", 0.797)],
)
def test_alpha_matches_krippendorffs_example(metric, printed):
    # Krippendorff, Computing Krippendorff's alpha-reliability (2011), section C and D.
    found = krippendorff_alpha(KRIPPENDORFF, metric=metric)
    assert found.estimate == pytest.approx(printed, abs=5e-4)
    assert (found.n_subjects, found.n_ratings, found.n_raters) == (11, 40, 4)
    assert np.isnan(found.ci_lower)


def test_alpha_of_two_raters_by_hand():
    # Values 0 x 3 and 1 x 3, one of three subjects split: 1 - (2 / 6) / (18 / 30).
    found = krippendorff_alpha([[0, 0], [1, 1], [0, 1]], metric="nominal")
    assert found.estimate == pytest.approx(1 - (2 / 6) / (18 / 30))


def test_alpha_knows_the_steps_of_its_scale():
    scaled = np.where(np.isnan(KRIPPENDORFF), np.nan, KRIPPENDORFF**3)
    ordinal = krippendorff_alpha(KRIPPENDORFF, metric="ordinal").estimate
    assert krippendorff_alpha(scaled, metric="ordinal").estimate == pytest.approx(ordinal)
    shifted = krippendorff_alpha(10 + 3 * KRIPPENDORFF, metric="interval").estimate
    interval = krippendorff_alpha(KRIPPENDORFF, metric="interval").estimate
    assert shifted == pytest.approx(interval)


def test_bootstrap_interval_of_alpha_repeats_with_its_generator_and_covers_the_estimate():
    intervals = [
        krippendorff_alpha(
            fleiss_ratings(), metric="nominal", rng=np.random.default_rng(4), n_bootstraps=300
        )
        for _ in range(2)
    ]
    assert intervals[0].ci_lower == intervals[1].ci_lower
    assert intervals[0].ci_lower < intervals[0].estimate < intervals[0].ci_upper
    # Close to Gwet's interval of the same ratings, 0.319 to 0.541.
    assert intervals[0].ci_lower == pytest.approx(0.32, abs=0.05)


@pytest.mark.parametrize(
    ("kappa", "word"),
    [
        (-0.01, "poor"),
        (0.0, "slight"),
        (0.2, "slight"),
        (0.21, "fair"),
        (0.4, "fair"),
        (0.6, "moderate"),
        (0.61, "substantial"),
        (0.8, "substantial"),
        (0.81, "almost perfect"),
    ],
)
def test_landis_koch_bands_at_their_borders(kappa, word):
    assert landis_koch(kappa) == word


def test_one_category_is_refused_and_percent_agreement_is_offered():
    with pytest.raises(InputError, match=r"every rating is 'a'.* report the percent agreement"):
        cohen_kappa(["a", "a", "a"], ["a", "a", "a"])
    with pytest.raises(InputError, match="every rating is 2"):
        fleiss_kappa([[2, 2], [2, 2]])
    with pytest.raises(InputError, match="every paired rating is 2"):
        krippendorff_alpha([[2, 2], [2, 2]], metric="interval")
    assert percent_agreement([[2, 2], [2, 2]]).estimate == 100


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: fleiss_kappa([["a"], ["b"]]), "two or more raters or sessions"),
        (lambda: cohen_kappa(["a", "b"], ["a"]), "got 2 and 1"),
        (lambda: cohen_kappa(["a", "b"], ["a", "b"], weights="cubic"), "got 'cubic'"),
        (lambda: cohen_kappa(["a", "b"], ["a", "c"], categories="ab"), "'c' is not one of"),
        (lambda: cohen_kappa(["a", 1], ["a", 1]), "mix words and numbers"),
        (lambda: fleiss_kappa([[None, None], [None, None]]), "every rating is missing"),
        (lambda: krippendorff_alpha([["a", "b"]] * 2, metric="ordinal"), "needs numbers, got 'a'"),
        (lambda: krippendorff_alpha([[-1, 2]] * 2, metric="ratio"), "no negative values, got -1"),
        (lambda: krippendorff_alpha([[1, 2]] * 2, metric="polar"), "got 'polar'"),
        (lambda: krippendorff_alpha([[1, None], [None, 2]], metric="nominal"), "two ratings"),
    ],
)
def test_unusable_categories_are_refused_in_a_sentence(call, said):
    with pytest.raises(InputError, match=said):
        call()
