"""Reports with a row per region of interest, laid out as a row per subject or visit."""

from __future__ import annotations

from typing import Any

import pandas as pd

from enthesis.errors import InputError
from enthesis.read.device_columns import column

REGION_HEADERS = frozenset({"region", "site", "roi", "bone", "scan region", "body region"})
SIDE_HEADERS = frozenset({"side", "laterality"})
VISIT = frozenset({"subject", "session", "date"})

Origins = dict[tuple[str, int], int]
"""New header and row → row of the file that the cell stood in."""


def by_visit(frame: pd.DataFrame) -> tuple[pd.DataFrame, Origins]:
    """The table with a row per visit, and where each moved cell came from.

    Parameters
    ----------
    frame : as read; where a column is headed "region" (or "site"), a row is one region of a scan:
        L1, L2, Neck, Left arm

    Returns
    -------
    The frame itself where no column is so headed. Otherwise each column that means something only
    with its region becomes one per region, "BMD (g/cm2)" to "L1 BMD (g/cm2)"; of the others each
    visit's first filled cell stays. Rows are those of the visit's first region.

    Raises
    ------
    InputError : a region that is empty, or that occurs twice in one visit.
    """
    plain = {str(name).strip().lower(): name for name in frame.columns}
    region = next((plain[name] for name in plain if name in REGION_HEADERS), None)
    if region is None:
        return frame, {}
    side = next((plain[name] for name in plain if name in SIDE_HEADERS), None)
    places = _places(frame, region, side)
    known = {name: column(str(name)) for name in frame.columns}
    keys = [name for name, one in known.items() if one.name in VISIT]
    visits = frame[keys].astype(str).agg("\t".join, axis=1) if keys else pd.Series("", frame.index)
    _refuse_twice(visits, places)
    regional = [
        name
        for name in frame.columns
        if name not in {region, side, *keys}
        and any(column(f"{place} {name}").kind == "quantity" for place in places.unique())
    ]
    kept = [name for name in frame.columns if name not in {region, side, *regional}]
    first = frame.index.to_series().groupby(visits, sort=False).first()
    wide: dict[str, Any] = {}
    for name in kept:
        wide[str(name)] = frame[name].groupby(visits, sort=False).first().set_axis(first.to_list())
    origins: Origins = {}
    for place in places.unique():
        rows = frame.index[places == place]
        target = first[visits[rows]].to_list()
        for name in regional:
            header = f"{place} {name}"
            wide[header] = frame.loc[rows, name].set_axis(target)
            origins |= {(header, int(new)): int(old) for new, old in zip(target, rows, strict=True)}
    return pd.DataFrame(wide, index=pd.Index(first.to_list(), name="row")), origins


def _places(frame: pd.DataFrame, region: str, side: str | None) -> pd.Series[str]:
    empty = frame.index[frame[region].isna()]
    if len(empty):
        raise InputError(f"row {empty[0]}, column {region!r} is empty; name the region")
    places = frame[region].astype(str).str.strip()
    if side is None:
        return places
    return (frame[side].fillna("").astype(str).str.strip() + " " + places).str.strip()


def _refuse_twice(visits: pd.Series[str], places: pd.Series[str]) -> None:
    twice = pd.DataFrame({"visit": visits, "place": places}).duplicated()
    if twice.any():
        row = twice.index[twice][0]
        raise InputError(
            f"row {row}: the region {places[row]!r} occurs twice in one visit; add a column that "
            "tells the two apart: date, session or side"
        )
