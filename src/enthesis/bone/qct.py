"""Quantitative CT: mineral density of vertebral bodies, in BMD maps."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from enthesis.bone.qct_doubts import calibration_flags, protocol_flags
from enthesis.bone.vertebra import TRABECULAR_MIN_MM3, depth_in_body
from enthesis.bone.vertebra_heights import VertebralHeights, vertebral_heights
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap, check_same_grid, voxel_volume
from enthesis.records import Measurement
from enthesis.regions import VertebralBody, finite, vertebral_bodies

Volume = Literal["eroded", "ellipse"]

ERODED_MM = 6.0
"""Depth below the surface of a body from which its inside counts as trabecular, mm.

As for the attenuation of scans that are not calibrated: cortex and endplate blur over two voxels,
6 mm on the coarsest slices in use.
"""

ELLIPSE_SHARE = 0.65
"""Axes of the elliptical cylinder as a share of the body's width and depth."""

ELLIPSE_FORWARD = 0.05
"""The cylinder lies this share of the depth in front of the middle, off the basivertebral vein."""

ELLIPSE_HEIGHT_MM = 10.0
"""Height of the cylinder at mid-body, mm, but never more than half of the body's least height."""

SHELL_MM = 4.0
"""Depth of the shell in which cortical bone is looked for, mm."""

CORTICAL_MG = 350.0
"""Density from which a voxel of the shell counts as cortical, mg/cm3; a common choice, no rule."""

MARGIN_STEP_MM = 1.0
"""The eroded volume is made this much larger and smaller to see what its choice does, mm."""

LUMBAR_MEAN = ("L1", "L2", "L3")

RESOLVED_VOXEL_MM = 0.4
"""Largest voxel at which a vertebral cortex, 0.4 mm thick or so, is not wholly blurred, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VertebralDensity:
    """Density of one vertebral body by compartment.

    Parameters
    ----------
    level : e.g. "L1"
    trabecular, cortical, integral : mg/cm3; NaN where the compartment has no voxel
    trabecular_sd : standard deviation of the trabecular mean: the calibration's scatter, the choice
        of the volume and the noise of the voxels, mg/cm3; NaN where the calibration's is unknown
    volume_mm3 : trabecular volume, mm3
    method : which volume
    flags : what is doubtful, one sentence each
    """

    level: str
    trabecular: float
    cortical: float
    integral: float
    trabecular_sd: float
    volume_mm3: float
    method: str
    flags: tuple[str, ...] = ()


def vertebral_densities(
    bmd: Image,
    labels: LabelMap,
    *,
    volume: Volume = "eroded",
    bodies: Mapping[str, VertebralBody] | None = None,
) -> dict[str, VertebralDensity]:
    """Trabecular, cortical and integral density of every labelled vertebral body.

    Parameters
    ----------
    bmd : calibrated, "bmd_ct"; `maps.bone_density` makes it of HU
    labels : on its grid
    volume : trabecular bone is what lies at least 6 mm inside ("eroded"), or an elliptical
        cylinder of 65% of width and depth and 10 mm height at mid-body ("ellipse")
    bodies : of these labels, where they are known already

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    InputError : not a map of density, no vertebra labelled, or an unknown volume.

    Notes
    -----
    Cortical is the mean of voxels from 350 mg/cm3 within 4 mm of the surface, integral the whole
    body. The choice of volume alone shifts the density by 10 to 20%: compare like with like.

    References
    ----------
    Engelke K et al. J Clin Densitom 2008;11:123-162. doi:10.1016/j.jocd.2007.12.010
    """
    if bmd.quantity != "bmd_ct":
        raise InputError(
            f"densities are read in a calibrated map, got {bmd.quantity!r}; calibrate the HU with "
            "a phantom or the body's own tissues first"
        )
    check_same_grid(bmd, labels)
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    if not bodies:
        raise InputError(
            "no vertebra is labelled; label vertebra_<level> or vertebral_body_<level>"
        )
    frames = _frames(labels, bodies, volume)
    return {
        level: _density(bmd, body, volume, frames.get(level), labels)
        for level, body in bodies.items()
    }


def density_measurements(found: Mapping[str, VertebralDensity]) -> list[Measurement]:
    """Densities of each vertebral body and the SD of the trabecular one, as measurements."""
    return [
        Measurement(
            quantity=quantity,
            value=value,
            region="vertebral_body",
            level=d.level,
            method=d.method if quantity.startswith("trabecular") else method,
            flags=d.flags,
        )
        for d in found.values()
        for quantity, value, method in (
            ("trabecular_bmd", d.trabecular, d.method),
            ("trabecular_bmd_sd", d.trabecular_sd, d.method),
            (
                "cortical_bmd",
                d.cortical,
                f"from {CORTICAL_MG:g} mg/cm3 in the outer {SHELL_MM:g} mm",
            ),
            ("integral_bmd", d.integral, "whole body"),
        )
    ]


def lumbar_density(
    found: Mapping[str, VertebralDensity],
    *,
    levels: Collection[str] = LUMBAR_MEAN,
    fractured: Collection[str] = (),
) -> list[Measurement]:
    """Mean trabecular density of the lumbar spine, which density classes are read on.

    Parameters
    ----------
    found : densities by level
    levels : which to average, L1 to L3 by default
    fractured : levels left out because they are fractured: collapse raises the density

    Returns
    -------
    ``trabecular_bmd`` of ``lumbar_spine`` and its ``trabecular_bmd_sd``. Errors of the calibration
    are shared by the levels, so they do not shrink with their number. NaN with a flag where fewer
    than two vertebrae are left.

    References
    ----------
    American College of Radiology. ACR-SPR-SSR practice parameter for the performance of
    musculoskeletal quantitative computed tomography.
    """
    used = [
        d
        for level, d in found.items()
        if level in levels and level not in fractured and math.isfinite(d.trabecular)
    ]
    flags = list(dict.fromkeys(flag for d in used for flag in d.flags))
    out = [level for level in levels if level in fractured]
    if out:
        flags.append(f"left out as fractured: {', '.join(out)}")
    absent = [level for level in levels if level not in found]
    if absent:
        flags.append(f"not measured: {', '.join(absent)}")
    enough = len(used) >= 2
    if not enough:
        flags.append(f"a mean of two vertebrae at least is wanted, {len(used)} can be used")
    names = ", ".join(d.level for d in used)
    return [
        Measurement(
            quantity=quantity,
            value=value if enough else math.nan,
            region="lumbar_spine",
            method=f"mean of {names}" if names else "no vertebra",
            flags=tuple(flags),
        )
        for quantity, value in (
            ("trabecular_bmd", float(np.mean([d.trabecular for d in used])) if used else math.nan),
            (
                "trabecular_bmd_sd",
                float(np.mean([d.trabecular_sd for d in used])) if used else math.nan,
            ),
        )
    ]


def opportunistic_attenuations(
    image: Image,
    labels: LabelMap,
    *,
    volume: Volume = "ellipse",
    bodies: Mapping[str, VertebralBody] | None = None,
) -> list[Measurement]:
    """Mean HU of trabecular bone, of scans that were not calibrated.

    Parameters
    ----------
    image : in HU
    labels, volume, bodies : as in `vertebral_densities`; the ellipse is what the published
        cut-offs were read in, drawn by hand

    Returns
    -------
    ``trabecular_attenuation`` by level, with flags for contrast agent, and for a tube voltage that
    is not 120 kVp or not known: there is no correction that holds for the single patient.

    Raises
    ------
    GridError, InputError : as `vertebral_densities`.

    References
    ----------
    Pickhardt PJ et al. Ann Intern Med 2013;158:588-595.
    doi:10.7326/0003-4819-158-8-201304160-00003
    """
    if image.quantity != "hounsfield":
        raise InputError(f"attenuation is read in HU, got an image of {image.quantity!r}")
    check_same_grid(image, labels)
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    frames = _frames(labels, bodies, volume)
    protocol = protocol_flags(image.source)
    found = []
    for level, body in bodies.items():
        inside = _trabecular(body, frames.get(level), labels, ERODED_MM)
        values, missing = finite(image.array[body.box][inside])
        found.append(
            Measurement(
                quantity="trabecular_attenuation",
                value=float(values.mean(dtype=np.float64)) if values.size else math.nan,
                region="vertebral_body",
                level=level,
                method=_named(volume, body),
                flags=(*missing, *_body_flags(body, values.size, labels), *protocol),
            )
        )
    return found


def _frames(
    labels: LabelMap, bodies: Mapping[str, VertebralBody], volume: str
) -> dict[str, VertebralHeights]:
    if volume not in {"eroded", "ellipse"}:
        raise InputError(f"volume is 'eroded' or 'ellipse', got {volume!r}")
    return vertebral_heights(labels, bodies=bodies) if volume == "ellipse" else {}


def _density(
    bmd: Image,
    body: VertebralBody,
    volume: str,
    frame: VertebralHeights | None,
    labels: LabelMap,
) -> VertebralDensity:
    values = bmd.array[body.box]
    depth = depth_in_body(body, labels.spacing)
    inside = _trabecular(body, frame, labels, ERODED_MM)
    trabecular, missing = finite(values[inside])
    shell = values[body.mask & (depth <= SHELL_MM)]
    cortical = shell[shell >= CORTICAL_MG]
    integral, _ = finite(values[body.mask])
    flags = [*missing, *_body_flags(body, trabecular.size, labels)]
    flags += [*calibration_flags(bmd.source), *protocol_flags(bmd.source)]
    if cortical.size and min(bmd.spacing) > RESOLVED_VOXEL_MM:
        flags.append("the cortex is thinner than these voxels: its density is blurred down")
    return VertebralDensity(
        level=body.level,
        trabecular=_mean(trabecular),
        cortical=_mean(cortical),
        integral=_mean(integral),
        trabecular_sd=_sd(bmd, body, frame, labels, trabecular),
        volume_mm3=trabecular.size * voxel_volume(bmd.affine),
        method=_named(volume, body),
        flags=tuple(flags),
    )


def _sd(
    bmd: Image,
    body: VertebralBody,
    frame: VertebralHeights | None,
    labels: LabelMap,
    values: NDArray[Any],
) -> float:
    if not values.size:
        return math.nan
    others = [
        _mean(finite(bmd.array[body.box][_trabecular(body, frame, labels, ERODED_MM + step)])[0])
        for step in (-MARGIN_STEP_MM, MARGIN_STEP_MM)
    ]
    placing = float(np.nanmax(np.abs(np.array(others) - _mean(values))))
    calibration = float(bmd.source.facts.get("bmd_residual_sd", math.nan))
    noise = float(values.std(dtype=np.float64)) / math.sqrt(values.size)
    return math.sqrt(calibration**2 + placing**2 + noise**2)


def _trabecular(
    body: VertebralBody,
    frame: VertebralHeights | None,
    labels: LabelMap,
    margin_mm: float,
) -> NDArray[np.bool_]:
    """Voxels of the body's box that count as trabecular."""
    if frame is None:
        return np.asarray(depth_in_body(body, labels.spacing) > margin_mm)
    axes = np.stack([np.cross(frame.front, frame.up), frame.front, frame.up])
    where = np.argwhere(body.mask)
    voxels = where + [part.start for part in body.box]
    away = (voxels @ labels.affine[:3, :3].T + labels.affine[:3, 3] - frame.centre) @ axes.T
    # A larger margin makes the cylinder thinner too, so its placing is tried in the same way.
    less = margin_mm - ERODED_MM
    half = np.ptp(away, axis=0) / 2 * ELLIPSE_SHARE - less
    height = min(ELLIPSE_HEIGHT_MM, min(frame.heights.values()) / 2) / 2 - less / 2
    middle = np.array([away[:, 0].mean(), ELLIPSE_FORWARD * frame.depth, 0.0])
    share = (away - middle) / [half[0], half[1], height]
    kept = where[(share[:, 0] ** 2 + share[:, 1] ** 2 <= 1) & (np.abs(share[:, 2]) <= 1)]
    inside = np.zeros_like(body.mask)
    inside[tuple(kept.T)] = True
    return inside


def _body_flags(body: VertebralBody, n_voxels: int, labels: LabelMap) -> list[str]:
    flags = []
    if body.cut:
        flags.append("the vertebral body reaches the edge of the scan: only a part is measured")
    volume = n_voxels * voxel_volume(labels.affine)
    if volume < TRABECULAR_MIN_MM3:
        flags.append(f"only {volume:.0f} mm3 of trabecular bone lie within the volume")
    return flags


def _named(volume: str, body: VertebralBody) -> str:
    if volume == "eroded":
        return f"at least {ERODED_MM:g} mm inside, {body.method}"
    return (
        f"elliptical cylinder at mid-body, {ELLIPSE_SHARE:.0%} of width and depth, "
        f"{ELLIPSE_HEIGHT_MM:g} mm high, {body.method}"
    )


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else math.nan
