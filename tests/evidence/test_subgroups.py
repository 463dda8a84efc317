"""Stratified pooling."""

import numpy as np
import pandas as pd
import pytest
from evidence.reference import cases, check, table

from enthesis.errors import InputError
from enthesis.evidence import pool, subgroups


def effects():
    rng = np.random.default_rng(8)
    k = 24
    v = rng.uniform(0.02, 0.2, k)
    return pd.DataFrame(
        {
            "yi": rng.normal(0.3, np.sqrt(v + 0.05)),
            "vi": v,
            "muscle": np.array(["psoas", "multifidus", "erector_spinae"])[np.arange(k) % 3],
            "outcome": np.array(["CSA", "FI"])[(np.arange(k) > 20).astype(int)],
        }
    )


@pytest.mark.parametrize("case", cases("subgroup"))
def test_subgroups_agree_with_metafor(case):
    found = subgroups(table(case), case["options"]["by"], method=case["options"]["method"])
    by_group = {
        key: {
            "b": fit.coefficients,
            "se": fit.std_errors,
            "ci_lb": fit.ci_lower,
            "ci_ub": fit.ci_upper,
            "tau2": fit.tau2,
            "I2": fit.i2,
            "H2": fit.h2,
            "QE": fit.q,
            "QEp": fit.q_p,
            "k": fit.k,
        }
        for key, fit in found.fits.items()
    }
    check(
        case,
        {
            "groups": list(found.fits),
            "by_group": by_group,
            "Q_between": found.q_between,
            "Q_between_df": found.q_between_df,
            "Q_between_p": found.q_between_p,
        },
    )


def test_two_cells_of_equal_variance_by_hand():
    data = pd.DataFrame({"yi": [0.0, 0.0, 1.0, 1.0], "vi": 0.5, "arm": list("aabb")})
    found = subgroups(data, "arm")
    # Each mean has variance 0.25 and no heterogeneity: Q = (1 - 0)^2 / (0.25 + 0.25).
    assert found.q_between == pytest.approx(2.0)
    assert found.q_between_df == 1


def test_every_cell_is_the_pool_of_its_rows():
    data = effects()
    found = subgroups(data, ["muscle", "outcome"], method="REML")
    cell = data.query("muscle == 'psoas' and outcome == 'CSA'")
    alone = pool(cell, method="REML", test="z")
    assert found.fits["psoas", "CSA"].coefficients[0] == alone.coefficients[0]


def test_a_cell_too_thin_to_pool_is_named_with_the_reason():
    found = subgroups(effects(), ["muscle", "outcome"])
    assert found.skipped["psoas", "FI"] == "1 effect, fewer than the 2 asked for"
    table_ = found.to_frame()
    assert len(table_) == 6
    assert table_.loc[("psoas", "FI"), "reason"].startswith("1 effect")
    assert np.isnan(table_.loc[("psoas", "FI"), "estimate"])
    assert "Not pooled:\n" in found.summary()
    assert found.to_dict()["skipped"][0]["outcome"] == "FI"


def test_the_order_of_rows_does_not_matter():
    one, other = (subgroups(d, "muscle") for d in (effects(), effects().iloc[::-1]))
    assert other.q_between == pytest.approx(one.q_between, rel=1e-12)
    assert list(other.fits) == list(one.fits)


def test_rows_without_a_cell_are_counted():
    data = effects()
    data.loc[4, "muscle"] = None
    data.loc[6, "yi"] = np.nan
    notes = subgroups(data, "muscle").notes
    assert notes[0].startswith("1 of 24 rows belong to no cell")
    assert notes[1] == "1 of 24 rows have no yi or vi"


@pytest.mark.parametrize(
    ("by", "options", "message"),
    [
        ("bone", {}, "no column 'bone'"),
        ([], {}, "by must name the column"),
        ("muscle", {"min_effects": 1}, "2 or more"),
        ("muscle", {"min_effects": 9}, "no cell of muscle has 9 usable effects"),
    ],
)
def test_what_cannot_be_stratified_is_refused(by, options, message):
    with pytest.raises(InputError, match=message):
        subgroups(effects(), by, **options)


def test_a_cell_that_cannot_be_pooled_is_named_and_the_others_stand() -> None:
    effects = pd.DataFrame(
        {
            "muscle": ["psoas"] * 3 + ["multifidus"] * 3,
            "yi": [0.1, 0.1, 0.1, 0.3, 0.5, 0.1],
            "vi": [0.1] * 6,
        }
    )
    found = subgroups(effects, "muscle", test="knha")
    assert list(found.fits) == ["multifidus"]
    assert "Knapp-Hartung standard error is 0" in found.skipped["psoas"]


def test_an_unknown_method_is_not_blamed_on_the_cells() -> None:
    effects = pd.DataFrame({"muscle": ["psoas"] * 2, "yi": [0.1, 0.2], "vi": [0.1, 0.1]})
    with pytest.raises(InputError, match="no estimator named 'XX'"):
        subgroups(effects, "muscle", method="XX")
