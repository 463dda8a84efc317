"""Groups of a cohort: effects, adjusted means, trend, checks, corrections, tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from cohort.group_pins import COHORT, PINS
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from enthesis import cohort
from enthesis.cohort import compare_groups
from enthesis.cohort.differences import noncentrality
from enthesis.cohort.stages import pairings
from enthesis.errors import InputError
from enthesis.records import LONG_COLUMNS

FIVE = ["OP vs Control", "OPN vs Control", "OP vs OPN", "OP vs Non-OP", "OP&OPN vs Control"]
PIN = PINS["groups"]

ROUNDING = 1e-9
"""Both sides compute in doubles; sums are taken in other orders."""


def small(groups=("Control", "OPN", "OP"), n=6, **columns):
    rng = np.random.default_rng(7)
    labels = np.repeat(groups, n)
    return pd.DataFrame(
        {
            "subject": [f"s{i}" for i in range(labels.size)],
            "group": labels,
            "csa": rng.normal(50, 5, labels.size),
            **columns,
        }
    )


# Effects.


def test_g_of_two_small_groups_by_hand():
    first, second = (cohort.describe(x, name=n) for x, n in (([4, 6, 8], "a"), ([1, 3, 5], "b")))
    # Means 6 and 3, both SDs 2: d = 1.5; J with 4 df is gamma(2) / (sqrt(2) gamma(1.5)).
    g = cohort.hedges_g(first, second)
    assert g.estimate == pytest.approx(1.5 / (np.sqrt(2) * np.sqrt(np.pi) / 2))
    assert g.t == pytest.approx(3 / (2 * np.sqrt(2 / 3)))
    # J with 2 df is gamma(1) / gamma(0.5) = 1 / sqrt(pi).
    assert cohort.glass_delta(first, second).estimate == pytest.approx(1.5 / np.sqrt(np.pi))


@pytest.mark.parametrize("pair", PINS["pairs"], ids=["OP-Control", "OPN-OP", "five values"])
def test_g_its_interval_and_welch_are_those_of_r(pair):
    first, second = (cohort.describe(pair[name], name=name) for name in ("first", "second"))
    g, raw = cohort.hedges_g(first, second), cohort.mean_difference(first, second)
    assert g.estimate == pytest.approx(pair["g"], rel=ROUNDING)
    # R's pt with a noncentrality has an absolute accuracy of about 1e-11 in probability.
    assert (g.ci_lower, g.ci_upper) == pytest.approx(pair["ci"], rel=1e-6)
    found = (raw.t, raw.df, raw.p_value, raw.ci_lower, raw.ci_upper)
    assert found == pytest.approx(pair["welch"], rel=ROUNDING)


@settings(max_examples=30, deadline=None)
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(0.01, 100))
def test_standardised_effects_do_not_depend_on_the_unit(shift, scale):
    x, y = np.array([3.0, 5, 9, 12]), np.array([2.0, 4, 4, 8, 10])
    for effect in (cohort.hedges_g, cohort.glass_delta):
        plain = effect(cohort.describe(x, name="x"), cohort.describe(y, name="y"))
        other = effect(
            cohort.describe(scale * x + shift, name="x"),
            cohort.describe(scale * y + shift, name="y"),
        )
        # Values of about 1000 with an SD of 0.03 keep some ten digits of the SD.
        assert other.estimate == pytest.approx(plain.estimate, rel=1e-8)
        assert other.ci_lower == pytest.approx(plain.ci_lower, rel=1e-7)


def test_swapping_the_groups_turns_the_sign_of_g_and_its_interval():
    a, b = cohort.describe([1, 2, 4], name="a"), cohort.describe([3, 6, 7, 9], name="b")
    there, back = cohort.hedges_g(a, b), cohort.hedges_g(b, a)
    assert there.estimate == -back.estimate
    assert there.ci_lower == pytest.approx(-back.ci_upper)


def test_the_interval_of_the_noncentrality_is_where_the_tails_are_half():
    low, high = noncentrality(2.5, 7.0, level=0.9)
    assert stats.nct.sf(2.5, 7, low) == pytest.approx(0.05)
    assert stats.nct.cdf(2.5, 7, high) == pytest.approx(0.05)


def test_groups_without_any_spread_are_refused():
    with pytest.raises(InputError, match="every value of 'a' is 3 and of 'b' 4: without any"):
        cohort.hedges_g(cohort.describe([3, 3], name="a"), cohort.describe([4, 4], name="b"))


def test_glass_delta_without_spread_in_the_second_group_is_refused():
    with pytest.raises(InputError, match=r"every value of 'b' is 0\.1: Glass"):
        cohort.glass_delta(cohort.describe([3, 4], name="a"), cohort.describe([0.1] * 3, name="b"))


def test_a_group_of_one_is_refused():
    with pytest.raises(InputError, match="'a' has 1 subjects with a value; two or more"):
        cohort.mean_difference(
            cohort.describe([3, np.nan], name="a"), cohort.describe([4, 5], name="b")
        )


# Multiplicity.


def test_corrected_p_values_are_those_of_r_p_adjust():
    pin = PINS["multiplicity"]
    assert cohort.holm(pin["p"]) == pytest.approx(pin["holm"], rel=ROUNDING)
    assert cohort.benjamini_hochberg(pin["p"]) == pytest.approx(pin["bh"], rel=ROUNDING)


def test_holm_by_hand_and_a_test_that_was_not_made_does_not_count():
    assert cohort.holm([0.02, np.nan, 0.01]) == pytest.approx([0.02, np.nan, 0.02], nan_ok=True)


def test_a_p_value_above_one_is_refused():
    with pytest.raises(InputError, match=r"between 0 and 1, got 1\.2"):
        cohort.holm([0.1, 1.2])


# Adjusted means.


def pinned_ancova():
    return cohort.ancova(
        COHORT["csa"], COHORT["group"], COHORT[["age", "sex"]], order=["Control", "OPN", "OP"]
    )


def test_adjusted_means_are_those_of_emmeans():
    fit = pinned_ancova()
    assert fit.means == pytest.approx(PIN["means"], rel=ROUNDING)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(PIN["std_errors"], rel=ROUNDING)
    assert fit.ci_lower == pytest.approx(PIN["ci_lower"], rel=ROUNDING)
    assert fit.ci_upper == pytest.approx(PIN["ci_upper"], rel=ROUNDING)
    assert fit.df == PIN["df"]


def test_tests_of_groups_and_of_slopes_are_those_of_car_and_anova():
    fit = pinned_ancova()
    assert (fit.between.f, fit.between.p_value) == pytest.approx(PIN["between"], rel=ROUNDING)
    assert (fit.slopes.f, fit.slopes.p_value) == pytest.approx(PIN["slopes"], rel=ROUNDING)


def test_without_covariates_adjusted_means_are_means_and_f_is_that_of_scipy():
    values = [[1.0, 2, 4], [3.0, 5], [6.0, 7, 9, 12]]
    names = [name for name, x in zip("abc", values, strict=True) for _ in x]
    fit = cohort.ancova(np.concatenate(values), names)
    f, p = stats.f_oneway(*values)
    assert fit.means == pytest.approx([np.mean(x) for x in values])
    assert (fit.between.f, fit.between.p_value) == pytest.approx((f, p))
    assert fit.slopes.df1 == 0


def test_adjustment_by_hand_removes_what_a_covariate_explains():
    # y = 2 age + 3 in b; the ages differ by 10 on average, so plainly the groups differ by 23.
    age = np.array([1.0, 2, 3, 11, 12, 13])
    noise = np.array([0.1, -0.2, 0.1, -0.1, 0.2, -0.1])
    names = ["a"] * 3 + ["b"] * 3
    y = 2 * age + 3 * (np.array(names) == "b") + noise
    fit = cohort.ancova(y, names, pd.DataFrame({"age": age}))
    # The noise has no slope and no mean within either group.
    assert fit.means[1] - fit.means[0] == pytest.approx(3)
    assert fit.covariates == {"age": 7.0}


def test_moving_a_covariate_does_not_move_adjusted_means():
    moved = COHORT[["age", "sex"]].assign(age=COHORT["age"] * 12 + 100)
    fit = cohort.ancova(COHORT["csa"], COHORT["group"], moved, order=["Control", "OPN", "OP"])
    assert fit.means == pytest.approx(pinned_ancova().means)


def test_a_covariate_that_the_groups_determine_is_named():
    covariates = pd.DataFrame({"stage": [0.0, 0, 0, 1, 1, 1]})
    with pytest.raises(InputError, match="covariate 'stage' is constant, or the groups"):
        cohort.ancova([1, 2, 4, 3, 5, 9], list("aaabbb"), covariates)


def test_more_covariates_than_subjects_are_refused():
    covariates = pd.DataFrame({"x": [1.0, 3, 2, 5], "z": [2.0, 1, 7, 3]})
    with pytest.raises(InputError, match="4 subjects with all values cannot carry 4 means"):
        cohort.ancova([1, 2, 4, 3], list("aabb"), covariates)


def test_values_that_a_covariate_reproduces_are_refused():
    age = np.arange(6.0)
    with pytest.raises(InputError, match="reproduce every value exactly"):
        cohort.ancova(2 * age, list("aabbab"), pd.DataFrame({"age": age}))


# Trend.


def test_the_linear_trend_is_the_contrast_of_emmeans():
    found = cohort.linear_trend(pinned_ancova())
    numbers = (found.estimate, found.std_error, found.t, found.p_value)
    assert numbers == pytest.approx(PIN["linear"], rel=ROUNDING)


def test_jonckheere_terpstra_with_ties_is_kendall_s_test_in_r():
    stages = [COHORT.loc[COHORT["group"] == name, "csa"] for name in ("Control", "OPN", "OP")]
    found = cohort.jonckheere_terpstra(stages)
    assert (found.z, found.p_value) == pytest.approx(PIN["jonckheere"], rel=ROUNDING)


def test_jonckheere_terpstra_by_hand():
    # Pairs of a later and an earlier stage: 1<2 1<3 1<3 2=2 2<3 2<3, 2<3 2<3: 7 and a half of 8.
    found = cohort.jonckheere_terpstra([[1, 2], [2], [3, 3]])
    assert (found.statistic, found.expected) == (7.5, 4.0)
    assert found.superiority == 7.5 / 8


def test_a_trend_of_two_groups_is_the_test_of_mann_and_whitney():
    x, y = [1.0, 4, 4, 7, 9], [2.0, 4, 8, 11]
    found = cohort.jonckheere_terpstra([y, x])
    expected = stats.mannwhitneyu(x, y, use_continuity=False, method="asymptotic")
    assert found.statistic == expected.statistic
    assert found.p_value == pytest.approx(expected.pvalue)


def test_turning_the_stages_round_turns_the_trend_round():
    values = [[3.0, 1], [2.0, 5, 4], [6.0, 4]]
    there, back = cohort.jonckheere_terpstra(values), cohort.jonckheere_terpstra(values[::-1])
    assert there.z == pytest.approx(-back.z)


def test_a_trend_over_constant_values_is_refused():
    with pytest.raises(InputError, match="every value is 2: there is no trend"):
        cohort.jonckheere_terpstra([[2, 2], [2]])


# The whole study.


def test_three_stages_give_the_five_comparisons_of_the_literature():
    assert [one.name for one in pairings(("Control", "OPN", "OP"))] == FIVE
    assert [one.name for one in pairings(("Control", "OP"))] == ["OP vs Control"]


def test_adjusted_comparisons_are_the_contrasts_of_emmeans():
    study = compare_groups(COHORT, outcomes=["csa"], covariates=["age", "sex"])
    (one,) = study.outcomes
    for found in one.comparisons:
        adjusted = found.adjusted
        numbers = (adjusted.estimate, adjusted.std_error, adjusted.t, adjusted.p_value)
        assert numbers == pytest.approx(PIN["contrasts"][found.name], rel=ROUNDING)
        assert found.p_value == adjusted.p_value
    assert one.kruskal_wallis_p == pytest.approx(PIN["kruskal_p"], rel=ROUNDING)
    normal, equal, _ = one.checks
    # R's and scipy's Shapiro-Wilk are the same algorithm in single and double constants.
    assert (normal.statistic, normal.p_value) == pytest.approx(PIN["shapiro"], rel=1e-6)
    assert (equal.statistic, equal.p_value) == pytest.approx(PIN["levene"], rel=ROUNDING)


def test_sides_of_several_stages_are_put_together_subject_by_subject():
    table = small()
    (one,) = compare_groups(table).outcomes
    found = next(x for x in one.comparisons if x.name == "OP vs Non-OP")
    rest = table.loc[table["group"] != "OP", "csa"]
    assert (found.second.n, found.second.mean) == (12, pytest.approx(rest.mean()))
    assert found.second.sd == pytest.approx(rest.std())


def test_usual_words_and_given_codes_mean_the_same_stages():
    words = small(groups=("Normal BMD", "osteopenic", " Osteoporosis "))
    codes = small(groups=(0, 1, 2))
    given_codes = compare_groups(codes, stages={"0": "Control", "1": "OPN", "2": "OP"})
    assert compare_groups(words).stages == given_codes.stages == ("Control", "OPN", "OP")


def test_each_p_value_is_corrected_in_its_outcome_and_over_all():
    study = compare_groups(small(fat=np.random.default_rng(3).normal(20, 4, 18)))
    frame = study.to_frame()
    assert frame["p_bh"].to_numpy() == pytest.approx(cohort.benjamini_hochberg(frame["p_value"]))
    own = frame[frame["outcome"] == "fat"]
    assert own["p_holm"].to_numpy() == pytest.approx(cohort.holm(own["p_value"]))


def test_missing_values_are_counted_where_they_are():
    table = small(n=12, age=np.linspace(50, 80, 36))
    table.loc[0, "csa"] = np.nan
    table.loc[[1, 2], "age"] = np.nan
    table.loc[35, "group"] = None
    study = compare_groups(table, covariates=["age"])
    (one,) = study.outcomes
    assert one.groups[0].n_missing == 1
    assert one.means.n_missing == 2
    assert one.notes[:2] == (
        "1 of 35 subjects has no value",
        "2 subjects with a value lack a covariate: not in the adjusted means",
    )
    assert study.notes == ("1 of 36 subjects have no group",)


def test_age_is_not_taken_for_an_outcome_unless_it_is_asked_for():
    table = small(age=np.linspace(50, 80, 18))
    assert [x.outcome.name for x in compare_groups(table).outcomes] == ["csa"]
    assert [x.outcome.name for x in compare_groups(table, outcomes=["age"]).outcomes] == ["age"]


def test_the_order_of_the_rows_does_not_matter():
    shuffled = COHORT.sample(frac=1, random_state=1)
    for covariates in ([], ["age", "sex"]):
        there, back = (
            compare_groups(t, outcomes=["csa"], covariates=covariates).to_frame()
            for t in (COHORT, shuffled)
        )
        pd.testing.assert_frame_equal(there, back)


def test_a_row_for_the_literature_has_names_means_sds_and_sizes():
    table = pd.DataFrame({"group": ["OP"] * 3 + ["control"] * 2, "csa": [1.0, 2, 3, 6, 8]})
    (one,) = compare_groups(table).outcomes
    (row,) = one.to_effect_rows(study="Smith 2026", muscle="psoas")
    assert row == {
        "study": "Smith 2026",
        "outcome": "csa",
        "muscle": "psoas",
        "comparison": "OP vs Control",
        "group1": "OP",
        "group2": "Control",
        "m1i": 2.0,
        "sd1i": 1.0,
        "n1i": 3,
        "m2i": 7.0,
        "sd2i": pytest.approx(np.sqrt(2)),
        "n2i": 2,
    }


def test_unequal_variances_say_what_to_do():
    rng = np.random.default_rng(5)
    table = small(groups=("control", "OP"), n=40)
    table["csa"] = np.where(table["group"] == "OP", 10, 1) * rng.normal(size=80)
    (one,) = compare_groups(table).outcomes
    check = next(x for x in one.checks if x.assumption == "equal variances")
    assert check.doubtful
    assert "Welch" in check.advice


def test_an_outcome_that_never_varies_is_skipped_with_its_reason():
    study = compare_groups(small(flat=3.0))
    assert study.skipped == {
        "flat": "every value is 3 in every group: the groups cannot be compared"
    }
    with pytest.raises(InputError, match="flat: every value is 3 in every group"):
        compare_groups(small(flat=3.0), outcomes=["flat"])


def test_a_stage_with_one_value_is_left_out_of_its_comparisons_only():
    table = small()
    table.loc[table.index[12:17], "csa"] = np.nan
    (one,) = compare_groups(table).outcomes
    assert set(one.skipped) == {"OP vs Control", "OP vs OPN", "OP vs Non-OP"}
    assert "'OP' has 1 subjects with a value" in one.skipped["OP vs OPN"]
    assert [x.name for x in one.comparisons] == ["OPN vs Control", "OP&OPN vs Control"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.assign(group="OP"), "two or more groups are needed to compare, got OP"),
        (lambda t: t.assign(group=t["group"].replace("OPN", "frail")), "group 'frail' is none of"),
        (lambda t: t.drop(columns="group"), "there is no column 'group'"),
        (lambda t: pd.concat([t, t.iloc[[3]]]), "subject 's3' occurs in rows 4, 19"),
        (lambda t: t.assign(subject=[None, *t["subject"][1:]]), "row 1 names no subject"),
        (lambda t: t.drop(columns="csa"), "no column of numbers to compare"),
    ],
    ids=["one group", "unknown group", "no group", "subject twice", "no subject", "no outcome"],
)
def test_a_table_that_cannot_be_compared_is_refused_in_a_sentence(change, message):
    with pytest.raises(InputError, match=message):
        compare_groups(change(small()))


def test_a_text_among_the_numbers_is_named_by_its_row():
    table = small().astype({"csa": object})
    table.loc[4, "csa"] = "n/k"
    with pytest.raises(InputError, match="row 5, column 'csa': 'n/k' is not a number"):
        compare_groups(table, outcomes=["csa"])


# The long table.


def long(n=4):
    rows = []
    rng = np.random.default_rng(2)
    for stage in ("Control", "OP"):
        for i in range(n):
            for side in ("left", "right"):
                value = rng.normal(800 if stage == "OP" else 900, 50)
                where = ("psoas_major", side, "L3", "voxels", "")
                rows.append((f"{stage}{i}", "", "area", value, "mm2", *where))
    return pd.DataFrame(rows, columns=list(LONG_COLUMNS))


def people(table):
    names = table["subject"].drop_duplicates()
    return pd.DataFrame({"subject": names, "group": names.str[:-1]})


def test_a_long_table_gives_an_outcome_for_each_thing_measured():
    table = long()
    study = compare_groups(table, subjects=people(table))
    assert [one.outcome.side for one in study.outcomes] == ["left", "right"]
    (row, *_) = study.outcomes[0].to_effect_rows(study="here")
    assert (row["outcome"], row["muscle"]) == ("area", "psoas_major")
    assert (row["side"], row["level"]) == ("left", "L3")


def test_a_group_column_in_the_long_table_is_the_same_as_a_table_of_subjects():
    table = long()
    joined = table.merge(people(table), on="subject")
    pd.testing.assert_frame_equal(
        compare_groups(joined).to_frame(), compare_groups(table, subjects=people(table)).to_frame()
    )


def test_the_mean_of_sides_needs_both_sides():
    table = long()
    table.loc[0, "value"] = np.nan
    (one,) = compare_groups(table, subjects=people(table), sides="mean").outcomes
    values = one.outcome.subjects["value"]
    assert np.isnan(values["Control0"])
    assert values["Control1"] == pytest.approx(table["value"][2:4].mean())
    assert one.outcome.side == "mean of both"


def test_two_sessions_of_one_subject_are_not_two_subjects():
    table = pd.concat([long(), long().iloc[[1]].assign(session="2")], ignore_index=True)
    with pytest.raises(
        InputError,
        match=r"subject 'Control0' has 2 values of area psoas_major right L3 voxels \(ro",
    ):
        compare_groups(table, subjects=people(table))


def test_a_subject_of_two_groups_is_named():
    table = long()
    twice = pd.concat([people(table), people(table).iloc[[0]].assign(group="OP")])
    with pytest.raises(InputError, match="'Control0' has more than one 'group': Control, OP"):
        compare_groups(table, subjects=twice)


def test_two_units_of_one_quantity_are_refused():
    table = long()
    table.loc[0, "unit"] = "cm2"
    with pytest.raises(InputError, match="area is given in cm2 and in mm2"):
        compare_groups(table, subjects=people(table))
