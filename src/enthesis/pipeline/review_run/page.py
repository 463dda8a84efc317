"""The report of a plan: one page with the methods, every table and every figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from enthesis.pipeline.review_run.answers import Changes
from enthesis.pipeline.review_run.findings import findings_table
from enthesis.pipeline.review_run.parts import (
    BIAS,
    DRAWN,
    GROWTH,
    RISK,
    SELECTION,
    SENSITIVITY,
    VARIANCE,
    Place,
)
from enthesis.pipeline.review_run.results import PlanResult
from enthesis.report.page import Page, Picture, Section
from enthesis.report.rows import interval, number
from enthesis.report.tables import Table

SIMULATED = "Simulated data: no person was observed"


def plan_page(
    result: PlanResult,
    *,
    tables: Mapping[Place, Table],
    pictures: Mapping[Place, Picture],
    methods: tuple[str, ...],
    findings: pd.DataFrame,
    changes: Changes | None,
    provenance: Mapping[str, Any],
) -> Page:
    """The whole report.

    Parameters
    ----------
    result : of `run_plan`
    tables, pictures : by their place, from `result_tables` and `result_pictures`
    methods : paragraphs
    findings : facts and judgments
    changes : since an earlier run; None without one
    provenance : how it came about
    """
    plan = result.plan
    text = {
        DRAWN: tuple(f"{name} could not be fitted: {why}" for name, why in result.failed.items()),
        SENSITIVITY: tuple(
            f"{name}: not done, for {why}" for name, why in result.sensitivity.skipped.items()
        ),
    }
    order = (
        SELECTION,
        RISK,
        *(one.plan.title for one in result.cells),
        VARIANCE,
        *(one.plan.name for one in result.models),
        DRAWN,
        SENSITIVITY,
        BIAS,
        GROWTH,
    )
    sections = [
        _summary(result),
        *([_changes(changes)] if changes is not None else []),
        *(
            Section(
                title=part,
                text=text.get(part, ()),
                pictures=tuple(one for (at, _), one in pictures.items() if at == part),
                tables=tuple(one for (at, _), one in tables.items() if at == part),
            )
            for part in order
        ),
        Section(title="Summary of findings", tables=(findings_table(findings),)),
        Section(title="Methods", text=methods),
    ]
    return Page(
        title=plan.title,
        subtitle="A review's plan carried out by Enthesis",
        banner=SIMULATED if result.effects.simulated else "",
        facts=_facts(result),
        sections=tuple(one for one in sections if one.text or one.tables or one.pictures),
        provenance=provenance,
    )


def _facts(result: PlanResult) -> dict[str, str]:
    effects = result.effects
    return {
        "Effects": str(len(effects.table)),
        "Studies": str(effects.table[effects.study].nunique()),
        "Effect size": result.plan.effect.name,
        "In models": result.plan.effect.turned_name,
    }


def _summary(result: PlanResult) -> Section:
    one = result.overall
    robust, spread = one.robust, one.spread
    predicted = one.fit.predict().iloc[0]
    text = (
        f"Over all outcomes the three-level mean is "
        f"{interval(robust.coefficients[0], robust.ci_lower[0], robust.ci_upper[0])} "
        f"(cluster-robust {100 * robust.level:g}% CI); a new effect is expected between "
        f"{number(predicted['pi_lower'])} and {number(predicted['pi_upper'])}. "
        f"{number(spread.i2_total, 0)}% of the variability is heterogeneity: "
        f"{number(spread.i2[0], 0)}% between studies, {number(spread.i2[1], 0)}% within."
    )
    return Section(title="In short", text=(text, *result.notes))


def _changes(changes: Changes) -> Section:
    moved = changes.answers[changes.answers["moved"] | (changes.answers["shift"].abs() > 0.005)]
    tables = []
    for caption, frame in (
        ("Effects added", changes.added),
        ("Effects removed", changes.removed),
        ("Effects altered", changes.altered),
        (
            "Answers that changed by more than 0.005",
            moved[
                [
                    "analysis",
                    "answer",
                    "estimate_before",
                    "estimate",
                    "shift",
                    "conclusion_before",
                    "conclusion",
                ]
            ],
        ),
    ):
        if len(frame):
            numbers = {
                name: 3
                for name in frame.columns
                if name in {"yi", "yi_before", "vi", "estimate", "estimate_before", "shift"}
            }
            tables.append(
                Table(frame=frame.reset_index(drop=True), caption=caption, decimals=numbers)
            )
    return Section(title="Since the earlier run", text=(changes.summary(),), tables=tuple(tables))
