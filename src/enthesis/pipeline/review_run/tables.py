"""Tables of a plan's results, laid out as journals print them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import pandas as pd

from enthesis.pipeline.review_run.model_tables import (
    model_table,
    rho_table,
    robust_table,
    selection_table,
    spread_table,
    vif_table,
)
from enthesis.pipeline.review_run.parts import BIAS, GROWTH, SENSITIVITY, VARIANCE, Place
from enthesis.pipeline.review_run.plan import Plan
from enthesis.pipeline.review_run.results import CellsResult, PlanResult
from enthesis.report.rows import digits_by_row, number, p_cell
from enthesis.report.tables import NOT_AVAILABLE, Table


def cells_table(result: CellsResult, plan: Plan) -> Table:
    """Pooled cells of a stratified analysis: heading, row, size, effect, heterogeneity."""
    frame = result.table
    by = list(result.plan.cells)
    by_row = digits_by_row(frame["ci_upper"] - frame["ci_lower"])
    rows = []
    for cell, digits in zip(frame.to_dict("records"), by_row, strict=True):
        pooled = bool(np.isfinite(cell["estimate"]))
        row = {plan.printed(name): plan.printed(str(cell[name])) for name in by}
        row |= {
            "k": number(cell["k"], 0),
            "Studies": number(cell["n_studies"], 0),
            "People": number(cell["participants"], 0),
            f"Estimate ({100 * plan.level:g}% CI)": _interval(cell, digits),
            "p": p_cell(cell.get("p_value", np.nan)),
            "I², %": number(cell.get("i2", np.nan), 0),
            "τ²": number(cell.get("tau2", np.nan), 2),
            "Q (df)": f"{number(cell['q'], 2)} ({cell['q_df']:.0f})" if pooled else NOT_AVAILABLE,
            "p of Q": p_cell(cell.get("q_p", np.nan)),
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
                    p_cell(one.p_value),
                )
            )
    if bias.rank is not None:
        rows.append(
            (
                "Rank correlation (Begg and Mazumdar)",
                "study means",
                f"Kendall's τ = {number(bias.rank.tau)}",
                p_cell(bias.rank.p_value),
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
                "p": p_cell(row["p_value"]),
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


def _interval(row: Mapping[Hashable, float], digits: int) -> str:
    if not np.isfinite(row["estimate"]):
        return NOT_AVAILABLE
    middle, low, high = (number(row[x], digits) for x in ("estimate", "ci_lower", "ci_upper"))
    return f"{middle} ({low}; {high})"
