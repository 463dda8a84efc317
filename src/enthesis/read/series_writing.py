"""Images and echoes as DICOM series: CT in HU, MR signals, one file a slice."""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, MRImageStorage
from pydicom.valuerep import format_number_as_ds

from enthesis import __version__
from enthesis.errors import GridError, InputError
from enthesis.image import Echoes, Image
from enthesis.read.dicom_source import EMPTY
from enthesis.read.volume import content_hash

MOST_STORED = 65535
"""Steps of the 16 bits that a pixel is stored in."""

SHEAR = 1e-4
"""Cosine up to which columns and rows count as at a right angle; DICOM's slices have no other."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Part:
    """One volume of a series: its pixels as stored, and what its slices say besides."""

    pixels: NDArray[Any]
    said: Mapping[str, Any]


def write_series(scan: Image | Echoes, folder: str | Path) -> None:
    """Write a scan as a DICOM series, or the real and imaginary parts of its echoes as two.

    HU are rounded to whole numbers. Signals are stored as they are if they are whole numbers of 16
    bits; else in 65 535 steps from the least to the greatest of the series, so that none is off by
    more than half a step. Complex echoes become real and imaginary parts, which `echoes` joins.
    Slices lie across K, whatever the plane of the scan was; a stack that leans, as under a tilted
    gantry, is written as it leans, and `image` refuses it by that tilt. Every identifier is made of
    the content (under 2.25.), so that the same scan gives the same files; nothing that names a
    person is in them, and of the source only numbers (kVp, times, angles) are.

    Parameters
    ----------
    scan : `hounsfield` or `signal`, with columns and rows at right angles
    folder : to be made; or an empty one

    Raises
    ------
    InputError : another quantity, values that cannot be stored, an unknown thickness of a single
        slice, or a folder that holds something or cannot be written.
    GridError : columns and rows that are not at right angles, or a mirrored grid.
    """
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(
            f"{folder.name!r} is there already, and a second series in it would mix with the "
            "first; name a new folder"
        )
    _check_right_angles(scan.affine)
    common = _common(scan)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise InputError(f"cannot write {folder.name!r}: {error.strerror}") from error
    try:
        for number, (name, parts) in enumerate(_series(scan).items(), start=1):
            place = unfinished / name if name else unfinished
            place.mkdir(exist_ok=True)
            _write(place, parts, scan.affine, common, number)
        unfinished.chmod(0o755)
        unfinished.replace(folder)
    except OSError as error:
        raise InputError(f"cannot write {folder.name!r}: {error.strerror}") from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _series(scan: Image | Echoes) -> dict[str, list[_Part]]:
    """Volumes of each series, by the name of its folder."""
    if isinstance(scan, Image):
        if scan.quantity == "hounsfield":
            return {"": [_Part(pixels=_whole_hu(scan.array), said={})]}
        return {"": _stored([scan.array], [_image_said(scan)], "M")}
    echoes = np.moveaxis(scan.array, 3, 0)
    said: list[dict[str, Any]] = [
        {
            "EchoTime": _decimal(1000 * float(time)),
            "EchoNumbers": number,
            "MagneticFieldStrength": _decimal(scan.field_strength),
        }
        for number, time in enumerate(scan.echo_times, start=1)
    ]
    if not np.iscomplexobj(scan.array):
        return {"": _stored(list(echoes), said, "M")}
    return {
        "real": _stored(list(echoes.real), said, "R"),
        "imaginary": _stored(list(echoes.imag), said, "I"),
    }


def _whole_hu(array: NDArray[Any]) -> NDArray[np.int16]:
    if not np.isfinite(array).all():
        raise InputError("some voxels hold no number, and CT has no pixel for that; fill them")
    whole = np.rint(array)
    limits = np.iinfo(np.int16)
    if whole.min() < limits.min or whole.max() > limits.max:
        raise InputError(
            f"HU from {whole.min():g} to {whole.max():g} do not fit in 16 bits; clip them first"
        )
    stored: NDArray[np.int16] = whole.astype(np.int16)
    return stored


def _stored(volumes: list[NDArray[Any]], said: list[dict[str, Any]], component: str) -> list[_Part]:
    """Signals of one series in one scale, so that its echoes can be compared as stored too."""
    ends = [(float(v.min()), float(v.max())) for v in volumes]
    low, high = min(e[0] for e in ends), max(e[1] for e in ends)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("some voxels hold no number, and MR has no pixel for that; fill them")
    slope, intercept = 1.0, 0.0
    scale: dict[str, Any] = {"ImageType": ["DERIVED", "PRIMARY", "OTHER", component]}
    whole = low >= 0 and high <= MOST_STORED and all((v == np.rint(v)).all() for v in volumes)
    if not whole:
        # As the file's decimal text has it, or the values read back would drift.
        slope = float(_decimal((high - low) / MOST_STORED or 1.0))
        intercept = float(_decimal(low))
        scale |= {
            "RescaleSlope": _decimal(slope),
            "RescaleIntercept": _decimal(intercept),
            "RescaleType": "US",
        }
    return [
        _Part(pixels=_steps(volume, slope, intercept), said=scale | each)
        for volume, each in zip(volumes, said, strict=True)
    ]


def _steps(volume: NDArray[Any], slope: float, intercept: float) -> NDArray[np.uint16]:
    steps = np.rint((volume.astype(np.float64) - intercept) / slope)
    return np.clip(steps, 0, MOST_STORED).astype(np.uint16)


def _image_said(scan: Image) -> dict[str, Any]:
    facts = scan.source.facts
    return {
        "EchoTime": _fact(facts, "echo_time_ms"),
        "MagneticFieldStrength": _fact(facts, "field_strength_t"),
        "FlipAngle": _fact(facts, "flip_angle_deg"),
    }


def _common(scan: Image | Echoes) -> Dataset:
    """What all slices of a scan say."""
    common = Dataset()
    common.SpecificCharacterSet = "ISO_IR 192"
    for keyword in (*EMPTY, "PatientPosition", "Laterality"):
        setattr(common, keyword, "")
    identity = content_hash(scan.array, scan.affine)
    common.StudyInstanceUID = _uid(identity, "study")
    common.FrameOfReferenceUID = _uid(identity, "frame of reference")
    common.PatientIdentityRemoved = "YES"
    common.DeidentificationMethod = "made without identifying attributes"
    common.Manufacturer = "Enthesis"
    common.ManufacturerModelName = "enthesis"
    common.SoftwareVersions = __version__
    common.DeviceSerialNumber = "0"
    common.SliceThickness = _decimal(_thickness(scan))
    common.SamplesPerPixel = 1
    common.PhotometricInterpretation = "MONOCHROME2"
    common.BitsAllocated = common.BitsStored = 16
    common.HighBit = 15
    for keyword, value in _modality(scan).items():
        setattr(common, keyword, value)
    if scan.source.facts.get("contrast") is True:
        # Which one the facts do not say; that there was one decides what HU can be taken for.
        common.ContrastBolusAgent = "not stated"
    return common


def _modality(scan: Image | Echoes) -> dict[str, Any]:
    facts = scan.source.facts
    if isinstance(scan, Image) and scan.quantity == "hounsfield":
        return {
            "Modality": "CT",
            "SOPClassUID": CTImageStorage,
            "ImageType": ["DERIVED", "PRIMARY", "AXIAL"],
            "KVP": _fact(facts, "kvp"),
            "RescaleSlope": "1",
            "RescaleIntercept": "0",
            "RescaleType": "HU",
        }
    if isinstance(scan, Echoes) or (
        scan.quantity == "signal" and scan.source.modality in {"", "MR"}
    ):
        return {
            "Modality": "MR",
            "SOPClassUID": MRImageStorage,
            "ScanningSequence": "GR" if isinstance(scan, Echoes) else "RM",
            "SequenceVariant": "NONE",
            "ScanOptions": "",
            "MRAcquisitionType": "3D",
            "RepetitionTime": _fact(facts, "repetition_time_ms"),
            "EchoTrainLength": 1,
        }
    raise InputError(
        f"CT in HU and MR signals are written as DICOM, and this is {scan.quantity!r} of "
        f"{scan.source.modality or 'no stated modality'}; write it as NIfTI"
    )


def _write(
    folder: Path, parts: list[_Part], affine: NDArray[np.float64], common: Dataset, number: int
) -> None:
    """Write one series, slice by slice from the feet up, echo by echo."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    # DICOM counts towards the left and the back; rows run to the patient's left, columns backwards.
    to_lps = np.diag([-1.0, -1.0, 1.0])
    cosines = -(to_lps @ affine[:3, :3] / lengths)
    columns, rows, slices = parts[0].pixels.shape
    corner = np.array([columns - 1, rows - 1, 0, 1.0])
    series = _uid(str(common.StudyInstanceUID), f"series {number}")
    for instance, (part, k) in enumerate(product(parts, range(slices)), start=1):
        dataset = Dataset()
        dataset.update(common)
        dataset.SeriesInstanceUID, dataset.SeriesNumber = series, number
        dataset.InstanceNumber = instance
        dataset.SOPInstanceUID = _uid(series, f"slice {instance}")
        dataset.AcquisitionNumber = 1
        dataset.PixelSpacing = [_decimal(lengths[1]), _decimal(lengths[0])]
        dataset.ImageOrientationPatient = [_decimal(x) for x in cosines[:, :2].T.ravel()]
        corner[2] = k
        dataset.ImagePositionPatient = [_decimal(x) for x in to_lps @ (affine @ corner)[:3]]
        for keyword, value in part.said.items():
            setattr(dataset, keyword, value)
        plane = part.pixels[::-1, ::-1, k].T
        dataset.Rows, dataset.Columns = plane.shape
        dataset.PixelRepresentation = int(plane.dtype.kind == "i")
        dataset.PixelData = np.ascontiguousarray(
            plane, dtype=plane.dtype.newbyteorder("<")
        ).tobytes()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.save_as(folder / f"IM{instance:05d}.dcm", enforce_file_format=True)


def _thickness(scan: Image | Echoes) -> float:
    stated = scan.source.facts.get("slice_thickness_mm", scan.spacing[2])
    if stated is None and scan.shape[2] == 1:
        raise InputError("a single slice without a known thickness makes no series; write NIfTI")
    return float(scan.spacing[2] if stated is None else stated)


def _check_right_angles(affine: NDArray[np.float64]) -> None:
    columns, rows = affine[:3, :2].T
    cosine = float(abs(columns @ rows) / (np.linalg.norm(columns) * np.linalg.norm(rows)))
    if cosine > SHEAR or np.linalg.det(affine[:3, :3]) <= 0:
        raise GridError(
            f"columns and rows are not at right angles (cosine {cosine:.3g}) or mirrored, and "
            "DICOM's slices have no other; resample to a regular grid first"
        )


def _uid(*parts: str) -> str:
    """Identifier made of words: the same for the same words, another for any other."""
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, ' '.join(parts)).int}"


def _decimal(value: float) -> str:
    """A number in the 16 characters of DICOM's decimal text."""
    return str(format_number_as_ds(float(value) + 0.0))


def _fact(facts: Mapping[str, Any], name: str) -> str:
    value = facts.get(name)
    return _decimal(value) if isinstance(value, (int, float)) else ""
