"""Round things with known places, for tests of segmentation."""

from __future__ import annotations

import numpy as np

from enthesis.segment.distances import FAR_MM, SignedDistances, Surface


def ball(
    shape: tuple[int, int, int], center: tuple[float, float, float], radius: float
) -> np.ndarray:
    """Voxels within a radius of a point."""
    return depth_in_ball(shape, center, radius) > 0


def depth_in_ball(
    shape: tuple[int, int, int], center: tuple[float, float, float], radius: float
) -> np.ndarray:
    """Depth inside a ball, voxels of 1 mm."""
    away = np.sqrt(sum((x - c) ** 2 for x, c in zip(np.indices(shape), center, strict=True)))
    return np.clip(radius - away, -FAR_MM, FAR_MM).astype(np.float32)


def whole(depths: dict[str, np.ndarray], reader: str = "reader 1") -> SignedDistances:
    """An answer whose surfaces are kept on the whole grid, voxels of 1 mm."""
    shape = next(iter(depths.values())).shape
    box = (slice(0, shape[0]), slice(0, shape[1]), slice(0, shape[2]))
    return SignedDistances(
        shape=shape,
        affine=np.eye(4),
        surfaces={name: Surface(box=box, read=depth.__getitem__) for name, depth in depths.items()},
        reader=reader,
    )
