"""Small scans that a test can count by hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from enthesis.image import Image, LabelMap

Box = tuple[slice, slice, slice]


def grid(spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> np.ndarray:
    """An affine in RAS+ with this spacing, mm."""
    return np.diag([*spacing, 1.0])


def scan(
    shape: tuple[int, int, int],
    regions: Mapping[str, tuple[Box, float]],
    *,
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0),
    background: float = -1000,
    dtype: type = np.int16,
) -> tuple[Image, LabelMap]:
    """Boxes of one value each: region name → (box, HU). Later boxes overwrite earlier ones."""
    values = np.full(shape, background, dtype=dtype)
    labels = np.zeros(shape, dtype=np.uint8)
    names = {}
    for number, (name, (box, value)) in enumerate(regions.items(), start=1):
        values[box] = value
        labels[box] = number
        names[number] = name
    return (
        Image(array=values, affine=grid(spacing), quantity="hounsfield"),
        LabelMap(array=labels, affine=grid(spacing), names=names),
    )
