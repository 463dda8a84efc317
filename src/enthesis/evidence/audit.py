"""Whether the statistics that a paper prints agree with each other, given their rounding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import chdtrc, ndtr, ndtri, stdtr, stdtrit

from enthesis.errors import InputError
from enthesis.evidence.printed import Interval, read_printed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from enthesis.evidence.two_groups import Floats

ALPHA_OF_TEST = 0.05
"""Level at which a p value is read as significant when it is held against the interval."""

LARGEST_DF = 500
"""Degrees of freedom tried when a paper prints I² and its p without saying how many effects."""

QUANTITIES: Mapping[str, tuple[float, float]] = {
    "estimate": (-np.inf, np.inf),
    "se": (0, np.inf),
    "ci_lower": (-np.inf, np.inf),
    "ci_upper": (-np.inf, np.inf),
    "statistic": (-np.inf, np.inf),
    "df": (0, np.inf),
    "p": (0, 1),
    "q": (0, np.inf),
    "q_df": (0, np.inf),
    "q_p": (0, 1),
    "k": (1, np.inf),
    "i2": (0, 100),
    "i2_between": (0, 100),
    "i2_within": (0, 100),
}
"""What is looked for in the table, and the range that it can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """Every check that a table of printed statistics allowed.

    Parameters
    ----------
    checks : one row per check: row (counted from 1), label, check, printed and implied bounds,
        consistent
    n_checks, n_inconsistent : how many
    """

    checks: pd.DataFrame
    n_checks: int
    n_inconsistent: int

    @property
    def inconsistent(self) -> pd.DataFrame:
        """The checks that no unrounded numbers can satisfy."""
        return self.checks[~self.checks["consistent"]]

    def summary(self) -> str:
        """Counts, and one line for each contradiction."""
        lines = [f"{self.n_checks} checks, {self.n_inconsistent} inconsistent"]
        lines += [
            f"row {row}{label and f' ({label})'}: {check}: printed {printed}, "
            f"the other numbers give {lower:.4g} to {upper:.4g}"
            for row, label, check, printed, lower, upper in self.inconsistent[
                ["row", "label", "check", "printed", "implied_lower", "implied_upper"]
            ].itertuples(index=False)
        ]
        return "\n".join(lines)

    def to_frame(self) -> pd.DataFrame:
        """The checks, one row each."""
        return self.checks.copy()

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; unbounded and unknown ends are null."""
        rows = self.checks.astype(object).replace([np.inf, -np.inf, np.nan], None)
        return {
            "n_checks": self.n_checks,
            "n_inconsistent": self.n_inconsistent,
            "checks": rows.to_dict(orient="records"),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """What the other numbers imply for a printed one."""

    name: str
    column: str
    printed: Interval
    implied: Interval


def audit(
    table: pd.DataFrame,
    *,
    label: str = "label",
    estimate: str = "estimate",
    se: str = "se",
    ci_lower: str = "ci_lower",
    ci_upper: str = "ci_upper",
    statistic: str = "statistic",
    df: str = "df",
    p: str = "p",
    q: str = "q",
    q_df: str = "q_df",
    q_p: str = "q_p",
    k: str = "k",
    i2: str = "i2",
    i2_between: str = "i2_between",
    i2_within: str = "i2_within",
    level: float = 0.95,
    ratio: bool = False,
    decimals: Mapping[str, int] | None = None,
) -> Audit:
    """Which printed statistics agree, given how they were rounded.

    Parameters
    ----------
    table : one row per printed result, as strings ("0.20", "<0.001", "4.4%") or numbers; whatever
        is absent or blank is not checked. A file is best read with dtype=str
    label : column that names a row in the report; the row number is there anyway
    estimate, se, ci_lower, ci_upper : columns with the effect, its standard error and interval
    statistic, df, p : columns with z or t, its degrees of freedom (blank: normal), two-sided p
    q, q_df, q_p, k, i2 : columns with a chi-square statistic (Cochran's Q, a likelihood ratio),
        its degrees of freedom and p, number of effects (q_df + 1), I² in percent
    i2_between, i2_within : columns with the shares of a three-level I², whose total is then `i2`
    level : of the intervals
    ratio : estimates and intervals are printed as ratios (OR, RR) and symmetric on the log scale;
        `se` is then the log's
    decimals : by the names above, how many decimals *numbers* were printed with at least: 0.20
        read from a file as a number has lost its last digit. Strings keep theirs.

    Returns
    -------
    Audit with one row per check. A check is consistent if some unrounded values of all the numbers
    in it would print as they were printed; it cannot prove that a number is right.

    Raises
    ------
    InputError : nothing to check, or a cell that is not a number, named by row and column.

    Notes
    -----
    Every printed number is the interval of what rounds to it, an inequality the interval that it
    names; the bounds are carried through each formula. Checks: statistic = estimate / SE; p from
    the statistic (or from estimate and SE, or from the interval); SE from the interval; interval
    symmetric about the estimate; statistic from the interval; interval without zero (a ratio of
    one) if and only if p < 0.05; df = k - 1; p from Q; I² from Q, which holds for the classical
    I² = (Q - df) / Q and not for one made from another tau²; p from I² (for some number of effects
    if none is given); shares that add up to I².

    References
    ----------
    Higgins & Thompson 2002, https://doi.org/10.1002/sim.1186;
    Brown & Heathers 2017, https://doi.org/10.1177/1948550616673876 (the idea)

    Examples
    --------
    >>> import pandas as pd
    >>> paper = pd.DataFrame({"q": ["2.09"] * 2, "q_df": [2, 2], "i2": ["4.4%", "0%"]})
    >>> print(audit(paper).summary())
    2 checks, 1 inconsistent
    row 2: I² from Q: printed 0%, the other numbers give 4.077 to 4.535
    """
    if not 0 < level < 1:
        raise InputError(f"level is a share between 0 and 1, such as 0.95, not {level!r}")
    names = {
        "estimate": estimate, "se": se, "ci_lower": ci_lower, "ci_upper": ci_upper,
        "statistic": statistic, "df": df, "p": p, "q": q, "q_df": q_df, "q_p": q_p, "k": k,
        "i2": i2, "i2_between": i2_between, "i2_within": i2_within,
    }  # fmt: skip
    digits = {} if decimals is None else decimals
    unknown = [name for name in digits if name not in QUANTITIES]
    if unknown:
        raise InputError(f"decimals names {unknown[0]!r}; the names are: {', '.join(QUANTITIES)}")
    printed = {
        quantity: read_printed(
            table, names[quantity], decimals=digits.get(quantity, 0), least=least, most=most
        )
        for quantity, (least, most) in QUANTITIES.items()
    }
    if ratio:
        printed |= _logarithms(table, names, printed)
    checks = [*_effect_checks(printed, level), *_heterogeneity_checks(printed)]
    return _report(table, label, names, checks)


def _logarithms(
    table: pd.DataFrame, names: Mapping[str, str], printed: Mapping[str, Interval]
) -> dict[str, Interval]:
    """Ratios on the log scale; a lower end at or below zero is unbounded there."""
    logs = {}
    for quantity in ("estimate", "ci_lower", "ci_upper"):
        interval = printed[quantity]
        if np.any(interval.upper <= 0):
            row = int(np.flatnonzero(interval.upper <= 0)[0])
            value = table[names[quantity]].iloc[row]
            raise InputError(
                f"row {row + 1}, column {names[quantity]!r}: a ratio is above 0, not {value!r}"
            )
        with np.errstate(divide="ignore"):
            lower = np.log(np.maximum(interval.lower, 0))
            logs[quantity] = Interval(lower=lower, upper=np.log(interval.upper))
    return logs


def _effect_checks(printed: Mapping[str, Interval], level: float) -> Iterator[_Check]:
    estimate, se, statistic = printed["estimate"], printed["se"], printed["statistic"]
    p, df = printed["p"], _or_normal(printed["df"])
    low, high = printed["ci_lower"], printed["ci_upper"]
    quotient = estimate.over(se)
    yield _Check(
        name="statistic from estimate and SE",
        column="statistic",
        printed=statistic,
        implied=quotient,
    )
    middle = (low + high) * 0.5
    yield _Check(
        name="interval symmetric about estimate",
        column="estimate",
        printed=estimate,
        implied=middle,
    )
    critical = Interval(lower=_critical(df.upper, level), upper=_critical(df.lower, level))
    spread = ((high - low) * 0.5).over(critical)
    yield _Check(name="SE from interval", column="se", printed=se, implied=spread)
    from_interval = estimate.within(middle).over(spread)
    yield _Check(
        name="statistic from interval", column="statistic", printed=statistic, implied=from_interval
    )
    # p is held against the most direct source that the row prints
    direct = _where_known(statistic, _where_known(quotient, from_interval))
    yield _Check(name="p from statistic", column="p", printed=p, implied=_two_sided(direct, df))
    if np.isclose(1 - level, ALPHA_OF_TEST):
        yield _Check(
            name="interval excludes no effect if p < 0.05",
            column="p",
            printed=p,
            implied=_p_by_interval(low, high),
        )


def _heterogeneity_checks(printed: Mapping[str, Interval]) -> Iterator[_Check]:
    q, q_p, i2 = printed["q"], printed["q_p"], printed["i2"]
    df = _where_known(_whole(printed["q_df"]), _less_one(_whole(printed["k"])))
    yield _Check(name="df from number of effects", column="q_df", printed=_whole(printed["q_df"]),
                 implied=_less_one(_whole(printed["k"])))  # fmt: skip
    yield _Check(name="p from Q", column="q_p", printed=q_p, implied=_chi2_tail(q, df))
    parts = printed["i2_between"] + printed["i2_within"]
    yield _Check(name="shares add up to I²", column="i2", printed=i2, implied=parts)
    classical = Interval(
        lower=np.where(parts.known, np.nan, i2.lower), upper=np.where(parts.known, np.nan, i2.upper)
    )
    yield _Check(name="I² from Q", column="i2", printed=classical, implied=_i2(q, df))
    without_q = Interval(
        lower=np.where(q.known, np.nan, classical.lower),
        upper=np.where(q.known, np.nan, classical.upper),
    )
    yield _Check(
        name="p from I²", column="q_p", printed=q_p, implied=_p_from_i2(without_q, df, q_p)
    )


def _report(
    table: pd.DataFrame, label: str, names: Mapping[str, str], checks: list[_Check]
) -> Audit:
    """One row per check that could be made, in the order of the table's rows."""
    labels = table[label] if label in table.columns else pd.Series([""] * len(table))
    parts = []
    for order, check in enumerate(checks):
        rows = np.flatnonzero(check.printed.known & check.implied.known)
        if not rows.size:
            continue
        cells = table[names[check.column]]
        parts.append(
            pd.DataFrame(
                {
                    "row": rows + 1,
                    "label": labels.iloc[rows].astype(str).to_numpy(),
                    "check": check.name,
                    "printed": cells.iloc[rows].astype(str).to_numpy(),
                    "printed_lower": check.printed.lower[rows],
                    "printed_upper": check.printed.upper[rows],
                    "implied_lower": check.implied.lower[rows],
                    "implied_upper": check.implied.upper[rows],
                    "consistent": check.printed.meets(check.implied)[rows],
                    "order": order,
                }
            )
        )
    if not parts:
        raise InputError(
            "nothing to check: no row prints two numbers that determine each other; this table "
            f"has: {', '.join(map(str, table.columns))}; name its columns as in estimate='SMD'"
        )
    found = pd.concat(parts, ignore_index=True).sort_values(["row", "order"], ignore_index=True)
    found = found.drop(columns="order")
    return Audit(
        checks=found, n_checks=len(found), n_inconsistent=int((~found["consistent"]).sum())
    )


def _where_known(first: Interval, other: Interval) -> Interval:
    return Interval(
        lower=np.where(first.known, first.lower, other.lower),
        upper=np.where(first.known, first.upper, other.upper),
    )


def _or_normal(df: Interval) -> Interval:
    """No degrees of freedom printed: a normal statistic."""
    endless = np.full(df.lower.shape, np.inf)
    return _where_known(df, Interval(lower=endless, upper=endless))


def _whole(count: Interval) -> Interval:
    """A count is not rounded."""
    middle = np.round((count.lower + count.upper) / 2)
    return Interval(lower=middle, upper=middle)


def _less_one(count: Interval) -> Interval:
    return Interval(lower=count.lower - 1, upper=count.upper - 1)


def _critical(df: Floats, level: float) -> Floats:
    tail = (1 + level) / 2
    finite = np.where(np.isinf(df), 1, df)
    return np.asarray(np.where(np.isinf(df), ndtri(tail), stdtrit(finite, tail)))


def _two_sided(statistic: Interval, df: Interval) -> Interval:
    """Two-sided p: falls with the size of the statistic and with its degrees of freedom."""
    size = statistic.magnitude()
    return Interval(lower=_tails(size.upper, df.upper), upper=_tails(size.lower, df.lower))


def _tails(size: Floats, df: Floats) -> Floats:
    finite = np.where(np.isinf(df), 1, df)
    return np.asarray(np.where(np.isinf(df), 2 * ndtr(-size), 2 * stdtr(finite, -size)))


def _p_by_interval(low: Interval, high: Interval) -> Interval:
    """Where p must lie, as far as the rounded interval says whether it holds zero."""
    outside = (low.lower > 0) | (high.upper < 0)
    inside = (low.upper < 0) & (high.lower > 0)
    known = low.known & high.known
    return Interval(
        lower=np.where(known, np.where(inside, ALPHA_OF_TEST, 0.0), np.nan),
        upper=np.where(known, np.where(outside, ALPHA_OF_TEST, 1.0), np.nan),
    )


def _chi2_tail(q: Interval, df: Interval) -> Interval:
    return Interval(lower=chdtrc(df.lower, q.upper), upper=chdtrc(df.lower, q.lower))


def _i2(q: Interval, df: Interval) -> Interval:
    """Classical I² in percent, (Q - df) / Q, not below zero."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ends = [100 * np.maximum(0, 1 - df.lower / end) for end in (q.lower, q.upper)]
    ends = [np.where(np.isnan(end) & q.known & df.known, 0.0, end) for end in ends]
    return Interval(lower=ends[0], upper=ends[1])


def _p_from_i2(i2: Interval, df: Interval, q_p: Interval) -> Interval:
    """P that Q = df / (1 - I²) has; without df, for the number of effects that fits best."""
    given = _p_of_i2(i2, df)
    lower, upper = given.lower.copy(), given.upper.copy()
    rows = np.flatnonzero(i2.known & q_p.known & ~df.known)
    candidates = np.arange(1.0, LARGEST_DF + 1)[:, None]
    share = Interval(lower=i2.lower[rows], upper=i2.upper[rows])
    tried = _p_of_i2(share, Interval(lower=candidates, upper=candidates))
    gap = np.maximum(tried.lower - q_p.upper[rows], q_p.lower[rows] - tried.upper)
    best = np.argmin(gap, axis=0)
    lower[rows] = np.take_along_axis(tried.lower, best[None], axis=0)[0]
    upper[rows] = np.take_along_axis(tried.upper, best[None], axis=0)[0]
    return Interval(lower=lower, upper=upper)


def _p_of_i2(i2: Interval, df: Interval) -> Interval:
    """I² of 0 may come from any Q up to its degrees of freedom."""
    with np.errstate(divide="ignore", invalid="ignore"):
        least = np.where(i2.lower <= 0, 0, df.lower / (1 - i2.lower / 100))
        most = df.lower / (1 - i2.upper / 100)
    missing = np.isnan(i2.lower) | np.isnan(df.lower)
    return Interval(
        lower=np.where(missing, np.nan, chdtrc(df.lower, most)),
        upper=np.where(missing, np.nan, chdtrc(df.lower, least)),
    )
