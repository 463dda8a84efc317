"""What a fitted meta-analytic model holds: one frozen answer for every model of this room."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
import pandas as pd

from enthesis.evidence import prediction, printing
from enthesis.evidence.marginal import MarginalCovariance
from enthesis.evidence.tails import critical_value, two_sided_p

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["Fit", "MarginalCovariance", "ModelSpec", "VarianceComponent"]

NOT_PLAIN = {
    "multilevel_model",
    "design",
    "effects",
    "variances",
    "weights",
    "marginal",
    "sampling",
    "data",
    "spec",
}
"""Fields that are the model's material rather than its answer; `to_dict` leaves them out."""


class ModelSpec(Protocol):
    """How a table of moderators becomes a design matrix."""

    @property
    def formula(self) -> str | None:
        """The moderators as written, None where a matrix was given."""
        ...

    @property
    def terms(self) -> dict[str, tuple[int, ...]]:
        """Each term's columns; a factor's dummies belong together."""
        ...

    def matrix(self, data: pd.DataFrame) -> Floats:
        """The design matrix of new rows, coded as in the fit, (n, p)."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class VarianceComponent:
    """One estimated (or fixed) variance or correlation of a model.

    Parameters
    ----------
    name : "tau2", "study", "study/effect", "rho", …
    value : the estimate
    n_levels : how many levels the random effect has
    std_error : asymptotic, NaN where none was computed
    fixed : given by the user, so not counted as a parameter
    kind : a correlation does not add to the total heterogeneity
    """

    name: str
    value: float
    n_levels: int
    std_error: float = float("nan")
    fixed: bool = False
    kind: Literal["variance", "correlation"] = "variance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """A fitted model, ready to be summarised, predicted from, plotted or made robust.

    Parameters
    ----------
    names : p coefficient names
    coefficients : (p,)
    covariance : (p, p), as the chosen test uses it
    test : "z", "t", "knha" or "adhoc"
    df : (p,) degrees of freedom of each coefficient's test; infinite for z
    level : confidence level, 0 to 1
    model : title, such as "Random-effects model"
    method : estimator of the heterogeneity, such as "REML"
    components : the variance components; empty for an equal-effects model
    tau2 : sum of the components that are variances
    k, p : number of effects, number of coefficients
    q, q_df, q_p : Cochran's test of (residual) heterogeneity, with the inverse sampling covariance
    qm, qm_df, qm_p : omnibus test of the moderators (of the intercept, where there are none);
        an F with two df, or chi-squared where the second df is infinite
    i2 : percent of the total variability that is heterogeneity
    h2 : total over sampling variability
    typical_variance : Higgins and Thompson's typical sampling variance
    r2 : percent of the heterogeneity that the moderators explain; NaN without moderators
    dispersion : Knapp and Hartung's scale, already in `covariance`; 1 for the other tests
    log_likelihood, deviance, aic, bic, aicc : under REML if `method` is "REML", else under ML
    n_parameters : coefficients plus estimated variances and correlations
    effects, variances : (k,) the data used
    design : (k, p)
    weights : (k,) the user's weights, None for inverse-variance weights
    marginal, sampling : covariance of the effects under the model, and of sampling errors alone
    data : the rows used, with all their columns and their own index
    spec : how moderators become a design matrix; None where a matrix was given
    trace : successive values of an iterative estimate
    notes : what a careful reader should know
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    test: str
    df: Floats
    level: float
    model: str
    method: str
    components: tuple[VarianceComponent, ...]
    tau2: float
    k: int
    p: int
    q: float
    q_df: int
    q_p: float
    qm: float
    qm_df: tuple[float, float]
    qm_p: float
    i2: float
    h2: float
    typical_variance: float
    r2: float = float("nan")
    dispersion: float = 1.0
    log_likelihood: float
    n_parameters: int
    deviance: float
    aic: float
    bic: float
    aicc: float
    effects: Floats
    variances: Floats
    design: Floats
    weights: Floats | None = None
    marginal: MarginalCovariance
    sampling: MarginalCovariance
    data: pd.DataFrame
    spec: ModelSpec | None = None
    trace: tuple[float, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def std_errors(self) -> Floats:
        """Standard error of each coefficient, (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def statistics(self) -> Floats:
        """Coefficient over standard error, (p,)."""
        return self.coefficients / self.std_errors

    @property
    def p_values(self) -> Floats:
        """Two-sided p-value of each coefficient, (p,)."""
        return two_sided_p(self.statistics, self.df)

    @property
    def ci_lower(self) -> Floats:
        """Lower confidence bound of each coefficient, (p,)."""
        return self.coefficients - critical_value(self.level, self.df) * self.std_errors

    @property
    def ci_upper(self) -> Floats:
        """Upper confidence bound of each coefficient, (p,)."""
        return self.coefficients + critical_value(self.level, self.df) * self.std_errors

    @property
    def tau(self) -> float:
        """Standard deviation of the true effects, in the unit of the effects."""
        return float(np.sqrt(self.tau2))

    @property
    def fitted(self) -> Floats:
        """Design times coefficients, (k,)."""
        return self.design @ self.coefficients

    @property
    def residuals(self) -> Floats:
        """Effects minus fitted values, (k,)."""
        return self.effects - self.fitted

    def predict(
        self,
        newdata: pd.DataFrame | ArrayLike | None = None,
        *,
        level: float | None = None,
        interval: prediction.Interval = "t",
    ) -> pd.DataFrame:
        """Average effects with confidence and prediction intervals, a row per setting.

        Parameters
        ----------
        newdata : moderator values in columns, or an (n, p) design; without it the one pooled
            effect, or with moderators the fitted value of every row
        level : confidence level; that of the fit by default
        interval : distribution of the prediction interval. "t" has k − p degrees of freedom (the
            degrees of freedom of the coefficients where the model has its own), as Cochrane's
            RevMan and R's meta use it; "riley" one fewer for each variance component;
            "normal" is metafor's default for z tests

        Returns
        -------
        Columns estimate, std_error, ci_lower, ci_upper, pi_lower, pi_upper. The prediction
        interval is NaN for equal-effects models, which have nothing to predict with it.

        References
        ----------
        Riley RD et al. 2011, doi:10.1136/bmj.d549
        """
        return prediction.predict(self, newdata, level=level, interval=interval)

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient: estimate, std_error, statistic, df, p_value and bounds."""
        return pd.DataFrame(
            {
                "estimate": self.coefficients,
                "std_error": self.std_errors,
                "statistic": self.statistics,
                "df": self.df,
                "p_value": self.p_values,
                "ci_lower": self.ci_lower,
                "ci_upper": self.ci_upper,
            },
            index=pd.Index(self.names, name="coefficient"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON; NaN and infinity become None."""
        answer = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in NOT_PLAIN}
        answer["components"] = [
            {f.name: getattr(component, f.name) for f in fields(component)}
            for component in self.components
        ]
        answer["table"] = self.to_frame().reset_index().to_dict(orient="records")
        answer["formula"] = self.spec.formula if self.spec is not None else None
        plain: dict[str, Any] = printing.plain(answer)
        return plain

    def summary(self) -> str:
        """The fit as text, laid out as metafor prints it."""
        return printing.summary(self)

    def _repr_html_(self) -> str:
        return printing.html(self)
