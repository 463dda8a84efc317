"""One scan, whatever file or folder it lies in."""

from __future__ import annotations

from pathlib import Path

from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.read import dicom, nifti
from enthesis.read.files import existing, is_nifti


def image(path: str | Path, *, quantity: str | None = None, series: str | None = None) -> Image:
    """Scan of a NIfTI file, a folder of CT DICOM, or one CT DICOM file.

    Parameters
    ----------
    path : .nii, .nii.gz, a DICOM file, or a folder of DICOM files (folders in it included)
    quantity : what the voxels of a NIfTI file hold, a key of `quantities`; "hounsfield" if not
        given, and always for CT DICOM
    series : the first characters of a series' hash, where a folder holds several series; the
        error that lists them prints the hashes

    Returns
    -------
    Image in RAS+ and mm; int16 where that is exact, else float32.

    Raises
    ------
    InputError : nothing there, not an image, damaged, or slices that do not make a volume.
    """
    path = existing(path)
    if is_nifti(path) and path.is_file():
        if series is not None:
            raise InputError(f"a NIfTI file holds one image; leave series={series!r} out")
        return nifti.read_image(path, quantity=quantity or "hounsfield")
    if quantity not in {None, "hounsfield"}:
        raise InputError(
            f"CT DICOM holds Hounsfield units, not {quantity!r}; leave the quantity out"
        )
    return dicom.read_ct(path, series=series)
