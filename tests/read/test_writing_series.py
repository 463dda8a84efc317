from dataclasses import replace

import numpy as np
import pydicom
import pytest
from dicom_validators import errors_of_dciodvfy, printed_by

from enthesis import phantom, read
from enthesis.errors import GridError, InputError
from enthesis.image import Echoes, Image, Source


def turned(degrees_k=12.0, degrees_i=7.0, spacing=(0.7, 0.9, 3.3)):
    """An affine that is oblique to all axes of the body."""
    k, i = np.radians([degrees_k, degrees_i])
    about_k = [[np.cos(k), -np.sin(k), 0], [np.sin(k), np.cos(k), 0], [0, 0, 1]]
    about_i = [[1, 0, 0], [0, np.cos(i), -np.sin(i)], [0, np.sin(i), np.cos(i)]]
    affine = np.eye(4)
    affine[:3, :3] = np.array(about_k) @ about_i * spacing
    affine[:3, 3] = [-51.37, 20.123456, -300.7]
    return affine


RNG = np.random.default_rng(5)

CT = Image(
    array=RNG.integers(-1024, 3072, (9, 8, 5)).astype(np.int16),
    affine=turned(),
    quantity="hounsfield",
    source=Source(modality="CT", facts={"kvp": 120, "kernel": "Doe^Jane"}),
)

COMPLEX = (RNG.normal(0, 40, (9, 8, 5, 3)) + 1j * RNG.normal(0, 40, (9, 8, 5, 3))).astype(
    np.complex64
)

ECHOES = Echoes(
    array=COMPLEX, affine=turned(), echo_times=np.array([0.0012, 0.0022, 0.0032]), field_strength=3
)

# Positions are decimal texts of 16 characters.
PLACE_MM = 1e-9


@pytest.fixture(scope="module")
def made():
    return phantom.lumbar_ct(
        phantom.LumbarBody(), spacing_mm=(8, 8, 8), rng=np.random.default_rng(7)
    )


def test_ct_comes_back_voxel_for_voxel_at_its_place(tmp_path):
    read.write_series(CT, tmp_path / "ct")
    back = read.image(tmp_path / "ct")
    np.testing.assert_array_equal(back.array, CT.array)
    np.testing.assert_allclose(back.affine, CT.affine, atol=PLACE_MM)
    assert back.quantity == "hounsfield"
    assert back.source.facts["kvp"] == 120
    assert back.source.flags == ()


def test_contrast_medium_is_said(tmp_path):
    for name, given in (("with", True), ("without", False)):
        scan = replace(CT, source=Source(modality="CT", facts={"contrast": given}))
        read.write_series(scan, tmp_path / name)
        assert read.image(tmp_path / name).source.facts["contrast"] is given
    assert errors_of_dciodvfy(tmp_path / "with" / "IM00001.dcm") == []


def test_fractions_of_hu_are_rounded(tmp_path):
    smooth = Image(array=CT.array + np.float32(0.3), affine=CT.affine, quantity="hounsfield")
    read.write_series(smooth, tmp_path / "ct")
    np.testing.assert_array_equal(read.image(tmp_path / "ct").array, CT.array)


def test_signals_come_back_within_half_a_step_and_whole_ones_exactly(tmp_path):
    signal = RNG.normal(100, 40, (9, 8, 5)).astype(np.float32)
    mr = Image(array=signal, affine=turned(), quantity="signal")
    read.write_series(mr, tmp_path / "mr")
    back = read.image(tmp_path / "mr")
    step = np.ptp(signal) / 65535
    assert np.abs(back.array - signal).max() <= 0.501 * step
    np.testing.assert_allclose(back.affine, mr.affine, atol=PLACE_MM)
    whole = Image(array=np.abs(signal).round(), affine=turned(), quantity="signal")
    read.write_series(whole, tmp_path / "whole")
    np.testing.assert_array_equal(read.image(tmp_path / "whole").array, whole.array)


def test_echoes_come_back_with_times_field_and_phase(tmp_path):
    read.write_series(ECHOES, tmp_path / "me")
    listed = read.series(tmp_path / "me")
    assert [each.components for each in listed].count(("real",)) == 1
    assert all(each.volumes == 3 for each in listed)
    back = read.echoes(tmp_path / "me")
    for part in ("real", "imag"):
        was, now = getattr(COMPLEX, part), getattr(back.array, part)
        assert np.abs(now - was).max() <= 0.501 * np.ptp(was) / 65535
    assert back.echo_times == pytest.approx(ECHOES.echo_times)
    assert back.field_strength == 3
    np.testing.assert_allclose(back.affine, ECHOES.affine, atol=PLACE_MM)


def test_magnitudes_alone_come_back_as_magnitudes(tmp_path):
    plain = Echoes(
        array=np.abs(COMPLEX), affine=turned(), echo_times=ECHOES.echo_times, field_strength=1.5
    )
    read.write_series(plain, tmp_path / "me")
    back = read.echoes(tmp_path / "me")
    assert not np.iscomplexobj(back.array)
    assert np.abs(back.array - plain.array).max() <= 0.501 * np.ptp(plain.array) / 65535


def test_the_phantom_comes_back_from_dicom(made, tmp_path):
    read.write_series(made.image, tmp_path / "ct")
    back = read.image(tmp_path / "ct")
    np.testing.assert_array_equal(back.array, made.image.array)
    np.testing.assert_allclose(back.affine, made.image.affine, atol=PLACE_MM)


def test_simpleitk_reads_the_same_volume_at_the_same_place(tmp_path):
    sitk = pytest.importorskip("SimpleITK")
    read.write_series(CT, tmp_path / "ct")
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    volume = reader.Execute()
    np.testing.assert_array_equal(sitk.GetArrayFromImage(volume)[:, ::-1, ::-1].T, CT.array)
    for index in ((0, 0, 0), (8, 7, 4), (2, 5, 1)):
        lps = volume.TransformIndexToPhysicalPoint(index)
        i, j, k = 8 - index[0], 7 - index[1], index[2]
        ras = CT.affine @ [i, j, k, 1]
        np.testing.assert_allclose(np.array(lps) * [-1, -1, 1], ras[:3], atol=1e-6)


@pytest.mark.parametrize("scan", [CT, ECHOES], ids=["ct", "echoes"])
def test_validators_find_no_error(tmp_path, scan):
    read.write_series(scan, tmp_path / "out")
    files = sorted((tmp_path / "out").rglob("*.dcm"))
    for file in (files[0], files[-1]):
        assert "PixelData" in printed_by("dcmdump", file)
        assert errors_of_dciodvfy(file) == []


def test_files_name_nobody_and_are_the_same_each_time(tmp_path):
    for name in ("one", "two"):
        read.write_series(CT, tmp_path / name)
    for one, two in zip(*(sorted((tmp_path / n).iterdir()) for n in ("one", "two")), strict=True):
        assert one.read_bytes() == two.read_bytes()
        assert b"Doe" not in one.read_bytes()
    dataset = pydicom.dcmread(tmp_path / "one" / "IM00001.dcm")
    assert dataset.PatientName == "" and dataset.StudyDate == ""
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID"):
        assert dataset[keyword].value.startswith("2.25.")
        assert dataset[keyword].value.is_valid
    other = Image(array=CT.array[::-1], affine=CT.affine, quantity="hounsfield")
    read.write_series(other, tmp_path / "other")
    assert (
        pydicom.dcmread(tmp_path / "other" / "IM00001.dcm").SeriesInstanceUID
        != dataset.SeriesInstanceUID
    )


def test_segments_and_reports_can_refer_to_a_written_series(made, tmp_path):
    pytest.importorskip("highdicom")
    read.write_series(made.image, tmp_path / "ct")
    read.write_seg(made.labels, tmp_path / "ct", tmp_path / "seg.dcm")
    back = read.labels(tmp_path / "seg.dcm", like=made.image)
    assert set(back.names.values()) == set(made.labels.names.values())
    region = "psoas_major_left"
    np.testing.assert_array_equal(
        back.array == back.label(region), made.labels.array == made.labels.label(region)
    )
    read.write_sr(made.truth, tmp_path / "ct", tmp_path / "sr.dcm")
    report = read.sr(tmp_path / "sr.dcm")
    assert len(report.measurements) == len(tuple(made.truth))
    for file in ("seg.dcm", "sr.dcm"):
        assert errors_of_dciodvfy(tmp_path / file) == []


def test_a_tilted_scan_is_written_as_it_leans_and_refused_by_its_tilt(tmp_path):
    leaning = phantom.lumbar_ct(
        spacing_mm=(8, 8, 8), tilt_deg=15, rng=np.random.default_rng(7)
    ).image
    read.write_series(leaning, tmp_path / "ct")
    slices = [pydicom.dcmread(file) for file in sorted((tmp_path / "ct").iterdir())]
    first, second = (np.array(one.ImagePositionPatient, dtype=float) for one in slices[:2])
    # Stacked straight up, while each slice is raised in front by the tilt.
    assert second - first == pytest.approx([0, 0, 8])
    down = np.array(slices[0].ImageOrientationPatient[3:], dtype=float)
    assert down == pytest.approx([0, np.cos(np.radians(15)), -np.sin(np.radians(15))])
    with pytest.raises(InputError, match=r"gantry tilt of 15\.0 degrees"):
        read.image(tmp_path / "ct")


def test_what_dicom_cannot_say_is_refused(tmp_path):
    out = tmp_path / "out"
    fat = Image(array=np.zeros((2, 2, 2)), affine=turned(), quantity="fat_fraction")
    with pytest.raises(InputError, match="this is 'fat_fraction'"):
        read.write_series(fat, out)
    holes = np.where(CT.array == CT.array.max(), np.nan, CT.array)
    with pytest.raises(InputError, match="hold no number"):
        read.write_series(Image(array=holes, affine=turned(), quantity="hounsfield"), out)
    with pytest.raises(InputError, match="do not fit in 16 bits"):
        read.write_series(
            Image(array=np.full((2, 2, 2), 40000), affine=turned(), quantity="hounsfield"), out
        )
    sheared = turned()
    sheared[:3, 1] += sheared[:3, 0]
    with pytest.raises(GridError, match="not at right angles"):
        read.write_series(Image(array=CT.array, affine=sheared, quantity="hounsfield"), out)
    flat = Image(
        array=np.zeros((2, 2, 1)),
        affine=turned(),
        quantity="signal",
        source=Source(modality="MR", facts={"slice_thickness_mm": None}),
    )
    with pytest.raises(InputError, match="without a known thickness"):
        read.write_series(flat, out)
    assert not out.exists()
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    (out / "IM00001.dcm").touch()
    with pytest.raises(InputError, match="there already"):
        read.write_series(CT, out)
