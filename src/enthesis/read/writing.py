"""Images, label maps and echoes to NIfTI, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Echoes, Image, LabelMap
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
    image = _nifti(array, volume.affine)
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


def write_echoes(echoes: Echoes, path: str | Path) -> tuple[Path, ...]:
    """Write echoes as BIDS names them: magnitudes and phases, four axes, a JSON sidecar each.

    `read.echoes` takes both files together; the readout's direction is not in them.

    Parameters
    ----------
    echoes : what to write
    path : spine.nii.gz becomes spine_part-mag.nii.gz and, if complex, spine_part-phase.nii.gz

    Returns
    -------
    the NIfTI files.

    Raises
    ------
    InputError : another suffix, or the folder cannot be written to.
    """
    path = Path(path)
    if not is_nifti(path):
        raise InputError(f"{path.name!r} is to end in .nii or .nii.gz")
    suffix = ".nii.gz" if path.name.lower().endswith(".gz") else ".nii"
    said: dict[str, Any] = {
        "EchoTime": [float(time) for time in echoes.echo_times],
        "MagneticFieldStrength": echoes.field_strength,
    }
    parts: list[tuple[str, NDArray[np.float32], dict[str, Any]]] = [
        ("mag", np.abs(echoes.array).astype(np.float32), {})
    ]
    if np.iscomplexobj(echoes.array):
        phase = np.angle(echoes.array).astype(np.float32)
        parts.append(("phase", phase, {"Units": "rad"}))
    written = []
    for name, values, more in parts:
        stem = f"{nifti_stem(path)}_part-{name}"
        final, sidecar = path.with_name(f"{stem}{suffix}"), path.with_name(f"{stem}.json")
        half = {file: file.with_name(f".part.{file.name}") for file in (final, sidecar)}
        try:
            nib.save(_nifti(values, echoes.affine), half[final])
            half[sidecar].write_text(json.dumps(said | more, indent=2) + "\n", encoding="utf-8")
            for file, unfinished in half.items():
                unfinished.replace(file)
        except OSError as error:
            raise InputError(
                f"cannot write {final.name!r}: {error.strerror}; choose another"
            ) from error
        finally:
            for unfinished in half.values():
                unfinished.unlink(missing_ok=True)
        written.append(final)
    return tuple(written)


def labels_table(path: Path) -> Path:
    """Where the table of names of a label map lies: `x.nii.gz` → `x_labels.json`."""
    return path.with_name(f"{nifti_stem(path)}_labels.json")


def table_beside(labels: Path) -> Path | None:
    """The table of names that `write_nifti` left beside a label map; None where there is none."""
    if not labels.name.lower().endswith((".nii", ".nii.gz")):
        return None
    table = labels_table(labels)
    return table if table.is_file() else None


def _nifti(array: NDArray[Any], affine: NDArray[np.float64]) -> nib.Nifti1Image:
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    if not np.allclose(image.get_qform(), affine, atol=1e-3):
        # A quaternion cannot say a shear; a wrong second opinion is worse than none.
        image.set_qform(None, code="unknown")
    return image
