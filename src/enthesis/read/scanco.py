"""HR-pQCT and micro-CT volumes of Scanco's scanners: ISQ and AIM files.

Offsets follow the public readers of these files (ITK's ITKIOScanco, vtk-dicom), which agree.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image, Source
from enthesis.read.volume import content_hash, fill_ras, narrow

SUFFIXES = (".isq", ".aim")

ISQ_MAGIC, AIM_64 = b"CTDATA-HEADER_V1", b"AIMDATA_V030   \0"

BLOCK = 512
"""ISQ files are made of blocks of so many bytes."""

VOLUME_ISQ = 3
"""Data type of a volume among the kinds of ISQ file; others are projections."""

AIM_TYPES = {
    0x00010001: "i1",
    0x00020002: "<i2",
    0x00030004: "<i4",
    0x000D0001: "u1",
    0x00160001: "u1",
    0x00170002: "<u2",
    0x001A0004: "<f4",
}
"""Codes of the ways that an AIM file stores voxels as they are."""

BINARY_RUNS, BYTE_RUNS = 0x00150001, 0x00080002
"""Codes of run lengths: of two values in turn, or of pairs of length and value."""

HYDROXYAPATITE = re.compile(r"mg\s*HA\s*/\s*(ccm|cm3|cm\^3)", re.IGNORECASE)
"""Unit of the density that the calibration gives."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ScancoFile:
    """A header.

    Parameters
    ----------
    shape : voxels along x, y, z
    spacing : mm
    origin : of the first voxel, mm, in the scan the file was cut from
    kind : how voxels are stored, a NumPy type or a code of run lengths
    offset : of the first voxel's byte
    mu_scaling : stored value of a linear attenuation of 1/cm
    slope, intercept : mg HA/cm3 = slope x attenuation + intercept; None without a calibration
    facts : of the acquisition
    """

    shape: tuple[int, int, int]
    spacing: NDArray[np.float64]
    origin: NDArray[np.float64]
    kind: str | int
    offset: int
    mu_scaling: float
    slope: float | None
    intercept: float | None
    facts: dict[str, Any] = field(default_factory=dict)


def read_image(path: Path) -> Image:
    """Volume of an ISQ or AIM file.

    Returns
    -------
    Image in mg hydroxyapatite/cm3 ("bmd_ct") where the file holds its scanner's calibration; in
    1/cm ("linear_attenuation") where it holds the scaling alone; else "signal", as stored.

    Raises
    ------
    InputError : not such a file, cut short, or of a kind that is not read.
    """
    with path.open("rb") as file:
        start = file.read(160)
        file.seek(0)
        header = file.read(1 << 20)
    try:
        is_isq = start.startswith(ISQ_MAGIC)
        scan = _isq(header) if is_isq else _aim(header)
    except struct.error as error:
        raise _damaged(path) from error
    quantity, slope, intercept = _values(scan)
    _check(scan, path)
    stored = _voxels(scan, path)
    affine = np.diag([*(scan.spacing * [-1, -1, 1]), 1.0])
    affine[:3, 3] = scan.origin * [-1, -1, 1]
    planes = (narrow(plane.T, slope, intercept) for plane in stored)
    array, turned = fill_ras(planes, scan.shape, affine)
    flags = ["the file does not say how the limb lies: left and right are a guess"]
    if quantity != "bmd_ct":
        flags.append("the file holds no density calibration: values are no BMD")
    return Image(
        array=array,
        affine=turned,
        quantity=quantity,
        source=Source(
            modality="CT",
            series=content_hash(array, turned),
            facts=scan.facts,
            flags=tuple(flags),
        ),
    )


def _isq(header: bytes) -> ScancoFile:
    (kind,) = struct.unpack_from("<i", header, 16)
    if kind != VOLUME_ISQ:
        raise InputError(f"the ISQ file is of type {kind}, projections and no volume")
    shape = struct.unpack_from("<3i", header, 44)
    length = np.array(struct.unpack_from("<3i", header, 56)) / 1000
    (mu_scaling,) = struct.unpack_from("<i", header, 88)
    volts, microamps = struct.unpack_from("<2i", header, 168)
    (blocks,) = struct.unpack_from("<i", header, 508)
    slope, intercept = _isq_calibration(header[: (blocks + 1) * BLOCK])
    return ScancoFile(
        shape=(shape[0], shape[1], shape[2]),
        spacing=length / np.maximum(shape, 1),
        origin=np.zeros(3),
        kind="<i2",
        offset=(blocks + 1) * BLOCK,
        mu_scaling=mu_scaling,
        slope=slope,
        intercept=intercept,
        facts={"kvp": volts / 1000, "tube_current_ma": microamps / 1000},
    )


def _isq_calibration(header: bytes) -> tuple[float | None, float | None]:
    """Slope and intercept of the extended header, a list of named parts and then the parts."""
    if len(header) < 4 * BLOCK:
        return None, None
    table = 2 * BLOCK if header[BLOCK + 8 : BLOCK + 24] == b"MultiHeader     " else BLOCK
    block = table // BLOCK + 1
    for entry in range(table, table + 4 * 128, 128):
        name = header[entry + 8 : entry + 24]
        (size,) = struct.unpack_from("<i", header, entry + 24)
        if size < 0 or (block + size) * BLOCK > len(header):
            break
        if name == b"Calibration     " and size >= 2:
            part = header[block * BLOCK :]
            if not HYDROXYAPATITE.search(part[648:664].decode("latin-1")):
                return None, None
            slope, intercept = struct.unpack_from("<2d", part, 664)
            return slope, intercept
        block += size
    return None, None


def _aim(header: bytes) -> ScancoFile:
    wide = header.startswith(AIM_64)
    number = "q" if wide else "i"
    start = len(AIM_64) if wide else 0
    before, structure, log = struct.unpack_from(f"<3{number}", header, start)
    if not wide and (before, structure) != (20, 140):
        raise InputError("the file is neither ISQ nor AIM, whatever its name says")
    place = start + before + 20
    (kind,) = struct.unpack_from("<i", header, place)
    values = struct.unpack_from(f"<21{number}", header, place + 4)
    sizes = place + 4 + 21 * struct.calcsize(f"<{number}")
    spacing = np.array([_vax_float(header[sizes + 4 * i : sizes + 4 * i + 4]) for i in range(3)])
    if kind not in AIM_TYPES and kind not in {BINARY_RUNS, BYTE_RUNS}:
        raise InputError(f"the AIM file stores voxels in a way that is not read (0x{kind:08x})")
    text_start = start + before + structure
    said = _processing_log(header[text_start : text_start + log])
    return ScancoFile(
        shape=(values[3], values[4], values[5]),
        spacing=spacing,
        origin=spacing * values[:3],
        kind=AIM_TYPES.get(kind, kind),
        offset=text_start + log,
        mu_scaling=said.get("Mu_Scaling", 0.0),
        slope=said.get("Density: slope") if said.get("mg HA") else None,
        intercept=said.get("Density: intercept") if said.get("mg HA") else None,
        facts={
            "kvp": said["Energy [V]"] / 1000 if "Energy [V]" in said else None,
            "tube_current_ma": said["Intensity [uA]"] / 1000 if "Intensity [uA]" in said else None,
        },
    )


def _processing_log(content: bytes) -> dict[str, float]:
    """Numbers of the log by their names; it holds the patient's name too, which is left there."""
    said: dict[str, float] = {}
    for line in content.decode("latin-1").splitlines():
        name, _, value = line.strip().partition("  ")
        if name == "Density: unit" and HYDROXYAPATITE.search(value):
            said["mg HA"] = 1.0
        try:
            said[name] = float(value)
        except ValueError:
            continue
    return said


def _values(scan: ScancoFile) -> tuple[str, float, float]:
    if scan.mu_scaling > 1 and scan.slope and scan.intercept is not None:
        return "bmd_ct", scan.slope / scan.mu_scaling, scan.intercept
    if scan.mu_scaling > 1:
        return "linear_attenuation", 1 / scan.mu_scaling, 0.0
    return "signal", 1.0, 0.0


def _check(scan: ScancoFile, path: Path) -> None:
    if (
        min(*scan.shape, scan.offset) < 1
        or not (np.isfinite(scan.spacing) & (scan.spacing > 0)).all()
    ):
        raise _damaged(path)
    voxels = int(np.prod(scan.shape, dtype=object))
    room = path.stat().st_size - scan.offset
    # A run is one or two bytes and at most 255 voxels.
    bytes_wanted = voxels * np.dtype(scan.kind).itemsize if isinstance(scan.kind, str) else 0
    if bytes_wanted > room or (not isinstance(scan.kind, str) and voxels > 255 * room):
        raise _damaged(path)


def _voxels(scan: ScancoFile, path: Path) -> Any:
    """Planes along z, each (y, x), as stored."""
    x, y, z = scan.shape
    if isinstance(scan.kind, str):
        whole = np.memmap(path, scan.kind, "r", scan.offset, (z, y, x))
        return (plane.astype(plane.dtype.newbyteorder("="), copy=False) for plane in whole)
    with path.open("rb") as file:
        wide = file.read(len(AIM_64)) == AIM_64
        file.seek(scan.offset)
        (length,) = struct.unpack("<q" if wide else "<i", file.read(8 if wide else 4))
        runs = np.frombuffer(file.read(max(length - (8 if wide else 4), 0)), np.uint8)
    flat = _binary(runs) if scan.kind == BINARY_RUNS else np.repeat(runs[1::2], runs[::2])
    if flat.size < x * y * z:
        raise _damaged(path)
    return flat[: x * y * z].reshape(z, y, x)


def _binary(runs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    values, lengths = runs[:2], runs[2:]
    # 255 stands for 254 voxels after which the value goes on.
    goes_on = lengths == 255
    turns = np.concatenate([[0], np.cumsum(~goes_on)[:-1]]) % 2
    return np.repeat(values[turns], np.where(goes_on, 254, lengths))


def _vax_float(four: bytes) -> float:
    """A number of a VAX computer: its two halves the other way round, and four times as large."""
    (value,) = struct.unpack("<f", four[2:] + four[:2])
    return float(value) / 4


def _damaged(path: Path) -> InputError:
    return InputError(f"{path.name!r} is cut short or damaged; copy or export it again")
