"""CT series of DICOM files made in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage, generate_uid

SERIES, STUDY, FRAME = generate_uid(), generate_uid(), generate_uid()

NAMING = (b"Doe", b"P-4711", b"19500101", b"20200202", b"Elsewhere", b"Who^", b"ACC-77", b"Jane")
"""What of `named_series` must not be found in anything that is written."""

AXIAL = (1, 0, 0, 0, 1, 0)


def stored_pixels(count: int, *, rows: int = 4, columns: int = 5) -> np.ndarray:
    """Different numbers in every pixel of every slice, (count, rows, columns)."""
    return np.arange(count * rows * columns, dtype=np.uint16).reshape(count, rows, columns)


def ct_slice(
    pixels: np.ndarray,
    position: Sequence[float],
    *,
    instance: int = 1,
    orientation: Sequence[float] = AXIAL,
    series: str = SERIES,
    **changes: Any,
) -> Dataset:
    """One CT slice with the elements that a scanner writes; None in `changes` takes one away."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    dataset.SOPClassUID = CTImageStorage
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID
    dataset.SeriesInstanceUID = series
    dataset.PatientName = "Doe^Jane"
    dataset.Modality = "CT"
    dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    dataset.InstanceNumber = instance
    dataset.ImagePositionPatient = list(position)
    dataset.ImageOrientationPatient = list(orientation)
    dataset.PixelSpacing = [0.5, 0.8]
    dataset.SliceThickness = 3
    dataset.RescaleSlope = 1
    dataset.RescaleIntercept = -1024
    dataset.RescaleType = "HU"
    dataset.SamplesPerPixel = 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = 16
    dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    for name, value in changes.items():
        if value is None:
            delattr(dataset, name)
        else:
            setattr(dataset, name, value)
    return dataset


def axial_series(pixels: np.ndarray, *, step: float = 2.0, **changes: Any) -> list[Dataset]:
    """Axial slices of these pixels, from the feet upwards, numbered from the head."""
    count = len(pixels)
    return [
        ct_slice(pixels[k], (-10, -20, 100 + k * step), instance=count - k, **changes)
        for k in range(count)
    ]


def named_series(pixels: np.ndarray) -> list[Dataset]:
    """Axial slices that segments and reports can refer to, and that name a patient everywhere."""
    return axial_series(
        pixels,
        StudyInstanceUID=STUDY,
        FrameOfReferenceUID=FRAME,
        PatientID="P-4711",
        PatientBirthDate="19500101",
        StudyDate="20200202",
        InstitutionName="St Elsewhere",
        ReferringPhysicianName="Who^Doctor",
        AccessionNumber="ACC-77",
        StudyDescription="spine of Jane",
    )


def save(folder: Path, slices: Sequence[Dataset], *, prefix: str = "IM") -> Path:
    """Write the slices in this order, named by it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(slices):
        dataset.save_as(folder / f"{prefix}{number:03d}", enforce_file_format=True)
    return folder


def mr_slice(pixels: np.ndarray, position: Sequence[float], **changes: Any) -> Dataset:
    """One MR slice of a 1.5 T gradient echo; None in `changes` takes an element away."""
    usual = {
        "SOPClassUID": MRImageStorage,
        "Modality": "MR",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "ND"],
        "RescaleSlope": None,
        "RescaleIntercept": None,
        "RescaleType": None,
        "MagneticFieldStrength": 1.5,
        "EchoTime": 2.3,
    }
    return ct_slice(pixels, position, **{**usual, **changes})


def mr_series(pixels: np.ndarray, *, step: float = 2.0, **changes: Any) -> list[Dataset]:
    """Axial MR slices of these pixels, from the feet upwards."""
    return [
        mr_slice(plane, (-10, -20, 100 + k * step), instance=k + 1, **changes)
        for k, plane in enumerate(pixels)
    ]


def enhanced(
    pixels: np.ndarray,
    frames: Sequence[dict[str, dict[str, Any]]],
    shared: dict[str, dict[str, Any]],
    **changes: Any,
) -> Dataset:
    """One file of many frames; each functional group as {sequence: {element: value}}."""
    dataset = ct_slice(pixels[0], (0, 0, 0))
    for name in (
        "ImagePositionPatient",
        "ImageOrientationPatient",
        "PixelSpacing",
        "SliceThickness",
        "RescaleSlope",
        "RescaleIntercept",
        "RescaleType",
    ):
        delattr(dataset, name)
    dataset.NumberOfFrames = len(pixels)
    dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    dataset.SharedFunctionalGroupsSequence = [_groups(shared)]
    dataset.PerFrameFunctionalGroupsSequence = [_groups(frame) for frame in frames]
    for name, value in changes.items():
        setattr(dataset, name, value)
    return dataset


def _groups(groups: dict[str, dict[str, Any]]) -> Dataset:
    whole = Dataset()
    for sequence, elements in groups.items():
        item = Dataset()
        for name, value in elements.items():
            setattr(item, name, value)
        setattr(whole, sequence, [item])
    return whole


def compress(path: Path, syntax: int) -> None:
    """Compress a file in place with GDCM; `syntax` as gdcm.TransferSyntax counts them."""
    reader = gdcm.ImageReader()
    reader.SetFileName(str(path))
    assert reader.Read()
    change = gdcm.ImageChangeTransferSyntax()
    change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
    change.SetInput(reader.GetImage())
    assert change.Change()
    writer = gdcm.ImageWriter()
    writer.SetFileName(str(path))
    writer.SetFile(reader.GetFile())
    writer.SetImage(change.GetOutput())
    assert writer.Write()
