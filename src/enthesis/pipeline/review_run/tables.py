"""Tables of a plan's results, laid out as journals print them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from enthesis.pipeline.review_run.analyses import CellsResult, PlanResult
from enthesis.pipeline.review_run.models import FEWEST_DF, ModelResult
from enthesis.pipeline.review_run.parts import BIAS, GROWTH, SENSITIVITY, VARIANCE, Place
from enthesis.pipeline.review_run.plan import Plan
from enthesis.report.rows import decimals_for, number, p_value
from enthesis.report.tables import NOT_AVAILABLE, Table

INDENT = "\N{NO-BREAK SPACE}" * 3
"""Before the levels of a factor, which stand under its name."""


def cells_table(result: CellsResult, plan: Plan) -> Table:
    """Pooled cells of a stratified analysis: heading, row, size, effect, heterogeneity."""
    frame = result.table
    by = list(result.plan.cells)
    digits = decimals_for(frame["ci_upper"] - frame["ci_lower"])
    rows = []
    for cell in frame.to_dict("records"):
        pooled = bool(np.isfinite(cell["estimate"]))
        row = {plan.printed(name): plan.printed(str(cell[name])) for name in by}
        row |= {
            "k": number(cell["k"], 0),
            "Studies": number(cell["n_studies"], 0),
            "People": number(cell["participants"], 0),
            f"Estimate ({100 * plan.level:g}% CI)": _interval(cell, digits),
            "p": _p(cell.get("p_value", np.nan)),
            "I², %": number(cell.get("i2", np.nan), 0),
            "τ²": number(cell.get("tau2", np.nan), 2),
            "Q (df)": f"{number(cell['q'], 2)} ({cell['q_df']:.0f})" if pooled else NOT_AVAILABLE,
            "p of Q": _p(cell.get("q_p", np.nan)),
            "Prediction interval": (
                f"{number(cell['pi_lower'], digits)}; {number(cell['pi_upper'], digits)}"
                if pooled and np.isfinite(cell["pi_lower"])
                else NOT_AVAILABLE
            ),
            "doubts": "" if pooled else f"not pooled: {cell['reason']}",
        }
        rows.append(row)
    return Table(
        frame=pd.DataFrame(rows),
        caption=f"{result.plan.title}: pooled effects ({plan.effect.name})",
        flags="doubts",
        notes=(
            (
                f"Random effects, {result.plan.method}, {result.plan.test} test; every cell on its "
                "own, its effects taken as independent. k: effects; People: largest group sizes of "
                "each study, counted once."
            ),
        ),
    )


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
                _p(float(fit.p_values[i])),
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
                _p(float(robust.p_values[i])),
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
                "p": _p(one.ratio.p_value),
                "Q (df)": f"{number(spread.q, 1)} ({spread.q_df})",
                "p of Q": _p(spread.q_p),
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


def bias_table(result: PlanResult, plan: Plan) -> Table | None:
    """Tests of small-study effects; None with too few studies."""
    bias = result.bias
    if bias is None:
        return None
    rows = []
    for name, one in (
        ("Egger-type regression, three levels", bias.plain),
        (f"the same, {plan.robust.kind} cluster-robust", bias.robust),
    ):
        if one is not None:
            df = "" if np.isinf(one.df) else f" ({number(one.df)} df)"
            rows.append(
                (
                    name,
                    "every effect",
                    f"β = {number(one.slope)}, SE {number(one.std_error)}{df}",
                    _p(one.p_value),
                )
            )
    if bias.rank is not None:
        rows.append(
            (
                "Rank correlation (Begg and Mazumdar)",
                "study means",
                f"Kendall's τ = {number(bias.rank.tau)}",
                _p(bias.rank.p_value),
            )
        )
    for of, filled in (("every effect", bias.trimmed), ("study means", bias.trimmed_studies)):
        if filled is not None:
            where = f" on the {filled.side}" if filled.k0 else ""
            rows.append(
                (
                    f"Trim and fill ({filled.estimator})",
                    of,
                    f"{filled.k0} imputed{where}",
                    NOT_AVAILABLE,
                )
            )
    return Table(
        frame=pd.DataFrame(rows, columns=["Test", "Of", "Result", "p-value"]),
        caption="Small-study effects",
        notes=(
            "β: change of the effect per unit of its standard error, without other moderators.",
            "Asymmetry has other causes than unpublished studies.",
            *bias.notes,
        ),
    )


def growth_tables(result: PlanResult, plan: Plan) -> list[Table]:
    """Cumulative, leave-one-out and sequential results; empty with too few studies."""
    growth = result.growth
    if growth is None:
        return []
    names = growth.studies[result.effects.study].astype(str).tolist()
    tables = []
    for caption, header, fits in (
        ("Mean of study means as studies are added", "Adding", growth.cumulative),
        ("Three-level mean without each study", "Without", growth.leave_one_out),
    ):
        frame = fits.to_frame()
        rows = [
            {
                header: name,
                "k": str(row["k"]),
                f"Estimate ({100 * plan.level:g}% CI)": _interval(row, 2),
                "p": _p(row["p_value"]),
                "τ²": number(row["tau2"], 3),
            }
            for name, row in zip(names, frame.to_dict("records"), strict=True)
        ]
        tables.append(Table(frame=pd.DataFrame(rows), caption=caption))
    if growth.sequential is not None:
        tables.append(_sequential_table(growth.sequential.looks, names, plan))
    return tables


def _sequential_table(looks: pd.DataFrame, names: list[str], plan: Plan) -> Table:
    rows = [
        {
            "Adding": name,
            "Estimate": number(row["estimate"]),
            "z": number(row["z"]),
            "Share of required information": number(row["fraction"]),
            "Error spent": number(row["spent"], 4),
            "Boundary of |z|": number(row["boundary"]),
            "Crossed": "yes" if row["crossed"] else "no",
        }
        for name, row in zip(names, looks.to_dict("records"), strict=True)
    ]
    living = plan.living
    asked = (
        f"α = {living.alpha:g}, power {living.power:g}, effect {living.delta:g}." if living else ""
    )
    return Table(
        frame=pd.DataFrame(rows),
        caption="Sequential monitoring, exploratory",
        notes=(
            f"O'Brien-Fleming-type alpha spending; {asked}",
            "Boundaries not planned before the first look do not protect against false claims.",
        ),
    )


def result_tables(result: PlanResult) -> dict[Place, Table]:
    """Every table by its part of the report and the name of its file, in order."""
    plan = result.plan
    tables: dict[Place, Table | None] = {
        (one.plan.title, f"subgroups_{one.plan.name}"): cells_table(one, plan)
        for one in result.cells
    }
    tables[VARIANCE, "variance"] = spread_table(result)
    tables[VARIANCE, "vif"] = vif_table(result, plan)
    if not result.alternatives.empty:
        tables[VARIANCE, "selection"] = selection_table(result, plan)
    for part, models in (("", result.models), (SENSITIVITY, result.sensitivity.models)):
        for one in models:
            where = part or one.plan.name
            tables[where, one.plan.name] = model_table(one, plan)
            tables[where, f"{one.plan.name}_robust"] = robust_table(one, plan)
    tables[SENSITIVITY, "rho"] = rho_table(result, plan)
    tables[BIAS, "small_study_effects"] = bias_table(result, plan)
    names = ("cumulative", "leave_one_out", "sequential")
    for name, table in zip(names, growth_tables(result, plan), strict=False):
        tables[GROWTH, name] = table
    return {place: table for place, table in tables.items() if table is not None}


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


def _interval(row: Mapping[Hashable, float], digits: int) -> str:
    if not np.isfinite(row["estimate"]):
        return NOT_AVAILABLE
    middle, low, high = (number(row[x], digits) for x in ("estimate", "ci_lower", "ci_upper"))
    return f"{middle} ({low}; {high})"


def _p(value: float) -> str:
    return p_value(value).removeprefix("= ")
