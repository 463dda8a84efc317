from __future__ import annotations

import re

import numpy as np
import pytest
import SimpleITK
from data import real

from enthesis import read
from enthesis.errors import InputError

SUFFIXES = (".nrrd", ".mha", ".mhd", ".nhdr")


def turned_image():
    rng = np.random.default_rng(2)
    image = SimpleITK.GetImageFromArray(rng.integers(-1000, 2000, (3, 4, 5)).astype(np.int16))
    image.SetSpacing((0.5, 0.8, 2))
    image.SetOrigin((-10, 20, 100))
    # Columns to the back, rows to the feet: sagittal slices.
    image.SetDirection((0, 0, 1, 1, 0, 0, 0, -1, 0))
    return image


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_every_voxel_lies_where_simpleitk_puts_it(suffix, tmp_path):
    theirs = turned_image()
    path = tmp_path / f"scan{suffix}"
    SimpleITK.WriteImage(theirs, str(path))
    image = read.image(path)
    assert image.array.dtype == np.int16
    for index in np.ndindex(theirs.GetSize()):
        x, y, z = theirs.TransformIndexToPhysicalPoint(index)
        i, j, k = np.rint(np.linalg.solve(image.affine, [-x, -y, z, 1])[:3]).astype(int)
        assert image.array[i, j, k] == theirs[index]


def test_a_compressed_file_and_another_quantity_read_alike(tmp_path):
    SimpleITK.WriteImage(turned_image(), str(tmp_path / "a.nrrd"))
    SimpleITK.WriteImage(turned_image(), str(tmp_path / "b.nrrd"), useCompression=True)
    first = read.image(tmp_path / "a.nrrd", quantity="signal")
    again = read.image(tmp_path / "b.nrrd")
    np.testing.assert_array_equal(first.array, again.array)
    assert first.source.series == again.source.series
    assert (first.quantity, again.quantity) == ("signal", "hounsfield")


def test_one_of_several_volumes_is_chosen(tmp_path):
    path = tmp_path / "four.nrrd"
    values = np.arange(2 * 3 * 4 * 5, dtype=np.int16).reshape(2, 3, 4, 5)
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(values, isVector=False), str(path))
    with pytest.raises(InputError, match="holds 2 volumes where one was wanted; choose one from 0"):
        read.image(path)
    np.testing.assert_array_equal(read.image(path, volume=1).array[::-1, ::-1].T, values[1])
    with pytest.raises(InputError, match="there is no volume 2"):
        read.image(path, volume=2)


def test_vectors_flat_pictures_and_damage_are_refused(tmp_path):
    vectors = SimpleITK.GetImageFromArray(np.zeros((2, 3, 4, 3), np.float32), isVector=True)
    flat = SimpleITK.GetImageFromArray(np.zeros((3, 4), np.int16))
    for image, message in ((vectors, "holds 3 numbers a voxel"), (flat, "is 2-D")):
        SimpleITK.WriteImage(image, str(tmp_path / "a.mha"))
        with pytest.raises(InputError, match=message):
            read.image(tmp_path / "a.mha")
    path = tmp_path / "b.nrrd"
    SimpleITK.WriteImage(turned_image(), str(path))
    whole = path.read_bytes()
    path.write_bytes(re.sub(rb"sizes: [\d ]+", b"sizes: 60000 60000 60000", whole))
    with pytest.raises(InputError, match=r"'b\.nrrd' is cut short or damaged"):
        read.image(path)
    path.write_bytes(whole[:-20])
    with pytest.raises(InputError, match=r"'b\.nrrd' is cut short"):
        read.image(path)
    path.write_text("no picture")
    with pytest.raises(InputError, match="no nrrd file"):
        read.image(path)
    with pytest.raises(InputError, match="holds one image; leave series="):
        read.image(path, series="ab")


def test_a_header_without_directions_is_flagged(tmp_path):
    path = tmp_path / "bare.nrrd"
    head = b"NRRD0004\ntype: short\ndimension: 3\nsizes: 2 2 2\nencoding: raw\nendian: little\n\n"
    path.write_bytes(head + np.arange(-4, 4, dtype="<i2").tobytes())
    assert read.image(path).source.flags == (
        "the header does not say how the image lies in the patient: left and right are a guess",
    )


def test_one_real_scan_in_five_formats_reads_the_same():
    names = ("test_nii.nii", "test_nrrd.nrrd", "test_mha.mha", "test_dicom")
    images = [read.image(real(f"ormir_xct/{name}")) for name in names]
    for image in images[1:]:
        np.testing.assert_array_equal(image.array, images[0].array)
        # The series of files was written with four digits of its origin, the others in float32.
        np.testing.assert_allclose(image.affine, images[0].affine, atol=2e-4)
