"""Shapes and coordinates: a bent spine, planes that know both systems, depths inside outlines.

A depth is the distance to a shape's surface in mm, positive inside, exact to first order at the
surface. Unions are maxima of depths and intersections minima.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.phantom.body import LumbarBody

Reals = NDArray[np.floating[Any]]

T12_HEIGHT_MM = 25.0
T12_DISC_MM = 7.0
SACRUM_MM = 60.0

CAUDAL_CURVATURE = 2.2
"""How much sharper the lordosis is at L5–S1 than at L1: most of it lies in the lowest levels."""

FADE_MM = 12.0
"""Over this length past L1 and S1 the lordosis fades out, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpineCurve:
    """The line through the middles of the vertebral bodies, in the sagittal plane.

    Positions along it, s, are in mm and grow towards the head; the middle of L3 is s = 0, y = 0,
    z = 0, where the line runs straight up.

    Parameters
    ----------
    s, y, z, angle, curvature : (n,) along the curve: mm, mm, mm, radians from upright, 1/mm
    middles : (7,) middles of T12, L1 … L5 and of the upper 30 mm of S1, mm along the curve
    heights : (7,) heights of the same, mm
    """

    s: Reals
    y: Reals
    z: Reals
    angle: Reals
    curvature: Reals
    middles: Reals
    heights: Reals

    def straighten(self, y: Reals, z: float) -> tuple[Reals, Reals]:
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
    heights = np.array([T12_HEIGHT_MM, *body.body_height_mm, 30.0])
    discs = np.array([T12_DISC_MM, *body.disc_height_mm])
    tops = -np.concatenate([[0.0], np.cumsum(heights[:-1] + discs)])
    middles = tops - heights / 2
    middles = middles - middles[3]
    upper = middles[1] + heights[1] / 2
    lower = middles[6] + heights[6] / 2
    s = np.arange(middles[6] - SACRUM_MM - 80, middles[0] + 120, 0.5)
    share = (upper - s) / (upper - lower)
    curvature = 1 + (CAUDAL_CURVATURE - 1) * np.clip(share, 0, 1)
    curvature *= np.clip(1 - (s - upper) / FADE_MM, 0, 1) * np.clip(1 - (lower - s) / FADE_MM, 0, 1)
    inside = (s >= lower) & (s <= upper)
    curvature *= np.deg2rad(body.lordosis_deg) / (curvature[inside].sum() * 0.5)
    angle = _integral(curvature, s)
    return SpineCurve(
        s=s,
        y=-_integral(np.sin(angle), s),
        z=_integral(np.cos(angle), s),
        angle=angle,
        curvature=curvature,
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
    z : up, mm
    a : (1, J) in front of the spine's curve, mm
    s : (1, J) along the spine's curve, mm
    """

    x: Reals
    y: Reals
    z: float
    a: Reals
    s: Reals

    @property
    def m(self) -> Reals:
        """Distance from the midline, (I, 1) mm."""
        return np.abs(self.x)

    def box(
        self, x: tuple[float, float], a: tuple[float, float] = (-np.inf, np.inf)
    ) -> tuple[slice, slice]:
        """The columns and rows that hold every point between these bounds, mm."""
        return _span(self.x[:, 0], x), _span(self.a[0], a)

    def part(self, box: tuple[slice, slice]) -> Plane:
        """The same cut, fewer points."""
        rows, columns = box
        return Plane(
            x=self.x[rows],
            y=self.y[:, columns],
            z=self.z,
            a=self.a[:, columns],
            s=self.s[:, columns],
        )


def axial_plane(curve: SpineCurve, x: Reals, y: Reals, z: float) -> Plane:
    """The cut at height z, at columns x (I,) and rows y (J,)."""
    a, s = curve.straighten(y, z)
    return Plane(x=_f32(x)[:, None], y=_f32(y)[None], z=z, a=_f32(a)[None], s=_f32(s)[None])


def cross_plane(x: Reals, a: Reals, s: float) -> Plane:
    """The cut across a straight spine at s."""
    columns = _f32(a)[None]
    return Plane(x=_f32(x)[:, None], y=columns, z=s, a=columns, s=np.full_like(columns, s))


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
        radius = (p**power + q**power) ** (1 / power)
        steep = np.sqrt((p ** (power - 1) / ru) ** 2 + (q ** (power - 1) / rv) ** 2)
        steep = steep / np.maximum(radius, np.float32(1e-3)) ** (power - 1)
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
