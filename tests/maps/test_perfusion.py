"""Curves after contrast, known by construction."""

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.maps.perfusion import enhancement, tofts

TIMES = np.arange(0, 301.0)


def plasma():
    """A bolus at 20 s whose decay has one rate, mmol/l."""
    late = np.maximum(TIMES - 20, 0) / 60
    return 6 * late * np.exp(-1.5 * late) * 4


def tissue(k_trans, v_e, v_p=0.0):
    """Tofts' integral, summed finely."""
    fine = np.linspace(0, 300, 30001)
    late = np.maximum(fine - 20, 0) / 60
    cp = 6 * late * np.exp(-1.5 * late) * 4
    step = (fine[1] - fine[0]) / 60
    response = np.exp(-k_trans / v_e * fine / 60)
    whole = k_trans * np.convolve(cp, response)[: fine.size] * step + v_p * cp
    return np.interp(TIMES, fine, whole)[None, None, None, :]


def curve(values):
    return np.array(values, dtype=float).reshape(1, 1, 1, -1)


def test_a_curve_worked_by_hand():
    maps = enhancement(
        curve([98, 102, 100, 130, 160, 150]),
        np.eye(4),
        times=[0, 10, 20, 30, 40, 50],
        n_baseline=3,
    )
    assert maps.maximum.array.item() == pytest.approx(60)
    assert maps.slope.array.item() == pytest.approx(3.0)
    assert maps.time_to_peak.array.item() == pytest.approx(20)
    # Trapezoids of 0, 30, 60, 50 % every 10 s.
    assert maps.area.array.item() == pytest.approx(10 * (15 + 45 + 55))


def test_gain_does_not_change_enhancement():
    values = [100, 100, 140, 170, 160]
    one, two = (
        enhancement(curve(values) * g, np.eye(4), times=np.arange(5), n_baseline=2) for g in (1, 7)
    )
    assert one.maximum.array == pytest.approx(two.maximum.array)
    assert one.area.array == pytest.approx(two.area.array)


@pytest.mark.parametrize(("k_trans", "v_e"), [(0.05, 0.1), (0.25, 0.3), (0.6, 0.5)])
def test_tofts_recovers_rates_and_space(k_trans, v_e):
    fit = tofts(tissue(k_trans, v_e), np.eye(4), times=TIMES, plasma=plasma())
    # Trapezoids of one-second frames are good to a part in a thousand.
    assert fit.k_trans.array.item() == pytest.approx(k_trans, rel=3e-3)
    assert fit.v_e.array.item() == pytest.approx(v_e, rel=3e-3)
    assert fit.k_ep.array.item() == pytest.approx(k_trans / v_e, rel=3e-3)
    assert fit.v_p is None


def test_extended_tofts_recovers_the_plasma_too():
    fit = tofts(tissue(0.2, 0.3, 0.05), np.eye(4), times=TIMES, plasma=plasma(), extended=True)
    assert fit.v_p.array.item() == pytest.approx(0.05, rel=0.01)
    assert fit.k_trans.array.item() == pytest.approx(0.2, rel=0.01)


def test_noise_leaves_ktrans_within_a_tenth():
    rng = np.random.default_rng(5)
    clean = np.repeat(tissue(0.25, 0.3), 500, axis=0)
    noisy = clean + rng.normal(0, 0.02 * clean.max(), clean.shape)
    fit = tofts(noisy, np.eye(4), times=TIMES, plasma=plasma())
    assert np.median(fit.k_trans.array) == pytest.approx(0.25, rel=0.1)


def test_unusable_series_are_refused():
    with pytest.raises(InputError, match="increase"):
        enhancement(curve([1, 2, 3]), np.eye(4), times=[0, 2, 1], n_baseline=1)
    with pytest.raises(InputError, match="n_baseline=2"):
        enhancement(curve([1, 2, 3]), np.eye(4), times=[0, 1, 2], n_baseline=2)
    with pytest.raises(InputError, match="never reaches"):
        tofts(tissue(0.2, 0.3), np.eye(4), times=TIMES, plasma=np.zeros(TIMES.size))
