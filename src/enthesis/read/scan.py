"""One scan, whatever file or folder it lies in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.read import dicom, nifti, nrrd_mha, scanco, stratec
from enthesis.read.files import existing, is_nifti

OTHERS = frozenset({*nrrd_mha.SUFFIXES, *scanco.SUFFIXES, *stratec.SUFFIXES})
"""Suffixes of files other than NIfTI that are known by their names."""


def image(
    path: str | Path,
    *,
    quantity: str | None = None,
    series: str | None = None,
    volume: int | None = None,
    region: int | None = None,
    pixel_spacing: float | Sequence[float] | None = None,
) -> Image:
    """Scan of a DICOM file or folder, or of a NIfTI, NRRD, MHA, Scanco or Stratec file.

    Parameters
    ----------
    path : a DICOM file, or a folder of them (folders in it included); .nii, .nii.gz; .nrrd, .nhdr,
        .mha, .mhd (with the extra `image`); .isq, .aim of HR-pQCT; .m01 of pQCT
    quantity : what the voxels hold, a key of `quantities`. NIfTI, NRRD and MHA do not say: they
        are taken for "hounsfield" if not given. CT DICOM is always "hounsfield", MR "signal" if
        not given, ultrasound "echo_intensity", radiographs "signal"
    series : the first characters of a series' code, where a folder holds several; `series` lists
        them
    volume : which volume of several (echoes, time points, directions), or which frame of a loop,
        counted from 0; the error that lists them says what each is
    region : which region of an ultrasound picture gives the scale, where theirs differ
    pixel_spacing : length of a pixel in mm, or (down, across), of a picture in two dimensions
        whose file does not state it

    Returns
    -------
    Image in RAS+ and mm; int16 where that is exact, else float32. Pictures in two dimensions have
    one slice and a flag that they have no thickness; `array[::-1, ::-1, 0].T` is the picture.

    Raises
    ------
    InputError : nothing there, not an image, damaged, several to choose from, or slices that do
        not make a volume.
    """
    path = existing(path)
    kind = path.suffix.lower()
    if path.is_dir() or not (is_nifti(path) or kind in OTHERS):
        return dicom.read_dicom(
            path,
            quantity=quantity,
            series=series,
            volume=volume,
            region=region,
            pixel_spacing=pixel_spacing,
        )
    if series is not None:
        raise InputError(f"{path.name!r} holds one image; leave series={series!r} out")
    if region is not None or pixel_spacing is not None:
        raise InputError(f"{path.name!r} states its own scale; leave region and pixel_spacing out")
    if is_nifti(path):
        return nifti.read_image(path, quantity=quantity or "hounsfield", volume=volume)
    if kind in nrrd_mha.SUFFIXES:
        return nrrd_mha.read_image(path, quantity=quantity or "hounsfield", volume=volume)
    if quantity is not None:
        raise InputError(f"{path.name!r} states its own quantity; leave {quantity!r} out")
    if volume is not None:
        raise InputError(f"{path.name!r} holds one volume; leave volume={volume} out")
    if kind in stratec.SUFFIXES:
        return stratec.read_image(path)
    return scanco.read_image(path)


def frames(
    path: str | Path,
    *,
    series: str | None = None,
    region: int | None = None,
    pixel_spacing: float | Sequence[float] | None = None,
) -> Iterator[Image]:
    """Frames of an ultrasound loop, one at a time; options as in `image`.

    Returns
    -------
    Iterator of images with one slice each, "echo_intensity", in order of time; their facts hold
    `frame` and `frame_time_s`.

    Raises
    ------
    InputError : no ultrasound, several loops, or no scale.
    """
    return dicom.frames_of(
        existing(path), series=series, region=region, pixel_spacing=pixel_spacing
    )
