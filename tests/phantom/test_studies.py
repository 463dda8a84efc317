import numpy as np
import pytest

from enthesis.phantom import simulate_studies, simulated_studies
from enthesis.phantom.studies import SEED


@pytest.fixture(scope="module")
def table():
    return simulated_studies()


def test_the_bundled_table_is_what_its_seed_simulates(table):
    again = simulate_studies(np.random.default_rng(SEED))
    assert list(table.columns) == list(again.columns)
    assert table.equals(again)


def test_there_are_fourteen_studies_and_125_effects(table):
    assert table["study"].nunique() == 14
    assert len(table) == 125


def test_every_row_says_that_it_is_simulated(table):
    assert (table["data"] == "simulated").all()
    assert table["study"].str.fullmatch(r"Simulated \d\d").all()


def test_no_comparison_occurs_twice(table):
    key = ["study", "sample", "outcome", "muscle", "comparison", "measurement"]
    assert not table.duplicated(key).any()


def test_means_sds_and_sizes_are_possible(table):
    assert (table[["m1i", "sd1i", "m2i", "sd2i"]] > 0).all(axis=None)
    assert (table[["n1i", "n2i"]] >= 20).all(axis=None)
    assert not table.isna().any(axis=None)
    fat = table[table["outcome"] == "FI"]
    assert (fat[["m1i", "m2i"]] < 100).all(axis=None)


def test_groups_are_those_of_the_comparison(table):
    said = table["group1"] + " vs " + table["group2"]
    assert said.equals(table["comparison"])


def test_one_sample_has_one_mean_per_group_in_all_its_comparisons(table):
    first = table.rename(columns={"group1": "group", "m1i": "mean", "n1i": "n"})
    second = table.rename(columns={"group2": "group", "m2i": "mean", "n2i": "n"})
    for part in (first, second):
        merged = part.merge(
            first, on=["study", "sample", "outcome", "muscle", "measurement", "group"]
        )
        graded = merged["comparison_x"].isin(
            ["OP vs Control", "OPN vs Control", "OP vs OPN"]
        ) & merged["comparison_y"].isin(["OP vs Control", "OPN vs Control", "OP vs OPN"])
        assert (merged.loc[graded, "mean_x"] == merged.loc[graded, "mean_y"]).all()
        assert (merged.loc[graded, "n_x"] == merged.loc[graded, "n_y"]).all()


def smd(rows):
    pooled = np.sqrt(
        ((rows["n1i"] - 1) * rows["sd1i"] ** 2 + (rows["n2i"] - 1) * rows["sd2i"] ** 2)
        / (rows["n1i"] + rows["n2i"] - 2)
    )
    return (rows["m1i"] - rows["m2i"]) / pooled


@pytest.mark.parametrize(
    ("outcome", "muscle", "comparison", "k", "published"),
    [
        # Pooled values printed in the review registered as PROSPERO CRD420251026322.
        ("FI", "multifidus", "OP vs Control", 6, 1.31),
        ("FI", "multifidus", "OPN vs Control", 6, 0.91),
        ("FI", "multifidus", "OP vs OPN", 6, 0.52),
        ("FI", "erector spinae", "OP vs Control", 5, 1.01),
        ("FI", "erector spinae", "OPN vs Control", 5, 0.74),
        ("CSA", "multiple muscles", "OP vs Control", 4, -0.49),
        ("CSA", "multiple muscles", "OPN vs Control", 3, -0.33),
        ("CSA", "multiple muscles", "OP&OPN vs Control", 2, -0.30),
        ("CSA", "psoas major", "OPN vs Control", 6, -0.30),
    ],
)
def test_effects_fall_near_the_published_ones(table, outcome, muscle, comparison, k, published):
    cell = table[
        (table["outcome"] == outcome)
        & (table["muscle"] == muscle)
        & (table["comparison"] == comparison)
    ]
    assert len(cell) == k
    # Shaped by the review, not fitted to it: within the sampling error of a few studies.
    assert smd(cell).mean() == pytest.approx(published, abs=0.16)
