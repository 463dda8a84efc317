"""Trim and fill: how many effects seem missing from one side of the funnel, and what if not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from enthesis.errors import ConvergenceError, InputError
from enthesis.evidence.batch import fit_stack
from enthesis.evidence.pool import pool
from enthesis.evidence.printing import number, p_phrase
from enthesis.evidence.subsets import require_two_level

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

Side = Literal["left", "right"]
Estimator = Literal["L0", "R0", "Q0"]

ROUNDS = 100
"""Trimming settles in a handful of rounds, or goes back and forth for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrimAndFill:
    """The funnel completed with the mirror images of its most extreme effects.

    Parameters
    ----------
    estimator, side : as used; `side` is where effects are missing
    k0 : estimated number of missing effects; None where Q0 has no real solution
    std_error_k0 : of k0; NaN where its asymptotic variance comes out negative
    p_value_k0 : of "none is missing on that side"; only R0 gives one, NaN otherwise
    filled : yi and vi of the imputed effects, indexed by the effects they mirror
    fit : the model on observed and imputed effects together
    notes : what a careful reader should know
    """

    estimator: Estimator
    side: Side
    k0: int | None
    std_error_k0: float
    p_value_k0: float
    filled: pd.DataFrame
    fit: Fit = field(repr=False)
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """How many are missing where, and the completed model."""
        found = "not estimable" if self.k0 is None else str(self.k0)
        where = f"Effects missing on the {self.side} side ({self.estimator})"
        lines = [f"{where}: {found} (SE = {number(self.std_error_k0)})"]
        if self.estimator == "R0":
            lines.append(f"Test that none is missing there: {p_phrase(self.p_value_k0)}")
        return "\n".join([*lines, *self.notes, "", self.fit.summary()])


def trim_and_fill(
    fit: Fit, *, estimator: Estimator = "L0", side: Side | None = None
) -> TrimAndFill:
    """Number of effects missing from the funnel, and the pooled effect once they are imputed.

    Parameters
    ----------
    fit : a two-level model without moderators or user weights; its method and test are kept
    estimator : "L0", "R0" or "Q0"
    side : where effects are missing; by default opposite to the side to which small studies lean,
        by the sign of the regression on the standard error

    Raises
    ------
    InputError : a multilevel fit, moderators, user weights, fewer than three effects, or no `side`
        where all variances are equal, which have no lean.
    ConvergenceError : the trimming went back and forth.

    References
    ----------
    Duval and Tweedie (2000), 10.1111/j.0006-341X.2000.00455.x and 10.1080/01621459.2000.10473905.
    """
    _require_plain(fit, estimator, side)
    y, v = fit.effects, fit.variances
    side = _lean(fit) if side is None else side
    sign = -1.0 if side == "right" else 1.0
    order = np.argsort(sign * y, kind="stable")
    ordered, variances = sign * y[order], v[order]
    k0, std_error, centre = _trimmed(ordered, variances, fit.method, estimator)
    notes: tuple[str, ...] = ()
    if k0 is None:
        notes = ("Q0 has no real solution for these ranks; nothing was filled: try L0 or R0",)
    top = slice(fit.k - (k0 or 0), fit.k)
    filled = pd.DataFrame(
        {"yi": sign * (2 * centre - ordered[top]), "vi": variances[top]},
        index=fit.data.index[order[top]],
    )
    complete = pd.DataFrame(
        {"yi": np.concatenate([y, filled["yi"]]), "vi": np.concatenate([v, filled["vi"]])}
    )
    return TrimAndFill(
        estimator=estimator,
        side=side,
        k0=k0,
        std_error_k0=std_error,
        p_value_k0=0.5 ** (k0 + 1) if estimator == "R0" and k0 is not None else float("nan"),
        filled=filled,
        fit=pool(complete, method=fit.method, test=fit.test, level=fit.level),
        notes=notes,
    )


def _require_plain(fit: Fit, estimator: str, side: str | None) -> None:
    require_two_level(fit)
    if estimator not in ("L0", "R0", "Q0"):
        raise InputError(f"unknown estimator {estimator!r} of k0; choose L0, R0 or Q0")
    if side not in (None, "left", "right"):
        raise InputError(f"side is 'left', 'right' or None, got {side!r}")
    if fit.p > 1 or fit.weights is not None:
        raise InputError(
            "trim and fill completes one funnel around one pooled effect; refit without "
            f"moderators and weights (this model has {', '.join(fit.names)})"
        )
    if fit.k < 3:
        raise InputError(f"a funnel needs at least three effects, got {fit.k}")


def _lean(fit: Fit) -> Side:
    """Small studies with the larger effects mean that those on the left are missing."""
    if np.ptp(fit.variances) == 0.0:
        raise InputError(
            f"all sampling variances are {fit.variances[0]:g}, so small studies cannot lean to one "
            "side; say where effects are missing with side='left' or side='right'"
        )
    X = np.column_stack([np.ones(fit.k), np.sqrt(fit.variances)])
    slope = fit_stack(fit.effects, fit.variances[None], X, method=fit.method).coefficients[0, 1]
    return "right" if slope < 0 else "left"


def _trimmed(
    y: Floats, v: Floats, method: str, estimator: Estimator
) -> tuple[int | None, float, float]:
    """k0, its standard error and the centre of the trimmed funnel; `y` ascends."""
    k, k0 = len(y), 0
    seen = [0.0]
    for _ in range(ROUNDS):
        kept = slice(0, k - k0)
        centre = fit_stack(y[kept], v[None, kept], method=method).coefficients[0, 0]
        found, std_error = _missing(y - centre, estimator)
        if found is None or found == k0:
            return found, std_error, float(centre)
        k0 = found
        seen.append(float(k0))
    raise ConvergenceError(
        f"trim and fill did not settle on a number of missing effects with {estimator} in "
        f"{ROUNDS} rounds; use another estimator",
        trace=seen,
    )


def _missing(deviation: Floats, estimator: Estimator) -> tuple[int | None, float]:
    """The estimate of k0 from the signed ranks of the deviations, and its standard error."""
    k = len(deviation)
    ranks = np.empty(k)
    ranks[np.argsort(np.abs(deviation), kind="stable")] = np.arange(1, k + 1)
    if estimator == "R0":
        below = ranks[deviation < 0]
        k0 = max(0, round(k - below.max(initial=0.0)) - 1)
        return k0, float(np.sqrt(2 * k0 + 2))
    wilcoxon = float(ranks[deviation > 0].sum())
    if estimator == "L0":
        raw = (4 * wilcoxon - k * (k + 1)) / (2 * k - 1)
        return max(0, round(raw)), 4 * np.sqrt(_wilcoxon_variance(k, raw)) / (2 * k - 1)
    root = 2 * k**2 - 4 * wilcoxon + 0.25
    if root < 0:
        return None, float("nan")
    raw = k - 0.5 - np.sqrt(root)
    spread = (k - 0.5) ** 2 - raw * (2 * k - raw - 1)
    return max(0, round(raw)), 2 * np.sqrt(_wilcoxon_variance(k, raw) / spread)


def _wilcoxon_variance(k: int, k0: float) -> float:
    """Variance of the signed-rank sum when k0 extreme effects, not yet rounded, are missing."""
    free = k * (k + 1) * (2 * k + 1)
    missing = 10 * k0**3 + 27 * k0**2 + 17 * k0 - 18 * k * k0**2 - 18 * k * k0 + 6 * k**2 * k0
    variance = (free + missing) / 24
    # The formula is asymptotic; a negative value is no variance, and zero would say certain.
    return variance if variance >= 0.0 else float("nan")
