import sqlite3
import subprocess
import sys

import pytest

from enthesis.errors import InputError
from enthesis.review import Screening, tidy_records


def entries(n):
    return tidy_records(
        [{"title": f"Title {i}", "doi": f"10.1234/{i}", "year": "2020"} for i in range(n)],
        database="X",
    )


@pytest.fixture
def screening(tmp_path):
    return Screening(tmp_path / "screening.sqlite", records=entries(6))


def names(screening):
    return screening.records()["record"].tolist()


def outcomes(screening, stage="title_abstract"):
    return screening.status(stage)["outcome"].tolist()


def both(screening, record, first, second, stage="title_abstract", **more):
    screening.decide(record, first, stage=stage, reviewer="AB", **more)
    screening.decide(record, second, stage=stage, reviewer="CD", **more)


def test_two_decisions_settle_or_conflict(screening):
    a, b, c, d, e, _ = names(screening)
    both(screening, a, "include", "include")
    both(screening, b, "exclude", "exclude")
    both(screening, c, "include", "exclude")
    both(screening, d, "maybe", "include")
    screening.decide(e, "exclude", stage="title_abstract", reviewer="AB")
    assert outcomes(screening) == [
        "included",
        "excluded",
        "conflict",
        "included",
        "awaiting second",
        "unscreened",
    ]


def test_a_third_person_settles_a_conflict(screening):
    a = names(screening)[0]
    both(screening, a, "include", "exclude")
    screening.adjudicate(a, "exclude", stage="title_abstract", adjudicator="EF", reason="no bone")
    assert outcomes(screening)[0] == "excluded"
    assert screening.reasons("title_abstract") == {"no bone": 1}


def test_a_changed_mind_replaces_but_is_never_lost(screening):
    a = names(screening)[0]
    both(screening, a, "include", "exclude")
    screening.decide(a, "include", stage="title_abstract", reviewer="CD")
    assert outcomes(screening)[0] == "included"
    assert screening.history()["decision"].tolist() == ["include", "exclude", "include"]


def test_kappa_is_of_the_first_decisions(screening):
    for record, pair in zip(
        names(screening),
        (
            ("include", "include"),
            ("maybe", "include"),
            ("exclude", "exclude"),
            ("include", "exclude"),
        ),
        strict=False,
    ):
        both(screening, record, *pair)
    # Alike in 3 of 4; by chance 3/4 * 2/4 + 1/4 * 2/4 = 0.5.
    assert screening.agreement("title_abstract").kappa == pytest.approx(0.5)
    screening.decide(names(screening)[3], "include", stage="title_abstract", reviewer="CD")
    assert screening.agreement("title_abstract").kappa == pytest.approx(0.5)


def test_full_text_asks_for_a_reason_and_for_a_record_that_passed(screening):
    a, b, *_ = names(screening)
    with pytest.raises(InputError, match="unscreened by title and abstract"):
        screening.decide(a, "include", stage="full_text", reviewer="AB")
    both(screening, a, "include", "include")
    with pytest.raises(InputError, match="needs its reason"):
        screening.decide(a, "exclude", stage="full_text", reviewer="AB")
    both(screening, a, "exclude", "exclude", stage="full_text", reason="wrong comparator")
    assert screening.status("full_text")["record"].tolist() == [a]
    assert screening.reasons("full_text") == {"wrong comparator": 1}
    assert b not in screening.status("full_text")["record"].tolist()


@pytest.mark.parametrize(
    ("act", "message"),
    [
        (lambda s, r: s.decide(r, "include", stage="title_abstract", reviewer="EF"), "adjudicate"),
        (
            lambda s, r: s.decide("x", "include", stage="title_abstract", reviewer="AB"),
            "no record 'x'",
        ),
        (lambda s, r: s.decide(r, "yes", stage="title_abstract", reviewer="AB"), "not 'yes'"),
        (lambda s, r: s.decide(r, "include", stage="abstract", reviewer="AB"), "not 'abstract'"),
        (lambda s, r: s.decide(r, "include", stage="title_abstract", reviewer=" "), "who decided"),
        (
            lambda s, r: s.adjudicate(r, "include", stage="title_abstract", adjudicator="AB"),
            "one of the two",
        ),
        (
            lambda s, r: s.adjudicate(r, "maybe", stage="title_abstract", adjudicator="EF"),
            "settles nothing",
        ),
        (
            lambda s, r: s.adjudicate(
                names(s)[1], "include", stage="title_abstract", adjudicator="EF"
            ),
            "no conflict",
        ),
    ],
)
def test_what_would_spoil_the_record_is_refused(screening, act, message):
    record = names(screening)[0]
    both(screening, record, "include", "exclude")
    with pytest.raises(InputError, match=message):
        act(screening, record)
    assert len(screening.history()) == 2


def test_decisions_cannot_be_changed_behind_its_back(screening):
    both(screening, names(screening)[0], "include", "include")
    connection = sqlite3.connect(screening.path)
    for statement in ("DELETE FROM decisions", "UPDATE decisions SET decision = 'exclude'"):
        with pytest.raises(sqlite3.IntegrityError, match="decisions are never"):
            connection.execute(statement)
    connection.close()


def test_records_of_a_later_search_are_added_and_decisions_stay(screening):
    both(screening, names(screening)[0], "include", "include")
    again = Screening(screening.path, records=entries(8))
    assert len(again.records()) == 8
    assert outcomes(again)[0] == "included"


def test_another_file_is_refused(tmp_path):
    path = tmp_path / "notes.sqlite"
    path.write_text("no database, only a long enough text" * 50)
    with pytest.raises(InputError, match="no screening file"):
        Screening(path)
    with pytest.raises(InputError, match="begin one"):
        Screening(tmp_path / "none.sqlite")


PERSON = """
import sys, time, pathlib
from enthesis.errors import InputError
from enthesis.review import Screening
path, person, go = sys.argv[1:]
screening = Screening(path)
records = screening.records()["record"].tolist()
print("ready", flush=True)
while not pathlib.Path(go).exists():
    time.sleep(0.001)
refused = 0
for record in records:
    try:
        screening.decide(record, "include", stage="title_abstract", reviewer=person)
    except InputError:
        refused += 1
print(refused)
"""


def screen_at_once(path, people):
    """Every person in a process of the own, all set off together; decisions refused to each."""
    go = path.with_name("go")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", PERSON, str(path), person, str(go)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for person in people
    ]
    for one in processes:
        assert one.stdout.readline() == "ready\n"
    go.touch()
    outputs = [one.communicate(timeout=120)[0] for one in processes]
    go.unlink()
    assert [one.returncode for one in processes] == [0] * len(people)
    return [int(text) for text in outputs]


def test_people_who_decide_at_once_lose_no_decision(tmp_path):
    path = tmp_path / "screening.sqlite"
    Screening(path, records=entries(60))
    assert screen_at_once(path, ["AB", "CD"]) == [0, 0]
    found = Screening(path)
    assert len(found.history()) == 2 * 60
    assert set(outcomes(found)) == {"included"}
    assert [p.name for p in tmp_path.iterdir()] == ["screening.sqlite"]


def test_never_more_than_two_reviewers_win_a_race_for_a_record(tmp_path):
    path = tmp_path / "screening.sqlite"
    Screening(path, records=entries(25))
    refused = screen_at_once(path, ["P1", "P2", "P3", "P4"])
    counts = Screening(path).history().groupby("record").size()
    assert set(counts) == {2}
    assert sum(refused) == 25 * 2
