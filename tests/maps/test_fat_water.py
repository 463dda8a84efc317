"""Fat fraction, decay and field from complex echoes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from echo_trains import SIX_ECHOES, echo_train, hill, tubes

from enthesis.errors import InputError
from enthesis.image import Echoes
from enthesis.maps import LIVER, MARROW, FatSpectrum, fat_phasor, fat_water

SHARES = np.linspace(0, 1, 21)
ONE_PEAK = FatSpectrum(name="one peak", shifts_ppm=(-3.4,), amplitudes=(1.0,), source="test")


def test_without_noise_every_share_decay_and_field_comes_back():
    share = tubes(SHARES)
    field = hill(share.shape, top=150)
    found = fat_water(echo_train(share, field=field, r2_star=55))
    # Single precision and four Gauss-Newton steps.
    assert found.fat_fraction.array == pytest.approx(100 * share, abs=0.05)
    assert found.r2_star.array == pytest.approx(55, abs=0.2)
    assert found.field_map.array == pytest.approx(field, abs=0.1)
    assert found.water.array + found.fat.array == pytest.approx(1, abs=1e-3)
    assert found.residual.array.max() < 0.1
    assert found.flags == ()


@pytest.mark.parametrize("n_echoes", [3, 4, 8, 12])
def test_the_number_of_echoes_does_not_matter(n_echoes):
    share = tubes(np.array([0.05, 0.4, 0.9]))
    echoes = echo_train(share, echo_times=0.0013 + 0.0009 * np.arange(n_echoes), field=40)
    assert fat_water(echoes).fat_fraction.array == pytest.approx(100 * share, abs=0.2)


def test_unevenly_spaced_echoes_are_fitted_too():
    share = tubes(np.array([0.0, 0.3, 1.0]))
    times = np.array([0.0012, 0.0021, 0.0035, 0.0044, 0.0063])
    found = fat_water(echo_train(share, echo_times=times, field=hill(share.shape, top=300)))
    assert found.fat_fraction.array == pytest.approx(100 * share, abs=0.1)


def test_scale_and_phase_of_the_signal_do_not_matter():
    share = tubes(SHARES)
    echoes = echo_train(share, snr=40, field=hill(share.shape, top=100))
    other = replace(echoes, array=echoes.array * np.complex64(700 * np.exp(2.1j)))
    first, second = fat_water(echoes), fat_water(other)
    # Rounding of single precision, amplified by the fit.
    assert first.fat_fraction.array == pytest.approx(second.fat_fraction.array, abs=0.05)


@pytest.mark.parametrize("snr", [20, 40])
def test_bias_stays_within_one_point_and_the_limits_of_a_tube_within_three(snr):
    share = tubes(SHARES, side=24, n_slices=12)
    found = fat_water(echo_train(share, snr=snr, field=hill(share.shape, top=200)))
    error = found.fat_fraction.array - 100 * share
    by_tube = error.reshape(24, SHARES.size, 24, 12).transpose(1, 0, 2, 3).reshape(SHARES.size, -1)
    assert np.abs(by_tube.mean(axis=1)).max() < 0.3
    # Regions of 3 x 3 x 1 voxels, smaller than any muscle that is measured.
    regions = error.reshape(8, 3, -1, 3, 12).mean(axis=(1, 3))
    assert abs(regions.mean()) + 1.96 * regions.std() < 3


def test_the_scatter_of_a_voxel_is_that_of_the_cramer_rao_bound():
    share = np.full((24, 24, 12), 0.1)
    found = fat_water(echo_train(share, snr=20))
    bound = _fat_fraction_bound(0.1, snr=20)
    # 6912 voxels: the standard deviation is known to 0.9 %.
    assert found.fat_fraction.array.std() == pytest.approx(bound, rel=0.05)


@pytest.mark.parametrize("snr", [20, 100])
def test_no_swap_with_a_field_of_300_hz_either_way_at_3_t(snr):
    share = np.where(np.indices((48, 48, 6))[0] % 16 < 8, 0.02, 0.95)
    share[16:32, 16:32] = 0.5
    found = fat_water(echo_train(share, snr=snr, field=hill(share.shape, top=300)))
    assert np.abs(found.fat_fraction.array - 100 * share).max() < 25
    assert found.field_map.array.min() < -280 and found.field_map.array.max() > 280


def test_a_region_beyond_a_dark_seam_is_not_swapped_by_a_jump_of_the_field():
    share = np.full((40, 40, 4), 0.05)
    share[:, 20:] = 0.9
    signal = np.ones(share.shape)
    signal[:, 18:22] = 0.01
    field = np.where(np.indices(share.shape)[1] < 20, -120.0, 180.0)
    found = fat_water(echo_train(share, snr=50, field=field, signal=signal))
    seen = np.isfinite(found.fat_fraction.array) & (signal == 1)
    assert np.abs(found.fat_fraction.array - 100 * share)[seen].max() < 15


def test_noise_does_not_lift_a_voxel_without_fat():
    share = np.zeros((32, 32, 8))
    found = fat_water(echo_train(share, snr=10))
    magnitudes = 100 * found.fat.array / (found.fat.array + found.water.array)
    assert abs(found.fat_fraction.array.mean()) < 0.3
    assert magnitudes.mean() > 4


def test_air_is_not_a_number():
    share = np.zeros((16, 16, 2))
    signal = np.ones(share.shape)
    signal[:4] = 0.001
    found = fat_water(echo_train(share, signal=signal))
    assert np.isnan(found.fat_fraction.array[:4]).all()
    assert np.isfinite(found.fat_fraction.array[4:]).all()


def test_marrow_wants_the_marrow_spectrum():
    share = tubes(np.array([0.3, 0.6]))
    echoes = echo_train(share, spectrum=MARROW)
    right, wrong = fat_water(echoes, spectrum=MARROW), fat_water(echoes)
    assert right.fat_fraction.array == pytest.approx(100 * share, abs=0.1)
    assert np.abs(wrong.fat_fraction.array - 100 * share).max() > 1
    assert right.spectrum == MARROW.name


def test_a_bipolar_readout_is_corrected():
    share = tubes(SHARES, side=16)
    i, j, _ = np.indices(share.shape)
    ahead = 0.5 * (j / j.max() - 0.4) + 0.2 * (i / i.max()) ** 2
    field = hill(share.shape, top=100)
    scan = {"snr": 50, "field": field, "bipolar": ahead}
    left = fat_water(echo_train(share, **scan))
    corrected = fat_water(echo_train(share, **scan, readout="bipolar"))
    error = corrected.fat_fraction.array - 100 * share
    assert abs(error.mean()) < 0.3
    assert np.abs(error).max() < 12
    assert np.abs(left.fat_fraction.array - 100 * share).mean() > 3 * np.abs(error).mean()
    assert "bipolar" in corrected.method


def test_a_first_echo_that_stands_apart_is_corrected():
    share = tubes(SHARES, side=16)
    echoes = echo_train(share, snr=50, field=hill(share.shape, top=100))
    apart = echoes.array.copy()
    apart[..., 0] *= np.exp(np.complex64(0.3j))
    found = fat_water(replace(echoes, array=apart))
    by_tube = (found.fat_fraction.array - 100 * share).reshape(16, 21, 16, 4).mean(axis=(0, 2, 3))
    assert np.abs(by_tube).max() < 0.3


def test_a_mirrored_phase_is_flagged():
    share = tubes(np.array([0.05, 0.9]))
    echoes = echo_train(share, snr=100, field=30)
    assert any(
        "other way" in flag for flag in fat_water(replace(echoes, array=echoes.array.conj())).flags
    )


def test_two_complex_echoes_tell_fat_from_water_by_the_field():
    share = tubes(np.array([0.0, 0.2, 0.8, 1.0]))
    times = np.array([0.00115, 0.0023])
    echoes = echo_train(
        share, echo_times=times, r2_star=0, field=hill(share.shape, top=80), spectrum=ONE_PEAK
    )
    found = fat_water(echoes, spectrum=ONE_PEAK)
    assert found.fat_fraction.array == pytest.approx(100 * share, abs=0.5)
    assert found.r2_star is None and found.swap_margin is None
    assert found.flags


def test_the_summary_names_what_was_done():
    line = fat_water(echo_train(tubes(np.array([0.2])))).summary()
    assert "6 complex echoes" in line and "fat fraction 20.0 %" in line


def test_input_is_left_as_it_was():
    echoes = echo_train(tubes(np.array([0.2, 0.7])), bipolar=0.3, readout="bipolar")
    before = echoes.array.copy()
    fat_water(echoes)
    assert (echoes.array == before).all()


@pytest.mark.parametrize(
    ("echoes", "message"),
    [
        (echo_train(np.zeros((4, 4, 2)), signal=0.0), "no signal"),
        (echo_train(np.zeros((4, 4, 2)), signal=np.nan), "32 voxels have a signal that is not"),
        (
            echo_train(np.zeros((4, 4, 2)), echo_times=SIX_ECHOES[:3], readout="bipolar"),
            "four echoes or more to be corrected, got 3",
        ),
        (
            echo_train(np.zeros((4, 4, 2)), echo_times=SIX_ECHOES[[0, 1, 2, 5]], readout="bipolar"),
            "evenly spaced",
        ),
    ],
)
def test_what_cannot_be_separated_is_refused(echoes: Echoes, message: str):
    with pytest.raises(InputError, match=message):
        fat_water(echoes)


def _fat_fraction_bound(share: float, *, snr: float) -> float:
    """Cramér-Rao bound of the fat fraction, points: water, fat complex, field and decay unknown."""
    phasor = fat_phasor(LIVER, SIX_ECHOES, field_strength=3.0)
    decay = np.exp(-40 * SIX_ECHOES)
    whole = decay * (1 + share * (phasor - 1))
    slopes = np.stack(
        [
            decay,
            1j * decay,
            decay * phasor,
            1j * decay * phasor,
            1j * SIX_ECHOES * whole,
            SIX_ECHOES * whole,
        ]
    )
    information = (slopes.conj() @ slopes.T).real * snr**2
    covariance = np.linalg.inv(information)
    gradient = np.array([-share, 0, 1 - share, 0, 0, 0])
    return float(100 * np.sqrt(gradient @ covariance @ gradient))
