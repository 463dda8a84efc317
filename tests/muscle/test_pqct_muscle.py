import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle import pqct_muscle

VOXEL = 0.4
FAT, MUSCLE, CORTEX, MARROW, AIR = 0.0, 75.0, 1000.0, 20.0, -270.0
CALIBRATION = "Stratec XCT 3000, fat 0"


def limb(*, noise=0.0, muscle=MUSCLE, streaks=False):
    """A round limb: skin, fat to 44 mm, muscle to 34 mm, bone to 12 mm with marrow to 7 mm."""
    axis = VOXEL * (np.arange(260) - 129.5)
    radius = np.hypot(*np.meshgrid(axis, axis, indexing="ij"))
    density = np.select(
        [radius < 7, radius < 12, radius < 34, radius < 44, radius < 45],
        [MARROW, CORTEX, muscle, FAT, MUSCLE],
        AIR,
    )
    if streaks:
        angle = np.arctan2(*np.meshgrid(axis, axis, indexing="ij"))
        density[(radius > 14) & (radius < 32) & (angle > 0) & (angle < np.pi / 5)] = FAT
    density = density + noise * np.random.default_rng(5).standard_normal(density.shape)
    return Image(
        array=density[:, :, None].astype(np.float32),
        affine=np.diag([VOXEL, VOXEL, 1.0, 1.0]),
        quantity="bmd_ct",
    )


def measured(image, **more):
    found = pqct_muscle(image, calibration=CALIBRATION, site="66% tibia", **more)
    return {m.quantity: m for m in found}


def test_area_and_density_of_a_round_limb():
    found = measured(limb())
    # Voxels of 0.4 mm on circles of 34 and 12 mm; a voxel on the border is blurred to either side.
    assert found["area"].value == pytest.approx(np.pi * (34**2 - 12**2), rel=0.02)
    assert found["muscle_density"].value == pytest.approx(75.0, abs=0.5)
    # 2 mm of the limb's 45 count as skin, so fat is a ring from 34 to 43 mm.
    fat, muscle = 1000 * (43**2 - 34**2), 1075 * (34**2 - 12**2)
    assert found["limb_fat"].value == pytest.approx(100 * fat / (fat + muscle), abs=1.0)


def test_noise_of_the_scanner_moves_them_little():
    clean, noisy = measured(limb()), measured(limb(noise=25.0))
    assert noisy["area"].value == pytest.approx(clean["area"].value, rel=0.02)
    assert noisy["muscle_density"].value == pytest.approx(75.0, abs=1.0)


def test_fat_in_the_muscle_is_no_muscle():
    whole, streaked = measured(limb()), measured(limb(streaks=True))
    lost = np.pi * (32**2 - 14**2) / 10
    assert whole["area"].value - streaked["area"].value == pytest.approx(lost, rel=0.05)
    assert streaked["limb_fat"].value > whole["limb_fat"].value


def test_turning_the_limb_changes_nothing():
    image = limb(streaks=True)
    turned = Image(array=np.rot90(image.array).copy(), affine=image.affine, quantity=image.quantity)
    for name, one in measured(image).items():
        assert measured(turned)[name].value == pytest.approx(one.value)


def test_the_calibration_and_the_site_stand_in_the_method():
    assert measured(limb())["area"].method == (
        "pQCT, 66% tibia, 40..200 mg/cm3 on Stratec XCT 3000, fat 0"
    )


def test_what_is_no_slice_of_density_is_refused():
    attenuation = Image(array=np.zeros((4, 4, 1)), affine=np.eye(4), quantity="linear_attenuation")
    with pytest.raises(InputError, match="measured in density, got 'linear_attenuation'"):
        pqct_muscle(attenuation, calibration=CALIBRATION)
    with pytest.raises(InputError, match="name the calibration"):
        pqct_muscle(limb(), calibration=" ")
    air = Image(array=np.full((9, 9, 1), -270.0), affine=np.eye(4), quantity="bmd_ct")
    with pytest.raises(InputError, match="no limb"):
        pqct_muscle(air, calibration=CALIBRATION)
