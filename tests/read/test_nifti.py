from __future__ import annotations

import gzip
from itertools import permutations, product

import nibabel as nib
import numpy as np
import pytest
from data import real

from enthesis import read
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap


def save(path, array, affine=None, *, units="mm", code="scanner", slope=None, inter=None):
    image = nib.Nifti1Image(array, np.eye(4) if affine is None else affine)
    image.header.set_xyzt_units(units)
    image.set_sform(image.affine, code=code)
    image.set_qform(None, code="unknown")
    if slope is not None:
        image.header.set_slope_inter(slope, inter)
    nib.save(image, path)
    return path


def steps(shape=(3, 4, 5), dtype=np.int16):
    return (np.arange(np.prod(shape)).reshape(shape) - 20).astype(dtype)


OBLIQUE = nib.affines.from_matvec(
    nib.eulerangles.euler2mat(0.05, -0.1, 0.2) @ np.diag([0.7, 0.8, 2.5]), [-30, 12, 400]
)


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_the_same_scan_in_any_of_48_orders_of_axes_gives_the_same_image_and_labels(axes, tmp_path):
    array, labels = steps(), np.zeros((3, 4, 5), dtype=np.uint8)
    labels[0, 1:3, 2:4] = 88
    labels[2, 1:3, 2] = 89
    for flips in product([False, True], repeat=3):
        turned = np.column_stack([axes, [-1 if flip else 1 for flip in flips]])
        affine = OBLIQUE @ nib.orientations.inv_ornt_aff(turned, array.shape)
        stored = nib.orientations.apply_orientation(array, turned)
        image = read.image(save(tmp_path / "ct.nii.gz", stored, affine))
        stored = nib.orientations.apply_orientation(labels, turned)
        found = read.labels(
            save(tmp_path / "seg.nii", stored, affine), "totalsegmentator", like=image
        )
        np.testing.assert_array_equal(image.array, array)
        np.testing.assert_array_equal(found.array, labels)
        # The header's float32 and the turning leave some 1e-5 mm.
        np.testing.assert_allclose(image.affine, OBLIQUE, atol=1e-4)
        # Left is the low index.
        assert found.label("iliopsoas_left") == found.array[0, 1, 2]


def test_the_hash_of_a_scan_does_not_depend_on_the_order_of_its_axes(tmp_path):
    affine = np.diag([-2.0, 2.0, 3.0, 1.0])
    affine[0, 3] = 4
    straight = read.image(save(tmp_path / "a.nii", steps(), np.diag([2.0, 2.0, 3.0, 1.0])))
    mirrored = read.image(save(tmp_path / "b.nii", steps()[::-1], affine))
    assert straight.source.series == mirrored.source.series
    assert straight.source.series != read.image(save(tmp_path / "c.nii", steps() + 1)).source.series


@pytest.mark.parametrize(
    ("dtype", "slope", "inter", "kept"),
    [
        (np.int16, None, None, np.int16),
        (np.int16, 1, -4, np.int16),
        (np.uint8, None, None, np.int16),
        (np.int32, None, None, np.int16),
        (np.int16, 0.5, -4, np.float32),
        (np.int32, 2000, 0, np.float32),
        (np.float64, None, None, np.float32),
        (">i2", 2, 3, np.int16),
    ],
)
def test_the_narrowest_exact_type_is_kept_and_scaling_applied(dtype, slope, inter, kept, tmp_path):
    stored = (steps() + 20).astype(dtype)
    image = read.image(save(tmp_path / "ct.nii.gz", stored, slope=slope, inter=inter))
    assert image.array.dtype == kept
    expected = stored.astype(float) * (slope or 1) + (inter or 0)
    np.testing.assert_array_equal(image.array, expected)


def test_a_scan_widens_to_float_when_one_late_voxel_needs_it(tmp_path):
    stored = steps(dtype=np.int32)
    stored[2, 3, 4] = 70_000
    image = read.image(save(tmp_path / "ct.nii", stored))
    assert image.array.dtype == np.float32
    np.testing.assert_array_equal(image.array, stored)


@pytest.mark.parametrize(("units", "factor"), [("meter", 1000), ("micron", 0.001), ("unknown", 1)])
def test_the_unit_of_the_header_becomes_mm(units, factor, tmp_path):
    image = read.image(save(tmp_path / "ct.nii", steps(), np.diag([2, 3, 4, 1]), units=units))
    assert image.spacing == pytest.approx((2 * factor, 3 * factor, 4 * factor))


def test_disagreement_of_sform_and_qform_is_flagged_and_the_sform_used(tmp_path):
    image = nib.Nifti1Image(steps(), np.eye(4))
    image.set_sform(np.eye(4), code="scanner")
    image.set_qform(nib.affines.from_matvec(np.eye(3), [0, 0, 7.5]), code="scanner")
    nib.save(image, tmp_path / "ct.nii")
    read_back = read.image(tmp_path / "ct.nii")
    assert any("7.5 mm apart" in flag for flag in read_back.source.flags)
    np.testing.assert_array_equal(read_back.affine, np.eye(4))


def test_a_header_without_orientation_is_flagged(tmp_path):
    image = read.image(save(tmp_path / "ct.nii", steps(), code="unknown"))
    assert any("left and right are a guess" in flag for flag in image.source.flags)


def test_missing_voxels_and_values_that_are_no_hounsfield_units_are_flagged(tmp_path):
    array = steps(dtype=np.float32) + 20
    array[0, 0, :2] = np.nan
    flags = read.image(save(tmp_path / "mr.nii", array)).source.flags
    assert "2 of 60 voxels are not finite numbers" in flags
    assert "no voxel lies below 0: are these Hounsfield units?" in flags
    assert len(read.image(tmp_path / "mr.nii", quantity="signal").source.flags) == 1


def test_trailing_axes_of_length_one_are_dropped(tmp_path):
    assert read.image(save(tmp_path / "ct.nii", steps()[..., None])).shape == (3, 4, 5)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((3, 4), np.int16), "2-D, so its slice thickness is unknown"),
        (np.zeros((3, 4, 5, 2), np.int16), "holds 2 volumes"),
        (np.zeros((3, 4, 5), np.complex64), "complex numbers"),
        (np.full((3, 4, 5), np.nan, np.float32), "no finite voxel"),
    ],
)
def test_what_is_no_volume_of_numbers_is_refused(array, message, tmp_path):
    with pytest.raises(InputError, match=message):
        read.image(save(tmp_path / "ct.nii", array))


def test_damaged_files_are_refused_by_name(tmp_path):
    whole = save(
        tmp_path / "whole.nii.gz",
        np.random.default_rng(1).integers(0, 99, (40, 40, 40)).astype(np.int16),
    )
    (tmp_path / "text.nii.gz").write_text("this is no scan")
    (tmp_path / "text.nii").write_text("this is no scan")
    (tmp_path / "half.nii.gz").write_bytes(whole.read_bytes()[:9000])
    (tmp_path / "head.nii.gz").write_bytes(whole.read_bytes()[:50])
    (tmp_path / "half.nii").write_bytes(gzip.decompress(whole.read_bytes())[:9000])
    (tmp_path / "nothing.nii.gz").write_bytes(b"")
    for name in (
        "text.nii.gz",
        "text.nii",
        "half.nii.gz",
        "head.nii.gz",
        "half.nii",
        "nothing.nii.gz",
    ):
        with pytest.raises(InputError, match=f"'{name}' is (cut short|not a NIfTI)"):
            read.image(tmp_path / name)


def test_a_header_that_claims_more_than_the_file_can_hold_is_refused_before_reading(tmp_path):
    image = nib.Nifti1Image(steps(), np.eye(4))
    image.header["dim"][1:4] = 32767
    with gzip.open(tmp_path / "huge.nii.gz", "wb") as file:
        file.write(image.header.binaryblock + bytes(1000))
    with pytest.raises(InputError, match="cut short or damaged"):
        read.image(tmp_path / "huge.nii.gz")


def test_a_missing_path_and_an_empty_folder_are_refused(tmp_path):
    with pytest.raises(InputError, match="no file or folder at"):
        read.image(tmp_path / "absent.nii.gz")
    with pytest.raises(InputError, match="is empty"):
        read.image(tmp_path)


def test_a_scan_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    path = save(tmp_path / "ct.nii", steps())

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(InputError, match=r"no permission to read 'ct\.nii'"):
        read.image(path)


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_an_image_written_and_read_is_the_same(suffix, tmp_path):
    image = Image(array=steps(), affine=OBLIQUE, quantity="hounsfield")
    read.write_nifti(image, tmp_path / f"ct{suffix}")
    again = read.image(tmp_path / f"ct{suffix}")
    np.testing.assert_array_equal(again.array, image.array)
    np.testing.assert_allclose(again.affine, OBLIQUE, atol=1e-4)  # float32 header
    assert again.source.flags == ()
    assert [path.name for path in tmp_path.iterdir()] == [f"ct{suffix}"]
    header = nib.load(tmp_path / f"ct{suffix}").header
    assert header.get_xyzt_units()[0] == "mm"
    assert header["sform_code"] == header["qform_code"] == 1


def test_a_sheared_grid_is_written_without_a_quaternion_that_contradicts_it(tmp_path):
    affine = np.eye(4)
    affine[1, 2] = 0.3
    read.write_nifti(Image(array=steps(), affine=affine, quantity="signal"), tmp_path / "a.nii")
    assert read.image(tmp_path / "a.nii", quantity="signal").source.flags == ()


def test_a_label_map_written_and_read_keeps_its_names_and_origin(tmp_path):
    array = np.zeros((3, 4, 5), np.uint16)
    array[0], array[1] = 300, 7
    labels = LabelMap(
        array=array,
        affine=np.eye(4),
        names={300: "psoas_major_left", 7: "vertebra_L3"},
        origin="automatic:threshold 1",
    )
    read.write_nifti(labels, tmp_path / "spine.nii.gz")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["spine.nii.gz", "spine_labels.json"]
    for scheme in (None, tmp_path / "spine_labels.json"):
        again = read.labels(tmp_path / "spine.nii.gz", scheme)
        assert dict(again.names) == dict(labels.names)
        assert again.origin == labels.origin
        np.testing.assert_array_equal(again.array, array)


def test_nothing_half_written_is_left_when_writing_fails(tmp_path, monkeypatch):
    def fail(image, path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(nib, "save", fail)
    with pytest.raises(InputError, match="No space left"):
        read.write_nifti(
            Image(array=steps(), affine=np.eye(4), quantity="signal"), tmp_path / "a.nii.gz"
        )
    assert list(tmp_path.iterdir()) == []


def test_another_suffix_and_an_absent_folder_are_refused_for_writing(tmp_path):
    image = Image(array=steps(), affine=np.eye(4), quantity="signal")
    with pytest.raises(InputError, match=r"end in \.nii or \.nii\.gz"):
        read.write_nifti(image, tmp_path / "a.mha")
    with pytest.raises(InputError, match="cannot write"):
        read.write_nifti(image, tmp_path / "absent" / "a.nii")


def test_a_real_ct_stored_in_32_bit_is_read_in_16():
    path = real("totalsegmentator/example_ct.nii.gz")
    image = read.image(path)
    assert image.array.dtype == np.int16
    np.testing.assert_array_equal(image.array, np.asarray(nib.load(path).dataobj))


def test_one_volume_of_several_is_chosen_by_its_number(tmp_path):
    array = np.arange(3 * 4 * 5 * 2, dtype=np.int16).reshape(3, 4, 5, 2)
    path = save(tmp_path / "four.nii.gz", array)
    for volume in (0, 1):
        np.testing.assert_array_equal(read.image(path, volume=volume).array, array[..., volume])
    with pytest.raises(
        InputError, match=r"holds 2 volumes .* e\.g\. volume=0, or read all as echo"
    ):
        read.image(path)
    with pytest.raises(InputError, match=r"there is no volume 2 in .* it holds 2"):
        read.image(path, volume=2)
