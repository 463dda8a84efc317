"""DICOM segmentations: label maps written for viewers, and those of others read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from pydicom.uid import generate_uid

from enthesis import __version__
from enthesis._optional import optional
from enthesis.anatomy import Code, region
from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, Image, LabelMap, Source, check_same_grid
from enthesis.read.dicom_codes import SIDES, category_code, level_code, private_code, structure_code
from enthesis.read.dicom_objects import understanding
from enthesis.read.dicom_source import source_series
from enthesis.read.seg_frames import Segments, open_segments
from enthesis.read.volume import content_hash, fill_ras

SERIES_NUMBER = 9001
"""Beyond what scanners count to, so that viewers list the derived series last."""


MANUAL = Code("DCM", "123109", "Manual Processing")

ALGORITHM_FAMILIES = {
    "automatic": private_code("automatic"),
    "model": Code("DCM", "123110", "Artificial Intelligence"),
}
"""Family of an algorithm by the origin of a label map.

CID 7162 has a word for a learned model and for drawing by hand, but none that covers thresholds,
shapes and neighbourhoods together; it may be extended, so that what is automatic is only said so.
"""


def write_seg(
    labels: LabelMap,
    source_series_folder: str | Path,
    path: str | Path,
    *,
    series: str | None = None,
) -> None:
    """Write a label map as a binary DICOM SEG that refers to the slices it was made from.

    Segments are numbered 1, 2, … in the order of the label numbers, since DICOM allows no gaps;
    the names are kept. Structures, sides and levels carry SNOMED CT codes where `anatomy` has one
    that was verified, and codes of the private scheme 99ENTHESIS elsewhere. No name, number, birth
    date or study date of a patient is copied; the identifiers of study, series and slices are, for
    without them no viewer could lay the segments over the images.

    Parameters
    ----------
    labels : on the grid of the source
    source_series_folder : DICOM files of the scan, one a slice
    path : .dcm file to write; replaced if there
    series : beginning of the hash of the series, where the folder holds several

    Raises
    ------
    InputError : highdicom is not installed, no usable source, or a folder that cannot be written.
    GridError : labels and source do not lie on one grid.
    """
    hd = optional("highdicom", extra="dicom", purpose="writing DICOM SEG")
    slices, sources = source_series(source_series_folder, series=series)
    array = _in_slices(labels, slices.affine, (sources[0].Columns, sources[0].Rows, len(sources)))
    numbers = sorted(number for number in labels.names if (array == number).any())
    if not numbers:
        raise InputError("the label map labels no voxel, and an empty SEG is not allowed")
    segment_of = np.zeros(max(numbers) + 1, dtype=np.uint16)
    segment_of[numbers] = np.arange(1, len(numbers) + 1)
    written = hd.seg.Segmentation(
        source_images=list(sources),
        pixel_array=segment_of[array.transpose(2, 1, 0)],
        segmentation_type=hd.seg.SegmentationTypeValues.BINARY,
        segment_descriptions=[
            _description(hd, place, labels.names[number], labels.origin)
            for place, number in enumerate(numbers, start=1)
        ],
        series_instance_uid=generate_uid(),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="Enthesis",
        manufacturer_model_name="enthesis",
        software_versions=__version__,
        device_serial_number="0",
        content_label="ENTHESIS",
        series_description="Enthesis regions",
    )
    save_deidentified(written, path)


def read_seg(
    path: str | Path,
    *,
    like: Image | None = None,
    names: Mapping[Any, str] | None = None,
    threshold: float = 0.5,
) -> LabelMap:
    """Label map of a DICOM SEG file.

    Parameters
    ----------
    path : one SEG file: binary, fractional or label map
    like : the image that the segments belong to; the map then has its whole grid. Without it, the
        map reaches from the first to the last slice that has a segment
    names : segment number, or label, → region of `anatomy`; read from the segments' labels and
        codes if not given
    threshold : share from which a voxel of a fractional segment counts, 0 to 1

    Returns
    -------
    LabelMap whose numbers are the segments'; only those that label a voxel are named.

    Raises
    ------
    InputError : no SEG, no regular slices, a segment of unknown name, or segments that overlap.
    GridError : the segments do not lie on the grid of `like`.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold is a share above 0 and up to 1, got {threshold!r}")
    with understanding(path):
        segments = open_segments(path, names)
        array = _labelled(segments, threshold)
    turned, affine = fill_ras((plane.T for plane in array), segments.shape, segments.affine)
    if like is not None:
        turned, affine = _on_grid(turned, affine, like)
    present = [int(number) for number in np.unique(turned) if number]
    if not present:
        raise InputError("the segments label no voxel; nothing could be measured")
    flags = list(segments.flags)
    if segments.kind == "FRACTIONAL":
        flags.append(f"fractional segments: voxels of a share of {threshold:g} or more count")
    labels = LabelMap(
        array=turned,
        affine=affine,
        names={number: segments.names[number] for number in present},
        origin=segments.origin,
        source=Source(modality="SEG", series=content_hash(turned, affine), flags=tuple(flags)),
    )
    if like is not None:
        check_same_grid(like, labels)
    return labels


def save_deidentified(written: Any, path: str | Path) -> None:
    """Save a DICOM object made from our stripped sources, whole or not at all."""
    path = Path(path)
    written.PatientIdentityRemoved = "YES"
    written.DeidentificationMethod = "made without identifying attributes"
    part = path.with_name(f".{path.name}.part")
    try:
        written.save_as(part, enforce_file_format=True)
        part.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path.name!r}: {error.strerror}; choose another") from error
    finally:
        part.unlink(missing_ok=True)


def concept(hd: Any, code: Code) -> Any:
    """A code as highdicom takes it."""
    return hd.sr.CodedConcept(value=code.value, scheme_designator=code.scheme, meaning=code.meaning)


def _in_slices(
    labels: LabelMap, affine: NDArray[np.float64], shape: tuple[int, int, int]
) -> NDArray[Any]:
    """The labels in the order (column, row, slice) of the source."""
    turns = nib.orientations.io_orientation(np.linalg.inv(affine) @ labels.affine)
    array: NDArray[Any] = nib.orientations.apply_orientation(labels.array, turns)
    turned = labels.affine @ nib.orientations.inv_ornt_aff(turns, labels.shape)
    reach = np.array([*shape, 1.0])
    gap = float(np.abs((turned - affine) * reach)[:3].sum(axis=1).max())
    if array.shape != shape or gap > GRID_TOLERANCE_MM:
        raise GridError(
            f"labels of {' x '.join(map(str, array.shape))} voxels do not lie on the source's grid "
            f"of {' x '.join(map(str, shape))} (up to {gap:.3g} mm apart); give the series that "
            "they were drawn on"
        )
    return array


def _description(hd: Any, number: int, name: str, origin: str) -> Any:
    known = region(name)
    level = level_code(known.level)
    kind, _, algorithm = origin.partition(":")
    machine = kind in {"automatic", "model"}
    family = ALGORITHM_FAMILIES.get(kind, MANUAL)
    title, _, version = algorithm.rpartition(" ")
    by = hd.AlgorithmIdentificationSequence(
        name=title or algorithm or kind,
        version=version if title else "unknown",
        family=concept(hd, family),
    )
    described = hd.seg.SegmentDescription(
        segment_number=number,
        segment_label=name,
        segmented_property_category=concept(hd, category_code(known)),
        segmented_property_type=concept(hd, structure_code(known)),
        algorithm_type=(
            "AUTOMATIC" if machine else "SEMIAUTOMATIC" if kind == "edited" else "MANUAL"
        ),
        algorithm_identification=by if machine or kind == "edited" else None,
        anatomic_regions=[concept(hd, level)] if level and level != known.code else None,
        display_color=hd.color.CIELabColor.from_rgb(*(255 * part for part in known.color)),
    )
    if known.side:
        coded = described.SegmentedPropertyTypeCodeSequence[0]
        coded.SegmentedPropertyTypeModifierCodeSequence = [concept(hd, SIDES[known.side])]
    return described


def _labelled(segments: Segments, threshold: float) -> NDArray[Any]:
    """Segment numbers, (slice, row, column)."""
    columns, rows, count = segments.shape
    largest = max(segments.names)
    array = np.zeros((count, rows, columns), dtype=np.min_scalar_type(largest))
    shared: Counter[tuple[int, int]] = Counter()
    for plane, number, pixels in segments.frames():
        if number is None:
            _check_numbers(pixels, segments.names)
            array[plane] = pixels
            continue
        share = segments.largest * threshold if segments.kind == "FRACTIONAL" else 1
        inside = pixels >= share
        taken = array[plane][inside]
        clashes = taken[(taken > 0) & (taken != number)]
        shared.update((int(other), number) for other in clashes)
        array[plane][inside] = number
    for (first, second), voxels in shared.most_common(1):
        raise InputError(
            f"segments {first} ({segments.names[first]}) and {second} ({segments.names[second]}) "
            f"share {voxels} voxels, and a label map holds one region a voxel; export them apart"
        )
    return array


def _check_numbers(pixels: NDArray[Any], names: Mapping[int, str]) -> None:
    unknown = [int(n) for n in np.unique(pixels) if n and int(n) not in names]
    if unknown:
        raise InputError(f"a voxel belongs to segment {unknown[0]}, which the file does not list")


def _on_grid(
    array: NDArray[Any], affine: NDArray[np.float64], like: Image
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """The part of the image's grid that the segments cover, put back into the whole."""
    between = np.linalg.inv(like.affine) @ affine
    start = np.rint(between[:3, 3]).astype(int)
    placed = like.affine @ np.array([*start, 1.0])
    steps = (affine - like.affine)[:3, :3] * np.array(array.shape)
    gap = float(np.linalg.norm(affine[:3, 3] - placed[:3]) + np.abs(steps).sum(axis=1).max())
    stop = start + array.shape
    if gap > GRID_TOLERANCE_MM or (start < 0).any() or (stop > like.shape).any():
        raise GridError(
            f"the segments do not lie on the image's grid (up to {gap:.3g} mm off it, voxels "
            f"{start.tolist()} to {stop.tolist()} of {list(like.shape)}); give the image that they "
            "were drawn on"
        )
    whole = np.zeros(like.shape, dtype=array.dtype, order="F")
    whole[tuple(map(slice, start, stop))] = array
    return whole, like.affine
