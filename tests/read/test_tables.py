from __future__ import annotations

import numpy as np
import pytest

from enthesis import read
from enthesis.errors import InputError


def write(folder, text, *, name="effects.csv", encoding="utf-8"):
    path = folder / name
    path.write_bytes(text.encode(encoding))
    return path


def test_rows_are_numbered_as_a_spreadsheet_shows_them(tmp_path):
    frame = read.table(write(tmp_path, "study,yi,vi\nA,0.5,0.1\n\nB,-1,.2\n"))
    assert list(frame.index) == [2, 4]
    assert frame.index.name == "row"
    assert frame.loc[4, "yi"] == -1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a,b\n1,2\n"),
        ("t.csv", "a;b\n1;2\n"),
        ("t.tsv", "a\tb\n1\t2\n"),
        ("t.csv", "\ufeffa,b\r\n1,2\r\n"),
        ("t.csv", '"a","b"\n"1","2"\n'),
        ("t.csv", "a,b,,\n1,2,,\n"),
    ],
)
def test_the_same_table_in_other_clothes_reads_the_same(name, text, tmp_path):
    frame = read.table(write(tmp_path, text, name=name))
    assert list(frame.columns) == ["a", "b"]
    assert frame.loc[2].tolist() == [1, 2]


def test_columns_are_numbers_only_where_every_filled_cell_is_one(tmp_path):
    text = "n,mean,code,name,minus,gap\n3,1e-2,007,x,\u22121.5,NA\n4,2.,010,7,2,3\n"
    frame = read.table(write(tmp_path, text))
    assert frame["n"].dtype == np.int64
    assert frame["mean"].tolist() == [0.01, 2.0]
    assert frame["code"].tolist() == ["007", "010"]
    assert frame["name"].tolist() == ["x", "7"]
    assert frame["minus"].tolist() == [-1.5, 2]
    assert np.isnan(frame.loc[2, "gap"])
    assert frame.loc[3, "gap"] == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,b\n", "no data below"),
        ("a,b\n1,2\n1\n", "row 3 has 1 cells where the names in row 1 have 2"),
        ("a,b\n1,2,3\n", "row 2 has 3 cells"),
        ("a,a\n1,2\n", "'a' occurs 2 times"),
        ("a,\n1,2\n", "column 2 has no name"),
        ("\na,b\n1,2\n", "row 1 is empty"),
        ("a;b\n1,5;2\n", "row 2, column 'a' reads '1,5': decimal commas"),
        ('a,b\n"1,5",2\n', "decimal commas"),
        ('a,b\n"1,2\n', "unexpected end of data"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(text, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read.table(write(tmp_path, text))


def test_other_encodings_and_workbooks_are_refused_with_what_to_do(tmp_path):
    with pytest.raises(InputError, match=r"row 2 is not UTF-8 text .*save the table as CSV UTF-8"):
        read.table(write(tmp_path, "study,yi\nMüller,1\n", encoding="latin-1"))
    with pytest.raises(InputError, match="save the table as CSV UTF-8"):
        read.table(write(tmp_path, "study,yi\nA,1\n", encoding="utf-16"))
    (tmp_path / "t.xlsx").write_bytes(b"PK\x03\x04")
    with pytest.raises(InputError, match="is a workbook"):
        read.table(tmp_path / "t.xlsx")
    with pytest.raises(InputError, match="is a folder"):
        read.table(tmp_path)
    with pytest.raises(InputError, match="no file or folder"):
        read.table(tmp_path / "absent.csv")
