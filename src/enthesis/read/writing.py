"""Images and label maps to NIfTI, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np

from enthesis.errors import InputError
from enthesis.image import Image, LabelMap
from enthesis.read.files import is_nifti, nifti_stem

WRITTEN_AS = {"b": np.uint8, "i": np.int32, "u": np.uint32}
"""Types for integers that viewers do not read (bool, 64 bit)."""


def write_nifti(volume: Image | LabelMap, path: str | Path) -> None:
    """Write an image, or a label map and beside it the table of its names.

    The table of `spine.nii.gz` is `spine_labels.json`; `labels` takes it as a scheme.

    Parameters
    ----------
    volume : what to write
    path : .nii or .nii.gz; replaced if there

    Raises
    ------
    InputError : another suffix, or the folder cannot be written to.
    """
    path = Path(path)
    if not is_nifti(path):
        raise InputError(f"{path.name!r} is to end in .nii or .nii.gz")
    array = volume.array
    if array.dtype.kind in WRITTEN_AS and (array.dtype == bool or array.dtype.itemsize == 8):
        array = array.astype(WRITTEN_AS[array.dtype.kind])
    image = nib.Nifti1Image(array, volume.affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(volume.affine, code="scanner")
    image.set_qform(volume.affine, code="scanner")
    if not np.allclose(image.get_qform(), volume.affine, atol=1e-3):
        # A quaternion cannot say a shear; a wrong second opinion is worse than none.
        image.set_qform(None, code="unknown")
    suffix = ".nii.gz" if path.name.lower().endswith(".gz") else ".nii"
    parts = {path: path.with_name(f".{nifti_stem(path)}.part{suffix}")}
    if isinstance(volume, LabelMap):
        table = labels_table(path)
        parts[table] = table.with_name(f".{table.name}.part")
    try:
        nib.save(image, parts[path])
        if isinstance(volume, LabelMap):
            names = {str(number): name for number, name in sorted(volume.names.items())}
            text = json.dumps({"origin": volume.origin, "labels": names}, indent=2) + "\n"
            parts[table].write_text(text, encoding="utf-8")
        for final, part in parts.items():
            part.replace(final)
    except OSError as error:
        raise InputError(f"cannot write {path.name!r}: {error.strerror}; choose another") from error
    finally:
        for part in parts.values():
            part.unlink(missing_ok=True)


def labels_table(path: Path) -> Path:
    """Where the table of names of a label map lies: `x.nii.gz` → `x_labels.json`."""
    return path.with_name(f"{nifti_stem(path)}_labels.json")
