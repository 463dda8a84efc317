"""Whole muscles from contours on a few slices."""

from __future__ import annotations

import time

import numpy as np
import pytest
from scans import grid
from scipy import ndimage

from enthesis.errors import GridError, InputError
from enthesis.image import Image, LabelMap
from enthesis.phantom import lumbar_ct
from enthesis.segment import interactive, next_contour, propagated

SHAPE = (60, 60, 41)
AT = np.indices(SHAPE)


def cone() -> np.ndarray:
    """A disc that grows from 6 to 14 mm and wanders 12 mm to the side over 40 slices."""
    radius = 6 + 0.2 * AT[2]
    return np.hypot(AT[0] - 24 - 0.3 * AT[2], AT[1] - 30) < radius


def drawn(mask: np.ndarray, slices: list[int], name: str = "psoas_major_left") -> LabelMap:
    array = np.zeros(mask.shape, np.uint8)
    array[:, :, slices] = mask[:, :, slices]
    return LabelMap(array=array, affine=grid(), names={1: name})


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def test_a_cone_is_whole_again_from_its_two_ends():
    found = interactive(drawn(cone(), [0, 40]))
    # Distances are taken from voxels, so an edge may move by half of one.
    assert dice(found.labels.array == 1, cone()) > 0.97
    middle = found.areas_mm2["psoas_major_left"][20]
    assert middle == pytest.approx(np.pi * 10**2, rel=0.05)


def test_drawn_slices_stay_as_they_were_drawn():
    found = interactive(drawn(cone(), [0, 13, 40]))
    for k in (0, 13, 40):
        assert np.array_equal(found.labels.array[:, :, k] == 1, cone()[:, :, k])
    assert found.drawn["psoas_major_left"] == (0, 13, 40)


def test_the_result_does_not_depend_on_which_side_it_lies():
    left = interactive(drawn(cone(), [0, 20, 40])).labels.array
    mirrored = interactive(drawn(cone()[::-1], [0, 20, 40])).labels.array
    assert dice(left == 1, mirrored[::-1] == 1) > 0.99


def test_a_voxel_belongs_to_the_muscle_in_which_it_lies_deeper():
    array = np.zeros(SHAPE, np.uint8)
    for k in (0, 40):
        array[10:30, 20:40, k] = 1
        array[30:50, 20:40, k] = 2
    labels = LabelMap(
        array=array, affine=grid(), names={1: "multifidus_left", 2: "erector_spinae_left"}
    )
    found = interactive(labels).labels
    assert (found.array[12:28, 25, 20] == 1).all()
    assert (found.array[32:48, 25, 20] == 2).all()


def test_the_next_contour_goes_into_the_widest_or_most_changing_gap():
    found = interactive(drawn(cone(), [0, 5, 10, 40]))
    assert next_contour(found) == ("psoas_major_left", 25)
    assert next_contour(interactive(drawn(cone(), list(range(41))))) is None


def test_four_contours_of_a_simulated_psoas_are_enough():
    body = lumbar_ct(spacing_mm=(2.0, 2.0, 3.0), rng=np.random.default_rng(8))
    number = body.labels.label("psoas_major_left")
    mask = body.labels.array == number
    slices = np.flatnonzero(mask.any(axis=(0, 1)))
    chosen = np.linspace(slices[0] + 3, slices[-1] - 3, 4).round().astype(int).tolist()
    array = np.zeros(mask.shape, np.uint8)
    array[:, :, chosen] = mask[:, :, chosen]
    contours = LabelMap(array=array, affine=body.image.affine, names={1: "psoas_major_left"})
    started = time.process_time()
    found = interactive(contours)
    assert time.process_time() - started < 2
    between = np.s_[:, :, chosen[0] : chosen[-1]]
    assert dice((found.labels.array == 1)[between], mask[between]) > 0.94


def test_a_single_contour_is_followed_through_the_scan():
    pytest.importorskip("skimage")
    values = ndimage.gaussian_filter(np.where(cone(), 60.0, -100.0), 0.7)
    texture = np.random.default_rng(0).normal(0, 2, SHAPE)
    image = Image(array=values + texture, affine=grid(), quantity="hounsfield")
    one = drawn(cone(), [20])
    followed = propagated(one.array > 0, image)
    assert dice(followed, cone()) > 0.85
    found = interactive(one, image)
    assert found.next_slice["psoas_major_left"] in (0, 40)


def test_one_contour_without_the_scan_is_refused():
    with pytest.raises(InputError, match="drawn on one slice alone: give the scan"):
        interactive(drawn(cone(), [20]))


def test_nothing_drawn_is_refused():
    with pytest.raises(InputError, match="no voxel is drawn"):
        interactive(drawn(np.zeros(SHAPE, bool), [20]))


def test_contours_of_another_scan_are_refused():
    image = Image(array=np.zeros((9, 9, 9)), affine=grid(), quantity="hounsfield")
    with pytest.raises(GridError, match="draw them on this scan"):
        interactive(drawn(cone(), [0, 40]), image)
