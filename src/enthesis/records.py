"""Records that travel between rooms: measurements, subjects, findings and the long table."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import pandas as pd

from enthesis.errors import InputError
from enthesis.quantities import quantity

Sex = Literal["female", "male"]

LONG_COLUMNS = (
    "subject",
    "session",
    "quantity",
    "value",
    "unit",
    "region",
    "side",
    "level",
    "method",
    "flags",
)
"""Columns of the long table, in order: the one bridge from imaging to cohorts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One number with its name.

    Parameters
    ----------
    quantity : a key of `quantities`, which knows the unit
    value : NaN when it could not be measured; a flag then says why
    region : a structure of `anatomy`, without side and level
    side : "left", "right" or ""
    level : a vertebral level or ""
    method : how it was measured, in words that a methods section could print
    flags : what is doubtful about it, one sentence each
    """

    quantity: str
    value: float
    region: str
    side: str = ""
    level: str = ""
    method: str = ""
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        quantity(self.quantity)

    @property
    def unit(self) -> str:
        """Unit of the value."""
        return quantity(self.quantity).unit


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """A person as the diagnosis sees one: no name, no birth date.

    Parameters
    ----------
    id : the study's own code
    sex : "female", "male" or None when unknown
    age : years
    height_m : m
    weight_kg : kg
    measurements : what was measured

    Raises
    ------
    InputError : an impossible age, height or weight.
    """

    id: str = ""
    sex: Sex | None = None
    age: float | None = None
    height_m: float | None = None
    weight_kg: float | None = None
    measurements: tuple[Measurement, ...] = ()

    def __post_init__(self) -> None:
        if self.sex not in {"female", "male", None}:
            raise InputError(f"sex is 'female' or 'male', got {self.sex!r}")
        # Wider than any living adult or child; catches cm for m, g for kg, months for years.
        for name, low, high, unit in (
            ("age", 0, 130, "years"),
            ("height_m", 0.3, 2.8, "m"),
            ("weight_kg", 0.5, 650, "kg"),
        ):
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise InputError(f"{name} is in {unit} and between {low} and {high}, got {value:g}")

    @property
    def bmi(self) -> float | None:
        """Body mass index, kg/m2, or None when height or weight is unknown."""
        if self.height_m is None or self.weight_kg is None:
            return None
        return self.weight_kg / self.height_m**2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one criterion says of one subject.

    Parameters
    ----------
    criterion : its name with cohort or version, e.g. "L1 attenuation, Pickhardt 2013"
    category : the criterion's own word, or "cannot tell"
    statement : one plain sentence, saying that it is not a diagnosis when it is not
    used : input → value with unit
    missing : inputs that were wanted and are not there
    source : citation with DOI
    flags : what is doubtful
    is_diagnosis : whether the criterion by itself makes a diagnosis
    """

    criterion: str
    category: str
    statement: str
    used: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    source: str
    flags: tuple[str, ...] = ()
    is_diagnosis: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "used", MappingProxyType(dict(self.used)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "criterion": self.criterion,
            "category": self.category,
            "statement": self.statement,
            "is_diagnosis": self.is_diagnosis,
            "used": dict(self.used),
            "missing": list(self.missing),
            "source": self.source,
            "flags": list(self.flags),
        }


def long_table(
    measurements: Iterable[Measurement], *, subject: str = "", session: str = ""
) -> pd.DataFrame:
    """The measurements as a long table, one row each.

    Parameters
    ----------
    measurements : in the order wanted
    subject, session : the study's own codes, the same for every row

    Returns
    -------
    DataFrame with `LONG_COLUMNS`; flags are joined by "; ".
    """
    rows = [
        (
            subject,
            session,
            m.quantity,
            m.value,
            m.unit,
            m.region,
            m.side,
            m.level,
            m.method,
            "; ".join(m.flags),
        )
        for m in measurements
    ]
    table = pd.DataFrame(rows, columns=list(LONG_COLUMNS))
    return table.astype({"value": "float64"})


def find(
    measurements: Iterable[Measurement],
    wanted: str,
    *,
    region: str,
    level: str = "",
    side: str = "",
) -> list[Measurement]:
    """Finite measurements of one quantity of one region, level and side."""
    return [
        m
        for m in measurements
        if m.quantity == wanted
        and m.region == region
        and m.level == level
        and m.side == side
        and math.isfinite(m.value)
    ]
