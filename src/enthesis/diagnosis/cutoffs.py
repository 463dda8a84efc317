"""A cut-off: the border, its unit, and which side of it counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from enthesis.diagnosis.truth import Truth
from enthesis.records import Sex

Relation = Literal["<", "<=", ">", ">="]

_RELATIONS: dict[Relation, tuple[Callable[..., Any], str, Relation]] = {
    "<": (np.less, "below", ">="),
    "<=": (np.less_equal, "at or below", ">"),
    ">": (np.greater, "above", "<="),
    ">=": (np.greater_equal, "at or above", "<"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cutoff:
    """One border.

    Parameters
    ----------
    value : the border itself
    relation : which side of it the cut-off picks out, and whether the border belongs to it
    unit : of the value
    sex : for whom, None for both
    inputs : columns that it judges; empty where it judges a number derived from them
    """

    value: float
    relation: Relation
    unit: str = ""
    sex: Sex | None = None
    inputs: tuple[str, ...] = ()

    def holds(self, column: NDArray[np.float64]) -> Truth:
        """Where the column lies on this cut-off's side; unknown where it is NaN."""
        held: Truth = _RELATIONS[self.relation][0](column, self.value).astype(float)
        return np.where(np.isnan(column), np.nan, held)

    def opposite(self) -> Cutoff:
        """The same border, seen from the other side."""
        return replace(self, relation=_RELATIONS[self.relation][2])

    @property
    def nearest(self) -> float:
        """The value on this cut-off's side that is nearest to the border."""
        if self.relation == "<":
            return float(np.nextafter(self.value, -np.inf))
        if self.relation == ">":
            return float(np.nextafter(self.value, np.inf))
        return self.value

    def __str__(self) -> str:
        return f"{_RELATIONS[self.relation][1]} {with_unit(f'{self.value:g}', self.unit)}"


def with_unit(number: str, unit: str) -> str:
    """A printed number and its unit: "80 mg/cm3", "20%", "-2.5"."""
    return number + (unit if unit in {"", "%"} else f" {unit}")
