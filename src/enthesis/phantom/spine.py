"""The bones of the lumbar spine, its discs and its canal, in the coordinates of the spine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.anatomy import LUMBAR_LEVELS
from enthesis.phantom.body import LumbarBody
from enthesis.phantom.geometry import Plane, Reals, SpineCurve, bar, both, either, ellipse, within

Box = tuple[slice, slice]

WHOLE: Box = (slice(None), slice(None))

SPINE_LEVELS = ("T12", *LUMBAR_LEVELS, "S1")

BODY_WIDTH_MM = (21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 26.0)
"""Half widths of the bodies of T12 to S1, mm."""

BODY_FRONT_MM, BODY_BACK_MM = 17.5, 15.0
"""Reach of the bodies in front of and behind the spine's curve, mm."""

PEDICLE_MM = (12.0, 12.5, 13.5, 14.5, 16.5, 20.0)
"""Distance of the pedicles of T12 to L5 from the midline, mm."""

TRANSVERSE_MM = (26.0, 36.0, 41.0, 45.0, 43.0, 45.0)
"""Reach of the transverse processes of T12 to L5 from the midline, mm."""

CANCELLOUS_ARCH_HU = 190.0
SACRAL_WING_HU = 40.0
DISC_HU, NUCLEUS_HU = 92.0, 72.0
LIGAMENT_HU, SAC_HU, CARTILAGE_HU = 68.0, 22.0, 70.0
EPIDURAL_FAT_HU = -70.0
TRABECULAR_GRAIN_HU = 14.0
MARROW_GRAIN = 0.03
"""Texture of the share of fat in the marrow of a body, SD."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """One shape on a plane, to be laid over what is there.

    Parameters
    ----------
    region : its name in `anatomy`, or "" for tissue that belongs to no named region
    depth : (i, j) depth inside it, mm, positive inside
    tissue : what it is made of, a key of `TISSUES`
    hu : attenuation, a number or (i, j)
    box : where (i, j) lies in the plane
    fat : (i, j) share of the tissue that fat has taken, 0..1; muscles and vertebral bodies have it
    """

    region: str
    depth: Reals
    tissue: str
    hu: float | Reals
    box: Box = WHOLE
    fat: NDArray[np.float32] | None = None


def spine_pieces(
    plane: Plane, curve: SpineCurve, body: LumbarBody, grain: NDArray[Any] | float
) -> Iterator[Piece]:
    """The spine on a plane, back to front of the drawing order.

    Parameters
    ----------
    plane : the part of a cut around the spine
    curve : its line
    body : its attenuation and shell
    grain : (I, J) trabecular texture of SD 1, or 0 for none
    """
    in_plane = _body_outline(plane, curve)
    yield from _soft_midline(plane)
    lowest, highest = float(plane.s.min()), float(plane.s.max())
    for i, level in enumerate(SPINE_LEVELS):
        middle, half = float(curve.middles[i]), float(curve.heights[i]) / 2
        if level != "S1" and lowest < middle + half + 14 and highest > middle - half - 26:
            yield from _arch(plane, curve, i, body)
    yield from _canal(plane)
    for i, level in enumerate(SPINE_LEVELS[:-1]):
        yield from _disc(plane, curve, i, in_plane, level)
    for i, level in enumerate(SPINE_LEVELS):
        if level != "S1":
            yield from _body(plane, curve, i, in_plane, body, grain)
    if lowest < curve.middles[6] + 40:
        yield from _sacrum(plane, curve, in_plane, body, grain)


def _body_outline(plane: Plane, curve: SpineCurve) -> Reals:
    """Depth inside a column as wide as the bodies, before endplates and waist."""
    order = np.argsort(curve.middles)
    width = np.interp(plane.s, curve.middles[order], np.array(BODY_WIDTH_MM)[order])
    # Vertebral bodies are waisted: widest at the rims, in phase with the levels.
    nearest = np.abs(plane.s[..., None] - curve.middles).argmin(axis=-1)
    off = (plane.s - curve.middles[nearest]) / (curve.heights[nearest] / 2)
    waist = 0.90 + 0.10 * np.clip(np.abs(off), 0, 1) ** 2
    depth_mm = np.where(plane.a < 0, BODY_BACK_MM, BODY_FRONT_MM * (0.94 + 0.06 * waist))
    outline = ellipse(plane.x, plane.a, (0, 0), (width * waist, depth_mm), power=2.5)
    # The back of a body is hollow towards the canal.
    hollow = ellipse(plane.x, plane.a, (0, -24.5), (15, 11.5))
    return np.minimum(outline, -hollow)


def _endplates(plane: Plane, curve: SpineCurve, i: int) -> Reals:
    """Depth between the two endplates of a body, which are hollow by 1.5 mm."""
    width = BODY_WIDTH_MM[i]
    hollow = 1.5 * np.clip(1 - (plane.x / width) ** 2 - (plane.a / BODY_FRONT_MM) ** 2, 0, 1)
    off = np.abs(plane.s - np.float32(curve.middles[i]))
    return np.asarray(np.float32(curve.heights[i] / 2) - hollow - off)


def body_depth(plane: Plane, curve: SpineCurve, i: int) -> Reals:
    """Depth inside the i-th body of `SPINE_LEVELS`, cortex included."""
    return both(_body_outline(plane, curve), _endplates(plane, curve, i))


def _body(
    plane: Plane,
    curve: SpineCurve,
    i: int,
    in_plane: Reals,
    body: LumbarBody,
    grain: NDArray[Any] | float,
) -> Iterator[Piece]:
    ends = curve.heights[i] / 2
    if plane.s.min() > curve.middles[i] + ends or plane.s.max() < curve.middles[i] - ends:
        return
    depth = both(in_plane, _endplates(plane, curve, i))
    name = f"vertebral_body_{SPINE_LEVELS[i]}"
    # T12 is not set by the user: it continues L1.
    trabecular = body.trabecular_hu[max(i - 1, 0)]
    marrow_fat = body.marrow_fat_percent[max(i - 1, 0)]
    yield Piece(region=name, depth=depth, tissue="cortical_bone", hu=body.cortical_hu)
    yield Piece(
        region=name,
        depth=depth - np.float32(body.cortical_mm),
        tissue="marrow",
        hu=trabecular + TRABECULAR_GRAIN_HU * np.asarray(grain),
        fat=_marrow_fat(marrow_fat, grain, depth),
    )


def _marrow_fat(percent: float, grain: NDArray[Any] | float, like: Reals) -> NDArray[np.float32]:
    # Where there is more bone there is less fat.
    share = np.float32(percent / 100) - np.float32(MARROW_GRAIN) * np.asarray(grain)
    return np.broadcast_to(np.clip(share, 0, 1).astype(np.float32), like.shape)


def _disc(plane: Plane, curve: SpineCurve, i: int, in_plane: Reals, level: str) -> Iterator[Piece]:
    top = curve.middles[i] - curve.heights[i] / 2
    bottom = curve.middles[i + 1] + curve.heights[i + 1] / 2
    if plane.s.min() > top + 3 or plane.s.max() < bottom - 3:
        return
    # Bodies are laid over it, so the disc may run into their hollow endplates.
    depth = both(in_plane + np.float32(0.8), within(plane.s, bottom - 2.5, top + 2.5))
    name = f"intervertebral_disc_{level}_{SPINE_LEVELS[i + 1]}"
    yield Piece(region=name, depth=depth, tissue="annulus", hu=DISC_HU)
    nucleus = ellipse(plane.x, plane.a, (0, -1), (14, 9))
    yield Piece(
        region=name, depth=both(depth - np.float32(1), nucleus), tissue="nucleus", hu=NUCLEUS_HU
    )


def _arch(plane: Plane, curve: SpineCurve, i: int, body: LumbarBody) -> Iterator[Piece]:
    """Pedicles, laminae, articular, transverse and spinous processes."""
    m, a = plane.m, plane.a
    up = plane.s - np.float32(curve.middles[i])
    half = float(curve.heights[i]) / 2
    pedicle_m = PEDICLE_MM[i]
    pedicle = both(
        ellipse(m, up, (pedicle_m, half - 8.5), (4.6 + 0.9 * (i > 4), 7.2)), within(a, -33, -9)
    )
    lamina = both(bar(m, a, (pedicle_m + 1.5, -33), (0, -42), 3.3), within(up, -half - 6, half - 8))
    tilt = 0.25 * (a + 40)
    tip = -69.0 + 5 * (i == 5) - 2 * (i == 3)
    # Spinous processes thicken towards their tip and hang a little.
    thick = 2.6 + 1.6 * np.clip((-48 - a) / 20, 0, 1)
    blade = ellipse(a, up - tilt, ((tip - 38) / 2, -7), ((-38 - tip) / 2, 10.5), power=3)
    spinous = both(thick - m, blade)
    reach = TRANSVERSE_MM[i]
    drift = -25 - 0.10 * (m - 15)
    transverse = both(
        ellipse(a - drift, up, (0, half - 9.5), (3.6 - 0.02 * (m - 15), 5.5)), within(m, 11, reach)
    )
    joint = pedicle_m + 3.0
    upper = _facet(m, a, joint, +1)
    lower = _facet(m, a, joint, -1)
    superior = both(upper, within(up, half - 16, half + 11))
    inferior = both(lower, within(up, -half - 13, -half + 8))
    depth = either(pedicle, lamina, spinous, transverse, superior, inferior)
    # The front of the arch begins where the body ends.
    depth = both(depth, -plane.a - 9)
    name = f"vertebra_posterior_{SPINE_LEVELS[i]}"
    yield Piece(region=name, depth=depth, tissue="cortical_bone", hu=body.cortical_hu * 0.9)
    yield Piece(region=name, depth=depth - np.float32(1.6), tissue="marrow", hu=CANCELLOUS_ARCH_HU)


def _facet(m: Reals, a: Reals, joint: float, part: int) -> Reals:
    """One half of the facet joint: part +1 is the lateral half, of the vertebra below."""
    # The joint's plane faces backwards and inwards; a cartilage gap of 1.6 mm lies in it.
    across = 0.80 * (m - joint) + 0.60 * (a + 33)
    gap = part * across - 0.8
    knob = ellipse(m, a, (joint + 2.5 * part, -33 + 1.5 * part), (8.0, 8.5))
    return both(knob, gap)


def _soft_midline(plane: Plane) -> Iterator[Piece]:
    """Interspinous ligament and the yellow ligament that closes the canal between the laminae."""
    between = both(2.4 - plane.m, within(plane.a, -64, -40))
    yield Piece(region="", depth=between, tissue="ligament", hu=20.0)
    yellow = both(ellipse(plane.x, plane.a, (0, -25), (15, 12.5)), -plane.a - np.float32(28))
    yield Piece(region="", depth=yellow, tissue="ligament", hu=LIGAMENT_HU)
    capsule = ellipse(plane.m, plane.a, (17, -33), (8, 7))
    yield Piece(region="", depth=capsule, tissue="cartilage", hu=CARTILAGE_HU)


def _canal(plane: Plane) -> Iterator[Piece]:
    triangle = 11.5 - 0.12 * np.clip(-plane.a - 25, 0, 12)
    depth = ellipse(plane.x, plane.a, (0, -24.5), (triangle, 9.0), power=2.2)
    yield Piece(region="spinal_canal", depth=depth, tissue="fat", hu=EPIDURAL_FAT_HU)
    sac = ellipse(plane.x, plane.a, (0, -23.0), (9.0, 6.6))
    yield Piece(region="spinal_canal", depth=sac, tissue="cerebrospinal_fluid", hu=SAC_HU)


def _sacrum(
    plane: Plane,
    curve: SpineCurve,
    in_plane: Reals,
    body: LumbarBody,
    grain: NDArray[Any] | float,
) -> Iterator[Piece]:
    m, a = plane.m, plane.a
    down = np.float32(curve.middles[6] + curve.heights[6] / 2) - plane.s
    top = 1.2 * np.clip(1 - (plane.x / 26) ** 2 - (a / BODY_FRONT_MM) ** 2, 0, 1)
    # The sacrum narrows from back to front and from S1 downwards.
    centrum = both(in_plane - 0.10 * np.clip(down - 10, 0, 40), down - top)
    wing_reach = 24 + 30 * np.clip((down + 2) / 16, 0, 1) ** 0.7
    wing = both(
        bar(m, a, (14, -9), (48, -20), 12 - 0.06 * np.clip(down, 0, 60)),
        wing_reach - m,
        down - 1 - 0.10 * np.clip(m - 20, 0, 40),
    )
    roof = both(bar(m, a, (0, -41), (30, -33), 4.5), down + 4)
    crest = both(3.0 - m, within(a, -54, -38), down - 2)
    ridge = both(bar(m, a, (24, -33), (38, -28), 7), down - 4)
    canal = ellipse(plane.x, a, (0, -27), (11, 6.5))
    shape = both(either(centrum, wing, roof, crest, ridge), -canal)
    # What is left of the disc between S1 and S2.
    shape = both(shape, either(np.abs(down - 33) - 1.5, 11 - np.abs(a + 1), m - 17))
    yield Piece(region="sacrum", depth=shape, tissue="cortical_bone", hu=body.cortical_hu * 0.8)
    spongy = np.where(m < 22, body.trabecular_hu[4] * 0.9, SACRAL_WING_HU)
    yield Piece(
        region="sacrum",
        depth=shape - np.float32(1.3),
        tissue="marrow",
        hu=spongy + TRABECULAR_GRAIN_HU * np.asarray(grain),
        fat=_marrow_fat(body.marrow_fat_percent[4], grain, shape),
    )
    sac = both(ellipse(plane.x, a, (0, -26), (8, 5)), down)
    yield Piece(region="spinal_canal", depth=both(canal, down), tissue="fat", hu=EPIDURAL_FAT_HU)
    yield Piece(region="spinal_canal", depth=sac, tissue="cerebrospinal_fluid", hu=SAC_HU)
