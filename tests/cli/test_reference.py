"""A scan's numbers against a reference table of the user's."""

import json

import numpy as np
import pandas as pd
import pytest

LMS = pd.DataFrame(
    {
        "quantity": "trabecular_attenuation",
        "region": "vertebral_body",
        "level": "L1",
        "sex": "female",
        "age": [40, 60],
        "l": 0.5,
        "m": [160.0, 140.0],
        "s": 0.2,
        "device": "CT",
        "n": 400,
        "source": "Made up 2020",
    }
)
"""At 50 years L = 0.5, M = 150 and S = 0.2, whose product L S is 0.1."""

Z = ((140 / 150) ** 0.5 - 1) / 0.1
"""Of the 140 HU of the test's scan, by Cole and Green 1992: ((y / M)^L - 1) / (L S), -0.339."""

BELOW = 36.73
"""Percent of a normal distribution below -0.339, from a printed table of it."""


@pytest.fixture
def measured(enthesis, scan_files, tmp_path):
    """Measure the small CT against a table: (exit code, output, error, folder)."""
    image, labels, scheme = scan_files

    def run(table, *given):
        path, output = tmp_path / "Jane_Doe.csv", tmp_path / "out"
        table.to_csv(path, index=False)
        call = ("measure", image, labels, "--scheme", scheme, "-o", output, "--reference", path)
        return *enthesis(*call, *given), output

    return run


def reference(output):
    return json.loads((output / "measurements.json").read_text())["reference"]


def page(output):
    return (output / "report.html").read_text()


def test_a_score_by_lms_is_that_of_the_formula_and_stands_on_the_page(measured):
    code, out, err, output = measured(LMS, "--sex", "female", "--age", 50)
    assert (code, err) == (0, "")
    found = reference(output)
    (score,) = found["scores"]
    assert (score["value"], score["score"], found["unscored"]) == (140, "z", {})
    assert score["score_value"] == pytest.approx(Z)
    assert score["percentile"] == pytest.approx(BELOW, abs=0.005)  # printed digits
    text = page(output)
    caption = "Trabecular attenuation of vertebral body, L1: 140.0 HU at 50 years, z = −0.34, "
    caption += "percentile 36.7."
    whom = "Reference: female, 40 to 60 years; n = 400; CT. Source: Made up 2020."
    assert f"<figcaption>{caption}</figcaption>" in text
    assert "over age: median and bands of 1 and 2 SD of the reference" in text
    # Below the table and for those who cannot see the figure.
    assert text.count(whom) == 2
    assert "Scores by the reference" in text and "Made up 2020" in out


def test_mean_and_sd_of_young_adults_give_a_t_score_without_an_age(measured):
    table = LMS.drop(columns=["age", "l", "m", "s"]).head(1).assign(mean=200.0, sd=40.0)
    _, _, _, output = measured(table, "--sex", "female")
    (score,) = reference(output)["scores"]
    assert (score["score"], score["score_value"]) == ("t", pytest.approx((140 - 200) / 40))
    assert "young adults" in page(output)


def test_one_table_may_hold_lms_and_means_and_both_sexes_in_any_order(measured):
    young = LMS.drop(columns=["age", "l", "m", "s"]).head(1).assign(mean=200.0, sd=40.0, sex="")
    men = LMS.assign(sex="male", m=300.0)
    table = pd.concat([young, men, LMS]).iloc[::-1]
    _, _, _, output = measured(table, "--sex", "female", "--age", 50)
    found = {one["score"]: one["score_value"] for one in reference(output)["scores"]}
    assert found == {"t": pytest.approx(-1.5), "z": pytest.approx(Z)}


def test_of_several_ways_of_measuring_the_table_names_one(measured):
    psoas = {"quantity": "attenuation_mean", "region": "psoas_major", "side": "left"}
    table = LMS.assign(**psoas, l=1.0, m=55.0, s=0.1)
    _, _, _, output = measured(table, "--sex", "female", "--age", 50)
    (said,) = reference(output)["unscored"].values()
    assert "name one in the table's column method: all voxels, axial slice through mid-body" in said
    table = table.assign(method="all voxels, axial slice through mid-body")
    _, _, _, output = measured(table, "--sex", "female", "--age", 50)
    (score,) = reference(output)["scores"]
    # The muscle has 50 HU: 5 HU below 55, with an SD of 5.5.
    assert score["score_value"] == pytest.approx(-5 / 5.5)


@pytest.mark.parametrize(
    ("changed", "given", "why"),
    [
        ({}, ("--sex", "female", "--age", 61), "runs from 40 to 60 years, got age 61"),
        ({}, ("--sex", "male", "--age", 50), "is of female subjects, this one is male"),
        ({}, ("--age", 50), "the sex is not given"),
        ({}, ("--sex", "female"), "the age is not given"),
        ({"level": "L3"}, ("--sex", "female", "--age", 50), "of L3, the scan was measured at L1"),
        ({"device": "MR"}, ("--sex", "female", "--age", 50), "is of MR; the scan is of CT"),
        (
            {"device": "CT 120 kVp"},
            ("--sex", "female", "--age", 50),
            "does not state its tube voltage",
        ),
        ({"region": "sacrum"}, ("--sex", "female", "--age", 50), "not measured on this scan"),
        ({"method": "by eye"}, ("--sex", "female", "--age", 50), "is by 'by eye'"),
    ],
)
def test_what_does_not_fit_has_no_score_and_the_page_says_why(measured, changed, given, why):
    code, _, _, output = measured(LMS.assign(**changed), *given)
    assert code == 0
    found = reference(output)
    assert found["scores"] == []
    (said,) = found["unscored"].values()
    assert why in said
    assert "In the reference, without a score" in page(output)
    assert "percentile " not in page(output)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"quantity": "strength"}, "no quantity named 'strength'"),
        ({"unit": "mg/cm3"}, "convert it"),
        ({"sex": "f"}, "sex is female, male or empty, got 'f'"),
        ({"s": 0}, "above zero"),
        ({"age": 50}, "ages must rise"),
    ],
)
def test_a_table_that_makes_no_reference_is_refused_and_nothing_is_written(
    measured, changed, message
):
    code, _, err, output = measured(LMS.assign(**changed))
    assert code == 2 and message in err
    assert not output.exists()


def test_the_tables_file_name_stays_out_of_every_output(measured):
    table = LMS.drop(columns="source")
    _, _, _, output = measured(table, "--sex", "female", "--age", 50)
    assert "Source not given" in page(output)
    for path in output.iterdir():
        assert "Jane" not in path.read_text()


def test_a_batch_scores_each_scan_and_measures_anew_with_another_reference(
    enthesis, scan_files, tmp_path
):
    image, labels, scheme = scan_files
    row = {"image": image.name, "labels": labels.name, "scheme": scheme.name, "subject": "P1"}
    row |= {"sex": "female", "age": 50}
    pd.DataFrame([row]).to_csv(tmp_path / "scans.csv", index=False)
    output, table = tmp_path / "out", tmp_path / "reference.csv"
    call = ("batch", tmp_path / "scans.csv", "-o", output, "--jobs", 1, "--reference", table)
    found = []
    for median in (LMS["m"], LMS["m"] - 10):
        LMS.assign(m=median).to_csv(table, index=False)
        code, _, err = enthesis(*call)
        assert (code, err) == (0, "")
        (folder,) = pd.read_csv(output / "cases.csv")["folder"]
        found.append(reference(output / folder)["scores"][0]["score_value"])
    # At 50 years a median of 150, then of 140, which is the subject's own number.
    assert np.allclose(found, [Z, 0])
    assert len(list(output.glob("cases/*/case.json"))) == 2
