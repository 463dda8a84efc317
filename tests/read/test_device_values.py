import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from enthesis import read
from enthesis.diagnosis import CRITERIA
from enthesis.errors import InputError
from enthesis.quantities import QUANTITIES
from enthesis.read.device_columns import column
from enthesis.read.device_units import FACTORS, LIMITS, unit
from enthesis.read.device_words import QUANTITY_WORDS
from enthesis.records import LONG_COLUMNS

VISITS = (
    "ID,Name,Sex,age (years),Height (cm),L1 BMD (g/cm2),Femoral neck T-score,grip_kg,Fat (g)"
    ",shoes\n"
    "7,Ann,F,70,162,0.85,-2.6,21,22000,38\n"
    "8,Bo,M,71,175,980,-1,strong,,43\n"
)


@pytest.fixture
def visits(tmp_path):
    path = tmp_path / "visits.csv"
    path.write_text(VISITS)
    return read.values(path)


@pytest.mark.parametrize(
    ("header", "name", "factor"),
    [
        ("BMD L1 (g/cm2)", "areal_bmd_vertebra_L1", 1),
        ("L1-L4 BMD [g/cm²]", "areal_bmd_lumbar_spine", 1),
        ("Spine L1 to L4 BMD (mg/cm2)", "areal_bmd_lumbar_spine", 0.001),
        ("L2-L4 T-score", "t_score_lumbar_spine_L2-L4", 1),
        ("Neck Left BMD (g/cm²)", "areal_bmd_femoral_neck_left", 1),
        ("BMD (neck) g/cm2", "areal_bmd_femoral_neck", 1),
        ("Total hip T-Score", "t_score_total_hip", 1),
        ("33% radius T-score", "t_score_radius_33", 1),
        ("BMC L3 (g)", "bone_mineral_content_vertebra_L3", 1),
        ("Area L3 (cm2)", "projected_area_vertebra_L3", 1),
        ("area_psoas_major_L3_left (cm2)", "area_psoas_major_L3_left", 100),
        ("trabecular BMD L1 mg/cm3", "trabecular_bmd_vertebral_body_L1", 1),
        ("grip_strength_kg", "grip_strength", 1),
        ("Grip left (lb)", "grip_strength_left", 0.45359237),
        ("gait_speed_cm_s", "gait_speed", 0.01),
        ("5 chair stands (s)", "chair_stand_time", 1),
        ("Left arm FFM (g)", "fat_free_mass_arm_left", 0.001),
        ("Lean + BMC trunk (kg)", "fat_free_mass_trunk", 1),
        ("Android % fat", "body_fat_percent_android", 1),
        ("Total body fat (%)", "body_fat_percent", 1),
        ("FMI", "fat_mass_index", 1),
        ("FM_android_quotient_gynoid", "android_gynoid_mass_ratio", 1),
        ("A/G ratio", "android_gynoid_ratio", 1),
        ("VAT mass (kg)", "visceral_fat_mass", 1000),
        ("ASM BIA kg", "appendicular_muscle_mass_bia", 1),
        ("ALM/ht2 (kg/m2)", "appendicular_lean_mass_index", 1),
        ("BUA heel (dB/MHz)", "ultrasound_attenuation_calcaneus", 1),
        ("SOS (m/s)", "speed_of_sound", 1),
        ("TBS L1-L4", "trabecular_bone_score_lumbar_spine", 1),
        ("Hip fracture (yes/no)", "hip_fracture", 1),
        ("height (cm)", "height_m", 0.01),
        ("weight_kg", "weight_kg", 1),
        ("sex (m/f)", "sex", 1),
    ],
)
def test_headers_are_read_as_people_write_them(header, name, factor):
    found = column(header)
    assert (found.name, found.factor) == (name, pytest.approx(factor))


@pytest.mark.parametrize(
    ("header", "remark"),
    [
        ("Muscle quality", "not understood: muscle, quality"),
        ("BMD (g/cm2)", "which site"),
        ("ASM (kg)", "by DXA or by BIA"),
        ("Grip (N)", "is in 'N', but grip_strength is in 'kg'"),
        ("BMD L4-L1 (g/cm2)", "no span of vertebrae"),
        ("BMD hip L2 (g/cm2)", "L2 does not lie in the total hip"),
    ],
)
def test_a_header_that_is_not_understood_says_why(header, remark):
    found = column(header)
    assert found.kind == "unknown"
    assert remark in found.remark


def test_what_was_assumed_is_said():
    assert "no unit in the header: taken as g/cm2" in column("Total hip BMD").remark
    assert "bone mineral left out" in column("Lean legs (kg)").remark
    assert column("grip_strength").remark == ""


def test_criteria_and_devices_speak_of_the_same_columns():
    for asked in {one for criterion in CRITERIA for one in criterion.inputs}:
        found = column(asked.name)
        assert (found.name, found.factor, found.remark) == (asked.name, 1, "")
        assert (found.quantity, found.region, found.level) == (
            asked.quantity,
            asked.region,
            asked.level,
        )


def test_every_word_limit_and_factor_is_of_a_quantity_and_unit_that_exist():
    open_ended = {"lean", "appendicular_muscle_mass", "appendicular_muscle_mass_index"}
    assert set(QUANTITY_WORDS.values()) - open_ended <= QUANTITIES.keys()
    assert LIMITS.keys() - {"age", "years", "height_m", "weight_kg", "bmi"} <= QUANTITIES.keys()
    assert all(unit(one) == one for pair in FACTORS for one in pair)


def test_values_are_converted_and_stand_in_the_long_table(visits):
    long = visits.long_table()
    assert list(long.columns[: len(LONG_COLUMNS)]) == list(LONG_COLUMNS)
    first = long[long["subject"] == "7"].set_index("quantity")
    assert first.loc["fat_mass", "value"] == pytest.approx(22.0)
    assert first.loc["areal_bmd", ["region", "level", "unit"]].tolist() == [
        "vertebra",
        "L1",
        "g/cm2",
    ]
    assert first["height_m"].iloc[0] == pytest.approx(1.62)


def test_impossible_values_are_named_by_row_and_are_no_number(visits):
    assert [(doubt.row, doubt.column) for doubt in visits.doubts] == [
        (3, "L1 BMD (g/cm2)"),
        (3, "grip_kg"),
    ]
    assert "in mg/cm2" in visits.doubts[0].reason
    assert "'strong' is not a number" in visits.doubts[1].reason
    long = visits.long_table().set_index(["subject", "quantity"])
    assert np.isnan(long.loc[("8", "areal_bmd"), "value"])
    assert "in mg/cm2" in long.loc[("8", "areal_bmd"), "flags"]
    # A cell that was left empty is missing, not impossible.
    assert ("8", "fat_mass") not in long.index


def test_nobody_is_named(visits, tmp_path):
    assert "Name" not in visits.table
    assert "Ann" not in visits.summary() + visits.long_table().to_csv()


def test_the_dictionary_names_every_column(visits):
    dictionary = visits.dictionary().set_index("column")
    assert dictionary.loc["shoes", "kind"] == "unknown"
    assert visits.unknown == ("shoes",)
    assert dictionary.loc["L1 BMD (g/cm2)", "impossible"] == 1
    assert "row 3, column 'grip_kg'" in visits.summary()


def test_subjects_are_ready_for_criteria(visits):
    ann = visits.subjects()[0]
    assert (ann.id, ann.sex, ann.age, ann.height_m) == ("7", "female", 70, pytest.approx(1.62))
    assert {m.quantity for m in ann.measurements} == {
        "areal_bmd",
        "t_score",
        "grip_strength",
        "fat_mass",
    }


def test_a_user_names_what_is_not_understood():
    table = pd.DataFrame({"subject": ["a"], "X7": [850.0]})
    found = read.values(table, names={"X7": "areal_bmd_total_hip (mg/cm2)"})
    assert found.table["areal_bmd_total_hip"].iloc[0] == pytest.approx(0.85)
    with pytest.raises(InputError, match="none of our names"):
        read.values(table, names={"X7": "shoe size"})
    with pytest.raises(InputError, match="no column 'X8'"):
        read.values(table, names={"X8": "areal_bmd_total_hip"})


def test_two_columns_of_one_thing_are_refused():
    table = pd.DataFrame({"grip (kg)": [20.0], "Handgrip strength (kg)": [21.0]})
    with pytest.raises(InputError, match="two columns hold 'grip_strength'"):
        read.values(table)


def test_visits_of_one_subject_are_no_subjects():
    table = pd.DataFrame({"subject": ["a", "a"], "grip (kg)": [20.0, 21.0]})
    with pytest.raises(InputError, match="'a' has more than one row"):
        read.values(table).subjects()


@pytest.mark.parametrize("suffix", [".csv", ".xlsx", ".parquet"])
def test_every_kind_of_file_holds_the_same_values(visits, tmp_path, suffix):
    path = tmp_path / f"values{suffix}"
    table = read.spreadsheet(tmp_path / "visits.csv")
    {
        ".csv": lambda: table.to_csv(path, index=False),
        ".xlsx": lambda: table.to_excel(path, index=False),
        ".parquet": lambda: table.to_parquet(path, index=False),
    }[suffix]()
    again = read.values(path)
    pd.testing.assert_frame_equal(again.long_table(), visits.long_table())
    assert again.doubts == visits.doubts


def test_a_workbook_with_two_sheets_asks_for_one(tmp_path):
    path = tmp_path / "two.xlsx"
    with pd.ExcelWriter(path) as book:
        pd.DataFrame({"grip (kg)": [20.0]}).to_excel(book, sheet_name="2023", index=False)
        pd.DataFrame({"grip (kg)": [21.5]}).to_excel(book, sheet_name="2024", index=False)
    with pytest.raises(InputError, match="name one of: '2023', '2024'"):
        read.values(path)
    assert read.values(path, sheet="2024").table["grip_strength"].tolist() == [21.5]
    with pytest.raises(InputError, match="no sheet '2025'"):
        read.values(path, sheet="2025")


@pytest.mark.parametrize("suffix", [".xlsx", ".parquet"])
def test_what_is_no_such_file_is_refused(tmp_path, suffix):
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(b"PK\x03\x04 not at all")
    with pytest.raises(InputError, match="broken"):
        read.spreadsheet(path)


def test_the_order_of_columns_and_rows_does_not_matter():
    table = pd.DataFrame({"subject": ["a", "b"], "grip (kg)": [20.0, 30.0], "TUG (s)": [9.0, 8.0]})
    turned = table.iloc[::-1, ::-1]
    keys = ["subject", "quantity"]
    first = read.values(table).long_table().sort_values(keys, ignore_index=True)
    second = read.values(turned).long_table().sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(first, second)


REPORT = (
    "subject,date,Side,Region,Area (cm2),BMC (g),BMD (g/cm2),T-score,Age\n"
    "a,2024-01-01,,L1,12.5,9.5,0.760,-2.6,70\n"
    "a,2024-01-01,,L2,13.8,11.0,0.797,-2.4,70\n"
    "a,2024-01-01,Left,Neck,4.8,3.1,0.646,-1.8,70\n"
    "a,2025-01-01,,L1,12.5,9.4,752,-2.6,71\n"
)


def test_a_report_with_a_row_per_region_is_a_row_per_visit(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text(REPORT)
    found = read.values(path)
    assert found.table["age"].tolist() == [70, 71]
    assert found.table["areal_bmd_femoral_neck_left"].tolist()[0] == pytest.approx(0.646)
    assert found.table["bone_mineral_content_vertebra_L1"].tolist() == [9.5, 9.4]
    # The doubted cell keeps the row that it has in the file.
    assert [(doubt.row, doubt.column) for doubt in found.doubts] == [(5, "L1 BMD (g/cm2)")]
    long = found.long_table().query("quantity == 'areal_bmd' and level == 'L1'")
    assert long["value"].isna().tolist() == [False, True]
    assert "in mg/cm2" in long["flags"].iloc[1]


def test_one_region_twice_in_a_visit_is_refused(tmp_path):
    path = tmp_path / "report.csv"
    path.write_text(REPORT.replace("2025", "2024"))
    with pytest.raises(InputError, match="row 5: the region 'L1' occurs twice in one visit"):
        read.values(path)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=40))
def test_any_header_is_answered(header):
    assert column(header).kind in {"field", "quantity", "unknown", "identifying"}


def test_rows_may_be_numbered_as_one_likes():
    table = pd.DataFrame({"grip (kg)": [20.0, 999.0]}, index=["x", "x"])
    (doubt,) = read.values(table).doubts
    assert doubt.row == 1


def test_words_that_may_be_anything_are_left_alone():
    table = pd.DataFrame({"subject": ["a"], "code": ["x"], "t2": ["late"], "area": ["north"]})
    found = read.values(table)
    assert found.unknown == ("code", "t2", "area")
    assert found.doubts == ()
    assert found.table["subject"].tolist() == ["a"]
