"""Heights of a vertebral body: from a label map between the voxels' steps, or from six points."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from enthesis.errors import InputError
from enthesis.image import LabelMap
from enthesis.records import Measurement
from enthesis.regions import VertebralBody, vertebral_bodies

EDGE_INSET = 0.10
"""Anterior and posterior heights are read this share of the body's depth inside its edges.

The corners themselves are rounded off in every label map, and osteophytes stand on them.
"""

MIDLINE_SHARE = 0.30
"""Endplates are fitted this share of the body's width to either side of its middle."""

RIM_SHARE = 0.05
"""Endplates are fitted up to this share of the depth from the edges."""

BENDING = 3
"""Degree along the depth of the surface that is fitted to an endplate.

A cubic follows a hollow that lies off the middle; a quartic begins to follow the voxels' steps.
"""

SMOOTHING_VOXELS = 0.7
"""SD of the Gaussian that turns a mask into a surface between its voxels.

Narrower leaves the voxels' steps; wider rounds the edge of the endplate.
"""

EDGE_SD = 1 / math.sqrt(12)
"""SD of the distance from a true edge to the step that a mask makes of it, in voxels: uniform."""

SETTLED_DEGREES = 0.05
"""The body's axis is found when a further look at the endplates turns it by less, degrees."""

N_ACROSS = 11
"""Profiles over that part of the width."""

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
    front = _unit((upper[0] - upper[2]) + (lower[0] - lower[2]))
    up = _unit((upper - lower).sum(axis=0) - front * ((upper - lower).sum(axis=0) @ front))
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
        upper=_unit(np.cross(side, _unit(upper[0] - upper[2]))),
        lower=_unit(np.cross(side, _unit(lower[0] - lower[2]))),
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
    return _unit(along), ways[front_of_picture] * _unit(across)


class _Surface:
    """A body's mask as a smooth function of place in mm; its surface is where it is one half."""

    def __init__(self, body: VertebralBody, labels: LabelMap) -> None:
        self.flat = labels.shape[2] == 1
        pad = 4
        mask = np.pad(body.mask, pad).astype(np.float32)
        if self.flat:
            mask = mask[:, :, pad : pad + 1]
        smooth = [SMOOTHING_VOXELS, SMOOTHING_VOXELS, 0.0 if self.flat else SMOOTHING_VOXELS]
        # A picture has no inside across its slice; repeated it can be read at any place there.
        self.field = ndimage.gaussian_filter(mask, smooth)
        start = np.array([s.start - pad for s in body.box], dtype=np.float64)
        if self.flat:
            start[2] = 0
        self.to_voxel = np.linalg.inv(labels.affine)
        self.start = start
        inside = np.argwhere(mask > 0) + start
        self.points = inside @ labels.affine[:3, :3].T + labels.affine[:3, 3]

    def __call__(self, at: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values at places (..., 3) in mm."""
        voxels = at @ self.to_voxel[:3, :3].T + self.to_voxel[:3, 3] - self.start
        if self.flat:
            voxels[..., 2] = 0
        found: NDArray[np.float64] = ndimage.map_coordinates(
            self.field, np.moveaxis(voxels, -1, 0), order=1, output=np.float64
        )
        return found


def _measure(
    body: VertebralBody,
    labels: LabelMap,
    up: NDArray[np.float64],
    front: NDArray[np.float64],
) -> VertebralHeights:
    surface = _Surface(body, labels)
    centre = surface.points.mean(axis=0)
    plates: tuple[NDArray[np.float64], NDArray[np.float64]] = (up, up)
    for _ in range(LOOKS):
        before = up
        frame = _Frame(surface, centre, up, front, labels.affine)
        plates = frame.normal(+1), frame.normal(-1)
        up = _unit(plates[0] + plates[1])
        if math.degrees(math.acos(min(1.0, float(before @ up)))) < SETTLED_DEGREES:
            break
    frame = _Frame(surface, centre, up, front, labels.affine)
    step = _voxel_along(frame.up, labels.affine)
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


class _Frame:
    """Axes of a body and its endplates as heights over a grid of places across the axis."""

    def __init__(
        self,
        surface: _Surface,
        centre: NDArray[np.float64],
        up: NDArray[np.float64],
        front: NDArray[np.float64],
        affine: NDArray[np.float64],
    ) -> None:
        self.up = _unit(up)
        self.front = _unit(front - self.up * float(front @ self.up))
        self.side = np.cross(self.front, self.up)
        self.surface, self.centre = surface, centre
        edges = np.linalg.norm(affine[:3, :3], axis=0)
        step = float(min(edges[:2] if surface.flat else edges)) / 2
        # Voxels' centres end half a voxel inside the surface, and smoothing reaches beyond it.
        beyond, above = (1.5 * _voxel_along(axis, affine) for axis in (self.front, self.up))
        away = surface.points - centre
        sideways = away @ self.side
        self.half_width = float(np.ptp(sideways)) / 2
        self.middle = 0.0 if surface.flat else float(sideways.min()) + self.half_width
        reach = 2 * self.half_width * MIDLINE_SHARE
        self.across = self.middle + (
            np.zeros(1) if surface.flat else reach * np.linspace(-1, 1, N_ACROSS)
        )
        near = np.abs(sideways - self.middle) <= max(reach, 2 * step)
        lowest, highest = np.quantile((away @ self.front)[near | surface.flat], [0, 1])
        self.along = np.arange(lowest - beyond, highest + beyond, step)
        levels = away @ self.up
        self.heights = np.arange(levels.min() - above, levels.max() + above, step)
        self.back, self.depth = self._depth()
        self.top, self.bottom = self._plates()

    def _values(
        self, across: NDArray[Any], along: NDArray[Any], height: NDArray[Any]
    ) -> NDArray[np.float64]:
        at = (
            self.centre
            + across[:, None, None, None] * self.side
            + along[None, :, None, None] * self.front
            + height[None, None, :, None] * self.up
        )
        return self.surface(at)

    def _depth(self) -> tuple[float, float]:
        """Place of the posterior edge at mid-height on the midline, and the depth from there."""
        middle = self.heights[[0, -1]].mean() + np.ptp(self.heights) * np.linspace(-0.1, 0.1, 5)
        values = self._values(self.across, self.along, middle)
        edges = [
            _crossings(values[i, :, k], self.along)
            for i in range(values.shape[0])
            for k in range(values.shape[2])
        ]
        found = np.array([edge for edge in edges if edge is not None])
        if not found.size:
            return 0.0, math.nan
        back, front = np.median(found, axis=0)
        return float(back), float(front - back)

    def _plates(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Upper and lower surface over the grid (across, along), mm; NaN beside the body."""
        values = self._values(self.across, self.along, self.heights)
        top = np.full(values.shape[:2], np.nan)
        bottom = top.copy()
        for i, j in np.ndindex(*top.shape):
            found = _crossings(values[i, j], self.heights)
            if found is not None:
                bottom[i, j], top[i, j] = found
        return top, bottom

    def normal(self, which: int) -> NDArray[np.float64]:
        """Normal of the plane through the upper (+1) or lower (-1) surface within the insets."""
        plate = self.top if which > 0 else self.bottom
        share = (self.along - self.back) / self.depth
        inside = (share >= EDGE_INSET) & (share <= 1 - EDGE_INSET)
        across, along = np.broadcast_arrays(self.across[:, None], self.along[None])
        used = np.isfinite(plate) & inside[None]
        if np.count_nonzero(used) < 3:
            return self.up
        design = np.column_stack([np.ones(used.sum()), along[used], across[used]])
        if self.surface.flat:
            design = design[:, :2]
        slopes = np.linalg.lstsq(design, plate[used], rcond=None)[0][1:]
        normal = self.up - slopes[0] * self.front
        if not self.surface.flat:
            normal = normal - slopes[1] * self.side
        return _unit(normal)

    def height(self, where: float) -> float:
        """Height in the midline at a share of the depth, counted from the back, mm."""
        upper, lower = (self._fitted(plate, where) for plate in (self.top, self.bottom))
        return upper - lower

    def _fitted(self, plate: NDArray[np.float64], where: float) -> float:
        share = (self.along - self.back) / self.depth
        across, along = np.broadcast_arrays(self.across[:, None] - self.middle, share[None])
        used = np.isfinite(plate) & ((share >= RIM_SHARE) & (share <= 1 - RIM_SHARE))[None]
        design = self._terms(across[used], along[used])
        if len(design) < 2 * design.shape[1]:
            return math.nan
        terms = np.linalg.lstsq(design, plate[used], rcond=None)[0]
        return float((self._terms(np.zeros(1), np.array([where])) @ terms)[0])

    def _terms(self, across: NDArray[Any], along: NDArray[Any]) -> NDArray[np.float64]:
        powers = [along**degree for degree in range(BENDING + 1)]
        if not self.surface.flat:
            sideways = across / self.half_width
            powers += [sideways, *(sideways**2 * along**degree for degree in range(3))]
        return np.column_stack(powers)


def _crossings(
    values: NDArray[np.float64], places: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Where a profile first rises through one half and last falls through it."""
    inside = np.flatnonzero(values >= 0.5)
    if not inside.size or inside[0] == 0 or inside[-1] == values.size - 1:
        return None
    first, last = int(inside[0]), int(inside[-1])
    return (
        _between(values[first - 1 : first + 1], places[first - 1 : first + 1]),
        _between(values[last : last + 2], places[last : last + 2]),
    )


def _between(values: NDArray[np.float64], places: NDArray[np.float64]) -> float:
    share = (0.5 - values[0]) / (values[1] - values[0])
    return float(places[0] + share * (places[1] - places[0]))


def _voxel_along(direction: NDArray[np.float64], affine: NDArray[np.float64]) -> float:
    """Extent of a voxel along a direction, mm."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    return float(np.sqrt((((affine[:3, :3] / lengths).T @ direction * lengths) ** 2).sum()))


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(vector / np.linalg.norm(vector), dtype=np.float64)
