"""The peaks of fat and their signal."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.maps import LIVER, MARROW, FatSpectrum, fat_phasor

YU_2008 = FatSpectrum(
    name="Yu 2008",
    shifts_ppm=(-3.80, -3.40, -2.60, -1.94, -0.39, 0.60),
    amplitudes=(0.087, 0.693, 0.128, 0.004, 0.039, 0.048),
    source="doi:10.1002/mrm.21737",
)


def test_one_peak_turns_once_per_period():
    peak = FatSpectrum(name="one", shifts_ppm=(-3.4,), amplitudes=(2.0,), source="by hand")
    period = 1 / (3.4 * 42.577478518 * 1.5)
    phasor = fat_phasor(peak, np.array([0, period / 4, period / 2]), field_strength=1.5)
    assert phasor == pytest.approx(np.array([1, -1j, -1]))


def test_six_peaks_dephase_as_worked_out_for_3_t():
    # Sum of the six phasors at 1.15 and 2.30 ms, worked out to three digits with the printed
    # amplitudes, whose sum is 0.999.
    phasor = 0.999 * fat_phasor(YU_2008, np.array([0.00115, 0.0023]), field_strength=3.0)
    assert np.abs(phasor) == pytest.approx([0.794, 0.821], abs=5e-4)


@pytest.mark.parametrize(("spectrum", "n_peaks"), [(LIVER, 6), (MARROW, 8)])
def test_amplitudes_sum_to_one_and_methylene_is_the_largest(spectrum, n_peaks):
    assert len(spectrum.shifts_ppm) == n_peaks
    assert sum(spectrum.amplitudes) == pytest.approx(1)
    assert spectrum.main_shift_ppm == pytest.approx(-3.4)


def test_the_order_of_peaks_does_not_matter():
    mirrored = FatSpectrum(
        name="", shifts_ppm=LIVER.shifts_ppm[::-1], amplitudes=LIVER.amplitudes[::-1], source=""
    )
    times = np.array([0.001, 0.004])
    assert fat_phasor(mirrored, times, field_strength=3) == pytest.approx(
        fat_phasor(LIVER, times, field_strength=3)
    )


@pytest.mark.parametrize(
    ("shifts", "amplitudes", "message"),
    [
        ((-3.4, 0.6), (1.0,), "got 2 shifts and 1 amplitudes"),
        ((), (), "got 0 shifts"),
        ((-3.4,), (-1.0,), "must be positive, got -1"),
    ],
)
def test_an_unusable_spectrum_is_refused(shifts, amplitudes, message):
    with pytest.raises(InputError, match=message):
        FatSpectrum(name="", shifts_ppm=shifts, amplitudes=amplitudes, source="")
