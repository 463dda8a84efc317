import json

import nibabel as nib
import numpy as np
import pandas as pd
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

from enthesis.phantom import muscle_bmode


@pytest.fixture
def picture_file(tmp_path):
    image = muscle_bmode(rng=np.random.default_rng(3)).image
    path = tmp_path / "thigh.nii.gz"
    nib.save(nib.Nifti1Image(np.asarray(image.array), image.affine), path)
    return path


@pytest.fixture
def loop_file(tmp_path):
    """Three frames of a contracting muscle as DICOM with its scale."""
    frames = [
        muscle_bmode(pennation_deg=angle, rng=np.random.default_rng(1)).image.array[::-1, ::-1, 0].T
        for angle in (15.0, 20.0, 25.0)
    ]
    item = Dataset()
    item.RegionSpatialFormat = item.RegionDataType = 1
    item.RegionLocationMinX0 = item.RegionLocationMinY0 = 0
    item.RegionLocationMaxX1, item.RegionLocationMaxY1 = (
        frames[0].shape[1] - 1,
        frames[0].shape[0] - 1,
    )
    item.PhysicalUnitsXDirection = item.PhysicalUnitsYDirection = 3
    item.PhysicalDeltaX = item.PhysicalDeltaY = 0.01
    dataset = Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["loop"])
    dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    dataset.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    dataset.Modality, dataset.NumberOfFrames, dataset.FrameTime = "US", 3, 40
    dataset.Rows, dataset.Columns = frames[0].shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.SequenceOfUltrasoundRegions = [item]
    dataset.PixelData = np.stack(frames).tobytes()
    path = tmp_path / "loop.dcm"
    dataset.save_as(path, enforce_file_format=True)
    return path


def test_ultrasound_writes_measurements_landmarks_and_a_page(enthesis, picture_file, tmp_path):
    output = tmp_path / "out"
    code, out, err = enthesis(
        "ultrasound", picture_file, "-o", output, "--muscle", "vastus_lateralis", "--side", "left",
        "--height-m", 1.7, "--weight-kg", 70, "--fat-slope", 40.53,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "Left vastus lateralis" in out and "Pennation angle" in out and "Report:" in out
    assert sorted(path.name for path in output.iterdir()) == [
        "frames.csv",
        "landmarks.csv",
        "measurements.csv",
        "measurements.json",
        "provenance.json",
        "report.html",
    ]
    table = pd.read_csv(output / "measurements.csv").set_index("quantity")
    assert table.loc["muscle_thickness", "value"] == pytest.approx(20, abs=0.3)
    assert {"echo_intensity", "echo_intensity_corrected", "muscle_thickness_by_bmi"} <= set(
        table.index
    )
    assert set(table["side"]) == {"left"}
    page = (output / "report.html").read_text(encoding="utf-8")
    assert "Ultrasound picture with the superficial and the deep aponeurosis" in page
    assert "thigh" not in json.dumps(json.loads((output / "provenance.json").read_text()))


def test_corrected_landmarks_are_measured_again(enthesis, picture_file, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    enthesis("ultrasound", picture_file, "-o", first, "--muscle", "vastus_lateralis")
    marks = pd.read_csv(first / "landmarks.csv")
    marks.loc[marks["line"] == "deep", "depth_mm"] += 2
    moved = tmp_path / "moved.csv"
    marks.to_csv(moved, index=False)
    code, out, _ = enthesis(
        "ultrasound", picture_file, "-o", second, "--muscle", "vastus_lateralis",
        "--landmarks", moved, "--json",
    )  # fmt: skip
    assert code == 0
    before = json.loads((first / "measurements.json").read_text())["measurements"]
    after = json.loads(out)["measurements"]
    assert after[0]["value"] - before[0]["value"] == pytest.approx(2, abs=0.01)
    assert after[0]["method"].endswith("traced")


def test_a_loop_is_measured_frame_by_frame(enthesis, loop_file, tmp_path):
    output = tmp_path / "out"
    code, out, _ = enthesis("ultrasound", loop_file, "-o", output, "--muscle", "soleus")
    assert code == 0 and "mean of 3 frames" in " ".join(out.split())
    frames = pd.read_csv(output / "frames.csv")
    np.testing.assert_allclose(frames["pennation_angle_deg"], [15, 20, 25], atol=1.5)
    np.testing.assert_allclose(frames["time_s"], [0, 0.04, 0.08])
    assert pd.read_csv(output / "landmarks.csv")["frame"].nunique() == 3
    assert "Frame by frame" in (output / "report.html").read_text(encoding="utf-8")
    one = pd.read_csv(output / "landmarks.csv").query("frame == 0")
    one.to_csv(tmp_path / "one.csv", index=False)
    code, _, err = enthesis(
        "ultrasound", loop_file, "-o", tmp_path / "again", "--muscle", "soleus",
        "--landmarks", tmp_path / "one.csv",
    )  # fmt: skip
    assert code == 2 and "the file is a loop" in err


def test_what_is_no_muscle_is_refused_and_nothing_is_written(enthesis, picture_file, tmp_path):
    output = tmp_path / "out"
    code, _, err = enthesis("ultrasound", picture_file, "-o", output, "--muscle", "femur")
    assert code == 2 and "no muscle named 'femur'" in err
    assert not output.exists()
