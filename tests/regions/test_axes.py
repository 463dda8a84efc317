import numpy as np
import pytest
from scans import grid, scan

from enthesis.image import Image, LabelMap
from enthesis.regions import (
    cut,
    discs,
    labelled_voxels,
    muscle_axis,
    slice_normal,
    spine_axes,
    vertebral_bodies,
)

TILT_DEG = 20.0


def leaning(*, spacing=(1.0, 1.0, 1.0), degrees=TILT_DEG, side=12.0):
    """A square rod that leans forwards, its side measured across it, and three bodies along it."""
    shape = tuple(round(n / step) for n, step in zip((60, 90, 90), spacing, strict=True))
    x, y, z = (
        (np.indices(shape)[axis] - (n - 1) / 2) * step
        for axis, (n, step) in enumerate(zip(shape, spacing, strict=True))
    )
    angle = np.deg2rad(degrees)
    along = np.sin(angle) * y + np.cos(angle) * z
    across = np.cos(angle) * y - np.sin(angle) * z
    array = np.zeros(shape, np.uint8)
    array[(abs(x + 15) <= side / 2) & (abs(across) <= side / 2) & (abs(along) < 44)] = 1
    for number, middle in enumerate((30, 0, -30), start=2):
        body = (abs(x - 8) < 10) & (abs(across) < 10) & (abs(along - middle) < 10)
        array[body] = number
    names = {1: "psoas_major_left", 2: "vertebral_body_L1", 3: "vertebral_body_L2"}
    names[4] = "vertebral_body_L3"
    labels = LabelMap(array=array, affine=grid(spacing), names=names)
    image = Image(array=np.zeros(shape, np.int16), affine=grid(spacing), quantity="hounsfield")
    return labelled_voxels(image, labels), vertebral_bodies(labels)


def degrees_from_axial(axis):
    return np.degrees(np.arccos(abs(axis[2])))


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0)])
def test_the_axis_of_a_leaning_spine_is_its_own(spacing):
    voxels, bodies = leaning(spacing=spacing)
    for axis in spine_axes(bodies, voxels.affine).values():
        assert axis[2] > 0
        # A tenth of a voxel over 30 mm between centroids.
        assert degrees_from_axial(axis) == pytest.approx(TILT_DEG, abs=0.5)


def test_a_bent_spine_has_an_axis_of_its_own_at_each_level():
    # Three bodies on a parabola y = z^2 / 200: dy/dz = z / 100 at z = 40, 0, -40 mm.
    array = np.zeros((7, 40, 120), np.uint8)
    for number, z in enumerate((40, 0, -40), start=1):
        y = z**2 // 200
        array[2:5, 10 + y : 15 + y, 58 + z : 63 + z] = number
    labels = LabelMap(
        array=array, affine=grid(), names={n: f"vertebral_body_L{n}" for n in (1, 2, 3)}
    )
    axes = spine_axes(vertebral_bodies(labels), labels.affine)
    slopes = [axis[1] / axis[2] for axis in axes.values()]
    # The chords are 2% longer than their heights.
    assert slopes == pytest.approx([0.4, 0.0, -0.4], abs=0.02)


def test_the_axis_at_the_ends_of_a_spine_follows_a_bend_that_grows():
    # Five bodies on y = z^3 / 20000: dy/dz = 3 z^2 / 20000, 0.54 at z = 60 and 0.24 at -40.
    array = np.zeros((7, 40, 140), np.uint8)
    heights = (60, 35, 10, -15, -40)
    for number, z in enumerate(heights, start=1):
        for slab in range(-5, 6):
            y = 12 + (z + slab) ** 3 / 20000
            array[2:5, round(y) - 2 : round(y) + 3, 70 + z + slab] = number
    names = {n: f"vertebral_body_L{n}" for n in range(1, 6)}
    labels = LabelMap(array=array, affine=grid(), names=names)
    slopes = [axis[1] / axis[2] for axis in spine_axes(vertebral_bodies(labels), grid()).values()]
    # Rows are whole: half of one in 25 mm moves a slope by 0.02, at an end by more. The parabola
    # through three bodies would say 0.42 and 0.12 there.
    assert slopes == pytest.approx([3 * z**2 / 20000 for z in heights], abs=0.05)


def test_one_vertebra_alone_has_no_axis():
    _, labels = scan((9, 9, 9), {"vertebral_body_L3": ((slice(2, 7),) * 3, 1)})
    assert spine_axes(vertebral_bodies(labels), labels.affine) == {}


def test_a_muscle_has_its_own_axis():
    voxels, bodies = leaning()
    point, axis = muscle_axis(voxels, 1, bodies["L2"].middle)
    assert degrees_from_axial(axis) == pytest.approx(TILT_DEG, abs=0.2)
    assert point[1] == pytest.approx(44.5, abs=0.5)


def test_a_muscle_on_two_slices_has_no_axis():
    image, labels = scan((9, 9, 9), {"psoas_major_left": ((slice(2, 5), slice(2, 5), [4, 5]), 1)})
    assert muscle_axis(labelled_voxels(image, labels), 1, 4) is None


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (1.0, 0.5, 2.0)])
def test_a_plane_across_a_leaning_rod_cuts_its_own_area(spacing):
    voxels, bodies = leaning(spacing=spacing, side=20.0)
    point, axis = muscle_axis(voxels, 1, bodies["L2"].middle)
    across = cut(voxels, 1, point=point, normal=axis)
    axial = cut(voxels, 1, point=point, normal=slice_normal(voxels.affine))
    # The outline follows voxels: by up to half of one in 20 mm on every edge.
    assert across.area == pytest.approx(400, rel=0.05)
    assert axial.area / across.area == pytest.approx(1 / np.cos(np.deg2rad(20)), rel=0.03)
    assert across.tilt == pytest.approx(TILT_DEG, abs=0.5)
    assert across.whole


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (1.0, 1.0, 3.0), (1.0, 0.5, 2.0)])
def test_the_mean_of_planes_over_a_length_is_the_volume_between_its_ends(spacing):
    voxels, bodies = leaning(spacing=spacing, side=20.0)
    point, axis = muscle_axis(voxels, 1, bodies["L2"].middle)
    mean = cut(voxels, 1, point=point, normal=axis, thickness=30.0)
    # Twenty planes in place of one: the grid's steps on every edge average out.
    assert mean.area == pytest.approx(400, rel=0.02)
    assert mean.tilt == pytest.approx(TILT_DEG, abs=0.5)


def test_a_length_within_a_slice_counts_that_slice():
    image, labels = scan((9, 9, 9), {"psoas_major_left": ((slice(2, 5), slice(2, 6), [3, 4]), 1)})
    voxels, up = labelled_voxels(image, labels), np.array([0.0, 0.0, 1.0])
    thin = cut(voxels, 1, point=np.array([0.0, 0.0, 3.0]), normal=up, thickness=0.5)
    over = cut(voxels, 1, point=np.array([0.0, 0.0, 3.5]), normal=up, thickness=4.0)
    assert thin.area == pytest.approx(12)
    # Two slices of the four.
    assert over.area == pytest.approx(6)


def test_a_plane_that_is_a_slice_counts_its_pixels():
    image, labels = scan(
        (9, 9, 9),
        {
            "psoas_major_left": ((slice(2, 5), slice(2, 6), slice(1, 4)), 1),
            "psoas_major_right": ((slice(2, 4), slice(2, 4), slice(4, 8)), 1),
        },
        spacing=(2.0, 1.0, 3.0),
    )
    voxels, up = labelled_voxels(image, labels), np.array([0.0, 0.0, 1.0])
    on = cut(voxels, 1, point=np.array([0.0, 0.0, 6.0]), normal=up)
    between = cut(voxels, 1, point=np.array([0.0, 0.0, 10.5]), normal=up)
    assert on.area == pytest.approx(12 * 2)
    # Halfway from a slice with the muscle to one without it.
    assert between.area == pytest.approx(12)
    assert on.tilt == 0


def test_a_plane_that_leaves_the_scan_within_the_muscle_says_so():
    voxels, bodies = leaning(degrees=0)
    tilted = np.array([0.0, np.sin(0.4), np.cos(0.4)])
    middle, _ = muscle_axis(voxels, 1, bodies["L2"].middle)
    assert cut(voxels, 1, point=middle, normal=tilted).whole
    image, labels = scan(
        (9, 30, 9), {"psoas_major_left": ((slice(2, 5), slice(2, 28), slice(0, 9)), 1)}
    )
    assert not cut(labelled_voxels(image, labels), 1, point=np.zeros(3), normal=tilted).whole


def test_a_disc_is_where_it_is_labelled_or_midway_between_its_bodies():
    _, labels = scan(
        (9, 9, 30),
        {
            "vertebral_body_L3": ((slice(2, 7), slice(2, 7), slice(20, 28)), 1),
            "intervertebral_disc_L3_L4": ((slice(2, 7), slice(2, 7), slice(17, 20)), 1),
            "vertebral_body_L4": ((slice(2, 7), slice(2, 7), slice(10, 17)), 1),
            "vertebral_body_L5": ((slice(2, 7), slice(2, 7), slice(1, 6)), 1),
        },
    )
    found = discs(labels, vertebral_bodies(labels))
    assert list(found) == ["L3_L4", "L4_L5"]
    assert (found["L3_L4"].middle, found["L3_L4"].method) == (18, "labelled disc")
    # The bodies end on slices 10 and 5.
    assert found["L4_L5"].middle in {7, 8}
    assert found["L4_L5"].label is None


def test_bodies_that_are_not_neighbours_have_no_disc_between():
    _, labels = scan(
        (9, 9, 30),
        {
            "vertebral_body_L2": ((slice(2, 7), slice(2, 7), slice(20, 28)), 1),
            "vertebral_body_L4": ((slice(2, 7), slice(2, 7), slice(2, 10)), 1),
        },
    )
    assert discs(labels, vertebral_bodies(labels)) == {}
