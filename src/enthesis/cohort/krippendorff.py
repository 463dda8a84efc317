"""Krippendorff's alpha: agreement of any raters on any scale, with gaps."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from enthesis.cohort.ratings import Floats, check_level, coded
from enthesis.errors import InputError

Metric = Literal["nominal", "ordinal", "interval", "ratio"]

BOOTSTRAPS = 2000
"""Resamples of the interval: percentiles of 2.5% then rest on 50 of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alpha:
    """Krippendorff's alpha.

    Parameters
    ----------
    metric : how far apart two values are: "nominal", "ordinal", "interval" or "ratio"
    estimate : 1 is perfect, 0 as by chance
    ci_lower, ci_upper : bootstrap interval; NaN where no random generator was given
    level : confidence level, 0 to 1
    n_subjects, n_ratings : with two ratings or more, and their ratings
    n_raters : columns of the table
    notes : what is doubtful
    """

    metric: Metric
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    n_subjects: int
    n_ratings: int
    n_raters: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def krippendorff_alpha(
    ratings: ArrayLike,
    *,
    metric: Metric,
    rng: np.random.Generator | None = None,
    n_bootstraps: int = BOOTSTRAPS,
    level: float = 0.95,
) -> Alpha:
    """Krippendorff's alpha, with a bootstrap interval over subjects.

    Parameters
    ----------
    ratings : (n subjects, k raters), None or NaN where one is missing; words only if "nominal"
    metric : "nominal", "ordinal", "interval" or "ratio"
    rng : draws the subjects of each resample; without it no interval is computed
    n_bootstraps : resamples
    level : confidence level, 0 to 1

    Returns
    -------
    Alpha; subjects with a single rating do not count.

    Raises
    ------
    InputError : unknown metric, words on a scale of numbers, negative values on a ratio scale, no
        subject with two ratings, or constant ratings.

    Notes
    -----
    Alpha = 1 - observed / expected disagreement. Krippendorff's own bootstrap resamples differences
    and is too narrow; this one resamples subjects (Zapf et al. 2016).

    References
    ----------
    Krippendorff K. Content Analysis, 2nd ed. Sage 2004, chapter 11.
    Hayes AF, Krippendorff K. Commun Methods Meas 2007;1:77-89. doi:10.1080/19312450709336664
    Zapf A, et al. BMC Med Res Methodol 2016;16:93. doi:10.1186/s12874-016-0200-9
    """
    if metric not in {"nominal", "ordinal", "interval", "ratio"}:
        raise InputError(f"metric is 'nominal', 'ordinal', 'interval' or 'ratio', got {metric!r}")
    check_level(level)
    codes, known = coded(ratings)
    at = _positions(known, metric)
    rated = (codes >= 0).sum(axis=1)
    paired = codes[rated >= 2]
    if not len(paired):
        raise InputError("no subject has two ratings; nothing can be compared")
    counts = np.stack([(paired == place).sum(axis=1) for place in range(len(known))], axis=1)
    counts = counts.astype(np.float64)
    estimate = _alpha(counts, np.ones(len(counts)), at, metric)
    if np.isnan(estimate):
        raise InputError(
            f"every paired rating is {known[int(counts.sum(axis=0).argmax())]!r}: without "
            "variation, agreement beyond chance cannot be estimated"
        )
    lower = upper = np.nan
    alone = int((rated < 2).sum())
    notes: tuple[str, ...] = ()
    if alone:
        notes = (f"{alone} of {len(codes)} subjects have fewer than two ratings",)
    if rng is not None:
        n = len(counts)
        even = np.full(n, 1 / n)
        found = np.array(
            [
                _alpha(counts, rng.multinomial(n, even).astype(np.float64), at, metric)
                for _ in range(n_bootstraps)
            ]
        )
        constant = int(np.isnan(found).sum())
        if constant:
            notes += (f"{constant} of {n_bootstraps} resamples were constant and do not count",)
        tail = (1 - level) / 2
        lower, upper = (float(x) for x in np.nanquantile(found, [tail, 1 - tail]))
    return Alpha(
        metric=metric,
        estimate=estimate,
        ci_lower=lower,
        ci_upper=upper,
        level=level,
        n_subjects=len(paired),
        n_ratings=int(counts.sum()),
        n_raters=codes.shape[1],
        notes=notes,
    )


def _positions(known: tuple[Any, ...], metric: str) -> Floats:
    """Where the values lie on the scale."""
    if metric == "nominal":
        return np.arange(len(known), dtype=np.float64)
    if not all(isinstance(one, int | float | np.number) for one in known):
        words = next(one for one in known if not isinstance(one, int | float | np.number))
        raise InputError(
            f"the metric {metric!r} needs numbers, got {words!r}; code the categories as numbers"
        )
    at = np.array(known, dtype=np.float64)
    if metric == "ratio" and at.min() < 0:
        raise InputError(f"a ratio scale has no negative values, got {at.min():g}")
    return at


def _alpha(counts: Floats, times: Floats, at: Floats, metric: str) -> float:
    """Alpha of subjects' counts of values, (n, v), each subject so many times; NaN if all alike."""
    totals = times @ counts
    if metric == "ordinal":
        # Ordinal values are as far apart as ratings lie between them, half of their own included.
        at = np.cumsum(totals) - totals / 2
    observed = times @ (_apart(counts, at, metric) / (counts.sum(axis=1) - 1))
    n = float(totals.sum())
    expected = float(_apart(totals[None, :], at, metric)[0]) / (n - 1)
    return 1 - float(observed) / expected if expected > 0 else np.nan


def _apart(counts: Floats, at: Floats, metric: str) -> Floats:
    """Squared distances of all ordered pairs within each row of counts, (n,)."""
    m = counts.sum(axis=1)
    apart: Floats
    if metric == "nominal":
        apart = m**2 - (counts**2).sum(axis=1)
    elif metric == "ratio":
        both = at[:, None] + at
        square = ((at[:, None] - at) / np.where(both > 0, both, 1)) ** 2
        apart = ((counts @ square) * counts).sum(axis=1)
    else:
        # sum (x - y)² = 2 (m sum x² - (sum x)²), without a table of all values by all values.
        x = at - at.mean()
        apart = 2 * (m * (counts @ x**2) - (counts @ x) ** 2)
    return apart
