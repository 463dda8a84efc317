"""Alpha spending and the monitoring of a growing meta-analysis."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from enthesis.errors import InputError
from enthesis.evidence import monitor, multilevel, pool
from enthesis.evidence.sequential import boundaries, spent_error

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]


def growing(n=6, effect=0.4, variance=0.05):
    return pd.DataFrame(
        {"yi": np.full(n, effect), "vi": np.full(n, variance), "year": np.arange(n)[::-1]}
    )


def test_boundaries_are_those_of_the_published_program():
    # Reboussin, DeMets, Kim and Lan 2000, doi:10.1016/S0197-2456(00)00057-X: five looks,
    # O'Brien-Fleming-type spending, two-sided 0.05. Printed with four decimals.
    found = boundaries(FIFTHS, alpha=0.05)
    np.testing.assert_allclose(found, [4.8769, 3.3569, 2.6803, 2.2898, 2.0310], atol=1.5e-4)


def test_error_spent_is_that_of_the_published_program():
    found = spent_error(np.array(FIFTHS), alpha=0.05)
    np.testing.assert_allclose(found, [0, 0.00079, 0.00762, 0.02442, 0.05], atol=6e-6)


def test_boundaries_agree_with_another_program_on_other_looks():
    # SeqBounds.jl (PharmCat, README): one-sided 0.05 at quarters. Two sides at 0.10 spend the same
    # on each and differ only by paths that would cross both, far below the printed digits.
    found = boundaries([0.25, 0.5, 0.75, 1.0], alpha=0.10)
    np.testing.assert_allclose(found, [3.74955, 2.53993, 2.01604, 1.72014], atol=2e-3)


def test_a_single_look_at_the_end_is_the_usual_test():
    assert boundaries([1.0], alpha=0.05)[0] == pytest.approx(norm.ppf(0.975), abs=1e-8)


def test_simulated_paths_without_effect_cross_as_often_as_asked():
    rng = np.random.default_rng(3)
    steps = rng.normal(size=(40_000, 5)) * np.sqrt(0.2)
    z = steps.cumsum(axis=1) / np.sqrt(FIFTHS)
    crossed = (np.abs(z) >= boundaries(FIFTHS, alpha=0.05)).any(axis=1).mean()
    # Three standard errors of 40 000 draws.
    assert crossed == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 40_000))


def test_nothing_is_left_after_the_look_that_reaches_the_end():
    found = boundaries([0.5, 1.1, 1.4])
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2])


def test_fractions_that_do_not_grow_are_refused():
    with pytest.raises(InputError, match="grow from above 0"):
        boundaries([0.5, 0.5])


def test_monitoring_by_hand():
    # Equal variances and no heterogeneity: information is n / v, z is effect * sqrt(n / v).
    fit = pool(growing(), method="EE", test="z")
    found = monitor(fit, delta=0.4, alpha=0.05, power=0.9)
    required = ((norm.ppf(0.975) + norm.ppf(0.9)) / 0.4) ** 2
    assert found.required_information == pytest.approx(required)
    n = np.arange(1, 7)
    np.testing.assert_allclose(found.looks["information"], n / 0.05)
    np.testing.assert_allclose(found.looks["z"], 0.4 * np.sqrt(n / 0.05))
    np.testing.assert_allclose(found.looks["fraction"], n / 0.05 / required)
    assert found.first_crossed == int(np.argmax(found.looks["crossed"].to_numpy()))


def test_looks_follow_the_column_asked_for():
    fit = pool(growing(), method="EE", test="z")
    assert list(monitor(fit, "year", delta=0.4).looks.index) == [5, 4, 3, 2, 1, 0]


def test_turning_every_effect_changes_only_the_sign_of_z():
    one = monitor(pool(growing(), method="EE", test="z"), delta=0.4).looks
    other = monitor(pool(growing(effect=-0.4), method="EE", test="z"), delta=0.4).looks
    np.testing.assert_allclose(one["z"], -other["z"])
    pd.testing.assert_series_equal(one["crossed"], other["crossed"])


def test_models_that_are_no_single_mean_are_refused():
    table = growing()
    with pytest.raises(InputError, match="one pooled effect"):
        monitor(pool(table, "~ year", method="EE"), delta=0.4)
    with pytest.raises(InputError, match="two-level"):
        monitor(multilevel(table.assign(study=[0, 0, 1, 1, 2, 2]), random="study"), delta=0.4)
    with pytest.raises(InputError, match="effect worth finding"):
        monitor(pool(table, method="EE"), delta=0.0)
    with pytest.raises(InputError, match="no column 'month'"):
        monitor(pool(table, method="EE"), "month", delta=0.4)
