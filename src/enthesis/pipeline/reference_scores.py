"""A scan's numbers against a reference of the user's: scores, percentiles, and what has none."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from enthesis.diagnosis import (
    Population,
    ReferenceCurve,
    YoungReference,
    percentile,
    reference_curve,
    t_score,
    z_score,
)
from enthesis.errors import InputError
from enthesis.image import Image
from enthesis.pipeline.diagnose_scores import young_reference
from enthesis.pipeline.outputs import sha256
from enthesis.quantities import quantity
from enthesis.read.spreadsheets import spreadsheet
from enthesis.records import Measurement, Subject

WORDS = ("quantity", "region", "side", "level", "method", "sex", "device", "unit", "source")
"""Columns of words; those that a table does not have are empty."""

KEY = ["quantity", "region", "side", "level", "method"]
"""What names a number, as in the long table."""

UNNAMED = "the reference table"
"""A reference that names no source; the file's own name stays out of every output."""

AREAL_BMD = "areal_bmd"
"""What a table without the column `quantity` is of, as `diagnose` reads it."""

KVP = re.compile(r"(\d+(?:\.\d+)?)\s*kvp?\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """One population of a reference table.

    Parameters
    ----------
    side, method : of the numbers it is for; method is empty for whatever the only one is
    n : how many subjects it is of, as printed; empty where the table does not say
    reference : young adults, for T-scores, or a population by age, for z-scores
    """

    side: str
    method: str
    n: str
    reference: YoungReference | ReferenceCurve

    @property
    def population(self) -> Population:
        """Whom it describes."""
        return self.reference.population


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTable:
    """What a user's reference has.

    Parameters
    ----------
    norms : in the order of the table's numbers
    sha256 : hash of the file
    """

    norms: tuple[Norm, ...]
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One number against its reference.

    Parameters
    ----------
    measurement : the number
    norm : what it is held against
    value : z-score, or T-score where the norm is of young adults
    percentile : percent of that population below it
    """

    measurement: Measurement
    norm: Norm
    value: float
    percentile: float

    @property
    def is_young(self) -> bool:
        """Whether it is a T-score."""
        return isinstance(self.norm.reference, YoungReference)


@dataclass(frozen=True, slots=True, kw_only=True)
class AgainstReference:
    """A scan's numbers against a reference table.

    Parameters
    ----------
    scores : in the order of the table
    unscored : number → why it has no score, one sentence
    sha256 : of the table
    """

    scores: tuple[Score, ...]
    unscored: dict[str, str] = field(default_factory=dict)
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "sha256": self.sha256,
            "scores": [
                {
                    "quantity": one.measurement.quantity,
                    "value": one.measurement.value,
                    "unit": one.measurement.unit,
                    "region": one.measurement.region,
                    "side": one.measurement.side,
                    "level": one.measurement.level,
                    "method": one.measurement.method,
                    "score": "t" if one.is_young else "z",
                    "score_value": one.value,
                    "percentile": one.percentile,
                    "sex_of_reference": one.norm.population.sex or "",
                    "device_of_reference": one.norm.population.device,
                    "n_of_reference": one.norm.n,
                    "source": one.norm.population.source,
                    "flags": list(one.measurement.flags),
                }
                for one in self.scores
            ],
            "unscored": dict(self.unscored),
        }


def reference_table(path: Path) -> ReferenceTable:
    """A user's reference for what scans give.

    Parameters
    ----------
    path : CSV or XLSX with `region` and `mean`, `sd` or `l`, `m`, `s`, as `diagnose` reads; rows
        without `age` are young adults. `quantity` (areal BMD if not given), `side`, `level` and
        `method` name the number as the long table does; `sex`, `device`, `unit`, `n` and `source`
        where they matter

    Raises
    ------
    InputError : unreadable, columns missing, an unknown quantity, another unit than the quantity's,
        an unknown sex, or rows that make no reference, see `reference_curve`.
    """
    frame = _tidy(spreadsheet(path))
    norms = []
    groups = [*KEY, "sex", "device", "unit", "source", "is_young"]
    for key, rows in frame.groupby(groups, sort=False):
        words = dict(zip(groups, key if isinstance(key, tuple) else (key,), strict=True))
        try:
            norms.append(_norm(words, rows))
        except InputError as error:
            name = _name(*(str(words[one]) for one in KEY[:4]))
            raise InputError(f"the reference of {name}: {error}") from error
    return ReferenceTable(norms=tuple(norms), sha256=sha256(path))


def against_reference(
    measurements: Iterable[Measurement], table: ReferenceTable, *, subject: Subject, image: Image
) -> AgainstReference:
    """Scores of what the table has; where device, place, sex or age do not fit, it is said why.

    Parameters
    ----------
    measurements : of one scan
    table : the user's reference
    subject : sex and age as known
    image : the scan, which knows its device
    """
    measured = list(measurements)
    scores: list[Score] = []
    unscored: dict[str, str] = {}
    groups: dict[tuple[str, ...], list[Norm]] = {}
    for norm in table.norms:
        p = norm.population
        place = (p.quantity, p.region, norm.side, p.level, norm.method)
        groups.setdefault((*place, type(norm.reference).__name__), []).append(norm)
    for key, norms in groups.items():
        try:
            measurement = _measurement(measured, norms[0])
            scores.append(_score(measurement, norms, subject, image))
        except InputError as error:
            kind = "T" if isinstance(norms[0].reference, YoungReference) else "z"
            by = f", {norms[0].method}" if norms[0].method else ""
            unscored[f"{_name(*key[:4])}{by} ({kind})"] = str(error)
    return AgainstReference(scores=tuple(scores), unscored=unscored, sha256=table.sha256)


def measure_name(m: Measurement) -> str:
    """A number as a sentence names it: "mean attenuation of psoas major, left, L3"."""
    return _name(m.quantity, m.region, m.side, m.level)


def _name(what: str, region: str, side: str, level: str) -> str:
    parts = (f"{quantity(what).label} of {region.replace('_', ' ')}", side, level)
    return ", ".join(filter(None, parts))


def _tidy(table: pd.DataFrame) -> pd.DataFrame:
    """Columns in lower case, words without spaces around, NaN for what is empty elsewhere."""
    frame = table.rename(columns=lambda header: str(header).strip().lower())
    if "region" not in frame:
        raise InputError(
            "a reference table has the columns quantity, region, level, and mean, sd or l, m, s; "
            "'region' is missing"
        )
    for name in WORDS:
        given = frame[name] if name in frame else pd.Series("", index=frame.index)
        frame[name] = given.astype(object).fillna("").astype(str).str.strip()
    frame["sex"] = frame["sex"].str.lower()
    frame["quantity"] = frame["quantity"].replace("", AREAL_BMD)
    for name in frame.columns.difference(list(WORDS)):
        frame[name] = frame[name].replace("", np.nan)
    if "age" not in frame:
        frame["age"] = np.nan
    try:
        frame["age"] = pd.to_numeric(frame["age"])
    except (TypeError, ValueError) as error:
        raise InputError(f"ages of a reference table are numbers, in years: {error}") from None
    frame["is_young"] = frame["age"].isna()
    return frame


def _norm(words: dict[str, Any], rows: pd.DataFrame) -> Norm:
    known = quantity(words["quantity"])
    if words["unit"] not in {"", known.unit}:
        raise InputError(f"it is in {words['unit']!r}, and measured in {known.unit!r}: convert it")
    if words["sex"] not in {"", "female", "male"}:
        raise InputError(f"sex is female, male or empty, got {words['sex']!r}")
    population = Population(
        name=words["source"] or UNNAMED,
        quantity=words["quantity"],
        region=words["region"],
        level=words["level"],
        unit=known.unit,
        device=words["device"],
        sex=words["sex"] or None,
        source=words["source"],
    )
    # Of a table with both, a population by LMS has no mean, and one by mean no LMS.
    given = rows.dropna(axis="columns", how="all")
    reference: YoungReference | ReferenceCurve
    if words["is_young"]:
        reference = young_reference(given, population)
    else:
        reference = reference_curve(given.sort_values("age"), population)
    return Norm(side=words["side"], method=words["method"], n=_size(given), reference=reference)


def _size(rows: pd.DataFrame) -> str:
    """Subjects of the population; of its rows where they differ."""
    if "n" not in rows:
        return ""
    sizes = pd.to_numeric(rows["n"], errors="coerce").dropna()
    if sizes.empty:
        return ""
    low, high = sizes.min(), sizes.max()
    return f"{low:g}" if low == high else f"{low:g} to {high:g} by age"


def _measurement(measured: list[Measurement], norm: Norm) -> Measurement:
    """The one number of the scan that a norm is for."""
    p = norm.population
    alike = [m for m in measured if (m.quantity, m.region) == (p.quantity, p.region)]
    if not alike:
        raise InputError("not measured on this scan")
    here = [m for m in alike if (m.side, m.level) == (norm.side, p.level)]
    if not here:
        wanted = " ".join(filter(None, (norm.side, p.level))) or "no side and no level"
        got = dict.fromkeys(" ".join(filter(None, (m.side, m.level))) or "none" for m in alike)
        raise InputError(f"the reference is of {wanted}, the scan was measured at {', '.join(got)}")
    if norm.method:
        ways = "; ".join(dict.fromkeys(m.method for m in here))
        # A protocol's stamp follows the method's own words.
        stamped = f"{norm.method} ("
        here = [m for m in here if m.method == norm.method or m.method.startswith(stamped)]
        if not here:
            raise InputError(f"the reference is by {norm.method!r}, the scan measured by: {ways}")
    if len(here) > 1:
        got = dict.fromkeys(m.method for m in here)
        raise InputError(
            f"the scan has {len(here)} such numbers; name one in the table's column method: "
            + "; ".join(got)
        )
    if not math.isfinite(here[0].value):
        raise InputError("; ".join(("it could not be measured", *here[0].flags)))
    return here[0]


def _score(measurement: Measurement, norms: list[Norm], subject: Subject, image: Image) -> Score:
    """The score by the first norm that fits; the sentence of the nearest miss where none does."""
    reasons = []
    # A population of one sex before one of both.
    for norm in sorted(norms, key=lambda one: one.population.sex is None):
        try:
            return _scored(measurement, norm, subject, image)
        except InputError as error:
            reasons.append(str(error))
    raise InputError("; ".join(dict.fromkeys(reasons)))


def _scored(measurement: Measurement, norm: Norm, subject: Subject, image: Image) -> Score:
    reference, population = norm.reference, norm.population
    gap = _device_gap(population.device, image)
    if gap:
        raise InputError(gap)
    sex = subject.sex or population.sex
    if subject.sex is None and population.sex is not None:
        raise InputError(f"the reference is of {population.sex} subjects; the sex is not given")
    # The device has been looked at above; a population of both sexes asks for none.
    whose: Any = {"sex": sex, "device": population.device}
    if isinstance(reference, YoungReference):
        found = t_score(measurement, reference, **whose)
    elif subject.age is None:
        raise InputError("the reference is by age; the age is not given")
    else:
        found = z_score(measurement, reference, age=subject.age, **whose)
    return Score(
        measurement=measurement,
        norm=norm,
        value=found.value,
        percentile=float(percentile(found.value)),
    )


def _device_gap(wanted: str, image: Image) -> str:
    """What of a reference's device this scan is not, or does not say; empty where it fits."""
    source = image.source
    said = source.modality or ("CT" if image.quantity == "hounsfield" else "")
    volts = KVP.search(wanted)
    if volts:
        kvp = source.facts.get("kvp")
        if kvp is None:
            return f"the reference is of {wanted}; the scan does not state its tube voltage"
        if not math.isclose(float(kvp), float(volts[1]), abs_tol=0.5):
            return f"the reference is of {wanted}; the scan is of {float(kvp):g} kVp"
    maker = str(source.facts.get("manufacturer") or "")
    known = f"{said} {maker}".casefold().split()
    others = [word for word in KVP.sub(" ", wanted).split() if word.casefold() not in known]
    if others:
        got = " ".join(filter(None, (said, maker))) or "a device that it does not state"
        return f"the reference is of {wanted}; the scan is of {got}"
    return ""
