"""The numbers of a whole dataset as a page shows them: what is missing, the spread, agreement."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import pandas as pd

from enthesis.cohort import RatedQuantity
from enthesis.cohort.estimates import estimates
from enthesis.cohort.spread import Distribution, Place
from enthesis.pipeline.batch_cohort import Cohort
from enthesis.quantities import quantity
from enthesis.report.distribution import distribution, level_rank
from enthesis.report.page import Picture, Section
from enthesis.report.rows import number
from enthesis.report.tables import Table, inside, signed, superscript

FEWEST_DRAWN = 5
"""Scans from which on distributions are drawn."""

MOST_ROWS = 60
"""Rows of a list on the page; the files have all."""

SESSIONS_NOTE = (
    "Sessions of the same subjects beside one another. Where time has passed between them, the "
    "differences hold its changes too, not the error alone."
)


def gaps(found: Cohort) -> Section | None:
    """Where values are missing, by region and level; None where none is."""
    missing = found.missing
    if missing.empty:
        return None
    levels = sorted(missing["level"].unique(), key=level_rank)
    rows = []
    for (region, side), places in missing.groupby(["region", "side"], sort=False):
        shares = dict(zip(places["level"], places["percent"], strict=True))
        rows.append(
            {"region": _region(region), "side": side}
            # A place where no scan has a value is a place that the region does not have.
            | {level: f"{shares[level]:.0f}" if level in shares else "" for level in levels}
        )
    frame = pd.DataFrame(rows)
    named = {level: level.replace("_", "–") or "Whole" for level in levels}
    return Section(
        title="What is there",
        tables=(
            Table(
                frame=frame,
                caption="Measured scans with a value, %, by region and level",
                headers={"region": "Region", "side": "Side", **named},
                notes=("Empty: no scan has a value there.",),
            ),
        ),
    )


def distributions(found: Cohort) -> list[Section]:
    """A section a quantity: how it spreads over the scans."""
    enough = [one for one in found.drawn if one.n >= FEWEST_DRAWN]
    if not enough:
        return []
    total = len(found.spread.distributions) if found.spread is not None else 0
    text = (f"The first {len(enough)} of {total}; distributions.csv has all.",)
    sections: list[Section] = []
    for name, group in groupby(enough, key=lambda one: one.quantity):
        some = tuple(group)
        label = quantity(name).label
        sections.append(
            Section(
                title=signed(label),
                text=text if not sections else (),
                pictures=tuple(map(_picture, some)),
                tables=(_medians(some, f"{signed(label)}: median and middle half"),),
            )
        )
    return sections


def _picture(one: Distribution) -> Picture:
    named = quantity(one.quantity)
    unit = f", {superscript(one.unit)}" if one.unit else ""
    region = _region(one.region)
    levels = sorted({place.level for place in one.places}, key=level_rank)
    where = f", {levels[0] or 'whole'} to {levels[-1]}" if len(levels) > 1 else ""
    return Picture.of(
        distribution(one, ylabel=f"{signed(named.label)}{unit}"),
        alt=f"{named.label} of {region.lower()}{where}: points of {one.n} scans with median and "
        "quartiles; the numbers are in the table below",
        caption=f"{region}: {signed(inside(named.label))}.",
    )


def _medians(some: tuple[Distribution, ...], caption: str) -> Table:
    decimals = quantity(some[0].quantity).decimals
    levels = sorted({place.level for one in some for place in one.places}, key=level_rank)
    rows = []
    for one in some:
        for side in dict.fromkeys(place.side for place in one.places):
            cells = {p.level: _quartiles(p, decimals) for p in one.places if p.side == side}
            rows.append(
                {"region": _region(one.region), "side": side}
                | {level: cells.get(level, "–") for level in levels}
            )
    frame = pd.DataFrame(rows)
    named = {level: level.replace("_", "–") or "Whole" for level in levels}
    if not frame["side"].any():
        frame = frame.drop(columns="side")
    unit = superscript(some[0].unit)
    return Table(
        frame=frame,
        caption=f"{caption}{f', {unit}' if unit else ''}",
        headers={
            k: v for k, v in {"region": "Region", "side": "Side", **named}.items() if k in frame
        },
    )


def _quartiles(place: Place, decimals: int) -> str:
    low, high = (number(value, decimals) for value in (place.lower, place.upper))
    return f"{number(place.median, decimals)} [{low}, {high}]"


def agreement(found: Cohort) -> Section | None:
    """How far sessions of the same subjects agree; None where there is one of each."""
    if found.agreement is None:
        return None
    order = {name: i for i, name in enumerate(one.quantity for one in found.drawn)}
    judged = sorted(found.agreement.quantities, key=lambda one: order[one.key["quantity"]])
    rows = [row for one in judged if (row := _agreed(one))]
    if not rows:
        return None
    frame = pd.DataFrame(rows).fillna("–")
    some = frame.head(MOST_ROWS)
    return Section(
        title="Agreement of sessions",
        text=(SESSIONS_NOTE,),
        tables=(
            Table(
                frame=some,
                caption=f"Intraclass correlation and error ({100 * found.agreement.level:g}% CI)",
                headers={"what": "What", "n": "Subjects"},
                notes=shown(len(some), len(frame), "agreement.csv"),
            ),
        ),
    )


def _agreed(one: RatedQuantity) -> dict[str, Any]:
    """A row: what, subjects, each ICC and the standard error of measurement."""
    row: dict[str, Any] = {}
    for statistic in one.statistics:
        for found in estimates(statistic, one.unit):
            if found.name.startswith("ICC") or found.name == "SEM, agreement":
                digits = 3 if not found.unit else quantity(str(one.key["quantity"])).decimals + 1
                value, low, high = (
                    number(v, digits) for v in (found.value, found.lower, found.upper)
                )
                row[found.name] = f"{value} [{low}, {high}]"
    return {"what": what_and_where(one.key), "n": one.n_subjects, **row} if row else {}


def findings(found: Cohort) -> Section | None:
    """How many scans have each answer; None where nothing was judged."""
    if found.findings is None:
        return None
    counts = found.findings.counts().rename(columns={"subjects": "scans"})
    some = counts.head(MOST_ROWS)
    return Section(
        title="Findings",
        text=("How many scans have each answer. None of these is a diagnosis by itself.",)
        if not any(one.answers["is_diagnosis"].any() for one in found.findings.judged)
        else ("How many scans have each answer.",),
        tables=(
            Table(
                frame=some,
                caption="Scans by criterion and answer",
                headers={"criterion": "Criterion", "scans": "Scans"},
                notes=(
                    "findings.csv has every scan's answers, what each used and what is missing.",
                    *shown(len(some), len(counts), "findings.csv"),
                ),
            ),
        ),
    )


def what_and_where(one: Mapping[Any, Any]) -> str:
    """A quantity with its unit and the place where it was measured."""
    named = quantity(str(one["quantity"]))
    where = " ".join(str(one[name]) for name in ("side", "region", "level") if one[name])
    unit = f", {superscript(named.unit)}" if named.unit else ""
    return f"{named.label}{unit}: {where.replace('_', ' ')}"


def _region(name: object) -> str:
    return str(name).replace("_", " ").capitalize()


def shown(n: int, of: int, file: str) -> tuple[str, ...]:
    """The note under a list of which only the first rows are shown."""
    return (f"{n} of {of} are shown; {file} has all.",) if n < of else ()
