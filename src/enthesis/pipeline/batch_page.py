"""The page of a whole dataset: what failed, what stands off, what is missing, how it spreads."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis.cohort import RatedQuantity
from enthesis.cohort.estimates import estimates
from enthesis.cohort.spread import FEWEST, OUTLYING, Distribution, Place
from enthesis.pipeline.batch_cohort import Cohort
from enthesis.quantities import quantity
from enthesis.report.distribution import distribution, level_rank
from enthesis.report.page import Page, Picture, Section, write
from enthesis.report.rows import number
from enthesis.report.tables import Table, inside, signed, superscript

FEWEST_DRAWN = 5
"""Scans from which on distributions are drawn."""

MOST_ROWS = 60
"""Rows of a list on the page; the files have all."""

SCANS_A_PAGE = 500
"""Scans listed on one page; more get pages of their own."""

SESSIONS_NOTE = (
    "Sessions of the same subjects beside one another. Where time has passed between them, the "
    "differences hold its changes too, not the error alone."
)

STANDS_OFF = (
    "A number stands off where its robust z, 0.6745 (value − median) / MAD, is beyond "
    f"±{OUTLYING:g} (Iglewicz and Hoaglin 1993), among {FEWEST} values or more. Look at the "
    "pictures: it may be the labels, the scan or the person."
)

SCAN_HEADERS = {
    "scan": "Scan",
    "subject": "Subject",
    "session": "Session",
    "status": "Status",
    "reason": "Reason",
    "measurements": "Numbers",
    "outlying": "Outlying",
    "seconds": "Time, s",
    "peak_mb": "Memory, MB",
}


def write_cohort_page(
    folder: Path, cases: pd.DataFrame, found: Cohort, *, provenance: Mapping[str, Any]
) -> None:
    """Write ``index.html``, and ``scans/`` where the scans do not fit on it.

    Parameters
    ----------
    folder : where to write
    cases : a row per scan
    found : what the table says of them
    provenance : of the whole batch
    """
    n_outlying = _outlying_counts(found)
    listed = cases.assign(outlying=cases["scan"].map(n_outlying).fillna(0).astype(int))
    sections = [
        _doubts(cases, found, n_outlying),
        _failures(cases),
        _outliers(cases, found),
        _gaps(found),
        *_distributions(found),
        _agreement(found),
        _findings(found),
        _scans(listed, folder),
    ]
    write(
        Page(
            title="Muscle and bone of a cohort",
            subtitle="Measured by Enthesis, scan by scan",
            facts=_facts(cases, provenance),
            sections=tuple(section for section in sections if section is not None),
            provenance=provenance,
        ),
        folder / "index.html",
    )


def _facts(cases: pd.DataFrame, provenance: Mapping[str, Any]) -> dict[str, str]:
    done = cases["status"].isin(["measured", "kept"])
    rules = provenance["options"]["protocol"]
    return {
        "Scans": str(len(cases)),
        "Measured": str(int(done.sum())),
        "Not measured": str(int((~done).sum())),
        "Subjects": str(cases.loc[done, "subject"].nunique()),
        "Numbers": str(int(cases.loc[done, "measurements"].sum())),
        "Protocol": f"{rules['title'] or rules['name']} ({rules['sha256'][:12]})"
        if rules
        else "the usual rules",
    }


def _doubts(cases: pd.DataFrame, found: Cohort, n_outlying: pd.Series[int]) -> Section | None:
    failed = int((~cases["status"].isin(["measured", "kept"])).sum())
    text = []
    if failed:
        text.append(f"{failed} of {len(cases)} scans were not measured; each is listed below.")
    if len(n_outlying):
        text.append(
            f"{len(n_outlying)} scans have numbers far from those of the others; they are listed, "
            "those with most first."
        )
    text += [f"{note[:1].upper()}{note[1:]}." for note in found.notes]
    return Section(title="To check first", text=tuple(text)) if text else None


def _failures(cases: pd.DataFrame) -> Section | None:
    failed = cases.loc[~cases["status"].isin(["measured", "kept"])]
    if failed.empty:
        return None
    counts = failed["status"].value_counts()
    said = "; ".join(f"{status} {n}" for status, n in counts.items())
    frame = failed[["scan", "subject", "session", "status", "reason"]].head(MOST_ROWS)
    return Section(
        title="Scans without measurements",
        text=(f"{signed(said)}. The same command with --dry-run says which file a number is.",),
        tables=(
            Table(
                frame=frame,
                caption="What was wrong with them",
                headers=_headers(frame),
                notes=_shown(len(frame), len(failed), "cases.csv"),
            ),
        ),
    )


def _outlying_counts(found: Cohort) -> pd.Series[int]:
    if found.spread is None:
        return pd.Series(dtype=int)
    return found.spread.outliers.groupby("scan").size()


def _outliers(cases: pd.DataFrame, found: Cohort) -> Section | None:
    if found.spread is None or found.spread.outliers.empty:
        return None
    far = found.spread.outliers
    n, folders = _outlying_counts(found), cases.set_index("scan")["folder"]
    # Sorted by distance, so each scan's first row is its farthest. Wrong labels put many numbers
    # off at once, so the scans with most come first.
    worst = far.drop_duplicates("scan").assign(n=lambda frame: frame["scan"].map(n))
    worst = worst.sort_values("n", ascending=False, kind="stable")
    frame = pd.DataFrame(
        [
            {
                "scan": one["scan"],
                "subject": str(one["subject"]),
                "session": str(one["session"]),
                "n": one["n"],
                "what": _what(one),
                "value": number(one["value"], quantity(str(one["quantity"])).decimals),
                "median": number(one["median"], quantity(str(one["quantity"])).decimals),
                "z": number(one["robust_z"], 1),
                "page": f"{folders[one['scan']]}/report.html",
            }
            for one in worst.head(MOST_ROWS).to_dict("records")
        ]
    )
    return Section(
        title="Scans that stand off",
        text=(STANDS_OFF,),
        tables=(
            Table(
                frame=frame,
                caption="By how many numbers stand off; a scan's number leads to its pictures",
                headers={
                    **_headers(frame),
                    "n": "Outlying",
                    "what": "Farthest",
                    "value": "Value",
                    "median": "Median of all",
                    "z": "Robust z",
                },
                links="page",
                notes=_shown(len(frame), len(worst), "outliers.csv"),
            ),
        ),
    )


def _what(one: Mapping[Any, Any]) -> str:
    named = quantity(str(one["quantity"]))
    where = " ".join(str(one[name]) for name in ("side", "region", "level") if one[name])
    unit = f", {superscript(named.unit)}" if named.unit else ""
    return f"{named.label}{unit}: {where.replace('_', ' ')}"


def _gaps(found: Cohort) -> Section | None:
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


def _distributions(found: Cohort) -> list[Section]:
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


def _agreement(found: Cohort) -> Section | None:
    if found.agreement is None:
        return None
    order = {name: i for i, name in enumerate(one.quantity for one in found.drawn)}
    judged = sorted(found.agreement.quantities, key=lambda one: order[one.key["quantity"]])
    rows = [row for one in judged if (row := _agreed(one))]
    if not rows:
        return None
    frame = pd.DataFrame(rows).fillna("–")
    shown = frame.head(MOST_ROWS)
    return Section(
        title="Agreement of sessions",
        text=(SESSIONS_NOTE,),
        tables=(
            Table(
                frame=shown,
                caption=f"Intraclass correlation and error ({100 * found.agreement.level:g}% CI)",
                headers={"what": "What", "n": "Subjects"},
                notes=_shown(len(shown), len(frame), "agreement.csv"),
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
    return {"what": _what(one.key), "n": one.n_subjects, **row} if row else {}


def _findings(found: Cohort) -> Section | None:
    if found.findings is None:
        return None
    counts = found.findings.counts().rename(columns={"subjects": "scans"})
    shown = counts.head(MOST_ROWS)
    return Section(
        title="Findings",
        text=("How many scans have each answer. None of these is a diagnosis by itself.",)
        if not any(one.answers["is_diagnosis"].any() for one in found.findings.judged)
        else ("How many scans have each answer.",),
        tables=(
            Table(
                frame=shown,
                caption="Scans by criterion and answer",
                headers={"criterion": "Criterion", "scans": "Scans"},
                notes=(
                    "findings.csv has every scan's answers, what each used and what is missing.",
                    *_shown(len(shown), len(counts), "findings.csv"),
                ),
            ),
        ),
    )


def _scans(cases: pd.DataFrame, folder: Path) -> Section:
    if len(cases) <= SCANS_A_PAGE:
        return Section(title="All scans", tables=(_scan_table(cases, "Scans", up=""),))
    pages = folder / "scans"
    pages.mkdir()
    rows = []
    for first in range(0, len(cases), SCANS_A_PAGE):
        part = cases.iloc[first : first + SCANS_A_PAGE]
        span = f"{part['scan'].iloc[0]} to {part['scan'].iloc[-1]}"
        name = f"{first // SCANS_A_PAGE + 1:05d}.html"
        table = _scan_table(part, f"Scans {span}", up="../")
        write(
            Page(title=f"Scans {span}", sections=(Section(title="Scans", tables=(table,)),)),
            pages / name,
        )
        done = part["status"].isin(["measured", "kept"])
        rows.append(
            {
                "scans": span,
                "measured": int(done.sum()),
                "failed": int((~done).sum()),
                "outlying": int((part["outlying"] > 0).sum()),
                "page": f"scans/{name}",
            }
        )
    table = Table(
        frame=pd.DataFrame(rows),
        caption=f"Lists of {SCANS_A_PAGE} scans",
        headers={
            "scans": "Scans",
            "measured": "Measured",
            "failed": "Not measured",
            "outlying": "With outlying numbers",
        },
        links="page",
    )
    return Section(title="All scans", tables=(table,))


def _scan_table(cases: pd.DataFrame, caption: str, *, up: str) -> Table:
    frame = cases.drop(columns="folder")
    done = cases["status"].isin(["measured", "kept"])
    frame = frame.assign(page=(up + cases["folder"] + "/report.html").where(done, ""))
    for name in ("session", "reason"):
        if not frame[name].astype(bool).any():
            frame = frame.drop(columns=name)
    return Table(frame=frame, caption=caption, headers=_headers(frame), links="page")


def _headers(frame: pd.DataFrame) -> dict[str, str]:
    return {name: text for name, text in SCAN_HEADERS.items() if name in frame}


def _region(name: object) -> str:
    return str(name).replace("_", " ").capitalize()


def _shown(n: int, of: int, file: str) -> tuple[str, ...]:
    return (f"{n} of {of} are shown; {file} has all.",) if n < of else ()
