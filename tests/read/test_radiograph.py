from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from data import real
from dicom_series import ct_slice, save
from pydicom.uid import DigitalXRayImageStorageForPresentation

from enthesis import read
from enthesis.errors import InputError


def radiograph(**changes):
    usual = {
        "Modality": "DX",
        "SOPClassUID": DigitalXRayImageStorageForPresentation,
        "PixelSpacing": None,
        "ImagePositionPatient": None,
        "ImageOrientationPatient": None,
        "RescaleSlope": None,
        "RescaleIntercept": None,
    }
    return ct_slice(pixels(), (0, 0, 0), **{**usual, **changes})


def pixels():
    return np.arange(20, dtype=np.uint16).reshape(4, 5) * 100


def as_stored(image):
    return image.array[::-1, ::-1, 0].T


@pytest.mark.parametrize(
    ("changes", "spacing", "way", "said"),
    [
        ({"PixelSpacing": [0.2, 0.3]}, (0.3, 0.2), "pixel spacing", ""),
        (
            {"PixelSpacing": [0.2, 0.3], "ImagerPixelSpacing": [0.25, 0.36]},
            (0.3, 0.2),
            "pixel spacing (calibrated)",
            "",
        ),
        (
            {"PixelSpacing": [0.2, 0.3], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.3, 0.2),
            "pixel spacing (fiducial)",
            "",
        ),
        (
            {"PixelSpacing": [0.2, 0.2], "ImagerPixelSpacing": [0.2, 0.2]},
            (0.2, 0.2),
            "imager pixel spacing",
            "those at the detector",
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.3], "EstimatedRadiographicMagnificationFactor": 1.25},
            (0.24, 0.16),
            "over magnification",
            "magnification of 1.25",
        ),
        (
            {"NominalScannedPixelSpacing": [0.1, 0.1]},
            (0.1, 0.1),
            "nominal scanned",
            "a scanned film",
        ),
    ],
)
def test_which_length_of_a_pixel_is_used_is_said(changes, spacing, way, said, tmp_path):
    image = read.image(save(tmp_path, [radiograph(**changes)]))
    assert image.spacing[:2] == pytest.approx(spacing)
    assert way in image.source.facts["scale"]
    assert said in " ".join(image.source.flags)
    assert "volumes cannot" in " ".join(image.source.flags)
    np.testing.assert_array_equal(as_stored(image), pixels())


def test_an_inverted_picture_is_turned_so_that_bone_is_bright(tmp_path):
    dataset = radiograph(PixelSpacing=[1, 1], PhotometricInterpretation="MONOCHROME1")
    dataset.BitsStored, dataset.HighBit = 12, 11
    image = read.image(save(tmp_path, [dataset]))
    np.testing.assert_array_equal(as_stored(image), 4095 - pixels().astype(int))
    assert image.source.facts["inverted"] is True


def test_what_was_drawn_over_a_picture_is_left_out_and_that_is_said(tmp_path):
    drawn = radiograph(PixelSpacing=[0.2, 0.2])
    drawn.add_new(0x60000010, "US", 4)
    drawn.add_new(0x60000011, "US", 5)
    drawn.add_new(0x60003000, "OW", b"\xff\xff\xff\x00")
    plain = radiograph(PixelSpacing=[0.2, 0.2])
    said, silent = (
        read.image(save(tmp_path / name, [one]))
        for name, one in (("drawn", drawn), ("plain", plain))
    )
    np.testing.assert_array_equal(said.array, silent.array)
    assert "has an overlay" in " ".join(said.source.flags)
    assert "overlay" not in " ".join(silent.source.flags)


def test_pictures_without_scale_and_screenshots_are_refused(tmp_path):
    folder = save(tmp_path, [radiograph(ExposedArea=[10, 20])])
    with pytest.raises(
        InputError, match=r"no length of a pixel.* 10 x 20 mm over its pixels would be 5, 2"
    ):
        read.image(folder)
    assert read.image(folder, pixel_spacing=(5, 2)).spacing[:2] == (2, 5)
    colour = radiograph(
        PhotometricInterpretation="RGB", SamplesPerPixel=3, PlanarConfiguration=0, Modality="OT"
    )
    with pytest.raises(InputError, match="is RGB, so it is a screenshot"):
        read.image(save(tmp_path / "colour", [colour]))


def test_pictures_of_one_series_are_chosen_by_their_number(tmp_path):
    spaced = {"PixelSpacing": [1, 1]}
    second = radiograph(instance=2, ProtocolName="Left Hip of Jane", **spaced)
    first = radiograph(instance=1, ProtocolName="AP Spine", **spaced)
    first.PixelData = (pixels() + 1).astype("<u2").tobytes()
    save(tmp_path, [second, first])
    with pytest.raises(InputError, match=r"0: 5 x 4 ap spine, 1: 5 x 4 left hip of …\)") as caught:
        read.image(tmp_path)
    assert "Jane" not in str(caught.value)
    np.testing.assert_array_equal(as_stored(read.image(tmp_path, volume=0)), pixels() + 1)


def test_a_real_radiograph_equals_simpleitks_reading():
    path = real("highdicom/dx_image.dcm")
    image = read.image(path)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0]
    # The file counts downwards from white (MONOCHROME1), which SimpleITK turns too.
    np.testing.assert_array_equal(as_stored(image), theirs)
    assert image.source.facts["inverted"] is True
    assert image.spacing[:2] == (1.201199999999, 1.2)


def test_real_pictures_of_a_densitometer_need_a_scale_and_are_no_density():
    for path in sorted(real("dxa_gelunar_dxaconv").iterdir()):
        with pytest.raises(InputError, match="states no length of a pixel"):
            read.image(path)
        image = read.image(path, pixel_spacing=0.25)
        theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0]
        np.testing.assert_array_equal(as_stored(image), theirs)
        assert "its grey values are no bone density" in " ".join(image.source.flags)
        assert image.source.facts["protocol"].startswith("dxa images ")
