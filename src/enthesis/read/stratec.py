"""pQCT slices of Stratec's scanners (XCT 2000, 3000 and kin): files I*.M*."""

from __future__ import annotations

import re
import struct
from pathlib import Path

import numpy as np

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.volume import content_hash, narrow

SUFFIXES = tuple(f".m{number:02d}" for number in range(100))

HEADER_BYTES = 1609

VOXEL_MM, DEVICE, SHAPE, OBJECT_LENGTH = 12, 1050, 1529, 318
"""Offsets of voxel size (mm), device file's name, matrix and limb length (mm)."""

ATTENUATION_PER_STEP = 0.001
"""Linear attenuation of one stored step, 1/cm."""

LARGEST_VOXEL_MM = 5.0
"""Beyond any setting of these scanners; another number there means another kind of file."""

MAX_BYTES = 1 << 26
"""Larger than any slice of these scanners (a 2048 x 2048 matrix has 8 MB)."""

SETTING = re.compile(r"^\s*(XSlope|XInter)\s*=\s*(-?[\d.]+)", re.MULTILINE)


def read_image(path: Path) -> Image:
    """Slice of a Stratec pQCT file.

    The scanner's slope and intercept stand in its device file (.TYP); where the one that the
    header names lies beside the scan, densities are mg/cm3 = intercept + slope x attenuation.

    Returns
    -------
    Image (x, y, 1), "bmd_ct" with the device file, else "linear_attenuation". The file states no
    slice thickness: areas can be measured, volumes cannot, and the flags say so.

    Raises
    ------
    InputError : a scout or another kind of file, or cut short.
    """
    content = path.read_bytes() if path.stat().st_size < MAX_BYTES else b""
    columns, rows, voxel = _matrix(content, path)
    device = _device(content, path)
    wanted = rows * columns * 2
    if len(content) < HEADER_BYTES + wanted:
        raise InputError(f"{path.name!r} is cut short or damaged; copy or export it again")
    stored = np.frombuffer(content, "<i2", rows * columns, HEADER_BYTES).reshape(rows, columns)
    calibration = _calibration(path, device)
    # Slopes are of attenuation in 1/cm, intercepts in mg/cm3.
    slope, intercept = calibration or (1.0, 0.0)
    plane = narrow(stored, slope * ATTENUATION_PER_STEP, intercept)
    array = np.asfortranarray(plane[::-1, ::-1].T[:, :, np.newaxis])
    affine = np.diag([voxel, voxel, 1.0, 1.0])
    flags = [
        "the file states no slice thickness: areas can be measured on it, volumes cannot",
        "the file does not say how the limb lies: left and right are a guess",
    ]
    if calibration is None:
        flags.append(
            f"the device file {device} does not lie beside the scan: attenuation, not density"
        )
    length = struct.unpack_from("<d", content, OBJECT_LENGTH)[0]
    return Image(
        array=array,
        affine=affine,
        quantity="bmd_ct" if calibration else "linear_attenuation",
        source=Source(
            modality="CT",
            series=content_hash(array, affine),
            facts={
                "device": device,
                "slice_thickness_mm": None,
                "object_length_mm": float(length) if np.isfinite(length) and length > 0 else None,
                "density_slope": calibration[0] if calibration else None,
                "density_intercept": calibration[1] if calibration else None,
            },
            flags=tuple(flags),
        ),
    )


def _matrix(content: bytes, path: Path) -> tuple[int, int, float]:
    if len(content) < HEADER_BYTES:
        raise InputError(f"{path.name!r} is too short or too long for a Stratec pQCT slice")
    columns, rows = struct.unpack_from("<2h", content, SHAPE)
    (voxel,) = struct.unpack_from("<d", content, VOXEL_MM)
    # A denormal voxel size is what other kinds of file have there.
    if min(columns, rows) < 1 or not 1e-3 < voxel < LARGEST_VOXEL_MM:
        raise InputError(
            f"{path.name!r} is no reconstructed Stratec slice (scouts and raw scans begin with S "
            "and C); name the file that begins with I"
        )
    return columns, rows, float(voxel)


def _device(content: bytes, path: Path) -> str:
    length = content[DEVICE]
    name = content[DEVICE + 1 : DEVICE + 1 + length].decode("latin-1")
    # Nothing but a file's name is taken from the header's text.
    if not re.fullmatch(r"[\w-]{1,16}\.TYP", name, re.IGNORECASE):
        raise InputError(f"{path.name!r} names no Stratec device, so it is no pQCT slice")
    return name


def _calibration(path: Path, device: str) -> tuple[float, float] | None:
    for other in path.parent.iterdir():
        if other.name.lower() == device.lower():
            found = dict(SETTING.findall(other.read_text(encoding="latin-1")))
            if set(found) == {"XSlope", "XInter"}:
                return float(found["XSlope"]), float(found["XInter"])
    return None
