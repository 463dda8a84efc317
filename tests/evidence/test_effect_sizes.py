from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.evidence.effect_sizes import effect_sizes
from enthesis.evidence.measures import MEASURES
from tests.evidence import reference

PINNED = json.loads(
    (Path(__file__).parents[1] / "pinned" / "effect_sizes.json").read_text(encoding="utf-8")
)["cases"]


def arms(**changes: list[object]) -> pd.DataFrame:
    columns: dict[str, list[object]] = {
        "m1i": [20.0, 12.0], "sd1i": [5.0, 2.0], "n1i": [30, 10],
        "m2i": [23.0, 11.0], "sd2i": [6.0, 3.0], "n2i": [40, 12],
    }  # fmt: skip
    return pd.DataFrame(columns | changes)


def one(measure: str, *, vtype: str = "LS", correct: bool = True, **row: float) -> pd.Series:
    return effect_sizes(pd.DataFrame([row]), measure, vtype=vtype, correct=correct).iloc[0]


# by hand


def test_mean_difference_of_10_and_8_with_sd_2_and_3():
    got = one("MD", m1i=10, sd1i=2, n1i=4, m2i=8, sd2i=3, n2i=9)
    assert got.yi == 2
    assert got.vi == 4 / 4 + 9 / 9


def test_hedges_g_of_two_groups_of_two_uses_the_exact_j():
    # df = 2: J = Gamma(1) / (1 Gamma(1/2)) = 1 / sqrt(pi), where 1 - 3/(4 df - 1) would give 4/7
    got = one("SMD", m1i=1, sd1i=1, n1i=2, m2i=0, sd2i=1, n2i=2)
    assert got.yi == pytest.approx(1 / np.sqrt(np.pi), rel=1e-14)
    assert got.vi == pytest.approx(1 + 1 / np.pi / 8, rel=1e-14)


def test_hedges_g_does_not_overflow_in_large_groups():
    got = one("SMD", m1i=1, sd1i=1, n1i=40_000, m2i=0, sd2i=1, n2i=40_000)
    # Stirling: J = 1 - 3 / (4 df) - 7 / (32 df²) - O(df^-3)
    assert got.yi == pytest.approx(1 - 3 / (4 * 79_998) - 7 / (32 * 79_998**2), rel=1e-13)


def test_uncorrected_smd_is_cohens_d():
    got = one("SMD", correct=False, m1i=3, sd1i=2, n1i=10, m2i=0, sd2i=2, n2i=10)
    assert got.yi == 1.5
    assert got.vi == pytest.approx(0.2 + 1.5**2 / 40)


def test_variance_under_no_difference_does_not_depend_on_the_effect():
    near = one("SMD", vtype="H0", m1i=1, sd1i=1, n1i=5, m2i=0, sd2i=1, n2i=5)
    far = one("SMD", vtype="H0", m1i=9, sd1i=1, n1i=5, m2i=0, sd2i=1, n2i=5)
    assert near.vi == far.vi
    assert near.vi == pytest.approx((near.yi / 1) ** 2 * 0.4 * 8 / 6)


def test_ratio_of_means_is_corrected_as_in_lajeunesse_2015_equation_8():
    got = one("ROM", m1i=20, sd1i=10, n1i=5, m2i=10, sd2i=10, n2i=4)
    first, second = 100 / (5 * 400), 100 / (4 * 100)
    assert got.yi == pytest.approx(np.log(2) + (first - second) / 2)
    assert got.vi == pytest.approx(first + second)


def test_ratio_of_cvs_is_corrected_as_in_senior_2020():
    row = {"m1i": 20, "sd1i": 10, "n1i": 5, "m2i": 10, "sd2i": 10, "n2i": 4}
    corrected, plain = one("CVR", **row), one("CVR", correct=False, **row)
    assert corrected.yi - plain.yi == pytest.approx((100 / (4 * 100) - 100 / (5 * 400)) / 2)
    assert corrected.vi == plain.vi


def test_log_odds_ratio_of_a_table():
    got = one("OR", ai=10, bi=20, ci=5, di=40)
    assert got.yi == pytest.approx(np.log(4))
    assert got.vi == pytest.approx(1 / 10 + 1 / 20 + 1 / 5 + 1 / 40)


def test_generic_effects_take_standard_errors():
    got = effect_sizes(pd.DataFrame({"g": [0.3], "se": [0.2]}), "GEN", yi="g", sei="se")
    assert got.yi[0] == 0.3
    assert got.vi[0] == pytest.approx(0.04)


# published tables


def test_odds_ratio_and_kin_of_fleiss_and_berlin_2009_table_13_4():
    # Handbook of Research Synthesis and Meta-Analysis, 2nd ed., p. 242, four printed digits
    table = {"ai": 135, "bi": 15, "ci": 40, "di": 10}
    phi = one("PHI", **table)
    assert (round(phi.yi, 4), round(np.sqrt(phi.vi), 4)) == (0.1309, 0.0789)
    q = one("YUQ", **table)
    assert (round(q.yi, 4), round(np.sqrt(q.vi), 4)) == (0.3846, 0.1901)


def test_ex_14_and_15_worked_numbers_of_hedges_g():
    row = {"m1i": 20, "sd1i": 5, "n1i": 30, "m2i": 23, "sd2i": 6, "n2i": 40}
    got = one("SMD", **row)
    assert got.yi == pytest.approx(-0.5302130, abs=5e-8)
    assert got.vi == pytest.approx(0.060341, abs=5e-7)
    assert one("SMD", vtype="UB", **row).vi == pytest.approx(0.060455, abs=5e-7)
    assert one("SMDH", **row).yi == pytest.approx(-0.5372, abs=5e-5)


# R


@pytest.mark.parametrize("case", PINNED, ids=lambda c: f"{c['measure']}-{c['options']}")
def test_matches_metafor_3_8_1(case):
    got = effect_sizes(
        pd.DataFrame(case["data"]), case["measure"], convention="metafor 3.8", **case["options"]
    )
    # closed forms: only the order of floating-point operations may differ
    for column in ("yi", "vi"):
        np.testing.assert_allclose(
            got[column], np.array(case[column], dtype=float), rtol=1e-9, atol=1e-11
        )


@pytest.mark.parametrize("case", reference.cases("escalc"))
def test_matches_the_reference_of_metafor_3_8_1(case):
    _, columns = case["call"].split(" from columns ")
    pairs = columns.split(" with ")[0].split(", ")
    names = dict(pair.split("=") for pair in pairs if "=" in pair)
    options = dict(case["options"])
    got = effect_sizes(
        reference.table(case),
        options.pop("measure"),
        convention="metafor 3.8",
        **names,
        **options,
    )
    reference.check(case, {"yi": got.yi.to_numpy(), "vi": got.vi.to_numpy()})


def test_today_smdh_smd1h_and_smcrh_no_longer_shrink_their_variance():
    # metafor >= 4.6; the older variance of SMDH is J² times this
    old = effect_sizes(arms(), "SMDH", convention="metafor 3.8")
    new = effect_sizes(arms(), "SMDH")
    j = effect_sizes(arms(), "SMDH").yi / effect_sizes(arms(), "SMDH", correct=False).yi
    np.testing.assert_allclose(old.vi, new.vi * j**2, rtol=1e-12)
    np.testing.assert_array_equal(old.yi, new.yi)


# invariances


@pytest.mark.parametrize("measure", ["SMD", "SMDH", "SMD1", "SMD1H", "ROM", "CVR", "VR", "RPB"])
def test_scale_free_measures_do_not_change_with_the_unit(measure):
    centimetres = arms()
    columns = ["m1i", "sd1i", "m2i", "sd2i"]
    millimetres = centimetres.assign(**{name: centimetres[name] * 10 for name in columns})
    for column in ("yi", "vi"):
        np.testing.assert_allclose(
            effect_sizes(centimetres, measure)[column],
            effect_sizes(millimetres, measure)[column],
            rtol=1e-12,
        )


@pytest.mark.parametrize("measure", ["MD", "SMD", "SMDH", "ROM", "CVR", "VR", "RPB", "RBIS"])
def test_swapping_the_groups_changes_only_the_sign(measure):
    swap = {"m1i": "m2i", "sd1i": "sd2i", "n1i": "n2i", "m2i": "m1i", "sd2i": "sd1i", "n2i": "n1i"}
    there, back = effect_sizes(arms(), measure), effect_sizes(arms(), measure, **swap)
    np.testing.assert_allclose(there.yi, -back.yi, rtol=1e-12)
    np.testing.assert_allclose(there.vi, back.vi, rtol=1e-12)


def test_totals_stand_in_for_the_other_cell():
    cells = pd.DataFrame({"ai": [3, 0], "bi": [7, 12], "ci": [5, 4], "di": [6, 9]})
    totals = pd.DataFrame({"ai": [3, 0], "n1i": [10, 12], "ci": [5, 4], "n2i": [11, 13]})
    got, want = effect_sizes(totals, "RR"), effect_sizes(cells, "RR")
    pd.testing.assert_frame_equal(got[["yi", "vi"]], want[["yi", "vi"]])


def test_a_total_fills_only_the_cells_that_are_blank():
    mixed = pd.DataFrame(
        {"ai": [3, 0], "bi": [7, None], "n1i": [10, 12], "ci": [5, 4], "di": [6, 9]}
    )
    cells = pd.DataFrame({"ai": [3, 0], "bi": [7, 12], "ci": [5, 4], "di": [6, 9]})
    np.testing.assert_array_equal(effect_sizes(mixed, "OR").yi, effect_sizes(cells, "OR").yi)


# tables


def test_the_table_is_kept_and_not_modified():
    data = arms(study=["a", "b"])
    data.index = pd.Index([7, 3])
    before = data.copy()
    got = effect_sizes(data, "SMD")
    pd.testing.assert_frame_equal(data, before)
    pd.testing.assert_frame_equal(got[before.columns], before)
    assert list(effect_sizes(data, "SMD", append=False).columns) == ["yi", "vi"]
    assert list(got.index) == [7, 3]


def test_columns_may_have_other_names():
    data = arms().rename(columns={"n1i": "patients", "n2i": "controls"})
    got = effect_sizes(data, "SMD", n1i="patients", n2i="controls")
    np.testing.assert_array_equal(got.yi, effect_sizes(arms(), "SMD").yi)


def test_numbers_written_as_text_are_numbers():
    got = effect_sizes(arms(sd1i=["5.0", " 2 "]), "SMD")
    np.testing.assert_array_equal(got.yi, effect_sizes(arms(), "SMD").yi)


@pytest.mark.parametrize("blank", [None, np.nan, pd.NA, "", "  "])
def test_a_blank_cell_gives_a_missing_effect_and_leaves_the_others(blank):
    got = effect_sizes(arms(sd1i=[blank, 2.0]), "SMD")
    assert np.isnan(got.yi[0])
    assert np.isnan(got.vi[0])
    assert got.yi[1] == effect_sizes(arms(), "SMD").yi[1]


def test_means_of_opposite_sign_have_no_log_ratio():
    assert np.isnan(effect_sizes(arms(m2i=[-1.0, 11.0]), "ROM").yi[0])


def test_an_empty_table_gives_an_empty_table():
    assert effect_sizes(arms().iloc[:0], "SMD").empty


# refusals


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("sd1i", [5.0, -2.0], r"row 2, column 'sd1i': -2 is not an SD of 0 or more"),
        ("sd1i", ["5.0", "NR"], r"row 2, column 'sd1i': 'NR' is not an SD"),
        ("n2i", [1, 12], r"row 1, column 'n2i': 1 is not a whole number of 2 or more"),
        ("n1i", [30, 10.5], r"row 2, column 'n1i': 10.5 is not a whole number"),
        ("m1i", [np.inf, 1], r"row 1, column 'm1i': inf is not a number"),
    ],
)
def test_an_impossible_value_is_named_by_row_and_column(column, values, said):
    with pytest.raises(InputError, match=said):
        effect_sizes(arms(**{column: values}), "SMD")


def test_the_study_is_named_when_the_table_has_it():
    with pytest.raises(InputError, match=r"row 2 \(Zhao 2019\), column 'sd2i'"):
        effect_sizes(arms(study=["Liu 2022", "Zhao 2019"], sd2i=[1, -1]), "MD")


def test_more_events_than_people_are_refused():
    table = pd.DataFrame({"ai": [1, 12], "n1i": [10, 10], "ci": [2, 3], "n2i": [10, 10]})
    with pytest.raises(InputError, match="row 2, column 'ai': 12 is more than its total 'n1i', 10"):
        effect_sizes(table, "RR")


def test_a_missing_column_lists_what_is_needed_and_what_is_there():
    said = r"RR needs the columns ai, bi \(or n1i\), ci, di \(or n2i\); this table has: ai, n1i"
    with pytest.raises(InputError, match=said):
        effect_sizes(pd.DataFrame({"ai": [1], "n1i": [5]}), "RR")


def test_a_column_that_is_named_must_be_there():
    table = pd.DataFrame({"ai": [1], "n1i": [5], "ci": [1], "n2i": [5]})
    with pytest.raises(InputError, match=r"RR needs the columns ai, unhurt \(or n1i\)"):
        effect_sizes(table, "RR", bi="unhurt")


def test_a_correlation_beyond_one_is_refused():
    with pytest.raises(InputError, match=r"1\.2 is not a correlation between -1 and 1"):
        effect_sizes(pd.DataFrame({"ri": [1.2], "ni": [20]}), "ZCOR")


def test_unknown_choices_are_refused():
    with pytest.raises(InputError, match="no measure named 'SDM'; there are: MD, SMD"):
        effect_sizes(arms(), "SDM")
    with pytest.raises(InputError, match="SMD offers vtype LS or LS2 or UB or AV or H0, not 'HO'"):
        effect_sizes(arms(), "SMD", vtype="HO")
    with pytest.raises(InputError, match="MD has no correction"):
        effect_sizes(arms(), "MD", correct=False)
    with pytest.raises(InputError, match="to is 'only0'"):
        effect_sizes(pd.DataFrame({"xi": [1], "ni": [5]}), "PR", to="some")
    with pytest.raises(InputError, match="add is a number of 0 or more, not -1"):
        effect_sizes(pd.DataFrame({"xi": [1], "ni": [5]}), "PR", add=-1)


def test_every_measure_of_the_table_is_pinned_or_checked_by_hand():
    assert set(MEASURES) - {case["measure"] for case in PINNED} == {"GEN"}
