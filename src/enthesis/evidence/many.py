"""Thousands of meta-analyses in one call: simulations, screening by region, voxel by voxel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from enthesis.errors import InputError
from enthesis.evidence.batch import CHUNK, METHODS, StackFit, fit_stack
from enthesis.evidence.tails import critical_value, two_sided_p

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

TESTS = ("z", "t", "knha", "adhoc")
"""Reference distributions: normal, t, Knapp–Hartung, and Knapp–Hartung never narrower than t."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManyFits:
    """S pooled models. A data set that cannot carry its model is NaN, never left out.

    Parameters
    ----------
    index : the S data sets
    names : p coefficient names
    k : (S,) effects of each data set
    coefficients : (S, p)
    covariance : (S, p, p), as the test uses it
    df : (S, p) degrees of freedom of the coefficients' tests, infinite for z
    tau2 : (S,)
    q : (S,) Cochran's residual Q on k - p degrees of freedom
    i2, h2 : (S,) I² in percent, and H²
    log_likelihood : (S,) restricted for REML, full for ML, else NaN
    converged : (S,)
    method, test, level : as asked
    """

    index: pd.Index[Any]
    names: tuple[str, ...]
    k: NDArray[np.intp]
    coefficients: Floats
    covariance: Floats
    df: Floats
    tau2: Floats
    q: Floats
    i2: Floats
    h2: Floats
    log_likelihood: Floats
    converged: NDArray[np.bool_]
    method: str
    test: str
    level: float

    @property
    def std_errors(self) -> Floats:
        """(S, p)."""
        return np.sqrt(np.diagonal(self.covariance, axis1=1, axis2=2))

    @property
    def statistics(self) -> Floats:
        """(S, p) coefficient over standard error."""
        return self.coefficients / self.std_errors

    @property
    def p_values(self) -> Floats:
        """(S, p) two-sided."""
        return two_sided_p(self.statistics, self.df)

    @property
    def ci_lower(self) -> Floats:
        """(S, p)."""
        return self.coefficients - critical_value(self.level, self.df) * self.std_errors

    @property
    def ci_upper(self) -> Floats:
        """(S, p)."""
        return self.coefficients + critical_value(self.level, self.df) * self.std_errors

    @property
    def q_p(self) -> Floats:
        """(S,) probability of a larger Q under homogeneity; 1 without degrees of freedom."""
        return q_p_value(self.q, self.k - len(self.names))

    def to_frame(self) -> pd.DataFrame:
        """One row per data set; coefficients of a regression get their name as a suffix."""
        columns: dict[str, Any] = {"k": self.k}
        parts = {
            "estimate": self.coefficients,
            "std_error": self.std_errors,
            "statistic": self.statistics,
            "p_value": self.p_values,
            "ci_lower": self.ci_lower,
            "ci_upper": self.ci_upper,
        }
        for j, name in enumerate(self.names):
            suffix = "" if len(self.names) == 1 else f"_{name}"
            columns |= {f"{part}{suffix}": values[:, j] for part, values in parts.items()}
        columns |= {"tau2": self.tau2, "q": self.q, "q_p": self.q_p, "i2": self.i2, "h2": self.h2}
        return pd.DataFrame(columns | {"converged": self.converged}, index=self.index)


def pool_many(
    yi: ArrayLike,
    vi: ArrayLike,
    *,
    by: ArrayLike | None = None,
    design: ArrayLike | None = None,
    method: str = "REML",
    test: str = "knha",
    level: float = 0.95,
) -> ManyFits:
    """Pool many data sets at once, each as `pool` would.

    Parameters
    ----------
    yi, vi : effects and their sampling variances: (S, k) arrays, a row per data set, NaN where a
        data set has fewer effects; or, with `by`, one column each in long form
    by : (n,) the data set each effect belongs to; data sets come out in sorted order
    design : (k, p) moderators shared by all rows, intercept included; an intercept alone by
        default. Not with `by`.
    method : one of EE, FE, DL, HE, HS, HSk, SJ, ML, REML, EB, PM, PMM
    test : "z", "t", "knha" or "adhoc"; Knapp–Hartung is today's Cochrane advice, metafor's default
        is "z"
    level : of the confidence intervals

    Returns
    -------
    ManyFits with NaN for data sets without enough effects.

    Raises
    ------
    InputError : shapes that differ, a variance that is not positive, unknown method or test.

    References
    ----------
    Viechtbauer (2005), 10.3102/10769986030003261; Langan et al. (2019), 10.1002/jrsm.1316.
    """
    if test not in TESTS:
        raise InputError(f"unknown test {test!r}; choose one of {', '.join(TESTS)}")
    if not 0 < level < 1:
        raise InputError(
            f"level is a probability between 0 and 1, got {level:g}; give 0.95 for 95%"
        )
    y, v = _checked(np.asarray(yi, dtype=float), np.asarray(vi, dtype=float))
    if by is None:
        index, names, fit = _rectangle(y, v, design, method, test)
    else:
        if design is not None:
            raise InputError("a shared design needs (S, k) arrays; with `by` leave `design` out")
        names = ("intrcpt",)
        index, fit = _long(y, v, np.asarray(by), method, test)
    return many_fits(fit, index, names, method=method, test=test, level=level)


def many_fits(
    fit: StackFit,
    index: pd.Index[Any],
    names: tuple[str, ...],
    *,
    method: str,
    test: str,
    level: float,
) -> ManyFits:
    """The estimates of a stack with what follows from them."""
    i2, h2 = heterogeneity_of(fit, method)
    residual = (fit.k - len(names)).astype(float)
    # One effect leaves no residual to estimate anything from; its own test is normal.
    alone = (fit.k == 1) & (residual == 0.0)
    df = np.where((test == "z") | alone, np.inf, residual)
    return ManyFits(
        index=index,
        names=names,
        k=fit.k,
        coefficients=fit.coefficients,
        covariance=fit.covariance,
        df=np.repeat(df[:, None], len(names), axis=1),
        tau2=fit.tau2,
        q=fit.q,
        i2=i2,
        h2=h2,
        log_likelihood=fit.log_likelihood,
        converged=fit.converged,
        method=method,
        test=test,
        level=level,
    )


def heterogeneity_of(fit: StackFit, method: str) -> tuple[Floats, Floats]:
    """I² (percent) and H² from tau², or from Q when the model has no tau²."""
    df = fit.k - fit.coefficients.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        if method in ("EE", "FE"):
            h2 = fit.q / df
            i2 = np.maximum(0.0, 100 * (fit.q - df) / fit.q)
        else:
            h2 = fit.tau2 / fit.typical_variance + 1
            i2 = 100 * fit.tau2 / (fit.tau2 + fit.typical_variance)
    alone = (df == 0) & np.isfinite(fit.tau2)
    return np.where(alone, 0.0, i2), np.where(alone, 1.0, h2)


def q_p_value(q: Floats, df: NDArray[np.intp]) -> Floats:
    """Upper tail of chi-squared; 1 without degrees of freedom."""
    tail = chdtrc(np.maximum(df, 1), np.maximum(q, 0.0))
    return np.where((df == 0) & np.isfinite(q), 1.0, tail)


def _checked(y: Floats, v: Floats) -> tuple[Floats, Floats]:
    """The same data with absent effects marked by an infinite variance."""
    if y.shape != v.shape:
        raise InputError(f"yi and vi must have one shape, got {y.shape} and {v.shape}")
    absent = np.isnan(y) | np.isnan(v)
    wrong = ~absent & ((v <= 0) | np.isinf(v) | np.isinf(y))
    if wrong.any():
        where = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise InputError(
            f"effects must be finite and their variances positive; at {where} yi = {y[where]:g} "
            f"and vi = {v[where]:g}; use NaN for an absent effect"
        )
    return np.where(absent, 0.0, y), np.where(absent, np.inf, v)


def _rectangle(
    y: Floats, v: Floats, design: ArrayLike | None, method: str, test: str
) -> tuple[pd.Index[Any], tuple[str, ...], StackFit]:
    if y.ndim != 2:
        raise InputError(
            f"yi has shape {y.shape}; give (S, k) arrays, or long columns together with `by`"
        )
    names: tuple[str, ...] = ("intrcpt",)
    X = None
    if design is not None:
        X = np.asarray(design, dtype=float)
        if X.ndim != 2 or len(X) != y.shape[1]:
            raise InputError(f"design must be ({y.shape[1]}, p), a row per effect, got {X.shape}")
        if isinstance(design, pd.DataFrame):
            names = tuple(map(str, design.columns))
        else:
            names = tuple(f"x{j}" for j in range(X.shape[1]))
        if np.linalg.matrix_rank(X) < X.shape[1]:
            raise InputError(
                f"the design's columns {', '.join(names)} are collinear; drop one of them"
            )
    return pd.RangeIndex(len(y)), names, fit_stack(y, v, X, method=method, test=test)


def _long(
    y: Floats, v: Floats, by: NDArray[Any], method: str, test: str
) -> tuple[pd.Index[Any], StackFit]:
    """Data sets of like size go together, so that little of each rectangle is padding."""
    if y.ndim != 1 or by.shape != y.shape:
        raise InputError(f"with `by`, yi, vi and by are columns of one length, got {by.shape}")
    if method not in METHODS:
        raise InputError(f"no batched estimator {method!r}; choose one of {', '.join(METHODS)}")
    codes, labels = pd.factorize(by, sort=True)
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise InputError(f"every effect needs a data set in `by`; row {row} has none")
    sizes = np.bincount(codes, minlength=len(labels))
    rank = np.argsort(sizes, kind="stable")
    place = np.empty(len(rank), dtype=np.intp)
    place[rank] = np.arange(len(rank))
    order = np.argsort(place[codes], kind="stable")
    starts = np.concatenate([[0], np.cumsum(sizes[rank])])
    y, v = y[order], v[order]
    parts = []
    first = 0
    while first < len(rank):
        last = first + 1
        while last < len(rank) and (last - first + 1) * sizes[rank[last]] <= CHUNK:
            last += 1
        parts.append(_padded_fit(y, v, sizes[rank[first:last]], starts[first], method, test))
        first = last
    together = {n: np.concatenate([getattr(f, n) for f in parts]) for n in StackFit.__slots__}
    return pd.Index(labels), StackFit(**{n: values[place] for n, values in together.items()})


def _padded_fit(
    y: Floats, v: Floats, sizes: NDArray[np.intp], start: int, method: str, test: str
) -> StackFit:
    n_sets, width = len(sizes), int(sizes[-1])
    filled = np.arange(width) < sizes[:, None]
    stop = start + int(sizes.sum())
    yi, vi = np.zeros((n_sets, width)), np.full((n_sets, width), np.inf)
    yi[filled], vi[filled] = y[start:stop], v[start:stop]
    return fit_stack(yi, vi, method=method, test=test)
