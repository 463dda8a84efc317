"""Bodies drawn at random over all that a `LumbarBody` can be, to teach and to try methods on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from enthesis.phantom.body import (
    Compartment,
    Fracture,
    FractureShape,
    LumbarBody,
    Pattern,
    PerLevel,
)

PATTERNS: tuple[Pattern, ...] = ("streaks", "homogeneous", "lamellar")
PATTERN_CHANCES = (0.6, 0.2, 0.2)
SHAPES: tuple[FractureShape, ...] = ("wedge", "biconcave", "crush")

CHANCE = {
    "fracture": 0.25,
    "scoliosis": 0.3,
    "screws": 0.06,
    "contrast": 0.4,
    "rods": 0.15,
    "transitional": 0.08,
}
"""How often each is drawn: far more often than in people, so that each is met often enough."""


def random_body(*, rng: np.random.Generator) -> LumbarBody:
    """A body with every parameter drawn, wide but within what people have.

    Parameters
    ----------
    rng : the same state gives the same body
    """
    usual = LumbarBody()
    size = float(np.clip(rng.normal(1, 0.07), 0.84, 1.2))
    drawn = replace(
        usual,
        size=size,
        n_lumbar=int(rng.choice((4, 6))) if rng.random() < CHANCE["transitional"] else 5,
        left_excess_percent=float(np.clip(rng.normal(0, 8), -30, 30)),
        trabecular_hu=_levels(usual.trabecular_hu, 1, rng.uniform(-110, 90), 8, rng, low=10),
        marrow_fat_percent=_levels(
            usual.marrow_fat_percent, 1, rng.uniform(-20, 30), 3, rng, low=5, high=90
        ),
        cortical_hu=float(rng.uniform(400, 900)),
        cortical_mm=float(rng.uniform(0.6, 1.8)),
        body_height_mm=_levels(usual.body_height_mm, size, rng.uniform(-2, 2), 0.8, rng, low=20),
        disc_height_mm=_levels(usual.disc_height_mm, size, rng.uniform(-3, 2), 1.2, rng, low=3.5),
        lordosis_deg=float(np.clip(rng.normal(42, 10), 12, 60)),
        osteophyte_mm=min(float(rng.gamma(1.2, 1.5)), 8.0),
        disc_bulge_mm=float(rng.uniform(0, 4)),
        fat_hu=float(rng.uniform(-115, -95)),
        lean_hu=float(rng.uniform(45, 66)),
        subcutaneous_mm=float(np.clip(rng.gamma(4, 5), 5, 55)),
        trunk_width_mm=float(np.clip(rng.normal(296, 26), 250, 380)),
        trunk_depth_mm=float(np.clip(rng.normal(185, 26), 145, 290)),
        bowel_gas=float(rng.uniform(0, 0.6)),
        noise_sd_hu=float(rng.uniform(5, 30)),
        psf_fwhm_mm=float(rng.uniform(0.7, 2.0)),
        multifidus=_compartment(usual.multifidus, size, rng),
        erector_spinae=_compartment(usual.erector_spinae, size, rng),
        quadratus_lumborum=_compartment(usual.quadratus_lumborum, size, rng),
        psoas_major=_compartment(usual.psoas_major, size, rng),
    )
    return replace(drawn, **_findings(drawn, rng))


def _compartment(usual: Compartment, size: float, rng: np.random.Generator) -> Compartment:
    area = size**2 * float(np.exp(rng.normal(-0.05, 0.22)))
    l1, l2, l3, l4, l5 = (
        float(np.clip(value * area * np.exp(rng.normal(0, 0.06)), 0, 6000))
        for value in usual.area_mm2
    )
    fat = usual.fat_percent * float(np.exp(rng.normal(0.1, 0.7)))
    return Compartment(
        area_mm2=(l1, l2, l3, l4, l5),
        fat_percent=min(fat, 70),
        pattern=PATTERNS[rng.choice(len(PATTERNS), p=PATTERN_CHANCES)],
    )


def _findings(body: LumbarBody, rng: np.random.Generator) -> dict[str, Any]:
    found: dict[str, Any] = {}
    levels = body.levels[:-1]
    if rng.random() < CHANCE["fracture"]:
        hurt = rng.choice(len(levels), size=rng.integers(1, 4), replace=False)
        found["fractures"] = tuple(
            Fracture(
                level=levels[i],
                shape=SHAPES[rng.integers(len(SHAPES))],
                loss_percent=float(rng.uniform(15, 55)),
            )
            for i in sorted(hurt)
        )
    if rng.random() < CHANCE["scoliosis"]:
        found["scoliosis_deg"] = float(np.clip(rng.normal(0, 15), -45, 45))
        # The vertebrae turn with the curve, some degree for every two of it.
        found["rotation_deg"] = float(np.clip(found["scoliosis_deg"] * 0.45, -30, 30))
    if rng.random() < CHANCE["screws"]:
        first = int(rng.integers(1, len(levels) - 1))
        found["screws"] = levels[first : first + int(rng.integers(2, 4))]
    if rng.random() < CHANCE["contrast"]:
        found["contrast_hu"] = float(rng.uniform(60, 350))
    if rng.random() < CHANCE["rods"]:
        found["rods"] = "CaHA" if rng.random() < 0.5 else "K2HPO4"
    return found


def _levels(
    usual: PerLevel,
    factor: float,
    shift: float,
    spread: float,
    rng: np.random.Generator,
    *,
    low: float,
    high: float = 400.0,
) -> PerLevel:
    """Five values moved together, and each a little by itself."""
    l1, l2, l3, l4, l5 = (
        float(np.clip(value * factor + shift + spread * rng.standard_normal(), low, high))
        for value in usual
    )
    return l1, l2, l3, l4, l5
