"""How far two people agree beyond chance on categories."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from scipy.special import ndtri

from enthesis.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Agreement of two raters.

    Parameters
    ----------
    n : things that both rated
    observed : share rated alike, 0 to 1
    kappa : Cohen's kappa; NaN where both used one and the same category throughout
    ci_lower, ci_upper : of kappa, at `level`
    level : confidence
    """

    n: int
    observed: float
    kappa: float
    ci_lower: float
    ci_upper: float
    level: float


def cohen_kappa(
    first: Sequence[Hashable], second: Sequence[Hashable], *, level: float = 0.95
) -> Agreement:
    """Cohen's kappa of two raters who rated the same things.

    Parameters
    ----------
    first, second : (n,) categories, in the same order
    level : confidence

    Raises
    ------
    InputError : nothing rated, or different numbers of ratings.

    Notes
    -----
    The standard error is the large-sample one of Fleiss, Cohen and Everitt (1969), equation 13.

    References
    ----------
    Cohen 1960, https://doi.org/10.1177/001316446002000104
    Fleiss, Cohen & Everitt 1969, https://doi.org/10.1037/h0028106
    """
    n = len(first)
    if n != len(second) or not n:
        raise InputError(f"agreement needs the same things rated twice, got {n} and {len(second)}")
    categories = list(dict.fromkeys([*first, *second]))
    a = {c: sum(one == c for one in first) / n for c in categories}
    b = {c: sum(one == c for one in second) / n for c in categories}
    pairs = list(zip(first, second, strict=True))
    same = {c: pairs.count((c, c)) / n for c in categories}
    observed = sum(same.values())
    chance = sum(a[c] * b[c] for c in categories)
    if math.isclose(chance, 1.0):
        nan = float("nan")
        return Agreement(n=n, observed=observed, kappa=nan, ci_lower=nan, ci_upper=nan, level=level)
    kappa = (observed - chance) / (1 - chance)
    agreeing = sum(
        same[c] * ((1 - chance) - (a[c] + b[c]) * (1 - observed)) ** 2 for c in categories
    )
    differing = (1 - observed) ** 2 * sum((b[x] + a[y]) ** 2 / n for x, y in pairs if x != y)
    rest = (observed * chance - 2 * chance + observed) ** 2
    variance = max(agreeing + differing - rest, 0.0) / (n * (1 - chance) ** 4)
    reach = float(ndtri((1 + level) / 2)) * math.sqrt(variance)
    return Agreement(
        n=n,
        observed=observed,
        kappa=kappa,
        ci_lower=max(kappa - reach, -1.0),
        ci_upper=min(kappa + reach, 1.0),
        level=level,
    )
