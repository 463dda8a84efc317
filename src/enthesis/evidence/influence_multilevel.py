"""What one cluster does to a multilevel model: the model refitted without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.clusters import cluster_codes
from enthesis.evidence.multilevel import MultilevelFit
from enthesis.evidence.multilevel_answer import marginal
from enthesis.evidence.tails import chi2_p

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterInfluence:
    """Case statistics of every cluster, in the order in which clusters appear in the data.

    Parameters
    ----------
    clusters : J labels
    sizes : (J,) effects in each
    coefficients : (J, p) without the cluster
    components : (J, n) variance components without it, named by `component_names`
    cooks : (J,) Cook's distance: how far the coefficients move, in their own covariance
    dfbetas : (J, p) change of each coefficient, in its standard error without the cluster's
        share in the variance components
    deleted_chi2 : (J,) the cluster's effects against what the others predict, chi-squared with
        as many df as effects
    deleted_p : (J,) its p-value
    names, component_names : of coefficients and of components
    notes : clusters without which the model cannot be fitted; their statistics are NaN
    """

    clusters: tuple[str, ...]
    sizes: Ints
    coefficients: Floats
    components: Floats
    cooks: Floats
    dfbetas: Floats
    deleted_chi2: Floats
    deleted_p: Floats
    names: tuple[str, ...]
    component_names: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row per cluster."""
        table = pd.DataFrame(
            {
                "size": self.sizes,
                "cooks": self.cooks,
                "deleted_chi2": self.deleted_chi2,
                "deleted_p": self.deleted_p,
            },
            index=pd.Index(self.clusters, name="cluster"),
        )
        for prefix, names, values in (
            ("dfbetas", self.names, self.dfbetas),
            ("estimate", self.names, self.coefficients),
            ("without", self.component_names, self.components),
        ):
            table = table.join(
                pd.DataFrame(
                    values, index=table.index, columns=[f"{prefix}[{name}]" for name in names]
                )
            )
        return table


def cluster_influence(fit: MultilevelFit, cluster: str | ArrayLike | pd.Series) -> ClusterInfluence:
    """Cook's distances, DFBETAS and deleted residuals of whole clusters.

    Parameters
    ----------
    fit : a multilevel model
    cluster : column of the fit's data, or one value per effect used

    Raises
    ------
    InputError : not a multilevel fit, or an unusable cluster.

    Notes
    -----
    The model is refitted without each cluster, variance components included, to full convergence.

    References
    ----------
    Viechtbauer W, Cheung MWL 2010, doi:10.1002/jrsm.11; Demidenko E, Stukel TA 2005,
    doi:10.1002/sim.1974
    """
    if not isinstance(fit, MultilevelFit):
        raise InputError("cluster_influence needs a fit of `multilevel`; use `influence` for pool")
    codes, _ = cluster_codes(fit.data, cluster)
    values = fit.data[cluster].to_numpy() if isinstance(cluster, str) else np.asarray(cluster)
    n = int(codes.max()) + 1
    coefficients = np.full((n, fit.p), np.nan)
    components = np.full((n, len(fit.components)), np.nan)
    dfbetas, cooks, chi2 = coefficients.copy(), np.full(n, np.nan), np.full(n, np.nan)
    labels, failed = [], []
    precision = np.linalg.inv(fit.covariance)
    for c in range(n):
        out = np.flatnonzero(codes == c)
        labels.append(str(values[out[0]]))
        found = _without(fit, out, np.flatnonzero(codes != c))
        if found is None:
            failed.append(labels[-1])
            continue
        change = fit.coefficients - found.coefficients
        coefficients[c], components[c] = found.coefficients, found.components
        cooks[c] = change @ precision @ change
        dfbetas[c] = change / found.std_errors
        chi2[c] = found.chi2
    sizes = np.bincount(codes)
    notes = (
        (f"cannot be fitted without cluster {', '.join(failed)}: coefficients rest on it alone",)
        if failed
        else ()
    )
    return ClusterInfluence(
        clusters=tuple(labels),
        sizes=sizes,
        coefficients=coefficients,
        components=components,
        cooks=cooks,
        dfbetas=dfbetas,
        deleted_chi2=chi2,
        deleted_p=np.array(
            [
                chi2_p(q, size) if np.isfinite(q) else np.nan
                for q, size in zip(chi2, sizes, strict=True)
            ]
        ),
        names=fit.names,
        component_names=tuple(c.name for c in fit.components),
        notes=notes,
    )


@dataclass(frozen=True, slots=True)
class _Without:
    coefficients: Floats
    components: Floats
    std_errors: Floats
    chi2: float


def _without(fit: MultilevelFit, out: Ints, kept: Ints) -> _Without | None:
    """The model without some rows, and how those rows look to it; None if it cannot be fitted."""
    full = fit.multilevel_model
    if kept.size <= fit.p or np.linalg.matrix_rank(full.design[kept]) < fit.p:
        return None
    model = full.take(kept)
    if model.lower.size != full.lower.size:
        return None  # an inner level disappears with the cluster
    start = np.where(model.estimated, fit.parameters, model.start_fixed())
    point = model.maximise(start=start).point
    solution, everywhere = model.least_squares(point), marginal(full, point)
    if solution is None or everywhere is None:
        return None
    X = full.design
    residuals = full.effects[out] - X[out] @ solution.coefficients
    spread = everywhere.dense(out) + X[out] @ solution.covariance @ X[out].T
    # all effects weighted, with the variance components that hold without the cluster
    covariance = np.linalg.inv(X.T @ everywhere.solve(X))
    return _Without(
        solution.coefficients,
        model.natural(point)[1],
        np.sqrt(np.diag(covariance)),
        float(residuals @ np.linalg.solve(spread, residuals)),
    )
