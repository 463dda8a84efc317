import csv

import numpy as np
import pandas as pd
import pytest
from data import real
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from enthesis.diagnosis.populations import (
    Population,
    YoungReference,
    lms_score,
    lms_value,
    percentile,
    reference_curve,
    t_score,
    z_score,
)
from enthesis.diagnosis.reference_curves import HENDRICKSON_2018, NHANES_III
from enthesis.errors import InputError
from enthesis.records import Measurement

HIP = Population(
    name="Mine 2020, total hip, men",
    quantity="areal_bmd",
    region="total_hip",
    unit="g/cm2",
    device="Hologic",
    sex="male",
    source="made up",
)
MEANS = pd.DataFrame({"age": [40.0, 50.0], "mean": [1.0, 0.9], "sd": [0.1, 0.12]})


def bmd(value, region="total_hip", **more):
    return Measurement(quantity="areal_bmd", value=value, region=region, **more)


@pytest.mark.parametrize(
    ("region", "value", "t"),
    [
        # Reference rows: neck 0.600 is -2.15, -2.5 at 0.558, -1.0 at 0.738; hip 0.700 is -1.98,
        # -2.5 at 0.637.
        ("femoral_neck", 0.600, -2.15),
        ("femoral_neck", 0.558, -2.5),
        ("femoral_neck", 0.738, -1.0),
        ("total_hip", 0.700, -1.9836065573770492),
        ("total_hip", 0.637, -2.5),
    ],
)
@pytest.mark.parametrize("sex", ["female", "male"])
def test_nhanes_iii_t_scores_are_from_women_for_both_sexes(region, value, t, sex):
    scored = t_score(bmd(value, region), NHANES_III[region], sex=sex, device="Hologic")
    assert scored.value == pytest.approx(t, abs=1e-12)
    assert (scored.quantity, scored.region) == ("t_score", region)
    assert "NHANES III" in scored.method


def test_attenuation_t_score_of_hendrickson_2018():
    measured = Measurement(
        quantity="trabecular_attenuation", value=110, region="vertebral_body", level="L1"
    )
    scored = t_score(measured, HENDRICKSON_2018["L1"], sex="female", device="CT 120 kVp")
    assert scored.value == pytest.approx(-3.0)  # (110 - 236) / 42
    assert scored.quantity == "young_score"  # so that no WHO class is read from it
    with pytest.raises(InputError, match="of female subjects, this one is male"):
        t_score(measured, HENDRICKSON_2018["L1"], sex="male", device="CT 120 kVp")
    with pytest.raises(InputError, match="of level 'L3', the measurement of 'L1'"):
        t_score(measured, HENDRICKSON_2018["L3"], sex="female", device="CT 120 kVp")


def test_a_mean_and_sd_give_the_plain_score_at_every_age_between():
    curve = reference_curve(MEANS, HIP, between="linear")
    # Half way: M 0.95, S (0.1 + 0.12 / 0.9) / 2.
    s = (0.1 + 0.12 / 0.9) / 2
    assert curve.score(0.8, 45) == pytest.approx((0.8 - 0.95) / (0.95 * s))
    assert curve.score([0.8, 0.8], [40, 50]) == pytest.approx([-2.0, -0.1 / 0.12])


def test_the_nearest_row_is_taken_and_of_two_equally_near_the_younger():
    curve = reference_curve(MEANS, HIP, between="nearest")
    assert curve.score([0.8] * 3, [44.9, 45.0, 45.1]) == pytest.approx([-2, -2, -0.1 / 0.12])


def test_lms_score_of_the_worked_example_and_its_inverse():
    # Reference row: y 6.5866, L -.21541, M 8.29101, S .125445 is -1.8808, the third percentile.
    lms = {"skewness": -0.21541, "median": 8.29101, "variation": 0.125445}
    assert lms_score(6.5866, **lms) == pytest.approx(-1.8808, abs=5e-4)  # printed digits
    assert percentile(-1.8808) == pytest.approx(3.0, abs=5e-3)
    assert lms_value(lms_score(6.5866, **lms), **lms) == pytest.approx(6.5866)
    # Men of 25 years, ALMI 6.30: -2.26.
    young = {"skewness": -0.2154, "median": 8.2910, "variation": 0.12545}
    assert lms_score(6.30, **young) == pytest.approx(-2.26, abs=5e-3)


@given(st.floats(0.3, 3.0), st.floats(-3, 3), st.floats(0.3, 3.0), st.floats(0.05, 0.3))
def test_scores_and_values_are_each_others_inverse(value, skewness, median, variation):
    lms = {"skewness": skewness, "median": median, "variation": variation}
    score = lms_score(value, **lms)
    assert lms_value(score, **lms) == pytest.approx(value, rel=1e-6)  # cancellation far in a tail


def test_the_two_formulas_meet_where_the_skewness_is_zero():
    at = lms_score(1.3, skewness=0.0, median=1.0, variation=0.1)
    assert at == pytest.approx(np.log(1.3) / 0.1)
    assert lms_score(1.3, skewness=1e-12, median=1.0, variation=0.1) == pytest.approx(at)


def test_the_median_scores_zero_and_percentiles_are_normal():
    assert lms_score(5.0, skewness=0.7, median=5.0, variation=0.2) == 0
    z = np.array([-2.0, 0.0, 1.28])
    assert percentile(z) == pytest.approx(100 * stats.norm.cdf(z))


def test_what_cannot_be_scored_is_missing_in_a_table():
    curve = reference_curve(MEANS, HIP)
    scores = curve.score([0.8, np.nan, 0.8, 0.0, -1.0, 0.8], [45, 45, np.nan, 45, 45, 39.9])
    assert np.isnan(scores).tolist() == [False, True, True, True, True, True]


def test_a_z_score_keeps_side_method_and_flags_and_names_the_population():
    curve = reference_curve(MEANS, HIP)
    given = bmd(0.8, side="left", method="DXA", flags=("metal",))
    scored = z_score(given, curve, age=40, sex="male", device="Hologic")
    assert scored.value == pytest.approx(-2.0)
    assert (scored.side, scored.flags) == ("left", ("metal",))
    assert scored.method == "Z-score from Mine 2020, total hip, men, ages between rows: linear; DXA"


def test_a_young_row_of_a_curve_gives_t_scores():
    young = reference_curve(MEANS, HIP).young(age=40)
    assert t_score(bmd(0.75), young, sex="male", device="Hologic").value == pytest.approx(-2.5)
    with pytest.raises(InputError, match="runs from 40 to 50 years, got age 25"):
        reference_curve(MEANS, HIP).young(age=25)


MULTIFIDUS_FAT = Population(
    name="Mine 2021, multifidus, women",
    quantity="fat_infiltration",
    region="multifidus",
    level="L4",
    unit="%",
    device="Dixon at 3 T",
    sex="female",
    source="Mine 2021",
)


def test_muscle_quality_is_scored_against_a_curve_that_is_given():
    # Skewed upwards, as fat is: at 50 years ((32 / 16)^0.5 - 1) / (0.5 * 0.4) = 2.0711.
    rows = pd.DataFrame({"age": [40, 60], "l": [0.5, 0.5], "m": [12, 20], "s": [0.4, 0.4]})
    curve = reference_curve(rows, MULTIFIDUS_FAT)
    fat = Measurement(quantity="fat_infiltration", value=32, region="multifidus", level="L4")
    scored = z_score(fat, curve, age=50, sex="female", device="Dixon at 3 T")
    assert scored.value == pytest.approx((2**0.5 - 1) / 0.2, abs=1e-12)
    assert "multifidus" in scored.method
    other = Measurement(quantity="fat_infiltration", value=32, region="psoas_major", level="L4")
    with pytest.raises(InputError, match="region 'multifidus', the measurement of 'psoas_major'"):
        z_score(other, curve, age=50, sex="female", device="Dixon at 3 T")


def test_low_attenuation_of_muscle_has_a_low_score():
    # Derstine 2018: 34.3 HU is the mean of women less two standard deviations; mean and SD chosen.
    young = YoungReference(
        population=Population(
            name="Mine, L3",
            quantity="muscle_attenuation",
            region="skeletal_muscle",
            level="L3",
            unit="HU",
            device="CT 120 kVp",
            sex="female",
            source="Mine",
        ),
        skewness=1.0,
        median=46.3,
        variation=6.0 / 46.3,
    )
    low = Measurement(
        quantity="muscle_attenuation", value=34.3, region="skeletal_muscle", level="L3"
    )
    scored = t_score(low, young, sex="female", device="CT 120 kVp")
    assert scored.value == pytest.approx(-2.0, abs=1e-12)


@pytest.mark.parametrize(
    ("measurement", "options", "message"),
    [
        (bmd(0.8), {"device": "GE Lunar"}, "device 'Hologic', the measurement of 'GE Lunar'"),
        (bmd(0.8, "femoral_neck"), {}, "region 'total_hip', the measurement of 'femoral_neck'"),
        (bmd(0.8, level="L1"), {}, "level 'none', the measurement of 'L1'"),
        (
            Measurement(quantity="trabecular_bmd", value=1, region="total_hip"),
            {},
            "quantity 'areal_bmd', the measurement of 'trabecular_bmd'",
        ),
        (bmd(0.8), {"sex": "female"}, "of male subjects, this one is female"),
        (bmd(0.8), {"age": 50.1}, "from 40 to 50 years, got age 50.1; it is not extrapolated"),
        (bmd(0.0), {}, "needs a value above zero, got 0"),
        (bmd(np.nan), {}, "needs a value above zero, got nan"),
    ],
)
def test_a_mismatch_is_refused(measurement, options, message):
    call = {"age": 45, "sex": "male", "device": "Hologic"} | options
    with pytest.raises(InputError, match=message):
        z_score(measurement, reference_curve(MEANS, HIP), **call)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        (MEANS[["age", "mean"]], "needs age and either l, m, s or mean, sd"),
        (MEANS.drop(columns="age"), "needs age"),
        (MEANS[::-1], "ages must rise; row 2 has 40"),
        (MEANS.assign(sd=[0.1, 0.0]), "above zero; row 2"),
        (MEANS.assign(mean=[np.nan, 1.0]), "row 1 of the reference is not all numbers"),
        (MEANS.assign(mean=["a", "b"]), "holds numbers only"),
    ],
)
def test_tables_that_are_no_reference_are_refused(table, message):
    with pytest.raises(InputError, match=message):
        reference_curve(table, HIP)


def test_an_unknown_rule_between_ages_is_refused():
    with pytest.raises(InputError, match="'nearest' or 'linear', got 'cubic'"):
        reference_curve(MEANS, HIP, between="cubic")


def test_every_example_score_of_the_lead_reference_is_reproduced():
    # LEAD cohort, Ofenheimer 2020, doi:10.1038/s41430-020-0596-5: the R program's printed output,
    # 24 scores of adults and 36 of children, by the nearest row.
    folder = real("lms_lead_dxa")
    with (folder / "irenecamper_output_example_file.csv").open() as file:
        people = list(csv.DictReader(file))
    compared = 0
    for person in people:
        age, group = float(person["age"]), "adults" if float(person["age"]) >= 18 else "children"
        for column, printed in person.items():
            if not column.startswith("zscore-") or printed == "NA":
                continue
            measure = column.removeprefix("zscore-")
            path = folder / f"{group}_LMS_{measure}_gender{person['gender']}.csv"
            population = Population(
                name=f"LEAD, {measure}",
                quantity=measure,
                unit="",
                device="GE Lunar",
                sex="male" if person["gender"] == "0" else "female",
                source="doi:10.1038/s41430-020-0596-5",
            )
            curve = reference_curve(pd.read_csv(path), population, between="nearest")
            score = curve.score(float(person[measure]), age)
            assert score == pytest.approx(float(printed), abs=1e-9), (measure, age)
            compared += 1
    assert compared == 60
