"""Contours that a person drew on a few slices: label files, Slicer segmentations and curves."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis._optional import optional
from enthesis.errors import GridError, InputError
from enthesis.image import Image, LabelMap
from enthesis.read.files import existing
from enthesis.read.label_maps import labels
from enthesis.read.schemes import region_name

MARKUPS, SEGMENTATION = ".mrk.json", ".seg.nrrd"

ON_GRID_VOXELS = 0.05
"""How far a voxel of a segmentation may lie off a voxel of the scan, voxels."""

FLAT_VOXELS = 0.6
"""A curve that leaves its slice by more than this was not drawn on one, voxels."""

TO_RAS = {"LPS": np.array([-1.0, -1.0, 1.0]), "RAS": np.ones(3)}


def drawn_contours(
    paths: str | Path | Iterable[str | Path],
    *,
    like: Image,
    names: Mapping[str, str] | None = None,
    scheme: str | Path | None = None,
) -> LabelMap:
    """What was drawn, on the grid of the scan; slices on which nothing was drawn are empty.

    Parameters
    ----------
    paths : one file or several: ``.mrk.json`` (closed curves of 3D Slicer, one region a file, of
        any number of curves), ``.seg.nrrd`` (a Slicer segmentation), or whatever `labels` takes,
        NIfTI of ITK-SNAP among it
    like : the scan that was drawn on
    names : word in the file, or stem of a curve's file → region; words that are regions already
        need no translation
    scheme : what the numbers of a label file mean, see `labels`

    Raises
    ------
    InputError : a damaged file, an unknown name, or a curve that lies on no slice.
    GridError : a segmentation or label file that does not lie on the scan's grid.
    """
    given = [paths] if isinstance(paths, str | Path) else list(paths)
    if not given:
        raise InputError("no file of contours was named")
    array = np.zeros(like.shape, np.uint16)
    found: dict[str, int] = {}
    for path in map(existing, given):
        for name, inside in _drawn(path, like, names or {}, scheme):
            number = found.setdefault(name, len(found) + 1)
            array[inside] = number
    if not found:
        raise InputError("nothing is drawn in these files")
    return LabelMap(
        array=array,
        affine=like.affine,
        names={number: name for name, number in found.items()},
        source=like.source,
    )


def _drawn(
    path: Path, like: Image, names: Mapping[str, str], scheme: str | Path | None
) -> list[tuple[str, NDArray[np.bool_]]]:
    kind = path.name.lower()
    if kind.endswith(MARKUPS):
        word = path.name[: -len(MARKUPS)]
        return [(_region(word, names, path), _of_curves(path, like))]
    if kind.endswith(SEGMENTATION):
        return _of_segmentation(path, like, names)
    found = labels(path, scheme, like=like)
    return [(name, found.array == number) for number, name in found.names.items()]


def _region(word: str, names: Mapping[str, str], path: Path) -> str:
    try:
        return region_name(names.get(word, word))
    except InputError as error:
        raise InputError(f"{path.name!r}: {error}; translate it in `names`") from None


def _of_curves(path: Path, like: Image) -> NDArray[np.bool_]:
    """Voxels within the closed curves of a markups file."""
    draw = optional("skimage.draw", extra="segment", purpose="Reading curves")
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        curves = [
            (
                str(one.get("coordinateSystem", "LPS")),
                np.array([point["position"] for point in one["controlPoints"]], float),
            )
            for one in document["markups"]
            if one.get("type") == "ClosedCurve"
        ]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path.name!r} is no markups file of 3D Slicer") from error
    if not curves:
        raise InputError(f"{path.name!r} holds no closed curve; draw closed curves on axial slices")
    into = np.linalg.inv(like.affine)
    inside = np.zeros(like.shape, bool)
    for system, points in curves:
        if system not in TO_RAS or points.ndim != 2 or points.shape[1] != 3 or len(points) < 3:
            raise InputError(f"{path.name!r}: a curve has three or more points in LPS or RAS")
        voxels = points * TO_RAS[system] @ into[:3, :3].T + into[:3, 3]
        k = round(float(voxels[:, 2].mean()))
        if np.abs(voxels[:, 2] - k).max() > FLAT_VOXELS or not 0 <= k < like.shape[2]:
            raise InputError(
                f"{path.name!r}: a curve near slice {k + 1} lies on no axial slice of this scan; "
                "draw each on one slice"
            )
        # Within a slice curves add up, except that one inside another is a hole.
        inside[:, :, k] ^= draw.polygon2mask(like.shape[:2], voxels[:, :2])
    return inside


def _of_segmentation(
    path: Path, like: Image, names: Mapping[str, str]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Segments of a Slicer segmentation, which keeps only the box that holds them."""
    itk = optional("SimpleITK", extra="image", purpose="Reading .seg.nrrd")
    try:
        itk.ProcessObject.SetGlobalWarningDisplay(False)
        image: Any = itk.ReadImage(str(path))
    except RuntimeError as error:
        raise InputError(f"{path.name!r} is cut short, damaged or no .seg.nrrd file") from error
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(image.GetDirection(), (3, 3)) * image.GetSpacing()
    affine[:3, 3] = image.GetOrigin()
    to_scan = np.linalg.inv(like.affine) @ np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    layers = itk.GetArrayFromImage(image)
    if layers.ndim == 3:
        layers = layers[..., None]
    facts = {key: image.GetMetaData(key) for key in image.GetMetaDataKeys()}
    found = []
    for key, word in facts.items():
        segment, _, what = key.partition("_")
        if not segment.startswith("Segment") or what != "Name" or not segment[7:].isdigit():
            continue
        value = int(facts.get(f"{segment}_LabelValue", "1"))
        layer = int(facts.get(f"{segment}_Layer", "0"))
        places = np.argwhere(layers[..., layer] == value)[:, ::-1]
        if places.size:
            inside = _placed(places, to_scan, like, path)
            found.append((_region(word, names, path), inside))
    return found


def _placed(
    places: NDArray[np.intp], to_scan: NDArray[np.float64], like: Image, path: Path
) -> NDArray[np.bool_]:
    """Voxels of a segmentation as voxels of the scan."""
    exact = places @ to_scan[:3, :3].T + to_scan[:3, 3]
    voxels = np.round(exact).astype(np.intp)
    outside = (voxels < 0).any() or (voxels >= np.array(like.shape)).any()
    if outside or np.abs(exact - voxels).max() > ON_GRID_VOXELS:
        raise GridError(
            f"{path.name!r} does not lie on the grid of this scan; set the scan as the "
            "segmentation's source geometry and export it again"
        )
    inside = np.zeros(like.shape, bool)
    inside[tuple(voxels.T)] = True
    return inside
