import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.review import (
    Screening,
    asreview_table,
    import_asreview,
    import_rayyan,
    rayyan_table,
    tidy_records,
)


@pytest.fixture
def empty(tmp_path):
    return lambda name: Screening(
        tmp_path / name,
        records=tidy_records(
            [{"title": f"Title number {i}", "doi": f"10.1234/{i}"} for i in range(4)], database="X"
        ),
    )


def filled(screening):
    a, b, c, _ = screening.records()["record"]
    for record, pair in (
        (a, ("include", "include")),
        (b, ("exclude", "exclude")),
        (c, ("maybe", "exclude")),
    ):
        for person, decision in zip(("AB", "C. D"), pair, strict=True):
            reason = "no bone" if decision == "exclude" else ""
            screening.decide(
                record, decision, stage="title_abstract", reviewer=person, reason=reason
            )
    return screening


def test_what_goes_to_rayyan_comes_back(empty, tmp_path):
    mine = filled(empty("a.sqlite"))
    rayyan_table(mine).to_csv(tmp_path / "articles.csv", index=False)
    other = empty("b.sqlite")
    assert import_rayyan(tmp_path / "articles.csv", other) == 6
    pd.testing.assert_frame_equal(mine.status("title_abstract"), other.status("title_abstract"))


def test_an_export_brought_back_changes_nothing(empty, tmp_path):
    mine = filled(empty("a.sqlite"))
    conflict = mine.records()["record"][2]
    mine.adjudicate(conflict, "include", stage="title_abstract", adjudicator="Third")
    rayyan_table(mine).to_csv(tmp_path / "articles.csv", index=False)
    before = mine.history()
    assert import_rayyan(tmp_path / "articles.csv", mine) == 0
    pd.testing.assert_frame_equal(mine.history(), before)


def test_rayyan_notes_are_read_as_rayyan_writes_them(empty, tmp_path):
    path = tmp_path / "articles.csv"
    path.write_text(
        "key,title,notes\n"
        'rayyan-1,Title number 0,"RAYYAN-INCLUSION: {""Ana""=>""Included"", ""Bo""=>""Excluded""} '
        '| RAYYAN-LABELS: ct | RAYYAN-EXCLUSION-REASONS: wrong population,foreign language"\n'
        "rayyan-2,Title number 1,\n"
    )
    screening = empty("a.sqlite")
    assert import_rayyan(path, screening) == 2
    history = screening.history()
    assert history["person"].tolist() == ["Ana", "Bo"]
    assert history["reason"].tolist() == ["", "wrong population,foreign language"]


def test_what_goes_to_asreview_comes_back(empty, tmp_path):
    table = asreview_table(filled(empty("a.sqlite")))
    assert table["included"].tolist() == [1, 0, pd.NA, pd.NA]
    table.rename(columns={"included": "asreview_label"}).to_csv(tmp_path / "a.csv", index=False)
    other = empty("b.sqlite")
    assert import_asreview(tmp_path / "a.csv", other, reviewer="AB") == 2
    assert other.status("title_abstract")["first"].tolist() == ["include", "exclude", "", ""]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title,included\nTitle number 0,2\n", "row 2: included is 1, 0 or empty"),
        ("title,included\nTitle number 0,1\nStranger,1\n", "row 3: 'Stranger' is no record"),
        ("title,x\nTitle number 0,1\n", "none of the columns"),
    ],
)
def test_a_table_that_does_not_fit_is_refused_and_nothing_added(empty, tmp_path, text, message):
    path = tmp_path / "a.csv"
    path.write_text(text)
    screening = empty("a.sqlite")
    with pytest.raises(InputError, match=message):
        import_asreview(path, screening, reviewer="AB")
    assert screening.history().empty


def test_an_import_refused_halfway_adds_nothing(empty, tmp_path):
    screening = filled(empty("a.sqlite"))
    path = tmp_path / "a.csv"
    # The last record is free, the first has its two reviewers.
    path.write_text("title,included\nTitle number 3,1\nTitle number 0,1\n")
    with pytest.raises(InputError, match="have screened"):
        import_asreview(path, screening, reviewer="EF")
    assert len(screening.history()) == 6
