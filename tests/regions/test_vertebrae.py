import numpy as np
import pytest
from scans import grid

from enthesis.image import Image, LabelMap
from enthesis.regions import label_doubts, labelled_voxels, vertebral_bodies

SPACING = (1.0, 1.0, 1.0)


def voxels(labels):
    image = Image(array=np.zeros(labels.shape), affine=labels.affine, quantity="signal")
    return labelled_voxels(image, labels)


def vertebra(shape=(80, 100, 60), *, centre=(40, 60, 30), tilt=0.0):
    """A cylinder of radius 20 mm and height 27 mm with a canal ring and a spinous process."""
    i, j, k = np.indices(shape)
    x, y, z = (axis - c for axis, c in zip((i, j, k), centre, strict=True))
    along = z - tilt * y
    body = (x**2 + y**2 <= 20**2) & (abs(along) <= 13)
    behind = np.hypot(x, y + 32)
    arch = (behind >= 9) & (behind <= 14) & (abs(along + 3) <= 6)
    process = (abs(x) <= 3) & (y < -44) & (y > -58) & (abs(along + 6) <= 8)
    return body, body | arch | process


def label_map(mask, name, spacing=SPACING):
    return LabelMap(array=mask.astype(np.uint8), affine=grid(spacing), names={1: name})


def test_the_middle_of_a_labelled_body_is_its_middle_slice():
    body, _ = vertebra()
    found = vertebral_bodies(label_map(body, "vertebral_body_L3"))["L3"]
    assert (found.middle, found.first, found.last) == (30, 17, 43)
    assert not found.cut


def test_the_body_is_found_in_a_whole_vertebra():
    body, whole = vertebra()
    found = vertebral_bodies(label_map(whole, "vertebra_L3"))["L3"]
    opened = np.zeros_like(body)
    opened[found.box] = found.mask
    overlap = 2 * (opened & body).sum() / (opened.sum() + body.sum())
    # A ball of 7 mm rounds off the rims of the endplates: some 5% of this sharp cylinder.
    assert overlap > 0.93
    assert found.middle == 30
    assert found.method == "body by opening of the whole vertebra"


def test_a_labelled_body_wins_over_the_whole_vertebra():
    body, whole = vertebra()
    array = np.where(body, 2, np.where(whole, 1, 0)).astype(np.uint8)
    both = LabelMap(array=array, affine=grid(), names={1: "vertebra_L3", 2: "vertebral_body_L3"})
    assert vertebral_bodies(both)["L3"].method == "labelled body"


def test_slices_that_graze_a_tilted_body_do_not_belong_to_its_height():
    body, _ = vertebra(tilt=0.3)
    found = vertebral_bodies(label_map(body, "vertebral_body_L5"))["L5"]
    occupied = np.flatnonzero(body.any(axis=(0, 1)))
    assert found.middle == 30
    assert occupied[0] < found.first
    assert found.last < occupied[-1]


def test_a_body_that_leaves_the_scan_is_marked():
    body, _ = vertebra(centre=(40, 60, 8))
    assert vertebral_bodies(label_map(body, "vertebral_body_L5"))["L5"].cut


def test_levels_come_from_head_to_feet_whatever_their_numbers():
    array = np.zeros((4, 4, 9), np.uint8)
    array[:, :, 6:8], array[:, :, 1:3] = 2, 1
    found = vertebral_bodies(
        LabelMap(array=array, affine=grid(), names={1: "vertebral_body_L4", 2: "vertebral_body_L3"})
    )
    assert list(found) == ["L3", "L4"]


def test_bodies_scale_with_the_voxels():
    _, whole = vertebra()
    coarse = label_map(whole[:, :, ::3], "vertebra_L3", (1, 1, 3))
    fine = vertebral_bodies(label_map(whole, "vertebra_L3"))["L3"]
    found = vertebral_bodies(coarse)["L3"]
    assert found.mask.sum() * 3 == pytest.approx(fine.mask.sum(), rel=0.05)  # one slice of 27 mm
    assert found.middle == 10


def test_labels_in_order_raise_no_doubt():
    array = np.zeros((9, 4, 9), np.uint8)
    array[1:3], array[6:8] = 1, 2
    labels = LabelMap(
        array=array, affine=grid(), names={1: "multifidus_left", 2: "multifidus_right"}
    )
    assert label_doubts(voxels(labels), {}) == ()


def test_exchanged_sides_are_noticed():
    array = np.zeros((9, 4, 9), np.uint8)
    array[1:3], array[6:8] = 1, 2
    labels = LabelMap(
        array=array, affine=grid(), names={1: "multifidus_right", 2: "multifidus_left"}
    )
    (doubt,) = label_doubts(voxels(labels), {})
    assert doubt.startswith("left and right look exchanged: the left multifidus")


def test_levels_upside_down_are_noticed():
    array = np.zeros((4, 4, 9), np.uint8)
    array[:, :, 6:8], array[:, :, 1:3] = 2, 1
    labels = LabelMap(
        array=array, affine=grid(), names={1: "vertebral_body_L3", 2: "vertebral_body_L4"}
    )
    (doubt,) = label_doubts(voxels(labels), vertebral_bodies(labels))
    assert "L3 lies below L4" in doubt
