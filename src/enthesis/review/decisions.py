"""What two reviewers and an adjudicator may decide on a record, and where that leaves it."""

from __future__ import annotations

from typing import Literal, get_args

import pandas as pd

Stage = Literal["title_abstract", "full_text"]
Decision = Literal["include", "exclude", "maybe"]
Outcome = Literal["unscreened", "awaiting second", "conflict", "included", "excluded"]

STAGES: tuple[Stage, ...] = get_args(Stage)
DECISIONS: tuple[Decision, ...] = get_args(Decision)

HISTORY_COLUMNS = ("id", "record", "stage", "role", "person", "decision", "reason", "note", "time")


def outcome_of(decisions: list[str], adjudicated: str | None) -> Outcome:
    """Where a record stands after its reviewers' decisions, and the adjudicator's if there is one.

    Parameters
    ----------
    decisions : each reviewer's last
    adjudicated : None without one
    """
    if adjudicated is not None:
        return "included" if adjudicated == "include" else "excluded"
    if not decisions:
        return "unscreened"
    if len(decisions) == 1:
        return "awaiting second"
    passes = {decision != "exclude" for decision in decisions}
    if len(passes) > 1:
        return "conflict"
    return "included" if passes.pop() else "excluded"


def standing(rows: pd.DataFrame | None) -> dict[str, str]:
    """first, second, adjudicated, outcome and reason of one record.

    Parameters
    ----------
    rows : HISTORY_COLUMNS of its last decisions; None if there is none
    """
    if rows is None:
        rows = pd.DataFrame(columns=list(HISTORY_COLUMNS))
    own = rows[rows["role"] == "reviewer"]
    settled = rows[rows["role"] == "adjudicator"]
    decisions = [str(one) for one in own["decision"]]
    adjudicated = str(settled["decision"].iloc[-1]) if len(settled) else None
    outcome = outcome_of(decisions, adjudicated)
    # The adjudicator's reason stands above the reviewers', the first reviewer's above the second's.
    given = [*settled["reason"], *own["reason"][own["decision"] == "exclude"]]
    reason = next((str(one) for one in given if one), "") if outcome == "excluded" else ""
    return {
        "first": decisions[0] if decisions else "",
        "second": decisions[1] if len(decisions) > 1 else "",
        "adjudicated": adjudicated or "",
        "outcome": outcome,
        "reason": reason,
    }
