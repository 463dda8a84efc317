"""The PRISMA 2020 flow of records, reports and studies, whose counts must add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import pandas as pd

from enthesis.errors import InputError
from enthesis.review.records import Library
from enthesis.review.screening import NOT_RETRIEVED, Screening


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """Counts of one review, checked box by box when it is made.

    Parameters
    ----------
    databases, registers : records identified, by name of the source
    duplicates : duplicate records removed
    automation : records that automation tools marked as ineligible
    removed_otherwise : records removed before screening for other reasons
    screened : records whose title and abstract were read
    excluded : records excluded by title and abstract
    sought : reports sought in full; None where a review does not tell
    not_retrieved : reports not retrieved; None likewise
    assessed : reports read in full
    excluded_reports : reports excluded, by reason; one entry "not specified" where a paper gives no
        counts by reason
    other_sources : records identified otherwise, by source (websites, organisations, citations)
    other_sought, other_not_retrieved, other_assessed : reports of those
    other_excluded : reports of those excluded, by reason
    studies : included in the review
    reports : reports of the included studies; None where they are as many as the studies
    pooled : studies in the meta-analysis; None where it is not told
    previous_studies : studies of an earlier version of the review, counted in addition

    Raises
    ------
    InputError : a count below 0 or not whole, or counts that do not add up; the box is named, with
        what it holds and what the others make it.

    References
    ----------
    Page et al. 2021, PRISMA 2020, https://doi.org/10.1136/bmj.n71
    """

    databases: Mapping[str, int]
    registers: Mapping[str, int] = field(default_factory=dict)
    duplicates: int
    automation: int = 0
    removed_otherwise: int = 0
    screened: int
    excluded: int
    sought: int | None = None
    not_retrieved: int | None = None
    assessed: int
    excluded_reports: Mapping[str, int]
    other_sources: Mapping[str, int] = field(default_factory=dict)
    other_sought: int = 0
    other_not_retrieved: int = 0
    other_assessed: int = 0
    other_excluded: Mapping[str, int] = field(default_factory=dict)
    studies: int
    reports: int | None = None
    pooled: int | None = None
    previous_studies: int = 0

    def __post_init__(self) -> None:
        for name in (
            "databases",
            "registers",
            "excluded_reports",
            "other_sources",
            "other_excluded",
        ):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        _check_counts(self)
        _check_sums(self)

    @property
    def identified(self) -> int:
        """Records from databases and registers."""
        return sum(self.databases.values()) + sum(self.registers.values())

    @property
    def removed(self) -> int:
        """Records removed before screening."""
        return self.duplicates + self.automation + self.removed_otherwise

    def to_frame(self) -> pd.DataFrame:
        """One row per box: box, detail, n."""
        rows: list[tuple[str, str, int]] = []
        for box, by_name in (
            ("Records identified from databases", self.databases),
            ("Records identified from registers", self.registers),
        ):
            rows += [(box, name, n) for name, n in by_name.items()]
        rows += [
            ("Records removed before screening", "duplicates", self.duplicates),
            ("Records removed before screening", "automation tools", self.automation),
            ("Records removed before screening", "other reasons", self.removed_otherwise),
            ("Records screened", "", self.screened),
            ("Records excluded", "", self.excluded),
        ]
        if self.sought is not None:
            rows.append(("Reports sought for retrieval", "", self.sought))
        if self.not_retrieved is not None:
            rows.append(("Reports not retrieved", "", self.not_retrieved))
        rows.append(("Reports assessed for eligibility", "", self.assessed))
        rows += [("Reports excluded", name, n) for name, n in self.excluded_reports.items()]
        rows += [
            ("Records identified otherwise", name, n) for name, n in self.other_sources.items()
        ]
        if self.other_sources:
            rows += [
                ("Reports sought for retrieval (other)", "", self.other_sought),
                ("Reports not retrieved (other)", "", self.other_not_retrieved),
                ("Reports assessed for eligibility (other)", "", self.other_assessed),
            ]
            rows += [
                ("Reports excluded (other)", name, n) for name, n in self.other_excluded.items()
            ]
        if self.previous_studies:
            rows.append(("Studies of the earlier version", "", self.previous_studies))
        rows.append(("Studies included", "", self.studies))
        if self.reports is not None:
            rows.append(("Reports of included studies", "", self.reports))
        if self.pooled is not None:
            rows.append(("Studies in the meta-analysis", "", self.pooled))
        return pd.DataFrame(rows, columns=["box", "detail", "n"])


def flow_of(
    library: Library,
    screening: Screening,
    *,
    studies: int | None = None,
    pooled: int | None = None,
) -> Flow:
    """The flow of a review that was done here.

    Parameters
    ----------
    library : all records
    screening : of the records that remained after deduplication
    studies : that the included reports describe; as many as reports if not given
    pooled : studies in the meta-analysis

    Raises
    ------
    InputError : records without a settled decision (they are counted), or records screened that the
        library does not have.
    """
    unique = set(screening.records()["record"])
    strange = unique - set(library.records["record"])
    if strange:
        raise InputError(
            f"{len(strange)} records were screened that the library does not have, e.g. "
            f"{min(strange)}; import their search"
        )
    first = _settled(screening, "title_abstract")
    full = _settled(screening, "full_text")
    reasons = screening.reasons("full_text")
    not_retrieved = reasons.pop(NOT_RETRIEVED, 0)
    included = int((full["outcome"] == "included").sum())
    return Flow(
        databases=library.counts,
        duplicates=len(library.records) - len(unique),
        screened=len(first),
        excluded=int((first["outcome"] == "excluded").sum()),
        sought=len(full),
        not_retrieved=not_retrieved,
        assessed=len(full) - not_retrieved,
        excluded_reports=reasons,
        studies=included if studies is None else studies,
        reports=included,
        pooled=pooled,
    )


def _settled(screening: Screening, stage: str) -> pd.DataFrame:
    status = screening.status(stage)  # type: ignore[arg-type]
    unsettled = status[~status["outcome"].isin(["included", "excluded"])]
    if len(unsettled):
        counts = ", ".join(f"{n} {name}" for name, n in unsettled["outcome"].value_counts().items())
        raise InputError(f"{stage} is not finished: {counts}; settle them before the flow is drawn")
    return status


def _check_counts(flow: Flow) -> None:
    for name in flow.__slots__:
        value = getattr(flow, name)
        single = not isinstance(value, Mapping)
        counts = {name: value} if single else {f"{name}, {k}": n for k, n in value.items()}
        for box, n in counts.items():
            if n is None:
                continue
            if isinstance(n, bool) or not isinstance(n, int) or n < 0:
                raise InputError(f"the box {box!r} holds a count of 0 or more, not {n!r}")


def _check_sums(flow: Flow) -> None:
    _same(
        "records screened",
        flow.screened,
        flow.identified - flow.removed,
        f"{flow.identified} identified less {flow.removed} removed before screening",
    )
    passed = flow.screened - flow.excluded
    how = f"{flow.screened} screened less {flow.excluded} excluded"
    if flow.sought is not None:
        _same("reports sought for retrieval", flow.sought, passed, how)
        passed, how = flow.sought, f"{flow.sought} sought"
    if flow.not_retrieved:
        passed -= flow.not_retrieved
        how += f" less {flow.not_retrieved} not retrieved"
    _same("reports assessed for eligibility", flow.assessed, passed, how)
    left = flow.assessed - sum(flow.excluded_reports.values())
    if left < 0:
        raise InputError(
            f"the box 'reports excluded' holds {sum(flow.excluded_reports.values())}, more than "
            f"the {flow.assessed} assessed"
        )
    how = f"{flow.assessed} assessed less {sum(flow.excluded_reports.values())} excluded"
    if flow.other_sources:
        left, how = _check_other(flow, left, how)
    included = flow.studies if flow.reports is None else flow.reports
    box = "studies included" if flow.reports is None else "reports of included studies"
    if flow.previous_studies and flow.reports is None:
        left += flow.previous_studies
        how += f" and {flow.previous_studies} of the earlier version"
    _same(box, included, left, how)
    if flow.reports is not None and flow.studies > flow.reports + flow.previous_studies:
        raise InputError(
            f"the box 'studies included' holds {flow.studies}, more than the {flow.reports} "
            "reports that describe them"
        )
    if flow.pooled is not None and flow.pooled > flow.studies:
        raise InputError(
            f"the box 'studies in the meta-analysis' holds {flow.pooled}, more than the "
            f"{flow.studies} included"
        )


def _check_other(flow: Flow, left: int, how: str) -> tuple[int, str]:
    if flow.other_sought > sum(flow.other_sources.values()):
        raise InputError(
            f"the box 'reports sought for retrieval (other methods)' holds {flow.other_sought}, "
            f"more than the {sum(flow.other_sources.values())} identified otherwise"
        )
    _same(
        "reports assessed for eligibility (other methods)",
        flow.other_assessed,
        flow.other_sought - flow.other_not_retrieved,
        f"{flow.other_sought} sought less {flow.other_not_retrieved} not retrieved",
    )
    others = flow.other_assessed - sum(flow.other_excluded.values())
    if others < 0:
        raise InputError(
            "the box 'reports excluded (other methods)' holds "
            f"{sum(flow.other_excluded.values())}, more than the {flow.other_assessed} assessed"
        )
    return left + others, f"{how}, and {others} by other methods"


def _same(box: str, holds: int, wanted: int, how: str) -> None:
    if holds != wanted:
        raise InputError(f"the box {box!r} holds {holds}, but {how} make it {wanted}")
