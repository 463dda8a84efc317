"""Multi-echo scans in NIfTI with the sidecars that dcm2niix and BIDS put beside them."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Source
from enthesis.read.dicom_headers import image_component
from enthesis.read.echo_parts import Parts
from enthesis.read.files import nifti_stem
from enthesis.read.nifti import NiftiFile, open_nifti
from enthesis.read.volume import content_hash, fill_ras

NAMED = (
    (re.compile(r"part-(?:phase)|_ph(?:$|_)"), "phase"),
    (re.compile(r"part-(?:real)|_real(?:$|_)"), "real"),
    (re.compile(r"part-(?:imag)|_imaginary(?:$|_)"), "imaginary"),
    (re.compile(r"part-(?:mag)"), "magnitude"),
)
"""How BIDS and dcm2niix name the parts of a complex scan."""

Key = tuple[str, float]


def nifti_parts(paths: list[Path], *, echo_times: Sequence[float] | None) -> Parts:
    """Parts of the echoes in these files.

    Raises
    ------
    InputError : an echo without time, or twice.
    """
    if echo_times is not None and len(paths) != 1:
        raise InputError("echo_times go with one file of four axes; sidecars state those of others")
    found: dict[Key, tuple[Path, int, str]] = {}
    strengths = set()
    for path in paths:
        said = _sidecar(path)
        strengths.add(said.get("MagneticFieldStrength"))
        times = said.get("EchoTime") if echo_times is None else echo_times
        for volume, key in enumerate(_keys(path, said, times)):
            if key in found:
                raise InputError(
                    f"{path.name!r} and {found[key][0].name!r} are both the {key[0]} at "
                    f"{1000 * key[1]:g} ms; name the files of one scan"
                )
            found[key] = (path, volume, str(said.get("Units", "")))
    first_path, first_volume, _ = next(iter(found.values()))
    first = open_nifti(first_path, volume=first_volume, kinds="iufc")

    def read(component: str, echo: float) -> tuple[NDArray[Any], NDArray[np.float64]]:
        if (component, echo) not in found:
            raise InputError(
                f"the {component} image at {1000 * echo:g} ms is missing; every part is wanted at "
                "every echo time"
            )
        path, volume, units = found[component, echo]
        file = open_nifti(path, volume=volume, kinds="iufc")
        array, affine = fill_ras(map(_values(file), file.slices()), file.shape, file.affine)
        return (_radians(array, path, units) if component == "phase" else array), affine

    array, affine = read(*next(iter(found)))
    strength = strengths.pop() if len(strengths) == 1 else None
    return Parts(
        components=tuple(dict.fromkeys(component for component, _ in found)),
        echo_times=tuple(sorted({echo for _, echo in found})),
        read=read,
        field_strength=strength if isinstance(strength, (int, float)) else None,
        source=Source(modality="MR", series=content_hash(array, affine), flags=first.flags),
    )


def _keys(path: Path, said: dict[str, Any], times: Any) -> list[Key]:
    file = open_nifti(path, volume=0, kinds="iufc")
    stated = [times] if isinstance(times, (int, float)) else list(times or ())
    if not stated or not all(isinstance(time, (int, float)) for time in stated):
        raise InputError(
            f"no echo time is known of {path.name!r}; put its JSON sidecar beside it, or give "
            "echo_times in s"
        )
    if len(stated) != file.volumes:
        raise InputError(
            f"{path.name!r} holds {file.volumes} volumes but {len(stated)} echo times are given"
        )
    component = "complex" if file.dtype.kind == "c" else _component(path, said)
    return [(component, float(time)) for time in stated]


def _component(path: Path, said: dict[str, Any]) -> str:
    name = nifti_stem(path).lower()
    for pattern, component in NAMED:
        if pattern.search(name):
            return component
    image_type = said.get("ImageType", ())
    return image_component(tuple(str(word).upper() for word in image_type))


def _sidecar(path: Path) -> dict[str, Any]:
    beside = path.with_name(f"{nifti_stem(path)}.json")
    if not beside.is_file():
        return {}
    try:
        said = json.loads(beside.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"{beside.name!r} is not JSON text: {error}") from error
    return said if isinstance(said, dict) else {}


def _values(file: NiftiFile) -> Any:
    kind = np.complex64 if file.dtype.kind == "c" else np.float32

    def scaled(plane: NDArray[Any]) -> NDArray[Any]:
        values = plane * file.slope + file.intercept if file.is_scaled else plane
        return values.astype(kind)

    return scaled


def _radians(array: NDArray[Any], path: Path, units: str) -> NDArray[Any]:
    low, high = float(np.nanmin(array)), float(np.nanmax(array))
    if units == "rad" or (low >= -3.2 and high <= 3.2):
        return array
    # Philips and GE write milliradians; Siemens one turn in 8192 steps about 0, or 4096 from 0.
    # Noise outside the body fills the whole range, so the range tells.
    if -3142 <= low < -2048 and high <= 3142:
        return array / np.float32(1000)
    if -4096 <= low < -3142 and high <= 4096:
        return array * np.float32(np.pi / 4096)
    if low >= 0 and 2048 < high <= 4096:
        return (array - np.float32(2048)) * np.float32(np.pi / 2048)
    raise InputError(
        f"{path.name!r} is a phase image with values from {low:g} to {high:g}, of which the unit "
        'is not known; convert it to radians and put "Units": "rad" into its sidecar'
    )
