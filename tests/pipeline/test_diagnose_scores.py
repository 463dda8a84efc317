import pandas as pd
import pytest

from enthesis.errors import InputError
from enthesis.pipeline.diagnose import diagnose
from enthesis.pipeline.diagnose_scores import nhanes_iii, user_scores, with_scores
from enthesis.read.device_values import values


def subjects(**columns):
    return pd.DataFrame({"subject": ["a", "b"], "sex": ["F", "F"], "age": [70, 71], **columns})


def scored(table, scores):
    found = values(table)
    return with_scores(found.table, found.columns, scores)


def test_bmd_alone_gives_nhanes_iii_t_scores():
    table = subjects(**{"Femoral neck BMD (g/cm2)": [0.600, 0.558], "Total hip BMD": [0.700, 0.9]})
    made, said = scored(table, nhanes_iii("Hologic"))
    # (0.600 - 0.858) / 0.120 = -2.15, (0.558 - 0.858) / 0.120 = -2.5, (0.700 - 0.942) / 0.122.
    assert made["t_score_femoral_neck"].tolist() == pytest.approx([-2.15, -2.5])
    assert made["t_score_total_hip"].iloc[0] == pytest.approx(-1.9836, abs=5e-5)
    assert "worked out of its BMD by NHANES III" in said["t_score_femoral_neck"]


def test_the_bmd_of_another_scanner_is_put_on_the_references_scale_first():
    # Lu 2001: Lunar 0.760 is 0.69064 standardised; (0.69064 - 0.019) / 1.087 = 0.61788 Hologic.
    made, said = scored(
        subjects(**{"Femoral neck BMD (g/cm2)": [0.760, None]}), nhanes_iii("lunar")
    )
    assert made["t_score_femoral_neck"].iloc[0] == pytest.approx((0.61788 - 0.858) / 0.12, abs=1e-3)
    assert made["t_score_femoral_neck"].isna().tolist() == [False, True]
    assert "put from Lunar's scale on Hologic's" in said["t_score_femoral_neck"]


def test_findings_say_that_their_t_score_was_worked_out():
    table = subjects(**{"Femoral neck BMD (g/cm2)": [0.500, 0.900]})
    plain = "who_1994"
    with pytest.raises(InputError, match="no criterion can tell"):
        diagnose(table, criteria=[plain])
    found = diagnose(table, criteria=[plain], scores=nhanes_iii("hologic")).to_frame()
    assert found["category"].tolist() == ["osteoporosis", "normal"]
    assert found["flags"].str.contains("worked out of its BMD by NHANES III").all()


def test_t_scores_of_the_device_are_left_alone():
    table = subjects(
        **{"Femoral neck BMD (g/cm2)": [0.6, 0.6], "Left femoral neck T-score": [-1.0, None]}
    )
    made, said = scored(table, nhanes_iii("hologic"))
    assert said == {}
    assert "t_score_femoral_neck" not in made


def test_a_reference_of_ones_own_gives_t_and_z_scores():
    reference = pd.DataFrame(
        {
            "Region": ["lumbar_spine"] * 3,
            "sex": ["", "female", "female"],
            "age": [None, 60, 80],
            "mean": [1.047, 0.90, 0.80],
            "sd": [0.110, 0.09, 0.08],
        }
    )
    table = subjects(**{"L1-L4 BMD (g/cm2)": [0.800, 0.800]})
    made, said = scored(table, user_scores(reference, name="ours"))
    assert made["t_score_lumbar_spine"].iloc[0] == pytest.approx(-2.2455, abs=5e-5)
    # At 70 the mean lies half way, 0.85, and the SD is a tenth of it: -0.05 / 0.085.
    assert made["z_score_lumbar_spine"].iloc[0] == pytest.approx(-0.5882, abs=5e-5)
    assert set(said) == {"t_score_lumbar_spine", "z_score_lumbar_spine"}


def test_scores_that_nobody_can_tell_are_refused():
    with pytest.raises(InputError, match="one of hologic, lunar, norland, got 'GE'"):
        nhanes_iii("GE")
    row = {"region": ["ward"], "mean": [1.0], "sd": [0.1]}
    with pytest.raises(InputError, match="the region is one of lumbar_spine"):
        user_scores(pd.DataFrame(row), name="ours")
    twice = {"region": ["total_hip"] * 2, "mean": [1.0, 0.9], "sd": [0.1, 0.1]}
    with pytest.raises(InputError, match="2 rows of total_hip without an age"):
        user_scores(pd.DataFrame(twice), name="ours")
    with pytest.raises(InputError, match="'region' is missing"):
        user_scores(pd.DataFrame({"mean": [1.0]}), name="ours")
