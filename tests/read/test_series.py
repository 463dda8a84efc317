from __future__ import annotations

import json
import math

import numpy as np
import pytest
from data import real
from dicom_series import axial_series, mr_series, save, stored_pixels

from enthesis import read
from enthesis.cli import run
from enthesis.errors import InputError
from enthesis.read.redaction import redacted

COUNT = 4


@pytest.fixture
def folder(tmp_path):
    pixels = stored_pixels(COUNT)
    save(tmp_path, axial_series(pixels, SeriesDescription="Abdomen venous DOE^JANE"), prefix="CT")
    for echo in (4.6, 2.3):
        slices = mr_series(
            pixels,
            series="1.2.3",
            EchoTime=echo,
            SeriesDescription="t2_me_GRE 1950-01-01",
            ProtocolName="jane's lumbar spine",
        )
        save(tmp_path, slices, prefix=f"MR{echo}")
    tilted = axial_series(pixels, series="1.2.4", InstanceNumber=1)[:2]
    save(tmp_path, [tilted[0], tilted[0]], prefix="TWICE")
    report = axial_series(pixels, series="1.2.5", Modality="SR", Rows=None, PixelData=None)
    save(tmp_path, report[:1], prefix="SR")
    return tmp_path


def test_the_series_of_a_folder_are_told_with_what_can_be_read(folder):
    found = {(each.modality, each.images): each for each in read.series(folder)}
    mr = found["MR", 2 * COUNT]
    assert (mr.volumes, mr.echo_times, mr.components) == (2, (2.3, 4.6), ("magnitude",))
    assert (mr.size, mr.orientation, mr.problem) == ((5, 4), "axial", "")
    assert mr.spacing == (0.8, 0.5, 2.0)
    ct = found["CT", COUNT]
    assert read.image(folder, series=ct.code).shape == (5, 4, COUNT)
    np.testing.assert_array_equal(
        read.image(folder, series=mr.code, volume=1).array[::-1, ::-1].T, stored_pixels(COUNT)
    )
    assert "1 places occur twice" in found["CT", 2].problem
    assert found["SR", 0].problem == "no images"
    assert [each.images for each in read.series(folder)] == [8, 4, 2, 0]


def test_descriptions_keep_words_of_imaging_and_no_name_or_date(folder):
    texts = [each.description for each in read.series(folder)]
    assert texts[:2] == ["t2 me gre … lumbar spine", "abdomen venous …"]
    assert redacted("T2 TSE sag, 3.0 mm Müller 12345678 (L-Spine)") == "t2 tse sag 3.0 … l spine"
    assert redacted("") == ""


def test_the_command_prints_the_list_for_people_and_for_programs(folder, capsys):
    assert run(["series", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "4 series" in printed
    assert "jane" not in printed.lower()
    assert run(["series", str(folder), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["modality"] for each in found] == ["MR", "CT", "CT", "SR"]
    assert found[0]["echo_times"] == [2.3, 4.6]
    assert run(["series", str(folder / "nowhere")]) == 2
    assert "no file or folder" in capsys.readouterr().err


def test_a_folder_without_dicom_has_no_series(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match="none of the 1 files"):
        read.series(tmp_path)


def test_real_folders_are_listed_with_their_problems():
    (phantom,) = read.series(real("qct_phantom_kuczynski"))
    assert (phantom.images, phantom.volumes, phantom.problem) == (9, 1, "")
    assert phantom.spacing == (0.671875, 0.671875, 0.625)
    (head,) = read.series(real("dcm_qa_ct_ge"))
    assert "gantry tilt of 18.5 degrees" in head.problem
    odd = read.series(real("pydicom_data"))
    assert {each.modality for each in odd} == {"SEG", "CT", "MR", "US", "OT"}
    for each in read.series(real("dxa_gelunar_dxaconv")):
        assert "pixel_spacing= is needed" in each.problem
        assert math.isnan(each.spacing[0])
