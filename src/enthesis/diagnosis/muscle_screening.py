"""Finding people with possible sarcopenia, low lean mass, and sarcopenic obesity."""

from __future__ import annotations

from enthesis.diagnosis.criteria import Category, Criterion, Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import SEX, WEIGHT, Columns, Input, measured
from enthesis.diagnosis.muscle_inputs import (
    ALM,
    CALF,
    CHAIR,
    FAT_PERCENT,
    GRIP,
    SARC_F,
    BySex,
    any_known,
    border,
    on,
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
SARC_CALF_POSITIVE = one_border(">=", SARC_F, 1)
"""SARC-CalF is positive from 11 points: 10 for a thin calf, and at least 1 of SARC-F's 10."""

ORIGINAL_CALF = border("<=", CALF, men=34, women=33)
LOW_LEAN_MASS = one_border("<=", YOUNG_SCORE, -2)
OBESE_FAT = border(">", FAT_PERCENT, men=31, women=43)
LEAN_SHARE = Input(name="lean_share", label="lean mass over body weight", unit="%")
OBESE_LEAN_SHARE = BySex(
    men=Cutoff(value=25.7, relation="<", unit="%", sex="male"),
    women=Cutoff(value=19.4, relation="<", unit="%", sex="female"),
)
"""Appendicular lean mass as percent of body weight."""

POSITIVE = (Category("screen positive"), Category("screen negative"))


def _awgs_screening(columns: Columns) -> Verdict:
    sex = columns[SEX.name]
    found = any_known(
        on(AWGS_CALF, columns[CALF.name], sex), on(SARC_F_POSITIVE, columns[SARC_F.name], sex)
    )
    return decide((0, found), otherwise=1)


def _sarc_f(columns: Columns) -> Verdict:
    return decide((0, SARC_F_POSITIVE.holds(columns[SARC_F.name])), otherwise=1)


def _sarc_calf_rule(columns: Columns) -> Verdict:
    thin = ORIGINAL_CALF.holds(columns[CALF.name], columns[SEX.name])
    points = SARC_CALF_POSITIVE.holds(columns[SARC_F.name])
    return decide((0, both(thin, points)), otherwise=1)


def _low_lean_mass(columns: Columns) -> Verdict:
    return decide((0, LOW_LEAN_MASS.holds(columns[YOUNG_SCORE.name])), otherwise=1)


def _sarcopenic_obesity(columns: Columns) -> Verdict:
    sex = columns[SEX.name]
    weak = any_known(
        on(EWGSOP2_GRIP, columns[GRIP.name], sex), on(EWGSOP2_CHAIR, columns[CHAIR.name], sex)
    )
    share = 100 * columns[ALM.name] / columns[WEIGHT.name]
    obese = OBESE_FAT.holds(columns[FAT_PERCENT.name], sex)
    return decide(
        (0, both(weak, obese, OBESE_LEAN_SHARE.holds(share, sex))),
        otherwise=1,
        numbers={LEAN_SHARE.name: share},
    )


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
        cutoffs=(*ORIGINAL_CALF.both, SARC_CALF_POSITIVE),
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
        cutoffs=(*EWGSOP2_GRIP.both, EWGSOP2_CHAIR, *OBESE_FAT.both, *OBESE_LEAN_SHARE.both),
        categories=(Category("sarcopenic obesity"), Category("no sarcopenic obesity")),
        rule=_sarcopenic_obesity,
        derived=(LEAN_SHARE,),
        source="Donini LM et al. Obes Facts 2022;15:321-335. doi:10.1159/000521241",
        status="memory",
    ),
)
"""Screening for sarcopenia and criteria of lean mass."""
