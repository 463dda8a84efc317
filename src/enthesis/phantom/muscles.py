"""The four paraspinal compartments of each side, sized to the areas asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from enthesis.phantom.body import MUSCLES, SIDES, LumbarBody
from enthesis.phantom.geometry import Plane, Reals, SpineCurve, cross_plane, ellipse
from enthesis.phantom.spine import Piece, Rough, spine_pieces
from enthesis.phantom.texture import SmoothField

Scores = list[tuple[float, NDArray[np.float32]]]
"""Planes of one compartment: position along the spine, mm, and streak score of its points."""

SIDE_BOUNDS_MM = {"left": (-95.0, 0.0), "right": (0.0, 95.0)}
"""Where the compartments of each side lie in x, mm; the patient's left is at negative x."""

CLEFT_MM = 1.3
"""Fat between multifidus and erector spinae, mm, outside of both."""

SEPTUM_SOFTNESS = 0.16
"""Width of the step from lean to fat, in units of the streak field's SD."""

DIFFUSE_SHARE = {"streaks": 0.0, "homogeneous": 1.0, "lamellar": 0.15}
"""Share of a compartment's fat that lies in every voxel alike, by pattern."""

FIBRE_ORIGIN_A = -16.0
"""The bundles of the back muscles fan out, seen from here; a in mm, at the midline."""

FAN_RADIUS_MM = 40.0
"""Distance from there at which a radian is taken for as many millimetres."""

LAYER_MM = 6.0
"""Distance from its attachment over which a replaced muscle's fat gives way to muscle, mm."""

NO_FAT = 50.0
"""A streak score that no point reaches: the field's SD is about 1."""

FAT_BY_LEVEL = (0.8, 0.9, 1.0, 1.1, 1.2)
"""Fat at L1 … L5 as a share of that asked for: infiltration grows towards the sacrum."""

MOST_FAT = 0.95
"""Largest share of fat that a compartment holds at any level."""

FAT_SLAB_MM = 13.0
"""Reach above and below a body's middle over which a compartment's fat is set, mm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One compartment's cross-section at T12, L1 … L5, S1, on one side.

    Parameters
    ----------
    center_m, center_a : middle, mm from the midline and in front of the spine's curve
    radius_m, radius_a : half axes, mm
    turn_deg : by how much the lateral end is turned forwards
    power : of the superellipse
    anchor : the point (m, a) that stays when the muscle grows or wastes: its attachment
    """

    center_m: tuple[float, ...]
    center_a: tuple[float, ...]
    radius_m: tuple[float, ...]
    radius_a: tuple[float, ...]
    turn_deg: float
    power: float
    anchor: tuple[float, float]


OUTLINES: Mapping[str, Outline] = {
    "multifidus": Outline(
        center_m=(10, 11, 12, 14, 17.5, 20, 19),
        center_a=(-50, -51, -52, -53, -52, -50, -46),
        radius_m=(7, 8, 9.5, 11, 14, 16.5, 15),
        radius_a=(11, 12, 13.5, 15, 16, 16, 12),
        turn_deg=-8,
        power=2.3,
        anchor=(6, -42),
    ),
    "erector_spinae": Outline(
        center_m=(34, 35, 37, 39, 41, 41, 33),
        center_a=(-49, -51, -52.5, -53.5, -54, -55, -57),
        radius_m=(24, 26, 27, 27, 25, 20, 12),
        radius_a=(17, 19, 20, 20, 17.5, 12, 7),
        turn_deg=9,
        power=2.3,
        anchor=(24, -36),
    ),
    "quadratus_lumborum": Outline(
        center_m=(37, 41, 46.5, 51.5, 56, 60, 62),
        center_a=(-29, -29.5, -30.5, -31.5, -30, -28, -27),
        radius_m=(6, 9.5, 14, 18, 19, 9, 1),
        radius_a=(3, 4.5, 6.5, 8, 10, 5, 1),
        turn_deg=12,
        power=2.0,
        anchor=(40, -28),
    ),
    "psoas_major": Outline(
        center_m=(22, 25.5, 31, 36, 41.5, 46.5, 52),
        center_a=(-12, -10, -8, -5, -1, 5, 15),
        radius_m=(3, 6, 10, 13.5, 17, 18.5, 18),
        radius_a=(5, 9.5, 14.5, 18.5, 21, 21, 20),
        turn_deg=-6,
        power=2.0,
        anchor=(23, -10),
    ),
}
"""Proportions in the plane across the spine; the areas asked for then set the sizes."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Streaks:
    """Where muscle turns to fat first.

    Parameters
    ----------
    sheets : fat lies on the thin sheets where this field changes sign
    patches : some parts of a muscle hold more of it
    strands : fray the sheets
    """

    sheets: SmoothField
    patches: SmoothField
    strands: SmoothField

    def score(self, plane: Plane) -> NDArray[np.float32]:
        """How readily each point turns to fat, (I, J), highest first."""
        ahead = plane.a - np.float32(FIBRE_ORIGIN_A)
        away = np.hypot(plane.u, ahead)
        round_it = np.float32(FAN_RADIUS_MM) * np.arctan2(plane.u, -ahead)
        sheets = np.abs(self.sheets.at(round_it, away, plane.s))
        return np.asarray(
            np.float32(0.22) * self.patches.on(plane)
            + np.float32(0.16) * self.strands.on(plane)
            - sheets,
            dtype=np.float32,
        )

    def layers(self, plane: Plane, muscle: str) -> NDArray[np.float32]:
        """The same where fat takes a muscle's place from its attachment outwards."""
        m, a = OUTLINES[muscle].anchor
        away = np.hypot(plane.m - np.float32(m), plane.a - np.float32(a)) / np.float32(LAYER_MM)
        return np.asarray(np.float32(0.5) * self.patches.on(plane) - away, dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Muscles:
    """The compartments as functions of the position along the spine.

    Parameters
    ----------
    s : (n,) positions, mm
    outlines : (muscle, side) → (4, n) centre m, centre a, radius m, radius a, mm
    thresholds : (muscle, side) → (n,) score above which there is fat
    diffuse : muscle → (n,) share of fat that lies everywhere
    """

    s: Reals
    outlines: Mapping[tuple[str, str], Reals]
    thresholds: Mapping[tuple[str, str], Reals]
    diffuse: Mapping[str, Reals]

    def fat(self, plane: Plane, muscle: str, side: str, score: Reals) -> NDArray[np.float32]:
        """Share of fat, 0..1, on a plane of points of that side."""
        threshold, even = (
            np.interp(plane.s, self.s, row).astype(np.float32)
            for row in (self.thresholds[muscle, side], self.diffuse[muscle])
        )
        return np.asarray(even + (1 - even) * _fat(score, threshold))

    def depth(self, plane: Plane, muscle: str, side: str) -> Reals:
        """Depth inside a compartment, on a plane of points of its side."""
        cm, ca, rm, ra = (
            np.interp(plane.s, self.s, row).astype(np.float32)
            for row in self.outlines[muscle, side]
        )
        outline = OUTLINES[muscle]
        turn = np.deg2rad(outline.turn_deg)
        cos, sin = np.float32(np.cos(turn)), np.float32(np.sin(turn))
        # Signed, so that the other side's points lie far outside.
        dm, da = (plane.u if side == "right" else -plane.u) - cm, plane.a - ca
        return ellipse(
            cos * dm + sin * da, cos * da - sin * dm, (0, 0), (rm, ra), power=outline.power
        )


def muscle_pieces(
    plane: Plane, muscles: Muscles, body: LumbarBody, streaks: Streaks
) -> Iterator[Piece]:
    """The compartments of both sides on a plane, each with its fat."""
    for side, bounds in SIDE_BOUNDS_MM.items():
        box = plane.box(bounds, (-85, 45))
        half = plane.part(box)
        if 0 in (half.x.shape[0], half.a.shape[1]):
            continue
        streaked = streaks.score(half)
        for muscle in MUSCLES:
            depth = muscles.depth(half, muscle, side)
            if muscle == "multifidus":
                yield Piece(
                    region="",
                    depth=depth + np.float32(CLEFT_MM),
                    tissue="fat",
                    hu=body.fat_hu,
                    box=box,
                )
            if depth.max() < -1.5:
                continue
            pattern = body.compartment(muscle).pattern
            score = streaks.layers(half, muscle) if pattern == "lamellar" else streaked
            fat = muscles.fat(half, muscle, side, score)
            hu = np.float32(body.lean_hu) + np.float32(body.fat_hu - body.lean_hu) * fat
            yield Piece(
                region=f"{muscle}_{side}", depth=depth, tissue="muscle", hu=hu, box=box, fat=fat
            )


def sized_muscles(body: LumbarBody, curve: SpineCurve, streaks: Streaks) -> Muscles:
    """Compartments whose areas across the spine, bone taken out, are those asked for.

    A compartment's cut depends on its neighbours, so the sizes are found by repeating: draw, count,
    scale by the root of wanted over found.
    """
    levels = range(body.n_lumbar)
    scale = {(muscle, side): np.ones(body.n_lumbar) for muscle in MUSCLES for side in SIDES}
    for _ in range(5):
        muscles = _scaled(scale, curve)
        for level in levels:
            found = _cross_areas(muscles, body, curve, float(curve.middles[level + 1]))
            for (muscle, side), factor in scale.items():
                wanted = body.wanted_area(muscle, side, level) / body.size**2
                area = found[muscle, side]
                factor[level] *= np.clip(np.sqrt(wanted / max(area, 1.0)), 0.0, 1.6)
    muscles = _scaled(scale, curve)
    order = np.argsort(curve.middles[1:-1])
    fat = {muscle: _wanted_fat(body, muscle) for muscle in MUSCLES}
    diffuse = {
        muscle: np.interp(
            muscles.s,
            curve.middles[1:-1][order],
            share[order] * DIFFUSE_SHARE[body.compartment(muscle).pattern],
        )
        for muscle, share in fat.items()
    }
    return replace(
        muscles,
        diffuse=diffuse,
        thresholds=_fat_thresholds(muscles, body, curve, streaks, fat),
    )


def _wanted_fat(body: LumbarBody, muscle: str) -> Reals:
    """Share of fat asked for at each lumbar level."""
    by_level = np.array(body.at_levels(FAT_BY_LEVEL))
    return np.minimum(body.compartment(muscle).fat_percent / 100 * by_level, MOST_FAT)


def _scaled(scale: Mapping[tuple[str, str], Reals], curve: SpineCurve) -> Muscles:
    order = np.argsort(curve.middles)
    s = np.arange(curve.middles.min() - 60, curve.middles.max() + 60, 1.0)
    knots = np.clip(s, curve.middles.min(), curve.middles.max())
    outlines = {}
    for (muscle, side), factor in scale.items():
        outline = OUTLINES[muscle]
        # T12 and S1 are not set by the user: they grow with their neighbours.
        k = np.array([factor[0], *factor, factor[-1]])
        rows = (
            outline.anchor[0] + (curve.tabulated(outline.center_m) - outline.anchor[0]) * k,
            outline.anchor[1] + (curve.tabulated(outline.center_a) - outline.anchor[1]) * k,
            curve.tabulated(outline.radius_m) * k,
            curve.tabulated(outline.radius_a) * k,
        )
        outlines[muscle, side] = np.stack(
            [PchipInterpolator(curve.middles[order], row[order])(knots) for row in rows]
        )
    return Muscles(s=s, outlines=outlines, thresholds={}, diffuse={})


def _cross_areas(
    muscles: Muscles, body: LumbarBody, curve: SpineCurve, s: float
) -> dict[tuple[str, str], float]:
    """Area of each compartment across the spine at s, mm2."""
    owner, _ = _owners(muscles, body, curve, s, step=0.6)
    keys = list(muscles.outlines)
    counts = np.bincount(owner.ravel(), minlength=len(keys) + 1)[1:]
    return {key: float(n) * 0.6**2 for key, n in zip(keys, counts, strict=True)}


def _owners(
    muscles: Muscles, body: LumbarBody, curve: SpineCurve, s: float, *, step: float
) -> tuple[NDArray[np.uint8], Plane]:
    """Which compartment each point across the spine at s belongs to, from 1, and the points."""
    plane = cross_plane(np.arange(-95, 95, step) + step / 2, np.arange(-85, 45, step), s)
    owner = np.zeros((plane.x.shape[0], plane.a.shape[1]), dtype=np.uint8)
    keys = list(muscles.outlines)
    for side, bounds in SIDE_BOUNDS_MM.items():
        box = plane.box(bounds)
        half = plane.part(box)
        for muscle in MUSCLES:
            depth = muscles.depth(half, muscle, side)
            if muscle == "multifidus":
                owner[box][depth > -CLEFT_MM] = 0
            owner[box][depth > 0] = keys.index((muscle, side)) + 1
    for piece in spine_pieces(plane, curve, body, Rough(grain=0.0, lumps=0.0)):
        if piece.region is not None:
            owner[piece.box][piece.depth > 0] = 0
    return owner, plane


def _fat_thresholds(
    muscles: Muscles,
    body: LumbarBody,
    curve: SpineCurve,
    streaks: Streaks,
    wanted: Mapping[str, Reals],
) -> dict[tuple[str, str], Reals]:
    """Thresholds at which each compartment holds the fat asked for at each level.

    Between levels they run straight, so each level's fat depends on its neighbours too: every
    level is set in turn, several times over.
    """
    middles = curve.middles[1:-1]
    levels = [_scores_around(float(middle), muscles, body, curve, streaks) for middle in middles]
    found = {}
    for key in muscles.outlines:
        share = wanted[key[0]]
        even = share * DIFFUSE_SHARE[body.compartment(key[0]).pattern]
        rest = (share - even) / (1 - even)
        thresholds = np.full(middles.size, NO_FAT)
        if rest[0] > 1e-9:
            thresholds[:] = 0
            for _ in range(4):
                for i, scores in enumerate(levels):
                    between = [
                        np.interp(s, middles[::-1], thresholds[::-1]) for s, _ in scores[key]
                    ]
                    thresholds[i] += _lift(scores[key], between, rest[i])
        found[key] = np.interp(muscles.s, middles[::-1], thresholds[::-1])
    return found


def _scores_around(
    middle: float, muscles: Muscles, body: LumbarBody, curve: SpineCurve, streaks: Streaks
) -> dict[tuple[str, str], Scores]:
    scores: dict[tuple[str, str], Scores] = {key: [] for key in muscles.outlines}
    for s in np.linspace(middle - FAT_SLAB_MM, middle + FAT_SLAB_MM, 7):
        owner, plane = _owners(muscles, body, curve, float(s), step=1.5)
        streaked = streaks.score(plane)
        for number, key in enumerate(scores, start=1):
            pattern = body.compartment(key[0]).pattern
            score = streaks.layers(plane, key[0]) if pattern == "lamellar" else streaked
            scores[key].append((float(s), score[owner == number]))
    return scores


def _lift(scores: Scores, thresholds: list[float], share: float) -> float:
    """By how much to raise the thresholds of some planes for this share of fat on them."""
    margin = np.concatenate(
        [score - np.float32(t) for (_, score), t in zip(scores, thresholds, strict=True)]
    )
    if margin.size == 0:
        return 0.0
    low, high = -12.0, 12.0
    for _ in range(22):
        middle = (low + high) / 2
        if _fat(margin, np.float32(middle)).mean(dtype=np.float64) > share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _fat(score: Reals, threshold: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    share = (score - threshold) / np.float32(SEPTUM_SOFTNESS) + np.float32(0.5)
    return np.asarray(np.clip(share, 0, 1), dtype=np.float32)
