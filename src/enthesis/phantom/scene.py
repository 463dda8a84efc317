"""One body with its random texture drawn: everything that a plane through it shows."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from enthesis.anatomy import LUMBAR_LEVELS, region
from enthesis.phantom.body import MUSCLES, SIDES, LumbarBody
from enthesis.phantom.geometry import Plane, SpineCurve, spine_curve
from enthesis.phantom.muscles import Muscles, Streaks, muscle_pieces, sized_muscles
from enthesis.phantom.spine import Box, Piece, Rough, spine_pieces
from enthesis.phantom.texture import SmoothField, smooth_field
from enthesis.phantom.trunk import Fields, trunk_pieces
from enthesis.phantom.vessels import vessel_pieces

USUAL = ("T12", *LUMBAR_LEVELS, "S1")

REGIONS = (
    *(f"vertebral_body_{level}" for level in USUAL[:-1]),
    *(f"vertebra_posterior_{level}" for level in USUAL[:-1]),
    *(f"intervertebral_disc_{upper}_{lower}" for upper, lower in itertools.pairwise(USUAL)),
    "sacrum",
    "spinal_canal",
    *(f"{muscle}_{side}" for muscle in MUSCLES for side in SIDES),
    "aorta",
    "inferior_vena_cava",
    "subcutaneous_fat",
    "vertebral_body_L6",
    "vertebra_posterior_L6",
    "intervertebral_disc_L4_S1",
    "intervertebral_disc_L5_L6",
    "intervertebral_disc_L6_S1",
    "hip_bone_left",
    "hip_bone_right",
)
"""Regions that are labelled, numbered from 1 in this order."""

NUMBERS = {"": 0} | {name: number for number, name in enumerate(REGIONS, start=1)}

MUSCLE_BOUNDS_MM = (-95.0, 95.0), (-90.0, 50.0)
BONE_BOUNDS_MM = (-60.0, 60.0), (-75.0, 30.0)
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
    lumps : unevenness of the bones' surfaces
    fields : irregularity of the organs
    """

    body: LumbarBody
    curve: SpineCurve
    muscles: Muscles
    streaks: Streaks
    grain: SmoothField
    lumps: SmoothField
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
            yield from _moved(vessel_pieces(part, self.curve, self.muscles, self.body), box)
        box, part = _cut(plane, BONE_BOUNDS_MM)
        if part is not None:
            yield from _moved(spine_pieces(part, self.curve, self.body, self.rough(part)), box)

    def rough(self, plane: Plane) -> Rough:
        """Textures of bone on a plane."""
        return Rough(grain=self.grain.on(plane), lumps=self.lumps.on(plane))

    def names(self) -> dict[int, str]:
        """Numbers and names of the regions that this body has."""
        discs = (f"{upper}_{lower}" for upper, lower in itertools.pairwise(self.body.levels))
        here = {"", *self.body.levels, *discs}
        return {
            number: name for name, number in NUMBERS.items() if name and region(name).level in here
        }


def scene(body: LumbarBody, rng: np.random.Generator) -> Scene:
    """Settle a body's shape and draw its textures."""
    curve = spine_curve(body)
    low, high = float(curve.middles[-1] - 60), float(curve.middles[0] + 40)
    around = ((-95.0, 95.0), (-90.0, 50.0), (low, high))
    fan = ((-130.0, 130.0), (0.0, 125.0), (low, high))
    in_body = ((-60.0, 60.0), (-60.0, 30.0), (low, high))
    trunk = ((-230.0, 230.0), (-180.0, 220.0), (-200.0, 180.0))
    streaks = Streaks(
        sheets=smooth_field(rng, bounds=fan, step=(7.0, 11.0, 24.0)),
        patches=smooth_field(rng, bounds=around, step=(11.0, 10.0, 26.0)),
        strands=smooth_field(rng, bounds=around, step=(2.2, 2.2, 16.0)),
    )
    return Scene(
        body=body,
        curve=curve,
        muscles=sized_muscles(body, curve, streaks),
        streaks=streaks,
        grain=smooth_field(rng, bounds=in_body, step=(1.8, 1.8, 2.6)),
        lumps=smooth_field(rng, bounds=in_body, step=(9.0, 9.0, 12.0)),
        fields=Fields(
            wobble=smooth_field(rng, bounds=trunk, step=(34.0, 34.0, 40.0)),
            figure=smooth_field(rng, bounds=trunk, step=(75.0, 60.0, 90.0)),
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
