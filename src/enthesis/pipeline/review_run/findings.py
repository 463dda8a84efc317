"""A summary of findings: the facts that judgments of certainty rest on, and room for them."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.review_run.results import PlanResult
from enthesis.report.rows import interval, number, p_value
from enthesis.report.tables import NOT_AVAILABLE, Table

JUDGMENTS = {
    "risk_of_bias": "Risk of bias",
    "inconsistency": "Inconsistency",
    "indirectness": "Indirectness",
    "imprecision": "Imprecision",
    "publication_bias": "Publication bias",
    "certainty": "Certainty",
    "explanation": "Explanation",
}
"""What people judge, after GRADE (Guyatt et al. 2008, doi:10.1136/bmj.39489.470347.AD); no program
does it for them."""

KEY = ("analysis", "answer")


def findings(result: PlanResult) -> pd.DataFrame:
    """A row per pooled cell and for the whole: facts, and people's judgments or empty cells.

    Raises
    ------
    InputError : the file of judgments is unreadable, or judges what the plan does not pool.
    """
    plan = result.plan
    rows = []
    for cells in result.cells:
        for cell in cells.table.to_dict("records"):
            if not np.isfinite(cell["estimate"]):
                continue
            name = ", ".join(plan.printed(str(cell[column])) for column in cells.plan.cells)
            rows.append({"analysis": cells.plan.title, "answer": name} | _facts(cell))
    predicted = result.overall.fit.predict().iloc[0]
    whole = result.overall
    rows.append(
        {"analysis": "All outcomes", "answer": plan.effect.turned_name}
        | _facts(
            {
                "k": whole.fit.k,
                "n_studies": whole.n_studies,
                "participants": np.nan,
                "estimate": float(whole.robust.coefficients[0]),
                "ci_lower": float(whole.robust.ci_lower[0]),
                "ci_upper": float(whole.robust.ci_upper[0]),
                "pi_lower": float(predicted["pi_lower"]),
                "pi_upper": float(predicted["pi_upper"]),
                "i2": whole.spread.i2_total,
                "q_p": whole.spread.q_p,
            }
        )
    )
    table = pd.DataFrame(rows)
    for name in JUDGMENTS:
        table[name] = ""
    return table if plan.judgments is None else _judged(table, plan.judgments)


def findings_table(frame: pd.DataFrame) -> Table:
    """The summary as people read it."""
    rows = [
        {
            "Outcome": row["analysis"],
            "Comparison": row["answer"],
            "People (studies)": f"{number(row['participants'], 0)} ({row['n_studies']})",
            "Effect [CI]": interval(row["estimate"], row["ci_lower"], row["ci_upper"]),
            "Prediction interval": (
                f"[{number(row['pi_lower'])}, {number(row['pi_upper'])}]"
                if np.isfinite(row["pi_lower"])
                else NOT_AVAILABLE
            ),
            "I², %; p of Q": f"{number(row['i2'], 0)}; {p_value(row['q_p']).removeprefix('= ')}",
        }
        | {printed: row[name] for name, printed in JUDGMENTS.items()}
        for row in frame.to_dict("records")
    ]
    return Table(
        frame=pd.DataFrame(rows),
        caption="Summary of findings",
        notes=(
            "Facts are computed; judgments of certainty are people's and stay empty until made.",
            "Write them into a copy of summary_of_findings.csv and name it in the plan.",
        ),
    )


def _facts(cell: Mapping[Hashable, float]) -> dict[str, float]:
    names = (
        "k",
        "n_studies",
        "participants",
        "estimate",
        "ci_lower",
        "ci_upper",
        "pi_lower",
        "pi_upper",
        "i2",
        "q_p",
    )
    return {name: cell[name] for name in names}


def _judged(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    given = read.spreadsheet(path)
    missing = [name for name in (*KEY, *JUDGMENTS) if name not in given.columns]
    if missing:
        raise InputError(f"{path.name!r} has no column {missing[0]!r}; start from a copy of ours")
    places = {(row["analysis"], row["answer"]): i for i, row in enumerate(table.to_dict("records"))}
    table = table.copy()
    for row, judged in given.iterrows():
        texts = {name: judged[name] for name in JUDGMENTS if isinstance(judged[name], str)}
        place = places.get((judged["analysis"], judged["answer"]))
        if place is None and texts:
            raise InputError(
                f"{path.name!r}, row {row} judges {judged['analysis']}, {judged['answer']}, which "
                "this plan does not pool"
            )
        for name, text in texts.items():
            table.loc[place, name] = text
    return table
