"""A review's files: records imported and deduplicated, the flow drawn, sheets turned to effects."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from enthesis import read, review
from enthesis.errors import InputError
from enthesis.pipeline.extraction import extracted_effects
from enthesis.pipeline.outputs import json_text, output_folder, provenance
from enthesis.report.figures import png, svg
from enthesis.report.page import Picture
from enthesis.report.prisma import prisma_diagram
from enthesis.report.risk_of_bias import bias_summary, traffic_lights

PRINT_DPI = 300
"""Pixels per inch of a figure for a journal."""

UNIQUE_FILE = "unique.csv"
PAIRS_FILE = "pairs.csv"
REMOVED_FILE = "removed.csv"
"""What deduplication leaves beside the library: records to screen, pairs to look at, what went."""


def import_search(
    file: Path,
    *,
    library: Path,
    database: str,
    date: str,
    query: str,
    limits: str = "",
    hits: int | None = None,
) -> review.Library:
    """Add one exported search to the library in a folder.

    Parameters
    ----------
    file : export of the database
    library : folder; made if it is not there
    database, date, query, limits, hits : as in `review.Search`

    Raises
    ------
    InputError : an unreadable export, or one that was imported before; the library stays as it was.
    """
    records = review.read_records(file, database=database)
    whole = review.add_search(
        review.read_library(library), records, date=date, query=query, limits=limits, hits=hits
    )
    review.write_library(whole, library)
    return whole


def deduplicate_library(library: Path) -> review.Deduplication:
    """Deduplicate the library in a folder and write unique.csv, pairs.csv and removed.csv there.

    Decisions that people wrote into the column `decision` of pairs.csv ("duplicate" or "distinct"
    in place of "review") are kept.

    Raises
    ------
    InputError : no library, or a decision that is none.
    """
    records = review.read_library(library).records
    if not len(records):
        raise InputError(f"there is no library in {library}; import a search first")
    pairs = library / PAIRS_FILE
    decided = None
    if pairs.exists():
        before = pd.read_csv(pairs, dtype=str, keep_default_na=False)
        known = set(records["record"])
        # What the rules had decided, they decide again; people's words are kept.
        own = (before["rule"] == "person") | (before["decision"] != before["by_rule"])
        decided = before[own & before["record"].isin(known) & before["other"].isin(known)]
    # What was to be screened before keeps its identifier: decisions hang on it.
    screened = unique_records(library)["record"] if (library / UNIQUE_FILE).exists() else ()
    found = review.deduplicate(records, decided=decided, screened=screened)
    titles = records.set_index("record")["title"]
    shown = found.pairs.assign(
        by_rule=found.pairs["decision"],
        record_title=found.pairs["record"].map(titles),
        other_title=found.pairs["other"].map(titles),
    )
    for name, frame in (
        (UNIQUE_FILE, found.records),
        (PAIRS_FILE, shown),
        (REMOVED_FILE, found.removed),
    ):
        _write(frame, library / name)
    return found


def unique_records(library: Path) -> pd.DataFrame:
    """The deduplicated records of a library, to be screened.

    Raises
    ------
    InputError : the library is not deduplicated.
    """
    path = library / UNIQUE_FILE
    if not path.exists():
        raise InputError(f"{library} has no {UNIQUE_FILE}; deduplicate the library first")
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def write_flow(flow: review.Flow, output: Path, *, inputs: Mapping[str, Path]) -> None:
    """Write prisma.svg, prisma.png, prisma.csv, an empty checklist.csv and provenance.json.

    Parameters
    ----------
    flow : checked counts
    output : folder
    inputs : role → file or folder that the counts come from
    """
    with output_folder(output) as folder:
        figure = Picture.of(prisma_diagram(flow), alt="PRISMA 2020 flow").figure
        (folder / "prisma.svg").write_bytes(svg(figure))
        (folder / "prisma.png").write_bytes(png(figure, dpi=PRINT_DPI))
        flow.to_frame().to_csv(folder / "prisma.csv", index=False)
        review.prisma_checklist().to_csv(folder / "checklist.csv", index=False)
        record = provenance("review flow", inputs=inputs, options={})
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")


def read_flow(path: Path) -> review.Flow:
    """The flow whose counts a TOML file gives under the names of `review.Flow`.

    Raises
    ------
    InputError : unreadable, unknown or missing names, or counts that do not add up.
    """
    try:
        counts: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"cannot read counts from {path.name!r}: {error}") from error
    return flow_of_counts(counts, source=repr(path.name))


def flow_of_counts(counts: Mapping[str, Any], *, source: str) -> review.Flow:
    """The flow of counts under the names of `review.Flow`.

    Parameters
    ----------
    counts : of every box
    source : what gives them, for messages

    Raises
    ------
    InputError : unknown or missing names, or counts that do not add up.
    """
    known = review.Flow.__dataclass_fields__
    unknown = [name for name in counts if name not in known]
    if unknown:
        raise InputError(f"{source} has no box {unknown[0]!r}; known are {', '.join(known)}")
    try:
        return review.Flow(**counts)
    except TypeError as error:
        raise InputError(f"{source} lacks counts: {error}") from error


def write_rating_form(
    output: Path, *, studies: Sequence[str], instrument: str, rater: str
) -> pd.DataFrame:
    """Write an empty form for one rater of risk of bias, a row per study and item.

    Raises
    ------
    InputError : an unknown instrument.
    """
    form = review.rating_form(studies, instrument, rater=rater)
    _write(form, output)
    return form


def write_appraisal(
    ratings: Sequence[Path],
    output: Path,
    *,
    instrument: str,
    bands: tuple[float, float] | None = None,
) -> review.Appraisal:
    """Write the figures of risk of bias, settled answers, disagreements and agreement by item.

    Parameters
    ----------
    ratings : forms filled in by the raters, CSV or XLSX, together or apart
    output : folder
    instrument, bands : as in `review.appraise`

    Raises
    ------
    InputError : a form's problem, by its row; nothing is written.
    """
    table = pd.concat([read.spreadsheet(path) for path in ratings], ignore_index=True)
    found = review.appraise(table, instrument, bands=bands)
    settled = found.answers.reset_index()
    if found.overall:
        settled["overall"] = settled["study"].map(dict(found.overall))
    with output_folder(output) as folder:
        for name, drawn in (
            ("risk_of_bias", traffic_lights(found)),
            ("risk_of_bias_summary", bias_summary(found)),
        ):
            figure = Picture.of(drawn, alt=name).figure
            (folder / f"{name}.svg").write_bytes(svg(figure))
            (folder / f"{name}.png").write_bytes(png(figure, dpi=PRINT_DPI))
        settled.to_csv(folder / "settled.csv", index=False)
        found.disagreements.to_csv(folder / "disagreements.csv", index=False)
        found.by_item.to_csv(folder / "agreement.csv", index=False)
        inputs = {f"ratings_{i}": path for i, path in enumerate(ratings, start=1)}
        record = provenance("review appraise", inputs=inputs, options={"instrument": instrument})
        (folder / "provenance.json").write_text(json_text(record), encoding="utf-8")
    return found


def write_effects(
    sheet: Path,
    output: Path,
    *,
    measure: str = "SMD",
    side_correlation: float | None = None,
    reconstruct: tuple[str, ...] = (),
) -> pd.DataFrame:
    """Turn an extraction sheet into a CSV of effects.

    Parameters
    ----------
    sheet : .csv or .xlsx
    output : .csv
    measure, side_correlation, reconstruct : as in `extracted_effects`

    Raises
    ------
    InputError : the sheet's problems, each with its row; nothing is written.
    """
    effects = extracted_effects(
        review.read_extraction(sheet),
        measure=measure,
        side_correlation=side_correlation,
        reconstruct=reconstruct,
    )
    _write(effects, output)
    return effects


def write_differences(first: Path, second: Path, output: Path) -> pd.DataFrame:
    """Write where two extraction sheets differ, with a column for the third person's decision."""
    found = review.differences(review.read_extraction(first), review.read_extraction(second))
    _write(found, output)
    return found


def export_screening(
    screening: review.Screening, output: Path, *, program: str, stage: str
) -> pd.DataFrame:
    """Write a screening as ASReview or Rayyan reads it.

    Raises
    ------
    InputError : another program.
    """
    tables: dict[str, Callable[..., pd.DataFrame]] = {
        "asreview": review.asreview_table,
        "rayyan": review.rayyan_table,
    }
    if program not in tables:
        raise InputError(f"a screening goes to {' or '.join(tables)}, not to {program!r}")
    table = tables[program](screening, stage)
    _write(table, output)
    return table


def ranked_records(screening: review.Screening) -> pd.DataFrame:
    """Unscreened records by title and abstract, the most likely relevant first, with their titles.

    Raises
    ------
    InputError : no settled decisions of both kinds to learn from.
    """
    records = screening.records()
    status = screening.status("title_abstract")
    settled = status[status["outcome"].isin(["included", "excluded"])]
    included = settled["outcome"] == "included"
    decided = dict(zip(settled["record"].astype(str), included.astype(bool), strict=True))
    ranked = review.rank(records, decided)
    open_records = set(status["record"][status["outcome"] == "unscreened"])
    ranked = ranked[ranked["record"].isin(open_records)].reset_index(drop=True)
    return ranked.assign(title=ranked["record"].map(records.set_index("record")["title"]))


def _write(table: pd.DataFrame, path: Path) -> None:
    """Write beside the file, then rename: never half a file."""
    if not path.parent.is_dir():
        raise InputError(f"there is no folder {str(path.parent)!r} to write into")
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    try:
        table.to_csv(partial, index=False)
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
