"""All echoes of one gradient-echo scan, joined to complex numbers where phases are kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Echoes, Source
from enthesis.read.dicom import framed
from enthesis.read.dicom_choice import (
    by_series,
    dicom_headers,
    named_series,
    pictures,
    series_hash,
    with_slices,
)
from enthesis.read.dicom_geometry import stack
from enthesis.read.dicom_headers import Header
from enthesis.read.dicom_pixels import Values, decode
from enthesis.read.dicom_volumes import Volume, volumes
from enthesis.read.echo_parts import Parts, joined
from enthesis.read.files import existing, files_below, is_nifti
from enthesis.read.magnetic_resonance import check_mr, mr_facts, phase, signal
from enthesis.read.nifti_echoes import nifti_parts

PARTS = ("magnitude", "phase", "real", "imaginary")
"""What the images of an echo can be; water, fat and maps made of them are left out."""

LARGEST_FIELD_T = 30.0
"""Beyond any scanner; some write gauss."""


def echoes(
    path: str | Path | Sequence[str | Path],
    *,
    series: str | Sequence[str] | None = None,
    echo_times: Sequence[float] | None = None,
    field_strength: float | None = None,
    readout: str = "unipolar",
    conjugate: bool = False,
) -> Echoes:
    """Echoes of a multi-echo scan in DICOM or NIfTI.

    Parameters
    ----------
    path : a folder of DICOM or an enhanced DICOM file; NIfTI files of one echo and part each, a
        folder of them, or one of four axes. Beside a NIfTI file its JSON sidecar, as dcm2niix and
        BIDS write it, gives EchoTime (s), MagneticFieldStrength (T) and ImageType
    series : the codes of the DICOM series that hold the parts (vendors keep phases and echoes in
        series of their own); all MR series there if not given
    echo_times : s, one an echo, for a NIfTI file of four axes without sidecar
    field_strength : T, where the file does not state it
    readout : "unipolar", or "bipolar" where every other echo is read in the opposite direction,
        which no file says
    conjugate : turn the sign of the phase. Vendors differ in it, files do not state it, and fat
        must lag behind water; fat and water that come out swapped everywhere tell the wrong sign

    Returns
    -------
    Echoes in RAS+ and mm: complex64 where phases, or real and imaginary parts, are there, else
    magnitudes. Parts are joined by their echo times, whatever their order.

    Raises
    ------
    InputError : nothing there, parts or echoes missing or twice, or volumes that do not fit.
    """
    paths = [existing(path)] if isinstance(path, (str, Path)) else [existing(p) for p in path]
    niftis = _niftis(paths)
    if niftis:
        if series is not None:
            raise InputError("NIfTI files have no series; leave series= out")
        parts = nifti_parts(niftis, echo_times=echo_times)
    else:
        if echo_times is not None:
            raise InputError("DICOM states its echo times; leave echo_times out")
        if len(paths) != 1:
            raise InputError("name one DICOM folder or file; series= chooses in it")
        parts = _dicom_parts(paths[0], series)
    array = joined(parts)
    if np.iscomplexobj(array) and conjugate:
        np.conjugate(array, out=array)
    strength = parts.field_strength if field_strength is None else field_strength
    if strength is None or not 0 < strength < LARGEST_FIELD_T:
        raise InputError(
            f"the field strength in the file is {strength}, and T are wanted; give field_strength="
        )
    flags = list(parts.source.flags)
    if np.iscomplexobj(array) and not conjugate:
        flags.append("the sign of the phase is the file's own; vendors differ in it")
    return Echoes(
        array=array,
        affine=parts.affine,
        echo_times=np.array(parts.echo_times),
        field_strength=strength,
        readout=readout,
        source=Source(
            modality="MR", series=parts.source.series, facts=parts.source.facts, flags=tuple(flags)
        ),
    )


def _niftis(paths: list[Path]) -> list[Path]:
    if len(paths) == 1 and paths[0].is_dir():
        return [path for path in files_below(paths[0]) if is_nifti(path)]
    found = [path for path in paths if is_nifti(path)]
    if found and len(found) < len(paths):
        raise InputError("the files are partly NIfTI and partly not; name those of one scan")
    return found


def _dicom_parts(path: Path, series: str | Sequence[str] | None) -> Parts:
    flags: list[str] = []
    groups = by_series(dicom_headers(path, flags))
    if series is None:
        meant = [
            header
            for (_, modality), headers in with_slices(groups).items()
            if modality == "MR"
            for header in headers
        ]
    else:
        codes = [series] if isinstance(series, str) else series
        meant = [header for code in codes for header in named_series(groups, code)]
    if not meant:
        raise InputError("there is no MR series; name the folder of a multi-echo scan")
    slices = framed(pictures(meant, flags))
    check_mr(slices)
    found = _by_part(volumes(slices))
    first = next(iter(found.values())).headers
    uids = sorted({header.series_uid for volume in found.values() for header in volume.headers})
    strengths = {header.field_strength for header in first}

    def read(component: str, echo: float) -> tuple[NDArray[Any], NDArray[np.float64]]:
        if (component, echo) not in found:
            raise InputError(
                f"the {component} image at {1000 * echo:g} ms is missing; every part is wanted at "
                "every echo time"
            )
        values: Values = phase if component == "phase" else signal
        return decode(stack(found[component, echo].headers), values)

    return Parts(
        components=tuple(dict.fromkeys(component for component, _ in found)),
        echo_times=tuple(sorted({echo for _, echo in found})),
        read=read,
        field_strength=strengths.pop() if len(strengths) == 1 else None,
        source=Source(
            modality="MR",
            series=series_hash("\\".join(uids)),
            facts=mr_facts(stack(first)),
            flags=tuple(flags),
        ),
    )


def _by_part(all_volumes: list[Volume]) -> dict[tuple[str, float], Volume]:
    """Volumes by component and echo time, s.

    Raises
    ------
    InputError : an echo without time, twice, or with parts that others have not.
    """
    found: dict[tuple[str, float], Volume] = {}
    for volume in all_volumes:
        first: Header = volume.headers[0]
        if first.component not in PARTS:
            continue
        if first.echo_time is None:
            raise InputError(f"{first.title} states no echo time; export the series again")
        key = (first.component, first.echo_time / 1000)
        if key in found:
            raise InputError(
                f"the {key[0]} at {first.echo_time:g} ms is there more than once: "
                f"{found[key].label or 'all'}; {volume.label or 'all'}. Choose the series of one "
                "scan, as `series` lists them"
            )
        found[key] = volume
    if not found:
        raise InputError("there is no magnitude, phase, real or imaginary image of an echo")
    return found
