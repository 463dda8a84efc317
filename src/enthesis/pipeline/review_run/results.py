"""What a plan gives: pooled cells, models, small-study effects, the answer as studies grow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from enthesis import review
from enthesis.evidence import (
    Egger,
    Fit,
    Funnel,
    Influence,
    ManyFits,
    RankTest,
    Sequential,
    TrimAndFill,
)
from enthesis.pipeline.review_run.effects import Effects
from enthesis.pipeline.review_run.models import ModelResult
from enthesis.pipeline.review_run.plan import Plan, SubgroupPlan


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
