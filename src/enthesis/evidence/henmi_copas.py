"""The equal-effects mean with an interval that heterogeneity has been allowed for.

References
----------
Henmi M, Copas JB 2010, doi:10.1002/sim.4029
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import gammainc

from enthesis.evidence import tau2 as between
from enthesis.evidence.design import build
from enthesis.evidence.projection import problem

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class HenmiCopas:
    """The equal-effects mean with an interval that heterogeneity has been allowed for.

    Parameters
    ----------
    estimate : inverse-variance mean, which small studies pull least
    std_error : under random effects
    ci_lower, ci_upper : Henmi and Copas's interval
    tau2 : DerSimonian and Laird's
    k : number of effects
    level : confidence level, 0 to 1
    """

    estimate: float
    std_error: float
    ci_lower: float
    ci_upper: float
    tau2: float
    k: int
    level: float

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON."""
        return asdict(self)


def henmi_copas(
    effects: pd.DataFrame, *, level: float = 0.95, yi: str = "yi", vi: str = "vi"
) -> HenmiCopas:
    """The equal-effects mean, which publication bias harms least, with an honest interval.

    Parameters
    ----------
    effects : a row per independent effect
    level : confidence level, 0 to 1
    yi, vi : columns of the effects and of their sampling variances

    Notes
    -----
    The pivot (θ̂ − θ)/se(τ̂²) depends on Q, whose distribution given θ̂ is matched by a gamma's
    first two moments; its quantile at τ̂² bounds the interval. In metafor: `hc()`.
    """
    design = build(effects, yi=yi, vi=vi)
    v = design.variances
    data = problem(design.effects, v, design.matrix)
    tau2 = between.estimate(data, "DL").value
    w = 1.0 / v
    w1, w2 = float(w.sum()), float(w @ w)
    mean = float(w @ design.effects) / w1
    inflation = 1.0 + tau2 * w2 / w1
    error = float(np.sqrt(inflation / w1))
    pivot = _henmi_copas_quantile(w, tau2, (1.0 - level) / 2.0)
    return HenmiCopas(
        estimate=mean,
        std_error=error,
        ci_lower=mean - pivot * error,
        ci_upper=mean + pivot * error,
        tau2=tau2,
        k=len(v),
        level=level,
    )


def _henmi_copas_quantile(w: Floats, tau2: float, tail: float) -> float:
    """The t with P(T > t) = tail, for T = R √(inflation(τ²) / inflation(τ̂²)), R standard normal.

    T > t asks for a τ̂² so small that the inflation falls below R² inflation(τ²) / t², that is, for
    a Q below a bound that grows with R²; Q given R is nearly gamma.
    """
    k, w1, w2 = len(w), float(w.sum()), float(w @ w)
    s = 1.0 / w + tau2
    inflation = 1.0 + tau2 * w2 / w1
    # Moments of Q given R = r: A = diag(w) − ww'/w1 meets the conditional covariance
    # C = S − gg'/c, g = Sw, c = w'Sw, in AC = diag(ws) − hg'/c with h = w²s.
    g, h = s * w, w**2 * s
    c = float(w @ g)
    x = h - w * (c / w1)
    mean0 = float(np.sum(w * s) - h @ g / c)
    mean1 = float(g @ h - c**2 / w1) / c
    var0 = 2.0 * float(np.sum((w * s) ** 2) - 2.0 * np.sum(g * w * s * h) / c + (g @ h / c) ** 2)
    var1 = 4.0 * float(np.sum(s * x**2) - (g @ x) ** 2 / c) / c
    nodes, weights = np.polynomial.legendre.leggauss(300)

    def upper_tail(t: float) -> float:
        # The integrand is below 1e-20 nine standard deviations past its start.
        low = t / np.sqrt(inflation)
        r = low + 4.5 * (nodes + 1.0)
        bound = (k - 1.0) + (r**2 * inflation / t**2 - 1.0) * (w1**2 / w2 - 1.0)
        mean, variance = mean0 + mean1 * r**2, var0 + var1 * r**2
        below = gammainc(mean**2 / variance, bound * mean / variance)
        density = np.exp(-0.5 * r**2) / np.sqrt(2.0 * np.pi)
        return float(4.5 * weights @ (below * density))

    high = 2.0
    while upper_tail(high) > tail:
        high *= 2.0
    low = 0.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if upper_tail(middle) > tail else (low, middle)
    return 0.5 * (low + high)
