"""What `random=` says: random intercepts, nested or crossed, and inner | outer terms."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

ROW = "effect"
"""The name that means one level per row when no column carries it."""


@dataclass(frozen=True, slots=True)
class TermSpec:
    """One term as written: grouping columns from coarse to fine, inner column if any."""

    inner: str | None
    grouping: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Intercepts:
    """A random intercept for each level.

    Parameters
    ----------
    name : such as "study" or "study/effect"
    codes : (k,) level of each row, 0..n-1
    keys : (n,) value of each grouping column at each level
    """

    name: str
    codes: Ints
    keys: tuple[NDArray[Any], ...]

    @property
    def n_levels(self) -> int:
        """How many levels there are."""
        return len(self.keys[-1])

    @property
    def labels(self) -> list[str]:
        """Levels as text, coarse/fine."""
        return ["/".join(map(str, key)) for key in zip(*self.keys, strict=True)]

    def take(self, rows: Ints) -> Intercepts:
        """The levels of some of the rows."""
        kept, codes = np.unique(self.codes[rows], return_inverse=True)
        return Intercepts(self.name, codes.astype(np.intp), tuple(key[kept] for key in self.keys))


@dataclass(frozen=True, slots=True)
class InnerOuter:
    """Correlated random effects of inner levels, independent across outer levels.

    Parameters
    ----------
    name : such as "outcome | study"
    inner : (k,) level of each row, 0..m-1
    times : (m,) the inner levels as numbers; NaN where they are words
    labels : (m,) inner levels
    outer : (k,) level of each row
    outer_labels : one per outer level
    """

    name: str
    inner: Ints
    times: Floats
    labels: tuple[str, ...]
    outer: Ints
    outer_labels: tuple[str, ...]

    def reordered(self, order: Sequence[int]) -> InnerOuter:
        """The same term with its inner levels in another order."""
        place = np.argsort(order)
        return InnerOuter(
            self.name,
            place[self.inner],
            self.times[list(order)],
            tuple(self.labels[i] for i in order),
            self.outer,
            self.outer_labels,
        )

    def take(self, rows: Ints) -> InnerOuter:
        """The levels of some of the rows."""
        inner, inner_codes = np.unique(self.inner[rows], return_inverse=True)
        outer, outer_codes = np.unique(self.outer[rows], return_inverse=True)
        return InnerOuter(
            self.name,
            inner_codes.astype(np.intp),
            self.times[inner],
            tuple(self.labels[i] for i in inner),
            outer_codes.astype(np.intp),
            tuple(self.outer_labels[i] for i in outer),
        )


def parse(random: str | Sequence[str]) -> tuple[TermSpec, ...]:
    """The terms of `random`, such as "study/effect", ["lab", "study/effect"], "outcome | study".

    Raises
    ------
    InputError : what is written is no random term.
    """
    written = [random] if isinstance(random, str) else list(random)
    if not written:
        raise InputError("random needs at least one term such as 'study/effect'; it is empty")
    return tuple(_parse(term) for term in written)


def columns(terms: Sequence[TermSpec], table: pd.DataFrame) -> list[str]:
    """The columns that these terms need.

    Raises
    ------
    InputError : a column is missing, and it is not "effect" at the end of a nesting.
    """
    needed: list[str] = []
    for term in terms:
        names = list(term.grouping)
        if term.inner is None and names[-1] == ROW and ROW not in table:
            names.pop()
        names += [term.inner] if term.inner is not None else []
        for name in names:
            if name not in table:
                known = ", ".join(map(str, table.columns))
                raise InputError(f"random names {name!r}, but the table has columns: {known}")
        needed += [name for name in names if name not in needed]
    return needed


def build(
    terms: Sequence[TermSpec], table: pd.DataFrame
) -> tuple[tuple[Intercepts, ...], tuple[InnerOuter, ...]]:
    """Levels of every row for each random term of this table."""
    intercepts: list[Intercepts] = []
    inner_outer: list[InnerOuter] = []
    for term in terms:
        if term.inner is not None:
            inner_outer.append(_inner_outer(term.inner, term.grouping[0], table))
            continue
        for depth in range(1, len(term.grouping) + 1):
            built = _intercepts(term.grouping[:depth], table)
            if built.name not in (other.name for other in intercepts):
                intercepts.append(built)
    return tuple(intercepts), tuple(inner_outer)


def _parse(term: str) -> TermSpec:
    text = re.sub(r"\s+", "", term).removeprefix("~")
    # Levels are levels, be they numbers or words.
    text = re.sub(r"\bfactor\(([^()]*)\)", r"\1", text)
    inner, bar, outer = text.rpartition("|")
    grouping = tuple(outer.split("/"))
    ok = all(grouping) and "+" not in text and "(" not in text and (bool(inner) or not bar)
    if not ok or (inner not in ("", "1") and len(grouping) > 1) or "|" in inner or "/" in inner:
        raise InputError(
            f"random={term!r} is not a random term; write 'study/effect' for nested intercepts, a "
            "list such as ['lab', 'study/effect'] for crossed ones, 'outcome | study' for "
            "correlated effects"
        )
    return TermSpec(None if inner in ("", "1") else inner, grouping)


def _intercepts(grouping: Sequence[str], table: pd.DataFrame) -> Intercepts:
    name = "/".join(grouping)
    if grouping[-1] == ROW and ROW not in table:
        rows = np.arange(len(table))
        if len(grouping) == 1:
            return Intercepts(name, rows, (rows + 1,))
        above = _intercepts(grouping[:-1], table)
        parents = tuple(key[above.codes] for key in above.keys)
        return Intercepts(name, rows, (*parents, _count_within(above.codes)))
    codes, found = _levels(table[grouping[0]])
    keys: tuple[NDArray[Any], ...] = (found,)
    for column in grouping[1:]:
        inner, found = _levels(table[column])
        pairs, codes = np.unique(codes * len(found) + inner, return_inverse=True)
        above, within = np.divmod(pairs, len(found))
        keys = (*(key[above] for key in keys), found[within])
    return Intercepts(name, codes.astype(np.intp), keys)


def _count_within(codes: Ints) -> Ints:
    """1, 2, … within each level, in row order."""
    order = np.argsort(codes, kind="stable")
    sizes = np.bincount(codes)
    counts = np.empty_like(codes)
    counts[order] = np.arange(1, codes.size + 1) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return counts


def _inner_outer(inner: str, outer: str, table: pd.DataFrame) -> InnerOuter:
    codes, levels = _levels(table[inner])
    outer_codes, outer_levels = _levels(table[outer])
    numeric = np.issubdtype(levels.dtype, np.number)
    return InnerOuter(
        f"{inner} | {outer}",
        codes,
        levels.astype(float) if numeric else np.full(len(levels), np.nan),
        tuple(map(str, levels)),
        outer_codes,
        tuple(map(str, outer_levels)),
    )


def _levels(values: pd.Series[Any]) -> tuple[Ints, NDArray[Any]]:
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.cat.remove_unused_categories()
        return values.cat.codes.to_numpy().astype(np.intp), np.asarray(values.cat.categories)
    codes, found = pd.factorize(values, sort=True)
    return codes.astype(np.intp), np.asarray(found)
