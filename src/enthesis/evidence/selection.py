"""Selection models: pooling effects whose chance of being reported depends on their p-value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
from scipy.special import chdtrc

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.printing import columns, number, p_phrase, p_text
from enthesis.evidence.selection_likelihood import KINDS, Selection
from enthesis.evidence.subsets import require_two_level
from enthesis.evidence.tails import critical_value, two_sided_p

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

ROUNDS = 500
"""Damped Newton steps; a ridge in the likelihood may need many, a sound problem needs ten."""

GRADIENT = 1e-7
"""Largest gradient, in log-likelihood per unit of a coefficient or of a logarithm, at the end."""

RUNAWAY = 60.0
"""Logarithm of a parameter beyond which the climb is lost."""

STARTS = (1.0, 4.0, 0.25)
"""Multiples of the plain model's tau² from which other modes of the likelihood are looked for."""

NOTHING = 1e-7
"""Share of the typical sampling variance below which tau² has run to its bound, zero."""

HIGHER = 0.01
"""Log-likelihood by which another mode must be higher to be worth a note."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SelectionFit:
    """A random-effects model estimated together with the selection of its effects.

    Parameters
    ----------
    kind, alternative, steps : as asked
    names : p coefficient names
    coefficients, std_errors, p_values, ci_lower, ci_upper : (p,) corrected for the selection
    tau2, tau2_std_error : between-study variance
    delta, delta_std_errors : parameters of the selection function; for "step" the relative chance
        of each interval of p, the first being 1
    counts : effects in each interval of p; empty for the other kinds
    log_likelihood : maximised
    lrt, lrt_df, lrt_p : likelihood ratio test against no selection
    level : of the confidence intervals
    k : effects
    notes : what a careful reader should know
    """

    kind: str
    alternative: str
    steps: tuple[float, ...]
    names: tuple[str, ...]
    coefficients: Floats
    std_errors: Floats
    p_values: Floats
    ci_lower: Floats
    ci_upper: Floats
    tau2: float
    tau2_std_error: float
    delta: Floats
    delta_std_errors: Floats
    counts: tuple[int, ...]
    log_likelihood: float
    lrt: float
    lrt_df: int
    lrt_p: float
    level: float
    k: int
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """A row per coefficient."""
        return pd.DataFrame(
            {
                "estimate": self.coefficients,
                "std_error": self.std_errors,
                "statistic": self.coefficients / self.std_errors,
                "p_value": self.p_values,
                "ci_lower": self.ci_lower,
                "ci_upper": self.ci_upper,
            },
            index=pd.Index(self.names, name="coefficient"),
        )

    def summary(self) -> str:
        """Corrected coefficients, tau², the selection function and its test."""
        table = [
            (
                str(name),
                *(number(row[part]) for part in ("estimate", "std_error", "statistic")),
                p_text(row["p_value"]),
                number(row["ci_lower"]),
                number(row["ci_upper"]),
            )
            for name, row in self.to_frame().iterrows()
        ]
        test = f"LRT({self.lrt_df}) = {number(self.lrt)}, {p_phrase(self.lrt_p)}"
        edges = (0.0, *self.steps, 1.0)
        labels = [f"p in ({a:g}, {b:g}]" for a, b in pairwise(edges)] if self.steps else []
        labels = labels or [f"delta {j + 1}" for j in range(len(self.delta))]
        weights = [
            (label, number(delta), number(se))
            for label, delta, se in zip(labels, self.delta, self.delta_std_errors, strict=True)
        ]
        return "\n\n".join(
            [
                f"Selection model ({self.kind}, alternative {self.alternative}, k = {self.k})",
                f"tau^2 {number(self.tau2)} (SE = {number(self.tau2_std_error)})",
                columns(("", "estimate", "se", "zval", "pval", "ci.lb", "ci.ub"), table),
                columns(("", "estimate", "se"), weights),
                f"Test of selection: {test}",
                *(f"Note: {note}" for note in self.notes),
            ]
        )


def selection_model(
    fit: Fit,
    *,
    kind: Literal["step", "beta", "halfnorm", "negexp", "logistic", "power"] = "step",
    steps: Sequence[float] = (0.025,),
    alternative: Literal["greater", "less", "two-sided"] = "greater",
) -> SelectionFit:
    """The model corrected for selective reporting, by maximum likelihood.

    Parameters
    ----------
    fit : a two-level model, with or without moderators; always refitted by ML
    kind : "step" gives each interval of p its own chance; (0.025,) is the three-parameter model.
        "beta", "halfnorm", "negexp", "logistic" and "power" are smooth in p
    steps : ascending cut points of p for "step", 1 understood at the end
    alternative : which effects count as small p: positive ("greater"), negative ("less"), either

    Raises
    ------
    InputError : unknown kind, steps out of order, or a step interval that holds no effect.
    ConvergenceError : the likelihood has no maximum that could be reached.

    Notes
    -----
    The climb starts at the model without selection, as metafor's does, so that of several modes the
    one that grows out of it is reported; a note tells of a higher one. Standard errors come from
    the exact second derivatives of the log-likelihood.

    References
    ----------
    Vevea and Hedges (1995), 10.1007/BF02294384; Citkowicz and Vevea (2017), 10.1037/met0000119;
    Preston, Ashby and Smyth (2004), 10.1080/00949650410001661405.
    """
    require_two_level(fit)
    _check(fit, kind, alternative)
    steps = _steps(steps) if kind == "step" else ()
    sign = -1.0 if alternative == "less" else 1.0
    two_sided = alternative == "two-sided"
    model = Selection.of(sign * fit.effects, fit.variances, fit.design, kind, steps, two_sided)
    counts = _counts(model, steps)
    null = Selection.of(sign * fit.effects, fit.variances, fit.design, "none", (), two_sided)
    plain, plain_likelihood, _ = _maximum(null, _plain_starts(null))
    theta, likelihood, highest = _maximum(model, _starts(model, plain))
    p = model.X.shape[1]
    tau2 = float(np.exp(theta[p]))
    tau2 = tau2 if tau2 > NOTHING / np.mean(1 / model.v) else 0.0
    se = _std_errors(model, theta, at_zero=tau2 == 0)
    b = sign * theta[:p]
    half = critical_value(fit.level) * se[:p]
    first = [1.0] if kind == "step" else []
    lrt = max(0.0, 2 * (likelihood - plain_likelihood))
    n_delta = len(theta) - p - 1
    notes: tuple[str, ...] = ()
    if highest > likelihood + HIGHER:
        gap = highest - likelihood
        notes = (f"another mode is higher by {gap:.3g}; this one grows out of no selection",)
    if not np.isfinite(se).all():
        notes += ("the likelihood is not curved at its maximum: some standard errors are missing",)
    return SelectionFit(
        kind=kind,
        alternative=alternative,
        steps=steps,
        names=fit.names,
        coefficients=b,
        std_errors=se[:p],
        p_values=two_sided_p(b / se[:p]),
        ci_lower=b - half,
        ci_upper=b + half,
        tau2=tau2,
        tau2_std_error=float(se[p]),
        delta=np.concatenate([first, np.exp(theta[p + 1 :])]),
        delta_std_errors=np.concatenate([[np.nan] * len(first), se[p + 1 :]]),
        counts=counts,
        log_likelihood=likelihood,
        lrt=lrt,
        lrt_df=n_delta,
        lrt_p=float(chdtrc(n_delta, lrt)),
        level=fit.level,
        k=fit.k,
        notes=notes,
    )


def _check(fit: Fit, kind: str, alternative: str) -> None:
    if kind not in KINDS:
        raise InputError(f"unknown kind {kind!r} of selection; choose one of {', '.join(KINDS)}")
    if alternative not in ("greater", "less", "two-sided"):
        raise InputError(f"alternative is 'greater', 'less' or 'two-sided', got {alternative!r}")
    if fit.weights is not None:
        raise InputError("a selection model is fitted by likelihood; refit without user weights")
    if fit.method in ("EE", "FE"):
        raise InputError(
            f"the selection model estimates tau², but the fit is method={fit.method!r}; refit "
            "with a random-effects method"
        )


def _steps(steps: Sequence[float]) -> tuple[float, ...]:
    given = np.asarray(steps, dtype=float)
    inner = given[given < 1]
    if len(inner) == 0 or (inner <= 0).any() or (np.diff(given) <= 0).any() or given[-1] > 1:
        raise InputError(
            f"steps are ascending p-values between 0 and 1, such as (0.025, 0.5); got {steps!r}"
        )
    return tuple(float(s) for s in inner)


def _counts(model: Selection, steps: tuple[float, ...]) -> tuple[int, ...]:
    if not steps:
        return ()
    counts = np.bincount(model.interval, minlength=len(steps) + 1)
    edges = (0.0, *steps, 1.0)
    if (counts == 0).any():
        j = int(np.flatnonzero(counts == 0)[0])
        raise InputError(
            f"no effect has a p-value in ({edges[j]:g}, {edges[j + 1]:g}], so its chance of being "
            "reported cannot be estimated; use other steps"
        )
    return tuple(int(n) for n in counts)


def _plain_starts(model: Selection) -> list[Floats]:
    w = 1 / model.v
    b = np.linalg.lstsq(np.sqrt(w)[:, None] * model.X, np.sqrt(w) * model.y, rcond=None)[0]
    spread = float(np.mean((model.y - model.X @ b) ** 2))
    typical = float(1 / np.mean(w))
    return [np.append(b, np.log(t)) for t in (spread, typical, 0.01 * typical)]


def _starts(model: Selection, plain: Floats) -> list[Floats]:
    """Around the plain model's answer, with the selection weak and then strong."""
    p = model.X.shape[1]
    n_delta = model.n_delta
    floor = np.log(0.01 / np.mean(1 / model.v))
    return [
        np.concatenate(
            [plain[:p], [max(plain[p] + np.log(factor), floor)], np.full(n_delta, np.log(delta))]
        )
        for factor in STARTS
        for delta in (1.0, 1.5 if model.kind == "beta" else 0.3)
    ]


def _maximum(model: Selection, starts: list[Floats]) -> tuple[Floats, float, float]:
    """The first maximum reached from the starts in turn, its value, and the highest one's."""
    settled = []
    trace: list[float] = []
    for start in starts:
        theta, value, done = _climb(model, start)
        trace.append(value)
        if done:
            settled.append((theta, value))
    if not settled:
        raise ConvergenceError(
            f"the {model.kind} selection model found no maximum of its likelihood; use fewer "
            "steps or another kind",
            trace=trace,
        )
    return *settled[0], max(value for _, value in settled)


def _climb(model: Selection, theta: Floats) -> tuple[Floats, float, bool]:
    """Newton's method, damped until each step gains."""
    p = model.X.shape[1]
    value, gradient, hessian = model.derivatives(theta)
    damping = 1e-3
    for _ in range(ROUNDS):
        if not np.isfinite(value):
            return theta, -np.inf, False
        if np.abs(gradient).max() <= GRADIENT:
            return theta, value, True
        curvature, axes = np.linalg.eigh(-hessian)
        size = np.abs(curvature) + damping * max(1.0, float(np.abs(curvature).max()))
        step = axes @ ((axes.T @ gradient) / size)
        step *= min(1.0, 2.0 / float(np.abs(step).max()))
        trial = theta + step
        if np.abs(trial[p:]).max() > RUNAWAY or trial[p] > model.highest_log_tau2:
            return theta, value, False
        new_value, new_gradient, new_hessian = model.derivatives(trial)
        if new_value >= value - 1e-12 * abs(value):
            flat = np.abs(step).max() < 1e-10
            theta, value, gradient, hessian = trial, new_value, new_gradient, new_hessian
            damping = max(damping / 10, 1e-14)
            if flat:
                return theta, value, True
        else:
            damping = min(damping * 10, 1e6)
            if damping >= 1e6:
                return theta, value, bool(np.abs(gradient).max() <= 1e-4)
    return theta, value, False


def _std_errors(model: Selection, theta: Floats, *, at_zero: bool) -> Floats:
    """From the inverse information in the parameters' own units; NaN where not positive.

    At its bound tau² need not be at the top of its likelihood; the others then have their standard
    errors with tau² held there.
    """
    information = -model.natural_hessian(theta)
    out = np.full(len(theta), np.nan)
    everything = np.arange(len(theta))
    for kept in (everything, np.delete(everything, model.X.shape[1])):
        part = information[np.ix_(kept, kept)]
        if np.linalg.eigvalsh(part)[0] > 0:
            out[kept] = np.sqrt(np.diag(np.linalg.inv(part)))
            break
        if not at_zero:
            break
    return out
