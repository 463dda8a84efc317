import numpy as np
import pytest
from scans import grid

from enthesis import phantom
from enthesis.bone import (
    apparent_diffusion,
    marrow_means,
    spinal_fluid_near,
    vertebral_bone_quality,
)
from enthesis.image import Image, LabelMap


def spine(values, quantity="signal", canal=None):
    """Bodies L1, L2 … of 30 mm cubes with the values given, in a shell of 0."""
    n = len(values)
    array = np.zeros((40, 50, 34 * n + 4), dtype=np.float32)
    labels = np.zeros(array.shape, dtype=np.uint8)
    names = {}
    for i, value in enumerate(values):
        low = 34 * (n - 1 - i) + 2
        labels[5:35, 15:45, low : low + 30] = i + 1
        array[7:33, 17:43, low + 2 : low + 28] = value
        names[i + 1] = f"vertebral_body_L{i + 1}"
    if canal is not None:
        labels[15:25, 2:10] = n + 1
        array[15:25, 2:10] = canal
        names[n + 1] = "spinal_canal"
    return (
        Image(array=array, affine=grid(), quantity=quantity),
        LabelMap(array=labels, affine=grid(), names=names),
    )


def test_the_mean_of_a_map_is_read_inside_each_body():
    found = marrow_means(*spine([40, 42, 44], "fat_fraction"))
    assert [(m.region, m.level, m.value) for m in found] == [
        ("vertebral_body", "L1", 40),
        ("vertebral_body", "L2", 42),
        ("vertebral_body", "L3", 44),
        ("lumbar_spine", "", 42),
    ]
    assert found[-1].method == "mean of L1, L2, L3"


def test_t2_star_and_perfusion_maps_are_read_alike():
    for quantity in ("t2_star", "enhancement_slope", "k_trans"):
        assert marrow_means(*spine([7.0], quantity))[0].quantity == quantity


def test_other_images_are_refused():
    with pytest.raises(ValueError, match="no measure of marrow is made of 'hounsfield'"):
        marrow_means(*spine([100], "hounsfield"))


def test_voxels_without_a_number_are_left_out_and_said():
    image, labels = spine([40.0], "fat_fraction")
    array = image.array.copy()
    array[20, 30, 15] = np.nan
    found = marrow_means(Image(array=array, affine=grid(), quantity="fat_fraction"), labels)
    assert found[0].value == 40
    assert "hold no number" in found[0].flags[0]


def test_the_fat_fraction_of_the_reference_body_is_right_to_3_points():
    made = phantom.lumbar_dixon(spacing_mm=(1.5, 1.5, 4.0), rng=np.random.default_rng(1))
    truth = {
        m.level: m.value
        for m in made.truth
        if m.quantity == "fat_fraction" and m.region == "vertebral_body"
    }
    found = {m.level: m.value for m in marrow_means(made.fat_fraction, made.labels) if m.level}
    for level, value in truth.items():
        # Slices of 4 mm reach the margin; endplates lie within it.
        assert found[level] == pytest.approx(value, abs=3), level


def test_vbq_is_the_median_of_four_bodies_over_fluid():
    image, labels = spine([320, 330, 345, 350], canal=110)
    fluid, level = spinal_fluid_near(labels, "spinal_canal")
    assert level == "L3"
    found = vertebral_bone_quality(image, labels, fluid=fluid)
    # Median of 320, 330, 345 and 350 over 110: 3.07.
    assert found.value == pytest.approx(337.5 / 110)
    scaled = Image(array=image.array * 7, affine=grid(), quantity="signal")
    assert vertebral_bone_quality(scaled, labels, fluid=fluid).value == pytest.approx(found.value)


def test_vbq_says_which_vertebrae_were_left_out():
    image, labels = spine([320, 330, 345], canal=110)
    fluid, _ = spinal_fluid_near(labels, "spinal_canal")
    found = vertebral_bone_quality(image, labels, fluid=fluid)
    assert found.flags == ("of L1, L2, L3, L4 only L1, L2, L3 are used",)
    with pytest.raises(ValueError, match="none of T12 is labelled"):
        vertebral_bone_quality(image, labels, fluid=fluid, levels=("T12",))
    with pytest.raises(ValueError, match="mask on the image's grid"):
        vertebral_bone_quality(image, labels, fluid=np.zeros(image.shape, dtype=bool))


def test_the_apparent_diffusion_coefficient_of_two_b_values():
    one, labels = spine([1000.0])
    other, _ = spine([607.0])
    (found,) = apparent_diffusion([one, other], labels, b_values=[0, 500])
    # ln(1000 / 607) / 500 = 1.0e-3 mm2/s.
    assert found.value == pytest.approx(np.log(1000 / 607) / 500)
    assert found.value == pytest.approx(1.0e-3, abs=5e-6)
    assert "no class is given" in found.flags[-1]


def test_b_values_must_differ_and_fit_the_images():
    image, labels = spine([1000.0])
    with pytest.raises(ValueError, match="not all alike"):
        apparent_diffusion([image, image], labels, b_values=[500, 500])
    with pytest.raises(ValueError, match="two images or more"):
        apparent_diffusion([image], labels, b_values=[500])
    dark, _ = spine([0.0])
    with pytest.raises(ValueError, match="not above 0"):
        apparent_diffusion([image, dark], labels, b_values=[0, 500])
