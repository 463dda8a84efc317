"""Sarcopenia by the three consensuses of the Asian Working Group for Sarcopenia."""

from __future__ import annotations

import numpy as np

from enthesis.diagnosis.criteria import DOES_NOT_APPLY, Category, Criterion, Verdict, decide
from enthesis.diagnosis.inputs import AGE, BMI, SEX, WEIGHT, Columns, FloatArray
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
    any_known,
    border,
    index,
    on,
    one_border,
    over_bmi,
)
from enthesis.diagnosis.sarcopenia_stages import (
    MASS_OPEN,
    SEVERITY_OPEN,
    almi_of,
    answer,
    borders,
    mass_first,
)
from enthesis.diagnosis.truth import Truth, both, either

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

SLOW_2014 = one_border("<=", GAIT, 0.8)


def _awgs_low_mass(columns: Columns, almi: FloatArray) -> Truth:
    sex = columns[SEX.name]
    return any_known(
        on(AWGS_2019_ALMI, almi, sex),
        on(AWGS_2019_ALMI_BIA, index(columns, ALM_BIA, ALMI_BIA), sex),
    )


def _awgs_2014(columns: Columns) -> Verdict:
    sex, almi = columns[SEX.name], almi_of(columns)
    low = _awgs_low_mass(columns, almi)
    weak = AWGS_2014_GRIP.holds(columns[GRIP.name], sex)
    slow = SLOW_2014.holds(columns[GAIT.name])
    return mass_first(low, weak, slow, {ALMI.name: almi}, presarcopenia=False)


def _awgs_2019(columns: Columns) -> Verdict:
    sex, almi = columns[SEX.name], almi_of(columns)
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
    return answer(verdict, (2, mass_open), (1, severity_open))


def _awgs_2025(columns: Columns) -> Verdict:
    sex, age = columns[SEX.name], columns[AGE.name]
    numbers = {
        "grip": columns[GRIP.name],
        "almi": almi_of(columns),
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


AWGS_2014 = Criterion(
    name="awgs_2014",
    title="Sarcopenia, AWGS 2014",
    inputs=(SEX, *LEAN_MASS_DXA, ALM_BIA, ALMI_BIA, GRIP, GAIT),
    cutoffs=borders(AWGS_2014_GRIP, AWGS_2019_ALMI, AWGS_2019_ALMI_BIA, SLOW_2014),
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
    cutoffs=borders(
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
    cutoffs=borders(
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
