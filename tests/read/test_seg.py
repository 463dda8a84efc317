import dicom_series
import numpy as np
import pydicom
import pytest
import SimpleITK
from dicom_validators import errors_of_dciodvfy, printed_by

from enthesis.anatomy import region
from enthesis.errors import GridError, InputError
from enthesis.image import LabelMap
from enthesis.read import image
from enthesis.read import labels as labels_of
from enthesis.read.seg import read_seg, write_seg

hd = pytest.importorskip("highdicom")

NAMES = {
    1: "psoas_major_left",
    2: "psoas_major_right",
    3: "erector_spinae_left",
    4: "vertebra_L3",
    5: "vertebral_body_L4",
}


@pytest.fixture
def scan(tmp_path):
    pixels = dicom_series.stored_pixels(4, rows=6, columns=7)
    return dicom_series.save(tmp_path / "scan", dicom_series.named_series(pixels))


@pytest.fixture
def labels(scan):
    grid = image(scan)
    array = np.zeros(grid.shape, dtype=np.uint8)
    array[0:2, 1, 1] = 1
    array[5:7, 1, 1] = 2
    array[0, 5, 2] = 3
    array[3, 3, 1:3] = 4
    array[3, 2, 1] = 5
    return LabelMap(array=array, affine=grid.affine, names=NAMES)


def test_a_label_map_comes_back_as_it_was_written(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")
    back = read_seg(tmp_path / "seg.dcm", like=image(scan))
    np.testing.assert_array_equal(back.array, labels.array)
    np.testing.assert_allclose(back.affine, labels.affine)
    assert dict(back.names) == NAMES
    assert back.origin == "given"


def test_without_the_image_the_same_voxels_lie_at_the_same_place(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")
    back = read_seg(tmp_path / "seg.dcm")
    assert back.shape == (7, 6, 2)
    for number in NAMES:
        wanted = labels.affine @ np.append(np.argwhere(labels.array == number)[0], 1)
        found = back.affine @ np.append(np.argwhere(back.array == number)[0], 1)
        np.testing.assert_allclose(found, wanted)


def test_left_is_on_the_patients_left_for_highdicom_too(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")
    volume = hd.seg.segread(tmp_path / "seg.dcm").get_volume(
        combine_segments=True, rescale_fractional=False
    )
    x = {}
    for number, name in NAMES.items():
        index = np.argwhere(volume.array == number)
        lps = volume.affine @ np.append(index.mean(axis=0), 1)
        ras = lps[:3] * [-1, -1, 1]
        here = labels.affine @ np.append(np.argwhere(labels.array == number).mean(axis=0), 1)
        np.testing.assert_allclose(ras, here[:3], atol=1e-6)
        x[name] = lps[0]
    # DICOM's x grows towards the patient's left.
    assert x["psoas_major_left"] > x["psoas_major_right"]


def test_simpleitk_reads_the_same_voxels_frame_by_frame(tmp_path):
    # Frames of whole bytes: SimpleITK loses its place in others, which ours and highdicom do not.
    pixels = dicom_series.stored_pixels(4, rows=6, columns=8)
    scan = dicom_series.save(tmp_path / "scan", dicom_series.named_series(pixels))
    grid = image(scan)
    array = np.random.default_rng(3).integers(0, 6, grid.shape, dtype=np.uint8)
    write_seg(LabelMap(array=array, affine=grid.affine, names=NAMES), scan, tmp_path / "seg.dcm")
    seen = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "seg.dcm"))) > 0
    frames = pydicom.dcmread(tmp_path / "seg.dcm").PerFrameFunctionalGroupsSequence
    for frame, said in zip(seen, frames, strict=True):
        number = said.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        z = float(said.PlanePositionSequence[0].ImagePositionPatient[2])
        k = round((z - grid.affine[2, 3]) / grid.affine[2, 2])
        np.testing.assert_array_equal(frame, number == array[::-1, ::-1, k].T)


def test_segments_carry_the_colours_of_the_regions(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")
    for segment in pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence:
        shown = hd.color.CIELabColor(*_lab(segment.RecommendedDisplayCIELabValue)).to_rgb()
        # Rounded to the 256 steps of a screen.
        wanted = [255 * part for part in region(segment.SegmentLabel).color]
        assert shown == pytest.approx(wanted, abs=1)


def _lab(stored):
    """Lightness 0 to 100, a and b -128 to 127, of DICOM's 16 bits."""
    light, *others = (value / 65535 for value in stored)
    return 100 * light, *(255 * each - 128 for each in others)


def test_segments_carry_codes_and_each_frame_refers_to_its_slice(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")
    written = hd.seg.segread(tmp_path / "seg.dcm")
    coded = [segment.SegmentedPropertyTypeCodeSequence[0] for segment in written.SegmentSequence]
    assert [c.CodingSchemeDesignator for c in coded] == ["99ENTHESIS"] * 2 + ["SCT"] * 3
    assert [c.CodeValue for c in coded[2:]] == ["44947003", "36470004", "3572006"]
    assert coded[0].SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Left"
    body = written.SegmentSequence[4]
    assert body.AnatomicRegionSequence[0].CodeValue == "11994002"
    slices = [pydicom.dcmread(path) for path in scan.iterdir()]
    height = {ds.SOPInstanceUID: ds.ImagePositionPatient[2] for ds in slices}
    for frame in written.PerFrameFunctionalGroupsSequence:
        source = frame.DerivationImageSequence[0].SourceImageSequence[0]
        place = frame.PlanePositionSequence[0].ImagePositionPatient[2]
        assert height[source.ReferencedSOPInstanceUID] == place


def test_nothing_of_the_patient_is_copied(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")
    content = (tmp_path / "seg.dcm").read_bytes()
    for word in dicom_series.NAMING:
        assert word not in content
    assert pydicom.dcmread(tmp_path / "seg.dcm").PatientIdentityRemoved == "YES"


@pytest.mark.parametrize("origin", ["automatic:levels 0.1", "model:unet 2", "edited"])
def test_who_drew_the_labels_is_kept(scan, labels, tmp_path, origin):
    drawn = LabelMap(array=labels.array, affine=labels.affine, names=NAMES, origin=origin)
    write_seg(drawn, scan, tmp_path / "seg.dcm")
    assert read_seg(tmp_path / "seg.dcm").origin == origin


@pytest.mark.parametrize(
    ("origin", "family"),
    [
        ("automatic:levels 0.1", ("99ENTHESIS", "automatic")),
        ("model:unet 2", ("DCM", "123110")),
        ("edited", ("DCM", "123109")),
    ],
)
def test_the_family_of_the_algorithm_claims_no_more_than_is_known(
    scan, labels, tmp_path, origin, family
):
    drawn = LabelMap(array=labels.array, affine=labels.affine, names=NAMES, origin=origin)
    write_seg(drawn, scan, tmp_path / "seg.dcm")
    segment = pydicom.dcmread(tmp_path / "seg.dcm").SegmentSequence[0]
    by = segment.SegmentationAlgorithmIdentificationSequence[0].AlgorithmFamilyCodeSequence[0]
    assert (by.CodingSchemeDesignator, by.CodeValue) == family
    assert errors_of_dciodvfy(tmp_path / "seg.dcm") == []
    assert "SegmentSequence" in printed_by("dcmdump", tmp_path / "seg.dcm")


def test_gaps_between_label_numbers_are_closed(scan, labels, tmp_path):
    array = np.where(labels.array == 4, 31, 0).astype(np.uint8)
    sparse = LabelMap(array=array, affine=labels.affine, names={31: "vertebra_L3"})
    write_seg(sparse, scan, tmp_path / "seg.dcm")
    back = read_seg(tmp_path / "seg.dcm", like=image(scan))
    np.testing.assert_array_equal(back.array == 1, array == 31)
    assert dict(back.names) == {1: "vertebra_L3"}


def test_emptied_identifiers_are_taken_from_the_files_own_header(scan, labels, tmp_path):
    for path in scan.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.SOPInstanceUID = ""
        dataset.save_as(path)
    write_seg(labels, scan, tmp_path / "seg.dcm")
    assert dict(read_seg(tmp_path / "seg.dcm").names) == NAMES


def test_a_series_that_nothing_can_refer_to_is_refused(scan, labels, tmp_path):
    for path in scan.iterdir():
        dataset = pydicom.dcmread(path)
        dataset.StudyInstanceUID = ""
        dataset.save_as(path)
    with pytest.raises(InputError, match="has no StudyInstanceUID"):
        write_seg(labels, scan, tmp_path / "seg.dcm")
    assert not (tmp_path / "seg.dcm").exists()


def test_labels_of_another_grid_are_refused(scan, labels, tmp_path):
    moved = labels.affine.copy()
    moved[0, 3] += 1
    other = LabelMap(array=labels.array, affine=moved, names=NAMES)
    with pytest.raises(GridError, match="1 mm apart"):
        write_seg(other, scan, tmp_path / "seg.dcm")


@pytest.mark.parametrize("columns", [7, 9, 11, 13, 59])
def test_frames_that_begin_within_a_byte_lose_no_bit(tmp_path, columns):
    slices = dicom_series.axial_series(
        dicom_series.stored_pixels(9, rows=42, columns=columns),
        StudyInstanceUID=dicom_series.STUDY,
        FrameOfReferenceUID=dicom_series.FRAME,
    )
    folder = dicom_series.save(tmp_path / "scan", slices)
    grid = image(folder)
    array = np.random.default_rng(columns).integers(0, 3, grid.shape).astype(np.uint8)
    names = {1: "psoas_major_left", 2: "psoas_major_right"}
    dense = LabelMap(array=array, affine=grid.affine, names=names)
    write_seg(dense, folder, tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read_seg(tmp_path / "seg.dcm", like=grid).array, array)


def changed(path, edit):
    dataset = pydicom.dcmread(path)
    edit(dataset)
    dataset.save_as(path)
    return path


def test_overlapping_segments_are_refused_with_their_count(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")

    def overlap(dataset):
        frames = dataset.PerFrameFunctionalGroupsSequence
        numbers = [f.SegmentIdentificationSequence[0].ReferencedSegmentNumber for f in frames]
        # The frame of the right psoas becomes a copy of the left's.
        frames[numbers.index(2)].PlanePositionSequence = frames[
            numbers.index(1)
        ].PlanePositionSequence
        bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
        size = 6 * 7
        first, second = numbers.index(1) * size, numbers.index(2) * size
        bits[second : second + size] = bits[first : first + size]
        dataset.PixelData = np.packbits(bits, bitorder="little").tobytes()

    path = changed(tmp_path / "seg.dcm", overlap)
    with pytest.raises(InputError, match="share 2 voxels"):
        read_seg(path)


def test_label_and_code_that_disagree_on_the_side_are_refused(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")

    def swap(dataset):
        dataset.SegmentSequence[0].SegmentLabel = "psoas_major_right"

    with pytest.raises(InputError, match="coded as left"):
        read_seg(changed(tmp_path / "seg.dcm", swap))


def test_a_label_in_other_words_is_known_by_its_codes_or_named(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")

    def rename(dataset):
        for segment in dataset.SegmentSequence:
            segment.SegmentLabel = "something"

    path = changed(tmp_path / "seg.dcm", rename)
    named = read_seg(path, names={5: "vertebral_body_L4"})
    assert dict(named.names) == NAMES
    table = tmp_path / "names.csv"
    table.write_text("label,name\n5,vertebral_body_L4\nnothing,sacrum\n")
    assert dict(labels_of(path, table).names) == NAMES

    def by_words(dataset):
        for segment in dataset.SegmentSequence:
            segment.SegmentLabel = f"Struktur {segment.SegmentNumber}"

    words = changed(path, by_words)
    table.write_text(
        "label,name\n" + "".join(f"Struktur {n},{name}\n" for n, name in NAMES.items())
    )
    assert dict(labels_of(words, table).names) == NAMES

    def uncoded(dataset):
        dataset.SegmentSequence[1].SegmentedPropertyTypeCodeSequence[0].CodeValue = "x"

    with pytest.raises(InputError, match="segment 2 is not known as a region"):
        read_seg(changed(path, uncoded))


def test_a_share_counts_from_the_threshold_and_that_is_said(scan, labels, tmp_path):
    write_seg(labels, scan, tmp_path / "seg.dcm")

    def fractional(dataset):
        bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")
        whole = bits[: int(dataset.NumberOfFrames) * 42] * np.uint8(120)
        dataset.SegmentationType = "FRACTIONAL"
        dataset.MaximumFractionalValue = 200
        dataset.BitsAllocated = dataset.BitsStored = 8
        dataset.HighBit = 7
        dataset.PixelData = whole.tobytes()

    path = changed(tmp_path / "seg.dcm", fractional)
    # 120 of 200 is a share of 0.6.
    back = read_seg(path, like=image(scan), threshold=0.6)
    np.testing.assert_array_equal(back.array, labels.array)
    assert "share of 0.6 or more" in back.source.flags[0]
    with pytest.raises(InputError, match="label no voxel"):
        read_seg(path, threshold=0.61)


def test_what_is_no_segmentation_is_refused(scan, tmp_path):
    with pytest.raises(InputError, match="modality 'CT', not SEG"):
        read_seg(next(scan.iterdir()))
    (tmp_path / "note.dcm").write_text("no DICOM")
    with pytest.raises(InputError, match="is not a DICOM file"):
        read_seg(tmp_path / "note.dcm")
