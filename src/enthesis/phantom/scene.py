"""One body with its random texture drawn: everything that a plane through it shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.phantom.body import MUSCLES, LumbarBody
from enthesis.phantom.geometry import Plane, SpineCurve, spine_curve
from enthesis.phantom.muscles import SIDES, Muscles, Streaks, muscle_pieces, sized_muscles
from enthesis.phantom.spine import SPINE_LEVELS, Box, Piece, spine_pieces
from enthesis.phantom.texture import SmoothField, smooth_field
from enthesis.phantom.trunk import Fields, trunk_pieces, vessel_pieces

REGIONS = (
    *(f"vertebral_body_{level}" for level in SPINE_LEVELS[:-1]),
    *(f"vertebra_posterior_{level}" for level in SPINE_LEVELS[:-1]),
    *(f"intervertebral_disc_{upper}_{lower}" for upper, lower in itertools.pairwise(SPINE_LEVELS)),
    "sacrum",
    "spinal_canal",
    *(f"{muscle}_{side}" for muscle in MUSCLES for side in SIDES),
    "aorta",
    "inferior_vena_cava",
    "subcutaneous_fat",
)
"""Regions that are labelled, numbered from 1 in this order."""

NUMBERS = {"": 0} | {name: number for number, name in enumerate(REGIONS, start=1)}

MUSCLE_BOUNDS_MM = (-95.0, 95.0), (-90.0, 50.0)
BONE_BOUNDS_MM = (-60.0, 60.0), (-75.0, 26.0)
VESSEL_BOUNDS_MM = (-75.0, 75.0), (0.0, 50.0)
"""Where the pieces of each kind lie in x and a, mm."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scene:
    """A body whose shape is settled and whose textures are drawn.

    Parameters
    ----------
    body : what was asked for
    curve : its spine
    muscles : its compartments, sized
    streaks : where muscle turns to fat
    grain : trabecular texture
    fields : irregularity of the organs
    """

    body: LumbarBody
    curve: SpineCurve
    muscles: Muscles
    streaks: Streaks
    grain: SmoothField
    fields: Fields

    def pieces(self, plane: Plane) -> Iterator[Piece]:
        """Everything on a plane; each piece lies over those before it."""
        yield from trunk_pieces(plane, self.curve, self.body, self.fields)
        yield from self.paraspinal(plane)

    def paraspinal(self, plane: Plane) -> Iterator[Piece]:
        """Muscles, vessels and spine on a plane."""
        box, part = _cut(plane, MUSCLE_BOUNDS_MM)
        if part is not None:
            yield from _moved(muscle_pieces(part, self.muscles, self.body, self.streaks), box)
        box, part = _cut(plane, VESSEL_BOUNDS_MM)
        if part is not None:
            yield from _moved(vessel_pieces(part, self.curve), box)
        box, part = _cut(plane, BONE_BOUNDS_MM)
        if part is not None:
            grain = self.grain.on(part)
            yield from _moved(spine_pieces(part, self.curve, self.body, grain), box)

    def span(self, level: str) -> tuple[float, float]:
        """Heights z of the lowest and highest point of a lumbar body that a plane may cut, mm."""
        i = 1 + LUMBAR_LEVELS.index(level)
        middle, half = float(self.curve.middles[i]), float(self.curve.heights[i]) / 2
        slope = float(np.abs(np.sin(np.interp(middle, self.curve.s, self.curve.angle))))
        reach = 20 * slope + 3
        return self.curve.height_of(middle - half) - reach, (
            self.curve.height_of(middle + half) + reach
        )


def scene(body: LumbarBody, rng: np.random.Generator) -> Scene:
    """Settle a body's shape and draw its textures."""
    curve = spine_curve(body)
    low, high = float(curve.middles[6] - 60), float(curve.middles[0] + 40)
    around = ((-95.0, 95.0), (-90.0, 50.0), (low, high))
    in_body = ((-60.0, 60.0), (-60.0, 30.0), (low, high))
    trunk = ((-230.0, 230.0), (-180.0, 220.0), (-200.0, 180.0))
    streaks = Streaks(
        sheets=smooth_field(rng, bounds=around, step=(6.5, 6.5, 34.0)),
        patches=smooth_field(rng, bounds=around, step=(12.0, 10.0, 40.0)),
        strands=smooth_field(rng, bounds=around, step=(2.2, 2.2, 16.0)),
    )
    return Scene(
        body=body,
        curve=curve,
        muscles=sized_muscles(body, curve, streaks),
        streaks=streaks,
        grain=smooth_field(rng, bounds=in_body, step=(1.8, 1.8, 2.6)),
        fields=Fields(
            wobble=smooth_field(rng, bounds=trunk, step=(34.0, 34.0, 40.0)),
            loops=smooth_field(rng, bounds=trunk, step=(15.0, 13.0, 17.0)),
            folds=smooth_field(rng, bounds=trunk, step=(14.0, 14.0, 20.0)),
            branches=smooth_field(rng, bounds=trunk, step=(4.5, 4.5, 9.0)),
            filling=smooth_field(rng, bounds=trunk, step=(19.0, 19.0, 22.0)),
        ),
    )


def _cut(
    plane: Plane, bounds: tuple[tuple[float, float], tuple[float, float]]
) -> tuple[Box, Plane | None]:
    box = plane.box(*bounds)
    part = plane.part(box)
    return box, None if 0 in (part.x.shape[0], part.a.shape[1]) else part


def _moved(pieces: Iterator[Piece], box: Box) -> Iterator[Piece]:
    """Pieces of a part of a plane, placed in the plane."""
    for piece in pieces:
        rows, columns = (
            slice(
                (outer.start or 0) + (inner.start or 0),
                outer.stop if inner.stop is None else (outer.start or 0) + inner.stop,
            )
            for outer, inner in zip(box, piece.box, strict=True)
        )
        yield replace(piece, box=(rows, columns))
