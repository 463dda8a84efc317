"""Label maps: numbers with a scheme, or a folder of one mask a region."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import GridError, InputError
from enthesis.image import GRID_TOLERANCE_MM, Image, LabelMap, Source, check_same_grid
from enthesis.read.dicom_headers import read_header
from enthesis.read.files import existing, is_nifti, nifti_stem
from enthesis.read.nifti import NiftiFile, open_nifti
from enthesis.read.rtstruct import read_rtstruct
from enthesis.read.schemes import SCHEMES, named_regions, region_name, scheme_regions
from enthesis.read.seg import read_seg
from enthesis.read.volume import content_hash, fill_ras
from enthesis.read.writing import labels_table

LARGEST_LABEL = 1 << 20
"""Larger numbers are intensities, not labels (FreeSurfer's reach 14 175)."""

MUSCLEMAP_LEG = range(8101, 8163)
"""Numbers whose meaning changed between MuscleMap's models 1.2 and 1.4."""


def labels(
    path: str | Path, scheme: str | Path | None = None, *, like: Image | None = None
) -> LabelMap:
    """Label map of a NIfTI file, a folder of one NIfTI mask a region, a DICOM SEG or RTSTRUCT.

    Parameters
    ----------
    path : .nii or .nii.gz of whole numbers; a folder of masks, each file named after its region in
        `anatomy`'s or TotalSegmentator's words; or one file of DICOM segments or contours
    scheme : what the numbers mean: a name of `SCHEMES`, or a .csv, .tsv or .json file of numbers
        and names; not needed for a folder, nor beside the table that `write_nifti` leaves. DICOM
        names its own regions; a file of numbers, or of names as drawn, and regions says otherwise
    like : the image that the labels belong to; RTSTRUCT has no grid of its own and needs it

    Returns
    -------
    LabelMap in RAS+ and mm, in the smallest unsigned type; `names` has only numbers that occur.

    Raises
    ------
    InputError : nothing there, not a label map, or a number or name that is not known.
    GridError : the labels, or the masks among themselves, do not lie on one grid.
    """
    path = existing(path)
    if path.is_dir():
        found = _from_masks(path, scheme)
    elif is_nifti(path):
        found = _from_numbers(path, scheme)
    else:
        found = _from_dicom(path, scheme, like)
    if like is not None:
        check_same_grid(like, found)
    return found


def _from_numbers(path: Path, scheme: str | Path | None) -> LabelMap:
    if scheme is None:
        scheme = labels_table(path)
        if not scheme.is_file():
            raise InputError(
                f"what the numbers of {path.name!r} mean is not known; name a scheme: "
                f"{', '.join(SCHEMES)}, or a table of numbers and names"
            )
    known, origin = scheme_regions(scheme)
    file = open_nifti(path)
    array, affine = _label_array(file)
    present = _present(array)
    unknown = [number for number in present if number not in known]
    if unknown:
        raise InputError(_unknown_message(array, present, unknown, scheme, known))
    flags = list(file.flags)
    if str(scheme).startswith("musclemap") and any(n in MUSCLEMAP_LEG for n in present):
        other = "1.2" if scheme == "musclemap" else "1.4"
        flags.append(
            "MuscleMap's models 1.2 and 1.4 number the leg differently: these labels are wrong "
            f"below the knee if its model was {other}"
        )
    return LabelMap(
        array=array,
        affine=affine,
        names={number: known[number] for number in present},
        origin=origin,
        source=Source(series=content_hash(array, affine), flags=tuple(flags)),
    )


def _from_dicom(path: Path, scheme: str | Path | None, like: Image | None) -> LabelMap:
    header = read_header(path)
    modality = header.modality if header is not None else ""
    if modality == "SEG":
        words = named_regions(scheme)
        numbered = {int(word): name for word, name in words.items() if word.isdigit()}
        return read_seg(path, like=like, names={**words, **numbered})
    if modality != "RTSTRUCT":
        raise InputError(
            f"{path.name!r} is no label map{f' but {modality}' if modality else ''}; name a .nii "
            "or .nii.gz file, a folder of masks, or a DICOM SEG or RTSTRUCT"
        )
    if like is None:
        raise InputError(
            "contours have no grid of their own; give the image that they were drawn on as like="
        )
    return read_rtstruct(path, like=like, scheme=scheme)


def _label_array(file: NiftiFile) -> tuple[NDArray[Any], NDArray[np.float64]]:
    array, affine = fill_ras(
        map(partial(_label_slice, file), file.slices()), file.shape, file.affine
    )
    if not array.any():
        raise InputError(f"{file.path.name!r} labels no voxel; nothing could be measured")
    return array, affine


def _label_slice(file: NiftiFile, stored: NDArray[Any]) -> NDArray[Any]:
    name = repr(file.path.name)
    values = stored * np.float64(file.slope) + file.intercept if file.is_scaled else stored
    if values.dtype.kind == "f":
        odd = values[~(values == np.rint(values))]
        if odd.size:
            raise InputError(
                f"{name} holds {odd.flat[0]:g}, which is no whole number: is it an image, or "
                "labels resampled with interpolation?"
            )
    low, high = values.min(), values.max()
    if low < 0:
        raise InputError(f"{name} holds {low:g}, and labels are not negative: is it an image?")
    if high > LARGEST_LABEL:
        raise InputError(f"{name} holds {high:g}, too large for a label: is it an image?")
    return values.astype(np.min_scalar_type(int(high)))


def _present(array: NDArray[Any]) -> list[int]:
    seen = np.zeros(int(array.max()) + 1, dtype=bool)
    for plane in array.T:
        seen[plane] = True
    seen[0] = False
    return [int(number) for number in np.flatnonzero(seen)]


def _unknown_message(
    array: NDArray[Any],
    present: list[int],
    unknown: list[int],
    scheme: str | Path,
    known: Mapping[int, str],
) -> str:
    counted = [
        f"{number} ({voxels} voxel{'' if voxels == 1 else 's'})"
        for number in unknown[:3]
        for voxels in [int(np.count_nonzero(array == number))]
    ]
    more = f" and {len(unknown) - 3} more" if len(unknown) > 3 else ""
    fits = [name for name, regions in SCHEMES.items() if set(present) <= set(regions)]
    remedy = (
        f"all labels of this map are in: {', '.join(fits)}"
        if fits
        else "name the scheme or the table that this map was made with"
    )
    title = str(scheme) if str(scheme) in SCHEMES else Path(scheme).name
    labelled, is_ = ("label", "is") if len(unknown) == 1 else ("labels", "are")
    return (
        f"{labelled} {', '.join(counted)}{more} {is_} not in the scheme {title!r} "
        f"({min(known)} to {max(known)}); {remedy}"
    )


def _from_masks(folder: Path, scheme: str | Path | None) -> LabelMap:
    if scheme is not None and str(scheme) not in SCHEMES:
        raise InputError(
            f"the masks in {folder.name!r} are named by their files; leave {str(scheme)!r} out"
        )
    paths = sorted(path for path in folder.iterdir() if path.is_file() and is_nifti(path))
    if not paths:
        raise InputError(
            f"the folder {folder.name!r} holds no NIfTI mask; name a label map, or a folder of "
            "one .nii.gz a region"
        )
    if len(paths) > np.iinfo(np.uint8).max:
        raise InputError(f"{folder.name!r} holds {len(paths)} masks, more than any model makes")
    regions = {path: _mask_region(path) for path in paths}
    first = open_nifti(paths[0])
    labelled: NDArray[Any] = np.zeros(first.shape, dtype=np.uint8, order="F")
    names: dict[int, str] = {}
    for number, (path, name) in enumerate(regions.items(), start=1):
        file = open_nifti(path)
        _check_one_grid(file, first)
        for other, voxels in _add_mask(file, number, labelled).most_common(1):
            raise InputError(
                f"the masks of {names[other]!r} and {name!r} share {voxels} voxels, and a label "
                "map holds one region a voxel; move one of the two files away"
            )
        names[number] = name
    present = _present(labelled)
    if not present:
        raise InputError(f"all {len(paths)} masks in {folder.name!r} are empty")
    array, affine = fill_ras(np.moveaxis(labelled, 2, 0), first.shape, first.affine)
    return LabelMap(
        array=array,
        affine=affine,
        names={number: names[number] for number in present},
        source=Source(series=content_hash(array, affine), flags=first.flags),
    )


def _add_mask(file: NiftiFile, number: int, labelled: NDArray[Any]) -> Counter[int]:
    """Label the mask's voxels; count those that other labels had taken, by label."""
    shared: Counter[int] = Counter()
    values: set[Any] = set()
    for k, stored in enumerate(file.slices()):
        inside = stored != 0
        if inside.any():
            values.update(np.unique(stored[inside]).tolist())
            taken = labelled[:, :, k][inside]
            shared.update(taken[taken > 0].tolist())
            labelled[:, :, k][inside] = number
    if len(values) > 1:
        raise InputError(
            f"{file.path.name!r} holds {len(values)} different values, so it is no mask of one "
            "region; if it is a label map, name the file itself and its scheme"
        )
    return shared


def _mask_region(path: Path) -> str:
    try:
        return region_name(nifti_stem(path))
    except InputError as error:
        raise InputError(f"the mask {path.name!r} is not named after a region: {error}") from None


def _check_one_grid(file: NiftiFile, first: NiftiFile) -> None:
    reach = np.array([*first.shape, 1.0])
    gap = float(np.abs((file.affine - first.affine) * reach).sum(axis=1).max())
    if file.shape != first.shape or gap > GRID_TOLERANCE_MM:
        raise GridError(
            f"the masks {file.path.name!r} and {first.path.name!r} do not lie on one grid; make "
            "them from the same scan"
        )
