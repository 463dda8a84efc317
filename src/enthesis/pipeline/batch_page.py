"""The page of a whole dataset: which scans failed, which stand off, and a list of all."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis.cohort.spread import FEWEST, OUTLYING
from enthesis.pipeline.batch_cohort import Cohort
from enthesis.pipeline.batch_numbers import (
    MOST_ROWS,
    agreement,
    distributions,
    findings,
    gaps,
    shown,
    what_and_where,
)
from enthesis.pipeline.batch_task import DONE
from enthesis.quantities import quantity
from enthesis.report.page import Page, Section, write
from enthesis.report.rows import number
from enthesis.report.tables import Table, signed

SCANS_A_PAGE = 500
"""Scans listed on one page; more get pages of their own."""

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
        gaps(found),
        *distributions(found),
        agreement(found),
        findings(found),
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
    done = cases["status"].isin(DONE)
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
    failed = int((~cases["status"].isin(DONE)).sum())
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
    failed = cases.loc[~cases["status"].isin(DONE)]
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
                notes=shown(len(frame), len(failed), "cases.csv"),
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
                "what": what_and_where(one),
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
                notes=shown(len(frame), len(worst), "outliers.csv"),
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
        done = part["status"].isin(DONE)
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
    done = cases["status"].isin(DONE)
    frame = frame.assign(page=(up + cases["folder"] + "/report.html").where(done, ""))
    for name in ("session", "reason"):
        if not frame[name].astype(bool).any():
            frame = frame.drop(columns=name)
    return Table(frame=frame, caption=caption, headers=_headers(frame), links="page")


def _headers(frame: pd.DataFrame) -> dict[str, str]:
    return {name: text for name, text in SCAN_HEADERS.items() if name in frame}
