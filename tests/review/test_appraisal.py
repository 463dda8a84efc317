import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.review import INSTRUMENTS, JBI_BANDS, appraise, instrument, rating_form


def ratings(key, answers, *, studies=("Smith 2020",), raters=("AB", "CD")):
    items = [item.key for item in instrument(key).items]
    return pd.DataFrame(
        [
            (study, item, rater, answer)
            for study in studies
            for rater in raters
            for item, answer in zip(items, answers, strict=True)
        ],
        columns=["study", "item", "rater", "answer"],
    )


def changed(table, item, rater, answer):
    table = table.copy()
    table.loc[(table["item"] == item) & (table["rater"] == rater), "answer"] = answer
    return table


@pytest.mark.parametrize(
    ("key", "n"),
    [
        ("jbi_cross_sectional", 8),
        ("jbi_case_control", 10),
        ("jbi_cohort", 11),
        ("rob2", 5),
        ("robins_i", 7),
        ("quadas2", 7),
    ],
)
def test_instruments_have_their_published_number_of_items(key, n):
    assert len(INSTRUMENTS[key].items) == n


def test_percent_yes_leaves_out_what_does_not_apply():
    found = appraise(
        ratings("jbi_cross_sectional", ["yes"] * 5 + ["no", "unclear", "not applicable"]),
        "jbi_cross_sectional",
        bands=JBI_BANDS,
    )
    assert found.percent_yes == {"Smith 2020": pytest.approx(100 * 5 / 7)}
    assert found.overall == {"Smith 2020": "low"}


def test_jbi_gives_no_overall_judgement_unless_asked():
    found = appraise(ratings("jbi_cross_sectional", ["yes"] * 8), "jbi_cross_sectional")
    assert found.overall == {}


def test_the_worst_domain_is_the_whole():
    low = ratings("rob2", ["low"] * 5)
    assert appraise(low, "rob2").overall == {"Smith 2020": "low"}
    some = ratings("rob2", ["low", "some concerns", "low", "low", "low"])
    assert appraise(some, "rob2").overall == {"Smith 2020": "some concerns"}
    robins = ratings("robins_i", ["low", "no information", "moderate", *["low"] * 3, "serious"])
    assert appraise(robins, "robins_i").overall == {"Smith 2020": "serious"}


def test_people_may_judge_the_whole_otherwise():
    own = pd.DataFrame(
        [("Smith 2020", "overall", rater, "high") for rater in ("AB", "CD")],
        columns=["study", "item", "rater", "answer"],
    )
    table = pd.concat([ratings("rob2", ["some concerns"] * 5), own])
    assert appraise(table, "rob2").overall == {"Smith 2020": "high"}


def test_a_difference_stays_open_until_consensus():
    table = changed(ratings("rob2", ["low"] * 5), "D2", "CD", "high")
    found = appraise(table, "rob2")
    assert found.disagreements[["item", "AB", "CD"]].to_numpy().tolist() == [["D2", "low", "high"]]
    assert found.answers.loc["Smith 2020", "D2"] == ""
    assert found.overall == {"Smith 2020": ""}
    assert found.agreement.observed == pytest.approx(4 / 5)
    agreed = pd.DataFrame([("Smith 2020", "D2", "consensus", "high")], columns=table.columns)
    settled = appraise(pd.concat([table, agreed]), "rob2")
    assert settled.disagreements.empty
    assert settled.overall == {"Smith 2020": "high"}
    # Agreement is that of the two, not of the consensus.
    assert settled.agreement == found.agreement


def test_the_order_of_ratings_does_not_change_the_result():
    table = ratings("quadas2", ["low", "high", *["unclear"] * 5], studies=("A 1", "B 2"))
    one, other = appraise(table, "quadas2"), appraise(table.iloc[::-1], "quadas2")
    pd.testing.assert_frame_equal(one.answers, other.answers.loc[one.answers.index])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda t: changed(t, "D1", "AB", "yes"),
            "rating 1, Smith 2020, item D1: 'yes' is no answer",
        ),
        (lambda t: t.assign(item=t["item"].replace("D1", "D9")), "no item 'D9'"),
        (lambda t: pd.concat([t, t.iloc[:1]]), "AB rated Smith 2020, item D1 twice"),
        (lambda t: t[t["item"] != "D4"], "item D4 is not rated"),
        (lambda t: pd.concat([t, t.iloc[:5].assign(rater="EF")]), "two people rate, got 3"),
        (lambda t: t.drop(columns="rater"), "no column 'rater'"),
    ],
)
def test_ratings_that_do_not_fit_are_refused(spoil, message):
    with pytest.raises(InputError, match=message):
        appraise(spoil(ratings("rob2", ["low"] * 5)), "rob2")


def test_bands_are_for_jbi_only():
    with pytest.raises(InputError, match="for JBI checklists"):
        appraise(ratings("rob2", ["low"] * 5), "rob2", bands=JBI_BANDS)


def test_an_empty_form_has_every_item_of_every_study():
    form = rating_form(["A 1", "B 2"], "jbi_cohort", rater="AB")
    assert len(form) == 22
    with pytest.raises(InputError, match="is no answer"):
        appraise(form.assign(answer="x"), "jbi_cohort")
