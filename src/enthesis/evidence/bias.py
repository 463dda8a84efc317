"""Small-study effects: regression of the effects on their precision, PET and PEESE."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np

from enthesis.errors import InputError
from enthesis.evidence.design import build, column_of_numbers
from enthesis.evidence.formulas import INTERCEPT
from enthesis.evidence.multilevel import MultilevelFit
from enthesis.evidence.printing import columns, number, p_phrase, p_text
from enthesis.evidence.refit import with_moderator
from enthesis.evidence.robust import RobustFit, robust
from enthesis.evidence.tails import critical_value, two_sided_p

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

Predictor = Literal["sei", "vi", "ni", "ninv", "sqrtni", "sqrtninv"]

PREDICTORS = ("sei", "vi", "ni", "ninv", "sqrtni", "sqrtninv")
"""Standard error, variance, and total sample size as it is, inverted, and their square roots."""

VANISHING = ("sei", "vi", "ninv", "sqrtninv")
"""Predictors that are zero for an infinitely large study, so that the intercept is its effect."""

PET_ALPHA = 0.10
"""Two-sided level at which PET's intercept must differ from zero for PEESE to be preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Egger:
    """Regression of the effects on a measure of their precision.

    Parameters
    ----------
    predictor, model : as used; `model` is "mixed", "multilevel" or "lm"
    slope, std_error, statistic, df, p_value : of the predictor; zero slope is a symmetric funnel
    intercept, intercept_lower, intercept_upper : of the regression
    intercept_is_limit : the intercept estimates the effect of an infinitely large study, as the
        predictor vanishes for it and the model has no other moderators
    fit : the regression; None for "lm"
    robust : its cluster-robust form, from which the numbers above then come; else None
    """

    predictor: str
    model: str
    slope: float
    std_error: float
    statistic: float
    df: float
    p_value: float
    intercept: float
    intercept_lower: float
    intercept_upper: float
    intercept_is_limit: bool
    fit: Fit | None = field(repr=False)
    robust: RobustFit | None = field(repr=False)

    def summary(self) -> str:
        """The test in words, and the limit where the intercept is one."""
        kind = {"lm": "weighted regression", "mixed": "mixed-effects"}.get(self.model, self.model)
        title = f"Regression test for funnel asymmetry ({kind}, predictor {self.predictor}"
        title += ", cluster-robust)" if self.robust is not None else ")"
        slope = f"slope {number(self.slope)} (SE {number(self.std_error)})"
        letter = "z" if np.isinf(self.df) else f"t({self.df:.4g})"
        test = f"{letter} = {number(self.statistic)}, {p_phrase(self.p_value)}"
        lines = [title, f"{slope}, {test}"]
        if self.intercept_is_limit:
            bounds = f"[{number(self.intercept_lower)}, {number(self.intercept_upper)}]"
            lines.append(f"limit as the predictor vanishes: {number(self.intercept)} {bounds}")
        return "\n".join(lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """A weighted straight line with multiplicative dispersion, t on k - 2 degrees of freedom."""

    intercept: float
    intercept_std_error: float
    intercept_p: float
    intercept_lower: float
    intercept_upper: float
    slope: float
    slope_std_error: float
    slope_p: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PetPeese:
    """The precision-effect test and the estimate with standard error.

    Parameters
    ----------
    pet : regression on the standard error; its intercept tests for an effect beyond bias
    peese : regression on the variance; its intercept estimates that effect
    preferred : "PEESE" where PET's intercept differs from zero at two-sided .10, else "PET"
    """

    pet: Regression
    peese: Regression
    preferred: Literal["PET", "PEESE"]

    def summary(self) -> str:
        """Both intercepts and slopes, the preferred line marked."""
        rows = [
            (
                f"{name}{' *' if name == self.preferred else ''}",
                number(line.intercept),
                number(line.intercept_std_error),
                p_text(line.intercept_p),
                number(line.intercept_lower),
                number(line.intercept_upper),
                number(line.slope),
                p_text(line.slope_p),
            )
            for name, line in (("PET", self.pet), ("PEESE", self.peese))
        ]
        header = ("", "effect", "se", "pval", "ci.lb", "ci.ub", "slope", "slope pval")
        return f"{columns(header, rows)}\n* preferred"


def egger(
    fit: Fit,
    *,
    predictor: Predictor = "sei",
    model: Literal["mixed", "lm"] = "mixed",
    ni: str = "ni",
    cluster: str | None = None,
) -> Egger:
    """Egger's regression test for funnel asymmetry, in the fit's own kind of model.

    Parameters
    ----------
    fit : a two-level or multilevel model; its estimator, test, random effects and moderators stay
    predictor : "sei" (Egger's), "vi", or the total sample size as "ni", "ninv", "sqrtni",
        "sqrtninv"
    model : "mixed" adds the predictor to the model; "lm" is the classical weighted regression with
        multiplicative dispersion, which knows no random effects
    ni : column of total sample sizes, for the predictors made of them
    cluster : column that names clusters: the test is then cluster-robust (CR2, Satterthwaite)

    Raises
    ------
    InputError : unknown predictor or model, no usable sample sizes, or "lm" with a cluster.

    References
    ----------
    Egger et al. (1997), 10.1136/bmj.315.7109.629; Sterne and Egger (2005), 10.1002/0470870168.ch6;
    Rodgers and Pustejovsky (2021), 10.1037/met0000300 (the multilevel form).
    """
    if predictor not in PREDICTORS:
        raise InputError(f"unknown predictor {predictor!r}; choose one of {', '.join(PREDICTORS)}")
    if model not in ("mixed", "lm"):
        raise InputError(f"model is 'mixed' or 'lm', got {model!r}")
    values = _predictor(fit, predictor, ni)
    if model == "lm":
        if cluster is not None:
            raise InputError("the 'lm' form has no clusters; use model='mixed' with a cluster")
        return _classical(fit, predictor, values)
    regression = with_moderator(fit, predictor, values)
    answer = robust(regression, cluster, level=fit.level) if cluster is not None else None
    source = regression if answer is None else answer
    at = source.names.index(predictor)  # interactions come after it
    return Egger(
        predictor=predictor,
        model="multilevel" if isinstance(fit, MultilevelFit) else "mixed",
        slope=float(source.coefficients[at]),
        std_error=float(source.std_errors[at]),
        statistic=float(source.statistics[at]),
        df=float(source.df[at]),
        p_value=float(source.p_values[at]),
        intercept=float(source.coefficients[0]),
        intercept_lower=float(source.ci_lower[0]),
        intercept_upper=float(source.ci_upper[0]),
        intercept_is_limit=_is_limit(fit, predictor),
        fit=regression,
        robust=answer,
    )


def pet_peese(
    effects: pd.DataFrame, *, level: float = 0.95, yi: str = "yi", vi: str = "vi"
) -> PetPeese:
    """Effect of an infinitely precise study, by regression on standard error and on variance.

    Parameters
    ----------
    effects : a row per effect
    level : of the confidence intervals
    yi, vi : columns of effects and sampling variances

    Raises
    ------
    InputError : fewer than three effects, or all variances equal.

    References
    ----------
    Stanley and Doucouliagos (2014), 10.1002/jrsm.1095.
    """
    table = build(effects, yi=yi, vi=vi)
    y, v = table.effects, table.variances
    pet, peese = (_line(y, v, x, level) for x in (np.sqrt(v), v))
    preferred: Literal["PET", "PEESE"] = "PEESE" if pet.intercept_p < PET_ALPHA else "PET"
    return PetPeese(pet=pet, peese=peese, preferred=preferred)


def _predictor(fit: Fit, predictor: Predictor, ni: str) -> Floats:
    if predictor == "sei":
        return np.sqrt(fit.variances)
    if predictor == "vi":
        return fit.variances
    if ni not in fit.data.columns:
        raise InputError(
            f"predictor {predictor!r} needs sample sizes, but the data have no column {ni!r}; "
            "name it with ni="
        )
    n = column_of_numbers(fit.data, ni)
    if not (n > 0).all():
        row = int(np.flatnonzero(~(n > 0))[0])
        raise InputError(
            f"sample sizes must be positive; column {ni!r} holds {n[row]:g} in row "
            f"{fit.data.index[row]!r}"
        )
    forms = {"ni": n, "ninv": 1 / n, "sqrtni": np.sqrt(n), "sqrtninv": 1 / np.sqrt(n)}
    return forms[predictor]


def _is_limit(fit: Fit, predictor: str) -> bool:
    return predictor in VANISHING and fit.names == (INTERCEPT,)


def _classical(fit: Fit, predictor: Predictor, values: Floats) -> Egger:
    X = np.column_stack([fit.design, values])
    b, covariance, df = _weighted_regression(fit.effects, fit.variances, X)
    se = np.sqrt(np.diag(covariance))
    half = critical_value(fit.level, df) * se[0]
    return Egger(
        predictor=predictor,
        model="lm",
        slope=float(b[-1]),
        std_error=float(se[-1]),
        statistic=float(b[-1] / se[-1]),
        df=float(df),
        p_value=float(two_sided_p(b[-1] / se[-1], df)),
        intercept=float(b[0]),
        intercept_lower=float(b[0] - half),
        intercept_upper=float(b[0] + half),
        intercept_is_limit=_is_limit(fit, predictor),
        fit=None,
        robust=None,
    )


def _line(y: Floats, v: Floats, x: Floats, level: float) -> Regression:
    b, covariance, df = _weighted_regression(y, v, np.column_stack([np.ones(len(y)), x]))
    se = np.sqrt(np.diag(covariance))
    half = critical_value(level, df) * se[0]
    p = two_sided_p(b / se, df)
    return Regression(
        intercept=float(b[0]),
        intercept_std_error=float(se[0]),
        intercept_p=float(p[0]),
        intercept_lower=float(b[0] - half),
        intercept_upper=float(b[0] + half),
        slope=float(b[1]),
        slope_std_error=float(se[1]),
        slope_p=float(p[1]),
    )


def _weighted_regression(y: Floats, v: Floats, X: Floats) -> tuple[Floats, Floats, int]:
    """Weighted least squares whose error variance is estimated, as `lm` does."""
    k, p = X.shape
    if k <= p:
        raise InputError(f"the regression needs more than {p} effects, got {k}")
    root = np.sqrt(1 / v)
    basis, upper = np.linalg.qr(root[:, None] * X)
    pivots = np.abs(np.diag(upper))
    if pivots.min() <= 1e-10 * pivots.max():
        raise InputError("the predictor does not vary among the effects, so it has no slope")
    b = np.linalg.solve(upper, basis.T @ (root * y))
    residual = root * (y - X @ b)
    inverse = np.linalg.inv(upper)
    return b, inverse @ inverse.T * (residual @ residual) / (k - p), k - p
