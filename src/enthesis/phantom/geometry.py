"""Shapes and coordinates: a bent spine, planes that know both systems, depths inside outlines.

A depth is the distance to a shape's surface in mm, positive inside, exact to first order at the
surface. Unions are maxima of depths and intersections minima.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.phantom.body import LumbarBody

Reals = NDArray[np.floating[Any]]

USUAL_LEVELS = 7
"""Vertebrae from T12 to S1 for which sizes are tabulated; other counts are read between them."""

APEX = 0.75
"""The frontal curve is one period of a sine whose steepest places lie at a quarter (L4) and here
(the upper endplate of T12), as shares of its length from S1."""

T12_HEIGHT_MM = 25.0
T12_DISC_MM = 7.0
SACRUM_MM = 60.0

CAUDAL_CURVATURE = 2.2
"""How much sharper the lordosis is at L5–S1 than at L1: most of it lies in the lowest levels."""

FADE_MM = 12.0
"""Over this length past L1 and S1 the lordosis fades out, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpineCurve:
    """The line through the middles of the vertebral bodies.

    Positions along it, s, are in mm and grow towards the head; the middle of L3 is s = 0, y = 0,
    z = 0, where the line runs straight up. Seen from the side it bends by the lordosis; the bent
    sheet that it lies on then holds the frontal curve.

    Parameters
    ----------
    s, y, z, angle, curvature : (n,) along the curve: mm, mm, mm, radians from upright, 1/mm
    lateral, up : (n,) the frontal curve within the sheet, mm
    lean : (n,) its angle from upright, radians, to the right
    lean_rate : (n,) change of the same along s, 1/mm
    turn : (n,) turn of the vertebrae about the curve, radians
    middles : (V,) middles of T12, the lumbar bodies and the upper 30 mm of S1, mm along it
    heights : (V,) heights of the same, mm
    size : millimetres of the body per millimetre across the straight spine
    """

    s: Reals
    y: Reals
    z: Reals
    angle: Reals
    curvature: Reals
    lateral: Reals
    up: Reals
    lean: Reals
    lean_rate: Reals
    turn: Reals
    middles: Reals
    heights: Reals
    size: float

    @property
    def sideways(self) -> bool:
        """Whether the spine leaves the sagittal plane."""
        return bool(self.lean.any() or self.turn.any())

    def tabulated(self, values: Sequence[float]) -> Reals:
        """Values tabulated at the usual vertebrae from T12 to S1, for those of this spine."""
        places = np.linspace(0, USUAL_LEVELS - 1, self.middles.size)
        return np.asarray(np.interp(places, np.arange(USUAL_LEVELS), values))

    def place(self, u: Reals, a: Reals, s: Reals) -> tuple[Reals, Reals, Reals]:
        """Where a point of the straight spine lies in the patient: x, y, z, mm."""
        turn, lean = (np.interp(s, self.s, row) for row in (self.turn, self.lean))
        along = self.size * (np.cos(turn) * u + np.sin(turn) * a)
        ahead = self.size * (np.cos(turn) * a - np.sin(turn) * u)
        x = np.interp(s, self.s, self.lateral) + along * np.cos(lean)
        on_sheet = np.interp(s, self.s, self.up) - along * np.sin(lean)
        angle = np.interp(on_sheet, self.s, self.angle)
        y = np.interp(on_sheet, self.s, self.y) + np.cos(angle) * ahead
        z = np.interp(on_sheet, self.s, self.z) + np.sin(angle) * ahead
        return x, y, z

    def turn_back(self, x: Reals, a: Reals, s: Reals) -> tuple[Reals, Reals, Reals]:
        """From the bent sheet (x, a, s) to the straight spine's u, a, s, mm."""
        on_sheet = s
        s = s + np.zeros_like(x)
        u = x + np.zeros_like(s)
        for _ in range(6):
            lean = np.interp(s, self.s, self.lean)
            dx = x - np.interp(s, self.s, self.lateral)
            du = on_sheet - np.interp(s, self.s, self.up)
            along = np.sin(lean) * dx + np.cos(lean) * du
            u = np.cos(lean) * dx - np.sin(lean) * du
            s = s + along / np.maximum(1 - np.interp(s, self.s, self.lean_rate) * u, 0.2)
        turn = np.interp(s, self.s, self.turn)
        return np.cos(turn) * u - np.sin(turn) * a, np.cos(turn) * a + np.sin(turn) * u, s

    def straighten(self, y: Reals, z: Reals | float) -> tuple[Reals, Reals]:
        """Distance in front of the curve and position along it of points (y, z), mm."""
        s = np.interp(z, self.z, self.s) + np.zeros_like(y)
        a = np.zeros_like(y)
        for _ in range(12):
            angle = np.interp(s, self.s, self.angle)
            dy = y - np.interp(s, self.s, self.y)
            dz = z - np.interp(s, self.s, self.z)
            along = -np.sin(angle) * dy + np.cos(angle) * dz
            a = np.cos(angle) * dy + np.sin(angle) * dz
            s = s + along / np.maximum(1 + np.interp(s, self.s, self.curvature) * a, 0.2)
        return a, s

    def height_of(self, s: float) -> float:
        """Height z of the point s of the curve, mm."""
        return float(np.interp(s, self.s, self.z))

    def offset_of(self, z: float) -> float:
        """Position y of the curve at height z, mm."""
        return float(np.interp(z, self.z, self.y))


def spine_curve(body: LumbarBody) -> SpineCurve:
    """The body's spine, its lordosis spread over L1 to S1."""
    heights = np.array([T12_HEIGHT_MM, *body.at_levels(body.body_height_mm), 30.0])
    discs = np.array([T12_DISC_MM, *body.at_levels(body.disc_height_mm)])
    tops = -np.concatenate([[0.0], np.cumsum(heights[:-1] + discs)])
    middles = tops - heights / 2
    middles = middles - middles[3]
    upper = middles[1] + heights[1] / 2
    lower = middles[-1] + heights[-1] / 2
    s = np.arange(middles[-1] - SACRUM_MM - 80, middles[0] + 120, 0.5)
    share = (upper - s) / (upper - lower)
    curvature = 1 + (CAUDAL_CURVATURE - 1) * np.clip(share, 0, 1)
    curvature *= np.clip(1 - (s - upper) / FADE_MM, 0, 1) * np.clip(1 - (lower - s) / FADE_MM, 0, 1)
    inside = (s >= lower) & (s <= upper)
    curvature *= np.deg2rad(body.lordosis_deg) / (curvature[inside].sum() * 0.5)
    angle = _integral(curvature, s)
    length = (middles[0] + heights[0] / 2 - lower) / APEX
    place = np.clip((s - lower) / length, 0, 1)
    # Positive leans first to the right and then back, so that the curve is convex to the right.
    lean = np.deg2rad(body.scoliosis_deg) / 2 * np.sin(2 * np.pi * place)
    lateral = _integral(np.sin(lean), s)
    return SpineCurve(
        s=s,
        y=-_integral(np.sin(angle), s),
        z=_integral(np.cos(angle), s),
        angle=angle,
        curvature=curvature,
        lateral=lateral - lateral[0],
        up=_integral(np.cos(lean), s),
        lean=lean,
        lean_rate=np.gradient(lean, s),
        turn=np.deg2rad(body.rotation_deg) * np.sin(np.pi * place) ** 2,
        size=body.size,
        middles=middles,
        heights=heights,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plane:
    """The points of one flat cut, in the patient's coordinates and in the spine's.

    Parameters
    ----------
    x : (I, 1) to the right, mm
    y : (1, J) to the front, mm
    z : up, mm; (1, J) on a tilted cut
    u : to the right of the spine's curve, mm; (I, 1), or (I, J) where the spine bends sideways
    a : in front of the spine's curve, mm; (1, J) or (I, J)
    s : along the spine's curve, mm; as a
    """

    x: Reals
    y: Reals
    z: Reals | float
    u: Reals
    a: Reals
    s: Reals

    @property
    def m(self) -> Reals:
        """Distance from the spine's midline, mm, as u."""
        return np.abs(self.u)

    def box(
        self, u: tuple[float, float], a: tuple[float, float] = (-np.inf, np.inf)
    ) -> tuple[slice, slice]:
        """The columns and rows that hold every point between these bounds, mm."""
        if self.u.shape[1] == 1 and self.a.shape[0] == 1:
            return _span(self.u[:, 0], u), _span(self.a[0], a)
        held = (self.u >= u[0]) & (self.u < u[1]) & (self.a >= a[0]) & (self.a < a[1])
        return _reach(held.any(axis=1)), _reach(held.any(axis=0))

    def part(self, box: tuple[slice, slice]) -> Plane:
        """The same cut, fewer points."""
        rows, columns = box
        z = self.z
        return Plane(
            x=self.x[rows],
            y=self.y[:, columns],
            z=z if isinstance(z, float) else z[:, columns],
            u=self.u[rows] if self.u.shape[1] == 1 else self.u[rows, columns],
            a=self.a[:, columns] if self.a.shape[0] == 1 else self.a[rows, columns],
            s=self.s[:, columns] if self.s.shape[0] == 1 else self.s[rows, columns],
        )


def axial_plane(curve: SpineCurve, x: Reals, y: Reals, z: float, *, rise: float = 0.0) -> Plane:
    """The cut at height z, at columns x (I,) and rows y (J,).

    Parameters
    ----------
    curve : the spine
    x, y : mm
    z : height where y is 0, mm
    rise : of the cut per mm to the front, 0 unless the gantry is tilted
    """
    height = np.asarray(z + rise * y)[None]
    a, s = curve.straighten(y[None], height)
    columns: Reals = x[:, None]
    if curve.sideways:
        columns, a, s = curve.turn_back(columns, a, s)
    return Plane(
        x=_f32(x)[:, None],
        y=_f32(y)[None],
        z=_f32(height) if rise else float(z),
        u=_f32(columns / curve.size),
        a=_f32(a / curve.size),
        s=_f32(s),
    )


def cross_plane(u: Reals, a: Reals, s: float) -> Plane:
    """The cut across a straight spine at s."""
    columns, rows = _f32(u)[:, None], _f32(a)[None]
    return Plane(x=columns, y=rows, z=float(s), u=columns, a=rows, s=np.full_like(rows, s))


def ellipse(
    u: Reals, v: Reals, center: tuple[Any, Any], radii: tuple[Any, Any], *, power: float = 2.0
) -> Reals:
    """Depth inside a superellipse; a radius of 0 is an empty shape.

    Parameters
    ----------
    u, v : coordinates, mm, that broadcast
    center, radii : mm, numbers or arrays that broadcast with u and v
    power : 2 is an ellipse, more is boxier
    """
    ru, rv = (np.maximum(np.float32(r), np.float32(1e-3)) for r in radii)
    p, q = np.abs(u - _f32(center[0])) / ru, np.abs(v - _f32(center[1])) / rv
    if power == 2:
        radius = np.sqrt(p * p + q * q)
        slope = np.sqrt((p / ru) ** 2 + (q / rv) ** 2)
        steep = slope / np.maximum(radius, np.float32(1e-3))
    else:
        total = np.maximum(_power(p, power) + _power(q, power), np.float32(1e-6))
        radius = _power(total, 1 / power)
        steep = np.sqrt((_power(p, power - 1) / ru) ** 2 + (_power(q, power - 1) / rv) ** 2)
        steep = steep * radius / total
    # The slope is undefined at the very middle; nowhere else is it less than that of a wide disc.
    return np.asarray((1 - radius) / np.maximum(steep, 0.7 / np.maximum(ru, rv)))


def bar(
    u: Reals, v: Reals, start: tuple[float, float], end: tuple[float, float], half: ArrayLike
) -> Reals:
    """Depth inside a bar with round ends between two points, `half` thick to each side, mm."""
    du, dv = end[0] - start[0], end[1] - start[1]
    along = ((u - start[0]) * du + (v - start[1]) * dv) / (du * du + dv * dv)
    along = np.clip(along, 0, 1)
    away = np.hypot(u - start[0] - along * du, v - start[1] - along * dv)
    return np.asarray(_f32(half) - away)


def both(first: Reals, *others: Reals) -> Reals:
    """Depth inside all of the shapes."""
    for other in others:
        first = np.minimum(first, other)
    return first


def either(first: Reals, *others: Reals) -> Reals:
    """Depth inside any of the shapes."""
    for other in others:
        first = np.maximum(first, other)
    return first


def within(value: Reals, low: float, high: float) -> Reals:
    """Depth between two values."""
    return np.asarray(np.minimum(value - low, high - value))


def _reach(held: Any) -> slice:
    places = np.flatnonzero(held)
    return slice(int(places[0]), int(places[-1]) + 1) if places.size else slice(0, 0)


def _power(values: Reals, exponent: float) -> Reals:
    # Of float32 a logarithm and an exponential are several times quicker than a power.
    logarithm = np.log(np.maximum(values, np.float32(1e-9)))
    return np.asarray(np.exp(logarithm * np.float32(exponent)))


def _span(values: Reals, bounds: tuple[float, float]) -> slice:
    # Both coordinates grow with their index.
    start, stop = np.searchsorted(values, bounds)
    return slice(int(start), int(stop))


def _integral(values: Reals, s: Reals) -> Reals:
    # Trapezoids from the middle of L3.
    steps = np.concatenate([[0.0], np.cumsum((values[1:] + values[:-1]) / 2 * np.diff(s))])
    return np.asarray(steps - np.interp(0.0, s, steps))


def _f32(values: ArrayLike) -> NDArray[np.float32]:
    return np.asarray(values, dtype=np.float32)
