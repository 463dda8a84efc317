"""The bones of the lumbar spine, its discs and its canal, in the coordinates of the spine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from enthesis.phantom.body import Fracture, LumbarBody
from enthesis.phantom.geometry import (
    USUAL_LEVELS,
    Plane,
    Reals,
    SpineCurve,
    bar,
    both,
    either,
    ellipse,
    within,
)

Box = tuple[slice, slice]

WHOLE: Box = (slice(None), slice(None))

BODY_WIDTH_MM = (21.0, 22.0, 23.0, 24.0, 25.0, 26.0, 26.0)
"""Half widths of the bodies of T12 to S1, mm."""

BODY_FRONT_MM, BODY_BACK_MM = 17.5, 15.0
"""Reach of the bodies in front of and behind the spine's curve, mm."""

PEDICLE_MM = (12.0, 12.5, 13.5, 14.5, 16.5, 20.0)
"""Distance of the pedicles of T12 to L5 from the midline, mm."""

TRANSVERSE_MM = (26.0, 36.0, 41.0, 45.0, 43.0, 45.0)
"""Reach of the transverse processes of T12 to L5 from the midline, mm."""

ENDPLATE_HOLLOW_MM = 1.5
"""By how much the middle of a sound endplate lies below its rim, mm."""

ENDPLATE_GRAIN_MM = 0.45
"""Unevenness of the endplates, SD in mm."""

UPPER_SHARE = 0.7
"""Share of a lost height that the upper endplate has sunk; most wedges are of the upper one."""

HEIGHT_PLACES_MM = {"anterior": 14.5, "middle": 0.5, "posterior": -12.0}
"""Where the heights of a body are taken in its midline, mm in front of the spine's curve."""

SCREW_MM, SCREW_ROD_MM = 3.0, 2.75
"""Radii of a pedicle screw and of the rods that join them, mm."""

METAL_HU = 9000.0
"""Titanium at 120 kVp, HU: far above what scanners store."""

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
    region : its name in `anatomy`, "" for tissue that belongs to no named region, or None where it
        leaves the regions as they are, as an implant does
    depth : (i, j) depth inside it, mm, positive inside
    tissue : what it is made of, a key of `TISSUES`
    hu : attenuation at 120 kVp, a number or (i, j), without contrast medium
    box : where (i, j) lies in the plane
    fat : (i, j) share of the tissue that fat has taken, 0..1; muscles and vertebral bodies have it
    contrast : share of the aorta's enhancement that this tissue shows
    """

    region: str | None
    depth: Reals
    tissue: str
    hu: float | Reals
    box: Box = WHOLE
    fat: NDArray[np.float32] | None = None
    contrast: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Rough:
    """Random textures of bone on a plane.

    Parameters
    ----------
    grain : (I, J) trabeculae, SD 1, or 0 for none
    lumps : (I, J) unevenness of surfaces, about a centimetre wide, SD 1, or 0 for none
    """

    grain: NDArray[Any] | float
    lumps: NDArray[Any] | float


def spine_pieces(
    plane: Plane, curve: SpineCurve, body: LumbarBody, rough: Rough
) -> Iterator[Piece]:
    """The spine on a plane, back to front of the drawing order."""
    in_plane = _body_outline(plane, curve)
    yield from _soft_midline(plane)
    lowest, highest = float(plane.s.min()), float(plane.s.max())
    for i, level in enumerate(body.levels):
        middle, half = float(curve.middles[i]), float(curve.heights[i]) / 2
        if level != "S1" and lowest < middle + half + 14 and highest > middle - half - 26:
            yield from _arch(plane, curve, i, body, rough)
    yield from _canal(plane)
    for i in range(len(body.levels) - 1):
        yield from _disc(plane, curve, i, in_plane, body, rough)
    for i in range(len(body.levels) - 1):
        yield from _body(plane, curve, i, in_plane, body, rough)
    if lowest < curve.middles[-1] + 40:
        yield from _sacrum(plane, curve, in_plane, body, rough)
    if body.screws:
        yield from _implants(plane, curve, body)


def _body_outline(plane: Plane, curve: SpineCurve) -> Reals:
    """Depth inside a column as wide as the bodies, before endplates and waist."""
    order = np.argsort(curve.middles)
    width = np.interp(plane.s, curve.middles[order], curve.tabulated(BODY_WIDTH_MM)[order])
    # Vertebral bodies are waisted: widest at the rims, in phase with the levels.
    waist = 0.90 + 0.10 * np.clip(_to_rim(plane, curve), 0, 1) ** 2
    width, waist = width.astype(np.float32), waist.astype(np.float32)
    depth_mm = np.where(plane.a < 0, BODY_BACK_MM, BODY_FRONT_MM * (0.94 + 0.06 * waist))
    outline = ellipse(plane.u, plane.a, (0, 0), (width * waist, depth_mm), power=2.5)
    # The back of a body is hollow towards the canal.
    hollow = ellipse(plane.u, plane.a, (0, -24.5), (15, 11.5))
    return np.minimum(outline, -hollow)


def _to_rim(plane: Plane, curve: SpineCurve) -> Reals:
    """Distance from the middle of the nearest body as a share of half its height."""
    between = (curve.middles[:-1] + curve.middles[1:]) / 2
    nearest = curve.middles.size - 1 - np.searchsorted(between[::-1], plane.s)
    return np.asarray(np.abs(plane.s - curve.middles[nearest]) / (curve.heights[nearest] / 2))


def _endplates(plane: Plane, curve: SpineCurve, i: int, body: LumbarBody, rough: Rough) -> Reals:
    """Depth between the two endplates of a body, hollow, uneven and sunk where it is fractured."""
    width = float(curve.tabulated(BODY_WIDTH_MM)[i])
    middle = np.clip(1 - (plane.u / width) ** 2 - (plane.a / BODY_FRONT_MM) ** 2, 0, 1)
    hollow = (ENDPLATE_HOLLOW_MM + ENDPLATE_GRAIN_MM * np.asarray(rough.lumps)) * middle
    up = plane.s - np.float32(curve.middles[i])
    half = np.float32(curve.heights[i] / 2)
    for fracture in body.fractures:
        if fracture.level == body.levels[i]:
            lost = _lost_mm(fracture, plane.a, middle, float(curve.heights[i]))
            upper, lower = _shares(fracture)
            return both(half - upper * lost - hollow - up, half - lower * lost - hollow + up)
    return np.asarray(half - hollow - np.abs(up))


def _lost_mm(fracture: Fracture, a: Reals, middle: Reals, height: float) -> Reals:
    """Height that a fractured body has lost, mm."""
    most = np.float32(fracture.loss_percent / 100 * height)
    if fracture.shape == "wedge":
        back, front = HEIGHT_PLACES_MM["posterior"], HEIGHT_PLACES_MM["anterior"]
        return np.asarray(most * np.clip((a - back) / (front - back), 0, 1))
    return most * middle if fracture.shape == "biconcave" else np.full_like(a, most)


def _shares(fracture: Fracture) -> tuple[float, float]:
    upper = 0.5 if fracture.shape == "biconcave" else UPPER_SHARE
    return upper, 1 - upper


def body_heights(curve: SpineCurve, i: int, body: LumbarBody) -> dict[str, float]:
    """Distance between the endplates of the i-th body in its midline, of even endplates, mm."""
    found = {}
    half = float(curve.heights[i]) / 2
    for name, at in HEIGHT_PLACES_MM.items():
        a = np.array([at])
        middle = np.clip(1 - (a / BODY_FRONT_MM) ** 2, 0, 1)
        sunk = np.repeat(ENDPLATE_HOLLOW_MM * middle, 2)
        for fracture in body.fractures:
            if fracture.level == body.levels[i]:
                lost = _lost_mm(fracture, a, middle, float(curve.heights[i]))
                sunk = sunk + np.array(_shares(fracture)) * lost
        s = float(curve.middles[i]) + np.array([half, -half]) - sunk * np.array([1, -1])
        ends = np.stack(curve.place(np.zeros(2), np.repeat(a, 2), s))
        found[name] = float(np.linalg.norm(ends[:, 0] - ends[:, 1]))
    return found


def body_depth(plane: Plane, curve: SpineCurve, i: int, body: LumbarBody, rough: Rough) -> Reals:
    """Depth inside the i-th vertebral body, cortex included."""
    outline = _body_outline(plane, curve) + _lips(plane, curve, body, rough)
    return both(outline, _endplates(plane, curve, i, body, rough))


def _lips(plane: Plane, curve: SpineCurve, body: LumbarBody, rough: Rough) -> Reals:
    """Reach of the osteophytes at the rims, mm: in front and at the sides, here more than there."""
    rim = np.clip(_to_rim(plane, curve) - 0.65, 0, 0.35) / 0.35
    where = np.clip(0.45 + 0.75 * np.asarray(rough.lumps), 0, 1.5) / 1.5
    return np.asarray(
        np.float32(body.osteophyte_mm) * rim**2 * where * np.clip(0.6 + plane.a / 15, 0, 1)
    )


def _body(
    plane: Plane, curve: SpineCurve, i: int, in_plane: Reals, body: LumbarBody, rough: Rough
) -> Iterator[Piece]:
    ends = curve.heights[i] / 2
    if plane.s.min() > curve.middles[i] + ends or plane.s.max() < curve.middles[i] - ends:
        return
    outline = in_plane + _lips(plane, curve, body, rough)
    depth = both(outline, _endplates(plane, curve, i, body, rough))
    name = f"vertebral_body_{body.levels[i]}"
    # T12 is not set by the user: it continues L1.
    level = max(i - 1, 0)
    trabecular = body.at_levels(body.trabecular_hu)[level]
    marrow_fat = body.at_levels(body.marrow_fat_percent)[level]
    yield Piece(region=name, depth=depth, tissue="cortical_bone", hu=body.cortical_hu)
    yield Piece(
        region=name,
        depth=depth - np.float32(body.shell_mm(level)),
        tissue="marrow",
        hu=trabecular + TRABECULAR_GRAIN_HU * np.asarray(rough.grain),
        fat=_marrow_fat(marrow_fat, rough.grain, depth),
    )
    # The veins that leave at the back, in the middle of the height.
    up = plane.s - np.float32(curve.middles[i])
    vein = both(1.3 - np.abs(up), ellipse(plane.u, plane.a, (0, -14), (3.0, 8.0)), depth + 1)
    yield Piece(region=name, depth=vein, tissue="vein", hu=55.0)


def _marrow_fat(percent: float, grain: NDArray[Any] | float, like: Reals) -> NDArray[np.float32]:
    # Where there is more bone there is less fat.
    share = np.float32(percent / 100) - np.float32(MARROW_GRAIN) * np.asarray(grain)
    return np.broadcast_to(np.clip(share, 0, 1).astype(np.float32), like.shape)


def _disc(
    plane: Plane, curve: SpineCurve, i: int, in_plane: Reals, body: LumbarBody, rough: Rough
) -> Iterator[Piece]:
    top = curve.middles[i] - curve.heights[i] / 2
    bottom = curve.middles[i + 1] + curve.heights[i + 1] / 2
    # A fractured body leaves its place to the discs, so theirs reaches to the bodies' middles.
    into = [
        0.7 * float(curve.heights[n])
        if any(one.level == body.levels[n] for one in body.fractures)
        else 3.5
        for n in (i, i + 1)
    ]
    if plane.s.min() > top + into[0] or plane.s.max() < bottom - into[1]:
        return
    # Bodies are laid over it, so the disc may run into their hollow endplates.
    bulge = np.clip(0.5 + 0.4 * np.asarray(rough.lumps), 0, 1) * np.float32(body.disc_bulge_mm)
    depth = both(in_plane + bulge, within(plane.s, bottom - into[1], top + into[0]))
    name = f"intervertebral_disc_{body.levels[i]}_{body.levels[i + 1]}"
    yield Piece(region=name, depth=depth, tissue="annulus", hu=DISC_HU)
    nucleus = ellipse(plane.u, plane.a, (0, -1), (14, 9)) + np.asarray(rough.lumps)
    yield Piece(
        region=name, depth=both(depth - np.float32(1), nucleus), tissue="nucleus", hu=NUCLEUS_HU
    )


def _arch(
    plane: Plane, curve: SpineCurve, i: int, body: LumbarBody, rough: Rough
) -> Iterator[Piece]:
    """Pedicles, laminae, articular, transverse and spinous processes."""
    m, a = plane.m, plane.a
    usual = float(curve.tabulated(range(USUAL_LEVELS))[i])
    up = plane.s - np.float32(curve.middles[i])
    half = float(curve.heights[i]) / 2
    pedicle_m = _pedicle_m(curve, i)
    pedicle = both(
        ellipse(m, up, (pedicle_m, half - 8.5), (4.6 + 0.9 * (usual > 4.5), 7.2)),
        within(a, -33, -9),
    )
    lamina = both(
        bar(m, a, (pedicle_m + 1.5, -33), (0, -42), 3.3), within(up, -half - 8.5, half - 7)
    )
    tilt = 0.25 * (a + 40)
    tip = -69.0 + 5 * max(usual - 4, 0) - 2 * max(1 - abs(usual - 3), 0)
    # Spinous processes thicken towards their tip and hang a little.
    thick = 3.0 + 1.6 * np.clip((-48 - a) / 20, 0, 1)
    blade = ellipse(a, up - tilt, ((tip - 38) / 2, -7), ((-38 - tip) / 2, 10.5), power=3)
    spinous = both(thick - m, blade + 0.9 * np.asarray(rough.lumps))
    reach = float(curve.tabulated((*TRANSVERSE_MM, TRANSVERSE_MM[-1]))[i])
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
    name = f"vertebra_posterior_{body.levels[i]}"
    yield Piece(region=name, depth=depth, tissue="cortical_bone", hu=body.cortical_hu * 0.9)
    yield Piece(region=name, depth=depth - np.float32(1.2), tissue="marrow", hu=CANCELLOUS_ARCH_HU)


def _pedicle_m(curve: SpineCurve, i: int) -> float:
    return float(curve.tabulated((*PEDICLE_MM, PEDICLE_MM[-1]))[i])


def _implants(plane: Plane, curve: SpineCurve, body: LumbarBody) -> Iterator[Piece]:
    """Pedicle screws with their heads, and a rod on each side that joins them."""
    m, a = plane.m, plane.a
    numbers = sorted(body.levels.index(level) for level in body.screws)
    depth = np.full(np.broadcast_shapes(m.shape, a.shape), np.float32(-99))
    for i in numbers:
        up = plane.s - np.float32(curve.middles[i] + curve.heights[i] / 2 - 9)
        inner = _pedicle_m(curve, i)
        shaft = -bar(m, a, (inner + 3.5, -46), (inner - 5, 7), 0.0)
        head = np.hypot(m - (inner + 4), a + 48)
        depth = either(depth, SCREW_MM - np.hypot(shaft, up), 6.0 - np.hypot(head, up))
    top, bottom = (float(curve.middles[i]) for i in (numbers[0], numbers[-1]))
    beside = np.interp(
        plane.s, [bottom, top], [_pedicle_m(curve, i) for i in (numbers[-1], numbers[0])]
    )
    rod = SCREW_ROD_MM - np.hypot(m - beside - 4, a + 52)
    depth = either(depth, both(rod, within(plane.s, bottom - 4, top + 24)))
    yield Piece(region=None, depth=depth, tissue="metal", hu=METAL_HU)


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
    yellow = both(ellipse(plane.u, plane.a, (0, -25), (15, 12.5)), -plane.a - np.float32(28))
    yield Piece(region="", depth=yellow, tissue="ligament", hu=LIGAMENT_HU)
    capsule = ellipse(plane.m, plane.a, (17, -33), (8, 7))
    yield Piece(region="", depth=capsule, tissue="cartilage", hu=CARTILAGE_HU)


def _canal(plane: Plane) -> Iterator[Piece]:
    triangle = 11.5 - 0.12 * np.clip(-plane.a - 25, 0, 12)
    depth = ellipse(plane.u, plane.a, (0, -24.5), (triangle, 9.0), power=2.2)
    yield Piece(region="spinal_canal", depth=depth, tissue="fat", hu=EPIDURAL_FAT_HU)
    sac = ellipse(plane.u, plane.a, (0, -23.0), (9.0, 6.6))
    yield Piece(region="spinal_canal", depth=sac, tissue="cerebrospinal_fluid", hu=SAC_HU)


def _sacrum(
    plane: Plane,
    curve: SpineCurve,
    in_plane: Reals,
    body: LumbarBody,
    rough: Rough,
) -> Iterator[Piece]:
    m, a = plane.m, plane.a
    down = np.float32(curve.middles[-1] + curve.heights[-1] / 2) - plane.s
    top = 1.2 * np.clip(1 - (plane.u / 26) ** 2 - (a / BODY_FRONT_MM) ** 2, 0, 1)
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
    canal = ellipse(plane.u, a, (0, -27), (11, 6.5))
    shape = both(either(centrum, wing, roof, crest, ridge), -canal)
    # What is left of the disc between S1 and S2.
    shape = both(shape, either(np.abs(down - 33) - 1.5, 11 - np.abs(a + 1), m - 17))
    yield Piece(region="sacrum", depth=shape, tissue="cortical_bone", hu=body.cortical_hu * 0.8)
    spongy = np.where(m < 22, body.trabecular_hu[4] * 0.9, SACRAL_WING_HU)
    yield Piece(
        region="sacrum",
        depth=shape - np.float32(1.3),
        tissue="marrow",
        hu=spongy + TRABECULAR_GRAIN_HU * np.asarray(rough.grain),
        fat=_marrow_fat(body.marrow_fat_percent[4], rough.grain, shape),
    )
    sac = both(ellipse(plane.u, a, (0, -26), (8, 5)), down)
    yield Piece(region="spinal_canal", depth=both(canal, down), tissue="fat", hu=EPIDURAL_FAT_HU)
    yield Piece(region="spinal_canal", depth=sac, tissue="cerebrospinal_fluid", hu=SAC_HU)
