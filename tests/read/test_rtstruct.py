import json

import dicom_series
import numpy as np
import pydicom
import pytest
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from enthesis import read
from enthesis.cli import run
from enthesis.errors import GridError, InputError
from enthesis.image import Image

pytest.importorskip("skimage")

SPACING = (2.0, 1.0, 3.0)

IMAGE = Image(
    array=np.zeros((10, 12, 4), dtype=np.int16),
    affine=np.array([[2.0, 0, 0, -9], [0, 1, 0, 5], [0, 0, 3, 30], [0, 0, 0, 1]]),
    quantity="hounsfield",
)


def lps(corners, image=IMAGE):
    """Voxel corners as a file has them: x to the left, y to the back."""
    points = np.array(corners, dtype=float) @ image.affine[:3, :3].T + image.affine[:3, 3]
    return (points * [-1, -1, 1]).ravel().round(6).tolist()


def box(first_i, last_i, first_j, last_j, k):
    """Contour along the edges of the pixels first..last of one slice."""
    i0, i1, j0, j1 = first_i - 0.5, last_i + 0.5, first_j - 0.5, last_j + 0.5
    return [(i0, j0, k), (i1, j0, k), (i1, j1, k), (i0, j1, k)]


def rtstruct(path, regions, *, kind="CLOSED_PLANAR", series="1.2.3", algorithm="MANUAL"):
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.Modality = "RTSTRUCT"
    dataset.ManufacturerModelName, dataset.SoftwareVersions = "Outliner", "3.1"
    frame, study, said = Dataset(), Dataset(), Dataset()
    said.SeriesInstanceUID = series
    study.RTReferencedSeriesSequence = [said]
    frame.RTReferencedStudySequence = [study]
    dataset.ReferencedFrameOfReferenceSequence = [frame]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    for number, (name, contours) in enumerate(regions, start=1):
        roi, drawn = Dataset(), Dataset()
        roi.ROINumber = drawn.ReferencedROINumber = number
        roi.ROIName, roi.ROIGenerationAlgorithm = name, algorithm
        drawn.ContourSequence = []
        for corners in contours:
            contour = Dataset()
            contour.ContourGeometricType = kind
            contour.NumberOfContourPoints = len(corners)
            contour.ContourData = lps(corners)
            drawn.ContourSequence.append(contour)
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(drawn)
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_contours_along_pixel_edges_enclose_these_pixels(tmp_path):
    path = rtstruct(
        tmp_path / "rt.dcm",
        [
            ("Psoas major left", [box(1, 2, 3, 6, 1), box(1, 2, 3, 6, 2)]),
            ("vertebrae_L3", [box(5, 8, 2, 9, 1)]),
        ],
    )
    labels = read.labels(path, like=IMAGE)
    wanted = np.zeros(IMAGE.shape, dtype=np.uint8)
    wanted[1:3, 3:7, 1:3] = 1
    wanted[5:9, 2:10, 1] = 2
    np.testing.assert_array_equal(labels.array, wanted)
    assert dict(labels.names) == {1: "psoas_major_left", 2: "vertebra_L3"}
    assert labels.origin == "given"
    assert labels.source.flags == ()
    np.testing.assert_array_equal(labels.affine, IMAGE.affine)


def test_a_contour_inside_another_is_a_hole_and_inside_that_an_island(tmp_path):
    nested = [box(1, 8, 1, 10, 0), box(2, 7, 2, 9, 0), box(4, 5, 4, 5, 0)]
    path = rtstruct(tmp_path / "rt.dcm", [("liver", nested)], kind="CLOSEDPLANAR_XOR")
    # 8 x 10 pixels less 6 x 8, and 2 x 2 in the middle of the hole.
    assert np.count_nonzero(read.read_rtstruct(path, like=IMAGE).array) == 80 - 48 + 4


def test_contours_of_a_sagittal_scan_lie_in_its_sagittal_planes(tmp_path):
    sagittal = [(4, -0.5, -0.5), (4, 3.5, -0.5), (4, 3.5, 1.5), (4, -0.5, 1.5)]
    path = rtstruct(tmp_path / "rt.dcm", [("sacrum", [sagittal])])
    array = read.read_rtstruct(path, like=IMAGE).array
    assert np.count_nonzero(array) == 4 * 2
    assert array[4, 0:4, 0:2].all()


def test_a_disc_has_its_area_whatever_the_turn_of_the_grid(tmp_path):
    # 0.25 mm pixels: the area of a disc of 6 mm radius within 1 %.
    angle = np.radians(20)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    affine = np.eye(4)
    affine[:2, :2] = 0.25 * turn
    fine = Image(array=np.zeros((80, 80, 1), np.int16), affine=affine, quantity="hounsfield")
    t = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    circle = [(40.3 + 24 * np.cos(a), 39.6 + 24 * np.sin(a), 0) for a in t]
    path = rtstruct(tmp_path / "rt.dcm", [("aorta", [])])
    dataset = pydicom.dcmread(path)
    contour = Dataset()
    contour.ContourGeometricType = "CLOSED_PLANAR"
    contour.ContourData = lps(circle, fine)
    dataset.ROIContourSequence[0].ContourSequence = [contour]
    dataset.save_as(path)
    area = np.count_nonzero(read.read_rtstruct(path, like=fine).array) * 0.25**2
    assert area == pytest.approx(np.pi * 36, rel=0.01)


def test_names_as_drawn_are_mapped_by_a_table_of_names_or_numbers(tmp_path):
    path = rtstruct(
        tmp_path / "rt.dcm", [("Psoas li", [box(1, 2, 3, 6, 1)]), ("x", [box(5, 6, 3, 6, 1)])]
    )
    table = tmp_path / "names.csv"
    table.write_text("label,name\nPsoas li,psoas_major_left\n2,vertebrae_L4\n")
    labels = read.labels(path, table, like=IMAGE)
    assert dict(labels.names) == {1: "psoas_major_left", 2: "vertebra_L4"}
    table = tmp_path / "names.json"
    table.write_text(json.dumps({"Psoas li": "psoas_major_left"}))
    labels = read.labels(path, table, like=IMAGE)
    assert dict(labels.names) == {1: "psoas_major_left"}
    assert labels.source.flags == ("no known regions, left out: 'x'",)


def test_what_cannot_be_used_is_said(tmp_path):
    path = rtstruct(
        tmp_path / "rt.dcm",
        [
            ("sacrum", [box(1, 3, 1, 3, 0), box(1, 3, 1, 3, 3)]),
            ("liver", []),
            ("aorta", [[(7.1, 7.1, 1), (7.2, 7.1, 1), (7.2, 7.2, 1)]]),
            ("External", [box(0, 9, 0, 11, 0)]),
        ],
        algorithm="AUTOMATIC",
    )
    labels = read.labels(path, like=IMAGE)
    assert labels.source.flags == (
        "'liver' has no closed contour: left out",
        "no known regions, left out: 'External'",
        "'sacrum' has no contour on 2 of its slices",
        "'aorta' encloses no voxel: left out",
    )
    assert labels.origin == "automatic:Outliner 3.1"


@pytest.mark.parametrize(
    ("contours", "message"),
    [
        ([box(1, 2, 3, 6, 1.4)], "lies 0.40 slices off the nearest slice"),
        ([box(1, 2, 3, 6, 4)], "lies outside of the image"),
        ([box(8, 12, 3, 6, 1)], "lies outside of the image"),
        ([[(1, 1, 0), (4, 1, 1), (4, 4, 2), (1, 4, 1)]], "leaves its slice by"),
    ],
)
def test_contours_off_the_grid_are_refused(tmp_path, contours, message):
    path = rtstruct(tmp_path / "rt.dcm", [("sacrum", contours)])
    with pytest.raises(GridError, match=message):
        read.labels(path, like=IMAGE)


@pytest.mark.parametrize(
    ("regions", "message"),
    [
        ([("PTV", [box(1, 2, 3, 6, 1)])], r"no region of interest is known \('PTV'\)"),
        ([("sacrum", [box(1, 2, 3, 6, 1)] * 2)], "there twice on slice 1"),
        (
            [("sacrum", [box(1, 4, 1, 4, 1)]), ("liver", [box(4, 6, 1, 4, 1)])],
            "'liver' and 'sacrum' share 4 voxels",
        ),
        (
            [("sacrum", [box(1, 2, 3, 6, 1)]), ("Sacrum", [box(5, 6, 3, 6, 1)])],
            "'sacrum' and 'Sacrum' are both 'sacrum'",
        ),
        ([("sacrum", [[(1, 1, 0), (2, 2, 0)]])], "has 2 usable points"),
    ],
)
def test_contours_that_make_no_label_map_are_refused(tmp_path, regions, message):
    path = rtstruct(tmp_path / "rt.dcm", regions)
    with pytest.raises(InputError, match=message):
        read.labels(path, like=IMAGE)


def test_contours_without_their_image_are_refused(tmp_path):
    path = rtstruct(tmp_path / "rt.dcm", [("sacrum", [box(1, 2, 3, 6, 1)])])
    with pytest.raises(InputError, match="no grid of their own"):
        read.labels(path)
    with pytest.raises(InputError, match=r"contours, which `read\.labels` reads"):
        read.image(path)


def test_a_damaged_file_of_contours_is_refused(tmp_path):
    path = rtstruct(tmp_path / "rt.dcm", [("sacrum", [box(1, 2, 3, 6, 1)])])
    dataset = pydicom.dcmread(path)
    dataset.ROIContourSequence[0].ContourSequence[0].ContourData = [1, 2, 3, 4]
    dataset.save_as(path)
    with pytest.raises(InputError, match="is damaged"):
        read.labels(path, like=IMAGE)


def test_a_file_of_another_program_is_understood_as_far_as_it_is_known(tmp_path):
    # pydicom's own sample: an outline called "patient", and two points.
    path = tmp_path / "rt.dcm"
    dataset = pydicom.dcmread(get_testdata_file("rtstruct.dcm"), force=True)
    dataset.ensure_file_meta()
    dataset.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2"
    dataset.save_as(path, enforce_file_format=True)
    table = tmp_path / "names.csv"
    table.write_text("label,name\npatient,torso_fat\n")
    grid = Image(
        array=np.zeros((41, 31, 5), np.int16),
        affine=np.array([[10.0, 0, 0, -200], [0, 10, 0, -150], [0, 0, 10, -200], [0, 0, 0, 1]]),
        quantity="hounsfield",
    )
    labels = read.labels(path, table, like=grid)
    # The contour from -200 to 200 and -150 to 150 mm runs through the outermost pixels' centres.
    assert [np.count_nonzero(plane) for plane in labels.array.T] == [41 * 31] * 3 + [0, 0]
    assert "'Isocenter 1'" in labels.source.flags[0]


def test_measure_takes_contours_and_segments_as_labels(tmp_path, capsys):
    pytest.importorskip("highdicom")
    slices = dicom_series.axial_series(
        dicom_series.stored_pixels(4, rows=8, columns=9),
        series="1.2.3",
        StudyInstanceUID=generate_uid(),
        FrameOfReferenceUID=generate_uid(),
    )
    folder = dicom_series.save(tmp_path / "scan", slices)
    scan = read.image(folder)
    corners = [(1.5, 1.5, 2), (6.5, 1.5, 2), (6.5, 5.5, 2), (1.5, 5.5, 2)]
    path = rtstruct(tmp_path / "rt.dcm", [])
    dataset = pydicom.dcmread(path)
    roi, drawn, contour = Dataset(), Dataset(), Dataset()
    roi.ROINumber = drawn.ReferencedROINumber = 1
    roi.ROIName = "vertebrae_L3"
    contour.ContourGeometricType, contour.ContourData = "CLOSED_PLANAR", lps(corners, scan)
    drawn.ContourSequence = [contour]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [roi], [drawn]
    dataset.save_as(path)
    labels = read.labels(path, like=scan)
    assert np.count_nonzero(labels.array) == 5 * 4
    read.write_seg(labels, folder, tmp_path / "seg.dcm")
    np.testing.assert_array_equal(read.labels(tmp_path / "seg.dcm", like=scan).array, labels.array)
    for name in ("rt.dcm", "seg.dcm"):
        out = tmp_path / f"out_{name}"
        assert run(["measure", str(folder), str(tmp_path / name), "-o", str(out), "--json"]) == 0
        said = json.loads(capsys.readouterr().out)
        (volume,) = [m for m in said["measurements"] if m["quantity"] == "volume"]
        assert volume["value"] == pytest.approx(20 * 0.5 * 0.8 * 2)
