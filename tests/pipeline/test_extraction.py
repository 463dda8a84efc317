import csv

import numpy as np
import pytest

from enthesis.errors import InputError
from enthesis.pipeline.extraction import extracted_effects
from enthesis.review import read_extraction
from enthesis.review.extraction_columns import COLUMNS

BASE = {
    "study": "Smith 2020",
    "sample": "all",
    "study_n": "100",
    "outcome": "CSA",
    "measurement": "raw area",
    "muscle": "multifidus",
    "side": "both",
    "level": "L4",
    "unit": "mm2",
}


def arm(group, n, mean, sd, **more):
    return BASE | {"group": group, "n": str(n), "mean": str(mean), "sd": str(sd)} | more


GROUPS = (arm("Control", 40, 900, 100), arm("OPN", 30, 850, 110), arm("OP", 30, 800, 120))


@pytest.fixture
def extracted(tmp_path):
    def read(*rows):
        path = tmp_path / "sheet.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, restval="")
            writer.writeheader()
            writer.writerows(rows)
        return read_extraction(path)

    return read


def test_less_muscle_and_more_fat_are_both_worse(extracted):
    fat = {"outcome": "FI", "measurement": "MRI FI", "unit": "%"}
    made = extracted_effects(
        extracted(
            GROUPS[0], GROUPS[2], arm("Control", 40, 20, 5, **fat), arm("OP", 30, 25, 5, **fat)
        ),
        measure="MD",
    )
    assert made["yi"].tolist() == pytest.approx([100, 5])
    assert made["yi_as_extracted"].tolist() == pytest.approx([-100, 5])
    assert made["reversed"].tolist() == [True, False]


def test_three_groups_give_three_comparisons_that_say_what_they_share(extracted):
    made = extracted_effects(extracted(*GROUPS))
    assert made["comparison"].tolist() == ["OP vs Control", "OPN vs Control", "OP vs OPN"]
    assert made["arm2_uses"].tolist() == [2, 2, 2]
    assert made["n2i"].tolist() == [40, 40, 30]
    split = extracted_effects(extracted(*GROUPS), shared="split")
    assert split["n2i"].tolist() == [20, 20, 30]


def test_sides_are_averaged_with_their_correlation(extracted):
    left = arm("OP", 30, 790, 100, side="left")
    right = arm("OP", 30, 810, 120, side="right")
    sheet = extracted(GROUPS[0], left, right)
    made = extracted_effects(sheet, side_correlation=0.8)
    assert made["m1i"].tolist() == [800]
    # Half the root of 100² + 120² + 2 * 0.8 * 100 * 120.
    assert made["sd1i"][0] == pytest.approx(np.sqrt(10000 + 14400 + 19200) / 2)
    assert made["sides"].tolist() == ["averaged"]
    with pytest.raises(InputError, match="Smith 2020 reports left and right apart"):
        extracted_effects(sheet)


def test_merged_groups_are_made_from_their_parts(extracted):
    made = extracted_effects(extracted(*GROUPS), reconstruct=("Non-OP", "OP&OPN"))
    row = made.set_index("comparison").loc["OP vs Non-OP"]
    # 40 people at 900 (SD 100) and 30 at 850 (SD 110) as one sample.
    mean = (40 * 900 + 30 * 850) / 70
    squares = 39 * 100**2 + 29 * 110**2 + 40 * (900 - mean) ** 2 + 30 * (850 - mean) ** 2
    assert (row["n2i"], row["m2i"]) == (70, pytest.approx(mean))
    assert row["sd2i"] == pytest.approx(np.sqrt(squares / 69))
    assert row["reconstructed"] == "Non-OP"
    assert len(made) == 5


def test_a_reported_merged_group_is_not_made_again(extracted):
    made = extracted_effects(
        extracted(*GROUPS, arm("Non-OP", 70, 880, 105)), reconstruct=("Non-OP",)
    )
    row = made.set_index("comparison").loc["OP vs Non-OP"]
    assert (row["m2i"], row["reconstructed"]) == (880, "")


def test_the_unit_of_area_does_not_change_the_standardised_effect(extracted):
    def in_cm2(row):
        values = {name: str(float(row[name]) / 100) for name in ("mean", "sd")}
        return row | values | {"unit": "cm2"}

    small = [in_cm2(row) for row in GROUPS]
    one, other = extracted_effects(extracted(*GROUPS)), extracted_effects(extracted(*small))
    assert one["yi"].tolist() == pytest.approx(other["yi"].tolist())


def test_a_sheet_without_two_groups_to_compare_is_refused(extracted):
    with pytest.raises(InputError, match="no study has two of the groups"):
        extracted_effects(extracted(GROUPS[0]))
    with pytest.raises(InputError, match="'OP' is not merged"):
        extracted_effects(extracted(*GROUPS), reconstruct=("OP",))
