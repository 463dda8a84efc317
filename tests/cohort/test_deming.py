import numpy as np
import pytest

from enthesis.cohort import deming
from enthesis.errors import InputError

X = np.array([0.62, 0.71, 0.80, 0.84, 0.93, 1.02, 1.10, 1.21])
NOISE = np.array([3, -2, 4, -5, 1, 2, -4, 1]) / 1000


def test_three_pairs_by_hand():
    # sxx 2, syy 6, sxy 3: slope = (4 + sqrt(16 + 36)) / 6.
    line = deming([1.0, 2.0, 3.0], [1.0, 4.0, 4.0])
    assert line.slope == pytest.approx((4 + 52**0.5) / 6)
    assert line.intercept == pytest.approx(3 - 2 * line.slope)


def test_with_equal_errors_it_is_the_principal_axis():
    y = 0.02 + 1.05 * X + NOISE
    centred = np.column_stack([X - X.mean(), y - y.mean()])
    axis = np.linalg.svd(centred)[2][0]
    assert deming(X, y).slope == pytest.approx(axis[1] / axis[0])


def test_without_errors_of_the_first_it_is_least_squares():
    y = 0.02 + 1.05 * X + NOISE
    # The second errs a million times as much, so the first hardly at all.
    slope, intercept = np.polyfit(X, y, 1)
    line = deming(X, y, variance_ratio=1e6)
    assert (line.slope, line.intercept) == (
        pytest.approx(slope, abs=1e-6),
        pytest.approx(intercept, abs=1e-6),
    )


def test_the_two_methods_may_change_places():
    y = 0.02 + 1.05 * X + NOISE
    there, back = deming(X, y, variance_ratio=2.0), deming(y, X, variance_ratio=0.5)
    assert back.slope == pytest.approx(1 / there.slope)


def test_the_jackknife_interval_of_the_slope_is_linnets():
    # The pseudo-values written out once more, from least squares on rotated axes.
    y = 0.02 + 1.05 * X + NOISE

    def slope(x, y):
        axis = np.linalg.svd(np.column_stack([x - x.mean(), y - y.mean()]))[2][0]
        return axis[1] / axis[0]

    n = len(X)
    pseudo = [n * slope(X, y) - (n - 1) * slope(np.delete(X, i), np.delete(y, i)) for i in range(n)]
    half = 2.446912 * np.std(pseudo, ddof=1) / n**0.5  # t(0.975, 6)
    line = deming(X, y)
    assert line.slope_upper - line.slope == pytest.approx(half, rel=1e-6)


def test_truth_is_found_where_least_squares_flattens():
    rng = np.random.default_rng(3)
    truth = rng.normal(1.0, 0.15, 4000)
    first = truth + rng.normal(0, 0.05, 4000)
    second = -0.01 + 1.02 * truth + rng.normal(0, 0.05, 4000)
    line = deming(first, second)
    assert line.slope_lower < 1.02 < line.slope_upper
    assert np.polyfit(first, second, 1)[0] < 0.95
    # Error of a second reading predicted from a first one, hence 1.96 and not 2.77 times.
    assert line.residual_sd == pytest.approx(0.05 * (1 + 1.02**2) ** 0.5, rel=0.03)
    assert line.lsc == pytest.approx(1.959964 * line.residual_sd)
    assert np.mean(np.abs(second - line.on_second(first)) >= line.lsc) == pytest.approx(
        0.05, abs=0.01
    )


def test_few_pairs_are_said_and_no_line_is_refused():
    assert "30" in deming(X, X + NOISE).notes[-1]
    with pytest.raises(InputError, match="three or more pairs"):
        deming([1.0, 2.0], [1.0, 2.0])
    with pytest.raises(InputError, match="variance ratio is above zero"):
        deming(X, X, variance_ratio=0)
    with pytest.raises(InputError, match="every value of the second"):
        deming(X, np.ones_like(X))
