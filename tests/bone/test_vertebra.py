import numpy as np
import pytest
from scans import grid

from enthesis.bone import trabecular_attenuations
from enthesis.image import Image, LabelMap
from enthesis.regions import vertebral_bodies


def shell(spacing=1.0, thickness_mm=2.0, cut=False):
    """A 30 mm cube of 100 HU in a cortex of 800 HU, in air."""
    n = round(44 / spacing)
    centre = (np.arange(n) + 0.5) * spacing - 22
    depth = 15 - np.abs(np.stack(np.meshgrid(centre, centre, centre, indexing="ij"))).max(axis=0)
    values = np.where(depth < 0, -1000, np.where(depth < thickness_mm, 800, 100)).astype(np.int16)
    mask = (depth >= 0).astype(np.uint8)
    if cut:
        values, mask = values[:, :, n // 2 :], mask[:, :, n // 2 :]
    affine = grid((spacing,) * 3)
    return (
        Image(array=values, affine=affine, quantity="hounsfield"),
        LabelMap(array=mask, affine=affine, names={1: "vertebral_body_L1"}),
    )


@pytest.mark.parametrize("spacing", [0.5, 1.0, 2.0])
def test_the_cortex_is_left_out(spacing):
    image, labels = shell(spacing)
    (found,) = trabecular_attenuations(image, vertebral_bodies(labels))
    assert found.value == 100
    assert (found.region, found.level, found.flags) == ("vertebral_body", "L1", ())


def test_a_thick_cortex_shows():
    image, labels = shell(thickness_mm=8.0)
    (found,) = trabecular_attenuations(image, vertebral_bodies(labels))
    assert found.value > 100


def test_a_body_cut_by_the_scan_is_flagged():
    image, labels = shell(cut=True)
    (found,) = trabecular_attenuations(image, vertebral_bodies(labels))
    assert found.value == 100
    assert "reaches the edge of the scan" in found.flags[0]


def test_a_body_too_small_for_the_margin_gives_no_number():
    image, labels = shell()
    small = np.zeros_like(labels.array)
    small[10:18, 10:18, 10:18] = 1
    bodies = vertebral_bodies(LabelMap(array=small, affine=labels.affine, names=labels.names))
    (found,) = trabecular_attenuations(image, bodies)
    assert np.isnan(found.value)
    assert found.flags == ("only 0 mm3 of trabecular bone lie within the margin",)


def test_an_image_that_is_not_ct_has_no_attenuation():
    image, labels = shell()
    signal = Image(array=image.array, affine=image.affine, quantity="signal")
    assert trabecular_attenuations(signal, vertebral_bodies(labels)) == []
