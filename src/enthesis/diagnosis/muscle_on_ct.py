"""Muscle on CT: area and attenuation at L3 against populations, and the ranges of the review."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np

from enthesis.diagnosis.criteria import Category, Criterion, Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import BMI, HEIGHT, SEX, Columns, FloatArray, Input, measured
from enthesis.diagnosis.muscle_inputs import BySex, border
from enthesis.diagnosis.truth import Truth, by_sex
from enthesis.errors import InputError
from enthesis.records import Finding, Subject

AttenuationCutoff = Literal["martin2013", "derstine2018", "vanderwerf2018"]

NOT_A_DIAGNOSIS = (
    "This is not a diagnosis: low attenuation means fat in muscle; sarcopenia needs strength too."
)

AREA_ALONE = (
    "This is not a diagnosis: a small muscle area is one part of sarcopenia, which needs strength "
    "too."
)

MM2_PER_CM2 = 100.0

MUSCLE_AREA = measured(
    "area", "skeletal_muscle", "L3", label="area of all skeletal muscle at L3", sides="sum"
)
MUSCLE_INDEX = measured("skeletal_muscle_index", label="skeletal muscle index at L3")
PSOAS_AREA = measured(
    "area", "psoas_major", "L3", label="area of psoas major at L3, mean of the sides", sides="mean"
)
PSOAS_INDEX = measured("psoas_muscle_index", label="psoas muscle index at L3")
ATTENUATION = measured(
    "muscle_attenuation",
    "skeletal_muscle",
    "L3",
    label="attenuation of all skeletal muscle at L3 (voxels from -29 to 150 HU)",
    sides="mean",
)

PRADO_SMI = border("<=", MUSCLE_INDEX, men=52.4, women=38.5)
MARTIN_SMI_LEAN = Cutoff(
    value=43, relation="<", unit="cm2/m2", sex="male", inputs=(MUSCLE_INDEX.name,)
)
MARTIN_SMI_HEAVY = Cutoff(
    value=53, relation="<", unit="cm2/m2", sex="male", inputs=(MUSCLE_INDEX.name,)
)
MARTIN_SMI_WOMEN = Cutoff(
    value=41, relation="<", unit="cm2/m2", sex="female", inputs=(MUSCLE_INDEX.name,)
)
MARTIN_BMI = Cutoff(value=25, relation="<", unit="kg/m2", inputs=(BMI.name,))
DERSTINE_SMI = border("<", MUSCLE_INDEX, men=45.4, women=34.4)
VAN_DER_WERF_SMI = border("<", MUSCLE_INDEX, men=41.6, women=32.0)
HAMAGUCHI_PMI = border("<", PSOAS_INDEX, men=6.36, women=3.92)

MARTIN_HU_LEAN = Cutoff(value=41, relation="<", unit="HU", inputs=(ATTENUATION.name,))
MARTIN_HU_HEAVY = Cutoff(value=33, relation="<", unit="HU", inputs=(ATTENUATION.name,))
DERSTINE_HU = border("<", ATTENUATION, men=38.5, women=34.3)
VAN_DER_WERF_HU = border("<", ATTENUATION, men=29.3, women=22.0)

REVIEW_NORMAL_HU = (40, 100)
"""Normal muscle by the review, HU, both bounds included."""

REVIEW_FATTY_HU = (0, 30)
"""Muscle with fatty infiltration by the review, HU, both bounds included."""

REVIEW_SOURCE = (
    "Imaging of osteoporosis and sarcopenia: the bone-muscle unit (review, 2019), CT in sarcopenia"
)

MARTIN = "Martin L et al. J Clin Oncol 2013;31:1539-1547"
DERSTINE = "Derstine BA et al. Sci Rep 2018;8:11369. doi:10.1038/s41598-018-29825-5"
VAN_DER_WERF = "van der Werf A et al. Eur J Clin Nutr 2018;72:288-296"

LOW_AREA = (Category("low muscle area"), Category("muscle area not low"))
LOW_ATTENUATION = (Category("low muscle attenuation"), Category("muscle attenuation not low"))


def muscle_attenuation(subject: Subject, *, cutoffs: AttenuationCutoff = "derstine2018") -> Finding:
    """Whether skeletal muscle at L3 has low attenuation, by one population's cut-off.

    Parameters
    ----------
    subject : its measurements may hold ``muscle_attenuation`` (-29 to 150 HU) of
        ``skeletal_muscle`` at L3; sex, or height and weight, as the cut-off needs
    cutoffs : a key of `ATTENUATION_CUTOFFS`

    Returns
    -------
    Finding "low muscle attenuation", "muscle attenuation not low" or "cannot tell". The cut-offs
    are for all skeletal muscle of the slice: a single muscle is never judged by them.

    Raises
    ------
    InputError : unknown cut-offs.
    """
    if cutoffs not in ATTENUATION_CUTOFFS:
        known = ", ".join(ATTENUATION_CUTOFFS)
        raise InputError(f"no attenuation cut-offs named {cutoffs!r}; known are: {known}")
    return ATTENUATION_CUTOFFS[cutoffs].find(subject)


def muscle_attenuation_review(subject: Subject, *, level: str = "L3") -> list[Finding]:
    """Each muscle's mean attenuation at one level against the ranges that the review prints.

    The review calls 40 to 100 HU normal and 0 to 30 HU fatty infiltration, and says nothing of what
    lies between or below. Healthy women average 36 HU in the paraspinal muscles (Kim 2020), so 40
    HU is not a lower limit of normal: the finding is descriptive.

    Parameters
    ----------
    subject : its measurements may hold ``attenuation_mean`` of muscles at `level`, mid-body
    level : vertebral level

    Returns
    -------
    One finding a muscle and side, in the order measured; one "cannot tell" when there is none.

    References
    ----------
    The review paper's section on CT in sarcopenia; Kim DH, et al. BMC Musculoskelet Disord 2020;21.
    doi:10.1186/s12891-020-03432-w
    """
    found = [
        m
        for m in subject.measurements
        if m.quantity == "attenuation_mean" and m.level == level and "mid-body" in m.method
    ]
    criterion = f"Muscle attenuation at {level}, ranges of the 2019 review"
    if not found:
        return [
            Finding(
                criterion=criterion,
                category="cannot tell",
                statement=f"No muscle was measured at {level}.",
                missing=(f"mean attenuation of a muscle at {level} (HU)",),
                source=REVIEW_SOURCE,
            )
        ]
    findings = []
    for m in found:
        muscle = f"{m.side} {m.region.replace('_', ' ')}".strip()
        findings.append(
            Finding(
                criterion=f"{criterion}: {muscle}",
                category=_review_range(m.value),
                statement=(
                    f"{muscle.capitalize()} at {level} has a mean of {m.value:.1f} HU. "
                    f"{NOT_A_DIAGNOSIS}"
                ),
                used={f"mean attenuation {muscle} {level}": f"{m.value:.1f} HU"},
                source=REVIEW_SOURCE,
                flags=m.flags,
            )
        )
    return findings


def _review_range(value: float) -> str:
    if REVIEW_NORMAL_HU[0] <= value <= REVIEW_NORMAL_HU[1]:
        return "normal range"
    if REVIEW_FATTY_HU[0] <= value <= REVIEW_FATTY_HU[1]:
        return "range of fatty infiltration"
    return "outside the ranges that the review names"


def _smi(columns: Columns) -> FloatArray:
    worked = columns[MUSCLE_AREA.name] / MM2_PER_CM2 / columns[HEIGHT.name] ** 2
    return np.where(np.isnan(worked), columns[MUSCLE_INDEX.name], worked)


def _pmi(columns: Columns) -> FloatArray:
    both_sides = 2 * columns[PSOAS_AREA.name] / MM2_PER_CM2
    worked = both_sides / columns[HEIGHT.name] ** 2
    return np.where(np.isnan(worked), columns[PSOAS_INDEX.name], worked)


def _by_bmi(columns: Columns, *, lean: Truth, heavy: Truth) -> Truth:
    """The lean people's truth below the border of BMI, the others' from it; agreed if unknown."""
    below = MARTIN_BMI.holds(columns[BMI.name])
    agreed = np.where(lean == heavy, lean, np.nan)
    return np.where(below == 1, lean, np.where(below == 0, heavy, agreed))


def _martin_area(columns: Columns) -> Verdict:
    smi = _smi(columns)
    men = _by_bmi(columns, lean=MARTIN_SMI_LEAN.holds(smi), heavy=MARTIN_SMI_HEAVY.holds(smi))
    low = by_sex(columns[SEX.name], female=MARTIN_SMI_WOMEN.holds(smi), male=men)
    return decide((0, low), otherwise=1, numbers={MUSCLE_INDEX.name: smi})


def _martin_attenuation(columns: Columns) -> Verdict:
    value = columns[ATTENUATION.name]
    lean, heavy = MARTIN_HU_LEAN.holds(value), MARTIN_HU_HEAVY.holds(value)
    return decide((0, _by_bmi(columns, lean=lean, heavy=heavy)), otherwise=1)


def _area(name: str, title: str, borders: BySex, *, psoas: bool = False, source: str) -> Criterion:
    area, index_input = (PSOAS_AREA, PSOAS_INDEX) if psoas else (MUSCLE_AREA, MUSCLE_INDEX)

    def rule(columns: Columns) -> Verdict:
        value = _pmi(columns) if psoas else _smi(columns)
        return decide(
            (0, borders.holds(value, columns[SEX.name])),
            otherwise=1,
            numbers={index_input.name: value},
        )

    return Criterion(
        name=name,
        title=title,
        inputs=(SEX, area, HEIGHT, index_input),
        cutoffs=borders.both,
        categories=LOW_AREA,
        rule=rule,
        derived=(index_input,),
        closing=AREA_ALONE,
        source=source,
    )


def _attenuation(name: str, title: str, borders: BySex, *, source: str) -> Criterion:
    def rule(columns: Columns) -> Verdict:
        return decide((0, borders.holds(columns[ATTENUATION.name], columns[SEX.name])), otherwise=1)

    return _low_attenuation(name, title, (SEX, ATTENUATION), borders.both, rule, source)


def _low_attenuation(
    name: str,
    title: str,
    inputs: tuple[Input, ...],
    cutoffs: tuple[Cutoff, ...],
    rule: Callable[[Columns], Verdict],
    source: str,
) -> Criterion:
    return Criterion(
        name=f"muscle_attenuation_{name}",
        title=f"Low muscle attenuation, {title}",
        inputs=inputs,
        cutoffs=cutoffs,
        categories=LOW_ATTENUATION,
        rule=rule,
        closing=NOT_A_DIAGNOSIS,
        source=source,
    )


ATTENUATION_CUTOFFS: dict[AttenuationCutoff, Criterion] = {
    "martin2013": _low_attenuation(
        "martin2013",
        "Martin 2013 (patients with cancer: 41 HU, or 33 HU from BMI 25)",
        (ATTENUATION, HEIGHT, BMI),
        (MARTIN_HU_LEAN, MARTIN_HU_HEAVY, MARTIN_BMI),
        _martin_attenuation,
        MARTIN,
    ),
    "derstine2018": _attenuation(
        "derstine2018",
        "Derstine 2018 (healthy kidney donors, mean - 2 SD: men 38.5, women 34.3 HU)",
        DERSTINE_HU,
        source=DERSTINE,
    ),
    "vanderwerf2018": _attenuation(
        "vanderwerf2018",
        "van der Werf 2018 (healthy donors, 5th percentile: men 29.3, women 22.0 HU)",
        VAN_DER_WERF_HU,
        source=VAN_DER_WERF,
    ),
}
"""Cut-offs by population, kept apart: each holds for total skeletal muscle at L3, -29 to 150 HU."""

MUSCLE_ON_CT_CRITERIA = (
    _area(
        "smi_prado_2008",
        "Skeletal muscle index at L3, Prado 2008 (obese patients with cancer)",
        PRADO_SMI,
        source="Prado CM et al. Lancet Oncol 2008;9:629-635. doi:10.1016/S1470-2045(08)70153-0",
    ),
    Criterion(
        name="smi_martin_2013",
        title="Skeletal muscle index at L3, Martin 2013 (patients with cancer)",
        inputs=(SEX, MUSCLE_AREA, HEIGHT, BMI, MUSCLE_INDEX),
        cutoffs=(MARTIN_SMI_LEAN, MARTIN_SMI_HEAVY, MARTIN_SMI_WOMEN, MARTIN_BMI),
        categories=LOW_AREA,
        rule=_martin_area,
        derived=(MUSCLE_INDEX,),
        closing=AREA_ALONE,
        source=MARTIN,
    ),
    _area(
        "smi_derstine_2018",
        "Skeletal muscle index at L3, Derstine 2018 (healthy kidney donors, mean - 2 SD)",
        DERSTINE_SMI,
        source=DERSTINE,
    ),
    _area(
        "smi_vanderwerf_2018",
        "Skeletal muscle index at L3, van der Werf 2018 (healthy donors, 5th percentile)",
        VAN_DER_WERF_SMI,
        source=VAN_DER_WERF,
    ),
    _area(
        "pmi_hamaguchi_2016",
        "Psoas muscle index at L3, Hamaguchi 2016 (Japanese donors)",
        HAMAGUCHI_PMI,
        psoas=True,
        source="Hamaguchi Y et al. Nutrition 2016;32:1200-1205",
    ),
    *ATTENUATION_CUTOFFS.values(),
)
"""Every built-in cut-off of muscle on CT, by population."""
