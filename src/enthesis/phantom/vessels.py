"""Aorta and inferior vena cava in front of the spine, and what they divide into."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from enthesis.phantom.body import LumbarBody
from enthesis.phantom.geometry import Plane, Reals, SpineCurve, both, ellipse
from enthesis.phantom.muscles import Muscles
from enthesis.phantom.spine import Piece

BLOOD_HU = 44.0

ARTERY_MM, VEIN_MM = (6.5, 6.0), (8.0, 6.5)
"""Half axes of the common iliac vessels, mm."""

BESIDE_PSOAS_MM = 0.5
"""Fat between an iliac vessel and the psoas that it follows, mm."""


def vessel_pieces(
    plane: Plane, curve: SpineCurve, muscles: Muscles, body: LumbarBody
) -> Iterator[Piece]:
    """The great vessels down to where they divide at L4 and L5, and the iliac ones after that.

    The arteries run along the front of the psoas, the veins into the groove between it and the
    lumbosacral joint.
    """
    usual = np.linspace(0, 1, curve.middles.size)
    fork = float(np.interp(4 / 6, usual, curve.middles)) - 8
    vein_fork = float(np.interp(5 / 6, usual, curve.middles)) + 6
    # The great vessels wind, more so in the old.
    wind = np.float32(3.5) * np.sin(plane.s / 31 + 0.01 * body.body_height_mm[0])
    aorta = both(ellipse(plane.u + wind, plane.a, (-8, 29), (9.2, 9.2)), plane.s - np.float32(fork))
    yield _vessel("aorta", aorta)
    vein = ellipse(plane.u, plane.a, (17, 27), (12.5, 8.5))
    yield _vessel("inferior_vena_cava", both(vein, plane.s - np.float32(vein_fork)))
    down, low = (np.clip(at - plane.s, 0, None) for at in (fork, vein_fork))
    for side, start, vein_start in (("left", 12.0, -6.0), ("right", -3.0, 20.0)):
        psoas = [
            np.interp(plane.s, muscles.s, row).astype(np.float32)
            for row in muscles.outlines["psoas_major", side]
        ]
        sign = np.float32(1 if side == "right" else -1)
        ahead = 29 - 0.10 * down
        beside = np.minimum(start + 0.55 * down, _beside(psoas, ahead, ARTERY_MM))
        artery = ellipse(plane.u, plane.a, (sign * beside, ahead), ARTERY_MM)
        yield _vessel("", both(artery, down - 0.5))
        ahead = 24 - 0.45 * low
        beside = np.minimum(vein_start + 0.62 * low, _beside(psoas, ahead, VEIN_MM))
        branch = ellipse(plane.u, plane.a, (sign * beside, ahead), VEIN_MM)
        yield _vessel("", both(branch, low - 0.5), venous=True)


def _beside(psoas: list[Reals], ahead: Reals, vessel_mm: tuple[float, float]) -> Reals:
    """How far from the midline a vessel at this depth lies against the inner face of the psoas."""
    m, a, across, deep = psoas
    across, deep = across + vessel_mm[0], deep + vessel_mm[1]
    reach = np.sqrt(np.clip(1 - ((ahead - a) / np.maximum(deep, 1)) ** 2, 0, None))
    return np.asarray(m - across * reach - np.float32(BESIDE_PSOAS_MM))


def _vessel(region: str, depth: Reals, *, venous: bool = False) -> Piece:
    venous = venous or region == "inferior_vena_cava"
    return Piece(
        region=region,
        depth=depth,
        tissue="blood",
        hu=BLOOD_HU - 4 * venous,
        contrast=0.6 if venous else 1.0,
    )
