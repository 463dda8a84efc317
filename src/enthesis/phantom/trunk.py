"""What surrounds the spine: skin, fat, abdominal wall, organs, ribs and pelvis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from enthesis.phantom.beam import USUAL_KVP, hu_per_density
from enthesis.phantom.body import LumbarBody, Salt
from enthesis.phantom.geometry import Plane, Reals, SpineCurve, bar, both, either, ellipse, within
from enthesis.phantom.spine import CANCELLOUS_ARCH_HU, Box, Piece
from enthesis.phantom.texture import SmoothField
from enthesis.phantom.vessels import BLOOD_HU

FASCIA_BACK_MM = -78.3
"""Fascia behind the middle of L3 in a body of usual size, mm."""

SIDE_FAT = {"front": 1.2, "back": 1.1}
"""Subcutaneous fat in front and behind, as shares of that at the flanks."""

ROD_RADIUS_MM, ROD_STEP_MM, N_RODS = 9.0, 27.0, 5
"""Calibration rods: their radius and the distance between their middles, mm, and their number."""

ROD_DENSITIES = (0.0, 50.0, 100.0, 150.0, 200.0)
"""Density of the salt in the rods, from the patient's left to the right, mg/cm3."""

SKIN_HU, WALL_HU, TABLE_HU = 10.0, 54.0, -60.0
LIVER_HU, SPLEEN_HU, KIDNEY_HU, BOWEL_HU, GAS_HU = 60.0, 48.0, 33.0, 32.0, -900.0
VISCERAL_FAT_HU, ROD_BODY_HU = -102.0, -35.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fields:
    """Random fields in the coordinates of the patient that make organs irregular.

    Parameters
    ----------
    wobble : of organ surfaces, some centimetres long
    figure : of the skin and the wall
    loops : of the bowel, about one loop wide
    filling : of what the bowel holds
    folds : of the fat between loops
    branches : of the small vessels in the mesentery
    """

    wobble: SmoothField
    figure: SmoothField
    loops: SmoothField
    filling: SmoothField
    folds: SmoothField
    branches: SmoothField


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trunk:
    """Depths inside skin, fascia and abdominal cavity on one plane, with their ellipses.

    Parameters
    ----------
    skin, fascia, cavity : (I, J) mm
    center_y : middle of the fascia's outline, mm
    radii : half axes of the fascia's outline, mm
    back : y of the fascia behind, mm
    """

    skin: Reals
    fascia: Reals
    cavity: Reals
    center_y: float
    radii: tuple[float, float]
    back: float

    def part(self, box: Box) -> Trunk:
        """The same on fewer points."""
        return replace(self, skin=self.skin[box], fascia=self.fascia[box], cavity=self.cavity[box])


def trunk_on(plane: Plane, curve: SpineCurve, body: LumbarBody, figure: Reals) -> Trunk:
    """The trunk's outlines; the back follows the lordosis by half.

    Parameters
    ----------
    plane, curve, body : the cut through the body
    figure : (I, J) unevenness of the outlines, SD 1
    """
    fat = body.subcutaneous_mm
    z = float(np.mean(plane.z))
    back = _fascia_back(body) + 0.5 * curve.offset_of(z)
    front = _fascia_back(body) + body.trunk_depth_mm - 6 * (z / 110) ** 2
    rx = body.trunk_width_mm / 2 + 8 * (z / 100) ** 2
    cy, ry = (front + back) / 2, (front - back) / 2
    shape = np.float32(1.6) * figure
    fascia = ellipse(plane.x, plane.y, (0, cy), (rx, ry), power=2.35) + shape
    front_fat, back_fat = fat * SIDE_FAT["front"], fat * SIDE_FAT["back"]
    skin = ellipse(
        plane.x,
        plane.y,
        (0, cy + (front_fat - back_fat) / 2),
        (rx + fat, ry + (front_fat + back_fat) / 2),
        power=2.25,
    )
    # The furrow over the spinous processes, as the back muscles bulge beside them; fat folds.
    furrow = 6 * np.exp(-((plane.x / 17) ** 2)) * np.clip((cy - plane.y) / ry, 0, 1)
    cavity = ellipse(plane.x, plane.y, (0, cy + 9), (rx - 19, ry - 20), power=2.4) + shape
    return Trunk(
        skin=(skin + np.float32(0.13 * min(fat, 25)) * figure - furrow).astype(np.float32),
        fascia=fascia,
        cavity=cavity,
        center_y=cy,
        radii=(rx, ry),
        back=back,
    )


def trunk_pieces(
    plane: Plane, curve: SpineCurve, body: LumbarBody, fields: Fields
) -> Iterator[Piece]:
    """Everything around the spine on a plane, back to front of the drawing order."""
    trunk = trunk_on(plane, curve, body, fields.figure.in_patient(plane))
    side = np.abs(plane.x)
    under = trunk_back(curve, body) - (6 if body.rods is None else 34)
    table = 1.3 - np.abs(plane.y - (under + plane.x**2 / 1100))
    yield Piece(region="", depth=both(table, 190 - side), tissue="air", hu=TABLE_HU)
    if body.rods is not None:
        yield from _rods(plane, curve, body, body.rods)
    yield Piece(region="", depth=trunk.skin, tissue="skin", hu=SKIN_HU)
    yield Piece(
        region="subcutaneous_fat", depth=trunk.skin - np.float32(1.8), tissue="fat", hu=body.fat_hu
    )
    yield from _wall(plane, trunk, body)
    wobble = fields.wobble.in_patient(plane)
    yield Piece(region="", depth=trunk.cavity, tissue="fat", hu=VISCERAL_FAT_HU)
    box, part = _before(plane, trunk, -28.0)
    if part.y.shape[1]:
        for piece in _bowel(part, trunk.part(box), fields, body):
            yield replace(piece, box=box)
    yield from _organs(plane, curve, trunk, wobble)
    # Retroperitoneal and paraspinal fat, in which spine and muscles lie.
    bed = both(
        ellipse(plane.u, plane.a, (0, -34), (79, 46), power=2.6), trunk.fascia - np.float32(1.5)
    )
    yield Piece(region="", depth=bed, tissue="fat", hu=body.fat_hu)
    yield from _kidneys(plane, curve, wobble)
    yield from _ribs(plane, curve, trunk, body)
    yield from _pelvis(plane, curve, trunk, body)


def extent(curve: SpineCurve, body: LumbarBody) -> tuple[tuple[float, float], ...]:
    """Bounds of the scanned field along x, y and z, mm: the whole trunk, from T12 to S1."""
    half = body.trunk_width_mm / 2 + 12 + body.subcutaneous_mm
    front = _fascia_back(body) + body.trunk_depth_mm + SIDE_FAT["front"] * body.subcutaneous_mm + 12
    bottom = curve.height_of(float(curve.middles[-1])) - 14
    top = curve.height_of(float(curve.middles[0])) + 4
    under = 14 if body.rods is None else 40
    return (-half, half), (trunk_back(curve, body) - under, front), (bottom, top)


def trunk_back(curve: SpineCurve, body: LumbarBody) -> float:
    """The rearmost point of the skin, mm."""
    skin = _fascia_back(body) - SIDE_FAT["back"] * body.subcutaneous_mm
    return skin + 0.5 * float(curve.y[np.abs(curve.z) < 110].min())


def rod_middles(curve: SpineCurve, body: LumbarBody) -> tuple[tuple[float, float], ...]:
    """Where the axes of the calibration rods cross a slice: x, y, mm."""
    y = trunk_back(curve, body) - 18
    first = -(N_RODS - 1) / 2 * ROD_STEP_MM
    return tuple((first + n * ROD_STEP_MM, y) for n in range(N_RODS))


def _rods(plane: Plane, curve: SpineCurve, body: LumbarBody, salt: Salt) -> Iterator[Piece]:
    """A slab of water-like plastic with a row of rods in it, under the back."""
    middles = rod_middles(curve, body)
    y = middles[0][1]
    half = N_RODS / 2 * ROD_STEP_MM + 4
    slab = ellipse(plane.x, plane.y, (0, y), (half, 14.0), power=8)
    yield Piece(region=None, depth=slab, tissue="air", hu=ROD_BODY_HU)
    for (x, at), density in zip(middles, ROD_DENSITIES, strict=True):
        rod = ellipse(plane.x, plane.y, (x, at), (ROD_RADIUS_MM, ROD_RADIUS_MM))
        hu = density * hu_per_density(salt, USUAL_KVP)
        yield Piece(region=None, depth=rod, tissue=salt, hu=hu)


def _fascia_back(body: LumbarBody) -> float:
    """The rearmost point of the fascia at L3, mm: behind the tips of the spinous processes."""
    return FASCIA_BACK_MM * body.size


def _before(plane: Plane, trunk: Trunk, y: float) -> tuple[Box, Plane]:
    """The part of a plane in front of y where the cavity may be."""
    columns = np.flatnonzero(np.abs(plane.x[:, 0]) < trunk.radii[0])
    rows = np.flatnonzero((plane.y[0] > y) & (plane.y[0] < trunk.center_y + trunk.radii[1]))
    box = tuple(
        slice(int(held[0]), int(held[-1]) + 1) if held.size else slice(0, 0)
        for held in (columns, rows)
    )
    return (box[0], box[1]), plane.part((box[0], box[1]))


def _wall(plane: Plane, trunk: Trunk, body: LumbarBody) -> Iterator[Piece]:
    ring = trunk.fascia
    yield Piece(region="", depth=ring, tissue="muscle", hu=WALL_HU)
    # Planes between the three flat muscles at the flanks; the white line and semilunar lines.
    side = np.abs(plane.x)
    flank = within(side, 74, 400)
    for deep in (6.8, 13.2):
        sheet = 0.75 - np.abs(ring - deep)
        yield Piece(region="", depth=both(sheet, flank), tissue="fat", hu=body.fat_hu)
    ahead = plane.y - np.float32(trunk.center_y + 0.5 * trunk.radii[1])
    white_line = both(2.2 - side, ahead)
    yield Piece(region="", depth=both(white_line, ring - 2), tissue="ligament", hu=-20.0)
    semilunar = both(2.0 - np.abs(side - 70), ahead, ring - np.float32(1))
    yield Piece(region="", depth=semilunar, tissue="fat", hu=body.fat_hu)
    # Over the rectus the wall is thinner: fat reaches further forwards.
    rectus_back = both(ring - 11, ahead, 69 - side)
    yield Piece(region="", depth=rectus_back, tissue="fat", hu=VISCERAL_FAT_HU)


def _bowel(plane: Plane, trunk: Trunk, fields: Fields, body: LumbarBody) -> Iterator[Piece]:
    loops = fields.loops.in_patient(plane)
    filling = fields.filling.in_patient(plane)
    # Mesentery keeps the loops away from the great vessels and from the flanks behind.
    around_vessels = np.hypot(plane.x - 4, 0.9 * (plane.y - 26)) - 25
    room = both(
        trunk.cavity - np.float32(2.0),
        plane.y - (18 + 0.14 * np.abs(plane.x)) - 7 * filling,
        around_vessels + 4 * filling,
    )
    mesentery = both(1.6 * (fields.branches.in_patient(plane) - 1.75), room)
    yield Piece(region="", depth=mesentery, tissue="blood", hu=BLOOD_HU, contrast=0.7)
    # One field makes clumps of bowel; where another changes sign a fold of fat parts two loops.
    folds = 9.0 * np.abs(fields.folds.in_patient(plane)) - 0.9
    loop = both(7.0 * (loops + 0.65), folds, room)
    yield Piece(region="", depth=loop, tissue="bowel_wall", hu=BOWEL_HU + 12, contrast=0.2)
    yield Piece(
        region="",
        depth=loop - np.float32(2.2),
        tissue="bowel_content",
        hu=BOWEL_HU - 8 + 14 * filling,
    )
    # At a share of 0.2 the field's upper tenth, higher up, holds gas.
    gas = both(loop - 2.5, 8 * (filling - 1.6 + 2 * body.bowel_gas), plane.y - 42 + 3 * loops)
    yield Piece(region="", depth=gas, tissue="air", hu=GAS_HU)
    yield from _colon(plane, trunk, loops, filling, body)


def _colon(
    plane: Plane, trunk: Trunk, loops: Reals, filling: Reals, body: LumbarBody
) -> Iterator[Piece]:
    """The ascending colon on the right and the narrower descending one on the left."""
    wide = body.trunk_width_mm / 296
    for x, y, radius, top in ((104 * wide, 16, 21, 64), (-112 * wide, 2, 14, 90)):
        if np.min(plane.z) > top:
            continue
        tube = both(
            ellipse(plane.x + 5 * loops, plane.y + 4 * filling, (x, y), (radius, radius * 0.95)),
            trunk.cavity - np.float32(0.5),
            np.zeros_like(plane.y) + np.float32(top) - plane.z,
        )
        yield Piece(region="", depth=tube + 5, tissue="fat", hu=VISCERAL_FAT_HU)
        yield Piece(region="", depth=tube, tissue="bowel_wall", hu=45.0)
        stool = np.where(filling > 0.9, -260.0, 5.0 + 30 * filling)
        yield Piece(region="", depth=tube - np.float32(2.2), tissue="bowel_content", hu=stool)
        # Gas rises: the patient lies on the back.
        level = radius * (0.75 - 2 * body.bowel_gas)
        air = both(tube - np.float32(2.2), plane.y - y - np.float32(level))
        yield Piece(region="", depth=air, tissue="air", hu=GAS_HU)


def _organs(plane: Plane, curve: SpineCurve, trunk: Trunk, wobble: Reals) -> Iterator[Piece]:
    inside = trunk.cavity + np.float32(3)
    top = float(curve.height_of(float(curve.middles[1])))
    out = trunk.radii[0] - 148
    for organ, tissue, hu, center, radii, contrast in (
        ("stomach", "bowel_content", 25.0, (-52, 62, top + 42), (50, 30, 40), 0.0),
        ("spleen", "spleen", SPLEEN_HU, (-108 - out, -6, top + 34), (26, 42, 46), 0.4),
        ("liver", "liver", LIVER_HU, (82 + out, 24, top + 36), (62, 72, 74), 0.3),
    ):
        depth = _ellipsoid(plane, center, radii)
        if depth is None:
            continue
        depth = both(depth + 6 * wobble, inside)
        yield Piece(region="", depth=depth, tissue=tissue, hu=hu, contrast=contrast)
        if organ == "stomach":
            air = both(depth - np.float32(4), plane.y - 66)
            yield Piece(region="", depth=air, tissue="air", hu=GAS_HU)


def _kidneys(plane: Plane, curve: SpineCurve, wobble: Reals) -> Iterator[Piece]:
    """Both kidneys beside the psoas, the left one higher; each opens forwards and inwards."""
    for side, middle in (
        (-1, curve.height_of(float(curve.middles[1])) - 12),
        (1, curve.height_of(float(curve.middles[2])) - 2),
    ):
        out = 64 - 0.18 * (plane.z - middle)
        kidney = _ellipsoid(plane, (side * out, -1, middle), (24, 29, 55))
        if kidney is None:
            continue
        kidney = kidney + 2 * wobble
        # Fat of the capsule keeps bowel and liver away.
        yield Piece(region="", depth=kidney + 6, tissue="fat", hu=VISCERAL_FAT_HU)
        yield Piece(region="", depth=kidney, tissue="kidney", hu=KIDNEY_HU, contrast=0.8)
        sinus = _ellipsoid(plane, (side * (out - 17), 7, middle), (17, 8.5, 27))
        pelvis = _ellipsoid(plane, (side * (out - 15), 6, middle), (10, 3.5, 13))
        if sinus is not None:
            yield Piece(region="", depth=sinus + 2 * wobble, tissue="fat", hu=-88.0)
        if pelvis is not None:
            yield Piece(region="", depth=pelvis, tissue="urine", hu=10.0)
        if np.abs(plane.z - middle).min() < 5:
            far = float(np.mean(out)) - 18
            vein = bar(side * plane.x, plane.y, (far, 8), (14, 24), 3.2)
            near = np.zeros_like(plane.y) + 5 - np.abs(plane.z - middle)
            yield Piece(
                region="",
                depth=both(vein, near),
                tissue="blood",
                hu=BLOOD_HU - 4,
                contrast=0.6,
            )


def _ribs(plane: Plane, curve: SpineCurve, trunk: Trunk, body: LumbarBody) -> Iterator[Piece]:
    """The lowest ribs: each slopes downwards round the trunk, so a plane cuts it once a side."""
    top = curve.height_of(float(curve.middles[0]))
    for start, slope, last in ((0.0, 52.0, 0.95), (34.0, 50.0, 1.55), (68.0, 52.0, 2.3)):
        angle = 0.32 + (top + start - np.asarray(plane.z)) / slope
        if angle.max() < 0.32 or angle.min() > last:
            continue
        # Past the mammillary line ribs are cartilage.
        bony = bool(angle.mean() < 2.0)
        seen = slope * within(angle, 0.32, last)
        angle = np.clip(angle, 0.32, last)
        rx, ry = trunk.radii[0] - 9, trunk.radii[1] - 9
        power = 2 / 2.35
        x = rx * np.sin(angle) ** power
        y = trunk.center_y - ry * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        along = np.arctan2(ry * np.sin(angle), rx * np.cos(angle))
        dm, dy = np.abs(plane.x) - x, plane.y - y
        cos, sin = (np.asarray(part, dtype=np.float32) for part in (np.cos(along), np.sin(along)))
        depth = ellipse(cos * dm + sin * dy, cos * dy - sin * dm, (0, 0), (10.0, 4.3))
        depth = np.minimum(depth, seen.astype(np.float32))
        shell = body.cortical_hu * 0.85 if bony else 110.0
        yield Piece(region="", depth=depth, tissue="cortical_bone", hu=shell)
        yield Piece(
            region="",
            depth=depth - np.float32(1.4),
            tissue="marrow",
            hu=CANCELLOUS_ARCH_HU * 0.6 if bony else 95.0,
        )


def _pelvis(plane: Plane, curve: SpineCurve, trunk: Trunk, body: LumbarBody) -> Iterator[Piece]:
    """Iliac wings with the muscles on both faces of them."""
    crest = float(curve.middles[-3]) - float(curve.heights[-3]) / 2 - 4
    if plane.s.min() > crest:
        return
    # In a cut the wing is an S: from the sacroiliac joint sideways, then forwards.
    path = ((45, -56), (58, -46), (72, -32), (86, -19), (100, -4), (111, 14), (117, 34))
    thick = (5.5, 5.5, 5.0, 4.0, 3.4, 3.6, 4.6)
    depth = bar(plane.m, plane.a, path[0], path[1], thick[0])
    for start, end, half in zip(path[1:-1], path[2:], thick[1:], strict=False):
        depth = either(depth, bar(plane.m, plane.a, start, end, half))
    place = np.clip((plane.m - 44) / 78, 0, 1)
    # The crest is an arch, highest in its middle.
    below = np.float32(crest) - 60 * (place - 0.55) ** 2 / 0.30 - plane.s
    # Lateral of the wing: the line from joint to spine, bulging with it.
    behind = 0.70 * (plane.m - 45) - 0.71 * (plane.a + 56)
    inside = trunk.skin - np.float32(1.8 + 0.6 * body.subcutaneous_mm)
    outer = both(depth + np.float32(17), below - 7, behind, inside)
    inner = both(depth + np.float32(10), below - 4, -behind)
    yield Piece(region="", depth=outer, tissue="muscle", hu=WALL_HU)
    yield Piece(region="", depth=inner, tissue="muscle", hu=WALL_HU)
    bone = both(depth, below)
    for side, sign in (("left", -1), ("right", 1)):
        wing = both(bone, sign * plane.u)
        name = f"hip_bone_{side}"
        yield Piece(region=name, depth=wing, tissue="cortical_bone", hu=body.cortical_hu * 0.9)
        spongy = wing - np.float32(1.6)
        yield Piece(region=name, depth=spongy, tissue="marrow", hu=CANCELLOUS_ARCH_HU * 0.6)


def _ellipsoid(
    plane: Plane, center: tuple[Any, float, float], radii: tuple[float, float, float]
) -> Reals | None:
    """Depth inside an ellipsoid, None on planes that miss it."""
    up = (np.asarray(plane.z) - center[2]) / radii[2]
    if np.abs(up).min() >= 1:
        return None
    share = np.sqrt(np.clip(1 - up * up, 0, None)).astype(np.float32)
    return ellipse(plane.x, plane.y, center[:2], (radii[0] * share, radii[1] * share))
