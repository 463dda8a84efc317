"""A plan read from its TOML file, every key checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

from enthesis.errors import InputError
from enthesis.pipeline.review_run.keys import Keys
from enthesis.pipeline.review_run.plan import (
    AppraisalPlan,
    BiasPlan,
    DataPlan,
    EffectPlan,
    LivingPlan,
    ModelPlan,
    Plan,
    RecodePlan,
    RobustPlan,
    SelectionPlan,
    SensitivityPlan,
    SheetPlan,
    SubgroupPlan,
)

DEFAULT = "plan.toml"
"""The plan that ships with the package: a published meta-analysis of paraspinal muscles."""

METHODS = ("DL", "REML", "ML", "PM", "EB", "HE", "HS", "SJ", "EE")
TESTS = ("z", "knha", "adhoc", "t")
KINDS = ("CR2", "CR0", "CR1", "CR1p", "CR1S", "CR3")
"""What `evidence.subgroups` and `evidence.robust` take."""


def default_plan_text() -> str:
    """The plan that ships with the package, as a file to start from."""
    return (
        resources.files("enthesis.pipeline.review_run")
        .joinpath(DEFAULT)
        .read_text(encoding="utf-8")
    )


def read_plan(path: Path | None = None) -> Plan:
    """The plan of a TOML file; without one, the plan that ships with the package.

    Parameters
    ----------
    path : the file; names of other files in it are relative to its folder

    Raises
    ------
    InputError : no such file, not TOML, or a key that is missing, unknown or wrong, by its name.
    """
    if path is None:
        return parse_plan(default_plan_text(), folder=Path())
    if not path.is_file():
        raise InputError(
            f"there is no plan {path.name!r}; `enthesis review plan > plan.toml` writes one to "
            "start from"
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path.name!r} is not UTF-8 text; save the plan as UTF-8") from error
    return parse_plan(text, folder=path.parent)


def parse_plan(text: str, *, folder: Path) -> Plan:
    """The plan that a text holds.

    Parameters
    ----------
    text : TOML
    folder : where the files that it names are

    Raises
    ------
    InputError : as `read_plan`.
    """
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the plan is not TOML: {error}") from error
    keys = Keys(content)
    models = tuple(_model(one) for one in keys.tables("models"))
    _different("models", [one.name for one in models])
    plan = Plan(
        title=keys.text("title", "Meta-analysis"),
        level=keys.number("level", 0.95, low=0.5, high=1, inside=True),
        data=_data(keys.table("data"), folder),
        effect=_effect(keys.table("effect")),
        recode={name: _recode(one) for name, one in keys.named("recode").items()},
        rescale={name: _rescale(one) for name, one in keys.named("rescale").items()},
        levels=keys.lists("levels"),
        names=keys.words("names"),
        subgroups=tuple(_subgroup(one) for one in keys.tables("subgroups")),
        models=models,
        alternatives=tuple(
            ModelPlan(name=name, title="", moderators=moderators)
            for name, moderators in keys.lists("alternatives").items()
        ),
        robust=_robust(keys.table("robust")),
        bias=_bias(keys.table("bias")),
        sensitivity=tuple(_sensitivity(one, models) for one in keys.tables("sensitivity")),
        living=_living(keys.optional("living")),
        judgments=_findings(keys.table("findings"), folder),
        flow=_flow(keys.optional("flow"), folder),
        appraisal=_appraisal(keys.optional("appraisal"), folder),
    )
    keys.done()
    _different("subgroups", [one.name for one in plan.subgroups])
    _different("subgroups' titles", [one.title for one in plan.subgroups])
    _different("sensitivity", [one.model.name for one in plan.sensitivity])
    _different("alternatives and models", [one.name for one in (*models, *plan.alternatives)])
    return plan


def _recode(keys: Keys) -> RecodePlan:
    plan = RecodePlan(
        column=keys.text("column"),
        stands_for=MappingProxyType(keys.lists("values")),
        others=keys.text("others", ""),
    )
    keys.done()
    return plan


def _rescale(keys: Keys) -> tuple[str, float]:
    column, per = keys.text("column"), keys.number("per", 1, low=0, high=1e12, inside=True)
    keys.done()
    return column, per


def _data(keys: Keys, folder: Path) -> DataPlan:
    table = keys.text("table", "")
    study = keys.text("study", "study")
    extraction = keys.optional("extraction")
    if table and extraction is not None:
        raise InputError(
            f"the plan's {keys.name('extraction')} stands beside {keys.name('table')}; give the "
            "table of effects, or the extraction sheet that it is made from"
        )
    plan = DataPlan(
        table=folder / table if table else None,
        extraction=None if extraction is None else _sheet(extraction, folder),
        study=study,
        label=keys.texts("label", (study,)) or (study,),
        order=keys.text("order", ""),
    )
    keys.done()
    return plan


def _sheet(keys: Keys, folder: Path) -> SheetPlan:
    plan = SheetPlan(
        sheet=folder / keys.text("sheet"),
        side_correlation=(
            keys.number("side_correlation", None, low=-1, high=1)
            if keys.has("side_correlation")
            else None
        ),
        reconstruct=keys.texts("reconstruct", ()),
    )
    keys.done()
    return plan


def _effect(keys: Keys) -> EffectPlan:
    measure = keys.text("measure", "SMD")
    name = keys.text("name", measure)
    plan = EffectPlan(
        measure=measure,
        name=name,
        turned_name=keys.text("turned_name", name),
        columns=MappingProxyType(keys.words("columns")),
        reverse=MappingProxyType(keys.lists("reverse")),
    )
    keys.done()
    return plan


def _subgroup(keys: Keys) -> SubgroupPlan:
    name = keys.text("name")
    cells = keys.lists("cells")
    if not 1 <= len(cells) <= 2:
        raise InputError(
            f"the plan's {keys.name('cells')} wants one or two columns with the values to pool, "
            f"got {len(cells)}"
        )
    directions = keys.texts("directions", ())
    if len(directions) not in (0, 2):
        raise InputError(
            f"the plan's {keys.name('directions')} wants two texts, what effects below and above "
            f"zero mean, got {len(directions)}"
        )
    plan = SubgroupPlan(
        name=name,
        title=keys.text("title", name),
        where=MappingProxyType(keys.lists("where")),
        cells=MappingProxyType(cells),
        method=keys.choice("method", METHODS, "DL"),
        test=keys.choice("test", TESTS, "z"),
        min_effects=_whole(keys, "min_effects", 2, low=2),
        directions=(directions[0], directions[1]) if directions else None,
    )
    keys.done()
    return plan


def _model(keys: Keys) -> ModelPlan:
    plan = ModelPlan(
        name=keys.text("name"),
        title=keys.text("title", ""),
        moderators=keys.texts("moderators", ()),
    )
    keys.done()
    return plan


def _sensitivity(keys: Keys, models: tuple[ModelPlan, ...]) -> SensitivityPlan:
    base = keys.text("model", "")
    added = keys.texts("add", ())
    own = keys.texts("moderators", ())
    known = {one.name: one.moderators for one in models}
    if base and base not in known:
        raise InputError(
            f"the plan's {keys.name('model')} wants the name of one of its models "
            f"({', '.join(known) or 'it has none'}), got {base!r}"
        )
    if base and own:
        raise InputError(
            f"the plan's {keys.name('moderators')} stands beside {keys.name('model')}; give the "
            "moderators, or a model and what to add to it"
        )
    if added and not base:
        raise InputError(
            f"the plan's {keys.name('add')} wants {keys.name('model')}, the model to add to"
        )
    plan = SensitivityPlan(
        model=ModelPlan(
            name=keys.text("name"),
            title=keys.text("title", ""),
            moderators=(*known.get(base, own), *added),
        ),
        where=MappingProxyType(keys.lists("where")),
        added=added,
        base=base,
    )
    keys.done()
    return plan


def _robust(keys: Keys) -> RobustPlan:
    plan = RobustPlan(
        kind=keys.choice("kind", KINDS, "CR2"),
        rho=keys.number("rho", 0.7, low=0, high=0.999),
        rho_range=keys.numbers("rho_range", (), low=0, high=1),
    )
    keys.done()
    return plan


def _bias(keys: Keys) -> BiasPlan:
    plan = BiasPlan(
        egger=keys.flag("egger", True),
        trim_and_fill=keys.choice("trim_and_fill", ("L0", "R0", "Q0", "none"), "L0"),
    )
    keys.done()
    return plan


def _living(keys: Keys | None) -> LivingPlan | None:
    if keys is None:
        return None
    plan = LivingPlan(
        alpha=keys.number("alpha", 0.05, low=0, high=0.5, inside=True),
        power=keys.number("power", 0.9, low=0.5, high=1, inside=True),
        delta=keys.number("delta", 0.3, low=0, high=1e6, inside=True),
    )
    keys.done()
    return plan


def _findings(keys: Keys, folder: Path) -> Path | None:
    judgments = keys.text("judgments", "")
    keys.done()
    return folder / judgments if judgments else None


def _appraisal(keys: Keys | None, folder: Path) -> AppraisalPlan | None:
    if keys is None:
        return None
    bands = keys.numbers("bands", (), low=0, high=101)
    if bands and (len(bands) != 2 or bands[0] <= bands[1]):
        raise InputError(
            f'the plan\'s {keys.name("bands")} wants the percent of "yes" from which the risk is '
            f"low, and the smaller one from which it is moderate, got {list(bands)}"
        )
    plan = AppraisalPlan(
        ratings=folder / keys.text("ratings"),
        instrument=keys.text("instrument"),
        bands=(bands[0], bands[1]) if bands else None,
    )
    keys.done()
    return plan


def _flow(keys: Keys | None, folder: Path) -> Mapping[str, Any] | SelectionPlan | None:
    """Counts as they stand, or the library and the screening file that they are counted in."""
    if keys is None:
        return None
    if not keys.has("library"):
        return MappingProxyType(keys.rest())
    plan = SelectionPlan(
        library=folder / keys.text("library"),
        screening=folder / keys.text("screening"),
        studies=_count(keys, "studies"),
        pooled=_count(keys, "pooled"),
    )
    keys.done()
    return plan


def _count(keys: Keys, key: str) -> int | None:
    return _whole(keys, key, 0, low=0) if keys.has(key) else None


def _whole(keys: Keys, key: str, default: int, *, low: int) -> int:
    value = keys.number(key, default, low=low, high=1e6)
    if not value.is_integer():
        raise InputError(f"the plan's {keys.name(key)} wants a whole number, got {value:g}")
    return int(value)


def _different(key: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise InputError(
                f"the plan's {key} have the name {name!r} twice; name each differently"
            )
