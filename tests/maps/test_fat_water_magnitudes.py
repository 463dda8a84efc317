"""Fat fraction where the phase was not kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from echo_trains import echo_train, hill, tubes

from enthesis.errors import InputError
from enthesis.image import Echoes
from enthesis.maps import FatSpectrum, fat_water

SHARES = np.linspace(0, 1, 21)
ONE_PEAK = FatSpectrum(name="one peak", shifts_ppm=(-3.4,), amplitudes=(1.0,), source="test")


def magnitudes(echoes: Echoes) -> Echoes:
    return replace(echoes, array=np.abs(echoes.array))


def test_in_phase_500_and_opposed_260_is_24_percent():
    half_turn = 0.5 / (3.4 * 42.577478518 * 1.5)
    echoes = Echoes(
        array=np.broadcast_to([260.0, 500.0], (2, 2, 1, 2)),
        affine=np.eye(4),
        echo_times=np.array([half_turn, 2 * half_turn]),
        field_strength=1.5,
    )
    found = fat_water(echoes, spectrum=ONE_PEAK)
    assert found.fat_fraction.array == pytest.approx(24, abs=1e-3)
    assert found.water.array == pytest.approx(380, abs=0.01)
    assert found.fat.array == pytest.approx(120, abs=0.01)
    assert any("mostly fat" in flag for flag in found.flags)


def test_both_minima_are_tried():
    share = tubes(SHARES)
    found = fat_water(magnitudes(echo_train(share)))
    assert found.fat_fraction.array == pytest.approx(100 * share, abs=0.1)
    assert found.r2_star.array == pytest.approx(40, abs=0.2)
    assert found.field_map is None


def test_the_field_does_not_matter_to_magnitudes():
    share = tubes(SHARES)
    flat = fat_water(magnitudes(echo_train(share)))
    bent = fat_water(magnitudes(echo_train(share, field=hill(share.shape, top=400))))
    assert flat.fat_fraction.array == pytest.approx(bent.fat_fraction.array, abs=0.1)


def test_bias_of_muscle_stays_within_one_point():
    share = tubes(np.array([0.0, 0.05, 0.1, 0.2, 0.3]), side=16)
    found = fat_water(magnitudes(echo_train(share, snr=40)))
    error = (found.fat_fraction.array - 100 * share).reshape(16, 5, 16, 4).mean(axis=(0, 2, 3))
    assert np.abs(error).max() < 1


def test_negative_magnitudes_are_refused():
    echoes = magnitudes(echo_train(tubes(np.array([0.1]))))
    with pytest.raises(InputError, match="cannot be negative, got -"):
        fat_water(replace(echoes, array=-echoes.array))
