"""The same model again: with one moderator more, or on other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from enthesis.errors import InputError
from enthesis.evidence.marginal import Diagonal
from enthesis.evidence.multilevel import MultilevelFit, multilevel
from enthesis.evidence.pool import pool

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit
    from enthesis.evidence.sampling_blocks import SamplingCovariance

    Floats = NDArray[np.float64]
    Ints = NDArray[np.intp]


def with_moderator(fit: Fit, name: str, values: Floats) -> Fit:
    """The fit's model with one numeric moderator added after those it has.

    Parameters
    ----------
    fit : a two-level or multilevel model
    name : of the new moderator, replacing a column of that name
    values : (k,)

    Raises
    ------
    InputError : a model fitted on a design matrix rather than a formula.
    """
    # The predictor may be "vi" itself, which then is both variance and moderator.
    data = fit.data.assign(**{"yi": fit.effects, "vi": fit.variances, name: values})
    V = fit.multilevel_model.sampling if isinstance(fit, MultilevelFit) else None
    return _again(fit, data, f"{_formula(fit) or '~ 1'} + {name}", V=V, weights=fit.weights)


def on_rows(fit: Fit, rows: Ints) -> Fit:
    """The fit's model on some of its rows.

    Raises
    ------
    InputError : the model cannot be fitted to these rows.
    """
    data = fit.data.assign(yi=fit.effects, vi=fit.variances).iloc[rows]
    V = None
    if isinstance(fit, MultilevelFit):
        sampling = fit.multilevel_model.sampling
        V = sampling[rows] if isinstance(sampling, np.ndarray) else sampling.take(rows)
    weights = None if fit.weights is None else fit.weights[rows]
    return _again(fit, data, _formula(fit), V=V, weights=weights)


def on_clusters(fit: MultilevelFit, rows: Sequence[Ints]) -> Fit:
    """The multilevel model on clusters drawn with replacement, each draw a cluster of its own.

    Parameters
    ----------
    fit : a multilevel model
    rows : of each drawn cluster

    Raises
    ------
    InputError : the model cannot be fitted to these clusters.
    """
    taken = np.concatenate(rows)
    draw = np.repeat(np.arange(len(rows)), [len(r) for r in rows])
    data = fit.data.assign(yi=fit.effects, vi=fit.variances).iloc[taken].reset_index(drop=True)
    once = {column for term in fit.random for column in term.split("|")[-1].strip().split("/")}
    for column in once & set(data.columns):
        # Two draws of one study are two studies; without a new name they would share an effect.
        data[column] = [f"{d}#{value}" for d, value in zip(draw, data[column], strict=True)]
    sampling = fit.multilevel_model.sampling
    V: Floats | list[Floats]
    V = sampling[taken] if isinstance(sampling, np.ndarray) else [sampling.dense(r) for r in rows]
    return _again(fit, data, _formula(fit), V=V, weights=None)


def _formula(fit: Fit) -> str | None:
    if fit.spec is None:
        raise InputError("a model without a formula cannot be fitted again; refit it with one")
    return fit.spec.formula


def _again(
    fit: Fit,
    data: pd.DataFrame,
    formula: str | None,
    *,
    V: Floats | list[Floats] | SamplingCovariance | None,
    weights: Floats | None,
) -> Fit:
    if isinstance(fit, MultilevelFit):
        model = fit.multilevel_model
        residual = fit.test == "z" or bool(np.all(fit.df == fit.k - fit.p))
        return multilevel(
            data,
            formula,
            random=fit.random,
            V=V,
            method="REML" if model.restricted else "ML",
            struct=model.structs,  # type: ignore[arg-type]
            test="z" if fit.test == "z" else "t",
            dfs="residual" if residual else "contain",
            sigma2=model.fixed,
            level=fit.level,
        )
    if not isinstance(fit.marginal, Diagonal):
        raise InputError(f"no way to fit a {fit.model} again; use pool or multilevel")
    known = next((c.value for c in fit.components if c.fixed), None)
    return pool(
        data,
        formula,
        method=fit.method,
        test=fit.test,
        level=fit.level,
        weights=weights,
        tau2=known,
    )
