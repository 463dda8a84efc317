"""A scan's numbers against a reference, on the page."""

from __future__ import annotations

import pandas as pd

from enthesis.diagnosis import ReferenceCurve
from enthesis.pipeline.reference_scores import AgainstReference, Score, measure_name
from enthesis.quantities import quantity
from enthesis.records import Measurement
from enthesis.report.page import Picture, Section
from enthesis.report.reference_plot import reference_plot, reference_words, whom
from enthesis.report.rows import number
from enthesis.report.tables import Table, signed, superscript

WHAT_THEY_ARE = (
    "Each number by the reference table given. z: distance from the median of the subject's age "
    "and sex, in SD; T: from young adults. Percentile: percent of that population below. By the "
    "LMS method (Cole and Green 1992, doi:10.1002/sim.4780111005); with a mean and an SD it is "
    "the plain (value − mean) / SD. A score says how usual a number is; it is not a "
    "diagnosis, and the WHO's classes are of T-scores of areal BMD alone."
)


def reference_section(against: AgainstReference, *, age: float | None) -> Section:
    """Scores, a figure of each number with a curve, and what has no score and why."""
    pictures = tuple(
        _picture(one, one.norm.reference, age)
        for one in against.scores
        if age is not None and isinstance(one.norm.reference, ReferenceCurve)
    )
    return Section(
        title="Against the reference",
        text=(WHAT_THEY_ARE,),
        pictures=pictures,
        tables=tuple(reference_tables(against)),
    )


def reference_tables(against: AgainstReference) -> list[Table]:
    """The scores, and the numbers of the reference without one."""
    tables = []
    if against.scores:
        tables.append(_scores(against.scores))
    if against.unscored:
        frame = pd.DataFrame(
            [(signed(name), signed(why)) for name, why in against.unscored.items()],
            columns=["name", "why"],
        )
        tables.append(
            Table(
                frame=frame,
                caption="In the reference, without a score",
                headers={"name": "Measure", "why": "Why"},
            )
        )
    return tables


def _scores(scores: tuple[Score, ...]) -> Table:
    rows = []
    for one in scores:
        m = one.measurement
        rows.append(
            {
                "name": measure_name(m),
                "value": _value(m),
                "kind": "T" if one.is_young else "z",
                "score": number(one.value),
                "percentile": number(one.percentile, 1),
                "of": whom(one.norm.reference),
                "flags": "; ".join(m.flags),
            }
        )
    return Table(
        frame=pd.DataFrame(rows),
        caption="Scores by the reference",
        headers={
            "name": "Measure",
            "value": "Value",
            "kind": "Score",
            "score": "SD",
            "percentile": "Percentile",
            "of": "Reference",
        },
        flags="flags",
        notes=tuple(
            dict.fromkeys(reference_words(one.norm.reference, n=one.norm.n) for one in scores)
        ),
    )


def _picture(score: Score, curve: ReferenceCurve, age: float) -> Picture:
    m, known = score.measurement, quantity(score.measurement.quantity)
    unit = superscript(m.unit)
    said = (
        f"{_value(m)} at {number(age, 0 if age == round(age) else 1)} years, "
        f"z = {number(score.value)}, percentile {number(score.percentile, 1)}"
    )
    words = reference_words(curve, n=score.norm.n)
    return Picture.of(
        reference_plot(
            curve,
            age=age,
            value=m.value,
            ylabel=signed(known.label) + (f", {unit}" if unit else ""),
            n=score.norm.n,
        ),
        alt=f"{measure_name(m)} over age: median and bands of 1 and 2 SD of the reference with the "
        f"subject's point, {said}. {words}",
        caption=f"{measure_name(m)}: {said}.",
    )


def _value(m: Measurement) -> str:
    """A number with its unit."""
    return f"{number(m.value, quantity(m.quantity).decimals)} {superscript(m.unit)}".strip()
