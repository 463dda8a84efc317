"""DICOM contours (RTSTRUCT) to label maps on the grid of the image that they were drawn on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from enthesis._optional import optional
from enthesis.errors import GridError, InputError
from enthesis.image import Image, LabelMap, Source
from enthesis.read.dicom_choice import series_hash
from enthesis.read.dicom_objects import dicom_object, understanding
from enthesis.read.schemes import named_regions, region_name
from enthesis.read.volume import content_hash

Floats = NDArray[np.float64]

CLOSED = frozenset({"CLOSED_PLANAR", "CLOSEDPLANAR_XOR", "CLOSED_PLANAR_XOR"})
"""Contours that enclose an area; points and open lines do not."""

OFF_PLANE = 0.1
"""Share of a slice by which a contour may lie beside its slice; positions are rounded to 0.1 mm."""

OFF_IMAGE = 1.0
"""Pixels by which a contour may reach over the image's edge, as smoothed ones do."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Roi:
    """One region of interest with its closed contours.

    Parameters
    ----------
    name : as drawn
    region : of `anatomy`
    algorithm : "MANUAL", "SEMIAUTOMATIC", "AUTOMATIC" or ""
    contours : (n, 3) each, voxel index of the image
    """

    name: str
    region: str
    algorithm: str
    contours: tuple[Floats, ...]


def read_rtstruct(path: str | Path, *, like: Image, scheme: str | Path | None = None) -> LabelMap:
    """Label map of the contours of an RTSTRUCT file.

    A pixel belongs to a region if its centre lies within the contour or on it. Contours of one
    region on one slice are joined by exclusive or, so that one inside another is a hole.

    Parameters
    ----------
    path : one RTSTRUCT file
    like : the image that the contours were drawn on; they may lie in any one of its planes
    scheme : a .csv, .tsv or .json table of names as drawn (or numbers of the regions of interest)
        and regions of `anatomy`; not needed where they are named in `anatomy`'s or
        TotalSegmentator's words, with spaces or underscores

    Returns
    -------
    LabelMap on the whole grid of `like`, numbered in the file's order. What could not be used is
    said in the flags of its source.

    Raises
    ------
    InputError : scikit-image is not installed, no RTSTRUCT, no region that is known, or regions
        that overlap.
    GridError : a contour does not lie in a slice of the image.
    """
    draw = optional("skimage.draw", extra="dicom", purpose="reading RTSTRUCT")
    dataset = dicom_object(path, "RTSTRUCT")
    flags: list[str] = []
    with understanding(path):
        rois = _rois(dataset, named_regions(scheme), like, flags)
        _check_series(dataset, like, flags)
        origin = _origin(dataset, rois)
    axis = _axis(rois)
    array = np.zeros(like.shape, dtype=np.uint8 if len(rois) < 256 else np.uint16, order="F")
    names: dict[int, str] = {}
    for number, roi in enumerate(rois, start=1):
        drawn = _add(draw, roi, axis, number, array, names)
        if drawn:
            names[number] = roi.region
            skipped = max(drawn) - min(drawn) + 1 - len(drawn)
            if skipped:
                flags.append(f"{roi.name!r} has no contour on {skipped} of its slices")
        else:
            flags.append(f"{roi.name!r} encloses no voxel: left out")
    if not names:
        raise InputError("the contours enclose no voxel; nothing could be measured")
    return LabelMap(
        array=array,
        affine=like.affine,
        names=names,
        origin=origin,
        source=Source(
            modality="RTSTRUCT", series=content_hash(array, like.affine), flags=tuple(flags)
        ),
    )


def _rois(dataset: Dataset, words: Mapping[str, str], like: Image, flags: list[str]) -> list[Roi]:
    drawn = {
        int(item.ReferencedROINumber): list(item.get("ContourSequence") or ())
        for item in dataset.get("ROIContourSequence") or ()
    }
    to_voxels = np.asarray(np.linalg.inv(like.affine), dtype=np.float64)
    found: dict[str, Roi] = {}
    strange: list[str] = []
    for item in dataset.get("StructureSetROISequence") or ():
        number, name = int(item.ROINumber), str(item.get("ROIName", "")).strip()
        region = _region(name, number, words)
        if region is None:
            strange.append(name)
            continue
        closed = [c for c in drawn.get(number, ()) if c.get("ContourGeometricType") in CLOSED]
        if len(closed) < len(drawn.get(number, ())):
            flags.append(f"points or open lines of {name!r} enclose no area: left out")
        if not closed:
            flags.append(f"{name!r} has no closed contour: left out")
            continue
        if region in found:
            raise InputError(
                f"{found[region].name!r} and {name!r} are both {region!r}; name one of them "
                "otherwise in a table"
            )
        found[region] = Roi(
            name=name,
            region=region,
            algorithm=str(item.get("ROIGenerationAlgorithm", "")),
            contours=tuple(_contour(c, to_voxels, name) for c in closed),
        )
    listed = ", ".join(map(repr, strange))
    if not found:
        raise InputError(
            f"no region of interest is known ({listed or 'there is none'}); name them in a .csv "
            'table with the columns "label" and "name"'
        )
    if strange:
        flags.append(f"no known regions, left out: {listed}")
    return list(found.values())


def _region(name: str, number: int, words: Mapping[str, str]) -> str | None:
    if words:
        return words.get(name, words.get(str(number)))
    for spelling in (name, "_".join(name.split()), "_".join(name.lower().split())):
        try:
            return region_name(spelling)
        except InputError:
            continue
    return None


def _contour(item: Dataset, to_voxels: Floats, name: str) -> Floats:
    points = np.array(item.ContourData, dtype=np.float64).reshape(-1, 3)
    if len(points) < 3 or not np.isfinite(points).all():
        raise InputError(f"a contour of {name!r} has {len(points)} usable points; 3 are wanted")
    # DICOM counts towards the left and the back.
    placed = points * [-1, -1, 1] @ to_voxels[:3, :3].T + to_voxels[:3, 3]
    return np.asarray(placed, dtype=np.float64)


def _check_series(dataset: Dataset, like: Image, flags: list[str]) -> None:
    hashes = {
        series_hash(str(series.SeriesInstanceUID))
        for frame in dataset.get("ReferencedFrameOfReferenceSequence") or ()
        for study in frame.get("RTReferencedStudySequence") or ()
        for series in study.get("RTReferencedSeriesSequence") or ()
    }
    if hashes and like.source.modality and like.source.series not in hashes:
        flags.append("the contours were drawn on another series than this image")


def _axis(rois: list[Roi]) -> int:
    """The axis of the image across whose slices the contours were drawn."""
    spread = np.max([np.ptp(c, axis=0) for roi in rois for c in roi.contours], axis=0)
    axis = int(spread.argmin())
    if spread[axis] > OFF_PLANE:
        raise GridError(
            "the contours lie in no plane of the image: one leaves its slice by "
            f"{spread[axis]:.3g} slices; give the image that they were drawn on"
        )
    return axis


def _add(
    draw: Any,
    roi: Roi,
    axis: int,
    number: int,
    array: NDArray[Any],
    names: Mapping[int, str],
) -> set[int]:
    """Label the voxels of a region; the slices on which it has any."""
    labelled: set[int] = set()
    slices: dict[int, list[Floats]] = defaultdict(list)
    for contour in roi.contours:
        place = _slice(contour, axis, array.shape, roi.name)
        flat = np.delete(contour, axis, axis=1)
        if any(flat.shape == other.shape and np.allclose(flat, other) for other in slices[place]):
            raise InputError(
                f"a contour of {roi.name!r} is there twice on slice {place}: one inside another is "
                "a hole, so nothing would be left; take one away"
            )
        slices[place].append(flat)
    for place, contours in slices.items():
        plane = np.moveaxis(array, axis, 0)[place]
        inside = np.zeros(plane.shape, dtype=bool)
        for flat in contours:
            inside[draw.polygon(flat[:, 0], flat[:, 1], plane.shape)] ^= True
        taken = plane[inside]
        if taken.any():
            other = names[int(taken[taken > 0][0])]
            raise InputError(
                f"{roi.name!r} and {other!r} share {np.count_nonzero(taken)} voxels of a slice, "
                "and a label map holds one region a voxel; take one of them away"
            )
        plane[inside] = number
        if inside.any():
            labelled.add(place)
    return labelled


def _slice(contour: Floats, axis: int, shape: tuple[int, ...], name: str) -> int:
    place = float(contour[:, axis].mean())
    nearest = round(place)
    if abs(place - nearest) > OFF_PLANE:
        raise GridError(
            f"a contour of {name!r} lies {abs(place - nearest):.2f} slices off the nearest slice "
            "of the image; give the image that it was drawn on"
        )
    beyond = np.maximum(-0.5 - contour, contour - (np.array(shape) - 0.5)).max(axis=0)
    beyond[axis] = 0 if 0 <= nearest < shape[axis] else np.inf
    if beyond.max() > OFF_IMAGE:
        raise GridError(
            f"a contour of {name!r} lies outside of the image; give the image that it was drawn on"
        )
    return nearest


def _origin(dataset: Dataset, rois: list[Roi]) -> str:
    kinds = {roi.algorithm for roi in rois}
    if kinds == {"AUTOMATIC"}:
        model = str(dataset.get("ManufacturerModelName", "")).strip() or "unknown"
        version = dataset.get("SoftwareVersions", "")
        latest = version if isinstance(version, str) else version[0]
        return f"automatic:{model} {latest}".strip()
    return "edited" if kinds <= {"AUTOMATIC", "SEMIAUTOMATIC"} else "given"
