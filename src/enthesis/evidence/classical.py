"""Pooling counts without per-study variances: Mantel and Haenszel's method, and Peto's.

References
----------
Mantel N, Haenszel W 1959, doi:10.1093/jnci/22.4.719
Robins J, Breslow N, Greenland S 1986, doi:10.2307/2531052 (variance of the log odds ratio)
Greenland S, Robins JM 1985, doi:10.2307/2530643 (variances of risk and rate measures)
Sato T 1989, doi:10.2307/2531784 (variance of the risk difference)
Breslow NE, Day NE 1980, Statistical Methods in Cancer Research I, section 4.4
Tarone RE 1985, doi:10.1093/biomet/72.1.91
Yusuf S et al. 1985, doi:10.1016/S0033-0620(85)80003-7 (Peto's method)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from enthesis.errors import InputError
from enthesis.evidence.design import column_of_numbers
from enthesis.evidence.effect_sizes import effect_sizes
from enthesis.evidence.printing import plain
from enthesis.evidence.tails import chi2_p, critical_value, two_sided_p

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

TABLES = ("OR", "RR", "RD")
RATES = ("IRR", "IRD")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonEffect:
    """One effect for all studies, with its test and the studies' heterogeneity around it.

    Parameters
    ----------
    measure : "OR", "RR", "IRR" and Peto's on the log scale; "RD", "IRD" as they are
    estimate, std_error, statistic, p_value, ci_lower, ci_upper : normal theory
    q, q_df, q_p : heterogeneity of the studies' own effects; zero cells are corrected by ½ but for
        Peto's method, which needs no correction
    i2 : percent
    k : studies with complete counts
    level : confidence level, 0 to 1
    """

    measure: str
    estimate: float
    std_error: float
    statistic: float
    p_value: float
    ci_lower: float
    ci_upper: float
    q: float
    q_df: int
    q_p: float
    i2: float
    k: int
    level: float

    def to_frame(self) -> pd.DataFrame:
        """The answer as a table with one row."""
        return pd.DataFrame([asdict(self)]).set_index("measure")

    def to_dict(self) -> dict[str, Any]:
        """The answer in plain Python, ready for JSON."""
        answer: dict[str, Any] = plain(asdict(self))
        return answer


@dataclass(frozen=True, slots=True, kw_only=True)
class MantelHaenszel(CommonEffect):
    """A Mantel–Haenszel estimate with the tests that belong to it.

    Parameters
    ----------
    cmh, cmh_p : Cochran–Mantel–Haenszel test, continuity corrected; OR and IRR
    breslow_day, breslow_day_p : homogeneity of odds ratios; OR
    tarone, tarone_p : the same with Tarone's correction; OR
    """

    cmh: float = float("nan")
    cmh_p: float = float("nan")
    breslow_day: float = float("nan")
    breslow_day_p: float = float("nan")
    tarone: float = float("nan")
    tarone_p: float = float("nan")


def mantel_haenszel(
    data: pd.DataFrame,
    measure: str = "OR",
    *,
    ai: str = "ai",
    bi: str = "bi",
    ci: str = "ci",
    di: str = "di",
    n1i: str = "n1i",
    n2i: str = "n2i",
    x1i: str = "x1i",
    t1i: str = "t1i",
    x2i: str = "x2i",
    t2i: str = "t2i",
    level: float = 0.95,
) -> MantelHaenszel:
    """Pool 2×2 tables or rates by Mantel and Haenszel's method, zero cells as they are.

    Parameters
    ----------
    data : a row per study; rows with missing counts are left out
    measure : "OR", "RR", "RD" of tables; "IRR", "IRD" of events and person-time
    ai, bi, ci, di, n1i, n2i : columns of the cells, or totals in place of bi and di
    x1i, t1i, x2i, t2i : columns of events and person-time
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : unknown measure, unusable counts, or no events in one of the groups.
    """
    if measure not in (*TABLES, *RATES):
        raise InputError(f"no Mantel-Haenszel {measure!r}; choose from {(*TABLES, *RATES)}")
    cells: dict[str, Any] = {"ai": ai, "bi": bi, "ci": ci, "di": di, "n1i": n1i, "n2i": n2i}
    rates: dict[str, Any] = {"x1i": x1i, "t1i": t1i, "x2i": x2i, "t2i": t2i}
    own = effect_sizes(data, measure, **cells, **rates, append=False)
    if measure in RATES:
        table = np.array([column_of_numbers(data, name) for name in rates.values()])
    else:
        table = _two_by_two(data, cells)
    complete = ~np.isnan(table).any(axis=0)
    table = table[:, complete]
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate, variance = _POOLED[measure](*table)
    if not (np.isfinite(estimate) and np.isfinite(variance)):
        raise InputError(
            f"the Mantel-Haenszel {measure} is not finite: one group has no events in any of the "
            f"{complete.sum()} studies; use measure='RD' or 'IRD', or pool with a correction"
        )
    common = _common(measure, estimate, float(np.sqrt(variance)), own, int(complete.sum()), level)
    tests: dict[str, Any] = _table_tests(table, estimate) if measure == "OR" else {}
    tests |= _rate_test(table) if measure == "IRR" else {}
    return MantelHaenszel(**common, **tests)


def peto(
    data: pd.DataFrame,
    *,
    ai: str = "ai",
    bi: str = "bi",
    ci: str = "ci",
    di: str = "di",
    n1i: str = "n1i",
    n2i: str = "n2i",
    level: float = 0.95,
) -> CommonEffect:
    """Pool odds ratios by Peto's one-step method, zero cells as they are.

    Parameters
    ----------
    data : a row per study; rows with missing counts are left out
    ai, bi, ci, di, n1i, n2i : columns of the cells, or totals in place of bi and di
    level : confidence level, 0 to 1

    Returns
    -------
    The log odds ratio; good for rare events and groups of similar size, biased otherwise.
    """
    cells: dict[str, Any] = {"ai": ai, "bi": bi, "ci": ci, "di": di, "n1i": n1i, "n2i": n2i}
    own = effect_sizes(data, "PETO", **cells, to="none", append=False)
    table = _two_by_two(data, cells)
    table = table[:, ~np.isnan(table).any(axis=0)]
    excess, information = _hypergeometric(table)
    total = float(information.sum())
    if total <= 0.0:
        raise InputError("Peto's method needs events in at least one study; all have none or only")
    common = _common("PETO", excess.sum() / total, total**-0.5, own, table.shape[1], level)
    return CommonEffect(**common)


def _two_by_two(data: pd.DataFrame, names: dict[str, str]) -> Floats:
    """Cells a, b, c, d of every study, (4, k)."""
    a, c = (column_of_numbers(data, names[key]) for key in ("ai", "ci"))
    rest = []
    for part, cell, total in ((a, "bi", "n1i"), (c, "di", "n2i")):
        if names[cell] in data.columns:
            rest.append(column_of_numbers(data, names[cell]))
        else:
            rest.append(column_of_numbers(data, names[total]) - part)
    return np.array([a, rest[0], c, rest[1]])


def _common(
    measure: str, estimate: float, error: float, own: pd.DataFrame, k: int, level: float
) -> dict[str, Any]:
    statistic = estimate / error
    reach = float(critical_value(level)) * error
    y, v = own.dropna().to_numpy(dtype=float).T
    q, df = float(np.sum((y - estimate) ** 2 / v)), len(y) - 1
    return {
        "measure": measure,
        "estimate": float(estimate),
        "std_error": error,
        "statistic": float(statistic),
        "p_value": float(two_sided_p(statistic)),
        "ci_lower": float(estimate - reach),
        "ci_upper": float(estimate + reach),
        "q": q,
        "q_df": df,
        "q_p": chi2_p(q, df),
        "i2": max(0.0, 100.0 * (q - df) / q) if q > 0.0 else 0.0,
        "k": k,
        "level": level,
    }


def _odds_ratio(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    n = a + b + c + d
    p, q, r, s = (a + d) / n, (b + c) / n, a * d / n, b * c / n
    R, S = r.sum(), s.sum()
    mixed = (p @ s + q @ r) / (2.0 * R * S)
    return np.log(R / S), p @ r / (2.0 * R**2) + mixed + q @ s / (2.0 * S**2)


def _risk_ratio(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    n1, n2 = a + b, c + d
    n = n1 + n2
    R, S = (a * n2 / n).sum(), (c * n1 / n).sum()
    return np.log(R / S), ((n1 * n2 * (a + c) - a * c * n) / n**2).sum() / (R * S)


def _risk_difference(a: Floats, b: Floats, c: Floats, d: Floats) -> tuple[float, float]:
    n1, n2 = a + b, c + d
    n = n1 + n2
    weight = (n1 * n2 / n).sum()
    difference = ((a * n2 - c * n1) / n).sum() / weight
    skew = c * (n1 / n) ** 2 - a * (n2 / n) ** 2 + n1 * n2 * (n2 - n1) / (2.0 * n**2)
    spread = (a * d + c * b) / (2.0 * n)
    return difference, (difference * skew.sum() + spread.sum()) / weight**2


def _rate_ratio(x1: Floats, t1: Floats, x2: Floats, t2: Floats) -> tuple[float, float]:
    t = t1 + t2
    R, S = (x1 * t2 / t).sum(), (x2 * t1 / t).sum()
    return np.log(R / S), ((x1 + x2) * t1 * t2 / t**2).sum() / (R * S)


def _rate_difference(x1: Floats, t1: Floats, x2: Floats, t2: Floats) -> tuple[float, float]:
    t = t1 + t2
    weight = (t1 * t2 / t).sum()
    variance = ((t1 * t2 / t) ** 2 * (x1 / t1**2 + x2 / t2**2)).sum() / weight**2
    return ((x1 * t2 - x2 * t1) / t).sum() / weight, variance


_POOLED: dict[str, Callable[..., tuple[float, float]]] = {
    "OR": _odds_ratio,
    "RR": _risk_ratio,
    "RD": _risk_difference,
    "IRR": _rate_ratio,
    "IRD": _rate_difference,
}


def _hypergeometric(table: Floats) -> tuple[Floats, Floats]:
    """Observed minus expected events of the first group, and their variance, by study."""
    a, b, c, d = table
    n1, n2, events, rest = a + b, c + d, a + c, b + d
    n = n1 + n2
    return a - n1 * events / n, n1 * n2 * events * rest / (n**2 * (n - 1.0))


def _table_tests(table: Floats, estimate: float) -> dict[str, float]:
    excess, information = _hypergeometric(table)
    cmh = max(abs(excess.sum()) - 0.5, 0.0) ** 2 / information.sum()
    a, b, c, d = table
    # Tables without events, or with nothing else, say nothing about the odds ratio.
    informative = (a + c > 0) & (b + d > 0)
    a, b, c, d = table[:, informative]
    expected = _expected(a + b, c + d, a + c, float(np.exp(estimate)))
    n1, n2, events = a + b, c + d, a + c
    spread = 1.0 / (
        1.0 / expected
        + 1.0 / (n1 - expected)
        + 1.0 / (events - expected)
        + 1.0 / (n2 - events + expected)
    )
    breslow_day = float(np.sum((a - expected) ** 2 / spread))
    tarone = breslow_day - float((a - expected).sum() ** 2 / spread.sum())
    df = len(a) - 1
    return {
        "cmh": float(cmh),
        "cmh_p": chi2_p(float(cmh), 1),
        "breslow_day": breslow_day,
        "breslow_day_p": chi2_p(breslow_day, df),
        "tarone": tarone,
        "tarone_p": chi2_p(tarone, df),
    }


def _expected(n1: Floats, n2: Floats, events: Floats, odds_ratio: float) -> Floats:
    """Cell a of tables with these margins and this odds ratio: the root within the margins."""
    if abs(odds_ratio - 1.0) < 1e-12:
        return n1 * events / (n1 + n2)
    half = odds_ratio * (n1 + events) + n2 - events
    root = np.sqrt(half**2 - 4.0 * odds_ratio * (odds_ratio - 1.0) * n1 * events)
    # The form without cancellation: 2c / (b + root) rather than (b − root) / 2a.
    expected: Floats = 2.0 * odds_ratio * n1 * events / (half + root)
    return expected


def _rate_test(table: Floats) -> dict[str, float]:
    x1, t1, x2, t2 = table
    events, t = x1 + x2, t1 + t2
    excess = abs(float((x1 - events * t1 / t).sum()))
    cmh = max(excess - 0.5, 0.0) ** 2 / float((events * t1 * t2 / t**2).sum())
    return {"cmh": cmh, "cmh_p": chi2_p(cmh, 1)}
