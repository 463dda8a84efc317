"""Sarcopenia by its versioned definitions: strength, mass and performance, each its own way.

A test of strength or of performance is known when one of its kind is: a normal grip without a chair
stand is normal strength. Strength and performance are two things: a definition that takes either
cannot tell from a normal grip alone. Where muscle mass or performance was not measured, the answer
is what the definition calls those found so far ("probable sarcopenia"), and a flag says what is
still open.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from enthesis.diagnosis.criteria import DOES_NOT_APPLY, Category, Criterion, Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import AGE, BMI, HEIGHT, SEX, WEIGHT, Columns, FloatArray
from enthesis.diagnosis.muscle_inputs import (
    ALM,
    ALM_BIA,
    ALM_BY_BMI,
    ALM_BY_BMI_BIA,
    ALMI,
    ALMI_BIA,
    CHAIR,
    GAIT,
    GRIP,
    LEAN_MASS_DXA,
    SPPB,
    TUG,
    WALK,
    WALKED,
    BySex,
    any_known,
    border,
    index,
    on,
    one_border,
    over_bmi,
)
from enthesis.diagnosis.truth import Truth, both, either, invert

MASS_OPEN = "muscle mass is not known: whether it is low stays open"
MASS_IN_KG = "without a height, muscle mass was judged in kg"
PERFORMANCE_OPEN = "physical performance is not known: severity stays open"
SEVERITY_OPEN = "strength or performance is not known: severity stays open"

EWGSOP2_GRIP = border("<", GRIP, men=27, women=16)
EWGSOP2_CHAIR = one_border(">", CHAIR, 15)
EWGSOP2_ALMI = border("<", ALMI, men=7.0, women=5.5)
EWGSOP2_ALM = border("<", ALM, men=20, women=15)
EWGSOP2_GAIT = one_border("<=", GAIT, 0.8)
EWGSOP2_SPPB = one_border("<=", SPPB, 8)
EWGSOP2_TUG = one_border(">=", TUG, 20)
EWGSOP2_WALK = one_border(">=", WALK, 360)

EWGSOP_2010_GRIP = border("<", GRIP, men=30, women=20)
EWGSOP_2010_ALMI = border("<=", ALMI, men=7.23, women=5.67)

AWGS_2014_GRIP = border("<", GRIP, men=26, women=18)

AWGS_2019_GRIP = border("<", GRIP, men=28, women=18)
AWGS_2019_ALMI = border("<", ALMI, men=7.0, women=5.4)
AWGS_2019_ALMI_BIA = border("<", ALMI_BIA, men=7.0, women=5.7)
AWGS_2019_GAIT = one_border("<", GAIT, 1.0)
AWGS_2019_SPPB = one_border("<=", SPPB, 9)
AWGS_2019_CHAIR = one_border(">=", CHAIR, 12)

AWGS_2025_OLD = one_border(">=", AGE, 65)
AWGS_2025_YOUNG = one_border("<", AGE, 50)
AWGS_2025_MIDDLE_AGE = {
    "grip": border("<", GRIP, men=34, women=20),
    "almi": border("<", ALMI, men=7.2, women=5.5),
    "almi_bia": border("<", ALMI_BIA, men=7.6, women=5.7),
    "by_bmi": border("<", ALM_BY_BMI, men=0.80, women=0.55),
    "by_bmi_bia": border("<", ALM_BY_BMI_BIA, men=0.90, women=0.63),
}
"""From 50 to 64 years."""

AWGS_2025_OLD_AGE = {
    "grip": border("<", GRIP, men=28, women=18),
    "almi": border("<", ALMI, men=7.0, women=5.4),
    "almi_bia": border("<", ALMI_BIA, men=7.0, women=5.7),
    "by_bmi": border("<", ALM_BY_BMI, men=0.73, women=0.52),
    "by_bmi_bia": border("<", ALM_BY_BMI_BIA, men=0.83, women=0.57),
}
"""From 65 years."""

FNIH_GRIP = border("<", GRIP, men=26, women=16)
FNIH_MASS = border("<", ALM_BY_BMI, men=0.789, women=0.512)
FNIH_GAIT = one_border("<=", GAIT, 0.8)

IWGS_GAIT = one_border("<", GAIT, 1.0)
IWGS_ALMI = border("<=", ALMI, men=7.23, women=5.67)

SDOC_GRIP = border("<", GRIP, men=35.5, women=20)
SDOC_GAIT = one_border("<", GAIT, 0.8)


def _almi(columns: Columns) -> FloatArray:
    return index(columns, ALM, ALMI)


def _answer(verdict: Verdict, *answers: tuple[int, NDArray[np.bool_]]) -> Verdict:
    """The verdict with these codes where they hold; what is still possible stays as it was.

    A definition names what is found without its last step ("probable sarcopenia"), though that
    step could still change the answer.
    """
    codes = verdict.codes.copy()
    for code, where in answers:
        codes[where] = code
    return replace(verdict, codes=codes)


def _stages(
    weak: Truth, low_mass: Truth, slow: Truth, numbers: Mapping[str, FloatArray]
) -> Verdict:
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
    return _answer(verdict, (2, mass_open), (1, severity_open))


def _mass_first(
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
    return _answer(verdict, (1, severity_open))


def _ewgsop2(columns: Columns) -> Verdict:
    sex = columns[SEX.name]
    weak = any_known(
        on(EWGSOP2_GRIP, columns[GRIP.name], sex), on(EWGSOP2_CHAIR, columns[CHAIR.name], sex)
    )
    slow = any_known(
        on(EWGSOP2_GAIT, columns[GAIT.name], sex),
        on(EWGSOP2_SPPB, columns[SPPB.name], sex),
        on(EWGSOP2_TUG, columns[TUG.name], sex),
        on(EWGSOP2_WALK, columns[WALK.name], sex),
        (columns[WALKED.name], invert(columns[WALKED.name])),
    )
    almi = _almi(columns)
    in_kg = np.isnan(almi) & ~np.isnan(columns[ALM.name])
    low = np.where(in_kg, EWGSOP2_ALM.holds(columns[ALM.name], sex), EWGSOP2_ALMI.holds(almi, sex))
    verdict = _stages(weak, low, slow, {ALMI.name: almi})
    return replace(verdict, flags={**verdict.flags, MASS_IN_KG: in_kg})


def _ewgsop_2010(columns: Columns) -> Verdict:
    sex, almi = columns[SEX.name], _almi(columns)
    slow = any_known(
        on(EWGSOP2_GAIT, columns[GAIT.name], sex), on(EWGSOP2_SPPB, columns[SPPB.name], sex)
    )
    weak = EWGSOP_2010_GRIP.holds(columns[GRIP.name], sex)
    low = EWGSOP_2010_ALMI.holds(almi, sex)
    return _mass_first(low, weak, slow, {ALMI.name: almi}, presarcopenia=True)


def _awgs_low_mass(columns: Columns, almi: FloatArray) -> Truth:
    sex = columns[SEX.name]
    return any_known(
        on(AWGS_2019_ALMI, almi, sex),
        on(AWGS_2019_ALMI_BIA, index(columns, ALM_BIA, ALMI_BIA), sex),
    )


def _awgs_2014(columns: Columns) -> Verdict:
    sex, almi = columns[SEX.name], _almi(columns)
    low = _awgs_low_mass(columns, almi)
    weak = AWGS_2014_GRIP.holds(columns[GRIP.name], sex)
    slow = EWGSOP2_GAIT.holds(columns[GAIT.name])
    return _mass_first(low, weak, slow, {ALMI.name: almi}, presarcopenia=False)


def _awgs_2019(columns: Columns) -> Verdict:
    sex, almi = columns[SEX.name], _almi(columns)
    low = _awgs_low_mass(columns, almi)
    weak = AWGS_2019_GRIP.holds(columns[GRIP.name], sex)
    slow = any_known(
        on(AWGS_2019_GAIT, columns[GAIT.name], sex),
        on(AWGS_2019_SPPB, columns[SPPB.name], sex),
        on(AWGS_2019_CHAIR, columns[CHAIR.name], sex),
    )
    impaired = either(weak, slow)
    mass_open = (impaired == 1) & np.isnan(low)
    severity_open = (low == 1) & (impaired == 1) & (np.isnan(weak) | np.isnan(slow))
    verdict = decide(
        (0, both(low, weak, slow)),
        (1, both(low, impaired)),
        (2, impaired),
        otherwise=3,
        numbers={ALMI.name: almi},
        flags={MASS_OPEN: mass_open, SEVERITY_OPEN: severity_open},
    )
    return _answer(verdict, (2, mass_open), (1, severity_open))


def _awgs_2025(columns: Columns) -> Verdict:
    sex, age = columns[SEX.name], columns[AGE.name]
    numbers = {
        "grip": columns[GRIP.name],
        "almi": _almi(columns),
        "almi_bia": index(columns, ALM_BIA, ALMI_BIA),
        "by_bmi": over_bmi(columns, ALM, ALM_BY_BMI),
        "by_bmi_bia": over_bmi(columns, ALM_BIA, ALM_BY_BMI_BIA),
    }
    old = AWGS_2025_OLD.holds(age)

    def held(name: str) -> Truth:
        in_middle_age = AWGS_2025_MIDDLE_AGE[name].holds(numbers[name], sex)
        in_old_age = AWGS_2025_OLD_AGE[name].holds(numbers[name], sex)
        agreed = np.where(in_middle_age == in_old_age, in_old_age, np.nan)
        return np.where(old == 1, in_old_age, np.where(old == 0, in_middle_age, agreed))

    low = any_known(*((numbers[name], held(name)) for name in numbers if name != "grip"))
    return decide(
        (DOES_NOT_APPLY, (AWGS_2025_YOUNG.holds(age) == 1).astype(float)),
        (0, both(held("grip"), low)),
        otherwise=1,
        numbers={
            ALMI.name: numbers["almi"],
            ALMI_BIA.name: numbers["almi_bia"],
            ALM_BY_BMI.name: numbers["by_bmi"],
            ALM_BY_BMI_BIA.name: numbers["by_bmi_bia"],
        },
    )


def _fnih(columns: Columns) -> Verdict:
    sex = columns[SEX.name]
    ratio = over_bmi(columns, ALM, ALM_BY_BMI)
    weak = FNIH_GRIP.holds(columns[GRIP.name], sex)
    low = FNIH_MASS.holds(ratio, sex)
    slow = FNIH_GAIT.holds(columns[GAIT.name])
    slowness_open = (both(weak, low) == 1) & np.isnan(slow)
    verdict = decide(
        (0, both(weak, low, slow)),
        (1, both(weak, low)),
        otherwise=2,
        numbers={ALM_BY_BMI.name: ratio},
        flags={PERFORMANCE_OPEN: slowness_open},
    )
    return _answer(verdict, (1, slowness_open))


def _iwgs(columns: Columns) -> Verdict:
    almi = _almi(columns)
    slow = IWGS_GAIT.holds(columns[GAIT.name])
    low = IWGS_ALMI.holds(almi, columns[SEX.name])
    return decide((0, both(slow, low)), otherwise=1, numbers={ALMI.name: almi})


def _sdoc(columns: Columns) -> Verdict:
    weak = SDOC_GRIP.holds(columns[GRIP.name], columns[SEX.name])
    return decide((0, both(weak, SDOC_GAIT.holds(columns[GAIT.name]))), otherwise=1)


def _borders(*of: BySex | Cutoff) -> tuple[Cutoff, ...]:
    return tuple(
        cutoff for one in of for cutoff in (one.both if isinstance(one, BySex) else (one,))
    )


EWGSOP2_2019 = Criterion(
    name="ewgsop2_2019",
    title="Sarcopenia, EWGSOP2 2019",
    inputs=(SEX, GRIP, CHAIR, *LEAN_MASS_DXA, GAIT, SPPB, TUG, WALK, WALKED),
    cutoffs=_borders(
        EWGSOP2_GRIP,
        EWGSOP2_CHAIR,
        EWGSOP2_ALMI,
        EWGSOP2_ALM,
        EWGSOP2_GAIT,
        EWGSOP2_SPPB,
        EWGSOP2_TUG,
        EWGSOP2_WALK,
    ),
    categories=(
        Category("severe sarcopenia", "low strength, low muscle mass and low performance"),
        Category("sarcopenia", "low strength and low muscle mass"),
        Category("probable sarcopenia", "low strength"),
        Category("no sarcopenia", "strength not low"),
    ),
    rule=_ewgsop2,
    derived=(ALMI,),
    source="Cruz-Jentoft AJ et al. Age Ageing 2019;48:16-31. doi:10.1093/ageing/afy169",
    is_diagnosis=True,
)

EWGSOP_2010 = Criterion(
    name="ewgsop_2010",
    title="Sarcopenia, EWGSOP 2010 (superseded)",
    inputs=(SEX, *LEAN_MASS_DXA, GRIP, GAIT, SPPB),
    cutoffs=_borders(EWGSOP_2010_GRIP, EWGSOP_2010_ALMI, EWGSOP2_GAIT, EWGSOP2_SPPB),
    categories=(
        Category("severe sarcopenia", "low muscle mass, low strength and low performance"),
        Category("sarcopenia", "low muscle mass with low strength or low performance"),
        Category("presarcopenia", "low muscle mass alone"),
        Category("no sarcopenia", "muscle mass not low"),
    ),
    rule=_ewgsop_2010,
    derived=(ALMI,),
    source="Cruz-Jentoft AJ et al. Age Ageing 2010;39:412-423. doi:10.1093/ageing/afq034",
    is_diagnosis=True,
    status="partial",
)

AWGS_2014 = Criterion(
    name="awgs_2014",
    title="Sarcopenia, AWGS 2014",
    inputs=(SEX, *LEAN_MASS_DXA, ALM_BIA, ALMI_BIA, GRIP, GAIT),
    cutoffs=_borders(AWGS_2014_GRIP, AWGS_2019_ALMI, AWGS_2019_ALMI_BIA, EWGSOP2_GAIT),
    categories=(
        Category("severe sarcopenia", "low muscle mass, low strength and low performance"),
        Category("sarcopenia", "low muscle mass with low strength or low performance"),
        Category("no sarcopenia"),
    ),
    rule=_awgs_2014,
    derived=(ALMI,),
    source="Chen LK et al. J Am Med Dir Assoc 2014;15:95-101. doi:10.1016/j.jamda.2013.11.025",
    is_diagnosis=True,
    status="partial",
)

AWGS_2019 = Criterion(
    name="awgs_2019",
    title="Sarcopenia, AWGS 2019",
    inputs=(SEX, *LEAN_MASS_DXA, ALM_BIA, ALMI_BIA, GRIP, GAIT, SPPB, CHAIR),
    cutoffs=_borders(
        AWGS_2019_GRIP,
        AWGS_2019_ALMI,
        AWGS_2019_ALMI_BIA,
        AWGS_2019_GAIT,
        AWGS_2019_SPPB,
        AWGS_2019_CHAIR,
    ),
    categories=(
        Category("severe sarcopenia", "low muscle mass, low strength and low performance"),
        Category("sarcopenia", "low muscle mass with low strength or low performance"),
        Category("possible sarcopenia", "low strength or low performance"),
        Category("no sarcopenia", "strength and performance not low"),
    ),
    rule=_awgs_2019,
    derived=(ALMI,),
    source="Chen LK et al. J Am Med Dir Assoc 2020;21:300-307. doi:10.1016/j.jamda.2019.12.012",
    is_diagnosis=True,
)

AWGS_2025 = Criterion(
    name="awgs_2025",
    title="Sarcopenia, AWGS 2025",
    inputs=(
        SEX,
        AGE,
        GRIP,
        *LEAN_MASS_DXA,
        ALM_BIA,
        ALMI_BIA,
        WEIGHT,
        BMI,
        ALM_BY_BMI,
        ALM_BY_BMI_BIA,
    ),
    cutoffs=_borders(
        AWGS_2025_YOUNG,
        AWGS_2025_OLD,
        *AWGS_2025_MIDDLE_AGE.values(),
        *AWGS_2025_OLD_AGE.values(),
    ),
    categories=(
        Category("sarcopenia", "low strength and low muscle mass for the age"),
        Category("no sarcopenia"),
    ),
    rule=_awgs_2025,
    derived=(ALMI, ALMI_BIA, ALM_BY_BMI, ALM_BY_BMI_BIA),
    scope="from 50 years of age",
    source="Chen LK et al. Asian Working Group for Sarcopenia 2025 consensus. Nat Aging 2025. "
    "doi:10.1038/s43587-025-01004-y",
    is_diagnosis=True,
    status="partial",
)

FNIH_2014 = Criterion(
    name="fnih_2014",
    title="Weakness with low lean mass, FNIH 2014",
    inputs=(SEX, GRIP, ALM, WEIGHT, HEIGHT, BMI, ALM_BY_BMI, GAIT),
    cutoffs=_borders(FNIH_GRIP, FNIH_MASS, FNIH_GAIT),
    categories=(
        Category("slowness with weakness and low lean mass"),
        Category("weakness with low lean mass"),
        Category("not weak with low lean mass"),
    ),
    rule=_fnih,
    derived=(ALM_BY_BMI,),
    source="Studenski SA et al. J Gerontol A 2014;69:547-558. doi:10.1093/gerona/glu010",
    is_diagnosis=True,
)

IWGS_2011 = Criterion(
    name="iwgs_2011",
    title="Sarcopenia, IWGS 2011",
    inputs=(SEX, GAIT, *LEAN_MASS_DXA),
    cutoffs=_borders(IWGS_GAIT, IWGS_ALMI),
    categories=(
        Category("sarcopenia", "slow gait and low muscle mass"),
        Category("no sarcopenia"),
    ),
    rule=_iwgs,
    derived=(ALMI,),
    source="Fielding RA et al. J Am Med Dir Assoc 2011;12:249-256",
    is_diagnosis=True,
)

SDOC_2020 = Criterion(
    name="sdoc_2020",
    title="Sarcopenia, SDOC 2020",
    inputs=(SEX, GRIP, GAIT),
    cutoffs=_borders(SDOC_GRIP, SDOC_GAIT),
    categories=(
        Category("sarcopenia", "weakness and slowness; lean mass has no part in it"),
        Category("no sarcopenia"),
    ),
    rule=_sdoc,
    source="Bhasin S et al. J Am Geriatr Soc 2020;68:1410-1418. doi:10.1111/jgs.16372",
    is_diagnosis=True,
)

SARCOPENIA_CRITERIA = (
    EWGSOP2_2019,
    AWGS_2019,
    FNIH_2014,
    IWGS_2011,
    SDOC_2020,
    EWGSOP_2010,
    AWGS_2014,
    AWGS_2025,
)
"""Every built-in definition of sarcopenia."""
