"""The plan of a review: what is pooled, modelled, tested and drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

Values = Mapping[str, tuple[str, ...]]
"""Column → some of its values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SheetPlan:
    """An extraction sheet, the correlation of its sides, and the merged groups to make."""

    sheet: Path
    side_correlation: float | None
    reconstruct: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataPlan:
    """Where the effects are: table or sheet (neither: simulated studies), study, labels, order."""

    table: Path | None
    extraction: SheetPlan | None
    study: str
    label: tuple[str, ...]
    order: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectPlan:
    """The effect size, its columns, its printed names, and the rows turned in the models."""

    measure: str
    name: str
    turned_name: str
    columns: Mapping[str, str]
    reverse: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class RecodePlan:
    """Fewer values in place of many: a column, value → those it stands for, and for all others."""

    column: str
    stands_for: Values
    others: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SubgroupPlan:
    """A stratified analysis: rows taken, cells pooled, estimator, test and printed directions."""

    name: str
    title: str
    where: Values
    cells: Values
    method: str
    test: str
    min_effects: int
    directions: tuple[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelPlan:
    """A three-level model: its names and its moderators."""

    name: str
    title: str
    moderators: tuple[str, ...]

    @property
    def formula(self) -> str | None:
        """The moderators as a formula; None without any."""
        return "~ " + " + ".join(self.moderators) if self.moderators else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SensitivityPlan:
    """A further model, the rows it takes, and the moderators it adds to a model (none: its own)."""

    model: ModelPlan
    where: Values
    added: tuple[str, ...]
    base: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustPlan:
    """Cluster-robust tests: kind, sampling correlation within studies, and others to try."""

    kind: str
    rho: float
    rho_range: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BiasPlan:
    """Tests of small-study effects; "none" for no trim and fill."""

    egger: bool
    trim_and_fill: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LivingPlan:
    """Sequential monitoring: two-sided error, power, and the effect that it is powered for."""

    alpha: float
    power: float
    delta: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AppraisalPlan:
    """Ratings of risk of bias, their instrument, and the percent of "yes" of low and moderate."""

    ratings: Path
    instrument: str
    bands: tuple[float, float] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionPlan:
    """Where the flow is counted: library of records, screening file, and numbers of studies."""

    library: Path
    screening: Path
    studies: int | None
    pooled: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a review does, from the table of effects to the report.

    Parameters
    ----------
    title : of the report
    data, effect : the table and its effect size
    recode : new column → the values that it has in place of another column's
    rescale : new column → (column, what one unit of the new one is)
    levels : column → its allowed values, the models' reference first
    names : column or value → how it is printed
    subgroups, models, alternatives, sensitivity : analyses
    robust, bias : their settings
    living : None for no sequential monitoring
    judgments : file of people's judgments for the summary of findings
    flow : counts of the PRISMA flow, or where they are to be counted; None if not given
    appraisal : risk of bias; None if not given
    level : confidence level, 0 to 1
    """

    title: str
    data: DataPlan
    effect: EffectPlan
    recode: Mapping[str, RecodePlan] = field(default_factory=dict)
    rescale: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    levels: Values = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    subgroups: tuple[SubgroupPlan, ...] = ()
    models: tuple[ModelPlan, ...] = ()
    alternatives: tuple[ModelPlan, ...] = ()
    sensitivity: tuple[SensitivityPlan, ...] = ()
    robust: RobustPlan
    bias: BiasPlan
    living: LivingPlan | None = None
    judgments: Path | None = None
    flow: Mapping[str, Any] | SelectionPlan | None = None
    appraisal: AppraisalPlan | None = None
    level: float = 0.95

    def __post_init__(self) -> None:
        for name in ("recode", "rescale", "levels", "names"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def printed(self, name: str) -> str:
        """A column or value as tables and figures print it."""
        return self.names.get(name, name[:1].upper() + name[1:].replace("_", " "))
