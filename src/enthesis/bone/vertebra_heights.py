"""Heights of a vertebral body: from a label map between the voxels' steps, or from six points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.bone.vertebra_surface import EDGE_INSET, Frame, Surface, unit, voxel_along
from enthesis.errors import InputError
from enthesis.image import LabelMap
from enthesis.records import Measurement
from enthesis.regions import VertebralBody, vertebral_bodies

EDGE_SD = 1 / math.sqrt(12)
"""SD of the distance from a true edge to the step that a mask makes of it, in voxels: uniform."""

SETTLED_DEGREES = 0.05
"""The body's axis is found when a further look at the endplates turns it by less, degrees."""

LOOKS = 12
"""At most so many looks at the endplates."""

CUT_FLAG = "the vertebral body reaches the edge of the scan: its heights are not its own"

UP = np.array([0.0, 0.0, 1.0])
FRONT = np.array([0.0, 1.0, 0.0])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class VertebralHeights:
    """Heights of one vertebral body and how its endplates lie.

    Parameters
    ----------
    level : e.g. "L3"
    anterior, middle, posterior : mm
    sd : standard deviation of each height from the size of the voxels, or of the points, mm
    depth : from the posterior to the anterior edge, mm
    centre : (3,) mm, in RAS
    up, front : (3,) unit vectors of the body's own axes
    upper, lower : (3,) unit normals of the two endplates, pointing up
    angle_sd : standard deviation of an endplate's direction, degrees
    method : how the heights were found
    flags : what is doubtful, one sentence each
    """

    level: str
    anterior: float
    middle: float
    posterior: float
    sd: float
    depth: float
    centre: NDArray[np.float64]
    up: NDArray[np.float64]
    front: NDArray[np.float64]
    upper: NDArray[np.float64]
    lower: NDArray[np.float64]
    angle_sd: float
    method: str
    flags: tuple[str, ...] = ()

    @property
    def heights(self) -> dict[str, float]:
        """Anterior, middle and posterior height by name, mm."""
        return {"anterior": self.anterior, "middle": self.middle, "posterior": self.posterior}


def vertebral_heights(
    labels: LabelMap,
    *,
    bodies: Mapping[str, VertebralBody] | None = None,
    front_of_picture: str | None = None,
) -> dict[str, VertebralHeights]:
    """Heights of every vertebral body of a label map, from head to feet.

    Parameters
    ----------
    labels : of a CT or MR volume, or of a lateral picture of one slice
    bodies : of this map, where they are known already; found anew otherwise
    front_of_picture : of a lateral picture, the side on which the patient's front lies, "left" or
        "right" as it is viewed; left out for volumes

    Raises
    ------
    InputError : no vertebra is labelled, or a picture without its front.

    Notes
    -----
    The mask is smoothed over 0.7 voxels and its surface taken where it falls to one half, by
    linear interpolation. Planes fitted to the two endplates give the body's axis; cubic surfaces
    fitted to them, over 60% of the width, give the heights along it in the midline, 10% of the
    depth inside the edges and at mid-depth. The fit averages over the voxels' steps, which hollow
    or tilted endplates cross at many places. Where an endplate lies flat along the voxels' planes
    nothing can tell where in a voxel it is, so the standard deviation stated is that of two such
    edges, 0.41 voxels along the axis: an upper bound.
    """
    bodies = vertebral_bodies(labels) if bodies is None else bodies
    if not bodies:
        raise InputError(
            "no vertebra is labelled; label vertebra_<level> or vertebral_body_<level>"
        )
    up, front = _picture_axes(labels, front_of_picture)
    return {level: _measure(body, labels, up, front) for level, body in bodies.items()}


def heights_from_landmarks(
    points: ArrayLike, *, level: str, point_sd_mm: float = math.nan
) -> VertebralHeights:
    """Heights from six points, as drawn on a lateral radiograph or a DXA image.

    Parameters
    ----------
    points : (6, 2) front and up, or (6, 3) in RAS, mm: the upper endplate's anterior, middle and
        posterior point, then the lower endplate's
    level : e.g. "L3"
    point_sd_mm : standard deviation of one coordinate of one point, as repeated marking gives it;
        unknown if left out

    Returns
    -------
    VertebralHeights; a height is the distance between its two points.

    Raises
    ------
    InputError : not six points, or an upper point that does not lie above its lower one.

    References
    ----------
    Hurxthal LM. AJR 1968;103:635-644. doi:10.2214/ajr.103.3.635 (the six points)
    """
    at = np.asarray(points, dtype=np.float64)
    if at.shape not in {(6, 2), (6, 3)} or not np.isfinite(at).all():
        raise InputError(f"six points of two or three coordinates in mm are wanted, got {at.shape}")
    if at.shape[1] == 2:
        at = np.column_stack([np.zeros(6), at])
    upper, lower = at[:3], at[3:]
    heights = np.linalg.norm(upper - lower, axis=1)
    front = unit((upper[0] - upper[2]) + (lower[0] - lower[2]))
    up = unit((upper - lower).sum(axis=0) - front * ((upper - lower).sum(axis=0) @ front))
    if up[2] <= 0 or ((upper - lower) @ up <= 0).any():
        raise InputError(
            f"the upper points of {level} must lie above its lower ones; give the upper endplate's "
            "anterior, middle and posterior point first, then the lower endplate's"
        )
    side = np.cross(front, up)
    depth = float(np.linalg.norm((upper[0] - upper[2] + lower[0] - lower[2]) / 2))
    return VertebralHeights(
        level=level,
        anterior=float(heights[0]),
        middle=float(heights[1]),
        posterior=float(heights[2]),
        sd=point_sd_mm * math.sqrt(2),
        depth=depth,
        centre=at.mean(axis=0),
        up=up,
        front=front,
        upper=unit(np.cross(side, unit(upper[0] - upper[2]))),
        lower=unit(np.cross(side, unit(lower[0] - lower[2]))),
        angle_sd=math.degrees(point_sd_mm * math.sqrt(2) / depth),
        method="six points",
    )


def height_measurements(found: Iterable[VertebralHeights]) -> list[Measurement]:
    """The three heights of each body and their standard deviation, as measurements."""
    return [
        Measurement(
            quantity=quantity,
            value=value,
            region="vertebral_body",
            level=body.level,
            method=body.method,
            flags=body.flags,
        )
        for body in found
        for quantity, value in (
            *((f"height_{where}", height) for where, height in body.heights.items()),
            ("height_sd", body.sd),
        )
    ]


def _picture_axes(
    labels: LabelMap, front_of_picture: str | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    if labels.shape[2] > 1:
        if front_of_picture is not None:
            raise InputError("a volume knows its front; leave front_of_picture out")
        return UP, FRONT
    # A picture's rows run down and its columns to the right, so J grows upwards and I to the left.
    ways = {"left": 1.0, "right": -1.0}
    if front_of_picture not in ways:
        raise InputError(
            "the labels have one slice: say on which side of the picture the patient's front "
            f"lies, front_of_picture 'left' or 'right', got {front_of_picture!r}"
        )
    across, along = labels.affine[:3, 0], labels.affine[:3, 1]
    return unit(along), ways[front_of_picture] * unit(across)


def _measure(
    body: VertebralBody,
    labels: LabelMap,
    up: NDArray[np.float64],
    front: NDArray[np.float64],
) -> VertebralHeights:
    surface = Surface(body, labels)
    centre = surface.points.mean(axis=0)
    plates: tuple[NDArray[np.float64], NDArray[np.float64]] = (up, up)
    for _ in range(LOOKS):
        before = up
        frame = Frame(surface, centre, up, front, labels.affine)
        plates = frame.normal(+1), frame.normal(-1)
        up = unit(plates[0] + plates[1])
        if math.degrees(math.acos(min(1.0, float(before @ up)))) < SETTLED_DEGREES:
            break
    frame = Frame(surface, centre, up, front, labels.affine)
    step = voxel_along(frame.up, labels.affine)
    heights = [frame.height(where) for where in (1 - EDGE_INSET, 0.5, EDGE_INSET)]
    flags = (CUT_FLAG,) if body.cut else ()
    if not np.isfinite(heights).all():
        flags = (*flags, "the surface of the body could not be followed: a height is missing")
    return VertebralHeights(
        level=body.level,
        anterior=heights[0],
        middle=heights[1],
        posterior=heights[2],
        sd=step * EDGE_SD * math.sqrt(2),
        depth=frame.depth,
        centre=centre,
        up=frame.up,
        front=frame.front,
        upper=plates[0],
        lower=plates[1],
        angle_sd=math.degrees(step * EDGE_SD * math.sqrt(2) / frame.depth),
        method=f"surface of the {body.method}, {EDGE_INSET:.0%} of the depth inside its edges",
        flags=flags,
    )
