"""Osteosarcopenia: every pairing of a definition of low bone with one of sarcopenia.

The pairing is part of the name, because prevalence differs several-fold between them: nothing is
averaged, and no pairing is a default.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from enthesis.diagnosis.criteria import DOES_NOT_APPLY, Category, Criterion, Verdict, decide
from enthesis.diagnosis.inputs import Columns
from enthesis.diagnosis.osteoporosis import ISCD_2023, NBHA_2014, WHO_1994
from enthesis.diagnosis.qct import QCT_2020
from enthesis.diagnosis.sarcopenia import SARCOPENIA_CRITERIA
from enthesis.diagnosis.truth import Truth, both

SEPULVEDA_LOYOLA = (
    "Sepulveda-Loyola W et al. J Am Med Dir Assoc 2020;21:220-225 (T-score below -1 with "
    "sarcopenia; severe: at or below -2.5 with severe sarcopenia). "
    "Binkley N, Buehring B. J Clin Densitom 2009;12:413-416"
)

OSTEOPOROSIS = frozenset({"severe osteoporosis", "osteoporosis"})
SEVERE = frozenset({"severe sarcopenia"})

LOW_BONE: tuple[tuple[str, Criterion, frozenset[str]], ...] = (
    (
        "low bone mass or osteoporosis",
        WHO_1994,
        frozenset({"severe osteoporosis", "osteoporosis", "low bone mass"}),
    ),
    ("osteoporosis", WHO_1994, OSTEOPOROSIS),
    (
        "low bone mass or osteoporosis",
        ISCD_2023,
        frozenset({"osteoporosis", "low bone mass"}),
    ),
    ("osteoporosis", ISCD_2023, OSTEOPOROSIS),
    ("osteoporosis", NBHA_2014, OSTEOPOROSIS),
    ("osteoporosis", QCT_2020, OSTEOPOROSIS),
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
    named = (1 << len(criterion.categories)) - 1
    inside = (verdict.possible & wanted) != 0
    outside = (verdict.possible & named & ~wanted) != 0
    # Nothing may be possible but "cannot tell" itself, as where no T-score was given.
    unsure = (verdict.possible & ~named) != 0
    return np.where(unsure | (inside & outside), np.nan, inside.astype(float))


def _pairing(words: str, bone: Criterion, low: frozenset[str], muscle: Criterion) -> Criterion:
    def rule(columns: Columns) -> Verdict:
        of_bone, of_muscle = bone.rule(columns), muscle.rule(columns)
        out_of_scope = (of_bone.codes == DOES_NOT_APPLY) | (of_muscle.codes == DOES_NOT_APPLY)
        is_low = _among(of_bone, bone, low)
        is_weak = _among(of_muscle, muscle, CONFIRMED)
        found = both(is_low, is_weak)
        severe = both(
            _among(of_bone, bone, OSTEOPOROSIS),
            _among(of_muscle, muscle, SEVERE),
        )
        verdict = decide(
            (DOES_NOT_APPLY, out_of_scope.astype(float)),
            (4, severe),
            (0, found),
            (1, is_weak),
            (2, is_low),
            otherwise=3,
            numbers={**of_bone.numbers, **of_muscle.numbers},
            flags={**of_bone.flags, **of_muscle.flags},
        )
        # What is severe may stay open; that there is osteosarcopenia does not.
        severity_open = (found == 1) & np.isnan(severe) & ~out_of_scope
        return replace(verdict, codes=np.where(severity_open, 0, verdict.codes))

    short = "low_bone_mass" if "low bone mass" in words else "osteoporosis"
    has_grades = any(category.name in SEVERE for category in muscle.categories)
    graded = [Category("severe osteosarcopenia", "osteoporosis with severe sarcopenia")]
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
            *(graded if has_grades else []),
        ),
        rule=rule,
        derived=tuple(dict.fromkeys((*bone.derived, *muscle.derived))),
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
