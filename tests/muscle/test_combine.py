import math

import numpy as np
import pytest
from scans import scan

from enthesis import regions
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.muscle import (
    Anchors,
    area_indices,
    areas,
    attenuation_medians,
    attenuations,
    body_composition,
    both_sides,
    fat_by_attenuation,
    fat_fractions,
    fat_infiltrations,
    fat_quarters,
    intermuscular_fat,
    lean_areas,
    map_means,
    over_levels,
    reference_areas,
    relative_areas,
    stretches,
    tissue_areas,
)
from enthesis.records import Measurement


def one(quantity="area", value=1.0, *, side="", level="L3", method="slice", region="psoas_major"):
    return Measurement(
        quantity=quantity, value=value, region=region, side=side, level=level, method=method
    )


def pair(quantity, left, right, **more):
    return [one(quantity, left, side="left", **more), one(quantity, right, side="right", **more)]


def made(measurements):
    return {(m.quantity, m.method.split(",")[0]): m.value for m in measurements}


def test_two_sides_have_a_mean_a_sum_and_an_asymmetry():
    found = both_sides(pair("area", 110, 90), how=["mean", "sum", "asymmetry"])
    assert made(found) == {
        ("area", "mean of left and right"): 100,
        ("area", "sum of left and right"): 200,
        ("area_asymmetry", "of area"): 20,
    }
    assert {m.side for m in found} == {""}


def test_sides_exchanged_turn_the_asymmetry_round():
    (m,) = both_sides(pair("area", 90, 110), how=["asymmetry"])
    assert m.value == -20


def test_fat_of_two_sides_is_averaged_and_subtracted_and_never_summed():
    found = both_sides(pair("fat_infiltration", 12, 8), how=["mean", "sum", "asymmetry"])
    assert made(found) == {
        ("fat_infiltration", "mean of left and right"): 10,
        ("fat_asymmetry", "of fat infiltration"): 4,
    }


def test_one_side_alone_has_no_mean():
    (m,) = both_sides([one(side="left")], how=["mean"])
    assert math.isnan(m.value)
    assert m.flags == ("only the left one could be measured",)


def test_a_standard_deviation_has_no_mean_of_sides():
    assert both_sides(pair("fat_fraction_sd", 3, 4), how=["mean"]) == []


def test_unknown_ways_of_two_sides_are_refused():
    with pytest.raises(InputError, match="two sides have no 'ratio'"):
        both_sides([], how=["ratio"])


def test_levels_are_averaged_alike_and_a_missing_one_is_said():
    found = over_levels(
        [one(value=10, level="L3"), one(value=20, level="L4")], levels=["L3", "L4", "L5"]
    )
    assert found[0].value == 15
    assert found[0].level == ""
    assert found[0].method == "mean of L3, L4, slice"
    assert found[0].flags == ("not measured at L5: left out of the mean",)


def test_one_level_has_no_mean_over_levels():
    assert over_levels([one()], levels=["L3", "L4"]) == []


def test_relative_area_is_the_references_worked_example():
    # Han 2022 by the meta-analysis: 980 mm2 over a disc of 1300 mm2 is 75.4%.
    disc = one(value=1300, level="L3_L4", region="intervertebral_disc")
    total, functional = relative_areas([one(value=980), one("functional_area", 784)], [disc])
    assert total.quantity == "relative_area"
    assert total.value == pytest.approx(75.4, abs=0.05)
    assert functional.quantity == "relative_functional_area"
    assert functional.value == pytest.approx(60.3, abs=0.05)
    assert "over intervertebral disc below" in total.method


def test_a_disc_level_is_divided_by_its_own_disc_only():
    body = one(value=1000, region="vertebral_body")
    upper = one(value=1300, level="L3_L4", region="intervertebral_disc")
    lower = one(value=1400, level="L4_L5", region="intervertebral_disc")
    found = relative_areas([one(value=130, level="L3_L4")], [body, upper, lower])
    assert [m.value for m in found] == [10]


def test_psoas_muscle_index_is_the_references_worked_example():
    # 1500 mm2 of both at 1.70 m: 5.19 cm2/m2.
    summed = both_sides(pair("area", 800, 700), how=["sum"])
    index, psoas = area_indices(summed, height_m=1.70)
    assert (index.quantity, psoas.quantity) == ("area_index", "psoas_muscle_index")
    assert psoas.value == pytest.approx(5.19, abs=0.005)


def test_a_muscle_index_is_the_references_worked_example():
    # 980 mm2 at 1.7 m: 339 mm2/m2.
    (index,) = area_indices([one(value=980)], height_m=1.7)
    assert 100 * index.value == pytest.approx(339, abs=0.5)


MUSCLE = (slice(2, 12), slice(2, 12), slice(2, 18))
OTHER = (slice(2, 12), slice(14, 20), slice(2, 18))
BODY = (slice(16, 26), slice(2, 22), slice(4, 16))


def ct(quantity="hounsfield", **more):
    return scan(
        (40, 24, 20),
        {
            "multifidus_left": (MUSCLE, 50),
            "erector_spinae_left": (OTHER, 40),
            "vertebral_body_L3": (BODY, 150),
            **more,
        },
    )


def measured(image, labels, *, quantity="hounsfield", values=None, **options):
    array = image.array if values is None else values
    image = Image(array=array, affine=image.affine, quantity=quantity)
    voxels = regions.labelled_voxels(image, labels)
    bodies = regions.vertebral_bodies(labels)
    slices = options.pop("slices", ["mid-body"])
    return voxels, bodies, stretches(voxels, bodies, slices=slices, **options)


def test_the_parts_of_a_cut_by_attenuation_are_counted_by_hand():
    image, labels = ct()
    values = np.array(image.array)
    values[2:4, 2:12] = -100  # 20 of 100 pixels of fat
    values[4:7, 2:12] = 10  # 30 of low attenuation
    values[7, 2:12] = 200  # 10 of neither
    _, _, found = measured(image, labels, values=values, structures=["multifidus"])
    parts = {m.quantity: m.value for m in tissue_areas(found)}
    assert parts == pytest.approx(
        {
            "functional_area": 70,
            "low_attenuation_area": 30,
            "normal_attenuation_area": 40,
            "intramuscular_fat_area": 20,
            "noncontractile_area": 30,
        }
    )
    medians = {m.quantity: m.value for m in attenuation_medians(found)}
    assert medians["attenuation_median"] == 30


def test_a_window_that_is_asked_for_is_used_and_named():
    image, labels = ct()
    _, _, found = measured(image, labels, structures=["multifidus"])
    (fat,) = fat_infiltrations(found, muscle_hu=(0, 100), fat_hu=(-150, -50))
    assert fat.method.startswith("HU -150..-50 of -150..100")
    functional, *_ = tissue_areas(found, muscle_hu=(60, 100))
    assert (functional.value, functional.method[:10]) == (0, "HU 60..100")


def test_the_attenuation_that_cutoffs_are_for_keeps_its_window():
    image, labels = ct()
    values = np.array(image.array)
    values[2:7, 2:12] = -29
    values[7, 2:12] = -30
    _, _, found = measured(image, labels, values=values, structures=["multifidus"])
    _, lean = attenuations(found)
    # By hand: 50 pixels of -29 and 40 of 50; -30 is fat.
    assert lean.value == pytest.approx((50 * -29 + 40 * 50) / 90)
    assert lean.method.startswith("-29 to 150 HU")


def test_mean_attenuation_is_placed_between_its_anchors():
    # The reference's worked example: 30 HU between 55 and -100 is 16.1%.
    image, labels = ct()
    values = np.full_like(image.array, 30)
    _, _, found = measured(image, labels, values=values, structures=["multifidus"])
    (m,) = fat_by_attenuation(found, Anchors(muscle=55, fat=-100))
    assert m.value == pytest.approx(16.1, abs=0.05)
    assert "55 HU of lean muscle (given) and -100 HU of fat (given)" in m.method


def test_fat_fractions_have_a_mean_a_median_and_an_sd():
    image, labels = ct()
    values = np.zeros(image.shape, np.float32)
    values[2:4, 2:12] = 80
    values[5, 5] = np.nan
    _, _, found = measured(
        image, labels, quantity="fat_fraction", values=values, structures=["multifidus"]
    )
    numbers = {m.quantity: m.value for m in fat_fractions(found)}
    share = 20 / 99
    assert numbers["fat_fraction"] == pytest.approx(80 * share)
    assert numbers["fat_infiltration"] == numbers["fat_fraction"]
    assert numbers["fat_fraction_median"] == 0
    assert numbers["fat_fraction_sd"] == pytest.approx(80 * math.sqrt(share * (1 - share)))
    assert "hold no number" in fat_fractions(found)[0].flags[0]
    assert fat_infiltrations(found) == []


def test_functional_area_of_a_fat_fraction_is_area_without_its_fat():
    # The reference's worked example: 980 mm2 with 20% fat leave 784 mm2.
    area = one(value=980, method="mean of the slices")
    fat = one("fat_infiltration", 20, method="mean fat fraction, the slices")
    functional, rest = lean_areas([fat], [area])
    assert (functional.value, rest.value) == (pytest.approx(784), pytest.approx(196))
    assert functional.method == fat.method


def test_maps_are_averaged_in_their_own_unit():
    image, labels = ct()
    values = np.full(image.shape, 38.0, np.float32)
    _, _, found = measured(image, labels, quantity="t2", values=values)
    assert {(m.quantity, m.unit, m.value) for m in map_means(found)} == {("t2", "ms", 38.0)}
    assert map_means(measured(image, labels)[2]) == []


def test_quarters_have_equal_areas_and_run_outwards_and_backwards():
    image, labels = ct()
    values = np.array(image.array)
    values[2:4, 2:12] = -100  # the two columns of ten that lie farthest left
    values[4:12, 2] = -100  # and the rearmost row
    voxels, _, found = measured(image, labels, values=values, structures=["multifidus"])
    quarters = {m.method.split(", ")[1]: m.value for m in fat_quarters(voxels, found)}
    outwards = [quarters[f"quarter {n} of 4 from medial to lateral"] for n in (1, 2, 3, 4)]
    backwards = [quarters[f"quarter {n} of 4 from front to back"] for n in (1, 2, 3, 4)]
    # By hand: 25 pixels a quarter, and the left one holds 20 + 1 of the outer columns' fat.
    assert sum(outwards) / 4 == pytest.approx(28)
    assert outwards[3] == max(outwards) >= 80
    assert backwards[3] == max(backwards)


def test_left_and_right_quarters_mirror_each_other():
    image, labels = ct()
    values = np.array(image.array)
    values[2:4, 2:12] = -100
    mirrored = type(labels)(
        array=labels.array[::-1],
        affine=labels.affine,
        names={n: name.replace("left", "right") for n, name in labels.names.items()},
    )
    options = {"directions": ["medial to lateral"]}
    voxels, _, found = measured(image, labels, values=values, structures=["multifidus"])
    left = [m.value for m in fat_quarters(voxels, found, **options)]
    voxels, _, found = measured(image, mirrored, values=values[::-1], structures=["multifidus"])
    assert [m.value for m in fat_quarters(voxels, found, **options)] == left


def test_quarters_of_signal_want_anchors():
    image, labels = ct()
    voxels, _, found = measured(image, labels, quantity="signal")
    with pytest.raises(InputError, match="want anchors"):
        fat_quarters(voxels, found)


def test_fat_between_two_muscles_is_counted_within_their_hull():
    image, labels = ct()
    values = np.array(image.array)
    values[2:12, 12:14] = -100  # the cleft of 2 x 10 pixels between the two
    values[2:12, 0:2] = -100  # fat behind them, outside the hull
    voxels, _, found = measured(image, labels, values=values)
    group = {"deep_back_muscle": ("multifidus", "erector_spinae")}
    (m,) = intermuscular_fat(voxels, found, group)
    assert m.value == 20
    assert (m.region, m.side) == ("deep_back_muscle", "left")


def test_reference_areas_are_the_body_at_mid_body_and_the_discs_largest_cut():
    disc = (slice(16, 26), slice(2, 20), slice(1, 4))
    image, labels = ct(intervertebral_disc_L3_L4=(disc, 80))
    voxels, bodies, _ = measured(image, labels)
    found = reference_areas(voxels, bodies, of=["vertebral_body", "intervertebral_disc"])
    assert {m.region: m.value for m in found} == {
        "vertebral_body": 200,
        "intervertebral_disc": 180,
    }


def test_body_composition_counts_the_windows_of_each_tissue():
    image, labels = ct(
        skeletal_muscle=((slice(28, 33), slice(2, 22), slice(2, 18)), 40),
        subcutaneous_fat=((slice(33, 36), slice(2, 22), slice(2, 18)), -100),
        visceral_fat=((slice(36, 38), slice(2, 22), slice(2, 18)), -40),
    )
    values = np.array(image.array)
    values[28, 2:22] = -60  # 20 of the 100 pixels of muscle are fat
    image = Image(array=values, affine=image.affine, quantity="hounsfield")
    voxels, bodies, _ = measured(image, labels)
    found = {
        (m.quantity, m.region): m.value for m in body_composition(voxels, bodies, height_m=2.0)
    }
    assert found["area", "subcutaneous_fat"] == found["adipose_area", "subcutaneous_fat"] == 60
    assert found["area", "visceral_fat"] == 40
    # -40 HU is fat under the skin, but not among the organs (-150 to -50).
    assert found["adipose_area", "visceral_fat"] == 0
    assert found["skeletal_muscle_index", "skeletal_muscle"] == pytest.approx(0.8 / 4)
    assert found["skeletal_muscle_gauge", "skeletal_muscle"] == pytest.approx(0.2 * 40)


def test_without_height_there_is_no_index():
    image, labels = ct(skeletal_muscle=((slice(28, 33), slice(2, 22), slice(2, 18)), 40))
    voxels, bodies, _ = measured(image, labels)
    assert body_composition(voxels, bodies) == []


def test_the_skeletal_muscle_gauge_is_the_references_worked_example():
    # 36 HU and 48.44 cm2/m2 (140 cm2 at 1.70 m): 1744.
    pixels = (slice(2, 202), slice(2, 72), slice(2, 4))
    image, labels = scan(
        (204, 74, 6),
        {
            "skeletal_muscle": (pixels, 36),
            "vertebral_body_L3": ((slice(2, 4), slice(72, 74), slice(1, 5)), 150),
        },
    )
    voxels, bodies, _ = measured(image, labels)
    numbers = {m.quantity: m.value for m in body_composition(voxels, bodies, height_m=1.70)}
    assert numbers["skeletal_muscle_index"] == pytest.approx(48.44, abs=0.005)
    assert numbers["skeletal_muscle_gauge"] == pytest.approx(1744, abs=0.5)


def test_measures_do_not_change_when_the_scan_is_moved_or_scaled_in_value_type():
    image, labels = ct()
    _, _, whole = measured(image, labels)
    _, _, floats = measured(image, labels, values=image.array.astype(np.float32))
    for measure in (areas, attenuations, fat_infiltrations, tissue_areas):
        assert [m.value for m in measure(whole)] == [m.value for m in measure(floats)]
