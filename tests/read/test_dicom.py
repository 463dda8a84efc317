from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK
from data import real
from dicom_series import axial_series, ct_slice, save, stored_pixels
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
    generate_uid,
)

from enthesis import read
from enthesis.errors import InputError

COUNT = 6


def pixels():
    return stored_pixels(COUNT)


def series(**changes):
    return axial_series(pixels(), **changes)


def simpleitk(path):
    """HU (I, J, K) and affine in RAS+ order, of an axial scan, as SimpleITK reads it."""
    names = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(path))
    image = SimpleITK.ReadImage(names if path.is_dir() else [str(path)])
    assert image.GetDirection() == (1, 0, 0, 0, 1, 0, 0, 0, 1)
    array = SimpleITK.GetArrayFromImage(image).T[::-1, ::-1]
    spacing, origin, size = (
        np.array(part) for part in (image.GetSpacing(), image.GetOrigin(), image.GetSize())
    )
    corner = [*-(origin + spacing * (size - 1))[:2], origin[2]]
    return array, np.block([[np.diag(spacing), np.array(corner)[:, None]], [np.eye(4)[3]]])


def test_an_axial_series_lies_where_its_headers_say(tmp_path):
    image = read.image(save(tmp_path, series()))
    assert image.quantity == "hounsfield"
    assert image.array.dtype == np.int16
    # Columns run to the left and rows to the back, each against the axes used here.
    np.testing.assert_array_equal(image.array, pixels().astype(int).T[::-1, ::-1] - 1024)
    # Last column at x = -10 + 4 x 0.8 = -6.8 mm to the left, so 6.8 mm to the right.
    np.testing.assert_allclose(
        image.affine, [[0.8, 0, 0, 6.8], [0, 0.5, 0, 18.5], [0, 0, 2, 100], [0, 0, 0, 1]]
    )


def test_names_and_numbers_of_the_files_do_not_matter(tmp_path):
    rng = np.random.default_rng(3)
    straight = read.image(save(tmp_path / "a", series()))
    for name, order in (("b", rng.permutation(COUNT)), ("c", range(COUNT)[::-1])):
        shuffled = [series()[i] for i in order]
        for dataset, number in zip(shuffled, rng.permutation(COUNT), strict=True):
            dataset.InstanceNumber = int(number)
        image = read.image(save(tmp_path / name, shuffled))
        np.testing.assert_array_equal(image.array, straight.array)
        np.testing.assert_array_equal(image.affine, straight.affine)


def test_the_distance_comes_from_positions_and_not_from_the_thickness(tmp_path):
    image = read.image(save(tmp_path, series(SliceThickness=3)))
    assert image.spacing[2] == 2
    assert image.source.facts["slice_thickness_mm"] == 3
    assert image.source.facts["slice_spacing_mm"] == 2


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    turn=st.tuples(*[st.floats(-np.pi, np.pi)] * 3),
    corner=st.tuples(*[st.floats(-300, 300)] * 3),
    step=st.floats(0.1, 7),
    order=st.permutations(range(COUNT)),
    mirrored=st.booleans(),
)
def test_every_voxel_of_a_turned_series_keeps_its_place(
    turn, corner, step, order, mirrored, tmp_path_factory
):
    turned = nib.eulerangles.euler2mat(*turn)
    row, column, normal = turned.T
    places = [np.array(corner) + k * step * (-normal if mirrored else normal) for k in range(COUNT)]
    slices = [
        ct_slice(
            pixels()[k],
            [f"{x:.6f}" for x in places[k]],
            orientation=[f"{x:.8f}" for x in (*row, *column)],
        )
        for k in order
    ]
    image = read.image(save(tmp_path_factory.mktemp("turned"), slices))
    for index in np.ndindex(image.shape):
        value = int(image.array[index]) + 1024
        k, j, i = np.unravel_index(value, pixels().shape)
        expected = places[k] + row * 0.8 * i + column * 0.5 * j
        found = image.affine @ [*index, 1]
        # Positions are printed to 1e-6, cosines to 1e-8.
        np.testing.assert_allclose(found[:3] * [-1, -1, 1], expected, atol=1e-4)


@pytest.mark.parametrize(
    ("rescales", "kept"),
    [
        ([(1, -1024)] * COUNT, np.int16),
        ([(1, -1024)] * 3 + [(2, -1000)] * 3, np.int16),
        ([(1, -1024)] * 3 + [(0.5, -1000)] * 3, np.float32),
        ([(1, 40_000)] + [(1, 0)] * 5, np.float32),
    ],
)
def test_each_slice_is_rescaled_by_its_own_slope_and_intercept(rescales, kept, tmp_path):
    slices = series()
    expected = np.empty(pixels().shape)
    for k, (slope, intercept) in enumerate(rescales):
        slices[k].RescaleSlope, slices[k].RescaleIntercept = slope, intercept
        expected[k] = pixels()[k].astype(float) * slope + intercept
    image = read.image(save(tmp_path, slices))
    assert image.array.dtype == kept
    np.testing.assert_array_equal(image.array, expected.T[::-1, ::-1])


def test_rescaling_is_exact_over_the_whole_range_of_16_bits(tmp_path):
    stored = np.array([[0, 1, 1024, 33791]], dtype=np.uint16)
    (dataset,) = axial_series(stored[None])
    image = read.image(save(tmp_path, [dataset]))
    assert image.array.dtype == np.int16
    assert image.array[::-1, 0, 0].tolist() == [-1024, -1023, 0, 32767]


def test_a_lone_slice_is_as_thick_as_it_says(tmp_path):
    image = read.image(save(tmp_path, series()[:1]) / "IM000")
    assert image.shape == (5, 4, 1)
    assert image.spacing[2] == 3
    save(tmp_path, series(SliceThickness=None)[:1])
    with pytest.raises(InputError, match="stands alone and states no thickness"):
        read.image(tmp_path)


def test_facts_hold_the_acquisition_and_nothing_of_the_patient(tmp_path):
    slices = series(
        KVP="100",
        ContrastBolusAgent="Iohexol",
        ConvolutionKernel="B30f",
        Manufacturer="ACME",
        ManufacturerModelName="Ring 1",
        PatientBirthDate="19500101",
    )
    source = read.image(save(tmp_path, slices, prefix="doe_jane_")).source
    assert dict(source.facts) == {
        "kvp": 100,
        "slice_thickness_mm": 3,
        "slice_spacing_mm": 2,
        "contrast": True,
        "kernel": "B30f",
        "manufacturer": "ACME",
        "model": "Ring 1",
        "compression": "none",
    }
    assert len(source.series) == 64
    assert not any(word in repr(source).lower() for word in ("doe", "1950", str(tmp_path)))


def test_series_without_identity_are_one_series_known_by_its_content(tmp_path):
    first = read.image(save(tmp_path / "a", series(series="")))
    again = read.image(save(tmp_path / "b", series(series="")[::-1]))
    assert first.source.series == again.source.series
    assert first.source.series != read.image(save(tmp_path / "c", series())).source.series


def test_doubts_about_the_slices_are_flagged(tmp_path):
    slices = series(KVP="120", SliceThickness=1.5, LossyImageCompression="01")
    slices[2].KVP = "80"
    (tmp_path / "notes.txt").write_text("no slice")
    flags = read.image(save(tmp_path, slices)).source.flags
    assert flags == (
        "1 files in the folder are not DICOM: left out",
        "slices of 1.5 mm lie 2 mm apart: what is between was not scanned",
        "the tube voltage is not the same in all slices: 120.0 (5 slices), 80.0 (1 slices)",
        "the pixels were compressed with loss: attenuation is not exact",
    )


def test_small_unevenness_is_flagged_and_kept_on_an_even_grid(tmp_path):
    slices = series()
    slices[2].ImagePositionPatient = [-10, -20, 104.1]
    image = read.image(save(tmp_path, slices))
    assert image.spacing[2] == pytest.approx(2)
    assert image.source.flags == ("slices lie up to 0.1 mm off an even grid of 2 mm",)


def without(slices, number):
    return slices[:number] + slices[number + 1 :]


def moved(slices, number, position):
    slices[number].ImagePositionPatient = position
    return slices


def tilted():
    slices = series()
    for k, dataset in enumerate(slices):
        dataset.ImagePositionPatient = [-10, -20 + 0.5 * k, 100 + 2 * k]
    return slices


@pytest.mark.parametrize(
    ("slices", "message"),
    [
        (
            lambda: without(series(), 2),
            r"1 slice missing between .* 102 mm \(instance 5\) and .* 106 mm \(instance 3\)",
        ),
        (
            lambda: [*series(), *series()[1:2]],
            r"1 places occur twice, the slice at 102 mm \(instance 5\) and the slice at 102 mm",
        ),
        (lambda: moved(series(), 5, [-10, -20, 113]), r"5 mm between the slice at 108 mm"),
        (tilted, r"gantry tilt of 14\.0 degrees, .*move 2\.5 mm within their own plane"),
        (
            lambda: [*series()[:3], *axial_series(stored_pixels(COUNT, rows=3))[3:]],
            r"3 of 6 slices have another number of rows and columns than the slice at 100 mm",
        ),
        (
            lambda: [*series()[:4], *series(PixelSpacing=[0.5, 0.9])[4:]],
            "2 of 6 slices have another pixel spacing",
        ),
        (
            lambda: [*series()[:5], *series(orientation=(1, 0, 0, 0, 0.8, 0.6))[5:]],
            "1 of 6 slices have another orientation",
        ),
        (lambda: series(orientation=(1, 0, 0, 0.5, 0.8, 0)), "not of unit length at a right angle"),
        (lambda: series(ImagePositionPatient=None), r"slice \(instance 6\) has no usable position"),
        (lambda: series(PixelSpacing=None), "has no usable pixel spacing"),
        (lambda: series(PixelSpacing=[0, 1]), "has a pixel spacing of 0 mm"),
        (lambda: series(RescaleIntercept=None), "no rescale slope and intercept"),
        (lambda: series(RescaleType="MGML"), "is in 'MGML', not HU"),
        (lambda: series(Modality="PT"), "the DICOM is PT, and not CT, MR, US, DX or CR"),
        (lambda: series(Modality="SEG"), "a segmentation, which `read.labels` reads"),
        (lambda: series(PhotometricInterpretation="MONOCHROME1"), "is MONOCHROME1"),
        (lambda: series(PixelData=None), r"the slice at 100 mm \(instance 6\) has no pixel data"),
        (
            lambda: series(PixelData=bytes(10)),
            r"the pixels of the slice at 100 mm .* are cut short",
        ),
        (
            lambda: series(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"]),
            r"only localizer \(scout\) images",
        ),
        (lambda: series(NumberOfFrames=2), r"\(frame 1 of 2\) are cut short"),
        (lambda: series(Rows=None), "holds no pixel data"),
    ],
)
def test_slices_that_make_no_volume_are_refused_by_their_place(slices, message, tmp_path):
    with pytest.raises(InputError, match=message) as caught:
        read.image(save(tmp_path, slices(), prefix="doe_jane_"))
    assert "doe" not in str(caught.value).lower()
    assert str(tmp_path) not in str(caught.value)


def test_several_series_are_listed_and_one_is_chosen_by_its_hash(tmp_path):
    save(tmp_path, series())
    save(tmp_path / "deeper", axial_series(pixels()[:4], series=generate_uid()), prefix="B")
    with pytest.raises(
        InputError, match=r"2 series: \w{8} \(CT, 6 images\), \w{8} \(CT, 4 im"
    ) as e:
        read.image(tmp_path)
    chosen = str(e.value).split("2 series: ")[1][:8]
    image = read.image(tmp_path, series=chosen)
    assert image.shape[2] == 6
    assert image.source.series.startswith(chosen)
    with pytest.raises(InputError, match="0 series have a hash that begins with 'zz'"):
        read.image(tmp_path, series="zz")


def test_reports_and_scouts_beside_the_slices_are_left_out_and_flagged(tmp_path):
    save(tmp_path, series())
    report = series(Modality="SR", Rows=None, Columns=None, PixelData=None, series=generate_uid())
    scout = series(ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    save(tmp_path, [report[0]], prefix="SR")
    save(tmp_path, [scout[0]], prefix="SC")
    flags = read.image(tmp_path).source.flags
    assert flags == (
        "1 DICOM files without slices (reports, scouts): left out",
        "1 localizers or files without image in the series: left out",
    )


def test_folders_and_files_without_dicom_are_refused(tmp_path):
    (tmp_path / "a.txt").write_text("text")
    with pytest.raises(InputError, match=r"none of the 1 files in .* is DICOM"):
        read.image(tmp_path)
    with pytest.raises(InputError, match=r"'a\.txt' is neither NIfTI nor DICOM"):
        read.image(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(bytes(128) + b"DICM" + b"\x02\x00\x00\x00UL\x04")
    with pytest.raises(InputError, match=r"a DICOM file|no pixel data"):
        read.image(tmp_path)


def test_a_file_cut_anywhere_is_refused_and_never_crashes(tmp_path):
    whole = (save(tmp_path / "whole", series()[:1]) / "IM000").read_bytes()
    for end in range(0, len(whole) - 1, 7):
        (tmp_path / "cut").write_bytes(whole[:end])
        with pytest.raises(InputError):
            read.image(tmp_path / "cut")


def test_a_header_that_claims_a_huge_slice_is_refused_before_it_is_allocated(tmp_path):
    with pytest.raises(InputError, match="claims 65535 x 65535 pixels"):
        read.image(save(tmp_path, series(Rows=65535, Columns=65535)[:1]))


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, RLELossless]
)
def test_other_encodings_of_the_same_slices_read_the_same(syntax, tmp_path):
    slices = series()
    for dataset in slices:
        if syntax == RLELossless:
            dataset.compress(RLELossless)
        dataset.file_meta.TransferSyntaxUID = syntax
    image = read.image(save(tmp_path, slices))
    np.testing.assert_array_equal(image.array, pixels().astype(int).T[::-1, ::-1] - 1024)


def test_a_compressed_stream_that_is_cut_short_is_refused(tmp_path):
    slices = series()[:1]
    slices[0].file_meta.TransferSyntaxUID = JPEG2000Lossless
    slices[0].PixelData = encapsulate([b"\xff\x4f\xff\x51" + bytes(40)])
    with pytest.raises(InputError, match="compression: JPEG 2000"):
        read.image(save(tmp_path, slices))


def test_a_real_jpeg_2000_series_equals_simpleitks_reading_voxel_by_voxel():
    path = real("totalsegmentator/example_ct_dicom")
    image = read.image(path)
    array, affine = simpleitk(path)
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_allclose(image.affine, affine, atol=1e-9)  # decimal text in both
    assert image.spacing[2] == 2
    assert image.source.facts["slice_thickness_mm"] == 3
    labels = real("totalsegmentator/example_seg_dicom.nii.gz")
    found = read.labels(labels, "totalsegmentator", like=image)
    # The spine's bone is brighter than the muscle beside it: labels and scan lie on each other.
    means = {name: image.array[found.array == n].mean() for n, name in found.names.items()}
    assert means["vertebra_T12"] > 150 > means["deep_back_muscle_left"] > 0


def test_a_real_tilted_and_uneven_series_is_refused_with_the_slices_named():
    with pytest.raises(
        InputError,
        match=r"gantry tilt of 18\.5 degrees, .*1\.081 mm between the slice at 18\.36 mm "
        r"\(instance 14\) and the slice at 19\.44 mm \(instance 15\)",
    ):
        read.image(real("dcm_qa_ct_ge"))


def test_a_real_phantom_scan_equals_simpleitks_reading():
    path = real("qct_phantom_kuczynski")
    array, affine = simpleitk(path)
    image = read.image(path)
    np.testing.assert_array_equal(image.array, array)
    np.testing.assert_allclose(image.affine, affine, atol=1e-9)  # decimal text in both


@pytest.mark.parametrize(
    ("name", "is_ct"),
    [
        ("pydicom_data/693_J2KR.dcm", True),
        ("pydicom_data/bad_sequence.dcm", True),
        ("highdicom/ct_image.dcm", True),
        ("pydicom_data/eCT_Supplemental.dcm", False),
        ("pydicom_data/liver.dcm", False),
        ("pydicom_data/emri_small.dcm", False),
        ("pydicom_data/emri_small_big_endian.dcm", False),
        ("pydicom_data/US1_J2KR.dcm", False),
        ("pydicom_data/mlut_18.dcm", False),
        ("pydicom_data/parametric_map_float.dcm", False),
        ("dxa_gelunar_dxaconv/1.2.840.113619.2.110.210419.20180719141307.1.5.12.1.dcm", False),
    ],
)
def test_real_odd_files_are_read_as_simpleitk_reads_them_or_refused(name, is_ct):
    path = real(name)
    if is_ct:
        np.testing.assert_array_equal(read.image(path).array, simpleitk(path)[0])
    else:
        with pytest.raises(InputError):
            read.image(path)


@pytest.mark.parametrize("folder", ["pydicom_data", "highdicom", "dxa_gelunar_dxaconv"])
def test_no_real_file_crashes_the_reader(folder):
    for path in sorted(real(folder).iterdir()):
        try:
            read.image(path)
        except InputError as error:
            assert str(path.parent) not in str(error)


def test_a_header_damaged_anywhere_is_refused_or_still_read(tmp_path):
    rng = np.random.default_rng(5)
    path = save(tmp_path, series()[:1]) / "IM000"
    whole = path.read_bytes()
    for _ in range(300):
        broken = bytearray(whole)
        for place in rng.integers(132, len(whole), 3):
            broken[place] = rng.integers(0, 256)
        path.write_bytes(broken)
        try:
            image = read.image(path)
        except InputError:
            continue
        assert image.array.size <= len(whole)


def test_a_deflated_file_that_unfolds_without_end_is_refused(tmp_path):
    slices = series()[:1]
    slices[0].add_new(0x00091001, "OB", bytes(1 << 27))
    slices[0].add_new(0x00090010, "LO", "NOISE")
    slices[0].file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
    path = save(tmp_path, slices) / "IM000"
    assert path.stat().st_size < 1 << 18
    with pytest.raises(InputError, match="unfolds to more than"):
        read.image(path)


def test_pixels_of_more_bits_than_there_are_room_for_are_refused(tmp_path):
    for changes in ({"BitsStored": 20}, {"HighBit": 3}, {"HighBit": 20}):
        with pytest.raises(InputError, match="bits up to bit"):
            read.image(save(tmp_path, series(**changes)[:1]))
