"""Concordance of two measurements: how close pairs lie to the line of identity (Lin)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from enthesis.cohort.ratings import ROUNDING, check_level, negligible, paired
from enthesis.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Concordance:
    """Lin's concordance correlation coefficient.

    Parameters
    ----------
    estimate, ci_lower, ci_upper : -1 to 1
    level : confidence level, 0 to 1
    precision : Pearson's correlation, how close pairs lie to any line
    accuracy : Lin's bias correction factor, how close that line lies to identity, 0 to 1
    location_shift : difference of the means over the geometric mean of the SDs
    scale_shift : SD of the first over SD of the second
    n_pairs : that were used
    notes : what is doubtful
    """

    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    precision: float
    accuracy: float
    location_shift: float
    scale_shift: float
    n_pairs: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def concordance(first: ArrayLike, second: ArrayLike, *, level: float = 0.95) -> Concordance:
    """Lin's concordance correlation coefficient with its interval.

    Parameters
    ----------
    first, second : (n,) in one order; pairs with a NaN are left out
    level : confidence level, 0 to 1

    Returns
    -------
    Concordance.

    Raises
    ------
    InputError : other lengths, fewer than four pairs, or a measurement that is constant.

    Notes
    -----
    Variances have the divisor n, as Lin's; the interval is symmetric on Fisher's z, with the
    variance as corrected in 2000.

    References
    ----------
    Lin LI-K. Biometrics 1989;45:255-268. doi:10.2307/2532051
    Lin LI-K. Biometrics 2000;56:324-325. doi:10.1111/j.0006-341X.2000.00324.x
    """
    check_level(level)
    a, b, notes = paired(first, second)
    n = len(a)
    if n < 4:
        raise InputError(f"four or more pairs are needed for a concordance, got {n}")
    for which, values in (("first", a), ("second", b)):
        if negligible(float(((values - values.mean()) ** 2).sum()), values):
            raise InputError(
                f"every value of the {which} measurement is {values[0]:g}: a concordance needs "
                "subjects that differ"
            )
    sd_a, sd_b = float(a.std()), float(b.std())
    shift = float(a.mean() - b.mean())
    u = shift / np.sqrt(sd_a * sd_b)
    r = float(np.corrcoef(a, b)[0, 1])
    accuracy = 2 * sd_a * sd_b / (sd_a**2 + sd_b**2 + shift**2)
    rc = r * accuracy
    apart = a - b
    if negligible(float(apart @ apart), a):
        r = accuracy = rc = lower = upper = 1.0
        notes += ("the two measurements are the same: the interval has no width",)
    else:
        lower, upper = _interval(rc, r, accuracy, u, n, level)
    return Concordance(
        estimate=rc,
        ci_lower=lower,
        ci_upper=upper,
        level=level,
        precision=r,
        accuracy=accuracy,
        location_shift=float(u),
        scale_shift=sd_a / sd_b,
        n_pairs=n,
        notes=notes,
    )


def _interval(
    rc: float, r: float, accuracy: float, u: float, n: int, level: float
) -> tuple[float, float]:
    # Lin's formula divides by r; with rc / r = accuracy written out it holds at r = 0 as well.
    rest = 1 - rc**2
    if rest < ROUNDING:
        return rc, rc
    variance = (
        (1 - r**2) * accuracy**2 / rest
        + 2 * accuracy * rc**2 * (1 - rc) * u**2 / rest**2
        - accuracy**2 * rc**2 * u**4 / (2 * rest**2)
    ) / (n - 2)
    reach = stats.norm.ppf((1 + level) / 2) * np.sqrt(max(variance, 0.0))
    z = np.arctanh(rc)
    return float(np.tanh(z - reach)), float(np.tanh(z + reach))
