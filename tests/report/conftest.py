"""A small lumbar body, made of ellipses: enough to see where a picture puts things."""

from __future__ import annotations

import numpy as np
import pytest

from enthesis.image import Image, LabelMap

VOXEL_MM = (1.5, 1.2, 4.0)
SHAPE = (220, 180, 42)
CENTRE_MM = (165.0, 108.0)
LEVEL_HEIGHT = 8

REGIONS = {
    # region: centre to the right and the front of the body's centre, and half-axes, mm; HU
    "psoas_major": ((33, -8), (17, 20), 55),
    "quadratus_lumborum": ((62, -32), (14, 9), 50),
    "erector_spinae": ((45, -64), (25, 20), 40),
    "multifidus": ((14, -58), (10, 17), 30),
}


@pytest.fixture(scope="session")
def lumbar_ct() -> tuple[Image, LabelMap]:
    """CT and labels, L5 at the feet to L1 at the head; every level is eight slices of 4 mm."""
    x = np.arange(SHAPE[0])[:, None] * VOXEL_MM[0] - CENTRE_MM[0]
    y = np.arange(SHAPE[1])[None, :] * VOXEL_MM[1] - CENTRE_MM[1]
    array = np.full(SHAPE, -1000.0, dtype=np.float32)
    labels = np.zeros(SHAPE, dtype=np.uint8)
    array[_ellipse(x, y, (0, 0), (150, 100))] = -95
    array[_ellipse(x, y, (0, 0), (128, 82))] = 20
    names: dict[int, str] = {}
    for structure, ((right, front), half_axes, value) in REGIONS.items():
        for side, sign in (("left", -1), ("right", 1)):
            names[len(names) + 1] = f"{structure}_{side}"
            inside = _ellipse(x, y, (sign * right, front), half_axes)
            array[inside] = value
            labels[inside] = len(names)
    body = _ellipse(x, y, (0, -8), (24, 17))
    labels[body] = 0
    for step, level in enumerate(("L5", "L4", "L3", "L2", "L1")):
        start = 1 + step * LEVEL_HEIGHT
        names[len(names) + 1] = f"vertebral_body_{level}"
        array[body, start : start + 6] = 160
        labels[body, start : start + 6] = len(names)
        if level != "L1":
            above = f"L{int(level[1]) - 1}"
            names[len(names) + 1] = f"intervertebral_disc_{above}_{level}"
            array[body, start + 6 : start + 8] = 80
            labels[body, start + 6 : start + 8] = len(names)
    array += np.random.default_rng(1).normal(0, 12, SHAPE).astype(np.float32)
    affine = np.diag([*VOXEL_MM, 1.0])
    return (
        Image(array=array, affine=affine, quantity="hounsfield"),
        LabelMap(array=labels, affine=affine, names=names),
    )


def _ellipse(x, y, centre, half_axes):
    return ((x - centre[0]) / half_axes[0]) ** 2 + ((y - centre[1]) / half_axes[1]) ** 2 <= 1
