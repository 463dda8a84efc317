"""A whole table of ratings, long or wide."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cohort.reliability_pins import LARGE_METER, MINI_METER, SHROUT_FLEISS

from enthesis.cohort import ICC, BlandAltman, agree, bland_altman, icc
from enthesis.errors import InputError
from enthesis.records import LONG_COLUMNS, Measurement, long_table


def wide():
    frame = pd.DataFrame(SHROUT_FLEISS, columns=list("ABCD"))
    return frame.assign(subject=range(1, 7))


def long():
    """The same ratings a row each, as measured areas of one muscle, and a second quantity."""
    rows = []
    for subject, ratings in enumerate(SHROUT_FLEISS, start=1):
        for rater, value in zip("ABCD", ratings, strict=True):
            rows.append((subject, rater, "area", float(value), "mm2", "psoas_major"))
            rows.append((subject, rater, "attenuation_mean", 50.0, "HU", "psoas_major"))
    columns = ["subject", "rater", "quantity", "value", "unit", "region"]
    return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(2, len(rows) + 2, name="row"))


def test_long_and_wide_tables_give_what_the_single_functions_give():
    expected = icc(SHROUT_FLEISS, form="ICC(2,1)")
    from_wide = agree(wide(), raters=list("ABCD")).quantities[0]
    from_long = agree(long()).quantities[0]
    for one in (from_wide, from_long):
        assert one.statistics[0] == expected
        assert one.raters == ("A", "B", "C", "D")
        assert len(one.pairs) == 6
    assert (from_long.name, from_long.unit) == ("area · psoas_major", "mm2")


def test_shuffling_the_rows_of_a_long_table_changes_nothing():
    shuffled = agree(long().sample(frac=1, random_state=1)).to_frame()
    kept = agree(long()).to_frame()
    one = shuffled[(shuffled["quantity"] == "area") & (shuffled["statistic"] == "ICC(2,1)")]
    same = kept[(kept["quantity"] == "area") & (kept["statistic"] == "ICC(2,1)")]
    assert one["estimate"].item() == pytest.approx(same["estimate"].item())


def test_a_constant_quantity_is_named_with_the_reason_and_stops_no_other():
    constant = agree(long()).quantities[1]
    assert constant.skipped["ICC(2,1)"].startswith("every rating is 50")
    limits = next(s for s in constant.pairs[0].statistics if isinstance(s, BlandAltman))
    assert (limits.bias, limits.sd) == (0, 0)
    assert "every value of the first measurement is 50" in constant.pairs[0].skipped["concordance"]


def test_the_long_table_of_measurements_is_read_as_it_is_with_sessions_for_raters():
    rng = np.random.default_rng(1)
    tables = []
    for subject in ("s1", "s2", "s3", "s4"):
        for session in ("first", "second"):
            one = Measurement(
                quantity="area", value=rng.normal(900, 90), region="psoas_major", side="left"
            )
            tables.append(long_table([one], subject=subject, session=session))
    table = pd.concat(tables, ignore_index=True)
    assert tuple(table.columns) == LONG_COLUMNS
    found = agree(table).quantities[0]
    assert found.raters == ("first", "second")
    assert found.key == {
        "quantity": "area",
        "region": "psoas_major",
        "side": "left",
        "level": "",
        "method": "",
    }


def test_methods_are_compared_when_they_are_the_raters():
    table = long().assign(method=lambda t: t["rater"].map(lambda r: f"method {r}"))
    found = agree(table.drop(columns="rater"), rater="method").quantities
    assert found[0].raters[0] == "method A"
    assert "method" not in found[0].key


def test_two_raters_have_limits_and_concordance_in_the_frame():
    table = pd.DataFrame({"subject": range(17), "large": LARGE_METER, "mini": MINI_METER})
    frame = agree(table, raters=["large", "mini"]).to_frame().set_index("statistic")
    expected = bland_altman(LARGE_METER, MINI_METER)
    assert frame.loc["Bias", "estimate"] == expected.bias
    assert frame.loc["Upper limit of agreement", "ci_upper"] == expected.upper_limit_upper
    assert frame.loc["Bias", "raters"] == "large - mini"
    assert frame.loc["ICC(2,1)", "band"] == "good to excellent"


def test_grades_have_weighted_kappas_and_categories_have_fleiss():
    grades = pd.DataFrame(
        {"subject": range(6), "A": [0, 1, 2, 3, 1, 0], "B": [0, 1, 2, 2, 1, 1], "C": [0] * 5 + [1]}
    )
    ordinal = agree(grades, raters=["A", "B", "C"], kind="ordinal").to_frame()
    assert {"Cohen kappa, linear weights", "Krippendorff alpha", "Percent agreement"} <= set(
        ordinal["statistic"]
    )
    words = grades.replace({0: "none", 1: "mild", 2: "severe", 3: "worst"})
    nominal = agree(words, raters=["A", "B", "C"], kind="nominal").to_frame()
    assert "Fleiss kappa" in set(nominal["statistic"])
    with pytest.raises(InputError, match=r"reads 'none', not a number.* kind 'nominal'"):
        agree(words, raters=["A", "B", "C"])


def test_a_missing_rating_leaves_the_subject_out_where_all_are_needed():
    table = long()
    gap = table.drop(index=table.index[0])
    found = next(one for one in agree(gap).quantities if one.key["quantity"] == "area")
    statistic = next(s for s in found.statistics if isinstance(s, ICC))
    assert statistic.n_subjects == 5
    assert "1 of 6 subjects lacks a rating and was left out" in statistic.notes


def test_a_rating_that_occurs_twice_is_refused_with_its_rows():
    table = long()
    doubled = pd.concat([table, table.iloc[[4]].rename({6: 99})])
    with pytest.raises(
        InputError, match=r"subject 1, rater C occurs 2 times for area, psoas_major \(rows 6, 99"
    ):
        agree(doubled)
    twice = pd.concat([wide(), wide().iloc[[2]]], ignore_index=True)
    with pytest.raises(InputError, match=r"subject 3 occurs 2 times \(rows 2, 6\)"):
        agree(twice, raters=list("ABCD"))


@pytest.mark.parametrize(
    ("change", "options", "said"),
    [
        (lambda t: t[t["rater"] == "A"], {}, r"two or more raters .* got 1 \('A'\)"),
        (lambda t: t.drop(columns="rater"), {}, "no column 'rater' or 'session'"),
        (lambda t: t.drop(columns="value"), {}, "name these columns as raters"),
        (lambda t: t.drop(columns="subject"), {}, "there is no column 'subject'"),
        (lambda t: t, {"by": ["muscle"]}, "there is no column 'muscle'"),
        (lambda t: t, {"kind": "grades"}, "got 'grades'"),
        (lambda t: t.assign(rater=None), {}, "row 2 has no 'rater'"),
        (
            lambda t: t.assign(unit=["mm2", "cm2"] * (len(t) // 2)),
            {"by": ["region"], "rater": "rater"},
            "occurs 2 times",
        ),
        (
            lambda t: t.assign(unit=["mm2", "mm2", "cm2", "cm2"] * (len(t) // 4)),
            {},
            "have the units mm2 and cm2",
        ),
    ],
)
def test_unusable_tables_are_refused_in_a_sentence(change, options, said):
    with pytest.raises(InputError, match=said):
        agree(change(long()), **options)


def test_a_study_is_plain_for_json():
    plain = agree(long()).to_dict()
    assert plain["quantities"][0]["statistics"][0]["statistic"] == "ICC"
    assert "means" not in plain["quantities"][0]["pairs"][0]["statistics"][0]
