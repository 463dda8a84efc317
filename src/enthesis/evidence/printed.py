"""Numbers as papers print them: each is an interval, everything that rounds to its digits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.effect_sizes import place

if TYPE_CHECKING:
    from enthesis.evidence.two_groups import Floats

NUMBER = re.compile(r"(?P<bound>[<>≤≥]?)=?\s*(?P<digits>[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?)%?")
"""A sign of inequality if there is one, a decimal number, a percent sign if there is one."""

ABSENT = frozenset({"", "-", "–", "—", "na", "nan", "n/a", "nr", "none"})
"""How tables write that a number was not given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """One closed interval per row; both bounds are missing where nothing was printed."""

    lower: Floats
    upper: Floats

    def __add__(self, other: Interval) -> Interval:
        return Interval(lower=self.lower + other.lower, upper=self.upper + other.upper)

    def __sub__(self, other: Interval) -> Interval:
        return Interval(lower=self.lower - other.upper, upper=self.upper - other.lower)

    def __mul__(self, factor: float) -> Interval:
        return Interval(lower=self.lower * factor, upper=self.upper * factor)

    def over(self, divisor: Interval) -> Interval:
        """Quotient by something that is not negative; unbounded where it may be zero."""
        below = np.maximum(divisor.lower, 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            ends = np.stack([self.lower / below, self.lower / divisor.upper,
                             self.upper / below, self.upper / divisor.upper])  # fmt: skip
        # 0/0 says nothing about the quotient, so it must not narrow it
        ends = np.where(np.isnan(ends) & self.known & divisor.known, 0.0, ends)
        return Interval(lower=ends.min(axis=0), upper=ends.max(axis=0))

    def magnitude(self) -> Interval:
        """Absolute value: from zero where the interval straddles it."""
        low, high = np.abs(self.lower), np.abs(self.upper)
        inside = (self.lower <= 0) & (self.upper >= 0)
        return Interval(lower=np.where(inside, 0, np.minimum(low, high)),
                        upper=np.maximum(low, high))  # fmt: skip

    def within(self, other: Interval) -> Interval:
        """What both allow; this one where they have nothing in common or other is unknown."""
        lower, upper = np.fmax(self.lower, other.lower), np.fmin(self.upper, other.upper)
        apart = lower > upper
        return Interval(
            lower=np.where(apart, self.lower, np.where(self.known, lower, np.nan)),
            upper=np.where(apart, self.upper, np.where(self.known, upper, np.nan)),
        )

    def meets(self, other: Interval) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Whether the two have a value in common, forgiving the arithmetic its last bits."""
        slack = 1e-12 * (1 + np.abs(self.upper) + np.abs(other.upper))
        slack = np.where(np.isfinite(slack), slack, 0)
        return (self.lower <= other.upper + slack) & (other.lower <= self.upper + slack)

    @property
    def known(self) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
        """Rows in which something was printed."""
        return ~np.isnan(self.lower) & ~np.isnan(self.upper)


def read_printed(
    table: pd.DataFrame, column: str, *, decimals: int, least: float, most: float
) -> Interval:
    """The column's intervals, cut to the range that the quantity can have.

    Parameters
    ----------
    table : as printed; strings keep their digits, numbers have those of their shortest form
    column : absent means that nothing was printed
    decimals : that numbers (not strings) were printed with at least, because 0.20 read as a number
        has lost its last digit
    least, most : what the quantity can be

    Raises
    ------
    InputError : something that is not a number, named by row and column.
    """
    lower = np.full(len(table), np.nan)
    upper = lower.copy()
    if column in table.columns:
        for row, cell in enumerate(table[column].tolist()):
            text = _text(cell)
            if text in ABSENT:
                continue
            found = NUMBER.fullmatch(text)
            if found is None:
                raise InputError(f"{place(table, row, column)}: {cell!r} is not a printed number")
            value = Decimal(found["digits"])
            places = int(value.as_tuple().exponent)
            if not isinstance(cell, str):
                places = min(places, -decimals)
            half = 0.5 * 10.0**places
            # an inequality is meant exactly: p < 0.001 is not p < 0.0015
            match found["bound"]:
                case "<" | "≤":
                    lower[row], upper[row] = least, float(value)
                case ">" | "≥":
                    lower[row], upper[row] = float(value), most
                case _:
                    lower[row], upper[row] = float(value) - half, float(value) + half
    return Interval(lower=np.clip(lower, least, most), upper=np.clip(upper, least, most))


def _text(cell: Any) -> str:
    """A cell as one would type it: plain minus, no thousands separator, no stray space."""
    if isinstance(cell, str):
        return re.sub(r"(?<=\d),(?=\d{3}\b)", "", cell.strip().replace("−", "-")).lower()
    return "" if pd.isna(cell) else str(cell)
