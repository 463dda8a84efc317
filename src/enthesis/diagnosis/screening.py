"""Screening scores: who should have a DXA scan. None of them says who has osteoporosis."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Literal

import numpy as np

from enthesis.diagnosis.criteria import DOES_NOT_APPLY, Category, Criterion, Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import AGE, SEX, WEIGHT, Columns, FloatArray, Input, measured
from enthesis.diagnosis.osteoporosis import (
    FRAGILITY_FRACTURE,
    POSTMENOPAUSAL,
    WOMAN_PAST_MENOPAUSE,
    postmenopausal,
)
from enthesis.diagnosis.truth import Truth, both, by_sex, invert

ESTROGEN_NOW = measured("estrogen_now")
ESTROGEN_EVER = measured("estrogen_ever")
RHEUMATOID_ARTHRITIS = measured("rheumatoid_arthritis")
BLACK = measured("black")
COPD = measured("copd")
FRACTURES_AFTER_45 = measured("fractures_after_45")

KG_PER_POUND = 0.45359237

NOT_A_DIAGNOSIS = "A screening score chooses whom to scan; it diagnoses nobody."

TABLE_SOURCE = (
    "points as tabulated in BMC Musculoskelet Disord 2008;9:13, table 1. doi:10.1186/1471-2474-9-13"
)

OST_WOMEN = Cutoff(value=2, relation="<", sex="female")
OST_MEN = Cutoff(value=4, relation="<", sex="male")
OST_HIGH = Cutoff(value=-3, relation="<", sex="female")
OST_MEDIUM = Cutoff(value=1, relation="<=", sex="female")
OSTA_HIGH = Cutoff(value=-4, relation="<", sex="female")
OSTA_MEDIUM = Cutoff(value=-1, relation="<=", sex="female")
ORAI_DXA = Cutoff(value=9, relation=">=", sex="female")
SCORE_DXA = Cutoff(value=6, relation=">=", sex="female")
ABONE_DXA = Cutoff(value=2, relation=">=", sex="female")
OSIRIS_HIGH = Cutoff(value=-3, relation="<", sex="female")
OSIRIS_MEDIUM = Cutoff(value=1, relation="<=", sex="female")
MORES_DXA = Cutoff(value=6, relation=">=", sex="male")

ABONE_AGE = Cutoff(value=65, relation=">", unit="years", inputs=(AGE.name,))
ABONE_WEIGHT = Cutoff(value=63.5, relation="<", unit="kg", inputs=(WEIGHT.name,))
MORES_LIGHT = Cutoff(value=70, relation="<=", unit="kg", inputs=(WEIGHT.name,))
MORES_MIDDLING = Cutoff(value=80, relation="<=", unit="kg", inputs=(WEIGHT.name,))

ORAI_FROM = Cutoff(value=45, relation=">=", unit="years", sex="female", inputs=(AGE.name,))
MORES_FROM = Cutoff(value=50, relation=">=", unit="years", sex="male", inputs=(AGE.name,))

ORAI_AGE_POINTS = ((45, 0), (55, 5), (65, 9), (75, 15))
"""From this age in completed years, this many points."""

ORAI_WEIGHT_POINTS = ((0, 9), (60, 3), (70, 0))
"""From this weight in kg, this many points."""

MORES_AGE_POINTS = ((0, 0), (56, 3), (75, 4))
"""From this age in completed years, this many points."""


def _ost(columns: Columns) -> FloatArray:
    # Dividing by 5 rather than multiplying by 0.2 keeps whole numbers whole.
    index: FloatArray = np.trunc((columns[WEIGHT.name] - columns[AGE.name]) / 5)
    return index


def _orai(columns: Columns) -> FloatArray:
    return (
        _points(np.floor(columns[AGE.name]), ORAI_AGE_POINTS)
        + _points(columns[WEIGHT.name], ORAI_WEIGHT_POINTS)
        + 2 * (1 - columns[ESTROGEN_NOW.name])
    )


def _score(columns: Columns) -> FloatArray:
    points: FloatArray = (
        5 * (1 - columns[BLACK.name])
        + 4 * columns[RHEUMATOID_ARTHRITIS.name]
        + 4 * np.clip(columns[FRACTURES_AFTER_45.name], 0, 3)
        # The first digit of the age; of 100 years the tens, not a 1.
        + 3 * np.floor(columns[AGE.name] / 10)
        + (1 - columns[ESTROGEN_EVER.name])
        - np.trunc(columns[WEIGHT.name] / KG_PER_POUND / 10)
    )
    return points


def _abone(columns: Columns) -> FloatArray:
    return (
        ABONE_AGE.holds(columns[AGE.name])
        + ABONE_WEIGHT.holds(columns[WEIGHT.name])
        + (1 - columns[ESTROGEN_EVER.name])
    )


def _osiris(columns: Columns) -> FloatArray:
    return (
        np.trunc(columns[WEIGHT.name] / 5)
        - np.trunc(columns[AGE.name] / 5)
        + 2 * columns[ESTROGEN_NOW.name]
        - 2 * columns[FRAGILITY_FRACTURE.name]
    )


def _mores(columns: Columns) -> FloatArray:
    light, middling = (
        MORES_LIGHT.holds(columns[WEIGHT.name]),
        MORES_MIDDLING.holds(columns[WEIGHT.name]),
    )
    return (
        _points(np.floor(columns[AGE.name]), MORES_AGE_POINTS)
        + 3 * columns[COPD.name]
        + 2 * light
        + 4 * middling
    )


def _points(value: FloatArray, table: tuple[tuple[float, float], ...]) -> FloatArray:
    starts, points = np.array(table, dtype=float).T
    row = np.clip(np.searchsorted(starts, value, side="right") - 1, 0, len(points) - 1)
    return np.where(np.isnan(value), np.nan, points[row])


def _women(columns: Columns) -> Truth:
    return by_sex(columns[SEX.name], female=_all(columns, 1.0), male=_all(columns, 0.0))


def _postmenopausal_women(columns: Columns) -> Truth:
    return both(_women(columns), postmenopausal(columns))


def _women_from_45(columns: Columns) -> Truth:
    return both(_women(columns), ORAI_FROM.holds(columns[AGE.name]))


def _men(columns: Columns) -> Truth:
    return invert(_women(columns))


def _men_from_50(columns: Columns) -> Truth:
    return both(_men(columns), MORES_FROM.holds(columns[AGE.name]))


def _all(columns: Columns, value: float) -> Truth:
    return np.full(len(columns[SEX.name]), value)


def _whatever_the_facts(
    columns: Columns, facts: tuple[Input, ...], holds: Callable[[Columns], Truth]
) -> Truth:
    """True or false where every answer to the missing facts agrees; else unknown."""
    answers = []
    for filled in itertools.product((0.0, 1.0), repeat=len(facts)):
        guess = {
            fact.name: np.where(np.isnan(columns[fact.name]), value, columns[fact.name])
            for fact, value in zip(facts, filled, strict=True)
        }
        answers.append(holds({**columns, **guess}))
    return np.where(np.ptp(answers, axis=0) == 0, answers[0], np.nan)


def _criterion(
    *,
    name: str,
    title: str,
    short: str,
    points: Callable[[Columns], FloatArray],
    inputs: tuple[Input, ...],
    for_whom: Callable[[Columns], Truth],
    scope: str,
    bands: tuple[Cutoff, ...],
    categories: tuple[Category, ...],
    source: str,
    borders: tuple[Cutoff, ...] = (),
    caveats: tuple[str, ...] = (),
    status: Literal["verified", "partial", "memory"] = "verified",
) -> Criterion:
    facts = tuple(
        asked for asked in inputs if asked.kind == "yes_no" and asked is not POSTMENOPAUSAL
    )
    score = Input(name=short.lower(), label=f"{short} score", decimals=0)

    def rule(columns: Columns) -> Verdict:
        def reached(band: Cutoff) -> Truth:
            return _whatever_the_facts(columns, facts, lambda given: band.holds(points(given)))

        return decide(
            (DOES_NOT_APPLY, invert(for_whom(columns))),
            *enumerate(map(reached, bands)),
            otherwise=len(bands),
            numbers={score.name: points(columns)},
        )

    return Criterion(
        name=name,
        title=title,
        inputs=inputs,
        cutoffs=(*bands, *borders),
        categories=categories,
        rule=rule,
        derived=(score,),
        scope=scope,
        closing=NOT_A_DIAGNOSIS,
        caveats=caveats,
        source=source,
        status=status,
    )


_ADVISED = (Category("DXA advised"), Category("DXA not advised by this score"))
_POSTMENOPAUSAL = "for postmenopausal women"

OST_WOMEN_2004 = _criterion(
    name="ost_women_2004",
    title="OST, women, one border (United States, 2004)",
    short="OST",
    points=_ost,
    inputs=(SEX, AGE, POSTMENOPAUSAL, WEIGHT),
    for_whom=_postmenopausal_women,
    scope=_POSTMENOPAUSAL,
    bands=(OST_WOMEN,),
    categories=_ADVISED,
    borders=(WOMAN_PAST_MENOPAUSE,),
    source="Richy F et al. QJM 2004;97:39-46. doi:10.1093/qjmed/hch002; band below 2 as in the "
    "osteoporosis education tools of the University of Washington",
)

OST_BANDS_2004 = _criterion(
    name="ost_bands_2004",
    title="OST, three bands, Richy 2004 (women)",
    short="OST",
    points=_ost,
    inputs=(SEX, AGE, POSTMENOPAUSAL, WEIGHT),
    for_whom=_postmenopausal_women,
    scope=_POSTMENOPAUSAL,
    bands=(OST_HIGH, OST_MEDIUM),
    categories=(
        Category("high risk", "below -3"),
        Category("medium risk", "from -3 to 1"),
        Category("low risk", "above 1"),
    ),
    borders=(WOMAN_PAST_MENOPAUSE,),
    source="Richy F et al. QJM 2004;97:39-46. doi:10.1093/qjmed/hch002; bands as summarised in "
    "the Family Practice Notebook",
)

OST_MEN_2003 = _criterion(
    name="ost_men_2003",
    title="OST, men, Adler 2003 (United States)",
    short="OST",
    points=_ost,
    inputs=(SEX, AGE, WEIGHT),
    for_whom=_men,
    scope="for men",
    bands=(OST_MEN,),
    categories=_ADVISED,
    source="Adler RA et al. Mayo Clin Proc 2003;78:723-727. doi:10.4065/78.6.723; band below 4 as "
    "in the osteoporosis education tools of the University of Washington",
)

OSTA_2001 = _criterion(
    name="osta_2001",
    title="OSTA, Koh 2001 (Asian women)",
    short="OSTA",
    points=_ost,
    inputs=(SEX, AGE, POSTMENOPAUSAL, WEIGHT),
    for_whom=_postmenopausal_women,
    scope=_POSTMENOPAUSAL,
    bands=(OSTA_HIGH, OSTA_MEDIUM),
    categories=(
        Category("high risk", "below -4"),
        Category("medium risk", "from -4 to -1"),
        Category("low risk", "above -1"),
    ),
    borders=(WOMAN_PAST_MENOPAUSE,),
    source="Koh LKH et al. Osteoporos Int 2001;12:699-705. doi:10.1007/s001980170070",
)

ORAI_2000 = _criterion(
    name="orai_2000",
    title="ORAI, Cadarette 2000 (women from 45)",
    short="ORAI",
    points=_orai,
    inputs=(SEX, AGE, WEIGHT, ESTROGEN_NOW),
    for_whom=_women_from_45,
    scope="for women from 45",
    bands=(ORAI_DXA,),
    categories=_ADVISED,
    borders=(ORAI_FROM,),
    source=f"Cadarette SM et al. CMAJ 2000;162:1289-1294; {TABLE_SOURCE}",
)

SCORE_1998 = _criterion(
    name="score_1998",
    title="SCORE, Lydick 1998 (postmenopausal women)",
    short="SCORE",
    points=_score,
    inputs=(
        SEX,
        AGE,
        POSTMENOPAUSAL,
        WEIGHT,
        BLACK,
        RHEUMATOID_ARTHRITIS,
        FRACTURES_AFTER_45,
        ESTROGEN_EVER,
    ),
    for_whom=_postmenopausal_women,
    scope=_POSTMENOPAUSAL,
    bands=(SCORE_DXA,),
    categories=_ADVISED,
    borders=(WOMAN_PAST_MENOPAUSE,),
    caveats=("the index of 1998 gives 5 points for not being Black: race stands for no biology",),
    source=f"Lydick E et al. Am J Manag Care 1998;4:37-48; {TABLE_SOURCE}",
)

ABONE_2000 = _criterion(
    name="abone_2000",
    title="ABONE, Weinstein 2000 (postmenopausal women)",
    short="ABONE",
    points=_abone,
    inputs=(SEX, AGE, POSTMENOPAUSAL, WEIGHT, ESTROGEN_EVER),
    for_whom=_postmenopausal_women,
    scope=_POSTMENOPAUSAL,
    bands=(ABONE_DXA,),
    categories=_ADVISED,
    borders=(WOMAN_PAST_MENOPAUSE, ABONE_AGE, ABONE_WEIGHT),
    source=f"Weinstein L, Ullery B. Am J Obstet Gynecol 2000;183:547-549; {TABLE_SOURCE}",
)

OSIRIS_2002 = _criterion(
    name="osiris_2002",
    title="OSIRIS, Sedrine 2002 (postmenopausal women)",
    short="OSIRIS",
    points=_osiris,
    inputs=(SEX, AGE, POSTMENOPAUSAL, WEIGHT, ESTROGEN_NOW, FRAGILITY_FRACTURE),
    for_whom=_postmenopausal_women,
    scope=_POSTMENOPAUSAL,
    bands=(OSIRIS_HIGH, OSIRIS_MEDIUM),
    categories=(
        Category("high risk", "below -3"),
        Category("intermediate risk", "from -3 to 1"),
        Category("low risk", "above 1"),
    ),
    borders=(WOMAN_PAST_MENOPAUSE,),
    source="Sedrine WB et al. Gynecol Endocrinol 2002;16:245-250. doi:10.1080/gye.16.3.245.250",
    status="partial",
)

MORES_2007 = _criterion(
    name="mores_2007",
    title="MORES, Shepherd 2007 (men from 50)",
    short="MORES",
    points=_mores,
    inputs=(SEX, AGE, WEIGHT, COPD),
    for_whom=_men_from_50,
    scope="for men from 50",
    bands=(MORES_DXA,),
    categories=_ADVISED,
    borders=(MORES_FROM, MORES_LIGHT, MORES_MIDDLING),
    source="Shepherd AJ et al. Ann Fam Med 2007;5:540-546. doi:10.1370/afm.753",
    status="partial",
)

SCREENING_CRITERIA = (
    OST_WOMEN_2004,
    OST_BANDS_2004,
    OST_MEN_2003,
    OSTA_2001,
    ORAI_2000,
    SCORE_1998,
    ABONE_2000,
    OSIRIS_2002,
    MORES_2007,
)
"""Screening scores."""
