"""The page, the forests and the tables of one pooled table of studies."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enthesis.evidence import Fit
from enthesis.pipeline.pool import EVERYTHING, SUMMARY, PoolResult
from enthesis.report.forest import forest
from enthesis.report.page import Page, Picture, Section
from enthesis.report.rows import decimals_for, interval, number, p_cell, p_value
from enthesis.report.summary import summary_forest
from enthesis.report.tables import NOT_AVAILABLE, Table

MEASURES = {
    "SMD": "Standardized mean difference (Hedges' g)",
    "MD": "Mean difference",
    "ROM": "Log ratio of means",
}
"""Names of effect sizes as axes print them; others are printed by their letters."""


def pool_tables(result: PoolResult) -> list[Table]:
    """Pooled estimates, a table per method."""
    frame = result.to_frame()
    return [
        Table(
            frame=_printable(frame[frame["method"] == method], result.by, fit.level),
            caption=f"Pooled effects, {method} ({fit.test} test)",
            flags="doubts",
            notes=("k: effects; n: studies; PI: prediction interval.", *_between(result, method)),
        )
        for method, fit in result.overall.items()
    ]


def pool_pictures(result: PoolResult) -> dict[str, Picture]:
    """Name → forest plot: the summary of the subgroups first, then each of them."""
    method = next(iter(result.overall))
    xlabel = MEASURES.get(result.measure, result.measure)
    pictures = {}
    if result.by:
        pictures[SUMMARY] = Picture.of(
            _summary(result, method, xlabel),
            alt="Summary forest plot: the pooled effect of every subgroup with its interval",
            caption=f"Pooled effect of every subgroup ({method}).",
        )
    for name, fit in result.fits(method):
        pictures[name] = Picture.of(
            forest(fit, labels=_labels(result, fit), xlabel=xlabel, study=result.study),
            alt=f"Forest plot of {name}: each study's effect and the pooled effect",
            caption=f"Forest plot: {name} ({method}).",
        )
    return pictures


def pool_sections(
    result: PoolResult, pictures: dict[str, Picture], *, title: str = ""
) -> tuple[Section, ...]:
    """Tables and forests of one pooled table; `title` says of what, before each section's own."""
    summary = tuple(picture for name, picture in pictures.items() if name == SUMMARY)
    single = tuple(picture for name, picture in pictures.items() if name != SUMMARY)
    sections = [
        Section(
            title=_titled(title, "pooled effects"),
            text=result.notes,
            tables=tuple(pool_tables(result)),
        )
    ]
    if summary:
        sections.append(Section(title=_titled(title, "subgroups"), pictures=summary))
    return (*sections, Section(title=_titled(title, "forest plots"), pictures=single))


def pool_page(
    result: PoolResult,
    pictures: dict[str, Picture],
    *,
    provenance: dict[str, Any],
    banner: str = "",
) -> Page:
    """The report of one pooled table."""
    fit = next(iter(result.overall.values()))
    facts = {"Effect size": MEASURES.get(result.measure, result.measure), "Effects": str(fit.k)}
    if result.study in result.effects:
        facts["Studies"] = str(result.effects[result.study].nunique())
    facts["Subgroups by"] = ", ".join(result.by) or "none"
    facts["Methods"] = ", ".join(result.overall)
    return Page(
        title="Meta-analysis",
        subtitle="Pooled by Enthesis from a table of studies",
        banner=banner,
        facts=facts,
        sections=pool_sections(result, pictures),
        provenance=provenance,
    )


def _printable(frame: pd.DataFrame, by: tuple[str, ...], level: float) -> pd.DataFrame:
    """Pooled rows as text, an interval in one cell; why a row is not pooled goes to `doubts`."""
    digits = decimals_for(frame["ci_upper"] - frame["ci_lower"])
    percent = f"{100 * level:g}%"
    rows = []
    for row in frame.to_dict("records"):
        bounds = [number(row[name], digits) for name in ("pi_lower", "pi_upper")]
        pooled = not row["reason"]
        rows.append(
            {name: str(row[name]) for name in by}
            | {
                "k": number(row["k"], 0),
                "n": number(row["n_studies"], 0),
                f"Effect [{percent} CI]": interval(
                    row["estimate"], row["ci_lower"], row["ci_upper"], digits
                )
                if pooled
                else NOT_AVAILABLE,
                "p": p_cell(row["p_value"]),
                f"{percent} PI": f"[{', '.join(bounds)}]" if pooled else NOT_AVAILABLE,
                "τ²": number(row["tau2"], 2 * digits - 1),
                "I², %": number(row["i2"], 0),
                "Q": number(row["q"], 1),
                "df": number(row["q_df"], 0),
                "p of Q": p_cell(row["q_p"]),
                "doubts": "" if pooled else f"not pooled: {row['reason']}",
            }
        )
    return pd.DataFrame(rows)


def _titled(of: str, what: str) -> str:
    title = f"{of}: {what}" if of else what
    return title[:1].upper() + title[1:]


def _summary(result: PoolResult, method: str, xlabel: str) -> Any:
    frame = result.to_frame()
    cells = frame[(frame["method"] == method) & (frame[result.by[0]] != EVERYTHING)]
    # The last column tells the rows apart, those before it are the headings.
    heading = cells[list(result.by[:-1])].astype(str).agg(" · ".join, axis=1)
    shown = pd.DataFrame(cells.assign(heading=heading, label=cells[result.by[-1]].astype(str)))
    return summary_forest(
        shown,
        xlabel=xlabel,
        heading="heading" if len(result.by) > 1 else None,
        label_header=result.by[-1],
        method=method,
        level=result.overall[method].level,
    )


def _labels(result: PoolResult, fit: Fit) -> list[str]:
    if result.study in fit.data:
        return fit.data[result.study].astype(str).tolist()
    return [f"Row {row}" for row in fit.data.index]


def _between(result: PoolResult, method: str) -> tuple[str, ...]:
    if method not in result.cells or not result.cells[method].q_between_df:
        return ()
    cells = result.cells[method]
    test = f"Q = {cells.q_between:.2f}, df = {cells.q_between_df}, p {p_value(cells.q_between_p)}"
    return (f"Test for subgroup differences: {test}.",)
