"""Quantitative ultrasound through heel and finger: attenuation, speed, and what is made of them.

None of these is a bone density, and no WHO class is read from a score of theirs: a score from
young adults needs the device's own reference (`diagnosis.t_score` names it `young_score`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.records import Measurement

BUA_BAND_MHZ = (0.2, 0.6)
"""Frequencies between which attenuation is taken to rise along a line, MHz (Langton 1984)."""

STRAIGHT = 0.95
"""R2 of that line below which it is flagged: attenuation in a heel is straight to within noise."""

SOS_BELIEVED = (1300.0, 4500.0)
"""Speeds of sound that tissue with bone can have, m/s: from fat's to compact bone's along a shaft;
outside, a length or a time is in another unit."""

AD_SOS_THRESHOLD_MV = 2.0
"""Amplitude at which the first echo counts as arrived, mV (DBM Sonic)."""

HEEL, FINGER = "calcaneus", "phalanx"


def attenuation_spectrum(
    reference: ArrayLike, sample: ArrayLike, *, interval_us: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Attenuation by frequency from a pulse through water and one through the heel.

    Parameters
    ----------
    reference, sample : (n,) waveforms of one length and unit, without and with the heel
    interval_us : between samples, microseconds

    Returns
    -------
    Frequencies in MHz, without zero, and attenuation in dB; where either spectrum is empty, NaN.

    Raises
    ------
    InputError : waveforms of different lengths, or an interval that is not above zero.
    """
    first, second = (np.asarray(wave, dtype=np.float64) for wave in (reference, sample))
    if first.ndim != 1 or first.shape != second.shape or first.size < 4:
        raise InputError(
            f"two waveforms of one length are wanted, got shapes {first.shape} and {second.shape}"
        )
    _above_zero(interval_us=interval_us)
    through_water, through_heel = (np.abs(np.fft.rfft(wave))[1:] for wave in (first, second))
    floor = 1e-6 * through_water.max()
    heard = (through_water > floor) & (through_heel > floor)
    decibels = np.full(through_water.shape, np.nan)
    decibels[heard] = 20 * np.log10(through_water[heard] / through_heel[heard])
    return np.asarray(np.fft.rfftfreq(first.size, interval_us)[1:]), np.asarray(decibels)


def broadband_attenuation(
    frequencies_mhz: ArrayLike,
    attenuation_db: ArrayLike,
    *,
    band_mhz: tuple[float, float] = BUA_BAND_MHZ,
    thickness_cm: float | None = None,
    region: str = HEEL,
    side: str = "",
) -> list[Measurement]:
    """BUA: the slope of attenuation over frequency, dB/MHz.

    Parameters
    ----------
    frequencies_mhz, attenuation_db : (n,) of a spectrum
    band_mhz : least and greatest frequency used, both included
    thickness_cm : of the bone; nBUA is given too
    region, side : where

    Raises
    ------
    InputError : fewer than two frequencies within the band.

    References
    ----------
    Langton CM, Palmer SB, Porter RW. The measurement of broadband ultrasonic attenuation in
    cancellous bone. Eng Med 1984;13:89-91. doi:10.1243/EMED_JOUR_1984_013_022_02
    """
    f, a = (np.asarray(one, dtype=np.float64) for one in (frequencies_mhz, attenuation_db))
    if f.ndim != 1 or f.shape != a.shape:
        raise InputError(f"one attenuation per frequency is wanted: shapes {f.shape}, {a.shape}")
    low, high = band_mhz
    used = (f >= low) & (f <= high) & np.isfinite(a)
    n = int(used.sum())
    if n < 2:
        raise InputError(
            f"a slope needs two frequencies between {low:g} and {high:g} MHz, got {n}; frequencies "
            "are in MHz"
        )
    slope, start = np.polyfit(f[used], a[used], 1)
    left = a[used] - (slope * f[used] + start)
    spread = float(((a[used] - a[used].mean()) ** 2).sum())
    r2 = 1 - float((left**2).sum()) / spread if spread else 0.0
    flags = []
    if r2 < STRAIGHT:
        flags.append(f"attenuation is no straight line over this band (R2 {r2:.2f})")
    method = f"slope over {low:g} to {high:g} MHz, {n} frequencies"
    found = [_found("ultrasound_attenuation", float(slope), method, region, side, flags)]
    if thickness_cm is not None:
        _above_zero(thickness_cm=thickness_cm)
        found.append(
            _found(
                "ultrasound_attenuation_per_length",
                float(slope) / thickness_cm,
                f"{method}, {thickness_cm:g} cm thick",
                region,
                side,
                flags,
            )
        )
    return found


def speed_of_sound(
    distance_mm: float, time_us: float, *, region: str = HEEL, side: str = ""
) -> Measurement:
    """Distance over transit time, m/s.

    Parameters
    ----------
    distance_mm : between the probes, or through the heel where the time is of the heel alone
    time_us : of the pulse over this distance, microseconds
    region, side : where

    Raises
    ------
    InputError : a distance or time that is not above zero, or a speed that no tissue has.
    """
    _above_zero(distance_mm=distance_mm, time_us=time_us)
    value = _believed(1000 * distance_mm / time_us)
    return _found(
        "speed_of_sound", value, f"{distance_mm:g} mm over {time_us:g} µs", region, side, ()
    )


def speed_by_substitution(
    thickness_mm: float,
    time_gained_us: float,
    *,
    water_speed: float,
    region: str = HEEL,
    side: str = "",
) -> Measurement:
    """Speed in a bone from how much earlier a pulse arrives with it than through water alone, m/s.

    Parameters
    ----------
    thickness_mm : of the bone
    time_gained_us : transit time through water less that with the bone, microseconds
    water_speed : speed of sound in the bath at its temperature, m/s
    region, side : where

    Raises
    ------
    InputError : a thickness or speed that is not above zero, or a result that no tissue has.
    """
    _above_zero(thickness_mm=thickness_mm, water_speed=water_speed)
    slowness = 1 / water_speed - time_gained_us / (1000 * thickness_mm)
    value = _believed(1 / slowness if slowness > 0 else math.inf)
    method = f"{thickness_mm:g} mm of bone in place of water at {water_speed:g} m/s"
    return _found("speed_of_sound", value, method, region, side, ())


def arrival_time(waveform: ArrayLike, *, interval_us: float, threshold: float) -> float:
    """When a waveform first reaches a threshold in either direction, microseconds.

    Parameters
    ----------
    waveform : (n,) from the moment of the pulse
    interval_us : between samples, microseconds
    threshold : in the waveform's unit, above zero; between samples the crossing is interpolated

    Raises
    ------
    InputError : it is never reached, or from the first sample on.
    """
    _above_zero(interval_us=interval_us, threshold=threshold)
    height = np.abs(np.asarray(waveform, dtype=np.float64))
    reached = np.flatnonzero(height >= threshold)
    if not reached.size:
        raise InputError(
            f"the waveform never reaches {threshold:g}; its highest is {height.max():.4g}"
        )
    first = int(reached[0])
    if first == 0:
        raise InputError(
            f"the first sample already reaches {threshold:g}: cut the pulse itself off, or raise "
            "the threshold"
        )
    before, after = height[first - 1], height[first]
    return float(interval_us * (first - 1 + (threshold - before) / (after - before)))


def amplitude_dependent_speed(
    waveform_mv: ArrayLike,
    *,
    interval_us: float,
    thickness_mm: float,
    threshold_mv: float = AD_SOS_THRESHOLD_MV,
    region: str = FINGER,
    side: str = "",
) -> Measurement:
    """AD-SoS: thickness of a finger over the time to the first echo above a threshold, m/s.

    Parameters
    ----------
    waveform_mv : (n,) mV, from the moment of the pulse
    interval_us : between samples, microseconds
    thickness_mm : of the finger between the probes
    threshold_mv : mV
    region, side : where

    Raises
    ------
    InputError : no echo as high as that, or a speed that no tissue has.

    Notes
    -----
    A speed measured on its own; it is not made of BUA and SOS.

    References
    ----------
    Wuester C, et al. Phalangeal osteosonogrammetry study: age-related changes, diagnostic
    sensitivity, and discrimination power. J Bone Miner Res 2000;15:1603-1614.
    doi:10.1359/jbmr.2000.15.8.1603
    """
    _above_zero(thickness_mm=thickness_mm)
    time = arrival_time(waveform_mv, interval_us=interval_us, threshold=threshold_mv)
    return _found(
        "amplitude_dependent_speed",
        _believed(1000 * thickness_mm / time),
        f"first echo of {threshold_mv:g} mV after {time:.3g} µs through {thickness_mm:g} mm",
        region,
        side,
        (),
    )


def heel_indices(bua: float, sos: float, *, side: str = "") -> list[Measurement]:
    """Stiffness index, quantitative ultrasound index and estimated BMD of a heel.

    Parameters
    ----------
    bua : dB/MHz
    sos : m/s
    side : "left", "right" or ""

    Returns
    -------
    SI = 0.67 BUA + 0.28 SOS - 420 (Lunar Achilles); QUI = 0.41 (BUA + SOS) - 571 and
    eBMD = 0.002592 (BUA + SOS) - 3.687 g/cm2 (Hologic Sahara). Each holds for its own device's BUA
    and SOS, which differ from another's; the flags say so.

    Raises
    ------
    InputError : BUA that is negative, or a speed that no heel has.
    """
    if not 0 <= bua < math.inf:
        raise InputError(f"BUA is in dB/MHz and not negative, got {bua!r}")
    _believed(sos)
    both = bua + sos
    rows = (
        ("stiffness_index", 0.67 * bua + 0.28 * sos - 420, "Lunar Achilles"),
        ("quantitative_ultrasound_index", 0.41 * both - 571, "Hologic Sahara"),
        ("heel_bmd_estimated", 0.002592 * both - 3.687, "Hologic Sahara"),
    )
    return [
        _found(
            name,
            value,
            f"from BUA {bua:g} dB/MHz and SOS {sos:g} m/s",
            HEEL,
            side,
            (f"holds for BUA and SOS of {device} alone",),
        )
        for name, value, device in rows
    ]


def _found(
    name: str,
    value: float,
    method: str,
    region: str,
    side: str,
    flags: tuple[str, ...] | list[str],
) -> Measurement:
    return Measurement(
        quantity=name, value=value, region=region, side=side, method=method, flags=tuple(flags)
    )


def _believed(speed: float) -> float:
    low, high = SOS_BELIEVED
    if not low <= speed <= high:
        raise InputError(
            f"a speed of {speed:.4g} m/s is not of bone or soft tissue ({low:g} to {high:g}); "
            "lengths are in mm, times in microseconds"
        )
    return speed


def _above_zero(**values: float) -> None:
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise InputError(f"{name} must be above zero, got {value!r}")
