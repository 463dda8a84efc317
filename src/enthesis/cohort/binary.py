"""A yes-or-no outcome beside a number for each subject: what measures of prediction ask for."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from enthesis.errors import InputError

Floats = NDArray[np.float64]
Events = NDArray[np.bool_]


def events_and(outcome: ArrayLike, *numbers: ArrayLike) -> tuple[Events, list[Floats], int]:
    """Events and numbers of the subjects that have them all, and how many had not.

    Parameters
    ----------
    outcome : (n,) 1 or True for an event, 0 or False for none, NaN where missing
    numbers : (n,) each, NaN where missing

    Raises
    ------
    InputError : other lengths, other outcomes than 0 and 1, infinite numbers, or only one outcome.
    """
    given = [np.asarray(one, dtype=np.float64) for one in (outcome, *numbers)]
    if any(one.ndim != 1 or one.size != given[0].size for one in given):
        sizes = " and ".join(str(one.size) for one in given)
        raise InputError(f"one outcome and one number per subject are wanted, got {sizes}")
    if any(np.isinf(one).any() for one in given):
        raise InputError("an infinite value cannot be used; leave it out or give NaN")
    whole = ~np.any([np.isnan(one) for one in given], axis=0)
    y, *rest = (one[whole] for one in given)
    strange = y[(y != 0) & (y != 1)]
    if strange.size:
        raise InputError(f"an outcome is 1 (event) or 0 (none), got {strange[0]:g}")
    n_events = int(y.sum())
    if not 0 < n_events < y.size:
        raise InputError(
            f"subjects with and without the event are needed, got {n_events} events in {y.size} "
            "subjects"
        )
    return y == 1, rest, int((~whole).sum())


def check_probabilities(predicted: Floats) -> None:
    """Pass if every number can be a probability.

    Raises
    ------
    InputError : one lies outside 0 to 1.
    """
    wrong = predicted[~((predicted >= 0) & (predicted <= 1))]
    if wrong.size:
        raise InputError(f"a predicted probability lies between 0 and 1, got {wrong[0]:g}")


def left_out(n_missing: int) -> tuple[str, ...]:
    """A note on subjects without all values; none if there are none."""
    if not n_missing:
        return ()
    verb = "subject lacks a value and was" if n_missing == 1 else "subjects lack a value and were"
    return (f"{n_missing} {verb} left out",)
