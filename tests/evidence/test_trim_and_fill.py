"""Trim and fill."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import multilevel, pool, trim_and_fill
from enthesis.evidence.trim_and_fill import _wilcoxon_variance


def lopsided():
    """Nine effects symmetric around 1, and one more far out on the right."""
    return pd.DataFrame(
        {"yi": [0.9, 1.1, 0.8, 1.2, 0.7, 1.3, 0.6, 1.4, 1.0, 3.0], "vi": [0.1] * 9 + [0.5]}
    )


@pytest.mark.parametrize("case", cases("trimfill"))
def test_trim_and_fill_agrees_with_metafor(case):
    options = case["options"]
    fit = pool(table(case), method=options["method"], test="z")
    result = trim_and_fill(fit, estimator=options["estimator"])
    check(
        case,
        {
            "k0": result.k0,
            "se_k0": result.std_error_k0,
            "side": result.side,
            "p_k0": result.p_value_k0,
            "filled_yi": result.filled["yi"],
            "filled_vi": result.filled["vi"],
            "b": result.fit.coefficients,
            "se": result.fit.std_errors,
            "stat": result.fit.statistics,
            "pval": result.fit.p_values,
            "ci_lb": result.fit.ci_lower,
            "ci_ub": result.fit.ci_upper,
            "tau2": result.fit.tau2,
            "I2": result.fit.i2,
            "QE": result.fit.q,
            "QEp": result.fit.q_p,
            "k": result.fit.k,
        },
    )


def test_the_runaway_effect_is_mirrored_around_the_others():
    result = trim_and_fill(pool(lopsided(), method="EE", test="z"), estimator="L0")
    assert (result.side, result.k0) == ("left", 1)
    # The nine kept effects average 1, so 3 is mirrored to -1 with its own variance.
    assert result.filled.to_dict("list") == {"yi": [pytest.approx(-1.0)], "vi": [0.5]}
    assert list(result.filled.index) == [9]
    assert result.fit.coefficients[0] == pytest.approx(1.0)


@pytest.mark.parametrize("estimator", ["L0", "R0", "Q0"])
def test_a_symmetric_funnel_lacks_nothing(estimator):
    table = pd.DataFrame({"yi": [-3.0, -2, -1, 0, 1, 2, 3], "vi": [1.0] * 7})
    result = trim_and_fill(pool(table, method="EE"), estimator=estimator, side="left")
    assert result.k0 == 0
    assert result.filled.empty


@pytest.mark.parametrize("estimator", ["L0", "R0", "Q0"])
def test_mirrored_data_lack_the_mirror_image(estimator):
    table = lopsided()
    there = trim_and_fill(pool(table), estimator=estimator)
    back = trim_and_fill(pool(table.assign(yi=-table["yi"])), estimator=estimator)
    assert (there.k0, there.side, back.side) == (back.k0, "left", "right")
    assert back.fit.coefficients[0] == pytest.approx(-there.fit.coefficients[0])


def test_r0_tests_that_nothing_is_missing():
    # metafor 3.8-1: p = 2^-(k0 + 1).
    result = trim_and_fill(pool(lopsided(), method="EE"), estimator="R0", side="left")
    assert result.p_value_k0 == 0.5 ** (result.k0 + 1)


def test_q0_without_a_solution_says_so_and_fills_nothing():
    # All but the two smallest deviations lie on one side: the root's argument is negative.
    table = pd.DataFrame({"yi": [0.0, 0.0, 5, 6, 7, 8, 9], "vi": [1e-4, 1e-4, 9, 9, 9, 9, 9]})
    result = trim_and_fill(pool(table, method="EE"), estimator="Q0", side="left")
    assert result.k0 is None
    assert "no real solution" in result.notes[0]
    assert result.fit.k == 7


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda t: trim_and_fill(pool(t), estimator="S0"), "choose L0, R0 or Q0"),
        (lambda t: trim_and_fill(pool(t), side="up"), "'left', 'right' or None"),
        (lambda t: trim_and_fill(pool(t.assign(x=np.arange(10)), "~ x")), "one funnel"),
        (lambda t: trim_and_fill(pool(t.iloc[:2])), "at least three"),
        (
            lambda t: trim_and_fill(multilevel(t.assign(study=np.arange(10) // 2))),
            "two-level fit",
        ),
    ],
)
def test_what_cannot_be_done_is_refused(call, message):
    with pytest.raises(InputError, match=message):
        call(lopsided())


def test_the_summary_says_how_many_are_missing_and_where():
    result = trim_and_fill(pool(lopsided(), method="EE", test="z"))
    assert result.summary().startswith("Effects missing on the left side (L0): 1 (SE = ")


def test_equal_variances_have_no_side():
    data = pd.DataFrame({"yi": [0.1, 0.4, 0.2, 0.9], "vi": 0.1})
    with pytest.raises(InputError, match=r"all sampling variances are 0\.1"):
        trim_and_fill(pool(data))
    assert trim_and_fill(pool(data), side="left").side == "left"


def test_a_negative_variance_of_k0_gives_no_standard_error():
    # Ranks of the deviations sum to 0 above the centre of four effects, so the raw L0 is
    # (0 - 20) / 7 = -2.86, and 4 * 5 * 9 plus the cubic in it is below zero.
    assert np.isnan(_wilcoxon_variance(4, -20 / 7))
    assert _wilcoxon_variance(4, 0.0) == 4 * 5 * 9 / 24
