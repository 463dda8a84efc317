"""The scanner's side of a CT: tube voltage, rods, kernel, thickness, tilt."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.maps import bone_density, calibrate, find_rods
from enthesis.phantom import LumbarBody, lumbar_ct
from enthesis.phantom.beam import bone_gain, fat_gain, hu_per_density
from enthesis.phantom.trunk import ROD_DENSITIES


def rng():
    return np.random.default_rng(3)


@pytest.fixture(autouse=True)
def slab(monkeypatch):
    """Scans are of 24 mm around the middle of L3 only."""
    bounds = ((-180.0, 180.0), (-165.0, 130.0), (-12.0, 12.0))
    monkeypatch.setattr("enthesis.phantom.grid.extent", lambda curve, body: bounds)


def inner(phantom, name, *, of=4):
    region = phantom.labels.array == phantom.labels.label(name)
    # Within 6 mm of the middle of L3, clear of its endplates.
    up = phantom.labels.affine[2, 3] + phantom.labels.affine[2, 2] * np.arange(region.shape[2])
    region = region & (np.abs(up) < 6)
    return ndimage.binary_erosion(region, np.ones((of, of, 1)))


def true(phantom, quantity, level="L3"):
    (found,) = (
        m.value
        for m in phantom.truth
        if (m.quantity, m.region, m.level) == (quantity, "vertebral_body", level)
    )
    return found


def test_salts_attenuate_more_at_lower_voltage_and_fat_lies_farther_from_water():
    assert hu_per_density("CaHA", 120) == pytest.approx(1.307)
    # Between the tabulated voltages on the straight line.
    assert hu_per_density("CaHA", 110) == pytest.approx((1.535 + 1.307) / 2)
    assert bone_gain(80) > bone_gain(100) > bone_gain(120) == 1 > bone_gain(140)
    assert fat_gain(80) > fat_gain(120) == 1 > fat_gain(140)


@pytest.mark.parametrize(("salt", "kvp"), [("CaHA", 120.0), ("CaHA", 80.0), ("K2HPO4", 100.0)])
def test_rods_are_found_and_calibrate_the_bone_to_its_true_density(salt, kvp):
    made = lumbar_ct(LumbarBody(rods=salt), spacing_mm=(1, 1, 3), kvp=kvp, rng=rng())
    rods = find_rods(made.image, n_rods=5)
    line = calibrate([rod.hounsfield for rod in rods], ROD_DENSITIES, material=salt, kvp=kvp)
    assert line.r_squared > 0.999
    marrow = inner(made, "vertebral_body_L3", of=9)
    found = bone_density(made.image, line).array[marrow].mean()
    # The texture of 14 HU leaves 0.3 HU in the mean of some thousand voxels; noise less.
    assert found == pytest.approx(true(made, "trabecular_bmd"), abs=2.5)


def test_attenuation_at_80_kv_is_as_true_as_at_120():
    made = lumbar_ct(spacing_mm=(2, 2, 3), kvp=80, rng=rng())
    seen = made.image.array[inner(made, "vertebral_body_L3", of=5)].mean()
    assert true(made, "trabecular_attenuation") == pytest.approx(138 * 1.863 / 1.307)
    assert seen == pytest.approx(true(made, "trabecular_attenuation"), abs=4)
    fat = inner(made, "subcutaneous_fat", of=4)
    assert made.image.array[fat].mean() == pytest.approx(-105 * 1.26, abs=3)


def test_kernels_trade_noise_for_edges():
    sd = {}
    for kernel in ("soft", "standard", "bone"):
        made = lumbar_ct(LumbarBody(noise_sd_hu=20), kernel=kernel, spacing_mm=(1, 1, 8), rng=rng())
        sd[kernel] = float(made.image.array[inner(made, "subcutaneous_fat", of=7)].std())
    assert sd["standard"] == pytest.approx(20, rel=0.1)
    assert sd["soft"] < 0.75 * sd["standard"] < 0.75 * sd["bone"] / 1.8


def test_thicker_slices_lie_where_they_did_and_hold_more_of_their_neighbours():
    thin, thick = (
        lumbar_ct(
            LumbarBody(noise_sd_hu=0), spacing_mm=(2, 2, 3), slice_thickness_mm=mm, rng=rng()
        ).image
        for mm in (1.0, 9.0)
    )
    np.testing.assert_array_equal(thin.affine, thick.affine)
    steps = [np.abs(np.diff(image.array.astype(float), axis=2)).mean() for image in (thin, thick)]
    assert steps[1] < 0.8 * steps[0]


def test_a_tilted_scan_shows_each_place_where_the_upright_one_does():
    quiet = LumbarBody(noise_sd_hu=0, psf_fwhm_mm=0)
    upright, tilted = (
        lumbar_ct(quiet, spacing_mm=(2, 2, 2), tilt_deg=degrees, rng=rng()) for degrees in (0, 15)
    )
    assert tilted.image.spacing == pytest.approx((2, 2, 2))
    along = tilted.image.affine[:3, 1] / 2
    assert along == pytest.approx([0, np.cos(np.deg2rad(15)), np.sin(np.deg2rad(15))])
    into = np.linalg.inv(upright.image.affine) @ tilted.image.affine
    here = np.argwhere(tilted.labels.array == tilted.labels.label("psoas_major_left"))
    there = (into @ np.c_[here, np.ones(len(here))].T)[:3]
    within = (there[2] > 0) & (there[2] < upright.image.shape[2] - 1)
    names = upright.labels.array[tuple(np.rint(there[:, within]).astype(int))]
    # The rim is within a voxel of another region.
    assert (names == upright.labels.label("psoas_major_left")).mean() > 0.93


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kvp": 60}, "kvp is in kV and between 80 and 140, got 60"),
        ({"kernel": "B30f"}, "kernel is one of soft, standard, bone, got 'B30f'"),
        ({"tilt_deg": 45}, "tilt_deg is in degrees and between -30 and 30, got 45"),
        ({"slice_thickness_mm": 0}, "slice_thickness_mm is in mm and between 0.3 and 10, got 0"),
    ],
)
def test_impossible_scans_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        lumbar_ct(**change, rng=rng())


def test_density_of_true_bone_does_not_depend_on_the_voltage():
    thin = replace(LumbarBody(), trabecular_hu=(60.0,) * 5)
    found = [
        true(lumbar_ct(thin, spacing_mm=(8, 8, 8), kvp=kvp, rng=rng()), "trabecular_bmd")
        for kvp in (80, 140)
    ]
    assert found[0] == pytest.approx(found[1])
    assert found[0] == pytest.approx(60 / 1.307)
