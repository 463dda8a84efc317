"""Reliability of a measurement: intraclass correlation, its error and its smallest real change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from enthesis.cohort.ratings import Floats, check_level, complete, negligible, numbers
from enthesis.errors import InputError

IccForm = Literal["ICC(1,1)", "ICC(2,1)", "ICC(3,1)", "ICC(1,k)", "ICC(2,k)", "ICC(3,k)"]
ErrorKind = Literal["one-way", "agreement", "consistency"]

ICC_FORMS: dict[IccForm, str] = {
    "ICC(1,1)": "one-way random, single rating",
    "ICC(2,1)": "two-way random, absolute agreement, single rating",
    "ICC(3,1)": "two-way mixed, consistency, single rating",
    "ICC(1,k)": "one-way random, mean of k ratings",
    "ICC(2,k)": "two-way random, absolute agreement, mean of k ratings",
    "ICC(3,k)": "two-way mixed, consistency, mean of k ratings",
}
"""Shrout and Fleiss's names, with McGraw and Wong's words."""

KOO_LI = ((0.5, "poor"), (0.75, "moderate"), (0.9, "good"), (np.inf, "excellent"))
"""Upper ends, excluded, and names of Koo and Li's bands of reliability (2016,
doi:10.1016/j.jcm.2016.02.012): 0.75 itself is good, 0.9 itself is excellent."""

NEGATIVE = (
    "the estimate is negative: subjects differ less than ratings of one subject do, so the "
    "measurement does not tell these subjects apart"
)
IDENTICAL = "all raters gave every subject the same value: the interval has no width"
FEW = "{n} subjects and {k} raters; Koo and Li (2016) advise at least 30 and 3"
ENOUGH_SUBJECTS, ENOUGH_RATERS = 30, 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ICC:
    """An intraclass correlation coefficient.

    Parameters
    ----------
    form : Shrout and Fleiss's name, a key of `ICC_FORMS`
    model : what the form assumes, in words
    estimate, ci_lower, ci_upper : may be negative; never clipped
    level : confidence level, 0 to 1
    f, df1, df2, p_value : F test that the coefficient is zero
    band : Koo and Li's words for the interval, e.g. "moderate to excellent": their advice
    band_of_estimate : Koo and Li's word for the estimate alone, as many papers print it
    n_subjects, n_raters : that were used
    notes : what is doubtful
    """

    form: IccForm
    model: str
    estimate: float
    ci_lower: float
    ci_upper: float
    level: float
    f: float
    df1: float
    df2: float
    p_value: float
    band: str
    band_of_estimate: str
    n_subjects: int
    n_raters: int
    notes: tuple[str, ...] = ()

    def summary(self) -> str:
        """One line, as a paper prints it."""
        return (
            f"{self.form} = {self.estimate:.3f} ({100 * self.level:g}% CI {self.ci_lower:.3f} to "
            f"{self.ci_upper:.3f}; {self.band}), {self.n_subjects} subjects, "
            f"{self.n_raters} raters"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasurementError:
    """How far one rating lies from what it measures, in the unit of the ratings.

    Parameters
    ----------
    kind : "one-way", "agreement" (with the raters' own shifts) or "consistency" (without)
    sem, sem_lower, sem_upper : standard error of measurement with its interval
    sdc : smallest change between two ratings of one subject that is more than error, at `level`
    sdc_of_mean : the same for the mean of the n subjects, `sdc` / sqrt(n)
    df : degrees of freedom of the error; Satterthwaite's where two mean squares are joined
    level : of the interval and of the smallest change, 0 to 1
    n_subjects, n_raters : that were used
    notes : what is doubtful
    """

    kind: ErrorKind
    sem: float
    sem_lower: float
    sem_upper: float
    sdc: float
    sdc_of_mean: float
    df: float
    level: float
    n_subjects: int
    n_raters: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class MeanSquares:
    """Analysis of variance of subjects by raters, one rating a cell.

    Parameters
    ----------
    rows, columns, error, within : mean squares of subjects, raters, the residual, and of
        everything within subjects
    n, k : subjects and raters
    """

    rows: float
    columns: float
    error: float
    within: float
    n: int
    k: int


def icc(ratings: ArrayLike, *, form: IccForm, level: float = 0.95) -> ICC:
    """Intraclass correlation with its F-based interval.

    Parameters
    ----------
    ratings : (n subjects, k raters or sessions); subjects with a NaN are left out
    form : ICC(1,.) when each subject has its own raters, ICC(2,.) when the raters stand for all
        possible ones and their shifts count, ICC(3,.) when only these raters matter and shifts do
        not; (.,1) for the reliability of one rating, (.,k) of the mean of k. There is no default,
        because they answer different questions
    level : confidence level, 0 to 1

    Returns
    -------
    ICC. Koo and Li's bands are judged on the interval, and on the estimate beside it.

    Raises
    ------
    InputError : unknown form, fewer than two raters or complete subjects, or constant ratings.

    Notes
    -----
    Intervals of ICC(2,.) use Satterthwaite's degrees of freedom (McGraw and Wong 1996, table 7);
    the others are exact under the model.

    References
    ----------
    Shrout PE, Fleiss JL. Psychol Bull 1979;86:420-428. doi:10.1037/0033-2909.86.2.420
    McGraw KO, Wong SP. Psychol Methods 1996;1:30-46. doi:10.1037/1082-989X.1.1.30
    Koo TK, Li MY. J Chiropr Med 2016;15:155-163. doi:10.1016/j.jcm.2016.02.012
    """
    if form not in ICC_FORMS:
        raise InputError(f"no ICC form named {form!r}; known are: {', '.join(ICC_FORMS)}")
    check_level(level)
    values, notes = complete(numbers(ratings))
    ms = mean_squares(values)
    if ms.rows == 0 and ms.within == 0:
        raise InputError(
            f"every rating is {values[0, 0]:g}: where subjects do not differ, a reliability "
            "cannot be estimated; use the precision error instead"
        )
    model, unit = form[4], form[6]  # "ICC(2,k)": the two characters inside
    if ms.rows == 0 and ms.error == 0 and model == "3":
        raise InputError(
            "the raters differ by the same in every subject, and the subjects do not differ: a "
            "reliability cannot be estimated; use the precision error instead"
        )
    single, df2 = _SINGLE[model](ms, level)
    estimate, lower, upper = (_stepped_up(r, ms.k) if unit == "k" else r for r in single)
    residual = ms.within if model == "1" else ms.error
    f = ms.rows / residual if residual else np.inf
    if estimate < 0:
        notes += (NEGATIVE,)
    if ms.within == 0:
        notes += (IDENTICAL,)
    if ms.n < ENOUGH_SUBJECTS or ms.k < ENOUGH_RATERS:
        notes += (FEW.format(n=ms.n, k=ms.k),)
    return ICC(
        form=form,
        model=ICC_FORMS[form],
        estimate=estimate,
        ci_lower=lower,
        ci_upper=upper,
        level=level,
        f=f,
        df1=float(ms.n - 1),
        df2=df2,
        p_value=float(stats.f.sf(f, ms.n - 1, df2)),
        band=koo_li_interval(lower, upper),
        band_of_estimate=koo_li(estimate),
        n_subjects=ms.n,
        n_raters=ms.k,
        notes=notes,
    )


def koo_li(value: float) -> str:
    """Koo and Li's word for one coefficient: poor, moderate, good or excellent."""
    return next(name for end, name in KOO_LI if value < end)


def koo_li_interval(lower: float, upper: float) -> str:
    """Koo and Li's words for an interval: the band of its lower end, and of its upper if another.

    References
    ----------
    Koo TK, Li MY. J Chiropr Med 2016;15:155-163. doi:10.1016/j.jcm.2016.02.012
    """
    low, high = koo_li(lower), koo_li(upper)
    return low if low == high else f"{low} to {high}"


def measurement_error(
    ratings: ArrayLike, *, kind: ErrorKind = "agreement", level: float = 0.95
) -> MeasurementError:
    """Standard error of measurement and smallest detectable change.

    Parameters
    ----------
    ratings : (n subjects, k raters or sessions); subjects with a NaN are left out
    kind : "agreement" counts the raters' shifts against each other as error, as does ICC(2,1);
        "consistency" does not, as ICC(3,1); "one-way" takes all that varies within a subject, as
        ICC(1,1)
    level : of the interval and of the smallest detectable change, 0 to 1

    Returns
    -------
    MeasurementError, in the unit of the ratings. SDC = z sqrt(2) SEM, known as MDC95 at 0.95.

    Raises
    ------
    InputError : unknown kind, or fewer than two raters or complete subjects.

    Notes
    -----
    Not the standard error of a mean. SEM² is MSE (consistency), MSE + (MSC - MSE) / n (agreement)
    or MSW (one-way), of which the last two are one number with other degrees of freedom. The
    interval takes it for a multiple of chi-square, exact where it is one mean square and
    Satterthwaite's approximation where it is two.

    References
    ----------
    de Vet HCW, et al. J Clin Epidemiol 2006;59:1033-1039. doi:10.1016/j.jclinepi.2005.10.015
    Satterthwaite FE. Biometrics Bull 1946;2:110-114. doi:10.2307/3002019
    """
    check_level(level)
    values, notes = complete(numbers(ratings))
    ms = mean_squares(values)
    residual_df = (ms.n - 1) * (ms.k - 1)
    if kind == "consistency":
        variance, df = ms.error, float(residual_df)
    elif kind == "one-way":
        variance, df = ms.within, float(ms.n * (ms.k - 1))
    elif kind == "agreement":
        parts = [(ms.columns / ms.n, ms.k - 1), (ms.error * (1 - 1 / ms.n), residual_df)]
        variance = sum(part for part, _ in parts)
        spread = sum(part**2 / df for part, df in parts)
        df = variance**2 / spread if spread else float(residual_df)
    else:
        raise InputError(f"kind of error is 'agreement', 'consistency' or 'one-way', got {kind!r}")
    sem = float(np.sqrt(variance))
    lower, upper = sd_interval(sem, df, level)
    sdc = float(stats.norm.ppf((1 + level) / 2) * np.sqrt(2) * sem)
    return MeasurementError(
        kind=kind,
        sem=sem,
        sem_lower=lower,
        sem_upper=upper,
        sdc=sdc,
        sdc_of_mean=sdc / float(np.sqrt(ms.n)),
        df=df,
        level=level,
        n_subjects=ms.n,
        n_raters=ms.k,
        notes=notes,
    )


def mean_squares(values: Floats) -> MeanSquares:
    """Analysis of variance of complete ratings, (n, k)."""
    n, k = values.shape
    centred = values - values.mean()
    rows, columns = centred.mean(axis=1), centred.mean(axis=0)
    squares = {
        "rows": k * float(rows @ rows),
        "columns": n * float(columns @ columns),
        "error": float(((centred - rows[:, None] - columns) ** 2).sum()),
    }
    # What rounding leaves of nothing would turn perfect agreement into a quotient of noise.
    squares = {name: 0.0 if negligible(ss, values) else ss for name, ss in squares.items()}
    return MeanSquares(
        rows=squares["rows"] / (n - 1),
        columns=squares["columns"] / (k - 1),
        error=squares["error"] / ((n - 1) * (k - 1)),
        within=(squares["columns"] + squares["error"]) / (n * (k - 1)),
        n=n,
        k=k,
    )


def sd_interval(sd: float, df: float, level: float) -> tuple[float, float]:
    """Interval of a standard deviation whose square is a multiple of chi-square."""
    tail = (1 - level) / 2
    upper, lower = stats.chi2.ppf([tail, 1 - tail], df)
    return float(sd * np.sqrt(df / lower)), float(sd * np.sqrt(df / upper))


_Single = tuple[tuple[float, float, float], float]


def _one_way(ms: MeanSquares, level: float) -> _Single:
    """Estimate, limits and residual df of ICC(1,1)."""
    df = float(ms.n * (ms.k - 1))
    return _from_f(ms, ms.within, df, level), df


def _consistency(ms: MeanSquares, level: float) -> _Single:
    """Estimate, limits and residual df of ICC(3,1)."""
    df = float((ms.n - 1) * (ms.k - 1))
    return _from_f(ms, ms.error, df, level), df


def _from_f(
    ms: MeanSquares, residual: float, df: float, level: float
) -> tuple[float, float, float]:
    # Multiplied out, so that a residual of zero gives one instead of a division by zero.
    tail = (1 - level) / 2
    at_lower = residual * stats.f.isf(tail, ms.n - 1, df)
    at_upper = residual / stats.f.isf(tail, df, ms.n - 1)
    estimate, lower, upper = (
        float((ms.rows - r) / (ms.rows + (ms.k - 1) * r)) for r in (residual, at_lower, at_upper)
    )
    return estimate, lower, upper


def _agreement(ms: MeanSquares, level: float) -> _Single:
    """Estimate, limits and df of the F test of ICC(2,1); McGraw and Wong 1996, table 7."""
    n, k = ms.n, ms.k
    shift = k * (ms.columns - ms.error) / n
    r = (ms.rows - ms.error) / (ms.rows + (k - 1) * ms.error + shift)
    # a and b of the table, both times (1 - r), which their quotient does not notice.
    a, b = k * r / n, 1 - r + k * r * (n - 1) / n
    df = float((n - 1) * (k - 1))
    spread = (a * ms.columns) ** 2 / (k - 1) + (b * ms.error) ** 2 / df
    v = (a * ms.columns + b * ms.error) ** 2 / spread if spread else df
    # A negative estimate can drive the two terms to cancel; the table gives no interval there.
    v = max(v, 1.0)
    tail = (1 - level) / 2
    below, above = stats.f.isf(tail, n - 1, v), stats.f.isf(tail, v, n - 1)
    mixed = k * ms.columns + (k * n - k - n) * ms.error
    lower = n * (ms.rows - below * ms.error) / (below * mixed + n * ms.rows)
    upper = n * (above * ms.rows - ms.error) / (mixed + n * above * ms.rows)
    return (float(r), float(lower), float(upper)), df


_SINGLE: dict[str, Callable[[MeanSquares, float], _Single]] = {
    "1": _one_way,
    "2": _agreement,
    "3": _consistency,
}


def _stepped_up(single: float, k: int) -> float:
    """Reliability of the mean of k ratings from that of one (Spearman and Brown).

    McGraw and Wong's limits of the average forms are this of the limits of the single forms.
    """
    return k * single / (1 + (k - 1) * single) if (k - 1) * single > -1 else -np.inf
