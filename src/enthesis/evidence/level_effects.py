"""Best linear unbiased predictions of the random effects of a multilevel model, level by level."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from enthesis.evidence.block_covariance import BlockCovariance
from enthesis.evidence.tails import critical_value

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.multilevel import MultilevelFit

    Floats = NDArray[np.float64]


def level_effects(fit: MultilevelFit, *, level: float | None = None) -> pd.DataFrame:
    """Predicted random effect of every level of every random term.

    Parameters
    ----------
    fit : a multilevel model
    level : of the intervals; the fit's own by default

    Returns
    -------
    A row per level: component, level, estimate, std_error, pi_lower, pi_upper. The standard error
    is that of the prediction error, with the variance components taken as known. For an
    inner | outer term a level is a pair, "inner | outer".

    References
    ----------
    Robinson GK 1991, That BLUP is a good thing, doi:10.1214/ss/1177011926
    """
    model, at = fit.multilevel_model, fit.parameters
    working, solution = model.covariance(at), model.least_squares(at)
    assert working is not None
    assert solution is not None
    order, ux, py = model.order, solution.ux, solution.py
    frames = []
    for j, term in enumerate(model.intercepts):
        codes, n = term.codes[order], term.n_levels
        variance = at[j]
        estimate = variance * np.bincount(codes, py, minlength=n)
        slopes = np.stack([np.bincount(codes, u, minlength=n) for u in ux])
        explained = working.level_precisions(j, codes)
        explained -= np.einsum("pl,pq,ql->l", slopes, solution.covariance, slopes)
        error = variance - variance**2 * explained
        frames.append(_frame(term.name, term.labels, estimate, error))
    for part in model.correlated:
        assert isinstance(working, BlockCovariance)
        estimate, error = working.correlated_effects(part.at, py, ux, solution.covariance)
        pairs = part.term.inner * len(part.term.outer_labels) + part.term.outer
        _, first = np.unique(pairs, return_index=True)
        labels = [
            f"{part.term.labels[part.term.inner[i]]} | {part.term.outer_labels[part.term.outer[i]]}"
            for i in first
        ]
        frames.append(_frame(part.term.name, labels, estimate[first], error[first]))
    table = pd.concat(frames, ignore_index=True)
    df = np.inf if fit.test == "z" else float(max(fit.k - fit.p, 1))
    reach = critical_value(fit.level if level is None else level, df) * table["std_error"]
    return table.assign(pi_lower=table["estimate"] - reach, pi_upper=table["estimate"] + reach)


def _frame(name: str, labels: list[str], estimate: Floats, variance: Floats) -> pd.DataFrame:
    error = np.sqrt(np.maximum(variance, 0.0))
    return pd.DataFrame(
        {"component": name, "level": labels, "estimate": estimate, "std_error": error}
    )
