"""Wald tests of several coefficients at once, corrected for few clusters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from enthesis.errors import InputError
from enthesis.evidence import printing
from enthesis.evidence.contrasts import constraint_matrix
from enthesis.evidence.robust import RobustFit
from enthesis.evidence.small_sample import covariance_of_entries, satterthwaite, total_covariance
from enthesis.evidence.tails import f_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.sandwich import Moments

    Floats = NDArray[np.float64]

Test = Literal["HTZ", "HTA", "HTB", "EDF", "EDT", "chi2", "Naive-F", "Naive-Fp"]

LEAST_EDF = 4.1
"""Degrees of freedom below which an F's variance would not exist (it needs more than 4); EDF takes
this value instead, as clubSandwich does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaldTest:
    """Test that linear combinations of coefficients are all zero.

    Parameters
    ----------
    constraints : the combinations that are set to zero
    test : the small-sample correction
    statistic : F, that is delta times Q / q; chi-squared over its df for "chi2" and "EDT"
    delta : factor on Q / q
    df_num, df_denom : the latter infinite where the reference is chi-squared
    p_value : NaN where the correction leaves no degrees of freedom
    notes : what a careful reader should know
    """

    constraints: tuple[str, ...]
    test: str
    statistic: float
    delta: float
    df_num: int
    df_denom: float
    p_value: float
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON; NaN and infinity become None."""
        plain: dict[str, Any] = printing.plain(
            {name: getattr(self, name) for name in self.__slots__}
        )
        return plain

    def summary(self) -> str:
        """The result as text."""
        title = f"Wald test ({self.test}) of {' = '.join(self.constraints)} = 0"
        value = (
            f"F(df1 = {self.df_num}, df2 = {self.df_denom:.4g}) = "
            f"{printing.number(self.statistic)}, {printing.p_phrase(self.p_value)}"
        )
        return "\n".join([title, value, *(f"Note: {note}" for note in self.notes)])


def wald_test(
    fit: RobustFit,
    constraints: str | int | Sequence[str] | Sequence[int] | ArrayLike | pd.DataFrame,
    *,
    test: Test = "HTZ",
) -> WaldTest:
    """Test several coefficients, or combinations of them, against zero.

    Parameters
    ----------
    fit : robust fit
    constraints : names or positions (from 0) of coefficients, or a (q, p) matrix of combinations
        as in `contrast`
    test : "HTZ" approximates Hotelling's T² by matching the total variance of the robust
        covariance (recommended); "HTA" and "HTB" match its covariances in two other ways; "EDF"
        and "EDT" work on the spectral components one by one; "chi2" and "Naive-F" (J - 1 df) and
        "Naive-Fp" (J - p df, the omnibus test of metafor's robust()) are uncorrected

    Raises
    ------
    InputError : unknown coefficients, or constraints that depend on each other.

    References
    ----------
    Tipton & Pustejovsky (2015) doi:10.3102/1076998615606099; Pustejovsky & Tipton (2018)
    doi:10.1080/07350015.2016.1247004; for EDF Fai & Cornelius (1996)
    doi:10.1080/00949659608811740, for EDT Hill (1970) doi:10.1145/355598.355599.
    """
    if test not in get_args(Test):
        raise InputError(f"test is one of {', '.join(get_args(Test))}, not {test!r}")
    names, C = constraint_matrix(fit.names, constraints)
    q, moments = len(C), fit.moments.of(C)
    if fixed := [
        name for name, df in zip(names, satterthwaite(moments), strict=True) if np.isnan(df)
    ]:
        raise InputError(
            f"one cluster alone fixes {', '.join(fixed)}, so that clusters cannot tell the "
            "variance; leave it out of the test"
        )
    estimate, V = C @ fit.coefficients, C @ fit.covariance @ C.T
    root = np.sqrt(np.diag(V))
    if not (root > 0).all() or np.linalg.matrix_rank(V / np.outer(root, root), hermitian=True) < q:
        raise InputError(
            f"the robust covariance of {', '.join(names)} is singular: the constraints depend on "
            f"each other, or {fit.n_clusters} clusters cannot separate them; test fewer at once"
        )
    f = float(estimate @ np.linalg.solve(V, estimate)) / q
    if test == "chi2":
        return _answer(names, test, f, 1.0, np.inf)
    if test == "Naive-F":
        return _answer(names, test, f, 1.0, fit.n_clusters - 1.0)
    if test == "Naive-Fp":
        return _answer(names, test, f, 1.0, float(fit.n_clusters - fit.p))
    unit = _inverse_root(total_covariance(moments))
    moments = moments.of(unit)
    if test in ("EDF", "EDT"):
        return _spectral(names, test, f, unit @ estimate, unit @ V @ unit.T, moments)
    nu = _hotelling_df(moments, test)
    if nu - q + 1 <= 0:
        return _answer(names, test, f, 0.0, nu - q + 1)
    return _answer(names, test, f, (nu - q + 1) / nu, nu - q + 1)


def _hotelling_df(moments: Moments, test: str) -> float:
    """Degrees of freedom of the Wishart distribution closest to the robust covariance.

    Entries of a Wishart over its df, with unit scale, have variance 2/ν on the diagonal, 1/ν off
    it and no covariances.
    """
    covariance = covariance_of_entries(moments)
    q = len(covariance)
    variance = np.einsum("stst->st", covariance)
    if test == "HTZ":
        return float(q * (q + 1) / variance.sum())
    if test == "HTA":
        same = np.einsum("stst->", covariance) + np.einsum("stts->", covariance)
        return float(same / np.square(covariance).sum())
    # Each pair of distinct entries once; like clubSandwich, every variance is compared with 2/ν,
    # although those off the diagonal are 1/ν, so that HTB grows liberal with the number of rows.
    lower = np.tril_indices(q)
    distinct = covariance[lower][:, *lower]
    once = np.tril(np.ones(distinct.shape, dtype=bool))
    return float(2 * np.trace(distinct) / np.square(distinct[once]).sum())


def _spectral(
    names: tuple[str, ...],
    test: str,
    f: float,
    estimate: Floats,
    V: Floats,
    moments: Moments,
) -> WaldTest:
    """EDF and EDT: the squared t of each principal component, with its own df."""
    values, vectors = np.linalg.eigh(V)
    df = satterthwaite(moments.of(vectors.T))
    q = len(df)
    if test == "EDT":
        t2 = (vectors.T @ estimate) ** 2 / values
        z2 = _normal_score(t2, df) ** 2
        return _answer(names, test, float(z2.mean()), 1.0, np.inf)
    df = np.maximum(df, LEAST_EDF)
    mean = (df / (df - 2)).sum()
    spread = (2 * df**2 * (df - 1) / ((df - 2) ** 2 * (df - 4))).sum() / mean**2
    df_denom = (4 * q * spread + 2 * q - 4) / (q * spread - 2)
    return _answer(names, test, f, float(q / mean * df_denom / (df_denom - 2)), float(df_denom))


def _normal_score(t2: Floats, df: Floats) -> Floats:
    """The standard normal deviate as far out as t, by Hill's (1970) expansion."""
    a = df - 0.5
    b = 48 * a**2
    c = np.sqrt(a * np.log1p(t2 / df))
    third = (4 * c**7 + 33 * c**5 + 240 * c**3 + 855 * c) / (10 * b**2 + 8 * b * c**4 + 1000 * b)
    return np.asarray(c + (c**3 + 3 * c) / b - third)


def _answer(names: tuple[str, ...], test: str, f: float, delta: float, df_denom: float) -> WaldTest:
    q = len(names)
    possible = df_denom > 0
    p = f_p(f * delta, q, df_denom) if possible else float("nan")
    too_few = "too few clusters for this many constraints: no degrees of freedom are left"
    return WaldTest(
        constraints=names,
        test=test,
        statistic=f * delta,
        delta=delta,
        df_num=q,
        df_denom=df_denom,
        p_value=p,
        notes=() if possible else (too_few,),
    )


def _inverse_root(covariance: Floats) -> Floats:
    """Symmetric inverse square root."""
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray((vectors / np.sqrt(values)) @ vectors.T)
