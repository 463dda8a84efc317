"""NIfTI files: headers checked, voxels read slice by slice."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source, spacing
from enthesis.read.volume import content_hash, fill_ras, narrow

MM_PER_UNIT = {"mm": 1.0, "meter": 1000.0, "micron": 0.001, "unknown": 1.0}
"""Length of the header's unit, mm; nearly all files that leave it out mean mm."""

FORMS_APART = 0.1
"""Share of a voxel by which sform and qform may differ before it is said."""

MAX_DEFLATE_RATIO = 1032
"""Most that deflate can shrink anything (a property of the format): more must be missing data."""

KINDS = {"V": "colours", "c": "complex numbers"}
"""What else than numbers a voxel can hold, by NumPy's letter."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class NiftiFile:
    """One volume of a NIfTI file, not read yet.

    Parameters
    ----------
    path : .nii or .nii.gz
    shape : voxels along the file's axes
    volumes : how many of that shape the file holds
    affine : (4, 4), the file's index → mm in RAS+
    dtype, offset : of the stored voxels
    slope, intercept : value = slope x stored + intercept
    flags : what is doubtful about where it lies
    """

    path: Path
    shape: tuple[int, int, int]
    volumes: int
    affine: NDArray[np.float64]
    dtype: np.dtype[Any]
    offset: int
    slope: float
    intercept: float
    flags: tuple[str, ...]

    @property
    def is_scaled(self) -> bool:
        """Whether the values differ from the stored voxels."""
        return self.slope != 1 or self.intercept != 0

    def slices(self) -> Iterator[NDArray[Any]]:
        """Yield the stored slices along the file's last axis.

        Raises
        ------
        InputError : cut short, or damaged.
        """
        rows, columns, count = self.shape
        wanted = rows * columns * self.dtype.itemsize
        opener: Any = gzip.open if self.path.name.lower().endswith(".gz") else open
        try:
            with opener(self.path, "rb") as file:
                file.seek(self.offset)
                for _ in range(count):
                    content = file.read(wanted)
                    if len(content) < wanted:
                        raise EOFError
                    yield np.frombuffer(content, self.dtype).reshape((rows, columns), order="F")
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(_damaged(self.path)) from error


def read_image(path: Path, *, quantity: str, volume: int | None = None) -> Image:
    """Image of a NIfTI file.

    Parameters
    ----------
    path : .nii or .nii.gz
    quantity : what the voxels hold, a key of `quantities`
    volume : which of several, counted from 0

    Raises
    ------
    InputError : not NIfTI, damaged, not three-dimensional, several volumes and none chosen, or not
        numbers.
    """
    file = open_nifti(path, volume=volume)
    planes = (narrow(plane, file.slope, file.intercept) for plane in file.slices())
    array, affine = fill_ras(planes, file.shape, file.affine)
    flags = [*file.flags]
    if array.dtype.kind == "f":
        missing = sum(int(np.count_nonzero(~np.isfinite(plane))) for plane in array.T)
        if missing == array.size:
            raise InputError(f"{path.name!r} holds no finite voxel; export the image again")
        if missing:
            flags.append(f"{missing} of {array.size} voxels are not finite numbers")
    if quantity == "hounsfield" and np.nanmin(array) >= 0:
        flags.append("no voxel lies below 0: are these Hounsfield units?")
    return Image(
        array=array,
        affine=affine,
        quantity=quantity,
        source=Source(series=content_hash(array, affine), flags=tuple(flags)),
    )


def open_nifti(path: Path, *, volume: int | None = None, kinds: str = "iuf") -> NiftiFile:
    """Read and check the header of a NIfTI file.

    Parameters
    ----------
    path : .nii or .nii.gz
    volume : which of several, counted from 0
    kinds : of numbers that a voxel may hold, by NumPy's letters; "c" is complex

    Raises
    ------
    InputError : not NIfTI, damaged, not three-dimensional, several volumes and none chosen, or not
        such numbers.
    """
    try:
        image: Any = nib.load(path)
        if not isinstance(image, nib.Nifti1Image):
            raise ImageFileError
    except ImageFileError:
        raise InputError(f"{path.name!r} is not a NIfTI image, whatever its name says") from None
    except HeaderDataError as error:
        raise InputError(f"{path.name!r} has an unusable NIfTI header: {error}") from error
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise InputError(_damaged(path)) from error
    stored: Any = image.dataobj
    if stored.dtype.kind not in kinds:
        kind = KINDS.get(stored.dtype.kind, str(stored.dtype))
        raise InputError(f"{path.name!r} holds {kind}; one real number per voxel was wanted")
    shape, count = _three_axes(image.shape, path)
    if volume is None and count > 1:
        raise InputError(
            f"{path.name!r} holds {count} volumes where one was wanted; choose one from 0 to "
            f"{count - 1}, e.g. volume=0, or read all as echoes"
        )
    if volume is not None and not 0 <= volume < count:
        raise InputError(
            f"there is no volume {volume} in {path.name!r}; it holds {count}, counted from 0"
        )
    voxels = int(np.prod(shape, dtype=object))
    # Before anything is allocated: a damaged header can claim any size.
    ratio = MAX_DEFLATE_RATIO if path.name.lower().endswith(".gz") else 1
    if voxels * count * stored.dtype.itemsize > path.stat().st_size * ratio:
        raise InputError(_damaged(path))
    return NiftiFile(
        path=path,
        shape=shape,
        volumes=count,
        affine=np.diag([*[_mm_per_unit(image)] * 3, 1.0]) @ image.affine,
        dtype=stored.dtype,
        offset=stored.offset + (volume or 0) * voxels * stored.dtype.itemsize,
        slope=float(stored.slope),
        intercept=float(stored.inter),
        flags=tuple(_place_doubts(image)),
    )


def _damaged(path: Path) -> str:
    return f"{path.name!r} is cut short or damaged; copy or export it again"


def _three_axes(shape: tuple[int, ...], path: Path) -> tuple[tuple[int, int, int], int]:
    """Voxels along the first three axes, and how many volumes of them the others hold."""
    if len(shape) < 3:
        raise InputError(
            f"{path.name!r} is {len(shape)}-D, so its slice thickness is unknown; store it with "
            "three axes, the last of length 1 and as thick as the slice"
        )
    if 0 in shape:
        raise InputError(f"{path.name!r} holds no voxel; export the image again")
    i, j, k = (int(n) for n in shape[:3])
    return (i, j, k), int(np.prod(shape[3:], dtype=object))


def _mm_per_unit(image: Any) -> float:
    return MM_PER_UNIT[image.header.get_xyzt_units()[0]]


def _place_doubts(image: Any) -> list[str]:
    doubts = []
    sform, sform_code = image.header.get_sform(coded=True)
    qform, qform_code = image.header.get_qform(coded=True)
    if not sform_code and not qform_code:
        doubts.append(
            "the header does not say how the image lies in the patient (sform and qform codes are "
            "0): left and right are a guess"
        )
    if sform_code and qform_code:
        reach = np.array([*image.shape[:3], 1.0])
        gap = float(np.abs((sform - qform) * reach).sum(axis=1).max())
        if gap > FORMS_APART * min(spacing(image.affine)):
            doubts.append(
                f"sform and qform put the image up to {gap * _mm_per_unit(image):.3g} mm apart; "
                "the sform was used"
            )
    return doubts
