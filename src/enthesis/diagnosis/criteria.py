"""What a criterion is: its inputs, cut-offs and rule; one rule serves one subject and a table.

A criterion is a frozen `Criterion`: data (inputs, cut-offs, categories, source) and one pure rule
on columns. The rule sees one float array an input, NaN where it is missing, and answers with a
`Verdict` that `decide` builds from an ordered list of conditions::

    HIP = measured("t_score", "total_hip")
    LOW = Cutoff(value=-2.5, relation="<=", inputs=(HIP.name,))

    def _rule(columns: Columns) -> Verdict:
        return decide((0, LOW.holds(columns[HIP.name])), otherwise=1)

    LOW_HIP = Criterion(
        name="low_hip_2020", title="Low hip, Author 2020", inputs=(HIP,), cutoffs=(LOW,),
        categories=(Category("low", "hip T-score at or below -2.5"), Category("not low", "")),
        rule=_rule, source="...",
    )

`LOW_HIP.find(subject)` gives one `Finding`. `LOW_HIP.judge(table)` takes a DataFrame (or a mapping
of columns) and gives codes for all rows: a position in `categories`, `CANNOT_TELL` or
`DOES_NOT_APPLY`, which `LOW_HIP.named(codes)` turns into words. Both run the same rule; to judge a
table by many criteria, read it once by `columns_of` and call each `criterion.rule(columns)`.
Conditions are three-valued (`truth`): an unknown one leaves "cannot tell" only where it matters.
What a missing input would decide is found by running the rule again at the borders of the
criterion's own cut-offs, so it is written nowhere twice.

`chosen(criteria, names)` picks criteria by name; without names, those whose status is "verified".

Column names: `sex` ("female" or "male"), `age`, `height_m`, `weight_kg`, `bmi` (from height and
weight where absent); for a measurement its quantity, region and level joined by "_"
(``t_score_total_hip``), and the same with ``_left`` and ``_right``, which `Input.sides` combines.
Quantities whose unit is "0/1" are facts: 1 yes, 0 no.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from enthesis.diagnosis.cutoffs import Cutoff
from enthesis.diagnosis.inputs import (
    Columns,
    FloatArray,
    Input,
    columns_of,
    measurements_of,
    value_of,
)
from enthesis.diagnosis.truth import FEMALE, MALE, Truth
from enthesis.errors import InputError
from enthesis.records import Finding, Sex, Subject

CANNOT_TELL, DOES_NOT_APPLY = -1, -2
"""Codes of the two answers that every criterion has besides its own categories."""


UNSEEN = "not all numbers of this criterion were seen in its source"

NAMED = 4
"""So many missing inputs a sentence names; `Finding.missing` has them all."""


@dataclass(frozen=True, slots=True)
class Category:
    """One answer of a criterion: its word, and what that means in one clause."""

    name: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a rule says of every row.

    Parameters
    ----------
    codes : (n,) position in the criterion's categories, or `CANNOT_TELL`, `DOES_NOT_APPLY`
    possible : (n,) bit i is set where category i is still possible
    numbers : derived on the way, by the names of `Criterion.derived`; (n,) each
    flags : sentence → (n,) where it is to be said
    """

    codes: NDArray[np.int64]
    possible: NDArray[np.int64]
    numbers: Mapping[str, FloatArray] = field(default_factory=dict)
    flags: Mapping[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Criterion:
    """A versioned criterion.

    Parameters
    ----------
    name : key, with the version in it: "who_1994"
    title : as printed, with the version
    inputs : what it asks for
    cutoffs : every border of the rule
    categories : its answers, in the order of the rule's codes
    rule : columns of all inputs → verdict
    source : citation with DOI
    derived : numbers that the rule derives, printed with the answer
    scope : for whom it holds; said where it does not apply
    closing : what the answer is not, said with every answer
    caveats : flags of every answer
    is_diagnosis : whether it makes a diagnosis by itself
    status : "verified" where its numbers were seen in the source or in a table that cites it;
        "partial" or "memory" where some or all were not: used only when asked for by name
    """

    name: str
    title: str
    inputs: tuple[Input, ...]
    cutoffs: tuple[Cutoff, ...]
    categories: tuple[Category, ...]
    rule: Callable[[Columns], Verdict]
    source: str
    derived: tuple[Input, ...] = ()
    scope: str = ""
    closing: str = ""
    caveats: tuple[str, ...] = ()
    is_diagnosis: bool = False
    status: Literal["verified", "partial", "memory"] = "verified"

    def judge(self, table: Mapping[str, ArrayLike] | pd.DataFrame) -> Verdict:
        """The verdict on every row.

        Parameters
        ----------
        table : columns by input name, all of one length; absent ones count as missing

        Raises
        ------
        InputError : a column that is not of numbers, a sex or a yes/no that is neither.
        """
        return self.rule(columns_of(table, self.inputs))

    def find(self, subject: Subject) -> Finding:
        """The finding on one subject, by the same rule.

        Raises
        ------
        InputError : a yes/no that is neither 1 nor 0.
        """
        given = {asked.name: value_of(asked, subject) for asked in self.inputs}
        absent = [
            asked
            for asked in self.inputs
            if math.isnan(given[asked.name]) and _concerns(asked.sex, subject)
        ]
        cutoffs = [cutoff for cutoff in self.cutoffs if _concerns(cutoff.sex, subject)]
        probes = [(asked, *probe) for asked in absent for probe in _probes(asked, cutoffs)]
        rows = {name: np.full(1 + len(probes), value) for name, value in given.items()}
        for row, (asked, value, _) in enumerate(probes, start=1):
            rows[asked.name][row] = value
        verdict = self.rule(rows)
        would: dict[str, dict[int, str]] = {asked.name: {} for asked in absent}
        for (asked, _, words), code in zip(probes, verdict.codes[1:], strict=True):
            if code not in (verdict.codes[0], CANNOT_TELL):
                would[asked.name].setdefault(int(code), words)
        return self._finding(verdict, given, absent, would, subject)

    def named(self, codes: NDArray[np.int64]) -> NDArray[np.object_]:
        """The codes as words."""
        # Negative codes count from the end of the list.
        words = [*(category.name for category in self.categories), "does not apply", "cannot tell"]
        return np.array(words, dtype=object)[codes]

    def _finding(
        self,
        verdict: Verdict,
        given: Mapping[str, float],
        absent: list[Input],
        would: Mapping[str, Mapping[int, str]],
        subject: Subject,
    ) -> Finding:
        code = int(verdict.codes[0])
        used = _printed(self.inputs, given)
        derived = _printed(self.derived, {k: float(v[0]) for k, v in verdict.numbers.items()})
        return Finding(
            criterion=self.title,
            category=str(self.named(verdict.codes[:1])[0]),
            statement=self._statement(code, int(verdict.possible[0]), derived or used, absent),
            used=used | derived,
            missing=self._missing(
                [one for one in absent if would[one.name] or code == CANNOT_TELL], would
            ),
            source=self.source,
            flags=(
                *_flags_of(self.inputs, subject),
                *(flag for flag, where in verdict.flags.items() if code >= 0 and where[0]),
                *(self.caveats if code >= 0 else ()),
                *((UNSEEN,) if self.status != "verified" else ()),
            ),
            is_diagnosis=self.is_diagnosis and code >= 0,
        )

    def _missing(
        self, absent: Sequence[Input], would: Mapping[str, Mapping[int, str]]
    ) -> tuple[str, ...]:
        """What is absent with what it would decide; levels that decide alike in one line."""
        alike: dict[tuple[str, str], list[str]] = {}
        for asked in absent:
            borders = would[asked.name]
            names = self.named(np.array([*borders], dtype=np.int64))
            decides = "; ".join(f"{w}: {n}" for w, n in zip(borders.values(), names, strict=True))
            level = asked.level if asked.level and asked.label.endswith(f" {asked.level}") else ""
            label = asked.label.removesuffix(f" {level}")
            alike.setdefault((label, decides or asked.unit), []).append(level)
        lines = []
        for (label, inside), levels in alike.items():
            named = f"{label} {', '.join(levels)}".rstrip()
            lines.append(f"{named} ({inside})" if inside else named)
        return tuple(lines)

    def _statement(
        self, code: int, possible: int, readings: Mapping[str, str], absent: list[Input]
    ) -> str:
        if code == DOES_NOT_APPLY:
            return f"Does not apply: {self.scope}."
        if code == CANNOT_TELL:
            left = [c.name for i, c in enumerate(self.categories) if possible >> i & 1]
            between = f" between {' and '.join(left)}" if len(left) == 2 else ""
            lacks = ", ".join(asked.label for asked in absent[:NAMED])
            more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
            return f"Cannot tell{between}; missing: {lacks}{more}."
        category = self.categories[code]
        read = ", ".join(f"{label} {words}" for label, words in readings.items())
        said = f"{category.name} ({category.meaning})" if category.meaning else category.name
        return f"{read[:1].upper()}{read[1:]}: {said}. {self.closing}".rstrip()


def chosen(criteria: Iterable[Criterion], names: Iterable[str] | None = None) -> list[Criterion]:
    """The criteria of these names, in their order; without names, every verified one.

    Raises
    ------
    InputError : an unknown name.
    """
    by_name = {criterion.name: criterion for criterion in criteria}
    if names is None:
        return [criterion for criterion in by_name.values() if criterion.status == "verified"]
    wanted = list(dict.fromkeys(names))
    unknown = [name for name in wanted if name not in by_name]
    if unknown:
        raise InputError(f"no criterion named {unknown[0]!r}; known are: {', '.join(by_name)}")
    return [by_name[name] for name in wanted]


def decide(
    *conditions: tuple[int, Truth],
    otherwise: int,
    numbers: Mapping[str, FloatArray] | None = None,
    flags: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Verdict:
    """The code of the first condition that holds; cannot tell where an unknown one matters.

    Parameters
    ----------
    conditions : (code, where it holds); the first that holds wins
    otherwise : the code where none holds
    numbers, flags : passed on to the verdict
    """
    n = len(conditions[0][1])
    still_open = np.ones(n, dtype=bool)
    possible = np.zeros(n, dtype=np.int64)
    for code, truth in conditions:
        possible |= np.where(still_open & (truth != 0), _bits(code), 0)
        still_open &= truth != 1
    possible |= np.where(still_open, _bits(otherwise), 0)
    codes = np.full(n, CANNOT_TELL, dtype=np.int64)
    for code in {otherwise, *(code for code, _ in conditions)} - {CANNOT_TELL}:
        codes[possible == _bits(code)] = code
    return Verdict(codes=codes, possible=possible, numbers=numbers or {}, flags=flags or {})


def _bits(code: int) -> int:
    # Above any list of categories; cannot tell is two bits, so that it never stands alone.
    return {DOES_NOT_APPLY: 1 << 60, CANNOT_TELL: 3 << 61}.get(code, 1 << max(code, 0))


def _concerns(sex: Sex | None, subject: Subject) -> bool:
    return sex is None or subject.sex in {None, sex}


def _probes(asked: Input, cutoffs: list[Cutoff]) -> list[tuple[float, str]]:
    if asked.kind == "sex":
        return [(FEMALE, "female"), (MALE, "male")]
    if asked.kind == "yes_no":
        return [(1.0, "yes"), (0.0, "no")]
    own = [cutoff for cutoff in cutoffs if asked.name in cutoff.inputs]
    sides = [*own, *(cutoff.opposite() for cutoff in reversed(own))]
    return [(cutoff.nearest, str(cutoff)) for cutoff in sides]


def _printed(numbers: tuple[Input, ...], given: Mapping[str, float]) -> dict[str, str]:
    return {n.label: n.words(given[n.name]) for n in numbers if not math.isnan(given[n.name])}


def _flags_of(inputs: tuple[Input, ...], subject: Subject) -> tuple[str, ...]:
    measured = (m for asked in inputs if asked.quantity for m in measurements_of(asked, subject))
    return tuple(dict.fromkeys(flag for m in measured for flag in m.flags))
