import json

import nibabel as nib
import numpy as np
import pytest
from data import real
from scipy import ndimage

from enthesis import phantom
from enthesis.bone import (
    deformities,
    height_measurements,
    heights_from_landmarks,
    vertebral_heights,
)
from enthesis.image import LabelMap

SIX = [(15, 12), (0, 11), (-15, 13), (15, -12), (0, -11), (-15, -13)]
"""Upper endplate's anterior, middle and posterior point, then the lower's: heights 24, 22, 26."""


def block(spacing, *, heights=(24, 22, 26), tilt_degrees=0.0, offset=(0.0, 0.0, 0.0), shape=None):
    """A body 44 mm wide and 32 mm deep whose height runs on a parabola along its depth."""
    n = shape or [round(80 / step) for step in spacing]
    axes = [(np.arange(m) - m / 2 + 0.5) * s for m, s in zip(n, spacing, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    x, y, z = x - offset[0], y - offset[1], z - offset[2]
    turn = np.deg2rad(tilt_degrees)
    front, up = np.cos(turn) * y + np.sin(turn) * z, np.cos(turn) * z - np.sin(turn) * y
    share = front / 16 / 0.8
    anterior, middle, posterior = heights
    height = (
        middle
        + (anterior - posterior) / 2 * share
        + ((anterior + posterior) / 2 - middle) * share**2
    )
    inside = (np.abs(x) < 22) & (np.abs(front) < 16) & (np.abs(up) < height / 2)
    return LabelMap(
        array=inside.astype(np.uint8),
        affine=np.diag([*spacing, 1.0]),
        names={1: "vertebral_body_L1"},
    )


@pytest.mark.parametrize("spacing", [(0.8, 0.8, 1.0), (1, 1, 2), (1, 1, 3)])
@pytest.mark.parametrize("tilt", [0.0, 8.0, -17.0])
def test_heights_are_right_to_half_a_voxel(spacing, tilt):
    labels = block(spacing, tilt_degrees=tilt, offset=(0.3, -0.2, 0.6))
    found = vertebral_heights(labels)["L1"]
    # Half of a voxel along the body's axis; upright, a slice of 3 mm is seven tenths in the worst
    # case, since both endplates then lie flat along the slices.
    allowed = (0.7 if spacing[2] > 2 else 0.5) * max(spacing)
    assert found.anterior == pytest.approx(24, abs=allowed)
    assert found.middle == pytest.approx(22, abs=allowed)
    assert found.posterior == pytest.approx(26, abs=allowed)


def test_the_standard_deviation_is_that_of_two_edges_within_a_voxel():
    found = vertebral_heights(block((1, 1, 3)))["L1"]
    # Two uniform errors over 3 mm: 3 * sqrt(2 / 12), for a body that stands upright.
    assert found.sd == pytest.approx(3 / np.sqrt(6), rel=1e-3)
    assert found.angle_sd == pytest.approx(np.degrees(found.sd / found.depth))


def test_heights_do_not_change_when_the_body_is_turned():
    upright = vertebral_heights(block((0.8, 0.8, 0.8)))["L1"]
    turned = vertebral_heights(block((0.8, 0.8, 0.8), tilt_degrees=25))["L1"]
    # A fifth of a voxel is left of the steps.
    assert list(turned.heights.values()) == pytest.approx(list(upright.heights.values()), abs=0.3)
    assert np.degrees(np.arccos(turned.up @ upright.up)) == pytest.approx(25, abs=0.7)


def test_a_lateral_picture_is_measured_as_its_volume_is():
    volume = block((1, 0.5, 0.5))
    middle = volume.array[40].astype(np.uint8)
    # A picture's first index grows to its left, and the front lies there.
    picture = LabelMap(
        array=middle[:, :, None], affine=np.diag([0.5, 0.5, 1.0, 1.0]), names=volume.names
    )
    found = vertebral_heights(picture, front_of_picture="left")["L1"]
    # The voxels' steps: a quarter of a millimetre.
    assert found.anterior == pytest.approx(24, abs=0.25)
    assert found.posterior == pytest.approx(26, abs=0.25)
    mirrored = vertebral_heights(picture, front_of_picture="right")["L1"]
    assert mirrored.anterior == pytest.approx(found.posterior, abs=0.05)


def test_a_picture_must_say_where_the_front_is():
    flat = block((1, 1, 1), shape=(80, 80, 1))
    with pytest.raises(ValueError, match="say on which side of the picture"):
        vertebral_heights(flat)
    with pytest.raises(ValueError, match="leave front_of_picture out"):
        vertebral_heights(block((2, 2, 2)), front_of_picture="left")


def test_six_points_give_three_heights():
    found = heights_from_landmarks(SIX, level="T8", point_sd_mm=0.5)
    assert found.heights == pytest.approx({"anterior": 24, "middle": 22, "posterior": 26})
    assert found.sd == pytest.approx(0.5 * np.sqrt(2))
    rows = height_measurements([found])
    assert [(row.quantity, row.level) for row in rows] == [
        ("height_anterior", "T8"),
        ("height_middle", "T8"),
        ("height_posterior", "T8"),
        ("height_sd", "T8"),
    ]


def test_points_in_another_order_are_refused():
    with pytest.raises(ValueError, match="must lie above"):
        heights_from_landmarks(SIX[3:] + SIX[:3], level="T8")
    with pytest.raises(ValueError, match="six points"):
        heights_from_landmarks(SIX[:5], level="T8")


@pytest.fixture(scope="module")
def broken():
    body = phantom.LumbarBody(
        fractures=(phantom.Fracture(level="L2", shape="wedge", loss_percent=45),)
    )
    return phantom.lumbar_ct(body, spacing_mm=(1.5, 1.5, 2.0), rng=np.random.default_rng(1))


def test_heights_of_the_reference_body_are_right_to_half_a_slice(broken):
    found = vertebral_heights(broken.labels)
    for level in ("L1", "L3", "L4", "L5"):
        for where, height in found[level].heights.items():
            truth = next(
                m.value
                for m in broken.truth
                if m.quantity == f"height_{where}" and m.level == level
            )
            assert height == pytest.approx(truth, abs=1.0), (level, where)


def test_the_broken_vertebra_is_found_and_the_others_are_not(broken):
    found = deformities(vertebral_heights(broken.labels))
    graded = {level: d.type for level, d in found.items() if level != "T12" and d.grade}
    assert graded == {"L2": "wedge"}
    assert found["L2"].grade >= 2


def totalsegmentator():
    folder = real("totalsegmentator")
    file = nib.load(folder / "spine_report/test_result/totalseg_vertebrae_pp_refined.nii.gz")
    names = {19: "vertebral_body_T12"} | {19 + i: f"vertebral_body_L{i}" for i in range(1, 6)}
    labels = LabelMap(array=np.asarray(file.dataobj), affine=file.affine, names=names)
    report = folder / "spine_report/example_ct_report/spine_report.json"
    return labels, json.loads(report.read_text())["results"], folder


def test_heights_of_totalsegmentators_example_flag_one_vertebra_not_four():
    labels, report, _ = totalsegmentator()
    found = vertebral_heights(labels)
    for level in ("L1", "L2", "L3", "L4", "L5"):
        for where, height in found[level].heights.items():
            # Voxels are 3 mm, and so is an edge's; they read on the one sagittal slice that
            # differs most, 15% inside the edges, along the line of the neighbours' centres.
            theirs = report[f"vertebrae_{level}_height_{where}_mm"]
            assert height == pytest.approx(theirs, abs=5.0), (level, where)
    theirs = [f"L{i}" for i in range(1, 6) if report[f"vertebrae_L{i}_height_difference"] > 0.2]
    assert theirs == ["L1", "L3", "L4", "L5"]
    judged = deformities(found)
    assert [level for level, d in judged.items() if d.grade and level != "T12"] == ["L1"]
    # What 3 mm voxels leave open.
    assert (judged["L1"].grade, judged["L1"].lowest) == (2, 0)
    assert "near the border of a grade" in judged["L1"].flags[-1]


def test_volumes_and_intensities_of_totalsegmentators_example_are_reproduced():
    labels, report, folder = totalsegmentator()
    ct = nib.load(folder / "example_ct.nii.gz").get_fdata()
    # Their kernel for 4 mm at 3 mm voxels runs from -1.33 to 1.67 voxels: it lies off its own
    # middle, so bodies are eroded to one side only and their means hold cortex.
    at = np.ogrid[-4 / 3 : 4 / 3 + 1, -4 / 3 : 4 / 3 + 1, -4 / 3 : 4 / 3 + 1]
    kernel = sum(x * x for x in at) / (4 / 3) ** 2 <= 1
    for number in range(20, 25):
        name = f"vertebrae_L{number - 19}"
        body = labels.array == number
        eroded = ndimage.binary_erosion(body, kernel)
        assert body.sum() * 0.027 == pytest.approx(report[f"{name}_volume_ml"], abs=0.005)
        assert ct[eroded].mean() == pytest.approx(report[f"{name}_intensity"], abs=0.005)
        assert np.median(ct[eroded]) == report[f"{name}_intensity_median"]
