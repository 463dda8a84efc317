"""Agreement of raters on categories, beyond chance: kappa of Cohen and of Fleiss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from enthesis.cohort.ratings import Floats, check_level, coded, complete_codes
from enthesis.errors import InputError

Weights = Literal["none", "linear", "quadratic"]

LANDIS_KOCH = (
    (0.0, "poor"),
    (0.2, "slight"),
    (0.4, "fair"),
    (0.6, "moderate"),
    (0.8, "substantial"),
    (np.inf, "almost perfect"),
)
"""Upper ends and names of Landis and Koch's bands of kappa, which they call arbitrary (1977,
doi:10.2307/2529310): below 0 poor, and 0.20, 0.40, … belong to the band below them."""

ONE_CATEGORY = (
    "every rating is {only!r}: with one category in use, agreement beyond chance cannot be "
    "estimated; report the percent agreement"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PercentAgreement:
    """Share of subjects on whom the raters agree.

    Parameters
    ----------
    estimate, ci_lower, ci_upper : percent of subjects on whom all raters agree, Wilson's interval
    pairwise : percent of pairs of raters and subjects that agree
    level : confidence level, 0 to 1
    n_subjects, n_raters : that were used
    notes : what is doubtful
    """

    estimate: float
    ci_lower: float
    ci_upper: float
    pairwise: float
    level: float
    n_subjects: int
    n_raters: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kappa:
    """Agreement beyond chance.

    Parameters
    ----------
    kind : "Cohen" or "Fleiss"
    weights : "none", "linear" or "quadratic"
    estimate, ci_lower, ci_upper : 1 is perfect, 0 as by chance
    level : confidence level, 0 to 1
    observed, expected : agreement seen and expected by chance, 0 to 1
    z, p_value : test that agreement is by chance
    categories : in the order of their distances
    by_category : category → its own kappa against all others; only Fleiss
    n_subjects, n_raters : that were used
    notes : what is doubtful
    """

    kind: Literal["Cohen", "Fleiss"]
    weights: Weights
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    observed: float
    expected: float
    z: float
    p_value: float
    categories: tuple[Any, ...]
    by_category: Mapping[Any, float] = field(default_factory=dict)
    n_subjects: int
    n_raters: int
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_category", MappingProxyType(dict(self.by_category)))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        plain = {name: getattr(self, name) for name in self.__slots__}
        return plain | {"by_category": {str(name): k for name, k in self.by_category.items()}}


def percent_agreement(ratings: ArrayLike, *, level: float = 0.95) -> PercentAgreement:
    """Share of subjects on whom all raters agree, and of pairs of ratings that agree.

    Parameters
    ----------
    ratings : (n subjects, k raters) categories; subjects with a missing one are left out
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : fewer than two raters or complete subjects.

    References
    ----------
    Wilson EB. J Am Stat Assoc 1927;22:209-212. doi:10.1080/01621459.1927.10502953 (interval)
    """
    check_level(level)
    codes, notes = complete_codes(coded(ratings)[0])
    n, k = codes.shape
    agreed = int((codes == codes[:, :1]).all(axis=1).sum())
    counts = _counts(codes, int(codes.max()) + 1)
    pairwise = float((counts * (counts - 1)).sum() / (n * k * (k - 1)))
    interval = stats.binomtest(agreed, n).proportion_ci(level, method="wilson")
    return PercentAgreement(
        estimate=100 * agreed / n,
        ci_lower=100 * float(interval.low),
        ci_upper=100 * float(interval.high),
        pairwise=100 * pairwise,
        level=level,
        n_subjects=n,
        n_raters=k,
        notes=notes,
    )


def cohen_kappa(
    first: ArrayLike,
    second: ArrayLike,
    *,
    weights: Weights = "none",
    categories: Sequence[Any] | None = None,
    level: float = 0.95,
) -> Kappa:
    """Cohen's kappa of two raters, each with own habits, plain or weighted.

    Parameters
    ----------
    first, second : (n,) categories in one order; subjects with a missing one are left out
    weights : "linear" or "quadratic" in the distance of two categories. Numbers are as far apart
        as they say, so a grade that nobody gave still counts; words are one step apart
    categories : every category in order, for weighted words; those that occur if not given
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : unknown weights, weighted words without their order, or one category in use.

    Notes
    -----
    The interval uses the large-sample variance, the test its value under chance. Kappa is low where
    one category is rare, however well raters agree: read it beside the percent agreement.

    References
    ----------
    Cohen J. Educ Psychol Meas 1960;20:37-46. doi:10.1177/001316446002000104
    Cohen J. Psychol Bull 1968;70:213-220. doi:10.1037/h0026256 (weights)
    Fleiss JL, Cohen J, Everitt BS. Psychol Bull 1969;72:323-327. doi:10.1037/h0028106 (variance)
    """
    check_level(level)
    a, b = np.array(first, dtype=object), np.array(second, dtype=object)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"one category of each rater per subject is wanted, got {a.size} and {b.size}"
        )
    all_codes, known = coded(np.column_stack([a, b]), categories)
    w = agreement_weights(known, weights, ordered=categories is not None)
    codes, notes = complete_codes(all_codes)
    n = len(codes)
    table = np.zeros((len(known), len(known)))
    np.add.at(table, (codes[:, 0], codes[:, 1]), 1 / n)
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    chance = np.outer(rows, columns)
    observed, expected = float((w * table).sum()), float((w * chance).sum())
    if np.isclose(expected, 1, rtol=0, atol=1e-12):
        raise InputError(ONE_CATEGORY.format(only=known[codes[0, 0]]))
    kappa = (observed - expected) / (1 - expected)
    typical = (w @ columns)[:, None] + (rows @ w)[None, :]
    square = (observed * expected - 2 * expected + observed) ** 2
    spread = (table * (w * (1 - expected) - typical * (1 - observed)) ** 2).sum() - square
    std_error = float(np.sqrt(max(spread, 0.0) / n)) / (1 - expected) ** 2
    by_chance = float((chance * (w - typical) ** 2).sum()) - expected**2
    z = kappa * (1 - expected) / np.sqrt(by_chance / n) if by_chance > 0 else np.nan
    reach = float(stats.norm.ppf((1 + level) / 2)) * std_error
    return Kappa(
        kind="Cohen",
        weights=weights,
        estimate=kappa,
        ci_lower=max(kappa - reach, -1.0),
        ci_upper=min(kappa + reach, 1.0),
        level=level,
        observed=observed,
        expected=expected,
        z=float(z),
        p_value=float(2 * stats.norm.sf(abs(z))),
        categories=known,
        n_subjects=n,
        n_raters=2,
        notes=notes,
    )


def fleiss_kappa(ratings: ArrayLike, *, level: float = 0.95) -> Kappa:
    """Fleiss's kappa of any number of raters, who need not be the same for every subject.

    Parameters
    ----------
    ratings : (n subjects, k ratings) categories; subjects with a missing one are left out
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : fewer than two ratings or complete subjects, or one category in use.

    Notes
    -----
    The interval is Gwet's, by linearization over subjects with t on n - 1 degrees of freedom, which
    holds away from chance; the test uses Fleiss's variance under chance.

    References
    ----------
    Fleiss JL. Psychol Bull 1971;76:378-382. doi:10.1037/h0031619
    Fleiss JL, Nee JCM, Landis JR. Psychol Bull 1979;86:974-977. doi:10.1037/0033-2909.86.5.974
    Gwet KL. Br J Math Stat Psychol 2008;61:29-48. doi:10.1348/000711006X126600 (interval)
    """
    check_level(level)
    all_codes, known = coded(ratings)
    codes, notes = complete_codes(all_codes)
    n, k = codes.shape
    counts = _counts(codes, len(known))
    share = counts.sum(axis=0) / (n * k)
    by_subject = (counts * (counts - 1)).sum(axis=1) / (k * (k - 1))
    observed, expected = float(by_subject.mean()), float(share @ share)
    if np.isclose(expected, 1, rtol=0, atol=1e-12):
        raise InputError(ONE_CATEGORY.format(only=known[codes[0, 0]]))
    kappa = (observed - expected) / (1 - expected)
    own = (by_subject - expected) / (1 - expected)
    own -= 2 * (1 - kappa) * (counts @ share / k - expected) / (1 - expected)
    std_error = float(np.sqrt(((own - kappa) ** 2).sum() / (n * (n - 1))))
    reach = float(stats.t.isf((1 - level) / 2, n - 1)) * std_error
    mixed = share * (1 - share)
    by_chance = 2 * (mixed.sum() ** 2 - (mixed * (1 - 2 * share)).sum())
    z = kappa * mixed.sum() / np.sqrt(by_chance / (n * k * (k - 1)))
    used = share > 0
    apart = (counts * (k - counts)).sum(axis=0)
    singly = 1 - apart[used] / (n * k * (k - 1) * mixed[used])
    return Kappa(
        kind="Fleiss",
        weights="none",
        estimate=kappa,
        ci_lower=max(kappa - reach, -1.0),
        ci_upper=min(kappa + reach, 1.0),
        level=level,
        observed=observed,
        expected=expected,
        z=float(z),
        p_value=float(2 * stats.norm.sf(abs(z))),
        categories=known,
        by_category=dict(
            zip((c for c, u in zip(known, used, strict=True) if u), singly.tolist(), strict=True)
        ),
        n_subjects=n,
        n_raters=k,
        notes=notes,
    )


def landis_koch(kappa: float) -> str:
    """Landis and Koch's word for a kappa; arbitrary, as they say, and so on no result by default.

    References
    ----------
    Landis JR, Koch GG. Biometrics 1977;33:159-174. doi:10.2307/2529310
    """
    if kappa < 0:
        return "poor"
    return next(name for end, name in LANDIS_KOCH[1:] if kappa <= end)


def agreement_weights(categories: Sequence[Any], weights: str, *, ordered: bool) -> Floats:
    """Weight of every pair of categories: 1 for the same, 0 for the farthest apart.

    Parameters
    ----------
    categories : in order
    weights : "none", "linear" or "quadratic"
    ordered : whether the caller gave the order

    Raises
    ------
    InputError : unknown weights, or weighted words without a given order.
    """
    if weights not in {"none", "linear", "quadratic"}:
        raise InputError(f"weights are 'none', 'linear' or 'quadratic', got {weights!r}")
    if weights == "none":
        return np.eye(len(categories))
    if all(isinstance(one, int | float | np.number) for one in categories):
        at = np.array(categories, dtype=np.float64)
    elif ordered:
        at = np.arange(len(categories), dtype=np.float64)
    else:
        raise InputError(
            "weighted kappa needs the order of the categories "
            f"{', '.join(map(repr, categories))}; give it as categories="
        )
    apart = np.abs(at[:, None] - at)
    if weights == "quadratic":
        apart = apart**2
    close: Floats = 1 - apart / (apart.max() or 1.0)
    return close


def _counts(codes: NDArray[np.intp], n_categories: int) -> Floats:
    """Ratings of each subject in each category, (n, q)."""
    counts = np.zeros((len(codes), n_categories))
    np.add.at(counts, (np.arange(len(codes))[:, None], codes), 1)
    return counts
