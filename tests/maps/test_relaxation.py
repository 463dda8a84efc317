"""Relaxation times known by construction."""

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.maps.relaxation import decay_time, t1_variable_flip_angle

TIMES = np.arange(1, 9) * 0.010


def train(t2, *, start=1000.0, floor=0.0, times=TIMES):
    t2 = np.atleast_1d(t2)
    return (start * np.exp(-times / t2[:, None]) + floor)[:, None, None, :]


def spoiled(t1, angles, tr, m0=1000.0):
    a, e = np.deg2rad(angles), np.exp(-tr / t1)
    return (m0 * np.sin(a) * (1 - e) / (1 - e * np.cos(a)))[None, None, None, :]


def test_three_echoes_give_the_worked_t2_star():
    signal = np.array([100, 81.87, 67.03]).reshape(1, 1, 1, 3)
    fit = decay_time(signal, np.eye(4), echo_times=[0.002, 0.004, 0.006], quantity="t2_star")
    assert fit.time.array.item() == pytest.approx(10.0, abs=0.005)
    assert fit.time.quantity == "t2_star"


@pytest.mark.parametrize("noise_floor", [False, True])
def test_t2_from_5_to_200_ms_is_recovered(noise_floor):
    truth = np.array([0.008, 0.02, 0.035, 0.08, 0.2])
    fit = decay_time(
        train(truth, floor=30.0 * noise_floor),
        np.eye(4),
        echo_times=TIMES,
        quantity="t2",
        noise_floor=noise_floor,
    )
    assert fit.time.array.ravel() == pytest.approx(1000 * truth, rel=1e-3)
    assert fit.signal_at_zero.array.ravel() == pytest.approx(1000, rel=1e-3)


def test_brightness_does_not_change_the_time():
    bright, dim = (
        decay_time(train(0.04, start=s), np.eye(4), echo_times=TIMES, quantity="t2")
        for s in (5000, 5)
    )
    assert bright.time.array == pytest.approx(dim.time.array, rel=1e-6)


def test_a_floor_left_out_lengthens_t2_and_fitting_it_does_not():
    signal = train(0.02, floor=50)
    without, with_floor = (
        decay_time(signal, np.eye(4), echo_times=TIMES, quantity="t2", noise_floor=f).time.array
        for f in (False, True)
    )
    assert without.item() > 22
    assert with_floor.item() == pytest.approx(20, rel=1e-3)


def test_signal_that_grows_is_not_a_number_and_counted():
    fit = decay_time(train(0.04)[..., ::-1], np.eye(4), echo_times=TIMES, quantity="t2")
    assert np.isnan(fit.time.array).all()
    assert "1 voxels" in fit.flags[0]


def test_t2_is_refused_of_times_in_milliseconds():
    with pytest.raises(InputError, match="seconds"):
        decay_time(train(0.04), np.eye(4), echo_times=TIMES * 1000, quantity="t2")
    with pytest.raises(InputError, match="at least 4"):
        decay_time(
            train(0.04)[..., :3],
            np.eye(4),
            echo_times=TIMES[:3],
            quantity="t2",
            noise_floor=True,
        )


@pytest.mark.parametrize("t1", [0.37, 1.4])
def test_t1_of_fat_and_of_muscle_is_recovered(t1):
    angles = [2, 5, 10, 15]
    fit = t1_variable_flip_angle(
        spoiled(t1, angles, 0.006), np.eye(4), flip_angles=angles, repetition_time=0.006
    )
    assert fit.time.array.item() == pytest.approx(1000 * t1, rel=1e-4)
    assert "B1" in fit.flags[0]


def test_a_known_b1_undoes_its_bias():
    angles = np.array([3.0, 12.0])
    signal = spoiled(1.4, 0.9 * angles, 0.006)
    biased, mended = (
        t1_variable_flip_angle(
            signal, np.eye(4), flip_angles=angles, repetition_time=0.006, b1=b1
        ).time.array.item()
        for b1 in (None, np.full((1, 1, 1), 0.9))
    )
    assert mended == pytest.approx(1400, rel=1e-4)
    # T1 goes with the square of the angle: (0.9)^2 = 0.81.
    assert biased == pytest.approx(0.81 * 1400, rel=0.02)


def test_one_flip_angle_is_refused():
    with pytest.raises(InputError, match="two flip angles"):
        t1_variable_flip_angle(
            spoiled(1.4, [5, 5], 0.006), np.eye(4), flip_angles=[5, 5], repetition_time=0.006
        )
