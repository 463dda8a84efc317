"""How the values of a cohort spread, and which of them stand far off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis.cohort.layout import WHAT
from enthesis.errors import InputError

OUTLYING = 3.5
"""Absolute robust z above which a value is called outlying (Iglewicz and Hoaglin 1993)."""

NORMAL_QUARTILE = 0.6745
"""The MAD of a normal distribution in its SDs, as they round it."""

FEWEST = 10
"""Of fewer values none is called outlying: their MAD says too little."""

MOST_SHOWN = 200
"""Points kept of one place; of more values, so many evenly spaced by rank, ends included."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Place:
    """The values of one quantity on one side and level.

    Parameters
    ----------
    side, level : as in the long table, "" if it has none
    n : finite values
    median, lower, upper : quartiles
    mad : median absolute deviation from the median
    shown : (m,) at most `MOST_SHOWN` of the values, ascending, for drawing
    """

    side: str
    level: str
    n: int
    median: float
    lower: float
    upper: float
    mad: float
    shown: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Distribution:
    """One quantity of one region, measured in one way, at all its places.

    Parameters
    ----------
    quantity, unit, region, method : as in the long table
    places : in the order of the table
    """

    quantity: str
    unit: str
    region: str
    method: str
    places: tuple[Place, ...]

    @property
    def n(self) -> int:
        """Values at the place that has most."""
        return max(place.n for place in self.places)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spread:
    """What a long table of many subjects holds.

    Parameters
    ----------
    distributions : in the order of the table
    outliers : its rows that stand far off, with `median` and `robust_z`, the farthest first
    """

    distributions: tuple[Distribution, ...]
    outliers: pd.DataFrame

    def to_frame(self) -> pd.DataFrame:
        """A row per quantity, region, method, side and level: n, median, quartiles, MAD."""
        return pd.DataFrame(
            [
                {
                    "quantity": one.quantity,
                    "unit": one.unit,
                    "region": one.region,
                    "side": place.side,
                    "level": place.level,
                    "method": one.method,
                    "n": place.n,
                    "median": place.median,
                    "lower_quartile": place.lower,
                    "upper_quartile": place.upper,
                    "mad": place.mad,
                }
                for one in self.distributions
                for place in one.places
            ]
        )


def spread(table: pd.DataFrame, *, outlying: float = OUTLYING) -> Spread:
    """Distributions of everything that a long table holds, and its outlying values.

    Parameters
    ----------
    table : long; a row with a NaN is a value that is not there
    outlying : absolute robust z above which a value is outlying

    Returns
    -------
    Spread. Where half of the values and more are alike, or fewer than `FEWEST` are there, none is
    called outlying.

    Raises
    ------
    InputError : a column is missing, or the table is empty.

    Notes
    -----
    The robust z is 0.6745 (x - median) / MAD. Beside mean and SD it does not hide the outliers that
    it is to find. Work grows as n log n; per row of the table some 50 bytes are held.

    References
    ----------
    Iglewicz, Hoaglin 1993, How to detect and handle outliers, ASQC. ISBN 0-87389-247-X.
    """
    for name in (*WHAT, "unit", "value"):
        if name not in table.columns:
            raise InputError(
                f"the table has no column {name!r}; wanted is the long table of measurements"
            )
    values = table["value"].to_numpy(dtype=np.float64)
    present = np.flatnonzero(np.isfinite(values))
    if not present.size:
        raise InputError("the table holds no measurement; nothing can be said of its spread")
    things = coded(table, WHAT)
    order = present[np.lexsort((values[present], things[present]))]
    bounds = np.flatnonzero(np.diff(things[order], prepend=-1, append=-1))
    firsts = table[[*WHAT, "unit"]].iloc[order[bounds[:-1]]]
    names = firsts.astype(object).fillna("").astype(str).to_dict("records")
    together: dict[tuple[str, ...], list[Place]] = {}
    far = []
    for thing, (start, stop) in zip(names, pairwise(bounds.tolist()), strict=True):
        place, score = _place(values[order[start:stop]], thing["side"], thing["level"])
        key = tuple(thing[column] for column in ("quantity", "unit", "region", "method"))
        together.setdefault(key, []).append(place)
        where = np.abs(score) > outlying
        if where.any():
            far.append((order[start:stop][where], score[where], place.median))
    found = (
        Distribution(
            quantity=quantity, unit=unit, region=region, method=method, places=tuple(places)
        )
        for (quantity, unit, region, method), places in together.items()
    )
    return Spread(distributions=tuple(found), outliers=_outliers(table, far))


def coded(table: pd.DataFrame, columns: Sequence[str]) -> NDArray[np.int64]:
    """One number for each row, the same where these columns are, from 0 in the order first met.

    Parameters
    ----------
    table : (n,) rows; columns of words, best categorical
    columns : their names
    """
    key = np.zeros(len(table), dtype=np.int64)
    for name in columns:
        codes, words = pd.factorize(table[name])
        # What is not there has the code -1.
        key = key * (len(words) + 1) + codes + 1
    return np.asarray(pd.factorize(key)[0], dtype=np.int64)


def _place(values: NDArray[np.float64], side: str, level: str) -> tuple[Place, NDArray[np.float64]]:
    """The spread of sorted values, and each one's robust z."""
    lower, median, upper = np.quantile(values, (0.25, 0.5, 0.75))
    off = values - median
    mad = float(np.median(np.abs(off)))
    tellable = len(values) >= FEWEST and mad > 0
    score = NORMAL_QUARTILE * off / mad if tellable else np.zeros_like(values)
    ranks = np.linspace(0, len(values) - 1, min(len(values), MOST_SHOWN)).round().astype(int)
    place = Place(
        side=side,
        level=level,
        n=len(values),
        median=float(median),
        lower=float(lower),
        upper=float(upper),
        mad=mad,
        shown=values[ranks],
    )
    return place, score


def _outliers(
    table: pd.DataFrame, far: list[tuple[NDArray[np.intp], NDArray[np.float64], float]]
) -> pd.DataFrame:
    rows = np.concatenate([where for where, _, _ in far]) if far else np.zeros(0, dtype=int)
    scores = np.concatenate([score for _, score, _ in far]) if far else np.zeros(0)
    medians = np.concatenate([np.full(len(w), m) for w, _, m in far]) if far else np.zeros(0)
    rows_far = table.iloc[rows].assign(median=medians, robust_z=scores)
    return rows_far.iloc[np.argsort(-np.abs(scores), kind="stable")]
