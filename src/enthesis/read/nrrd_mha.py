"""NRRD and MetaImage files, read by SimpleITK."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from enthesis._optional import optional
from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.volume import content_hash, fill_ras, narrow

SUFFIXES = (".nrrd", ".nhdr", ".mha", ".mhd")

DETACHED = frozenset({".nhdr", ".mhd"})
"""Suffixes of headers whose voxels lie in another file of the folder."""

MAX_DEFLATE_RATIO = 1032
"""Most that deflate can shrink anything (a property of the format)."""

FLIP_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""SimpleITK counts towards the left and the back, Enthesis towards the right and the front."""


def read_image(path: Path, *, quantity: str, volume: int | None) -> Image:
    """Image of an NRRD or MetaImage file.

    Parameters
    ----------
    path : .nrrd, .nhdr, .mha or .mhd
    quantity : what the voxels hold, a key of `quantities`
    volume : which of several along a fourth axis, counted from 0

    Raises
    ------
    InputError : damaged, not three-dimensional, several volumes and none chosen, or not numbers.
    """
    itk = optional("SimpleITK", extra="image", purpose="reading NRRD and MHA files")
    try:
        itk.ProcessObject.SetGlobalWarningDisplay(False)
        _check_claims(itk, path)
        found: Any = _one_volume(itk.ReadImage(str(path)), path, volume)
    except RuntimeError as error:
        raise InputError(
            f"{path.name!r} is cut short, damaged or no {path.suffix.lower()[1:]} file; export it "
            "again"
        ) from error
    affine = np.eye(4)
    affine[:3, :3] = np.reshape(found.GetDirection(), (3, 3)) * found.GetSpacing()
    affine[:3, 3] = found.GetOrigin()
    voxels = itk.GetArrayViewFromImage(found)
    planes = (narrow(plane.T, 1.0, 0.0) for plane in voxels)
    array, turned = fill_ras(planes, found.GetSize(), FLIP_LPS @ affine)
    flags = []
    if quantity == "hounsfield" and array.min() >= 0:
        flags.append("no voxel lies below 0: are these Hounsfield units?")
    if not _states_place(path):
        flags.append(
            "the header does not say how the image lies in the patient: left and right are a guess"
        )
    return Image(
        array=array,
        affine=turned,
        quantity=quantity,
        source=Source(series=content_hash(array, turned), flags=tuple(flags)),
    )


def _check_claims(itk: Any, path: Path) -> None:
    reader = itk.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    size = path.stat().st_size
    if path.suffix.lower() in DETACHED:
        size = sum(other.stat().st_size for other in path.parent.iterdir() if other.is_file())
    if reader.GetNumberOfComponents() != 1 or "complex" in _type(itk, reader):
        raise InputError(
            f"{path.name!r} holds {reader.GetNumberOfComponents()} numbers a voxel; one real "
            "number per voxel was wanted"
        )
    if len(reader.GetSize()) not in {3, 4}:
        raise InputError(
            f"{path.name!r} is {len(reader.GetSize())}-D, so its slice thickness is unknown; store "
            "it with three axes"
        )
    if int(np.prod(reader.GetSize(), dtype=object)) > MAX_DEFLATE_RATIO * size:
        raise InputError(f"{path.name!r} is cut short or damaged; copy or export it again")


def _type(itk: Any, reader: Any) -> str:
    return str(itk.GetPixelIDValueAsString(reader.GetPixelID()))


def _one_volume(image: Any, path: Path, volume: int | None) -> Any:
    count = image.GetSize()[3] if image.GetDimension() == 4 else 1
    if volume is None and count > 1:
        raise InputError(
            f"{path.name!r} holds {count} volumes where one was wanted; choose one from 0 to "
            f"{count - 1}, e.g. volume=0"
        )
    if volume is not None and not 0 <= volume < count:
        raise InputError(
            f"there is no volume {volume} in {path.name!r}; it holds {count}, counted from 0"
        )
    return image[:, :, :, volume or 0] if image.GetDimension() == 4 else image


def _states_place(path: Path) -> bool:
    """Whether the text of the header names directions, which ITK makes up where it does not."""
    with path.open("rb") as file:
        head = file.read(1 << 14)
    return any(word in head for word in (b"space directions", b"TransformMatrix", b"Orientation ="))
