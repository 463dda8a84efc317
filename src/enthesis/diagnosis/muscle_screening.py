"""Finding people with possible sarcopenia, low lean mass, and sarcopenic obesity."""

from __future__ import annotations

import numpy as np

from enthesis.diagnosis.criteria import Category, Criterion, Verdict, decide
from enthesis.diagnosis.inputs import SEX, WEIGHT, Columns, FloatArray, measured
from enthesis.diagnosis.muscle_inputs import (
    ALM,
    CALF,
    CHAIR,
    FAT_PERCENT,
    GRIP,
    SARC_F,
    any_known,
    border,
    one_border,
)
from enthesis.diagnosis.sarcopenia import EWGSOP2_CHAIR, EWGSOP2_GRIP
from enthesis.diagnosis.truth import both

YOUNG_SCORE = measured(
    "appendicular_lean_mass_young_score", label="score of appendicular lean mass from young adults"
)

SCREENING = "This is a screening result: who is found goes on to be measured."

SARC_F_POSITIVE = one_border(">=", SARC_F, 4)
AWGS_CALF = border("<", CALF, men=34, women=33)
SARC_CALF_POSITIVE = 11
SARC_CALF_POINTS = 10
"""Points that a thin calf adds to SARC-F."""

ORIGINAL_CALF = border("<=", CALF, men=34, women=33)
LOW_LEAN_MASS = one_border("<=", YOUNG_SCORE, -2)
OBESE_FAT = border(">", FAT_PERCENT, men=31, women=43)
OBESE_LEAN_SHARE = border("<", ALM, men=25.7, women=19.4)
"""Appendicular lean mass as percent of body weight."""

POSITIVE = (Category("screen positive"), Category("screen negative"))


def _sarc_calf(columns: Columns) -> FloatArray:
    thin = ORIGINAL_CALF.holds(columns[CALF.name], columns[SEX.name])
    return columns[SARC_F.name] + SARC_CALF_POINTS * thin


def _awgs_screening(columns: Columns) -> Verdict:
    thin = AWGS_CALF.holds(columns[CALF.name], columns[SEX.name])
    return decide(
        (0, any_known(thin, SARC_F_POSITIVE.holds(columns[SARC_F.name]))),
        otherwise=1,
    )


def _sarc_f(columns: Columns) -> Verdict:
    return decide((0, SARC_F_POSITIVE.holds(columns[SARC_F.name])), otherwise=1)


def _sarc_calf_rule(columns: Columns) -> Verdict:
    score = _sarc_calf(columns)

    positive = np.where(np.isnan(score), np.nan, (score >= SARC_CALF_POSITIVE).astype(float))
    return decide((0, positive), otherwise=1)


def _low_lean_mass(columns: Columns) -> Verdict:
    return decide((0, LOW_LEAN_MASS.holds(columns[YOUNG_SCORE.name])), otherwise=1)


def _sarcopenic_obesity(columns: Columns) -> Verdict:
    sex = columns[SEX.name]
    weak = any_known(
        EWGSOP2_GRIP.holds(columns[GRIP.name], sex), EWGSOP2_CHAIR.holds(columns[CHAIR.name])
    )
    share = 100 * columns[ALM.name] / columns[WEIGHT.name]
    obese = OBESE_FAT.holds(columns[FAT_PERCENT.name], sex)
    return decide((0, both(weak, obese, OBESE_LEAN_SHARE.holds(share, sex))), otherwise=1)


MUSCLE_SCREENING_CRITERIA = (
    Criterion(
        name="awgs_2019_screening",
        title="Screening for sarcopenia, AWGS 2019 (calf circumference or SARC-F)",
        inputs=(SEX, CALF, SARC_F),
        cutoffs=(*AWGS_CALF.both, SARC_F_POSITIVE),
        categories=POSITIVE,
        rule=_awgs_screening,
        closing=SCREENING,
        source="Chen LK et al. J Am Med Dir Assoc 2020;21:300-307. doi:10.1016/j.jamda.2019.12.012",
    ),
    Criterion(
        name="sarc_f_2013",
        title="SARC-F, Malmstrom 2013",
        inputs=(SARC_F,),
        cutoffs=(SARC_F_POSITIVE,),
        categories=POSITIVE,
        rule=_sarc_f,
        closing=SCREENING,
        source="Malmstrom TK, Morley JE. J Am Med Dir Assoc 2013;14:531-532. "
        "doi:10.1016/j.jamda.2013.05.018",
        status="partial",
    ),
    Criterion(
        name="sarc_calf_2016",
        title="SARC-CalF, Barbosa-Silva 2016",
        inputs=(SEX, SARC_F, CALF),
        cutoffs=ORIGINAL_CALF.both,
        categories=POSITIVE,
        rule=_sarc_calf_rule,
        closing=SCREENING,
        source="Barbosa-Silva TG et al. J Am Med Dir Assoc 2016;17:1136-1141. "
        "doi:10.1016/j.jamda.2016.08.004",
        status="partial",
    ),
    Criterion(
        name="iscd_low_lean_mass_2019",
        title="Low lean mass, ISCD 2019",
        inputs=(YOUNG_SCORE,),
        cutoffs=(LOW_LEAN_MASS,),
        categories=(Category("low lean mass", "score at or below -2"), Category("not low")),
        rule=_low_lean_mass,
        closing="Low lean mass alone is not sarcopenia.",
        source="ISCD 2019 Official Positions, adult",
        status="partial",
    ),
    Criterion(
        name="sarcopenic_obesity_espen_2022",
        title="Sarcopenic obesity, ESPEN and EASO 2022",
        inputs=(SEX, GRIP, CHAIR, FAT_PERCENT, ALM, WEIGHT),
        cutoffs=(*EWGSOP2_GRIP.both, EWGSOP2_CHAIR, *OBESE_FAT.both),
        categories=(Category("sarcopenic obesity"), Category("no sarcopenic obesity")),
        rule=_sarcopenic_obesity,
        source="Donini LM et al. Obes Facts 2022;15:321-335. doi:10.1159/000521241",
        status="memory",
    ),
)
"""Screening for sarcopenia and criteria of lean mass."""
