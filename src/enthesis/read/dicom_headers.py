"""What a DICOM file says about its slice, read without its pixels."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.dataset import Dataset

from enthesis.errors import InputError
from enthesis.read.dicom_elements import (
    Vector,
    items,
    number,
    tag,
    text,
    vector,
    whole,
    words,
)
from enthesis.read.dicom_layout import BEGINNING, DEFLATED, Pixels, check_inflated, pixel_layout

NO_AGENT = frozenset({"", "NO", "NONE", "WITHOUT", "NO CONTRAST", "N/A"})
"""What stands in the contrast agent's field when there was none."""

GE_COMPONENT = 0x0043102F
"""GE's own element: 0 magnitude, 1 phase, 2 real, 3 imaginary."""

PHILIPS_SCALE = 0x2005100E
"""Philips' own element: stored pixels per unit of signal."""

COMPONENTS = {
    **dict.fromkeys(("M", "MAGNITUDE", "MAG", "M_FFE", "M_SE", "M_IR", "M_TSE"), "magnitude"),
    **dict.fromkeys(("P", "PHASE", "PHASE MAP", "P_FFE", "PHASE_MAP"), "phase"),
    **dict.fromkeys(("R", "REAL", "R_FFE"), "real"),
    **dict.fromkeys(("I", "IMAGINARY", "I_FFE"), "imaginary"),
    **dict.fromkeys(("W", "WATER"), "water"),
    **dict.fromkeys(("F", "FAT"), "fat"),
    **dict.fromkeys(("FF", "FAT_FRACTION", "FATFRAC", "PDFF"), "fat fraction"),
    **dict.fromkeys(("IP", "IN_PHASE"), "in phase"),
    **dict.fromkeys(("OP", "OUT_PHASE", "OPP_PHASE"), "opposed phase"),
    **dict.fromkeys(("T2_STAR", "T2_STAR_MAP", "T2*"), "T2* map"),
    **dict.fromkeys(("R2_STAR", "R2_STAR_MAP", "R2*"), "R2* map"),
    **dict.fromkeys(("ADC", "ADC_MAP"), "ADC map"),
}
"""Words of an MR image's type, and what its pixels then are."""

KEYWORDS = (
    "ImageType",
    "SOPClassUID",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "SeriesDescription",
    "ContrastBolusAgent",
    "SliceThickness",
    "KVP",
    "RepetitionTime",
    "EchoTime",
    "InversionTime",
    "MagneticFieldStrength",
    "TriggerTime",
    "FrameTime",
    "ImagerPixelSpacing",
    "ProtocolName",
    "ConvolutionKernel",
    "FlipAngle",
    "NominalScannedPixelSpacing",
    "EstimatedRadiographicMagnificationFactor",
    "SequenceOfUltrasoundRegions",
    "DiffusionBValue",
    "SeriesInstanceUID",
    "AcquisitionNumber",
    "InstanceNumber",
    "PatientOrientation",
    "ImagePositionPatient",
    "ImageOrientationPatient",
    "TemporalPositionIdentifier",
    "ComplexImageComponent",
    "SamplesPerPixel",
    "PhotometricInterpretation",
    "NumberOfFrames",
    "Rows",
    "Columns",
    "PixelSpacing",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
    "PixelSpacingCalibrationType",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "LossyImageCompression",
    "ExposedArea",
)
"""All that is read: nothing that names or dates a patient.

Descriptions and protocols can hold names; they go no further than `series`, which redacts them.
"""

OVERLAY_ROWS = 0x60000010
"""Rows of the first overlay, which is there if any is."""

TAGS = [*map(tag, KEYWORDS), GE_COMPONENT, PHILIPS_SCALE, OVERLAY_ROWS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Region:
    """A part of an ultrasound image with a scale of its own.

    Parameters
    ----------
    box : first column, first row, last column, last row
    format : 1 for a two-dimensional picture of tissue; others are curves and bars
    units : of the two directions; 3 is cm
    step : length of one pixel across and down, in these units
    """

    box: Vector
    format: int
    units: Vector
    step: Vector


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """One slice or picture of a DICOM file, its pixels left aside.

    Parameters
    ----------
    path : where it lies; never printed, since file names can hold patients' names
    frame : which of the file's frames, counted from 0
    frames : how many the file has
    position, orientation, pixel_spacing : as in the file, LPS and mm; None when absent or not
        finite
    slope, intercept : value = slope x stored + intercept
    unit : of the values, by the file's real-world mapping; empty when it has none
    thickness : mm
    contrast : whether an agent is recorded
    component : what an MR image shows: "magnitude", "phase", "water", …
    echo_time, repetition_time, inversion_time, trigger_time : ms
    scale : Philips' stored pixels per unit of signal
    """

    path: Path
    modality: str
    series_uid: str
    sop_class: str
    image_type: tuple[str, ...]
    description: str
    instance: int | None
    frame: int
    frames: int
    rows: int
    columns: int
    pixels: Pixels
    position: Vector | None
    orientation: Vector | None
    pixel_spacing: Vector | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    unit: str
    kvp: float | None
    thickness: float | None
    contrast: bool
    kernel: str
    manufacturer: str
    model: str
    component: str
    echo_time: float | None
    repetition_time: float | None
    inversion_time: float | None
    flip_angle: float | None
    trigger_time: float | None
    b_value: float | None
    direction: Vector | None
    temporal: int | None
    acquisition: int | None
    field_strength: float | None
    scale: float | None
    imager_spacing: Vector | None
    scanned_spacing: Vector | None
    spacing_calibrated: str
    magnification: float | None
    exposed_area: Vector | None
    patient_orientation: tuple[str, ...]
    frame_time: float | None
    overlay: bool
    regions: tuple[Region, ...]

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
        if self.frames > 1:
            label = f" (frame {self.frame + 1} of {self.frames})"
        else:
            label = "" if self.instance is None else f" (instance {self.instance})"
        if self.position is None or self.orientation is None:
            return f"the slice{label or ' without a number'}"
        normal = np.cross(self.orientation[:3], self.orientation[3:])
        # Rounding can leave -0, which + 0 makes 0.
        place = round(float(normal @ np.array(self.position)), 2) + 0.0
        return f"the slice at {place:g} mm{label}"


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
            start = file.read(BEGINNING)
            if start[128:132] != b"DICM":
                return None
            if DEFLATED in start:
                check_inflated(file, start)
            file.seek(0)
            dataset = dcmread(file, stop_before_pixels=True, specific_tags=TAGS)
            return _header(path, dataset, pixel_layout(dataset, file))
    except PermissionError:
        raise InputError("no permission to read a DICOM file of the scan; ask its owner") from None
    except InputError:
        raise
    except Exception as error:
        # A broken file can raise anything from any depth of the parser.
        raise InputError(
            f"a DICOM file cannot be parsed ({type(error).__name__}); remove it if it is no "
            "slice, else export the series again"
        ) from error


def image_component(image_type: tuple[str, ...], stated: str = "", ge: int | None = None) -> str:
    """What an MR image's pixels are, by the standard's element, GE's own, or its image type."""
    if stated in COMPONENTS:
        return COMPONENTS[stated]
    if ge is not None and 0 <= ge <= 3:
        return ("magnitude", "phase", "real", "imaginary")[ge]
    # The first two words say original or derived; the kind comes after.
    named = [COMPONENTS[word] for word in image_type[2:] if word in COMPONENTS]
    special = [word for word in named if word != "magnitude"]
    return (special or named or ["magnitude"])[0]


def _header(path: Path, dataset: Dataset, pixels: Pixels) -> Header:
    image_type = words(dataset, "ImageType")
    meta_class = str(dataset.file_meta.get("MediaStorageSOPClassUID", ""))
    stated = text(dataset, "ComplexImageComponent").upper()
    return Header(
        path=path,
        modality=text(dataset, "Modality"),
        series_uid=text(dataset, "SeriesInstanceUID"),
        sop_class=text(dataset, "SOPClassUID") or meta_class,
        image_type=image_type,
        description=f"{text(dataset, 'SeriesDescription')} {text(dataset, 'ProtocolName')}",
        instance=whole(dataset, "InstanceNumber"),
        frame=0,
        frames=max(whole(dataset, "NumberOfFrames") or 1, 1),
        rows=whole(dataset, "Rows") or 0,
        columns=whole(dataset, "Columns") or 0,
        pixels=pixels,
        position=vector(dataset, "ImagePositionPatient", 3),
        orientation=vector(dataset, "ImageOrientationPatient", 6),
        pixel_spacing=vector(dataset, "PixelSpacing", 2),
        slope=number(dataset, "RescaleSlope"),
        intercept=number(dataset, "RescaleIntercept"),
        rescale_type=text(dataset, "RescaleType"),
        unit="",
        kvp=number(dataset, "KVP"),
        thickness=number(dataset, "SliceThickness"),
        contrast=text(dataset, "ContrastBolusAgent").upper() not in NO_AGENT,
        kernel=text(dataset, "ConvolutionKernel"),
        manufacturer=text(dataset, "Manufacturer"),
        model=text(dataset, "ManufacturerModelName"),
        component=image_component(image_type, stated, whole(dataset, GE_COMPONENT)),
        echo_time=number(dataset, "EchoTime"),
        repetition_time=number(dataset, "RepetitionTime"),
        inversion_time=number(dataset, "InversionTime"),
        flip_angle=number(dataset, "FlipAngle"),
        trigger_time=number(dataset, "TriggerTime"),
        b_value=number(dataset, "DiffusionBValue"),
        direction=None,
        temporal=whole(dataset, "TemporalPositionIdentifier"),
        acquisition=whole(dataset, "AcquisitionNumber"),
        field_strength=number(dataset, "MagneticFieldStrength"),
        scale=_positive(number(dataset, PHILIPS_SCALE)),
        imager_spacing=vector(dataset, "ImagerPixelSpacing", 2),
        scanned_spacing=vector(dataset, "NominalScannedPixelSpacing", 2),
        spacing_calibrated=text(dataset, "PixelSpacingCalibrationType"),
        magnification=_positive(number(dataset, "EstimatedRadiographicMagnificationFactor")),
        exposed_area=vector(dataset, "ExposedArea", 2),
        patient_orientation=words(dataset, "PatientOrientation"),
        frame_time=number(dataset, "FrameTime"),
        overlay=bool(whole(dataset, OVERLAY_ROWS)),
        regions=tuple(map(_region, items(dataset, "SequenceOfUltrasoundRegions"))),
    )


def _region(item: Dataset) -> Region:
    corners = ("MinX0", "MinY0", "MaxX1", "MaxY1")
    return Region(
        box=tuple(number(item, f"RegionLocation{corner}") or 0.0 for corner in corners),
        format=whole(item, "RegionSpatialFormat") or 0,
        units=tuple(whole(item, f"PhysicalUnits{axis}Direction") or 0 for axis in "XY"),
        step=tuple(abs(number(item, f"PhysicalDelta{axis}") or 0.0) for axis in "XY"),
    )


def _positive(value: float | None) -> float | None:
    return value if value is not None and value > 0 and math.isfinite(value) else None
