"""Frames of a file that holds several: each with what the file says of it alone."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset

from enthesis.errors import InputError
from enthesis.read.dicom_elements import items, number, tag, text, vector, whole, words
from enthesis.read.dicom_headers import Header, image_component
from enthesis.read.dicom_pixels import check_size

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"

FRAME_TYPES = ("MRImageFrameTypeSequence", "CTImageFrameTypeSequence")

FUNCTIONAL_GROUPS = (
    "PlanePositionSequence",
    "PlaneOrientationSequence",
    "PixelMeasuresSequence",
    "PixelValueTransformationSequence",
    "RealWorldValueMappingSequence",
    *FRAME_TYPES,
    "FrameContentSequence",
    "MREchoSequence",
    "MRModifierSequence",
    "MRTimingAndRelatedParametersSequence",
    "MRDiffusionSequence",
    "CTXRayDetailsSequence",
    "CTReconstructionSequence",
)
"""Parts of a frame's description that are read."""

PHILIPS_FRAME = 0x2005140F
"""Philips' own sequence of a frame's elements; its scale is in it."""

PHILIPS_SCALE = 0x2005100E


def frames(header: Header) -> list[Header]:
    """One header a frame; of a file of one frame that is not enhanced, its own.

    Raises
    ------
    InputError : the file is smaller than its frames, or describes another number of them.
    """
    if header.frames > 1:
        check_size(header)
    groups = _functional_groups(header)
    if groups is None:
        return [replace(header, frame=k) for k in range(header.frames)]
    shared, per_frame, contrast = groups
    if len(per_frame) != header.frames:
        raise InputError(
            f"the file has {header.frames} frames but describes {len(per_frame)}; export the "
            "series again"
        )
    header = replace(header, contrast=header.contrast or contrast)
    return [_frame(header, k, shared, own) for k, own in enumerate(per_frame)]


def _functional_groups(
    header: Header,
) -> tuple[dict[str, Dataset], list[dict[str, Dataset]], bool] | None:
    wanted = (SHARED, PER_FRAME, "ContrastBolusAgentSequence")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            dataset = dcmread(
                header.path, stop_before_pixels=True, specific_tags=[tag(name) for name in wanted]
            )
            per_frame = items(dataset, PER_FRAME)
            if not per_frame:
                return None
            shared = items(dataset, SHARED)
            return (
                _parts(shared[0]) if shared else {},
                [_parts(item) for item in per_frame],
                bool(items(dataset, "ContrastBolusAgentSequence")),
            )
    except Exception as error:
        # A broken file can raise anything from any depth of the parser.
        raise InputError(
            f"the frames of a DICOM file cannot be parsed ({type(error).__name__}); export the "
            "series again"
        ) from error


def _parts(item: Dataset) -> dict[str, Dataset]:
    found = {name: items(item, name) for name in FUNCTIONAL_GROUPS}
    parts = {name: group[0] for name, group in found.items() if group}
    if private := items(item, PHILIPS_FRAME):
        parts["Philips"] = private[0]
    return parts


def _frame(
    header: Header, index: int, shared: dict[str, Dataset], own: dict[str, Dataset]
) -> Header:
    empty = Dataset()

    def part(name: str) -> Dataset:
        return own.get(name) or shared.get(name) or empty

    measures = part("PixelMeasuresSequence")
    content = part("FrameContentSequence")
    timing = part("MRTimingAndRelatedParametersSequence")
    changes: dict[str, Any] = {
        "position": vector(part("PlanePositionSequence"), "ImagePositionPatient", 3),
        "orientation": vector(part("PlaneOrientationSequence"), "ImageOrientationPatient", 6),
        "pixel_spacing": vector(measures, "PixelSpacing", 2),
        "thickness": number(measures, "SliceThickness"),
        "echo_time": number(part("MREchoSequence"), "EffectiveEchoTime"),
        "repetition_time": number(timing, "RepetitionTime"),
        "flip_angle": number(timing, "FlipAngle"),
        "inversion_time": _first_number(part("MRModifierSequence"), "InversionTimes"),
        "b_value": number(part("MRDiffusionSequence"), "DiffusionBValue"),
        "direction": _direction(part("MRDiffusionSequence")),
        "temporal": whole(content, "TemporalPositionIndex"),
        "acquisition": whole(content, "FrameAcquisitionNumber"),
        "kvp": number(part("CTXRayDetailsSequence"), "KVP"),
        "scale": number(part("Philips"), PHILIPS_SCALE),
    }
    kernel = text(part("CTReconstructionSequence"), "ConvolutionKernel")
    given = {name: value for name, value in changes.items() if value is not None}
    frame = replace(header, frame=index, kernel=kernel or header.kernel, **given)
    for name in FRAME_TYPES:
        if frame_type := part(name):
            kind = words(frame_type, "FrameType")
            stated = text(frame_type, "ComplexImageComponent").upper()
            frame = replace(frame, image_type=kind, component=image_component(kind, stated))
    return _valued(
        frame, part("PixelValueTransformationSequence"), part("RealWorldValueMappingSequence")
    )


def _valued(frame: Header, transformation: Dataset, mapping: Dataset) -> Header:
    slope = number(transformation, "RescaleSlope")
    intercept = number(transformation, "RescaleIntercept")
    if slope is not None and intercept is not None:
        kind = text(transformation, "RescaleType")
        frame = replace(frame, slope=slope, intercept=intercept, rescale_type=kind)
    for code in items(mapping, "MeasurementUnitsCodeSequence"):
        frame = replace(frame, unit=text(code, "CodeValue"))
    return frame


def _direction(diffusion: Dataset) -> tuple[float, ...] | None:
    for item in items(diffusion, "DiffusionGradientDirectionSequence"):
        return vector(item, "DiffusionGradientOrientation", 3)
    return None


def _first_number(dataset: Dataset, element: str) -> float | None:
    found = text(dataset, element).split("\\")[0]
    try:
        return float(found)
    except ValueError:
        return None
