import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage

from enthesis import bone
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.phantom import projected_femur


def tube(outer_cm=1.5, inner_cm=1.3, *, shift_cm=0.0, step_mm=0.01):
    """Mass profile of a tube of bone tissue, g/cm2; radii in cm."""
    x = np.arange(-2, 2, step_mm / 10)
    paths = [2 * np.sqrt(np.clip(r**2 - (x - s) ** 2, 0, None)) for r, s in
             ((outer_cm, 0.0), (inner_cm, shift_cm))]  # fmt: skip
    return 1.05 * (paths[0] - paths[1])


def test_a_tube_matches_its_worked_numbers():
    # R 1.5, r 1.3 cm: area pi (R² - r²), moment pi/4 (R⁴ - r⁴), modulus by R, wall and ratio.
    found = bone.cross_section(tube(), step_mm=0.01, cortical_share=1.0)
    assert found.width_mm == pytest.approx(30, abs=0.02)
    assert found.area_cm2 == pytest.approx(1.7593, abs=2e-4)
    assert found.moment_cm4 == pytest.approx(1.7329, abs=2e-4)
    assert found.modulus_cm3 == pytest.approx(1.1553, abs=1e-3)
    assert found.cortex_mm == pytest.approx(2.000, abs=2e-3)
    assert found.buckling_ratio == pytest.approx(7.5, abs=0.01)
    neck = bone.cross_section(tube(), step_mm=0.01, cortical_share=0.6)
    assert neck.cortex_mm == pytest.approx(1.165, abs=2e-3)
    assert neck.buckling_ratio == pytest.approx(12.9, abs=0.05)


def test_an_eccentric_cavity_moves_the_centre_and_weakens_the_farther_edge():
    found = bone.cross_section(tube(shift_cm=0.15), step_mm=0.01, cortical_share=1.0)
    area = math.pi * (1.5**2 - 1.3**2)
    centre = -math.pi * 1.3**2 * 0.15 / area
    moment = math.pi / 4 * (1.5**4 - 1.3**4) - math.pi * 1.3**2 * 0.15**2 - area * centre**2
    assert found.area_cm2 == pytest.approx(area, rel=1e-3)
    assert found.moment_cm4 == pytest.approx(moment, rel=1e-3)
    assert found.modulus_cm3 == pytest.approx(moment / (1.5 + abs(centre)), rel=2e-3)


def test_a_cut_does_not_depend_on_direction_or_soft_tissue_beside_it():
    profile = tube(shift_cm=0.1)
    first = bone.cross_section(profile, step_mm=0.01, cortical_share=1.0)
    longer = np.concatenate([np.zeros(777), profile[::-1], np.zeros(50)])
    second = bone.cross_section(longer, step_mm=0.01, cortical_share=1.0)
    assert second.modulus_cm3 == pytest.approx(first.modulus_cm3)
    assert second.moment_cm4 == pytest.approx(first.moment_cm4)


def test_more_mineral_than_a_tube_holds_has_no_cortex():
    found = bone.cross_section(3 * tube(1.5, 0.1), step_mm=0.01, cortical_share=1.0)
    assert math.isnan(found.cortex_mm) and "no cortex" in found.flags[0]
    with pytest.raises(InputError, match="no bone above"):
        bone.cross_section(np.zeros(50), step_mm=0.1, cortical_share=1.0)
    with pytest.raises(InputError, match="cortical_share in 0 to 1"):
        bone.cross_section(tube(), step_mm=0.1, cortical_share=60)


def tube_truth(width_mm, wall_mm, trabecular):
    """Area and moment of a tube with trabecular bone inside, in the mineral of bone tissue."""
    outer, inner = width_mm / 20, width_mm / 20 - wall_mm / 10
    share = trabecular / 1.05
    return (
        math.pi * (outer**2 - (1 - share) * inner**2),
        math.pi / 4 * (outer**4 - (1 - share) * inner**4),
    )


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"neck_shaft_deg": 116.0, "medial_is_left": False},
        {"neck_shaft_deg": 140.0, "neck_mm": (28.0, 2.5), "shaft_mm": (28.0, 6.0), "head_mm": 42.0},
        {"trabecular": 0.05, "blur_mm": 0.4, "noise": 0.02},
    ],
)
def test_a_projected_femur_is_measured_as_it_was_made(body):
    truth = projected_femur(**body, rng=np.random.default_rng(4))
    marks = bone.find_hip_landmarks(truth.image)
    found = bone.hip_structure(truth.image, marks)
    np.testing.assert_allclose(marks.head, truth.head, atol=0.5)
    assert found.neck_shaft_deg == pytest.approx(truth.neck_shaft_deg, abs=0.5)
    # Blur and pixels of 0.5 mm widen the bone by up to a pixel at either edge.
    assert found.neck_axis_length_mm == pytest.approx(truth.neck_axis_length_mm, abs=1.0)
    inside = body.get("trabecular", 0.15)
    for place, width, wall in (
        ("narrow neck", truth.neck_width_mm, truth.wall_mm[0]),
        ("shaft", truth.shaft_width_mm, truth.wall_mm[1]),
    ):
        area, moment = tube_truth(width, wall, inside)
        one = found.sections[place]
        assert one.width_mm == pytest.approx(width, abs=0.8)
        assert one.area_cm2 == pytest.approx(area, rel=0.015)
        assert one.moment_cm4 == pytest.approx(moment, rel=0.03)
    assert found.sections["intertrochanter"].width_mm > found.sections["narrow neck"].width_mm
    assert found.flags == ()


def test_a_femur_that_stands_aslant_is_measured_alike():
    truth = projected_femur()
    upright = bone.hip_structure(truth.image, bone.find_hip_landmarks(truth.image))
    turned = ndimage.rotate(truth.image.array[:, :, 0], 6, order=1)
    # The turn brings the shaft's cut end into the picture, which a scan never shows.
    image = Image(array=turned[:, 40:, None], affine=truth.image.affine, quantity="areal_bmd")
    aslant = bone.hip_structure(image, bone.find_hip_landmarks(image))
    assert aslant.neck_shaft_deg == pytest.approx(upright.neck_shaft_deg, abs=0.7)
    for place, one in upright.sections.items():
        assert aslant.sections[place].width_mm == pytest.approx(one.width_mm, abs=0.8)
        assert aslant.sections[place].modulus_cm3 == pytest.approx(one.modulus_cm3, rel=0.03)


def test_the_long_table_names_places_and_has_no_hip_axis_without_a_brim():
    truth = projected_femur()
    marks = bone.find_hip_landmarks(truth.image)
    rows = bone.hip_structure(truth.image, marks).measurements(side="left")
    assert "hip_axis_length" not in {m.quantity for m in rows}
    assert {m.method.split(",")[0] for m in rows if m.quantity == "section_modulus"} == {
        "narrow neck",
        "intertrochanter",
        "shaft",
    }
    # 20 mm beyond the head's centre along the neck's axis.
    axis = np.subtract(truth.head, truth.crossing) / np.linalg.norm(
        np.subtract(truth.head, truth.crossing)
    )
    brim = tuple((np.array(truth.head) + 20 * axis).tolist())
    marked = bone.hip_structure(truth.image, replace(marks, pelvic_brim=brim))
    lateral_to_head = truth.neck_axis_length_mm - 46 / 2
    assert marked.hip_axis_length_mm == pytest.approx(lateral_to_head + 20, abs=0.7)


def test_landmarks_decide_angle_and_length_as_on_paper():
    # Neck at 40 degrees above the level, shaft straight down: 130 degrees.
    away = math.radians(40)
    marks = bone.HipLandmarks(
        head=(60 - 30 * math.cos(away), 60 - 30 * math.sin(away)),
        neck=(60.0, 60.0),
        shaft_upper=(60.0, 70.0),
        shaft_lower=(60.0, 150.0),
    )
    block = Image(
        array=np.ones((240, 320, 1)), affine=np.diag([0.5, 0.5, 1, 1]), quantity="areal_bmd"
    )
    assert bone.hip_structure(block, marks).neck_shaft_deg == pytest.approx(130)


def test_what_lies_below_the_picture_is_said_and_not_measured():
    truth = projected_femur()
    short = Image(array=truth.image.array[:, 140:], affine=truth.image.affine, quantity="areal_bmd")
    found = bone.hip_structure(short, bone.find_hip_landmarks(short))
    assert "shaft" not in found.sections
    assert "the shaft lies outside the picture" in found.flags[0]


def test_pictures_without_density_or_femur_are_refused():
    truth = projected_femur()
    grey = Image(array=truth.image.array, affine=truth.image.affine, quantity="signal")
    with pytest.raises(InputError, match="not density"):
        bone.find_hip_landmarks(grey)
    with pytest.raises(InputError, match="no bone above"):
        bone.find_hip_landmarks(truth.image, threshold=50)
    rod = np.zeros((100, 200, 1))
    rod[40:60] = 1.0
    with pytest.raises(InputError, match="no head was seen"):
        bone.find_hip_landmarks(
            Image(array=rod, affine=np.diag([0.5, 0.5, 1, 1]), quantity="areal_bmd")
        )
    marks = bone.find_hip_landmarks(truth.image)
    with pytest.raises(InputError, match="side by side"):
        bone.hip_structure(
            truth.image,
            replace(marks, shaft_upper=marks.neck, shaft_lower=marks.head),
        )
    with pytest.raises(InputError, match="narrow neck has no bone"):
        bone.hip_structure(truth.image, replace(marks, neck=(2.0, 100.0)))
    with pytest.raises(InputError, match="two points apart"):
        replace(marks, neck=marks.head)
    with pytest.raises(InputError, match="100 to 160"):
        projected_femur(neck_shaft_deg=90)
    with pytest.raises(InputError, match="noise needs rng"):
        projected_femur(noise=0.1)
