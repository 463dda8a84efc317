"""Osteoporosis by densitometry (WHO 1994, ISCD 2023) and by fracture (NBHA 2014)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from enthesis.diagnosis.criteria import (
    CANNOT_TELL,
    DOES_NOT_APPLY,
    Category,
    Criterion,
    Verdict,
    decide,
)
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import AGE, SEX, Columns, FloatArray, lowest, measured
from enthesis.diagnosis.truth import FEMALE, Truth, both, by_sex, either, invert, known

POSTMENOPAUSAL = measured("postmenopausal", sex="female")
FRAGILITY_FRACTURE = measured("fragility_fracture")
HIP_FRACTURE = measured("hip_fracture")
VERTEBRAL_FRACTURE = measured("vertebral_fracture")
HUMERUS_OR_PELVIS_FRACTURE = measured("humerus_or_pelvis_fracture")
WRIST_FRACTURE = measured("wrist_fracture")
HYPERPARATHYROIDISM = measured("hyperparathyroidism")
OVER_TABLE_LIMIT = measured("over_table_limit")
FRAX_MAJOR = measured("frax_major")
FRAX_HIP = measured("frax_hip")

CENTRAL_SITES = ("lumbar_spine", "total_hip", "femoral_neck")
"""Sites whose lowest score counts; never Ward's triangle, the trochanter or one vertebra."""

T_SITES = tuple(measured("t_score", site) for site in CENTRAL_SITES)
Z_SITES = tuple(measured("z_score", site) for site in CENTRAL_SITES)
T_RADIUS = measured("t_score", "radius_33", label="T-score of the 33% radius")
LOWEST_T = measured("t_score", "lowest", label="lowest T-score")
LOWEST_Z = measured("z_score", "lowest", label="lowest Z-score")

_T_COLUMNS = tuple(site.name for site in (*T_SITES, T_RADIUS))

T_OSTEOPOROSIS = Cutoff(value=-2.5, relation="<=", inputs=_T_COLUMNS)
T_LOW = Cutoff(value=-1.0, relation="<", inputs=_T_COLUMNS)
Z_LOW = Cutoff(value=-2.0, relation="<=", inputs=tuple(site.name for site in Z_SITES))
ADULT = Cutoff(value=20, relation=">=", unit="years", inputs=(AGE.name,))
MAN_FROM = Cutoff(value=50, relation=">=", unit="years", sex="male", inputs=(AGE.name,))
WOMAN_PAST_MENOPAUSE = Cutoff(
    value=60, relation=">=", unit="years", sex="female", inputs=(AGE.name,)
)
"""Without her menopausal status, a woman of this age is taken as postmenopausal, with a flag.

Our own convention: natural menopause after 60 is not described as normal anywhere.
"""

FRAX_MAJOR_HIGH = Cutoff(value=20, relation=">=", unit="%", inputs=(FRAX_MAJOR.name,))
FRAX_HIP_HIGH = Cutoff(value=3, relation=">=", unit="%", inputs=(FRAX_HIP.name,))

WHO_SOURCE = (
    "World Health Organization. Technical Report Series 843, 1994; Kanis JA et al. "
    "J Bone Miner Res 1994;9:1137-1141. doi:10.1002/jbmr.5650090802"
)
ISCD_SOURCE = (
    "International Society for Clinical Densitometry. Adult Official Positions 2023; "
    "Leslie WD et al. J Clin Densitom 2006;9:22-30. doi:10.1016/j.jocd.2006.05.004"
)
NBHA_SOURCE = (
    "Siris ES et al. (National Bone Health Alliance). Osteoporos Int 2014;25:1439-1443. "
    "doi:10.1007/s00198-014-2655-z"
)

SCOPE = "T-scores hold for postmenopausal women and for men from 50"
STATUS_FLAG = "menopausal status not given: taken as postmenopausal from the age of 60"
SCOPE_FLAG = f"age, sex or menopausal status not given: {SCOPE}"
ROUNDING_FLAG = (
    "at a border: rounded to one decimal, as reports print it, the score falls in another class"
)


def postmenopausal(columns: Columns) -> Truth:
    """Whether a woman is past menopause: as told, else true from 60, else unknown."""
    told = columns[POSTMENOPAUSAL.name]
    by_age = np.where(WOMAN_PAST_MENOPAUSE.holds(columns[AGE.name]) == 1, 1.0, np.nan)
    return np.where(np.isnan(told), by_age, told)


def t_scores_hold(columns: Columns) -> Truth:
    """Whether T-scores and WHO classes are meant for this person (ISCD)."""
    return by_sex(
        columns[SEX.name],
        female=postmenopausal(columns),
        male=MAN_FROM.holds(columns[AGE.name]),
    )


def lowest_t(columns: Columns) -> FloatArray:
    """Lowest T-score of the eligible sites; NaN where none was measured.

    The 33% radius counts only where neither spine nor hip could be measured, or with
    hyperparathyroidism, or where the table cannot bear the person's weight.
    """
    central = lowest(*(columns[site.name] for site in T_SITES))
    counts = (
        np.isnan(central)
        | (columns[HYPERPARATHYROIDISM.name] == 1)
        | (columns[OVER_TABLE_LIMIT.name] == 1)
    )
    return lowest(central, np.where(counts, columns[T_RADIUS.name], np.nan))


def _who(columns: Columns) -> Verdict:
    t = lowest_t(columns)
    holds = both(t_scores_hold(columns), _not_a_child(columns))
    return decide(
        (DOES_NOT_APPLY, (holds == 0).astype(float)),
        (CANNOT_TELL, np.isnan(t).astype(float)),
        # Without a history of fractures the class is osteoporosis; "missing" then names it.
        (0, both(T_OSTEOPOROSIS.holds(t), (columns[FRAGILITY_FRACTURE.name] == 1).astype(float))),
        (1, T_OSTEOPOROSIS.holds(t)),
        (2, T_LOW.holds(t)),
        otherwise=3,
        numbers={LOWEST_T.name: t},
        flags={
            SCOPE_FLAG: np.isnan(holds) & ~np.isnan(t),
            STATUS_FLAG: _status_assumed(columns),
            ROUNDING_FLAG: _rounding_matters(t, T_OSTEOPOROSIS, T_LOW),
        },
    )


def _iscd(columns: Columns) -> Verdict:
    t, z = lowest_t(columns), lowest(*(columns[site.name] for site in Z_SITES))
    adult, by_t = _not_a_child(columns), t_scores_hold(columns)
    by_z = invert(by_t)
    t_holds = known(t) == 1
    return decide(
        (DOES_NOT_APPLY, invert(adult)),
        (CANNOT_TELL, both(by_t, (~t_holds).astype(float))),
        (CANNOT_TELL, both(by_z, np.isnan(z).astype(float))),
        (0, both(by_t, T_OSTEOPOROSIS.holds(t))),
        (1, both(by_t, T_LOW.holds(t))),
        (2, by_t),
        (3, both(by_z, Z_LOW.holds(z))),
        otherwise=4,
        numbers={
            LOWEST_T.name: np.where(by_t == 1, t, np.nan),
            LOWEST_Z.name: np.where(by_z == 1, z, np.nan),
        },
        flags={
            STATUS_FLAG: _status_assumed(columns),
            ROUNDING_FLAG: np.where(
                by_t == 1,
                _rounding_matters(t, T_OSTEOPOROSIS, T_LOW),
                (by_z == 1) & _rounding_matters(z, Z_LOW),
            ),
        },
    )


def _nbha(columns: Columns) -> Verdict:
    t = lowest(*(columns[site.name] for site in T_SITES))
    holds = t_scores_hold(columns)
    fracture_of_low_mass = either(
        columns[VERTEBRAL_FRACTURE.name],
        columns[HUMERUS_OR_PELVIS_FRACTURE.name],
        columns[WRIST_FRACTURE.name],
    )
    diagnosed = either(
        T_OSTEOPOROSIS.holds(t),
        columns[HIP_FRACTURE.name],
        both(T_LOW.holds(t), fracture_of_low_mass),
        FRAX_MAJOR_HIGH.holds(columns[FRAX_MAJOR.name]),
        FRAX_HIP_HIGH.holds(columns[FRAX_HIP.name]),
    )
    by_wrist_alone = (columns[WRIST_FRACTURE.name] == 1) & (T_OSTEOPOROSIS.holds(t) == 0)
    return decide(
        (DOES_NOT_APPLY, invert(holds)),
        (0, diagnosed),
        otherwise=1,
        numbers={LOWEST_T.name: t},
        flags={
            STATUS_FLAG: _status_assumed(columns),
            "a wrist fracture with low bone mass counts only in some cases, by judgement": (
                by_wrist_alone & (diagnosed == 1)
            ),
        },
    )


def _not_a_child(columns: Columns) -> Truth:
    # An unknown age is taken as an adult's: densitometry of children is asked for as such.
    return np.where(ADULT.holds(columns[AGE.name]) == 0, 0.0, 1.0)


def _status_assumed(columns: Columns) -> NDArray[np.bool_]:
    assumed: NDArray[np.bool_] = (
        np.isnan(columns[POSTMENOPAUSAL.name])
        & (columns[SEX.name] == FEMALE)
        & (WOMAN_PAST_MENOPAUSE.holds(columns[AGE.name]) == 1)
    )
    return assumed


def _rounding_matters(score: FloatArray, *cutoffs: Cutoff) -> NDArray[np.bool_]:
    printed = np.round(score, 1)
    moved = np.zeros(len(score), dtype=bool)
    for cutoff in cutoffs:
        moved |= (cutoff.holds(score) != cutoff.holds(printed)) & ~np.isnan(score)
    return moved


WHO_1994 = Criterion(
    name="who_1994",
    title="WHO 1994, lowest T-score",
    inputs=(
        *T_SITES,
        T_RADIUS,
        HYPERPARATHYROIDISM,
        OVER_TABLE_LIMIT,
        FRAGILITY_FRACTURE,
        SEX,
        AGE,
        POSTMENOPAUSAL,
    ),
    cutoffs=(T_OSTEOPOROSIS, T_LOW, MAN_FROM, ADULT),
    categories=(
        Category("severe osteoporosis", "at or below -2.5, with a fragility fracture"),
        Category("osteoporosis", "at or below -2.5"),
        Category("low bone mass", "osteopenia: below -1, above -2.5"),
        Category("normal", "at or above -1"),
    ),
    rule=_who,
    derived=(LOWEST_T,),
    scope=SCOPE,
    source=WHO_SOURCE,
    is_diagnosis=True,
)

ISCD_2023 = Criterion(
    name="iscd_2023",
    title="ISCD 2023, T-score or Z-score by eligibility",
    inputs=(
        SEX,
        AGE,
        POSTMENOPAUSAL,
        *T_SITES,
        T_RADIUS,
        HYPERPARATHYROIDISM,
        OVER_TABLE_LIMIT,
        *Z_SITES,
    ),
    cutoffs=(T_OSTEOPOROSIS, T_LOW, Z_LOW, MAN_FROM, WOMAN_PAST_MENOPAUSE, ADULT),
    categories=(
        Category("osteoporosis", "T-score at or below -2.5"),
        Category("low bone mass", "T-score below -1, above -2.5"),
        Category("normal", "T-score at or above -1"),
        Category(
            "below the expected range for age",
            "Z-score at or below -2; osteoporosis is not diagnosed on density alone here",
        ),
        Category("within the expected range for age", "Z-score above -2"),
    ),
    rule=_iscd,
    derived=(LOWEST_T, LOWEST_Z),
    scope="children and adolescents have positions of their own",
    source=ISCD_SOURCE,
    is_diagnosis=True,
)

NBHA_2014 = Criterion(
    name="nbha_2014",
    title="Clinical diagnosis of osteoporosis, NBHA 2014",
    inputs=(
        SEX,
        AGE,
        POSTMENOPAUSAL,
        HIP_FRACTURE,
        VERTEBRAL_FRACTURE,
        HUMERUS_OR_PELVIS_FRACTURE,
        WRIST_FRACTURE,
        *T_SITES,
        FRAX_MAJOR,
        FRAX_HIP,
    ),
    cutoffs=(
        T_OSTEOPOROSIS,
        T_LOW,
        FRAX_MAJOR_HIGH,
        FRAX_HIP_HIGH,
        MAN_FROM,
        WOMAN_PAST_MENOPAUSE,
    ),
    categories=(
        Category(
            "osteoporosis",
            "by T-score, by hip fracture, by another fragility fracture with low bone mass, or by "
            "FRAX at 20% (major) or 3% (hip)",
        ),
        Category("no osteoporosis by these criteria", "neither density, fracture nor FRAX"),
    ),
    rule=_nbha,
    scope="for postmenopausal women and men from 50",
    source=NBHA_SOURCE,
    caveats=("FRAX at 20% and 3% are the United States' thresholds",),
    is_diagnosis=True,
)

OSTEOPOROSIS_CRITERIA = (WHO_1994, ISCD_2023, NBHA_2014)
"""Osteoporosis by densitometry and by fracture."""
