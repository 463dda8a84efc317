"""Arms put together, split, averaged over sides, or brought to one scale and direction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.effect_sizes import read_numbers
from enthesis.evidence.measures import ANY, COUNT, SIZE, SPREAD
from enthesis.evidence.quantiles import as_floats

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from enthesis.evidence.two_groups import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSD:
    """Mean and SD in the units of the data, numbers or arrays."""

    mean: Floats
    sd: Floats


def combine_groups(
    data: pd.DataFrame,
    by: str | Sequence[str],
    *,
    n: str = "n",
    mean: str = "mean",
    sd: str = "sd",
) -> pd.DataFrame:
    """One arm per value of `by`, as if its groups had been one sample.

    Parameters
    ----------
    data : one row per group
    by : columns that name the combined arm (study, outcome)
    n, mean, sd : columns with size, mean and SD

    Returns
    -------
    by, n, mean, sd: one row per arm, in order of appearance.

    References
    ----------
    Cochrane Handbook 6.5.2.10, table 6.5.a; here for any number of groups
    """
    keys = [by] if isinstance(by, str) else list(by)
    _require(data, (*keys, n, mean, sd))
    size, m, s = (
        read_numbers(data, name, rule) for name, rule in ((n, SIZE), (mean, ANY), (sd, SPREAD))
    )
    parts = data[keys].assign(_n=size, _sum=size * m, _within=(size - 1) * s**2)
    grouped = parts.groupby(keys, sort=False, dropna=False)
    total = grouped["_n"].transform("sum").to_numpy()
    centre = grouped["_sum"].transform("sum").to_numpy() / total
    parts["_within"] += size * (m - centre) ** 2
    arms = parts.groupby(keys, sort=False, dropna=False).sum(min_count=1)
    arms[n] = arms["_n"]
    arms[mean] = arms["_sum"] / arms["_n"]
    arms[sd] = np.sqrt(arms["_within"] / (arms["_n"] - 1))
    return arms[[n, mean, sd]].reset_index()


def average_sides(
    left_mean: ArrayLike,
    left_sd: ArrayLike,
    right_mean: ArrayLike,
    right_sd: ArrayLike,
    *,
    correlation: ArrayLike,
) -> MeanSD:
    """Mean and SD of each person's left-right average.

    Parameters
    ----------
    left_mean, left_sd, right_mean, right_sd : by side, over people
    correlation : of left and right over people; there is no default, because averaging the two
        SDs silently takes it to be 1 and makes every standardised effect too small
    """
    lm, ls, rm, rs, r = as_floats(left_mean, left_sd, right_mean, right_sd, correlation)
    if np.any(np.abs(r) > 1):
        raise InputError(f"correlation is between -1 and 1, not {correlation!r}")
    return MeanSD(mean=(lm + rm) / 2, sd=np.sqrt(ls**2 + rs**2 + 2 * r * ls * rs) / 2)


def to_log_scale(mean: ArrayLike, sd: ArrayLike) -> MeanSD:
    """Mean and SD of the logarithm of a log-normal variable, from those of the variable.

    Raises
    ------
    InputError : a mean that is not above 0.

    References
    ----------
    Higgins, White & Anzures-Cabrera 2008, https://doi.org/10.1002/sim.3427
    """
    m, s = as_floats(mean, sd)
    if np.any(m <= 0):
        raise InputError(f"a logarithm needs means above 0, not {np.min(m):g}")
    spread = np.log1p((s / m) ** 2)
    return MeanSD(mean=np.log(m) - spread / 2, sd=np.sqrt(spread))


def harmonise_direction(
    effects: pd.DataFrame, *, reverse: str | Sequence[bool], yi: str = "yi"
) -> pd.DataFrame:
    """Effects turned so that higher means the same everywhere; the extracted values are kept.

    Parameters
    ----------
    effects : one row per effect; variances do not change
    reverse : rows to turn: a True/False column, or one value per row
    yi : column with the effects

    Returns
    -------
    A copy with `yi` turned, `yi_as_extracted` and `reversed`.

    Raises
    ------
    InputError : already turned, or `reverse` is not one True or False per row.
    """
    _require(effects, (yi, reverse) if isinstance(reverse, str) else (yi,))
    kept = f"{yi}_as_extracted"
    if kept in effects.columns:
        raise InputError(f"these effects were turned before ({kept!r} is there); turn only once")
    turned = pd.Series(effects[reverse] if isinstance(reverse, str) else reverse)
    if len(turned) != len(effects) or not turned.isin([True, False]).all():
        raise InputError(f"reverse is one True or False for each of the {len(effects)} effects")
    mask = turned.to_numpy(dtype=bool)
    values = read_numbers(effects, yi, ANY)
    result = effects.copy()
    result[kept] = values
    result[yi] = np.where(mask, -values, values)
    result["reversed"] = mask
    return result


def split_shared_group(
    data: pd.DataFrame, by: str | Sequence[str], *, n: str = "n2i"
) -> pd.DataFrame:
    """Comparisons that share a group, each with its part of that group's people.

    The whole is kept: 40 people in three comparisons become 14, 13, 13. Means and SDs stay. The
    comparisons remain weakly correlated; `sampling_covariance` models that instead of splitting.

    Parameters
    ----------
    data : one row per comparison
    by : columns whose values mark rows with the same shared group
    n : column with the shared group's size

    References
    ----------
    Cochrane Handbook 23.3.4
    """
    keys = [by] if isinstance(by, str) else list(by)
    _require(data, (*keys, n))
    size = read_numbers(data, n, COUNT)
    grouped = data.groupby(keys, sort=False, dropna=False)
    sizes = pd.Series(size, index=data.index)
    for key, rows in grouped.indices.items():
        if len({*size[rows]}) > 1:
            raise InputError(f"{keys} = {key}: {n!r} differs, so the group is not shared")
    shares = grouped[keys[0]].transform("size").to_numpy()
    position = grouped.cumcount().to_numpy()
    result = data.copy()
    result[n] = sizes // shares + (position < sizes % shares)
    return result


def _require(data: pd.DataFrame, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in data.columns]
    if missing:
        raise InputError(
            f"no column {missing[0]!r}; this table has: {', '.join(map(str, data.columns))}"
        )
