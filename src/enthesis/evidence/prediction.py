"""Average effects at chosen moderator values, with confidence and prediction intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.tails import critical_value

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

Interval = Literal["t", "riley", "normal"]
INTERVALS = ("t", "riley", "normal")


def predict(
    fit: Fit,
    newdata: pd.DataFrame | ArrayLike | None,
    *,
    level: float | None,
    interval: Interval,
) -> pd.DataFrame:
    """Estimate, its interval and the prediction interval for every row of `newdata`."""
    if interval not in INTERVALS:
        raise InputError(f"no prediction interval named {interval!r}; choose from {INTERVALS}")
    rows, index = _rows(fit, newdata)
    level = fit.level if level is None else level
    if not 0.0 < level < 1.0:
        raise InputError(f"the level must lie between 0 and 1, such as 0.95; got {level!r}")
    estimate = rows @ fit.coefficients
    variance = np.einsum("ij,jk,ik->i", rows, fit.covariance, rows)
    # A row rests on the coefficients that it uses; the scarcest of their df is the honest one.
    df = np.where(rows != 0.0, fit.df, np.inf).min(axis=1)
    df = np.where(np.isinf(df), fit.df.min(), df)
    reach = critical_value(level, df) * np.sqrt(variance)
    spread = fit.tau2 if fit.components else np.nan
    pi_reach = critical_value(level, _pi_df(fit, df, interval)) * np.sqrt(variance + spread)
    return pd.DataFrame(
        {
            "estimate": estimate,
            "std_error": np.sqrt(variance),
            "ci_lower": estimate - reach,
            "ci_upper": estimate + reach,
            "pi_lower": estimate - pi_reach,
            "pi_upper": estimate + pi_reach,
        },
        index=index,
    )


def _pi_df(fit: Fit, df: Floats, interval: Interval) -> Floats:
    if interval == "normal":
        return np.full_like(df, np.inf)
    if interval == "riley":
        return np.full_like(df, max(fit.k - fit.n_parameters, 1))
    return np.where(np.isinf(df), max(fit.k - fit.p, 1), df)


def _rows(fit: Fit, newdata: pd.DataFrame | ArrayLike | None) -> tuple[Floats, pd.Index]:
    if newdata is None:
        if fit.names == ("intrcpt",):
            return np.ones((1, 1)), pd.RangeIndex(1)
        return fit.design, fit.data.index
    if isinstance(newdata, pd.DataFrame):
        if fit.spec is None:
            raise InputError(
                "this fit was given a design matrix, not moderator names; "
                f"pass newdata as an array with the {fit.p} columns {list(fit.names)}"
            )
        return fit.spec.matrix(newdata), newdata.index
    rows = np.atleast_2d(np.asarray(newdata, dtype=float))
    if rows.ndim != 2 or rows.shape[1] != fit.p:
        raise InputError(
            f"newdata as an array wants {fit.p} columns, {list(fit.names)}; got shape {rows.shape}"
        )
    return rows, pd.RangeIndex(len(rows))
