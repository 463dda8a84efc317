from __future__ import annotations

import gdcm
import numpy as np
import pydicom
import pytest
import SimpleITK
from data import real
from dicom_series import compress, ct_slice, save
from pydicom.dataset import Dataset
from pydicom.uid import UltrasoundImageStorage, UltrasoundMultiFrameImageStorage

from enthesis import read
from enthesis.errors import InputError

ROWS, COLUMNS = 6, 8


def region(step_cm=0.05, *, form=1, units=3, box=(0, 0, 7, 5)):
    item = Dataset()
    item.RegionSpatialFormat = form
    item.RegionDataType = 1
    for name, value in zip(("MinX0", "MinY0", "MaxX1", "MaxY1"), box, strict=True):
        setattr(item, f"RegionLocation{name}", value)
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = units
    item.PhysicalDeltaX, item.PhysicalDeltaY = step_cm, -2 * step_cm
    return item


def ultrasound(pixels, regions=(), **changes):
    dataset = ct_slice(
        np.zeros((ROWS, COLUMNS), np.uint16),
        (0, 0, 0),
        Modality="US",
        SOPClassUID=UltrasoundImageStorage,
        PixelSpacing=None,
        ImagePositionPatient=None,
        ImageOrientationPatient=None,
        RescaleSlope=None,
        RescaleIntercept=None,
    )
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit = 7
    dataset.PixelData = pixels.astype(np.uint8).tobytes()
    if regions:
        dataset.SequenceOfUltrasoundRegions = list(regions)
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def grey():
    return np.arange(ROWS * COLUMNS).reshape(ROWS, COLUMNS) * 5


def as_stored(image):
    return image.array[::-1, ::-1, 0].T


def test_a_picture_has_the_scale_of_its_region_and_no_thickness(tmp_path):
    image = read.image(save(tmp_path, [ultrasound(grey(), [region()])]))
    assert image.quantity == "echo_intensity"
    assert image.shape == (COLUMNS, ROWS, 1)
    # 0.05 cm across and, counted upwards in the file, 0.1 cm down.
    assert image.spacing[:2] == pytest.approx((0.5, 1.0))
    np.testing.assert_array_equal(as_stored(image), grey())
    assert "volumes cannot" in image.source.flags[0]
    assert image.source.facts["slice_thickness_mm"] is None


def test_colour_becomes_luma_and_grey_drawn_in_colour_stays_grey(tmp_path):
    colours = np.repeat(grey()[..., None], 3, axis=2)
    colours[0, 0] = (255, 0, 0)
    colours[0, 1] = (0, 255, 0)
    colours[0, 2] = (0, 0, 255)
    dataset = ultrasound(
        colours,
        [region()],
        SamplesPerPixel=3,
        PhotometricInterpretation="RGB",
        PlanarConfiguration=0,
    )
    found = as_stored(read.image(save(tmp_path, [dataset])))
    # ITU-R BT.601: 0.299, 0.587 and 0.114 of 255.
    np.testing.assert_allclose(found[0, :3], [76.245, 149.685, 29.07], rtol=1e-6)
    np.testing.assert_array_equal(found[1:], grey()[1:])


def loop(**changes):
    pixels = np.stack([grey(), grey() + 1, grey() + 2])
    return pixels, ultrasound(
        pixels,
        [region()],
        NumberOfFrames=3,
        FrameTime=40,
        SOPClassUID=UltrasoundMultiFrameImageStorage,
        **changes,
    )


@pytest.mark.parametrize("packed", [False, True])
def test_a_loop_gives_its_frames_in_order_of_time(packed, tmp_path):
    pixels, dataset = loop()
    path = save(tmp_path, [dataset]) / "IM000"
    if packed:
        compress(path, gdcm.TransferSyntax.JPEGLSLossless)
    with pytest.raises(InputError, match=r"there are 3 pictures .*from 0 to 2"):
        read.image(path)
    np.testing.assert_array_equal(as_stored(read.image(path, volume=2)), pixels[2])
    images = list(read.frames(path))
    np.testing.assert_array_equal([as_stored(image) for image in images], pixels)
    assert [image.source.facts["frame"] for image in images] == [0, 1, 2]
    assert images[0].source.facts["frame_time_s"] == 0.04


def test_regions_of_different_scale_must_be_chosen(tmp_path):
    regions = [region(0.05), region(0.08), region(0.2, form=3), region(0.1, units=4)]
    path = save(tmp_path, [ultrasound(grey(), regions)]) / "IM000"
    with pytest.raises(InputError, match=r"2 regions of different scale \(0: 0\.5 mm .*1: 0\.8 mm"):
        read.image(path)
    assert read.image(path, region=1).spacing[0] == pytest.approx(0.8)
    with pytest.raises(InputError, match="there is no region 2; the file has 2"):
        read.image(path, region=2)


def test_a_picture_without_scale_is_refused_unless_one_is_given(tmp_path):
    path = save(tmp_path, [ultrasound(grey(), [region(units=0)])]) / "IM000"
    with pytest.raises(InputError, match="states no scale"):
        read.image(path)
    assert read.image(path, pixel_spacing=0.3).spacing[:2] == (0.3, 0.3)
    assert read.image(path, pixel_spacing=(0.2, 0.3)).spacing[:2] == (0.3, 0.2)
    with pytest.raises(InputError, match="length of a pixel in mm"):
        read.image(path, pixel_spacing=-1)


def test_frames_of_anything_else_are_refused(tmp_path):
    with pytest.raises(InputError, match="only ultrasound has frames"):
        read.frames(save(tmp_path, [ultrasound(grey(), Modality="DX")]))


def test_real_pictures_equal_simpleitks_and_pydicoms_reading():
    path = real("pydicom_data/JPGLosslessP14SV1_1s_1f_8b.dcm")
    image = read.image(path)
    theirs = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))[0]
    np.testing.assert_array_equal(as_stored(image), theirs)
    # The header's 0.025476696592378157 cm.
    assert image.spacing[:2] == pytest.approx((0.25476696592378157,) * 2)
    palette = real("pydicom_data/gdcm-US-ALOKA-16.dcm")
    dataset = pydicom.dcmread(palette)
    colours = pydicom.pixels.apply_color_lut(dataset.pixel_array, dataset)
    expected = colours @ np.array([0.299, 0.587, 0.114]) * 255 / 65535
    np.testing.assert_allclose(as_stored(read.image(palette)), expected, atol=1e-4)  # float32
    scale = read.image(palette).spacing[0]
    assert scale == pytest.approx(0.3826530650258064)
