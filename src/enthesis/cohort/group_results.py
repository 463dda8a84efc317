"""What comparing the groups of a cohort gave: plain results, tables, rows for the literature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from enthesis.cohort.ancova import Ancova, Contrast
from enthesis.cohort.assumptions import Check
from enthesis.cohort.cohort_table import Outcome
from enthesis.cohort.differences import Difference, Group
from enthesis.cohort.stage_trend import JonckheereTerpstra


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One group against another.

    Parameters
    ----------
    name : e.g. "OP vs Control"
    first, second : the groups, stages put together where a side has several
    difference : first minus second with Welch's test
    g, delta : standardised by the pooled SD, and by that of the second group (None if it is zero)
    adjusted : difference of adjusted means, None without covariates
    p_value : of `adjusted` if there are covariates, else of `difference`
    p_holm : the same, corrected for all comparisons of this outcome
    p_bh : the same, false discovery rate over all comparisons of all outcomes
    """

    name: str
    first: Group
    second: Group
    difference: Difference
    g: Difference
    delta: Difference | None
    adjusted: Contrast | None
    p_value: float
    p_holm: float = np.nan
    p_bh: float = np.nan

    def to_effect_row(self, *, study: str, outcome: str, muscle: str = "") -> dict[str, Any]:
        """One row of a table of studies: what `evidence.effect_sizes` takes.

        Parameters
        ----------
        study, outcome, muscle : as the table of studies names them
        """
        return {
            "study": study,
            "outcome": outcome,
            "muscle": muscle,
            "comparison": self.name,
            "group1": self.first.name,
            "group2": self.second.name,
            "m1i": self.first.mean,
            "sd1i": self.first.sd,
            "n1i": self.first.n,
            "m2i": self.second.mean,
            "sd2i": self.second.sd,
            "n2i": self.second.n,
        }


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class OutcomeGroups:
    """One outcome in the groups.

    Parameters
    ----------
    outcome : what was measured, with the subjects' values
    groups : the stages in order, as measured
    means : the stages' means in one model, adjusted if there are covariates
    kruskal_wallis_p : that all stages have one distribution, by ranks
    comparisons : two sides each
    linear : change of the (adjusted) mean from one stage to the next; None for two stages
    ranks : trend by ranks; None for two stages
    checks : what the comparison takes for granted
    skipped : comparison → why it could not be made
    notes : what a careful reader should know
    """

    outcome: Outcome
    groups: tuple[Group, ...]
    means: Ancova
    kruskal_wallis_p: float
    comparisons: tuple[Comparison, ...]
    linear: Contrast | None
    ranks: JonckheereTerpstra | None
    checks: tuple[Check, ...]
    skipped: Mapping[str, str]
    notes: tuple[str, ...]

    def to_effect_rows(self, *, study: str, muscle: str = "") -> list[dict[str, Any]]:
        """A row per comparison for a table of studies.

        Parameters
        ----------
        study : as the table of studies names it
        muscle : of an outcome whose table does not say the region
        """
        place = {"side": self.outcome.side, "level": self.outcome.level}
        where = {name: text for name, text in place.items() if text}
        return [
            one.to_effect_row(
                study=study, outcome=self.outcome.name, muscle=self.outcome.region or muscle
            )
            | where
            for one in self.comparisons
        ]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GroupStudy:
    """What the groups of a cohort differ by.

    Parameters
    ----------
    stages : from healthy to ill
    outcomes : those that could be compared
    skipped : outcome → why it could not
    covariates : columns adjusted for
    n_subjects : with a group
    level : confidence level, 0 to 1
    notes : what a careful reader should know
    """

    stages: tuple[str, ...]
    outcomes: tuple[OutcomeGroups, ...]
    skipped: Mapping[str, str]
    covariates: tuple[str, ...]
    n_subjects: int
    level: float
    notes: tuple[str, ...]

    def to_frame(self) -> pd.DataFrame:
        """A row per outcome and comparison: sizes, means, effects with intervals, p-values."""
        return pd.DataFrame(
            [_row(one, comparison) for one in self.outcomes for comparison in one.comparisons]
        )

    def groups_frame(self) -> pd.DataFrame:
        """A row per outcome and stage: n, missing, mean, SD, quartiles, adjusted mean."""
        rows = [row for one in self.outcomes for row in _group_rows(one)]
        return pd.DataFrame(rows).rename(columns={"name": "group"})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "stages": list(self.stages),
            "covariates": list(self.covariates),
            "level": self.level,
            "n_subjects": self.n_subjects,
            "notes": list(self.notes),
            "skipped": dict(self.skipped),
            "comparisons": self.to_frame().to_dict("records"),
            "groups": self.groups_frame().to_dict("records"),
            "outcomes": [
                {
                    "outcome": one.outcome.label,
                    "between": asdict(one.means.between),
                    "kruskal_wallis_p": one.kruskal_wallis_p,
                    "linear_trend": None if one.linear is None else asdict(one.linear),
                    "jonckheere_terpstra": None if one.ranks is None else asdict(one.ranks),
                    "checks": [asdict(check) for check in one.checks],
                    "skipped": dict(one.skipped),
                    "notes": list(one.notes),
                }
                for one in self.outcomes
            ],
        }


def _group_rows(one: OutcomeGroups) -> Iterator[dict[str, Any]]:
    fitted = one.means.to_frame().set_index("group")
    for group in one.groups:
        yield (
            {"outcome": one.outcome.label, "unit": one.outcome.unit}
            | asdict(group)
            | {
                name: fitted[name].get(group.name, np.nan)
                for name in ("adjusted_mean", "ci_lower", "ci_upper")
            }
        )


def _row(one: OutcomeGroups, comparison: Comparison) -> dict[str, Any]:
    first, second = comparison.first, comparison.second
    difference, g, delta = comparison.difference, comparison.g, comparison.delta
    adjusted = comparison.adjusted
    return {
        "outcome": one.outcome.label,
        "unit": one.outcome.unit,
        "comparison": comparison.name,
        "n1": first.n,
        "mean1": first.mean,
        "sd1": first.sd,
        "n2": second.n,
        "mean2": second.mean,
        "sd2": second.sd,
        "difference": difference.estimate,
        "difference_lower": difference.ci_lower,
        "difference_upper": difference.ci_upper,
        "g": g.estimate,
        "g_lower": g.ci_lower,
        "g_upper": g.ci_upper,
        "delta": np.nan if delta is None else delta.estimate,
        "delta_lower": np.nan if delta is None else delta.ci_lower,
        "delta_upper": np.nan if delta is None else delta.ci_upper,
        "adjusted": np.nan if adjusted is None else adjusted.estimate,
        "adjusted_lower": np.nan if adjusted is None else adjusted.ci_lower,
        "adjusted_upper": np.nan if adjusted is None else adjusted.ci_upper,
        "p_value": comparison.p_value,
        "p_holm": comparison.p_holm,
        "p_bh": comparison.p_bh,
    }
