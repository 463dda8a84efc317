"""A two-level model refitted on many subsets of its effects: each left out, cumulated, drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.batch import CHUNK, METHODS, StackFit, fit_stack, joined
from enthesis.evidence.many import ManyFits, many_fits
from enthesis.evidence.marginal import Diagonal
from enthesis.evidence.multilevel import MultilevelFit
from enthesis.evidence.refit import on_rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Bools = NDArray[np.bool_]

EXACT_BITS = 62
"""Subsets of this many effects still have a mask that fits an integer column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gosh:
    """Every subset pooled, or a random draw of subsets.

    Parameters
    ----------
    included : (S, k) which effects each subset holds
    fits : the S pooled models
    exact : all non-empty subsets, in the order of their bit mask (first effect = lowest bit)
    """

    included: Bools
    fits: ManyFits
    exact: bool

    def to_frame(self) -> pd.DataFrame:
        """One row per subset; its bit mask as the index where the effects are few enough."""
        table = self.fits.to_frame()
        k = self.included.shape[1]
        if k <= EXACT_BITS:
            table.index = pd.Index(self.included @ (1 << np.arange(k)), name="mask")
        return table


def refit_subsets(fit: Fit, n_sets: int, included: Callable[[slice], Bools]) -> StackFit:
    """The same model on S subsets of its effects, in pieces that fit a cache.

    Parameters
    ----------
    fit : a two-level model
    n_sets : S
    included : for a slice of the subsets, the (s, k) effects that they hold

    Raises
    ------
    InputError : a multilevel model, or an estimator that has no batched form.
    """
    require_two_level(fit)
    rows = max(1, CHUNK // fit.k)
    known = next((c.value for c in fit.components if c.fixed), None)
    parts = []
    for start in range(0, n_sets, rows):
        part = included(slice(start, min(start + rows, n_sets)))
        parts.append(
            fit_stack(
                fit.effects,
                np.where(part, fit.variances, np.inf),
                fit.design,
                method=fit.method,
                test=fit.test,
                weights=fit.weights,
                tau2=known,
            )
        )
    return joined(parts)


def require_two_level(fit: Fit) -> None:
    """Refuse a model whose effects are correlated, or whose estimator has no batched form."""
    if not isinstance(fit.marginal, Diagonal):
        raise InputError(
            f"this needs a two-level fit with independent effects, got a {fit.model}; pool the "
            "effects with `pool`, or look at whole clusters with `cluster_influence`"
        )
    if fit.method not in METHODS:
        raise InputError(
            f"no batched form of estimator {fit.method!r}; refit with one of {', '.join(METHODS)}"
        )


def without_each(fit: Fit, codes: NDArray[np.intp], n_groups: int) -> StackFit:
    """The model refitted without each group of effects; `codes` (k,) says who belongs where."""

    def included(part: slice) -> Bools:
        return np.asarray(codes[None, :] != np.arange(part.start, part.stop)[:, None])

    return refit_subsets(fit, n_groups, included)


def groups_of(fit: Fit, by: str | None) -> tuple[NDArray[np.intp], pd.Index[Any]]:
    """Codes (k,) and labels of the effects' groups; each effect its own without `by`.

    Raises
    ------
    InputError : no such column, or a row without a group.
    """
    if by is None:
        return np.arange(fit.k), fit.data.index
    if by not in fit.data.columns:
        known = ", ".join(map(str, fit.data.columns))
        raise InputError(f"no column {by!r} in the fit's data; it has: {known}")
    codes, labels = pd.factorize(fit.data[by])
    if (codes < 0).any():
        row = fit.data.index[np.flatnonzero(codes < 0)[0]]
        raise InputError(f"column {by!r} is missing in row {row!r}; every effect needs a group")
    return codes, pd.Index(labels, name=by)


def leave_one_out(fit: Fit, by: str | None = None) -> ManyFits:
    """The model refitted without each effect, or without each whole cluster.

    Parameters
    ----------
    fit : a two-level or multilevel model, with or without moderators
    by : column whose values name the clusters to leave out; single effects by default

    Returns
    -------
    ManyFits indexed by the effect, or cluster, that was left out; NaN where the model cannot be
    fitted without it. Of a multilevel model, tau² is the sum of its variances.

    Raises
    ------
    InputError : an unknown column, or a row without a cluster.
    """
    codes, labels = groups_of(fit, by)
    if isinstance(fit, MultilevelFit):
        return _multilevel_without_each(fit, codes, labels)
    return _as_fits(fit, without_each(fit, codes, len(labels)), labels)


def _as_fits(fit: Fit, stack: StackFit, index: pd.Index[Any]) -> ManyFits:
    return many_fits(stack, index, fit.names, method=fit.method, test=fit.test, level=fit.level)


def _multilevel_without_each(
    fit: MultilevelFit, codes: NDArray[np.intp], labels: pd.Index[Any]
) -> ManyFits:
    """A multilevel model has no batched form; it is refitted cluster by cluster."""
    n, p = len(labels), fit.p
    out = ManyFits(
        index=labels,
        names=fit.names,
        k=len(codes) - np.bincount(codes, minlength=n),
        coefficients=np.full((n, p), np.nan),
        covariance=np.full((n, p, p), np.nan),
        df=np.full((n, p), np.nan),
        tau2=np.full(n, np.nan),
        q=np.full(n, np.nan),
        i2=np.full(n, np.nan),
        h2=np.full(n, np.nan),
        log_likelihood=np.full(n, np.nan),
        converged=np.zeros(n, dtype=bool),
        method=fit.method,
        test=fit.test,
        level=fit.level,
    )
    for group in range(n):
        try:
            left = on_rows(fit, np.flatnonzero(codes != group))
        except InputError:
            continue  # a coefficient or a level rests on this cluster alone: its row stays NaN
        if left.names != fit.names:
            continue
        for name in ("coefficients", "covariance", "df", "tau2", "q", "i2", "h2", "log_likelihood"):
            getattr(out, name)[group] = getattr(left, name)
        out.converged[group] = True
    return out


def cumulative(fit: Fit, order: str | None = None) -> ManyFits:
    """The model refitted as effects are added one at a time.

    Parameters
    ----------
    fit : a two-level model
    order : column to sort by, ties keep the order of the rows; the rows' own order by default

    Returns
    -------
    ManyFits indexed by the effect added last; the first has tau² = 0, for one effect shows none.

    Raises
    ------
    InputError : unknown column, or a missing value in it.
    """
    position = np.arange(fit.k)
    if order is not None:
        if order not in fit.data.columns:
            known = ", ".join(map(str, fit.data.columns))
            raise InputError(f"no column {order!r} to order by; the fit's data have: {known}")
        column = fit.data[order]
        if column.isna().any():
            row = fit.data.index[int(np.flatnonzero(column.isna())[0])]
            raise InputError(f"{order!r} is missing in row {row!r}; every effect needs its place")
        position = np.asarray(column.argsort(kind="stable"))
    rank = np.empty(fit.k, dtype=np.intp)
    rank[position] = np.arange(fit.k)

    def included(part: slice) -> Bools:
        return np.asarray(rank[None, :] <= np.arange(part.start, part.stop)[:, None])

    return _as_fits(fit, refit_subsets(fit, fit.k, included), fit.data.index[position])


def gosh(fit: Fit, *, subsets: int = 100_000, rng: np.random.Generator | None = None) -> Gosh:
    """Graphical display of study heterogeneity: the model on all subsets, or on many at random.

    Parameters
    ----------
    fit : a two-level model
    subsets : all 2^k - 1 non-empty subsets are pooled if they are no more than this; otherwise so
        many are drawn, every effect in or out with probability one half
    rng : source of the draw; needed only when subsets are drawn

    Raises
    ------
    InputError : a draw without `rng`.

    References
    ----------
    Olkin, Dahabreh, Trikalinos (2012), 10.1002/jrsm.1053.
    """
    if subsets < 1:
        raise InputError(f"at least one subset is needed, got subsets = {subsets}")
    k = fit.k
    exact = k <= EXACT_BITS and (1 << k) - 1 <= subsets
    if exact:
        masks = np.arange(1, 1 << k)
        members = (masks[:, None] >> np.arange(k) & 1).astype(bool)
    elif rng is None:
        raise InputError(
            f"{k} effects have 2^{k} subsets, so {subsets} are drawn: give "
            "rng=np.random.default_rng(seed)"
        )
    else:
        members = rng.random((subsets, k)) < 0.5
        empty = ~members.any(axis=1)
        members[empty, rng.integers(k, size=int(empty.sum()))] = True
    stack = refit_subsets(fit, len(members), lambda part: members[part])
    fits = _as_fits(fit, stack, pd.RangeIndex(len(members)))
    return Gosh(included=members, fits=fits, exact=exact)
