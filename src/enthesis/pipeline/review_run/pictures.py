"""Every figure of a plan's results, by the name of its file."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping

import pandas as pd

from enthesis.pipeline.outputs import file_name
from enthesis.pipeline.review_run.effects import LABEL
from enthesis.pipeline.review_run.models import ModelResult
from enthesis.pipeline.review_run.parts import BIAS, DRAWN, GROWTH, RISK, SELECTION, Place
from enthesis.pipeline.review_run.results import CellsResult, GrowthResult, PlanResult
from enthesis.report.baujat import baujat
from enthesis.report.bubble import bubble
from enthesis.report.cumulative import refit_forest, sequential_plot
from enthesis.report.funnel import funnel
from enthesis.report.grouped_forest import Group, grouped_forest
from enthesis.report.influence_plot import influence_plot
from enthesis.report.orchard import orchard
from enthesis.report.page import Picture
from enthesis.report.prisma import prisma_diagram
from enthesis.report.risk_of_bias import bias_summary, traffic_lights
from enthesis.report.summary import summary_forest

WORSE = ("better", "worse")
"""What effects left and right of zero mean once all are turned one way."""


def result_pictures(result: PlanResult) -> dict[Place, Picture]:
    """Every figure by its part of the report and the name of its file, in order."""
    pictures: dict[Place, Picture] = {}
    if result.flow is not None:
        pictures[SELECTION, "prisma"] = Picture.of(
            prisma_diagram(result.flow), alt="PRISMA 2020 flow of records, reports and studies"
        )
    if result.appraisal is not None:
        pictures[RISK, "risk_of_bias"] = Picture.of(
            traffic_lights(result.appraisal), alt="Risk of bias, a light per study and item"
        )
        pictures[RISK, "risk_of_bias_summary"] = Picture.of(
            bias_summary(result.appraisal), alt="Risk of bias, share of answers by item"
        )
    for one in result.cells:
        pictures |= {(one.plan.title, name): drawn for name, drawn in _of_cells(one, result)}
    pictures |= {(DRAWN, name): drawn for name, drawn in _of_models(result)}
    if result.growth is not None:
        pictures |= {(BIAS, name): drawn for name, drawn in _of_bias(result)}
        pictures |= {(GROWTH, name): drawn for name, drawn in _of_growth(result, result.growth)}
    return pictures


def _of_cells(cells: CellsResult, result: PlanResult) -> Iterator[tuple[str, Picture]]:
    """The summary forest, then a forest of all studies for each value of the last column."""
    plan, asked = result.plan, cells.plan
    *headings, last = asked.cells
    shown = cells.table.assign(
        label=[plan.printed(value) for value in cells.table[last]],
        heading=[plan.printed(value) for value in cells.table[headings[0] if headings else last]],
    )
    if shown["estimate"].notna().any():
        yield (
            f"summary_{file_name(asked.name)}",
            Picture.of(
                summary_forest(
                    shown,
                    xlabel=plan.effect.name,
                    heading="heading" if headings else None,
                    label_header=plan.printed(last),
                    method=asked.method,
                    level=plan.level,
                    directions=asked.directions,
                ),
                alt=f"Summary forest plot of {asked.title}: the pooled effect of every subgroup",
                caption=f"{asked.title}: pooled effect of every subgroup ({asked.method}).",
            ),
        )
    for value, part in _forests(cells.table, headings, last):
        groups = [_group(cells, row, result) for row in part.to_dict("records")]
        if not any(len(group.effects) for group in groups):
            continue
        what = f"{asked.title}, {plan.printed(value)}" if value else asked.title
        yield (
            "_".join(["forest", file_name(asked.name), *([file_name(value)] if value else [])]),
            Picture.of(
                grouped_forest(
                    groups,
                    xlabel=plan.effect.name,
                    level=plan.level,
                    directions=asked.directions,
                ),
                alt=f"Forest plot of {what}: every effect",
                caption=f"{what}.",
            ),
        )


def _forests(
    table: pd.DataFrame, headings: list[str], last: str
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Cells of one plot: all of them, or those that share the value of the last of two columns."""
    if not headings:
        yield "", table
        return
    for value, part in table.groupby(last, sort=False):
        yield str(value), part


def _group(cells: CellsResult, row: Mapping[Hashable, object], result: PlanResult) -> Group:
    names = list(cells.plan.cells)
    key = tuple(str(row[name]) for name in names)
    rows = cells.rows[(cells.rows[names].astype(str) == pd.Series(key, index=names)).all(axis=1)]
    return Group(
        title=result.plan.printed(key[0]),
        labels=rows[LABEL].astype(str).tolist(),
        effects=rows["yi"].to_numpy(dtype=float),
        variances=rows["vi"].to_numpy(dtype=float),
        fit=cells.fits.get(key),
        reason=str(row["reason"]),
    )


def _of_models(result: PlanResult) -> Iterator[tuple[str, Picture]]:
    """A bubble plot for each number among the moderators, an orchard plot for each factor."""
    done: set[str] = set()
    for model in (*result.models, *result.sensitivity.models):
        for moderator in model.plan.moderators:
            if moderator in done or ":" in moderator:
                continue
            done.add(moderator)
            if moderator in model.fit.names:
                yield f"bubble_{file_name(moderator)}", _bubble(model, moderator, result)
            else:
                yield f"orchard_{file_name(moderator)}", _orchard(model, moderator, result)


def _bubble(model: ModelResult, moderator: str, result: PlanResult) -> Picture:
    plan = result.plan
    return Picture.of(
        bubble(
            model.fit,
            moderator,
            xlabel=plan.printed(moderator),
            ylabel=plan.effect.turned_name,
            study=result.effects.study,
        ),
        alt=f"Effects against {plan.printed(moderator)}, with the line of a model",
        caption=f"{plan.printed(moderator)} ({model.plan.name}).",
    )


def _orchard(model: ModelResult, moderator: str, result: PlanResult) -> Picture:
    plan = result.plan
    values = model.fit.data[moderator].astype(str).unique()
    return Picture.of(
        orchard(
            model.fit,
            moderator,
            xlabel=plan.effect.turned_name,
            names={value: plan.printed(value) for value in values},
            header=plan.printed(moderator),
            study=result.effects.study,
            directions=WORSE if plan.effect.reverse else None,
        ),
        alt=f"Effects by {plan.printed(moderator)}, with the means of a model",
        caption=f"{plan.printed(moderator)} ({model.plan.name}).",
    )


def _of_bias(result: PlanResult) -> Iterator[tuple[str, Picture]]:
    plan, bias, growth = result.plan, result.bias, result.growth
    if bias is None or growth is None:
        return
    for name, data, filled, what, names in (
        (
            "funnel_effects",
            bias.by_effect,
            bias.trimmed,
            "effects",
            result.effects.turned[LABEL].astype(str).tolist(),
        ),
        (
            "funnel_studies",
            bias.by_study,
            bias.trimmed_studies,
            "study means",
            growth.studies[result.effects.study].astype(str).tolist(),
        ),
    ):
        yield (
            name,
            Picture.of(
                funnel(
                    data,
                    xlabel=plan.effect.turned_name,
                    names=names,
                    filled=filled.filled if filled is not None else None,
                    what=what,
                    level=plan.level if plan.level in set(data.regions["level"]) else 0.95,
                ),
                alt=f"Contour-enhanced funnel plot of {what}",
                caption=f"Contour-enhanced funnel plot of {what}.",
            ),
        )


def _of_growth(result: PlanResult, growth: GrowthResult) -> Iterator[tuple[str, Picture]]:
    plan = result.plan
    names = growth.studies[result.effects.study].astype(str).tolist()
    directions = WORSE if plan.effect.reverse else None
    yield (
        "baujat",
        Picture.of(
            baujat(growth.baujat, names=names, what="study means"),
            alt="Baujat plot of study means",
            caption="Baujat plot of study means.",
        ),
    )
    yield (
        "influence",
        Picture(
            figure=influence_plot(growth.influence, names=names),
            alt="Influence of each study on the mean of study means",
            caption="Influence of each study on the mean of study means.",
        ),
    )
    for kind, name, fits, whole, caption in (
        (
            "cumulative",
            "cumulative",
            growth.cumulative,
            growth.pooled,
            "Mean of study means as studies are added.",
        ),
        (
            "leave-one-out",
            "leave_one_out",
            growth.leave_one_out,
            result.overall.fit,
            "Three-level mean without each study.",
        ),
    ):
        yield (
            name,
            Picture.of(
                refit_forest(
                    fits,
                    kind=kind,  # type: ignore[arg-type]
                    names=names,
                    xlabel=plan.effect.turned_name,
                    whole=whole,
                    directions=directions,
                ),
                alt=caption,
                caption=caption,
            ),
        )
    if growth.sequential is not None:
        yield (
            "sequential",
            Picture.of(
                sequential_plot(growth.sequential, names=names),
                alt="z of the growing mean against sequential boundaries, exploratory",
                caption="Sequential monitoring of the mean of study means (exploratory).",
            ),
        )
