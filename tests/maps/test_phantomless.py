"""Density without a phantom, against attenuation worked forwards."""

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.maps.calibration import calibrate, calibrate_liquid
from enthesis.maps.phantomless import (
    K2HPO4,
    TISSUES,
    WATER,
    attenuation,
    effective_energy,
    phantomless,
)


def hounsfield_at(energy, names=("air", "adipose", "muscle", "cortical_bone"), scale=1.0):
    water = attenuation(WATER, energy)
    return {
        name: float(
            scale
            * (
                1000
                * TISSUES[name].density
                * attenuation(TISSUES[name].composition, energy)
                / water
                - 1000
            )
        )
        for name in names
    }


def test_water_and_calcium_attenuate_as_nist_prints():
    # NISTIR 5632: water 0.2059 and 0.1707 at 60 and 100 keV, cortical bone 0.3148 at 60.
    assert attenuation(WATER, 60) == pytest.approx(0.2059, rel=2e-3)
    assert attenuation(WATER, 100) == pytest.approx(0.1707, rel=2e-3)
    assert attenuation(TISSUES["cortical_bone"].composition, 60) == pytest.approx(0.3148, rel=5e-3)


def test_tissues_at_one_energy_give_that_energy_and_the_density_of_a_solution():
    fit = phantomless(hounsfield_at(72))
    assert "72.0 keV" in fit.method
    salt = 150.0
    water = attenuation(WATER, 72)
    solution = (999.6 - 0.2174 * salt) / 1000 * water + salt / 1000 * attenuation(K2HPO4, 72)
    assert fit.density(1000 * solution / water - 1000) == pytest.approx(salt, abs=0.01)
    assert fit.r_squared == pytest.approx(1, abs=1e-9)


def test_a_scanner_whose_scale_is_off_gives_the_same_density():
    plain = hounsfield_at(70)
    off = {name: 1.03 * value - 8 for name, value in plain.items()}
    assert phantomless(off).density(1.03 * 200 - 8) == pytest.approx(
        float(phantomless(plain).density(200)), abs=1e-6
    )


def test_the_prediction_sd_matches_tissues_that_differ_from_the_published():
    rng = np.random.default_rng(0)
    plain = hounsfield_at(65, names=("air", "adipose", "muscle", "cortical_bone"))
    drawn = [
        phantomless({n: v + (n != "air") * rng.normal(0, 2) for n, v in plain.items()}).density(150)
        for _ in range(200)
    ]
    # The SD of 200 draws is known to 5%; the line is curved in fat's HU, which adds to it.
    assert phantomless(plain, tissue_sd=2).prediction_sd(150) == pytest.approx(
        np.std(drawn), rel=0.2
    )


def test_unusable_tissues_are_refused():
    with pytest.raises(InputError, match="no reference tissue 'spleen'"):
        phantomless({"air": -1000, "spleen": 50, "muscle": 55})
    with pytest.raises(InputError, match="three tissues"):
        phantomless({"air": -1000, "muscle": 55})
    with pytest.raises(InputError, match="blood after contrast"):
        phantomless(hounsfield_at(70, names=("air", "adipose", "blood")), contrast=True)
    with pytest.raises(InputError, match="give energy_kev"):
        phantomless({"air": -1000, "adipose": -100, "muscle": 55})
    with pytest.raises(InputError, match="got 120000"):
        phantomless({"air": -1000, "adipose": -100, "muscle": 55}, energy_kev=120000)
    with pytest.raises(InputError, match="got CaHA"):
        effective_energy(calibrate([0, 100, 200], [0, 80, 160], material="CaHA"))


def test_a_phantoms_energy_and_the_tissues_scale_agree_with_the_phantom():
    # The rods of the makers' guide, 120 kVp.
    phantom = calibrate_liquid(
        [462.936, 345.738, 176.712, -35.378, -69.549],
        [375.83, 157.05, 58.88, -53.40, -51.83],
        [923.20, 1119.52, 1103.57, 1056.95, 1012.25],
    )
    energy = effective_energy(phantom)
    assert 65 < energy < 85
    fit = phantomless({"air": -1000, "adipose": -105, "muscle": 55}, energy_kev=energy)
    # Fat that is lighter than the published tilts the line by some percent, and no more.
    assert fit.slope == pytest.approx(phantom.slope, rel=0.05)
