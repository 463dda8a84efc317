"""Random bodies: everything that the reference body lets one choose, chosen by chance."""

from __future__ import annotations

from typing import Any

import numpy as np

from enthesis.phantom.body import (
    MAX_LORDOSIS_DEG,
    MUSCLES,
    Compartment,
    Fracture,
    LumbarBody,
    PerLevel,
)

USUAL = LumbarBody()

PATTERNS, PATTERN_SHARES = ("streaks", "homogeneous", "lamellar"), (0.6, 0.25, 0.15)


def random_body(rng: np.random.Generator) -> LumbarBody:
    """A body of any build, age and health, without noise: that comes with each view of it."""
    size = float(np.clip(rng.normal(1, 0.07), 0.82, 1.22))
    density = float(np.clip(rng.normal(140, 65), -20, 330))
    n_lumbar = int(rng.choice([4, 5, 6], p=[0.03, 0.93, 0.04]))
    levels = ("T12", *(f"L{i + 1}" for i in range(n_lumbar)))
    bent = rng.random() < 0.3
    return LumbarBody(
        **_compartments(rng, size),
        **_skeleton(rng, size, density),
        left_excess_percent=float(np.clip(rng.normal(0, 9), -30, 30)),
        n_lumbar=n_lumbar,
        size=size,
        scoliosis_deg=float(np.clip(rng.normal(0, 16 if bent else 4), -45, 45)),
        rotation_deg=float(np.clip(rng.normal(0, 8 if bent else 2), -25, 25)),
        fractures=_fractures(rng, levels) if rng.random() < 0.2 else (),
        screws=_screws(rng, levels) if rng.random() < 0.08 else (),
        lean_hu=float(np.clip(rng.normal(54, 8), 25, 85)),
        fat_hu=float(rng.uniform(-125, -85)),
        subcutaneous_mm=float(np.clip(rng.lognormal(np.log(17), 0.55), 4, 60)),
        trunk_width_mm=float(np.clip(rng.normal(298, 30), 242, 415)),
        trunk_depth_mm=float(np.clip(rng.normal(182, 28), 142, 325)),
        bowel_gas=float(rng.uniform(0, 0.7)),
        noise_sd_hu=0.0,
        psf_fwhm_mm=0.0,
    )


def _skeleton(rng: np.random.Generator, size: float, density: float) -> dict[str, Any]:
    discs = rng.uniform(0.55, 1.2) * np.array(USUAL.disc_height_mm)
    return {
        "trabecular_hu": _levels(rng, np.full(5, density), 14.0, (-50, 500)),
        "marrow_fat_percent": _levels(rng, np.full(5, rng.uniform(15, 75)), 5.0, (0, 95)),
        "cortical_hu": float(np.clip(density + rng.uniform(100, 550), 180, 1000)),
        "cortical_mm": float(rng.uniform(0.3, 1.5)),
        "body_height_mm": _levels(rng, size * np.array(USUAL.body_height_mm), 1.3, (18, 40)),
        "disc_height_mm": _levels(rng, discs, 1.4, (3, 18)),
        "lordosis_deg": float(np.clip(rng.normal(38, 13), 3, MAX_LORDOSIS_DEG)),
        "osteophyte_mm": float(np.clip(rng.exponential(1.5), 0, 7)),
        "disc_bulge_mm": float(np.clip(rng.exponential(1.6), 0, 5.5)),
    }


def _compartments(rng: np.random.Generator, size: float) -> dict[str, Any]:
    fat_level = rng.uniform(0, 1) ** 1.6
    return {
        muscle: _compartment(rng, USUAL.compartment(muscle), size, fat_level) for muscle in MUSCLES
    }


def _compartment(
    rng: np.random.Generator, usual: Compartment, size: float, fat_level: float
) -> Compartment:
    area = np.array(usual.area_mm2) * size**2 * np.exp(rng.normal(-0.05, 0.26))
    slope = rng.normal(0, 0.12) * np.linspace(-1, 1, 5)
    area = area * np.exp(slope + rng.normal(0, 0.06, 5))
    fat = float(np.clip(75 * fat_level * rng.uniform(0.5, 1.3), 0, 79))
    return Compartment(
        area_mm2=_five(np.clip(area, 0, 6000)),
        fat_percent=fat,
        pattern=PATTERNS[int(rng.choice(len(PATTERNS), p=PATTERN_SHARES))],
        left_excess_percent=float(np.clip(rng.normal(0, 12), -45, 45)),
    )


def _fractures(rng: np.random.Generator, levels: tuple[str, ...]) -> tuple[Fracture, ...]:
    broken = rng.choice(len(levels), size=int(rng.integers(1, 4)), replace=False)
    return tuple(
        Fracture(
            level=levels[int(i)],
            shape=("wedge", "biconcave", "crush")[int(rng.integers(3))],
            loss_percent=float(rng.uniform(10, 60)),
        )
        for i in broken
    )


def _screws(rng: np.random.Generator, levels: tuple[str, ...]) -> tuple[str, ...]:
    first = int(rng.integers(0, len(levels) - 1))
    return levels[first : first + int(rng.integers(2, 4))]


def _levels(
    rng: np.random.Generator, middle: np.ndarray, sd: float, bounds: tuple[float, float]
) -> PerLevel:
    return _five(np.clip(middle + rng.normal(0, sd, 5), *bounds))


def _five(values: np.ndarray) -> PerLevel:
    first, second, third, fourth, fifth = (float(value) for value in values)
    return first, second, third, fourth, fifth
