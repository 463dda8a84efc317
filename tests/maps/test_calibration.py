"""HU to density: worked numbers, salts, doubts carried along."""

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.maps.calibration import (
    asynchronous,
    bone_density,
    calibrate,
    calibrate_liquid,
    in_material,
    k2hpo4_per_caha,
)

SOLID = ([5, 72, 145, 219], [0, 50, 100, 150])


def scan(hounsfield=120.0, **facts):
    return Image(
        array=np.full((2, 2, 1), hounsfield, dtype=np.int16),
        affine=np.eye(4),
        quantity="hounsfield",
        source=Source(modality="CT", facts=facts),
    )


def test_four_solid_rods_give_the_line_worked_by_hand():
    fit = calibrate(*SOLID, material="CaHA")
    assert fit.slope == pytest.approx(0.6989, abs=5e-5)
    assert fit.intercept == pytest.approx(-2.057, abs=5e-4)
    assert fit.r_squared == pytest.approx(0.9995, abs=5e-5)
    assert fit.density(120) == pytest.approx(81.8, abs=0.05)


def test_liquid_rods_give_the_line_worked_from_the_makers_guide():
    fit = calibrate_liquid(
        [462.936, 345.738, 176.712, -35.378, -69.549],
        [375.83, 157.05, 58.88, -53.40, -51.83],
        [923.20, 1119.52, 1103.57, 1056.95, 1012.25],
    )
    assert fit.slope == pytest.approx(0.800283, abs=5e-7)
    # Three printed decimals of HU move the intercept by up to 0.0005 x 0.8 mg/cm3.
    assert fit.intercept == pytest.approx(8.122907, abs=4e-4)
    assert fit.density(150) == pytest.approx(128.17, abs=0.005)
    assert fit.material == "K2HPO4"


def test_the_prediction_sd_is_the_textbook_one_and_grows_away_from_the_rods():
    x, y = (np.array(v, dtype=float) for v in SOLID)
    fit = calibrate(x, y, material="CaHA")
    left = y - fit.density(x)
    s = np.sqrt((left**2).sum() / 2)
    at = 300.0
    by_hand = s * np.sqrt(1 + 1 / 4 + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    assert fit.prediction_sd(at) == pytest.approx(by_hand)
    assert fit.prediction_sd(at) > fit.prediction_sd(x.mean())


def test_the_liquid_prediction_sd_matches_repeated_noise():
    rng = np.random.default_rng(1)
    salt = np.array([375.83, 157.05, 58.88, -53.40, -51.83])
    water = np.array([923.20, 1119.52, 1103.57, 1056.95, 1012.25])
    true = 1.466958 * salt - 1009.75 + water
    fits = [calibrate_liquid(true + rng.normal(0, 3, 5), salt, water) for _ in range(4000)]
    lines = np.array([fit.density(150) for fit in fits])
    of_line = np.mean([fit.prediction_sd(150) ** 2 - fit.residual_sd**2 for fit in fits])
    # The SD of 4000 draws is known to about 1%, its square to 2%.
    assert of_line == pytest.approx(lines.var(), rel=0.08)


def test_two_rods_leave_the_uncertainty_unknown_and_say_so():
    fit = calibrate([0, 100], [0, 80], material="CaHA")
    assert np.isnan(fit.prediction_sd(50))
    assert "uncertainty is unknown" in fit.flags[0]


def test_salts_convert_as_goodsitt_1992_prints_and_back_again():
    assert k2hpo4_per_caha(80) == 0.86
    assert k2hpo4_per_caha(140) == 0.81
    fit = calibrate(*SOLID, material="CaHA", kvp=80)
    there = in_material(fit, "K2HPO4")
    assert there.density(120) == pytest.approx(0.86 * fit.density(120))
    assert there.prediction_sd(120) == pytest.approx(0.86 * fit.prediction_sd(120))
    assert in_material(there, "CaHA").slope == pytest.approx(fit.slope)


def test_a_ratio_between_the_published_tube_voltages_is_flagged():
    fit = in_material(calibrate(*SOLID, material="CaHA", kvp=120), "K2HPO4")
    assert any("interpolated" in flag for flag in fit.flags)


def test_the_map_names_its_salt_and_flags_contrast():
    image = bone_density(
        scan(kvp=120.0, contrast=True), calibrate(*SOLID, material="CaHA", kvp=120)
    )
    assert image.quantity == "bmd_ct"
    assert image.array == pytest.approx(81.8, abs=0.05)
    assert image.source.facts["bmd_material"] == "CaHA"
    assert any("contrast" in flag for flag in image.source.flags)


def test_a_calibration_of_another_day_is_flagged():
    fit = asynchronous(calibrate(*SOLID, material="CaHA"), days_apart=7)
    assert "7 days" in fit.flags[-1]


def test_another_tube_voltage_is_refused():
    with pytest.raises(InputError, match="100 kVp, the calibration at 120"):
        bone_density(scan(kvp=100.0), calibrate(*SOLID, material="CaHA", kvp=120))


def test_a_mismatched_rod_is_flagged():
    fit = calibrate([5, 72, 219, 145], SOLID[1], material="CaHA")
    assert "R2" in fit.flags[0]


def test_unusable_rods_are_refused():
    with pytest.raises(InputError, match="'K2HPO4' or 'CaHA'"):
        calibrate(*SOLID, material="bone")
    with pytest.raises(InputError, match="at least two rods"):
        calibrate([1], [1], material="CaHA")
    with pytest.raises(InputError, match="got 2 and 1"):
        calibrate([1], [1, 2], material="CaHA")
    with pytest.raises(InputError, match="do not differ"):
        calibrate([1, 1], [1, 2], material="CaHA")
    with pytest.raises(InputError, match="tube voltage"):
        in_material(calibrate(*SOLID, material="CaHA"), "K2HPO4")
    with pytest.raises(InputError, match="80 to 140"):
        k2hpo4_per_caha(70)
