"""The spine and its muscles read from a CT by geometry alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from data import real
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.phantom import LumbarBody, Phantom, lumbar_ct
from enthesis.phantom.geometry import spine_curve
from enthesis.read import image, labels
from enthesis.segment.geometry import GeometryReading, found_spine, geometry_reading
from enthesis.segment.levels import CERTAIN

LUMBAR = ("L1", "L2", "L3", "L4", "L5")


@pytest.fixture(scope="module")
def body() -> Phantom:
    return lumbar_ct(spacing_mm=(2.0, 2.0, 3.0), rng=np.random.default_rng(8))


@pytest.fixture(scope="module")
def reading(body: Phantom) -> GeometryReading:
    return geometry_reading(body.image)


def dice(first: np.ndarray, second: np.ndarray) -> float:
    return float(2 * (first & second).sum() / (first.sum() + second.sum()))


def truth(body: Phantom, *starts: str) -> np.ndarray:
    numbers = [n for n, name in body.labels.names.items() if name.startswith(starts)]
    return np.isin(body.labels.array, numbers)


def lumbar_slices(body: Phantom) -> slice:
    rows = [
        np.flatnonzero(
            (body.labels.array == body.labels.label(f"vertebral_body_{level}")).any((0, 1))
        )
        for level in ("L1", "L5")
    ]
    return slice(int(rows[1][0]), int(rows[0][-1]) + 1)


def test_every_lumbar_body_of_a_simulated_spine_is_named_right(
    body: Phantom, reading: GeometryReading
):
    assert reading.spine is not None
    into = np.linalg.inv(body.image.affine)
    for plane in reading.spine.body_planes(body.image):
        if plane.name in LUMBAR:
            i, j, k = np.round(into[:3, :3] @ plane.center + into[:3, 3]).astype(int)
            name = body.labels.names[int(body.labels.array[i, j, k])]
            assert name == f"vertebral_body_{plane.name}"


def test_bodies_and_muscles_of_a_simulated_spine_are_drawn(body: Phantom, reading: GeometryReading):
    here = np.s_[:, :, lumbar_slices(body)]
    for name, starts, least in (
        ("vertebral_body", tuple(f"vertebral_body_L{n}" for n in range(1, 6)), 0.88),
        ("deep_back_muscle_left", ("erector_spinae_left", "multifidus_left"), 0.80),
        ("deep_back_muscle_right", ("erector_spinae_right", "multifidus_right"), 0.80),
        ("psoas_major_left", ("psoas_major_left",), 0.80),
        ("psoas_major_right", ("psoas_major_right",), 0.80),
    ):
        found = reading.distances.mask(name)[here]
        assert dice(found, truth(body, *starts)[here]) > least, name


def test_the_planes_lie_across_the_spine_from_head_to_feet(body: Phantom, reading: GeometryReading):
    assert reading.spine is not None
    planes = reading.spine.body_planes(body.image)
    heights = [plane.center[2] for plane in planes]
    assert heights == sorted(heights, reverse=True)
    assert all(np.linalg.norm(plane.normal) == pytest.approx(1) for plane in planes)
    # Lumbar lordosis: upper planes fall to the front, lower ones to the back.
    lean = {plane.name: plane.normal[1] for plane in planes}
    assert lean["L5"] > lean["L3"] > lean["L1"]


def test_discs_lie_between_the_bodies_that_name_them(body: Phantom, reading: GeometryReading):
    assert reading.spine is not None
    middle = {plane.name: plane.center[2] for plane in reading.spine.body_planes(body.image)}
    for plane in reading.spine.disc_planes(body.image):
        upper, lower = plane.name.split("_")
        assert middle[upper] > plane.center[2] > middle[lower]


def test_the_reading_does_not_depend_on_where_the_scanner_counts_from(
    body: Phantom, reading: GeometryReading
):
    moved = np.array(body.image.affine)
    moved[:3, 3] += (100, -50, 700)
    again = found_spine(replace(body.image, affine=moved))
    assert again is not None and reading.spine is not None
    assert again.levels == reading.spine.levels
    assert again.centers_mm - reading.spine.centers_mm == pytest.approx(
        np.tile([100, -50, 700], (len(again.centers_mm), 1))
    )


def test_a_turned_patient_is_read_about_his_own_axis(body: Phantom):
    turned = ndimage.rotate(body.image.array, 20, axes=(0, 1), reshape=False, order=1, cval=-1000)
    spine = found_spine(replace(body.image, array=turned))
    assert spine is not None
    # The front of the canal's frame turned with the patient; 3 degrees is half a search step more.
    front = spine.frame.front[:, :2].mean(axis=0)
    assert abs(np.degrees(np.arctan2(front[0], front[1]))) == pytest.approx(20, abs=3)


def test_a_level_that_the_user_sets_names_the_others(body: Phantom, reading: GeometryReading):
    assert reading.spine is not None
    by_name = dict(zip(reading.spine.levels.names, reading.spine.centers_mm[:, 2], strict=True))
    spine = found_spine(body.image, levels={"L4": by_name["L5"]})
    assert spine is not None
    assert spine.levels.confidence == 1
    assert spine.levels.names.index("L4") == reading.spine.levels.names.index("L5")


def test_a_level_where_no_body_is_is_refused(body: Phantom):
    with pytest.raises(InputError, match="no vertebral body lies at 5000 mm, told to be L4"):
        found_spine(body.image, levels={"L4": 5000.0})


RIB_MM = ((23, -24, 4), (34, -33, 1), (48, -42, -5), (64, -46, -14), (80, -44, -25), (95, -34, -37))
"""A rib's way, mm beside and in front of the middle line of the bodies and above its vertebra's
middle: those of the simulated body begin beside the spine, not at it."""


def with_lowest_ribs(body: Phantom) -> Image:
    """The scan with ribs that begin at T12."""
    curve = spine_curve(body.body)
    array = body.image.array.astype(np.float32)
    into = np.linalg.inv(body.image.affine)
    steps = np.linspace(0, len(RIB_MM) - 1, 120)
    m, a, up = (np.interp(steps, range(len(RIB_MM)), way) for way in np.transpose(RIB_MM))
    for side in (-1.0, 1.0):
        points = np.column_stack(curve.place(side * m, a, float(curve.middles[0]) + up))
        near = np.ones(array.shape, bool)
        near[tuple(np.round(points @ into[:3, :3].T + into[:3, 3]).astype(int).T)] = False
        away = ndimage.distance_transform_edt(near, sampling=body.image.spacing)
        array[away < 5] = 350
    return replace(body.image, array=array)


def between(scan: Image, low: int, high: int | None) -> Image:
    """The scan without what lies below and above two slices."""
    affine = np.array(scan.affine)
    affine[:3, 3] += affine[:3, 2] * low
    return replace(scan, array=scan.array[:, :, low:high], affine=affine)


def test_without_sacrum_and_ribs_no_level_is_named(body: Phantom, reading: GeometryReading):
    assert reading.spine is not None
    planes = {plane.name: plane.slice_index for plane in reading.spine.body_planes(body.image)}
    spine = found_spine(between(body.image, planes["L5"], planes["L1"]))
    assert spine is not None
    assert not spine.levels.known
    assert "set a level by hand" in spine.levels.reason


def test_without_the_sacrum_levels_are_counted_from_the_lowest_ribs(
    body: Phantom, reading: GeometryReading
):
    assert reading.spine is not None
    planes = {plane.name: plane for plane in reading.spine.body_planes(body.image)}
    spine = found_spine(between(with_lowest_ribs(body), planes["L5"].slice_index, None))
    assert spine is not None
    assert "counted downwards from the lowest ribs" in spine.levels.reason
    assert spine.levels.confidence < 0.8
    heights = dict(zip(spine.levels.names, spine.centers_mm[:, 2], strict=True))
    for level in ("L1", "L2", "L3", "L4"):
        # Less than half a vertebra: no neighbour has taken the name.
        assert heights[level] == pytest.approx(planes[level].center[2], abs=12)


def test_ribs_above_five_lumbar_vertebrae_make_their_levels_surer(
    body: Phantom, reading: GeometryReading
):
    assert reading.spine is not None
    spine = found_spine(with_lowest_ribs(body))
    assert spine is not None
    assert spine.levels.names == reading.spine.levels.names
    assert spine.levels.confidence == CERTAIN


@pytest.mark.parametrize("n_lumbar", [4, 6])
def test_four_or_six_lumbar_vertebrae_are_noticed(n_lumbar: int):
    # Coarse voxels are enough to see ribs and sacrum, and quick.
    body = lumbar_ct(
        LumbarBody(n_lumbar=n_lumbar), spacing_mm=(3.0, 3.0, 3.0), rng=np.random.default_rng(8)
    )
    scan = with_lowest_ribs(body)
    spine = found_spine(scan)
    assert spine is not None
    assert not spine.levels.known
    assert f"{n_lumbar} vertebrae without ribs lie between the sacrum" in spine.levels.reason
    sacrum, lowest = spine.centers_mm[:2, 2]
    told = found_spine(scan, levels={"S1": sacrum, f"L{n_lumbar}": lowest})
    assert told is not None
    assert told.levels.names[:2] == ("S1", f"L{n_lumbar}")


def test_water_holds_no_spine():
    water = Image(
        array=np.zeros((60, 60, 30), np.int16),
        affine=np.diag([3.0, 3, 3, 1]),
        quantity="hounsfield",
    )
    found = geometry_reading(water)
    assert found.spine is None
    assert not found.distances.surfaces


def test_an_mr_is_refused():
    scan = Image(array=np.zeros((40, 40, 9)), affine=np.eye(4), quantity="signal")
    with pytest.raises(InputError, match="geometry reads CT in HU, got 'signal'"):
        geometry_reading(scan)


@pytest.fixture(scope="module")
def patient() -> tuple[Image, GeometryReading]:
    scan = image(real("totalsegmentator/example_ct.nii.gz"))
    return scan, geometry_reading(scan)


def test_levels_of_a_real_scan_are_named_right(patient: tuple[Image, GeometryReading]):
    scan, found = patient
    assert found.spine is not None
    reference = labels(
        real("totalsegmentator/example_seg_fast_force_split.nii.gz"), "totalsegmentator"
    )
    into = np.linalg.inv(scan.affine)
    for plane in found.spine.body_planes(scan):
        if plane.name in LUMBAR:
            i, j, k = np.round(into[:3, :3] @ plane.center + into[:3, 3]).astype(int)
            assert reference.names[int(reference.array[i, j, k])] == f"vertebra_{plane.name}"


@pytest.mark.parametrize("change", ["noise", "turned", "brighter", "osteoporotic"])
def test_levels_of_a_perturbed_real_scan_are_right_or_unknown(
    patient: tuple[Image, GeometryReading], change: str
):
    scan, found = patient
    hu = scan.array.astype(np.float32)
    made = {
        "noise": hu + np.random.default_rng(0).normal(0, 80, hu.shape).astype(np.float32),
        "turned": ndimage.rotate(hu, 20, axes=(0, 1), reshape=False, order=1, cval=-1000),
        "brighter": hu + 15,
        "osteoporotic": np.where(hu > 100, np.maximum(hu - 80, 60), hu),
    }[change]
    spine = found_spine(replace(scan, array=made))
    assert spine is not None and found.spine is not None
    if spine.levels.known:
        usual = dict(zip(found.spine.levels.names, found.spine.centers_mm[:, 2], strict=True))
        for name, height in zip(spine.levels.names, spine.centers_mm[:, 2], strict=True):
            if name in LUMBAR:
                # Less than half a vertebra: no neighbour has taken the name.
                assert height == pytest.approx(usual[name], abs=12)
