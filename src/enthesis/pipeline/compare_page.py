"""The page, the figures and the tables of one cohort's groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from enthesis.cohort import Contrast, Difference, GroupStudy, JonckheereTerpstra, OutcomeGroups
from enthesis.cohort.cohort_table import Outcome
from enthesis.quantities import QUANTITIES
from enthesis.report.groups import groups
from enthesis.report.page import Page, Picture, Section
from enthesis.report.rows import interval, number, p_value
from enthesis.report.tables import Table, superscript

MOST_PICTURES = 40
"""Figures drawn at most: more would make a page that no browser opens gladly."""

CORRECTED = (
    "Difference: first minus second, Welch's interval; g: Hedges' g with its exact interval. p: of "
    "the adjusted difference if there are covariates, else Welch's; Holm: over the comparisons of "
    "this outcome; BH: false discovery rate over all outcomes."
)


def compare_tables(study: GroupStudy) -> list[Table]:
    """Groups, comparisons, trend and checks of each outcome."""
    return [table for one in study.outcomes for table in _tables(one, study)]


def compare_pictures(study: GroupStudy) -> dict[str, Picture]:
    """Outcome → its groups, at most `MOST_PICTURES`."""
    return {
        one.outcome.label: Picture.of(
            groups(one, ylabel=_words(one.outcome)),
            alt=f"{_words(one.outcome)} of every subject by group, with the groups' means",
            caption=_words(one.outcome),
        )
        for one in study.outcomes[:MOST_PICTURES]
    }


def compare_page(
    study: GroupStudy, pictures: dict[str, Picture], *, provenance: dict[str, Any]
) -> Page:
    """The report of one cohort's groups."""
    sections = [
        Section(
            title=_words(one.outcome),
            text=one.notes,
            tables=tuple(_tables(one, study)),
            pictures=tuple(
                picture for name, picture in pictures.items() if name == one.outcome.label
            ),
        )
        for one in study.outcomes
    ]
    left = [f"{name}: not compared, {why}." for name, why in study.skipped.items()]
    if study.notes or left:
        sections.insert(0, Section(title="Notes", text=(*study.notes, *left)))
    return Page(
        title="Comparison of groups",
        subtitle="Compared by Enthesis from a table of subjects",
        facts={
            "Groups": ", ".join(study.stages),
            "Subjects": str(study.n_subjects),
            "Outcomes": str(len(study.outcomes)),
            "Adjusted for": ", ".join(study.covariates) or "nothing",
            "Intervals": f"{100 * study.level:g}%",
        },
        sections=tuple(sections),
        provenance=provenance,
    )


def _tables(one: OutcomeGroups, study: GroupStudy) -> list[Table]:
    name = _words(one.outcome)
    tables = [_group_table(one, name, study), _comparison_table(one, name, study)]
    if one.linear is not None and one.ranks is not None:
        tables.append(_trend_table(one, one.linear, one.ranks, name, study.level))
    return [*tables, _check_table(one, name)]


def _group_table(one: OutcomeGroups, name: str, study: GroupStudy) -> Table:
    digits = _digits(one)
    fitted = one.means.to_frame().set_index("group")
    rows = []
    for group in one.groups:
        row: dict[str, Any] = {
            "Group": group.name,
            "n": group.n,
            "Missing": group.n_missing,
            "Mean": group.mean,
            "SD": group.sd,
            "Median (quartiles)": f"{number(group.median, digits)} "
            f"({number(group.q1, digits)} to {number(group.q3, digits)})",
        }
        if study.covariates:
            middle, low, high = (
                float(fitted[name].get(group.name, np.nan))
                for name in ("adjusted_mean", "ci_lower", "ci_upper")
            )
            row["Adjusted mean"] = interval(middle, low, high, digits)
        rows.append(row)
    return Table(
        frame=pd.DataFrame(rows), caption=f"{name}: groups", decimals={"Mean": digits, "SD": digits}
    )


def _comparison_table(one: OutcomeGroups, name: str, study: GroupStudy) -> Table:
    digits = _digits(one)
    rows = []
    for found in one.comparisons:
        row = {
            "Comparison": found.name,
            "n": f"{found.first.n}/{found.second.n}",
            "Difference": _interval(found.difference, digits),
            "Hedges' g": _interval(found.g, 2),
        }
        if found.adjusted is not None:
            row["Adjusted difference"] = _interval(found.adjusted, digits)
        rows.append(
            row
            | {
                "p": p_value(found.p_value).removeprefix("= "),
                "Holm": p_value(found.p_holm).removeprefix("= "),
                "BH": p_value(found.p_bh).removeprefix("= "),
            }
        )
    skipped = tuple(f"{which}: not compared, {why}." for which, why in one.skipped.items())
    return Table(
        frame=pd.DataFrame(rows),
        caption=f"{name}: comparisons ({100 * study.level:g}% CI)",
        notes=(CORRECTED, *skipped),
    )


def _trend_table(
    one: OutcomeGroups, linear: Contrast, ranks: JonckheereTerpstra, name: str, level: float
) -> Table:
    rows = [
        {
            "Trend": "change of the mean per stage",
            "Estimate": _interval(linear, _digits(one)),
            "p": p_value(linear.p_value).removeprefix("= "),
        },
        {
            "Trend": "share of pairs in which the later stage is higher (Jonckheere-Terpstra)",
            "Estimate": number(ranks.superiority),
            "p": p_value(ranks.p_value).removeprefix("= "),
        },
    ]
    return Table(
        frame=pd.DataFrame(rows), caption=f"{name}: trend over stages ({100 * level:g}% CI)"
    )


def _check_table(one: OutcomeGroups, name: str) -> Table:
    rows = [
        {
            "Assumption": check.assumption,
            "Test": check.test,
            "p": p_value(check.p_value).removeprefix("= "),
            "What to do": check.advice or "nothing",
        }
        for check in one.checks
    ]
    return Table(frame=pd.DataFrame(rows), caption=f"{name}: what the comparison assumes")


def _interval(found: Contrast | Difference, digits: int) -> str:
    return interval(found.estimate, found.ci_lower, found.ci_upper, digits)


def _words(outcome: Outcome) -> str:
    """An outcome's name as a heading prints it, with its unit."""
    known = QUANTITIES.get(outcome.name)
    name = known.label if known is not None else outcome.name.replace("_", " ")
    place = " ".join(
        part.replace("_", " ") for part in (outcome.region, outcome.side, outcome.level) if part
    )
    unit = outcome.unit or ("" if known is None else known.unit)
    # A column's own name keeps its letters: csa may be an abbreviation.
    text = f"{place[:1].upper()}{place[1:]}: {name}" if place else name
    return text + (f", {superscript(unit)}" if unit else "")


def _digits(one: OutcomeGroups) -> int:
    """Decimals that show about three digits of the SD within groups."""
    return int(np.clip(2 - np.floor(np.log10(one.means.sd)), 0, 6))
