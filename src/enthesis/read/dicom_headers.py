"""What a DICOM file says about its slice, read without its pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from enthesis.errors import InputError

ENHANCED_CT = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
"""Enhanced CT and legacy converted enhanced CT: many slices in one file."""

LOSSY_SYNTAXES = frozenset(
    {"1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51", "1.2.840.10008.1.2.4.81"}
)
"""JPEG baseline and extended, near-lossless JPEG-LS."""

NO_AGENT = frozenset({"", "NO", "NONE", "WITHOUT", "NO CONTRAST", "N/A"})
"""What stands in the contrast agent's field when there was none."""

TAGS = (
    "ImageType",
    "SOPClassUID",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "ContrastBolusAgent",
    "SliceThickness",
    "KVP",
    "ConvolutionKernel",
    "SeriesInstanceUID",
    "InstanceNumber",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "LossyImageCompression",
)
"""All that is read: nothing that names or dates a patient."""

Vector = tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One DICOM file, its pixels left aside.

    Parameters
    ----------
    path : where it lies; never printed, since file names can hold patients' names
    position, orientation, pixel_spacing : as in the file, LPS and mm; None when absent or not
        finite
    slope, intercept : HU = slope x stored + intercept
    thickness : mm
    contrast : whether an agent is recorded
    deflated : whether the whole file is compressed, and not its pixels
    has_pixels : whether pixel data follow the header
    lossy : whether the pixels were ever compressed with loss
    """

    path: Path
    modality: str
    series_uid: str
    sop_class: str
    image_type: tuple[str, ...]
    instance: int | None
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    position: Vector | None
    orientation: Vector | None
    pixel_spacing: Vector | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    kvp: float | None
    thickness: float | None
    contrast: bool
    kernel: str
    manufacturer: str
    model: str
    compression: str
    deflated: bool
    has_pixels: bool
    lossy: bool

    @property
    def is_picture(self) -> bool:
        """Whether the file holds an image at all."""
        return self.rows > 0 and self.columns > 0

    @property
    def is_scout(self) -> bool:
        """Whether it is a localizer, which shows where slices lie and is none itself."""
        return "LOCALIZER" in self.image_type

    @property
    def title(self) -> str:
        """The slice as messages name it: its place and number, not its file."""
        number = "" if self.instance is None else f" (instance {self.instance})"
        if self.position is None or self.orientation is None:
            return f"the slice{number or ' without a number'}"
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        # Rounding can leave -0, which + 0 makes 0.
        place = round(float(normal @ np.array(self.position)), 2) + 0.0
        return f"the slice at {place:g} mm{number}"


def read_headers(paths: Iterable[Path]) -> list[Header]:
    """Headers of those files that are DICOM.

    Raises
    ------
    InputError : a file begins as DICOM and then makes no sense.
    """
    return [header for path in paths if (header := read_header(path)) is not None]


def read_header(path: Path) -> Header | None:
    """Header of a file, None if it is not DICOM.

    Raises
    ------
    InputError : it begins as DICOM and then makes no sense, or may not be read.
    """
    try:
        with path.open("rb") as file, warnings.catch_warnings():
            # pydicom warns of every odd value; those that matter are checked below.
            warnings.simplefilter("ignore")
            if file.read(132)[128:] != b"DICM":
                return None
            file.seek(0)
            dataset = dcmread(file, stop_before_pixels=True, specific_tags=list(TAGS))
            # Reading stopped where the pixel data begin, or at the end when there are none.
            return _header(path, dataset, at_pixels=file.read(1) != b"")
    except PermissionError:
        raise InputError("no permission to read a DICOM file of the scan; ask its owner") from None
    except Exception as error:
        # A broken file can raise anything from any depth of the parser.
        raise InputError(
            f"a DICOM file cannot be parsed ({type(error).__name__}); remove it if it is no "
            "slice, else export the series again"
        ) from error


def _header(path: Path, dataset: Dataset, *, at_pixels: bool) -> Header:
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    deflated = syntax == DeflatedExplicitVRLittleEndian
    return Header(
        path=path,
        modality=_text(dataset, "Modality"),
        series_uid=_text(dataset, "SeriesInstanceUID"),
        sop_class=_text(dataset, "SOPClassUID")
        or str(dataset.file_meta.get("MediaStorageSOPClassUID", "")),
        image_type=tuple(part.strip().upper() for part in _text(dataset, "ImageType").split("\\")),
        instance=_whole(dataset, "InstanceNumber"),
        rows=_whole(dataset, "Rows") or 0,
        columns=_whole(dataset, "Columns") or 0,
        frames=_whole(dataset, "NumberOfFrames") or 1,
        samples=_whole(dataset, "SamplesPerPixel") or 1,
        photometric=_text(dataset, "PhotometricInterpretation"),
        position=_vector(dataset, "ImagePositionPatient", 3),
        orientation=_vector(dataset, "ImageOrientationPatient", 6),
        pixel_spacing=_vector(dataset, "PixelSpacing", 2),
        slope=_number(dataset, "RescaleSlope"),
        intercept=_number(dataset, "RescaleIntercept"),
        rescale_type=_text(dataset, "RescaleType"),
        kvp=_number(dataset, "KVP"),
        thickness=_number(dataset, "SliceThickness"),
        contrast=_text(dataset, "ContrastBolusAgent").upper() not in NO_AGENT,
        kernel=_text(dataset, "ConvolutionKernel"),
        manufacturer=_text(dataset, "Manufacturer"),
        model=_text(dataset, "ManufacturerModelName"),
        compression=syntax.name if syntax.is_compressed else "none",
        deflated=deflated,
        has_pixels=at_pixels or deflated,
        lossy=syntax in LOSSY_SYNTAXES or _text(dataset, "LossyImageCompression") == "01",
    )


def _text(dataset: Dataset, name: str) -> str:
    value = dataset.get(name)
    if value is None:
        return ""
    parts = [value] if isinstance(value, str) or not hasattr(value, "__iter__") else value
    return "\\".join(str(part).strip() for part in parts)


def _numbers(dataset: Dataset, name: str) -> Vector:
    try:
        return tuple(float(part) for part in _text(dataset, name).split("\\"))
    except ValueError:
        return ()


def _vector(dataset: Dataset, name: str, length: int) -> Vector | None:
    numbers = _numbers(dataset, name)
    return numbers if len(numbers) == length and all(map(math.isfinite, numbers)) else None


def _number(dataset: Dataset, name: str) -> float | None:
    numbers: Any = _vector(dataset, name, 1)
    return numbers[0] if numbers else None


def _whole(dataset: Dataset, name: str) -> int | None:
    number = _number(dataset, name)
    return None if number is None else int(number)
