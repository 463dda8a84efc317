"""A whole plan carried out: cells, three-level models, small-study effects, growing evidence."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from enthesis import evidence, read, review
from enthesis.errors import EnthesisError, InputError
from enthesis.evidence import (
    Egger,
    Fit,
    Funnel,
    Influence,
    MultilevelFit,
    RankTest,
    TrimAndFill,
)
from enthesis.evidence.many import ManyFits
from enthesis.evidence.sequential import Sequential, monitor
from enthesis.pipeline.outputs import Announce, silently
from enthesis.pipeline.pool import fit_row
from enthesis.pipeline.review_run.effects import Effects, chosen, participants, prepare
from enthesis.pipeline.review_run.models import (
    ModelResult,
    columns_of,
    compare,
    fit_model,
    rho_range,
    usable,
)
from enthesis.pipeline.review_run.plan import ModelPlan, Plan, SubgroupPlan

FEWEST_FOR_BIAS = 3
"""Effects, or studies, below which no test of small-study effects is tried."""

OVERALL = ModelPlan(name="Overall", title="no moderators", moderators=())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class CellsResult:
    """A stratified analysis.

    Parameters
    ----------
    plan : as asked
    fits : (heading, row), or (row,), → the cell pooled
    table : a row per cell in the plan's order: its values, k, n_studies, participants, estimate,
        bounds, prediction interval, heterogeneity, and the reason where it is not pooled
    rows : the effects of all cells
    """

    plan: SubgroupPlan
    fits: Mapping[tuple[str, ...], Fit]
    table: pd.DataFrame
    rows: pd.DataFrame


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class BiasResult:
    """Small-study effects.

    Parameters
    ----------
    plain, robust : Egger's regression in the three-level model without moderators, with normal and
        with cluster-robust tests; None if not asked, or too few
    rank : Begg and Mazumdar's test on study means; None with too few
    trimmed : trim and fill of all effects; None likewise
    trimmed_studies : of study means
    by_effect, by_study : funnels
    notes : what was left out, and why
    """

    plain: Egger | None
    robust: Egger | None
    rank: RankTest | None
    trimmed: TrimAndFill | None
    trimmed_studies: TrimAndFill | None
    by_effect: Funnel
    by_study: Funnel
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GrowthResult:
    """What studies do to the answer.

    Parameters
    ----------
    studies : one mean effect per study, in order
    pooled : their random-effects mean
    cumulative : it, as studies are added
    leave_one_out : the three-level mean without each study
    influence, baujat : what each study does to their mean, and to its heterogeneity
    sequential : the first held against its boundaries; None if not asked
    """

    studies: pd.DataFrame
    pooled: Fit
    cumulative: ManyFits
    leave_one_out: ManyFits
    influence: Influence
    baujat: pd.DataFrame
    sequential: Sequential | None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SensitivityResult:
    """Further models, and those that could not be fitted with the reason."""

    models: tuple[ModelResult, ...]
    skipped: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PlanResult:
    """Everything that a plan gave.

    Parameters
    ----------
    plan : as read
    effects : the table of effects, as extracted and turned
    cells : stratified analyses
    overall : the three-level model without moderators
    models : those with moderators, and `failed`, name → why it could not be fitted
    alternatives : specifications compared; empty if there is nothing to compare
    rho : the last model under other sampling correlations; empty if not asked
    sensitivity : further models
    bias, growth : small-study effects; the answer as studies come and go; None below three studies
    flow, appraisal : the search and the risk of bias; None where the plan names none
    notes : what a careful reader should know
    """

    plan: Plan
    effects: Effects
    cells: tuple[CellsResult, ...]
    overall: ModelResult
    models: tuple[ModelResult, ...]
    failed: Mapping[str, str]
    alternatives: pd.DataFrame
    rho: pd.DataFrame
    sensitivity: SensitivityResult
    bias: BiasResult | None
    growth: GrowthResult | None
    flow: review.Flow | None
    appraisal: review.Appraisal | None
    notes: tuple[str, ...]


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
    if not plan.flow:
        return None
    unknown = [name for name in plan.flow if name not in review.Flow.__dataclass_fields__]
    if unknown:
        known = ", ".join(review.Flow.__dataclass_fields__)
        raise InputError(f"the plan's flow has no box {unknown[0]!r}; known are {known}")
    try:
        return review.Flow(**plan.flow)
    except TypeError as error:
        raise InputError(f"the plan's flow lacks counts: {error}") from error


def _appraisal(plan: Plan) -> review.Appraisal | None:
    if plan.appraisal is None:
        return None
    return review.appraise(read.table(plan.appraisal.ratings), plan.appraisal.instrument)


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
        counted = f"{few} {'effect' if few == 1 else 'effects'}" if few else "no effects"
        wanted = f"{counted}, at least {plan.min_effects} are wanted"
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
        sequential = monitor(
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
