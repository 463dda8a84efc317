"""Cluster-robust inference for every model of this room."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from html import escape
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence import printing
from enthesis.evidence.clusters import Clusters, cluster_codes
from enthesis.evidence.contrasts import contrast_matrix
from enthesis.evidence.sandwich import KINDS, Moments, Sandwich, sandwich
from enthesis.evidence.small_sample import saddlepoint, saddlepoint_critical_value, satterthwaite
from enthesis.evidence.tails import critical_value, two_sided_p

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.fit import Fit, MarginalCovariance
    from enthesis.evidence.sandwich import Blocks

    Floats = NDArray[np.float64]
    Rows = NDArray[np.intp]

Kind = Literal["CR0", "CR1", "CR1p", "CR1S", "CR2", "CR3"]
Test = Literal["Satterthwaite", "naive-t", "naive-tp", "z", "saddlepoint"]

FEW_DF = 4.0
"""Satterthwaite degrees of freedom below which the t approximation itself is poor; Tipton (2015),
doi:10.1037/met0000011."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RobustFit:
    """Coefficients with cluster-robust standard errors.

    Parameters
    ----------
    names : p coefficient names
    coefficients : (p,), those of the model
    covariance : (p, p), cluster-robust
    kind : adjustment, "CR0" to "CR3"
    test : reference distribution of the tests and intervals
    df : (p,) degrees of freedom; infinite for z, NaN for the saddlepoint
    level : confidence level, 0 to 1
    p_values, ci_lower, ci_upper : (p,)
    saddlepoints : (p,) where `test` is "saddlepoint", else None
    n_clusters, k, p : number of clusters, of effects, and of coefficients in the model
    cluster : what the clusters are
    cluster_sizes : (n_clusters,) effects in each
    model : title of the model that was made robust
    moments : working-model moments of the clusters' contributions, for further contrasts and tests
    notes : what a careful reader should know
    """

    names: tuple[str, ...]
    coefficients: Floats
    covariance: Floats
    kind: str
    test: str
    df: Floats
    level: float
    p_values: Floats
    ci_lower: Floats
    ci_upper: Floats
    saddlepoints: Floats | None = None
    n_clusters: int
    k: int
    p: int
    cluster: str
    cluster_sizes: Rows
    model: str
    moments: Moments = field(repr=False)
    notes: tuple[str, ...] = ()

    @property
    def std_errors(self) -> Floats:
        """Robust standard error of each coefficient, (p,)."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def statistics(self) -> Floats:
        """Coefficient over robust standard error, (p,)."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.coefficients / self.std_errors

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
        answer = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "moments"}
        answer["table"] = self.to_frame().reset_index().to_dict(orient="records")
        plain: dict[str, Any] = printing.plain(answer)
        return plain

    def summary(self) -> str:
        """The result as text."""
        header = ["", "estimate", "se", "tval", "df", "pval", "ci.lb", "ci.ub", ""]
        rows = [
            [
                name,
                *(printing.number(row[key]) for key in ("estimate", "std_error", "statistic")),
                f"{row['df']:.4g}",
                printing.p_text(row["p_value"]),
                printing.number(row["ci_lower"]),
                printing.number(row["ci_upper"]),
                printing.stars(row["p_value"]),
            ]
            for name, row in zip(self.names, self.to_frame().to_dict(orient="records"), strict=True)
        ]
        notes = "\n".join(f"Note: {note}" for note in self.notes)
        blocks = [self._title(), self._sizes(), printing.columns(header, rows), notes]
        return "\n\n".join(block for block in blocks if block)

    def _repr_html_(self) -> str:
        table = self.to_frame()
        table["p_value"] = [printing.p_text(p) for p in table["p_value"]]
        body = table.to_html(float_format=lambda v: printing.number(v), border=0)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self.notes)
        return (
            f"<div><p><b>{escape(self._title())}</b><br>{escape(self._sizes())}</p>"
            f"{body}{notes}</div>"
        )

    def _title(self) -> str:
        return f"{self.model}, cluster-robust ({self.kind}, {self.test})"

    def _sizes(self) -> str:
        sizes = self.cluster_sizes
        return (
            f"{self.k} effects in {self.n_clusters} clusters ({self.cluster}); effects per "
            f"cluster: {sizes.min()}–{sizes.max()} (mean {sizes.mean():.2f}, "
            f"median {np.median(sizes):g})"
        )


def robust(
    fit: Fit,
    cluster: str | ArrayLike | pd.Series,
    *,
    kind: Kind = "CR2",
    working: ArrayLike | MarginalCovariance | None = None,
    test: Test = "Satterthwaite",
    level: float = 0.95,
) -> RobustFit:
    """Inference that stays valid when the model's covariance within clusters is wrong.

    Parameters
    ----------
    fit : any fitted model of this room
    cluster : name of a column of the data, or one value per effect of the fit; a Series is matched
        by its index. Effects of different clusters are taken as independent
    kind : "CR2" removes the small-sample bias under the working model, "CR0" does not adjust,
        "CR1", "CR1p" and "CR1S" scale by J/(J - 1), J/(J - p) and J(N - 1)/((J - 1)(N - p)),
        "CR3" is close to a jackknife over clusters. metafor's robust() is "CR1p" with "naive-tp"
    working : working covariance, by default that of the model: (k,) variances, a (k, k) matrix,
        or a covariance object of this room
    test : "Satterthwaite" estimates the degrees of freedom of each coefficient; "naive-t" and
        "naive-tp" take J - 1 and J - p, "z" the normal, "saddlepoint" McCaffrey and Bell's
        approximation
    level : confidence level

    Returns
    -------
    RobustFit with the model's own coefficients.

    Raises
    ------
    InputError : unknown column, missing cluster, a single cluster, or a `kind` that these clusters
        do not allow.

    Notes
    -----
    Where the model itself correlates effects of different clusters (random effects or a sampling
    covariance not nested in them), the coefficients and their weights are kept, and the working
    covariance is the model's within each cluster with zero between clusters; a note says so.

    References
    ----------
    Pustejovsky & Tipton (2018) doi:10.1080/07350015.2016.1247004; Bell & McCaffrey (2002);
    Hedges, Tipton & Johnson (2010) doi:10.1002/jrsm.5.

    Examples
    --------
    >>> robust(fit, "study").summary()  # doctest: +SKIP
    """
    _check_options(kind, test, level)
    codes, label = cluster_codes(fit.data, cluster)
    clusters = Clusters(codes)
    X = fit.design
    U = fit.marginal.solve(X) if fit.weights is None else fit.weights[:, None] * X
    blocks = fit.marginal.dense if working is None else _blocks(working, fit.k)
    result = sandwich(X, U, fit.residuals, clusters, blocks, kind=kind)
    crossed = working is None and fit.weights is None and not result.inverse_variance
    return inference(
        names=fit.names,
        coefficients=fit.coefficients,
        result=result,
        clusters=clusters,
        cluster=label,
        kind=kind,
        test=test,
        level=level,
        model=fit.model,
        notes=(_CROSSED,) if crossed else (),
    )


def contrast(fit: RobustFit, matrix: ArrayLike | pd.DataFrame) -> RobustFit:
    """Linear combinations of the coefficients, each with its own degrees of freedom.

    Parameters
    ----------
    fit : robust fit
    matrix : (q, p) weights, a row per combination (or (p,) for one). A table is matched by its
        column names, absent ones counting 0, and its index names the combinations

    Returns
    -------
    RobustFit whose coefficients are the combinations; kind, test and level are those of `fit`.
    """
    names, C = contrast_matrix(fit.names, matrix)
    moments = fit.moments.of(C)
    small = replace(
        fit,
        names=names,
        coefficients=C @ fit.coefficients,
        covariance=C @ fit.covariance @ C.T,
        moments=moments,
    )
    return _with_tests(small)


def inference(
    *,
    names: tuple[str, ...],
    coefficients: Floats,
    result: Sandwich,
    clusters: Clusters,
    cluster: str,
    kind: str,
    test: str,
    level: float,
    model: str,
    notes: tuple[str, ...] = (),
) -> RobustFit:
    """Tests and intervals from a sandwich, the same for every working model."""
    empty = np.full(len(names), np.nan)
    if result.n_deficient:
        absorbed = (
            f"in {result.n_deficient} of {clusters.n} clusters some direction is absorbed by the "
            "coefficients; the adjustment there uses a generalised inverse"
        )
        notes = (*notes, absorbed)
    fit = RobustFit(
        names=names,
        coefficients=coefficients,
        covariance=result.covariance,
        kind=kind,
        test=test,
        df=empty,
        level=level,
        p_values=empty,
        ci_lower=empty,
        ci_upper=empty,
        n_clusters=clusters.n,
        k=len(clusters.codes),
        p=len(names),
        cluster=cluster,
        cluster_sizes=clusters.sizes,
        model=model,
        moments=result.moments,
        notes=notes,
    )
    return replace(_with_tests(fit), notes=(*notes, *_warnings(fit)))


def _warnings(fit: RobustFit) -> list[str]:
    """What the Satterthwaite degrees of freedom say about each coefficient, whatever the test."""
    df = satterthwaite(fit.moments)
    few = [name for name, value in zip(fit.names, df, strict=True) if value < FEW_DF]
    fixed = [name for name, value in zip(fit.names, df, strict=True) if np.isnan(value)]
    said = []
    if few:
        said.append(
            f"fewer than {FEW_DF:g} Satterthwaite degrees of freedom for {', '.join(few)}: "
            "p-values and intervals are not to be trusted"
        )
    if fixed:
        said.append(
            f"one cluster alone fixes {', '.join(fixed)}, so that clusters cannot tell the "
            "variance: the standard error is not an estimate"
        )
    return said


_CROSSED = (
    "the model correlates effects of different clusters; robust inference takes clusters as "
    "independent, with the model's covariance within each of them"
)


def _with_tests(fit: RobustFit) -> RobustFit:
    """The same fit with df, p-values and bounds of its test."""
    saddlepoints = None
    df = _degrees_of_freedom(fit)
    if fit.test == "saddlepoint":
        p_values, saddlepoints = saddlepoint(fit.moments, fit.statistics)
        critical = saddlepoint_critical_value(fit.moments, fit.level)
    else:
        p_values, critical = two_sided_p(fit.statistics, df), critical_value(fit.level, df)
    return replace(
        fit,
        df=df,
        p_values=p_values,
        ci_lower=fit.coefficients - critical * fit.std_errors,
        ci_upper=fit.coefficients + critical * fit.std_errors,
        saddlepoints=saddlepoints,
    )


def _degrees_of_freedom(fit: RobustFit) -> Floats:
    n = len(fit.names)
    if fit.test == "Satterthwaite":
        return satterthwaite(fit.moments)
    if fit.test == "naive-tp" and fit.n_clusters <= fit.p:
        raise InputError(
            f"naive-tp has clusters minus coefficients degrees of freedom, but there are "
            f"{fit.n_clusters} clusters and {fit.p} coefficients; use Satterthwaite"
        )
    naive = {"naive-t": fit.n_clusters - 1.0, "naive-tp": float(fit.n_clusters - fit.p)}
    return np.full(n, naive.get(fit.test, np.inf if fit.test == "z" else np.nan))


def _blocks(working: ArrayLike | MarginalCovariance, k: int) -> Blocks:
    """Blocks of a working covariance given by the user."""
    if hasattr(working, "dense"):
        dense: Blocks = working.dense
        return dense
    given = np.asarray(working, dtype=float)
    if given.shape not in ((k,), (k, k)):
        raise InputError(
            f"the working covariance needs {k} variances or a {k} × {k} matrix, but has shape "
            f"{given.shape}; leave it out to use the model's own"
        )
    diagonal = given if given.ndim == 1 else np.diag(given)
    if not (np.isfinite(given).all() and (diagonal > 0).all()):
        row = int(np.argmin(np.where(np.isfinite(diagonal), diagonal, -np.inf)))
        raise InputError(
            f"working variances must be positive and finite, but row {row} has {diagonal[row]:g}; "
            "correct it or leave the working covariance out"
        )
    if given.ndim == 1:
        return lambda rows: given[rows][..., None] * np.eye(rows.shape[-1])
    return lambda rows: given[rows[..., :, None], rows[..., None, :]]


def _check_options(kind: str, test: str, level: float) -> None:
    if kind not in KINDS:
        raise InputError(f"kind is one of {', '.join(KINDS)}, not {kind!r}")
    if test not in get_args(Test):
        raise InputError(f"test is one of {', '.join(get_args(Test))}, not {test!r}")
    if not 0 < level < 1:
        raise InputError(f"the confidence level lies between 0 and 1, not at {level}; 95% is 0.95")
