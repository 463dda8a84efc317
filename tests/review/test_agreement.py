import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.review import cohen_kappa

A = ["yes"] * 25 + ["no"] * 25
B = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15


def test_kappa_by_hand():
    # 35 of 50 alike; by chance (25 * 30 + 25 * 20) / 2500 = 0.5; (0.7 - 0.5) / 0.5.
    found = cohen_kappa(A, B)
    assert found.observed == pytest.approx(0.7)
    assert found.kappa == pytest.approx(0.4)


def test_kappa_does_not_change_when_the_raters_change_places():
    one, other = cohen_kappa(A, B), cohen_kappa(B, A)
    assert (one.kappa, one.ci_lower) == pytest.approx((other.kappa, other.ci_lower))


def test_the_interval_is_that_of_the_delta_method():
    # The variance of kappa from numerical derivatives over the four multinomial cells.
    cells = np.array([[20.0, 5.0], [10.0, 15.0]]) / 50

    def kappa(p):
        observed, chance = np.trace(p), p.sum(1) @ p.sum(0) / p.sum() ** 2
        return (observed / p.sum() - chance) / (1 - chance)

    step = 1e-6
    slopes = np.array(
        [
            (kappa(cells + step * e.reshape(2, 2)) - kappa(cells - step * e.reshape(2, 2)))
            / (2 * step)
            for e in np.eye(4)
        ]
    )
    p = cells.ravel()
    variance = slopes @ (np.diag(p) - np.outer(p, p)) @ slopes / 50
    found = cohen_kappa(A, B)
    # Central differences are good to about step squared.
    assert (found.ci_upper - found.ci_lower) / 2 == pytest.approx(
        1.959964 * variance**0.5, rel=1e-6
    )


def test_kappa_is_missing_where_only_one_category_was_used():
    assert np.isnan(cohen_kappa(["yes"] * 3, ["yes"] * 3).kappa)


def test_ratings_of_different_things_are_refused():
    with pytest.raises(InputError, match="got 1 and 2"):
        cohen_kappa(["yes"], ["yes", "no"])
