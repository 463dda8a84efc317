from dataclasses import replace

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.phantom import Compartment, LumbarBody, lumbar_ct
from enthesis.phantom.geometry import axial_plane
from enthesis.phantom.scene import NUMBERS, scene
from enthesis.phantom.truth import true_measurements

COARSE = (2.0, 2.0, 6.0)
STRAIGHT = LumbarBody(lordosis_deg=0)


@pytest.fixture(scope="module")
def phantom():
    return lumbar_ct(spacing_mm=COARSE, rng=np.random.default_rng(7))


def true(measurements, quantity, region, level, *, side="", method=""):
    found = [
        m.value
        for m in measurements
        if (m.quantity, m.region, m.level, m.side) == (quantity, region, level, side)
        and method in m.method
    ]
    assert len(found) == 1
    return found[0]


def mid(measurements, quantity, muscle, level, side):
    return true(measurements, quantity, muscle, level, side=side, method="mid-body")


@pytest.fixture(scope="module")
def straight_truth():
    return true_measurements(scene(STRAIGHT, np.random.default_rng(3)))


@pytest.mark.parametrize("muscle", ["multifidus", "erector_spinae", "psoas_major"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_in_a_straight_spine_true_areas_are_those_asked_for(straight_truth, muscle, side):
    for i, level in enumerate(("L1", "L2", "L3", "L4", "L5")):
        wanted = STRAIGHT.wanted_area(muscle, side, i)
        found = mid(straight_truth, "area", muscle, level, side)
        # Sizes are found by repeated counting on 0.6 mm; the middle of a body's volume lies a
        # fraction of a millimetre from the middle of its height.
        assert found == pytest.approx(wanted, rel=0.02)


def test_a_psoas_clear_of_the_bone_is_the_ellipse_that_it_is_drawn_as():
    settled = scene(STRAIGHT, np.random.default_rng(3))
    middle = settled.curve.middles[4]
    radii = [
        np.interp(middle, settled.muscles.s, settled.muscles.outlines["psoas_major", "left"][r])
        for r in (2, 3)
    ]
    # At L4 the vertebral body takes only a sliver out of the ellipse.
    area = mid(true_measurements(settled), "area", "psoas_major", "L4", "left")
    assert area == pytest.approx(np.pi * radii[0] * radii[1], rel=0.02)
    assert area < np.pi * radii[0] * radii[1] * 1.002


def test_the_true_fat_of_a_compartment_is_the_mean_of_its_fat_field():
    settled = scene(STRAIGHT, np.random.default_rng(3))
    # On a straight spine L3 lies at z = 0 and its volume is symmetric about it.
    step = 0.5
    x = np.arange(-95, 0, step) + step / 2
    plane = axial_plane(settled.curve, x, np.arange(-90, 50, step) + step / 2, 0.0)
    owner = np.zeros((x.size, plane.y.shape[1]), dtype=int)
    fat = np.zeros(owner.shape)
    for piece in settled.paraspinal(plane):
        inside = np.broadcast_to(piece.depth > 0, owner[piece.box].shape)
        owner[piece.box][inside] = NUMBERS[piece.region]
        if piece.region == "erector_spinae_left":
            fat[piece.box] = piece.fat
    expected = 100 * fat[owner == NUMBERS["erector_spinae_left"]].mean()
    found = mid(true_measurements(settled), "fat_infiltration", "erector_spinae", "L3", "left")
    # The middle of the volume is found to a small part of a millimetre.
    assert found == pytest.approx(expected, abs=0.1)


def test_true_attenuation_is_lean_and_fat_mixed_in_the_true_proportion(straight_truth):
    for side in ("left", "right"):
        fat = mid(straight_truth, "fat_infiltration", "multifidus", "L4", side) / 100
        hu = mid(straight_truth, "attenuation_mean", "multifidus", "L4", side)
        assert hu == pytest.approx(58 * (1 - fat) - 105 * fat)


def test_fat_near_a_level_is_what_was_asked_for():
    wasted = Compartment(area_mm2=(250, 330, 470, 700, 880), fat_percent=40)
    truth = true_measurements(scene(replace(STRAIGHT, multifidus=wasted), np.random.default_rng(3)))
    over_height = [
        true(truth, "fat_infiltration", "multifidus", "L3", side=side, method="height")
        for side in ("left", "right")
    ]
    # Set over 26 mm on 1.2 mm points, counted over the height of the body.
    assert over_height == pytest.approx([40, 40], abs=2)


def test_muscle_without_fat_has_none_and_the_attenuation_of_lean_muscle():
    lean = Compartment(area_mm2=(170, 450, 800, 1120, 1230), fat_percent=0)
    truth = true_measurements(scene(replace(STRAIGHT, psoas_major=lean), np.random.default_rng(3)))
    assert mid(truth, "fat_infiltration", "psoas_major", "L3", "left") == 0
    assert mid(truth, "attenuation_mean", "psoas_major", "L3", "left") == 58


def test_left_is_larger_than_right_by_what_was_asked_and_lies_on_the_patients_left(phantom):
    left, right = (mid(phantom.truth, "area", "psoas_major", "L4", s) for s in ("left", "right"))
    assert 200 * (left - right) / (left + right) == pytest.approx(8, abs=1)
    labels = phantom.labels
    where = {
        side: np.argwhere(labels.array == labels.label(f"psoas_major_{side}"))[:, 0].mean()
        for side in ("left", "right")
    }
    # Indices grow to the patient's right.
    assert where["left"] < labels.shape[0] / 2 < where["right"]


def test_exchanging_the_sides_exchanges_the_areas():
    here, there = (
        true_measurements(scene(replace(STRAIGHT, left_excess_percent=e), np.random.default_rng(3)))
        for e in (20, -20)
    )
    for muscle in ("erector_spinae", "psoas_major"):
        # Sizes are found by counting on points that are not quite mirror images of each other.
        assert mid(here, "area", muscle, "L3", "left") == pytest.approx(
            mid(there, "area", muscle, "L3", "right"), rel=3e-3
        )


def test_twice_the_area_asked_for_is_twice_the_area_found(straight_truth):
    big = Compartment(area_mm2=(340, 900, 1600, 2240, 2460), fat_percent=5)
    truth = true_measurements(scene(replace(STRAIGHT, psoas_major=big), np.random.default_rng(3)))
    ratio = mid(truth, "area", "psoas_major", "L3", "left") / mid(
        straight_truth, "area", "psoas_major", "L3", "left"
    )
    # Sizes are found by counting on 0.6 mm.
    assert ratio == pytest.approx(2, rel=0.02)


@pytest.fixture
def slab(monkeypatch):
    """Scans are of 24 mm around the middle of L3 only."""
    bounds = ((-180.0, 180.0), (-120.0, 120.0), (-12.0, 12.0))
    monkeypatch.setattr("enthesis.phantom.grid.extent", lambda curve, body: bounds)


@pytest.mark.usefixtures("slab")
def test_the_same_seed_gives_the_same_voxels_and_another_seed_does_not():
    one, again, other = (
        lumbar_ct(spacing_mm=COARSE, rng=np.random.default_rng(seed)) for seed in (7, 7, 8)
    )
    np.testing.assert_array_equal(one.image.array, again.image.array)
    np.testing.assert_array_equal(one.labels.array, again.labels.array)
    assert one.truth == again.truth
    assert (one.image.array != other.image.array).any()
    assert one.truth != other.truth


@pytest.mark.usefixtures("slab")
def test_partial_volume_keeps_the_mean_attenuation():
    # Noise off and no point spread: all that differs is over what each voxel averages.
    quiet = LumbarBody(noise_sd_hu=0, psf_fwhm_mm=0)
    fine, coarse = (
        lumbar_ct(quiet, spacing_mm=spacing, rng=np.random.default_rng(7)).image.array
        for spacing in ((3.0, 3.0, 3.0), (6.0, 6.0, 6.0))
    )
    i, j, k = coarse.shape
    blocks = fine.astype(float).reshape(i, 2, j, 2, k, 2).mean(axis=(1, 3, 5))
    # Both are rounded to whole HU.
    assert np.abs(blocks - coarse).max() <= 1.0
    assert blocks.mean() == pytest.approx(coarse.mean(dtype=float), abs=0.05)


def test_labels_lie_inside_the_body_and_every_region_is_there(phantom):
    array, labels = phantom.image.array, phantom.labels
    assert set(np.unique(labels.array)) == {0, *labels.names}
    # Softest labelled tissue is fat, well above air, but for the edge of the skin and noise.
    assert np.mean(array[labels.array > 0] < -300) < 1e-3


def test_labelled_areas_and_attenuation_agree_with_the_truth(phantom):
    labels, image = phantom.labels, phantom.image
    number = labels.label("vertebral_body_L3")
    k = round(np.argwhere(labels.array == number)[:, 2].mean())
    muscle = labels.array[:, :, k] == labels.label("erector_spinae_left")
    # 1800 mm2 on 4 mm2 pixels, and a slice up to 3 mm from the middle.
    assert muscle.sum() * 4 == pytest.approx(
        mid(phantom.truth, "area", "erector_spinae", "L3", "left"), rel=0.05
    )
    assert image.array[:, :, k][muscle].mean() == pytest.approx(
        mid(phantom.truth, "attenuation_mean", "erector_spinae", "L3", "left"), abs=8
    )


def test_the_image_is_a_ct_in_whole_hu_that_says_it_is_simulated(phantom):
    image = phantom.image
    assert image.array.dtype == np.int16
    assert image.quantity == "hounsfield"
    assert image.source.modality == "CT"
    assert image.source.facts["simulated"] is True
    assert image.spacing == COARSE


def test_spacing_out_of_range_is_refused():
    with pytest.raises(InputError, match=r"between 0.5 and 8, got 0.1"):
        lumbar_ct(spacing_mm=(0.1, 1, 1), rng=np.random.default_rng(1))
