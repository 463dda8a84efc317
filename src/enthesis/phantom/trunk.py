"""What surrounds the spine: skin, fat, abdominal wall, organs, vessels, ribs and pelvis."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from enthesis.phantom.body import LumbarBody
from enthesis.phantom.geometry import Plane, Reals, SpineCurve, bar, both, either, ellipse, within
from enthesis.phantom.spine import CANCELLOUS_ARCH_HU, Piece
from enthesis.phantom.texture import SmoothField

BACK_MM, FRONT_MM = -97.0, 112.0
"""Skin behind and in front of the middle of L3 with 17 mm of subcutaneous fat, mm."""

HALF_WIDTH_MM = 148.0
"""Half width of the trunk inside its subcutaneous fat, mm."""

USUAL_FAT_MM = 17.0

SKIN_HU, WALL_HU, TABLE_HU = 10.0, 54.0, -60.0
LIVER_HU, SPLEEN_HU, KIDNEY_HU, BLOOD_HU, BOWEL_HU, GAS_HU = 60.0, 48.0, 33.0, 44.0, 32.0, -900.0
VISCERAL_FAT_HU = -102.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fields:
    """Random fields in the coordinates of the patient that make organs irregular.

    Parameters
    ----------
    wobble : of organ surfaces, some centimetres long
    loops : of the bowel, about one loop wide
    filling : of what the bowel holds
    folds : of the fat between loops
    branches : of the small vessels in the mesentery
    """

    wobble: SmoothField
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


def trunk_on(plane: Plane, curve: SpineCurve, body: LumbarBody) -> Trunk:
    """The trunk's outlines; the back follows the lordosis by half."""
    fat = body.subcutaneous_mm
    back = BACK_MM + USUAL_FAT_MM * 1.1 + 0.5 * curve.offset_of(plane.z)
    front = FRONT_MM - USUAL_FAT_MM * 1.2 - 6 * (plane.z / 110) ** 2
    rx = HALF_WIDTH_MM + 8 * (plane.z / 100) ** 2
    cy, ry = (front + back) / 2, (front - back) / 2
    fascia = ellipse(plane.x, plane.y, (0, cy), (rx, ry), power=2.35)
    front_fat, back_fat = fat * 1.2, fat * 1.1
    skin = ellipse(
        plane.x,
        plane.y,
        (0, cy + (front_fat - back_fat) / 2),
        (rx + fat, ry + (front_fat + back_fat) / 2),
        power=2.25,
    )
    # The furrow over the spinous processes, as the back muscles bulge beside them.
    furrow = 5 * np.exp(-((plane.x / 20) ** 2)) * np.clip((cy - plane.y) / ry, 0, 1)
    cavity = ellipse(plane.x, plane.y, (0, cy + 9), (rx - 19, ry - 20), power=2.4)
    return Trunk(
        skin=(skin - furrow).astype(np.float32),
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
    trunk = trunk_on(plane, curve, body)
    table = 1.3 - np.abs(plane.y - (trunk_back(curve, body) - 6 + plane.x**2 / 1100))
    yield Piece(region="", depth=both(table, 190 - plane.m), tissue="air", hu=TABLE_HU)
    yield Piece(region="", depth=trunk.skin, tissue="skin", hu=SKIN_HU)
    yield Piece(
        region="subcutaneous_fat", depth=trunk.skin - np.float32(1.8), tissue="fat", hu=body.fat_hu
    )
    yield from _wall(plane, trunk, body)
    wobble = fields.wobble.in_patient(plane)
    yield Piece(region="", depth=trunk.cavity, tissue="fat", hu=VISCERAL_FAT_HU)
    yield from _bowel(plane, trunk, fields)
    yield from _organs(plane, curve, trunk, wobble)
    # Retroperitoneal and paraspinal fat, in which spine and muscles lie.
    bed = both(
        ellipse(plane.x, plane.a, (0, -34), (79, 46), power=2.6), trunk.fascia - np.float32(1.5)
    )
    yield Piece(region="", depth=bed, tissue="fat", hu=body.fat_hu)
    yield from _kidneys(plane, curve, wobble)
    yield from _ribs(plane, curve, trunk, body)
    yield from _pelvis(plane, curve, body)


def vessel_pieces(plane: Plane, curve: SpineCurve) -> Iterator[Piece]:
    """Aorta and inferior vena cava, down to where they divide at L4 and L5, and their branches."""
    fork, vein_fork = curve.middles[4] - 8, curve.middles[5] + 6
    down = np.clip(fork - plane.s, 0, None)
    aorta = both(ellipse(plane.x, plane.a, (-8, 29), (9.2, 9.2)), plane.s - np.float32(fork))
    yield Piece(region="aorta", depth=aorta, tissue="blood", hu=BLOOD_HU)
    vein = both(ellipse(plane.x, plane.a, (17, 27), (12.5, 8.5)), plane.s - np.float32(vein_fork))
    yield Piece(region="inferior_vena_cava", depth=vein, tissue="blood", hu=BLOOD_HU - 4)
    for side, start in ((-1, -12.0), (1, -3.0)):
        center = (start + side * 0.55 * down, 29 - 0.10 * down)
        artery = both(ellipse(plane.x, plane.a, center, (6.5, 6.0)), down - 0.5)
        yield Piece(region="", depth=artery, tissue="blood", hu=BLOOD_HU)
    low = np.clip(vein_fork - plane.s, 0, None)
    for side, start in ((-1, 6.0), (1, 20.0)):
        center = (start + side * 0.6 * low, 24 - 0.12 * low)
        branch = both(ellipse(plane.x, plane.a, center, (8.0, 6.0)), low - 0.5)
        yield Piece(region="", depth=branch, tissue="blood", hu=BLOOD_HU - 4)


def extent(curve: SpineCurve, body: LumbarBody) -> tuple[tuple[float, float], ...]:
    """Bounds of the scanned field along x, y and z, mm: the whole trunk, from T12 to S1."""
    half = HALF_WIDTH_MM + 12 + body.subcutaneous_mm
    front = FRONT_MM + 1.2 * (body.subcutaneous_mm - USUAL_FAT_MM) + 12
    bottom = curve.height_of(float(curve.middles[6])) - 14
    top = curve.height_of(float(curve.middles[0])) + 4
    return (-half, half), (trunk_back(curve, body) - 14, front), (bottom, top)


def trunk_back(curve: SpineCurve, body: LumbarBody) -> float:
    """The rearmost point of the skin, mm."""
    extra = 1.1 * (body.subcutaneous_mm - USUAL_FAT_MM)
    return BACK_MM - extra + 0.5 * float(curve.y[np.abs(curve.z) < 110].min())


def _wall(plane: Plane, trunk: Trunk, body: LumbarBody) -> Iterator[Piece]:
    ring = trunk.fascia
    yield Piece(region="", depth=ring, tissue="muscle", hu=WALL_HU)
    # Planes between the three flat muscles at the flanks; the white line and semilunar lines.
    flank = within(plane.m, 74, 400)
    for deep in (6.8, 13.2):
        sheet = 0.75 - np.abs(ring - deep)
        yield Piece(region="", depth=both(sheet, flank), tissue="fat", hu=body.fat_hu)
    ahead = plane.y - np.float32(trunk.center_y + 0.5 * trunk.radii[1])
    white_line = both(2.2 - plane.m, ahead)
    yield Piece(region="", depth=both(white_line, ring - 2), tissue="ligament", hu=-20.0)
    semilunar = both(2.0 - np.abs(plane.m - 70), ahead, ring - np.float32(1))
    yield Piece(region="", depth=semilunar, tissue="fat", hu=body.fat_hu)
    # Over the rectus the wall is thinner: fat reaches further forwards.
    rectus_back = both(ring - 11, ahead, 69 - plane.m)
    yield Piece(region="", depth=rectus_back, tissue="fat", hu=VISCERAL_FAT_HU)


def _bowel(plane: Plane, trunk: Trunk, fields: Fields) -> Iterator[Piece]:
    loops = fields.loops.in_patient(plane)
    filling = fields.filling.in_patient(plane)
    # Mesentery keeps the loops away from the great vessels and from the flanks behind.
    around_vessels = np.hypot(plane.x - 4, 0.9 * (plane.y - 26)) - 25
    room = both(
        trunk.cavity - np.float32(2.0),
        plane.y - (18 + 0.14 * plane.m) - 7 * filling,
        around_vessels + 4 * filling,
    )
    mesentery = both(1.6 * (fields.branches.in_patient(plane) - 1.75), room)
    yield Piece(region="", depth=mesentery, tissue="blood", hu=BLOOD_HU)
    # One field makes clumps of bowel; where another changes sign a fold of fat parts two loops.
    folds = 9.0 * np.abs(fields.folds.in_patient(plane)) - 0.9
    loop = both(7.0 * (loops + 0.65), folds, room)
    yield Piece(region="", depth=loop, tissue="bowel_wall", hu=BOWEL_HU + 12)
    yield Piece(
        region="",
        depth=loop - np.float32(2.2),
        tissue="bowel_content",
        hu=BOWEL_HU - 8 + 14 * filling,
    )
    gas = both(loop - 2.5, 8 * (filling - 1.2), plane.y - 42 + 3 * loops)
    yield Piece(region="", depth=gas, tissue="air", hu=GAS_HU)
    yield from _colon(plane, trunk, loops, filling)


def _colon(plane: Plane, trunk: Trunk, loops: Reals, filling: Reals) -> Iterator[Piece]:
    """The ascending colon on the right and the narrower descending one on the left."""
    for x, y, radius, top in ((104, 16, 21, 64), (-112, 2, 14, 90)):
        if plane.z > top:
            continue
        tube = both(
            ellipse(plane.x + 5 * loops, plane.y + 4 * filling, (x, y), (radius, radius * 0.95)),
            trunk.cavity - np.float32(0.5),
        )
        yield Piece(region="", depth=tube + 5, tissue="fat", hu=VISCERAL_FAT_HU)
        yield Piece(region="", depth=tube, tissue="bowel_wall", hu=45.0)
        stool = np.where(filling > 0.9, -260.0, 5.0 + 30 * filling)
        yield Piece(region="", depth=tube - np.float32(2.2), tissue="bowel_content", hu=stool)
        # Gas rises: the patient lies on the back.
        air = both(tube - np.float32(2.2), plane.y - y - 0.35 * radius)
        yield Piece(region="", depth=air, tissue="air", hu=GAS_HU)


def _organs(plane: Plane, curve: SpineCurve, trunk: Trunk, wobble: Reals) -> Iterator[Piece]:
    inside = trunk.cavity + np.float32(3)
    top = float(curve.height_of(float(curve.middles[1])))
    for organ, tissue, hu, center, radii in (
        ("stomach", "bowel_content", 25.0, (-52, 62, top + 42), (50, 30, 40)),
        ("spleen", "spleen", SPLEEN_HU, (-108, -6, top + 34), (26, 42, 46)),
        ("liver", "liver", LIVER_HU, (82, 24, top + 36), (62, 72, 74)),
    ):
        depth = _ellipsoid(plane, center, radii)
        if depth is None:
            continue
        depth = both(depth + 5 * wobble, inside)
        yield Piece(region="", depth=depth, tissue=tissue, hu=hu)
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
        yield Piece(region="", depth=kidney, tissue="kidney", hu=KIDNEY_HU)
        sinus = _ellipsoid(plane, (side * (out - 17), 7, middle), (17, 8.5, 27))
        pelvis = _ellipsoid(plane, (side * (out - 15), 6, middle), (10, 3.5, 13))
        if sinus is not None:
            yield Piece(region="", depth=sinus + 2 * wobble, tissue="fat", hu=-88.0)
        if pelvis is not None:
            yield Piece(region="", depth=pelvis, tissue="urine", hu=10.0)
        if abs(plane.z - middle) < 5:
            vein = bar(plane.m, plane.y, (out - 18, 8), (14, 24), 3.2)
            yield Piece(
                region="", depth=both(vein, side * plane.x), tissue="blood", hu=BLOOD_HU - 4
            )


def _ribs(plane: Plane, curve: SpineCurve, trunk: Trunk, body: LumbarBody) -> Iterator[Piece]:
    """The lowest ribs: each slopes downwards round the trunk, so a plane cuts it once a side."""
    top = curve.height_of(float(curve.middles[0]))
    for start, slope, last in ((0.0, 52.0, 0.95), (34.0, 50.0, 1.55), (68.0, 52.0, 2.3)):
        angle = 0.32 + (top + start - plane.z) / slope
        if not 0.32 <= angle <= last:
            continue
        # Past the mammillary line ribs are cartilage.
        bony = angle < 2.0
        rx, ry = trunk.radii[0] - 9, trunk.radii[1] - 9
        power = 2 / 2.35
        x = rx * np.sin(angle) ** power
        y = trunk.center_y - ry * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        along = np.arctan2(ry * np.sin(angle), rx * np.cos(angle))
        dm, dy = plane.m - np.float32(x), plane.y - np.float32(y)
        cos, sin = np.float32(np.cos(along)), np.float32(np.sin(along))
        depth = ellipse(cos * dm + sin * dy, cos * dy - sin * dm, (0, 0), (10.0, 4.3))
        shell = body.cortical_hu * 0.85 if bony else 110.0
        yield Piece(region="", depth=depth, tissue="cortical_bone", hu=shell)
        yield Piece(
            region="",
            depth=depth - np.float32(1.4),
            tissue="marrow",
            hu=CANCELLOUS_ARCH_HU * 0.6 if bony else 95.0,
        )


def _pelvis(plane: Plane, curve: SpineCurve, body: LumbarBody) -> Iterator[Piece]:
    """Iliac wings with the muscles on both faces of them."""
    crest = float(curve.middles[4]) - float(curve.heights[4]) / 2 - 4
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
    outer = both(depth + np.float32(17), below - 7, behind)
    inner = both(depth + np.float32(10), below - 4, -behind)
    yield Piece(region="", depth=outer, tissue="muscle", hu=WALL_HU)
    yield Piece(region="", depth=inner, tissue="muscle", hu=WALL_HU)
    bone = both(depth, below)
    yield Piece(region="", depth=bone, tissue="cortical_bone", hu=body.cortical_hu * 0.9)
    yield Piece(
        region="", depth=bone - np.float32(1.6), tissue="marrow", hu=CANCELLOUS_ARCH_HU * 0.6
    )


def _ellipsoid(
    plane: Plane, center: tuple[float, float, float], radii: tuple[float, float, float]
) -> Reals | None:
    """Depth inside an ellipsoid, None on planes that miss it."""
    up = (plane.z - center[2]) / radii[2]
    if abs(up) >= 1:
        return None
    share = float(np.sqrt(1 - up * up))
    return ellipse(plane.x, plane.y, center[:2], (radii[0] * share, radii[1] * share))
