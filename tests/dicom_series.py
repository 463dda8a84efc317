"""CT series of DICOM files made in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

SERIES = generate_uid()

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


def save(folder: Path, slices: Sequence[Dataset], *, prefix: str = "IM") -> Path:
    """Write the slices in this order, named by it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, dataset in enumerate(slices):
        dataset.save_as(folder / f"{prefix}{number:03d}", enforce_file_format=True)
    return folder
