"""Vertebral bodies on CT."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from enthesis.image import Image
from enthesis.records import Measurement
from enthesis.regions import VertebralBody, finite

TRABECULAR_MARGIN_MM = 6.0
"""Depth below the surface of a vertebral body at which its inside counts as trabecular, mm.

Cortex and endplate are under 1 mm thick but blur over two voxels, 6 mm on the coarsest slices in
use; the remaining core of a lumbar body is still some 20 x 30 x 15 mm.
"""

TRABECULAR_MIN_MM3 = 500.0
"""Smallest core that is measured without a flag: about an 8 mm cube, mm3."""


def trabecular_attenuations(image: Image, bodies: Mapping[str, VertebralBody]) -> list[Measurement]:
    """Mean attenuation of the trabecular part of each vertebral body, HU; empty unless HU.

    Parameters
    ----------
    image : CT on the grid of the label map that `bodies` came from
    bodies : vertebral bodies, by level

    Returns
    -------
    One measurement a level, over the voxels at least `TRABECULAR_MARGIN_MM` below the body's
    surface; NaN with a flag where nothing is left.

    References
    ----------
    Pickhardt PJ, et al. Opportunistic screening for osteoporosis using abdominal computed
    tomography scans obtained for other indications. Ann Intern Med 2013;158:588-595.
    doi:10.7326/0003-4819-158-8-201304160-00003 (which read an oval drawn by hand at mid-body)
    """
    if image.quantity != "hounsfield":
        return []
    found = []
    for body in bodies.values():
        core = depth_in_body(body, image.spacing) > TRABECULAR_MARGIN_MM
        values, missing = finite(image.array[body.box][core])
        volume = values.size * float(np.prod(image.spacing))
        flags = [*missing]
        if body.cut:
            flags.append("the vertebral body reaches the edge of the scan: only a part is measured")
        if volume < TRABECULAR_MIN_MM3:
            flags.append(f"only {volume:.0f} mm3 of trabecular bone lie within the margin")
        found.append(
            Measurement(
                quantity="trabecular_attenuation",
                value=float(values.mean(dtype=np.float64)) if values.size else math.nan,
                region="vertebral_body",
                level=body.level,
                method=f"at least {TRABECULAR_MARGIN_MM:g} mm inside, {body.method}",
                flags=tuple(flags),
            )
        )
    return found


def depth_in_body(body: VertebralBody, spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Depth of each voxel of the body's box below the body's surface, mm; zero outside."""
    # The pad makes the crop's border, or the edge of the scan, count as the body's surface.
    depth = ndimage.distance_transform_edt(np.pad(body.mask, 1), sampling=spacing)
    return np.asarray(depth[1:-1, 1:-1, 1:-1])
