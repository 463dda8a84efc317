"""Marrow of vertebral bodies on MR: fat, signal, perfusion, diffusion and T2*."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.bone.vertebra import TRABECULAR_MIN_MM3, depth_in_body
from enthesis.errors import InputError
from enthesis.image import Image, LabelMap, check_same_grid, voxel_volume
from enthesis.records import Measurement
from enthesis.regions import VertebralBody, finite, vertebral_bodies

MARGIN_MM = 3.0
"""Depth below the surface of a body from which a voxel counts as marrow, mm.

Cortex, endplates and chemical shift reach one to two voxels of 1.5 mm inwards.
"""

MARROW_MAPS = (
    "fat_fraction",
    "t1",
    "t2",
    "t2_star",
    "r2_star",
    "mean_diffusivity",
    "fractional_anisotropy",
    "enhancement_maximum",
    "enhancement_slope",
    "time_to_peak",
    "enhancement_area",
    "k_trans",
    "k_ep",
    "v_e",
    "v_p",
)
"""Maps whose mean over a vertebral body is a measure of its marrow."""

VBQ_LEVELS = ("L1", "L2", "L3", "L4")
"""Vertebrae of the bone quality score."""

FLUID_LEVELS = ("L3", "L2", "L4")
"""Where its cerebrospinal fluid is read: L3, or its neighbours where flow darkens that."""

ADC_CONTEXT = (
    "benign fractures have higher, malignant ones lower diffusivity in published groups; ranges "
    "overlap and depend on b values and fat suppression, so no class is given"
)


def marrow_means(
    image: Image,
    labels: LabelMap,
    *,
    bodies: Mapping[str, VertebralBody] | None = None,
) -> list[Measurement]:
    """Mean of a map over the marrow of each vertebral body, and of the lumbar spine.

    Parameters
    ----------
    image : a map of `MARROW_MAPS`: fat fraction, T2*, perfusion, diffusion …, as `maps` makes them
    labels : on its grid
    bodies : of these labels, where they are known already

    Returns
    -------
    One measurement a level, over voxels at least 3 mm inside, and the mean of the levels of L1 to
    L5 that are there as ``lumbar_spine``.

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    InputError : another quantity, or no vertebra labelled.

    References
    ----------
    Baum T et al. Front Endocrinol 2018;9:141. doi:10.3389/fendo.2018.00141 (fat fraction by level)
    """
    if image.quantity not in MARROW_MAPS:
        raise InputError(
            f"no measure of marrow is made of {image.quantity!r}; known are: "
            f"{', '.join(MARROW_MAPS)}"
        )
    check_same_grid(image, labels)
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    if not bodies:
        raise InputError(
            "no vertebra is labelled; label vertebra_<level> or vertebral_body_<level>"
        )
    found = []
    for level, body in bodies.items():
        inside = _marrow(body, labels)
        values, missing = finite(image.array[body.box][inside])
        found.append(
            Measurement(
                quantity=image.quantity,
                value=_mean(values),
                region="vertebral_body",
                level=level,
                method=f"mean at least {MARGIN_MM:g} mm inside, {body.method}",
                flags=(*image.source.flags, *missing, *_doubts(body, values.size, labels)),
            )
        )
    lumbar = [m for m in found if m.level in LUMBAR_LEVELS and math.isfinite(m.value)]
    if len(lumbar) > 1:
        found.append(
            Measurement(
                quantity=image.quantity,
                value=float(np.mean([m.value for m in lumbar])),
                region="lumbar_spine",
                method=f"mean of {', '.join(m.level for m in lumbar)}",
                flags=tuple(dict.fromkeys(flag for m in lumbar for flag in m.flags)),
            )
        )
    return found


def vertebral_bone_quality(
    image: Image,
    labels: LabelMap,
    *,
    fluid: NDArray[np.bool_],
    levels: Collection[str] = VBQ_LEVELS,
    bodies: Mapping[str, VertebralBody] | None = None,
) -> Measurement:
    """VBQ: marrow signal of L1 to L4 over that of the cerebrospinal fluid beside L3.

    Parameters
    ----------
    image : "signal", T1-weighted without contrast agent
    labels : on its grid
    fluid : (I, J, K), cerebrospinal fluid behind L3, or L2 or L4 where flow darkens it
    levels : vertebrae to use, L1 to L4; leave fractured ones out
    bodies : of these labels, where they are known already

    Returns
    -------
    ``vertebral_bone_quality``: median of the bodies' mean signals over the fluid's mean signal.
    Higher is worse. Scanner, coil and weighting shift it.

    Raises
    ------
    GridError : image and labels do not lie on one grid.
    InputError : no signal image, no fluid, or none of the levels.

    References
    ----------
    Ehresman J et al. Spine J 2020;20:428-436. doi:10.1016/j.spinee.2019.10.007
    """
    if image.quantity != "signal":
        raise InputError(f"the score is read in T1-weighted signal, got {image.quantity!r}")
    check_same_grid(image, labels)
    if fluid.shape != image.shape or not fluid.any():
        raise InputError("the fluid is a mask on the image's grid with a voxel at least")
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    used = {level: body for level, body in bodies.items() if level in levels}
    if not used:
        raise InputError(f"none of {', '.join(levels)} is labelled; there are: {', '.join(bodies)}")
    flags = list(image.source.flags)
    if len(used) < len(VBQ_LEVELS):
        flags.append(f"of {', '.join(VBQ_LEVELS)} only {', '.join(used)} are used")
    if image.source.facts.get("contrast"):
        flags.append("contrast agent was given: the score is made on unenhanced scans")
    signals = [
        _mean(finite(image.array[body.box][_marrow(body, labels)])[0]) for body in used.values()
    ]
    reference = _mean(finite(image.array[fluid])[0])
    if not reference > 0:
        raise InputError(f"the fluid's mean signal must be above 0, got {reference:g}")
    return Measurement(
        quantity="vertebral_bone_quality",
        value=float(np.median(signals)) / reference,
        region="lumbar_spine",
        method=f"median of {', '.join(used)} over cerebrospinal fluid",
        flags=tuple(flags),
    )


def spinal_fluid_near(
    labels: LabelMap, canal: str, *, bodies: Mapping[str, VertebralBody] | None = None
) -> tuple[NDArray[np.bool_], str]:
    """Voxels of a labelled canal on the slices of L3, or L2 or L4 where L3 is not there.

    Parameters
    ----------
    labels : with a label of the canal's fluid
    canal : its name, e.g. "spinal_canal"; roots and fat in it are part of what is found
    bodies : of these labels, where they are known already

    Returns
    -------
    mask on the grid, and the level it lies behind.

    Raises
    ------
    InputError : no such label, or none of the three levels.
    """
    number = labels.label(canal)
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    level = next((name for name in FLUID_LEVELS if name in bodies), None)
    if level is None:
        raise InputError(f"none of {', '.join(FLUID_LEVELS)} is labelled")
    found = np.zeros(labels.shape, dtype=np.bool_)
    part = slice(bodies[level].first, bodies[level].last + 1)
    found[:, :, part] = labels.array[:, :, part] == number
    return found, level


def apparent_diffusion(
    images: Sequence[Image],
    labels: LabelMap,
    *,
    b_values: Sequence[float],
    bodies: Mapping[str, VertebralBody] | None = None,
) -> list[Measurement]:
    """Apparent diffusion coefficient of each body's marrow.

    Parameters
    ----------
    images : "signal", one a b value
    labels : on their grid
    b_values : s/mm2, in the order of the images
    bodies : of these labels, where they are known already

    Returns
    -------
    ``apparent_diffusion`` by level, mm2/s, with a flag that it makes no class of a fracture.

    Raises
    ------
    GridError : images and labels do not lie on one grid.
    InputError : fewer than two b values, or a signal that is not above zero.

    Notes
    -----
    The slope of the log of each body's mean signal over b, by least squares; with two b values
    ln(S0/Sb)/(b - b0).

    References
    ----------
    Dietrich O, Geith T, Reiser MF, Baur-Melnyk A. NMR Biomed 2017;30:e3333. doi:10.1002/nbm.3333
    """
    b = np.asarray(b_values, dtype=np.float64)
    if b.size < 2 or b.size != len(images) or np.ptp(b) == 0 or b.min() < 0:
        raise InputError(
            f"two images or more and one b value each, not all alike, are wanted: {len(images)} "
            f"images, b values {b.tolist()} s/mm2"
        )
    for image in images:
        if image.quantity != "signal":
            raise InputError(f"diffusion is read in signal, got {image.quantity!r}")
        check_same_grid(image, labels)
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    found = []
    for level, body in bodies.items():
        inside = _marrow(body, labels)
        means = np.array([_mean(finite(image.array[body.box][inside])[0]) for image in images])
        if inside.any() and not (means > 0).all():
            raise InputError(f"the marrow's mean signal at {level} is {means.min():g}, not above 0")
        slope = float(np.polyfit(b, np.log(means), 1)[0]) if inside.any() else math.nan
        found.append(
            Measurement(
                quantity="apparent_diffusion",
                value=-slope,
                region="vertebral_body",
                level=level,
                method=f"b {', '.join(f'{value:g}' for value in b)} s/mm2, {body.method}",
                flags=(
                    *_doubts(body, int(np.count_nonzero(inside)), labels),
                    ADC_CONTEXT,
                ),
            )
        )
    return found


def _marrow(body: VertebralBody, labels: LabelMap) -> NDArray[np.bool_]:
    return np.asarray(depth_in_body(body, labels.spacing) > MARGIN_MM)


def _doubts(body: VertebralBody, n_voxels: int, labels: LabelMap) -> list[str]:
    flags = []
    if body.cut:
        flags.append("the vertebral body reaches the edge of the scan: only a part is measured")
    volume = n_voxels * voxel_volume(labels.affine)
    if volume < TRABECULAR_MIN_MM3:
        flags.append(f"only {volume:.0f} mm3 of marrow lie within the margin")
    return flags


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean(dtype=np.float64)) if values.size else math.nan
