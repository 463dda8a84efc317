"""Three-valued truth on arrays: 1 true, 0 false, NaN unknown (Kleene's strong logic)."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Truth: TypeAlias = NDArray[np.float64]
"""One value a subject: 1 true, 0 false, NaN unknown."""

FEMALE, MALE = 0.0, 1.0
"""How a column of sex is coded; NaN where it is unknown."""


def both(*truths: Truth) -> Truth:
    """True where all are true, false where any is false, else unknown."""
    some_false = np.logical_or.reduce([truth == 0 for truth in truths])
    some_unknown = np.logical_or.reduce([np.isnan(truth) for truth in truths])
    return np.where(some_false, 0.0, np.where(some_unknown, np.nan, 1.0))


def either(*truths: Truth) -> Truth:
    """True where any is true, false where all are false, else unknown."""
    return invert(both(*(invert(truth) for truth in truths)))


def invert(truth: Truth) -> Truth:
    """True where it was false; unknown stays unknown."""
    return 1.0 - truth


def known(column: NDArray[np.float64]) -> Truth:
    """True where the value is there; never unknown itself."""
    return (~np.isnan(column)).astype(float)


def by_sex(sex: NDArray[np.float64], *, female: Truth, male: Truth) -> Truth:
    """The women's truth for women, the men's for men; without a sex, what both agree on."""
    agreed = np.where(female == male, female, np.nan)
    return np.where(sex == FEMALE, female, np.where(sex == MALE, male, agreed))
