"""Tables of a plan's three-level models: coefficients, variance, specifications, collinearity."""

from __future__ import annotations

import pandas as pd

from enthesis.pipeline.review_run.models import FEWEST_DF, ModelResult
from enthesis.pipeline.review_run.plan import Plan
from enthesis.pipeline.review_run.results import PlanResult
from enthesis.report.rows import number, p_cell, p_value
from enthesis.report.tables import NOT_AVAILABLE, Table

INDENT = "\N{NO-BREAK SPACE}" * 3
"""Before the levels of a factor, which stand under its name."""


def model_table(result: ModelResult, plan: Plan) -> Table:
    """Coefficients of a three-level model with normal tests."""
    fit = result.fit
    rows = []
    for text, name in _lines(result, plan):
        if name is None:
            rows.append([text, "", "", "", ""])
            continue
        i = fit.names.index(name)
        rows.append(
            [
                text,
                _with_bounds(fit.coefficients[i], fit.ci_lower[i], fit.ci_upper[i]),
                number(float(fit.std_errors[i]), _digits(fit.ci_lower[i], fit.ci_upper[i])),
                number(float(fit.statistics[i])),
                p_cell(float(fit.p_values[i])),
            ]
        )
    header = ["Moderator", f"Estimate ({100 * plan.level:g}% CI)", "SE", "z-value", "p-value"]
    return Table(
        frame=pd.DataFrame(rows, columns=header),
        caption=f"{result.plan.name}: {_moderated(result)}three-level model",
        notes=(f"{_counted(result)} {_method(result)}", *_meanings(result, plan)),
    )


def robust_table(result: ModelResult, plan: Plan) -> Table:
    """The same with cluster-robust standard errors, tests and degrees of freedom."""
    robust = result.robust
    rows = []
    for text, name in _lines(result, plan):
        if name is None:
            rows.append([text, "", "", "", "", ""])
            continue
        i = robust.names.index(name)
        df = float(robust.df[i])
        digits = _digits(robust.ci_lower[i], robust.ci_upper[i])
        rows.append(
            [
                text,
                _with_bounds(robust.coefficients[i], robust.ci_lower[i], robust.ci_upper[i]),
                f"{number(float(robust.std_errors[i]), digits)} ({number(df)})",
                number(float(robust.statistics[i])),
                p_cell(float(robust.p_values[i])),
                "fewer than 4 degrees of freedom: the p-value is not to be trusted"
                if df < FEWEST_DF
                else "",
            ]
        )
    header = [
        "Moderator",
        f"Estimate ({100 * plan.level:g}% CI)",
        "SE (df)",
        "t-stat",
        "p-value",
        "doubts",
    ]
    joint = [
        f"{plan.printed(factor)}, all levels at once: {test.test} F({test.df_num:g}, "
        f"{test.df_denom:.2f}) = {number(test.statistic)}, p {p_value(test.p_value)}."
        for factor, test in result.tests.items()
    ]
    joint += [
        f"{plan.printed(factor)}, all levels at once: not tested, for {reason}."
        for factor, reason in result.untested.items()
    ]
    return Table(
        frame=pd.DataFrame(rows, columns=header),
        caption=f"{result.plan.name}: {_moderated(result)}cluster-robust tests",
        flags="doubts",
        notes=(
            _counted(result),
            f"{plan.robust.kind} standard errors by study, Satterthwaite degrees of freedom.",
            f"Sampling errors within a study taken as correlated by ρ = {plan.robust.rho:g}.",
            *joint,
            *_meanings(result, plan),
        ),
    )


def spread_table(result: PlanResult) -> Table:
    """Where the variability of each model is, and whether the third level is needed."""
    rows = []
    for one in (result.overall, *result.models, *result.sensitivity.models):
        spread = one.spread
        rows.append(
            {
                "Model": one.plan.name,
                "k": one.fit.k,
                "Studies": one.n_studies,
                "σ² between studies": number(spread.variances[0], 3),
                "σ² within studies": number(spread.variances[1], 3),
                "I², %": number(spread.i2_total, 1),
                "between, %": number(spread.i2[0], 1),
                "within, %": number(spread.i2[1], 1),
                "χ² (1)": number(one.ratio.statistic),
                "p": p_cell(one.ratio.p_value),
                "Q (df)": f"{number(spread.q, 1)} ({spread.q_df})",
                "p of Q": p_cell(spread.q_p),
            }
        )
    return Table(
        frame=pd.DataFrame(rows),
        caption="Variance by level, and the test of the third level",
        notes=(
            (
                "I²: share of heterogeneity in the variability of the effects, and how it parts. "
                "χ²: likelihood ratio against the same model without variance between studies."
            ),
        ),
    )


def selection_table(result: PlanResult, plan: Plan) -> Table:
    """Specifications by AIC and BIC, each against the largest one nested in it."""
    rows = []
    for one in result.alternatives.to_dict("records"):
        against = ""
        if one["nested"]:
            against = (
                f"{one['nested']}: χ²({one['chi2_df']:.0f}) = {number(one['chi2'])}, "
                f"p {p_value(one['p_value'])}"
            )
        names = one["moderators"].split(", ") if one["moderators"] else []
        rows.append(
            {
                "Model": one["model"],
                "Moderators": ", ".join(map(plan.printed, names)) or "none",
                "Parameters": one["n_parameters"],
                "Log-likelihood": number(one["log_likelihood"], 1),
                "AIC": number(one["aic"], 1),
                "ΔAIC": number(one["delta_aic"], 1),
                "BIC": number(one["bic"], 1),
                "ΔBIC": number(one["delta_bic"], 1),
                "AICc": number(one["aicc"], 1),
                "Against the largest model in it": against or NOT_AVAILABLE,
            }
        )
    return Table(
        frame=pd.DataFrame(rows),
        caption="Specifications compared",
        notes=("Fitted by maximum likelihood, on the effects that all of them can use.",),
    )


def vif_table(result: PlanResult, plan: Plan) -> Table | None:
    """Variance inflation of every term, a column per model; None without moderators."""
    columns = {one.plan.name: one.vif["vif"] for one in result.models if one.vif is not None}
    if not columns:
        return None
    frame = pd.DataFrame(columns)
    order = dict.fromkeys(name for one in columns.values() for name in one.index)
    frame = frame.loc[list(order)]
    printed = frame.map(number)
    printed.insert(0, "Moderator", [plan.printed(str(name)) for name in frame.index])
    return Table(
        frame=printed.reset_index(drop=True),
        caption="Variance inflation factors",
        notes=("Of factors: generalised, for all their levels together.",),
    )


def rho_table(result: PlanResult, plan: Plan) -> Table | None:
    """Robust estimates under other sampling correlations; None where the plan asks for none."""
    if result.rho.empty:
        return None
    model = result.models[-1] if result.models else result.overall
    rows = []
    for text, name in _lines(model, plan):
        row = {"Moderator": text}
        for rho in plan.robust.rho_range:
            cell = ""
            if name is not None:
                mine = (result.rho["coefficient"] == name) & (result.rho["rho"] == rho)
                found = result.rho[mine].iloc[0]
                digits = _digits(found["ci_lower"], found["ci_upper"])
                cell = (
                    f"{number(float(found['estimate']), digits)} "
                    f"({number(float(found['std_error']), digits)})"
                )
            row[f"ρ = {rho:g}"] = cell
        rows.append(row)
    return Table(
        frame=pd.DataFrame(rows),
        caption=f"{model.plan.name} under other correlations of sampling errors",
        notes=(f"Estimate (standard error, {plan.robust.kind}).",),
    )


def _lines(result: ModelResult, plan: Plan) -> list[tuple[str, str | None]]:
    """Printed name and coefficient of each row; a factor's name is a row without coefficient."""
    fit = result.fit
    terms = fit.spec.terms if fit.spec is not None else {}
    lines: list[tuple[str, str | None]] = []
    for term, places in terms.items():
        names = [fit.names[i] for i in places]
        if names == ["intrcpt"]:
            lines.append(("Intercept", names[0]))
        elif ":" in term or (term in fit.names and len(names) == 1):
            shown = " × ".join(plan.printed(part) for part in term.split(":"))
            rest = [name for name in names if name != term]
            lines += [(shown if name not in rest else f"{shown}: {name}", name) for name in names]
        else:
            levels = {name: name.removeprefix(term) for name in names}
            if len(names) == 1:
                (name, value) = next(iter(levels.items()))
                lines.append((f"{plan.printed(term)} ({plan.printed(value)})", name))
                continue
            reference = plan.printed(_reference(result, term, list(levels.values())))
            lines.append((f"{plan.printed(term)} (Ref. {reference})", None))
            lines += [(INDENT + plan.printed(value), name) for name, value in levels.items()]
    return lines


def _meanings(result: ModelResult, plan: Plan) -> tuple[str, ...]:
    """The references of factors with two levels, which their row does not print."""
    fit = result.fit
    found = []
    for term, places in (fit.spec.terms if fit.spec is not None else {}).items():
        name = fit.names[places[0]]
        if len(places) > 1 or term in {name, "intrcpt"} or ":" in term:
            continue
        reference = _reference(result, term, [name.removeprefix(term)])
        found.append(f"{plan.printed(term)}: reference {plan.printed(reference)}.")
    return (" ".join(found),) if found else ()


def _reference(result: ModelResult, term: str, others: list[str]) -> str:
    """The level of a factor that has no coefficient."""
    return next(str(one) for one in result.fit.data[term].unique() if str(one) not in others)


def _moderated(result: ModelResult) -> str:
    return f"{result.plan.title}, " if result.plan.title else ""


def _counted(result: ModelResult) -> str:
    return f"{result.fit.k} effects from {result.n_studies} studies."


def _method(result: ModelResult) -> str:
    return (
        f"{result.fit.method}; random intercepts for studies and for effects within them; sampling "
        "errors taken as independent."
    )


def _digits(lower: float, upper: float) -> int:
    """A third digit where two would print a small bound, or all of a small interval, as zero."""
    return 3 if min(abs(lower), abs(upper)) < 0.005 or max(abs(lower), abs(upper)) < 0.1 else 2


def _with_bounds(estimate: float, lower: float, upper: float) -> str:
    digits = _digits(lower, upper)
    middle, low, high = (number(float(x), digits) for x in (estimate, lower, upper))
    return f"{middle} ({low}; {high})"
