"""Prediction: ROC, calibration, decision curve, risk models and what they are worth."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from cohort.group_pins import PINS, RISK, SCORES
from scipy.special import expit

from enthesis import cohort
from enthesis.cohort.logistic import fit_logistic
from enthesis.cohort.penalised import L1_SHARE, grouped_folds
from enthesis.cohort.roc import delong
from enthesis.errors import ConvergenceError, InputError

CURVES, MODEL = PINS["curves"], PINS["prediction"]

ROUNDING = 1e-9
"""Both sides compute in doubles; sums are taken in other orders."""

# Hanley and McNeil 1982, table I: 58 normal and 51 abnormal CT scans rated 1 to 5.
RATED_NORMAL, RATED_ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)


def rated():
    rating = np.concatenate([np.repeat(np.arange(1, 6), n) for n in (RATED_NORMAL, RATED_ABNORMAL)])
    return np.repeat([0, 1], [58, 51]), rating


# ROC.


def test_the_area_of_hanley_and_mcneil_s_ratings_is_the_printed_one():
    found = cohort.roc(*rated())
    # Area 0.893 in the paper; with DeLong's error 0.0307, 0.83295 to 0.95339, in Stata's roctab.
    assert found.auc == pytest.approx(0.8932, abs=5e-5)
    assert found.std_error == pytest.approx(0.0307, abs=5e-5)
    assert (found.ci_lower, found.ci_upper) == pytest.approx((0.83295, 0.95339), abs=5e-6)


def test_area_and_covariance_with_ties_are_those_of_proc():
    found = cohort.roc(SCORES["event"], SCORES["first"])
    aucs, covariance = delong(
        SCORES["event"].to_numpy() == 1, SCORES[["first", "second"]].to_numpy(float).T
    )
    assert aucs == pytest.approx(CURVES["auc"], rel=ROUNDING)
    assert np.diag(covariance) == pytest.approx(CURVES["variance"], rel=ROUNDING)
    assert covariance[0, 1] == pytest.approx(CURVES["covariance"], rel=ROUNDING)
    assert (found.ci_lower, found.ci_upper) == pytest.approx(CURVES["ci"], rel=ROUNDING)


def test_the_paired_test_is_that_of_proc():
    found = cohort.compare_roc(SCORES["event"], SCORES["first"], SCORES["second"])
    assert (found.z, found.p_value) == pytest.approx(CURVES["test"], rel=ROUNDING)


def test_roc_by_hand():
    # Events 2 and 4 against 1, 2 and 3: won 1, 3 pairs of 3, and half a tie: 4.5 of 6.
    found = cohort.roc([1, 1, 0, 0, 0], [2, 4, 1, 2, 3])
    assert found.auc == 4.5 / 6
    assert found.thresholds.tolist() == [np.inf, 4, 3, 2, 1]
    assert found.sensitivity.tolist() == [0, 0.5, 0.5, 1, 1]
    assert found.specificity == pytest.approx([1, 1, 2 / 3, 1 / 3, 0])


def test_delong_s_components_counted_pair_by_pair_give_the_same_variance():
    y, x = rated()
    wins = (x[y == 1][:, None] > x[y == 0]) + 0.5 * (x[y == 1][:, None] == x[y == 0])
    variance = wins.mean(1).var(ddof=1) / 51 + wins.mean(0).var(ddof=1) / 58
    assert cohort.roc(y, x).std_error == pytest.approx(math.sqrt(variance), rel=ROUNDING)


def test_the_area_depends_on_the_order_only_and_turns_with_the_sign():
    y, x = SCORES["event"], SCORES["first"]
    plain = cohort.roc(y, x)
    assert cohort.roc(y, np.exp(x)).auc == plain.auc
    turned = cohort.roc(y, -x)
    assert turned.auc == pytest.approx(1 - plain.auc)
    assert "lower values go with the event" in turned.notes[0]


def test_a_perfect_number_has_no_interval_and_says_so():
    found = cohort.roc([0, 0, 1, 1], [1, 2, 3, 4])
    assert (found.auc, found.ci_lower, found.ci_upper) == (1, 1, 1)
    assert "completely" in found.notes[0]


def test_two_numbers_of_one_order_leave_nothing_to_test():
    y, x = rated()
    found = cohort.compare_roc(y, x, 10 * x)
    assert found.estimate == 0
    assert np.isnan(found.p_value)
    assert "same order" in found.notes[0]


def test_subjects_with_a_missing_value_are_left_out_and_counted():
    found = cohort.roc([0, 0, 1, 1, 1, np.nan], [1, 2, 2, 3, np.nan, 3])
    assert found.notes[0] == "2 subjects lack a value and were left out"


@pytest.mark.parametrize(
    ("outcome", "number", "message"),
    [
        ([0, 1, 2], [1, 2, 3], "an outcome is 1 .event. or 0 .none., got 2"),
        ([1, 1], [1, 2], "got 2 events in 2 subjects"),
        ([0, 0, 1], [1, 2, 3], "two subjects or more with and without the event, got 1 and 2"),
        ([0, 1], [1, 2, 3], "one number per subject are wanted, got 2 and 3"),
        ([0, 0, 1, 1], [1, 2, 3, np.inf], "an infinite value"),
    ],
)
def test_an_outcome_that_cannot_be_judged_is_refused(outcome, number, message):
    with pytest.raises(InputError, match=message):
        cohort.roc(outcome, number)


# Calibration.


def new_risks():
    return RISK["event"].to_numpy()[90:], np.array(MODEL["predicted"])


def test_calibration_is_that_of_rms_and_glm():
    found = cohort.calibration(*new_risks())
    assert found.brier == pytest.approx(MODEL["brier"], rel=ROUNDING)
    # R's glm and rms stop when the deviance changes by less than one part in 1e8 or more.
    large = (found.intercept, (found.intercept_upper - found.intercept) / 1.959963984540054)
    assert large == pytest.approx(MODEL["intercept"], rel=1e-6)
    slope = (found.slope, (found.slope_upper - found.slope) / 1.959963984540054)
    assert slope == pytest.approx(MODEL["slope"], rel=1e-6)


def test_distances_from_the_smooth_curve_are_those_of_rms():
    found = cohort.calibration(*new_risks())
    assert found.ici == pytest.approx(MODEL["ici"], rel=ROUNDING)
    assert found.e90 == pytest.approx(MODEL["e90"], rel=ROUNDING)
    assert found.e_max == pytest.approx(MODEL["e_max"], rel=ROUNDING)


def test_brier_by_hand():
    found = cohort.calibration([1, 0, 1, 0], [0.75, 0.25, 0.5, 0.5])
    assert found.brier == (0.0625 * 2 + 0.25 * 2) / 4
    assert found.brier_scaled == pytest.approx(1 - 0.15625 / 0.25)


def test_risks_that_are_too_extreme_have_a_slope_below_one():
    rng = np.random.default_rng(8)
    log_odds = rng.normal(0, 1.5, 4000)
    y = rng.random(4000) < expit(log_odds)
    found = cohort.calibration(y, expit(2 * log_odds))
    assert found.slope == pytest.approx(0.5, abs=0.04)  # its standard error is about 0.014
    assert found.slope_upper < 1


def test_naming_the_event_the_other_way_round_mirrors_calibration():
    y, p = new_risks()
    there, back = cohort.calibration(y, p), cohort.calibration(1 - y, 1 - p)
    assert back.intercept == pytest.approx(-there.intercept)
    assert back.slope == pytest.approx(there.slope)
    assert back.brier == pytest.approx(there.brier)


def test_one_risk_for_everybody_has_no_slope_and_says_so():
    found = cohort.calibration([0, 1, 0, 1, 1], [0.4] * 5)
    assert np.isnan(found.slope)
    assert found.ici == pytest.approx(0.2)
    assert "there is no slope" in found.notes[0]


def test_a_risk_in_percent_is_refused():
    with pytest.raises(InputError, match="lies between 0 and 1, got 40"):
        cohort.calibration([0, 1], [40, 60])


# Acting on a risk.


def test_net_benefit_by_hand():
    # At 0.25: acted on three of four, two events and one not: 2/4 - 1/4 * 1/3.
    found = cohort.decision_curve([1, 1, 0, 0], [0.9, 0.25, 0.6, 0.1], thresholds=[0.25])
    assert found.model == pytest.approx([0.5 - 0.25 / 3])
    assert found.treat_all == pytest.approx([0.5 - 0.5 / 3])


def test_a_risk_that_all_share_is_worth_as_much_as_treating_all_or_none():
    found = cohort.decision_curve([1, 0, 0, 1], [0.5] * 4, thresholds=[0.3, 0.7])
    assert found.model[0] == found.treat_all[0]
    assert found.model[1] == 0


def test_reclassification_by_hand_comes_with_its_caveat():
    found = cohort.reclassification(
        [1, 1, 1, 0, 0], [0.1, 0.1, 0.4, 0.1, 0.4], [0.4, 0.15, 0.1, 0.4, 0.1], cutoffs=[0.2]
    )
    # Of three events one up and one down, of two others one up and one down.
    assert (found.events, found.others, found.total) == (0, 0, 0)
    assert found.std_error == pytest.approx(math.sqrt(2 / 9 + 1 / 2))
    assert "badly calibrated" in found.notes[0]
    any_change = cohort.reclassification([1, 0], [0.2, 0.4], [0.3, 0.3])
    assert any_change.total == 2


def test_cutoffs_that_fall_are_refused():
    with pytest.raises(InputError, match=r"cutoffs rise from above 0 to below 1, got 0\.3, 0\.2"):
        cohort.reclassification([0, 1], [0.1, 0.2], [0.2, 0.3], cutoffs=[0.3, 0.2])


# Risk models.


def test_logistic_regression_is_that_of_glm():
    model = cohort.risk_model(RISK[:90], outcome="event", predictors=["age", "csa"])
    assert model.coefficients == pytest.approx(MODEL["coefficients"], rel=1e-8)
    # glm's errors are of the step before the last one.
    assert model.std_errors == pytest.approx(MODEL["std_errors"], rel=1e-6)
    assert model.log_likelihood == pytest.approx(MODEL["log_likelihood"], rel=ROUNDING)
    assert model.predict(RISK[90:]) == pytest.approx(MODEL["predicted"], rel=1e-8)


def test_a_model_of_two_groups_has_the_odds_ratio_of_the_table():
    table = pd.DataFrame(
        {
            "fracture": [1] * 12 + [0] * 8 + [1] * 5 + [0] * 15,
            "sex": ["female"] * 20 + ["male"] * 20,
        }
    )
    frame = cohort.risk_model(table, outcome="fracture", predictors=["sex"]).to_frame()
    ratio = (5 * 8) / (15 * 12)
    assert frame["odds_ratio"][1] == pytest.approx(ratio)
    assert frame["std_error"][1] == pytest.approx(math.sqrt(1 / 5 + 1 / 8 + 1 / 15 + 1 / 12))
    assert frame["term"][1] == "sex male"


def test_the_unit_of_a_predictor_changes_its_coefficient_and_no_risk():
    for penalty in ("none", "ridge", "lasso"):
        plain, other = (
            cohort.risk_model(table, outcome="event", predictors=["age", "csa"], penalty=penalty)
            for table in (RISK, RISK.assign(csa=RISK["csa"] / 100))
        )
        assert other.risks == pytest.approx(plain.risks, abs=1e-6)
        assert other.coefficients[2] == pytest.approx(100 * plain.coefficients[2], rel=1e-4)


@pytest.mark.parametrize("penalty", ["ridge", "lasso", "elastic_net"])
def test_a_penalised_fit_is_where_the_penalised_likelihood_is_flat(penalty):
    model = cohort.risk_model(RISK, outcome="event", predictors=["age", "csa"], penalty=penalty)
    x = RISK[["age", "csa"]].to_numpy(float)
    z, b = (x - x.mean(0)) / x.std(0), model.coefficients[1:] * x.std(0)
    gradient = z.T @ (model.events - model.risks) * model.strength
    share = L1_SHARE[penalty]
    assert (b != 0).all()
    # The solver stops at a tolerance of 1e-6 in its own scale.
    assert gradient == pytest.approx((1 - share) * b + share * np.sign(b), abs=2e-3)
    assert model.risks.mean() == pytest.approx(model.events.mean(), abs=1e-5)


def test_separated_events_are_refused_with_the_way_out():
    table = pd.DataFrame({"event": [0, 0, 0, 1, 1, 1], "t": [1.0, 2, 3, 4, 5, 6]})
    with pytest.raises(ConvergenceError, match=r"\(intercept, t\) tell events from others compl"):
        cohort.risk_model(table, outcome="event", predictors=["t"])


def test_a_level_in_which_nothing_happens_is_separation_too():
    table = pd.DataFrame({"event": [0, 1, 0, 1, 0, 0, 0], "sex": list("ffffmmm")})
    with pytest.raises(ConvergenceError, match="use penalty='ridge'"):
        cohort.risk_model(table, outcome="event", predictors=["sex"])


def test_predictors_that_determine_one_another_are_refused():
    x = np.arange(6.0)
    with pytest.raises(InputError, match="determine one another"):
        fit_logistic(np.column_stack([x, 2 * x]), x % 2 == 1, names=["a", "b"])


@pytest.mark.parametrize(
    ("change", "predictors", "message"),
    [
        ({"event": 1}, ["age"], "got 160 events in 160 complete rows"),
        ({"event": 2}, ["age"], "row 1, column 'event': '2' is not 1"),
        ({"age": 70.0}, ["age"], "predictor 'age' never varies"),
        ({"age": np.nan}, ["age"], "predictor 'age' never varies .it is always missing"),
        ({}, ["height"], "no column 'height'"),
        ({}, ["age", "event"], "name a column twice, or the outcome itself"),
        ({}, [], "one predictor or more"),
    ],
)
def test_a_model_that_cannot_be_fitted_says_why(change, predictors, message):
    with pytest.raises(InputError, match=message):
        cohort.risk_model(RISK.assign(**change), outcome="event", predictors=predictors)


def test_a_new_level_cannot_be_predicted():
    table = RISK.assign(sex=np.where(np.arange(160) % 2, "f", "m"))
    model = cohort.risk_model(table, outcome="event", predictors=["sex"])
    assert np.isnan(model.predict(pd.DataFrame({"sex": [None, "f"]}))).tolist() == [True, False]
    with pytest.raises(InputError, match="holds 'x', which the model has not met"):
        model.predict(pd.DataFrame({"sex": ["x"]}))


def test_few_events_and_repeated_subjects_are_pointed_out():
    table = RISK[:24].assign(subject=np.arange(24) // 2)
    table.loc[0, "age"] = np.nan
    notes = cohort.risk_model(table, outcome="event", predictors=["age", "csa"]).notes
    assert notes[0] == "1 subject lacks a value and was left out"
    assert "fewer than 10 each" in notes[1]
    assert "23 rows come from 12 subjects" in notes[2]


# Worth in new subjects.


def test_optimism_of_useless_predictors_is_found():
    rng = np.random.default_rng(9)
    noise = pd.DataFrame(rng.normal(size=(120, 6)), columns=list("abcdef"))
    noise["event"] = np.arange(120) % 3 == 0
    found = cohort.bootstrap_optimism(
        noise, outcome="event", predictors=list("abcdef"), rng=rng, n_boot=60
    )
    auc, slope = found.table.loc["auc"], found.table.loc["calibration_slope"]
    assert auc["apparent"] > 0.58
    # The truth is 0.5; one sample of 120 puts it within about 0.08.
    assert auc["corrected"] == pytest.approx(0.5, abs=0.08)
    assert slope["apparent"] == pytest.approx(1)
    assert slope["corrected"] < 0.6


def test_optimism_is_the_same_for_the_same_rng():
    tables = [
        cohort.bootstrap_optimism(
            RISK, outcome="event", predictors=["age"], rng=np.random.default_rng(3), n_boot=5
        ).table
        for _ in range(2)
    ]
    pd.testing.assert_frame_equal(*tables)


def test_no_subject_is_in_two_folds_and_events_are_spread():
    owners = np.repeat(np.arange(60), 2)
    events = owners % 3 == 0
    for train, test in grouped_folds(events, owners, folds=5, rng=np.random.default_rng(1)):
        assert not set(owners[train]) & set(owners[test])
        assert events[test].mean() == pytest.approx(1 / 3, abs=0.1)


def test_copies_of_a_subject_do_not_help_cross_validation():
    rng = np.random.default_rng(4)
    one = pd.DataFrame({"subject": np.arange(90), "x": rng.normal(size=90)})
    one["event"] = (np.arange(90) % 2).astype(float)
    # So many predictors of noise that copies in other folds would be recognised.
    for i in range(20):
        one[f"noise{i}"] = rng.normal(size=90)
    copies = pd.concat([one] * 3, ignore_index=True)
    predictors = [name for name in one if name not in {"subject", "event"}]

    def auc(table):
        found = cohort.nested_cross_validation(
            table, outcome="event", predictors=predictors, rng=np.random.default_rng(1),
            penalty="none",
        )  # fmt: skip
        return found.performance.roc.auc

    assert auc(copies) < 0.65
    assert auc(copies.drop(columns="subject")) > auc(copies) + 0.15


def test_nested_cross_validation_judges_every_row_once():
    found = cohort.nested_cross_validation(
        RISK, outcome="event", predictors=["age", "csa"], rng=np.random.default_rng(2), repeats=2
    )
    assert found.risks.shape == (160,)
    assert not np.isnan(found.risks).any()
    assert found.folds.groupby("repeat")["n"].sum().tolist() == [160, 160]
    apparent = cohort.risk_model(RISK, outcome="event", predictors=["age", "csa"], penalty="ridge")
    assert found.performance.roc.auc < cohort.roc(apparent.events, apparent.risks).auc


def test_more_folds_than_events_are_refused():
    table = pd.DataFrame(
        {"event": [1, 1] + [0] * 20, "x": np.random.default_rng(1).normal(size=22)}
    )
    with pytest.raises(InputError, match="5 folds need 2 to 2 of them here"):
        cohort.risk_model(table, outcome="event", predictors=["x"], penalty="ridge")


def test_the_tripod_table_tells_participants_events_and_corrected_performance():
    model = cohort.risk_model(RISK, outcome="event", predictors=["age", "csa"])
    optimism = cohort.bootstrap_optimism(
        RISK, outcome="event", predictors=["age", "csa"], rng=np.random.default_rng(1), n_boot=5
    )
    table = cohort.tripod_table(model, optimism=optimism).set_index("topic")["value"]
    n_events = int(RISK["event"].sum())
    assert table["Participants"].startswith(f"160, of whom {n_events} (")
    assert "odds ratio" in table["Coefficient, age"]
    assert f"{optimism.table.loc['auc', 'corrected']:.3f}" in table["AUC, corrected for optimism"]


def test_a_level_that_occurs_only_in_incomplete_rows_does_not_count():
    table = RISK.assign(site=np.where(np.arange(160) % 2, "a", "b"))
    table.loc[0, ["site", "age"]] = ["c", np.nan]
    model = cohort.risk_model(table, outcome="event", predictors=["age", "site"])
    assert model.names[-1] in {"site a", "site b"}
    assert len(model.names) == 3
