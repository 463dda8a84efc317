from __future__ import annotations

import numpy as np
import pytest
import SimpleITK
from data import real
from dicom_series import mr_series, save, stored_pixels
from pydicom.uid import generate_uid

from enthesis import read
from enthesis.errors import InputError

COUNT = 4


def pixels():
    return stored_pixels(COUNT)


def as_stored(image):
    return image.array[::-1, ::-1].T


def test_a_series_without_rescaling_is_signal_as_stored(tmp_path):
    image = read.image(save(tmp_path, mr_series(pixels())))
    assert image.quantity == "signal"
    np.testing.assert_array_equal(as_stored(image), pixels())
    assert image.source.modality == "MR"
    facts = image.source.facts
    assert (facts["echo_time_ms"], facts["field_strength_t"]) == (2.3, 1.5)
    assert facts["orientation"] == "axial"


def test_philips_slopes_are_taken_out_so_that_slices_can_be_compared(tmp_path):
    # Stored values of one signal of 12.5, shown with slopes of their own: signal = stored / scale.
    slices = mr_series(np.full((2, 4, 5), 100, np.uint16), Manufacturer="Philips")
    for dataset, (slope, scale, stored) in zip(
        slices, [(2.0, 8.0, 100), (5.0, 4.0, 50)], strict=True
    ):
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, 0
        dataset.PixelData = np.full((4, 5), stored, "<u2").tobytes()
        dataset.add_new(0x20050010, "LO", "Philips MR Imaging DD 001")
        dataset.add_new(0x2005100E, "FL", scale)
    np.testing.assert_array_equal(read.image(save(tmp_path, slices)).array, 12.5)


def test_the_quantity_of_a_map_is_named_by_the_user(tmp_path):
    slices = mr_series(
        pixels(), ImageType=["DERIVED", "PRIMARY", "FF"], RescaleSlope=0.1, RescaleIntercept=0
    )
    folder = save(tmp_path, slices)
    assert "calls this a fat fraction" in read.image(folder).source.flags[-1]
    image = read.image(folder, quantity="fat_fraction")
    assert image.quantity == "fat_fraction"
    np.testing.assert_allclose(as_stored(image), pixels() * 0.1, rtol=1e-6)  # float32
    with pytest.raises(InputError, match="the DICOM is MR, not CT: no HU"):
        read.image(folder, quantity="hounsfield")


def test_time_points_at_the_same_places_are_volumes_to_choose_from(tmp_path):
    uid = generate_uid()
    for point in (1, 2, 3):
        slices = mr_series(pixels() + point, TemporalPositionIdentifier=point, series=uid)
        save(tmp_path, slices, prefix=f"T{4 - point}")
    with pytest.raises(
        InputError, match=r"3 volumes \(0: time point 1 \(4 slices\), 1: time point 2"
    ):
        read.image(tmp_path)
    np.testing.assert_array_equal(as_stored(read.image(tmp_path, volume=2)), pixels() + 3)
    with pytest.raises(InputError, match="there is no volume 3; choose one"):
        read.image(tmp_path, volume=3)


def test_acquisitions_that_differ_from_slice_to_slice_part_nothing(tmp_path):
    slices = mr_series(pixels())
    for k, dataset in enumerate(slices):
        dataset.AcquisitionNumber = k % 2
        dataset.TriggerTime = 100 * k
    assert read.image(save(tmp_path, slices)).shape == (5, 4, COUNT)


def test_stacks_of_two_directions_are_two_volumes(tmp_path):
    uid = generate_uid()
    save(tmp_path, mr_series(pixels(), series=uid), prefix="A")
    sagittal = mr_series(pixels(), series=uid, ImageOrientationPatient=[0, 1, 0, 0, 0, -1])
    for k, dataset in enumerate(sagittal):
        dataset.ImagePositionPatient = [3 * k, 0, 0]
    save(tmp_path, sagittal, prefix="B")
    with pytest.raises(InputError, match=r"0: axial \(4 slices\), 1: sagittal \(4 slices\)"):
        read.image(tmp_path)
    # Sagittal slices lie across I.
    assert read.image(tmp_path, volume=1).shape == (COUNT, 5, 4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ImageType": ["ORIGINAL", "PRIMARY", "M", "MOSAIC"]}, "is a Siemens mosaic"),
        ({"RescaleSlope": 0}, "a rescale slope of 0"),
        ({"PhotometricInterpretation": "RGB"}, "is RGB, not MONOCHROME2"),
        ({"PixelData": None}, "has no pixel data"),
        ({"ImagePositionPatient": None}, "has no usable position"),
    ],
)
def test_what_is_no_slice_of_signal_is_refused(changes, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read.image(save(tmp_path, mr_series(pixels(), **changes)))


def test_a_real_slice_with_an_overlay_in_its_high_bits_equals_simpleitks_reading():
    path = real("pydicom_data/MR-SIEMENS-DICOM-WithOverlays.dcm")
    image = read.image(path)
    theirs = SimpleITK.ReadImage(str(path))
    np.testing.assert_array_equal(as_stored(image), SimpleITK.GetArrayFromImage(theirs))
    np.testing.assert_allclose(image.spacing[:2], theirs.GetSpacing()[:2])
    # The thickness of a lone slice, where SimpleITK says 1 mm.
    assert image.spacing[2] == 4
    assert image.source.facts["contrast"] is True
