import numpy as np
import pandas as pd
import pytest
from evidence.robust_pins import PINS, data

from enthesis.errors import InputError
from enthesis.evidence.pool import pool
from enthesis.evidence.robust import robust
from enthesis.evidence.wald import wald_test

TESTS = ("HTZ", "HTA", "HTB", "EDF", "EDT", "chi2", "Naive-F", "Naive-Fp")


@pytest.fixture(scope="module")
def fit():
    return robust(pool(data(), "~ age + male", method="DL"), "study")


def pins(name):
    return {row["test"].replace("chi-sq", "chi2"): row for row in PINS[name]}


@pytest.mark.parametrize("test", TESTS)
def test_two_coefficients_at_once_agree_with_clubsandwich(fit, test):
    pin, got = pins("wald")[test], wald_test(fit, ["age", "male"], test=test)
    assert got.statistic == pytest.approx(pin["Fstat"], rel=1e-8)
    assert got.p_value == pytest.approx(pin["p_val"], rel=1e-8)
    assert got.df_denom == pytest.approx(pin.get("df_denom", np.inf), rel=1e-8)


@pytest.mark.parametrize("test", TESTS)
def test_too_few_clusters_for_the_constraints_agree_with_clubsandwich(test):
    table = data().query("3 <= study <= 6")
    few = robust(pool(table, "~ age + male", method="DL"), "study")
    pin, got = pins("few_wald")[test], wald_test(few, [0, 1, 2], test=test)
    assert got.statistic == pytest.approx(pin["Fstat"], rel=1e-6)
    if "p_val" in pin:
        assert got.p_value == pytest.approx(pin["p_val"], rel=1e-6)
    else:
        assert np.isnan(got.p_value)
        assert "too few clusters" in got.notes[0]


def test_naive_fp_is_the_omnibus_test_of_metafors_robust():
    model = pool(data(), "~ age + male", method="DL")
    got = wald_test(robust(model, "study", kind="CR1p"), ["age", "male"], test="Naive-Fp")
    assert got.statistic == pytest.approx(PINS["metafor_robust"]["QM"], rel=1e-9)
    assert got.p_value == pytest.approx(PINS["metafor_robust"]["QMp"], rel=1e-9)


def test_one_coefficient_gives_its_squared_t_and_its_p(fit):
    got = wald_test(fit, "male")
    assert got.statistic == pytest.approx(fit.statistics[2] ** 2)
    assert got.df_denom == pytest.approx(fit.df[2])
    assert got.p_value == pytest.approx(fit.p_values[2])


@pytest.mark.parametrize("test", ["HTZ", "HTA", "EDF", "EDT", "chi2", "Naive-F"])
def test_the_test_does_not_depend_on_how_the_constraints_are_written(fit, test):
    plain = wald_test(fit, ["age", "male"], test=test)
    mixed = wald_test(fit, [[0, 2, 1], [0, 1, -3]], test=test)
    assert mixed.p_value == pytest.approx(plain.p_value, rel=1e-9)
    assert mixed.constraints == ("2·age + male", "age − 3·male")


def test_names_positions_and_a_matrix_are_the_same_constraint(fit):
    by_name = wald_test(fit, ["age", "male"])
    assert wald_test(fit, [1, 2]) == by_name
    assert wald_test(fit, np.eye(3)[1:]) == by_name


def test_a_single_number_is_a_position_and_the_answer_is_told(fit):
    assert wald_test(fit, 1).constraints == ("age",)
    assert "Wald test (HTZ) of age = male = 0" in wald_test(fit, ["age", "male"]).summary()
    assert wald_test(fit, 1, test="chi2").to_dict()["df_denom"] is None


def test_unknown_coefficients_are_refused_with_the_known_ones(fit):
    with pytest.raises(InputError, match=r"no coefficient 'sex'.*age, male"):
        wald_test(fit, ["age", "sex"])
    with pytest.raises(InputError, match="positions 0 to 2"):
        wald_test(fit, [3])


def test_constraints_that_depend_on_each_other_are_refused(fit):
    with pytest.raises(InputError, match="depend on each other"):
        wald_test(fit, [[0, 1, 1], [0, 2, 2]])


def test_a_matrix_of_the_wrong_width_is_refused(fit):
    with pytest.raises(InputError, match="needs 3 weights"):
        wald_test(fit, [[1.0, 0.0]])


def test_an_unknown_test_is_refused(fit):
    with pytest.raises(InputError, match="HTZ"):
        wald_test(fit, "age", test="F")


def test_a_coefficient_that_one_cluster_fixes_cannot_be_tested():
    data = pd.DataFrame(
        {"yi": [0.1, 0.5, 0.2, 0.4, 0.3, 0.6], "vi": 0.1, "study": [1, 1, 2, 2, 3, 3]}
    )
    fit = robust(pool(data, "~ 0 + factor(study)", test="z"), "study", kind="CR0")
    with pytest.raises(InputError, match=r"one cluster alone fixes factor\(study\)1"):
        wald_test(fit, [0])
