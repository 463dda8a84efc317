"""Sarcopenia by its versioned definitions: strength, mass and performance, each its own way.

A test of strength or of performance is known when one of its kind is: a normal grip without a chair
stand is normal strength. Strength and performance are two things: a definition that takes either
cannot tell from a normal grip alone. Where muscle mass or performance was not measured, the answer
is what the definition calls those found so far ("probable sarcopenia"), and a flag says what is
still open.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from enthesis.diagnosis.criteria import Category, Criterion, Verdict, decide
from enthesis.diagnosis.inputs import BMI, HEIGHT, SEX, WEIGHT, Columns
from enthesis.diagnosis.muscle_inputs import (
    ALM,
    ALM_BY_BMI,
    ALMI,
    CHAIR,
    GAIT,
    GRIP,
    LEAN_MASS_DXA,
    SPPB,
    TUG,
    WALK,
    WALKED,
    any_known,
    border,
    on,
    one_border,
    over_bmi,
)
from enthesis.diagnosis.sarcopenia_awgs import AWGS_2014, AWGS_2019, AWGS_2025
from enthesis.diagnosis.sarcopenia_stages import (
    MASS_IN_KG,
    PERFORMANCE_OPEN,
    almi_of,
    answer,
    borders,
    mass_first,
    stages,
)
from enthesis.diagnosis.truth import both, invert

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

FNIH_GRIP = border("<", GRIP, men=26, women=16)
FNIH_MASS = border("<", ALM_BY_BMI, men=0.789, women=0.512)
FNIH_GAIT = one_border("<=", GAIT, 0.8)

IWGS_GAIT = one_border("<", GAIT, 1.0)
IWGS_ALMI = border("<=", ALMI, men=7.23, women=5.67)

SDOC_GRIP = border("<", GRIP, men=35.5, women=20)
SDOC_GAIT = one_border("<", GAIT, 0.8)


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
    almi = almi_of(columns)
    in_kg = np.isnan(almi) & ~np.isnan(columns[ALM.name])
    low = np.where(in_kg, EWGSOP2_ALM.holds(columns[ALM.name], sex), EWGSOP2_ALMI.holds(almi, sex))
    verdict = stages(weak, low, slow, {ALMI.name: almi})
    return replace(verdict, flags={**verdict.flags, MASS_IN_KG: in_kg})


def _ewgsop_2010(columns: Columns) -> Verdict:
    sex, almi = columns[SEX.name], almi_of(columns)
    slow = any_known(
        on(EWGSOP2_GAIT, columns[GAIT.name], sex), on(EWGSOP2_SPPB, columns[SPPB.name], sex)
    )
    weak = EWGSOP_2010_GRIP.holds(columns[GRIP.name], sex)
    low = EWGSOP_2010_ALMI.holds(almi, sex)
    return mass_first(low, weak, slow, {ALMI.name: almi}, presarcopenia=True)


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
    return answer(verdict, (1, slowness_open))


def _iwgs(columns: Columns) -> Verdict:
    almi = almi_of(columns)
    slow = IWGS_GAIT.holds(columns[GAIT.name])
    low = IWGS_ALMI.holds(almi, columns[SEX.name])
    return decide((0, both(slow, low)), otherwise=1, numbers={ALMI.name: almi})


def _sdoc(columns: Columns) -> Verdict:
    weak = SDOC_GRIP.holds(columns[GRIP.name], columns[SEX.name])
    return decide((0, both(weak, SDOC_GAIT.holds(columns[GAIT.name]))), otherwise=1)


EWGSOP2_2019 = Criterion(
    name="ewgsop2_2019",
    title="Sarcopenia, EWGSOP2 2019",
    inputs=(SEX, GRIP, CHAIR, *LEAN_MASS_DXA, GAIT, SPPB, TUG, WALK, WALKED),
    cutoffs=borders(
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
    cutoffs=borders(EWGSOP_2010_GRIP, EWGSOP_2010_ALMI, EWGSOP2_GAIT, EWGSOP2_SPPB),
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

FNIH_2014 = Criterion(
    name="fnih_2014",
    title="Weakness with low lean mass, FNIH 2014",
    inputs=(SEX, GRIP, ALM, WEIGHT, HEIGHT, BMI, ALM_BY_BMI, GAIT),
    cutoffs=borders(FNIH_GRIP, FNIH_MASS, FNIH_GAIT),
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
    cutoffs=borders(IWGS_GAIT, IWGS_ALMI),
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
    cutoffs=borders(SDOC_GRIP, SDOC_GAIT),
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
