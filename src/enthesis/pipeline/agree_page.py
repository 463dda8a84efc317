"""The page, the Bland-Altman plots and the tables of one table of ratings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from enthesis.cohort import BlandAltman, Concordance, RatedQuantity, ReliabilityStudy
from enthesis.cohort.estimates import PairStatistic, Statistic, estimates
from enthesis.report.bland_altman import bland_altman
from enthesis.report.page import Page, Picture, Section
from enthesis.report.rows import number
from enthesis.report.tables import Table, superscript

MOST_PICTURES = 40
"""Plots drawn at most: more would make a page that no browser opens gladly."""

HEADERS = {
    "what": "Quantity",
    "raters": "Raters",
    "statistic": "Statistic",
    "estimate": "Estimate",
    "lower": "CI, lower",
    "upper": "CI, upper",
    "unit": "Unit",
    "band": "Koo and Li",
    "n": "Subjects",
}

DIGITS = 3
"""Decimals of coefficients and ratios, from 0 to 2; larger numbers have fewer."""

Pictures = dict[tuple[str, str], Picture]


def agree_tables(study: ReliabilityStudy) -> list[Table]:
    """Reliability of each quantity, then agreement of each pair of its raters."""
    return [table for one in study.quantities for table in _tables(one, study.level)]


def agree_pictures(study: ReliabilityStudy) -> Pictures:
    """Quantity and pair → Bland-Altman plot, at most `MOST_PICTURES`."""
    pictures: Pictures = {}
    for one, pair, result in _limits(study):
        if len(pictures) == MOST_PICTURES:
            break
        title = f"{pair[0]} against {pair[1]}"
        ax = bland_altman(result, names=pair, unit=superscript(one.unit))
        pictures[one.name, title] = Picture.of(
            ax,
            alt=f"Bland-Altman plot of {_words(one)}, {title}: differences over means, with bias "
            "and limits of agreement",
            caption=f"{_words(one)}: {title}.",
        )
    return pictures


def agree_page(study: ReliabilityStudy, pictures: Pictures, *, provenance: dict[str, Any]) -> Page:
    """The report of one table of ratings."""
    raters = dict.fromkeys(name for one in study.quantities for name in one.raters)
    sizes = sorted({one.n_subjects for one in study.quantities})
    n = str(sizes[0]) if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    plots = sum(1 for _ in _limits(study))
    left = plots - len(pictures)
    text = (f"The first {len(pictures)} of {plots} plots are shown.",) if left else ()
    sections = [
        Section(
            title=_words(one),
            text=text if i == 0 else (),
            tables=tuple(_tables(one, study.level)),
            pictures=tuple(picture for (name, _), picture in pictures.items() if name == one.name),
        )
        for i, one in enumerate(study.quantities)
    ]
    return Page(
        title="Reliability and agreement",
        subtitle="Judged by Enthesis from a table of ratings",
        facts={
            "Raters or sessions": ", ".join(raters),
            "Subjects": n,
            "Quantities": str(len(study.quantities)),
            "Intervals": f"{100 * study.level:g}%",
        },
        sections=tuple(sections),
        provenance=provenance,
    )


def _tables(one: RatedQuantity, level: float) -> Iterator[Table]:
    percent = f"{100 * level:g}% CI"
    together = _rows(one, one.statistics, one.skipped)
    if together:
        yield _table(together, f"{_words(one)}: {_how_many(len(one.raters))} ({percent})", one)
    rows = []
    for pair in one.pairs:
        named = {"raters": pair.named(one.kind).replace(" - ", " \N{MINUS SIGN} ")}
        rows += [named | row for row in _rows(one, pair.statistics, pair.skipped)]
    if rows:
        who = str(rows[0]["raters"]) if len(one.pairs) == 1 else "pairs of raters"
        yield _table(rows, f"{_words(one)}: {who} ({percent})", one)


def _rows(
    one: RatedQuantity, statistics: tuple[Statistic | PairStatistic, ...], skipped: Any
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for statistic in statistics:
        size = statistic.n_pairs if isinstance(statistic, Concordance) else statistic.n_subjects
        notes = "; ".join(_one_line(note) for note in statistic.notes)
        numbers = estimates(statistic, one.unit)
        for shown in numbers:
            # Numbers of one result and unit are read against each other, so they print alike.
            digits = _digits(max(abs(x.value) for x in numbers if x.unit == shown.unit))
            rows.append(
                {
                    "statistic": shown.name,
                    "estimate": number(shown.value, digits),
                    "lower": number(shown.lower, digits),
                    "upper": number(shown.upper, digits),
                    "unit": superscript(shown.unit),
                    "band": shown.band,
                    "n": size,
                    "notes": notes if shown is numbers[0] else "",
                }
            )
    for name, reason in skipped.items():
        rows.append(
            {
                "statistic": name,
                "estimate": "–",
                "lower": "–",
                "upper": "–",
                "unit": "",
                "band": "",
                "n": one.n_subjects,
                "notes": f"not computed: {_one_line(reason)}",
            }
        )
    return rows


def _table(rows: list[dict[str, Any]], caption: str, one: RatedQuantity) -> Table:
    frame = pd.DataFrame(rows)
    for name in ("unit", "band"):
        if not frame[name].any():
            frame = frame.drop(columns=name)
    if "raters" in frame and len(one.pairs) == 1:
        frame = frame.drop(columns="raters")
    notes = ("Koo and Li's bands are judged on the interval.",) if "band" in frame else ()
    return Table(
        frame=frame,
        caption=caption,
        headers={name: text for name, text in HEADERS.items() if name in frame},
        flags="notes",
        notes=notes,
    )


def _limits(
    study: ReliabilityStudy,
) -> Iterator[tuple[RatedQuantity, tuple[str, str], BlandAltman]]:
    for one in study.quantities:
        for pair in one.pairs:
            for result in pair.statistics:
                if isinstance(result, BlandAltman):
                    yield one, (pair.first, pair.second), result


def _how_many(raters: int) -> str:
    return "both raters" if raters == 2 else f"all {raters} raters"


def _words(one: RatedQuantity) -> str:
    name = one.name.replace("_", " ") or "All ratings"
    return name[:1].upper() + name[1:]


def _one_line(note: str) -> str:
    # Footnotes are parted at semicolons, which sentences may hold.
    return note.replace("; ", ", ")


def _digits(value: float) -> int:
    """Decimals for numbers up to this one."""
    return DIGITS if value < 2 else 2 if value < 100 else 1
