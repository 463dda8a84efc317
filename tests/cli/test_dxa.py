import json

import pandas as pd
import pytest

VISITS = (
    "subject,date,Total hip BMD (g/cm2),BMC L1 (g),BMC L2 (g),BMC L3 (g),BMC L4 (g),"
    "Area L1 (cm2),Area L2 (cm2),Area L3 (cm2),Area L4 (cm2),T L1,T L2,T L3,T L4\n"
    "A,2022-01-01,0.880,9.4,10.9,12.5,16.9,12.5,13.8,15.4,17.0,-2.6,-2.4,-2.5,-1.6\n"
    "A,2020-01-01,0.900,9.5,11.0,12.6,16.8,12.5,13.8,15.4,17.0,-2.6,-2.4,-2.5,-0.9\n"
    "A,2023-01-01,0.870,9.1,10.5,12.1,16.9,12.5,13.8,15.4,17.0,-2.8,-2.6,-2.7,-1.9\n"
    "B,2021-01-01,0.700,,,,,,,,,,,,\n"
    "B,2022-01-01,0.705,,,,,,,,,,,,\n"
)
PAIRS = [(0.850, 0.862), (0.910, 0.905), (1.020, 1.034), (0.760, 0.758), (0.980, 0.991)]
REPEATS = "subject,Total hip BMD (g/cm2)\n" + "".join(
    f"{i},{value}\n" for i, pair in enumerate(PAIRS) for value in pair
)


@pytest.fixture
def files(tmp_path):
    (tmp_path / "visits.csv").write_text(VISITS)
    (tmp_path / "repeats.csv").write_text(REPEATS)
    return tmp_path


def test_changes_stand_beside_the_least_significant_one(enthesis, files):
    code, out, err = enthesis(
        "dxa", files / "visits.csv", "--repeats", files / "repeats.csv", "-o", files / "c.csv"
    )
    assert (code, err) == (0, "")
    assert "total_hip" in out
    changes = pd.read_csv(files / "c.csv")
    hip = changes[(changes["site"] == "total_hip") & (changes["subject"] == "A")]
    assert hip["from_visit"].tolist() == ["first", "first", "previous"]
    assert hip["change"].tolist() == pytest.approx([-0.020, -0.030, -0.010])
    assert hip["lsc"].tolist() == pytest.approx([0.01940] * 3, abs=5e-6)
    assert hip["significant"].tolist() == [True, True, False]
    # Visits are put in the order of their dates; rows are those of the file.
    assert hip[["from_row", "to_row"]].to_numpy().tolist() == [[3, 2], [3, 4], [2, 4]]
    precision = pd.read_csv(files / "c_precision.csv")
    assert precision["rms_sd"].tolist() == pytest.approx([0.00700], abs=5e-6)


def test_the_spine_is_of_the_vertebrae_that_count_at_every_visit(enthesis, files):
    enthesis("dxa", files / "visits.csv", "-o", files / "c.csv")
    spine = pd.read_csv(files / "c.csv").query("site == 'lumbar_spine'")
    assert set(spine["vertebrae"]) == {"L1, L2, L3"}
    assert spine["first"].iloc[0] == pytest.approx(33.1 / 41.7)
    assert "L4 left out: T-score 1.6 above L3" in spine["flags"].iloc[0]
    # Nobody gave repeats: nothing is called significant.
    assert spine["significant"].isna().all()


def test_precision_is_of_the_same_vertebrae(enthesis, files):
    header, *pair = VISITS.splitlines()[:3]
    twice = [*pair, *(row.replace("A,", "C,", 1) for row in pair)]
    (files / "repeats.csv").write_text("\n".join([header, *twice]))
    enthesis("dxa", files / "visits.csv", "--repeats", files / "repeats.csv", "-o", files / "c.csv")
    precision = pd.read_csv(files / "c_precision.csv").set_index("site")
    # SD of 32.8 / 41.7 and 33.1 / 41.7 is their difference over the root of two.
    assert precision.loc["lumbar_spine", "rms_sd"] == pytest.approx(0.3 / 41.7 / 2**0.5)


def test_a_change_between_two_devices_is_not_judged(enthesis, files):
    (files / "visits.csv").write_text(
        "subject,years,device,Total hip BMD (g/cm2)\nA,0,Prodigy,0.9\nA,2,iDXA,0.8\n"
    )
    code, out, _ = enthesis(
        "dxa",
        files / "visits.csv",
        "--repeats",
        files / "repeats.csv",
        "-o",
        files / "c.csv",
        "--json",
    )
    (change,) = json.loads(out)["changes"]
    assert code == 0
    assert change["significant"] is None
    assert change["flags"].startswith("two devices")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("subject,date,grip_kg\nA,2020-01-01,20\n", "no column holds areal BMD"),
        ("subject,date,Hip BMD (g/cm2)\nA,1/2/20,0.9\n", "row 2, column 'date': '1/2/20'"),
        ("subject,Hip BMD (g/cm2)\nA,0.9\n", "needs the column 'date', 'years' or 'age'"),
        ("date,Hip BMD (g/cm2)\n2020-01-01,0.9\n", "needs the column 'subject'"),
        (
            "subject,date,Hip BMD (g/cm2)\nA,2020-01-01,980\n",
            "row 2, column 'Hip BMD (g/cm2)': 980",
        ),
        (
            "subject,years,Hip BMD (g/cm2)\nA,1,0.9\nA,1,0.8\n",
            "subject 'A' has two visits at one time (row 3)",
        ),
    ],
)
def test_an_unusable_table_of_visits_is_answered_by_a_sentence(enthesis, tmp_path, text, message):
    (tmp_path / "v.csv").write_text(text)
    code, _, err = enthesis("dxa", tmp_path / "v.csv", "-o", tmp_path / "c.csv")
    assert code == 2
    assert message in err
    assert not (tmp_path / "c.csv").exists()


def test_device_values_come_out_as_a_long_table_with_their_dictionary(enthesis, tmp_path):
    (tmp_path / "v.csv").write_text(
        "ID,Sex,L1 BMD (g/cm2),grip_lb,shoes\n1,F,0.85,46,38\n2,M,980,80,43\n"
    )
    code, out, err = enthesis("values", tmp_path / "v.csv", "-o", tmp_path / "long.csv")
    assert (code, err) == (0, "")
    assert "as it would be in mg/cm2" in " ".join(out.split())
    long = pd.read_csv(tmp_path / "long.csv")
    assert long.set_index(["subject", "quantity"]).loc[(1, "grip_strength"), "value"] == (
        pytest.approx(20.865, abs=5e-4)
    )
    columns = pd.read_csv(tmp_path / "long_columns.csv").set_index("column")
    assert columns.loc["shoes", "kind"] == "unknown"
    assert pd.read_csv(tmp_path / "long_doubts.csv")["row"].tolist() == [3]


def test_device_headings_are_judged_as_our_own_names_are(enthesis, tmp_path):
    device, ours = tmp_path / "device.csv", tmp_path / "ours.csv"
    device.write_text(
        "ID,Gender,Age (yr),Height (cm),Femoral neck T-score,Hand grip (kg),ALM (g)\n"
        "1,F,71,160,-2.6,14,13000\n"
    )
    ours.write_text(
        "subject,sex,age,height_m,t_score_femoral_neck,grip_strength,appendicular_lean_mass\n"
        "1,female,71,1.6,-2.6,14,13.0\n"
    )
    for path in (device, ours):
        code, _, _ = enthesis("diagnose", path, "-o", path.with_suffix(".out.csv"))
        assert code == 0
    pd.testing.assert_frame_equal(
        pd.read_csv(device.with_suffix(".out.csv")), pd.read_csv(ours.with_suffix(".out.csv"))
    )


LIMBS = (
    "ID,Sex,Age (yr),Height (cm),Grip (kg),Left arm lean (g),Right arm lean (g),"
    "Left leg lean (g),Right leg lean (g)\n"
    "1,F,71,160,14,2000,2000,4500,4500\n"
    "2,F,71,160,14,2000,,4500,4500\n"
)


def test_lean_mass_of_the_limbs_is_worked_out_of_an_export_by_regions(enthesis, tmp_path):
    (tmp_path / "v.csv").write_text(LIMBS)
    code, out, _ = enthesis("diagnose", tmp_path / "v.csv", "-o", tmp_path / "f.csv")
    assert code == 0
    assert "no criterion asked for" not in out
    found = pd.read_csv(tmp_path / "f.csv").set_index(["subject", "criterion"])
    # 13.0 kg / 1.60 m squared = 5.08 < 5.5 kg/m2.
    assert found.loc[(1, "ewgsop2_2019"), "category"] == "sarcopenia"
    # One arm was not measured: no mass is made up for a diagnosis.
    assert found.loc[(2, "ewgsop2_2019"), "category"] != "sarcopenia"
    assert "appendicular_lean_mass" in found.loc[(2, "ewgsop2_2019"), "missing"]
