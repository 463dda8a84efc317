"""Subjects by raters as arrays: what every measure of reliability asks of its input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError

Floats = NDArray[np.float64]

ROUNDING = 16 * float(np.finfo(np.float64).eps)
"""Differences below this share of the largest value are rounding, not variation."""


def numbers(ratings: ArrayLike) -> Floats:
    """Ratings as numbers, (n subjects, k raters), missing ones NaN.

    Raises
    ------
    InputError : not a table of numbers, fewer than two raters, or an infinite value.
    """
    try:
        values = np.array(ratings, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(
            "ratings are to be numbers, subjects by raters, with NaN where one is missing; "
            f"these cannot be read so: {error}"
        ) from error
    _check_shape(values)
    infinite = np.argwhere(np.isinf(values))
    if len(infinite):
        row, column = infinite[0]
        raise InputError(
            f"subject row {row}, rater column {column} (counted from 0) holds "
            f"{values[row, column]}; give a number, or NaN where it is missing"
        )
    return values


def complete(values: Floats) -> tuple[Floats, tuple[str, ...]]:
    """Subjects that every rater rated, and a note on those left out.

    Raises
    ------
    InputError : fewer than two subjects remain.
    """
    whole = ~np.isnan(values).any(axis=1)
    n_whole = int(whole.sum())
    if n_whole < 2:
        raise InputError(
            f"two or more subjects with a value from each of the {values.shape[1]} raters are "
            f"needed, got {n_whole} (of {len(values)} rows); fill in the missing ratings"
        )
    return values[whole], left_out(len(values) - n_whole, len(values))


def left_out(n_missing: int, n_rows: int) -> tuple[str, ...]:
    """A note on subjects that lack a rating; none if none does."""
    if not n_missing:
        return ()
    lack, were = ("lacks", "was") if n_missing == 1 else ("lack", "were")
    return (f"{n_missing} of {n_rows} subjects {lack} a rating and {were} left out",)


def paired(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats, tuple[str, ...]]:
    """Pairs of which both numbers are there, and a note on those left out.

    Raises
    ------
    InputError : other lengths, fewer than two pairs, not numbers, or an infinite value.
    """
    sizes = np.size(first), np.size(second)
    if sizes[0] != sizes[1] or np.ndim(first) != 1 or np.ndim(second) != 1:
        raise InputError(
            f"one value of each rater per subject is wanted, got {sizes[0]} and {sizes[1]}; "
            "bring the two into one order and one length, NaN where one is missing"
        )
    values, notes = complete(numbers(np.column_stack([first, second])))
    return values[:, 0], values[:, 1], notes


def coded(
    ratings: ArrayLike, categories: Sequence[Any] | None = None
) -> tuple[NDArray[np.intp], tuple[Any, ...]]:
    """Ratings as places among the categories, (n, k), -1 where missing, and the categories.

    Parameters
    ----------
    ratings : (n, k) words or numbers; None or NaN where missing
    categories : all that could occur, in order; those that occur, sorted, if not given

    Raises
    ------
    InputError : fewer than two raters, no rating at all, or a rating that is no category.
    """
    values = np.array(ratings, dtype=object)
    _check_shape(values)
    # Categories print as the user wrote them, not as numpy's own strings and numbers.
    plain = [one.item() if isinstance(one, np.generic) else one for one in values.ravel()]
    flat = pd.Series(plain, dtype=object)
    occurring = list(dict.fromkeys(flat[flat.notna()]))
    if not occurring:
        raise InputError("every rating is missing; nothing can be compared")
    if categories is None:
        try:
            known = tuple(sorted(occurring))
        except TypeError as error:
            raise InputError(
                "the ratings mix words and numbers, which have no order; use one of the two"
            ) from error
    else:
        known = tuple(categories)
        strange = [one for one in occurring if one not in known]
        if strange:
            raise InputError(
                f"{strange[0]!r} is not one of the categories {', '.join(map(repr, known))}"
            )
    places = {category: place for place, category in enumerate(known)}
    codes = np.array([-1 if pd.isna(one) else places[one] for one in flat], dtype=np.intp)
    return codes.reshape(values.shape), known


def complete_codes(
    codes: NDArray[np.intp],
) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Subjects that every rater put in a category, and a note on those left out.

    Raises
    ------
    InputError : fewer than two subjects remain.
    """
    values, notes = complete(np.where(codes < 0, np.nan, codes.astype(np.float64)))
    return values.astype(np.intp), notes


def check_level(level: float, *, name: str = "level") -> None:
    """Pass if a confidence level or a coverage lies between 0 and 1.

    Raises
    ------
    InputError : it does not.
    """
    if not 0 < level < 1:
        raise InputError(f"{name} lies between 0 and 1 (0.95 for 95%), got {level:g}")


def negligible(sum_of_squares: float, values: Floats) -> bool:
    """Whether a sum of squares over `values` is what rounding leaves of zero."""
    largest = float(np.abs(values).max())
    return sum_of_squares <= values.size * (ROUNDING * largest) ** 2


def _check_shape(values: NDArray[Any]) -> None:
    if values.ndim != 2:
        raise InputError(
            f"ratings are to be a table, subjects by raters, got {values.ndim} axes; "
            "give one row per subject and one column per rater or session"
        )
    n, k = values.shape
    if k < 2:
        raise InputError(
            f"two or more raters or sessions are needed to tell how well they agree, got {k}"
        )
    if n < 2:
        raise InputError(f"two or more subjects are needed, got {n}")
