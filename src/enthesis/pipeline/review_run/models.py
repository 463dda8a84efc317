"""Three-level models of a plan: fitted, split, compared with two levels, made robust."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from enthesis import evidence
from enthesis.errors import EnthesisError, InputError
from enthesis.evidence import Heterogeneity, LikelihoodRatio, MultilevelFit, RobustFit, WaldTest
from enthesis.pipeline.review_run.plan import ModelPlan, RobustPlan

FEWEST_DF = 4.0
"""Satterthwaite degrees of freedom below which a p-value is not to be trusted (Tipton 2015,
doi:10.1037/met0000011)."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ModelResult:
    """One three-level model with everything a table of it prints.

    Parameters
    ----------
    plan : its name and moderators
    fit : sampling errors independent, normal tests
    ratio : against the same model without variance between studies
    spread : share of each level in the variability
    vif : inflation by term; None without moderators
    working : sampling errors correlated within studies
    robust : cluster-robust tests of it
    tests : factor → joint cluster-robust test of its levels
    untested : factor → why there is none, most often too few studies
    n_studies : studies behind it
    """

    plan: ModelPlan
    fit: MultilevelFit
    ratio: LikelihoodRatio
    spread: Heterogeneity
    vif: pd.DataFrame | None
    working: MultilevelFit
    robust: RobustFit
    tests: Mapping[str, WaldTest]
    untested: Mapping[str, str]
    n_studies: int

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient and kind of test: "model" or "cluster-robust"."""
        parts = [
            one.to_frame().reset_index().assign(model=self.plan.name, tests=kind)
            for kind, one in (("model", self.fit), ("cluster-robust", self.robust))
        ]
        return pd.concat(parts, ignore_index=True)


def fit_model(
    effects: pd.DataFrame, plan: ModelPlan, *, study: str, robust: RobustPlan, level: float
) -> ModelResult:
    """One three-level model of the plan.

    Raises
    ------
    InputError, ConvergenceError : the model cannot be fitted to these effects.
    """
    data = usable(effects, plan)
    n_studies = int(data[study].nunique())
    if n_studies < 2:
        raise InputError(f"all {len(data)} effects are of one study; three levels want two or more")
    random = f"{study}/effect"
    fit = evidence.multilevel(data, plan.formula, random=random, test="z", level=level)
    reduced = evidence.multilevel(
        data, plan.formula, random=random, test="z", level=level, sigma2={study: 0.0}
    )
    covariance = evidence.sampling_covariance(data, cluster=study, rho=robust.rho)
    working = evidence.multilevel(data, plan.formula, random=random, V=covariance, level=level)
    sandwich = evidence.robust(working, study, kind=robust.kind, level=level)  # type: ignore[arg-type]
    tests, untested = _joint_tests(fit, sandwich)
    return ModelResult(
        plan=plan,
        fit=fit,
        ratio=evidence.likelihood_ratio(fit, reduced),
        spread=evidence.heterogeneity(fit),
        vif=evidence.vif(fit, by="term") if plan.moderators else None,
        working=working,
        robust=sandwich,
        tests=tests,
        untested=untested,
        n_studies=n_studies,
    )


def usable(effects: pd.DataFrame, plan: ModelPlan) -> pd.DataFrame:
    """Rows with all of a model's moderators; levels that none of them has are dropped.

    Raises
    ------
    InputError : a moderator is no column, or has the same value in every row.
    """
    names = [name for term in plan.moderators for name in columns_of(term)]
    for name in names:
        if name not in effects.columns:
            raise InputError(
                f"the table has no column for the moderator {name!r}; it has "
                f"{', '.join(map(str, effects.columns))}"
            )
    data = effects.dropna(subset=names).copy()
    if data.empty:
        raise InputError(f"no effect has all of the moderators {', '.join(names)}")
    for name in names:
        if isinstance(data[name].dtype, pd.CategoricalDtype):
            data[name] = data[name].cat.remove_unused_categories()
        if data[name].nunique() < 2:
            same = data[name].iloc[0]
            shown = repr(same) if isinstance(same, str) else f"{same:g}"
            raise InputError(
                f"the moderator {name!r} is {shown} in all {len(data)} effects; leave it out"
            )
    return data


def columns_of(term: str) -> list[str]:
    """The columns of a term: one, or several of an interaction."""
    parts = [part.strip() for part in term.split(":")]
    for part in parts:
        if not re.fullmatch(r"\w+", part):
            raise InputError(
                f"the moderator {term!r} is no column; name a column without spaces (the plan's "
                "[rescale.name] gives it another name), or an interaction as 'one:other'"
            )
    return parts


def compare(
    effects: pd.DataFrame, plans: tuple[ModelPlan, ...], *, study: str
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Specifications compared by maximum likelihood on the effects that all of them can use.

    Returns
    -------
    A row per specification with its moderators, k, criteria, the likelihood-ratio test against the
    first specification nested in it by one step of the list, and notes.
    """
    fits: list[tuple[ModelPlan, MultilevelFit]] = []
    notes = []
    kept = []
    for plan in plans:
        try:
            usable(effects, plan)
        except InputError as error:
            notes.append(f"{plan.name} is not compared: {error}")
        else:
            kept.append(plan)
    names = {name for plan in kept for term in plan.moderators for name in columns_of(term)}
    data = effects.dropna(subset=sorted(names))
    if len(data) < len(effects):
        notes.append(f"compared on the {len(data)} of {len(effects)} effects with all moderators")
    for plan in kept:
        try:
            fit = evidence.multilevel(
                usable(data, plan), plan.formula, random=f"{study}/effect", method="ML", test="z"
            )
        except EnthesisError as error:
            notes.append(f"{plan.name} is not compared: {error}")
        else:
            fits.append((plan, fit))
    if not fits:
        return pd.DataFrame(), tuple(notes)
    table = evidence.information_criteria(*(fit for _, fit in fits))
    table["model"] = [plan.name for plan, _ in fits]
    table.insert(1, "moderators", [", ".join(plan.moderators) for plan, _ in fits])
    for name in ("aic", "bic"):
        table[f"delta_{name}"] = table[name] - table[name].min()
    tests = [_against_smaller(plan, fit, fits) for plan, fit in fits]
    return table.join(pd.DataFrame(tests, index=table.index)), tuple(notes)


def _against_smaller(
    plan: ModelPlan, fit: MultilevelFit, others: list[tuple[ModelPlan, MultilevelFit]]
) -> dict[str, Any]:
    """Likelihood ratio against the largest specification nested in this one."""
    inside = [
        (one, other)
        for one, other in others
        if set(one.moderators) < set(plan.moderators) and other.p < fit.p
    ]
    if not inside:
        return {"nested": "", "chi2": np.nan, "chi2_df": np.nan, "p_value": np.nan}
    one, other = max(inside, key=lambda pair: pair[1].p)
    ratio = evidence.likelihood_ratio(fit, other)
    return {
        "nested": one.name,
        "chi2": ratio.statistic,
        "chi2_df": ratio.df,
        "p_value": ratio.p_value,
    }


def rho_range(
    effects: pd.DataFrame, plan: ModelPlan, *, study: str, robust: RobustPlan, level: float
) -> pd.DataFrame:
    """Cluster-robust estimates under other sampling correlations: a row per rho and coefficient."""
    data = usable(effects, plan)
    rows = []
    for rho in robust.rho_range:
        covariance = evidence.sampling_covariance(data, cluster=study, rho=rho)
        fit = evidence.multilevel(
            data, plan.formula, random=f"{study}/effect", V=covariance, level=level
        )
        answer = evidence.robust(fit, study, kind=robust.kind, level=level)  # type: ignore[arg-type]
        rows.append(answer.to_frame().reset_index().assign(model=plan.name, rho=rho))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame()


def _joint_tests(
    fit: MultilevelFit, sandwich: RobustFit
) -> tuple[dict[str, WaldTest], dict[str, str]]:
    """Tests of all levels of each factor, and why the others cannot be made."""
    terms = fit.spec.terms if fit.spec is not None else {}
    tests, untested = {}, {}
    for term, positions in terms.items():
        if len(positions) > 1:
            try:
                tests[term] = evidence.wald_test(sandwich, [fit.names[i] for i in positions])
            except EnthesisError as error:
                untested[term] = str(error)
    return tests, untested
