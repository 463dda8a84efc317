"""From a table of densitometry visits to changes, each beside the least that is more than error."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from enthesis.bone import bmd_change, evaluable_vertebrae, lumbar_bmd
from enthesis.bone.dxa import FEWEST_VERTEBRAE, SPINE_LEVELS, EvaluableSpine
from enthesis.cohort import PrecisionError, precision_error
from enthesis.errors import InputError
from enthesis.read.device_columns import Column
from enthesis.read.device_values import DeviceValues
from enthesis.records import Measurement

DAYS_PER_YEAR = 365.25

FROM_FIRST, FROM_PREVIOUS = "first", "previous"
"""Visit that a change is measured from."""

TWO_DEVICES = "two devices: calibrate one against the other before a change is read"

CONTENT, AREA, T_SCORE = "bone_mineral_content", "projected_area", "t_score"


@dataclass(frozen=True, slots=True, kw_only=True)
class SitePrecision:
    """Precision of one site, from repeats.

    Parameters
    ----------
    site : region, level and side, as in the names of columns
    vertebrae : of the lumbar spine that were taken together, else ""
    error : precision error, with its least significant change
    """

    site: str
    vertebrae: str
    error: PrecisionError


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DxaChanges:
    """Changes between visits.

    Parameters
    ----------
    changes : a row per subject, site and later visit, from the first visit and from the one before
    precision : of each site and set of vertebrae that a change was judged by
    notes : what is doubtful of the table as a whole
    """

    changes: pd.DataFrame
    precision: tuple[SitePrecision, ...]
    notes: tuple[str, ...] = ()

    def precision_frame(self) -> pd.DataFrame:
        """A row per site and set of vertebrae."""
        return pd.DataFrame(
            [
                {"site": one.site, "vertebrae": one.vertebrae}
                | {name: value for name, value in asdict(one.error).items() if name != "notes"}
                | {"notes": "; ".join(one.error.notes)}
                for one in self.precision
            ]
        )


def dxa_changes(
    visits: DeviceValues, *, repeats: DeviceValues | None = None, level: float = 0.95
) -> DxaChanges:
    """Change of areal BMD between the visits of each subject.

    Parameters
    ----------
    visits : a row per visit: subject; date, years or age; areal BMD by site. With mineral content
        and area of L1 to L4 the spine is worked out of the vertebrae that count at every visit of
        the subject (by their T-scores, where those are given); device, where it changed
    repeats : a row per scan of the centre's own precision study, two or more of each subject, with
        the same columns; without it no change can be told from error
    level : of confidence of the least significant change

    Returns
    -------
    DxaChanges.

    Raises
    ------
    InputError : no subject, no time, no areal BMD, a cell that cannot be, a date that is none, or
        two visits of a subject at one time.

    References
    ----------
    ISCD Adult Official Positions 2019 and 2023: change and precision in g/cm2, by one set of
    vertebrae.
    """
    table = visits.checked().table
    if "subject" not in table:
        raise InputError("a table of visits needs the column 'subject'")
    times = _times(table)
    study = _Precision(repeats.checked() if repeats is not None else None, level)
    sites = [one for one in visits.columns if one.quantity == "areal_bmd"]
    by_vertebra = _has_vertebrae(visits)
    if by_vertebra:
        sites = [one for one in sites if (one.region, one.level) != ("lumbar_spine", "")]
    if not sites and not by_vertebra:
        raise InputError("no column holds areal BMD, as 'Total hip BMD (g/cm2)'")
    rows: list[dict[str, Any]] = []
    for subject, own in table.groupby(table["subject"].astype(str), sort=False):
        years = times[own.index].sort_values(kind="stable")
        _refuse_one_time(str(subject), years)
        own = own.loc[years.index]
        series = [(_site(one), "", _of_site(own, one)) for one in sites]
        if by_vertebra:
            series.append(_of_spine(own))
        for site, vertebrae, measured in series:
            rows += _changes(
                measured, years, own, study=study, named=(str(subject), site, vertebrae)
            )
    return DxaChanges(
        changes=pd.DataFrame(rows, columns=list(CHANGE_COLUMNS)),
        precision=tuple(study.found.values()),
        notes=study.notes,
    )


CHANGE_COLUMNS = (
    "subject",
    "site",
    "vertebrae",
    "from_visit",
    "from_row",
    "to_row",
    "years",
    "first",
    "last",
    "change",
    "percent",
    "per_year",
    "percent_per_year",
    "lsc",
    "significant",
    "flags",
)
"""Columns of the changes; densities in g/cm2, rows as the file counts them."""


class _Precision:
    """Precision errors of a centre, worked out once for each site and set of vertebrae."""

    def __init__(self, repeats: DeviceValues | None, level: float) -> None:
        self.repeats = repeats
        self.level = level
        self.found: dict[tuple[str, str], SitePrecision] = {}
        self.notes: tuple[str, ...] = ()
        if repeats is None:
            self.notes = ("no repeats were given: no change can be told from error",)
        elif "subject" not in repeats.table:
            raise InputError("a table of repeats needs the column 'subject'")

    def lsc(self, site: str, vertebrae: str) -> float | None:
        """Least significant change of a site, or None without repeats of it."""
        if (site, vertebrae) not in self.found:
            values = self._values(site, vertebrae)
            if values is None:
                return None
            by_subject = values.groupby(values.index)
            widest = int(by_subject.size().max())
            if widest < 2:
                raise InputError("the table of repeats has one scan of each subject; give two")
            matrix = np.full((by_subject.ngroups, widest), np.nan)
            for place, (_, own) in enumerate(by_subject):
                matrix[place, : len(own)] = own
            error = precision_error(matrix, level=self.level)
            self.found[site, vertebrae] = SitePrecision(site=site, vertebrae=vertebrae, error=error)
        return self.found[site, vertebrae].error.lsc

    def _values(self, site: str, vertebrae: str) -> pd.Series[float] | None:
        if self.repeats is None:
            return None
        table = self.repeats.table
        subjects = table["subject"].astype(str)
        if vertebrae:
            if not _has_vertebrae(self.repeats):
                return None
            levels = vertebrae.split(", ")
            content, area = (
                table[[f"{of}_vertebra_{level}" for level in levels]].sum(axis=1, skipna=False)
                for of in (CONTENT, AREA)
            )
            return pd.Series((content / area).to_numpy(), index=subjects).dropna()
        name = f"areal_bmd_{site}"
        if name not in table:
            return None
        return pd.Series(table[name].to_numpy(dtype=float), index=subjects).dropna()


def _times(table: pd.DataFrame) -> pd.Series[float]:
    """Years of each row, from any beginning."""
    if "date" in table:
        days = pd.to_datetime(table["date"].astype(str), errors="coerce", format="ISO8601")
        wrong = days.index[days.isna()]
        if len(wrong):
            raise InputError(
                f"row {wrong[0]}, column 'date': {table['date'][wrong[0]]!r} is no date; write "
                "2024-05-31"
            )
        return (days - days.min()).dt.days / DAYS_PER_YEAR
    for name in ("years", "age"):
        if name in table:
            missing = table.index[table[name].isna()]
            if len(missing):
                raise InputError(f"row {missing[0]}, column {name!r} is empty; when was the visit?")
            return table[name].astype(float)
    raise InputError("a table of visits needs the column 'date', 'years' or 'age'")


def _refuse_one_time(subject: str, years: pd.Series[float]) -> None:
    doubled = years.index[years.duplicated()]
    if len(doubled):
        raise InputError(
            f"subject {subject!r} has two visits at one time (row {doubled[0]}); repeats of one "
            "visit are averaged, or stand in the table of repeats"
        )


def _site(one: Column) -> str:
    return "_".join(filter(None, (one.region, one.level, one.side)))


def _of_site(own: pd.DataFrame, one: Column) -> list[Measurement | None]:
    return [
        None
        if np.isnan(value)
        else Measurement(
            quantity="areal_bmd",
            value=float(value),
            region=one.region,
            side=one.side,
            level=one.level,
        )
        for value in own[one.name].astype(float)
    ]


def _has_vertebrae(values: DeviceValues) -> bool:
    """Whether mineral content and area of all of L1 to L4 are there."""
    return all(
        f"{of}_vertebra_{level}" in values.table for of in (CONTENT, AREA) for level in SPINE_LEVELS
    )


def _of_spine(own: pd.DataFrame) -> tuple[str, str, list[Measurement | None]]:
    """The spine at each visit, of the vertebrae that count at all of them."""
    spines = [_spine(row) for _, row in own.iterrows()]
    scanned = [spine for spine in spines if spine is not None]
    common = [level for level in SPINE_LEVELS if all(level in one.levels for one in scanned)]
    excluded = {
        level: next(one.excluded[level] for one in scanned if level in one.excluded)
        for level in SPINE_LEVELS
        if level not in common and scanned
    }
    if not scanned or len(common) < FEWEST_VERTEBRAE:
        return "lumbar_spine", ", ".join(common), [None] * len(own)
    spine = EvaluableSpine(levels=tuple(common), excluded=excluded, usable=True)
    measured = [
        None if one is None else lumbar_bmd(_vertebrae(row), spine=spine)
        for one, (_, row) in zip(spines, own.iterrows(), strict=True)
    ]
    return "lumbar_spine", ", ".join(common), measured


def _spine(row: pd.Series[Any]) -> EvaluableSpine | None:
    """Vertebrae that count at one visit; None where none was scanned."""
    there = {m.level for m in _vertebrae(row) if m.quantity == AREA}
    there &= {m.level for m in _vertebrae(row) if m.quantity == CONTENT}
    if not there:
        return None
    scores = {level: row.get(f"{T_SCORE}_vertebra_{level}", np.nan) for level in there}
    if all(np.isnan(score) for score in scores.values()):
        # Without scores no vertebra is out of line.
        scores = dict.fromkeys(there, 0.0)
    return evaluable_vertebrae(scores)


def _vertebrae(row: pd.Series[Any]) -> list[Measurement]:
    return [
        Measurement(quantity=of, value=float(value), region="vertebra", level=level)
        for of in (CONTENT, AREA)
        for level in SPINE_LEVELS
        if not np.isnan(value := row.get(f"{of}_vertebra_{level}", np.nan))
    ]


def _changes(
    measured: Sequence[Measurement | None],
    years: pd.Series[float],
    own: pd.DataFrame,
    *,
    study: _Precision,
    named: tuple[str, str, str],
) -> list[dict[str, Any]]:
    """Each later visit against the first and, from the third on, against the one before."""
    there = [(place, one) for place, one in enumerate(measured) if one is not None]
    pairs = [(there[0], later, FROM_FIRST) for later in there[1:]]
    pairs += [(*pair, FROM_PREVIOUS) for pair in itertools.pairwise(there[1:])]
    subject, site, vertebrae = named
    rows = []
    for (start, first), (end, last), basis in sorted(pairs, key=lambda pair: pair[1][0]):
        two_devices = "device" in own and own["device"].iloc[start] != own["device"].iloc[end]
        change = bmd_change(
            first,
            last,
            years=float(years.iloc[end] - years.iloc[start]),
            lsc=None if two_devices else study.lsc(site, vertebrae),
        )
        told = change.to_dict()
        flags = (TWO_DEVICES, *change.flags[:-1]) if two_devices else change.flags
        rows.append(
            {"subject": subject, "site": site, "vertebrae": vertebrae, "from_visit": basis}
            | {"from_row": int(own.index[start]), "to_row": int(own.index[end])}
            | {name: told[name] for name in CHANGE_COLUMNS if name in told and name != "flags"}
            | {"flags": "; ".join(flags)}
        )
    return rows
