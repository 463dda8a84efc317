"""The stages that definitions of sarcopenia share, and what stays open where a test is missing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from enthesis.diagnosis.criteria import Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import Columns, FloatArray
from enthesis.diagnosis.muscle_inputs import ALM, ALMI, BySex, index
from enthesis.diagnosis.truth import Truth, both, either

MASS_OPEN = "muscle mass is not known: whether it is low stays open"
MASS_IN_KG = "without a height, muscle mass was judged in kg"
PERFORMANCE_OPEN = "physical performance is not known: severity stays open"
SEVERITY_OPEN = "strength or performance is not known: severity stays open"


def borders(*of: BySex | Cutoff) -> tuple[Cutoff, ...]:
    """Every border on its own, men's and women's too."""
    return tuple(
        cutoff for one in of for cutoff in (one.both if isinstance(one, BySex) else (one,))
    )


def almi_of(columns: Columns) -> FloatArray:
    """Appendicular lean mass by height squared, worked out or as given."""
    return index(columns, ALM, ALMI)


def answer(verdict: Verdict, *answers: tuple[int, NDArray[np.bool_]]) -> Verdict:
    """The verdict with these codes where they hold; what is still possible stays as it was.

    A definition names what is found without its last step ("probable sarcopenia"), though that
    step could still change the answer.
    """
    codes = verdict.codes.copy()
    for code, where in answers:
        codes[where] = code
    return replace(verdict, codes=codes)


def stages(weak: Truth, low_mass: Truth, slow: Truth, numbers: Mapping[str, FloatArray]) -> Verdict:
    """Strength first: severe, confirmed, probable, none (EWGSOP2)."""
    mass_open = (weak == 1) & np.isnan(low_mass)
    severity_open = (weak == 1) & (low_mass == 1) & np.isnan(slow)
    verdict = decide(
        (0, both(weak, low_mass, slow)),
        (1, both(weak, low_mass)),
        (2, weak),
        otherwise=3,
        numbers=numbers,
        flags={MASS_OPEN: mass_open, PERFORMANCE_OPEN: severity_open},
    )
    return answer(verdict, (2, mass_open), (1, severity_open))


def mass_first(
    low_mass: Truth,
    weak: Truth,
    slow: Truth,
    numbers: Mapping[str, FloatArray],
    *,
    presarcopenia: bool,
) -> Verdict:
    """Low mass with weakness or slowness; severe with both."""
    impaired = either(weak, slow)
    severity_open = (low_mass == 1) & (impaired == 1) & (np.isnan(weak) | np.isnan(slow))
    conditions = [(0, both(low_mass, weak, slow)), (1, both(low_mass, impaired))]
    if presarcopenia:
        conditions.append((2, low_mass))
    verdict = decide(
        *conditions,
        otherwise=len(conditions),
        numbers=numbers,
        flags={SEVERITY_OPEN: severity_open},
    )
    return answer(verdict, (1, severity_open))
