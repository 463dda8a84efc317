"""Osteoporosis: what the attenuation of L1 on a CT taken for another reason suggests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from enthesis.errors import InputError
from enthesis.records import Finding, Subject, find

Cohort = Literal["pickhardt2013", "british2023", "australian2022"]

NOT_A_DIAGNOSIS = (
    "This is not a diagnosis: osteoporosis is diagnosed by DXA T-score or a fragility fracture."
)


PROTOCOL_FLAG = (
    "cut-offs hold for unenhanced scans at 120 kVp; contrast, other kVp and sharp kernels shift "
    "attenuation"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """One cut-off of L1 attenuation.

    Parameters
    ----------
    hounsfield : HU
    inclusive : whether the bound itself counts as low
    category : what a value at or below it suggests
    meaning : what the cohort found there
    """

    hounsfield: float
    inclusive: bool
    category: str
    meaning: str

    def holds(self, value: float) -> bool:
        """Whether a value is low by this cut-off."""
        return value <= self.hounsfield if self.inclusive else value < self.hounsfield

    def __str__(self) -> str:
        return f"{'at or below' if self.inclusive else 'below'} {self.hounsfield:g} HU"


@dataclass(frozen=True, slots=True, kw_only=True)
class L1Cohort:
    """L1 attenuation cut-offs of one cohort.

    Parameters
    ----------
    name : as printed
    cutoffs : from the lowest up
    cutoffs_women : the same for women, where the cohort gives their own
    source : citation
    """

    name: str
    cutoffs: tuple[Cutoff, ...]
    cutoffs_women: tuple[Cutoff, ...] | None = None
    source: str


def _sensitive_and_specific(specific: float, sensitive: float) -> tuple[Cutoff, ...]:
    return (
        Cutoff(
            hounsfield=specific,
            inclusive=True,
            category="osteoporosis likely",
            meaning="at least 90% specific for osteoporosis by DXA",
        ),
        Cutoff(
            hounsfield=sensitive,
            inclusive=True,
            category="osteoporosis possible",
            meaning="90% sensitive for osteoporosis by DXA",
        ),
    )


def _raised_odds(hounsfield: float, meaning: str) -> tuple[Cutoff, ...]:
    return (
        Cutoff(
            hounsfield=hounsfield,
            inclusive=False,
            category="osteoporosis possible",
            meaning=meaning,
        ),
    )


L1_COHORTS: dict[Cohort, L1Cohort] = {
    "pickhardt2013": L1Cohort(
        name="Pickhardt 2013 (United States)",
        cutoffs=_sensitive_and_specific(110, 160),
        source=(
            "Pickhardt PJ et al. Ann Intern Med 2013;158:588-595. "
            "doi:10.7326/0003-4819-158-8-201304160-00003"
        ),
    ),
    "british2023": L1Cohort(
        name="British cohort 2023 (n = 536)",
        cutoffs=_sensitive_and_specific(104, 169),
        source="Opportunistic screening for osteoporosis by abdominal CT in a British population. "
        "Insights Imaging 2023. doi:10.1186/s13244-023-01400-1",
    ),
    "australian2022": L1Cohort(
        name="Abbouchie 2022 (Australia, n = 407)",
        cutoffs=_raised_odds(180, "odds of osteoporosis 4.7 times higher in the whole cohort"),
        cutoffs_women=_raised_odds(190, "odds of osteoporosis 4.4 times higher in women"),
        source="Abbouchie H et al. Screening for osteoporosis using L1 vertebral density on "
        "abdominal CT in an Australian population. Clin Radiol 2022;77(7)",
    ),
}
"""Cut-offs by cohort: they differ with the population, so the cohort is part of the name."""


def l1_attenuation(subject: Subject, *, cohort: Cohort = "pickhardt2013") -> Finding:
    """What the trabecular attenuation of L1 suggests, by one cohort's cut-offs.

    Parameters
    ----------
    subject : its measurements may hold ``trabecular_attenuation`` of L1, HU
    cohort : whose cut-offs; a key of `L1_COHORTS`

    Returns
    -------
    Finding "osteoporosis likely", "osteoporosis possible" or "osteoporosis unlikely" as the
    cohort's cut-offs say, or "cannot tell". Never a diagnosis.

    Raises
    ------
    InputError : unknown cohort.

    References
    ----------
    Each cohort's own, in `L1_COHORTS`.
    """
    if cohort not in L1_COHORTS:
        raise InputError(f"no cohort named {cohort!r}; known are: {', '.join(L1_COHORTS)}")
    rule = L1_COHORTS[cohort]
    criterion = f"L1 attenuation, {rule.name}"
    measured = find(
        subject.measurements, "trabecular_attenuation", region="vertebral_body", level="L1"
    )
    if not measured:
        return Finding(
            criterion=criterion,
            category="cannot tell",
            statement="L1 was not measured: its vertebral body is not labelled or not in the scan.",
            missing=("trabecular attenuation of L1 (HU)",),
            source=rule.source,
        )
    value = measured[0].value
    used = {"trabecular attenuation L1": f"{value:.1f} HU"}
    cutoffs = rule.cutoffs
    missing: tuple[str, ...] = ()
    if rule.cutoffs_women is not None:
        if subject.sex is None:
            missing = (f"sex (for women the cut-off is {rule.cutoffs_women[0]})",)
        else:
            used["sex"] = subject.sex
        if subject.sex == "female":
            cutoffs = rule.cutoffs_women
    held = next((cutoff for cutoff in cutoffs if cutoff.holds(value)), None)
    if held:
        category, reading = held.category, f"{held} ({held.meaning})"
    else:
        category, reading = "osteoporosis unlikely", f"not {cutoffs[-1]} ({cutoffs[-1].meaning})"
    return Finding(
        criterion=criterion,
        category=category,
        statement=f"L1 trabecular attenuation of {value:.0f} HU is {reading}. {NOT_A_DIAGNOSIS}",
        used=used,
        missing=missing,
        source=rule.source,
        flags=(*measured[0].flags, PROTOCOL_FLAG),
    )
