"""Several effects of one study to a single one, and the funnel at either level."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.special import ndtri

from enthesis.errors import InputError
from enthesis.evidence.design import build
from enthesis.evidence.formulas import INTERCEPT
from enthesis.evidence.sampling_blocks import SamplingCovariance, as_sampling_covariance

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]

FUNNEL_LEVELS = (0.90, 0.95, 0.99)
"""Pseudo confidence regions drawn in a contour-enhanced funnel; Peters et al. (2008)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Funnel:
    """What a funnel plot shows.

    Parameters
    ----------
    points : a row per effect, or per cluster: effect, std_error and statistic (distance from the
        centre in standard errors)
    centre : pooled effect, or 0 where points are residuals of a model with moderators
    regions : level, std_error, lower and upper of each pseudo confidence region, at a standard
        error of zero and at the largest one; straight lines join them
    residuals : points are residuals
    """

    points: pd.DataFrame
    centre: float
    regions: pd.DataFrame
    residuals: bool


def aggregate_effects(
    effects: pd.DataFrame,
    cluster: str,
    *,
    rho: float | None = None,
    V: ArrayLike | Sequence[ArrayLike] | SamplingCovariance | None = None,
    weighted: bool = True,
    yi: str = "yi",
    vi: str = "vi",
) -> pd.DataFrame:
    """One effect per cluster, allowing for the correlation of its effects.

    Parameters
    ----------
    effects : a row per effect
    cluster : column of the clusters, usually the study
    rho : sampling correlation of any two effects of a cluster, 0..1
    V : their sampling covariance instead: a result of `sampling_covariance`, blocks, or a matrix
    weighted : by the inverse of each cluster's covariance; otherwise the plain mean
    yi, vi : columns of effects and sampling variances

    Returns
    -------
    A row per cluster, in order of appearance, indexed by it: yi, vi, n_effects, the means of
    numeric columns, and other columns where they are constant within the cluster (else missing).

    Raises
    ------
    InputError : neither rho nor V, or both; rho out of range; a missing cluster.

    References
    ----------
    Borenstein et al. (2009), Introduction to Meta-Analysis, chapter 24, 10.1002/9780470743386.
    """
    if (rho is None) == (V is None):
        raise InputError("give the correlation of effects within clusters as rho, or V; not both")
    if rho is not None and not (0 <= rho < 1 or (rho == 1 and not weighted)):
        raise InputError(
            f"rho must be at least 0 and below 1 (1 only with weighted=False), got {rho:g}"
        )
    table = build(effects, yi=yi, vi=vi, needed=[cluster])
    codes, labels = pd.factorize(table.data[cluster])
    if V is not None:
        covariance = V if isinstance(V, SamplingCovariance) else None
        covariance = as_sampling_covariance(V, len(effects)) if covariance is None else covariance  # type: ignore[arg-type]
        y, v = _by_blocks(table.effects, covariance.take(table.rows), codes, weighted=weighted)
    else:
        y, v = _by_rho(table.effects, table.variances, codes, rho or 0.0, weighted=weighted)
    out = pd.DataFrame(
        {yi: y, vi: v, "n_effects": np.bincount(codes)}, index=pd.Index(labels, name=cluster)
    )
    for name in table.data.columns.difference([cluster, yi, vi, "n_effects"], sort=False):
        out[name] = _summary(table.data[name], codes, len(labels))
    return out


def funnel_data(fit: Fit, *, cluster: str | None = None, rho: float | None = None) -> Funnel:
    """Points and pseudo confidence regions of a funnel plot.

    Parameters
    ----------
    fit : any fitted model
    cluster : column to aggregate by first, so that each study is one point
    rho : sampling correlation of effects within clusters, needed with `cluster`

    Raises
    ------
    InputError : a cluster without rho.

    References
    ----------
    Sterne and Egger (2001), 10.1016/S0895-4356(01)00377-8; Peters et al. (2008),
    10.1016/j.jclinepi.2007.11.010.
    """
    plain = fit.names == (INTERCEPT,)
    table = pd.DataFrame(
        {"yi": fit.effects if plain else fit.residuals, "vi": fit.variances}, index=fit.data.index
    )
    if cluster is not None:
        if cluster not in fit.data.columns:
            known = ", ".join(map(str, fit.data.columns))
            raise InputError(f"no column {cluster!r} in the fit's data; it has: {known}")
        labelled = table.assign(**{cluster: fit.data[cluster]})
        table = aggregate_effects(labelled, cluster, rho=rho)
    centre = float(fit.coefficients[0]) if plain else 0.0
    se = np.sqrt(table["vi"].to_numpy())
    effect = table["yi"].to_numpy()
    points = pd.DataFrame(
        {"effect": effect, "std_error": se, "statistic": (effect - centre) / se}, index=table.index
    )
    level, height = (a.ravel() for a in np.meshgrid(FUNNEL_LEVELS, [0.0, se.max()], indexing="ij"))
    half = ndtri(0.5 + level / 2) * height
    regions = pd.DataFrame(
        {"level": level, "std_error": height, "lower": centre - half, "upper": centre + half}
    )
    return Funnel(points=points, centre=centre, regions=regions, residuals=not plain)


def _by_rho(
    y: Floats, v: Floats, codes: Ints, rho: float, *, weighted: bool
) -> tuple[Floats, Floats]:
    """Constant correlation has a closed form: diagonal plus rank one in every cluster."""

    def total(values: Floats) -> Floats:
        return np.bincount(codes, weights=values).astype(float)

    n, s = np.bincount(codes).astype(float), np.sqrt(v)
    if not weighted:
        return total(y) / n, ((1 - rho) * total(v) + rho * total(s) ** 2) / n**2
    a = 1 / ((1 - rho) * v)
    shrink = rho / (1 + rho * n / (1 - rho))
    along = total(a * s)
    precision = total(a) - shrink * along**2
    return (total(a * y) - shrink * along * total(a * s * y)) / precision, 1 / precision


def _by_blocks(
    y: Floats, covariance: SamplingCovariance, codes: Ints, *, weighted: bool
) -> tuple[Floats, Floats]:
    order = np.argsort(codes, kind="stable")
    clusters = np.split(order, np.cumsum(np.bincount(codes))[:-1])
    means, variances = np.empty(len(clusters)), np.empty(len(clusters))
    for j, rows in enumerate(clusters):
        block = covariance.dense(rows)
        share = np.full(len(rows), 1 / len(rows))
        if weighted:
            share = np.linalg.solve(block, np.ones(len(rows)))
            share /= share.sum()
        means[j], variances[j] = share @ y[rows], share @ block @ share
    return means, variances


def _summary(column: pd.Series, codes: Ints, n: int) -> Floats | NDArray[np.object_]:
    """Means of numbers; otherwise the value that all rows of a cluster share."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.groupby(codes).mean().reindex(range(n)).to_numpy(dtype=float)
    kinds, _ = pd.factorize(column)
    _, first = np.unique(codes, return_index=True)
    mixed = np.bincount(codes, weights=kinds != kinds[first][codes]) > 0
    shared = column.to_numpy(dtype=object)[first]
    shared[mixed] = None
    return shared
