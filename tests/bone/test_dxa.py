"""Worked numbers are those of the densitometry manuals' arithmetic, done by hand."""

import pytest

from enthesis.bone import (
    bmd_change,
    bmd_on_scale_of,
    evaluable_vertebrae,
    least_significant_change,
    lumbar_bmd,
    standardised_bmd,
)
from enthesis.cohort import precision_error
from enthesis.diagnosis import NHANES_III, t_score
from enthesis.errors import InputError
from enthesis.records import Measurement

CONTENT = {"L1": 9.5, "L2": 11.0, "L3": 12.6, "L4": 16.8}
AREA = {"L1": 12.5, "L2": 13.8, "L3": 15.4, "L4": 17.0}
T_SCORES = {"L1": -2.6, "L2": -2.4, "L3": -2.5, "L4": -0.9}


def vertebrae(content=CONTENT, area=AREA):
    return [
        Measurement(quantity=of, value=value, region="vertebra", level=level)
        for of, values in (("bone_mineral_content", content), ("projected_area", area))
        for level, value in values.items()
    ]


def bmd(value, region="total_hip", **more):
    return Measurement(quantity="areal_bmd", value=value, region=region, **more)


def test_the_spine_is_mineral_over_area_not_a_mean_of_densities():
    spine = lumbar_bmd(vertebrae())
    assert spine.value == pytest.approx(49.9 / 58.7)
    assert spine.value == pytest.approx(0.8501, abs=5e-5)
    assert (spine.quantity, spine.region, spine.unit) == ("areal_bmd", "lumbar_spine", "g/cm2")


def test_a_vertebra_more_than_one_above_the_next_is_left_out_and_said_so():
    spine = evaluable_vertebrae(T_SCORES)
    assert spine.levels == ("L1", "L2", "L3")
    assert spine.excluded["L4"] == "T-score 1.6 above L3"
    measured = lumbar_bmd(vertebrae(), spine=spine)
    assert measured.value == pytest.approx(33.1 / 41.7)
    assert measured.flags == ("L4 left out: T-score 1.6 above L3",)
    assert "L1, L2, L3" in measured.method


@pytest.mark.parametrize(
    ("scores", "levels"),
    [
        # Exactly 1.0, although -1.4 - -2.4 is a little more in floating point.
        ((-2.4, -1.4, -1.4, -1.4), ("L1", "L2", "L3", "L4")),
        # A step below L1: the side with fewer vertebrae goes.
        ((-2.4, -1.3, -1.3, -1.3), ("L2", "L3", "L4")),
        # A fractured L2 stands above both neighbours.
        ((-2.5, -1.0, -2.4, -2.3), ("L1", "L3", "L4")),
        # A laminectomy at L3 stands below both.
        ((-2.0, -2.1, -3.6, -2.2), ("L1", "L2", "L4")),
        # Osteophytes at L3 and L4: of two as long sides the higher goes.
        ((-2.6, -2.5, -1.0, -0.8), ("L1", "L2")),
        ((-2.6, -1.0, -2.5, -1.0), ("L1", "L3")),
    ],
)
def test_the_rule_of_more_than_one(scores, levels):
    given = dict(zip(("L1", "L2", "L3", "L4"), scores, strict=True))
    spine = evaluable_vertebrae(given)
    assert spine.levels == levels
    assert set(spine.excluded) == {"L1", "L2", "L3", "L4"} - set(levels)


def test_a_vertebra_below_the_others_is_to_be_looked_at():
    spine = evaluable_vertebrae({"L1": -2.0, "L2": -2.1, "L3": -3.6, "L4": -2.2})
    assert spine.excluded["L3"] == "T-score 1.5 below L2"
    assert "look for a cause" in spine.notes[0]


def test_what_a_reader_saw_goes_first():
    spine = evaluable_vertebrae(T_SCORES, abnormal={"L1": "fracture"})
    assert spine.levels == ("L2", "L3")
    assert spine.excluded == {"L1": "fracture", "L4": "T-score 1.6 above L3"}


def test_one_vertebra_is_not_enough():
    spine = evaluable_vertebrae({"L1": -2.0}, abnormal={"L2": "metal"})
    assert not spine.usable
    measured = lumbar_bmd(vertebrae(), spine=spine)
    assert measured.value != measured.value
    assert "use another site" in measured.flags[-1]


def test_the_order_in_which_vertebrae_are_given_does_not_matter():
    turned = dict(reversed(T_SCORES.items()))
    assert evaluable_vertebrae(turned) == evaluable_vertebrae(T_SCORES)
    assert lumbar_bmd(reversed(vertebrae())) == lumbar_bmd(vertebrae())


def test_a_spine_without_its_numbers_is_refused():
    with pytest.raises(InputError, match="counts L1 to L4, got 'L5'"):
        evaluable_vertebrae({"L5": -1.0})
    with pytest.raises(InputError, match="projected_area of L1, above zero, is needed"):
        lumbar_bmd(vertebrae(area=AREA | {"L1": 0.0}))
    with pytest.raises(InputError, match=r"bone_mineral_content of L1.*got 2 of them"):
        lumbar_bmd([*vertebrae(), *vertebrae()])


@pytest.mark.parametrize(
    ("value", "region", "maker", "equations", "expected"),
    [
        (0.900, "lumbar_spine", "Hologic", "hui_1997", 967.6),
        (1.050, "lumbar_spine", "Lunar", "hui_1997", 995.2),
        (0.900, "lumbar_spine", "Norland", "hui_1997", 976.4),
        (0.972, "lumbar_spine", "Hologic", "genant_1994", 1045.4),
        (0.972, "lumbar_spine", "Hologic", None, 1043.6),
        (0.750, "total_hip", "Hologic", None, 762.0),
        (0.800, "total_hip", "Lunar", None, 752.2),
        (0.730, "total_hip", "Norland", None, 764.8),
        (0.942, "total_hip", "Hologic", None, 955.5),
        (0.650, "femoral_neck", "Hologic", None, 725.6),
        (0.760, "femoral_neck", "Lunar", None, 690.6),
    ],
)
def test_standardised_bmd_is_that_of_the_published_equations(
    value, region, maker, equations, expected
):
    found = standardised_bmd(bmd(value, region), maker=maker, equations=equations)
    # The numbers are printed to one decimal.
    assert found.value == pytest.approx(expected, abs=0.05)
    assert (found.quantity, found.unit) == ("standardised_bmd", "mg/cm2")


def test_genants_factors_agree_with_his_line_between_two_makers():
    # Genant 1994, as Fan 2010 prints it: Hologic = 0.906 Lunar - 0.025.
    spine = bmd(1.0, "lumbar_spine")
    found = bmd_on_scale_of(spine, maker="Lunar", wanted="Hologic", equations="genant_1994")
    assert found.value == pytest.approx(0.906 - 0.025, rel=0.01)
    assert "not seen in the paper" in found.flags[-1]


def test_another_makers_scale_and_back_is_the_same_density():
    there = bmd_on_scale_of(bmd(0.8), maker="Lunar", wanted="Hologic")
    back = bmd_on_scale_of(there, maker="Hologic", wanted="Lunar")
    assert back.value == pytest.approx(0.8)
    assert "another maker's scale" in there.flags[0]
    assert bmd_on_scale_of(bmd(0.8), maker="Lunar", wanted="Lunar") == bmd(0.8)


def test_a_lunar_neck_is_scored_on_the_scale_of_its_reference():
    neck = bmd_on_scale_of(bmd(0.760, "femoral_neck"), maker="Lunar", wanted="Hologic")
    assert neck.value == pytest.approx((0.939 * 0.760 - 0.023 - 0.019) / 1.087)
    scored = t_score(neck, NHANES_III["femoral_neck"], sex="female", device="Hologic")
    assert scored.value == pytest.approx((neck.value - 0.858) / 0.120)


def test_the_total_hips_equation_is_not_used_for_the_neck():
    with pytest.raises(InputError, match="hanson_1997 holds for total_hip, not for 'femoral_neck'"):
        standardised_bmd(bmd(0.7, "femoral_neck"), maker="Lunar", equations="hanson_1997")
    with pytest.raises(InputError, match="no equations are published for 'radius_33'"):
        standardised_bmd(bmd(0.7, "radius_33"), maker="Lunar")
    with pytest.raises(InputError, match="maker is one of Hologic, Lunar, Norland"):
        standardised_bmd(bmd(0.7), maker="GE")


def test_least_significant_change_of_five_pairs():
    pairs = [(0.850, 0.862), (0.910, 0.905), (1.020, 1.034), (0.760, 0.758), (0.980, 0.991)]
    error = precision_error(pairs)
    assert error.rms_sd == pytest.approx(0.00700, abs=5e-6)
    assert error.rms_cv == pytest.approx(0.738, abs=5e-4)
    # 2.77 x 0.00700 is printed as 0.01939 where 2.7718 gives 0.01940.
    assert least_significant_change(error.rms_sd) == pytest.approx(0.01940, abs=5e-6)
    assert least_significant_change(error.rms_sd) == pytest.approx(error.lsc)
    assert least_significant_change(0.01, level=0.8) == pytest.approx(0.0181, abs=5e-5)
    # Of two scans at each visit the error is smaller by the root of two.
    twice = least_significant_change(0.01, n_first=2, n_last=2)
    assert twice == pytest.approx(least_significant_change(0.01) / 2**0.5)


def test_a_loss_over_two_years():
    change = bmd_change(bmd(0.900), bmd(0.880), years=2, lsc=0.01939)
    assert change.percent == pytest.approx(-2.22, abs=5e-3)
    assert change.percent_per_year == pytest.approx(-1.11, abs=5e-3)
    assert change.per_year == pytest.approx(-0.010)
    assert change.significant is True


def test_a_change_of_just_the_least_significant_one_is_significant():
    assert bmd_change(bmd(0.900), bmd(0.880), years=1, lsc=0.020).significant is True
    assert bmd_change(bmd(0.900), bmd(0.881), years=1, lsc=0.020).significant is False
    unknown = bmd_change(bmd(0.900), bmd(0.880), years=1)
    assert unknown.significant is None
    assert "least significant change" in unknown.flags[-1]


def test_two_sets_of_vertebrae_are_not_compared():
    whole = lumbar_bmd(vertebrae())
    part = lumbar_bmd(vertebrae(), spine=evaluable_vertebrae(T_SCORES))
    with pytest.raises(InputError, match="one method at both visits"):
        bmd_change(whole, part, years=1)
    with pytest.raises(InputError, match="one side at both visits"):
        bmd_change(bmd(0.9, side="left"), bmd(0.9, side="right"), years=1)
    with pytest.raises(InputError, match="comes after the first"):
        bmd_change(bmd(0.9), bmd(0.9), years=0)
    with pytest.raises(InputError, match="precision error is above zero"):
        least_significant_change(0.0)
