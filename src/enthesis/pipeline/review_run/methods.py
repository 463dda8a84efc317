"""A methods paragraph that says exactly what was done."""

from __future__ import annotations

import platform

import numpy as np
import pandas as pd
import scipy

from enthesis import __version__
from enthesis.pipeline.review_run.plan import Plan
from enthesis.pipeline.review_run.results import PlanResult

ESTIMATORS = {
    "DL": "DerSimonian and Laird's estimator",
    "REML": "restricted maximum likelihood",
    "ML": "maximum likelihood",
    "PM": "Paule and Mandel's estimator",
    "EB": "the empirical Bayes estimator",
    "HE": "Hedges' estimator",
    "HS": "Hunter and Schmidt's estimator",
    "SJ": "Sidik and Jonkman's estimator",
    "EE": "no variance between studies (equal effects)",
}

TESTS = {
    "z": "normal (Wald-type) confidence intervals",
    "t": "t confidence intervals",
    "knha": "Knapp and Hartung's confidence intervals",
    "adhoc": "Knapp and Hartung's confidence intervals, never narrower than t",
}

MEASURES = {
    "SMD": "standardized mean differences with the small-sample correction (Hedges' g) and their "
    "large-sample variances",
    "MD": "mean differences",
    "ROM": "log ratios of means",
    "GEN": "effects and variances as given in the table",
}


def methods_text(result: PlanResult) -> tuple[str, ...]:
    """What was done, in paragraphs for a manuscript."""
    plan = result.plan
    return (
        *_selection(result),
        _effects(result),
        *_subgroups(plan),
        _models(result),
        _robust(result),
        *_bias(result),
        _software(),
    )


def _selection(result: PlanResult) -> list[str]:
    """How studies were found and judged, as far as the plan's flow and ratings tell."""
    texts = []
    if (flow := result.flow) is not None:
        sources = ", ".join(
            f"{name} ({n})" for name, n in {**flow.databases, **flow.registers}.items()
        )
        texts.append(
            f"{flow.identified} records were identified ({sources}); {flow.removed} were removed "
            f"before screening, {flow.screened} screened by title and abstract and "
            f"{flow.assessed} reports read in full; {flow.studies} "
            f"{'study was' if flow.studies == 1 else 'studies were'} included (PRISMA 2020)."
        )
    if (rated := result.appraisal) is not None:
        n = len(rated.raters)
        text = (
            f"Risk of bias was rated with {rated.instrument.name} by "
            f"{'one person' if n == 1 else f'{n} people independently'}"
        )
        if rated.agreement is not None:
            one = rated.agreement
            text += f" (Cohen's kappa {one.kappa:.2f} over {one.n} items)"
        bands = result.plan.appraisal.bands if result.plan.appraisal else None
        if bands:
            text += (
                f'; {bands[0]:g}% of "yes" among applicable items or more was called low risk, '
                f"{bands[1]:g}% or more moderate, less high"
            )
        texts.append(f"{text}.")
    return [" ".join(texts)] if texts else []


def _effects(result: PlanResult) -> str:
    plan, effects = result.plan, result.effects
    n = effects.table[effects.study].nunique()
    text = (
        f"{len(effects.table)} effects from {n} studies were analysed as "
        f"{MEASURES.get(effects.measure, f'the measure {effects.measure}')}."
    )
    if effects.simulated:
        text = f"The data are simulated; no person was observed. {text}"
    if (sheet := plan.data.extraction) is not None:
        if sheet.side_correlation is not None:
            text += (
                " Left and right sides reported apart were averaged, taken as correlated by r = "
                f"{sheet.side_correlation:g}."
            )
        if sheet.reconstruct:
            text += (
                f" Where a study gave only their parts, the groups {', '.join(sheet.reconstruct)} "
                "were reconstructed from sizes, means and SDs."
            )
    if plan.effect.reverse:
        turned = "; ".join(
            f"{plan.printed(name).lower()} {', '.join(map(plan.printed, values))}"
            for name, values in plan.effect.reverse.items()
        )
        text += (
            f" Stratified analyses keep the direction of the effects as extracted; in models the "
            f"sign was turned for {turned}, so that higher means worse everywhere."
        )
    return text


def _subgroups(plan: Plan) -> list[str]:
    texts = []
    for one in plan.subgroups:
        by = " and ".join(plan.printed(name).lower() for name in one.cells)
        texts.append(
            f"{one.title} was pooled separately by {by} with random effects "
            f"({ESTIMATORS[one.method]} of the variance between studies, {TESTS[one.test]}); cells "
            f"with fewer than {one.min_effects} effects were not pooled. Effects within a cell "
            "were taken as independent. Heterogeneity was described by Cochran's Q, τ², I² and "
            "prediction intervals."
        )
    return texts


def _models(result: PlanResult) -> str:
    plan = result.plan
    text = (
        "Three-level models with random intercepts for studies and for effects within studies "
        "were fitted by restricted maximum likelihood, with normal tests and with sampling "
        "errors taken as independent."
    )
    for one in result.models:
        names = ", ".join(map(plan.printed, one.plan.moderators))
        text += f" {one.plan.name} had the moderators {names}."
    text += (
        " The variability was split into sampling error, within and between studies; the third "
        "level was tested by a likelihood-ratio test (restricted likelihood, one degree of "
        "freedom) against the model without variance between studies."
    )
    if any(one.vif is not None for one in result.models):
        text += " Collinearity was checked by (generalised) variance inflation factors."
    if not result.alternatives.empty:
        text += (
            f" {len(result.alternatives)} specifications were compared by AIC, BIC and "
            "likelihood-ratio tests of nested ones, all by maximum likelihood on the same effects."
        )
    return text


def _robust(result: PlanResult) -> str:
    plan = result.plan
    text = (
        f"Every model was refitted with sampling errors correlated within studies (ρ = "
        f"{plan.robust.rho:g}) and tested with cluster-robust standard errors "
        f"({plan.robust.kind}, clustered by study) and Satterthwaite degrees of freedom; factors "
        "were tested by approximate Hotelling's T² (HTZ)."
    )
    if plan.robust.rho_range:
        values = ", ".join(f"{rho:g}" for rho in plan.robust.rho_range)
        text += f" The last model was repeated with ρ of {values}."
    for one in result.sensitivity.models:
        names = ", ".join(map(plan.printed, one.plan.moderators))
        text += f" Sensitivity analysis, {one.plan.name}: moderators {names}."
    for name, reason in result.sensitivity.skipped.items():
        text += f" Sensitivity analysis, {name}: not done, for {reason}."
    return text


def _bias(result: PlanResult) -> list[str]:
    plan, bias, growth = result.plan, result.bias, result.growth
    if bias is None or growth is None:
        return []
    text = "Small-study effects were examined by contour-enhanced funnel plots of effects and of "
    text += "study means"
    if bias.plain is not None:
        text += (
            ", by Egger-type regression on the standard error in the three-level model (with "
            "normal and with cluster-robust tests)"
        )
    if bias.rank is not None:
        text += ", by Begg and Mazumdar's rank test of study means"
    if bias.trimmed is not None:
        text += f", and by trim and fill ({bias.trimmed.estimator}) of effects and of study means"
    text += (
        ". Study means were formed by inverse-variance weights with effects of a study correlated "
        f"by ρ = {plan.robust.rho:g}, and pooled with random effects (restricted maximum "
        "likelihood) for the cumulative, leave-one-out, influence and Baujat plots; the "
        "three-level mean was refitted without each study."
    )
    if growth.sequential is not None:
        one = growth.sequential
        text += (
            f" Exploratory sequential monitoring used O'Brien-Fleming-type alpha spending "
            f"(two-sided α = {one.alpha:g}, power {one.power:g}, effect {one.delta:g}) with the "
            "variance between studies of all of them."
        )
    return [text]


def _software() -> str:
    return (
        f"Analyses used Enthesis {__version__} with Python {platform.python_version()}, NumPy "
        f"{np.__version__}, SciPy {scipy.__version__} and pandas {pd.__version__}."
    )
