"""Means of groups, adjusted for what else the groups differ by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from formulaic import model_matrix
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from enthesis.cohort.ratings import check_level, negligible
from enthesis.errors import InputError

Floats = NDArray[np.float64]

NO_SPREAD = "every value is {value:g} in every group: the groups cannot be compared"


@dataclass(frozen=True, slots=True, kw_only=True)
class FTest:
    """One F test.

    Parameters
    ----------
    f, df1, df2, p_value : NaN, 0 where nothing could be tested
    """

    f: float
    df1: int
    df2: int
    p_value: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ancova:
    """Analysis of covariance, or of variance without covariates.

    Parameters
    ----------
    groups : (g,) names
    sizes : (g,) subjects in the model
    means : (g,) adjusted to the covariates' means over the subjects in the model
    covariance : (g, g) of the means
    ci_lower, ci_upper : (g,) of the means
    df : residual degrees of freedom
    sd : residual standard deviation
    between : test that all means are equal
    slopes : test that the covariates' slopes are the same in every group
    covariates : column → mean, at which the groups are compared
    residuals : (n,)
    n_missing : subjects left out because a covariate is missing
    level : confidence level, 0 to 1
    """

    groups: tuple[str, ...]
    sizes: tuple[int, ...]
    means: Floats
    covariance: Floats
    ci_lower: Floats
    ci_upper: Floats
    df: int
    sd: float
    between: FTest
    slopes: FTest
    covariates: dict[str, float]
    residuals: Floats
    n_missing: int
    level: float

    def to_frame(self) -> pd.DataFrame:
        """A row per group: n, adjusted mean, standard error and interval."""
        return pd.DataFrame(
            {
                "group": self.groups,
                "n": self.sizes,
                "adjusted_mean": self.means,
                "std_error": np.sqrt(np.diag(self.covariance)),
                "ci_lower": self.ci_lower,
                "ci_upper": self.ci_upper,
            }
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Contrast:
    """A weighted sum of adjusted means.

    Parameters
    ----------
    estimate, std_error, ci_lower, ci_upper : in the unit of the values
    t, df, p_value : test against zero
    """

    estimate: float
    std_error: float
    ci_lower: float
    ci_upper: float
    t: float
    df: int
    p_value: float


def ancova(
    values: ArrayLike,
    groups: Sequence[str],
    covariates: pd.DataFrame | None = None,
    *,
    order: Sequence[str] = (),
    level: float = 0.95,
) -> Ancova:
    """Mean of every group at the same covariates.

    Parameters
    ----------
    values : (n,), without missing ones
    groups : (n,) names
    covariates : (n, c); columns of text become indicators of their levels; rows with a missing
        value are left out and counted
    order : groups in the order of the result; as they first occur if not given
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : one group, too few subjects, values that never vary, or a covariate that the groups
        or other covariates already determine (named).

    Notes
    -----
    The means are those at the average of the covariates over all subjects of the model; for a
    covariate of text, at the shares of its levels. This is emmeans' `weights = "proportional"`.
    """
    check_level(level)
    y = np.asarray(values, dtype=np.float64)
    names = np.asarray(groups, dtype=object)
    columns = _columns(covariates, y.size)
    whole = ~np.isnan(columns.to_numpy(dtype=np.float64)).any(axis=1)
    y, names, columns = y[whole], names[whole], columns[whole]
    kept = [name for name in (order or dict.fromkeys(names)) if (names == name).any()]
    if len(kept) < 2:
        raise InputError(
            f"two or more groups are needed to compare, got {', '.join(kept) or 'none'}; "
            "name another column of groups, or look for values that are missing"
        )
    indicators = np.column_stack([names == name for name in kept]).astype(np.float64)
    shift = columns.to_numpy(dtype=np.float64)
    centred = shift - shift.mean(axis=0)
    design = np.hstack([indicators, centred])
    _check_design(design, [*kept, *columns.columns], y)
    coefficients, residuals, inverse = _least_squares(design, y)
    df = y.size - design.shape[1]
    sse = float(residuals @ residuals)
    if negligible(sse, y):
        raise InputError(NO_SPREAD.format(value=y[0]) if np.ptp(y) == 0 else _PERFECT)
    g = len(kept)
    covariance = inverse[:g, :g] * sse / df
    reach = stats.t.ppf((1 + level) / 2, df) * np.sqrt(np.diag(covariance))
    means = coefficients[:g]
    plain = np.hstack([np.ones((y.size, 1)), centred])
    crossed = (indicators[:, 1:, None] * centred[:, None, :]).reshape(y.size, -1)
    return Ancova(
        groups=tuple(kept),
        sizes=tuple(int(x) for x in indicators.sum(axis=0)),
        means=means,
        covariance=covariance,
        ci_lower=means - reach,
        ci_upper=means + reach,
        df=df,
        sd=float(np.sqrt(sse / df)),
        between=_f_test(plain, design, y),
        slopes=_f_test(design, np.hstack([design, crossed]), y),
        covariates=dict(zip(columns.columns, shift.mean(axis=0).tolist(), strict=True)),
        residuals=residuals,
        n_missing=int((~whole).sum()),
        level=level,
    )


_PERFECT = (
    "the groups and covariates reproduce every value exactly, so nothing is left to judge "
    "differences by; look for a covariate that was computed from the values"
)


def contrast(fit: Ancova, weights: ArrayLike) -> Contrast:
    """A weighted sum of the adjusted means, such as a difference or a trend.

    Parameters
    ----------
    fit : adjusted means
    weights : (g,) in the order of `fit.groups`

    Raises
    ------
    InputError : another number of weights.
    """
    w = np.asarray(weights, dtype=np.float64)
    if w.shape != fit.means.shape:
        raise InputError(f"{len(fit.groups)} groups need {len(fit.groups)} weights, got {w.size}")
    estimate = float(w @ fit.means)
    std_error = float(np.sqrt(w @ fit.covariance @ w))
    reach = float(stats.t.ppf((1 + fit.level) / 2, fit.df)) * std_error
    t = estimate / std_error
    return Contrast(
        estimate=estimate,
        std_error=std_error,
        ci_lower=estimate - reach,
        ci_upper=estimate + reach,
        t=t,
        df=fit.df,
        p_value=float(2 * stats.t.sf(abs(t), fit.df)),
    )


def _columns(covariates: pd.DataFrame | None, n: int) -> pd.DataFrame:
    """Covariates as numbers, texts as indicators, without an intercept."""
    if covariates is None or not covariates.shape[1]:
        return pd.DataFrame(index=range(n))
    terms = " + ".join(f"`{name}`" for name in covariates.columns)
    matrix = pd.DataFrame(
        model_matrix(f"1 + {terms}", covariates.reset_index(drop=True), na_action="ignore")
    )
    numbers = matrix.drop(columns="Intercept").astype(np.float64)
    # An indicator is 0 for a text that is missing; the row as a whole is not known.
    numbers[covariates.reset_index(drop=True).isna().any(axis=1)] = np.nan
    return numbers.rename(columns=lambda name: str(name).replace("[T.", " ").rstrip("]"))


def _check_design(design: Floats, names: list[str], y: Floats) -> None:
    if y.size <= design.shape[1]:
        raise InputError(
            f"{y.size} subjects with all values cannot carry {design.shape[1]} means and slopes "
            f"({', '.join(names)}); leave out covariates or add subjects"
        )
    scaled = design / np.where(norms := np.linalg.norm(design, axis=0), norms, 1)
    # A column's part that earlier columns cannot make, relative to its length.
    own = np.abs(np.diag(np.linalg.qr(scaled, mode="r")))
    bad = np.flatnonzero(own < 1e-9)
    if bad.size:
        raise InputError(
            f"the covariate {names[bad[0]]!r} is constant, or the groups and other covariates "
            "determine it; leave it out"
        )


def _least_squares(design: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    q, r = np.linalg.qr(design)
    root = np.linalg.inv(r)
    coefficients: Floats = root @ (q.T @ y)
    return coefficients, y - design @ coefficients, root @ root.T


def _f_test(small: Floats, large: Floats, y: Floats) -> FTest:
    """Whether the larger model explains more; columns that say nothing new do not count."""
    sse, ranks = [], []
    for design in (small, large):
        coefficients, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
        rest = y - design @ coefficients
        sse.append(float(rest @ rest))
        ranks.append(int(rank))
    df1, df2 = ranks[1] - ranks[0], y.size - ranks[1]
    if df1 < 1 or df2 < 1 or sse[1] <= 0:
        return FTest(f=np.nan, df1=0, df2=max(df2, 0), p_value=np.nan)
    f = max(sse[0] - sse[1], 0.0) / df1 / (sse[1] / df2)
    return FTest(f=f, df1=df1, df2=df2, p_value=float(stats.f.sf(f, df1, df2)))
