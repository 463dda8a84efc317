"""A cohort of reference bodies in three groups of bone density, with known effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.phantom.body import MUSCLES, Compartment, LumbarBody, PerLevel
from enthesis.records import Sex

GROUPS = ("osteoporosis", "osteopenia", "control")

SHIFT_IN_SD: Mapping[str, Mapping[str, float]] = {
    "osteoporosis": {"trabecular_hu": -2.2, "marrow_fat": 0.9, "area": -0.6, "fat": 0.8},
    "osteopenia": {"trabecular_hu": -1.1, "marrow_fat": 0.5, "area": -0.3, "fat": 0.4},
    "control": {"trabecular_hu": 0.0, "marrow_fat": 0.0, "area": 0.0, "fat": 0.0},
}
"""By how many SDs of one sex and age each group's mean lies from the control's: the effects that a
comparison must find again. Round numbers of plausible size, not of a study."""

SD = {"trabecular_hu": 24.0, "marrow_fat": 7.0, "area": 0.12, "fat": 0.25}
"""SD within one group, sex and age: HU, percent, and shares of the mean for area and fat (of which
the logarithms are drawn)."""

PER_DECADE = {"trabecular_hu": -12.0, "marrow_fat": 3.0, "area": -0.04, "fat": 0.15}
"""Change with ten years of age, in the units of `SD`."""

FEMALE_AREA = -0.22
"""Difference of the logarithm of area of women from men."""

AGE = (68.0, 8.0, 50.0, 88.0)
"""Mean, SD, youngest and oldest, years; alike in all groups, so that age confounds nothing."""

REFERENCE_AGE = 55.0
"""Age of the default body, years."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedSubject:
    """One member of the cohort.

    Parameters
    ----------
    id : its code
    group : one of `GROUPS`
    sex : "female" or "male"
    age : years
    body : sizes, areas, fat and attenuation
    """

    id: str
    group: str
    sex: Sex
    age: float
    body: LumbarBody


def simulate_subjects(n: int, *, rng: np.random.Generator) -> tuple[SimulatedSubject, ...]:
    """Bodies of n subjects, the groups in turn.

    Parameters
    ----------
    n : 3 or more, so that no group is empty
    rng : draws sex, age and the bodies

    Raises
    ------
    InputError : fewer than three subjects.
    """
    if n < len(GROUPS):
        raise InputError(f"a cohort wants at least {len(GROUPS)} subjects, one a group, got {n}")
    return tuple(_subject(i, rng) for i in range(n))


def subjects_table(subjects: Sequence[SimulatedSubject]) -> pd.DataFrame:
    """A row per subject with what is true of it.

    Returns
    -------
    DataFrame with subject, group, sex, age (years) and, of L3: each muscle's ``area`` (mm2, mean
    of both sides, across the spine) and ``fat_infiltration`` (%), the body's
    ``trabecular_attenuation`` (HU) and its ``marrow_fat`` (% of the cancellous space).
    """
    rows: list[dict[str, Any]] = []
    for one in subjects:
        row: dict[str, Any] = {
            "subject": one.id,
            "group": one.group,
            "sex": one.sex,
            "age": one.age,
        }
        for muscle in MUSCLES:
            compartment = one.body.compartment(muscle)
            row[f"{muscle}_area"] = compartment.area_mm2[2]
            row[f"{muscle}_fat_infiltration"] = compartment.fat_percent
        row["trabecular_attenuation"] = one.body.trabecular_hu[2]
        row["marrow_fat"] = one.body.marrow_fat_percent[2]
        rows.append(row)
    return pd.DataFrame(rows)


def _subject(i: int, rng: np.random.Generator) -> SimulatedSubject:
    group = GROUPS[i % len(GROUPS)]
    sex: Sex = "female" if rng.random() < 0.5 else "male"
    mean, sd, youngest, oldest = AGE
    age = float(np.clip(rng.normal(mean, sd), youngest, oldest))
    decades = (age - REFERENCE_AGE) / 10

    def drawn(name: str) -> float:
        off = SHIFT_IN_SD[group][name] + rng.standard_normal()
        return float(PER_DECADE[name] * decades + SD[name] * off)

    usual = LumbarBody()
    area = float(np.exp(drawn("area") + (FEMALE_AREA if sex == "female" else 0)))
    fat = float(np.exp(drawn("fat")))
    body = replace(
        usual,
        multifidus=_grown(usual.multifidus, area=area, fat=fat),
        erector_spinae=_grown(usual.erector_spinae, area=area, fat=fat),
        quadratus_lumborum=_grown(usual.quadratus_lumborum, area=area, fat=fat),
        psoas_major=_grown(usual.psoas_major, area=area, fat=fat),
        trabecular_hu=_moved(usual.trabecular_hu, drawn("trabecular_hu"), low=5, high=300),
        marrow_fat_percent=_moved(usual.marrow_fat_percent, drawn("marrow_fat"), low=5, high=90),
    )
    return SimulatedSubject(id=f"S{i + 1:03d}", group=group, sex=sex, age=round(age, 1), body=body)


def _grown(usual: Compartment, *, area: float, fat: float) -> Compartment:
    l1, l2, l3, l4, l5 = (value * area for value in usual.area_mm2)
    return Compartment(area_mm2=(l1, l2, l3, l4, l5), fat_percent=min(usual.fat_percent * fat, 60))


def _moved(values: PerLevel, by: float, *, low: float, high: float) -> PerLevel:
    l1, l2, l3, l4, l5 = (min(max(value + by, low), high) for value in values)
    return l1, l2, l3, l4, l5
