"""Mean and SD of an arm from whatever summaries a study prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from enthesis.errors import InputError
from enthesis.evidence.effect_sizes import place, read_numbers
from enthesis.evidence.measures import ANY, SIZE, SPREAD, Rule
from enthesis.evidence.quantiles import (
    as_floats,
    mean_from_quantiles,
    sd_from_quantiles,
    skewness_test,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import ArrayLike

    from enthesis.evidence.two_groups import Floats

EXACT_P = Rule(
    wanted="a p above 0 and below 1 (an inequality does not give the SD)",
    holds=lambda p: (p > 0) & (p < 1),
)


def arms_from_summaries(
    data: pd.DataFrame,
    *,
    n: str = "n",
    mean: str = "mean",
    sd: str = "sd",
    se: str = "se",
    ci_lower: str = "ci_lower",
    ci_upper: str = "ci_upper",
    t: str | None = None,
    p: str | None = None,
    minimum: str = "min",
    q1: str = "q1",
    median: str = "median",
    q3: str = "q3",
    maximum: str = "max",
    level: float = 0.95,
    distribution: Literal["t", "z"] = "t",
    mean_method: Literal["luo", "wan"] = "luo",
    sd_method: Literal["shi", "wan"] = "shi",
    into: tuple[str, str] = ("mean", "sd"),
) -> pd.DataFrame:
    """Table with a mean and an SD for every arm, by the best summary that its row has.

    Parameters
    ----------
    data : one row per arm; absent columns and blank cells mean "not printed"
    n, mean, sd, se, ci_lower, ci_upper : columns with size, mean, SD, standard error of the mean,
        confidence limits of the mean
    t, p : columns with the t statistic and the exact two-sided p of the test that the mean is
        zero, as printed for a mean change; looked at only if named, because most tables have the
        t and p of a comparison
    minimum, q1, median, q3, maximum : columns with quantiles
    level, distribution : of the confidence intervals; t (n - 1 df) is what small studies print
    mean_method, sd_method : formulas for quantiles, see `mean_from_quantiles`,
        `sd_from_quantiles`
    into : names of the two columns to write

    Returns
    -------
    A copy of `data` with mean and SD, where each came from (`mean_source`, `sd_source`), and
    `mean_skewed`: True where Shi's test says that the quantiles do not look normal, so that the
    conversion is doubtful (it is made all the same).

    Raises
    ------
    InputError : an impossible value, quantiles out of order: named by row and column.

    Notes
    -----
    A printed mean or SD always wins; then the SD comes from SE, CI, t, p, and last from quantiles;
    the mean from the middle of the CI before quantiles. The SD behind a test of two groups comes
    from `sd_from_t` and `sd_from_p`.
    """
    if n not in data.columns:
        raise InputError(f"arms need their size: no column {n!r}; name yours with n=")
    size = read_numbers(data, n, SIZE)
    printed = {
        key: _optional(data, name, rule)
        for key, name, rule in (
            ("mean", mean, ANY),
            ("sd", sd, SPREAD),
            ("se", se, SPREAD),
            ("ci_lower", ci_lower, ANY),
            ("ci_upper", ci_upper, ANY),
            ("t", t, ANY),
            ("p", p, EXACT_P),
        )
    }
    quantile_names = {
        "minimum": minimum, "q1": q1, "median": median, "q3": q3, "maximum": maximum,
    }  # fmt: skip
    quantiles = {key: _optional(data, name, ANY) for key, name in quantile_names.items()}
    _check_order(data, quantiles, quantile_names)
    _check_order(
        data,
        {"lower": printed["ci_lower"], "upper": printed["ci_upper"]},
        {"lower": ci_lower, "upper": ci_upper},
    )
    means = {
        "given": printed["mean"],
        "middle of CI": (printed["ci_lower"] + printed["ci_upper"]) / 2,
        f"quantiles, {mean_method}": mean_from_quantiles(size, method=mean_method, **quantiles),
    }
    sds = {
        **_sds(printed, size, level=level, distribution=distribution),
        f"quantiles, {sd_method}": sd_from_quantiles(size, method=sd_method, **quantiles),
    }
    result = data.copy()
    result[into[0]], mean_source = _first_known(means)
    result[into[1]], sd_source = _first_known(sds)
    result[f"{into[0]}_source"] = mean_source
    result[f"{into[1]}_source"] = sd_source
    converted = np.array(
        ["quantiles" in by for by in map("".join, zip(mean_source, sd_source, strict=True))],
        dtype=bool,
    )
    result[f"{into[0]}_skewed"] = converted & skewness_test(size, **quantiles).skewed
    return result


def sd_from_se(se: ArrayLike, n: ArrayLike) -> Floats:
    """SD from the standard error of a mean."""
    se, n = as_floats(se, n)
    return se * np.sqrt(n)


def sd_from_interval(
    lower: ArrayLike,
    upper: ArrayLike,
    n: ArrayLike,
    *,
    level: float = 0.95,
    distribution: Literal["t", "z"] = "t",
) -> Floats:
    """SD from the confidence interval of a mean.

    Parameters
    ----------
    lower, upper : confidence limits of the mean
    n : size of the group
    level : of the interval
    distribution : "t" with n - 1 df; "z" only if the study says so or n is large

    References
    ----------
    Cochrane Handbook 6.5.2.2
    """
    if not 0 < level < 1:
        raise InputError(f"level is a share between 0 and 1, such as 0.95, not {level!r}")
    if distribution not in ("t", "z"):
        raise InputError(f"distribution is 't' or 'z', not {distribution!r}")
    lower, upper, n = as_floats(lower, upper, n)
    tail = (1 + level) / 2
    critical = stdtrit(n - 1, tail) if distribution == "t" else ndtri(tail)
    return np.asarray(np.sqrt(n) * (upper - lower) / (2 * critical))


def sd_from_t(difference: ArrayLike, t: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Floats:
    """Common SD of two groups from the t statistic of their mean difference.

    References
    ----------
    Cochrane Handbook 6.5.2.3
    """
    difference, t, n1, n2 = as_floats(difference, t, n1, n2)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.abs(difference / t) / np.sqrt(1 / n1 + 1 / n2)


def sd_from_p(difference: ArrayLike, p: ArrayLike, n1: ArrayLike, n2: ArrayLike) -> Floats:
    """Common SD of two groups from the exact two-sided p of their t test.

    A printed inequality such as p < 0.05 bounds the SD from above; it does not give it.

    Raises
    ------
    InputError : p not between 0 and 1.

    References
    ----------
    Cochrane Handbook 6.5.2.3
    """
    difference, p, n1, n2 = as_floats(difference, p, n1, n2)
    if np.any((p <= 0) | (p >= 1)):
        raise InputError("p is between 0 and 1, both excluded; give the exact p, not a bound")
    return sd_from_t(difference, stdtrit(n1 + n2 - 2, 1 - p / 2), n1, n2)


def _sds(
    printed: Mapping[str, Floats], n: Floats, *, level: float, distribution: Literal["t", "z"]
) -> dict[str, Floats]:
    """The SD by everything but quantiles, the most direct first."""
    limits = printed["ci_lower"], printed["ci_upper"]
    with np.errstate(divide="ignore", invalid="ignore"):
        by_t = np.abs(printed["mean"] / printed["t"])
        by_p = np.abs(printed["mean"] / stdtrit(n - 1, 1 - printed["p"] / 2))
    return {
        "given": printed["sd"],
        "SE": sd_from_se(printed["se"], n),
        f"CI, {distribution}": sd_from_interval(*limits, n, level=level, distribution=distribution),
        "t": sd_from_se(by_t, n),
        "p": sd_from_se(by_p, n),
    }


def _optional(data: pd.DataFrame, name: str | None, rule: Rule) -> Floats:
    """The column's numbers, or missing throughout if the table does not have it."""
    if name is None or name not in data.columns:
        return np.full(len(data), np.nan)
    return read_numbers(data, name, rule)


def _check_order(
    data: pd.DataFrame, values: Mapping[str, Floats], names: Mapping[str, str]
) -> None:
    """Each printed value is at least the printed one before it."""
    highest, holder = np.full(len(data), -np.inf), np.full(len(data), "", dtype=object)
    for key, column in values.items():
        wrong = np.flatnonzero(column < highest)
        if wrong.size:
            row = int(wrong[0])
            raise InputError(
                f"{place(data, row, names[key])}: {column[row]:g} is below "
                f"{holder[row]!r}, {highest[row]:g}"
            )
        known = ~np.isnan(column)
        highest, holder = np.where(known, column, highest), np.where(known, names[key], holder)


def _first_known(estimates: Mapping[str, Floats]) -> tuple[Floats, list[str]]:
    """Row by row the first value that is known, and the name of where it came from."""
    names = list(estimates)
    table = np.column_stack(list(estimates.values()))
    known = np.isfinite(table)
    first = np.argmax(known, axis=1)
    found = np.any(known, axis=1).tolist()
    value = np.where(found, table[np.arange(len(table)), first], np.nan)
    sources = [
        names[column] if some else "cannot tell"
        for column, some in zip(first.tolist(), found, strict=True)
    ]
    return value, sources
