from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from dicom_series import mr_series, save
from pydicom.uid import generate_uid

from enthesis import read
from enthesis.errors import GridError, InputError

TIMES_MS = (1.2, 3.2, 5.2)

SHAPE = (3, 4, 5)
"""Slices, rows, columns."""


def truth():
    """Complex echoes (E, slices, rows, columns), every part a whole number of at most 1000."""
    rng = np.random.default_rng(7)
    parts = rng.integers(-1000, 1001, (2, len(TIMES_MS), *SHAPE))
    return parts[0] + 1j * parts[1]


def as_stored(found):
    """(E, slices, rows, columns) in the order of the files."""
    return np.moveaxis(found.array[::-1, ::-1], 3, 0).transpose(0, 3, 2, 1)


def part_series(values, echo_ms, kind, uid, **changes):
    return mr_series(
        values, EchoTime=echo_ms, ImageType=["ORIGINAL", "PRIMARY", kind], series=uid, **changes
    )


def real_and_imaginary(folder):
    """Each part a series of its own, later echoes first."""
    for kind, part in (("REAL", np.real), ("IMAGINARY", np.imag)):
        uid = generate_uid()
        for number in (2, 1, 0):
            values = part(truth()[number]).astype(np.int16)
            slices = part_series(values, TIMES_MS[number], kind, uid)
            save(folder, slices, prefix=f"{kind}{number}_")
    return folder


def test_real_and_imaginary_series_become_complex_echoes(tmp_path):
    found = read.echoes(real_and_imaginary(tmp_path))
    assert found.array.dtype == np.complex64
    np.testing.assert_array_equal(as_stored(found), truth())
    np.testing.assert_allclose(found.echo_times, [0.0012, 0.0032, 0.0052])
    assert found.field_strength == 1.5
    assert found.source.facts["orientation"] == "axial"
    # The same grid as that of an image of one of them.
    codes = [each.code for each in read.series(tmp_path)]
    np.testing.assert_array_equal(
        read.image(tmp_path, series=codes[0], volume=0).affine, found.affine
    )


@pytest.mark.parametrize(
    ("slope", "intercept", "steps_per_turn"),
    [
        # Siemens: stored 0..4095, values -4096..4094; without rescaling 0..4095; Philips: mrad.
        (2, -4096, 8192),
        (None, None, 4096),
        (2 * 3142 / 4095, -3142, 2000 * np.pi),
    ],
)
def test_magnitude_and_phase_are_joined_whatever_the_unit_of_the_phase(
    slope, intercept, steps_per_turn, tmp_path
):
    angles = np.angle(truth())
    magnitude, turns = generate_uid(), generate_uid()
    for number, echo in enumerate(TIMES_MS):
        whole = np.abs(truth()[number]).round().astype(np.uint16)
        save(tmp_path, part_series(whole, echo, "M", magnitude), prefix=f"M{number}")
        value = angles[number] * steps_per_turn / (2 * np.pi)
        stored = value + 2048 if slope is None else (value - intercept) / slope
        slices = part_series(
            stored.round().clip(0, 4095).astype(np.uint16),
            echo,
            "P",
            turns,
            BitsStored=12,
            HighBit=11,
            RescaleSlope=slope,
            RescaleIntercept=intercept,
        )
        save(tmp_path, slices, prefix=f"P{number}")
    found = as_stored(read.echoes(tmp_path))
    # A phase is stored in 4096 steps a turn, a magnitude in whole numbers.
    allowed = np.abs(truth()) * (2 * np.pi / 4096) + 1
    assert (np.abs(found - truth()) <= allowed).all()
    turned = as_stored(read.echoes(tmp_path, conjugate=True))
    np.testing.assert_array_equal(turned, found.conj())


def test_ge_says_in_its_own_element_what_an_image_shows(tmp_path):
    uid = generate_uid()
    for number, echo in enumerate(TIMES_MS):
        for code, part in ((2, np.real), (3, np.imag)):
            values = part(truth()[number]).astype(np.int16)
            slices = mr_series(values, EchoTime=echo, ImageType=["ORIGINAL", "PRIMARY"], series=uid)
            for dataset in slices:
                dataset.add_new(0x00430010, "LO", "GEMS_PARM_01")
                dataset.add_new(0x0043102F, "SS", code)
            save(tmp_path, slices, prefix=f"{code}{number}")
    np.testing.assert_array_equal(as_stored(read.echoes(tmp_path)), truth())


def test_magnitudes_alone_stay_magnitudes(tmp_path):
    uid = generate_uid()
    for number, echo in enumerate(TIMES_MS):
        whole = np.abs(truth()[number]).round().astype(np.uint16)
        save(tmp_path, part_series(whole, echo, "M", uid), prefix=f"M{number}")
    found = read.echoes(tmp_path)
    assert found.array.dtype == np.float32
    np.testing.assert_array_equal(as_stored(found), np.abs(truth()).round())


def test_maps_beside_the_echoes_are_left_out(tmp_path):
    real_and_imaginary(tmp_path)
    maps = mr_series(np.ones(SHAPE, np.uint16), ImageType=["DERIVED", "PRIMARY", "W"], series="1.2")
    save(tmp_path, maps, prefix="W")
    np.testing.assert_array_equal(as_stored(read.echoes(tmp_path)), truth())


def test_missing_and_doubled_parts_are_refused_by_their_time(tmp_path):
    folder = real_and_imaginary(tmp_path)
    for path in folder.glob("IMAGINARY1_*"):
        path.unlink()
    with pytest.raises(InputError, match=r"the imaginary image at 3\.2 ms is missing"):
        read.echoes(folder)
    for path in folder.glob("IMAGINARY*"):
        path.unlink()
    with pytest.raises(InputError, match="only the real of the echoes"):
        read.echoes(folder)
    values = np.ones(SHAPE, np.uint16)
    save(folder, part_series(values, 1.2, "REAL", generate_uid()), prefix="again")
    with pytest.raises(InputError, match=r"twice|places occur twice|more than once"):
        read.echoes(folder)


def test_one_echo_and_no_field_strength_are_refused(tmp_path):
    values = np.ones(SHAPE, np.uint16)
    save(tmp_path, part_series(values, 1.2, "M", "1.2"))
    with pytest.raises(InputError, match="there is 1 echo time; at least two"):
        read.echoes(tmp_path)
    save(tmp_path, part_series(values, 2.2, "M", "1.2", MagneticFieldStrength=15000), prefix="B")
    for path in tmp_path.glob("IM*"):
        path.unlink()
    save(tmp_path, part_series(values, 1.2, "M", "1.2", MagneticFieldStrength=15000), prefix="A")
    with pytest.raises(InputError, match=r"in the file is 15000\.0, and T are wanted"):
        read.echoes(tmp_path)
    assert read.echoes(tmp_path, field_strength=1.5).field_strength == 1.5


def test_a_phase_of_unknown_unit_is_refused(tmp_path):
    values = np.ones(SHAPE, np.uint16)
    for kind, uid in (("M", "1.2"), ("P", "1.3")):
        for echo in TIMES_MS[:2]:
            changes = {"RescaleSlope": 1, "RescaleIntercept": 0} if kind == "P" else {}
            slices = part_series(values, echo, kind, uid, **changes)
            save(tmp_path, slices, prefix=f"{kind}{echo}_")
    with pytest.raises(InputError, match="phase image with values from 0 to 65535"):
        read.echoes(tmp_path)


def nifti(folder, name, array, affine=None, **said):
    image = nib.Nifti1Image(array, np.diag([2.0, 2, 3, 1]) if affine is None else affine)
    image.header.set_sform(image.affine, code="scanner")
    nib.save(image, folder / f"{name}.nii.gz")
    if said:
        (folder / f"{name}.json").write_text(json.dumps(said))


def test_nifti_files_with_sidecars_are_joined_by_their_echo_times(tmp_path):
    for number, time in ((1, 0.0046), (0, 0.0023)):
        values = truth()[number].T
        said = {"EchoTime": time, "MagneticFieldStrength": 3}
        magnitude = np.abs(values).astype(np.float32)
        nifti(tmp_path, f"scan_e{number}", magnitude, **said)
        # As dcm2niix leaves a Siemens phase: steps of one turn in 8192.
        steps = (np.angle(values) * 4096 / np.pi).round().astype(np.int16)
        nifti(tmp_path, f"scan_e{number}_ph", steps, **said)
    found = read.echoes(tmp_path)
    assert found.field_strength == 3
    assert found.echo_times.tolist() == [0.0023, 0.0046]
    expected = np.moveaxis(truth()[:2].transpose(0, 3, 2, 1), 0, 3)
    allowed = np.abs(expected) * (2 * np.pi / 8192) + 1e-3
    assert (np.abs(found.array - expected) <= allowed).all()


def test_a_nifti_file_of_four_axes_holds_all_echoes(tmp_path):
    array = np.moveaxis(truth(), 0, 3).transpose(2, 1, 0, 3).astype(np.complex64)
    nifti(tmp_path, "all", array, EchoTime=[0.001, 0.002, 0.003])
    found = read.echoes(tmp_path / "all.nii.gz", field_strength=1.5)
    np.testing.assert_array_equal(found.array, array)
    other = read.echoes(
        tmp_path / "all.nii.gz", field_strength=1.5, echo_times=[0.002, 0.004, 0.006]
    )
    assert other.echo_times[-1] == 0.006
    with pytest.raises(InputError, match="3 volumes but 2 echo times"):
        read.echoes(tmp_path / "all.nii.gz", field_strength=1.5, echo_times=[0.002, 0.004])


def test_nifti_echoes_without_time_on_two_grids_or_twice_are_refused(tmp_path):
    ones = np.ones((3, 4, 5), np.float32)
    nifti(tmp_path, "a", ones)
    with pytest.raises(InputError, match=r"no echo time is known of 'a\.nii\.gz'"):
        read.echoes(tmp_path)
    said = {"MagneticFieldStrength": 3}
    nifti(tmp_path, "a", ones, EchoTime=0.001, **said)
    nifti(tmp_path, "b", ones, EchoTime=0.001, **said)
    with pytest.raises(InputError, match=r"are both the magnitude at 1 ms"):
        read.echoes(tmp_path)
    nifti(tmp_path, "b", ones, affine=np.diag([2.0, 2, 4, 1]), EchoTime=0.002, **said)
    with pytest.raises(GridError, match="does not lie on the grid of the others"):
        read.echoes(tmp_path)
