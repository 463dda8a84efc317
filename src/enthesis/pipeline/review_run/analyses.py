"""A whole plan carried out: cells, three-level models, small-study effects, growing evidence."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from types import MappingProxyType

import pandas as pd

from enthesis import evidence, read, review
from enthesis.errors import EnthesisError, InputError
from enthesis.evidence import Fit, MultilevelFit, TrimAndFill
from enthesis.pipeline.outputs import Announce, silently
from enthesis.pipeline.pool import fit_row
from enthesis.pipeline.review_files import flow_of_counts
from enthesis.pipeline.review_run.effects import Effects, chosen, participants, prepare
from enthesis.pipeline.review_run.models import (
    ModelResult,
    columns_of,
    compare,
    fit_model,
    rho_range,
    usable,
)
from enthesis.pipeline.review_run.plan import ModelPlan, Plan, SelectionPlan, SubgroupPlan
from enthesis.pipeline.review_run.results import (
    BiasResult,
    CellsResult,
    GrowthResult,
    PlanResult,
    SensitivityResult,
)

FEWEST_FOR_BIAS = 3
"""Effects, or studies, below which no test of small-study effects is tried."""

OVERALL = ModelPlan(name="Overall", title="no moderators", moderators=())


def run_plan(plan: Plan, *, announce: Announce = silently) -> PlanResult:
    """Carry out a plan.

    Parameters
    ----------
    plan : from `read_plan`
    announce : told what is being done

    Raises
    ------
    InputError : the plan names what the table does not have, or the table cannot be pooled at all.
        A model that cannot be fitted is named in the result instead.
    """
    announce("Computing effects")
    flow, appraisal = _flow(plan), _appraisal(plan)
    effects = prepare(plan)
    _check_moderators(plan, effects)
    notes = list(effects.notes)
    announce("Pooling subgroups")
    cells = tuple(_cells(one, effects, i, plan) for i, one in enumerate(plan.subgroups, start=1))
    announce("Fitting three-level models")
    overall = _fit(plan, effects, OVERALL)
    models, failed = [], {}
    for one in plan.models:
        try:
            models.append(_fit(plan, effects, one))
        except EnthesisError as error:
            failed[one.name] = str(error)
    alternatives, left_out = _alternatives(plan, effects)
    rho = pd.DataFrame()
    if plan.robust.rho_range:
        last = models[-1].plan if models else OVERALL
        rho = rho_range(
            effects.turned, last, study=effects.study, robust=plan.robust, level=plan.level
        )
    announce("Trying other analyses")
    sensitivity = _sensitivity(plan, effects)
    many = effects.turned[effects.study].nunique() >= FEWEST_FOR_BIAS
    if not many:
        notes.append("fewer than three studies: no test of small-study effects, nothing cumulative")
    growth = _growth(plan, effects, overall) if many else None
    return PlanResult(
        plan=plan,
        effects=effects,
        cells=cells,
        overall=overall,
        models=tuple(models),
        failed=MappingProxyType(failed),
        alternatives=alternatives,
        rho=rho,
        sensitivity=sensitivity,
        bias=_bias(plan, effects, overall, growth) if growth else None,
        growth=growth,
        flow=flow,
        appraisal=appraisal,
        notes=(
            *notes,
            *_left_out((*models, *sensitivity.models), effects),
            *left_out,
            *_gaps(effects, flow, appraisal),
        ),
    )


def _fit(plan: Plan, effects: Effects, one: ModelPlan) -> ModelResult:
    return fit_model(effects.turned, one, study=effects.study, robust=plan.robust, level=plan.level)


def _flow(plan: Plan) -> review.Flow | None:
    """The flow of the plan's counts, or counted in its library and screening file."""
    asked = plan.flow
    if asked is None:
        return None
    if isinstance(asked, SelectionPlan):
        if not asked.library.is_dir():
            raise InputError(f"the plan's flow.library {asked.library.name!r} is no folder")
        return review.flow_of(
            review.read_library(asked.library),
            review.Screening(asked.screening),
            studies=asked.studies,
            pooled=asked.pooled,
        )
    return flow_of_counts(asked, source="the plan's flow")


def _appraisal(plan: Plan) -> review.Appraisal | None:
    asked = plan.appraisal
    if asked is None:
        return None
    return review.appraise(read.spreadsheet(asked.ratings), asked.instrument, bands=asked.bands)


def _left_out(models: Sequence[ModelResult], effects: Effects) -> list[str]:
    """Models that could not use every effect of their rows."""
    return [
        f"{one.plan.name} uses {one.fit.k} of {len(effects.table)} effects; the others lack a "
        "moderator or are not of its rows"
        for one in models
        if one.fit.k < len(effects.table)
    ]


def _gaps(
    effects: Effects, flow: review.Flow | None, appraisal: review.Appraisal | None
) -> list[str]:
    """Where the effects, the flow and the appraisal speak of different studies."""
    notes = []
    studies = list(dict.fromkeys(effects.table[effects.study].astype(str)))
    counted = None if flow is None else flow.pooled or flow.studies
    if counted is not None and counted != len(studies):
        notes.append(
            f"the flow ends with {counted} studies, but effects of {len(studies)} are pooled"
        )
    if appraisal is not None:
        rated = set(map(str, appraisal.answers.index))
        if unrated := [name for name in studies if name not in rated]:
            notes.append(f"risk of bias is not rated for {', '.join(unrated)}")
    return notes


def _check_moderators(plan: Plan, effects: Effects) -> None:
    """A moderator that is no column is most often a slip; sensitivity analyses may lack theirs."""
    asked = [
        (f"models[{i}].moderators", one.moderators) for i, one in enumerate(plan.models, start=1)
    ] + [(f"alternatives.{one.name!r}", one.moderators) for one in plan.alternatives]
    for key, moderators in asked:
        for name in (name for term in moderators for name in columns_of(term)):
            if name not in effects.turned.columns:
                raise InputError(
                    f"the plan's {key} names {name!r}, but the table has no such column; it has "
                    f"{', '.join(map(str, effects.table.columns))}"
                )


def _cells(one: SubgroupPlan, effects: Effects, number: int, plan: Plan) -> CellsResult:
    key = f"subgroups[{number}]"
    rows = chosen(effects.table, one.where, f"{key}.where")
    by = list(one.cells)
    wanted = {name: values for name, values in one.cells.items() if values}
    inside = chosen(rows, wanted, f"{key}.cells").copy()
    for name in by:
        inside[name] = inside[name].astype(str)
    pooled: Mapping[Hashable, Fit] = {}
    reasons: Mapping[Hashable, str] = {}
    sizes: Mapping[Hashable, int] = inside.groupby(by, sort=False).size().to_dict()
    if max(sizes.values()) >= one.min_effects:
        groups = evidence.subgroups(
            inside,
            by,
            method=one.method,
            test=one.test,
            min_effects=one.min_effects,
            level=plan.level,
        )
        pooled, reasons, sizes = groups.fits, groups.skipped, groups.sizes
    order = [one.cells[name] or tuple(dict.fromkeys(inside[name])) for name in by]
    keys = [(a, b) for a in order[0] for b in order[1]] if len(by) == 2 else order[0]
    table = pd.DataFrame(
        [_cell(key, by, pooled, reasons, sizes, inside, effects, one) for key in keys]
    )
    fits = {_tuple(key): pooled[key] for key in keys if key in pooled}
    return CellsResult(plan=one, fits=MappingProxyType(fits), table=table, rows=inside)


def _tuple(key: Hashable) -> tuple[str, ...]:
    return tuple(map(str, key)) if isinstance(key, tuple) else (str(key),)


def _cell(
    key: Hashable,
    by: list[str],
    pooled: Mapping[Hashable, Fit],
    reasons: Mapping[Hashable, str],
    sizes: Mapping[Hashable, int],
    inside: pd.DataFrame,
    effects: Effects,
    plan: SubgroupPlan,
) -> dict[str, object]:
    names = dict(zip(by, _tuple(key), strict=True))
    rows = inside
    for name, value in names.items():
        rows = rows[rows[name] == value]
    people = participants(rows, effects.study)
    row: dict[str, object] = {
        **names,
        "k": sizes.get(key, 0),
        "n_studies": rows[effects.study].nunique(),
        "participants": float("nan") if people is None else people,
    }
    if key not in pooled:
        few = sizes.get(key, 0)
        counted = f"{few} {'effect' if few == 1 else 'effects'}, fewer than the {plan.min_effects} "
        wanted = f"{counted}asked for" if few else "no effects"
        return (
            row
            | dict.fromkeys(("estimate", "ci_lower", "ci_upper"), float("nan"))
            | {"reason": reasons.get(key, wanted)}
        )
    return row | fit_row(pooled[key], plan.method, effects.study)


def _alternatives(plan: Plan, effects: Effects) -> tuple[pd.DataFrame, tuple[str, ...]]:
    if not plan.alternatives:
        return pd.DataFrame(), ()
    return compare(effects.turned, (*plan.alternatives, *plan.models), study=effects.study)


def _sensitivity(plan: Plan, effects: Effects) -> SensitivityResult:
    done, skipped = [], {}
    for i, one in enumerate(plan.sensitivity, start=1):
        absent = [
            name
            for term in one.model.moderators
            for name in columns_of(term)
            if name not in effects.turned.columns
        ]
        if absent:
            skipped[one.model.name] = f"the table has no column {', '.join(map(repr, absent))}"
            continue
        try:
            rows = chosen(effects.turned, one.where, f"sensitivity[{i}].where")
            usable(rows, one.model)
            done.append(
                fit_model(
                    rows, one.model, study=effects.study, robust=plan.robust, level=plan.level
                )
            )
        except EnthesisError as error:
            skipped[one.model.name] = str(error)
    return SensitivityResult(models=tuple(done), skipped=MappingProxyType(skipped))


def _growth(plan: Plan, effects: Effects, overall: ModelResult) -> GrowthResult:
    means = evidence.aggregate_effects(
        effects.turned, effects.study, rho=plan.robust.rho
    ).reset_index()
    pooled = evidence.pool(means, method="REML", test="z", level=plan.level)
    steps = evidence.cumulative(pooled)
    sequential = None
    if plan.living is not None:
        sequential = evidence.monitor(
            pooled, delta=plan.living.delta, alpha=plan.living.alpha, power=plan.living.power
        )
    return GrowthResult(
        studies=means,
        pooled=pooled,
        cumulative=steps,
        leave_one_out=evidence.leave_one_out(overall.fit, by=effects.study),
        influence=evidence.influence(pooled),
        baujat=evidence.baujat(pooled),
        sequential=sequential,
    )


def _bias(plan: Plan, effects: Effects, overall: ModelResult, growth: GrowthResult) -> BiasResult:
    notes = []
    plain = sandwich = None
    fit: MultilevelFit = overall.fit
    if plan.bias.egger:
        try:
            plain = evidence.egger(fit)
            sandwich = evidence.egger(fit, cluster=effects.study)
        except EnthesisError as error:
            notes.append(f"no regression test: {error}")
    try:
        rank = evidence.rank_test(growth.studies)
    except EnthesisError as error:
        rank = None
        notes.append(f"no rank test: {error}")
    trimmed: list[TrimAndFill | None] = []
    for what, table in (("effects", effects.turned), ("study means", growth.studies)):
        found = None
        if plan.bias.trim_and_fill != "none":
            try:
                two_level = evidence.pool(table, method="DL", test="z", level=plan.level)
                found = evidence.trim_and_fill(two_level, estimator=plan.bias.trim_and_fill)  # type: ignore[arg-type]
            except EnthesisError as error:
                notes.append(f"no trim and fill of {what}: {error}")
        trimmed.append(found)
    return BiasResult(
        plain=plain,
        robust=sandwich,
        rank=rank,
        trimmed=trimmed[0],
        trimmed_studies=trimmed[1],
        by_effect=evidence.funnel_data(fit),
        by_study=evidence.funnel_data(growth.pooled),
        notes=tuple(notes),
    )
