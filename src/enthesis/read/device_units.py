"""Units as headers write them, what they are worth in ours, and what no living person has."""

from __future__ import annotations

import re

from enthesis.quantities import QUANTITIES

FIELD_UNITS = {"age": "years", "height_m": "m", "weight_kg": "kg", "bmi": "kg/m2", "years": "years"}
"""What is said of the person rather than measured, by the name of its column."""

FACTORS: dict[tuple[str, str], float] = {
    ("cm", "m"): 0.01,
    ("mm", "m"): 0.001,
    ("in", "m"): 0.0254,
    ("mm", "cm"): 0.1,
    ("m", "cm"): 100.0,
    ("cm", "mm"): 10.0,
    ("g", "kg"): 0.001,
    ("kg", "g"): 1000.0,
    ("lb", "kg"): 0.45359237,
    ("cm2", "mm2"): 100.0,
    ("mm2", "cm2"): 0.01,
    ("cm3", "mm3"): 1000.0,
    ("cm/s", "m/s"): 0.01,
    ("km/h", "m/s"): 1 / 3.6,
    ("mg/cm2", "g/cm2"): 0.001,
    ("g/cm2", "mg/cm2"): 1000.0,
    ("g/cm3", "mg/cm3"): 1000.0,
    ("min", "s"): 60.0,
    ("months", "years"): 1 / 12,
    ("days", "years"): 1 / 365.25,
}
"""From the unit of a header to that of the quantity: multiply by this."""

SPELLINGS = {
    "kgs": "kg",
    "kilograms": "kg",
    "grams": "g",
    "gr": "g",
    "gm": "g",
    "lbs": "lb",
    "sec": "s",
    "secs": "s",
    "seconds": "s",
    "mins": "min",
    "minutes": "min",
    "y": "years",
    "yr": "years",
    "yrs": "years",
    "year": "years",
    "month": "months",
    "day": "days",
    "percent": "%",
    "pct": "%",
    "sd": "",
    "points": "",
    "score": "",
    "gm/cm2": "g/cm2",
    "g/sqcm": "g/cm2",
    "mg/cc": "mg/cm3",
    "mg/ml": "mg/cm3",
    "inches": "in",
    "kmh": "km/h",
    "db/mhz": "dB/MHz",
}
"""Other ways to write a unit, in small letters."""

KNOWN = {
    unit.lower(): unit
    for unit in sorted(
        {one.unit for one in QUANTITIES.values()} | {unit for pair in FACTORS for unit in pair}
    )
} | SPELLINGS
"""Small letters → the unit as `quantities` writes it."""

LIMITS: dict[str, tuple[float, float]] = {
    "age": (0, 130),
    "years": (0, 130),
    "height_m": (0.3, 2.8),
    "weight_kg": (0.5, 650),
    "bmi": (5, 150),
    "areal_bmd": (0.05, 3),
    "bone_mineral_content": (0.1, 6000),
    "projected_area": (0.3, 4000),
    "t_score": (-12, 12),
    "z_score": (-12, 12),
    "trabecular_bmd": (-200, 800),
    "trabecular_bone_score": (0.3, 2.5),
    "frax_major": (0, 100),
    "frax_hip": (0, 100),
    "ultrasound_attenuation": (0, 250),
    "speed_of_sound": (1200, 5500),
    "amplitude_dependent_speed": (1200, 5500),
    "stiffness_index": (-100, 250),
    "grip_strength": (0, 150),
    "gait_speed": (0, 12),
    "chair_stand_time": (0, 1800),
    "tug_time": (0, 1800),
    "walk_400m_time": (0, 7200),
    "sppb_score": (0, 12),
    "sarc_f_score": (0, 10),
    "calf_circumference": (5, 120),
    "body_fat_percent": (0, 100),
    "fat_mass": (0, 500),
    "lean_mass": (0.05, 250),
    "fat_free_mass": (0.05, 260),
    "appendicular_lean_mass": (0.5, 120),
    "appendicular_lean_mass_index": (0.5, 40),
    "appendicular_muscle_mass_bia": (0.5, 120),
    "appendicular_muscle_mass_index_bia": (0.5, 40),
}
"""Wider than any living person; catches cm for m, g for kg, mg for g, and scores that do not exist.

Single vertebrae under a plaque of calcium read above 2 g/cm2, an infant's radius below 0.1.
"""


def unit(text: str) -> str | None:
    """The unit as `quantities` writes it; None for what is no unit known here."""
    plain = re.sub(r"[\s^*·]", "", text.replace("²", "2").replace("³", "3")).lower()
    return KNOWN.get(plain)


def factor(given: str, wanted: str) -> float | None:
    """What a value in one unit is multiplied by for the other; None where there is no such."""
    return 1.0 if given == wanted else FACTORS.get((given, wanted))


def other_unit(value: float, of: str, given: str, wanted: str) -> str:
    """The unit in which an impossible value would be a possible one, or "".

    Parameters
    ----------
    value : in the quantity's unit, outside its limits
    of : the quantity or field
    given, wanted : unit that the value was taken to be in, and the quantity's
    """
    low, high = LIMITS[of]
    taken = factor(given, wanted) or 1.0
    fits = [
        source
        for (source, target), worth in FACTORS.items()
        if target == wanted and source != given and low <= value / taken * worth <= high
    ]
    if given != wanted and low <= value / taken <= high:
        fits.insert(0, wanted)
    return fits[0] if fits else ""
