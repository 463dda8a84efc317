"""From a pQCT slice or a volume of HR-pQCT or micro-CT to a folder of results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis import bone, muscle, read
from enthesis.bone.microarchitecture import TRABECULAR_MG
from enthesis.bone.pqct import CONTOUR_MG, CORTICAL_AREA_MG, CORTICAL_DENSITY_MG
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.pipeline.outputs import Announce, json_text, output_folder, provenance, silently
from enthesis.quantities import quantity
from enthesis.records import Measurement, long_table
from enthesis.report import page
from enthesis.report.limb import limb_slice
from enthesis.report.page import Page, Picture, Section
from enthesis.report.rows import number
from enthesis.report.tables import Table, superscript

STATES_ITS_QUANTITY = frozenset({".isq", ".aim"})
"""Files that say themselves what their voxels hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimbResult:
    """What one bone gave.

    Parameters
    ----------
    measurements : in the order of the page
    subject : the study's own code
    flags : doubts about the scan
    """

    measurements: tuple[Measurement, ...]
    subject: str
    flags: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """The long table."""
        return long_table(self.measurements, subject=self.subject)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"flags": list(self.flags), "measurements": self.to_frame().to_dict("records")}

    def table(self) -> Table:
        """The measurements as people read them: a row each."""
        rows = [
            {
                "quantity": quantity(m.quantity).label,
                "value": number(m.value, quantity(m.quantity).decimals),
                "unit": superscript(m.unit),
                "how": m.method,
            }
            for m in self.measurements
        ]
        return Table(
            frame=pd.DataFrame(rows),
            caption="Measurements",
            headers={"quantity": "Quantity", "value": "Value", "unit": "Unit", "how": "How"},
        )


def pqct_file(
    scan: Path,
    *,
    output: Path,
    slope: float | None = None,
    intercept: float | None = None,
    contour: float = CONTOUR_MG,
    cortical_area: float = CORTICAL_AREA_MG,
    cortical_density: float = CORTICAL_DENSITY_MG,
    which: int = 0,
    muscle_scale: str = "",
    region: str = "",
    side: str = "",
    subject: str = "",
) -> LimbResult:
    """Measure a bone on a pQCT slice; write measurements.csv and .json, a page and how it was made.

    Parameters
    ----------
    scan : a Stratec slice (.m01), or another image of one slice of density
    output : folder; its files appear only when all of them are made
    slope, intercept : mg/cm3 per 1/cm and mg/cm3, where no device file lies beside the scan
    contour, cortical_area, cortical_density : as in `bone.pqct`, mg/cm3
    which : which bone by area, 0 the largest
    muscle_scale : whose scale the densities are on, as for `muscle.pqct_muscle`; muscle and fat of
        the limb are measured where it is named
    region, side, subject : what and whose it is

    Raises
    ------
    InputError : unreadable or unusable; nothing is written.
    """
    image = read.image(scan)
    if (slope is None) != (intercept is None):
        raise InputError("slope and intercept belong together; give both or neither")
    if slope is not None and intercept is not None:
        image = bone.density_of_attenuation(image, slope=slope, intercept=intercept)
    found = bone.pqct(
        image,
        contour=contour,
        cortical_area=cortical_area,
        cortical_density=cortical_density,
        bone=which,
        region=region,
        side=side,
    )
    if muscle_scale:
        found += muscle.pqct_muscle(image, calibration=muscle_scale, side=side)
    parts = bone.bone_slice(image, contour=contour, cortical=cortical_area, bone=which)
    flags = tuple(dict.fromkeys(flag for m in found for flag in m.flags))
    result = LimbResult(measurements=tuple(found), subject=subject, flags=flags)
    options = {
        "slope": slope,
        "intercept": intercept,
        "contour": contour,
        "cortical_area": cortical_area,
        "cortical_density": cortical_density,
        "bone": which,
        "muscle_scale": muscle_scale,
        "region": region,
        "side": side,
    }
    _write(
        "pqct",
        scan,
        image,
        result,
        {"Total": parts.total, "Cortical": parts.cortical, "Trabecular": parts.trabecular},
        title="Bone and muscle on pQCT" if muscle_scale else "Bone on pQCT",
        output=output,
        options=options,
    )
    return result


def microarchitecture_file(
    scan: Path,
    *,
    output: Path,
    threshold: float | None = None,
    voxel_mm: float | None = None,
    holds: str = "signal",
    cortex: bool = False,
    region: str = "",
    side: str = "",
    subject: str = "",
    announce: Announce = silently,
) -> LimbResult:
    """Measure the microarchitecture of a volume; write the same four files as `pqct_file`.

    Parameters
    ----------
    scan : ISQ, AIM, NRRD, MHA or NIfTI file of cubic voxels
    output : folder; its files appear only when all of them are made
    threshold : of trabecular bone; 320 mg/cm3 where the file holds density, else it must be given
    voxel_mm : edge of a voxel, where the file states a wrong one
    holds : what an NRRD, MHA or NIfTI file holds, "signal" or "bmd_ct"; ISQ and AIM say themselves
    cortex : find the cortex first and measure both compartments; wants density
    region, side, subject : what and whose it is
    announce : told what is being done

    Raises
    ------
    InputError : unreadable or unusable; nothing is written.
    """
    announce("Reading the volume")
    states = scan.suffix.lower() in STATES_ITS_QUANTITY
    image = read.image(scan) if states else read.image(scan, quantity=holds)
    if voxel_mm is not None:
        image = _with_voxels(image, voxel_mm)
    if threshold is None and image.quantity != "bmd_ct":
        raise InputError(
            f"{scan.name!r} holds {quantity(image.quantity).label.lower()}, for which there is no "
            "usual threshold of bone; give one"
        )
    cut = TRABECULAR_MG if threshold is None else threshold
    found: list[Measurement] = []
    middle = image.shape[2] // 2
    shown = {"Bone": np.asarray(image.array[:, :, middle] >= cut)}
    within: NDArray[np.bool_] | None = None
    if cortex:
        announce("Finding the cortex")
        parts = bone.compartments(image)
        found += bone.cortical_microarchitecture(image, parts, region=region, side=side)
        within = parts.trabecular
        shown = {
            "Cortex": parts.cortical[:, :, middle],
            "Trabecular": parts.trabecular[:, :, middle],
            "Pores": parts.pores[:, :, middle],
        }
    announce("Fitting balls")
    found += bone.microarchitecture(image, threshold=cut, within=within, region=region, side=side)
    flags = tuple(dict.fromkeys(flag for m in found for flag in m.flags))
    result = LimbResult(measurements=tuple(found), subject=subject, flags=flags)
    options = {
        "threshold": cut,
        "voxel_mm": voxel_mm,
        "holds": image.quantity,
        "cortex": cortex,
        "region": region,
        "side": side,
    }
    announce("Drawing the report")
    _write(
        "microarchitecture",
        scan,
        image,
        result,
        shown,
        title="Bone microarchitecture",
        output=output,
        options=options,
    )
    return result


def _with_voxels(image: Image, edge: float) -> Image:
    if not edge > 0:
        raise InputError(f"the edge of a voxel is above 0 mm, got {edge:g}")
    return Image(
        array=image.array,
        affine=np.diag([edge, edge, edge, 1.0]),
        quantity=image.quantity,
        source=image.source,
    )


def _write(
    command: str,
    scan: Path,
    image: Image,
    result: LimbResult,
    parts: Mapping[str, NDArray[np.bool_]],
    *,
    title: str,
    output: Path,
    options: Mapping[str, Any],
) -> None:
    record = provenance(command, inputs={"scan": scan}, options=options)
    middle = image.shape[2] // 2
    picture = Picture.of(
        limb_slice(image, parts, slice_index=middle),
        alt=f"Slice with the outlines of {', '.join(parts).lower()}",
        caption=f"Slice {middle + 1} of {image.shape[2]}. The file does not say which way the limb "
        "lies.",
    )
    edges = " × ".join(f"{edge:.3g}" for edge in image.spacing)
    report = Page(
        title=title,
        subtitle="Measured by Enthesis",
        facts={
            "Voxels": f"{' × '.join(map(str, image.shape))} of {edges} mm",
            "Holds": quantity(image.quantity).label,
        },
        sections=(
            *([Section(title="To check first", text=result.flags)] if result.flags else []),
            Section(title="Where it was measured", pictures=(picture,)),
            Section(title="Measurements", tables=(result.table(),)),
        ),
        provenance=record,
    )
    with output_folder(output) as folder:
        result.to_frame().to_csv(folder / "measurements.csv", index=False)
        (folder / "measurements.json").write_text(json_text(result.to_dict()), encoding="utf-8")
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
        page.write(report, folder / "report.html")
