"""What groups of subjects differ by, outcome by outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from enthesis.cohort.ancova import Ancova, ancova, contrast
from enthesis.cohort.assumptions import check_assumptions
from enthesis.cohort.cohort_table import Outcome, Sides, cohort_outcomes
from enthesis.cohort.differences import (
    describe,
    glass_delta,
    hedges_g,
    mean_difference,
)
from enthesis.cohort.group_results import Comparison, GroupStudy, OutcomeGroups
from enthesis.cohort.multiplicity import benjamini_hochberg, holm
from enthesis.cohort.ratings import check_level
from enthesis.cohort.stage_trend import jonckheere_terpstra, linear_trend
from enthesis.cohort.stages import Pairing, pairings, staged
from enthesis.errors import InputError

Floats = NDArray[np.float64]

SMALL_GROUP = 10
"""Below this many subjects in a group a test of its assumptions has little power."""


def compare_groups(
    table: pd.DataFrame,
    *,
    group: str = "group",
    stages: Mapping[str, str] | None = None,
    outcomes: Sequence[str] = (),
    covariates: Sequence[str] = (),
    subject: str = "subject",
    subjects: pd.DataFrame | None = None,
    sides: Sides = "apart",
    level: float = 0.95,
) -> GroupStudy:
    """Every outcome compared between the groups, with trend, checks and corrected p-values.

    Parameters
    ----------
    table : long (`records.LONG_COLUMNS`) or wide, a row per subject
    group : column of the groups
    stages : label in that column → stage, from healthy to ill; without it the usual words for
        control, osteopenia and osteoporosis are understood
    outcomes : quantities or columns; all if not given
    covariates : columns to adjust for
    subject : column of the subjects
    subjects : of a long table, a row per subject with group and covariates, if not in the table
    sides : "mean" takes the mean of left and right as one value
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : an unusable table, one group only, or no outcome that can be compared.

    Notes
    -----
    Effects (g, delta, difference) are of the measured values, as the literature pools them;
    adjusted differences come from one model of all stages, in which sides of several stages are
    averaged by their sizes.
    """
    check_level(level)
    done: list[OutcomeGroups] = []
    skipped: dict[str, str] = {}
    present: tuple[str, ...] = ()
    n_unnamed = n_subjects = 0
    for outcome in cohort_outcomes(
        table,
        group=group,
        outcomes=outcomes,
        covariates=covariates,
        subject=subject,
        subjects=subjects,
        sides=sides,
    ):
        labels, present = staged(outcome.subjects["group"], stages)
        n_unnamed, n_subjects = int(labels.isna().sum()), int(labels.notna().sum())
        grouped = replace(
            outcome, subjects=outcome.subjects.assign(group=labels).dropna(subset="group")
        )
        try:
            done.append(_outcome(grouped, present, covariates, level))
        except InputError as error:
            skipped[outcome.label] = str(error)
    if not done:
        raise InputError("; ".join(f"{name}: {why}" for name, why in skipped.items()))
    notes = []
    if n_unnamed:
        notes.append(f"{n_unnamed} of {n_unnamed + n_subjects} subjects have no group")
    if subject not in table.columns:
        notes.append(f"there is no column {subject!r}: each row is taken as another subject")
    return GroupStudy(
        stages=present,
        outcomes=_corrected(done),
        skipped=MappingProxyType(skipped),
        covariates=tuple(covariates),
        n_subjects=n_subjects,
        level=level,
        notes=tuple(notes),
    )


def _outcome(
    outcome: Outcome, stages: tuple[str, ...], covariates: Sequence[str], level: float
) -> OutcomeGroups:
    table = outcome.subjects
    values = {name: table.loc[table["group"] == name, "value"].to_numpy() for name in stages}
    known = {name: one[~np.isnan(one)] for name, one in values.items()}
    there = table[table["value"].notna()]
    means = ancova(
        there["value"].to_numpy(),
        there["group"].tolist(),
        pd.DataFrame(there[list(covariates)]) if covariates else None,
        order=stages,
        level=level,
    )
    comparisons, skipped = _comparisons(values, pairings(stages), means, bool(covariates), level)
    ordered = len(means.groups) > 2
    return OutcomeGroups(
        outcome=outcome,
        groups=tuple(describe(values[name], name=name) for name in stages),
        means=means,
        kruskal_wallis_p=float(stats.kruskal(*(x for x in known.values() if x.size)).pvalue),
        comparisons=comparisons,
        linear=linear_trend(means) if ordered else None,
        ranks=jonckheere_terpstra(list(known.values())) if ordered else None,
        checks=check_assumptions(list(known.values()), means),
        skipped=MappingProxyType(skipped),
        notes=_notes(table, known, means),
    )


def _comparisons(
    values: Mapping[str, Floats],
    pairs: Sequence[Pairing],
    means: Ancova,
    adjust: bool,
    level: float,
) -> tuple[tuple[Comparison, ...], dict[str, str]]:
    made, skipped = [], {}
    for pair in pairs:
        first = describe(np.concatenate([values[x] for x in pair.first]), name=pair.first_name)
        second = describe(np.concatenate([values[x] for x in pair.second]), name=pair.second_name)
        try:
            difference = mean_difference(first, second, level=level)
            adjusted = contrast(means, _weights(means, pair)) if adjust else None
        except InputError as error:
            skipped[pair.name] = str(error)
            continue
        made.append(
            Comparison(
                name=pair.name,
                first=first,
                second=second,
                difference=difference,
                g=hedges_g(first, second, level=level),
                delta=glass_delta(first, second, level=level) if second.sd else None,
                adjusted=adjusted,
                p_value=difference.p_value if adjusted is None else adjusted.p_value,
            )
        )
    corrected = holm([one.p_value for one in made])
    return (
        tuple(replace(one, p_holm=float(p)) for one, p in zip(made, corrected, strict=True)),
        skipped,
    )


def _weights(means: Ancova, pair: Pairing) -> Floats:
    """Each side's stages by their sizes in the model, the second side negative."""
    sizes = dict(zip(means.groups, means.sizes, strict=True))
    weights = np.zeros(len(means.groups))
    for side, sign in ((pair.first, 1.0), (pair.second, -1.0)):
        inside = [name for name in side if name in sizes]
        if not inside:
            raise InputError(
                f"no subject of {' or '.join(side)} has all covariates; adjust for fewer"
            )
        total = sum(sizes[name] for name in inside)
        for name in inside:
            weights[means.groups.index(name)] = sign * sizes[name] / total
    return weights


def _corrected(outcomes: Sequence[OutcomeGroups]) -> tuple[OutcomeGroups, ...]:
    """The outcomes with false discovery rates over all of their comparisons."""
    rates = iter(
        benjamini_hochberg([one.p_value for each in outcomes for one in each.comparisons]).tolist()
    )
    return tuple(
        replace(each, comparisons=tuple(replace(one, p_bh=next(rates)) for one in each.comparisons))
        for each in outcomes
    )


def _notes(table: pd.DataFrame, known: Mapping[str, Floats], means: Ancova) -> tuple[str, ...]:
    notes = []
    missing = int(table["value"].isna().sum())
    if missing:
        verb = "has" if missing == 1 else "have"
        notes.append(f"{missing} of {len(table)} subjects {verb} no value")
    if means.n_missing:
        verb = "lacks" if means.n_missing == 1 else "lack"
        many = "subject" if means.n_missing == 1 else "subjects"
        notes.append(
            f"{means.n_missing} {many} with a value {verb} a covariate: not in the adjusted means"
        )
    small = [f"{name} ({one.size})" for name, one in known.items() if 0 < one.size < SMALL_GROUP]
    if small:
        notes.append(f"few subjects in {', '.join(small)}: the checks can see little")
    return tuple(notes)
