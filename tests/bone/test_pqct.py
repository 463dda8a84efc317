import numpy as np
import pytest
from data import real

from enthesis import read
from enthesis.bone import bone_slice, density_of_attenuation, pqct
from enthesis.image import Image


def ring(outer=12.0, inner=8.0, *, pixel=0.2, cortex=1100.0, marrow=40.0, stretch=1.0, turn=0.0):
    """A tube across its axis, as density in mg/cm3."""
    n = round(40 / pixel)
    centre = (np.arange(n) + 0.5) * pixel - 20
    x, y = np.meshgrid(centre, centre, indexing="ij")
    a = np.deg2rad(turn)
    x, y = np.cos(a) * x + np.sin(a) * y, np.cos(a) * y - np.sin(a) * x
    r = np.hypot(x, y / stretch)
    values = np.where(r < inner, marrow, np.where(r < outer, cortex, 0)).astype(np.float32)
    affine = np.diag([pixel, pixel, 1.0, 1.0])
    return Image(array=values[:, :, None], affine=affine, quantity="bmd_ct")


def numbers(image, **options):
    return {m.quantity: m.value for m in pqct(image, **options)}


def test_a_round_tube_has_the_geometry_of_the_formulas():
    found = numbers(ring())
    # Radii 12 and 8 mm: area 251.3 mm2, wall 4 mm, I 26138 mm4 polar, 13069 each; SSI 1996.7 mm3.
    # Pixels of 0.2 mm on a curved edge leave half a percent.
    assert found["cortical_area"] == pytest.approx(251.3, rel=0.005)
    assert found["cortical_thickness_derived"] == pytest.approx(4.0, rel=0.005)
    assert found["moment_polar"] == pytest.approx(26138, rel=0.005)
    assert found["moment_largest"] == pytest.approx(13069, rel=0.005)
    assert found["moment_smallest"] == pytest.approx(13069, rel=0.005)
    # The farthest pixel's centre lies up to half a diagonal inside the edge.
    assert found["strength_strain_index"] == pytest.approx(1996.7, rel=0.02)
    assert found["cortical_bmd"] == pytest.approx(1100)
    assert found["bone_area"] == pytest.approx(np.pi * 144, rel=0.005)


def test_the_trabecular_part_is_the_inner_45_percent():
    found = numbers(ring())
    assert found["trabecular_area"] / found["bone_area"] == pytest.approx(0.45, abs=1e-3)
    # The inner 45% of a disc of 12 mm reach to 8.05 mm: marrow and a rim of cortex.
    assert found["trabecular_bmd"] == pytest.approx(40 + 1060 * (1 - 64 / 64.8), abs=4)


def test_compressive_strength_is_density_squared_times_area():
    # 300 mg/cm3 over 90 mm2: 0.3^2 x 0.9 = 0.081 g2/cm4.
    values = np.zeros((20, 20, 1), dtype=np.float32)
    values[5:14, 5:15] = 300
    image = Image(array=values, affine=np.eye(4), quantity="bmd_ct")
    found = numbers(image)
    assert found["bone_strength_index"] == pytest.approx(0.081)
    assert found["bone_mineral_per_length"] == pytest.approx(27)
    assert np.isnan(found["strength_strain_index"])


def test_principal_moments_do_not_change_when_the_bone_is_turned():
    straight, turned = numbers(ring(stretch=1.4)), numbers(ring(stretch=1.4, turn=30))
    for name in ("moment_largest", "moment_smallest", "moment_polar"):
        # Pixels on the edge.
        assert turned[name] == pytest.approx(straight[name], rel=0.005)
    assert straight["moment_largest"] > 1.5 * straight["moment_smallest"]


def test_the_second_bone_is_measured_when_asked_for():
    two = ring(outer=6, inner=4).array + np.roll(ring(outer=3, inner=1).array, 60, axis=0)
    image = Image(array=two, affine=np.diag([0.2, 0.2, 1, 1]), quantity="bmd_ct")
    assert numbers(image)["bone_area"] == pytest.approx(np.pi * 36, rel=0.01)
    # The edge's pixels weigh more on the smaller bone.
    assert numbers(image, bone=1)["bone_area"] == pytest.approx(np.pi * 9, rel=0.02)
    with pytest.raises(ValueError, match="bone 2 of 2"):
        bone_slice(image, bone=2)


def test_a_thin_cortex_is_flagged():
    (first, *_) = pqct(ring(outer=12, inner=11.7, pixel=0.2))
    assert "voxels thick: its density is blurred down" in first.flags[-1]


def test_attenuation_and_volumes_are_refused():
    image = ring()
    attenuation = Image(
        array=image.array / 1000, affine=image.affine, quantity="linear_attenuation"
    )
    with pytest.raises(ValueError, match="give its slope and intercept"):
        pqct(attenuation)
    stack = Image(array=np.repeat(image.array, 2, 2), affine=image.affine, quantity="bmd_ct")
    with pytest.raises(ValueError, match="one slice is wanted"):
        pqct(stack)
    with pytest.raises(ValueError, match="slope must be above 0"):
        density_of_attenuation(attenuation, slope=0, intercept=0)
    calibrated = density_of_attenuation(attenuation, slope=1000, intercept=0)
    assert numbers(calibrated)["cortical_bmd"] == pytest.approx(1100, rel=1e-5)


def test_the_calibration_phantom_of_a_real_scanner_is_a_round_ring():
    image = read.image(real("pqct_stratec_fiji/I0025851.m01"))
    # Slope and intercept of the XCT 3000's device file that came with it.
    density = density_of_attenuation(image, slope=1495.0, intercept=-341.0)
    found = numbers(density)
    # A machined ring: round to 1%, which the pixels of 0.4 mm leave.
    assert found["moment_largest"] / found["moment_smallest"] == pytest.approx(1, abs=0.05)
    assert found["cortical_bmd"] > found["trabecular_bmd"]
