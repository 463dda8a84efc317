"""How many unseen studies would undo a result, and whether too many seen ones are significant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.special import chdtrc, ndtr, ndtri

from enthesis.errors import InputError
from enthesis.evidence.design import build
from enthesis.evidence.subsets import require_two_level

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from enthesis.evidence.fit import Fit

    Floats = NDArray[np.float64]

TRUE_EFFECTS_WITHIN = 5.0
"""Standard deviations within which true effects may lie, as metafor has it; 6e-7 are outside."""

TAIL_NODES = 40
"""Quadrature of what lies outside; its whole mass is 6e-7, so few are plenty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailSafeN:
    """Unseen null studies that would bring a result down to insignificance or to a target.

    Parameters
    ----------
    kind : "Rosenthal", "Orwin" or "Rosenberg"
    n : number of studies, rounded up
    p_value : of the observed combination: one-sided for Rosenthal, two-sided for Rosenberg, NaN
        for Orwin
    mean_effect : plain mean (Orwin), inverse-variance mean (Rosenberg), NaN for Rosenthal
    target : mean effect that would no longer matter (Orwin), else NaN
    alpha : level of significance, NaN for Orwin
    """

    kind: str
    n: int
    p_value: float
    mean_effect: float
    target: float
    alpha: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExcessSignificance:
    """Observed against expected number of significant studies.

    Parameters
    ----------
    observed : studies significant at alpha, two-sided
    expected : sum of the studies' powers
    power : (k,) of each study
    statistic, p_value : chi-squared with one degree of freedom; one-sided for an excess
    """

    observed: int
    expected: float
    power: Floats
    statistic: float
    p_value: float


def fail_safe_n(
    effects: pd.DataFrame,
    *,
    kind: Literal["Rosenthal", "Orwin", "Rosenberg"] = "Rosenthal",
    alpha: float = 0.05,
    target: float | None = None,
    yi: str = "yi",
    vi: str = "vi",
) -> FailSafeN:
    """Number of unseen studies with no effect that would undo the result.

    Parameters
    ----------
    effects : a row per effect
    kind : "Rosenthal" (Stouffer's sum of z, one-sided alpha), "Orwin" (plain mean down to
        `target`) or "Rosenberg" (inverse-variance mean, two-sided alpha)
    alpha : level of significance for Rosenthal and Rosenberg
    target : smallest mean effect that matters, for Orwin; half of the observed mean by default
    yi, vi : columns of effects and sampling variances

    Raises
    ------
    InputError : unknown kind, alpha outside 0..1, or a target on the other side of zero.

    References
    ----------
    Rosenthal (1979), 10.1037/0033-2909.86.3.638; Orwin (1983), 10.3102/10769986008002157;
    Rosenberg (2005), 10.1111/j.0014-3820.2005.tb01004.x.
    """
    if kind not in ("Rosenthal", "Orwin", "Rosenberg"):
        raise InputError(f"unknown kind {kind!r}; choose Rosenthal, Orwin or Rosenberg")
    if not 0 < alpha < 1:
        raise InputError(f"alpha is a probability between 0 and 1, got {alpha:g}")
    table = build(effects, yi=yi, vi=vi)
    y, v = table.effects, table.variances
    if kind == "Orwin":
        return _orwin(y, target)
    if target is not None:
        raise InputError(f"target belongs to Orwin's kind, not to {kind}; leave it out")
    k, nan = len(y), float("nan")
    if kind == "Rosenthal":
        z = abs(float(np.sum(y / np.sqrt(v)))) / np.sqrt(k)
        critical, p_value, mean = -ndtri(alpha), float(ndtr(-z)), nan
    else:
        w = 1 / v
        mean = float(np.sum(w * y) / np.sum(w))
        z = abs(mean) * np.sqrt(np.sum(w))
        critical, p_value = -ndtri(alpha / 2), float(2 * ndtr(-z))
    n = max(0, int(np.ceil(k * ((z / critical) ** 2 - 1))))
    return FailSafeN(kind=kind, n=n, p_value=p_value, mean_effect=mean, target=nan, alpha=alpha)


def excess_significance(fit: Fit, *, alpha: float = 0.05) -> ExcessSignificance:
    """Test whether more studies are significant than their power explains.

    Parameters
    ----------
    fit : a two-level model without moderators; its pooled effect and tau² are taken as true
    alpha : two-sided level at which a study counts as significant

    Raises
    ------
    InputError : a multilevel model or moderators.

    References
    ----------
    Ioannidis and Trikalinos (2007), 10.1177/1740774507079441.
    """
    require_two_level(fit)
    if fit.p > 1:
        raise InputError(f"one true mean is needed, but the model has {', '.join(fit.names)}")
    critical = -ndtri(alpha / 2)
    se = np.sqrt(fit.variances)
    power = _average_power(float(fit.coefficients[0]), fit.tau2, se, critical)
    observed = int(np.sum(np.abs(fit.effects) >= critical * se))
    expected = float(power.sum())
    gap = (observed - expected) ** 2
    statistic = gap / expected + gap / (fit.k - expected)
    tail = 0.5 * float(chdtrc(1, statistic))
    return ExcessSignificance(
        observed=observed,
        expected=expected,
        power=power,
        statistic=statistic,
        p_value=tail if observed > expected else 1 - tail,
    )


def _orwin(y: Floats, target: float | None) -> FailSafeN:
    mean = float(y.mean())
    target = mean / 2 if target is None else target
    if target == 0 or mean * target < 0:
        raise InputError(
            f"the target must lie between zero and the mean effect {mean:.4g}, got {target:g}"
        )
    n = max(0, int(np.ceil(len(y) * (mean - target) / target)))
    nan = float("nan")
    return FailSafeN(kind="Orwin", n=n, p_value=nan, mean_effect=mean, target=target, alpha=nan)


def _average_power(mean: float, tau2: float, se: Floats, critical: float) -> Floats:
    """Power of each study's two-sided test, averaged over normal true effects.

    Effect and error together are normal, which gives the average in closed form; the true effects
    beyond `TRUE_EFFECTS_WITHIN` are then taken out.
    """

    def power(effect: Floats, spread: Floats) -> Floats:
        bound = critical * se[:, None]
        return np.asarray(ndtr((-bound - effect) / spread) + ndtr((effect - bound) / spread))

    whole = power(np.array([mean]), np.sqrt(se**2 + tau2)[:, None])[:, 0]
    if tau2 == 0:
        return whole
    nodes, weights = np.polynomial.legendre.leggauss(TAIL_NODES)
    u = TRUE_EFFECTS_WITHIN * (1.5 + 0.5 * nodes)
    mass = 0.5 * TRUE_EFFECTS_WITHIN * weights * np.exp(-(u**2) / 2) / np.sqrt(2 * np.pi)
    beyond = np.sqrt(tau2) * np.concatenate([-u, u])
    return np.asarray(whole - power(mean + beyond, se[:, None]) @ np.tile(mass, 2))
