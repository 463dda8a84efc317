"""The reference body as a CT: image, label map and the truth about both."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from enthesis.errors import InputError
from enthesis.image import Image, LabelMap, Source
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.geometry import Reals, axial_plane
from enthesis.phantom.scene import NUMBERS, Scene, scene
from enthesis.phantom.texture import point_spread, scanner_noise
from enthesis.phantom.trunk import extent
from enthesis.phantom.truth import true_measurements
from enthesis.records import Measurement

DEFAULT_BODY = LumbarBody()

FINEST_MM = 1.0
"""Samples lie at most this far apart, mm, and each is softened over its own size."""

AIR_HU = -1000.0

LOWEST_HU, HIGHEST_HU = -1024, 3071
"""Range of the twelve bits in which scanners store attenuation, HU."""

SPACING_MM = (0.5, 8.0)
"""Smallest and largest distance between voxels that is rendered, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Phantom:
    """A digital reference object.

    Parameters
    ----------
    image : CT, int16 HU
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
    Each slice is the mean of thin cuts. On each cut every shape is laid over those before it with
    the share of the sample that it covers, so edges show partial volume; then point spread and
    noise follow. A voxel has the label of the shape at its centre.

    What moves with the spine is written in the coordinates of a straight one and bent by the
    lordosis. No shape was taken from a scan of a person. Agreement on this object says that a
    computation is right, never that a segmentation works on patients.
    """
    for value in spacing_mm:
        if not SPACING_MM[0] <= value <= SPACING_MM[1]:
            raise InputError(
                f"voxel spacing is in mm and between {SPACING_MM[0]:g} and {SPACING_MM[1]:g}, "
                f"got {value:g}"
            )
    settled = scene(body, rng)
    hu, labels, affine = _render(settled, spacing_mm, rng)
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
        image=Image(array=hu, affine=affine, quantity="hounsfield", source=source),
        labels=LabelMap(
            array=labels,
            affine=affine,
            names={number: name for name, number in NUMBERS.items() if name},
            origin="given",
            source=source,
        ),
        truth=true_measurements(settled),
        body=settled.body,
    )


def _render(
    settled: Scene, spacing_mm: tuple[float, float, float], rng: np.random.Generator
) -> tuple[NDArray[np.int16], NDArray[np.uint8], NDArray[np.float64]]:
    axes = [
        low + step * (np.arange(math.ceil((high - low) / step)) + 0.5)
        for (low, high), step in zip(extent(settled.curve, settled.body), spacing_mm, strict=True)
    ]
    splits = [math.ceil(step / FINEST_MM - 1e-9) for step in spacing_mm]
    fine_x, fine_y = (
        _split(axis, step, n)
        for axis, step, n in zip(axes[:2], spacing_mm[:2], splits[:2], strict=True)
    )
    fine = (spacing_mm[0] / splits[0] + spacing_mm[1] / splits[1]) / 2
    pixel = (spacing_mm[0], spacing_mm[1])
    shape = (axes[0].size, axes[1].size)
    # In memory the first index runs fastest, as it does in files.
    hu = np.empty((*shape, axes[2].size), dtype=np.int16, order="F")
    labels = np.empty(hu.shape, dtype=np.uint8, order="F")
    for k, z in enumerate(axes[2]):
        slab = np.zeros(shape, dtype=np.float32)
        for cut in _split(np.array([z]), spacing_mm[2], splits[2]):
            values = _attenuation(settled, fine_x, fine_y, float(cut), fine)
            slab += values.reshape(shape[0], splits[0], shape[1], splits[1]).mean(axis=(1, 3))
        seen = point_spread(
            slab / np.float32(splits[2]), spacing=pixel, fwhm=settled.body.psf_fwhm_mm
        )
        if settled.body.noise_sd_hu:
            seen += scanner_noise(rng, shape, spacing=pixel, sd=settled.body.noise_sd_hu)
        hu[:, :, k] = np.rint(np.clip(seen, LOWEST_HU, HIGHEST_HU))
        labels[:, :, k] = _labels(settled, axes[0], axes[1], float(z))
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = [axis[0] for axis in axes]
    return hu, labels, affine


def _split(axis: Reals, step: float, n: int) -> Reals:
    """Centres of n equal parts of each voxel."""
    parts = (np.arange(n) + 0.5) / n - 0.5
    return np.asarray((axis[:, None] + step * parts).ravel())


def _attenuation(settled: Scene, x: Reals, y: Reals, z: float, size: float) -> NDArray[np.float32]:
    plane = axial_plane(settled.curve, x, y, z)
    values = np.full((x.size, y.size), AIR_HU, dtype=np.float32)
    for piece in settled.pieces(plane):
        under = values[piece.box]
        covered = np.clip(piece.depth / np.float32(size) + np.float32(0.5), 0, 1)
        under += covered * (np.asarray(piece.hu, dtype=np.float32) - under)
    return values


def _labels(settled: Scene, x: Reals, y: Reals, z: float) -> NDArray[np.uint8]:
    plane = axial_plane(settled.curve, x, y, z)
    labels = np.zeros((x.size, y.size), dtype=np.uint8)
    for piece in settled.pieces(plane):
        under = labels[piece.box]
        under[np.broadcast_to(piece.depth > 0, under.shape)] = NUMBERS[piece.region]
    return labels
