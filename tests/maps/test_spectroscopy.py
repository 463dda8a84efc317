"""Spectra made of peaks of known area."""

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.maps.spectroscopy import marrow_fat_fraction, muscle_lipids

PPM = np.linspace(0, 8, 2048)


def spectrum(*peaks, baseline=0.0):
    """Lorentzian peaks (shift, width, area)."""
    half = [w / 2 for _, w, _ in peaks]
    return baseline + sum(
        a * h / np.pi / ((PPM - c) ** 2 + h**2) for (c, _, a), h in zip(peaks, half, strict=True)
    )


def test_marrow_of_three_parts_lipid_and_two_water_is_60_percent_fat():
    fit = marrow_fat_fraction(PPM, spectrum((1.3, 0.3, 3), (4.7, 0.25, 2), baseline=0.1))
    assert fit.lipid_fraction == pytest.approx(60, abs=1e-4)
    assert fit.residual < 1e-3
    assert "T2" in fit.flags[0]


def test_gain_and_a_small_shift_do_not_change_the_fraction():
    fit = marrow_fat_fraction(PPM, 50 * spectrum((1.35, 0.3, 3), (4.74, 0.25, 2)))
    assert fit.lipid_fraction == pytest.approx(60, abs=1e-4)
    assert fit.peaks[0].shift_ppm == pytest.approx(1.35, abs=1e-5)


def test_decay_is_undone_by_t2():
    lipid, water = 3 * np.exp(-0.03 / 0.08), 2 * np.exp(-0.03 / 0.04)
    fit = marrow_fat_fraction(
        PPM,
        spectrum((1.3, 0.3, lipid), (4.7, 0.25, water)),
        echo_time=0.03,
        t2={"lipid": 0.08, "water": 0.04},
    )
    assert fit.lipid_fraction == pytest.approx(60, abs=1e-4)
    assert fit.flags == ()


def test_lipids_within_and_outside_fibres_are_told_apart():
    fit = muscle_lipids(
        PPM, spectrum((1.3, 0.08, 0.6), (1.5, 0.1, 1.4), (3.0, 0.06, 0.5), (4.7, 0.15, 98))
    )
    assert fit.imcl_fraction == pytest.approx(0.6, abs=1e-3)
    assert fit.emcl_fraction == pytest.approx(1.4, abs=1e-3)
    assert fit.lipid_fraction == pytest.approx(2.0, abs=1e-3)
    whole, within, outside = fit.measurements(region="soleus", side="left")
    assert (within.quantity, outside.quantity) == ("imcl_fraction", "emcl_fraction")
    assert whole.value == pytest.approx(within.value + outside.value)
    assert (within.side, within.method) == ("left", "spectrum, four Lorentzian peaks")
    assert within.flags == fit.flags


def test_noise_leaves_the_lipids_within_a_tenth():
    rng = np.random.default_rng(2)
    clean = spectrum((1.3, 0.08, 0.6), (1.5, 0.1, 1.4), (3.0, 0.06, 0.5), (4.7, 0.15, 98))
    fit = muscle_lipids(PPM, clean + rng.normal(0, 0.1, PPM.size))
    assert fit.imcl_fraction == pytest.approx(0.6, rel=0.1)
    assert fit.emcl_fraction == pytest.approx(1.4, rel=0.1)


def test_overlapping_lipids_are_flagged():
    fit = muscle_lipids(
        PPM, spectrum((1.38, 0.4, 1), (1.42, 0.4, 1), (3.0, 0.06, 0.5), (4.7, 0.15, 98))
    )
    assert any("overlap" in flag for flag in fit.flags)
    assert fit.lipid_fraction == pytest.approx(2.0, abs=0.05)


def test_unusable_spectra_are_refused():
    with pytest.raises(InputError, match="real, phased"):
        marrow_fat_fraction(PPM, spectrum((1.3, 0.3, 3)) * 1j)
    with pytest.raises(InputError, match="ppm are wanted"):
        marrow_fat_fraction(PPM / 2, spectrum((1.3, 0.3, 3)))
    with pytest.raises(InputError, match="echo_time=None"):
        marrow_fat_fraction(PPM, spectrum((1.3, 0.3, 3)), t2={"lipid": 0.08, "water": 0.04})
