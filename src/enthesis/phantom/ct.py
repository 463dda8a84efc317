"""The reference body as a CT: image, label map and the truth about both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError
from enthesis.image import Image, LabelMap, Source
from enthesis.phantom.beam import USUAL_KVP, attenuation, check_kvp
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.grid import Grid, check_spacing, grid_around, label_map, slices
from enthesis.phantom.scene import Scene, scene
from enthesis.phantom.spine import Piece
from enthesis.phantom.streaks import metal_streaks
from enthesis.phantom.texture import NOISE_GRAIN_MM, point_spread, scanner_noise
from enthesis.phantom.truth import true_measurements
from enthesis.records import Measurement

DEFAULT_BODY = LumbarBody()

AIR_HU = -1000.0

LOWEST_HU, HIGHEST_HU = -1024, 3071
"""Range of the twelve bits in which scanners store attenuation, HU."""


MAX_TILT_DEG = 30.0
"""Gantries tilt no further, degrees."""

EDGE_FWHM_MM = 2.2
"""Width over which a sharp kernel compares a voxel with its surroundings, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What a reconstruction kernel makes of edges and noise.

    Parameters
    ----------
    blur : of the body's point spread, 1 for the standard kernel
    grain_mm : SD of the Gaussian that gives the noise its grain, mm
    noise : standard deviation, 1 for the standard kernel
    edges : by how much differences from the surroundings are raised
    """

    blur: float
    grain_mm: float
    noise: float
    edges: float


KERNELS: Mapping[str, Kernel] = {
    "soft": Kernel(blur=1.4, grain_mm=1.0, noise=0.65, edges=0.0),
    "standard": Kernel(blur=1.0, grain_mm=NOISE_GRAIN_MM, noise=1.0, edges=0.0),
    "bone": Kernel(blur=0.6, grain_mm=0.4, noise=2.2, edges=0.5),
}
"""Kernels by name, set by eye: sharp ones are noisier and overshoot at edges."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phantom:
    """A digital reference object.

    Parameters
    ----------
    image : the scan; a CT is in int16 HU
    labels : whole compartments as they lie in the body, fat within the fascia included
    truth : what is true of the body, independent of the image and its grid
    body : what was asked for
    """

    image: Image
    labels: LabelMap
    truth: tuple[Measurement, ...]
    body: LumbarBody


def lumbar_ct(
    body: LumbarBody = DEFAULT_BODY,
    *,
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 3.0),
    slice_thickness_mm: float | None = None,
    kvp: float = USUAL_KVP,
    kernel: str = "standard",
    tilt_deg: float = 0.0,
    rng: np.random.Generator,
) -> Phantom:
    """A simulated CT of the lumbar spine from T12 to S1, with its label map and its truth.

    Parameters
    ----------
    body : sizes, areas, fat and attenuation; by default those of `LumbarBody`
    spacing_mm : distance between voxel centres to the right, along the slice and up, mm
    slice_thickness_mm : what each slice averages upwards, mm; None for the distance between them
    kvp : tube voltage, 80 to 140 kV; bone, fat and contrast medium depend on it
    kernel : "soft", "standard" or "bone": blur, grain and height of the noise
    tilt_deg : of the gantry, -30 to 30 degrees; positive raises the front of the slices. Slices
        are stacked upwards all the same, so the affine is sheared as such scanners' is
    rng : draws fat streaks, organ shapes and noise; the same state gives the same phantom, and the
        same body under another spacing

    Returns
    -------
    Phantom with the image in RAS+ axes; the middle of L3 lies at y = z = 0 mm, and at x = 0 where
    the spine is not bent sideways.

    Raises
    ------
    InputError : a spacing, thickness, tube voltage, kernel or tilt that no scanner has.

    Notes
    -----
    Each voxel is the mean of what it holds; then point spread, streaks of implants and noise
    follow. A voxel has the label of the shape at its centre. Noise has the body's standard
    deviation with the standard kernel, 0.65 of it with the soft and 2.2 with the bone kernel.

    What moves with the spine is written in the coordinates of a straight one and bent by the
    lordosis. No shape was taken from a scan of a person. Agreement on this object says that a
    computation is right, never that a segmentation works on patients.
    """
    check_spacing(spacing_mm)
    check_kvp(kvp)
    if kernel not in KERNELS:
        raise InputError(f"kernel is one of {', '.join(KERNELS)}, got {kernel!r}")
    if not abs(tilt_deg) <= MAX_TILT_DEG:
        raise InputError(
            f"tilt_deg is in degrees and between {-MAX_TILT_DEG:g} and {MAX_TILT_DEG:g}, "
            f"got {tilt_deg:g}"
        )
    thickness = spacing_mm[2] if slice_thickness_mm is None else slice_thickness_mm
    if not 0.3 <= thickness <= 10:
        raise InputError(f"slice_thickness_mm is in mm and between 0.3 and 10, got {thickness:g}")
    settled = scene(body, rng)
    grid = grid_around(settled, spacing_mm, thickness_mm=thickness, tilt_deg=tilt_deg)
    source = Source(
        modality="CT",
        series="simulated",
        facts={
            "simulated": True,
            "slice_thickness_mm": thickness,
            "kvp": kvp,
            "contrast": bool(body.contrast_hu),
        },
    )
    hu, regions = scanned(settled, grid, kvp=kvp, kernel=KERNELS[kernel], rng=rng)
    return Phantom(
        image=Image(array=hu, affine=grid.affine, quantity="hounsfield", source=source),
        labels=label_map(settled, grid, regions, source),
        truth=true_measurements(settled, kvp=kvp),
        body=settled.body,
    )


def scanned(
    settled: Scene, grid: Grid, *, kvp: float, kernel: Kernel, rng: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
    """Attenuation and label of every voxel."""
    pixel = grid.spacing_mm[:2]
    body = settled.body
    # In memory the first index runs fastest, as it does in files.
    hu = np.empty(grid.shape, dtype=np.int16, order="F")
    regions = np.empty(grid.shape, dtype=np.uint8, order="F")

    def paint(piece: Piece) -> tuple[ArrayLike, ...]:
        return attenuation(piece, body, kvp), float(piece.tissue == "metal")

    for k, ((seen, metal), named) in enumerate(slices(settled, grid, paint, empty=(AIR_HU, 0.0))):
        regions[:, :, k] = named
        # Beyond what is stored there is nothing to blur.
        seen = np.minimum(seen, HIGHEST_HU)
        seen = point_spread(seen, spacing=pixel, fwhm=kernel.blur * body.psf_fwhm_mm)
        if kernel.edges:
            soft = point_spread(seen, spacing=pixel, fwhm=EDGE_FWHM_MM)
            seen = seen + np.float32(kernel.edges) * (seen - soft)
        if body.screws:
            seen = seen + metal_streaks(metal, spacing=pixel, rng=rng)
        if body.noise_sd_hu:
            seen += scanner_noise(
                rng,
                seen.shape,
                spacing=pixel,
                sd=kernel.noise * body.noise_sd_hu,
                grain_mm=kernel.grain_mm,
            )
        hu[:, :, k] = np.rint(np.clip(seen, LOWEST_HU, HIGHEST_HU))
    return hu, regions
