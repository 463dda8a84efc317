"""A whole table of ratings judged at once: reliability, error and agreement of every quantity."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import pandas as pd

from enthesis.cohort.agreement import Scale, bland_altman
from enthesis.cohort.concordance import concordance
from enthesis.cohort.estimates import PairStatistic, Statistic, estimates
from enthesis.cohort.kappa import (
    Weights,
    cohen_kappa,
    fleiss_kappa,
    percent_agreement,
)
from enthesis.cohort.krippendorff import krippendorff_alpha
from enthesis.cohort.layout import Ratings, ratings_of
from enthesis.cohort.precision import precision_error
from enthesis.cohort.reliability import (
    ErrorKind,
    IccForm,
    icc,
    measurement_error,
)
from enthesis.errors import InputError

Kind = Literal["continuous", "ordinal", "nominal"]

FORMS: tuple[IccForm, ...] = ("ICC(2,1)", "ICC(3,1)")
"""Forms reported by default: single ratings by all raters, with and without the raters' shifts."""

ERRORS: tuple[ErrorKind, ...] = ("agreement", "consistency")
WEIGHTS: tuple[Weights, ...] = ("linear", "quadratic")
"""Errors of measurement reported of numbers, and weights of kappa reported of grades."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RaterPair:
    """Two raters against each other.

    Parameters
    ----------
    first, second : as the table names them; differences are first - second
    statistics : Bland-Altman and concordance of numbers, kappas of categories
    skipped : statistic → why it could not be computed
    """

    first: str
    second: str
    statistics: tuple[PairStatistic, ...]
    skipped: Mapping[str, str]

    def named(self, kind: Kind) -> str:
        """The two names, as a difference where it is one."""
        return f"{self.first} {'-' if kind == 'continuous' else '/'} {self.second}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RatedQuantity:
    """What the ratings of one thing gave.

    Parameters
    ----------
    key : column → value, what was rated; empty when the table holds one thing
    unit : of the values; "" if unknown or none
    kind : "continuous", "ordinal" or "nominal"
    raters : as the table names them
    n_subjects : rows of the table
    statistics : of all raters together
    pairs : every two raters
    skipped : statistic → why it could not be computed
    """

    key: Mapping[str, Any]
    unit: str
    kind: Kind
    raters: tuple[str, ...]
    n_subjects: int
    statistics: tuple[Statistic, ...]
    pairs: tuple[RaterPair, ...]
    skipped: Mapping[str, str]

    @property
    def name(self) -> str:
        """What was rated, in one line."""
        return " · ".join(str(part) for part in self.key.values() if part != "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReliabilityStudy:
    """What a table of ratings gave.

    Parameters
    ----------
    quantities : in the order of the table
    level : confidence level, 0 to 1
    """

    quantities: tuple[RatedQuantity, ...]
    level: float

    def to_frame(self) -> pd.DataFrame:
        """A row per number: what, which raters, statistic, estimate and interval, n, notes."""
        return pd.DataFrame([row for one in self.quantities for row in _rows(one)])

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "level": self.level,
            "quantities": [
                {
                    "key": dict(one.key),
                    "unit": one.unit,
                    "kind": one.kind,
                    "raters": list(one.raters),
                    "n_subjects": one.n_subjects,
                    "statistics": [_named(s) for s in one.statistics],
                    "skipped": dict(one.skipped),
                    "pairs": [
                        {
                            "first": pair.first,
                            "second": pair.second,
                            "statistics": [_named(s) for s in pair.statistics],
                            "skipped": dict(pair.skipped),
                        }
                        for pair in one.pairs
                    ],
                }
                for one in self.quantities
            ],
        }


def agree(
    table: pd.DataFrame,
    *,
    subject: str = "subject",
    rater: str | None = None,
    raters: Sequence[str] = (),
    value: str = "value",
    by: Sequence[str] | None = None,
    kind: Kind = "continuous",
    forms: Sequence[IccForm] = FORMS,
    scale: Scale = "difference",
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> ReliabilityStudy:
    """Reliability and agreement of every quantity of a table.

    Parameters
    ----------
    table : long, with a column of values and one of raters or sessions, or wide, with a column per
        rater
    subject : column of the subjects
    rater : column of a long table that tells a subject's ratings apart: readers, sessions, methods;
        "rater" or else "session" if not given
    raters : columns of a wide table; given, the table is wide
    value : column of a long table
    by : columns that tell quantities apart; quantity, region, side, level and method where they are
        there, if not given
    kind : "continuous" numbers, "ordinal" grades (as numbers) or "nominal" categories
    forms : intraclass correlations to report, of continuous values
    scale : of Bland and Altman's differences: "difference", "percent" or "log"
    level : confidence level, 0 to 1
    rng : for the bootstrap interval of Krippendorff's alpha; without it there is none

    Returns
    -------
    ReliabilityStudy. What cannot be computed of a quantity is named with the reason, not an error.

    Raises
    ------
    InputError : a column is missing, a rating occurs twice, or there is one rater only.
    """
    if kind not in {"continuous", "ordinal", "nominal"}:
        raise InputError(f"kind is 'continuous', 'ordinal' or 'nominal', got {kind!r}")
    found = ratings_of(table, subject=subject, rater=rater, raters=raters, value=value, by=by)
    quantities = tuple(
        _rated(one, kind=kind, forms=forms, scale=scale, level=level, rng=rng) for one in found
    )
    if all(len(one.raters) < 2 for one in quantities):
        only = quantities[0].raters[0] if quantities and quantities[0].raters else "none"
        raise InputError(
            f"two or more raters or sessions are needed to tell how well they agree, got 1 "
            f"({only!r}); name the column that tells the ratings of a subject apart"
        )
    return ReliabilityStudy(quantities=quantities, level=level)


def _rated(
    ratings: Ratings,
    *,
    kind: Kind,
    forms: Sequence[IccForm],
    scale: Scale,
    level: float,
    rng: np.random.Generator | None,
) -> RatedQuantity:
    frame = ratings.table
    raters = tuple(str(name) for name in frame.columns)
    if kind == "continuous":
        values = _as_numbers(frame)
        together = _continuous(values, forms, level)
    else:
        values = frame.to_numpy(dtype=object)
        together = _categorical(values, kind, level, rng)
    statistics, skipped = _attempt(together)
    pairs = []
    for i, j in itertools.combinations(range(len(raters)), 2):
        a, b = values[:, i], values[:, j]
        one = _pair(a, b, scale, level) if kind == "continuous" else _kappas(a, b, kind, level)
        done, failed = _attempt(one)
        pairs.append(RaterPair(first=raters[i], second=raters[j], statistics=done, skipped=failed))
    return RatedQuantity(
        key=MappingProxyType(ratings.key),
        unit=ratings.unit,
        kind=kind,
        raters=raters,
        n_subjects=len(frame),
        statistics=statistics,
        pairs=tuple(pairs),
        skipped=skipped,
    )


_Attempts = Iterator[tuple[str, Callable[[], Any]]]


def _continuous(values: Any, forms: Sequence[IccForm], level: float) -> _Attempts:
    for form in forms:
        yield form, partial(icc, values, form=form, level=level)
    for error in ERRORS:
        yield f"SEM, {error}", partial(measurement_error, values, kind=error, level=level)
    yield "precision error", partial(precision_error, values, level=level)


def _categorical(
    values: Any, kind: Kind, level: float, rng: np.random.Generator | None
) -> _Attempts:
    metric: Any = kind
    yield "percent agreement", partial(percent_agreement, values, level=level)
    if kind == "nominal" and values.shape[1] > 2:
        yield "Fleiss kappa", partial(fleiss_kappa, values, level=level)
    yield (
        "Krippendorff alpha",
        partial(krippendorff_alpha, values, metric=metric, rng=rng, level=level),
    )


def _pair(a: Any, b: Any, scale: Scale, level: float) -> _Attempts:
    yield "Bland-Altman", partial(bland_altman, a, b, scale=scale, level=level)
    yield "concordance", partial(concordance, a, b, level=level)


def _kappas(a: Any, b: Any, kind: Kind, level: float) -> _Attempts:
    yield "Cohen kappa", partial(cohen_kappa, a, b, level=level)
    if kind == "ordinal":
        for weights in WEIGHTS:
            name = f"Cohen kappa, {weights} weights"
            yield name, partial(cohen_kappa, a, b, weights=weights, level=level)


def _attempt(attempts: _Attempts) -> tuple[tuple[Any, ...], Mapping[str, str]]:
    """What could be computed, and why the rest could not."""
    done, skipped = [], {}
    for name, compute in attempts:
        try:
            done.append(compute())
        except InputError as error:
            skipped[name] = str(error)
    return tuple(done), MappingProxyType(skipped)


def _as_numbers(frame: pd.DataFrame) -> Any:
    for column in frame.columns:
        texts = frame[column][frame[column].notna()]
        bad = texts[pd.to_numeric(texts, errors="coerce").isna()]
        if len(bad):
            raise InputError(
                f"subject {bad.index[0]}, rater {column} reads {bad.iloc[0]!r}, not a number; "
                "correct it, or choose kind 'nominal' for categories"
            )
    return frame.apply(pd.to_numeric).to_numpy(dtype=np.float64)


def _named(statistic: Statistic | PairStatistic) -> dict[str, Any]:
    return {"statistic": type(statistic).__name__} | statistic.to_dict()


def _rows(one: RatedQuantity) -> Iterator[dict[str, Any]]:
    """A row per number, all raters first."""
    key = dict(one.key)
    everyone = " / ".join(one.raters)
    parties: list[tuple[str, tuple[Statistic | PairStatistic, ...], Mapping[str, str]]] = [
        (everyone, one.statistics, one.skipped),
        *((pair.named(one.kind), pair.statistics, pair.skipped) for pair in one.pairs),
    ]
    for who, statistics, skipped in parties:
        for statistic in statistics:
            for number in estimates(statistic, one.unit):
                yield key | {
                    "raters": who,
                    "statistic": number.name,
                    "estimate": number.value,
                    "ci_lower": number.lower,
                    "ci_upper": number.upper,
                    "unit": number.unit,
                    "band": number.band,
                    "reason": "",
                    "notes": "; ".join(statistic.notes),
                }
        for name, reason in skipped.items():
            yield key | {"raters": who, "statistic": name, "reason": reason, "notes": ""}
