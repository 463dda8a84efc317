"""Mantel–Haenszel, Peto, and Henmi–Copas."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import henmi_copas, mantel_haenszel, peto


def trials():
    return pd.DataFrame(
        {"ai": [3, 0, 6, 2], "n1i": [40, 25, 60, 30], "ci": [7, 2, 10, 2], "n2i": [38, 27, 61, 33]}
    )


def rates():
    return pd.DataFrame(
        {"x1i": [3, 0, 5], "t1i": [100, 80, 120], "x2i": [6, 2, 9], "t2i": [110, 70, 130]}
    )


METAFOR = {
    "OR": (-0.7165702198543552, 0.3934346713403064, 1.1979389095759143),
    "RR": (-0.636880200436093, 0.351820408128626, 1.167835829590327),
    "RD": (-0.0628379346597338, 0.0336989290739133, 1.6421028631861658),
    "IRR": (-0.681203997715771, 0.425876943802336, 0.580340100460268),
    "IRD": (-0.0267718507387929, 0.0163402860936097, 0.0192633489650940),
}
"""R 4.2.2, metafor 3.8-1: rma.mh(measure=...) of `trials()` and `rates()`: beta, se, QE."""


def in_reference_names(found):
    return {
        "b": found.estimate,
        "se": found.std_error,
        "pval": found.p_value,
        "ci_lb": found.ci_lower,
        "ci_ub": found.ci_upper,
        "QE": found.q,
        "QEp": found.q_p,
    }


@pytest.mark.parametrize("case", cases("rma.mh"))
def test_mantel_haenszel_agrees_with_metafor(case):
    measure = case["options"].get("measure", "IRR")
    names = {"ai": "tpos", "bi": "tneg", "ci": "cpos", "di": "cneg"} if measure != "IRR" else {}
    found = mantel_haenszel(table(case), measure, **names)
    got = in_reference_names(found)
    if "stat" in case["expected"]:
        got |= {"stat": found.statistic, "I2": found.i2, "MH": found.cmh, "MHp": found.cmh_p}
        got |= {"TA": found.tarone, "TAp": found.tarone_p}
        got |= {"BD": found.breslow_day, "BDp": found.breslow_day_p}
    if "pval" not in case["expected"]:
        del got["pval"]
    check(case, got)


@pytest.mark.parametrize("case", cases("rma.peto"))
def test_peto_agrees_with_metafor(case):
    data = table(case)
    names = {"ai": "tpos", "bi": "tneg", "ci": "cpos", "di": "cneg"} if "tpos" in data else {}
    check(case, in_reference_names(peto(data, **names)))


@pytest.mark.parametrize("case", cases("hc"))
def test_henmi_and_copas_agree_with_metafor(case):
    found = henmi_copas(table(case))
    got = {"b": found.estimate, "se": found.std_error, "tau2": found.tau2}
    check(case, {**got, "ci_lb": found.ci_lower, "ci_ub": found.ci_upper})


@pytest.mark.parametrize("measure", METAFOR)
def test_zero_cells_stay_as_they_are(measure):
    found = mantel_haenszel(rates() if measure.startswith("I") else trials(), measure)
    got = (found.estimate, found.std_error, found.q)
    np.testing.assert_allclose(got, METAFOR[measure], rtol=1e-10)


def test_a_table_with_zeros_has_its_tests():
    """R 4.2.2, metafor 3.8-1: MH, BD and TA of rma.mh(measure="OR") of `trials()`."""
    found = mantel_haenszel(trials(), "OR")
    assert found.cmh == pytest.approx(2.7446550590327172, rel=1e-10)
    assert found.breslow_day == pytest.approx(1.8678377948526377, rel=1e-9)
    assert found.tarone == pytest.approx(1.8677651823659294, rel=1e-9)
    assert mantel_haenszel(rates(), "IRR").cmh == pytest.approx(2.046136075165174, rel=1e-10)


def test_peto_with_a_zero_cell_agrees_with_metafor():
    """R 4.2.2, metafor 3.8-1: rma.peto() of `trials()`."""
    found = peto(trials())
    wanted = (-0.689764976108948, 0.374108903872457, 1.620466334727512)
    np.testing.assert_allclose((found.estimate, found.std_error, found.q), wanted, rtol=1e-10)


def test_one_table_is_its_own_odds_ratio():
    found = mantel_haenszel(pd.DataFrame({"ai": [10], "bi": [20], "ci": [5], "di": [25]}))
    assert found.estimate == pytest.approx(np.log(2.5))
    assert found.std_error == pytest.approx(np.sqrt(1 / 10 + 1 / 20 + 1 / 5 + 1 / 25))


@pytest.mark.parametrize("measure", ["OR", "RR", "RD"])
def test_exchanging_the_groups_turns_the_sign(measure):
    data = trials()
    other = data.rename(columns={"ai": "ci", "ci": "ai", "n1i": "n2i", "n2i": "n1i"})
    one, turned = mantel_haenszel(data, measure), mantel_haenszel(other, measure)
    assert turned.estimate == pytest.approx(-one.estimate)
    assert turned.std_error == pytest.approx(one.std_error)


def test_without_heterogeneity_henmi_and_copas_widen_the_interval_still():
    data = pd.DataFrame({"yi": [0.1, 0.12, 0.09, 0.11, 0.1], "vi": [0.1, 0.2, 0.1, 0.3, 0.2]})
    found = henmi_copas(data)
    assert found.tau2 == 0.0
    # The estimate of tau2 is truncated, so the interval is not wider than the normal one here.
    assert found.ci_upper - found.estimate <= 1.96 * found.std_error + 1e-9


def test_counts_that_cannot_be_pooled_are_refused():
    with pytest.raises(InputError, match="no Mantel-Haenszel 'AS'"):
        mantel_haenszel(trials(), "AS")
    with pytest.raises(InputError, match="one group has no events"):
        mantel_haenszel(trials().assign(ai=0), "RR")
    with pytest.raises(InputError, match="events in at least one study"):
        peto(trials().assign(ai=0, ci=0))
