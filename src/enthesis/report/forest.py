"""The forest plot of one fit: every effect, its weight, and the pooled effect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri

from enthesis.errors import InputError
from enthesis.report import marks, rows
from enthesis.report.figures import MUTED, VERMILLION
from enthesis.report.marks import Bars
from enthesis.report.rows import Column, decimals_for, digits_by_row, interval, number, p_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]


def forest(
    fit: Fit,
    *,
    labels: str | Iterable[str],
    xlabel: str,
    sort: Literal["effect", "weight"] | None = None,
    study: str = "study",
    directions: tuple[str, str] | None = None,
    null: float = 0.0,
    xlim: tuple[float, float] | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Every effect of a fit with its interval and weight, and the pooled effect below.

    Parameters
    ----------
    fit : one pooled effect, without moderators
    labels : k row names, or the column of the fitted table that holds them
    xlabel : name and unit of the effect
    sort : rows by growing effect or by falling weight; as in the table if not given
    study : column that names the study, by which the studies are counted if it is there
    directions : what an effect left and right of `null` means
    null : effect that means no difference
    xlim : ends of the axis; intervals beyond them end in an arrow
    ax : axes to draw on, whose figure must leave room for the columns; a new figure if not given

    Returns
    -------
    Axes with effect i of the plot's order at y = i; the artists' gids are "intervals", "effects",
    "pooled" and "prediction".

    Raises
    ------
    InputError : the fit has moderators, labels do not match, or an unknown `sort`.

    Notes
    -----
    Squares cover areas in proportion to the effects' weights in the pooled estimate. Intervals of
    single effects are normal with the sampling variance alone.
    """
    if fit.p != 1:
        raise InputError(
            f"a forest plot shows one pooled effect, but this fit has {fit.p} coefficients "
            f"({', '.join(fit.names)}); pool each subgroup and use summary_forest"
        )
    names = _row_names(fit, labels)
    weights = _weights(fit)
    order = _order(fit, weights, sort)
    reach = ndtri((1 + fit.level) / 2) * np.sqrt(fit.variances)
    bars = Bars(
        row=np.arange(fit.k),
        middle=fit.effects[order],
        lower=(fit.effects - reach)[order],
        upper=(fit.effects + reach)[order],
    )
    pooled = fit.predict().iloc[0]
    predicted = bool(np.isfinite(pooled["pi_lower"])) and bool(fit.components)
    columns, bold = _columns(fit, names, weights, order, bars, pooled, predicted)
    width = rows.points_across(columns, bold)
    caption = [line for part in _caption(fit, study, predicted) for line in rows.wrap(part, width)]
    below = marks.room_below(directions)
    ax = rows.row_axes(columns, bold=bold, caption=caption, below_points=below, ax=ax)
    ends = xlim or marks.limits(bars, [*pooled[["ci_lower", "ci_upper"]], null])
    marks.axis(ax, ends, xlabel=xlabel, null=null, directions=directions)
    marks.intervals(ax, bars)
    marks.squares(ax, bars, weights[order])
    summary = fit.k + 1
    marks.diamonds(ax, _one(summary, pooled, "ci"))
    if predicted:
        bar = _one(summary + 1, pooled, "pi")
        marks.intervals(ax, bar, color=VERMILLION, linewidth=3.0, gid="prediction")
    ax.plot(
        [pooled["estimate"]] * 2, [-0.5, summary], color=MUTED, lw=0.8, ls=(0, (4, 3)), zorder=1
    )
    ax.axhline(fit.k, color=MUTED, linewidth=0.5)
    return ax


def _row_names(fit: Fit, labels: str | Iterable[str]) -> list[str]:
    if isinstance(labels, str):
        if labels not in fit.data.columns:
            raise InputError(
                f"the fitted table has no column {labels!r} to name the rows by; "
                f"it has {', '.join(map(str, fit.data.columns))}"
            )
        return [str(name) for name in fit.data[labels]]
    names = [str(name) for name in labels]
    if len(names) != fit.k:
        raise InputError(f"{fit.k} effects need {fit.k} labels, got {len(names)}")
    return names


def _weights(fit: Fit) -> Floats:
    """Each effect's share in the pooled estimate, percent."""
    weights = fit.marginal.solve(np.ones(fit.k)) if fit.weights is None else fit.weights
    shares: Floats = 100 * weights / weights.sum()
    return shares


def _order(fit: Fit, weights: Floats, sort: str | None) -> NDArray[np.intp]:
    if sort is None:
        return np.arange(fit.k)
    if sort not in {"effect", "weight"}:
        raise InputError(f"rows are sorted by 'effect', 'weight' or None, got {sort!r}")
    return np.argsort(fit.effects if sort == "effect" else -weights, kind="stable")


def _columns(
    fit: Fit,
    names: list[str],
    weights: Floats,
    order: NDArray[np.intp],
    bars: Bars,
    pooled: pd.Series[Any],
    predicted: bool,
) -> tuple[list[Column], frozenset[int]]:
    percent = f"{100 * fit.level:g}%"
    title = f"{fit.model} ({fit.method})" if fit.method else fit.model
    digits = decimals_for([*(bars.upper - bars.lower)])
    by_row = digits_by_row([*(bars.upper - bars.lower)])
    own = [interval(*x) for x in zip(bars.middle, bars.lower, bars.upper, by_row, strict=True)]
    all_names = [*(names[i] for i in order), "", title]
    middle, *bounds = (float(pooled[x]) for x in ("estimate", "ci_lower", "ci_upper"))
    texts = [*own, "", interval(middle, bounds[0], bounds[1], digits)]
    shares = [*(number(weights[i], 1) for i in order), "", "100.0"]
    if predicted:
        low, high = (number(pooled[x], digits) for x in ("pi_lower", "pi_upper"))
        all_names.append(f"{percent} prediction interval")
        texts.append(f"[{low}, {high}]")
        shares.append("")
    columns = [
        Column(header="Study", cells=all_names, align="left", side="left"),
        Column(header=f"Effect [{percent} CI]", cells=texts),
        Column(header="Weight, %", cells=shares),
    ]
    return columns, frozenset({fit.k + 1})


def _caption(fit: Fit, study: str, predicted: bool) -> list[str]:
    counted = f"{fit.k} {'effect' if fit.k == 1 else 'effects'}"
    if study in fit.data.columns:
        n = fit.data[study].nunique()
        counted += f" from {n} {'study' if n == 1 else 'studies'}"
    variances = [c for c in fit.components if c.kind == "variance"]
    spread = (
        f"τ² = {number(fit.tau2, 3)}"
        if len(variances) <= 1
        else ", ".join(f"σ² ({c.name}) = {number(c.value, 3)}" for c in variances)
    )
    parts = [f"Q({fit.q_df}) = {number(fit.q)}, p {p_value(fit.q_p)}"] if fit.q_df else []
    parts += [f"I² = {number(fit.i2, 1)}%"] if np.isfinite(fit.i2) else []
    parts += [spread] if variances else []
    df = float(fit.df[0])
    statistic = f"z = {number(float(fit.statistics[0]))}"
    if np.isfinite(df):
        statistic = f"t({df:.4g}) = {number(float(fit.statistics[0]))}"
    percent = f"{100 * fit.level:g}%"
    return [
        f"Heterogeneity: {'; '.join(parts)}." if parts else "Heterogeneity: not estimable.",
        f"Test of the pooled effect: {statistic}, p {p_value(float(fit.p_values[0]))}.",
        f"{fit.model}{f', {fit.method}' if fit.method else ''}; {counted}. Squares: area in "
        f"proportion to weight; lines: {percent} CI; diamond: pooled effect with {percent} CI"
        + ("; bar: prediction interval." if predicted else "."),
    ]


def _one(row: int, pooled: pd.Series[Any], kind: Literal["ci", "pi"]) -> Bars:
    """The pooled effect with its confidence or its prediction interval."""
    middle, lower, upper = (
        np.array([float(pooled[name])]) for name in ("estimate", f"{kind}_lower", f"{kind}_upper")
    )
    return Bars(row=np.array([row]), middle=middle, lower=lower, upper=upper)
