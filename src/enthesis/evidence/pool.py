"""Pooling of independent effects: equal- and random-effects models and meta-regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError
from enthesis.evidence import tau2 as between
from enthesis.evidence.design import Design, build, column_or_values
from enthesis.evidence.fit import Fit, VarianceComponent
from enthesis.evidence.likelihood import Likelihood, criteria
from enthesis.evidence.marginal import Diagonal
from enthesis.evidence.projection import Projection, problem
from enthesis.evidence.tails import chi2_p, f_p

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.projection import Moments, Problem
    from enthesis.evidence.tau2 import Tau2

    Floats = NDArray[np.float64]

TESTS = ("z", "t", "knha", "adhoc")

EXACT = 1e-13
"""Residuals below this share of the fitted values are rounding, not variation."""

UNEQUAL = 1e7
"""Largest over smallest sampling variance above which weights lose their digits (metafor's)."""


def pool(
    effects: pd.DataFrame,
    mods: str | None = None,
    *,
    method: str = "REML",
    test: str | None = None,
    level: float = 0.95,
    weights: str | ArrayLike | None = None,
    tau2: float | None = None,
    yi: str = "yi",
    vi: str = "vi",
) -> Fit:
    """The average effect, or the regression of effects on moderators.

    Parameters
    ----------
    effects : a row per independent effect; rows with missing values are left out with a note
    mods : formula of the moderators, "~ age + modality"; text is coded by treatment contrasts
        with the first level in code point order as reference
    method : estimator of the between-study variance. "EE" or "FE" for none; "DL", "HE", "HS",
        "HSk", "SJ", "ML", "REML" (default; also metafor's, and the Cochrane Handbook's advice),
        "EB", "PM", "PMM", "GENQ" (needs `weights`), and the iterated "DLIT" and "SJIT"
    test : "knha": t with k − p df and Knapp and Hartung's standard errors, the default for random
        effects as the Cochrane Handbook advises; "adhoc": the same, never narrower than "t";
        "t": t with k − p df; "z": normal, metafor's default, and ours for equal effects
    level : confidence level, 0 to 1
    weights : a column, or one number per row, used in place of inverse variances; ones for the
        unweighted average. Standard errors then allow for weights that are not optimal
    tau2 : between-study variance where it is known; nothing is then estimated
    yi, vi : columns of the effects and of their sampling variances

    Returns
    -------
    Fit; `tau2_interval` adds confidence bounds, `Fit.predict` a prediction interval.

    Raises
    ------
    InputError : unusable table, unknown method or test, too few effects.
    ConvergenceError : an iterative estimator that did not settle, with its trace.

    References
    ----------
    Viechtbauer W 2010, doi:10.18637/jss.v036.i03
    Knapp G, Hartung J 2003, doi:10.1002/sim.1482
    Higgins JPT, Thompson SG 2002, doi:10.1002/sim.1186 (I², H²)
    Cochrane Handbook 6.5, section 10.10.4
    """
    if test is None:
        test = "z" if method in ("EE", "FE") else "knha"
    _refuse_options(method, test, level, tau2)
    needed = (weights,) if isinstance(weights, str) else ()
    design = build(effects, mods, yi=yi, vi=vi, needed=needed)
    own = None if weights is None else _weights(weights, design, len(effects))
    return pool_design(design, method=method, test=test, level=level, weights=own, tau2=tau2)


def pool_design(
    design: Design,
    *,
    method: str,
    test: str,
    level: float = 0.95,
    weights: Floats | None = None,
    tau2: float | None = None,
) -> Fit:
    """`pool` on a design that is already built; `weights` are (k,)."""
    y, v, X = design.effects, design.variances, design.matrix
    k, p = X.shape
    data = problem(y, v, X)
    estimated = tau2 is None and method not in ("EE", "FE")
    found = _between(data, method, weights, tau2)
    at = data.moments(found.value)
    line = _coefficients(data, at, found.value, weights)
    dispersion = _dispersion(data, at, test)
    covariance = line.covariance * dispersion
    df = np.full(p, np.inf if test == "z" else float(data.df))
    heterogeneity = _heterogeneity(data, method, found.value)
    marginal, sampling = Diagonal(v + found.value), Diagonal(v)
    information = _information(data, at, found.value, line, method, p + estimated)
    omnibus = _omnibus(line.coefficients, covariance, design.intercept, df)
    return Fit(
        names=design.names,
        coefficients=line.coefficients,
        covariance=covariance,
        test=test,
        df=df,
        level=level,
        model=_title(method, p),
        method=method,
        components=_components(method, found, k, fixed=tau2 is not None),
        tau2=found.value,
        k=k,
        p=p,
        q=heterogeneity.q,
        q_df=data.df,
        q_p=chi2_p(heterogeneity.q, data.df),
        qm=omnibus.statistic,
        qm_df=omnibus.df,
        qm_p=omnibus.p,
        i2=heterogeneity.i2,
        h2=heterogeneity.h2,
        typical_variance=heterogeneity.typical_variance,
        r2=_explained(data, design, method, weights, found.value) if tau2 is None else np.nan,
        dispersion=dispersion,
        log_likelihood=information.log_likelihood,
        n_parameters=information.n_parameters,
        deviance=information.deviance,
        aic=information.aic,
        bic=information.bic,
        aicc=information.aicc,
        effects=y,
        variances=v,
        design=X,
        weights=weights,
        marginal=marginal,
        sampling=sampling,
        data=design.data,
        spec=design.spec,
        trace=found.trace,
        notes=(*design.notes, *found.notes, *_notes(v, test, dispersion)),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    coefficients: Floats
    covariance: Floats
    rss: float


@dataclass(frozen=True, slots=True)
class _Heterogeneity:
    q: float
    i2: float
    h2: float
    typical_variance: float


@dataclass(frozen=True, slots=True)
class _Omnibus:
    statistic: float
    df: tuple[float, float]
    p: float


def _refuse_options(method: str, test: str, level: float, tau2: float | None) -> None:
    if method not in between.ESTIMATORS:
        known = ", ".join(between.ESTIMATORS)
        raise InputError(f"no estimator named {method!r}; choose from {known}")
    if test not in TESTS:
        raise InputError(f"no test named {test!r}; choose from {', '.join(TESTS)}")
    if not 0.0 < level < 1.0:
        raise InputError(f"the level must lie between 0 and 1, such as 0.95; got {level!r}")
    if tau2 is not None and not (np.isfinite(tau2) and tau2 >= 0.0):
        raise InputError(f"tau2 must be a number of at least 0; got {tau2!r}")
    if tau2 is not None and method in ("EE", "FE"):
        raise InputError(f"method={method!r} has no tau2 to set; use a random-effects method")


def _weights(weights: str | ArrayLike, design: Design, n_given: int) -> Floats:
    own = column_or_values(weights, design, n_given, "weights")
    if own.min() < 0.0 or not own.any():
        where = int(np.argmin(own))
        raise InputError(
            f"weights must be at least 0 and not all 0; row {design.data.index[where]!r} "
            f"has {own[where]:g}"
        )
    return own


def _between(data: Problem, method: str, weights: Floats | None, tau2: float | None) -> Tau2:
    if tau2 is not None:
        # metafor reports the information at the given value; it is kept, for what it is worth.
        return between.Tau2(value=tau2, std_error=between.std_error(data, method, tau2, weights))
    return between.estimate(data, method, weights=weights)


def _coefficients(data: Problem, at: Moments, tau2: float, weights: Floats | None) -> _Line:
    """Weighted least squares and its covariance, mapped back from the orthonormal basis."""
    back = np.linalg.inv(data.triangle)
    if weights is None:
        coefficients, covariance = data.coefficients + at.shift, at.inverse
        rss = at.q
    else:
        own = Projection(data.y, data.basis, weights)
        coefficients = own.coefficients
        covariance = own.inverse @ own.cross(weights**2 * (data.v + tau2)) @ own.inverse
        rss = float(np.sum(own.residuals**2 / (data.v + tau2)))
    covariance = back @ covariance @ back.T
    return _Line(back @ coefficients, 0.5 * (covariance + covariance.T), rss)


def _dispersion(data: Problem, at: Moments, test: str) -> float:
    """Knapp and Hartung's scale; the inverse-variance residuals, also under user weights."""
    if test not in ("knha", "adhoc"):
        return 1.0
    if data.df < 1:
        raise InputError(
            f"test={test!r} needs more effects than coefficients; use test='z' for these "
            f"{len(data.y)}"
        )
    scale = at.q / data.df
    if test == "knha" and np.abs(data.residuals).max() <= EXACT * np.abs(data.y).max():
        raise InputError(
            "all effects lie exactly on the model, so the Knapp-Hartung standard error is 0; "
            "use test='z', 't' or 'adhoc'"
        )
    return max(1.0, scale) if test == "adhoc" else scale


def _heterogeneity(data: Problem, method: str, tau2: float) -> _Heterogeneity:
    at = data.at_zero
    q = at.q if data.df else 0.0
    typical = data.df / at.trace if data.df else np.nan
    if method in ("EE", "FE"):
        h2 = q / data.df if data.df else np.nan
        i2 = max(0.0, 100.0 * (q - data.df) / q) if q > 0.0 else 0.0
        return _Heterogeneity(q, i2, h2, typical)
    return _Heterogeneity(q, 100.0 * tau2 / (tau2 + typical), tau2 / typical + 1.0, typical)


def _information(
    data: Problem, at: Moments, tau2: float, line: _Line, method: str, n_parameters: int
) -> Likelihood:
    """The log-likelihood from what the moments already hold."""
    gram = 2.0 * float(np.log(np.abs(np.diag(data.triangle))).sum())
    return criteria(
        "REML" if method == "REML" else "ML",
        (len(data.y), len(line.coefficients)),
        rss=line.rss,
        logdet=-data.log_weights(tau2),
        logdet_sampling=-data.log_weights(0.0),
        logdet_gram=gram,
        logdet_information=gram - float(np.linalg.slogdet(at.inverse)[1]),
        n_parameters=n_parameters,
    )


def _omnibus(
    coefficients: Floats, covariance: Floats, intercept: int | None, df: Floats
) -> _Omnibus:
    """Wald test of all coefficients but the intercept; of the intercept if it is alone."""
    tested = [j for j in range(len(coefficients)) if j != intercept or len(coefficients) == 1]
    b, block = coefficients[tested], covariance[np.ix_(tested, tested)]
    wald, m = float(b @ np.linalg.solve(block, b)), len(tested)
    df2 = float(df.min())
    if np.isinf(df2):
        return _Omnibus(wald, (m, np.inf), chi2_p(wald, m))
    return _Omnibus(wald / m, (m, df2), f_p(wald / m, m, df2))


def _explained(
    data: Problem, design: Design, method: str, weights: Floats | None, tau2: float
) -> float:
    """Percent of the heterogeneity that moderators explain, floored at zero.

    Defined where the model without moderators is nested, that is, where a constant lies in the
    span of the design: with an intercept, or with every level of a factor (metafor 5; metafor
    3.8 asks for the intercept by name).
    """
    k, p = design.matrix.shape
    ones = np.full(k, 1.0 / np.sqrt(k))
    nested = design.intercept is not None or abs(np.sum((data.basis @ ones) ** 2) - 1.0) < 1e-10
    if p == 1 or not nested:
        return float("nan")
    bare = data.intercept_only()
    if method in ("EE", "FE"):
        if data.df < 1:
            return float("nan")
        residual = _weighted_squares(data, weights) / data.df
        total = _weighted_squares(bare, weights) / bare.df
        return max(0.0, 100.0 * (1.0 - residual / total)) if total > 0.0 else 0.0
    without = between.estimate(bare, method, weights=weights).value
    return max(0.0, 100.0 * (without - tau2) / without) if without > 0.0 else 0.0


def _weighted_squares(data: Problem, weights: Floats | None) -> float:
    """Residual sum of squares around the model, by the weights that it was fitted with."""
    if weights is None:
        return data.at_zero.q
    return Projection(data.y, data.basis, weights).q


def _components(method: str, found: Tau2, k: int, *, fixed: bool) -> tuple[VarianceComponent, ...]:
    if method in ("EE", "FE"):
        return ()
    return (
        VarianceComponent(
            name="tau2", value=found.value, n_levels=k, std_error=found.std_error, fixed=fixed
        ),
    )


def _title(method: str, p: int) -> str:
    if method in ("EE", "FE"):
        plain = "Equal-Effects Model" if method == "EE" else "Fixed-Effects Model"
        return plain if p == 1 else "Fixed-Effects with Moderators Model"
    return "Random-Effects Model" if p == 1 else "Mixed-Effects Model"


def _notes(v: Floats, test: str, dispersion: float) -> tuple[str, ...]:
    notes = []
    ratio = float(v.max() / v.min())
    if ratio > UNEQUAL:
        notes.append(
            f"the largest sampling variance is {ratio:.2g} times the smallest; "
            "results may be unstable"
        )
    if test == "knha" and dispersion < 1.0:
        notes.append(
            f"the Knapp-Hartung scale is {dispersion:.3g}, below 1: the interval is narrower than "
            "with test='t'; test='adhoc' prevents that"
        )
    return tuple(notes)
