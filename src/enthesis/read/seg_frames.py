"""Frames of a DICOM SEG: which segment, which slice of a regular stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.utils import iter_pixels

from enthesis.errors import InputError
from enthesis.read.dicom_codes import segment_region
from enthesis.read.dicom_geometry import SAME_PLACE_MM, UNEVEN_SHARE
from enthesis.read.dicom_objects import dicom_object

Floats = NDArray[np.float64]

MOST_SLICES = 10_000
"""No scan has more; a damaged position would otherwise ask for any amount of memory."""

KINDS = ("BINARY", "FRACTIONAL", "LABELMAP")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Segments:
    """A SEG whose frames have been placed but not yet decoded.

    Parameters
    ----------
    dataset : as read
    kind : one of `KINDS`
    names : segment number → region
    largest : value of a whole voxel in a fractional SEG
    affine : (4, 4), (column, row, slice) → mm in RAS+
    shape : columns, rows, slices
    planes : slice of each frame
    numbers : segment of each frame; None in a label map
    origin : as in `LabelMap`
    flags : what is doubtful
    """

    dataset: Dataset
    kind: str
    names: Mapping[int, str]
    largest: int
    affine: Floats
    shape: tuple[int, int, int]
    planes: tuple[int, ...]
    numbers: tuple[int | None, ...]
    origin: str
    flags: tuple[str, ...]

    def frames(self) -> Iterator[tuple[int, int | None, NDArray[Any]]]:
        """Yield slice, segment and (rows, columns) pixels of each frame."""
        try:
            pixels = _bits(self.dataset) if _is_packed(self.dataset) else iter_pixels(self.dataset)
            yield from zip(self.planes, self.numbers, pixels, strict=True)
        except Exception as error:  # decoders raise what they like on damaged data
            raise InputError(
                f"the pixels of the SEG cannot be decoded ({error}); export it again"
            ) from error


def open_segments(path: str | Path, names: Mapping[Any, str] | None) -> Segments:
    """Place the frames of a SEG file.

    Raises
    ------
    InputError : no SEG, an unnamed segment, or frames on no regular stack of slices.
    """
    dataset = dicom_object(path, "SEG")
    kind = str(dataset.get("SegmentationType", ""))
    described = dataset.get("SegmentSequence") or []
    groups = dataset.get("PerFrameFunctionalGroupsSequence") or []
    if kind not in KINDS or not described or not groups:
        raise InputError(
            f"{Path(path).name!r} is a SEG of type {kind or 'unknown'!r} with {len(described)} "
            f"segments and {len(groups)} frames; one of {', '.join(KINDS)} with both is wanted"
        )
    try:
        shared = (dataset.get("SharedFunctionalGroupsSequence") or [Dataset()])[0]
        numbers = tuple(None if kind == "LABELMAP" else _number(shared, group) for group in groups)
        affine, planes = _placed(shared, groups)
    except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"the frames of {Path(path).name!r} do not say where they lie ({error}); export the "
            "SEG from a three-dimensional scan"
        ) from error
    regions = _names(described, names)
    unknown = {number for number in numbers if number is not None} - set(regions)
    if unknown:
        raise InputError(f"a frame is of segment {min(unknown)}, which the file does not list")
    return Segments(
        dataset=dataset,
        kind=kind,
        names=regions,
        largest=int(dataset.get("MaximumFractionalValue", 1)),
        affine=affine,
        shape=(int(dataset.Columns), int(dataset.Rows), max(planes) + 1),
        planes=planes,
        numbers=numbers,
        origin=_origin(described[0]),
        flags=(),
    )


def _is_packed(dataset: Dataset) -> bool:
    return (
        dataset.get("BitsAllocated") == 1 and not dataset.file_meta.TransferSyntaxUID.is_compressed
    )


def _bits(dataset: Dataset) -> Iterator[NDArray[Any]]:
    """Yield frames of single bits, (rows, columns).

    Frames follow each other without a gap, so that most begin and end within a byte; pydicom loses
    bits of those that reach over one byte more than others.
    """
    shape = (int(dataset.Rows), int(dataset.Columns))
    size = shape[0] * shape[1]
    packed = np.frombuffer(dataset.PixelData, dtype=np.uint8)
    for frame in range(int(dataset.NumberOfFrames)):
        first, last = frame * size, (frame + 1) * size
        bits = np.unpackbits(packed[first // 8 : -(-last // 8)], bitorder="little")
        yield bits[first % 8 : first % 8 + size].reshape(shape)


def _names(described: Any, names: Mapping[Any, str] | None) -> dict[int, str]:
    found = {}
    for segment in described:
        number = int(segment.SegmentNumber)
        # A label-map SEG may describe its background as segment 0.
        if number == 0:
            continue
        label = str(segment.get("SegmentLabel", "")).strip()
        given = (names or {}).get(number) or (names or {}).get(label)
        if given:
            found[number] = given
            continue
        try:
            found[number] = segment_region(segment)
        except InputError as error:
            raise InputError(
                f"segment {number} is not known as a region; name it with names={{{number}: …}}: "
                f"{error}"
            ) from None
    return found


def _group(shared: Dataset, frame: Dataset, keyword: str) -> Any:
    """What is said of a frame; what is the same for all frames may be said once, for all."""
    return (frame if keyword in frame else shared)[keyword][0]


def _number(shared: Dataset, frame: Dataset) -> int:
    return int(_group(shared, frame, "SegmentIdentificationSequence").ReferencedSegmentNumber)


def _placed(shared: Dataset, groups: Any) -> tuple[Floats, tuple[int, ...]]:
    row, column, spacing, step = _plane(shared, groups)
    normal = np.cross(row, column)
    places = np.array(
        [_group(shared, frame, "PlanePositionSequence").ImagePositionPatient for frame in groups],
        dtype=np.float64,
    )
    along = places @ normal
    distances = np.unique(np.round(along, 3))
    if len(distances) > 1:
        least = float(np.diff(distances)[np.diff(distances) > SAME_PLACE_MM].min(initial=np.inf))
        # Empty slices are left out of the file, so the nearest two tell the step only at best.
        step = step if step and np.isfinite(least) and step <= least * (1 + UNEVEN_SHARE) else least
    if not step or not np.isfinite(step):
        raise InputError("the SEG states no slice thickness, so it has no volume; export it again")
    first = int(along.argmin())
    index = (along - along[first]) / step
    beside = places - places[first] - np.outer(along - along[first], normal)
    off = max(
        float(np.abs(index - np.rint(index)).max()) * step,
        float(np.linalg.norm(beside, axis=1).max()),
    )
    if off > UNEVEN_SHARE * step or index.max() >= MOST_SLICES:
        raise InputError(
            f"the segments lie on no regular stack of slices: up to {off:.3g} mm off steps of "
            f"{step:.4g} mm; resample the segmentation to a regular grid first"
        )
    affine = np.eye(4)
    affine[:3] = np.column_stack(
        [row * spacing[1], column * spacing[0], normal * step, places[first]]
    )
    # DICOM counts towards the left and the back.
    affine[:2] *= -1
    return affine, tuple(int(i) for i in np.rint(index))


def _plane(shared: Dataset, groups: Any) -> tuple[Floats, Floats, Floats, float]:
    """Direction along a row and down a column, pixel spacing and step between slices, mm."""
    first = groups[0]
    orientation = _group(shared, first, "PlaneOrientationSequence").ImageOrientationPatient
    measures = _group(shared, first, "PixelMeasuresSequence")
    cosines = np.array(orientation, dtype=np.float64).reshape(2, 3)
    step = measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0.0
    return cosines[0], cosines[1], np.array(measures.PixelSpacing, dtype=np.float64), float(step)


def _origin(segment: Dataset) -> str:
    kind = str(segment.get("SegmentAlgorithmType", "MANUAL"))
    if kind == "SEMIAUTOMATIC":
        return "edited"
    if kind != "AUTOMATIC":
        return "given"
    by = (segment.get("SegmentationAlgorithmIdentificationSequence") or [Dataset()])[0]
    name = by.get("AlgorithmName") or segment.get("SegmentAlgorithmName") or "unknown"
    family = (by.get("AlgorithmFamilyCodeSequence") or [Dataset()])[0].get("CodeValue")
    learned = "model" if family == "123110" else "automatic"
    return f"{learned}:{name} {by.get('AlgorithmVersion', '')}".strip()
