"""The reference body as a CT: image, label map and the truth about both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.image import Image, LabelMap, Source
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.grid import Grid, check_spacing, grid_around, label_map, slices
from enthesis.phantom.scene import Scene, scene
from enthesis.phantom.texture import point_spread, scanner_noise
from enthesis.phantom.truth import true_measurements
from enthesis.records import Measurement

DEFAULT_BODY = LumbarBody()

AIR_HU = -1000.0

LOWEST_HU, HIGHEST_HU = -1024, 3071
"""Range of the twelve bits in which scanners store attenuation, HU."""


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
    rng: np.random.Generator,
) -> Phantom:
    """A simulated CT of the lumbar spine from T12 to S1, with its label map and its truth.

    Parameters
    ----------
    body : sizes, areas, fat and attenuation; by default those of `LumbarBody`
    spacing_mm : distance between voxel centres to the right, to the front and up, mm; slices are as
        thick as they are apart
    rng : draws fat streaks, organ shapes and noise; the same state gives the same phantom, and the
        same body under another spacing

    Returns
    -------
    Phantom with the image in RAS+ axes; the middle of L3 lies at (0, 0, 0) mm.

    Raises
    ------
    InputError : a spacing outside `SPACING_MM`.

    Notes
    -----
    Each voxel is the mean of what it holds; then point spread and noise follow. A voxel has the
    label of the shape at its centre.

    What moves with the spine is written in the coordinates of a straight one and bent by the
    lordosis. No shape was taken from a scan of a person. Agreement on this object says that a
    computation is right, never that a segmentation works on patients.
    """
    check_spacing(spacing_mm)
    settled = scene(body, rng)
    grid = grid_around(settled, spacing_mm)
    source = Source(
        modality="CT",
        series="simulated",
        facts={
            "simulated": True,
            "slice_thickness_mm": spacing_mm[2],
            "kvp": 120.0,
            "contrast": False,
        },
    )
    return Phantom(
        image=Image(
            array=_attenuation(settled, grid, rng),
            affine=grid.affine,
            quantity="hounsfield",
            source=source,
        ),
        labels=label_map(settled, grid, source),
        truth=true_measurements(settled),
        body=settled.body,
    )


def _attenuation(settled: Scene, grid: Grid, rng: np.random.Generator) -> NDArray[np.int16]:
    pixel = grid.spacing_mm[:2]
    # In memory the first index runs fastest, as it does in files.
    hu = np.empty(grid.shape, dtype=np.int16, order="F")
    for k, (seen,) in enumerate(slices(settled, grid, lambda piece: (piece.hu,), empty=(AIR_HU,))):
        seen = point_spread(seen, spacing=pixel, fwhm=settled.body.psf_fwhm_mm)
        if settled.body.noise_sd_hu:
            seen += scanner_noise(rng, seen.shape, spacing=pixel, sd=settled.body.noise_sd_hu)
        hu[:, :, k] = np.rint(np.clip(seen, LOWEST_HU, HIGHEST_HU))
    return hu
