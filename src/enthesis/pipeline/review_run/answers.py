"""Every answer of a plan in one long table, and what became of each since an earlier run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from enthesis import read
from enthesis.errors import InputError
from enthesis.pipeline.review_run.results import PlanResult
from enthesis.pipeline.review_run.sheet_checks import REMARKS, SUMMARIES

ANSWERS_FILE = "answers.csv"
EFFECTS_FILE = "effects.csv"
"""What a run leaves for the next one to be compared with."""

NUMBERS = ("k", "n_studies", "estimate", "ci_lower", "ci_upper", "p_value")

COMPUTED = ("row_label", "reversed", "flags")
"""Columns that do not say which effect a row is."""

SAME = 1e-6
"""Effects and estimates nearer than this are the same; files keep more digits."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Changes:
    """A run beside an earlier one.

    Parameters
    ----------
    added, removed, altered : effects that came, went, or have another value (yi_before, yi)
    answers : a row per answer: before, now, shift, both conclusions, and whether it moved
    moved : those whose conclusion is another one
    """

    added: pd.DataFrame
    removed: pd.DataFrame
    altered: pd.DataFrame
    answers: pd.DataFrame

    @property
    def moved(self) -> pd.DataFrame:
        """Answers whose conclusion moved."""
        return self.answers[self.answers["moved"]]

    def summary(self) -> str:
        """What changed, in a few sentences."""
        text = (
            f"{len(self.added)} effects were added, {len(self.removed)} removed and "
            f"{len(self.altered)} altered since the earlier run."
        )
        if self.moved.empty:
            return f"{text} None of the {len(self.answers)} conclusions moved."
        moved = "; ".join(
            f"{row['analysis']}, {row['answer']}: from {row['conclusion_before']} to "
            f"{row['conclusion']}"
            for row in self.moved.to_dict("records")
        )
        return f"{text} {len(self.moved)} of {len(self.answers)} conclusions moved: {moved}."


def answers(result: PlanResult) -> pd.DataFrame:
    """A row per pooled cell and model coefficient: what it is, its numbers and its conclusion.

    The conclusion says on which side of zero the whole confidence interval lies: "above 0",
    "below 0", "unclear", or "not pooled".
    """
    table = pd.DataFrame(list(_rows(result)))
    table["conclusion"] = [
        _conclusion(low, high)
        for low, high in zip(table["ci_lower"], table["ci_upper"], strict=True)
    ]
    return table


def changes(result: PlanResult, previous: Path) -> Changes:
    """A run beside the one in a folder.

    Raises
    ------
    InputError : the folder holds no run of a plan.
    """
    for name in (ANSWERS_FILE, EFFECTS_FILE):
        if not (previous / name).is_file():
            raise InputError(
                f"{previous.name!r} holds no earlier run, for {name} is not there; name the output "
                "folder of one"
            )
    before = read.table(previous / ANSWERS_FILE)
    wanted = {"analysis", "answer", "estimate", "conclusion"}
    if not wanted <= set(before.columns):
        raise InputError(f"{previous.name!r}: {ANSWERS_FILE} is not of an earlier run")
    now = answers(result)
    kept = ["analysis", "answer", "estimate", "conclusion"]
    both = now[kept].merge(
        before[kept], on=["analysis", "answer"], how="outer", suffixes=("", "_before"), sort=False
    )
    for name in ("conclusion", "conclusion_before"):
        both[name] = both[name].fillna("absent")
    both["shift"] = both["estimate"] - both["estimate_before"]
    both["moved"] = both["conclusion"] != both["conclusion_before"]
    order = {
        (row["analysis"], row["answer"]): place for place, row in enumerate(now.to_dict("records"))
    }
    both["place"] = [
        order.get(key, len(order)) for key in zip(both["analysis"], both["answer"], strict=True)
    ]
    both = both.sort_values("place", kind="stable").drop(columns="place").reset_index(drop=True)
    return _with_effects(result, read.table(previous / EFFECTS_FILE), both)


def _with_effects(result: PlanResult, before: pd.DataFrame, both: pd.DataFrame) -> Changes:
    now = result.effects.table
    if "yi" not in before.columns:
        raise InputError(f"the earlier run's {EFFECTS_FILE} has no effects")
    identity = [
        name
        for name in now.columns
        if name in before.columns
        and name not in {*SUMMARIES, *REMARKS, *COMPUTED}
        and not any(pd.api.types.is_float_dtype(table[name]) for table in (now, before))
    ]
    left, right = (_keyed(table, identity) for table in (before, now))
    met = right.merge(left[["key", "yi"]], on="key", how="left", suffixes=("", "_before"))
    other = met["yi_before"].notna() & ((met["yi"] - met["yi_before"]).abs() > SAME)
    shown = [*identity, "yi", "vi"]
    return Changes(
        added=right.loc[~right["key"].isin(left["key"]), shown],
        removed=left.loc[~left["key"].isin(right["key"]), shown],
        altered=met.loc[other, [*identity, "yi_before", "yi"]],
        answers=both,
    )


def _keyed(table: pd.DataFrame, identity: list[str]) -> pd.DataFrame:
    """With what an effect is called in one text, and the place among those of the same name."""
    texts = table[identity].astype("string").fillna("")
    key = texts.agg(" | ".join, axis=1)
    twin = key.groupby(key, sort=False).cumcount().astype(str)
    return table.assign(key=key + " #" + twin).reset_index(drop=True)


def _rows(result: PlanResult) -> Iterator[dict[str, object]]:
    plan = result.plan
    for cells in result.cells:
        for cell in cells.table.to_dict("records"):
            name = ", ".join(plan.printed(str(cell[column])) for column in cells.plan.cells)
            yield {"analysis": cells.plan.title, "answer": name} | {
                number: cell.get(number, np.nan) for number in NUMBERS
            }
    for model in (result.overall, *result.models, *result.sensitivity.models):
        for kind, one in (("", model.fit), (", cluster-robust", model.robust)):
            for i, coefficient in enumerate(one.names):
                values = (
                    one.coefficients[i],
                    one.ci_lower[i],
                    one.ci_upper[i],
                    one.p_values[i],
                )
                yield {
                    "analysis": f"{model.plan.name}{kind}",
                    "answer": "pooled effect" if len(one.names) == 1 else coefficient,
                    "k": model.fit.k,
                    "n_studies": model.n_studies,
                } | dict(zip(NUMBERS[2:], map(float, values), strict=True))


def _conclusion(lower: float, upper: float) -> str:
    if not np.isfinite(lower):
        return "not pooled"
    return "above 0" if lower > 0 else "below 0" if upper < 0 else "unclear"
