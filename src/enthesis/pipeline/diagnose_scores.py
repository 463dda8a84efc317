"""T- and Z-scores for criteria, worked out of areal BMD by NHANES III or the user's reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from enthesis.bone import bmd_on_scale_of
from enthesis.bone.standardised_bmd import Maker
from enthesis.diagnosis import (
    NHANES_III,
    Population,
    ReferenceCurve,
    YoungReference,
    reference_curve,
)
from enthesis.errors import InputError
from enthesis.read.device_columns import Column
from enthesis.records import Measurement

REFERENCE_SCANNER: Maker = "Hologic"
"""On whose scale NHANES III was measured."""

REGIONS = ("lumbar_spine", "total_hip", "femoral_neck", "radius_33")
"""Sites whose T-scores criteria read."""

COLUMNS = "region, mean, sd and, where they matter, sex and age"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """By what areal BMD becomes a score.

    Parameters
    ----------
    young : region → sex, "" for everybody → young adults, for T-scores
    by_age : region → sex → a population by age, for Z-scores
    scanner : maker of the scanner, whose BMD is put on the reference's scale; None where the
        reference is on the scanner's own
    """

    young: dict[str, dict[str, YoungReference]] = field(default_factory=dict)
    by_age: dict[str, dict[str, ReferenceCurve]] = field(default_factory=dict)
    scanner: Maker | None = None


def nhanes_iii(scanner: str) -> Scores:
    """T-scores of femoral neck and total hip by NHANES III, women's for everybody (ISCD).

    Parameters
    ----------
    scanner : maker of the device: "hologic", "lunar" or "norland"

    Raises
    ------
    InputError : another maker.

    References
    ----------
    Looker AC et al. Osteoporos Int 1998;8:468-489. doi:10.1007/s001980050093
    """
    known: dict[str, Maker] = {name.lower(): name for name in get_args(Maker)}
    if scanner.lower() not in known:
        raise InputError(f"the scanner is one of {', '.join(known)}, got {scanner!r}")
    young = {region: {"": reference} for region, reference in NHANES_III.items()}
    return Scores(young=young, scanner=known[scanner.lower()])


def user_scores(table: pd.DataFrame, *, name: str) -> Scores:
    """T- and Z-scores by a reference of the user's, on the scale of the user's own scanner.

    Parameters
    ----------
    table : region, mean and sd in g/cm2, or region, l, m and s; sex where it matters. Rows without
        an age are young adults, for T-scores; rows with one a population by age, for Z-scores
    name : of the reference, for the findings

    Raises
    ------
    InputError : columns missing, an unknown region or sex, or several young means of one sex.
    """
    frame = table.rename(columns=lambda header: str(header).strip().lower())
    if "region" not in frame:
        raise InputError(f"a reference table has the columns {COLUMNS}; 'region' is missing")
    for column in ("sex", "age"):
        if column not in frame:
            frame[column] = np.nan
    frame["sex"] = frame["sex"].astype(object).fillna("").astype(str).str.strip().str.lower()
    frame["age"] = pd.to_numeric(frame["age"])
    found = Scores()
    for (region, sex, has_age), rows in frame.groupby(["region", "sex", frame["age"].notna()]):
        population = _population(str(region), str(sex), name)
        if has_age:
            curve = reference_curve(rows.sort_values("age"), population)
            found.by_age.setdefault(str(region), {})[str(sex)] = curve
            continue
        found.young.setdefault(str(region), {})[str(sex)] = young_reference(rows, population)
    return found


def young_reference(rows: pd.DataFrame, population: Population) -> YoungReference:
    """Young adults from the one row without an age that a table has of them.

    Parameters
    ----------
    rows : with mean and sd, or l, m and s, see `reference_curve`
    population : whom they describe

    Raises
    ------
    InputError : more rows than one, or what makes no reference.
    """
    if len(rows) > 1:
        raise InputError(
            f"{population.name} has {len(rows)} rows of {population.region} without an age; "
            "keep one"
        )
    # A curve of one age is read by the same checks as one of many.
    return reference_curve(rows.assign(age=0.0), population).young(age=0.0)


def with_scores(
    table: pd.DataFrame, columns: Sequence[Column], scores: Scores
) -> tuple[pd.DataFrame, dict[str, str]]:
    """The table with scores of every site that has areal BMD and none, and what to say of each.

    Parameters
    ----------
    table : by our names, in our units
    columns : what its columns hold
    scores : by what

    Returns
    -------
    The table, and score → flag. A site of which the table has a score of that kind on any side is
    left alone. A subject whose sex or age the reference does not cover has no score.
    """
    made: dict[str, NDArray[np.float64]] = {}
    said: dict[str, str] = {}
    sites = [one for one in columns if one.quantity == "areal_bmd" and one.region in REGIONS]
    for one in sites:
        bmd = _on_scale(one, table[one.name].to_numpy(dtype=float), scores.scanner)
        for kind, values, whose in (
            ("t_score", *_young(bmd, table, scores.young.get(one.region, {}))),
            ("z_score", *_by_age(bmd, table, scores.by_age.get(one.region, {}))),
        ):
            given = any(str(name).startswith(f"{kind}_{one.region}") for name in table.columns)
            if whose and not given:
                made["_".join(filter(None, (kind, one.region, one.side)))] = values
                said[f"{kind}_{one.region}"] = _flag(kind, one.region, whose, scores.scanner)
    return table.assign(**made), said


def _population(region: str, sex: str, name: str) -> Population:
    if region not in REGIONS:
        raise InputError(f"{name}: the region is one of {', '.join(REGIONS)}, got {region!r}")
    if sex not in {"", "female", "male"}:
        raise InputError(f"{name}: sex is female, male or empty, got {sex!r}")
    return Population(
        name=name,
        quantity="areal_bmd",
        region=region,
        unit="g/cm2",
        device="the table's own",
        sex="female" if sex == "female" else "male" if sex == "male" else None,
        source=name,
    )


def _on_scale(
    one: Column, values: NDArray[np.float64], scanner: Maker | None
) -> NDArray[np.float64]:
    """Densities on the scale of NHANES III, where they were measured on another."""
    if scanner is None or scanner == REFERENCE_SCANNER:
        return values
    found = np.full(values.shape, np.nan)
    for row in np.flatnonzero(values > 0):
        measured = Measurement(quantity="areal_bmd", value=float(values[row]), region=one.region)
        moved = bmd_on_scale_of(measured, maker=scanner, wanted=REFERENCE_SCANNER)
        found[row] = moved.value
    return found


def _young(
    bmd: NDArray[np.float64], table: pd.DataFrame, of_sex: dict[str, YoungReference]
) -> tuple[NDArray[np.float64], str]:
    found = np.full(bmd.shape, np.nan)
    for sex, reference in of_sex.items():
        concerned = _of(table, sex)
        found[concerned] = reference.score(bmd[concerned])
    return found, next((one.population.name for one in of_sex.values()), "")


def _by_age(
    bmd: NDArray[np.float64], table: pd.DataFrame, of_sex: dict[str, ReferenceCurve]
) -> tuple[NDArray[np.float64], str]:
    found = np.full(bmd.shape, np.nan)
    if "age" not in table:
        return found, ""
    age = table["age"].to_numpy(dtype=float)
    for sex, curve in of_sex.items():
        concerned = _of(table, sex)
        found[concerned] = curve.score(bmd[concerned], age[concerned])
    return found, next((one.population.name for one in of_sex.values()), "")


def _of(table: pd.DataFrame, sex: str) -> NDArray[np.bool_]:
    """Rows of one sex, or all of them."""
    if not sex:
        return np.ones(len(table), dtype=np.bool_)
    if "sex" not in table:
        return np.zeros(len(table), dtype=np.bool_)
    return np.asarray(table["sex"] == sex)


def _flag(kind: str, region: str, whose: str, scanner: Maker | None) -> str:
    moved = ""
    if scanner is not None and scanner != REFERENCE_SCANNER:
        moved = f", put from {scanner}'s scale on {REFERENCE_SCANNER}'s"
    score = "T-score" if kind == "t_score" else "Z-score"
    return f"{score} of the {region.replace('_', ' ')} worked out of its BMD by {whose}{moved}"
