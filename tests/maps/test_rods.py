"""Rods found in made phantoms and in a real scan."""

import numpy as np
import pytest
from data import real

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.maps.calibration import calibrate
from enthesis.maps.rods import find_rods, measure_rods

DENSITIES = (0, 50, 100, 150, 200)


def phantom(rods=DENSITIES, *, noise=15.0, mirrored=False, body=-30.0):
    """A slab with rods of 18 mm every 35 mm, below a body with a bone; HU = 1.2 density + 10."""
    rng = np.random.default_rng(3)
    i, j = np.mgrid[0:300, 0:200]
    flat = np.full(i.shape, -1000.0)
    flat[np.hypot((i - 150) / 1.6, j - 130) < 60] = 50
    flat[np.hypot(i - 150, j - 120) < 15] = 180
    flat[(abs(i - 150) < 130) & (abs(j - 35) < 16)] = body
    for n, density in enumerate(rods):
        place = 150 + (n - 2) * 43.75
        flat[np.hypot(i - place, j - 35 + 0.6 * (n - 2) ** 2) < 11.25] = 1.2 * density + 10
    if mirrored:
        flat = flat[::-1]
    volume = flat[:, :, None] + rng.normal(0, noise, (*flat.shape, 4))
    return Image(
        array=volume.astype(np.float32),
        affine=np.diag([0.8, 0.8, 2.0, 1.0]),
        quantity="hounsfield",
    )


def test_rods_are_found_and_calibrate_to_the_truth():
    rods = find_rods(phantom(), n_rods=5)
    # Noise of 15 HU over more than a thousand voxels leaves the mean within 2 HU.
    assert [rod.hounsfield for rod in rods] == pytest.approx([10, 70, 130, 190, 250], abs=2)
    assert rods[0].radius_mm == pytest.approx(9, abs=0.5)
    fit = calibrate([rod.hounsfield for rod in rods], DENSITIES, material="CaHA")
    assert fit.slope == pytest.approx(1 / 1.2, rel=0.01)
    assert not any(rod.inferred for rod in rods)


def test_mirroring_changes_nothing_but_the_side():
    there, back = find_rods(phantom(), n_rods=5), find_rods(phantom(mirrored=True), n_rods=5)
    for one, other in zip(there, back, strict=True):
        assert one.hounsfield == pytest.approx(other.hounsfield, abs=2)
        assert one.centre_mm[0] == pytest.approx(299 * 0.8 - other.centre_mm[0], abs=1)


def test_a_rod_of_the_slabs_own_attenuation_is_placed_by_the_row_and_marked():
    rods = find_rods(phantom(body=10), n_rods=5)
    assert [rod.inferred for rod in rods] == [True, False, False, False, False]
    assert rods[0].hounsfield == pytest.approx(10, abs=2)
    assert rods[0].centre_mm[0] == pytest.approx((150 - 2 * 43.75) * 0.8, abs=2)


def test_given_centres_are_measured_in_their_order():
    centres = [((150 + n * 43.75) * 0.8, (35 - 0.6 * n**2) * 0.8, 0.0) for n in (2, 0)]
    rods = measure_rods(phantom(), centres, radius_mm=9)
    assert [rod.hounsfield for rod in rods] == pytest.approx([250, 130], abs=2)


def test_a_scan_without_a_phantom_is_refused():
    with pytest.raises(InputError, match="give the centres"):
        find_rods(phantom(rods=()), n_rods=5)


def test_a_rod_outside_the_image_is_refused():
    with pytest.raises(InputError, match="not wholly inside"):
        measure_rods(phantom(), [(0.0, 0.0, 0.0)], radius_mm=9)
    with pytest.raises(InputError, match="three rods or more"):
        find_rods(phantom(), n_rods=2)


def test_six_rods_of_a_real_scan_lie_on_a_line():
    from enthesis.read import image

    rods = find_rods(image(real("qct_phantom_kuczynski")), n_rods=6)
    # The repository does not name the densities: these are inferred from the HU themselves.
    fit = calibrate(
        [rod.hounsfield for rod in rods], [0, 100, 200, 400, 600, 800], material="CaHA", kvp=120
    )
    assert fit.r_squared >= 0.997
    assert rods[0].inferred
    # Beam hardening between the legs makes rods uneven by 6 HU per pixel, hence the width.
    assert [rod.hounsfield for rod in rods] == pytest.approx([-111, 1, 167, 421, 642, 908], abs=15)
