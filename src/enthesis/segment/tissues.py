"""Tissues of the whole trunk: subcutaneous, visceral and intermuscular fat, and all muscle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.image import Image, LabelMap
from enthesis.segment.distances import SignedDistances
from enthesis.segment.midplane import Midplane
from enthesis.segment.midpoint import Midpoint

FAT_HU = (-190.0, -30.0)
"""Attenuation of adipose tissue, HU, both included: Kvist 1988, doi:10.1093/ajcn/48.6.1351."""

OUTSIDE_HU = -400.0
"""What is darker and hangs together with the border of the scan is air around the patient, HU."""

BEHIND_CANAL_MM = 0.0
"""Visceral fat lies in front of the canal's middle; fat behind it is between muscles, mm."""

TISSUES = ("skeletal_muscle", "subcutaneous_fat", "visceral_fat", "intermuscular_fat")


def tissue_map(
    image: Image, distances: SignedDistances, plane: Midplane, midpoint: Midpoint, *, origin: str
) -> LabelMap | None:
    """Muscle and fat of the whole trunk as one label map; None if no subcutaneous fat was found.

    Parameters
    ----------
    image : CT; other scans have no scale on which fat is known, and give muscle and subcutaneous
        fat alone
    distances : regions, with ``skeletal_muscle`` and ``subcutaneous_fat``
    plane : what parts left from right; its direction says what is in front
    midpoint : between fat and muscle of this scan
    origin : who made it

    Notes
    -----
    Intermuscular fat is the fat within and between the muscles; it is taken out of
    ``skeletal_muscle``. Visceral fat is the other fat in front of the canal, that around the
    kidneys and great vessels included.
    """
    if not {"skeletal_muscle", "subcutaneous_fat"} <= set(distances.surfaces):
        return None
    labels = np.zeros(image.shape, np.uint8, order="F")
    number = {name: i for i, name in enumerate(TISSUES, start=1)}
    for k in range(image.shape[2]):
        muscle, under_skin = (
            _cut(distances, name, k) for name in ("skeletal_muscle", "subcutaneous_fat")
        )
        values, cut = image.array[:, :, k], labels[:, :, k]
        if image.quantity != "hounsfield":
            cut[under_skin] = number["subcutaneous_fat"]
            cut[muscle] = number["skeletal_muscle"]
            continue
        fat = (values >= FAT_HU[0]) & (values <= FAT_HU[1])
        inner = fat & _within_body(values) & _in_front(plane, image, k)
        cut[inner] = number["visceral_fat"]
        cut[under_skin & fat] = number["subcutaneous_fat"]
        cut[muscle] = number["skeletal_muscle"]
        cut[muscle & fat & midpoint.is_fat(values)] = number["intermuscular_fat"]
    return LabelMap(
        array=labels,
        affine=image.affine,
        names=names_in(labels, {i: name for name, i in number.items()}),
        origin=origin,
        source=image.source,
    )


def names_in(labels: NDArray[np.uint8], names: Mapping[int, str]) -> dict[int, str]:
    """The names of the numbers that occur, which are found slice by slice to spare memory."""
    found: set[int] = set()
    for k in range(labels.shape[2]):
        found.update(np.flatnonzero(np.bincount(labels[:, :, k].ravel(order="K"))).tolist())
    return {number: name for number, name in names.items() if number in found}


def _cut(distances: SignedDistances, name: str, k: int) -> NDArray[np.bool_]:
    """One slice of a region."""
    i, j, _ = distances.shape
    plane = distances.surfaces[name].within((slice(0, i), slice(0, j), slice(k, k + 1)))
    return np.asarray(plane[:, :, 0] > 0)


def _within_body(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Pixels that no air joins to the border of the slice."""
    air, n_parts = ndimage.label(values < OUTSIDE_HU)
    inside = np.ones(n_parts + 1, bool)
    for edge in (air[0], air[-1], air[:, 0], air[:, -1]):
        inside[edge[edge > 0]] = False
    return np.asarray(inside[air])


def _in_front(plane: Midplane, image: Image, k: int) -> NDArray[np.bool_]:
    x, y = (
        (np.arange(n) - (n - 1) / 2) * d
        for n, d in zip(image.shape[:2], image.spacing[:2], strict=True)
    )
    share = np.array([k / max(image.shape[2] - 1, 1) * (plane.canal.shape[0] - 1)])
    return np.asarray(plane.in_front(x, y, share)[:, :, 0] > BEHIND_CANAL_MM)
