"""Osteosarcopenia: every pairing of a definition of low bone with one of sarcopenia.

The pairing is part of the name, because prevalence differs several-fold between them: nothing is
averaged, and no pairing is a default.
"""

from __future__ import annotations

import numpy as np

from enthesis.diagnosis.criteria import DOES_NOT_APPLY, Category, Criterion, Verdict, decide
from enthesis.diagnosis.inputs import Columns
from enthesis.diagnosis.osteoporosis import WHO_1994
from enthesis.diagnosis.qct import QCT_2020
from enthesis.diagnosis.sarcopenia import SARCOPENIA_CRITERIA
from enthesis.diagnosis.truth import Truth, both

SEPULVEDA_LOYOLA = (
    "Sepulveda-Loyola W et al. J Gerontol A 2020;75:1147-1155 (T-score below -1 with sarcopenia). "
    "Binkley N, Buehring B. J Clin Densitom 2009;12:413-416"
)

LOW_BONE: tuple[tuple[str, Criterion, frozenset[str]], ...] = (
    (
        "low bone mass or osteoporosis",
        WHO_1994,
        frozenset({"severe osteoporosis", "osteoporosis", "low bone mass"}),
    ),
    ("osteoporosis", WHO_1994, frozenset({"severe osteoporosis", "osteoporosis"})),
    ("osteoporosis", QCT_2020, frozenset({"severe osteoporosis", "osteoporosis"})),
)
"""What counts as low bone: words, criterion, its categories."""

CONFIRMED = frozenset(
    {
        "severe sarcopenia",
        "sarcopenia",
        "slowness with weakness and low lean mass",
        "weakness with low lean mass",
    }
)
"""Categories that count as sarcopenia; probable and possible sarcopenia do not."""


def _among(verdict: Verdict, criterion: Criterion, names: frozenset[str]) -> Truth:
    """Whether the verdict lies among these categories, as far as it can be told."""
    wanted = sum(
        1 << i for i, category in enumerate(criterion.categories) if category.name in names
    )
    inside = (verdict.possible & wanted) != 0
    outside = (verdict.possible & ~wanted) != 0
    return np.where(inside & outside, np.nan, inside.astype(float))


def _pairing(words: str, bone: Criterion, low: frozenset[str], muscle: Criterion) -> Criterion:
    def rule(columns: Columns) -> Verdict:
        of_bone, of_muscle = bone.rule(columns), muscle.rule(columns)
        out_of_scope = (of_bone.codes == DOES_NOT_APPLY) | (of_muscle.codes == DOES_NOT_APPLY)
        is_low = _among(of_bone, bone, low)
        is_weak = _among(of_muscle, muscle, CONFIRMED)
        return decide(
            (DOES_NOT_APPLY, out_of_scope.astype(float)),
            (0, both(is_low, is_weak)),
            (1, is_weak),
            (2, is_low),
            otherwise=3,
            numbers=of_muscle.numbers,
            flags=of_muscle.flags,
        )

    short = "low_bone_mass" if "low bone mass" in words else "osteoporosis"
    seen = bone.status == muscle.status == "verified"
    return Criterion(
        name=f"osteosarcopenia_{bone.name}_{short}_and_{muscle.name}",
        title=f"Osteosarcopenia: {words} by {bone.title}; {muscle.title}",
        inputs=tuple(dict.fromkeys((*bone.inputs, *muscle.inputs))),
        cutoffs=(*bone.cutoffs, *muscle.cutoffs),
        categories=(
            Category("osteosarcopenia", f"{words} with sarcopenia"),
            Category("sarcopenia alone"),
            Category(f"{words} alone"),
            Category("neither"),
        ),
        rule=rule,
        derived=muscle.derived,
        scope="; ".join(part for part in (bone.scope, muscle.scope) if part),
        source=SEPULVEDA_LOYOLA,
        is_diagnosis=True,
        status="verified" if seen else "partial",
    )


OSTEOSARCOPENIA_CRITERIA = tuple(
    _pairing(words, bone, low, muscle)
    for words, bone, low in LOW_BONE
    for muscle in SARCOPENIA_CRITERIA
)
"""Every pairing of a definition of low bone and one of sarcopenia."""
