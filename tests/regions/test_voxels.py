import math

import numpy as np
import pytest
from scans import grid, scan

from enthesis.errors import GridError
from enthesis.image import Image, LabelMap, Source
from enthesis.regions import describe, labelled_voxels

LEFT = (slice(1, 3), slice(1, 4), slice(1, 5))
RIGHT = (slice(5, 8), slice(1, 4), slice(2, 4))


def two_psoas(spacing=(1.0, 1.0, 1.0)):
    return scan(
        (9, 5, 6),
        {"psoas_major_left": (LEFT, 50), "psoas_major_right": (RIGHT, 40)},
        spacing=spacing,
    )


def values_of(measurements, quantity):
    return {(m.region, m.side): m.value for m in measurements if m.quantity == quantity}


def test_volume_is_voxels_times_the_volume_of_one():
    found = values_of(describe(labelled_voxels(*two_psoas((0.5, 2.0, 3.0)))), "volume")
    # 2 x 3 x 4 and 3 x 3 x 2 voxels of 3 mm3.
    assert found == {("psoas_major", "left"): 72.0, ("psoas_major", "right"): 54.0}


def test_mean_sd_and_median_are_those_of_numpy():
    rng = np.random.default_rng(0)
    values = rng.normal(40, 30, (9, 5, 6)).astype(np.float32)
    _, labels = two_psoas()
    image = Image(array=values, affine=grid(), quantity="hounsfield")
    found = describe(labelled_voxels(image, labels))
    inside = values[labels.array == labels.label("psoas_major_left")].astype(float)
    left = {m.quantity: m.value for m in found if m.side == "left"}
    assert left["attenuation_mean"] == pytest.approx(inside.mean(), rel=1e-12)
    assert left["attenuation_sd"] == pytest.approx(inside.std(), rel=1e-6)  # float32 differences
    assert left["attenuation_median"] == pytest.approx(np.median(inside), rel=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_memory_layout_does_not_matter(order):
    image, labels = two_psoas()
    laid_out = (
        Image(array=np.array(image.array, order=order), affine=grid(), quantity="hounsfield"),
        LabelMap(array=np.array(labels.array, order=order), affine=grid(), names=labels.names),
    )
    assert describe(labelled_voxels(*laid_out)) == describe(labelled_voxels(image, labels))


def test_voxels_between_slices_are_those_of_the_slices():
    image, labels = two_psoas()
    voxels = labelled_voxels(image, labels)
    right = labels.label("psoas_major_right")
    assert voxels.between(right, 0, 1).size == 0
    assert voxels.between(right, 2, 2).size == 9
    assert voxels.between(right, 0, 5).size == 18


def test_an_image_that_is_not_ct_has_volumes_only():
    image, labels = two_psoas()
    signal = Image(array=image.array, affine=image.affine, quantity="signal")
    assert {m.quantity for m in describe(labelled_voxels(signal, labels))} == {"volume"}


def test_a_region_at_the_edge_of_the_scan_is_flagged():
    image, labels = scan(
        (4, 4, 4),
        {
            "psoas_major_left": ((slice(0, 2), slice(1, 3), slice(1, 3)), 50),
            "psoas_major_right": ((slice(2, 3), slice(1, 3), slice(1, 3)), 50),
        },
    )
    flags = {m.side: m.flags for m in describe(labelled_voxels(image, labels))}
    assert "reaches the edge" in flags["left"][0]
    assert flags["right"] == ()


def test_labels_of_another_scan_are_refused():
    image, _ = two_psoas()
    _, labels = two_psoas((1, 1, 2))
    with pytest.raises(GridError, match="mm apart"):
        labelled_voxels(image, labels)


def test_a_picture_without_thickness_has_no_volume_and_says_so():
    image, labels = scan((6, 5, 1), {"sacrum": ((slice(1, 3), slice(1, 4), slice(0, 1)), 50)})
    facts = {"slice_thickness_mm": None}
    picture = Image(
        array=image.array,
        affine=image.affine,
        quantity="hounsfield",
        source=Source(modality="CR", facts=facts),
    )
    (volume, *others) = describe(labelled_voxels(picture, labels))
    assert math.isnan(volume.value)
    assert "its volume cannot" in volume.flags[0]
    assert [m.value for m in others] == [50, 0, 50]
    assert all(not m.flags for m in others)
    # One slice of a scan with a thickness has a volume.
    known = describe(labelled_voxels(image, labels))
    assert known[0].value == 6.0
