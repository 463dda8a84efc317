"""Questions put to fitted models: contrasts, nested models, information criteria, collinearity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.formulas import INTERCEPT
from enthesis.evidence.likelihood import likelihood
from enthesis.evidence.tails import chi2_p, critical_value, f_p, two_sided_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

SINGULAR = 1e-10
"""A contrast adds nothing new below this share of the largest eigenvalue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContrastTest:
    """Linear combinations of coefficients, one by one and together.

    Parameters
    ----------
    names : each combination in words
    estimates, std_errors, statistics, p_values, ci_lower, ci_upper : (q,)
    df : (q,) of the single tests; infinite for z
    statistic : joint Wald chi-squared, or F where the second df is finite
    statistic_df : numerator (the rank of the combinations) and denominator
    p_value : of the joint test
    level : confidence level, 0 to 1
    """

    names: tuple[str, ...]
    estimates: Floats
    std_errors: Floats
    statistics: Floats
    p_values: Floats
    ci_lower: Floats
    ci_upper: Floats
    df: Floats
    statistic: float
    statistic_df: tuple[float, float]
    p_value: float
    level: float

    def to_frame(self) -> pd.DataFrame:
        """A row per combination."""
        return pd.DataFrame(
            {
                "estimate": self.estimates,
                "std_error": self.std_errors,
                "statistic": self.statistics,
                "df": self.df,
                "p_value": self.p_values,
                "ci_lower": self.ci_lower,
                "ci_upper": self.ci_upper,
            },
            index=pd.Index(self.names, name="contrast"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LikelihoodRatio:
    """Two nested models compared by their likelihoods.

    Parameters
    ----------
    statistic : twice the difference of the log-likelihoods, not below 0
    df : difference in the number of parameters
    p_value : from chi-squared
    kind : "ML" or "REML"
    log_likelihood, log_likelihood_reduced : of the two models
    r2 : percent of the reduced model's tau² that the full one explains; NaN unless each has one
    notes : what a careful reader should know
    """

    statistic: float
    df: int
    p_value: float
    kind: str
    log_likelihood: float
    log_likelihood_reduced: float
    r2: float
    notes: tuple[str, ...] = ()


def contrast_test(
    fit: Fit,
    contrasts: ArrayLike | Sequence[str],
    *,
    rhs: ArrayLike = 0.0,
) -> ContrastTest:
    """Wald tests of coefficients or of their linear combinations, each and jointly.

    Parameters
    ----------
    fit : any model
    contrasts : names of coefficients or terms (a factor's name stands for all its dummies), or
        (q, p) numbers with a combination in each row
    rhs : value of each combination under the null hypothesis

    Returns
    -------
    Single tests by the fit's own test. The joint test is chi-squared for z and F otherwise; rows
    that repeat others count once.

    Raises
    ------
    InputError : an unknown name, or the wrong number of columns.
    """
    matrix, names = _contrast_matrix(fit, contrasts)
    estimates = matrix @ fit.coefficients - np.broadcast_to(np.asarray(rhs, float), len(matrix))
    covariance = matrix @ fit.covariance @ matrix.T
    errors = np.sqrt(np.diag(covariance))
    # A combination is tested on the df of the scarcest coefficient that it uses.
    df = np.where(matrix != 0.0, fit.df, np.inf).min(axis=1)
    reach = critical_value(fit.level, df) * errors
    wald, rank = _wald(estimates, covariance)
    df2 = float(df.min())
    shown = matrix @ fit.coefficients
    return ContrastTest(
        names=names,
        estimates=shown,
        std_errors=errors,
        statistics=estimates / errors,
        p_values=two_sided_p(estimates / errors, df),
        ci_lower=shown - reach,
        ci_upper=shown + reach,
        df=df,
        statistic=wald if np.isinf(df2) else wald / rank,
        statistic_df=(rank, df2),
        p_value=chi2_p(wald, rank) if np.isinf(df2) else f_p(wald / rank, rank, df2),
        level=fit.level,
    )


def likelihood_ratio(fit: Fit, reduced: Fit) -> LikelihoodRatio:
    """Likelihood-ratio test of a model against one nested in it.

    Parameters
    ----------
    fit : the fuller model, by ML or REML
    reduced : a model of the same effects with fewer coefficients or variance components; an
        equal-effects model stands for variances of zero

    Returns
    -------
    The p-value is chi-squared's with the difference in parameters, also for a variance on the
    boundary, where it is conservative (as in metafor; half of it is Self and Liang's mixture).

    Raises
    ------
    InputError : other effects, other estimators, nothing to compare, or models by REML whose
        coefficients differ; their likelihoods are not comparable, so refit with method="ML".

    References
    ----------
    Self SG, Liang KY 1987, doi:10.1080/01621459.1987.10478472
    """
    if fit.k != reduced.k or not np.array_equal(fit.effects, reduced.effects):
        raise InputError(
            f"both models must describe the same effects; got {fit.k} and {reduced.k} of them"
            + (" with other values" if fit.k == reduced.k else "")
        )
    kinds = {f.method for f in (fit, reduced) if f.components}
    if not kinds or not kinds <= {"ML", "REML"} or len(kinds) > 1:
        raise InputError(
            "both models must be fitted by ML, or both by REML; "
            f"got {fit.method} and {reduced.method}"
        )
    kind: Literal["ML", "REML"] = "REML" if kinds == {"REML"} else "ML"
    if kind == "REML" and not _same_span(fit.design, reduced.design):
        raise InputError(
            "REML likelihoods of models with different coefficients cannot be compared; "
            "refit both with method='ML'"
        )
    df = fit.n_parameters - reduced.n_parameters
    if df < 1:
        raise InputError(
            f"the first model must have more parameters than the second; got {fit.n_parameters} "
            f"and {reduced.n_parameters}"
        )
    full, small = _log_likelihood(fit, kind), _log_likelihood(reduced, kind)
    statistic = max(0.0, 2.0 * (full - small))
    boundary = len(reduced.components) < len(fit.components)
    note = "a variance of 0 lies on the boundary: the chi-squared p-value is conservative"
    return LikelihoodRatio(
        statistic=statistic,
        df=df,
        p_value=chi2_p(statistic, df),
        kind=kind,
        log_likelihood=full,
        log_likelihood_reduced=small,
        r2=_explained(fit, reduced),
        notes=(note,) if boundary else (),
    )


def information_criteria(*fits: Fit) -> pd.DataFrame:
    """Log-likelihood, deviance, AIC, BIC and AICc of several models of the same effects.

    Parameters
    ----------
    fits : models fitted alike: all by REML with the same coefficients, or none by REML

    Returns
    -------
    A row per model in the order given, with `delta_aicc` from the best.

    Raises
    ------
    InputError : no models, other effects, or likelihoods that cannot be compared.
    """
    if not fits:
        raise InputError("information_criteria wants one model or more; got none")
    first = fits[0]
    for fit in fits[1:]:
        if fit.k != first.k or not np.array_equal(fit.effects, first.effects):
            raise InputError("all models must describe the same effects, in the same order")
        if (fit.method == "REML") != (first.method == "REML"):
            raise InputError("REML and ML criteria cannot be compared; refit all with method='ML'")
        if fit.method == "REML" and not _same_span(fit.design, first.design):
            raise InputError(
                "REML criteria of models with different coefficients cannot be compared; "
                "refit all with method='ML'"
            )
    names = ("n_parameters", "log_likelihood", "deviance", "aic", "bic", "aicc")
    table = pd.DataFrame({name: [getattr(fit, name) for fit in fits] for name in names})
    table.insert(0, "model", [_label(fit) for fit in fits])
    return table.assign(delta_aicc=table["aicc"] - table["aicc"].min())


def vif(fit: Fit, *, by: Literal["coefficient", "term"] = "coefficient") -> pd.DataFrame:
    """Variance inflation factors of the moderators.

    Parameters
    ----------
    fit : a model with moderators
    by : "coefficient" for each (metafor's default), "term" for generalised factors, in which a
        factor's dummies are one

    Returns
    -------
    Columns vif, sif (the factor of the standard error, vif^(1/2m)) and m, the coefficients taken
    together. From the correlations of the *estimates*, without the intercept, so that weights
    and random effects count; not from the columns of the design.

    References
    ----------
    Fox J, Monette G 1992, doi:10.1080/01621459.1992.10475190
    """
    kept = [j for j, name in enumerate(fit.names) if name != INTERCEPT]
    if not kept:
        raise InputError("a model without moderators has no variance inflation; give mods")
    covariance = fit.covariance[np.ix_(kept, kept)]
    scale = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(scale, scale)
    place = {j: i for i, j in enumerate(kept)}
    groups: dict[str, tuple[int, ...]] = {fit.names[j]: (j,) for j in kept}
    if by == "term":
        if fit.spec is None:
            raise InputError("this fit was given a design matrix, which has no terms; use names")
        groups = {
            name: tuple(j for j in positions if j in place)
            for name, positions in fit.spec.terms.items()
            if name != INTERCEPT
        }
    elif by != "coefficient":
        raise InputError(f"by must be 'coefficient' or 'term'; got {by!r}")
    rows = []
    for name, positions in groups.items():
        inside = [place[j] for j in positions]
        factor = _inflation(correlation, inside)
        rows.append((name, factor, factor ** (0.5 / len(inside)), len(inside)))
    table = pd.DataFrame(rows, columns=["name", "vif", "sif", "m"])
    return table.set_index("name")


def _inflation(correlation: Floats, inside: list[int]) -> float:
    """Fox and Monette's |R₁₁| |R₂₂| / |R|, by log-determinants."""
    outside = [i for i in range(len(correlation)) if i not in inside]

    def logdet(rows: list[int]) -> float:
        return float(np.linalg.slogdet(correlation[np.ix_(rows, rows)])[1]) if rows else 0.0

    return float(np.exp(logdet(inside) + logdet(outside) - logdet(inside + outside)))


def _contrast_matrix(
    fit: Fit, contrasts: ArrayLike | Sequence[str]
) -> tuple[Floats, tuple[str, ...]]:
    if isinstance(contrasts, str):
        contrasts = [contrasts]
    asked = list(contrasts) if isinstance(contrasts, list | tuple) else []
    if asked and all(isinstance(name, str) for name in asked):
        terms = fit.spec.terms if fit.spec is not None else {}
        positions: list[int] = []
        for name in asked:
            if name in fit.names:
                positions.append(fit.names.index(name))
            elif name in terms:
                positions.extend(terms[name])
            else:
                raise InputError(
                    f"no coefficient or term named {name!r}; there are {list(fit.names)}"
                )
        return np.eye(fit.p)[positions], tuple(fit.names[j] for j in positions)
    matrix = np.atleast_2d(np.asarray(contrasts, dtype=float))
    if matrix.ndim != 2 or matrix.shape[1] != fit.p or not matrix.any(axis=1).all():
        raise InputError(
            f"contrasts want rows of {fit.p} numbers, not all zero, for {list(fit.names)}; "
            f"got shape {matrix.shape}"
        )
    return matrix, tuple(_in_words(row, fit.names) for row in matrix)


def _in_words(row: Floats, names: tuple[str, ...]) -> str:
    terms = [
        name if value == 1 else f"-{name}" if value == -1 else f"{value:g}*{name}"
        for value, name in zip(row, names, strict=True)
        if value != 0
    ]
    return " + ".join(terms).replace("+ -", "- ")


def _wald(estimates: Floats, covariance: Floats) -> tuple[float, int]:
    """Quadratic form in the pseudo-inverse, and the rank; scaled, so that units do not matter."""
    scale = np.sqrt(np.diag(covariance))
    values, vectors = np.linalg.eigh(covariance / np.outer(scale, scale))
    kept = values > SINGULAR * values.max()
    scores = vectors[:, kept].T @ (estimates / scale)
    return float(np.sum(scores**2 / values[kept])), int(kept.sum())


def _same_span(one: Floats, other: Floats) -> bool:
    """Whether two designs describe the same fitted values."""
    if one.shape != other.shape:
        return False
    if np.array_equal(one, other):
        return True
    basis = np.linalg.qr(one)[0]
    left = other - basis @ (basis.T @ other)
    return bool(np.linalg.norm(left) < 1e-8 * np.linalg.norm(other))


def _log_likelihood(fit: Fit, kind: Literal["ML", "REML"]) -> float:
    return likelihood(
        fit.effects,
        fit.design,
        fit.marginal,
        fit.sampling,
        n_parameters=fit.n_parameters,
        kind=kind,
        coefficients=fit.coefficients,
    ).log_likelihood


def _explained(fit: Fit, reduced: Fit) -> float:
    if len(fit.components) != 1 or len(reduced.components) != 1 or reduced.tau2 == 0.0:
        return float("nan")
    return max(0.0, 100.0 * (reduced.tau2 - fit.tau2) / reduced.tau2)


def _label(fit: Fit) -> str:
    formula = fit.spec.formula if fit.spec is not None else None
    return f"{fit.model}, {formula}" if formula else fit.model
