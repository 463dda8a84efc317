import math

import numpy as np
import pytest

from enthesis import diagnosis
from enthesis.bone import ultrasound
from enthesis.diagnosis.populations import Population, YoungReference
from enthesis.errors import InputError


def test_22_db_at_200_khz_and_60_at_600_are_95_db_per_mhz():
    bua, per_cm = ultrasound.broadband_attenuation([0.2, 0.6], [22, 60], thickness_cm=2.5)
    assert bua.value == pytest.approx(95)
    assert per_cm.value == pytest.approx(38)
    assert bua.unit == "dB/MHz" and "0.2 to 0.6 MHz" in bua.method


def test_attenuation_outside_the_band_does_not_count():
    f = np.linspace(0.1, 1.2, 56)
    attenuation = np.where(f <= 0.6, 10 + 80 * f, 58)
    (bua,) = ultrasound.broadband_attenuation(f, attenuation)
    assert bua.value == pytest.approx(80) and bua.flags == ()
    (wide,) = ultrasound.broadband_attenuation(f, attenuation, band_mhz=(0.1, 1.2))
    assert wide.value < 60 and "no straight line" in wide.flags[0]
    with pytest.raises(InputError, match="frequencies are in MHz"):
        ultrasound.broadband_attenuation(f * 1e6, attenuation)


def pulse(time_us, *, at=20.0, frequency=0.5):
    return np.exp(-(((time_us - at) / 1.2) ** 2) / 2) * np.cos(
        2 * math.pi * frequency * (time_us - at)
    )


def test_a_filter_of_known_slope_is_found_from_its_waveforms():
    time = np.arange(0, 60, 0.05)
    water = pulse(time)
    spectrum, f = np.fft.rfft(water), np.fft.rfftfreq(time.size, 0.05)
    heel = np.fft.irfft(spectrum * 10 ** (-(5 + 70 * f) / 20), time.size)
    found_f, decibels = ultrasound.attenuation_spectrum(water, heel, interval_us=0.05)
    np.testing.assert_allclose(found_f, f[1:])
    (bua,) = ultrasound.broadband_attenuation(found_f, decibels)
    assert bua.value == pytest.approx(70, rel=1e-6)
    (louder,) = ultrasound.broadband_attenuation(
        *ultrasound.attenuation_spectrum(water * 7, heel * 7, interval_us=0.05)
    )
    assert louder.value == pytest.approx(bua.value)


def test_40_mm_in_25_8_microseconds_are_1550_m_per_s():
    assert ultrasound.speed_of_sound(40, 25.8).value == pytest.approx(1550, abs=0.5)
    with pytest.raises(InputError, match="times in microseconds"):
        ultrasound.speed_of_sound(40, 25.8e-6)


def test_substitution_gives_the_speed_that_made_the_gain():
    gained = 30 / 1.482 - 30 / 1.6  # µs over 30 mm at 1482 and 1600 m/s
    found = ultrasound.speed_by_substitution(30, gained, water_speed=1482)
    assert found.value == pytest.approx(1600)
    assert ultrasound.speed_by_substitution(30, 0, water_speed=1482).value == pytest.approx(1482)


def test_14_mm_in_7_microseconds_are_2000_m_per_s_whatever_comes_later():
    # Rises from 0 to 4 mV between 6.9 and 7.1 µs: 2 mV at 7.0 µs.
    time = np.arange(0, 20, 0.1)
    wave = np.interp(time, [0, 6.9, 7.1, 20], [0, 0, 4, 0])
    found = ultrasound.amplitude_dependent_speed(wave, interval_us=0.1, thickness_mm=14)
    assert found.value == pytest.approx(2000, rel=1e-6)
    inverted = ultrasound.amplitude_dependent_speed(-wave, interval_us=0.1, thickness_mm=14)
    assert inverted.value == pytest.approx(found.value)
    with pytest.raises(InputError, match="never reaches 9; its highest is 4"):
        ultrasound.arrival_time(wave, interval_us=0.1, threshold=9)
    with pytest.raises(InputError, match="first sample already"):
        ultrasound.arrival_time(wave[80:], interval_us=0.1, threshold=2)


def test_heel_indices_match_their_worked_examples():
    # BUA 110 and SOS 1550: SI 87.7; 75 and 1550: QUI 95.25; a sum of 1625: eBMD 0.526.
    si = ultrasound.heel_indices(110, 1550, side="left")[0]
    assert si.value == pytest.approx(87.7) and si.side == "left"
    _, qui, bmd = ultrasound.heel_indices(75, 1550)
    assert qui.value == pytest.approx(95.25)
    assert bmd.value == pytest.approx(0.525, abs=5e-4)
    assert "Hologic Sahara alone" in bmd.flags[0]
    with pytest.raises(InputError, match="not of bone"):
        ultrasound.heel_indices(75, 1.55)


def test_a_score_of_a_heel_is_never_a_t_score_and_never_of_another_device():
    reference = YoungReference(
        population=Population(
            name="a clinic's young women",
            quantity="stiffness_index",
            region="calcaneus",
            unit="",
            device="Lunar Achilles",
            sex="female",
            source="made up for this test",
        ),
        skewness=1.0,
        median=100,
        variation=0.15,
    )
    si = ultrasound.heel_indices(110, 1550)[0]
    found = diagnosis.t_score(si, reference, sex="female", device="Lunar Achilles")
    assert found.quantity == "young_score"
    assert found.value == pytest.approx((87.7 - 100) / 15)
    with pytest.raises(InputError):
        diagnosis.t_score(si, reference, sex="female", device="Hologic Sahara")
