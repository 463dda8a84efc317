from __future__ import annotations

import gdcm
import numpy as np
import pydicom
import pytest
import SimpleITK
from data import real
from dicom_series import axial_series, compress, enhanced, save, stored_pixels
from pydicom.uid import (
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    ExplicitVRBigEndian,
    RLELossless,
)

from enthesis import read
from enthesis.errors import InputError

COUNT = 4

SHARED = {
    "PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]},
    "PixelMeasuresSequence": {"PixelSpacing": [0.5, 0.8], "SliceThickness": 3},
    "PixelValueTransformationSequence": {
        "RescaleSlope": 1,
        "RescaleIntercept": -1024,
        "RescaleType": "HU",
    },
    "CTXRayDetailsSequence": {"KVP": 120.0},
    "CTReconstructionSequence": {"ConvolutionKernel": "B30"},
}


def places(heights):
    return [
        {"PlanePositionSequence": {"ImagePositionPatient": [-10, -20, 100 + z]}} for z in heights
    ]


def enhanced_ct(pixels, frames, shared=SHARED):
    return enhanced(pixels, frames, shared, SOPClassUID=EnhancedCTImageStorage)


def test_an_enhanced_file_reads_as_the_single_slices_that_it_holds(tmp_path):
    pixels = stored_pixels(COUNT)
    single = read.image(save(tmp_path / "single", axial_series(pixels, KVP=120)))
    # Frames lie in the file in an order of their own.
    order = [2, 0, 3, 1]
    frames = places([2 * k for k in order])
    image = read.image(save(tmp_path / "many", [enhanced_ct(pixels[order], frames)]) / "IM000")
    np.testing.assert_array_equal(image.array, single.array)
    np.testing.assert_allclose(image.affine, single.affine)
    assert image.source.facts["kvp"] == 120
    assert image.source.facts["kernel"] == "B30"
    assert image.source.facts["slice_spacing_mm"] == 2


def test_each_frame_is_rescaled_by_its_own_numbers(tmp_path):
    pixels = stored_pixels(COUNT)
    frames = places(range(COUNT))
    for k, frame in enumerate(frames):
        frame["PixelValueTransformationSequence"] = {
            "RescaleSlope": k + 1,
            "RescaleIntercept": -1000 * k,
            "RescaleType": "HU",
        }
    image = read.image(save(tmp_path, [enhanced_ct(pixels, frames)]))
    expected = [plane * (k + 1.0) - 1000 * k for k, plane in enumerate(pixels)]
    np.testing.assert_array_equal(image.array, np.array(expected).T[::-1, ::-1])


def test_big_endian_frames_of_twelve_bits_keep_their_values_and_lose_an_overlay(tmp_path):
    pixels = stored_pixels(COUNT)
    # An overlay in the bits above the twelve that are stored.
    dataset = enhanced_ct((pixels | 0x8000).byteswap(), places(range(COUNT)))
    dataset.BitsStored, dataset.HighBit = 12, 11
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    path = tmp_path / "big"
    dataset.save_as(path, little_endian=False, implicit_vr=False, enforce_file_format=True)
    image = read.image(path)
    np.testing.assert_array_equal(image.array[::-1, ::-1].T, pixels.astype(int) - 1024)


def test_signed_values_of_few_bits_keep_their_sign(tmp_path):
    stored = np.array([[-5, 3, -2048, 2047]], dtype=np.int16)
    (dataset,) = axial_series((stored & 0x0FFF).astype(np.int16)[None], RescaleIntercept=0)
    dataset.BitsStored, dataset.HighBit = 12, 11
    image = read.image(save(tmp_path, [dataset]))
    assert image.array[::-1, 0, 0].tolist() == [-5, 3, -2048, 2047]


@pytest.mark.parametrize("name", ["JPEG2000Lossless", "JPEGLSLossless", "JPEGLosslessProcess14_1"])
def test_compressed_frames_read_as_they_were(name, tmp_path):
    pixels = stored_pixels(COUNT, rows=16, columns=12)
    path = save(tmp_path, [enhanced_ct(pixels, places(range(COUNT)))]) / "IM000"
    compress(path, getattr(gdcm.TransferSyntax, name))
    image = read.image(path)
    np.testing.assert_array_equal(image.array[::-1, ::-1].T, pixels.astype(int) - 1024)
    assert image.source.facts["compression"].startswith("JPEG")


def test_run_length_frames_read_as_they_were(tmp_path):
    pixels = stored_pixels(COUNT, rows=16, columns=12)
    dataset = enhanced_ct(pixels, places(range(COUNT)))
    dataset.compress(RLELossless)
    image = read.image(save(tmp_path, [dataset]))
    np.testing.assert_array_equal(image.array[::-1, ::-1].T, pixels.astype(int) - 1024)


def mr_frames(echo_times):
    shared = {name: SHARED[name] for name in ("PlaneOrientationSequence", "PixelMeasuresSequence")}
    frames = [
        {**frame, "MREchoSequence": {"EffectiveEchoTime": time}}
        for time in echo_times
        for frame in places(range(COUNT))
    ]
    return frames, shared


def test_an_enhanced_mr_file_of_several_echoes_is_parted_by_echo_time(tmp_path):
    pixels = stored_pixels(2 * COUNT)
    frames, shared = mr_frames([4.6, 2.3])
    dataset = enhanced(
        pixels,
        frames,
        shared,
        SOPClassUID=EnhancedMRImageStorage,
        Modality="MR",
        MagneticFieldStrength=3.0,
    )
    path = save(tmp_path, [dataset]) / "IM000"
    with pytest.raises(
        InputError, match=r"2 volumes \(0: echo time 2\.3 ms \(4 slices\), 1: echo time 4\.6"
    ):
        read.image(path)
    first = read.image(path, volume=0)
    np.testing.assert_array_equal(first.array[::-1, ::-1].T, pixels[COUNT:])
    assert first.source.facts["echo_time_ms"] == 2.3
    found = read.echoes(path)
    assert found.echo_times.tolist() == [0.0023, 0.0046]
    np.testing.assert_array_equal(found.array[::-1, ::-1, :, 1].T, pixels[:COUNT])


def test_an_enhanced_map_of_another_quantity_is_refused_by_its_unit():
    with pytest.raises(InputError, match="is in 'ml/100ml/s', not HU"):
        read.image(real("pydicom_data/eCT_Supplemental.dcm"))


def test_a_real_parametric_map_keeps_its_stored_numbers():
    path = real("pydicom_data/parametric_map_float.dcm")
    with pytest.raises(InputError, match="name its quantity"):
        read.image(path)
    image = read.image(path, quantity="signal")
    assert image.spacing == (0.661468, 0.661468, 5)
    stored = np.frombuffer(pydicom.dcmread(path).FloatPixelData, np.float32).reshape(128, 128)
    np.testing.assert_array_equal(image.array[::-1, ::-1, 0].T, stored)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: setattr(d, "NumberOfFrames", 5), r"are cut short"),
        (lambda d: setattr(d, "NumberOfFrames", 2**31 - 1), r"are cut short"),
        (lambda d: d.PerFrameFunctionalGroupsSequence.pop(), "has 4 frames but describes 3"),
        (
            lambda d: d.PerFrameFunctionalGroupsSequence[1].__delattr__("PlanePositionSequence"),
            r"\(frame 2 of 4\) has no usable position",
        ),
        (
            lambda d: setattr(
                d.PerFrameFunctionalGroupsSequence[3].PlanePositionSequence[0],
                "ImagePositionPatient",
                [-10, -20, 105],
            ),
            r"2 slices missing between .* 102 mm \(frame 3 of 4\) and .* 105 mm \(frame 4",
        ),
    ],
)
def test_frames_that_make_no_volume_are_refused(change, message, tmp_path):
    dataset = enhanced_ct(stored_pixels(COUNT), places(range(COUNT)))
    change(dataset)
    with pytest.raises(InputError, match=message):
        read.image(save(tmp_path, [dataset]) / "IM000")


def test_simpleitk_reads_the_same_values_from_an_enhanced_file(tmp_path):
    pixels = stored_pixels(COUNT)
    path = save(tmp_path, [enhanced_ct(pixels, places(range(COUNT)))]) / "IM000"
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))
    np.testing.assert_array_equal(read.image(path).array[::-1, ::-1].T, theirs)
