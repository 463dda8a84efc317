"""Precision of repeated measurements: RMS-SD, RMS-CV, LSC and the within-subject CV."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from enthesis.cohort.ratings import Floats, check_level, numbers
from enthesis.cohort.reliability import sd_interval
from enthesis.errors import InputError

CvMethod = Literal["rms", "log", "mean"]

ENOUGH_DF = 27
"""Degrees of freedom from which the upper 90% limit of a precision error is less than 30% above it
(Glüer et al. 1995); ISCD's 15 subjects x 3 or 30 x 2 give 30."""

FEW_DF = (
    "{df} degrees of freedom; with fewer than {enough} the precision error itself is imprecise "
    "(Glüer et al. 1995)"
)
NOT_RATIO_SCALE = (
    "a coefficient of variation needs values above zero, as on a scale with a true zero; "
    "Hounsfield units and T-scores have none"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrecisionError:
    """Short-term precision of a measurement, over subjects with repeats.

    Parameters
    ----------
    rms_sd, rms_sd_lower, rms_sd_upper : root mean square of the subjects' SDs, with its interval,
        in the unit of the measurement
    rms_cv, rms_cv_lower, rms_cv_upper : the same of the subjects' coefficients of variation,
        percent; NaN where a value is not above zero
    lsc, lsc_percent : least significant change between two single measurements at `level`; a
        change of at least this much is more than error
    df : degrees of freedom, the repeats less one summed over subjects
    level : of intervals and least significant change, 0 to 1
    n_subjects, n_measurements : that were used
    notes : what is doubtful
    """

    rms_sd: float
    rms_sd_lower: float
    rms_sd_upper: float
    rms_cv: float
    rms_cv_lower: float
    rms_cv_upper: float
    lsc: float
    lsc_percent: float
    df: int
    level: float
    n_subjects: int
    n_measurements: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class WithinSubjectCV:
    """Within-subject coefficient of variation.

    Parameters
    ----------
    method : "rms", "log" or "mean"
    estimate, ci_lower, ci_upper : percent
    df : degrees of freedom
    level : confidence level, 0 to 1
    n_subjects : with two measurements or more
    notes : what is doubtful
    """

    method: CvMethod
    estimate: float
    ci_lower: float
    ci_upper: float
    df: int
    level: float
    n_subjects: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return asdict(self)


def precision_error(repeats: ArrayLike, *, level: float = 0.95) -> PrecisionError:
    """Precision error of repeated measurements and the least significant change.

    Parameters
    ----------
    repeats : (n subjects, k repeats), NaN where a subject has fewer; a subject with one
        measurement tells nothing of precision and is left out
    level : of intervals and of the least significant change, 0 to 1

    Returns
    -------
    PrecisionError.

    Raises
    ------
    InputError : fewer than two columns, or no subject with two measurements.

    Notes
    -----
    Root mean squares, weighted by degrees of freedom where subjects have different numbers of
    repeats: the arithmetic mean of SDs underestimates the error, by up to 25% with duplicates
    (Glüer et al. 1995). RMS-CV is not RMS-SD over the grand mean. LSC = z sqrt(2) RMS-SD, 2.77
    RMS-SD at 0.95.

    References
    ----------
    Glüer CC, et al. Osteoporos Int 1995;5:262-270. doi:10.1007/BF01774016
    """
    check_level(level)
    values, notes = _repeated(repeats)
    per_subject = _df(values)
    df = int(per_subject.sum())
    rms_sd = _pooled(np.nanvar(values, axis=1, ddof=1), per_subject)
    if df < ENOUGH_DF:
        notes += (FEW_DF.format(df=df, enough=ENOUGH_DF),)
    rms_cv = np.nan
    if np.nanmin(values) > 0:
        relative = np.nanvar(values, axis=1, ddof=1) / np.nanmean(values, axis=1) ** 2
        rms_cv = 100 * _pooled(relative, per_subject)
    else:
        notes += (NOT_RATIO_SCALE,)
    two_sided = float(stats.norm.ppf((1 + level) / 2) * np.sqrt(2))
    sd_lower, sd_upper = sd_interval(rms_sd, df, level)
    cv_lower, cv_upper = sd_interval(rms_cv, df, level)
    return PrecisionError(
        rms_sd=rms_sd,
        rms_sd_lower=sd_lower,
        rms_sd_upper=sd_upper,
        rms_cv=rms_cv,
        rms_cv_lower=cv_lower,
        rms_cv_upper=cv_upper,
        lsc=two_sided * rms_sd,
        lsc_percent=two_sided * rms_cv,
        df=df,
        level=level,
        n_subjects=len(values),
        n_measurements=int(np.isfinite(values).sum()),
        notes=notes,
    )


def within_subject_cv(
    repeats: ArrayLike, *, method: CvMethod = "rms", level: float = 0.95
) -> WithinSubjectCV:
    """Within-subject coefficient of variation, percent.

    Parameters
    ----------
    repeats : (n subjects, k repeats), all above zero, NaN where a subject has fewer
    method : "rms", the root mean square of the subjects' own coefficients; "log", exp(s) - 1 of the
        within-subject SD s of logarithms, for errors in proportion to the value; "mean", the
        within-subject SD over the grand mean, which lets large values dominate
    level : confidence level, 0 to 1

    Raises
    ------
    InputError : unknown method, a value that is not above zero, or no subject with two values.

    Notes
    -----
    Intervals take the squared error for a multiple of chi-square; "mean" takes the grand mean as
    known.

    References
    ----------
    Bland JM, Altman DG. BMJ 1996;313:106. doi:10.1136/bmj.313.7049.106 (log scale)
    Glüer CC, et al. Osteoporos Int 1995;5:262-270. doi:10.1007/BF01774016 (root mean square)
    """
    check_level(level)
    values, notes = _repeated(repeats)
    smallest = float(np.nanmin(values))
    if smallest <= 0:
        raise InputError(f"{NOT_RATIO_SCALE}; got {smallest:g}")
    per_subject = _df(values)
    df = int(per_subject.sum())
    if method == "rms":
        means = np.nanmean(values, axis=1)
        s = _pooled(np.nanvar(values, axis=1, ddof=1) / means**2, per_subject)
    elif method == "log":
        s = _pooled(np.nanvar(np.log(values), axis=1, ddof=1), per_subject)
    elif method == "mean":
        s = _pooled(np.nanvar(values, axis=1, ddof=1), per_subject) / float(np.nanmean(values))
    else:
        raise InputError(f"method is 'rms', 'log' or 'mean', got {method!r}")
    spread = s, *sd_interval(s, df, level)
    estimate, lower, upper = (100 * float(np.expm1(x) if method == "log" else x) for x in spread)
    return WithinSubjectCV(
        method=method,
        estimate=estimate,
        ci_lower=lower,
        ci_upper=upper,
        df=df,
        level=level,
        n_subjects=len(values),
        notes=notes,
    )


def _repeated(repeats: ArrayLike) -> tuple[Floats, tuple[str, ...]]:
    """Subjects with two measurements or more, and a note on those left out."""
    values = numbers(repeats)
    enough = np.isfinite(values).sum(axis=1) >= 2
    if not enough.any():
        raise InputError(
            f"none of the {len(values)} subjects has two measurements; precision needs repeats"
        )
    alone = int((~enough).sum())
    notes = (
        (f"{alone} of {len(values)} subjects have fewer than two measurements",) if alone else ()
    )
    return values[enough], notes


def _df(values: Floats) -> Floats:
    degrees: Floats = np.isfinite(values).sum(axis=1) - 1.0
    return degrees


def _pooled(variances: Floats, df: Floats) -> float:
    """Root of the mean of variances, weighted by their degrees of freedom."""
    return float(np.sqrt(np.average(variances, weights=df)))
