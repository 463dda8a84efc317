import numpy as np
import pytest
from diagnosis.people import category, person
from hypothesis import given
from hypothesis import strategies as st

from enthesis.diagnosis import CRITERIA, MUSCLE_CRITERIA, OSTEOSARCOPENIA_CRITERIA
from enthesis.diagnosis.criteria import chosen

BY_NAME = {criterion.name: criterion for criterion in CRITERIA}


def of(name, **given_values):
    """The category of a subject by one criterion; both of its paths agree."""
    return category(BY_NAME[name], **given_values)


MAN = {"sex": "male"}
WOMAN = {"sex": "female"}
ALMI = "appendicular_lean_mass_index"
ALMI_BIA = "appendicular_muscle_mass_index_bia"


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # Cruz-Jentoft 2019, table 3: grip < 27 and < 16 kg, chair > 15 s, ALMI < 7.0 and < 5.5.
        (MAN | {"grip_strength": 27}, "no sarcopenia"),
        (MAN | {"grip_strength": 26.9}, "probable sarcopenia"),
        (WOMAN | {"grip_strength": 16}, "no sarcopenia"),
        (WOMAN | {"grip_strength": 15.9}, "probable sarcopenia"),
        (MAN | {"chair_stand_time": 15}, "no sarcopenia"),
        (MAN | {"chair_stand_time": 15.1}, "probable sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 7.0}, "probable sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.99}, "sarcopenia"),
        (WOMAN | {"grip_strength": 15, ALMI: 5.5}, "probable sarcopenia"),
        (WOMAN | {"grip_strength": 15, ALMI: 5.49}, "sarcopenia"),
        # Worked example: grip 26 M, ALMI 6.8, gait 0.7 is severe.
        (MAN | {"grip_strength": 26, ALMI: 6.8, "gait_speed": 0.7}, "severe sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "gait_speed": 0.8}, "severe sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "gait_speed": 0.81}, "sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "sppb_score": 8}, "severe sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "sppb_score": 9}, "sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "tug_time": 20}, "severe sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "tug_time": 19.9}, "sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "walk_400m_time": 360}, "severe sarcopenia"),
        (MAN | {"grip_strength": 26, ALMI: 6.8, "walk_400m_completed": 0}, "severe sarcopenia"),
        # The index is worked out from mass and height: 18.2 / 1.70^2 = 6.298.
        (
            MAN | {"grip_strength": 26, "appendicular_lean_mass": 18.2, "height_m": 1.70},
            "sarcopenia",
        ),
        (MAN | {ALMI: 6.0}, "cannot tell"),
        ({"grip_strength": 20}, "cannot tell"),
        ({"grip_strength": 30}, "no sarcopenia"),
    ],
)
def test_ewgsop2_begins_with_strength(given_values, expected):
    assert of("ewgsop2_2019", **given_values) == expected


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # Chen 2020: grip < 28 and < 18 kg; gait < 1.0; SPPB <= 9; chair >= 12 s; ALMI as below.
        (MAN | {"grip_strength": 28, ALMI: 6.9, "gait_speed": 1.0}, "no sarcopenia"),
        (MAN | {"grip_strength": 27.9, ALMI: 7.0}, "possible sarcopenia"),
        (MAN | {"grip_strength": 27.9, ALMI: 6.99}, "sarcopenia"),
        # Worked example: grip 27 M, ALMI 6.9, gait 1.1.
        (MAN | {"grip_strength": 27, ALMI: 6.9, "gait_speed": 1.1}, "sarcopenia"),
        (MAN | {"grip_strength": 27, ALMI: 6.9, "gait_speed": 1.0}, "sarcopenia"),
        (MAN | {"grip_strength": 27, ALMI: 6.9, "gait_speed": 0.99}, "severe sarcopenia"),
        (WOMAN | {"grip_strength": 18, ALMI: 5.3, "chair_stand_time": 12}, "sarcopenia"),
        (WOMAN | {"grip_strength": 18, ALMI: 5.3, "chair_stand_time": 11.9}, "no sarcopenia"),
        (WOMAN | {"grip_strength": 18, ALMI: 5.3, "sppb_score": 9}, "sarcopenia"),
        # By impedance women's border is 5.7, by DXA 5.4.
        (WOMAN | {"grip_strength": 17, ALMI: 5.4}, "possible sarcopenia"),
        (WOMAN | {"grip_strength": 17, ALMI_BIA: 5.69}, "sarcopenia"),
        (WOMAN | {"grip_strength": 17, ALMI_BIA: 5.7}, "possible sarcopenia"),
    ],
)
def test_awgs_2019_takes_strength_or_performance(given_values, expected):
    assert of("awgs_2019", **given_values) == expected


@pytest.mark.parametrize(
    ("name", "given_values", "expected"),
    [
        # Worked examples of each definition.
        ("ewgsop_2010", MAN | {"grip_strength": 28, ALMI: 6.9, "gait_speed": 0.9}, "sarcopenia"),
        (
            "ewgsop_2010",
            MAN | {"grip_strength": 30, ALMI: 7.23, "gait_speed": 0.81},
            "presarcopenia",
        ),
        ("ewgsop_2010", MAN | {"grip_strength": 29, ALMI: 7.24}, "no sarcopenia"),
        ("awgs_2014", MAN | {"grip_strength": 25, ALMI: 6.9}, "sarcopenia"),
        ("awgs_2014", MAN | {"grip_strength": 26, ALMI: 6.9, "gait_speed": 0.9}, "no sarcopenia"),
        ("iwgs_2011", MAN | {"gait_speed": 0.95, ALMI: 7.0}, "sarcopenia"),
        ("iwgs_2011", MAN | {"gait_speed": 1.0, ALMI: 7.0}, "no sarcopenia"),
        ("iwgs_2011", MAN | {"gait_speed": 0.95, ALMI: 7.24}, "no sarcopenia"),
        ("sdoc_2020", MAN | {"grip_strength": 34, "gait_speed": 0.7}, "sarcopenia"),
        ("sdoc_2020", MAN | {"grip_strength": 35.5, "gait_speed": 0.7}, "no sarcopenia"),
        ("sdoc_2020", WOMAN | {"grip_strength": 19.9, "gait_speed": 0.8}, "no sarcopenia"),
    ],
)
def test_other_definitions_at_their_borders(name, given_values, expected):
    assert of(name, **given_values) == expected


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # Worked example: ALM/BMI 18.2 / 26.0 = 0.700, grip 25 M.
        (
            MAN
            | {
                "grip_strength": 25,
                "appendicular_lean_mass": 18.2,
                "height_m": 1.70,
                "weight_kg": 26.0 * 1.70**2,
            },
            "weakness with low lean mass",
        ),
        (
            MAN | {"grip_strength": 25, "appendicular_lean_mass_by_bmi": 0.788, "gait_speed": 0.8},
            "slowness with weakness and low lean mass",
        ),
        (
            MAN | {"grip_strength": 25, "appendicular_lean_mass_by_bmi": 0.789},
            "not weak with low lean mass",
        ),
        (
            WOMAN | {"grip_strength": 15.9, "appendicular_lean_mass_by_bmi": 0.511},
            "weakness with low lean mass",
        ),
    ],
)
def test_fnih_takes_lean_mass_over_bmi(given_values, expected):
    assert of("fnih_2014", **given_values) == expected


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # Worked example: 58-year-old man, grip 33 kg, ALM/BMI 0.79.
        (
            MAN | {"age": 58, "grip_strength": 33, "appendicular_lean_mass_by_bmi": 0.79},
            "sarcopenia",
        ),
        (
            MAN | {"age": 65, "grip_strength": 33, "appendicular_lean_mass_by_bmi": 0.70},
            "no sarcopenia",
        ),
        (MAN | {"age": 65, "grip_strength": 27.9, ALMI: 6.99}, "sarcopenia"),
        (MAN | {"age": 49, "grip_strength": 20, ALMI: 5.0}, "does not apply"),
    ],
)
def test_awgs_2025_has_borders_by_age(given_values, expected):
    assert of("awgs_2025", **given_values) == expected


CALF, SARC_F = "calf_circumference", "sarc_f_score"
WEIGHT = {"height_m": 1.7, "weight_kg": 70}
BY_BMI, BY_BMI_BIA = "appendicular_lean_mass_by_bmi", "appendicular_muscle_mass_by_bmi_bia"
ALM, FAT = "appendicular_lean_mass", "body_fat_percent"
SMI, PMI, HU = (
    "skeletal_muscle_index",
    "psoas_muscle_index",
    "muscle_attenuation_skeletal_muscle_L3",
)
LEAN, HEAVY = {"height_m": 1.7, "weight_kg": 60}, {"height_m": 1.7, "weight_kg": 80}
SLOW = {"gait_speed": 0.5}
MIDDLE, OLD = {"age": 64.9}, {"age": 65}
NONE, SARCOPENIA, SEVERE = "no sarcopenia", "sarcopenia", "severe sarcopenia"
STRONG_MAN, WEAK_MAN = MAN | {"grip_strength": 50}, MAN | {"grip_strength": 10}
STRONG_WOMAN, WEAK_WOMAN = WOMAN | {"grip_strength": 50}, WOMAN | {"grip_strength": 10}
THIN_MAN, THIN_WOMAN = MAN | {ALMI: 4}, WOMAN | {ALMI: 4}
NO_AREA, LOW_AREA = "muscle area not low", "low muscle area"
NO_HU, LOW_HU = "muscle attenuation not low", "low muscle attenuation"
FOUND, PASSED = "screen positive", "screen negative"

BORDERS = [
    # Cruz-Jentoft 2019.
    ("ewgsop2_2019", WEAK_MAN, ALMI, "<", 7.0, SARCOPENIA, "probable sarcopenia"),
    ("ewgsop2_2019", WEAK_WOMAN, ALMI, "<", 5.5, SARCOPENIA, "probable sarcopenia"),
    ("ewgsop2_2019", WEAK_MAN, ALM, "<", 20, SARCOPENIA, "probable sarcopenia"),
    ("ewgsop2_2019", WEAK_WOMAN, ALM, "<", 15, SARCOPENIA, "probable sarcopenia"),
    ("ewgsop2_2019", MAN, "grip_strength", "<", 27, "probable sarcopenia", NONE),
    ("ewgsop2_2019", WOMAN, "grip_strength", "<", 16, "probable sarcopenia", NONE),
    ("ewgsop2_2019", WOMAN, "chair_stand_time", ">", 15, "probable sarcopenia", NONE),
    ("ewgsop2_2019", WEAK_WOMAN | {ALMI: 4}, "gait_speed", "<=", 0.8, SEVERE, SARCOPENIA),
    ("ewgsop2_2019", WEAK_WOMAN | {ALMI: 4}, "sppb_score", "<=", 8, SEVERE, SARCOPENIA),
    ("ewgsop2_2019", WEAK_WOMAN | {ALMI: 4}, "tug_time", ">=", 20, SEVERE, SARCOPENIA),
    ("ewgsop2_2019", WEAK_WOMAN | {ALMI: 4}, "walk_400m_time", ">=", 360, SEVERE, SARCOPENIA),
    # Cruz-Jentoft 2010.
    ("ewgsop_2010", STRONG_MAN | {"gait_speed": 1}, ALMI, "<=", 7.23, "presarcopenia", NONE),
    ("ewgsop_2010", STRONG_WOMAN | {"gait_speed": 1}, ALMI, "<=", 5.67, "presarcopenia", NONE),
    ("ewgsop_2010", THIN_MAN | SLOW, "grip_strength", "<", 30, SEVERE, SARCOPENIA),
    ("ewgsop_2010", THIN_WOMAN | SLOW, "grip_strength", "<", 20, SEVERE, SARCOPENIA),
    ("ewgsop_2010", STRONG_MAN | {ALMI: 4}, "gait_speed", "<=", 0.8, SARCOPENIA, "presarcopenia"),
    ("ewgsop_2010", STRONG_MAN | {ALMI: 4}, "sppb_score", "<=", 8, SARCOPENIA, "presarcopenia"),
    # Chen 2014.
    ("awgs_2014", WEAK_MAN | SLOW, ALMI, "<", 7.0, SEVERE, NONE),
    ("awgs_2014", WEAK_WOMAN | SLOW, ALMI, "<", 5.4, SEVERE, NONE),
    ("awgs_2014", WEAK_MAN | SLOW, ALMI_BIA, "<", 7.0, SEVERE, NONE),
    ("awgs_2014", WEAK_WOMAN | SLOW, ALMI_BIA, "<", 5.7, SEVERE, NONE),
    ("awgs_2014", THIN_MAN | SLOW, "grip_strength", "<", 26, SEVERE, SARCOPENIA),
    ("awgs_2014", THIN_WOMAN | SLOW, "grip_strength", "<", 18, SEVERE, SARCOPENIA),
    ("awgs_2014", WEAK_MAN | {ALMI: 4}, "gait_speed", "<=", 0.8, SEVERE, SARCOPENIA),
    # Chen 2020.
    ("awgs_2019", WEAK_MAN | SLOW, ALMI, "<", 7.0, SEVERE, "possible sarcopenia"),
    ("awgs_2019", WEAK_WOMAN | SLOW, ALMI, "<", 5.4, SEVERE, "possible sarcopenia"),
    ("awgs_2019", WEAK_MAN | SLOW, ALMI_BIA, "<", 7.0, SEVERE, "possible sarcopenia"),
    ("awgs_2019", WEAK_WOMAN | SLOW, ALMI_BIA, "<", 5.7, SEVERE, "possible sarcopenia"),
    ("awgs_2019", THIN_MAN | SLOW, "grip_strength", "<", 28, SEVERE, SARCOPENIA),
    ("awgs_2019", THIN_WOMAN | SLOW, "grip_strength", "<", 18, SEVERE, SARCOPENIA),
    ("awgs_2019", WEAK_WOMAN | {ALMI: 4}, "gait_speed", "<", 1.0, SEVERE, SARCOPENIA),
    ("awgs_2019", WEAK_WOMAN | {ALMI: 4}, "sppb_score", "<=", 9, SEVERE, SARCOPENIA),
    ("awgs_2019", WEAK_WOMAN | {ALMI: 4}, "chair_stand_time", ">=", 12, SEVERE, SARCOPENIA),
    # Chen 2025: from 50 to 64 years, and from 65.
    ("awgs_2025", MIDDLE | THIN_MAN, "grip_strength", "<", 34, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | THIN_WOMAN, "grip_strength", "<", 20, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_MAN, ALMI, "<", 7.2, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_WOMAN, ALMI, "<", 5.5, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_MAN, ALMI_BIA, "<", 7.6, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_WOMAN, ALMI_BIA, "<", 5.7, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_MAN, BY_BMI, "<", 0.80, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_WOMAN, BY_BMI, "<", 0.55, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_MAN, BY_BMI_BIA, "<", 0.90, SARCOPENIA, NONE),
    ("awgs_2025", MIDDLE | WEAK_WOMAN, BY_BMI_BIA, "<", 0.63, SARCOPENIA, NONE),
    ("awgs_2025", OLD | THIN_MAN, "grip_strength", "<", 28, SARCOPENIA, NONE),
    ("awgs_2025", OLD | THIN_WOMAN, "grip_strength", "<", 18, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_MAN, ALMI, "<", 7.0, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_WOMAN, ALMI, "<", 5.4, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_MAN, ALMI_BIA, "<", 7.0, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_WOMAN, ALMI_BIA, "<", 5.7, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_MAN, BY_BMI, "<", 0.73, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_WOMAN, BY_BMI, "<", 0.52, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_MAN, BY_BMI_BIA, "<", 0.83, SARCOPENIA, NONE),
    ("awgs_2025", OLD | WEAK_WOMAN, BY_BMI_BIA, "<", 0.57, SARCOPENIA, NONE),
    ("awgs_2025", THIN_MAN | {"grip_strength": 30}, "age", "<", 65, SARCOPENIA, NONE),
    ("awgs_2025", STRONG_MAN | {ALMI: 9}, "age", "<", 50, "does not apply", NONE),
    # Studenski 2014, Fielding 2011, Bhasin 2020.
    (
        "fnih_2014",
        WEAK_MAN,
        BY_BMI,
        "<",
        0.789,
        "weakness with low lean mass",
        "not weak with low lean mass",
    ),
    (
        "fnih_2014",
        WEAK_WOMAN,
        BY_BMI,
        "<",
        0.512,
        "weakness with low lean mass",
        "not weak with low lean mass",
    ),
    (
        "fnih_2014",
        MAN | {BY_BMI: 0.5},
        "grip_strength",
        "<",
        26,
        "weakness with low lean mass",
        "not weak with low lean mass",
    ),
    (
        "fnih_2014",
        WOMAN | {BY_BMI: 0.5},
        "grip_strength",
        "<",
        16,
        "weakness with low lean mass",
        "not weak with low lean mass",
    ),
    (
        "fnih_2014",
        WEAK_MAN | {BY_BMI: 0.5},
        "gait_speed",
        "<=",
        0.8,
        "slowness with weakness and low lean mass",
        "weakness with low lean mass",
    ),
    ("iwgs_2011", MAN | SLOW, ALMI, "<=", 7.23, SARCOPENIA, NONE),
    ("iwgs_2011", WOMAN | SLOW, ALMI, "<=", 5.67, SARCOPENIA, NONE),
    ("iwgs_2011", THIN_WOMAN, "gait_speed", "<", 1.0, SARCOPENIA, NONE),
    ("sdoc_2020", MAN | SLOW, "grip_strength", "<", 35.5, SARCOPENIA, NONE),
    ("sdoc_2020", WOMAN | SLOW, "grip_strength", "<", 20, SARCOPENIA, NONE),
    ("sdoc_2020", WEAK_WOMAN, "gait_speed", "<", 0.8, SARCOPENIA, NONE),
    # CT at L3: Prado 2008, Martin 2013, Derstine 2018, van der Werf 2018, Hamaguchi 2016.
    ("smi_prado_2008", MAN, SMI, "<=", 52.4, LOW_AREA, NO_AREA),
    ("smi_prado_2008", WOMAN, SMI, "<=", 38.5, LOW_AREA, NO_AREA),
    ("smi_martin_2013", MAN | LEAN, SMI, "<", 43, LOW_AREA, NO_AREA),
    ("smi_martin_2013", MAN | HEAVY, SMI, "<", 53, LOW_AREA, NO_AREA),
    ("smi_martin_2013", WOMAN, SMI, "<", 41, LOW_AREA, NO_AREA),
    ("smi_derstine_2018", MAN, SMI, "<", 45.4, LOW_AREA, NO_AREA),
    ("smi_derstine_2018", WOMAN, SMI, "<", 34.4, LOW_AREA, NO_AREA),
    ("smi_vanderwerf_2018", MAN, SMI, "<", 41.6, LOW_AREA, NO_AREA),
    ("smi_vanderwerf_2018", WOMAN, SMI, "<", 32.0, LOW_AREA, NO_AREA),
    ("pmi_hamaguchi_2016", MAN, PMI, "<", 6.36, LOW_AREA, NO_AREA),
    ("pmi_hamaguchi_2016", WOMAN, PMI, "<", 3.92, LOW_AREA, NO_AREA),
    ("muscle_attenuation_martin2013", LEAN, HU, "<", 41, LOW_HU, NO_HU),
    ("muscle_attenuation_martin2013", HEAVY, HU, "<", 33, LOW_HU, NO_HU),
    ("muscle_attenuation_derstine2018", MAN, HU, "<", 38.5, LOW_HU, NO_HU),
    ("muscle_attenuation_derstine2018", WOMAN, HU, "<", 34.3, LOW_HU, NO_HU),
    ("muscle_attenuation_vanderwerf2018", MAN, HU, "<", 29.3, LOW_HU, NO_HU),
    ("muscle_attenuation_vanderwerf2018", WOMAN, HU, "<", 22.0, LOW_HU, NO_HU),
    # Screening and lean mass.
    ("awgs_2019_screening", MAN, CALF, "<", 34, FOUND, PASSED),
    ("awgs_2019_screening", WOMAN, CALF, "<", 33, FOUND, PASSED),
    ("awgs_2019_screening", {}, SARC_F, ">=", 4, FOUND, PASSED),
    ("sarc_f_2013", {}, SARC_F, ">=", 4, FOUND, PASSED),
    ("sarc_calf_2016", MAN | {SARC_F: 1}, CALF, "<=", 34, FOUND, PASSED),
    ("sarc_calf_2016", WOMAN | {SARC_F: 1}, CALF, "<=", 33, FOUND, PASSED),
    (
        "iscd_low_lean_mass_2019",
        {},
        "appendicular_lean_mass_young_score",
        "<=",
        -2,
        "low lean mass",
        "not low",
    ),
    (
        "sarcopenic_obesity_espen_2022",
        WEAK_MAN | WEIGHT | {ALM: 10},
        FAT,
        ">",
        31,
        "sarcopenic obesity",
        "no sarcopenic obesity",
    ),
    (
        "sarcopenic_obesity_espen_2022",
        WEAK_WOMAN | WEIGHT | {ALM: 10},
        FAT,
        ">",
        43,
        "sarcopenic obesity",
        "no sarcopenic obesity",
    ),
]


@pytest.mark.parametrize(("name", "base", "column", "side", "border", "within", "beyond"), BORDERS)
def test_every_border_at_just_below_and_just_above(
    name, base, column, side, border, within, beyond
):
    asked = {one.name for one in BY_NAME[name].inputs} | {"height_m", "weight_kg"}
    known = {key: value for key, value in base.items() if key in asked}
    below, at, above = np.nextafter(border, -np.inf), border, np.nextafter(border, np.inf)
    expected = {
        "<": (within, beyond, beyond),
        "<=": (within, within, beyond),
        ">": (beyond, beyond, within),
        ">=": (beyond, within, within),
    }[side]
    found = tuple(of(name, **(known | {column: float(value)})) for value in (below, at, above))
    assert found == expected


def test_no_border_of_muscle_goes_without_a_test():
    tested = {(name, column, float(border)) for name, _, column, _, border, *_ in BORDERS}
    elsewhere = {
        # Tested by way of its own category, or shared with another definition's rule.
        ("muscle_attenuation_martin2013", "bmi", 25.0),
        ("smi_martin_2013", "bmi", 25.0),
        ("awgs_2025", "age", 65.0),
        ("sarc_calf_2016", "sarc_f_score", 1.0),
        ("sarcopenic_obesity_espen_2022", "grip_strength", 27.0),
        ("sarcopenic_obesity_espen_2022", "grip_strength", 16.0),
        ("sarcopenic_obesity_espen_2022", "chair_stand_time", 15.0),
    }
    borders = {
        (criterion.name, column, float(cutoff.value))
        for criterion in MUSCLE_CRITERIA
        for cutoff in criterion.cutoffs
        for column in cutoff.inputs
    }
    assert borders <= tested | elsewhere


@pytest.mark.parametrize(
    ("weight", "expected"), [(24.9, "muscle area not low"), (25.0, "low muscle area")]
)
def test_the_border_of_body_mass_index_belongs_to_the_heavier(weight, expected):
    # At 1 m the weight is the body mass index.
    given_values = MAN | {"height_m": 1.0, "weight_kg": weight, SMI: 45}
    assert of("smi_martin_2013", **given_values) == expected


@pytest.mark.parametrize(
    ("lean_mass", "expected"), [(25.6, "sarcopenic obesity"), (25.7, "no sarcopenic obesity")]
)
def test_lean_mass_counts_as_a_share_of_body_weight(lean_mass, expected):
    given_values = WEAK_MAN | {ALM: lean_mass, "weight_kg": 100, FAT: 40}
    assert of("sarcopenic_obesity_espen_2022", **given_values) == expected


@pytest.mark.parametrize("name", ["ewgsop_2010", "awgs_2014", "awgs_2019"])
def test_a_normal_grip_says_nothing_of_performance(name):
    found = BY_NAME[name].find(person(BY_NAME[name], **(THIN_MAN | {"grip_strength": 50})))
    assert found.category == "cannot tell"
    assert any(one.startswith("gait speed (") and "sarcopenia" in one for one in found.missing)


def test_a_grip_that_cannot_be_judged_is_not_overruled_by_a_chair_stand():
    given_values = {"grip_strength": 20, "chair_stand_time": 10}
    assert of("ewgsop2_2019", **given_values) == "cannot tell"
    assert of("ewgsop2_2019", **(given_values | WOMAN)) == "no sarcopenia"


def test_mass_without_a_height_is_judged_in_kg_and_says_so():
    criterion = BY_NAME["ewgsop2_2019"]
    found = criterion.find(person(criterion, **(WEAK_MAN | {ALM: 19.9})))
    assert found.category == "sarcopenia"
    assert any("judged in kg" in flag for flag in found.flags)
    # 20.5 kg at 1.80 m is 6.33 kg/m2: with a height, the index decides.
    assert of("ewgsop2_2019", **(WEAK_MAN | {ALM: 20.5, "height_m": 1.8})) == "sarcopenia"


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # Ten points of the calf and none of SARC-F stay below 11, and SARC-F alone ends at 10.
        ({SARC_F: 0}, "screen negative"),
        ({SARC_F: 0, CALF: 30}, "screen negative"),
        ({CALF: 40}, "screen negative"),
        ({SARC_F: 1, CALF: 30}, "screen positive"),
        ({SARC_F: 10}, "cannot tell"),
    ],
)
def test_sarc_calf_needs_a_thin_calf_and_a_point(given_values, expected):
    assert of("sarc_calf_2016", **(MAN | given_values)) == expected


def test_what_was_not_measured_is_flagged_where_it_stays_open():
    found = BY_NAME["ewgsop2_2019"].find(
        person(BY_NAME["ewgsop2_2019"], sex="male", grip_strength=20)
    )
    assert found.category == "probable sarcopenia"
    assert any("muscle mass is not known" in flag for flag in found.flags)


def test_the_stronger_hand_counts():
    assert of("ewgsop2_2019", sex="male", grip_strength_left=20, grip_strength_right=30) == (
        "no sarcopenia"
    )


def test_definitions_not_seen_in_their_source_are_off_unless_named():
    shipped = {criterion.name for criterion in chosen(MUSCLE_CRITERIA)}
    assert {"ewgsop2_2019", "awgs_2019", "fnih_2014", "iwgs_2011", "sdoc_2020"} <= shipped
    assert not {"ewgsop_2010", "awgs_2014", "awgs_2025", "sarc_calf_2016"} & shipped
    (named,) = chosen(MUSCLE_CRITERIA, ["awgs_2025"])
    assert any("not all numbers" in flag for flag in named.find(person(named, age=70)).flags)


@pytest.mark.parametrize(
    ("name", "given_values", "expected"),
    [
        # Worked example: 140 cm2 / 1.70^2 = 48.44, low by Prado and not by Derstine.
        ("smi_prado_2008", {"area_skeletal_muscle_L3": 14000, "height_m": 1.7}, "low muscle area"),
        (
            "smi_derstine_2018",
            {"area_skeletal_muscle_L3": 14000, "height_m": 1.7},
            "muscle area not low",
        ),
        # The sides are parts of one area: 60 + 80 cm2, not their mean; one side alone is no area.
        (
            "smi_prado_2008",
            {
                "area_skeletal_muscle_L3_left": 6000,
                "area_skeletal_muscle_L3_right": 8000,
                "height_m": 1.7,
            },
            "low muscle area",
        ),
        (
            "smi_derstine_2018",
            {
                "area_skeletal_muscle_L3_left": 6000,
                "area_skeletal_muscle_L3_right": 8000,
                "height_m": 1.7,
            },
            "muscle area not low",
        ),
        (
            "smi_prado_2008",
            {"area_skeletal_muscle_L3_left": 6000, "height_m": 1.7},
            "cannot tell",
        ),
        ("smi_prado_2008", {"skeletal_muscle_index": 52.4}, "low muscle area"),
        ("smi_prado_2008", {"skeletal_muscle_index": 52.5}, "muscle area not low"),
        (
            "smi_martin_2013",
            {"skeletal_muscle_index": 43, "height_m": 1.7, "weight_kg": 60},
            "muscle area not low",
        ),
        (
            "smi_martin_2013",
            {"skeletal_muscle_index": 43, "height_m": 1.7, "weight_kg": 80},
            "low muscle area",
        ),
        (
            "smi_martin_2013",
            {"skeletal_muscle_index": 53, "height_m": 1.7, "weight_kg": 80},
            "muscle area not low",
        ),
        ("smi_martin_2013", {"skeletal_muscle_index": 45}, "cannot tell"),
        ("smi_vanderwerf_2018", {"skeletal_muscle_index": 41.5}, "low muscle area"),
        # Worked example: 1,500 mm2 over both sides at 1.70 m is 5.19 cm2/m2.
        ("pmi_hamaguchi_2016", {"area_psoas_major_L3": 750, "height_m": 1.7}, "low muscle area"),
        ("pmi_hamaguchi_2016", {"psoas_muscle_index": 6.36}, "muscle area not low"),
    ],
)
def test_muscle_area_of_men_by_population(name, given_values, expected):
    assert of(name, **(MAN | given_values)) == expected


@pytest.mark.parametrize(
    ("name", "given_values", "expected"),
    [
        ("awgs_2019_screening", MAN | {"calf_circumference": 33.9}, "screen positive"),
        ("awgs_2019_screening", MAN | {"calf_circumference": 34}, "screen negative"),
        ("awgs_2019_screening", WOMAN | {"calf_circumference": 33}, "screen negative"),
        ("awgs_2019_screening", {"sarc_f_score": 4}, "screen positive"),
        ("sarc_f_2013", {"sarc_f_score": 3}, "screen negative"),
        # Worked example: SARC-F 2 and a calf of 32 cm give 12.
        ("sarc_calf_2016", MAN | {"sarc_f_score": 2, "calf_circumference": 32}, "screen positive"),
        ("sarc_calf_2016", MAN | {"sarc_f_score": 0, "calf_circumference": 32}, "screen negative"),
        ("iscd_low_lean_mass_2019", {"appendicular_lean_mass_young_score": -2.0}, "low lean mass"),
        ("iscd_low_lean_mass_2019", {"appendicular_lean_mass_young_score": -1.99}, "not low"),
    ],
)
def test_screening_and_lean_mass(name, given_values, expected):
    assert of(name, **given_values) == expected


PAIR = "osteosarcopenia_who_1994_low_bone_mass_and_ewgsop2_2019"
OLD_MAN = MAN | {"age": 72}


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        # Worked example: T -1.8 with EWGSOP2 confirmed.
        ({"t_score_total_hip": -1.8, "grip_strength": 26, ALMI: 6.8}, "osteosarcopenia"),
        ({"t_score_total_hip": -1.0, "grip_strength": 26, ALMI: 6.8}, "sarcopenia alone"),
        (
            {"t_score_total_hip": -1.8, "grip_strength": 26, ALMI: 7.2},
            "low bone mass or osteoporosis alone",
        ),
        ({"t_score_total_hip": -0.5, "grip_strength": 40}, "neither"),
        ({"t_score_total_hip": -1.8}, "cannot tell"),
        # Without a T-score nobody has normal bone.
        ({"grip_strength": 40}, "cannot tell"),
        ({"grip_strength": 26, ALMI: 6.8}, "cannot tell"),
        ({"t_score_total_hip": -1.8, "grip_strength": 26}, "cannot tell"),
    ],
)
def test_osteosarcopenia_needs_both(given_values, expected):
    assert of(PAIR, **(OLD_MAN | given_values)) == expected


def test_osteoporosis_asks_more_than_low_bone_mass():
    given_values = OLD_MAN | {"t_score_total_hip": -1.8, "grip_strength": 26, ALMI: 6.8}
    assert of("osteosarcopenia_who_1994_osteoporosis_and_ewgsop2_2019", **given_values) == (
        "sarcopenia alone"
    )


@pytest.mark.parametrize(
    ("t_score", "gait", "expected"),
    [
        # Sepulveda-Loyola 2020: severe is T at or below -2.5 with severe sarcopenia.
        (-2.5, 0.8, "severe osteosarcopenia"),
        (-2.4, 0.8, "osteosarcopenia"),
        (-2.5, 0.81, "osteosarcopenia"),
        (-2.5, None, "osteosarcopenia"),
    ],
)
def test_severe_osteosarcopenia_needs_osteoporosis_and_severe_sarcopenia(t_score, gait, expected):
    given_values = OLD_MAN | {"t_score_total_hip": t_score, "grip_strength": 26, ALMI: 6.8}
    if gait is not None:
        given_values |= {"gait_speed": gait}
    assert of(PAIR, **given_values) == expected
    found = BY_NAME[PAIR].find(person(BY_NAME[PAIR], **given_values))
    assert any("severity stays open" in flag for flag in found.flags) == (gait is None)


def test_a_pairing_keeps_what_either_definition_says():
    given_values = MAN | {"t_score_total_hip": -1.8, "grip_strength": 26, ALMI: 6.8}
    found = BY_NAME[PAIR].find(person(BY_NAME[PAIR], **given_values))
    bone = BY_NAME["who_1994"].find(person(BY_NAME["who_1994"], **MAN, t_score_total_hip=-1.8))
    assert bone.flags
    assert set(bone.flags) <= set(found.flags)


@pytest.mark.parametrize("criterion", OSTEOSARCOPENIA_CRITERIA, ids=lambda one: one.name)
def test_a_pairing_cannot_tell_where_one_half_was_not_measured(criterion):
    muscle = MAN | {"age": 72, "grip_strength": 50, "gait_speed": 1.5, ALMI: 9, BY_BMI: 2}
    bone = MAN | {"age": 72, "t_score_total_hip": 0.0, "trabecular_bmd_vertebral_body_L1": 150}
    asked = {one.name for one in criterion.inputs}
    for half in (muscle, bone):
        assert of(criterion.name, **{k: v for k, v in half.items() if k in asked}) == "cannot tell"


def test_every_pairing_has_its_own_name():
    names = [criterion.name for criterion in OSTEOSARCOPENIA_CRITERIA]
    assert len(names) == len(set(names)) == 48


NUMBERS = {
    "grip_strength": st.sampled_from([14.0, 15.9, 16.0, 19.9, 20.0, 26.9, 27.0, 28.0, 35.5, 40.0]),
    "chair_stand_time": st.sampled_from([8.0, 11.9, 12.0, 15.0, 15.1]),
    ALMI: st.sampled_from([5.3, 5.4, 5.49, 5.5, 5.67, 6.99, 7.0, 7.23, 7.5]),
    "gait_speed": st.sampled_from([0.7, 0.8, 0.81, 0.99, 1.0, 1.2]),
    "sppb_score": st.sampled_from([7.0, 8.0, 9.0, 10.0]),
    "appendicular_lean_mass_by_bmi": st.sampled_from([0.4, 0.511, 0.512, 0.788, 0.789]),
    "age": st.sampled_from([45.0, 49.0, 50.0, 64.0, 65.0, 80.0]),
    "sex": st.sampled_from(["female", "male"]),
}


@given(
    st.fixed_dictionaries({}, optional=NUMBERS),
    st.sampled_from(
        [
            c.name
            for c in MUSCLE_CRITERIA
            if c.name.split("_")[0] in {"ewgsop2", "ewgsop", "awgs", "fnih", "iwgs", "sdoc"}
        ]
    ),
)
def test_one_subject_and_a_table_agree(given_values, name):
    asked = {one.name for one in BY_NAME[name].inputs}
    of(name, **{k: v for k, v in given_values.items() if k in asked})


@given(st.fixed_dictionaries({}, optional=NUMBERS))
def test_severe_by_ewgsop2_is_never_less_than_sarcopenia_by_its_parts(given_values):
    asked = {one.name for one in BY_NAME["ewgsop2_2019"].inputs}
    found = of("ewgsop2_2019", **{k: v for k, v in given_values.items() if k in asked})
    if found in {"severe sarcopenia", "sarcopenia"}:
        assert ALMI in given_values
    if found == "severe sarcopenia":
        assert "gait_speed" in given_values or "sppb_score" in given_values
