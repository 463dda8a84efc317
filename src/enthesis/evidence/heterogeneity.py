"""How much effects vary beyond sampling error: tau², I² and H², by level and with intervals.

References
----------
Higgins JPT, Thompson SG 2002, doi:10.1002/sim.1186 (I², H²)
Viechtbauer W 2007, doi:10.1002/sim.2514 (Q-profile)
Hardy RJ, Thompson SG 1996, doi:10.1002/(SICI)1097-0258(19960330)15:6<619::AID-SIM188>3.0.CO;2-A
    (profile likelihood)
Nakagawa S, Santos ESA 2012, doi:10.1007/s10682-012-9555-5 (I² by level)
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence import tau2 as between
from enthesis.evidence.printing import columns, number, plain
from enthesis.evidence.projection import problem
from enthesis.evidence.tails import chi2_quantile

if TYPE_CHECKING:
    from enthesis.evidence.fit import Fit
    from enthesis.evidence.projection import Problem

METHODS = ("Q-profile", "profile-likelihood")
DOUBLINGS = 200
"""Twofold steps in search of an upper bound; past them a float has no larger value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A quantity with its confidence bounds."""

    estimate: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Tau2Interval:
    """The heterogeneity of a random-effects model, with confidence bounds.

    Parameters
    ----------
    tau2, tau, i2, h2 : estimates and bounds; I² in percent. I² and H² follow from tau² at the
        typical sampling variance
    method : "Q-profile" or "profile-likelihood"
    level : confidence level, 0 to 1
    null_set : no tau² is compatible with the data at this level, because they vary less than
        sampling error alone explains; the bounds are then 0
    notes : what a careful reader should know
    """

    tau2: Interval
    tau: Interval
    i2: Interval
    h2: Interval
    method: str
    level: float
    null_set: bool
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row for each of tau2, tau, i2 and h2: estimate, lower, upper."""
        names = ("tau2", "tau", "i2", "h2")
        rows = [getattr(self, name) for name in names]
        return pd.DataFrame(
            {f.name: [getattr(row, f.name) for row in rows] for f in fields(Interval)},
            index=pd.Index(names, name="quantity"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON."""
        table = self.to_frame().to_dict(orient="index")
        answer: dict[str, Any] = plain(
            {
                **table,
                "method": self.method,
                "level": self.level,
                "null_set": self.null_set,
                "notes": self.notes,
            }
        )
        return answer

    def summary(self) -> str:
        """The table as text."""
        labels = {"tau2": "tau^2", "tau": "tau", "i2": "I^2 (%)", "h2": "H^2"}
        rows = [
            (label, *(number(getattr(getattr(self, name), part)) for part in _PARTS))
            for name, label in labels.items()
        ]
        table = columns(("", "estimate", "ci.lb", "ci.ub"), rows)
        notes = "".join(f"\n\nNote: {note}" for note in self.notes)
        return f"{100 * self.level:g}% interval by {self.method}\n\n{table}{notes}"


_PARTS = ("estimate", "lower", "upper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heterogeneity:
    """The total variability of a model's effects, split into its levels.

    Parameters
    ----------
    names : the levels, outermost first
    variances : variance of the true effects at each level
    i2 : percent of the total variability that each level holds
    i2_total : percent that is not sampling error
    i2_sampling : the rest
    typical_variance : sampling variance that stands for all effects
    tau2 : sum of the variances
    q, q_df, q_p : Cochran's test
    """

    names: tuple[str, ...]
    variances: tuple[float, ...]
    i2: tuple[float, ...]
    i2_total: float
    i2_sampling: float
    typical_variance: float
    tau2: float
    q: float
    q_df: int
    q_p: float

    def to_frame(self) -> pd.DataFrame:
        """A row for each level, sampling error last: variance and i2."""
        return pd.DataFrame(
            {
                "variance": [*self.variances, self.typical_variance],
                "i2": [*self.i2, self.i2_sampling],
            },
            index=pd.Index([*self.names, "sampling"], name="level"),
        )

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON."""
        answer: dict[str, Any] = plain({f.name: getattr(self, f.name) for f in fields(self)})
        return answer

    def summary(self) -> str:
        """The table as text."""
        rows = [
            (str(name), number(row["variance"]), f"{number(row['i2'], 2)}%")
            for name, row in self.to_frame().iterrows()
        ]
        total = f"{number(self.i2_total, 2)}%"
        return columns(
            ("", "variance", "I^2"), [*rows, ("heterogeneity", number(self.tau2), total)]
        )


def heterogeneity(fit: Fit) -> Heterogeneity:
    """I² in total and by level.

    Parameters
    ----------
    fit : a random-effects or multilevel model whose random effects are intercepts

    Returns
    -------
    With the typical sampling variance ṽ = (k − p) / tr P, P taken at V⁻¹, level j holds
    100 σ²ⱼ / (Σσ² + ṽ) percent of the variability.

    Raises
    ------
    InputError : random effects that differ between inner levels (UN, HCS, DIAG) or an
        equal-effects model; neither has one total to split.
    """
    if not fit.components:
        raise InputError(
            f"a model without random effects ({fit.model}) has no heterogeneity to split; "
            "its descriptive I² is fit.i2"
        )
    parts = [component for component in fit.components if component.kind == "variance"]
    total = sum(component.value for component in parts)
    if len(parts) > 1 and not np.isclose(total, fit.tau2, rtol=1e-9, atol=0.0):
        raise InputError(
            "the random effects have a variance for each inner level, so there is no one total; "
            "compare them directly in fit.components"
        )
    whole = fit.tau2 + fit.typical_variance
    return Heterogeneity(
        names=tuple(component.name for component in parts),
        variances=tuple(component.value for component in parts),
        i2=tuple(100.0 * component.value / whole for component in parts),
        i2_total=100.0 * fit.tau2 / whole,
        i2_sampling=100.0 * fit.typical_variance / whole,
        typical_variance=fit.typical_variance,
        tau2=fit.tau2,
        q=fit.q,
        q_df=fit.q_df,
        q_p=fit.q_p,
    )


def tau2_interval(
    fit: Fit,
    *,
    method: Literal["Q-profile", "profile-likelihood"] = "Q-profile",
    level: float | None = None,
) -> Tau2Interval:
    """Confidence bounds of tau², tau, I² and H².

    Parameters
    ----------
    fit : from `pool`, by a random-effects method
    method : "Q-profile" (default, as the Cochrane Handbook advises): exact bounds for normal
        effects, whatever the estimator; "profile-likelihood": for ML and REML fits
    level : confidence level; that of the fit by default

    Returns
    -------
    Exact roots, also far from the estimate, where metafor's search stops at its upper limit. A
    moment estimate can lie outside its Q-profile interval; a note says so.

    Raises
    ------
    InputError : a model without one between-study variance, or an unknown method.
    """
    level = fit.level if level is None else level
    if method not in METHODS:
        raise InputError(f"no interval named {method!r}; choose from {', '.join(METHODS)}")
    if not 0.0 < level < 1.0:
        raise InputError(f"the level must lie between 0 and 1, such as 0.95; got {level!r}")
    if [component.name for component in fit.components] != ["tau2"]:
        raise InputError(
            "this interval is for models with one between-study variance; "
            f"{fit.model} has {[c.name for c in fit.components] or 'none'}"
        )
    data = problem(fit.effects, fit.variances, fit.design)
    if data.df < 1:
        raise InputError(
            f"{fit.k} effects and {fit.p} coefficients leave no degrees of freedom for an interval"
        )
    null_set = False
    if method == "Q-profile":
        lower, upper, null_set = _q_profile(data, level)
    else:
        lower, upper = _profile_likelihood(data, fit, level)
    return _interval(fit, lower, upper, method=method, level=level, null_set=null_set)


def _q_profile(data: Problem, level: float) -> tuple[float, float, bool]:
    tail = (1.0 - level) / 2.0
    high, low = (chi2_quantile(p, data.df) for p in (1.0 - tail, tail))
    null_set = data.at_zero.q < low
    return between.solve_q(data, high)[0], between.solve_q(data, low)[0], null_set


def _profile_likelihood(data: Problem, fit: Fit, level: float) -> tuple[float, float]:
    if fit.method not in ("ML", "REML"):
        raise InputError(
            f"a profile likelihood needs a fit by ML or REML; this one is by {fit.method}"
        )
    kind: Literal["ML", "REML"] = "ML" if fit.method == "ML" else "REML"
    floor = between.log_likelihood(data, fit.tau2, kind) - 0.5 * chi2_quantile(level, 1)

    def above(t: float) -> tuple[float, float]:
        return between.log_likelihood(data, t, kind) - floor, between.score(data, t, kind)[0]

    def mirrored(distance: float) -> tuple[float, float]:
        value, slope = above(fit.tau2 - distance)
        return value, -slope

    lower = 0.0
    if above(0.0)[0] < 0.0:
        lower = fit.tau2 - between.root_between(mirrored, 0.0, fit.tau2, what="the bound")[0]
    beyond = max(fit.tau2, float(np.median(data.v)))
    for _ in range(DOUBLINGS):
        beyond *= 2.0
        if above(beyond)[0] < 0.0:
            break
    upper = between.root_between(above, fit.tau2, beyond, what="the bound")[0]
    return lower, upper


def _interval(
    fit: Fit, lower: float, upper: float, *, method: str, level: float, null_set: bool
) -> Tau2Interval:
    tau2 = np.array([fit.tau2, lower, upper])
    typical = fit.typical_variance
    notes = []
    if null_set:
        notes.append(
            "the effects vary less than sampling error alone explains: no tau2 is compatible "
            "with them, and the bounds are set to 0"
        )
    elif not lower <= fit.tau2 <= upper:
        notes.append(f"the {fit.method} estimate lies outside the {method} interval")
    return Tau2Interval(
        tau2=_parts(tau2),
        tau=_parts(np.sqrt(tau2)),
        i2=_parts(100.0 * tau2 / (tau2 + typical)),
        h2=_parts(tau2 / typical + 1.0),
        method=method,
        level=level,
        null_set=null_set,
        notes=tuple(notes),
    )


def _parts(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Interval:
    return Interval(**dict(zip(_PARTS, values.tolist(), strict=True)))
