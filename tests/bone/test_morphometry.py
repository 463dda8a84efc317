from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from enthesis.bone import (
    coronal_angle,
    deformities,
    deformity_measurements,
    eastell,
    genant_grade,
    heights_from_landmarks,
    mccloskey,
    progression,
    reference_ratios,
    sagittal_angle,
    spinal_angles,
    spinal_deformity_index,
)


def body(level, anterior, middle, posterior, *, sd=0.3, tilt=0.0, up=0.0):
    """A vertebra of given heights, 30 mm deep, tilted forwards by some degrees."""
    heights = np.array([anterior, middle, posterior])
    front = np.array([15.0, 0.0, -15.0])
    points = np.concatenate(
        [np.column_stack([front, heights / 2]), np.column_stack([front, -heights / 2])]
    )
    turn = np.deg2rad(tilt)
    turned = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return heights_from_landmarks(
        turned + np.array([0, up]), level=level, point_sd_mm=sd / np.sqrt(2)
    )


def spine(**levels):
    return {level: body(level, *heights) for level, heights in levels.items()}


@pytest.mark.parametrize(
    ("loss", "grade"),
    [(-0.1, 0), (0.199, 0), (0.20, 1), (0.249, 1), (0.25, 2), (0.40, 2), (0.401, 3)],
)
def test_genants_grades_by_loss_of_height(loss, grade):
    assert genant_grade(loss) == grade


def test_a_wedge_of_26_percent_is_grade_2():
    # Heights 20, 22, 27 beside a neighbour of 27.5: ratios .741, .815, .982.
    found = deformities(spine(T12=(20, 22, 27), L1=(27, 26.5, 27.5)))["T12"]
    assert (found.type, found.grade) == ("wedge", 2)
    assert found.wedge == pytest.approx(0.741, abs=5e-4)
    assert found.biconcavity == pytest.approx(0.815, abs=5e-4)
    assert found.crush == pytest.approx(0.982, abs=5e-4)
    assert found.loss == pytest.approx(0.259, abs=5e-4)


def test_a_crush_is_seen_against_the_neighbour_only():
    levels = {"L1": (27, 26, 27), "L2": (17, 16.5, 17.5), "L3": (28, 27, 28)}
    found = deformities(spine(**levels))
    assert (found["L2"].type, found["L2"].grade) == ("crush", 3)
    alone = deformities(spine(L2=levels["L2"]))["L2"]
    assert alone.grade == 0
    assert "a crush of the whole body would be missed" in alone.flags[-1]


def test_a_posterior_height_below_the_anterior_one_is_no_fracture():
    assert deformities(spine(L4=(28, 26, 25), L5=(28.5, 25.5, 22.5)))["L5"].grade == 0


def test_a_loss_that_the_voxels_do_not_resolve_is_said_to_be_so():
    coarse = {"L1": body("L1", 22, 24, 25, sd=1.2), "L2": body("L2", 26, 25, 26, sd=1.2)}
    found = deformities(coarse)["L1"]
    assert found.grade == 0
    assert (found.lowest, found.highest) == (0, 1)
    assert "below what the voxels resolve" in found.flags[0]
    fine = {"L1": body("L1", 22, 24, 25, sd=0.1), "L2": body("L2", 26, 25, 26, sd=0.1)}
    assert deformities(fine)["L1"].flags == ()


def test_grades_do_not_depend_on_the_unit_of_length():
    small = deformities(spine(T12=(20, 22, 27), L1=(27, 26.5, 27.5)))
    large = deformities(spine(T12=(40, 44, 54), L1=(54, 53, 55)))
    assert small["T12"].loss == pytest.approx(large["T12"].loss)


def test_a_missing_height_is_refused():
    with pytest.raises(ValueError, match="leave the level out"):
        deformities({"L1": replace(body("L1", 20, 20, 21), anterior=float("nan"))})


def test_grades_as_measurements_say_that_they_are_no_reading():
    rows = deformity_measurements(
        deformities(spine(T12=(20, 22, 27), L1=(27, 26.5, 27.5))).values()
    )
    graded = [row for row in rows if row.quantity == "genant_grade"]
    assert [(row.level, row.value) for row in graded] == [("T12", 2.0), ("L1", 0.0)]
    assert "must be told apart by eye" in graded[0].flags[-1]


def test_the_spinal_deformity_index_sums_thirteen_grades():
    grades = dict.fromkeys([*(f"T{i}" for i in range(4, 13)), "L1", "L2", "L3", "L4"], 0)
    grades |= {"T8": 1, "T12": 2, "L1": 3}
    assert spinal_deformity_index(grades).value == 6


def test_a_level_not_read_is_not_summed_as_zero():
    found = spinal_deformity_index({"L1": 1, "L2": 0, "L3": 2, "L4": 3})
    assert np.isnan(found.value)
    assert "the sum over the 4 levels read is 6" in found.flags[0]
    with pytest.raises(ValueError, match="a Genant grade is"):
        spinal_deformity_index({"L1": 4})


def test_a_loss_of_just_a_fifth_is_grade_1_and_an_incident_fracture():
    # 1 - 20/25 is 0.19999999999999996 in floating point.
    found = deformities(spine(T12=(20.0, 25.0, 25.0), L1=(25.0, 25.0, 25.0)))
    assert found["T12"].grade == 1
    (change, *_) = progression(
        {"L1": body("L1", 28.0, 28.0, 28.0)}, {"L1": body("L1", 22.4, 28.0, 28.0)}
    )
    assert change.incident_fracture


def test_an_incident_fracture_lost_a_fifth_and_four_millimetres():
    # 28 to 22 mm: 21.4% and 6 mm.
    found = progression(spine(L1=(28, 28, 28)), spine(L1=(22, 26, 28)))
    by_height = {change.height: change for change in found}
    assert by_height["anterior"].incident_fracture
    assert by_height["anterior"].change == pytest.approx(-6)
    assert not by_height["middle"].incident_fracture
    assert not by_height["posterior"].resolved
    assert "below the" in by_height["posterior"].flags[0]


def test_four_millimetres_without_a_fifth_are_no_incident_fracture():
    (anterior, *_) = progression(spine(L1=(30, 30, 30)), spine(L1=(25.5, 30, 30)))
    assert not anterior.incident_fracture
    with pytest.raises(ValueError, match="no level in common"):
        progression(spine(L1=(30, 30, 30)), spine(L2=(30, 30, 30)))


def group(n=200):
    rng = np.random.default_rng(3)
    levels = ("T10", "T11", "T12", "L1", "L2")
    return [
        {
            level: body(level, *(np.array([0.95, 0.93, 1.0]) * (24 + i) + rng.normal(0, 0.5, 3)))
            for i, level in enumerate(levels)
        }
        for _ in range(n)
    ]


def test_reference_ratios_are_the_means_of_the_group():
    table = reference_ratios(group()).set_index(["level", "ratio"])
    # 200 people with an SD of 3%: the mean is known to 0.2%.
    assert table.loc[("T12", "Ha/Hp"), "mean"] == pytest.approx(0.95, abs=0.006)
    assert table.loc[("T12", "Hp"), "mean"] == pytest.approx(26, abs=0.1)
    assert table.loc[("L1", "Hp/Hp above"), "mean"] == pytest.approx(27 / 26, abs=0.006)
    assert (table["n"] == 200).all()
    with pytest.raises(ValueError, match="at least 10 people"):
        reference_ratios(group(3))


@pytest.mark.parametrize("algorithm", [eastell, mccloskey])
def test_four_standard_deviations_below_the_reference_are_grade_2(algorithm):
    people = group()
    reference = reference_ratios(people)
    subject = dict(people[0])
    assert algorithm(subject, reference)["T12"].grade == 0
    subject["T12"] = body("T12", 19, 24, 26)
    found = algorithm(subject, reference)["T12"]
    assert (found.type, found.grade) == ("wedge", 2)
    subject["T12"] = body("T12", 17, 16.5, 17.5)
    found = algorithm(subject, reference)["T12"]
    assert (found.type, found.grade) == ("crush", 2)


def test_eastells_worked_number_is_4_2_standard_deviations():
    # A wedge of .74 where normal is .95 with SD .05.
    reference = pd.DataFrame(
        [("L1", "Ha/Hp", 0.95, 0.05, 50)], columns=["level", "ratio", "mean", "sd", "n"]
    )
    found = eastell({"L1": body("L1", 18.5, 24, 25)}, reference)["L1"]
    assert found.scores["Ha/Hp"] == pytest.approx(-4.2)
    assert found.grade == 2
    with pytest.raises(ValueError, match="no column 'ratio'"):
        eastell({"L1": body("L1", 18.5, 24, 25)}, reference.drop(columns="ratio"))


def test_angles_between_tilted_endplates():
    curve = {
        "T4": body("T4", 20, 20, 20, tilt=25, up=200),
        "T12": body("T12", 24, 24, 24, tilt=-15, up=40),
        "L1": body("L1", 25, 25, 25, tilt=-20, up=10),
        "L5": body("L5", 27, 27, 27, tilt=25, up=-120),
    }
    assert sagittal_angle(curve, "T4", "T12")[0] == pytest.approx(40)
    assert sagittal_angle(curve, "L1", "L5")[0] == pytest.approx(-45)
    assert coronal_angle(curve, "T4", "L5")[0] == pytest.approx(0, abs=1e-9)
    rows = {row.quantity: row.value for row in spinal_angles(curve) if row.quantity != "angle_sd"}
    assert rows == pytest.approx({"kyphosis_angle": 40, "lordosis_angle": 45})


def test_an_angle_wants_its_levels_from_above():
    curve = spine(L1=(25, 25, 25), L5=(27, 27, 27))
    with pytest.raises(ValueError, match="does not lie above"):
        sagittal_angle(curve, "L5", "L1")
    with pytest.raises(ValueError, match="T4 not measured"):
        sagittal_angle(curve, "T4", "L1")
    with pytest.raises(ValueError, match="two levels"):
        spinal_angles({})


def test_a_fracture_that_the_error_could_make_is_no_grade():
    # 25% lost of 25 mm: with edges known to 1.5 mm it may be anything from intact to moderate.
    grades = []
    for sd in (1.5, 0.1):
        found = deformities({"L1": body("L1", 18.7, 24.0, 25.0, sd=sd)})
        (grade,) = (
            m for m in deformity_measurements(found.values()) if m.quantity == "genant_grade"
        )
        grades.append(grade)
    assert np.isnan(grades[0].value)
    assert any("the grade may be 0 to 2" in flag for flag in grades[0].flags)
    assert grades[1].value == 2
