import csv
import datetime as dt

import pytest

from enthesis.errors import InputError
from enthesis.review import check_sheet, differences, read_extraction, settle, write_template
from enthesis.review.extraction_columns import COLUMNS

openpyxl = pytest.importorskip("openpyxl")

ROW = {
    "study": "Smith 2020",
    "sample": "all",
    "study_n": "120",
    "outcome": "CSA",
    "measurement": "raw area",
    "muscle": "psoas major",
    "side": "both",
    "level": "L4",
    "group": "Control",
    "n": "60",
    "mean": "8.9",
    "sd": "1.9",
    "unit": "cm2",
    "age": "66.5",
}
OP = ROW | {"group": "OP", "mean": "780", "sd": "180", "unit": "mm2"}


def sheet(path, *rows):
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        writer.writerows(rows)
    return path


def workbook(path, *rows):
    write_template(path)
    book = openpyxl.load_workbook(path)
    for row in rows:
        book["extraction"].append([row.get(name, "") for name in COLUMNS])
    book.save(path)
    return book


def problems(path):
    found = check_sheet(path).problems
    return list(zip(found["row"], found["column"], found["problem"], strict=True))


def test_square_centimetres_become_square_millimetres(tmp_path):
    table = read_extraction(sheet(tmp_path / "a.csv", ROW, OP))
    assert table["mean"].tolist() == pytest.approx([890, 780])
    assert table["sd"].tolist() == pytest.approx([190, 180])
    assert table["unit"].tolist() == ["mm2", "mm2"]
    assert table["unit_as_extracted"].tolist() == ["cm2", "mm2"]
    assert table["worse"].tolist() == ["lower", "lower"]


def test_a_fraction_of_fat_becomes_percent_and_attenuation_turns_round(tmp_path):
    fat = ROW | {
        "outcome": "FI",
        "measurement": "MRI FI",
        "unit": "fraction",
        "mean": "0.2",
        "sd": "0.05",
    }
    hu = ROW | {"outcome": "FI", "measurement": "CT density", "unit": "HU", "mean": "35", "sd": "9"}
    table = read_extraction(sheet(tmp_path / "a.csv", fat, hu))
    assert table["mean"].tolist() == pytest.approx([20, 35])
    assert table["worse"].tolist() == ["higher", "lower"]


def test_a_workbook_and_a_csv_say_the_same(tmp_path):
    workbook(tmp_path / "a.xlsx", ROW, OP)
    one = read_extraction(tmp_path / "a.xlsx")
    other = read_extraction(sheet(tmp_path / "a.csv", ROW, OP))
    assert differences(one, other).empty


@pytest.mark.parametrize(
    ("change", "column", "words"),
    [
        ({"mean": "8,9"}, "mean", "decimal comma; write 8.9"),
        ({"sd": "0"}, "sd", "an SD is above 0, not 0"),
        ({"sd": "-1.5"}, "sd", "an SD is above 0"),
        ({"n": "121"}, "n", "the group has 121 people, the whole sample only 120"),
        ({"n": "10.5"}, "n", "no whole number"),
        ({"n": ""}, "n", "is empty"),
        ({"mean": "8.9 ± 1"}, "mean", "is no number"),
        ({"mean": "nan"}, "mean", "is no number"),
        ({"muscle": "multifidous"}, "muscle", "do you mean 'multifidus'"),
        ({"unit": "%%"}, "unit", "unknown unit"),
        ({"unit": "HU"}, "unit", "CSA is not measured in HU"),
        ({"age": "665"}, "age", "not between 0 and 120"),
        ({"side": "Left side"}, "side", "unknown side"),
    ],
)
def test_a_bad_cell_is_named_by_row_and_column(tmp_path, change, column, words):
    (found,) = problems(sheet(tmp_path / "a.csv", OP, ROW | change))
    assert found[:2] == (3, column)
    assert words in found[2]
    with pytest.raises(InputError, match=f"row 3, {column}"):
        read_extraction(tmp_path / "a.csv")


def test_the_same_effect_twice_is_named_with_both_rows(tmp_path):
    assert problems(sheet(tmp_path / "a.csv", ROW, OP, ROW | {"mean": "9"})) == [
        (4, "", "the same effect stands in row 2")
    ]


def test_groups_that_are_more_than_the_study_are_named(tmp_path):
    ((row, column, text),) = problems(sheet(tmp_path / "a.csv", ROW, OP | {"n": "61"}))
    assert (row, column) == (2, "n")
    assert "60 Control + 61 OP" in text
    # Merged groups overlap with their parts.
    read_extraction(sheet(tmp_path / "b.csv", ROW, OP, OP | {"group": "OP&OPN"}))


def test_sides_are_complete_and_of_the_same_people(tmp_path):
    left, right = ROW | {"side": "left"}, ROW | {"side": "right", "n": "59"}
    assert problems(sheet(tmp_path / "a.csv", left, right))[0][:2] == (3, "n")
    assert problems(sheet(tmp_path / "b.csv", left, ROW))[0][:2] == (3, "side")
    alone = read_extraction(sheet(tmp_path / "c.csv", left))
    assert alone["flags"].tolist() == ["only the left side"]


def test_sample_data_are_the_same_in_every_row(tmp_path):
    ((row, column, text),) = problems(sheet(tmp_path / "a.csv", ROW, OP | {"age": "70"}))
    assert (row, column) == (3, "age")
    assert "differs from row 2" in text


def test_units_that_cannot_be_compared_are_named(tmp_path):
    relative = OP | {"unit": "%", "mean": "60", "sd": "9"}
    assert problems(sheet(tmp_path / "a.csv", ROW, relative))[0][:2] == (3, "unit")


def test_all_problems_are_listed_at_once(tmp_path):
    found = problems(
        sheet(tmp_path / "a.csv", ROW, ROW, OP | {"sd": "0"}, OP | {"mean": "7,8", "muscle": "x"})
    )
    assert [(row, column) for row, column, _ in found] == [
        (3, ""),
        (4, "sd"),
        (5, "mean"),
        (5, "muscle"),
    ]


def test_merged_cells_and_dates_of_a_workbook_are_named(tmp_path):
    path = tmp_path / "a.xlsx"
    book = workbook(path, ROW, OP)
    book["extraction"].merge_cells("A2:A3")
    book.save(path)
    found = problems(path)
    assert (2, "study", "cells A2:A3 are merged; unmerge them and fill in every one") in found
    book = workbook(path, ROW, OP)
    book["extraction"]["H2"] = dt.date(2025, 5, 4)  # L4/5 became 4 May.
    book.save(path)
    assert (2, "level") in [one[:2] for one in problems(path)]


def test_doubtful_values_are_flagged(tmp_path):
    small = ROW | {"unit": "mm2"}
    narrow = OP | {"sd": "12"}
    table = read_extraction(sheet(tmp_path / "a.csv", small, narrow))
    assert "is it in cm2?" in table["flags"].iloc[0]
    assert "standard error" in table["flags"].iloc[1]


def test_a_sheet_without_the_templates_columns_is_refused(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("study,mean\nA,1\n")
    with pytest.raises(InputError, match="no column 'sample'"):
        check_sheet(path)
    path.write_text(",".join(COLUMNS) + ",extra\n")
    with pytest.raises(InputError, match="no column 'extra'"):
        check_sheet(path)


def test_the_template_checks_what_is_typed(tmp_path):
    write_template(tmp_path / "t.xlsx")
    sheet_ = openpyxl.load_workbook(tmp_path / "t.xlsx")["extraction"]
    assert [cell.value for cell in sheet_[1]] == list(COLUMNS)
    kinds = {str(rule.sqref)[0]: rule.type for rule in sheet_.data_validations.dataValidation}
    assert (kinds["F"], kinds["J"], kinds["K"]) == ("list", "whole", "decimal")


def test_differences_are_listed_and_settled_by_a_third(tmp_path):
    first = read_extraction(sheet(tmp_path / "a.csv", ROW, OP))
    same = ROW | {"mean": "890", "sd": "190", "unit": "mm2"}
    others = OP | {"n": "50"}, OP | {"group": "OPN", "n": "10"}
    second = read_extraction(sheet(tmp_path / "b.csv", same, *others))
    found = differences(first, second)
    assert found[["group", "column", "first", "second"]].to_numpy().tolist() == [
        ["OP", "n", "60", "50"],
        ["OPN", "", "(no such row)", "present"],
    ]
    with pytest.raises(InputError, match="decide 'first' or 'second'"):
        settle(first, second, found)
    settled = settle(first, second, found.assign(decided=["second", "first"]))
    assert settled["n"].tolist() == [60, 50]
    assert settle(second, second, differences(second, second)).shape == second.shape
