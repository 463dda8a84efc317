"""Sarcopenia: low attenuation of muscle on CT, a sign of fat within it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from enthesis.errors import InputError
from enthesis.records import Finding, Measurement, Subject, find

AttenuationCutoff = Literal["martin2013", "derstine2018", "vanderwerf2018"]

NOT_A_DIAGNOSIS = (
    "This is not a diagnosis: low attenuation means fat in muscle; sarcopenia needs strength too."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttenuationCutoffs:
    """One population's cut-off for the attenuation of all skeletal muscle at L3, HU, exclusive.

    Parameters
    ----------
    name : as printed
    needs : what decides which cut-off applies: "sex" or "bmi"
    cutoff : subject → HU below which attenuation is low; called only when what it needs is known
    source : citation
    """

    name: str
    needs: Literal["sex", "bmi"]
    cutoff: Callable[[Subject], float]
    source: str


def _martin(subject: Subject) -> float:
    return 41 if (subject.bmi or 0) < 25 else 33


def _derstine(subject: Subject) -> float:
    return 34.3 if subject.sex == "female" else 38.5


def _van_der_werf(subject: Subject) -> float:
    return 22.0 if subject.sex == "female" else 29.3


ATTENUATION_CUTOFFS: dict[AttenuationCutoff, AttenuationCutoffs] = {
    "martin2013": AttenuationCutoffs(
        name="Martin 2013 (patients with cancer, 41 HU, or 33 HU from BMI 25)",
        needs="bmi",
        cutoff=_martin,
        source="Martin L et al. J Clin Oncol 2013;31:1539-1547. doi:10.1200/JCO.2012.45.2722",
    ),
    "derstine2018": AttenuationCutoffs(
        name="Derstine 2018 (healthy kidney donors, mean - 2 SD: men 38.5, women 34.3 HU)",
        needs="sex",
        cutoff=_derstine,
        source="Derstine BA et al. Sci Rep 2018;8:11369. doi:10.1038/s41598-018-29825-5",
    ),
    "vanderwerf2018": AttenuationCutoffs(
        name="van der Werf 2018 (healthy donors, 5th percentile: men 29.3, women 22.0 HU)",
        needs="sex",
        cutoff=_van_der_werf,
        source="van der Werf A et al. Eur J Clin Nutr 2018;72:288-296. "
        "doi:10.1038/s41430-017-0034-5",
    ),
}
"""Cut-offs by population, kept apart: each holds for total skeletal muscle at L3, -29 to 150 HU."""

REVIEW_NORMAL_HU = (40, 100)
"""Normal muscle by the review, HU, both bounds included."""

REVIEW_FATTY_HU = (0, 30)
"""Muscle with fatty infiltration by the review, HU, both bounds included."""

REVIEW_SOURCE = (
    "Imaging of osteoporosis and sarcopenia: the bone-muscle unit (review, 2019), CT in sarcopenia"
)


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

    References
    ----------
    Each population's own, in `ATTENUATION_CUTOFFS`.
    """
    if cutoffs not in ATTENUATION_CUTOFFS:
        known = ", ".join(ATTENUATION_CUTOFFS)
        raise InputError(f"no attenuation cut-offs named {cutoffs!r}; known are: {known}")
    rule = ATTENUATION_CUTOFFS[cutoffs]
    criterion = f"Low muscle attenuation, {rule.name}"
    measured = find(
        subject.measurements, "muscle_attenuation", region="skeletal_muscle", level="L3"
    )
    missing = []
    if not measured:
        missing.append("attenuation of all skeletal muscle at L3 (HU, voxels from -29 to 150)")
    if rule.needs == "sex" and subject.sex is None:
        missing.append("sex")
    if rule.needs == "bmi" and subject.bmi is None:
        missing.append("height and weight")
    used = {}
    if measured:
        used["muscle attenuation L3"] = f"{measured[0].value:.1f} HU"
    if missing:
        return Finding(
            criterion=criterion,
            category="cannot tell",
            statement=f"Missing: {'; '.join(missing)}.",
            used=used,
            missing=tuple(missing),
            source=rule.source,
        )
    value, cutoff = measured[0].value, rule.cutoff(subject)
    if rule.needs == "sex":
        used["sex"] = str(subject.sex)
    else:
        used["body mass index"] = f"{subject.bmi:.1f} kg/m2"
    low = value < cutoff
    return Finding(
        criterion=criterion,
        category="low muscle attenuation" if low else "muscle attenuation not low",
        statement=(
            f"Skeletal muscle at L3 has {value:.1f} HU, {'below' if low else 'not below'} "
            f"{cutoff:g} HU. {NOT_A_DIAGNOSIS}"
        ),
        used=used,
        source=rule.source,
        flags=measured[0].flags,
    )


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
    measured = [
        m
        for m in subject.measurements
        if m.quantity == "attenuation_mean" and m.level == level and "mid-body" in m.method
    ]
    criterion = f"Muscle attenuation at {level}, ranges of the 2019 review"
    if not measured:
        return [
            Finding(
                criterion=criterion,
                category="cannot tell",
                statement=f"No muscle was measured at {level}.",
                missing=(f"mean attenuation of a muscle at {level} (HU)",),
                source=REVIEW_SOURCE,
            )
        ]
    return [
        Finding(
            criterion=f"{criterion}: {_muscle(m)}",
            category=_review_range(m.value),
            statement=(
                f"{_muscle(m).capitalize()} at {level} has a mean of {m.value:.1f} HU. "
                f"{NOT_A_DIAGNOSIS}"
            ),
            used={f"mean attenuation {_muscle(m)} {level}": f"{m.value:.1f} HU"},
            source=REVIEW_SOURCE,
            flags=m.flags,
        )
        for m in measured
    ]


def _review_range(value: float) -> str:
    if REVIEW_NORMAL_HU[0] <= value <= REVIEW_NORMAL_HU[1]:
        return "normal range"
    if REVIEW_FATTY_HU[0] <= value <= REVIEW_FATTY_HU[1]:
        return "range of fatty infiltration"
    return "outside the ranges that the review names"


def _muscle(measured: Measurement) -> str:
    return f"{measured.side} {measured.region.replace('_', ' ')}".strip()
