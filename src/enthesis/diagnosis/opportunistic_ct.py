"""Opportunistic CT: what the attenuation of L1 on a scan taken for another reason suggests."""

from __future__ import annotations

from enthesis.diagnosis.criteria import Category, Criterion, Verdict, decide
from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import SEX, Columns, measured
from enthesis.diagnosis.truth import by_sex
from enthesis.errors import InputError
from enthesis.records import Finding, Subject

NOT_A_DIAGNOSIS = (
    "This is not a diagnosis: osteoporosis is diagnosed by DXA T-score or a fragility fracture."
)

PROTOCOL_FLAG = (
    "cut-offs hold for unenhanced scans at 120 kVp; contrast, other kVp and sharp kernels shift "
    "attenuation"
)

L1 = measured(
    "trabecular_attenuation", "vertebral_body", "L1", label="trabecular attenuation of L1"
)

ODDS_WHOLE_COHORT = Cutoff(value=180, relation="<", unit="HU", sex="male", inputs=(L1.name,))
ODDS_WOMEN = Cutoff(value=190, relation="<", unit="HU", sex="female", inputs=(L1.name,))
"""Abbouchie 2022 gives one cut-off for women and one for the whole cohort, used here for men."""


def l1_attenuation(subject: Subject, *, cohort: str = "pickhardt2013") -> Finding:
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
    return L1_COHORTS[cohort].find(subject)


def _two_levels(
    *, name: str, title: str, specific: float, sensitive: float, source: str
) -> Criterion:
    likely = Cutoff(value=specific, relation="<=", unit="HU", inputs=(L1.name,))
    possible = Cutoff(value=sensitive, relation="<=", unit="HU", inputs=(L1.name,))

    def rule(columns: Columns) -> Verdict:
        attenuation = columns[L1.name]
        return decide((0, likely.holds(attenuation)), (1, possible.holds(attenuation)), otherwise=2)

    return Criterion(
        name=name,
        title=title,
        inputs=(L1,),
        cutoffs=(likely, possible),
        categories=(
            Category("osteoporosis likely", f"{likely}, at least 90% specific for it by DXA"),
            Category("osteoporosis possible", f"{possible}, 90% sensitive for it by DXA"),
            Category("osteoporosis unlikely", f"{possible.opposite()}"),
        ),
        rule=rule,
        closing=NOT_A_DIAGNOSIS,
        caveats=(PROTOCOL_FLAG,),
        source=source,
    )


def _abbouchie(columns: Columns) -> Verdict:
    attenuation = columns[L1.name]
    low = by_sex(
        columns[SEX.name],
        female=ODDS_WOMEN.holds(attenuation),
        male=ODDS_WHOLE_COHORT.holds(attenuation),
    )
    return decide((0, low), otherwise=1)


L1_COHORTS: dict[str, Criterion] = {
    "pickhardt2013": _two_levels(
        name="l1_attenuation_pickhardt_2013",
        title="L1 attenuation, Pickhardt 2013 (United States)",
        specific=110,
        sensitive=160,
        source=(
            "Pickhardt PJ et al. Ann Intern Med 2013;158:588-595. "
            "doi:10.7326/0003-4819-158-8-201304160-00003"
        ),
    ),
    "british2023": _two_levels(
        name="l1_attenuation_british_2023",
        title="L1 attenuation, British cohort 2023 (n = 536)",
        specific=104,
        sensitive=169,
        source="Opportunistic screening for osteoporosis by abdominal CT in a British population. "
        "Insights Imaging 2023. doi:10.1186/s13244-023-01400-1",
    ),
    "australian2022": Criterion(
        name="l1_attenuation_australian_2022",
        title="L1 attenuation, Abbouchie 2022 (Australia, n = 407)",
        inputs=(L1, SEX),
        cutoffs=(ODDS_WHOLE_COHORT, ODDS_WOMEN),
        categories=(
            Category(
                "osteoporosis possible",
                "below 190 HU in a woman, where its odds are 4.4 times higher, or below 180 HU, "
                "where they are 4.7 times higher in the whole cohort",
            ),
            Category("osteoporosis unlikely", "at or above 190 HU in a woman, 180 HU in a man"),
        ),
        rule=_abbouchie,
        closing=NOT_A_DIAGNOSIS,
        caveats=(PROTOCOL_FLAG,),
        source="Abbouchie H et al. Screening for osteoporosis using L1 vertebral density on "
        "abdominal CT in an Australian population. Clin Radiol 2022;77(7)",
    ),
}
"""Criteria by cohort: cut-offs differ with the population, so the cohort is part of the name."""

OPPORTUNISTIC_CT_CRITERIA = tuple(L1_COHORTS.values())
"""Opportunistic CT, one criterion a cohort."""
